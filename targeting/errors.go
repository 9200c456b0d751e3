// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import "errors"

var (
	// ErrInvalid says that a value, condition, bucketer or percentage cannot be
	// used or stored. The error that wraps it names the field and the rule.
	ErrInvalid = errors.New("invalid")

	// ErrKind says that a check or a percentage met a value of a kind that it is
	// not defined for, such as text > number. The Python client raises TypeError
	// there.
	ErrKind = errors.New("not defined for values of these kinds")
)
