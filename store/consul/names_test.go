// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/internal/consultest"
	"github.com/flipper-go/flipper/store"
)

// TestNames holds names against what Consul does with them when they are put as
// the Python client puts them, by HTTP: what arrives under its own key is taken,
// all else is refused.
func TestNames(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)

	names := []string{
		"", "/", "//", "/a", "a/", "a/b", "a//b", "a/./b", "a/../b", ".", "..", "../a", "a/.", "a/..", "./a", "...", ".a", "a.", "a/.../b",
		" ", "a b", "a+b", "a%2Fb", "a%", "a?b", "a#b", "a&b=c", "a;b", "a:b", `a\b`, `"`, "'", "*", "[a]", "{a}", "~", "é", "日本語", "\U0001F6A9",
		"\x00", "a\x01", "a\tb", "a\n", "\x7f", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u2028", "\u202e", "\u3000", "\ufeff", "\ufffd", "\ue000", "\U0010FFFF", "e\u0301",
		strings.Repeat("n", store.MaxNameSize), strings.Repeat("é", store.MaxNameSize/2), strings.Repeat("n/", 500),
	}
	for r := range rune(0x180) {
		names = append(names, "r"+string(r)+"r")
	}
	base := newBaseKey()
	s := open(t, client, base)
	for i, name := range names {
		// Each has a tree of its own, so that where it ends up is plain to see.
		tree := fmt.Sprintf("%s/raw%d", base, i)
		arrived := pythonPut(t, transport, agent.Address, tree+"/"+name) && slices.Contains(keys(t, client, tree), tree+"/"+name)

		_, err := s.Put(t.Context(), &store.Flag{Name: name})
		switch {
		case arrived && err != nil:
			t.Errorf("%.100q is refused (%v), but Consul takes it", name, err)
		case !arrived && !errors.Is(err, store.ErrInvalidName):
			t.Errorf("%.100q: error is %v, but Consul does not take it", name, err)
		}
		if !arrived {
			continue
		}
		if _, err := s.Get(t.Context(), name); err != nil {
			t.Errorf("get %.100q: %v", name, err)
		}
		if !slices.Contains(keys(t, client, base+"/"), base+"/"+name) {
			t.Errorf("%.100q is not under its own key", name)
		}
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("delete %.100q: %v", name, err)
		}
	}
}

// pythonPut writes a key as the Python client does, and reports whether Consul
// said that it has done it, without sending us elsewhere.
func pythonPut(t *testing.T, transport http.RoundTripper, address, key string) bool {
	t.Helper()
	var path strings.Builder
	for _, c := range []byte(key) {
		if c == '/' || c == ':' || strings.IndexByte("_.-~", c) >= 0 || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' {
			path.WriteByte(c)
		} else {
			fmt.Fprintf(&path, "%%%02X", c)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/", bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	request.URL = &url.URL{Scheme: "http", Host: address, Opaque: "/v1/kv/" + path.String()}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func keys(t *testing.T, client *api.Client, prefix string) []string {
	t.Helper()
	keys, _, err := client.KV().Keys(prefix, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestForeignKeys holds the store to leaving alone what is not its own.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	agent := consultest.Options{Memory: true}.Start(t)
	client := agent.Client(t)
	base := newBaseKey()
	rawPut(t, client, base, item("x", true))
	rawPut(t, client, base+"-old/A", item("A", true))
	rawPut(t, client, base+"/", nil) // a folder
	rawPut(t, client, base+"/empty", nil)
	rawPut(t, client, base+"/A", item("A", true))
	// A transaction stores what the HTTP interface would not.
	ok, _, _, err := client.Txn().Txn(api.TxnOps{{KV: &api.KVTxnOp{Verb: api.KVSet, Key: base + "//odd", Value: item("odd", true)}}}, nil)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}

	for _, ready := range []bool{false, true} {
		s := open(t, client, base)
		if ready {
			waitReady(t, s)
		}
		var listed []string
		for f, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			listed = append(listed, f.Name)
		}
		if !slices.Equal(listed, []string{"A"}) {
			t.Errorf("list gives %q", listed)
		}
		for _, name := range []string{"", "empty"} {
			if err := wantNotFound(s, name); err != nil {
				t.Errorf("an empty value is a flag: %v", err)
			}
			if err := s.Delete(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("delete %q: %v", name, err)
			}
		}
	}
	s := open(t, client, base)
	for _, name := range []string{"", "empty"} {
		f, err := s.Put(t.Context(), &store.Flag{Name: name, Enabled: true})
		if err != nil {
			t.Fatalf("create %q where an empty value is: %v", name, err)
		}
		if _, err := s.Put(t.Context(), &store.Flag{Name: name}); !errors.Is(err, store.ErrExists) {
			t.Errorf("create %q again: %v", name, err)
		}
		// Emptied by hand, it is no flag again.
		rawPut(t, client, base+"/"+name, nil)
		eventually(t, "an emptied flag is gone", func() error { return wantNotFound(s, name) })
		if _, err := s.Put(t.Context(), f); !errors.Is(err, store.ErrConflict) {
			t.Errorf("put %q over an emptied value: %v", name, err)
		}
	}
	if got := keys(t, client, base); !slices.Contains(got, base) || !slices.Contains(got, base+"-old/A") || !slices.Contains(got, base+"//odd") {
		t.Errorf("other keys were touched: %q", got)
	}
}
