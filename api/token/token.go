// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package token holds the tokens with which clients of the HTTP API identify
// themselves.
//
// A token is 256 random bits, shown once, when it is made. What is kept is its
// SHA-256, so whoever reads the file of tokens cannot use them. Each token has a name,
// a [Role], and the environments that it is for.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

var (
	// ErrInvalid says that a token cannot be made as asked for. The error that wraps it
	// names the field and says what to write.
	ErrInvalid = errors.New("invalid token")

	// ErrUnknown says that nobody has this token: it was never made, or it was revoked.
	ErrUnknown = errors.New("unknown token")
)

// prefix begins every token, so that people and scanners of secrets know one when they
// see it.
const prefix = "flipper_"

// A Digest is the SHA-256 of a token's text.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a token's text.
func DigestOf(secret string) Digest { return sha256.Sum256([]byte(secret)) }

// Equal compares two digests in constant time.
func (d Digest) Equal(other Digest) bool { return subtle.ConstantTimeCompare(d[:], other[:]) == 1 }

// MarshalText returns the digest in base64.
func (d Digest) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, d[:]), nil
}

// UnmarshalText reads what MarshalText returns.
func (d *Digest) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(b) != len(d) {
		return fmt.Errorf("%w: the digest is no SHA-256 in base64", ErrInvalid)
	}
	copy(d[:], b)
	return nil
}

// A Token is what is kept of a token.
type Token struct {
	// Name tells people what the token is for. It is unique among those in use.
	Name string `json:"name"`
	// Digest recognizes the token.
	Digest Digest `json:"sha256"`
	// Role is what its bearer may do.
	Role Role `json:"role"`
	// Environments are those that the token is for. None stands for all.
	Environments []string `json:"environments,omitempty"`
	// Created is when it was made.
	Created time.Time `json:"created"`
	// Revoked is when it was revoked, the zero time if it was not.
	Revoked time.Time `json:"revoked,omitzero"`
}

// maxName is the longest name of a token, in bytes.
const maxName = 100

// New makes a token, and returns its text too, which is not kept anywhere.
func New(name string, role Role, environments ...string) (t Token, secret string, err error) {
	if err := checkName(name); err != nil {
		return Token{}, "", err
	}
	if role < Evaluate || role > Admin {
		return Token{}, "", fmt.Errorf("%w: role: use %s", ErrInvalid, Roles)
	}
	if slices.Contains(environments, "") {
		return Token{}, "", fmt.Errorf("%w: environment: the name is empty: leave it out for all environments", ErrInvalid)
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails: it ends the process instead
	secret = prefix + base64.RawURLEncoding.EncodeToString(random)
	return Token{
		Name:         name,
		Digest:       DigestOf(secret),
		Role:         role,
		Environments: slices.Clone(environments),
		Created:      time.Now().UTC().Truncate(time.Second),
	}, secret, nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: name: it is empty: say what the token is for", ErrInvalid)
	case len(name) > maxName:
		return fmt.Errorf("%w: name: it has %d bytes: use at most %d", ErrInvalid, len(name), maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: name: it is not valid UTF-8", ErrInvalid)
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: name: it has the character %U: use characters that can be seen", ErrInvalid, r)
		}
	}
	return nil
}

// For reports whether the token is for an environment.
func (t Token) For(environment string) bool {
	return len(t.Environments) == 0 || slices.Contains(t.Environments, environment)
}

// Tokens finds tokens by their text. Implementations are safe for concurrent use.
type Tokens interface {
	// Find returns the token of a text. If there is none, or it was revoked, the error
	// matches [ErrUnknown].
	Find(secret string) (Token, error)

	// Named returns the token of a name, among those in use. If there is none, the error
	// matches [ErrUnknown].
	Named(name string) (Token, error)
}

// A Set is a fixed set of tokens, for tests and for programs that keep them elsewhere.
type Set map[Digest]Token

// NewSet makes a set of tokens.
func NewSet(tokens ...Token) Set {
	s := make(Set, len(tokens))
	for _, t := range tokens {
		s[t.Digest] = t
	}
	return s
}

// Find is what [Tokens] asks for. What the time of a lookup tells is about the
// digest, from which nobody gets to the token.
func (s Set) Find(secret string) (Token, error) {
	digest := DigestOf(secret)
	t, ok := s[digest]
	if !ok || !t.Digest.Equal(digest) || !t.Revoked.IsZero() {
		return Token{}, ErrUnknown
	}
	return t, nil
}

// Named is what [Tokens] asks for.
func (s Set) Named(name string) (Token, error) {
	for _, t := range s {
		if t.Name == name && t.Revoked.IsZero() {
			return t, nil
		}
	}
	return Token{}, ErrUnknown
}
