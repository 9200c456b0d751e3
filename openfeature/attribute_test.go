// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/openfeature/internal/providertest"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func newWitness(t *testing.T, opts ...flipperopenfeature.Option) (*providertest.Witness, *flipperopenfeature.Provider) {
	t.Helper()
	seen := new(providertest.Witness)
	features := newClient(t, flipper.WithImpressions(seen, 1))
	create(t, features, "flag", on)
	return seen, flipperopenfeature.NewProvider(features, opts...)
}

func TestAttributeValues(t *testing.T) {
	type plan string
	noon := time.Date(2026, 3, 4, 13, 30, 15, 999, time.FixedZone("CET", 3600))
	number := 5
	seen, provider := newWitness(t)
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{true, "true"},
		{"pro", `"pro"`},
		{plan("pro"), `"pro"`},
		{1, "1"},
		{int8(1), "1"},
		{int16(1), "1"},
		{int32(1), "1"},
		{int64(math.MinInt64), "-9223372036854775808"},
		{uint(1), "1"},
		{uint8(1), "1"},
		{uint16(1), "1"},
		{uint32(1), "1"},
		{uint64(math.MaxUint64), "18446744073709551615"},
		{1.0, "1.0"},
		{float32(0.5), "0.5"},
		{math.Inf(1), "Infinity"},
		{json.Number("1"), "1"},
		{json.Number("1.0"), "1.0"},
		{&number, "5"},
		{(*int)(nil), "null"},
		{noon, `"2026-03-04T12:30:15Z"`},
		{&noon, `"2026-03-04T12:30:15Z"`},
		{(*time.Time)(nil), "null"},
		{[]string{"a", "b"}, `["a", "b"]`},
		{[]int{1, 2}, "[1, 2]"},
		{[]any{1, 1.5, "a", nil, noon, []any{true}}, `[1, 1.5, "a", null, "2026-03-04T12:30:15Z", [true]]`},
		{[]time.Time{noon}, `["2026-03-04T12:30:15Z"]`},
		{[2]bool{true, false}, "[true, false]"},
		{map[string]any{"b": 1, "a": map[string]any{"at": noon}}, `{"a": {"at": "2026-03-04T12:30:15Z"}, "b": 1}`},
		{map[string]int{"b": 1, "a": 2}, `{"a": 2, "b": 1}`},
		{targeting.Text("as it is"), `"as it is"`},
	} {
		got := provider.BooleanEvaluation(t.Context(), "flag", false, attributes("a", test.value))
		if got.Error() != nil || seen.String() != "a="+test.want {
			t.Errorf("%T %v becomes %s, want %s (%v)", test.value, test.value, seen, test.want, got.Error())
		}
	}
}

func TestAttributesWithoutForm(t *testing.T) {
	endless := map[string]any{}
	endless["again"] = endless
	endlessList := []any{nil}
	endlessList[0] = endlessList
	_, provider := newWitness(t)
	for what, value := range map[string]any{
		"struct": struct{ A int }{1}, "bytes": []byte("a"), "channel": make(chan int), "function": func() {},
		"complex": 1i, "map by int": map[int]string{1: "a"}, "not a number": json.Number("x"),
		"late time": time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), "times in a map": map[string]any{"at": []any{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)}},
		"endless map": endless, "endless list": endlessList,
	} {
		got := provider.BooleanEvaluation(t.Context(), "flag", true, attributes("fine", 1, "wrong", value))
		detail := got.ResolutionDetail()
		if !got.Value || detail.ErrorCode != openfeature.InvalidContextCode || !strings.Contains(detail.ErrorMessage, `attribute "wrong"`) {
			t.Errorf("%s: %v, %+v", what, got.Value, detail)
		}
	}
	// Of several, it is always the first one.
	for range 20 {
		got := provider.BooleanEvaluation(t.Context(), "flag", true, attributes("c", struct{}{}, "b", struct{}{}, "a", 1))
		if !strings.Contains(got.ResolutionDetail().ErrorMessage, `attribute "b"`) {
			t.Fatal(got.ResolutionDetail().ErrorMessage)
		}
	}
}

func TestTargetingKey(t *testing.T) {
	for _, test := range []struct {
		name string // of the option; "-" is none
		flat openfeature.FlattenedContext
		want string
	}{
		{"-", attributes(openfeature.TargetingKey, "42", "plan", "pro"), `plan="pro" targetingKey="42" user_id="42"`},
		{"-", attributes(openfeature.TargetingKey, "42", "user_id", 42), `targetingKey="42" user_id=42`},
		{"-", attributes("user_id", nil, openfeature.TargetingKey, "42"), `targetingKey="42" user_id=null`},
		{"account", attributes(openfeature.TargetingKey, "42", "plan", "pro"), `plan="pro" targetingKey="42" account="42"`},
		{"user_id", attributes("plan", "pro"), `plan="pro"`},
		// The attribute wins, so that its kind can be that of other services.
		{"user_id", attributes(openfeature.TargetingKey, "42", "user_id", 42), `targetingKey="42" user_id=42`},
		{"", attributes(openfeature.TargetingKey, "42", "plan", "pro"), `plan="pro" targetingKey="42"`},
		{"", attributes(openfeature.TargetingKey, "42"), `targetingKey="42"`},
		{"targetingKey", attributes(openfeature.TargetingKey, "42"), `targetingKey="42"`},
	} {
		var opts []flipperopenfeature.Option
		if test.name != "-" {
			opts = append(opts, flipperopenfeature.WithTargetingKey(test.name))
		}
		seen, provider := newWitness(t, opts...)
		provider.BooleanEvaluation(t.Context(), "flag", false, test.flat)
		if seen.String() != test.want {
			t.Errorf("WithTargetingKey(%q): %v becomes %s, want %s", test.name, test.flat, seen, test.want)
		}
	}
}

