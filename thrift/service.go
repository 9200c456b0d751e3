// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/internal/limitedlog"
	"github.com/flipper-go/flipper/store"
)

const (
	defaultStoreTimeout = 10 * time.Second

	// absentLimit is what a List without limit arrives as.
	absentLimit = -1
)

// A Service answers the calls of the flag service from a store. It is safe for
// concurrent use.
//
// Every error that a method returns is a bare *FlipperException, which is what
// arrives at the client; what is behind it is logged, not sent.
type Service struct {
	store        store.Store
	log          *limitedlog.Log
	onError      func(error)
	onChange     func(Change) // or nil
	storeTimeout time.Duration
	now          func() time.Time
	watch        *changeWatch
	closed       chan struct{}
	closeOnce    sync.Once
}

var _ featureflagstore.FeatureFlagStore = (*Service)(nil)

// A ServiceOption changes a default of [NewService].
type ServiceOption func(*Service)

// WithLogger sets where the service, and servers of it, log. The default is
// [slog.Default].
func WithLogger(l *slog.Logger) ServiceOption {
	return func(s *Service) { s.log = limitedlog.New(l) }
}

// WithErrorHandler sets a function that is told, besides the log, of every
// failure of the store, and of every unreadable flag that a list left out. It
// must be safe for concurrent use, and should be quick. The default is none.
func WithErrorHandler(handle func(error)) ServiceOption {
	return func(s *Service) { s.onError = handle }
}

// WithStoreTimeout sets how long one call may wait for the store; then it is
// answered with UNAVAILABLE. The default is 10 seconds.
func WithStoreTimeout(d time.Duration) ServiceOption {
	return func(s *Service) { s.storeTimeout = d }
}

// NewService makes a service over a store. It does not call the store. Close the
// service when it is no longer needed; it does not close the store.
func NewService(s store.Store, options ...ServiceOption) *Service {
	service := &Service{
		store:        s,
		onError:      func(error) {},
		storeTimeout: defaultStoreTimeout,
		now:          time.Now,
		closed:       make(chan struct{}),
	}
	for _, option := range options {
		option(service)
	}
	if service.log == nil {
		service.log = limitedlog.New(slog.Default())
	}
	if w, ok := s.(store.Watcher); ok {
		service.watch = newChangeWatch(w, service.watchFailed)
	}
	return service
}

// Close ends the service: long polls are answered at once, and calls from now on,
// with UNAVAILABLE. It waits until the service no longer watches the store. It
// is idempotent, and always returns nil.
func (s *Service) Close() error {
	s.closeOnce.Do(func() { close(s.closed) })
	if s.watch != nil {
		s.watch.close()
	}
	return nil
}

// storeContext is the context for the store's part in a call.
func (s *Service) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.storeTimeout)
}

func (s *Service) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// do runs the store's part of a call and makes an answer of its error.
func (s *Service) do(ctx context.Context, method, name string, call func(context.Context) error) error {
	if s.isClosed() {
		return errStopping()
	}
	storeCtx, cancel := s.storeContext(ctx)
	defer cancel()
	if err := call(storeCtx); err != nil {
		return s.answer(ctx, method, name, err)
	}
	return nil
}

