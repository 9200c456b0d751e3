// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// item returns a flag as the six methods show it. The Python client needs every
// field but the created date.
func item(f *store.Flag) *featureflagstore.FeatureFlagStoreItem {
	clientData := featureflagstore.JSON(f.ClientData)
	if clientData == "" {
		clientData = "{}"
	}
	bucketer := featureflagstore.JSON(f.Bucketer.JSON())
	meta := &featureflagstore.FeatureFlagStoreMeta{
		ClientData: &clientData,
		Conditions: make([]featureflagstore.Condition, len(f.Conditions)),
		Bucketer:   &bucketer,
	}
	if !f.Created.IsZero() {
		seconds := f.Created.Unix()
		meta.CreatedDate = &seconds
	}
	for i, c := range f.Conditions {
		meta.Conditions[i] = condition(c)
	}
	name, enabled := f.Name, f.Enabled
	return &featureflagstore.FeatureFlagStoreItem{FeatureName: &name, IsEnabled: &enabled, Meta: meta}
}

func condition(c carta.Condition) featureflagstore.Condition {
	checks := featureflagstore.Condition{}
	for _, check := range c.Checks() {
		value := featureflagstore.JSON(check.ValueJSON())
		// The Python client needs the struct, and for equality no symbol in it.
		operator := &featureflagstore.ConditionOperator{}
		if check.Operator != carta.OpEqual {
			symbol := check.Operator.String()
			operator.Symbol = &symbol
		}
		variable := check.Variable
		checks[variable] = append(checks[variable],
			&featureflagstore.ConditionCheck{Variable: &variable, Value: &value, Operator: operator})
	}
	return checks
}

// readMeta returns the change of a flag that sets its meta. now is when a ramp
// without a start begins.
func readMeta(meta *featureflagstore.FeatureFlagStoreMeta, now time.Time) (func(*store.Flag) error, error) {
	if meta == nil {
		meta = &featureflagstore.FeatureFlagStoreMeta{}
	}
	clientData, err := readClientData(meta.ClientData)
	if err != nil {
		return nil, err
	}
	conditions := make([]carta.Condition, len(meta.Conditions))
	for i, c := range meta.Conditions {
		if conditions[i], err = readCondition(c); err != nil {
			return nil, fmt.Errorf("conditions: element %d: %w", i, err)
		}
	}
	bucketer, err := readBucketer(meta.Bucketer, now)
	if err != nil {
		return nil, err
	}
	return func(f *store.Flag) error {
		f.Conditions, f.Bucketer = conditions, bucketer
		if err := f.SetClientData(clientData); err != nil {
			return err
		}
		if meta.CreatedDate != nil {
			f.Created = time.Unix(*meta.CreatedDate, 0).UTC()
		}
		return nil
	}, nil
}

// readClientData takes any JSON, as the Python stores do: a client that changes
// something else sends back what it found. Nothing, null and the empty text stand
// for none.
func readClientData(text *featureflagstore.JSON) (targeting.JSON, error) {
	if text == nil || *text == "" {
		return "", nil
	}
	v, err := targeting.ParseJSON(targeting.JSON(*text))
	if err != nil {
		return "", fmt.Errorf("client_data: %w", err)
	}
	if v.Kind() == targeting.KindNull {
		return "", nil
	}
	return targeting.JSON(*text), nil
}

func readBucketer(text *featureflagstore.JSON, now time.Time) (carta.Bucketer, error) {
	if text == nil || *text == "" {
		return carta.NoBucketer(), nil
	}
	b, err := carta.ParseBucketer(targeting.JSON(*text), now)
	if err != nil || b.IsNoOp() {
		return b, err
	}
	// A ramp stored without a start would begin anew at every read. It is one if
	// it depends on when it is read.
	canonical := b.AppendCanonical(nil)
	later, err := carta.ParseBucketer(targeting.JSON(*text), now.Add(time.Hour))
	if err == nil && string(later.AppendCanonical(nil)) != string(canonical) {
		return carta.ParseBucketer(targeting.JSON(canonical), now)
	}
	return b, err
}

// readCondition goes by way of the stored form, which keeps the texts of values
// and reads check keys as the Python client does. The wire gives no order to
// variables, so they are sorted.
func readCondition(c featureflagstore.Condition) (carta.Condition, error) {
	text := []byte{'{'}
	for i, variable := range slices.Sorted(maps.Keys(c)) {
		if i > 0 {
			text = append(text, ", "...)
		}
		if !utf8.ValidString(variable) {
			return carta.Condition{}, invalidf("variable: %q is not valid UTF-8", variable)
		}
		text = targeting.AppendText(text, variable)
		text = append(text, ": ["...)
		for j, check := range c[variable] {
			if j > 0 {
				text = append(text, ", "...)
			}
			var err error
			if text, err = appendCheck(text, check); err != nil {
				return carta.Condition{}, fmt.Errorf("check %d under %q: %w", j, variable, err)
			}
		}
		text = append(text, ']')
	}
	return carta.ParseCondition(targeting.JSON(append(text, '}')))
}

// appendCheck appends the stored form of a check. A check without operator tests
// equality.
func appendCheck(text []byte, check *featureflagstore.ConditionCheck) ([]byte, error) {
	switch {
	case check == nil:
		return nil, invalidf("check: must not be null")
	case check.Variable == nil:
		return nil, invalidf("variable: is missing")
	case !utf8.ValidString(*check.Variable):
		return nil, invalidf("variable: %q is not valid UTF-8", *check.Variable)
	case check.Value == nil:
		return nil, invalidf("value: is missing")
	}
	// Alone, so that it cannot end the object that it becomes part of.
	if _, err := targeting.ParseJSON(targeting.JSON(*check.Value)); err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	text = append(text, `{"variable": `...)
	text = targeting.AppendText(text, *check.Variable)
	text = append(text, `, "value": `...)
	text = append(text, *check.Value...)
	text = append(text, `, "operator": `...)
	if check.Operator == nil || check.Operator.Symbol == nil {
		text = append(text, "null"...)
	} else {
		if !utf8.ValidString(*check.Operator.Symbol) {
			return nil, invalidf("operator: %q is not valid UTF-8", *check.Operator.Symbol)
		}
		text = targeting.AppendText(text, *check.Operator.Symbol)
	}
	return append(text, '}'), nil
}
