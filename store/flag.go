// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

const (
	// MaxNameSize is the longest name that can be stored, in bytes.
	MaxNameSize = 1024

	// MaxFlagSize is the largest stored form of a flag, in bytes. It is what
	// Consul takes by default, so that a flag fits into every store. A larger flag,
	// which another client may have stored, can be read, switched and deleted.
	MaxFlagSize = 512 << 10
)

// A Flag is what a store keeps: an item, in the Python client's terms. Flags that
// come from a store are shared, and must not be modified; see [Flag.Clone].
type Flag struct {
	// What an evaluation reads comes first, in one line of a processor's cache.

	// Name is the flag's name. The key under which it is stored decides, not
	// what the stored form says.
	Name string

	// Enabled is the switch: a flag that is not enabled is off for everyone.
	Enabled bool

	// Conditions are those of Carta's model: all must hold. If the flag has rules,
	// they are what Python clients see, and nothing else.
	Conditions []carta.Condition

	// Bucketer is that of Carta's model: it says for which share of the traffic the
	// flag is on. If the flag has rules, it is what Python clients see.
	Bucketer carta.Bucketer

	rules rules.Ruleset // what ClientData says of them

	// Created is when the flag was created, in whole seconds. It is the zero
	// time if the stored form has something else than a number of seconds there.
	Created time.Time

	// ClientData is metadata of the flag's users, a JSON object as a rule. Empty
	// stands for {}. The text is kept as it was written. Names that begin with $ are
	// reserved: the flag's rules are under [RulesKey]. Set those with
	// [Flag.SetRules]; what is changed here by hand counts once it was stored.
	ClientData targeting.JSON

	// Revision identifies this state of the flag in the store that it is from.
	// It is opaque; empty means not stored yet.
	Revision string

	stored *stored // what was read, for what we neither know nor changed
}

// stored is a stored form that was read, and what it was understood as, to notice
// what is changed. The texts of its parts are parts of the one text.
type stored struct {
	text       targeting.JSON
	name       string
	clientData targeting.JSON
	// A clone has conditions of its own, so these stay as they are.
	conditions []carta.Condition
	bucketer   carta.Bucketer
	created    int64 // in seconds since 1970, if dated
	named      bool  // it has the flag's name, written as we do
	enabled    bool
	dated      bool
}

// unchanged reports whether the flag is still what its stored form says.
func (f *Flag) unchanged() bool {
	s := f.stored
	return s != nil && s.named && f.Name == s.name && f.Enabled == s.enabled && s.wasCreated(f.Created) &&
		f.ClientData == s.clientData && f.Bucketer == s.bucketer && slices.Equal(f.Conditions, s.conditions)
}

// onlySwitched reports whether the flag replaces one from which at most the switch
// differs: what another client stored can be switched off, however large it is.
func (f *Flag) onlySwitched() bool {
	if f.stored == nil || f.Revision == "" {
		return false
	}
	asStored := *f
	asStored.Enabled = f.stored.enabled
	return asStored.unchanged()
}

// wasCreated reports whether the stored form has a time as that of creation.
func (s *stored) wasCreated(created time.Time) bool { return created.Equal(s.createdTime()) }

func (s *stored) createdTime() time.Time {
	if !s.dated {
		return time.Time{}
	}
	return time.Unix(s.created, 0).UTC()
}

// The stored form's fields. [Encode] writes those that are missing in this order,
// which is the Python client's.
const (
	fieldName       = "feature_name"
	fieldEnabled    = "is_enabled"
	fieldMeta       = "meta"
	fieldClientData = "client_data"
	fieldCreated    = "created_date"
	fieldConditions = "conditions"
	fieldBucketer   = "bucketer"
)

// Clone returns a copy that can be modified. Its parts are immutable or copied.
func (f *Flag) Clone() *Flag {
	clone := *f
	clone.Conditions = slices.Clone(f.Conditions)
	return &clone
}

// ValidateName says why a flag cannot have a name: the error matches
// [ErrInvalidName].
func ValidateName(name string) error {
	switch {
	case len(name) > MaxNameSize:
		return fmt.Errorf("%w: %d bytes long, at most %d are allowed", ErrInvalidName, len(name), MaxNameSize)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not valid UTF-8", ErrInvalidName, name)
	}
	return nil
}

// ParseClientData reads the client data of a flag: what another client may have
// stored. The error matches [ErrInvalid].
func ParseClientData(text targeting.JSON) (targeting.Value, error) {
	if text == "" {
		return targeting.Object(), nil
	}
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return targeting.Value{}, fmt.Errorf("client_data: %w", err)
	}
	return v, nil
}

