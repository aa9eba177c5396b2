#!/bin/bash
# Logins with a finger: real doors, rooms and libfprint; the reader is libfprint's virtual one, and
# nobody has these fingers (tests/synth). What happens to sensor and matcher meanwhile.
. "$(dirname "$0")/house.bash"
synth=$BUILD/tests/synth
# shellcheck disable=SC2154 # house.bash has it
reader=$dir/reader
export FP_VIRTUAL_IMAGE=$reader
printf '%s\n' '[sensor]' 'allow-virtual = yes' '[fingerprint]' 'timeout = 10' \
    '[service first]' 'finger-first = yes' 'tries = 2' '[service three]' 'tries = 3' \
    '[service codes]' 'factors = totp+hotp+recovery' >>"$dir/kenmon.conf"
for service in first three codes; do stack $service "auth required KENMON"; done
ENTER=''

touches() { "$synth" feed "$reader" "$@" >/dev/null 2>&1; } # FINGER IMPRESSION...
waits() {
	soon grep -q "Touch the fingerprint reader" "$dir/shown" || { echo "no reader is waited for"; cat "$dir/shown"; }
}
# A touch that comes too soon is lost, as a person's would be: until the login ends.
hands=''
keeps_touching() {
	set -m # in a process group of their own, which ends as a whole
	while touches "$@"; do :; done &
	hands=$!
	set +m
}
let_go() {
	[ -z "$hands" ] || { kill -- "-$hands"; wait "$hands"; } 2>/dev/null
	hands=''
}

# begins SERVICE [ANSWER...]: a login of daemon. What they see goes to $dir/shown, its end to ends.
begins() {
	local service=$1
	shift
	: >"$dir/shown"
	printf '%s\n' "$@" | "$dir/bin/login" "$dir/pam.d" "$service" daemon >"$dir/shown" 2>&1 &
	login=$!
}
# ends TEXT: with these words of PAM's.
ends() {
	wait "$login"
	let_go
	tail -n 1 "$dir/shown" | grep -qF "=> $1" || cat "$dir/shown"
}
shown() { grep -qF -- "$1" "$dir/shown" || { echo "not shown: $1"; cat "$dir/shown"; }; }
not_shown() { ! grep -F -- "$1" "$dir/shown"; }
# Each once; a file, since checks run in shells of their own.
next_code() {
	local n
	n=$(cat "$dir/codes" 2>/dev/null || echo 0)
	echo $((n + 1)) >"$dir/codes"
	hotp "$n"
}

restarted() { [ "$(room "$1")" ] && [ "$(room "$1")" != "$2" ]; } # ROOM PID
in_the_trail() { kenmon audit list --json | grep -q "$1" || kenmon audit list; }

enrolled() {
	keeps_touching 7 1 2 3 4 5 6 7 8
	quietly kenmon enroll fingerprint daemon --finger right-index --consent-on-paper
	let_go
}
up "the rooms start"
check "an operator is registered" operator
check "a finger is enrolled" enrolled

# --- one login -------------------------------------------------------------------------------

opens() {
	begins kenmon-test "$ENTER"
	keeps_touching 7 9
	ends Success
	shown "Press Enter, then touch the reader. Or type a code:"
	shown "[Touch the fingerprint reader.]"
}
check "Enter, and another impression of that finger: the login succeeds" opens
check "the audit trail names the finger" in_the_trail 'login-allowed.*right-index'
used() {
	local row='"factor":"fingerprint"[^}]*"created":"[^"]*","last_used":'
	kenmon credential list daemon --json | grep -qE "$row\"[0-9]{4}-" || kenmon credential list daemon --json
}
check "credential list says when it was used last" used
types() {
	begins kenmon-test "$(next_code)"
	ends Success
	not_shown "Touch the"
}
check "a code at the same prompt does too, and no reader is waited for" types
other() {
	begins three "$ENTER" "$(next_code)"
	keeps_touching 9 1
	ends Success
	shown "[That finger is not right.]"
}
check "another finger is refused, and the code that is asked for then succeeds" other
alone() {
	begins codes "$(next_code)"
	ends Success
	shown "One-time code:"
	not_shown "touch"
}
check "a service that does not name fingers offers none" alone
# C31: from another uid, without a session at the seat.
remote() {
	local service=kenmon-test
	printf '%s\n' "$(next_code)" | setpriv --reuid 1 --regid 1 --clear-groups \
	    "$dir/bin/login" "$dir/pam.d" $service daemon >"$dir/shown" 2>&1
	shown "=> Success"
	shown "One-time code:"
	not_shown "touch"
}
if [ "$(id -u)" = 0 ]; then
	check "C31: nobody is offered a finger who does not sit at the machine" remote
else
	skip "C31: nobody is offered a finger who does not sit at the machine" "needs root"
