# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Items and their evaluation, as sections 3 and 4 of docs/format.md tell of Carta's
client: what it reads, what it writes back, and what it decides."""

import hashlib
import json
import operator
import random
from datetime import datetime, timedelta, timezone


def clock():
    return datetime.now(timezone.utc)


OPERATORS = {
    None: operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda attribute, value: attribute in value,
    "not_in": lambda attribute, value: attribute not in value,
}


def condition(**checks):
    """A condition of check keys and values: variable -> checks, as it is stored."""
    stored = {}
    for key, value in checks.items():
        if key == "self":
            raise TypeError(key)  # a parameter's name
        parts = key.split("__")
        variable, symbol = parts if len(parts) == 2 else (key, None)
        OPERATORS[symbol]
        stored.setdefault(variable, []).append(
            {"variable": variable, "value": value, "operator": symbol}
        )
    return stored


def read_condition(stored):
    keys = {}
    for checks in stored.values():
        for check in checks:
            key = check["variable"]
            if check["operator"] is not None:
                key = "__".join((check["variable"], check["operator"]))
            keys[key] = check["value"]
    return condition(**keys)


def read_percentage(stored):
    stored = {"type": "Percentage", "value": 1.0} if stored is None else stored
    if stored["type"] == "Percentage":
        return {"type": "Percentage", "value": stored.get("value")}
    if stored["type"] != "LinearRampPercentage":
        raise ValueError(stored["type"])
    start = stored.get("initial_time")
    start = clock().timestamp() if start is None else start
    datetime.fromtimestamp(start, timezone.utc)  # which raises beyond the years 1 to 9999
    return {
        "type": "LinearRampPercentage",
        "initial_value": stored.get("initial_value", 0.0),
        "final_value": stored.get("final_value", 1.0),
        "ramp_duration": stored.get("ramp_duration", 3600),
        "initial_time": start,
    }


def written(bucketer):
    ramp = bucketer.get("percentage", {})
    if "initial_time" in ramp:
        ramp = {**ramp, "initial_time": int(ramp["initial_time"])}
        bucketer = {**bucketer, "percentage": ramp}
    return bucketer


def read_bucketer(stored):
    if stored is None or stored["type"] == "NoOpBucketer":
        return {"type": "NoOpBucketer"}
    bucketer = {"type": stored["type"], "percentage": read_percentage(stored.get("percentage"))}
    if stored["type"] == "ConsistentHashPercentageBucketer":
        bucketer["key_whitelist"] = list(set(stored.get("key_whitelist", [])))
    elif stored["type"] != "PercentageBucketer":
        raise ValueError(stored["type"])
    return bucketer


class Item:
    def __init__(self, name, is_enabled, created_date, client_data, conditions, bucketer):
        self.name, self.is_enabled, self.created_date = name, is_enabled, created_date
        self.client_data = client_data or {}
        self.conditions = [read_condition(c) for c in conditions]
        self.bucketer = read_bucketer(bucketer)

    @classmethod
    def read(cls, text):
        stored = json.loads(text.decode() if isinstance(text, bytes) else text)
        meta = stored["meta"]
        return cls(
            stored["feature_name"],
            stored["is_enabled"],
            meta["created_date"],
            meta.get("client_data"),
            meta.get("conditions", []),
            meta.get("bucketer"),
        )

    def meta(self):
        return {
            "client_data": self.client_data,
            "created_date": self.created_date,
            "conditions": self.conditions,
            "bucketer": written(self.bucketer),
        }

    def write(self):
        return json.dumps(
            {"feature_name": self.name, "is_enabled": self.is_enabled, "meta": self.meta()}
        )

    def is_on(self, attributes):
        if self.is_enabled is False:
            return False
        if attributes and self.conditions:
            return all(holds(c, attributes) for c in self.conditions)
        if self.bucketer["type"] == "NoOpBucketer":
            return True
        share = percentage(self.bucketer["percentage"])
        if share == 0:
            return False
        if self.bucketer["type"] == "PercentageBucketer":
            # An attribute of this name takes the place of a parameter.
            return attributes.get("randomizer", random.random)() <= share
        keys = self.bucketer["key_whitelist"]
        hashed = sorted(
            (k, v)
            for k, v in attributes.items()
            if k != "randomizer" and (not keys or k in keys)
        )
        digest = hashlib.sha1(json.dumps(hashed).encode()).hexdigest()
        return int(digest, 16) % 100 / 100 <= share


def holds(checks, attributes):
    return all(
        OPERATORS[check["operator"]](value, check["value"])
        for name, value in attributes.items()
        for check in checks.get(name, [])
    )


def percentage(stored):
    if stored["type"] == "Percentage":
        return stored["value"]
    initial, final, duration = (
        stored[name] for name in ("initial_value", "final_value", "ramp_duration")
    )
    if duration == 0:
        return final
    start = datetime.fromtimestamp(stored["initial_time"], timezone.utc)
    elapsed = (clock() - start) / timedelta(microseconds=1) / 10**6
    return min(final, (final - initial) / duration * elapsed + initial)
