// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/flipper-go/flipper"
)

// A terminal is a real one, of tmux, with an interactive bash in it.
type terminal struct {
	t      *testing.T
	socket string
}

// newTerminal starts a terminal in an empty folder. variables are NAME=VALUE.
func newTerminal(t *testing.T, variables ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatal("the tests need tmux: run make test-deps")
	}
	// The path of a unix socket is limited to some 100 bytes, which
	// testing.T.TempDir exceeds.
	directory, err := os.MkdirTemp("/tmp", "tmux") //nolint:usetesting // see above
	must(t, err)
	term := &terminal{t, filepath.Join(directory, "socket")}
	t.Cleanup(func() {
		_ = exec.Command("tmux", "-S", term.socket, "kill-server").Run() // the shell may have ended
		must(t, os.RemoveAll(directory))
	})
	// The server of tmux, and with it the shell, has the environment of this.
	command := exec.Command("tmux", "-S", term.socket, "-f", "/dev/null", "new-session", "-d", "-x", "130", "-y", "50",
		"-c", t.TempDir(), "bash", "--norc", "--noprofile", "-i")
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"), "PS1=> ", "NO_COLOR=")
	command.Env = append(command.Env, variables...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v\n%s", err, output)
	}
	term.await(`> $`)
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	output, err := exec.Command("tmux", append([]string{"-S", term.socket}, args...)...).CombinedOutput()
	if err != nil {
		term.t.Fatalf("tmux %q: %v\n%s", args, err, output)
	}
	return string(output)
}

// typed types a text and then keys, such as Enter, Tab and C-c.
func (term *terminal) typed(text string, keys ...string) {
	term.t.Helper()
	if text != "" {
		term.tmux("send-keys", "-l", text)
	}
	for _, key := range keys {
		term.tmux("send-keys", key)
	}
}

// screen returns what is to be seen, without empty lines at the end.
func (term *terminal) screen(args ...string) string {
	return strings.TrimRight(term.tmux(append([]string{"capture-pane", "-p", "-J"}, args...)...), "\n ") + " "
}

// await waits until something is to be seen.
func (term *terminal) await(pattern string) string {
	term.t.Helper()
	var screen string
	wanted := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(patience); !time.Now().After(deadline); time.Sleep(10 * time.Millisecond) {
		if screen = term.screen(); wanted.MatchString(screen) {
			return screen
		}
	}
	term.t.Fatalf("%q is not to be seen after %v:\n%s", pattern, patience, screen)
	return ""
}

// run types a command and waits for what it is to show; then for its exit code.
func (term *terminal) run(command, shows string, code int) {
	term.t.Helper()
	term.typed("clear; "+command+`; echo "code $?"`, "Enter")
	term.await(fmt.Sprintf(`(?s)%s.*code %d\n> $`, shows, code))
}

func TestTerminalHelp(t *testing.T) {
	term := newTerminal(t)
	term.run("flipper", "COMMANDS:", 0)
	term.run("flipper rollout --help", "percentage  a share that stays as it is", 0)
	term.run("flipper lsit", `flipper: unknown command "lsit": did you mean list\? \(see flipper --help\)`, 2)
}

// Tab completes commands, flags, values and names of flags in an interactive bash.
func TestTerminalCompletion(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	features := client(t, p.thrift)
	for _, name := range []string{"NEW_CHECKOUT", "OLD_CHECKOUT", "we:ird$(date)x"} {
		_, err := features.Create(t.Context(), name)
		must(t, err)
	}
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	term.typed("source <(flipper completion bash); echo sourced", "Enter")
	term.await(`\nsourced\n> $`)
	attempt := 0
	// A mark typed behind the key shows that the key was answered, and where it left
	// the line.
	for typed, want := range map[string]string{
		"flipper lis":                        `flipper list |`,
		"flipper --outp":                     `flipper --output |`,
		"flipper data sh":                    `flipper data show |`,
		"flipper list -o js":                 `flipper list -o json |`,
		"flipper get --output=j":             `flipper get --output=json |`,
		"flipper get NEW":                    `flipper get NEW_CHECKOUT |`,
		"flipper list --store thrift:":       `flipper list --store thrift:// |`,
		"flipper list --store redis+cluster": `flipper list --store redis+cluster:// |`,
		// What is there already is left for a path to follow.
		"flipper list --store bolt:": `flipper list --store bolt:|`,
		// What the shell would run is quoted.
		"flipper get we": `flipper get we:ird\$\(date\)x |`,
	} {
		// On a busy machine the names of flags may come too late, which is no answer.
		var got string
		for deadline := time.Now().Add(patience); got != want && !time.Now().After(deadline); {
			// A number of its own tells this prompt from the one before.
			attempt++
			prompt := fmt.Sprintf("%d\n> ", attempt)
			term.typed(fmt.Sprintf("clear; echo %d", attempt), "Enter")
			term.await("^" + prompt + "$")
			term.typed(typed, "Tab")
			term.typed("|")
			got = strings.TrimSuffix(strings.TrimPrefix(term.await("^"+prompt+`.*\| $`), prompt), " ")
			term.typed("", "C-u") // C-c would end the completion that may be under way
			term.await("^" + prompt + "$")
		}
		if got != want {
			t.Errorf("%s: Tab makes %q of it, want %q", typed, got, want)
		}
	}
}

