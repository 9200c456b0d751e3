// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package redistest starts real Redis servers for tests: one, a cluster, or a
// master and replica that a Sentinel watches. They end with the test, even when
// the test process dies.
//
//	server := redistest.Start(t)
//	client := server.Client(t)
//
// A test fails if there is no redis-server in the PATH.
package redistest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/childprocess"
)

const (
	program  = "redis-server"
	patience = 20 * time.Second // for what has to happen soon
	attempts = 5                // at a port that is still free when the server begins
)

// A Server is a redis-server. Its methods are to be called by one goroutine at a
// time.
type Server struct {
	t       testing.TB
	network string // "unix" or "tcp"
	address string
	dir     string
	args    []string
	process *childprocess.Process
}

// Start starts a server on a unix socket, which needs no port. It keeps its data
// in an append-only file. args are further options of redis-server, such as
// "--maxmemory", "1mb".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t, args)
	s.network, s.address = "unix", filepath.Join(s.dir, "socket")
	s.args = append(s.args, "--port", "0", "--unixsocket", s.address)
	if !s.run() {
		t.Fatalf("%s does not come up:\n%s", program, s.process.Output())
	}
	return s
}

// StartTCP starts a server as [Start] does, on a free port of the loopback
// interface.
func StartTCP(t testing.TB, args ...string) *Server {
	t.Helper()
	for attempt := 1; ; attempt++ {
		s := newServer(t, args)
		s.network = "tcp"
		s.address = freeAddresses(t, 1)[0]
		s.args = append(s.args, "--port", port(s.address), "--bind", "127.0.0.1")
		if s.run() {
			return s
		}
		if attempt == attempts {
			t.Fatalf("%s does not come up:\n%s", program, s.process.Output())
		}
	}
}

func newServer(t testing.TB, args []string) *Server {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("the tests need %s: run make test-deps", program)
	}
	// The path of a unix socket is limited to some 100 bytes, which
	// testing.T.TempDir exceeds.
	dir, err := os.MkdirTemp("/tmp", "redis") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return &Server{t: t, dir: dir, args: slices.Concat([]string{
		"--dir", dir, "--save", "", "--appendonly", "yes", "--enable-debug-command", "yes",
	}, args)}
}

// run starts the process and waits until it answers. It reports false if the
// process ends instead.
func (s *Server) run() bool {
	s.t.Helper()
	s.process = childprocess.Start(s.t, program, s.args...)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := s.answers(ctx)
		if err == nil {
			return true
		}
		select {
		case <-s.process.Done():
			return false
		case <-ctx.Done():
			s.t.Fatalf("%s does not answer: %v\n%s", program, err, s.process.Output())
		case <-time.After(time.Millisecond):
		}
	}
}

// answers says why the server does not serve yet.
func (s *Server) answers(ctx context.Context) error {
	conn, err := net.DialTimeout(s.network, s.address, time.Second)
	if err != nil {
		return err
	}
	_ = conn.Close()
	if _, err = s.ask(ctx, "ping"); err != nil && !strings.HasPrefix(err.Error(), "NOAUTH") {
		return err
	}
	return nil
}

// options are for our own questions: they do not outlast a server that hangs.
func (s *Server) options() *redis.Options {
	return &redis.Options{
		Network: s.network, Addr: s.address,
		MaxRetries: -1, DialerRetries: 1, PoolSize: 2, ReadTimeout: 2 * time.Second,
		ContextTimeoutEnabled: true, DisableIdentity: true,
	}
}

// Addr returns the path of the server's unix socket, or its host and port.
func (s *Server) Addr() string { return s.address }

// Network returns "unix" or "tcp".
func (s *Server) Network() string { return s.network }

// Client returns a client of the server, which is closed with the test. It has the
// client's defaults, but for what change changes.
func (s *Server) Client(t testing.TB, change ...func(*redis.Options)) *redis.Client {
	t.Helper()
	o := &redis.Options{Network: s.network, Addr: s.address}
	for _, c := range change {
		c(o)
	}
	client := redis.NewClient(o)
	closeWithTest(t, client)
	return client
}

func closeWithTest(t testing.TB, client redis.UniversalClient) {
	t.Cleanup(func() { _ = client.Close() }) // a test may have closed it
}

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.process.Kill() }

// Restart starts the server again, after [Server.Kill] or instead of it, at the
// same address and with its data.
func (s *Server) Restart() {
	s.t.Helper()
	s.process.Kill()
	if !s.run() {
		s.t.Fatalf("%s does not come up again:\n%s", program, s.process.Output())
	}
}

// RestartEmpty starts the server again without its data.
func (s *Server) RestartEmpty() {
	s.t.Helper()
	s.process.Kill()
	if err := os.RemoveAll(filepath.Join(s.dir, "appendonlydir")); err != nil {
		s.t.Fatal(err)
	}
	s.Restart()
}

// Stop makes the server hang: connections stay open and can be made, and nothing
// is answered.
func (s *Server) Stop() { s.process.Stop() }

// Continue ends what [Server.Stop] has begun.
func (s *Server) Continue() { s.process.Continue() }

// freeAddresses returns addresses of the loopback interface that nobody listens on.
func freeAddresses(t testing.TB, n int) []string {
	t.Helper()
	var addresses []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() // held until there are all
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// await waits until check returns no error.
func await(t testing.TB, what string, check func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not after %v: %s: %v", patience, what, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
