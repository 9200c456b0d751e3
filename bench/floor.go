// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"crypto/sha1" //nolint:gosec // what the Python client's buckets are made of
	"fmt"
	"math/big"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/flipper-go/flipper/bench/peers"
	"github.com/flipper-go/flipper/internal/measure"
)

// A floorFlag is the least that a flag can be.
type floorFlag struct {
	enabled bool
	plan    string
}

// A floor is a map of flags behind an atomic pointer: no flag can be found by its
// name, and be changed while it is asked for, for less.
type floor struct {
	flags atomic.Pointer[map[string]*floorFlag]
}

func newFloor(s *set) *floor {
	flags := make(map[string]*floorFlag, len(s.flags))
	for _, f := range s.flags {
		flags[f.Name] = &floorFlag{enabled: !f.Off, plan: "pro"}
	}
	f := &floor{}
	f.flags.Store(&flags)
	return f
}

const (
	floorName       = "**floor: a map behind an atomic pointer**"
	floorRuleName   = "**floor: the same, and comparing the text**"
	floorHandleName = "**floor: a bool behind an atomic pointer**"
	floorCacheName  = "**floor: golang-lru's Get**"
	floorHashName   = "**floor: sha1.Sum of the same bytes**"
)

func (f *floor) plain(s *set) measure.Row {
	return measure.Row{Name: floorName, Run: func(n int) (yes int) {
		for i := range n {
			if flag := (*f.flags.Load())[s.names[i&(asked-1)]]; flag != nil && flag.enabled {
				yes++
			}
		}
		return yes
	}}
}

func (f *floor) rule(s *set) measure.Row {
	return measure.Row{Name: floorRuleName, Yes: expected(isPro), Run: func(n int) (yes int) {
		for i := range n {
			flag := (*f.flags.Load())[s.names[i&(asked-1)]]
			if flag != nil && flag.enabled && flag.plan == everybody[i&(users-1)].plan {
				yes++
			}
		}
		return yes
	}}
}

func isPro(u user) bool { return u.plan == "pro" }

func floorHandle() measure.Row {
	var held atomic.Pointer[floorFlag]
	held.Store(&floorFlag{enabled: true})
	return measure.Row{Name: floorHandleName, Run: func(n int) (yes int) {
		for range n {
			if held.Load().enabled {
				yes++
			}
		}
		return yes
	}}
}

func floorCache(s *set) (measure.Row, error) {
	cache, err := lru.New[string, *floorFlag](asked)
	if err != nil {
		return measure.Row{}, err
	}
	for _, name := range s.names {
		cache.Add(strings.Clone(name), &floorFlag{enabled: true})
	}
	return measure.Row{Name: floorCacheName, Run: func(n int) (yes int) {
		for i := range n {
			if flag, ok := cache.Get(s.names[i&(asked-1)]); ok && flag.enabled {
				yes++
			}
		}
		return yes
	}}, nil
}

// hashed returns the text that a sticky rollout hashes: the JSON of the attributes
// that count, as Python writes it.
func hashed(u user) []byte { return fmt.Appendf(nil, `[["user_id", %q]]`, u.id) }

// inHalf says what a rollout to half of the users answers, by the book: the hash
// as one number modulo 100 is not above 50.
func inHalf(u user) bool {
	sum := sha1.Sum(hashed(u)) //nolint:gosec // see above
	bucket := new(big.Int).Mod(new(big.Int).SetBytes(sum[:]), big.NewInt(100))
	return bucket.Int64() <= 50
}

// floorHash hashes what a sticky rollout hashes.
func floorHash() measure.Row {
	var texts [users][]byte
	for i, u := range everybody {
		texts[i] = hashed(u)
	}
	return measure.Row{Name: floorHashName, Run: func(n int) (some int) {
		for i := range n {
			sum := sha1.Sum(texts[i&(users-1)]) //nolint:gosec // see above
			if sum != [sha1.Size]byte{} {
				some++
			}
		}
		return some
	}}
}

// peerRow times a library that has flags of a kind.
func peerRow(name string, c *peers.Client, kind peers.Kind, s *set) measure.Row {
	row := measure.Row{Name: name}
	switch kind {
	case peers.Rule:
		row.Yes = expected(isPro)
		row.Run = func(n int) (yes int) {
			for i := range n {
				if c.Rule(s.names[i&(asked-1)], everybody[i&(users-1)].plan) {
					yes++
				}
			}
			return yes
		}
	case peers.Sticky:
		// A user is always asked about the same flag, since asked divides users.
		at := 0
		row.Yes = expected(func(u user) bool { at++; return c.Sticky(s.names[(at-1)%asked], u.id) })
		row.Run = func(n int) (yes int) {
			for i := range n {
				if c.Sticky(s.names[i&(asked-1)], everybody[i&(users-1)].id) {
					yes++
				}
			}
			return yes
		}
	case peers.Plain, peers.Pair:
		row.Run = func(n int) (yes int) {
			for i := range n {
				if c.Plain(s.names[i&(asked-1)]) {
					yes++
				}
			}
			return yes
		}
	}
	return row
}
