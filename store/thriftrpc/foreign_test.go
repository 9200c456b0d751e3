// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/thrift"
)

// TestForeignPython talks to a server in another language, made from a
// description with nothing but the six methods.
func TestForeignPython(t *testing.T) {
	code := generatePython(t)
	t.Run("Buffered", func(t *testing.T) { foreignScript(t, dial(t, servePython(t, code, "buffered"))) })
	t.Run("Framed", func(t *testing.T) {
		foreignScript(t, dial(t, servePython(t, code, "framed"), thriftrpc.WithFramed()))
	})
}

// TestForeignGo talks to the six methods of this module's service.
func TestForeignGo(t *testing.T) {
	foreignScript(t, dial(t, serveSix(t, memoryStore(t), nil)))
}

func generatePython(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	out, err := exec.CommandContext(t.Context(), "thrift", "--gen", "py", "-out", dir, "testdata/foreign.thrift").CombinedOutput()
	if err != nil {
		t.Fatalf("the Thrift compiler: %v (`make test-deps` installs it)\n%s", err, out)
	}
	return dir
}

func servePython(t *testing.T, code, transport string) (address string) {
	t.Helper()
	script, err := filepath.Abs("testdata/foreign_server.py")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pythonWithThrift(t), script, code, transport)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the Python server: %v", err)
		}
	})
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the Python server does not tell its port: %v", err)
	}
	return net.JoinHostPort("127.0.0.1", strings.TrimSpace(port))
}

// pythonWithThrift returns a Python that has Thrift's library. The first on the
// path may be without, and the system's own have it.
func pythonWithThrift(t *testing.T) string {
	t.Helper()
	var reasons []string
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		out, err := exec.CommandContext(t.Context(), python, "-c", "import thrift.Thrift").CombinedOutput()
		if err == nil {
			return python
		}
		reasons = append(reasons, string(out)+err.Error())
	}
	t.Fatalf("no Python with Apache Thrift's library (`make test-deps` installs it):\n%s", strings.Join(reasons, "\n"))
	return ""
}

// foreignScript does with a foreign service what can be done with one.
func foreignScript(t *testing.T, s *thriftrpc.Store) {
	t.Helper()
	ctx := t.Context()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(ctx, "X"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of a missing flag: error is %v", err)
	}
	if err := s.Delete(ctx, "X"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete of a missing flag: error is %v", err)
	}
	old := flag("X")
	old.Revision = "some"
	if _, err := s.Put(ctx, old); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put over a missing flag: error is %v", err)
	}

	// Everything that can be said arrives.
	want := flag("X")
	created := mustPut(t, s, want)
	sameForeign(t, created, want)
	if f, err := s.Put(ctx, want); f != nil || !errors.Is(err, store.ErrExists) {
		t.Errorf("create again: %v, %v", f, err)
	}
	f, err := s.Get(ctx, "X")
	if err != nil {
		t.Fatal(err)
	}
	sameForeign(t, f, want)
	if f.Revision == "" || f.Revision != created.Revision {
		t.Errorf("revisions are %q and %q", f.Revision, created.Revision)
	}

	// Each part changes by itself, and Update wins.
	for what, change := range map[string]func(*store.Flag) error{
		"disable":     func(f *store.Flag) error { f.Enabled = false; return nil },
		"enable":      func(f *store.Flag) error { f.Enabled = true; return nil },
		"client data": func(f *store.Flag) error { f.ClientData = `{"big": 123456789012345678901234567890}`; return nil },
		"conditions": func(f *store.Flag) error {
			f.Conditions = append(f.Conditions, carta.NewCondition(carta.Equal("x", nil)))
			return nil
		},
		"bucketer": func(f *store.Flag) error {
			f.Bucketer = carta.NewPercentageBucketer(carta.LinearRamp(0, 1, time.Unix(1700000000, 0), time.Hour))
			return nil
		},
		"all":  func(f *store.Flag) error { *f = store.Flag{Created: time.Unix(7, 0)}; return nil },
		"none": func(*store.Flag) error { return nil },
	} {
		before, err := s.Get(ctx, "X")
		if err != nil {
			t.Fatal(err)
		}
		want := before.Clone()
		_ = change(want)
		want.Name = "X"
		after, err := store.Update(ctx, s, "X", change)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		sameForeign(t, after, want)
		if changed := after.Revision != before.Revision; changed != (encoded(t, before) != encoded(t, after)) {
			t.Errorf("%s: revision changed is %t", what, changed)
		}
		if before.Revision != after.Revision {
			if _, err := s.Put(ctx, before); !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: put with an old revision: error is %v", what, err)
			}
		}
	}

	// A flag without a date gets the service's.
	begin := time.Now().Truncate(time.Second)
	if f := mustPut(t, s, &store.Flag{Name: "A"}); f.Created.Before(begin) {
		t.Errorf("created is %v", f.Created)
	}
	mustPut(t, s, &store.Flag{Name: "é/…", Enabled: true})
	var names []string
	for f, err := range s.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"A", "X", "é/…"}) {
		t.Errorf("list gives %q", names)
	}
	for _, name := range names {
		if err := s.Delete(ctx, name); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(ctx, name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get of a deleted flag: error is %v", err)
		}
	}
	w := watch(t, s)
	w.wantAll()
	if _, err, _ := w.next(); !errors.Is(err, thriftrpc.ErrNoWatch) {
		t.Errorf("watch yields %v, want ErrNoWatch", err)
	}
}

