// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strconv"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// An objectWriter appends the members of an object.
type objectWriter struct {
	b    []byte
	some bool
}

func newObject(b []byte) *objectWriter { return &objectWriter{b: append(b, '{')} }

// name appends the name of the next member. Its value follows.
func (w *objectWriter) name(name string) {
	if w.some {
		w.b = append(w.b, ", "...)
	}
	w.some = true
	w.b = targeting.AppendText(w.b, name)
	w.b = append(w.b, ": "...)
}

func (w *objectWriter) text(name, text string) {
	w.name(name)
	w.b = targeting.AppendText(w.b, text)
}

// some appends text that is left out if it is empty.
func (w *objectWriter) optional(name, text string) {
	if text != "" {
		w.text(name, text)
	}
}

func (w *objectWriter) whole(name string, i int) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, int64(i), 10)
}

func (w *objectWriter) time(name string, t time.Time) { w.text(name, formatTime(t)) }

func (w *objectWriter) end() []byte { return append(w.b, '}') }

// appendList appends a list of what appendElement appends of each element.
func appendList[T any](b []byte, list []T, appendElement func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, element := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendElement(b, element)
	}
	return append(b, ']')
}

// appendDefinition appends the stored form.
func appendDefinition(b []byte, d Definition) []byte {
	w := newObject(b)
	w.whole("version", version)
	if len(d.Variants) > 0 {
		w.name("variants")
		variants := newObject(w.b)
		for _, v := range d.Variants {
			variants.name(v.Name)
			variants.b = v.Value.AppendJSON(variants.b)
		}
		w.b = variants.end()
	}
	w.text("off", d.Off)
	if len(d.Rules) > 0 {
		w.name("rules")
		w.b = appendList(w.b, d.Rules, appendRule)
	}
	w.text("default", d.Default)
	if d.PythonOn {
		w.text("python", "on")
	}
	return w.end()
}

func appendRule(b []byte, r Rule) []byte {
	w := newObject(b)
	w.optional("name", r.Name)
	if len(r.If) > 0 {
		w.name("if")
		w.b = appendList(w.b, r.If, appendCondition)
	}
	if r.Split == nil {
		w.text("serve", r.Serve)
		return w.end()
	}
	w.name("split")
	split := newObject(w.b)
	split.optional("by", r.Split.By)
	split.optional("salt", r.Split.Salt)
	split.optional("hash", string(r.Split.Hash))
	split.name("shares")
	split.b = appendList(split.b, r.Split.Shares, appendShare)
	w.b = split.end()
	return w.end()
}

func appendShare(b []byte, s Share) []byte {
	w := newObject(b)
	w.text("variant", s.Variant)
	if s.Ramp == nil {
		w.whole("share", s.Share)
		return w.end()
	}
	w.name("ramp")
	ramp := newObject(w.b)
	ramp.whole("from", s.Ramp.From)
	ramp.whole("to", s.Ramp.To)
	ramp.time("start", s.Ramp.Start)
	ramp.time("end", s.Ramp.End)
	w.b = ramp.end()
	return w.end()
}

func appendCondition(b []byte, c Condition) []byte {
	w := newObject(b)
	switch {
	case c.Flag != "":
		w.text("flag", c.Flag)
		w.name("is")
		w.b = appendList(w.b, c.Is, targeting.AppendText)
	case c.Share != nil:
		w.name("share")
		share := newObject(w.b)
		share.text("by", c.Share.By)
		share.optional("salt", c.Share.Salt)
		share.optional("hash", string(c.Share.Hash))
		share.whole("from", c.Share.From)
		share.whole("to", c.Share.To)
		w.b = share.end()
	case c.Time != nil:
		w.name("time")
		period := newObject(w.b)
		if !c.Time.From.IsZero() {
			period.time("from", c.Time.From)
		}
		if !c.Time.Until.IsZero() {
			period.time("until", c.Time.Until)
		}
		w.b = period.end()
	case c.Any != nil:
		w.name("any")
		w.b = appendList(w.b, c.Any, appendCondition)
	case c.All != nil:
		w.name("all")
		w.b = appendList(w.b, c.All, appendCondition)
	default:
		w.text("attribute", c.Attribute)
		w.text("op", string(c.Op))
		if c.Op != OpExists {
			w.name("values")
			w.b = appendList(w.b, c.Values, func(b []byte, v targeting.Value) []byte { return v.AppendJSON(b) })
		}
	}
	if c.Not {
		w.name("not")
		w.b = append(w.b, "true"...)
	}
	return w.end()
}
