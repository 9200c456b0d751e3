// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper/store/storeurl"
)

func TestMain(m *testing.M) {
	logging.Disable() // servers that are gone are what we test
	goleak.VerifyTestMain(m,
		// A client's attempt to reach a server that is gone; it ends up to a
		// second after the client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

func TestOpen(t *testing.T) {
	t.Setenv("CONSUL_HTTP_ADDR", "127.0.0.1:1")
	file := filepath.Join(t.TempDir(), "flags.db")
	for url, place := range map[string]string{
		"memory:":                             "memory",
		"bolt:" + file:                        file,
		"bolt://" + file:                      file,
		"thrift://flags:1":                    "flags:1",
		"thrift://flags":                      "flags:9090",
		"thrift://[::1]":                      "[::1]:9090",
		"thrifts://flags:":                    "flags:9090",
		"thrifts://flags:1?server_name=other": "flags:1",
		"redis://user:secret@127.0.0.1:1/2?base_key=team&dial_timeout=1s":   "redis://127.0.0.1:1/2",
		"rediss://127.0.0.1:1?server_name=other":                            "rediss://127.0.0.1:1",
		"redis+cluster://user:secret@127.0.0.1:1?addr=127.0.0.1:2":          "redis://127.0.0.1:1",
		"redis+sentinel://127.0.0.1:1/0?master_name=flags&addr=127.0.0.1:2": "redis://127.0.0.1:1/0",
		"consul://127.0.0.1:2?base_key=team/features":                       "consul://127.0.0.1:2",
		"consul:":                               "consul://127.0.0.1:1",
		"http://flags:8082?environment=staging": "http://flags:8082",
		"https://flags.example/behind/a/proxy?server_name=x": "https://flags.example/behind/a/proxy",
	} {
		s, err := storeurl.Open(url, storeurl.WithLogger(quiet))
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if !strings.HasPrefix(s.String(), place) || strings.Contains(s.String(), "secret") {
			t.Errorf("%s: place %q, want %q", url, s.String(), place)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", url, err)
		}
	}
}

func TestOpenUnknown(t *testing.T) {
	for url, want := range map[string]string{
		"":                          "it is empty: use memory:",
		"mysql://secret@x":          "use memory:",
		"memory:x":                  "memory: alone",
		"bolt:":                     "path",
		"bolt://flags.db":           "bolt:///PATH",
		"thrift:127.0.0.1:1":        "thrift://HOST:PORT",
		"thrift://secret@":          "takes no user and password: write thrift://HOST:PORT",
		"thrifts://":                "thrifts://HOST:PORT",
		"thrift://h/x":              "thrift://HOST:PORT",
		"thrift://:9090":            "thrift://HOST:PORT",
		"thrifts://h:1?ca=missing":  "ca: open missing",
		"thrifts://h:1?cert=x":      "both cert and key",
		"thrifts://h:1?secret=1":    "ca, cert, key and server_name",
		"redis://h:1?ca=secret@":    "redis:// has no parameter ca, which is of TLS: write rediss://",
		"rediss://h:1?key=x":        "both cert and key",
		"redis://":                  "host is missing",
		"redis://h:1/x":             "database",
		"redis://h:1?secret=1":      "",
		"redis://h:1?base_key=\xff": "UTF-8",
		"redis+sentinel://h:1":      "master_name",
		"redis+ring://h:1":          "use memory:",
		"consul://secret@h:1":       "CONSUL_",
		"consul://h:1?base_key=/x":  "",
		"redis://h\x00:1":           "not a URL",
		"thrift://h:1?ca=x":         "only thrifts:// has parameters",
		"http://me:secret@h":        "takes no user and password: set FLIPPER_TOKEN",
		"http://":                   "http://HOST:PORT",
		"http://h?ca=x":             "with https:// also ca, cert, key and server_name",
		"https://h?token=secret@":   "set FLIPPER_TOKEN",
		"https://h?ca=missing":      "ca: open missing",
		"http://h:99999":            "the port is not",
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
	for url, want := range map[string]string{
		// What a flag service would not ask for.
		"thrift://me:secret@flags:9090":         "thrift:// takes no user and password: write thrift://HOST:PORT, or thrifts://HOST:PORT?cert=FILE&key=FILE to show a certificate",
		"thrift://secret@flags:9090":            "takes no user and password",
		"thrifts://me:secret@flags:9090?ca=pem": "thrifts:// takes no user and password: write thrifts://HOST:PORT, or",

		// Ports. What stands in their place may be part of a password.
		"thrift://h:65536":                          "the port is not a number from 1 to 65535",
		"thrift://h:0":                              "the port is not",
		"thrift://h:-1":                             "the port is not",
		"thrift://h:http":                           "the port is not",
		"thrift://[::1]:http":                       "the port is not",
		"thrifts://h:123456789012345678901":         "the port is not",
		"redis://h:99999/0":                         "the port is not",
		"redis://me:secret/1@h:6379":                "write %2F for /, %3F for ? and %23 for #",
		"redis://me:secret?1@h:6379":                "the port is not",
		"redis://me:secret#1@h:6379":                "the port is not",
		"redis+cluster://h:1?addr=h:99999":          "the port in addr is not a number",
		"redis+sentinel://h:x?master_name=f":        "the port is not",
		"consul://h:99999":                          "the port is not",
		"consul://h:port":                           "the port is not",
		"thrift://::1:9090":                         "brackets around an IPv6 address, as in thrift://[::1]:9090",
		"thrift://h:1#secret":                       "#",
		"redis://me:12/secret@h:6379":               "write %2F for /",
		"redis://me:12?secret@h:6379":               "write %2F for /",
		"redis+cluster://h:1?addr=h:1&addr=[::1]:x": "the port in addr",
		"localhost:26379":                           "write redis+sentinel://localhost:26379?master_name=NAME",
		"redis://:%zzsecret@h:1":                    "not a URL",

		// The scheme is missing.
		"flags.db":                  "write bolt:flags.db",
		"./flags.db":                "write bolt:./flags.db",
		"../team's flags":           "write bolt:../team's flags",
		"/var/lib/flipper/flags":    "write bolt:/var/lib/flipper/flags",
		`C:\flags.db`:               `write bolt:C:\flags.db`,
		"localhost:9090":            "write thrift://localhost:9090",
		"localhost:6379":            "write redis://localhost:6379",
		"consul.internal:8500":      "write consul://consul.internal:8500",
		"127.0.0.1:9090":            "write thrift://127.0.0.1:9090",
		"[::1]:6379":                "write redis://[::1]:6379",
		"//localhost:6379":          "write redis://localhost:6379",
		"memory":                    "write memory:",
		"consul":                    "write consul:",
		"me:secret@localhost:6379":  "use memory:",
		"secret@localhost:6379":     "use memory:",
		"secret@localhost/flags.db": "use memory:",
		"localhost:secret":          "use memory:",
		"localhost:65536":           "use memory:",
		"localhost":                 "use memory:",
		"localhost:6379/0":          "use memory:",
		"ftp://localhost:9090/x.db": "use memory:",
	} {
		s, err := storeurl.Open(url)
		if err == nil {
			t.Errorf("%s: opened", url)
			_ = s.Close()
			continue
		}
		if !errors.Is(err, storeurl.ErrInvalidURL) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	if _, err := storeurl.Open("x"); !errors.Is(err, storeurl.ErrInvalidURL) {
		t.Error(err)
	}
}
