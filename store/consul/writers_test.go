// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/targeting"
)

// A slowTransport holds back answers that have all flags, so that other answers
// overtake them.
type slowTransport struct {
	*http.Transport
	delay func() time.Duration
}

func (s slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.Transport.RoundTrip(r)
	if r.URL.Query().Has("recurse") {
		time.Sleep(s.delay())
	}
	return response, err
}

func slowClient(t *testing.T, agent *consultest.Agent, delay func() time.Duration) *api.Client {
	t.Helper()
	transport := slowTransport{new(http.Transport), delay}
	t.Cleanup(transport.CloseIdleConnections)
	client, err := api.NewClient(&api.Config{Address: agent.Address, HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestOwnWrites has two stores and a writer by hand change flags, while answers
// that have all flags come late, so that those to writes overtake them. Each
// store reads what it has just written, and both end with what the server has.
func TestOwnWrites(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client, base := agent.Client(t), newBaseKey()
	var stores []*consulstore.Store
	for range 2 {
		slow := slowClient(t, agent, func() time.Duration { return rand.N(5 * time.Millisecond) })
		s := open(t, slow, base, consulstore.WithMinInterval(time.Millisecond))
		waitReady(t, s)
		stores = append(stores, s)
	}

	const each = 300
	var workers sync.WaitGroup
	for number, s := range stores {
		for own := range 4 {
			// Of its own: nobody else writes it.
			name := fmt.Sprintf("OWN%d/%d", number, own)
			workers.Go(func() {
				for i := range each / 2 {
					if err := checkOwnWrite(t.Context(), s, name, i); err != nil {
						t.Errorf("%q, round %d: %v", name, i, err)
						return
					}
				}
			})
		}
		// Of all.
		workers.Go(func() {
			for i := range each {
				name := fmt.Sprint("SHARED", rand.IntN(4))
				_, err := store.Update(t.Context(), s, name, func(f *store.Flag) error {
					f.ClientData = targeting.JSON(fmt.Sprintf(`{"by": %d, "n": %d}`, number, i))
					return nil
				})
				if errors.Is(err, store.ErrNotFound) {
					_, err = s.Put(t.Context(), &store.Flag{Name: name})
				}
				if i%20 == 0 {
					err = s.Delete(t.Context(), name)
				}
				if err != nil && !errors.Is(err, store.ErrExists) && !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%q: %v", name, err)
					return
				}
			}
		})
	}
	workers.Go(func() {
		for i := range each {
			rawPut(t, client, fmt.Sprintf("%s/SHARED%d", base, rand.IntN(4)), item("SHARED", i%2 == 0))
		}
	})
	workers.Wait()
	for _, s := range stores {
		eventually(t, "the store has what the server has", func() error { return wantServerState(s, client, base) })
	}
}

// checkOwnWrite makes one change, and reads it at once and for a while.
func checkOwnWrite(ctx context.Context, s *consulstore.Store, name string, i int) error {
	old, err := s.Get(ctx, name)
	switch {
	case err == nil && i%5 == 4:
		if err := s.Delete(ctx, name); err != nil {
			return err
		}
		return forAWhile(func() error { return wantNotFound(s, name) })
	case errors.Is(err, store.ErrNotFound):
		old = &store.Flag{Name: name}
	case err != nil:
		return err
	}
	next := old.Clone()
	next.ClientData = targeting.JSON(fmt.Sprintf(`{"n": %d}`, i))
	stored, err := s.Put(ctx, next)
	if err != nil {
		return err
	}
	return forAWhile(func() error {
		got, err := s.Get(ctx, name)
		if err != nil {
			return fmt.Errorf("get after put: %w", err)
		}
		if got.Revision != stored.Revision || got.ClientData != next.ClientData {
			return fmt.Errorf("get gives revision %s after put of %s", got.Revision, stored.Revision)
		}
		return nil
	})
}

// forAWhile holds something to be so for longer than answers are held back.
func forAWhile(is func() error) error {
	for range 7 {
		if err := is(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// wantServerState says how a store differs from the server.
func wantServerState(s store.Store, client *api.Client, base string) error {
	pairs, _, err := client.KV().List(base+"/", nil)
	if err != nil {
		return err
	}
	want := map[string]string{}
	for _, pair := range pairs {
		want[strings.TrimPrefix(pair.Key, base+"/")] = fmt.Sprint(pair.ModifyIndex)
	}
	for f, err := range s.List(context.Background()) {
		if err != nil {
			return err
		}
		if want[f.Name] != f.Revision {
			return fmt.Errorf("%q has revision %s, want %s", f.Name, f.Revision, want[f.Name])
		}
		delete(want, f.Name)
	}
	if len(want) > 0 {
		return fmt.Errorf("%v are missing", want)
	}
	return nil
}

// A countingTransport counts the fetches of all flags.
type countingTransport struct {
	*http.Transport
	fetches, requests atomic.Int64
}

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	if r.URL.Query().Has("recurse") {
		c.fetches.Add(1)
	}
	return c.Transport.RoundTrip(r)
}

func counting(t *testing.T, agent *consultest.Agent) (*api.Client, *countingTransport) {
	t.Helper()
	c := &countingTransport{Transport: new(http.Transport)}
	t.Cleanup(c.CloseIdleConnections)
	client, err := api.NewClient(&api.Config{Address: agent.Address, HttpClient: &http.Client{Transport: c}})
	if err != nil {
		t.Fatal(err)
	}
	return client, c
}

// setAll stores flags by hand, many at a time.
func setAll(t *testing.T, client *api.Client, base string, names []string, enabled bool) {
	t.Helper()
	for len(names) > 0 {
		n := min(len(names), 50)
		var ops api.TxnOps
		for _, name := range names[:n] {
			ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: base + "/" + name, Value: item(name, enabled)}})
		}
		names = names[n:]
		if ok, response, _, err := client.Txn().Txn(ops, nil); err != nil || !ok {
			t.Fatal(ok, response, err)
		}
	}
}

// TestStorm makes 10,000 changes by hand as fast as the server takes them. The
// store fetches all flags much less often, and ends with the last state. Then it
// loses 1,000 flags by hand.
func TestStorm(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	base := newBaseKey()
	counted, count := counting(t, agent)
	s := open(t, counted, base)
	waitReady(t, s)
	w := newWatchdog(t, s, client, base)
	w.expect(enabledIs(true, false))

	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprint("FLAG", i))
	}
	fetchesBefore := count.fetches.Load()
	begin := time.Now()
	for round := range 10 {
		setAll(t, client, base, names, round%2 == 0)
	}
	took := time.Since(begin)
	after := w.throw(client, base, false)
	eventually(t, "the last state of each flag", func() error {
		for _, name := range names {
			if err := wantEnabled(s, name, false); err != nil {
				return err
			}
		}
		return wantServerStateBut(s, client, base, "WRITTEN")
	})
	fetches := count.fetches.Load() - fetchesBefore
	t.Logf("10,000 changes in %v: right again after %v, %d fetches", took, after, fetches)
	// One each 20 ms at most; the watchdog writes all the time.
	if most := int64(time.Since(begin)/(20*time.Millisecond)) + 2; fetches > most {
		t.Errorf("%d fetches, more than %d", fetches, most)
	}

	w.throw(client, base, true)
	begin = time.Now()
	if _, err := client.KV().DeleteTree(base+"/FLAG", nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all deleted flags are gone", func() error {
		for _, name := range names {
			if err := wantNotFound(s, name); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("1,000 deleted flags gone after %v", time.Since(begin))
}

// wantServerStateBut is wantServerState without a flag that is being written.
func wantServerStateBut(s store.Store, client *api.Client, base, but string) error {
	err := wantServerState(s, client, base)
	if err != nil && strings.Contains(err.Error(), but) {
		return nil
	}
	return err
}

// TestSlowFetch has one fetch take long, as one does that meets a server that
// hangs for a while. The change after it does not wait as if all fetches did.
func TestSlowFetch(t *testing.T) {
	t.Parallel()
	const slow = 2 * time.Second
	agent := consultest.Options{Memory: true}.Start(t)
	client, base := agent.Client(t), newBaseKey()
	var delay atomic.Int64
	s := open(t, slowClient(t, agent, func() time.Duration { return time.Duration(delay.Swap(0)) }), base)
	waitReady(t, s)
	delay.Store(int64(slow))
	rawPut(t, client, base+"/A", item("A", false))
	eventually(t, "a change is read", func() error { return wantEnabled(s, "A", false) })
	begin := time.Now()
	rawPut(t, client, base+"/A", item("A", true))
	eventually(t, "the next change is read", func() error { return wantEnabled(s, "A", true) })
	if took := time.Since(begin); took > 2*slow {
		t.Errorf("the change after a slow fetch took %v", took)
	}
}

// TestIdle holds the store to asking seldom while nothing of its own happens,
// whatever else does.
func TestIdle(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	for _, c := range []struct{ name, own string }{
		{"EmptyPrefix", ""},
		{"BusyNeighbour", "OWN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			base := newBaseKey()
			counted, count := counting(t, agent)
			s := open(t, counted, base)
			if c.own != "" {
				rawPut(t, client, base+"/"+c.own, item(c.own, true))
			}
			waitReady(t, s)
			before := count.requests.Load()
			begin := time.Now()
			writes := 0
			for ; time.Since(begin) < time.Second; writes++ {
				rawPut(t, client, base+"-old/X", fmt.Append(nil, writes))
			}
			requests := count.requests.Load() - before
			t.Logf("%d requests in %v, with %d writes elsewhere", requests, time.Since(begin), writes)
			if requests > 60 { // 20, 40, 80, 160, 250, 250 ms apart, three each
				t.Errorf("%d requests in a second", requests)
			}
			// It is not blind for that.
			begin = time.Now()
			rawPut(t, client, base+"/NEW", item("NEW", true))
			eventually(t, "a new flag is read", func() error { return wantEnabled(s, "NEW", true) })
			t.Logf("a new flag is read after %v", time.Since(begin))
		})
	}
}

