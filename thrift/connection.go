// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bufio"
	"bytes"
	"container/list"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"
)

const (
	// readBufferSize is small, since an idle connection keeps its buffer, and
	// holds most requests.
	readBufferSize = 1 << 10

	// maxKeptReply is the largest reply whose buffer is used again.
	maxKeptReply = 64 << 10

	// maxWaitingReplies is how large replies to pipelined requests may be together
	// before they are sent.
	maxWaitingReplies = 16 << 10

	// maxLoggedName bounds what of a client's text is logged.
	maxLoggedName = 64
)

var replyBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// A connection serves one client, call after call, on one goroutine.
type connection struct {
	server  *Server
	conn    net.Conn
	raw     net.Conn
	reader  deadlineReader
	in      *bufio.Reader
	message *message
	ctx     context.Context // of its calls

	// waiting are replies that are sent with the next one, or nil.
	waiting *bytes.Buffer
	// writeDeadline is when the connection gives up writing.
	writeDeadline time.Time
	known         bool // whether it ever made a call

	activity

	// Guarded by the server.
	place   *list.Element // among the strangers, or nil
	evicted bool
}

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, raw: rawConn(conn)}
	c.reader.conn = conn
	c.in = bufio.NewReaderSize(&c.reader, readBufferSize)
	c.message = newMessage(s, c.in)
	return c
}

// rawConn returns the connection below TLS, which closes at once: TLS says goodbye
// first, and a hostile client can make that wait.
func rawConn(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

func (c *connection) remote() string { return c.conn.RemoteAddr().String() }

func (c *connection) cut() { c.raw.Close() }

func (c *connection) serve() {
	defer c.conn.Close()
	if o := c.server.observer; o != nil {
		o.ConnectionOpened()
		defer o.ConnectionClosed()
	}
	defer c.server.remove(c)
	defer c.recover()
	if !c.handshake() {
		return
	}
	c.ctx = c.callContext()
	for c.awaitRequest() && c.exchange() {
	}
}

// recover ends only this connection when something in it panics.
func (c *connection) recover() {
	if r := recover(); r != nil {
		c.logPanic("a connection panicked", r)
	}
}

func (c *connection) logPanic(message string, r any, attrs ...any) {
	c.server.log.Error(message, append(attrs, "remote", c.remote(), "panic", r, "stack", string(debug.Stack()))...)
}

func (c *connection) handshake() bool {
	t, ok := c.conn.(*tls.Conn)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(c.server.ctx, c.server.readTimeout)
	defer cancel()
	if err := t.HandshakeContext(ctx); err != nil {
		c.observeHandshakeFailure(err)
		if !isGone(err) {
			c.refuse("TLS handshake failed", err)
		}
		return false
	}
	return true
}

func (c *connection) observeHandshakeFailure(err error) {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) {
		return // the server's own doing
	}
	if o, ok := c.server.observer.(HandshakeObserver); ok {
		o.HandshakeFailed(err)
	}
}

// awaitRequest waits for the first byte of a request.
func (c *connection) awaitRequest() bool {
	if c.in.Buffered() > 0 && !c.server.stopped.Load() {
		return c.waiting == nil || c.waiting.Len() < maxWaitingReplies || c.sendWaiting()
	}
	if !c.sendWaiting() {
		return false
	}
	c.become(stateAnswering, stateIdle)
	// Whoever stops the server does so first, and then ends who is idle.
	if c.server.stopped.Load() {
		return false
	}
	c.reader.allow(c.server.idleTimeout)
	_, err := c.in.Peek(1)
	return c.become(stateIdle, stateReceiving) && err == nil
}

