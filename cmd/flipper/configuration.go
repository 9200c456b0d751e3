// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/store/storeurl"
)

// managedStore is where the commands that manage flags look for them unless told
// otherwise: a bolt file is locked while a server runs, so they ask the server.
const managedStore = "thrift://127.0.0.1:9090"

// What is global unless a flag or variable says otherwise.
const (
	defaultAppName = "flipper"
	defaultTimeout = 10 * time.Second
)

// An identity says which process this is. Logs and metrics carry it.
type identity struct {
	AppName     string // "flipper" by default
	Environment string // such as "production"; empty by default
	InstanceID  string // the host's name by default
}

// identityOf returns what the global flags say, for any command.
func identityOf(c *cli.Command) identity {
	id := identity{
		AppName:     c.String("app-name"),
		Environment: c.String("environment"),
		InstanceID:  c.String("instance-id"),
	}
	if id.InstanceID == "" {
		host, _ := os.Hostname()
		id.InstanceID = cmp.Or(host, "unknown")
	}
	return id
}

// globalFlags are those of all commands.
func globalFlags() []cli.Flag {
	store := stringFlag("store", "where the flags are: "+storeurl.Forms+" (default: "+managedStore+", and for serve "+defaultStore+")", managedStore)
	store.HideDefault = true
	output := stringFlag("output", "form of results: table or json", "table")
	output.Aliases = []string{"o"}
	return []cli.Flag{
		store,
		output,
		&cli.DurationFlag{
			Name: "timeout", Usage: "how long a question to the store may take; 0 for no limit", Value: defaultTimeout,
			Sources: cli.EnvVars(variable("timeout")),
		},
		stringFlag("app-name", "name of the application, for logs and metrics", defaultAppName),
		stringFlag("environment", "environment that this runs in, such as production, for logs and metrics", ""),
		stringFlag("instance-id", "name of this process, for logs and metrics (default: the host's name)", ""),
	}
}
