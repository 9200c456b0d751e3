// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/storeurl"
	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/thrift"
)

// defaultStore is a file in the working directory.
const defaultStore = "bolt:flags.db"

func serveCommand(stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name:         "serve",
		Usage:        "run the Thrift flag service",
		OnUsageError: usageError,
		Description: "Without flags, serves the flags in the file flags.db in the working directory,\n" +
			"and stops on SIGINT or SIGTERM, after finishing the calls in flight.",
		Flags: []cli.Flag{
			stringFlag("store", "where the flags are kept: "+storeurl.Forms, defaultStore),
			stringFlag("listen", "address of the Thrift service", server.DefaultListen),
			stringFlag("http", "address of /livez and /readyz; empty for none", server.DefaultHTTP),
			&cli.IntFlag{
				Name: "max-connections", Usage: "Thrift connections at once; beyond it the one idle longest makes room", Value: thrift.DefaultMaxConnections,
				Sources: cli.EnvVars(variable("max-connections")),
			},
			&cli.DurationFlag{
				Name: "idle-timeout", Usage: "close a Thrift connection that is idle for so long; 0 never (Python clients do not reconnect)",
				Sources: cli.EnvVars(variable("idle-timeout")),
			},
			&cli.DurationFlag{
				Name: "shutdown-timeout", Usage: "how long calls in flight may take to finish on a stop", Value: server.DefaultShutdownTimeout,
				Sources: cli.EnvVars(variable("shutdown-timeout")),
			},
			stringFlag("tls-cert", "file with the certificate chain (PEM); serves Thrift over TLS", ""),
			stringFlag("tls-key", "file with the certificate's private key (PEM)", ""),
			stringFlag("tls-client-ca", "file with the authorities (PEM) of which a client must have a certificate", ""),
			stringFlag("log-format", "text or json", "text"),
			stringFlag("log-level", "debug, info, warn or error", "info"),
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fmt.Errorf("serve takes no arguments, but got %q (see flipper serve --help)", c.Args().First())
			}
			return serve(ctx, c, stderr)
		},
	}
}

// stringFlag makes a flag that can also be set by its FLIPPER_ variable.
func stringFlag(name, usage, value string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: usage, Value: value, Sources: cli.EnvVars(variable(name))}
}

// variable gives the environment variable of a flag.
func variable(flag string) string {
	return "FLIPPER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func serve(ctx context.Context, c *cli.Command, stderr io.Writer) (err error) {
	logger, err := newLogger(stderr, c.String("log-format"), c.String("log-level"))
	if err != nil {
		return err
	}
	tlsConfig, err := loadTLS(c.String("tls-cert"), c.String("tls-key"), c.String("tls-client-ca"))
	if err != nil {
		return err
	}
	s, err := storeurl.Open(c.String("store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	opts := []server.Option{
		server.WithListen(c.String("listen")),
		server.WithHTTP(c.String("http")),
		server.WithPlace(s.Place),
		server.WithShutdownTimeout(c.Duration("shutdown-timeout")),
		server.WithLogger(logger),
		server.WithServerOptions(
			thrift.WithMaxConnections(c.Int("max-connections")),
			thrift.WithIdleTimeout(c.Duration("idle-timeout")),
		),
	}
	if tlsConfig != nil {
		opts = append(opts, server.WithTLS(tlsConfig))
	}
	return server.Run(ctx, s.Watcher, opts...)
}

func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var opts slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q: use debug, info, warn or error", level)
	}
	opts.Level = l
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, &opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &opts)), nil
	}
	return nil, fmt.Errorf("--log-format %q: use text or json", format)
}

// loadTLS gives nil if no certificate is named.
func loadTLS(cert, key, clientCA string) (*tls.Config, error) {
	if cert == "" && key == "" && clientCA == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("TLS needs both --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("load --tls-cert %s and --tls-key %s: %w", cert, key, err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if clientCA == "" {
		return config, nil
	}
	pem, err := os.ReadFile(clientCA)
	if err != nil {
		return nil, fmt.Errorf("load --tls-client-ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load --tls-client-ca %s: no certificate in PEM form is in it", clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	return config, nil
}
