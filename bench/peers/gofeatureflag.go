// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"encoding/json"
	"time"

	goff "github.com/thomaspoignant/go-feature-flag"
	"github.com/thomaspoignant/go-feature-flag/modules/core/ffcontext"
)

var (
	goFeatureFlag = Peer{
		Name: "GO Feature Flag, trackEvents off", Module: "github.com/thomaspoignant/go-feature-flag",
		New: func(flags []Flag) (*Client, error) { return newGoFeatureFlag(flags, false) },
	}
	// Events are tracked by default, even where there is nothing to export them to.
	goFeatureFlagTracked = Peer{
		Name: "GO Feature Flag", Module: "github.com/thomaspoignant/go-feature-flag", Slow: true, PlainOnly: true,
		New: func(flags []Flag) (*Client, error) { return newGoFeatureFlag(flags, true) },
	}
)

// text is a retriever of a text.
type text []byte

func (t text) Retrieve(context.Context) ([]byte, error) { return t, nil }

func newGoFeatureFlag(flags []Flag, track bool) (*Client, error) {
	configuration := object{}
	for _, f := range flags {
		flag := goFeatureFlagFlag(f)
		flag["variations"] = object{"on": true, "off": false}
		flag["disable"] = f.Off
		flag["trackEvents"] = track
		configuration[f.Name] = flag
	}
	file, err := json.Marshal(configuration)
	if err != nil {
		return nil, err
	}
	client, err := goff.New(goff.Config{Retriever: text(file), FileFormat: "json", PollingInterval: time.Hour})
	if err != nil {
		return nil, failed("GO Feature Flag", err)
	}
	ask := func(name string, at ffcontext.Context) bool {
		on, err := client.BoolVariation(name, at, false)
		return err == nil && on
	}
	at := ffcontext.NewEvaluationContext("u")
	return &Client{
		Plain: func(name string) bool { return ask(name, at) },
		Rule: func(name, plan string) bool {
			return ask(name, ffcontext.NewEvaluationContextBuilder("u").AddCustom("plan", plan).Build())
		},
		Sticky: func(name, user string) bool { return ask(name, ffcontext.NewEvaluationContext(user)) },
		Close:  client.Close,
	}, nil
}

func goFeatureFlagFlag(f Flag) object {
	rule := func(query string) object {
		return object{"targeting": list{object{"query": query, "variation": "on"}}, "defaultRule": object{"variation": "off"}}
	}
	switch f.Kind {
	case Rule:
		return rule(`plan eq "pro"`)
	case Pair:
		return rule(`plan eq "pro" and country eq "DE"`)
	case Sticky:
		return object{"defaultRule": object{"percentage": object{"on": 50, "off": 50}}}
	}
	return object{"defaultRule": object{"variation": "on"}}
}
