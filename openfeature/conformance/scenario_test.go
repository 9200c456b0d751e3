// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cucumber/godog"
	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"

	"github.com/flipper-go/flipper"
	flipperopenfeature "github.com/flipper-go/flipper/openfeature"
	"github.com/flipper-go/flipper/openfeature/internal/providertest"
	"github.com/flipper-go/flipper/store/memory"
	"github.com/flipper-go/flipper/targeting"
	"github.com/flipper-go/flipper/targeting/carta"
	"github.com/flipper-go/flipper/targeting/rules"
)

// A scenario is what the steps of one have in common.
type scenario struct {
	t        *testing.T
	name     string
	api      *openfeature.EvaluationAPI
	client   *openfeature.Client
	features *flipper.FeatureFlagClient // of the provider's flags, always within reach
	far      *providertest.FarStore     // nil unless the provider's backend can be lost
	waiting  bool                       // Init waits for the backend
	witness  providertest.Witness
	tracked  []string

	kind, flag string
	otherwise  any
	attributes map[string]any
	options    []openfeature.Option
	details    openfeature.InterfaceEvaluationDetails
	stages     map[string][]openfeature.InterfaceEvaluationDetails // by hook stage
	order      []string
	ctx        context.Context
	levels     []string
	told       map[openfeature.EventType]<-chan providertest.Event
	event      providertest.Event
	original   openfeature.EvaluationContext
}

func (s *scenario) end() error {
	if s.api == nil {
		return nil
	}
	if s.waiting {
		// What the SDK begins in the background could begin after Shutdown.
		s.far.Proxy.Heal()
		if err := s.hasStatus("READY"); err != nil {
			return err
		}
	}
	return s.api.Shutdown(context.Background())
}

