// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package unleash

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/targeting"
)

const (
	subject    = "userId"     // what Unleash calls the user
	properties = "properties" // the further attributes of a context
)

// question returns the question of a context: its fields and properties are attributes.
// Empty fields count as missing, because some of Unleash's clients cannot leave a field
// out. Unknown fields are properties, as for Unleash's server.
func question(context []targeting.Member) environment.Question {
	q := environment.Question{Subject: subject}
	add := func(name string, value targeting.Value) {
		if name == subject {
			q.ID = value
		} else {
			q.Context = append(q.Context, flipper.Value(name, value))
		}
	}
	var inner []targeting.Member
	for _, field := range context {
		if field.Key == properties {
			inner = field.Value.Members()
			continue
		}
		if text, ok := field.Value.AsText(); !ok || text != "" {
			add(field.Key, field.Value)
		}
	}
	for _, property := range inner {
		// A field of the context wins, as in Unleash's clients.
		if !hasMember(context, property.Key) {
			add(property.Key, property.Value)
		}
	}
	return q
}

func hasMember(members []targeting.Member, name string) bool {
	for _, m := range members {
		if text, ok := m.Value.AsText(); m.Key == name && (!ok || text != "") {
			return true
		}
	}
	return false
}

// queryContext returns the context of a query such as userId=42&properties[plan]=pro. Of
// a parameter that is given twice, the first counts.
func queryContext(query url.Values) []targeting.Member {
	var context, inner []targeting.Member
	for _, name := range slices.Sorted(maps.Keys(query)) {
		value := targeting.Text(query.Get(name))
		if rest, ok := strings.CutPrefix(name, properties+"["); ok && strings.HasSuffix(rest, "]") {
			inner = append(inner, targeting.Member{Key: strings.TrimSuffix(rest, "]"), Value: value})
		} else if name != properties {
			context = append(context, targeting.Member{Key: name, Value: value})
		}
	}
	if inner != nil {
		context = append(context, targeting.Member{Key: properties, Value: targeting.Object(inner...)})
	}
	return context
}

// bodyContext reads the context of a body such as {"context": {"userId": "42"}}.
func bodyContext(body io.Reader) ([]targeting.Member, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, nil
	}
	value, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		return nil, badBody("the body is not JSON", err)
	}
	if value.Kind() != targeting.KindObject {
		return nil, badBody(fmt.Sprintf("the body is %s, not an object", value.Kind()), nil)
	}
	for _, m := range value.Members() {
		if m.Key != "context" {
			continue
		}
		switch m.Value.Kind() {
		case targeting.KindObject:
			return m.Value.Members(), nil
		case targeting.KindNull:
			return nil, nil
		}
		return nil, badBody(fmt.Sprintf("context: it is %s, not an object", m.Value.Kind()), nil)
	}
	return nil, nil
}

func badBody(detail string, err error) error {
	return &access.Refusal{
		Status: http.StatusBadRequest,
		Detail: detail + `: send {"context": {"userId": "42", "properties": {"plan": "pro"}}}`,
		Err:    err,
	}
}
