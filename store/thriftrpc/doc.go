// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package thriftrpc keeps flags in a flag service somewhere else, over Thrift.
//
//	s := thriftrpc.New("flags:9090")
//	defer s.Close()
//
// The service is `flipper serve`, or a program with this module's package thrift,
// or any other server of Carta's FeatureFlagStore interface, which is called a
// foreign service here.
//
// Reads go over the network: wrap the store in package cached or mirror where
// they are many.
//
// # Failure
//
// A call ends at its context's deadline, or after [WithTimeout] if that has none,
// and at once when its context is cancelled. The error says which service and
// what to do; it matches [store.ErrUnavailable], and what is below it: the
// context's error, [context.DeadlineExceeded] when the time was up, or the
// network's. Answers of the service that make no sense, are too large, or are
// about something else are errors too.
//
// A read that finds its connection dead is tried once more on a new one. A write
// never is, once something was sent. A write that fails with such an error may
// have been done, and a later one may then meet [store.ErrConflict] or
// [store.ErrExists]: read the flag to know.
//
// # Foreign services
//
// This module's service has methods beside the six that the Python client calls.
// A service that answers UNKNOWN_METHOD to one of them is used with the six, until
// a connection to it is lost: then it is asked again, since it may have been
// upgraded. A message is logged, because it can do less:
//
//   - Put and Delete are not atomic. Put reads the flag, compares, and then writes:
//     it can overwrite what another client wrote in between, or make a flag anew
//     that was deleted in between, and two creations can both succeed. What it
//     writes are the parts that changed: Create or Set for the switch, SetMeta for
//     all the rest. If it fails half way, part is written; a flag that is turned
//     off is so first, and one that is turned on is so last.
//   - Fields of the stored form that this module does not know do not get through.
//     The creation date is one of the service's if the flag has none.
//   - The order of variables in a condition gets lost, and so do conditions and
//     variables without checks. How checks are grouped into conditions is up to
//     the service. All conditions must hold, so none of this changes an answer,
//     save that a flag whose only conditions are empty has none.
//   - A revision is a hash of what the service shows of a flag. It does not change
//     when a flag is changed back.
//   - Flags that the service itself cannot read are not [store.ErrUnreadable]: it
//     fails, and the error matches [store.ErrUnavailable].
//   - List fetches all flags in one message: see [WithMaxMessageSize].
//   - [Store.Watch] ends with [ErrNoWatch].
package thriftrpc
