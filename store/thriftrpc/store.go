// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
)

// A Store is the flags of a flag service. It is safe for concurrent use.
type Store struct {
	pool    *pool
	answers lastAnswers
}

var _ store.Watcher = (*Store)(nil)

// New makes a store of the flag service at an address, such as "flags:9090". It
// does not dial: connections are opened when they are needed, and kept.
func New(address string, opts ...Option) *Store {
	return &Store{pool: newPool(address, newOptions(address, opts)), answers: newLastAnswers()}
}

// WaitReady waits until the service answers, or ctx ends: then the error tells
// why the last attempt failed. Nobody needs to call it; it is for programs that
// would rather not start than start with a service that is not there.
func (s *Store) WaitReady(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		_, err := s.Get(ctx, "")
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrUnreadable) || errors.Is(err, store.ErrInvalid) {
			return nil
		}
		if errors.Is(err, store.ErrClosed) || ctx.Err() != nil {
			return err
		}
		if !s.pause(ctx, attempt) && ctx.Err() != nil {
			return fmt.Errorf("%w (the last attempt: %w)", contextError(ctx), err)
		}
	}
}

// Close fails calls under way, ends watches, both with [store.ErrClosed], closes
// all connections, and waits for all that. It is idempotent and returns nil.
func (s *Store) Close() error {
	s.pool.close()
	return nil
}

// client returns a client for one call: generated clients are not for sharing, not
// even between calls that use connections of their own.
func (s *Store) client() *featureflagstore.FeatureFlagStoreClient {
	return featureflagstore.NewFeatureFlagStoreClient(s.pool)
}

// ask makes a call: with the added methods if the service has them or was not
// asked yet, else with the six.
func (s *Store) ask(added, six func() error) error {
	if s.pool.isForeign() {
		return six()
	}
	if err := added(); !isUnknownMethod(err) {
		return err
	}
	return six()
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := store.ValidateName(name); err != nil {
		return nil, err
	}
	f, err := s.get(ctx, name)
	if err != nil {
		return nil, s.aboutName("GetStored", name, err)
	}
	return f, nil
}

// get is not made of [Store.ask], whose functions would cost more than the rest.
func (s *Store) get(ctx context.Context, name string) (*store.Flag, error) {
	if s.pool.isForeign() {
		return s.foreignGet(ctx, name)
	}
	f, err := s.getStored(ctx, name)
	if isUnknownMethod(err) {
		return s.foreignGet(ctx, name)
	}
	return f, err
}

// Put implements [store.Store]. An error that matches
// [store.ErrUnavailable], or ctx's, says that the flag may or may not have been
// stored: the answer was lost. See the package comment for a foreign service.
func (s *Store) Put(ctx context.Context, f *store.Flag) (stored *store.Flag, err error) {
	text, err := store.Encode(f)
	if err != nil {
		return nil, err
	}
	err = s.ask(func() error {
		reply, err := s.client().CompareAndSet(ctx, f.Name, featureflagstore.JSON(text), f.Revision)
		if err == nil {
			stored, err = s.flag("CompareAndSet", f.Name, reply)
		}
		return err
	}, func() error {
		stored, err = s.foreignPut(ctx, f)
		return err
	})
	err = s.answered("CompareAndSet", f.Name, err)
	if errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrUnreadable) {
		// We take the flag and the service's store does not. If it is because of
		// the name, it does not take that in a question either.
		if _, nameErr := s.Get(ctx, f.Name); errors.Is(nameErr, store.ErrInvalidName) {
			return nil, nameErr
		}
	}
	return stored, err
}

// Delete implements [store.Store]. An error that matches
// [store.ErrUnavailable], or ctx's, says that the flag may or may not have been
// deleted.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := store.ValidateName(name); err != nil {
		return err
	}
	err := s.ask(
		func() error { return s.client().DeleteStored(ctx, name) },
		func() error { return s.foreignDelete(ctx, name) },
	)
	return s.aboutName("DeleteStored", name, err)
}

// List implements [store.Store]. It fetches a page at a time; ctx is for
// all of them, [WithTimeout] for each.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		var page *featureflagstore.FlagPage
		var foreign []listed
		isForeign := false
		err := s.ask(func() (err error) {
			page, err = s.client().ListStored(ctx, "")
			return err
		}, func() (err error) {
			isForeign = true
			foreign, err = s.foreignList(ctx)
			return err
		})
		if isForeign && err == nil {
			for _, l := range foreign {
				if !yield(l.flag, l.err) {
					return
				}
			}
			return
		}
		for first := ""; err == nil; {
			next, ok := s.yieldPage(page, first, yield)
			if !ok {
				return
			}
			first = next
			page, err = s.client().ListStored(ctx, first)
		}
		yield(nil, s.answered("ListStored", "", err))
	}
}

// yieldPage yields the flags of a page. It returns where the next one begins; ok is
// false if there is none or the loop is over.
func (s *Store) yieldPage(page *featureflagstore.FlagPage, first string, yield func(*store.Flag, error) bool) (next string, ok bool) {
	last := first
	for i, stored := range page.Flags {
		name := stored.GetFeatureName()
		if stored.FeatureName == nil || name < last || i > 0 && name == last {
			yield(nil, s.unavailable("ListStored", "the service's answer is out of order at %.500q", name))
			return "", false
		}
		last = name
		f, err := s.flag("ListStored", name, stored)
		if err = s.answered("ListStored", name, err); !yield(f, err) {
			return "", false
		}
		if err != nil && !errors.Is(err, store.ErrUnreadable) {
			return "", false
		}
	}
	if page.ContinuesAt == nil {
		return "", false
	}
	next = *page.ContinuesAt
	if next < last || next == first || len(page.Flags) > 0 && next == last {
		yield(nil, s.unavailable("ListStored", "the service's answer goes back to %.500q", next))
		return "", false
	}
	return next, true
}

// flag makes the flag of what the service has stored under a name.
func (s *Store) flag(method, name string, stored *featureflagstore.StoredFlag) (*store.Flag, error) {
	switch {
	case stored.FeatureName != nil && *stored.FeatureName != name:
		return nil, s.unavailable(method, "the service's answer is about flag %.500q, not %q", *stored.FeatureName, name)
	case stored.Unreadable != nil:
		return nil, &store.UnreadableError{Name: name, Err: fmt.Errorf("flag service at %s: %.500q", s.pool.address, *stored.Unreadable)}
	case stored.Item == nil || stored.GetRevision() == "":
		return nil, s.unavailable(method, "the service's answer lacks the item or its revision")
	}
	f, err := store.Decode(name, *stored.Item)
	if err != nil {
		return nil, err
	}
	f.Revision = *stored.Revision
	return f, nil
}

// aboutName is answered for a call with nothing but a name: if the service takes
// that for invalid, it is the name.
func (s *Store) aboutName(method, name string, err error) error {
	err = s.answered(method, name, err)
	if errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrUnreadable) {
		return fmt.Errorf("%w (%w)", err, store.ErrInvalidName)
	}
	return err
}

// The pauses before a service that failed is asked again. They stay short: a
// switch that was thrown meanwhile is to be seen soon after the service is back.
const (
	pauseMin = 50 * time.Millisecond
	pauseMax = time.Second
)

// pause waits, longer with each attempt and never quite alike, so that many
// clients do not come back at once. It reports whether it was not interrupted.
func (s *Store) pause(ctx context.Context, attempt int) bool {
	longest := min(pauseMin<<min(attempt, 16), pauseMax)
	timer := time.NewTimer(longest/2 + rand.N(longest/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.pool.life.Done():
	case <-timer.C:
		return true
	}
	return false
}
