// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
)

// maxHandles bounds the handles kept for one type: a caller may compute its defaults.
const maxHandles = 1000

// handles are a client's handles to flags asked for as one type. To make one for each
// evaluation would allocate. They are safe for concurrent use.
type handles[T comparable] struct {
	declare func(name string, otherwise T, opts ...flipper.DeclareOption) *flipper.ValueDeclaration[T]

	mu   sync.Mutex // held while kept is replaced
	kept atomic.Pointer[map[handleKey[T]]*flipper.ValueFlag[T]]
}

// The default is part of the key because the client tells its hooks of it.
type handleKey[T comparable] struct {
	name      string
	otherwise T
}

// evaluate asks the client, once, for a value of type T. The client's hooks are told of a
// value of another type as an error.
func (h *handles[T]) evaluate(ctx context.Context, p *Provider, flag string, otherwise T, flatCtx map[string]any) (flipper.Evaluation, error) {
	var space [attributesOnStack]flipper.Attr
	attrs, err := p.appendAttrs(ctx, space[:0], flatCtx)
	if err != nil {
		return flipper.Evaluation{}, contextError{err}
	}
	key := handleKey[T]{flag, otherwise}
	if kept := h.kept.Load(); kept != nil {
		if handle := (*kept)[key]; handle != nil {
			e := handle.Evaluate(ctx, attrs...)
			return e, e.Err
		}
	}
	handle := h.declare(flag, otherwise).Flag(p.client)
	e := handle.Evaluate(ctx, attrs...)
	if e.Err == nil { // not for names that come from outside
		h.keep(key, handle)
	}
	return e, e.Err
}

func (h *handles[T]) keep(key handleKey[T], handle *flipper.ValueFlag[T]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept := map[handleKey[T]]*flipper.ValueFlag[T]{}
	if before := h.kept.Load(); before != nil {
		if len(*before) >= maxHandles {
			return
		}
		kept = maps.Clone(*before)
	}
	kept[key] = handle
	h.kept.Store(&kept)
}

// objectOrList is what an object evaluation accepts. It holds nothing: each caller gets an
// object of its own, made from the flag's value.
type objectOrList struct{}

var errNoObject = errors.New("it is not an object or a list")

// UnmarshalJSON says why a value is no answer.
func (objectOrList) UnmarshalJSON(text []byte) error {
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		return err
	}
	if _, ok := objectOrListOf(v); !ok {
		return errNoObject
	}
	return nil
}

// MarshalJSON returns null: the caller's default stays unknown.
func (objectOrList) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

func declareObject(name string, otherwise objectOrList, opts ...flipper.DeclareOption) *flipper.ValueDeclaration[objectOrList] {
	return flipper.DeclareObject(name, otherwise, opts...)
}