// sameForeign compares what counts of two flags: a service may group checks as it
// likes.
func sameForeign(t *testing.T, got, want *store.Flag) {
	t.Helper()
	if g, w := flattened(t, got), flattened(t, want); g != w {
		t.Errorf("flag is\n     %s\nwant %s", g, w)
	}
}

// flattened returns the flag as the Python client shows it: each check is a
// condition.
func flattened(t *testing.T, f *store.Flag) string {
	t.Helper()
	flat := f.Clone()
	flat.Conditions = nil
	var checks []carta.Check
	for _, c := range f.Conditions {
		checks = append(checks, c.Checks()...)
	}
	slices.SortStableFunc(checks, func(a, b carta.Check) int { return strings.Compare(a.Variable, b.Variable) })
	for _, check := range checks {
		flat.Conditions = append(flat.Conditions, carta.NewCondition(check))
	}
	return strconv.FormatBool(flat.Enabled) + " " + string(flat.Meta())
}

// A flag that is for some never is for everyone, at no step on its way.
func TestForeignNeverTooFar(t *testing.T) {
	inner := memoryStore(t)
	var mu sync.Mutex
	var wrong []string
	observed := &observed{Store: inner, put: func(f *store.Flag) {
		mu.Lock()
		defer mu.Unlock()
		if f.Enabled && len(f.Conditions) == 0 {
			wrong = append(wrong, encoded(t, f))
		}
	}}
	s := dial(t, serveSix(t, observed, nil))
	created := mustPut(t, s, flag("X"))
	off := created.Clone()
	off.Enabled, off.Conditions = false, nil
	stored := mustPut(t, s, off)
	on := created.Clone()
	on.Revision = stored.Revision
	mustPut(t, s, on)
	mu.Lock()
	defer mu.Unlock()
	for _, f := range wrong {
		t.Errorf("was on for everyone: %s", f)
	}
}

// observed tells of what is stored.
type observed struct {
	store.Store
	put func(*store.Flag)
}

func (o *observed) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	o.put(f)
	return o.Store.Put(ctx, f)
}

// A service that is upgraded is used as what it is from then on; one that is
// downgraded, too.
func TestForeignUpgrade(t *testing.T) {
	inner := memoryStore(t)
	service := thrift.NewService(inner, thrift.WithLogger(quiet))
	t.Cleanup(func() { _ = service.Close() })
	behind := serve(t, inner)
	var upgraded atomic.Bool
	var asked atomic.Int64
	var mu sync.Mutex
	var open []net.Conn
	address := accept(t, func(conn net.Conn) {
		mu.Lock()
		open = append(open, conn)
		mu.Unlock()
		if upgraded.Load() {
			relay(conn, behind.address, func(int64) bool { return true })
			return
		}
		serveSixOn(conn, service, func(method string) []byte {
			if method == "" {
				asked.Add(1)
			}
			return nil
		})
	})
	s := dial(t, address)
	for _, want := range []bool{false, true, false, true} {
		upgraded.Store(want)
		asked.Store(0)
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		open = nil
		mu.Unlock()
		for range 5 {
			if err := calls["Get"](t.Context(), s); !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
		}
		stored := mustPut(t, s, flag("X"))
		// Only the added methods keep the order of variables.
		if kept := encoded(t, stored) == encoded(t, flag("X")); kept != want {
			t.Errorf("upgraded %t: kept everything is %t", want, kept)
		}
		if err := s.Delete(t.Context(), "X"); err != nil {
			t.Error(err)
		}
		if n := asked.Load(); !want && n != 1 {
			t.Errorf("the foreign service was asked %d times what it has, want 1", n)
		}
	}
}

// replyCase is a reply that somebody else's service may give, and what the Python
// client makes of it.
type replyCase struct {
	ID, Kind, Note, Method string
	ReplyHex               string          `json:"reply_hex"`
	ReplyType              string          `json:"reply_type"`
	ClientView             json.RawMessage `json:"client_view"`
	ClientIsEnabled        json.RawMessage `json:"client_is_enabled"`
	Reply                  struct {
		Error *struct{ Code *int }
	}
}