func TestTerminalConfirmation(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	features := client(t, p.thrift)
	for _, name := range []string{"A", "B"} {
		_, err := features.Create(t.Context(), name)
		must(t, err)
	}
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	answer := func(keys []string, want string) {
		t.Helper()
		term.typed(`clear; flipper destroy A B MISSING; echo "code $?"`, "Enter")
		term.await(`Delete A, B for good\? \[y/N\] $`)
		term.typed("", keys...)
		term.await(want)
	}
	answer([]string{"n", "Enter"}, `(?s)not done: the answer was not yes\ncode 1\n> $`)
	answer([]string{"Enter"}, `(?s)not done: the answer was not yes\ncode 1\n> $`)
	answer([]string{"C-d"}, `(?s)not done: the answer was not yes\ncode 1\n> $`)
	answer([]string{"C-c"}, `(?s)flipper: interrupted\n`)
	if exists, err := features.Exists(t.Context(), "A"); !exists || err != nil {
		t.Fatalf("destroyed without a yes: %t, %v", exists, err)
	}
	answer([]string{"y", "Enter"}, `(?s)A: destroyed\nB: destroyed\nflipper: there is no flag MISSING .*code 3\n> $`)
}

// What a pattern chooses is shown before the question.
func TestTerminalPattern(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	features := client(t, p.thrift)
	for _, name := range []string{"TEAM_A", "TEAM_B", "OTHER"} {
		_, err := features.Create(t.Context(), name, flipper.WithEnabled(true))
		must(t, err)
	}
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	term.typed(`clear; flipper disable 'TEAM_*'; echo "code $?"`, "Enter")
	term.await(`TEAM_A +on for everyone\nTEAM_B +on for everyone\nDisable these 2 flags\? \[y/N\] $`)
	term.typed("", "y", "Enter")
	term.await(`(?s)TEAM_A: off\nTEAM_B: off\ncode 0\n> $`)
}

// An import leaves a flag as it is that somebody changes meanwhile, and says in
// words what that was.
func TestTerminalImportConflict(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	features := client(t, p.thrift)
	for _, name := range []string{"A", "B"} {
		_, err := features.Create(t.Context(), name)
		must(t, err)
	}
	file := filepath.Join(t.TempDir(), "flags.json")
	must(t, os.WriteFile(file, []byte(`{"format": "flipper-flags-1", "flags": {"A": {"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1}}}}`), 0o600))
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	term.typed(`clear; flipper import --prune `+file+`; echo "code $?"`, "Enter")
	term.await(`Delete 1 flags that \S+ does not have, for good\? \[y/N\] $`)
	must(t, features.SetClientData(t.Context(), "A", map[string]any{"owner": "web"}))
	must(t, features.Enable(t.Context(), "B"))
	term.typed("", "y", "Enter")
	term.await(`(?s)flipper: 0 of 2 changes done, run it again for the rest: B: changed meanwhile, and left so: switched on; A: changed meanwhile, and left so: client data: owner is now "web"\ncode 1\n> $`)
}

// A change by somebody else is shown at once, and Ctrl-C ends the watch.
func TestTerminalWatch(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	features := client(t, p.thrift)
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	term.typed(`flipper watch || true; echo "code $?"`, "Enter")
	term.await(`watching 0 flags in \S+; Ctrl-C ends it`)
	flag, err := features.Create(t.Context(), "A")
	must(t, err)
	term.await(`\d\d:\d\d:\d\d \+ A: created, off`)
	must(t, flag.Enable(t.Context()))
	term.await(`\d\d:\d\d:\d\d ~ A: switched on`)
	must(t, flag.Destroy(t.Context()))
	term.await(`\d\d:\d\d:\d\d - A: deleted, was on for everyone`)
	term.typed("", "C-c")
	term.await(`\n> $`)
}

