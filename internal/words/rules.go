// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package words

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// maxAudience is how many rules are named one by one where the audience of a flag is
// told in a phrase.
const maxAudience = 3

// rulesAudience is Audience for a flag with rules.
func rulesAudience(f *store.Flag, at time.Time) string {
	s := f.Rules()
	if s.Err() != nil {
		return "by rules that cannot be read"
	}
	d := s.Definition()
	if s.IsBoolean() {
		if text, ok := onAudience(s, d, at); ok {
			return text
		}
	}
	if len(d.Rules) == 0 {
		return "for everyone: " + Name(d.Default)
	}
	if text, ok := variantAudience(d); ok {
		return text
	}
	return "by " + count(len(d.Rules), "rule") + ", otherwise " + Name(d.Default)
}

// variantAudience says who gets which variant, if that fits into a phrase.
func variantAudience(d rules.Definition) (string, bool) {
	if len(d.Rules) > maxAudience {
		return "", false
	}
	s := style{short: true, bare: true}
	var parts []string
	for _, rule := range d.Rules {
		whom := everyone
		switch conditions := strings.Join(conditionsInWords(s, rule.If), " and "); {
		case rule.Name != "":
			whom = "for " + Cut(Name(rule.Name), maxValue)
		case conditions != "":
			whom = "where " + conditions
		}
		parts = append(parts, whom+": "+s.serves(rule))
	}
	return strings.Join(append(parts, "for everyone else: "+Name(d.Default)), "; "), true
}

