// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package consul

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flipper-go/flipper/store"
)

// checkName says why a name cannot be stored in Consul.
func (s *Store) checkName(name string) error {
	if err := store.ValidateName(name); err != nil {
		return err
	}
	if err := checkKey(s.key(name)); err != nil {
		return fmt.Errorf("%w: %q cannot be stored in Consul: %w", store.ErrInvalidName, name, err)
	}
	return nil
}

// checkKey says why a key does not get through Consul's HTTP interface as it is.
// Transactions, which carry keys in their bodies, would store any, but then no
// other client could ask for the flag.
func checkKey(key string) error {
	clean := path.Clean("/" + key)
	if strings.HasSuffix(key, "/") && clean != "/" {
		clean += "/"
	}
	switch {
	case !utf8.ValidString(key):
		return errors.New("it is not valid UTF-8")
	case clean != "/"+key:
		return errors.New(`its HTTP interface would take a leading slash, "//", "." or ".." between slashes for another key`)
	}
	for _, r := range key {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("its HTTP interface refuses the unprintable character %U", r)
		}
	}
	return nil
}

func (s *Store) key(name string) string { return s.prefix + name }

// nameOf returns the name of the flag with a key; ok is false for what cannot be
// one.
func (s *Store) nameOf(key string) (name string, ok bool) {
	name, ok = strings.CutPrefix(key, s.prefix)
	return name, ok && s.checkName(name) == nil
}
