// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// baseKeys numbers base keys, so that tests can share a server.
var baseKeys atomic.Int64

func newBaseKey() string { return fmt.Sprintf("test-%d/features", baseKeys.Add(1)) }

// A handle is a store and what a test does beneath it.
type handle struct {
	*consulstore.Store
	base   string
	client *api.Client // direct
	proxy  *faultproxy.Proxy
}

// open makes a store on a base key.
func open(t *testing.T, client *api.Client, base string, opts ...consulstore.Option) *consulstore.Store {
	t.Helper()
	opts = append([]consulstore.Option{consulstore.WithBaseKey(base), consulstore.WithLogger(slog.New(slog.DiscardHandler))}, opts...)
	s, err := consulstore.New(client, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// behindProxy makes a store that reaches the server through a proxy, and that is
// ready.
func behindProxy(t *testing.T, agent *consultest.Agent, opts ...consulstore.Option) *handle {
	t.Helper()
	h := &handle{base: newBaseKey(), client: agent.Client(t), proxy: faultproxy.New(t, agent.Address)}
	h.Store = open(t, consultest.NewClient(t, h.proxy.Addr(), ""), h.base, opts...)
	waitReady(t, h.Store)
	return h
}

func waitReady(t *testing.T, s *consulstore.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

const patience = 30 * time.Second

func eventually(t *testing.T, what string, is func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := is()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: still not so after %v: %v", what, patience, err)
		}
	}
}

// item is the stored form of a flag as the Python client writes it.
func item(name string, enabled bool) []byte {
	return fmt.Appendf(nil, `{"feature_name": %q, "is_enabled": %t, "meta": {"client_data": {}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`, name, enabled)
}

// rawPut writes a key as other programs do: whatever is there.
func rawPut(t *testing.T, client *api.Client, key string, value []byte) {
	t.Helper()
	if _, err := client.KV().Put(&api.KVPair{Key: key, Value: value}, nil); err != nil {
		t.Fatal(err)
	}
}

// wantEnabled says why the store does not say that a flag is on, or off.
func wantEnabled(s store.Store, name string, enabled bool) error {
	f, err := s.Get(context.Background(), name)
	switch {
	case err != nil:
		return err
	case f.Enabled != enabled:
		return fmt.Errorf("%q: enabled is %t", name, f.Enabled)
	}
	return nil
}

func wantNotFound(s store.Store, name string) error {
	if f, err := s.Get(context.Background(), name); !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%q is %v, %v", name, f, err)
	}
	return nil
}

// records keeps what is logged.
type records struct {
	slog.Handler
	mu   sync.Mutex
	text []string
}

func newRecords() *records { return &records{Handler: slog.DiscardHandler} }

func (r *records) Enabled(context.Context, slog.Level) bool { return true }

func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text = append(r.text, record.Level.String()+" "+record.Message)
	return nil
}

func (r *records) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.text...)
}
