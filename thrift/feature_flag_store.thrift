/*
 * Copyright The Flipper Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flag service: what Carta's Python flipper-client calls, and what this
 * project adds to it. Run `make generate` after a change.
 */

namespace java com.carta.flipper
namespace go featureflagstore

/** JSON text, as Python's json module reads and writes it. */
typedef string JSON

enum ErrorCode {
  /** There is no flag of that name. */
  NOT_FOUND = 0

  /* Added: only the added methods answer with these, or where the six would fail anyway. */

  /** There is a flag of that name already. */
  EXISTS = 1
  /** The flag was changed or deleted after the revision given. */
  CONFLICT = 2
  /** An argument cannot be stored; the message says which and why. */
  INVALID = 3
  /** What is stored under that name cannot be read. */
  UNREADABLE = 4
  /** The service cannot do this now: its store failed, or it is stopping. */
  UNAVAILABLE = 5
  /** The service's store cannot do this at all. */
  UNSUPPORTED = 6
}

exception FlipperException {
  1: optional ErrorCode code
  2: optional string message = ""
}

struct ConditionOperator {
  /** One of ne gt gte lt lte in not_in; left out for equality. */
  1: optional string symbol
}

struct ConditionCheck {
  1: optional string variable
  2: optional JSON value
  3: optional ConditionOperator operator
}

/** Checks by variable. */
typedef map<string, list<ConditionCheck>> Condition

struct FeatureFlagStoreMeta {
  /** Seconds since 1970. */
  1: optional i64 created_date
  2: optional JSON client_data
  3: optional list<Condition> conditions
  4: optional JSON bucketer
}

struct FeatureFlagStoreItem {
  1: optional string feature_name
  2: optional bool is_enabled
  3: optional FeatureFlagStoreMeta meta
}

/* Added. */

/** A flag as it is stored, with nothing lost. */
struct StoredFlag {
  1: optional string feature_name
  /** The stored form, as it lies in Redis and Consul; left out if it is unreadable. */
  2: optional JSON item
  /** Identifies this state of the flag; changes with every write. */
  3: optional string revision
  /** Why the stored form is unreadable. */
  4: optional string unreadable
}

struct FlagPage {
  1: optional list<StoredFlag> flags
  /** Where the next page begins; left out on the last one. */
  2: optional string continues_at
}

struct FlagChanges {
  /** Where the next call is to continue. */
  1: optional string position
  /** Any flag may have changed; the position given was unknown or too old. */
  2: optional bool everything
  /** The flags that may have changed, been created or deleted. */
  3: optional list<string> feature_names
}

service FeatureFlagStore {
  /** Makes a flag, in place of one that is there. */
  FeatureFlagStoreItem Create(1: string feature_name, 2: bool is_enabled, 3: JSON client_data)
    throws (1: FlipperException error)

  FeatureFlagStoreItem Get(1: string feature_name)
    throws (1: FlipperException error)

  /** Turns a flag on or off, and makes it if there is none. */
  void Set(1: string feature_name, 2: bool is_enabled)
    throws (1: FlipperException error)

  /** Deletes a flag if there is one. */
  void Delete(1: string feature_name)
    throws (1: FlipperException error)

  /** Flags by name. A limit that is left out means all; 0 means none. */
  list<FeatureFlagStoreItem> List(1: i64 limit = -1, 2: i64 offset)
    throws (1: FlipperException error)

  /** Replaces the meta of a flag. */
  void SetMeta(1: string feature_name, 2: FeatureFlagStoreMeta meta)
    throws (1: FlipperException error)

  /* Added. A client of the six methods above never notices these; a server
   * without them answers UNKNOWN_METHOD. */

  /** Gives a flag, or NOT_FOUND or UNREADABLE. */
  StoredFlag GetStored(1: string feature_name)
    throws (1: FlipperException error)

  /**
   * Stores an item if the stored revision is the one given, or, if it is empty,
   * if there is no flag of that name. Answers EXISTS or CONFLICT if not so.
   */
  StoredFlag CompareAndSet(1: string feature_name, 2: JSON item, 3: string revision)
    throws (1: FlipperException error)

  /** Deletes a flag, or answers NOT_FOUND. */
  void DeleteStored(1: string feature_name)
    throws (1: FlipperException error)

  /** Gives the flags from a name on, sorted by name, as many as fit into a page. */
  FlagPage ListStored(1: string first)
    throws (1: FlipperException error)

  /**
   * Waits until a flag may have changed since a position, but no longer than the
   * timeout (at most 60 s; 0 does not wait), and tells which. The empty position
   * answers at once with everything.
   */
  FlagChanges Watch(1: string position, 2: i32 timeout_ms)
    throws (1: FlipperException error)
}
