// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/childprocess"
)

// patience is for what has to happen soon, on a busy machine.
const patience = time.Minute

// A remote is a client in JavaScript, whose functions a test calls; see
// clients/remote.mjs. It asks for calls, so it can be a page in a browser too.
type remote struct {
	t       *testing.T
	origin  string                 // from where a page is
	script  string                 // what runs in a page
	bundle  atomic.Pointer[[]byte] // the script, with what it imports
	calls   chan call
	results chan result
	process *childprocess.Process
}

type call struct {
	Name string `json:"name"`
	Args []any  `json:"args"`
}

type result struct {
	Value json.RawMessage
	Error string
}

// newRemote serves calls, and what else a page needs, until the test ends.
func newRemote(t *testing.T, page http.Handler) *remote {
	t.Helper()
	r := &remote{t: t, calls: make(chan call), results: make(chan result)}
	over := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /call", func(w http.ResponseWriter, request *http.Request) {
		select {
		case c := <-r.calls:
			json.NewEncoder(w).Encode(c)
		case <-over:
			w.WriteHeader(http.StatusNoContent)
		case <-request.Context().Done():
		}
	})
	mux.HandleFunc("POST /result", func(w http.ResponseWriter, request *http.Request) {
		var got result
		if err := json.NewDecoder(request.Body).Decode(&got); err != nil {
			got.Error = err.Error()
		}
		select {
		case r.results <- got:
		case <-over:
		}
	})
	mux.Handle("GET /", page)
	server := httptest.NewServer(mux)
	r.origin = server.URL
	t.Cleanup(func() {
		close(over)
		if r.process != nil {
			// A browser has processes of its own, and files: it has to clear up.
			r.process.Signal(syscall.SIGTERM)
			select {
			case <-r.process.Done():
			case <-time.After(patience):
			}
			r.process.Kill()
		}
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

// startNode runs a client in Node.js.
func startNode(t *testing.T, script string) *remote {
	t.Helper()
	needModules(t)
	r := newRemote(t, http.NotFoundHandler())
	r.process = childprocess.Start(t, "node", filepath.Join("clients", script), r.origin)
	return r
}

// newPage serves a client that is to run in a page. Open it when the server is there
// that it asks.
func newPage(t *testing.T, html, script string) *remote {
	t.Helper()
	needModules(t)
	var r *remote
	r = newRemote(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		switch request.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, html, `<script type="module" src="/client.js"></script>`)
		case "/client.js":
			w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
			w.Write(*r.bundle.Load())
		default:
			http.NotFound(w, request)
		}
	}))
	r.script = filepath.Join("clients", script)
	return r
}

// open opens a page in a headless Chromium.
func (r *remote) open(query string) {
	r.t.Helper()
	bundle, err := exec.CommandContext(r.t.Context(), filepath.Join("node_modules", ".bin", "esbuild"),
		r.script, "--bundle", "--format=esm", "--log-level=warning").CombinedOutput()
	if err != nil {
		r.t.Fatalf("esbuild: %v\n%s", err, bundle)
	}
	r.bundle.Store(&bundle)
	r.process = childprocess.Start(r.t, findChromium(r.t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server",
		"--user-data-dir="+r.t.TempDir(), r.origin+"/"+query)
}

// call calls a function of the client, and decodes what it returns.
func (r *remote) call(to any, name string, args ...any) {
	r.t.Helper()
	if message := r.try(to, name, args...); message != "" {
		r.t.Fatalf("%s: %s", name, message)
	}
}

// try is call for a function that may fail. It returns the error's text.
func (r *remote) try(to any, name string, args ...any) (message string) {
	r.t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	var got result
	select {
	case r.calls <- call{name, args}:
	case <-r.process.Done():
		r.t.Fatalf("the client has ended before %s:\n%s", name, r.process.Output())
	case <-late.C:
		r.t.Fatalf("the client does not ask for %s:\n%s", name, r.process.Output())
	}
	select {
	case got = <-r.results:
	case <-r.process.Done():
		r.t.Fatalf("the client has ended in %s:\n%s", name, r.process.Output())
	case <-late.C:
		r.t.Fatalf("the client does not answer to %s:\n%s", name, r.process.Output())
	}
	if got.Error != "" {
		return got.Error
	}
	if to != nil {
		if err := json.Unmarshal(got.Value, to); err != nil {
			r.t.Fatalf("%s: %v in %s", name, err, got.Value)
		}
	}
	return ""
}

func needModules(t *testing.T) {
	t.Helper()
	for _, folder := range []string{".", example} {
		if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err != nil {
			t.Fatalf("packages of JavaScript are missing: run make test-deps (%v)", err)
		}
	}
}

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("Chromium is missing: run make test-deps")
	return ""
}
