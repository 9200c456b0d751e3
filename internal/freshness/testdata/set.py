# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

"""Sets a flag through the flag service, as Carta's client does.

    set.py PORT NAME

Reads true or false from each line of its input, and prints for each when it
began to set the flag, in nanoseconds since 1970.
"""

import sys
import time

from feature_flag_store import FeatureFlagStore
from thrift.protocol import TBinaryProtocol
from thrift.transport import TSocket, TTransport

transport = TTransport.TBufferedTransport(TSocket.TSocket("127.0.0.1", int(sys.argv[1])))
client = FeatureFlagStore.Client(TBinaryProtocol.TBinaryProtocol(transport))
transport.open()
for line in sys.stdin:
    began = time.time_ns()
    client.Set(sys.argv[2], line.strip() == "true")
    print(began)
