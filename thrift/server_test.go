// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// awaitServer waits until a condition on the server's state holds.
func awaitServer(t *testing.T, s *Server, holds func() bool) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < patience; {
		s.mu.Lock()
		ok := holds()
		s.mu.Unlock()
		if ok {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never came to be")
}

// idleRegulars counts the connections that had calls and have none now. The caller
// holds the lock.
func idleRegulars(s *Server) (n int) {
	for c := range s.connections {
		if c.place == nil && c.state.Load() == stateIdle {
			n++
		}
	}
	return n
}

// roundTrip uses every method once.
func roundTrip(t *testing.T, client *featureflagstore.FeatureFlagStoreClient) {
	t.Helper()
	ctx := t.Context()
	fail := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err := client.Create(ctx, "x", true, `{"a": 1.0}`)
	fail("Create", err)
	fail("Set", client.Set(ctx, "x", false))
	fail("SetMeta", client.SetMeta(ctx, "x", &featureflagstore.FeatureFlagStoreMeta{
		ClientData: new(featureflagstore.JSON(`{"a": 2}`)),
		Conditions: []featureflagstore.Condition{{"a": {check("a", "1", new("gt"))}}},
	}))
	item, err := client.Get(ctx, "x")
	fail("Get", err)
	if *item.IsEnabled || *item.Meta.ClientData != `{"a": 2}` || len(item.Meta.Conditions) != 1 {
		t.Errorf("%v", item)
	}
	items, err := client.List(ctx, -1, 0)
	fail("List", err)
	if len(items) != 1 {
		t.Errorf("%v", items)
	}
	stored, err := client.GetStored(ctx, "x")
	fail("GetStored", err)
	stored, err = client.CompareAndSet(ctx, "x", *stored.Item, *stored.Revision)
	fail("CompareAndSet", err)
	page, err := client.ListStored(ctx, "")
	fail("ListStored", err)
	if len(page.Flags) != 1 || *page.Flags[0].Revision != *stored.Revision {
		t.Errorf("%v", page)
	}
	_, err = client.Watch(ctx, "", 0)
	fail("Watch", err)
	fail("DeleteStored", client.DeleteStored(ctx, "x"))
	fail("Delete", client.Delete(ctx, "x"))
	_, err = client.Get(ctx, "x")
	wantCode(t, err, featureflagstore.ErrorCode_NOT_FOUND)
}

// One port serves every form, also from one message to the next.
func TestForms(t *testing.T) {
	_, address := serve(t, newService(t, memory.New(), newRecorder()))
	for _, form := range forms {
		t.Run(form.name, func(t *testing.T) { roundTrip(t, form.client(dial(t, address))) })
	}
	t.Run("in turn", func(t *testing.T) {
		conn := dial(t, address)
		for _, form := range forms {
			roundTrip(t, form.client(conn))
		}
	})
}

// A message that is cut at every place arrives whole.
func TestFragments(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	_, address := serve(t, service)
	request := request("Get", 1, "x")
	conn := dial(t, address)
	for cut := range request {
		for _, part := range [][]byte{request[:cut], request[cut:]} {
			if _, err := conn.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := readReply(conn, "Get"); err != nil || r.Content.(*featureflagstore.FeatureFlagStoreGetResult).Success == nil {
			t.Fatalf("cut at %d: %v, %v", cut, r, err)
		}
	}
	// And many in one piece are answered one by one.
	var many []byte
	for range 100 {
		many = append(many, request...)
	}
	if _, err := conn.Write(many); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, err := readReply(conn, "Get"); err != nil {
			t.Fatal(err)
		}
	}
}

// request returns an unframed binary call whose first argument is a name.
func request(method string, id byte, name string) []byte {
	b := []byte{0x80, 1, 0, 1, 0, 0, 0, byte(len(method))}
	b = append(b, method...)
	b = append(b, 0, 0, 0, id, 11, 0, 1, 0, 0, 0, byte(len(name)))
	b = append(b, name...)
	return append(b, 0)
}

func TestUnknownMethod(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	_, address := serve(t, service)
	for _, form := range forms {
		conn := dial(t, address)
		client := form.client(conn)
		_, err := client.Client_().Call(t.Context(), "Nope", &featureflagstore.FeatureFlagStoreGetArgs{FeatureName: "x"}, featureflagstore.NewFeatureFlagStoreGetResult())
		var e apache.TApplicationException
		if !errors.As(err, &e) || e.TypeId() != apache.UNKNOWN_METHOD {
			t.Errorf("%s: %v", form.name, err)
		}
		if _, err := form.client(conn).Get(t.Context(), "x"); err != nil {
			t.Errorf("%s: the next call: %v", form.name, err)
		}
	}
}

// A panic ends neither the process nor the connection, and is logged.
func TestPanic(t *testing.T) {
	log := newRecorder()
	flags := &hookedStore{Store: memory.New(), get: func(_ context.Context, name string) error {
		if name == "panic" {
			panic("secret detail")
		}
		return nil
	}}
	service := newService(t, flags, log)
	mustCreate(t, service, "x")
	_, address := serve(t, service)
	client := newClient(t, address)
	_, err := client.Get(t.Context(), "panic")
	var e apache.TApplicationException
	if !errors.As(err, &e) || e.TypeId() != apache.INTERNAL_ERROR || e.Error() != "Internal error" {
		t.Errorf("got %v", err)
	}
	log.await(t, "secret detail")
	log.await(t, "helpers_test.go") // the stack
	if _, err := client.Get(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func TestShutdown(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	flags := &hookedStore{Store: memory.New(), get: func(_ context.Context, name string) error {
		if name == "slow" {
			close(entered)
			<-release
		}
		return nil
	}}
	service := newService(t, flags, newRecorder())
	mustCreate(t, service, "slow")
	begin := mustWatch(t, service, "", 0)
	server, address := serve(t, service)
	idle, used := dial(t, address), dial(t, address)
	if _, err := forms[0].client(used).List(t.Context(), -1, 0); err != nil {
		t.Fatal(err)
	}
	polling := newClient(t, address)
	polled := make(chan error, 1)
	go func() {
		_, err := polling.Watch(t.Context(), *begin.Position, minute)
		polled <- err
	}()
	calling := newClient(t, address)
	called := make(chan error, 1)
	go func() {
		_, err := calling.Get(t.Context(), "slow")
		called <- err
	}()
	<-entered
	awaitServer(t, server, func() bool {
		return len(server.connections) == 4 && server.strangers.Len() == 1 && idleRegulars(server) == 1
	})

	down := make(chan error, 1)
	go func() { down <- server.Shutdown(t.Context()) }()
	wantClosed(t, idle)
	wantClosed(t, used)
	wantCode(t, <-polled, featureflagstore.ErrorCode_UNAVAILABLE)
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned with a call in flight: %v", err)
	default:
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("still accepts connections")
	}
	close(release)
	if err := <-called; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(l); !errors.Is(err, ErrServerClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

// What is not done when the context ends is cut.
func TestShutdownCuts(t *testing.T) {
	entered := make(chan struct{})
	flags := &hookedStore{Store: memory.New(), get: func(ctx context.Context, _ string) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	}}
	server, address := serve(t, newService(t, flags, newRecorder()))
	client := newClient(t, address)
	called := make(chan error, 1)
	go func() {
		_, err := client.Get(t.Context(), "x")
		called <- err
	}()
	<-entered
	half := dial(t, address) // half a message is no reason to wait either
	half.Write(request("Get", 1, "x")[:5])
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-called; err == nil {
		t.Error("the call was not cut")
	}
	server.Close()
}

func TestServeListenerFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	server := NewServer(newService(t, memory.New(), newRecorder()))
	defer server.Close()
	if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	certificate, pool := newCertificate(t)
	log := newRecorder()
	service := newService(t, memory.New(), log)
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	_, address := serve(t, service, WithTLS(config))
	client := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}, ServerName: "localhost"}
	for _, form := range forms {
		conn, err := tls.Dial("tcp", address, client)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		roundTrip(t, form.client(conn))
		// A long poll reads aside; the connection is as good afterwards.
		begin := mustWatch(t, form.client(conn), "", 0)
		mustWatch(t, form.client(conn), *begin.Position, 5)
		roundTrip(t, form.client(conn))
	}
	// Without a certificate, and without TLS.
	client.Certificates = nil
	if conn, err := tls.Dial("tcp", address, client); err == nil {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("served without a certificate")
		}
		conn.Close()
	}
	log.await(t, "TLS handshake failed")
	plain := dial(t, address)
	plain.Write(request("Get", 1, "x"))
	io.Copy(io.Discard, plain)

	// TLS to a port that speaks none is recognised.
	_, address = serve(t, service)
	if conn, err := tls.Dial("tcp", address, client); err == nil {
		conn.Close()
		t.Error("TLS where there is none")
	}
	log.await(t, "but TLS")
}

func newCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

const outOfFiles = "FLIPPER_TEST_OUT_OF_FILES"

// A server without file descriptors goes on accepting. It runs in a process of
// its own, with few of them.
func TestOutOfFiles(t *testing.T) {
	if os.Getenv(outOfFiles) != "" {
		serveWithFewFiles(t)
		return
	}
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOutOfFiles$", "-test.v")
	process.Env = append(os.Environ(), outOfFiles+"=1")
	stdin, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	var address string
	lines := bufio.NewScanner(stdout)
	for address == "" && lines.Scan() {
		if _, found, ok := strings.Cut(lines.Text(), "address="); ok {
			address = found
		}
	}
	if address == "" {
		t.Fatal("the process did not tell its address")
	}
	regular := newClient(t, address)
	if _, err := regular.Get(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		dial(t, address)
	}
	if _, err := newClient(t, address).Get(t.Context(), "x"); err != nil {
		t.Errorf("a new client: %v", err)
	}
	if _, err := regular.Get(t.Context(), "x"); err != nil {
		t.Errorf("the client from before: %v", err)
	}
	stdin.Close()
	rest, err := io.ReadAll(stdout)
	if err := errors.Join(err, process.Wait()); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
	if !strings.Contains(string(rest), "too many open files") {
		t.Errorf("the process never ran out of files:\n%s", rest)
	}
}

