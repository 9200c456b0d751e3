// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/thrift"
)

// servingTLS makes the certificates of a server that asks for those of clients.
func servingTLS(t *testing.T, a *authority, log *slog.Logger) *server.Certificates {
	t.Helper()
	files := filesIn(t.TempDir())
	certificate, key := a.valid("server")
	write(t, files.Certificate, certificate)
	write(t, files.Key, key)
	write(t, files.ClientCA, a.pem())
	certificates, err := server.LoadCertificates(files, log)
	if err != nil {
		t.Fatal(err)
	}
	return certificates
}

// converse connects, has a client do something, and waits for the server's end.
func converse(t *testing.T, address net.Addr, do func(conn net.Conn)) {
	t.Helper()
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	do(conn)
}

// shake is what a client does to shake hands; it learns of its failure from the
// handshake or from what it reads after that.
func shake(config *tls.Config) func(net.Conn) {
	return func(conn net.Conn) { _, _ = tls.Client(conn, config).Read(make([]byte, 1)) }
}

func say(text string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, text)
		_, _ = io.Copy(io.Discard, conn)
	}
}

// leave is what port probes do.
func leave(net.Conn) {}

// awaitFailures waits until the failures that are counted for an endpoint are
// those that are wanted, and no other has been.
func awaitFailures(t *testing.T, endpoint string, want map[string]int, scrape func() map[string]*dto.MetricFamily) {
	t.Helper()
	var got map[string]int
	await(t, fmt.Sprintf("failures of %s: %v", endpoint, want), func() bool {
		got = map[string]int{}
		for _, metric := range scrape()["flipper_tls_handshake_failures_total"].GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if n := int(metric.GetCounter().GetValue()); n > 0 && labels["endpoint"] == endpoint {
				got[labels["reason"]] = n
			}
		}
		return fmt.Sprint(got) == fmt.Sprint(want)
	})
}

// Handshakes that fail are counted by what failed, for both versions of TLS.
func TestHandshakeFailures(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	log := &lockedLog{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	address, http, stop := start(t, memory.New(), server.WithLogger(logger),
		server.WithCertificates(servingTLS(t, ours, logger)))
	scrapeHTTP := func() map[string]*dto.MetricFamily { return scrape(t, http) }
	if v, ok := value(scrapeHTTP(), "flipper_tls_handshake_failures_total", "endpoint", "thrift", "reason", "not_tls"); v != 0 || !ok {
		t.Errorf("at first %v, %t", v, ok)
	}
	if _, ok := value(scrapeHTTP(), "flipper_tls_handshake_failures_total", "endpoint", "http"); ok {
		t.Error("failures of HTTP are shown, which is plain")
	}

	now := time.Now()
	pair := func(certificate, key []byte) tls.Certificate {
		p, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	expired := pair(ours.issue("client", now.Add(-2*time.Hour), now.Add(-time.Hour)))
	onlyServer := pair(ours.issueFor("client", now.Add(-time.Hour), now.Add(time.Hour), x509.ExtKeyUsageServerAuth))
	config := func(version uint16, roots *x509.CertPool, certificates ...tls.Certificate) *tls.Config {
		return &tls.Config{
			RootCAs: roots, ServerName: "127.0.0.1", MinVersion: version, MaxVersion: version,
			// Whatever authorities the server names.
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &append(certificates, tls.Certificate{})[0], nil
			},
		}
	}
	want := map[string]int{}
	fails := func(reason string, do func(net.Conn)) {
		t.Helper()
		converse(t, address, do)
		want[reason]++
		awaitFailures(t, "thrift", want, scrapeHTTP)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		fails("client_certificate_missing", shake(config(version, ours.pool())))
		fails("client_certificate_expired", shake(config(version, ours.pool(), expired)))
		fails("client_certificate_unknown_authority", shake(config(version, ours.pool(), theirs.client("client"))))
		fails("client_certificate_invalid", shake(config(version, ours.pool(), onlyServer)))
		fails("server_certificate_refused", shake(config(version, theirs.pool(), ours.client("client"))))
	}
	fails("not_tls", say(string(strictCall("Nope"))))
	fails("not_tls", say("GET / HTTP/1.1\r\n\r\n"))
	fails("incompatible", shake(config(tls.VersionTLS11, ours.pool())))
	fails("disconnected", leave)
	fails("other", say("\x16\x03\x01\x00\x04\x7f\x00\x00\x00")) // no message of a handshake

	// One that succeeds is none of them.
	if name, err := servedName(address, config(tls.VersionTLS13, ours.pool(), ours.client("client"))); err != nil || name != "server" {
		t.Errorf("%s, %v", name, err)
	}
	awaitFailures(t, "thrift", want, scrapeHTTP)
	if err := stop(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), `level=WARN msg="closed a connection: TLS handshake failed" remote=127.0.0.1:`) {
		t.Errorf("not in the log:\n%s", log)
	}
}

