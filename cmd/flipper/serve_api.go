// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store/storeurl"
)

// apiFlags are those of serve on the HTTP API.
func apiFlags() []cli.Flag {
	return []cli.Flag{
		stringFlag("api", "address of the HTTP API; empty for none", server.DefaultAPI),
		tokensFlag(),
		listFlag("api-environment", "NAME=URL of another store that the API serves, as an environment of its own; repeat it for more (--environment names the first)"),
		listFlag("api-origin", "origin whose pages may call the API from a browser, such as https://shop.example; repeat it for more"),
		&cli.FloatFlag{
			Name: "api-rate", Usage: "calls a second that each token may make; 0 for no limit",
			Sources: cli.EnvVars(variable("api-rate")),
		},
		stringFlag("targeting-key", "attribute that identifies whom a question is about, whatever its protocol calls that", environment.DefaultTargetingKey),
	}
}

// tokensFlag names the file of tokens.
func tokensFlag() *cli.StringFlag {
	return stringFlag("tokens", "file of the tokens that callers of the API need; flipper token makes them", "")
}

// listFlag makes a flag that can be repeated, and set by its FLIPPER_ variable, with
// commas.
func listFlag(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage, Sources: cli.EnvVars(variable(name))}
}

// apiOptions returns the options on the HTTP API, and a function that closes what they
// need.
func apiOptions(c *cli.Command, logger *slog.Logger) (opts []server.Option, closeAll func() error, err error) {
	var closes []func() error
	closeAll = func() error {
		var errs []error
		for _, c := range closes {
			errs = append(errs, c())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	opts = []server.Option{
		server.WithAPI(c.String("api")),
		server.WithEnvironment(c.String("environment")),
		server.WithTargetingKey(c.String("targeting-key")),
	}
	if !c.IsSet("api") {
		opts = append(opts, server.WithOptionalAPI())
	}
	if origins := c.StringSlice("api-origin"); len(origins) > 0 {
		opts = append(opts, server.WithOrigins(origins...))
	}
	switch rate := c.Float("api-rate"); {
	case rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0):
		return nil, closeAll, usagef("--api-rate %v: use 0, for no limit, or more", rate)
	case rate > 0:
		opts = append(opts, server.WithTokenRate(rate, max(1, int(math.Ceil(rate)))))
	}
	if path := c.String("tokens"); path != "" {
		tokens, err := token.Open(path, token.WithLogger(logger))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, closeAll, usagef("--tokens: %w: make the first with flipper token create NAME --role ROLE --tokens %s", err, path)
		}
		if err != nil {
			return nil, closeAll, err
		}
		closes = append(closes, tokens.Close)
		opts = append(opts, server.WithTokens(tokens))
	}
	for _, text := range c.StringSlice("api-environment") {
		name, url, ok := strings.Cut(text, "=")
		if !ok || name == "" || url == "" {
			return nil, closeAll, usagef("--api-environment: write NAME=URL, such as staging=redis://localhost:6379/1")
		}
		if c.String("environment") == "" {
			return nil, closeAll, usagef("--api-environment needs a name for the flags of --store too: set --environment")
		}
		s, err := storeurl.Open(url, storeurl.WithoutMirror())
		if err != nil {
			return nil, closeAll, err
		}
		closes = append(closes, s.Close)
		opts = append(opts, server.WithAnotherEnvironment(name, s.Backend()))
	}
	return opts, closeAll, nil
}
