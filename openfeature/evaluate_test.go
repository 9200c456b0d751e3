// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/multi"
	"github.com/redis/go-redis/v9"

	"github.com/flipper-go/flipper"
	"github.com/flipper-go/flipper/internal/redistest"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/openfeature/internal/providertest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/cached"
	"github.com/flipper-go/flipper/store/mirror"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
)

// nothing is an evaluation context without attributes.
var nothing openfeature.FlattenedContext

func attributes(pairs ...any) openfeature.FlattenedContext {
	flat := openfeature.FlattenedContext{}
	for i := 0; i < len(pairs); i += 2 {
		flat[pairs[i].(string)] = pairs[i+1]
	}
	return flat
}

// ready returns a client of the SDK that asks a provider.
func ready(t *testing.T, provider openfeature.FeatureProvider) *openfeature.Client {
	t.Helper()
	api := providertest.NewAPI(t)
	must(t, api.SetProviderAndWait(t.Context(), provider))
	return api.NewClient()
}

func TestBooleanEvaluation(t *testing.T) {
	features := newClient(t)
	create(t, features, "off")
	create(t, features, "on", on)
	create(t, features, "pros", on, flipper.WithConditions(carta.NewCondition(carta.Equal("plan", "pro"))))
	create(t, features, "adults", on, flipper.WithConditions(carta.NewCondition(carta.GreaterOrEqual("age", 18))))
	create(t, features, "nobody", on, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0), "user_id")))
	create(t, features, "all", on, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "user_id")))
	client := ready(t, flipperopenfeature.NewProvider(features))

	for _, test := range []struct {
		flag       string
		attributes openfeature.FlattenedContext
		value      bool
		variant    string
		reason     openfeature.Reason
	}{
		{"off", nothing, false, "off", openfeature.DisabledReason},
		{"on", nothing, true, "on", openfeature.StaticReason},
		{"pros", attributes("plan", "pro"), true, "on", openfeature.TargetingMatchReason},
		{"pros", attributes("plan", "free"), false, "off", openfeature.DefaultReason},
		{"pros", nothing, true, "on", openfeature.StaticReason}, // as in Python: no attributes, no conditions
		{"adults", attributes("age", 18), true, "on", openfeature.TargetingMatchReason},
		{"nobody", attributes("user_id", 1), false, "off", openfeature.SplitReason},
		{"all", attributes("user_id", 1), true, "on", openfeature.SplitReason},
	} {
		for _, otherwise := range []bool{false, true} { // the default must not matter
			got, err := client.BooleanValueDetails(t.Context(), test.flag, otherwise, openfeature.NewTargetlessEvaluationContext(test.attributes))
			if err != nil || got.Value != test.value || got.Variant != test.variant || got.Reason != test.reason || got.ErrorCode != "" {
				t.Errorf("%s for %v: %v (%s, %s), %v; want %v (%s, %s)", test.flag, test.attributes,
					got.Value, got.Variant, got.Reason, err, test.value, test.variant, test.reason)
			}
		}
	}
}

// refusedAddress returns the address of a server that is not there.
func refusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// refusing is a store that takes no name, as a flag service with rules of its own may.
type refusing struct{ store.Store }

func (refusing) Get(context.Context, string) (*store.Flag, error) { return nil, store.ErrInvalid }