func serveWithFewFiles(t *testing.T) {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 40, Max: 40}); err != nil {
		t.Fatal(err)
	}
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	_, address := serve(t, service)
	os.Stdout.WriteString("address=" + address + "\n")
	io.Copy(io.Discard, os.Stdin)
	os.Stdout.WriteString(log.String())
}

// Where all connections have a call in flight, another is refused politely.
func TestAllBusy(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	begin := mustWatch(t, service, "", 0)
	server, address := serve(t, service, WithMaxConnections(2))
	var polls sync.WaitGroup
	for range 2 {
		client := newClient(t, address)
		polls.Go(func() {
			if _, err := client.Watch(t.Context(), *begin.Position, minute); err != nil {
				t.Error(err)
			}
		})
	}
	awaitServer(t, server, func() bool { return len(server.connections) == 2 && server.strangers.Len() == 0 })
	wantClosed(t, dial(t, address))
	log.await(t, "refused a connection")
	mustCreate(t, service, "x")
	polls.Wait()
	// Now that they are idle, there is room.
	awaitServer(t, server, func() bool { return idleRegulars(server) == 2 })
	if _, err := newClient(t, address).Get(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

func TestIdleTimeout(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	_, address := serve(t, service, WithIdleTimeout(time.Millisecond))
	wantClosed(t, dial(t, address))
}

var _ store.Store = (*hookedStore)(nil)