// onAudience says whom a boolean flag is on for, if that fits into a phrase: there are
// few rules, all of which only let in, and everyone else gets off.
func onAudience(s rules.Ruleset, d rules.Definition, at time.Time) (string, bool) {
	isOn := func(variant string) bool {
		for _, v := range s.Variants() {
			if v.Name == variant {
				on, _ := v.Value.AsBool()
				return on
			}
		}
		return false
	}
	if len(d.Rules) == 0 {
		if isOn(d.Default) {
			return everyone, true
		}
		return "for no one", true
	}
	if isOn(d.Default) || len(d.Rules) > maxAudience {
		return "", false
	}
	var parts []string
	for _, rule := range d.Rules {
		whom := strings.Join(conditionsInWords(style{short: true, bare: true}, rule.If), " and ")
		if whom != "" {
			whom = "where " + whom
		}
		if rule.Name != "" {
			whom = "for " + Cut(Name(rule.Name), maxValue)
		}
		switch {
		case rule.Split == nil && !isOn(rule.Serve):
			return "", false
		case rule.Split == nil && whom == "":
			whom = everyone
		case rule.Split != nil:
			share := 0
			for i, part := range rule.Split.Shares {
				if !isOn(part.Variant) && i < len(rule.Split.Shares)-1 {
					return "", false // on is not the first share: a salted layout
				}
				if isOn(part.Variant) {
					share += shareNow(part, at)
				}
			}
			if whom != "" {
				whom += ": "
			} else {
				whom = "for "
			}
			whom += shareOf(share) + " " + style{short: true}.splitBasis(rule.Split)
			if last := rule.Split.Shares[len(rule.Split.Shares)-1]; last.Ramp != nil && at.Before(last.Ramp.End) {
				whom += " now (a ramp " + rampInWords(last.Ramp) + ")"
			}
		}
		parts = append(parts, whom)
	}
	return strings.Join(parts, ", and "), true
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// shareNow returns the buckets of a share at a time.
func shareNow(s rules.Share, at time.Time) int {
	if s.Ramp == nil {
		return s.Share
	}
	return s.Ramp.At(at)
}

// shareOf returns a share of the buckets in percent: "10 %".
func shareOf(buckets int) string {
	return strconv.FormatFloat(float64(buckets)*100/rules.Buckets, 'f', -1, 64) + " %"
}

// splitBasis says what the shares of a split are shares of.
func (s style) splitBasis(split *rules.Split) string {
	if split.By == "" {
		return "at random"
	}
	return "by " + s.attribute(split.By) + s.bucketBasis(split.Salt, split.Hash)
}

// bucketBasis says what a bucket depends on beside the attribute.
func (s style) bucketBasis(salt string, hash rules.Hash) (text string) {
	if salt != "" {
		text += " with salt " + s.word(salt)
	}
	if hash == rules.HashCarta {
		text += " in Carta's buckets"
	}
	return text
}

// word returns a name that stands among words and signs: in quotes if it would not
// read as one word.
func (s style) word(name string) string {
	if strings.ContainsAny(name, ",;()") || name == "and" {
		return s.cut(Quote(name))
	}
	return s.cut(Name(name))
}

func rampInWords(r *rules.Ramp) string {
	return fmt.Sprintf("from %s at %s to %s at %s", shareOf(r.From), Time(r.Start), shareOf(r.To), Time(r.End))
}

// Rules returns what each rule of a definition does, in order, and last what everyone
// else gets: "staff: email ends with @example.com: on", "everyone else: off". The lines
// are not numbered, and as long as the rules are.
func Rules(d rules.Definition) []string {
	lines := make([]string, 0, len(d.Rules)+1)
	for _, rule := range d.Rules {
		lines = append(lines, Rule(rule))
	}
	if len(d.Rules) == 0 {
		return append(lines, "everyone: "+Name(d.Default))
	}
	return append(lines, "everyone else: "+Name(d.Default))
}

// Rule returns what a rule does: "staff: email ends with @example.com: on". It is as
// long as the rule is.
func Rule(r rules.Rule) string { return style{bare: true}.rule(r) }

func (s style) rule(r rules.Rule) string {
	conditions := strings.Join(conditionsInWords(s, r.If), " and ")
	if conditions == "" {
		conditions = "everyone"
	}
	text := s.cut(conditions) + ": " + s.serves(r)
	if r.Name != "" {
		text = s.cut(Name(r.Name)) + ": " + text
	}
	return text
}

// serves says what a rule serves: "on", "10 % blue by user_id".
func (s style) serves(r rules.Rule) string {
	if r.Split == nil {
		return Name(r.Serve)
	}
	return s.split(r.Split)
}

// Split returns what a split serves: "10 % blue, 20 % red by user_id".
func Split(split *rules.Split) string { return style{bare: true}.split(split) }

func (s style) split(split *rules.Split) string {
	var parts []string
	for _, share := range split.Shares {
		part := shareOf(share.Share)
		if share.Ramp != nil {
			part = "a ramp " + rampInWords(share.Ramp)
		}
		parts = append(parts, part+" "+Name(share.Variant))
	}
	return strings.Join(parts, ", ") + " " + s.splitBasis(split)
}

// RuleCondition returns what a condition of a rule asks: "country is one of DE, AT". It
// is as long as the condition is. The command reads what it returns.
func RuleCondition(c rules.Condition) string { return style{bare: true}.ruleCondition(c) }

func conditionsInWords(s style, conditions []rules.Condition) []string {
	var all []string
	for _, c := range conditions {
		all = append(all, s.ruleCondition(c))
	}
	return all
}

// operatorWords are the operators in words: for one value, for several of which one
// must match, and both negated.
var operatorWords = map[rules.Operator][4]string{
	rules.OpIs:                    {"is", "is one of", "is not", "is none of"},
	rules.OpContains:              {"contains", "contains one of", "does not contain", "contains none of"},
	rules.OpStartsWith:            {"starts with", "starts with one of", "does not start with", "starts with none of"},
	rules.OpEndsWith:              {"ends with", "ends with one of", "does not end with", "ends with none of"},
	rules.OpMatches:               {"matches", "matches one of", "does not match", "matches none of"},
	rules.OpGreater:               {">", "> one of", "is not >", "> none of"},
	rules.OpGreaterOrEqual:        {">=", ">= one of", "is not >=", ">= none of"},
	rules.OpLess:                  {"<", "< one of", "is not <", "< none of"},
	rules.OpLessOrEqual:           {"<=", "<= one of", "is not <=", "<= none of"},
	rules.OpBefore:                {"is before", "is before one of", "is not before", "is before none of"},
	rules.OpAfter:                 {"is after", "is after one of", "is not after", "is after none of"},
	rules.OpVersionEqual:          {"is version", "is one of the versions", "is not version", "is none of the versions"},
	rules.OpVersionGreater:        {"is a version >", "is a version > one of", "is not a version >", "is a version > none of"},
	rules.OpVersionGreaterOrEqual: {"is a version >=", "is a version >= one of", "is not a version >=", "is a version >= none of"},
	rules.OpVersionLess:           {"is a version <", "is a version < one of", "is not a version <", "is a version < none of"},
	rules.OpVersionLessOrEqual:    {"is a version <=", "is a version <= one of", "is not a version <=", "is a version <= none of"},
	rules.OpInNetwork:             {"is in network", "is in one of the networks", "is not in network", "is in none of the networks"},
	rules.OpExists:                {"is given", "", "is not given", ""},
}

// OperatorWords returns the words of an operator: for one value, for several of which
// one must match, and both negated. What is typed can be compared with them.
func OperatorWords(op rules.Operator) [4]string { return operatorWords[op] }

func (s style) ruleCondition(c rules.Condition) string {
	switch {
	case c.Flag != "":
		return s.flagCondition(c)
	case c.Share != nil:
		is := " is within "
		if c.Not {
			is = " is outside "
		}
		r := c.Share
		return s.attribute(r.By) + is + shareOf(r.From) + " to " + shareOf(r.To) + s.bucketBasis(r.Salt, r.Hash)
	case c.Time != nil:
		return periodInWords(c)
	case c.Any != nil:
		return s.group("any of", c.Any)
	case c.All != nil:
		return s.group("all of", c.All)
	}
	form := 0
	if len(c.Values) > 1 {
		form++
	}
	if c.Not {
		form += 2
	}
	text := s.attribute(c.Attribute) + " " + operatorWords[c.Op][form]
	switch {
	case len(c.Values) == 0:
		return text
	case c.Op == rules.OpIs && len(c.Values) == 1 && c.Values[0].Equal(targeting.Text("given")):
		return text + ` "given"` // without quotes it would ask whether there is a value
	case c.Op == rules.OpIs:
		return text + " " + s.list(c.Values)
	}
	return text + " " + s.texts(c.Values)
}

// texts returns the values of an operator that takes values of one kind, so that text
// needs quotes only if it would not read as one word.
func (s style) texts(values []targeting.Value) string {
	var shown []string
	for i, v := range values {
		if s.isEnough(i) {
			shown = append(shown, fmt.Sprintf("… %d more", len(values)-i))
			break
		}
		text, ok := v.AsText()
		if !ok || text == "" || text == "and" || !utf8.ValidString(text) || strings.IndexFunc(text, func(r rune) bool {
			return !unicode.IsPrint(r) || strings.ContainsRune(` ,;()"`, r)
		}) >= 0 {
			text = s.value(v)
		}
		shown = append(shown, s.cut(text))
	}
	return strings.Join(shown, ", ")
}

func (s style) attribute(name string) string {
	switch strings.ToLower(name) {
	case "flag", "any", "all", "from", "until": // these words begin other conditions
		return Quote(name)
	}
	if strings.HasPrefix(name, rules.SegmentPrefix) { // would read as a segment
		return Quote(name)
	}
	if !isBare(name) && (name == "" || name[0] != '/' || !isBare(name[1:])) {
		name = Quote(name)
	}
	return s.cut(name)
}

func (s style) group(what string, conditions []rules.Condition) string {
	return what + " (" + strings.Join(conditionsInWords(s, conditions), "; ") + ")"
}

func (s style) flagCondition(c rules.Condition) string {
	segment, ok := strings.CutPrefix(c.Flag, rules.SegmentPrefix)
	if ok && segment != "" && !strings.HasPrefix(segment, rules.SegmentPrefix) && slices.Equal(c.Is, []string{"on"}) {
		if c.Not {
			return "not in segment " + s.word(segment)
		}
		return "in segment " + s.word(segment)
	}
	var variants []string
	for _, name := range c.Is {
		variants = append(variants, style{}.word(name))
	}
	serves := " serves "
	if c.Not {
		serves = " does not serve "
	}
	return "flag " + s.word(c.Flag) + serves + s.cut(strings.Join(variants, ", "))
}

func periodInWords(c rules.Condition) string {
	var parts []string
	if c.Not {
		parts = append(parts, "not")
	}
	if !c.Time.From.IsZero() {
		parts = append(parts, "from "+preciseTime(c.Time.From))
	}
	if !c.Time.Until.IsZero() {
		parts = append(parts, "until "+preciseTime(c.Time.Until))
	}
	return strings.Join(parts, " ")
}

// preciseTime is Time, to the nanosecond if need be.
func preciseTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// rulesDifference says how rules changed.
func rulesDifference(before, after *store.Flag) []string {
	was, is := before.Rules(), after.Rules()
	switch {
	case was.JSON() == is.JSON():
		return nil
	case is.Err() != nil:
		return []string{"rules: changed to what cannot be read"}
	case is.IsZero():
		return []string{"rules removed"}
	}
	d := is.Definition()
	if was.IsZero() || was.Err() != nil {
		all := []string{"rules set: " + strings.TrimPrefix(Cut(rulesAudience(after, time.Now()), maxPhrase), "for ")}
		if was.Err() != nil {
			all[0] = "rules set, in place of what could not be read"
		}
		return all
	}
	old := was.Definition()
	all := variantsDifference(old.Variants, d.Variants)
	all = append(all, listDifference(old.Rules, d.Rules)...)
	if old.Default != d.Default {
		all = append(all, "default: "+Name(d.Default)+", was "+Name(old.Default))
	}
	if old.Off != d.Off {
		all = append(all, "off variant: "+Name(d.Off)+", was "+Name(old.Off))
	}
	if old.PythonOn != d.PythonOn {
		now := "off"
		if d.PythonOn {
			now = "on"
		}
		all = append(all, "Python clients see it as "+now)
	}
	for i := range all {
		all[i] = Cut(all[i], maxPhrase)
	}
	return atMost(all, "changes of rules")
}

func variantsDifference(before, after []targeting.Variant) (all []string) {
	short := style{short: true}
	find := func(variants []targeting.Variant, name string) *targeting.Variant {
		for i := range variants {
			if variants[i].Name == name {
				return &variants[i]
			}
		}
		return nil
	}
	for _, v := range after {
		switch was := find(before, v.Name); {
		case was == nil:
			all = append(all, "variant added: "+Name(v.Name)+" is "+short.value(v.Value))
		case was.Value.String() != v.Value.String():
			all = append(all, "variant "+Name(v.Name)+" is now "+short.value(v.Value)+", was "+short.value(was.Value))
		}
	}
	for _, v := range before {
		if find(after, v.Name) == nil {
			all = append(all, "variant removed: "+Name(v.Name)+", was "+short.value(v.Value))
		}
	}
	return all
}

// listDifference says which rules changed. Positions count from 1, as people count.
func listDifference(before, after []rules.Rule) (all []string) {
	short := style{short: true, bare: true}
	describe := func(list []rules.Rule) []described {
		var all []described
		for _, r := range list {
			all = append(all, described{Rule(r), short.rule(r)})
		}
		return all
	}
	was, is := describe(before), describe(after)
	if len(was) == len(is) {
		changed := -1
		for i := range was {
			if was[i].canonical != is[i].canonical {
				if changed >= 0 {
					changed = -2
					break
				}
				changed = i
			}
		}
		if changed >= 0 {
			return []string{fmt.Sprintf("rule %d: %s, was %s", changed+1, is[changed].words, was[changed].words)}
		}
	}
	removed, added := without(was, is)
	for _, r := range removed {
		all = append(all, "rule removed: "+r.words)
	}
	for _, r := range added {
		all = append(all, "rule added: "+r.words)
	}
	if len(all) == 0 && !slices.EqualFunc(was, is, func(a, b described) bool { return a.canonical == b.canonical }) {
		return []string{"rules: in another order"}
	}
	return all
}

// Explain returns what an evaluation found at each rule, one line each, numbered from
// 1: "1. staff: email was not given". The lines are as long as what they tell.
func Explain(steps []rules.Step) []string {
	var lines []string
	for _, step := range steps {
		line := strconv.Itoa(step.Rule+1) + ". "
		if step.Name != "" {
			line += Name(step.Name) + ": "
		}
		lines = append(lines, line+explainStep(step))
	}
	return lines
}

func explainStep(step rules.Step) string {
	var parts []string
	for _, test := range step.Tests {
		parts = append(parts, explainTest(test))
	}
	split := ""
	if step.Split != nil {
		split = explainSplit(step)
	}
	switch {
	case step.Err != nil:
		return "no answer: " + step.Err.Error()
	case len(parts) > 0:
		return "not passed: " + strings.Join(parts, ", and ")
	case !step.Decided:
		return "the conditions hold, but " + split
	case split != "":
		return "serves " + Name(step.Variant) + ": " + split
	}
	return "serves " + Name(step.Variant)
}

func explainSplit(step rules.Step) string {
	s := step.Split
	switch {
	case !s.Given:
		return Name(s.By) + " was not given, or has no bucket"
	case step.Decided:
		return fmt.Sprintf("bucket %s is within %s to %s", thousands(s.Bucket), shareOf(s.From), shareOf(s.To))
	}
	return fmt.Sprintf("bucket %s is beyond the last share", thousands(s.Bucket))
}

// thousands returns a number as people write it: 12,345.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func explainTest(t rules.TestResult) string {
	s := style{bare: true}
	c := t.Condition
	switch {
	case c.Flag != "":
		return "flag " + Name(c.Flag) + " serves " + Name(t.Variant)
	case c.Time != nil:
		return "it is not the time: " + s.ruleCondition(c)
	case c.Share != nil && t.Outcome == rules.NotGiven:
		return s.attribute(c.Share.By) + " was not given, or has no bucket"
	case c.Share != nil:
		return fmt.Sprintf("bucket %s of %s is not what is asked for: %s", thousands(t.Bucket), s.attribute(c.Share.By), s.ruleCondition(c))
	case c.Op == rules.OpExists && c.Not:
		return s.attribute(c.Attribute) + " was given"
	case c.Op == rules.OpExists, t.Outcome == rules.NotGiven:
		return s.attribute(c.Attribute) + " was not given"
	}
	is := s.attribute(c.Attribute) + " is " + kindAndValue(t.Value)
	if t.Outcome == rules.NotComparable && len(c.Values) > 0 {
		return is + ", the rule has " + kindAndValue(c.Values[0])
	}
	return is + ", the rule asks: " + s.ruleCondition(c)
}

