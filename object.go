// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// ObjectOr returns the object that a flag serves to a request with these attributes and
// those that ctx carries, decoded into a T. It never fails: where there is no answer, or
// the flag's value does not decode into a T, it returns otherwise, and the cause is
// reported, as by [FeatureFlagClient.IsEnabled]. A disabled flag serves its off variant.
//
//	type Limits struct{ Uploads, Members int }
//
//	limits := flipper.ObjectOr(ctx, features, "limits", Limits{Uploads: 10, Members: 3})
//
// T is a struct, as a rule, but may be anything that [json.Unmarshal] decodes into, and
// the flag's value any JSON: a list for a slice, text for a time. Decoding is as strict
// as encoding/json is: members of the object that T has no field for are ignored, and
// fields that the object does not have are zero, not what otherwise has.
//
// A value is decoded once for each change of the flag, if the store answers from memory,
// and calls share the result: do not modify the maps and slices in it, or what it points
// to.
//
//go:noinline
func ObjectOr[T any](ctx context.Context, c *FeatureFlagClient, name string, otherwise T, attrs ...Attr) T {
	f := c.peek(name)
	read := decode[T]
	if f != nil {
		read = decoderOf[T](&c.decoders, name).read
	}
	return valueOr(ctx, c, name, f, c.required, otherwise, read, attrs)
}

// encode returns a Go value as a value of a flag: an object as its JSON.
func encode[T any](v T) (targeting.Value, error) {
	switch v := any(v).(type) {
	case string, int64, float64:
		value, err := targeting.ValueOf(v)
		return value, cmp.Or(err, value.Validate())
	}
	text, err := json.Marshal(v)
	if err != nil {
		return targeting.Value{}, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	return targeting.ParseJSON(targeting.JSON(text))
}

// decode returns a variant's value as a T.
func decode[T any](v *targeting.Variant) (value T, _ error) {
	if err := json.Unmarshal(v.Value.AppendJSON(nil), &value); err != nil {
		var none T
		return none, fmt.Errorf("variant %q does not decode into %s: %w: %w", v.Name, reflect.TypeFor[T](), ErrType, err)
	}
	return value, nil
}

// A decoder decodes variants, and keeps the results for as long as the variants are
// those of the flag. It is safe for concurrent use. Reading what it keeps takes no lock.
type decoder[T any] struct {
	read reader[T] // the method find, bound once: to bind it at each call would allocate
	kept atomic.Pointer[[]decoded[T]]
}

// decoded is what became of a variant. A flag that is changed gets new variants, so the
// address says which state of the flag this is of.
type decoded[T any] struct {
	variant *targeting.Variant
	value   T
	err     error
}

const (
	// maxNamesakes is how many variants of one name a decoder keeps: that of the flag
	// as it is, and that of the flag as requests have pinned it.
	maxNamesakes = 2
	// maxDecoded bounds what is kept of variants that a flag has no more.
	maxDecoded = 200
)

func newDecoder[T any]() *decoder[T] {
	d := new(decoder[T])
	d.read = d.find
	return d
}

func (d *decoder[T]) find(v *targeting.Variant) (T, error) {
	if kept := d.kept.Load(); kept != nil {
		for i := range *kept {
			if found := &(*kept)[i]; found.variant == v {
				return found.value, found.err
			}
		}
	}
	return d.add(v)
}

// add decodes a variant. Somebody may be faster: then it returns theirs.
func (d *decoder[T]) add(v *targeting.Variant) (T, error) {
	value, err := decode[T](v)
	for {
		before := d.kept.Load()
		kept := []decoded[T]{{v, value, err}}
		namesakes := 1
		if before != nil {
			for _, other := range *before {
				if other.variant == v {
					return other.value, other.err
				}
				if other.variant.Name == v.Name {
					namesakes++
				}
				if len(kept) < maxDecoded && (other.variant.Name != v.Name || namesakes <= maxNamesakes) {
					kept = append(kept, other)
				}
			}
		}
		if d.kept.CompareAndSwap(before, &kept) {
			return value, err
		}
	}
}

// decoders are those of [ObjectOr], which has no handle to keep one in. They are safe for
// concurrent use.
type decoders struct {
	mu   sync.Mutex // held while kept is replaced
	kept atomic.Pointer[map[decoderKey]any]
}

type decoderKey struct {
	name string
	as   reflect.Type
}

// maxDecoders bounds how many flags have decoders, since flags that were destroyed leave
// theirs behind.
const maxDecoders = 1000

// decoderOf returns the decoder of a flag for a T.
func decoderOf[T any](all *decoders, name string) *decoder[T] {
	key := decoderKey{name, reflect.TypeFor[T]()}
	if kept := all.kept.Load(); kept != nil {
		if found, ok := (*kept)[key].(*decoder[T]); ok {
			return found
		}
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	kept := make(map[decoderKey]any)
	if before := all.kept.Load(); before != nil {
		if found, ok := (*before)[key].(*decoder[T]); ok {
			return found
		}
		if len(*before) < maxDecoders {
			kept = maps.Clone(*before)
		}
	}
	added := newDecoder[T]()
	kept[key] = added
	all.kept.Store(&kept)
	return added
}
