// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const chunkSize = 32 << 10

// A link is a client's connection and the one to the server that belongs to it.
type link struct {
	p              *Proxy
	client, server net.Conn
	half           bool          // the server's side is closed; p.mu
	halved         chan struct{} // closed with it
	over           chan struct{} // closed when the link was reset
	overOnce       sync.Once
}

func newLink(p *Proxy, client, server net.Conn) *link {
	return &link{p: p, client: client, server: server, halved: make(chan struct{}), over: make(chan struct{})}
}

// reset ends both connections at once, without a goodbye.
func (l *link) reset() {
	l.overOnce.Do(func() { close(l.over) })
	reset(l.client)
	reset(l.server)
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// halve closes the server's side. The caller holds p.mu.
func (l *link) halve() {
	if !l.half {
		l.half = true
		close(l.halved)
		reset(l.server)
	}
}

func (l *link) isHalved() bool {
	select {
	case <-l.halved:
		return true
	default:
		return false
	}
}

// run passes bytes both ways until both ways have ended.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() { l.pass(ToServer, l.client, l.server) })
	both.Go(func() { l.pass(ToClient, l.server, l.client) })
	both.Wait()
	_ = l.client.Close()
	_ = l.server.Close()
}

// pass passes bytes one way. The end of what is sent is passed on as well.
func (l *link) pass(d Direction, from, to net.Conn) {
	buffer := make([]byte, chunkSize)
	for {
		n, err := from.Read(buffer)
		if l.isHalved() {
			if d == ToServer && err == nil {
				continue // nobody is there to take it
			}
			return
		}
		if !l.wait(d) {
			return
		}
		if n > 0 {
			if d == ToClient && l.lose() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil && !l.isHalved() {
				l.reset()
				return
			}
		}
		if err == nil {
			continue
		}
		if half, ok := to.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) {
			_ = half.CloseWrite()
			return
		}
		l.reset()
		return
	}
}

// lose reports whether a reply is to be lost here, and resets the link if so.
func (l *link) lose() bool {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	lost := l.p.faults.loseReply
	if lost == nil {
		return false
	}
	l.p.faults.loseReply = nil
	l.reset()
	close(lost)
	return true
}

// wait waits while bytes of a direction are to wait, and reports whether they are
// to go on.
func (l *link) wait(d Direction) bool {
	for delayed := false; ; {
		l.p.mu.Lock()
		f, changed := l.p.faults, l.p.changed
		l.p.mu.Unlock()
		var delay <-chan time.Time
		switch {
		case f.stalled&d != 0:
		case f.delay > 0 && !delayed:
			delay = time.After(f.delay)
		default:
			return true
		}
		select {
		case <-l.over:
			return false
		case <-l.halved:
			return d == ToServer // to go on reading what is lost
		case <-changed:
		case <-delay:
			delayed = true
		}
	}
}
