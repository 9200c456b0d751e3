// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package ofrep answers the clients of the OpenFeature Remote Evaluation Protocol,
// version 0.3.0: SDKs of OpenFeature in any language.
//
//	POST /ofrep/v1/evaluate/flags/{key}   one flag, for providers on servers
//	POST /ofrep/v1/evaluate/flags         all flags, for providers in browsers and apps
//	GET  /ofrep/v1/events                 an event stream that says when to ask again
//
// It translates and decides nothing, with one exception: a flag that is off is answered
// with its off variant and the reason STATIC, because providers take DISABLED for a
// reason to use the caller's default, with which a flag could not be switched off.
//
// A request without a targeting key gets the answers that the rules have for it: what
// needs an attribute does not let in those who lack it. An error instead would be
// answered with the caller's default, which may be true.
package ofrep

import (
	"net/http"
	"sync/atomic"

	"github.com/flipper-go/flipper/api/access"
	"github.com/flipper-go/flipper/api/token"
)

const (
	flagsPath  = "/ofrep/v1/evaluate/flags"
	eventsPath = "/ofrep/v1/events"
)

// Register adds the protocol's routes to a mux.
func Register(mux *http.ServeMux, a *access.Access) {
	s := &service{access: a}
	a.Handle(mux, "POST "+flagsPath, token.Evaluate, refuse, s.evaluateAll)
	a.Handle(mux, "POST "+flagsPath+"/{key...}", token.Evaluate, refuse, s.evaluate)
	mux.HandleFunc("GET "+eventsPath, s.events)
}

type service struct {
	access  *access.Access
	streams atomic.Int64 // that are open
}
