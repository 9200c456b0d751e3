# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""What makers of cases share: JSON that no JSON library would write."""

import json


class Raw(str):
    """A token that is written as it is."""


class Twice(dict):
    """An object that is written with one of its keys given twice."""


def dump(v):
    if isinstance(v, Raw):
        return str(v)
    if isinstance(v, dict):
        members = [f"{json.dumps(name)}: {dump(value)}" for name, value in v.items()]
        if isinstance(v, Twice) and members:
            members.append(members[0])
        return "{" + ", ".join(members) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(dump(element) for element in v) + "]"
    return json.dumps(v)
