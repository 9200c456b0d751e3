// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package storeurl opens the store that a URL names, so that the environment
// decides where a program keeps its flags:
//
//	flags, err := storeurl.Open(os.Getenv("FLIPPER_STORE"))
//	if err != nil {
//		return err
//	}
//	defer flags.Close()
//	features := flipper.New(flags)
//
// The flipper command takes the same URLs. Importing this package links every
// store; a program that always uses the same one imports only that package.
//
// # URLs
//
//	memory:                        flags that are lost when the process ends
//	bolt:PATH                      a file, for one process at a time
//	redis://USER:PASSWORD@HOST:PORT/DB
//	rediss://…                     the same over TLS
//	redis+cluster://…, redis+sentinel://…?master_name=NAME
//	consul://HOST:PORT, consul:    the agent there, or the one of the CONSUL_… variables
//	thrift://HOST:PORT             flipper serve; without a port it is 9090
//	thrifts://HOST:PORT            the same over TLS
//	http://HOST:PORT, https://…    the API of flipper serve, with the token in FLIPPER_TOKEN
//
// Redis and Consul have the parameter base_key, and Redis also has those of
// go-redis, such as dial_timeout. With TLS there are ca, cert and key, which name
// files, and server_name; see [TLSFiles]. In a password, write %2F for /, %3F
// for ? and %23 for #. The API of a server with several environments takes the
// parameter environment.
//
// # Reads from memory
//
// Redis and a Flipper server answer each read over the network. For them, Open
// adds a mirror, which holds all flags in memory and follows their changes; see
// package mirror and [WithoutMirror]. The other stores answer from memory anyway.
//
// # Ownership
//
// Open makes everything that the store needs, and [Store.Close] closes all of it.
// Nothing that was passed to an option is closed. Open opens the file of a bolt
// URL, but neither dials nor waits for a server: the mirror connects in the
// background. To wait until it has the flags, call [Store.WaitReady].
package storeurl

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/instrumented"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// Forms lists the URLs that [Open] takes, for help and error messages.
const Forms = "memory:, bolt:PATH, redis://HOST:PORT, redis+cluster://…, redis+sentinel://…, consul://HOST:PORT, thrift://HOST:PORT or thrifts://HOST:PORT, http://HOST:PORT or https://HOST:PORT"

// ErrInvalidURL is matched by the error about a URL that does not name a store.
// The error says what to write instead. It never repeats the URL, which may hold a
// password.
var ErrInvalidURL = errors.New("invalid store URL")

// A backend is an opened store, before anything is added to it.
type backend struct {
	store  store.Watcher
	place  string
	closes []func() error // in this order
	reads  reads
}

// reads says how a store answers reads, and so whether a mirror is of use.
type reads int

const (
	// local stores are in the process: there is nothing to mirror.
	local reads = iota
	// held flags are in memory, but come from a server.
	held
	// remote stores ask a server at each read.
	remote
)

// Open opens the store that a URL names. The error for a URL that is wrong matches
// [ErrInvalidURL] and says what to write; the error for options that contradict
// each other or the URL says which to leave out.
func Open(text string, opts ...Option) (*Store, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	b, err := openBackend(text, &o)
	if err != nil {
		return nil, err
	}
	if len(o.observers) > 0 {
		b.store = instrumented.NewWatcher(b.store, o.observers...)
	}
	s := &Store{backend: b.store, place: b.place, closes: b.closes}
	if o.mirrors(b.reads) {
		m := mirror.New(b.store, o.mirrorOptions()...)
		s.closes = append([]func() error{m.Close}, s.closes...)
		s.answer(m)
		return s, nil
	}
	s.answer(b.store)
	return s, nil
}

func openBackend(text string, o *options) (*backend, error) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: it is empty: use %s", ErrInvalidURL, Forms)
	case text == "memory:":
		s := memory.New()
		return &backend{s, "memory (flags are lost when the process ends)", []func() error{s.Close}, local}, nil
	case scheme == "memory" && rest != "":
		return nil, fmt.Errorf("%w: write memory: alone", ErrInvalidURL)
	case scheme == "bolt":
		return openBolt(rest)
	}
	open, known := schemes[strings.ToLower(scheme)]
	if !known || scheme == text {
		return nil, unknownScheme(text)
	}
	u, err := parse(text)
	if err != nil {
		return nil, err
	}
	return open(u, o)
}

// schemes has the functions that open the stores that are reached over a network.
var schemes = map[string]func(*url.URL, *options) (*backend, error){
	"thrift":          openThrift,
	"thrifts":         openThriftTLS,
	"redis":           openRedis,
	"rediss":          openRedis,
	"redis+cluster":   openRedis,
	"rediss+cluster":  openRedis,
	"redis+sentinel":  openRedis,
	"rediss+sentinel": openRedis,
	"consul":          openConsul,
	"http":            openHTTP,
	"https":           openHTTP,
}

// openBolt takes bolt:flags.db, bolt:/var/lib/flags.db and, as URLs of files are
// often written, bolt:///var/lib/flags.db.
func openBolt(path string) (*backend, error) {
	if authority, ok := strings.CutPrefix(path, "//"); ok {
		if !strings.HasPrefix(authority, "/") {
			return nil, fmt.Errorf("%w: write bolt:PATH, or bolt:///PATH from the root", ErrInvalidURL)
		}
		path = authority
	}
	if path == "" {
		return nil, fmt.Errorf("%w: the path of the file is missing in bolt:PATH", ErrInvalidURL)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s, err := bolt.Open(absolute)
	if err != nil {
		return nil, err
	}
	return &backend{s, absolute, []func() error{s.Close}, local}, nil
}

func openThrift(u *url.URL, o *options) (*backend, error) {
	if err := checkService(u); err != nil {
		return nil, err
	}
	if u.RawQuery != "" {
		return nil, fmt.Errorf("%w: write thrift://HOST:PORT; only thrifts:// has parameters", ErrInvalidURL)
	}
	if err := o.refuseTLS("thrift", "thrifts"); err != nil {
		return nil, err
	}
	return newThrift(u, o), nil
}

func newThrift(u *url.URL, o *options, opts ...thriftrpc.Option) *backend {
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), defaultThriftPort)
	}
	s := thriftrpc.New(address, append(opts, thriftrpc.WithLogger(o.logger))...)
	return &backend{s, address, []func() error{s.Close}, remote}
}

// defaultThriftPort is where flipper serve listens unless told otherwise.
const defaultThriftPort = "9090"

// checkService checks what the URLs of flag services have in common.
func checkService(u *url.URL) error {
	switch {
	case u.User != nil:
		return fmt.Errorf("%w: %s:// takes no user and password: write %[2]s://HOST:PORT, or thrifts://HOST:PORT?cert=FILE&key=FILE to show a certificate", ErrInvalidURL, u.Scheme)
	case u.Hostname() == "" || u.Path != "":
		return fmt.Errorf("%w: write %s://HOST:PORT", ErrInvalidURL, u.Scheme)
	}
	return nil
}
