// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

const conditionHelp = `A condition is written as get shows it: 'email ends with @example.com', 'age >= 18',
'country is one of DE, AT', 'plan is not free', 'app is a version < 2.4.0',
'ip is in network 10.0.0.0/8', 'user_id is given', 'in segment beta',
'flag theme serves blue', 'from 2026-12-01T00:00:00Z', 'until 2027-01-01T00:00:00Z',
'user_id is within 0 % to 20 % with salt layer', 'any of (plan is pro; age < 18)'.
Or in short: country=DE, country__is=DE,AT, country__is_not=DE, age__gte=18,
email__ends_with=@example.com, app__semver_lt=2.4.0, ip__in_network=10.0.0.0/8,
user_id__exists. Operators: is contains starts_with ends_with matches gt gte lt lte
before after semver_eq semver_gt semver_gte semver_lt semver_lte in_network exists.
All conditions of a rule must hold. A request that does not give an attribute is
never let in by a condition on it, also not by one that is negated.`

const conditionExample = `write it as in country=DE, country__is=DE,AT, 'age >= 18' or 'email ends with @example.com'`

// parseRuleConditions reads conditions of one rule, all of which must hold: as
// [words.RuleCondition] writes them, in short, or in their stored form. One argument
// may hold several, joined by and.
func parseRuleConditions(args []string) ([]rules.Condition, error) {
	var conditions []rules.Condition
	for _, arg := range args {
		more, err := parseJoined(arg, 0)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, more...)
	}
	return conditions, nil
}

// parseJoined reads conditions that are joined by and.
func parseJoined(text string, depth int) ([]rules.Condition, error) {
	var conditions []rules.Condition
	for _, part := range splitJoined(text) {
		c, err := parseRuleCondition(part, depth)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, c)
	}
	return conditions, nil
}

// conditionStart is how a condition begins, so that an "and" before it joins two.
var conditionStart = regexp.MustCompile(`^\s*(?:not |in segment |flag |from |until |any of ?\(|all of ?\(|\{` +
	`|(?:"(?:\\.|[^"\\])*"|[^\s=<>!"]+)(?:\s*[=<>!]|\s+(?:is|contains|does|starts|ends|matches|in|not)\s|__(?:not_)?exists\b))`)

func splitJoined(text string) []string {
	const and = " and "
	var parts []string
	for from := 0; ; {
		i := indexOutsideGroups(text[from:], and)
		if i < 0 {
			return append(parts, text)
		}
		i += from
		key, _, _ := strings.Cut(text, "=")
		if rest := text[i+len(and):]; conditionStart.MatchString(rest) && !strings.HasSuffix(key, ":"+kindText) {
			parts = append(parts, text[:i])
			text, from = rest, 0
			continue
		}
		from = i + len(and)
	}
}

