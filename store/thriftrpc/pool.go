// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/store"
)

// maxIdle is how long a connection may lie unused: what is between us and the
// service may have forgotten it after that.
const maxIdle = time.Minute

// A pool is a [thrift.TClient] for any number of callers: each call has a
// connection for itself. Connections are used last in, first out, so that those
// that are not needed grow old.
type pool struct {
	address string
	options

	slots  chan struct{} // one token for each call under way
	life   context.Context
	end    context.CancelFunc
	calls  sync.WaitGroup
	losses atomic.Uint64 // connections lost so far

	// foreignAt remembers that the service has only the six methods: it is one
	// more than losses was when it was asked. After a further loss it may be
	// another service, and is asked again.
	foreignAt atomic.Uint64

	mu     sync.Mutex
	closed bool
	open   map[*connection]struct{}
	idle   []*connection
}

func newPool(address string, o options) *pool {
	p := &pool{
		address: address,
		options: o,
		slots:   make(chan struct{}, o.maxConnections),
		open:    make(map[*connection]struct{}),
	}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// repeatable are the methods that change nothing.
var repeatable = map[string]bool{"Get": true, "List": true, "GetStored": true, "ListStored": true}

// Call implements [thrift.TClient]. The error is a
// [thrift.TApplicationException] if the service answered with one.
//
// A connection that the service closed while it was idle is noticed before it is
// used, save for a moment: then a read, or a call of which nothing was sent, is
// tried once more on a new one. A write that was sent is not: it may have been
// done.
func (p *pool) Call(ctx context.Context, method string, args, result thrift.TStruct) (thrift.ResponseMeta, error) {
	e := exchange{p: p, ctx: ctx, method: method, deadline: p.deadline(ctx)}
	return thrift.ResponseMeta{}, e.do(args, result)
}

// deadline returns when a call must end: when ctx does, if it says so.
func (p *pool) deadline(ctx context.Context) time.Time {
	if d, ok := ctx.Deadline(); ok {
		return d
	}
	return time.Now().Add(p.timeout)
}

// An exchange is one call, with what its errors need to tell.
type exchange struct {
	p        *pool
	ctx      context.Context
	method   string
	deadline time.Time
}

func (e *exchange) do(args, result thrift.TStruct) error {
	p := e.p
	if e.ctx.Err() != nil {
		return e.failed(nil, "")
	}
	if !p.begin() {
		return e.closed()
	}
	defer p.calls.Done()
	if err := e.acquire(); err != nil {
		return err
	}
	defer func() { <-p.slots }()

	c := p.take()
	pooled := c != nil
	if !pooled {
		var err error
		if c, err = e.dial(); err != nil {
			return err
		}
	}
	err := e.on(c, args, result)
	if err == nil || isApplicationException(err) {
		return err
	}
	diedIdle := pooled && !c.received && c.err != nil && !isTimeout(c.err) && e.ctx.Err() == nil
	if !diedIdle || c.sent && !repeatable[e.method] {
		return err
	}
	if c, err = e.dial(); err != nil {
		return err
	}
	return e.on(c, args, result)
}

// on makes the call on a connection, and keeps that if it can.
func (e *exchange) on(c *connection, args, result thrift.TStruct) error {
	losses := e.p.losses.Load()
	reusable, err := c.exchange(e.ctx, e.deadline, e.method, args, result)
	if isUnknownMethod(err) {
		e.p.setForeign(losses)
	}
	if reusable {
		e.p.keep(c)
		return err
	}
	e.p.drop(c, !errors.Is(e.ctx.Err(), context.Canceled))
	if err == nil || isApplicationException(err) {
		return err
	}
	return e.failed(err, hintFor(err))
}

func (p *pool) isForeign() bool { return p.foreignAt.Load() == p.losses.Load()+1 }

func (p *pool) setForeign(losses uint64) {
	if p.foreignAt.Swap(losses+1) == 0 {
		p.logger.Warn("flag service has only the six methods of the Python client: changes are not atomic, and cannot be watched",
			"address", p.address)
	}
}

// begin says that a call begins, unless the pool is closed. It ends with
// calls.Done.
func (p *pool) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.calls.Add(1)
	}
	return !p.closed
}

// acquire waits for the call's turn.
func (e *exchange) acquire() error {
	select {
	case e.p.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(time.Until(e.deadline))
	defer timer.Stop()
	select {
	case e.p.slots <- struct{}{}:
		return nil
	case <-e.ctx.Done():
	case <-e.p.life.Done():
	case <-timer.C:
	}
	return e.failed(context.DeadlineExceeded, hintBusy)
}

// take returns an idle connection that is alive, or nil.
func (p *pool) take() *connection {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[last]
		p.idle[last] = nil
		p.idle = p.idle[:last]
		p.mu.Unlock()
		if time.Since(c.idleSince) < maxIdle && c.alive() {
			return c
		}
		p.losses.Add(1)
		p.forget(c)
		c.conn.Close()
	}
}

// keep puts a connection back.
func (p *pool) keep(c *connection) {
	c.idleSince = time.Now()
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if closed {
		p.forget(c)
		c.conn.Close()
	}
}

// drop gives up a connection. If it was lost, the idle ones probably are too:
// nobody shall wait for them in vain.
func (p *pool) drop(c *connection, lost bool) {
	p.forget(c)
	c.cut()
	if !lost {
		return
	}
	p.losses.Add(1)
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	for _, c := range idle {
		delete(p.open, c)
	}
	p.mu.Unlock()
	for _, c := range idle {
		c.cut()
	}
}

func (p *pool) forget(c *connection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// dial opens a connection.
func (e *exchange) dial() (*connection, error) {
	p := e.p
	ctx, cancel := context.WithDeadline(e.ctx, e.deadline)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)()

	raw, err := p.options.dial(ctx, "tcp", p.address)
	if err != nil {
		return nil, e.failed(dialError(ctx, err), hintDial)
	}
	conn := raw
	if p.tls != nil {
		encrypted := tls.Client(raw, p.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, e.failed(dialError(ctx, err), hintTLS)
		}
		conn = encrypted
	}
	c := newConnection(conn, raw, &p.options)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.cut()
		return nil, e.closed()
	}
	p.open[c] = struct{}{}
	return c, nil
}

// dialError adds that the time was up, which not every dialer says.
func dialError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// close fails calls under way, closes all connections and waits.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	open := p.open
	p.open, p.idle = make(map[*connection]struct{}), nil
	p.mu.Unlock()
	p.end()
	for c := range open {
		c.cut()
	}
	p.calls.Wait()
}

func (p *pool) isClosed() bool { return p.life.Err() != nil }

// isTimeout reports whether our time was up. What the kernel calls a timeout, of a
// connection that died, is none.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// closed is the error of a call on a closed store.
func (e *exchange) closed() error { return e.wrap(store.ErrClosed, "") }