// exchange reads a request and answers it. It reports whether the connection can
// be used further.
func (c *connection) exchange() bool {
	if c.answerHeld() {
		return true
	}
	// What follows may wait, for the client or for the store.
	if !c.sendWaiting() {
		return false
	}
	c.become(stateAnswering, stateReceiving)
	c.reader.allow(c.server.readTimeout)
	ctx := context.Background() // reading has a deadline of its own
	protocol, err := c.message.begin()
	if err != nil {
		c.refuseRequest("", err)
		return false
	}
	defer c.message.release()
	name, kind, id, err := protocol.ReadMessageBegin(ctx)
	if err == nil && kind != apache.CALL && kind != apache.ONEWAY {
		err = errNotARequest
	}
	if err != nil {
		c.refuseRequest(name, err)
		return false
	}
	method, known := methods[name]
	call, err := c.readCall(ctx, protocol, method, known)
	if err != nil {
		c.refuseRequest(name, err)
		return false
	}
	if over := c.message.over; over != nil && known {
		c.server.log.Warn("answered a request with INVALID: "+over.Error(), "method", name, "remote", c.remote())
	}
	if !c.server.beginCall(c) {
		return false
	}
	result := c.answer(name, method, call)
	kind = apache.REPLY
	if _, failed := result.(exceptionStruct); failed {
		kind = apache.EXCEPTION
	}
	return c.reply(protocol, name, kind, id, result)
}

// readCall reads the rest of a request after its header. The call of a request over
// a limit only says so.
func (c *connection) readCall(ctx context.Context, protocol apache.TProtocol, method method, known bool) (call, error) {
	m := c.message
	m.header = false
	var read call
	var err error
	switch {
	case m.framed && m.over != nil:
		// The frame's length says where it ends.
	case known:
		read, err = method.read(ctx, protocol)
	default:
		err = protocol.Skip(ctx, apache.STRUCT)
	}
	if err == nil {
		err = m.end()
	}
	if over := m.over; over != nil && known {
		read = func(_ context.Context, s *Server) apache.TStruct { return method.failed(s.overLimit(over)) }
	}
	return read, err
}

// answerHeld answers a request for a flag that is in memory. It reports false, and
// has read nothing, if the request is anything else.
func (c *connection) answerHeld() bool {
	if c.server.held == nil || c.server.service.isClosed() {
		return false
	}
	arrived, _ := c.in.Peek(c.in.Buffered())
	request, ok := parseGetRequest(arrived)
	if !ok || request.size > c.server.maxMessageSize {
		return false
	}
	observer, begin := c.server.observer, time.Time{}
	if observer != nil {
		begin = time.Now()
	}
	body := c.heldBody(&request)
	if body == nil || !c.server.beginCall(c) {
		return false
	}
	if c.waiting == nil {
		c.waiting = replyBuffers.Get().(*bytes.Buffer)
	}
	c.waiting.Write(request.appendReply(c.waiting.AvailableBuffer(), body))
	_, _ = c.in.Discard(request.size) // it was peeked
	if observer != nil {
		observer.CallEnded(request.method.name, OutcomeOK, time.Since(begin))
	}
	return true
}

// heldBody returns the reply to a request, or nil if only a call can tell. If it
// panics, a call may too, and answers that.
func (c *connection) heldBody(r *getRequest) (body []byte) {
	defer func() {
		if p := recover(); p != nil {
			c.logPanic("a call panicked", p, "method", r.method.name)
		}
	}()
	return c.server.held.body(r.method, r.name)
}

// answer returns the reply to a request, and tells the observer. call is nil if
// there is no such method.
func (c *connection) answer(name string, method method, call call) apache.TStruct {
	observer := c.server.observer
	switch {
	case observer == nil:
		return c.run(name, method, call)
	case method.waits:
		observer.WatchStarted()
		result := c.run(name, method, call)
		observer.WatchEnded(outcomeOf(result))
		return result
	}
	begin := time.Now()
	result := c.run(name, method, call)
	observer.CallEnded(observedMethod(name), outcomeOf(result), time.Since(begin))
	return result
}

// exceptionStruct is a failure that the service does not declare.
type exceptionStruct struct{ apache.TApplicationException }

// run makes a call. A panic in it is answered as any internal failure is.
func (c *connection) run(name string, m method, call call) (result apache.TStruct) {
	if call == nil {
		return exceptionStruct{apache.NewTApplicationException(apache.UNKNOWN_METHOD, "Unknown function "+name)}
	}
	defer func() {
		if r := recover(); r != nil {
			c.logPanic("a call panicked", r, "method", name)
			result = exceptionStruct{apache.NewTApplicationException(apache.INTERNAL_ERROR, "Internal error")}
		}
	}()
	ctx := c.ctx
	if m.waits {
		// A client that goes away must not leave its call behind.
		callCtx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer c.cancelWhenGone(cancel)()
		ctx = callCtx
	}
	return call(ctx, c.server)
}

