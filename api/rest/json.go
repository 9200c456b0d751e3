// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// The parts of flags whose text is passed on as it is, because decoding would change it:
// it would take 1.0 for 1, and the last of two keys that are the same.
type (
	// An object is a JSON object.
	object json.RawMessage
	// A nullableObject is a JSON object, or null.
	nullableObject json.RawMessage
	// A list is a JSON list of objects.
	list json.RawMessage
	// A scalar is a JSON text or number, or null.
	scalar json.RawMessage
)

// Schema implements [huma.SchemaProvider].
func (object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// Schema implements [huma.SchemaProvider].
func (nullableObject) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Nullable: true}
}

// Schema implements [huma.SchemaProvider].
func (list) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: object(nil).Schema(r)}
}

// Schema implements [huma.SchemaProvider].
func (scalar) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "A text or a number.", Examples: []any{"u1", 42}}
}

// MarshalJSON returns the text. What is JSON only for Python, such as NaN, is returned as
// a JSON text of it.
func (o object) MarshalJSON() ([]byte, error) { return marshal(o, "{}") }

// MarshalJSON returns the text, as [object.MarshalJSON] does.
func (o nullableObject) MarshalJSON() ([]byte, error) { return marshal(o, "null") }

// MarshalJSON returns the text, as [object.MarshalJSON] does.
func (l list) MarshalJSON() ([]byte, error) { return marshal(l, "[]") }

// MarshalJSON returns the text.
func (s scalar) MarshalJSON() ([]byte, error) { return marshal(s, "null") }

func marshal[Text ~[]byte](text Text, empty string) ([]byte, error) {
	switch {
	case len(text) == 0:
		return []byte(empty), nil
	case !json.Valid(text):
		return json.Marshal(string(text))
	}
	return text, nil
}

// UnmarshalJSON keeps the text.
func (o *object) UnmarshalJSON(text []byte) error { return keep(o, text) }

// UnmarshalJSON keeps the text.
func (o *nullableObject) UnmarshalJSON(text []byte) error { return keep(o, text) }

// UnmarshalJSON keeps the text.
func (l *list) UnmarshalJSON(text []byte) error { return keep(l, text) }

// UnmarshalJSON keeps the text.
func (s *scalar) UnmarshalJSON(text []byte) error { return keep(s, text) }

func keep[Text ~[]byte](t *Text, text []byte) error {
	*t = slices.Clone(text)
	return nil
}

// clientData reads client data, for the client's verbs.
func clientData(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		return nil, fmt.Errorf("client_data: %w", err)
	}
	if v.Kind() != targeting.KindObject {
		return nil, fmt.Errorf("%w client_data: it is %s: send an object", store.ErrInvalid, v.Kind())
	}
	m := make(map[string]any, len(v.Members()))
	for _, member := range v.Members() {
		m[member.Key] = member.Value
	}
	return m, nil
}
