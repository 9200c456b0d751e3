// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = server.WithLogger(slog.New(slog.DiscardHandler))

// start runs a server on free ports. stop ends it, and returns what Run returned.
func start(t *testing.T, s store.Store, opts ...server.Option) (thrift, http net.Addr, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	addresses := make(chan [2]net.Addr, 1)
	ended := make(chan error, 1)
	opts = append([]server.Option{
		server.WithListen("127.0.0.1:0"), server.WithHTTP("127.0.0.1:0"), quiet,
		server.WithStarted(func(thrift, http net.Addr) { addresses <- [2]net.Addr{thrift, http} }),
	}, opts...)
	go func() { ended <- server.Run(ctx, s, opts...) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case a := <-addresses:
		return a[0], a[1], stop
	case err := <-ended:
		cancel()
		t.Fatal(err)
		return nil, nil, nil
	}
}

func TestRun(t *testing.T) {
	s := memory.New()
	thrift, http, stop := start(t, s)
	if http == nil {
		t.Error("no HTTP address")
	}
	client := thriftrpc.New(thrift.String())
	if _, err := flipper.New(client).Create(t.Context(), "X"); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), "X"); err != nil {
		t.Errorf("the store is to stay open: %v", err)
	}
}

func TestRunWithoutHTTP(t *testing.T) {
	_, http, stop := start(t, memory.New(), server.WithHTTP(""))
	if http != nil {
		t.Errorf("HTTP is served on %v", http)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A call that does not end is cut off when the time for a stop is over.
func TestRunCutsCalls(t *testing.T) {
	s := &stuckStore{Store: memory.New(), entered: make(chan struct{}), release: make(chan struct{})}
	thrift, _, stop := start(t, s, server.WithShutdownTimeout(10*time.Millisecond))
	client := thriftrpc.New(thrift.String(), thriftrpc.WithTimeout(time.Minute))
	called := make(chan error, 1)
	go func() {
		_, err := client.Get(t.Context(), "X")
		called <- err
	}()
	<-s.entered
	if err := stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v, want that the deadline was exceeded", err)
	}
	if err := <-called; !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the call: %v", err)
	}
	close(s.release)
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// A stuckStore does not answer what is asked of flags with names, whatever becomes
// of the context.
type stuckStore struct {
	store.Store
	entered, release chan struct{}
}

func (s *stuckStore) Get(ctx context.Context, name string) (*store.Flag, error) {
	if name == "" {
		return s.Store.Get(ctx, name)
	}
	close(s.entered)
	<-s.release
	return nil, store.ErrNotFound
}

func ExampleRun() {
	ctx, stop := context.WithCancel(context.Background())
	err := server.Run(ctx, memory.New(),
		server.WithListen("127.0.0.1:0"),
		server.WithHTTP(""),
		server.WithLogger(slog.New(slog.DiscardHandler)),
		server.WithStarted(func(thrift, _ net.Addr) {
			fmt.Println("serving on", thrift.(*net.TCPAddr).IP)
			stop() // a real one runs until a signal ends ctx
		}),
	)
	fmt.Println(err)
	// Output:
	// serving on 127.0.0.1
	// <nil>
}
