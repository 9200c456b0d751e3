// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/thrift"
)

// script calls every method once in a way that succeeds, and once in a way that
// fails.
func script(t *testing.T, s store.Store) {
	t.Helper()
	ctx := t.Context()
	want := flag("MY/flag é")
	if _, err := s.Get(ctx, want.Name); err != store.ErrNotFound {
		t.Errorf("get of a missing flag: error is %#v, want the bare ErrNotFound", err)
	}
	if err := s.Delete(ctx, want.Name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete of a missing flag: error is %v, want ErrNotFound", err)
	}
	created := mustPut(t, s, want)
	same(t, created, want)
	if created.Revision == "" {
		t.Error("the flag has no revision")
	}
	if f, err := s.Put(ctx, want); f != nil || !errors.Is(err, store.ErrExists) {
		t.Errorf("create again: %v, %v, want ErrExists", f, err)
	}
	changed := created.Clone()
	changed.Enabled = false
	changed.ClientData = `{"n": 1}`
	changed.Conditions = changed.Conditions[:1]
	stored := mustPut(t, s, changed)
	same(t, stored, changed)
	if f, err := s.Put(ctx, changed); f != nil || !errors.Is(err, store.ErrConflict) {
		t.Errorf("put with an old revision: %v, %v, want ErrConflict", f, err)
	}
	f, err := s.Get(ctx, want.Name)
	if err != nil {
		t.Fatal(err)
	}
	same(t, f, changed)
	if f.Revision != stored.Revision {
		t.Errorf("get: revision is %q, want %q", f.Revision, stored.Revision)
	}
	mustPut(t, s, &store.Flag{Name: "A", Created: time.Unix(5, 0)})
	var names []string
	for f, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	if got := strings.Join(names, ","); got != "A,MY/flag é" {
		t.Errorf("list gives %q", got)
	}
	for _, name := range names {
		if err := s.Delete(ctx, name); err != nil {
			t.Error(err)
		}
	}
	for f, err := range s.List(ctx) {
		t.Errorf("list of nothing gives %v, %v", f, err)
	}
}

func TestTransports(t *testing.T) {
	address := serve(t, memoryStore(t)).address
	for name, opts := range map[string][]thriftrpc.Option{
		"BufferedBinary":  nil,
		"BufferedCompact": {thriftrpc.WithCompact()},
		"FramedBinary":    {thriftrpc.WithFramed()},
		"FramedCompact":   {thriftrpc.WithFramed(), thriftrpc.WithCompact()},
		"OneConnection":   {thriftrpc.WithMaxConnections(1)},
	} {
		t.Run(name, func(t *testing.T) { script(t, dial(t, address, opts...)) })
	}
}

// A service may keep its flags in another service.
func TestServiceOverService(t *testing.T) {
	behind := dial(t, serve(t, memoryStore(t)).address)
	script(t, dial(t, serve(t, behind).address))
}

func TestTLS(t *testing.T) {
	certificate, trusted := makeCertificate(t)
	_, others := makeCertificate(t)
	address := serve(t, memoryStore(t), thrift.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate}})).address

	script(t, dial(t, address, thriftrpc.WithTLS(&tls.Config{RootCAs: trusted})))

	_, err := dial(t, address, thriftrpc.WithTLS(&tls.Config{RootCAs: others})).Get(t.Context(), "X")
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); !ok || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a certificate of a stranger: error is %v", err)
	}
	_, err = dial(t, address, thriftrpc.WithTLS(&tls.Config{RootCAs: trusted, ServerName: "elsewhere"})).Get(t.Context(), "X")
	if _, ok := errors.AsType[x509.HostnameError](err); !ok || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a certificate of another host: error is %v", err)
	}
	_, err = dial(t, address).Get(t.Context(), "X")
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("without TLS: error is %v", err)
	}
}

// makeCertificate returns a certificate for 127.0.0.1 that signed itself, and the
// pool that trusts it.
func makeCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "flags"},
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
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

func TestRefusedBeforeSending(t *testing.T) {
	var dialed atomic.Bool
	s := dial(t, accept(t, hang), thriftrpc.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Store(true)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}))
	long := strings.Repeat("n", store.MaxNameSize+1)
	for _, name := range []string{long, "\xff"} {
		if _, err := s.Get(t.Context(), name); !errors.Is(err, store.ErrInvalidName) {
			t.Errorf("get: error is %v, want ErrInvalidName", err)
		}
		if err := s.Delete(t.Context(), name); !errors.Is(err, store.ErrInvalidName) {
			t.Errorf("delete: error is %v, want ErrInvalidName", err)
		}
		if _, err := s.Put(t.Context(), flag(name)); !errors.Is(err, store.ErrInvalidName) {
			t.Errorf("put: error is %v, want ErrInvalidName", err)
		}
	}
	f := flag("X")
	f.ClientData = "{"
	if _, err := s.Put(t.Context(), f); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("put: error is %v, want ErrInvalid", err)
	}
	if dialed.Load() {
		t.Error("the service was called")
	}
}

func TestWaitReady(t *testing.T) {
	server := serve(t, memoryStore(t))
	server.stop()
	s := dial(t, server.address)

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := s.WaitReady(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), server.address) {
		t.Errorf("without a server: error is %v", err)
	}
	ready := make(chan error)
	go func() { ready <- s.WaitReady(t.Context()) }()
	server.start()
	if err := <-ready; err != nil {
		t.Error(err)
	}
	_ = s.Close()
	if err := s.WaitReady(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("closed: error is %v", err)
	}
}
