// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package limitedlog_test

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flipper-go/flipper/internal/limitedlog"
)

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := limitedlog.New(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey {
					return slog.Attr{}
				}
				return a
			},
		})))
		for i := range 100 {
			log.Warn("one", "i", i)
			log.Error("another", "i", i)
		}
		time.Sleep(time.Second)
		log.Warn("one", "i", 100)
		time.Sleep(time.Second)
		log.Warn("one", "i", 101)
		const want = `level=WARN msg=one i=0
level=ERROR msg=another i=0
level=WARN msg=one i=100 suppressed=99
level=WARN msg=one i=101
`
		if b.String() != want {
			t.Errorf("%s", b.String())
		}
	})
}
