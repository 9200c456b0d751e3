// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/thrift"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long the test waits for what has to happen.
const patience = 20 * time.Second

// The service follows its flags, goes on when the flag service dies, and starts
// again without it.
func TestRun(t *testing.T) {
	address, kill := serveFlags(t)
	file := filepath.Join(t.TempDir(), "last-good-flags.json")
	s := start(t, "thrift://"+address, file)
	s.await(t, http.MethodGet, "/search", "200 the old search")
	s.await(t, http.MethodPost, "/admin/NEW_SEARCH?enabled=true", "200")
	s.await(t, http.MethodGet, "/search", "200 the new search")
	s.await(t, http.MethodGet, "/beta/", "404")
	s.await(t, http.MethodPost, "/admin/BETA?enabled=true", "200")
	s.await(t, http.MethodGet, "/beta/", "200 welcome to the beta")
	s.await(t, http.MethodPost, "/admin/BETA?enabled=false", "200")
	s.await(t, http.MethodGet, "/beta/", "404")
	s.await(t, http.MethodPost, "/admin/BETA?enabled=perhaps", "400")

	kill()
	s.await(t, http.MethodGet, "/search", "200 the new search")
	s.stop()
	s = start(t, "thrift://"+address, file)
	s.await(t, http.MethodGet, "/search", "200 the new search")
	s.await(t, http.MethodPost, "/admin/NEW_SEARCH?enabled=false", "502")
}

func TestStoreURL(t *testing.T) {
	if err := run(t.Context(), "localhost:6379", "", nil); err == nil || !strings.Contains(err.Error(), "write redis://localhost:6379") {
		t.Error(err)
	}
}

// serveFlags runs a flag service until it is killed, or the test ends.
func serveFlags(t *testing.T) (address string, kill func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	flags := memory.New()
	if _, err := flags.Put(t.Context(), &store.Flag{Name: "NEW_SEARCH"}); err != nil {
		t.Fatal(err)
	}
	service := thrift.NewService(flags)
	server := thrift.NewServer(service)
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	kill = sync.OnceFunc(func() {
		_ = server.Close()
		_ = service.Close()
		_ = flags.Close()
		done.Wait()
	})
	t.Cleanup(kill)
	return l.Addr().String(), kill
}

// A service is the program, running.
type service struct {
	address string
	stop    func() // ends it and waits
}

func start(t *testing.T, storeURL, lastGood string) *service {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() {
		if err := run(ctx, storeURL, lastGood, l); err != nil {
			t.Error(err)
		}
	})
	s := &service{l.Addr().String(), func() { cancel(); done.Wait() }}
	t.Cleanup(s.stop)
	return s
}

// await waits for an answer, which begins with the status.
func (s *service) await(t *testing.T, method, path, want string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	var got string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.AddCookie(&http.Cookie{Name: "user_id", Value: "7"})
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got = response.Status[:4] + string(body); strings.HasPrefix(got, want) {
			return
		}
	}
	t.Fatalf("%s %s: %q, want %q", method, path, got, want)
}
