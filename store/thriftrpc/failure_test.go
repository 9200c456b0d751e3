// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// calls are all that go over the network.
var calls = map[string]func(context.Context, store.Store) error{
	"Get":    func(ctx context.Context, s store.Store) error { _, err := s.Get(ctx, "X"); return err },
	"Put":    func(ctx context.Context, s store.Store) error { _, err := s.Put(ctx, flag("X")); return err },
	"Delete": func(ctx context.Context, s store.Store) error { return s.Delete(ctx, "X") },
	"List": func(ctx context.Context, s store.Store) error {
		for _, err := range s.List(ctx) {
			return err
		}
		return nil
	},
}

func TestDeadline(t *testing.T) {
	address := accept(t, hang)
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const timeout = 50 * time.Millisecond
			check := func(what string, begin time.Time, err error) {
				t.Helper()
				if took := time.Since(begin); took < timeout || took > patience/2 {
					t.Errorf("%s: it took %v, not %v", what, took, timeout)
				}
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: error is %v", what, err)
				}
				if !strings.Contains(err.Error(), address) {
					t.Errorf("%s: error does not name the address: %v", what, err)
				}
			}
			begin := time.Now()
			check("the default", begin, call(t.Context(), dial(t, address, thriftrpc.WithTimeout(timeout))))

			begin = time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			check("the context's", begin, call(ctx, dial(t, address)))

			// The context's counts even if it is the longer one.
			begin = time.Now()
			ctx, cancel = context.WithTimeout(t.Context(), timeout)
			defer cancel()
			check("a longer one", begin, call(ctx, dial(t, address, thriftrpc.WithTimeout(time.Millisecond))))
		})
	}
}

// Who asks an HTTP server is told so, whatever the protocol and the call.
func TestHTTPServer(t *testing.T) {
	address := accept(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
	})
	for name, opts := range map[string][]thriftrpc.Option{
		"binary": nil, "framed": {thriftrpc.WithFramed()}, "compact": {thriftrpc.WithCompact()},
	} {
		for method, call := range calls {
			err := call(t.Context(), dial(t, address, opts...))
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "the server speaks HTTP, not Thrift") || !strings.Contains(err.Error(), "--listen") {
				t.Errorf("%s, %s: %v", name, method, err)
			}
		}
	}
}

func TestCancel(t *testing.T) {
	arrived := make(chan struct{}, len(calls))
	address := accept(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		arrived <- struct{}{}
		hang(conn)
	})
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			s := dial(t, address)
			cause := errors.New("no longer needed")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-arrived
				cancel(cause)
			}()
			begin := time.Now()
			err := call(ctx, s)
			if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) {
				t.Errorf("error is %v", err)
			}
			if errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the caller's cancellation counts as the service's failure: %v", err)
			}
			if took := time.Since(begin); took > patience/2 {
				t.Errorf("it took %v", took)
			}
			if err := call(ctx, s); !errors.Is(err, context.Canceled) {
				t.Errorf("with a context that has ended: error is %v", err)
			}
		})
	}
}

// Whoever waits for a connection waits no longer than for an answer.
func TestBusy(t *testing.T) {
	arrived := make(chan struct{})
	address := accept(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		close(arrived)
		hang(conn)
	})
	s := dial(t, address, thriftrpc.WithMaxConnections(1))
	ctx, cancel := context.WithCancel(t.Context())
	var first sync.WaitGroup
	first.Go(func() { _, _ = s.Get(ctx, "X") })
	<-arrived
	short, cancelShort := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancelShort()
	if _, err := s.Get(short, "X"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "WithMaxConnections") {
		t.Errorf("error is %v", err)
	}
	cancel()
	first.Wait()
}

