// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"fmt"
	"strings"
)

// A Role says what the bearer of a token may do. Each role may do what those before it
// may.
type Role int

// The roles. The zero Role may do nothing.
const (
	_ Role = iota
	// Evaluate asks for answers. It sees neither rules nor client data.
	Evaluate
	// Read sees flags with all that they hold.
	Read
	// Write changes flags.
	Write
	// Admin does what concerns the server itself.
	Admin
)

var roleNames = [...]string{Evaluate: "evaluate", Read: "read", Write: "write", Admin: "admin"}

// Roles lists the names of the roles, from the one that may do least, for help and
// error messages.
const Roles = "evaluate, read, write or admin"

// ParseRole returns the role of a name.
func ParseRole(name string) (Role, error) {
	for role := Evaluate; role <= Admin; role++ {
		if roleNames[role] == name {
			return role, nil
		}
	}
	return 0, fmt.Errorf("%w: role %q: use %s", ErrInvalid, strings.ToValidUTF8(name, "\uFFFD"), Roles)
}

// May reports whether the role may do what needs another.
func (r Role) May(needed Role) bool { return r >= needed }

// String returns the role's name.
func (r Role) String() string {
	if r < Evaluate || r > Admin {
		return "none"
	}
	return roleNames[r]
}

// MarshalText returns the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the role's name.
func (r *Role) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRole(string(text))
	return err
}
