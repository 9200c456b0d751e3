// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package environment_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newEnvironment(t *testing.T, s store.Store) *environment.Environment {
	t.Helper()
	e, err := environment.New("", flipper.New(s))
	must(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

func inMemory(t *testing.T) *environment.Environment {
	t.Helper()
	s := memory.New()
	t.Cleanup(func() { s.Close() })
	return newEnvironment(t, s)
}

func revisionOf(t *testing.T, e *environment.Environment) environment.Revision {
	t.Helper()
	r, err := e.Revision(t.Context())
	must(t, err)
	return r
}

// Two stores that were changed differently, and hold the same, have the same revision;
// whether there is a snapshot does not matter.
func TestRevisionIsOfContent(t *testing.T) {
	a, b := inMemory(t), inMemory(t)
	var flags []*store.Flag
	for _, name := range []string{"A", "B"} {
		f, err := a.Client().Create(t.Context(), name)
		must(t, err)
		stored, err := f.Get(t.Context())
		must(t, err)
		flags = append(flags, stored)
	}
	if revisionOf(t, a).ID == revisionOf(t, b).ID {
		t.Error("two flags and none have the same revision")
	}
	for _, f := range []*store.Flag{flags[1], flags[0]} {
		f = f.Clone()
		f.Revision = ""
		_, err := b.Client().Store().Put(t.Context(), f)
		must(t, err)
	}
	must(t, b.Client().Enable(t.Context(), "A"))
	if revisionOf(t, a).ID == revisionOf(t, b).ID {
		t.Error("on and off have the same revision")
	}
	must(t, b.Client().Disable(t.Context(), "A"))
	if a, b := revisionOf(t, a), revisionOf(t, b); a.ID != b.ID {
		t.Errorf("the same flags have the revisions %q and %q", a.ID, b.ID)
	}
	plain := newEnvironment(t, struct{ store.Peeker }{b.Client().Store().(store.Peeker)})
	if a, b := revisionOf(t, a), revisionOf(t, plain); a.ID != b.ID {
		t.Errorf("the same flags have the revisions %q and, without a snapshot, %q", a.ID, b.ID)
	}
	if _, _, ok := plain.Follow(); ok {
		t.Error("a store that is no watcher can be followed")
	}
}

// Time changes answers, and so the revision.
func TestRevisionChangesWithTime(t *testing.T) {
	onDuring := func(from, until time.Time) rules.Definition {
		return rules.Definition{Default: "off", Rules: []rules.Rule{{If: rules.All(rules.During(from, until)), Serve: "on"}}}
	}
	for name, c := range map[string]struct {
		set     func(ctx context.Context, c *flipper.FeatureFlagClient, hour func(int) time.Time) error
		changes []time.Duration // when the revision is another than before
		same    []time.Duration
	}{
		"period": {
			func(ctx context.Context, c *flipper.FeatureFlagClient, hour func(int) time.Time) error {
				return c.SetRules(ctx, "F", onDuring(hour(1), hour(2)))
			},
			[]time.Duration{time.Hour, 2 * time.Hour},
			[]time.Duration{time.Hour - 1, time.Hour + 1, 2*time.Hour - 1, 1000 * time.Hour},
		},
		"ramp": {
			func(ctx context.Context, c *flipper.FeatureFlagClient, hour func(int) time.Time) error {
				ramp := &rules.Ramp{To: 100, Start: hour(4), End: hour(5)}
				return c.SetRules(ctx, "F", rules.Definition{Default: "off", Rules: []rules.Rule{
					{Split: &rules.Split{By: "user_id", Shares: []rules.Share{{Variant: "on", Ramp: ramp}}}},
				}})
			},
			[]time.Duration{4 * time.Hour, 4*time.Hour + time.Minute, 4*time.Hour + 2*time.Minute, 5 * time.Hour},
			[]time.Duration{4*time.Hour - 1, 4*time.Hour + time.Minute + 1, 4*time.Hour + 3*time.Minute - 1, 6 * time.Hour},
		},
		"Carta's falling ramp": {
			func(ctx context.Context, c *flipper.FeatureFlagClient, hour func(int) time.Time) error {
				b, err := carta.ParseBucketer(targeting.JSON(fmt.Sprintf(`{"type": "ConsistentHashPercentageBucketer", "key_whitelist": ["user_id"], "percentage":
					{"type": "LinearRampPercentage", "initial_value": 1, "final_value": 0.5, "initial_time": %d, "ramp_duration": 3600}}`, hour(1).Unix())), hour(0))
				if err != nil {
					return err
				}
				return c.SetBucketer(ctx, "F", b)
			},
			[]time.Duration{time.Hour, 100 * time.Hour},
			[]time.Duration{time.Hour - 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := memory.New()
				defer s.Close()
				e := newEnvironment(t, s)
				_, err := e.Client().Create(t.Context(), "F")
				must(t, err)
				began := time.Now()
				must(t, c.set(t.Context(), e.Client(), func(n int) time.Time { return began.Add(time.Duration(n) * time.Hour) }))
				last := revisionOf(t, e)
				times := slices.Concat(c.changes, c.same)
				slices.Sort(times)
				for _, at := range times {
					time.Sleep(time.Until(began.Add(at)))
					r, changes := revisionOf(t, e), slices.Contains(c.changes, at)
					if (r.ID != last.ID) != changes {
						t.Errorf("after %s the revision is %q, before it was %q", at, r.ID, last.ID)
					}
					if changes && !r.Since.Equal(began.Add(at)) {
						t.Errorf("after %s: since %s, want now", at, r.Since.Sub(began))
					}
					last = r
				}
			})
		})
	}
}

// Followers hear of changes, and of moments, and the last to go ends the watch.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		defer s.Close()
		e := newEnvironment(t, s)
		a, stopA, _ := e.Follow()
		b, stopB, _ := e.Follow()
		settle := func() {
			synctest.Wait()
			for _, changed := range []<-chan struct{}{a, b} {
				select {
				case <-changed:
				default:
				}
			}
		}
		settle()
		heard := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			for name, changed := range map[string]<-chan struct{}{"a": a, "b": b} {
				select {
				case <-changed:
					if !want {
						t.Errorf("%s: %s hears of a change", when, name)
					}
				default:
					if want {
						t.Errorf("%s: %s hears of no change", when, name)
					}
				}
			}
		}
		heard("at first", false)
		_, err := e.Client().Create(t.Context(), "F")
		must(t, err)
		heard("created", true)
		must(t, e.Client().SetRules(t.Context(), "F", rules.Definition{Default: "off", Rules: []rules.Rule{
			{If: rules.All(rules.During(time.Now().Add(time.Minute), time.Time{})), Serve: "on"},
		}}))
		heard("rules", true)
		time.Sleep(time.Minute - time.Nanosecond)
		heard("a moment before", false)
		time.Sleep(time.Nanosecond)
		heard("the moment", true)
		stopA()
		stopB()
		c, stopC, ok := e.Follow()
		if !ok {
			t.Fatal("cannot be followed again")
		}
		<-c
		synctest.Wait()
		must(t, e.Close())
		synctest.Wait()
		for range c { // what was told before
		}
		stopC()
	})
}
