// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = flipper.WithLogger(slog.New(slog.DiscardHandler))

// counts returns the counts in the order of their names.
func counts(e *telemetry.Evaluations) []telemetry.Count {
	all := slices.Collect(e.Counts())
	slices.SortFunc(all, func(a, b telemetry.Count) int {
		return strings.Compare(fmt.Sprint(a.Flag, a.Reason, a.ErrorType, a.Enabled), fmt.Sprint(b.Flag, b.Reason, b.ErrorType, b.Enabled))
	})
	return all
}

func want(t *testing.T, e *telemetry.Evaluations, want ...telemetry.Count) {
	t.Helper()
	if diff := cmp.Diff(want, counts(e)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestEvaluations(t *testing.T) {
	e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	flags := memory.New()
	features := flipper.New(flags, flipper.WithHook(e), quiet)
	ctx := t.Context()
	pro := carta.NewCondition(carta.Equal("plan", "pro"))
	old := carta.NewCondition(carta.Greater("age", 30))
	for name, opts := range map[string][]flipper.CreateOption{
		"off": nil,
		"on":  {flipper.WithEnabled(true)},
		"pro": {flipper.WithEnabled(true), flipper.WithConditions(pro)},
		"old": {flipper.WithEnabled(true), flipper.WithConditions(old)},
	} {
		if _, err := features.Create(ctx, name, opts...); err != nil {
			t.Fatal(err)
		}
	}
	want(t, e)
	for range 3 {
		features.IsEnabled(ctx, "on")
	}
	features.IsEnabled(ctx, "off")
	features.IsEnabled(ctx, "pro", flipper.String("plan", "pro"))
	features.IsEnabled(ctx, "pro", flipper.String("plan", "free"))
	features.IsEnabledOr(ctx, "old", true, flipper.String("age", "thirty"))
	features.IsEnabled(ctx, "missing")
	features.IsEnabledOr(ctx, "missing", true)
	want(t, e,
		telemetry.Count{Flag: "_other", Reason: "error", ErrorType: "flag_not_found", Number: 1},
		telemetry.Count{Flag: "_other", Enabled: true, Reason: "error", ErrorType: "flag_not_found", Number: 1},
		telemetry.Count{Flag: "off", Reason: "disabled", Number: 1},
		telemetry.Count{Flag: "old", Enabled: true, Reason: "error", ErrorType: "invalid_context", Number: 1},
		telemetry.Count{Flag: "on", Enabled: true, Reason: "static", Number: 3},
		telemetry.Count{Flag: "pro", Reason: "default", Number: 1},
		telemetry.Count{Flag: "pro", Enabled: true, Reason: "targeting_match", Number: 1},
	)

	// A flag that was there keeps its name.
	if err := features.Destroy(ctx, "on"); err != nil {
		t.Fatal(err)
	}
	features.IsEnabled(ctx, "on")
	if got := counts(e); !slices.Contains(got, telemetry.Count{Flag: "on", Reason: "error", ErrorType: "flag_not_found", Number: 1}) {
		t.Errorf("counts are %v", got)
	}
	for range e.Counts() {
		break // does not panic
	}
}

// Names that come from anywhere do not get counts of their own.
func TestUnknownNames(t *testing.T) {
	e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	flags := memory.New()
	features := flipper.New(flags, flipper.WithHook(e))
	const n = 1_000_000
	for i := range n {
		features.Evaluate(t.Context(), fmt.Sprintf("unknown-%d", i))
	}
	want(t, e, telemetry.Count{Flag: telemetry.OtherFlags, Reason: "error", ErrorType: "flag_not_found", Number: n})
}

// Nor do they while the store cannot tell whether there are such flags.
func TestNamesOfNoAnswer(t *testing.T) {
	for errorType, err := range map[string]error{
		"unavailable": fmt.Errorf("%w: %w", store.ErrUnavailable, context.DeadlineExceeded),
		"timeout":     context.DeadlineExceeded,
		"canceled":    context.Canceled,
		"closed":      store.ErrClosed,
		"invalid":     store.ErrInvalidName,
		"general":     errors.New("something"),
	} {
		e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
		e.Evaluated(t.Context(), "any", flipper.Evaluation{Reason: flipper.ReasonError, Err: err})
		want(t, e, telemetry.Count{Flag: "_other", Reason: "error", ErrorType: errorType, Number: 1})
	}
}

func TestReasons(t *testing.T) {
	for _, reason := range []flipper.Reason{
		flipper.ReasonStatic, flipper.ReasonTargetingMatch, flipper.ReasonDefault, flipper.ReasonSplit,
		flipper.ReasonDisabled, flipper.ReasonCached, flipper.ReasonStale, "UNKNOWN", "something else",
	} {
		e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
		evaluation := flipper.Evaluation{Enabled: true, Reason: reason}
		e.Evaluated(t.Context(), "flag", evaluation)
		name := strings.ToLower(string(reason))
		if reason == "something else" {
			name = "unknown"
		}
		want(t, e, telemetry.Count{Flag: "flag", Enabled: true, Reason: name, Number: 1})
		if got := telemetry.Reason(evaluation); got != name {
			t.Errorf("%s is named %q, want %q", reason, got, name)
		}
	}
	if got := telemetry.Reason(flipper.Evaluation{Reason: flipper.ReasonError, Err: store.ErrNotFound}); got != "error" {
		t.Errorf("an error is named %q", got)
	}
}

func TestMaxFlags(t *testing.T) {
	for _, maxFlags := range []int{0, 1, 3} {
		e := telemetry.NewEvaluations(maxFlags)
		var wg sync.WaitGroup
		const callers, flags = 8, 100
		for range callers {
			wg.Go(func() {
				for i := range flags {
					e.Evaluated(t.Context(), fmt.Sprint("flag-", i), flipper.Evaluation{Reason: flipper.ReasonDisabled})
				}
			})
		}
		wg.Wait()
		total, named := uint64(0), 0
		for _, count := range counts(e) {
			total += count.Number
			if count.Flag != telemetry.OtherFlags {
				named++
			}
		}
		if named != maxFlags || total != callers*flags {
			t.Errorf("%d names and %d evaluations, want %d and %d", named, total, maxFlags, callers*flags)
		}
	}
}

func TestErrorType(t *testing.T) {
	if got := telemetry.ErrorType(flipper.ErrMissingAttribute); got != "invalid_context" {
		t.Errorf("a missing attribute is %q", got)
	}
	for want, err := range map[string]error{
		"":                nil,
		"flag_not_found":  store.ErrNotFound,
		"already_exists":  store.ErrExists,
		"conflict":        store.ErrConflict,
		"invalid":         store.ErrInvalid,
		"parse_error":     &store.UnreadableError{Name: "flag", Err: errors.New("no JSON")},
		"invalid_context": carta.ErrKind,
		"type_mismatch":   flipper.ErrType,
		"unavailable":     store.ErrUnavailable,
		"closed":          store.ErrClosed,
		"timeout":         context.DeadlineExceeded,
		"canceled":        context.Canceled,
		"general":         errors.New("other"),
	} {
		if err != nil {
			err = fmt.Errorf("context: %w", err)
		}
		if got := telemetry.ErrorType(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
		isFailure := slices.Contains([]string{"parse_error", "unavailable", "closed", "timeout", "general"}, want)
		if got := telemetry.IsFailure(err); got != isFailure {
			t.Errorf("%v is a failure: %t, want %t", err, got, isFailure)
		}
	}
}

// Who is to blame for an evaluation that fails: the caller, whose attribute is of the
// wrong kind, or whoever stored a percentage that is no number.
func TestErrorTypeOfEvaluation(t *testing.T) {
	for item, want := range map[string]string{
		`{"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": "half"}}`:     "parse_error",
		`{"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": [0.5]}}`:                    "parse_error",
		`{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "initial_value": "none"}}`: "parse_error",
		"": "invalid_context", // a condition
	} {
		features := flipper.New(memory.New(), quiet)
		opt := flipper.WithConditions(carta.NewCondition(carta.Greater("age", 18)))
		if item != "" {
			bucketer, err := carta.ParseBucketer(targeting.JSON(item), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			opt = flipper.WithBucketer(bucketer)
		}
		if _, err := features.Create(t.Context(), "flag", flipper.WithEnabled(true), opt); err != nil {
			t.Fatal(err)
		}
		e := features.Evaluate(t.Context(), "flag", flipper.String("age", "old"))
		if got := telemetry.ErrorType(e.Err); got != want {
			t.Errorf("%s: %v is %q, want %q", item, e.Err, got, want)
		}
	}
}

// A server is a store that tells nobody of changes and can be gone.
type server struct {
	store.Store
	gone atomic.Bool
}

func (s *server) Get(ctx context.Context, name string) (*store.Flag, error) {
	if s.gone.Load() {
		return nil, store.ErrUnavailable
	}
	return s.Store.Get(ctx, name)
}

// A copy ages if the store below does not tell of changes.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flags := &server{Store: memory.New()}
		held := cached.New(flags)
		defer held.Close()
		e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
		features := flipper.New(held, flipper.WithHook(e), quiet)
		if age, stale := e.Age(held); age != 0 || stale != 0 {
			t.Errorf("of no flag the age is %v, and %d are stale", age, stale)
		}
		for _, name := range []string{"old", "young"} {
			if _, err := features.Create(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		features.IsEnabled(t.Context(), "old")
		time.Sleep(time.Minute)
		features.IsEnabled(t.Context(), "young")
		time.Sleep(time.Second)
		if age, stale := e.Age(held); age != 61*time.Second || stale != 0 {
			t.Errorf("the age is %v, and %d are stale, want 1m1s and 0", age, stale)
		}
		flags.gone.Store(true)
		time.Sleep(time.Hour)
		features.IsEnabled(t.Context(), "old")
		synctest.Wait()
		if age, stale := e.Age(held); age != time.Hour+61*time.Second || stale != 1 {
			t.Errorf("the age is %v, and %d are stale, want 1h1m1s and 1", age, stale)
		}
	})
}

func TestAllocs(t *testing.T) {
	features := flipper.New(memory.New(), flipper.WithHook(telemetry.NewEvaluations(1)))
	for _, name := range []string{"own", "other"} {
		if _, err := features.Create(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	for _, name := range []string{"own", "other", "missing"} {
		if n := testing.AllocsPerRun(100, func() { features.Evaluate(ctx, name) }); n != 0 {
			t.Errorf("evaluating %q allocates %v times", name, n)
		}
	}
}

// BenchmarkHook is what an evaluation costs without a hook and with one that
// counts.
func BenchmarkHook(b *testing.B) {
	flags := memory.New()
	e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	ctx := b.Context()
	pro := carta.NewCondition(carta.Equal("plan", "pro"))
	features := flipper.New(flags)
	for name, opts := range map[string][]flipper.CreateOption{
		"plain": {flipper.WithEnabled(true)},
		"rule":  {flipper.WithEnabled(true), flipper.WithConditions(pro)},
	} {
		if _, err := features.Create(ctx, name, opts...); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 500 {
		e.Evaluated(ctx, fmt.Sprint("flag-", i), flipper.Evaluation{})
	}
	for _, flag := range []string{"plain", "rule"} {
		for _, hook := range []struct {
			name   string
			client *flipper.FeatureFlagClient
		}{
			{"off", flipper.New(flags)},
			{"on", flipper.New(flags, flipper.WithHook(e))},
		} {
			b.Run(flag+"/"+hook.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					hook.client.IsEnabled(ctx, flag, flipper.String("plan", "pro"))
				}
			})
			b.Run(flag+"/"+hook.name+"/parallel", func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						hook.client.IsEnabled(ctx, flag, flipper.String("plan", "pro"))
					}
				})
			})
		}
	}
}