func TestVectorsReplyTolerance(t *testing.T) {
	seen := map[string]int{}
	for _, c := range vectors.Cases[replyCase](t, "thrift.json") {
		if c.Kind != "reply_tolerance" {
			continue
		}
		seen[c.Method]++
		t.Run(c.ID, func(t *testing.T) {
			reply, err := hex.DecodeString(c.ReplyHex)
			if err != nil {
				t.Fatal(err)
			}
			inner := memoryStore(t)
			var served atomic.Int64
			s := dial(t, serveSix(t, inner, func(method string) []byte {
				if method == c.Method && served.Add(1) == 1 {
					return reply
				}
				return nil
			}))
			switch c.Method {
			case "Get":
				c.checkGet(t, s)
			case "Create":
				_, err = s.Put(t.Context(), &store.Flag{Name: "X"})
			case "List":
				for _, err = range s.List(t.Context()) {
				}
			case "Delete":
				mustPut(t, inner, flag("X"))
				err = s.Delete(t.Context(), "X")
			case "Set", "SetMeta":
				mustPut(t, inner, flag("X"))
				_, err = store.Update(t.Context(), s, "X", func(f *store.Flag) error {
					f.Enabled = f.Enabled != (c.Method == "Set")
					if c.Method == "SetMeta" {
						f.ClientData = `{"changed": true}`
					}
					return nil
				})
			}
			if served.Load() == 0 {
				t.Fatalf("%s was not called", c.Method)
			}
			if c.Method == "Get" {
				return
			}
			switch notFound := c.Reply.Error != nil && c.Reply.Error.Code != nil && *c.Reply.Error.Code == 0; {
			case string(c.ClientView) == `"ok"`:
				if err != nil {
					t.Errorf("%s: error is %v", c.Note, err)
				}
			case c.Method == "SetMeta" && notFound:
				// The flag has gone, says the service; Update reads it anew, and
				// it is there.
				if err != nil || served.Load() != 2 {
					t.Errorf("%s: error is %v after %d calls", c.Note, err, served.Load())
				}
			case notFound:
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("%s: error is %v, want ErrNotFound", c.Note, err)
				}
			default:
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: error is %v, want ErrUnavailable", c.Note, err)
				}
			}
		})
	}
	for _, method := range []string{"Get", "Create", "List", "Delete", "Set", "SetMeta"} {
		if seen[method] == 0 {
			t.Errorf("no case for %s", method)
		}
	}
}

func (c replyCase) checkGet(t *testing.T, s store.Store) {
	t.Helper()
	const name = "number_of_horses/org_id/locale"
	f, err := s.Get(t.Context(), name)
	switch view := string(c.ClientView); {
	case view == "null":
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v, %v; want ErrNotFound", c.Note, f, err)
		}
	case view == `"error"` && (c.ReplyType == "EXCEPTION" || c.Reply.Error != nil):
		if f != nil || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, %v; want ErrUnavailable", c.Note, f, err)
		}
	case view == `"error"`:
		if e, ok := errors.AsType[*store.UnreadableError](err); f != nil || !ok || e.Name != name {
			t.Errorf("%s: %v, %v; want that %s is unreadable", c.Note, f, err, name)
		}
	case err != nil:
		t.Errorf("%s: error is %v", c.Note, err)
	default:
		// client_data null is shown as it is, and means none.
		view := strings.Replace(string(c.ClientView), `"client_data": null`, `"client_data": {}`, 1)
		want, err := store.Decode(name, []byte(view))
		if err != nil {
			t.Fatal(err)
		}
		sameForeign(t, f, want)
		d, err := f.Evaluate(&targeting.Request{}, nil)
		if got := strconv.FormatBool(d.Enabled); err != nil || got != string(c.ClientIsEnabled) {
			t.Errorf("%s: enabled is %s, %v; want %s", c.Note, got, err, c.ClientIsEnabled)
		}
	}
}

