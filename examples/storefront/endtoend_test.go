// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The whole of it: the real server, the real command, and a service that outlives
// the server.
func TestEndToEnd(t *testing.T) {
	flipper := buildFlipper(t)
	data := filepath.Join(t.TempDir(), "flags.db")
	server := startServer(t, flipper, "127.0.0.1:0", data)
	switchFlag := func(action, flag string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), flipper, action, flag, "--store", "thrift://"+server.address).CombinedOutput()
		if err != nil {
			t.Fatalf("flipper %s %s: %v\n%s", action, flag, err, out)
		}
	}

	awaitFlag := func(flag string) {
		t.Helper()
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			out, err := exec.CommandContext(t.Context(), flipper, "get", flag, "--store", "thrift://"+server.address).CombinedOutput()
			if err == nil {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("flipper get %s: %v\n%s", flag, err, out)
			}
		}
	}

	// The service starts while the server is down, with the initial flags.
	server.kill()
	lastGood := filepath.Join(t.TempDir(), "last-good-flags.json")
	shop := startStorefront(t, "thrift://"+server.address, lastGood)
	shop.await(t, "/readyz", "ready, with flags that are")
	shop.await(t, "/", "Welcome to the shop")

	// What is declared is known, though nothing is stored yet.
	shop.await(t, "/api/flags", `{"free_shipping":false,"gift_cards":false,"new_home":false,"orders":true,"reviews":false}`)

	// When the server is there, the service registers its flags.
	server = startServer(t, flipper, server.address, data)
	shop.await(t, "/readyz", "ready\n")
	shop.await(t, "/api/flags", `{"free_shipping":false,"gift_cards":false,"new_home":false,"orders":true,"reviews":false}`)
	awaitFlag(Flags.Orders.Name()) // the last one
	switchFlag("enable", Flags.NewHome.Name())
	shop.await(t, "/", "beautifully arranged")

	// It does not miss the server for what it knows.
	server.kill()
	shop.await(t, "/readyz", "ready, with flags that are")
	shop.await(t, "/metrics", "flipper_stale_flags")
	if _, body := shop.get(t, "/"); !strings.Contains(body, "beautifully arranged") {
		t.Errorf("without the server:\n%s", body)
	}

	// And it is told of changes again when the server is back.
	server = startServer(t, flipper, server.address, data)
	switchFlag("disable", Flags.NewHome.Name())
	shop.await(t, "/", "Welcome to the shop")
	switchFlag("enable", Flags.Reviews.Name())
	shop.await(t, "/api/reviews", "Simply the best.")

	shop.stop()
	if want := `"msg":"flag was changed","flag":"storefront.reviews","change":"switched on","enabled":true`; !strings.Contains(shop.log.String(), want) {
		t.Errorf("the log does not have %s:\n%s", want, shop.log)
	}

	// It starts again without the server, with the flags that it had.
	server.kill()
	shop = startStorefront(t, "thrift://"+server.address, lastGood)
	shop.await(t, "/readyz", "ready, with flags that are")
	shop.await(t, "/api/reviews", "Simply the best.")
}

// buildFlipper builds the command, and returns its path.
func buildFlipper(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flipper")
	if out, err := exec.CommandContext(t.Context(), "go", "-C", "../..", "build", "-o", path, "./cmd/flipper").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// A server is a running `flipper serve`.
type server struct {
	address string
	kill    func() // ends it as a crash would, and waits
}

// startServer starts `flipper serve` with the flags of a file, until the test ends.
func startServer(t *testing.T, flipper, listen, data string) *server {
	t.Helper()
	command := exec.Command(flipper, "serve", "--listen", listen, "--http", "", "--store", "bolt:"+data)
	logged, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(logged); lines.Scan(); {
			if match := regexp.MustCompile(`msg="serving flags".* thrift=(\S+)`).FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
			}
		}
		_ = command.Wait() // it was killed
	}()
	s := &server{kill: func() { _ = command.Process.Kill(); <-ended }}
	t.Cleanup(s.kill)
	select {
	case s.address = <-address:
	case <-ended:
		t.Fatal("flipper serve has ended")
	case <-time.After(patience):
		t.Fatal("flipper serve does not say where it listens")
	}
	return s
}
