#!/bin/bash
# Operators at their own accounts, and what they alone decide: consent, its withdrawal, what is stored
# about them, and a code of their own by invitation. Real rooms, real uids.
. "$(dirname "$0")/house.bash"
synth=$BUILD/tests/synth
# shellcheck disable=SC2154 # house.bash has it
export FP_VIRTUAL_IMAGE=$dir/reader
printf '[sensor]\nallow-virtual = yes\n[consent]\npurpose = %s/purpose\n' "$dir" >>"$dir/kenmon.conf"
if [ "$(id -u)" != 0 ]; then
	skip "operators at their own accounts" "only root may act as other uids"
	plan
fi
mkdir -m 0755 "$dir/purpose"
printf 'The ridges of a finger,\nfor logging in.\n' >"$dir/purpose/en.txt"
hand=''
at_end() { [ -z "$hand" ] || kill "$hand" 2>/dev/null; }

# as UID ARGUMENT...: kenmon at that account, in no group of anybody's.
as() {
	local uid=$1
	shift
	setpriv --reuid="$uid" --regid=65534 --clear-groups \
	    "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@"
}
# said TEXT: the command before said it.
said() { grep -qF -- "$1" "$dir/out" || { echo "not said: $1"; cat "$dir/out"; }; }
# The next code; checks run in a shell of their own, so the counter is in a file.
echo 0 >"$dir/counter"
code() {
	local n
	n=$(cat "$dir/counter")
	echo $((n + 1)) >"$dir/counter"
	hotp "$n"
}
enrol() { # FINGER ARGUMENT...
	"$synth" feed "$FP_VIRTUAL_IMAGE" 7 1 2 3 4 5 6 7 8 9 10 11 12 >/dev/null 2>&1 &
	hand=$!
	timeout 60 "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" \
	    enroll fingerprint daemon --finger "$@" --config "$dir/kenmon.conf" >"$dir/out" 2>&1
	local rc=$?
	kill $hand 2>/dev/null
	wait $hand 2>/dev/null
	hand=''
	return $rc
}
fingers() { grep -o '"factor":"fingerprint","label"' | wc -l; }

up "the rooms start"
check "an operator is registered, with a code" operator
check "another one" quietly kenmon operator add bin --employee-number 2 --name B --department X --uid 2

# --- consent ---------------------------------------------------------------------------------
refuses() {
	enrol right-index </dev/null && echo "enrolled without consent"
	said "The ridges of a finger,"
	said "code of their own, not the administrator's"
}
check "who does not agree has no finger taken" refuses
wrong() {
	enrol right-index <<<$'000000\n000000\n000000' && echo "enrolled by a wrong code"
	said "nothing was changed"
	kenmon credential list daemon --json >"$dir/out"
	said '"failures":3'
}
check "a code that is not theirs agrees to nothing, and counts" wrong
check "... and is forgotten when an administrator says so" quietly kenmon unlock daemon
agrees() {
	code >"$dir/code"
	enrol right-index <"$dir/code" || cat "$dir/out"
	said "daemon has agreed."
}
check "an operator agrees by a code of their own, and a finger is enrolled" agrees
check "... which is said with time, terminal and text" says '"by":"own-code"' kenmon consent list daemon --json
check "... and is in the trail" says "consent-given" kenmon audit list --login daemon
replayed() { gives AUTH_ERR "$(cat "$dir/code")"; }
check "the code that agreed opens no login" replayed
once() {
	enrol right-index </dev/null && echo "the same finger twice"
	said "daemon agreed to this text on"
}
check "the same text is not asked about again" once
shown() {
	kenmon consent show daemon >"$dir/out" 2>&1
	said "for logging in."
}
check "the text that was agreed to can be read again" shown

