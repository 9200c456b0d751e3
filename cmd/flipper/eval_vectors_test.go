// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/internal/vectors"
)

// Eval answers the golden vectors of rules, as JSON lines, as they say.
func TestEvalVectors(t *testing.T) {
	type vector struct {
		ID               int
		Note             string
		Item, Attributes string
		Now              json.Number
		Others           []string
		Answer           json.RawMessage
	}
	cases := vectors.Cases[vector](t, "rules.json")
	var input bytes.Buffer
	for _, c := range cases {
		fmt.Fprintf(&input, `{"item": %s, "attributes": %s, "now": %s, "others": [%s]}`+"\n",
			c.Item, c.Attributes, c.Now, strings.Join(c.Others, ", "))
	}
	command := exec.CommandContext(t.Context(), binary, "eval")
	command.Stdin = &input
	output, err := command.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1) { // 1: some are errors
		t.Fatal(err)
	}
	answers := strings.Split(strings.TrimSpace(string(output)), "\n")
	if len(answers) != len(cases) {
		t.Fatalf("%d answers to %d questions", len(answers), len(cases))
	}
	for i, c := range cases {
		answer := answers[i]
		if strings.HasPrefix(answer, `{"error": `) {
			answer = `{"error": true}` // what errors say is not fixed
		}
		if answer != string(c.Answer) {
			t.Errorf("case %d, %s: %s, want %s", c.ID, c.Note, answers[i], c.Answer)
		}
	}
}
