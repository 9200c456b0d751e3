// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
)

// framed puts a message into a frame.
func framed(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)
}

// readFrame reads a framed reply.
func readFrame(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	frame := make([]byte, 4)
	if _, err := io.ReadFull(conn, frame); err != nil {
		t.Fatal(err)
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
	if _, err := io.ReadFull(conn, frame[4:]); err != nil {
		t.Fatal(err)
	}
	return frame
}

// What is answered from memory is what the service says, to the byte, before and
// after each change.
func TestHeldReplies(t *testing.T) {
	flags := memory.New()
	_, held := serve(t, newService(t, flags, newRecorder()))
	_, asked := serve(t, newService(t, struct{ store.Watcher }{flags}, newRecorder()))
	heldConn, askedConn := dial(t, held), dial(t, asked)
	same := func(when string) {
		t.Helper()
		for _, method := range []string{"Get", "GetStored"} {
			for _, name := range []string{"x", "ünïcode", "", "missing", "bad\xff", strings.Repeat("n", 200)} {
				message := framed(request(method, 7, name))
				for range 2 {
					heldConn.Write(message)
					askedConn.Write(message)
					if got, want := readFrame(t, heldConn), readFrame(t, askedConn); !bytes.Equal(got, want) {
						t.Errorf("%s: %s %q:\ngot  %q\nwant %q", when, method, name, got, want)
					}
				}
			}
		}
	}
	same("empty")
	for _, name := range []string{"x", "ünïcode", "", strings.Repeat("n", 200)} {
		if _, err := flags.Put(t.Context(), &store.Flag{Name: name, Enabled: true, ClientData: `{"a": 1}`}); err != nil {
			t.Fatal(err)
		}
	}
	same("created")
	for _, data := range []targeting.JSON{`{"b": 2}`, targeting.JSON(`"` + strings.Repeat("x", 2*maxHeldReply) + `"`), `[]`} {
		if _, err := store.Update(t.Context(), flags, "x", func(f *store.Flag) error {
			f.ClientData = data
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		same("changed")
	}
	if err := flags.Delete(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	same("deleted")
	flags.Close()
	same("closed")
}

func TestHeldRepliesAfterClose(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	_, address := serve(t, service)
	client := newClient(t, address)
	if _, err := client.Get(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	service.Close()
	if _, err := client.Get(t.Context(), "x"); err == nil {
		t.Error("a closed service answers")
	}
}

// The smallest messages are held to the limit too.
func TestHeldRepliesMessageSize(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	message := request("Get", 1, "x")
	_, address := serve(t, service, WithMaxMessageSize(len(message)-1))
	for _, m := range [][]byte{message, framed(message)} {
		conn := dial(t, address)
		conn.Write(m)
		if m[0] == 0 {
			io.ReadFull(conn, make([]byte, 4)) // the frame's length
		}
		got, err := readReply(conn, "Get")
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, got.Content.(*featureflagstore.FeatureFlagStoreGetResult).Error, featureflagstore.ErrorCode_INVALID)
	}
	log.await(t, errMessageSize.Error())
}

// What is held is bounded, whatever there is and is asked for.
func TestHeldRepliesBound(t *testing.T) {
	const flags = 3 * maxHeldReplies / maxHeldReply
	s := memory.New()
	data := targeting.JSON(`"` + strings.Repeat("x", maxHeldReply/2) + `"`)
	held := newHeldReplies(s)
	get := getMethodOf([]byte("Get"))
	for i := range flags {
		name := fmt.Sprintf("flag%d", i)
		if _, err := s.Put(t.Context(), &store.Flag{Name: name, ClientData: data}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if held.body(get, []byte(name)) == nil {
				t.Fatalf("%s is not held", name)
			}
		}
	}
	total := 0
	for i := range held.shards[get.index] {
		shard := &held.shards[get.index][i]
		size := 0
		for _, r := range shard.replies {
			size += r.cost()
		}
		if size != shard.size {
			t.Errorf("shard %d has %d bytes and counts %d", i, size, shard.size)
		}
		total += size
	}
	if total > maxHeldReplies || total < maxHeldReplies/2 {
		t.Errorf("%d bytes are held, of %d allowed", total, maxHeldReplies)
	}
}

// A sink counts what is written to a connection on which a client sends some bytes
// and ends.
type sink struct {
	fuzzConn
	writes  int
	written bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.writes++
	return s.written.Write(p)
}

// Replies to requests that arrived together are sent together.
func TestPipelinedInOneWrite(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	server := NewServer(service)
	defer server.Close()
	message := request("Get", 1, "x")
	const requests = readBufferSize / 40
	conn := &sink{fuzzConn: fuzzConn{bytes.NewReader(bytes.Repeat(message, requests))}}
	newServedConnection(server, conn).serve()
	for range requests {
		if _, err := readReply(&conn.written, "Get"); err != nil {
			t.Fatal(err)
		}
	}
	if conn.written.Len() > 0 || conn.writes != 1 {
		t.Errorf("%d writes, and %d bytes too many", conn.writes, conn.written.Len())
	}
}

// Who sends a part of a request gets the replies to those before, also if the next
// one is slow.
func TestPipelinedAreNotHeldBack(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	begin := mustWatch(t, service, "", 0)
	_, address := serve(t, service)
	conn := dial(t, address)
	message := request("Get", 1, "x")
	for cut := range message {
		conn.Write(append(bytes.Clone(message), message[:cut]...))
		if _, err := readReply(conn, "Get"); err != nil {
			t.Fatal(err)
		}
		conn.Write(message[cut:])
		if _, err := readReply(conn, "Get"); err != nil {
			t.Fatal(err)
		}
	}
	poll := request("Watch", 2, *begin.Position)
	poll = append(poll[:len(poll)-1], 8, 0, 2, 0, 0, 0xea, 0x60, 0) // for a minute
	conn.Write(append(bytes.Clone(message), poll...))
	if _, err := readReply(conn, "Get"); err != nil {
		t.Fatal(err)
	}
	mustCreate(t, service, "y")
	if _, err := io.ReadFull(conn, make([]byte, len(poll)/2)); err != nil {
		t.Error(err)
	}
}

// What cannot be a usual request for a flag is left to the library, and what can
// be one is what the library makes of it.
func FuzzGetRequest(f *testing.F) {
	for _, message := range [][]byte{request("Get", 1, "x"), request("GetStored", 2, ""), request("Set", 3, "x"), request("Get", 4, "x")[:20]} {
		f.Add(message)
		f.Add(framed(message))
		f.Add(append(framed(message), message...))
		f.Add(framed(append(bytes.Clone(message), 0))) // a frame longer than its message
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		got, ok := parseGetRequest(input)
		if !ok {
			return
		}
		message := input[:got.size]
		if got.framed {
			if int(binary.BigEndian.Uint32(message)) != len(message)-4 {
				t.Fatalf("a frame of another size: %x", input)
			}
			message = message[4:]
		}
		ctx := context.Background()
		buffer := apache.NewTMemoryBuffer()
		buffer.Write(message)
		protocol := apache.NewTBinaryProtocolConf(buffer, nil)
		name, kind, id, err := protocol.ReadMessageBegin(ctx)
		args := textStruct{field: 1}
		if err == nil {
			err = args.Read(ctx, protocol)
		}
		if err != nil || buffer.Len() > 0 {
			t.Fatalf("%x: %v, and %d bytes are left", input, err, buffer.Len())
		}
		if name != got.method.name || kind != apache.CALL || uint32(id) != binary.BigEndian.Uint32(got.id) || args.text != string(got.name) {
			t.Errorf("%x: got %s %q, want %s %d %d %q", input, got.method.name, got.name, name, kind, id, args.text)
		}
		reply := got.appendReply(nil, []byte{apache.STOP})
		if got.framed {
			if int(binary.BigEndian.Uint32(reply)) != len(reply)-4 {
				t.Fatalf("the reply's frame: %x", reply)
			}
			reply = reply[4:]
		}
		buffer.Write(reply)
		replyName, kind, replyID, err := protocol.ReadMessageBegin(ctx)
		if err != nil || replyName != name || kind != apache.REPLY || replyID != id || buffer.Len() != 1 {
			t.Errorf("the reply: %x", reply)
		}
	})
}

func TestHeldReplyAllocations(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	held := newHeldReplies(service.store.(store.Peeker))
	message, reply := request("Get", 1, "x"), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() {
		r, _ := parseGetRequest(message)
		reply = r.appendReply(reply[:0], held.body(r.method, r.name))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The connection idle longest makes room, by its last call.
func TestEvictionOrder(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	server, address := serve(t, service, WithMaxConnections(4))
	call := func(conn net.Conn) {
		t.Helper()
		conn.Write(request("Get", 1, "x"))
		if _, err := readReply(conn, "Get"); err != nil {
			t.Fatal(err)
		}
		awaitServer(t, server, func() bool { return idleRegulars(server) == len(server.connections) })
	}
	conns := make([]net.Conn, 4)
	for i := range conns {
		conns[i] = dial(t, address)
		call(conns[i])
	}
	call(conns[0])
	for _, i := range []int{1, 2, 0} {
		if i == 0 {
			call(conns[3]) // after the server has seen who is idle longest
		}
		newcomer := dial(t, address)
		wantClosed(t, conns[i])
		call(newcomer)
	}
}
