// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"encoding/base64"
	"strings"

	"github.com/flipper-go/flipper/store"
)

// encoded begins the entity tag of a revision that cannot be one as it is.
const encoded = "base64."

// etag returns a revision as an entity tag.
func etag(revision string) string { return `"` + revisionText(revision) + `"` }

// revisionText returns a revision as the API shows it. One that cannot be in a header is
// encoded: it may hold anything.
func revisionText(revision string) string {
	plain := !strings.HasPrefix(revision, encoded) && !strings.ContainsFunc(revision, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"\,`, r)
	})
	if !plain {
		revision = encoded + base64.RawURLEncoding.EncodeToString([]byte(revision))
	}
	return revision
}

// names reports whether a header such as If-Match names the entity tag of a flag, which
// may be nil.
func names(header string, f *store.Flag) bool {
	if f == nil {
		return false
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag(f.Revision) {
			return true
		}
	}
	return false
}
