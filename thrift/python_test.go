// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift_test

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/internal/pythontest"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/thrift"
)

// Python's client connects once, and goes on after a message over the limits.
func TestPythonLargeMessages(t *testing.T) {
	service := thrift.NewService(memory.New(), thrift.WithLogger(slog.New(slog.DiscardHandler)))
	server := thrift.NewServer(service)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	output, err := pythontest.Command(t, pythontest.Description(), "testdata/large_messages.py", port).CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) != "ok" {
		t.Errorf("%v\n%s", err, output)
	}
	server.Close()
	service.Close()
	if err := <-served; !errors.Is(err, thrift.ErrServerClosed) {
		t.Error(err)
	}
}
