// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// told collects what a change handler is told.
type told struct {
	mu      sync.Mutex
	changes []Change
}

func (c *told) option() ServiceOption {
	return WithChangeHandler(func(change Change) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changes = append(c.changes, change)
	})
}

// take returns the changes since it was last called, one line each.
func (c *told) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, change := range c.changes {
		lines = append(lines, fmt.Sprintf("%s %s: %s -> %s", change.Method, change.Name, describe(change.Before, change.Unknown), describe(change.After, false)))
	}
	c.changes = nil
	return lines
}

func describe(f *store.Flag, unknown bool) string {
	switch {
	case unknown && f == nil:
		return "unknown"
	case f == nil:
		return "none"
	}
	return fmt.Sprintf("%t %s", f.Enabled, cmp.Or(f.ClientData, "{}"))
}

// Each method that writes tells what the flag was and is, and no failed or reading
// call does.
func TestChangeHandler(t *testing.T) {
	changes := &told{}
	flags := &hookedStore{Store: memory.New()}
	service := newService(t, flags, newRecorder(), changes.option())
	_, address := serve(t, service)
	conn := dial(t, address)
	client := forms[0].client(conn)
	ctx := t.Context()
	meta := func(data featureflagstore.JSON) *featureflagstore.FeatureFlagStoreMeta {
		return &featureflagstore.FeatureFlagStoreMeta{ClientData: &data}
	}
	stored := func(name string) (featureflagstore.JSON, string) {
		f, err := client.GetStored(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return f.GetItem(), f.GetRevision()
	}
	var item featureflagstore.JSON
	var revision string
	for _, step := range []struct {
		what string
		call func() error
		want []string
	}{
		{"create", func() error { _, err := client.Create(ctx, "x", false, `{"n": 1}`); return err }, []string{`Create x: none -> false {"n": 1}`}},
		{"create again", func() error { _, err := client.Create(ctx, "x", true, `{}`); return err }, []string{`Create x: false {"n": 1} -> true {}`}},
		{"set", func() error { return client.Set(ctx, "x", false) }, []string{`Set x: true {} -> false {}`}},
		{"set as it is", func() error { return client.Set(ctx, "x", false) }, []string{`Set x: false {} -> false {}`}},
		{"set of none", func() error { return client.Set(ctx, "y", true) }, []string{`Set y: none -> true {}`}},
		{"set meta", func() error { return client.SetMeta(ctx, "x", meta(`{"n": 2}`)) }, []string{`SetMeta x: false {} -> false {"n": 2}`}},
		{"set meta of none", func() error { return client.SetMeta(ctx, "z", meta(`{}`)) }, nil},
		{"set invalid meta", func() error { return client.SetMeta(ctx, "x", meta(`{`)) }, nil},
		{"compare and set", func() error {
			item, revision = stored("x")
			_, err := client.CompareAndSet(ctx, "x", `{"feature_name": "x", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"n": 3}}}`, revision)
			return err
		}, []string{`CompareAndSet x: false {"n": 2} -> true {"n": 3}`}},
		{"compare and set too late", func() error { _, err := client.CompareAndSet(ctx, "x", item, revision); return err }, nil},
		{"create by compare and set", func() error { _, err := client.CompareAndSet(ctx, "z", item, ""); return err }, []string{`CompareAndSet z: none -> false {"n": 2}`}},
		{"create what is there", func() error { _, err := client.CompareAndSet(ctx, "z", item, ""); return err }, nil},
		{"delete", func() error { return client.Delete(ctx, "y") }, []string{`Delete y: true {} -> none`}},
		{"delete of none", func() error { return client.Delete(ctx, "y") }, nil},
		{"delete stored", func() error { return client.DeleteStored(ctx, "z") }, []string{`DeleteStored z: false {"n": 2} -> none`}},
		{"delete stored of none", func() error { return client.DeleteStored(ctx, "z") }, nil},
		{"reading", func() error {
			_, err := client.Get(ctx, "x")
			_, listErr := client.List(ctx, -1, 0)
			return errors.Join(err, listErr)
		}, nil},
		// What cannot be read, and what was changed since it was read, is not known.
		{"compare and set of unreadable", func() error {
			_, revision = stored("x")
			flags.get = func(context.Context, string) error {
				return &store.UnreadableError{Name: "x", Err: errors.New("on purpose")}
			}
			_, err := client.CompareAndSet(ctx, "x", item, revision)
			return err
		}, []string{`CompareAndSet x: unknown -> false {"n": 2}`}},
		{"create over unreadable", func() error { _, err := client.Create(ctx, "x", true, `{}`); return err }, []string{`Create x: unknown -> true {}`}},
		{"delete of unreadable", func() error { return client.Delete(ctx, "x") }, []string{`Delete x: unknown -> none`}},
	} {
		err := step.call()
		if got := changes.take(); !slices.Equal(got, step.want) {
			t.Errorf("%s: %q, want %q (%v)", step.what, got, step.want, err)
		}
	}
	flags.get = nil
	if err := client.Set(ctx, "x", true); err != nil {
		t.Fatal(err)
	}
	if c := changes.changes[0]; c.Remote.String() != conn.LocalAddr().String() || c.Certificate != nil {
		t.Errorf("from %v, %v, want %v", c.Remote, c.Certificate, conn.LocalAddr())
	}
	// Called without a server, nobody is known.
	if err := service.Set(ctx, "x", false); err != nil {
		t.Fatal(err)
	}
	if c := changes.changes[1]; c.Remote != nil || !c.Before.Enabled || c.After.Enabled {
		t.Errorf("%+v", c)
	}
}

// Without a handler, nothing is read for it.
func TestNoChangeHandler(t *testing.T) {
	reads := 0
	flags := &hookedStore{Store: memory.New(), get: func(context.Context, string) error { reads++; return nil }}
	service := newService(t, flags, newRecorder())
	mustCreate(t, service, "x")
	f, err := flags.Store.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	text, err := store.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.CompareAndSet(t.Context(), "x", featureflagstore.JSON(text), f.Revision); err != nil {
		t.Fatal(err)
	}
	if err := service.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if reads != 0 {
		t.Errorf("the store was read %d times", reads)
	}
}
