// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package mixedfleet_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/internal/pythontest"
	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store"
	consulstore "github.com/flipper-go/flipper/store/consul"
	redisstore "github.com/flipper-go/flipper/store/redis"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/thrift"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	program  = "testdata/carta_client.py"
	patience = 30 * time.Second
)

var quiet = slog.New(slog.DiscardHandler)

// A python is a running Python client.
type python struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
}

// startPython starts a client of a server, which ends with the test.
func startPython(t *testing.T, kind, address string) *python {
	t.Helper()
	command := pythontest.Script(t, "json", program, kind, address)
	if kind == "thrift" {
		command = pythontest.Command(t, pythontest.Description(), program, kind, address)
	}
	in, err := command.StdinPipe()
	must(t, err)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	p := &python{t: t, in: in, out: bufio.NewScanner(out)}
	p.out.Buffer(nil, 4<<20)
	t.Cleanup(func() {
		_ = in.Close()
		_ = command.Wait() // killed, if the test's context was faster
	})
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask sends a line and returns the answer's result, or what was raised.
func (p *python) ask(request any) (result any, raised string) {
	p.t.Helper()
	line, err := json.Marshal(request)
	must(p.t, err)
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		p.t.Fatal(err)
	}
	if !p.out.Scan() {
		p.t.Fatalf("the Python client ended: %v", p.out.Err())
	}
	var answer struct {
		Result any
		Raised string
	}
	must(p.t, json.Unmarshal(p.out.Bytes(), &answer))
	return answer.Result, answer.Raised
}

// call calls a method, which must not raise.
func (p *python) call(method string, args ...any) any {
	p.t.Helper()
	result, raised := p.try(method, args...)
	if raised != "" {
		p.t.Fatalf("Python's %s raises %s", method, raised)
	}
	return result
}

// try calls a method. The first argument is the flag's name, if there is one.
func (p *python) try(method string, args ...any) (result any, raised string) {
	p.t.Helper()
	if args == nil {
		args = []any{}
	}
	return p.ask(map[string]any{"call": method, "args": args, "attributes": map[string]any{}})
}

// isEnabled asks for a user of a plan.
func (p *python) isEnabled(name, plan string) bool {
	p.t.Helper()
	result, raised := p.ask(map[string]any{"call": "is_enabled", "args": []any{name}, "attributes": map[string]any{"plan": plan, "user_id": 7}})
	on, ok := result.(bool)
	if !ok || raised != "" {
		p.t.Fatalf("Python's is_enabled returns %v, raises %s", result, raised)
	}
	return on
}

// A fleet is a Go client and a Python client of the same flags.
type fleet struct {
	kind   string
	store  store.Store
	client *flipper.FeatureFlagClient
	python *python
	// put has another program store a text.
	put func(t *testing.T, name, text string) error
}

// clear deletes all flags, and has the Python client report to a test.
func (f *fleet) clear(t *testing.T) {
	t.Helper()
	f.python.t = t
	for flag, err := range f.store.List(t.Context()) {
		must(t, err)
		must(t, f.store.Delete(t.Context(), flag.Name))
	}
}

func closeAfter(t *testing.T, c io.Closer) {
	t.Cleanup(func() { must(t, c.Close()) })
}

func startRedis(t *testing.T) (f *fleet, address string) {
	server := redistest.Start(t)
	s, client := newRedis(t, server)
	put := func(t *testing.T, name, text string) error {
		return client.Set(t.Context(), "features/"+name, text, 0).Err()
	}
	return &fleet{store: s, put: put}, server.Addr()
}

func newRedis(t *testing.T, server *redistest.Server) (*redisstore.Store, *redis.Client) {
	t.Helper()
	client := server.Client(t)
	s, err := redisstore.New(client, redisstore.WithLogger(quiet))
	must(t, err)
	closeAfter(t, s)
	return s, client
}

func startConsul(t *testing.T) (f *fleet, address string) {
	agent := consultest.Start(t)
	client := agent.Client(t)
	s, err := consulstore.New(client, consulstore.WithLogger(quiet))
	must(t, err)
	closeAfter(t, s)
	must(t, s.WaitReady(t.Context()))
	put := func(t *testing.T, name, text string) error {
		_, err := client.KV().Put(&api.KVPair{Key: "features/" + name, Value: []byte(text)}, (&api.WriteOptions{}).WithContext(t.Context()))
		return err
	}
	return &fleet{store: s, put: put}, agent.Address
}

// startThrift starts a flag service over Redis.
func startThrift(t *testing.T) (f *fleet, address string) {
	f, _ = startRedis(t)
	service := thrift.NewService(f.store, thrift.WithLogger(quiet))
	server := thrift.NewServer(service)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		must(t, service.Close())
		if err := <-served; !errors.Is(err, thrift.ErrServerClosed) {
			t.Error(err)
		}
	})
	s := thriftrpc.New(l.Addr().String())
	closeAfter(t, s)
	f.store = s
	return f, l.Addr().String()
}

// eventually waits until check returns nil: some stores hear of what others wrote.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// seen waits until the Go client answers for a user of a plan.
func (f *fleet) seen(t *testing.T, what, name, plan string, want bool) {
	t.Helper()
	eventually(t, what, func() error {
		if e := f.client.Evaluate(t.Context(), name, flipper.String("plan", plan)); e.Enabled != want {
			return fmt.Errorf("for plan %s Go evaluates to %v, want %t", plan, e, want)
		}
		return nil
	})
}

// both waits until the Go client answers, and checks the Python client's answer.
func (f *fleet) both(t *testing.T, what, name, plan string, inGo, inPython bool) {
	t.Helper()
	f.seen(t, what, name, plan, inGo)
	if got := f.python.isEnabled(name, plan); got != inPython {
		t.Errorf("%s: for plan %s Python answers %t, want %t", what, plan, got, inPython)
	}
}
