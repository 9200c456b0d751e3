// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// RulesKey is the name under which client data holds a flag's rules. It is the one
// place that a Python writer, which knows no rules, keeps.
const RulesKey = "$rules"

// IsReserved reports whether a name of client data is not the users' to set.
func IsReserved(name string) bool { return strings.HasPrefix(name, "$") }

// Rules returns the flag's rules. It is the zero Ruleset for a flag of Carta's model.
// Rules that cannot be read have an Err, and the flag can be seen, switched off and
// deleted nevertheless.
func (f *Flag) Rules() rules.Ruleset { return f.rules }

// SetRules replaces the flag's rules, and what Python clients see of the flag: that it
// is off, or, if the rules say so, that it is on for all while it is enabled. The zero
// Ruleset removes the rules: then what Python clients see counts for all.
//
// The rules must have been made for a flag of this name. It fails if the client data
// is no object, which another client may have stored: then nothing is changed.
func (f *Flag) SetRules(s rules.Ruleset) error {
	if err := s.Err(); err != nil {
		return err
	}
	fields, err := clientDataFields(f.ClientData)
	if err != nil {
		return err
	}
	if s.IsZero() {
		fields = withoutField(fields, RulesKey)
	} else {
		fields = targeting.SetField(fields, RulesKey, s.JSON())
		f.showToPython(s)
	}
	f.ClientData = targeting.JSON(targeting.AppendObject(nil, fields))
	f.rules = s
	return nil
}

// showToPython sets what clients that know no rules see of a flag with rules.
func (f *Flag) showToPython(s rules.Ruleset) {
	f.Conditions, f.Bucketer = nil, carta.NewPercentageBucketer(carta.FixedPercentage(0))
	if s.Definition().PythonOn {
		f.Bucketer = carta.NoBucketer()
	}
}

// SetClientData replaces the flag's client data, rules included, by what another
// client wrote. The text is kept as it is.
//
// New or changed rules are set as by [Flag.SetRules]. If they cannot be read, nothing
// is changed, and the error matches [ErrInvalid] and names the field. Rules that stay as
// they are pass, even those that only a later version can read.
func (f *Flag) SetClientData(text targeting.JSON) error {
	next := f.Clone()
	next.ClientData, next.rules = text, readRules(f.Name, text)
	if err := next.CheckRules(f); err != nil {
		return err
	}
	if !next.rules.IsZero() && !sameRules(f.rules, next.rules) {
		next.showToPython(next.rules)
	}
	*f = *next
	return nil
}

// CheckRules refuses a flag that brings rules which cannot be read, with an error that
// matches [ErrInvalid] and names the field. Rules that the flag had before pass; before
// is nil if there was no flag.
func (f *Flag) CheckRules(before *Flag) error {
	err := f.rules.Err()
	if err == nil || before != nil && sameRules(before.rules, f.rules) {
		return nil
	}
	// What is about to be written is not stored yet.
	if unreadable, ok := errors.AsType[*UnreadableError](err); ok {
		err = unreadable.Err
	}
	return fmt.Errorf("client_data: %w", err)
}

// sameRules reports whether two texts of rules mean the same: a client that reads and
// writes a flag may change spacing and order.
func sameRules(a, b rules.Ruleset) bool {
	if a.JSON() == b.JSON() {
		return true
	}
	v, errV := targeting.ParseJSON(a.JSON())
	w, errW := targeting.ParseJSON(b.JSON())
	// NaN equals nothing, but is written the same.
	return errV == nil && errW == nil && (v.Equal(w) || v.String() == w.String())
}

// clientDataFields returns the members of client data.
func clientDataFields(text targeting.JSON) ([]targeting.Field, error) {
	if text == "" {
		return nil, nil
	}
	fields, err := targeting.SplitObject(text)
	if err != nil {
		return nil, fmt.Errorf("%w client_data: it holds something else than an object, so it has no place for rules", ErrInvalid)
	}
	return fields, nil
}

func withoutField(fields []targeting.Field, name string) []targeting.Field {
	for i, f := range fields {
		if f.Name == name {
			return append(fields[:i], fields[i+1:]...)
		}
	}
	return fields
}

// readRules reads the rules that client data holds, if it does.
func readRules(name string, clientData targeting.JSON) rules.Ruleset {
	// Most flags have none. The name may be written with escapes.
	if !strings.Contains(string(clientData), "$") && !strings.Contains(string(clientData), `\u`) {
		return rules.Ruleset{}
	}
	fields, err := targeting.SplitObject(clientData)
	if err != nil {
		return rules.Ruleset{}
	}
	text := targeting.GetField(fields, RulesKey)
	if text == "" {
		return rules.Ruleset{}
	}
	s, err := rules.Parse(name, text)
	if err != nil {
		return rules.Unreadable(text, &UnreadableError{name, fmt.Errorf("%s: %w", RulesKey, err)})
	}
	return s
}

// Target returns what evaluation needs of the flag.
func (f *Flag) Target() (t rules.Target) {
	// Field by field: a literal would be copied.
	t.Enabled, t.Rules, t.Conditions, t.Bucketer = f.Enabled, f.rules, f.Conditions, f.Bucketer
	return t
}

// Evaluate decides what the flag serves for a request: see [rules.Evaluate]. flags
// are those that its conditions can ask; nil stands for none.
func (f *Flag) Evaluate(r *targeting.Request, flags rules.Flags) (targeting.Decision, error) {
	d, err := f.Decide(r, flags)
	return *d, err
}

// Decide is [Flag.Evaluate] without copying. Do not modify the decision.
func (f *Flag) Decide(r *targeting.Request, flags rules.Flags) (*targeting.Decision, error) {
	if f.rules.IsZero() {
		return rules.DecideCarta(f.Enabled, f.Conditions, f.Bucketer, r)
	}
	return f.rules.Decide(f.Enabled, r, flags)
}