func (s *scenario) steps() map[string]any {
	return map[string]any{
		`^an? (stable|not ready|fatal|error|stale) provider$`:                                  s.provider,
		`^a provider is registered$`:                                                           func() error { return s.provider("stable") },
		`^a stable provider with retrievable context is registered$`:                           func() error { return s.provider("stable") },
		`^the provider status should be "([^"]*)"$`:                                            s.hasStatus,
		`^the provider status becomes "([^"]*)"$`:                                              s.hasStatus,
		`^the backend is lost$`:                                                                func() { s.far.Vanish() },
		`^the backend is back$`:                                                                func() { s.far.Proxy.Heal() },
		`^an? (\w+)-flag with key "([^"]*)" and a default value "(.*)"$`:                       s.flagAndDefault,
		`^a context containing a key "([^"]*)", with type "([^"]*)" and with value "([^"]*)"$`: s.attribute,
		`^a context containing a key "([^"]*)" with null value$`:                               func(key string) { s.set(key, nil) },
		`^the flag was evaluated with details( using the evaluation options)?$`:                func(string) { s.evaluate() },
		`^the resolved details value should be "(.*)"$`:                                        func(want string) error { return s.expect("value", want) },
		`^the reason should be "([^"]*)"$`:                                                     func(want string) error { return s.expect("reason", want) },
		`^the error-code should be "([^"]*)"$`:                                                 func(want string) error { return s.expect("error-code", want) },
		`^the flag key should be "([^"]*)"$`:                                                   func(want string) error { return s.expect("flag key", want) },
		`^the variant should be "([^"]*)"$`:                                                    func(want string) error { return s.expect("variant", want) },
		`^the error message should contain "([^"]*)"$`:                                         s.messageContains,
		`^the resolved metadata should contain$`:                                               s.metadataContains,
		`^the resolved metadata is empty$`:                                                     s.metadataIsEmpty,
		`^a client with added hook$`:                                                           s.addHook,
		`^the "([^"]*)" hook should have been executed$`:                                       s.hooksRan,
		`^the "([^"]*)" hooks should be called with evaluation details$`:                       s.hooksSaw,
		`^evaluation options containing specific hooks$`:                                       s.addOptionHooks,
		`^the specified hooks should execute during evaluation$`:                               s.optionHooksRan,
		`^the hook order should be maintained$`:                                                s.optionHooksRan,
		`^[Aa] context entry with key "([^"]*)" and value "([^"]*)"(?: of type "([^"]*)")? is added to the "([^"]*)" level$`:                         s.entry,
		`^A table with levels of increasing precedence$`:                                                                                             s.table,
		`^Context entries for each level from API level down to the "([^"]*)" level, with key "([^"]*)" and value "([^"]*)"(?: of type "([^"]*)")?$`: s.entries,
		`^Some flag was evaluated$`: s.evaluateSome,
		`^The merged context contains an entry with key "([^"]*)" and value "([^"]*)"(?: of type "([^"]*)")?$`: s.merged,
		`^the evaluation context should allow missing "([^"]*)" field$`:                                        s.notMerged,
		`^an evaluation context with modifiable data$`:                                                         s.modifiableContext,
		`^the original evaluation context should remain unmodified$`:                                           s.unmodifiedContext,
		`^the evaluation details should be immutable$`:                                                         s.immutableDetails,
		`^the flag was evaluated with details asynchronously$`:                                                 s.evaluateAsynchronously,
		`^the evaluation should complete without blocking$`:                                                    func() error { return s.expect("flag key", s.flag) },
		`^the result should be equivalent to synchronous evaluation$`:                                          s.sameAgain,
		`^a provider which supports events and requires initialization$`:                                       s.newAPI,
		`^an? (PROVIDER_\w+) handler is attached$`:                                                             s.attach,
		`^the provider is set and succ?ess?f?ully initialized$`:                                                func() error { return s.provider("stable") },
		`^the provider is set and fails to initialize$`:                                                        func() error { return s.provider("error") },
		`^a flag with key "([^"]*)" is modified$`:                                                              s.modify,
		`^the (PROVIDER_\w+) handler must run$`:                                                                s.handlerRan,
		`^the event details must indicate "([^"]*)" was altered$`:                                              s.altered,
		`^an event was tracked with tracking event name "([^"]*)"$`:                                            s.trackEvent,
		`^the tracking provider should have been called with event name "([^"]*)"$`:                            s.wasTracked,
		`^nothing should have been tracked$`:                                                                   func() error { return s.expect("tracked", "") },
		`^the tracking operation shall error$`:                                                                 s.trackingFailed,

		// Of evaluation.feature, whose words are older.
		`^an? (boolean|string|integer|float) flag with key "([^"]*)" is evaluated with (?:details and )?default value "?([^"]*)"?$`: s.evaluateAs,
		`^an (object) flag with key "([^"]*)" is evaluated with (?:details and )?a (null) default value$`:                           s.evaluateAs,
		`^a flag with key "([^"]*)" is evaluated with default value "([^"]*)"$`:                                                     func(flag, otherwise string) error { return s.evaluateAs("string", flag, otherwise) },
		`^a non-existent (string) flag with key "([^"]*)" is evaluated with details and a (?:default|fallback) value "([^"]*)"$`:    s.evaluateAs,
		`^a string flag with key "([^"]*)" is evaluated as an integer, with details and a (?:default|fallback) value (\d+)$`:        func(flag, otherwise string) error { return s.evaluateAs("integer", flag, otherwise) },
		`^the resolved (?:boolean|string|integer|float) (?:value|response) should be "?([^"]*)"?$`:                                  func(want string) error { return s.expect("value", want) },
		`^the resolved (?:boolean|string|integer|float) details value should be "?([^",]*)"?, the variant should be "([^"]*)", and the reason should be "([^"]*)"$`: func(want, variant, reason string) error {
			return errors.Join(s.expect("value", want), s.served(variant, reason))
		},
		`^the variant should be "([^"]*)", and the reason should be "([^"]*)"$`:                                                                                           s.served,
		`^the resolved object (?:details )?value should be contain fields "([^"]*)", "([^"]*)", and "([^"]*)", with values "([^"]*)", "([^"]*)" and (\d+), respectively$`: s.hasFields,
		`^context contains keys "([^"]*)", "([^"]*)", "([^"]*)", "([^"]*)" with values "([^"]*)", "([^"]*)", (\d+), "([^"]*)"$`:                                           s.fourAttributes,
		`^the resolved flag value is "([^"]*)" when the context is empty$`:                                                                                                s.withoutContext,
		`^the default (?:string|integer) value should be returned$`:                                                                                                       func() error { return s.expect("value", fmt.Sprint(s.otherwise)) },
		`^the reason should indicate an error and the error code should indicate a (?:missing flag|type mismatch) with "([^"]*)"$`:                                        func(code string) error { return errors.Join(s.expect("reason", "ERROR"), s.expect("error-code", code)) },
	}
}

