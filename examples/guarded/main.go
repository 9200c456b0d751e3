// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Command guarded is a web service whose pages are guarded by the flags of the store
// that FLIPPER_STORE names: `flipper serve` on this machine unless it is set.
//
//	flipper serve                    # in one terminal
//	go run ./examples/guarded        # in another
//	curl -i localhost:8080/search    # the old search
//	curl -i -X POST 'localhost:8080/admin/NEW_SEARCH?enabled=true'
//	curl -i localhost:8080/search    # the new search
//	curl -i -b user_id=7 localhost:8080/beta/
//
// It goes on with the flags that it has while the server is down. When it starts
// meanwhile, it begins with those of its last run.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/storeurl"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	lastGood := flag.String("last-good", "last-good-flags.json", "file to keep the flags in for the next start")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err == nil {
		err = run(ctx, cmp.Or(os.Getenv("FLIPPER_STORE"), "thrift://127.0.0.1:9090"), *lastGood, listener)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, storeURL, lastGood string, listener net.Listener) error {
	flags, err := storeurl.Open(storeURL, storeurl.WithLastGood(lastGood))
	if err != nil {
		return fmt.Errorf("FLIPPER_STORE: %w", err)
	}
	defer flags.Close()
	slog.Info("serving pages", "address", listener.Addr().String())
	server := &http.Server{Handler: routes(flipper.New(flags)), ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.WithoutCancel(ctx)) })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func routes(features *flipper.FeatureFlagClient) http.Handler {
	newSearch, beta := features.Flag("NEW_SEARCH"), features.Flag("BETA")
	// Who asks is known by a cookie, as an int, since that is what other services
	// hash for their rollouts.
	user := middleware.Attributes(middleware.AsInt(middleware.Cookie("user_id", "user_id")))

	mux := http.NewServeMux()
	mux.Handle("GET /search", user(middleware.Switch(newSearch, page("the new search"), page("the old search"))))
	mux.Handle("GET /beta/", user(middleware.Require(beta)(page("welcome to the beta"))))
	mux.HandleFunc("POST /admin/{flag}", func(w http.ResponseWriter, r *http.Request) {
		enabled, err := strconv.ParseBool(r.URL.Query().Get("enabled"))
		if err != nil {
			http.Error(w, "enabled must be true or false", http.StatusBadRequest)
			return
		}
		if err := set(r.Context(), features.Flag(r.PathValue("flag")), enabled, features); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	return mux
}

func page(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, text) })
}

// set switches a flag, and makes it if there is none.
func set(ctx context.Context, f *flipper.FeatureFlag, enabled bool, features *flipper.FeatureFlagClient) error {
	_, err := features.Create(ctx, f.Name(), flipper.WithEnabled(enabled))
	switch {
	case !errors.Is(err, store.ErrExists):
		return err
	case enabled:
		return f.Enable(ctx)
	}
	return f.Disable(ctx)
}
