// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"

	"github.com/flipper-go/flipper/store/thriftrpc"
)

// openThriftTLS takes thrifts://HOST:PORT, a flag service over TLS. Parameters:
//
//   - ca: a file with the authorities (PEM) one of which has signed the service's
//     certificate; without it those of the system
//   - cert and key: files with a certificate and its key (PEM), for services that
//     ask for one
//   - server_name: what the service's certificate is for, if not for HOST
func openThriftTLS(u *url.URL) (*Store, error) {
	if err := checkService(u); err != nil {
		return nil, err
	}
	query := u.Query()
	for name := range query {
		switch name {
		case "ca", "cert", "key", "server_name":
		default:
			return nil, fmt.Errorf("%w: the parameters of thrifts:// are ca, cert, key and server_name", ErrUnknown)
		}
	}
	config := &tls.Config{ServerName: query.Get("server_name"), MinVersion: tls.VersionTLS12}
	if file := query.Get("ca"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: no certificate in PEM form is in %s", file)
		}
	}
	if cert, key := query.Get("cert"), query.Get("key"); cert != "" || key != "" {
		if cert == "" || key == "" {
			return nil, fmt.Errorf("%w: thrifts:// needs both cert and key", ErrUnknown)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("cert and key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	s := thriftrpc.New(u.Host, thriftrpc.WithTLS(config))
	return &Store{s, u.Host, []func() error{s.Close}}, nil
}
