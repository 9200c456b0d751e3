# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""An evaluator of rules, written from docs/rules.md alone.

It proves that the page is enough: the tests let it and the Go package answer the
same questions. It reads JSON lines from standard input and answers each with one:

    {"item": ..., "attributes": {...}, "now": ..., "others": [...]}
    {"enabled": ..., "variant": ..., "value": ..., "reason": ..., "rule": ...}

An item is a stored flag. Items and attributes are objects, or texts that hold them,
as in testdata/vectors/rules.json. definition.py reads definitions, comparisons.py
compares attributes; what follows them is here.

It needs Python 3.11 and xxhash (Debian: python3-xxhash). Regular expressions are
Python's, which agree with RE2 on common syntax, but not on all: keep to literals,
classes of ASCII, groups, alternatives, repetition, and ^ $ with texts of one line.
"""

import hashlib
import json
import math
import operator
import random
import sys
import time
from fractions import Fraction

import xxhash

from comparisons import compare, key, moment_of_text
from definition import BUCKETS, Unreadable, parse, read


class Failed(Exception):
    """An error of the evaluation."""


class Request:
    """What is asked: for which attributes, when (in microseconds), and among which flags."""

    def __init__(self, attributes, now, flags):
        self.attributes, self.now, self.flags = attributes, now, flags
        self.draws = {}  # one for each random split, however often its flag is asked

    def find(self, name):
        """An attribute by its name or pointer. None: it is missing."""
        parts = [name]
        if name.startswith("/"):
            parts = [part.replace("~1", "/").replace("~0", "~") for part in name[1:].split("/")]
        found = self.attributes
        for part in parts:
            found = found.get(part) if isinstance(found, dict) else None
        return None if found == [] else found

    def bucket(self, v, salt):
        """The bucket for a share or split. None: the attribute is missing."""
        if "by" not in v:
            return self.draws.setdefault(id(v), random.randrange(BUCKETS))
        value = self.find(v["by"])
        if key(value) is None:
            return None
        if v.get("hash") == "carta":
            digest = hashlib.sha1(json.dumps([[v["by"], value]]).encode()).digest()
            return int.from_bytes(digest, "big") % 100 * 1000
        seed = xxhash.xxh64_intdigest(v.get("salt", salt).encode(), 0)
        return xxhash.xxh64_intdigest(key(value).encode(), seed) % BUCKETS

    def passes(self, v, name, level):
        """Asks a condition of the flag with this name."""
        if "any" in v:
            return any(self.passes(c, name, level) for c in v["any"])
        if "all" in v:
            return all(self.passes(c, name, level) for c in v["all"])
        negated = v.get("not", False)
        if "flag" in v:
            return (self.evaluate(v["flag"], level + 1)["variant"] in v["is"]) != negated
        if "time" in v:
            from_, until = (moment_of_text(v["time"].get(field)) for field in ("from", "until"))
            now = Fraction(self.now, 10**6)
            return ((from_ is None or from_ <= now) and (until is None or now < until)) != negated
        if "share" in v:
            bucket = self.bucket(v["share"], name)
            return bucket is not None and (v["share"]["from"] <= bucket < v["share"]["to"]) != negated
        attribute = self.find(v["attribute"])
        if v["op"] == "exists":
            return (attribute is not None) != negated
        elements = attribute if isinstance(attribute, list) else [attribute]
        answers = [compare(v["op"], e, value) for e in elements if not isinstance(e, (list, dict)) for value in v["values"]]
        return False in answers and True not in answers if negated else True in answers

    def share(self, v):
        if "share" in v:
            return v["share"]
        ramp = v["ramp"]
        start, end = (math.floor(moment_of_text(ramp[field]) * 10**6) for field in ("start", "end"))
        if self.now < start:
            return ramp["from"]
        if self.now >= end:
            return ramp["to"]
        return ramp["from"] + (ramp["to"] - ramp["from"]) * (self.now - start) // (end - start)

    def evaluate(self, name, level=0):
        if level > 8:
            raise Failed(f"{name} is more than 8 flags below the one that is asked, or there is a cycle")
        if name not in self.flags:
            raise Failed(f"there is no flag {name}")
        item = self.flags[name]
        client_data = item["meta"].get("client_data")
        if not isinstance(client_data, dict) or "$rules" not in client_data:
            return self.evaluate_carta(item)
        definition = client_data["$rules"]
        try:
            variants, rules = read(definition)
        except Unreadable:
            if item["is_enabled"] is False and level == 0:
                return {"enabled": False, "variant": None, "value": None, "reason": "DISABLED", "rule": None}
            raise

        def serve(variant, reason, rule=None):
            value = variants[variant]
            enabled = value if isinstance(value, bool) else variant != definition["off"]
            return {"enabled": enabled, "variant": variant, "value": value, "reason": reason, "rule": rule}

        if item["is_enabled"] is False:
            return serve(definition["off"], "DISABLED")
        if not rules:
            return serve(definition["default"], "STATIC")
        for position, rule in enumerate(rules):
            if not all(self.passes(c, name, level) for c in rule.get("if", [])):
                continue
            if "serve" in rule:
                return serve(rule["serve"], "TARGETING_MATCH", position)
            bucket = self.bucket(rule["split"], name)
            if bucket is None:
                continue
            total = 0
            for share in rule["split"]["shares"]:
                total += self.share(share)
                if bucket < total:
                    return serve(share["variant"], "SPLIT", position)
        return serve(definition["default"], "DEFAULT")

    # Carta's model, from docs/format.md, section 4

    def evaluate_carta(self, item):
        meta, attributes = item["meta"], self.attributes
        bucketer = meta.get("bucketer") or {"type": "NoOpBucketer"}
        if item["is_enabled"] is False:
            on, reason = False, "DISABLED"
        elif attributes and meta.get("conditions"):
            on = all(self.passes_carta(condition) for condition in meta["conditions"])
            reason = "TARGETING_MATCH" if on else "DEFAULT"
        elif bucketer["type"] != "NoOpBucketer":
            on, reason = self.is_in_bucketer(bucketer), "SPLIT"
        else:
            on, reason = True, "STATIC"
        return {"enabled": on, "variant": "on" if on else "off", "value": on, "reason": reason, "rule": None}

    def passes_carta(self, condition):
        operators = {None: operator.eq, "ne": operator.ne, "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
        operators.update({"in": lambda a, v: a in v, "not_in": lambda a, v: a not in v})
        for name, attribute in self.attributes.items():
            for check_ in condition.get(name, []):
                try:
                    if not operators[check_["operator"]](attribute, check_["value"]):
                        return False
                except TypeError as error:
                    raise Failed(str(error)) from error
        return True

    def is_in_bucketer(self, bucketer):
        percentage = self.percentage(bucketer.get("percentage") or {"type": "Percentage", "value": 1.0})
        if percentage == 0:
            return False
        if bucketer["type"] == "PercentageBucketer":
            return random.random() <= percentage
        names = bucketer.get("key_whitelist") or self.attributes
        pairs = sorted((name, value) for name, value in self.attributes.items() if name in names)
        digest = hashlib.sha1(json.dumps([list(pair) for pair in pairs]).encode()).digest()
        return int.from_bytes(digest, "big") % 100 / 100 <= percentage

    def percentage(self, v):
        if v["type"] == "Percentage":
            return v["value"]
        initial, final, duration = v.get("initial_value", 0.0), v.get("final_value", 1.0), v.get("ramp_duration", 3600)
        if duration == 0:
            return final
        slope = (final - initial) / duration
        return min(final, slope * ((self.now - round(v["initial_time"] * 10**6)) / 10**6) + initial)


def answer(line):
    question = parse(line)
    parts = [question["item"], question.get("attributes") or {}, *(question.get("others") or [])]
    item, attributes, *others = (parse(part) if isinstance(part, str) else part for part in parts)
    flags = {flag["feature_name"]: flag for flag in [*others, item]}
    now = question.get("now")
    now = time.time_ns() // 1000 if now is None else round(Fraction(now) * 10**6)
    return Request(attributes, now, flags).evaluate(item["feature_name"])


def main():
    for line in sys.stdin:
        try:
            reply = answer(line)
        except (Unreadable, Failed, json.JSONDecodeError) as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
