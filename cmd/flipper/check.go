// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// parseConditions reads checks, or stored forms of conditions. Checks are one
// condition, or as many as it takes: in one there is room for one check with an
// operator on an attribute.
func parseConditions(args []string) ([]carta.Condition, error) {
	if len(args) == 1 {
		text := targeting.JSON(strings.TrimSpace(args[0]))
		var conditions []carta.Condition
		var err error
		switch {
		case strings.HasPrefix(string(text), "["):
			conditions, err = carta.ParseConditions(text)
		case strings.HasPrefix(string(text), "{"):
			conditions = make([]carta.Condition, 1)
			conditions[0], err = carta.ParseCondition(text)
		}
		if err != nil {
			return nil, usagef(`%w: write a check, such as 'age>=18', or a stored form, such as '{"age": [{"variable": "age", "value": 18, "operator": "gte"}]}'`, err)
		}
		if conditions != nil {
			return conditions, nil
		}
	}
	var groups [][]carta.Check
	for _, arg := range args {
		for _, text := range splitChecks(arg) {
			check, err := parseCheck(text)
			if err != nil {
				return nil, err
			}
			if groups, err = withCheck(groups, check, text); err != nil {
				return nil, err
			}
		}
	}
	var conditions []carta.Condition
	for _, checks := range groups {
		condition := carta.NewCondition(checks...)
		if err := condition.Err(); err != nil {
			return nil, usagef("%w", err)
		}
		conditions = append(conditions, condition)
	}
	return conditions, nil
}

// withCheck puts a check into the first group that has room for it. Two different
// values that an attribute has to equal are refused: nothing equals both.
func withCheck(groups [][]carta.Check, check carta.Check, text string) ([][]carta.Check, error) {
	for i, group := range groups {
		room := true
		for _, other := range group {
			if other.Variable != check.Variable || other.Operator != check.Operator {
				continue
			}
			room = false
			if check.Operator == carta.OpEqual && check.Value.String() != other.Value.String() {
				return nil, usagef("check %q: another one has %s: for one of several values, write %s__in=%s,%s", text,
					words.Check(other), check.Variable, bareValue(other.Value), bareValue(check.Value))
			}
		}
		if room {
			groups[i] = append(group, check)
			return groups, nil
		}
	}
	return append(groups, []carta.Check{check}), nil
}

func bareValue(v targeting.Value) string {
	if text, ok := v.AsText(); ok {
		return text
	}
	return v.String()
}

// The beginning of a check, and of what follows an "and": the attribute, as it is or
// as a JSON string, and the operator.
var (
	checkStart = regexp.MustCompile(`^\s*("(?:\\.|[^"\\])*"|[^\s!=<>"]+)\s*(?:[!=<>]|\s(?:not\s+)?in\s)`)
	wordCheck  = regexp.MustCompile(`^(\S+)\s+(in|not\s+in)\s+(.*)$`)
	quotedName = regexp.MustCompile(`^"(?:\\.|[^"\\])*"`)
	otherwise  = regexp.MustCompile(`\s(or|\|\||&&)\s`)
)

// splitChecks parts a text at each "and" that another check follows.
func splitChecks(text string) []string {
	const and = " and "
	var checks []string
	for from := 0; ; {
		i := indexOutside(text[from:], and)
		if i < 0 {
			return append(checks, text)
		}
		i += from
		if key, _, _ := strings.Cut(text, "="); checkStart.MatchString(text[i+len(and):]) && !strings.HasSuffix(key, ":"+kindText) {
			checks = append(checks, text[:i])
			text, from = text[i+len(and):], 0
			continue
		}
		from = i + len(and)
	}
}

