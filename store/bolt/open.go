// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

const fileMode = 0o600

// open opens the file, but only after it has been looked at without changing it:
// bbolt would begin with a write, and would crash on some damaged files.
func open(path string, o options) (*bbolt.DB, error) {
	created, err := inspect(path, o.lockTimeout)
	if err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, fileMode, &bbolt.Options{
		Timeout: o.lockTimeout,
		NoSync:  o.noSync,
		// The list of free pages is made anew when the file is opened. Written
		// with each commit, it makes all of them slow once it has grown.
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, explain(path, err)
	}
	if err := guard(func() error { return db.Update(initialise(path)) }); err != nil && !errors.Is(err, errNothing) {
		return nil, abandon(db, err)
	}
	if created {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// initialise makes the buckets of a new file, in one transaction, and refuses the
// file of another program.
func initialise(path string) func(tx *bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		if isNew, err := identify(path, tx); err != nil {
			return err
		} else if !isNew {
			return errNothing
		}
		identity, err := tx.CreateBucket(identityBucket)
		if err == nil {
			err = identity.Put(formatKey, format)
		}
		for _, bucket := range [][]byte{featuresBucket, checksumsBucket} {
			if err == nil {
				_, err = tx.CreateBucket(bucket)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
}

// identify reports whether the file holds nothing yet, and refuses what is not
// ours.
func identify(path string, tx *bbolt.Tx) (isNew bool, err error) {
	if k, _ := tx.Cursor().First(); k == nil {
		return true, nil
	}
	identity := tx.Bucket(identityBucket)
	if identity == nil || tx.Bucket(featuresBucket) == nil {
		return false, foreign(path, "a bbolt database of another program")
	}
	hasChecksums := tx.Bucket(checksumsBucket) != nil
	switch got := identity.Get(formatKey); {
	case bytes.Equal(got, format) && !hasChecksums, bytes.Equal(got, firstFormat) && hasChecksums:
		return false, fmt.Errorf("%s: %w: its format does not agree with its checksums; nothing was changed, restore it from a backup", path, ErrCorrupt)
	case !bytes.Equal(got, format) && !bytes.Equal(got, firstFormat):
		return false, foreign(path, fmt.Sprintf("its format is %q, and this version of flipper reads %q and %q", got, firstFormat, format))
	}
	return false, nil
}

// inspect looks at a file without changing it, and refuses what is not a sound
// file of flags. created is true if there is none yet.
func inspect(path string, timeout time.Duration) (created bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		if _, err := os.Stat(dir); err != nil {
			return false, fmt.Errorf("%s: the folder %s does not exist; make it first: %w", path, dir, err)
		}
		return true, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, foreign(path, "not a regular file")
	case info.Size() == 0:
		return true, nil
	}
	err = lookAt(path, timeout)
	if err != nil && !errors.Is(err, ErrLocked) && neverUsed(path) {
		// A process that was killed while it made the file left it so.
		return true, empty(path, timeout)
	}
	return false, err
}

// lookAt refuses a file that is not a sound file of flags.
func lookAt(path string, timeout time.Duration) error {
	// Opened so, bbolt reads no more than the first two pages. What it is needed
	// for is the lock that keeps writers away meanwhile.
	db, err := bbolt.Open(path, fileMode, &bbolt.Options{ReadOnly: true, Timeout: timeout})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout), errors.Is(err, fs.ErrPermission):
		return explain(path, err)
	case err != nil:
		if err := checkFile(path); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w: %w; nothing was changed, restore it from a backup", path, ErrCorrupt, err)
	}
	err = checkFile(path)
	if err == nil {
		err = guard(func() error {
			return db.View(func(tx *bbolt.Tx) error {
				_, err := identify(path, tx)
				return err
			})
		})
	}
	return abandon(db, err)
}

// empty cuts a file that was never used to nothing, so that it is made anew.
func empty(path string, timeout time.Duration) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close() // which also unlocks it
	deadline := time.Now().Add(timeout)
	for {
		switch err := lock(f); {
		case err == nil:
			if neverUsed(path) { // still
				return f.Truncate(0)
			}
			return nil
		case time.Now().After(deadline):
			return explain(path, bbolterrors.ErrTimeout)
		}
		time.Sleep(50 * time.Millisecond) // as bbolt polls
	}
}

func explain(path string, err error) error {
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return fmt.Errorf("%w: another process holds %s; stop it, or use another file", ErrLocked, path)
	}
	return fmt.Errorf("%s: %w", path, err)
}

func foreign(path, what string) error {
	return fmt.Errorf("%s: %w: %s; nothing was changed, use another file", path, ErrForeign, what)
}

// syncDir makes a new file's name durable, on systems that can do that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		defer d.Close()
		err = d.Sync()
	}
	for _, cannot := range []error{errors.ErrUnsupported, fs.ErrPermission, syscall.EINVAL} {
		if errors.Is(err, cannot) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}
