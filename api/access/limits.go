// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/flipper-go/flipper/api/token"
)

const (
	// remembered is how many tokens and addresses are counted at most. The one that was
	// heard of longest ago is forgotten first.
	remembered = 10_000

	// How many wrong tokens an address may send: so many at once, and one a second.
	failureBurst = 20
	failureRate  = rate.Limit(1)
)

// limits count the calls of tokens, and the failures of addresses.
type limits struct {
	rate     rate.Limit
	burst    int
	calls    *lru.Cache[token.Digest, *rate.Limiter]
	failures *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newLimits() *limits {
	// A cache cannot be made only if its size is not positive.
	calls, _ := lru.New[token.Digest, *rate.Limiter](remembered)
	failures, _ := lru.New[netip.Prefix, *rate.Limiter](remembered)
	return &limits{rate: rate.Inf, calls: calls, failures: failures}
}

func (l *limits) setRate(perSecond float64, burst int) {
	l.rate, l.burst = rate.Limit(perSecond), burst
}

// exceeded counts a call of a token, and returns how long the token has to wait for the
// next if it was one too many.
func (l *limits) exceeded(t token.Token) time.Duration {
	if l.rate == rate.Inf {
		return 0
	}
	return take(l.calls, t.Digest, l.rate, l.burst)
}

// failed counts a wrong token of an address, and returns how long it has to wait if it
// was one too many. Whoever has one IPv6 address has a whole network of them.
func (l *limits) failed(remote string) time.Duration {
	var network netip.Prefix
	if peer, err := netip.ParseAddrPort(remote); err == nil {
		bits := 64
		if peer.Addr().Unmap().Is4() {
			bits = 32
		}
		network, _ = peer.Addr().Unmap().WithZone("").Prefix(bits)
	}
	return take(l.failures, network, failureRate, failureBurst)
}

func take[K comparable](limiters *lru.Cache[K, *rate.Limiter], key K, limit rate.Limit, burst int) time.Duration {
	limiter, ok := limiters.Get(key)
	if !ok {
		limiter = rate.NewLimiter(limit, burst)
		if earlier, found, _ := limiters.PeekOrAdd(key, limiter); found {
			limiter = earlier
		}
	}
	reservation := limiter.Reserve()
	wait := reservation.Delay()
	if wait > 0 {
		reservation.Cancel() // a call that was refused costs nothing
	}
	return wait
}
