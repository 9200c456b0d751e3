// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
)

// down returns a store that cannot be asked.
func down() *scripted {
	w := newScripted(memory.New())
	w.fail(errDown)
	return w
}

// saved returns a file of the flags X and "", and an unreadable one.
func saved(t *testing.T) (path string, x *store.Flag) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "flags.json")
	inner := memory.New()
	x = put(t, inner, &store.Flag{Name: "X", Enabled: true, ClientData: `{"n": 1.0, "é": "\ud800"}`})
	put(t, inner, &store.Flag{Name: ""})
	w := newScripted(plain{inner})
	s := over(t, w, mirror.WithLastGood(path))
	w.tell(store.Change{All: true}, nil)
	ready(t, s)
	w.fail(&store.UnreadableError{Name: "BROKEN", Err: errors.New("not JSON")})
	w.tell(store.Change{Names: []string{"BROKEN"}}, nil)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return path, x
}

func TestLastGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, x := saved(t)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("file: %v, %v", info, err)
		}
		time.Sleep(time.Hour)
		w := down()
		s := over(t, w, mirror.WithLastGood(path))
		start := time.Now()
		ready(t, s)
		if d := time.Since(start); d > time.Second {
			t.Errorf("ready after %v", d)
		}
		f, err := s.Get(t.Context(), "X")
		if err != nil || f.Revision != x.Revision || f.ClientData != x.ClientData || !f.Enabled {
			t.Errorf("get: %+v, %v", f, err)
		}
		wantEnabled(t, s, "", false)
		if f, known := s.Peek("MISSING"); f != nil || !known {
			t.Errorf("peek: %v, %t", f, known)
		}
		if _, err := s.Get(t.Context(), "BROKEN"); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("get: %v", err)
		}
		if age, stale := s.Age("X"); age < time.Hour || !stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		// The store below is there again, and has other flags.
		w.fail(nil)
		put(t, w.Store, &store.Flag{Name: "NEW"})
		w.tell(store.Change{All: true}, nil)
		time.Sleep(time.Second)
		wantMissing(t, s, "X")
		wantEnabled(t, s, "NEW", false)
		if age, stale := s.Age("X"); age != 0 || stale {
			t.Errorf("age is %v, stale %t", age, stale)
		}
		time.Sleep(2 * time.Second)
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "NEW") {
			t.Errorf("file: %s, %v", text, err)
		}
		left, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(left) != 1 {
			t.Errorf("there is %v, %v", left, err)
		}
	})
}

// TestLastGoodStaysWhileDown starts twice from the same file.
func TestLastGoodStaysWhileDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := saved(t)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := ready(t, over(t, down(), mirror.WithLastGood(path)))
		time.Sleep(time.Minute)
		_ = s.Close()
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("the file was changed: %v", err)
		}
	})
}

// TestLastGoodUnused has a store below that can be asked.
func TestLastGoodUnused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := saved(t)
		s := ready(t, over(t, memory.New(), mirror.WithLastGood(path)))
		wantMissing(t, s, "X")
	})
}

// TestLastGoodBad has files that are of no use: they are reported, and that is
// all.
func TestLastGoodBad(t *testing.T) {
	for name, change := range map[string]func(text string) string{
		"Empty":     func(string) string { return "" },
		"Truncated": func(text string) string { return text[:len(text)/2] },
		"Foreign":   func(string) string { return `{"flags": []}` },
		"Form":      func(text string) string { return strings.Replace(text, "is_enabled", "is_unabled", 1) },
		"Binary":    func(string) string { return "\x00\xff" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path, _ := saved(t)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(change(string(text))), 0o600); err != nil {
					t.Fatal(err)
				}
				var reports reports
				w := down()
				s := over(t, w, mirror.WithLastGood(path), mirror.WithErrorHandler(reports.add))
				time.Sleep(time.Minute)
				synctest.Wait()
				if f, known := s.Peek("X"); known {
					t.Errorf("peek: %v, known", f)
				}
				reported := 0
				failures := reports.all()
				for _, err := range failures {
					if strings.Contains(err.Error(), path) {
						reported++
					}
				}
				if reported != 1 || len(failures) != 2 {
					t.Errorf("reported: %v", failures)
				}
				w.fail(nil)
				ready(t, s)
			})
		})
	}
}

// TestLastGoodCannotBeWritten has a folder that is not there.
func TestLastGoodCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures []error
		path := filepath.Join(t.TempDir(), "no", "folder", "flags.json")
		s := ready(t, over(t, memory.New(), mirror.WithLastGood(path),
			mirror.WithErrorHandler(func(err error) { failures = append(failures, err) })))
		put(t, s, &store.Flag{Name: "X"})
		_ = s.Close()
		if len(failures) == 0 {
			t.Error("nothing was reported")
		}
	})
}

// TestLastGoodKeepsOwnWrite has a write through the mirror before it starts from
// the file.
func TestLastGoodKeepsOwnWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := saved(t)
		w := newScripted(memory.New())
		s := over(t, w, mirror.WithLastGood(path))
		put(t, s, &store.Flag{Name: "X"})
		w.fail(errDown)
		ready(t, s)
		wantEnabled(t, s, "X", false)
		wantEnabled(t, s, "", false)
	})
}
