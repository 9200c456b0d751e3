// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/targeting"
)

// details is what OpenFeature's SDKs in JavaScript say of an evaluation.
type details struct {
	FlagKey   string `json:"flagKey"`
	Value     any    `json:"value"`
	Reason    string `json:"reason"`
	Variant   string `json:"variant"`
	ErrorCode string `json:"errorCode"`
}

// request is what a client has asked.
type request struct {
	Path, FlagConfigEtag, IfNoneMatch, Etag, RetryAfter string
	Status                                              int
}

// contextOf returns that of a user, as OpenFeature's SDKs send it.
func contextOf(user string) map[string]any {
	if user == "" {
		return map[string]any{}
	}
	return map[string]any{"targetingKey": user, "plan": "pro"}
}

// createFlags makes a flag of each kind.
func createFlags(t *testing.T, s *server) {
	t.Helper()
	s.create(t, "ON", plain)
	s.create(t, "KILLED", plain)
	must(t, s.client.Disable(t.Context(), "KILLED"))
	s.create(t, "team/ON ü", plain)
	s.create(t, "text", mineAndOther(targeting.Text("blue"), targeting.Text("")))
	s.create(t, "int", mineAndOther(targeting.Int(42), targeting.Int(0)))
	s.create(t, "float", mineAndOther(targeting.Float(0.25), targeting.Float(1)))
	s.create(t, "object", mineAndOther(
		targeting.Object(targeting.Member{Key: "sizes", Value: targeting.List(targeting.Int(1), targeting.Float(2.5))}), targeting.Object()))
	s.create(t, "split", everybodyByUser)
	s.create(t, "split killed", everybodyByUser)
	must(t, s.client.Disable(t.Context(), "split killed"))
}

// question is one that all clients in JavaScript are asked, and what is expected.
type question struct {
	kind, key string
	otherwise any
	want      details
}

// sizes is the value of the flag called object, for user u1.
var sizes = map[string]any{"sizes": []any{1.0, 2.5}}

func questionsOf(user string) []question {
	questions := []question{
		{"Boolean", "ON", false, details{"ON", true, "STATIC", "on", ""}},
		// What is off is off, whatever the caller's default.
		{"Boolean", "KILLED", true, details{"KILLED", false, "STATIC", "off", ""}},
		{"Boolean", "split killed", true, details{"split killed", false, "STATIC", "off", ""}},
		{"Boolean", "NONE", true, details{"NONE", true, "ERROR", "", "FLAG_NOT_FOUND"}},
		{"String", "ON", "x", details{"ON", "x", "ERROR", "", "TYPE_MISMATCH"}},
	}
	if user == "u1" {
		return append(questions,
			question{"String", "text", "x", details{"text", "blue", "TARGETING_MATCH", "mine", ""}},
			question{"Number", "int", -1, details{"int", 42.0, "TARGETING_MATCH", "mine", ""}},
			question{"Number", "float", -1, details{"float", 0.25, "TARGETING_MATCH", "mine", ""}},
			question{"Object", "object", []any{}, details{"object", sizes, "TARGETING_MATCH", "mine", ""}},
			question{"Boolean", "split", false, details{"split", true, "SPLIT", "on", ""}},
		)
	}
	questions = append(questions,
		question{"String", "text", "x", details{"text", "", "DEFAULT", "other", ""}},
		question{"Number", "int", -1, details{"int", 0.0, "DEFAULT", "other", ""}},
		question{"Number", "float", -1, details{"float", 1.0, "DEFAULT", "other", ""}},
		question{"Object", "object", sizes, details{"object", map[string]any{}, "DEFAULT", "other", ""}},
	)
	if user == "" { // who lacks what a split is by is not let in, by no default
		return append(questions, question{"Boolean", "split", true, details{"split", false, "DEFAULT", "off", ""}})
	}
	return append(questions, question{"Boolean", "split", false, details{"split", true, "SPLIT", "on", ""}})
}

const emptyPage = `<!doctype html><title>Test</title>`

