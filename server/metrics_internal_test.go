// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"testing"
	"time"

	"github.com/flipper-go/flipper/thrift"
)

// What metrics add to each call.
func BenchmarkCallEnded(b *testing.B) {
	m, err := newMetrics(map[string]string{"environment": "test"}, "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.CallEnded("GetStored", thrift.OutcomeOK, time.Millisecond)
		}
	})
}
