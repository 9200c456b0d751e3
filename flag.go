// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"context"
	"sync/atomic"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A FeatureFlag is a handle to the flag of a name, with the client's methods but
// without the name. It can be held for as long as the client; there may be no such
// flag. It is safe for concurrent use.
//
// Hold on to a handle: it is the fastest way to ask a flag that answers everybody the
// same. The handle keeps the answer until something changes in the store's memory.
type FeatureFlag struct {
	client *FeatureFlagClient
	name   string

	// otherwise is the answer where there is none: false, or what is declared.
	otherwise bool

	// kept is what the flag, if it is plain, answered: version<<1, and 1 if it was
	// on. The version is that of the flags then, which is never 0. It is a number,
	// not a pointer, so that handles that are made to be asked once stay on the
	// stack.
	kept atomic.Uint64

	// direct says that kept may be the answer: the store answers from a snapshot, and
	// nobody has to know more of an evaluation.
	direct   bool
	required *requirements // the client's, and the handle's own; nil if there are none
}

func newHandle(c *FeatureFlagClient, name string, otherwise bool, required *requirements) *FeatureFlag {
	direct := c.flags != nil && c.observers == nil && required == nil
	return &FeatureFlag{client: c, name: name, otherwise: otherwise, direct: direct, required: required}
}

// Name returns the flag's name.
func (f *FeatureFlag) Name() string { return f.name }

// Default returns the handle's answer where there is none: that of the [Declaration]
// that the handle is from, or that the client knows, or false.
func (f *FeatureFlag) Default() bool { return f.otherwise }

// IsEnabled is [FeatureFlagClient.IsEnabled]. Where there is no answer, it returns
// [FeatureFlag.Default].
func (f *FeatureFlag) IsEnabled(ctx context.Context, attrs ...Attr) bool {
	return f.IsEnabledOr(ctx, f.otherwise, attrs...)
}

// IsEnabledOr is [FeatureFlagClient.IsEnabledOr].
func (f *FeatureFlag) IsEnabledOr(ctx context.Context, otherwise bool, attrs ...Attr) bool {
	c := f.client
	if !f.direct {
		if f.required == c.required {
			return c.IsEnabledOr(ctx, f.name, otherwise, attrs...)
		}
		return c.isEnabledWith(ctx, f.name, c.peek(f.name), fallbackOf(otherwise), f.required, attrs)
	}
	view, kept := c.flags.Load(), f.kept.Load()
	if kept>>1 == view.Version() && scopeOf(ctx).pins == nil {
		return kept&1 != 0
	}
	flag := view.Find(f.name)
	if flag != nil && isPlain(flag) {
		kept = view.Version() << 1
		if flag.Enabled {
			kept |= 1
		}
		f.kept.Store(kept)
	}
	return c.isEnabled(ctx, f.name, flag, fallbackOf(otherwise), attrs)
}

// Evaluate is [FeatureFlagClient.Evaluate]. Where there is no answer, it returns
// [FeatureFlag.Default].
func (f *FeatureFlag) Evaluate(ctx context.Context, attrs ...Attr) Evaluation {
	return f.client.evaluateWith(ctx, f.name, fallbackOf(f.otherwise), f.required, attrs)
}

// EvaluateOr is [FeatureFlagClient.EvaluateOr].
func (f *FeatureFlag) EvaluateOr(ctx context.Context, otherwise bool, attrs ...Attr) Evaluation {
	return f.client.evaluateWith(ctx, f.name, fallbackOf(otherwise), f.required, attrs)
}

// Get is [FeatureFlagClient.Get].
func (f *FeatureFlag) Get(ctx context.Context) (*store.Flag, error) {
	return f.client.Get(ctx, f.name)
}

// Exists is [FeatureFlagClient.Exists].
func (f *FeatureFlag) Exists(ctx context.Context) (bool, error) { return f.client.Exists(ctx, f.name) }

// Enable is [FeatureFlagClient.Enable].
func (f *FeatureFlag) Enable(ctx context.Context) error { return f.client.Enable(ctx, f.name) }

