// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash

import (
	"maps"
	"net/http"
	"slices"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/targeting"
)

// A toggle is a flag that is on for a context.
type toggle struct {
	Name           string  `json:"name"`
	Enabled        bool    `json:"enabled"`
	ImpressionData bool    `json:"impressionData"`
	Variant        variant `json:"variant"`
}

// A variant is what a flag serves. A boolean flag has none in Unleash's terms, and serves
// "disabled".
type variant struct {
	Name           string   `json:"name"`
	Enabled        bool     `json:"enabled"`
	FeatureEnabled bool     `json:"feature_enabled"`
	Payload        *payload `json:"payload,omitempty"`
}

// A payload is the value of a variant, as text.
type payload struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// payloadOf returns a value as Unleash's clients take it.
func payloadOf(v targeting.Value) *payload {
	if text, ok := v.AsText(); ok {
		return &payload{"string", text}
	}
	switch v.Kind() {
	case targeting.KindInt, targeting.KindFloat:
		return &payload{"number", v.String()}
	}
	return &payload{"json", v.String()}
}

func frontendByQuery(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	return frontend(w, r, call, queryContext(r.URL.Query()))
}

func frontendByBody(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	context, err := bodyContext(r.Body)
	if err != nil {
		return err
	}
	return frontend(w, r, call, context)
}

// frontend answers with the flags that are on for a context, sorted by name. A flag that
// cannot be evaluated is not on.
func frontend(w http.ResponseWriter, r *http.Request, call *access.Call, context []targeting.Member) error {
	env, err := call.TokenEnvironment()
	if err != nil {
		return err
	}
	toggles, err := togglesOf(r, env, question(context))
	if err != nil {
		return err
	}
	text, err := encode(struct {
		Toggles []toggle `json:"toggles"`
	}{toggles})
	if err != nil {
		return err
	}
	answer(w, r, text, tagOf(text))
	return nil
}

func togglesOf(r *http.Request, env *environment.Environment, q environment.Question) ([]toggle, error) {
	evaluations, err := env.EvaluateAll(r.Context(), q)
	if err != nil {
		return nil, err
	}
	toggles := []toggle{} // an empty list, not null
	for _, name := range slices.Sorted(maps.Keys(evaluations)) {
		e := evaluations[name]
		if e.Err != nil || !e.Enabled {
			continue
		}
		t := toggle{Name: name, Enabled: true, Variant: variant{Name: "disabled", FeatureEnabled: true}}
		if e.Value.Kind() != targeting.KindBool {
			t.Variant = variant{Name: e.Variant, Enabled: true, FeatureEnabled: true, Payload: payloadOf(e.Value)}
		}
		toggles = append(toggles, t)
	}
	return toggles, nil
}
