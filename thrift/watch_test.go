// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

const minute = 60_000

func mustWatch(t *testing.T, w interface {
	Watch(context.Context, string, int32) (*featureflagstore.FlagChanges, error)
}, position string, millis int32,
) *featureflagstore.FlagChanges {
	t.Helper()
	c, err := w.Watch(t.Context(), position, millis)
	if err != nil {
		t.Fatal(err)
	}
	if c.Position == nil || *c.Position == "" {
		t.Fatalf("no position: %v", c)
	}
	return c
}

func TestWatch(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	_, address := serve(t, service)
	client := newClient(t, address)

	begin := mustWatch(t, client, "", 0)
	if !begin.GetEverything() || len(begin.FeatureNames) != 0 {
		t.Errorf("without position: %v", begin)
	}
	if c := mustWatch(t, client, *begin.Position, 0); c.GetEverything() || len(c.FeatureNames) != 0 || *c.Position != *begin.Position {
		t.Errorf("nothing changed: %v", c)
	}
	mustCreate(t, service, "b")
	if c := mustWatch(t, client, *begin.Position, minute); !slices.Equal(c.FeatureNames, []string{"b"}) {
		t.Errorf("after a change: %v", c)
	}
	mustCreate(t, service, "a")
	if err := service.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	var c *featureflagstore.FlagChanges
	for position, seen := *begin.Position, map[string]bool{}; !seen["a"]; position = *c.Position {
		c = mustWatch(t, client, position, minute)
		for _, name := range c.FeatureNames {
			seen[name] = true
		}
	}
	for _, foreign := range []string{"x", "x.1", ".", *begin.Position + "0000", newChangeLog().end(), strings.Replace(*begin.Position, ".", ".-", 1)} {
		if c := mustWatch(t, client, foreign, minute); !c.GetEverything() {
			t.Errorf("position %q: %v", foreign, c)
		}
	}
}

