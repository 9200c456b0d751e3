// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package rules decides what a flag serves for a request, by ordered rules.
//
// A flag has variants, each a name and a value. An ordered list of rules says who
// gets which: the first rule whose conditions all hold decides. It serves a variant,
// or splits the requests between several. A default is for those for whom no rule
// decides.
//
//	definition := rules.Definition{
//		Variants: []targeting.Variant{
//			{Name: "grey", Value: targeting.Text("#888")},
//			{Name: "blue", Value: targeting.Text("#00f")},
//		},
//		Off:     "grey",
//		Default: "grey",
//		Rules: []rules.Rule{
//			{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "blue"},
//			{If: rules.All(rules.Is("country", "DE", "AT")), Split: rules.Percent("user_id", 10, "blue")},
//		},
//	}
//
// # Terms
//
//   - A bucket is a number from 0 to 99,999, made of an attribute and a salt, or drawn.
//   - A share is a number of buckets. [Percent] and [ShareOf] take percents: 10 is 10 %.
//   - A split gives variants shares, end to end.
//   - A ramp is a share that changes with time.
//   - A rollout is the split of the last rule, if that rule has no conditions: it is for
//     everyone whom no other rule decided. See [Definition.SetRollout].
//   - A range is a part of the buckets, as a condition: experiments in ranges that do not
//     meet form a layer, and a segment that is a range is a holdout. See [InRange].
//
// # What holds for every flag
//
//   - A request that lacks an attribute is never let in by it: a test on a missing
//     attribute is not passed, negated or not.
//   - A share counts in 1/100,000. Raising it only ever adds requests.
//   - Two splits are independent, unless they are given the same salt.
//   - What a reader does not know makes the rules unreadable, never half understood.
//
// The stored form, the hash and all details are in docs/rules.md, which is enough to
// write an evaluator in another language.
//
// # Concurrency
//
// A [Ruleset] is immutable and safe for concurrent use. A [Definition] is plain data.
package rules
