// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/targeting/carta"
)

func pro() carta.Condition { return carta.NewCondition(carta.Equal("plan", "pro")) }

func wantOn(t *testing.T, features *flippertest.Client, name string, want bool, attrs ...flipper.Attr) {
	t.Helper()
	if got := features.IsEnabled(t.Context(), name, attrs...); got != want {
		t.Errorf("%s is on: %t, want %t", name, got, want)
	}
}

func TestNew(t *testing.T) {
	features := flippertest.New(t,
		flippertest.On("ON"),
		flippertest.Off("OFF"),
		flippertest.Flag("PRO", flipper.WithConditions(pro())),
		flippertest.Flag("DISABLED", flipper.WithEnabled(false), flipper.WithConditions(pro())),
		flippertest.On("TWICE"), flippertest.Off("TWICE"),
	)
	wantOn(t, features, "ON", true)
	wantOn(t, features, "OFF", false)
	wantOn(t, features, "PRO", true, flipper.String("plan", "pro"))
	wantOn(t, features, "PRO", false, flipper.String("plan", "free"))
	wantOn(t, features, "DISABLED", false, flipper.String("plan", "pro"))
	wantOn(t, features, "TWICE", false)
	wantOn(t, features, "MISSING", false)
	if !features.IsEnabledOr(t.Context(), "MISSING", true) {
		t.Error("a flag that is not set is not answered with the default")
	}
	if got, err := features.ClientData(t.Context(), "ON"); err != nil || len(got) != 0 {
		t.Errorf("client data %v, %v", got, err)
	}
}

// Declarations name flags, too.
func TestNewOfDeclarations(t *testing.T) {
	ui, search, beta := flipper.Declare("UI"), flipper.Declare("SEARCH"), flipper.Declare("BETA", flipper.EnabledByDefault())
	features := flippertest.New(t, flippertest.On(ui, search), flippertest.Off("A", "B"), flippertest.Off(beta),
		flippertest.Flag(search, flipper.WithConditions(pro())))
	for name, want := range map[string]bool{"UI": true, "SEARCH": false, "BETA": false, "A": false, "B": false} {
		wantOn(t, features, name, want, flipper.String("plan", "free"))
	}
	if _, err := features.Get(t.Context(), "B"); err != nil {
		t.Error(err)
	}
	// The client knows of declared defaults what the program's does.
	features.Store().Fail(nil)
	wantOn(t, features, "BETA", false)
	if !beta.IsEnabled(t.Context(), features.FeatureFlagClient) {
		t.Error("the declaration does not answer its default")
	}
	knowing := flippertest.New(t, flippertest.Off(beta), flippertest.WithClientOptions(flipper.WithDeclarations(beta)))
	knowing.Store().Fail(nil)
	wantOn(t, knowing, "BETA", true)

	var seen seen
	t.Run("both", func(t *testing.T) {
		flippertest.Both(t, ui, func(t *testing.T, features *flippertest.Client) {
			seen.add(fmt.Sprint(t.Name(), " ", ui.IsEnabled(t.Context(), features.FeatureFlagClient)))
		})
		flippertest.Combinations(t, []*flipper.Declaration{ui}, func(t *testing.T, features *flippertest.Client) {
			seen.add(fmt.Sprint(t.Name(), " ", ui.IsEnabled(t.Context(), features.FeatureFlagClient)))
		})
	})
	seen.want(t, "TestNewOfDeclarations/both/UI=off false", "TestNewOfDeclarations/both/UI=off#01 false",
		"TestNewOfDeclarations/both/UI=on true", "TestNewOfDeclarations/both/UI=on#01 true")
}

func TestNewRefuses(t *testing.T) {
	runTest(func(t testing.TB) {
		flippertest.New(t, flippertest.On(""))
		t.Errorf("went on")
	}).want(t, `flippertest: create flag "": name: invalid: it is empty`)
	runTest(func(t testing.TB) {
		flippertest.New(t, flippertest.On((*flipper.Declaration)(nil)))
		t.Errorf("went on")
	}).want(t, `flippertest: create flag "": name: invalid: it is empty`)
}

