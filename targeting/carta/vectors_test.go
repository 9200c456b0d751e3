// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package carta

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/flipper-go/flipper/targeting"
)

// The package that reads vectors imports this one, so this test, which needs the
// inside of it, reads its file itself.

func TestVectorsHashed(t *testing.T) {
	for _, c := range hashingCases(t) {
		b := &bucketer{kind: consistentHash}
		for _, key := range c.KeyWhitelist {
			b.keys = append(b.keys, targeting.Text(key))
		}
		b.compile()
		if got := string(b.appendHashed(nil, &targeting.Request{Attrs: c.attrs(t)})); got != c.Serialized {
			t.Errorf("%s: hashed text\n got %s\nwant %s", c.ID, got, c.Serialized)
		}
	}
}

type hashingCase struct {
	ID           string
	Attributes   json.RawMessage
	KeyWhitelist []string `json:"key_whitelist"`
	Serialized   string
}

func hashingCases(t *testing.T) []hashingCase {
	text, err := os.ReadFile("../../testdata/vectors/hashing.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Cases []hashingCase }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.Cases
}

func (c hashingCase) attrs(t *testing.T) []targeting.Attr {
	// Floats that are not finite stand as objects in the file, and as themselves
	// in the text.
	text := c.Attributes
	for _, name := range []string{"NaN", "Infinity", "-Infinity"} {
		text = bytes.ReplaceAll(text, []byte(`{"$float": "`+name+`"}`), []byte(name))
	}
	v, err := targeting.ParseJSON(targeting.JSON(text))
	if err != nil {
		t.Fatal(err)
	}
	var attrs []targeting.Attr
	for _, m := range v.Members() {
		attrs = append(attrs, targeting.Attr{Name: m.Key, Value: m.Value})
	}
	return attrs
}
