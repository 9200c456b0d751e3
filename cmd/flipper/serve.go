// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store/storeurl"
	"github.com/flipper-go/flipper/thrift"
)

// defaultStore is where serve keeps flags unless told otherwise: a file in the
// working directory.
const defaultStore = "bolt:flags.db"

func (p *program) serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run the flag service, over Thrift and HTTP",
		Description: "Without flags, serves the flags in the file flags.db in the working directory.\n" +
			"It stops on SIGINT or SIGTERM, after finishing the calls in flight; a second signal\n" +
			"ends it at once. On SIGHUP it reads its certificates again.",
		Flags: serveFlags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return serve(ctx, c, p.err)
		},
	}
}

// serveFlags are those of serve beside the global ones.
func serveFlags() []cli.Flag {
	return append([]cli.Flag{
		stringFlag("listen", "address of the Thrift service", server.DefaultListen),
		stringFlag("http", "address of /livez, /readyz and /metrics; empty for none", server.DefaultHTTP),
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
		stringFlag("tls-cert", "file with the certificate chain (PEM); serves Thrift and the API over TLS", ""),
		stringFlag("tls-key", "file with the certificate's private key (PEM)", ""),
		stringFlag("tls-client-ca", "file with the authorities (PEM) of which a client must have a certificate", ""),
		boolFlag("http-tls", "serve the HTTP endpoints over TLS too, with the same certificate; clients need none there"),
		boolFlag("insecure", "trust whoever can connect: listen beyond loopback without client certificates, and without tokens"),
		boolFlag("pprof", "serve Go's profiles under /debug/pprof/ of the HTTP address"),
		stringFlag("log-format", "text or json", "text"),
		stringFlag("log-level", "debug, info, warn or error", "info"),
	}, apiFlags()...)
}

// stringFlag makes a flag that can also be set by its FLIPPER_ variable.
func stringFlag(name, usage, value string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: usage, Value: value, Sources: cli.EnvVars(variable(name))}
}

// variablePrefix is what our environment variables begin with.
const variablePrefix = "FLIPPER_"

// variable returns the environment variable of a flag.
func variable(flag string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// boolFlag makes a switch that can also be set by its FLIPPER_ variable.
func boolFlag(name, usage string) *cli.BoolFlag {
	return &cli.BoolFlag{Name: name, Usage: usage, Sources: cli.EnvVars(variable(name))}
}

func serve(ctx context.Context, c *cli.Command, stderr io.Writer) (err error) {
	id := identityOf(c)
	logger, err := newLogger(stderr, c.String("log-format"), c.String("log-level"), id)
	if err != nil {
		return err
	}
	useLogger(logger)
	if c.Bool("pprof") && c.String("http") == "" {
		return usagef("--pprof needs an address: set --http")
	}
	if n := c.Int("max-connections"); n < 1 {
		return usagef("--max-connections %d: use 1 or more", n)
	}
	for _, name := range []string{"idle-timeout", "shutdown-timeout"} {
		if err := checkNotNegative(c, name); err != nil {
			return err
		}
	}
	certificates, err := loadCertificates(c, logger)
	if err != nil {
		return err
	}
	apiOptions, closeAPI, err := apiOptions(c, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAPI()) }()
	addresses := append(addressOptions(c, certificates), apiOptions...)
	if err := checkExposure(server.Check(ctx, addresses...)); err != nil {
		return err // before there is a file of flags
	}
	url := defaultStore
	if c.IsSet("store") {
		url = c.String("store")
	}
	s, err := storeurl.Open(url, storeurl.WithoutMirror())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	supervisor := newSupervisor(os.Getenv(notifySocketVariable), logger)
	opts := slices.Concat(addresses, []server.Option{
		server.WithPlace(s.String()),
		server.WithVersion(version()),
		server.WithMetricLabels(id.metricLabels()),
		server.WithShutdownTimeout(c.Duration("shutdown-timeout")),
		server.WithLogger(logger),
		server.WithStarted(func(net.Addr, net.Addr) { supervisor.ready() }),
		server.WithStopping(supervisor.stopping),
		server.WithServerOptions(
			thrift.WithMaxConnections(c.Int("max-connections")),
			thrift.WithIdleTimeout(c.Duration("idle-timeout")),
		),
	})
	defer reloadOnHangup(certificates, logger)()
	return checkExposure(server.Run(ctx, s.Backend(), opts...))
}

// addressOptions returns the options on where the server listens, and on who may
// reach it. certificates may be nil.
func addressOptions(c *cli.Command, certificates *server.Certificates) []server.Option {
	opts := []server.Option{server.WithListen(c.String("listen")), server.WithHTTP(c.String("http"))}
	if certificates != nil {
		opts = append(opts, server.WithCertificates(certificates))
	}
	if c.Bool("http-tls") {
		opts = append(opts, server.WithHTTPTLS())
	}
	if c.Bool("pprof") {
		opts = append(opts, server.WithPprof())
	}
	if c.Bool("insecure") {
		opts = append(opts, server.WithInsecure())
	}
	return opts
}

// checkExposure adds to the error of an address that others can reach what to do.
func checkExposure(err error) error {
	switch {
	case errors.Is(err, server.ErrUnprotected):
		return usagef("%w; set --tls-cert, --tls-key and --tls-client-ca, listen on 127.0.0.1, or trust the whole network with --insecure", err)
	case errors.Is(err, server.ErrNoTokens):
		return usagef("%w; make a token with flipper token create NAME --tokens FILE and serve with --tokens FILE, set --api to an address on 127.0.0.1, or trust the whole network with --insecure", err)
	case errors.Is(err, server.ErrProfilesExposed):
		return usagef("%w; leave out --pprof, set --http to an address on 127.0.0.1, or trust the whole network with --insecure", err)
	}
	return err
}

// metricLabels returns the labels that every metric has. The names differ from
// those that Prometheus adds for what it scrapes.
func (id identity) metricLabels() map[string]string {
	return map[string]string{"app_name": id.AppName, "environment": id.Environment, "instance_id": id.InstanceID}
}
