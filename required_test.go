// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A way asks a flag for attributes, with a default, and returns the answer and, if
// that can be had, the error.
type way func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error)

var errUnknown = errors.New("this way has no error")

// ways are all ways to ask, but for guards.
var ways = map[string]way{
	"IsEnabledOr": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		return c.IsEnabledOr(ctx, name, otherwise, attrs...), errUnknown
	},
	"EvaluateOr": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		e := c.EvaluateOr(ctx, name, otherwise, attrs...)
		return e.Enabled, e.Err
	},
	"handle": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		f := c.Flag(name)
		f.IsEnabledOr(ctx, otherwise, flipper.Int("user_id", 1), flipper.Int("account_id", 1)) // it may keep the answer
		return f.IsEnabledOr(ctx, otherwise, attrs...), errUnknown
	},
	"handle, EvaluateOr": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		e := c.Flag(name).EvaluateOr(ctx, otherwise, attrs...)
		return e.Enabled, e.Err
	},
	"declaration": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		d := declare(name, otherwise)
		if on := d.IsEnabled(ctx, c, attrs...); on != d.Flag(c).IsEnabled(ctx, attrs...) {
			return false, errors.New("a declaration and its handle differ")
		}
		e := d.Flag(c).Evaluate(ctx, attrs...)
		return e.Enabled, e.Err
	},
	"Choose": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		return flipper.Choose(ctx, declare(name, otherwise).Flag(c), true, false, attrs...), errUnknown
	},
	"attributes in the context": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		e := c.EvaluateOr(flipper.WithAttrs(ctx, attrs...), name, otherwise)
		return e.Enabled, e.Err
	},
	"pinned": func(ctx context.Context, c *flipper.FeatureFlagClient, name string, otherwise bool, attrs ...flipper.Attr) (bool, error) {
		ctx = flipper.WithPinnedFlags(ctx)
		first := c.EvaluateOr(ctx, name, otherwise, attrs...)
		c.EvaluateOr(ctx, name, otherwise, flipper.Int("user_id", 1), flipper.Int("account_id", 1))
		e := c.EvaluateOr(ctx, name, otherwise, attrs...)
		if first.Enabled != e.Enabled {
			return false, errors.New("another answer than at first")
		}
		return e.Enabled, e.Err
	},
}

func TestRequiredAttributes(t *testing.T) {
	stores := map[string]func() store.Store{
		"memory": func() store.Store { return memory.New() },
		"called": func() store.Store { return newFaultyStore() },
	}
	user, account := flipper.Int("user_id", 7), flipper.Int("account_id", 8)
	both := []flipper.Attr{user, account}
	null := targeting.Attr{Name: "user_id", Value: targeting.Null()}
	none := targeting.Attr{Name: "user_id", Value: targeting.List()}
	for storeName, newStore := range stores {
		c := flipper.New(newStore(), quiet(), flipper.WithRequiredAttributes("user_id"), flipper.WithRequiredAttributes("account_id", "user_id"))
		mustCreate(t, c, "off")
		mustCreate(t, c, "plain", on())
		mustCreate(t, c, "pros", on(), flipper.WithConditions(pros))
		mustCreate(t, c, "sticky", on(), flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "user_id")))
		for wayName, ask := range ways {
			for _, test := range []struct {
				flag    string
				attrs   []flipper.Attr
				on      bool
				missing string
			}{
				{"plain", both, true, ""},
				{"pros", append(both, flipper.String("plan", "pro")), true, ""},
				{"pros", append(both, flipper.String("plan", "free")), false, ""},
				{"sticky", both, true, ""},
				{"plain", nil, false, "user_id"},
				{"pros", nil, false, "user_id"},
				{"sticky", nil, false, "user_id"},
				{"pros", []flipper.Attr{flipper.String("plan", "pro")}, false, "user_id"},
				{"plain", []flipper.Attr{user}, false, "account_id"},
				{"sticky", []flipper.Attr{null, account}, false, "user_id"},
				{"sticky", []flipper.Attr{none, account}, false, "user_id"},
				{"sticky", []flipper.Attr{user, account, null}, false, "user_id"}, // the last counts
				{"sticky", []flipper.Attr{null, account, user}, true, ""},
				{"off", nil, false, ""}, // off is off, whatever the default
			} {
				for _, otherwise := range []bool{false, true} {
					what := fmt.Sprintf("%s, %s: %s for %v, default %t", storeName, wayName, test.flag, test.attrs, otherwise)
					got, err := ask(t.Context(), c, test.flag, otherwise, test.attrs...)
					want := test.on || test.missing != "" && otherwise
					if got != want {
						t.Errorf("%s: %t, want %t", what, got, want)
					}
					if errors.Is(err, errUnknown) {
						continue
					}
					if errors.Is(err, flipper.ErrMissingAttribute) != (test.missing != "") || err != nil && !strings.Contains(err.Error(), `"`+test.missing+`"`) {
						t.Errorf("%s: error %v", what, err)
					}
				}
			}
		}
		if _, err := ways["EvaluateOr"](t.Context(), c, "missing", true); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a flag that is missing: %v", err)
		}
	}
}

