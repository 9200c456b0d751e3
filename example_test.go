// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// check ends an example that fails.
func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	ctx := context.Background()
	features := flipper.New(memory.New())

	flag, err := features.Create(ctx, "MY_FEATURE")
	check(err)
	fmt.Println("created:", features.IsEnabled(ctx, "MY_FEATURE"))

	check(flag.Enable(ctx))
	fmt.Println("enabled:", features.IsEnabled(ctx, "MY_FEATURE"))

	// Only for adults and professionals.
	check(flag.AddCondition(ctx, carta.NewCondition(
		carta.GreaterOrEqual("age", 18),
		carta.In("plan", "pro", "team"),
	)))
	fmt.Println("on the free plan:", flag.IsEnabled(ctx, flipper.Int("age", 30), flipper.String("plan", "free")))
	fmt.Println("on the pro plan:", flag.IsEnabled(ctx, flipper.Int("age", 30), flipper.String("plan", "pro")))

	// Instead, for half of the users, and always the same half.
	check(flag.SetConditions(ctx))
	check(flag.SetBucketer(ctx, carta.NewConsistentHashBucketer(carta.FixedPercentage(0.5), "user_id")))
	fmt.Println("user 1:", flag.IsEnabled(ctx, flipper.Int("user_id", 1)))
	fmt.Println("user 2:", flag.IsEnabled(ctx, flipper.Int("user_id", 2)))

	// The kill switch.
	check(flag.Disable(ctx))
	fmt.Println("disabled:", flag.IsEnabled(ctx, flipper.Int("user_id", 1)))
	// Output:
	// created: false
	// enabled: true
	// on the free plan: false
	// on the pro plan: true
	// user 1: true
	// user 2: false
	// disabled: false
}

func ExampleNew() {
	features := flipper.New(memory.New(),
		flipper.WithTimeout(50*time.Millisecond),
		flipper.WithLogger(slog.New(slog.DiscardHandler)))
	fmt.Println(features.IsEnabled(context.Background(), "NOT_CREATED_YET"))
	// Output: false
}

func ExampleWithTimeout() {
	// A store behind a network gets 20 ms to answer. Then the default counts.
	features := flipper.New(memory.New(), flipper.WithTimeout(20*time.Millisecond))
	_, err := features.Create(context.Background(), "NEW_SEARCH", flipper.WithEnabled(true))
	check(err)
	fmt.Println(features.IsEnabledOr(context.Background(), "NEW_SEARCH", false))
	// Output: true
}

func ExampleWithLogger() {
	withoutTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	features := flipper.New(memory.New(), flipper.WithLogger(logger))
	for range 1000 {
		features.IsEnabled(context.Background(), "NO_SUCH_FLAG") // logged once a minute
	}
	// Output:
	// level=WARN msg="flag could not be evaluated, the caller's default is answered" flag=NO_SUCH_FLAG error="flag not found"
}

func ExampleWithErrorHandler() {
	unanswered := 0
	features := flipper.New(memory.New(),
		flipper.WithLogger(slog.New(slog.DiscardHandler)),
		flipper.WithErrorHandler(func(_ context.Context, name string, err error) {
			unanswered++ // a counter of your metrics, which is safe for concurrent use
		}))
	for range 3 {
		features.IsEnabled(context.Background(), "NO_SUCH_FLAG")
	}
	fmt.Println(unanswered)
	// Output: 3
}

func ExampleWithEvents() {
	var events flipper.Events
	events.On(flipper.PostCreate, func(_ context.Context, e flipper.Event) error {
		fmt.Println("created", e.Name)
		return nil
	})
	web := flipper.New(memory.New(), flipper.WithEvents(&events))
	mobile := flipper.New(memory.New(), flipper.WithEvents(&events))
	for _, features := range []*flipper.FeatureFlagClient{web, mobile} {
		_, err := features.Create(context.Background(), "DARK_MODE")
		check(err)
	}
	// Output:
	// created DARK_MODE
	// created DARK_MODE
}

