// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/store"
)

// probeTimeout bounds the question to the store behind a health check.
const probeTimeout = 2 * time.Second

// A health answers the checks of whatever supervises the server:
//
//   - /livez: the process answers.
//   - /readyz: the server has flags to serve. It is not ready before its store
//     could be read once, nor while it stops. A store that fails later makes it
//     degraded, which the answer says, but not unready: taking every replica out
//     of service would not bring the store back.
type health struct {
	*http.ServeMux
	store    store.Store
	loaded   atomic.Bool
	stopping atomic.Bool
}

func newHealth(s store.Store) *health {
	h := &health{ServeMux: http.NewServeMux(), store: s}
	h.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	h.HandleFunc("GET /readyz", h.ready)
	return h
}

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	if h.stopping.Load() {
		answer(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	err := h.probe(r.Context())
	switch {
	case err == nil:
		h.loaded.Store(true)
		answer(w, http.StatusOK, "ok")
	case h.loaded.Load():
		answer(w, http.StatusOK, "degraded: the store cannot be read")
	default:
		answer(w, http.StatusServiceUnavailable, "the store could not be read yet")
	}
}

// probe reads a flag. That there is none, or that it is unreadable, is an answer
// of the store too.
func (h *health) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := h.store.Get(ctx, "")
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) {
		return nil
	}
	return err
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fmt.Sprintln(text))
}
