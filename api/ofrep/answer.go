// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package ofrep

import (
	"errors"
	"net/http"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// An errorCode says to a provider what is wrong. The terms are OpenFeature's.
type errorCode string

const (
	codeFlagNotFound        errorCode = "FLAG_NOT_FOUND"
	codeParseError          errorCode = "PARSE_ERROR"
	codeTargetingKeyMissing errorCode = "TARGETING_KEY_MISSING"
	codeInvalidContext      errorCode = "INVALID_CONTEXT"
	codeGeneral             errorCode = "GENERAL"
)

// Error is for those who get it as the cause of a refusal.
func (c errorCode) Error() string { return string(c) }

// A failure is the answer about a flag that cannot be evaluated.
type failure struct {
	status  int // if it is the only flag
	code    errorCode
	details string
}

// failureOf translates the error of an evaluation. The details say nothing of rules,
// which are not everybody's business.
func failureOf(err error, q *asked) failure {
	switch {
	case errors.Is(err, store.ErrNotFound) && !q.stored, errors.Is(err, store.ErrInvalidName):
		return failure{http.StatusNotFound, codeFlagNotFound, "There is no such flag."}
	case errors.Is(err, store.ErrUnreadable), isOfPercentage(err), errors.Is(err, targeting.ErrInvalid):
		return failure{http.StatusBadRequest, codeParseError, "What is stored of the flag cannot be read."}
	case errors.Is(err, flipper.ErrMissingAttribute) && q.nobody:
		return failure{http.StatusBadRequest, codeTargetingKeyMissing, "The flag needs to know for whom it is: send context.targetingKey."}
	case errors.Is(err, flipper.ErrMissingAttribute):
		return failure{http.StatusBadRequest, codeInvalidContext, "The context lacks an attribute that the flag needs."}
	case errors.Is(err, carta.ErrKind):
		return failure{http.StatusBadRequest, codeInvalidContext, "An attribute of the context is of a kind that the flag cannot compare."}
	}
	return failure{http.StatusInternalServerError, codeGeneral, "The flag cannot be evaluated."}
}

// asked is what the errors of an evaluation do not say.
type asked struct {
	stored bool // there is such a flag: what is not found is one that its rules ask
	nobody bool // there was no targeting key
}

// isOfPercentage reports whether the stored percentage is not a number: the caller's
// attributes are not to blame then.
func isOfPercentage(err error) bool {
	return errors.Is(err, carta.ErrKind) && errors.Is(err, targeting.ErrInvalid)
}

// reasonOf translates the reason of an evaluation without an error.
func reasonOf(r flipper.Reason) string {
	if r == flipper.ReasonDisabled {
		return string(flipper.ReasonStatic)
	}
	return string(r)
}

// appendSuccess appends the answer about a flag that was evaluated.
func appendSuccess(b []byte, key string, e *flipper.Evaluation) []byte {
	b = append(b, `{"key":`...)
	b = targeting.AppendText(b, key)
	b = append(b, `,"value":`...)
	b = e.Value.AppendJSON(b)
	b = append(b, `,"reason":"`...)
	b = append(b, reasonOf(e.Reason)...)
	b = append(b, '"')
	if e.Variant != "" {
		b = append(b, `,"variant":`...)
		b = targeting.AppendText(b, e.Variant)
	}
	return append(b, '}')
}

// appendFailure appends the answer about a flag, or if key is nil, about a request for
// all flags.
func appendFailure(b []byte, key *string, code errorCode, details string) []byte {
	b = append(b, '{')
	if key != nil {
		b = append(b, `"key":`...)
		b = append(targeting.AppendText(b, *key), ',')
	}
	b = append(b, `"errorCode":"`...)
	b = append(b, code...)
	b = append(b, `","errorDetails":`...)
	b = targeting.AppendText(b, details)
	return append(b, '}')
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}

// refuse renders a refusal. Providers in JavaScript take an error only with a key and a
// code.
func refuse(w http.ResponseWriter, r *http.Request, refusal *access.Refusal) {
	code, ok := errors.AsType[errorCode](refusal.Err)
	if !ok {
		code = codeGeneral
	}
	var key *string
	if k := r.PathValue("key"); k != "" {
		key = &k
	}
	write(w, refusal.Status, appendFailure(nil, key, code, refusal.Detail))
}
