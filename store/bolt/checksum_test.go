// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// flagsOf opens a file and returns its readable flags by name, and the names of the
// unreadable ones.
func flagsOf(t *testing.T, path string) (flags map[string]*store.Flag, unreadable []string) {
	t.Helper()
	s := newStore(t, path, withoutSync)
	defer s.Close()
	flags = map[string]*store.Flag{}
	for f, err := range s.List(t.Context()) {
		if e, ok := errors.AsType[*store.UnreadableError](err); ok {
			unreadable = append(unreadable, e.Name)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		flags[f.Name] = f
	}
	return flags, unreadable
}

func sameFlag(a, b *store.Flag) bool {
	return a.Name == b.Name && a.Enabled == b.Enabled && a.Revision == b.Revision && a.ClientData == b.ClientData && a.Created.Equal(b.Created)
}

// changedFile returns a file in which flags were changed, deleted and created, so that
// pages with their former states lie in it.
func changedFile(t *testing.T, count, size int) []byte {
	t.Helper()
	path := newPath(t)
	s := newStore(t, path, withoutSync)
	for i := range count {
		put(t, s, &store.Flag{Name: fmt.Sprintf("FLAG%03d", i), ClientData: filling(size)})
	}
	for i := range count {
		name := fmt.Sprintf("FLAG%03d", i)
		if i%5 == 1 {
			if err := s.Delete(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if _, err := store.Update(t.Context(), s, name, func(f *store.Flag) error {
			f.Enabled = true
			f.ClientData = targeting.JSON(strings.Replace(string(f.ClientData), "x", "y", 1))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, &store.Flag{Name: "LAST", Enabled: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

// usedBits returns the bits of a file that are likely to matter: those of the metas
// and of what each page begins with, and others at random.
func usedBits(rnd *rand.Rand, content []byte, others int) []int {
	var bits []int
	pageSize := os.Getpagesize()
	for page := range len(content) / pageSize {
		head := pageHeaderSize + 2*elementSize
		if page < 2 {
			head = pageHeaderSize + metaSize
		}
		for i := range 8 * head {
			if rnd.IntN(max(len(content)/pageSize, 12)) < 4 { // fewer of each page, of a large file
				bits = append(bits, 8*page*pageSize+i)
			}
		}
	}
	var written []int
	for i, b := range content {
		if b != 0 {
			written = append(written, i)
		}
	}
	for range others {
		bits = append(bits, 8*written[rnd.IntN(len(written))]+rnd.IntN(8))
	}
	return bits
}

// TestTurnedBits turns single bits of a file, everywhere. The file is refused, or
// every answer is the flag that was stored, or an error: no flag is changed, comes
// back, goes away or has another's name without a word.
func TestTurnedBits(t *testing.T) {
	for name, c := range map[string]struct{ flags, size, others int }{
		"in the root page":         {4, 10, 300},
		"in pages of their own":    {40, 200, 300},
		"on more than a page":      {6, 6000, 200},
		"below a page of pointers": {120, 200, 300},
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(5, uint64(c.flags)))
			content := changedFile(t, c.flags, c.size)
			path := newPath(t)
			want := func() map[string]*store.Flag {
				must(t, os.WriteFile(path, content, 0o600))
				flags, unreadable := flagsOf(t, path)
				if len(unreadable) > 0 {
					t.Fatalf("unreadable before anything is damaged: %q", unreadable)
				}
				return flags
			}()
			refused, damaged, harmless := 0, 0, 0
			for _, bit := range usedBits(rnd, content, c.others) {
				turned := bytes.Clone(content)
				turned[bit/8] ^= 1 << (bit % 8)
				must(t, os.WriteFile(path, turned, 0o600))
				what := fmt.Sprintf("bit %d of byte %#x in page %d", bit%8, bit/8%os.Getpagesize(), bit/8/os.Getpagesize())
				s, err := Open(path, withoutSync)
				if err != nil {
					refused++
					if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
						t.Errorf("%s: %v", what, err)
					}
					continue
				}
				if checkAnswers(t, s, what, want) {
					harmless++
				} else {
					damaged++
				}
				must(t, s.Close())
			}
			t.Logf("%d bits: %d times the file is refused, %d times flags are unreadable, %d times all is right",
				refused+damaged+harmless, refused, damaged, harmless)
			if refused < 50 || damaged < 50 || harmless < 50 {
				t.Error("that is not what turned bits do")
			}
		})
	}
}

// checkAnswers compares what a store answers with the flags that there were, and
// reports whether it is all of them.
func checkAnswers(t *testing.T, s *Store, what string, want map[string]*store.Flag) (all bool) {
	t.Helper()
	all = true
	for name, w := range want {
		f, err := s.Get(t.Context(), name)
		switch {
		case errors.Is(err, store.ErrUnreadable):
			all = false
		case err != nil:
			t.Errorf("%s: %s: %v", what, name, err)
		case !sameFlag(f, w):
			t.Errorf("%s: %s is %+v, was %+v", what, name, f, w)
		}
	}
	for f, err := range s.List(t.Context()) {
		if err == nil && want[f.Name] == nil {
			t.Errorf("%s: there is a flag %q, which there was not", what, f.Name)
		}
	}
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFlag has damage of each kind be one flag's error, until the flag is
// deleted.
func TestDamagedFlag(t *testing.T) {
	for what, c := range map[string]struct {
		damage func(c contents) error
		want   error
		names  []string
	}{
		"another value": {func(c contents) error {
			return c.features.Put(key("B"), bytes.Replace(c.features.Get(key("B")), []byte("true"), []byte("false"), 1))
		}, errChecksum, []string{"B"}},
		"an earlier value": {func(c contents) error {
			return c.features.Put(key("B"), bytes.Replace(c.features.Get(key("B")), []byte("2\n"), []byte("1\n"), 1))
		}, errChecksum, []string{"B"}},
		"another flag's value": {func(c contents) error {
			return c.features.Put(key("B"), bytes.Clone(c.features.Get(key("A"))))
		}, errChecksum, []string{"B"}},
		"another name": {func(c contents) error {
			return errors.Join(c.features.Put(key("C"), bytes.Clone(c.features.Get(key("B")))), c.features.Delete(key("B")))
		}, nil, []string{"B", "C"}},
		"another name for both": {func(c contents) error {
			value, sum := c.get(key("B"))
			return errors.Join(c.features.Put(key("C"), bytes.Clone(value)), c.checksums.Put(key("C"), bytes.Clone(sum)), c.delete(key("B")))
		}, errChecksum, []string{"C"}}, // two places that agree: nothing tells of B
		"no value":         {func(c contents) error { return c.features.Delete(key("B")) }, errNoValue, []string{"B"}},
		"no checksum":      {func(c contents) error { return c.checksums.Delete(key("B")) }, errNoChecksum, []string{"B"}},
		"another checksum": {func(c contents) error { return c.checksums.Put(key("B"), make([]byte, 8)) }, errChecksum, []string{"B"}},
		"half a checksum":  {func(c contents) error { return c.checksums.Put(key("B"), c.checksums.Get(key("B"))[:4]) }, errChecksum, []string{"B"}},
	} {
		t.Run(what, func(t *testing.T) {
			path := newPath(t)
			s := newStore(t, path, withoutSync)
			first := put(t, s, &store.Flag{Name: "A", Enabled: true})
			second := put(t, s, &store.Flag{Name: "B", Enabled: true})
			must(t, s.db.Update(func(tx *bbolt.Tx) error {
				all, err := contentsOf(tx)
				must(t, err)
				return c.damage(all)
			}))
			if what == "no value" {
				// Damage that comes while the file is open shows when the flag is written.
				if _, err := s.Put(t.Context(), second); !errors.Is(err, store.ErrConflict) {
					t.Errorf("put: %v", err)
				}
				if _, err := s.Get(t.Context(), "B"); !errors.Is(err, errNoValue) {
					t.Errorf("get after it: %v", err)
				}
			}
			must(t, s.Close())
			flags, unreadable := flagsOf(t, path)
			if len(flags) != 1 || !sameFlag(flags["A"], first) || !slices.Equal(unreadable, c.names) {
				t.Errorf("readable: %v, unreadable: %q, want %q", flags, unreadable, c.names)
			}
			s = newStore(t, path, withoutSync)
			for _, name := range c.names {
				if _, err := s.Get(t.Context(), name); !errors.Is(err, store.ErrUnreadable) || c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("get %s: %v, want %v", name, err, c.want)
				}
				if _, err := s.Put(t.Context(), &store.Flag{Name: name}); !errors.Is(err, store.ErrExists) {
					t.Errorf("create %s: %v", name, err)
				}
				if _, err := store.Update(t.Context(), s, name, func(*store.Flag) error { return nil }); !errors.Is(err, store.ErrUnreadable) {
					t.Errorf("update %s: %v", name, err)
				}
				must(t, s.Delete(t.Context(), name))
				put(t, s, &store.Flag{Name: name})
			}
			must(t, s.Close())
			if flags, unreadable = flagsOf(t, path); len(flags) != 1+len(c.names) || len(unreadable) > 0 {
				t.Errorf("in the end: readable %v, unreadable %q", flags, unreadable)
			}
		})
	}
}

// oldFile makes a file of the first format, without checksums.
func oldFile(t *testing.T, path string, values map[string]string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		identity, err := tx.CreateBucket(identityBucket)
		must(t, err)
		must(t, identity.Put(formatKey, []byte("1")))
		features, err := tx.CreateBucket(featuresBucket)
		must(t, err)
		for name, value := range values {
			must(t, features.Put(key(name), []byte(value)))
		}
		return features.SetSequence(20)
	}))
	must(t, db.Close())
}

// TestOldFile reads a file of the first format as it is, and adds checksums with
// the first write.
func TestOldFile(t *testing.T) {
	path := newPath(t)
	text := func(name string) string {
		text, err := store.Encode(&store.Flag{Name: name, Enabled: true})
		must(t, err)
		return string(text)
	}
	oldFile(t, path, map[string]string{"A": "3\n" + text("A"), "B": "20\n" + text("B"), "BROKEN": "4\nnot JSON", "BARE": text("BARE")})
	before := readFile(t, path)
	flags, unreadable := flagsOf(t, path)
	if len(flags) != 2 || flags["A"].Revision != "3" || !slices.Equal(unreadable, []string{"BARE", "BROKEN"}) {
		t.Errorf("readable: %v, unreadable: %q", flags, unreadable)
	}
	s := newStore(t, path)
	if _, err := s.Put(t.Context(), &store.Flag{Name: "A"}); !errors.Is(err, store.ErrExists) {
		t.Error(err)
	}
	must(t, s.Close())
	if !bytes.Equal(readFile(t, path), before) {
		t.Error("the file is changed by what changes nothing")
	}

	s = newStore(t, path)
	if f := put(t, s, flags["A"]); f.Revision != "21" {
		t.Errorf("revision %s, want 21", f.Revision)
	}
	must(t, s.Close())
	again, unreadable := flagsOf(t, path)
	if !sameFlag(again["B"], flags["B"]) || again["A"].Revision != "21" || !slices.Equal(unreadable, []string{"BARE", "BROKEN"}) {
		t.Errorf("readable: %v, unreadable: %q", again, unreadable)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bbolt.Tx) error {
		if got := tx.Bucket(identityBucket).Get(formatKey); string(got) != "2" {
			t.Errorf("format %q", got)
		}
		b := tx.Bucket(featuresBucket)
		return b.Put(key("B"), bytes.Replace(b.Get(key("B")), []byte("true"), []byte("false"), 1))
	}))
	must(t, db.Close())
	if _, unreadable = flagsOf(t, path); !slices.Equal(unreadable, []string{"B", "BARE", "BROKEN"}) {
		t.Errorf("unreadable after damage: %q", unreadable)
	}
}

// TestRevisionsAfterDamage never sees a revision twice, whatever became of the bucket's
// sequence.
func TestRevisionsAfterDamage(t *testing.T) {
	for _, sequence := range []uint64{0, 1, 2, 1<<64 - 1} {
		path := newPath(t)
		s := newStore(t, path, withoutSync)
		for _, name := range []string{"A", "B", "C"} {
			put(t, s, &store.Flag{Name: name})
		}
		must(t, s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(featuresBucket).SetSequence(sequence) }))
		must(t, s.Close())
		s = newStore(t, path, withoutSync)
		if f := put(t, s, &store.Flag{Name: "D"}); f.Revision != "4" {
			t.Errorf("after sequence %d: revision %s, want 4", sequence, f.Revision)
		}
	}
}
