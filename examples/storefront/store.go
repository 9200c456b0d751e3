// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	consulapi "github.com/hashicorp/consul/api"
	goredis "github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/consul"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/redis"
	"github.com/flipper-go/flipper/store/thriftrpc"
)

// openStore makes the store that a URL names, and the function that closes it. It
// does not dial, so it does not matter whether the server is there.
func openStore(text string, logger *slog.Logger) (flags store.Watcher, closeStore func() error, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, nil, errors.New("FLIPPER_STORE is not a URL") // which may hold a password
	}
	switch u.Scheme {
	case "thrift":
		s := thriftrpc.New(u.Host, thriftrpc.WithLogger(logger))
		return s, s.Close, nil
	case "redis", "rediss":
		options, err := goredis.ParseURL(text)
		if err != nil {
			return nil, nil, fmt.Errorf("FLIPPER_STORE: %w", err)
		}
		client := goredis.NewClient(options)
		s, err := redis.New(client, redis.WithLogger(logger))
		if err != nil {
			return nil, nil, errors.Join(err, client.Close())
		}
		return s, func() error { return errors.Join(s.Close(), client.Close()) }, nil
	case "consul":
		config := consulapi.DefaultConfig()
		config.Address = u.Host
		client, err := consulapi.NewClient(config)
		if err != nil {
			return nil, nil, err
		}
		s, err := consul.New(client, consul.WithLogger(logger))
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	case "memory":
		s := memory.New()
		return s, s.Close, nil
	}
	return nil, nil, errors.New("FLIPPER_STORE is not a URL of thrift, redis, rediss, consul or memory")
}
