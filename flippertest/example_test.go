// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flippertest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/flippertest"
	"github.com/flipper-go/flipper/targeting/carta"
)

// The functions here are what a test function would do with its t.

func ExampleNew() {
	test := func(t testing.TB) {
		features := flippertest.New(t,
			flippertest.On("NEW_UI"),
			flippertest.Flag("EXPORT", flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro")))),
		)
		fmt.Println(features.IsEnabled(t.Context(), "NEW_UI"))
		fmt.Println(features.IsEnabled(t.Context(), "EXPORT", flipper.String("plan", "free")))
		fmt.Println(features.IsEnabled(t.Context(), "OTHER"))
	}
	runTest(test)
	// Output:
	// true
	// false
	// false
}

func ExampleWithStrict() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.WithStrict(), flippertest.On("NEW_UI"))
		features.IsEnabled(t.Context(), "NEW_IU")
	}
	fmt.Println(runTest(test).failures[0])
	// Output: flippertest: flag "NEW_IU" is asked by example_test.go:38, and the test has not set it; did you mean NEW_UI?
}

func ExampleClient_Set() {
	test := func(t testing.TB) {
		features := flippertest.New(t)
		features.Set("NEW_UI", true)
		fmt.Println(features.IsEnabled(t.Context(), "NEW_UI"))
		features.Set("NEW_UI", false)
		fmt.Println(features.IsEnabled(t.Context(), "NEW_UI"))
	}
	runTest(test)
	// Output:
	// true
	// false
}

func ExampleClient_Unset() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.Off("NEW_UI"))
		features.Unset("NEW_UI")
		fmt.Println(features.IsEnabledOr(t.Context(), "NEW_UI", true))
	}
	runTest(test)
	// Output: true
}

func ExampleClient_Asked() {
	test := func(t testing.TB) {
		features := flippertest.New(t)
		features.IsEnabled(t.Context(), "NEW_UI")
		features.IsEnabled(t.Context(), "EXPORT")
		features.IsEnabled(t.Context(), "NEW_UI")
		fmt.Println(features.Asked(), features.AskedCounts())
		features.ForgetAsked()
		fmt.Println(features.Asked())
	}
	runTest(test)
	// Output:
	// [NEW_UI EXPORT] map[EXPORT:1 NEW_UI:2]
	// []
}

func ExampleClient_Evaluations() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.On("NEW_UI"))
		features.IsEnabled(t.Context(), "NEW_UI", flipper.String("plan", "pro"))
		for _, e := range features.Evaluations() {
			fmt.Println(e.Name, e.Enabled, e.Reason, e.Attrs[0].Name, e.Attrs[0].Value)
		}
	}
	runTest(test)
	// Output: NEW_UI true STATIC plan "pro"
}

func ExampleClient_WantAskedWith() {
	test := func(t testing.TB) {
		features := flippertest.New(t)
		features.IsEnabled(t.Context(), "NEW_UI", flipper.String("plan", "pro"))
		features.WantAskedWith(t, "NEW_UI", flipper.String("plan", "free"))
	}
	fmt.Println(runTest(test).failures[0])
	// Output: flag "NEW_UI" was not asked with plan="free", only with plan="pro"
}

func ExampleStore_Fail() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.On("NEW_UI"))
		features.Store().Fail(nil)
		fmt.Println(features.Evaluate(t.Context(), "NEW_UI").Err)
		features.Store().Recover()
		fmt.Println(features.IsEnabled(t.Context(), "NEW_UI"))
	}
	runTest(test)
	// Output:
	// store is unavailable: the test lets it fail
	// true
}

func ExampleStore_Stall() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.On("NEW_UI"))
		stalled := features.Store().Stall()
		answered := make(chan bool)
		go func() { answered <- features.IsEnabled(t.Context(), "NEW_UI") }()
		<-stalled // the call blocks now
		features.Store().Recover()
		fmt.Println(<-answered)
	}
	runTest(test)
	// Output: true
}

func ExampleStore_GoStale() {
	test := func(t testing.TB) {
		features := flippertest.New(t, flippertest.On("NEW_UI"))
		features.Store().GoStale(time.Hour)
		e := features.Evaluate(t.Context(), "NEW_UI")
		fmt.Println(e.Enabled, e.Reason, e.Age >= time.Hour)
	}
	runTest(test)
	// Output: true STALE true
}