// Disable is [FeatureFlagClient.Disable].
func (f *FeatureFlag) Disable(ctx context.Context) error { return f.client.Disable(ctx, f.name) }

// Destroy is [FeatureFlagClient.Destroy].
func (f *FeatureFlag) Destroy(ctx context.Context, opts ...DestroyOption) error {
	return f.client.Destroy(ctx, f.name, opts...)
}

// Rules is [FeatureFlagClient.Rules].
func (f *FeatureFlag) Rules(ctx context.Context) (rules.Definition, error) {
	return f.client.Rules(ctx, f.name)
}

// SetRules is [FeatureFlagClient.SetRules].
func (f *FeatureFlag) SetRules(ctx context.Context, d rules.Definition) error {
	return f.client.SetRules(ctx, f.name, d)
}

// UpdateRules is [FeatureFlagClient.UpdateRules].
func (f *FeatureFlag) UpdateRules(ctx context.Context, change func(*rules.Definition) error) error {
	return f.client.UpdateRules(ctx, f.name, change)
}

// AddRule is [FeatureFlagClient.AddRule].
func (f *FeatureFlag) AddRule(ctx context.Context, rule rules.Rule) error {
	return f.client.AddRule(ctx, f.name, rule)
}

// InsertRule is [FeatureFlagClient.InsertRule].
func (f *FeatureFlag) InsertRule(ctx context.Context, position int, rule rules.Rule) error {
	return f.client.InsertRule(ctx, f.name, position, rule)
}

// RemoveRule is [FeatureFlagClient.RemoveRule].
func (f *FeatureFlag) RemoveRule(ctx context.Context, position int) error {
	return f.client.RemoveRule(ctx, f.name, position)
}

// ReplaceRule is [FeatureFlagClient.ReplaceRule].
func (f *FeatureFlag) ReplaceRule(ctx context.Context, position int, rule rules.Rule) error {
	return f.client.ReplaceRule(ctx, f.name, position, rule)
}

// MoveRule is [FeatureFlagClient.MoveRule].
func (f *FeatureFlag) MoveRule(ctx context.Context, from, to int) error {
	return f.client.MoveRule(ctx, f.name, from, to)
}

// SetDefault is [FeatureFlagClient.SetDefault].
func (f *FeatureFlag) SetDefault(ctx context.Context, variant string) error {
	return f.client.SetDefault(ctx, f.name, variant)
}

// SetRollout is [FeatureFlagClient.SetRollout].
func (f *FeatureFlag) SetRollout(ctx context.Context, split *rules.Split) error {
	return f.client.SetRollout(ctx, f.name, split)
}

// AddCondition is [FeatureFlagClient.AddCondition].
func (f *FeatureFlag) AddCondition(ctx context.Context, condition carta.Condition) error {
	return f.client.AddCondition(ctx, f.name, condition)
}

// SetConditions is [FeatureFlagClient.SetConditions].
func (f *FeatureFlag) SetConditions(ctx context.Context, conditions ...carta.Condition) error {
	return f.client.SetConditions(ctx, f.name, conditions...)
}

// SetBucketer is [FeatureFlagClient.SetBucketer].
func (f *FeatureFlag) SetBucketer(ctx context.Context, b carta.Bucketer) error {
	return f.client.SetBucketer(ctx, f.name, b)
}

// SetClientData is [FeatureFlagClient.SetClientData].
func (f *FeatureFlag) SetClientData(ctx context.Context, data map[string]any) error {
	return f.client.SetClientData(ctx, f.name, data)
}

// ClientData is [FeatureFlagClient.ClientData].
func (f *FeatureFlag) ClientData(ctx context.Context) (map[string]any, error) {
	return f.client.ClientData(ctx, f.name)
}

// Meta is [FeatureFlagClient.Meta].
func (f *FeatureFlag) Meta(ctx context.Context) (targeting.JSON, error) {
	return f.client.Meta(ctx, f.name)
}
