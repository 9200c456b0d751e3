// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
)

// The keys of client data that say what there is to know about a flag. Declarations
// write them too.
const (
	keyDescription = "description"
	keyOwner       = "owner"
	keyExpires     = "expires"
)

// An about is what there is to know about a flag beside what it does.
type about struct {
	description, owner string
	expires            string    // as it is stored
	lastDay            time.Time // what expires says; zero if that is no day
}

func aboutFlag(f *store.Flag) about {
	data, err := store.ParseClientData(userData(f))
	if err != nil {
		return about{}
	}
	var a about
	for _, m := range data.Members() {
		text, isText := m.Value.AsText()
		if !isText {
			continue
		}
		switch m.Key {
		case keyDescription:
			a.description = text
		case keyOwner:
			a.owner = text
		case keyExpires:
			a.expires = text
			a.lastDay, _ = time.Parse(time.DateOnly, text)
		}
	}
	return a
}

// hasExpired reports whether the last day of a flag is over.
func (a about) hasExpired(now time.Time) bool {
	return !a.lastDay.IsZero() && !now.Before(a.lastDay.AddDate(0, 0, 1))
}

// expiry says when a flag expires, and whether it has.
func (a about) expiry(now time.Time) cell {
	if a.hasExpired(now) {
		return cell{words.Text(a.expires) + " (over)", yellow}
	}
	return cell{text: words.Text(a.expires)}
}

// matches reports whether the text, which is in lower case, is in the description or
// the owner.
func (a about) matches(text string) bool {
	return strings.Contains(strings.ToLower(a.description), text) || strings.Contains(strings.ToLower(a.owner), text)
}

// userData returns the client data that users see and set.
func userData(f *store.Flag) targeting.JSON {
	fields, err := targeting.SplitObject(f.ClientData)
	if err != nil {
		return f.ClientData
	}
	isReserved := func(f targeting.Field) bool { return store.IsReserved(f.Name) }
	if !slices.ContainsFunc(fields, isReserved) {
		return f.ClientData
	}
	return targeting.JSON(targeting.AppendObject(nil, slices.DeleteFunc(fields, isReserved)))
}

// aboutFlags are those of create.
func aboutFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: keyOwner, Usage: "whom to ask about the flag"},
		&cli.StringFlag{Name: keyDescription, Usage: "what the flag is for"},
		&cli.StringFlag{Name: keyExpires, Usage: "last day on which it is needed: a date, or from now on, such as 90d; list --expired finds it"},
	}
}

// addAbout puts what the flags of aboutFlags say into client data.
func addAbout(c *cli.Command, data map[string]any) error {
	for _, key := range []string{keyOwner, keyDescription, keyExpires} {
		text := c.String(key)
		if !c.IsSet(key) {
			continue
		}
		if _, twice := data[key]; twice {
			return usagef("--%s and --data both have %q: leave one", key, key)
		}
		if strings.TrimSpace(text) == "" {
			return usagef("--%s is empty: leave it out", key)
		}
		if key == keyExpires {
			day, err := parseDay(text, time.Now())
			if err != nil {
				return err
			}
			text = day.Format(time.DateOnly)
		}
		data[key] = text
	}
	return nil
}

// parseDay reads a day that is not over: a date, or how long it is to it.
func parseDay(text string, now time.Time) (time.Time, error) {
	today := now.UTC().Truncate(24 * time.Hour)
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		d, err := parseDuration(text)
		if err != nil || d < 0 {
			return time.Time{}, usagef("--%s %q: write a date, as in %s, or how long it is to it, as in 90d", keyExpires, text, today.AddDate(0, 3, 0).Format(time.DateOnly))
		}
		day = now.UTC().Add(d).Truncate(24 * time.Hour)
	}
	if day.Before(today) {
		return time.Time{}, usagef("--%s %q: that day is over", keyExpires, text)
	}
	return day, nil
}
