# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Sends messages over the limits of the flag service, as Python's Thrift does.

    large_messages.py PORT

Prints "ok" if they are refused with INVALID and the limit, the connections go on,
and only a message over the last limit ends its connection.
"""

import json
import sys

from feature_flag_store import FeatureFlagStore
from feature_flag_store.ttypes import (
    ConditionCheck,
    ConditionOperator,
    ErrorCode,
    FeatureFlagStoreMeta,
    FlipperException,
)
from thrift.protocol import TBinaryProtocol, TCompactProtocol
from thrift.transport import TSocket, TTransport

port = int(sys.argv[1])


def expect_refused(call, text):
    try:
        call()
    except FlipperException as e:
        assert e.code == ErrorCode.INVALID and text in e.message, e
    else:
        raise AssertionError("no exception")


def text(size):
    return json.dumps("x" * size)


def check(value):
    return ConditionCheck("age", value, ConditionOperator("gte"))


for buffered in (TTransport.TBufferedTransport, TTransport.TFramedTransport):
    for protocol in (
        TBinaryProtocol.TBinaryProtocol,
        TBinaryProtocol.TBinaryProtocolAccelerated,
        TCompactProtocol.TCompactProtocol,
    ):
        transport = buffered(TSocket.TSocket("127.0.0.1", port))
        client = FeatureFlagStore.Client(protocol(transport))
        transport.open()
        client.Create("HERE", True, "{}")

        size = "limit of 1048576 bytes"
        expect_refused(lambda: client.Create("LARGE", True, text(2 << 20)), size)
        assert client.Get("HERE").is_enabled
        expect_refused(lambda: client.Create("LARGE", True, text(15 << 20)), size)
        expect_refused(lambda: client.Set("N" * (2 << 20), True), size)
        meta = FeatureFlagStoreMeta(0, "{}", [{"age": [check(text(100 << 10))] * 20}], "{}")
        expect_refused(lambda: client.SetMeta("HERE", meta), size)
        meta.conditions = [{"age": [check("1")]}] * 17_000
        expect_refused(lambda: client.SetMeta("HERE", meta), "more than 16384 elements")
        # The connection is the same one.
        client.Set("HERE", False)
        assert not client.Get("HERE").is_enabled
        assert [item.feature_name for item in client.List(None, 0)] == ["HERE"]

        try:
            client.Create("LARGE", True, text(17 << 20))
        except (TTransport.TTransportException, OSError, EOFError):
            pass
        else:
            raise AssertionError("no end of the connection")
        transport.close()

print("ok")