# --- me ------------------------------------------------------------------------------------------
logs_in() {
	code >"$dir/code"
	gives SUCCESS "$(cat "$dir/code")"
}
check "an operator logs in" logs_in
me() {
	as 1 me >"$dir/out" 2>&1 || echo "exit code $?"
	said "fingerprint"
	said "own code"
	said "consent-given"
	said "login-allowed"
}
check "an operator sees what is stored about them, at their own account" me
exported() {
	as 1 me export >"$dir/export" 2>"$dir/out" || { echo "exit code $?"; cat "$dir/out"; }
	for what in '"employee_number":"1"' '"factor":"fingerprint"' '"reader":"Virtual' '"by":"own-code"' \
	    '"text":"The ridges of a finger,\nfor logging in.\n"' '"event":"consent-given"' \
	    '"event":"login-allowed"'; do
		grep -qF -- "$what" "$dir/export" || echo "not there: $what"
	done
	if command -v python3 >/dev/null; then python3 -m json.tool "$dir/export" >/dev/null || echo "no JSON"; fi
	[ "$(fingers <"$dir/export")" = 1 ] || cat "$dir/export"
	grep -qE '[0-9a-f]{200}|[A-Za-z0-9+/=]{400}' "$dir/export" && echo "what is that?"
	kenmon audit list --login daemon >"$dir/out"
	said "data-of-a-person-exported"
	said "to=self"
}
check "... and exports all of it as JSON, which is written down" exported
# All but the moment, and the records, of which the first export is one more.
alike() {
	python3 - "$dir/own" "$dir/export" <<-'PY'
	import json, sys
	own, other = [json.load(open(name)) for name in sys.argv[1:]]
	for each in own, other:
	    del each['written']
	records = own.pop('records')
	if sorted(own) != ['consents', 'credentials', 'operator', 'purpose_texts']:
	    print("not there:", sorted(own))
	if other.pop('records')[:len(records)] != records:
	    print("other records")
	if own != other:
	    print(own, other)
	PY
}
requested() {
	mv "$dir/export" "$dir/own"
	kenmon operator export daemon >"$dir/export" || echo "exit code $?"
	if command -v python3 >/dev/null; then alike; fi
	grep -qF '"employee_number":"1"' "$dir/export" || cat "$dir/export"
	kenmon audit list --login daemon >"$dir/out"
	said "to=other"
}
check "a registrar produces the same" requested
others() {
	fails 77 as 2 operator show daemon
	fails 77 as 2 operator export daemon
	fails 77 as 2 consent list daemon
	fails 77 as 2 consent withdraw daemon
	fails 77 as 2 audit list
	fails 77 as 2 audit list --login daemon
	fails 77 as 2 invite bin
	fails 77 as 2 enroll fingerprint bin --finger right-index --consent-on-paper
}
check "nobody sees or changes anything of another person" others
strangers() { fails 77 as 4242 operator show daemon; }
check "... and a stranger not even gets a line" strangers

# --- invitations -----------------------------------------------------------------------------------
own=ON2HEZLOM52GQIDPMYQHI2DFEBZWKY3S # the seed they bring
alone() {
	fails 77 as 2 enroll totp bin --secret-file "$dir/seed" --qr never
	said "by invitation"
}
printf '%s\n' "$own" >"$dir/seed"
chmod 0644 "$dir/seed"
check "an operator enrols nothing alone without an invitation" alone
own_code() { oathtool --totp -N "@$(date +%s)" -b "$own"; }
invite() { kenmon invite bin --json | sed 's/.*"code":"\([A-Z2-7]*\)".*/\1/'; }
wrongs() {
	invite >/dev/null
	fails 1 as 2 enroll totp bin --secret-file "$dir/seed" <<<$'AAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAB\nAAAAAAAAAAAAAAAC\nAAAAAAAAAAAAAAAD\nAAAAAAAAAAAAAAAE'
	said "gone after 5 wrong codes"
	kenmon audit list --login bin >"$dir/out"
	said "invitation-refused"
	fails 77 as 2 enroll totp bin --secret-file "$dir/seed"
}
check "five wrong binding codes end an invitation" wrongs
foreign() { # daemon, who was not invited, with bin's code
	invite >"$dir/binding"
	fails 77 as 1 enroll totp bin --secret-file "$dir/seed" <"$dir/binding"
	fails 77 as 1 enroll totp daemon --secret-file "$dir/seed" <"$dir/binding"
}
check "an invitation is for one operator, whoever has its code" foreign
invited() {
	{ cat "$dir/binding"; own_code; } >"$dir/typed"
	as 2 enroll totp bin --secret-file "$dir/seed" <"$dir/typed" >"$dir/out" 2>&1 || echo "exit code $?"
	said "bin has a new credential"
	kenmon credential list bin >"$dir/out"
	said "totp"
	fails 77 as 2 enroll totp bin --secret-file "$dir/seed" <"$dir/typed"
}
check "an invited operator enrols a code of their own, once" invited

# --- withdrawing -------------------------------------------------------------------------------------
withdraws() {
	code >"$dir/code"
	fails 1 as 1 me withdraw </dev/null
	kenmon credential list daemon --json >"$dir/out"
	[ "$(fingers <"$dir/out")" = 1 ] || cat "$dir/out"
	as 1 me withdraw <"$dir/code" >"$dir/out" 2>&1 || echo "exit code $?"
	said "no finger is stored any more"
	kenmon credential list daemon --json >"$dir/out"
	[ "$(fingers <"$dir/out")" = 0 ] || cat "$dir/out"
	said '"factor":"hotp"'
}
check "an operator withdraws by a code of their own: fingers go, codes stay" withdraws
check "... which the trail says" says "consent-withdrawn" kenmon audit list --login daemon
login() {
	code >"$dir/code"
	gives SUCCESS "$(cat "$dir/code")"
}
check "... and the code still opens a login" login
check "... the key epoch is owed its end" says "close" kenmon key status
on_paper() {
	enrol left-index --consent-on-paper </dev/null || cat "$dir/out"
	said "on paper is recorded"
	quietly kenmon consent withdraw daemon
	kenmon credential list daemon --json >"$dir/out"
	[ "$(fingers <"$dir/out")" = 0 ] || cat "$dir/out"
}
check "a registrar records a consent on paper, and its withdrawal" on_paper
check "the trail is unbroken" says "unbroken" kenmon audit verify
plan
