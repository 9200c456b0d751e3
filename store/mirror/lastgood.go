// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/flipper-go/flipper/internal/snapshot"
	"github.com/flipper-go/flipper/store"
)

const (
	// saveDelay is how long changes are collected before the file is written.
	saveDelay = time.Second

	lastGoodFormat = "flipper last good flags, version 1"
)

// A lastGoodFile is the content of the file, in JSON. Stored forms are texts in
// it, so that they stay as they are to the byte.
type lastGoodFile struct {
	Format     string               `json:"format"`
	Saved      time.Time            `json:"saved"`
	Flags      []lastGoodFlag       `json:"flags"`
	Unreadable []lastGoodUnreadable `json:"unreadable,omitempty"`
}

type lastGoodFlag struct {
	Name     string `json:"name"`
	Revision string `json:"revision"`
	Stored   string `json:"stored"`
}

type lastGoodUnreadable struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// keepLastGood writes the file some time after each change, and when the mirror
// is closed.
func (s *Store) keepLastGood() {
	var saved snapshot.View
	save := func() {
		now := s.copy.flags.Held()
		if now == saved || !s.state.isReady() || s.state.isFromElsewhere() {
			return
		}
		if err := writeLastGood(s.lastGood, now); err != nil {
			s.report("the last good flags cannot be saved", err)
		}
		saved = now
	}
	for _, err := range s.notifier.Watch(s.ctx) {
		if err != nil {
			continue // nothing changed, as far as anyone knows
		}
		sleep(s.ctx, saveDelay, nil)
		save()
	}
	save()
}

func writeLastGood(path string, flags snapshot.View) (err error) {
	content := lastGoodFile{Format: lastGoodFormat, Saved: time.Now().UTC(), Flags: []lastGoodFlag{}}
	for _, name := range flags.Names() {
		f, err := flags.Get(name)
		if unreadable, ok := errors.AsType[*store.UnreadableError](err); ok {
			content.Unreadable = append(content.Unreadable, lastGoodUnreadable{name, fmt.Sprint(unreadable.Err)})
			continue
		}
		stored, err := store.Encode(f)
		if err != nil {
			// Another client wrote it, and we would not; it is read from there.
			content.Unreadable = append(content.Unreadable, lastGoodUnreadable{name, err.Error()})
			continue
		}
		content.Flags = append(content.Flags, lastGoodFlag{name, f.Revision, string(stored)})
	}
	text, err := json.MarshalIndent(content, "", "\t")
	if err != nil {
		return err
	}
	return replaceFile(path, text)
}

// replaceFile puts a file in the place of another, so that whoever reads it, also
// after a crash, has the one or the other.
func replaceFile(path string, text []byte) (err error) {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if d, err := os.Open(folder); err == nil {
		_ = d.Sync() // not every system can
		_ = d.Close()
	}
	return nil
}

// loadLastGood takes the flags of the file, if there is one that is of use.
func (s *Store) loadLastGood() bool {
	if s.lastGood == "" {
		return false
	}
	saved, all, err := readLastGood(s.lastGood)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false
	case err != nil:
		s.report("the last good flags cannot be used", err)
		return false
	}
	s.copy.setAll(0, all)
	s.state.readElsewhere(saved)
	s.logger.Warn("flag mirror: starting with the last good flags", "file", s.lastGood, "saved", saved, "flags", len(all))
	return true
}

func readLastGood(path string) (saved time.Time, all []listed, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return saved, nil, err
	}
	var content lastGoodFile
	if err := json.Unmarshal(text, &content); err != nil {
		return saved, nil, fmt.Errorf("%s: %w", path, err)
	}
	if content.Format != lastGoodFormat {
		return saved, nil, fmt.Errorf("%s: not a file of last good flags: its format is %q", path, content.Format)
	}
	for _, kept := range content.Flags {
		f, err := store.Decode(kept.Name, []byte(kept.Stored))
		if err != nil {
			return saved, nil, fmt.Errorf("%s: %w", path, err)
		}
		f.Revision = kept.Revision
		all = append(all, listed{kept.Name, f, nil})
	}
	for _, kept := range content.Unreadable {
		all = append(all, listed{kept.Name, nil, &store.UnreadableError{Name: kept.Name, Err: errors.New(kept.Reason)}})
	}
	return content.Saved, all, nil
}
