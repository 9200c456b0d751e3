// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	apache "github.com/apache/thrift/lib/go/thrift"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store/memory"
)

// largeMeta has texts and containers of every kind that a request can have.
func largeMeta(conditions, checks, text int) *featureflagstore.FeatureFlagStoreMeta {
	value := featureflagstore.JSON(`"` + strings.Repeat("v", text) + `"`)
	meta := &featureflagstore.FeatureFlagStoreMeta{
		CreatedDate: new(int64(1 << 30)),
		ClientData:  &value,
		Bucketer:    new(featureflagstore.JSON(`{"type": "NoOpBucketer"}`)),
	}
	for i := range conditions {
		condition := featureflagstore.Condition{}
		name := fmt.Sprintf("attribute%d", i)
		for range checks {
			condition[name] = append(condition[name], check(name, string(value), new("ne")))
		}
		meta.Conditions = append(meta.Conditions, condition)
	}
	return meta
}

// wantRefused checks that a call over a limit is answered, and that the connection
// goes on.
func wantRefused(t *testing.T, client *featureflagstore.FeatureFlagStoreClient, what string, err error, text string) {
	t.Helper()
	e, ok := err.(*featureflagstore.FlipperException)
	if !ok || e.GetCode() != featureflagstore.ErrorCode_INVALID || !strings.Contains(e.Message, text) {
		t.Fatalf("%s: %T %v, want INVALID with %q", what, err, err, text)
	}
	if _, err := client.Get(t.Context(), "x"); err != nil {
		t.Fatalf("%s: the next call: %v", what, err)
	}
}

// A message over a limit is answered, in every form, and the connection goes on.
func TestOverLimits(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	server, address := serve(t, service)
	good := behaveWell(t, address)
	data := featureflagstore.JSON(`"` + strings.Repeat("x", 2<<20) + `"`)
	const size, elements = "larger than the limit of 1048576 bytes", "more than 16384 elements"
	for _, form := range forms {
		client := form.client(dial(t, address))
		ctx := t.Context()
		_, err := client.Create(ctx, "y", true, data)
		wantRefused(t, client, form.name+": a large text", err, size)
		_, err = client.Get(ctx, string(data))
		wantRefused(t, client, form.name+": a large name", err, size)
		_, err = client.CompareAndSet(ctx, "y", data, "")
		wantRefused(t, client, form.name+": a large item", err, size)
		err = client.SetMeta(ctx, "x", largeMeta(100, 100, 100))
		wantRefused(t, client, form.name+": many texts", err, size)
		err = client.SetMeta(ctx, "x", largeMeta(17_000, 0, 1))
		wantRefused(t, client, form.name+": many conditions", err, elements)
		err = client.SetMeta(ctx, "x", largeMeta(1, 17_000, 1))
		wantRefused(t, client, form.name+": many checks", err, elements)
		err = client.SetMeta(ctx, "x", largeMeta(1000, 100, 100))
		wantRefused(t, client, form.name+": much of all", err, "the limit")
	}
	// And what no client of ours sends.
	for name, message := range refusedMessages() {
		conn := dial(t, address)
		go conn.Write(append(bytes.Clone(message), message...)) // twice, in one piece
		for range 2 {
			if text := readRefusal(t, conn, message); !strings.Contains(text, "the limit") {
				t.Errorf("%s: %q", name, text)
			}
		}
		if _, err := forms[0].client(conn).Get(t.Context(), "x"); err != nil {
			t.Errorf("%s: the next call: %v", name, err)
		}
	}
	log.await(t, "answered a request with INVALID: message is too large")
	good.end()
	server.Close()
	if n := server.pending.taken.Load(); n != 0 {
		t.Errorf("%d bytes are still pending", n)
	}
	if _, err := service.Get(t.Context(), "y"); err == nil {
		t.Error("a refused call was made")
	}
}

// What is read of messages over a limit is not kept, however many there are at once.
func TestOverLimitsMemory(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	_, address := serve(t, service)
	message := slices.Concat(refusedMessages()["16 MiB, nearly"], request("Get", 2, "x"))
	used := watchMemory()
	var all sync.WaitGroup
	for range 16 {
		conn := dial(t, address)
		all.Go(func() {
			if _, err := conn.Write(message); err != nil {
				t.Error(err)
				return
			}
			for _, want := range []bool{false, true} {
				got, err := readReply(conn, "Get")
				if err != nil {
					t.Error(err)
					return
				}
				if ok := got.Content.(*featureflagstore.FeatureFlagStoreGetResult).Error == nil; ok != want {
					t.Errorf("answered: %t, want %t", ok, want)
				}
			}
		})
	}
	all.Wait()
	growth := used.growth()
	if growth > 16<<20 {
		t.Errorf("memory grew by %d KiB", growth>>10)
	}
	t.Logf("16 messages of 16 MiB: memory grew by %d KiB", growth>>10)
}

