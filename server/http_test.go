// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// patience is how long tests wait for what has to happen.
const patience = 30 * time.Second

// await waits until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// get returns the status and the text that a path answers with.
func get(t *testing.T, address net.Addr, path string) string {
	t.Helper()
	return request(t, "http://"+address.String()+path, nil)
}

func request(t *testing.T, url string, config *tls.Config) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", response.StatusCode, body)
}

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T, address net.Addr) map[string]*dto.MetricFamily {
	t.Helper()
	return parse(t, get(t, address, "/metrics"))
}

// parse reads the answer of /metrics.
func parse(t *testing.T, answer string) map[string]*dto.MetricFamily {
	t.Helper()
	status, text, _ := strings.Cut(answer, " ")
	if status != "200" {
		t.Fatalf("/metrics: %s %s", status, text)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value returns a gauge, a counter, or the count of a histogram, of the metric that
// has the labels, given as name and value in turn. There is none if ok is false.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) (v float64, ok bool) {
	for _, metric := range families[name].GetMetric() {
		has := map[string]string{}
		for _, label := range metric.GetLabel() {
			has[label.GetName()] = label.GetValue()
		}
		matches := true
		for i := 0; i < len(labels); i += 2 {
			matches = matches && has[labels[i]] == labels[i+1]
		}
		if matches {
			return metric.GetGauge().GetValue() + metric.GetCounter().GetValue() + float64(metric.GetHistogram().GetSampleCount()), true
		}
	}
	return 0, false
}

// strictCall is a call without arguments, in the strict binary protocol.
func strictCall(method string) []byte {
	message := append([]byte{0x80, 1, 0, 1, 0, 0, 0, byte(len(method))}, method...)
	return append(message, 0, 0, 0, 1, 0)
}
