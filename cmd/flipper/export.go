// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/internal/exchange"
	"github.com/flipper-go/flipper/store"
)

// progressEvery is after how many flags progress is shown anew.
const progressEvery = 100

func (p *program) exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write all flags to a file, or to standard output",
		ArgsUsage: "[FILE]",
		Description: "The file is JSON, with the flags' stored forms, byte for byte; import reads it.\n" +
			"FILE is replaced only when all flags are written. Flags that are unreadable are\n" +
			"left out, and the exit code is 1.",
		Action: p.withStore(existing, p.export),
	}
}

func (p *program) export(ctx context.Context, c *cli.Command, s *opened) error {
	if c.NArg() > 1 {
		return usagef("export takes one file at most (see %s --help)", c.FullName())
	}
	flags := p.withProgress("exported", s.List(ctx))
	path := c.Args().First()
	if path == "" || path == "-" {
		_, err := exchange.Write(p.out, flags)
		return err
	}
	var n int
	err := replaceFile(path, func(w io.Writer) (err error) {
		n, err = exchange.Write(w, flags)
		return err
	})
	if err == nil || errors.Is(err, store.ErrUnreadable) {
		return errors.Join(p.printf("exported %d flags to %s", n, path), err)
	}
	return err
}

// withProgress shows how many flags have come by.
func (p *program) withProgress(verb string, flags iter.Seq2[*store.Flag, error]) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		n, done := 0, func() {}
		defer func() { done() }()
		for f, err := range flags {
			if n++; n%progressEvery == 0 {
				done = p.report("%s %d flags", verb, n)
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// replaceFile writes a file beside the one of that path, and puts it in its place
// when it is whole. What write tells of unreadable flags does not stop that. A
// link stays, and what it names is replaced; what is no file, such as a device or
// a named pipe, is written to: only files can be replaced.
func replaceFile(path string, write func(io.Writer) error) error {
	mode := os.FileMode(0o600) // client data may be nobody else's business
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("export: %w", err)
	case info.IsDir():
		return fmt.Errorf("export: %s is a folder: name a file in it", path)
	case !info.Mode().IsRegular():
		return writeDevice(path, write)
	default:
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".flipper-export-*")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	writeErr := write(f)
	err = writeErr
	if err == nil || errors.Is(err, store.ErrUnreadable) {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("export: %w", err)
	}
	return writeErr
}

// writeDevice writes to what is there.
func writeDevice(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	err = write(f)
	if e := f.Close(); e != nil && (err == nil || errors.Is(err, store.ErrUnreadable)) {
		err = e
	}
	if err != nil && !errors.Is(err, store.ErrUnreadable) {
		return fmt.Errorf("export: %w", err)
	}
	return err
}
