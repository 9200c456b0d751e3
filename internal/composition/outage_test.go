// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package composition_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

// The outage is asked about by many requests, each of which asks for ten flags.
const (
	outageTimeout  = time.Second
	outageRequests = 1000
	outageFlags    = 10
)

// outages are what a backend can do to a service that starts, or runs.
var outages = map[string]func(p *faultproxy.Proxy){
	"Refuses":        func(p *faultproxy.Proxy) { p.Refuse(); p.Cut() },
	"NeverAnswers":   func(p *faultproxy.Proxy) { p.Stall(faultproxy.Both) },
	"StopsAnswering": func(p *faultproxy.Proxy) { p.Stall(faultproxy.ToClient) },
	"HalfOpen":       func(p *faultproxy.Proxy) { p.HalfOpen() },
	"TooSlow":        func(p *faultproxy.Proxy) { p.Slow(2 * outageTimeout) },
	"Slow":           func(p *faultproxy.Proxy) { p.Slow(outageTimeout / 4) },
}

// TestOutage begins an outage before the first answer, and has a thousand requests a
// second ask for ten flags each. All checks of one request together wait for no more
// than one time-out, and answer properly soon after the backend is back.
func TestOutage(t *testing.T) {
	for name, open := range map[string]func(t testing.TB) (store.Store, func(address string) store.Store, string){
		"Redis": func(t testing.TB) (store.Store, func(string) store.Store, string) {
			server := redistest.StartTCP(t)
			return openRedis(t, server.Addr()), func(address string) store.Store { return openRedis(t, address) }, server.Addr()
		},
		"MirrorOfRedis": func(t testing.TB) (store.Store, func(string) store.Store, string) {
			server := redistest.StartTCP(t)
			return openRedis(t, server.Addr()), func(address string) store.Store { return openMirror(t, openRedis(t, address)) }, server.Addr()
		},
		"Thrift": func(t testing.TB) (store.Store, func(string) store.Store, string) {
			s := serve(t)
			return s.flags, func(address string) store.Store { return dial(t, address) }, s.address
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, through, address := open(t)
			for i := range outageFlags {
				if _, err := direct.Put(t.Context(), &store.Flag{Name: fmt.Sprint("FLAG", i), Enabled: true}); err != nil {
					t.Fatal(err)
				}
			}
			for what, begin := range outages {
				t.Run(what, func(t *testing.T) {
					proxy := faultproxy.New(t, address)
					begin(proxy)
					testOutage(t, through(proxy.Addr()), proxy)
				})
			}
		})
	}
}

func openRedis(t testing.TB, address string) *redisstore.Store {
	client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	s, err := redisstore.New(client, redisstore.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		_ = client.Close()
	})
	return s
}

func openMirror(t testing.TB, inner store.Watcher) store.Store {
	s := mirror.New(inner, mirror.WithLogger(quiet))
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func testOutage(t *testing.T, s store.Store, proxy *faultproxy.Proxy) {
	features := flipper.New(s, flipper.WithTimeout(outageTimeout), flipper.WithLogger(quiet))
	var longest atomic.Int64
	request := func() {
		ctx := flipper.WithPinnedFlags(context.Background()) // as the middleware does
		began := time.Now()
		for i := range outageFlags {
			features.IsEnabled(ctx, fmt.Sprint("FLAG", i))
		}
		for took := int64(time.Since(began)); ; {
			before := longest.Load()
			if took <= before || longest.CompareAndSwap(before, took) {
				return
			}
		}
	}
	var requests sync.WaitGroup
	tick := time.NewTicker(time.Second / outageRequests)
	defer tick.Stop()
	for range outageRequests {
		<-tick.C
		requests.Go(request)
	}
	requests.Wait()
	// Ten time-outs would be ten seconds; one leaves room for a busy machine.
	if took := time.Duration(longest.Load()); took > 2*outageTimeout {
		t.Errorf("the checks of one request took %v, with a time-out of %v", took, outageTimeout)
	}
	proxy.Heal()
	await(t, "checks answer again", func() bool {
		ctx := flipper.WithPinnedFlags(t.Context())
		for i := range outageFlags {
			if !features.IsEnabled(ctx, fmt.Sprint("FLAG", i)) {
				return false
			}
		}
		return true
	})
}

// TestOutageOfOne stalls a backend under a check whose caller gives up early: that says
// nothing about the backend.
func TestOutageOfOne(t *testing.T) {
	flags := memory.New()
	if _, err := flags.Put(t.Context(), &store.Flag{Name: "FLAG", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	below := serve(t)
	below.flags = flags
	below.stop()
	below.start()
	proxy := faultproxy.New(t, below.address)
	proxy.Stall(faultproxy.ToClient)
	features := flipper.New(dial(t, proxy.Addr()), flipper.WithTimeout(patience), flipper.WithLogger(quiet))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if e := features.Evaluate(ctx, "FLAG"); e.Err == nil {
		t.Fatal("a stalled backend answers")
	}
	proxy.Heal()
	if e := features.Evaluate(t.Context(), "FLAG"); !e.Enabled {
		t.Errorf("the next check: %+v", e)
	}
}

// TestOutageWhileRunning begins an outage under a service that has been answered, and
// whose checks do not share a context of a request. The ten checks that follow each other
// wait for no more than one time-out nevertheless.
func TestOutageWhileRunning(t *testing.T) {
	for name, open := range map[string]func(t testing.TB) (direct store.Store, through func(address string) store.Store, address string){
		"Redis": func(t testing.TB) (store.Store, func(string) store.Store, string) {
			server := redistest.StartTCP(t)
			return openRedis(t, server.Addr()), func(address string) store.Store { return openRedis(t, address) }, server.Addr()
		},
		"Thrift": func(t testing.TB) (store.Store, func(string) store.Store, string) {
			s := serve(t)
			return s.flags, func(address string) store.Store { return dial(t, address) }, s.address
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, through, address := open(t)
			for i := range outageFlags {
				if _, err := direct.Put(t.Context(), &store.Flag{Name: fmt.Sprint("FLAG", i), Enabled: true}); err != nil {
					t.Fatal(err)
				}
			}
			for what, begin := range outages {
				if what == "Slow" {
					continue // it answers: only a request's context bounds the sum
				}
				t.Run(what, func(t *testing.T) {
					proxy := faultproxy.New(t, address)
					features := flipper.New(through(proxy.Addr()), flipper.WithTimeout(outageTimeout), flipper.WithLogger(quiet))
					all := func() (on int, took time.Duration) {
						began := time.Now()
						for i := range outageFlags {
							if features.IsEnabled(t.Context(), fmt.Sprint("FLAG", i)) {
								on++
							}
						}
						return on, time.Since(began)
					}
					if on, _ := all(); on != outageFlags {
						t.Fatalf("%d flags are on before the outage", on)
					}
					begin(proxy)
					for range 3 {
						if _, took := all(); took > 2*outageTimeout { // one leaves room for a busy machine
							t.Errorf("ten checks took %v, with a time-out of %v", took, outageTimeout)
						}
					}
					proxy.Heal()
					await(t, "checks answer again", func() bool { on, _ := all(); return on == outageFlags })
				})
			}
		})
	}
}
