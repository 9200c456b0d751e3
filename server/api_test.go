// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// startAPI is start with the HTTP API.
func startAPI(t *testing.T, s store.Store, opts ...server.Option) (api, metrics net.Addr, stop func() error) {
	t.Helper()
	addresses := make(chan net.Addr, 1)
	opts = append([]server.Option{server.WithAPI("127.0.0.1:0"), server.WithAPIStarted(func(a net.Addr) { addresses <- a })}, opts...)
	_, metrics, stop = start(t, s, opts...)
	return <-addresses, metrics, stop
}

// fetch asks for a path and returns the answer.
func fetch(t *testing.T, client *http.Client, url string, headers ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

const flagsPath = "/api/v1/feature-flags"

func TestAPI(t *testing.T) {
	production, staging := memory.New(), memory.New()
	if _, err := flipper.New(production).Create(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	api, metrics, stop := startAPI(t, production, server.WithEnvironment("production"), server.WithAnotherEnvironment("staging", staging))
	client := newClient(t)
	url := "http://" + api.String() + flagsPath
	for query, want := range map[string]string{"?environment=production": `"name":"A"`, "?environment=staging": `"flags":[]`, "": "production, staging"} {
		if status, body := fetch(t, client, url+query); !strings.Contains(body, want) {
			t.Errorf("%q: got %d %s, want %s", query, status, body, want)
		}
	}
	if _, body := fetch(t, client, "http://"+metrics.String()+"/metrics"); !strings.Contains(body, `flipper_api_calls_total{method="GET",route="`+flagsPath+`",status="200"} 2`) {
		t.Errorf("the metrics do not count the calls: %s", body)
	}

	// A stream of events does not keep the server from stopping.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+api.String()+"/api/v1/changes?environment=production", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() && lines.Text() != "event: resync" {
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	for lines.Scan() {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream was cut: %v", err)
	}
	response.Body.Close()
}

// A second server on one machine starts without the API if nobody chose its address, and
// not at all if somebody did.
func TestOptionalAPI(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := server.WithAPI(taken.Addr().String())
	var log lockedLog
	start(t, memory.New(), address, server.WithOptionalAPI(), server.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	if !strings.Contains(log.String(), "the HTTP API is not served") {
		t.Errorf("the log: %s", log.String())
	}
	err = server.Run(t.Context(), memory.New(), server.WithListen("127.0.0.1:0"), server.WithHTTP(""), address, server.WithLogger(slog.New(slog.DiscardHandler)))
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("an address that was chosen: %v", err)
	}
}

// TestAPIOverThrift answers from memory though the store is behind another server.
func TestAPIOverThrift(t *testing.T) {
	thrift, _, stopBelow := start(t, memory.New())
	below := thriftrpc.New(thrift.String())
	if _, err := flipper.New(below).Create(t.Context(), "A", flipper.WithEnabled(true)); err != nil {
		t.Fatal(err)
	}
	api, _, stop := startAPI(t, below)
	client := newClient(t)
	if status, body := fetch(t, client, "http://"+api.String()+flagsPath+"/A?environment=any"); status != http.StatusOK {
		t.Errorf("got %d %s", status, body)
	}
	client.CloseIdleConnections()
	for _, end := range []func() error{stop, below.Close, stopBelow} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
}

func TestAPIProtection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	secret, err := token.Add(path, "reader", token.Read)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := token.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer tokens.Close()
	if err := server.Check(t.Context(), server.WithAPI("0.0.0.0:0")); !errors.Is(err, server.ErrNoTokens) {
		t.Errorf("without tokens: %v", err)
	}
	for _, opt := range []server.Option{server.WithTokens(tokens), server.WithInsecure()} {
		if err := server.Check(t.Context(), server.WithAPI("0.0.0.0:0"), opt); err != nil {
			t.Errorf("with protection: %v", err)
		}
	}

	files := filesIn(t.TempDir())
	certificate, key := newAuthority(t).valid("flipper")
	write(t, files.Certificate, certificate)
	write(t, files.Key, key)
	files.ClientCA = ""
	certificates, err := server.LoadCertificates(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	api, _, stop := startAPI(t, memory.New(), server.WithTokens(tokens), server.WithCertificates(certificates))
	client := newClient(t)
	url := "https://" + api.String() + flagsPath
	if status, body := fetch(t, client, url); status != http.StatusUnauthorized {
		t.Errorf("without a token: %d %s", status, body)
	}
	if status, body := fetch(t, client, url, "Authorization: Bearer "+secret); status != http.StatusOK {
		t.Errorf("with a token: %d %s", status, body)
	}
	client.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAPIBadOptions(t *testing.T) {
	for name, opts := range map[string][]server.Option{
		"unnamed": {server.WithAnotherEnvironment("staging", memory.New())},
		"origin":  {server.WithOrigins("shop.example")},
	} {
		opts = append([]server.Option{server.WithListen("127.0.0.1:0"), server.WithHTTP(""), server.WithAPI("127.0.0.1:0"), quiet}, opts...)
		if err := server.Run(t.Context(), memory.New(), opts...); err == nil {
			t.Errorf("%s: it runs", name)
		}
	}
}
