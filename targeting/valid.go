// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"errors"
	"unicode/utf8"
)

var errNotUTF8 = errors.New("is not valid UTF-8")

func validText(s string) error {
	if !utf8.ValidString(s) {
		return errNotUTF8
	}
	return nil
}

// validValue refuses text, anywhere in v, whose bytes would not come back as
// they are.
func validValue(v Value) error {
	switch v.kind {
	case KindText:
		return validText(v.text)
	case KindList:
		for _, element := range v.more.list {
			if err := validValue(element); err != nil {
				return err
			}
		}
	case KindObject:
		for _, m := range v.more.members {
			if err := errors.Join(validText(m.Key), validValue(m.Value)); err != nil {
				return err
			}
		}
	}
	return nil
}
