// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// notifySocketVariable names the socket on which systemd waits for word from a
// service of Type=notify; see sd_notify(3).
const notifySocketVariable = "NOTIFY_SOCKET"

// notifyTimeout bounds how long word to systemd may take.
const notifyTimeout = 2 * time.Second

// A supervisor is told when the server is up, and when it stops.
type supervisor struct {
	socket string // empty if there is none to tell
	logger *slog.Logger
}

func newSupervisor(socket string, logger *slog.Logger) *supervisor {
	return &supervisor{socket: socket, logger: logger}
}

// ready says that the server listens. It does not wait for the store: a server
// that cannot reach its store yet is to be waited for, not to be killed.
func (s *supervisor) ready() { s.tell("READY=1\nSTATUS=Serving flags\n") }

func (s *supervisor) stopping() { s.tell("STOPPING=1\nSTATUS=Finishing the calls in flight\n") }

// tell sends one datagram. That it does not arrive is no reason not to serve.
func (s *supervisor) tell(state string) {
	if s.socket == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), notifyTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unixgram", s.socket)
	if err == nil {
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(notifyTimeout))
		_, err = conn.Write([]byte(state))
	}
	if err != nil {
		s.logger.Warn("the supervisor could not be told", slog.String("socket", s.socket), slog.Any("error", err))
	}
}