// cancelWhenGone calls cancel when the client closes the connection. The function
// that it returns ends that, and waits.
func (c *connection) cancelWhenGone(cancel func()) (end func()) {
	c.reader.leave()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := c.in.Peek(1); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			cancel()
		}
	}()
	return func() {
		c.conn.SetReadDeadline(time.Unix(1, 0)) // ends the Peek
		<-done
		c.conn.SetReadDeadline(time.Time{})
	}
}

// reply sends a reply in one piece, in the form in which the request came.
func (c *connection) reply(protocol apache.TProtocol, name string, kind apache.TMessageType, id int32, result apache.TStruct) bool {
	out := replyBuffers.Get().(*bytes.Buffer)
	defer keepBuffer(out)
	c.message.out = out
	defer func() { c.message.out = nil }()
	if c.message.framed {
		out.Write(make([]byte, 4))
	}
	ctx := context.Background()
	if err := errors.Join(
		protocol.WriteMessageBegin(ctx, name, kind, id),
		result.Write(ctx, protocol),
		protocol.WriteMessageEnd(ctx),
	); err != nil {
		c.refuse("reply cannot be written", err, "method", clip(name))
		return false
	}
	if c.message.framed {
		binary.BigEndian.PutUint32(out.Bytes(), uint32(out.Len()-4))
	}
	if over := out.Len() - freeReplySize; over > 0 {
		if !c.server.pending.take(over) {
			c.refuse(errPending.Error(), errPending, "method", clip(name), "reply_bytes", out.Len())
			return false
		}
		defer c.server.pending.give(over)
	}
	if err := c.write(out.Bytes()); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.refuse(tooSlowToReceive, err, "method", clip(name), "reply_bytes", out.Len())
		}
		return false
	}
	return true
}

const tooSlowToReceive = "client is too slow to receive a reply"

// sendWaiting sends the replies that wait to be sent.
func (c *connection) sendWaiting() bool {
	out := c.waiting
	if out == nil {
		return true
	}
	c.waiting = nil
	defer keepBuffer(out)
	err := c.write(out.Bytes())
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.refuse(tooSlowToReceive, err, "reply_bytes", out.Len())
	}
	return err == nil
}

func keepBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxKeptReply {
		b.Reset()
		replyBuffers.Put(b)
	}
}

// write sends replies. To set a deadline costs more than to tell the time, so it is
// set for a while, and each write has the timeout at least.
func (c *connection) write(p []byte) error {
	now, timeout := time.Now(), c.server.writeTimeout
	c.lastReply.Store(int64(now.Sub(c.server.began)))
	if c.writeDeadline.Sub(now) < timeout {
		c.writeDeadline = now.Add(timeout + timeout/4)
		c.conn.SetWriteDeadline(c.writeDeadline)
	}
	_, err := c.conn.Write(p)
	return err
}

// refuseRequest logs why a request is not answered, unless its client is just
// gone.
func (c *connection) refuseRequest(method string, err error) {
	if c.message.err != nil {
		err = c.message.err // the first cause
	}
	reason := "message is malformed"
	switch {
	case isGone(err):
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		reason = "client is too slow to send a message"
	default:
		for _, known := range []error{errNotThrift, errMessageSize, errPending, errFrameEnds, errNotARequest, errUnterminated} {
			if errors.Is(err, known) {
				reason = known.Error()
			}
		}
	}
	c.refuse(reason, err, "method", clip(method))
	if o := c.server.observer; o != nil {
		o.CallEnded(observedMethod(method), OutcomeBadMessage, 0)
	}
}

func (c *connection) refuse(reason string, err error, attrs ...any) {
	c.server.log.Warn("closed a connection: "+reason, append(attrs, "remote", c.remote(), "error", err)...)
}

// isGone reports whether a connection just ended, at either side.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, context.Canceled)
}

// clip bounds what is logged of a client's text.
func clip(text string) string {
	return text[:min(len(text), maxLoggedName)]
}
