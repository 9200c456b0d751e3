// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// readItem makes a flag of an item, as the Python client does: it accepts and
// refuses the same. It goes by way of the stored form, whose reader knows what
// that client makes of it.
func readItem(name string, item *featureflagstore.FeatureFlagStoreItem) (*store.Flag, error) {
	if item.Meta == nil {
		return nil, fmt.Errorf("%w: meta is missing", store.ErrInvalid)
	}
	// In meta, all but created_date may be missing; but what is there must be
	// JSON, and no bucketer is not the same as null.
	clientData, err := jsonField("client_data", item.Meta.ClientData, "{}")
	if err != nil {
		return nil, err
	}
	bucketer, err := jsonField("bucketer", item.Meta.Bucketer, `{"type": "NoOpBucketer"}`)
	if err != nil {
		return nil, err
	}
	if bucketer == "null" {
		return nil, fmt.Errorf("%w bucketer: null", store.ErrInvalid)
	}
	conditions, err := readConditions(item.Meta.Conditions)
	if err != nil {
		return nil, err
	}
	text := append([]byte(nil), `{"feature_name": `...)
	text = targeting.AppendText(text, name)
	text = append(text, `, "is_enabled": `...)
	text = strconv.AppendBool(text, item.IsEnabled == nil || *item.IsEnabled)
	text = append(text, `, "meta": {"client_data": `...)
	text = append(text, clientData...)
	text = append(text, `, "created_date": `...)
	if item.Meta.CreatedDate == nil {
		text = append(text, "null"...)
	} else {
		text = strconv.AppendInt(text, *item.Meta.CreatedDate, 10)
	}
	text = append(text, `, "conditions": [`...)
	for i, c := range conditions {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, c...)
	}
	text = append(text, `], "bucketer": `...)
	text = append(text, bucketer...)
	text = append(text, "}}"...)
	return store.Decode(name, text)
}

// jsonField checks that a field is JSON by itself, so that it can be put into
// other JSON, and returns the text without white space around it.
func jsonField(field string, text *featureflagstore.JSON, otherwise targeting.JSON) (targeting.JSON, error) {
	if text == nil {
		return otherwise, nil
	}
	v, err := targeting.ParseJSON(targeting.JSON(*text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", field, err)
	}
	if v.Kind() == targeting.KindNull {
		return "null", nil
	}
	return targeting.JSON(*text), nil
}

// readConditions returns the stored forms of the conditions. Those without checks
// vanish, as they do for the Python client.
func readConditions(conditions []featureflagstore.Condition) ([]targeting.JSON, error) {
	var all []targeting.JSON
	for i, condition := range conditions {
		var checks [][]byte
		for _, variable := range slices.Sorted(maps.Keys(condition)) {
			for _, check := range condition[variable] {
				text, err := readCheck(check)
				if err != nil {
					return nil, fmt.Errorf("conditions: element %d: check under %q: %w", i, variable, err)
				}
				checks = append(checks, text)
			}
		}
		if len(checks) == 0 {
			continue
		}
		// The stored form keeps one check of each variable and operator. If
		// there are more, each becomes a condition of its own: that is what the
		// Python client makes of every check.
		together := conditionJSON(checks...)
		parsed, err := carta.ParseCondition(together)
		if err != nil {
			return nil, fmt.Errorf("conditions: element %d: %w", i, err)
		}
		if len(parsed.Checks()) == len(checks) {
			all = append(all, targeting.JSON(parsed.AppendCanonical(nil)))
			continue
		}
		for _, check := range checks {
			all = append(all, conditionJSON(check))
		}
	}
	return all, nil
}

// conditionJSON puts checks under one key: which is not looked at.
func conditionJSON(checks ...[]byte) targeting.JSON {
	b := []byte(`{"": [`)
	for i, check := range checks {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, check...)
	}
	return targeting.JSON(append(b, "]}"...))
}

func readCheck(check *featureflagstore.ConditionCheck) ([]byte, error) {
	if check.Variable == nil || check.Value == nil || check.Operator == nil {
		return nil, fmt.Errorf("%w: needs variable, value and operator", store.ErrInvalid)
	}
	value, err := jsonField("value", check.Value, "")
	if err != nil {
		return nil, err
	}
	b := targeting.AppendText([]byte(`{"variable": `), *check.Variable)
	b = append(b, `, "value": `...)
	b = append(b, value...)
	b = append(b, `, "operator": `...)
	if check.Operator.Symbol == nil {
		b = append(b, "null"...)
	} else {
		b = targeting.AppendText(b, *check.Operator.Symbol)
	}
	return append(b, '}'), nil
}

// writeMeta returns a flag's meta as it is sent: all of it, since it replaces what
// is there.
func writeMeta(f *store.Flag) *featureflagstore.FeatureFlagStoreMeta {
	data, bucketer := clientData(f), featureflagstore.JSON(f.Bucketer.JSON())
	meta := &featureflagstore.FeatureFlagStoreMeta{
		ClientData: &data,
		Conditions: make([]featureflagstore.Condition, len(f.Conditions)),
		Bucketer:   &bucketer,
	}
	if !f.Created.IsZero() {
		seconds := f.Created.Unix()
		meta.CreatedDate = &seconds
	}
	for i, c := range f.Conditions {
		condition := featureflagstore.Condition{}
		for _, check := range c.Checks() {
			condition[check.Variable] = append(condition[check.Variable], writeCheck(check))
		}
		meta.Conditions[i] = condition
	}
	return meta
}

func writeCheck(check carta.Check) *featureflagstore.ConditionCheck {
	value := featureflagstore.JSON(check.ValueJSON())
	operator := &featureflagstore.ConditionOperator{}
	if check.Operator != carta.OpEqual {
		symbol := check.Operator.String()
		operator.Symbol = &symbol
	}
	return &featureflagstore.ConditionCheck{Variable: &check.Variable, Value: &value, Operator: operator}
}

// clientData returns a flag's client data as it is sent.
func clientData(f *store.Flag) featureflagstore.JSON {
	if f.ClientData == "" {
		return "{}"
	}
	return featureflagstore.JSON(f.ClientData)
}
