// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package consul_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	consulstore "github.com/flipper-go/flipper/store/consul"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	client, err := api.NewClient(&api.Config{Address: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		client *api.Client
		option consulstore.Option
		want   string
	}{
		"nil client":       {nil, consulstore.WithBaseKey("features"), "client is nil"},
		"no base key":      {client, consulstore.WithBaseKey(""), "base key is empty"},
		"slash at the end": {client, consulstore.WithBaseKey("features/"), "ends with a slash"},
		"leading slash":    {client, consulstore.WithBaseKey("/features"), "slash"},
		"double slash":     {client, consulstore.WithBaseKey("a//b"), "slash"},
		"dots":             {client, consulstore.WithBaseKey("a/../b"), "slash"},
		"control":          {client, consulstore.WithBaseKey("a\nb"), "unprintable"},
		"not UTF-8":        {client, consulstore.WithBaseKey("a\xff"), "UTF-8"},
		"wait":             {client, consulstore.WithWait(time.Hour), "10m0s at most"},
	} {
		s, err := consulstore.New(c.client, c.option)
		if err == nil || s != nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "consul: ") {
			t.Errorf("%s: %v, %v, want an error with %q", what, s, err, c.want)
		}
	}
	for what, option := range map[string]consulstore.Option{
		"parts":    consulstore.WithBaseKey("team/é features:1"),
		"wait":     consulstore.WithWait(-1),
		"timeout":  consulstore.WithTimeout(0),
		"interval": consulstore.WithMinInterval(0),
		"logger":   consulstore.WithLogger(nil),
	} {
		s, err := consulstore.New(client, option)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", what, err)
		}
	}
}
