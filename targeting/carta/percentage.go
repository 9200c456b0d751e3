// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"fmt"
	"math"
	"math/big"
	"time"

	"github.com/flipper-go/flipper/targeting"
)

// A Percentage says for how much of the traffic a bucketer turns a flag on: constant,
// or a ramp over time. The zero Percentage is constant 1.
//
// As in Python it is called a percentage and counts from 0 to 1: 0.1 is 10 %, and turns
// on 11 of 100 buckets. (Shares of package rules count in 1/100,000, and rules.Percent
// takes 10 for 10 %.)
//
// The Python client neither clamps nor checks what is stored, so a Percentage
// that was read may be outside 0..1 or not even be a number.
type Percentage struct {
	value  targeting.Value // constant
	ramp   *ramp           // nil if it is constant
	source targeting.JSON  // the exact text, if it was read
	err    *error          // why the percentage cannot be stored; nil if it can
	set    bool            // false only in the zero Percentage
}

type ramp struct {
	initial, final, duration targeting.Value
	start                    int64 // microseconds since the Unix epoch
}

// The years 1 to 9999, which Python's dates can be in, in seconds since the Unix
// epoch.
const (
	minSecond = -62135596800
	maxSecond = 253402300799
)

// The years in which a ramp that is made here can start. A Python client reads the
// start as local time, and cannot list any flag if that is in no year from 1 to 9999.
const (
	minStartYear = 2
	maxStartYear = 9998
)

// Defaults of the Python client.
var (
	defaultValue    = targeting.Float(1)
	defaultInitial  = targeting.Float(0)
	defaultFinal    = targeting.Float(1)
	defaultDuration = targeting.Int(3600) // seconds
)

// FixedPercentage returns a constant percentage, as a fraction: 0.1 is 10 %. If the
// fraction is not from 0 to 1, [Percentage.Err] says so.
func FixedPercentage(fraction float64) Percentage {
	return Percentage{set: true, value: targeting.Float(fraction), err: errorOrNil(validShare("percentage", fraction))}
}

// LinearRamp returns a percentage that rises from one fraction to another, beginning at
// start and taking duration, and stays there. Before start it is below initial.
//
// [Percentage.Err] says so if initial or final is not from 0 to 1, if start is the zero
// time, if duration is not positive, or if final is below initial: every client takes a
// falling ramp to be at its end from the start.
func LinearRamp(initial, final float64, start time.Time, duration time.Duration) Percentage {
	r := &ramp{initial: targeting.Float(initial), final: targeting.Float(final), start: start.Unix() * 1e6}
	if duration%time.Second == 0 {
		r.duration = targeting.Int(int64(duration / time.Second))
	} else {
		r.duration = targeting.Float(duration.Seconds())
	}
	err := validShare("initial percentage", initial)
	switch {
	case err != nil:
	case validShare("final percentage", final) != nil:
		err = validShare("final percentage", final)
	case duration <= 0:
		err = fmt.Errorf("%w ramp duration: %v is not positive", targeting.ErrInvalid, duration)
	case final < initial:
		err = fmt.Errorf("%w ramp: it falls from %v to %v, and every client takes a falling ramp to be at its end from the start (set lower percentages yourself)", targeting.ErrInvalid, initial, final)
	case start.IsZero():
		err = fmt.Errorf("%w ramp start: the zero time is not a start (to begin at once, give time.Now())", targeting.ErrInvalid)
	case start.UTC().Year() < minStartYear || start.UTC().Year() > maxStartYear:
		err = fmt.Errorf("%w ramp start: %s is not within the years %d to %d, which Python clients read in every time zone", targeting.ErrInvalid, start.UTC().Format(time.RFC3339), minStartYear, maxStartYear)
	}
	return Percentage{set: true, ramp: r, err: errorOrNil(err)}
}

// errorOrNil returns an error in the form in which values that rarely have one keep
// it.
func errorOrNil(err error) *error {
	if err == nil {
		return nil
	}
	return &err
}

// orNil returns an error as errorOrNil got it.
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
		return fmt.Errorf("%w %s: %v is not from 0 to 1 (for %v %%, write %v)", targeting.ErrInvalid, what, share, share, share/100)
	}
	return fmt.Errorf("%w %s: %v is not from 0 to 1", targeting.ErrInvalid, what, share)
}

// ParsePercentage reads a percentage in its stored form, as the Python client
// does. A ramp without start begins at now.
func ParsePercentage(text targeting.JSON, now time.Time) (Percentage, error) {
	var space [8]targeting.Field
	fields, isA, err := targeting.ObjectFields(space[:0], text)
	if err != nil {
		return Percentage{}, fmt.Errorf("percentage: %w", err)
	}
	if isA != targeting.KindObject {
		return Percentage{}, fmt.Errorf("%w percentage: must be an object, not %s", targeting.ErrInvalid, isA)
	}
	p := Percentage{set: true, source: text}
	kind := targeting.FieldValue(fields, "type", targeting.Null())
	name, isText := kind.AsText()
	switch {
	case isText && name == "Percentage":
		// Without value it is null for Python too, which fails when asked.
		p.value = targeting.FieldValue(fields, "value", targeting.Null())
		return p, nil
	case isText && name == "LinearRampPercentage":
		p.ramp = &ramp{
			initial:  targeting.FieldValue(fields, "initial_value", defaultInitial),
			final:    targeting.FieldValue(fields, "final_value", defaultFinal),
			duration: targeting.FieldValue(fields, "ramp_duration", defaultDuration),
		}
		p.ramp.start, err = parseStart(targeting.FieldValue(fields, "initial_time", targeting.Null()), now)
		return p, err
	}
	return Percentage{}, fmt.Errorf("%w percentage: unknown type %s", targeting.ErrInvalid, kind)
}

