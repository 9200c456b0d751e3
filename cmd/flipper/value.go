// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// valueHelp says how values are written.
const valueHelp = `A value is what JSON makes of it: 42 is an int, 42.0 a float, true a bool,
null null, ["a", "b"] a list; anything else is text. To choose, write
name:KIND=value, where KIND is text, int, float, bool or json: zip:text=12345.
To rules, the int 42 and the text 42 are one user. Carta's conditions and rollouts
keep the kinds apart: there they are not equal, and in different buckets.`

// parseAttribute reads name=value, or name:kind=value.
func parseAttribute(text string) (targeting.Attr, error) {
	left, right, ok := strings.Cut(text, "=")
	if !ok || left == "" {
		return targeting.Attr{}, usagef("attribute %q: write name=value", text)
	}
	if strings.ContainsAny(left[len(left)-1:], "!<>~=") || strings.ContainsAny(left, "<>") {
		return targeting.Attr{}, usagef("attribute %q: it has one value: write name=value (a name with a sign in it can be given as JSON)", text)
	}
	name, kind, err := cutKind(left)
	if err != nil {
		return targeting.Attr{}, err
	}
	v, err := parseValue(kind, right)
	if err != nil {
		return targeting.Attr{}, usagef("attribute %q: %w", name, err)
	}
	return targeting.Attr{Name: name, Value: v}, nil
}

// The kinds that can be chosen.
const (
	kindAny   = ""
	kindText  = "text"
	kindInt   = "int"
	kindFloat = "float"
	kindBool  = "bool"
	kindJSON  = "json"
)

// cutKind parts name:kind.
func cutKind(text string) (name, kind string, err error) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return text, kindAny, nil
	}
	name, kind = text[:i], text[i+1:]
	switch kind {
	case kindText, kindInt, kindFloat, kindBool, kindJSON:
		return name, kind, nil
	case "string", "str":
		return name, kindText, nil
	}
	return "", "", usagef("%q: unknown kind %q: use text, int, float, bool or json (a name with a colon can be given with --attributes, as JSON)", text, kind)
}

// parseValue reads a value of a kind.
func parseValue(kind, text string) (targeting.Value, error) {
	if kind == kindText {
		return validText(text)
	}
	v, err := targeting.ParseJSON(targeting.JSON(text))
	wrong := usagef("%q is not of kind %s", text, kind)
	switch {
	case kind == kindAny && (err != nil || isNotFinite(v)):
		if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") || strings.HasPrefix(text, `"`) {
			return targeting.Value{}, usagef(`it looks like JSON, such as ["a", "b"] or {"a": 1}, but %w (for text, write name:text=…)`, err)
		}
		return validText(text)
	case err != nil && kind == kindJSON:
		return targeting.Value{}, fmt.Errorf(`%w: write JSON, such as 42, "text" or ["a", "b"]`, err)
	case err != nil && kind == kindFloat:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return targeting.Value{}, wrong
		}
		return targeting.Float(f), nil
	case err != nil,
		kind == kindInt && v.Kind() != targeting.KindInt,
		kind == kindBool && v.Kind() != targeting.KindBool:
		return targeting.Value{}, wrong
	case kind == kindFloat:
		switch number := v.Any().(type) {
		case float64:
			return v, nil
		case int64:
			return targeting.Float(float64(number)), nil
		}
		return targeting.Value{}, wrong
	}
	return v, nil
}

// isNotFinite is for the words that Python's JSON has for floats which nobody
// means by them: NaN and Infinity are text.
func isNotFinite(v targeting.Value) bool {
	f, ok := v.Any().(float64)
	return ok && (math.IsNaN(f) || math.IsInf(f, 0))
}

func validText(text string) (targeting.Value, error) {
	v := targeting.Text(text)
	return v, v.Validate()
}

// parseAttributes reads arguments, and after them an object, whose order stays.
func parseAttributes(args []string, object string) ([]targeting.Attr, error) {
	var attrs []targeting.Attr
	for _, arg := range args {
		a, err := parseAttribute(arg)
		if err != nil {
			return nil, err
		}
		attrs = append(attrs, a)
	}
	if object != "" {
		more, err := splitAttributes(targeting.JSON(object))
		if err != nil {
			return nil, usagef(`--attributes: %w: write a JSON object, such as '{"user_id": 42}'`, err)
		}
		attrs = append(attrs, more...)
	}
	seen := map[string]bool{}
	for _, a := range attrs {
		if seen[a.Name] {
			return nil, usagef("%q is given twice: leave one", a.Name)
		}
		seen[a.Name] = true
	}
	return attrs, nil
}

// splitAttributes reads an object of attributes, in its order: the first check
// that cannot be evaluated is not reached after one that fails.
func splitAttributes(object targeting.JSON) ([]targeting.Attr, error) {
	fields, err := targeting.SplitObject(object)
	if err != nil {
		return nil, err
	}
	attrs := make([]targeting.Attr, len(fields))
	for i, f := range fields {
		v, err := targeting.ParseJSON(f.Value)
		if err != nil {
			return nil, err
		}
		attrs[i] = targeting.Attr{Name: f.Name, Value: v}
	}
	return attrs, nil
}

// parseShare reads a share of the traffic: 0.1, or 10%. What is not from 0 to 1
// is refused later, with a hint.
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	number = strings.TrimSpace(number)
	exact := number
	if percent {
		exact += "e-2" // not divided by 100: that could round twice
	}
	share, err := strconv.ParseFloat(exact, 64)
	if err != nil || strings.ContainsAny(number, "xXpPeE_") {
		return 0, usagef("share %q: write 0.1 or 10%%", text)
	}
	if !percent && 1 < share && share <= 100 {
		return 0, usagef("share %s is not from 0 to 1: for %[1]s %%, write %s or %[1]s%%", number, strconv.FormatFloat(share/100, 'g', -1, 64))
	}
	if share < 0 || share > 1 || math.IsNaN(share) {
		return 0, usagef("share %s is not from 0 to 1, or 0%% to 100%%", text)
	}
	return share, nil
}

// parseTime reads seconds since 1970, or RFC 3339; empty stands for now.
func parseTime(text string) (time.Time, error) {
	if text == "" || text == "now" {
		return time.Now(), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err == nil {
		if t, ok := unixTime(v); ok {
			return t, nil
		}
	}
	return time.Time{}, usagef("time %q: write seconds since 1970, or as in 2026-01-31T18:00:00Z", text)
}

// unixTime returns the time of a number of seconds since 1970, within the years that
// Python's dates can be in.
func unixTime(v targeting.Value) (time.Time, bool) {
	const first, last = -62135596800, 253402300799
	switch n := v.Any().(type) {
	case int64:
		return time.Unix(n, 0), first <= n && n <= last
	case float64:
		whole, fraction := math.Modf(n)
		return time.Unix(int64(whole), int64(math.RoundToEven(fraction*1e6))*1000), first <= n && n <= last
	}
	return time.Time{}, false
}

// parseDuration reads Go's durations, and days: 36h, 90m, 7d.
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && n >= 0 && n < 100*366 {
			return time.Duration(n * float64(24*time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, usagef("duration %q: write 90m, 24h or 7d", text)
	}
	return d, nil
}
