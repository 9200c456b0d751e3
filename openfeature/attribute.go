// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
)

// attributesOnStack is how many attributes an evaluation has room for without
// allocating.
const attributesOnStack = 10

// appendAttrs appends the attributes of an evaluation context, sorted by the names
// that they have there, and the targeting key a second time, as the attribute of
// [WithTargetingKey], unless the evaluation context or ctx has that already. They are sorted because a condition is checked in the
// order of the attributes: with the order of a Go map one evaluation could fail and the next not.
func (p *Provider) appendAttrs(ctx context.Context, attrs []flipper.Attr, flatCtx openfeature.FlattenedContext) ([]flipper.Attr, error) {
	// Names are smaller than attributes, and so quicker to sort.
	var space [attributesOnStack]string
	names := space[:0]
	for name := range flatCtx {
		names = append(names, name)
	}
	slices.Sort(names)
	attrs = slices.Grow(attrs, len(names)+1)
	for _, name := range names {
		value, err := valueOf(flatCtx[name], 0)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		attrs = append(attrs, flipper.Attr{Name: name, Value: value})
		if name == openfeature.TargetingKey && p.targetingKey != "" {
			if _, taken := flatCtx[p.targetingKey]; !taken && !carries(ctx, p.targetingKey) {
				attrs = append(attrs, flipper.Attr{Name: p.targetingKey, Value: value})
			}
		}
	}
	return attrs, nil
}

// carries reports whether a Go context has an attribute.
func carries(ctx context.Context, name string) bool {
	return slices.ContainsFunc(flipper.AttrsFrom(ctx), func(a flipper.Attr) bool { return a.Name == name })
}

// maxDepth bounds the nesting of values, as that of [targeting.ValueOf] is bounded.
const maxDepth = 500

var errTooDeep = errors.New("value is nested too deep")

// valueOf is [targeting.ValueOf] that also takes times.
func valueOf(v any, depth int) (targeting.Value, error) {
	if depth > maxDepth {
		return targeting.Value{}, errTooDeep
	}
	switch v := v.(type) {
	case string: // the usual kind
		return targeting.Text(v), nil
	case time.Time:
		return timeValue(v)
	case *time.Time:
		if v == nil {
			return targeting.Null(), nil
		}
		return timeValue(*v)
	case []time.Time:
		return listOf(v, timeValue)
	case []string:
		return listOf(v, func(text string) (targeting.Value, error) { return targeting.Text(text), nil })
	case []any:
		return listOf(v, func(element any) (targeting.Value, error) { return valueOf(element, depth+1) })
	case map[string]any:
		return objectOf(v, depth)
	case openfeature.FlattenedContext:
		return objectOf(v, depth)
	}
	return targeting.ValueOf(v)
}

func listOf[T any](elements []T, convert func(T) (targeting.Value, error)) (targeting.Value, error) {
	values := make([]targeting.Value, len(elements))
	for i, element := range elements {
		value, err := convert(element)
		if err != nil {
			return targeting.Value{}, err
		}
		values[i] = value
	}
	return targeting.List(values...), nil
}

func objectOf(object map[string]any, depth int) (targeting.Value, error) {
	members := make([]targeting.Member, 0, len(object))
	for key, v := range object {
		value, err := valueOf(v, depth+1)
		if err != nil {
			return targeting.Value{}, err
		}
		members = append(members, targeting.Member{Key: key, Value: value})
	}
	slices.SortFunc(members, func(a, b targeting.Member) int { return strings.Compare(a.Key, b.Key) })
	return targeting.Object(members...), nil
}

// timeValue returns a time as text of one length and one zone, so that conditions
// which compare text compare times.
func timeValue(t time.Time) (targeting.Value, error) {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return targeting.Value{}, errors.New("RFC 3339 has no such year")
	}
	return targeting.Text(t.Format(time.RFC3339)), nil
}
