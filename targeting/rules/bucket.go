// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/flipper-go/flipper/internal/xxhash"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// A bucketing puts requests into buckets by an attribute. It is small, because what is
// slow is to get it from memory.
type bucketing struct {
	by      name
	seed    uint64            // the hash of the salt
	special *specialBucketing // nil as a rule
}

// A specialBucketing is one that is not the XXH64 of an attribute that is no pointer.
type specialBucketing struct {
	random bool // a bucket is drawn; then there is no more
	by     path
	carta  *carta.Bucketer // for HashCarta; nil for HashXXH64
}

func newBucketing(at, flag, by, salt string, hash Hash) (b bucketing, err error) {
	p, err := newPath(join(at, "by"), by)
	if err != nil {
		return b, err
	}
	b.by = p.name
	if salt != "" && !utf8.ValidString(salt) {
		return b, invalid(join(at, "salt"), "is not valid Unicode")
	}
	switch hash {
	case "", HashXXH64:
		if salt == "" {
			salt = flag
		}
		b.seed = xxhash.Sum64(salt, 0)
		if p.within != nil {
			b.special = &specialBucketing{by: p}
		}
		return b, nil
	case HashCarta:
		switch {
		case salt != "":
			return b, invalid(join(at, "salt"), "does not go with the hash %s, which knows no salt: leave it out", hash)
		case by[0] == '/':
			return b, invalid(join(at, "by"), "must be a name with the hash %s, not the pointer %q", hash, by)
		}
		if by == "randomizer" {
			return b, invalid(join(at, "by"), "must not be %s with the hash %s: Python's client takes this name for itself, and does not hash it", by, hash)
		}
		bucketer := carta.NewConsistentHashBucketer(carta.FixedPercentage(1), by)
		b.special = &specialBucketing{by: p, carta: &bucketer}
		return b, nil
	}
	return b, invalid(join(at, "hash"), "%q is not known: write %s or %s", string(hash), HashXXH64, HashCarta)
}

// maxFloatKey is from where on the doubles are not all ints, so that a float is no
// key.
const maxFloatKey = 1 << 53

// isRandom reports whether buckets are drawn.
func (b *bucketing) isRandom() bool { return b.special != nil && b.special.random }

// find returns the attribute of a request that has its bucket, or nil if it is missing.
func (b *bucketing) find(r *targeting.Request) *targeting.Value {
	p := path{name: b.by}
	if b.special != nil {
		p = b.special.by
	}
	return p.find(r)
}

// bucket returns the bucket of a request. ok is false if the attribute is missing, or
// is no key.
func (b *bucketing) bucket(r *targeting.Request) (bucket int, ok bool) {
	if b.special == nil {
		attr := r.Find(b.by.Value())
		if attr == nil {
			return 0, false
		}
		if text, isText := attr.Value.AsText(); isText {
			if text == "" || !utf8.ValidString(text) {
				return 0, false
			}
			return int(xxhash.Sum64(text, b.seed) % Buckets), true
		}
	}
	return b.otherBucket(r)
}

// otherBucket is bucket for what is less frequent.
func (b *bucketing) otherBucket(r *targeting.Request) (bucket int, ok bool) {
	v := b.find(r)
	if v == nil {
		return 0, false
	}
	var buf [24]byte
	key := buf[:0]
	text, isText := v.AsText()
	if isText {
		ok = text != "" && utf8.ValidString(text)
	} else {
		key, ok = appendNumberKey(key, *v)
	}
	switch {
	case !ok:
		return 0, false
	case b.special != nil && b.special.carta != nil:
		return b.special.carta.Bucket(r) * (Buckets / 100), true
	case isText:
		return int(xxhash.Sum64(text, b.seed) % Buckets), true
	}
	return int(xxhash.Sum64(key, b.seed) % Buckets), true
}

