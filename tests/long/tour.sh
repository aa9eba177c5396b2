#!/bin/bash
# The tour goes as it tells: as whoever runs this, and without root. (Not as uid 65534: what the
# kernel writes for a sender it cannot name is no vault to the door.)
. "$(dirname "$0")/../static/tap.bash"

goes() { "$@" tests/try </dev/null >"$heard" 2>&1 && return; cat "$heard"; return 1; }
heard=$(mktemp) || exit 1
trap 'rm -f "$heard"' EXIT
check "the tour goes as told" goes
if [ "$(id -u)" != 0 ]; then
	skip "and without root" "this was without root"
elif setpriv --reuid 65533 --regid 65533 --clear-groups test -x "$BUILD/kenmon"; then
	check "and without root" goes setpriv --reuid 65533 --regid 65533 --clear-groups \
	    env HOME=/nonexistent PATH=/usr/local/bin:/usr/bin:/bin
else
	skip "and without root" "another uid does not reach this checkout"
fi
plan
