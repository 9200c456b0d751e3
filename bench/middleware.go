// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"net/http"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
	"github.com/flipper-go/flipper/middleware"
)

// noResponse is a response writer for handlers that do not write.
type noResponse struct{ http.ResponseWriter }

type contextKey struct{}

// guards measures middleware around a handler that does nothing.
func guards(r *runner) error {
	plainSet, ruleSet := newSet(peers.Plain, 1_000), newSet(peers.Rule, 1_000)
	_, plainClient, err := r.inMemory(plainSet.flags)
	if err != nil {
		return err
	}
	_, ruleClient, err := r.inMemory(ruleSet.flags)
	if err != nil {
		return err
	}
	plainFlag, ruleFlag := plainClient.Flag(plainSet.names[0]), ruleClient.Flag(ruleSet.names[0])

	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "/", http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("X-Plan", "pro")
	reached := 0
	handler := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	value := any("pro")
	header := middleware.WithAttributes(middleware.Header("plan", "X-Plan"))
	const (
		none, wrapper, copied  = "the handler alone", "**floor: a bare wrapper**", "**floor: Request.WithContext**"
		withValue              = "**floor: a value in the context**"
		guard, pinned, withOne = "guard, without pinned flags", "guard", "guard with one header as an attribute"
		unpinnedOne            = "guard with one header as an attribute, without pinned flags"
		within                 = "guard, within another"
	)
	further := request.WithContext(flipper.WithPinnedFlags(request.Context())) // as the guard around it makes it
	var rows []measure.Row
	for _, row := range []struct {
		name    string
		handler http.Handler
	}{
		{none, handler},
		{wrapper, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) })},
		{copied, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r.WithContext(r.Context()))
		})},
		{withValue, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, value)))
		})},
		{guard, middleware.Require(plainFlag, middleware.WithoutPinnedFlags())(handler)},
		{pinned, middleware.Require(plainFlag)(handler)},
		{within, middleware.Require(plainFlag)(handler)},
		{withOne, middleware.Require(ruleFlag, header)(handler)},
		{unpinnedOne, middleware.Require(ruleFlag, header, middleware.WithoutPinnedFlags())(handler)},
	} {
		request := request
		if row.name == within {
			request = further
		}
		rows = append(rows, measure.Row{Name: row.name, Serial: true, Run: func(n int) int {
			reached = 0
			for range n {
				row.handler.ServeHTTP(noResponse{}, request)
			}
			return reached
		}})
	}
	results, err := r.measure("guards", rows)
	if err != nil {
		return err
	}
	t := table{
		title:   "Middleware",
		note:    "Around a handler that counts. By default a guard pins flags for the request, which takes a context of its own.",
		columns: []string{"", "time", "added", "allocations"},
	}
	alone := results.find(none)
	added := func(name string) float64 { return results.find(name).Nanoseconds() - alone.Nanoseconds() }
	for _, result := range results {
		text := dash
		if result.Name != none {
			text = nanoseconds(max(0.1, added(result.Name)))
		}
		t.add(result.Name, nanoseconds(result.Nanoseconds()), text, allocations(result))
	}
	r.report.table(t)
	copies := results.find(copied).Allocations
	for _, name := range []string{guard, pinned} {
		r.report.atMost("a "+name+": time added", added(name), 30, "ns")
		r.report.atMost("a "+name+": allocations", results.find(name).Allocations, 0, "")
	}
	for _, name := range []string{withOne, unpinnedOne} {
		r.report.atMost("a "+name+": allocations beyond Request.WithContext's", results.find(name).Allocations-copies, 1, "")
	}
	r.report.fact("a "+within+": time added", nanoseconds(added(within)))
	r.report.fact("a value in the context: time added", nanoseconds(added(withValue)))
	r.report.fact("a "+withOne+": time added", nanoseconds(added(withOne)))
	return nil
}
