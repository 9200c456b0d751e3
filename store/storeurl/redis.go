// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store/redis"
)

// baseKeyParameter is the parameter of Redis and Consul that is ours.
const baseKeyParameter = "base_key"

// takeBaseKey takes the base key out of a query. Without one it returns an empty
// text.
func takeBaseKey(query url.Values) string {
	key := query.Get(baseKeyParameter)
	query.Del(baseKeyParameter)
	return key
}

// openRedis takes the URLs of go-redis. A suffix of the scheme says that they are
// of a cluster or of Sentinels.
func openRedis(u *url.URL, o *options) (*backend, error) {
	scheme, kind, _ := strings.Cut(u.Scheme, "+")
	u.Scheme = scheme
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%w: the host is missing in %s://HOST:PORT", ErrInvalidURL, scheme)
	}
	query := u.Query()
	baseKey := takeBaseKey(query)
	var files TLSFiles
	if scheme == "rediss" {
		files = takeTLSFiles(query, o)
	} else if err := o.refuseTLS(scheme, "rediss"); err != nil {
		return nil, err
	}
	for _, name := range tlsParameters {
		if query.Has(name) {
			return nil, fmt.Errorf("%w: %s:// has no parameter %s, which is of TLS: write rediss://", ErrInvalidURL, scheme, name)
		}
	}
	u.RawQuery = query.Encode()
	client, err := newRedisClient(u.String(), scheme, kind, files)
	if err != nil {
		return nil, err
	}
	opts := []redis.Option{redis.WithLogger(o.logger)}
	if baseKey != "" {
		opts = append(opts, redis.WithBaseKey(baseKey))
	}
	s, err := redis.New(client, opts...)
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return &backend{s, place(u), []func() error{s.Close, client.Close}, remote}, nil
}

// newRedisClient makes the client of a URL. It does not dial.
func newRedisClient(text, scheme, kind string, files TLSFiles) (goredis.UniversalClient, error) {
	secure := func(config *tls.Config) error {
		if config == nil {
			return nil
		}
		return files.addTo(config)
	}
	wrong := func(err error) error { return fmt.Errorf("%w: %w", ErrInvalidURL, err) }
	switch kind {
	case "cluster":
		options, err := goredis.ParseClusterURL(text)
		if err != nil {
			return nil, wrong(err)
		}
		if err := secure(options.TLSConfig); err != nil {
			return nil, err
		}
		return goredis.NewClusterClient(options), nil
	case "sentinel":
		options, err := goredis.ParseFailoverURL(text)
		if err != nil {
			return nil, wrong(err)
		}
		if options.MasterName == "" {
			return nil, fmt.Errorf("%w: the parameter master_name is missing in %s+sentinel://HOST:PORT?master_name=NAME", ErrInvalidURL, scheme)
		}
		if err := secure(options.TLSConfig); err != nil {
			return nil, err
		}
		return goredis.NewFailoverClient(options), nil
	}
	options, err := goredis.ParseURL(text)
	if err != nil {
		return nil, wrong(err)
	}
	if err := secure(options.TLSConfig); err != nil {
		return nil, err
	}
	return goredis.NewClient(options), nil
}

// place returns a URL without its secrets.
func place(u *url.URL) string {
	u.User, u.RawQuery = nil, ""
	return u.String()
}