// newAPI is the first step, if the scenario attaches handlers before there is a
// provider.
func (s *scenario) newAPI() {
	if s.api == nil {
		s.api = isolated.NewAPI()
		s.client = s.api.NewClient()
		s.ctx = context.Background()
		s.told = map[openfeature.EventType]<-chan providertest.Event{}
		s.stages = map[string][]openfeature.InterfaceEvaluationDetails{}
	}
}

// provider sets a provider in some state: one of flags in memory, or of a mirror of
// a Redis server where the state comes from the backend.
func (s *scenario) provider(state string) error {
	s.newAPI()
	if s.client.State() == openfeature.ReadyState {
		// The background of the specification has set one already.
		if err := s.end(); err != nil {
			return err
		}
		s.api = nil
		s.newAPI()
	}
	inMemory := memory.New()
	s.t.Cleanup(func() { _ = inMemory.Close() })
	flags := flipper.New(inMemory, providertest.Quiet, flipper.WithImpressions(&s.witness, 1))
	s.features = flags
	if state != "fatal" && (state != "stable" || s.name == "The backend goes and comes back") {
		s.far = providertest.NewFarStore(s.t)
		s.features = s.far.Direct
	}
	for name, opts := range specifiedFlags {
		if _, err := s.features.Create(s.t.Context(), name, opts...); err != nil {
			return err
		}
	}
	if state == "not ready" || state == "error" {
		s.far.Vanish()
	}
	if s.far != nil {
		flags = s.far.Mirror(s.t)
	}
	timeout := time.Minute
	if state == "error" {
		timeout = 10 * time.Millisecond
	}
	provider := flipperopenfeature.NewProvider(flags, flipperopenfeature.WithInitTimeout(timeout),
		flipperopenfeature.WithTracking(func(_ context.Context, event string, _ openfeature.EvaluationContext, _ openfeature.TrackingEventDetails) {
			s.tracked = append(s.tracked, event)
		}))
	switch state {
	case "not ready":
		s.waiting = true
		return s.api.SetProvider(s.ctx, provider)
	case "error", "fatal":
		if state == "fatal" {
			_ = inMemory.Close()
		}
		if err := s.api.SetProviderAndWait(s.ctx, provider); err == nil {
			return errors.New("Init did not fail")
		}
		return nil
	}
	if err := s.api.SetProviderAndWait(s.ctx, provider); err != nil {
		return err
	}
	if state == "stale" {
		s.far.Vanish()
		return s.hasStatus("STALE")
	}
	return nil
}

var on = flipper.WithEnabled(true)

// specifiedFlags are those of the specification's test-flags.json, with its variants and
// rules, and some of our own.
var specifiedFlags = map[string][]flipper.CreateOption{
	"boolean-flag":               {on},
	"boolean-disabled-flag":      nil,
	"boolean-zero-flag":          {on, serves("zero", zeroes["boolean"])},
	"boolean-targeted-zero-flag": {on, serves("zero", zeroes["boolean"], ballmer)},
	"string-flag":                {on, serves("greeting", values{"greeting": "hi", "parting": "bye"})},
	"string-disabled-flag":       {serves("greeting", values{"greeting": "hi", "off": "bye"})},
	"string-zero-flag":           {on, serves("zero", zeroes["string"])},
	"string-targeted-zero-flag":  {on, serves("zero", zeroes["string"], ballmer)},
	"integer-flag":               {on, serves("ten", values{"one": 1, "ten": 10})},
	"integer-disabled-flag":      {serves("ten", values{"off": 1, "ten": 10})},
	"integer-zero-flag":          {on, serves("zero", zeroes["integer"])},
	"integer-targeted-zero-flag": {on, serves("zero", zeroes["integer"], ballmer)},
	"float-flag":                 {on, serves("half", values{"tenth": 0.1, "half": 0.5})},
	"float-disabled-flag":        {serves("half", values{"off": 0.1, "half": 0.5})},
	"float-zero-flag":            {on, serves("zero", zeroes["float"])},
	"float-targeted-zero-flag":   {on, serves("zero", zeroes["float"], ballmer)},
	"object-flag":                {on, serves("template", values{"empty": object{}, "template": pictures})},
	"object-disabled-flag":       {serves("template", values{"off": object{"a": 1}, "template": pictures})},
	"object-zero-flag":           {on, serves("zero", zeroes["object"])},
	"object-targeted-zero-flag":  {on, serves("zero", zeroes["object"], ballmer)},
	"context-aware":              {on, serves("external", audiences, rules.Rule{If: rules.All(rules.Is("customer", false)), Serve: "internal"})},
	"complex-targeted": {on, serves("external", audiences, rules.Rule{If: rules.All(rules.Is("email", "ballmer@macrosoft.com"),
		rules.Is("role", "admin"), rules.GreaterOrEqual("age", 65), rules.Is("customer", false)), Serve: "internal"})},
	// One suite asks for it as a string, another as an int, and both want a mismatch.
	"wrong-flag": {on},
	"async-flag": {on}, "changing-flag": nil,
	"metadata-flag": {on, flipper.WithClientData(object{"string": "1.0.2", "integer": 2, "float": 0.1, "double": 0.1, "boolean": true})},

	"disabled-flag": nil,
	"whole-flag":    {on, serves("seven", values{"seven": 7.0})},
	"list-flag":     {on, serves("two", values{"two": []any{"a", 1}})},
	"email-flag":    {on, flipper.WithConditions(carta.NewCondition(carta.Equal("email", "a@example.com")))},
	"adults-flag":   {on, flipper.WithConditions(carta.NewCondition(carta.Equal("email", "a@example.com"), carta.GreaterOrEqual("age", 18)))},
	"nobody-flag":   {on, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(0), "user_id"))},
	"everyone-flag": {on, flipper.WithBucketer(carta.NewConsistentHashBucketer(carta.FixedPercentage(1), "user_id"))},
	"split-flag": {on, serves("greeting", values{"greeting": "hi", "parting": "bye"},
		rules.Rule{Split: rules.Percent("user_id", 100, "parting")})},
}

