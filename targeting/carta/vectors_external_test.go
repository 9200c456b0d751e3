// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

type hashingCase struct {
	ID           string
	Attributes   json.RawMessage
	KeyWhitelist []string `json:"key_whitelist"`
	Bucket       int
	Decisions    []struct {
		Percentage json.RawMessage
		Enabled    bool
	}
}

// bucketer returns the case's bucketer with a constant percentage.
func (c hashingCase) bucketer(t *testing.T, percentage string) carta.Bucketer {
	t.Helper()
	keys, err := json.Marshal(c.KeyWhitelist)
	if err != nil {
		t.Fatal(err)
	}
	b, err := carta.ParseBucketer(targeting.JSON(fmt.Sprintf(
		`{"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": %s}, "key_whitelist": %s}`,
		percentage, keys)), time.Time{})
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	return b
}

func TestVectorsHashing(t *testing.T) {
	for _, c := range vectors.Cases[hashingCase](t, "hashing.json") {
		r := &targeting.Request{Attrs: vectors.Attrs(t, c.Attributes)}
		if got := c.bucketer(t, "1.0").Bucket(r); got != c.Bucket {
			t.Errorf("%s: bucket %d, want %d", c.ID, got, c.Bucket)
		}
		for _, d := range c.Decisions {
			percentage := vectors.Value(t, d.Percentage).String()
			got, _, err := carta.Evaluate(true, nil, c.bucketer(t, percentage), r)
			if err != nil || got != d.Enabled {
				t.Errorf("%s: at %s: %t, %v, want %t", c.ID, percentage, got, err, d.Enabled)
			}
		}
	}
}

func TestVectorsConditions(t *testing.T) {
	type conditionCase struct {
		ID, Kind        string
		CheckKey        string `json:"check_key"`
		Variable        string
		Operator        string
		Stored          json.RawMessage
		Conditions      []json.RawMessage
		Attributes      json.RawMessage
		Result          json.RawMessage
		OrderDependent  bool              `json:"order_dependent"`
		PossibleResults []json.RawMessage `json:"possible_results"`
	}
	orderDependent := 0
	for _, c := range vectors.Cases[conditionCase](t, "conditions.json") {
		switch c.Kind {
		case "parse":
			variable, operator, err := carta.ParseCheckKey(c.CheckKey)
			if string(c.Result) == `"error"` {
				if err == nil {
					t.Errorf("%s: check key %q is accepted", c.ID, c.CheckKey)
				}
				continue
			}
			want, _ := carta.ParseOperator(c.Operator)
			if err != nil || variable != c.Variable || operator != want {
				t.Errorf("%s: check key %q: %q %v, %v", c.ID, c.CheckKey, variable, operator, err)
			}
		case "evaluate":
			stored, err := carta.ParseConditions(targeting.JSON(c.Stored))
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			for i, condition := range stored {
				checkConditionKeys(t, c.ID, condition, vectors.Value(t, c.Conditions[i]))
			}
			r := &targeting.Request{Attrs: vectors.Attrs(t, c.Attributes)}
			on, _, err := carta.Evaluate(true, stored, carta.NoBucketer(), r)
			if got := result(on, err); got != string(c.Result) {
				t.Errorf("%s: %s, want %s (%v)", c.ID, got, c.Result, err)
			}
			if c.OrderDependent {
				orderDependent++
			}
		default:
			t.Errorf("%s: unknown kind %q", c.ID, c.Kind)
		}
	}
	t.Logf("%d order-dependent cases, all with the result for the order given", orderDependent)
}

// checkConditionKeys holds a stored condition against the check keys that it was
// made of.
func checkConditionKeys(t *testing.T, id string, condition carta.Condition, keys targeting.Value) {
	t.Helper()
	var checks []carta.Check
	for _, m := range keys.Members() {
		variable, operator, err := carta.ParseCheckKey(m.Key)
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
		checks = append(checks, carta.NewCheck(variable, operator, m.Value))
	}
	want := string(carta.NewCondition(checks...).AppendCanonical(nil))
	if got := string(condition.AppendCanonical(nil)); got != want {
		t.Errorf("%s: stored condition\n got %s\nwant %s", id, got, want)
	}
}

func result(on bool, err error) string {
	if err != nil {
		return `"error"`
	}
	return strconv.FormatBool(on)
}

func TestVectorsRamp(t *testing.T) {
	type rampCase struct {
		ID             string
		Percentage     json.RawMessage
		NowMicros      int64 `json:"now_us"`
		Value          json.RawMessage
		Rewritten      json.RawMessage
		EnabledAtScore map[string]json.RawMessage `json:"enabled_at_score"`
	}
	for _, c := range vectors.Cases[rampCase](t, "ramp.json") {
		now := time.UnixMicro(c.NowMicros)
		p, err := carta.ParsePercentage(targeting.JSON(vectors.Value(t, c.Percentage).String()), now)
		if err != nil {
			if string(c.Value) != `"error"` {
				t.Errorf("%s: %v", c.ID, err)
			}
			continue
		}
		if c.Rewritten != nil {
			if got, want := string(p.AppendCanonical(nil)), vectors.Value(t, c.Rewritten).String(); got != want {
				t.Errorf("%s: rewritten\n got %s\nwant %s", c.ID, got, want)
			}
		}
		v, err := p.Value(now)
		if string(c.Value) == `"error"` {
			if err == nil {
				t.Errorf("%s: value %s, want an error", c.ID, v)
			}
		} else if want := vectors.Value(t, c.Value); err != nil || !v.Equal(want) && v.String() != want.String() {
			t.Errorf("%s: value %s, want %s (%v)", c.ID, v, want, err)
		}
		for text, want := range c.EnabledAtScore {
			score, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			// A random bucketer whose draw is the score decides as a consistent
			// one does whose hash gives it.
			on, _, err := carta.Evaluate(true, nil,
				carta.NewPercentageBucketer(p),
				&targeting.Request{Time: now, Random: score, Drawn: true})
			if got := result(on, err); got != string(want) {
				t.Errorf("%s: at score %s: %s, want %s (%v)", c.ID, text, got, want, err)
			}
		}
	}
}
