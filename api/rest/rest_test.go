// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/rest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const flags = "/api/v1/feature-flags"

// A door is the API over flags in memory, and the client of whoever owns them.
type door struct {
	*flipper.FeatureFlagClient
	url    string
	client *http.Client
}

func open(t *testing.T, s store.Store, opts ...access.Option) *door {
	t.Helper()
	d := &door{FeatureFlagClient: flipper.New(s), client: &http.Client{Transport: &http.Transport{}}}
	env, err := environment.New("production", d.FeatureFlagClient)
	if err != nil {
		t.Fatal(err)
	}
	environments, err := environment.NewEnvironments(env)
	if err != nil {
		t.Fatal(err)
	}
	quiet := access.WithLogger(slog.New(slog.DiscardHandler))
	a, err := access.New(environments, append([]access.Option{quiet}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.New(a, rest.Register))
	d.url = server.URL
	t.Cleanup(func() {
		_ = env.Close() // ends streams
		d.client.CloseIdleConnections()
		server.Close()
	})
	return d
}

// An answer is what a call got.
type answer struct {
	status int
	body   string
	header http.Header
}

// call makes a call with headers, each written as "Name: value".
func (d *door) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	response, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, strings.TrimSpace(string(text)), response.Header}
}

func (a answer) want(t *testing.T, status int, parts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("got status %d, want %d: %s", a.status, status, a.body)
	}
	for _, part := range parts {
		if !strings.Contains(a.body, part) {
			t.Errorf("%q is missing in %s", part, a.body)
		}
	}
	if status >= http.StatusBadRequest && a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a problem of type %q: %s", a.header.Get("Content-Type"), a.body)
	}
	return a
}

const staff = `{"version":1,"off":"off","default":"off","rules":[{"name":"staff","if":[{"attribute":"role","op":"is","values":["staff"]}],"serve":"on"}]}`

func TestFlagLife(t *testing.T) {
	d := open(t, memory.New())
	path := flags + "/NEW_CHECKOUT"
	d.call(t, "GET", path, "").want(t, 404, "NEW_CHECKOUT")
	created := d.call(t, "PUT", path, `{"client_data":{"owner":"shop","size":1.0,"big":123456789012345678901234567890},"rules":`+staff+`}`, "If-None-Match: *").
		want(t, 201, `"enabled":false`, `"size":1.0`, `123456789012345678901234567890`, `"serve":"on"`)
	if created.header.Get("ETag") == "" {
		t.Error("no ETag")
	}
	d.call(t, "PUT", path, `{}`, "If-None-Match: *").want(t, 412, `"current":{"name":"NEW_CHECKOUT"`)
	d.call(t, "GET", path, "", "If-None-Match: "+created.header.Get("ETag")).want(t, 304)
	got := d.call(t, "GET", path, "").want(t, 200, `"state":"off`)
	if got.header.Get("ETag") != created.header.Get("ETag") {
		t.Errorf("ETag %q, then %q", created.header.Get("ETag"), got.header.Get("ETag"))
	}

	enabled := d.call(t, "POST", path+"/enable", "", "If-Match: "+got.header.Get("ETag")).want(t, 200, `"enabled":true`)
	lost := d.call(t, "POST", path+"/disable", "", "If-Match: "+got.header.Get("ETag")).want(t, 412, `"current":`, `"enabled":true`)
	if lost.header.Get("ETag") != enabled.header.Get("ETag") {
		t.Errorf("a lost race shows %q, not %q", lost.header.Get("ETag"), enabled.header.Get("ETag"))
	}
	d.call(t, "DELETE", path, "", "If-Match: "+got.header.Get("ETag")).want(t, 412)

	d.call(t, "PATCH", path, `{"enabled":false,"client_data":{"owner":null,"team":"search"},"rules":{"default":"on"}}`).
		want(t, 200, `"enabled":false`, `"team":"search"`, `"size":1.0`, `"default":"on"`, `"name":"staff"`)
	d.call(t, "PATCH", path, `{"rules":null}`, "Content-Type: application/merge-patch+json").want(t, 200, `"rules":null`)
	d.call(t, "PUT", path, `{"enabled":true}`).want(t, 200, `"client_data":{}`, `"enabled":true`)
	d.call(t, "DELETE", path, "").want(t, 204)
	d.call(t, "DELETE", path, "").want(t, 404)
	d.call(t, "POST", path+"/enable", "").want(t, 404)
}