// newExample returns a client with a flag: enabled, and for those whose plan is
// "pro".
func newExample() (*flipper.FeatureFlagClient, *flipper.FeatureFlag) {
	features := flipper.New(memory.New(), flipper.WithLogger(slog.New(slog.DiscardHandler)))
	flag, err := features.Create(context.Background(), "FLAG", flipper.WithEnabled(true),
		flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro"))))
	check(err)
	return features, flag
}

func ExampleFeatureFlagClient_Create() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	flag, err := features.Create(ctx, "NEW_CHECKOUT",
		flipper.WithEnabled(true),
		flipper.WithClientData(map[string]any{"owner": "payments", "ttl": 3600}),
		flipper.WithConditions(carta.NewCondition(carta.Equal("country", "DE"))),
		flipper.WithBucketer(carta.NewPercentageBucketer(carta.FixedPercentage(0.1))))
	check(err)
	fmt.Println(flag.Name(), flag.IsEnabled(ctx, flipper.String("country", "DE")))

	_, err = features.Create(ctx, "NEW_CHECKOUT")
	fmt.Println("again:", errors.Is(err, store.ErrExists))
	// Output:
	// NEW_CHECKOUT true
	// again: true
}

func ExampleFeatureFlagClient_Flag() {
	features, _ := newExample()
	flag := features.Flag("FLAG") // asks nobody: keep it for as long as the client
	fmt.Println(flag.Name(), flag.IsEnabled(context.Background(), flipper.String("plan", "pro")))
	// Output: FLAG true
}

func ExampleFeatureFlagClient_IsEnabled() {
	features, _ := newExample()
	ctx := context.Background()
	fmt.Println(features.IsEnabled(ctx, "FLAG", flipper.String("plan", "pro"), flipper.Int("user_id", 42)))
	fmt.Println(features.IsEnabled(ctx, "FLAG", flipper.String("plan", "free")))
	fmt.Println(features.IsEnabled(ctx, "NO_SUCH_FLAG"))
	// Output:
	// true
	// false
	// false
}

func ExampleFeatureFlagClient_IsEnabledOr() {
	features, _ := newExample()
	// If nobody can tell, keep sending e-mail.
	fmt.Println(features.IsEnabledOr(context.Background(), "SEND_EMAIL", true))
	// Output: true
}

func ExampleFeatureFlagClient_Evaluate() {
	features, _ := newExample()
	ctx := context.Background()
	for _, e := range []flipper.Evaluation{
		features.Evaluate(ctx, "FLAG", flipper.String("plan", "pro")),
		features.Evaluate(ctx, "FLAG", flipper.String("plan", "free")),
		features.Evaluate(ctx, "FLAG"),
		features.Evaluate(ctx, "NO_SUCH_FLAG"),
	} {
		fmt.Println(e.Enabled, e.Reason, e.Err)
	}
	// Output:
	// true TARGETING_MATCH <nil>
	// false DEFAULT <nil>
	// true STATIC <nil>
	// false ERROR flag not found
}

func ExampleFeatureFlagClient_Exists() {
	features, _ := newExample()
	for _, name := range []string{"FLAG", "NO_SUCH_FLAG"} {
		exists, err := features.Exists(context.Background(), name)
		fmt.Println(name, exists, err)
	}
	// Output:
	// FLAG true <nil>
	// NO_SUCH_FLAG false <nil>
}

func ExampleFeatureFlagClient_Get() {
	features, _ := newExample()
	f, err := features.Get(context.Background(), "FLAG")
	check(err)
	fmt.Println(f.Name, f.Enabled, f.Conditions, f.Bucketer)
	// Output: FLAG true [{"plan": [{"variable": "plan", "value": "pro", "operator": null}]}] {"type": "NoOpBucketer"}
}

func ExampleFeatureFlagClient_Enable() {
	features, _ := newExample()
	err := features.Enable(context.Background(), "NO_SUCH_FLAG")
	fmt.Println(errors.Is(err, store.ErrNotFound), err)
	// Output: true enable flag "NO_SUCH_FLAG": flag not found
}

func ExampleFeatureFlagClient_Disable() {
	features, _ := newExample()
	ctx := context.Background()
	check(features.Disable(ctx, "FLAG"))
	fmt.Println(features.IsEnabled(ctx, "FLAG", flipper.String("plan", "pro")))
	// Output: false
}

func ExampleFeatureFlagClient_Destroy() {
	features, _ := newExample()
	ctx := context.Background()
	check(features.Destroy(ctx, "FLAG"))
	fmt.Println(features.Exists(ctx, "FLAG"))
	// Output: false <nil>
}

func ExampleFeatureFlagClient_AddCondition() {
	features, _ := newExample()
	ctx := context.Background()
	check(features.AddCondition(ctx, "FLAG", carta.NewCondition(carta.GreaterOrEqual("age", 18))))
	pro := flipper.String("plan", "pro")
	fmt.Println(features.IsEnabled(ctx, "FLAG", pro, flipper.Int("age", 30)))
	fmt.Println(features.IsEnabled(ctx, "FLAG", pro, flipper.Int("age", 10)))
	// Output:
	// true
	// false
}