// Encode returns the stored form of a flag: JSON that every Flipper client reads.
// What was read and not changed is written as it was, including fields that this
// module does not know. It refuses what could not be read back, with an error
// that matches [ErrInvalid] and names the field.
//
// For a flag as it was read this costs a copy of the text.
func Encode(f *Flag) ([]byte, error) {
	f, err := Normalize(f)
	if err != nil {
		return nil, err
	}
	return []byte(f.stored.text), nil
}

// Normalize returns a flag as it would be if it were stored and read back, without
// a revision, and refuses what [Encode] does. The result shares nothing with f
// that can be modified.
func Normalize(f *Flag) (*Flag, error) {
	if f.unchanged() && (len(f.stored.text) <= MaxFlagSize || f.onlySwitched()) {
		normalized := f.Clone()
		normalized.Revision = ""
		return normalized, nil
	}
	if err := ValidateName(f.Name); err != nil {
		return nil, err
	}
	fields, err := f.fields()
	if err != nil {
		return nil, err
	}
	text := targeting.JSON(targeting.AppendObject(nil, fields))
	if len(text) > MaxFlagSize && !f.onlySwitched() {
		return nil, fmt.Errorf("%w flag %q: its stored form has %d bytes, at most %d are allowed", ErrInvalid, f.Name, len(text), MaxFlagSize)
	}
	// Each part was valid by itself, but within the flag it is nested deeper.
	normalized, err := decode(f.Name, text)
	if err != nil {
		return nil, fmt.Errorf("flag %q could not be read back: %w", f.Name, err)
	}
	return normalized, nil
}

// fields returns the members of the stored form.
func (f *Flag) fields() ([]targeting.Field, error) {
	var fields, meta []targeting.Field
	enabled, created := enabledJSON(f.Enabled), createdJSON(f.Created)
	if f.stored != nil {
		var err error
		if fields, meta, err = splitStored(nil, nil, f.stored.text); err != nil {
			return nil, err
		}
		if f.Enabled == f.stored.enabled {
			enabled = targeting.GetField(fields, fieldEnabled)
		}
		if f.stored.wasCreated(f.Created) {
			created = targeting.GetField(meta, fieldCreated)
		}
	}
	clientData := f.ClientData
	if clientData == "" {
		clientData = "{}"
	}
	if _, err := ParseClientData(clientData); err != nil {
		return nil, err
	}
	for i, c := range f.Conditions {
		if err := c.Err(); err != nil {
			return nil, fmt.Errorf("conditions: element %d: %w", i, err)
		}
	}
	if err := f.Bucketer.Err(); err != nil {
		return nil, fmt.Errorf("bucketer: %w", err)
	}
	fields = targeting.SetField(fields, fieldName, nameJSON(f.Name))
	fields = targeting.SetField(fields, fieldEnabled, enabled)
	meta = targeting.SetField(meta, fieldClientData, clientData)
	meta = targeting.SetField(meta, fieldCreated, created)
	meta = targeting.SetField(meta, fieldConditions, conditionsJSON(f.Conditions, carta.Condition.JSON))
	meta = targeting.SetField(meta, fieldBucketer, f.Bucketer.JSON())
	return targeting.SetField(fields, fieldMeta, targeting.JSON(targeting.AppendObject(nil, meta))), nil
}

// splitStored returns the members of a stored form and of its meta, in the space
// given if that is enough.
func splitStored(fieldSpace, metaSpace []targeting.Field, text targeting.JSON) (fields, meta []targeting.Field, err error) {
	if fields, meta, err = targeting.AppendFieldsWithin(fieldSpace, metaSpace, text, fieldMeta); err != nil {
		return nil, nil, err
	}
	for _, required := range [...]string{fieldName, fieldEnabled, fieldMeta} {
		if targeting.GetField(fields, required) == "" {
			return nil, nil, fmt.Errorf("%w: %s is missing", ErrInvalid, required)
		}
	}
	if targeting.GetField(fields, fieldMeta)[0] != '{' {
		return nil, nil, fmt.Errorf("%w: meta: an object is needed", ErrInvalid)
	}
	if targeting.GetField(meta, fieldCreated) == "" {
		return nil, nil, fmt.Errorf("%w: meta.created_date is missing", ErrInvalid)
	}
	return fields, meta, nil
}

func nameJSON(name string) targeting.JSON { return targeting.JSON(targeting.AppendText(nil, name)) }

func enabledJSON(enabled bool) targeting.JSON {
	if enabled {
		return "true"
	}
	return "false"
}

func createdJSON(created time.Time) targeting.JSON {
	if created.IsZero() {
		return "0"
	}
	return targeting.JSON(targeting.Int(created.Unix()).String())
}