// Create makes a flag, created now, in place of one that is there: nothing of
// that stays. Without clientData, it has none. If clientData has rules, clients that
// know none see a flag that is off, unless the rules say otherwise; rules that cannot
// be read are INVALID.
func (s *Service) Create(ctx context.Context, name string, enabled bool, clientData featureflagstore.JSON) (*featureflagstore.FeatureFlagStoreItem, error) {
	var created *store.Flag
	var was before
	err := s.do(ctx, "Create", name, func(ctx context.Context) (err error) {
		flag := s.newFlag(name, enabled)
		data, err := readClientData(&clientData)
		if err != nil {
			return err
		}
		if err := flag.SetClientData(data); err != nil {
			return err
		}
		created, was, err = s.replace(ctx, flag)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.changed(ctx, "Create", name, was, created)
	return item(created), nil
}

func (s *Service) newFlag(name string, enabled bool) *store.Flag {
	return &store.Flag{Name: name, Enabled: enabled, Created: time.Unix(s.now().Unix(), 0).UTC()}
}

// replace stores a flag whatever is there. Each step compares, so that what it
// replaces is one state of the flag, and a writer that comes later wins.
func (s *Service) replace(ctx context.Context, flag *store.Flag) (stored *store.Flag, was before, err error) {
	for {
		stored, err = s.store.Put(ctx, flag)
		if !errors.Is(err, store.ErrExists) {
			return stored, was, err
		}
		stored, err = store.Update(ctx, s.store, flag.Name, func(f *store.Flag) error {
			s.note(&was, f)
			revision := f.Revision
			*f = *flag
			f.Revision = revision
			return nil
		})
		switch {
		case errors.Is(err, store.ErrUnreadable):
			// What cannot be read has no revision to replace.
			if err := s.store.Delete(ctx, flag.Name); err != nil && !errors.Is(err, store.ErrNotFound) {
				return nil, was, err
			}
			was = before{unknown: true}
		case errors.Is(err, store.ErrNotFound):
			was = before{}
		default:
			return stored, was, err
		}
	}
}

// Get returns a flag, or NOT_FOUND, or UNREADABLE.
func (s *Service) Get(ctx context.Context, name string) (*featureflagstore.FeatureFlagStoreItem, error) {
	var flag *store.Flag
	err := s.do(ctx, "Get", name, func(ctx context.Context) (err error) {
		flag, err = s.store.Get(ctx, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return item(flag), nil
}

// Set turns a flag on or off. If there is none, it makes one, created now.
func (s *Service) Set(ctx context.Context, name string, enabled bool) error {
	var was before
	var stored *store.Flag
	err := s.do(ctx, "Set", name, func(ctx context.Context) (err error) {
		for {
			stored, err = store.Update(ctx, s.store, name, func(f *store.Flag) error {
				s.note(&was, f)
				f.Enabled = enabled
				return nil
			})
			if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			was = before{}
			stored, err = s.store.Put(ctx, s.newFlag(name, enabled))
			if !errors.Is(err, store.ErrExists) {
				return err
			}
		}
	})
	if err == nil {
		s.changed(ctx, "Set", name, was, stored)
	}
	return err
}

// Delete deletes a flag. That there is none is no error.
func (s *Service) Delete(ctx context.Context, name string) error {
	return s.delete(ctx, "Delete", name, nil)
}

// delete deletes a flag. If there is none, it returns the answer to missing, which
// may be nil for none.
func (s *Service) delete(ctx context.Context, method, name string, missing error) error {
	var was before
	deleted := false
	err := s.do(ctx, method, name, func(ctx context.Context) error {
		was = s.lookBefore(ctx, name)
		err := s.store.Delete(ctx, name)
		deleted = err == nil
		if errors.Is(err, store.ErrNotFound) {
			return missing
		}
		return err
	})
	if deleted {
		s.changed(ctx, method, name, was, nil)
	}
	return err
}

// List returns flags sorted by name, from the offset-th on, no more than limit.
// Limit -1, which is also what a client that sends none means, returns all; 0
// returns none. Other negative limits, and negative offsets, are INVALID. Flags
// that cannot be read are left out, do not count, and are logged.
func (s *Service) List(ctx context.Context, limit, offset int64) ([]*featureflagstore.FeatureFlagStoreItem, error) {
	items := []*featureflagstore.FeatureFlagStoreItem{}
	err := s.do(ctx, "List", "", func(ctx context.Context) error {
		switch {
		case limit < absentLimit:
			return invalidf("limit: %d is negative (leave it out, or give -1, for all flags)", limit)
		case offset < 0:
			return invalidf("offset: %d is negative", offset)
		case limit == 0:
			return nil
		}
		for flag, err := range s.store.List(ctx) {
			switch {
			case errors.Is(err, store.ErrUnreadable):
				s.report("an unreadable flag is left out of lists", err)
				continue
			case err != nil:
				return err
			case offset > 0:
				offset--
				continue
			}
			items = append(items, item(flag))
			if limit--; limit == 0 {
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// SetMeta replaces the client data, the conditions and the bucketer of a flag:
// what meta leaves out, the flag has no longer. A created date that is left out
// stays. If there is no such flag, the answer is NOT_FOUND.
//
// A client that knows no rules sends back those that it was shown. New or changed ones
// are taken as by [Service.Create], whatever conditions and bucketer meta has.
func (s *Service) SetMeta(ctx context.Context, name string, meta *featureflagstore.FeatureFlagStoreMeta) error {
	var was before
	var stored *store.Flag
	err := s.do(ctx, "SetMeta", name, func(ctx context.Context) error {
		change, err := readMeta(meta, s.now())
		if err != nil {
			return err
		}
		stored, err = store.Update(ctx, s.store, name, func(f *store.Flag) error {
			s.note(&was, f)
			return change(f)
		})
		return err
	})
	if err == nil {
		s.changed(ctx, "SetMeta", name, was, stored)
	}
	return err
}
