#!/bin/bash
# Calls to the kernel that fail in the vault during one login: each fdatasync
# and each write of it, in turn, with an I/O error and with a full disk. The
# login is refused, or it is allowed and durable: after a restart the same code
# is refused. And nothing goes to anybody before it is on the disk.
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP strace on a room that nobody may trace needs root"
	exit 0
fi
. "$(dirname "$0")/house.bash"
tracer=''
at_end() { [ -z "$tracer" ] || kill "$tracer" 2>/dev/null; }

# trace OPTION...: watches the vault. It has begun when strace says so.
trace() {
	: >"$dir/trace.err"
	strace -f -p "$(room kenmon-vault)" -o "$dir/trace" "$@" 2>"$dir/trace.err" &
	tracer=$!
	soon grep -q attached "$dir/trace.err"
}
untrace() {
	kill "$tracer" 2>/dev/null
	wait "$tracer" 2>/dev/null
	tracer=''
}
# of_login END: what the vault did from the first word of the login to END, an address of sed.
# Where nobody comes for a second it keeps house, which is none of it.
of_login() { sed -n "/recvmsg.* = [1-9]/,$1p" "$dir/trace" >"$dir/login"; }
calls=fdatasync,pwrite64
counter=0

up "the rooms start"
check "an operator is registered" operator
check "a code opens" gives SUCCESS "$(hotp $counter)"
counter=$((counter + 1))

# --- the order of one login ------------------------------------------------------
# What is sent, to the judge or to the client, after the check: only after the flush.
house_down
journal=$dir/journal.sock
up "the rooms start with a journal that nobody reads" --journal "$journal"
trace -e trace=recvmsg,$calls,sendmsg,sendto
check "a code opens under strace" gives SUCCESS "$(hotp $counter)"
counter=$((counter + 1))
# The journal hears last, when the person may be in already.
check "the journal is told" soon grep -q 'sendto.*login-allowed' "$dir/trace"
untrace
order() {
	local flushed allowed told last
	of_login '$'
	# The last flush before the first word of ALLOW (0xa6: \246) and of login-allowed.
	flushed=$(grep -n 'fdatasync' "$dir/login" | head -n 1 | cut -d: -f1)
	[ -n "$flushed" ] || { echo "no flush"; cat "$dir/login"; return; }
	allowed=$(grep -n 'sendmsg.*\\246' "$dir/login" | head -n 1 | cut -d: -f1)
	told=$(grep -n 'sendto.*login-allowed' "$dir/login" | head -n 1 | cut -d: -f1)
	last=$(grep -nE 'pwrite64|fdatasync' "$dir/login" | awk -F: -v a="${allowed:-0}" '$1 < a { l = $0 } END { print l }')
	[ -n "$allowed" ] && [ "$flushed" -lt "$allowed" ] || { echo "ALLOW before the flush"; cat "$dir/login"; }
	[ -n "$told" ] && [ "$flushed" -lt "$told" ] || { echo "the journal before the flush"; cat "$dir/login"; }
	[[ $last == *fdatasync* ]] || { echo "written and not flushed: $last"; cat "$dir/login"; }
}
check "ALLOW and the journal's record come after the flush, and nothing is written in between" order
house_down

# --- the matrix ----------------------------------------------------------------------
# How many calls of each kind one login makes at the least, counted by a dry run; pages
# of the databases make it more at times.
dry_run() {
	trace -e trace=recvmsg,$calls,sendmsg
	verdict "$(hotp $counter)" >"$dir/verdict"
	counter=$((counter + 1))
	untrace
	of_login '/sendmsg.*\\246/'
	syncs=$(grep -c 'fdatasync(' "$dir/login")
	writes=$(grep -c 'pwrite64(' "$dir/login")
}
house_up >"$dir/up"
verdict "$(hotp $counter)" >/dev/null # the first round after a start does more
counter=$((counter + 1))
dry_run
counted() {
	[ "$syncs" -ge 1 ] && [ "$writes" -ge 4 ] || echo "$syncs flushes, $writes writes: strace saw nothing?"
	[ "$(cat "$dir/verdict")" = SUCCESS ] || cat "$dir/verdict"
}
check "a login flushes and writes" counted

