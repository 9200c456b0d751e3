// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

// follow lets a loop over the changes run, and returns what it yields.
func follow(t *testing.T, c *flipper.FeatureFlagClient) (next func() string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	yielded := make(chan string, 100)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for change, err := range c.Changes(ctx) {
			if err != nil {
				yielded <- fmt.Sprint("error: ", err)
				continue
			}
			yielded <- fmt.Sprintf("%s: %s to %s", change.Name, enabled(change.Before), enabled(change.After))
		}
		yielded <- "end"
	}()
	synctest.Wait()
	next = func() string {
		t.Helper()
		synctest.Wait()
		select {
		case s := <-yielded:
			return s
		default:
			return ""
		}
	}
	return next, func() {
		cancel()
		<-ended
	}
}

func enabled(f *store.Flag) string {
	switch {
	case f == nil:
		return "none"
	case f.Enabled:
		return "on"
	}
	return "off"
}

// A watchedFaultyStore tells of changes, failing or not.
type watchedFaultyStore struct{ *faultyStore }

func newWatchedFaultyStore() watchedFaultyStore { return watchedFaultyStore{newFaultyStore()} }

func (s watchedFaultyStore) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return s.Store.(store.Watcher).Watch(ctx)
}

func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		c := flipper.New(s, quiet())
		other := flipper.New(s, quiet())
		flag := mustCreate(t, c, "flag")
		next, stop := follow(t, c)
		want := func(want string) {
			t.Helper()
			if got := next(); got != want {
				t.Errorf("yields %q, want %q", got, want)
			}
		}
		want("") // what is there before is no change
		must(t, flag.Enable(t.Context()))
		want("flag: off to on")
		must(t, flag.Enable(t.Context()))
		want("") // it is what it was
		mustCreate(t, other, "new", on())
		want("new: none to on")
		must(t, other.Destroy(t.Context(), "flag"))
		want("flag: on to none")
		must(t, other.SetClientData(t.Context(), "new", map[string]any{"owner": "search"}))
		want("new: on to on")
		stop()
		want("end")
		want("")
	})
}

func TestChangesOfUnreadableFlag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWatchedFaultyStore()
		c := flipper.New(s, quiet())
		flag := mustCreate(t, c, "flag")
		next, stop := follow(t, c)
		defer stop()
		name := "flag"
		s.unreadable.Store(&name)
		must(t, flipper.New(s.Store).Enable(t.Context(), "flag"))
		if got := next(); !strings.HasPrefix(got, `error: stored flag "flag" is unreadable`) {
			t.Errorf("yields %q", got)
		}
		s.unreadable.Store(nil)
		must(t, flag.SetClientData(t.Context(), nil))
		if got := next(); got != "flag: off to on" {
			t.Errorf("yields %q, want the change since it was readable", got)
		}
	})
}

// What could not be read when it changed comes later.
func TestChangesAfterFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newWatchedFaultyStore()
		c := flipper.New(s, quiet())
		mustCreate(t, c, "flag")
		next, stop := follow(t, c)
		s.fail(errDown)
		must(t, flipper.New(s.Store).Enable(t.Context(), "flag"))
		if got, want := next(), "error: watch flags: "+errDown.Error(); got != want {
			t.Errorf("yields %q, want %q", got, want)
		}
		s.heal()
		time.Sleep(time.Minute) // longer than any pause
		if got := next(); got != "flag: off to on" {
			t.Errorf("yields %q", got)
		}
		if got, want := next(), "error: watch flags: "+flipper.ErrChangesResumed.Error(); got != want {
			t.Errorf("yields %q, want %q", got, want)
		}
		// A failing store is left when the context ends.
		s.fail(errDown)
		must(t, flipper.New(s.Store).Disable(t.Context(), "flag"))
		next()
		stop()
	})
}

func TestChangesEndEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		c := flipper.New(s, quiet())
		mustCreate(t, c, "one")
		mustCreate(t, c, "two")
		go func() {
			synctest.Wait() // until the loop waits for changes
			must(t, c.Enable(t.Context(), "one"))
		}()
		for change, err := range c.Changes(t.Context()) {
			must(t, err)
			if change.Name != "one" {
				t.Errorf("%s was changed", change.Name)
			}
			break
		}
	})
}

func TestChangesWithoutWatcher(t *testing.T) {
	n := 0
	for _, err := range flipper.New(struct{ store.Store }{memory.New()}).Changes(t.Context()) {
		n++
		wantErr(t, err, errors.ErrUnsupported)
	}
	if n != 1 {
		t.Errorf("%d errors", n)
	}
}

func TestChangesOfClosedStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		next, stop := follow(t, flipper.New(s))
		must(t, s.Close())
		if got, want := next(), "error: watch flags: store is closed"; got != want {
			t.Errorf("yields %q, want %q", got, want)
		}
		if got := next(); got != "end" {
			t.Errorf("yields %q", got)
		}
		stop()
	})
}

// A flappingStore tells of what a test has it tell.
type flappingStore struct {
	*faultyStore
	notifier store.Notifier
}

func (s *flappingStore) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return s.notifier.Watch(ctx)
}

// An outage of an hour, in which the connection is tried twice a second and reads fail
// too, is told twice: when it begins, and when what was missed has been told.
func TestChangesTellAnOutageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &flappingStore{faultyStore: newFaultyStore()}
		c := flipper.New(s, quiet())
		mustCreate(t, c, "flag")
		mustCreate(t, c, "other")
		next, stop := follow(t, c)
		defer stop()
		want := func(want string) {
			t.Helper()
			if got := next(); got != want {
				t.Errorf("yields %q, want %q", got, want)
			}
		}
		s.fail(errDown)
		for i := range 7200 {
			s.notifier.NotifyError(fmt.Errorf("%w: attempt %d", store.ErrUnavailable, i))
			synctest.Wait()
			time.Sleep(500 * time.Millisecond)
		}
		want("error: watch flags: store is unavailable: attempt 0")
		want("")

		// Changes of some flags, as a cluster tells of them that has lost a node, are not
		// the return: others may be missed.
		s.heal()
		must(t, flipper.New(s.Store).Enable(t.Context(), "flag"))
		s.notifier.Notify("flag")
		want("flag: off to on")
		want("")

		// The connection stands, and reads fail for a while.
		s.fail(errDown)
		must(t, flipper.New(s.Store).Enable(t.Context(), "other"))
		s.notifier.NotifyAll()
		time.Sleep(time.Hour)
		want("")
		s.heal()
		time.Sleep(time.Minute)
		want("other: off to on")
		want("error: watch flags: changes of flags are seen again")
		s.notifier.NotifyAll()
		want("")

		s.notifier.NotifyError(errDown)
		want("error: watch flags: " + errDown.Error())
	})
}
