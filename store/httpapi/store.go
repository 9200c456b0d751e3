// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/flipper-go/flipper/internal/storedapi"
	"github.com/flipper-go/flipper/store"
)

// A Store keeps flags in a Flipper server. It is a [store.Watcher], and safe for
// concurrent use. Make one with [New].
type Store struct {
	base   *url.URL
	opts   options
	client *http.Client

	life context.Context // ends with Close
	end  context.CancelFunc

	mu     sync.Mutex // held to begin a call, and to close
	closed bool
	calls  sync.WaitGroup
}

var _ store.Watcher = (*Store)(nil)

// New makes a store of the flags of a server, such as "https://flags.example". What is
// behind the host is put before all paths. It does not dial. The error says what is wrong
// with the URL.
func New(address string, opts ...Option) (*Store, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("flag API: %.100q is no URL: write https://HOST:PORT", address)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("flag API: write the URL as https://HOST:PORT or http://HOST:PORT")
	case u.User != nil:
		return nil, errors.New("flag API: the URL takes no user and password: use WithToken")
	}
	o := options{timeout: DefaultTimeout, pollTimeout: DefaultPollTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	if o.timeout <= 0 {
		o.timeout = DefaultTimeout
	}
	if o.pollTimeout < time.Second {
		o.pollTimeout = DefaultPollTimeout
	}
	o.pollTimeout = min(o.pollTimeout.Truncate(time.Second), storedapi.MaxWait*time.Second)
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     o.tls,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}
	s := &Store{
		base: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/")},
		opts: o,
		client: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.life, s.end = context.WithCancel(context.Background())
	return s, nil
}

// Close ends all watches and calls, and waits for them; other calls fail with
// [store.ErrClosed] from then on. It is idempotent and returns nil.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.calls.Wait()
	s.client.CloseIdleConnections()
	return nil
}

// begin counts a call, which has to be ended with calls.Done, or reports that the store
// is closed.
func (s *Store) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls.Add(1)
	}
	return !s.closed
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, name string) (*store.Flag, error) {
	if err := store.ValidateName(name); err != nil {
		return nil, err
	}
	answer, err := s.call(ctx, name, request{method: http.MethodGet, path: storedapi.FlagPath, query: url.Values{storedapi.Name: {name}}})
	if err != nil {
		return nil, aboutName(err)
	}
	return s.flag(name, answer)
}

// Put implements [store.Store]. An error that matches [store.ErrUnavailable], or ctx's,
// says that the flag may or may not have been stored: the answer was lost.
func (s *Store) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	text, err := store.Encode(f)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if f.Revision == "" {
		header.Set("If-None-Match", "*")
	} else {
		header.Set("If-Match", storedapi.Tag(f.Revision))
	}
	answer, err := s.call(ctx, f.Name, request{http.MethodPut, storedapi.FlagPath, url.Values{storedapi.Name: {f.Name}}, header, text})
	if errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrUnreadable) {
		// We take the flag and the server's store does not. If it is because of the name,
		// the store does not take that in a question either.
		if _, nameErr := s.Get(ctx, f.Name); errors.Is(nameErr, store.ErrInvalidName) {
			return nil, nameErr
		}
	}
	if err != nil {
		return nil, err
	}
	return s.flag(f.Name, answer)
}

// flag reads the answer that has a flag.
func (s *Store) flag(name string, a *answer) (*store.Flag, error) {
	revision, err := storedapi.Revision(a.header.Get("ETag"))
	if err != nil {
		return nil, s.unavailable("the server's answer has no revision: %w", err)
	}
	f, err := store.Decode(name, a.body)
	if err != nil {
		return nil, err
	}
	f.Revision = revision
	return f, nil
}

// Delete implements [store.Store]. An error that matches [store.ErrUnavailable], or
// ctx's, says that the flag may or may not have been deleted.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := store.ValidateName(name); err != nil {
		return err
	}
	_, err := s.call(ctx, name, request{method: http.MethodDelete, path: storedapi.FlagPath, query: url.Values{storedapi.Name: {name}}})
	return aboutName(err)
}

// aboutName makes the error of a call that has nothing but a name one about that.
func aboutName(err error) error {
	if errors.Is(err, store.ErrInvalid) && !errors.Is(err, store.ErrUnreadable) {
		return fmt.Errorf("%w (%w)", err, store.ErrInvalidName)
	}
	return err
}

// List implements [store.Store]. It fetches a page at a time; ctx is for all of them,
// [WithTimeout] for each.
func (s *Store) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		for from, more := "", true; more; {
			page, err := s.page(ctx, from)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, one := range page.Flags {
				f, err := s.listed(&one)
				if !yield(f, err) || err != nil && !errors.Is(err, store.ErrUnreadable) {
					return
				}
			}
			if more = page.Next != nil; more {
				from = *page.Next
			}
		}
	}
}

// page fetches the flags from a name on, and checks their order.
func (s *Store) page(ctx context.Context, from string) (*storedapi.Page, error) {
	answer, err := s.call(ctx, "", request{method: http.MethodGet, path: storedapi.ListPath, query: url.Values{storedapi.From: {from}}})
	if err != nil {
		return nil, err
	}
	var page storedapi.Page
	if err := json.Unmarshal(answer.body, &page); err != nil {
		return nil, s.unavailable("the server's answer is no page of flags: %w", err)
	}
	last := from
	for i, f := range page.Flags {
		if f.Name < last || i > 0 && f.Name == last {
			return nil, s.unavailable("the server's answer is out of order at %.500q", f.Name)
		}
		last = f.Name
	}
	if page.Next != nil && (*page.Next <= last && len(page.Flags) > 0 || *page.Next <= from) {
		return nil, s.unavailable("the server's answer goes back to %.500q", *page.Next)
	}
	return &page, nil
}

func (s *Store) listed(one *storedapi.Flag) (*store.Flag, error) {
	if one.Unreadable != nil {
		return nil, &store.UnreadableError{Name: one.Name, Err: fmt.Errorf("%s: %.500q", s, *one.Unreadable)}
	}
	f, err := store.Decode(one.Name, one.Stored)
	if err != nil {
		return nil, err
	}
	f.Revision = one.Revision
	return f, nil
}

// String returns the store's place, for errors and logs. It holds no secret.
func (s *Store) String() string { return "flag API at " + s.base.String() }
