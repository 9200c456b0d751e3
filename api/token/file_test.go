// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package token_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flipper-go/flipper/api/token"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	if _, err := token.Open(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	secret, err := token.Add(path, "checkout", token.Evaluate, "production")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secret) || strings.Contains(string(text), strings.TrimPrefix(secret, "flipper_")) {
		t.Errorf("the file has the token itself: %s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	file, err := token.Open(path, token.WithLookInterval(0))
	if err != nil {
		t.Fatal(err)
	}
	found, err := file.Find(secret)
	if err != nil || found.Name != "checkout" || found.Role != token.Evaluate || !found.For("production") || found.For("staging") {
		t.Errorf("got %+v, %v", found, err)
	}
	if named, err := file.Named(found.Name); err != nil || named.Digest != found.Digest {
		t.Errorf("by its name: %+v, %v", named, err)
	}
	for _, wrong := range []string{"", "flipper_", secret + "x", strings.ToUpper(secret)} {
		if _, err := file.Find(wrong); !errors.Is(err, token.ErrUnknown) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := token.Add(path, "checkout", token.Read); !errors.Is(err, token.ErrExists) {
		t.Errorf("a name that is taken: %v", err)
	}

	// Changes by others are taken up.
	second, err := token.Add(path, "deployer", token.Write)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := file.Find(second); err != nil || found.Role != token.Write {
		t.Errorf("a new token: %+v, %v", found, err)
	}
	if err := token.Revoke(path, "checkout"); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Named(found.Name); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("a revoked token is found by its name: %v", err)
	}
	if _, err := file.Find(secret); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("a token that was revoked: %v", err)
	}
	if err := token.Revoke(path, "checkout"); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}

	// While the file cannot be read, what it held counts.
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Find(second); err != nil {
		t.Errorf("a file that is broken: %v", err)
	}
	if _, err := token.Add(path, "late", token.Read); err == nil {
		t.Error("a broken file was replaced")
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Find(second); !errors.Is(err, token.ErrUnknown) {
		t.Errorf("a file without the token: %v", err)
	}
	if _, err := file.Find(secret); err != nil {
		t.Error(err)
	}

	// When tokens were used is kept.
	if err := errors.Join(file.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	all, err := token.List(path)
	if err != nil || len(all) != 1 || all[0].LastUsed.IsZero() || all[0].LastUsed.Before(all[0].Created) {
		t.Errorf("listed: %+v, %v", all, err)
	}
}

// TestAddTogether has many who make tokens at the same time.
func TestAddTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	const writers = 8
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if _, err := token.Add(path, fmt.Sprint("token ", i), token.Read); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if all, err := token.List(path); err != nil || len(all) != writers {
		t.Errorf("%d tokens are left, %v", len(all), err)
	}
}

func TestInvalid(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", 101), "a\nb", "a\x00b", "\xff"} {
		if _, _, err := token.New(name, token.Read); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, _, err := token.New("a", 0); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("no role: %v", err)
	}
	if _, err := token.ParseRole("root"); !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), token.Roles) {
		t.Errorf("an unknown role: %v", err)
	}
	path := filepath.Join(t.TempDir(), "tokens.json")
	for _, text := range []string{``, `[]`, `{"tokens":[{"name":"a","role":"read"}]}`, `{"tokens":[{"name":"a","role":"root","sha256":"x"}]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := token.Open(path); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func TestTokensDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		_, secret, err := token.New("a", token.Read)
		if err != nil || seen[secret] || len(secret) != len("flipper_")+43 {
			t.Fatalf("%q, %v", secret, err)
		}
		seen[secret] = true
	}
}
