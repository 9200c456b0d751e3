// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"cmp"
	"fmt"
	"unicode/utf8"
)

func validText(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w text: %q is not valid UTF-8", ErrInvalid, s)
	}
	return nil
}

// Validate says why a value cannot be stored: text in it, at any depth, is not
// valid UTF-8, so it would not come back as it is. The error matches
// [ErrInvalid].
func (v Value) Validate() error {
	switch v.Kind() {
	case KindText:
		return validText(v.text)
	case KindList:
		for _, element := range v.more.list {
			if err := element.Validate(); err != nil {
				return err
			}
		}
	case KindObject:
		for _, m := range v.more.members() {
			if err := cmp.Or(validText(m.Key), m.Value.Validate()); err != nil {
				return err
			}
		}
	}
	return nil
}
