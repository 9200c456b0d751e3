// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/internal/jsonscan"
	"github.com/flipper-go/flipper/targeting"
)

// version is the version of the stored form that this package knows.
const version = 1

// read reads the stored form. It refuses what it does not know, because a field that
// is skipped may be the one that keeps people out. It checks the form; compile
// checks the meaning.
func read(text targeting.JSON) (Definition, error) {
	v, err := readValue(text)
	if err != nil {
		return Definition{}, err
	}
	return readDefinition(v)
}

// readValue reads JSON in which no object has a name twice.
func readValue(text targeting.JSON) (targeting.Value, error) {
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return v, err
	}
	// What is read now is valid, and not too deep.
	s := jsonscan.Scanner{Text: string(text)}
	path, found, err := findTwice(&s)
	if err == nil && found {
		err = invalid(path, "is there twice; write it once")
	}
	return v, err
}

// findTwice reads a value and returns the path of the first name that an object in it
// has twice: readers would not agree on which one counts.
func findTwice(s *jsonscan.Scanner) (path string, found bool, err error) {
	s.Space()
	switch s.Peek(0) {
	case '{':
		var seen map[string]bool
		more, err := s.Begin('}')
		for ; more; more, err = s.Next('}') {
			name, err := s.Name()
			if err != nil || seen[name] {
				return name, err == nil, err
			}
			if seen == nil {
				seen = make(map[string]bool)
			}
			seen[name] = true
			if path, found, err := findTwice(s); found || err != nil {
				return within(name, path), found, err
			}
		}
		return "", false, err
	case '[':
		more, err := s.Begin(']')
		for i := 0; more; i++ {
			if path, found, err := findTwice(s); found || err != nil {
				return within(element("", i), path), found, err
			}
			if more, err = s.Next(']'); err != nil {
				return "", false, err
			}
		}
		return "", false, err
	}
	return "", false, s.Skip(0)
}

// within returns the path of what is at a path within the value at another.
func within(path, inner string) string {
	if strings.HasPrefix(inner, "[") {
		return path + inner
	}
	return join(path, inner)
}

