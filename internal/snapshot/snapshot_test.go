// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flipper-go/flipper/store"
)

func flag(name, revision string) *store.Flag { return &store.Flag{Name: name, Revision: revision} }

// universe is how many names there are in TestAgainstMap: enough for several
// pages.
const universe = 10_000

// TestAgainstMap makes random changes to a Map and to a plain map, and compares.
func TestAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var m Map
	want := map[string]*store.Flag{}
	broken := map[string]bool{}
	for i := range 60_000 {
		name := strconv.Itoa(rnd.IntN(universe))
		switch n := rnd.IntN(100); {
		case n < 60:
			f := flag(name, strconv.Itoa(i))
			m.Set(f)
			want[name] = f
			delete(broken, name)
		case n < 65:
			m.SetUnreadable(&store.UnreadableError{Name: name})
			delete(want, name)
			broken[name] = true
		default:
			m.Delete(name)
			delete(want, name)
			delete(broken, name)
		}
		if i%5000 == 0 {
			compare(t, m.Load(), want, broken)
		}
	}
	compare(t, m.Load(), want, broken)
}

func compare(t *testing.T, v View, want map[string]*store.Flag, broken map[string]bool) {
	t.Helper()
	if v.Len() != len(want)+len(broken) {
		t.Fatalf("Len is %d, want %d", v.Len(), len(want)+len(broken))
	}
	for i := range universe {
		name := strconv.Itoa(i)
		f, known := v.Peek(name)
		if f != want[name] || known == broken[name] {
			t.Fatalf("Peek(%q) is %v, %t", name, f, known)
		}
		f, err := v.Get(name)
		switch {
		case broken[name]:
			if f != nil || !errors.Is(err, store.ErrUnreadable) {
				t.Fatalf("Get(%q) is %v, %v, want unreadable", name, f, err)
			}
		case want[name] == nil:
			if f != nil || err != store.ErrNotFound {
				t.Fatalf("Get(%q) is %v, %v, want ErrNotFound", name, f, err)
			}
		case f != want[name] || err != nil:
			t.Fatalf("Get(%q) is %v, %v", name, f, err)
		}
	}
	names := slices.Sorted(maps.Keys(want))
	names = slices.AppendSeq(names, maps.Keys(broken))
	slices.Sort(names)
	if !slices.Equal(v.Names(), names) {
		t.Fatalf("Names are %q\nwant %q", v.Names(), names)
	}
	var listed []string
	for f, err := range v.List(t.Context()) {
		if e, ok := asUnreadable(err); ok {
			listed = append(listed, e.Name)
			continue
		}
		listed = append(listed, f.Name)
	}
	if !slices.Equal(listed, names) {
		t.Fatalf("List gives %q\nwant %q", listed, names)
	}
}

// TestViewsStay takes a view after each change, and looks at them all in the end.
func TestViewsStay(t *testing.T) {
	var m Map
	var views []View
	for i := range 500 {
		views = append(views, m.Load())
		m.Set(flag(strconv.Itoa(i), ""))
	}
	for i := range 500 {
		m.Delete(strconv.Itoa(i))
	}
	for i, v := range views {
		if v.Len() != i || len(v.Names()) != i {
			t.Fatalf("view %d has %d flags and %d names", i, v.Len(), len(v.Names()))
		}
		for j := range 500 {
			if f, _ := v.Peek(strconv.Itoa(j)); (f != nil) != (j < i) {
				t.Fatalf("view %d: flag %d is %v", i, j, f)
			}
		}
	}
	if n := m.Load().Len(); n != 0 {
		t.Errorf("%d flags after the last was deleted", n)
	}
}

// TestConcurrent has readers that check that each view is consistent: the writer
// always raises a before b.
func TestConcurrent(t *testing.T) {
	var m Map
	m.Set(flag("a", "0"))
	m.Set(flag("b", "0"))
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := 0; !done.Load(); {
				v := m.Load()
				fa, _ := v.Peek("a")
				fb, _ := v.Peek("b")
				a, _ := strconv.Atoi(fa.Revision)
				b, _ := strconv.Atoi(fb.Revision)
				if a != b && a != b+1 || a < last {
					t.Errorf("a is %d and b is %d, after %d", a, b, last)
					return
				}
				last = a
				if names := v.Names(); len(names) != v.Len() {
					t.Errorf("%d names of %d", len(names), v.Len())
					return
				}
			}
		})
	}
	var writers sync.WaitGroup
	for w := range 3 {
		writers.Go(func() {
			for i := range 300 {
				m.Set(flag(fmt.Sprint("other", w, i), ""))
			}
		})
	}
	for i := range 2000 {
		m.Set(flag("a", strconv.Itoa(i+1)))
		m.Set(flag("b", strconv.Itoa(i+1)))
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	if n := m.Load().Len(); n != 902 {
		t.Errorf("%d flags, want 902: a writer was lost", n)
	}
}

