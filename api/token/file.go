// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flipper-go/flipper/internal/limitedlog"
)

var (
	// ErrExists says that there is a token of that name already.
	ErrExists = errors.New("there is a token of that name")

	// ErrNotFound says that no token of that name is in use.
	ErrNotFound = errors.New("no token of that name is in use")
)

const (
	// lookInterval is how often a file is looked at for changes, at most. So a token
	// that was revoked is refused within that time.
	lookInterval = time.Second

	// usedInterval is how often it is written when tokens were last used, at most.
	usedInterval = time.Minute
)

// A File keeps tokens in a file of JSON, by their digests. Whoever can write it decides
// who may call the API. Changes of the file are taken up while it is in use, so that a
// token can be revoked by another process. File is safe for concurrent use.
//
// When tokens were last used is kept in a file beside it, whose name ends with .used,
// since it is the server's affair. If that cannot be written, as in a container whose
// tokens are mounted, it is known to this process only.
type File struct {
	path     string
	log      *limitedlog.Log
	interval time.Duration

	held   atomic.Pointer[held]
	looked atomic.Int64 // when the file was last looked at, in nanoseconds
	saved  atomic.Int64 // when the file beside it was last written

	mu   sync.Mutex // held while the file is read
	info os.FileInfo

	used sync.Map // Digest to *atomic.Int64: seconds since 1970
}

// held is what a file held when it was last read.
type held struct {
	all   []Token
	inUse Set
}

// A FileOption changes what [Open] makes.
type FileOption func(*File)

// WithLogger sets where it is logged that the file cannot be read. The default is
// [slog.Default].
func WithLogger(l *slog.Logger) FileOption { return func(f *File) { f.log = limitedlog.New(l) } }

// WithLookInterval sets how often the file is looked at for changes, at most. The default
// is a second.
func WithLookInterval(d time.Duration) FileOption { return func(f *File) { f.interval = d } }

// Open reads a file of tokens. If there is none, the error matches [fs.ErrNotExist].
// Close it to keep when tokens were last used.
func Open(path string, opts ...FileOption) (*File, error) {
	f := &File{path: path, interval: lookInterval}
	for _, opt := range opts {
		opt(f)
	}
	if f.log == nil {
		f.log = limitedlog.New(slog.Default())
	}
	now := time.Now().UnixNano()
	f.looked.Store(now)
	f.saved.Store(now)
	if err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// content is what the file holds.
type content struct {
	Tokens []Token `json:"tokens"`
}

// read reads the file, unless it is as it was.
func (f *File) read() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	if f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return nil
	}
	c, err := readContent(f.path)
	if err != nil {
		return err
	}
	h := &held{all: c.Tokens, inUse: make(Set, len(c.Tokens))}
	for _, t := range c.Tokens {
		if t.Revoked.IsZero() {
			h.inUse[t.Digest] = t
		}
	}
	f.info = info
	f.held.Store(h)
	return nil
}

func readContent(path string) (content, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return content{}, fmt.Errorf("tokens: %w", err)
	}
	var c content
	if err := json.Unmarshal(text, &c); err != nil {
		return content{}, fmt.Errorf("tokens: %s: it is not what flipper token create writes: %w", path, err)
	}
	for i, t := range c.Tokens {
		if t.Digest == (Digest{}) || t.Role < Evaluate || t.Role > Admin {
			return content{}, fmt.Errorf("%w: %s: tokens[%d]: sha256 and role are needed", ErrInvalid, path, i)
		}
	}
	return c, nil
}

// Find implements [Tokens]. While the file cannot be read, what it held counts.
func (f *File) Find(secret string) (Token, error) {
	now := time.Now()
	t, err := f.look(now).Find(secret)
	if err != nil {
		return Token{}, err
	}
	f.note(t.Digest, now)
	if due(&f.saved, now, usedInterval) {
		f.save()
	}
	return t, nil
}

// Named implements [Tokens], as Find does. It is no use of the token.
func (f *File) Named(name string) (Token, error) { return f.look(time.Now()).Named(name) }

