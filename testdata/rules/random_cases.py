# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Makes random questions for evaluators of rules: python3 random_cases.py COUNT SEED

It prints JSON lines, the same ones for the same seed:

    {"item": "...", "attributes": "...", "now": ..., "others": ["...", ...]}

Items and attributes are texts that hold JSON, so that a key given twice, 1.0 and NaN
reach the evaluator as they are. It prefers edges: what is missing or of another kind,
buckets at the end of a share, moments at the start and end of a ramp, and definitions
with one mistake.
"""

import copy
import hashlib
import json
import random
import sys

import xxhash

from cases import Raw, Twice, dump

START = 1796083200  # 2026-12-01T00:00:00Z


TEXTS = ["", "pro", "Pro", "free", "caf\u00e9", "cafe\u0301", "\U0001f600", "a\u0000b", "x\ud800", "42", "42.0", "042", "1", "0", "-0", "-7", "true"]
TEXTS += ["9007199254740991", "9007199254740992", "9007199254740993", "18446744073709551616", "1e3", "1000", "0.1", "aXXz", "abcdab", "\uffff"]
INTS = [0, 1, -1, 42, -7, 1000, 2**53 - 1, 2**53, 2**53 + 1, -(2**53), 2**63 - 1, 2**63, -(2**63) - 1, 2**64 - 1, 2**64, 2**64 + 1, 10**22, 10**40]
FLOATS = [0.0, -0.0, 1.0, 42.0, -7.0, 1.5, 0.1, 2.0**53 - 1, 2.0**53, 2.0**64, 1e3, 1e22, 1e40, 1e300, 5e-324]
NUMBERS = INTS + FLOATS
NOT_FINITE = [float("nan"), float("inf"), float("-inf"), Raw("1e999")]
OTHER_KINDS = [None, [], {}, [[]], [None], {"a": 1}, True, False, *NOT_FINITE]
PATTERNS = ["pro", "^pro$", "^$", "[0-9]+", "^[a-z]+$", "(ab|cd)+", "^a.*z$", "X{2,3}", "X{3,}", r"\.", "caf\u00e9", "^.$", "a|b", "(?:ab)?c", r"\d\d", r"^\w+$", r"[^a-z]"]
BAD_PATTERNS = ["", "(", "[", "*a", "a{2,1}", "(?=a)", "(?<!a)b", r"(a)\1", "a)", "x" * 1001, "\u00e9" * 501]
VERSIONS = ["1", "v1", "1.2", "1.2.0", "1.2.3", "v1.2.3", "1.2.4", "1.10.0", "2.4.0", "2.4", "1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-rc.10", "1.2.3-rc", "1.2.3-RC", "1.2.3-1", "1.2.3-2"]
VERSIONS += ["1.2.3--", "1.2.3-alpha", "1.2.3-alpha.1", "1.2.3-alpha.beta", "1.2.3+build", "1.2.3+01", "1.2.3-rc.1+b.2", "0.0.0", "18446744073709551616.0.0", "1.2.3-18446744073709551616", "1.2.3-0"]
BAD_VERSIONS = ["", "V1.2.3", "01.2.3", "1.02.3", "1.2.3-01", "1.2.3-", "1.2.3+", "1.2-rc", "1+b", "1.2.3.4", "1.", "1.2.", "vv1", " 1.2.3", "1.2.3\n", "1.2.3-rc..1", "1.2.3-rc_1", "1.2.3-\u00e9", "latest", "-1.0.0", "\u0661.2.3"]
ADDRESSES = ["10.0.0.1", "10.1.2.3", "10.255.255.255", "11.0.0.0", "192.168.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "fe80::1", "::ffff:10.1.2.3", "::ffff:a01:203"]
ADDRESSES += ["64:ff9b::10.1.2.3", "::10.1.2.3", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8"]
BAD_ADDRESSES = ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.01", "10.0.0.1 ", "10.0.0.1:80", "fe80::1%eth0", "::ffff:10.0.0.1%1", "[::1]", "1::2::3", "12345::", "::ffff:010.0.0.1", "1:2:3:4:5:6:7", "0x0a.0.0.1", "localhost", "10.0.0.1\n"]
BLOCKS = ["10.0.0.0/8", "10.1.2.3/8", "10.1.2.0/24", "10.1.2.3/32", "0.0.0.0/0", "192.168.0.0/16", "::/0", "2001:db8::/32", "2001:db8::1/128", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "::ffff:10.1.2.3/128", "::ffff:0:0/95", "::ffff:10.0.0.0/90", "fe80::/10"]
BAD_BLOCKS = ["10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0.0/08", "10.0.0.0/", "/8", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "fe80::%eth0/10", "10.0.0.0/8/8", "10.0.0.0/ 8", "010.0.0.0/8", "::ffff:10.0.0.0/129"]
BAD_TIMES = ["", "2026-12-01", "2026-12-01T00:00:00", "2026-12-01t00:00:00Z", "2026-12-01T00:00:00z", "2026-12-01 00:00:00Z", "2026-12-01T00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T23:59:60Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z"]
BAD_TIMES += ["2026-12-01T00:00:00.Z", "2026-12-01T00:00:00.0000000001Z", "2026-12-01T00:00:00,5Z", "2026-12-01T00:00:00+24:00", "2026-12-01T00:00:00+00:60", "2026-12-01T00:00:00+0000", "2026-12-01T0:00:00Z", "26-12-01T00:00:00Z", "+2026-12-01T00:00:00Z"]
TIMES = ["2026-12-01T00:00:00Z", "2026-12-01T00:00:00.000000001Z", "2026-12-01T00:00:00.0000005Z", "2026-12-01T00:00:00.000001Z", "2026-12-01T00:00:00.000002999Z", "2026-11-30T23:59:59.999999999Z", "2026-11-30T23:59:59.999999Z"]
TIMES += ["2026-12-01T01:00:00+01:00", "2026-11-30T18:30:00-05:30", "2026-12-01T00:00:00-00:00", "2026-12-08T00:00:00Z", "2026-12-08T00:00:00.1Z", "2027-01-01T00:00:00Z", "2024-02-29T12:00:00.5Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.5Z"]
TIMES += ["0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59", "2026-12-01T23:59:00+23:59"]
NOWS = ["0", "-0.5", "-1", "1796083199", "1796083199.999999", "1796083200", "1796083200.0", "1796083200.000001", "1796083200.000002", "1796083200.5", "1796385600", "1796385600.123456", "1796687999.999999", "1796688000", "1796688000.1", "1798761600", "253402300799"]
SECONDS = [START, START - 1, START + 1, float(START), START + 0.5, START - 0.5, START + 0.1, START + 1e-6, 0, -1, -0.5, 1e3, 10**12, 10**30, 1e300]

IN_ORDER = [
    "0000-01-01T00:00:00Z", "0000-02-29T00:00:00Z", "1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z", "2024-02-29T12:00:00.5Z",
    "2026-11-30T23:59:59.999999Z", "2026-11-30T23:59:59.999999999Z", "2026-12-01T01:00:00+01:00", "2026-12-01T00:00:00.000000001Z",
    "2026-12-01T00:00:00.0000005Z", "2026-12-01T00:00:00.000001Z", "2026-12-01T00:00:00.000002999Z", "2026-12-08T00:00:00Z",
    "2026-12-08T00:00:00.1Z", "2027-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999-23:59",
]

OPERATORS = {
    "is": (TEXTS + NUMBERS + [True, False], NOT_FINITE + [None, {}, []], TEXTS + NUMBERS + [True, False]),
    "contains": (TEXTS[1:8] + ["o", "p", "\u00e9", "e", "\u0000"], ["", 1, True], TEXTS),
    "starts_with": (TEXTS[1:8] + ["p", "4", "a", "cafe"], ["", 42], TEXTS),
    "ends_with": (TEXTS[1:8] + ["o", "2", "\u0301", "z"], ["", 42], TEXTS),
    "matches": (PATTERNS, BAD_PATTERNS + [1], TEXTS),
    "before": (TIMES, BAD_TIMES + [0], TIMES + BAD_TIMES + SECONDS),
    "after": (TIMES, BAD_TIMES + [START], TIMES + BAD_TIMES + SECONDS),
    "in_network": (ADDRESSES + BLOCKS, BAD_ADDRESSES + BAD_BLOCKS + [1], ADDRESSES + BAD_ADDRESSES + BLOCKS[:1]),
}
for symbol in ("gt", "gte", "lt", "lte"):
    OPERATORS[symbol] = (NUMBERS, ["1", True, *NOT_FINITE], NUMBERS)
for symbol in ("eq", "gt", "gte", "lt", "lte"):
    OPERATORS["semver_" + symbol] = (VERSIONS, BAD_VERSIONS + [1, 1.2], VERSIONS + BAD_VERSIONS)

ATTRIBUTES = ["plan", "user_id", "n", "t", "tags", "/address/country", "/a~1b/c~0d", "/", "/n", "/tags/0", "/address/", "caf\u00e9", "no\ud800t"]
BAD_ATTRIBUTES = ["", "/a~2", "/~", "/a~"]
FLAGS = ["segment:beta", "segment:other", "carta"]
KINDS = {
    "boolean": [True, False],
    "string": ["#888", "#00f", "", "\u00e9"],
    "number": [0, 1, 1.0, 2**64, 0.5, -0.0],
    "object": [{}, [], {"a": None, "b": [1, 1.0]}, [1, "x"], {"$rules": 1}],
}
JUNK = [None, [], {}, "", "x", 0, 1, -1, 1.0, Raw("1e0"), True, False, 100000, 100001, [None], {"a": 1}, Raw("1e999"), "on", "\ud800"]


def key_of(value):
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return str(value)


def bucket_of(name, value, salt, carta):
    """The bucket of a value that has one."""
    if carta:
        return int(hashlib.sha1(json.dumps([[name, value]]).encode()).hexdigest(), 16) % 100 * 1000
    return xxhash.xxh64_intdigest(key_of(value).encode(), xxhash.xxh64_intdigest(salt.encode(), 0)) % 100000


class Cases(random.Random):
    """A source of random cases."""

    def often(self, probability):
        return self.random() < probability

    def value(self, pool):
        """A value for an attribute: mostly from the pool, else of any kind, or a list."""
        if self.often(0.1):
            return self.choice(OTHER_KINDS)
        if self.often(0.1):
            return self.choice(self.choice([TEXTS, NUMBERS, VERSIONS, ADDRESSES, TIMES]))
        if self.often(0.15):
            return [self.choice(pool + OTHER_KINDS) for _ in range(self.choice([0, 1, 2, 3]))]
        return self.choice(pool)

    def give(self, name, value):
        """Gives the request an attribute, by its name or pointer. Sometimes it does not."""
        if self.often(0.1):
            return
        parts = [part.replace("~1", "/").replace("~0", "~") for part in name[1:].split("/")] if name.startswith("/") else [name]
        found = self.attributes
        for part in parts[:-1]:
            if not isinstance(found.get(part), dict):
                found[part] = {}
            found = found[part]
        found.setdefault(parts[-1], value)

    def name(self):
        return self.choice(BAD_ATTRIBUTES) if self.often(0.005) else self.choice(ATTRIBUTES[:6] if self.often(0.8) else ATTRIBUTES)

    def attribute_condition(self):
        name = self.name()
        if self.often(0.1):
            self.give(name, self.value(TEXTS))
            return {"attribute": name, "op": "exists"}
        op = self.choice(list(OPERATORS))
        good, bad, pool = OPERATORS[op]
        values = [self.choice(bad if self.often(0.01) else good) for _ in range(self.choice([1, 1, 1, 2, 3]))]
        values = [value for value in values if not (isinstance(value, str) and "\ud800" in value)] or ["x"] if not self.often(0.01) else values
        if op not in ("is", "contains", "starts_with", "ends_with", "matches"):
            values = [value if value != "x" else good[0] for value in values]
        self.give(name, self.choice(values) if self.often(0.3) and op != "matches" else self.value(pool))
        return {"attribute": name, "op": op, "values": values}

    def by(self, salt):
        """The fields by, salt and hash, and the bucket that the request will be in."""
        carta = self.often(0.2)
        name = self.choice(["user_id", "plan", "n"]) if carta else self.name()
        fields, salt = {"by": name}, salt
        if not carta and self.often(0.3):
            salt = fields["salt"] = self.choice(["checkout layer", "s", "\u00e9", "colours"])
        if carta or self.often(0.1):
            fields["hash"] = "carta" if carta else "xxh64"
        value = self.choice([42, 42.0, "42", 7, "zo\u00eb", 2**64, "u-1", -7, 2.0**53 - 1, "a longer text, of more than thirty-two bytes"])
        value = self.attributes.get(name, value)
        if not isinstance(value, (int, float, str)) or isinstance(value, (bool, Raw)) or key_of(value) in ("", "nan", "inf", "-inf") or "\ud800" in key_of(value) or name == "":
            return fields, self.randrange(100000)
        self.give(name, value if self.often(0.8) else self.value(TEXTS + NUMBERS))
        return fields, bucket_of(name, value, salt, carta)

    def share_condition(self, flag):
        fields, bucket = self.by(flag)
        first, last = self.choice([(bucket, bucket + 1), (0, bucket + 1), (0, bucket), (bucket, 100000), (bucket + 1, 100000), (0, 100000), (0, 50000)])
        return {"share": {**fields, "from": first, "to": last}}

    def two_times(self):
        """Two times, the earlier one first."""
        first, last = sorted(self.sample(range(len(IN_ORDER)), 2))
        return IN_ORDER[first], IN_ORDER[last]

    def time_condition(self):
        first, last = self.two_times()
        period = {"from": first, "until": last}
        if self.often(0.5):
            del period[self.choice(["from", "until"])]
        return {"time": period}

    def condition(self, flag, depth=0):
        kinds = ["attribute"] * 10 + ["flag"] * 2 + ["share", "time", "time", "group"]
        chosen = self.choice(kinds)
        if chosen == "group" and depth < 3:
            conditions = [self.condition(flag, depth + 1) for _ in range(self.choice([1, 2, 3]))]
            return {self.choice(["any", "all"]): conditions}
        if chosen == "flag":
            condition = {"flag": self.choice(FLAGS if self.often(0.9) else ["missing", flag, ""]), "is": self.sample(["on", "off", "grey", "no"], self.choice([1, 1, 2]))}
        elif chosen == "share":
            condition = self.share_condition(flag)
        elif chosen == "time":
            condition = self.time_condition()
        else:
            condition = self.attribute_condition()
        if self.often(0.3):
            condition["not"] = self.often(0.9)
        return condition

    def split(self, flag, variants):
        fields, bucket = self.by(flag)
        if self.often(0.05):
            return {"shares": [{"variant": self.choice(variants), "share": 0}, {"variant": self.choice(variants), "share": self.choice([0, 100000])}]}
        cuts = sorted(self.choice([0, bucket, bucket + 1, bucket // 2, 10000, 50000, 100000, self.randrange(100001)]) for _ in range(self.choice([1, 1, 2, 3])))
        shares = [{"variant": self.choice(variants), "share": last - first} for first, last in zip([0, *cuts], cuts)]
        if self.often(0.3):
            rest = 100000 - sum(share["share"] for share in shares[:-1])
            ends = [min(rest, max(0, end)) for end in (0, rest, bucket, bucket + 1, bucket + 1 - (100000 - rest), self.randrange(rest + 1))]
            first, last = self.two_times()
            shares[-1] = {"variant": shares[-1]["variant"], "ramp": {"from": self.choice(ends), "to": self.choice(ends), "start": first, "end": last}}
        return {**fields, "shares": shares}

    def definition(self, flag):
        kind = self.choice(["boolean", "boolean", "boolean", *KINDS])
        definition = {"version": 1}
        variants = ["on", "off"]
        if kind != "boolean" or self.often(0.2):
            variants = self.sample(["grey", "blue", "on", "off", "\u00e9"], self.choice([1, 2, 3]))
            definition["variants"] = {name: self.choice(KINDS[kind]) for name in variants}
            if self.often(0.95) and kind == "boolean":
                definition["variants"][variants[0]] = False
            off = variants[0]
        else:
            off = "off"
        definition.update({"off": off, "rules": [], "default": self.choice(variants)})
        for _ in range(self.choice([0, 1, 1, 1, 2, 3])):
            rule = {"if": [self.condition(flag) for _ in range(self.choice([0, 1, 1, 1, 2]))]}
            if self.often(0.2):
                rule["name"] = self.choice(["staff", "\u00e9", "n" * 100])
            if self.often(0.4):
                rule["split"] = self.split(flag, variants)
            else:
                rule["serve"] = self.choice(variants)
            if not rule["if"] and self.often(0.5):
                del rule["if"]
            definition["rules"].append(rule)
        if not definition["rules"] and self.often(0.5):
            del definition["rules"]
        if self.often(0.05):
            definition["python"] = self.choice(["on", "off"])
        return definition

    def places(self, v, found):
        """All objects and lists within a definition."""
        if isinstance(v, (dict, list)):
            found.append(v)
            for child in v.values() if isinstance(v, dict) else v:
                self.places(child, found)
        return found

    def mistake(self, definition):
        """Changes one thing in a definition, which mostly makes it unreadable."""
        definition = self.changed(copy.deepcopy(definition))
        for place in self.places(definition, []):
            if isinstance(place, dict) and "shares" in place and "by" not in place:
                place["shares"] = [{"variant": "off", "share": 100000}]  # nothing is left to chance
        return definition

    def changed(self, definition):
        place = self.choice(self.places(definition, []))
        if isinstance(place, list):
            if place and self.often(0.6):
                place[self.randrange(len(place))] = self.choice(JUNK)
            elif self.often(0.5):
                place.append(self.choice(JUNK + place))
            else:
                place.clear()
            return definition
        name = self.choice(list(place) or [""])
        match self.choice(["junk", "junk", "junk", "delete", "rename", "add", "known"]):
            case "junk":
                place[name] = self.choice(JUNK)
            case "delete":
                place.pop(name, None)
            case "rename":
                place[self.choice([name.upper(), name + "s", "x"])] = place.pop(name, None)
            case "add":
                place[self.choice(["x", "comment", "", "Not"])] = self.choice(JUNK)
            case "known":
                place[self.choice(["not", "salt", "hash", "by", "name", "serve", "split", "values", "any", "share", "ramp", "python", "op"])] = self.choice(JUNK + ["exists", "carta", "md5"])
        return definition

    def twice(self, v):
        """Gives a key twice, somewhere in a definition."""
        definition = copy.deepcopy(v)
        objects = [place for place in self.places(definition, []) if isinstance(place, dict)]
        chosen = self.choice(objects)
        members = dict(chosen)

        def replaced(v):
            if v is chosen:
                return Twice(members)
            if isinstance(v, dict):
                return {name: replaced(value) for name, value in v.items()}
            return [replaced(element) for element in v] if isinstance(v, list) else v

        return replaced(definition)

    def item(self, name, definition, enabled=None):
        if self.often(0.08):
            definition = self.mistake(definition)
        elif self.often(0.02):
            definition = self.twice(definition)
        if self.often(0.003):
            definition = self.choice([None, 1, "x", [], True])
        meta = {"client_data": {"$rules": definition}, "created_date": 1700000000}
        if self.often(0.2):
            meta["client_data"] = {"owner": "search", **meta["client_data"], "$other": 1}
        if self.often(0.1):
            meta.update(self.carta())
        enabled = (True if self.often(0.9) else self.choice([False, False, None, 0, ""])) if enabled is None else enabled
        return {"feature_name": name, "is_enabled": enabled, "meta": meta}

    def carta(self):
        """Conditions and a bucketer of Carta's model."""
        conditions = []
        for _ in range(self.choice([0, 0, 1, 2])):
            name, op = self.choice(["plan", "user_id", "n"]), self.choice([None, "ne", "gt", "lte", "in", "not_in"])
            value = self.choice([TEXTS[1:3], INTS[:4]]) if op in ("in", "not_in") else self.choice(["pro", 42, 1.0, True])
            conditions.append({name: [{"variable": name, "value": value, "operator": op}]})
        percentage = {"type": "Percentage", "value": self.choice([0, 0.1, 0.5, 1.0])}
        if self.often(0.2):
            percentage = {"type": "LinearRampPercentage", "initial_value": 0.0, "final_value": 1.0, "ramp_duration": 604800, "initial_time": START}
        bucketer = {"type": "ConsistentHashPercentageBucketer", "percentage": percentage, "key_whitelist": self.choice([["user_id"], []])}
        return {"conditions": conditions, "bucketer": self.choice([{"type": "NoOpBucketer"}, bucketer])}

    def chain(self, others):
        """A chain of flags: each asks the next. Returns the definition that asks the first."""
        length = self.choice([1, 2, 7, 8, 8, 9, 9])
        for i in range(1, length + 1):
            last = self.choice([{"serve": "on"}] * 3 + [{"if": [{"flag": self.choice(["level 1", "main", f"level {i}", "nowhere"]), "is": ["on"]}], "serve": "on"}])
            rule = {"if": [{"flag": f"level {i + 1}", "is": ["on"]}], "serve": "on"} if i < length else last
            definition = {"version": 1, "off": "off", "default": "off", "rules": [rule]}
            others.append(self.item(f"level {i}", definition, enabled=not self.often(0.05)))
        condition = {"flag": "level 1", "is": [self.choice(["on", "off"])], "not": self.often(0.2)}
        conditions = [condition, self.attribute_condition()]
        self.shuffle(conditions)
        return {"version": 1, "off": "off", "default": "off", "rules": [{"if": [self.choice([condition, {"any": conditions}, {"all": conditions}])], "serve": "on"}]}

    def limits(self):
        """A definition at a limit or one beyond it."""
        n = self.choice([0, 1])
        one = {"attribute": "plan", "op": "exists"}
        rules, variants = [], None
        match self.choice(["conditions", "rules", "variants", "groups", "name", "variant", "pattern", "shares", "ramp", "fall"]):
            case "conditions":
                rules = [{"if": [{"any": [one] * 50}, {"all": [one] * (50 + n)}], "serve": "on"}]
            case "rules":
                rules = [{"serve": "on"}] * (1000 + n)
            case "variants":
                variants = {f"v{i}": False for i in range(98 + n)} | {"on": True, "off": False}
            case "groups":
                for i in range(8 + n):
                    one = {self.choice(["any", "all"]): [one]}
                rules = [{"if": [one], "serve": "on"}]
            case "name":
                rules = [{"name": "\u00e9" * 50 + "x" * n, "serve": "on"}]
            case "variant":
                variants = {"\u00e9" * 50 + "x" * n: True, "on": True, "off": False}
            case "pattern":
                rules = [{"if": [{"attribute": "plan", "op": "matches", "values": ["x" * (1000 + n)]}], "serve": "on"}]
            case "shares":
                rules = [{"split": {"by": "plan", "shares": [{"variant": "on", "share": 50000}, {"variant": "off", "share": 50000 + n}]}}]
            case "ramp":
                ramp = {"from": 0, "to": 50000 + n, "start": TIMES[0], "end": TIMES[10]}
                rules = [{"split": {"by": "plan", "shares": [{"variant": "on", "share": 50000}, {"variant": "off", "ramp": ramp}]}}]
            case "fall":
                ramp = {"from": 50000 + n, "to": 0, "start": TIMES[0], "end": TIMES[10]}
                rules = [{"split": {"by": "plan", "shares": [{"variant": "on", "share": 50000}, {"variant": "off", "ramp": ramp}]}}]
        self.give("plan", self.value(["pro", "x" * 1000]))
        return {"version": 1, **({"variants": variants} if variants else {}), "off": "off", "default": "off", "rules": rules}

    def case(self):
        self.attributes, others = {}, []
        if self.often(0.04):
            definition = self.chain(others)
        elif self.often(0.02):
            definition = self.limits()
        else:
            definition = self.definition("main")
        asked = json.dumps(definition, default=str)
        for name in FLAGS:
            if json.dumps(name) in asked and self.often(0.9):
                if name == "carta":
                    meta = {"client_data": {}, "created_date": 1700000000, **self.carta()}
                    others.append({"feature_name": name, "is_enabled": self.often(0.9), "meta": meta})
                else:
                    others.append(self.item(name, self.definition(name)))
        return {
            "item": dump(self.item("main", definition)),
            "attributes": dump(self.attributes),
            "now": Raw(self.choice(NOWS)),
            "others": [dump(other) for other in others],
        }


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    cases = Cases(seed)
    for _ in range(count):
        print(dump(cases.case()))


if __name__ == "__main__":
    main()
