// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/thrift"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what has to happen.
const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// A service is a real flag service that can be stopped, and started again at the
// same address with the same flags.
type service struct {
	t       testing.TB
	flags   *memory.Store
	address string
	service *thrift.Service
	server  *thrift.Server
	done    sync.WaitGroup
}

func serve(t testing.TB) *service {
	t.Helper()
	s := &service{t: t, flags: memory.New(), address: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *service) start() {
	s.t.Helper()
	var listener net.Listener
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var err error
		if listener, err = net.Listen("tcp", s.address); err == nil {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
	}
	s.address = listener.Addr().String()
	s.service = thrift.NewService(s.flags, thrift.WithLogger(quiet))
	s.server = thrift.NewServer(s.service)
	server := s.server
	s.done.Go(func() { _ = server.Serve(listener) })
}

// stop cuts everything, as if the process were killed.
func (s *service) stop() {
	_ = s.server.Close()
	_ = s.service.Close()
	s.done.Wait()
}

func dial(t testing.TB, address string, opts ...thriftrpc.Option) *thriftrpc.Store {
	t.Helper()
	s := thriftrpc.New(address, append([]thriftrpc.Option{thriftrpc.WithLogger(quiet)}, opts...)...)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A layer is a store that stands on another one.
type layer interface {
	store.Watcher
	store.Peeker
	store.Dated
	Close() error
}

// layers are the kinds of them.
var layers = map[string]func(t testing.TB, inner store.Watcher) layer{
	"Cached": func(t testing.TB, inner store.Watcher) layer {
		s := cached.New(inner)
		t.Cleanup(func() { _ = s.Close() })
		return s
	},
	"Mirror": func(t testing.TB, inner store.Watcher) layer {
		s := mirror.New(inner, mirror.WithLogger(quiet))
		t.Cleanup(func() { _ = s.Close() })
		return s
	},
}
