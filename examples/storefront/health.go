// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/flipper-go/flipper/store/storeurl"
)

func metricsHandler(registry *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// readyHandler answers 200 once there are flags, until stopping ends. The service
// stays ready when it loses the store: it goes on with the flags that it has, and
// taking it out of service would not bring the store back.
func readyHandler(stopping context.Context, flags *storeurl.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stopping.Err() != nil {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if err := flags.WaitReady(ctx); err != nil {
			http.Error(w, "no flags yet", http.StatusServiceUnavailable)
			return
		}
		if age, stale := flags.Age(""); stale {
			fmt.Fprintf(w, "ready, with flags that are %v old\n", age.Round(time.Second))
			return
		}
		fmt.Fprintln(w, "ready")
	})
}
