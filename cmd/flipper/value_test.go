// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func TestParseAttribute(t *testing.T) {
	for text, want := range map[string]string{
		"user_id=42":               "user_id=42 int",
		"user_id:int=42":           "user_id=42 int",
		"user_id:text=42":          `user_id="42" text`,
		"user_id:string=42":        `user_id="42" text`,
		"x:float=42":               "x=42.0 float",
		"x:float=1e3":              "x=1000.0 float",
		"x:float=.5":               "x=0.5 float",
		"x=42.0":                   "x=42.0 float",
		"x=true":                   "x=true bool",
		"x=True":                   `x="True" text`,
		"x=null":                   "x=null null",
		"x=":                       `x="" text`,
		"x=a=b":                    `x="a=b" text`,
		"x=01234":                  `x="01234" text`,
		"x=NaN":                    `x="NaN" text`,
		"x=Infinity":               `x="Infinity" text`,
		`x="NaN"`:                  `x="NaN" text`,
		`x=["a", 1, 1.0]`:          `x=["a", 1, 1.0] list`,
		`x:json={"b":1}`:           `x={"b": 1} object`,
		"x:text=[":                 `x="[" text`,
		"big=18446744073709551616": "big=18446744073709551616 int",
		"größe=ü":                  `größe="\u00fc" text`,
	} {
		a, err := parseAttribute(text)
		if got := fmt.Sprintf("%s=%s %s", a.Name, a.Value, a.Value.Kind()); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":             "write name=value",
		"x":            "write name=value",
		"=1":           "write name=value",
		"x:number=1":   "unknown kind",
		"age>=18":      "write name=value",
		"age!=18":      "write name=value",
		"a>b=1":        "write name=value",
		"x:int=1.0":    "not of kind int",
		"x:int=one":    "not of kind int",
		"x:bool=1":     "not of kind bool",
		"x:bool=yes":   "not of kind bool",
		"x:float=true": "not of kind float",
		"x:float=half": "not of kind float",
		"x:json=a":     "invalid JSON",
		"x={a}":        "looks like JSON",
		"x=[1,":        "looks like JSON",
		`x="a`:         "looks like JSON",
		"x=\xff":       "UTF-8",
		"x:text=\xff":  "UTF-8",
	} {
		if a, err := parseAttribute(text); err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != exitUsage {
			t.Errorf("%s: %v, %v, want %q", text, a, err, want)
		}
	}
}

