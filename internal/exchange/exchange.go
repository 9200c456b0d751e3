// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package exchange is the file in which whole states of a store are kept and
// moved, and what it takes to bring a store into such a state.
//
// The file is a JSON object:
//
//	{"format": "flipper-flags-1", "flags": {
//	"A": {"feature_name": "A", "is_enabled": true, "meta": {...}},
//	"B": {"feature_name": "B", "is_enabled": false, "meta": {...}}
//	}}
//
// A flag has the stored form that Redis and Consul have it in, byte for byte.
package exchange

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// Format is what the file says of itself.
const Format = "flipper-flags-1"

const (
	fieldFormat = "format"
	fieldFlags  = "flags"
)

// ErrFormat says that a file is not one of [Format], or that it is damaged. The
// error that wraps it says where.
var ErrFormat = errors.New("not a file of exported flags")

// Write writes flags, in the order in which they come, and says how many. Flags
// that cannot be read are left out, and told of in the error, which matches
// [store.ErrUnreadable] then; the file is whole but for them. After any other
// error it is not.
func Write(w io.Writer, flags iter.Seq2[*store.Flag, error]) (n int, err error) {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, `{"%s": "%s", "%s": {`, fieldFormat, Format, fieldFlags)
	var unreadable []error
	for f, err := range flags {
		if errors.Is(err, store.ErrUnreadable) {
			unreadable = append(unreadable, err)
			continue
		}
		if err != nil {
			return n, err
		}
		item, err := store.Encode(f)
		if err != nil {
			return n, err
		}
		if n > 0 {
			_ = out.WriteByte(',') // Flush tells of errors
		}
		_, _ = fmt.Fprintf(out, "\n%s: ", targeting.AppendText(nil, f.Name))
		_, _ = out.Write(item)
		n++
	}
	_, _ = out.WriteString("\n}}\n")
	if err := out.Flush(); err != nil {
		return n, err
	}
	return n, errors.Join(unreadable...)
}

// Read reads a file, checks that every flag in it can be stored and that its rules can
// be read, and returns the flags by name. The error matches [ErrFormat].
func Read(text []byte) ([]*store.Flag, error) {
	fields, err := members("the file", targeting.JSON(text))
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if f.Name != fieldFormat && f.Name != fieldFlags {
			return nil, fmt.Errorf("%w: unknown field %q", ErrFormat, f.Name)
		}
	}
	format, err := targeting.ParseJSON(targeting.GetField(fields, fieldFormat))
	if err != nil || format.Any() != Format {
		return nil, fmt.Errorf("%w: its format is not %q", ErrFormat, Format)
	}
	items, err := members(fieldFlags, targeting.GetField(fields, fieldFlags))
	if err != nil {
		return nil, err
	}
	flags := make([]*store.Flag, 0, len(items))
	for _, item := range items {
		f, err := store.Decode(item.Name, []byte(item.Value))
		if err == nil {
			f, err = store.Normalize(f)
		}
		if err == nil {
			err = f.CheckRules(nil)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: flag %q: %w", ErrFormat, item.Name, err)
		}
		flags = append(flags, f)
	}
	slices.SortFunc(flags, func(a, b *store.Flag) int { return cmp.Compare(a.Name, b.Name) })
	return flags, nil
}

// members returns the members of an object, each of which it has once.
func members(what string, text targeting.JSON) ([]targeting.Field, error) {
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, what, err)
	}
	if n := countMembers(text); n != len(fields) {
		return nil, fmt.Errorf("%w: %s: a name is there twice (%d members, %d names)", ErrFormat, what, n, len(fields))
	}
	return fields, nil
}

// countMembers counts the members of an object whose text is valid: of a name
// given twice [targeting.SplitObject] returns the last value, as Python does, which
// in a file that somebody edited hides a mistake.
func countMembers(text targeting.JSON) (n int) {
	depth, inText := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ':' && depth == 1:
			n++
		}
	}
	return n
}
