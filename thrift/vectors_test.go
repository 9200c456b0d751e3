// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	apache "github.com/apache/thrift/lib/go/thrift"
	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
)

type thriftCase struct {
	ID, Kind, Note, Method, State string
	Session, Step                 int
	Clock                         int64
	RequestHex                    string `json:"request_hex"`
	ReplyHex                      string `json:"reply_hex"`
	ReplyType                     string `json:"reply_type"`
	ReplyByteExact                bool   `json:"reply_byte_exact"`
	Reply                         struct {
		Error *struct{ Code int64 }
	}
}

// results make what the reply to a method is read into.
var results = map[string]func() apache.TStruct{
	"Create":  func() apache.TStruct { return featureflagstore.NewFeatureFlagStoreCreateResult() },
	"Get":     func() apache.TStruct { return featureflagstore.NewFeatureFlagStoreGetResult() },
	"Set":     func() apache.TStruct { return featureflagstore.NewFeatureFlagStoreSetResult() },
	"Delete":  func() apache.TStruct { return featureflagstore.NewFeatureFlagStoreDeleteResult() },
	"List":    func() apache.TStruct { return featureflagstore.NewFeatureFlagStoreListResult() },
	"SetMeta": func() apache.TStruct { return featureflagstore.NewFeatureFlagStoreSetMetaResult() },
}

// A reply is a decoded reply, and its bytes.
type reply struct {
	Name    string
	Kind    apache.TMessageType
	ID      int32
	Content any // a result, or an applicationException

	raw []byte
}

type applicationException struct{ Type int32 }

// readReply reads one reply of the unframed binary protocol.
func readReply(r io.Reader, method string) (reply, error) {
	var raw bytes.Buffer
	protocol := apache.NewTBinaryProtocolConf(apache.NewStreamTransportR(io.TeeReader(oneByteReader{r}, &raw)), &apache.TConfiguration{})
	ctx := context.Background()
	var got reply
	var err error
	if got.Name, got.Kind, got.ID, err = protocol.ReadMessageBegin(ctx); err != nil {
		return got, err
	}
	if got.Kind == apache.EXCEPTION {
		e := apache.NewTApplicationException(0, "")
		err = e.Read(ctx, protocol)
		got.Content = applicationException{e.TypeId()}
	} else {
		result := results[method]()
		err = result.Read(ctx, protocol)
		got.Content = result
	}
	got.raw = raw.Bytes()
	return got, err
}

// A oneByteReader keeps the transport's buffer from reading into the next reply.
type oneByteReader struct{ r io.Reader }

func (r oneByteReader) Read(p []byte) (int, error) { return r.r.Read(p[:1]) }

func exchange(t *testing.T, conn net.Conn, c thriftCase) (got, want reply) {
	t.Helper()
	if _, err := conn.Write(unhex(t, c.RequestHex)); err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	got, err := readReply(conn, c.Method)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	want, err = readReply(bytes.NewReader(unhex(t, c.ReplyHex)), c.Method)
	if err != nil {
		t.Fatalf("%s: the vector's reply: %v", c.ID, err)
	}
	return got, want
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameReply compares decoded replies: JSON by value, whitelists as sets, and
// errors without their message.
func sameReply(t *testing.T, got, want reply) string {
	return cmp.Diff(want, got,
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".raw" }, cmp.Ignore()),
		cmp.Comparer(func(a, b featureflagstore.JSON) bool { return normal(t, a) == normal(t, b) }),
		cmp.Comparer(func(a, b *featureflagstore.FlipperException) bool {
			return (a == nil) == (b == nil) && (a == nil || *a.Code == *b.Code)
		}))
}

func normal(t *testing.T, text featureflagstore.JSON) string {
	t.Helper()
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		t.Fatal(err)
	}
	return sortWhitelist(v).String()
}

