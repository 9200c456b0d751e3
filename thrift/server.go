// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/limitedlog"
	"github.com/flipper-go/flipper/store"
)

// ErrServerClosed is what [Server.Serve] returns after [Server.Shutdown] or
// [Server.Close].
var ErrServerClosed = errors.New("thrift: server closed")

// The pauses after a connection could not be accepted.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

// A Server serves a [Service] on any number of listeners. It is safe for
// concurrent use.
type Server struct {
	service        *Service
	log            *limitedlog.Log
	observer       Observer // or nil
	tls            *tls.Config
	maxMessageSize int
	maxRefusedSize int
	maxElements    int
	maxConnections int
	idleTimeout    time.Duration
	readTimeout    time.Duration
	writeTimeout   time.Duration
	pending        pendingBytes
	configuration  *apache.TConfiguration

	ctx      context.Context // of all calls
	cancel   context.CancelFunc
	stopping chan struct{} // closed when the server begins to stop
	stopped  atomic.Bool   // set before, with the lock held
	running  sync.WaitGroup

	mu          sync.Mutex
	listeners   map[net.Listener]struct{}
	connections map[*connection]struct{}
	strangers   list.List   // the connections that never made a call, oldest first
	regulars    idleLongest // the others

	began time.Time
	held  *heldReplies // or nil
}

// NewServer makes a server of a service. It logs where the service does. Closing
// the server does not close the service.
func NewServer(service *Service, options ...ServerOption) *Server {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		service:        service,
		log:            service.log,
		maxMessageSize: defaultMaxMessageSize,
		maxRefusedSize: defaultMaxRefusedSize,
		maxElements:    defaultMaxElements,
		maxConnections: DefaultMaxConnections,
		readTimeout:    defaultReadTimeout,
		writeTimeout:   defaultWriteTimeout,
		ctx:            ctx,
		cancel:         cancel,
		stopping:       make(chan struct{}),
		listeners:      make(map[net.Listener]struct{}),
		connections:    make(map[*connection]struct{}),
		began:          time.Now(),
	}
	if p, ok := service.store.(store.Peeker); ok {
		s.held = newHeldReplies(p)
	}
	s.pending.limit = defaultMaxPending
	for _, option := range options {
		option(s)
	}
	s.maxRefusedSize = max(s.maxRefusedSize, s.maxMessageSize)
	strict := true
	s.configuration = &apache.TConfiguration{
		MaxMessageSize:     int32(s.maxRefusedSize),
		MaxFrameSize:       int32(s.maxRefusedSize),
		TBinaryStrictRead:  &strict,
		TBinaryStrictWrite: &strict,
	}
	return s
}

// Serve accepts connections until the server is stopped; then it returns
// [ErrServerClosed]. It closes the listener. A TLS listener works as well as
// [WithTLS]. When it returns because of [Server.Shutdown], calls may still be in
// flight: wait until Shutdown returns.
//
// When the process has no file descriptors left and the like, it waits a
// little, makes room, and goes on. Another failure to accept ends it with that
// error; calls in flight go on.
func (s *Server) Serve(l net.Listener) error {
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	if !s.addListener(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.removeListener(l)
	pause := acceptPauseMin
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = acceptPauseMin
			s.add(conn)
			continue
		}
		switch {
		case s.stopped.Load():
			return ErrServerClosed
		case !isTransient(err):
			return err
		}
		s.log.Warn("cannot accept connections at present", "error", err, "pause", pause)
		s.makeRoom()
		select {
		case <-s.stopping:
			return ErrServerClosed
		case <-time.After(pause):
		}
		pause = min(2*pause, acceptPauseMax)
	}
}

// isTransient reports whether accepting may succeed later.
func isTransient(err error) bool {
	for _, errno := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.ECONNRESET,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped.Load() {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) removeListener(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
	l.Close()
}

// Shutdown stops the server gracefully: it accepts no more connections, closes
// idle ones at once, answers long polls with UNAVAILABLE, and lets calls in
// flight finish and be answered. What is not done when ctx ends is cut, and
// Shutdown returns the context's error; [Server.Close] waits for that too. It is
// idempotent.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.cut()
		return context.Cause(ctx)
	}
}

// Close stops the server at once: it cuts calls in flight, and waits until they
// have ended. It is idempotent, and always returns nil.
func (s *Server) Close() error {
	s.stop()
	s.cut()
	s.running.Wait()
	return nil
}

// stop begins to stop: nothing new begins.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped.Swap(true) {
		close(s.stopping)
	}
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.connections {
		if c.become(stateIdle, stateEnding) {
			c.cut()
		}
	}
}

func (s *Server) cut() {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		c.cut()
	}
}

// add begins to serve a connection, if there is room for it.
func (s *Server) add(conn net.Conn) {
	if s.admit(conn) {
		return
	}
	rawConn(conn).Close()
	if s.observer != nil && !s.stopped.Load() {
		s.observer.ConnectionRefused()
	}
}

// admit is add, without what becomes of a connection that there is no room for.
func (s *Server) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped.Load():
		return false
	case len(s.connections) >= s.maxConnections && !s.evict():
		s.log.Warn("refused a connection: all are busy",
			"remote", conn.RemoteAddr().String(), "connections", len(s.connections))
		return false
	}
	c := newConnection(s, conn)
	s.connections[c] = struct{}{}
	c.place = s.strangers.PushBack(c)
	s.running.Go(c.serve)
	return true
}

func (s *Server) makeRoom() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evict()
}

// evict closes the connection that is idle longest, those that never made a call
// first. The caller holds the lock.
func (s *Server) evict() bool {
	c := s.claimStranger()
	if c == nil {
		c = s.regulars.next(s.connections)
	}
	if c == nil {
		return false
	}
	s.log.Warn("closed the connection idle longest, to make room for another",
		"remote", c.remote(), "connections", len(s.connections))
	s.forget(c)
	c.evicted = true
	c.cut()
	return true
}

func (s *Server) claimStranger() *connection {
	for e := s.strangers.Front(); e != nil; e = e.Next() {
		if c := e.Value.(*connection); c.end() {
			return c
		}
	}
	return nil
}

func (s *Server) forget(c *connection) {
	s.acquaint(c)
	delete(s.connections, c)
}

// acquaint says that a connection is no stranger any more. The caller holds the
// lock.
func (s *Server) acquaint(c *connection) {
	if c.place != nil {
		s.strangers.Remove(c.place)
		c.place = nil
	}
}

// remove forgets a connection that has ended.
func (s *Server) remove(c *connection) {
	s.mu.Lock()
	s.forget(c)
	evicted := c.evicted
	s.mu.Unlock()
	if evicted && s.observer != nil {
		s.observer.ConnectionEvicted()
	}
}

// beginCall says that a connection has a call, and so is not idle. It reports
// false if the connection was closed meanwhile.
func (s *Server) beginCall(c *connection) bool {
	if !c.known {
		s.mu.Lock()
		s.acquaint(c)
		s.mu.Unlock()
		c.known = true
	}
	return c.become(stateReceiving, stateAnswering) || c.state.Load() == stateAnswering
}
