// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Package consultest runs real Consul servers for tests, on free ports of the
// loopback interface. They never outlive the test.
//
//	agent := consultest.Start(t)
//	client := agent.Client(t, nil)
//	...
//	agent.Kill()
//	agent.Restart() // with its data
package consultest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/childprocess"
)

// RootToken is the token that may do everything, on agents with ACLs.
const RootToken = "5c5a7b2e-8f0e-4a60-8d0c-3e0a6d4f9b11"

const (
	startAttempts = 5
	startPatience = 60 * time.Second // Consul on a busy machine
)

// An Options says what kind of servers to start. The zero value is one server
// without ACLs.
type Options struct {
	// ACL refuses everything to who has no token. See RootToken and Agent.Token.
	ACL bool

	// Memory keeps data in memory only, so that writes are faster, and gone when
	// the server is killed.
	Memory bool
}

// An Agent is a running Consul server. Its methods are not for concurrent use.
type Agent struct {
	// Address is where its HTTP interface is, as in "127.0.0.1:8500". It stays
	// the same over restarts.
	Address string

	t         testing.TB
	options   Options
	program   string
	directory string
	ports     ports
	cluster   []ports // of all servers, this one too
	process   *childprocess.Process
}

type ports struct{ http, rpc, serf int }

// Start runs one server until the test ends, and waits until it can be written
// to.
func Start(t testing.TB) *Agent {
	t.Helper()
	return Options{}.Start(t)
}

// Start runs one server until the test ends, and waits until it can be written
// to.
func (o Options) Start(t testing.TB) *Agent {
	t.Helper()
	return o.start(t, 1)[0]
}

// StartCluster runs three servers that make one cluster, until the test ends, and
// waits until each can be written to.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	return &Cluster{Agents: Options{}.start(t, 3), t: t}
}

