// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"time"

	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldlog"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldmodel"
	launchdarklysdk "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
	"github.com/launchdarkly/go-server-sdk/v7/testhelpers/ldtestdata"
)

var launchDarkly = Peer{
	Name: "LaunchDarkly, events off", Module: "github.com/launchdarkly/go-server-sdk/v7",
	New: func(flags []Flag) (*Client, error) {
		source := ldtestdata.DataSource()
		for _, f := range flags {
			source.UsePreconfiguredFlag(launchDarklyFlag(f))
		}
		loggers := ldlog.NewDefaultLoggers()
		loggers.SetMinLevel(ldlog.Error)
		client, err := launchdarklysdk.MakeCustomClient("sdk-key", launchdarklysdk.Config{
			DataSource: source, Events: ldcomponents.NoEvents(),
			Logging: ldcomponents.Logging().Loggers(loggers), DiagnosticOptOut: true,
		}, time.Minute)
		if err != nil {
			return nil, failed("LaunchDarkly", err)
		}
		ask := func(name string, context ldcontext.Context) bool {
			on, err := client.BoolVariation(name, context, false)
			return err == nil && on
		}
		at := ldcontext.New("u")
		return &Client{
			Plain: func(name string) bool { return ask(name, at) },
			Rule: func(name, plan string) bool {
				return ask(name, ldcontext.NewBuilder("u").SetString("plan", plan).Build())
			},
			Sticky: func(name, user string) bool { return ask(name, ldcontext.New(user)) },
			Close:  func() { _ = client.Close() },
		}, nil
	},
}

func launchDarklyFlag(f Flag) ldmodel.FeatureFlag {
	const off, on = 0, 1
	flag := ldbuilders.NewFlagBuilder(f.Name).Version(1).Salt(f.Name).On(!f.Off).
		Variations(ldvalue.Bool(false), ldvalue.Bool(true)).OffVariation(off)
	is := func(attribute, value string) ldmodel.Clause {
		return ldbuilders.Clause(attribute, ldmodel.OperatorIn, ldvalue.String(value))
	}
	switch f.Kind {
	case Rule:
		flag.FallthroughVariation(off).AddRule(ldbuilders.NewRuleBuilder().ID("rule").Variation(on).Clauses(is("plan", "pro")))
	case Pair:
		flag.FallthroughVariation(off).AddRule(ldbuilders.NewRuleBuilder().ID("rule").Variation(on).Clauses(is("plan", "pro"), is("country", "DE")))
	case Sticky:
		flag.Fallthrough(ldbuilders.Rollout(ldbuilders.Bucket(off, 50_000), ldbuilders.Bucket(on, 50_000)))
	default:
		flag.FallthroughVariation(on)
	}
	return flag.Build()
}