// What cannot be evaluated is told in the test's output.
func TestOutput(t *testing.T) {
	r := runTest(func(t testing.TB) {
		flippertest.New(t).IsEnabled(t.Context(), "MISSING")
	})
	r.want(t)
	if got := r.printed.String(); !strings.Contains(got, "flag=MISSING") || strings.Contains(got, "time=") {
		t.Errorf("prints %q", got)
	}
}

// A goroutine that outlives its test does no harm, though testing panics at what is
// printed then.
func TestAfterEnd(t *testing.T) {
	var features *flippertest.Client
	testing.RunTests(func(_, _ string) (bool, error) { return true, nil }, []testing.InternalTest{{
		Name: "TestThatEnds",
		F:    func(t *testing.T) { features = flippertest.New(t, flippertest.On("ON"), flippertest.WithStrict()) },
	}})
	wantOn(t, features, "ON", false)
	wantOn(t, features, "MISSING", false)
	if got := features.Evaluate(t.Context(), "ON"); got.Err == nil || got.Err.Error() != "store is closed" {
		t.Errorf("after the end: %+v", got)
	}
}

func TestWithClientOptions(t *testing.T) {
	var told []string
	features := flippertest.New(t,
		flippertest.WithClientOptions(flipper.WithLogger(slog.New(slog.DiscardHandler))),
		flippertest.WithClientOptions(flipper.WithErrorHandler(func(_ context.Context, name string, err error) {
			told = append(told, fmt.Sprint(name, ": ", err))
		})),
	)
	features.IsEnabled(t.Context(), "MISSING")
	if len(told) != 1 || told[0] != "MISSING: flag not found" {
		t.Errorf("the handler was told %q", told)
	}
}

// Clients share nothing, however many there are.
func TestParallel(t *testing.T) {
	for i := range 500 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			features := flippertest.New(t, flippertest.WithStrict(), flippertest.On("SAME"))
			own := fmt.Sprint("OWN", i)
			features.Set(own, true)
			if i%2 == 0 {
				features.Set("SAME", false)
			}
			wantOn(t, features, own, true)
			wantOn(t, features, "SAME", i%2 == 1)
			features.Store().Fail(nil)
			wantOn(t, features, own, false)
			features.WantAsked(t, own, "SAME")
		})
	}
}

// One client can be used by many goroutines.
func TestConcurrency(t *testing.T) {
	features := flippertest.New(t, flippertest.On("ON"))
	t.Run("group", func(t *testing.T) {
		for i := range 8 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for range 100 {
					features.IsEnabled(t.Context(), "ON", flipper.Int("i", i))
					features.SetFor(t, "ON", i%2 == 0)
					features.Store().Fail(nil)
					features.Asked()
					features.Evaluations()
					features.Store().GoStale(time.Second)
					features.UnsetFor(t, "ON")
					features.Store().Recover()
				}
			})
		}
	})
	wantOn(t, features, "ON", true)
	if got := features.AskedCounts()["ON"]; got != 801 {
		t.Errorf("asked %d times", got)
	}
}

// A ramp rises in the time of the bubble.
func TestRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		features := flippertest.New(t, flippertest.Flag("SLOWLY", flipper.WithBucketer(
			carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, time.Now(), 100*time.Minute), "user_id"),
		)))
		users := func() (n int) {
			for id := range 1000 {
				if features.IsEnabled(t.Context(), "SLOWLY", flipper.Int("user_id", id)) {
					n++
				}
			}
			return n
		}
		before := users()
		for range 4 {
			time.Sleep(20 * time.Minute)
			now := users()
			if now < before+150 || now > before+250 {
				t.Errorf("%d of 1000 users after %d, want about 200 more", now, before)
			}
			before = now
		}
		time.Sleep(20 * time.Minute)
		if got := users(); got != 1000 {
			t.Errorf("%d of 1000 users at the end", got)
		}
	})
}
