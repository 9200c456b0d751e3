#!/bin/sh
# Copyright The Flipper Authors
# SPDX-License-Identifier: Apache-2.0

# The first day with Flipper, from nothing, in an empty folder: the README's quickstart
# as a program, a service with guarded pages, a flag service that is killed under it, and
# a day's work with the command. Each step checks what it sees.
#
#	sh examples/newcomer/newcomer.sh
#
# It needs Go and curl. It stops at the first step that does not show what it should, and
# leaves nothing behind.
set -eu
GO=${GO:-go}
PATIENCE=${PATIENCE:-30} # seconds to wait for what has to happen
repository=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
folder=$(mktemp -d)
flags_pid='' service_pid=''

kill_quietly() {
	if [ -n "$1" ]; then
		kill -9 "$1" 2>/dev/null || true
		wait "$1" 2>/dev/null || true
	fi
}

clean_up() {
	status=$?
	trap - EXIT
	kill_quietly "$service_pid"
	kill_quietly "$flags_pid"
	if [ "$status" != 0 ]; then
		for log in "$folder"/*.log; do
			if [ -s "$log" ]; then
				echo "--- the end of $(basename "$log")" >&2
				tail -n 20 "$log" >&2
			fi
		done
	fi
	chmod -R u+w "$folder" && rm -rf "$folder"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step() { printf '== %s\n' "$*"; }

fail() {
	printf 'newcomer: %s\n' "$*" >&2
	exit 1
}

# shows WHAT TEXT: the output of WHAT, in $seen, has the text.
shows() {
	case $seen in
	*"$2"*) ;;
	*) fail "$1: expected to see \"$2\", and saw: $seen" ;;
	esac
}

# await WHAT COMMAND...: the command succeeds before long.
await() {
	what=$1
	shift
	deadline=$(($(date +%s) + PATIENCE))
	until "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || fail "$what: not within $PATIENCE seconds${seen:+; last seen: $seen}"
		sleep 0.05
	done
}

# logged FILE NAME: the file has NAME=VALUE, or NAME="VALUE"; its last value is $value.
logged() {
	value=$(sed -n "s/.*[ ]$2=\"\{0,1\}\([^ \"]*\).*/\1/p" "$1" | tail -n 1)
	[ -n "$value" ]
}

# flipper ARGUMENT...: runs the command. Both of its outputs are in $seen.
flipper() {
	code=0
	seen=$("$folder/bin/flipper" "$@" 2>&1) || code=$?
	printf '$ flipper %s\n%s\n' "$*" "$seen"
}

# page TEXT PATH [CURL ARGUMENT...]: the service answers with the text.
page() {
	text=$1 path=$2
	shift 2
	seen=$(curl --silent --show-error --max-time 5 "$@" "http://$service$path" 2>&1) || return 1
	[ "$seen" = "$text" ]
}

# status CODE PATH [CURL ARGUMENT...]: the service answers with the status.
status() {
	text=$1 path=$2
	shift 2
	seen=$(curl --silent --output "$folder/body" --write-out '%{http_code}' --max-time 5 "$@" "http://$service$path") || return 1
	[ "$seen" = "$text" ]
}

start_flags() {
	: >"$folder/flags.log"
	"$folder/bin/flipper" serve --store "bolt:$folder/flags.db" --listen "$1" --http '' 2>"$folder/flags.log" &
	flags_pid=$!
	await "flipper serve starts" logged "$folder/flags.log" thrift
	flags=$value
}

start_service() {
	: >"$folder/service.log"
	FLIPPER_STORE="thrift://$flags" "$folder/bin/guarded" -listen 127.0.0.1:0 -last-good "$folder/last-good-flags.json" \
		2>"$folder/service.log" &
	service_pid=$!
	await "the service starts" logged "$folder/service.log" address
	service=$value
}

cd "$folder"
unset FLIPPER_STORE FLIPPER_OUTPUT
export FLIPPER_ENV_FILE='' NO_COLOR=1

step "a program from the README's quickstart"
mkdir quickstart
awk '/^```/ { inside = 0 } inside { print } /^```go$/ && !done { inside = done = 1 }' "$repository/README.md" >quickstart/main.go
sed -n '/\/\/ Output:/,/^}/s/^[[:space:]]*\/\/ //p' quickstart/main.go | sed 1d >expected
[ -s expected ] || fail "the README's quickstart does not say what it prints"
(
	cd quickstart
	"$GO" mod init example.com/quickstart
	"$GO" mod edit -require=github.com/flipper-go/flipper@v0.0.0 -replace="github.com/flipper-go/flipper=$repository"
	"$GO" mod tidy
	"$GO" build -o ../bin/quickstart .
) 2>quickstart.log || fail "the quickstart does not build"
bin/quickstart >printed 2>>quickstart.log || fail "the quickstart fails"
diff -u expected printed >&2 || fail "the quickstart prints something else than the README says"
cat printed

