// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// An authority issues certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, certificate, key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// issue makes a certificate for 127.0.0.1, and its key.
func (a *authority) issue(name string, notBefore, notAfter time.Time) (certificate, key []byte) {
	a.t.Helper()
	return a.issueFor(name, notBefore, notAfter, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
}

// issueFor is issue for some uses only.
func (a *authority) issueFor(name string, notBefore, notAfter time.Time, uses ...x509.ExtKeyUsage) (certificate, key []byte) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: notBefore, NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: uses,
	}
	private := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// valid is issue for the present hour.
func (a *authority) valid(name string) (certificate, key []byte) {
	a.t.Helper()
	return a.issue(name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

func (a *authority) client(name string) tls.Certificate {
	a.t.Helper()
	pair, err := tls.X509KeyPair(a.valid(name))
	if err != nil {
		a.t.Fatal(err)
	}
	return pair
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	// As careful programs do: the new file takes the old one's place at once.
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, path); err != nil {
		t.Fatal(err)
	}
}

func filesIn(directory string) server.CertificateFiles {
	return server.CertificateFiles{
		Certificate: filepath.Join(directory, "tls.crt"),
		Key:         filepath.Join(directory, "tls.key"),
		ClientCA:    filepath.Join(directory, "ca.crt"),
	}
}

// A lockedLog is a log that may be read while it is written.
type lockedLog struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// servedName is the name in the certificate that a new connection is shown.
func servedName(address net.Addr, config *tls.Config) (string, error) {
	conn, err := tls.Dial("tcp", address.String(), config)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	// With TLS 1.3 a client learns only from the answer to a call whether it was
	// let in. This one is answered with an exception: there is no such method.
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := conn.Write(strictCall("Nope")); err != nil {
		return "", err
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return "", err
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// New certificates are what new connections see, and open ones go on; ones that
// cannot be used change nothing, and are told of once.
func TestRotation(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	files := filesIn(t.TempDir())
	put := func(certificate, key []byte) {
		write(t, files.Certificate, certificate)
		write(t, files.Key, key)
	}
	put(ours.valid("first"))
	write(t, files.ClientCA, ours.pem())
	log := &lockedLog{}
	certificates, err := server.LoadCertificates(files, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	address, http, stop := start(t, memory.New(), server.WithCertificates(certificates))
	config := func(a *authority) *tls.Config {
		return &tls.Config{
			RootCAs: ours.pool(), Certificates: []tls.Certificate{a.client("client")},
			ClientSessionCache: tls.NewLRUClientSessionCache(10), MinVersion: tls.VersionTLS12,
		}
	}
	ourConfig, theirConfig := config(ours), config(theirs)

	live := thriftrpc.New(address.String(), thriftrpc.WithTLS(ourConfig), thriftrpc.WithMaxConnections(1))
	calls := func(when string) {
		t.Helper()
		if _, err := live.Get(t.Context(), "X"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", when, err)
		}
	}
	shows := func(want string) func() bool {
		return func() bool {
			name, err := servedName(address, ourConfig)
			return err == nil && name == want
		}
	}
	reloaded := func() float64 {
		v, _ := value(scrape(t, http), "flipper_tls_last_reload_successful")
		return v
	}
	calls("at first")
	if !shows("first")() {
		t.Error("not the first certificate")
	}
	if _, err := servedName(address, theirConfig); err == nil {
		t.Error("a client of another authority is let in")
	}
	opened, _ := value(scrape(t, http), "flipper_thrift_connections_opened_total")

	expiry := time.Now().Add(2 * time.Hour).Truncate(time.Second)
	put(ours.issue("second", time.Now().Add(-time.Hour), expiry))
	await(t, "the second certificate", shows("second"))
	calls("after a rotation")
	if got, _ := value(scrape(t, http), "flipper_tls_certificate_expiry_timestamp_seconds"); got != float64(expiry.Unix()) {
		t.Errorf("expires at %v, want %v", got, expiry.Unix())
	}

	// Only the certificate is there: the key is another one's.
	certificate, key := ours.valid("third")
	write(t, files.Certificate, certificate)
	await(t, "a word on the mismatch", func() bool { shows("second")(); return strings.Contains(log.String(), "level=ERROR") })
	for range 3 {
		time.Sleep(server.CertificateCheckInterval / 2)
		if !shows("second")() {
			t.Error("a broken pair is used")
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors are logged, want 1:\n%s", n, log)
	}
	if reloaded() != 0 {
		t.Error("the metric says that all is well")
	}
	calls("with a broken pair")
	write(t, files.Key, key)
	await(t, "the third certificate", shows("third"))
	if reloaded() != 1 {
		t.Error("the metric says that something is wrong")
	}

	// Another authority, at once: its clients are let in, and those of the first
	// are not, though they have sessions to resume.
	write(t, files.ClientCA, theirs.pem())
	if err := certificates.Reload(); err != nil {
		t.Fatal(err)
	}
	if name, err := servedName(address, theirConfig); err != nil || name != "third" {
		t.Errorf("%s, %v", name, err)
	}
	if name, err := servedName(address, ourConfig); err == nil {
		t.Errorf("the old authority's client is let in and sees %s", name)
	}
	calls("after its authority is gone")

	dials, _ := value(scrape(t, http), "flipper_thrift_connections_opened_total")
	if dials <= opened {
		t.Errorf("%v connections, before %v", dials, opened)
	}
	if err := live.Close(); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Metrics tell of new certificates though nobody connects.
func TestRotationIsSeenByMetrics(t *testing.T) {
	ours := newAuthority(t)
	files := filesIn(t.TempDir())
	files.ClientCA = ""
	certificate, key := ours.valid("first")
	write(t, files.Certificate, certificate)
	write(t, files.Key, key)
	certificates, err := server.LoadCertificates(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, http, stop := start(t, memory.New(), server.WithCertificates(certificates))
	expiry := time.Now().Add(3 * time.Hour).Truncate(time.Second)
	certificate, key = ours.issue("second", time.Now().Add(-time.Hour), expiry)
	write(t, files.Certificate, certificate)
	write(t, files.Key, key)
	await(t, "the new expiry", func() bool {
		got, _ := value(scrape(t, http), "flipper_tls_certificate_expiry_timestamp_seconds")
		return got == float64(expiry.Unix())
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// HTTP over TLS has the same certificate, and asks for none.
func TestHTTPTLS(t *testing.T) {
	ours := newAuthority(t)
	files := filesIn(t.TempDir())
	certificate, key := ours.valid("server")
	write(t, files.Certificate, certificate)
	write(t, files.Key, key)
	write(t, files.ClientCA, ours.pem())
	certificates, err := server.LoadCertificates(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, http, stop := start(t, memory.New(), server.WithCertificates(certificates), server.WithHTTPTLS())
	config := &tls.Config{RootCAs: ours.pool(), MinVersion: tls.VersionTLS12}
	if got := request(t, "https://"+http.String()+"/readyz", config); got != ready {
		t.Errorf("%q", got)
	}
	if got := get(t, http, "/readyz"); !strings.HasPrefix(got, "400") {
		t.Errorf("plain: %q", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := server.Run(t.Context(), memory.New(), server.WithHTTPTLS(), quiet); err == nil {
		t.Error("HTTP over TLS without certificates is no error")
	}
}

// What is wrong with certificates is said in a line that names the file.
func TestCertificateErrors(t *testing.T) {
	ours := newAuthority(t)
	good, goodKey := ours.valid("server")
	_, otherKey := ours.valid("other")
	expired, expiredKey := ours.issue("old", time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
	early, earlyKey := ours.issue("new", time.Now().Add(time.Hour), time.Now().Add(2*time.Hour))
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})
	garbled := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})
	for name, c := range map[string]struct {
		certificate, key, clientCA []byte
		file, want                 string
	}{
		"missing certificate": {nil, goodKey, ours.pem(), "tls.crt", "cannot be read; check the path"},
		"missing key":         {good, nil, ours.pem(), "tls.key", "cannot be read; check the path"},
		"missing authorities": {good, goodKey, nil, "ca.crt", "cannot be read; check the path"},
		"no certificate":      {[]byte("x"), goodKey, ours.pem(), "tls.crt", "holds no certificate in PEM form"},
		"no key":              {good, []byte("x"), ours.pem(), "tls.key", "holds no private key in PEM form"},
		"no authority":        {good, goodKey, []byte("x"), "ca.crt", "holds no certificate in PEM form"},
		"swapped":             {goodKey, good, ours.pem(), "tls.crt", "holds no certificate in PEM form"},
		"encrypted":           {good, encrypted, ours.pem(), "tls.key", "encrypted; give one without a passphrase"},
		"mismatched":          {good, otherKey, ours.pem(), "tls.key", "give the two that were issued together"},
		"expired":             {expired, expiredKey, ours.pem(), "tls.crt", "renew it"},
		"early":               {early, earlyKey, ours.pem(), "tls.crt", "set the machine's clock"},
		"garbled":             {garbled, goodKey, ours.pem(), "tls.crt", "malformed certificate"},
		"garbled authority":   {good, goodKey, garbled, "ca.crt", "malformed certificate"},
		"expired authority":   {good, goodKey, expired, "ca.crt", "expired; renew them"},
	} {
		files := filesIn(t.TempDir())
		for path, text := range map[string][]byte{files.Certificate: c.certificate, files.Key: c.key, files.ClientCA: c.clientCA} {
			if text != nil {
				write(t, path, text)
			}
		}
		_, err := server.LoadCertificates(files, nil)
		if !errors.Is(err, server.ErrCertificate) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.file) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v; want a line with %q and %q", name, err, c.file, c.want)
		}
	}
}
