// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package storeurl

import (
	"fmt"
	"net/url"
	"strings"

	consulapi "github.com/hashicorp/consul/api"
	goredis "github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/store/redis"
)

// baseKeyParameter is the one parameter that is ours; the others of a Redis URL
// are those of go-redis.
const baseKeyParameter = "base_key"

// takeBaseKey takes our parameter out of the URL. Without it the result is empty.
func takeBaseKey(u *url.URL) string {
	query := u.Query()
	key := query.Get(baseKeyParameter)
	query.Del(baseKeyParameter)
	u.RawQuery = query.Encode()
	return key
}

// openRedis takes the URLs of go-redis, whose scheme says with a suffix if they
// are of a cluster or of Sentinels.
func openRedis(u *url.URL) (*Store, error) {
	baseKey := takeBaseKey(u)
	scheme, kind, _ := strings.Cut(u.Scheme, "+")
	u.Scheme = scheme
	if u.Hostname() == "" {
		return nil, fmt.Errorf("%w: the host is missing in %s://HOST:PORT", ErrUnknown, scheme)
	}
	var client goredis.UniversalClient
	switch kind {
	case "cluster":
		options, err := goredis.ParseClusterURL(u.String())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		client = goredis.NewClusterClient(options)
	case "sentinel":
		options, err := goredis.ParseFailoverURL(u.String())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		if options.MasterName == "" {
			return nil, fmt.Errorf("%w: the parameter master_name is missing in %s+sentinel://HOST:PORT?master_name=NAME", ErrUnknown, scheme)
		}
		client = goredis.NewFailoverClient(options)
	default:
		options, err := goredis.ParseURL(u.String())
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		client = goredis.NewClient(options)
	}
	var opts []redis.Option
	if baseKey != "" {
		opts = append(opts, redis.WithBaseKey(baseKey))
	}
	s, err := redis.New(client, opts...)
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return &Store{s, place(u), []func() error{s.Close, client.Close}}, nil
}

// openConsul takes consul://HOST:PORT, and consul: for the agent that the
// CONSUL_… variables name; token and TLS are theirs in both cases.
func openConsul(u *url.URL) (*Store, error) {
	baseKey := takeBaseKey(u)
	if u.Path != "" || u.RawQuery != "" || u.User != nil || u.Opaque != "" {
		return nil, fmt.Errorf("%w: write consul://HOST:PORT, and set the token and so on with CONSUL_… variables", ErrUnknown)
	}
	config := consulapi.DefaultConfig()
	if u.Host != "" {
		config.Address = u.Host
	}
	client, err := consulapi.NewClient(config)
	if err != nil {
		return nil, err
	}
	var opts []consul.Option
	if baseKey != "" {
		opts = append(opts, consul.WithBaseKey(baseKey))
	}
	s, err := consul.New(client, opts...)
	if err != nil {
		return nil, err
	}
	return &Store{s, "consul://" + config.Address, []func() error{s.Close}}, nil
}

// place gives a URL without its secrets.
func place(u *url.URL) string {
	u.User, u.RawQuery = nil, ""
	return u.String()
}