// TestUnreadable counts under its name what is stored but cannot be read.
func TestUnreadable(t *testing.T) {
	e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	e.Evaluated(t.Context(), "broken", flipper.Evaluation{Reason: flipper.ReasonError, Err: &store.UnreadableError{Name: "broken"}})
	want(t, e, telemetry.Count{Flag: "broken", Reason: "error", ErrorType: "parse_error", Number: 1})
}

// A flag whose value is of another type than was asked for is counted under its name.
func TestTypeMismatch(t *testing.T) {
	e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	features := flipper.New(memory.New(), quiet, flipper.WithHook(e))
	if _, err := features.Create(t.Context(), "flag", flipper.WithEnabled(true)); err != nil {
		t.Fatal(err)
	}
	features.StringOr(t.Context(), "flag", "")
	flipper.ObjectOr(t.Context(), features, "flag", []string{})
	want(t, e, telemetry.Count{Flag: "flag", Reason: "error", ErrorType: "type_mismatch", Number: 2})
}

// Of flags that are found at the same time, no more get counts of their own than
// there is room for.
func TestMaxFlagsAtOnce(t *testing.T) {
	for range 500 {
		e := telemetry.NewEvaluations(1)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				name := fmt.Sprint("flag-", i)
				<-start
				e.Evaluated(t.Context(), name, flipper.Evaluation{Reason: flipper.ReasonStatic})
			})
		}
		close(start)
		wg.Wait()
		if got := counts(e); len(got) != 2 {
			t.Fatalf("counts are %v, want those of one flag and others", got)
		}
	}
}

func TestNameThatIsNoText(t *testing.T) {
	e := telemetry.NewEvaluations(telemetry.DefaultMaxFlags)
	e.Evaluated(t.Context(), "\xff", flipper.Evaluation{Reason: flipper.ReasonStatic})
	want(t, e, telemetry.Count{Flag: "_other", Reason: "static", Number: 1})
}