func ExampleFeatureFlagClient_SetConditions() {
	features, _ := newExample()
	ctx := context.Background()
	free := flipper.String("plan", "free")
	fmt.Println(features.IsEnabled(ctx, "FLAG", free))
	check(features.SetConditions(ctx, "FLAG")) // none
	fmt.Println(features.IsEnabled(ctx, "FLAG", free))
	// Output:
	// false
	// true
}

func ExampleFeatureFlagClient_SetBucketer() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	_, err := features.Create(ctx, "NEW_SEARCH", flipper.WithEnabled(true))
	check(err)
	// From nobody to everybody within a day, user by user.
	ramp := carta.LinearRamp(0, 1, time.Now(), 24*time.Hour)
	check(features.SetBucketer(ctx, "NEW_SEARCH", carta.NewConsistentHashBucketer(ramp, "user_id")))
	fmt.Println(features.IsEnabled(ctx, "NEW_SEARCH", flipper.Int("user_id", 1)))

	err = features.SetBucketer(ctx, "NEW_SEARCH", carta.NewPercentageBucketer(carta.FixedPercentage(50)))
	fmt.Println(err)
	// Output:
	// false
	// set bucketer of flag "NEW_SEARCH": invalid percentage: 50 is not from 0 to 1 (for 50 %, write 0.5)
}

func ExampleFeatureFlagClient_SetClientData() {
	features, _ := newExample()
	ctx := context.Background()
	check(features.SetClientData(ctx, "FLAG", map[string]any{"owner": "search", "ttl": 60}))
	check(features.SetClientData(ctx, "FLAG", map[string]any{"ttl": 3600})) // the rest stays
	data, err := features.ClientData(ctx, "FLAG")
	check(err)
	fmt.Println(data)
	// Output: map[owner:search ttl:3600]
}

func ExampleFeatureFlagClient_ClientData() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	_, err := features.Create(ctx, "FLAG", flipper.WithClientData(map[string]any{"tries": 3, "ratio": 1.0, "tags": []string{"a", "b"}}))
	check(err)
	data, err := features.ClientData(ctx, "FLAG")
	check(err)
	fmt.Printf("%T %T %v\n", data["tries"], data["ratio"], data["tags"])
	// Output: int64 float64 [a b]
}

func ExampleFeatureFlagClient_Meta() {
	features, _ := newExample()
	meta, err := features.Meta(context.Background(), "FLAG")
	check(err)
	_, rest, _ := strings.Cut(string(meta), `, "conditions"`)
	fmt.Println(`... "conditions"` + rest)
	// Output: ... "conditions": [{"plan": [{"variable": "plan", "value": "pro", "operator": null}]}], "bucketer": {"type": "NoOpBucketer"}}
}

func ExampleFeatureFlagClient_List() {
	ctx := context.Background()
	features := flipper.New(memory.New())
	for _, name := range []string{"C", "A", "D", "B"} {
		_, err := features.Create(ctx, name)
		check(err)
	}
	for f, err := range features.List(ctx, flipper.WithOffset(1), flipper.WithLimit(2)) {
		if errors.Is(err, store.ErrUnreadable) {
			continue // one flag that another client broke; the others follow
		}
		check(err)
		fmt.Println(f.Name, f.Enabled)
	}
	// Output:
	// B false
	// C false
}

func ExampleFeatureFlagClient_Events() {
	features, flag := newExample()
	ctx := context.Background()
	freeze := errors.New("no changes on a Friday")
	remove := features.Events().On(flipper.PreDisable, func(context.Context, flipper.Event) error { return freeze })

	err := flag.Disable(ctx)
	fmt.Println(errors.Is(err, freeze), flag.IsEnabled(ctx))
	remove()
	fmt.Println(flag.Disable(ctx), flag.IsEnabled(ctx))
	// Output:
	// true true
	// <nil> false
}

func ExampleFeatureFlagClient_Store() {
	features, _ := newExample()
	f, err := features.Store().Get(context.Background(), "FLAG")
	check(err)
	fmt.Println(f.Name)
	// Output: FLAG
}