// Checks that the stored form cannot keep in one condition are kept apart.
func TestForeignEqualChecks(t *testing.T) {
	// A condition with a > 5 and a > 9, which other services may hold together.
	var reply strings.Builder
	reply.WriteString("\x80\x01\x00\x02\x00\x00\x00\x03Get\x00\x00\x00\x00" + "\x0c\x00\x00" + "\x0c\x00\x03" +
		"\x0f\x00\x03\x0d\x00\x00\x00\x01" + "\x0b\x0f\x00\x00\x00\x01" + "\x00\x00\x00\x01a" + "\x0c\x00\x00\x00\x02")
	for _, value := range []string{"9", "5"} {
		reply.WriteString("\x0b\x00\x01\x00\x00\x00\x01a" + "\x0b\x00\x02\x00\x00\x00\x01" + value +
			"\x0c\x00\x03\x0b\x00\x01\x00\x00\x00\x02gt\x00" + "\x00")
	}
	reply.WriteString("\x00\x00\x00")
	s := dial(t, serveSix(t, memoryStore(t), func(method string) []byte {
		if method == "Get" {
			return []byte(reply.String())
		}
		return nil
	}))
	f, err := s.Get(t.Context(), "X")
	if err != nil {
		t.Fatal(err)
	}
	for age, want := range map[int]bool{4: false, 6: false, 10: true} {
		d, err := f.Evaluate(&targeting.Request{Attrs: []targeting.Attr{{Name: "a", Value: targeting.Int(int64(age))}}}, nil)
		if err != nil || d.Enabled != want {
			t.Errorf("%d: on is %t, %v", age, d.Enabled, err)
		}
	}
}

// A text that is no JSON by itself cannot smuggle in other fields.
func TestForeignInjection(t *testing.T) {
	text := `{}, "bucketer": {"type": "NoOpBucketer"}, "x": {}`
	reply := "\x80\x01\x00\x02\x00\x00\x00\x03Get\x00\x00\x00\x00" + "\x0c\x00\x00" + "\x0c\x00\x03" +
		"\x0b\x00\x02\x00\x00\x00" + string(rune(len(text))) + text + "\x00\x00\x00"
	s := dial(t, serveSix(t, memoryStore(t), func(method string) []byte {
		if method == "Get" {
			return []byte(reply)
		}
		return nil
	}))
	if f, err := s.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("get gives %v, %v; want ErrUnreadable", f, err)
	}
}

var _ io.Closer = (*thriftrpc.Store)(nil)

// The service may be upgraded while a call is under way, too.
func TestForeignUpgradeInUse(t *testing.T) {
	inner := memoryStore(t)
	behind, six := serve(t, inner), serveSix(t, inner, nil)
	var connections atomic.Int64
	s := dial(t, accept(t, func(conn net.Conn) {
		if connections.Add(1) == 1 {
			relay(conn, six, func(n int64) bool { return n <= 2 })
			return
		}
		relay(conn, behind.address, func(int64) bool { return true })
	}))
	for range 2 { // the added method and one of the six; then one of the six
		if err := calls["Get"](t.Context(), s); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	same(t, mustPut(t, s, flag("X")), flag("X"))
}

// A revision is that of what a flag means, not of how the service puts it.
func TestForeignRevision(t *testing.T) {
	forms := newStoredForms(t)
	s := dial(t, serveSix(t, forms, nil))
	revision := func(form string) string {
		t.Helper()
		forms.corrupt("X", []byte(form))
		f, err := s.Get(t.Context(), "X")
		if err != nil {
			t.Fatal(err)
		}
		return f.Revision
	}
	const form = `{"feature_name": "X", "is_enabled": true, "meta": {"client_data": {"a": 1}, "created_date": 1, "conditions": [` +
		`{"a": [{"variable": "a", "value": 1, "operator": null}], "b": [{"variable": "b", "value": 1, "operator": null}]}],` +
		` "bucketer": {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["x", "y"]}}}`
	first := revision(form)
	for what, change := range map[string][2]string{
		"white space":        {`{"a": 1}`, `{ "a":1 }`},
		"order of whitelist": {`["x", "y"]`, `["y", "x"]`},
		"order of variables": {
			`"a": [{"variable": "a", "value": 1, "operator": null}], "b": [{"variable": "b", "value": 1, "operator": null}]`,
			`"b": [{"variable": "b", "value": 1, "operator": null}], "a": [{"variable": "a", "value": 1, "operator": null}]`,
		},
	} {
		changed := strings.Replace(form, change[0], change[1], 1)
		if changed == form {
			t.Fatal(what)
		}
		if r := revision(changed); r != first {
			t.Errorf("%s: the revision differs", what)
		}
	}
	for what, change := range map[string][2]string{
		"switch":     {`true`, `false`},
		"data":       {`{"a": 1}`, `{"a": 1.0}`},
		"date":       {`"created_date": 1`, `"created_date": 2`},
		"value":      {`"value": 1,`, `"value": 2,`},
		"operator":   {`"operator": null`, `"operator": "ne"`},
		"percentage": {`0.5`, `0.25`},
		"whitelist":  {`["x", "y"]`, `["x"]`},
	} {
		changed := strings.Replace(form, change[0], change[1], 1)
		if changed == form {
			t.Fatal(what)
		}
		if r := revision(changed); r == first {
			t.Errorf("%s: the revision is the same", what)
		}
	}
}
