# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Reads definitions: the sections "Stored form" and "Reading" of docs/rules.md.

Each function that begins with is_ says whether something is as the page says.
"""

import json
import math
import re

from comparisons import OPERATORS, is_int, is_number, is_unicode, moment_of_text, size

BUCKETS = 100000


class Unreadable(Exception):
    """An error of the definition."""


class Object(dict):
    """A JSON object. It remembers whether a key was given twice."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.twice = len(self) < len(pairs)


def parse(text):
    return json.loads(text, object_pairs_hook=Object)


def everything_in(v):
    """A value, and all that is in it."""
    yield v
    for child in v.values() if isinstance(v, dict) else v if isinstance(v, list) else []:
        yield from everything_in(child)


def is_object(v, required, optional=()):
    """An object with these fields. To each field belongs a function that looks at its value."""
    fields = {**required, **dict(optional)}
    return isinstance(v, dict) and required.keys() <= v.keys() <= fields.keys() and all(fields[name](v[name]) for name in v)


def is_list(v, is_element, least=1, most=math.inf):
    return isinstance(v, list) and least <= len(v) <= most and all(is_element(element) for element in v)


def is_text(v):
    return isinstance(v, str)


def is_name(v):
    return isinstance(v, str) and is_unicode(v) and 1 <= len(v.encode()) <= 100


def is_boolean(v):
    return isinstance(v, bool)


def is_share(v):
    return is_int(v) and 0 <= v <= BUCKETS


def is_time(v):
    return moment_of_text(v) is not None


def is_attribute(v):
    return isinstance(v, str) and v != "" and not (v.startswith("/") and re.search("~(?![01])", v))


def is_period(v, first, second):
    return moment_of_text(v[first]) < moment_of_text(v[second])


BY = {"by": is_attribute}
HASH = {"salt": lambda v: isinstance(v, str) and v != "" and is_unicode(v), "hash": lambda v: v in ("xxh64", "carta")}
NOT = {"not": is_boolean}


def is_hashed(v):
    """A share or split, whose fields by, salt and hash fit each other."""
    if "by" not in v:
        return "hash" not in v
    return v.get("hash") != "carta" or ("salt" not in v and not v["by"].startswith("/") and v["by"] != "randomizer")


def is_share_condition(v):
    return is_object(v, {**BY, "from": is_share, "to": is_share}, HASH) and is_hashed(v) and v["from"] < v["to"]


def is_time_condition(v):
    return is_object(v, {}, {"from": is_time, "until": is_time}) and v != {} and (len(v) == 1 or is_period(v, "from", "until"))


def is_value(op):
    """What looks at a value of this operator."""
    if op == "is":
        return lambda v: isinstance(v, (str, bool)) or is_number(v)
    if op in ("gt", "gte", "lt", "lte"):
        return is_number
    return lambda v: OPERATORS[op][1](v) is not None


def is_condition(v, groups=0):
    if not isinstance(v, dict):
        return False
    for group in ("any", "all"):
        if group in v:
            return groups < 8 and is_object(v, {group: lambda c: is_list(c, lambda c: is_condition(c, groups + 1))})
    if "attribute" in v:
        op = v.get("op")
        if not is_text(op) or op not in ("exists", "is", *OPERATORS):
            return False
        values = {} if op == "exists" else {"values": lambda c: is_list(c, is_value(op))}
        return is_object(v, {"attribute": is_attribute, "op": is_text, **values}, NOT)
    if "flag" in v:
        return is_object(v, {"flag": lambda c: is_text(c) and c != "", "is": lambda c: is_list(c, is_name)}, NOT)
    return is_object(v, {"share": is_share_condition}, NOT) or is_object(v, {"time": is_time_condition}, NOT)


def count(condition):
    """How many conditions one counts for."""
    group = condition.get("any") or condition.get("all")
    return sum(count(c) for c in group) if group else 1


def is_ramp(v):
    return is_object(v, {"from": is_share, "to": is_share, "start": is_time, "end": is_time}) and is_period(v, "start", "end")


def is_split(v, is_variant):
    def is_fixed(share):
        return is_object(share, {"variant": is_variant, "share": is_share})

    if not is_object(v, {"shares": lambda c: is_list(c, lambda _: True)}, {**BY, **HASH}) or not is_hashed(v):
        return False
    *fixed, last = v["shares"]
    if not all(is_fixed(share) for share in fixed):
        return False
    if not is_fixed(last) and not is_object(last, {"variant": is_variant, "ramp": is_ramp}):
        return False
    greatest = last["share"] if "share" in last else max(last["ramp"]["from"], last["ramp"]["to"])
    return sum(share["share"] for share in fixed) + greatest <= BUCKETS


def is_rule(v, is_variant):
    serves = {"serve": is_variant} if "serve" in v else {"split": lambda c: is_split(c, is_variant)}
    return is_object(v, serves, {"name": is_name, "if": lambda c: is_list(c, is_condition, 0)}) and sum(map(count, v.get("if", []))) <= 100


def kind(v):
    """The kind of flag that a value belongs to."""
    if isinstance(v, bool):
        return "boolean"
    return "number" if is_number(v) else "string" if isinstance(v, str) else "object" if isinstance(v, (dict, list)) else None


def is_variants(v):
    kinds = {kind(value) for value in v.values()} if isinstance(v, dict) else {}
    if len(kinds) != 1 or None in kinds or len(v) > 100 or not all(is_name(name) for name in v):
        return False
    return all(math.isfinite(part) for part in everything_in(v) if isinstance(part, float))


def sizes(rules):
    """The sizes of all regular expressions."""
    for part in everything_in(rules):
        if isinstance(part, dict) and part.get("op") == "matches":
            yield from map(size, part["values"])


def read(definition):
    """Returns the variants and rules of a definition, or raises Unreadable."""
    if not isinstance(definition, dict) or any(isinstance(part, Object) and part.twice for part in everything_in(definition)):
        raise Unreadable("no object, or one with a key that is given twice")
    variants = definition.get("variants", {"on": True, "off": False})
    if not is_variants(variants):
        raise Unreadable("no variants")

    def is_variant(v):
        return isinstance(v, str) and v in variants

    required = {"version": lambda v: is_int(v) and v == 1, "off": is_variant, "default": is_variant}
    optional = {
        "variants": is_variants,
        "rules": lambda v: is_list(v, lambda rule: isinstance(rule, dict) and is_rule(rule, is_variant), 0, 1000),
        "python": lambda v: v in ("on", "off"),
    }
    if not is_object(definition, required, optional) or variants[definition["off"]] is True:
        raise Unreadable("not as the page says")
    if sum(sizes(definition.get("rules", []))) > 5000:
        raise Unreadable("regular expressions that are too large together")
    return variants, definition.get("rules", [])
