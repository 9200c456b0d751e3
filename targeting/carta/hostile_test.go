// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// maxFlagSize is what a store takes of one flag, so what a reader has to cope
// with.
const maxFlagSize = 512 << 10

// repeat joins the texts of as many items as fit into size bytes.
func repeat(size int, item func(i int) string) string {
	var b strings.Builder
	for i := 0; ; i++ {
		text := item(i)
		if b.Len()+len(text)+2 > size {
			return b.String()
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
}

// hostileTexts are what takes longest to read at a given size.
var hostileTexts = []struct {
	name string
	text func(size int) string
	read func(text targeting.JSON) error
}{
	{"object with many keys", func(size int) string {
		return "{" + repeat(size, func(i int) string { return fmt.Sprintf(`"%d": 0`, i) }) + "}"
	}, readValue},
	{"checks on many variables", func(size int) string {
		return `[{"": [` + repeat(size, func(i int) string {
			return fmt.Sprintf(`{"variable": "%06d", "value": 0, "operator": null}`, i)
		}) + `]}]`
	}, readConditions},
	{"many conditions", func(size int) string {
		return `[` + repeat(size, func(int) string { return `{}` }) + `]`
	}, readConditions},
	{"whitelist of many names", func(size int) string {
		return string(whitelist(repeat(size, func(i int) string { return fmt.Sprintf(`"%06d"`, i) })))
	}, readBucketer},
	{"whitelist of many ints", func(size int) string {
		return string(whitelist(repeat(size, func(i int) string { return fmt.Sprint(i) })))
	}, readBucketer},
	{"whitelist of many floats", func(size int) string {
		return string(whitelist(repeat(size, func(i int) string { return fmt.Sprintf("%de300", i) })))
	}, readBucketer},
	{"whitelist of NaNs", func(size int) string {
		return string(whitelist(repeat(size, func(int) string { return "NaN" })))
	}, readBucketer},
	{"whitelist of text", func(size int) string {
		var b strings.Builder
		for r := rune(0x10000); b.Len() < size; r++ {
			b.WriteRune(r)
		}
		return `{"type": "ConsistentHashPercentageBucketer", "key_whitelist": "` + b.String() + `"}`
	}, readBucketer},
	{"long ints", func(size int) string {
		return "[" + repeat(size, func(int) string { return strings.Repeat("9", 4300) }) + "]"
	}, readValue},
	{"one int too long", func(size int) string { return strings.Repeat("9", size) }, readValue},
	{"one long float", func(size int) string { return "0." + strings.Repeat("9", size) }, readValue},
	{"deep lists", func(size int) string { return strings.Repeat("[", size) }, readValue},
	{"deep objects", func(size int) string { return strings.Repeat(`{"":`, size/4) }, readValue},
	{"many escapes", func(size int) string { return `"` + strings.Repeat(`\ud800`, size/6) + `"` }, readValue},
}

func whitelist(keys string) targeting.JSON {
	return targeting.JSON(`{"type": "ConsistentHashPercentageBucketer", "key_whitelist": [` + keys + `]}`)
}

func readValue(text targeting.JSON) error {
	_, err := targeting.ParseJSON(text)
	return err
}

func readConditions(text targeting.JSON) error {
	_, err := carta.ParseConditions(text)
	return err
}

func readBucketer(text targeting.JSON) error {
	_, err := carta.ParseBucketer(text, time.Time{})
	return err
}

// TestHostileTexts holds reading to linear time: a flag of the largest size is
// read in a fraction of a second. The limit is far from that, and also from the
// minutes that comparing each key with all others takes.
func TestHostileTexts(t *testing.T) {
	const limit = 20 * time.Second
	for _, h := range hostileTexts {
		t.Run(h.name, func(t *testing.T) {
			text := targeting.JSON(h.text(maxFlagSize))
			began := time.Now()
			if err := h.read(text); err != nil && !errors.Is(err, targeting.ErrInvalid) {
				t.Error(err)
			}
			if took := time.Since(began); took > limit {
				t.Errorf("reading %d bytes took %v", len(text), took)
			}
		})
	}
}
