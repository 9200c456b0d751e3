// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// readyPatience is how long /readyz waits for the store's answer. It is well
// below the second that Kubernetes gives a probe by default: a store that hangs
// must make the answer say so, not fail the probe.
const readyPatience = 500 * time.Millisecond

// A health answers the checks of whatever supervises the server:
//
//   - /livez: the process answers.
//   - /readyz: the server has flags to serve. It is not ready before its flags
//     are loaded, nor while it stops. A store that fails later makes it degraded,
//     which the answer says, but not unready: taking every replica out of service
//     would not bring the store back.
type health struct {
	monitor  *monitor
	stopping atomic.Bool
}

func (h *health) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", h.ready)
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	if h.stopping.Load() {
		answer(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyPatience)
	defer cancel()
	state, fresh := h.monitor.check(ctx)
	switch {
	case !state.loaded:
		answer(w, http.StatusServiceUnavailable, "the store could not be read yet")
	case !state.up || !fresh:
		answer(w, http.StatusOK, "degraded: the store cannot be read")
	default:
		answer(w, http.StatusOK, "ok")
	}
}

// isReady is what /readyz says, as of what is known.
func (h *health) isReady() bool { return !h.stopping.Load() && h.monitor.current().loaded }

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fmt.Sprintln(text))
}
