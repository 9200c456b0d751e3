// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package words says in English what a flag is, and how it differs from another.
// The command, the server's log and everything else that shows flags to people
// write the same, because they write it with this package.
//
// All text that it returns is one line, is safe for terminals and logs, and has a
// bounded length unless the comment of a function says otherwise. What comes from
// a flag may be anything: control characters, marks that change the direction of
// text, and texts of half a megabyte.
package words

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flipper-go/flipper/store"
)

// maxPhrase is the longest phrase about one part of a flag, in characters.
const maxPhrase = 400

// State says whom a flag is on for at a time: "off", "on for everyone", "on for
// 10 % by user_id", "on where country = DE".
func State(f *store.Flag, at time.Time) string {
	if !f.Enabled {
		return "off"
	}
	return Cut("on "+audience(f, at), maxPhrase)
}

// Audience says whom a flag is on for at a time, if it is switched on: "for
// everyone", "for 10 % by user_id", "where country = DE".
func Audience(f *store.Flag, at time.Time) string { return Cut(audience(f, at), maxPhrase) }

// Difference says what changed between two states of a flag, of which nil means
// that there is no flag: one phrase for each change, such as "switched on" and
// "rollout: 10 % by user_id, was 5 %". Of states that are stored alike it returns
// none.
//
// If the flag was created or deleted, the first phrase is "created" or "deleted",
// with the state: "created, on for everyone", "deleted, was off".
func Difference(before, after *store.Flag) []string {
	switch {
	case before == nil && after == nil:
		return nil
	case before == nil:
		return append([]string{Cut("created, "+newState(after), maxPhrase)}, newClientData(after.ClientData)...)
	case after == nil:
		return []string{Cut("deleted, was "+State(before, time.Now()), maxPhrase)}
	case storedAlike(before, after):
		return nil // a ramp without a start has another one each time it is read
	}
	var all []string
	for _, difference := range []func(before, after *store.Flag) []string{
		enabledDifference,
		rulesDifference,
		cartaDifference,
		func(before, after *store.Flag) []string {
			return clientDataDifference(before.ClientData, after.ClientData)
		},
		createdDifference,
	} {
		all = append(all, difference(before, after)...)
	}
	if len(all) == 0 {
		all = []string{"changed in a part of its stored form that this program does not read"}
	}
	return all
}

// newState is State, and says of a flag that is off what happens when it is
// switched on, if that is not that everyone gets it.
func newState(f *store.Flag) string {
	now := time.Now()
	if whom := Audience(f, now); !f.Enabled && whom != everyone {
		return "off; when switched on, " + whom
	}
	return State(f, now)
}

func enabledDifference(before, after *store.Flag) []string {
	switch {
	case before.Enabled == after.Enabled:
		return nil
	case after.Enabled:
		return []string{"switched on"}
	}
	return []string{"switched off"}
}

func createdDifference(before, after *store.Flag) []string {
	if before.Created.Equal(after.Created) {
		return nil
	}
	return []string{"creation: " + Time(after.Created) + ", was " + Time(before.Created)}
}

func storedAlike(a, b *store.Flag) bool {
	textA, errA := store.Encode(a)
	textB, errB := store.Encode(b)
	return errA == nil && errB == nil && string(textA) == string(textB)
}

// Time returns a time as people and programs read it, in UTC, or "unknown" for the
// zero time.
func Time(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format(time.RFC3339)
}

// Cut shortens text to a number of characters, of which the last is an ellipsis if
// something was cut off.
func Cut(text string, length int) string {
	if len(text) <= length || utf8.RuneCountInString(text) <= length {
		return text
	}
	kept := 0
	for i := range text {
		if kept == length-1 {
			return strings.TrimRight(text[:i], " ") + "…"
		}
		kept++
	}
	return text
}
