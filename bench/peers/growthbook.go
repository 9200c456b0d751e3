// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"encoding/json"

	"github.com/growthbook/growthbook-golang"
)

var growthBook = Peer{
	Name: "GrowthBook", Module: "github.com/growthbook/growthbook-golang",
	New: func(flags []Flag) (*Client, error) {
		features := object{}
		for _, f := range flags {
			features[f.Name] = growthBookFeature(f)
		}
		text, err := json.Marshal(features)
		if err != nil {
			return nil, err
		}
		ctx := context.Background()
		client, err := growthbook.NewClient(ctx, growthbook.WithJsonFeatures(string(text)))
		if err != nil {
			return nil, failed("GrowthBook", err)
		}
		with := func(name string, attributes growthbook.Attributes) bool {
			child, err := client.WithAttributes(attributes)
			return err == nil && child.EvalFeature(ctx, name).On
		}
		return &Client{
			Plain:  func(name string) bool { return client.EvalFeature(ctx, name).On },
			Rule:   func(name, plan string) bool { return with(name, growthbook.Attributes{"plan": plan}) },
			Sticky: func(name, user string) bool { return with(name, growthbook.Attributes{"id": user}) },
			Close:  func() { _ = client.Close() },
		}, nil
	},
}

func growthBookFeature(f Flag) object {
	if f.Off {
		return object{"defaultValue": false}
	}
	switch f.Kind {
	case Rule:
		return object{"defaultValue": false, "rules": list{object{"condition": object{"plan": "pro"}, "force": true}}}
	case Pair:
		return object{"defaultValue": false, "rules": list{object{"condition": object{"plan": "pro", "country": "DE"}, "force": true}}}
	case Sticky:
		return object{"defaultValue": false, "rules": list{object{"coverage": 0.5, "hashAttribute": "id", "force": true}}}
	}
	return object{"defaultValue": true}
}
