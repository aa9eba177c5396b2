#!/bin/bash
# What a courier says to a command line or a starter that is not right.
. "$(dirname "$0")/../static/tap.bash"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# refuses CODE TEXT ARGUMENT...
refuses() {
	local want=$1 text=$2 got
	shift 2
	timeout 10 "$BUILD/kenmon-courier" "$@" >"$dir/said" 2>&1 </dev/null
	got=$?
	[ "$got" = "$want" ] || echo "ended with $got"
	grep -qF -- "$text" "$dir/said" || { echo "did not say: $text"; cat "$dir/said"; }
}

: >"$dir/kenmon.conf"
printf '[sms]\ngateway = exec\nprogram = bin/true\n' >"$dir/relative.conf"
check "--help says what it takes" refuses 0 "usage: kenmon-courier" --help
check "--version says which it is" refuses 0 "kenmon-courier 0." --version
check "an option that is none is refused" refuses 64 "usage: kenmon-courier" --frobnicate
check "a word that is no option is refused" refuses 64 "takes options only" start
for option in --vault-uid --owner; do
	for uid in '' -1 +7 ' 7' x 12x 4294967295 99999999999999999999999; do
		check "$option '$uid' is refused" refuses 64 "$option takes a uid, a number" "$option" "$uid"
	done
done
check "a configuration that was named has to be there" refuses 78 "$dir/none.conf" --config "$dir/none.conf"
check "where nobody gives orders it says so, after a while" \
    refuses 1 "$dir/none.sock: nobody gives orders there (EUNAVAIL)" --config "$dir/kenmon.conf" --order-socket "$dir/none.sock"
check "a path that is too long is no vault's, and that is said at once" refuses 1 "nobody gives orders there (ELIMIT)" \
    --config "$dir/kenmon.conf" --order-socket "/$(head -c 200 /dev/zero | tr '\0' x)"
check "a program that cannot be run is said at the start" refuses 1 "[sms] program: not an absolute path" \
    --config "$dir/relative.conf" --order-socket "$dir/none.sock"
plan
