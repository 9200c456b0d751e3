// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package flipperopenfeature_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"go.uber.org/goleak"

	"github.com/flipper-go/flipper"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/openfeature/internal/providertest"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/store/mirror"
)

// onlyReads is a store that cannot tell of changes.
type onlyReads struct{ store.Store }

// unwatchable is a store whose Watch says that it cannot tell of changes.
type unwatchable struct{ store.Watcher }

func (unwatchable) Watch(context.Context) iter.Seq2[store.Change, error] {
	return func(yield func(store.Change, error) bool) { yield(store.Change{}, errors.ErrUnsupported) }
}

// awaitChange waits until events have told of these flags, and of no others.
func awaitChange(t *testing.T, from <-chan providertest.Event, names ...string) {
	t.Helper()
	told := map[string]bool{}
	for len(told) < len(names) {
		e := providertest.Receive(t, from)
		if e.EventType != openfeature.ProviderConfigChange || e.ProviderName != "flipper" {
			t.Fatalf("event %+v, want a change of %v", e, names)
		}
		for _, name := range e.FlagChanges {
			if !slices.Contains(names, name) {
				t.Fatalf("%s changed, want %v", name, names)
			}
			told[name] = true
		}
		if !slices.IsSorted(e.FlagChanges) {
			t.Errorf("names are not sorted: %q", e.FlagChanges)
		}
	}
}

func TestChanges(t *testing.T) {
	features := newClient(t)
	create(t, features, "first")
	create(t, features, "second")
	api := providertest.NewAPI(t)
	told := providertest.Events(api, openfeature.ProviderReady, openfeature.ProviderConfigChange, openfeature.ProviderStale, openfeature.ProviderError)
	must(t, api.SetProviderAndWait(t.Context(), flipperopenfeature.NewProvider(features)))
	if e := providertest.Receive(t, told); e.EventType != openfeature.ProviderReady {
		t.Fatalf("%+v", e)
	}
	must(t, features.Enable(t.Context(), "first"))
	awaitChange(t, told, "first")
	must(t, features.Destroy(t.Context(), "second"))
	awaitChange(t, told, "second")
	create(t, features, "third")
	awaitChange(t, told, "third")
	must(t, features.Enable(t.Context(), "first")) // changes nothing
	must(t, features.Enable(t.Context(), "third"))
	must(t, features.Disable(t.Context(), "first"))
	awaitChange(t, told, "first", "third")
	if state := api.NewClient().State(); state != openfeature.ReadyState {
		t.Errorf("the state is %s", state)
	}
}

// While the backend is gone the provider is stale, and it is ready again, and tells
// what was missed, when the backend is back.
func TestStale(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *providertest.FarStore) *flipper.FeatureFlagClient{
		"mirror": func(t *testing.T, far *providertest.FarStore) *flipper.FeatureFlagClient { return far.Mirror(t) },
		"redis": func(_ *testing.T, far *providertest.FarStore) *flipper.FeatureFlagClient {
			return flipper.New(far.Far, providertest.Quiet)
		},
		"mirror that is not told of changes": func(t *testing.T, far *providertest.FarStore) *flipper.FeatureFlagClient {
			far.Far = unwatchable{far.Far}
			return far.Mirror(t, mirror.WithFullReadInterval(50*time.Millisecond))
		},
	} {
		t.Run(name, func(t *testing.T) {
			far := providertest.NewFarStore(t)
			for i := range 5 {
				create(t, far.Direct, fmt.Sprint("flag", i))
			}
			api := providertest.NewAPI(t)
			must(t, api.SetProviderAndWait(t.Context(), flipperopenfeature.NewProvider(open(t, far))))
			client := api.NewClient()
			awaitState(t, client, openfeature.ReadyState)
			told := providertest.Events(api, openfeature.ProviderConfigChange, openfeature.ProviderStale, openfeature.ProviderError)

			far.Vanish()
			if e := providertest.Receive(t, told); e.EventType != openfeature.ProviderStale || e.Message == "" {
				t.Fatalf("%+v", e)
			}
			awaitState(t, client, openfeature.StaleState)
			must(t, far.Direct.Enable(t.Context(), "flag1"))
			must(t, far.Direct.Destroy(t.Context(), "flag2"))

			far.Proxy.Heal()
			awaitState(t, client, openfeature.ReadyState)
			awaitChange(t, told, "flag1", "flag2")
			if !client.Boolean(t.Context(), "flag1", false, openfeature.EvaluationContext{}) {
				t.Error("the change did not arrive")
			}
		})
	}
}

