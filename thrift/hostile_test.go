// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	mathrand "math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store/memory"
)

// An attack is what one hostile connection sends.
type attack struct {
	name   string
	bytes  []byte
	logged string // why it is refused
}

var setMetaHeader = []byte("\x80\x01\x00\x01\x00\x00\x00\x07SetMeta\x00\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x01x\x0c\x00\x02\x0f\x00\x03")

func attacks() []attack {
	frame := func(payload []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(payload))), payload...)
	}
	get := []byte("\x80\x01\x00\x01\x00\x00\x00\x03Get\x00\x00\x00\x00")
	nested := append(bytes.Clone(get), bytes.Repeat([]byte("\x0c\x00\x09"), 300_000)...)
	text := append([]byte("\x0b\x00\x09\x00\x00\x03\xf9"), make([]byte, 1017)...) // an unknown argument of 1 KiB
	lists := append(append(bytes.Clone(get), "\x0f\x00\x09\x0f\x00\x00\x4e\x20"...), bytes.Repeat([]byte("\x0f\x00\x00\x00\x01"), 300_000)...)
	return []attack{
		{"zeros", make([]byte, 64), "not a Thrift message"},
		{"text", []byte("hello, is anybody there?\r\n"), "message is too large"},
		{"HTTP", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "but HTTP"},
		{"old header", []byte("\x00\x00\x00\x03Get\x01\x00\x00\x00\x00\x0b\x00\x01\x00\x00\x00\x01x\x00"), "header without version"},
		{"a name of 2 GiB", []byte("\x80\x01\x00\x01\x7f\xff\xff\xffGet"), "malformed"},
		{"a name of -1 bytes", []byte("\x80\x01\x00\x01\xff\xff\xff\xffGet"), "malformed"},
		{"a frame of 2 GiB", []byte("\x7f\xff\xff\xff\x80\x01"), "message is too large"},
		{"an argument of 2 GiB", append(bytes.Clone(get), "\x0b\x00\x01\x7f\xff\xff\xff"...), "message is too large"},
		{"an argument of -1 bytes", append(bytes.Clone(get), "\x0b\x00\x01\xff\xff\xff\xff"...), "malformed"},
		{"a name of 2 MiB", append([]byte("\x80\x01\x00\x01\x00\x20\x00\x00"), make([]byte, 2<<20)...), "message is too large"},
		{"arguments that never end", append(bytes.Clone(get), bytes.Repeat(text, 3<<10)...), "message is too large"},
		{"300,000 nested lists in a message over a limit", lists, "malformed"},
		{"a list of 2 billion", append(bytes.Clone(setMetaHeader), "\x0d\x7f\xff\xff\xff"...), "malformed"},
		{"a map of 5 million in 60 bytes", append(bytes.Clone(setMetaHeader), "\x0d\x00\x00\x00\x01\x0b\x0f\x00\x4c\x4b\x40"...), "malformed"},
		{"empty conditions, but not too many", emptyConditions(16_000, 1_000_000), "a frame of 0 bytes"}, // what follows them
		{"300,000 nested structs", nested, "malformed"},
		{"a reply", []byte("\x80\x01\x00\x02\x00\x00\x00\x03Get\x00\x00\x00\x00\x00"), "message is not a request"},
		{"a frame that ends early", append(frame(append(bytes.Clone(get), "\x0b\x00\x01\x00\x00\x00\x09x"...)), request("Get", 1, "x")...), "frame ends within its message"},
		{"an unknown type", append(bytes.Clone(get), "\x63\x00\x01"...), "malformed"},
	}
}

// emptyConditions is a SetMeta in the compact protocol, in which an empty condition
// is a byte; in memory it is some fifty. The bytes after the list are zeros.
func emptyConditions(n uint64, zeros int) []byte {
	b := []byte("\x82\x21\x00\x07SetMeta\x18\x01x\x1c\x39\xfb")
	return append(binary.AppendUvarint(b, n), make([]byte, zeros)...)
}

// manySmall returns conditions of many variables with many checks each, none of
// which alone is too many.
func manySmall() []byte {
	b := binary.BigEndian.AppendUint32([]byte{0x0d}, 3) // list of maps
	for range 3 {
		b = append(b, 0x0b, 0x0f)
		b = binary.BigEndian.AppendUint32(b, 100) // of a list each
		for i := range 100 {
			b = append(b, 0, 0, 0, 1, byte(i), 0x0c)
			b = binary.BigEndian.AppendUint32(b, 100) // of an empty struct each
			b = append(b, make([]byte, 100)...)
		}
	}
	return b
}

// A wellBehaved client calls as long as an attack goes on, on one connection.
type wellBehaved struct {
	calls atomic.Int64
	stop  chan struct{}
	done  sync.WaitGroup
}

