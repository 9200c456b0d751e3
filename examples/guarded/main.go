// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Command guarded is a web service whose pages are guarded by flags that it gets
// from `flipper serve`.
//
//	flipper serve                    # in one terminal
//	go run ./examples/guarded        # in another
//	curl -i localhost:8080/search    # the old search
//	curl -i -X POST 'localhost:8080/admin/NEW_SEARCH?enabled=true'
//	curl -i localhost:8080/search    # the new search
//	curl -i -b user_id=7 localhost:8080/beta/
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/middleware"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

func main() {
	flags := flag.String("flags", "127.0.0.1:9090", "address of the flag service")
	listen := flag.String("listen", "127.0.0.1:8080", "address to serve on")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *flags, *listen); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, flags, listen string) error {
	s := thriftrpc.New(flags)
	defer s.Close()
	server := &http.Server{Addr: listen, Handler: routes(flipper.New(s)), ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.WithoutCancel(ctx)) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
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
