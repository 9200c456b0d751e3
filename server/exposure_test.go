// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store/memory"
)

// Without certificates of clients, Thrift is served to this machine alone, and so
// are profiles in any case.
func TestExposure(t *testing.T) {
	a := newAuthority(t)
	verified := servingTLS(t, a, slog.New(slog.DiscardHandler))
	files := filesIn(t.TempDir())
	certificate, key := a.valid("flipper")
	write(t, files.Certificate, certificate)
	write(t, files.Key, key)
	files.ClientCA = ""
	unverified, err := server.LoadCertificates(files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	own := func(auth tls.ClientAuthType, check func(tls.ConnectionState) error) server.Option {
		return server.WithTLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{a.client("flipper")}, ClientAuth: auth, VerifyConnection: check})
	}
	everybody := func(tls.ConnectionState) error { return nil }
	listen, http, pprof, insecure := server.WithListen, server.WithHTTP, server.WithPprof(), server.WithInsecure()
	all := server.WithListen("0.0.0.0:0")

	for name, c := range map[string]struct {
		want error
		opts []server.Option
	}{
		"defaults":                     {nil, []server.Option{listen("127.0.0.1:0")}},
		"localhost":                    {nil, []server.Option{listen("localhost:0")}},
		"another loopback address":     {nil, []server.Option{listen("127.8.9.10:0")}},
		"IPv6 loopback":                {nil, []server.Option{listen("[::1]:0")}},
		"IPv4 loopback as IPv6":        {nil, []server.Option{listen("[::ffff:127.0.0.1]:0")}},
		"no host":                      {server.ErrUnprotected, []server.Option{listen(":0")}},
		"nothing":                      {server.ErrUnprotected, []server.Option{listen("")}},
		"all of IPv4":                  {server.ErrUnprotected, []server.Option{all}},
		"all of IPv6":                  {server.ErrUnprotected, []server.Option{listen("[::]:0")}},
		"an address of no interface":   {server.ErrUnprotected, []server.Option{listen("192.0.2.1:0")}},
		"TLS":                          {server.ErrUnprotected, []server.Option{all, server.WithCertificates(unverified)}},
		"client certificates":          {nil, []server.Option{all, server.WithCertificates(verified)}},
		"own TLS":                      {server.ErrUnprotected, []server.Option{all, own(tls.NoClientCert, nil)}},
		"own TLS, optional":            {server.ErrUnprotected, []server.Option{all, own(tls.VerifyClientCertIfGiven, everybody)}},
		"own TLS, any certificate":     {server.ErrUnprotected, []server.Option{all, own(tls.RequireAnyClientCert, nil)}},
		"own TLS, checked":             {nil, []server.Option{all, own(tls.RequireAnyClientCert, everybody)}},
		"own TLS, client certificates": {nil, []server.Option{all, own(tls.RequireAndVerifyClientCert, nil)}},
		"insecure":                     {nil, []server.Option{all, insecure}},
		"HTTP":                         {nil, []server.Option{http(":0")}},
		"profiles":                     {nil, []server.Option{pprof}},
		"profiles for all":             {server.ErrProfilesExposed, []server.Option{http(":0"), pprof}},
		"profiles over TLS":            {server.ErrProfilesExposed, []server.Option{http(":0"), pprof, server.WithCertificates(verified), server.WithHTTPTLS()}},
		"profiles, insecure":           {nil, []server.Option{http(":0"), pprof, insecure}},
		"profiles without HTTP":        {nil, []server.Option{http(""), pprof}},
	} {
		t.Run(name, func(t *testing.T) {
			log := &lockedLog{}
			opts := append([]server.Option{listen("127.0.0.1:0"), http("127.0.0.1:0"), server.WithLogger(slog.New(slog.NewTextHandler(log, nil)))}, c.opts...)
			if err := server.Check(t.Context(), opts...); !errors.Is(err, c.want) {
				t.Errorf("Check: %v, want %v", err, c.want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			started := false
			opts = append(opts, server.WithStarted(func(_, _ net.Addr) { started = true; cancel() }))
			if err := server.Run(ctx, memory.New(), opts...); !errors.Is(err, c.want) {
				t.Errorf("Run: %v, want %v", err, c.want)
			}
			if started != (c.want == nil) {
				t.Errorf("started: %t", started)
			}
			if got, want := strings.Count(log.String(), "level=WARN"), strings.Count(name, "insecure"); got != want {
				t.Errorf("%d warnings, want %d:\n%s", got, want, log)
			}
		})
	}
}
