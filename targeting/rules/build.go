// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"math"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// Test returns a condition that compares an attribute with values: whatever
// [targeting.ValueOf] takes. A slice or array, if it is the only value, stands for
// its elements.
func Test(attribute string, op Operator, values ...any) Condition {
	list, err := targeting.ValuesOf(values...)
	return Condition{Attribute: attribute, Op: op, Values: list, err: err}
}

func testText(attribute string, op Operator, texts []string) Condition {
	c := Condition{Attribute: attribute, Op: op}
	for _, text := range texts {
		c.Values = append(c.Values, targeting.Text(text))
	}
	return c
}

// Is holds if the attribute equals one of values: text, numbers or booleans. The
// number 42 and the text "42" are equal. A single slice stands for its elements.
func Is(attribute string, values ...any) Condition { return Test(attribute, OpIs, values...) }

// Contains holds if the attribute, a text, contains one of parts.
func Contains(attribute string, parts ...string) Condition {
	return testText(attribute, OpContains, parts)
}

// StartsWith holds if the attribute, a text, starts with one of prefixes.
func StartsWith(attribute string, prefixes ...string) Condition {
	return testText(attribute, OpStartsWith, prefixes)
}

// EndsWith holds if the attribute, a text, ends with one of suffixes.
func EndsWith(attribute string, suffixes ...string) Condition {
	return testText(attribute, OpEndsWith, suffixes)
}

// Matches holds if one of the regular expressions, in RE2's syntax, matches somewhere
// in the attribute, a text.
func Matches(attribute string, expressions ...string) Condition {
	return testText(attribute, OpMatches, expressions)
}

// Greater holds if the attribute, a number, is greater than value.
func Greater(attribute string, value any) Condition { return Test(attribute, OpGreater, value) }

// GreaterOrEqual holds if the attribute, a number, is value or greater.
func GreaterOrEqual(attribute string, value any) Condition {
	return Test(attribute, OpGreaterOrEqual, value)
}

// Less holds if the attribute, a number, is less than value.
func Less(attribute string, value any) Condition { return Test(attribute, OpLess, value) }

// LessOrEqual holds if the attribute, a number, is value or less.
func LessOrEqual(attribute string, value any) Condition {
	return Test(attribute, OpLessOrEqual, value)
}

// Before holds if the attribute, a time, is before t. Attributes give times as text
// (RFC 3339) or in seconds since 1970.
func Before(attribute string, t time.Time) Condition {
	return testText(attribute, OpBefore, []string{formatTime(t)})
}

// After holds if the attribute, a time, is after t.
func After(attribute string, t time.Time) Condition {
	return testText(attribute, OpAfter, []string{formatTime(t)})
}

// Version compares the attribute, a version as SemVer 2.0 orders them, with version.
// The operator is one of [OpVersionEqual] and the four after it.
func Version(attribute string, op Operator, version string) Condition {
	return testText(attribute, op, []string{version})
}

// InNetwork holds if the attribute, an address, is one of the addresses or in one of
// the blocks, such as "10.0.0.0/8" or "2001:db8::/32".
func InNetwork(attribute string, networks ...string) Condition {
	return testText(attribute, OpInNetwork, networks)
}

// Exists holds if the attribute is there. Null and an empty list are not.
func Exists(attribute string) Condition { return Condition{Attribute: attribute, Op: OpExists} }

// Flag holds if another flag serves one of variants for the same request.
func Flag(name string, variants ...string) Condition { return Condition{Flag: name, Is: variants} }

// SegmentPrefix is how the names of segments begin: flags whose rules say who belongs
// to them.
const SegmentPrefix = "segment:"

// InSegment holds if the request belongs to a segment: the flag "segment:NAME" serves
// on.
func InSegment(name string) Condition { return Flag(SegmentPrefix+name, "on") }

// InRange holds if the bucket of an attribute is in a range, which includes from and
// excludes to. With one salt and ranges that do not meet, experiments exclude each other.
// An empty salt stands for the flag's name.
func InRange(by, salt string, from, to int) Condition {
	return Condition{Share: &Range{By: by, Salt: salt, From: from, To: to}}
}

// During holds in a period, which includes from and excludes until. A zero time is no
// bound.
func During(from, until time.Time) Condition {
	return Condition{Time: &Period{From: from, Until: until}}
}

// Any holds if one of conditions does.
func Any(conditions ...Condition) Condition { return Condition{Any: conditions} }

// AllOf holds if all conditions do. It is for use within [Any].
func AllOf(conditions ...Condition) Condition { return Condition{All: conditions} }

// All returns conditions as the If of a rule has them.
func All(conditions ...Condition) []Condition { return conditions }

// Not turns a condition round. A test on a missing attribute, or on one that cannot
// be compared, is not passed all the same. Any and AllOf cannot be negated: negate
// what is in them.
func Not(c Condition) Condition {
	c.Not = !c.Not
	return c
}

// Percent returns a split that serves one variant to a share of the requests, in
// percent, by an attribute. The others go on to the next rule.
func Percent(by string, percent float64, variant string) *Split {
	return &Split{By: by, Shares: []Share{{Variant: variant, Share: ShareOf(percent)}}}
}

// ShareOf returns the number of buckets that a share in percent has, rounded to the
// nearest. What is no number of 0 to 100 has -1, which [New] refuses.
func ShareOf(percent float64) int {
	if !(0 <= percent && percent <= 100) {
		return -1
	}
	return int(math.Round(percent * (Buckets / 100)))
}

// String returns the condition's stored form.
func (c Condition) String() string {
	if c.err != nil {
		return fmt.Sprintf("invalid condition on %q: %v", c.Attribute, c.err)
	}
	return string(appendCondition(nil, c))
}

// Constant returns a definition that serves one value to everybody: its only variant is
// named default, and is the off variant too. A flag that is on or off needs no such
// definition: its off variant is false.
func Constant(v targeting.Value) Definition {
	const name = "default"
	return Definition{Variants: []targeting.Variant{{Name: name, Value: v}}, Off: name, Default: name}
}
