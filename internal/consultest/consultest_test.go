// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consultest

import (
	"bytes"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(t *testing.T, client *api.Client, key, value string) {
	t.Helper()
	if _, err := client.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, client *api.Client, key string) string {
	t.Helper()
	pair, _, err := client.KV().Get(key, &api.QueryOptions{RequireConsistent: true})
	if err != nil {
		t.Fatal(err)
	}
	if pair == nil {
		return ""
	}
	return string(pair.Value)
}

func TestRestart(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	agent := Start(t)
	t.Logf("started after %v", time.Since(begin))
	client := agent.Client(t)
	put(t, client, "a", "1")
	agent.Kill()
	if _, err := client.KV().Put(&api.KVPair{Key: "a"}, nil); err == nil {
		t.Error("a killed server answers")
	}
	begin = time.Now()
	agent.Restart()
	t.Logf("restarted after %v", time.Since(begin))
	if got := get(t, client, "a"); got != "1" {
		t.Errorf("after a restart the value is %q", got)
	}
	agent.Kill()
	agent.Wipe()
	agent.Restart()
	if got := get(t, client, "a"); got != "" {
		t.Errorf("after a restart without data the value is %q", got)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	agent := Options{Memory: true}.Start(t)
	t.Logf("started after %v", time.Since(begin))
	client := agent.Client(t)
	put(t, client, "a", "1")
	agent.Kill()
	agent.Restart()
	if got := get(t, client, "a"); got != "" {
		t.Errorf("after a restart the value is %q", got)
	}
}

func TestACL(t *testing.T) {
	t.Parallel()
	agent := Options{ACL: true}.Start(t)
	put(t, agent.Client(t), "features/a", "1")
	reader := NewClient(t, agent.Address, agent.Token(t, `key_prefix "features/" { policy = "read" }`))
	if got := get(t, reader, "features/a"); got != "1" {
		t.Errorf("a token that may read gets %q", got)
	}
	if _, err := reader.KV().Put(&api.KVPair{Key: "features/a"}, nil); err == nil {
		t.Error("a token that may not write writes")
	}
	if _, _, err := NewClient(t, agent.Address, agent.Token(t, "")).KV().Get("features/a", nil); err == nil {
		t.Error("a token that may do nothing reads")
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	cluster := StartCluster(t)
	t.Logf("started after %v", time.Since(begin))
	leader := cluster.Leader()
	put(t, leader.Client(t), "a", "1")
	leader.Kill()
	begin = time.Now()
	other := cluster.Followers(leader)[0]
	client := other.Client(t)
	value := bytes.Repeat([]byte("2"), 10)
	for {
		if _, err := client.KV().Put(&api.KVPair{Key: "a", Value: value}, nil); err == nil {
			break
		}
		if time.Since(begin) > startPatience {
			t.Fatal("no new leader")
		}
	}
	t.Logf("a new leader after %v", time.Since(begin))
	leader.Restart()
	if got := get(t, leader.Client(t), "a"); got != string(value) {
		t.Errorf("the old leader has %q", got)
	}
}
