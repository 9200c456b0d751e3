// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A fault is one way in which a store is wrong.
type fault string

// A backend is what several handles share: what a server would be.
type backend struct {
	mu       sync.Mutex
	items    map[string]item
	revision int
	broken   bool
	healed   chan struct{}
	notifier store.Notifier
	told     int
	previous string
}

// An item is a stored form. aliased is for stores that keep the flag instead.
type item struct {
	raw      []byte
	revision int
	aliased  *store.Flag
}

// A faulty store is correct, but for its fault. Without one, it shows that the
// suite accepts a store that is no relative of those in this module.
type faulty struct {
	fault
	*backend
	closed *bool
	cache  map[string]*store.Flag // of the fault in Peek
	slow   []chan struct{}        // of the fault in Watch
}

func newFaulty(f fault) *faulty {
	return &faulty{
		fault:   f,
		backend: &backend{items: map[string]item{}},
		closed:  new(bool),
		cache:   map[string]*store.Flag{},
	}
}

func (s *faulty) is(f fault) bool { return s.fault == f }

// begin locks the backend, unless the call is to fail.
func (s *faulty) begin(ctx context.Context) error {
	if !s.is("ignores an ended context") && ctx.Err() != nil {
		return ctx.Err()
	}
	s.mu.Lock()
	if s.broken {
		healed := s.healed
		s.mu.Unlock()
		switch {
		case s.is("hangs when broken"):
			<-healed
		case s.is("lies when broken"):
			return store.ErrNotFound
		case s.is("fails when broken with an error of its own"):
			return errors.New("connection refused")
		}
		return fmt.Errorf("%w: connection refused", store.ErrUnavailable)
	}
	if *s.closed && !s.is("works after close") {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

// between lets other calls in, where the fault is that a call is not atomic.
func (s *faulty) between() {
	s.mu.Unlock()
	runtime.Gosched()
	s.mu.Lock()
}

func (s *faulty) key(name string) string {
	switch s.fault {
	case "trims names":
		return strings.TrimSpace(name)
	case "lowers names":
		return strings.ToLower(name)
	case "collapses slashes":
		return path.Clean(name)
	case "ends names at NUL":
		name, _, _ = strings.Cut(name, "\x00")
	case "composes names":
		return strings.ReplaceAll(name, "e\u0301", "é")
	case "cuts names":
		return name[:min(len(name), 512)]
	}
	return name
}

func (s *faulty) read(name string) (*store.Flag, error) {
	it, ok := s.items[s.key(name)]
	if !ok {
		if s.is("has an error of its own for what is missing") {
			return nil, errors.New("no such flag")
		}
		return nil, fmt.Errorf("get %q: %w", name, store.ErrNotFound)
	}
	if it.aliased != nil {
		return it.aliased, nil
	}
	f, err := store.Decode(name, it.raw)
	if err != nil {
		switch s.fault {
		case "takes the unreadable for missing":
			return nil, store.ErrNotFound
		case "forgets which is unreadable":
			return nil, fmt.Errorf("%w: %v", store.ErrUnreadable, err)
		}
		return nil, err
	}
	f.Revision = strconv.Itoa(it.revision)
	switch s.fault {
	case "takes a flag with unreadable rules for unreadable":
		if err := f.Rules().Err(); err != nil {
			return nil, err
		}
	case "keeps the rules of before":
		// As if they were prepared once for each flag.
		before, ok := s.cache[name]
		if !ok {
			s.cache[name] = f
			return f, nil
		}
		next := before.Clone()
		next.Enabled, next.ClientData, next.Conditions, next.Bucketer, next.Revision = f.Enabled, f.ClientData, f.Conditions, f.Bucketer, f.Revision
		return next, nil
	}
	return f, nil
}

func (s *faulty) Get(ctx context.Context, name string) (*store.Flag, error) {
	if s.is("ignores an ended context") {
		ctx = context.WithoutCancel(ctx)
	}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	return s.read(name)
}

func (s *faulty) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	raw, err := s.encode(f)
	if err != nil && s.is("stores what it refuses") {
		s.items[s.key(f.Name)] = item{raw: []byte("invalid")}
	}
	if err != nil {
		return nil, err
	}
	if s.is("refuses with an error of its own") && len(f.ClientData) > 100<<10 {
		return nil, errors.New("too large")
	}
	it, ok := s.items[s.key(f.Name)]
	switch {
	case f.Revision == "" && ok && s.is("creates over the unreadable"):
		if _, err := store.Decode(f.Name, it.raw); err == nil {
			return nil, store.ErrExists
		}
	case f.Revision == "" && ok && s.is("says conflict for what exists"):
		return nil, store.ErrConflict
	case f.Revision == "" && ok && !s.is("create overwrites"):
		return nil, fmt.Errorf("put %q: %w", f.Name, store.ErrExists)
	case f.Revision != "" && !ok && s.is("says missing for a revision that is gone"):
		return nil, store.ErrNotFound
	case f.Revision != "" && !ok && s.is("brings back the deleted"):
	case f.Revision != "" && s.is("ignores the revision"):
	case f.Revision != "" && (!ok || strconv.Itoa(it.revision) != f.Revision):
		return nil, fmt.Errorf("put %q: %w", f.Name, store.ErrConflict)
	}
	switch {
	case s.is("loses updates"), s.is("two creators win") && f.Revision == "":
		s.between()
	}
	s.revision++
	next := item{raw: raw, revision: s.revision}
	switch s.fault {
	case "begins revisions anew":
		next.revision = it.revision + 1
	case "keeps the revision":
		next.revision = max(it.revision, 1)
	case "keeps what it is given":
		next.aliased = f
		f.Revision = strconv.Itoa(next.revision)
	case "modifies what it is given":
		f.Revision = strconv.Itoa(next.revision)
	case "modifies what it gave out":
		if it.aliased != nil {
			*it.aliased = *f
			it.aliased.Revision = strconv.Itoa(next.revision)
			next.aliased = it.aliased
		} else {
			next.aliased = f.Clone()
			next.aliased.Revision = strconv.Itoa(next.revision)
		}
	}
	s.items[s.key(f.Name)] = next
	if !s.is("watch misses rules") || f.Rules().IsZero() || !ok {
		s.notify(f.Name, !ok)
	}
	if s.is("returns what it was given") {
		return f, nil
	}
	return s.read(f.Name)
}

// encode returns the stored form.
func (s *faulty) encode(f *store.Flag) ([]byte, error) {
	switch s.fault {
	case "takes any size", "takes rules of any size":
		if big := f.ClientData; len(big) > 400<<10 {
			f = f.Clone()
			f.ClientData = ""
			raw, err := store.Encode(f)
			return []byte(strings.Replace(string(raw), `"client_data": {}`, `"client_data": `+string(big), 1)), err
		}
	case "drops unknown fields":
		f = &store.Flag{Name: f.Name, Enabled: f.Enabled, Created: f.Created, ClientData: f.ClientData, Conditions: f.Conditions, Bucketer: f.Bucketer}
	case "takes ints for floats":
		f = f.Clone()
		var v any
		if json.Unmarshal([]byte(f.ClientData), &v) == nil {
			text, _ := json.Marshal(v)
			f.ClientData = targeting.JSON(text)
		}
	case "writes client data anew":
		f = f.Clone()
		if v, err := store.ParseClientData(f.ClientData); err == nil {
			f.ClientData = targeting.JSON(v.String())
		}
	case "drops reserved names":
		f = f.Clone()
		f.ClientData = withoutReserved(f.ClientData)
	case "drops unreadable rules":
		if f.Rules().Err() != nil {
			f = f.Clone()
			f.ClientData = withoutReserved(f.ClientData)
		}
	case "refuses unreadable rules that it has":
		if err := f.Rules().Err(); err != nil {
			return nil, fmt.Errorf("%w: %v", store.ErrInvalid, err)
		}
	case "takes ints for floats in rules":
		var clientData map[string]json.RawMessage
		if !f.Rules().IsZero() && json.Unmarshal([]byte(f.ClientData), &clientData) == nil {
			var v any
			if json.Unmarshal(clientData[store.RulesKey], &v) == nil {
				f = f.Clone()
				clientData[store.RulesKey], _ = json.Marshal(v)
				text, _ := json.Marshal(clientData)
				f.ClientData = targeting.JSON(text)
			}
		}
	case "writes rules anew":
		if s := f.Rules(); !s.IsZero() && s.Err() == nil {
			s, err := rules.New(f.Name, s.Definition())
			if err != nil {
				return nil, err
			}
			f = f.Clone()
			if err := f.SetRules(s); err != nil {
				return nil, err
			}
		}
	case "drops conditions":
		f = f.Clone()
		f.Conditions = nil
	}
	return store.Encode(f)
}

func withoutReserved(clientData targeting.JSON) targeting.JSON {
	fields, err := targeting.SplitObject(clientData)
	if err != nil {
		return clientData
	}
	fields = slices.DeleteFunc(fields, func(f targeting.Field) bool { return store.IsReserved(f.Name) })
	return targeting.JSON(targeting.AppendObject(nil, fields))
}

func (s *faulty) Delete(ctx context.Context, name string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	it, ok := s.items[s.key(name)]
	if !ok {
		if s.is("deletes what is missing") {
			return nil
		}
		return store.ErrNotFound
	}
	if s.is("keeps the unreadable") {
		if _, err := store.Decode(name, it.raw); err != nil {
			return err
		}
	}
	delete(s.items, s.key(name))
	if s.is("deletes what is beneath") {
		maps.DeleteFunc(s.items, func(other string, _ item) bool { return name != "" && strings.HasPrefix(other, name+"/") })
	}
	if !s.is("watch misses deletes") {
		s.notify(name, false)
	}
	return nil
}

func (s *faulty) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		if err := s.begin(ctx); err != nil {
			yield(nil, err)
			return
		}
		names := slices.Sorted(maps.Keys(s.items))
		if s.is("locks while it lists") {
			defer s.mu.Unlock()
		} else {
			s.mu.Unlock()
		}
		switch s.fault {
		case "lists backwards":
			slices.Reverse(names)
		case "lists in no order":
			names = slices.Collect(maps.Keys(s.items))
		case "lists without regard to case":
			slices.SortStableFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		case "lists one page":
			names = names[:min(len(names), 100)]
		case "lists the seam of pages twice":
			if len(names) > 100 {
				names = slices.Insert(names, 100, names[99])
			}
		case "lists all but the last":
			names = names[:max(0, len(names)-1)]
		}
		for _, name := range names {
			if ctx.Err() != nil {
				yield(nil, ctx.Err())
				return
			}
			if !s.is("locks while it lists") {
				s.mu.Lock()
			}
			f, err := s.read(name)
			if !s.is("locks while it lists") {
				s.mu.Unlock()
			}
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted meanwhile
			}
			if err != nil && s.is("lists around the unreadable") {
				continue
			}
			if !yield(f, err) && !s.is("lists on after break") {
				return
			}
			if err != nil && s.is("stops listing at the unreadable") {
				return
			}
		}
	}
}

