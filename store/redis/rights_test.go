// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/redistest"
	"github.com/flipper-go/flipper/store/storetest"
)

// A logbook collects what is logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logbook) option() Option { return WithLogger(slog.New(slog.NewTextHandler(l, nil))) }

// commands are what the package's documentation says that a user needs.
const (
	commands     = "~features/* +get +mget +set +del +scan +evalsha +eval +client|tracking +info +ping"
	transactions = " -evalsha -eval +watch +multi +exec +unwatch"
	rightsRESP2  = " +client|id +subscribe &__redis__:invalidate"
)

// TestRights has users with few rights.
func TestRights(t *testing.T) {
	for _, c := range []struct {
		name     string
		rights   string
		protocol int
		polls    bool
	}{
		{"Documented", commands, 3, false},
		{"DocumentedRESP2", commands + rightsRESP2, 2, false},
		{"NoScripts", commands + transactions, 3, false},
		{"NoInfo", commands + " -info", 3, false},
		{"NoTracking", commands + " -client", 3, true},
		{"NoChannelRESP2", commands + " +client|id +subscribe", 2, true},
		{"NoClientIDRESP2", commands + " +subscribe &__redis__:invalidate", 2, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			admin := server.Client(t)
			addUser(t, admin, c.rights)
			client := server.Client(t, func(o *redis.Options) {
				o.Username, o.Password, o.Protocol = "flags", "secret", c.protocol
			})
			testLearning(t, client, admin, c.polls)
		})
	}
}

// TestClusterRights has a user of a cluster with just the rights documented.
func TestClusterRights(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	for _, server := range cluster.Servers {
		addUser(t, server.Client(t), commands+" +cluster|slots +cluster|nodes")
	}
	client := cluster.Client(t, func(o *redis.ClusterOptions) { o.Username, o.Password = "flags", "secret" })
	testLearning(t, client, cluster.Client(t), false)
}

// addUser adds the user "flags", whose password is "secret".
func addUser(t *testing.T, admin *redis.Client, rights string) {
	t.Helper()
	args := []any{"acl", "setuser", "flags", "on", ">secret", "resetchannels", "-@all"}
	for right := range strings.FieldsSeq(rights) {
		args = append(args, right)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
}

// TestServers has servers that know less.
func TestServers(t *testing.T) {
	for _, c := range []struct {
		name, unknown string
		polls         bool
	}{
		{"NoHello", "hello", false}, // RESP2 is all there is
		{"NoClient", "client", true},
		{"NoInfo", "info", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--rename-command", c.unknown, "")
			testLearning(t, server.Client(t), server.Client(t), c.polls)
		})
	}
}

// testLearning uses a store whose server announces changes, or is polled.
func testLearning(t *testing.T, client, admin redis.UniversalClient, polls bool) {
	logged := &logbook{}
	s := newStore(t, client, logged.option(), WithPollInterval(10*time.Millisecond))
	f, again := follow(t, s), follow(t, s)
	for i := range 3 {
		if err := change(t.Context(), s, "OURS", "{}"); err != nil {
			t.Errorf("change: %v", err)
		}
		setItems(t, admin, s, 20, i)
		f.converge(t, admin)
		again.converge(t, admin)
		for _, name := range []string{"FLAG1", "OURS"} {
			if err := admin.Del(t.Context(), s.key(name)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		f.converge(t, admin)
	}
	if errs := f.errors(); len(errs) != 0 {
		t.Errorf("watch failed: %v", errs)
	}
	switch text := logged.String(); {
	case polls && (strings.Count(text, "\n") != 1 || !strings.Contains(text, "server_version=")):
		t.Errorf("what was logged of polling is %q", text)
	case polls && !strings.Contains(text, "server_version=7") && !strings.Contains(text, "server_version=8"):
		t.Errorf("the log lacks the server's version: %q", text)
	case !polls && text != "":
		t.Errorf("what was logged is %q", text)
	}
}

// TestPolling runs the suite without announcements, over a connection to a
// database of its own and without scripts.
func TestPolling(t *testing.T) {
	server := redistest.Start(t)
	if err := server.Client(t).Do(t.Context(), "acl", "setuser", "default", "-eval", "-evalsha", "-client|tracking").Err(); err != nil {
		t.Fatal(err)
	}
	client := server.Client(t, func(o *redis.Options) { o.Protocol, o.DB = 2, 3 })
	h := harness(func(testing.TB) redis.UniversalClient { return client },
		WithPollInterval(5*time.Millisecond), WithLogger(slog.New(slog.DiscardHandler)))
	storetest.Run(t, h)
}

// TestPollingTellsOfEverythingAgain polls flags that do not change: what changed
// and changed back between two polls must not stay unnoticed by who read it then.
func TestPollingTellsOfEverythingAgain(t *testing.T) {
	t.Parallel()
	client := redistest.Start(t, "--rename-command", "client", "").Client(t)
	s := newStore(t, client, WithPollInterval(time.Millisecond), WithLogger(slog.New(slog.DiscardHandler)))
	alls := 0
	for change, err := range s.Watch(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if change.All {
			alls++
		}
		if alls == 3 {
			return
		}
	}
}

// TestPollingFaults loses the server while it is polled.
func TestPollingFaults(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--rename-command", "client", "")
	client := server.Client(t)
	s := newStore(t, client, WithPollInterval(10*time.Millisecond), WithLogger(slog.New(slog.DiscardHandler)))
	setItems(t, client, s, 20, 0)
	f := follow(t, s)
	f.converge(t, client)
	for _, restart := range []func(){server.Restart, server.RestartEmpty} {
		alls, failures := f.alls(), len(f.errors())
		server.Kill()
		eventually(t, "watch tells of the failure", func(context.Context) error {
			if len(f.errors()) == failures {
				return errors.New("not yet")
			}
			return nil
		})
		restart()
		eventually(t, "watch tells of everything", func(context.Context) error {
			if f.alls() == alls {
				return fmt.Errorf("not yet: %v", f.errors())
			}
			return nil
		})
		f.converge(t, client)
	}
}
