// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"maps"
	"sync"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// flagMetadata gives the scalars of a flag's client data, nil if there are none. The
// caller owns the map: OpenFeature's multi-provider writes to it.
func (p *Provider) flagMetadata(ctx context.Context, flag string) openfeature.FlagMetadata {
	f, err := p.lookup(ctx, flag)
	if err != nil || f.ClientData == "" || f.ClientData == "{}" {
		return nil
	}
	return maps.Clone(p.metadata.of(f))
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

// scalars gives the members of a JSON object that are bool, int, float or text. Ints
// beyond 64 bits are left out, as OpenFeature cannot give them.
func scalars(text targeting.JSON) openfeature.FlagMetadata {
	data, err := store.ParseClientData(text)
	if err != nil {
		return nil
	}
	var metadata openfeature.FlagMetadata
	for _, member := range data.Members() {
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
