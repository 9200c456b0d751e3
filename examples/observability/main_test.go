// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var logged bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- run(ctx, "memory:", listener, &logged, 1) }()

	var client http.Client
	defer client.CloseIdleConnections()
	get := func(path string) string {
		t.Helper()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listener.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	if got := get("/search"); got != "the new search\n" {
		t.Errorf("/search gives %q", got)
	}
	metrics := get("/metrics")
	for _, line := range []string{
		`flipper_evaluations_total{enabled="true",error_type="",flag="NEW_SEARCH",reason="static"} 1`,
		`flipper_store_call_duration_seconds_count{operation="put"} 1`,
		`flipper_stale_flags 0`,
		`flipper_impressions_dropped_total 0`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("/metrics has no line %s:\n%s", line, metrics)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	log := logged.String()
	if want := `"msg":"flag evaluated","feature_flag":{"key":"NEW_SEARCH","enabled":true,"reason":"static","variant":"on","attributes":{"plan":"pro"}}}`; !strings.Contains(log, want) {
		t.Errorf("logged %s, want %s", log, want)
	}
	if strings.Contains(log, "someone@example.com") {
		t.Error("personal data is logged")
	}
}
