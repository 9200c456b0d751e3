// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

func attr(name string, value any) targeting.Attr {
	v, err := targeting.ValueOf(value)
	if err != nil {
		panic(err)
	}
	return targeting.Attr{Name: name, Value: v}
}

func TestEvaluateOrder(t *testing.T) {
	hit := conditions(carta.Equal("plan", "pro"))
	nobody := carta.NewPercentageBucketer(carta.FixedPercentage(0))
	pro, other := []targeting.Attr{attr("plan", "pro")}, []targeting.Attr{attr("plan", "free")}
	for _, c := range []struct {
		name       string
		enabled    bool
		conditions []carta.Condition
		bucketer   carta.Bucketer
		request    targeting.Request
		on         bool
		reason     targeting.Reason
	}{
		{"disabled decides first", false, hit, carta.NoBucketer(), targeting.Request{Attrs: pro}, false, targeting.ReasonDisabled},
		{"conditions hold", true, hit, nobody, targeting.Request{Attrs: pro}, true, targeting.ReasonTargetingMatch},
		{"conditions do not", true, hit, nobody, targeting.Request{Attrs: other}, false, targeting.ReasonDefault},
		{"inherited attributes count", true, hit, nobody, targeting.Request{Inherited: other}, false, targeting.ReasonDefault},
		{"an attribute no check names", true, hit, nobody, targeting.Request{Attrs: []targeting.Attr{attr("x", nil)}}, true, targeting.ReasonTargetingMatch},
		{"without attributes, the bucketer", true, hit, nobody, targeting.Request{}, false, targeting.ReasonSplit},
		{"without conditions, the bucketer", true, nil, nobody, targeting.Request{Attrs: pro}, false, targeting.ReasonSplit},
		{"nothing to decide", true, nil, carta.NoBucketer(), targeting.Request{Attrs: pro}, true, targeting.ReasonStatic},
	} {
		on, reason, err := carta.Evaluate(c.enabled, c.conditions, c.bucketer, &c.request)
		if on != c.on || reason != c.reason || err != nil {
			t.Errorf("%s: %t, %s, %v, want %t, %s", c.name, on, reason, err, c.on, c.reason)
		}
	}
}

// Of attributes of one name the last counts, and the call's own win, for
// conditions and for hashing.
func TestRepeatedAttributes(t *testing.T) {
	is := conditions(carta.Equal("user_id", 2))
	all := carta.NewConsistentHashBucketer(carta.FixedPercentage(1))
	one := carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "user_id")
	want := all.Bucket(&targeting.Request{Attrs: []targeting.Attr{attr("user_id", 2)}})
	if want != 94 {
		t.Fatalf("user 2 is in bucket %d", want)
	}
	for name, r := range map[string]targeting.Request{
		"last":                 {Attrs: []targeting.Attr{attr("user_id", 1), attr("user_id", 3), attr("user_id", 2)}},
		"call over inherited":  {Attrs: []targeting.Attr{attr("user_id", 2)}, Inherited: []targeting.Attr{attr("user_id", 1)}},
		"last of inherited":    {Inherited: []targeting.Attr{attr("user_id", 1), attr("user_id", 2)}},
		"also of another kind": {Attrs: []targeting.Attr{attr("user_id", 2)}, Inherited: []targeting.Attr{attr("user_id", "text")}},
	} {
		if on, _, err := carta.Evaluate(true, is, carta.NoBucketer(), &r); !on || err != nil {
			t.Errorf("%s: condition: %t, %v", name, on, err)
		}
		for _, b := range []carta.Bucketer{all, one} {
			if got := b.Bucket(&r); got != want {
				t.Errorf("%s: bucket %d of %s, want %d", name, got, b, want)
			}
		}
	}
	// One that is overridden is not compared at all.
	ordered := conditions(carta.Greater("age", 18))
	r := targeting.Request{Inherited: []targeting.Attr{attr("age", "text")}, Attrs: []targeting.Attr{attr("age", 20)}}
	if on, _, err := carta.Evaluate(true, ordered, carta.NoBucketer(), &r); !on || err != nil {
		t.Errorf("%t, %v", on, err)
	}
}

