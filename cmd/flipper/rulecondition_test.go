// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

func TestParseRuleCondition(t *testing.T) {
	for text, want := range map[string]string{
		"country=DE":                             "country is DE",
		"country__is=DE,AT":                      "country is one of DE, AT",
		`country__is=["DE", "AT"]`:               "country is one of DE, AT",
		"country__is_not=DE":                     "country is not DE",
		"country__in=DE,AT":                      "country is one of DE, AT",
		"country__not_in=DE,AT":                  "country is none of DE, AT",
		"country!=DE":                            "country is not DE",
		"plan in (pro, team)":                    "plan is one of pro, team",
		"plan not in (free)":                     "plan is not free",
		"plan = pro":                             "plan is pro",
		"user_id=42":                             "user_id is 42",
		`user_id="42"`:                           `user_id is "42"`,
		"user_id:text=42":                        `user_id is "42"`,
		"user_id__is:text=42,43":                 `user_id is one of "42", "43"`,
		"city=New York":                          `city is "New York"`,
		"name=Tom and Jerry":                     `name is "Tom and Jerry"`,
		"zip:text=1,2":                           `zip is "1,2"`,
		"plan=":                                  `plan is ""`,
		"age>=18":                                "age >= 18",
		"age__gte=18":                            "age >= 18",
		"age >=18":                               "age >= 18",
		"age is not >= 18":                       "age is not >= 18",
		"email__ends_with=@example.com":          "email ends with @example.com",
		"email ends with @example.com, @e.org":   "",
		"email__not_ends_with=@a,@b":             "email ends with none of @a, @b",
		"email matches ^a{1,2}$":                 `email matches "^a{1,2}$"`,
		"email__matches=^a{1,2}$":                `email matches "^a{1,2}$"`,
		"app__semver_lt=2.4.0":                   "app is a version < 2.4.0",
		"ip__in_network=10.0.0.0/8,::1":          "ip is in one of the networks 10.0.0.0/8, ::1",
		"user_id__exists":                        "user_id is given",
		"user_id__not_exists":                    "user_id is not given",
		"user_id__exists=false":                  "user_id is not given",
		"in segment \"beta\"":                    "in segment beta",
		"not country is DE":                      "country is not DE",
		"user_id is within 0% to 20%":            "user_id is within 0 % to 20 %",
		"any of (plan is pro; age < 18 and a=b)": "any of (plan is pro; all of (age < 18; a is b))",
		`{"attribute": "a", "op": "is", "values": [1]}`: "a is 1",
		`"from" is Berlin`: `"from" is Berlin`,
		"until 1769968800": "until 2026-02-01T18:00:00Z",
	} {
		c, err := parseRuleCondition(text, 0)
		if want == "" {
			if err == nil {
				t.Errorf("%s: %s, want an error", text, words.RuleCondition(c))
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := words.RuleCondition(c); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	joined, err := parseRuleConditions([]string{"plan is pro and country=DE", "age >= 18 and in segment beta"})
	if err != nil || len(joined) != 4 {
		t.Errorf("%v, %v, want four conditions", joined, err)
	}
}

func TestParseRuleConditionRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "a condition is empty",
		"segment beta":                     "write in segment beta",
		"segment:beta is on":               "write in segment beta",
		"segment:beta=on":                  "write in segment beta",
		"country":                          "write it as in country=DE",
		"country=DE,FR":                    "write country__is=DE,FR",
		"country!=DE,FR":                   "write country__is_not=DE,FR",
		"country is DE, FR":                "write 'country is one of DE, FR'",
		"email ends with @a, @b":           "write 'email ends with one of @a, @b'",
		"country is DE or FR":              "write country__is=a,b for one of several values",
		"country=DE or country=FR":         "write country__is=a,b for one of several values",
		"city is New York":                 `put a value of several words into double quotes: "New York"`,
		"age>old":                          "is no number",
		"age>='":                           "is no number",
		"app__lt=2.4.0":                    "app__semver_lt",
		"age__gtt=18":                      "unknown operator",
		"country=~D":                       "the operators are",
		"age__gte>18":                      "two operators",
		"user_id__exists=1":                "write user_id__exists",
		"in beta":                          "write in segment NAME",
		"in segment new users":             "double quotes",
		"flag theme is blue":               "write flag NAME serves VARIANT",
		"from tomorrow":                    "write seconds since 1970",
		"until":                            "write from TIME",
		"user_id is within 0 to 20":        "write user_id is within 0 % to 20 %",
		"user_id is within 0 % to 120 %":   "not from 0 to 1",
		"user_id is within 0 % to 0.0001%": "finer than",
		"any of (a=b; c=d":                 "closing parenthesis",
		"not any of (a=b)":                 "cannot be negated",
		"any of (a=b; )":                   "is empty",
		"country__is=DE,,FR":               "a value is missing",
		"country__is=":                     "a value is missing",
		`country is "DE`:                   "double quotes",
		`country is "DE" x`:                "a comma parts values",
		`{"attribute": "a"}`:               "op: is missing",
	} {
		if c, err := parseRuleCondition(text, 0); err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != exitUsage {
			t.Errorf("%s: %v, %v, want %q", text, c, err, want)
		}
	}
	if _, err := parseRuleCondition(strings.Repeat("any of (", 100)+"a=b"+strings.Repeat(")", 100), 0); err == nil {
		t.Error("a hundred groups are read")
	}
}

// What get shows of a rule can be typed.
func TestConditionsRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 20_000 {
		valid += checkRoundTrip(t, randomCondition(random, 0))
	}
	if valid < 10_000 {
		t.Errorf("%d conditions are valid, which is too few to prove much", valid)
	}
}

func FuzzConditionsRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string, a, b uint64) {
		checkRoundTrip(t, randomCondition(rand.New(rand.NewPCG(a, b)), 0))
		if c, err := parseRuleCondition(text, 0); err == nil {
			checkRoundTrip(t, c)
		}
	})
}

// checkRoundTrip reads a condition from its words, and returns 1 if it is valid.
func checkRoundTrip(t *testing.T, c rules.Condition) int {
	t.Helper()
	if _, err := rules.New("X", rules.Definition{Default: "off", Rules: []rules.Rule{{If: rules.All(c), Serve: "on"}}}); err != nil {
		return 0
	}
	text := words.RuleCondition(c)
	got, err := parseRuleConditions([]string{text})
	if err != nil {
		t.Errorf("%s (%s): %v", text, c, err)
	} else if len(got) != 1 || got[0].String() != c.String() {
		t.Errorf("%s: %s, want %s", text, got, c)
	}
	return 1
}

// awkward are texts that may be taken for something else.
var awkward = strings.Split("a|plan|user_id|/address/country|is|not|one|given|version|before|in|and|any|all|flag|from|until|serves|on|off|null|true|42|1.0|"+
	"-1|2.4.0|10.0.0.0/8|2026-12-01T00:00:00Z|@example.com|a b|a, b|x;y|(x)|any of (a is b)|\"|a\"b|\\|\\d+|^a{1,2}$|{|}|[|[a, b|a{1|2}|…|é|\u202e|\x1b[31m|\n| |  x |"+
	"a and b is c|a__is|x:text|=|>= 1|segment:beta|is given|not in|of|one of|DE or FR|with salt x|in Carta's buckets|%|~|NaN|'|FROM", "|")

func randomCondition(random *rand.Rand, depth int) rules.Condition {
	pick := func() string { return awkward[random.IntN(len(awkward))] }
	texts := func() (all []string) {
		for range 1 + random.IntN(3) {
			all = append(all, pick())
		}
		return all
	}
	moment := func() time.Time { return time.Unix(random.Int64N(1<<33), random.Int64N(2)*random.Int64N(1e9)).UTC() }
	var c rules.Condition
	switch n := random.IntN(10); {
	case n == 0:
		c = rules.Flag(pick(), texts()...)
	case n == 1:
		c = rules.InSegment(pick())
	case n == 2:
		from := random.IntN(rules.Buckets)
		c = rules.InRange(pick(), "", from, from+1+random.IntN(rules.Buckets-from))
		if random.IntN(2) == 0 {
			c.Share.Salt = pick()
		} else if random.IntN(2) == 0 {
			c.Share.Hash = rules.HashCarta
		}
	case n == 3:
		c.Time = &rules.Period{}
		if random.IntN(2) == 0 {
			c.Time.From = moment()
		}
		if random.IntN(2) == 0 || c.Time.From.IsZero() {
			c.Time.Until = moment()
		}
	case n == 4 && depth < 3:
		var conditions []rules.Condition
		for range 1 + random.IntN(3) {
			conditions = append(conditions, randomCondition(random, depth+1))
		}
		if random.IntN(2) == 0 {
			return rules.Any(conditions...)
		}
		return rules.AllOf(conditions...)
	default:
		ops := rules.Operators()
		c.Attribute, c.Op = pick(), ops[random.IntN(len(ops))]
		for range 1 + random.IntN(3) {
			c.Values = append(c.Values, randomValue(random, c.Op, pick))
		}
		if c.Op == rules.OpExists {
			c.Values = nil
		}
	}
	c.Not = random.IntN(2) == 0
	return c
}

func randomValue(random *rand.Rand, op rules.Operator, pick func() string) targeting.Value {
	numbers := []targeting.Value{targeting.Int(42), targeting.Int(-1), targeting.Float(1), targeting.Float(0.1), targeting.Float(1e300)}
	switch op {
	case rules.OpGreater, rules.OpGreaterOrEqual, rules.OpLess, rules.OpLessOrEqual:
		return numbers[random.IntN(len(numbers))]
	case rules.OpIs:
		switch random.IntN(4) {
		case 0:
			return numbers[random.IntN(len(numbers))]
		case 1:
			return targeting.Bool(random.IntN(2) == 0)
		}
	case rules.OpBefore, rules.OpAfter:
		return targeting.Text("2026-12-01T00:00:00+01:00")
	case rules.OpInNetwork:
		return targeting.Text("2001:db8::/32")
	case rules.OpVersionEqual, rules.OpVersionGreater, rules.OpVersionGreaterOrEqual, rules.OpVersionLess, rules.OpVersionLessOrEqual:
		return targeting.Text(fmt.Sprintf("v1.%d.0-beta.1+build", random.IntN(20)))
	}
	return targeting.Text(pick())
}
