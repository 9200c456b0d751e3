// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"embed"

	"github.com/urfave/cli/v3"
)

// The scripts are our own: the library's run what was typed through the shell
// once more, and in bash need a package that is not always there.
//
//go:embed completion
var completionScripts embed.FS

func (p *program) completionCommand() *cli.Command {
	c := &cli.Command{
		Name:  "completion",
		Usage: "give the script with which a shell completes commands, flags and names",
		Description: `bash:        source <(flipper completion bash)      in ~/.bashrc
zsh:         source <(flipper completion zsh)       in ~/.zshrc
fish:        flipper completion fish | source       in ~/.config/fish/config.fish
PowerShell:  flipper completion pwsh | Out-String | Invoke-Expression    in $PROFILE`,
	}
	for _, shell := range []string{"bash", "zsh", "fish", "pwsh"} {
		c.Commands = append(c.Commands, &cli.Command{
			Name:  shell,
			Usage: "the script for " + shell,
			Action: func(_ context.Context, c *cli.Command) error {
				if err := noArguments(c); err != nil {
					return err
				}
				script, err := completionScripts.ReadFile("completion/flipper." + shell)
				if err != nil {
					return err
				}
				_, err = p.out.Write(script)
				return err
			},
		})
	}
	return c
}
