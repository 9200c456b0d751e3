// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bootstrap_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bootstrap"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	redisstore "github.com/flipper-go/flipper/store/redis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second // for what has to happen soon

var quiet = slog.New(slog.DiscardHandler)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func initial(t *testing.T) []*store.Flag {
	t.Helper()
	flags, err := bootstrap.ReadFile(files, "testdata/flags.json")
	must(t, err)
	return flags
}

// names returns those of the flags of a store.
func names(t *testing.T, s store.Store) []string {
	t.Helper()
	var all []string
	for f, err := range s.List(t.Context()) {
		must(t, err)
		all = append(all, f.Name)
	}
	return all
}

// over returns a store on a server, or on what pretends to be one.
func over(t *testing.T, network, address string) *redisstore.Store {
	t.Helper()
	client := redis.NewClient(&redis.Options{Network: network, Addr: address})
	t.Cleanup(func() { _ = client.Close() })
	s, err := redisstore.New(client)
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// What is exported can be read, whole stores and files.
func TestReadExported(t *testing.T) {
	s := memory.New()
	_, err := bootstrap.Seed(t.Context(), s, initial(t))
	must(t, err)
	folder := t.TempDir()
	f, err := os.Create(filepath.Join(folder, "flags.json"))
	must(t, err)
	_, err = exchange.Write(f, s.List(t.Context()))
	must(t, errors.Join(err, f.Close()))
	flags, err := bootstrap.ReadFile(os.DirFS(folder), "flags.json")
	must(t, err)
	other := memory.New()
	_, err = bootstrap.Seed(t.Context(), other, flags)
	must(t, err)
	// Flags that are read from a store have a revision, which is of no use elsewhere.
	var copied []*store.Flag
	for f, err := range other.List(t.Context()) {
		must(t, err)
		copied = append(copied, f)
	}
	other = memory.New()
	_, err = bootstrap.Seed(t.Context(), other, copied)
	must(t, err)
	for _, name := range names(t, s) {
		a, err := s.Get(t.Context(), name)
		must(t, err)
		b, err := other.Get(t.Context(), name)
		must(t, err)
		textA, errA := store.Encode(a)
		textB, errB := store.Encode(b)
		if must(t, errors.Join(errA, errB)); string(textA) != string(textB) {
			t.Errorf("%s, and read again %s", textA, textB)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"not JSON":    "flags:",
		"other":       `{"flags": {}}`,
		"bad flag":    `{"format": "flipper-flags-1", "flags": {"A": {"feature_name": "A"}}}`,
		"cut in half": `{"format": "flipper-flags-1", "flags": {"A": {"feature_`,
	} {
		if flags, err := bootstrap.Read(strings.NewReader(text)); flags != nil || !errors.Is(err, bootstrap.ErrFormat) {
			t.Errorf("%s: %v, %v", name, flags, err)
		}
	}
	boom := errors.New("boom")
	if _, err := bootstrap.Read(iotest.ErrReader(boom)); !errors.Is(err, boom) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := bootstrap.ReadFile(files, "missing.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// A store with a flag stays as it is, even if nobody can read it.
func TestSeedNotEmpty(t *testing.T) {
	server := redistest.Start(t)
	s := over(t, server.Network(), server.Addr())
	must(t, server.Client(t).Set(t.Context(), "features/OLD_SEARCH", "not JSON", 0).Err())
	created, err := bootstrap.Seed(t.Context(), s, initial(t))
	if created != nil || err != nil {
		t.Errorf("created %q, %v", created, err)
	}
	created, err = bootstrap.Seed(t.Context(), s, initial(t), bootstrap.WithAddMissing())
	if err != nil || !slices.Equal(created, []string{"NEW_CHECKOUT"}) {
		t.Errorf("created %q, %v", created, err)
	}
	if text := server.Client(t).Get(t.Context(), "features/OLD_SEARCH").Val(); text != "not JSON" {
		t.Errorf("the unreadable flag is %q now", text)
	}
}

// Instances that start at the same time create each flag once, and nothing that
// somebody has changed meanwhile is undone.
func TestSeedTogether(t *testing.T) {
	server := redistest.Start(t)
	flags := initial(t)
	var mu sync.Mutex
	var created []string
	var instances sync.WaitGroup
	for range 8 {
		s := over(t, server.Network(), server.Addr())
		instances.Go(func() {
			mine, err := bootstrap.Seed(t.Context(), s, flags, bootstrap.WithAddMissing())
			if err != nil {
				t.Error(err)
			}
			if err := flipper.New(s).Disable(t.Context(), "NEW_CHECKOUT"); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			created = append(created, mine...)
		})
	}
	instances.Wait()
	slices.Sort(created)
	if !slices.Equal(created, []string{"NEW_CHECKOUT", "OLD_SEARCH"}) {
		t.Errorf("created %q", created)
	}
	f, err := over(t, server.Network(), server.Addr()).Get(t.Context(), "NEW_CHECKOUT")
	if err != nil || f.Enabled {
		t.Errorf("%+v, %v, want it disabled", f, err)
	}
}

func TestSeedFails(t *testing.T) {
	s := flippertest.NewStore(t)
	s.Fail(nil)
	for _, opts := range [][]bootstrap.Option{nil, {bootstrap.WithAddMissing()}} {
		if created, err := bootstrap.Seed(t.Context(), s, initial(t), opts...); created != nil || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("created %q, %v", created, err)
		}
	}
	s.Recover()
	created, err := bootstrap.Seed(t.Context(), s, append(initial(t), &store.Flag{Name: "\xff"}))
	if !errors.Is(err, store.ErrInvalidName) || len(created) != 2 {
		t.Errorf("created %q, %v", created, err)
	}
}

// A program that starts while its server is gone answers with its initial flags, and
// with those of the server once that is back.
func TestDeadServer(t *testing.T) {
	server := redistest.StartTCP(t)
	features := flipper.New(over(t, server.Network(), server.Addr()))
	_, err := features.Create(t.Context(), "NEW_CHECKOUT")
	must(t, err)
	for name, fault := range map[string]func(*faultproxy.Proxy){
		"refuses": func(p *faultproxy.Proxy) { p.Refuse() },
		"hangs":   func(p *faultproxy.Proxy) { p.Stall(faultproxy.Both) },
	} {
		t.Run(name, func(t *testing.T) {
			proxy := faultproxy.New(t, server.Addr())
			fault(proxy)
			m := mirror.New(over(t, "tcp", proxy.Addr()), mirror.WithInitial(initial(t)), mirror.WithLogger(quiet))
			defer m.Close()
			features := flipper.New(m, flipper.WithLogger(quiet), flipper.WithTimeout(patience))
			e := features.Evaluate(t.Context(), "NEW_CHECKOUT", flipper.String("country", "CH"))
			if !e.Enabled || e.Reason != flipper.ReasonStale || e.Age <= 0 {
				t.Errorf("while it is gone: %+v", e)
			}
			proxy.Heal()
			// A watch tells of everything when all of it was read.
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for range m.Watch(ctx) {
				if _, stale := m.Age("NEW_CHECKOUT"); !stale {
					break
				}
			}
			if e := features.Evaluate(t.Context(), "NEW_CHECKOUT"); e.Reason != flipper.ReasonDisabled || e.Age != 0 {
				t.Errorf("when it is back: %+v", e)
			}
			if got := names(t, m); !slices.Equal(got, []string{"NEW_CHECKOUT"}) {
				t.Errorf("when it is back: %q", got)
			}
		})
	}
}

// Flags keep their rules; those whose rules cannot be read are refused.
func TestRules(t *testing.T) {
	const good = `{"version":1, "off": "off", "default": "on"}`
	read := func(rules string) ([]*store.Flag, error) {
		return bootstrap.Read(strings.NewReader(`{"format": "flipper-flags-1", "flags": {"A": ` +
			`{"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"$rules": ` + rules + `}}}}}`))
	}
	flags, err := read(good)
	must(t, err)
	s := memory.New()
	_, err = bootstrap.Seed(t.Context(), s, flags)
	must(t, err)
	f, err := s.Get(t.Context(), "A")
	if err != nil || f.Rules().JSON() != good || f.Rules().Err() != nil {
		t.Errorf("%v, %v", f, err)
	}

	const bad = `{"version": 1, "off": "off", "default": "perhaps"}`
	if flags, err := read(bad); flags != nil || !errors.Is(err, bootstrap.ErrFormat) || !strings.Contains(err.Error(), "$rules: invalid default") {
		t.Errorf("read bad rules: %v, %v", flags, err)
	}
	f, err = store.Decode("B", `{"feature_name": "B", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"$rules": `+bad+`}}}`)
	must(t, err)
	created, err := bootstrap.Seed(t.Context(), s, []*store.Flag{f}, bootstrap.WithAddMissing())
	if created != nil || !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "$rules: invalid default") {
		t.Errorf("seed bad rules: %v, %v", created, err)
	}

	down := flippertest.NewStore(t)
	down.Fail(nil)
	var mu sync.Mutex
	var told []error
	m := mirror.New(down, mirror.WithInitial(append(flags, f)), mirror.WithLogger(quiet), mirror.WithErrorHandler(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, err)
	}))
	defer m.Close()
	must(t, m.WaitReady(t.Context()))
	if got := names(t, m); !slices.Equal(got, []string{"A"}) {
		t.Errorf("the mirror starts with %q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.ContainsFunc(told, func(err error) bool { return strings.Contains(err.Error(), "$rules: invalid default") }) {
		t.Errorf("the mirror told of %v", told)
	}
}
