// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"fmt"
	"math"
	"math/big"
	"time"
)

// A Percentage is the share of the traffic that a bucketer turns a flag on for,
// from 0 to 1: constant, or a ramp over time. The zero Percentage is constant 1.
//
// The Python client neither clamps nor checks what is stored, so a Percentage
// that was read may be outside 0..1 or not even be a number.
type Percentage struct {
	value  Value  // constant
	ramp   *ramp  // nil if it is constant
	source JSON   // the exact text, if it was read
	err    *error // why the percentage cannot be stored; nil if it can
	set    bool   // false only in the zero Percentage
}

type ramp struct {
	initial, final, duration Value
	start                    int64 // microseconds since the Unix epoch
}

// The years 1 to 9999, which Python's dates can be in, in seconds since the Unix
// epoch.
const (
	minSecond = -62135596800
	maxSecond = 253402300799
)

// Defaults of the Python client.
var (
	defaultValue    = Float(1)
	defaultInitial  = Float(0)
	defaultFinal    = Float(1)
	defaultDuration = Int(3600) // seconds
)

// FixedPercentage gives a constant percentage: 0.1 is 10 %. If it is not from 0
// to 1, [Percentage.Err] says so.
func FixedPercentage(share float64) Percentage {
	return Percentage{set: true, value: Float(share), err: errorOrNil(validShare("percentage", share))}
}

// LinearRamp gives a percentage that rises from initial to final, beginning at
// start and taking duration, and stays at final. Before start it is below
// initial.
//
// If the shares are not from 0 to 1, or start is the zero time, or duration is not
// positive, or final is below initial, [Percentage.Err] says so: every client takes a falling ramp to
// be at its end from the start.
func LinearRamp(initial, final float64, start time.Time, duration time.Duration) Percentage {
	r := &ramp{initial: Float(initial), final: Float(final), start: start.Unix() * 1e6}
	if duration%time.Second == 0 {
		r.duration = Int(int64(duration / time.Second))
	} else {
		r.duration = Float(duration.Seconds())
	}
	err := validShare("initial percentage", initial)
	switch {
	case err != nil:
	case validShare("final percentage", final) != nil:
		err = validShare("final percentage", final)
	case duration <= 0:
		err = fmt.Errorf("%w ramp duration: %v is not positive", ErrInvalid, duration)
	case final < initial:
		err = fmt.Errorf("%w ramp: it falls from %v to %v, and every client takes a falling ramp to be at its end from the start (set lower percentages yourself)", ErrInvalid, initial, final)
	case start.IsZero():
		err = fmt.Errorf("%w ramp start: the zero time is not a start (to begin at once, give time.Now())", ErrInvalid)
	case start.Unix() < minSecond || start.Unix() > maxSecond:
		err = fmt.Errorf("%w ramp start: not within the years 1 to 9999", ErrInvalid)
	}
	return Percentage{set: true, ramp: r, err: errorOrNil(err)}
}

// errorOrNil gives an error in the form in which values that rarely have one keep
// it.
func errorOrNil(err error) *error {
	if err == nil {
		return nil
	}
	return &err
}

// orNil gives an error as errorOrNil got it.
func orNil(err *error) error {
	if err == nil {
		return nil
	}
	return *err
}

func validShare(what string, share float64) error {
	switch {
	case 0 <= share && share <= 1:
		return nil
	case 1 < share && share <= 100:
		return fmt.Errorf("%w %s: %v is not from 0 to 1 (for %v %%, write %v)", ErrInvalid, what, share, share, share/100)
	}
	return fmt.Errorf("%w %s: %v is not from 0 to 1", ErrInvalid, what, share)
}

// ParsePercentage reads a percentage in its stored form, as the Python client
// does. A ramp without start begins at now.
func ParsePercentage(text JSON, now time.Time) (Percentage, error) {
	var space [8]Field
	fields, isA, err := objectFields(space[:0], text)
	if err != nil {
		return Percentage{}, fmt.Errorf("percentage: %w", err)
	}
	if isA != KindObject {
		return Percentage{}, fmt.Errorf("%w percentage: must be an object, not %s", ErrInvalid, isA)
	}
	p := Percentage{set: true, source: text}
	kind := fieldValue(fields, "type", Null())
	switch {
	case kind.kind == KindText && kind.text == "Percentage":
		// Without value it is null for Python too, which fails when asked.
		p.value = fieldValue(fields, "value", Null())
		return p, nil
	case kind.kind == KindText && kind.text == "LinearRampPercentage":
		p.ramp = &ramp{
			initial:  fieldValue(fields, "initial_value", defaultInitial),
			final:    fieldValue(fields, "final_value", defaultFinal),
			duration: fieldValue(fields, "ramp_duration", defaultDuration),
		}
		p.ramp.start, err = parseStart(fieldValue(fields, "initial_time", Null()), now)
		return p, err
	}
	return Percentage{}, fmt.Errorf("%w percentage: unknown type %s", ErrInvalid, kind)
}

