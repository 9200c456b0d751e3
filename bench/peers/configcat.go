// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"encoding/json"

	"github.com/configcat/go-sdk/v9"
)

var configCat = Peer{
	Name: "ConfigCat", Module: "github.com/configcat/go-sdk/v9",
	New: func(flags []Flag) (*Client, error) {
		client, err := newConfigCat(flags)
		if err != nil {
			return nil, err
		}
		user := &configcat.UserData{Identifier: "u"}
		return &Client{
			Plain: func(name string) bool { return client.GetBoolValue(name, false, user) },
			Rule: func(name, plan string) bool {
				return client.GetBoolValue(name, false, &configcat.UserData{Identifier: "u", Custom: object{"plan": plan}})
			},
			Sticky: func(name, user string) bool {
				return client.GetBoolValue(name, false, &configcat.UserData{Identifier: user})
			},
			Close: client.Close,
		}, nil
	},
}

// configCatSnapshot asks a snapshot for one user, which remembers results. It is
// made beforehand, so there is nothing of it to measure where the user is another
// at each call.
var configCatSnapshot = Peer{
	Name: "ConfigCat, kept snapshot", Module: "github.com/configcat/go-sdk/v9", PlainOnly: true,
	New: func(flags []Flag) (*Client, error) {
		client, err := newConfigCat(flags)
		if err != nil {
			return nil, err
		}
		snapshot := client.Snapshot(&configcat.UserData{Identifier: "u"})
		return &Client{
			Plain: func(name string) bool {
				on, _ := snapshot.GetValue(name).(bool)
				return on
			},
			Handle: func(name string) func() bool {
				flag := configcat.Bool(name, false)
				return func() bool { return flag.Get(snapshot) }
			},
			Close: client.Close,
		}, nil
	},
}

func newConfigCat(flags []Flag) (*configcat.Client, error) {
	settings := object{}
	for _, f := range flags {
		settings[f.Name] = configCatSetting(f)
	}
	text, err := json.Marshal(object{"p": object{"u": "https://cdn-global.configcat.com", "r": 0, "s": "salt"}, "f": settings})
	if err != nil {
		return nil, err
	}
	client := configcat.NewCustomClient(configcat.Config{
		SDKKey:      "configcat-sdk-1/0123456789012345678901/0123456789012345678901",
		PollingMode: configcat.Manual, Transport: server(text), LogLevel: configcat.LogLevelError,
	})
	if err := client.Refresh(context.Background()); err != nil {
		return nil, failed("ConfigCat", err)
	}
	return client, nil
}

func configCatSetting(f Flag) object {
	value := func(on bool) object { return object{"b": on} }
	is := func(attribute, text string) object {
		return object{"u": object{"a": attribute, "c": configcat.OpEq, "s": text}}
	}
	on := func(conditions ...any) object {
		return object{"t": configcat.BoolSetting, "v": value(false), "r": list{object{"c": conditions, "s": object{"v": value(true)}}}}
	}
	if f.Off {
		return object{"t": configcat.BoolSetting, "v": value(false)}
	}
	switch f.Kind {
	case Rule:
		return on(is("plan", "pro"))
	case Pair:
		return on(is("plan", "pro"), is("country", "DE"))
	case Sticky:
		return object{"t": configcat.BoolSetting, "v": value(false), "p": list{object{"p": 50, "v": value(true)}, object{"p": 50, "v": value(false)}}}
	}
	return object{"t": configcat.BoolSetting, "v": value(true)}
}
