// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Command flipper serves feature flags.
//
//	flipper serve
//
// serves the flags in the file flags.db in the working directory, over Thrift on
// 127.0.0.1:9090, with health over HTTP on 127.0.0.1:9091.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "flipper:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	command := &cli.Command{
		Name:           "flipper",
		Usage:          "serve feature flags",
		Version:        version(),
		Writer:         stdout,
		ErrWriter:      stderr,
		Flags:          globalFlags(),
		Commands:       []*cli.Command{serveCommand(stderr)},
		Action:         noCommand,
		OnUsageError:   usageError,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // main exits
	}
	return command.Run(ctx, args)
}

// noCommand runs if the first argument is not a command.
func noCommand(_ context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return cli.ShowRootCommandHelp(c)
	}
	name := c.Args().First()
	return fmt.Errorf("unknown command %q: did you mean %q? (see flipper --help)", name, cli.SuggestCommand(c.Commands, name))
}

// usageError says in one line what the library would say with a page of help.
func usageError(_ context.Context, c *cli.Command, err error, _ bool) error {
	see := fmt.Sprintf("(see %s --help)", c.FullName())
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
		name = "--" + strings.TrimPrefix(name, "-")
		if nearest := cli.SuggestFlag(c.Flags, name, false); nearest != "" {
			return fmt.Errorf("unknown flag %s: did you mean %s? %s", name, nearest, see)
		}
		return fmt.Errorf("unknown flag %s %s", name, see)
	}
	return fmt.Errorf("%w %s", err, see)
}

// version gives the module version that the binary was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
