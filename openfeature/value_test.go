// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/openfeature/internal/providertest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// valued has the variants low and high: high is for staff, low for all others and if the
// flag is disabled.
func valued(t *testing.T, low, high string) flipper.CreateOption {
	t.Helper()
	var variants []targeting.Variant
	for name, text := range map[string]string{"low": low, "high": high} {
		value, err := targeting.ParseJSON(targeting.JSON(text))
		must(t, err)
		variants = append(variants, targeting.Variant{Name: name, Value: value})
	}
	return flipper.WithRules(rules.Definition{
		Variants: variants, Off: "low", Default: "low",
		Rules: []rules.Rule{
			{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "high"},
			{If: rules.All(rules.Is("/address/country", "CH")), Serve: "high"},
		},
	})
}

// kinds are the values of a flag of each kind.
var kinds = map[string][2]string{
	"bool": {"false", "true"}, "string": {`"grey"`, `"blue"`}, "int": {"1", "2"}, "float": {"0.25", "0.5"}, "whole": {"1.0", "2.0"},
	"huge": {"1", "9223372036854775808"}, "object": {`{"a": 1}`, `{"a": [1, 2.5, 9223372036854775808], "b": {"c": null}}`}, "list": {"[]", `["a", {"b": true}]`},
}

func newValues(t *testing.T, opts ...flipper.CreateOption) (*flipper.FeatureFlagClient, *flipperopenfeature.Provider) {
	t.Helper()
	features := newClient(t)
	for kind, values := range kinds {
		create(t, features, kind, append([]flipper.CreateOption{valued(t, values[0], values[1])}, opts...)...)
	}
	return features, flipperopenfeature.NewProvider(features)
}

// The caller's defaults.
var otherwiseObject = map[string]any{"default": true}

// evaluateAs asks for a flag as one of OpenFeature's types, through the SDK.
func evaluateAs(t *testing.T, client *openfeature.Client, flag, as string, user openfeature.EvaluationContext) (any, openfeature.EvaluationDetails) {
	t.Helper()
	switch as {
	case "boolean":
		d, _ := client.BooleanValueDetails(t.Context(), flag, true, user)
		return d.Value, d.EvaluationDetails
	case "string":
		d, _ := client.StringValueDetails(t.Context(), flag, "default", user)
		return d.Value, d.EvaluationDetails
	case "int":
		d, _ := client.IntValueDetails(t.Context(), flag, -7, user)
		return d.Value, d.EvaluationDetails
	case "float":
		d, _ := client.FloatValueDetails(t.Context(), flag, -0.5, user)
		return d.Value, d.EvaluationDetails
	}
	d, _ := client.ObjectValueDetails(t.Context(), flag, otherwiseObject, user)
	return d.Value, d.EvaluationDetails
}

var defaults = map[string]any{"boolean": true, "string": "default", "int": int64(-7), "float": -0.5, "object": otherwiseObject}

// answers are those to staff and to others, by kind of flag and what is asked for. Where
// there is none it is a TYPE_MISMATCH.
var answers = map[string]map[string][2]any{
	"bool":   {"boolean": {false, true}},
	"string": {"string": {"grey", "blue"}},
	"int":    {"int": {int64(1), int64(2)}, "float": {1.0, 2.0}},
	"float":  {"float": {0.25, 0.5}},
	"whole":  {"int": {int64(1), int64(2)}, "float": {1.0, 2.0}},
	"huge":   {"int": {int64(1), nil}, "float": {1.0, float64(1 << 63)}},
	"object": {"object": {map[string]any{"a": int64(1)}, map[string]any{"a": []any{int64(1), 2.5, float64(1 << 63)}, "b": map[string]any{"c": nil}}}},
	"list":   {"object": {[]any{}, []any{"a", map[string]any{"b": true}}}},
}

