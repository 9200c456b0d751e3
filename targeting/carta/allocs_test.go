// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A shape is a way in which flags are evaluated.
type shape struct {
	name       string
	disabled   bool
	conditions []carta.Condition
	bucketer   carta.Bucketer
	inherited  []targeting.Attr
	at         time.Time
	want       func(on bool) bool
}

func always(on bool) bool { return on }
func never(on bool) bool  { return !on }
func either(bool) bool    { return true }

// shapes are evaluated with the attributes user_id 1, plan "pro" and age 42.5.
func shapes() []shape {
	half := carta.FixedPercentage(0.5)
	start := time.Unix(1_700_000_000, 0)
	ids := make([]any, 1000)
	for i := range ids {
		ids[i] = i
	}
	return []shape{
		{name: "plain", want: always},
		{name: "disabled", disabled: true, want: never},
		{name: "equality hit", conditions: conditions(carta.Equal("plan", "pro")), want: always},
		{name: "equality miss", conditions: conditions(carta.Equal("plan", "free")), want: never},
		{name: "number", conditions: conditions(carta.GreaterOrEqual("age", 18)), want: always},
		{name: "short list", conditions: conditions(carta.In("plan", "team", "pro")), want: always},
		{name: "long list", conditions: conditions(carta.NotIn("user_id", ids...)), want: never},
		{
			name: "several conditions",
			conditions: []carta.Condition{
				carta.NewCondition(carta.GreaterOrEqual("age", 18), carta.Less("age", 65)),
				carta.NewCondition(carta.In("plan", "pro", "team"), carta.NotEqual("country", "XX")),
				carta.NewCondition(carta.Equal("is_admin", false)),
			},
			inherited: []targeting.Attr{
				{Name: "country", Value: targeting.Text("CH")},
				{Name: "is_admin", Value: targeting.Bool(false)},
				{Name: "plan", Value: targeting.Text("free")},
			},
			want: always,
		},
		{name: "sticky by one key", bucketer: carta.NewConsistentHashBucketer(half, "user_id"), want: always},
		{name: "sticky by all attributes", bucketer: carta.NewConsistentHashBucketer(half), want: either},
		{
			name:     "sticky ramp",
			bucketer: carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, start, time.Hour), "user_id"),
			at:       start.Add(50 * time.Minute), want: always,
		},
		{
			name:     "ramp until now",
			bucketer: carta.NewConsistentHashBucketer(carta.LinearRamp(0, 1, start, time.Hour), "user_id"),
			want:     always,
		},
		{name: "random", bucketer: carta.NewPercentageBucketer(half), want: either},
	}
}

func conditions(checks ...carta.Check) []carta.Condition {
	return []carta.Condition{carta.NewCondition(checks...)}
}

// evaluate makes the request in the call, as the client does.
func (s *shape) evaluate(user int64, plan string) (bool, targeting.Reason, error) {
	return carta.Evaluate(!s.disabled, s.conditions, s.bucketer, &targeting.Request{
		Attrs: []targeting.Attr{
			{Name: "user_id", Value: targeting.Int(user)},
			{Name: "plan", Value: targeting.Text(plan)},
			{Name: "age", Value: targeting.Float(42.5)},
		},
		Inherited: s.inherited,
		Time:      s.at,
	})
}

func TestAllocs(t *testing.T) {
	plan := strings.ToLower("PRO")
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			if on, reason, err := s.evaluate(1, plan); err != nil || !s.want(on) {
				t.Fatalf("%t, %s, %v", on, reason, err)
			}
			if n := testing.AllocsPerRun(100, func() { _, _, _ = s.evaluate(1, plan) }); n != 0 {
				t.Errorf("%v allocations, want 0", n)
			}
		})
	}
}
