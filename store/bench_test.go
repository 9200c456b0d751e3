// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

// typical returns the stored form of a flag with two conditions, as many have.
func typical(tb testing.TB, name string) []byte {
	tb.Helper()
	text, err := store.Encode(&store.Flag{
		Name: name, Enabled: true, Created: time.Unix(1_700_000_000, 0),
		Conditions: []carta.Condition{
			carta.NewCondition(carta.GreaterOrEqual("age", 18)),
			carta.NewCondition(carta.In("plan", "pro", "team")),
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// A flag with two conditions takes at most 1 KiB, all that it holds included.
func TestFlagSize(t *testing.T) {
	const count, most = 20_000, 1 << 10
	var texts [count][]byte
	var names [count]string
	for i := range count {
		names[i] = fmt.Sprint("FLAG_", i)
		texts[i] = typical(t, names[i])
	}
	flags := make([]*store.Flag, count)
	before := heap()
	for i := range count {
		f, err := store.Decode(names[i], texts[i])
		if err != nil {
			t.Fatal(err)
		}
		f.Revision = fmt.Sprint(i)
		flags[i] = f
	}
	size := (heap() - before) / count
	t.Logf("%d bytes, of which the stored form is %d", size, len(texts[0]))
	if size > most {
		t.Errorf("a flag takes %d bytes, at most %d are allowed", size, most)
	}
	runtime.KeepAlive(flags)
	runtime.KeepAlive(texts)
	runtime.KeepAlive(names)
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func BenchmarkDecode(b *testing.B) {
	for name, text := range map[string][]byte{
		"two conditions": typical(b, "NEW_CHECKOUT"),
		"plain":          []byte(`{"feature_name": "NEW_CHECKOUT", "is_enabled": true, "meta": {"client_data": {"team": "checkout"}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`),
		"sticky":         []byte(`{"feature_name": "NEW_CHECKOUT", "is_enabled": true, "meta": {"client_data": {}, "created_date": 1700000000, "conditions": [], "bucketer": {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["user_id"]}}}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := store.Decode("NEW_CHECKOUT", text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	f, err := store.Decode("NEW_CHECKOUT", typical(b, "NEW_CHECKOUT"))
	if err != nil {
		b.Fatal(err)
	}
	for name, change := range map[string]func(f *store.Flag){
		"as it was read": func(*store.Flag) {},
		"changed":        func(f *store.Flag) { f.Enabled = !f.Enabled },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			clone := f.Clone()
			for b.Loop() {
				change(clone)
				if _, err := store.Encode(clone); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
