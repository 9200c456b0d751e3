// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package problem writes errors as problem details (RFC 9457).
package problem

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/flipper-go/flipper/api/access"
)

// ContentType is the media type of problem details.
const ContentType = "application/problem+json"

// Write answers with a problem: what is wrong, and what to send instead.
func Write(w http.ResponseWriter, status int, detail string) {
	write(w, &huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}

func write(w http.ResponseWriter, p *huma.ErrorModel) {
	text, err := json.Marshal(p)
	if err != nil { // it holds nothing but text
		text = []byte("{}")
	}
	w.Header().Set("Content-Type", ContentType)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(text, '\n')) // a client that is gone needs no answer
}

// Refuse renders a refusal. It is an [access.Refuse].
func Refuse(w http.ResponseWriter, _ *http.Request, refusal *access.Refusal) {
	Write(w, refusal.Status, refusal.Detail)
}
