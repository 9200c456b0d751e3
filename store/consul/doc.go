// Copyright The Flipper Authors
// SPDX-License-Identifier: Apache-2.0

// Package consul keeps flags in Consul's key-value store, shared with Carta's
// Python client: same keys, same JSON. Import it as consulstore.
//
//	client, err := api.NewClient(api.DefaultConfig())
//	...
//	flags, err := consulstore.New(client)
//	...
//	defer flags.Close()
//	features := flipper.New(flags)
//
// The store holds all flags in memory, so that a check costs no more than on a
// store in memory. It begins to fetch them when it is first read; until it has
// them, reads ask the server. See [Store.WaitReady].
//
// # Freshness
//
// One blocking query tells of changes, whoever makes them, whatever the number of
// flags. Its answer is a few hundred bytes. Then all flags are fetched, which
// Consul does not offer in parts; so after a fetch, the next one waits for
// [WithMinInterval] or three times as long as the fetch took, whichever is longer,
// but not for more than half a second on account of the latter. This is for a few
// thousand flags, not for a hundred thousand: 10,000 small ones are five megabytes
// for each change, to each process. (Go's HTTP transport asks for compression,
// which costs more time than it saves where the agent is on the same machine: see
// DisableCompression of [net/http.Transport].)
//
// Where no flag is stored yet, or another base key begins with this one
// ("features" and "features-old"), other keys' changes wake the store too. It
// then waits for up to a quarter of a second before it looks again, and a change
// of a flag may have to wait as long.
//
// What a store has written is what it reads from then on. Flags that are deleted,
// by anyone, are gone as fast as others change.
//
// # Consistency
//
// Flags are fetched in Consul's consistent mode, which includes every change that
// was acknowledged before: it lets the store tell its own writes apart from what
// it is told late, and costs little since reads do not come from there. The
// question for changes is asked in default mode. Stale mode is not used: a client
// that moves from one server to another would go back in time.
//
// # Failure
//
// While the server cannot be reached or the cluster has no leader, reads answer
// what the server said last, at once; [Store.Age] tells how old that is, and
// [Store.Watch] and the log tell that it is so. The server is asked again after
// half a second at most, with jitter, and everything is read anew.
//
// An agent that hangs is noticed after [WithWait] and a little more than two
// seconds; until then the flags pass for current. When a leader hangs, and the
// agents do not notice, it may take as much longer as the election of another one.
//
// A Consul that has lost its data has no flags: the store follows it in that too.
//
// Writes end at their context's deadline, or after [WithTimeout]. Those that fail
// with [store.ErrUnavailable] may have been done.
//
// A token that may not read the keys is an error, not an empty list. It needs
//
//	key_prefix "features/" { policy = "write" } // or "read"
//
// # What can be stored
//
// A value has 512 KiB at most, which is Consul's limit. Those above about 370 KiB
// do not fit into a transaction, and take two round trips to write.
//
// Names must get through Consul's HTTP interface: it takes "/a", "a//b", "./a" and
// "a/../b" for other keys, and refuses characters that are not printable. They are
// refused with [store.ErrInvalidName]. What others have put under such keys is
// ignored, and so are empty values, as in the Python client.
//
// # Other writers
//
// Writes compare Consul's ModifyIndex, so writers of this module lose nothing
// among themselves. A writer that does not compare, such as the Python client or
// `consul kv put`, overwrites what was written since it has read the flag, if it
// has read it at all.
//
// The Python client's processes never notice that a flag was deleted, and follow
// no change any more once there is a value that they cannot read. Disable a flag
// before you delete it.
package consul