// Many flags at once, and typed answers.
func TestRequiredAttributesOfMany(t *testing.T) {
	c := newClient(t, flipper.WithRequiredAttributes("user_id"))
	mustCreate(t, c, "off")
	mustCreate(t, c, "plain", on())
	putStored(t, c.Store(), "colour", `{"feature_name": "colour", "is_enabled": true, "meta": {"created_date": 1, "conditions": [], "bucketer": {"type": "NoOpBucketer"}, `+
		`"client_data": {"$rules": {"version": 1, "variants": {"grey": "#888", "blue": "#00f"}, "off": "grey", "default": "blue"}}}}`)
	for _, ctx := range []context.Context{t.Context(), flipper.WithPinnedFlags(t.Context())} {
		names := []string{"off", "plain", "colour"}
		all, err := c.EvaluateAll(ctx)
		must(t, err)
		for i, e := range c.EvaluateNames(ctx, names) {
			missing := names[i] != "off"
			if other := all[names[i]]; e.Enabled || other.Enabled || errors.Is(e.Err, flipper.ErrMissingAttribute) != missing || errors.Is(other.Err, flipper.ErrMissingAttribute) != missing {
				t.Errorf("%s: %v and %v", names[i], e, other)
			}
		}
		all, err = c.EvaluateAll(ctx, flipper.Int("user_id", 1))
		must(t, err)
		for i, e := range c.EvaluateNames(ctx, names, flipper.Int("user_id", 1)) {
			want := names[i] != "off"
			if other := all[names[i]]; e.Enabled != want || other.Enabled != want || e.Err != nil || other.Err != nil {
				t.Errorf("%s: %v and %v", names[i], e, other)
			}
		}
		if got := c.StringOr(ctx, "colour", "red"); got != "red" {
			t.Errorf("without the attribute the colour is %s", got)
		}
		if got := c.StringOr(ctx, "colour", "red", flipper.Int("user_id", 1)); got != "#00f" {
			t.Errorf("with the attribute the colour is %s", got)
		}
	}
}

