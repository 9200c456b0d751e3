// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
)

// TestForeignItems reads what Python has written, and what it would read.
func TestForeignItems(t *testing.T) {
	client := redistest.Start(t).Client(t)
	s := newStore(t, client)
	type itemCase struct {
		ID, Kind, Serialized, Raw string
		RawHex                    string `json:"raw_hex"`
		Accepted                  bool
	}
	accepted := map[string]bool{}
	for _, c := range vectors.Cases[itemCase](t, "items.json") {
		raw := []byte(c.Raw)
		switch {
		case c.Kind == "write":
			raw, c.Accepted = []byte(c.Serialized), true
		case c.RawHex != "":
			var err error
			if raw, err = hex.DecodeString(c.RawHex); err != nil {
				t.Fatal(err)
			}
		}
		if len(raw) == 0 {
			continue // no flag
		}
		accepted[c.ID] = c.Accepted
		if err := client.Set(t.Context(), "features/"+c.ID, raw, 0).Err(); err != nil {
			t.Fatal(err)
		}
		f, err := s.Get(t.Context(), c.ID)
		if c.Accepted != (err == nil) || err != nil && !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: %v, want accepted: %t", c.ID, err, c.Accepted)
		}
		if err != nil {
			continue
		}
		next := f.Clone()
		next.Enabled = !next.Enabled
		if _, err := s.Put(t.Context(), next); err != nil {
			t.Errorf("%s: put: %v", c.ID, err)
		}
		if _, err := s.Put(t.Context(), f); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: put over what was changed: %v", c.ID, err)
		}
	}
	listed := 0
	for f, err := range s.List(t.Context()) {
		listed++
		if e, ok := errors.AsType[*store.UnreadableError](err); ok && accepted[e.Name] || !ok && !accepted[f.Name] {
			t.Errorf("list: %v, %v", f, err)
		}
	}
	if listed != len(accepted) || listed < 50 {
		t.Errorf("%d of %d are listed", listed, len(accepted))
	}
}

// TestForeignWriters changes flags by plain commands of every kind, and follows.
func TestForeignWriters(t *testing.T) {
	for what, change := range map[string]func(*redis.Options){
		"RESP3": func(*redis.Options) {},
		"RESP2": func(o *redis.Options) { o.Protocol, o.DB = 2, 5 },
	} {
		t.Run(what, func(t *testing.T) {
			server := redistest.Start(t)
			client := server.Client(t, change)
			testForeignWriters(t, client, newStore(t, client, WithBaseKey(newBase())))
		})
	}
}

func testForeignWriters(t *testing.T, client *redis.Client, s *Store) {
	ctx := t.Context()
	f := follow(t, s)
	a, b := s.key("a/b"), s.key("b*")
	steps := []struct {
		do   []any
		want []string // the names of flags, unreadable ones with a question mark
	}{
		{[]any{"set", a, item("a/b", true, 1)}, []string{"a/b"}},
		{[]any{"set", a, item("a/b", true, 2)}, []string{"a/b"}},
		{[]any{"set", a, item("a/b", true, 2)}, []string{"a/b"}},
		{[]any{"rename", a, b}, []string{"b*"}},
		{[]any{"copy", b, a}, []string{"a/b", "b*"}},
		{[]any{"append", a, "x"}, []string{"a/b?", "b*"}},
		{[]any{"set", a, item("a/b", true, 3)}, []string{"a/b", "b*"}},
		{[]any{"setrange", a, 0, "#"}, []string{"a/b?", "b*"}},
		{[]any{"set", a, ""}, []string{"b*"}},
		{[]any{"del", a}, []string{"b*"}},
		{[]any{"rpush", a, "1", "2"}, []string{"a/b?", "b*"}},
		{[]any{"set", b, item("b*", true, 1), "px", 20}, []string{"a/b?"}},
		{[]any{"mset", b, item("b*", true, 1), a, item("a/b", false, 9)}, []string{"a/b", "b*"}},
		{[]any{"eval", "redis.call('del', KEYS[1]) return redis.call('set', KEYS[2], ARGV[1])", 2, a, s.key(""), item("", true, 1)}, []string{"", "b*"}},
		{[]any{"unlink", b}, []string{""}},
		{[]any{"set", s.key("\xff"), item("", true, 1)}, []string{"", "\xff?"}},
		{[]any{"set", s.baseKey, item("no flag", true, 1)}, []string{"", "\xff?"}},
		{[]any{"set", s.baseKey + "x/y", item("no flag", true, 1)}, []string{"", "\xff?"}},
		{[]any{"flushall"}, nil},
	}
	for _, step := range steps {
		if err := client.Do(ctx, step.do...).Err(); err != nil {
			t.Fatalf("%q: %v", step.do, err)
		}
		eventually(t, fmt.Sprintf("after %.80q there is %q", step.do, step.want), func(context.Context) error {
			var got []string
			for name, revision := range f.state() {
				if revision == "unreadable" {
					name += "?"
				}
				got = append(got, name)
			}
			if slices.Sort(got); !slices.Equal(got, step.want) {
				return fmt.Errorf("there is %q", got)
			}
			return nil
		})
	}
	if errs := f.errors(); len(errs) != 0 {
		t.Errorf("watch failed: %v", errs)
	}
}

// TestRepair puts in an unreadable value by hand, and repairs it.
func TestRepair(t *testing.T) {
	client := redistest.Start(t).Client(t)
	s := newStore(t, client)
	f := follow(t, s)
	for i, raw := range []string{item("FLAG", true, 1), "not JSON", item("FLAG", false, 2)} {
		if err := client.Set(t.Context(), s.key("FLAG"), raw, 0).Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the follower sees it", func(context.Context) error {
			flag, known := f.flags.Load().Peek("FLAG")
			if i == 1 && known || i != 1 && (flag == nil || flag.Revision != revision(raw)) {
				return fmt.Errorf("it has %v, %t", flag, known)
			}
			return nil
		})
	}
}

// TestForeignOverwrite shows what is not protected: a writer that reads, and sets
// later, without comparing. And what is.
func TestForeignOverwrite(t *testing.T) {
	client := redistest.Start(t).Client(t)
	s := newStore(t, client)
	ctx := t.Context()
	if _, err := s.Put(ctx, &store.Flag{Name: "FLAG", Enabled: true, Created: time.Unix(1700000000, 0)}); err != nil {
		t.Fatal(err)
	}
	python, err := client.Get(ctx, s.key("FLAG")).Result() // Python reads
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Update(ctx, s, "FLAG", func(f *store.Flag) error { f.Enabled = false; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(ctx, s.key("FLAG"), python, 0).Err(); err != nil { // and writes
		t.Fatal(err)
	}
	if f, err := s.Get(ctx, "FLAG"); err != nil || !f.Enabled {
		t.Errorf("the documentation says that Python undoes the kill switch, but there is %v, %v", f, err)
	}

	// What Python writes between our two steps is never lost.
	interfered := false
	got, err := store.Update(ctx, s, "FLAG", func(f *store.Flag) error {
		if !interfered {
			interfered = true
			if err := client.Set(ctx, s.key("FLAG"), item("FLAG", false, 5), 0).Err(); err != nil {
				return err
			}
		}
		f.Created = time.Unix(1, 0)
		return nil
	})
	if err != nil || got.Enabled || got.ClientData != `{"n": 5}` || !got.Created.Equal(time.Unix(1, 0)) {
		t.Errorf("after both changed it there is %v, %v", got, err)
	}
}
