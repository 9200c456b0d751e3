// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper

import (
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// maxValueText is how much of a variant's value is shown on a line, in characters.
const maxValueText = 400

// String returns the evaluation on one line, such as
//
//	enabled=true variant=blue value="#00f" reason=SPLIT rule=1 rule_name=staff age=1.5s
//	enabled=false reason=ERROR error="flag not found"
//
// Parts that say nothing are left out, and so is a value that is what enabled says.
func (e Evaluation) String() string {
	var b strings.Builder
	for i, a := range e.parts() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.Key)
		b.WriteByte('=')
		switch a.Key {
		case "value":
			b.WriteString(words.Cut(e.Value.String(), maxValueText))
		case "error":
			b.WriteString(words.Quote(e.Err.Error()))
		default:
			b.WriteString(words.Name(a.Value.String()))
		}
	}
	return b.String()
}

// LogValue returns a group for slog, with the parts of [Evaluation.String]. The age
// is text, such as 1.5s.
func (e Evaluation) LogValue() slog.Value { return slog.GroupValue(e.parts()...) }

// parts returns what there is to say of an evaluation.
func (e Evaluation) parts() []slog.Attr {
	parts := make([]slog.Attr, 0, 8)
	parts = append(parts, slog.Bool("enabled", e.Enabled))
	if e.Variant != "" {
		parts = append(parts, slog.String("variant", e.Variant))
	}
	if on, ok := e.Value.AsBool(); e.Value.Kind() != targeting.KindNull && (!ok || on != e.Enabled) {
		parts = append(parts, slog.Any("value", e.Value.Any()))
	}
	parts = append(parts, slog.String("reason", string(e.Reason)))
	if e.hasRule() {
		parts = append(parts, slog.Int("rule", e.Rule))
		if e.RuleName != "" {
			parts = append(parts, slog.String("rule_name", e.RuleName))
		}
	}
	if e.Age != 0 {
		parts = append(parts, slog.String("age", e.Age.String()))
	}
	if e.Err != nil {
		parts = append(parts, slog.Any("error", e.Err))
	}
	return parts
}

// hasRule reports whether a rule decided. The zero Evaluation has none.
func (e Evaluation) hasRule() bool { return e.Rule >= 0 && e.Err == nil && e.Reason != "" }

// evaluationJSON is the JSON form of an evaluation.
type evaluationJSON struct {
	Enabled  bool            `json:"enabled"`
	Variant  *string         `json:"variant"`
	Value    json.RawMessage `json:"value"`
	Reason   Reason          `json:"reason"`
	Rule     *int            `json:"rule"`
	RuleName string          `json:"rule_name,omitempty"`
	Age      string          `json:"age,omitempty"`
	Err      string          `json:"error,omitempty"`
}

func (e Evaluation) json() evaluationJSON {
	form := evaluationJSON{Enabled: e.Enabled, Value: rawJSON(e.Value.String()), Reason: e.Reason}
	if e.Variant != "" {
		form.Variant = &e.Variant
	}
	if e.hasRule() {
		form.Rule, form.RuleName = &e.Rule, e.RuleName
	}
	if e.Age != 0 {
		form.Age = e.Age.String()
	}
	if e.Err != nil {
		form.Err = e.Err.Error()
	}
	return form
}

// MarshalJSON returns an object with enabled, variant, value, reason and rule, of
// which variant and rule may be null, and where there are any, rule_name, age and
// error. The age is text, such as "1.5s", and so is the error.
func (e Evaluation) MarshalJSON() ([]byte, error) { return json.Marshal(e.json()) }

// rawJSON returns text that is JSON as it is. What is JSON only for Python, which
// writes NaN and Infinity, becomes a JSON string.
func rawJSON(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage("null") // no text does that
	}
	return quoted
}

// String returns the impression on one line: the flag, the evaluation as
// [Evaluation.String] writes it, and the attributes, which may be personal data.
func (i Impression) String() string {
	text := words.Name(i.Name) + ": " + i.Evaluation.String()
	if len(i.Attrs) > 0 {
		text += " attributes=" + words.Quote(i.attributes().String())
	}
	return text
}

// LogValue returns a group for slog: time, flag, the parts of [Evaluation.LogValue],
// and the attributes in a group of theirs, which may be personal data.
func (i Impression) LogValue() slog.Value {
	parts := append([]slog.Attr{slog.Time("time", i.Time), slog.String("flag", i.Name)}, i.parts()...)
	if len(i.Attrs) > 0 {
		attributes := make([]slog.Attr, len(i.Attrs))
		for n, a := range i.Attrs {
			attributes[n] = slog.Any(a.Name, a.Value.Any())
		}
		parts = append(parts, slog.GroupAttrs("attributes", attributes...))
	}
	return slog.GroupValue(parts...)
}

// MarshalJSON returns the object of [Evaluation.MarshalJSON] with time and flag
// before, and the object of the attributes, which may be personal data, behind.
func (i Impression) MarshalJSON() ([]byte, error) {
	form := struct {
		Time time.Time `json:"time"`
		Flag string    `json:"flag"`
		evaluationJSON
		Attributes map[string]json.RawMessage `json:"attributes,omitempty"`
	}{Time: i.Time, Flag: i.Name, evaluationJSON: i.json()}
	if len(i.Attrs) > 0 {
		form.Attributes = make(map[string]json.RawMessage, len(i.Attrs))
		for _, a := range i.Attrs {
			form.Attributes[a.Name] = rawJSON(a.Value.String())
		}
	}
	return json.Marshal(form)
}

func (i Impression) attributes() targeting.Value {
	members := make([]targeting.Member, len(i.Attrs))
	for n, a := range i.Attrs {
		members[n] = targeting.Member{Key: a.Name, Value: a.Value}
	}
	return targeting.Object(members...)
}

// Words says what changed, one phrase for each part of the flag: "switched on",
// "rollout: 10 % by user_id, was 5 %". The flag's name is not in them.
func (c FlagChange) Words() []string { return words.Difference(c.Before, c.After) }

// String returns the flag and what changed on one line, such as
//
//	NEW_SEARCH: switched on; rollout: 10 % by user_id, was 5 %
func (c FlagChange) String() string {
	return words.Name(c.Name) + ": " + c.text()
}

func (c FlagChange) text() string {
	if changes := c.Words(); len(changes) > 0 {
		return strings.Join(changes, "; ")
	}
	return "unchanged"
}

// LogValue returns a group for slog: the flag, what changed in words, and whether
// the flag is enabled now.
func (c FlagChange) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("flag", c.Name),
		slog.String("change", c.text()),
		slog.Bool("enabled", c.After != nil && c.After.Enabled))
}

// MarshalJSON returns an object with the flag, the list of what changed in words,
// and the flag's stored forms before and after, which are null where there is no
// flag. A stored form that is JSON only for Python is text.
func (c FlagChange) MarshalJSON() ([]byte, error) {
	changes := c.Words()
	if changes == nil {
		changes = []string{}
	}
	return json.Marshal(struct {
		Flag    string          `json:"flag"`
		Changes []string        `json:"changes"`
		Before  json.RawMessage `json:"before"`
		After   json.RawMessage `json:"after"`
	}{c.Name, changes, storedJSON(c.Before), storedJSON(c.After)})
}

func storedJSON(f *store.Flag) json.RawMessage {
	if f == nil {
		return json.RawMessage("null")
	}
	text, err := store.Encode(f)
	if err != nil { // another client wrote it, and we would not
		return rawJSON("not to be shown: " + strconv.Quote(err.Error()))
	}
	return rawJSON(string(text))
}
