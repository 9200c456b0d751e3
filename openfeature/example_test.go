// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"context"
	"fmt"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/hooks"

	"github.com/flipper-go/flipper"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

func Example() {
	ctx := context.Background()
	flags := memory.New()
	defer flags.Close()
	features := flipper.New(flags)
	if _, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true),
		flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro")))); err != nil {
		fmt.Println(err)
		return
	}

	// Once, when the program starts:
	provider := flipperopenfeature.NewProvider(features)
	if err := openfeature.SetProviderAndWait(provider); err != nil {
		fmt.Println(err)
		return
	}
	defer openfeature.Shutdown()

	// Wherever there is a decision:
	client := openfeature.NewClient("search")
	user := openfeature.NewEvaluationContext("42", map[string]any{"plan": "pro"})
	if client.Boolean(ctx, "NEW_SEARCH", false, user) {
		fmt.Println("new search")
	}
	details, err := client.BooleanValueDetails(ctx, "NEW_SEARCH", false, user)
	fmt.Println(details.Value, details.Variant, details.Reason, err)
	// Output:
	// new search
	// true on TARGETING_MATCH <nil>
}

// exampleFeatures returns a client of a flag in memory.
func exampleFeatures(opts ...flipper.CreateOption) *flipper.FeatureFlagClient {
	features := flipper.New(memory.New())
	if _, err := features.Create(context.Background(), "NEW_SEARCH", append(opts, flipper.WithEnabled(true))...); err != nil {
		fmt.Println(err)
	}
	return features
}

func ExampleProvider_BooleanEvaluation() {
	features := exampleFeatures(flipper.WithClientData(map[string]any{"owner": "team-search", "ticket": 4711}))
	provider := flipperopenfeature.NewProvider(features)

	answer := provider.BooleanEvaluation(context.Background(), "NEW_SEARCH", false, nil)
	fmt.Println(answer.Value, answer.Variant, answer.Reason, answer.FlagMetadata)
	answer = provider.BooleanEvaluation(context.Background(), "NO_SUCH_FLAG", true, nil)
	fmt.Println(answer.Value, answer.Reason, answer.Error())
	// Output:
	// true on STATIC map[owner:team-search ticket:4711]
	// true ERROR FLAG_NOT_FOUND: flag NO_SUCH_FLAG not found
}

func ExampleProvider_StringEvaluation() {
	features := exampleFeatures(flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{{Name: "grey", Value: targeting.Text("#888")}, {Name: "blue", Value: targeting.Text("#00f")}},
		Off:      "grey",
		Default:  "grey",
		Rules:    []rules.Rule{{Name: "staff", If: rules.All(rules.EndsWith("email", "@example.com")), Serve: "blue"}},
	}))
	if err := openfeature.SetProviderAndWait(flipperopenfeature.NewProvider(features)); err != nil {
		fmt.Println(err)
		return
	}
	defer openfeature.Shutdown()
	client, ctx := openfeature.NewClient("search"), context.Background()
	user := openfeature.NewEvaluationContext("42", map[string]any{"email": "ann@example.com"})

	fmt.Println(client.String(ctx, "NEW_SEARCH", "black", user))
	details, err := client.StringValueDetails(ctx, "NEW_SEARCH", "black", user)
	fmt.Println(details.Variant, details.Reason, details.FlagMetadata, err)
	// A flag of another type answers the default.
	fmt.Println(client.Int(ctx, "NEW_SEARCH", 7, user))
	// Output:
	// #00f
	// blue TARGETING_MATCH map[rule:0 ruleName:staff] <nil>
	// 7
}

func ExampleProvider_ObjectEvaluation() {
	ranking := func(name string, depth, boost any) targeting.Variant {
		value, err := targeting.ValueOf(map[string]any{"depth": depth, "boost": boost})
		if err != nil {
			fmt.Println(err)
		}
		return targeting.Variant{Name: name, Value: value}
	}
	features := exampleFeatures(flipper.WithRules(rules.Definition{
		Variants: []targeting.Variant{ranking("plain", 10, 1.0), ranking("deep", 50, 2.5)},
		Off:      "plain",
		Default:  "deep",
	}))
	provider := flipperopenfeature.NewProvider(features)

	answer := provider.ObjectEvaluation(context.Background(), "NEW_SEARCH", nil, nil)
	object := answer.Value.(map[string]any)
	fmt.Println(object["depth"].(int64), object["boost"].(float64), answer.Variant, answer.Reason)
	// Output:
	// 50 2.5 deep STATIC
}

