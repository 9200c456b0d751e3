// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package mirror holds all flags of another store in memory, and follows its changes.
//
//	s := mirror.New(thriftrpc.New("flags:9090"))
//	defer s.Close()
//	if err := s.WaitReady(ctx); err != nil {
//		return err
//	}
//	features := flipper.New(s)
//
// Every read is answered from a snapshot, with or without a connection. To hold only the
// flags that are used, see package cached.
//
// # How fresh
//
// The mirror watches the store below, and reads each flag that may have changed. It reads
// all flags when the watch begins, after the watch was lost, and from time to time in any
// case; see [WithFullReadInterval]. A result never replaces one that was read later.
//
// What is written through the mirror is read back before the call returns, so the writer
// sees its own change, or a newer one.
//
// # When the store below fails
//
// Reads go on from the snapshot, however old it is, and [Store.Age] reports its age. The
// mirror logs once when the connection is lost, and once when everything has been read
// again. [WithLastGood] keeps all flags in a file, so that a process can start while the
// store below is down. [WithInitial] covers its very first start.
package mirror
