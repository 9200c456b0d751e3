// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package flipperopenfeature is a provider of Flipper's flags for OpenFeature's Go
// SDK, github.com/open-feature/go-sdk.
//
//	features := flipper.New(flags)
//	err := openfeature.SetProviderAndWait(flipperopenfeature.NewProvider(features))
//	...
//	client := openfeature.NewClient("my-service")
//	if client.Boolean(ctx, "NEW_SEARCH", false, openfeature.NewEvaluationContext("42", nil)) {
//		...
//	}
//
// It is a module of its own: who does not import it does not get the SDK. It is in
// the directory openfeature, and called flipperopenfeature because programs import
// it beside the SDK's package openfeature.
//
// # Answers
//
// The value is that of the variant that the flag serves, and variant and reason are those
// of [flipper.Evaluation]. Flag metadata has the scalars of the flag's client data and,
// where a rule decided, its position from 0 ("rule") and its name ("ruleName"). A disabled
// flag serves its off variant, with the reason DISABLED, whatever the default is; asked
// for as boolean it is false, whatever its type is. With an error the answer is the
// default, and the error code is
//
//	FLAG_NOT_FOUND      there is no such flag
//	PARSE_ERROR         what is stored is no readable flag, its rules cannot be read, or
//	                    its percentage is no number
//	TYPE_MISMATCH       the flag's value is of another type than was asked for
//	INVALID_CONTEXT     an attribute has no form in Flipper, or is of a kind that a
//	                    condition cannot compare
//	PROVIDER_NOT_READY  the store's backend cannot be asked, and never could
//	GENERAL             anything else, such as a backend that is gone
//
// # Evaluation context
//
// Each attribute of the evaluation context becomes an attribute of the same name,
// the targeting key included, which is called targetingKey. Beside that it becomes user_id,
// or what [WithTargetingKey] names, unless the evaluation context or the Go context has that
// attribute itself: a split by user_id needs no option. Attributes that the
// Go context carries (see [flipper.WithAttrs]) and flags that it pins (see
// [flipper.WithPinnedFlags]) count too; of attributes of one name, that of the
// evaluation context wins. The values may be whatever [targeting.ValueOf] takes, and
// [time.Time], which becomes text in RFC 3339 in UTC and whole seconds. For rules the int
// 1, the float 1.0 and the text "1" are one user; the bucketers of Carta's model have them
// in different buckets. Attributes are evaluated in the order of their names.
//
// # State and events
//
// Initialisation waits until flags can be read. From then on, if the client's store
// tells of changes (it is a [store.Watcher]), the provider emits
//
//	PROVIDER_CONFIGURATION_CHANGED  with the names of the flags that changed
//	PROVIDER_STALE                  when the backend is gone, and flags may be old
//	PROVIDER_READY                  when it is back
//	PROVIDER_ERROR                  when the store was closed: the state is FATAL
//
// To follow changes the provider holds all flags in memory.
package flipperopenfeature
