// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/flipper-go/flipper/bench/peers"
)

// A machine is what was measured on, and with.
type machine struct {
	Processor  string   `json:"processor"`
	Processors int      `json:"processors"`
	System     string   `json:"system"`
	Go         string   `json:"go"`
	Date       string   `json:"date"`
	Modules    []string `json:"modules"`
}

func (m machine) String() string {
	return fmt.Sprintf("%d × %s, %s, %s", m.Processors, m.Processor, m.System, m.Go)
}

func thisMachine() machine {
	return machine{
		Processor: processor(), Processors: runtime.GOMAXPROCS(0), System: system(), Go: runtime.Version(),
		Date: time.Now().UTC().Format(time.DateOnly), Modules: modules(),
	}
}

// processor returns the name of the processor, as well as it can be had.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range bytes.Lines(text) {
			if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

func system() string {
	text, err := exec.CommandContext(context.Background(), "uname", "-sr").Output()
	if err != nil {
		return runtime.GOOS
	}
	return strings.TrimSpace(string(text))
}

// modules returns the versions of what is compared.
func modules() []string {
	wanted := []string{"github.com/redis/go-redis/v9", "github.com/apache/thrift", "github.com/hashicorp/golang-lru/v2"}
	for _, peer := range peers.All() {
		if !slices.Contains(wanted, peer.Module) {
			wanted = append(wanted, peer.Module)
		}
	}
	var versions []string
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, dependency := range info.Deps {
		if slices.Contains(wanted, dependency.Path) {
			versions = append(versions, strings.TrimPrefix(dependency.Path, "github.com/")+" "+dependency.Version)
		}
	}
	return versions
}