// refusedMessages are requests over a limit that no client of ours makes.
func refusedMessages() map[string][]byte {
	get := []byte("\x80\x01\x00\x01\x00\x00\x00\x03Get\x00\x00\x00\x00")
	set := func(conditions string, zeros int) []byte {
		return append(append(bytes.Clone(setMetaHeader), conditions...), make([]byte, zeros)...)
	}
	return map[string][]byte{
		"an unknown argument of 1 MiB": append(append(bytes.Clone(get), "\x0b\x00\x09\x00\x10\x00\x00"...), make([]byte, 1<<20+1)...),
		"a map of 60 thousand":         set("\x0d\x00\x00\x00\x01\x0b\x0f\x00\x00\xea\x60", 60_000*9+2),
		"a million empty conditions":   emptyConditions(1_000_000, 1_000_000+2),
		"many small lists":             set(string(manySmall()), 2),
		"skipped lists":                append(append(append(bytes.Clone(get), "\x0f\x00\x09\x0f\x00\x00\x27\x10"...), bytes.Repeat([]byte("\x03\x00\x00\x00\x01\x00"), 10_000)...), 0),
		"skipped structs":              append(append(append(bytes.Clone(get), "\x0e\x00\x09\x0c\x00\x00\x5e\x20"...), bytes.Repeat([]byte("\x0b\x00\x01\x00\x00\x00\x01x\x00"), 0x5e20)...), 0),
		"16 MiB, nearly":               append(append(bytes.Clone(get), "\x0b\x00\x09\x00\xff\xff\x00"...), make([]byte, 0xffff00+1)...),
	}
}

// readRefusal reads the reply to one of refusedMessages, and returns what it says.
func readRefusal(t *testing.T, conn net.Conn, message []byte) string {
	t.Helper()
	transport := apache.NewStreamTransportR(oneByteReader{conn})
	var protocol apache.TProtocol = apache.NewTBinaryProtocolConf(transport, &apache.TConfiguration{})
	if message[0] == apache.COMPACT_PROTOCOL_ID {
		protocol = apache.NewTCompactProtocolConf(transport, &apache.TConfiguration{})
	}
	name, kind, _, err := protocol.ReadMessageBegin(t.Context())
	if err != nil || kind != apache.REPLY || !bytes.Contains(message[:20], []byte(name)) {
		t.Fatalf("%q, kind %d, %v", name, kind, err)
	}
	result := results[name]()
	if err := result.Read(t.Context(), protocol); err != nil {
		t.Fatal(err)
	}
	e := result.(interface {
		GetError() *featureflagstore.FlipperException
	}).GetError()
	if e.GetCode() != featureflagstore.ErrorCode_INVALID {
		t.Fatalf("%v, want INVALID", e)
	}
	return e.Message
}

// Wherever in a message the limit falls, the message is read to its end.
func TestOverLimitsAtEveryByte(t *testing.T) {
	for _, form := range forms {
		for name, meta := range map[string]*featureflagstore.FeatureFlagStoreMeta{"long texts": largeMeta(2, 2, 140), "many": largeMeta(5, 3, 1)} {
			size := len(encode(t, form, "SetMeta", &featureflagstore.FeatureFlagStoreSetMetaArgs{FeatureName: "x", Meta: meta}))
			small := len(encode(t, form, "Get", &featureflagstore.FeatureFlagStoreGetArgs{FeatureName: "x"}))
			if form.framed {
				size, small = size-4, small-4
			}
			for limit := small; limit <= size; limit++ {
				callOn(t, form, func(client *featureflagstore.FeatureFlagStoreClient) {
					err := client.SetMeta(t.Context(), "x", meta)
					if limit < size {
						wantRefused(t, client, fmt.Sprintf("%s, %s, limit %d of %d", form.name, name, limit, size), err, fmt.Sprintf("%d bytes", limit))
					} else if err != nil {
						t.Errorf("%s, %s, at the limit: %v", form.name, name, err)
					}
				}, WithMaxMessageSize(limit))
			}
			const elements = 2 + 2*1 + 2*2 // conditions, their variables, and checks
			for limit := 0; limit <= elements && name == "long texts"; limit++ {
				callOn(t, form, func(client *featureflagstore.FeatureFlagStoreClient) {
					err := client.SetMeta(t.Context(), "x", meta)
					if limit < elements {
						wantRefused(t, client, fmt.Sprintf("%s, %d elements", form.name, limit), err, fmt.Sprintf("%d elements", limit))
					} else if err != nil {
						t.Errorf("%s, %d elements: %v", form.name, limit, err)
					}
				}, WithMaxElements(limit))
			}
		}
	}
}

// encode returns a request as a client sends it.
func encode(t *testing.T, f form, method string, args apache.TStruct) []byte {
	t.Helper()
	buffer := apache.NewTMemoryBuffer()
	var transport apache.TTransport = buffer
	if f.framed {
		transport = apache.NewTFramedTransportConf(buffer, nil)
	}
	var protocol apache.TProtocol = apache.NewTBinaryProtocolConf(transport, nil)
	if f.compact {
		protocol = apache.NewTCompactProtocolConf(transport, nil)
	}
	if err := apache.NewTStandardClient(protocol, protocol).Send(t.Context(), protocol, 1, method, args); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// callOn calls a client of a server with a flag x, on one connection, which ends
// with the call.
func callOn(t *testing.T, f form, call func(*featureflagstore.FeatureFlagStoreClient), options ...ServerOption) {
	t.Helper()
	service := newService(t, memory.New(), newRecorder())
	mustCreate(t, service, "x")
	client, server := net.Pipe()
	var serving sync.WaitGroup
	serving.Go(newServedConnection(NewServer(service, options...), server).serve)
	defer serving.Wait()
	defer client.Close()
	call(f.client(client))
}