func sortWhitelist(v targeting.Value) targeting.Value {
	if v.Kind() != targeting.KindObject {
		return v
	}
	var members []targeting.Member
	for _, m := range v.Members() {
		if m.Key == "key_whitelist" {
			names := slices.Clone(m.Value.Elements())
			slices.SortFunc(names, func(a, b targeting.Value) int { return bytes.Compare(a.AppendJSON(nil), b.AppendJSON(nil)) })
			m.Value = targeting.List(names...)
		}
		members = append(members, m)
	}
	return targeting.Object(members...)
}

// TestVectorsExchange replays what a Python client sent to a Python server.
func TestVectorsExchange(t *testing.T) {
	var ran, exact int
	session := 0
	var conn net.Conn
	var clock atomic.Int64
	for _, c := range vectors.Cases[thriftCase](t, "thrift.json") {
		if c.Kind != "exchange" {
			continue
		}
		if c.Session != session {
			session = c.Session
			service := newService(t, memory.New(), newRecorder())
			service.now = func() time.Time { return time.Unix(clock.Load(), 999) }
			_, address := serve(t, service)
			conn = dial(t, address)
		}
		clock.Store(c.Clock)
		got, want := exchange(t, conn, c)
		if diff := sameReply(t, got, want); diff != "" {
			t.Errorf("%s: %s", c.ID, diff)
		}
		// The message of an error is the server's affair.
		if c.ReplyByteExact && c.Reply.Error == nil {
			exact++
			if !bytes.Equal(got.raw, want.raw) {
				t.Errorf("%s: bytes differ\n got %x\nwant %x", c.ID, got.raw, want.raw)
			}
		}
		ran++
	}
	t.Logf("%d exchanges in %d sessions, %d of them equal byte for byte", ran, session, exact)
	if ran != 231 || exact < 190 {
		t.Errorf("ran %d exchanges, %d byte for byte", ran, exact)
	}
}

// TestVectorsRequestTolerance sends requests that no client makes by itself.
func TestVectorsRequestTolerance(t *testing.T) {
	ran := 0
	for _, c := range vectors.Cases[thriftCase](t, "thrift.json") {
		if c.Kind != "request_tolerance" {
			continue
		}
		ran++
		var name string
		var created int64
		if _, err := fmt.Sscanf(c.State, "one flag, %q, enabled, created at %d", &name, &created); err != nil {
			t.Fatalf("%s: %v: %s", c.ID, err, c.State)
		}
		flags := memory.New()
		if _, err := flags.Put(t.Context(), &store.Flag{Name: name, Enabled: true, Created: time.Unix(created, 0)}); err != nil {
			t.Fatal(err)
		}
		log := newRecorder()
		service := newService(t, flags, log)
		service.now = func() time.Time { return time.Unix(created, 0) }
		_, address := serve(t, service)
		conn := dial(t, address)
		if c.ReplyType == "none" {
			conn.Write(unhex(t, c.RequestHex))
			wantClosed(t, conn)
			log.await(t, "not a Thrift message")
			continue
		}
		got, want := exchange(t, conn, c)
		if c.ID == "t00257" {
			// Python fails inside on what is not JSON. The contract leaves it
			// open, and we say what is wrong.
			wantCode(t, got.Content.(*featureflagstore.FeatureFlagStoreCreateResult).Error, featureflagstore.ErrorCode_INVALID)
			t.Logf("%s (%s): answered INVALID", c.ID, c.Note)
			continue
		}
		if diff := sameReply(t, got, want); diff != "" {
			t.Errorf("%s (%s): %s", c.ID, c.Note, diff)
		}
		// Whatever it was, the connection goes on.
		if _, err := forms[0].client(conn).Get(t.Context(), name); err != nil {
			t.Errorf("%s (%s): the next call: %v", c.ID, c.Note, err)
		}
	}
	t.Logf("%d requests", ran)
	if ran != 26 {
		t.Errorf("ran %d requests", ran)
	}
}
