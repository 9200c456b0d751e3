// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"

	"github.com/flipper-go/flipper/targeting"
)

// What callers branch on. Match them with [errors.Is]: a store may wrap them to
// say more.
var (
	// ErrNotFound says that there is no flag of that name.
	ErrNotFound = errors.New("flag not found")

	// ErrExists says that a flag of that name exists already.
	ErrExists = errors.New("flag already exists")

	// ErrConflict says that the flag was changed or deleted after the revision
	// that was to be replaced. [Update] reads the flag anew and tries again.
	ErrConflict = errors.New("flag was changed meanwhile")

	// ErrInvalid says that a flag, or a part of one, cannot be stored. The error
	// that wraps it names the field and the rule.
	ErrInvalid = targeting.ErrInvalid

	// ErrInvalidName says that a name cannot be stored. It wraps ErrInvalid.
	ErrInvalidName = fmt.Errorf("name: %w", ErrInvalid)

	// ErrUnreadable says that something is stored under the name which is not a
	// readable flag. The error is an [*UnreadableError].
	ErrUnreadable = errors.New("stored flag is unreadable")

	// ErrUnavailable says that the store could not be asked: its server cannot
	// be reached, did not answer in time or refused.
	ErrUnavailable = errors.New("store is unavailable")

	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store is closed")
)

// An UnreadableError is about one flag whose stored form cannot be read. It
// matches [ErrUnreadable].
type UnreadableError struct {
	Name string // the flag's name, from its key in the store
	Err  error  // what is wrong with the stored form
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("stored flag %q is unreadable: %v (repair its stored form, or delete the flag)", e.Name, e.Err)
}

// Is reports whether target is [ErrUnreadable].
func (e *UnreadableError) Is(target error) bool { return target == ErrUnreadable }

// Unwrap returns what is wrong with the stored form.
func (e *UnreadableError) Unwrap() error { return e.Err }