// look returns the tokens in use.
func (f *File) look(now time.Time) Set {
	if due(&f.looked, now, f.interval) {
		if err := f.read(); err != nil {
			f.log.Warn("the file of tokens cannot be read; those that were read before stay in force", "error", err)
		}
	}
	return f.held.Load().inUse
}

// due reports whether something that is done once in an interval is due for the caller.
func due(last *atomic.Int64, now time.Time, interval time.Duration) bool {
	at := last.Load()
	return now.UnixNano()-at >= int64(interval) && last.CompareAndSwap(at, now.UnixNano())
}

// note remembers that a token was used.
func (f *File) note(d Digest, now time.Time) {
	at, ok := f.used.Load(d)
	if !ok {
		at, _ = f.used.LoadOrStore(d, new(atomic.Int64))
	}
	if seconds, ok := at.(*atomic.Int64); ok {
		seconds.Store(now.Unix())
	}
}

// save writes when tokens were last used.
func (f *File) save() {
	if err := f.saveUsed(); err != nil {
		f.log.Warn("when tokens were last used cannot be kept", "error", err)
	}
}

func (f *File) saveUsed() error {
	used, err := readUsed(f.path)
	if err != nil {
		return err
	}
	changed := false
	f.used.Range(func(key, value any) bool {
		d, isDigest := key.(Digest)
		seconds, isTime := value.(*atomic.Int64)
		if isDigest && isTime {
			if at := time.Unix(seconds.Load(), 0).UTC(); at.After(used[d]) {
				used[d], changed = at, true
			}
		}
		return true
	})
	if !changed {
		return nil
	}
	return writeFile(usedPath(f.path), used)
}

// Close keeps when tokens were last used. It is idempotent.
func (f *File) Close() error {
	if err := f.saveUsed(); err != nil {
		return fmt.Errorf("tokens: when they were last used: %w", err)
	}
	return nil
}

func usedPath(path string) string { return path + ".used" }

func readUsed(path string) (map[Digest]time.Time, error) {
	used := make(map[Digest]time.Time)
	text, err := os.ReadFile(usedPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return used, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &used)
	}
	return used, err
}

// A Listed is a token, and when it was last used.
type Listed struct {
	Token
	// LastUsed is the zero time if the token was not used.
	LastUsed time.Time `json:"last_used,omitzero"`
}

// List returns the tokens of a file, also those that were revoked, in the order in which
// they were made.
func List(path string) ([]Listed, error) {
	c, err := readContent(path)
	if err != nil {
		return nil, err
	}
	used, err := readUsed(path)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	all := make([]Listed, len(c.Tokens))
	for i, t := range c.Tokens {
		all[i] = Listed{t, used[t.Digest]}
	}
	return all, nil
}

// Add makes a token and adds it to a file, which it creates if there is none. It returns
// the text of the token, which nobody can be told again. If a token of the name is in use,
// the error matches [ErrExists].
func Add(path, name string, role Role, environments ...string) (secret string, err error) {
	t, secret, err := New(name, role, environments...)
	if err != nil {
		return "", err
	}
	err = change(path, func(c *content) error {
		if slices.ContainsFunc(c.Tokens, func(other Token) bool { return other.Name == name && other.Revoked.IsZero() }) {
			return fmt.Errorf("token %q: %w: revoke that first, or choose another name", name, ErrExists)
		}
		c.Tokens = append(c.Tokens, t)
		return nil
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Revoke makes the token of a name useless. If none of that name is in use, the error
// matches [ErrNotFound].
func Revoke(path, name string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	return change(path, func(c *content) error {
		for i, t := range c.Tokens {
			if t.Name == name && t.Revoked.IsZero() {
				c.Tokens[i].Revoked = time.Now().UTC().Truncate(time.Second)
				return nil
			}
		}
		return fmt.Errorf("token %q: %w", name, ErrNotFound)
	})
}

// change changes a file. Two processes that do so come one after the other.
func change(path string, change func(*content) error) error {
	unlock, err := lock(path + ".lock")
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	defer unlock()
	c, err := readContent(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := change(&c); err != nil {
		return err
	}
	if err := writeFile(path, c); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	return nil
}

// writeFile replaces a file by JSON that only its owner can read. It is whole at any time.
func writeFile(path string, v any) (err error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".flipper-tokens-*") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
