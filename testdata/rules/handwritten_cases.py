# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Prints the cases that were written by hand from docs/rules.md, with their answers.

They are JSON lines as random_cases.py prints them, and two fields more: "note" names
the promise or the edge, and "answer" is what evaluators must answer. Of an error it
is {"error": true}: what errors say is not fixed.
"""

import xxhash

from cases import Raw, Twice, dump

NOW = Raw("1796083200")  # 2026-12-01T00:00:00Z
ERROR = {"error": True}
CASES = []


def item(definition, name="main", enabled=True, **meta):
    return {"feature_name": name, "is_enabled": enabled, "meta": {"client_data": {"$rules": definition}, "created_date": 1700000000, **meta}}


def carta(name, enabled=True, **meta):
    return {"feature_name": name, "is_enabled": enabled, "meta": {"client_data": {}, "created_date": 1700000000, **meta}}


def case(note, of, attributes, answer, now=NOW, others=()):
    line = {"note": note, "item": dump(of), "attributes": attributes if isinstance(attributes, str) else dump(attributes)}
    CASES.append({**line, "now": now, "others": [dump(other) for other in others], "answer": answer})


def definition(*rules, **fields):
    return {"version": 1, "off": "off", "default": "off", "rules": list(rules), **fields}


def served(variant, reason, rule=None, value=None, enabled=None):
    value = variant == "on" if value is None else value
    return {"enabled": variant == "on" if enabled is None else enabled, "variant": variant, "value": value, "reason": reason, "rule": rule}


ON, OFF, STATIC, DISABLED = served("on", "TARGETING_MATCH", 0), served("off", "DEFAULT"), served("off", "STATIC"), served("off", "DISABLED")
SPLIT = served("on", "SPLIT", 0)
UNREADABLE_DISABLED = {"enabled": False, "variant": None, "value": None, "reason": "DISABLED", "rule": None}


def holds(note, condition, attributes, answer, **other):
    """A condition, alone in a rule that serves on. The answer may be True or False."""
    answer = {True: ON, False: OFF}.get(answer, answer) if isinstance(answer, bool) else answer
    case(note, item(definition({"if": [condition], "serve": "on"})), attributes, answer, **other)


def test(note, op, values, passes=(), fails=(), never=()):
    """An operator: attributes that pass, that fail, and that cannot be compared, each with and without not."""
    condition = {"attribute": "a", "op": op, "values": values}
    for attributes, plain, negated in ((passes, True, False), (fails, False, True), (never, False, False)):
        for attribute in attributes:
            holds(note, condition, {"a": attribute}, plain)
            holds(note + ", not", {**condition, "not": True}, {"a": attribute}, negated)


def unreadable(note, of, **other):
    case(note, item(of), {"a": "x"}, ERROR, **other)


def bad_condition(note, *conditions):
    for condition in conditions:
        unreadable(note, definition({"if": [condition], "serve": "on"}))


def bad_values(note, op, *values):
    for value in values:
        bad_condition(note, {"attribute": "a", "op": op, "values": [value]})


INF, MINUS_INF, NAN = Raw("Infinity"), Raw("-Infinity"), Raw("NaN")
LONE = "x\ud800"
ANY_KIND = [None, [], {}, {"x": 1}, [None], [[]], [{}], [["x"]], True, False, NAN, INF]


# Promise 1, and "Missing" and "Lists"

for op, value in (("is", "x"), ("contains", "x"), ("starts_with", "x"), ("ends_with", "x"), ("matches", "x"), ("gt", 1), ("lte", 1), ("before", "2026-12-01T00:00:00Z"), ("semver_lt", "2.4.0"), ("in_network", "::/0")):
    for negated in (False, True):
        condition = {"attribute": "a", "op": op, "values": [value], "not": negated}
        for attributes in ({}, {"a": None}, {"a": []}, {"b": value}):
            holds(f"a missing attribute passes no test: {op}, not: {negated}", condition, attributes, False)
        for value_ in ({}, {"x": value}, [None], [[value]], [{"a": value}]):
            holds(f"an attribute that cannot be compared passes no test: {op}, not: {negated}", condition, {"a": value_}, False)
for attributes, there in (({}, False), ({"a": None}, False), ({"a": []}, False), ({"a": ""}, True), ({"a": 0}, True), ({"a": False}, True), ({"a": {}}, True), ({"a": [None]}, True), ({"a": [[]]}, True), ({"a": NAN}, True)):
    holds("exists", {"attribute": "a", "op": "exists"}, attributes, there)
    holds("exists, not", {"attribute": "a", "op": "exists", "not": True}, attributes, not there)
test("of a list, one element that matches is enough", "is", ["x"], passes=[["x"], ["y", "x"], [None, ["x"], "x"]], fails=[["y"], ["y", ["x"]], [{}, "y"], [None, "y"], [1]], never=[[["x"]], [{}], [None], [True]])
test("lists of numbers", "gt", [5], passes=[[6], [1, 6], ["6", 6]], fails=[[5], [1, "6"], [True, 1]], never=[["6"], [True], [NAN], [[6]]])
test("lists of versions", "semver_gte", ["2.0.0"], passes=[["1.0.0", "2.0.0"], ["latest", "3"]], fails=[["1.0.0", "latest"]], never=[["latest", 2]])
for negated in (False, True):
    condition = {"attribute": "plan", "op": "is", "values": ["free"], "not": negated}
    case("a split is not entered without its attribute", item(definition({"split": {"by": "user_id", "shares": [{"variant": "on", "share": 100000}]}})), {"a": 1}, OFF)
    holds("a share is not passed without its attribute", {"share": {"by": "user_id", "from": 0, "to": 100000}, "not": negated}, {"a": 1}, False)

# Pointers

pointers = {"address": {"country": "AT", "": "empty", "a/b": {"~": "tilde"}, "null": None, "none": [], "list": ["x"]}, "/x": "slash", "": "no name", "a~b": "tilde", "list": [{"x": 1}], "~1": "literal"}
for name, value in (("/address/country", "AT"), ("/address/", "empty"), ("/address/a~1b/~0", "tilde"), ("/~1x", "slash"), ("/", "no name"), ("/a~0b", "tilde"), ("a~b", "tilde"), ("~1", "literal"), ("/~01", "literal"), ("/address/list", "x")):
    holds(f"the pointer {name}", {"attribute": name, "op": "is", "values": [value]}, pointers, True)
for name in ("/address/city", "/address/null", "/address/none", "/address/country/x", "/list/0", "/list/0/x", "/Address/country", "/x", "/address/list/0", "address/country", "/address/a/b"):
    holds(f"nothing is at {name}", {"attribute": name, "op": "exists"}, pointers, False)
    holds(f"nothing is at {name}, not", {"attribute": name, "op": "exists", "not": True}, pointers, True)
    holds(f"nothing is at {name}, so no test is passed", {"attribute": name, "op": "is", "values": ["AT"], "not": True}, pointers, False)
bad_condition("what is no pointer", *({"attribute": name, "op": "exists"} for name in ("", "/~", "/a~2", "/a/~x", "/~~0")))
case("a split by a pointer", item(definition({"split": {"by": "/user/id", "salt": "NEW_CHECKOUT", "shares": [{"variant": "on", "share": 2493}]}})), {"user": {"id": 42}}, SPLIT)
case("the last of two members of one name counts", item(definition({"if": [{"attribute": "/a/b", "op": "is", "values": [2]}], "serve": "on"})), '{"a": {"b": 1, "b": 2}}', ON)
case("the last of two attributes of one name counts", item(definition({"if": [{"attribute": "a", "op": "is", "values": [2]}], "serve": "on"})), '{"a": 1, "a": 2}', ON)

# is

test("text by code points", "is", ["caf\u00e9"], passes=["caf\u00e9"], fails=["cafe\u0301", "Caf\u00e9", "caf", "", "caf\u00e9 ", 1], never=ANY_KIND[2:])
test("several values", "is", ["DE", "AT"], passes=["DE", "AT"], fails=["CH", "de"])
test("1 equals 1.0", "is", [1], passes=[1, 1.0, "1", Raw("1e0")], fails=["1.0", "01", "+1", 2, 1.5, "true", ""], never=[True, NAN, INF, {}])
test("1.0 equals 1", "is", [1.0], passes=[1, 1.0, "1"], fails=["1.0", 2, "1e0"], never=[True])
test("a float without key equals no text", "is", [1.5], passes=[1.5], fails=["1.5", 1, 2, "1"], never=[True])
test("text and numbers", "is", ["42"], passes=["42", 42, 42.0], fails=[43, 42.5, "042", "42.0"], never=[True, NAN, INF])
test("text that is no key equals no number", "is", ["42.0", "042", "+42", "4.2e1", "-0", " 42"], passes=["42.0", "-0"], fails=[42, 42.0, 0, -0.0, "42"], never=[True])
test("zero", "is", [0], passes=[0, 0.0, -0.0, Raw("-0"), "0"], fails=["-0", "", "00", 5e-324], never=[False, None])
test("minus zero", "is", [-0.0], passes=[0, 0.0, -0.0, "0"], fails=["-0", "-0.0"], never=[False])
test("the key of minus seven", "is", ["-7"], passes=[-7, -7.0, "-7"], fails=[7, -7.5])
test("ints are exact", "is", [2**53 + 1], passes=[2**53 + 1, str(2**53 + 1)], fails=[2.0**53, 2**53, 2**53 + 2, 2.0**53 + 2, str(2**53)])
test("floats are exact", "is", [2.0**53], passes=[2**53, 2.0**53, Raw("9007199254740993.0")], fails=[str(2**53), 2**53 + 1, 2.0**53 - 1])
test("the greatest float that has a key", "is", [2.0**53 - 1], passes=[2**53 - 1, str(2**53 - 1)], fails=[2.0**53])
test("a text of that size", "is", [str(2**53)], passes=[2**53], fails=[2.0**53, 2**53 - 1])
test("beyond 64 bits", "is", [2**64], passes=[2**64, 2.0**64, str(2**64)], fails=[2**64 + 1, 2**64 - 1, str(2**64 + 1), 0])
test("2^64 + 1", "is", [2**64 + 1], passes=[2**64 + 1, str(2**64 + 1)], fails=[2.0**64, 1])
test("the text of 2^64", "is", [str(2**64)], passes=[2**64, str(2**64)], fails=[2.0**64, 2**64 + 1])
test("the least int of 64 bits and one less", "is", [-(2**63), -(2**63) - 1], passes=[-(2**63), -(2.0**63), -(2**63) - 1, str(-(2**63) - 1)], fails=[-(2**63) - 2, str(-(2**63) + 1)])
test("10^22 is exact, 10^23 is not", "is", [1e22, 1e23], passes=[10**22, 1e22, 1e23], fails=[10**23, str(10**22)])
test("0.1 as a double", "is", [0.1], passes=[0.1, Raw("0.1000000000000000055")], fails=["0.1", 0, 0.2])
test("ints of many digits", "is", [10**400], passes=[10**400, str(10**400)], fails=[10**400 + 1, 1e300], never=[INF])
test("text of very many digits is text", "is", ["9" * 5000, 1], passes=["9" * 5000, 1], fails=["9" * 5001, "9" * 4999])
test("booleans compare with booleans", "is", [True], passes=[True], fails=[False], never=["true", 1, 1.0, "1", {}])
test("false is not 0", "is", [False], passes=[False], fails=[True], never=[0, "", "false", None])
test("comparable with one is enough", "is", ["pro", True], passes=["pro", True], fails=["free", False, 1], never=[{}, NAN])
test("mixed kinds", "is", ["pro", 42, False], passes=["pro", 42, "42", False], fails=[True, "x", 0, 1.5])
test("many texts", "is", [f"text {i}" for i in range(20)], passes=["text 0", "text 19", ["x", "text 7"]], fails=["text 20", "text", "", 7], never=[True, NAN])
test("many values of all kinds", "is", [*range(100), *(f"{i}" for i in range(100, 200)), *(i + 0.5 for i in range(10)), "x", True, 2**64, str(2**70)], passes=[0, 99, 99.0, "99", 100, 199.0, "199", 9.5, "x", True, 2**64, 2**70], fails=[200, "200", 10.5, "9.5", False, 2.0**70, 2**65, "y"], never=[NAN, None])
test("a value that is not finite compares with nothing", "is", [NAN], never=["x", 1, NAN, True])
test("infinities compare with nothing", "is", [INF, Raw("1e999")], never=[INF, "Infinity", 1, Raw("1e999")])
test("beside one that is finite it does not count", "is", [INF, 1], passes=[1], fails=[2, "x"], never=[INF, MINUS_INF])
test("a lone surrogate is a code point", "is", [LONE], passes=[LONE], fails=["x", "x\ufffd"])
bad_values("is compares text, numbers and booleans", "is", None, [], {}, ["x"], {"a": 1})
bad_condition("is needs values", {"attribute": "a", "op": "is"}, {"attribute": "a", "op": "is", "values": []}, {"attribute": "a", "op": "is", "values": "x"}, {"attribute": "a", "op": "is", "values": None}, {"attribute": "a", "op": "is", "values": {}})

# Text

for op, passes, fails in (("contains", ["x", "axb", "xx"], ["", "X", "y"]), ("starts_with", ["x", "xa"], ["", "ax", "X"]), ("ends_with", ["x", "ax"], ["", "xa", "X"])):
    test(op, op, ["x", "xyz"], passes=passes, fails=fails, never=[1, True, NAN, {}])
    bad_values(f"{op} takes text that is not empty", op, "", 1, True, None, ["x"])
test("contains by code points", "contains", ["\u00e9"], passes=["caf\u00e9s"], fails=["cafe\u0301s"])
test("half of a character is in no text", "contains", ["\ud83d"], passes=["\ud83d"], fails=["\U0001f600"])
test("numbers are no text", "contains", ["4"], passes=["42"], never=[42, 4.2])
test("matches anywhere", "matches", ["b+"], passes=["b", "abc", "abbc"], fails=["", "ac", "B"], never=[1, True, {}, LONE])
test("matches, anchored", "matches", ["^b+$"], passes=["b", "bbb"], fails=["ab", "bc", ""])
test("matches, one of several", "matches", ["^a", "z$"], passes=["ax", "xz"], fails=["xzx"])
test("a point is one character, and no newline", "matches", ["^.$"], passes=["a", "\u00e9", "\U0001f600"], fails=["", "ab", "\n", "e\u0301"])
test("classes are of ASCII", "matches", [r"^\w\d$"], passes=["a1"], fails=["\u00e91", "a\u0661"])
test("flags and groups", "matches", ["(?i)^(?:pro|team)$"], passes=["PRO", "Team"], fails=["prof"])
test("1,000 bytes", "matches", ["x" * 1000], passes=["x" * 1000, "x" * 1001], fails=["x" * 999])
bad_values("what is no regular expression", "matches", "", "(", "[a", "*", "a{2,1}", "a)", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "x" * 1001, "\u00e9" * 501, 1, None, LONE)

# Numbers

test("gt", "gt", [5], passes=[6, 5.1, 2**64, 1e300], fails=[5, 5.0, 4, -6], never=["6", True, NAN, INF, {}])
test("gte", "gte", [5], passes=[5, 5.0, 6], fails=[4, 4.9], never=["5", INF])
test("lt", "lt", [5], passes=[4, 4.9, -(2**70)], fails=[5, 5.0, 6], never=["4", False, MINUS_INF])
test("lte", "lte", [5.5], passes=[5, 5.5], fails=[6, 5.6], never=["5"])
test("one of several", "gt", [100, 5], passes=[6], fails=[5])
test("numbers are compared exactly", "gt", [2.0**53], passes=[2**53 + 1], fails=[2**53, 2.0**53])
test("also beyond 64 bits", "lt", [2**64 + 1], passes=[2**64, 2.0**64], fails=[2**64 + 1, 2.0**65])
test("0.1 is a little more than a tenth", "gt", [0.1], passes=[Raw("0.10000000000000002"), 1], fails=[0.1, Raw("0.1000000000000000055"), 0])
for op in ("gt", "gte", "lt", "lte"):
    test(f"{op} with what is not finite", op, [NAN], never=[1, NAN, INF])
    test(f"{op} with infinity", op, [INF, MINUS_INF], never=[1, -1, INF])
    bad_values(f"{op} takes numbers", op, "5", True, None, [5])
test("a value that is not finite, beside one that is", "lt", [INF, 5], passes=[4], fails=[6], never=[INF])

# Times

T = "2026-12-01T00:00:00Z"
test("before", "before", [T], passes=["2026-11-30T23:59:59.999999999Z", "2026-12-01T00:59:59+01:00", 1796083199, 1796083199.5, 0, -1, -(10**30)], fails=[T, "2026-12-01T01:00:00+01:00", "2026-11-30T18:30:00-05:30", 1796083200, 1796083200.0, "2026-12-01T00:00:00.000000001Z"], never=["", "tomorrow", True, NAN, MINUS_INF, {}])
test("after", "after", [T], passes=["2026-12-01T00:00:00.000000001Z", "9999-12-31T23:59:59.999999999-23:59", 1796083201, 1796083200.1, 10**30, 1e300], fails=[T, "2026-12-01T00:00:00-00:00", "2026-12-01T00:00:00.000Z", 1796083200], never=["2026-12-01", INF])
test("the year 0", "before", ["0000-01-01T00:00:00Z"], passes=["0000-01-01T00:00:00+00:01", -62167219201], fails=["0000-01-01T00:00:00Z", -62167219200])
test("the year 0 is a leap year", "after", ["0000-02-28T23:59:59Z"], passes=["0000-02-29T00:00:00Z"], fails=["0000-02-28T00:00:00Z"], never=["0001-02-29T00:00:00Z", "1900-02-29T00:00:00Z"])
test("a number of seconds counts by its exact value", "before", ["2023-11-14T22:13:20.1Z"], passes=[1700000000.1], fails=[Raw("1700000000.1000002")])
test("half a second is exact", "after", ["1970-01-01T00:00:00.5Z"], passes=[0.50000001, 1], fails=[0.5, 0, "1970-01-01T00:00:00.500000000Z"])
test("before 1970", "after", ["1969-12-31T23:59:59.5Z"], passes=[-0.25, 0, "1969-12-31T23:59:59.500000001Z"], fails=[-0.5, -1, -0.75])
test("a fraction of many bits", "after", ["1970-01-01T00:00:00.0001Z"], passes=[Raw("0.00010000000000000001"), 0.0001], fails=[0.00009999999999999999, Raw("1e-5"), 0])
test("a nanosecond", "before", ["1970-01-01T00:00:00.000000001Z"], passes=[0, Raw("9.999999999e-10"), -1e-9], fails=[Raw("1.1e-9"), 1])
test("less than a nanosecond", "after", ["1970-01-01T00:00:00Z"], passes=[5e-324, 1e-30], fails=[0, -5e-324, -0.0])
BAD_TIMES = ["2026-12-01t00:00:00Z", "2026-12-01T00:00:00z", "2026-12-01 00:00:00Z", "2026-12-01T00:00:00", "2026-12-01T00:00Z", "2026-12-01", "2026-12-01T24:00:00Z", "2026-12-01T23:59:60Z", "2026-12-01T23:60:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z"]
BAD_TIMES += ["2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-12-00T00:00:00Z", "2026-12-01T00:00:00.Z", "2026-12-01T00:00:00.0000000000Z", "2026-12-01T00:00:00,5Z", "2026-12-01T00:00:00+24:00", "2026-12-01T00:00:00+00:60", "2026-12-01T00:00:00+0100", "2026-12-01T00:00:00+01", "2026-12-01T0:00:00Z"]
BAD_TIMES += [" 2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z\n", "+2026-12-01T00:00:00Z", "12026-12-01T00:00:00Z", "26-12-01T00:00:00Z", "\uff12026-12-01T00:00:00Z", "1796083200"]
for text in BAD_TIMES:
    test("what is no time", "before", ["9999-01-01T00:00:00Z"], never=[text])
bad_values("times of a definition are text", "before", *BAD_TIMES, 0, 1796083200, None, True)
bad_values("times of a definition are text", "after", "tomorrow", 1796083200.5)

# Versions

ORDER = ["0.0.0-0", "0.0.0", "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "10.0.0", "18446744073709551616.0.0", "18446744073709551617.0.0"]
for lesser, greater in zip(ORDER, ORDER[1:]):
    test("the order of SemVer", "semver_lt", [greater], passes=[lesser, "v" + lesser], fails=[greater])
    test("the order of SemVer", "semver_gt", [lesser], passes=[greater], fails=[lesser])
test("semver_eq", "semver_eq", ["1.2.0"], passes=["1.2.0", "v1.2.0", "1.2", "v1.2", "1.2.0+build", "1.2.0+01.a-b"], fails=["1.2.1", "1.2.0-rc", "1"], never=["", "V1.2.0", "1.2.0 ", 1.2, 1, True])
test("semver_gte", "semver_gte", ["v1.2.3-rc.2+b"], passes=["1.2.3-rc.2", "1.2.3-rc.10", "1.2.3"], fails=["1.2.3-rc.1", "1.2.3-rc", "1.2.3-9"])
test("semver_lte", "semver_lte", ["2"], passes=["2.0.0", "2", "1.99", "2.0.0-rc"], fails=["2.0.1", "3"])
test("identifiers of digits are less", "semver_lt", ["1.0.0-a"], passes=["1.0.0-1", "1.0.0-99", "1.0.0-A", "1.0.0--"], fails=["1.0.0-a.0", "1.0.0-b"])
test("numbers of identifiers have any size", "semver_lt", ["1.0.0-18446744073709551617"], passes=["1.0.0-18446744073709551616", "1.0.0-2"], fails=["1.0.0-18446744073709551618"])
test("one of several versions", "semver_eq", ["1.0.0", "2.0.0"], passes=["1", "2"], fails=["1.5.0"])
BAD_VERSIONS = ["", "v", "V1", "vv1", "a", "01", "1.02", "1.2.03", "1.2.3.4", "1.", "1.2.", ".1", "-1", "+1", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.3-a..b", "1.2.3-a.", "1.2.3-a_b", "1.2.3-\u00e9", "1.2-rc", "1-rc", "1+b", "1.2+b", "1.2.3+a+b", "1.2.3 ", " 1.2.3", "1.2.3\n", "\u0661.0.0", "1.x", "latest"]
for text in BAD_VERSIONS:
    test("what is no version", "semver_gte", ["0.0.0-0"], never=[text])
bad_values("values are versions", "semver_lt", *BAD_VERSIONS, 1, 1.2, None)

# Networks

test("a block", "in_network", ["10.0.0.0/8"], passes=["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "::ffff:a01:203", "::FFFF:0a01:0203"], fails=["11.0.0.0", "9.255.255.255", "::1", "::10.1.2.3", "64:ff9b::10.1.2.3"], never=["", "10.0.0", "10.0.0.0/8", 10, "010.0.0.1", "10.0.0.01", "10.0.0.256", "10.0.0.1 ", "::ffff:10.0.0.1%1", "localhost", {}])
test("host bits are ignored", "in_network", ["10.1.2.3/8"], passes=["10.9.9.9"], fails=["11.1.2.3"])
test("a mapped block", "in_network", ["::ffff:10.0.0.0/104"], passes=["10.1.2.3", "::ffff:10.1.2.3"], fails=["11.0.0.0", "::a00:1"])
test("all of IPv4", "in_network", ["0.0.0.0/0"], passes=["1.2.3.4", "::ffff:1.2.3.4"], fails=["::", "::1.2.3.4"])
test("all of IPv4, mapped", "in_network", ["::ffff:0:0/96"], passes=["1.2.3.4", "::ffff:1.2.3.4"], fails=["::", "::1.2.3.4"])
test("an IPv4 address is in no IPv6 block", "in_network", ["::/0"], passes=["::1", "2001:db8::1"], fails=["1.2.3.4", "::ffff:1.2.3.4"])
test("nor in one of mapped addresses that is longer than IPv4", "in_network", ["::ffff:0.0.0.0/95"], passes=["::fffe:0:1", "::fffe:1.2.3.4"], fails=["1.2.3.4", "::ffff:1.2.3.4"])
test("an address", "in_network", ["10.1.2.3", "2001:DB8::1"], passes=["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:0:0:0:0:0:1"], fails=["10.1.2.4", "2001:db8::2"])
test("a mapped address", "in_network", ["::ffff:10.1.2.3"], passes=["10.1.2.3"], fails=["10.1.2.4"])
test("IPv6", "in_network", ["2001:db8::/32"], passes=["2001:db8::", "2001:db8:ffff::1"], fails=["2001:db9::", "10.0.0.1"], never=["2001:db8::1%eth0", "2001:db8::1::", "2001:db8", "[2001:db8::1]", "12345::", "2001:db8::/32"])
BAD_BLOCKS = ["", "10.0.0", "010.0.0.0/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/255.0.0.0", "/8", "10.0.0.0/8/8", "::/129", "fe80::%eth0/10", "fe80::1%eth0", "::ffff:10.0.0.0/129", "10.0.0.300", "10.0.0.0/a", "localhost"]
bad_values("values are addresses and blocks", "in_network", *BAD_BLOCKS, 1, None)

# Time

for note, period, now, passed in (
    ("from includes", {"from": T}, "1796083200", True), ("before from", {"from": T}, "1796083199.999999", False), ("until excludes", {"until": T}, "1796083200", False),
    ("before until", {"until": T}, "1796083199.999999", True), ("nanoseconds count", {"from": "2026-12-01T00:00:00.000000001Z"}, "1796083200", False),
    ("nanoseconds count, one microsecond later", {"from": "2026-12-01T00:00:00.000000001Z"}, "1796083200.000001", True), ("nanoseconds of until", {"until": "2026-12-01T00:00:00.000000001Z"}, "1796083200", True),
    ("both", {"from": T, "until": "2026-12-01T00:00:00.000001Z"}, "1796083200", True), ("both, later", {"from": T, "until": "2026-12-01T00:00:00.000001Z"}, "1796083200.000001", False),
    ("a year that only its offset takes beyond 9999", {"until": "9999-12-31T23:59:59-05:00"}, "253402300799", True), ("a year that only its offset takes below 0", {"from": "0000-01-01T00:00:00+05:00"}, "0", True),
    ("offsets", {"from": "2026-12-01T01:00:00+01:00", "until": "2026-12-01T00:00:01-00:00"}, "1796083200.5", True), ("before 1970", {"until": "1969-12-31T23:59:59.5Z"}, "-0.5", False), ("before 1970", {"until": "1969-12-31T23:59:59.5Z"}, "-0.500001", True),
):
    for negated in (False, True):
        holds(f"time: {note}, not: {negated}", {"time": period, "not": negated}, {}, passed != negated, now=Raw(now))
bad_condition("a time has from, until or both, in order", *({"time": period} for period in ({}, None, [], T, {"from": None}, {"from": 0}, {"from": "tomorrow"}, {"from": T, "until": T}, {"from": "2026-12-01T00:00:01Z", "until": T}, {"from": T, "to": T}, {"from": T, "not": True}, {"until": "2026-12-01T01:00:00+24:00"})))

# Shares, salts and buckets

BUCKETS = [("NEW_CHECKOUT", 42, 2492), ("NEW_CHECKOUT", 43, 19271), ("NEW_CHECKOUT", -7, 6343), ("NEW_CHECKOUT", "zo\u00eb", 38512), ("NEW_SEARCH", 42, 31005), ("checkout layer", 42, 35088)]
for salt, value, bucket in BUCKETS:
    values = [value, str(value), float(value)] if isinstance(value, int) else [value]
    for given in values:
        for first, last, passed in ((bucket, bucket + 1, True), (0, bucket, False), (0, bucket + 1, True), (bucket + 1, 100000, False), (bucket, 100000, True)):
            for negated in (False, True):
                holds(f"the bucket of {salt}, {value}, not: {negated}", {"share": {"by": "a", "salt": salt, "from": first, "to": last}, "not": negated}, {"a": given}, passed != negated)
    at = {"split": {"by": "a", "shares": [{"variant": "on", "share": bucket + 1}]}}
    below = {"split": {"by": "a", "hash": "xxh64", "shares": [{"variant": "on", "share": bucket}]}}
    case("the flag's name is the salt", item(definition(at), salt), {"a": value}, SPLIT)
    case("the flag's name is the salt", item(definition(below), salt), {"a": value}, OFF)
holds("the flag's name is the salt of its shares", {"share": {"by": "a", "from": 2492, "to": 2493}}, {"a": 42}, OFF)
case("of a segment it is the segment's name", item(definition({"if": [{"flag": "NEW_CHECKOUT", "is": ["on"]}], "serve": "on"})), {"a": 42}, ON, others=[item(definition({"if": [{"share": {"by": "a", "from": 2492, "to": 2493}}], "serve": "on"}), "NEW_CHECKOUT")])
everyone = {"split": {"by": "a", "shares": [{"variant": "on", "share": 100000}]}}
for value in ("", LONE, 1.5, 2.0**53, -(2.0**53), 1e300, NAN, INF, True, False, None, [], ["x"], {}, {"a": 1}):
    for fields in ({}, {"hash": "carta"}):
        case("what has no bucket goes on", item(definition({"split": {"by": "a", **fields, "shares": [{"variant": "on", "share": 100000}]}})), {"a": value}, OFF)
        for negated in (False, True):
            holds(f"what has no bucket is in no share, not: {negated}", {"share": {"by": "a", **fields, "from": 0, "to": 100000}, "not": negated}, {"a": value}, False)
for value in (0, -0.0, 2.0**53 - 1, 2**53, 2**64, 10**40, "x", " ", "\u0000", "\U0001f600", "y" * 1000):
    case("what has a bucket", item(definition(everyone)), {"a": value}, SPLIT)
for left, right in ((0, -0.0), (0, "0"), (2**53 - 1, 2.0**53 - 1), (-1, "-1"), (2**64, str(2**64))):
    bucket = xxhash.xxh64_intdigest(str(left), xxhash.xxh64_intdigest("s", 0)) % 100000
    for value in (left, right):
        for share, answer in ((bucket, OFF), (bucket + 1, SPLIT)):
            case("one user, in two kinds", item(definition({"split": {"by": "a", "salt": "s", "shares": [{"variant": "on", "share": share}]}})), {"a": value}, answer)
CARTA = [(1, 48000), (2, 94000), (42, 51000), (42.0, 37000), ("42", 63000), ("zo\u00eb", 37000)]
for value, bucket in CARTA:
    for share, on in ((bucket, False), (bucket + 1, True), (bucket + 1000, True)):
        case("the hash carta", item(definition({"split": {"by": "user_id", "hash": "carta", "shares": [{"variant": "on", "share": share}]}}), "any name"), {"user_id": value, "plan": "pro"}, SPLIT if on else OFF)
    holds("the hash carta in a share", {"share": {"by": "user_id", "hash": "carta", "from": bucket, "to": bucket + 1}}, {"user_id": value}, True)
bad_condition("bounds of a share", *({"share": {"by": "a", "from": first, "to": last}} for first, last in ((0, 0), (5, 5), (6, 5), (-1, 5), (0, 100001), (100000, 100000), (0.0, 5), (0, 5.0), (Raw("0e0"), 5), ("0", 5), (None, 5), (True, 5), (0, 2**64))))
bad_condition("fields of a share", *({"share": share} for share in ({}, None, [], "a", {"by": "a", "from": 0}, {"by": "a", "to": 5}, {"from": 0, "to": 5}, {"by": "", "from": 0, "to": 5}, {"by": "/~", "from": 0, "to": 5}, {"by": None, "from": 0, "to": 5}, {"by": 1, "from": 0, "to": 5}, {"by": "a", "from": 0, "to": 5, "salt": ""}, {"by": "a", "from": 0, "to": 5, "salt": None}, {"by": "a", "from": 0, "to": 5, "salt": 1}, {"by": "a", "from": 0, "to": 5, "salt": LONE}, {"by": "a", "from": 0, "to": 5, "hash": "md5"}, {"by": "a", "from": 0, "to": 5, "hash": ""}, {"by": "a", "from": 0, "to": 5, "hash": None}, {"by": "a", "from": 0, "to": 5, "hash": "XXH64"}, {"by": "a", "from": 0, "to": 5, "hash": "carta", "salt": "s"}, {"by": "/a", "from": 0, "to": 5, "hash": "carta"}, {"by": "randomizer", "from": 0, "to": 5, "hash": "carta"}, {"by": "a", "from": 0, "to": 5, "not": True})))
bad_condition("a share that is an int", {"share": 10000})

# Splits

THREE = {"variants": {"grey": "#888", "blue": "#00f", "green": "#0f0"}, "off": "grey", "default": "grey"}


def three(*shares, **fields):
    return definition({"split": {"by": "a", "salt": "NEW_CHECKOUT", **fields, "shares": [{"variant": variant, "share": share} for variant, share in shares]}}, **THREE)


for shares, variant in (([("blue", 2493)], "blue"), ([("blue", 2492)], None), ([("blue", 2492), ("green", 1)], "green"), ([("blue", 2492), ("green", 0), ("grey", 97508)], "grey"), ([("green", 0), ("blue", 2000), ("green", 1000)], "green"), ([("blue", 0), ("blue", 2492), ("blue", 0), ("green", 0)], None), ([("blue", 100000)], "blue"), ([("blue", 50000), ("green", 50000)], "blue")):
    answer = served("grey", "DEFAULT", value="#888") if variant is None else served(variant, "SPLIT", 0, {"grey": "#888", "blue": "#00f", "green": "#0f0"}[variant], variant != "grey")
    case("shares lie end to end", item(three(*shares)), {"a": 42}, answer)
case("a share of 0 for everybody", item(definition({"split": {"shares": [{"variant": "on", "share": 0}]}})), {"a": 1}, OFF)
case("a random split for everybody", item(definition({"split": {"shares": [{"variant": "on", "share": 100000}]}})), {}, SPLIT)
case("a salt beside a random split has no effect", item(definition({"split": {"salt": "s", "shares": [{"variant": "on", "share": 100000}]}})), {}, SPLIT)
case("beyond the last share, the next rule is asked", item(definition({"split": {"by": "a", "salt": "NEW_CHECKOUT", "shares": [{"variant": "on", "share": 2492}]}}, {"serve": "on"})), {"a": 42}, served("on", "TARGETING_MATCH", 1))
for split in (
    {}, None, [], {"by": "a"}, {"by": "a", "shares": []}, {"by": "a", "shares": None}, {"by": "a", "shares": {"on": 5}}, {"by": "a", "shares": [{}]}, {"by": "a", "shares": [{"variant": "on"}]}, {"by": "a", "shares": [{"share": 5}]}, {"by": "a", "shares": [None]},
    {"by": "a", "shares": [{"variant": "no", "share": 5}]}, {"by": "a", "shares": [{"variant": "on", "share": -1}]}, {"by": "a", "shares": [{"variant": "on", "share": 100001}]}, {"by": "a", "shares": [{"variant": "on", "share": 5.0}]}, {"by": "a", "shares": [{"variant": "on", "share": Raw("1e4")}]},
    {"by": "a", "shares": [{"variant": "on", "share": "5"}]}, {"by": "a", "shares": [{"variant": "on", "share": None}]}, {"by": "a", "shares": [{"variant": "on", "share": 60000}, {"variant": "off", "share": 40001}]}, {"by": "a", "shares": [{"variant": "on", "share": 5, "weight": 1}]}, {"by": "a", "shares": [{"variant": "on", "share": 2**64}]},
    {"by": "a", "shares": [{"variant": "on", "share": 5}], "seed": 1}, {"hash": "xxh64", "shares": [{"variant": "on", "share": 5}]}, {"hash": "carta", "shares": [{"variant": "on", "share": 5}]}, {"by": "", "shares": [{"variant": "on", "share": 5}]}, {"by": "/~2", "shares": [{"variant": "on", "share": 5}]}, {"by": ["a"], "shares": [{"variant": "on", "share": 5}]},
    {"by": "a", "salt": "", "shares": [{"variant": "on", "share": 5}]}, {"by": "a", "hash": "fnv", "shares": [{"variant": "on", "share": 5}]}, {"by": "a", "hash": "carta", "salt": "s", "shares": [{"variant": "on", "share": 5}]}, {"by": "/a", "hash": "carta", "shares": [{"variant": "on", "share": 5}]}, {"by": "randomizer", "hash": "carta", "shares": [{"variant": "on", "share": 5}]},
):
    unreadable("what is no split", definition({"split": split}))

# Ramps

WEEK = {"start": "2026-12-01T00:00:00Z", "end": "2026-12-08T00:00:00Z"}


def ramp(first, last, before=2000, **times):
    shares = [{"variant": "off", "share": before}, {"variant": "on", "ramp": {"from": first, "to": last, **(times or WEEK)}}]
    return definition({"split": {"by": "a", "salt": "NEW_CHECKOUT", "shares": shares}}, default="off")


# User 42 is in bucket 2492, which is the 493rd after the first 2,000.
for note, of, now, on in (
    ("before the start", ramp(492, 1000), "1796083199.999999", False), ("before the start, from", ramp(493, 0), "1796083199.999999", True), ("at the start", ramp(493, 0), "1796083200", True), ("at the end", ramp(0, 493), "1796688000", True),
    ("a microsecond before the end", ramp(0, 493), "1796687999.999999", False), ("long after the end", ramp(0, 492), "253402300799", False), ("the middle", ramp(0, 986), "1796385600", True), ("just before the middle", ramp(0, 986), "1796385599.999999", False),
    ("a falling ramp is rounded down", ramp(986, 0), "1796385600", True), ("a falling ramp after the middle", ramp(986, 0), "1796385600.000001", False), ("a falling ramp, at the start", ramp(493, 492), "1796083200", True), ("a falling ramp falls at once", ramp(493, 492), "1796083200.000001", False),
    ("a ramp from a share to the same", ramp(493, 493), "1796385600", True), ("nobody, to nobody", ramp(0, 0), "1796385600", False),
    ("microseconds: 2/3", ramp(0, 739, start="2026-12-01T00:00:00Z", end="2026-12-01T00:00:00.000003Z"), "1796083200.000002", False), ("microseconds: 2/3 of 740", ramp(0, 740, start="2026-12-01T00:00:00Z", end="2026-12-01T00:00:00.000003Z"), "1796083200.000002", True),
    ("start and end are rounded down", ramp(0, 740, start="2026-12-01T00:00:00.000000999Z", end="2026-12-01T00:00:00.000003999Z"), "1796083200.000002", True), ("at the rounded end", ramp(0, 493, start="2026-12-01T00:00:00.000000999Z", end="2026-12-01T00:00:00.000003999Z"), "1796083200.000003", True),
    ("within one microsecond, before", ramp(493, 0, start="2026-12-01T00:00:00.000000001Z", end="2026-12-01T00:00:00.000000002Z"), "1796083199.999999", True), ("within one microsecond, at it", ramp(493, 0, start="2026-12-01T00:00:00.000000001Z", end="2026-12-01T00:00:00.000000002Z"), "1796083200", False),
    ("a ramp of 9,999 years, at 493 of 98,000", ramp(0, 98000, start="0000-01-01T00:00:00Z", end="9999-12-31T23:59:59.999999Z"), "-60579711308", True), ("a second earlier", ramp(0, 98000, start="0000-01-01T00:00:00Z", end="9999-12-31T23:59:59.999999Z"), "-60579711309", False),
    ("before 1970", ramp(0, 986, start="1969-12-31T23:59:58Z", end="1970-01-01T00:00:00Z"), "-1", True), ("before 1970, earlier", ramp(0, 986, start="1969-12-31T23:59:58Z", end="1970-01-01T00:00:00Z"), "-1.000001", False), ("offsets", ramp(0, 986, start="2026-12-01T01:00:00+01:00", end="2026-12-07T22:00:00-02:00"), "1796385600", True),
):
    case(f"ramp: {note}", item(of), {"a": 42}, SPLIT if on else OFF, now=Raw(now))
case("a ramp alone", item(definition({"split": {"by": "a", "salt": "NEW_CHECKOUT", "shares": [{"variant": "on", "ramp": {"from": 0, "to": 100000, **WEEK}}]}})), {"a": 42}, SPLIT, now=Raw("1796385600"))
case("a random ramp that is over", item(definition({"split": {"shares": [{"variant": "on", "ramp": {"from": 0, "to": 100000, **WEEK}}]}})), {}, SPLIT, now=Raw("1796688000"))
good = {"from": 0, "to": 5, **WEEK}
for bad in ({}, None, [], 5, {**good, "from": -1}, {**good, "to": 100001}, {**good, "from": 0.0}, {**good, "to": "5"}, {**good, "start": None}, {**good, "end": 5}, {**good, "start": good["end"]}, {**good, "start": good["end"], "end": good["start"]}, {**good, "start": "now"}, {**good, "step": 1}, {"to": 5, **WEEK}, {"from": 0, **WEEK}, {"from": 0, "to": 5, "start": T}, {"from": 0, "to": 5, "end": T}):
    unreadable("what is no ramp", definition({"split": {"by": "a", "shares": [{"variant": "on", "ramp": bad}]}}))
for shares in ([{"variant": "on", "ramp": good}, {"variant": "off", "share": 5}], [{"variant": "on", "ramp": good}, {"variant": "off", "ramp": good}], [{"variant": "on", "ramp": good, "share": 5}], [{"variant": "no", "ramp": good}], [{"ramp": good}]):
    unreadable("a ramp is the last share", definition({"split": {"by": "a", "shares": shares}}))
for first, last, before, beyond in ((0, 50000, 50000, False), (50000, 0, 50000, False), (0, 50001, 50000, True), (50001, 0, 50000, True)):
    case("a ramp counts at its greater end", item(ramp(first, last, before)), {"a": 42}, ERROR if beyond else served("off", "SPLIT", 0))

# Other flags

YES = definition({"if": [{"attribute": "a", "op": "is", "values": ["yes"]}], "serve": "on"})
BROKEN = {**YES, "version": 2}


def asks(name, *variants, **fields):
    return {"flag": name, "is": list(variants or ["on"]), **fields}


for value in ("yes", "no"):
    for negated in (False, True):
        holds(f"a segment, not: {negated}", asks("s", **{"not": negated}), {"a": value}, (value == "yes") != negated, others=[item(YES, "s")])
        holds(f"off can be asked for, not: {negated}", asks("s", "off", **{"not": negated}), {"a": value}, (value == "no") != negated, others=[item(YES, "s")])
holds("one of several variants", asks("s", "no such", "on", "on"), {"a": "yes"}, True, others=[item(YES, "s")])
holds("a variant that the flag does not have", asks("s", "blue"), {"a": "yes"}, False, others=[item(YES, "s")])
holds("a flag that is not enabled serves its off variant", asks("s"), {"a": "yes"}, False, others=[item(YES, "s", False)])
holds("which can be asked for", asks("s", "off"), {"a": "yes"}, True, others=[item(YES, "s", False)])
holds("whatever its name is", asks("s", "grey"), {"a": 42}, True, others=[item(three(("blue", 100000)), "s", False)])
holds("a flag with three variants", asks("s", "blue"), {"a": 42}, True, others=[item(three(("blue", 100000)), "s")])
holds("a flag without rules", asks("s"), {}, True, others=[item({"version": 1, "off": "off", "default": "on"}, "s")])
for negated in (False, True):
    condition = asks("s", **{"not": negated})
    holds(f"a flag that is missing, not: {negated}", condition, {}, ERROR)
    holds(f"a flag that cannot be read, not: {negated}", condition, {}, ERROR, others=[item(BROKEN, "s")])
    holds(f"a flag that cannot be read and is not enabled, not: {negated}", condition, {}, ERROR, others=[item(BROKEN, "s", False)])
    holds(f"a flag that asks a missing one, not: {negated}", condition, {}, ERROR, others=[item(definition({"if": [asks("t")], "serve": "on"}), "s")])
    holds(f"a flag that asks itself, not: {negated}", asks("main", **{"not": negated}), {}, ERROR)
    holds(f"a circle of two, not: {negated}", condition, {}, ERROR, others=[item(definition({"if": [asks("main")], "serve": "on"}), "s")])
holds("a flag that is not enabled ends a circle", asks("s", "off"), {}, True, others=[item(definition({"if": [asks("main")], "serve": "on"}), "s", False)])
holds("a circle that is not gone through", asks("s", "off"), {}, True, others=[item(definition({"if": [{"attribute": "b", "op": "exists"}, asks("main")], "serve": "on"}), "s")])
case("a condition that is not passed hides an error behind it", item(definition({"if": [{"attribute": "b", "op": "exists"}, asks("s")], "serve": "on"})), {}, OFF)
case("an error in front of it counts", item(definition({"if": [asks("s"), {"attribute": "b", "op": "exists"}], "serve": "on"})), {}, ERROR)
case("a rule that served hides an error behind it", item(definition({"serve": "on"}, {"if": [asks("s")], "serve": "on"})), {}, ON)
case("an error ends the evaluation", item(definition({"if": [asks("s")], "serve": "on"}, {"serve": "on"})), {}, ERROR)
case("a flag that is not enabled asks nobody", item(definition({"if": [asks("s")], "serve": "on"}), enabled=False), {}, DISABLED)
holds("any: one that is passed hides an error behind it", {"any": [{"attribute": "a", "op": "exists"}, asks("s")]}, {"a": 1}, True)
holds("any: an error in front of it counts", {"any": [asks("s"), {"attribute": "a", "op": "exists"}]}, {"a": 1}, ERROR)
holds("any: one that is not passed hides nothing", {"any": [{"attribute": "b", "op": "exists"}, asks("s")]}, {"a": 1}, ERROR)
holds("all: one that is not passed hides an error behind it", {"all": [{"attribute": "b", "op": "exists"}, asks("s")]}, {"a": 1}, False)
holds("all: one that is passed hides nothing", {"all": [{"attribute": "a", "op": "exists"}, asks("s")]}, {"a": 1}, ERROR)
for length in (1, 7, 8, 9):
    chain = [item(definition({"if": [asks(f"level {i + 1}")], "serve": "on"}), f"level {i}") for i in range(1, length)]
    for last, note in ((item(definition({"serve": "on"}), f"level {length}"), "on"), (item(definition(default="on"), f"level {length}"), "static"), (carta(f"level {length}"), "of Carta's model")):
        holds(f"{length} flags below, the last {note}", asks("level 1"), {}, ERROR if length == 9 else True, others=[*chain, last])
    holds(f"{length} flags below, the last not enabled", asks("level 1", "off"), {}, ERROR if length == 9 else True, others=[*chain, item(YES, f"level {length}", False)])
both = {"if": [asks("level 1"), asks("level 8")], "serve": "on"}
chain = [item(definition({"if": [asks(f"level {i + 1}")], "serve": "on"}), f"level {i}") for i in range(1, 8)] + [item(definition({"serve": "on"}), "level 8")]
case("a flag may be asked at two levels", item(definition(both)), {}, ON, others=chain)
deep = [item(definition({"if": [asks("level 8")], "serve": "on"}), "x"), item(definition({"if": [asks("level 1")], "serve": "on"}), "y")]
case("what was asked at a level counts anew at another", item(definition({"if": [asks("level 1"), asks("x")], "serve": "on"})), {}, ON, others=[*chain, *deep])
case("down to the last level", item(definition({"if": [asks("level 2"), asks("z")], "serve": "on"})), {}, ON, others=[*chain, item(definition({"if": [asks("level 2")], "serve": "on"}), "z")])
case("also where that is too deep", item(definition({"if": [asks("level 1"), asks("y")], "serve": "on"})), {}, ERROR, others=[*chain, *deep])
random_flag = item(definition({"split": {"shares": [{"variant": "on", "share": 50000}]}}), "r")
for position in range(10):
    case("within an evaluation, a random flag draws once", item(definition({"if": [asks("r"), asks("r", "off")], "serve": "on"})), {"n": position}, OFF, others=[random_flag])
bad_condition("conditions on flags", *({"flag": name, "is": variants} for name, variants in (("", ["on"]), (None, ["on"]), (1, ["on"]), ("s", []), ("s", None), ("s", "on"), ("s", [1]), ("s", [None]), ("s", [True]), ("s", [""]), ("s", ["x" * 101]), ("s", {}))))
bad_condition("conditions on flags", {"flag": "s"}, {"flag": "s", "is": ["on"], "values": ["on"]}, {"flag": "s", "op": "is", "values": ["on"]})

# Flags of Carta's model

CONDITIONS = [{"a": [{"variable": "a", "value": 5, "operator": "gt"}]}]
HALF = {"type": "ConsistentHashPercentageBucketer", "percentage": {"type": "Percentage", "value": 0.5}, "key_whitelist": ["user_id"]}
for note, other, attributes, answer in (
    ("on", carta("s"), {}, True), ("not enabled", carta("s", False), {}, False), ("null counts as enabled", carta("s", None), {}, True), ("conditions hold", carta("s", conditions=CONDITIONS), {"a": 6}, True), ("conditions do not hold", carta("s", conditions=CONDITIONS), {"a": 5}, False),
    ("conditions let through who lacks the attribute", carta("s", conditions=CONDITIONS), {"b": 1}, True), ("conditions are not asked without attributes", carta("s", conditions=CONDITIONS), {}, True), ("conditions that cannot be evaluated", carta("s", conditions=CONDITIONS), {"a": "x"}, ERROR),
    ("conditions switch the bucketer off", carta("s", conditions=CONDITIONS, bucketer=HALF), {"a": 6, "user_id": 2}, True), ("the bucketer, in", carta("s", bucketer=HALF), {"user_id": 1}, True), ("the bucketer, out", carta("s", bucketer=HALF), {"user_id": 2}, False), ("the bucketer, without the attribute", carta("s", bucketer=HALF), {}, True),
    ("nobody", carta("s", bucketer={"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 0.0}}), {}, False), ("client data is no object", carta("s", client_data=[1]), {}, True), ("other reserved names", carta("s", client_data={"$other": 1, "$": 2}), {}, True),
):
    holds(f"Carta's model: {note}", asks("s"), attributes, answer, others=[other])
    if isinstance(answer, bool):
        holds(f"Carta's model, off: {note}", asks("s", "off"), attributes, not answer, others=[other])
for note, of, attributes, answer in (
    ("static", carta("main"), {}, served("on", "STATIC")), ("disabled", carta("main", False), {}, DISABLED), ("conditions hold", carta("main", conditions=CONDITIONS), {"a": 6}, served("on", "TARGETING_MATCH")), ("conditions do not hold", carta("main", conditions=CONDITIONS), {"a": 5}, OFF),
    ("the bucketer, in", carta("main", bucketer=HALF), {"user_id": 1}, served("on", "SPLIT")), ("the bucketer, out", carta("main", bucketer=HALF), {"user_id": 2}, served("off", "SPLIT")), ("cannot be evaluated", carta("main", conditions=CONDITIONS), {"a": "x"}, ERROR),
):
    case(f"a flag of Carta's model: {note}", of, attributes, answer)
for conditions, bucketer in (([], HALF), (CONDITIONS, {"type": "NoOpBucketer"}), ([], {"type": "PercentageBucketer", "percentage": {"type": "Percentage", "value": 0.0}})):
    case("what Python's clients see is ignored beside rules", item(YES, conditions=conditions, bucketer=bucketer), {"a": "yes", "user_id": 2}, ON)
    case("what Python's clients see is ignored beside rules", item(YES, conditions=conditions, bucketer=bucketer), {"a": "no", "user_id": 1}, OFF)

# any and all

A, B = ({"attribute": name, "op": "exists"} for name in ("a", "b"))
for attributes in ({}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}):
    holds("any", {"any": [A, B]}, attributes, bool(attributes))
    holds("all", {"all": [A, B]}, attributes, len(attributes) == 2)
    holds("any of not", {"any": [{**A, "not": True}, {**B, "not": True}]}, attributes, len(attributes) < 2)
    holds("all within any", {"any": [{"all": [A, B]}, {"all": [{**A, "not": True}, {**B, "not": True}]}]}, attributes, len(attributes) != 1)
    case("all conditions of a rule must hold", item(definition({"if": [A, B], "serve": "on"})), attributes, ON if len(attributes) == 2 else OFF)
for depth in (8, 9):
    nested = A
    for i in range(depth):
        nested = {"any" if i % 2 else "all": [nested]}
    holds(f"{depth} of any and all within each other", nested, {"a": 1}, ERROR if depth == 9 else True)
bad_condition("groups", {"any": []}, {"all": []}, {"any": None}, {"all": A}, {"any": [None]}, {"any": [A], "not": True}, {"any": [A], "not": False}, {"all": [A], "not": True}, {"any": [A], "all": [A]}, {"any": [{}]}, {"any": [A], "attribute": "a"}, {"Any": [A]})
bad_condition("what is no condition", {}, None, [], "a", 1, True, [A], {"not": True}, {"op": "exists"}, {"attribute": "a"}, {"attribute": "a", "values": ["x"]}, {"attribute": None, "op": "exists"}, {"attribute": 1, "op": "exists"}, {"attribute": ["a"], "op": "exists"})
bad_condition("two conditions in one", {**A, "flag": "s", "is": ["on"]}, {**A, "time": {"from": T}}, {**A, "share": {"by": "a", "from": 0, "to": 5}}, {"time": {"from": T}, "share": {"by": "a", "from": 0, "to": 5}})
bad_condition("operators", *({"attribute": "a", "op": op, "values": ["x"]} for op in ("equals", "IS", "", "eq", "not", "in", None, 1, ["is"], "semver", "semver_ne", "Exists")))
bad_condition("exists has no values", {**A, "values": ["x"]}, {**A, "values": []}, {**A, "values": None})
bad_condition("not is a boolean", *({**A, "not": value} for value in (None, 0, 1, "true", [], {})))
bad_condition("not is a boolean", {"time": {"from": T}, "not": 1}, {"share": {"by": "a", "from": 0, "to": 5}, "not": None}, {"flag": "s", "is": ["on"], "not": "x"})
bad_condition("unknown fields", {**A, "comment": "x"}, {**A, "Not": True}, {**A, "case_insensitive": True}, {**A, "": 1})
holds("not: false", {**A, "not": False}, {"a": 1}, True)

# Definitions

case("no rules", item({"version": 1, "off": "off", "default": "on"}), {}, served("on", "STATIC"))
case("an empty list of rules", item({"version": 1, "off": "off", "default": "on", "rules": []}), {}, served("on", "STATIC"))
case("no rule decides", item(definition(YES["rules"][0], default="on")), {"a": "no"}, served("on", "DEFAULT"))
case("a rule without conditions holds", item(definition({"serve": "on"})), {}, ON)
case("a rule with an empty list of conditions holds", item(definition({"if": [], "serve": "on"})), {}, ON)
case("the first rule that holds decides", item(definition(YES["rules"][0], {"name": "all", "serve": "off"}, {"serve": "on"})), {"a": "no"}, served("off", "TARGETING_MATCH", 1))
case("names of rules need not be unique", item(definition({"name": "x", "serve": "on"}, {"name": "x", "serve": "on"})), {}, ON)
case("python does not matter to an evaluator", item(definition({"serve": "on"}, python="on")), {}, ON)
case("python: off", item(definition({"serve": "on"}, python="off")), {}, ON)
case("the order of fields does not matter", item({"rules": [{"serve": "on", "if": []}], "default": "off", "off": "off", "version": 1}), {}, ON)
case("not enabled", item(definition({"serve": "on"}), enabled=False), {}, DISABLED)
for enabled in (None, 0, "", "false", [], 1):
    case("anything but false counts as enabled", item(definition({"serve": "on"}), enabled=enabled), {}, ON)
case("not enabled, with variants", item(three(("blue", 100000)), enabled=False), {"a": 42}, served("grey", "DISABLED", value="#888", enabled=False))
for variants, off, default, value in (
    ({"a": "", "b": "x"}, "a", "b", "x"), ({"a": 0, "b": 1.0, "c": 2**70}, "a", "c", 2**70), ({"a": 0, "b": 1.0}, "a", "b", 1.0), ({"a": {}, "b": [1, {"c": None}]}, "a", "b", [1, {"c": None}]), ({"a": [], "b": {"$rules": None}}, "a", "b", {"$rules": None}), ({"x": "same", "y": "same"}, "x", "y", "same"),
    ({"no": False, "yes": True, "never": False}, "no", "yes", True), ({"\u00e9" * 50: 1, "on": 0}, "on", "\u00e9" * 50, 1), ({"on": False, "off": True}, "on", "off", True),
):
    of = {"version": 1, "variants": variants, "off": off, "default": default}
    case("the value of a variant", item(of), {}, served(default, "STATIC", value=value, enabled=True))
    case("the value of the off variant", item({**of, "default": off}), {}, served(off, "STATIC", value=variants[off], enabled=False))
case("a boolean flag is on by its value, not by its variant", item({"version": 1, "variants": {"no": False, "never": False}, "off": "no", "default": "never"}), {}, served("never", "STATIC", value=False, enabled=False))
case("100 variants", item({"version": 1, "variants": {f"v{i}": i for i in range(100)}, "off": "v0", "default": "v99"}), {}, served("v99", "STATIC", value=99, enabled=True))
case("1,000 rules", item(definition(*[{"if": [A], "serve": "off"}] * 999, {"serve": "on"})), {}, served("on", "TARGETING_MATCH", 999))
case("100 conditions", item(definition({"if": [A] * 100, "serve": "on"})), {"a": 1}, ON)
case("groups do not count", item(definition({"if": [{"all": [A] * 50}, {"any": [{"all": [A] * 50}]}], "serve": "on"})), {"a": 1}, ON)
case("a name of 100 bytes", item(definition({"name": "\u00e9" * 50, "serve": "on"})), {}, ON)
for note, of in (
    ("version", {**YES, "version": 2}), ("version", {**YES, "version": 0}), ("version", {**YES, "version": 1.0}), ("version", {**YES, "version": Raw("1e0")}), ("version", {**YES, "version": "1"}), ("version", {**YES, "version": True}), ("version", {**YES, "version": None}), ("no version", {"off": "off", "default": "off"}),
    ("no off", {"version": 1, "default": "off"}), ("no default", {"version": 1, "off": "off"}), ("off is null", {**YES, "off": None}), ("off is no name", {**YES, "off": False}), ("off is unknown", {**YES, "off": "no"}), ("default is unknown", {**YES, "default": "no"}), ("default is null", {**YES, "default": None}), ("default is empty", {**YES, "default": ""}),
    ("off of a boolean flag is false", {**YES, "off": "on"}), ("off of a boolean flag is false", {**YES, "variants": {"on": True, "off": True}}), ("off is not among the variants", {**YES, "variants": {"grey": 1}}), ("rules", {**YES, "rules": None}), ("rules", {**YES, "rules": {}}), ("rules", {**YES, "rules": "x"}), ("rules", {**YES, "rules": [None]}), ("rules", {**YES, "rules": [[]]}),
    ("unknown field", {**YES, "comment": "x"}), ("unknown field", {**YES, "Rules": []}), ("unknown field", {**YES, "": 1}), ("python", {**YES, "python": None}), ("python", {**YES, "python": True}), ("python", {**YES, "python": "yes"}), ("python", {**YES, "python": ""}),
    ("no variants", {**YES, "variants": {}}), ("no variants", {**YES, "variants": None}), ("no variants", {**YES, "variants": []}), ("variants", {**YES, "variants": ["on", "off"]}), ("null is no value", {**YES, "variants": {"on": None, "off": None}}), ("kinds differ", {**YES, "variants": {"on": True, "off": "false"}}), ("kinds differ", {**YES, "variants": {"on": 1, "off": "1"}}), ("kinds differ", {**YES, "variants": {"on": 1, "off": False}}), ("kinds differ", {**YES, "variants": {"on": [], "off": ""}}),
    ("not finite", {**YES, "variants": {"on": NAN, "off": 0}}), ("not finite", {**YES, "variants": {"on": Raw("1e999"), "off": 0}}), ("not finite, within", {**YES, "variants": {"on": {"x": [INF]}, "off": {}}}), ("a name is empty", {**YES, "variants": {"on": 1, "off": 0, "": 2}}), ("a name is too long", {**YES, "variants": {"on": 1, "off": 0, "x" * 101: 2}}), ("a name is too long", {**YES, "variants": {"on": 1, "off": 0, "\u00e9" * 51: 2}}), ("a name is not Unicode", {**YES, "variants": {"on": 1, "off": 0, LONE: 2}}),
    ("101 variants", {"version": 1, "variants": {f"v{i}": i for i in range(101)}, "off": "v0", "default": "v1"}), ("1,001 rules", definition(*[{"serve": "on"}] * 1001)), ("101 conditions", definition({"if": [A] * 101, "serve": "on"})), ("101 conditions within groups", definition({"if": [{"all": [A] * 50}, {"any": [{"all": [A] * 51}]}], "serve": "on"})),
    ("a rule that serves nothing", definition({})), ("a rule that serves nothing", definition({"if": [A]})), ("serve and split", definition({"serve": "on", "split": {"by": "a", "shares": [{"variant": "on", "share": 5}]}})), ("serve is unknown", definition({"serve": "no"})), ("serve is null", definition({"serve": None})), ("serve is no name", definition({"serve": True})), ("serve is empty", definition({"serve": ""})),
    ("name of a rule", definition({"name": "", "serve": "on"})), ("name of a rule", definition({"name": "x" * 101, "serve": "on"})), ("name of a rule", definition({"name": "\u00e9" * 51, "serve": "on"})), ("name of a rule", definition({"name": None, "serve": "on"})), ("name of a rule", definition({"name": 1, "serve": "on"})), ("if", definition({"if": None, "serve": "on"})), ("if", definition({"if": {}, "serve": "on"})), ("if", definition({"if": A, "serve": "on"})),
    ("unknown field of a rule", definition({"serve": "on", "comment": "x"})), ("unknown field of a rule", definition({"serve": "on", "not": True})), ("an unknown field behind a rule that serves", definition({"serve": "on"}, {"serve": "on", "x": 1})),
    ("a key twice", Twice(YES)), ("a key twice in a rule", definition(Twice({"serve": "on"}))), ("a key twice in a condition", definition({"if": [Twice(A)], "serve": "on"})), ("a key twice in the variants", {**YES, "variants": Twice({"on": True, "off": False})}), ("a key twice in a value", {**YES, "variants": {"on": {"x": Twice({"y": 1})}, "off": {}}}), ("a key twice in a share", definition({"split": {"by": "a", "shares": [Twice({"variant": "on", "share": 5})]}})),
    ("a key twice, written in two ways", Raw('{"version": 1, "off": "off", "default": "off", "\\u006fff": "off"}')),
):
    unreadable(f"unreadable: {note}", of)
    case(f"unreadable and not enabled: {note}", item(of, enabled=False), {}, UNREADABLE_DISABLED)
for of in (None, [], "x", 1, True, Raw("NaN"), [YES]):
    unreadable("$rules is no object", of)
    case("$rules is no object, and not enabled", item(of, enabled=False), {}, UNREADABLE_DISABLED)
    holds("$rules of the flag that is asked is no object", asks("s", "off"), {}, ERROR, others=[item(of, "s", False)])
case("a lone surrogate in an attribute's name", item(definition({"if": [{"attribute": LONE, "op": "exists"}], "serve": "on"})), {LONE: 1}, ON)

# The example of the page

EXAMPLE = {
    "version": 1, "variants": {"grey": "#888", "blue": "#00f"}, "off": "grey",
    "rules": [
        {"name": "staff", "if": [{"attribute": "email", "op": "ends_with", "values": ["@example.com"]}], "serve": "blue"},
        {"if": [{"attribute": "country", "op": "is", "values": ["DE", "AT"]}, {"flag": "segment:beta", "is": ["on"]}], "split": {"by": "user_id", "shares": [{"variant": "blue", "share": 10000}]}},
        {"if": [{"any": [{"attribute": "app", "op": "semver_lt", "values": ["2.4.0"]}, {"attribute": "app", "op": "exists", "not": True}]}], "serve": "grey"},
        {"if": [{"share": {"by": "user_id", "salt": "checkout layer", "from": 0, "to": 20000}}, {"time": {"until": "2027-01-01T00:00:00Z"}}],
         "split": {"by": "user_id", "salt": "colours", "shares": [{"variant": "grey", "share": 50000}, {"variant": "blue", "ramp": {"from": 0, "to": 50000, **WEEK}}]}},
    ],
    "default": "grey",
}
BETA = item(definition({"if": [{"attribute": "beta", "op": "is", "values": [True]}], "serve": "on"}), "segment:beta")


def example(note, attributes, variant, reason, rule=None, **other):
    value = {"grey": "#888", "blue": "#00f"}[variant]
    case(f"the example: {note}", item(EXAMPLE, "NEW_CHECKOUT"), attributes, served(variant, reason, rule, value, variant == "blue"), others=[BETA], **other)


example("staff", {"email": "eve@example.com"}, "blue", "TARGETING_MATCH", 0)
example("a beta user in Austria, in the first 10 %", {"country": "AT", "beta": True, "user_id": 42}, "blue", "SPLIT", 1)
example("a beta user in Austria, beyond", {"country": "AT", "beta": True, "user_id": 43, "app": "2.4.0"}, "grey", "DEFAULT")
example("not in the beta", {"country": "AT", "user_id": 42, "app": "2.3.9"}, "grey", "TARGETING_MATCH", 2)
example("no app", {"country": "CH", "user_id": 42}, "grey", "TARGETING_MATCH", 2)
example("a new app, not in the layer", {"user_id": 42, "app": "2.4.0"}, "grey", "DEFAULT")
example("a new app, without id", {"app": "v3"}, "grey", "DEFAULT")


def main():
    for line in CASES:
        print(dump(line))


if __name__ == "__main__":
    main()