// appendNumberKey appends the key of a number: an int in decimal, and a float that is
// one. ok is false for other values.
func appendNumberKey(b []byte, v targeting.Value) (key []byte, ok bool) {
	if i, ok := v.AsInt(); ok {
		return strconv.AppendInt(b, i, 10), true
	}
	if f, ok := v.AsFloat(); ok {
		if f != math.Trunc(f) || math.Abs(f) >= maxFloatKey {
			return b, false
		}
		return strconv.AppendInt(b, int64(f), 10), true
	}
	if v.Kind() == targeting.KindInt {
		return v.AppendJSON(b), true
	}
	return b, false
}

// A split shares out requests between variants.
type split struct {
	bucketing
	shares []share
	ramp   *ramp // of the last share
}

// A share is the range of buckets up to an end, from where the one before ends.
type share struct {
	end      int
	decision *targeting.Decision
}

// pick returns what a split serves a request, or nil if the request goes on to the
// next rule. rule tells the draws of a request apart.
func (s *split) pick(r *targeting.Request, rule int) *targeting.Decision {
	var bucket int
	if s.isRandom() {
		bucket = draw(r, rule)
	} else {
		var ok bool
		if bucket, ok = s.bucket(r); !ok {
			return nil
		}
	}
	return s.at(bucket, r)
}

// at returns what the share of a bucket serves, or nil beyond the last share.
func (s *split) at(bucket int, r *targeting.Request) *targeting.Decision {
	if i := s.share(bucket); i < len(s.shares) {
		return s.shares[i].decision
	}
	return s.rampAt(bucket, r)
}

// share returns the position of the share that has a bucket, or the number of shares
// if none has. Which it is, no processor can foresee. So this counts the shares before
// it without a branch: for them the difference is negative.
func (s *split) share(bucket int) (position int) {
	for i := range s.shares {
		position += int(uint(s.shares[i].end-bucket-1) >> (bits.UintSize - 1))
	}
	return position
}

// rampAt returns what the ramp behind the shares serves to a bucket, or nil.
func (s *split) rampAt(bucket int, r *targeting.Request) *targeting.Decision {
	if s.ramp == nil {
		return nil
	}
	begin := 0
	if len(s.shares) > 0 {
		begin = s.shares[len(s.shares)-1].end
	}
	if bucket < begin+s.ramp.share(now(r)) {
		return s.ramp.decision
	}
	return nil
}

// draw draws a bucket. A request that has one draw for all evaluations of a flag, so
// that they agree, has another one for each rule: those who went on from one rule
// must not be drawn by the next for the same reason.
func draw(r *targeting.Request, rule int) int {
	if !r.Drawn {
		return rand.IntN(Buckets)
	}
	drawn := math.Float64bits(r.Random)
	var key [8]byte
	for i := range key {
		key[i] = byte(drawn >> (8 * i))
	}
	return int(xxhash.Sum64(key[:], uint64(rule)) % Buckets)
}

// now returns the time of a request: one for all that is asked about it.
func now(r *targeting.Request) time.Time {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	return r.Time
}

// A ramp is a share that changes with time. Times are in microseconds since 1970.
type ramp struct {
	decision   *targeting.Decision
	from, to   int
	start, end int64
}

// At returns the share at a time: a number of buckets, rounded down.
func (r *Ramp) At(at time.Time) int {
	p := ramp{from: r.From, to: r.To, start: r.Start.UnixMicro(), end: r.End.UnixMicro()}
	return p.share(at)
}

// share returns the share at a time, rounded down.
func (p *ramp) share(at time.Time) int {
	now := at.UnixMicro()
	switch {
	case now < p.start:
		return p.from
	case now >= p.end:
		return p.to
	}
	// The product may be beyond 64 bits.
	change := p.to - p.from
	high, low := bits.Mul64(uint64(max(change, -change)), uint64(now-p.start))
	quotient, rest := bits.Div64(high, low, uint64(p.end-p.start))
	if change >= 0 {
		return p.from + int(quotient)
	}
	if rest > 0 {
		quotient++
	}
	return p.from - int(quotient)
}
