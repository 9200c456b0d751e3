// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"

	"github.com/flipper-go/flipper/store/thriftrpc"
)

// TLSFiles are files in PEM form, read once by [Open]. The parameters of a URL
// have their names: ca, cert, key and server_name.
type TLSFiles struct {
	// CA has the authorities, one of which has signed the server's certificate.
	// Without it, the authorities of the system count.
	CA string
	// Cert and Key have the certificate of this program and its private key, for
	// servers that ask for one.
	Cert, Key string
	// ServerName is the name in the server's certificate, if that is not the host.
	ServerName string
}

// tlsParameters are the names of the parameters of TLS.
var tlsParameters = []string{"ca", "cert", "key", "server_name"}

// takeTLSFiles takes the parameters of TLS out of a query. Those that are missing
// are the option's.
func takeTLSFiles(query url.Values, o *options) TLSFiles {
	files := TLSFiles{
		CA:         cmp.Or(query.Get("ca"), o.tls.CA),
		Cert:       query.Get("cert"),
		Key:        query.Get("key"),
		ServerName: cmp.Or(query.Get("server_name"), o.tls.ServerName),
	}
	if files.Cert == "" && files.Key == "" {
		files.Cert, files.Key = o.tls.Cert, o.tls.Key
	}
	for _, name := range tlsParameters {
		query.Del(name)
	}
	return files
}

// addTo sets what the files say in a configuration.
func (files TLSFiles) addTo(config *tls.Config) error {
	if files.ServerName != "" {
		config.ServerName = files.ServerName
	}
	if files.CA != "" {
		pem, err := os.ReadFile(files.CA)
		if err != nil {
			return fmt.Errorf("ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ca: no certificate in PEM form is in %s", files.CA)
		}
	}
	if files.Cert != "" || files.Key != "" {
		if files.Cert == "" || files.Key == "" {
			return fmt.Errorf("%w: TLS needs both cert and key, or neither", ErrInvalidURL)
		}
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return fmt.Errorf("cert and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// openThriftTLS takes thrifts://HOST:PORT, a flag service over TLS.
func openThriftTLS(u *url.URL, o *options) (*backend, error) {
	if err := checkService(u); err != nil {
		return nil, err
	}
	query := u.Query()
	files := takeTLSFiles(query, o)
	if len(query) > 0 {
		return nil, fmt.Errorf("%w: the parameters of thrifts:// are ca, cert, key and server_name", ErrInvalidURL)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := files.addTo(config); err != nil {
		return nil, err
	}
	return newThrift(u, o, thriftrpc.WithTLS(config)), nil
}
