#!/bin/bash
# Acts on other people take two persons in the real house: founded by root, filed
# by a registrar, approved by somebody else who has seen exactly that and has
# proved who they are, on a line of their own (C38). Both are in the trail.
. "$(dirname "$0")/house.bash"
printf '[approval]\nrequired = yes\nexpires = 1\n' >>"$dir/kenmon.conf"

kenmon_ja() { env LC_ALL=ja_JP.UTF-8 "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@"; }
# types ANSWER LOGIN ARGUMENT...: as that operator, with the next code of theirs and then this.
types() {
	local answer=$1 who=$2 n code
	shift 2
	n=$(cat "$dir/n.$who")
	echo $((n + 1)) >"$dir/n.$who"
	{ hotp "$n"; [ -z "$answer" ] || echo "$answer"; } | "${program:-kenmon}" --as "$who" "$@" 2>"$dir/err"
	code=$?
	# What asked for the code is no news.
	sed 's/^Your own one-time code ([a-z]*): //' "$dir/err" | grep -v '^$' >&2
	return $code
}
acts() { types '' "$@"; }
# Root registers somebody and gives them a token.
administrator() {
	quietly kenmon operator add "$1" --employee-number "N-$1" --name "$1" --department X --role "$2" --uid "$3" &&
	    quietly kenmon enroll hotp "$1" --secret-file - --no-confirm <<<"$secret" && echo 0 >"$dir/n.$1"
}
# The number of the newest request.
newest() { acts rei --json approval list | grep -o '^{"id":[0-9]*\|"id":[0-9]*' | tail -1 | tr -dc 0-9; }
digest() { acts rei --json approval show "$1" | grep -o '"digest":"[0-9a-f]*"' | cut -d'"' -f4; }
# fails_saying TEXT CODE COMMAND...: it ends with this exit code for this reason, and for no other.
fails_saying() {
	local text=$1
	shift
	fails "$@"
	grep -qF -- "$text" "$dir/out" || { echo "did not say: $text"; cat "$dir/out"; }
}
# last EVENT: its newest record.
last() { acts aki audit list --all --json | grep "\"event\":\"$1\"" | tail -1; }
# files ARGUMENT...: by Rei, with exit code 3 and the request's number said.
files() {
	local code
	acts rei "$@" >"$dir/out" 2>&1
	code=$?
	[ "$code" = 3 ] || { echo "exit code $code instead of 3"; cat "$dir/out"; }
	grep -q 'Filed as request [0-9]' "$dir/out" || cat "$dir/out"
}

up "the rooms start on an empty folder"
check "status says that nobody was founded yet" says "root acts alone until then" kenmon status
check "root registers the first administrator alone" administrator rei registrar 3
check "and the second, by a record each" administrator aki approver 2
check "with that it is founded, and the trail says so" says "administration-founded" acts rei audit list --all
founders() {
	acts rei audit list --all --json | grep '"event":"operator-added"' >"$dir/out"
	[ "$(wc -l <"$dir/out")" = 2 ] || cat "$dir/out"
	for who in rei aki; do
		[ "$(grep -c "\"login\":\"$who\"" "$dir/out")" = 1 ] || cat "$dir/out"
	done
	[ "$(grep -c "\"actor\":\"uid:$(id -u)\",\"approver\":null" "$dir/out")" = 2 ] || cat "$dir/out"
}
check "... and has one record by root for each of the two, and no other" founders
check "root alone registers nobody any more" fails 77 kenmon operator add ami --employee-number 9 --name A --department X
check "nor lists what waits" fails 77 kenmon approval list

# --- each act ------------------------------------------------------------------------
add=(operator add daemon --employee-number 1 --name D --department X --uid 1)
check "a registration is filed: exit code 3" files "${add[@]}"
check "it is in the list" says "register an operator" acts aki approval list
check "and shown whole" says "employee-number: 1" acts aki approval show 1
check "about whom, though nobody of that name is registered" says "ABOUT: daemon" acts aki approval show 1
check "in Japanese too" eval 'program=kenmon_ja says "職員の登録" acts aki approval show 1'
check "nobody is registered by that" says "no operator is registered" acts rei operator show daemon
check "a wrong number typed approves nothing" fails_saying "the request still waits" 1 types 2 aki approval approve 1
check "its requester does not approve it" fails 77 acts rei approval approve 1 --digest "$(digest 1)"
check "nor root without a name" fails 77 kenmon approval approve 1 --digest "$(digest 1)"
proves_nothing() {
	fails_saying "That code is not right" 1 kenmon --as aki approval approve 1 --digest "$(digest 1)" <<<000000
}
check "nor an approver who proves nothing (C38)" proves_nothing
check "it waits still" says "register an operator" acts aki approval list
check "nor with the digest of something else" fails_saying "not what was asked for" 1 acts aki approval approve 1 --digest "$(printf '0%.0s' {1..64})"
check "the approver types its number" says "was approved and carried out" types 1 aki approval approve 1
check "and the operator is there" quietly acts rei operator show daemon
check "once: it waits no more" fails_saying "no request 1 waits" 1 acts aki approval approve 1 --digest "$(printf '0%.0s' {1..64})"
both() { says '"actor":"rei","approver":"aki"' last "$1"; }
check "both names are in the trail" both operator-added