# One of the two logins with one code, and only one, was let in.
one_of_two() { # WHAT FIRST AGAIN
	[ "$2/$3" = SUCCESS/AUTH_ERR ] || [ "$2/$3" = AUTHINFO_UNAVAIL/SUCCESS ] || echo "$1: $2, then $3"
}
# point CALL ERROR N: that call fails, the N-th ("N") or all from it on ("N+"). False: there was none.
point() {
	local what="$1 $2 $3" first again after
	trace -e trace="$1" -e inject="$1:error=$2:when=$3"
	first=$(verdict "$(hotp $counter)")
	untrace
	counter=$((counter + 1))
	if ! grep -q INJECTED "$dir/trace"; then
		[ "$first" = SUCCESS ] || echo "$what: nothing failed, and yet $first"
		return 1
	fi
	house_down
	house_up >"$dir/up" || { cat "$dir/up"; return 1; }
	again=$(verdict "$(hotp $((counter - 1)))")
	one_of_two "$what" "$first" "$again"
	after=$(verdict "$(hotp $counter)")
	[ "$after" = SUCCESS ] || echo "$what: the next code: $after"
	counter=$((counter + 1))
	kenmon audit verify >"$dir/out" 2>&1 || { echo "$what:"; cat "$dir/out"; }
}
matrix() { # CALL LEAST ERROR...
	local call=$1 least=$2 error n
	shift 2
	for error; do
		for ((n = 1; n < 40; n++)); do point "$call" "$error" $n || break; done
		[ $n -gt "$least" ] || echo "$call $error: $((n - 1)) points were tried and not $least"
		[ $n -lt 40 ] || echo "$call $error: no end"
		point "$call" "$error" 1+ || echo "$call $error: none failed"
	done
}
# They start and stop the rooms, so they do not run in the subshell of check.
matrix fdatasync "$syncs" EIO ENOSPC >"$dir/syncs"
check "each flush fails in turn: refused, or allowed and durable" cat "$dir/syncs"
matrix pwrite64 "$((writes - 2))" EIO ENOSPC >"$dir/writes"
check "each write fails in turn: refused, or allowed and durable" cat "$dir/writes"

# --- killed ------------------------------------------------------------------------------
# The vault is killed at each call. It is stopped there first, and killed when nobody traces
# it: of a traced child the kernel tells its parent too early.
stopped() { grep -q '^State:.[Tt]' "/proc/$1/status"; }
killed() { # CALL LEAST
	local call=$1 least=$2 n vault login first again
	for ((n = 1; n < 40; n++)); do
		vault=$(room kenmon-vault)
		trace -e trace="$call" -e inject="$call:signal=SIGSTOP:when=$n"
		verdict "$(hotp $counter)" >"$dir/verdict" &
		login=$!
		ended() { stopped "$vault" || ! kill -0 $login; }
		soon ended
		counter=$((counter + 1))
		if ! stopped "$vault"; then
			wait $login
			untrace
			break
		fi
		kill -KILL "$tracer"
		wait "$tracer" 2>/dev/null
		tracer=''
		kill -KILL "$vault"
		wait $login
		first=$(cat "$dir/verdict")
		soon kenmon status
		again=$(verdict "$(hotp $((counter - 1)))")
		# Durable, and killed before it could say so: the code is used up and nobody is in.
		[ "$first/$again" = AUTHINFO_UNAVAIL/AUTH_ERR ] || one_of_two "$call, killed at $n" "$first" "$again"
	done
	[ $n -gt "$least" ] || echo "$call: killed at $((n - 1)) points and not at $least"
	kenmon audit verify >"$dir/out" 2>&1 || cat "$dir/out"
}
killed fdatasync "$syncs" >"$dir/killed" 2>/dev/null
killed pwrite64 "$((writes - 2))" >>"$dir/killed" 2>/dev/null
check "killed at each flush and each write: no code opens twice" cat "$dir/killed"
plan
