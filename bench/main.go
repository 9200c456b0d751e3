// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

// Command bench measures Flipper beside its floors, which are the least that such
// a thing can cost, and beside other libraries, in one run, and writes tables:
//
//	cd bench && go run . -doc ../docs/performance.md -json results/latest.json
//
// It is a module of its own, so that nobody who imports Flipper gets the libraries
// that it is compared with. It needs redis-server and Consul (make test-deps).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/flipper-go/flipper/bench/internal/scope"
	"github.com/flipper-go/flipper/internal/measure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A suite is one part of the report.
type suite struct {
	name    string
	measure func(r *runner) error
}

var suites = []suite{
	{"plain", plain},
	{"models", models},
	{"targeting", targets},
	{"growth", growth},
	{"latency", latency},
	{"page", page},
	{"middleware", guards},
	{"redis", redisStore},
	{"thrift", thriftService},
	{"http", httpAPI},
}

// A runner measures suites and collects their sections.
type runner struct {
	*scope.Scope
	options measure.Options
	began   time.Time
	report  *report
}

func run(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	doc := flags.String("doc", "", "write the tables into this Markdown `file`, between its markers; if empty, print them")
	results := flags.String("json", "", "write the results to this JSON `file`")
	only := flags.String("only", "", "run only the suites whose names match this regular `expression`")
	duration := flags.Duration("duration", 200*time.Millisecond, "how long a sample takes")
	samples := flags.Int("samples", 7, "how many samples are taken of each row")
	profile := flags.String("cpuprofile", "", "write a profile of the processor's time to this `file`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if *doc != "" {
		if _, _, err := split(*doc); err != nil {
			return err // now and not after ten minutes
		}
	}
	all := newReport()
	for _, s := range suites {
		if !wanted.MatchString(s.name) {
			continue
		}
		err := scope.Run(ctx, s.name, func(t *scope.Scope) error {
			return s.measure(&runner{
				Scope: t, began: all.began, report: all,
				options: measure.Options{Duration: *duration, Samples: *samples},
			})
		})
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return all.write(*doc, *results)
}

// progress says what is being done, and since when.
func (r *runner) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs %s: %s\n", time.Since(r.began).Seconds(), r.Name(), fmt.Sprintf(format, args...))
}

// measure measures rows with the options of the run.
func (r *runner) measure(what string, rows []measure.Row, goroutines ...int) (rowResults, error) {
	r.progress("%s: %d rows", what, len(rows))
	o := r.options
	o.Goroutines = goroutines
	results, err := measure.Run(r.Context(), rows, o)
	if err != nil {
		return nil, err
	}
	r.report.noise(results)
	r.report.raw(r.Name()+": "+what, results)
	return results, nil
}

// rowResults are the results of rows that were measured together.
type rowResults []measure.Result

// find returns the result of a row.
func (r rowResults) find(name string) measure.Result {
	for _, result := range r {
		if result.Name == name {
			return result
		}
	}
	panic("no row " + name) //nolint:forbidigo // a mistake in this program
}
