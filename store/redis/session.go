// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/redis/go-redis/v9/push"
)

// invalidations is what the server calls its announcements of changed keys: with
// RESP3 the kind of a push message, with RESP2 part of a channel's name.
const (
	invalidations       = "invalidate"
	invalidationChannel = "__redis__:invalidate"
)

// failoverAddress is the address that a client of a Sentinel's has in its options.
const failoverAddress = "FailoverClient"

// guardFailures is how often in a row the question who the master is may fail.
const guardFailures = 3

var (
	errNoRESP3     = errors.New("the server does not speak RESP3")
	errSessionOver = errors.New("the connection was lost")
	errUnexpected  = errors.New("the server sent something unexpected")
	errOtherMaster = errors.New("another server has become the master")
)

// session is one connection on which a node announces changes: from when it is
// made until anything about it is odd. Then everything that was announced before
// is in pending, and the error says why it ended.
//
// The connection is one for Pub/Sub of a client of its own, made from a copy of
// the node's options. That client would connect anew by itself, silently, and
// miss what happened in between: OnConnect forbids it. With RESP2 it is the
// connection that tracks and the one that is told at once: of two connections,
// one can die without the other noticing.
func (t *tracker) session(ctx context.Context, n *node, protocol int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel(nil)

	var server identity
	client := redis.NewClient(t.sessionOptions(ctx, n, protocol, &server))
	defer client.Close()
	if protocol != 2 {
		if err := client.RegisterPushNotificationHandler(invalidations, pushHandler{t}, false); err != nil {
			return err
		}
	}
	connection := client.Subscribe(ctx)
	defer connection.Close()

	receive := func() (any, error) {
		message, err := connection.ReceiveTimeout(ctx, silence)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
		return message, err
	}
	var err error
	if protocol == 2 {
		err = connection.Subscribe(ctx, invalidationChannel)
	} else {
		err = connection.Ping(ctx)
	}
	if err != nil {
		return err
	}
	switch message, err := receive(); {
	case err != nil:
		return refused(err, server.version)
	default:
		_, pong := message.(*redis.Pong)
		if _, subscribed := message.(*redis.Subscription); !pong && !subscribed {
			return fmt.Errorf("%w: %T", errUnexpected, message)
		}
	}
	t.isUp(n)

	running.Go(func() { cancel(t.ping(ctx, connection)) })
	if server.runID != "" && t.s.single != nil {
		running.Go(func() { cancel(t.guard(ctx, server.runID)) })
	}
	for {
		message, err := receive()
		switch {
		case isFlush(err):
			t.changed(nil)
		case err != nil:
			return err
		default:
			switch message := message.(type) {
			case *redis.Pong:
			case *redis.Message:
				t.changed(message.PayloadSlice)
			default: // such as a second subscription: it has connected anew
				return fmt.Errorf("%w: %T", errUnexpected, message)
			}
		}
	}
}

// isFlush recognises how the client reports, over RESP2, that all keys changed:
// it does not understand the message. The connection is still good. If the
// client's words change, the session ends instead, which comes to the same.
func isFlush(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unsupported pubsub message payload: <nil>")
}

// identity is what a server says it is. Both are empty if it does not say.
type identity struct{ runID, version string }

// sessionOptions makes the options of a session's client.
func (t *tracker) sessionOptions(ctx context.Context, n *node, protocol int, server *identity) *redis.Options {
	o := *n.master.Options()
	o.Protocol = protocol
	o.PoolSize, o.MinIdleConns, o.MaxIdleConns, o.MaxActiveConns, o.PipelinePoolSize = 1, 0, 0, 0, -1
	o.MaxRetries, o.DialerRetries = -1, 1
	o.ReadTimeout, o.WriteTimeout, o.ContextTimeoutEnabled = silence, silence, true
	o.Limiter = nil
	o.ClientSideCache, o.ClientSideCacheConfig, o.PushNotificationProcessor = nil, nil, nil
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}

	// When ctx ends, so does whatever waits for the connection.
	dial := o.Dialer
	o.Dialer = func(dialCtx context.Context, network, address string) (net.Conn, error) {
		dialCtx, cancel := context.WithTimeout(dialCtx, silence)
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		connection, err := dial(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		unlink := context.AfterFunc(ctx, func() { _ = connection.Close() })
		return linkedConn{connection, unlink}, nil
	}

	var connected atomic.Bool
	theirs := o.OnConnect
	o.OnConnect = func(ctx context.Context, connection *redis.Conn) error {
		if connected.Swap(true) {
			return errSessionOver
		}
		if theirs != nil {
			if err := theirs(ctx, connection); err != nil {
				return err
			}
		}
		return t.arm(ctx, connection, n, protocol, server)
	}
	return &o
}

