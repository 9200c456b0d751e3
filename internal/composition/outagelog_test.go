// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/mirror"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

// A lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// TestOutageInTheLog counts what all parts log of an outage in which the connection is
// tried many times. The number of lines does not depend on that number: an hour has no
// more.
func TestOutageInTheLog(t *testing.T) {
	const attempts = 40
	var out lockedBuffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	redisstore.SetClientLogger(logger)
	defer logging.Enable()

	server := redistest.StartTCP(t)
	proxy := faultproxy.New(t, server.Addr())
	var dials atomic.Int64
	client := redis.NewClient(&redis.Options{
		Addr: proxy.Addr(),
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	})
	defer client.Close()
	backend, err := redisstore.New(client, redisstore.WithLogger(logger))
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	held := mirror.New(backend, mirror.WithLogger(logger))
	defer held.Close()
	if err := held.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}

	features := flipper.New(held, flipper.WithLogger(logger))
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	defer following.Wait()
	defer cancel()
	var changes, resumed atomic.Int64
	following.Go(func() {
		for change, err := range features.Changes(ctx) {
			switch {
			case errors.Is(err, flipper.ErrChangesResumed):
				resumed.Add(1)
				logger.Info("changes", "error", err)
			case err != nil:
				logger.Warn("changes", "error", err)
			default:
				changes.Add(1)
				_ = change
			}
		}
	})
	put := func(name string) {
		t.Helper()
		direct := redis.NewClient(&redis.Options{Addr: server.Addr()})
		defer direct.Close()
		s, err := redisstore.New(direct)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Put(t.Context(), &store.Flag{Name: name, Enabled: true}); err != nil {
			t.Fatal(err)
		}
	}
	// The loop has begun when it has told of a change.
	for i := 0; changes.Load() == 0; i++ {
		put(fmt.Sprint("BEFORE", i))
	}

	proxy.Refuse()
	proxy.Cut()
	before := dials.Load()
	await(t, "many attempts to connect", func() bool { return dials.Load() > before+attempts })
	put("MEANWHILE")
	proxy.Heal()
	await(t, "the return is told", func() bool { return resumed.Load() > 0 })
	await(t, "the mirror has logged it", func() bool { return strings.Contains(out.String(), "all flags were read again") })
	if !features.IsEnabled(t.Context(), "MEANWHILE") {
		t.Error("what was missed is not there when the return is told")
	}

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 {
		t.Errorf("%d lines for one outage, want the loss and the return, of the mirror and of the changes:\n%s",
			len(lines), strings.Join(lines, "\n"))
	}
}
