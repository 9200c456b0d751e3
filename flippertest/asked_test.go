// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
)

func TestAsked(t *testing.T) {
	features := flippertest.New(t, flippertest.On("A"), flippertest.On("B"))
	ctx := flipper.WithAttrs(t.Context(), flipper.String("country", "CH"))
	features.IsEnabled(ctx, "B", flipper.String("plan", "pro"))
	features.Flag("A").Evaluate(ctx)
	features.EvaluateNames(ctx, []string{"MISSING", "B"})
	if _, err := features.EvaluateAll(ctx); err != nil {
		t.Fatal(err)
	}
	features.WantAsked(t, "A", "B", "MISSING")
	if got := features.Asked(); !slices.Equal(got, []string{"B", "A", "MISSING"}) {
		t.Errorf("asked %q", got)
	}
	if got := features.AskedCounts(); !maps.Equal(got, map[string]int{"A": 2, "B": 3, "MISSING": 1}) {
		t.Errorf("counts %v", got)
	}
	all := features.Evaluations()
	if len(all) != 6 || all[0].Name != "B" || !all[0].Enabled || len(all[0].Attrs) != 2 || all[2].Err == nil {
		t.Errorf("evaluations %+v", all)
	}
	features.ForgetAsked()
	features.WantAsked(t)
	features.IsEnabled(ctx, "A")
	features.WantAsked(t, "A")
	if got := len(features.Evaluations()); got != 1 {
		t.Errorf("%d evaluations", got)
	}
}

func TestWantAskedFails(t *testing.T) {
	runTest(func(t testing.TB) {
		features := flippertest.New(t, flippertest.On("A"), flippertest.On("B"))
		features.IsEnabled(t.Context(), "B")
		features.WantAsked(t, "A")
		features.WantAsked(t, "B")
	}).want(t, `flag "A" was not asked, only ["B"]`, `flag "B" was asked, and should not have been`)
}

func TestWantAskedWith(t *testing.T) {
	r := runTest(func(t testing.TB) {
		features := flippertest.New(t)
		ctx := flipper.WithAttrs(t.Context(), flipper.String("country", "CH"))
		features.WantAskedWith(t, "A")
		features.IsEnabled(ctx, "A", flipper.Int("user_id", 7))
		features.IsEnabled(ctx, "A", flipper.Int("user_id", 7))
		features.IsEnabled(t.Context(), "A")

		features.WantAskedWith(t, "A")
		features.WantAskedWith(t, "A", flipper.Int("user_id", 7))
		features.WantAskedWith(t, "A", flipper.Int("user_id", 7), flipper.String("country", "CH"))

		features.WantAskedWith(t, "A", flipper.Int("user_id", 8))
		features.WantAskedWith(t, "A", flipper.Float64("user_id", 7))
	})
	const only = `, only with country="CH" user_id=7, with no attributes`
	r.want(t,
		`flag "A" was not asked, only []`,
		`flag "A" was not asked with user_id=8`+only,
		`flag "A" was not asked with user_id=7.0`+only,
	)
}

// A benchmark asks often; the memory that this takes has a bound.
func TestEvaluationsAreBounded(t *testing.T) {
	features := flippertest.New(t, flippertest.On("A"))
	for i := range 35_000 {
		features.IsEnabled(t.Context(), "A", flipper.Int("i", i))
	}
	all := features.Evaluations()
	if len(all) != 10_000 || all[0].Attrs[0].Value.Any() != int64(25_000) || all[9_999].Attrs[0].Value.Any() != int64(34_999) {
		t.Errorf("%d evaluations, from %v to %v", len(all), all[0].Attrs, all[len(all)-1].Attrs)
	}
	if got := features.AskedCounts()["A"]; got != 35_000 {
		t.Errorf("asked %d times", got)
	}
}
