// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package httpapi keeps flags in a Flipper server that is reached over HTTP: the address
// of "flipper serve --api".
//
//	flags, err := httpapi.New("https://flags.example", httpapi.WithToken(os.Getenv("FLIPPER_TOKEN")))
//	if err != nil {
//		return err
//	}
//	defer flags.Close()
//	features := flipper.New(mirror.New(flags))
//
// It is for networks that let nothing but HTTP through. Where Thrift gets through,
// package thriftrpc does the same.
//
// Each read asks the server. Put package mirror around the store, which holds all flags
// in memory and follows their changes, or package cached.
//
// # Tokens
//
// The token's role has to be read, or write to change flags. It is sent to the address of
// the store and nowhere else: the store follows no redirects. Over http:// everybody on
// the way can read it, so use https:// beyond your own machine.
//
// # Failure
//
// Calls fail with an error that matches [store.ErrUnavailable] if the server cannot be
// reached, does not answer within [WithTimeout], or does not accept the token. A write
// that fails so may have been done. The store never sends a write twice.
package httpapi
