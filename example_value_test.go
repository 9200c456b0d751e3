// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// newThemes returns a client with a flag whose value is text: dark for those on the
// plan pro, and light for others.
func newThemes() *flipper.FeatureFlagClient {
	features := flipper.New(memory.New(), flipper.WithLogger(slog.New(slog.DiscardHandler)))
	_, err := features.Create(context.Background(), "theme", flipper.WithEnabled(true), flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "light", Value: targeting.Text("light")}, {Name: "dark", Value: targeting.Text("dark")}},
		Off:      "light",
		Rules:    []rules.Rule{{Name: "customers", If: rules.All(rules.Is("plan", "pro")), Serve: "dark"}},
		Default:  "light",
	}))
	check(err)
	return features
}

func ExampleFeatureFlagClient_StringOr() {
	ctx, features := context.Background(), newThemes()
	fmt.Println(features.StringOr(ctx, "theme", "plain", flipper.String("plan", "pro")))
	fmt.Println(features.StringOr(ctx, "theme", "plain", flipper.String("plan", "free")))
	fmt.Println(features.StringOr(ctx, "NO_SUCH_FLAG", "plain"))
	// Output:
	// dark
	// light
	// plain
}

func ExampleFeatureFlagClient_IntOr() {
	ctx, features := context.Background(), newThemes()
	_, err := features.Create(ctx, "page_size", flipper.WithEnabled(true), flipper.WithRules(rules.Constant(targeting.Int(50))))
	check(err)
	fmt.Println(features.IntOr(ctx, "page_size", 20))
	fmt.Println(features.IntOr(ctx, "theme", 20)) // it is text, so this is reported
	// Output:
	// 50
	// 20
}

// PageLimits are what the examples' program allows.
type PageLimits struct {
	Uploads int `json:"uploads"`
	Members int `json:"members"`
}

func ExampleObjectOr() {
	ctx, features := context.Background(), flipper.New(memory.New())
	value, err := targeting.ParseJSON(`{"uploads": 100, "members": 20}`)
	check(err)
	_, err = features.Create(ctx, "limits", flipper.WithEnabled(true), flipper.WithRules(rules.Constant(value)))
	check(err)

	limits := flipper.ObjectOr(ctx, features, "limits", PageLimits{Uploads: 10, Members: 3})
	fmt.Println(limits.Uploads, limits.Members)
	// Output: 100 20
}

// Theme is a flag of the examples' program that has a value.
var Theme = flipper.DeclareString("theme", "light", flipper.Owner("team-web"))

func ExampleDeclareString() {
	ctx, features := context.Background(), flipper.New(memory.New())
	check(features.Register(ctx, Theme)) // creates it with its default, because it is missing
	fmt.Println(Theme.Value(ctx, features))

	// From now on, customers get another one.
	check(features.UpdateRules(ctx, "theme", func(d *rules.Definition) error {
		d.Variants = append(d.Variants, targeting.Variant{Name: "dark", Value: targeting.Text("dark")})
		d.Rules = append(d.Rules, rules.Rule{If: rules.All(rules.Is("plan", "pro")), Serve: "dark"})
		return nil
	}))
	fmt.Println(Theme.Value(ctx, features, flipper.String("plan", "pro")))
	fmt.Println(Theme.Value(ctx, features, flipper.String("plan", "free")))
	// Output:
	// light
	// dark
	// light
}

func ExampleDeclareObject() {
	ctx, features := context.Background(), flipper.New(memory.New())
	limits := flipper.DeclareObject(checkout.Name("limits"), PageLimits{Uploads: 10, Members: 3})
	check(features.Register(ctx, limits))

	flag := limits.Flag(features) // a handle: hold it
	fmt.Println(flag.Value(ctx).Uploads)
	fmt.Println(flag.Evaluate(ctx))
	// Output:
	// 10
	// enabled=false variant=default value={"uploads": 10, "members": 3} reason=STATIC
}

func ExampleValueFlag() {
	ctx, features := context.Background(), newThemes()
	theme := flipper.DeclareString("theme", "plain").Flag(features)
	fmt.Println(theme.Value(ctx, flipper.String("plan", "pro")))
	fmt.Println(theme.Evaluate(ctx, flipper.String("plan", "pro")))

	check(features.Disable(ctx, "theme")) // everybody gets the off variant
	fmt.Println(theme.Value(ctx, flipper.String("plan", "pro")))
	check(features.Destroy(ctx, "theme")) // and now the declared default
	fmt.Println(theme.Value(ctx, flipper.String("plan", "pro")))
	// Output:
	// dark
	// enabled=true variant=dark value="dark" reason=TARGETING_MATCH rule=0 rule_name=customers
	// light
	// plain
}

func ExampleFeatureFlagClient_AddRule() {
	ctx, features := context.Background(), flipper.New(memory.New())
	_, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	check(err)
	check(features.AddRule(ctx, "NEW_SEARCH", rules.Rule{
		Name:  "staff",
		If:    rules.All(rules.EndsWith("email", "@example.com")),
		Serve: "on",
	}))
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH", flipper.String("email", "ada@example.com")))
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH", flipper.String("email", "eve@example.org")))
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH")) // nobody knows who that is
	// Output:
	// true
	// false
	// false
}

func ExampleFeatureFlagClient_SetRollout() {
	ctx, features := context.Background(), flipper.New(memory.New())
	_, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	check(err)
	check(features.SetRollout(ctx, "NEW_SEARCH", rules.Percent("user_id", 10, "on")))
	on := 0
	for id := range 10_000 {
		if features.IsEnabled(ctx, "NEW_SEARCH", flipper.Int("user_id", id)) {
			on++
		}
	}
	fmt.Printf("%.0f %%\n", float64(on)/100)
	// Output: 10 %
}

func ExampleFeatureFlagClient_CreateSegment() {
	ctx, features := context.Background(), flipper.New(memory.New())
	_, err := features.CreateSegment(ctx, "staff", rules.EndsWith("email", "@example.com"))
	check(err)
	for _, name := range []string{"NEW_SEARCH", "NEW_UI"} {
		_, err := features.Create(ctx, name, flipper.WithEnabled(true))
		check(err)
		check(features.AddRule(ctx, name, rules.Rule{If: rules.All(rules.InSegment("staff")), Serve: "on"}))
	}
	ada := flipper.String("email", "ada@example.com")
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH", ada), features.IsEnabled(ctx, "NEW_UI", ada))
	fmt.Println(features.InSegment(ctx, "staff", ada))
	// Output:
	// true true
	// true
}

func ExampleFeatureFlagClient_Convert() {
	ctx, features := context.Background(), flipper.New(memory.New())
	_, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true),
		flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro"))))
	check(err)
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH")) // Carta's model lets in who has no plan

	differences, err := features.Convert(ctx, "NEW_SEARCH")
	check(err)
	fmt.Println(len(differences) > 0) // and says so
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH"))
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH", flipper.String("plan", "pro")))
	// Output:
	// true
	// true
	// false
	// true
}