func behaveWell(t *testing.T, address string) *wellBehaved {
	w := &wellBehaved{stop: make(chan struct{})}
	client := newClient(t, address)
	if _, err := client.Get(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	w.done.Go(func() {
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			if _, err := client.Get(context.Background(), "x"); err != nil {
				t.Errorf("the well-behaved client: %v", err)
				return
			}
			w.calls.Add(1)
		}
	})
	return w
}

// end waits for another call to succeed.
func (w *wellBehaved) end() int64 {
	for seen := w.calls.Load(); w.calls.Load() == seen; {
		time.Sleep(time.Millisecond)
	}
	close(w.stop)
	w.done.Wait()
	return w.calls.Load()
}

// A memoryWatch samples what the process has from the system.
type memoryWatch struct {
	before, peak uint64
	stop         chan struct{}
	done         sync.WaitGroup
}

func watchMemory() *memoryWatch {
	runtime.GC()
	w := &memoryWatch{before: inUse(), stop: make(chan struct{})}
	w.done.Go(func() {
		for {
			w.peak = max(w.peak, inUse())
			select {
			case <-w.stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	return w
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// growth returns how much the process had at most, above what it began with.
func (w *memoryWatch) growth() uint64 {
	close(w.stop)
	w.done.Wait()
	return w.peak - min(w.peak, w.before)
}

func TestHostileMessages(t *testing.T) {
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			log := newRecorder()
			service := newService(t, memory.New(), log)
			mustCreate(t, service, "x")
			_, address := serve(t, service, WithMaxRefusedSize(2<<20))
			good := behaveWell(t, address)
			used := watchMemory()
			conn := dial(t, address)
			go conn.Write(a.bytes)
			io.Copy(io.Discard, conn) // until the server closes it
			log.await(t, a.logged)
			log.await(t, conn.LocalAddr().String())
			calls := good.end()
			if growth := used.growth(); growth > 16<<20 {
				t.Errorf("memory grew by %d KiB", growth>>10)
			} else {
				t.Logf("memory grew by %d KiB; %d calls meanwhile", growth>>10, calls)
			}
		})
	}
}

// Random bytes, on many connections at once.
func TestHostileNoise(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	_, address := serve(t, service, WithReadTimeout(100*time.Millisecond))
	good := behaveWell(t, address)
	used := watchMemory()
	var all sync.WaitGroup
	for i := range 16 {
		random := mathrand.NewChaCha8([32]byte{byte(i)})
		all.Go(func() {
			for range 20 {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				noise := make([]byte, 1<<12)
				random.Read(noise)
				if i%2 == 0 { // as a message of either protocol
					copy(noise, [][]byte{setMetaHeader, []byte("\x82\x21\x00\x07SetMeta")}[i/2%2])
				}
				go conn.Write(noise)
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		})
	}
	all.Wait()
	calls := good.end()
	growth := used.growth()
	if growth > 64<<20 {
		t.Errorf("memory grew by %d KiB", growth>>10)
	}
	t.Logf("memory grew by %d KiB; %d calls meanwhile; the log has %d bytes", growth>>10, calls, len(log.String()))
}

// Half a message and silence, and a byte now and then: both end at the deadline
// for the whole message.
func TestSlowSenders(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	_, address := serve(t, service, WithReadTimeout(50*time.Millisecond))
	good := behaveWell(t, address)
	half := dial(t, address)
	half.Write(request("Get", 1, "x")[:7])
	wantClosed(t, half)
	log.await(t, "client is too slow to send a message")

	slow := dial(t, address)
	sent := make(chan int)
	go func() {
		message := append(bytes.Clone(setMetaHeader), make([]byte, 1<<20)...)
		for i := range message {
			if _, err := slow.Write(message[i : i+1]); err != nil {
				sent <- i
				return
			}
			time.Sleep(5 * time.Millisecond) // well within any time limit for one read
		}
		sent <- len(message)
	}()
	io.Copy(io.Discard, slow)
	slow.Close()
	if n := <-sent; n > 1<<16 {
		t.Errorf("%d bytes were taken", n)
	}
	good.end()
}

// A client that does not read its replies does not hold them for ever.
func TestSlowReceiver(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	if _, err := service.Create(t.Context(), "x", true, featureflagstore.JSON(`"`+strings.Repeat("x", 400<<10)+`"`)); err != nil {
		t.Fatal(err)
	}
	server, address := serve(t, service, WithWriteTimeout(50*time.Millisecond))
	conn := dial(t, address)
	go func() {
		for err := error(nil); err == nil; {
			_, err = conn.Write(request("Get", 1, "x"))
		}
	}()
	log.await(t, "client is too slow to receive a reply")
	awaitServer(t, server, func() bool { return len(server.connections) == 0 })
	if n := server.pending.taken.Load(); n != 0 {
		t.Errorf("%d bytes are still pending", n)
	}
}

// Many half messages together are bounded, and small messages go on.
func TestPending(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	server, address := serve(t, service, WithMaxPending(4<<20))
	good := behaveWell(t, address)
	used := watchMemory()
	message := append([]byte("\x80\x01\x00\x01\x00\x00\x00\x03Get\x00\x00\x00\x00\x0b\x00\x09\x00\x0f\xff\x00"), make([]byte, 900<<10)...)
	var all sync.WaitGroup
	for range 40 {
		conn := dial(t, address)
		all.Go(func() {
			conn.Write(message)
		})
	}
	log.await(t, errPending.Error())
	calls := good.end()
	growth := used.growth()
	if growth > 32<<20 {
		t.Errorf("memory grew by %d KiB", growth>>10)
	}
	t.Logf("memory grew by %d KiB; %d calls meanwhile", growth>>10, calls)
	server.Close()
	all.Wait()
	if n := server.pending.taken.Load(); n != 0 {
		t.Errorf("%d bytes are still pending", n)
	}
}

// Ten thousand connections that do nothing cost some memory, and lock nobody
// out: neither the client that was there before, though it says nothing
// meanwhile, nor the next one.
func TestIdleConnections(t *testing.T) {
	connections := 10_000
	if n := fileLimit(t); n < connections+DefaultMaxConnections+200 {
		connections = n - DefaultMaxConnections - 200
		t.Logf("the limit of %d open files allows %d connections", n, connections)
	}
	log := newRecorder()
	service := newService(t, memory.New(), log)
	mustCreate(t, service, "x")
	server, address := serve(t, service)
	silent := newClient(t, address)
	if _, err := silent.Get(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	good := behaveWell(t, address)
	used := watchMemory()
	idle := make([]net.Conn, connections)
	defer func() {
		for _, conn := range idle {
			if conn != nil {
				conn.Close()
			}
		}
	}()
	for i := range idle {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		idle[i] = conn
	}
	awaitServer(t, server, func() bool { return len(server.connections) == DefaultMaxConnections })
	if _, err := newClient(t, address).Get(t.Context(), "x"); err != nil {
		t.Errorf("a new client: %v", err)
	}
	if _, err := silent.Get(t.Context(), "x"); err != nil {
		t.Errorf("the client from before: %v", err)
	}
	calls := good.end()
	log.await(t, "closed the connection idle longest")
	growth := used.growth()
	if growth > 128<<20 {
		t.Errorf("memory grew by %d KiB", growth>>10)
	}
	t.Logf("%d idle connections, of which the server keeps %d: memory, of both sides, grew by %d KiB; %d calls meanwhile",
		connections, DefaultMaxConnections, growth>>10, calls)
}

// fileLimit raises the limit of open files as far as it goes.
func fileLimit(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	return int(min(limit.Cur, 1<<20))
}

// The largest flag that can be stored passes the default limits, in every form.
func TestLargestFlag(t *testing.T) {
	_, address := serve(t, newService(t, memory.New(), newRecorder()))
	data := featureflagstore.JSON(`"` + strings.Repeat("x", 511<<10) + `"`)
	checks := make([]*featureflagstore.ConditionCheck, 5000)
	for i := range checks {
		checks[i] = check("v", "1", new([]string{"ne", "gt", "gte", "lt", "lte"}[i%5]))
	}
	for _, form := range forms {
		client := form.client(dial(t, address))
		item, err := client.Create(t.Context(), "x", true, data)
		if err != nil || *item.Meta.ClientData != data {
			t.Errorf("%s: %v", form.name, err)
		}
		// Checks that repeat an operator fall into one, as for Python.
		meta := &featureflagstore.FeatureFlagStoreMeta{Conditions: []featureflagstore.Condition{{"v": checks}}}
		if err := client.SetMeta(t.Context(), "x", meta); err != nil {
			t.Errorf("%s: %v", form.name, err)
		}
	}
	// One byte too many is refused by the service, not by the server.
	_, err := newClient(t, address).Create(t.Context(), "y", true, `"`+featureflagstore.JSON(strings.Repeat("x", 512<<10))+`"`)
	wantCode(t, err, featureflagstore.ErrorCode_INVALID)
}

// A connection that ends within a message is nothing to speak of.
func TestConnectionReset(t *testing.T) {
	log := newRecorder()
	service := newService(t, memory.New(), log)
	server, address := serve(t, service)
	conn := dial(t, address).(*net.TCPConn)
	conn.Write(request("Get", 1, "x")[:9])
	conn.SetLinger(0)
	awaitServer(t, server, func() bool {
		for c := range server.connections {
			return c.state.Load() != stateIdle
		}
		return false
	})
	conn.Close()
	awaitServer(t, server, func() bool { return len(server.connections) == 0 })
	if log.String() != "" {
		t.Errorf("logged: %s", log.String())
	}
}
