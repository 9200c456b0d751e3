// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/rules"
)

// CreateSegment makes a segment. A request belongs to it if all conditions hold. Without
// conditions, nobody belongs to it until it has rules.
//
// A segment is a flag, named segment:NAME, whose rules say who belongs to it. It is
// changed, watched and deleted like any flag. Rules of other flags ask it with
// [rules.InSegment].
func (c *FeatureFlagClient) CreateSegment(ctx context.Context, name string, conditions ...rules.Condition) (*FeatureFlag, error) {
	d := rules.Definition{Default: "off"}
	if len(conditions) > 0 {
		d.Rules = []rules.Rule{{If: conditions, Serve: "on"}}
	}
	return c.Create(ctx, rules.SegmentPrefix+name, WithEnabled(true), WithRules(d))
}

// Segment returns a handle to a segment, whether it exists or not. It does not ask the
// store.
func (c *FeatureFlagClient) Segment(name string) *FeatureFlag {
	return c.Flag(rules.SegmentPrefix + name)
}

// InSegment reports whether a request with these attributes and those that ctx carries
// belongs to a segment. Where there is no answer it returns false, and the cause is
// reported, as by [FeatureFlagClient.IsEnabled].
func (c *FeatureFlagClient) InSegment(ctx context.Context, name string, attrs ...Attr) bool {
	return c.IsEnabled(ctx, rules.SegmentPrefix+name, attrs...)
}

// Segments yields the segments as [FeatureFlagClient.List] yields all flags: as they are
// stored, sorted by name. Their names have the prefix segment:.
func (c *FeatureFlagClient) Segments(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		for f, err := range c.List(ctx) {
			name := ""
			if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
				name = unreadable.Name
			} else if err == nil {
				name = f.Name
			}
			if name != "" && !strings.HasPrefix(name, rules.SegmentPrefix) {
				continue
			}
			if !yield(f, err) {
				return
			}
		}
	}
}
