// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/storetest"
	"github.com/flipper-go/flipper/store/storeurl"
	"github.com/flipper-go/flipper/thrift"
)

// patience is how long tests wait for what has to happen.
const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// open opens a store that is closed with the test.
func open(t testing.TB, url string, opts ...storeurl.Option) *storeurl.Store {
	t.Helper()
	s, err := storeurl.Open(url, append([]storeurl.Option{storeurl.WithLogger(quiet)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func ready(t testing.TB, s *storeurl.Store) *storeurl.Store {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// serve runs a flag service with a memory store until the test ends.
func serve(t testing.TB) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	flags := memory.New()
	service := thrift.NewService(flags, thrift.WithLogger(quiet))
	server := thrift.NewServer(service)
	var done sync.WaitGroup
	done.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		_ = service.Close()
		_ = flags.Close()
		done.Wait()
	})
	return l.Addr().String()
}

// TestStore holds what Open returns to the contract of stores.
func TestStore(t *testing.T) {
	redisServer := redistest.StartTCP(t)
	var bases atomic.Int64
	redisURL := func(t *testing.T) string {
		t.Helper()
		return fmt.Sprintf("redis://%s?base_key=base%d", redisServer.Addr(), bases.Add(1))
	}
	for name, c := range map[string]struct {
		url  func(t *testing.T) string
		opts []storeurl.Option
	}{
		"Memory":        {url: func(*testing.T) string { return "memory:" }},
		"Bolt":          {url: func(t *testing.T) string { return "bolt:" + filepath.Join(t.TempDir(), "flags.db") }},
		"Redis":         {url: redisURL},
		"WithoutMirror": {redisURL, []storeurl.Option{storeurl.WithoutMirror()}},
		"Thrift":        {url: func(t *testing.T) string { return "thrift://" + serve(t) }},
	} {
		t.Run(name, func(t *testing.T) {
			urls := make(map[store.Store]string)
			h := storetest.Harness{
				New: func(t *testing.T) store.Store {
					url := c.url(t)
					s := ready(t, open(t, url, c.opts...))
					urls[s] = url
					return s
				},
				Patience: patience,
			}
			if name != "Memory" && name != "Bolt" {
				h.Second = func(t *testing.T, s store.Store) store.Store { return ready(t, open(t, urls[s], c.opts...)) }
			}
			storetest.Run(t, h)
		})
	}
}

// TestMirror has a mirror exactly where reads would ask a server, or where an
// option asks for one.
func TestMirror(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
	file := filepath.Join(t.TempDir(), "flags.db")
	lastGood := storeurl.WithLastGood(filepath.Join(t.TempDir(), "last-good.json"))
	for _, c := range []struct {
		url      string
		opts     []storeurl.Option
		mirrored bool
	}{
		{"memory:", nil, false},
		{"memory:", []storeurl.Option{lastGood, storeurl.WithMirror()}, false},
		{"bolt:" + file, []storeurl.Option{lastGood, storeurl.WithMirror()}, false},
		{"consul:", nil, false},
		{"consul:", []storeurl.Option{lastGood}, true},
		{"consul:", []storeurl.Option{storeurl.WithMirror(mirror.WithFullReadInterval(time.Minute))}, true},
		{"redis://127.0.0.1:1", nil, true},
		{"redis://127.0.0.1:1", []storeurl.Option{storeurl.WithoutMirror()}, false},
		{"thrift://127.0.0.1:1", nil, true},
		{"thrift://127.0.0.1:1", []storeurl.Option{storeurl.WithoutMirror()}, false},
	} {
		s := open(t, c.url, c.opts...)
		if s.Mirrored() != c.mirrored {
			t.Errorf("%s with %d options: mirrored %t, want %t", c.url, len(c.opts), s.Mirrored(), c.mirrored)
		}
	}
}

// TestOutage starts a program twice while its server is down: with the flags of the
// last run in a file, and with those that it brings along.
func TestOutage(t *testing.T) {
	servers := map[string]func(t *testing.T) (url string, kill func()){
		"Redis": func(t *testing.T) (string, func()) {
			server := redistest.StartTCP(t)
			return "redis://" + server.Addr(), server.Kill
		},
		"Consul": func(t *testing.T) (string, func()) {
			agent := consultest.Start(t)
			return "consul://" + agent.Address, agent.Kill
		},
	}
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, kill := start(t)
			file := filepath.Join(t.TempDir(), "last-good.json")
			first := ready(t, open(t, url, storeurl.WithLastGood(file)))
			if _, err := flipper.New(first).Create(t.Context(), "KEPT", flipper.WithEnabled(true)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := first.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := first.Get(t.Context(), "KEPT"); !errors.Is(err, store.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
			if _, err := first.Backend().Get(t.Context(), "KEPT"); !errors.Is(err, store.ErrClosed) {
				t.Errorf("the backend after Close: %v", err)
			}
			kill()

			second := ready(t, open(t, url, storeurl.WithLastGood(file)))
			if e := flipper.New(second).Evaluate(t.Context(), "KEPT"); !e.Enabled || e.Reason != flipper.ReasonStale {
				t.Errorf("with the last good flags: %+v", e)
			}
			if _, stale := second.Age("KEPT"); !stale {
				t.Error("the last good flags are not stale")
			}

			initial := mirror.WithInitial([]*store.Flag{{Name: "INITIAL", Enabled: true}})
			third := ready(t, open(t, url, storeurl.WithMirror(initial)))
			if e := flipper.New(third).Evaluate(t.Context(), "INITIAL"); !e.Enabled {
				t.Errorf("with the initial flags: %+v", e)
			}
		})
	}
}

// TestNoConnection shows that without a mirror nothing is dialled until something
// is asked.
func TestNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, form := range []string{"redis://%s", "redis+cluster://%s", "redis+sentinel://%s?master_name=flags", "thrift://%s", "thrifts://%s", "consul://%s"} {
		s := open(t, fmt.Sprintf(form, l.Addr()), storeurl.WithoutMirror())
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// This connection is the first.
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if accepted.RemoteAddr().String() != conn.LocalAddr().String() {
		t.Error("a store that nobody asked has dialled")
	}
}

// TestFast has the client read what the mirror holds without a call in between, and
// without allocating.
func TestFast(t *testing.T) {
	s := ready(t, open(t, "redis://"+redistest.StartTCP(t).Addr()))
	features := flipper.New(s)
	if _, err := features.Create(t.Context(), "FAST", flipper.WithEnabled(true)); err != nil {
		t.Fatal(err)
	}
	if got := snapshot.Of(s); got == nil {
		t.Error("the client cannot read the flags of the mirror directly")
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if !features.IsEnabled(ctx, "FAST", flipper.Int("user_id", 42)) {
			t.Error("off")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	around := struct{ *storeurl.Store }{s}
	if snapshot.Of(around) != nil {
		t.Error("a store around it is read directly too")
	}
}

// A counter counts the calls that go to a backend.
type counter struct{ gets, puts atomic.Int64 }

func (c *counter) Begin(ctx context.Context, call instrumented.Call) (context.Context, func(error)) {
	switch call.Operation {
	case instrumented.OperationGet:
		c.gets.Add(1)
	case instrumented.OperationPut:
		c.puts.Add(1)
	}
	return ctx, func(error) {}
}

func TestObservers(t *testing.T) {
	var calls counter
	s := ready(t, open(t, "thrift://"+serve(t), storeurl.WithObservers(&calls)))
	if _, err := flipper.New(s).Create(t.Context(), "SEEN"); err != nil {
		t.Fatal(err)
	}
	if calls.puts.Load() != 1 {
		t.Errorf("%d writes were observed", calls.puts.Load())
	}
	before := calls.gets.Load()
	if _, err := s.Get(t.Context(), "SEEN"); err != nil {
		t.Fatal(err)
	}
	if calls.gets.Load() != before {
		t.Error("a read from the mirror was observed")
	}
	if _, err := s.Backend().Get(t.Context(), "SEEN"); err != nil {
		t.Fatal(err)
	}
	if calls.gets.Load() != before+1 {
		t.Error("a read from the backend was not observed")
	}
}

func TestLogger(t *testing.T) {
	var log syncBuffer
	s := open(t, "redis://127.0.0.1:1", storeurl.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for deadline := time.Now().Add(patience); !strings.Contains(log.String(), "flag mirror"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the loss of the connection is not logged")
		}
	}
	_ = s.Close()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestTLSFiles has a Redis that only takes clients with a certificate, which the URL
// names, or an option.
func TestTLSFiles(t *testing.T) {
	cert, key := newCertificate(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	redistest.Start(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--bind", "127.0.0.1")
	files := storeurl.WithTLSFiles(storeurl.TLSFiles{CA: cert, Cert: cert, Key: key, ServerName: "flags.test"})
	for i, c := range []struct {
		parameters string
		opts       []storeurl.Option
		works      bool
	}{
		{"", []storeurl.Option{files}, true},
		{"?ca=" + cert + "&cert=" + cert + "&key=" + key + "&server_name=flags.test", nil, true},
		{"?server_name=flags.other", []storeurl.Option{files}, false}, // the URL counts
		{"?ca=" + cert, nil, false},                                   // no certificate to show
		{"", nil, false},
	} {
		s := open(t, "rediss://"+address+c.parameters, append(c.opts, storeurl.WithoutMirror())...)
		_, err := s.Put(t.Context(), &store.Flag{Name: fmt.Sprint("FLAG", i)})
		if works := err == nil; works != c.works {
			t.Errorf("%q with %d options: %v", c.parameters, len(c.opts), err)
		}
	}
}

// newCertificate makes a certificate that is its own authority, for flags.test.
func newCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"flags.test"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", pkcs8)
}

// TestOptionsRefused has options that contradict each other, or the URL, refused.
func TestOptionsRefused(t *testing.T) {
	files := storeurl.WithTLSFiles(storeurl.TLSFiles{CA: "ca.pem"})
	for _, c := range []struct {
		url  string
		opts []storeurl.Option
		want string
	}{
		{"redis://h:1", []storeurl.Option{storeurl.WithoutMirror(), storeurl.WithLastGood("x")}, "leave out WithoutMirror"},
		{"redis://h:1", []storeurl.Option{storeurl.WithoutMirror(), storeurl.WithMirror()}, "leave out one"},
		{"memory:", []storeurl.Option{storeurl.WithObservers(nil)}, "observer is nil"},
		{"thrift://h:1", []storeurl.Option{files}, "write thrifts://"},
		{"redis://h:1", []storeurl.Option{files}, "write rediss://"},
		{"thrifts://h:1", []storeurl.Option{files}, "ca: open ca.pem"},
		{"consul://h:1", []storeurl.Option{files}, "ca.pem"},
		{"thrifts://h:1", []storeurl.Option{storeurl.WithTLSFiles(storeurl.TLSFiles{Cert: "x"})}, "both Cert and Key"},
	} {
		s, err := storeurl.Open(c.url, c.opts...)
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.url, err, c.want)
		}
	}
	// The stores of the process have no server, and so no use for TLS.
	open(t, "memory:", files)
	open(t, "bolt:"+filepath.Join(t.TempDir(), "flags.db"), files)
}
