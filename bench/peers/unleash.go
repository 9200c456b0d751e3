// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/json"
	"net/http"
	"os"

	unleashsdk "github.com/Unleash/unleash-go-sdk/v5"
	unleashcontext "github.com/Unleash/unleash-go-sdk/v5/context"
)

var (
	unleash = Peer{
		Name: "Unleash, metrics off", Module: "github.com/Unleash/unleash-go-sdk/v5",
		New: func(flags []Flag) (*Client, error) { return newUnleash(flags, true) },
	}
	// Metrics are on by default.
	unleashWithMetrics = Peer{
		Name: "Unleash", Module: "github.com/Unleash/unleash-go-sdk/v5", Slow: true, PlainOnly: true,
		New: func(flags []Flag) (*Client, error) { return newUnleash(flags, false) },
	}
)

// quiet is the listener without which the library blocks when nobody reads its
// channels.
type quiet struct{}

func (quiet) OnError(error)                           {}
func (quiet) OnWarning(error)                         {}
func (quiet) OnReady()                                {}
func (quiet) OnCount(string, bool)                    {}
func (quiet) OnSent(unleashsdk.MetricsData)           {}
func (quiet) OnRegistered(unleashsdk.ClientData)      {}
func (quiet) OnImpression(unleashsdk.ImpressionEvent) {}

func newUnleash(flags []Flag, disableMetrics bool) (*Client, error) {
	features := make(list, 0, len(flags))
	for _, f := range flags {
		features = append(features, unleashFeature(f))
	}
	text, err := json.Marshal(object{"version": 2, "features": features})
	if err != nil {
		return nil, err
	}
	// It keeps what it fetches in a file.
	directory, err := os.MkdirTemp("", "unleash")
	if err != nil {
		return nil, err
	}
	client, err := unleashsdk.NewClient(
		unleashsdk.WithUrl("http://unleash.invalid/api/"), unleashsdk.WithAppName("bench"),
		unleashsdk.WithHttpClient(&http.Client{Transport: server(text)}), unleashsdk.WithBackupPath(directory),
		unleashsdk.WithDisableMetrics(disableMetrics), unleashsdk.WithListener(quiet{}),
	)
	if err != nil {
		return nil, failed("Unleash", err)
	}
	client.WaitForReady()
	at := unleashcontext.Context{UserId: "u"}
	return &Client{
		Plain: func(name string) bool { return client.IsEnabled(name, unleashsdk.WithContext(at)) },
		Rule: func(name, plan string) bool {
			return client.IsEnabled(name, unleashsdk.WithContext(unleashcontext.Context{Properties: map[string]string{"plan": plan}}))
		},
		Sticky: func(name, user string) bool {
			return client.IsEnabled(name, unleashsdk.WithContext(unleashcontext.Context{UserId: user}))
		},
		Close: func() {
			_ = client.Close()
			_ = os.RemoveAll(directory)
		},
	}, nil
}

func unleashFeature(f Flag) object {
	strategy := object{"name": "default"}
	is := func(name, value string) object {
		return object{"contextName": name, "operator": "IN", "values": list{value}}
	}
	switch f.Kind {
	case Rule:
		strategy["constraints"] = list{is("plan", "pro")}
	case Pair:
		strategy["constraints"] = list{is("plan", "pro"), is("country", "DE")}
	case Sticky:
		strategy = object{"name": "flexibleRollout", "parameters": object{"rollout": "50", "stickiness": "userId", "groupId": f.Name}}
	}
	return object{"name": f.Name, "enabled": !f.Off, "strategies": list{strategy}}
}
