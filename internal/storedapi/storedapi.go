// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package storedapi is what a store over HTTP and the server's API say to each other:
// flags in their stored form, with revisions to compare, and which may have changed.
package storedapi

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/flipper-go/flipper/store"
)

// The paths. A flag's name is in the query, because a path cannot hold every name.
const (
	// FlagPath has one flag. GET returns its stored form and its revision, the ETag. PUT
	// stores it if If-Match has its revision, or with If-None-Match: * if there is none.
	// DELETE removes it.
	FlagPath = "/api/v1/stored-flag"
	// ListPath has a [Page] of all flags, sorted by name.
	ListPath = "/api/v1/stored-flags"
	// ChangesPath waits for a change, and has a [Changes].
	ChangesPath = "/api/v1/stored-flags/changes"
)

// The parameters.
const (
	Name        = "name"        // the flag's name
	From        = "from"        // the name from which a page begins
	Position    = "position"    // of the changes that the reader has seen; empty at the start
	Wait        = "wait"        // for how many seconds to wait for a change
	Environment = "environment" // the environment's name, if the token does not say
)

// MaxWait is how long a reader of changes may wait, in seconds.
const MaxWait = 60

// A Page is a part of all flags.
type Page struct {
	Flags []Flag  `json:"flags"`
	Next  *string `json:"next"` // the name from which the next page begins; null on the last one
}

// A Flag is one of a page.
type Flag struct {
	Name       string  `json:"name"`
	Revision   string  `json:"revision"`
	Stored     string  `json:"stored"`     // the stored form
	Unreadable *string `json:"unreadable"` // why the stored form cannot be read; null if it can
}

// Changes says what may have changed since a position.
type Changes struct {
	Position   string   `json:"position"`
	Everything bool     `json:"everything"`
	Names      []string `json:"names"`
}

// A Failure is an answer that says why there is none. It is a problem (RFC 9457) with a
// code.
type Failure struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   Code   `json:"code,omitempty"`
}

// A Code says what kind of failure it is.
type Code string

// The codes are the errors of package store.
const (
	NotFound    Code = "not_found"
	Exists      Code = "exists"
	Conflict    Code = "conflict"
	Invalid     Code = "invalid"
	InvalidName Code = "invalid_name"
	Unreadable  Code = "unreadable"
	Unavailable Code = "unavailable"
)

var sentinels = map[Code]error{
	NotFound:    store.ErrNotFound,
	Exists:      store.ErrExists,
	Conflict:    store.ErrConflict,
	Invalid:     store.ErrInvalid,
	InvalidName: store.ErrInvalidName,
	Unavailable: store.ErrUnavailable,
}

// Sentinel returns the error that a code stands for, or nil.
func (c Code) Sentinel() error { return sentinels[c] }

// Tag returns the entity tag of a revision, which may hold anything.
func Tag(revision string) string {
	return `"` + base64.RawURLEncoding.EncodeToString([]byte(revision)) + `"`
}

// Revision returns the revision of an entity tag.
func Revision(tag string) (string, error) {
	quoted, ok := strings.CutPrefix(tag, `"`)
	quoted, closed := strings.CutSuffix(quoted, `"`)
	revision, err := base64.RawURLEncoding.DecodeString(quoted)
	if !ok || !closed || err != nil || len(revision) == 0 {
		return "", fmt.Errorf("%.100q is no entity tag of a flag", tag)
	}
	return string(revision), nil
}
