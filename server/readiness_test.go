// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/redis"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

const (
	ready    = "200 ok\n"
	degraded = "200 degraded: the store cannot be read\n"
	unready  = "503 the store could not be read yet\n"
)

// probeTimeout is how long Kubernetes waits for a probe unless told otherwise.
const probeTimeout = time.Second

func closing(t *testing.T, close func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := close(); err != nil {
			t.Error(err)
		}
	})
}

func newRedis(t *testing.T, address string) *redis.Store {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: address})
	closing(t, client.Close)
	s, err := redis.New(client)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s.Close)
	return s
}

// Stores that need no server are loaded at the start.
func TestReadyAtOnce(t *testing.T) {
	file, err := bolt.Open(filepath.Join(t.TempDir(), "flags.db"))
	if err != nil {
		t.Fatal(err)
	}
	closing(t, file.Close)
	for name, s := range map[string]store.Store{"memory": memory.New(), "bolt": file} {
		_, http, stop := start(t, s)
		if got := get(t, http, "/readyz"); got != ready {
			t.Errorf("%s: %q", name, got)
		}
		if got := get(t, http, "/livez"); got != ready {
			t.Errorf("%s: live: %q", name, got)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

// Whatever the store, the server starts without it, is ready when it has the
// flags, and stays so when the store hangs or is gone, which it says.
func TestReadiness(t *testing.T) {
	redisServer, consulAgent := redistest.StartTCP(t), consultest.Start(t)
	upstream, _, stop := start(t, memory.New())
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	for name, backend := range map[string]struct {
		target string
		open   func(t *testing.T, address string) store.Store
	}{
		"redis": {redisServer.Addr(), func(t *testing.T, address string) store.Store { return newRedis(t, address) }},
		"consul": {consulAgent.Address, func(t *testing.T, address string) store.Store {
			s, err := consul.New(consultest.NewClient(t, address, ""), consul.WithWait(time.Second))
			if err != nil {
				t.Fatal(err)
			}
			closing(t, s.Close)
			return s
		}},
		"thrift": {upstream.String(), func(t *testing.T, address string) store.Store {
			s := thriftrpc.New(address)
			closing(t, s.Close)
			return s
		}},
		"mirror": {redisServer.Addr(), func(t *testing.T, address string) store.Store {
			s := mirror.New(newRedis(t, address))
			closing(t, s.Close)
			return s
		}},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := faultproxy.New(t, backend.target)
			proxy.Refuse()
			_, http, stop := start(t, backend.open(t, proxy.Addr()))
			defer func() {
				if err := stop(); err != nil {
					t.Error(err)
				}
			}()
			// says reports whether /readyz answers so, in the time that a probe has.
			// Tests await it, for the machine may be busy.
			says := func(want string) bool {
				began := time.Now()
				got := get(t, http, "/readyz")
				return got == want && time.Since(began) < probeTimeout
			}
			await(t, "unready without a store", func() bool { return says(unready) })
			if v, ok := value(scrape(t, http), "flipper_ready"); v != 0 || !ok {
				t.Errorf("flipper_ready is %v without a store", v)
			}
			proxy.Heal()
			await(t, "ready", func() bool { return says(ready) })
			await(t, "counted", func() bool {
				_, ok := value(scrape(t, http), "flipper_flags", "state", "enabled")
				return ok
			})

			proxy.Stall(faultproxy.Both)
			await(t, "degraded while the store hangs", func() bool { return says(degraded) })
			proxy.Heal()
			await(t, "ready again", func() bool { return says(ready) })

			proxy.Refuse()
			proxy.Cut()
			await(t, "degraded without a store", func() bool { return says(degraded) })
			// The monitor may have to notice what this request was told.
			await(t, "metrics say so", func() bool {
				began := time.Now()
				families := scrape(t, http)
				took := time.Since(began)
				up, _ := value(families, "flipper_store_up")
				isReady, _ := value(families, "flipper_ready")
				age, known := value(families, "flipper_store_data_age_seconds")
				return up == 0 && isReady == 1 && known && age > 0 && took < probeTimeout
			})
		})
	}
}

// A mirror that starts from its file has flags, though nobody answers.
func TestReadyFromLastGood(t *testing.T) {
	file := filepath.Join(t.TempDir(), "last-good.json")
	source := memory.New()
	if _, err := source.Put(t.Context(), &store.Flag{Name: "X"}); err != nil {
		t.Fatal(err)
	}
	first := mirror.New(source, mirror.WithLastGood(file))
	if err := first.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	s := mirror.New(newRedis(t, nobody.Addr().String()), mirror.WithLastGood(file))
	closing(t, s.Close)
	_, http, stop := start(t, s)
	await(t, "degraded, with the flags of the file", func() bool { return get(t, http, "/readyz") == degraded })
	await(t, "one flag", func() bool {
		n, _ := value(scrape(t, http), "flipper_flags", "state", "disabled")
		return n == 1
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// Whoever asks during a stop is told so, until the last call is answered.
func TestUnreadyWhileStopping(t *testing.T) {
	s := &stuckStore{Store: memory.New(), entered: make(chan struct{}), release: make(chan struct{})}
	thrift, http, stop := start(t, s)
	client := thriftrpc.New(thrift.String())
	closing(t, client.Close)
	called := make(chan error, 1)
	go func() {
		_, err := client.Get(t.Context(), "X")
		called <- err
	}()
	<-s.entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	await(t, "stopping", func() bool { return get(t, http, "/readyz") == "503 stopping\n" })
	if got := get(t, http, "/livez"); !strings.HasPrefix(got, "200") {
		t.Errorf("live: %q", got)
	}
	close(s.release)
	<-called
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
