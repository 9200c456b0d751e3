// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flipper-go/flipper/store"
)

// initialRevision is that of initial flags, which the store below has given none.
// It is not empty, so that a change of one is not taken for its creation.
const initialRevision = "initial"

// listInitial returns the flags of WithInitial, as if they had been read.
func (s *Store) listInitial() (all []listed) {
	for _, f := range s.initial {
		initial, err := store.Normalize(f)
		if err == nil {
			err = initial.CheckRules(nil)
		}
		if err != nil {
			s.report("an initial flag cannot be used", fmt.Errorf("flag %q: %w", f.Name, err))
			continue
		}
		initial.Revision = initialRevision
		all = append(all, listed{initial.Name, initial, nil})
	}
	return all
}

// startWithout takes flags from elsewhere while the store below cannot be asked, if
// there are none yet: the last good ones, or else the initial ones.
func (s *Store) startWithout() {
	s.startOnce.Do(func() {
		if s.state.isReady() || s.loadLastGood() || s.initial == nil {
			return
		}
		all := s.listInitial()
		s.copy.setAll(0, all)
		s.state.readElsewhere(s.began)
		s.logger.Warn("flag mirror: starting with the initial flags", "flags", len(all))
	})
}

// startInTime has the mirror ready in time, however long a read takes to fail.
func (s *Store) startInTime() {
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case <-timer.C:
		s.startWithout()
	case <-s.state.ready:
	case <-s.ctx.Done():
	}
}

// getEarly returns a flag before the mirror is ready: from the store below, or if that
// cannot tell soon and there are initial flags, what the mirror starts with.
func (s *Store) getEarly(ctx context.Context, name string) (*store.Flag, error) {
	if s.initial == nil {
		return s.inner.Get(ctx, name)
	}
	asking, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-s.state.ready:
		case <-s.ctx.Done():
		case <-asking.Done():
		}
		cancel()
	})
	f, err := s.inner.Get(asking, name)
	cancel()
	waiting.Wait()
	if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, context.Canceled) {
		return f, err
	}
	if err := s.WaitReady(ctx); err != nil {
		return nil, err
	}
	return s.copy.flags.Held().Get(name)
}
