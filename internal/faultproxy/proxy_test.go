// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package faultproxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what has to happen.
const patience = 20 * time.Second

// serve starts a server that answers each line with itself.
func serve(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				lines := bufio.NewReader(conn)
				for {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					if _, err := io.WriteString(conn, line); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return listener.Addr().String()
}

func newProxy(t *testing.T) *faultproxy.Proxy {
	return faultproxy.New(t, serve(t, "tcp", "127.0.0.1:0"))
}

// A client asks over one connection.
type client struct {
	t    *testing.T
	conn net.Conn
}

func dial(t *testing.T, p *faultproxy.Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn}
}

func (c *client) send(line string) error {
	_, err := io.WriteString(c.conn, line+"\n")
	return err
}

// receive reads a line, for as long as it may take.
func (c *client) receive(within time.Duration) (string, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	buffer := make([]byte, 100)
	n, err := c.conn.Read(buffer)
	return strings.TrimSpace(string(buffer[:n])), err
}

func (c *client) ask(line string) error {
	if err := c.send(line); err != nil {
		return err
	}
	got, err := c.receive(patience)
	if err == nil && got != line {
		c.t.Errorf("the answer is %q, want %q", got, line)
	}
	return err
}

func (c *client) works(when string) {
	c.t.Helper()
	if err := c.ask(when); err != nil {
		c.t.Errorf("%s: %v", when, err)
	}
}

// silent checks that nothing comes for a moment.
func (c *client) silent(when string) {
	c.t.Helper()
	if got, err := c.receive(50 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("%s: receives %q, %v", when, got, err)
	}
}

// broken checks that the connection is gone.
func (c *client) broken(when string) {
	c.t.Helper()
	if got, err := c.receive(patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Errorf("%s: receives %q, %v", when, got, err)
	}
}

func TestPass(t *testing.T) {
	p := newProxy(t)
	c := dial(t, p)
	c.works("tcp")
	if n := p.Connections(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if err := c.send("last words"); err != nil {
		t.Fatal(err)
	}
	_ = c.conn.(*net.TCPConn).CloseWrite()
	if got, err := c.receive(patience); got != "last words" || err != nil {
		t.Errorf("after the client's end: %q, %v", got, err)
	}
	if _, err := c.receive(patience); err != io.EOF {
		t.Errorf("after the server's end: %v", err)
	}
}

func TestUnix(t *testing.T) {
	dir, err := os.MkdirTemp("", "proxy") //nolint:usetesting // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	dial(t, faultproxy.New(t, serve(t, "unix", filepath.Join(dir, "s")))).works("unix")
}

func TestNoServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	conn, err := net.Dial("tcp", faultproxy.New(t, listener.Addr().String()).Addr())
	if err != nil {
		return // reset so soon that it was never there
	}
	defer conn.Close()
	(&client{t, conn}).broken("no server")
}

func TestCut(t *testing.T) {
	p := newProxy(t)
	first, second := dial(t, p), dial(t, p)
	first.works("before")
	second.works("before")
	p.Cut()
	first.broken("cut")
	second.broken("cut")
	dial(t, p).works("after a cut")
}

func TestRefuse(t *testing.T) {
	p := newProxy(t)
	c := dial(t, p)
	c.works("before")
	p.Refuse()
	p.Refuse()
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		_ = conn.Close()
		t.Error("a connection is taken")
	}
	c.works("old connection")
	p.Heal()
	p.Heal()
	dial(t, p).works("healed")
	c.works("old connection, healed")
}

func TestStall(t *testing.T) {
	for name, d := range map[string]faultproxy.Direction{
		"ToServer": faultproxy.ToServer, "ToClient": faultproxy.ToClient, "Both": faultproxy.Both,
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t)
			old := dial(t, p)
			old.works("before")
			p.Stall(d)
			fresh := dial(t, p)
			for _, c := range []*client{old, fresh} {
				if err := c.send("held"); err != nil {
					t.Error(err)
				}
			}
			for _, c := range []*client{old, fresh} {
				c.silent("stalled")
			}
			p.Heal()
			for _, c := range []*client{old, fresh} {
				if got, err := c.receive(patience); got != "held" || err != nil {
					t.Errorf("healed: %q, %v", got, err)
				}
				c.works("healed")
			}
		})
	}
}

func TestSlow(t *testing.T) {
	p := newProxy(t)
	c := dial(t, p)
	const delay = 20 * time.Millisecond
	p.Slow(delay)
	start := time.Now()
	c.works("slow")
	if d := time.Since(start); d < 2*delay {
		t.Errorf("it took %v, want %v at least", d, 2*delay)
	}
	p.Heal()
	c.works("healed")
}

func TestHalfOpen(t *testing.T) {
	p := newProxy(t)
	c := dial(t, p)
	c.works("before")
	p.HalfOpen()
	p.HalfOpen()
	for range 3 {
		if err := c.send("lost"); err != nil {
			t.Error(err)
		}
		c.silent("half open")
	}
	dial(t, p).works("new connection")
	p.Heal()
	c.broken("healed")
}

func TestLoseReply(t *testing.T) {
	p := newProxy(t)
	c := dial(t, p)
	c.works("before")
	lost := p.LoseReply()
	select {
	case <-lost:
		t.Error("something was lost already")
	default:
	}
	if err := c.ask("lost"); err == nil {
		t.Error("the reply came")
	}
	select {
	case <-lost:
	case <-time.After(patience):
		t.Error("nobody says that it was lost")
	}
	dial(t, p).works("only once")

	p.LoseReply()
	p.Heal()
	dial(t, p).works("healed")
}

// TestClose ends a proxy with all faults at once.
func TestClose(t *testing.T) {
	p := newProxy(t)
	c := dial(t, p)
	c.works("before")
	half := dial(t, p)
	half.works("before")
	p.HalfOpen()
	stalled := dial(t, p)
	p.Stall(faultproxy.Both)
	p.Slow(time.Hour)
	_ = stalled.send("held")
	p.Refuse()
	p.Close()
	p.Close()
	for _, c := range []*client{c, half, stalled} {
		c.broken("closed")
	}
	p.Heal()
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		_ = conn.Close()
		t.Error("a closed proxy takes a connection")
	}
}
