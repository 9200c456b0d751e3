# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""A client that reads and writes flags as Carta's does: it reads a whole item, writes
it whole, and compares nothing.

    carta_client.py redis|consul|thrift ADDRESS
    carta_client.py vectors

It reads calls from standard input, a JSON object in each line, and answers each with
one: {"result": ...}, or {"raised": CLASS}. With "vectors" a call has an item and the
time, as in testdata/vectors, and the attributes, or none to have the item rewritten.

Redis and Consul are spoken to directly, for want of libraries for them. Consul is
asked at each read, where Carta's client answers from a cache that it polls.
"""

import base64
import json
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

import carta_item
from carta_item import Item, condition, read_bucketer


class FlagDoesNotExistError(Exception):
    pass


class TextStore:
    """A store of texts. Others know how to get, put and remove one."""

    def get(self, name):
        text = self.get_text(name)
        return Item.read(text) if text else None

    def create(self, name, is_enabled, client_data):
        self.put_text(
            name, Item(name, is_enabled, int(time.time()), client_data, [], None).write()
        )

    def set(self, name, is_enabled):
        item = self.get(name)
        item.is_enabled = is_enabled
        self.put(name, item)

    def set_meta(self, name, meta):
        self.put(name, Item(name, self.get(name).is_enabled, **meta))

    def put(self, name, item):
        item.name = name
        self.put_text(name, item.write())


class RedisStore(TextStore):
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX if "/" in address else socket.AF_INET)
        host, _, port = address.rpartition(":")
        self.socket.connect(address if "/" in address else (host, int(port)))
        self.file = self.socket.makefile("rb")

    def call(self, *args):
        args = [a.encode() for a in args]
        self.socket.sendall(
            b"*%d\r\n" % len(args) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in args)
        )
        return self.reply()

    def reply(self):
        line = self.file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            if rest == b"-1":
                return None
            return self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"-":
            raise OSError(rest.decode())
        return rest

    def get_text(self, name):
        return self.call("GET", "features/" + name)

    def put_text(self, name, text):
        self.call("SET", "features/" + name, text)

    def delete(self, name):
        self.call("DEL", "features/" + name)

    def list(self):
        keys, cursor = [], b"0"
        while True:
            cursor, some = self.call("SCAN", cursor.decode(), "MATCH", "features/*")
            keys += some
            if cursor == b"0":
                break
        return [Item.read(self.call("GET", key.decode())) for key in set(keys)]


class ConsulStore(TextStore):
    def __init__(self, address):
        self.base = "http://%s/v1/kv/features" % address

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + urllib.parse.quote(path, "/:?="), body, method=method
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            if e.code == 404:
                return None
            raise

    def get_text(self, name):
        found = self.call("GET", "/" + name)
        return found and base64.b64decode(found[0]["Value"])

    def put_text(self, name, text):
        self.call("PUT", "/" + name, text.encode())

    def delete(self, name):
        self.call("DELETE", "/" + name)

    def list(self):
        found = self.call("GET", "?recurse=") or []
        return [Item.read(base64.b64decode(key["Value"])) for key in found if key["Value"]]


class ThriftStore:
    def __init__(self, address):
        from feature_flag_store import FeatureFlagStore, ttypes
        from thrift.protocol import TBinaryProtocol
        from thrift.transport import TSocket, TTransport

        self.types = ttypes
        host, _, port = address.rpartition(":")
        transport = TTransport.TBufferedTransport(TSocket.TSocket(host, int(port)))
        self.client = FeatureFlagStore.Client(TBinaryProtocol.TBinaryProtocol(transport))
        transport.open()

    def create(self, name, is_enabled, client_data):
        self.client.Create(name, is_enabled, json.dumps(client_data))

    def get(self, name):
        try:
            return self.item(self.client.Get(name))
        except self.types.FlipperException as e:
            if e.code == self.types.ErrorCode.NOT_FOUND:
                return None
            raise

    def item(self, item):
        meta = item.meta
        conditions = [
            {
                check.variable: [
                    {
                        "variable": check.variable,
                        "value": json.loads(check.value),
                        "operator": check.operator.symbol,
                    }
                ]
            }
            for checks in meta.conditions or []
            for several in checks.values()
            for check in several
        ]
        return Item(
            item.feature_name,
            item.is_enabled,
            meta.created_date,
            json.loads(meta.client_data),
            conditions,
            json.loads(meta.bucketer),
        )

    def set(self, name, is_enabled):
        self.client.Set(name, is_enabled)

    def set_meta(self, name, meta):
        types = self.types
        conditions = [
            {
                variable: [
                    types.ConditionCheck(
                        variable,
                        json.dumps(check["value"]),
                        types.ConditionOperator(check["operator"]),
                    )
                    for check in checks
                ]
                for variable, checks in c.items()
            }
            for c in meta["conditions"]
        ]
        self.client.SetMeta(
            name,
            types.FeatureFlagStoreMeta(
                meta["created_date"],
                json.dumps(meta["client_data"]),
                conditions,
                json.dumps(meta["bucketer"]),
            ),
        )

    def delete(self, name):
        self.client.Delete(name)

    def list(self):
        return [self.item(item) for item in self.client.List(None, 0)]


class Client:
    def __init__(self, store):
        self.store = store

    def existing(self, name):
        item = self.store.get(name)
        if item is None:
            raise FlagDoesNotExistError(name)
        return item

    def create(self, name, is_enabled=False, client_data=None):
        self.store.create(name, is_enabled, client_data or {})

    def is_enabled(self, name, default=False, **attributes):
        item = self.store.get(name)
        return default if item is None else item.is_on(attributes)

    def exists(self, name):
        return self.store.get(name) is not None

    def list(self):
        return sorted(item.name for item in self.store.list())

    def enable(self, name):
        self.existing(name)
        self.store.set(name, True)

    def disable(self, name):
        self.existing(name)
        self.store.set(name, False)

    def destroy(self, name):
        self.existing(name)
        self.store.delete(name)

    def get_meta(self, name):
        return self.existing(name).meta()

    def get_client_data(self, name):
        return self.existing(name).client_data

    def set_client_data(self, name, client_data):
        meta = self.get_meta(name)
        self.store.set_meta(name, {**meta, "client_data": {**meta["client_data"], **client_data}})

    def set_bucketer(self, name, bucketer):
        self.store.set_meta(name, {**self.get_meta(name), "bucketer": read_bucketer(bucketer)})

    def add_condition(self, name, checks):
        meta = self.get_meta(name)
        meta["conditions"].append(condition(**checks))
        self.store.set_meta(name, meta)

    def set_meta(self, name, meta):
        """The store's own, which merges nothing."""
        self.store.set_meta(name, meta)


def vector(item, now, attributes=None):
    now = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=now)
    carta_item.clock = lambda: now
    item = Item.read(item)
    return item.write() if attributes is None else item.is_on(attributes)


STORES = {"redis": RedisStore, "consul": ConsulStore, "thrift": ThriftStore}

if sys.argv[1] != "vectors":
    client = Client(STORES[sys.argv[1]](sys.argv[2]))
for line in sys.stdin:
    call = json.loads(line)
    try:
        if sys.argv[1] == "vectors":
            answer = {"result": vector(**call)}
        else:
            answer = {"result": getattr(client, call["call"])(*call["args"], **call["attributes"])}
    except Exception as e:
        answer = {"raised": type(e).__name__}
    print(json.dumps(answer), flush=True)