func conditionsJSON(conditions []carta.Condition, form func(carta.Condition) targeting.JSON) targeting.JSON {
	b := []byte{'['}
	for i, c := range conditions {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, form(c)...)
	}
	return targeting.JSON(append(b, ']'))
}

// Decode reads the stored form of the flag of a name, as the Python client does:
// it accepts what that accepts. The error is an [*UnreadableError]. The flag keeps
// the text, or a copy of it if it is bytes.
//
// A ramp that was stored without a start begins when it is read.
func Decode[Text ~string | ~[]byte](name string, text Text) (*Flag, error) {
	f, err := decode(name, targeting.JSON(text))
	if err != nil {
		return nil, &UnreadableError{name, err}
	}
	return f, nil
}

func decode(name string, text targeting.JSON) (*Flag, error) {
	var fieldSpace, metaSpace [8]targeting.Field
	fields, meta, err := splitStored(fieldSpace[:0], metaSpace[:0], text)
	if err != nil {
		return nil, err
	}
	var made struct { // one allocation
		flag   Flag
		stored stored
	}
	s := &made.stored
	s.text, s.name = text, name
	s.enabled = targeting.GetField(fields, fieldEnabled) != "false"
	s.created, s.dated = parseCreated(targeting.GetField(meta, fieldCreated))
	if clientData := targeting.GetField(meta, fieldClientData); !isFalseValue(clientData) {
		s.clientData = clientData
	}
	if text := targeting.GetField(meta, fieldConditions); text != "" {
		if s.conditions, err = carta.ParseConditions(text); err != nil {
			return nil, err
		}
	}
	if text := targeting.GetField(meta, fieldBucketer); text != "" {
		var now time.Time // for ramps; most flags have none, and to ask the clock takes a while
		if text != noOpBucketer {
			now = time.Now()
		}
		if s.bucketer, err = carta.ParseBucketer(text, now); err != nil {
			return nil, err
		}
	}
	var quoted [64]byte
	s.named = string(targeting.AppendText(quoted[:0], name)) == string(targeting.GetField(fields, fieldName))
	made.flag = Flag{
		Name: name, Enabled: s.enabled, Created: s.createdTime(), ClientData: s.clientData,
		Conditions: s.conditions, Bucketer: s.bucketer, rules: readRules(name, s.clientData), stored: s,
	}
	return &made.flag, nil
}

var noOpBucketer = carta.Bucketer{}.JSON()

// parseCreated reads the seconds since 1970, of which the text is JSON. ok is false
// if it is something else than an int.
func parseCreated(text targeting.JSON) (seconds int64, ok bool) {
	seconds, err := strconv.ParseInt(string(text), 10, 64)
	return seconds, err == nil
}

// isFalseValue reports whether Python takes the value, of which the text is JSON,
// for false, so that its client reads it as no client data.
func isFalseValue(text targeting.JSON) bool {
	if text == "" {
		return true
	}
	if text[0] == '{' || text[0] == '[' {
		inside := strings.TrimLeft(string(text[1:]), " \t\r\n")
		return len(inside) == 1 // the closing bracket
	}
	v, err := targeting.ParseJSON(text)
	if err != nil {
		return false
	}
	switch v.Kind() {
	case targeting.KindNull:
		return true
	case targeting.KindText:
		return text == `""`
	case targeting.KindBool:
		return text == "false"
	}
	return v.Equal(targeting.Int(0))
}

// Meta returns the flag's meta as the Python client shows and writes it: the
// object of client_data, created_date, conditions and bucketer, with defaults
// filled in and without what this module does not know.
func (f *Flag) Meta() targeting.JSON {
	clientData := targeting.Object()
	if v, err := ParseClientData(f.ClientData); err == nil {
		clientData = v
	}
	created := createdJSON(f.Created)
	if f.stored != nil && f.stored.wasCreated(f.Created) {
		if _, meta, err := splitStored(nil, nil, f.stored.text); err == nil {
			v, _ := targeting.ParseJSON(targeting.GetField(meta, fieldCreated))
			created = targeting.JSON(v.String())
		}
	}
	canonical := func(c carta.Condition) targeting.JSON { return targeting.JSON(c.AppendCanonical(nil)) }
	return targeting.JSON(targeting.AppendObject(nil, []targeting.Field{
		{Name: fieldClientData, Value: targeting.JSON(clientData.String())},
		{Name: fieldCreated, Value: created},
		{Name: fieldConditions, Value: conditionsJSON(f.Conditions, canonical)},
		{Name: fieldBucketer, Value: targeting.JSON(f.Bucketer.AppendCanonical(nil))},
	}))
}
