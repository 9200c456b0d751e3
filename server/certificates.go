// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ErrCertificate says that certificates cannot be used. What it is wrapped in
// says which file is wrong, and what to do.
var ErrCertificate = errors.New("TLS certificate")

// CertificateFiles are the paths of PEM files.
type CertificateFiles struct {
	// Certificate has the server's certificate and those that link it to an
	// authority.
	Certificate string

	// Key has the certificate's private key, without a passphrase.
	Key string

	// ClientCA has the authorities of which a client must have a certificate.
	// Empty stands for none: clients need no certificate.
	ClientCA string
}

// A loadedPair is what is in certificate files.
type loadedPair struct {
	certificate tls.Certificate
	clientCA    *x509.CertPool // nil if clients need no certificate
}

// load reads the files, and checks that they can be used now.
func (f CertificateFiles) load(now time.Time) (*loadedPair, error) {
	certificate, err := readCertificateFile("certificate", f.Certificate)
	if err != nil {
		return nil, err
	}
	key, err := readCertificateFile("private key", f.Key)
	if err != nil {
		return nil, err
	}
	switch {
	case !hasBlock(certificate, "CERTIFICATE"):
		return nil, certificateErrorf("%s holds no certificate in PEM form", f.Certificate)
	case hasBlock(key, "ENCRYPTED PRIVATE KEY"):
		return nil, certificateErrorf("the private key in %s is encrypted; give one without a passphrase", f.Key)
	case !hasBlock(key, "PRIVATE KEY"):
		return nil, certificateErrorf("%s holds no private key in PEM form", f.Key)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	switch {
	case err != nil && strings.Contains(err.Error(), "does not match"):
		return nil, certificateErrorf("the private key in %s does not belong to the certificate in %s; give the two that were issued together", f.Key, f.Certificate)
	case err != nil:
		return nil, certificateErrorf("%s and %s: %w", f.Certificate, f.Key, err)
	case now.After(pair.Leaf.NotAfter):
		return nil, certificateErrorf("the one in %s expired on %s; renew it", f.Certificate, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(pair.Leaf.NotBefore):
		return nil, certificateErrorf("the one in %s is not valid before %s; wait, or set the machine's clock", f.Certificate, pair.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	if f.ClientCA == "" {
		return &loadedPair{certificate: pair}, nil
	}
	clientCA, err := loadClientCA(f.ClientCA, now)
	if err != nil {
		return nil, err
	}
	return &loadedPair{certificate: pair, clientCA: clientCA}, nil
}

// loadClientCA reads authorities. Some of them may have expired: bundles keep
// old ones.
func loadClientCA(path string, now time.Time) (*x509.CertPool, error) {
	text, err := readCertificateFile("client authorities", path)
	if err != nil {
		return nil, err
	}
	pool, usable, found := x509.NewCertPool(), false, false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		authority, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, certificateErrorf("%s: an authority cannot be read: %w", path, err)
		}
		pool.AddCert(authority)
		found = true
		usable = usable || !now.After(authority.NotAfter)
	}
	switch {
	case !found:
		return nil, certificateErrorf("%s holds no certificate in PEM form", path)
	case !usable:
		return nil, certificateErrorf("all client authorities in %s have expired; renew them", path)
	}
	return pool, nil
}

func readCertificateFile(what, path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, certificateErrorf("the %s cannot be read; check the path and who may read it: %w", what, err)
	}
	return text, nil
}

// hasBlock reports whether PEM text has a block of a type, or of one whose name
// ends with it, such as EC PRIVATE KEY.
func hasBlock(text []byte, kind string) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, kind) {
			return true
		}
	}
	return false
}

func certificateErrorf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrCertificate, fmt.Errorf(format, args...))
}