# done_by_two NAME ARGUMENT...: filed by Rei, approved by Aki.
done_by_two() {
	local id
	files "$@"
	id=$(newest)
	types "$id" aki approval approve "$id" >"$dir/out" 2>&1 || cat "$dir/out"
}
enrols() {
	printf %s "$secret" >"$dir/secret"
	files enroll hotp daemon --secret-file "$dir/secret" --no-confirm
}
check "a token is enrolled, and waits" enrols
check "the listing says so" says "waits for approval" acts rei credential list daemon
check "it opens nothing yet" gives AUTH_ERR "$(hotp 0)"
id=$(newest)
check "who reads what its codes are worth" says "digits: 6" acts aki approval show "$id"
check "and by what they are made" says "algorithm: sha1" acts aki approval show "$id"
check "it is approved" says "was approved" types "$id" aki approval approve "$id"
check "and opens a login" gives SUCCESS "$(hotp 1)"
check "suspending takes one, and root without a factor" quietly kenmon operator suspend daemon
check "resuming takes two" done_by_two operator resume daemon
check "unlocking takes two" done_by_two unlock daemon
check "binding to another account takes two" done_by_two operator rebind daemon --uid 1
check "a request about the approver is not theirs to approve" eval '
	files operator rebind aki --uid 7; id=$(newest); fails 77 acts aki approval approve "$id" --digest "$(digest "$id")"'
check "the requester takes it back alone" eval 'quietly acts rei approval reject "$(newest)" --reason mistaken'
check "the approver rejects" eval 'files unlock daemon; quietly acts aki approval reject "$(newest)"'
rejected() {
	acts aki audit list --all --json | grep '"request-rejected"' >"$dir/out"
	[ "$(wc -l <"$dir/out")" = 2 ] || cat "$dir/out"
}
check "and the trail has both" rejected
check "the last approver is not suspended" fails_saying "the last approver" 1 kenmon operator suspend aki
check "nor is the last registrar" fails_saying "the last registrar" 1 kenmon operator suspend rei

# --- a bypass ------------------------------------------------------------------------
acts rei bypass daemon --until +8h --reason "a bandaged hand" >"$dir/code" 2>/dev/null
printed=$(grep -o '[A-Z2-7]\{4\}-[A-Z2-7]\{4\}-[A-Z2-7]\{4\}-[A-Z2-7]\{4\}' "$dir/code")
check "a bypass is printed once" test -n "$printed"
check "and opens nothing before the second person" gives AUTH_ERR "$printed"
id=$(newest)
check "who reads why" says "reason: a bandaged hand" acts aki approval show "$id"
check "and until when, as a time" says "until: 20" acts aki approval show "$id"
check "a program too" says '"until":"20' acts aki --json approval show "$id"
check "and approves" says "was approved" types "$id" aki approval approve "$id"
check "status is loud about it while it is open, with a time" says "bypass: daemon may log in with it until 20" kenmon status
check "it opens one login" gives SUCCESS "$printed"
check "and no second one" gives AUTH_ERR "$printed"
check "the trail says by what" says '"factor":"bypass"' last login-allowed
check "an end beyond a day is refused" fails_saying "within 24 hours" 1 acts rei bypass daemon --until +25h --reason x
check "a time that is none as well" fails 2 acts rei bypass daemon --until noon --reason x

# --- a kill between filing and deciding --------------------------------------------------
check "an erasure is filed" files erase daemon --reason transferred --yes
id=$(newest)
kill -9 "$(room kenmon-vault)"
house_down
up "after a kill the rooms start"
check "the request is there" says "erase an operator" acts aki approval show "$id"
check "nothing of it was done" quietly acts rei operator show daemon
check "it is approved" says "was approved" types "$id" aki approval approve "$id"
check "and done" says "no operator is registered" acts rei operator show daemon
check "by both" both erase-begun
certified() {
	local who
	acts aki certificate show --employee-number 1 --format json >"$dir/certificate"
	for who in decided:rei approved:aki; do
		says "\"subject\":\"$(sed -n "s/^\"${who%:*}-by\":\"\([0-9a-f]\{32\}\)\",/\1/p" "$dir/certificate")\"" \
		    acts aki operator show "${who#*:}" --json
	done
}
check "whom its certificate names, each in their part" certified
check "the way back is closed while the approver is there" fails 1 kenmon accept administrators --yes

# --- the site's mode, changed under way -----------------------------------------------------
says_soon() { # what comes with a signal comes when it comes
	for _ in $(seq 100); do
		grep -qF -- "$1" "$log" && return
		sleep 0.1
	done
	echo "not in the log: $1"
}
conf=$(sed 's/^required = yes$/required = no/' "$dir/kenmon.conf")
printf '%s\n' "$conf" >"$dir/kenmon.conf" # in place: the walls know this file
kill -HUP "$(room kenmon-vault)"
check "a reload that lets one person act says so" says_soon "acts on others, by one person"
check "... and is in the trail with that" says "approval=not-required" kenmon audit list --all
check "the trail verifies" verifies
plan
