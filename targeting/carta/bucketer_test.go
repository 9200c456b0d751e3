// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

var epoch = time.Unix(1_700_000_000, 0)

func TestPercentageRefuses(t *testing.T) {
	for _, c := range []struct {
		percentage carta.Percentage
		says       string
	}{
		{carta.FixedPercentage(10), "for 10 %, write 0.1"},
		{carta.FixedPercentage(1.5), "for 1.5 %, write 0.015"},
		{carta.FixedPercentage(-0.1), "not from 0 to 1"},
		{carta.FixedPercentage(101), "not from 0 to 1"},
		{carta.FixedPercentage(math.NaN()), "not from 0 to 1"},
		{carta.FixedPercentage(math.Inf(1)), "not from 0 to 1"},
		{carta.LinearRamp(-0.5, 1, epoch, time.Hour), "initial percentage"},
		{carta.LinearRamp(0, 50, epoch, time.Hour), "for 50 %, write 0.5"},
		{carta.LinearRamp(math.NaN(), 1, epoch, time.Hour), "initial percentage"},
		{carta.LinearRamp(0, 1, epoch, 0), "not positive"},
		{carta.LinearRamp(0, 1, time.Time{}, time.Hour), "the zero time is not a start"},
		{carta.LinearRamp(0, 1, epoch, -time.Hour), "not positive"},
		{carta.LinearRamp(1, 0, epoch, time.Hour), "falls from 1 to 0"},
		{carta.LinearRamp(0, 1, time.Unix(253402300800, 0), time.Hour), "years 2 to 9998"},
		{carta.LinearRamp(0, 1, time.Unix(math.MaxInt64, 0), time.Hour), "years 2 to 9998"},
		{carta.LinearRamp(0, 1, time.Time{}.Add(-time.Second), time.Hour), "years 2 to 9998"},
		{carta.LinearRamp(0, 1, time.Time{}.Add(time.Hour), time.Hour), "years 2 to 9998"},
		{carta.LinearRamp(0, 1, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour), "years 2 to 9998"},
	} {
		err := c.percentage.Err()
		if !errors.Is(err, targeting.ErrInvalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrInvalid that says %q", c.percentage, err, c.says)
		}
		for _, b := range []carta.Bucketer{
			carta.NewPercentageBucketer(c.percentage), carta.NewConsistentHashBucketer(c.percentage, "user_id"),
		} {
			if !errors.Is(b.Err(), targeting.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", b, b.Err())
			}
		}
	}
	if err := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id", "\xff").Err(); !errors.Is(err, targeting.ErrInvalid) {
		t.Errorf("a key that is not UTF-8: %v, want ErrInvalid", err)
	}
}

func TestPercentageRoundTrip(t *testing.T) {
	for want, p := range map[string]carta.Percentage{
		`{"type": "Percentage", "value": 1.0}`:  {},
		`{"type": "Percentage", "value": 0.25}`: carta.FixedPercentage(0.25),
		`{"type": "Percentage", "value": 0.0}`:  carta.FixedPercentage(0),
		`{"type": "LinearRampPercentage", "initial_value": 0.0, "final_value": 1.0, "ramp_duration": 3600, "initial_time": 1700000000}`: carta.LinearRamp(0, 1, epoch, time.Hour),
		`{"type": "LinearRampPercentage", "initial_value": 0.5, "final_value": 0.5, "ramp_duration": 1.5, "initial_time": 1700000000}`:  carta.LinearRamp(0.5, 0.5, epoch.Add(time.Second-1), 1500*time.Millisecond),
	} {
		if p.Err() != nil || p.String() != want {
			t.Errorf("%s, %v, want %s", p, p.Err(), want)
		}
		again, err := carta.ParsePercentage(p.JSON(), time.Time{})
		if err != nil || string(again.AppendCanonical(nil)) != want || again.IsRamp() != p.IsRamp() {
			t.Errorf("%s comes back as %s, %v", want, again, err)
		}
	}
}

