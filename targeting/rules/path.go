// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"

	"github.com/flipper-go/flipper/targeting"
)

// A path leads to an attribute: by its name, or by a JSON Pointer (RFC 6901) through
// objects, of which the attributes are the outermost.
type path struct {
	name   string
	within []string // the keys of objects inside the attribute
}

func newPath(at, text string) (path, error) {
	switch {
	case text == "":
		return path{}, invalid(at, "must name an attribute")
	case text[0] != '/':
		return path{name: text}, nil
	}
	tokens := strings.Split(text[1:], "/")
	for i, token := range tokens {
		for j := range len(token) {
			if token[j] == '~' && (j+1 == len(token) || token[j+1] != '0' && token[j+1] != '1') {
				return path{}, invalid(at, "%q is no JSON Pointer: a ~ is written ~0, a / within a name ~1", text)
			}
		}
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	p := path{name: tokens[0]}
	if len(tokens) > 1 {
		p.within = tokens[1:]
	}
	return p, nil
}

// find returns the value that a request has there. ok is false if it is missing, which
// null and an empty list are too.
func (p *path) find(r *targeting.Request) (v targeting.Value, ok bool) {
	attr := r.Find(p.name)
	if attr == nil {
		return v, false
	}
	v = attr.Value
	for _, key := range p.within {
		if v, ok = member(v, key); !ok {
			return v, false
		}
	}
	switch v.Kind() {
	case targeting.KindNull:
		return v, false
	case targeting.KindList:
		return v, len(v.Elements()) > 0
	}
	return v, true
}

func member(v targeting.Value, key string) (targeting.Value, bool) {
	members := v.Members()
	for i := range members {
		if members[i].Key == key {
			return members[i].Value, true
		}
	}
	return targeting.Value{}, false
}