// indexOutsideGroups is [strings.Index], for what is outside of JSON strings and of
// parentheses.
func indexOutsideGroups(text, wanted string) int {
	inString, depth := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"' && (inString || i == 0 || strings.IndexByte(" =<>([{,;:", text[i-1]) >= 0):
			inString = !inString
		case inString:
		case depth == 0 && strings.HasPrefix(text[i:], wanted):
			return i
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		}
	}
	return -1
}

// A conditionReader reads one condition.
type conditionReader struct {
	whole string
	depth int // of the groups that it is in
}

// refuse makes the error of a condition that cannot be read.
func (r conditionReader) refuse(format string, args ...any) error {
	return usagef("condition %q: %w", words.Cut(r.whole, 200), fmt.Errorf(format, args...))
}

func parseRuleCondition(text string, depth int) (rules.Condition, error) {
	text = strings.TrimSpace(text)
	r := conditionReader{text, depth}
	first, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	switch first {
	case "":
		return rules.Condition{}, usagef("a condition is empty: %s", conditionExample)
	case "not":
		c, err := parseRuleCondition(rest, depth)
		if err == nil && (c.Any != nil || c.All != nil) {
			err = r.refuse("any of and all of cannot be negated: negate the conditions in them")
		}
		return rules.Not(c), err
	case "in":
		if name, ok := strings.CutPrefix(rest, "segment "); ok {
			name, err := r.word(name)
			return rules.InSegment(name), err
		}
		return rules.Condition{}, r.refuse("write in segment NAME")
	case "segment":
		if rest != "" && !strings.Contains(rest, " ") {
			return rules.Condition{}, r.refuse("write in segment %s", rest)
		}
	case "flag":
		return r.flag(rest)
	case "from", "until":
		return r.period(text)
	}
	for group, make := range map[string]func(...rules.Condition) rules.Condition{"any of": rules.Any, "all of": rules.AllOf} {
		if inside, ok := strings.CutPrefix(text, group); ok && strings.HasPrefix(strings.TrimSpace(inside), "(") {
			return r.group(strings.TrimSpace(inside), make)
		}
	}
	if strings.HasPrefix(text, "{") {
		c, err := rules.ParseCondition(targeting.JSON(text))
		if err != nil {
			return c, r.refuse("%w: %s", err, conditionExample)
		}
		return c, nil
	}
	if name, ok := strings.CutPrefix(first, rules.SegmentPrefix); ok && name != "" {
		return rules.Condition{}, r.refuse("write in segment %s (for an attribute of this name, put it into double quotes)", name)
	}
	return r.test(text)
}

// maxConditionDepth is how deep groups may lie within each other: as deep as rules
// allow.
const maxConditionDepth = 8

func (r conditionReader) group(text string, group func(...rules.Condition) rules.Condition) (rules.Condition, error) {
	if r.depth == maxConditionDepth {
		return rules.Condition{}, r.refuse("lies within more than %d of any of and all of", maxConditionDepth)
	}
	inside, ok := strings.CutSuffix(text[1:], ")")
	if !ok {
		return rules.Condition{}, r.refuse("the closing parenthesis is missing: write any of (plan is pro; age < 18)")
	}
	var conditions []rules.Condition
	for more := true; more; {
		part := inside
		if i := indexOutsideGroups(inside, ";"); i >= 0 {
			part, inside = inside[:i], inside[i+1:]
		} else {
			more = false
		}
		joined, err := parseJoined(part, r.depth+1)
		switch {
		case err != nil:
			return rules.Condition{}, err
		case len(joined) == 1:
			conditions = append(conditions, joined[0])
		default:
			conditions = append(conditions, rules.AllOf(joined...))
		}
	}
	return group(conditions...), nil
}

// word reads a name that is one word, or a JSON string, and nothing behind it.
func (r conditionReader) word(text string) (string, error) {
	name, rest, err := r.nextWord(strings.TrimSpace(text))
	if err == nil && rest != "" {
		err = r.refuse("%s is too much: put a name of several words into double quotes", words.Quote(rest))
	}
	return name, err
}

// nextWord reads a name, and returns what is behind it.
func (r conditionReader) nextWord(text string) (name, rest string, err error) {
	if quoted := quotedName.FindString(text); quoted != "" {
		name, err = r.unquote(quoted)
		return name, strings.TrimSpace(text[len(quoted):]), err
	}
	name, rest, _ = strings.Cut(text, " ")
	if name == "" {
		return "", "", r.refuse("a name is missing")
	}
	return name, strings.TrimSpace(rest), nil
}

// unquote reads a JSON string.
func (r conditionReader) unquote(quoted string) (string, error) {
	v, err := targeting.ParseJSON(targeting.JSON(quoted))
	text, ok := v.AsText()
	if err != nil || !ok {
		return "", r.refuse("%s is no text in double quotes, as JSON writes it", quoted)
	}
	return text, nil
}

func (r conditionReader) flag(text string) (rules.Condition, error) {
	name, rest, err := r.nextWord(text)
	if err != nil {
		return rules.Condition{}, err
	}
	variants, ok := strings.CutPrefix(rest, "serves ")
	not := false
	if !ok {
		variants, not = strings.CutPrefix(rest, "does not serve ")
	}
	if !ok && !not {
		return rules.Condition{}, r.refuse(`write flag NAME serves VARIANT (for an attribute of this name: "flag" is …)`)
	}
	elements, err := r.elements(variants, false)
	if err != nil {
		return rules.Condition{}, err
	}
	c := rules.Condition{Flag: name, Not: not}
	for _, e := range elements {
		c.Is = append(c.Is, e.text)
	}
	return c, nil
}

func (r conditionReader) period(text string) (rules.Condition, error) {
	var from, until time.Time
	fields := strings.Fields(text)
	if len(fields)%2 != 0 || len(fields) > 4 {
		return rules.Condition{}, r.refuse("write from TIME, until TIME, or from TIME until TIME")
	}
	for i := 0; i < len(fields); i += 2 {
		t, err := parseTime(fields[i+1])
		if err != nil {
			return rules.Condition{}, r.refuse("%w", err)
		}
		switch {
		case fields[i] == "from" && i == 0:
			from = t.UTC()
		case fields[i] == "until":
			until = t.UTC()
		default:
			return rules.Condition{}, r.refuse("write from TIME, until TIME, or from TIME until TIME")
		}
	}
	return rules.During(from, until), nil
}

// An operatorPhrase is an operator as it is written in words.
type operatorPhrase struct {
	words string
	op    rules.Operator
	not   bool
	many  bool // takes several values
}

// operatorPhrases are all of them, the longest first: several begin alike.
var operatorPhrases = func() []operatorPhrase {
	var all []operatorPhrase
	for _, op := range rules.Operators() {
		for form, text := range words.OperatorWords(op) {
			if text != "" {
				all = append(all, operatorPhrase{text, op, form >= 2, form%2 == 1})
			}
		}
		if op != rules.OpIs && op != rules.OpExists {
			all = append(all, operatorPhrase{string(op), op, false, true})
		}
	}
	all = append(all,
		operatorPhrase{"in", rules.OpIs, false, true},
		operatorPhrase{"not in", rules.OpIs, true, true},
		operatorPhrase{"is not in", rules.OpIs, true, true},
		operatorPhrase{"is in", rules.OpIs, false, true})
	slices.SortStableFunc(all, func(a, b operatorPhrase) int { return cmp.Compare(len(b.words), len(a.words)) })
	return all
}()

// operatorSigns are the operators in signs, those that another one begins with later.
var operatorSigns = []struct {
	sign string
	op   rules.Operator
	not  bool
}{
	{"!=", rules.OpIs, true},
	{">=", rules.OpGreaterOrEqual, false},
	{"<=", rules.OpLessOrEqual, false},
	{"==", rules.OpIs, false},
	{"=", rules.OpIs, false},
	{">", rules.OpGreater, false},
	{"<", rules.OpLess, false},
}

// test reads the test of an attribute.
func (r conditionReader) test(text string) (rules.Condition, error) {
	var name, rest string
	quoted := quotedName.FindString(text)
	if quoted != "" {
		var err error
		if name, err = r.unquote(quoted); err != nil {
			return rules.Condition{}, err
		}
		rest = text[len(quoted):]
	} else {
		end := strings.IndexAny(text, " !=<>")
		if end < 0 {
			end = len(text)
		}
		name, rest = text[:end], text[end:]
	}
	if name == "" {
		return rules.Condition{}, r.refuse("%s", conditionExample)
	}
	if quoted == "" && !strings.HasPrefix(rest, " ") {
		return r.short(name, rest)
	}
	rest = strings.TrimSpace(rest)
	if c, ok, err := r.share(name, rest); ok || err != nil {
		return c, err
	}
	for _, phrase := range operatorPhrases {
		if phrase.op == rules.OpExists {
			if rest == phrase.words {
				return rules.Condition{Attribute: name, Op: rules.OpExists, Not: phrase.not}, nil
			}
			continue
		}
		values, ok := strings.CutPrefix(rest, phrase.words+" ")
		if values = strings.TrimSpace(values); ok && values != "" {
			return r.values(rules.Condition{Attribute: name, Op: phrase.op, Not: phrase.not}, typedValues{text: values, many: phrase.many, words: true})
		}
	}
	for _, known := range operatorSigns {
		if values, ok := strings.CutPrefix(rest, known.sign); ok {
			return r.values(rules.Condition{Attribute: name, Op: known.op, Not: known.not}, typedValues{text: strings.TrimSpace(values), words: true, sign: true})
		}
	}
	return rules.Condition{}, r.refuse("%s", conditionExample)
}

var sharePhrase = regexp.MustCompile(`^is (within|outside) ([0-9.]+) ?% to ([0-9.]+) ?%(?: with salt (.+?))??( in Carta's buckets)?$`)

// share reads a share of the traffic.
func (r conditionReader) share(by, text string) (c rules.Condition, ok bool, err error) {
	match := sharePhrase.FindStringSubmatch(text)
	if match == nil {
		if strings.HasPrefix(text, "is within ") || strings.HasPrefix(text, "is outside ") {
			err = r.refuse("write user_id is within 0 %% to 20 %%, with salt NAME behind it if need be")
		}
		return c, false, err
	}
	share := &rules.Range{By: by}
	if share.From, err = parseBuckets(match[2] + "%"); err == nil {
		share.To, err = parseBuckets(match[3] + "%")
	}
	if err == nil && match[4] != "" {
		share.Salt, err = r.word(match[4])
	}
	if match[5] != "" {
		share.Hash = rules.HashCarta
	}
	return rules.Condition{Share: share, Not: match[1] == "outside"}, err == nil, err
}

// parseBuckets reads a share as a number of buckets. One that is finer than a bucket
// is refused.
func parseBuckets(text string) (int, error) {
	share, err := parseShare(text)
	if err != nil {
		return 0, err
	}
	buckets := rules.ShareOf(share * 100)
	if float := share * rules.Buckets; float-float64(buckets) > 1e-6 || float64(buckets)-float > 1e-6 {
		return 0, usagef("share %s is finer than 0.001 %%, which is the least: write %s%%", text, strconv.FormatFloat(float64(buckets)/1000, 'f', -1, 64))
	}
	return buckets, nil
}

// short reads attribute__op=values.
func (r conditionReader) short(key, rest string) (rules.Condition, error) {
	key, kind, err := cutKind(key)
	if err != nil {
		return rules.Condition{}, err
	}
	c, many, err := r.shortKey(key)
	if err != nil {
		return c, err
	}
	if rest == "" {
		if c.Op != rules.OpExists {
			return c, r.refuse("the value is missing: %s (for a given attribute, %s__exists)", conditionExample, c.Attribute)
		}
		return c, nil
	}
	for _, known := range operatorSigns {
		values, ok := strings.CutPrefix(rest, known.sign)
		switch {
		case !ok:
			continue
		case many && known.sign != "=":
			return c, r.refuse("has two operators")
		case c.Op == rules.OpExists:
			switch values {
			case "true":
			case "false":
				c.Not = !c.Not
			default:
				return c, r.refuse("exists takes no value: write %s__exists, or %[1]s__not_exists", c.Attribute)
			}
			return c, nil
		case !many:
			c.Op, c.Not = known.op, known.not
		}
		return r.values(c, typedValues{text: values, kind: kind, many: many, sign: !many})
	}
	return c, r.refuse("%s", conditionExample)
}

// otherNames are what operators are called elsewhere, and by Carta's conditions.
var otherNames = map[string]string{
	"eq": "is", "ne": "is_not", "in": "is", "not_in": "is_not", "is_given": "exists",
	"regex": "matches", "greater": "gt", "less": "lt", "equals": "is",
}

// shortKey reads attribute, attribute__op, attribute__not_op or attribute__op_not.
func (r conditionReader) shortKey(key string) (c rules.Condition, hasOp bool, err error) {
	i := strings.LastIndex(key, "__")
	if i <= 0 {
		return rules.Condition{Attribute: key, Op: rules.OpIs}, false, nil
	}
	c.Attribute = key[:i]
	typed := key[i+2:]
	name := typed
	if other, ok := otherNames[name]; ok {
		name = other
	}
	if rest, ok := strings.CutPrefix(name, "not_"); ok {
		name, c.Not = rest, true
	} else if rest, ok := strings.CutSuffix(name, "_not"); ok {
		name, c.Not = rest, true
	}
	c.Op = rules.Operator(cmp.Or(otherNames[name], name))
	if !slices.Contains(rules.Operators(), c.Op) {
		var names []string
		for _, op := range rules.Operators() {
			names = append(names, string(op))
		}
		return c, false, r.refuse("unknown operator %q%s (the operators are %s; an attribute with two underscores goes into double quotes)", typed, didYouMean(name, names), strings.Join(names, " "))
	}
	return c, true, nil
}

// typedValues are the values of a test as they were typed.
type typedValues struct {
	text  string
	kind  string // of the values, if it was given
	many  bool   // the operator was one for several values
	words bool   // spaces part words
	sign  bool   // the operator was a sign
}

// joinedByAnd says how conditions are joined.
const joinedByAnd = "conditions are joined by and; write %s__is=a,b for one of several values, or 'any of (…; …)'"

// otherConditions is how people join conditions that are not joined so.
var otherConditions = regexp.MustCompile(`\s(or|\|\||&&)\s`)

// values reads the values of a test.
func (r conditionReader) values(c rules.Condition, typed typedValues) (rules.Condition, error) {
	name := words.Name(c.Attribute)
	text := typed.text
	if typed.sign && typed.kind == kindAny && text != "" && strings.IndexByte("=<>~", text[0]) >= 0 {
		return c, r.refuse("the operators are = != > >= < <=, or those in words (for this text, write %s:text=…)", name)
	}
	if at := otherConditions.FindStringIndex(text); at != nil && !typed.words && typed.kind == kindAny && conditionStart.MatchString(text[at[1]:]) && text[0] != '"' {
		return c, r.refuse(joinedByAnd, name)
	}
	if typed.kind != kindAny && !typed.many {
		v, err := parseValue(typed.kind, text)
		if err != nil {
			return c, r.refuse("%w", err)
		}
		c.Values = []targeting.Value{v}
		return c, r.checkNumbers(c)
	}
	if strings.HasPrefix(text, "[") && c.Op == rules.OpIs {
		v, err := parseValue(typed.kind, text)
		if err != nil {
			return c, r.refuse("%w", err)
		}
		c.Values = v.Elements()
		return c, nil
	}
	if inside, ok := strings.CutPrefix(text, "("); ok && strings.HasSuffix(inside, ")") && (c.Op == rules.OpIs || typed.words && c.Op != rules.OpMatches) {
		text, typed.many = strings.TrimSuffix(inside, ")"), true
	}
	if text == "" && !typed.many && c.Op == rules.OpIs {
		c.Values = []targeting.Value{targeting.Text("")}
		return c, nil
	}
	elements, err := r.elements(text, c.Op == rules.OpMatches)
	if err != nil {
		return c, err
	}
	if len(elements) > 1 && !typed.many {
		return c, r.refuse("several values: write %s", r.severalValues(c, elements, typed.words))
	}
	for _, e := range elements {
		v, err := r.value(c, e, typed)
		if err != nil {
			return c, err
		}
		c.Values = append(c.Values, v)
	}
	return c, r.checkNumbers(c)
}

// severalValues returns how a test of several values is written.
func (r conditionReader) severalValues(c rules.Condition, elements []valueText, inWords bool) string {
	var texts []string
	for _, e := range elements {
		texts = append(texts, e.String())
	}
	if inWords {
		form := 1
		if c.Not {
			form = 3
		}
		return "'" + words.Name(c.Attribute) + " " + words.OperatorWords(c.Op)[form] + " " + strings.Join(texts, ", ") + "'"
	}
	op := "__" + string(c.Op)
	if c.Not {
		op = "__not_" + string(c.Op)
		if c.Op == rules.OpIs {
			op = "__is_not"
		}
	}
	advice := words.Name(c.Attribute) + op + "=" + strings.Join(texts, ",")
	if c.Op == rules.OpIs {
		advice += fmt.Sprintf(" (for this text, write %s:text=…)", c.Attribute)
	}
	return advice
}

// A valueText is one value as it was typed.
type valueText struct {
	text   string
	quoted bool
}

func (v valueText) String() string {
	if v.quoted {
		return words.Quote(v.text)
	}
	return v.text
}

// quantifier is a part of a regular expression that has a comma.
var quantifier = regexp.MustCompile(`^\{\d*,\d*\}`)

// elements reads values that commas part: each a JSON string, or as it is.
func (r conditionReader) elements(text string, isExpression bool) ([]valueText, error) {
	var all []valueText
	for {
		text = strings.TrimSpace(text)
		if quoted := quotedName.FindString(text); quoted != "" {
			value, err := r.unquote(quoted)
			if err != nil {
				return nil, err
			}
			all = append(all, valueText{value, true})
			text = strings.TrimSpace(text[len(quoted):])
		} else {
			end := 0
			for end < len(text) && text[end] != ',' {
				if isExpression {
					end += len(quantifier.FindString(text[end:]))
				}
				end++
			}
			end = min(end, len(text))
			value := strings.TrimSpace(text[:end])
			switch {
			case value == "":
				return nil, r.refuse(`a value is missing (for empty text, write "")`)
			case value[0] == '"':
				return nil, r.refuse("%s is no text in double quotes, as JSON writes it", value)
			}
			all = append(all, valueText{value, false})
			text = text[end:]
		}
		if text == "" {
			return all, nil
		}
		if text[0] != ',' {
			return nil, r.refuse("%s is too much: a comma parts values", words.Quote(text))
		}
		text = text[1:]
	}
}

// value reads one value.
func (r conditionReader) value(c rules.Condition, e valueText, typed typedValues) (targeting.Value, error) {
	if e.quoted {
		return targeting.Text(e.text), nil
	}
	if typed.words && otherConditions.MatchString(e.text) {
		return targeting.Value{}, r.refuse(joinedByAnd, words.Name(c.Attribute))
	}
	if typed.words && strings.Contains(e.text, " ") {
		return targeting.Value{}, r.refuse("put a value of several words into double quotes: %s", words.Quote(e.text))
	}
	kind := typed.kind
	if kind == kindAny {
		switch c.Op {
		case rules.OpIs, rules.OpGreater, rules.OpGreaterOrEqual, rules.OpLess, rules.OpLessOrEqual:
		default:
			kind = kindText
		}
	}
	v, err := parseValue(kind, e.text)
	if err != nil {
		return v, r.refuse("%w", err)
	}
	return v, nil
}

// checkNumbers refuses what is no number where numbers are compared.
func (r conditionReader) checkNumbers(c rules.Condition) error {
	switch c.Op {
	case rules.OpGreater, rules.OpGreaterOrEqual, rules.OpLess, rules.OpLessOrEqual:
	default:
		return nil
	}
	for _, v := range c.Values {
		if v.Kind() == targeting.KindInt || v.Kind() == targeting.KindFloat {
			continue
		}
		operator := strings.TrimPrefix(string(c.Op), "semver_")
		return r.refuse("%s is no number; versions compare with %s__semver_%s=…, times with %[2]s__before=… and %[2]s__after=…",
			v, c.Attribute, operator)
	}
	return nil
}

// segmentName returns the name of a segment that may be typed as that of its flag.
func segmentName(name string) string { return strings.TrimPrefix(name, rules.SegmentPrefix) }