func ExampleProvider_EventChannel() {
	features := exampleFeatures()
	if err := openfeature.SetProviderAndWait(flipperopenfeature.NewProvider(features)); err != nil {
		fmt.Println(err)
		return
	}
	defer openfeature.Shutdown()

	changed := make(chan openfeature.EventDetails, 1)
	callback := func(details openfeature.EventDetails) { changed <- details }
	openfeature.AddHandler(openfeature.ProviderConfigChange, &callback)

	if err := features.Disable(context.Background(), "NEW_SEARCH"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println((<-changed).FlagChanges)
	// Output:
	// [NEW_SEARCH]
}

func ExampleWithTargetingKey() {
	half := carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "account")
	features := exampleFeatures(flipper.WithBucketer(half))
	provider := flipperopenfeature.NewProvider(features, flipperopenfeature.WithTargetingKey("account"))
	if err := openfeature.SetProviderAndWait(provider); err != nil {
		fmt.Println(err)
		return
	}
	defer openfeature.Shutdown()
	client, ctx := openfeature.NewClient("search"), context.Background()

	// The targeting key is text. Services that have the account as an int, such as
	// those in Python, put it into another bucket.
	text := openfeature.NewEvaluationContext("3", nil)
	fmt.Println("text:", client.Boolean(ctx, "NEW_SEARCH", false, text) == features.IsEnabled(ctx, "NEW_SEARCH", flipper.String("account", "3")))
	// An attribute of the same name wins, and can be an int.
	whole := openfeature.NewEvaluationContext("3", map[string]any{"account": 3})
	fmt.Println("int:", client.Boolean(ctx, "NEW_SEARCH", false, whole) == features.IsEnabled(ctx, "NEW_SEARCH", flipper.Int("account", 3)))
	// Output:
	// text: true
	// int: true
}

func ExampleWithTracking() {
	provider := flipperopenfeature.NewProvider(exampleFeatures(), flipperopenfeature.WithTracking(
		func(_ context.Context, event string, who openfeature.EvaluationContext, details openfeature.TrackingEventDetails) {
			fmt.Println(who.TargetingKey(), event, details.Value())
		}))
	if err := openfeature.SetProviderAndWait(provider); err != nil {
		fmt.Println(err)
		return
	}
	defer openfeature.Shutdown()

	user := openfeature.NewEvaluationContext("42", nil)
	openfeature.NewClient("shop").Track(context.Background(), "checkout", user, openfeature.NewTrackingEventDetails(99.5))
	// Output:
	// 42 checkout 99.5
}

func ExampleWithHooks() {
	// The SDK's own hook logs evaluations, and their errors.
	provider := flipperopenfeature.NewProvider(exampleFeatures(), flipperopenfeature.WithHooks(hooks.NewLoggingHook(false, nil)))
	fmt.Println(len(provider.Hooks()))
	// Output:
	// 1
}

func ExampleWithInitTimeout() {
	provider := flipperopenfeature.NewProvider(exampleFeatures(), flipperopenfeature.WithInitTimeout(2*time.Second))
	if err := openfeature.SetProviderAndWait(provider); err != nil {
		fmt.Println(err) // there are no flags yet: evaluations give their default until there are
	}
	defer openfeature.Shutdown()
	fmt.Println(openfeature.NewClient("search").State())
	// Output:
	// READY
}

func ExampleWithoutMetadata() {
	features := exampleFeatures(flipper.WithClientData(map[string]any{"owner": "team-search"}))
	provider := flipperopenfeature.NewProvider(features, flipperopenfeature.WithoutMetadata())

	answer := provider.BooleanEvaluation(context.Background(), "NEW_SEARCH", false, nil)
	fmt.Println(answer.Value, len(answer.FlagMetadata))
	// Output:
	// true 0
}