type (
	values map[string]any // by variant
	object = map[string]any
)

var (
	pictures  = object{"showImages": true, "title": "Check out these pics!", "imagesPerPage": 100}
	audiences = values{"internal": "INTERNAL", "external": "EXTERNAL"}
	zeroes    = map[string]values{
		"boolean": {"zero": false, "non-zero": true},
		"string":  {"zero": "", "non-zero": "str"},
		"integer": {"zero": 0, "non-zero": 1},
		"float":   {"zero": 0.0, "non-zero": 1.0},
		"object":  {"zero": object{}, "non-zero": pictures},
	}
	ballmer = rules.Rule{If: rules.All(rules.Is("email", "ballmer@macrosoft.com")), Serve: "zero"}
)

// serves returns the option for a flag of these values. Its off variant is the one called
// off, or else the default.
func serves(byDefault string, of values, asked ...rules.Rule) flipper.CreateOption {
	d := rules.Definition{Default: byDefault, Off: byDefault, Rules: asked}
	if _, ok := of["off"]; ok {
		d.Off = "off"
	}
	for _, name := range slices.Sorted(maps.Keys(of)) {
		value, err := targeting.ValueOf(of[name])
		if err != nil {
			panic(err)
		}
		d.Variants = append(d.Variants, targeting.Variant{Name: name, Value: value})
	}
	return flipper.WithRules(d)
}

func (s *scenario) hasStatus(want string) error {
	for deadline := time.Now().Add(providertest.Patience); string(s.client.State()) != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("the state is %s, want %s", s.client.State(), want)
		}
	}
	return nil
}

// typed returns the value of a text of some type.
func typed(kind, text string) (any, error) {
	switch strings.ToLower(kind) {
	case "boolean":
		return strconv.ParseBool(text)
	case "integer":
		return strconv.ParseInt(text, 10, 64)
	case "float", "double":
		return strconv.ParseFloat(text, 64)
	case "object":
		var v any
		err := json.Unmarshal([]byte(strings.ReplaceAll(text, `\"`, `"`)), &v)
		return v, err
	}
	return text, nil
}

func (s *scenario) flagAndDefault(kind, flag, otherwise string) (err error) {
	s.kind, s.flag = strings.ToLower(kind), flag
	s.otherwise, err = typed(kind, otherwise)
	return err
}

func (s *scenario) evaluateAs(kind, flag, otherwise string) error {
	if err := s.flagAndDefault(kind, flag, otherwise); err != nil {
		return err
	}
	s.evaluate()
	return nil
}

func (s *scenario) served(variant, reason string) error {
	return errors.Join(s.expect("variant", variant), s.expect("reason", reason))
}

