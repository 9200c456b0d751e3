// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package mirror holds all flags of another store in memory, and follows their
// changes.
//
//	s := mirror.New(thriftrpc.New("flags:9090"))
//	defer s.Close()
//	if err := s.WaitReady(ctx); err != nil {
//		return err
//	}
//	features := flipper.New(s)
//
// Every read is answered from a snapshot, with or without a connection. To hold
// only what is asked for, use package cached.
//
// # How fresh
//
// The mirror watches the store below, and reads again what that tells of. When
// the watch begins, and whenever it was lost, everything is read; so it is from
// time to time in any case, see [WithFullReadInterval]. What a read gives counts
// only if nothing that was read later is there already.
//
// What is written through the mirror is read back before the call returns, so
// that the writer sees that or something newer.
//
// # When the store below fails
//
// Reads go on from the snapshot, however old it is; [Store.Age] tells its age, and
// the logger is told once when the connection is lost and once when everything
// was read again. With [WithLastGood] all flags are kept in a file, from which a
// process can start while the store below cannot be asked; with [WithInitial] it
// can start for the first time then.
package mirror