// notify tells watchers of a change, which is made while the lock is held.
func (s *faulty) notify(name string, created bool) {
	switch s.fault {
	case "watch misses new flags":
		if created {
			return
		}
	case "watch misses now and then":
		if s.told++; s.told%7 == 0 {
			return
		}
	case "watch is late by one":
		name, s.previous = s.previous, name
	case "waits for slow readers":
		for _, slow := range s.slow {
			slow <- struct{}{}
		}
	}
	s.notifier.Notify(name)
}

func (s *faulty) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		if s.is("ignores an ended context") {
			_ = yield(store.Change{All: true}, nil)
			return
		}
		if s.is("watch does not end") {
			ctx = context.WithoutCancel(ctx)
		}
		if s.is("watch leaves goroutines behind") {
			go func() { select {} }()
		}
		if s.is("waits for slow readers") {
			// As with a queue of its own for each reader, which is full.
			slow := make(chan struct{}, 3)
			s.mu.Lock()
			s.slow = append(s.slow, slow)
			s.mu.Unlock()
			for change, err := range s.notifier.Watch(ctx) {
				if !yield(change, err) {
					return
				}
				for range len(slow) {
					<-slow
				}
			}
			return
		}
		first := true
		for change, err := range s.notifier.Watch(ctx) {
			if first && s.is("watch begins without everything") {
				first = false
				continue
			}
			if s.is("watch ends silently at close") && errors.Is(err, store.ErrClosed) {
				return
			}
			if s.is("watch tells unsorted names twice") {
				change.Names = append(change.Names, change.Names...)
			}
			if s.is("watch ends with an error") && ctx.Err() != nil {
				err = ctx.Err()
			}
			if !yield(change, err) {
				return
			}
		}
		if s.is("watch ends with an error") {
			yield(store.Change{}, ctx.Err())
		}
	}
}

