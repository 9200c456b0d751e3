// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package redis keeps flags in Redis, where Carta's Python client keeps them too:
// same keys, same JSON. Import it under the name redisstore:
//
//	import (
//		"github.com/redis/go-redis/v9"
//		redisstore "github.com/flipper-go/flipper/store/redis"
//	)
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
//	flags, err := redisstore.New(client)
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer flags.Close()
//	features := flipper.New(flags)
//
// It works with one server ([redis.NewClient]), with Sentinel
// ([redis.NewFailoverClient]) and with a cluster ([redis.NewClusterClient]), with
// TLS, ACL users and any database number, over RESP2 and RESP3. It was tested with
// Redis 7.0.
//
// Each Get asks the server. An application that checks flags often puts a copy in
// between, which [Store.Watch] keeps fresh: package mirror, or package cached.
//
// When more than a few callers ask at once, they share round trips: the keys of
// those who come while reads are under way go into the next one, in a pipeline.
// Nobody waits for others to come, and nobody gets what was read before it asked.
// A shared read has the context of none of its callers, and the client's hooks do
// not see Gets, see [WithReadHooks].
//
// # What is stored
//
// The flag NAME is the string at the key "features/NAME", or with another base key
// instead of "features" ([WithBaseKey]). There is nothing else: no index, no
// expiry, no revision. A flag's Revision is a hash of the bytes stored, so that it
// also works for what Python, or a person with redis-cli, has written. An empty
// value is no flag. A key of another type is an unreadable flag.
//
// # Writers that do not compare
//
// A change is made by a Lua script that compares and sets in one step (by WATCH,
// MULTI and EXEC if the user may not run scripts), so that writers that use this
// package never undo each other. Python's client does not compare: it reads the
// flag, changes it, and sets it. It can overwrite a change that was made between
// its two steps, a kill switch too. What it writes itself is never lost unseen: a
// change of ours that was based on what was there before conflicts, and is made
// anew on top of it.
//
// Writes are sent once, even if the client is configured to try again: after a
// lost reply, a second attempt would find the first one's value, and take its own
// success for somebody else's. So a write whose reply is lost fails with
// [store.ErrUnavailable] and may have been done. Since a revision is a hash of the
// content, a flag that was changed and changed back has its old revision again.
//
// # Learning of changes
//
// Watch has the server announce changes of keys under the base key ("CLIENT
// TRACKING ... BCAST"), whoever makes them: also expiry, eviction, RENAME,
// FLUSHALL, and writers of other databases of the same server, which is harmless.
// It needs no configuration, Redis 6 or newer, and one connection to each master
// for each loop over Watch. It follows failovers and the moving of slots, and
// notices within two seconds a server that hangs.
//
// An ACL user needs, besides the commands on the keys (get, mget, scan, set, del,
// evalsha, eval; watch, multi and exec in place of scripts), client|tracking, info
// and ping; with RESP2 also client|id, subscribe and the channel
// __redis__:invalidate; on a cluster cluster|slots and, for complete listings
// while slots move, cluster|nodes.
//
// Where the server refuses, for example because it is older than 6, Watch asks
// for changes at intervals instead ([WithPollInterval]), and says so in the log
// once.
//
// # Failure
//
// Calls fail with an error that matches [store.ErrUnavailable] and wraps the
// cause. They return when their context ends, whatever the client's settings; a
// command that was sent goes on in the background until the client's own time
// limits, and uses one of its connections until then. Without a deadline, a call
// takes as long as the client's limits and retries allow.
//
// A Get does not go to the background for a server that answers soon: its first
// attempt is the caller's own, and has a limit of 100 milliseconds (or the client's
// ReadTimeout, if that is shorter). If the server hangs just then, a caller whose
// context is canceled notices after that time; one with a deadline that is nearer
// does not wait for it.
//
// go-redis writes a line to standard error for each failed attempt to connect, unless
// the program decides otherwise: see [SetClientLogger].
//
// Redis acknowledges a write before its replicas and its disk have it. A failover,
// or a restart without an append-only file, can lose the last changes; then
// everyone sees the flags as the server has them.
package redis