// TestUnreadable puts in a value that is no flag by hand, and repairs it by hand.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	h := behindProxy(t, agent)
	w := newWatchdog(t, h.Store, h.client, h.base)
	rawPut(t, h.client, h.base+"/BROKEN", []byte("not JSON"))
	eventually(t, "it is unreadable", func() error {
		if _, err := h.Get(t.Context(), "BROKEN"); !errors.Is(err, store.ErrUnreadable) {
			return fmt.Errorf("get: %v", err)
		}
		return nil
	})
	w.throw(h.client, h.base, false)
	begin := time.Now()
	rawPut(t, h.client, h.base+"/BROKEN", item("BROKEN", true))
	eventually(t, "it is repaired", func() error { return wantEnabled(h, "BROKEN", true) })
	t.Logf("right again after %v", time.Since(begin))
}

// TestVectors puts the items of the golden vectors as they lie in Consul, by
// hand, and holds the store to reading them, from memory and from the server, as
// store.Decode does, which has tests of its own.
func TestVectors(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	base := newBaseKey()
	texts := map[string]string{}
	for _, c := range vectors.Cases[struct{ ID, Serialized, Raw string }](t, "items.json") {
		if text := c.Serialized + c.Raw; text != "" && len(text) <= store.MaxFlagSize {
			texts[c.ID] = text
			rawPut(t, client, base+"/"+c.ID, []byte(text))
		}
	}
	ready := open(t, client, base)
	waitReady(t, ready)
	readable := 0
	for name, text := range texts {
		want, wantErr := store.Decode(name, []byte(text))
		if wantErr == nil {
			readable++
		}
		early := open(t, client, base)
		for what, s := range map[string]store.Store{"from memory": ready, "from the server": early} {
			got, err := s.Get(t.Context(), name)
			switch {
			case wantErr != nil:
				if !errors.Is(err, store.ErrUnreadable) || err.Error() != wantErr.Error() {
					t.Errorf("%s, %s: error is %v, want %v", name, what, err, wantErr)
				}
			case err != nil:
				t.Errorf("%s, %s: %v", name, what, err)
			case strings.Contains(text, "LinearRamp"): // it may begin when it is read
			case got.Enabled != want.Enabled || got.Meta() != want.Meta():
				t.Errorf("%s, %s: %v %s, want %v %s", name, what, got.Enabled, got.Meta(), want.Enabled, want.Meta())
			}
		}
		_ = early.Close()
	}
	if readable < 100 || len(texts)-readable < 50 {
		t.Errorf("%d items are readable of %d", readable, len(texts))
	}
}

