// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"
	"unique"

	"github.com/flipper-go/flipper/targeting"
)

// A path leads to an attribute: by its name, or by a JSON Pointer (RFC 6901) through
// objects, of which the attributes are the outermost.
type path struct {
	name   name
	within []string // the keys of objects inside the attribute
}

// A name is that of an attribute. Flags are about few attributes, so they share the
// texts of the names, which then stay in a processor's cache.
type name = unique.Handle[string]

func newPath(at, text string) (path, error) {
	switch {
	case text == "":
		return path{}, invalid(at, "must name an attribute")
	case text[0] != '/':
		return path{name: unique.Make(text)}, nil
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
	p := path{name: unique.Make(tokens[0])}
	if len(tokens) > 1 {
		p.within = tokens[1:]
	}
	return p, nil
}

// find returns the value that a request has there, or nil if it is missing, which null
// and an empty list are too. It returns an address because copies of values that were
// just written are slow to make.
func (p *path) find(r *targeting.Request) *targeting.Value {
	attr := r.Find(p.name.Value())
	if attr == nil {
		return nil
	}
	v := &attr.Value
	for _, key := range p.within {
		if v = member(v, key); v == nil {
			return nil
		}
	}
	switch v.Kind() {
	case targeting.KindNull:
		return nil
	case targeting.KindList:
		if len(v.Elements()) == 0 {
			return nil
		}
	}
	return v
}

func member(v *targeting.Value, key string) *targeting.Value {
	members := v.Members()
	for i := range members {
		if members[i].Key == key {
			return &members[i].Value
		}
	}
	return nil
}
