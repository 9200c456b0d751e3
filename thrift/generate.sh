#!/bin/sh
# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

# Generates internal/featureflagstore from feature_flag_store.thrift.
#
# The compiler is 0.17 on purpose: its code works with the widest range of
# versions of the Go library, and does not change with the machine it is made on.

set -eu

version=0.17.
cd "$(dirname "$0")/.."

fail() {
	echo "thrift/generate.sh: $1" >&2
	echo "Install the compiler with 'apt-get install thrift-compiler' on Debian 12, or build" >&2
	echo "0.17.0 from https://archive.apache.org/dist/thrift/0.17.0/, and name it in \$THRIFT" >&2
	echo "if it is not the 'thrift' in \$PATH." >&2
	exit 1
}

thrift=${THRIFT:-thrift}
command -v "$thrift" >/dev/null 2>&1 || fail "there is no Thrift compiler '$thrift'"
found=$("$thrift" --version 2>/dev/null | head -n 1) || fail "'$thrift --version' fails"
case $found in
"Thrift version $version"*) ;;
*) fail "'$thrift' is '$found', and ${version}x is needed" ;;
esac

"$thrift" --gen go:package_prefix=github.com/flipper-go/flipper/internal/,skip_remote \
	-out internal thrift/feature_flag_store.thrift
gofmt -w internal/featureflagstore
