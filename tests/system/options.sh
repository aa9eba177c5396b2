#!/bin/bash
# What a vault says to a command line, a configuration or a starter that is not right, and that it
# touches nothing then. And a configuration that goes bad under it.
. "$(dirname "$0")/house.bash"
vault=$dir/bin/kenmon-vault

# refuses CODE TEXT ARGUMENT...
refuses() {
	local want=$1 text=$2 got
	shift 2
	timeout 10 "$vault" "$@" >"$dir/said" 2>&1 </dev/null
	got=$?
	[ "$got" = "$want" ] || echo "ended with $got"
	grep -qF -- "$text" "$dir/said" || { echo "did not say: $text"; cat "$dir/said"; }
	[ ! -e "$dir/new" ] || echo "it made a state folder"
}

check "--help says what it takes" refuses 0 "usage: kenmon-vault" --help
check "an option that is none is refused" refuses 64 "usage: kenmon-vault" --frobnicate
check "a word that is no option is refused" refuses 64 "takes options only" --state-dir "$dir/new" start
for uid in '' -1 +7 ' 7' x 12x 4294967295 99999999999999999999999; do
	check "--owner '$uid' is refused" refuses 64 "--owner takes a uid, a number" --owner "$uid"
	check "--judge-uid '$uid' is refused" refuses 64 "--judge-uid takes a uid, a number" --judge-uid "$uid"
	check "--matcher-uid '$uid' is refused" refuses 64 "--matcher-uid takes a uid, a number" --matcher-uid "$uid"
done
printf '[login]\ntries = 99\n' >"$dir/bad.conf"
check "a bad configuration is named with its line" \
    refuses 78 "bad.conf:2: " --config "$dir/bad.conf" --state-dir "$dir/new" --setup
check "one that is not there is named" \
    refuses 78 "none.conf: " --config "$dir/none.conf" --state-dir "$dir/new" --setup
check "a state folder that cannot be made is named" \
    refuses 78 "$dir/none/state cannot be made: " --config "$dir/kenmon.conf" --state-dir "$dir/none/state" --setup
check "a state folder whose name is too long for a path is refused" \
    refuses 1 "the path of the state folder is too long" --config "$dir/kenmon.conf" --setup \
    --state-dir "/$(head -c 4093 /dev/zero | tr '\0' x)"
printf '[site]\ntime-zone = Asia/Nowhere\n' >"$dir/zone.conf"
check "a time zone that this machine does not know is refused" \
    refuses 78 "Asia/Nowhere" --config "$dir/zone.conf" --state-dir "$dir/new" --setup
check "without a listening socket it says who starts it" \
    refuses 64 "no listening socket was passed" --config "$dir/kenmon.conf" --state-dir "$dir/new"

made() {
	"$vault" --setup --config "$dir/kenmon.conf" --state-dir "$dir/made" >"$dir/said" 2>&1 || { cat "$dir/said"; return; }
	for file in master.key vault.db identity.db; do
		[ -s "$dir/made/$file" ] || echo "no $file"
	done
	find "$dir/made" -perm /077
}
check "--setup makes a state folder that nobody else can read" made

up "the rooms start"
check "an operator is registered" operator
logged() { soon grep -qF -- "$1" "$log" || { echo "not logged: $1"; tail -n 5 "$log"; }; }
reload() {
	cat >"$dir/kenmon.conf"
	kill -HUP "$(room kenmon-vault)"
}
printf '[site]\ntime-zone = Asia/Nowhere\n[login]\ntries = 1\n' | reload
check "a reload with an unknown time zone keeps the old configuration" logged "the old configuration stays"
printf '[login]\ntries = 99\n' | reload
check "a reload of a bad file names the line" logged "kenmon.conf:2:"
check "and a code opens as before" gives SUCCESS "$(hotp 0)"
house_down
plan
