// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// wantForms compares what something is with %v, in JSON, and in the logs of slog's
// two handlers.
func wantForms(t *testing.T, v any, text, object, textLog, jsonLog string) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if got := fmt.Sprintf(verb, v); got != text {
			t.Errorf("%s:\n%s\nwant\n%s", verb, got, text)
		}
	}
	b, err := json.Marshal(v)
	if err != nil || string(b) != object {
		t.Errorf("JSON: %v\n%s\nwant\n%s", err, b, object)
	}
	var log bytes.Buffer
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key != "it" {
			return slog.Attr{}
		}
		return a
	}}
	slog.New(slog.NewTextHandler(&log, options)).Info("", "it", v)
	slog.New(slog.NewJSONHandler(&log, options)).Info("", "it", v)
	if want := textLog + "\n" + jsonLog + "\n"; log.String() != want {
		t.Errorf("logs:\n%s\nwant\n%s", log.String(), want)
	}
}

func TestEvaluationForms(t *testing.T) {
	t.Run("plain", func(t *testing.T) {
		c := newClient(t)
		mustCreate(t, c, "FLAG", on())
		wantForms(t, c.Evaluate(t.Context(), "FLAG"),
			`enabled=true variant=on reason=STATIC`,
			`{"enabled":true,"variant":"on","value":true,"reason":"STATIC","rule":null}`,
			`it.enabled=true it.variant=on it.reason=STATIC`,
			`{"it":{"enabled":true,"variant":"on","reason":"STATIC"}}`)
	})
	t.Run("error", func(t *testing.T) {
		e := newClient(t).EvaluateOr(t.Context(), "MISSING", true)
		e.Age = 1500 * time.Millisecond
		wantForms(t, e,
			`enabled=true reason=ERROR age=1.5s error="flag not found"`,
			`{"enabled":true,"variant":null,"value":true,"reason":"ERROR","rule":null,"age":"1.5s","error":"flag not found"}`,
			`it.enabled=true it.reason=ERROR it.age=1.5s it.error="flag not found"`,
			`{"it":{"enabled":true,"reason":"ERROR","age":"1.5s","error":"flag not found"}}`)
	})
	t.Run("rule", func(t *testing.T) {
		e := flipper.Evaluation{
			Enabled: true, Variant: "dark blue", Value: targeting.Text("#00f"), Reason: flipper.ReasonSplit,
			Rule: 1, RuleName: "staff", Age: 2 * time.Minute,
		}
		wantForms(t, e,
			`enabled=true variant="dark blue" value="#00f" reason=SPLIT rule=1 rule_name=staff age=2m0s`,
			`{"enabled":true,"variant":"dark blue","value":"#00f","reason":"SPLIT","rule":1,"rule_name":"staff","age":"2m0s"}`,
			`it.enabled=true it.variant="dark blue" it.value=#00f it.reason=SPLIT it.rule=1 it.rule_name=staff it.age=2m0s`,
			`{"it":{"enabled":true,"variant":"dark blue","value":"#00f","reason":"SPLIT","rule":1,"rule_name":"staff","age":"2m0s"}}`)
	})
	t.Run("zero", func(t *testing.T) {
		wantForms(t, flipper.Evaluation{},
			`enabled=false reason=""`,
			`{"enabled":false,"variant":null,"value":null,"reason":"","rule":null}`,
			`it.enabled=false it.reason=""`,
			`{"it":{"enabled":false,"reason":""}}`)
	})
	t.Run("odd values", func(t *testing.T) {
		e := flipper.Evaluation{Variant: "x\ny", Value: targeting.Float(math.NaN()), Reason: flipper.ReasonStatic, Rule: -1}
		if got, want := e.String(), `enabled=false variant="x\ny" value=NaN reason=STATIC`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		b, err := json.Marshal(e)
		if want := `{"enabled":false,"variant":"x\ny","value":"NaN","reason":"STATIC","rule":null}`; err != nil || string(b) != want {
			t.Errorf("%s, %v, want %s", b, err, want)
		}
		e.Value = targeting.Text(strings.Repeat("x", 10_000))
		if n := len(e.String()); n > 1000 {
			t.Errorf("the text has %d bytes", n)
		}
	})
}

