// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package ofrep_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/ofrep"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A fixture is the protocol over flags in memory.
type fixture struct {
	env     *environment.Environment
	client  *flipper.FeatureFlagClient
	handler http.Handler
}

func newFixture(t *testing.T, clientOptions []flipper.Option, opts ...access.Option) *fixture {
	t.Helper()
	flags := memory.New()
	t.Cleanup(func() { flags.Close() })
	f := &fixture{client: flipper.New(flags, clientOptions...)}
	env, err := environment.New("production", f.client)
	must(t, err)
	t.Cleanup(func() { env.Close() })
	f.env = env
	environments, err := environment.NewEnvironments(env)
	must(t, err)
	a, err := access.New(environments, append([]access.Option{access.WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	must(t, err)
	f.handler = api.New(a, ofrep.Register)
	return f
}

func (f *fixture) create(t *testing.T, name string, enabled bool) {
	t.Helper()
	_, err := f.client.Create(t.Context(), name)
	must(t, err)
	if enabled {
		must(t, f.client.Enable(t.Context(), name))
	}
}

func (f *fixture) setRules(t *testing.T, name string, d rules.Definition) {
	t.Helper()
	f.create(t, name, true)
	must(t, f.client.SetRules(t.Context(), name, d))
}

// call sends a request from this machine.
func (f *fixture) call(t *testing.T, method, target, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:4711"
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

const flags = "/ofrep/v1/evaluate/flags"

func object(text string) targeting.Value {
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		panic(err)
	}
	return v
}

// variants makes a definition that serves the value to user u1 and the other to others.
func variants(value, other targeting.Value) rules.Definition {
	return rules.Definition{
		Variants: []targeting.Variant{{Name: "other", Value: other}, {Name: "mine", Value: value}},
		Off:      "other", Default: "other",
		Rules: []rules.Rule{{Name: "secret name", If: rules.All(rules.Is("user_id", "u1")), Serve: "mine"}},
	}
}

func TestEvaluate(t *testing.T) {
	f := newFixture(t, nil)
	f.create(t, "ON", true)
	f.create(t, "OFF", false)
	f.create(t, "a/b c", true)
	f.create(t, "a/", true)
	f.create(t, "%2F", true)
	f.create(t, "Grün", true)
	f.setRules(t, "text", variants(targeting.Text("mine \"\n</script>"), targeting.Text("")))
	f.setRules(t, "int", variants(object("12345678901234567890"), targeting.Int(1)))
	f.setRules(t, "float", variants(targeting.Float(0.1), targeting.Float(1)))
	f.setRules(t, "object", variants(object(`{"a": [1, 1.5, null, {"b": true}]}`), object("[]")))
	f.setRules(t, "split", rules.Definition{Default: "off", Rules: []rules.Rule{{Split: rules.Percent("user_id", 100, "on")}}})
	f.setRules(t, "killed", rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey", Default: "blue",
	})
	must(t, f.client.Disable(t.Context(), "killed"))
	f.setRules(t, "asks nobody", rules.Definition{Default: "off", Rules: []rules.Rule{{If: rules.All(rules.Flag("ON", "on")), Serve: "on"}}})
	f.create(t, "carta", true)
	must(t, f.client.AddCondition(t.Context(), "carta", carta.NewCondition(carta.Greater("age", 17))))

	const u1 = `{"context": {"targetingKey": "u1"}}`
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/ON", u1, 200, `{"key": "ON", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/OFF", u1, 200, `{"key": "OFF", "value": false, "reason": "STATIC", "variant": "off"}`},
		{"/killed", u1, 200, `{"key": "killed", "value": "#888", "reason": "STATIC", "variant": "grey"}`},
		{"/a/b%20c", u1, 200, `{"key": "a/b c", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/a%2Fb%20c", u1, 200, `{"key": "a/b c", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/a%2F", u1, 200, `{"key": "a/", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/a/", u1, 200, `{"key": "a/", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/%252F", u1, 200, `{"key": "%2F", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/Gr%C3%BCn", u1, 200, `{"key": "Grün", "value": true, "reason": "STATIC", "variant": "on"}`},
		{"/text", u1, 200, `{"key": "text", "value": "mine \"\n</script>", "reason": "TARGETING_MATCH", "variant": "mine"}`},
		{"/text", `{}`, 200, `{"key": "text", "value": "", "reason": "DEFAULT", "variant": "other"}`},
		{"/text", ``, 200, `{"key": "text", "value": "", "reason": "DEFAULT", "variant": "other"}`},
		{"/text", `{"context": null}`, 200, `{"key": "text", "value": "", "reason": "DEFAULT", "variant": "other"}`},
		{"/text", `{"context": {"user_id": "u1"}}`, 200, `{"key": "text", "value": "mine \"\n</script>", "reason": "TARGETING_MATCH", "variant": "mine"}`},
		{"/text", `{"context": {"user_id": "u2", "targetingKey": "u1"}}`, 200, `{"key": "text", "value": "", "reason": "DEFAULT", "variant": "other"}`},
		{"/int", u1, 200, `{"key": "int", "value": 12345678901234567890, "reason": "TARGETING_MATCH", "variant": "mine"}`},
		{"/float", u1, 200, `{"key": "float", "value": 0.1, "reason": "TARGETING_MATCH", "variant": "mine"}`},
		{"/float", `{}`, 200, `{"key": "float", "value": 1.0, "reason": "DEFAULT", "variant": "other"}`},
		{"/object", u1, 200, `{"key": "object", "value": {"a": [1, 1.5, null, {"b": true}]}, "reason": "TARGETING_MATCH", "variant": "mine"}`},
		{"/split", u1, 200, `{"key": "split", "value": true, "reason": "SPLIT", "variant": "on"}`},
		{"/split", `{"context": {"targetingKey": 42}}`, 200, `{"key": "split", "value": true, "reason": "SPLIT", "variant": "on"}`},
		// Who lacks what a split is by is not let in, and neither is the caller's default.
		{"/split", `{"context": {"targetingKey": null}}`, 200, `{"key": "split", "value": false, "reason": "DEFAULT", "variant": "off"}`},

		{"/NONE", u1, 404, `{"key": "NONE", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "There is no such flag."}`},
		{"/NONE", ``, 404, `{"key": "NONE", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "There is no such flag."}`},
		{"/ON", `{`, 400, `{"key": "ON", "errorCode": "PARSE_ERROR"}`},
		{"/ON", `[]`, 400, `{"key": "ON", "errorCode": "PARSE_ERROR"}`},
		{"/ON", `{"context": 5}`, 400, `{"key": "ON", "errorCode": "INVALID_CONTEXT", "errorDetails": "context: it is int: send an object."}`},
		{"/ON", `{"context": {"targetingKey": ["u1"]}}`, 400, `{"key": "ON", "errorCode": "INVALID_CONTEXT", "errorDetails": "context.targetingKey: it is list: send text."}`},
		{"/carta", `{"context": {"age": "old"}}`, 400, `{"key": "carta", "errorCode": "INVALID_CONTEXT", "errorDetails": "An attribute of the context is of a kind that the flag cannot compare."}`},
		{"/ON?environment=nowhere", u1, 400, `{"key": "ON", "errorCode": "GENERAL"}`},
		{"/ON", `{"context": {"x": ` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}}`, 400, `{"key": "ON", "errorCode": "PARSE_ERROR"}`},
		{"/ON", `{"context": {"x": "` + strings.Repeat("x", 1<<20) + `"}}`, 413, `{"key": "ON", "errorCode": "GENERAL"}`},
	} {
		w := f.call(t, http.MethodPost, flags+c.path, c.body)
		if w.Code != c.status || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %.80s: got %d %s, want %d", c.path, c.body, w.Code, w.Header().Get("Content-Type"), c.status)
		}
		got, want := object(w.Body.String()), object(c.want)
		if c.status != 200 && !strings.Contains(c.want, "errorDetails") {
			text := strings.TrimSuffix(c.want, "}") + `, "errorDetails": ` + details(got) + "}"
			want = object(text)
		}
		if got.String() != want.String() {
			t.Errorf("%s %.80s: got %s\nwant %s", c.path, c.body, got, want)
		}
		if strings.Contains(w.Body.String(), "secret name") {
			t.Errorf("%s: the answer tells of a rule: %s", c.path, w.Body)
		}
	}
	w := f.call(t, http.MethodPost, flags+"/ON", "{}", "Content-Length", "")
	if w.Code != 200 {
		t.Errorf("got %d", w.Code)
	}
	for path, status := range map[string]int{"/x/../ON": 307, "/x//ON": 307} { // net/http's way: no other flag is asked
		if w := f.call(t, http.MethodPost, flags+path, u1); w.Code != status {
			t.Errorf("%s: got %d %s, want %d", path, w.Code, w.Body, status)
		}
	}
	if w := f.call(t, http.MethodGet, flags+"/ON", ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: got %d", w.Code)
	}
}

// details returns the text of an error's details, which must be there.
func details(answer targeting.Value) string {
	for _, m := range answer.Members() {
		if text, ok := m.Value.AsText(); ok && m.Key == "errorDetails" && text != "" {
			return m.Value.String()
		}
	}
	return `"are missing"`
}

// What needs the targeting key and has none fails alone; so does what cannot be read.
func TestOneFlagFails(t *testing.T) {
	f := newFixture(t, []flipper.Option{flipper.WithRequiredAttributes("user_id")})
	f.create(t, "GOOD", true)
	f.create(t, "OFF", false)
	f.create(t, "ASKS", true)
	f.create(t, "ASKED", true)
	must(t, f.client.SetRules(t.Context(), "ASKS", rules.Definition{Default: "off", Rules: []rules.Rule{{If: rules.All(rules.Flag("ASKED", "on")), Serve: "on"}}}))
	must(t, f.client.Destroy(t.Context(), "ASKED", flipper.EvenIfAsked()))
	unreadable, err := store.Decode("BAD", []byte(`{"feature_name": "BAD", "meta": {"created_date": 1, "client_data": {"$rules": {"version": 99}}}, "is_enabled": true, "bucketer": {"type": "NoOpBucketer"}, "conditions": []}`))
	must(t, err)
	_, err = f.client.Store().Put(t.Context(), unreadable)
	must(t, err)

	type entry struct {
		Key, ErrorCode string
		Value          any
	}
	for body, want := range map[string][]entry{
		`{"context": {"targetingKey": "u1"}}`: {
			{Key: "ASKS", ErrorCode: "GENERAL"}, {Key: "BAD", ErrorCode: "PARSE_ERROR"}, {Key: "GOOD", Value: true}, {Key: "OFF", Value: false},
		},
		``: {
			{Key: "ASKS", ErrorCode: "TARGETING_KEY_MISSING"}, {Key: "BAD", ErrorCode: "TARGETING_KEY_MISSING"}, {Key: "GOOD", ErrorCode: "TARGETING_KEY_MISSING"}, {Key: "OFF", Value: false},
		},
	} {
		w := f.call(t, http.MethodPost, flags, body)
		var got struct{ Flags []entry }
		must(t, json.Unmarshal(w.Body.Bytes(), &got))
		if diff := cmp.Diff(want, got.Flags); diff != "" || w.Code != 200 {
			t.Errorf("%q: got %d (-want +got):\n%s", body, w.Code, diff)
		}
		for _, e := range want {
			status := map[string]int{"": 200, "GENERAL": 500}[e.ErrorCode]
			if status == 0 {
				status = 400
			}
			w := f.call(t, http.MethodPost, flags+"/"+e.Key, body)
			var got entry
			must(t, json.Unmarshal(w.Body.Bytes(), &got))
			if w.Code != status || !cmp.Equal(got, e) {
				t.Errorf("%s %q: got %d %+v, want %d %+v", e.Key, body, w.Code, got, status, e)
			}
		}
	}
}

// An answer about all flags is valid until something changes that it depends on.
func TestEntityTag(t *testing.T) {
	a, secretA, _ := token.New("a", token.Evaluate)
	b, secretB, _ := token.New("b", token.Evaluate)
	f := newFixture(t, nil, access.WithTokens(token.NewSet(a, b)))
	f.create(t, "A", true)
	f.setRules(t, "mine", variants(targeting.Bool(true), targeting.Bool(false)))
	const u1, u2 = `{"context":{"targetingKey":"u1"}}`, `{"context":{"targetingKey":"u2"}}`
	ask := func(secret, path, body, tag string) *httptest.ResponseRecorder {
		t.Helper()
		return f.call(t, http.MethodPost, path, body, "Authorization", "Bearer "+secret, "If-None-Match", tag)
	}
	first := ask(secretA, flags, u1, "")
	tag := first.Header().Get("ETag")
	if first.Code != 200 || !strings.HasPrefix(tag, `"`) {
		t.Fatalf("got %d, ETag %s: %s", first.Code, tag, first.Body)
	}
	var answer struct {
		Flags        []map[string]any
		Metadata     map[string]any
		EventStreams []struct {
			Type               string
			Endpoint           struct{ RequestURI, Origin string }
			InactivityDelaySec int
		}
	}
	must(t, json.Unmarshal(first.Body.Bytes(), &answer))
	if len(answer.Flags) != 2 || answer.Metadata["environment"] != "production" || len(answer.EventStreams) != 1 {
		t.Fatalf("got %s", first.Body)
	}
	if s := answer.EventStreams[0]; s.Type != "sse" || s.InactivityDelaySec != 120 || !strings.HasPrefix(s.Endpoint.RequestURI, "/ofrep/v1/events?") || strings.Contains(s.Endpoint.RequestURI, secretA) {
		t.Errorf("got %+v", s)
	}
	for name, c := range map[string]struct {
		secret, path, body, tag string
		status                  int
	}{
		"again":               {secretA, flags, u1, tag, 304},
		"slash":               {secretA, flags + "/", u1, tag, 304},
		"weak":                {secretA, flags, u1, "W/" + tag, 304},
		"one of several":      {secretA, flags, u1, `"x", ` + tag, 304},
		"another":             {secretA, flags, u1, `"x"`, 200},
		"any":                 {secretA, flags, u1, `*`, 200},
		"another user":        {secretA, flags, u2, tag, 200},
		"another token":       {secretB, flags, u1, tag, 200},
		"our configuration":   {secretA, flags + "?flagConfigEtag=" + revisionIn(answer.EventStreams[0].Endpoint.RequestURI), u1, tag, 304},
		"other configuration": {secretA, flags + "?flagConfigEtag=%22x%22", u1, tag, 200},
		"modified before":     {secretA, flags + "?flagConfigLastModified=1000000000", u1, tag, 304},
		"modified later":      {secretA, flags + "?flagConfigLastModified=9000000000", u1, tag, 200},
		"modified at a date":  {secretA, flags + "?flagConfigLastModified=2200-01-01T00:00:00Z", u1, tag, 200},
		"modified nonsense":   {secretA, flags + "?flagConfigLastModified=x", u1, tag, 304},
		"wrong token":         {"x" + secretA, flags, u1, tag, 401},
	} {
		w := ask(c.secret, c.path, c.body, c.tag)
		if w.Code != c.status || (w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != tag)) {
			t.Errorf("%s: got %d, ETag %s: %s", name, w.Code, w.Header().Get("ETag"), w.Body)
		}
	}
	must(t, f.client.Disable(t.Context(), "A"))
	if w := ask(secretA, flags, u1, tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("after a change: got %d", w.Code)
	}
	must(t, f.client.Enable(t.Context(), "A"))
	if w := ask(secretA, flags, u1, tag); w.Code != 304 {
		t.Errorf("after it was changed back: got %d", w.Code)
	}
	if w := ask(secretA, flags, `{"context":5}`, tag); w.Code != 400 || w.Header().Get("ETag") != "" {
		t.Errorf("bad context: got %d, ETag %s", w.Code, w.Header().Get("ETag"))
	}
}

func revisionIn(uri string) string {
	_, since, _ := strings.Cut(uri, "since=")
	since, _, _ = strings.Cut(since, "&")
	return "%22" + since + "%22"
}

// Errors of access come in the protocol's form.
func TestRefused(t *testing.T) {
	evaluator, secret, _ := token.New("evaluator", token.Evaluate, "staging")
	busy, busySecret, _ := token.New("busy", token.Evaluate)
	f := newFixture(t, nil, access.WithTokens(token.NewSet(evaluator, busy)), access.WithRate(0.001, 1))
	f.create(t, "A", true)
	for _, c := range []struct {
		path, secret string
		status       int
		retry        bool
	}{
		{flags + "/A", "wrong", 401, false},
		{flags + "/A?environment=production", secret, 403, false},
		{flags + "/A", busySecret, 200, false},
		{flags + "/A", busySecret, 429, true},
		{flags, busySecret, 429, true},
	} {
		w := f.call(t, http.MethodPost, c.path, "{}", "X-API-Key", c.secret)
		var got struct {
			Key, ErrorCode *string
			ErrorDetails   string
		}
		must(t, json.Unmarshal(w.Body.Bytes(), &got))
		if w.Code != c.status || (w.Header().Get("Retry-After") != "") != c.retry {
			t.Errorf("%s: got %d, Retry-After %q", c.path, w.Code, w.Header().Get("Retry-After"))
		}
		if c.status != 200 && (got.ErrorCode == nil || got.ErrorDetails == "" || (got.Key != nil) != (c.path != flags)) {
			t.Errorf("%s: got %s", c.path, w.Body)
		}
	}
}