// The attributes of a Go map are evaluated in one order, so that an evaluation
// which meets a failing check and one that cannot be evaluated always ends the same.
func TestAttributeOrder(t *testing.T) {
	seen, provider := newWitness(t)
	flat := openfeature.FlattenedContext{}
	var want []string
	for name := range strings.SplitSeq("q w e r t z u i o p a s d f g h j k l", " ") {
		flat[name] = 1
		want = append(want, name)
	}
	slices.Sort(want)
	for range 20 {
		provider.BooleanEvaluation(t.Context(), "flag", false, flat)
		var got []string
		for _, attr := range seen.Attrs {
			got = append(got, attr.Name)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("the order is %v", got)
		}
	}
}

func TestAttributesOfContext(t *testing.T) {
	seen, provider := newWitness(t)
	ctx := flipper.WithAttrs(t.Context(), flipper.String("plan", "free"), flipper.String("country", "CH"))
	provider.BooleanEvaluation(ctx, "flag", false, attributes("plan", "pro"))
	if got := seen.String(); got != `plan="pro" country="CH"` && got != `country="CH" plan="pro"` {
		t.Errorf("attributes are %s", got)
	}
}

// The targeting key is no reason to replace the user that the Go context names, as the
// service knows that user's own kind.
func TestTargetingKeyAndAttributesOfContext(t *testing.T) {
	ctx := flipper.WithAttrs(t.Context(), flipper.Int("user_id", 42))
	for _, test := range []struct {
		name string
		ctx  context.Context
		flat openfeature.FlattenedContext
		want string
	}{
		{"user_id", ctx, attributes(openfeature.TargetingKey, "7"), `targetingKey="7" user_id=42`},
		{"user_id", ctx, attributes(openfeature.TargetingKey, "7", "user_id", 8), `targetingKey="7" user_id=8`},
		{"account", ctx, attributes(openfeature.TargetingKey, "7"), `account="7" targetingKey="7" user_id=42`},
		{"user_id", t.Context(), attributes(openfeature.TargetingKey, "7"), `targetingKey="7" user_id="7"`},
		{"user_id", flipper.WithAttrs(t.Context(), flipper.String("plan", "pro")), attributes(openfeature.TargetingKey, "7"), `plan="pro" targetingKey="7" user_id="7"`},
	} {
		seen, provider := newWitness(t, flipperopenfeature.WithTargetingKey(test.name))
		provider.BooleanEvaluation(test.ctx, "flag", false, test.flat)
		slices.SortFunc(seen.Attrs, func(a, b flipper.Attr) int { return strings.Compare(a.Name, b.Name) })
		if got := seen.String(); got != test.want {
			t.Errorf("WithTargetingKey(%q): attributes are %s, want %s", test.name, got, test.want)
		}
	}
}

func TestPinnedFlags(t *testing.T) {
	features := newClient(t)
	create(t, features, "flag", on)
	provider := flipperopenfeature.NewProvider(features)
	pinned := flipper.WithPinnedFlags(t.Context())
	before := provider.BooleanEvaluation(pinned, "flag", false, nothing)
	must(t, features.Disable(t.Context(), "flag"))
	after := provider.BooleanEvaluation(pinned, "flag", false, nothing)
	if !before.Value || !after.Value || provider.BooleanEvaluation(t.Context(), "flag", false, nothing).Value {
		t.Errorf("before %v, after %v", before.Value, after.Value)
	}
}

// A rollout gives OpenFeature's callers what it gives Flipper's, for each kind.
func TestStickyRollout(t *testing.T) {
	features := newClient(t)
	create(t, features, "half", on, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")))
	provider := flipperopenfeature.NewProvider(features, flipperopenfeature.WithTargetingKey("user_id"))
	differ := 0
	for i := range 200 {
		number := provider.BooleanEvaluation(t.Context(), "half", false, attributes("user_id", i)).Value
		if want := features.IsEnabled(t.Context(), "half", flipper.Int("user_id", i)); number != want {
			t.Errorf("user_id %d: %v, want %v", i, number, want)
		}
		id := targeting.Int(int64(i)).String()
		text := provider.BooleanEvaluation(t.Context(), "half", false, attributes(openfeature.TargetingKey, id)).Value
		if want := features.IsEnabled(t.Context(), "half", flipper.String("user_id", id)); text != want {
			t.Errorf("targeting key %s: %v, want %v", id, text, want)
		}
		if number != text {
			differ++
		}
	}
	if differ == 0 {
		t.Error("the int and the text are always in the same bucket")
	}
}
