// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A foreign service has the six methods that the Python client calls, and no
// revisions: we make them from what it shows.

func (s *Store) foreignGet(ctx context.Context, name string) (*store.Flag, error) {
	item, err := s.client().Get(ctx, name)
	if err != nil {
		return nil, s.answered("Get", name, err)
	}
	return foreignFlag(name, item)
}

// foreignFlag reads an item, with a revision.
func foreignFlag(name string, item *featureflagstore.FeatureFlagStoreItem) (*store.Flag, error) {
	f, err := readItem(name, item)
	if err != nil {
		return nil, &store.UnreadableError{Name: name, Err: err}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%t %s", f.Enabled, metaContent(f)))
	f.Revision = hex.EncodeToString(sum[:16])
	return f, nil
}

func (s *Store) foreignPut(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	current, err := s.foreignGet(ctx, f.Name)
	missing := errors.Is(err, store.ErrNotFound)
	if err != nil && !missing && !errors.Is(err, store.ErrUnreadable) {
		return nil, err
	}
	switch {
	case f.Revision == "" && missing:
		err = s.foreignCreate(ctx, f)
	case f.Revision == "":
		return nil, store.ErrExists
	case err != nil || current.Revision != f.Revision:
		return nil, store.ErrConflict
	default:
		err = s.foreignReplace(ctx, current, f)
	}
	if err != nil {
		return nil, err
	}
	return s.foreignGet(ctx, f.Name)
}

// foreignCreate makes a flag. It takes several calls if the flag has more than
// Create can say; until the last, the flag is off, and not on for everyone.
func (s *Store) foreignCreate(ctx context.Context, f *store.Flag) error {
	targeted := len(f.Conditions) > 0 || !f.Bucketer.IsNoOp()
	item, err := s.client().Create(ctx, f.Name, f.Enabled && !targeted, clientData(f))
	if err != nil {
		return s.answered("Create", f.Name, err)
	}
	created, err := foreignFlag(f.Name, item)
	if err != nil {
		return err
	}
	return s.foreignReplace(ctx, created, f)
}

// foreignReplace changes the parts of a flag that differ. It turns a flag off
// before anything else, and on after everything else.
func (s *Store) foreignReplace(ctx context.Context, current, f *store.Flag) error {
	set := func() error {
		return s.answered("Set", f.Name, s.client().Set(ctx, f.Name, f.Enabled))
	}
	if current.Enabled && !f.Enabled {
		if err := set(); err != nil {
			return err
		}
	}
	wanted := f.Clone()
	if wanted.Created.IsZero() {
		wanted.Created = current.Created
	}
	if metaContent(current) != metaContent(wanted) {
		err := s.answered("SetMeta", f.Name, s.client().SetMeta(ctx, f.Name, writeMeta(wanted)))
		if errors.Is(err, store.ErrNotFound) {
			return store.ErrConflict // it was deleted meanwhile
		}
		if err != nil {
			return err
		}
	}
	if f.Enabled && !current.Enabled {
		return set()
	}
	return nil
}

func (s *Store) foreignDelete(ctx context.Context, name string) error {
	if _, err := s.foreignGet(ctx, name); err != nil && !errors.Is(err, store.ErrUnreadable) {
		return err
	}
	return s.answered("Delete", name, s.client().Delete(ctx, name))
}

// listed is what a loop over List yields.
type listed struct {
	name string
	flag *store.Flag
	err  error
}

// foreignList asks for all flags at once: their order is the service's, and
// offsets shift when flags come and go.
func (s *Store) foreignList(ctx context.Context) ([]listed, error) {
	// All is to leave the limit out, which we cannot, or a number that no
	// service's arithmetic stumbles over.
	items, err := s.client().List(ctx, math.MaxInt32, 0)
	if err != nil {
		return nil, s.answered("List", "", err)
	}
	if items == nil { // generated clients take that for an empty list
		return nil, s.unavailable("List", "the service's answer lacks the list")
	}
	all := make([]listed, 0, len(items))
	for _, item := range items {
		name := item.GetFeatureName()
		f, err := foreignFlag(name, item)
		if item.FeatureName == nil {
			f, err = nil, &store.UnreadableError{Err: fmt.Errorf("%w: feature_name is missing", store.ErrInvalid)}
		}
		all = append(all, listed{name, f, err})
	}
	slices.SortStableFunc(all, func(a, b listed) int { return cmp.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b listed) bool { return a.name == b.name }), nil
}

// metaContent returns what a flag's meta says, alike however the service puts it:
// variables and the whitelist have no order there.
func metaContent(f *store.Flag) string {
	b := fmt.Appendf(nil, "%d %s", f.Created.Unix(), canonical(targeting.JSON(clientData(f))))
	for _, c := range f.Conditions {
		checks := c.Checks()
		slices.SortStableFunc(checks, func(a, b carta.Check) int { return cmp.Compare(a.Variable, b.Variable) })
		if len(checks) == 0 {
			continue
		}
		b = append(b, '\n')
		b = carta.NewCondition(checks...).AppendCanonical(b)
	}
	b = append(b, '\n')
	return string(append(b, canonical(bucketerContent(f.Bucketer))...))
}

func bucketerContent(b carta.Bucketer) targeting.JSON {
	text := b.JSON()
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return text
	}
	members := slices.Clone(v.Members())
	for i, m := range members {
		if m.Key == "key_whitelist" && m.Value.Kind() == targeting.KindList {
			keys := slices.Clone(m.Value.Elements())
			slices.SortFunc(keys, func(a, b targeting.Value) int { return cmp.Compare(a.String(), b.String()) })
			members[i].Value = targeting.List(keys...)
		}
	}
	slices.SortFunc(members, func(a, b targeting.Member) int { return cmp.Compare(a.Key, b.Key) })
	return targeting.JSON(targeting.Object(members...).String())
}

func canonical(text targeting.JSON) string {
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return string(text)
	}
	return v.String()
}