func TestCartaModel(t *testing.T) {
	d := open(t, memory.New())
	path := flags + "/OLD"
	carta := `{"conditions":[{"age":[{"variable":"age","value":18,"operator":"gte"}]}],"bucketer":{"type":"PercentageBucketer","percentage":{"type":"Percentage","value":0.5}}}`
	d.call(t, "PUT", path, `{"carta":`+carta+`}`).want(t, 201, `"operator":"gte"`, `"PercentageBucketer"`)
	d.call(t, "PUT", path+"/rules", staff).want(t, 200, `"serve":"on"`)
	d.call(t, "PATCH", path, `{"carta":`+carta+`}`).want(t, 409, "rules")
	d.call(t, "PUT", path, `{"carta":`+carta+`}`).want(t, 200, `"rules":null`)
	d.call(t, "POST", path+"/rules", `{"serve":"on"}`).want(t, 409, "Carta's model")
	d.call(t, "PUT", path, `{"carta":`+carta+`,"rules":`+staff+`}`).want(t, 422, "one of the two")
}

// A flag says why Unleash's server-side clients do not get it.
func TestUnleash(t *testing.T) {
	d := open(t, memory.New())
	path := flags + "/HALF"
	d.call(t, "PUT", path, `{"enabled":true}`)
	if got := d.call(t, "GET", path, "").want(t, 200); strings.Contains(got.body, "unleash") {
		t.Errorf("a plain flag: %s", got.body)
	}
	split := `{"version":1,"off":"off","default":"off","rules":[{"split":{"by":"user_id","shares":[{"variant":"on","share":50000}]}}]}`
	d.call(t, "PUT", path+"/rules", split).want(t, 200)
	d.call(t, "GET", path, "").want(t, 200, `"unleash":"rules[0].split: Unleash puts users into other buckets"`)
}

func TestRules(t *testing.T) {
	d := open(t, memory.New())
	d.call(t, "PUT", flags+"/A", `{"enabled":true}`).want(t, 201)
	path := flags + "/A/rules"
	d.call(t, "GET", path, "").want(t, 200, "null")
	d.call(t, "POST", path, `{"name":"b","if":[{"attribute":"x","op":"exists"}],"serve":"on"}`).want(t, 200)
	d.call(t, "POST", path+"?position=0", `{"name":"a","serve":"off"}`).want(t, 200)
	names := func() string {
		var definition struct{ Rules []struct{ Name string } }
		if err := json.Unmarshal([]byte(d.call(t, "GET", path, "").want(t, 200).body), &definition); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, r := range definition.Rules {
			all = append(all, r.Name)
		}
		return strings.Join(all, " ")
	}
	if got := names(); got != "a b" {
		t.Errorf("rules are %s", got)
	}
	d.call(t, "POST", path+"/1/move", `{"to":0}`).want(t, 200)
	d.call(t, "PUT", path+"/1", `{"name":"c","serve":"off"}`).want(t, 200)
	if got := names(); got != "b c" {
		t.Errorf("rules are %s", got)
	}
	d.call(t, "DELETE", path+"/0", "").want(t, 200)
	d.call(t, "DELETE", path+"/7", "").want(t, 422, "7")
	d.call(t, "PUT", path+"/x", `{}`).want(t, 422, "path.position")
	if got := names(); got != "c" {
		t.Errorf("rules are %s", got)
	}
	d.call(t, "DELETE", path, "").want(t, 200, `"rules":null`)

	// What is wrong is named, with the place in the body.
	d.call(t, "PUT", path, strings.Replace(staff, `["staff"]`, `[]`, 1)).want(t, 422, `"location":"body.rules[0].if[0].values"`)
	d.call(t, "PUT", flags+"/A", `{"rules":`+strings.Replace(staff, `"serve":"on"`, `"serve":"blue"`, 1)+`}`).
		want(t, 422, `"location":"body.rules.rules[0].serve"`, `write on or off`)
	d.call(t, "PUT", path, strings.Replace(staff, `"off":"off"`, `"off":"off","off":"on"`, 1)).want(t, 422, "twice")
	d.call(t, "PATCH", flags+"/A", `{"client_data":{"$rules":{}}}`).want(t, 422, "reserved")
}

