// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package prometheustest runs a real Prometheus server for tests.
package prometheustest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/childprocess"
)

// patience is how long to wait for what has to happen.
const patience = 30 * time.Second

// A Server is a Prometheus that scrapes one target several times a second.
type Server struct {
	t       testing.TB
	process *childprocess.Process
	address string
	client  http.Client
}

var listening = regexp.MustCompile(`msg="Listening on" address=([\d.:]+)`)

// Start starts a Prometheus that scrapes /metrics of an address such as
// 127.0.0.1:9091 until the test ends, with the rules in files of these paths.
func Start(t testing.TB, target string, rules ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	var config strings.Builder
	fmt.Fprintf(&config, "global: {scrape_interval: 200ms, evaluation_interval: 200ms}\nscrape_configs:\n  - {job_name: test, static_configs: [{targets: [%q]}]}\nrule_files:\n", target)
	for _, path := range rules {
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&config, "  - %q\n", absolute)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t}
	t.Cleanup(s.client.CloseIdleConnections)
	s.process = childprocess.Start(t, "prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	s.await("Prometheus is ready", func() error {
		match := listening.FindStringSubmatch(s.process.Output())
		if match == nil {
			return fmt.Errorf("it does not listen:\n%s", s.process.Output())
		}
		s.address = match[1]
		return s.get("/-/ready", nil)
	})
	return s
}

func (s *Server) await(what string, check func() error) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("not after %v: %s: %v", patience, what, err)
		}
	}
}

// get gets a page and reads its JSON into result, unless that is nil.
func (s *Server) get(path string, result any) error {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %s", path, response.Status)
	}
	if result == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(result)
}

// Query evaluates an expression now. It returns the values by the labels, written
// as in {a="1",b="2"}, without those that Prometheus itself adds.
func (s *Server) Query(expression string) (map[string]string, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := s.get("/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, sample := range answer.Data.Result {
		var labels []string
		for _, name := range slices.Sorted(maps.Keys(sample.Metric)) {
			if name != "__name__" && name != "instance" && name != "job" {
				labels = append(labels, fmt.Sprintf("%s=%q", name, sample.Metric[name]))
			}
		}
		values["{"+strings.Join(labels, ",")+"}"] = fmt.Sprint(sample.Value[1])
	}
	return values, nil
}

// Await waits until an expression has just these values; see [Server.Query].
func (s *Server) Await(expression string, want map[string]string) {
	s.t.Helper()
	s.await(expression, func() error {
		got, err := s.Query(expression)
		if err == nil && !maps.Equal(got, want) {
			err = fmt.Errorf("it gives %v, want %v", got, want)
		}
		return err
	})
}

// Alerts returns the names of the alerts in the rules, once all of them were
// evaluated, and fails the test if one of them cannot be.
func (s *Server) Alerts() (names []string) {
	s.t.Helper()
	s.await("rules are evaluated", func() error {
		var answer struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, Health, LastError string }
				}
			}
		}
		if err := s.get("/api/v1/rules", &answer); err != nil {
			return err
		}
		names = nil
		for _, group := range answer.Data.Groups {
			for _, rule := range group.Rules {
				if rule.Health != "ok" {
					return fmt.Errorf("%s is %s: %s", rule.Name, rule.Health, rule.LastError)
				}
				names = append(names, rule.Name)
			}
		}
		return nil
	})
	return names
}
