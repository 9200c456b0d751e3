// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import "errors"

// ErrKind says that a check or a percentage met a value of a kind that it is not
// defined for, such as text > number. The Python client raises TypeError there.
var ErrKind = errors.New("not defined for values of these kinds")
