// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9/logging"
	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/words"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/bolt"
	"github.com/flipper-go/flipper/store/storeurl"
)

// An access says what a command does with a store.
type access bool

const (
	// existing is for commands that need flags to be there: a file that is
	// missing is a mistake.
	existing access = false
	// creating is for commands that may make the first flag.
	creating access = true
)

// An opened is a store that a command manages.
type opened struct {
	*flipper.FeatureFlagClient
	watcher store.Watcher // the same store; each question takes the timeout at most
	place   string
}

// withStore makes the action of a command that needs the store.
func (p *program) withStore(a access, do func(ctx context.Context, c *cli.Command, s *opened) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) (err error) {
		if err := checkOutput(c); err != nil {
			return err
		}
		if err := checkNotNegative(c, "timeout"); err != nil {
			return err
		}
		url := c.String("store")
		s, err := openStore(url, a)
		if err != nil {
			return explain(err, url)
		}
		defer func() {
			if e := s.Close(); e != nil {
				err = errors.Join(err, e)
			}
		}()
		patient := &patientStore{s.Backend(), c.Duration("timeout")}
		err = do(ctx, c, &opened{flipper.New(patient), patient, s.String()})
		if ctx.Err() != nil && err != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return explain(err, url)
	}
}

// openStore opens a store for one command. What stores and their clients log is
// of no use then: the command says what failed.
func openStore(url string, a access) (*storeurl.Store, error) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	logging.Disable()
	scheme, path, _ := strings.Cut(url, ":")
	switch {
	case scheme == "memory":
		return nil, usagef("flags in memory: are gone when a command ends: name another --store")
	case scheme == "bolt" && path != "" && a == existing:
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); errors.Is(err, fs.ErrNotExist) {
			return nil, &codedError{exitUnavailable, fmt.Errorf("there is no file %s (flipper create and import make it)", path)}
		}
	}
	return storeurl.Open(url, storeurl.WithoutMirror())
}

// A patientStore limits how long a question may take, whatever the command does
// with the answers.
type patientStore struct {
	store.Watcher
	timeout time.Duration
}

func (s *patientStore) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.timeout)
}

func (s *patientStore) Get(ctx context.Context, name string) (*store.Flag, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.Watcher.Get(ctx, name)
}

func (s *patientStore) Put(ctx context.Context, f *store.Flag) (*store.Flag, error) {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.Watcher.Put(ctx, f)
}

func (s *patientStore) Delete(ctx context.Context, name string) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.Watcher.Delete(ctx, name)
}

func (s *patientStore) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		ctx, cancel := s.limit(ctx)
		defer cancel()
		s.Watcher.List(ctx)(yield)
	}
}

const (
	// tlsAlertAsSize is how the Thrift client tells of a TLS server: it takes the
	// beginning of an alert, 0x15 0x03 0x01, for the size of an answer.
	tlsAlertAsSize = "size exceeded max allowed: 352518"
	// tlsCertificateRequired is how a TLS server says that it wants a certificate.
	tlsCertificateRequired = "tls: certificate required"
	// tlsHandshakeFailed is what the Thrift client asks after a handshake that failed.
	tlsHandshakeFailed = "does the service speak TLS"
	// speaksHTTP is what the Thrift client says of an HTTP server.
	speaksHTTP = "the server speaks HTTP, not Thrift"
	// serverStoreFailed is what a flag service says if its store does not answer.
	serverStoreFailed = "the flag store failed"
)

