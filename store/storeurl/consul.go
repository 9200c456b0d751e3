// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"fmt"
	"net/url"

	consulapi "github.com/hashicorp/consul/api"

	"github.com/flipper-go/flipper/store/consul"
)

// openConsul takes consul://HOST:PORT, and consul: for the agent that the
// CONSUL_… variables name. The token and TLS are theirs in both cases; the files of
// an option replace those of the variables.
func openConsul(u *url.URL, o *options) (*backend, error) {
	query := u.Query()
	baseKey := takeBaseKey(query)
	if u.Path != "" || len(query) > 0 || u.User != nil || u.Opaque != "" {
		return nil, fmt.Errorf("%w: write consul://HOST:PORT, and set the token and so on with CONSUL_… variables", ErrInvalidURL)
	}
	config := consulapi.DefaultConfig()
	if u.Host != "" {
		config.Address = u.Host
	}
	if o.tls != (TLSFiles{}) {
		config.Scheme = "https"
		config.TLSConfig.CAFile = o.tls.CA
		config.TLSConfig.CertFile, config.TLSConfig.KeyFile = o.tls.Cert, o.tls.Key
		config.TLSConfig.Address = o.tls.ServerName
	}
	client, err := consulapi.NewClient(config)
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	opts := []consul.Option{consul.WithLogger(o.logger)}
	if baseKey != "" {
		opts = append(opts, consul.WithBaseKey(baseKey))
	}
	s, err := consul.New(client, opts...)
	if err != nil {
		return nil, err
	}
	idle := func() error { config.HttpClient.CloseIdleConnections(); return nil }
	return &backend{s, "consul://" + config.Address, []func() error{s.Close, idle}, held}, nil
}
