// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"os"

	"github.com/flipper-go/flipper/store/httpapi"
)

// TokenVariable is the environment variable that has the token for the API of a server:
// a URL should not hold it, because URLs end up in logs.
const TokenVariable = "FLIPPER_TOKEN"

// openHTTP takes http://HOST:PORT and https://HOST:PORT, the API of a Flipper server.
func openHTTP(u *url.URL, o *options) (*backend, error) {
	if u.User != nil {
		return nil, fmt.Errorf("%w: %s:// takes no user and password: set %s to a token", ErrInvalidURL, u.Scheme, TokenVariable)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%w: write %s://HOST:PORT", ErrInvalidURL, u.Scheme)
	}
	query := u.Query()
	opts := []httpapi.Option{httpapi.WithToken(os.Getenv(TokenVariable)), httpapi.WithEnvironment(query.Get("environment"))}
	query.Del("environment")
	if u.Scheme == "https" {
		files := takeTLSFiles(query, o)
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if err := files.addTo(config); err != nil {
			return nil, err
		}
		opts = append(opts, httpapi.WithTLS(config))
	} else if err := o.refuseTLS("http", "https"); err != nil {
		return nil, err
	}
	for name := range query {
		if name == "token" {
			return nil, fmt.Errorf("%w: a token does not belong into a URL: set %s", ErrInvalidURL, TokenVariable)
		}
		return nil, fmt.Errorf("%w: the parameters of http:// are environment, and with https:// also ca, cert, key and server_name", ErrInvalidURL)
	}
	u.RawQuery = ""
	s, err := httpapi.New(u.String(), opts...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidURL, err)
	}
	return &backend{s, u.String(), []func() error{s.Close}, remote}, nil
}
