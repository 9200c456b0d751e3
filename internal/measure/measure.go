// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package measure times things beside each other: in one process, in turns, and
// with an eye on what else the machine does meanwhile.
//
// How long something takes differs from machine to machine, and on one machine
// from minute to minute. How it compares with something else that was timed in
// the same seconds differs much less. So rows are sampled round robin, samples
// during which other processes were busy are left out, and what counts is the
// median.
package measure

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"
)

// spoilt is the share of one processor that other processes may use during a
// sample: with more, it is left out.
const spoilt = 0.15

// fewest is how many samples are kept of a row even if all are spoilt: the least
// spoilt ones.
const fewest = 3

// A Row is one thing to time.
type Row struct {
	// Name is what the results say.
	Name string
	// Run does the thing n times, in one goroutine, and returns how often the answer
	// was yes. It is called by several goroutines at the same time, so what it
	// changes is its own.
	Run func(n int) (yes int)
	// Yes returns how often the answer of n has to be yes. The default is n: always.
	Yes func(n int) int
	// Serial says that the row is timed in one goroutine only.
	Serial bool
}

// An Options says how to measure.
type Options struct {
	// Duration is about how long a sample takes. The default is 200 ms.
	Duration time.Duration
	// Samples is how many samples of each row are wanted that are not spoilt. Half
	// as many again are taken to get them, if time allows. The default is 7.
	Samples int
	// Goroutines are the numbers of goroutines that ask at the same time. The
	// default is one.
	Goroutines []int
}

func (o Options) withDefaults() Options {
	if o.Duration <= 0 {
		o.Duration = 200 * time.Millisecond
	}
	if o.Samples <= 0 {
		o.Samples = 7
	}
	if len(o.Goroutines) == 0 {
		o.Goroutines = []int{1}
	}
	return o
}

// rounds says how many rounds are made: some more than there are samples wanted,
// in place of those that are spoilt, but on a machine so busy that they take twice
// as long as they should, only as many as are needed at least.
type rounds struct {
	most     int
	deadline time.Time
}

// newRounds begins with rounds of so many samples each.
func newRounds(o Options, samples int) rounds {
	planned := o.Duration * time.Duration(o.Samples*samples)
	return rounds{most: o.Samples + o.Samples/2, deadline: time.Now().Add(2 * planned)}
}

func (r rounds) more(made int) bool {
	return made < r.most && (made < fewest || time.Now().Before(r.deadline))
}

// A Result is what was measured of a row.
type Result struct {
	Name string `json:"name"`
	// Times is the time of one operation, by the number of goroutines. With
	// several, it is the time from one operation of any of them to the next.
	Times map[int]Time `json:"times"`
	// Allocations and Bytes are those of one operation.
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
}

// Nanoseconds returns the time of one operation in one goroutine.
func (r Result) Nanoseconds() float64 { return r.Times[1].Median }

// Run measures rows. It fails if ctx ends, or if a row returns a wrong answer.
func Run(ctx context.Context, rows []Row, opts Options) ([]Result, error) {
	o := opts.withDefaults()
	runs := make([]int, len(rows)) // of each row in a sample
	results := make([]Result, len(rows))
	taken := make([]map[int][]sample, len(rows))
	for i, row := range rows {
		n, err := calibrate(row, o.Duration)
		if err != nil {
			return nil, err
		}
		runs[i], taken[i] = n, map[int][]sample{}
		results[i] = Result{Name: row.Name, Times: map[int]Time{}}
		results[i].Allocations, results[i].Bytes = allocations(row.Run, min(n, 1000))
	}
	enough := func() bool {
		for i, row := range rows {
			for _, goroutines := range o.Goroutines {
				kept, noisy := Keep(taken[i][goroutines], sample.spoiltBy)
				if (goroutines == 1 || !row.Serial) && (noisy || len(kept) < o.Samples) {
					return false
				}
			}
		}
		return true
	}
	rounds := newRounds(o, len(rows)*len(o.Goroutines))
	for round := 0; rounds.more(round) && !enough(); round++ {
		for _, goroutines := range o.Goroutines {
			for turn := range rows {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				// Each round begins with another row, so that none always follows
				// the same one.
				i := (round + turn) % len(rows)
				if goroutines > 1 && rows[i].Serial {
					continue
				}
				s, err := take(rows[i], runs[i], goroutines)
				if err != nil {
					return nil, err
				}
				taken[i][goroutines] = append(taken[i][goroutines], s)
			}
		}
	}
	for i := range results {
		for goroutines, samples := range taken[i] {
			results[i].Times[goroutines] = summarize(samples)
		}
	}
	return results, nil
}

// calibrate finds how many operations take about d.
func calibrate(row Row, d time.Duration) (int, error) {
	for n := 1; ; {
		began := time.Now()
		if err := row.run(n); err != nil {
			return 0, err
		}
		took := time.Since(began)
		if took >= d/10 {
			return max(1, int(float64(n)*float64(d)/float64(took))), nil
		}
		n *= 2
	}
}

// run does the thing n times and compares the answers.
func (r Row) run(n int) error {
	want := n
	if r.Yes != nil {
		want = r.Yes(n)
	}
	if got := r.Run(n); got != want {
		return fmt.Errorf("%s: %d of %d answers are yes, want %d", r.Name, got, n, want)
	}
	return nil
}

// take times n operations of each of some goroutines.
func take(row Row, n, goroutines int) (sample, error) {
	collect()
	errs := make([]error, goroutines)
	var elapsed time.Duration
	others := Others(func() {
		var ready, done sync.WaitGroup
		ready.Add(goroutines - 1)
		start := make(chan struct{})
		for i := 1; i < goroutines; i++ {
			done.Go(func() {
				ready.Done()
				<-start
				errs[i] = row.run(n)
			})
		}
		ready.Wait()
		began := time.Now()
		close(start)
		errs[0] = row.run(n)
		done.Wait()
		elapsed = time.Since(began)
	})
	for _, err := range errs {
		if err != nil {
			return sample{}, err
		}
	}
	return sample{nanoseconds: float64(elapsed) / float64(n*goroutines), others: others}, nil
}

// garbage is how much may be allocated since the last collection without another
// one being due soon.
const garbage = 1 << 20

// collect collects what rows before have left, so that the collector does not run
// on the account of the next one. Where there is little, it would only take time,
// of which it takes much where many flags are held.
func collect() {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(heap)
	if held, live := heap[0].Value.Uint64(), heap[1].Value.Uint64(); held > live+garbage {
		runtime.GC()
	}
}

// allocations returns how many allocations, and of how many bytes, one of n
// operations makes. Other goroutines allocate too, so it is the least of several
// attempts.
func allocations(run func(n int) int, n int) (count, bytes float64) {
	for attempt := range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run(n)
		runtime.ReadMemStats(&after)
		c, b := float64(after.Mallocs-before.Mallocs)/float64(n), float64(after.TotalAlloc-before.TotalAlloc)/float64(n)
		if attempt == 0 || c < count {
			count, bytes = c, b
		}
	}
	return count, bytes
}
