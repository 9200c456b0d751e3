// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package middleware

import (
	"net/http"
	"strconv"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/targeting"
)

// An Extractor returns an attribute of a request. If ok is false, the request does not
// have the attribute, and it is left out: an empty attribute and a missing one are
// different. An Extractor must be safe for concurrent use.
//
// Write your own for what only your service knows:
//
//	userID := func(r *http.Request) (attr flipper.Attr, ok bool) {
//		user, ok := session.User(r.Context())
//		return flipper.Int64("user_id", user.ID), ok
//	}
//	handler = middleware.Attributes(userID)(handler)
type Extractor func(r *http.Request) (attr flipper.Attr, ok bool)

// Header returns the first value of a header as a text attribute. A header that
// was sent empty yields empty text.
func Header(name, header string) Extractor {
	header = http.CanonicalHeaderKey(header)
	return func(r *http.Request) (flipper.Attr, bool) {
		values := r.Header[header]
		if len(values) == 0 {
			return flipper.Attr{}, false
		}
		return flipper.String(name, values[0]), true
	}
}

// Cookie returns the value of the first cookie of a name as a text attribute. A
// cookie that was sent empty yields empty text.
func Cookie(name, cookie string) Extractor {
	return func(r *http.Request) (flipper.Attr, bool) {
		c, err := r.Cookie(cookie)
		if err != nil { // there is none: it fails in no other way
			return flipper.Attr{}, false
		}
		return flipper.String(name, c.Value), true
	}
}

// Query returns the first value of a parameter of the URL's query as a text
// attribute. A parameter without a value yields empty text.
func Query(name, parameter string) Extractor {
	return func(r *http.Request) (flipper.Attr, bool) {
		if r.URL.RawQuery == "" {
			return flipper.Attr{}, false
		}
		values := r.URL.Query()[parameter]
		if len(values) == 0 {
			return flipper.Attr{}, false
		}
		return flipper.String(name, values[0]), true
	}
}

// PathValue returns what a wildcard of the router's pattern matched as a text
// attribute. Empty text counts as missing. Routers set it when they choose a
// handler (see [http.Request.PathValue]), so it is there for what is inside a
// route, but not for what is around the router.
func PathValue(name, wildcard string) Extractor {
	return func(r *http.Request) (flipper.Attr, bool) {
		value := r.PathValue(wildcard)
		return flipper.String(name, value), value != ""
	}
}

// AsInt turns the text that an extractor returns into an int. Carta's checks and sticky
// rollouts tell the int 1 from the text "1", so the attribute must have the kind that
// other services use. Text that is not a decimal int of 64 bits is left out, as if it had
// not been sent; Carta's checks on a missing attribute pass. A value that is not text
// stays as it is.
func AsInt(extract Extractor) Extractor {
	return func(r *http.Request) (flipper.Attr, bool) {
		attr, ok := extract(r)
		if text, isText := attr.Value.AsText(); ok && isText {
			attr.Value, ok = parseInt(text)
		}
		return attr, ok
	}
}

func parseInt(text string) (targeting.Value, bool) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return targeting.Int(i), true
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return targeting.Uint(u), true
	}
	return targeting.Value{}, false
}