func (s *scenario) hasFields(key1, key2, key3, value1, value2, value3 string) error {
	want := fmt.Sprintf("{%q: %s, %q: %q, %q: %s}", key1, value1, key2, value2, key3, value3)
	return s.expect("value", want)
}

// fourAttributes sets attributes whose types the step leaves open: the SDK's own test
// takes true and false for booleans.
func (s *scenario) fourAttributes(key1, key2, key3, key4, value1, value2, value3, value4 string) error {
	for key, text := range map[string]string{key1: value1, key2: value2, key4: value4} {
		s.set(key, text)
		if value, err := strconv.ParseBool(text); err == nil {
			s.set(key, value)
		}
	}
	return s.attribute(key3, "integer", value3)
}

func (s *scenario) withoutContext(want string) error {
	s.attributes = nil
	s.evaluate()
	return s.expect("value", want)
}

func (s *scenario) set(key string, value any) {
	if s.attributes == nil {
		s.attributes = map[string]any{}
	}
	s.attributes[key] = value
}

func (s *scenario) attribute(key, kind, text string) error {
	value, err := typed(kind, text)
	s.set(key, value)
	return err
}

func (s *scenario) evaluate() { s.details = s.evaluateOnce() }

func (s *scenario) evaluateOnce() openfeature.InterfaceEvaluationDetails {
	in := openfeature.NewTargetlessEvaluationContext(s.attributes)
	if key, ok := s.attributes[openfeature.TargetingKey].(string); ok {
		in = openfeature.NewEvaluationContext(key, s.attributes)
	}
	switch otherwise := s.otherwise.(type) {
	case bool:
		d, err := s.client.BooleanValueDetails(s.ctx, s.flag, otherwise, in, s.options...)
		return s.checked(d.Value, d.EvaluationDetails, err)
	case int64:
		d, err := s.client.IntValueDetails(s.ctx, s.flag, otherwise, in, s.options...)
		return s.checked(d.Value, d.EvaluationDetails, err)
	case float64:
		d, err := s.client.FloatValueDetails(s.ctx, s.flag, otherwise, in, s.options...)
		return s.checked(d.Value, d.EvaluationDetails, err)
	case string:
		d, err := s.client.StringValueDetails(s.ctx, s.flag, otherwise, in, s.options...)
		return s.checked(d.Value, d.EvaluationDetails, err)
	}
	d, err := s.client.ObjectValueDetails(s.ctx, s.flag, s.otherwise, in, s.options...)
	return s.checked(d.Value, d.EvaluationDetails, err)
}

func (s *scenario) checked(value any, details openfeature.EvaluationDetails, err error) openfeature.InterfaceEvaluationDetails {
	if (err != nil) != (details.ErrorCode != "") {
		s.t.Errorf("%s: %+v, but the error is %v", s.name, details, err)
	}
	return openfeature.InterfaceEvaluationDetails{Value: value, EvaluationDetails: details}
}

// wanted returns what is to be expected of the provider, given what the specification
// expects of its own.
func (s *scenario) wanted(field, want string) string {
	for _, d := range differences {
		if answer, ok := d.answers[field]; ok && d.scenario == s.name {
			return answer
		}
	}
	if field == "value" {
		if value, err := typed(s.kind, want); err == nil {
			return written(value)
		}
	}
	return want
}

// written returns a value as JSON. A float that is no part of an object says that it is one.
func written(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	if _, ok := value.(float64); ok {
		return "float " + string(text)
	}
	return string(text)
}

func (s *scenario) expect(field, want string) error {
	got := map[string]string{
		"value": written(s.details.Value), "reason": string(s.details.Reason), "error-code": string(s.details.ErrorCode),
		"variant": s.details.Variant, "flag key": s.details.FlagKey, "tracked": map[int]string{1: "one"}[len(s.tracked)],
	}[field]
	if want = s.wanted(field, want); got != want {
		return fmt.Errorf("%s is %q, want %q: %+v", field, got, want, s.details)
	}
	return nil
}

func (s *scenario) messageContains(part string) error {
	if !strings.Contains(s.details.ErrorMessage, part) {
		return fmt.Errorf("the message is %q", s.details.ErrorMessage)
	}
	return nil
}