// Every kind of flag is asked for as every type.
func TestTypedEvaluation(t *testing.T) {
	_, provider := newValues(t, on, flipper.WithClientData(map[string]any{"owner": "team-web", "rule": "hidden", "ruleName": "hidden"}))
	client := ready(t, provider)
	for kind := range kinds {
		for as, otherwise := range defaults {
			for i, user := range []openfeature.EvaluationContext{
				{},
				openfeature.NewEvaluationContext("42", map[string]any{"email": "a@example.com"}),
			} {
				got, details := evaluateAs(t, client, kind, as, user)
				if want := answers[kind][as][i]; want == nil {
					if !reflect.DeepEqual(got, otherwise) || details.ErrorCode != openfeature.TypeMismatchCode || details.Reason != openfeature.ErrorReason || details.Variant != "" {
						t.Errorf("%s as %s: %v, %+v; want the default with TYPE_MISMATCH", kind, as, got, details)
					}
					continue
				} else if !reflect.DeepEqual(got, want) {
					t.Errorf("%s as %s: %#v, want %#v (%+v)", kind, as, got, want, details)
				}
				variant, reason := "low", openfeature.DefaultReason
				metadata := openfeature.FlagMetadata{"owner": "team-web", "rule": "hidden", "ruleName": "hidden"}
				if i == 1 {
					variant, reason = "high", openfeature.TargetingMatchReason
					metadata["rule"], metadata["ruleName"] = int64(0), "staff"
				}
				if details.Variant != variant || details.Reason != reason || details.ErrorCode != "" || !reflect.DeepEqual(details.FlagMetadata, metadata) {
					t.Errorf("%s as %s: %+v; want %s, %s, %v", kind, as, details, variant, reason, metadata)
				}
			}
		}
	}
}

// A disabled flag serves its off variant, whatever the caller's default is. Asked for as
// boolean it is off, whatever its kind is.
func TestDisabled(t *testing.T) {
	_, provider := newValues(t)
	client := ready(t, provider)
	staff := openfeature.NewEvaluationContext("42", map[string]any{"email": "a@example.com"})
	for kind := range kinds {
		for as := range answers[kind] {
			got, details := evaluateAs(t, client, kind, as, staff)
			if !reflect.DeepEqual(got, answers[kind][as][0]) || details.Reason != openfeature.DisabledReason || details.Variant != "low" || details.ErrorCode != "" {
				t.Errorf("%s as %s: %v, %+v", kind, as, got, details)
			}
		}
		if got, details := evaluateAs(t, client, kind, "boolean", staff); got != false || details.Reason != openfeature.DisabledReason || details.ErrorCode != "" {
			t.Errorf("%s as boolean: %v, %+v", kind, got, details)
		}
	}
}

// Rules that cannot be read are an error, unless the flag is disabled and asked for as
// boolean.
func TestUnreadableRules(t *testing.T) {
	features := newClient(t)
	for name, enabled := range map[string]bool{"off": false, "on": true} {
		_, err := features.Store().Put(t.Context(), &store.Flag{Name: name, Enabled: enabled, ClientData: `{"$rules": {"version": 99}}`})
		must(t, err)
	}
	client := ready(t, flipperopenfeature.NewProvider(features))
	for as, otherwise := range defaults {
		for _, flag := range []string{"on", "off"} {
			got, details := evaluateAs(t, client, flag, as, openfeature.EvaluationContext{})
			if flag == "off" && as == "boolean" {
				if got != false || details.Reason != openfeature.DisabledReason || details.ErrorCode != "" {
					t.Errorf("a disabled flag as boolean: %v, %+v", got, details)
				}
			} else if !reflect.DeepEqual(got, otherwise) || details.ErrorCode != openfeature.ParseErrorCode || details.Variant != "" {
				t.Errorf("%s as %s: %v, %+v; want PARSE_ERROR", flag, as, got, details)
			}
		}
	}
}

// What a caller does to an object is seen by no other.
func TestObjectsAreIndependent(t *testing.T) {
	_, provider := newValues(t, on)
	staff := attributes("email", "a@example.com")
	for _, flag := range []string{"object", "list"} {
		first := provider.ObjectEvaluation(t.Context(), flag, nil, staff).Value
		switch first := first.(type) {
		case map[string]any:
			first["a"].([]any)[0] = "modified"
			first["more"] = true
		case []any:
			first[1].(map[string]any)["b"] = "modified"
		}
		if again := provider.ObjectEvaluation(t.Context(), flag, nil, staff).Value; !reflect.DeepEqual(again, answers[flag]["object"][1]) {
			t.Errorf("%s is now %v", flag, again)
		}
	}
}

