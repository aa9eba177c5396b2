#!/bin/bash
# The matrices of failing calls with no point left out: what `make check` tries each fifth of where
# there are hundreds in a row. The counts are in the log.
. "$(dirname "$0")/../static/tap.bash"

whole() { # TEST
	CALLS=all CMOCKA_MESSAGE_OUTPUT=TAP "$BUILD/tests/unit/$1" >"$heard" 2>&1 || cat "$heard"
	points=$(awk '/^# [0-9]+ of [0-9]+ points tried/ { n += $2 } END { print n + 0 }' "$heard")
	[ "$points" -ge "$2" ] || echo "$1: only $points points"
	echo "# $1: $points points" >&3
}
heard=$(mktemp) || exit 1
trap 'rm -f "$heard"' EXIT
exec 3>&1
check "every failing call of logins" whole test_calls_login 9000
check "every failing call of administration" whole test_calls_office 18000
check "every failing call of a start" whole test_calls_start 22000
plan
