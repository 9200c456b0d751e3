# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Drives the six methods of the flag service as Carta's client does.

    six_methods.py PORT

Prints "ok" if every answer is as expected.
"""

import json
import sys
import time

from feature_flag_store import FeatureFlagStore
from feature_flag_store.ttypes import (
    ConditionCheck,
    ConditionOperator,
    ErrorCode,
    FeatureFlagStoreMeta,
    FlipperException,
)
from thrift.protocol import TBinaryProtocol
from thrift.transport import TSocket, TTransport

transport = TTransport.TBufferedTransport(TSocket.TSocket("127.0.0.1", int(sys.argv[1])))
client = FeatureFlagStore.Client(TBinaryProtocol.TBinaryProtocol(transport))
transport.open()


def expect(got, want):
    assert got == want, "got %r, want %r" % (got, want)


def expect_not_found(call):
    try:
        call()
    except FlipperException as e:
        expect(e.code, ErrorCode.NOT_FOUND)
    else:
        raise AssertionError("no exception")


# Get of a missing flag.
expect_not_found(lambda: client.Get("PYTHON"))

# Create.
before = int(time.time())
item = client.Create("PYTHON", False, json.dumps({"ttl": 3600, "big": 2**70, "one": 1.0}))
expect(item.feature_name, "PYTHON")
expect(item.is_enabled, False)
assert before <= item.meta.created_date <= time.time()
expect(json.loads(item.meta.client_data), {"ttl": 3600, "big": 2**70, "one": 1.0})
expect(item.meta.client_data, '{"ttl": 3600, "big": %d, "one": 1.0}' % 2**70)
expect(item.meta.conditions, [])
expect(json.loads(item.meta.bucketer), {"type": "NoOpBucketer"})

# Set keeps the meta, and makes a flag that is not there.
client.Set("PYTHON", True)
expect(client.Get("PYTHON").is_enabled, True)
expect(client.Get("PYTHON").meta, item.meta)
client.Set("MADE_BY_SET", True)
expect(client.Get("MADE_BY_SET").is_enabled, True)

# SetMeta.
conditions = [
    {
        "age": [
            ConditionCheck("age", "18", ConditionOperator("gte")),
            ConditionCheck("age", "65", ConditionOperator("lt")),
        ]
    },
    {"plan": [ConditionCheck("plan", '"pro \\u00fc"', ConditionOperator())]},
]
bucketer = json.dumps(
    {
        "type": "ConsistentHashPercentageBucketer",
        "percentage": {"type": "Percentage", "value": 0.5},
        "key_whitelist": ["user_id"],
    }
)
meta = FeatureFlagStoreMeta(item.meta.created_date, '{"ttl": 60}', conditions, bucketer)
client.SetMeta("PYTHON", meta)
expect(client.Get("PYTHON").meta, meta)
expect(client.Get("PYTHON").is_enabled, True)
expect_not_found(lambda: client.SetMeta("NO_SUCH_FLAG", meta))

# List: by name; no limit is all, 0 is none.
client.Create("ANOTHER \U0001f600", True, "{}")
names = ["ANOTHER \U0001f600", "MADE_BY_SET", "PYTHON"]
expect([item.feature_name for item in client.List(None, 0)], names)
expect([item.feature_name for item in client.List(2, 1)], names[1:])
expect([item.feature_name for item in client.List(0, 0)], [])
expect([item.feature_name for item in client.List(None, 9)], [])

# Create replaces.
item = client.Create("MADE_BY_SET", False, "{}")
expect(item.is_enabled, False)
client.Create("PYTHON", True, "{}")
expect(client.Get("PYTHON").meta.conditions, [])
client.SetMeta("PYTHON", meta)

# Delete, also of what is not there.
client.Delete("MADE_BY_SET")
expect_not_found(lambda: client.Get("MADE_BY_SET"))
client.Delete("MADE_BY_SET")

transport.close()
print("ok")
