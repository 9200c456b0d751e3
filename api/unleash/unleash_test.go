// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/api/unleash"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A served is a server of one environment, and a token for each role that matters.
type served struct {
	t      *testing.T
	url    string
	client *flipper.FeatureFlagClient
	env    *environment.Environment
	log    *strings.Builder
	secret map[token.Role]string
}

func serve(t *testing.T) *served {
	t.Helper()
	flags := memory.New()
	t.Cleanup(func() { flags.Close() })
	s := &served{t: t, client: flipper.New(flags), log: new(strings.Builder), secret: make(map[token.Role]string)}
	var err error
	s.env, err = environment.New("production", s.client)
	check(t, err)
	environments, err := environment.NewEnvironments(s.env)
	check(t, err)
	var tokens []token.Token
	for _, role := range []token.Role{token.Evaluate, token.Read} {
		one, secret, err := token.New(role.String(), role, "production")
		check(t, err)
		tokens = append(tokens, one)
		s.secret[role] = secret
	}
	a, err := access.New(environments, access.WithTokens(token.NewSet(tokens...)), access.WithLogger(slog.New(slog.NewTextHandler(s.log, nil))))
	check(t, err)
	server := httptest.NewServer(api.New(a, unleash.Register))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// ask makes a call, with the token as Unleash's clients send it.
func (s *served) ask(role token.Role, method, path, body string, headers ...string) (status int, text string, header http.Header) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	check(s.t, err)
	r.Header.Set("Authorization", s.secret[role])
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	check(s.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	check(s.t, err)
	return response.StatusCode, string(answer), response.Header
}

func (s *served) want(status int, body string, role token.Role, method, path, sent string) {
	s.t.Helper()
	gotStatus, got, _ := s.ask(role, method, path, sent)
	if gotStatus != status || !strings.Contains(got, body) || body == "" && got != "" {
		s.t.Errorf("%s %s %s: %d %s, want %d %s", method, path, sent, gotStatus, got, status, body)
	}
}

func (s *served) create(name string, opts ...flipper.CreateOption) {
	s.t.Helper()
	_, err := s.client.Create(s.t.Context(), name, append(opts, flipper.WithEnabled(true))...)
	check(s.t, err)
}

func serving(variant string, conditions ...rules.Condition) flipper.CreateOption {
	return flipper.WithRules(rules.Definition{Off: "off", Default: "off", Rules: []rules.Rule{{If: conditions, Serve: variant}}})
}

func TestFrontend(t *testing.T) {
	s := serve(t)
	s.create("BY_USER", serving("on", rules.Is("user_id", 42)))
	s.create("BY_PLAN", serving("on", rules.Is("plan", "pro")))
	s.create("THEME", flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "light", Value: targeting.Text("#fff")}, {Name: "dark", Value: targeting.Text("<#000>")}},
		Off:      "light", Default: "dark",
	}))
	s.create("KILLED", serving("on", rules.Is("user_id", 42)))
	check(t, s.client.SetRules(t.Context(), "KILLED", rules.Definition{Off: "off", Default: "on"}))
	check(t, s.client.Disable(t.Context(), "KILLED"))

	theme := `{"name":"THEME","enabled":true,"impressionData":false,"variant":{"name":"dark","enabled":true,"feature_enabled":true,"payload":{"type":"string","value":"<#000>"}}}`
	on := func(name string) string {
		return `{"name":"` + name + `","enabled":true,"impressionData":false,"variant":{"name":"disabled","enabled":false,"feature_enabled":true}}`
	}
	toggles := func(all ...string) string { return `{"toggles":[` + strings.Join(all, ",") + `]}` }
	get := func(query, want string) {
		t.Helper()
		s.want(http.StatusOK, want, token.Evaluate, http.MethodGet, "/api/frontend"+query, "")
	}
	get("", toggles(theme))
	get("?userId=42&sessionId=&appName=shop&environment=default", toggles(on("BY_USER"), theme))
	get("?userId=7&user_id=42", toggles(on("BY_USER"), theme)) // what the context says itself stands
	get("?properties[plan]=pro", toggles(on("BY_PLAN"), theme))
	get("?properties%5Bplan%5D=pro&plan=free", toggles(theme))
	get("?plan=pro", toggles(on("BY_PLAN"), theme)) // unknown fields are properties
	get("?properties[userId]=42", toggles(on("BY_USER"), theme))

	post := func(body, want string) {
		t.Helper()
		s.want(http.StatusOK, want, token.Evaluate, http.MethodPost, "/api/frontend", body)
	}
	post("", toggles(theme))
	post("{}", toggles(theme))
	post(`{"context":null}`, toggles(theme))
	post(`{"context":{"userId":"42","properties":{"plan":"pro"}}}`, toggles(on("BY_PLAN"), on("BY_USER"), theme))
	post(`{"context":{"userId":42}}`, toggles(on("BY_USER"), theme))
	post(`{"context":{"userId":"","properties":{"userId":"42"}}}`, toggles(on("BY_USER"), theme))

	for body, want := range map[string]string{
		"{":                        "the body is not JSON",
		"[]":                       "the body is list, not an object",
		`{"context":"42"}`:         "context: it is text, not an object",
		strings.Repeat("[", 10000): "the body is not JSON",
	} {
		s.want(http.StatusBadRequest, want, token.Evaluate, http.MethodPost, "/api/frontend", body)
	}
}

