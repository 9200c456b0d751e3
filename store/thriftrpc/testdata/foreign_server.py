# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""A foreign flag service: Apache Thrift's threaded server over a dict, which
does as the Python client's in-memory store does.

Its arguments are the directory of the generated code, and "framed" or
"buffered". It prints its port, and ends when its standard input does.
"""

import json
import os
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

from thrift.protocol import TBinaryProtocol
from thrift.server import TServer
from thrift.transport import TSocket, TTransport

from foreign import FeatureFlagStore
from foreign.ttypes import (
    ConditionCheck,
    ConditionOperator,
    ErrorCode,
    FeatureFlagStoreItem,
    FeatureFlagStoreMeta,
    FlipperException,
)


class Handler:
    def __init__(self):
        self.items = {}
        self.calls = []

    def Create(self, feature_name, is_enabled, client_data):
        self.items[feature_name] = {
            "is_enabled": is_enabled,
            "created_date": int(time.time()),
            "client_data": json.loads(client_data),
            "conditions": [],
            "bucketer": {"type": "NoOpBucketer"},
        }
        return self.Get(feature_name)

    def Get(self, feature_name):
        if feature_name not in self.items:
            raise FlipperException(code=ErrorCode.NOT_FOUND, message="no such flag")
        return self.item(feature_name)

    def Set(self, feature_name, is_enabled):
        if feature_name not in self.items:
            self.Create(feature_name, is_enabled, "{}")
        self.items[feature_name]["is_enabled"] = is_enabled

    def Delete(self, feature_name):
        self.items.pop(feature_name, None)

    def List(self, limit, offset):
        names = sorted(self.items)[offset:]
        if limit is not None:
            names = names[:limit]
        return [self.item(name) for name in names]

    def SetMeta(self, feature_name, meta):
        if feature_name not in self.items:
            raise FlipperException(code=ErrorCode.NOT_FOUND, message="no such flag")
        self.items[feature_name].update(
            created_date=meta.created_date,
            client_data=json.loads(meta.client_data),
            # As the Python client writes them: each check on its own.
            conditions=[
                {
                    check.variable: [
                        {
                            "variable": check.variable,
                            "value": json.loads(check.value),
                            "operator": check.operator.symbol,
                        }
                    ]
                }
                for condition in meta.conditions
                for checks in condition.values()
                for check in checks
            ],
            bucketer=json.loads(meta.bucketer),
        )

    def item(self, feature_name):
        item = self.items[feature_name]
        return FeatureFlagStoreItem(
            feature_name=feature_name,
            is_enabled=item["is_enabled"],
            meta=FeatureFlagStoreMeta(
                created_date=item["created_date"],
                client_data=json.dumps(item["client_data"]),
                conditions=[
                    {
                        variable: [
                            ConditionCheck(
                                variable=check["variable"],
                                value=json.dumps(check["value"]),
                                operator=ConditionOperator(symbol=check["operator"]),
                            )
                            for check in checks
                        ]
                        for variable, checks in condition.items()
                    }
                    for condition in item["conditions"]
                ],
                bucketer=json.dumps(item["bucketer"]),
            ),
        )


def main():
    socket = TSocket.TServerSocket(host="127.0.0.1", port=0)
    socket.listen()
    print(socket.handle.getsockname()[1], flush=True)
    socket.listen = lambda: None  # it is listening
    transport = TTransport.TBufferedTransportFactory()
    if sys.argv[2] == "framed":
        transport = TTransport.TFramedTransportFactory()
    server = TServer.TThreadedServer(
        FeatureFlagStore.Processor(Handler()),
        socket,
        transport,
        TBinaryProtocol.TBinaryProtocolFactory(),
        daemon=True,
    )
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
