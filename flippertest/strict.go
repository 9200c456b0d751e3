// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/flipper-go/flipper/internal/nearest"
)

// failUnknown fails the test because a flag was asked that does not exist, once for
// each name.
func (c *Client) failUnknown(name string) {
	c.mu.Lock()
	known := c.given[name] || c.failed[name]
	c.failed[name] = true
	names := slices.Collect(maps.Keys(c.given))
	c.mu.Unlock()
	if known {
		return
	}
	// The code under test may have created others.
	for f, err := range c.store.flags.List(context.Background()) {
		if err == nil {
			names = append(names, f.Name)
		}
	}
	hint := ""
	if near := nearest.Names(name, names); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	c.output.errorf("flippertest: flag %q is asked by %s, and the test has not set it%s", name, asker(), hint)
}

// asker says where in the code under test a flag is asked.
func asker() string {
	const module = "github.com/flipper-go/flipper"
	callers := make([]uintptr, 50)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		ours := strings.HasPrefix(frame.Function, module+".") ||
			strings.HasPrefix(frame.Function, module+"/flippertest.") ||
			strings.HasPrefix(frame.Function, module+"/middleware.")
		if !ours || !more {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
	}
}