// invalid returns an error about the field at a path.
func invalid(path, format string, args ...any) error {
	if path == "" {
		path = "rules"
	}
	return fmt.Errorf("%w %s: %s", targeting.ErrInvalid, path, fmt.Sprintf(format, args...))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func element(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// fields are the fields of an object, at a path.
type fields struct {
	path    string
	members []targeting.Member
}

// object returns the fields of an object, all of which must be known.
func object(path string, v targeting.Value, known ...string) (fields, error) {
	if v.Kind() != targeting.KindObject {
		return fields{}, invalid(path, "must be an object, not %s", kindName(v))
	}
	for _, m := range v.Members() {
		if !slices.Contains(known, m.Key) {
			return fields{}, invalid(join(path, m.Key), "is not known here (known are %s)", strings.Join(known, ", "))
		}
		if m.Value.Kind() == targeting.KindNull {
			return fields{}, invalid(join(path, m.Key), "must not be null: leave it out, or give it a value")
		}
	}
	return fields{path, v.Members()}, nil
}

func (f fields) has(name string) bool {
	return slices.ContainsFunc(f.members, func(m targeting.Member) bool { return m.Key == name })
}

// get returns a field that may be missing, which is null.
func (f fields) get(name string) targeting.Value {
	for _, m := range f.members {
		if m.Key == name {
			return m.Value
		}
	}
	return targeting.Null()
}

// at returns the path of a field.
func (f fields) at(name string) string { return join(f.path, name) }

// text returns a field that is text. A missing one is empty, if it may be missing.
func (f fields) text(name string, required bool) (string, error) {
	v := f.get(name)
	text, ok := v.AsText()
	switch {
	case ok:
		return text, nil
	case v.Kind() == targeting.KindNull && !required:
		return "", nil
	case v.Kind() == targeting.KindNull:
		return "", invalid(f.at(name), "is missing")
	}
	return "", invalid(f.at(name), "must be text, not %s", kindName(v))
}

// whole returns a required field that is an int. What does not fit is out of every
// range.
func (f fields) whole(name string) (int, error) {
	v := f.get(name)
	switch v.Kind() {
	case targeting.KindInt:
		if i, ok := v.AsInt(); ok && i >= -1<<31 && i < 1<<31 {
			return int(i), nil
		}
		return 0, invalid(f.at(name), "%s is out of range", v)
	case targeting.KindNull:
		return 0, invalid(f.at(name), "is missing")
	case targeting.KindFloat:
		return 0, invalid(f.at(name), "must be a whole number without point or exponent, not %s", v)
	}
	return 0, invalid(f.at(name), "must be a whole number, not %s", kindName(v))
}

// list returns the elements of a field that is a list. A missing one is nil.
func (f fields) list(name string) ([]targeting.Value, error) {
	v := f.get(name)
	switch v.Kind() {
	case targeting.KindList:
		if v.Elements() == nil {
			return []targeting.Value{}, nil
		}
		return v.Elements(), nil
	case targeting.KindNull:
		return nil, nil
	}
	return nil, invalid(f.at(name), "must be a list, not %s", kindName(v))
}

// someOf is list, and refuses an empty list.
func (f fields) someOf(name string) ([]targeting.Value, error) {
	list, err := f.list(name)
	if err == nil && len(list) == 0 {
		if list == nil {
			return nil, invalid(f.at(name), "is missing")
		}
		return nil, invalid(f.at(name), "must not be empty")
	}
	return list, err
}

func kindName(v targeting.Value) string {
	switch v.Kind() {
	case targeting.KindNull:
		return "null"
	case targeting.KindBool:
		return "a boolean"
	case targeting.KindInt, targeting.KindFloat:
		return "a number"
	case targeting.KindText:
		return "text"
	case targeting.KindList:
		return "a list"
	}
	return "an object"
}

func readDefinition(v targeting.Value) (d Definition, err error) {
	// Another version may have other fields, so its number is looked at first.
	if v.Kind() == targeting.KindObject {
		all := fields{"", v.Members()}
		switch n := all.get("version"); {
		case !all.has("version"):
			return d, invalid("version", "is missing: write 1")
		case n.Kind() != targeting.KindInt || !n.Equal(targeting.Int(version)):
			return d, invalid("version", "%s is not known: this reader knows version %d", n, version)
		}
	}
	f, err := object("", v, "version", "variants", "off", "rules", "default", "python")
	if err != nil {
		return d, err
	}
	if d.Variants, err = readVariants(f); err != nil {
		return d, err
	}
	if d.Off, err = f.text("off", true); err != nil {
		return d, err
	}
	list, err := f.list("rules")
	if err != nil {
		return d, err
	}
	for i, v := range list {
		rule, err := readRule(element("rules", i), v)
		if err != nil {
			return d, err
		}
		d.Rules = append(d.Rules, rule)
	}
	if d.Default, err = f.text("default", true); err != nil {
		return d, err
	}
	if !f.has("python") {
		return d, nil
	}
	python, err := f.text("python", true)
	if err == nil && python != "on" && python != "off" {
		err = invalid("python", "must be on or off, not %q", python)
	}
	d.PythonOn = python == "on"
	return d, err
}

func readVariants(f fields) ([]targeting.Variant, error) {
	v := f.get("variants")
	switch {
	case v.Kind() == targeting.KindNull:
		return nil, nil
	case v.Kind() != targeting.KindObject:
		return nil, invalid("variants", "must be an object of names and values, not %s", kindName(v))
	case len(v.Members()) == 0:
		return nil, invalid("variants", "must not be empty: leave it out for on and off")
	}
	var variants []targeting.Variant
	for _, m := range v.Members() {
		variants = append(variants, targeting.Variant{Name: m.Key, Value: m.Value})
	}
	return variants, nil
}

func readRule(path string, v targeting.Value) (rule Rule, err error) {
	f, err := object(path, v, "name", "if", "serve", "split")
	if err != nil {
		return rule, err
	}
	if rule.Name, err = f.text("name", false); err != nil {
		return rule, err
	}
	if f.has("name") && rule.Name == "" {
		return rule, invalid(f.at("name"), "must not be empty: leave it out")
	}
	list, err := f.list("if")
	if err != nil {
		return rule, err
	}
	if rule.If, err = readConditions(f.at("if"), list, 0); err != nil {
		return rule, err
	}
	switch {
	case f.has("serve") && f.has("split"):
		return rule, invalid(path, "has both serve and split: write one of them")
	case f.has("serve"):
		if rule.Serve, err = f.text("serve", true); err == nil && rule.Serve == "" {
			err = invalid(f.at("serve"), "must name a variant")
		}
	case f.has("split"):
		rule.Split, err = readSplit(f.at("split"), f.get("split"))
	default:
		err = invalid(path, "serves nothing: write serve or split")
	}
	return rule, err
}

func readSplit(path string, v targeting.Value) (*Split, error) {
	f, err := object(path, v, "by", "salt", "hash", "shares")
	if err != nil {
		return nil, err
	}
	split := new(Split)
	if split.By, split.Salt, split.Hash, err = readBucket(f, false); err != nil {
		return nil, err
	}
	list, err := f.someOf("shares")
	if err != nil {
		return nil, err
	}
	for i, v := range list {
		share, err := readShare(element(f.at("shares"), i), v)
		if err != nil {
			return nil, err
		}
		split.Shares = append(split.Shares, share)
	}
	return split, nil
}

// readBucket reads what a bucket depends on.
func readBucket(f fields, required bool) (by, salt string, hash Hash, err error) {
	if by, err = f.text("by", required); err != nil {
		return "", "", "", err
	}
	if salt, err = f.text("salt", false); err != nil {
		return "", "", "", err
	}
	name, err := f.text("hash", false)
	switch {
	case err != nil:
	case f.has("by") && by == "":
		err = invalid(f.at("by"), "must name an attribute")
	case f.has("salt") && salt == "":
		err = invalid(f.at("salt"), "must not be empty: leave it out for the flag's name")
	case f.has("hash") && name == "":
		err = invalid(f.at("hash"), "must be %s or %s", HashXXH64, HashCarta)
	}
	return by, salt, Hash(name), err
}

func readShare(path string, v targeting.Value) (share Share, err error) {
	f, err := object(path, v, "variant", "share", "ramp")
	if err != nil {
		return share, err
	}
	if share.Variant, err = f.text("variant", true); err != nil {
		return share, err
	}
	switch {
	case f.has("share") && f.has("ramp"):
		return share, invalid(path, "has both share and ramp: write one of them")
	case f.has("ramp"):
		share.Ramp, err = readRamp(f.at("ramp"), f.get("ramp"))
	default:
		share.Share, err = f.whole("share")
	}
	return share, err
}

func readRamp(path string, v targeting.Value) (*Ramp, error) {
	f, err := object(path, v, "from", "to", "start", "end")
	if err != nil {
		return nil, err
	}
	ramp := new(Ramp)
	if ramp.From, err = f.whole("from"); err != nil {
		return nil, err
	}
	if ramp.To, err = f.whole("to"); err != nil {
		return nil, err
	}
	if ramp.Start, err = readTime(f, "start"); err != nil {
		return nil, err
	}
	if ramp.End, err = readTime(f, "end"); err != nil {
		return nil, err
	}
	return ramp, nil
}

func readConditions(path string, list []targeting.Value, depth int) ([]Condition, error) {
	var conditions []Condition
	for i, v := range list {
		c, err := readCondition(element(path, i), v, depth)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// conditionForms are the fields of each form of a condition, by the field that tells
// the form.
var conditionForms = []struct {
	tells  string
	fields []string
}{
	{"attribute", []string{"attribute", "op", "values", "not"}},
	{"flag", []string{"flag", "is", "not"}},
	{"share", []string{"share", "not"}},
	{"time", []string{"time", "not"}},
	{"any", []string{"any"}},
	{"all", []string{"all"}},
}

func readCondition(path string, v targeting.Value, depth int) (c Condition, err error) {
	if v.Kind() != targeting.KindObject {
		return c, invalid(path, "must be an object, not %s", kindName(v))
	}
	form := slices.IndexFunc(conditionForms, func(form struct {
		tells  string
		fields []string
	},
	) bool {
		return fields{path, v.Members()}.has(form.tells)
	})
	if form < 0 {
		return c, invalid(path, "is no condition: write one of attribute, flag, share, time, any and all")
	}
	f, err := object(path, v, conditionForms[form].fields...)
	if err != nil {
		return c, err
	}
	if f.has("not") {
		var ok bool
		if c.Not, ok = f.get("not").AsBool(); !ok {
			return c, invalid(f.at("not"), "must be true or false, not %s", kindName(f.get("not")))
		}
	}
	switch conditionForms[form].tells {
	case "attribute":
		return readTest(f, c)
	case "flag":
		return readFlagTest(f, c)
	case "share":
		c.Share, err = readRange(f.at("share"), f.get("share"))
	case "time":
		c.Time, err = readPeriod(f.at("time"), f.get("time"))
	case "any":
		c.Any, err = readGroup(f, "any", depth)
	case "all":
		c.All, err = readGroup(f, "all", depth)
	}
	return c, err
}

func readTest(f fields, c Condition) (Condition, error) {
	var err error
	if c.Attribute, err = f.text("attribute", true); err != nil {
		return c, err
	}
	if c.Attribute == "" {
		return c, invalid(f.at("attribute"), "must not be empty")
	}
	op, err := f.text("op", true)
	if err != nil {
		return c, err
	}
	c.Op = Operator(op)
	switch {
	case !slices.Contains(Operators(), c.Op):
		return c, unknownOperator(f.at("op"), c.Op)
	case c.Op == OpExists && f.has("values"):
		return c, invalid(f.at("values"), "does not go with exists: leave it out")
	case c.Op == OpExists:
		return c, nil
	}
	c.Values, err = f.someOf("values")
	return c, err
}

func unknownOperator(path string, op Operator) error {
	var names []string
	for _, op := range Operators() {
		names = append(names, string(op))
	}
	return invalid(path, "operator %q is not known (known are %s)", string(op), strings.Join(names, ", "))
}

func readFlagTest(f fields, c Condition) (Condition, error) {
	var err error
	if c.Flag, err = f.text("flag", true); err != nil {
		return c, err
	}
	if c.Flag == "" {
		return c, invalid(f.at("flag"), "must name a flag")
	}
	list, err := f.someOf("is")
	if err != nil {
		return c, err
	}
	for i, v := range list {
		name, ok := v.AsText()
		if !ok {
			return c, invalid(element(f.at("is"), i), "must be the name of a variant, not %s", kindName(v))
		}
		c.Is = append(c.Is, name)
	}
	return c, nil
}

func readRange(path string, v targeting.Value) (*Range, error) {
	f, err := object(path, v, "by", "salt", "hash", "from", "to")
	if err != nil {
		return nil, err
	}
	r := new(Range)
	if r.By, r.Salt, r.Hash, err = readBucket(f, true); err != nil {
		return nil, err
	}
	if r.From, err = f.whole("from"); err != nil {
		return nil, err
	}
	r.To, err = f.whole("to")
	return r, err
}

func readPeriod(path string, v targeting.Value) (*Period, error) {
	f, err := object(path, v, "from", "until")
	if err != nil {
		return nil, err
	}
	p := new(Period)
	if f.has("from") {
		if p.From, err = readBound(f, "from"); err != nil {
			return nil, err
		}
	}
	if f.has("until") {
		if p.Until, err = readBound(f, "until"); err != nil {
			return nil, err
		}
	}
	if len(f.members) == 0 {
		return nil, invalid(path, "needs from, until, or both")
	}
	return p, nil
}

// readBound reads a bound of a period. The zero time stands for no bound, so the first
// moment of year 1 becomes the one after it: a period that ended then has ended.
func readBound(f fields, name string) (time.Time, error) {
	t, err := readTime(f, name)
	if err == nil && t.IsZero() {
		t = t.Add(1)
	}
	return t, err
}

// maxGroups is how deep any and all may lie within each other.
const maxGroups = 8

func readGroup(f fields, name string, depth int) ([]Condition, error) {
	if depth == maxGroups {
		return nil, tooDeep(f.path)
	}
	list, err := f.someOf(name)
	if err != nil {
		return nil, err
	}
	return readConditions(f.at(name), list, depth+1)
}

func tooDeep(path string) error {
	return invalid(path, "lies within more than %d of any and all: use fewer, or a segment", maxGroups)
}
