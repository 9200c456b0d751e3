// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting/carta"
)

// What a page needs, in one call.
func ExampleFeatureFlagClient_EvaluateNames() {
	ctx := context.Background()
	features, _ := newExample()
	_, err := features.Create(ctx, "DARK_MODE", flipper.WithEnabled(true))
	check(err)

	names := []string{"FLAG", "DARK_MODE", "MISSING"}
	for i, e := range features.EvaluateNames(ctx, names, flipper.String("plan", "free")) {
		fmt.Println(names[i], e.Enabled, e.Reason)
	}
	// Output:
	// FLAG false DEFAULT
	// DARK_MODE true STATIC
	// MISSING false ERROR
}

func ExampleFeatureFlagClient_EvaluateAll() {
	features, _ := newExample()
	all, err := features.EvaluateAll(context.Background(), flipper.String("plan", "pro"))
	check(err)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Println(name, all[name].Enabled)
	}
	// Output: FLAG true
}

// The loop here ends after the first change; a real one runs in a goroutine until
// its context ends.
func ExampleFeatureFlagClient_Changes() {
	ctx := context.Background()
	features, flag := newExample()
	other := flipper.New(features.Store()) // stands for another process
	go func() {
		for flag.IsEnabled(ctx) { // it may be changed before the loop has begun
			time.Sleep(time.Millisecond)
			check(other.SetClientData(ctx, "FLAG", map[string]any{"at": time.Now().UnixNano()}))
		}
	}()
	for change, err := range features.Changes(ctx) {
		check(err)
		fmt.Println(change.Name, change.Before.Enabled, change.After.Enabled)
		break
	}
	check(flag.Disable(ctx))
	// Output: FLAG true true
}

// printer is told of all evaluations.
type printer struct{}

func (printer) Evaluated(_ context.Context, name string, e flipper.Evaluation) {
	fmt.Println(name, e.Enabled, e.Reason)
}

func (printer) Record(_ context.Context, i flipper.Impression) {
	for _, attr := range i.Attrs {
		fmt.Println(i.Name, "for", attr.Name, attr.Value)
	}
}

func ExampleWithHook() {
	features := flipper.New(memory.New(), flipper.WithHook(printer{}))
	_, err := features.Create(context.Background(), "DARK_MODE", flipper.WithEnabled(true))
	check(err)
	features.IsEnabled(context.Background(), "DARK_MODE")
	// Output: DARK_MODE true STATIC
}

func ExampleWithImpressions() {
	features := flipper.New(memory.New(), flipper.WithImpressions(printer{}, 1))
	_, err := features.Create(context.Background(), "DARK_MODE", flipper.WithEnabled(true))
	check(err)
	features.IsEnabled(context.Background(), "DARK_MODE", flipper.Int("user_id", 42))
	// Output: DARK_MODE for user_id 42
}

// NewCheckout is one of the flags that the examples' program declares.
var NewCheckout = flipper.Declare("new_checkout",
	flipper.Description("One page instead of four"),
	flipper.Owner("team-checkout"),
	flipper.Expires(2001, time.March, 31),
)

func ExampleDeclare() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	check(features.Register(ctx, NewCheckout)) // creates it, because it is missing

	fmt.Println(NewCheckout.IsEnabled(ctx, features))
	check(NewCheckout.Flag(features).Enable(ctx))
	check(features.Register(ctx, NewCheckout)) // at the next start: it stays as it is
	fmt.Println(NewCheckout.IsEnabled(ctx, features))
	// Output:
	// false
	// true
}

// checkout keeps this program's flags apart from those of others.
const checkout flipper.Namespace = "checkout"

// Flags are the flags that this program knows of.
var Flags = struct {
	OneClick, Wallets *flipper.Declaration
}{
	OneClick: checkout.Declare("one_click", flipper.Owner("team-checkout")),
	Wallets:  checkout.Declare("wallets"),
}

func ExampleDeclarations() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	declared, err := flipper.Declarations(Flags)
	check(err)
	check(features.Register(ctx, declared...))

	all, err := features.EvaluateAll(ctx)
	check(err)
	fmt.Println(slices.Sorted(maps.Keys(all)))
	fmt.Println(Flags.OneClick.IsEnabled(ctx, features))
	// Output:
	// [checkout.one_click checkout.wallets]
	// false
}

func ExampleFeatureFlagClient_Audit() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	_, err := features.Create(ctx, "forgotten")
	check(err)
	audit, err := features.Audit(ctx, NewCheckout)
	check(err)
	fmt.Println("missing:", audit.Missing)
	fmt.Println("undeclared:", audit.Undeclared)
	fmt.Println("expired:", audit.Expired)
	// Output:
	// missing: [new_checkout]
	// undeclared: [forgotten]
	// expired: [new_checkout]
}

// A page asks for many flags with the same whitelist: the user's bucket is
// computed once.
func ExampleFeatureFlagClient_EvaluateNames_rollouts() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	names := []string{"SEARCH", "BASKET", "WISHES"}
	for i, name := range names {
		share := carta.NewConsistentHashBucketer(carta.FixedPercentage(float64(i)*0.4), "user_id")
		_, err := features.Create(ctx, name, flipper.WithEnabled(true), flipper.WithBucketer(share))
		check(err)
	}
	for i, e := range features.EvaluateNames(ctx, names, flipper.Int("user_id", 1)) { // in bucket 48
		fmt.Println(names[i], e.Enabled)
	}
	// Output:
	// SEARCH false
	// BASKET false
	// WISHES true
}
