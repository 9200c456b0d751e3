// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log/slog"

	"github.com/flipper-go/flipper/store/redis"
)

// newLogger makes the server's logger. What it logs says which process this is.
func newLogger(w io.Writer, format, level string, id identity) (*slog.Logger, error) {
	var opts slog.HandlerOptions
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level %q: use debug, info, warn or error", level)
	}
	opts.Level = l
	var handler slog.Handler
	switch format {
	case "text":
		handler = slog.NewTextHandler(w, &opts)
	case "json":
		handler = slog.NewJSONHandler(w, &opts)
	default:
		return nil, usagef("--log-format %q: use text or json", format)
	}
	return slog.New(handler.WithAttrs(id.logAttrs())), nil
}

func (id identity) logAttrs() []slog.Attr {
	var attrs []slog.Attr
	for _, attr := range []slog.Attr{
		slog.String("app_name", id.AppName),
		slog.String("environment", id.Environment),
		slog.String("instance_id", id.InstanceID),
	} {
		if attr.Value.String() != "" {
			attrs = append(attrs, attr)
		}
	}
	return attrs
}

// useLogger has everything in the process log where the server does: the stores,
// and Redis' client, which else writes lines of its own form to standard error.
func useLogger(logger *slog.Logger) {
	slog.SetDefault(logger)
	redis.SetClientLogger(logger)
}