fi
poor() {
	begins three "$ENTER" "$(next_code)"
	waits
	"$synth" retry "$reader" 1 >/dev/null 2>&1
	keeps_touching 7 3
	ends Success
	shown "[That was too short. Touch the reader again, and longer.]"
}
check "a touch that was too short is told, and the next one succeeds" poor

# --- the finger first --------------------------------------------------------------------------

first() {
	begins first
	keeps_touching 7 2
	ends Success
	not_shown "Press Enter"
}
check "finger-first: nothing is asked, and the touch succeeds" first
falls() {
	begins first "$(next_code)"
	ends Success
	shown "[The reader was not touched in time.]"
	shown "Or type a code:"
}
check "finger-first: without a touch it falls to the code" falls

# --- what happens meanwhile ----------------------------------------------------------------------

# C33
once() {
	begins kenmon-test "$ENTER"
	waits
	kill -KILL "$(room kenmon-sensor)"
	keeps_touching 7 4
	ends Success
}
check "C33: the sensor is killed while it waits: it is back, and the touch succeeds" once
# One that is killed before it has taken the judge's link is started again for the same link.
waits_again() { [ "$(grep -c "Touch the fingerprint reader" "$dir/shown")" = 2 ]; }
twice() {
	begins three "$ENTER" "$(next_code)"
	waits
	kill -KILL "$(room kenmon-sensor)"
	soon waits_again || echo "the sensor is not back"
	kill -KILL "$(room kenmon-sensor)"
	ends Success
	shown "[The fingerprint reader cannot be used at the moment.]"
	shown "One-time code:"
}
check "... twice: a code is asked for, and nothing counts as wrong" twice
matcher() {
	local old
	begins three "$ENTER" "$(next_code)"
	waits
	old=$(room kenmon-matcher)
	kill -KILL "$old"
	ends Success
	shown "One-time code:"
	soon restarted kenmon-matcher "$old" || echo "the matcher is not back"
}
check "the matcher is killed while the sensor waits: a code is asked for" matcher
lends_again() {
	# It has to have come back to the vault.
	soon opened_again || cat "$dir/shown"
}
opened_again() {
	begins kenmon-test "$ENTER"
	keeps_touching 7 5
	ends Success >"$dir/ended"
	[ ! -s "$dir/ended" ]
}
check "... and the next login takes a finger" lends_again
unplugged() {
	begins three "$ENTER" "$(next_code)"
	waits
	"$synth" unplug "$reader" >/dev/null 2>&1
	ends Success
	shown "One-time code:"
}
check "the reader is unplugged: a code is asked for" unplugged
check "... and plugged in again: the next login takes a finger" lends_again
# C27
gone() {
	begins kenmon-test "$ENTER"
	waits
	kill -KILL "$login"
	wait "$login" 2>/dev/null
	opens
}
check "C27: who waits is killed: the reader is free for the next" gone
# C29
both() {
	local one
	begins kenmon-test "$ENTER"
	waits
	one=$login
	mv "$dir/shown" "$dir/shown-one"
	begins kenmon-test "$ENTER" "$(next_code)"
	ends Success
	shown "Another login in your name waits at the reader."
	touches 7 6
	wait "$one"
	tail -n 1 "$dir/shown-one" | grep -qF "=> Success" || cat "$dir/shown-one"
}
check "C29: a second login in the same name hears of the first, and gets a code" both
silent() {
	begins three "$ENTER" "$(next_code)"
	waits
	local stopped
	stopped=$(room kenmon-sensor)
	kill -STOP "$stopped"
	ends Success
	shown "One-time code:"
	kill -KILL "$stopped"
}
check "a sensor that stands still is given up, and a code is asked for" silent
check "... and the next login takes a finger" lends_again

# --- too often -----------------------------------------------------------------------------------

locks() {
	local i
	for i in 1 2 3 4 5; do
		begins kenmon-test "$ENTER"
		keeps_touching 9 "$i"
		wait "$login"
		let_go
	done
	begins kenmon-test "$ENTER" "$(next_code)"
	ends Success
	shown "Too many touches did not match. Use a code, or wait"
	shown "One-time code:"
}
check "five fingers that do not match: a code is asked for instead, with the only try" locks
check "the trail verifies" verifies

# --- a uid for each room -----------------------------------------------------------------------------

apart() {
	rm "$dir/codes"
	operator && enrolled && opens
}
if [ "$(id -u)" = 0 ]; then
	house_down
	# shellcheck disable=SC2034 # house.bash has them
	state=$dir/apart vault_uid=61500 reader=$dir/open/reader
	export FP_VIRTUAL_IMAGE=$reader
	mkdir -m 1777 "$dir/open" # the reader's socket is made by the sensor
	chmod 1777 "$dir/open"
	stack kenmon-test "auth required KENMON"
	up "the rooms start, each under a uid of its own" --separate-uids 61500
	check "enrolment and login with a finger work between them" apart
else
	skip "enrolment and login with a finger, each room under a uid of its own" "needs root"
fi
plan
