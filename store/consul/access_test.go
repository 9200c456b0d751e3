// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
)

// newServer serves until the test ends, and returns the address.
func newServer(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return listener.Addr().String()
}

// TestAccess has tokens that may do less than needed. Consul shows an empty list
// to who may not read: that is an error, not "no flags".
func TestAccess(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{ACL: true, Memory: true}.Start(t)
	root := agent.Client(t)
	base := newBaseKey()
	rawPut(t, root, base+"/A", item("A", true))
	rules := func(policy string) string { return fmt.Sprintf(`key_prefix %q { policy = %q }`, base+"/", policy) }

	wantRefused := func(t *testing.T, what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotFound) || !strings.Contains(fmt.Sprint(err), "key_prefix") {
			t.Errorf("%s: error is %v, want ErrUnavailable that says what to do", what, err)
		}
	}
	for what, token := range map[string]string{"nothing": agent.Token(t, ""), "elsewhere": agent.Token(t, `key_prefix "other/" { policy = "write" }`), "unknown": "5c5a7b2e-0000-4a60-8d0c-3e0a6d4f9b11"} {
		t.Run(what, func(t *testing.T) {
			s := open(t, consultest.NewClient(t, agent.Address, token), base)
			_, err := s.Get(t.Context(), "A")
			wantRefused(t, "get", err)
			for f, err := range s.List(t.Context()) {
				wantRefused(t, "list", err)
				if f != nil {
					t.Error("list gives a flag")
				}
			}
			_, err = s.Put(t.Context(), &store.Flag{Name: "B"})
			wantRefused(t, "put", err)
			wantRefused(t, "delete", s.Delete(t.Context(), "A"))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err = s.WaitReady(ctx)
			wantRefused(t, "wait", err)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("wait: error is %v, want that of the context too", err)
			}
			if _, known := s.Peek("A"); known {
				t.Error("peek knows a flag that may not be read")
			}
			for _, err := range s.Watch(t.Context()) {
				wantRefused(t, "watch", err)
				break
			}
		})
	}
	t.Run("read only", func(t *testing.T) {
		s := open(t, consultest.NewClient(t, agent.Address, agent.Token(t, rules("read"))), base)
		waitReady(t, s)
		f, err := s.Get(t.Context(), "A")
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Put(t.Context(), f)
		wantRefused(t, "put", err)
		_, err = s.Put(t.Context(), &store.Flag{Name: "B"})
		wantRefused(t, "create", err)
		wantRefused(t, "delete", s.Delete(t.Context(), "A"))
	})
	t.Run("taken away", func(t *testing.T) {
		policy, _, err := root.ACL().PolicyCreate(&api.ACLPolicy{Name: "changing", Rules: rules("write")}, nil)
		if err != nil {
			t.Fatal(err)
		}
		token, _, err := root.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLTokenPolicyLink{{ID: policy.ID}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, consultest.NewClient(t, agent.Address, token.SecretID), base, consulstore.WithWait(100*time.Millisecond))
		waitReady(t, s)
		policy.Rules = `key_prefix "other/" { policy = "write" }`
		if _, _, err := root.ACL().PolicyUpdate(policy, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the flags are said to be old", func() error { return wantStale(s, true) })
		if err := wantEnabled(s, "A", true); err != nil {
			t.Errorf("after the right was taken away: %v", err)
		}
		policy.Rules = rules("write")
		if _, _, err := root.ACL().PolicyUpdate(policy, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the flags are current again", func() error { return wantStale(s, false) })
		if _, err := root.ACL().TokenDelete(token.AccessorID, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the flags are said to be old", func() error { return wantStale(s, true) })
	})
}

// TestNoServer begins without a server. Calls fail soon, and say so; when the
// server comes, all is well.
func TestNoServer(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	base := newBaseKey()
	agent.Kill()
	log := newRecords()
	s := open(t, agent.Client(t), base, consulstore.WithLogger(slog.New(log)))
	begin := time.Now()
	_, err := s.Get(t.Context(), "A")
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("get: error is %v, want ErrUnavailable", err)
	}
	if _, err := s.Put(t.Context(), &store.Flag{Name: "A"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("put: error is %v, want ErrUnavailable", err)
	}
	if took := time.Since(begin); took > limit {
		t.Errorf("calls took %v", took)
	}
	if err := wantStale(s, false); err != nil {
		t.Errorf("without any flags: %v", err)
	}
	watching, done := make(chan error, 10), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer func() {
		cancel()
		<-done
	}()
	go func() {
		defer close(done)
		for change, err := range s.Watch(ctx) {
			if err == nil && !change.All {
				err = fmt.Errorf("change is %v, want All", change)
			}
			watching <- err
			if change.All {
				return
			}
		}
	}()
	if err := <-watching; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("watch: error is %v, want ErrUnavailable", err)
	}
	agent.Restart()
	begin = time.Now()
	if err := <-watching; err != nil {
		t.Errorf("watch: %v", err)
	}
	t.Logf("ready %v after the server", time.Since(begin))
	waitReady(t, s)
	if want := []string{"WARN consul: cannot read the flags yet", "INFO consul: following changes again"}; !slices.Equal(log.all(), want) {
		t.Errorf("logged\n     %q\nwant %q", log.all(), want)
	}
}

// TestDeadlines has a server that hangs, and calls with and without a deadline.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	agent.Stop() // before the stores begin to read from it
	s := open(t, agent.Client(t), newBaseKey(), consulstore.WithTimeout(200*time.Millisecond))
	late := open(t, agent.Client(t), newBaseKey())
	calls := map[string]func(context.Context, *consulstore.Store) error{
		"get": func(ctx context.Context, s *consulstore.Store) error { _, err := s.Get(ctx, "A"); return err },
		"put": func(ctx context.Context, s *consulstore.Store) error {
			_, err := s.Put(ctx, &store.Flag{Name: "A"})
			return err
		},
		"delete": func(ctx context.Context, s *consulstore.Store) error { return s.Delete(ctx, "A") },
		"wait":   func(ctx context.Context, s *consulstore.Store) error { return s.WaitReady(ctx) },
		"list": func(ctx context.Context, s *consulstore.Store) error {
			var last error
			for _, err := range s.List(ctx) {
				last = err
			}
			return last
		},
	}
	for what, call := range calls {
		begin := time.Now()
		if what != "wait" { // that has no time-out of its own
			err := call(t.Context(), s)
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > limit {
				t.Errorf("%s without a deadline: %v after %v", what, err, time.Since(begin))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		begin = time.Now()
		err := call(ctx, late)
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > limit {
			t.Errorf("%s with a deadline: %v after %v", what, err, time.Since(begin))
		}
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		begin = time.Now()
		err = call(ctx, late)
		if errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) || time.Since(begin) > limit {
			t.Errorf("%s that is cancelled: %v after %v", what, err, time.Since(begin))
		}
	}
	agent.Continue()
	waitReady(t, s)
}