// A handle that requires more than its client, and the guards that are made of it.
func TestRequiredAttributesOfHandle(t *testing.T) {
	c := newClient(t)
	plain := mustCreate(t, c, "plain", on())
	putStored(t, c.Store(), "size", `{"feature_name": "size", "is_enabled": true, "meta": {"created_date": 1, "conditions": [], "bucketer": {"type": "NoOpBucketer"}, `+
		`"client_data": {"$rules": {"version": 1, "variants": {"small": 1, "large": 2}, "off": "small", "default": "large"}}}}`)
	ctx := t.Context()
	within := flipper.WithAttrs(ctx, flipper.Int("user_id", 1))

	strict := plain.WithRequiredAttributes("user_id")
	if strict.IsEnabled(ctx) || !strict.IsEnabled(within) || !strict.IsEnabled(ctx, flipper.Int("user_id", 1)) || strict.IsEnabled(ctx) {
		t.Error("the handle does not require the attribute, or too much")
	}
	if !plain.IsEnabled(ctx) || !c.IsEnabled(ctx, "plain") {
		t.Error("the first handle, or the client, requires it too")
	}
	if e := strict.Evaluate(ctx); !errors.Is(e.Err, flipper.ErrMissingAttribute) || e.Enabled {
		t.Errorf("%v", e)
	}
	if e := strict.EvaluateOr(ctx, true); !e.Enabled || !strict.IsEnabledOr(ctx, true) {
		t.Errorf("the caller's default does not count: %v", e)
	}
	stricter := strict.WithRequiredAttributes("plan")
	if stricter.IsEnabled(within) || !stricter.IsEnabled(within, flipper.String("plan", "pro")) || !strict.IsEnabled(within) {
		t.Error("a handle made of a handle does not require both")
	}
	if plain.WithRequiredAttributes().IsEnabled(ctx) != plain.IsEnabled(ctx) {
		t.Error("without names, something is required")
	}
	size := c.Flag("size").WithRequiredAttributes("user_id")
	if a, b := size.IntOr(ctx, 0), size.IntOr(within, 0); a != 0 || b != 2 {
		t.Errorf("sizes %d and %d", a, b)
	}

	declared := flipper.Declare("plain", flipper.EnabledByDefault()).Flag(c).WithRequiredAttributes("user_id")
	if !declared.Default() || !declared.IsEnabled(ctx) {
		t.Error("the declared default is lost")
	}

	// One state for a request, whoever asks.
	pinned := flipper.WithPinnedFlags(within)
	if !strict.IsEnabled(pinned) {
		t.Error("off")
	}
	must(t, plain.Disable(ctx))
	if !plain.IsEnabled(pinned) || !strict.IsEnabled(pinned) || strict.IsEnabled(within) {
		t.Error("the handles do not share pins")
	}
	must(t, plain.Enable(ctx))

	same := func(_ context.Context, in string) (string, error) { return in, nil }
	guarded := flipper.Guard(strict, same, nil)
	_, err := guarded(ctx, "in")
	wantErr(t, err, flipper.ErrDisabled)
	if out, err := guarded(within, "in"); out != "in" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

// What is missing is reported, and hooks hear of the default.
func TestRequiredAttributesAreReported(t *testing.T) {
	var told []string
	var heard journal
	c := newClient(t, flipper.WithRequiredAttributes("user_id"), flipper.WithHook(&heard),
		flipper.WithErrorHandler(func(_ context.Context, name string, err error) { told = append(told, name+": "+err.Error()) }))
	mustCreate(t, c, "plain", on())
	if !c.IsEnabledOr(t.Context(), "plain", true) || c.Flag("plain").IsEnabled(t.Context()) {
		t.Error("not the default")
	}
	const want = `plain: a required attribute is missing: "user_id"`
	if len(told) != 2 || told[0] != want || told[1] != want {
		t.Errorf("told %q", told)
	}
	for _, i := range heard.take() {
		if i.Reason != flipper.ReasonError || !errors.Is(i.Err, flipper.ErrMissingAttribute) {
			t.Errorf("the hook heard %v", i)
		}
	}
}

// To require attributes does not allocate, whether they are there or not.
func TestRequiredAttributesAllocs(t *testing.T) {
	c := newClient(t, flipper.WithRequiredAttributes("user_id"))
	mustCreate(t, c, "pros", on(), flipper.WithConditions(pros))
	flag := c.Flag("pros").WithRequiredAttributes("plan")
	ctx := t.Context()
	for what, ask := range map[string]func(){
		"there":   func() { c.IsEnabled(ctx, "pros", flipper.Int("user_id", 1), flipper.String("plan", "pro")) },
		"missing": func() { c.IsEnabled(ctx, "pros", flipper.String("plan", "pro")) },
		"handle":  func() { flag.IsEnabled(ctx, flipper.Int("user_id", 1), flipper.String("plan", "pro")) },
	} {
		ask()
		if n := testing.AllocsPerRun(100, ask); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}
