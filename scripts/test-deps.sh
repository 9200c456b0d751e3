#!/bin/sh
# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

# Checks for what the tests need besides Go, and installs what is missing:
#
#   - a C compiler, for the race detector
#   - the Thrift compiler, to check the generated code
#   - a Python 3 with Apache Thrift's library: the tests let a Python client talk
#     to our server
#   - xxhash for Python 3: the tests compare our evaluator of rules with one in Python
#   - redis-server and prometheus, which the tests start for themselves
#   - tmux, a terminal for the tests of the command
#   - Node.js and npm: the tests let clients for JavaScript talk to our server
#   - Chromium: the same for clients in browsers
#
# With all of it there it does nothing. It installs with apt-get or Homebrew.
set -eu

fail() {
	echo "test-deps: $*" >&2
	exit 1
}

# The first python3 on the PATH may be one without the library, such as pyenv's,
# and the system's own may have it.
has_python() {
	for python in python3 /usr/bin/python3; do
		"$python" -c "import $1" >/dev/null 2>&1 && return
	done
	return 1
}

has_chromium() {
	for browser in chromium chromium-browser google-chrome "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
		command -v "$browser" >/dev/null && return
	done
	return 1
}

missing=
add_missing() { missing="$missing $1"; }

command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || add_missing cc
command -v thrift >/dev/null || add_missing thrift
has_python thrift.Thrift || add_missing python-thrift
has_python xxhash || add_missing python-xxhash
command -v redis-server >/dev/null || add_missing redis
command -v prometheus >/dev/null || add_missing prometheus
command -v tmux >/dev/null || add_missing tmux
command -v node >/dev/null || add_missing nodejs
command -v npm >/dev/null || add_missing npm
has_chromium || add_missing chromium
[ -n "$missing" ] || exit 0

echo "test-deps: missing:$missing"
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "need root or sudo to run: $*"
	fi
}

if command -v apt-get >/dev/null; then
	packages=$(echo "$missing" | sed -e 's/python-/python3-/g' -e 's/ thrift/ thrift-compiler/' -e 's/ cc/ gcc libc6-dev/' -e 's/ redis/ redis-server/')
	as_root apt-get update -q
	# shellcheck disable=SC2086 # several packages
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
	# The packages start servers, on ports 6379 and 9090, which the tests do not use.
	case $missing in *" redis"*) as_root service redis-server stop || true ;; esac
	case $missing in *" prometheus"*) as_root service prometheus stop || true ;; esac
elif command -v brew >/dev/null; then
	case $missing in *" cc"*) fail "install a C compiler: xcode-select --install" ;; esac
	case $missing in *" thrift"*) brew install thrift ;; esac
	case $missing in *" redis"*) brew install redis ;; esac
	case $missing in *" prometheus"*) brew install prometheus ;; esac
	case $missing in *" tmux"*) brew install tmux ;; esac
	case $missing in *" nodejs"* | *" npm"*) brew install node ;; esac
	case $missing in *" chromium"*) brew install --cask google-chrome ;; esac
	has_python thrift.Thrift || fail "install Python's Thrift library: python3 -m pip install thrift"
	has_python xxhash || fail "install Python's xxhash: python3 -m pip install xxhash"
else
	fail "install:$missing (a C compiler, the Thrift compiler 0.17, Apache Thrift's library and xxhash for Python 3, redis-server, prometheus, tmux, Node.js with npm, and Chromium)"
fi

command -v thrift >/dev/null || fail "the Thrift compiler is still missing"
has_python thrift.Thrift || fail "no python3 with Thrift's library: neither python3 nor /usr/bin/python3 can import thrift.Thrift"
has_python xxhash || fail "no python3 with xxhash: neither python3 nor /usr/bin/python3 can import it"
command -v redis-server >/dev/null || fail "redis-server is still missing"
command -v prometheus >/dev/null || fail "prometheus is still missing"
command -v tmux >/dev/null || fail "tmux is still missing"
command -v npm >/dev/null || fail "npm is still missing"
has_chromium || fail "Chromium is still missing"
