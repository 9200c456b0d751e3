// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/flipper-go/flipper/api/token"
	"github.com/flipper-go/flipper/internal/words"
)

func (p *program) tokenCommand() *cli.Command {
	return &cli.Command{
		Name:  "token",
		Usage: "manage the tokens of the HTTP API",
		Description: "Tokens are kept in the file that --tokens names, by their SHA-256. A server that\n" +
			"uses the file takes up changes within a second.",
		Commands: []*cli.Command{
			{
				Name:      "create",
				Usage:     "make a token, and show it this once",
				ArgsUsage: "NAME",
				Description: "Roles: evaluate asks for answers, and sees neither rules nor client data; read\n" +
					"sees flags; write changes them; admin does what concerns the server.",
				Flags: []cli.Flag{
					tokensFlag(),
					&cli.StringFlag{Name: "role", Usage: "what its bearer may do: " + token.Roles, Value: token.Evaluate.String()},
					&cli.StringSliceFlag{Name: "for", Usage: "environment that it is for; repeat it for more (default: all)"},
				},
				Action: p.createToken,
			},
			{
				Name:   "list",
				Usage:  "list tokens, and when they were last used",
				Flags:  []cli.Flag{tokensFlag()},
				Action: p.listTokens,
			},
			{
				Name:      "revoke",
				Usage:     "make a token useless",
				ArgsUsage: "NAME",
				Flags:     []cli.Flag{tokensFlag()},
				Action:    p.revokeToken,
			},
		},
	}
}

// tokensPath returns where the tokens are.
func tokensPath(c *cli.Command) (string, error) {
	path := c.String("tokens")
	if path == "" {
		return "", usagef("say in which file the tokens are: set --tokens, or %s", variable("tokens"))
	}
	return path, nil
}

func (p *program) createToken(_ context.Context, c *cli.Command) error {
	name, err := oneTokenName(c)
	if err != nil {
		return err
	}
	path, err := tokensPath(c)
	if err != nil {
		return err
	}
	role, err := token.ParseRole(c.String("role"))
	if err != nil {
		return usagef("--role: %w", err)
	}
	secret, err := token.Add(path, name, role, c.StringSlice("for")...)
	if err != nil {
		return err
	}
	if asJSON(c) {
		text, err := json.Marshal(map[string]string{"name": name, "role": role.String(), "token": secret})
		if err != nil {
			return err
		}
		return p.printJSON(string(text))
	}
	return p.printf("%s", secret)
}

func (p *program) listTokens(_ context.Context, c *cli.Command) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if err := checkOutput(c); err != nil {
		return err
	}
	path, err := tokensPath(c)
	if err != nil {
		return err
	}
	all, err := token.List(path)
	if err != nil {
		return err
	}
	if asJSON(c) {
		shown := make([]listedToken, len(all))
		for i, t := range all {
			shown[i] = listedToken{t, nil}
		}
		text, err := json.Marshal(shown)
		if err != nil {
			return err
		}
		return p.printJSON(string(text))
	}
	rows := [][]cell{{{text: "NAME"}, {text: "ROLE"}, {text: "FOR"}, {text: "CREATED"}, {text: "LAST USED"}, {text: "REVOKED"}}}
	for _, t := range all {
		environments := "all"
		if len(t.Environments) > 0 {
			environments = strings.Join(t.Environments, ", ")
		}
		row := []cell{{text: words.Name(t.Name)}, {text: t.Role.String()}, {text: environments}, {text: words.Time(t.Created)}, {text: "-"}, {text: "-"}}
		if !t.LastUsed.IsZero() {
			row[4].text = words.Time(t.LastUsed)
		}
		if !t.Revoked.IsZero() {
			row[5].text = words.Time(t.Revoked)
		}
		rows = append(rows, row)
	}
	return p.printTable(rows)
}

// A listedToken is a token without what recognizes it, which is nobody's business.
type listedToken struct {
	token.Listed
	Digest *struct{} `json:"sha256,omitempty"`
}

func (p *program) revokeToken(_ context.Context, c *cli.Command) error {
	name, err := oneTokenName(c)
	if err != nil {
		return err
	}
	path, err := tokensPath(c)
	if err != nil {
		return err
	}
	if err := token.Revoke(path, name); err != nil {
		return err
	}
	return p.printf("revoked %s", words.Name(name))
}

func oneTokenName(c *cli.Command) (string, error) {
	if c.NArg() != 1 {
		return "", usagef("write %s NAME (see %[1]s --help)", c.FullName())
	}
	return c.Args().First(), nil
}