func ExampleFeatureFlag() {
	features, _ := newExample()
	ctx := context.Background()
	flag := features.Flag("FLAG")
	check(flag.SetConditions(ctx))
	check(flag.SetBucketer(ctx, carta.NoBucketer()))
	check(flag.SetClientData(ctx, map[string]any{"owner": "search"}))
	fmt.Println(flag.Exists(ctx))
	fmt.Println(flag.ClientData(ctx))
	fmt.Println(flag.IsEnabled(ctx), flag.IsEnabledOr(ctx, true), flag.Evaluate(ctx).Reason)
	check(flag.Disable(ctx))
	check(flag.Destroy(ctx))
	fmt.Println(flag.Exists(ctx))
	// Output:
	// true <nil>
	// map[owner:search] <nil>
	// true true STATIC
	// false <nil>
}

// An auditor writes down every change.
type auditor struct{ out io.Writer }

func (a auditor) HandleEvent(_ context.Context, e flipper.Event) error {
	_, err := fmt.Fprintln(a.out, e.Type, e.Name)
	return err
}

func ExampleEvents_Subscribe() {
	features, flag := newExample()
	remove := features.Events().Subscribe(auditor{os.Stdout})
	check(flag.Disable(context.Background()))
	remove()
	check(flag.Enable(context.Background()))
	// Output:
	// pre_disable FLAG
	// post_disable FLAG
}

func ExampleEvents_On() {
	features, flag := newExample()
	features.Events().On(flipper.PostSetClientData, func(_ context.Context, e flipper.Event) error {
		fmt.Println(e.Name, e.ClientData)
		return errors.New("pager is off")
	})
	err := flag.SetClientData(context.Background(), map[string]any{"owner": "search"})
	fmt.Println("changed all the same:", errors.Is(err, flipper.ErrAfterChange))
	// Output:
	// FLAG map[owner:search]
	// changed all the same: true
}

func ExampleWithAttrs() {
	features, _ := newExample()
	// Once, where the request comes in:
	ctx := flipper.WithAttrs(context.Background(), flipper.String("plan", "free"), flipper.Int("user_id", 42))
	// Anywhere further in:
	fmt.Println(features.IsEnabled(ctx, "FLAG"))
	fmt.Println(features.IsEnabled(ctx, "FLAG", flipper.String("plan", "pro"))) // the call's own win
	// Output:
	// false
	// true
}

func ExampleAttrsFrom() {
	ctx := flipper.WithAttrs(context.Background(), flipper.String("plan", "free"), flipper.Int("user_id", 42))
	for _, attr := range flipper.AttrsFrom(ctx) {
		fmt.Println(attr.Name, attr.Value)
	}
	// Output:
	// plan "free"
	// user_id 42
}

func ExampleAttr() {
	for _, attr := range []flipper.Attr{
		flipper.String("plan", "pro"),
		flipper.Int("user_id", 42),
		flipper.Int64("account", 1<<40),
		flipper.Uint64("hash", 1<<63),
		flipper.Float64("score", 1),
		flipper.Bool("beta", true),
		flipper.Value("roles", targeting.List(targeting.Text("admin"))),
	} {
		fmt.Println(attr.Name, attr.Value.Kind(), attr.Value)
	}
	// Output:
	// plan text "pro"
	// user_id int 42
	// account int 1099511627776
	// hash int 9223372036854775808
	// score float 1.0
	// beta bool true
	// roles list ["admin"]
}

func ExampleAny() {
	attr, err := flipper.Any("roles", []string{"admin", "author"})
	fmt.Println(attr.Value, err)
	_, err = flipper.Any("started", time.Now())
	fmt.Println(errors.Is(err, store.ErrInvalid))
	// Output:
	// ["admin", "author"] <nil>
	// true
}

func ExampleWithPinnedFlags() {
	_, flag := newExample()
	ctx := flipper.WithPinnedFlags(context.Background())
	fmt.Println(flag.IsEnabled(ctx))
	check(flag.Disable(context.Background()))
	fmt.Println(flag.IsEnabled(ctx), flag.IsEnabled(context.Background()))
	// Output:
	// true
	// true false
}

func ExampleGuard() {
	_, flag := newExample()
	search := flipper.Guard(flag,
		func(_ context.Context, query string) (string, error) { return "new results for " + query, nil },
		func(_ context.Context, query string) (string, error) { return "old results for " + query, nil })

	for _, plan := range []string{"pro", "free"} {
		results, err := search(flipper.WithAttrs(context.Background(), flipper.String("plan", plan)), "gophers")
		check(err)
		fmt.Println(results)
	}
	// Output:
	// new results for gophers
	// old results for gophers
}

func ExampleChoose() {
	_, flag := newExample()
	sort := flipper.Choose(context.Background(), flag, "by relevance", "by date", flipper.String("plan", "free"))
	fmt.Println(sort)
	// Output: by date
}