// Init ends when there are flags, or with its time: then the provider goes on.
func TestInitWithoutBackend(t *testing.T) {
	far := providertest.NewFarStore(t)
	create(t, far.Direct, "flag", on)
	far.Vanish()
	provider := flipperopenfeature.NewProvider(far.Mirror(t), flipperopenfeature.WithInitTimeout(50*time.Millisecond))
	api := providertest.NewAPI(t)
	told := providertest.Events(api, openfeature.ProviderError)
	err := api.SetProviderAndWait(t.Context(), provider)
	var failed *openfeature.ProviderInitError
	if !errors.As(err, &failed) || failed.ErrorCode != openfeature.ProviderNotReadyCode {
		t.Fatal(err)
	}
	providertest.Receive(t, told)
	client := api.NewClient()
	awaitState(t, client, openfeature.ErrorState)
	got, err := client.BooleanValueDetails(t.Context(), "flag", true, openfeature.EvaluationContext{})
	if err == nil || !got.Value || got.ErrorCode != openfeature.ProviderNotReadyCode {
		t.Errorf("%+v, %v", got, err)
	}

	far.Proxy.Heal()
	awaitState(t, client, openfeature.ReadyState)
	if got, err := client.BooleanValueDetails(t.Context(), "flag", false, openfeature.EvaluationContext{}); err != nil || !got.Value {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestInitWaits(t *testing.T) {
	far := providertest.NewFarStore(t)
	create(t, far.Direct, "flag", on)
	far.Vanish()
	api := providertest.NewAPI(t)
	must(t, api.SetProvider(t.Context(), flipperopenfeature.NewProvider(far.Mirror(t), flipperopenfeature.WithInitTimeout(0))))
	client := api.NewClient()
	got, err := client.BooleanValueDetails(t.Context(), "flag", true, openfeature.EvaluationContext{})
	if err == nil || !got.Value || got.ErrorCode != openfeature.ProviderNotReadyCode || client.State() != openfeature.NotReadyState {
		t.Errorf("%+v, %v, %s", got, err, client.State())
	}
	far.Proxy.Heal()
	awaitState(t, client, openfeature.ReadyState)
}

// The context of Init bounds the wait, and the error tells what was waited for.
func TestInitContext(t *testing.T) {
	far := providertest.NewFarStore(t)
	far.Vanish()
	provider := flipperopenfeature.NewProvider(flipper.New(far.Far, providertest.Quiet))
	defer provider.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := provider.InitWithContext(ctx, openfeature.EvaluationContext{})
	if err == nil || !strings.Contains(err.Error(), "deadline") || !strings.Contains(err.Error(), "unavailable") {
		t.Error(err)
	}
}

// An Init that comes too late, as after Shutdown, begins nothing: nobody would end it.
func TestInitTooLate(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, test := range map[string]struct {
		ctx         context.Context
		closedStore bool
		want        openfeature.ErrorCode
	}{
		"ended context":   {ended, false, openfeature.ProviderNotReadyCode},
		"expired context": {expired, false, openfeature.ProviderNotReadyCode},
		"closed store":    {t.Context(), true, openfeature.ProviderFatalCode},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			flags := memory.New()
			defer flags.Close()
			provider := flipperopenfeature.NewProvider(flipper.New(flags, providertest.Quiet))
			must(t, provider.Init(openfeature.EvaluationContext{}))
			provider.Shutdown()
			if test.closedStore {
				must(t, flags.Close())
			}
			var failed *openfeature.ProviderInitError
			if err := provider.InitWithContext(test.ctx, openfeature.EvaluationContext{}); !errors.As(err, &failed) || failed.ErrorCode != test.want {
				t.Errorf("%v, want %s", err, test.want)
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// An endingContext ends as soon as it was asked whether it has.
type endingContext struct {
	context.Context
	end func()
}

func (c endingContext) Err() error {
	err := c.Context.Err()
	if err == nil {
		c.end()
	}
	return err
}

// Shutdown after the end of the context leaves nothing, wherever Init is.
func TestInitOvertaken(t *testing.T) {
	before := goleak.IgnoreCurrent()
	provider := flipperopenfeature.NewProvider(newClient(t))
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	end := sync.OnceFunc(func() {
		cancel()
		go func() {
			defer close(over)
			provider.Shutdown()
		}()
		for range 1000 { // time to overtake
			runtime.Gosched()
		}
	})
	_ = provider.InitWithContext(endingContext{ctx, end}, openfeature.EvaluationContext{})
	end() // if Init did not ask
	<-over
	goleak.VerifyNone(t, before)
}

// The same by way of the SDK, which initialises in the background.
func TestSetProviderOvertaken(t *testing.T) {
	before := goleak.IgnoreCurrent()
	features := newClient(t)
	for range 100 {
		api := isolated.NewAPI()
		ctx, cancel := context.WithCancel(t.Context())
		must(t, api.SetProvider(ctx, flipperopenfeature.NewProvider(features)))
		cancel()
		must(t, api.Shutdown(t.Context()))
	}
	goleak.VerifyNone(t, before)
}

// A mirror that starts from a file is ready, and stale.
func TestStaleFromTheStart(t *testing.T) {
	far := providertest.NewFarStore(t)
	create(t, far.Direct, "flag", on)
	file := filepath.Join(t.TempDir(), "flags.json")
	before := far.Mirror(t, mirror.WithLastGood(file)).Store().(*mirror.Store)
	must(t, before.WaitReady(t.Context()))
	must(t, before.Close())
	far.Vanish()

	api := providertest.NewAPI(t)
	provider := flipperopenfeature.NewProvider(far.Mirror(t, mirror.WithLastGood(file)))
	must(t, api.SetProviderAndWait(t.Context(), provider))
	client := api.NewClient()
	awaitState(t, client, openfeature.StaleState)
	got, err := client.BooleanValueDetails(t.Context(), "flag", false, openfeature.EvaluationContext{})
	if err != nil || !got.Value || got.Reason != "STALE" {
		t.Errorf("%+v, %v", got, err)
	}
	// For a further domain the SDK initialises the provider again, and takes it for
	// ready everywhere, until it is told.
	must(t, api.SetProviderAndWait(t.Context(), provider, openfeature.WithDomain("further")))
	awaitState(t, api.NewClient(openfeature.WithDomain("further")), openfeature.StaleState)
	awaitState(t, client, openfeature.StaleState)

	far.Proxy.Heal()
	awaitState(t, client, openfeature.ReadyState)
}

// A store that cannot tell of changes makes a provider that is ready, and silent.
func TestStoreWithoutWatch(t *testing.T) {
	flags := memory.New()
	defer flags.Close()
	writer := flipper.New(flags, providertest.Quiet)
	create(t, writer, "flag", on)
	client := ready(t, flipperopenfeature.NewProvider(flipper.New(onlyReads{flags}, providertest.Quiet)))
	if !client.Boolean(t.Context(), "flag", false, openfeature.EvaluationContext{}) {
		t.Error("the flag is off")
	}

	far := providertest.NewFarStore(t)
	far.Vanish()
	api := providertest.NewAPI(t)
	must(t, api.SetProvider(t.Context(), flipperopenfeature.NewProvider(flipper.New(onlyReads{far.Far}, providertest.Quiet))))
	if state := api.NewClient().State(); state != openfeature.NotReadyState {
		t.Errorf("without a backend the state is %s", state)
	}
	far.Proxy.Heal()
	awaitState(t, api.NewClient(), openfeature.ReadyState)
}

func TestClosedStore(t *testing.T) {
	flags := memory.New()
	api := providertest.NewAPI(t)
	told := providertest.Events(api, openfeature.ProviderError)
	provider := flipperopenfeature.NewProvider(flipper.New(flags, providertest.Quiet))
	must(t, api.SetProviderAndWait(t.Context(), provider))
	must(t, flags.Close())
	if e := providertest.Receive(t, told); !strings.Contains(e.Message, "closed") {
		t.Errorf("%+v", e)
	}
	client := api.NewClient()
	awaitState(t, client, openfeature.FatalState)
	if got, err := client.BooleanValueDetails(t.Context(), "flag", true, openfeature.EvaluationContext{}); err == nil || !got.Value || got.ErrorCode != openfeature.ProviderFatalCode {
		t.Errorf("%+v, %v", got, err)
	}
	var failed *openfeature.ProviderInitError
	if err := provider.Init(openfeature.EvaluationContext{}); !errors.As(err, &failed) || failed.ErrorCode != openfeature.ProviderFatalCode {
		t.Error(err)
	}
}

// What is over stays over, whatever the store says of its age.
func TestClosedMirror(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := memory.New()
		defer below.Close()
		flags := mirror.New(below, mirror.WithLogger(slog.New(slog.DiscardHandler)))
		api := providertest.NewAPI(t)
		must(t, api.SetProviderAndWait(t.Context(), flipperopenfeature.NewProvider(flipper.New(flags, providertest.Quiet))))
		must(t, flags.Close())
		awaitState(t, api.NewClient(), openfeature.FatalState)
		time.Sleep(time.Minute)
		synctest.Wait()
		if state := api.NewClient().State(); state != openfeature.FatalState {
			t.Errorf("the state is %s", state)
		}
	})
}

// Shutdown is idempotent, evaluations go on, and Init may follow.
func TestShutdown(t *testing.T) {
	features := newClient(t)
	create(t, features, "flag", on)
	provider := flipperopenfeature.NewProvider(features)
	provider.Shutdown() // before Init
	for range 3 {
		must(t, provider.Init(openfeature.EvaluationContext{}))
		must(t, provider.Init(openfeature.EvaluationContext{}))
		provider.Shutdown()
		must(t, provider.ShutdownWithContext(t.Context()))
		if !provider.BooleanEvaluation(t.Context(), "flag", false, nothing).Value {
			t.Error("after Shutdown the flag is off")
		}
	}

	// The same, by the SDK.
	for range 3 {
		api := providertest.NewAPI(t)
		told := providertest.Events(api, openfeature.ProviderConfigChange)
		must(t, api.SetProviderAndWait(t.Context(), provider))
		must(t, features.SetClientData(t.Context(), "flag", map[string]any{"time": time.Now().String()}))
		awaitChange(t, told, "flag")
		must(t, api.Shutdown(t.Context()))
	}
}

// Shutdown ends an Init that waits.
func TestShutdownDuringInit(t *testing.T) {
	far := providertest.NewFarStore(t)
	far.Vanish()
	provider := flipperopenfeature.NewProvider(far.Mirror(t), flipperopenfeature.WithInitTimeout(0))
	failed := make(chan error, 1)
	go func() { failed <- provider.Init(openfeature.EvaluationContext{}) }()
	await(t, "the end of Init", func() bool {
		provider.Shutdown()
		select {
		case err := <-failed:
			return err != nil
		default:
			return false
		}
	})
}

// Who replaces the provider, or has it for several domains, gets events of the one
// that is there.
func TestDomains(t *testing.T) {
	features := newClient(t)
	create(t, features, "flag", on)
	provider := flipperopenfeature.NewProvider(features)
	api := providertest.NewAPI(t)
	for _, domain := range []string{"a", "b"} {
		must(t, api.SetProviderAndWait(t.Context(), provider, openfeature.WithDomain(domain)))
	}
	must(t, api.SetProviderAndWait(t.Context(), openfeature.NoopProvider{}, openfeature.WithDomain("a")))
	told := make(chan openfeature.EventDetails, 10)
	callback := func(details openfeature.EventDetails) { told <- details }
	client := api.NewClient(openfeature.WithDomain("b"))
	client.AddHandler(openfeature.ProviderConfigChange, &callback)
	must(t, features.Disable(t.Context(), "flag"))
	if details := providertest.Receive(t, told); !slices.Equal(details.FlagChanges, []string{"flag"}) {
		t.Errorf("%+v", details)
	}
	if client.State() != openfeature.ReadyState {
		t.Errorf("the state is %s", client.State())
	}
}

// Events that nobody takes delay nobody, and are merged into one.
func TestNobodyListens(t *testing.T) {
	const flags = 500
	features := newClient(t)
	provider := flipperopenfeature.NewProvider(features)
	must(t, provider.Init(openfeature.EvaluationContext{}))
	defer provider.Shutdown()
	want := make(map[string]bool)
	for i := range flags {
		name := fmt.Sprintf("flag-%03d", i)
		create(t, features, name)
		must(t, features.Enable(t.Context(), name))
		want[name] = true
	}
	number := 0
	for len(want) > 0 {
		e := providertest.Receive(t, provider.EventChannel())
		number++
		for _, name := range e.FlagChanges {
			delete(want, name)
		}
	}
	if number > 20 {
		t.Errorf("%d changes came as %d events", 2*flags, number)
	}
}
