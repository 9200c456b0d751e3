// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import "github.com/flipper-go/flipper/internal/jsonscan"

// ErrInvalid says that a value, a rule, or another part of a flag cannot be used or
// stored. The error that wraps it names the field and says what to write.
var ErrInvalid = jsonscan.ErrInvalid