func TestEvaluateErrors(t *testing.T) {
	stored := func(value string) carta.Bucketer {
		b, err := carta.ParseBucketer(targeting.JSON(`{"type": "ConsistentHashPercentageBucketer", "percentage": `+value+`}`), epoch)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, c := range map[string]struct {
		conditions []carta.Condition
		bucketer   carta.Bucketer
		attr       targeting.Attr
	}{
		"text > number":       {conditions(carta.Greater("a", 1)), carta.NoBucketer(), attr("a", "2")},
		"null <= number":      {conditions(carta.LessOrEqual("a", 1)), carta.NoBucketer(), attr("a", nil)},
		"number in text":      {conditions(carta.NewCheck("a", carta.OpIn, "123")), carta.NoBucketer(), attr("a", 1)},
		"list in object":      {conditions(carta.NewCheck("a", carta.OpNotIn, map[string]int{})), carta.NoBucketer(), attr("a", []int{})},
		"percentage of text":  {nil, stored(`{"type": "Percentage", "value": "0.5"}`), attr("a", 1)},
		"percentage missing":  {nil, stored(`{"type": "Percentage"}`), attr("a", 1)},
		"ramp of text":        {nil, stored(`{"type": "LinearRampPercentage", "final_value": "1"}`), attr("a", 1)},
		"ramp too long":       {nil, stored(`{"type": "LinearRampPercentage", "ramp_duration": 1` + fmt.Sprintf("%0400d", 0) + `}`), attr("a", 1)},
		"randomizer is taken": {nil, carta.NewPercentageBucketer(carta.FixedPercentage(0.5)), attr("randomizer", 1)},
	} {
		on, reason, err := carta.Evaluate(true, c.conditions, c.bucketer, &targeting.Request{Attrs: []targeting.Attr{c.attr}})
		if on || reason != targeting.ReasonError || !errors.Is(err, carta.ErrKind) {
			t.Errorf("%s: %t, %s, %v, want ErrKind", name, on, reason, err)
		}
		// Whether what is stored or what is asked is to blame.
		ofPercentage := strings.HasPrefix(name, "percentage") || strings.HasPrefix(name, "ramp")
		if errors.Is(err, targeting.ErrInvalid) != ofPercentage {
			t.Errorf("%s: %v matches ErrInvalid: %t", name, err, !ofPercentage)
		}
	}
}

// Nothing is before, after or equal to NaN.
func TestNaN(t *testing.T) {
	r := &targeting.Request{Attrs: []targeting.Attr{attr("a", math.NaN())}}
	for _, c := range []struct {
		check carta.Check
		want  bool
	}{
		{carta.Equal("a", math.NaN()), false},
		{carta.NotEqual("a", math.NaN()), true},
		{carta.Greater("a", 0), false},
		{carta.LessOrEqual("a", 0), false},
		{carta.In("a", math.NaN(), 1), false},
		{carta.NotIn("a", math.NaN()), true},
	} {
		if on, _, err := carta.Evaluate(true, conditions(c.check), carta.NoBucketer(), r); on != c.want || err != nil {
			t.Errorf("NaN %s %s: %t, %v, want %t", c.check.Operator, c.check.Value, on, err, c.want)
		}
	}
	b, err := carta.ParseBucketer(`{"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": NaN}}`, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if on, _, err := carta.Evaluate(true, nil, b, r); on || err != nil {
		t.Errorf("a percentage of NaN: %t, %v", on, err)
	}
}

// Ints are compared exactly, however large.
func TestLargeInts(t *testing.T) {
	parse := func(text targeting.JSON) targeting.Value {
		v, err := targeting.ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		attribute targeting.JSON
		check     carta.Operator
		value     targeting.JSON
		want      bool
	}{
		{"9223372036854775808", carta.OpGreater, "9223372036854775807", true},
		{"-9223372036854775809", carta.OpLess, "-9223372036854775808", true},
		{"100000000000000000000000000001", carta.OpGreater, "100000000000000000000000000000", true},
		{"9007199254740993", carta.OpEqual, "9007199254740992.0", false},
		{"9007199254740993", carta.OpGreater, "9007199254740992.0", true},
		{"9223372036854775807", carta.OpLess, "9223372036854775808.0", true},
		{"1000000000000000000000000000000", carta.OpEqual, "1e30", false},
		{"1000000000000000019884624838656", carta.OpEqual, "1e30", true},
		{"1000000000000000000000000000000", carta.OpLess, "Infinity", true},
		{"-1000000000000000000000000000000", carta.OpLessOrEqual, "-Infinity", false},
	} {
		check := carta.NewCheck("a", c.check, parse(c.value))
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "a", Value: parse(c.attribute)}}}
		if on, _, err := carta.Evaluate(true, conditions(check), carta.NoBucketer(), r); on != c.want || err != nil {
			t.Errorf("%s %s %s: %t, %v, want %t", c.attribute, c.check, c.value, on, err, c.want)
		}
	}
}

