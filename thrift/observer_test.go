// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// A counter counts what a server tells.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
	longer time.Duration // the longest call
	news   chan struct{}
}

func newCounter() *counter {
	return &counter{counts: map[string]int{}, news: make(chan struct{}, 1)}
}

func (c *counter) count(what string) {
	c.mu.Lock()
	c.counts[what]++
	c.mu.Unlock()
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *counter) CallEnded(method string, outcome Outcome, d time.Duration) {
	c.mu.Lock()
	c.longer = max(c.longer, d)
	c.mu.Unlock()
	c.count(method + " " + string(outcome))
}

func (c *counter) WatchStarted()              { c.count("watch started") }
func (c *counter) WatchEnded(outcome Outcome) { c.count("watch ended " + string(outcome)) }
func (c *counter) ConnectionOpened()          { c.count("opened") }
func (c *counter) ConnectionClosed()          { c.count("closed") }
func (c *counter) ConnectionEvicted()         { c.count("evicted") }
func (c *counter) ConnectionRefused()         { c.count("refused") }
func (c *counter) HandshakeFailed(err error)  { c.count("handshake failed: " + err.Error()) }

func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		lines = append(lines, fmt.Sprintf("%s: %d", what, c.counts[what]))
	}
	return strings.Join(lines, "\n")
}

// await waits until these and nothing else were counted.
func (c *counter) await(t *testing.T, want ...string) {
	t.Helper()
	text := strings.Join(slices.Sorted(slices.Values(want)), "\n")
	for c.String() != text {
		select {
		case <-c.news:
		case <-time.After(patience):
			t.Fatalf("counted:\n%s\nwant:\n%s", c, text)
		}
	}
}

func TestObserverCalls(t *testing.T) {
	flags := &hookedStore{Store: memory.New(), get: func(_ context.Context, name string) error {
		switch name {
		case "panic":
			panic("on purpose")
		case "broken":
			return errors.New("on purpose")
		case "garbled":
			return &store.UnreadableError{Name: name, Err: errors.New("on purpose")}
		case "slow":
			time.Sleep(time.Millisecond)
		}
		return nil
	}}
	service := newService(t, flags, newRecorder())
	mustCreate(t, service, "x")
	mustCreate(t, service, "slow")
	observer := newCounter()
	server, address := serve(t, service, WithObserver(observer))
	conn := dial(t, address)
	client := forms[0].client(conn)
	ctx := t.Context()
	for _, name := range []string{"x", "missing", "panic", "broken", "garbled", "slow"} {
		client.Get(ctx, name)
	}
	stored, err := client.GetStored(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	client.CompareAndSet(ctx, "x", *stored.Item, "")
	client.CompareAndSet(ctx, "x", *stored.Item, "other")
	client.CompareAndSet(ctx, "x", "{", "")
	client.Client_().Call(ctx, "Nope", &featureflagstore.FeatureFlagStoreGetArgs{}, featureflagstore.NewFeatureFlagStoreGetResult())
	client.Client_().Call(ctx, "Nor this", &featureflagstore.FeatureFlagStoreGetArgs{}, featureflagstore.NewFeatureFlagStoreGetResult())
	conn.Write([]byte{0x80, 1, 0, 9, 0, 0, 0, 3, 'G', 'e', 't', 0, 0, 0, 1, 0}) // of no type
	wantClosed(t, conn)
	dial(t, address).Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	observer.await(t,
		"opened: 2", "closed: 2",
		"Get ok: 2", "Get not_found: 1", "Get internal: 1", "Get unavailable: 1", "Get unreadable: 1", "Get bad_message: 1",
		"GetStored ok: 1", "CompareAndSet exists: 1", "CompareAndSet conflict: 1", "CompareAndSet invalid: 1",
		"unknown unknown_method: 2", "unknown bad_message: 1",
	)
	server.Close()
	if observer.longer < time.Millisecond || observer.longer > patience {
		t.Errorf("the slow call took %v", observer.longer)
	}
}

// A long poll is no slow call.
func TestObserverWatch(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	begin := mustWatch(t, service, "", 0)
	observer := newCounter()
	server, address := serve(t, service, WithObserver(observer))
	client := newClient(t, address)
	polled := make(chan error)
	poll := func() {
		go func() {
			_, err := client.Watch(t.Context(), *begin.Position, minute)
			polled <- err
		}()
	}
	poll()
	observer.await(t, "opened: 1", "watch started: 1")
	mustCreate(t, service, "x")
	if err := <-polled; err != nil {
		t.Fatal(err)
	}
	observer.await(t, "opened: 1", "watch started: 1", "watch ended ok: 1")
	begin = mustWatch(t, service, "", 0)
	poll()
	observer.await(t, "opened: 1", "watch started: 2", "watch ended ok: 1")
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-polled, featureflagstore.ErrorCode_UNAVAILABLE)
	observer.await(t, "opened: 1", "closed: 1", "watch started: 2", "watch ended ok: 1", "watch ended unavailable: 1")
}

func TestObserverConnections(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	begin := mustWatch(t, service, "", 0)
	observer := newCounter()
	server, address := serve(t, service, WithObserver(observer), WithMaxConnections(1))
	first := dial(t, address)
	observer.await(t, "opened: 1")
	second := dial(t, address)
	wantClosed(t, first)
	observer.await(t, "opened: 2", "evicted: 1", "closed: 1")
	polled := make(chan error, 1)
	go func() {
		_, err := forms[0].client(second).Watch(t.Context(), *begin.Position, minute)
		polled <- err
	}()
	observer.await(t, "opened: 2", "evicted: 1", "closed: 1", "watch started: 1")
	wantClosed(t, dial(t, address))
	observer.await(t, "opened: 2", "evicted: 1", "closed: 1", "watch started: 1", "refused: 1")
	server.Close()
	observer.await(t, "opened: 2", "evicted: 1", "closed: 2", "watch started: 1", "watch ended unavailable: 1", "refused: 1")
	if err := <-polled; err == nil {
		t.Error("the poll was not cut")
	}
}

// What clients make fail of handshakes is told, and what the server ends is not.
func TestObserverHandshakes(t *testing.T) {
	certificate, pool := newCertificate(t)
	observer := newCounter()
	server, address := serve(t, newService(t, memory.New(), newRecorder()), WithObserver(observer), WithMaxConnections(1),
		WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
	stranger := dial(t, address)
	stranger.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	wantClosed(t, stranger)
	const notTLS = "handshake failed: tls: first record does not look like a TLS handshake: 1"
	observer.await(t, "opened: 1", "closed: 1", notTLS)
	dial(t, address).Close()
	observer.await(t, "opened: 2", "closed: 2", notTLS, "handshake failed: EOF: 1")
	evicted := dial(t, address)
	observer.await(t, "opened: 3", "closed: 2", notTLS, "handshake failed: EOF: 1")
	friend, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	wantClosed(t, evicted)
	observer.await(t, "opened: 4", "closed: 3", "evicted: 1", notTLS, "handshake failed: EOF: 1")
	friend.Close()
	observer.await(t, "opened: 4", "closed: 4", "evicted: 1", notTLS, "handshake failed: EOF: 1")
	cut := dial(t, address)
	observer.await(t, "opened: 5", "closed: 4", "evicted: 1", notTLS, "handshake failed: EOF: 1")
	server.Close()
	wantClosed(t, cut)
	observer.await(t, "opened: 5", "closed: 5", "evicted: 1", notTLS, "handshake failed: EOF: 1")
}
