// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// content returns the bytes of a file that make writes.
func content(t *testing.T, options *bbolt.Options, makeIt func(tx *bbolt.Tx) error) []byte {
	t.Helper()
	path := newPath(t)
	db, err := bbolt.Open(path, 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	if makeIt != nil {
		if err := db.Update(makeIt); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// flagsFile returns the bytes of a file with flags enough for a tree of pages, some
// on pages of their own, and with free pages.
func flagsFile(t *testing.T) []byte {
	t.Helper()
	path := newPath(t)
	s := newStore(t, path, withoutSync)
	for i := range 150 {
		put(t, s, &store.Flag{Name: fmt.Sprintf("FLAG%03d", i), ClientData: filling(10 * i)})
	}
	put(t, s, &store.Flag{Name: "BIG", ClientData: filling(20_000)})
	for i := range 30 {
		if err := s.Delete(t.Context(), fmt.Sprintf("FLAG%03d", 4*i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

func filling(n int) targeting.JSON {
	return targeting.JSON(`{"filling": "` + strings.Repeat("x", n) + `"}`)
}

func TestRefusedFiles(t *testing.T) {
	flags := flagsFile(t)
	pageSize := os.Getpagesize()
	// Both metas say so.
	otherVersion := bytes.Clone(flags)
	otherVersion[pageHeaderSize+4]++
	otherVersion[pageSize+pageHeaderSize+4]++

	for name, test := range map[string]struct {
		content []byte
		want    error
	}{
		"text":           {[]byte("FLAG=on\n"), ErrForeign},
		"one byte":       {[]byte("x"), ErrForeign},
		"long text":      {bytes.Repeat([]byte("hello, world\n"), 10_000), ErrForeign},
		"SQLite":         {append([]byte("SQLite format 3\x00"), make([]byte, 8176)...), ErrForeign},
		"many zeros":     {make([]byte, 1<<20), ErrForeign},
		"JSON":           {[]byte(`{"feature_name": "A", "is_enabled": true}`), ErrForeign},
		"other program":  {content(t, nil, otherProgram), ErrForeign},
		"other features": {content(t, nil, onlyFeatures), ErrForeign},
		"later format":   {content(t, nil, laterFormat), ErrForeign},
		"other version":  {otherVersion, ErrCorrupt},
		"cut in half":    {flags[:len(flags)/2], ErrCorrupt},
		"cut to 5 pages": {flags[:5*pageSize], ErrCorrupt},
		"cut to 2 pages": {flags[:2*pageSize], ErrCorrupt},
		"cut to 1 page":  {flags[:pageSize], ErrCorrupt},
		"cut to 100":     {flags[:100], ErrCorrupt},
		"zeros after":    {append(bytes.Clone(flags[:2*pageSize]), make([]byte, len(flags)-2*pageSize)...), ErrCorrupt},
		"no metas":       {append(make([]byte, 2*pageSize), flags[2*pageSize:]...), ErrForeign},
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, test.content, test.want) })
	}
}

func checkRefused(t *testing.T, content []byte, want error) {
	t.Helper()
	path := newPath(t)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if !errors.Is(err, want) || !strings.Contains(fmt.Sprint(err), path) {
		t.Errorf("error is %v, want %v and the path", err, want)
	}
	if err == nil {
		_ = s.Close()
	}
	if !bytes.Equal(readFile(t, path), content) {
		t.Error("the file was changed")
	}
}

func otherProgram(tx *bbolt.Tx) error {
	b, err := tx.CreateBucket([]byte("accounts"))
	if err != nil {
		return err
	}
	return b.Put([]byte("A"), []byte("1"))
}

func onlyFeatures(tx *bbolt.Tx) error {
	_, err := tx.CreateBucket(featuresBucket)
	return err
}

func laterFormat(tx *bbolt.Tx) error {
	b, err := tx.CreateBucket(identityBucket)
	if err != nil {
		return err
	}
	return errors.Join(b.Put(formatKey, []byte("3")), onlyFeatures(tx))
}

// TestHalfMadeFiles opens what is left when a process is killed while it makes
// the file.
func TestHalfMadeFiles(t *testing.T) {
	fresh := content(t, nil, nil)
	if len(fresh) != 4*os.Getpagesize() {
		t.Fatalf("a new file has %d bytes", len(fresh))
	}
	for size := 0; size <= len(fresh); size += 512 {
		checkAccepted(t, fmt.Sprintf("cut to %d", size), fresh[:size])
		// The file has its size before it has its content, after a power failure.
		checkAccepted(t, fmt.Sprintf("zeros after %d", size), append(bytes.Clone(fresh[:size]), make([]byte, len(fresh)-size)...))
	}
}

func checkAccepted(t *testing.T, what string, content []byte) {
	t.Helper()
	path := newPath(t)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	put(t, s, &store.Flag{Name: "A"})
	if err := s.Close(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if s = newStore(t, path); len(names(t, s)) != 1 {
		t.Errorf("%s: there is %q", what, names(t, s))
	}
}

// TestOtherOptions opens a file with a list of free pages, which bbolt writes by
// default.
func TestOtherOptions(t *testing.T) {
	path := newPath(t)
	if err := os.WriteFile(path, flagsFile(t), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	putRaw(t, db, "FLAG001", []byte("999999\nnot JSON"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, path)
	if _, err := s.Get(t.Context(), "FLAG001"); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Get(t.Context(), "FLAG149"); err != nil {
		t.Errorf("get: %v", err)
	}
}

// TestDamagedFiles changes bytes at random places. The file is refused and left
// alone, or works, and answers what was stored or an error; nothing panics.
func TestDamagedFiles(t *testing.T) {
	flags := flagsFile(t)
	sound := newPath(t)
	must(t, os.WriteFile(sound, flags, 0o600))
	want, _ := flagsOf(t, sound)
	rnd := rand.New(rand.NewPCG(3, 4))
	refused, accepted := 0, 0
	for round := range 100 {
		content := bytes.Clone(flags)
		damage(rnd, content)
		path := newPath(t)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path, withoutSync)
		if err != nil {
			refused++
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrForeign) {
				t.Errorf("round %d: %v", round, err)
			}
			if !bytes.Equal(readFile(t, path), content) {
				t.Errorf("round %d: the file was changed", round)
			}
			continue
		}
		accepted++
		checkAnswers(t, s, fmt.Sprintf("round %d", round), want)
		if err := useAll(t, s); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		if err := checkFile(path); err != nil {
			t.Errorf("round %d: after it was used: %v", round, err)
		}
	}
	t.Logf("%d were refused, %d work", refused, accepted)
	if refused < 10 || accepted < 10 {
		t.Errorf("%d were refused, %d work: the test damages too little, or the store accepts too much", refused, accepted)
	}
}

// damage changes a few bytes, most of them in the headers of pages.
func damage(rnd *rand.Rand, content []byte) {
	pages := len(content) / os.Getpagesize()
	for range 1 + rnd.IntN(3) {
		at := rnd.IntN(pages) * os.Getpagesize()
		switch rnd.IntN(3) {
		case 0:
			at += rnd.IntN(pageHeaderSize)
		case 1:
			at += rnd.IntN(20 * elementSize)
		case 2:
			at += rnd.IntN(os.Getpagesize())
		}
		content[at] = byte(rnd.Uint32())
	}
}

// useAll changes all flags, readable or not.
func useAll(t *testing.T, s *Store) error {
	for f, err := range s.List(t.Context()) {
		name := ""
		if e, ok := errors.AsType[*store.UnreadableError](err); ok {
			name = e.Name
		} else {
			name = f.Name
			next := f.Clone()
			next.Enabled = !next.Enabled
			if _, err := s.Put(t.Context(), next); err != nil && !errors.Is(err, store.ErrInvalid) {
				return err
			}
		}
		if err := s.Delete(t.Context(), name); err != nil {
			return err
		}
	}
	_, err := s.Put(t.Context(), &store.Flag{Name: "NEW", ClientData: filling(10_000)})
	return err
}

// FuzzCheckPages looks for files that make the check itself panic or run away.
func FuzzCheckPages(f *testing.F) {
	path := newPath(f)
	s := newStore(f, path)
	put(f, s, &store.Flag{Name: "A"})
	_ = s.Close()
	content, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte{})
	f.Fuzz(func(_ *testing.T, content []byte) {
		// Without the metas' checksums, which hide everything else.
		m := meta{pageSize: 1024, root: 2, freelist: 3, high: uint64(len(content) / 1024)}
		c := checker{r: bytes.NewReader(content), meta: m, seen: map[uint64]bool{}}
		_ = c.tree(m.root, nil, nil)
		_ = c.freelist()
		_ = checkPages(io.NewSectionReader(bytes.NewReader(content), 0, int64(len(content))), int64(len(content)))
	})
}
