// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"crypto/sha1"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// FuzzConditions: reading and evaluating conditions never panics, and the form
// that the Python client would write is read as the same conditions.
func FuzzConditions(f *testing.F) {
	type conditionCase struct{ Stored, Attributes json.RawMessage }
	for _, c := range vectors.Cases[conditionCase](f, "conditions.json") {
		if c.Attributes != nil {
			f.Add(string(c.Stored), string(c.Attributes))
		}
	}
	f.Fuzz(func(t *testing.T, text, attributes string) {
		conditions, err := carta.ParseConditions(targeting.JSON(text))
		if err != nil {
			if !errors.Is(err, targeting.ErrInvalid) {
				t.Fatalf("error %v does not match ErrInvalid", err)
			}
			return
		}
		r := &targeting.Request{Attrs: attrs(attributes)}
		rewritten := make([]carta.Condition, len(conditions))
		for i, c := range conditions {
			canonical := string(c.AppendCanonical(nil))
			rewritten[i], err = carta.ParseCondition(targeting.JSON(canonical))
			if err != nil {
				t.Fatalf("what was written, %s, is refused: %v", canonical, err)
			}
			if again := string(rewritten[i].AppendCanonical(nil)); again != canonical {
				t.Fatalf("written %s, then %s", canonical, again)
			}
			if len(rewritten[i].Checks()) != len(c.Checks()) {
				t.Fatalf("%d checks, then %d", len(c.Checks()), len(rewritten[i].Checks()))
			}
			if c.JSON() != targeting.JSON(text) && !strings.Contains(text, string(c.JSON())) {
				t.Fatalf("%s is not kept as it was", c.JSON())
			}
		}
		on, reason, err := carta.Evaluate(true, conditions, carta.NoBucketer(), r)
		if err != nil && !errors.Is(err, carta.ErrKind) {
			t.Fatalf("error %v does not match ErrKind", err)
		}
		on2, reason2, err2 := carta.Evaluate(true, rewritten, carta.NoBucketer(), r)
		if on2 != on || reason2 != reason || (err == nil) != (err2 == nil) {
			t.Fatalf("%t, %s, %v; rewritten %t, %s, %v", on, reason, err, on2, reason2, err2)
		}
	})
}

// FuzzHash: the bucket is what the specification's steps give, written down
// plainly.
func FuzzHash(f *testing.F) {
	type hashingCase struct {
		Attributes   json.RawMessage
		KeyWhitelist []string `json:"key_whitelist"`
	}
	for i, c := range vectors.Cases[hashingCase](f, "hashing.json") {
		f.Add(string(c.Attributes), strings.Join(c.KeyWhitelist, ","), uint8(i))
	}
	f.Fuzz(func(t *testing.T, attributes, keys string, inherited uint8) {
		var names []string
		if keys != "" {
			names = strings.Split(keys, ",")
		}
		all := attrs(attributes)
		split := min(int(inherited), len(all))
		b := carta.NewConsistentHashBucketer(carta.FixedPercentage(1), names...)
		got := b.Bucket(&targeting.Request{Inherited: all[:split], Attrs: all[split:]})
		if want := plainBucket(all, names); got != want {
			t.Fatalf("bucket %d, want %d", got, want)
		}
	})
}

// plainBucket is section 4.4 of the format, step by step.
func plainBucket(all []targeting.Attr, names []string) int {
	values := map[string]targeting.Value{}
	for _, a := range all {
		if a.Name != "randomizer" && (len(names) == 0 || slices.Contains(names, a.Name)) {
			values[a.Name] = a.Value
		}
	}
	var sorted []string
	for name := range values {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	var pairs []targeting.Value
	for _, name := range sorted {
		pairs = append(pairs, targeting.List(targeting.Text(name), values[name]))
	}
	sum := sha1.Sum([]byte(targeting.List(pairs...).String()))
	number := new(big.Int).SetBytes(sum[:])
	return int(number.Mod(number, big.NewInt(100)).Int64())
}

// FuzzBucketer: reading and asking bucketers never panics, and the form that the
// Python client would write is read as the same bucketer.
func FuzzBucketer(f *testing.F) {
	type rampCase struct {
		Percentage json.RawMessage
		NowMicros  int64 `json:"now_us"`
	}
	for _, c := range vectors.Cases[rampCase](f, "ramp.json") {
		percentage := vectors.Value(f, c.Percentage).String()
		f.Add(`{"type": "PercentageBucketer", "percentage": `+percentage+`}`, `{}`, c.NowMicros)
		f.Add(`{"type": "ConsistentHashPercentageBucketer", "percentage": `+percentage+`, "key_whitelist": ["user_id"]}`,
			`{"user_id": 1}`, c.NowMicros)
	}
	f.Fuzz(func(t *testing.T, text, attributes string, now int64) {
		at := time.UnixMicro(now)
		b, err := carta.ParseBucketer(targeting.JSON(text), at)
		if err != nil {
			if !errors.Is(err, targeting.ErrInvalid) {
				t.Fatalf("error %v does not match ErrInvalid", err)
			}
			return
		}
		canonical := string(b.AppendCanonical(nil))
		rewritten, err := carta.ParseBucketer(targeting.JSON(canonical), at)
		if err != nil {
			t.Fatalf("what was written, %s, is refused: %v", canonical, err)
		}
		if again := string(rewritten.AppendCanonical(nil)); again != canonical {
			t.Fatalf("written %s, then %s", canonical, again)
		}
		r := &targeting.Request{Attrs: attrs(attributes), Time: at, Random: 0.5, Drawn: true}
		on, reason, err := carta.Evaluate(true, nil, b, r)
		if err != nil && !errors.Is(err, carta.ErrKind) {
			t.Fatalf("error %v does not match ErrKind", err)
		}
		if bucket := b.Bucket(r); bucket < 0 || bucket > 99 || bucket != rewritten.Bucket(r) {
			t.Fatalf("bucket %d, rewritten %d", bucket, rewritten.Bucket(r))
		}
		// A ramp's start is written in whole seconds, so only the others are
		// sure to decide the same.
		if on2, reason2, err2 := carta.Evaluate(true, nil, rewritten, r); !b.Percentage().IsRamp() &&
			(on2 != on || reason2 != reason || (err == nil) != (err2 == nil)) {
			t.Fatalf("%t, %s, %v; rewritten %t, %s, %v", on, reason, err, on2, reason2, err2)
		}
	})
}

// attrs returns the members of an object as attributes, none if text is not one.
func attrs(text string) []targeting.Attr {
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		return nil
	}
	var all []targeting.Attr
	for _, m := range v.Members() {
		all = append(all, targeting.Attr{Name: m.Key, Value: m.Value})
	}
	return all
}
