// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thriftrpc

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/flipper-go/flipper/store"
)

const (
	// maxDecoded is how many flags are kept, and maxDecodedText how large one may
	// be, in bytes of its stored form.
	maxDecoded     = 1024
	maxDecodedText = 8 << 10
)

// decodedFlags are the flags that the service gave last, with the text that each
// was made of. The service is asked every time; only if its answer is the same as
// before, the flag is, and need not be made again. It is safe for concurrent use.
type decodedFlags struct {
	flags *lru.Cache[string, decodedFlag]
}

type decodedFlag struct {
	text string
	flag *store.Flag
}

func newDecodedFlags() decodedFlags {
	flags, err := lru.New[string, decodedFlag](maxDecoded)
	if err != nil {
		panic(err) // the size is not positive
	}
	return decodedFlags{flags}
}

// decode is [store.Decode], with a revision.
func decode(name, text, revision string) (*store.Flag, error) {
	f, err := store.Decode(name, []byte(text))
	if err != nil {
		return nil, err
	}
	f.Revision = revision
	return f, nil
}

// decode is decode, unless the flag is known.
func (d decodedFlags) decode(name, text, revision string) (*store.Flag, error) {
	if last, ok := d.flags.Get(name); ok && last.text == text && last.flag.Revision == revision {
		return last.flag, nil
	}
	f, err := decode(name, text, revision)
	if err != nil {
		return nil, err
	}
	if len(text) <= maxDecodedText {
		d.flags.Add(name, decodedFlag{text, f})
	}
	return f, nil
}