func TestImpressionForms(t *testing.T) {
	i := flipper.Impression{
		Time: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Name: "FLAG",
		Evaluation: flipper.Evaluation{Enabled: true, Variant: "on", Value: targeting.Bool(true), Reason: flipper.ReasonStatic, Rule: -1},
		Attrs:      []flipper.Attr{flipper.String("plan", "pro"), flipper.Int("user_id", 42)},
	}
	wantForms(t, i,
		`FLAG: enabled=true variant=on reason=STATIC attributes="{\"plan\": \"pro\", \"user_id\": 42}"`,
		`{"time":"2026-02-03T04:05:06Z","flag":"FLAG","enabled":true,"variant":"on","value":true,"reason":"STATIC","rule":null,"attributes":{"plan":"pro","user_id":42}}`,
		`it.time=2026-02-03T04:05:06.000Z it.flag=FLAG it.enabled=true it.variant=on it.reason=STATIC it.attributes.plan=pro it.attributes.user_id=42`,
		`{"it":{"time":"2026-02-03T04:05:06Z","flag":"FLAG","enabled":true,"variant":"on","reason":"STATIC","attributes":{"plan":"pro","user_id":42}}}`)
	i.Attrs = nil
	if got, want := i.String(), "FLAG: enabled=true variant=on reason=STATIC"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestFlagChangeForms(t *testing.T) {
	created := time.Unix(1, 0)
	before := &store.Flag{Name: "FLAG", Created: created}
	after := &store.Flag{
		Name: "FLAG", Enabled: true, Created: created,
		Bucketer: carta.NewConsistentHashBucketer(carta.FixedPercentage(0.1), "user_id"),
	}
	const storedBefore = `{"feature_name":"FLAG","is_enabled":false,"meta":{"client_data":{},"created_date":1,"conditions":[],"bucketer":{"type":"NoOpBucketer"}}}`
	b, err := store.Encode(after)
	must(t, err)
	var compact bytes.Buffer
	must(t, json.Compact(&compact, b))
	wantForms(t, flipper.FlagChange{Name: "FLAG", Before: before, After: after},
		`FLAG: switched on; rollout: 10 % by user_id, was none`,
		`{"flag":"FLAG","changes":["switched on","rollout: 10 % by user_id, was none"],"before":`+storedBefore+`,"after":`+compact.String()+`}`,
		`it.flag=FLAG it.change="switched on; rollout: 10 % by user_id, was none" it.enabled=true`,
		`{"it":{"flag":"FLAG","change":"switched on; rollout: 10 % by user_id, was none","enabled":true}}`)
	wantForms(t, flipper.FlagChange{Name: "FLAG", Before: before},
		`FLAG: deleted, was off`,
		`{"flag":"FLAG","changes":["deleted, was off"],"before":`+storedBefore+`,"after":null}`,
		`it.flag=FLAG it.change="deleted, was off" it.enabled=false`,
		`{"it":{"flag":"FLAG","change":"deleted, was off","enabled":false}}`)

	// What only Python reads as JSON is text.
	odd, err := store.Decode("FLAG", []byte(`{"feature_name": "FLAG", "is_enabled": true, "meta": {"created_date": 1, "client_data": {"x": NaN}}}`))
	must(t, err)
	b, err = json.Marshal(flipper.FlagChange{Name: "FLAG\x1b", After: odd})
	must(t, err)
	var got struct{ After string }
	must(t, json.Unmarshal(b, &got))
	if !strings.Contains(got.After, `"x": NaN`) {
		t.Errorf("%s", b)
	}
	if got := (flipper.FlagChange{Name: "FLAG\x1b", After: odd}).String(); strings.Contains(got, "\x1b") {
		t.Errorf("a control character is in %q", got)
	}
}

// A nil change and one of nothing are no reason to panic.
func TestFlagChangeNothing(t *testing.T) {
	b, err := json.Marshal(flipper.FlagChange{})
	must(t, err)
	if diff := cmp.Diff(`{"flag":"","changes":[],"before":null,"after":null}`, string(b)); diff != "" {
		t.Error(diff)
	}
	if got, want := (flipper.FlagChange{}).String(), `"": unchanged`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