// A name that begins with a slash points into nested attributes.
func TestNestedAttributes(t *testing.T) {
	_, provider := newValues(t, on)
	for country, want := range map[string]string{"CH": "blue", "DE": "grey"} {
		for _, address := range []any{map[string]any{"country": country}, map[string]string{"country": country}} {
			got := provider.StringEvaluation(t.Context(), "string", "", attributes("address", address))
			if got.Value != want || want == "blue" && got.FlagMetadata["rule"] != int64(1) {
				t.Errorf("%T: %+v, want %s", address, got, want)
			}
		}
	}
	if got := provider.StringEvaluation(t.Context(), "string", "default", attributes("people", []struct{ Name string }{{"a"}})); got.Value != "default" ||
		got.ResolutionDetail().ErrorCode != openfeature.InvalidContextCode {
		t.Errorf("a slice of structs: %+v", got)
	}
}

// A split by user_id is by OpenFeature's targeting key, without any option: the answer is
// the one that the client has for that user.
func TestSplitByTargetingKey(t *testing.T) {
	features := newClient(t)
	create(t, features, "colour", on, flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey", Default: "grey", Rules: []rules.Rule{{Split: rules.Percent("user_id", 50, "blue")}},
	}))
	client := ready(t, flipperopenfeature.NewProvider(features))
	counts := map[string]int{}
	for i := range 200 {
		id := fmt.Sprint(i)
		want := features.StringOr(t.Context(), "colour", "", flipper.Int("user_id", i))
		counts[want]++
		for _, user := range []openfeature.EvaluationContext{
			openfeature.NewEvaluationContext(id, nil),
			openfeature.NewEvaluationContext("somebody else", map[string]any{"user_id": i}),
		} {
			if got := client.String(t.Context(), "colour", "", user); got != want {
				t.Errorf("user %s gets %q, want %q", id, got, want)
			}
		}
	}
	if len(counts) != 2 || counts["#00f"] < 70 {
		t.Errorf("the split is %v", counts)
	}
}

// The client is asked once, and its hooks are told what OpenFeature's caller gets: the
// value, or the default with the error. The error handler is not: errors are OpenFeature's.
func TestOneEvaluation(t *testing.T) {
	var asked evaluations
	features := newClient(t, flipper.WithHook(&asked), flipper.WithErrorHandler(func(_ context.Context, name string, err error) {
		t.Errorf("the error handler is told of %s: %v", name, err)
	}))
	for kind, values := range kinds {
		create(t, features, kind, on, valued(t, values[0], values[1]))
	}
	client := ready(t, flipperopenfeature.NewProvider(features))
	staff := openfeature.NewEvaluationContext("42", map[string]any{"email": "a@example.com"})
	for kind := range kinds {
		for as, otherwise := range defaults {
			for range 2 {
				asked.all = nil
				_, details := evaluateAs(t, client, kind, as, staff)
				if len(asked.all) != 1 {
					t.Fatalf("%s as %s: %d evaluations", kind, as, len(asked.all))
				}
				told := asked.all[0]
				switch {
				case details.ErrorCode == "":
					if told.Err != nil || told.Variant != "high" || told.Rule != 0 || string(told.Reason) != string(details.Reason) {
						t.Errorf("%s as %s: hooks are told %+v", kind, as, told)
					}
				case as == "boolean": // a flag of any type can be asked whether it is on
					if told.Err != nil || !told.Enabled || told.Variant != "high" {
						t.Errorf("%s as %s: hooks are told %+v", kind, as, told)
					}
				default:
					want := otherwise
					if as == "object" {
						want = nil
					}
					if !errors.Is(told.Err, flipper.ErrType) || told.Reason != flipper.ReasonError || told.Variant != "" || told.Value.Any() != want {
						t.Errorf("%s as %s: hooks are told %+v, want %v and ErrType", kind, as, told, want)
					}
					if details.ErrorCode != openfeature.TypeMismatchCode || !strings.Contains(details.ErrorMessage, `variant "high"`) {
						t.Errorf("%s as %s: %+v", kind, as, details)
					}
				}
			}
		}
	}
	for as, otherwise := range defaults {
		asked.all = nil
		evaluateAs(t, client, "missing", as, staff)
		if as == "object" {
			otherwise = nil
		}
		if len(asked.all) != 1 || !errors.Is(asked.all[0].Err, store.ErrNotFound) || asked.all[0].Value.Any() != otherwise {
			t.Errorf("a missing flag as %s: hooks are told %+v", as, asked.all)
		}
	}
}