func (o Options) start(t testing.TB, n int) []*Agent {
	t.Helper()
	program := binary(t)
	for attempt := 1; ; attempt++ {
		cluster := freePorts(t, n)
		var agents []*Agent
		for _, p := range cluster {
			agents = append(agents, &Agent{
				Address: address(p.http), t: t, options: o, program: program,
				directory: t.TempDir(), ports: p, cluster: cluster,
			})
		}
		for _, a := range agents {
			a.run()
		}
		var err error
		for _, a := range agents {
			err = cmp.Or(err, a.ready())
		}
		if err == nil {
			return agents
		}
		// Somebody took a port before the server did, as a rule.
		for _, a := range agents {
			a.Kill()
		}
		if attempt == startAttempts {
			t.Fatalf("consul does not start: %v", err)
		}
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts returns ports that nobody listens on, neither by TCP nor, for serf, by
// UDP.
func freePorts(t testing.TB, n int) []ports {
	t.Helper()
	var held []interface{ Close() error }
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	port := func() int {
		for {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, l)
			udp, err := net.ListenPacket("udp", l.Addr().String())
			if err != nil {
				continue
			}
			held = append(held, udp)
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	var all []ports
	for range n {
		all = append(all, ports{http: port(), rpc: port(), serf: port()})
	}
	return all
}

// configuration is what Consul reads; see its documentation.
func (a *Agent) configuration() map[string]any {
	var join []string
	for _, p := range a.cluster {
		if p != a.ports {
			join = append(join, address(p.serf))
		}
	}
	listen := map[string]any{
		"http": a.ports.http, "server": a.ports.rpc, "serf_lan": a.ports.serf,
		"serf_wan": -1, "dns": -1, "grpc": -1, "https": -1,
	}
	if a.minorVersion() >= 14 {
		listen["grpc_tls"] = -1
	}
	c := map[string]any{
		"bootstrap_expect":     len(a.cluster),
		"data_dir":             filepath.Join(a.directory, "data"),
		"node_name":            fmt.Sprintf("server-%d", slices.Index(a.cluster, a.ports)),
		"server":               true,
		"bind_addr":            "127.0.0.1",
		"client_addr":          "127.0.0.1",
		"log_level":            "warn",
		"disable_update_check": true,
		"leave_on_terminate":   false,
		"performance":          map[string]any{"raft_multiplier": 1},
		"connect":              map[string]any{"enabled": false},
		"ports":                listen,
		"retry_interval":       "200ms",
		"limits":               map[string]any{"http_max_conns_per_client": 10_000},
	}
	if len(join) > 0 {
		c["retry_join"] = join
	}
	if a.options.Memory { // a development server, which needs neither
		delete(c, "bootstrap_expect")
		delete(c, "data_dir")
	}
	if a.options.ACL {
		c["acl"] = map[string]any{
			"enabled":        true,
			"default_policy": "deny",
			"tokens":         map[string]any{"initial_management": RootToken, "agent": RootToken},
		}
	}
	return c
}

// minorVersion returns the y of Consul's version 1.y.z, or 0.
func (a *Agent) minorVersion() int {
	out, err := exec.Command(a.program, "version", "-format=json").Output()
	if err != nil {
		a.t.Fatalf("%s version: %v", a.program, err)
	}
	var version struct{ Version string }
	_ = json.Unmarshal(out, &version)
	parts := strings.Split(version.Version, ".")
	if len(parts) < 2 {
		return 0
	}
	minor, _ := strconv.Atoi(parts[1])
	return minor
}

// run starts the process, on the data that is there.
func (a *Agent) run() {
	a.t.Helper()
	text, err := json.Marshal(a.configuration())
	if err != nil {
		a.t.Fatal(err)
	}
	file := filepath.Join(a.directory, "consul.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
	arguments := []string{"agent", "-config-file=" + file}
	if a.options.Memory {
		arguments = append(arguments, "-dev")
	}
	a.process = childprocess.Start(a.t, a.program, arguments...)
}

// ready waits until the server can be written to.
func (a *Agent) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	client, stop := a.client(RootToken)
	defer stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := client.KV().Put(&api.KVPair{Key: "consultest/ready"}, new(api.WriteOptions).WithContext(attempt))
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-a.process.Done():
			return fmt.Errorf("it ended:\n%s", a.process.Output())
		case <-ctx.Done():
			return fmt.Errorf("it is not ready after %v: %w\n%s", startPatience, err, a.process.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (a *Agent) client(token string) (client *api.Client, stop func()) {
	a.t.Helper()
	return newClient(a.t, a.Address, token)
}

func newClient(t testing.TB, address, token string) (client *api.Client, stop func()) {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	c, err := api.NewClient(&api.Config{Address: address, Scheme: "http", Token: token, Transport: transport, HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return c, transport.CloseIdleConnections
}

// Client returns a client for the server, with the root token. Its connections are
// closed when the test ends.
func (a *Agent) Client(t testing.TB) *api.Client {
	t.Helper()
	token := ""
	if a.options.ACL {
		token = RootToken
	}
	return NewClient(t, a.Address, token)
}

// NewClient returns a client for the server or proxy at an address. Its connections
// are closed when the test ends.
func NewClient(t testing.TB, address, token string) *api.Client {
	t.Helper()
	client, stop := newClient(t, address, token)
	t.Cleanup(stop)
	return client
}

// Token makes a token that may do what the rules say, in Consul's language, and
// nothing else. With no rules, it may do nothing.
func (a *Agent) Token(t testing.TB, rules string) string {
	t.Helper()
	acl := a.Client(t).ACL()
	token := &api.ACLToken{Description: t.Name()}
	if rules != "" {
		policy, _, err := acl.PolicyCreate(&api.ACLPolicy{Name: fmt.Sprintf("test-%d", time.Now().UnixNano()), Rules: rules}, nil)
		if err != nil {
			t.Fatal(err)
		}
		token.Policies = []*api.ACLTokenPolicyLink{{ID: policy.ID}}
	}
	token, _, err := acl.TokenCreate(token, nil)
	if err != nil {
		t.Fatal(err)
	}
	return token.SecretID
}

// Kill ends the server as a crash would. It can be restarted.
func (a *Agent) Kill() { a.process.Kill() }

// Stop makes the server hang, until Continue.
func (a *Agent) Stop() { a.process.Stop() }

// Continue lets a server go on that was stopped.
func (a *Agent) Continue() { a.process.Continue() }

// Restart starts the server again after Kill, with its data, and waits until it
// can be written to.
func (a *Agent) Restart() {
	a.t.Helper()
	a.RestartAtOnce()
	if err := a.ready(); err != nil {
		a.t.Fatalf("consul does not start again: %v", err)
	}
}

// RestartAtOnce is Restart without waiting.
func (a *Agent) RestartAtOnce() {
	a.t.Helper()
	a.run()
}

// Wipe removes the data of a server that was killed.
func (a *Agent) Wipe() {
	a.t.Helper()
	if err := os.RemoveAll(filepath.Join(a.directory, "data")); err != nil {
		a.t.Fatal(err)
	}
}
