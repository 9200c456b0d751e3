// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package ofrep

import (
	"fmt"
	"net/http"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/targeting"
)

// targetingKey is what the protocol calls the subject of an evaluation.
const targetingKey = "targetingKey"

// readQuestion reads the body of a request. An empty one has no context; other members
// than the context are passed over, as the protocol may grow.
func readQuestion(body []byte) (environment.Question, error) {
	q := environment.Question{Subject: targetingKey}
	if len(body) == 0 {
		return q, nil
	}
	request, err := targeting.ParseJSON(targeting.JSON(body))
	if err != nil {
		return q, badRequest(codeParseError, "The body is not JSON: %v.", err)
	}
	if request.Kind() != targeting.KindObject {
		return q, badRequest(codeParseError, `The body is %s: send an object, as in {"context": {"targetingKey": "u1"}}.`, request.Kind())
	}
	context := member(request, "context")
	switch context.Kind() {
	case targeting.KindNull:
		return q, nil
	case targeting.KindObject:
	default:
		return q, badRequest(codeInvalidContext, "context: it is %s: send an object.", context.Kind())
	}
	members := context.Members()
	q.Context = make([]flipper.Attr, len(members))
	for i, m := range members {
		q.Context[i] = flipper.Value(m.Key, m.Value)
	}
	q.ID = member(context, targetingKey)
	switch q.ID.Kind() {
	case targeting.KindNull, targeting.KindText, targeting.KindInt, targeting.KindFloat:
	default:
		return q, badRequest(codeInvalidContext, "context.targetingKey: it is %s: send text.", q.ID.Kind())
	}
	return q, nil
}

// member returns a member of an object, or null.
func member(object targeting.Value, name string) targeting.Value {
	for _, m := range object.Members() {
		if m.Key == name {
			return m.Value
		}
	}
	return targeting.Null()
}

func badRequest(code errorCode, format string, args ...any) error {
	return &access.Refusal{Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...), Err: code}
}