func TestErrorCodes(t *testing.T) {
	server := redistest.Start(t)
	direct := server.Client(t)
	features := flipper.New(providertest.NewRedisStore(t, direct), providertest.Quiet)
	create(t, features, "adults", on, flipper.WithConditions(carta.NewCondition(carta.GreaterOrEqual("age", 18))))
	create(t, features, "broken", on)
	create(t, features, "text", on)
	textPercentage, err := carta.ParseBucketer(`{"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": "half"}}`, time.Now())
	must(t, err)
	keys, err := direct.Keys(t.Context(), "*broken*").Result()
	must(t, err)
	for _, key := range keys {
		if direct.Type(t.Context(), key).Val() == "string" {
			must(t, direct.Set(t.Context(), key, "{not a flag", 0).Err())
		} else {
			for field := range direct.HGetAll(t.Context(), key).Val() {
				must(t, direct.HSet(t.Context(), key, field, "{not a flag").Err())
			}
		}
	}
	must(t, features.SetBucketer(t.Context(), "text", textPercentage))
	provider := flipperopenfeature.NewProvider(features)

	strict := flipperopenfeature.NewProvider(flipper.New(features.Store(), flipper.WithRequiredAttributes("user_id")))

	gone := redis.NewClient(&redis.Options{Addr: refusedAddress(t), MaxRetries: -1})
	defer gone.Close()
	never := flipperopenfeature.NewProvider(flipper.New(providertest.NewRedisStore(t, gone), providertest.Quiet))

	ended, cancel := context.WithCancel(t.Context())
	cancel()

	for _, test := range []struct {
		name     string
		provider *flipperopenfeature.Provider
		ctx      context.Context
		flag     string
		context  openfeature.FlattenedContext
		code     openfeature.ErrorCode
		says     string
	}{
		{"missing", provider, t.Context(), "missing", nothing, openfeature.FlagNotFoundCode, "flag missing not found"},
		{"empty name", provider, t.Context(), "", nothing, openfeature.FlagNotFoundCode, "not found"},
		{"bad name", provider, t.Context(), strings.Repeat("x", 2000), nothing, openfeature.FlagNotFoundCode, "not found"},
		{"unreadable", provider, t.Context(), "broken", nothing, openfeature.ParseErrorCode, "unreadable"},
		{"percentage", provider, t.Context(), "text", nothing, openfeature.ParseErrorCode, "percentage"},
		{"refused", flipperopenfeature.NewProvider(flipper.New(refusing{}, providertest.Quiet)), t.Context(), "flag", nothing, openfeature.GeneralCode, "invalid"},
		{"kind", provider, t.Context(), "adults", attributes("age", "old"), openfeature.InvalidContextCode, `"age"`},
		{"no form", provider, t.Context(), "adults", attributes("age", struct{}{}), openfeature.InvalidContextCode, `attribute "age"`},
		{"required", strict, t.Context(), "adults", attributes("age", 20), openfeature.InvalidContextCode, `"user_id"`},
		{"canceled", provider, ended, "adults", nothing, openfeature.GeneralCode, "canceled"},
		{"never reached", never, t.Context(), "adults", nothing, openfeature.ProviderNotReadyCode, "unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, otherwise := range []bool{false, true} {
				got := test.provider.BooleanEvaluation(test.ctx, test.flag, otherwise, test.context)
				detail := got.ResolutionDetail()
				if got.Value != otherwise || got.Variant != "" || got.Reason != openfeature.ErrorReason ||
					detail.ErrorCode != test.code || !strings.Contains(detail.ErrorMessage, test.says) {
					t.Errorf("%v, %+v; want %v and %s: …%s…", got.Value, detail, otherwise, test.code, test.says)
				}
			}
		})
	}
}