// Close does not leave anybody waiting for a connection.
func TestCloseWhileBusy(t *testing.T) {
	arrived := make(chan struct{}, 1)
	address := accept(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		arrived <- struct{}{}
		hang(conn)
	})
	s := dial(t, address, thriftrpc.WithMaxConnections(1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	failed := make(chan error, 4)
	for range cap(failed) {
		go func() { _, err := s.Get(ctx, "X"); failed <- err }()
	}
	<-arrived
	_ = s.Close()
	for range cap(failed) {
		if err := <-failed; !errors.Is(err, store.ErrClosed) {
			t.Errorf("error is %v, want ErrClosed", err)
		}
	}
}

func TestClose(t *testing.T) {
	arrived := make(chan struct{}, 2)
	address := accept(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1))
		arrived <- struct{}{}
		hang(conn)
	})
	s := dial(t, address)
	failed := make(chan error, 2)
	go func() { _, err := s.Get(t.Context(), "X"); failed <- err }()
	go func() {
		for _, err := range s.Watch(t.Context()) {
			failed <- err
		}
	}()
	<-arrived
	<-arrived
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-failed; !errors.Is(err, store.ErrClosed) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error is %v, want ErrClosed", err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for name, call := range calls {
		if err := call(t.Context(), s); !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s: error is %v, want ErrClosed", name, err)
		}
	}
}