// TestPlainWriter has a writer that does not compare, as the Python client, on a
// flag that this module's writers count up in. Theirs are not lost among
// themselves: each of their changes is based on what was there.
func TestPlainWriter(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	base := newBaseKey()
	first, second := open(t, agent.Client(t), base), open(t, agent.Client(t), base)
	if _, err := first.Put(t.Context(), &store.Flag{Name: "A"}); err != nil {
		t.Fatal(err)
	}
	var workers sync.WaitGroup
	for number, s := range []*consulstore.Store{first, second} {
		for range 2 {
			workers.Go(func() {
				for range 100 {
					if _, err := store.Update(t.Context(), s, "A", func(f *store.Flag) error {
						f.ClientData = targeting.JSON(fmt.Sprintf(`{"by": %d, "over": %q}`, number, f.Revision))
						return nil
					}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	workers.Go(func() {
		for i := range 100 {
			rawPut(t, client, base+"/A", item("A", i%2 == 0))
		}
	})
	workers.Wait()
	rawPut(t, client, base+"/A", item("A", true))
	for _, s := range []*consulstore.Store{first, second} {
		eventually(t, "the plain write is read", func() error {
			f, err := s.Get(t.Context(), "A")
			if err == nil && (f.ClientData != "" && f.ClientData != "{}" || !f.Enabled) {
				err = fmt.Errorf("client data is %s", f.ClientData)
			}
			return err
		})
	}
	f, err := store.Update(t.Context(), first, "A", func(f *store.Flag) error { f.Enabled = false; return nil })
	if err != nil || f.Enabled {
		t.Errorf("update over a plain write: %v, %v", f, err)
	}
}

// TestLarge writes flags that do not fit into a transaction.
func TestLarge(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	base := newBaseKey()
	s, other := open(t, agent.Client(t), base), open(t, agent.Client(t), base)
	for _, size := range []int{370_000, 390_000, store.MaxFlagSize} {
		name := fmt.Sprint("LARGE", size)
		f := sized(t, name, size)
		stored, err := s.Put(t.Context(), f)
		if err != nil {
			t.Errorf("put of %d bytes: %v", size, err)
			continue
		}
		if pair, _, err := client.KV().Get(base+"/"+name, nil); err != nil || pair == nil || len(pair.Value) != size || fmt.Sprint(pair.ModifyIndex) != stored.Revision {
			t.Errorf("%d bytes: revision is %s, the server has %v, %v", size, stored.Revision, pair != nil, err)
		}
		if _, err := s.Put(t.Context(), f); !errors.Is(err, store.ErrExists) {
			t.Errorf("create of %d bytes again: %v", size, err)
		}
		next := stored.Clone()
		next.Enabled = true
		next.ClientData = next.ClientData[:len(next.ClientData)-10] + `"}` // true is shorter than false
		if stored, err = s.Put(t.Context(), next); err != nil {
			t.Errorf("change of %d bytes: %v", size, err)
			continue
		}
		if _, err := s.Put(t.Context(), next); !errors.Is(err, store.ErrConflict) {
			t.Errorf("change of %d bytes again: %v", size, err)
		}
		eventually(t, "another store reads it", func() error {
			got, err := other.Get(t.Context(), name)
			if err == nil && got.Revision != stored.Revision {
				err = fmt.Errorf("revision is %s, want %s", got.Revision, stored.Revision)
			}
			return err
		})
	}
	// Refused without asking the server.
	counted, count := counting(t, agent)
	f := sized(t, "HUGE", 1000)
	f.ClientData = targeting.JSON(`{"filling": "` + strings.Repeat("x", store.MaxFlagSize) + `"}`)
	if _, err := open(t, counted, base).Put(t.Context(), f); !errors.Is(err, store.ErrInvalid) || count.requests.Load() != 0 {
		t.Errorf("put of more than Consul takes: %v, after %d requests", err, count.requests.Load())
	}
}

// sized returns a flag whose stored form has a number of bytes.
func sized(t *testing.T, name string, size int) *store.Flag {
	t.Helper()
	f := &store.Flag{Name: name, ClientData: `{"filling": ""}`}
	empty, err := store.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	f.ClientData = targeting.JSON(`{"filling": "` + strings.Repeat("x", size-len(empty)) + `"}`)
	return f
}

// TestNamespace looks at what is asked: only Consul Enterprise has namespaces.
func TestNamespace(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	target, err := url.Parse("http://" + agent.Address)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{Transport: transport, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		query := r.In.URL.Query()
		mu.Lock()
		seen = append(seen, r.In.Method+" ns="+query.Get("ns")+" partition="+query.Get("partition"))
		mu.Unlock()
		for _, name := range []string{"ns", "partition"} {
			query.Del(name) // or the server refuses
		}
		r.SetURL(target)
		r.Out.URL.RawQuery = query.Encode()
	}}
	server := newServer(t, proxy)
	s := open(t, consultest.NewClient(t, server, ""), newBaseKey(), consulstore.WithNamespace("team"), consulstore.WithPartition("part"))
	waitReady(t, s)
	if _, err := s.Put(t.Context(), sized(t, "LARGE", 400_000)); err != nil {
		t.Error(err)
	}
	_ = s.Close()
	mu.Lock()
	defer mu.Unlock()
	methods := map[string]int{}
	for _, request := range seen {
		method, rest, _ := strings.Cut(request, " ")
		methods[method]++
		if rest != "ns=team partition=part" {
			t.Errorf("asked with %s", request)
		}
	}
	if methods["GET"] == 0 || methods["PUT"] == 0 {
		t.Errorf("requests: %v", methods)
	}
}