// parseStart reads a ramp's initial_time: seconds since the epoch, a float
// rounded to microseconds, half to even. It gives microseconds.
func parseStart(v Value, now time.Time) (int64, error) {
	var seconds, micros int64
	switch {
	case v.kind == KindNull:
		return now.UnixMicro(), nil
	case (v.kind == KindInt || v.kind == KindBool) && v.more == nil:
		seconds = int64(v.bits)
	case v.kind == KindFloat && math.Abs(v.float()) < 1e15:
		whole, fraction := math.Modf(v.float())
		seconds, micros = int64(whole), int64(math.RoundToEven(fraction*1e6))
	default:
		return 0, fmt.Errorf("%w initial_time: must be seconds since 1970 within the years 1 to 9999, not %s", ErrInvalid, v)
	}
	if seconds < minSecond || seconds > maxSecond {
		return 0, fmt.Errorf("%w initial_time: %s is not within the years 1 to 9999 (it is in seconds, not milliseconds)", ErrInvalid, v)
	}
	return seconds*1e6 + micros, nil
}

// Err says why the percentage cannot be stored: the error matches [ErrInvalid].
// It is nil for a percentage that was read.
func (p Percentage) Err() error { return orNil(p.err) }

// IsRamp reports whether the percentage changes with time.
func (p Percentage) IsRamp() bool { return p.ramp != nil }

// Value gives the percentage at a time. The result may be anything that was
// stored as a constant. The error matches [ErrKind] and [ErrInvalid].
func (p Percentage) Value(at time.Time) (Value, error) {
	if !p.set {
		return defaultValue, nil
	}
	if p.ramp == nil {
		return p.value, nil
	}
	return p.ramp.value(at)
}

func (r *ramp) value(at time.Time) (Value, error) {
	if r.duration.Equal(Int(0)) {
		return r.final, nil
	}
	initial, okInitial := r.initial.asFloat()
	final, okFinal := r.final.asFloat()
	duration, okDuration := r.duration.asFloat()
	if !okInitial || !okFinal || !okDuration {
		return Value{}, fmt.Errorf("%w percentage: ramp from %s to %s in %s: %w", ErrInvalid, r.initial, r.final, r.duration, ErrKind)
	}
	// The order of operations is the Python client's. The conversion keeps
	// compilers from fusing the product and the sum.
	slope := (final - initial) / duration
	value := float64(slope*seconds(at.UnixMicro()-r.start)) + initial
	if value < final {
		return Float(value), nil
	}
	return r.final, nil
}

// asFloat gives the float that Python calculates with.
func (v Value) asFloat() (f float64, ok bool) {
	switch v.kind {
	case KindBool, KindInt:
		if v.more != nil {
			f, _ = new(big.Float).SetInt(v.more.bigInt()).Float64()
			return f, !math.IsInf(f, 0)
		}
		return float64(int64(v.bits)), true
	case KindFloat:
		return v.float(), true
	}
	return 0, false
}

// seconds divides microseconds by 10^6, with one rounding.
func seconds(micros int64) float64 {
	const exact = 1 << 53
	if -exact <= micros && micros <= exact {
		return float64(micros) / 1e6
	}
	f, _ := big.NewRat(micros, 1e6).Float64()
	return f
}

// JSON gives the percentage's stored form: exactly as it was read, if it was.
func (p Percentage) JSON() JSON {
	if p.source != "" {
		return p.source
	}
	return JSON(p.AppendCanonical(nil))
}

// AppendCanonical appends the stored form as the Python client writes it, from
// what it understands of the percentage.
func (p Percentage) AppendCanonical(b []byte) []byte {
	switch {
	case !p.set:
		b = append(b, `{"type": "Percentage", "value": `...)
		b = defaultValue.AppendJSON(b)
	case p.ramp == nil:
		b = append(b, `{"type": "Percentage", "value": `...)
		b = p.value.AppendJSON(b)
	default:
		b = append(b, `{"type": "LinearRampPercentage", "initial_value": `...)
		b = p.ramp.initial.AppendJSON(b)
		b = append(b, `, "final_value": `...)
		b = p.ramp.final.AppendJSON(b)
		b = append(b, `, "ramp_duration": `...)
		b = p.ramp.duration.AppendJSON(b)
		b = append(b, `, "initial_time": `...)
		b = Int(p.ramp.start / 1e6).AppendJSON(b)
	}
	return append(b, '}')
}

// String gives the stored form.
func (p Percentage) String() string { return string(p.JSON()) }
