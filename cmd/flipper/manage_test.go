// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/redistest"
)

// outcome runs a command and gives its output, its message and its exit code.
func outcome(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, message bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Stdout, command.Stderr = &out, &message
	if err := command.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return out.String(), message.String(), command.ProcessState.ExitCode()
}

const threeFlags = `{"format": "flipper-flags-1", "flags": {
"A": {"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1}},
"B": {"feature_name": "B", "is_enabled": true, "meta": {"created_date": 1}},
"C": {"feature_name": "C", "is_enabled": true, "meta": {"created_date": 1}}
}}
`

// An import that the store stops half way says what it did, and does the rest when
// it is run again.
func TestImportStopsHalfWay(t *testing.T) {
	server := redistest.StartTCP(t)
	// A user that may write only one of the keys.
	must(t, server.Client(t).Do(t.Context(), "acl", "setuser", "limited", "on", ">secret", "%R~*", "~features/A", "&*", "+@all").Err())
	limited, full := "redis://limited:secret@"+server.Addr(), "redis://"+server.Addr()
	file := filepath.Join(t.TempDir(), "flags.json")
	must(t, os.WriteFile(file, []byte(threeFlags), 0o600))

	stdout, stderr, code := outcome(t, "import", file, "--store", limited)
	if stdout != "created A\ncreated 1, updated 0, deleted 0, unchanged 0\n" || code != 4 || strings.Count(stderr, "\n") != 1 ||
		!strings.HasPrefix(stderr, "flipper: 1 of 3 changes done, run it again for the rest: B: ") {
		t.Errorf("%s%s%d", stdout, stderr, code)
	}
	if stdout, stderr, code := outcome(t, "import", file, "--store", full); stdout != "created B\ncreated C\ncreated 2, updated 0, deleted 0, unchanged 1\n" || code != 0 {
		t.Errorf("%s%s%d", stdout, stderr, code)
	}
	if stdout, stderr, code := outcome(t, "export", "--store", full); stdout != threeFlags || code != 0 {
		t.Errorf("%s%s%d", stdout, stderr, code)
	}
}

// A flag that somebody broke is shown as such, does not hide the others, and can be
// deleted.
func TestUnreadableFlag(t *testing.T) {
	server := redistest.StartTCP(t)
	redis := server.Client(t)
	url := "redis://" + server.Addr()
	flipperRun(t, "create", "GOOD", "--store", url)
	must(t, redis.Set(t.Context(), "features/BAD", "no JSON", 0).Err())
	directory := t.TempDir()
	file, empty := filepath.Join(directory, "flags.json"), filepath.Join(directory, "empty.json")
	must(t, os.WriteFile(empty, []byte(`{"format": "flipper-flags-1", "flags": {}}`), 0o600))

	for _, c := range []struct {
		args string
		want string // in the output
		code int
	}{
		{"list", "BAD   unreadable", 1},
		{"list good", "GOOD  off", 0},
		{"list -o json", `{"feature_name": "GOOD"`, 1},
		{"get BAD", "", 1},
		{"enable BAD", "", 1},
		{"eval BAD", "", 1},
		{"export " + file, "exported 1 flags", 1},
		{"import " + file, "unchanged 1", 0},
		{"import --dry-run --prune " + file, "- BAD: deleted, was unreadable", 0},
		{"destroy BAD --yes", "BAD: destroyed", 0},
		{"import --prune --yes " + empty, "deleted GOOD", 0},
	} {
		stdout, stderr, code := outcome(t, append(strings.Fields(c.args), "--store", url)...)
		if !strings.Contains(stdout, c.want) || code != c.code {
			t.Errorf("%s: %s%s%d", c.args, stdout, stderr, code)
		}
		if code != 0 && (!strings.Contains(stderr, `stored flag "BAD" is unreadable: `) || strings.Count(stderr, "\n") != 1) {
			t.Errorf("%s: %s", c.args, stderr)
		}
	}
}

// A server that asks for certificates is managed as any other.
func TestManageOverTLS(t *testing.T) {
	c := newCertificate(t, t.TempDir(), 1, time.Now().Add(time.Hour))
	p := serve(t, t.TempDir(), "--tls-cert", c.certificate, "--tls-key", c.key, "--tls-client-ca", c.certificate, "--store", "memory:")
	url := "thrifts://" + p.thrift + "?ca=" + c.certificate
	if got := flipperRun(t, "create", "X", "--store", url+"&cert="+c.certificate+"&key="+c.key); got != "X: created, off; flipper enable X switches it on for everyone\n" {
		t.Error(got)
	}
	plain := serve(t, t.TempDir(), "--store", "memory:")
	expired := newCertificate(t, t.TempDir(), 2, time.Now().Add(-time.Hour))
	for bad, want := range map[string]string{
		"thrift://" + p.thrift:  "speaks TLS: write thrifts:// in place of thrift://",
		"thrifts://" + p.thrift: "an authority that is not known here: name a file with it, as in thrifts://HOST:PORT?ca=FILE",
		url:                     "asks for a certificate: name files with one and its key, as in thrifts://HOST:PORT?cert=FILE&key=FILE",
		url + "&cert=" + c.certificate + "&key=" + c.key + "&server_name=other": "is for another name: give it, as in thrifts://HOST:PORT?server_name=NAME",
		"thrifts://" + handshakes(t, expired) + "?ca=" + expired.certificate:    "is not valid: have it renewed there",
		"thrifts://" + plain.thrift: "if it speaks none, write thrift:// in place of thrifts://",
	} {
		stdout, stderr, code := outcome(t, "list", "--store", bad, "--timeout", "1m")
		if code != 4 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%s: %s%s%d", bad, stdout, stderr, code)
		}
	}
}

// Who names the address of health and metrics is told which one is meant, by commands
// whose questions an HTTP server answers, and by those whose questions it does not.
func TestHTTPAddress(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	for _, c := range [][]string{
		{"list", "--store", "thrift://" + p.http},
		{"list", "--store", "thrifts://" + p.http},
		{"get", "X", "--timeout", "300ms", "--store", "thrift://" + p.http},
		{"create", "X", "--timeout", "300ms", "--store", "thrift://" + p.http},
	} {
		stdout, stderr, code := outcome(t, c...)
		if code != 4 || stdout != "" || !strings.Contains(stderr, "speaks HTTP: name the address that flipper serve has with --listen, not the one of --http") {
			t.Errorf("%q: %s%s%d", c, stdout, stderr, code)
		}
	}
}

// handshakes returns the address of what shakes hands with a certificate, and does
// nothing else. The server itself does not start with one that has expired.
func handshakes(t *testing.T, c testCertificate) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.certificate, c.key)
	must(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	must(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).HandshakeContext(t.Context())
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		accepting.Wait()
	})
	return listener.Addr().String()
}