func TestClientData(t *testing.T) {
	d := open(t, memory.New())
	d.call(t, "PUT", flags+"/A", `{"rules":`+staff+`}`).want(t, 201)
	path := flags + "/A/client-data"
	d.call(t, "PUT", path, `{"a":{"b":1,"c":2}}`).want(t, 200, `"serve":"on"`)
	d.call(t, "PATCH", path, `{"a":{"b":null}}`).want(t, 200)
	if got := d.call(t, "GET", path, "").want(t, 200); got.body != `{"a":{"c":2}}` {
		t.Errorf("got %s", got.body)
	}
	d.call(t, "PUT", path, `[]`).want(t, 422, "expected object")
}

func TestList(t *testing.T) {
	d := open(t, memory.New())
	for i := range 25 {
		data := map[string]any{"owner": fmt.Sprintf("Team %d", i%2)}
		if _, err := d.Create(t.Context(), fmt.Sprintf("FLAG_%02d", i), flipper.WithClientData(data)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(query string) (names []string) {
		cursor := ""
		for {
			var page struct {
				Flags      []struct{ Name string }
				NextCursor string `json:"next_cursor"`
			}
			got := d.call(t, "GET", flags+"?"+query+"&cursor="+cursor, "").want(t, 200)
			if err := json.Unmarshal([]byte(got.body), &page); err != nil {
				t.Fatal(err)
			}
			for _, f := range page.Flags {
				names = append(names, f.Name)
			}
			if cursor = page.NextCursor; cursor == "" {
				return names
			}
		}
	}
	if all := read("limit=10"); len(all) != 25 || all[0] != "FLAG_00" || all[24] != "FLAG_24" {
		t.Errorf("got %q", all)
	}
	if found := read("limit=5&search=team+1"); len(found) != 12 {
		t.Errorf("found %q", found)
	}
	if found := read("search=flag_07"); len(found) != 1 {
		t.Errorf("found %q", found)
	}
	d.call(t, "GET", flags+"?limit=0", "").want(t, 422, "query.limit")
	d.call(t, "GET", flags+"?cursor=***", "").want(t, 422, "cursor")
}

func TestBatch(t *testing.T) {
	d := open(t, memory.New())
	for _, name := range []string{"A", "B"} {
		d.call(t, "PUT", flags+"/"+name, `{}`).want(t, 201)
	}
	ten := `{"op":"enable","name":"A"},{"op":"create","name":"segment:staff","rules":` + staff + `},` +
		`{"op":"add-rule","name":"A","rule":{"if":[{"flag":"segment:staff","is":["on"]}],"serve":"on"}},` +
		`{"op":"patch","name":"B","client_data":{"owner":"x"}},{"op":"create","name":"C"},{"op":"enable","name":"C"},` +
		`{"op":"put","name":"D","enabled":true},{"op":"put","name":"B","enabled":true},{"op":"disable","name":"D"},`
	for _, c := range []struct {
		last   string
		status int
		want   string
	}{
		{`{"op":"enable","name":"MISSING"}`, 404, "operations[9]"},
		{`{"op":"delete","name":"segment:staff"}`, 409, "even_if_asked"},
		{`{"op":"add-rule","name":"A","rule":{"serve":"blue"}}`, 422, "operations[9]"},
		{`{"op":"paint","name":"A"}`, 422, "op"},
		{`{"op":"enable","name":"A","revision":"nope"}`, 412, "operations[9]"},
	} {
		d.call(t, "POST", flags+"/batch", `{"operations":[`+ten+c.last+`]}`).want(t, c.status, c.want)
		if f, err := d.Get(t.Context(), "A"); err != nil || f.Enabled {
			t.Errorf("%s: half of it was done: %v, %v", c.last, f, err)
		}
	}
	d.call(t, "POST", flags+"/batch", `{"operations":[`+ten+`{"op":"delete","name":"C"}]}`).
		want(t, 200, `"name":"A","what":["switched on"`, `"name":"D"`)
	if exists, err := d.Exists(t.Context(), "C"); err != nil || exists {
		t.Errorf("C exists: %t, %v", exists, err)
	}
}

// TestEvaluate asks as the clients of the integration guide do.
func TestEvaluate(t *testing.T) {
	d := open(t, memory.New())
	d.call(t, "PUT", flags+"/ON", `{"enabled":true}`).want(t, 201)
	d.call(t, "PUT", flags+"/OFF", `{}`).want(t, 201)
	d.call(t, "PUT", flags+"/STAFF", `{"enabled":true,"rules":`+staff+`}`).want(t, 201)
	d.call(t, "PUT", flags+"/USER", `{"enabled":true,"rules":`+strings.NewReplacer(`"role"`, `"user_id"`, `"staff"]`, `42]`).Replace(staff)+`}`).want(t, 201)
	for body, want := range map[string]string{
		`{"flag_name":"ON","user_id":"u1","environment":"production"}`:         `{"enabled":true,"reason":"STATIC"}`,
		`{"flag_name":"OFF","user_id":"u1"}`:                                   `{"enabled":false,"reason":"DISABLED"}`,
		`{"flag_name":"NOPE","user_id":"u1"}`:                                  `{"enabled":false,"reason":"FLAG_NOT_FOUND"}`,
		`{"flag_name":"STAFF","attributes":{"role":"staff"}}`:                  `{"enabled":true,"reason":"TARGETING_MATCH"}`,
		`{"flag_name":"STAFF","user_id":"staff"}`:                              `{"enabled":false,"reason":"DEFAULT"}`,
		`{"flag_name":"USER","user_id":"42"}`:                                  `{"enabled":true,"reason":"TARGETING_MATCH"}`,
		`{"flag_name":"USER","user_id":42}`:                                    `{"enabled":true,"reason":"TARGETING_MATCH"}`,
		`{"flag_name":"USER","user_id":"42","attributes":{"user_id":"other"}}`: `{"enabled":false,"reason":"DEFAULT"}`,
	} {
		if got := d.call(t, "POST", flags+"/evaluate", body).want(t, 200); got.body != want {
			t.Errorf("%s: got %s, want %s", body, got.body, want)
		}
	}
	want := `{"NOPE":{"enabled":false,"reason":"FLAG_NOT_FOUND"},"ON":{"enabled":true,"reason":"STATIC"},"USER":{"enabled":true,"reason":"TARGETING_MATCH"}}`
	if got := d.call(t, "POST", flags+"/evaluate/batch?user_id=42&environment=production", `["ON","USER","NOPE"]`).want(t, 200); got.body != want {
		t.Errorf("got %s, want %s", got.body, want)
	}
	d.call(t, "POST", flags+"/evaluate", `{"flag_name":"ON","environment":"staging"}`).want(t, 400, "production")
	d.call(t, "POST", flags+"/evaluate", `{"user_id":"u1"}`).want(t, 422, "flag_name")
	d.call(t, "POST", flags+"/evaluate", `{"flag_name":"ON","user_id":["u1"]}`).want(t, 422, "user_id")
	d.call(t, "POST", flags+"/evaluate", `{"flag_name":"ON","attribute":{}}`).want(t, 422, "attribute")
	d.call(t, "POST", flags+"/evaluate", `flag_name=ON`, "Content-Type: application/x-www-form-urlencoded").want(t, 415, "application/json")
}

// TestNames keeps flags under names that are tricky in a path.
func TestNames(t *testing.T) {
	d := open(t, memory.New())
	for _, name := range []string{
		"a/b", "//", "..", ".", "../../etc/passwd", "a%2Fb", "%", "%zz", "a b", "a?b=c", "a#b", "a+b", `a\b`, "ä€😀", "a\nb", "a\x00b",
		"evaluate", "batch", "changes", "rules", "enable", "a:b@c", ";", "a\r\nX-Injected: yes", "{name}", strings.Repeat("n", 1024),
	} {
		path := flags + "/" + escape(name)
		var shown struct{ Name string }
		put := d.call(t, "PUT", path, `{"enabled":true}`).want(t, 201)
		if err := json.Unmarshal([]byte(put.body), &shown); err != nil || shown.Name != name {
			t.Errorf("%q is stored as %q: %v", name, shown.Name, err)
		}
		got := d.call(t, "GET", path, "").want(t, 200)
		if got.header.Get("X-Injected") != "" {
			t.Errorf("%q injects a header", name)
		}
		d.call(t, "POST", path+"/disable", "").want(t, 200, `"enabled":false`)
		d.call(t, "GET", path+"/rules", "").want(t, 200)
		if exists, err := d.Exists(t.Context(), name); err != nil || !exists {
			t.Errorf("%q: %t, %v", name, exists, err)
		}
		d.call(t, "DELETE", path, "").want(t, 204)
	}
	for _, name := range []string{strings.Repeat("n", 1025), "a\xffb"} {
		d.call(t, "PUT", flags+"/"+escape(name), `{}`).want(t, 422, "name")
	}
	d.call(t, "GET", flags+"/", "").want(t, 404)
	// net/http takes the segment of nothing but a slash for the end of a folder.
	d.call(t, "PUT", flags+"/%2F", `{}`).want(t, 404)
}

// escape writes a name as one segment of a path. A segment of dots would be taken for a
// folder.
func escape(name string) string { return strings.ReplaceAll(url.PathEscape(name), ".", "%2E") }

func TestChanges(t *testing.T) {
	d := open(t, memory.New())
	read := func(lastID string) (next func() (event, id, data string), stop func()) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/api/v1/changes", nil)
		if err != nil {
			t.Fatal(err)
		}
		if lastID != "" {
			r.Header.Set("Last-Event-ID", lastID)
		}
		response, err := d.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if response.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("content type %q", response.Header.Get("Content-Type"))
		}
		lines := bufio.NewScanner(response.Body)
		return func() (event, id, data string) {
			for lines.Scan() {
				name, value, _ := strings.Cut(lines.Text(), ": ")
				switch name {
				case "event":
					event = value
				case "id":
					id = value
				case "data":
					return event, id, value
				}
			}
			return "end", "", ""
		}, func() { response.Body.Close() }
	}
	next, stop := read("")
	event, first, _ := next()
	if event != "resync" {
		t.Errorf("a stream begins with %q", event)
	}
	d.call(t, "PUT", flags+"/a%0Ab", `{"enabled":true}`).want(t, 201)
	event, second, data := next()
	if event != "change" || !strings.Contains(data, `"name":"a\nb","enabled":true`) {
		t.Errorf("got %s %s", event, data)
	}
	stop()
	d.call(t, "DELETE", flags+"/a%0Ab", "").want(t, 204)

	next, stop = read(second) // goes on where it was
	if event, _, data := next(); event != "change" || !strings.Contains(data, `"deleted":true`) {
		t.Errorf("got %s %s", event, data)
	}
	stop()
	for _, unknown := range []string{"other-1", "x", first[:8] + "-99999"} {
		next, stop = read(unknown)
		if event, _, _ := next(); event != "resync" {
			t.Errorf("after %s: got %s", unknown, event)
		}
		stop()
	}
}