func TestReplace(t *testing.T) {
	var m Map
	m.Set(flag("old", ""))
	lost := errors.New("connection lost")
	fail := func(yield func(*store.Flag, error) bool) { _ = yield(flag("x", ""), nil) && yield(nil, lost) }
	if err := m.Replace(fail); err != lost || !slices.Equal(m.Load().Names(), []string{"old"}) {
		t.Errorf("failed Replace: %v, holds %q", err, m.Load().Names())
	}
	for _, n := range []int{0, 1, shardLoad - 1, shardLoad, shardLoad + 1, 1000, pageShards * shardLoad, pageShards*shardLoad + 1, 100_000} {
		if err := m.Replace(flags(n)); err != nil {
			t.Fatal(err)
		}
		v := m.Load()
		if v.Len() != n || len(v.Names()) != n {
			t.Errorf("%d flags and %d names, want %d", v.Len(), len(v.Names()), n)
		}
		if n > shardLoad {
			if load := float64(n) / float64(v.root.shards()); load > shardLoad || load < shardLoad/4 {
				t.Errorf("%d flags are in shards of %.1f", n, load)
			}
		}
	}
}

func TestRefresh(t *testing.T) {
	var m Map
	want := func(wantFlag *store.Flag, wantErr error) {
		t.Helper()
		if f, err := m.Load().Get("a"); f != wantFlag || !errors.Is(err, wantErr) {
			t.Errorf("holds %v, %v, want %v, %v", f, err, wantFlag, wantErr)
		}
	}
	f := flag("a", "1")
	lost := errors.New("connection lost")
	for _, step := range []struct {
		f   *store.Flag
		err error
	}{
		{f, nil},
		{nil, &store.UnreadableError{Name: "a"}},
		{f, nil},
		{nil, store.ErrNotFound},
		{nil, &store.UnreadableError{Name: "a"}},
		{nil, store.ErrNotFound},
	} {
		if err := m.Refresh("a", step.f, step.err); err != nil {
			t.Fatal(err)
		}
		want(step.f, step.err)
		if err := m.Refresh("a", nil, lost); err != lost {
			t.Errorf("error is %v, want that of the Get", err)
		}
		want(step.f, step.err)
	}
}

// TestHide has a store that does not know its flags yet, and one that is closed.
func TestHide(t *testing.T) {
	var m Map
	unknown := func(when string) {
		t.Helper()
		v := m.Load()
		for _, name := range []string{"a", "broken", "missing"} {
			if f, known := v.Peek(name); f != nil || known || v.Find(name) != nil {
				t.Errorf("%s: Peek(%q) is %v, %t", when, name, f, known)
			}
			if f, err := v.Get(name); f != nil || err != store.ErrUnavailable {
				t.Errorf("%s: Get(%q) is %v, %v", when, name, f, err)
			}
		}
		if v.Len() != 0 {
			t.Errorf("%s: holds %d flags", when, v.Len())
		}
	}
	m.Hide()
	unknown("at the start")
	a := flag("a", "1")
	m.Set(a)
	m.SetUnreadable(&store.UnreadableError{Name: "broken"})
	unknown("after Set")
	if f, err := m.Held().Get("a"); f != a || err != nil {
		t.Errorf("the owner has %v, %v", f, err)
	}
	m.Show()
	if f, known := m.Load().Peek("a"); f != a || !known || m.Load().Find("a") != a {
		t.Errorf("after Show: Peek is %v, %t", f, known)
	}
	if f, known := m.Load().Peek("missing"); f != nil || !known {
		t.Errorf("after Show: Peek of a missing flag is %v, %t", f, known)
	}
	if f, known := m.Load().Peek("broken"); f != nil || known {
		t.Errorf("after Show: Peek of an unreadable flag is %v, %t", f, known)
	}
	// It was not ready when it was closed: what comes of that must not be shown.
	m.Hide()
	m.Hide()
	m.Show()
	m.Delete("a")
	_ = m.Replace(flags(3))
	unknown("hidden twice")
	m.Show()
	if n := m.Load().Len(); n != 3 {
		t.Errorf("holds %d flags, want 3", n)
	}
}

