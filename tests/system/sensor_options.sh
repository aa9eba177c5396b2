#!/bin/bash
# What a sensor says to a command line, a configuration or a starter that is not right.
. "$(dirname "$0")/../static/tap.bash"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# refuses CODE TEXT ARGUMENT...
refuses() {
	local want=$1 text=$2 got
	shift 2
	timeout 10 "$BUILD/kenmon-sensor" "$@" >"$dir/said" 2>&1 </dev/null
	got=$?
	[ "$got" = "$want" ] || echo "ended with $got"
	grep -qF -- "$text" "$dir/said" || { echo "did not say: $text"; cat "$dir/said"; }
}

check "--help says what it takes" refuses 0 "usage: kenmon-sensor" --help
check "--version says which it is" refuses 0 "kenmon-sensor " --version
check "an option that is none is refused" refuses 64 "usage: kenmon-sensor" --frobnicate
check "a word that is no option is refused" refuses 64 "takes options only" start
for uid in '' -1 +7 ' 7' x 12x 4294967295 99999999999999999999999; do
	check "--owner '$uid' is refused" refuses 64 "--owner takes a uid, a number" --owner "$uid"
	check "--judge-uid '$uid' is refused" refuses 64 "--judge-uid takes a uid, a number" --judge-uid "$uid"
done
for seconds in '' -1 +7 ' 7' 1s 86401; do
	check "--idle '$seconds' is refused" refuses 64 "--idle takes seconds, at most a day" --idle "$seconds"
done
printf '[sensor]\nallow-virtual = perhaps\n' >"$dir/bad.conf"
check "a bad configuration is named with its line" refuses 78 "bad.conf:2: " --config "$dir/bad.conf"
check "one that is not there is named" refuses 78 "none.conf: " --config "$dir/none.conf"
printf '[sensor]\nallow-virtual = yes\n' >"$dir/kenmon.conf"
check "without a listening socket it says who starts it" \
    refuses 64 "no listening socket was passed" --config "$dir/kenmon.conf"
check "with a journal that is not there too" \
    refuses 64 "" --config "$dir/kenmon.conf" --journal "$dir/none.sock"
plan
