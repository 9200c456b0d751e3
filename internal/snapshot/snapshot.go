// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package snapshot holds flags in memory for stores that answer reads from there.
//
// A [Map] is a persistent hash map behind an atomic pointer. A reader loads the
// pointer and has a [View], a consistent state of all flags that never changes:
// no locks, no allocation, the same cost with ten flags and with a hundred
// thousand. A writer copies what it changes and little else, and swaps the
// pointer.
//
// Besides flags it holds the names whose stored form is unreadable, so that a
// store's reads are those of its View.
//
// The flag client reads a store's Map itself, without a call in between; see [Of].
// So a Map can be hidden while it is not known to be right.
package snapshot

import (
	"context"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flipper-go/flipper/store"
)

// A Map holds flags by name. The zero value is empty, shown and ready to use. Map
// is safe for concurrent use; its flags must not be modified.
type Map struct {
	shown atomic.Pointer[root] // what Load gives: held, or hiddenRoot
	held  atomic.Pointer[root]

	mu      sync.Mutex // held by the one who changes the others
	hidden  int        // calls of Hide without one of Show
	version uint64     // of the last root that was made
}

// A root is one state of a Map. It is immutable, but for the sorted names, which
// are made when they are first asked for.
type root struct {
	table
	version    uint64
	hidden     bool                              // it knows nothing, not even that there is none
	unreadable map[string]*store.UnreadableError // nil as a rule
	names      atomic.Pointer[[]string]
}

var (
	emptyRoot  = &root{table: newTable(0), version: 1}
	hiddenRoot = &root{table: newTable(0), version: math.MaxUint64, hidden: true}
)

// Load returns the present state. While the Map is hidden, that is a view that knows
// nothing.
func (m *Map) Load() View {
	if r := m.shown.Load(); r != nil {
		return View{r}
	}
	return View{emptyRoot}
}

// Held returns the present state, hidden or not. It is for the store that the Map
// belongs to.
func (m *Map) Held() View { return View{m.load()} }

func (m *Map) load() *root {
	if r := m.held.Load(); r != nil {
		return r
	}
	return emptyRoot
}

// change makes r, which is new, the present state. The caller holds m.mu.
func (m *Map) change(r *root) {
	m.version++
	r.version = emptyRoot.version + m.version
	m.hold(r)
}

func (m *Map) hold(r *root) {
	m.held.Store(r)
	if m.hidden == 0 {
		m.shown.Store(r)
	}
}

// Hide makes Load return a view that knows nothing, until Show has been called as often
// as Hide. What changes in between appears then.
//
// A store hides its Map before it has its flags, and for good when it is closed.
// Readers pay nothing for it.
func (m *Map) Hide() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hidden++
	m.shown.Store(hiddenRoot)
}

// Show takes back one call of [Map.Hide].
func (m *Map) Show() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hidden--
	m.hold(m.load())
}

// Set puts a flag in the place of what has its name, or adds it.
func (m *Map) Set(f *store.Flag) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.load()
	next := &root{table: old.table.with(f), unreadable: withoutName(old.unreadable, f.Name)}
	if next.len() == old.len() {
		next.names.Store(old.names.Load())
	}
	m.change(next)
}

// SetUnreadable notes that what is stored under a name is unreadable.
func (m *Map) SetUnreadable(e *store.UnreadableError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.load()
	unreadable := maps.Clone(old.unreadable)
	if unreadable == nil {
		unreadable = make(map[string]*store.UnreadableError)
	}
	unreadable[e.Name] = e
	m.change(&root{table: old.table.without(e.Name), unreadable: unreadable})
}

// Delete removes what is there under a name, if anything is.
func (m *Map) Delete(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := m.load()
	if _, unreadable := old.unreadable[name]; !unreadable && old.find(name) == nil {
		return
	}
	m.change(&root{table: old.table.without(name), unreadable: withoutName(old.unreadable, name)})
}

