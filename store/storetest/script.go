// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flipper-go/flipper/store"
)

// An op is one call of a script, with what has to come of it.
type op func(t *testing.T, r *scriptRun)

// A scriptRun is a script under way. It knows flags by the names that the script
// gives to their states.
type scriptRun struct {
	store  store.Store
	states map[string]*store.Flag
	label  string
}

// opCreate puts a flag with the empty revision.
func opCreate(name, state string, want error) op {
	return opPutRevision(name, "", state, want)
}

// opPut puts the next state of a flag with the revision that state over has.
func opPut(over, next string, want error) op {
	return func(t *testing.T, r *scriptRun) {
		t.Helper()
		f := r.states[over]
		opPutRevision(f.Name, f.Revision, next, want)(t, r)
	}
}

// opPutRevision puts a flag with a revision.
func opPutRevision(name, revision, state string, want error) op {
	return func(t *testing.T, r *scriptRun) {
		t.Helper()
		f := content(name, state)
		f.Revision = revision
		got, err := r.store.Put(t.Context(), f)
		what := fmt.Sprintf("%s: put %q as %s with revision %q", r.label, name, state, revision)
		wantError(t, what, got, err, want)
		if err == nil {
			sameFlag(t, what, got, content(name, state))
			for _, other := range r.states {
				if other.Name == name && other.Revision == got.Revision {
					t.Errorf("%s: revision %q is that of an earlier state", what, got.Revision)
				}
			}
			r.states[state] = got
		}
		if f.Revision != revision || f.Name != name {
			t.Errorf("%s: modifies the flag that it is given", what)
		}
	}
}

// opGet reads a flag, which has to be in a state.
func opGet(name, state string, want error) op {
	return func(t *testing.T, r *scriptRun) {
		t.Helper()
		f, err := r.store.Get(t.Context(), name)
		what := fmt.Sprintf("%s: get %q", r.label, name)
		wantError(t, what, f, err, want)
		if want == nil {
			sameFlag(t, what, f, r.states[state])
		}
	}
}

func opDelete(name string, want error) op {
	return func(t *testing.T, r *scriptRun) {
		t.Helper()
		wantError(t, fmt.Sprintf("%s: delete %q", r.label, name), nil, r.store.Delete(t.Context(), name), want)
	}
}

// opList lists all flags, which have to be in these states, in this order.
func opList(states ...string) op {
	return func(t *testing.T, r *scriptRun) {
		t.Helper()
		var got, want []string
		for f, err := range r.store.List(t.Context()) {
			if err != nil {
				t.Errorf("%s: list: %v", r.label, err)
				return
			}
			got = append(got, describe(t, f)+" "+f.Revision)
		}
		for _, state := range states {
			f := r.states[state]
			want = append(want, describe(t, f)+" "+f.Revision)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: list gives\n     %q\nwant %q", r.label, got, want)
		}
	}
}

var (
	notFound = store.ErrNotFound
	exists   = store.ErrExists
	conflict = store.ErrConflict
)

var scripts = []struct {
	name string
	ops  []op
}{
	{"NothingThere", []op{
		opGet("A", "", notFound),
		opDelete("A", notFound),
		opList(),
	}},
	{"Create", []op{
		opCreate("A", "A1", nil),
		opGet("A", "A1", nil),
		opList("A1"),
		opCreate("A", "A2", exists),
		opGet("A", "A1", nil),
		opList("A1"),
	}},
	{"Change", []op{
		opCreate("A", "A1", nil),
		opPut("A1", "A02", nil),
		opGet("A", "A02", nil),
		opPut("A02", "A3", nil),
		opGet("A", "A3", nil),
		opList("A3"),
	}},
	{"Delete", []op{
		opCreate("A", "A1", nil),
		opDelete("A", nil),
		opGet("A", "", notFound),
		opList(),
		opDelete("A", notFound),
		opCreate("A", "A2", nil),
		opGet("A", "A2", nil),
		opList("A2"),
	}},
	{"TwoFlags", []op{
		opCreate("B", "B1", nil),
		opCreate("A", "A1", nil),
		opList("A1", "B1"),
		opPut("A1", "A2", nil),
		opGet("B", "B1", nil),
		opGet("A", "A2", nil),
		opDelete("A", nil),
		opGet("B", "B1", nil),
		opList("B1"),
	}},
	{"StaleRevision", []op{
		opCreate("A", "A1", nil),
		opPut("A1", "A2", nil),
		opPut("A1", "A3", conflict),
		opGet("A", "A2", nil),
		opPut("A2", "A4", nil),
		opPut("A1", "A5", conflict),
		opPut("A2", "A5", conflict),
		opGet("A", "A4", nil),
	}},
	{"UnknownRevision", []op{
		opPutRevision("A", "no such revision", "A1", conflict),
		opPutRevision("A", "1", "A1", conflict),
		opGet("A", "", notFound),
		opCreate("A", "A1", nil),
		opPutRevision("A", "no such revision", "A2", conflict),
		opGet("A", "A1", nil),
		opList("A1"),
	}},
	{"RevisionOfDeleted", []op{
		opCreate("A", "A1", nil),
		opDelete("A", nil),
		opPut("A1", "A2", conflict),
		opGet("A", "", notFound),
		opList(),
	}},
	// The flag is not the one that was read, although it has its name again.
	{"RevisionOfRecreated", []op{
		opCreate("A", "A1", nil),
		opDelete("A", nil),
		opCreate("A", "A2", nil),
		opPut("A1", "A3", conflict),
		opGet("A", "A2", nil),
		opPut("A2", "A4", nil),
		opDelete("A", nil),
		opCreate("A", "A5", nil),
		opPut("A1", "A6", conflict),
		opPut("A2", "A6", conflict),
		opPut("A4", "A6", conflict),
		opGet("A", "A5", nil),
	}},
	{"Sorted", []op{
		opCreate("b", "b1", nil),
		opCreate("a", "a1", nil),
		opCreate("B", "B1", nil),
		opCreate("ab", "ab1", nil),
		opCreate("é", "é1", nil),
		opCreate("z", "z1", nil),
		opList("B1", "a1", "ab1", "b1", "z1", "é1"),
		opPut("b1", "b2", nil),
		opDelete("a", nil),
		opList("B1", "ab1", "b2", "z1", "é1"),
	}},
}

func (s *suite) testScripts(t *testing.T) {
	for _, script := range scripts {
		t.Run(script.name, func(t *testing.T) {
			r := &scriptRun{store: s.New(t), states: map[string]*store.Flag{}}
			for i, op := range script.ops {
				r.label = fmt.Sprintf("line %d", i+1)
				if op(t, r); t.Failed() {
					return // what follows may rest on it
				}
			}
		})
	}
}