func (s *scenario) metadataContains(table *godog.Table) error {
	for _, row := range table.Rows[1:] {
		want, err := typed(row.Cells[1].Value, row.Cells[2].Value)
		if err != nil {
			return err
		}
		if got := s.details.FlagMetadata[row.Cells[0].Value]; got != want {
			return fmt.Errorf("metadata %s is %v, want %v", row.Cells[0].Value, got, want)
		}
	}
	return nil
}

func (s *scenario) metadataIsEmpty() error {
	if len(s.details.FlagMetadata) > 0 {
		return fmt.Errorf("metadata is %v", s.details.FlagMetadata)
	}
	return nil
}

// A stageHook notes what hooks are told.
type stageHook struct {
	name string
	s    *scenario
}

func (h stageHook) note(stage string, details openfeature.InterfaceEvaluationDetails) {
	h.s.stages[stage] = append(h.s.stages[stage], details)
	h.s.order = append(h.s.order, strings.TrimSpace(stage+" "+h.name))
}

func (h stageHook) Before(context.Context, openfeature.HookContext, openfeature.HookHints) (*openfeature.EvaluationContext, error) {
	h.note("before", openfeature.InterfaceEvaluationDetails{})
	return nil, nil
}

func (h stageHook) After(_ context.Context, _ openfeature.HookContext, details openfeature.InterfaceEvaluationDetails, _ openfeature.HookHints) error {
	h.note("after", details)
	return nil
}

func (h stageHook) Error(context.Context, openfeature.HookContext, error, openfeature.HookHints) {
	h.note("error", openfeature.InterfaceEvaluationDetails{})
}

func (h stageHook) Finally(_ context.Context, _ openfeature.HookContext, details openfeature.InterfaceEvaluationDetails, _ openfeature.HookHints) {
	h.note("finally", details)
}

func (s *scenario) addHook() { s.client.AddHooks(stageHook{"", s}) }

func (s *scenario) hooksRan(stages string) error {
	for stage := range strings.SplitSeq(stages, ", ") {
		if len(s.stages[stage]) != 1 {
			return fmt.Errorf("%s ran %d times: %v", stage, len(s.stages[stage]), s.order)
		}
	}
	return nil
}

func (s *scenario) hooksSaw(stages string, table *godog.Table) error {
	if err := s.hooksRan(stages); err != nil {
		return err
	}
	evaluated := s.details
	defer func() { s.details = evaluated }()
	fields := map[string]string{"flag_key": "flag key", "value": "value", "variant": "variant", "reason": "reason", "error_code": "error-code"}
	for stage := range strings.SplitSeq(stages, ", ") {
		s.details = s.stages[stage][0]
		for _, row := range table.Rows[1:] {
			want := row.Cells[2].Value
			if want == "None" {
				want = ""
			}
			if err := s.expect(fields[row.Cells[1].Value], want); err != nil {
				return fmt.Errorf("%s: %w", stage, err)
			}
		}
	}
	return nil
}

func (s *scenario) addOptionHooks() {
	s.options = append(s.options, openfeature.WithHooks(stageHook{"first", s}, stageHook{"second", s}))
}

func (s *scenario) optionHooksRan() error {
	got := slices.DeleteFunc(slices.Clone(s.order), func(call string) bool { return !strings.Contains(call, " ") })
	want := []string{"before first", "before second", "after second", "after first", "finally second", "finally first"}
	if !slices.Equal(got, want) {
		return fmt.Errorf("hooks ran in the order %v", got)
	}
	return nil
}

// A contextHook adds to the evaluation context.
type contextHook struct {
	openfeature.UnimplementedHook
	adds openfeature.EvaluationContext
}

func (h contextHook) Before(context.Context, openfeature.HookContext, openfeature.HookHints) (*openfeature.EvaluationContext, error) {
	return &h.adds, nil
}

func (s *scenario) entry(key, text, kind, level string) error {
	value, err := typed(kind, text)
	if err != nil {
		return err
	}
	adds := openfeature.NewTargetlessEvaluationContext(map[string]any{key: value})
	if key == openfeature.TargetingKey {
		adds = openfeature.NewTargetlessEvaluationContext(nil)
		adds = openfeature.NewEvaluationContext(text, adds.Attributes())
	}
	switch level {
	case "API":
		s.api.SetEvaluationContext(s.plus(level, adds))
	case "Transaction":
		s.ctx = openfeature.MergeTransactionContext(s.ctx, adds)
	case "Client":
		s.client.SetEvaluationContext(s.plus(level, adds))
	case "Invocation":
		s.set(key, value)
	case "Before Hooks":
		s.client.AddHooks(contextHook{adds: adds})
	default:
		return fmt.Errorf("unknown level %q", level)
	}
	return nil
}