// TestVersion has what a flag handle relies on.
func TestVersion(t *testing.T) {
	var m Map
	last := m.Load().Version()
	if last == 0 || last != m.Load().Version() {
		t.Error("the version of an empty Map is 0, or changes")
	}
	seen := map[uint64]bool{last: true}
	for name, change := range map[string]func(){
		"Set":           func() { m.Set(flag("a", "1")) },
		"SetUnreadable": func() { m.SetUnreadable(&store.UnreadableError{Name: "b"}) },
		"Replace":       func() { _ = m.Replace(flags(3)) },
		"Delete":        func() { m.Set(flag("c", "")); m.Delete("c") },
		"repaired":      func() { m.SetUnreadable(&store.UnreadableError{Name: "d"}); m.Delete("d") },
	} {
		change()
		now := m.Load().Version()
		if seen[now] || now >= math.MaxUint64/2 {
			t.Errorf("%s: the version %d is that of another view, or too large", name, now)
		}
		seen[now] = true
		m.Delete("missing")
		m.Hide()
		if v := m.Load().Version(); v != math.MaxUint64 {
			t.Errorf("%s: the version of a hidden Map is %d", name, v)
		}
		m.Show()
		if m.Load().Version() != now {
			t.Errorf("%s: the version changed, and nothing else did", name)
		}
	}
}

func TestListEndsWithContext(t *testing.T) {
	var m Map
	_ = m.Replace(flags(10))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, last = range m.Load().List(ctx) {
		if n++; n == 3 {
			cancel()
		}
	}
	if n != 4 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d items, the last %v", n, last)
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	var m Map
	_ = m.Replace(flags(1000))
	m.SetUnreadable(&store.UnreadableError{Name: "broken"})
	for _, name := range []string{"flag-7", "missing", "broken"} {
		if n := testing.AllocsPerRun(100, func() {
			v := m.Load()
			_, _ = v.Peek(name)
			_, _ = v.Get(name)
		}); n != 0 {
			t.Errorf("reading %q allocates %v times", name, n)
		}
	}
}

func flags(n int) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		for i := range n {
			if !yield(flag("flag-"+strconv.Itoa(i), ""), nil) {
				return
			}
		}
	}
}

var sizes = []int{10, 1000, 100_000}

func names(n int) []string {
	names := make([]string, 256) // what a service asks, in an order that is hard to foresee
	for i := range names {
		names[i] = "flag-" + strconv.Itoa(rand.IntN(n))
	}
	return names
}

// BenchmarkGet compares with the floor: a plain map behind an atomic pointer,
// whose every change would copy it all.
func BenchmarkGet(b *testing.B) {
	for _, n := range sizes {
		names := names(n)
		plain := map[string]*store.Flag{}
		for f := range flags(n) {
			plain[f.Name] = f
		}
		var floor atomic.Pointer[map[string]*store.Flag]
		floor.Store(&plain)
		var m Map
		_ = m.Replace(flags(n))
		b.Run(fmt.Sprintf("floor/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if (*floor.Load())[names[i%len(names)]] == nil {
					b.Fatal("missing")
				}
				i++
			}
		})
		b.Run(fmt.Sprintf("snapshot/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if f, _ := m.Load().Peek(names[i%len(names)]); f == nil {
					b.Fatal("missing")
				}
				i++
			}
		})
	}
}

func BenchmarkSet(b *testing.B) {
	for _, n := range sizes {
		names := names(n)
		b.Run(fmt.Sprintf("snapshot/%d", n), func(b *testing.B) {
			var m Map
			_ = m.Replace(flags(n))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				m.Set(flag(names[i%len(names)], ""))
				i++
			}
		})
		b.Run(fmt.Sprintf("delete and set/%d", n), func(b *testing.B) {
			var m Map
			_ = m.Replace(flags(n))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				m.Delete(names[i%len(names)])
				m.Set(flag(names[i%len(names)], ""))
				i++
			}
		})
		b.Run(fmt.Sprintf("floor/%d", n), func(b *testing.B) {
			plain := map[string]*store.Flag{}
			for f := range flags(n) {
				plain[f.Name] = f
			}
			i := 0
			for b.Loop() {
				plain = maps.Clone(plain)
				plain[names[i%len(names)]] = flag(names[i%len(names)], "")
				i++
			}
		})
	}
}
