// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/internal/storeurl"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpen(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
	file := filepath.Join(t.TempDir(), "flags.db")
	for url, place := range map[string]string{
		"memory:":                             "memory",
		"bolt:" + file:                        file,
		"bolt://" + file:                      file,
		"thrift://flags:1":                    "flags:1",
		"thrifts://flags:1?server_name=other": "flags:1",
		"redis://user:secret@127.0.0.1:1/2?base_key=team&dial_timeout=1s": "redis://127.0.0.1:1/2",
		"rediss://127.0.0.1:1": "rediss://127.0.0.1:1",
		"redis+cluster://user:secret@127.0.0.1:1?addr=127.0.0.1:2":          "redis://127.0.0.1:1",
		"redis+sentinel://127.0.0.1:1/0?master_name=flags&addr=127.0.0.1:2": "redis://127.0.0.1:1/0",
		"consul://127.0.0.1:2?base_key=team/features":                       "consul://127.0.0.1:2",
		"consul:": "consul://127.0.0.1:1",
	} {
		s, err := storeurl.Open(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if !strings.HasPrefix(s.Place, place) || strings.Contains(s.Place, "secret") {
			t.Errorf("%s: place %q, want %q", url, s.Place, place)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", url, err)
		}
	}
}

func TestOpenUnknown(t *testing.T) {
	for url, want := range map[string]string{
		"":                          "use memory:",
		"flags.db":                  "use memory:",
		"mysql://secret@x":          "use memory:",
		"memory:x":                  "memory: alone",
		"bolt:":                     "path",
		"bolt://flags.db":           "bolt:///PATH",
		"thrift:127.0.0.1:1":        "thrift://HOST:PORT",
		"thrift://secret@":          "thrift://HOST:PORT",
		"thrifts://h":               "thrifts://HOST:PORT",
		"thrifts://h:1?ca=missing":  "ca: open missing",
		"thrifts://h:1?cert=x":      "both cert and key",
		"thrifts://h:1?secret=1":    "ca, cert, key and server_name",
		"redis://":                  "host is missing",
		"redis://h:1/x":             "database",
		"redis://h:1?secret=1":      "",
		"redis://h:1?base_key=\xff": "UTF-8",
		"redis+sentinel://h:1":      "master_name",
		"redis+ring://h:1":          "use memory:",
		"consul://secret@h:1":       "CONSUL_",
		"consul://h:1?base_key=/x":  "",
		"redis://h:1\x00":           "not a URL",
	} {
		s, err := storeurl.Open(url)
		if err == nil {
			t.Errorf("%s: opened", url)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	if _, err := storeurl.Open("x"); !errors.Is(err, storeurl.ErrUnknown) {
		t.Error(err)
	}
}
