// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package thrift

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/flipper-go/flipper/internal/featureflagstore"
	"github.com/flipper-go/flipper/store"
	"github.com/flipper-go/flipper/store/memory"
)

func check(variable, value string, symbol *string) *featureflagstore.ConditionCheck {
	return &featureflagstore.ConditionCheck{
		Variable: &variable,
		Value:    new(featureflagstore.JSON(value)),
		Operator: &featureflagstore.ConditionOperator{Symbol: symbol},
	}
}

// JSON texts, grouping and order stay as they are, and so does what the item has
// that no client of the six methods knows.
func TestMetaIsKept(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	ctx := t.Context()
	mustCreate(t, service, "x")
	meta := &featureflagstore.FeatureFlagStoreMeta{
		CreatedDate: new(int64(12)),
		ClientData:  new(featureflagstore.JSON(` {"b":1.0 ,"a": 123456789012345678901234567890, "n": NaN, "é<": "\u00e9"} `)),
		Conditions: []featureflagstore.Condition{
			{},
			{"age": {check("age", `18.0`, new("gte")), check("age", "  65", new("lt"))}, "plan": {check("plan", `"pro"`, nil)}},
			{"e": {check("e", `[1,1.0]`, new("not_in"))}},
			{},
		},
		Bucketer: new(featureflagstore.JSON(`{"percentage": {"value":0.50, "type":"Percentage"},"type": "PercentageBucketer"}`)),
	}
	if err := service.SetMeta(ctx, "x", meta); err != nil {
		t.Fatal(err)
	}
	got, err := service.Get(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(meta, got.Meta, cmp.Transformer("trim", func(j featureflagstore.JSON) string { return strings.TrimSpace(string(j)) })); diff != "" {
		t.Error(diff)
	}
	// Set keeps the meta.
	if err := service.Set(ctx, "x", false); err != nil {
		t.Fatal(err)
	}
	after, err := service.Get(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got.Meta, after.Meta); diff != "" || *after.IsEnabled {
		t.Errorf("after Set: %v\n%s", *after.IsEnabled, diff)
	}
}

func TestCreateReplacesWholly(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	ctx := t.Context()
	old, err := store.Decode("x", []byte(`{"feature_name": "x", "is_enabled": true, "unknown": 1, "meta": {"created_date": 5, "client_data": {"a": 1}, "conditions": [{}], "bucketer": {"type": "PercentageBucketer"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flags.Put(ctx, old); err != nil {
		t.Fatal(err)
	}
	service.now = func() time.Time { return time.Unix(77, 999) }
	if _, err := service.Create(ctx, "x", false, `{"z": 2}`); err != nil {
		t.Fatal(err)
	}
	f, err := flags.Get(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	text, err := store.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"feature_name": "x", "is_enabled": false, "meta": {"client_data": {"z": 2}, "created_date": 77, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// What is wrong is refused before anything changes, and the message says what it
// is.
func TestInvalid(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	ctx := t.Context()
	mustCreate(t, service, "x")
	before, err := service.GetStored(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	setMeta := func(meta *featureflagstore.FeatureFlagStoreMeta) error { return service.SetMeta(ctx, "x", meta) }
	conditions := func(checks ...*featureflagstore.ConditionCheck) error {
		return setMeta(&featureflagstore.FeatureFlagStoreMeta{Conditions: []featureflagstore.Condition{{}, {"k": checks}}})
	}
	create := func(name, data string) error {
		_, err := service.Create(ctx, name, true, featureflagstore.JSON(data))
		return err
	}
	compareAndSet := func(item string) error {
		_, err := service.CompareAndSet(ctx, "x", featureflagstore.JSON(item), *before.Revision)
		return err
	}
	list := func(limit, offset int64) error {
		_, err := service.List(ctx, limit, offset)
		return err
	}
	for _, c := range []struct {
		what, want string
		err        error
	}{
		{"create: bad JSON", "client_data", create("x", "{")},
		{"create: two values", "client_data", create("x", "{} {}")},
		{"create: too large", "stored form", create("x", `"`+strings.Repeat("x", store.MaxFlagSize)+`"`)},
		{"create: name too long", "name", create(strings.Repeat("x", store.MaxNameSize+1), "")},
		{"create: name not UTF-8", "name", create("\xff", "")},
		{"set: name too long", "name", service.Set(ctx, strings.Repeat("x", store.MaxNameSize+1), true)},
		{"client data", "client_data", setMeta(&featureflagstore.FeatureFlagStoreMeta{ClientData: new(featureflagstore.JSON("nope"))})},
		{"bucketer type", "bucketer", setMeta(&featureflagstore.FeatureFlagStoreMeta{Bucketer: new(featureflagstore.JSON(`{"type": "Nope"}`))})},
		{"bucketer JSON", "bucketer", setMeta(&featureflagstore.FeatureFlagStoreMeta{Bucketer: new(featureflagstore.JSON(`{`))})},
		{"operator", `operator "like"`, conditions(check("a", "1", new("like")))},
		{"empty operator", "operator", conditions(check("a", "1", new("")))},
		{"operator not UTF-8", "operator", conditions(check("a", "1", new("\xff")))},
		{"no check", "element 1: check 1", conditions(check("a", "1", nil), nil)},
		{"no variable", "variable", conditions(&featureflagstore.ConditionCheck{Value: new(featureflagstore.JSON("1"))})},
		{"no value", "value", conditions(&featureflagstore.ConditionCheck{Variable: new("a")})},
		{"value JSON", "value", conditions(check("a", "x", nil))},
		{"a value that ends its object", "value", conditions(check("a", `1, "operator": null}, {"variable": "b", "value": 2`, nil))},
		{"variable not UTF-8", "variable", conditions(check("\xff", "1", nil))},
		{"reserved variable", "self", conditions(check("self", "1", nil))},
		{"variable with operator", `"b"`, conditions(check("a__b", "1", nil))},
		{"limit", "limit", list(-2, 0)},
		{"offset", "offset", list(-1, -1)},
		{"item", "item", compareAndSet("{}")},
		{"item JSON", "item", compareAndSet("")},
		{"item too large", "stored form", compareAndSet(`{"feature_name": "x", "is_enabled": true, "meta": {"created_date": 1, "client_data": "` + strings.Repeat("x", store.MaxFlagSize) + `"}}`)},
	} {
		e := wantCode(t, c.err, featureflagstore.ErrorCode_INVALID)
		if !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: %q does not name %q", c.what, e.Message, c.want)
		}
		if len(e.Message) > 4096 {
			t.Errorf("%s: the message has %d bytes", c.what, len(e.Message))
		}
	}
	after, err := service.GetStored(ctx, "x")
	if err != nil || *after.Revision != *before.Revision {
		t.Errorf("the flag changed: %v, %v", after, err)
	}
}

// Every pointer that a client can leave out is survived, over the wire.
func TestLeftOut(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	_, address := serve(t, service)
	ctx := t.Context()
	mustCreate(t, service, "x")
	client := newClient(t, address)
	meta := &featureflagstore.FeatureFlagStoreMeta{Conditions: []featureflagstore.Condition{
		nil,
		{"a": nil, "b": {{Variable: new("b"), Value: new(featureflagstore.JSON("1"))}}},
	}}
	if err := client.SetMeta(ctx, "x", meta); err != nil {
		t.Fatal(err)
	}
	got, err := client.Get(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	want := []featureflagstore.Condition{{}, {"b": {check("b", "1", nil)}}}
	if diff := cmp.Diff(want, got.Meta.Conditions); diff != "" {
		t.Error(diff)
	}
	if err := service.SetMeta(ctx, "x", nil); err != nil {
		t.Errorf("no meta: %v", err)
	}
	got, err = client.Get(ctx, "x")
	if err != nil || len(got.Meta.Conditions) != 0 || got.Meta.Conditions == nil || got.Meta.CreatedDate == nil {
		t.Errorf("after no meta: %v, %v", got, err)
	}
	wantCode(t, service.SetMeta(ctx, "missing", nil), featureflagstore.ErrorCode_NOT_FOUND)
}

// A ramp without a start begins when it is set, not at every read.
func TestRampBegins(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	service.now = func() time.Time { return time.Unix(1000, 0) }
	mustCreate(t, service, "x")
	const ramp = `{"type": "PercentageBucketer", "percentage": {"type": "LinearRampPercentage"}}`
	if err := service.SetMeta(t.Context(), "x", &featureflagstore.FeatureFlagStoreMeta{Bucketer: new(featureflagstore.JSON(ramp))}); err != nil {
		t.Fatal(err)
	}
	got, err := service.Get(t.Context(), "x")
	if err != nil || !strings.Contains(string(*got.Meta.Bucketer), `"initial_time": 1000`) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestList(t *testing.T) {
	log := newRecorder()
	var handled []error
	flags := &hookedStore{Store: memory.New(), list: []error{&store.UnreadableError{Name: "0", Err: errors.New("torn")}}}
	service := newService(t, flags, log, WithErrorHandler(func(err error) { handled = append(handled, err) }))
	for _, name := range []string{"b", "a", "d", "c"} {
		mustCreate(t, service, name)
	}
	for _, c := range []struct {
		limit, offset int64
		want          string
	}{
		{-1, 0, "abcd"},
		{-1, 3, "d"},
		{-1, 4, ""},
		{0, 0, ""},
		{0, 2, ""},
		{2, 0, "ab"},
		{2, 1, "bc"},
		{9, 3, "d"},
		{1<<63 - 1, 1, "bcd"},
		{1, 1<<63 - 1, ""},
	} {
		items, err := service.List(t.Context(), c.limit, c.offset)
		if err != nil || items == nil {
			t.Fatalf("List(%d, %d): %v, %v", c.limit, c.offset, items, err)
		}
		var got string
		for _, item := range items {
			got += *item.FeatureName
		}
		if got != c.want {
			t.Errorf("List(%d, %d) = %q, want %q", c.limit, c.offset, got, c.want)
		}
	}
	if len(handled) == 0 || !errors.Is(handled[0], store.ErrUnreadable) {
		t.Errorf("the error handler was told %v", handled)
	}
	log.await(t, "unreadable flag is left out")
}

// The text of the store's errors stays in the log, and only a bare exception
// leaves the service.
func TestStoreFailures(t *testing.T) {
	secret := errors.New("dial tcp 10.1.2.3:6379: password is hunter2")
	for _, c := range []struct {
		err  error
		want featureflagstore.ErrorCode
	}{
		{fmt.Errorf("get: %w: %w", store.ErrUnavailable, secret), featureflagstore.ErrorCode_UNAVAILABLE},
		{secret, featureflagstore.ErrorCode_UNAVAILABLE},
		{store.ErrClosed, featureflagstore.ErrorCode_UNAVAILABLE},
		{os.ErrDeadlineExceeded, featureflagstore.ErrorCode_UNAVAILABLE},
		{&store.UnreadableError{Name: "x", Err: store.ErrInvalid}, featureflagstore.ErrorCode_UNREADABLE},
	} {
		log := newRecorder()
		flags := &hookedStore{Store: memory.New(), get: func(context.Context, string) error { return c.err }}
		service := newService(t, flags, log)
		_, err := service.Get(t.Context(), "x")
		e := wantCode(t, err, c.want)
		if strings.Contains(e.Message, "10.1.2.3") {
			t.Errorf("the client is told %q", e.Message)
		}
		if errors.Is(c.err, secret) {
			log.await(t, "hunter2")
		}
	}
}

// A store that does not answer costs a call no more than the timeout.
func TestStoreTimeout(t *testing.T) {
	flags := &hookedStore{Store: memory.New(), get: func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	service := newService(t, flags, newRecorder(), WithStoreTimeout(time.Millisecond))
	_, err := service.Get(t.Context(), "x")
	if e := wantCode(t, err, featureflagstore.ErrorCode_UNAVAILABLE); !strings.Contains(e.Message, "in time") {
		t.Error(e.Message)
	}
}

// Create replaces what cannot be read, too.
func TestCreateOverUnreadable(t *testing.T) {
	flags := &unreadableStore{Store: memory.New()}
	if _, err := flags.Store.Put(t.Context(), &store.Flag{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	service := newService(t, flags, newRecorder())
	wantCode(t, service.Set(t.Context(), "x", true), featureflagstore.ErrorCode_UNREADABLE)
	_, err := service.GetStored(t.Context(), "x")
	wantCode(t, err, featureflagstore.ErrorCode_UNREADABLE)
	page, err := service.ListStored(t.Context(), "")
	if err != nil || len(page.Flags) != 1 || page.Flags[0].GetUnreadable() != "torn" || page.Flags[0].Item != nil {
		t.Errorf("ListStored: %v, %v", page, err)
	}
	mustCreate(t, service, "x")
	if f, err := flags.Store.Get(t.Context(), "x"); err != nil || !f.Enabled {
		t.Errorf("after Create: %v, %v", f, err)
	}
}

// An unreadableStore cannot read the flags in it until they are deleted.
type unreadableStore struct {
	*memory.Store
	deleted bool
}

func (s *unreadableStore) Get(ctx context.Context, name string) (*store.Flag, error) {
	f, err := s.Store.Get(ctx, name)
	if err == nil && !s.deleted {
		return nil, &store.UnreadableError{Name: name, Err: errors.New("torn")}
	}
	return f, err
}

func (s *unreadableStore) Delete(ctx context.Context, name string) error {
	s.deleted = true
	return s.Store.Delete(ctx, name)
}

func (s *unreadableStore) List(ctx context.Context) iter.Seq2[*store.Flag, error] {
	return func(yield func(*store.Flag, error) bool) {
		for f, err := range s.Store.List(ctx) {
			if !s.deleted {
				f, err = nil, &store.UnreadableError{Name: f.Name, Err: errors.New("torn")}
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

func TestStored(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	ctx := t.Context()
	const text = `{"unknown": [1.0], "feature_name": "x", "is_enabled": true, "meta": {"created_date": 5, "client_data": {"a":1}, "conditions": [], "bucketer": {"type": "NoOpBucketer"}}}`
	stored, err := service.CompareAndSet(ctx, "x", text, "")
	if err != nil || string(*stored.Item) != text || *stored.Revision == "" {
		t.Fatalf("%v, %v", stored, err)
	}
	_, err = service.CompareAndSet(ctx, "x", text, "")
	wantCode(t, err, featureflagstore.ErrorCode_EXISTS)
	_, err = service.CompareAndSet(ctx, "x", text, "other")
	wantCode(t, err, featureflagstore.ErrorCode_CONFLICT)
	_, err = service.CompareAndSet(ctx, "gone", text, "1")
	wantCode(t, err, featureflagstore.ErrorCode_CONFLICT)
	again, err := service.CompareAndSet(ctx, "x", text, *stored.Revision)
	if err != nil || *again.Revision == *stored.Revision {
		t.Errorf("%v, %v", again, err)
	}
	got, err := service.GetStored(ctx, "x")
	if err != nil || string(*got.Item) != text {
		t.Errorf("%v, %v", got, err)
	}
	if err := service.DeleteStored(ctx, "x"); err != nil {
		t.Error(err)
	}
	wantCode(t, service.DeleteStored(ctx, "x"), featureflagstore.ErrorCode_NOT_FOUND)
	if err := service.Delete(ctx, "x"); err != nil {
		t.Error(err)
	}
}

func TestListStoredPages(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	ctx := t.Context()
	data := featureflagstore.JSON(`"` + strings.Repeat("x", 100<<10) + `"`)
	huge := featureflagstore.JSON(`"` + strings.Repeat("x", pageSize+1) + `"`)
	var want []string
	for i := range 12 {
		name := fmt.Sprintf("%02d", i)
		want = append(want, name)
		text := data
		if i == 5 {
			text = huge
		}
		if _, err := service.Create(ctx, name, true, text); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	first, pages := "", 0
	for {
		page, err := service.ListStored(ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		pages++
		size := 0
		for _, f := range page.Flags {
			got = append(got, *f.FeatureName)
			size += flagSize(f)
		}
		if len(page.Flags) == 0 || len(page.Flags) > 1 && size > pageSize {
			t.Errorf("a page of %d flags, %d bytes", len(page.Flags), size)
		}
		if page.ContinuesAt == nil {
			break
		}
		first = *page.ContinuesAt
	}
	if diff := cmp.Diff(want, got); diff != "" || pages < 6 {
		t.Errorf("%d pages\n%s", pages, diff)
	}
	if page, err := service.ListStored(ctx, "zz"); err != nil || len(page.Flags) != 0 || page.ContinuesAt != nil {
		t.Errorf("beyond the end: %v, %v", page, err)
	}
}

// Clients change the switch and the conditions of one flag while another process
// counts in its created date. Nobody's part is undone by another's.
func TestConcurrentChanges(t *testing.T) {
	flags := memory.New()
	service := newService(t, flags, newRecorder())
	service.now = func() time.Time { return time.Unix(0, 0) }
	_, address := serve(t, service)
	ctx := t.Context()
	mustCreate(t, service, "x")
	const rounds = 100
	var all sync.WaitGroup
	for i, form := range forms {
		client := form.client(dial(t, address))
		all.Go(func() {
			for range rounds {
				if err := client.Set(ctx, "x", i%2 == 0); err != nil {
					t.Error(err)
				}
				meta := &featureflagstore.FeatureFlagStoreMeta{Conditions: []featureflagstore.Condition{{"a": {check("a", "1", nil)}}}}
				if err := client.SetMeta(ctx, "x", meta); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range rounds {
		_, err := store.Update(ctx, flags, "x", func(f *store.Flag) error {
			f.Created = f.Created.Add(time.Second)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	f, err := flags.Get(ctx, "x")
	if err != nil || f.Created.Unix() != rounds || len(f.Conditions) != 1 {
		t.Errorf("%s, %v: want %d seconds and one condition", f.Meta(), err, rounds)
	}
}

// Creating and deleting at the same time ends, with one of the outcomes.
func TestConcurrentCreateAndDelete(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	ctx := t.Context()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				_, err := service.Create(ctx, "x", true, "")
				if err := errors.Join(err, service.Delete(ctx, "x"), service.Set(ctx, "x", true)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := service.Get(ctx, "x"); err != nil {
		t.Error(err) // the last thing that every goroutine did was Set
	}
}

func TestClosedService(t *testing.T) {
	service := newService(t, memory.New(), newRecorder())
	service.Close()
	service.Close()
	_, err := service.Get(t.Context(), "x")
	wantCode(t, err, featureflagstore.ErrorCode_UNAVAILABLE)
	_, err = service.Watch(t.Context(), "", 1000)
	wantCode(t, err, featureflagstore.ErrorCode_UNAVAILABLE)
}