func TestPercentageBucketer(t *testing.T) {
	for _, c := range []struct {
		share, draw float64
		want        bool
	}{
		{0, 0, false},
		{0.5, 0, true},
		{0.5, 0.5, true},
		{0.5, 0.51, false},
		{1, 0.999, true},
	} {
		r := &targeting.Request{Random: c.draw, Drawn: true}
		b := carta.NewPercentageBucketer(carta.FixedPercentage(c.share))
		if on, reason, err := carta.Evaluate(true, nil, b, r); on != c.want || reason != targeting.ReasonSplit || err != nil {
			t.Errorf("%v at %v: %t, %s, %v, want %t", c.draw, c.share, on, reason, err, c.want)
		}
	}
	// Without a source of its own it draws. Of 10,000 draws at one half, fewer
	// than 4,000 or more than 6,000 come up once in 10^88 runs.
	on := 0
	for range 10_000 {
		if yes, _, _ := carta.Evaluate(true, nil, carta.NewPercentageBucketer(carta.FixedPercentage(0.5)), &targeting.Request{}); yes {
			on++
		}
	}
	if on < 4000 || on > 6000 {
		t.Errorf("%d of 10000", on)
	}
}

// A sticky rollout is on for as many buckets as its percentage says, and who is
// in stays in as it grows.
func TestConsistentHashBucketer(t *testing.T) {
	perBucket := [100]int{}
	for user := range 20_000 {
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(int64(user))}}}
		bucket := carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "user_id").Bucket(r)
		perBucket[bucket]++
		if user >= 100 {
			continue
		}
		for percent := range 101 {
			b := carta.NewConsistentHashBucketer(carta.FixedPercentage(float64(percent)/100), "user_id")
			on, _, err := carta.Evaluate(true, nil, b, r)
			if want := percent > 0 && bucket <= percent; on != want || err != nil {
				t.Fatalf("user %d of bucket %d at %d %%: %t, %v", user, bucket, percent, on, err)
			}
		}
	}
	for bucket, n := range perBucket {
		if n < 100 || n > 300 { // 200 expected; the users and the hash are fixed
			t.Errorf("bucket %d has %d of 20000 users", bucket, n)
		}
	}
}

func TestRampTurnsOn(t *testing.T) {
	b := carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, epoch, 100*time.Minute), "user_id")
	for after, want := range map[time.Duration]bool{
		-time.Hour: false, 0: false, 47 * time.Minute: false, 49 * time.Minute: true, 200 * time.Minute: true,
	} {
		r := &targeting.Request{Attrs: []targeting.Attr{attr("user_id", 1)}, Time: epoch.Add(after)} // bucket 48
		if on, _, err := carta.Evaluate(true, nil, b, r); on != want || err != nil {
			t.Errorf("after %v: %t, %v, want %t", after, on, err, want)
		}
	}
}

func TestBucketWithoutHash(t *testing.T) {
	r := &targeting.Request{Attrs: []targeting.Attr{attr("plan", "pro")}}
	for _, b := range []carta.Bucketer{{}, carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "absent")} {
		if got := b.Bucket(r); got < 0 || got > 99 {
			t.Errorf("%s: bucket %d", b, got)
		}
	}
	if got := carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "absent").Bucket(r); got != 32 {
		t.Errorf("without any of the keys: bucket %d, want 32", got)
	}
}
