#!/bin/bash
# Who is at the desk: operators at their own accounts, root in somebody's account or name, and the
# code of their own that each is asked for. With the real rooms, and real uids.
. "$(dirname "$0")/house.bash"

if [ "$(id -u)" != 0 ]; then
	skip "operators at their own accounts" "other uids than our own take root"
	plan
	exit 0
fi
group=6161
printf '[roles]\nregistrar-group = %s\n' "$group" >>"$dir/kenmon.conf"

# at UID GROUP COMMAND...: kenmon in this account; what is typed comes from standard input.
at() {
	local uid=$1 groups=$2
	shift 2
	setpriv --reuid "$uid" --regid "$uid" --groups "$groups" \
	    "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@"
}
registrar() { at 1 $group "$@"; } # daemon
approver() { at 2 2 "$@"; }       # bin
plain() { at 3 3 "$@"; }          # sys
# types LINES COMMAND...
types() {
	local lines=$1
	shift
	printf %b "$lines" | "$@"
}
person() { # LOGIN UID ROLE
	quietly kenmon operator add "$1" --employee-number "$2" --name N --department D --uid "$2" --role "$3" &&
	    quietly kenmon enroll hotp "$1" --secret-file - --no-confirm <<<"$secret"
}
trail() { kenmon audit list --all --json; }
# last EVENT: its record in the trail.
last() { trail | grep "\"event\":\"$1\"" | tail -n 1; }
holds() { # TEXT EVENT
	last "$2" | grep -qF -- "$1" || { echo "the last $2 does not hold $1:"; last "$2"; }
}
none() { [ -z "$(last "$1")" ] || last "$1"; }

up "the rooms start"
check "root registers a registrar" person daemon 1 registrar
check "... an approver" person bin 2 approver
check "... and an operator without a role" person sys 3 operator
check "status says that one person acts" says "by one person" kenmon status

# --- at one's own account -----------------------------------------------------------
check "an operator sees themselves" says '"login":"sys"' plain operator show sys --json
check "... and their trail" says "operator-added" plain audit list --login sys
check "... and nobody else" fails 77 plain operator show bin
check "... nor the list" fails 77 plain operator list
check "... and changes nobody" fails 77 plain operator suspend bin
check "a stranger has no desk" fails 77 at 65533 65533 status
check "... and is written down" holds '"reason":"not-the-caller"' administration-refused

# --- C38 ----------------------------------------------------------------------------
wrong='000000\n000000\n000000\n'
check "C38: root in the approver's account needs the approver's code" \
    fails 1 types "$wrong" approver operator suspend sys
check "C38: ... and without anything typed nothing is done" fails 1 approver operator suspend sys </dev/null
check "C38: root naming the approver needs the approver's code" \
    fails 1 types '000000\n' kenmon --as bin operator suspend daemon
check "... and nobody was suspended" none operator-suspended
check "each wrong code is in the trail" holds '"operation":"OPERATOR_STATE"' administrator-refused
check "the fifth in a row locks" fails 77 types '000000\n' kenmon --as bin operator suspend daemon
check "who is locked is not judged" fails 77 types "$(hotp 0)\n" approver operator suspend sys
check "root unlocks" quietly kenmon unlock bin

check "the approver, with their own code, suspends" \
    says "suspended" types "$(hotp 0)\n" approver operator suspend sys
check "... in their own name" holds '"actor":"bin"' operator-suspended
check "... by their factor" holds '"authority":"factor"' operator-suspended
check "the same code does not serve twice" says "That code was used already" \
    types "$(hotp 0)\n$(hotp 1)\n" approver operator list
who=bin
check "nor does it log anybody in" gives AUTH_ERR "$(hotp 1)"
unset who
check "root names the approver, who types their code" \
    says "daemon" types "$(hotp 2)\n" kenmon --as bin operator list
check "an approver registers nobody, not even with a code" fails 77 types "$(hotp 3)\n" \
    kenmon --as bin operator add x --employee-number 9 --name N --department D
check "a name that nobody has is asked all the same" says "Your own one-time code (nobody)" \
    types "$wrong" kenmon --as nobody operator list

# --- groups -------------------------------------------------------------------------
check "outside their Unix group a registrar is none" fails 77 types "$(hotp 0)\n" at 1 1 operator list
check "inside it they act, with their code" \
    says "is registered" types "$(hotp 0)\n" registrar operator add games --employee-number 5 --name N --department D
check "... in their own name" holds '"actor":"daemon"' operator-added
japanese() { LC_ALL=ja_JP.UTF-8 registrar operator list; }
check "a Japanese desk asks in Japanese" says "あなた自身のワンタイムコード (daemon): " types "$(hotp 1)\n" japanese

check "the start has said how this site acts" grep -q "acts on others, by one person" "$log"
check "the trail verifies" verifies

# --- two persons, and none yet who could be the second --------------------------------
house_down
printf '[approval]\nrequired = yes\n' >>"$dir/kenmon.conf"
alarm() { kenmon status --json | tr '{' '\n' | grep -q '"key":"approval".*"alarm":true' || kenmon status; }
up "the rooms start where two persons are required"
check "... and say that there were none yet" says "by two persons is required, but not before" kenmon status
check "an alarm says so" alarm
check "until then root acts alone" says "daemon" kenmon operator list
check "who has a role is asked for their code as before" says "Your own one-time code (bin)" \
    types '000000\n' approver operator list
plan