func TestNotModified(t *testing.T) {
	s := serve(t)
	s.create("A")
	for _, path := range []string{"/api/frontend?userId=1", "/api/client/features"} {
		_, _, header := s.ask(token.Read, http.MethodGet, path, "")
		tag := header.Get("ETag")
		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag} {
			status, body, header := s.ask(token.Read, http.MethodGet, path, "", "If-None-Match", known)
			if status != http.StatusNotModified || body != "" || header.Get("ETag") != tag {
				t.Errorf("%s with %s: %d %s", path, known, status, body)
			}
		}
		s.create("B" + tag)
		if status, _, header := s.ask(token.Read, http.MethodGet, path, "", "If-None-Match", tag); status != http.StatusOK || header.Get("ETag") == tag {
			t.Errorf("%s after a change: %d", path, status)
		}
	}
}

func TestRoles(t *testing.T) {
	s := serve(t)
	s.want(http.StatusForbidden, `"name":"ForbiddenError","message":"The token's role is evaluate`, token.Evaluate, http.MethodGet, "/api/client/features", "")
	s.want(http.StatusUnauthorized, `"name":"UnauthorizedError"`, token.Admin, http.MethodGet, "/api/frontend", "") // whose secret is empty
	for _, path := range []string{"/api/frontend/client/register", "/api/frontend/client/metrics", "/api/client/register", "/api/client/metrics"} {
		s.want(http.StatusAccepted, "", token.Evaluate, http.MethodPost, path, `{"appName":"shop"}`)
	}
	s.want(http.StatusRequestEntityTooLarge, "too large", token.Evaluate, http.MethodPost, "/api/client/metrics", strings.Repeat("x", access.DefaultMaxBody+1))
}

// What the server-side clients do not get is named in the log, once for each change.
func TestLeftOut(t *testing.T) {
	s := serve(t)
	s.create("PLAIN")
	s.create("HALF", serving("on", rules.Not(rules.Is("plan", "pro"))))
	for range 3 {
		s.want(http.StatusOK, `{"version":2,"features":[{"name":"PLAIN",`, token.Read, http.MethodGet, "/api/client/features", "")
	}
	if log := s.log.String(); strings.Count(log, "HALF") != 1 || !strings.Contains(log, "rules[0].if[0].not") {
		t.Errorf("the log: %s", log)
	}
}

func TestSupported(t *testing.T) {
	s := serve(t)
	_, err := s.client.CreateSegment(t.Context(), "beta", rules.Is("plan", "beta"))
	check(t, err)
	_, err = s.client.CreateSegment(t.Context(), "not", rules.Not(rules.Is("plan", "beta")))
	check(t, err)
	s.create("PLAIN")
	any12 := rules.Any(rules.Is("a", 1), rules.Is("a", 2), rules.Is("a", 3), rules.Is("a", 4), rules.Is("a", 5), rules.Is("a", 6))
	for name, test := range map[string]struct {
		conditions []rules.Condition
		want       string // of the reason, "" if it is supported
	}{
		"text":              {[]rules.Condition{rules.Is("plan", "pro")}, ""},
		"whole number":      {[]rules.Condition{rules.Is("plan", 42, 7.0)}, ""},
		"fraction":          {[]rules.Condition{rules.Is("plan", 0.5)}, "rules[0].if[0].values[0]: Unleash's contexts hold text, and 0.5 equals no text"},
		"boolean":           {[]rules.Condition{rules.Is("plan", "a", true)}, "values[1]"},
		"empty text":        {[]rules.Condition{rules.Is("plan", "")}, "white space"},
		"spaces":            {[]rules.Condition{rules.Is("plan", "pro\u00a0")}, "white space"},
		"order mark":        {[]rules.Condition{rules.StartsWith("plan", "\ufeffx")}, "white space"},
		"negated":           {[]rules.Condition{rules.Not(rules.Is("plan", "pro"))}, "rules[0].if[0].not"},
		"numbers":           {[]rules.Condition{rules.Greater("age", 18)}, "rules[0].if[0].op"},
		"pointer":           {[]rules.Condition{rules.Is("/a/b", "x")}, "no objects"},
		"prototype":         {[]rules.Condition{rules.Is("toString", "x")}, "JavaScript"},
		"share":             {[]rules.Condition{rules.InRange("user_id", "", 0, 10)}, "rules[0].if[0].share"},
		"segment":           {[]rules.Condition{rules.InSegment("beta")}, ""},
		"outside segment":   {[]rules.Condition{rules.Not(rules.InSegment("beta"))}, "an earlier rule"},
		"negated segment":   {[]rules.Condition{rules.InSegment("not")}, `flag "segment:not": rules[0].if[0].not`},
		"plain flag":        {[]rules.Condition{rules.Flag("PLAIN", "on")}, ""},
		"plain flag is off": {[]rules.Condition{rules.Flag("PLAIN", "off")}, ""},
		"too many":          {[]rules.Condition{any12, any12, any12, any12}, "more than 1000 strategies"},
	} {
		s.create(name, serving("on", test.conditions...))
		f, err := s.client.Get(t.Context(), name)
		check(t, err)
		err = unleash.Supported(t.Context(), s.env, f)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(unleash.Reason(err), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	s.create("carta", flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro"))))
	s.create("bucketer", flipper.WithBucketer(carta.NewPercentageBucketer(carta.FixedPercentage(0.5))))
	for name, supported := range map[string]bool{"carta": false, "bucketer": false} {
		f, err := s.client.Get(t.Context(), name)
		check(t, err)
		if err := unleash.Supported(t.Context(), s.env, f); (err == nil) != supported {
			t.Errorf("%s: %v", name, err)
		}
		check(t, s.client.Disable(t.Context(), name))
		f, err = s.client.Get(t.Context(), name)
		check(t, err)
		if err := unleash.Supported(t.Context(), s.env, f); err != nil {
			t.Errorf("%s, disabled: %v", name, err)
		}
	}
}
