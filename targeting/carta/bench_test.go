// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"crypto/sha1"
	"testing"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// BenchmarkEvaluate is the time of one decision, with the request made in the
// call.
func BenchmarkEvaluate(b *testing.B) {
	for _, s := range shapes() {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.evaluate(1, "pro"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSHA1 is the hash alone that a sticky percentage has to compute: most
// of the time that BenchmarkEvaluate takes for it.
func BenchmarkSHA1(b *testing.B) {
	hashed := []byte(`[["user_id", 1]]`)
	b.ReportAllocs()
	for b.Loop() {
		_ = sha1.Sum(hashed)
	}
}

// BenchmarkParse reads what a flag with a rule and a rollout is stored as.
func BenchmarkParse(b *testing.B) {
	conditions := `[{"age": [{"variable": "age", "value": 18, "operator": "gte"}], "plan": [{"variable": "plan", "value": ["pro", "team"], "operator": "in"}]}]`
	b.ReportAllocs()
	for b.Loop() {
		if _, err := carta.ParseConditions(targeting.JSON(conditions)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPage is a page that asks for 20 flags with the same whitelist, with one
// request for all, and with one for each.
func BenchmarkPage(b *testing.B) {
	bucketers := make([]carta.Bucketer, 20)
	for i := range bucketers {
		bucketers[i] = carta.NewConsistentHashBucketer(carta.FixedPercentage(float64(i+1)/40), "user_id")
	}
	attrs := []targeting.Attr{{Name: "user_id", Value: targeting.Int(7)}}
	b.Run("one request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := targeting.Request{Attrs: attrs}
			for _, bucketer := range bucketers {
				_, _, _ = carta.Evaluate(true, nil, bucketer, &r)
			}
		}
	})
	b.Run("20 requests", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, bucketer := range bucketers {
				_, _, _ = carta.Evaluate(true, nil, bucketer, &targeting.Request{Attrs: attrs})
			}
		}
	})
}