// Refresh takes what a store's Get of a name has given: the flag, that there is
// none, or that it is unreadable. Any other error it returns, and changes
// nothing.
func (m *Map) Refresh(name string, f *store.Flag, err error) error {
	switch e, unreadable := asUnreadable(err); {
	case err == nil:
		m.Set(f)
	case unreadable:
		m.SetUnreadable(e)
	case errors.Is(err, store.ErrNotFound):
		m.Delete(name)
	default:
		return err
	}
	return nil
}

// Replace replaces everything by what a store's List yields; of a name that
// comes twice, the last counts. On an error that is not about one unreadable
// flag, it returns that error and changes nothing.
func (m *Map) Replace(all iter.Seq2[*store.Flag, error]) error {
	var flags []*store.Flag
	var unreadable map[string]*store.UnreadableError
	for f, err := range all {
		if err == nil {
			flags = append(flags, f)
			continue
		}
		e, ok := asUnreadable(err)
		if !ok {
			return err
		}
		if unreadable == nil {
			unreadable = make(map[string]*store.UnreadableError)
		}
		unreadable[e.Name] = e
	}
	t := newTable(len(flags))
	for _, f := range flags {
		t.insert(hashName(f.Name), f)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change(&root{table: t, unreadable: unreadable})
	return nil
}

func asUnreadable(err error) (*store.UnreadableError, bool) {
	return errors.AsType[*store.UnreadableError](err)
}

func withoutName(unreadable map[string]*store.UnreadableError, name string) map[string]*store.UnreadableError {
	if _, ok := unreadable[name]; !ok {
		return unreadable
	}
	unreadable = maps.Clone(unreadable)
	delete(unreadable, name)
	return unreadable
}

// A View is one state of a [Map], which never changes.
type View struct{ root *root }

// Version returns a number that identifies the view among those of its Map: if it is
// that of another one, both say the same of every flag. So what a view has said
// can be kept without keeping the view, which holds flags that were replaced. It
// is never 0. A view that knows nothing has the largest number, which fits into 64
// bits where those of others fit into 63.
func (v View) Version() uint64 { return v.root.version }

// Len returns the number of flags, unreadable ones included.
func (v View) Len() int { return v.root.len() }

func (r *root) len() int { return r.count + len(r.unreadable) }

// Find returns the flag, or nil if there is none, or it is unreadable, or the view
// knows nothing: [View.Peek] tells which. It neither blocks nor allocates.
func (v View) Find(name string) *store.Flag { return v.root.find(name) }

// Peek implements [store.Peeker]. It neither blocks nor allocates.
func (v View) Peek(name string) (f *store.Flag, known bool) {
	if f = v.root.find(name); f != nil {
		return f, true
	}
	return nil, v.root.knowsNone(name)
}

// knowsNone reports whether it is certain that there is no flag of a name that
// find has not found.
func (r *root) knowsNone(name string) bool {
	_, unreadable := r.unreadable[name]
	return !unreadable && !r.hidden
}

// Get returns the flag, the bare [store.ErrNotFound], or the
// [*store.UnreadableError]; a view of a hidden Map returns the bare
// [store.ErrUnavailable]. It does not allocate.
func (v View) Get(name string) (*store.Flag, error) {
	if f := v.root.find(name); f != nil {
		return f, nil
	}
	if e, ok := v.root.unreadable[name]; ok {
		return nil, e
	}
	if v.root.hidden {
		return nil, store.ErrUnavailable
	}
	return nil, store.ErrNotFound
}

// Names returns all names, sorted, those of unreadable flags included. The slice is
// shared: do not modify it.
func (v View) Names() []string {
	if names := v.root.names.Load(); names != nil {
		return *names
	}
	names := make([]string, 0, v.Len())
	for f := range v.root.all {
		names = append(names, f.Name)
	}
	for name := range v.root.unreadable {
		names = append(names, name)
	}
	slices.Sort(names)
	v.root.names.Store(&names)
	return names
}

// List is what [store.Store] asks of a List: the flags of this view.
func (v View) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		for _, name := range v.Names() {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(v.Get(name)) {
				return
			}
		}
	}
}
