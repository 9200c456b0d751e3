// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consultest

import (
	"testing"
	"time"
)

// A Cluster is three servers. Its methods are not for concurrent use.
type Cluster struct {
	Agents []*Agent
	t      testing.TB
}

// Leader returns the server that leads, as the servers that answer say.
func (c *Cluster) Leader() *Agent {
	c.t.Helper()
	for deadline := time.Now().Add(startPatience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, a := range c.Agents {
			client, stop := a.client("")
			leader, err := client.Status().Leader()
			stop()
			if err != nil {
				continue
			}
			for _, other := range c.Agents {
				if leader == address(other.ports.rpc) {
					return other
				}
			}
		}
	}
	c.t.Fatalf("the cluster has no leader after %v", startPatience)
	return nil
}

// Followers returns the servers but one.
func (c *Cluster) Followers(leader *Agent) []*Agent {
	var others []*Agent
	for _, a := range c.Agents {
		if a != leader {
			others = append(others, a)
		}
	}
	return others
}
