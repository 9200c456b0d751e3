// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"testing"

	"github.com/flipper-go/flipper/openfeature/internal/providertest"
)

func TestMain(m *testing.M) { providertest.Main(m) }