func TestDocument(t *testing.T) {
	d := open(t, memory.New())
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	got := d.call(t, "GET", "/api/v1/openapi.json", "").want(t, 200)
	if err := json.Unmarshal([]byte(got.body), &document); err != nil || !strings.HasPrefix(document.OpenAPI, "3.1") || len(document.Paths) < 12 {
		t.Errorf("the document: %v, %d paths, %v", document.OpenAPI, len(document.Paths), err)
	}
	page := d.call(t, "GET", "/api/v1/docs", "").want(t, 200, "/api/v1/feature-flags/evaluate", "If-Match")
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	for _, bad := range []string{"<script", "http://", "https://", "style=", "onclick"} {
		if strings.Contains(page.body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
}

func TestDeep(t *testing.T) {
	d := open(t, memory.New())
	for _, deep := range []string{
		strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000),
		strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000),
		strings.Repeat("[", 500_000),
	} {
		for _, body := range []string{deep, `{"client_data":{"a":` + deep + `}}`, `{"rules":` + deep + `}`} {
			if a := d.call(t, "PUT", flags+"/A", body); a.status < 400 || a.status >= 500 || len(a.body) > 2000 {
				t.Errorf("got %d, %.200s", a.status, a.body)
			}
		}
		if a := d.call(t, "POST", flags+"/evaluate", `{"flag_name":"A","attributes":{"a":`+deep+`}}`); a.status < 400 || a.status >= 500 {
			t.Errorf("got %d, %.200s", a.status, a.body)
		}
	}
	d.call(t, "PUT", flags+"/A", `{"client_data":{"a":"`+strings.Repeat("x", 2<<20)+`"}}`).want(t, 413, "1048576")
	d.call(t, "PUT", flags+"/A", `{"client_data":{"a":"`+strings.Repeat("x", 900_000)+`"}}`).want(t, 422)
	d.call(t, "GET", flags, "").want(t, 200, `"flags":[]`)
}
