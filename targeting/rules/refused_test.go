// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/rules"
)

// refused makes a definition that must be refused at a path, with a remedy.
func refused(t *testing.T, d rules.Definition, path, remedy string) {
	t.Helper()
	_, err := rules.New("flag", d)
	checkRefused(t, err, path, remedy)
}

func checkRefused(t *testing.T, err error, path, remedy string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("nothing is refused at %s", path)
	case !errors.Is(err, targeting.ErrInvalid):
		t.Errorf("%v is not ErrInvalid", err)
	case !strings.Contains(err.Error(), "invalid "+path+": ") || !strings.Contains(err.Error(), remedy):
		t.Errorf("got  %v\nwant invalid %s: ... %s", err, path, remedy)
	}
}