func kindAndValue(v targeting.Value) string {
	text := style{short: true}.value(v)
	switch v.Kind() {
	case targeting.KindText:
		return "the text " + text
	case targeting.KindInt, targeting.KindFloat:
		return "the number " + text
	case targeting.KindList:
		return "the list " + text
	case targeting.KindObject:
		return "the object " + text
	}
	return text
}

// ServedBy says where a variant is served, for paths as
// [rules.Definition.Serving] returns them: "rule 1", "default", "off". Rules are counted
// from 1, and each is there once.
func ServedBy(paths []string) []string {
	var all []string
	for _, path := range paths {
		text := path
		if i, ok := RulePosition(path); ok {
			text = "rule " + strconv.Itoa(i+1)
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// RulePosition returns the position, from 0, of the rule that a path is in.
func RulePosition(path string) (position int, ok bool) {
	rest, ok := strings.CutPrefix(path, "rules[")
	if !ok {
		return 0, false
	}
	number, _, ok := strings.Cut(rest, "]")
	if !ok {
		return 0, false
	}
	position, err := strconv.Atoi(number)
	return position, err == nil
}

// ShareOf returns a number of buckets in percent: "10 %".
func ShareOf(buckets int) string { return shareOf(buckets) }

// VariantValue returns the value of a variant in JSON. Long values are cut.
func VariantValue(v targeting.Value) string { return style{short: true}.value(v) }
