/*
 * Copyright The Flipper Authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The flag service as the Python client knows it: what a foreign service in the
 * tests is made from.
 */

typedef string JSON

enum ErrorCode {
  NOT_FOUND = 0
}

exception FlipperException {
  1: optional ErrorCode code
  2: optional string message = ""
}

struct ConditionOperator {
  1: optional string symbol
}

struct ConditionCheck {
  1: optional string variable
  2: optional JSON value
  3: optional ConditionOperator operator
}

typedef map<string, list<ConditionCheck>> Condition

struct FeatureFlagStoreMeta {
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

service FeatureFlagStore {
  FeatureFlagStoreItem Create(1: string feature_name, 2: bool is_enabled, 3: JSON client_data)
    throws (1: FlipperException error)
  FeatureFlagStoreItem Get(1: string feature_name) throws (1: FlipperException error)
  void Set(1: string feature_name, 2: bool is_enabled) throws (1: FlipperException error)
  void Delete(1: string feature_name) throws (1: FlipperException error)
  list<FeatureFlagStoreItem> List(1: i64 limit, 2: i64 offset) throws (1: FlipperException error)
  void SetMeta(1: string feature_name, 2: FeatureFlagStoreMeta meta) throws (1: FlipperException error)
}
