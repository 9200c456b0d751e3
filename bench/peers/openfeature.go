// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/memprovider"
)

// The in-memory provider has no rules: a flag's is a Go function, and here the
// one that is needed, so what is measured is the SDK.
var openFeature = Peer{
	Name: "OpenFeature SDK, in-memory provider", Module: "github.com/open-feature/go-sdk", NoSticky: true,
	New: func(flags []Flag) (*Client, error) {
		held := make(map[string]memprovider.InMemoryFlag, len(flags))
		for _, f := range flags {
			held[f.Name] = openFeatureFlag(f)
		}
		// Providers are the process's own, by domain.
		domain := fmt.Sprint("bench", openFeatureDomains.Add(1))
		if err := openfeature.SetNamedProviderAndWait(domain, memprovider.NewInMemoryProvider(held)); err != nil {
			return nil, failed("OpenFeature", err)
		}
		client := openfeature.NewClient(domain)
		ctx := context.Background()
		ask := func(name string, at openfeature.EvaluationContext) bool {
			on, err := client.BooleanValue(ctx, name, false, at)
			return err == nil && on
		}
		at := openfeature.NewEvaluationContext("u", nil)
		return &Client{
			Plain: func(name string) bool { return ask(name, at) },
			Rule: func(name, plan string) bool {
				return ask(name, openfeature.NewEvaluationContext("u", object{"plan": plan}))
			},
			Close: func() { _ = openfeature.SetNamedProviderAndWait(domain, openfeature.NoopProvider{}) },
		}, nil
	},
}

var openFeatureDomains atomic.Int64

func openFeatureFlag(f Flag) memprovider.InMemoryFlag {
	flag := memprovider.InMemoryFlag{State: memprovider.Enabled, DefaultVariant: "on", Variants: object{"on": true, "off": false}}
	if f.Off {
		flag.DefaultVariant = "off"
		return flag
	}
	wanted := map[string]string{}
	switch f.Kind {
	case Rule:
		wanted["plan"] = "pro"
	case Pair:
		wanted["plan"], wanted["country"] = "pro", "DE"
	default:
		return flag
	}
	is := func(_ memprovider.InMemoryFlag, at openfeature.FlattenedContext) (any, openfeature.ProviderResolutionDetail) {
		for name, value := range wanted {
			if at[name] != value {
				return false, openfeature.ProviderResolutionDetail{Reason: openfeature.TargetingMatchReason, Variant: "off"}
			}
		}
		return true, openfeature.ProviderResolutionDetail{Reason: openfeature.TargetingMatchReason, Variant: "on"}
	}
	flag.ContextEvaluator = &is
	return flag
}