// parseStart reads a ramp's initial_time: seconds since the epoch, a float
// rounded to microseconds, half to even. It returns microseconds.
func parseStart(v targeting.Value, now time.Time) (int64, error) {
	var seconds, micros int64
	i, isInt := number(v).AsInt()
	f, isFloat := v.AsFloat()
	switch {
	case v.Kind() == targeting.KindNull:
		return now.UnixMicro(), nil
	case isInt:
		seconds = i
	case isFloat && math.Abs(f) < 1e15:
		whole, fraction := math.Modf(f)
		seconds, micros = int64(whole), int64(math.RoundToEven(fraction*1e6))
	default:
		return 0, fmt.Errorf("%w initial_time: must be seconds since 1970 within the years 1 to 9999, not %s", targeting.ErrInvalid, v)
	}
	if seconds < minSecond || seconds > maxSecond {
		return 0, fmt.Errorf("%w initial_time: %s is not within the years 1 to 9999 (it is in seconds, not milliseconds)", targeting.ErrInvalid, v)
	}
	return seconds*1e6 + micros, nil
}

// Err says why the percentage cannot be stored: the error matches [ErrInvalid].
// It is nil for a percentage that was read.
func (p Percentage) Err() error { return orNil(p.err) }

// IsRamp reports whether the percentage changes with time.
func (p Percentage) IsRamp() bool { return p.ramp != nil }

// Value returns the percentage at a time. The result may be anything that was
// stored as a constant. The error matches [ErrKind] and [ErrInvalid].
func (p Percentage) Value(at time.Time) (targeting.Value, error) {
	if !p.set {
		return defaultValue, nil
	}
	if p.ramp == nil {
		return p.value, nil
	}
	return p.ramp.value(at)
}

func (r *ramp) value(at time.Time) (targeting.Value, error) {
	if isZero(r.duration) {
		return r.final, nil
	}
	initial, ok := asFloat(r.initial)
	slope, okSlope := r.slope()
	if !ok || !okSlope {
		return targeting.Value{}, fmt.Errorf("%w percentage: ramp from %s to %s in %s: %w", targeting.ErrInvalid, r.initial, r.final, r.duration, ErrKind)
	}
	// The order of operations is the Python client's. The conversion keeps
	// compilers from fusing the product and the sum.
	value := targeting.Float(float64(slope*seconds(at.UnixMicro()-r.start)) + initial)
	if order, ok := compareNumbers(value, r.final); ok && order < 0 {
		return value, nil
	}
	return r.final, nil
}

// slope returns what a ramp rises by in a second. Python calculates with exact ints as
// long as it has ints.
func (r *ramp) slope() (slope float64, ok bool) {
	initial, isInt := number(r.initial).AsBigInt()
	final, isIntToo := number(r.final).AsBigInt()
	if !isInt || !isIntToo {
		initial, okInitial := asFloat(r.initial)
		final, okFinal := asFloat(r.final)
		duration, okDuration := asFloat(r.duration)
		return (final - initial) / duration, okInitial && okFinal && okDuration
	}
	difference := final.Sub(final, initial)
	if duration, ok := number(r.duration).AsBigInt(); ok {
		slope, _ = new(big.Rat).SetFrac(difference, duration).Float64()
		return slope, !math.IsInf(slope, 0)
	}
	rise, okRise := asFloat(targeting.BigInt(difference))
	duration, okDuration := asFloat(r.duration)
	return rise / duration, okRise && okDuration
}

// asFloat returns the float that Python calculates with.
func asFloat(v targeting.Value) (f float64, ok bool) {
	if f, ok := v.AsFloat(); ok {
		return f, true
	}
	if i, ok := number(v).AsInt(); ok {
		return float64(i), true
	}
	if i, ok := v.AsBigInt(); ok {
		f, _ = new(big.Float).SetInt(i).Float64()
		return f, !math.IsInf(f, 0)
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

// JSON returns the percentage's stored form: exactly as it was read, if it was.
func (p Percentage) JSON() targeting.JSON {
	if p.source != "" {
		return p.source
	}
	return targeting.JSON(p.AppendCanonical(nil))
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
		b = targeting.Int(p.ramp.start / 1e6).AppendJSON(b)
	}
	return append(b, '}')
}

// String returns the stored form.
func (p Percentage) String() string { return string(p.JSON()) }

// A Ramp is the plan of a percentage that changes with time.
type Ramp struct {
	Initial, Final float64
	Start, End     time.Time
}

// Ramp returns the plan of a percentage that is a ramp. ok is false if it is not, or
// if what is stored of it is no number.
func (p Percentage) Ramp() (r Ramp, ok bool) {
	if p.ramp == nil {
		return r, false
	}
	var seconds float64
	for value, to := range map[*targeting.Value]*float64{&p.ramp.initial: &r.Initial, &p.ramp.final: &r.Final, &p.ramp.duration: &seconds} {
		if *to, ok = asFloat(*value); !ok {
			return Ramp{}, false
		}
	}
	if !(0 <= seconds && seconds < math.MaxInt64/1e9) {
		return Ramp{}, false
	}
	r.Start = time.UnixMicro(p.ramp.start).UTC()
	r.End = r.Start.Add(time.Duration(seconds * float64(time.Second)))
	return r, true
}
