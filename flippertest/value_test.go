// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/targeting"
)

type limits struct{ Uploads int }

var (
	theme     = flipper.DeclareString("theme", "light")
	maxRatio  = flipper.DeclareFloat("ratio", 0.5)
	maxLimits = flipper.DeclareObject("limits", limits{3})
)

func TestServe(t *testing.T) {
	features := flippertest.New(t, flippertest.WithStrict(),
		flippertest.On("theme"), flippertest.Serve(theme, "dark"), flippertest.Serve(maxRatio, 2), flippertest.Serve(maxLimits, limits{7}),
		flippertest.Value("size", 12), flippertest.Value("beta", true), flippertest.Value("alpha", false),
		flippertest.Value("raw", targeting.Text("x")))
	ctx, c := t.Context(), features.FeatureFlagClient
	if a, b, l := theme.Value(ctx, c), maxRatio.Value(ctx, c), maxLimits.Value(ctx, c); a != "dark" || b != 2 || l.Uploads != 7 {
		t.Errorf("%s, %v, %+v", a, b, l)
	}
	if a, b := c.IntOr(ctx, "size", 0), c.StringOr(ctx, "raw", ""); a != 12 || b != "x" {
		t.Errorf("%d, %s", a, b)
	}
	wantOn(t, features, "beta", true)
	wantOn(t, features, "alpha", false)
	features.WantAsked(t, "theme", "ratio", "limits", "size", "raw", "beta", "alpha")
	if e := features.Evaluations()[0]; e.Variant != "default" || e.Value.String() != `"dark"` {
		t.Errorf("%v", e)
	}
}

func TestSetValue(t *testing.T) {
	features := flippertest.New(t, flippertest.Serve(theme, "dark"))
	want := func(want string) {
		t.Helper()
		if got := theme.Value(t.Context(), features.FeatureFlagClient); got != want {
			t.Errorf("the theme is %s, want %s", got, want)
		}
	}
	want("dark")
	t.Run("subtest", func(t *testing.T) {
		features.SetValueFor(t, "theme", "black")
		want("black")
	})
	want("dark")
	features.SetValue("theme", "blue")
	want("blue")
	features.Store().Fail(nil)
	want("light")
	features.SetValue("theme", "red")
	features.Store().Recover()
	want("red")
}

func TestServeRefuses(t *testing.T) {
	for want, option := range map[string]flippertest.Option{
		`flippertest: create flag "x": json: unsupported value: NaN`:               flippertest.Value("x", math.NaN()),
		`flippertest: create flag "": name: invalid: it is empty`:                  flippertest.Serve[int64](nil, 1),
		`flippertest: create flag "x": invalid variants.default: must not be null`: flippertest.Value("x", nil),
	} {
		runTest(func(t testing.TB) {
			flippertest.New(t, option)
			t.Errorf("went on")
		}).want(t, want)
	}
	runTest(func(t testing.TB) {
		flippertest.New(t).SetValue("x", math.Inf(1))
		t.Errorf("went on")
	}).want(t, `flippertest: set "x": json: unsupported value: +Inf`)
}

func TestStrictValues(t *testing.T) {
	runTest(func(t testing.TB) {
		features := flippertest.New(t, flippertest.WithStrict(), flippertest.Value("themes", "dark"))
		theme.Flag(features.FeatureFlagClient).Value(t.Context())
	}).want(t, `flippertest: flag "theme" is asked by value_test.go:87, and the test has not set it; did you mean themes?`)
}

func TestEach(t *testing.T) {
	var seen seen
	t.Run("themes", func(t *testing.T) {
		flippertest.Each(t, theme, []string{"light", "dark"}, func(t *testing.T, features *flippertest.Client) {
			t.Parallel()
			seen.add(fmt.Sprint(t.Name(), " ", theme.Value(t.Context(), features.FeatureFlagClient)))
			wantOn(t, features, "OTHER", true)
		}, flippertest.On("OTHER"))
	})
	seen.want(t, `TestEach/themes/theme="dark" dark`, `TestEach/themes/theme="light" light`)
}

func ExampleServe() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.Serve(theme, "dark"), flippertest.Value("size", 12))
		fmt.Println(theme.Value(t.Context(), features.FeatureFlagClient))
		fmt.Println(features.IntOr(t.Context(), "size", 1))
	}
	runTest(test)
	// Output:
	// dark
	// 12
}

func ExampleClient_SetValue() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.Serve(theme, "dark"))
		features.SetValue("theme", "blue")
		fmt.Println(theme.Value(t.Context(), features.FeatureFlagClient))
	}
	runTest(test)
	// Output: blue
}
