// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/flipper-go/flipper/api/environment"
	"github.com/flipper-go/flipper/api/token"
)

// TicketLifetime is how often tickets become others. One is valid for at least that
// long after it was made, and for less than twice as long.
const TicketLifetime = time.Hour

// Ticket returns what stands for the call's token in a URL, where nothing secret
// belongs: an EventSource of a browser cannot send headers. It is for one purpose in one
// environment, expires soon, and ends with its token. Within [TicketLifetime] all
// tickets are the same. Without tokens there is none, "".
//
// It is signed with a key that is made of the token's digest, so each server that knows
// the token takes it, also after a restart.
func (c *Call) Ticket(env *environment.Environment, purpose string) string {
	if c.access.tokens == nil {
		return ""
	}
	t := ticket{
		expires: time.Now().Truncate(TicketLifetime).Add(2 * TicketLifetime),
		env:     env.Name(),
		token:   c.Token.Name,
	}
	return t.sign(c.Token.Digest, purpose)
}

// AdmitTicket is [Access.Admit] for a call that may have a ticket for a purpose instead
// of a token. The ticket allows what the role [token.Evaluate] does, in the environment
// that it is for.
func (a *Access) AdmitTicket(w http.ResponseWriter, r *http.Request, signed, purpose string) (*Call, error) {
	if signed == "" || a.tokens == nil {
		return a.Admit(w, r, token.Evaluate)
	}
	if err := a.checkOrigin(w, r); err != nil {
		return nil, err
	}
	invalid := refusalf(http.StatusUnauthorized, "The ticket is wrong, or it has expired: ask for a new one.")
	t, err := parseTicket(signed)
	if err != nil {
		return nil, invalid
	}
	found, err := a.tokens.Named(t.token)
	switch {
	case errors.Is(err, token.ErrUnknown) || err == nil && !hmac.Equal([]byte(signed), []byte(t.sign(found.Digest, purpose))):
		if wait := a.limits.failed(r.RemoteAddr); wait > 0 {
			return nil, &Refusal{Status: http.StatusTooManyRequests, Detail: "Too many wrong tickets came from this address.", RetryAfter: wait}
		}
		return nil, invalid
	case err != nil:
		return nil, err
	case !time.Now().Before(t.expires):
		return nil, invalid
	}
	if wait := a.limits.exceeded(found); wait > 0 {
		return nil, &Refusal{Status: http.StatusTooManyRequests, Detail: "The token makes too many calls.", RetryAfter: wait}
	}
	if caller := callerOf(r.Context()); caller != nil {
		caller.token = found.Name
	}
	return &Call{access: a, named: t.env, Token: found, Role: min(found.Role, token.Evaluate)}, nil
}

// Stands reports whether the call would still be let in: for what lasts longer than a
// token may.
func (c *Call) Stands() bool {
	if c.access.tokens == nil {
		return true
	}
	t, err := c.access.tokens.Named(c.Token.Name)
	if errors.Is(err, token.ErrUnknown) {
		return false
	}
	return err != nil || t.Digest.Equal(c.Token.Digest) // a file that cannot be read now says nothing
}

// A ticket is what its text says.
type ticket struct {
	expires time.Time
	env     string
	token   string
}

var errTicket = errors.New("no ticket")

// sign returns the text of a ticket. Its parts are such that no two tickets have the
// same text.
func (t ticket) sign(key token.Digest, purpose string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := strconv.FormatInt(t.expires.Unix(), 10) + "." + encode([]byte(t.env)) + "." + encode([]byte(t.token))
	mac := hmac.New(sha256.New, key[:])
	mac.Write([]byte("flipper ticket\x00" + purpose + "\x00" + text))
	return text + "." + encode(mac.Sum(nil))
}

func parseTicket(text string) (t ticket, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return t, errTicket
	}
	expires, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return t, err
	}
	t.expires = time.Unix(expires, 0)
	for i, to := range []*string{&t.env, &t.token} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i+1])
		if err != nil {
			return t, err
		}
		*to = string(b)
	}
	return t, nil
}
