// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/childprocess"
	"github.com/flipper-go/flipper/store/thriftrpc"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// binary is the command, built for the tests.
var binary string

func TestMain(m *testing.M) {
	// A program with the race detector sleeps for a second before it ends, unless
	// told otherwise.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	directory, err := os.MkdirTemp("", "flipper")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(directory, "flipper")
	build := exec.Command("go", "-C", filepath.Join("..", ".."), "build", "-race", "-o", binary, "./cmd/flipper")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, output)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(directory)
		os.Exit(code)
	}))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A server is a running `flipper serve --api`, with a client that changes its flags.
type server struct {
	url    string
	client *flipper.FeatureFlagClient
}

var started = regexp.MustCompile(`msg="serving flags".* thrift=(\S+).* api=(\S+)`)

// setup is how a server is to run.
type setup struct {
	origin      string // whose pages may ask
	tokens      string // the file
	rate        string // calls a second that each token may make
	environment string
}

// serve runs the command until the test ends.
func serve(t *testing.T, how setup) *server {
	t.Helper()
	directory := t.TempDir()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--http", "", "--api", "127.0.0.1:0"}
	for _, option := range [][2]string{{"--api-origin", how.origin}, {"--tokens", how.tokens}, {"--api-rate", how.rate}, {"--environment", how.environment}} {
		if option[1] != "" {
			args = append(args, option[0], option[1])
		}
	}
	process := childprocess.Command{Name: binary, Args: args, Dir: directory}.Start(t)
	var match []string
	for deadline := time.Now().Add(patience); match == nil; time.Sleep(5 * time.Millisecond) {
		select {
		case <-process.Done():
			t.Fatalf("serve has ended:\n%s", process.Output())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("serve does not say that it serves:\n%s", process.Output())
		}
		match = started.FindStringSubmatch(process.Output())
	}
	store := thriftrpc.New(match[1])
	t.Cleanup(func() { store.Close() })
	return &server{url: "http://" + match[2], client: flipper.New(store)}
}

// tokens is a file of tokens.
type tokens struct{ file string }

func newTokens(t *testing.T) tokens {
	t.Helper()
	return tokens{filepath.Join(t.TempDir(), "tokens.json")}
}

// create makes a token, and returns it.
func (f tokens) create(t *testing.T, name string, role token.Role) string {
	t.Helper()
	secret, err := token.Add(f.file, name, role)
	must(t, err)
	return secret
}

// create makes a flag that is on, with rules.
func (s *server) create(t *testing.T, name string, d rules.Definition) {
	t.Helper()
	_, err := s.client.Create(t.Context(), name)
	must(t, err)
	must(t, s.client.Enable(t.Context(), name))
	if len(d.Variants) > 0 || len(d.Rules) > 0 {
		must(t, s.client.SetRules(t.Context(), name, d))
	}
}

// mineAndOther serves one value to user u1, and another one to others.
func mineAndOther(mine, other targeting.Value) rules.Definition {
	return rules.Definition{
		Variants: []targeting.Variant{{Name: "other", Value: other}, {Name: "mine", Value: mine}},
		Off:      "other", Default: "other",
		Rules: []rules.Rule{{If: rules.All(rules.Is("user_id", "u1")), Serve: "mine"}},
	}
}

var (
	plain           rules.Definition
	everybodyByUser = rules.Definition{Default: "off", Rules: []rules.Rule{{Split: rules.Percent("user_id", 100, "on")}}}
)
