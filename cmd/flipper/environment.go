// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/joho/godotenv"
)

// The file of variables for development.
const (
	envFileVariable = "FLIPPER_ENV_FILE"
	defaultEnvFile  = ".env"
)

// fromEnvFile has the variables that loadEnvironment set, with their file.
var fromEnvFile = map[string]string{}

// loadEnvironment sets the variables of the file .env in the working directory,
// or of the one that FLIPPER_ENV_FILE names, if they are not set. An empty
// FLIPPER_ENV_FILE switches this off. Only variables of ours and of Consul's
// client count: a file that lies in a folder must not change how the rest of the
// process works.
func loadEnvironment() error {
	path, chosen := os.LookupEnv(envFileVariable)
	switch {
	case !chosen:
		path = defaultEnvFile
	case path == "":
		return nil
	}
	variables, err := godotenv.Read(path)
	if errors.Is(err, fs.ErrNotExist) && !chosen {
		return nil
	}
	if err != nil {
		return usagef("read %s: %w (repair it, or set %s= to go without)", path, cause(err), envFileVariable)
	}
	for name, value := range variables {
		if !strings.HasPrefix(name, variablePrefix) && !strings.HasPrefix(name, "CONSUL_") {
			continue
		}
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("read %s: set %s: %w", path, name, err)
		}
		fromEnvFile[name] = path
	}
	return nil
}

// cause leaves out what the parser quotes of the file, which may be a secret.
func cause(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return errors.New("a line is not NAME=VALUE")
}
