// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package faultproxy is a TCP proxy that breaks connections as networks do. It is
// for tests: put it between a client and a real server.
//
//	proxy := faultproxy.New(t, server.Addr())
//	client := dial(proxy.Addr())
//	proxy.Stall(faultproxy.Both)
//	...
//	proxy.Heal()
//
// Faults add up until [Proxy.Heal] ends them all.
package faultproxy

import (
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// bindPatience is how long Heal tries to listen again: sockets of connections
// that ended may still hold the port.
const bindPatience = 10 * time.Second

// A Direction is a way that bytes go through a proxy.
type Direction int

// The directions.
const (
	ToServer Direction = 1 << iota // what clients send
	ToClient                       // what the server answers

	Both = ToServer | ToClient
)

// A Proxy passes bytes between clients and a server, and has faults. It is safe
// for concurrent use.
type Proxy struct {
	t               testing.TB
	network, target string
	address         string
	done            chan struct{} // closed by Close
	closeOnce       sync.Once
	goroutines      sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	faults   faults
	changed  chan struct{} // closed, and made anew, when the faults change
	links    map[*link]struct{}
}

// faults are what is wrong now.
type faults struct {
	stalled   Direction
	delay     time.Duration
	loseReply chan<- struct{} // to be closed when it is lost; nil if none is to be lost
}

// New starts a proxy to a server, "host:port" or the path of a unix socket, on a
// free port of the loopback interface. It ends with the test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	p := &Proxy{
		t:       t,
		network: "tcp",
		target:  target,
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		links:   make(map[*link]struct{}),
	}
	if filepath.IsAbs(target) {
		p.network = "unix"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("fault proxy: %v", err)
	}
	p.address = listener.Addr().String()
	p.accept(listener)
	t.Cleanup(p.Close)
	return p
}

// Addr returns the address for clients, "127.0.0.1:port". It never changes.
func (p *Proxy) Addr() string { return p.address }

// Connections returns the number of connections that clients have open, as far as
// the proxy knows.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Cut resets all connections, on both sides. New ones are taken.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.reset()
	}
}

// Refuse has new connections refused, as if nothing listened. Those that are open
// stay; to be rid of them too, Cut them after it.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// Stall stops the bytes that go in a direction, on open connections and on new
// ones. Connections stay, and what is held goes on after Heal.
func (p *Proxy) Stall(d Direction) { p.change(func(f *faults) { f.stalled |= d }) }

// Slow delays each piece of what goes either way, 32 KiB or what arrives at once.
func (p *Proxy) Slow(delay time.Duration) { p.change(func(f *faults) { f.delay = delay }) }

// HalfOpen closes the server's side of all connections, and the clients are not
// told: what they send is lost, and nothing comes back. New connections work.
// Heal resets those that are half open, as a server that is back does.
func (p *Proxy) HalfOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.halve()
	}
}

// LoseReply drops the next piece that the server answers, on whichever
// connection, and resets that connection: the request was done, and its client
// does not learn it. The channel is closed when that has happened.
func (p *Proxy) LoseReply() <-chan struct{} {
	lost := make(chan struct{})
	p.change(func(f *faults) { f.loseReply = lost })
	return lost
}

// Heal ends all faults: new connections are taken, and the open ones go on.
func (p *Proxy) Heal() {
	p.t.Helper()
	p.change(func(f *faults) { *f = faults{} })
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if l.half {
			l.reset()
		}
	}
	if p.listener != nil || p.isClosed() {
		return
	}
	for deadline := time.Now().Add(bindPatience); ; time.Sleep(time.Millisecond) {
		listener, err := net.Listen("tcp", p.address)
		if err == nil {
			p.accept(listener)
			return
		}
		if time.Now().After(deadline) {
			p.t.Errorf("fault proxy: %v", err)
			return
		}
	}
}

// Close resets all connections, and waits until nothing of the proxy is left. It
// is idempotent; the end of the test calls it.
func (p *Proxy) Close() {
	p.closeOnce.Do(func() { close(p.done) })
	p.Refuse()
	p.Cut()
	p.goroutines.Wait()
}

func (p *Proxy) isClosed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// change changes the faults, and tells those who wait.
func (p *Proxy) change(change func(*faults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.faults)
	close(p.changed)
	p.changed = make(chan struct{})
}

// accept takes connections until the listener is closed. The caller holds mu, or
// is New.
func (p *Proxy) accept(listener net.Listener) {
	p.listener = listener
	p.goroutines.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.goroutines.Go(func() { p.serve(client) })
		}
	})
}

// serve passes what one client and the server send.
func (p *Proxy) serve(client net.Conn) {
	server, err := net.DialTimeout(p.network, p.target, bindPatience)
	if err != nil {
		reset(client) // there is no server
		return
	}
	l := newLink(p, client, server)
	p.mu.Lock()
	p.links[l] = struct{}{}
	if p.listener == nil || p.isClosed() {
		l.reset() // it came before Refuse, and would otherwise slip past a Cut after that
	}
	p.mu.Unlock()
	l.run()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}
