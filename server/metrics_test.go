// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/server"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/thrift"
)

func TestMetrics(t *testing.T) {
	s := memory.New()
	address, http, stop := start(t, s, server.WithVersion("v1.2.3"),
		server.WithMetricLabels(map[string]string{"environment": "test", "instance_id": ""}))
	client := thriftrpc.New(address.String())
	features := flipper.New(client)
	for _, name := range []string{"A", "B", "C"} {
		if _, err := features.Create(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := features.Enable(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(t.Context(), "MISSING"); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	watching, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for range client.Watch(watching) {
		}
	}()

	for _, c := range []struct {
		name   string
		want   float64
		labels []string
	}{
		{"flipper_ready", 1, nil},
		{"flipper_store_up", 1, nil},
		{"flipper_store_data_age_seconds", 0, nil},
		{"flipper_flags", 1, []string{"state", "enabled"}},
		{"flipper_flags", 2, []string{"state", "disabled"}},
		{"flipper_flags", 0, []string{"state", "unreadable"}},
		{"flipper_build_info", 1, []string{"version", "v1.2.3"}},
		{"flipper_thrift_calls_total", 1, []string{"method", "GetStored", "outcome", "not_found"}},
		{"flipper_thrift_watches", 1, nil},
		{"flipper_thrift_connections_refused_total", 0, nil},
		{"flipper_store_failures_total", 0, []string{"class", "timeout"}},
	} {
		await(t, c.name+strings.Join(c.labels, " "), func() bool {
			got, ok := value(scrape(t, http), c.name, append([]string{"environment", "test"}, c.labels...)...)
			return ok && got == c.want
		})
	}
	families := scrape(t, http)
	calls, _ := value(families, "flipper_thrift_calls_total", "method", "GetStored", "outcome", "not_found")
	timed, _ := value(families, "flipper_thrift_call_duration_seconds", "method", "GetStored")
	if timed < calls {
		t.Errorf("%v calls were timed, of %v at least", timed, calls)
	}
	open, _ := value(families, "flipper_thrift_connections")
	opened, _ := value(families, "flipper_thrift_connections_opened_total")
	if open < 1 || opened < open {
		t.Errorf("%v of %v connections are open", open, opened)
	}
	for _, name := range []string{"process_start_time_seconds", "go_goroutines"} {
		if v, ok := value(families, name); !ok || v <= 0 {
			t.Errorf("%s is %v", name, v)
		}
	}
	if _, ok := value(families, "flipper_ready", "instance_id", ""); !ok {
		t.Error("a label without value is shown")
	}

	cancel()
	<-watched
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	await(t, "no connections, no watches", func() bool {
		families := scrape(t, http)
		open, _ := value(families, "flipper_thrift_connections")
		watches, _ := value(families, "flipper_thrift_watches")
		return open == 0 && watches == 0
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// A brokenStore fails, but for the monitor's question.
type brokenStore struct {
	store.Store
	err error
}

func (s *brokenStore) Get(ctx context.Context, name string) (*store.Flag, error) {
	if name == "" {
		return s.Store.Get(ctx, name)
	}
	return nil, s.err
}

// Failures of the store are counted by class.
func TestStoreFailures(t *testing.T) {
	for class, err := range map[string]error{
		"timeout":     context.DeadlineExceeded,
		"unavailable": store.ErrUnavailable,
		"other":       errors.New("no idea"),
	} {
		address, http, stop := start(t, &brokenStore{memory.New(), err})
		client := thriftrpc.New(address.String())
		if _, err := client.Get(t.Context(), "X"); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", class, err)
		}
		families := scrape(t, http)
		for _, each := range []string{"timeout", "unavailable", "unreadable", "other"} {
			want := 0.
			if each == class {
				want = 1
			}
			if got, _ := value(families, "flipper_store_failures_total", "class", each); got != want {
				t.Errorf("%s: %v failures of class %s", class, got, each)
			}
		}
		if got, _ := value(families, "flipper_thrift_calls_total", "method", "GetStored", "outcome", "unavailable"); got != 1 {
			t.Errorf("%s: %v calls", class, got)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

// What clients send makes no new labels, and hostile messages are counted.
func TestBoundedLabels(t *testing.T) {
	address, http, stop := start(t, memory.New())
	for _, method := range []string{"Frobnicate", "Frobnicate2", "\xff\xfe"} {
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(strictCall(method)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		conn.Close()
	}
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn)
	conn.Close()

	var series []string
	for _, metric := range scrape(t, http)["flipper_thrift_calls_total"].GetMetric() {
		var labels []string
		for _, label := range metric.GetLabel() {
			labels = append(labels, label.GetValue())
		}
		series = append(series, strings.Join(labels, " "))
	}
	for _, got := range series {
		if !slices.Contains([]string{"unknown unknown_method", "unknown bad_message"}, got) {
			t.Errorf("series %q", got)
		}
	}
	if len(series) == 0 {
		t.Error("nothing is counted")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestConnectionMetrics(t *testing.T) {
	address, http, stop := start(t, memory.New(), server.WithServerOptions(thrift.WithMaxConnections(1)))
	for range 2 {
		conn, err := net.Dial("tcp", address.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	await(t, "one made room", func() bool {
		n, _ := value(scrape(t, http), "flipper_thrift_connections_evicted_total")
		return n == 1
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestMetricNames(t *testing.T) {
	_, http, stop := start(t, memory.New())
	for name, family := range scrape(t, http) {
		if !regexp.MustCompile(`^(flipper|go|process)_[a-z0-9_]+$`).MatchString(name) || family.GetHelp() == "" {
			t.Errorf("%s: %q", name, family.GetHelp())
		}
		if counts := family.GetType().String() == "COUNTER"; counts != strings.HasSuffix(name, "_total") && strings.HasPrefix(name, "flipper_") {
			t.Errorf("%s is a %v", name, family.GetType())
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestMetricLabelsThatAreNone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := server.Run(ctx, memory.New(), server.WithListen("127.0.0.1:0"), server.WithHTTP(""), quiet,
		server.WithMetricLabels(map[string]string{"\xff": "x"}))
	if err == nil || !strings.Contains(err.Error(), "label") {
		t.Errorf("%v, want an error", err)
	}
}

// Profiles are served only if asked for, and a long one does not hold up a stop.
func TestPprof(t *testing.T) {
	_, http, stop := start(t, memory.New())
	if got := get(t, http, "/debug/pprof/"); !strings.HasPrefix(got, "404") {
		t.Errorf("without being asked for: %.20q", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}

	_, http, stop = start(t, memory.New(), server.WithPprof())
	for _, path := range []string{"", "goroutine?debug=1", "heap", "cmdline", "symbol"} {
		if got := get(t, http, "/debug/pprof/"+path); !strings.HasPrefix(got, "200") {
			t.Errorf("%s: %.40q", path, got)
		}
	}
	profiling := make(chan string, 1)
	go func() { profiling <- get(t, http, "/debug/pprof/trace?seconds=600") }()
	await(t, "the profile is under way", func() bool {
		return strings.Contains(get(t, http, "/debug/pprof/goroutine?debug=1"), "pprof.Trace")
	})
	if err := stop(); err != nil {
		t.Error(err)
	}
	<-profiling
}
