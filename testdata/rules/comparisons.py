# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""How operators compare: the section "Comparisons" of docs/rules.md, and the key of a bucket."""

import datetime
import ipaddress
import math
import operator
import re
from fractions import Fraction


def is_unicode(text):
    return not any("\ud800" <= c <= "\udfff" for c in text)


def is_int(v):
    return isinstance(v, int) and not isinstance(v, bool)


def is_number(v):
    return is_int(v) or isinstance(v, float)


# What operators compare: each of these returns what is compared, or None.


def text(v):
    return v if isinstance(v, str) else None


def substring(v):
    return text(v) or None


def matched_text(v):
    return v if isinstance(v, str) and is_unicode(v) and len(v.encode()) <= 4096 else None


# What counts as one in the size of a regular expression, and what takes part in it otherwise.
TOKEN = re.compile(
    r"""(?P<quoted>\\Q(.*?)(?:\\E|\Z))
      | \{(?P<count>0|[1-9][0-9]*)(?P<range>,(?P<greater>0|[1-9][0-9]*)?)?\}
      | (?P<flags>\(\?[imsU-]+\))
      | (?P<open>\((?:\?P?<\w+>|\?[imsU-]*:)?)
      | (?P<close>\))
      | \\(?:[pPx]\{[^}]*\} | [pP]. | x.. | [0-7]{1,3} | .)
      | \[\^?\]?(?:\[:\^?\w+:\] | \\. | [^\]\\])*\]
      | .""",
    re.VERBOSE | re.DOTALL,
)


def size(v):
    """The size of a regular expression that compiles."""
    total, last, outer = 0, 0, []  # outer: the sizes before the groups that are open
    for token in TOKEN.finditer(v):
        if token["quoted"] is not None:
            total, last = total + len(token[2]), 1 if token[2] else last
        elif token["count"] is not None:
            total += last * (max(int(token["greater"] or token["count"]), 1) - 1)
        elif token["flags"] is not None:
            total += 1
        elif token["open"] is not None:
            outer.append(total)
            total = 1
        elif token["close"] is not None:
            total, last = outer.pop() + total, total
        else:
            total, last = total + 1, 1
    return total


def expression(v):
    if not isinstance(v, str) or not is_unicode(v) or not 1 <= len(v.encode()) <= 1000:
        return None
    if re.search(r"\(\?(<?[=!]|[>(#])|\\[1-9]", v):  # what RE2 does not have
        return None
    try:
        compiled = re.compile(v, re.ASCII)
    except re.error:
        return None
    return compiled if size(v) <= 1000 else None


def number(v):
    return Fraction(v) if is_int(v) or isinstance(v, float) and math.isfinite(v) else None


TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


def moment_of_text(v):
    """The seconds since 1970 of a time in RFC 3339."""
    match = isinstance(v, str) and TIME.fullmatch(v)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(g) for g in match.group(1, 2, 3, 4, 5, 6))
    fraction, sign, offset_hour, offset_minute = match.group(7, 8, 9, 10)
    offset = 60 * int(offset_hour or 0) + int(offset_minute or 0)
    if hour > 23 or minute > 59 or second > 59 or int(offset_hour or 0) > 23 or int(offset_minute or 0) > 59:
        return None
    try:  # The calendar repeats after 400 years; Python has no year 0.
        days = datetime.date(year or 400, month, day).toordinal() - datetime.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    if year == 0:
        days -= 146097
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - (-60 if sign == "-" else 60) * offset
    return seconds + Fraction("0." + (fraction or "0"))


def moment(v):
    return moment_of_text(v) if isinstance(v, str) else number(v)


INT = "(0|[1-9][0-9]*)"
IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
VERSION = re.compile(rf"v?{INT}(?:\.{INT}(?:\.{INT}(?:-({IDENTIFIERS}))?(?:\+{IDENTIFIERS})?)?)?")


def version(v):
    """A version, as something that Python orders like SemVer."""
    match = isinstance(v, str) and VERSION.fullmatch(v)
    if not match:
        return None
    prerelease = []
    for identifier in (match[4] or "").split("."):
        if not identifier.isdigit():
            prerelease.append((1, 0, identifier))
        elif identifier != "0" and identifier.startswith("0"):
            return None
        else:
            prerelease.append((0, int(identifier), ""))
    numbers = [int(match[i] or 0) for i in (1, 2, 3)]
    return (*numbers, match[4] is None, prerelease)


def address(v):
    if not isinstance(v, str) or "%" in v or "/" in v:
        return None
    try:
        found = ipaddress.ip_address(v)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network(v):
    if not isinstance(v, str):
        return None
    host, slash, length = v.rpartition("/")
    if not slash:
        found = address(v)
        return found and ipaddress.ip_network(found)
    found = address(host)
    if found is None or not re.fullmatch(INT, length):
        return None
    bits = int(length)
    if found.version == 4 and ":" in host:  # mapped
        if bits >= 96:
            bits -= 96
        else:
            found = ipaddress.ip_address(host)
    if bits > found.max_prefixlen:
        return None
    return ipaddress.ip_network(f"{found}/{bits}", strict=False)


# An operator: how it reads an attribute, how it reads a value, and how it compares them.
# Values of any other kind are refused.
OPERATORS = {
    "contains": (text, substring, operator.contains),
    "starts_with": (text, substring, str.startswith),
    "ends_with": (text, substring, str.endswith),
    "matches": (matched_text, expression, lambda a, v: v.search(a) is not None),
    "gt": (number, number, operator.gt),
    "gte": (number, number, operator.ge),
    "lt": (number, number, operator.lt),
    "lte": (number, number, operator.le),
    "before": (moment, moment_of_text, operator.lt),
    "after": (moment, moment_of_text, operator.gt),
    "semver_eq": (version, version, operator.eq),
    "semver_gt": (version, version, operator.gt),
    "semver_gte": (version, version, operator.ge),
    "semver_lt": (version, version, operator.lt),
    "semver_lte": (version, version, operator.le),
    "in_network": (address, network, lambda a, v: a in v),
}


def key(v):
    """The text that is hashed, or None."""
    if isinstance(v, str):
        return v if v and is_unicode(v) else None
    if is_int(v):
        return str(v)
    if isinstance(v, float) and v.is_integer() and abs(v) < 2**53:
        return str(int(v))
    return None


def is_equal(a, v):
    """Compares as the operator "is" does. None: they cannot be compared."""
    if isinstance(a, bool) or isinstance(v, bool):
        return a == v if isinstance(a, bool) and isinstance(v, bool) else None
    if not all(isinstance(x, str) or number(x) is not None for x in (a, v)):
        return None
    if isinstance(a, str) != isinstance(v, str):
        return a == key(v) if isinstance(a, str) else key(a) == v
    return a == v


def compare(op, a, v):
    """Compares an attribute with a value. None: they cannot be compared."""
    if op == "is":
        return is_equal(a, v)
    read_attribute, read_value, matches = OPERATORS[op]
    attribute, value = read_attribute(a), read_value(v)
    return None if attribute is None or value is None else matches(attribute, value)