// OpenFeature's web SDK, in a browser, on a page of another origin.
func TestWebProvider(t *testing.T) {
	page := newPage(t, emptyPage, "web.mjs")
	s := serve(t, setup{origin: page.origin})
	page.open("")
	createFlags(t, s)
	s.create(t, "LATER", plain)

	page.call(nil, "start", s.url, "", contextOf("u1"))
	page.checkAll("u1")
	var requests []request
	page.call(&requests, "requests")
	if len(requests) != 1 || requests[0].Path != "/ofrep/v1/evaluate/flags" || requests[0].Status != http.StatusOK || requests[0].Etag == "" {
		t.Fatalf("at the start it asked %+v", requests)
	}
	tag := requests[0].Etag

	// Nothing has changed.
	page.call(nil, "refresh")
	page.call(&requests, "requests")
	if len(requests) != 1 || requests[0].Status != http.StatusNotModified || requests[0].IfNoneMatch != tag {
		t.Errorf("to ask again it asked %+v", requests)
	}

	// A change arrives by the event stream: the provider does not poll.
	var d details
	for i := range 3 {
		began := time.Now()
		want := i%2 == 1
		if want {
			must(t, s.client.Enable(t.Context(), "LATER"))
		} else {
			must(t, s.client.Disable(t.Context(), "LATER"))
		}
		page.awaitChange("LATER")
		t.Logf("the page heard of a change after %s", time.Since(began))
		page.call(&d, "details", "Boolean", "LATER", !want)
		if d.Value != want {
			t.Errorf("after the change: got %+v", d)
		}
		page.call(&requests, "requests")
		if len(requests) != 1 || requests[0].Status != http.StatusOK || requests[0].FlagConfigEtag == "" {
			t.Errorf("after an event it asked %+v", requests)
		}
	}

	// Other users have other answers.
	for _, user := range []string{"u2", ""} {
		page.call(nil, "setContext", contextOf(user))
		page.checkAll(user)
	}
	var streams []string
	page.call(&streams, "streams")
	if slices.ContainsFunc(streams, func(uri string) bool { return !strings.HasPrefix(uri, s.url+"/ofrep/v1/events?") }) {
		t.Errorf("the event streams are %q", streams)
	}
	page.call(nil, "close")
}

// A page that is opened again shows what it kept, and hears of changes all the same: it
// gets 304, and the event stream whose address it kept.
func TestWebProviderKeeps(t *testing.T) {
	page := newPage(t, emptyPage, "web.mjs")
	secrets := newTokens(t)
	secret := secrets.create(t, "page", token.Evaluate)
	s := serve(t, setup{origin: page.origin, tokens: secrets.file})
	page.open("")
	s.create(t, "ON", plain)
	const mode = "local-cache-first" // the provider's default
	for _, status := range []int{http.StatusOK, http.StatusNotModified} {
		page.call(nil, "start", s.url, secret, contextOf("u1"), mode)
		page.call(nil, "asked")
		var requests []request
		page.call(&requests, "requests")
		if len(requests) != 1 || requests[0].Status != status {
			t.Fatalf("it asked %+v, want one answer %d", requests, status)
		}
		var d details
		page.call(&d, "details", "Boolean", "ON", false)
		if d.Value != true || (d.Reason == "CACHED") != (status == http.StatusNotModified) {
			t.Errorf("answered %d: got %+v", status, d)
		}
		if status == http.StatusOK {
			page.call(nil, "close")
		}
	}
	must(t, s.client.Disable(t.Context(), "ON"))
	page.awaitChange("ON")
	var d details
	page.call(&d, "details", "Boolean", "ON", true)
	if d.Value != false || d.Reason != "STATIC" {
		t.Errorf("after a change: got %+v", d)
	}
	page.call(nil, "close")
}

// What a browser's page is told that may not ask, or not so often.
func TestWebProviderRefused(t *testing.T) {
	page := newPage(t, emptyPage, "web.mjs")
	secrets := newTokens(t)
	secret := secrets.create(t, "page", token.Evaluate)
	s := serve(t, setup{origin: page.origin, tokens: secrets.file, rate: "0.01"})
	page.open("")
	s.create(t, "ON", plain)

	var message string
	page.call(&message, "start", s.url, "wrong", contextOf("u1"))
	if !strings.HasPrefix(message, "PROVIDER_FATAL") || !strings.Contains(message, "OFREPApiUnauthorizedError") {
		t.Errorf("with a wrong token it says %q", message)
	}
	page.call(&message, "start", s.url, secret, contextOf("u1"))
	if message != "" {
		t.Fatalf("with a token it says %q", message)
	}
	var d details
	page.call(&d, "details", "Boolean", "ON", false)
	if d.Value != true {
		t.Errorf("got %+v", d)
	}
	var requests []request
	for range 5 {
		page.call(nil, "setContext", contextOf("u2"))
		page.call(&requests, "requests")
		if len(requests) == 0 {
			break // it was told to wait, and waits
		}
	}
	if len(requests) > 0 {
		t.Errorf("it still asks %+v", requests)
	}
	page.call(nil, "close")
}

// checkAll asks all questions for a user.
func (r *remote) checkAll(user string, context ...any) {
	r.t.Helper()
	for _, q := range questionsOf(user) {
		var got details
		r.call(&got, "details", append([]any{q.kind, q.key, q.otherwise}, context...)...)
		if diff := cmp.Diff(q.want, got); diff != "" {
			r.t.Errorf("user %q, %s %s (-want +got):\n%s", user, q.kind, q.key, diff)
		}
	}
}

// awaitChange waits until the provider says that a flag has changed.
func (r *remote) awaitChange(flag string) {
	r.t.Helper()
	for {
		var e struct {
			Event, Message string
			FlagsChanged   []string
		}
		r.call(&e, "event")
		if slices.Contains(e.FlagsChanged, flag) {
			return
		}
		if e.Event != "PROVIDER_CONFIGURATION_CHANGED" {
			r.t.Fatalf("the provider says %+v", e)
		}
	}
}
