// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/api"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/ofrep"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
)

const (
	onePath = "/ofrep/v1/evaluate/flags/"
	allPath = "/ofrep/v1/evaluate/flags"
	asking  = `{"context":{"targetingKey":"user-42","plan":"pro"}}`
)

// httpAPI measures the HTTP API beside a handler of net/http that always returns the
// same bytes, and beside flagd's evaluator behind a bare handler.
func httpAPI(r *runner) error {
	if err := httpOne(r); err != nil {
		return err
	}
	return httpAll(r)
}

// httpOne asks for one flag.
func httpOne(r *runner) error {
	all := newSet(peers.Rule, 1_000)
	ours, err := r.api(all)
	if err != nil {
		return err
	}
	_, body, err := ours.ask(r.Context(), onePath+all.names[0], "")
	if err != nil {
		return err
	}
	flagd, err := flagdHandler(r, all.flags)
	if err != nil {
		return err
	}
	const floor, flipper, flagdName = "**floor: net/http, one fixed answer**", "Flipper", "flagd's evaluator behind a bare handler"
	subjects := map[string]*caller{floor: nil, flipper: ours, flagdName: nil}
	for name, handler := range map[string]http.Handler{floor: fixedAnswer(body), flagdName: flagd} {
		if subjects[name], err = r.serve(handler, ""); err != nil {
			return err
		}
	}
	results, err := r.loads("OFREP, one flag", func(clients int) []measure.Load {
		var loads []measure.Load
		for _, name := range []string{floor, flipper, flagdName} {
			loads = append(loads, client(name, clients, func(i int) error {
				response, _, err := subjects[name].ask(r.Context(), onePath+all.names[i&(asked-1)], "")
				if err == nil && response.StatusCode != http.StatusOK {
					err = fmt.Errorf("%s: %s", name, response.Status)
				}
				return err
			}))
		}
		return loads
	})
	if err != nil {
		return err
	}
	reportLoads(r, "The HTTP API: one flag", "POST to OFREP's path of one flag with one condition, over TCP on the loopback interface, with a token. "+
		"The floor reads the body too, and returns the same bytes.", floor, results)
	for _, clients := range clientCounts {
		r.report.atLeast(fmt.Sprintf("one flag over HTTP, %d connections: calls a second × a bare handler's", clients),
			results[clients].find(flipper).PerSecond()/results[clients].find(floor).PerSecond(), 0.7, "×")
	}
	return nil
}

// httpAll asks for 100 flags at once, and whether they have changed.
func httpAll(r *runner) error {
	all := newSet(peers.Rule, 100-1) // and one that is off
	ours, err := r.api(all)
	if err != nil {
		return err
	}
	first, body, err := ours.ask(r.Context(), allPath, "")
	if err != nil {
		return err
	}
	if n := strings.Count(string(body), `"key"`); n != 100 {
		return fmt.Errorf("the answer has %d flags", n)
	}
	tag := first.Header.Get("ETag")
	bare, err := r.serve(fixedAnswer(body), "")
	if err != nil {
		return err
	}
	unchanged, err := r.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNotModified)
	}), "")
	if err != nil {
		return err
	}
	const (
		floor                = "**floor: net/http, one fixed answer**"
		flipper              = "Flipper"
		floor304, flipper304 = "**floor: net/http, 304**", "Flipper, 304"
	)
	results, err := r.loads("OFREP, 100 flags", func(clients int) []measure.Load {
		var loads []measure.Load
		for _, row := range []struct {
			name   string
			caller *caller
			tag    string
			status int
		}{
			{floor, bare, "", http.StatusOK},
			{flipper, ours, "", http.StatusOK},
			{floor304, unchanged, tag, http.StatusNotModified},
			{flipper304, ours, tag, http.StatusNotModified},
		} {
			loads = append(loads, client(row.name, clients, func(int) error {
				response, _, err := row.caller.ask(r.Context(), allPath, row.tag)
				if err == nil && response.StatusCode != row.status {
					err = fmt.Errorf("%s: %s", row.name, response.Status)
				}
				return err
			}))
		}
		return loads
	})
	if err != nil {
		return err
	}
	reportLoads(r, "The HTTP API: 100 flags at once", "POST to OFREP's path of all flags, each with one condition, and the same with If-None-Match while nothing has changed.", floor, results)
	for _, clients := range clientCounts {
		r.report.atLeast(fmt.Sprintf("100 flags over HTTP, %d connections: calls a second × a bare handler's", clients),
			results[clients].find(flipper).PerSecond()/results[clients].find(floor).PerSecond(), 0.7, "×")
		r.report.atLeast(fmt.Sprintf("304 over HTTP, %d connections: calls a second × a bare handler's", clients),
			results[clients].find(flipper304).PerSecond()/results[clients].find(floor304).PerSecond(), 0.7, "×")
	}
	return nil
}

// api serves flags as flipper serve does, to those who have a token.
func (r *runner) api(all *set) (*caller, error) {
	_, flags, err := r.inMemory(all.flags)
	if err != nil {
		return nil, err
	}
	env, err := environment.New("", flags)
	if err != nil {
		return nil, err
	}
	r.Cleanup(func() { _ = env.Close() })
	environments, err := environment.NewEnvironments(env)
	if err != nil {
		return nil, err
	}
	one, secret, err := token.New("bench", token.Evaluate)
	if err != nil {
		return nil, err
	}
	a, err := access.New(environments, access.WithTokens(token.NewSet(one)), access.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	return r.serve(api.New(a, ofrep.Register), secret)
}

// A caller asks a server.
type caller struct {
	url    string
	secret string
	client *http.Client
}

// serve starts a server, and returns who asks it with a token.
func (r *runner) serve(handler http.Handler, secret string) (*caller, error) {
	listener, err := new(net.ListenConfig).Listen(r.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	r.Cleanup(func() { _ = server.Close() })
	transport := &http.Transport{MaxIdleConnsPerHost: slices.Max(clientCounts)}
	r.Cleanup(transport.CloseIdleConnections)
	return &caller{url: "http://" + listener.Addr().String(), secret: secret, client: &http.Client{Transport: transport}}, nil
}

// ask makes a call, and returns all of the answer.
func (c *caller) ask(ctx context.Context, path, tag string) (*http.Response, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, strings.NewReader(asking))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if c.secret != "" {
		request.Header.Set("Authorization", "Bearer "+c.secret)
	}
	if tag != "" {
		request.Header.Set("If-None-Match", tag)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

// fixedAnswer is the least that a handler can do: it reads the question, and returns the
// same bytes to each.
func fixedAnswer(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

// flagdHandler puts the least around flagd's evaluator.
func flagdHandler(r *runner, flags []peers.Flag) (http.Handler, error) {
	i := slices.IndexFunc(peers.All(), func(p peers.Peer) bool { return p.Module == "github.com/open-feature/flagd/core" })
	flagd, err := peers.All()[i].New(flags)
	if err != nil {
		return nil, err
	}
	r.Cleanup(flagd.Close)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Context struct{ Plan string } }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		key := strings.TrimPrefix(r.URL.Path, onePath)
		var answer bytes.Buffer
		on := flagd.Rule(key, body.Context.Plan)
		_ = json.NewEncoder(&answer).Encode(map[string]any{"key": key, "value": on, "reason": "TARGETING_MATCH", "variant": "on"})
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer.Bytes())
	}), nil
}
