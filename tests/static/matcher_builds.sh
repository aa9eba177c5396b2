#!/bin/bash
# The same scores from every compiler, at every optimisation, for every processor: the matcher and
# the table in test_matcher_golden.c, built anew each time.
. "$(dirname "$0")/tap.bash"

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

# What a comparison is made of, and nothing of the room.
sources() {
	local path
	for path in authd/matcher/*.c; do
		grep -q '"print.h"\|"trig.h"\|"match.h"' "$path" || continue
		grep -qE '<sys/|<unistd.h>|"(room|grants|enrol)\.h"' "$path" || echo "$path"
	done
	echo common/minutiae.c common/secret.c
}
golden() {
	local program=$folder/golden
	: >"$folder/out"
	# shellcheck disable=SC2046
	if "$@" -std=gnu11 -D_GNU_SOURCE -Iinclude -ffp-contract=off -fno-math-errno -o "$program" \
	    tests/unit/test_matcher_golden.c $(sources) -lcmocka -lm; then
		CMOCKA_MESSAGE_OUTPUT=STDOUT "$program" >"$folder/out" 2>&1 || cat "$folder/out"
	fi
}

check "gcc without optimisation" golden gcc -O0
check "gcc at its best, for this very processor" golden gcc -O3 -march=native
check "clang without optimisation" golden clang -O0
check "clang at its best, for this very processor" golden clang -O3 -march=native
plan
