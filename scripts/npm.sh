#!/bin/sh
# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

# Installs the packages that the tests need from npm, at the versions that each
# package-lock.json pins, beside that file. What is there already stays.
set -eu
cd "$(dirname "$0")/.."

git ls-files '*package-lock.json' | while read -r lock; do
	folder=$(dirname "$lock")
	if ! cmp -s "$lock" "$folder/node_modules/.flipper-package-lock.json"; then
		echo "npm: installing the packages of $folder"
		npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
		cp "$lock" "$folder/node_modules/.flipper-package-lock.json"
	fi
done
