// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
)

func TestGuard(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag")
	double := func(_ context.Context, n int) (string, error) { return fmt.Sprint(2 * n), errStop }
	same := func(_ context.Context, n int) (string, error) { return fmt.Sprint(n), nil }
	guarded := flipper.Guard(flag, double, same)
	alone := flipper.Guard(flag, double, nil)

	if got, err := guarded(t.Context(), 21); got != "21" || err != nil {
		t.Errorf("off: %q, %v", got, err)
	}
	got, err := alone(t.Context(), 21)
	wantErr(t, err, flipper.ErrDisabled)
	if got != "" || !strings.Contains(fmt.Sprint(err), `"flag"`) {
		t.Errorf("off, without fallback: %q, %v", got, err)
	}

	// The flag is asked at every call.
	must(t, flag.Enable(t.Context()))
	for _, f := range []func(context.Context, int) (string, error){guarded, alone} {
		got, err := f(t.Context(), 21)
		wantErr(t, err, errStop)
		if got != "42" {
			t.Errorf("on: %q", got)
		}
	}
	must(t, flag.Destroy(t.Context()))
	if got, err := guarded(t.Context(), 21); got != "21" || err != nil {
		t.Errorf("destroyed: %q, %v", got, err)
	}
}

func TestGuardSeesAttrsOfTheContext(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", on(), flipper.WithConditions(pros))
	type key struct{}
	guarded := flipper.Guard(flag, func(ctx context.Context, _ struct{}) (any, error) { return ctx.Value(key{}), nil }, nil)
	ctx := context.WithValue(t.Context(), key{}, "kept")
	if got, err := guarded(flipper.WithAttrs(ctx, flipper.String("plan", "pro")), struct{}{}); got != "kept" || err != nil {
		t.Errorf("pro: %v, %v", got, err)
	}
	_, err := guarded(flipper.WithAttrs(ctx, flipper.String("plan", "free")), struct{}{})
	wantErr(t, err, flipper.ErrDisabled)
}

func TestChoose(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", on(), flipper.WithConditions(pros))
	pro, free := flipper.String("plan", "pro"), flipper.String("plan", "free")
	if got := flipper.Choose(t.Context(), flag, 1, 2, pro); got != 1 {
		t.Errorf("on: %d", got)
	}
	if got := flipper.Choose(t.Context(), flag, 1, 2, free); got != 2 {
		t.Errorf("off: %d", got)
	}
	if got := flipper.Choose(flipper.WithAttrs(t.Context(), free), flag, 1, 2); got != 2 {
		t.Errorf("off by the context: %d", got)
	}
	if got := flipper.Choose(t.Context(), flag, strings.ToUpper, strings.ToLower, pro)("Aa"); got != "AA" {
		t.Errorf("a function: %q", got)
	}
	if got := flipper.Choose(t.Context(), c.Flag("nobody"), 1, 2); got != 2 {
		t.Errorf("a missing flag: %d", got)
	}
}
