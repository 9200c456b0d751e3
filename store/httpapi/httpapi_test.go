// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/stored"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/faultproxy"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/httpapi"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A server is the API over flags in memory.
type server struct {
	url     string
	flags   *memory.Store
	secrets map[token.Role]string
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{flags: memory.New(), secrets: make(map[token.Role]string)}
	env, err := environment.New("production", flipper.New(s.flags))
	check(t, err)
	environments, err := environment.NewEnvironments(env)
	check(t, err)
	var tokens []token.Token
	for _, role := range []token.Role{token.Evaluate, token.Read, token.Write} {
		one, secret, err := token.New(role.String(), role)
		check(t, err)
		tokens, s.secrets[role] = append(tokens, one), secret
	}
	a, err := access.New(environments, access.WithTokens(token.NewSet(tokens...)), access.WithLogger(slog.New(slog.DiscardHandler)))
	check(t, err)
	listening := httptest.NewServer(api.New(a, stored.Register))
	t.Cleanup(func() {
		env.Close()
		s.flags.Close()
		listening.Close()
	})
	s.url = listening.URL
	return s
}

func (s *server) open(t *testing.T, role token.Role, opts ...httpapi.Option) *httpapi.Store {
	t.Helper()
	flags, err := httpapi.New(s.url, append([]httpapi.Option{httpapi.WithToken(s.secrets[role])}, opts...)...)
	check(t, err)
	t.Cleanup(func() { check(t, flags.Close()) })
	return flags
}

func TestStore(t *testing.T) {
	var mu sync.Mutex
	servers := make(map[store.Store]*server)
	of := func(s store.Store) *server {
		mu.Lock()
		defer mu.Unlock()
		return servers[s]
	}
	open := func(t *testing.T, server *server) store.Store {
		t.Helper()
		flags := server.open(t, token.Write)
		mu.Lock()
		defer mu.Unlock()
		servers[flags] = server
		return flags
	}
	storetest.Run(t, storetest.Harness{
		New:    func(t *testing.T) store.Store { return open(t, serve(t)) },
		Second: func(t *testing.T, s store.Store) store.Store { return open(t, of(s)) },
	})
}

// A server that stalls or breaks off is unavailable, and the watch says so once it is
// back.
func TestFaults(t *testing.T) {
	server := serve(t)
	proxy := faultproxy.New(t, strings.TrimPrefix(server.url, "http://"))
	flags, err := httpapi.New("http://"+proxy.Addr(), httpapi.WithToken(server.secrets[token.Write]), httpapi.WithTimeout(200*time.Millisecond))
	check(t, err)
	defer flags.Close()
	_, err = flags.Put(t.Context(), &store.Flag{Name: "X"})
	check(t, err)

	proxy.Stall(faultproxy.ToClient)
	if _, err := flags.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "in time") {
		t.Errorf("stalled: %v", err)
	}
	proxy.Heal()
	if _, err := flags.Get(t.Context(), "X"); err != nil {
		t.Errorf("healed: %v", err)
	}

	// The watch says that the server is gone, and that everything may have changed when
	// it is back.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen []string
	for change, err := range flags.Watch(ctx) {
		switch {
		case errors.Is(err, store.ErrUnavailable):
			seen = append(seen, "lost")
			proxy.Heal()
		case err != nil:
			t.Fatal(err)
		case change.All:
			seen = append(seen, "all")
			if len(seen) == 1 {
				proxy.Refuse()
				proxy.Cut()
			} else {
				cancel()
			}
		}
	}
	if len(seen) < 3 || seen[0] != "all" || seen[1] != "lost" || seen[len(seen)-1] != "all" {
		t.Errorf("the watch yields %v", seen)
	}
}

func TestRefusals(t *testing.T) {
	server := serve(t)
	for _, test := range []struct {
		role token.Role
		want string
	}{
		{token.Evaluate, "use another token"},
		{token.Admin, "set the token"}, // whose secret is empty
	} {
		if _, err := server.open(t, test.role).Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("role %s: %v", test.role, err)
		}
	}
	reader := server.open(t, token.Read)
	if _, err := reader.Put(t.Context(), &store.Flag{Name: "X"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a write by a reader: %v", err)
	}
	if _, err := server.open(t, token.Read, httpapi.WithEnvironment("test")).Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "production") {
		t.Errorf("another environment: %v", err)
	}

	redirected := false
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		redirected = r.URL.Path == "/elsewhere"
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer other.Close()
	flags, err := httpapi.New(other.URL, httpapi.WithToken("secret"))
	check(t, err)
	defer flags.Close()
	if _, err := flags.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "flipper serve --api") || redirected {
		t.Errorf("a redirect: %v, followed: %t", err, redirected)
	}

	for _, address := range []string{"", "flags:8082", "ftp://flags", "http://", "http://flags?x=1", "http://user:secret@flags", "http://[::1"} {
		if _, err := httpapi.New(address); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
