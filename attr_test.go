// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// show returns attributes as text.
func show(attrs []flipper.Attr) (texts []string) {
	for _, attr := range attrs {
		texts = append(texts, attr.Name+"="+attr.Value.String())
	}
	return texts
}

func TestAttrs(t *testing.T) {
	list, err := flipper.Any("h", []any{1, 1.0, "x", nil})
	must(t, err)
	got := show([]flipper.Attr{
		flipper.String("a", "é"), flipper.Int("b", -1), flipper.Int64("c", math.MinInt64), flipper.Uint64("d", math.MaxUint64),
		flipper.Float64("e", 1), flipper.Bool("f", true), flipper.Value("g", targeting.Null()), list,
	})
	want := []string{`a="\u00e9"`, "b=-1", "c=-9223372036854775808", "d=18446744073709551615", "e=1.0", "f=true", "g=null", `h=[1, 1.0, "x", null]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	_, err = flipper.Any("pipe", make(chan int))
	wantErr(t, err, store.ErrInvalid)
}

func TestAttrsInContext(t *testing.T) {
	ctx := flipper.WithAttrs(t.Context(), flipper.String("plan", "free"), flipper.Int("age", 20))
	deeper, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	deeper = flipper.WithAttrs(deeper, flipper.String("plan", "pro"), flipper.Int("user_id", 1))
	sibling := flipper.WithAttrs(ctx, flipper.Bool("beta", true))
	twice := flipper.WithAttrs(ctx, flipper.Int("x", 1), flipper.Int("x", 2))
	for _, test := range []struct {
		name string
		ctx  context.Context
		want []string
	}{
		{"none", t.Context(), nil},
		{"outer", ctx, []string{`plan="free"`, "age=20"}},
		{"inner wins", deeper, []string{`plan="pro"`, "age=20", "user_id=1"}},
		{"siblings are apart", sibling, []string{`plan="free"`, "age=20", "beta=true"}},
		{"the last of one name", twice, []string{`plan="free"`, "age=20", "x=2"}},
	} {
		if diff := cmp.Diff(test.want, show(flipper.AttrsFrom(test.ctx))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if flipper.WithAttrs(ctx) != ctx {
		t.Error("no attributes make another context")
	}
}

// Contexts that grow from one never share the place that their attributes are in.
func TestSiblingContextsDoNotOverwriteEachOther(t *testing.T) {
	ctx := t.Context()
	for i := range 10 {
		ctx = flipper.WithAttrs(ctx, flipper.Int(string(rune('a'+i)), i))
		one, other := flipper.WithAttrs(ctx, flipper.Int("one", 1)), flipper.WithAttrs(ctx, flipper.Int("other", 2))
		if len(flipper.AttrsFrom(one)) != i+2 || flipper.AttrsFrom(one)[i+1].Name != "one" || flipper.AttrsFrom(other)[i+1].Name != "other" {
			t.Fatalf("%v, %v", show(flipper.AttrsFrom(one)), show(flipper.AttrsFrom(other)))
		}
	}
	// Nor does a context keep the caller's slice.
	attrs := []flipper.Attr{flipper.Int("x", 1)}
	ctx = flipper.WithAttrs(t.Context(), attrs...)
	attrs[0] = flipper.Int("x", 2)
	if got := show(flipper.AttrsFrom(ctx)); got[0] != "x=1" {
		t.Errorf("the context changed: %v", got)
	}
}

func TestEvaluationSeesAttrsOfTheContext(t *testing.T) {
	c := newClient(t)
	flag := mustCreate(t, c, "flag", on(), flipper.WithConditions(pros))
	free := flipper.WithAttrs(t.Context(), flipper.String("plan", "free"))
	for _, test := range []struct {
		name  string
		ctx   context.Context
		attrs []flipper.Attr
		on    bool
	}{
		{"context", free, nil, false},
		{"inner context", flipper.WithAttrs(free, flipper.String("plan", "pro")), nil, true},
		{"the call wins", free, []flipper.Attr{flipper.String("plan", "pro")}, true},
		{"the call wins over the inner", flipper.WithAttrs(free, flipper.String("plan", "pro")), []flipper.Attr{flipper.String("plan", "free")}, false},
		{"the call adds", free, []flipper.Attr{flipper.Int("age", 1)}, false},
	} {
		if got := flag.IsEnabled(test.ctx, test.attrs...); got != test.on {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	// The hash sees one attribute of each name too.
	sticky := mustCreate(t, c, "sticky", on(), flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5))))
	two := flipper.WithAttrs(t.Context(), flipper.Int("user_id", 2))
	if sticky.IsEnabled(two) || !sticky.IsEnabled(two, flipper.Int("user_id", 1)) {
		t.Error("users 1 and 2 are in and out of half the traffic")
	}
}
