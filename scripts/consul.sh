#!/bin/sh
# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

# Builds the Consul server that tests run, unless there is one: CONSUL_BIN, consul
# in the PATH, or what this script built before. It takes some minutes, once; the
# program, 87 MB, is kept in FLIPPER_CACHE (~/.cache/flipper).
set -eu

[ -z "${CONSUL_BIN:-}" ] || exit 0
command -v consul >/dev/null && exit 0
cache=${FLIPPER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/flipper}
program=$cache/consul-1.12.9
[ ! -x "$program" ] || exit 0

echo "consul.sh: building $program; this takes some minutes, once"
mkdir -p "$cache"
cd "$(dirname "$0")/.."
# A build that is interrupted must not leave half a program there.
trap 'rm -f "$program.$$"' EXIT
"${GO:-go}" -C internal/tools/consul build -trimpath -ldflags='-s -w' -o "$program.$$" github.com/hashicorp/consul
mv "$program.$$" "$program"