func (s *faulty) Peek(name string) (*store.Flag, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, ok := s.items[name]
	switch {
	case *s.closed:
		return nil, false
	case s.is("peek is stale"):
		if f, ok := s.cache[name]; ok {
			return f, true
		}
		s.cache[name], _ = s.read(name)
		return s.cache[name], true
	case s.is("peek takes the unreadable for missing"):
		if _, err := store.Decode(name, it.raw); err != nil {
			return nil, true
		}
	case s.is("peek allocates"):
		f, _ := s.read(name)
		return f, true
	}
	return nil, !ok
}

func (s *faulty) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if *s.closed && s.is("fails to close twice") {
		return errors.New("closed already")
	}
	*s.closed = true
	s.notifier.Close()
	return nil
}

// second returns another handle, which can be closed by itself in a store that is
// no test's.
func (s *faulty) second() *faulty {
	other := *s
	other.cache = map[string]*store.Flag{}
	if s.is("hears of its own changes only") {
		// What this handle writes is told to nobody else.
		other.backend = &backend{items: s.items}
	}
	return &other
}

func (s *faulty) corrupt(_ *testing.T, st store.Store, name string, raw []byte) {
	f := st.(*faulty)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revision++
	f.items[name] = item{raw: raw, revision: f.revision}
	f.notifier.Notify(name)
}

func breakIt(_ *testing.T, st store.Store) func() {
	s := st.(*faulty)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.healed = true, make(chan struct{})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.is("stays broken") {
			return
		}
		s.broken = false
		close(s.healed)
	}
}
