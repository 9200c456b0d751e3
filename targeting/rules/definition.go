// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// A Definition says how a flag decides, as people write it. [New] checks it and
// prepares it for evaluation.
type Definition struct {
	// Variants are what the flag can serve, 1 to 100 of one kind: all booleans, all
	// text, all numbers, or all objects or lists. None stands for on (true) and off
	// (false).
	Variants []targeting.Variant
	// Off names the variant of a flag that is not enabled. If the flag is boolean,
	// its value is false. Empty stands for off.
	Off string
	// Rules are asked in their order, at most 1,000.
	Rules []Rule
	// Default names the variant for requests for which no rule decides.
	Default string
	// PythonOn says that Python clients, which know no rules, take the flag for on
	// while it is enabled. By default they take it for off.
	PythonOn bool
}

// A Rule serves a variant, or a split, to requests for which all conditions hold.
type Rule struct {
	// Name says what the rule is for: at most 100 bytes, or empty.
	Name string
	// If are the conditions, at most 100. Without any the rule holds.
	If []Condition
	// Serve names the variant. It is empty if there is a split.
	Serve string
	// Split shares out the requests. It is nil if Serve is set.
	Split *Split
}

// Buckets is how many buckets there are: shares count in 1/100,000.
const Buckets = 100_000

// A Split gives variants shares of the buckets, in order. A request beyond the last
// share goes on to the next rule.
type Split struct {
	// By names the attribute that a request's bucket depends on. A request without it
	// goes on to the next rule. Empty means that each evaluation draws a bucket.
	By string
	// Salt makes splits with different salts independent. Empty stands for the flag's
	// name.
	Salt string
	// Hash is how the bucket is computed. Empty stands for [HashXXH64].
	Hash Hash
	// Shares lie end to end.
	Shares []Share
}

// A Share is how many of the [Buckets] a variant is served to.
type Share struct {
	Variant string
	// Share is the number of buckets. It counts unless there is a ramp.
	Share int
	// Ramp changes the share with time. Only the last share may have one.
	Ramp *Ramp
}

// A Ramp changes a share from one number of buckets to another, evenly, between two
// times.
type Ramp struct {
	From, To   int
	Start, End time.Time
}

// A Hash is how a bucket is computed from an attribute.
type Hash string

const (
	// HashXXH64 is the XXH64 of the attribute as text, seeded with the salt.
	HashXXH64 Hash = "xxh64"
	// HashCarta is the hash of Carta's model, for flags that were turned into flags
	// with rules. It knows no salt.
	HashCarta Hash = "carta"
)

// A Condition is a test of a request. Make one with [Is], [InSegment], [Any] and the
// like; the fields are for those who read and edit conditions. Exactly one of
// Attribute, Flag, Share, Time, Any and All is set.
type Condition struct {
	// Attribute names what an operator compares with Values, one of which must match.
	// A name that begins with a slash is a JSON Pointer (RFC 6901) through objects.
	Attribute string
	Op        Operator
	Values    []targeting.Value

	// Flag names another flag, whose variant for the same request is one of Is.
	Flag string
	Is   []string

	// Share holds for requests in a range of buckets.
	Share *Range
	// Time holds during a period.
	Time *Period

	// Any holds if one of its conditions does, All if all do.
	Any, All []Condition

	// Not turns the condition round. A test on a missing attribute is not passed all
	// the same. It does not go with Any and All.
	Not bool

	err error // what is wrong with the arguments of the function that made it
}

// A Range is a part of the buckets of an attribute. It includes From and excludes To.
type Range struct {
	By       string
	Salt     string // empty: the flag's name
	Hash     Hash   // empty: HashXXH64
	From, To int
}

// A Period includes From and excludes Until. A zero time is no bound; one bound is
// needed.
type Period struct{ From, Until time.Time }

// An Operator compares an attribute with values. The constants are the stored forms.
type Operator string

// The operators.
const (
	OpIs                    Operator = "is"          // text, numbers and booleans: equal
	OpContains              Operator = "contains"    // text
	OpStartsWith            Operator = "starts_with" // text
	OpEndsWith              Operator = "ends_with"   // text
	OpMatches               Operator = "matches"     // text: a regular expression of RE2
	OpGreater               Operator = "gt"          // numbers
	OpGreaterOrEqual        Operator = "gte"         // numbers
	OpLess                  Operator = "lt"          // numbers
	OpLessOrEqual           Operator = "lte"         // numbers
	OpBefore                Operator = "before"      // times
	OpAfter                 Operator = "after"       // times
	OpVersionEqual          Operator = "semver_eq"   // versions, and so the next four
	OpVersionGreater        Operator = "semver_gt"
	OpVersionGreaterOrEqual Operator = "semver_gte"
	OpVersionLess           Operator = "semver_lt"
	OpVersionLessOrEqual    Operator = "semver_lte"
	OpInNetwork             Operator = "in_network" // addresses
	OpExists                Operator = "exists"     // any; it has no values
)

// Operators returns all operators, in the order of the documentation.
func Operators() []Operator {
	return []Operator{
		OpIs, OpContains, OpStartsWith, OpEndsWith, OpMatches,
		OpGreater, OpGreaterOrEqual, OpLess, OpLessOrEqual, OpBefore, OpAfter,
		OpVersionEqual, OpVersionGreater, OpVersionGreaterOrEqual, OpVersionLess, OpVersionLessOrEqual,
		OpInNetwork, OpExists,
	}
}
