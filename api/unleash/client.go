// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

// maxLogged is how many of the flags that are left out a line of the log names.
const maxLogged = 10

// A document is what all clients of an environment get.
type document struct {
	version uint64 // of the flags that it was made of
	text    []byte
	tag     string
	leftOut []string // the flags that are not in it, and why
}

// features hands out the flags that Unleash's model expresses.
func (s *service) features(w http.ResponseWriter, r *http.Request, call *access.Call) error {
	env, err := call.TokenEnvironment()
	if err != nil {
		return err
	}
	d, err := s.document(r.Context(), env)
	if err != nil {
		return err
	}
	answer(w, r, d.text, d.tag)
	return nil
}

// document returns the features of an environment. It makes them anew when the flags
// have changed.
func (s *service) document(ctx context.Context, env *environment.Environment) (*document, error) {
	var version uint64
	if flags := snapshot.Of(env.Client().Store()); flags != nil {
		version = flags.Load().Version()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	earlier := s.documents[env]
	if earlier != nil && version != 0 && earlier.version == version {
		return earlier, nil
	}
	d, err := newDocument(ctx, env)
	if err != nil {
		return nil, err
	}
	d.version = version
	if len(d.leftOut) > 0 && (earlier == nil || !slices.Equal(earlier.leftOut, d.leftOut)) {
		s.log.Warn("Unleash's server-side clients do not get flags that their model cannot express", "environment", env.Name(),
			"number", len(d.leftOut), "flags", strings.Join(d.leftOut[:min(len(d.leftOut), maxLogged)], "; "))
	}
	s.documents[env] = d
	return d, nil
}

func newDocument(ctx context.Context, env *environment.Environment) (*document, error) {
	flags, names, err := load(ctx, env)
	if err != nil {
		return nil, err
	}
	x := expresser{flags: func(name string) *store.Flag { return flags[name] }, targetingKey: env.TargetingKey()}
	features := []feature{}
	var leftOut []string
	for _, name := range names {
		f := flags[name]
		if f == nil {
			leftOut = append(leftOut, fmt.Sprintf("%s (%v)", name, store.ErrUnreadable))
			continue
		}
		one, err := x.express(f)
		if err != nil {
			leftOut = append(leftOut, fmt.Sprintf("%s (%s)", name, Reason(err)))
			continue
		}
		features = append(features, one)
	}
	text, err := encode(struct {
		Version  int        `json:"version"`
		Features []feature  `json:"features"`
		Segments []struct{} `json:"segments"`
	}{2, features, []struct{}{}})
	if err != nil {
		return nil, err
	}
	return &document{text: text, tag: tagOf(text), leftOut: leftOut}, nil
}

// load returns the flags of one state of the store, and all names in order, also those of
// flags that cannot be read.
func load(ctx context.Context, env *environment.Environment) (flags map[string]*store.Flag, names []string, err error) {
	flags = make(map[string]*store.Flag)
	for f, err := range env.Client().List(ctx) {
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			names = append(names, unreadable.Name)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		flags[f.Name] = f
		names = append(names, f.Name)
	}
	return flags, names, nil
}

// Supported reports whether Unleash's server-side clients can evaluate a flag of an
// environment exactly as Flipper does. If not, the error matches [ErrInexpressible], names
// the field and says why.
//
// They can for a flag that is disabled, or on for everyone, or has rules that only let
// in, by texts and whole numbers that an attribute equals, starts with, ends with or
// contains, and by other such flags, segments among them.
func Supported(ctx context.Context, env *environment.Environment, f *store.Flag) error {
	x := expresser{targetingKey: env.TargetingKey(), flags: func(name string) *store.Flag {
		asked, err := env.Client().Get(ctx, name)
		if err != nil {
			return nil
		}
		return asked
	}}
	_, err := x.express(f)
	return err
}

// Reason returns the text of an error that matches [ErrInexpressible], without that.
func Reason(err error) string { return strings.TrimSuffix(err.Error(), ": "+ErrInexpressible.Error()) }