// Ctrl-C ends what waits for a server, and what waits for input.
func TestTerminalInterrupt(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	must(t, p.Process.Signal(syscall.SIGSTOP)) // it accepts, and does not answer
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	for _, command := range []string{"list", "create X", "watch", "export", "eval", "data merge X -"} {
		term.typed("clear; flipper --timeout 1h "+command, "Enter")
		term.awaitRunning("flipper")
		term.typed("", "C-c")
		// A line of its own for the prompt is not to be counted on: the program may
		// be interrupted before it could say that it was.
		term.await(`(?s)\^C.*> $`)
		term.awaitRunning("bash")
	}
}

// awaitRunning waits until the terminal runs a program.
func (term *terminal) awaitRunning(program string) {
	term.t.Helper()
	for deadline := time.Now().Add(patience); !time.Now().After(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.TrimSpace(term.tmux("display-message", "-p", "#{pane_current_command}")) == program {
			return
		}
	}
	term.t.Fatalf("%s does not run:\n%s", program, term.screen())
}

// There are colours on a terminal that has them, and whose user wants them.
func TestTerminalColours(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	_, err := client(t, p.thrift).Create(t.Context(), "A", flipper.WithEnabled(true))
	must(t, err)
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	for command, coloured := range map[string]bool{
		"flipper list":            true,
		"NO_COLOR=1 flipper list": false,
		"TERM=dumb flipper list":  false,
		"flipper list | cat":      false,
	} {
		term.run(command, "A +on for everyone", 0)
		if got := strings.Contains(term.screen("-e"), "\x1b[32mon for everyone"); got != coloured {
			t.Errorf("%s: colours: %t, want %t", command, got, coloured)
		}
	}
}

// A long name is cut to the terminal, and does not push the rest away elsewhere.
func TestTerminalWidth(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	features := client(t, p.thrift)
	long := strings.Repeat("LONG_", 60)
	for name, data := range map[string]map[string]any{long: {"description": strings.Repeat("words ", 100)}, "SHORT": nil} {
		_, err := features.Create(t.Context(), name, flipper.WithClientData(data))
		must(t, err)
	}
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	term.run("flipper list", `SHORT +off `, 0)
	for line := range strings.SplitSeq(term.screen(), "\n") {
		if n := utf8.RuneCountInString(line); n > 130 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	term.await(`(LONG_)+L?O?N?G?… +off +20\d\d-\d\d-\d\d +words words .*…\n`)
	term.run("flipper get "+long, regexp.QuoteMeta(long), 0)
	for line := range strings.SplitSeq(flipperRun(t, "list", "--store", "thrift://"+p.thrift), "\n") {
		if strings.HasPrefix(line, "SHORT") && len(line) > 100 {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
		if strings.HasPrefix(line, "LONG") && !strings.HasPrefix(line, long+"  off") {
			t.Errorf("a name was cut, or put elsewhere: %s", line)
		}
	}
}

// The server in the terminal ends with Ctrl-C, having said so.
func TestTerminalServe(t *testing.T) {
	term := newTerminal(t)
	term.typed(`flipper serve --store memory: --listen 127.0.0.1:0 --http ""; echo "code $?"`, "Enter")
	term.await(`serving flags`)
	term.typed("", "C-c")
	term.await(`(?s)msg=stopped.*\n> $`)
}

// What somebody wrote into a flag does not command the terminal; to a pipe it goes
// byte for byte.
func TestTerminalHostileData(t *testing.T) {
	p := serve(t, t.TempDir(), "--store", "memory:")
	const item = `{"feature_name": "A", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"a": "\u009b31m\u202e"}}}`
	raw := strings.NewReplacer(`\u009b`, "\u009b", `\u202e`, "\u202e").Replace(item)
	file := filepath.Join(t.TempDir(), "flags.json")
	must(t, os.WriteFile(file, []byte(`{"format": "flipper-flags-1", "flags": {"A": `+raw+`}}`), 0o600))
	if stdout, stderr, code := outcome(t, "import", file, "--store", "thrift://"+p.thrift); code != 0 {
		t.Fatal(stdout, stderr)
	}
	if stdout, stderr, code := outcome(t, "get", "A", "-o", "json", "--store", "thrift://"+p.thrift); stdout != raw+"\n" || code != 0 {
		t.Errorf("%q%s%d", stdout, stderr, code)
	}
	term := newTerminal(t, "FLIPPER_STORE=thrift://"+p.thrift)
	for _, command := range []string{"flipper get A -o json", "flipper list -o json", "flipper data show A", "flipper get A"} {
		term.run(command, regexp.QuoteMeta(`"\u009b31m\u202e"`), 0)
	}
}
