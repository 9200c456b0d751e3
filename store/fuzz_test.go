// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/flipper-go/flipper/internal/vectors"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// FuzzFlag: reading never panics, what was read is written as it was, and a
// change of one part leaves the others.
func FuzzFlag(f *testing.F) {
	for _, c := range vectors.Cases[struct{ Item string }](f, "evaluate.json") {
		f.Add([]byte(c.Item))
	}
	for _, c := range vectors.Cases[itemCase](f, "items.json") {
		f.Add([]byte(c.Raw + c.Serialized))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := store.Decode("flag", text)
		if err != nil {
			if !errors.Is(err, store.ErrUnreadable) {
				t.Fatalf("error %v does not match ErrUnreadable", err)
			}
			return
		}
		written, err := store.Encode(read)
		if err != nil {
			if errors.Is(err, store.ErrInvalid) && len(text) > store.MaxFlagSize/2 {
				return
			}
			t.Fatalf("what was read is refused: %v", err)
		}
		again, err := store.Decode("flag", written)
		if err != nil {
			t.Fatalf("%s is not read back: %v", written, err)
		}
		rewritten, err := store.Encode(again)
		if err != nil || !bytes.Equal(written, rewritten) {
			t.Fatalf("written %s, then %s (%v)", written, rewritten, err)
		}
		if again.Enabled != read.Enabled || again.Meta() != read.Meta() && !bytes.Contains(text, []byte("Ramp")) { // which may begin when it is read
			t.Fatalf("%s became %s", read.Meta(), again.Meta())
		}

		changed := read.Clone()
		changed.Enabled = !changed.Enabled
		if written, err = store.Encode(changed); err != nil {
			t.Fatal(err)
		}
		if again, err = store.Decode("flag", written); err != nil {
			t.Fatal(err)
		}
		switch {
		case again.Enabled == read.Enabled:
			t.Fatalf("enabled is still %t", again.Enabled)
		case again.ClientData != read.ClientData && read.ClientData != "":
			t.Fatalf("client data %s became %s", read.ClientData, again.ClientData)
		case !again.Created.Equal(read.Created), again.Bucketer.JSON() != read.Bucketer.JSON(), len(again.Conditions) != len(read.Conditions):
			t.Fatalf("%s became %s", text, written)
		}
		r := &targeting.Request{Attrs: []targeting.Attr{{Name: "user_id", Value: targeting.Int(1)}}, Random: 0.5, Drawn: true}
		if _, err := read.Evaluate(r, nil); err != nil && !errors.Is(err, carta.ErrKind) {
			t.Fatalf("error %v does not match ErrKind", err)
		}
	})
}
