// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis_test

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/flipper-go/flipper/store/redis"
)

// TestSetClientLogger has a client fail to connect, which it logs.
func TestSetClientLogger(t *testing.T) {
	defer logging.Enable()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	logged := func(level slog.Level) string {
		var out bytes.Buffer
		redis.SetClientLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level})))
		client := goredis.NewClient(&goredis.Options{Addr: nobody, MaxRetries: -1, DialerRetries: 1})
		defer client.Close()
		if err := client.Ping(t.Context()).Err(); err == nil {
			t.Fatal("somebody answers")
		}
		redis.SetClientLogger(nil)
		_ = client.Ping(t.Context())
		return out.String()
	}
	text := logged(slog.LevelDebug)
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=DEBUG") || !strings.Contains(text, "failed to dial") {
		t.Errorf("logged %q", text)
	}
	if text := logged(slog.LevelInfo); text != "" {
		t.Errorf("logged %q though the logger is not for debugging", text)
	}
}