// indexOutside is [strings.Index], for what is outside of JSON strings and of
// brackets. A quote within a word is none.
func indexOutside(text, wanted string) int {
	inString, depth := false, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"' && (inString || i == 0 || strings.IndexByte(" =<>([{,:", text[i-1]) >= 0):
			inString = !inString
		case inString:
		case depth == 0 && strings.HasPrefix(text[i:], wanted):
			return i
		case c == '(' || c == '[' || c == '{':
			depth++
		case (c == ')' || c == ']' || c == '}') && depth > 0:
			depth--
		}
	}
	return -1
}

// signs are the operators in signs, those that another one begins with later.
var signs = []struct {
	text     string
	operator carta.Operator
}{
	{"!=", carta.OpNotEqual},
	{">=", carta.OpGreaterOrEqual},
	{"<=", carta.OpLessOrEqual},
	{"==", carta.OpEqual},
	{"=", carta.OpEqual},
	{">", carta.OpGreater},
	{"<", carta.OpLess},
}

const checkExample = "write attribute=value, age__gte=18, 'age>=18' or 'plan in (pro, team)'"

// A typedCheck is a check as it was typed, in its parts.
type typedCheck struct {
	text     string
	variable string
	kind     string // of the value, if it was given
	operator carta.Operator
	value    string
}

// parseCheck reads attribute, operator and value.
func parseCheck(text string) (carta.Check, error) {
	typed := typedCheck{text: text}
	if err := typed.split(); err != nil {
		return carta.Check{}, err
	}
	if typed.kind == kindAny {
		if err := typed.checkPlausible(); err != nil {
			return carta.Check{}, err
		}
	}
	value, err := parseCheckValue(typed.operator, typed.kind, typed.value)
	if err != nil {
		return carta.Check{}, usagef("check %q: %w", text, err)
	}
	return carta.NewCheck(typed.variable, typed.operator, value), nil
}

// split parts the text.
func (c *typedCheck) split() error {
	text := strings.TrimLeft(c.text, " ")
	var key, sign string
	isQuoted := false
	if quoted := quotedName.FindString(text); quoted != "" {
		if err := json.Unmarshal([]byte(quoted), &c.variable); err != nil {
			return usagef("check %q: %w: %s", c.text, err, checkExample)
		}
		// What is in quotes has neither a kind nor an operator in it.
		isQuoted, text = true, "x"+text[len(quoted):]
	}
	if match := wordCheck.FindStringSubmatch(text); match != nil && !strings.ContainsAny(match[1], "!=<>") {
		key, sign, c.value = match[1], strings.Join(strings.Fields(match[2]), " "), match[3]
	} else {
		at := strings.IndexAny(text, "!=<>")
		if at <= 0 {
			return usagef("check %q: %s", c.text, checkExample)
		}
		key = strings.TrimSpace(text[:at])
		spaced := len(key) < at // as in 'plan = pro'
		for _, known := range signs {
			if right, ok := strings.CutPrefix(text[at:], known.text); ok {
				sign, c.value, c.operator = known.text, right, known.operator
				break
			}
		}
		if sign != "=" || spaced {
			c.value = strings.TrimSpace(c.value)
		}
	}
	if sign == "" || strings.HasSuffix(key, "~") {
		return usagef("check %q: the operators are = != > >= < <= in and not in: %s", c.text, checkExample)
	}
	switch sign {
	case "in":
		c.operator = carta.OpIn
	case "not in":
		c.operator = carta.OpNotIn
	}
	if isQuoted {
		if key != "x" {
			return usagef("check %q: %s", c.text, checkExample)
		}
		return nil
	}
	name, kind, err := cutKind(key)
	if err != nil {
		return err
	}
	variable, operator, err := parseCheckKey(name)
	if err != nil {
		return usagef("%w", err)
	}
	if operator != carta.OpEqual {
		if sign != "=" {
			return usagef("check %q: has two operators", c.text)
		}
		c.operator = operator
	}
	c.variable, c.kind = variable, kind
	return nil
}

// checkPlausible refuses what hardly anybody means. Whoever does can say so with a
// kind, or with a JSON string.
func (c *typedCheck) checkPlausible() error {
	refuse := func(format string, args ...any) error {
		return usagef("check %q: %s", c.text, fmt.Sprintf(format, args...))
	}
	literally := fmt.Sprintf("for this text, write %s:text=…", c.variable)
	isOrder, isList := false, false
	switch c.operator {
	case carta.OpGreater, carta.OpGreaterOrEqual, carta.OpLess, carta.OpLessOrEqual:
		isOrder = true
	case carta.OpIn, carta.OpNotIn:
		isList = true
	}
	v, err := parseValue(kindAny, c.value)
	isText := err == nil && v.Kind() == targeting.KindText && !strings.HasPrefix(c.value, `"`)
	switch {
	case c.value == "" && (isOrder || isList):
		return refuse("the value is missing: write 'age>=18', or plan__in=pro,team")
	case c.value != "" && strings.IndexByte("=<>~", c.value[0]) >= 0:
		return refuse("the operators are = != > >= < <= in and not in (%s)", literally)
	case otherwise.MatchString(c.value) && checkStart.MatchString(c.value[otherwise.FindStringIndex(c.value)[1]:]):
		return refuse("checks are joined by and; for one of several values, write %s__in=a,b (%s)", c.variable, literally)
	case isOrder && isText:
		return refuse("%s is no number: for an order of texts, write %s:text%s…", words.Quote(c.value), c.variable, words.Sign(c.operator))
	case isText && !isList && strings.Contains(c.value, ","):
		in := "__in="
		if c.operator == carta.OpNotEqual {
			in = "__not_in="
		}
		return refuse("a list? Write %s%s%s (%s)", c.variable, in, strings.ReplaceAll(c.value, ", ", ","), literally)
	}
	return nil
}

// parseCheckKey takes __eq too, which people expect, and the Python client writes
// as the bare name.
func parseCheckKey(key string) (string, carta.Operator, error) {
	if variable, ok := strings.CutSuffix(key, "__eq"); ok && !strings.Contains(variable, "__") {
		return variable, carta.OpEqual, nil
	}
	return carta.ParseCheckKey(key)
}

// parseCheckValue reads the value; in takes a,b and (a, b) beside a JSON list.
func parseCheckValue(operator carta.Operator, kind, text string) (targeting.Value, error) {
	isList := operator == carta.OpIn || operator == carta.OpNotIn
	if !isList || strings.HasPrefix(text, "[") {
		return parseValue(kind, text)
	}
	if inside, ok := strings.CutPrefix(text, "("); ok && strings.HasSuffix(inside, ")") {
		text = strings.TrimSuffix(inside, ")")
	}
	var values []targeting.Value
	for more := true; more; {
		element := text
		if i := indexOutside(text, ","); i >= 0 {
			element, text = text[:i], text[i+1:]
		} else {
			more = false
		}
		element = strings.TrimSpace(element)
		if element == "" && kind != kindText {
			return targeting.Value{}, fmt.Errorf(`a value of the list is missing (for empty text, write "")`)
		}
		v, err := parseValue(kind, element)
		if err != nil {
			return targeting.Value{}, err
		}
		values = append(values, v)
	}
	return targeting.List(values...), nil
}
