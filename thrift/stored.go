// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// pageSize is when a page of ListStored is full, in bytes of names and stored
// forms.
const pageSize = 256 << 10

// GetStored returns a flag in its stored form, or NOT_FOUND, or UNREADABLE.
func (s *Service) GetStored(ctx context.Context, name string) (*featureflagstore.StoredFlag, error) {
	var flag *featureflagstore.StoredFlag
	err := s.do(ctx, "GetStored", name, func(ctx context.Context) error {
		f, err := s.store.Get(ctx, name)
		if err != nil {
			return err
		}
		flag, err = storedFlag(f)
		return err
	})
	if err != nil {
		return nil, err
	}
	return flag, nil
}

// CompareAndSet stores a flag, given in its stored form, if the stored revision
// is the one given, or, with an empty revision, if there is no flag of that
// name. If not so, it answers CONFLICT or EXISTS. New or changed rules that cannot be
// read are INVALID.
func (s *Service) CompareAndSet(ctx context.Context, name string, text featureflagstore.JSON, revision string) (*featureflagstore.StoredFlag, error) {
	var flag *featureflagstore.StoredFlag
	var was before
	var stored *store.Flag
	err := s.do(ctx, "CompareAndSet", name, func(ctx context.Context) error {
		f, err := store.Decode(name, text)
		if err != nil {
			if unreadable := (*store.UnreadableError)(nil); errors.As(err, &unreadable) {
				err = unreadable.Err
			}
			return invalidf("item: %v", err)
		}
		f.Revision = revision
		if err := s.checkReplacement(ctx, f, len(text)); err != nil {
			return err
		}
		if revision != "" {
			if was = s.lookBefore(ctx, name); was.flag == nil || was.flag.Revision != revision {
				was = before{unknown: true}
			}
		}
		if stored, err = s.store.Put(ctx, f); err != nil {
			return err
		}
		flag, err = storedFlag(stored)
		return err
	})
	if stored != nil {
		s.changed(ctx, "CompareAndSet", name, was, stored)
	}
	if err != nil {
		return nil, err
	}
	return flag, nil
}

// checkReplacement refuses what a flag may keep, but not bring: rules that cannot be
// read, and more than [store.MaxFlagSize] bytes.
func (s *Service) checkReplacement(ctx context.Context, f *store.Flag, size int) error {
	alone := f.Clone()
	alone.Revision = ""
	_, err := store.Normalize(alone)
	if err = cmp.Or(err, f.CheckRules(nil)); err == nil || f.Revision == "" {
		return err
	}
	before, errBefore := s.store.Get(ctx, f.Name)
	switch {
	case errors.Is(errBefore, store.ErrNotFound), errors.Is(errBefore, store.ErrUnreadable):
		return store.ErrConflict
	case errBefore != nil:
		return errBefore
	case before.Revision != f.Revision:
		return store.ErrConflict
	}
	switched := before.Clone()
	switched.Enabled = f.Enabled
	if size > store.MaxFlagSize && !sameStored(switched, f) {
		return err
	}
	return f.CheckRules(before)
}

func sameStored(a, b *store.Flag) bool {
	textA, errA := store.Encode(a)
	textB, errB := store.Encode(b)
	return errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// DeleteStored deletes a flag, or answers NOT_FOUND.
func (s *Service) DeleteStored(ctx context.Context, name string) error {
	return s.delete(ctx, "DeleteStored", name, store.ErrNotFound)
}

// ListStored returns flags in their stored form, sorted by name, from the name
// first on: as many as fit into a page of 256 KiB, and at least one. Flags that
// cannot be read are among them, with the reason. Where continues_at is set,
// there are more: it is the name to give for the next page.
func (s *Service) ListStored(ctx context.Context, first string) (*featureflagstore.FlagPage, error) {
	page := &featureflagstore.FlagPage{Flags: []*featureflagstore.StoredFlag{}}
	err := s.do(ctx, "ListStored", "", func(ctx context.Context) error {
		size := 0
		for f, err := range s.store.List(ctx) {
			if err == nil && f.Name < first {
				continue
			}
			flag, err := listedFlag(f, err)
			if err != nil {
				return err
			}
			if *flag.FeatureName < first {
				continue
			}
			size += flagSize(flag)
			if size > pageSize && len(page.Flags) > 0 {
				page.ContinuesAt = flag.FeatureName
				return nil
			}
			page.Flags = append(page.Flags, flag)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// listedFlag returns the element of a page for what a store's list yields.
func listedFlag(f *store.Flag, err error) (*featureflagstore.StoredFlag, error) {
	if unreadable := (*store.UnreadableError)(nil); errors.As(err, &unreadable) {
		reason := fmt.Sprint(unreadable.Err)
		return &featureflagstore.StoredFlag{FeatureName: &unreadable.Name, Unreadable: &reason}, nil
	}
	if err != nil {
		return nil, err
	}
	return storedFlag(f)
}

func storedFlag(f *store.Flag) (*featureflagstore.StoredFlag, error) {
	text, err := store.Encode(f)
	if err != nil {
		return nil, err
	}
	name, form, revision := f.Name, featureflagstore.JSON(text), f.Revision
	return &featureflagstore.StoredFlag{FeatureName: &name, Item: &form, Revision: &revision}, nil
}

func flagSize(f *featureflagstore.StoredFlag) int {
	return len(f.GetFeatureName()) + len(f.GetItem()) + len(f.GetRevision()) + len(f.GetUnreadable())
}
