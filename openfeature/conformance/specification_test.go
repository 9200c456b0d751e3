// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/cucumber/godog"
)

// specification is the variable that names a checkout of OpenFeature's
// specification, github.com/open-feature/spec. If it is set, the scenarios of the
// specification are run too.
const specification = "OPENFEATURE_SPEC"

// suites are the specification's suites. Left out are evaluation.feature, which is
// deprecated, as evaluation_v2.feature has all that it has, and tracking.feature,
// which asks for errors that the SDK for Go does not give.
var suites = []string{
	"evaluation_v2.feature", "hooks.feature", "metadata.feature", "contextMerging.feature",
	"evaluation_context.feature", "events.feature",
}

// TestSpecification runs scenarios in the words of OpenFeature's specification: ours,
// of what it requires of a provider like this one, and its own.
func TestSpecification(t *testing.T) {
	paths := []string{"testdata/features"}
	if checkout := os.Getenv(specification); checkout != "" {
		for _, suite := range suites {
			path := filepath.Join(checkout, "specification/assets/gherkin", suite)
			if _, err := os.Stat(path); err == nil { // versions of the specification have not all of them
				paths = append(paths, path)
			}
		}
	}
	suite := godog.TestSuite{
		Name: "specification",
		ScenarioInitializer: func(sc *godog.ScenarioContext) {
			s := &scenario{t: t}
			sc.Before(func(ctx context.Context, started *godog.Scenario) (context.Context, error) {
				s.name = started.Name
				return ctx, nil
			})
			sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
				return ctx, s.end()
			})
			for pattern, step := range s.steps() {
				sc.Step(pattern, step)
			}
		},
		Options: &godog.Options{Format: "progress", NoColors: true, Output: io.Discard, Paths: paths, Strict: true, TestingT: t},
	}
	if status := suite.Run(); status != 0 {
		t.Errorf("the suite ended with %d", status)
	}
}

// A difference is what a flag of ours answers where the specification's flag answers
// something else.
type difference struct {
	scenario, flag string
	answers        map[string]string
}

var differences = []difference{
	// A flag that is false for all is one that is off.
	{"Resolves zero value", "boolean-zero-flag", map[string]string{"reason": "DISABLED"}},
	// Who matches the conditions gets true.
	{"Resolves zero value with targeting", "boolean-targeted-zero-flag", map[string]string{"value": "true"}},
	// Who returns no attributes gets every flag that is on, as in Python.
	{"Empty evaluation context", "boolean-targeted-zero-flag", map[string]string{"value": "true", "reason": "STATIC"}},
	// A store in memory has no copies.
	{"CACHED reason", "boolean-flag", map[string]string{"reason": "STATIC"}},
}