step "the command, and a service with guarded pages"
"$GO" build -C "$repository" -o "$folder/bin/" ./cmd/flipper ./examples/guarded
seen=''
start_flags 127.0.0.1:0
export FLIPPER_STORE="thrift://$flags"
start_service
await "the old search" page "the old search" /search -b user_id=7
await "a page whose flag is missing" status 404 /beta/ -b user_id=7
flipper create NEW_SEARCH --enabled
[ "$code" = 0 ] || fail "create: exit code $code, expected 0"
await "the new search, after NEW_SEARCH was created" page "the new search" /search -b user_id=7
await "BETA is made by the service" status 200 '/admin/BETA?enabled=true' -X POST
await "the beta" page "welcome to the beta" /beta/ -b user_id=7

step "the flag service is killed, and the pages do not notice"
kill_quietly "$flags_pid"
flags_pid=''
for _ in 1 2 3 4 5; do
	page "the new search" /search -b user_id=7 || fail "without the flag service: expected the new search, and saw: $seen"
	page "welcome to the beta" /beta/ -b user_id=7 || fail "without the flag service: expected the beta, and saw: $seen"
done
flipper list
[ "$code" = 4 ] || fail "list without the flag service: exit code $code, expected 4"
status 502 '/admin/NEW_SEARCH?enabled=false' -X POST || fail "a change without the flag service: status $seen, expected 502"

step "the service starts again without it, with the flags that it had"
await "the last good flags have NEW_SEARCH" grep -q NEW_SEARCH last-good-flags.json
await "the last good flags have BETA" grep -q BETA last-good-flags.json
kill_quietly "$service_pid"
start_service
await "the new search, from the last good flags" page "the new search" /search -b user_id=7

step "the flag service comes back, with all that was acknowledged, and changes arrive"
start_flags "$flags"
flipper list
shows "list" NEW_SEARCH
shows "list" BETA
flipper disable NEW_SEARCH
[ "$code" = 0 ] || fail "disable: exit code $code, expected 0"
await "the old search, after NEW_SEARCH was disabled" page "the old search" /search -b user_id=7

step "a day with the command"
flipper create NEW_CHECKOUT
shows "create" "NEW_CHECKOUT: created, off"
flipper eval NEW_CHECKOUT 42 --exit-code
[ "$code" = 5 ] || fail "eval of a disabled flag: exit code $code, expected 5"
flipper rule add NEW_CHECKOUT --name staff 'email ends with @example.com' --serve on
[ "$code" = 0 ] || fail "rule add: exit code $code, expected 0"
flipper rollout percentage NEW_CHECKOUT 10%
shows "rollout" "10 %"
flipper enable NEW_CHECKOUT
shows "enable" "10 %"
flipper eval NEW_CHECKOUT email=ada@example.com --exit-code
[ "$code" = 0 ] || fail "eval for staff: exit code $code, expected 0"
shows "eval for staff" "1. staff"
flipper eval NEW_CHECKOUT plan=free --exit-code
[ "$code" = 5 ] || fail "eval for who says no user_id: exit code $code, expected 5"
# The quickstart has the same flag with the same rules, and so the same answers.
flipper eval NEW_CHECKOUT 42 --exit-code
[ "$code" = 0 ] || fail "eval for user 42, who is among the 10 %: exit code $code, expected 0"
shows "eval for user 42" bucket
flipper eval NEW_CHECKOUT 1 --exit-code
[ "$code" = 5 ] || fail "eval for user 1, who is not among the 10 %: exit code $code, expected 5"
flipper disable NEW_CHECKOUT
shows "disable" "NEW_CHECKOUT: off"
flipper eval NEW_CHECKOUT email=ada@example.com --exit-code
[ "$code" = 5 ] || fail "eval for staff, of a disabled flag: exit code $code, expected 5"
flipper list
shows "list" NEW_CHECKOUT
flipper destroy NEW_CHECKOUT
[ "$code" = 2 ] || fail "destroy without --yes: exit code $code, expected 2"
flipper destroy NEW_CHECKOUT --yes
[ "$code" = 0 ] || fail "destroy --yes: exit code $code, expected 0"
flipper get NEW_CHECKOUT
[ "$code" = 3 ] || fail "get of a destroyed flag: exit code $code, expected 3"

echo "done"
