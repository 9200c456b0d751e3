// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// SetVariants adds variants to a flag, and changes the values of those that it has. What
// is said at [rules.Definition.SetVariants] holds; other errors are those of
// [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) SetVariants(ctx context.Context, name string, variants ...targeting.Variant) error {
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error { return d.SetVariants(variants...) })
}

// RemoveVariants removes variants from a flag. It is refused, with an error that matches
// [store.ErrInvalid], if the flag does not have one of them or still serves it, or if
// rules of another flag ask whether it is served ([ErrAsked]). Other errors are those of
// [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) RemoveVariants(ctx context.Context, name string, variants ...string) error {
	for f, err := range c.List(ctx) {
		if errors.Is(err, store.ErrUnreadable) {
			continue
		}
		if err != nil {
			return err
		}
		if !slices.Contains(f.Rules().Asks(), name) {
			continue
		}
		d := f.Rules().Definition()
		for _, condition := range d.Conditions() {
			for _, asked := range condition.Is {
				if condition.Flag == name && slices.Contains(variants, asked) {
					return fmt.Errorf("remove variant %q of flag %q: %w: %q asks whether it is served", asked, name, ErrAsked, f.Name)
				}
			}
		}
	}
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error { return d.RemoveVariants(variants...) })
}

// SetOff sets the variant that a flag serves while it is not enabled. That of a boolean
// flag is false. Its errors are those of [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) SetOff(ctx context.Context, name, variant string) error {
	return c.UpdateRules(ctx, name, func(d *rules.Definition) error {
		d.Off = variant
		return nil
	})
}

// AddToSegment adds those requests to a segment for which all conditions hold, as
// [rules.Definition.Include] does. Its errors are those of
// [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) AddToSegment(ctx context.Context, name string, conditions ...rules.Condition) error {
	return c.UpdateRules(ctx, rules.SegmentPrefix+name, func(d *rules.Definition) error {
		d.Include("on", conditions...)
		return nil
	})
}

// RemoveFromSegment takes back [FeatureFlagClient.AddToSegment], as
// [rules.Definition.Exclude] does. If the segment has no such conditions, the error
// matches [store.ErrInvalid]. Other errors are those of [FeatureFlagClient.UpdateRules].
func (c *FeatureFlagClient) RemoveFromSegment(ctx context.Context, name string, conditions ...rules.Condition) error {
	return c.UpdateRules(ctx, rules.SegmentPrefix+name, func(d *rules.Definition) error {
		if !d.Exclude("on", conditions...) {
			return fmt.Errorf("%w rules: no rule has these conditions", store.ErrInvalid)
		}
		return nil
	})
}
