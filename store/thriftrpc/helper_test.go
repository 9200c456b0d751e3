// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/thrift"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what has to happen.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// A server is a real flag service that can be stopped, and started again at the
// same address.
type server struct {
	tb      testing.TB
	store   store.Store
	address string
	options []thrift.ServerOption

	service *thrift.Service
	running *thrift.Server
	done    sync.WaitGroup
}

func serve(tb testing.TB, s store.Store, options ...thrift.ServerOption) *server {
	tb.Helper()
	server := &server{tb: tb, store: s, address: "127.0.0.1:0", options: options}
	server.start()
	tb.Cleanup(server.stop)
	return server
}

func (s *server) start() {
	s.tb.Helper()
	l := listen(s.tb, s.address)
	s.address = l.Addr().String()
	s.service = thrift.NewService(s.store, thrift.WithLogger(quiet))
	s.running = thrift.NewServer(s.service, s.options...)
	running := s.running
	s.done.Go(func() { _ = running.Serve(l) })
}

// stop cuts everything, as if the process were killed.
func (s *server) stop() {
	_ = s.running.Close()
	_ = s.service.Close()
	s.done.Wait()
}

// listen binds an address, which another socket may still be leaving.
func listen(tb testing.TB, address string) net.Listener {
	tb.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
	}
}

// accept runs a function for each connection to a listener, until the test ends.
func accept(tb testing.TB, handle func(net.Conn)) (address string) {
	tb.Helper()
	l := listen(tb, "127.0.0.1:0")
	var mu sync.Mutex
	open := map[net.Conn]struct{}{}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = struct{}{}
			mu.Unlock()
			done.Go(func() {
				handle(conn)
				_ = conn.Close()
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		done.Wait()
	})
	return l.Addr().String()
}

// hang is a server that takes what it is sent and never answers.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func dial(tb testing.TB, address string, opts ...thriftrpc.Option) *thriftrpc.Store {
	tb.Helper()
	s := thriftrpc.New(address, append([]thriftrpc.Option{thriftrpc.WithLogger(quiet), thriftrpc.WithTimeout(patience)}, opts...)...)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// flag returns a flag that has something in every field.
func flag(name string) *store.Flag {
	return &store.Flag{
		Name:       name,
		Enabled:    true,
		Created:    time.Unix(1700000000, 0).UTC(),
		ClientData: `{"owner": "team-é", "ttl": 12345678901234567890, "share": 1.0}`,
		Conditions: []carta.Condition{
			carta.NewCondition(carta.Equal("plan", "pro"), carta.GreaterOrEqual("age", 18)),
			carta.NewCondition(carta.NotIn("country", "A", "B")),
		},
		Bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.25), "user_id", "org_id"),
	}
}

// same compares what can be stored of two flags.
func same(tb testing.TB, got, want *store.Flag) {
	tb.Helper()
	if got == nil {
		tb.Fatal("no flag")
	}
	if g, w := encoded(tb, got), encoded(tb, want); g != w {
		tb.Errorf("flag is\n     %s\nwant %s", g, w)
	}
}

func encoded(tb testing.TB, f *store.Flag) string {
	tb.Helper()
	text, err := store.Encode(f)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func mustPut(tb testing.TB, s store.Store, f *store.Flag) *store.Flag {
	tb.Helper()
	stored, err := s.Put(tb.Context(), f)
	if err != nil {
		tb.Fatal(err)
	}
	return stored
}

// serveSix serves the six methods of the Python client from a store, as a server
// that was made before the others were added. If replace is not nil, what it
// gives for a method is sent in place of the answer.
func serveSix(tb testing.TB, s store.Store, replace func(method string) []byte) (address string) {
	tb.Helper()
	service := thrift.NewService(s, thrift.WithLogger(quiet))
	tb.Cleanup(func() { _ = service.Close() })
	return accept(tb, func(conn net.Conn) { serveSixOn(conn, service, replace) })
}

func serveSixOn(conn net.Conn, service *thrift.Service, replace func(method string) []byte) {
	processor := featureflagstore.NewFeatureFlagStoreProcessor(service)
	transport := apache.NewTBufferedTransport(apache.NewTSocketFromConnConf(conn, nil), 4096)
	protocol := apache.NewTBinaryProtocolConf(transport, nil)
	ctx := context.Background()
	for {
		method, _, id, err := protocol.ReadMessageBegin(ctx)
		if err != nil {
			return
		}
		switch method {
		case "Create", "Get", "Set", "Delete", "List", "SetMeta":
		default:
			method = ""
		}
		function, known := processor.GetProcessorFunction(method)
		var reply []byte
		if replace != nil {
			reply = replace(method)
		}
		if reply == nil && known {
			if ok, _ := function.Process(ctx, id, protocol, protocol); !ok {
				return
			}
			continue
		}
		if err := protocol.Skip(ctx, apache.STRUCT); err != nil {
			return
		}
		if reply != nil {
			if _, err := conn.Write(reply); err != nil {
				return
			}
			continue
		}
		exception := apache.NewTApplicationException(apache.UNKNOWN_METHOD, "Unknown function")
		_ = protocol.WriteMessageBegin(ctx, method, apache.EXCEPTION, id)
		_ = exception.Write(ctx, protocol)
		if protocol.Flush(ctx) != nil {
			return
		}
	}
}

// memoryStore returns an empty store.
func memoryStore(tb testing.TB) *memory.Store {
	s := memory.New()
	tb.Cleanup(func() { _ = s.Close() })
	return s
}
