// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bytes"
	"sync"
	"time"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/targeting/carta"
)

const (
	maxDecoded     = 1024 // flags, so at most 4 MiB of stored forms
	maxDecodedSize = 4096 // bytes of a stored form
)

// decodedFlags remembers what stored forms say. To read one takes about a third
// of the time that its round trip takes, and nearly every Get finds what the one
// before found. Its zero value remembers nothing yet.
type decodedFlags struct {
	mu     sync.Mutex
	byName map[string]decodedFlag
}

type decodedFlag struct {
	text string
	flag *store.Flag
}

// flag is [value.flag].
func (d *decodedFlags) flag(name string, v value) (*store.Flag, error) {
	d.mu.Lock()
	known, ok := d.byName[name]
	d.mu.Unlock()
	if ok && known.text == v.text && !v.otherType {
		return known.flag, nil
	}
	f, err := v.flag(name)
	if err == nil && len(v.text) <= maxDecodedSize && isTimeless(f) {
		d.put(name, decodedFlag{v.text, f})
	}
	return f, err
}

// isTimeless reports whether the flag's stored form says the same whenever it is
// read. A ramp without a start begins when it is read.
func isTimeless(f *store.Flag) bool {
	if !f.Bucketer.Percentage().IsRamp() {
		return true
	}
	other, err := carta.ParseBucketer(f.Bucketer.JSON(), time.Unix(0, 0))
	return err == nil && bytes.Equal(other.AppendCanonical(nil), f.Bucketer.AppendCanonical(nil))
}

func (d *decodedFlags) put(name string, flag decodedFlag) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byName == nil {
		d.byName = make(map[string]decodedFlag)
	}
	if _, ok := d.byName[name]; !ok && len(d.byName) >= maxDecoded {
		for any := range d.byName {
			delete(d.byName, any)
			break
		}
	}
	d.byName[name] = flag
}
