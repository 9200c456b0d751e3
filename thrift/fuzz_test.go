// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// A fuzzConn is a connection on which a client sends some bytes and ends.
type fuzzConn struct{ in *bytes.Reader }

func (c fuzzConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c fuzzConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c fuzzConn) Close() error                     { return nil }
func (c fuzzConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c fuzzConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c fuzzConn) SetDeadline(time.Time) error      { return nil }
func (c fuzzConn) SetReadDeadline(time.Time) error  { return nil }
func (c fuzzConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzThriftService has a connection take any bytes. It never panics, allocates
// no more than the limits and the size of the input allow, and leaves only flags
// that can be read.
func FuzzThriftService(f *testing.F) {
	for _, c := range vectors.Cases[thriftCase](f, "thrift.json") {
		if c.RequestHex == "" {
			continue
		}
		request := unhex(f, c.RequestHex)
		f.Add(request)
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(request))), request...))
	}
	for _, a := range attacks() {
		if len(a.bytes) < 1<<16 {
			f.Add(a.bytes)
		}
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		flags := memory.New()
		panicked := newRecorder()
		service := NewService(flags, WithLogger(slog.New(slog.NewTextHandler(panicked, &slog.HandlerOptions{Level: slog.LevelError}))))
		defer service.Close()
		if _, err := service.Create(t.Context(), "x", true, ""); err != nil {
			t.Fatal(err)
		}
		server := NewServer(service)
		close(server.stopping) // long polls do not wait
		before := allocated()
		newServedConnection(server, fuzzConn{bytes.NewReader(input)}).serve()
		// What one message may announce and not send, and what each byte that
		// is sent may become: an answer with all flags, at worst.
		if got, limit := allocated()-before, uint64(8<<20+2048*len(input)+len(input)*len(input)); got > limit {
			t.Errorf("%d bytes of input allocate %d bytes, more than %d", len(input), got, limit)
		}
		if n := server.pending.taken.Load(); n != 0 {
			t.Errorf("%d bytes are still pending", n)
		}
		if log := panicked.String(); log != "" {
			t.Error(log)
		}
		for flag, err := range flags.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			text, err := store.Encode(flag)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Decode(flag.Name, text); err != nil {
				t.Errorf("left what cannot be read: %v\n%s", err, text)
			}
		}
	})
}

// newServedConnection makes a connection as [Server.Serve] does, for the caller
// to serve.
func newServedConnection(s *Server, conn net.Conn) *connection {
	c := newConnection(s, conn)
	c.place = s.strangers.PushBack(c)
	return c
}

func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