func TestParseShare(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "1": 1, "0.1": 0.1, "10%": 0.1, "10 %": 0.1, "7%": 0.07, "33.3%": 0.333, "0.29%": 0.0029, "100%": 1, "1%": 0.01, ".5": 0.5,
	} {
		if got, err := parseShare(text); got != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"10": "for 10 %, write 0.1 or 10%", "7": "for 7 %, write 0.07 or 7%", "101": "not from 0 to 1", "101%": "not from 0 to 1",
		"-1": "not from 0 to 1", "NaN": "not from 0 to 1", "": "write 0.1 or 10%", "%": "write 0.1 or 10%", "ten": "write 0.1 or 10%",
		"1e-2": "write 0.1 or 10%", "0x1p-2": "write 0.1 or 10%", "1_0%": "write 0.1 or 10%", "10%%": "write 0.1 or 10%",
	} {
		if got, err := parseShare(text); err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != exitUsage {
			t.Errorf("%s: %v, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseTimeAndDuration(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1700000000": 1700000000, "-1": -1, "2026-01-31T18:00:00Z": 1769882400, "2026-01-31T19:00:00+01:00": 1769882400, "10.5": 10,
	} {
		if got, err := parseTime(text); got.Unix() != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"today", "2026-01-31", "99999999999999", "true", "NaN", "1e400"} {
		if got, err := parseTime(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "7d": 168 * time.Hour, "0.5d": 12 * time.Hour} {
		if got, err := parseDuration(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "7 d", "1e9d", "-1d", "NaNd", "soon"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestParseCheck(t *testing.T) {
	for text, want := range map[string]string{
		"plan=pro":            "plan = pro",
		"plan==pro":           "plan = pro",
		"plan__eq=pro":        "plan = pro",
		"plan != free":        "plan != free",
		"age>=18":             "age >= 18",
		"age >= 18":           "age >= 18",
		"age<=18":             "age <= 18",
		"age>18":              "age > 18",
		"age<18":              "age < 18",
		"age__gte=18":         "age >= 18",
		"age:float>=18":       "age >= 18.0",
		"age__gte:float=18":   "age >= 18.0",
		"plan__in=pro,team":   "plan in (pro, team)",
		`plan__in=["pro,1"]`:  `plan in ("pro,1")`,
		"id__in:text=1,2":     `id in ("1", "2")`,
		"id__not_in=1,2":      "id not in (1, 2)",
		"x=a>b":               `x = "a>b"`,
		"plan = pro":          "plan = pro",
		"plan= pro":           `plan = " pro"`,
		"plan=":               `plan = ""`,
		"x:text=>18":          `x = ">18"`,
		"plan in pro,team":    "plan in (pro, team)",
		"plan in (pro, team)": "plan in (pro, team)",
		"plan  not  in (pro)": "plan not in (pro)",
		`x in ("a, b", c)`:    `x in ("a, b", c)`,
		"id:text in 1, 2":     `id in ("1", "2")`,
		`"a b" = 1`:           `"a b" = 1`,
		`"a:b" in (1, 2)`:     `"a:b" in (1, 2)`,
		`"\u202e">=1`:         `"\u202e" >= 1`,
		`city="São Paulo"`:    `city = "São Paulo"`,
		`name:text>b`:         `name > "b"`,
		`name > "b"`:          `name > "b"`,
		"country:text=DE,FR":  `country = "DE,FR"`,
		`country="DE,FR"`:     `country = "DE,FR"`,
		"age >= 18 and plan = pro and zip != \"01234\"": "age >= 18 and plan = pro and zip != \"01234\"",
		"plan in (a and b, c) and age>1":                `plan in ("a and b", c) and age > 1`,
		"title=rock and roll":                           `title = "rock and roll"`,
		"title=rock and roll and age>1":                 `title = "rock and roll" and age > 1`,
		`title="a and b=c" and age>1`:                   `title = "a and b=c" and age > 1`,
		"title:text=a and b=c":                          `title = "a and b=c"`,
		"plan != free and plan != trial and age > 18":   "plan != free and age > 18 and plan != trial",
		"a!=": `a != ""`,
	} {
		conditions, err := parseConditions([]string{text})
		if err != nil || words.Conditions(conditions) != want {
			t.Errorf("%s: %s, %v, want %s", text, words.Conditions(conditions), err, want)
		}
	}
	for text, want := range map[string]string{
		"age":                      "write attribute=value",
		">=18":                     "write attribute=value",
		"age!18":                   "write attribute=value",
		"age__gt>1":                "two operators",
		"age__near=1":              "operator",
		"self=1":                   "reserved",
		"x_=1":                     "end in",
		"age>=[1]":                 "has no order",
		"x=[1]":                    "use In",
		`x in ([1, "a"], 2)`:       "a list within the list of values",
		"age:none=1":               "unknown kind",
		"{}x":                      "JSON",
		"[1]":                      "element 0",
		"age=>18":                  "the operators are",
		"age=<18":                  "the operators are",
		"age>":                     "the value is missing",
		"plan__in=":                "the value is missing",
		"country=DE,FR":            "a list? Write country__in=DE,FR (for this text, write country:text=…)",
		"country!=DE, FR":          "a list? Write country__not_in=DE,FR",
		"age>abc":                  `"abc" is no number: for an order of texts, write age:text>…`,
		"age__lt=abc":              `write age:text<…`,
		"country=~D":               "the operators are",
		"country~=D":               "the operators are",
		"country==~D":              "the operators are",
		"plan in ~x":               "the operators are",
		"plan in":                  "write attribute=value",
		"plan in a,,b":             "a value of the list is missing",
		"plan__gt in 1":            "two operators",
		"country=DE or country=FR": "checks are joined by and; for one of several values, write country__in=a,b",
		"age>18 && plan=pro":       "checks are joined by and",
		"plan=a and plan=b":        "write plan__in=a,b",
		"plan=pro and age>abc":     "is no number",
		`"a b"c=1`:                 "write attribute=value",
		`"a`:                       "write attribute=value",
	} {
		if got, err := parseConditions([]string{text}); err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != exitUsage {
			t.Errorf("%s: %s, %v, want %q", text, words.Conditions(got), err, want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"list", "get", "--store", "NEW_CHECKOUT", "OLD_CHECKOUT", "\x1b[31m"}
	for typed, want := range map[string]string{
		"lst":          ": did you mean list?",
		"--sotre":      ": did you mean --store?",
		"XYZ_CHECKOUT": ": did you mean NEW_CHECKOUT or OLD_CHECKOUT?",
		"\x1b[32m":     `: did you mean "\u001b[31m"?`,
		"zzz":          "",
	} {
		if got := didYouMean(typed, names); got != want {
			t.Errorf("%q: %s, want %s", typed, got, want)
		}
	}
}

func TestPattern(t *testing.T) {
	for text, names := range map[string][2][]string{
		"TEAM_*":  {{"TEAM_", "TEAM_A", "TEAM_A\nB"}, {"TEAM", "XTEAM_A", "team_a"}},
		"*":       {{"", "a"}, nil},
		"a?c":     {{"abc", "aüc"}, {"ac", "abbc"}},
		`a\*\?\\`: {{`a*?\`}, {"ab"}},
		"a.[b]*":  {{"a.[b]c"}, {"axb"}},
		`*\`:      {{`x\`}, {"x"}},
	} {
		for i, list := range names {
			for _, name := range list {
				if got := parsePattern(text).MatchString(name); got != (i == 0) {
					t.Errorf("%q is like %q: %t", name, text, got)
				}
			}
		}
	}
}

// What is suggested is there to be called.
func TestUsualNames(t *testing.T) {
	root := newProgram(nil, nil, io.Discard, io.Discard).command()
	for path, usual := range usualNames {
		at := root
		for _, word := range strings.Fields(path)[1:] {
			at = at.Command(word)
		}
		for name, suggested := range usual {
			if at.Command(name) != nil {
				t.Errorf("%s %s: is a command", path, name)
			}
			for alternative := range strings.SplitSeq(suggested, " or ") {
				c := at
				for word := range strings.FieldsSeq(alternative) {
					if option, ok := strings.CutPrefix(word, "--"); ok {
						if !slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), option) }) {
							t.Errorf("%s %s: %s has no such option", path, name, alternative)
						}
						continue
					}
					if c = c.Command(word); c == nil {
						t.Errorf("%s %s: %s is no command", path, name, alternative)
						break
					}
				}
			}
		}
	}
}

// Columns are cut where the widest are.
func TestNarrow(t *testing.T) {
	for _, c := range []struct {
		widths, want []int
		width        int
	}{
		{[]int{20, 10}, []int{20, 10}, 32},
		{[]int{20, 10}, []int{18, 10}, 30},
		{[]int{300, 12, 50}, []int{32, 12, 32}, 80},
		{[]int{300, 300}, []int{10, 10}, 5},
		{[]int{3, 300}, []int{3, 10}, 5},
	} {
		got := slices.Clone(c.widths)
		if narrow(got, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%v in %d: %v, want %v", c.widths, c.width, got, c.want)
		}
	}
}

func TestRedacted(t *testing.T) {
	for text, want := range map[string]string{
		"thrift://127.0.0.1:9090":       "thrift://127.0.0.1:9090",
		"bolt:flags.db":                 "bolt:flags.db",
		"redis://user:secret@h:1/0?a=1": "redis://user:xxxxx@h:1/0?a=1",
		"redis://:secret@h:1":           "redis://:xxxxx@h:1",
		"redis+sentinel://h:1?sentinel_password=secret&master_name=m": "redis+sentinel://h:1?master_name=m&sentinel_password=xxxxx",
		"redis://user:sec%ret@h:1":                                    "redis:xxxxx",
		"user:secret@h:1":                                             "xxxxx",
		"bolt:/data/a@b.db":                                           "bolt:/data/a@b.db",
		"":                                                            "",
	} {
		if got := redacted(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// A condition has room for one check of an operator on an attribute.
func TestParseConditionsDropsNothing(t *testing.T) {
	conditions, err := parseConditions([]string{"age>1", "age<5", "plan=pro"})
	if got := words.Conditions(conditions); err != nil || got != "age > 1 and age < 5 and plan = pro" {
		t.Errorf("%s, %v", got, err)
	}
	// What has no room in one condition has another.
	conditions, err = parseConditions([]string{"age>1", "plan=pro", "age>2 and x=1"})
	if got := words.Conditions(conditions); err != nil || len(conditions) != 2 || got != "age > 1 and plan = pro and x = 1 and age > 2" {
		t.Errorf("%s, %v", got, err)
	}
	// Nothing equals two values.
	for _, args := range [][]string{{"plan=a", "plan=b"}, {"plan=a", "x=1", "plan__eq=b"}} {
		if got, err := parseConditions(args); exitCode(err) != exitUsage {
			t.Errorf("%q: %s, %v", args, words.Conditions(got), err)
		}
	}
}

// What a terminal might take for a command is not in messages; in JSON it is
// escaped, so that the text stays equal.
func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"größe 'x' \u00a0…":    "größe 'x' \u00a0…",
		"\x1b[31m\a":           `\x1b[31m\a`,
		"\u009b2J\u202e\x7f":   `\u009b2J\u202e\x7f`,
		"\x9b2J":               "\ufffd2J",
		"\x1b one\r\ntwo\nthr": `\x1b one; two; thr`,
	} {
		if got := oneLine(errors.New(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	const text = "{\"a\u009b\": [\"\u202e\U000e0001\",\n\t\"ß\"]}"
	if got, want := escapeJSON(text), "{\"a\\u009b\": [\"\\u202e\\udb40\\udc01\",\n\t\"ß\"]}"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSomeOf(t *testing.T) {
	var errs []error
	for i, want := range []string{"e0", "e1; e0", "e2; e0; e1", "e3; e0; e1; and 1 more", "e4; e0; e1; and 2 more"} {
		errs = append(errs, fmt.Errorf("e%d", i))
		if got := someOf(errs); got != want {
			t.Errorf("%d: %q, want %q", i, got, want)
		}
	}
}

// What get shows of a condition can be typed in again.
func FuzzConditionRoundTrip(f *testing.F) {
	f.Add("plan", uint8(6), `["pro", "a, b", 1, [2], {"a": null}, "in", " x ", ""]`)
	f.Add("a b", uint8(0), `"x and y=1"`)
	f.Add("not", uint8(2), `"1"`)
	f.Add("a:text", uint8(1), `1e300`)
	f.Fuzz(func(t *testing.T, variable string, operator uint8, value string) {
		v, err := targeting.ParseJSON(targeting.JSON(value))
		if err != nil || strings.Contains(v.String(), "NaN") || strings.Contains(v.String(), "Infinity") {
			return // what is no JSON cannot be typed
		}
		operator %= 8
		condition := carta.NewCondition(carta.NewCheck(variable, carta.Operator(operator), v), carta.Equal("other", "x and y"), carta.In("list", "a", 1))
		if condition.Err() != nil || carta.Operator(operator) >= carta.OpIn && v.Kind() != targeting.KindList || variable == "other" || variable == "list" {
			return
		}
		text := words.Condition(condition)
		typed, err := parseConditions([]string{text})
		if err != nil || len(typed) != 1 || string(typed[0].AppendCanonical(nil)) != string(condition.AppendCanonical(nil)) {
			t.Errorf("%s: %v, %v, want %v", text, typed, err, condition)
		}
	})
}

// Whatever the line, there is one line in answer, and it is an object.
func FuzzEvaluateLine(f *testing.F) {
	f.Add(`{"item": {"feature_name": "X", "is_enabled": true, "meta": {"created_date": 1}}, "attributes": {"a": 1}, "now": 1.5}`)
	f.Add(`{"item": {"feature_name": "X", "is_enabled": true, "meta": {"created_date": 1, "bucketer": {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "LinearRampPercentage"}}}}, "attributes": {"a": "\ud800"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		line, err := evaluateLine([]byte(text))
		answer := string(line)
		if (err != nil) != strings.HasPrefix(answer, `{"error": "`) {
			t.Errorf("%q: %s with the error %v", text, answer, err)
		}
		if strings.Contains(answer, "\n") || !strings.HasPrefix(answer, `{"enabled": `) && !strings.HasPrefix(answer, `{"error": "`) || !strings.HasSuffix(answer, "}") {
			t.Errorf("%q: %s", text, answer)
		}
	})
}