// A backend that was there, and is gone, is no provider that is not ready.
func TestErrorOfLostBackend(t *testing.T) {
	far := providertest.NewFarStore(t)
	create(t, far.Direct, "flag", on)
	provider := flipperopenfeature.NewProvider(flipper.New(far.Far, providertest.Quiet))
	client := ready(t, provider)
	if got, err := client.BooleanValueDetails(t.Context(), "flag", false, openfeature.EvaluationContext{}); err != nil || !got.Value {
		t.Fatalf("%+v, %v", got, err)
	}
	far.Vanish()
	got, err := client.BooleanValueDetails(t.Context(), "flag", false, openfeature.EvaluationContext{})
	if err == nil || got.ErrorCode != openfeature.GeneralCode || got.Reason != openfeature.ErrorReason {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOtherTypes(t *testing.T) {
	features := newClient(t)
	create(t, features, "flag", on)
	client := ready(t, flipperopenfeature.NewProvider(features))
	ctx, none := t.Context(), openfeature.EvaluationContext{}
	object := map[string]any{"a": 1}
	for flag, code := range map[string]openfeature.ErrorCode{"flag": openfeature.TypeMismatchCode, "missing": openfeature.FlagNotFoundCode} {
		text, err1 := client.StringValueDetails(ctx, flag, "default", none)
		float, err2 := client.FloatValueDetails(ctx, flag, 0.5, none)
		whole, err3 := client.IntValueDetails(ctx, flag, 7, none)
		structure, err4 := client.ObjectValueDetails(ctx, flag, object, none)
		if text.Value != "default" || float.Value != 0.5 || whole.Value != 7 || structure.Value.(map[string]any)["a"] != 1 {
			t.Errorf("%s: the defaults are %v, %v, %v, %v", flag, text.Value, float.Value, whole.Value, structure.Value)
		}
		for i, detail := range []openfeature.EvaluationDetails{text.EvaluationDetails, float.EvaluationDetails, whole.EvaluationDetails, structure.EvaluationDetails} {
			if detail.ErrorCode != code || detail.Reason != openfeature.ErrorReason || []error{err1, err2, err3, err4}[i] == nil {
				t.Errorf("%s: %+v, want %s", flag, detail, code)
			}
		}
	}
}

type evaluations struct {
	mu  sync.Mutex
	all []flipper.Evaluation
}

func (e *evaluations) Evaluated(_ context.Context, _ string, evaluation flipper.Evaluation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, evaluation)
}

func TestFlagMetadata(t *testing.T) {
	features := newClient(t)
	create(t, features, "plain", on)
	create(t, features, "flag", on, flipper.WithClientData(map[string]any{
		"text": "team-web", "int": 7, "float": 0.5, "bool": true,
		"null": nil, "list": []any{1}, "object": map[string]any{"a": 1}, "huge": targeting.Uint(1 << 63),
	}))
	far := providertest.NewFarStore(t)
	create(t, far.Direct, "flag", on, flipper.WithClientData(map[string]any{"text": "team-web", "int": 7, "float": 0.5, "bool": true}))
	want := openfeature.FlagMetadata{"text": "team-web", "int": int64(7), "float": 0.5, "bool": true}

	for name, features := range map[string]*flipper.FeatureFlagClient{"memory": features, "redis": far.Direct} {
		provider := flipperopenfeature.NewProvider(features)
		for range 2 { // read, and remembered
			got := provider.BooleanEvaluation(t.Context(), "flag", false, nothing)
			if !maps.Equal(got.FlagMetadata, want) {
				t.Errorf("%s: metadata is %v, want %v", name, got.FlagMetadata, want)
			}
			got.FlagMetadata["text"] = "modified"
		}
		must(t, features.SetClientData(t.Context(), "flag", map[string]any{"int": 8}))
		if got := provider.BooleanEvaluation(t.Context(), "flag", false, nothing); got.FlagMetadata["int"] != int64(8) || got.FlagMetadata["text"] != "team-web" {
			t.Errorf("%s: after a change metadata is %v", name, got.FlagMetadata)
		}
		without := flipperopenfeature.NewProvider(features, flipperopenfeature.WithoutMetadata())
		if got := without.BooleanEvaluation(t.Context(), "flag", false, nothing); len(got.FlagMetadata) > 0 {
			t.Errorf("%s: without metadata there is %v", name, got.FlagMetadata)
		}
	}
	if got := flipperopenfeature.NewProvider(features).BooleanEvaluation(t.Context(), "plain", false, nothing); len(got.FlagMetadata) > 0 {
		t.Errorf("a flag without client data has metadata %v", got.FlagMetadata)
	}
}

// The SDK's multi-provider writes to the metadata that a provider gives.
func TestMultiProvider(t *testing.T) {
	features := newClient(t)
	create(t, features, "flag", on, flipper.WithClientData(map[string]any{"owner": "team-web"}))
	several, err := multi.NewProvider(multi.StrategyFirstMatch,
		multi.WithProvider("first", flipperopenfeature.NewProvider(newClient(t))),
		multi.WithProvider("second", flipperopenfeature.NewProvider(features)))
	must(t, err)
	client := ready(t, several)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				got, err := client.BooleanValueDetails(t.Context(), "flag", false, openfeature.EvaluationContext{})
				if err != nil || !got.Value || got.FlagMetadata["owner"] != "team-web" {
					t.Errorf("%+v, %v", got, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// Answers from copies say so.
func TestReasonsOfCopies(t *testing.T) {
	far := providertest.NewFarStore(t)
	create(t, far.Direct, "flag", on)
	flags := cached.New(onlyReads{far.Far}) // so that it does not know whether it is current
	defer flags.Close()
	aged := flipperopenfeature.NewProvider(flipper.New(flags, providertest.Quiet))
	await(t, "CACHED", func() bool {
		got := aged.BooleanEvaluation(t.Context(), "flag", false, nothing)
		return got.Value && got.Reason == openfeature.CachedReason
	})

	mirrored := far.Mirror(t)
	must(t, mirrored.Store().(*mirror.Store).WaitReady(t.Context()))
	stale := flipperopenfeature.NewProvider(mirrored)
	if got := stale.BooleanEvaluation(t.Context(), "flag", false, nothing); got.Reason != openfeature.StaticReason {
		t.Errorf("the reason is %s", got.Reason)
	}
	far.Vanish()
	await(t, "STALE", func() bool {
		got := stale.BooleanEvaluation(t.Context(), "flag", false, nothing)
		return got.Value && got.Reason == "STALE"
	})
}

func TestHooksAndTracking(t *testing.T) {
	var order []string
	hook := func(name string) openfeature.Hook { return &namedHook{name: name, order: &order} }
	type tracked struct {
		event string
		key   string
		value float64
	}
	var got []tracked
	features := newClient(t)
	create(t, features, "flag", on)
	provider := flipperopenfeature.NewProvider(features,
		flipperopenfeature.WithHooks(hook("first")),
		flipperopenfeature.WithHooks(hook("second")),
		flipperopenfeature.WithTracking(func(_ context.Context, event string, who openfeature.EvaluationContext, details openfeature.TrackingEventDetails) {
			got = append(got, tracked{event, who.TargetingKey(), details.Value()})
		}))
	client := ready(t, provider)
	client.AddHooks(hook("client"))
	client.Boolean(t.Context(), "flag", false, openfeature.EvaluationContext{}, openfeature.WithHooks(hook("call")))
	const want = "before client, before call, before first, before second, after second, after first, after call, after client, " +
		"finally second, finally first, finally call, finally client"
	if said := strings.Join(order, ", "); said != want {
		t.Errorf("hooks ran in the order %s", said)
	}
	order = nil
	client.Boolean(t.Context(), "missing", false, openfeature.EvaluationContext{})
	const wrong = "before client, before first, before second, error second, error first, error client, finally second, finally first, finally client"
	if said := strings.Join(order, ", "); said != wrong {
		t.Errorf("with an error hooks ran in the order %s", said)
	}

	who := openfeature.NewEvaluationContext("user-1", nil)
	client.Track(t.Context(), "checkout", who, openfeature.NewTrackingEventDetails(9.5))
	if len(got) != 1 || got[0] != (tracked{"checkout", "user-1", 9.5}) {
		t.Errorf("tracked %v", got)
	}
	// Without the option it is dropped.
	flipperopenfeature.NewProvider(features).Track(t.Context(), "checkout", who, openfeature.NewTrackingEventDetails(9.5))
}

type namedHook struct {
	openfeature.UnimplementedHook
	name  string
	order *[]string
}

func (h *namedHook) note(stage string) { *h.order = append(*h.order, stage+" "+h.name) }

func (h *namedHook) Before(context.Context, openfeature.HookContext, openfeature.HookHints) (*openfeature.EvaluationContext, error) {
	h.note("before")
	return nil, nil
}

func (h *namedHook) After(context.Context, openfeature.HookContext, openfeature.InterfaceEvaluationDetails, openfeature.HookHints) error {
	h.note("after")
	return nil
}

func (h *namedHook) Error(context.Context, openfeature.HookContext, error, openfeature.HookHints) {
	h.note("error")
}

func (h *namedHook) Finally(context.Context, openfeature.HookContext, openfeature.InterfaceEvaluationDetails, openfeature.HookHints) {
	h.note("finally")
}

// A store that does not answer costs no more than the client's time-out.
func TestSlowStore(t *testing.T) {
	server := redistest.Start(t)
	features := flipper.New(providertest.NewRedisStore(t, server.Client(t)), providertest.Quiet, flipper.WithTimeout(20*time.Millisecond))
	create(t, features, "flag", on)
	provider := flipperopenfeature.NewProvider(features)
	server.Stop()
	defer server.Continue()
	got := provider.BooleanEvaluation(t.Context(), "flag", true, nothing)
	if !got.Value || got.ResolutionDetail().ErrorCode != openfeature.ProviderNotReadyCode {
		t.Errorf("%+v", got)
	}
	if errors.Is(t.Context().Err(), context.Canceled) {
		t.Error("the caller's context was ended")
	}
}