// A poll that waits is answered by the change that it waits for.
func TestWatchWaits(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	_, address := serve(t, service)
	begin := mustWatch(t, service, "", 0)
	var all sync.WaitGroup
	for i := range 8 {
		client := forms[i%len(forms)].client(dial(t, address))
		all.Go(func() {
			c, err := client.Watch(t.Context(), *begin.Position, minute)
			if err != nil || !slices.Equal(c.FeatureNames, []string{"x"}) {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
	mustCreate(t, service, "x")
	all.Wait()
}

func TestWatchTimesOut(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	begin := mustWatch(t, service, "", 0)
	if c := mustWatch(t, service, *begin.Position, 1); *c.Position != *begin.Position || c.GetEverything() {
		t.Errorf("%v", c)
	}
	if c := mustWatch(t, service, *begin.Position, -5); *c.Position != *begin.Position {
		t.Errorf("%v", c)
	}
}

// The log is bounded: who is too far behind reads everything, and nobody misses
// a change.
func TestChangeLog(t *testing.T) {
	log := newChangeLog()
	begin := log.end()
	if names, all := log.since(begin); all || len(names) != 0 {
		t.Errorf("%v, %v", names, all)
	}
	log.add([]string{"b", "a"})
	log.add([]string{"b"})
	middle := log.end()
	if names, all := log.since(begin); all || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("%v, %v", names, all)
	}
	for i := range maxLogged {
		log.add([]string{fmt.Sprint(i)})
	}
	if _, all := log.since(begin); !all {
		t.Error("too old, but known")
	}
	if names, all := log.since(middle); all || len(names) != maxLogged {
		t.Errorf("%d names, %v", len(names), all)
	}
	if cap(log.names) > 4*maxLogged {
		t.Errorf("the log holds %d names", cap(log.names))
	}
	end := log.end()
	log.addAll()
	if _, all := log.since(end); !all {
		t.Error("a gap, but known")
	}
	if _, all := log.since(log.end()); all {
		t.Error("its own end is unknown")
	}
}

func TestWatchUnsupported(t *testing.T) {
	flags := memory.New()
	for name, s := range map[string]store.Store{
		"no watcher":            struct{ store.Store }{flags},
		"watcher of no watcher": &scriptedWatcher{Store: flags, script: []any{fmt.Errorf("cached: %w", errors.ErrUnsupported)}},
	} {
		_, err := newService(t, s, newRecorder()).Watch(t.Context(), "", minute)
		t.Log(name)
		wantCode(t, err, featureflagstore.ErrorCode_UNSUPPORTED)
	}
}

// A scriptedWatcher yields changes and errors as a list says, each once the test
// lets it.
type scriptedWatcher struct {
	store.Store
	script []any
	next   chan struct{} // nil: at once
}

func (s *scriptedWatcher) Watch(ctx context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) {
		for _, step := range s.script {
			if s.next != nil {
				select {
				case <-ctx.Done():
					return
				case <-s.next:
				}
			}
			change, _ := step.(store.Change)
			err, _ := step.(error)
			if !yield(change, err) {
				return
			}
		}
		<-ctx.Done()
	}
}

// While the store's watch has a gap polls fail at once; after it, everything may
// have changed.
func TestWatchGap(t *testing.T) {
	s := &scriptedWatcher{Store: memory.New(), next: make(chan struct{}), script: []any{
		store.Change{All: true},
		store.Change{Names: []string{"x"}},
		fmt.Errorf("%w: 10.1.2.3 is down", store.ErrUnavailable),
		store.Change{All: true},
	}}
	log := newRecorder()
	service := newService(t, s, log)
	poll := func(position string) <-chan *featureflagstore.FlagChanges {
		answer := make(chan *featureflagstore.FlagChanges, 1)
		go func() {
			defer close(answer)
			c, err := service.Watch(context.Background(), position, minute)
			if err != nil {
				e := wantCode(t, err, featureflagstore.ErrorCode_UNAVAILABLE)
				if strings.Contains(e.Message, "10.1.2.3") {
					t.Error(e.Message)
				}
				return
			}
			answer <- c
		}()
		return answer
	}
	answer := poll("")
	s.next <- struct{}{} // the subscription stands
	begin := <-answer
	if begin == nil || !begin.GetEverything() {
		t.Fatalf("%v", begin)
	}
	answer = poll(*begin.Position)
	s.next <- struct{}{}
	change := <-answer
	if change == nil || !slices.Equal(change.FeatureNames, []string{"x"}) {
		t.Fatalf("%v", change)
	}
	answer = poll(*change.Position)
	s.next <- struct{}{} // the gap begins
	if c := <-answer; c != nil {
		t.Errorf("in the gap: %v", c)
	}
	log.await(t, "10.1.2.3")
	s.next <- struct{}{} // it ends
	var after *featureflagstore.FlagChanges
	for after == nil {
		after = <-poll(*change.Position)
	}
	if !after.GetEverything() {
		t.Errorf("after the gap: %v", after)
	}
}

// A store whose watch does not begin costs a poll no more than a call.
func TestWatchDoesNotBegin(t *testing.T) {
	s := &scriptedWatcher{Store: memory.New(), next: make(chan struct{}), script: []any{store.Change{All: true}}}
	service := newService(t, s, newRecorder(), WithStoreTimeout(time.Millisecond))
	_, err := service.Watch(t.Context(), "", 0)
	wantCode(t, err, featureflagstore.ErrorCode_UNAVAILABLE)
}

// The service's end wakes polls, and their clients' end frees them.
func TestWatchEnds(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	begin := mustWatch(t, service, "", 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := service.Watch(ctx, *begin.Position, minute)
		ended <- err
	}()
	cancel()
	wantCode(t, <-ended, featureflagstore.ErrorCode_UNAVAILABLE)
	go func() {
		_, err := service.Watch(context.Background(), *begin.Position, minute)
		ended <- err
	}()
	service.Close()
	wantCode(t, <-ended, featureflagstore.ErrorCode_UNAVAILABLE)
}

// A client that goes away does not leave its poll behind.
func TestWatchClientGone(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	server, address := serve(t, service)
	begin := mustWatch(t, service, "", 0)
	conn := dial(t, address)
	ended := make(chan error)
	go func() {
		_, err := forms[0].client(conn).Watch(t.Context(), *begin.Position, minute)
		ended <- err
	}()
	awaitServer(t, server, func() bool { return len(server.connections) == 1 && server.strangers.Len() == 0 })
	conn.Close()
	<-ended
	// Long before the poll would have timed out:
	awaitServer(t, server, func() bool { return len(server.connections) == 0 })
}
