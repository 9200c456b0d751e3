// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// The members of flag metadata that say which rule decided. They win over members of
// client data of the same names.
const (
	metadataRule     = "rule"
	metadataRuleName = "ruleName"
)

// flagMetadata returns the scalars of a flag's client data, with the position and the
// name of the rule that decided, nil if there is nothing. The caller owns the map:
// OpenFeature's multi-provider writes to it.
func (p *Provider) flagMetadata(ctx context.Context, flag string, rule int, ruleName string) openfeature.FlagMetadata {
	var metadata openfeature.FlagMetadata
	if f, err := p.lookup(ctx, flag); err == nil && f.ClientData != "" && f.ClientData != "{}" {
		metadata = maps.Clone(p.metadata.of(f))
	}
	if rule < 0 {
		return metadata
	}
	if metadata == nil {
		metadata = make(openfeature.FlagMetadata, 2)
	}
	delete(metadata, metadataRuleName) // a rule without a name has not that of client data
	metadata[metadataRule] = int64(rule)
	if ruleName != "" {
		metadata[metadataRuleName] = ruleName
	}
	return metadata
}

// A metadataCache keeps what was made of client data, so that it is read once and
// not at every evaluation.
type metadataCache struct {
	mu   sync.RWMutex
	made map[string]madeMetadata // by flag
}

type madeMetadata struct {
	of       targeting.JSON
	metadata openfeature.FlagMetadata
}

// maxCachedMetadata bounds the cache; flags beyond it are read each time.
const maxCachedMetadata = 10_000

func (c *metadataCache) of(f *store.Flag) openfeature.FlagMetadata {
	c.mu.RLock()
	made, ok := c.made[f.Name]
	c.mu.RUnlock()
	if ok && made.of == f.ClientData {
		return made.metadata
	}
	made = madeMetadata{f.ClientData, scalars(f.ClientData)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil {
		c.made = make(map[string]madeMetadata)
	}
	if _, ok := c.made[f.Name]; ok || len(c.made) < maxCachedMetadata {
		c.made[f.Name] = made
	}
	return made.metadata
}

// drop forgets a flag that is gone.
func (c *metadataCache) drop(flag string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.made, flag)
}

// scalars returns the members of a JSON object that are bool, int, float or text. Left out
// are ints beyond 64 bits, which OpenFeature has no type for, and names with a $, which
// are reserved.
func scalars(text targeting.JSON) openfeature.FlagMetadata {
	data, err := store.ParseClientData(text)
	if err != nil {
		return nil
	}
	var metadata openfeature.FlagMetadata
	for _, member := range data.Members() {
		if strings.HasPrefix(member.Key, "$") {
			continue
		}
		switch value := member.Value.Any().(type) {
		case bool, int64, float64, string:
			if metadata == nil {
				metadata = make(openfeature.FlagMetadata)
			}
			metadata[member.Key] = value
		}
	}
	return metadata
}
