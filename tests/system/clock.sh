#!/bin/bash
# A clock that jumps (C35): time-based codes are refused with a sentence about
# the clock, everything else goes on, refusals still apply, and an administrator
# ends it. libfaketime moves the clock of the vault; CLOCK_BOOTTIME stays.
. "$(dirname "$0")/house.bash"
fake=$(find /usr/lib -name libfaketime.so.1 -print -quit 2>/dev/null)
if [ -z "$fake" ]; then
	skip "the clock" "faketime is not installed"
	plan
fi
vault_with "LD_PRELOAD=$fake FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE=$readable/time"
clock() { echo "$1" >"$readable/time.new" && mv "$readable/time.new" "$readable/time"; }
clock +0
alarm() { kenmon status --json | tr '{' '\n' | grep -q '"key":"clock".*"alarm":true' || kenmon status; }
calm() { kenmon status --json | tr '{' '\n' | grep -q '"key":"clock".*"alarm":false' || kenmon status; }
audited() { # EVENT COUNT
	local n
	n=$(kenmon audit list --json | grep -c "\"event\":\"$1\"")
	[ "$n" = "$2" ] || echo "$n records $1 instead of $2"
}
sentence="The clock of this computer is in doubt"

up "the rooms start"
check "an operator with a counter-based token" operator
recovery=$(kenmon enroll recovery-codes daemon 2>/dev/null | awk '$1 == "1." { print $2 $3 $4 $5 }')
kenmon operator add bin --employee-number 2 --name B --department X --uid 2 >/dev/null
check "and one with a time-based token only" quietly kenmon enroll totp bin --secret-file - --no-confirm <<<"$secret"
who=bin
check "a time-based code opens" gives SUCCESS "$(totp)"
check "nothing is in doubt" calm

clock +1h
sleep 1.2 # the vault looks at its clock at least once a second
check "the clock moved on by an hour is an alarm" alarm
check "a code for the real time is refused (C35)" gives AUTHINFO_UNAVAIL "$(totp 30)"
check "a code for the new time is refused (C35)" gives AUTHINFO_UNAVAIL "$(totp 3600)"
check "with a sentence about the clock" says "$sentence" seen "$(totp 3600)"
who=nobody
check "which a stranger sees too" says "$sentence" seen "$(totp 3600)"
who=daemon
check "a counter-based code opens" gives SUCCESS "$(hotp 0)"
check "once" gives AUTH_ERR "$(hotp 0)"
check "a recovery code opens" gives SUCCESS "$recovery"
check "once" gives AUTH_ERR "$recovery"
check "a wrong code is refused" gives AUTH_ERR 000000
kenmon operator suspend daemon --reason test >/dev/null
check "a suspended operator is refused" gives AUTH_ERR "$(hotp 1)"
kenmon operator resume daemon >/dev/null
check "the audit trail has it once" audited clock-suspect 1
check "accept without --yes changes nothing" fails 1 kenmon accept clock </dev/null
check "it is still an alarm" alarm
house_down
up "a restart"
check "does not forget it" alarm
who=bin
check "a time-based code is refused" gives AUTHINFO_UNAVAIL "$(totp 3600)"
check "an administrator accepts" quietly kenmon accept clock --yes
check "nothing is in doubt any more" calm
check "a code for the new time opens (C35)" gives SUCCESS "$(totp 3600)"
check "the trail tells of it" audited clock-accepted 1

clock +0
sleep 1.2
check "the clock put back by an hour is an alarm" alarm
check "a time-based code is refused" gives AUTHINFO_UNAVAIL "$(totp)"
check "nor does the code from the false hour open" gives AUTHINFO_UNAVAIL "$(totp 3600)"
who=daemon
check "a counter-based code opens" gives SUCCESS "$(hotp 2)"
check "the trail has it" audited clock-suspect 2
check "an administrator accepts" quietly kenmon accept clock --yes
who=bin
check "a code of the hour that comes twice is refused until the false hour is over" gives AUTH_ERR "$(totp)"

# What falls due while nothing runs is carried out at the start.
gone() { fails 1 kenmon operator show "$1"; }
is_gone() { [ -z "$(gone "$1")" ]; }
# Not just before midnight, when tomorrow becomes today.
while [ "$(date +%H:%M)" = 23:59 ]; do sleep 1; done
check "somebody is transferred from tomorrow on" quietly kenmon transfer bin --effective "$(date -d tomorrow +%F)"
check "today they are there" quietly kenmon operator show bin
house_down
clock +2d
up "the rooms were off on that day"
check "which is no doubt about the clock" calm
soon is_gone bin
check "who was to go by then is gone, by itself" gone bin
check "and nobody else" quietly kenmon operator show daemon
check "the trail has it" audited erased 1
house_down

# One that jumps while nothing runs shows at the start.
clock +1d
up "started a day before the last record"
check "it is an alarm" alarm
check "the trail verifies" verifies
plan