func TestConcurrency(t *testing.T) {
	const goroutines, rounds = 64, 20
	s := dial(t, serve(t, memoryStore(t)).address, thriftrpc.WithMaxConnections(8))
	mustPut(t, s, &store.Flag{Name: "COUNT", ClientData: `{"n": ""}`})
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			own := fmt.Sprintf("FLAG_%d", g)
			mustPutIn(t, s, &store.Flag{Name: own})
			for range rounds {
				if f, err := s.Get(t.Context(), own); err != nil || f.Name != own {
					t.Errorf("get %s: %v, %v", own, f, err)
				}
			}
			if _, err := store.Update(t.Context(), s, "COUNT", func(f *store.Flag) error {
				f.ClientData = f.ClientData[:len(f.ClientData)-2] + `."}`
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	f, err := s.Get(t.Context(), "COUNT")
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"n": "` + strings.Repeat(".", goroutines) + `"}`; string(f.ClientData) != want {
		t.Errorf("client data is %s, want %s", f.ClientData, want)
	}
}

func mustPutIn(t *testing.T, s store.Store, f *store.Flag) {
	if _, err := s.Put(t.Context(), f); err != nil {
		t.Error(err)
	}
}

// A server that is killed and comes back is noticed before a connection is used,
// so reads and writes go on, and no write is done twice.
func TestRestart(t *testing.T) {
	kept := &counting{Store: memoryStore(t)}
	server := serve(t, kept)
	s := dial(t, server.address, thriftrpc.WithMaxConnections(4))
	mustPut(t, s, &store.Flag{Name: "X"})
	for round := range 20 {
		// Several idle connections.
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { _, _ = s.Get(t.Context(), "X") })
		}
		all.Wait()
		server.stop()
		server.start()
		if round%2 == 0 {
			if _, err := s.Get(t.Context(), "X"); err != nil {
				t.Errorf("get after a restart: %v", err)
			}
			continue
		}
		puts := kept.puts.Load()
		f, err := s.Put(t.Context(), &store.Flag{Name: "X", Revision: version(t, kept)})
		if err != nil {
			t.Errorf("put after a restart: %v", err)
		} else if f.Revision != version(t, kept) || kept.puts.Load() != puts+1 {
			t.Errorf("put was done %d times, and gives another revision than is stored", kept.puts.Load()-puts)
		}
	}
}

func version(t *testing.T, s store.Store) string {
	t.Helper()
	f, err := s.Get(t.Context(), "X")
	if err != nil {
		t.Fatal(err)
	}
	return f.Revision
}

// counting counts the writes that arrive.
type counting struct {
	store.Store
	puts atomic.Int64
}

func (c *counting) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	c.puts.Add(1)
	return c.Store.Put(ctx, f)
}

// A connection that dies when the second request on it has been sent: a read is
// tried once more, a write is not, since it may have been done.
func TestDiedInUse(t *testing.T) {
	inner := memoryStore(t)
	behind := serve(t, inner)
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			address := accept(t, func(conn net.Conn) {
				relay(conn, behind.address, func(n int64) bool {
					requests.Add(1)
					return n == 1
				})
			})
			s := dial(t, address)
			if _, err := s.Get(t.Context(), "MISSING"); err != store.ErrNotFound {
				t.Fatal(err)
			}
			err := call(t.Context(), s)
			switch name {
			case "Get", "List":
				if errors.Is(err, store.ErrUnavailable) {
					t.Errorf("error is %v", err)
				}
				if n := requests.Load(); n != 3 {
					t.Errorf("%d requests were sent, want 3", n)
				}
			default:
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("error is %v, want ErrUnavailable", err)
				}
				if n := requests.Load(); n != 2 {
					t.Errorf("%d requests were sent, want 2", n)
				}
			}
		})
	}
}

// relay passes what comes on to a server, and its answers back, as long as pass
// says so of the n-th request.
func relay(conn net.Conn, address string, pass func(n int64) bool) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(conn, server)
		_ = conn.Close()
	})
	defer back.Wait()
	defer server.Close()
	buffer := make([]byte, 1<<20)
	for n := int64(1); ; n++ {
		size, err := conn.Read(buffer)
		if err != nil || !pass(n) {
			return
		}
		if _, err := server.Write(buffer[:size]); err != nil {
			return
		}
	}
}

// A connection whose other end has silently gone costs one call its time, not
// each connection one.
func TestHalfOpen(t *testing.T) {
	inner := memoryStore(t)
	mustPut(t, inner, &store.Flag{Name: "X"})
	behind := serve(t, inner)
	const pooled = 4
	var connections atomic.Int64
	var gone atomic.Bool
	var asked sync.WaitGroup
	asked.Add(pooled)
	address := accept(t, func(conn net.Conn) {
		number := connections.Add(1)
		relay(conn, behind.address, func(n int64) bool {
			if number <= pooled && n == 1 {
				asked.Done()
				asked.Wait() // so that each of the first calls needs a connection
			}
			if number <= pooled && gone.Load() {
				hang(conn)
			}
			return true
		})
	})
	s := dial(t, address, thriftrpc.WithTimeout(time.Second))
	get := func() error {
		_, err := s.Get(t.Context(), "X")
		return err
	}
	var all sync.WaitGroup
	for range pooled {
		all.Go(func() {
			if err := get(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	gone.Store(true)
	if err := get(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	for range 10 {
		if err := get(); err != nil {
			t.Error(err)
		}
	}
	if n := connections.Load(); n != pooled+1 {
		t.Errorf("%d connections were made, want %d", n, pooled+1)
	}
}

// Whatever a server answers, the outcome is an error soon, and costs little.
func TestHostileReplies(t *testing.T) {
	const reply = "\x80\x01\x00\x02\x00\x00\x00\x09GetStored\x00\x00\x00\x00"
	replies := map[string]string{
		"Nothing":           "",
		"Text":              "HTTP/1.1 400 Bad Request\r\n\r\n",
		"Zeros":             strings.Repeat("\x00", 100),
		"Ones":              strings.Repeat("\xff", 100),
		"NoVersion":         "\x00\x00\x00\x09GetStored\x02\x00\x00\x00\x00\x0c\x00\x00",
		"Truncated":         reply + "\x0c\x00\x00\x0b\x00\x01\x00\x00\x00\xff",
		"HugeName":          "\x80\x01\x00\x02\x7f\xff\xff\xff",
		"NegativeName":      "\x80\x01\x00\x02\x80\x00\x00\x00",
		"HugeString":        reply + "\x0c\x00\x00\x0b\x00\x02\x7f\xff\xff\xff",
		"LargeString":       reply + "\x0c\x00\x00\x0b\x00\x02\x00\xff\x00\x00",
		"WrongKind":         "\x80\x01\x00\x01\x00\x00\x00\x09GetStored\x00\x00\x00\x00\x00",
		"Oneway":            "\x80\x01\x00\x04\x00\x00\x00\x09GetStored\x00\x00\x00\x00\x00",
		"Empty":             reply + "\x00",
		"EmptyFlag":         reply + "\x0c\x00\x00\x00\x00",
		"NoItem":            reply + "\x0c\x00\x00" + "\x0b\x00\x03\x00\x00\x00\x01r" + "\x00\x00",
		"AnotherFlag":       reply + "\x0c\x00\x00" + "\x0b\x00\x01\x00\x00\x00\x01Y" + "\x0b\x00\x02\x00\x00\x00\x02{}" + "\x0b\x00\x03\x00\x00\x00\x01r" + "\x00\x00",
		"Nested":            reply + strings.Repeat("\x0c\x00\x63", 100_000),
		"HugeMap":           reply + "\x0d\x00\x63\x0b\x0b\x00\xff\xff\xff",
		"MapsInLists":       reply + "\x0f\x00\x63\x0f\x00\x10\x00\x00" + strings.Repeat("\x0d\x00\x10\x00\x00", 1000),
		"LargeFrame":        "\x00\xf0\x00\x00" + reply,
		"TooLargeFrame":     "\x7f\x00\x00\x00" + reply,
		"FrameTooShort":     "\x00\x00\x00\x05" + reply + "\x00",
		"CompactHugeString": "\x82\x41\x00\x09GetStored\x1c\x00\x28\xff\xff\xff\xff\x07",
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			address := accept(t, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1000))
				_, _ = io.WriteString(conn, reply)
			})
			for _, opts := range [][]thriftrpc.Option{
				nil, {thriftrpc.WithFramed()}, {thriftrpc.WithCompact()}, {thriftrpc.WithFramed(), thriftrpc.WithCompact()},
			} {
				s := dial(t, address, opts...)
				_, err := s.Get(t.Context(), "X")
				if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), address) {
					t.Errorf("get: error is %v", err)
				}
			}
		})
	}
}

// A few bytes that claim to be a large container allocate little.
func TestHostileContainers(t *testing.T) {
	item := "\x80\x01\x00\x02\x00\x00\x00\x03Get\x00\x00\x00\x00" + "\x0c\x00\x00" + "\x0c\x00\x03" + "\x0f\x00\x03\x0d"
	for name, reply := range map[string]string{
		"List":       item + "\x00\xff\xff\xff",
		"Map":        item + "\x00\x00\x00\x01" + "\x0b\x0f\x00\x4c\x4b\x40",
		"MapAtLimit": item + "\x00\x00\x00\x01" + "\x0b\x0f\x00\x02\x00\x00",
		"Checks":     item + "\x00\x00\x00\x01" + "\x0b\x0f\x00\x00\x00\x01" + "\x00\x00\x00\x01a" + "\x0c\x00\x4c\x4b\x40",
	} {
		t.Run(name, func(t *testing.T) {
			replace := func(method string) []byte {
				if method == "Get" {
					return []byte(reply)
				}
				return nil
			}
			s := dial(t, serveSix(t, memoryStore(t), replace), thriftrpc.WithTimeout(100*time.Millisecond))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := s.Get(t.Context(), "X")
			runtime.ReadMemStats(&after)
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("error is %v", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
				t.Errorf("%d bytes of reply made us allocate %d MB", len(reply), grown>>20)
			}
		})
	}
}

func TestMaxMessageSize(t *testing.T) {
	inner := memoryStore(t)
	f := flag("X")
	mustPut(t, inner, f)
	address := serve(t, inner).address
	for _, opts := range [][]thriftrpc.Option{nil, {thriftrpc.WithFramed()}} {
		s := dial(t, address, append(opts, thriftrpc.WithMaxMessageSize(200))...)
		if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "WithMaxMessageSize") {
			t.Errorf("error is %v", err)
		}
		s = dial(t, address, append(opts, thriftrpc.WithMaxMessageSize(math.MaxInt))...)
		if _, err := s.Get(t.Context(), "X"); err != nil {
			t.Error(err)
		}
	}
}

// scripted answers calls of the added methods as a test says.
type scripted struct {
	featureflagstore.FeatureFlagStore
	compareAndSet func(name string) (*featureflagstore.StoredFlag, error)
	getStored     func(name string) (*featureflagstore.StoredFlag, error)
	listStored    func(first string) (*featureflagstore.FlagPage, error)
	watch         func(position string) (*featureflagstore.FlagChanges, error)
}

func (s *scripted) GetStored(_ context.Context, name string) (*featureflagstore.StoredFlag, error) {
	return s.getStored(name)
}

func (s *scripted) CompareAndSet(_ context.Context, name string, _ featureflagstore.JSON, _ string) (*featureflagstore.StoredFlag, error) {
	return s.compareAndSet(name)
}

func (s *scripted) ListStored(_ context.Context, first string) (*featureflagstore.FlagPage, error) {
	return s.listStored(first)
}

func (s *scripted) Watch(_ context.Context, position string, _ int32) (*featureflagstore.FlagChanges, error) {
	return s.watch(position)
}

func serveScripted(tb testing.TB, s *scripted) (address string) {
	tb.Helper()
	return accept(tb, func(conn net.Conn) {
		processor := featureflagstore.NewFeatureFlagStoreProcessor(s)
		protocol := apache.NewTBinaryProtocolConf(apache.NewTBufferedTransport(apache.NewTSocketFromConnConf(conn, nil), 4096), nil)
		for {
			if ok, _ := processor.Process(context.Background(), protocol, protocol); !ok {
				return
			}
		}
	})
}

func TestErrorCodes(t *testing.T) {
	var answer *featureflagstore.FlipperException
	stored := func(string) (*featureflagstore.StoredFlag, error) { return nil, answer }
	s := dial(t, serveScripted(t, &scripted{getStored: stored, compareAndSet: stored}))
	for code, want := range map[featureflagstore.ErrorCode]error{
		featureflagstore.ErrorCode_NOT_FOUND:   store.ErrNotFound,
		featureflagstore.ErrorCode_EXISTS:      store.ErrExists,
		featureflagstore.ErrorCode_CONFLICT:    store.ErrConflict,
		featureflagstore.ErrorCode_INVALID:     store.ErrInvalidName,
		featureflagstore.ErrorCode_UNREADABLE:  store.ErrUnreadable,
		featureflagstore.ErrorCode_UNAVAILABLE: store.ErrUnavailable,
		featureflagstore.ErrorCode_UNSUPPORTED: store.ErrUnavailable,
		99:                                     store.ErrUnavailable,
	} {
		answer = &featureflagstore.FlipperException{Code: &code, Message: "because\nso"}
		for name, call := range map[string]func(context.Context, store.Store) error{"Get": calls["Get"], "Put": calls["Put"]} {
			err := call(t.Context(), s)
			if !errors.Is(err, want) {
				t.Errorf("%s, %v: error is %v, want %v", name, code, err, want)
			}
			if want == store.ErrUnavailable && !strings.Contains(err.Error(), `because\nso`) {
				t.Errorf("%s, %v: error does not say why: %v", name, code, err)
			}
			if e, ok := errors.AsType[*store.UnreadableError](err); ok && e.Name != "X" {
				t.Errorf("%s: unreadable flag is %q", name, e.Name)
			}
		}
	}
	answer = &featureflagstore.FlipperException{Message: "oops"}
	if _, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without a code: error is %v", err)
	}
}

// A service that refuses a flag because of its name says only that it is
// invalid; one that refuses something else takes the name.
func TestInvalidIsNotName(t *testing.T) {
	invalid, missing := featureflagstore.ErrorCode_INVALID, featureflagstore.ErrorCode_NOT_FOUND
	s := dial(t, serveScripted(t, &scripted{
		compareAndSet: func(string) (*featureflagstore.StoredFlag, error) {
			return nil, &featureflagstore.FlipperException{Code: &invalid, Message: "too large for me"}
		},
		getStored: func(string) (*featureflagstore.StoredFlag, error) {
			return nil, &featureflagstore.FlipperException{Code: &missing}
		},
	}))
	if err := calls["Put"](t.Context(), s); !errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrInvalidName) {
		t.Errorf("error is %v", err)
	}
}

func page(next string, names ...string) *featureflagstore.FlagPage {
	p := &featureflagstore.FlagPage{}
	item, revision := featureflagstore.JSON(`{"feature_name": "", "is_enabled": true, "meta": {"created_date": 1}}`), "r"
	for _, name := range names {
		p.Flags = append(p.Flags, &featureflagstore.StoredFlag{FeatureName: &name, Item: &item, Revision: &revision})
	}
	if next != "" {
		p.ContinuesAt = &next
	}
	return p
}

func TestListPages(t *testing.T) {
	var pages map[string]*featureflagstore.FlagPage
	s := dial(t, serveScripted(t, &scripted{listStored: func(first string) (*featureflagstore.FlagPage, error) {
		if p := pages[first]; p != nil {
			return p, nil
		}
		return nil, &featureflagstore.FlipperException{Message: "no page " + first}
	}}))
	reason := "not JSON"
	unreadable := page("C", "A", "B")
	unreadable.Flags[1].Item, unreadable.Flags[1].Unreadable = nil, &reason
	broken := page("", "C")
	*broken.Flags[0].Item = "{"
	for _, test := range []struct {
		name  string
		pages map[string]*featureflagstore.FlagPage
		want  string
		ends  error
	}{
		{"Two", map[string]*featureflagstore.FlagPage{"": page("B", "", "A"), "B": page("", "B", "C")}, ",A,B,C", nil},
		{"Gone", map[string]*featureflagstore.FlagPage{"": page("B", "A"), "B": page("", "C")}, "A,C", nil},
		{"EmptyLast", map[string]*featureflagstore.FlagPage{"": page("B", "A"), "B": page("")}, "A", nil},
		{"Unreadable", map[string]*featureflagstore.FlagPage{"": unreadable, "C": broken}, "A,!B,!C", nil},
		{"Failing", map[string]*featureflagstore.FlagPage{"": page("B", "A")}, "A", store.ErrUnavailable},
		{"Unsorted", map[string]*featureflagstore.FlagPage{"": page("", "B", "A")}, "B", store.ErrUnavailable},
		{"Twice", map[string]*featureflagstore.FlagPage{"": page("", "B", "B")}, "B", store.ErrUnavailable},
		{"Back", map[string]*featureflagstore.FlagPage{"": page("A", "A", "B")}, "A,B", store.ErrUnavailable},
		{"Endless", map[string]*featureflagstore.FlagPage{"": page("A"), "A": page("A")}, "", store.ErrUnavailable},
		{"BeforeFirst", map[string]*featureflagstore.FlagPage{"": page("B", "A"), "B": page("", "A")}, "A", store.ErrUnavailable},
	} {
		pages = test.pages
		var got []string
		var ends error
		for f, err := range s.List(t.Context()) {
			if e, ok := errors.AsType[*store.UnreadableError](err); ok {
				got = append(got, "!"+e.Name)
				continue
			}
			if err != nil {
				ends = err
				continue
			}
			got = append(got, f.Name)
		}
		if names := strings.Join(got, ","); names != test.want || !errors.Is(ends, test.ends) {
			t.Errorf("%s: list gives %q, %v; want %q, %v", test.name, names, ends, test.want, test.ends)
		}
	}
}
