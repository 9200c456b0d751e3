// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// evalInput answers lines of the input. It needs no store.
func (p *program) evalInput(ctx context.Context, c *cli.Command) error {
	for _, name := range []string{"attributes", "now", "exit-code"} {
		if c.IsSet(name) {
			return usagef("--%s needs the name of a flag: write %s NAME", name, c.FullName())
		}
	}
	lines := readLines(ctx, p.in)
	for count, failed := 0, 0; ; count++ {
		text, err := next(ctx, lines)
		if errors.Is(err, io.EOF) && failed > 0 {
			return &codedError{exitFailed, fmt.Errorf("%d of %d lines have no answer: theirs say why", failed, count)}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// Each answer is written at once: who asks may wait for it before the
		// next question.
		answer, err := evaluateLine(text)
		if err != nil {
			failed++
		}
		if _, err := p.out.Write(append(answer, '\n')); err != nil {
			return err
		}
	}
}

// evaluateLine answers one line. The answer says what the error is.
func evaluateLine(text []byte) ([]byte, error) {
	d, err := evaluateQuestion(targeting.JSON(bytes.TrimSpace(text)))
	if err != nil {
		return targeting.AppendObject(nil, []targeting.Field{
			{Name: "error", Value: targeting.JSON(targeting.AppendText(nil, err.Error()))},
		}), err
	}
	return answerOf(d), nil
}

// answerOf returns the JSON form of a decision.
func answerOf(d targeting.Decision) []byte {
	variant, value, rule := targeting.Null(), targeting.Null(), targeting.Null()
	if d.Variant != nil {
		variant, value = targeting.Text(d.Variant.Name), d.Variant.Value
	}
	if d.Rule >= 0 {
		rule = targeting.Int(int64(d.Rule))
	}
	return targeting.Object(
		targeting.Member{Key: "enabled", Value: targeting.Bool(d.Enabled)},
		targeting.Member{Key: "variant", Value: variant},
		targeting.Member{Key: "value", Value: value},
		targeting.Member{Key: "reason", Value: targeting.Text(string(d.Reason))},
		targeting.Member{Key: "rule", Value: rule},
	).AppendJSON(nil)
}

// The fields of a question.
const (
	fieldItem       = "item"
	fieldAttributes = "attributes"
	fieldNow        = "now"
	fieldOthers     = "others"
)

// questionExample shows what a question is.
const questionExample = `write {"item": <stored form>, "attributes": {"user_id": 42}}`

func evaluateQuestion(text targeting.JSON) (targeting.Decision, error) {
	if text == "" {
		return targeting.NoDecision, errors.New("the line is empty: " + questionExample)
	}
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return targeting.NoDecision, fmt.Errorf("%w: %s", err, questionExample)
	}
	for _, f := range fields {
		switch f.Name {
		case fieldItem, fieldAttributes, fieldNow, fieldOthers:
		default:
			return targeting.NoDecision, fmt.Errorf("unknown field %q: use %s, %s, %s and %s", f.Name, fieldItem, fieldAttributes, fieldNow, fieldOthers)
		}
	}
	r := targeting.Request{Time: time.Now()}
	if text := targeting.GetField(fields, fieldNow); text != "" && text != "null" {
		v, err := targeting.ParseJSON(text)
		if err != nil {
			return targeting.NoDecision, fmt.Errorf("%s: %w", fieldNow, err)
		}
		at, ok := unixTime(v)
		if !ok {
			return targeting.NoDecision, fmt.Errorf("%s: must be seconds since 1970, not %s", fieldNow, v)
		}
		r.Time = at
	}
	if text := targeting.GetField(fields, fieldAttributes); text != "" && text != "null" {
		if r.Attrs, err = splitAttributes(text); err != nil {
			return targeting.NoDecision, fmt.Errorf("%s: %w", fieldAttributes, err)
		}
	}
	f, err := decodeItem(targeting.GetField(fields, fieldItem), r.Time)
	if err != nil {
		return targeting.NoDecision, fmt.Errorf("%s: %w", fieldItem, err)
	}
	flags, err := decodeOthers(targeting.GetField(fields, fieldOthers), r.Time)
	if err != nil {
		return targeting.NoDecision, fmt.Errorf("%s: %w", fieldOthers, err)
	}
	flags[f.Name] = f
	return f.Evaluate(&r, flags)
}

// decodeItem reads a stored form as it would be read at a time: that is when a
// ramp without a start begins. The flag's name is the one in it, if it has one.
func decodeItem(text targeting.JSON, now time.Time) (*store.Flag, error) {
	if text == "" {
		return nil, errors.New("is missing")
	}
	f, err := store.Decode(itemName(text), []byte(text))
	if err != nil {
		return nil, errors.Unwrap(err) // it would name the flag
	}
	if f.Bucketer.Percentage().IsRamp() {
		if f.Bucketer, err = carta.ParseBucketer(f.Bucketer.JSON(), now); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// itemName returns the name in a stored form. It is empty if there is none.
func itemName(text targeting.JSON) string {
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return ""
	}
	v, err := targeting.ParseJSON(targeting.GetField(fields, "feature_name"))
	if err != nil {
		return ""
	}
	name, _ := v.AsText()
	return name
}

// otherFlags are those that conditions can ask. One that cannot be read is nil.
type otherFlags map[string]*store.Flag

// Target implements [rules.Flags].
func (o otherFlags) Target(name string) (rules.Target, error) {
	f, ok := o[name]
	switch {
	case !ok:
		return rules.Target{}, store.ErrNotFound
	case f == nil:
		return rules.Target{}, store.ErrUnreadable
	}
	return f.Target(), nil
}

func decodeOthers(text targeting.JSON, now time.Time) (otherFlags, error) {
	flags := make(otherFlags)
	if text == "" || text == "null" {
		return flags, nil
	}
	items, err := targeting.SplitList(text)
	if err != nil {
		return nil, err
	}
	for i, item := range items {
		name := itemName(item)
		if name == "" {
			return nil, fmt.Errorf("element %d has no feature_name", i)
		}
		if flags[name], err = decodeItem(item, now); err != nil {
			flags[name] = nil
		}
	}
	return flags, nil
}
