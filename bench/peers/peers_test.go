// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers_test

import (
	"testing"

	"github.com/flipper-go/flipper/bench/peers"
)

func TestPeers(t *testing.T) {
	for _, peer := range peers.All() {
		t.Run(peer.Name, func(t *testing.T) {
			for _, kind := range []peers.Kind{peers.Plain, peers.Rule, peers.Sticky} {
				if !peer.Has(kind) {
					continue
				}
				client, err := peer.New([]peers.Flag{{Name: "on", Kind: kind}, {Name: "off", Kind: kind, Off: true}})
				if err != nil {
					t.Fatal(err)
				}
				if err := peers.Check(client, kind, "on", "off"); err != nil {
					t.Error(err)
				}
				client.Close()
			}
			if !peer.Has(peers.Pair) {
				return
			}
			// Flags with two conditions are only held, not asked for.
			client, err := peer.New([]peers.Flag{{Name: "on", Kind: peers.Pair}})
			if err != nil {
				t.Fatal(err)
			}
			client.Close()
		})
	}
}

// A client that answers wrongly is not measured.
func TestCheck(t *testing.T) {
	always := &peers.Client{
		Plain:  func(string) bool { return true },
		Rule:   func(string, string) bool { return true },
		Sticky: func(name, _ string) bool { return name == "on" },
	}
	for _, kind := range []peers.Kind{peers.Plain, peers.Rule, peers.Sticky} {
		if err := peers.Check(always, kind, "on", "off"); err == nil {
			t.Errorf("kind %d: wrong answers pass", kind)
		}
	}
}
