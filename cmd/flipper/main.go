// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Command flipper serves feature flags, and manages them from a shell.
//
//	flipper serve
//
// serves the flags in the file flags.db in the working directory, over Thrift on
// 127.0.0.1:9090, with health over HTTP on 127.0.0.1:9091. Meanwhile
//
//	flipper create NEW_CHECKOUT
//	flipper enable NEW_CHECKOUT
//	flipper eval NEW_CHECKOUT user_id=42
//
// in another terminal make a flag, switch it on, and say who gets it. With
// --store they do so in any other store.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := loadEnvironment()
	if err == nil {
		err = newProgram(args, stdin, stdout, stderr).run(ctx)
	}
	if message := oneLine(err); message != "" {
		fmt.Fprintln(stderr, "flipper:", message)
	}
	return exitCode(err)
}

// A program is one run of the command.
type program struct {
	console
	args []string
}

func newProgram(args []string, stdin io.Reader, stdout, stderr io.Writer) *program {
	return &program{console: newConsole(stdin, stdout, stderr), args: args}
}

func (p *program) run(ctx context.Context) error {
	root := p.command()
	p.args = withRolloutKind(root, p.args)
	path, err := helpTopic(root, p.args[min(1, len(p.args)):])
	if err != nil {
		return err
	}
	if path != nil {
		return p.showHelp(path)
	}
	return root.Run(ctx, p.args)
}

// command returns the command with all that are below it.
func (p *program) command() *cli.Command {
	root := &cli.Command{
		Name:        "flipper",
		Usage:       "serve feature flags, and manage them",
		Description: exitCodesHelp,
		Version:     version(),
		Reader:      p.in,
		Writer:      p.out,
		ErrWriter:   p.err,
		Flags:       globalFlags(),
		Commands: []*cli.Command{
			p.serveCommand(),
			p.listCommand(),
			p.getCommand(),
			p.createCommand(),
			p.enableCommand(),
			p.disableCommand(),
			p.destroyCommand(),
			p.dataCommand(),
			p.ruleCommand(),
			p.variantCommand(),
			p.segmentCommand(),
			p.convertCommand(),
			p.conditionCommand(),
			p.rolloutCommand(),
			p.evalCommand(),
			p.watchCommand(),
			p.exportCommand(),
			p.importCommand(),
			p.tokenCommand(),
			p.configCommand(),
			p.versionCommand(),
			p.completionCommand(),
		},
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // main exits
	}
	root.Commands = append(root.Commands, completeCommand(root, p.out))
	prepare(root)
	return root
}

// prepare sets what all commands have in common.
func prepare(c *cli.Command) {
	c.OnUsageError = usageError
	c.HideHelp = true // the library looks for --help at some places only: see helpTopic
	for _, below := range c.Commands {
		prepare(below)
	}
	if c.Action == nil {
		c.Action = noCommand
	}
}
