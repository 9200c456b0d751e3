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

// TestSpecification runs scenarios in the words of OpenFeature's specification: ours,
// of what it requires of a provider like this one, and its own.
func TestSpecification(t *testing.T) {
	paths := []string{"testdata/features"}
	if checkout := os.Getenv(specification); checkout != "" {
		suites, err := filepath.Glob(filepath.Join(checkout, "specification/assets/gherkin/*.feature"))
		if err != nil || len(suites) == 0 {
			t.Fatalf("%s=%s has no suites: %v", specification, checkout, err)
		}
		paths = append(paths, suites...)
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

// A difference is what is answered here in a scenario of the specification that asks for
// something else. No scenario and no step is left out.
type difference struct {
	scenario string
	answers  map[string]string
}

var differences = []difference{
	// A store in memory has no copies.
	{"CACHED reason", map[string]string{"reason": "STATIC"}},
	// The SDK for Go passes on any name, and its Track returns no error.
	{"Invalid event names", map[string]string{"tracked": "one", "error of tracking": ""}},
}