// plus returns the context of a level with what is added: a level can only be set.
func (s *scenario) plus(level string, adds openfeature.EvaluationContext) openfeature.EvaluationContext {
	all := map[string]any{}
	if level == "Client" {
		all = s.client.EvaluationContext().Attributes()
	}
	maps.Copy(all, adds.Attributes())
	return openfeature.NewEvaluationContext(adds.TargetingKey(), all)
}

func (s *scenario) table(table *godog.Table) {
	for _, row := range table.Rows {
		s.levels = append(s.levels, row.Cells[0].Value)
	}
}

func (s *scenario) entries(last, key, _, kind string) error {
	for _, level := range s.levels {
		if err := s.entry(key, level, kind, level); err != nil || level == last {
			return err
		}
	}
	return fmt.Errorf("there is no level %q", last)
}

func (s *scenario) evaluateSome() error {
	if err := s.flagAndDefault("boolean", "boolean-flag", "false"); err != nil {
		return err
	}
	s.evaluate()
	return s.expect("value", "true")
}

// merged looks at the attributes that the flag was evaluated with.
func (s *scenario) merged(key, text, kind string) error {
	want, err := typed(kind, text)
	if err != nil {
		return err
	}
	for _, attr := range s.witness.Attrs {
		if attr.Name == key && attr.Value.Any() == want {
			return nil
		}
	}
	return fmt.Errorf("no %s=%v in %s", key, want, &s.witness)
}

func (s *scenario) notMerged(key string) error {
	for _, attr := range s.witness.Attrs {
		if attr.Name == key {
			return fmt.Errorf("there is %s", &s.witness)
		}
	}
	return nil
}

func (s *scenario) modifiableContext() {
	s.set("list", []any{1, 2})
	s.set("object", map[string]any{"a": 1})
	s.original = openfeature.NewTargetlessEvaluationContext(s.attributes)
}

func (s *scenario) unmodifiedContext() error {
	if got, want := fmt.Sprint(s.original.Attributes()), "map[list:[1 2] object:map[a:1]]"; got != want {
		return fmt.Errorf("the context is %s, want %s", got, want)
	}
	return nil
}

// immutableDetails modifies the details of one evaluation: the next must not have it.
func (s *scenario) immutableDetails() error {
	s.details.FlagMetadata["added"] = true
	s.evaluate()
	return s.metadataIsEmpty()
}

func (s *scenario) evaluateAsynchronously() {
	done := make(chan openfeature.InterfaceEvaluationDetails, 1)
	go func() { done <- s.evaluateOnce() }()
	s.details = providertest.Receive(s.t, done)
}

func (s *scenario) sameAgain() error {
	before := fmt.Sprintf("%+v", s.details)
	s.evaluate()
	if after := fmt.Sprintf("%+v", s.details); before != after {
		return fmt.Errorf("%s, then %s", before, after)
	}
	return nil
}

func (s *scenario) attach(kind string) {
	s.told[openfeature.EventType(kind)] = providertest.Events(s.api, openfeature.EventType(kind))
}

func (s *scenario) modify(flag string) error {
	if s.features == nil { // the specification leaves it to us when to set the provider
		if err := s.provider("stable"); err != nil {
			return err
		}
	}
	return s.features.Enable(s.ctx, flag)
}

func (s *scenario) handlerRan(kind string) {
	s.event = providertest.Receive(s.t, s.told[openfeature.EventType(kind)])
}

func (s *scenario) altered(flag string) error {
	if !slices.Equal(s.event.FlagChanges, []string{flag}) {
		return fmt.Errorf("%+v", s.event)
	}
	return nil
}

func (s *scenario) trackEvent(name string) {
	s.client.Track(s.ctx, name, openfeature.EvaluationContext{}, openfeature.NewTrackingEventDetails(1))
}

func (s *scenario) wasTracked(name string) error {
	if !slices.Equal(s.tracked, []string{name}) {
		return fmt.Errorf("tracked %q", s.tracked)
	}
	return nil
}

// trackingFailed expects an error that the SDK's Track does not return.
func (s *scenario) trackingFailed() error { return s.expect("error of tracking", "some") }
