// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"encoding/json"

	"github.com/open-feature/flagd/core/pkg/evaluator"
	"github.com/open-feature/flagd/core/pkg/logger"
	"github.com/open-feature/flagd/core/pkg/store"
	"github.com/open-feature/flagd/core/pkg/sync"
	"go.uber.org/zap"
)

var flagd = Peer{
	Name: "flagd's evaluator", Module: "github.com/open-feature/flagd/core",
	New: func(flags []Flag) (*Client, error) {
		definitions := object{}
		for _, f := range flags {
			definitions[f.Name] = flagdFlag(f)
		}
		text, err := json.Marshal(object{"flags": definitions})
		if err != nil {
			return nil, err
		}
		silent := logger.NewLogger(zap.NewNop(), false)
		const source = "bench"
		held, err := store.NewStore(silent, []string{source})
		if err != nil {
			return nil, failed("flagd", err)
		}
		e := evaluator.NewJSON(silent, held)
		if err := e.SetState(sync.DataSync{FlagData: string(text), Source: source}); err != nil {
			return nil, failed("flagd", err)
		}
		ctx := context.Background()
		ask := func(name string, at object) bool {
			on, _, _, _, err := e.ResolveBooleanValue(ctx, "", name, at)
			return err == nil && on
		}
		at := object{"targetingKey": "u"}
		return &Client{
			Plain:  func(name string) bool { return ask(name, at) },
			Rule:   func(name, plan string) bool { return ask(name, object{"plan": plan}) },
			Sticky: func(name, user string) bool { return ask(name, object{"targetingKey": user}) },
			Close:  func() {},
		}, nil
	},
}

func flagdFlag(f Flag) object {
	flag := object{"state": "ENABLED", "variants": object{"on": true, "off": false}, "defaultVariant": "on"}
	if f.Off {
		flag["defaultVariant"] = "off"
		return flag
	}
	is := func(name, value string) object { return object{"==": list{object{"var": name}, value}} }
	switch f.Kind {
	case Rule:
		flag["targeting"] = object{"if": list{is("plan", "pro"), "on", "off"}}
	case Pair:
		flag["targeting"] = object{"if": list{object{"and": list{is("plan", "pro"), is("country", "DE")}}, "on", "off"}}
	case Sticky:
		flag["targeting"] = object{"fractional": list{list{"on", 50}, list{"off", 50}}}
	}
	return flag
}
