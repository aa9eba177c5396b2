#!/bin/bash
# Times that clocks get wrong (C35): the ends of 31 and of 32 bits, leap days and the end of a year,
# nights in which summer time begins or ends, a dead battery, a wrong year that somebody
# logged in by, a night asleep. libfaketime moves the vault's clock; oathtool makes the codes.
. "$(dirname "$0")/house.bash"
fake=$(find /usr/lib -name libfaketime.so.1 -print -quit 2>/dev/null)
if [ -z "$fake" ]; then
	skip "the clock" "faketime is not installed"
	plan
fi
preload="LD_PRELOAD=$fake FAKETIME_NO_CACHE=1 FAKETIME_TIMESTAMP_FILE=$readable/time"
vault_with "$preload FAKETIME_DONT_FAKE_MONOTONIC=1"
offset=0
# The vault looks at its clock before it takes a request: no need to wait for it.
clock() { offset=$1; printf '%+d\n' "$1" >"$readable/time.new" && mv "$readable/time.new" "$readable/time"; }
at() { clock $(($1 - $(date +%s))); }
utc() { date -ud "$1" +%s; }
totp_at() { oathtool --totp -N "@$(($(date +%s) + offset))" -b "$secret"; }
accept() { quietly kenmon accept clock --yes; }
alarm() { kenmon status --json | tr '{' '\n' | grep -q '"key":"clock".*"alarm":true' || kenmon status; }
calm() { kenmon status --json | tr '{' '\n' | grep -q '"key":"clock".*"alarm":false' || kenmon status; }
# account NAME UID FACTOR [OPTION...]
account() {
	local name=$1 uid=$2 factor=$3
	shift 3
	quietly kenmon operator add "$name" --employee-number "E$uid" --name N --department X --uid "$uid" "$@" &&
	    quietly kenmon enroll "$factor" "$name" --secret-file - --no-confirm <<<"$secret"
}

# --- time-based codes at the ends of numbers -----------------------------------------------
clock 0
up "the rooms start"
check "an operator with a time-based token" account bin 2 totp
check "and one with a counter-based one" account sys 3 hotp
who=bin
number_end() { # NAME SECONDS: a step of 30 seconds begins there
	at $(($2 + 3))
	check "$1 comes unexpected: it is an alarm" alarm
	check "no code of it opens yet" gives AUTHINFO_UNAVAIL "$(totp_at)"
	check "an administrator accepts it" accept
	at $(($2 + 3)) # what that took is not part of the step
	check "a code of $1 opens" gives SUCCESS "$(totp_at)"
	check "once" gives AUTH_ERR "$(totp_at)"
}
number_end "29 February 2028" "$(utc '2028-02-29 12:00')"
number_end "the last minute of 2028" "$(utc '2028-12-31 23:59')"
number_end "the last step of 31 bits" 2147483640
at 2147483673
check "the step behind it opens" gives SUCCESS "$(totp_at)"
check "no step is an alarm" calm
number_end "the last step of 32 bits" 4294967280
at 4294967313
check "the step behind it opens" gives SUCCESS "$(totp_at)"
check "once" gives AUTH_ERR "$(totp_at)"
check "the trail knows its date" says "2106-02-07 06:28" env TZ=UTC "$dir/bin/kenmon" --socket "$socket" \
    --daemon-user "$vault_uid" audit list
check "and verifies" verifies
house_down
up "a restart in 2106"
check "finds nothing" calm
at 4294967343
check "and the next code opens" gives SUCCESS "$(totp_at)"

# --- back: nothing is poisoned -----------------------------------------------------------------
clock 0
check "the clock put right again is an alarm" alarm
who=sys
check "a counter-based code opens" gives SUCCESS "$(hotp 0)"
lock() { for _ in 1 2 3 4; do gives AUTH_ERR 000000; done; gives MAXTRIES 000000; }
at 4294967400
check "in 2106 five wrong codes lock" lock
clock 0
check "which does not last for eighty years" gives SUCCESS "$(hotp 1)"
house_down

# One login in a wrong year that nobody accepted moves nothing.
rm -rf "$state"
up "another house"
check "an operator with a time-based token" account bin 2 totp
who=bin
at "$(utc '2040-06-01 12:00')"
check "in a wrong year a code is refused" gives AUTHINFO_UNAVAIL "$(totp_at)"
clock 0
check "an administrator accepts the right one" accept
check "and its code opens" gives SUCCESS "$(totp_at)"

# --- a dead battery -----------------------------------------------------------------------------
quietly account games 5 hotp --valid-until "$(date -ud yesterday +%F)"
who=games
check "whose time is over is refused" gives AUTH_ERR "$(hotp 0)"
house_down
at 60
up "the rooms start in 1970"
check "it is an alarm" alarm
check "whose time was over is still refused" gives AUTH_ERR "$(hotp 1)"
who=bin
check "a time-based code is refused" gives AUTHINFO_UNAVAIL "$(totp_at)"
check "with a sentence about the clock" says "clock of this computer is in doubt" seen "$(totp_at)"
check "nobody is erased in it" fails 1 kenmon erase bin --reason x --yes
clock 0
check "the network sets it: still an alarm, for who knows" alarm
check "an administrator accepts" accept
at $(($(date +%s) + 30)) # a code that was not used yet
check "and a time-based code opens" gives SUCCESS "$(totp_at)"
house_down

# --- the last second of a day -------------------------------------------------------------------
rm -rf "$state"
clock 0
# ZONE LOGIN UID LAST-DAY LAST-SECOND
days() {
	cat <<-END
	Europe/Berlin daemon 1 2027-03-28 2027-03-28T21:59:59Z
	Africa/Cairo bin 2 2027-04-29 2027-04-29T21:59:59Z
	Europe/Berlin sys 3 2027-10-31 2027-10-31T22:59:59Z
	Asia/Tokyo sync 4 2028-02-29 2028-02-29T14:59:59Z
	UTC games 5 2028-12-31 2028-12-31T23:59:59Z
	Asia/Tokyo man 6 2106-02-07 2106-02-07T14:59:59Z
	END
}
up "a house for the last days"
while read -r zone login uid day second; do
	quietly account "$login" "$uid" hotp --valid-until "$day"
done < <(days)
house_down
while read -r zone login uid day second; do
	printf '[site]\ntime-zone = %s\n[login]\ntries = 1\n' "$zone" >"$dir/kenmon.conf"
	at "$(($(utc "$second") - 60))"
	up "it is the last minute of $day in $zone"
	who=$login
	check "a counter-based code opens" gives SUCCESS "$(hotp 0)"
	at "$(($(utc "$second") + 1))"
	check "a second after the day it does not" gives AUTH_ERR "$(hotp 1)"
	house_down
done < <(days)

# --- asleep ---------------------------------------------------------------------------------------
# Here CLOCK_BOOTTIME moves too, as it does on a machine that slept.
rm -rf "$state"
vault_with "$preload"
clock 0
up "a house that sleeps"
check "an operator with a time-based token" account bin 2 totp
who=bin
check "a code opens" gives SUCCESS "$(totp_at)"
clock 28800
check "eight hours later nothing is in doubt" calm
check "and the code of then opens" gives SUCCESS "$(totp_at)"
check "the trail verifies" verifies
plan
