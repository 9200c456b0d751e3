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
)

// evalInput answers lines of the input. It needs no store.
func (p *program) evalInput(ctx context.Context, c *cli.Command) error {
	for _, name := range []string{"attributes", "now", "exit-code"} {
		if c.IsSet(name) {
			return usagef("--%s needs the name of a flag: write %s NAME", name, c.FullName())
		}
	}
	lines := readLines(ctx, p.in)
	for {
		text, err := next(ctx, lines)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		// Each answer is written at once: who asks may wait for it before the
		// next question.
		if _, err := p.out.Write(append(evaluateLine(text), '\n')); err != nil {
			return err
		}
	}
}

// evaluateLine answers one line.
func evaluateLine(text []byte) []byte {
	on, reason, err := evaluateQuestion(targeting.JSON(bytes.TrimSpace(text)))
	if err != nil {
		return targeting.AppendObject(nil, []targeting.Field{
			{Name: "error", Value: targeting.JSON(targeting.AppendText(nil, err.Error()))},
		})
	}
	return answerOf(on, reason)
}

func answerOf(on bool, reason targeting.Reason) []byte {
	return targeting.AppendObject(nil, []targeting.Field{
		{Name: "enabled", Value: targeting.JSON(targeting.Bool(on).String())},
		{Name: "reason", Value: targeting.JSON(targeting.Text(string(reason)).String())},
	})
}

// The fields of a question.
const (
	fieldItem       = "item"
	fieldAttributes = "attributes"
	fieldNow        = "now"
)

// questionExample shows what a question is.
const questionExample = `write {"item": <stored form>, "attributes": {"user_id": 42}}`

func evaluateQuestion(text targeting.JSON) (on bool, reason targeting.Reason, err error) {
	if text == "" {
		return false, "", errors.New("the line is empty: " + questionExample)
	}
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return false, "", fmt.Errorf("%w: %s", err, questionExample)
	}
	for _, f := range fields {
		switch f.Name {
		case fieldItem, fieldAttributes, fieldNow:
		default:
			return false, "", fmt.Errorf("unknown field %q: use %s, %s and %s", f.Name, fieldItem, fieldAttributes, fieldNow)
		}
	}
	r := targeting.Request{Time: time.Now()}
	if text := targeting.GetField(fields, fieldNow); text != "" && text != "null" {
		v, err := targeting.ParseJSON(text)
		if err != nil {
			return false, "", fmt.Errorf("%s: %w", fieldNow, err)
		}
		at, ok := unixTime(v)
		if !ok {
			return false, "", fmt.Errorf("%s: must be seconds since 1970, not %s", fieldNow, v)
		}
		r.Time = at
	}
	if text := targeting.GetField(fields, fieldAttributes); text != "" && text != "null" {
		if r.Attrs, err = splitAttributes(text); err != nil {
			return false, "", fmt.Errorf("%s: %w", fieldAttributes, err)
		}
	}
	f, err := decodeItem(targeting.GetField(fields, fieldItem), r.Time)
	if err != nil {
		return false, "", fmt.Errorf("%s: %w", fieldItem, err)
	}
	return f.Evaluate(&r)
}

// decodeItem reads a stored form as it would be read at a time: that is when a
// ramp without a start begins.
func decodeItem(text targeting.JSON, now time.Time) (*store.Flag, error) {
	if text == "" {
		return nil, errors.New("is missing")
	}
	f, err := store.Decode("", []byte(text))
	if err != nil {
		return nil, errors.Unwrap(err) // it would name the flag, which has no name here
	}
	if f.Bucketer.Percentage().IsRamp() {
		if f.Bucketer, err = carta.ParseBucketer(f.Bucketer.JSON(), now); err != nil {
			return nil, err
		}
	}
	return f, nil
}
