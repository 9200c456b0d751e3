#!/bin/sh
# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

# Runs each fuzz target of the module for $FUZZTIME. go test takes one at a time.
set -eu
cd "$(dirname "$0")/.."

directories=$(${GO:-go} list -f '{{.Dir}}' ./...)
echo "$directories" | while read -r directory; do
	for target in $(cat "$directory"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do
		echo "== $target in $directory"
		${GO:-go} test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-10s}" -fuzzminimizetime 10x "$directory"
	done
done