// Python's clients, which are OpenSSL's, are counted alike.
func TestPythonHandshakeFailures(t *testing.T) {
	address, http, stop := start(t, memory.New(),
		server.WithCertificates(servingTLS(t, newAuthority(t), slog.New(slog.DiscardHandler))))
	const program = `
import socket, ssl, sys
for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context = ssl.create_default_context()
    context.minimum_version = context.maximum_version = version
    try:
        context.wrap_socket(socket.create_connection(("127.0.0.1", sys.argv[1])), server_hostname="127.0.0.1")
    except ssl.SSLCertVerificationError:
        print("refused")
`
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), "python3", "-c", program, port).CombinedOutput()
	if err != nil || string(output) != "refused\nrefused\n" {
		t.Fatalf("%v\n%s", err, output)
	}
	awaitFailures(t, "thrift", map[string]int{"server_certificate_refused": 2}, func() map[string]*dto.MetricFamily { return scrape(t, http) })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A client that does not shake hands is not waited for.
func TestHandshakeTimeout(t *testing.T) {
	address, http, stop := start(t, memory.New(),
		server.WithCertificates(servingTLS(t, newAuthority(t), slog.New(slog.DiscardHandler))),
		server.WithServerOptions(thrift.WithReadTimeout(10*time.Millisecond)))
	converse(t, address, say(""))
	awaitFailures(t, "thrift", map[string]int{"timeout": 1}, func() map[string]*dto.MetricFamily { return scrape(t, http) })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Handshakes of HTTP are counted too, and however many fail, the log has a line a
// second.
func TestHTTPHandshakeFailures(t *testing.T) {
	ours := newAuthority(t)
	log := &lockedLog{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	_, http, stop := start(t, memory.New(), server.WithLogger(logger),
		server.WithCertificates(servingTLS(t, ours, logger)), server.WithHTTPTLS())
	scrapeHTTPS := func() map[string]*dto.MetricFamily {
		return parse(t, request(t, "https://"+http.String()+"/metrics", &tls.Config{RootCAs: ours.pool(), MinVersion: tls.VersionTLS12}))
	}
	want := map[string]int{}
	fails := func(reason string, do func(net.Conn)) {
		t.Helper()
		converse(t, http, do)
		want[reason]++
		awaitFailures(t, "http", want, scrapeHTTPS)
	}
	fails("server_certificate_refused", shake(&tls.Config{RootCAs: newAuthority(t).pool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}))
	fails("incompatible", shake(&tls.Config{ServerName: "127.0.0.1", MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}))
	fails("not_tls", say("GET / HTTP/1.1\r\n\r\n"))
	fails("disconnected", leave)
	const flood = 100
	began := time.Now()
	for range flood {
		converse(t, http, say("not TLS at all\r\n"))
	}
	want["not_tls"] += flood
	awaitFailures(t, "http", want, scrapeHTTPS)
	if err := stop(); err != nil {
		t.Error(err)
	}
	lines := strings.Count(log.String(), `msg="closed a connection: TLS handshake failed" endpoint=http remote=127.0.0.1:`)
	if most := 4 + int(time.Since(began)/time.Second); lines < 1 || lines > most {
		t.Errorf("%d lines, want from 1 to %d:\n%s", lines, most, log)
	}
	if strings.Contains(log.String(), "TLS handshake error") {
		t.Errorf("lines of net/http:\n%s", log)
	}
}