func TestRampOverTime(t *testing.T) {
	p := carta.LinearRamp(0.2, 0.8, epoch, 30*time.Minute)
	for after, want := range map[time.Duration]float64{
		-30 * time.Minute: -0.4, 0: 0.2, 15 * time.Minute: 0.5, 30 * time.Minute: 0.8, 1000 * time.Hour: 0.8,
	} {
		v, err := p.Value(epoch.Add(after))
		got, ok := v.Any().(float64)
		if err != nil || !ok || math.Abs(got-want) > 1e-12 {
			t.Errorf("after %v: %s, %v, want %v", after, v, err, want)
		}
	}
}

// Moments that are hundreds of thousands of years away do not overflow to
// something that panics.
func TestRampFarAway(t *testing.T) {
	p := carta.LinearRamp(0, 1, epoch, time.Hour)
	for _, at := range []time.Time{{}, time.Unix(math.MinInt64/2, 0), time.Unix(math.MaxInt64/2, 0)} {
		if _, err := p.Value(at); err != nil {
			t.Errorf("at %v: %v", at.Unix(), err)
		}
	}
}

func TestBucketerRoundTrip(t *testing.T) {
	for want, b := range map[string]carta.Bucketer{
		`{"type": "NoOpBucketer"}`: carta.NoBucketer(),
		`{"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}}`:                                                                         carta.NewPercentageBucketer(carta.FixedPercentage(0.5)),
		`{"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": []}`:                                      carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5)),
		`{"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["user_id", "\u00e9", "", "randomizer"]}`: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id", "é", "user_id", "", "randomizer", "é"),
	} {
		again, err := carta.ParseBucketer(b.JSON(), epoch)
		if b.Err() != nil || err != nil || b.String() != want || string(again.AppendCanonical(nil)) != want {
			t.Errorf("%s, %v comes back as %s, %v, want %s", b, b.Err(), again, err, want)
		}
		if again.Type() != b.Type() || again.IsNoOp() != b.IsNoOp() || !slices.Equal(again.Keys(), b.Keys()) ||
			again.Percentage().String() != b.Percentage().String() && !b.IsNoOp() {
			t.Errorf("%s and %s differ in their parts", b, again)
		}
	}
}

func TestBucketerKeys(t *testing.T) {
	b := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "b", "a", "b", "randomizer")
	keys := b.Keys()
	if !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("keys are %q", keys)
	}
	keys[0] = "changed"
	if !slices.Equal(b.Keys(), []string{"a", "b"}) {
		t.Error("the bucketer changed with what it gave")
	}
	// Equal numbers are one key, as in a set of Python's; NaN equals nothing.
	b, err := carta.ParseBucketer(whitelist(`1, 1.0, true, "1", NaN, NaN, null, null, 1e300, 2.5, 2.5, 18446744073709551616, 18446744073709551616.0`), epoch)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b.AppendCanonical(nil)), `"key_whitelist": [1, "1", NaN, NaN, null, 1e+300, 2.5, 18446744073709551616]}`; !strings.HasSuffix(got, want) {
		t.Errorf("%s, want it to end in %s", got, want)
	}
}

func TestParseBucketerRefuses(t *testing.T) {
	for _, text := range []targeting.JSON{
		``, `1`, `[]`, `{}`, `{"type": null}`, `{"type": "noopbucketer"}`, `{"type": "PercentageBucketer", "percentage": 0.5}`,
		`{"type": "PercentageBucketer", "percentage": {}}`, `{"type": "PercentageBucketer", "percentage": {"type": "Percent"}}`,
		`{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "initial_time": 1700000000000}}`,
		`{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "initial_time": "now"}}`,
		`{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage", "initial_time": NaN}}`,
		`{"type": "ConsistentHashPercentageBucketer", "key_whitelist": null}`,
		`{"type": "ConsistentHashPercentageBucketer", "key_whitelist": 1}`,
		`{"type": "ConsistentHashPercentageBucketer", "key_whitelist": [["a"]]}`,
	} {
		if b, err := carta.ParseBucketer(text, epoch); !errors.Is(err, targeting.ErrInvalid) {
			t.Errorf("%s: %s, %v, want ErrInvalid", text, b, err)
		}
	}
}