// More defaults than the provider has room for are answered like others.
func TestManyDefaults(t *testing.T) {
	_, provider := newValues(t, on)
	for i := range 2500 {
		if got := provider.IntEvaluation(t.Context(), "int", int64(i), nothing); got.Value != 1 || got.Variant != "low" {
			t.Fatalf("%+v", got)
		}
		if got := provider.FloatEvaluation(t.Context(), "string", float64(i), nothing); got.Value != float64(i) {
			t.Fatalf("%+v", got)
		}
	}
	if got := provider.FloatEvaluation(t.Context(), "float", math.NaN(), nothing); got.Value != 0.25 {
		t.Errorf("%+v", got)
	}
}

// A kill reaches who asks a flag of any type as boolean also from a copy that is old,
// where the reason does not say that the flag is disabled.
func TestKilledStale(t *testing.T) {
	flags := flippertest.NewStore(t)
	features := flipper.New(flags, providertest.Quiet)
	for kind, values := range kinds {
		create(t, features, kind, on, valued(t, values[0], values[1]))
		create(t, features, kind+"-killed", valued(t, values[0], values[1]))
	}
	client := ready(t, flipperopenfeature.NewProvider(features))
	flags.GoStale(time.Minute)
	staff := openfeature.NewEvaluationContext("42", map[string]any{"email": "a@example.com"})
	for kind := range kinds {
		for as := range answers[kind] {
			got, details := evaluateAs(t, client, kind+"-killed", as, staff)
			if !reflect.DeepEqual(got, answers[kind][as][0]) || details.Variant != "low" || details.Reason != "STALE" || details.ErrorCode != "" {
				t.Errorf("killed %s as %s: %v, %+v", kind, as, got, details)
			}
		}
		got, details := evaluateAs(t, client, kind+"-killed", "boolean", staff)
		if got != false || details.Reason != "STALE" || details.ErrorCode != "" {
			t.Errorf("killed %s as boolean: %v, %+v", kind, got, details)
		}
		if got, details := evaluateAs(t, client, kind, "boolean", staff); kind != "bool" && (got != true || details.ErrorCode != openfeature.TypeMismatchCode) {
			t.Errorf("%s as boolean: %v, %+v; want TYPE_MISMATCH", kind, got, details)
		}
	}
}

// Rules see times as text, and nothing in an evaluation context that is nil.
func TestTypedRulesAndContext(t *testing.T) {
	features := newClient(t)
	variants := []targeting.Variant{{Name: "old", Value: targeting.Text("old")}, {Name: "new", Value: targeting.Text("new")}}
	create(t, features, "since", on, flipper.WithRules(rules.Definition{
		Variants: variants, Off: "old", Default: "old",
		Rules: []rules.Rule{{If: rules.All(rules.Is("since", "2026-03-04T12:30:15Z")), Serve: "new"}},
	}))
	provider := flipperopenfeature.NewProvider(features)
	since := time.Date(2026, 3, 4, 13, 30, 15, 999, time.FixedZone("CET", 3600))
	for _, test := range []struct {
		flat   openfeature.FlattenedContext
		want   string
		reason openfeature.Reason
	}{
		{nil, "old", openfeature.DefaultReason},
		{attributes("since", since), "new", openfeature.TargetingMatchReason},
		{attributes("since", &since), "new", openfeature.TargetingMatchReason},
		{attributes("since", since.Add(time.Second)), "old", openfeature.DefaultReason},
		{attributes("since", (*time.Time)(nil)), "old", openfeature.DefaultReason},
	} {
		if got := provider.StringEvaluation(t.Context(), "since", "", test.flat); got.Value != test.want || got.Reason != test.reason {
			t.Errorf("%v: %+v, want %s, %s", test.flat, got, test.want, test.reason)
		}
	}

	_, all := newValues(t, on)
	for as, kind := range map[string]string{"string": "string", "int": "int", "float": "float", "object": "list"} {
		var got any
		switch as {
		case "string":
			got = all.StringEvaluation(t.Context(), kind, "", nil).Value
		case "int":
			got = all.IntEvaluation(t.Context(), kind, 7, nil).Value
		case "float":
			got = all.FloatEvaluation(t.Context(), kind, 7, nil).Value
		case "object":
			got = all.ObjectEvaluation(t.Context(), kind, nil, nil).Value
		}
		if !reflect.DeepEqual(got, answers[kind][as][0]) {
			t.Errorf("%s without a context: %v", as, got)
		}
	}
}
