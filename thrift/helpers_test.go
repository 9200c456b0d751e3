// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// A recorder keeps what is logged.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{}
}

func newRecorder() *recorder { return &recorder{news: make(chan struct{}, 1)} }

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (r *recorder) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// patience is how long a test waits for what must come. No test passes because
// it ends.
const patience = 60 * time.Second

// await waits until something was logged.
func (r *recorder) await(t *testing.T, text string) {
	t.Helper()
	for !strings.Contains(r.String(), text) {
		select {
		case <-r.news:
		case <-time.After(patience):
			t.Fatalf("never logged: %q; but:\n%s", text, r)
		}
	}
}

// newService makes a service that ends with the test and logs to the recorder.
func newService(t testing.TB, s store.Store, log *recorder, options ...ServiceOption) *Service {
	t.Helper()
	service := NewService(s, append([]ServiceOption{WithLogger(log.logger())}, options...)...)
	t.Cleanup(func() { service.Close() })
	return service
}

// serve serves until the test ends.
func serve(t testing.TB, service *Service, options ...ServerOption) (server *Server, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, service, options...), l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, service *Service, options ...ServerOption) *Server {
	t.Helper()
	server := NewServer(service, options...)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return server
}

// A form is one way of sending messages.
type form struct {
	name            string
	framed, compact bool
}

var forms = []form{
	{"binary buffered", false, false},
	{"binary framed", true, false},
	{"compact buffered", false, true},
	{"compact framed", true, true},
}

func (f form) client(conn net.Conn) *featureflagstore.FeatureFlagStoreClient {
	configuration := &apache.TConfiguration{}
	var transport apache.TTransport = apache.NewTSocketFromConnConf(conn, configuration)
	if f.framed {
		transport = apache.NewTFramedTransportConf(transport, configuration)
	} else {
		transport = apache.NewTBufferedTransport(transport, 4096)
	}
	var protocol apache.TProtocol = apache.NewTBinaryProtocolConf(transport, configuration)
	if f.compact {
		protocol = apache.NewTCompactProtocolConf(transport, configuration)
	}
	return featureflagstore.NewFeatureFlagStoreClient(apache.NewTStandardClient(protocol, protocol))
}

// dial connects until the test ends.
func dial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func newClient(t testing.TB, address string) *featureflagstore.FeatureFlagStoreClient {
	t.Helper()
	return forms[0].client(dial(t, address))
}

func mustCreate(t testing.TB, s *Service, name string) {
	t.Helper()
	if _, err := s.Create(t.Context(), name, true, ""); err != nil {
		t.Fatal(err)
	}
}

// wantCode checks that an error is a bare exception with a code.
func wantCode(t testing.TB, err error, want featureflagstore.ErrorCode) *featureflagstore.FlipperException {
	t.Helper()
	e, ok := err.(*featureflagstore.FlipperException) // not wrapped: generated code would not see it
	if !ok {
		t.Fatalf("got %T %v, want %s", err, err, want)
	}
	if e.Code == nil || *e.Code != want {
		t.Fatalf("got %v %q, want %s", e.Code, e.Message, want)
	}
	return e
}

// A hookedStore is a memory store whose reads can be made to block, fail or
// panic.
type hookedStore struct {
	*memory.Store
	get  func(ctx context.Context, name string) error
	list []error // what lists yield first
}

func (s *hookedStore) Get(ctx context.Context, name string) (*store.Flag, error) {
	if s.get != nil {
		if err := s.get(ctx, name); err != nil {
			return nil, err
		}
	}
	return s.Store.Get(ctx, name)
}

// Peek leaves all to Get.
func (s *hookedStore) Peek(string) (*store.Flag, bool) { return nil, false }

func (s *hookedStore) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		for _, err := range s.list {
			if !yield(nil, err) {
				return
			}
		}
		s.Store.List(ctx)(yield)
	}
}

// wantClosed waits until the server closes a connection, without having sent
// anything.
func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	n, err := conn.Read(make([]byte, 1))
	if n != 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read %d bytes, %v: want the connection closed", n, err)
	}
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		t.Errorf("the connection was not closed")
	}
}
