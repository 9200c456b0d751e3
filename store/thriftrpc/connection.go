// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// maxContainerSize bounds what a few bytes of a hostile reply can make us
// allocate: a list or map is made in the size that it claims to have.
const maxContainerSize = 1 << 17

// A connection is for one exchange at a time.
type connection struct {
	transport
	raw       net.Conn // conn without encryption
	peeker    *peeker  // of raw
	protocol  thrift.TProtocol
	idleSince time.Time
}

func newConnection(conn, raw net.Conn, o *options) *connection {
	c := &connection{
		transport: transport{conn: conn, in: bufio.NewReader(conn), framed: o.framed, max: o.maxMessageSize},
		raw:       raw,
		peeker:    newPeeker(raw),
	}
	config := &thrift.TConfiguration{
		MaxMessageSize:   int32(o.maxMessageSize),
		MaxFrameSize:     int32(o.maxMessageSize),
		MaxContainerSize: maxContainerSize,
	}
	if o.compact {
		c.protocol = thrift.NewTCompactProtocolConf(&c.transport, config)
	} else {
		c.protocol = thrift.NewTBinaryProtocolConf(&c.transport, config)
	}
	return c
}

// exchange makes one call. It ends at the deadline, or at once when ctx does.
// reusable says whether the connection can serve another one.
func (c *connection) exchange(ctx context.Context, deadline time.Time, method string, args, result thrift.TStruct) (reusable bool, err error) {
	c.beginRequest()
	if err := c.conn.SetDeadline(deadline); err != nil {
		c.err = err
		return false, err
	}
	if ctx.Done() == nil {
		err = c.call(method, args, result)
		return c.isAnswer(err), err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	err = c.call(method, args, result)
	if err != nil && c.isHTTP() {
		err = fmt.Errorf("%w: %w", errHTTP, err)
	}
	return stop() && c.isAnswer(err), err
}

// isAnswer reports whether the outcome of a call is what the service said, and
// the connection is where the next call can begin.
func (c *connection) isAnswer(err error) bool {
	return (err == nil || isApplicationException(err)) && c.inStep()
}

func isApplicationException(err error) bool {
	_, ok := errors.AsType[thrift.TApplicationException](err)
	return ok
}

// call sends and receives. It is Thrift's standard client, but that it does not
// look at the sequence number and method name of the reply, as the Python client
// does not: there are services that do not repeat them. That is safe because a
// connection is given up after anything but a whole reply.
func (c *connection) call(method string, args, result thrift.TStruct) error {
	// The protocols poll a context that has a deadline; the connection has one.
	ctx := context.Background()
	p := c.protocol
	if err := p.WriteMessageBegin(ctx, method, thrift.CALL, 0); err != nil {
		return err
	}
	if err := args.Write(ctx, p); err != nil {
		return err
	}
	if err := p.WriteMessageEnd(ctx); err != nil {
		return err
	}
	if err := p.Flush(ctx); err != nil {
		return err
	}
	if err := c.beginReply(); err != nil {
		return err
	}
	_, kind, _, err := p.ReadMessageBegin(ctx)
	if err != nil {
		return err
	}
	switch kind {
	case thrift.REPLY:
		if err := result.Read(ctx, p); err != nil {
			return err
		}
		return p.ReadMessageEnd(ctx)
	case thrift.EXCEPTION:
		exception := thrift.NewTApplicationException(thrift.UNKNOWN_APPLICATION_EXCEPTION, "")
		if err := exception.Read(ctx, p); err != nil {
			return err
		}
		if err := p.ReadMessageEnd(ctx); err != nil {
			return err
		}
		return exception
	}
	return fmt.Errorf("a message of type %d in place of a reply", kind)
}

// alive reports whether a connection that was idle can be used: the service has
// neither closed it nor sent what nobody asked for.
func (c *connection) alive() bool { return c.peeker.isQuiet() }

// cut closes the connection without a word to the other side, which may hang.
func (c *connection) cut() { c.raw.Close() }
