// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// certificateCheckInterval is how often the files are looked at, at most.
const certificateCheckInterval = time.Second

// Certificates are those in files, as the files are now: a new certificate and
// new client authorities are taken up while the server runs, and connections that
// are open go on. The files are looked at when a client connects, when metrics are
// read, once a second at most, and by [Certificates.Reload].
//
// New files that cannot be used change nothing: the certificates in use stay, and
// the log and the metrics tell. Certificates is safe for concurrent use. It has no
// goroutine.
type Certificates struct {
	files  CertificateFiles
	logger *slog.Logger
	inUse  atomic.Pointer[tlsConfigs]

	mu      sync.Mutex // held by the one who looks at the files
	seen    []os.FileInfo
	checked time.Time
	failure string // why the files cannot be used; empty if they can
	expired bool   // it is logged that the certificate in use has expired
	failed  atomic.Bool
}

// tlsConfigs are what is served with certificates. They are immutable.
type tlsConfigs struct {
	thrift, http *tls.Config
	expiry       time.Time
}

// LoadCertificates reads certificates. If they cannot be used, because a file
// cannot be read, the key is another certificate's, or the certificate is expired,
// the error matches [ErrCertificate]. The logger is told of new ones; nil stands
// for [slog.Default].
func LoadCertificates(files CertificateFiles, logger *slog.Logger) (*Certificates, error) {
	if logger == nil {
		logger = slog.Default()
	}
	c := &Certificates{files: files, logger: logger}
	// What changes after this look is seen by the next one.
	seen, err := c.look()
	if err != nil {
		return nil, err
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.seen, c.checked = seen, time.Now()
	return c, nil
}

// TLSConfig returns the configuration of a server, which always uses the newest
// certificates, and asks for those of clients if there are authorities for them.
func (c *Certificates) TLSConfig() *tls.Config {
	return c.config(func(configs *tlsConfigs) *tls.Config { return configs.thrift })
}

// httpConfig is TLSConfig without certificates of clients.
func (c *Certificates) httpConfig() *tls.Config {
	return c.config(func(configs *tlsConfigs) *tls.Config { return configs.http })
}

func (c *Certificates) config(choose func(*tlsConfigs) *tls.Config) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			c.check()
			return choose(c.inUse.Load()), nil
		},
	}
}

// Expiry returns the time until which the certificate in use is valid.
func (c *Certificates) Expiry() time.Time { return c.inUse.Load().expiry }

// Reload takes up what is in the files now. If that cannot be used, the
// certificates in use stay, and the error matches [ErrCertificate].
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reload()
}

// check takes up what is in the files if they have changed. It does not wait for
// another check.
func (c *Certificates) check() {
	if !c.mu.TryLock() {
		return
	}
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < certificateCheckInterval {
		return
	}
	c.checked = now
	if expiry := c.Expiry(); now.After(expiry) && !c.expired {
		c.expired = true
		c.logger.Error("the TLS certificate has expired; clients refuse it until it is renewed",
			slog.String("file", c.files.Certificate), slog.Time("expired", expiry))
	}
	// Files that could not be used are read again, for what was wrong need not
	// be in them: it may have been who may read them.
	if seen, err := c.look(); err == nil && c.failure == "" && slices.EqualFunc(seen, c.seen, sameFile) {
		return
	}
	before := c.failure
	if err := c.reload(); err != nil && err.Error() != before {
		c.logger.Error("new TLS certificates cannot be used; the ones in use stay", slog.Any("error", err))
	}
}

// reload takes up what is in the files. The caller holds the lock.
func (c *Certificates) reload() error {
	seen, err := c.look()
	if err == nil {
		err = c.load()
	}
	c.failed.Store(err != nil)
	if err != nil {
		c.failure = err.Error()
		return err
	}
	c.seen, c.failure, c.expired = seen, "", false
	c.logger.Info("TLS certificates are loaded", slog.String("file", c.files.Certificate), slog.Time("expires", c.Expiry()))
	return nil
}

func (c *Certificates) load() error {
	pair, err := c.files.load(time.Now())
	if err != nil {
		return err
	}
	plain := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair.certificate},
		// A session that is resumed would keep a client whose authority is no
		// longer trusted.
		SessionTicketsDisabled: true,
	}
	configs := &tlsConfigs{thrift: plain, http: plain, expiry: pair.certificate.Leaf.NotAfter}
	if pair.clientCA != nil {
		configs.thrift = plain.Clone()
		configs.thrift.ClientCAs = pair.clientCA
		configs.thrift.ClientAuth = tls.RequireAndVerifyClientCert
	}
	c.inUse.Store(configs)
	return nil
}

// look returns what tells one version of the files from another. It follows links,
// which is how Kubernetes changes the files of a secret.
func (c *Certificates) look() ([]os.FileInfo, error) {
	var seen []os.FileInfo
	for _, path := range []string{c.files.Certificate, c.files.Key, c.files.ClientCA} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, certificateErrorf("a file cannot be read; check the path and who may read it: %w", err)
		}
		seen = append(seen, info)
	}
	return seen, nil
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
