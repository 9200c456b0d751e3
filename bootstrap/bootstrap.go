// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package bootstrap reads the flags that a program starts with: from a file, or from
// a file that is compiled into the program.
//
//	//go:embed flags.json
//	var files embed.FS
//
//	flags, err := bootstrap.ReadFile(files, "flags.json")
//	...
//	created, err := bootstrap.Seed(ctx, s, flags) // if the store is empty
//
// The file is what the command "flipper export" writes.
//
// [Seed] is for a store without flags: a new environment, a developer's machine. For
// a store that cannot be reached when the program starts for the first time, give
// the flags to a mirror:
//
//	m := mirror.New(s, mirror.WithInitial(flags))
package bootstrap

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/store"
)

// ErrFormat says that a file is not one of exported flags, or that it is damaged, or
// has a flag that cannot be stored. The error that wraps it says where.
var ErrFormat = exchange.ErrFormat

// Read reads exported flags, and returns them by name. The error matches [ErrFormat],
// or is that of r.
func Read(r io.Reader) ([]*store.Flag, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}
	flags, err := exchange.Read(text)
	if err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}
	return flags, nil
}

// ReadFile is [Read] of a file, of an embed.FS or of os.DirFS. If there is none, the
// error matches [fs.ErrNotExist].
func ReadFile(files fs.FS, name string) (flags []*store.Flag, err error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read flags: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if flags, err = Read(f); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return flags, nil
}