// linkedConn is a connection that a context closes; without the connection, the
// context needs to remember it no longer.
type linkedConn struct {
	net.Conn
	unlink func() bool
}

func (c linkedConn) Close() error {
	c.unlink()
	return c.Conn.Close()
}

// arm has the server announce changes on a connection.
func (t *tracker) arm(ctx context.Context, connection *redis.Conn, n *node, protocol int, server *identity) error {
	if protocol != 2 {
		// The client goes on with RESP2 if the server refuses RESP3, without a
		// word. With RESP2, HELLO answers with a list.
		hello, err := connection.Do(ctx, "hello").Result()
		if _, isMap := hello.(map[any]any); !isMap {
			if err != nil && !isReply(err) {
				return err
			}
			return errNoRESP3
		}
	}
	var err error
	if *server, err = identify(connection.Info(ctx, "server")); err != nil {
		return err
	}
	if server.runID == "" && n.master.Options().Addr == failoverAddress {
		return &refusal{errors.New("the user may not use INFO, without which a failover would go unnoticed"), server.version}
	}
	tracking := &redis.ClientTrackingOptions{Bcast: true, Prefixes: []string{t.s.prefix}}
	if protocol == 2 {
		if tracking.Redirect, err = connection.ClientID(ctx).Result(); err != nil {
			return refused(err, server.version)
		}
	}
	return refused(connection.ClientTrackingOn(ctx, tracking).Err(), server.version)
}

// refused makes a refusal of an error that the server answers for good.
func refused(err error, version string) error {
	if isRefusal(err) {
		return &refusal{err, version}
	}
	return err
}

// isReply reports whether an error is what a server has answered.
func isReply(err error) bool {
	_, ok := errors.AsType[redis.Error](err)
	return ok
}

// isRefusal reports whether a server does not have a command, or not for us.
// Answers that may be others later, such as LOADING, are none.
func isRefusal(err error) bool {
	return redis.HasErrorPrefix(err, "NOPERM") || isReply(err) && strings.HasPrefix(err.Error(), "ERR ")
}

// identify reads the answer to INFO. That a user may not ask is no error.
func identify(info *redis.StringCmd) (identity, error) {
	text, err := info.Result()
	if err != nil && !isRefusal(err) {
		return identity{}, err
	}
	var id identity
	for line := range strings.Lines(text) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), ":"); key {
		case "run_id":
			id.runID = value
		case "redis_version":
			id.version = value
		}
	}
	return id, nil
}

// ping has the server answer at intervals, so that one that hangs is noticed.
func (t *tracker) ping(ctx context.Context, connection *redis.PubSub) error {
	for {
		wait(ctx, checkInterval)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := connection.Ping(ctx); err != nil {
			return err
		}
	}
}

// guard asks, as readers do, which server is the master. After a failover by a
// Sentinel, or one that gives an address to another server, the old master may
// stay, alone, and keep the session's connection.
func (t *tracker) guard(ctx context.Context, runID string) error {
	for failures := 0; ; {
		wait(ctx, checkInterval)
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := t.identifyMaster(ctx)
		switch {
		case err == nil && id.runID != runID:
			return errOtherMaster
		case err == nil:
			failures = 0
		case failures+1 == guardFailures || errors.Is(err, redis.ErrClosed):
			return err
		default:
			failures++
		}
	}
}

func (t *tracker) identifyMaster(ctx context.Context) (identity, error) {
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return ask(ctx, t.s, func(ctx context.Context) (identity, error) {
		return identify(t.s.single.Info(ctx, "server"))
	})
}

// pushHandler takes announcements over RESP3: it is called by the goroutine that
// receives.
type pushHandler struct{ t *tracker }

// HandlePushNotification is what the client calls.
func (h pushHandler) HandlePushNotification(_ context.Context, _ push.NotificationHandlerContext, message []any) error {
	if len(message) < 2 {
		return nil
	}
	list, _ := message[1].([]any)
	var keys []string // nil: all
	for _, key := range list {
		if key, ok := key.(string); ok {
			keys = append(keys, key)
		}
	}
	h.t.changed(keys)
	return nil
}
