// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash

import (
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// A feature is a flag in the form that Unleash's server-side clients evaluate. It is on
// if it is enabled and one of its strategies holds; the first that does decides which
// variant is served. Without strategies it is on for everyone.
type feature struct {
	Name           string     `json:"name"`
	Type           string     `json:"type"`
	Enabled        bool       `json:"enabled"`
	Stale          bool       `json:"stale"`
	ImpressionData bool       `json:"impressionData"`
	CreatedAt      time.Time  `json:"createdAt,omitzero"`
	Strategies     []strategy `json:"strategies"`
	Variants       []struct{} `json:"variants"` // always empty: strategies have theirs
}

// A strategy holds if all its constraints do.
type strategy struct {
	Name        string            `json:"name"`
	Parameters  map[string]string `json:"parameters"`
	Constraints []constraint      `json:"constraints"`
	Segments    []int             `json:"segments"` // always empty: constraints stand in their place
	Variants    []featureVariant  `json:"variants,omitempty"`
}

// A featureVariant is the only one of its strategy.
type featureVariant struct {
	Name       string   `json:"name"`
	Weight     int      `json:"weight"`
	WeightType string   `json:"weightType"`
	Stickiness string   `json:"stickiness"`
	Payload    *payload `json:"payload"`
}

// A constraint holds if a field of the context matches one of the values.
type constraint struct {
	ContextName     string   `json:"contextName"`
	Operator        string   `json:"operator"`
	Values          []string `json:"values"`
	CaseInsensitive bool     `json:"caseInsensitive"`
	Inverted        bool     `json:"inverted"`
}

// newFeature returns a feature without strategies.
func newFeature(name string, enabled bool, created time.Time) feature {
	return feature{
		Name: name, Type: "release", Enabled: enabled, CreatedAt: created,
		Strategies: []strategy{}, Variants: []struct{}{},
	}
}

// newStrategy returns a strategy of a feature that serves a variant. A boolean variant
// has no counterpart in Unleash: there the feature is on, and that is all.
func newStrategy(feature string, constraints []constraint, v *targeting.Variant) strategy {
	s := strategy{
		Name:        "default",
		Parameters:  map[string]string{"groupId": feature}, // the Go client needs it where there are variants
		Constraints: constraints,
		Segments:    []int{},
	}
	if s.Constraints == nil {
		s.Constraints = []constraint{}
	}
	if v.Value.Kind() != targeting.KindBool {
		const all = 1000 // in thousandths
		s.Variants = []featureVariant{{Name: v.Name, Weight: all, WeightType: "variable", Stickiness: "default", Payload: payloadOf(v.Value)}}
	}
	return s
}
