// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"log"
	"slices"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper/internal/redistest"
)

// examples start their server when the first asks for it; it ends with the
// process's tests, as examples have no testing.T.
var examples struct {
	start    sync.Once
	server   *redistest.Server
	cleanups []func()
}

// examplesTB stands in for a testing.T: it has what the server's start asks for.
type examplesTB struct{ testing.TB }

func (examplesTB) Helper()                           {}
func (examplesTB) Cleanup(f func())                  { examples.cleanups = append(examples.cleanups, f) }
func (examplesTB) Fatal(args ...any)                 { log.Fatal(args...) }
func (examplesTB) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
func (examplesTB) Error(args ...any)                 { log.Print(args...) }
func (examplesTB) Errorf(format string, args ...any) { log.Printf(format, args...) }

// ServerOfExamples returns the options of a client of the examples' server.
func ServerOfExamples() *redis.Options {
	examples.start.Do(func() { examples.server = redistest.Start(examplesTB{}) })
	return &redis.Options{Network: examples.server.Network(), Addr: examples.server.Addr()}
}

// withExamples runs the tests, and then ends the examples' server.
type withExamples struct{ *testing.M }

func (m withExamples) Run() int {
	code := m.M.Run()
	for _, cleanup := range slices.Backward(examples.cleanups) {
		cleanup()
	}
	return code
}
