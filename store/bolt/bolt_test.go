// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/snapshot/snapshottest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) {
	if child := os.Getenv(childVariable); child != "" {
		runChild(child)
		return
	}
	goleak.VerifyTestMain(m)
}

func newStore(t testing.TB, path string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// withoutSync is for tests of what does not rest on the disk, which may be slow.
func withoutSync(o *options) { o.noSync = true }

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "flags.db") }

func TestStore(t *testing.T) { storetest.Run(t, harness()) }

func harness() storetest.Harness {
	return storetest.Harness{
		New: func(t *testing.T) store.Store { return newStore(t, newPath(t), withoutSync) },
		Corrupt: func(t *testing.T, st store.Store, name string, raw []byte) {
			s := st.(*Store)
			putRaw(t, s.db, name, value("1000000", raw))
			// As when it is read at the start.
			if err := s.reload(name); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// putRaw stores what need not be a flag, with its checksum.
func putRaw(t *testing.T, db *bbolt.DB, name string, raw []byte) {
	t.Helper()
	if err := db.Update(func(tx *bbolt.Tx) error {
		c, err := contentsOf(tx)
		if err != nil {
			return err
		}
		return c.put(key(name), raw)
	}); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Store, f *store.Flag) *store.Flag {
	t.Helper()
	stored, err := s.Put(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func names(t *testing.T, s *Store) []string {
	t.Helper()
	var names []string
	for f, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	return names
}

func TestReopen(t *testing.T) {
	path := newPath(t)
	s := newStore(t, path)
	first := put(t, s, &store.Flag{Name: "FIRST", Enabled: true, Created: time.Unix(1, 0), ClientData: `{"n": 1.0}`})
	put(t, s, &store.Flag{Name: ""})
	gone := put(t, s, &store.Flag{Name: "GONE"})
	if err := s.Delete(t.Context(), "GONE"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}

	s = newStore(t, path)
	if got := names(t, s); !slices.Equal(got, []string{"", "FIRST"}) {
		t.Errorf("after it was opened again there is %q", got)
	}
	got, err := s.Get(t.Context(), "FIRST")
	if err != nil || got.Revision != first.Revision || got.ClientData != first.ClientData || !got.Enabled || !got.Created.Equal(first.Created) {
		t.Errorf("after it was opened again: %+v, %v", got, err)
	}
	// Revisions are not given again, not even that of the last write before.
	if next := put(t, s, &store.Flag{Name: "GONE"}); next.Revision == gone.Revision || next.Revision == first.Revision {
		t.Errorf("revision %s is given again", next.Revision)
	}
	if _, err := s.Put(t.Context(), gone); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put with the revision of a deleted flag: %v", err)
	}
	change := first.Clone()
	change.Enabled = false
	if _, err := s.Put(t.Context(), change); err != nil {
		t.Errorf("put with a revision from before: %v", err)
	}
}

// TestUnreadableAtStart opens a file with items that nobody can read.
func TestUnreadableAtStart(t *testing.T) {
	path := newPath(t)
	s := newStore(t, path)
	for _, name := range []string{"A", "B", "C", "Z"} {
		put(t, s, &store.Flag{Name: name})
	}
	putRaw(t, s.db, "B", []byte("no revision"))
	putRaw(t, s.db, "C", []byte("12\nnot JSON"))
	putRaw(t, s.db, "D", nil)
	putRaw(t, s.db, "E", []byte("-1\n{}"))
	putRaw(t, s.db, "\xff", []byte("12\n{}"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = newStore(t, path)
	var good, bad []string
	for f, err := range s.List(t.Context()) {
		if e, ok := errors.AsType[*store.UnreadableError](err); ok {
			bad = append(bad, e.Name)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		good = append(good, f.Name)
	}
	if !slices.Equal(good, []string{"A", "Z"}) || !slices.Equal(bad, []string{"B", "C", "D", "E", "\xff"}) {
		t.Errorf("readable: %q, unreadable: %q", good, bad)
	}
	for _, name := range bad {
		if f, known := s.Peek(name); f != nil || known {
			t.Errorf("peek %q: %v, %t", name, f, known)
		}
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("delete %q: %v", name, err)
		}
	}
	if got := names(t, s); !slices.Equal(got, []string{"A", "Z"}) {
		t.Errorf("after they were deleted there is %q", got)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "such", "folder", "flags.db")
	_, err := Open(missing)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), filepath.Dir(missing)) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "flags.db")); err == nil {
		t.Error("a file in the place of the folder: no error")
	}
}

func TestLockedInProcess(t *testing.T) {
	path := newPath(t)
	s := newStore(t, path)
	start := time.Now()
	_, err := Open(path, WithLockTimeout(100*time.Millisecond))
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Errorf("second Open: %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	put(t, s, &store.Flag{Name: "STILL_WORKS"})
}

// TestBatch commits writes that depend on each other in one transaction.
func TestBatch(t *testing.T) {
	s := newStore(t, newPath(t))
	first := put(t, s, &store.Flag{Name: "A"})
	newWrite := func(name, over string, isDelete bool) *write {
		w := &write{ctx: t.Context(), name: name, over: over, done: make(chan error, 1)}
		if !isDelete {
			w.text, _ = store.Encode(&store.Flag{Name: name})
			w.flag, _ = store.Decode(name, w.text)
		}
		return w
	}
	batch := []*write{
		newWrite("A", first.Revision, false), newWrite("A", first.Revision, false),
		newWrite("B", "", false), newWrite("B", "", false), newWrite("B", "", true), newWrite("B", "", true), newWrite("B", "", false),
		newWrite("A", "", false),
	}
	s.commit(batch)
	want := []error{nil, store.ErrConflict, nil, store.ErrExists, nil, store.ErrNotFound, nil, store.ErrExists}
	for i, w := range batch {
		if err := <-w.done; !errors.Is(err, want[i]) || want[i] == nil && err != nil {
			t.Errorf("write %d: %v, want %v", i, err, want[i])
		}
	}
	for _, w := range []*write{batch[0], batch[6]} {
		if f, err := s.Get(t.Context(), w.name); err != nil || f.Revision != w.flag.Revision {
			t.Errorf("%s: %v, %v, want revision %s", w.name, f, err, w.flag.Revision)
		}
	}
	if err := s.reload("A", "B"); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Get(t.Context(), "B"); err != nil || f.Revision != batch[6].flag.Revision {
		t.Errorf("the file has %v, %v", f, err)
	}
}

// TestFailedButStored has commits of which the disk did not say that they are
// done, though the file has them.
func TestFailedButStored(t *testing.T) {
	s := newStore(t, newPath(t))
	put(t, s, &store.Flag{Name: "DELETED"})
	text, err := store.Encode(&store.Flag{Name: "NEW", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	putRaw(t, s.db, "NEW", value("777", text))
	putRaw(t, s.db, "BROKEN", []byte("not JSON"))
	if err := s.db.Update(func(tx *bbolt.Tx) error {
		c, err := contentsOf(tx)
		return errors.Join(err, c.delete(key("DELETED")))
	}); err != nil {
		t.Fatal(err)
	}

	batch := []*write{{name: "NEW"}, {name: "BROKEN"}, {name: "DELETED"}, {name: "LOST", err: store.ErrConflict}}
	s.failed(batch, errors.New("sync failed"))
	for _, w := range batch[:3] {
		if !errors.Is(w.err, store.ErrUnavailable) || !strings.Contains(w.err.Error(), "sync failed") {
			t.Errorf("%s: error is %v", w.name, w.err)
		}
	}
	if batch[3].err != store.ErrConflict {
		t.Errorf("the error of a write that had failed before became %v", batch[3].err)
	}
	if f, err := s.Get(t.Context(), "NEW"); err != nil || f.Revision != "777" {
		t.Errorf("get: %v, %v", f, err)
	}
	if _, err := s.Get(t.Context(), "DELETED"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get deleted: %v", err)
	}
	if _, err := s.Get(t.Context(), "BROKEN"); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("get broken: %v", err)
	}
}

func TestSnapshots(t *testing.T) {
	snapshottest.Run(t, newStore(t, newPath(t), withoutSync))
}

func TestReadsDoNotAllocate(t *testing.T) {
	s := newStore(t, newPath(t))
	put(t, s, &store.Flag{Name: "X"})
	ctx := t.Context()
	for _, name := range []string{"X", "missing"} {
		if n := testing.AllocsPerRun(100, func() {
			_, _ = s.Get(ctx, name)
			_, _ = s.Peek(name)
		}); n != 0 {
			t.Errorf("reading %q allocates %v times", name, n)
		}
	}
}
