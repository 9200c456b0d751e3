// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package thrift serves flags to clients of any language: it is the service that
// Carta's Python flipper-client speaks to, over any [store.Store].
//
//	service := thrift.NewService(memory.New())
//	defer service.Close()
//	server := thrift.NewServer(service)
//	listener, err := net.Listen("tcp", "127.0.0.1:9090")
//	...
//	err = server.Serve(listener)
//
// # What is served
//
// The six methods of the Python client behave as the Python stores do. What is
// added (flags in their stored form, compare-and-set, a watch by long poll) is
// what package store/thriftrpc uses; a client of the six never notices. See
// feature_flag_store.thrift in this directory, from which clients in other
// languages are generated.
//
// One port serves the buffered and the framed transport, and the binary and the
// compact protocol: the first bytes of each message tell. The old header of the
// binary protocol, without a version, is refused, as the Python server does.
//
// # Limits
//
// Whoever can connect is served; there is no authentication but client
// certificates ([WithTLS]). What a client can cost is bounded:
//
//   - One message: [WithMaxMessageSize], [WithMaxElements]. A message over these
//     is answered with INVALID, up to [WithMaxRefusedSize].
//   - All messages together: [WithMaxPending]. A message of a few kilobytes,
//     which is what a client sends as a rule, is not held to it.
//   - Connections: [WithMaxConnections]. At the limit, and when the process
//     has no file descriptors left, the connection idle longest makes room for
//     the next, those that never made a call first.
//   - Replies that are kept ready, about flags that the store has in memory:
//     8 MiB.
//   - Time: [WithReadTimeout], [WithWriteTimeout], [WithIdleTimeout],
//     [WithStoreTimeout].
//
// Each refusal is logged, with the reason and the client's address, at most
// once per second and reason.
//
// # Metrics
//
// [WithObserver] sets who is told of calls, how they ended and how long they took,
// and of connections. [WithChangeHandler] sets who is told of each change of a flag,
// and of the client that made it.
package thrift

//go:generate ./generate.sh