// explain puts what to do first, where the cause alone leaves a person without
// an idea. The chain of errors stays.
func explain(err error, storeURL string) error {
	if _, ok := errors.AsType[*restated](err); ok || err == nil {
		return err
	}
	scheme, _, _ := strings.Cut(storeURL, ":")
	shown := redacted(storeURL)
	advise := func(format string, args ...any) error {
		return fmt.Errorf("%s (%w)", fmt.Sprintf(format, args...), err)
	}
	text := err.Error()
	switch {
	case errors.Is(err, bolt.ErrLocked):
		return advise("another process has the file open: if it is flipper serve, ask it with --store %s", managedStore)
	case !errors.Is(err, store.ErrUnavailable):
		return err
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"), strings.Contains(text, "invalid password"):
		return advise("wrong password: put %s://USER:PASSWORD@HOST:PORT into FLIPPER_STORE", scheme)
	case strings.HasPrefix(scheme, "thrift") && errors.Is(err, syscall.ECONNREFUSED):
		return advise("no server at %s: start one with flipper serve, or name another --store", shown)
	case scheme == "thrifts" && isAs[x509.UnknownAuthorityError](err):
		return advise("the certificate of the server at %s is of an authority that is not known here: name a file with it, as in thrifts://HOST:PORT?ca=FILE", shown)
	case scheme == "thrifts" && isAs[x509.HostnameError](err):
		return advise("the certificate of the server at %s is for another name: give it, as in thrifts://HOST:PORT?server_name=NAME", shown)
	case scheme == "thrifts" && isAs[x509.CertificateInvalidError](err):
		return advise("the certificate of the server at %s is not valid: have it renewed there, or set the clock here", shown)
	case scheme == "thrifts" && strings.Contains(text, tlsCertificateRequired):
		return advise("the server at %s asks for a certificate: name files with one and its key, as in thrifts://HOST:PORT?cert=FILE&key=FILE", shown)
	case isHTTPAnswer(err), scheme == "thrift" && errors.Is(err, context.DeadlineExceeded) && isHTTPServer(storeURL):
		return advise("the server at %s speaks HTTP: name the address that flipper serve has with --listen, not the one of --http", shown)
	case scheme == "thrifts" && strings.Contains(text, tlsHandshakeFailed):
		return advise("no TLS with the server at %s: if it speaks none, write thrift:// in place of thrifts://", shown)
	case scheme == "thrift" && strings.Contains(text, tlsAlertAsSize):
		return advise("the server at %s speaks TLS: write thrifts:// in place of thrift://", shown)
	case strings.Contains(text, serverStoreFailed):
		return advise("the server at %s cannot reach its own store: see its log", shown)
	case errors.Is(err, syscall.ECONNREFUSED):
		return advise("nothing listens at %s: is the server running, and is --store right?", shown)
	case errors.Is(err, context.DeadlineExceeded):
		return advise("no answer from %s: is --store right? (--timeout gives it longer)", shown)
	}
	return advise("cannot use %s: is --store right?", shown)
}

// isHTTPAnswer reports whether an error says that an HTTP server answered.
func isHTTPAnswer(err error) bool {
	handshake, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && string(handshake.RecordHeader[:4]) == "HTTP" || strings.Contains(err.Error(), speaksHTTP)
}

// isHTTPServer asks the server of a thrift URL whether it speaks HTTP: such a server
// may wait for the end of a line, and not answer what Thrift asks.
func isHTTPServer(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(context.Background(), "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "9090")))
	if err != nil {
		return false
	}
	defer conn.Close()
	var head [4]byte
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // else the read fails at once
	_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	_, err = io.ReadFull(conn, head[:])
	return err == nil && string(head[:]) == "HTTP"
}

// isAs reports whether an error of a type is in a chain.
func isAs[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// noSuchFlag adds to the error of a flag that is not there which one may have
// been meant, if the store says so soon.
func (s *opened) noSuchFlag(ctx context.Context, name string, err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var there []string
	for f, err := range s.List(ctx) {
		if err == nil {
			there = append(there, f.Name)
		}
	}
	return &restated{fmt.Sprintf("there is no flag %s%s (flipper list shows all)", words.Name(name), didYouMean(name, there)), err}
}

// forEach does something to each of the flags named, also after an error, and
// joins the errors.
func (s *opened) forEach(ctx context.Context, names []string, do func(name string) error) error {
	var errs []error
	for _, name := range names {
		if err := do(name); err != nil {
			errs = append(errs, s.noSuchFlag(ctx, name, err))
			if errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
				break
			}
		}
	}
	return errors.Join(errs...)
}
