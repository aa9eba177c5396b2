#!/bin/bash
# Rosters, from the file to the refusal at the login, with everything real: who joins, moves, changes,
# leaves and comes back, what is scheduled, and (C18) feeds that must destroy nobody.
. "$(dirname "$0")/house.bash"
# shellcheck disable=SC2154 # house.bash has it
roster=$dir/roster.csv
head=employee_number,login,name,department,status,valid_until
synth=$BUILD/tests/synth

# feed ROW...: the roster has these rows.
feed() { printf '%s\n' "$head" "$@" >"$roster"; }
apply() { kenmon roster apply "$roster" "$@"; }
# Once the vault has worked it off.
worked() { kenmon status 2>/dev/null | grep -q '^roster .*worked off$'; }
# No other is being worked off, between logins.
idle() { ! kenmon status 2>/dev/null | grep -q '^roster .*being worked off'; }
applies() {
	soon idle
	quietly apply "$@" || return
	soon worked || { kenmon status; return 1; }
}
who() { kenmon operator list --json | tr -d '\n'; }
logins() { kenmon operator list --json | sed -n 's/.*"login":"\([^"]*\)".*"state":"\([^"]*\)".*/\1 \2/p' | sort; }
# are LOGIN-STATE...: these are registered, and no others.
are() {
	local got
	got=$(logins)
	[ "$got" = "$(printf '%s\n' "$@" | tr : ' ' | sort)" ] || printf 'there are:\n%s\n' "$got"
}
soon_are() {
	all_are() { [ -z "$(are "$@")" ]; }
	soon all_are "$@"
	are "$@"
}
# nothing_by TEXT CODE COMMAND...: it ends so, says so, and nobody is another than before.
nothing_by() {
	local text=$1 code=$2 before after due
	shift 2
	soon idle
	before=$(who) due=$(kenmon due list --json)
	fails "$code" "$@"
	grep -qF -- "$text" "$dir/out" || { echo "did not say: $text"; cat "$dir/out"; }
	after=$(who)
	[ "$before" = "$after" ] || diff <(tr '}' '\n' <<<"$before") <(tr '}' '\n' <<<"$after") | head -n 8
	[ "$due" = "$(kenmon due list --json)" ] || kenmon due list | head -n 8
}
tomorrow() { date -d tomorrow +%F; }
due() { kenmon due list --json | grep -F "\"login\":\"$1\"" | grep -F "$2" >/dev/null || kenmon due list --json; }

up "the rooms start"

# --- joined, changed, moved -----------------------------------------------------------------------

feed 1,daemon,D,X,在職, 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "a check says who would be registered, and registers nobody" nothing_by "Registered: 4" 0 kenmon roster check "$roster"
check "a roster registers whoever is in it" applies
check "... all four, active" soon_are daemon:active bin:active games:active man:active
check "C18: the same roster once more changes nothing" nothing_by "accepted before" 0 apply
feed 4,man,M,X,active, 3,games,G,X,active, 2,bin,B,X,在職, 1,daemon,D,X,在職,
check "C18: the same rows in another order change nothing" nothing_by "Unchanged: 4" 0 apply
soon worked
check "a token is enrolled for one of them" quietly kenmon enroll hotp daemon --secret-file - --no-confirm <<<"$secret"
check "... who logs in with it" gives SUCCESS "$(hotp 0)"
feed 1,daemon,"D D",Y,在職, 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "a new name and a move to another department" applies
moved() { says '"name":"D D","department":"Y"' kenmon operator show daemon --json; }
check "... are there" moved
check "... and the factors are, too" gives SUCCESS "$(hotp 1)"
iconv -f UTF-8 -t CP932 "$roster" >"$dir/c" && mv "$dir/c" "$roster"
check "the same in CP932 says the same" nothing_by "Unchanged: 4" 0 apply
check "... and is worked off" soon worked

"$synth" roster 3000 cp932=1 trailer=1 >"$roster"
check "3,000 in CP932, each with every column, in many slices" nothing_by "Registered: 3000" 0 kenmon roster check "$roster"
"$synth" roster 3000 english=1 trailer=1 >"$roster"
check "... and in English" nothing_by "Registered: 3000" 0 kenmon roster check "$roster"

# --- leaving, on a day ---------------------------------------------------------------------------------

feed 1,daemon,"D D",Y,在職, 2,bin,B,X,転出,令和81年3月31日 3,games,G,X,active, 4,man,M,X,active,
check "a transfer in many years is taken" applies
check "... and due on the day after the last one" due bin '"day":"2099-04-01","what":"erase","cause":"transferred"'
check "... and meanwhile nobody is missing" are daemon:active bin:active games:active man:active
feed 1,daemon,"D D",Y,退職,"$(tomorrow)" 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "who retires at the end of tomorrow is due" applies
check "... and logs in until then" gives SUCCESS "$(hotp 2)"
not_due() { ! kenmon due list --json | grep -F '"login":"bin"'; }
check "a transfer that the roster takes back is due no more" not_due
feed 1,daemon,"D D",Y,退職, 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "who has retired is refused from acceptance on" quietly apply
check "... at the login" gives AUTH_ERR "$(hotp 3)"
check "... and is gone, with everything" soon_are bin:active games:active man:active
soon worked
feed 1,daemon,"D D",Y,在職, 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "the employee number is never given again, and stops nobody else" nothing_by "stays erased" 0 kenmon roster check "$roster"
check "... when it is applied" quietly apply
soon worked
check "... and nobody was registered under it" soon_are bin:active games:active man:active
feed 1-2,daemon,"D D",Y,在職, 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "who comes back under a new number is registered anew" applies
check "... without the old factors" soon_are daemon:active bin:active games:active man:active
check "... which open nothing" gives AUTH_ERR "$(hotp 4)"

# --- missing, on leave, back ------------------------------------------------------------------------------

feed 1-2,daemon,"D D",Y,在職, 2,bin,B,X,在職, 3,games,G,X,休職,
check "who is missing, and who is on leave" applies
check "... are suspended" soon_are daemon:active bin:active games:suspended man:suspended
check "... and only who is missing is erased after the wait" due man '"what":"erase","cause":"missing"'
feed 1-2,daemon,"D D",Y,在職, 2,bin,B,X,在職, 3,games,G,X,active, 4,man,M,X,active,
check "both are back" applies
check "... and active again" soon_are daemon:active bin:active games:active man:active
check "... and nothing is due for them" says "Nothing is due." kenmon due list
feed 2,bin,B,X,在職,
check "a roster of a part of the staff" applies --partial
check "... says nothing of the others" soon_are daemon:active bin:active games:active man:active

# --- C18: feeds that must destroy nobody ----------------------------------------------------------------------

: >"$roster"
check "C18: an empty file" nothing_by "the file is empty" 1 apply
feed
check "C18: a header alone" nothing_by "nobody below it" 1 apply
printf '%s\n1-2,daemon,"D D",Y,在職,\n2,bin,B,X,在' "$head" >"$roster"
check "C18: a file that was cut in a row" nothing_by "columns" 1 apply
printf '%s\n1-2,daemon,D D,Y,在職,\n#rows,4\n' "$head" >"$roster"
check "C18: a file that was cut between rows, and says how many there were" nothing_by "4 rows" 1 apply
feed 1-2,daemon,"D D",Y,在職,
check "C18: the same where the caller knows the number" nothing_by "there should be 4 rows" 1 apply --rows 4
check "C18: an older roster than the last" nothing_by "an older roster" 1 apply --made 2020-01-01T00:00
feed 1-2,daemon,"D D",Y,在職, 2,bin,B,X,在職, 3,games,G,X,active, x,man,M,X,active
check "a bad row: nothing of the file is applied" nothing_by "line 5" 1 apply
printf '%s\n1-2,daemon,"D\nD",Y,在職,\n' "$head" >"$roster"
check "C10: a line break in a name" nothing_by "line break" 1 apply

# --- the brake ---------------------------------------------------------------------------------------------

"$synth" roster 40 short=1 >"$roster"
printf '%s\n' 1-2,daemon,"D D",Y 2,bin,B,X 3,games,G,X 4,man,M,X >>"$roster"
check "forty join" applies
count() { [ "$(logins | grep -c "$1")" = "$2" ] || logins; }
check "... all of them" count active 44
"$synth" roster 40 short=1 without=3 >"$roster"
printf '%s\n' 1-2,daemon,"D D",Y 2,bin,B,X 3,games,G,X 4,man,M,X >>"$roster"
check "C18: a roster that lost a third of the staff stops at the brake" nothing_by "more than a tenth" 1 apply
check "... also for another number than that" nothing_by "more than a tenth" 1 apply --accept-erasures 12
check "... and lists who would go" says "and erased if still missing" kenmon roster check "$roster"
check "the right number lets it go" applies --accept-erasures 13
check "... and thirteen are suspended" count suspended 13

# --- transfer by hand ---------------------------------------------------------------------------------------

check "a transfer by hand, by era" says "refused from 2099-04-01 on" kenmon transfer games --effective 令和81年4月1日
check "... is due" due games '"day":"2099-04-01","what":"erase","cause":"transferred"'
check "a day outside its era is refused" fails 2 kenmon transfer games --effective 平成40年4月1日

# --- the drop folder -----------------------------------------------------------------------------------------

# as UID FOLDER...: kenmon of another user.
as_user() {
	local uid=$1
	shift
	setpriv --reuid "$uid" --regid "$uid" --clear-groups "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@"
}
drop_folder() {
	mkdir -p "$dir/drop/done" "$dir/drop/refused" && chown -R 65533:65533 "$dir/drop" &&
	    install -o 65533 -m 0600 "$roster" "$dir/drop/.part" && mv "$dir/drop/.part" "$dir/drop/$1.csv"
}
drop() { as_user 65533 roster apply "$dir/drop" --drop-folder --config "$dir/kenmon.conf"; }
dropped() { ls "$dir/drop/$1" | grep -q "Z-$2.csv.txt$" || { ls "$dir"/drop/*; cat "$dir"/drop/*/*.txt; }; }
if [ "$(id -u)" = 0 ]; then
	"$synth" roster 40 short=1 without=3 >"$roster"
	printf '%s\n' 1-2,daemon,"D D",Y 2,bin,B,X 3,games,G,X 4,man,M,X 5,mail,M,X >>"$roster"
	check "a user whom the configuration does not name" drop_folder early
	check "... hands in no roster, and it stays" fails 77 drop
	printf '[roster]\nuid = 65533\n' >>"$dir/kenmon.conf"
	house_down
	up "the rooms start with a user for rosters"
	check "that user's rosters are taken out of the folder" quietly drop
	check "... into done" dropped done early
	check "... and worked off" soon worked
	check "... with somebody more" count '^mail active' 1
	"$synth" roster 8 short=1 >"$roster"
	check "another one, of a quarter of the staff" drop_folder few
	check "... is refused" fails 1 drop
	check "... into refused" dropped refused few
	check "that user may nothing else" fails 77 as_user 65533 operator list
	check "... not suspend" fails 77 as_user 65533 operator suspend daemon
	check "... not release what the brake holds" fails 77 as_user 65533 due release --accept-erasures 13
	number=$(kenmon roster apply "$roster" 2>&1 | sed -n 's/^If the list is right: --accept-erasures //p')
	check "... what root could let pass" test "${number:-0}" -gt 0
	check "... is not theirs to accept" nothing_by "more than a tenth" 1 \
	    as_user 65533 roster apply "$roster" --accept-erasures "$number"
else
	skip "the drop folder's user" "needs root"
fi

# --- signatures ----------------------------------------------------------------------------------------------

openssl genpkey -algorithm ed25519 -out "$dir/key" 2>/dev/null
public=$(openssl pkey -in "$dir/key" -pubout -outform DER | tail -c 32 | od -An -tx1 | tr -d ' \n')
mkdir -p "$dir/kenmon.conf.d"
printf '[roster]\nkey = %s\n' "$public" >"$dir/kenmon.conf.d/key.conf"
house_down
up "the rooms start with a key for rosters"
sign() {
	openssl dgst -sha256 -binary "$roster" >"$dir/digest" &&
	    openssl pkeyutl -sign -inkey "$dir/key" -rawin -in "$dir/digest" -out "$dir/sig"
}
"$synth" roster 40 short=1 without=3 >"$roster"
printf '%s\n' 1-2,daemon,"D D",Y 2,bin,B,X 3,games,G,X 4,man,M,X 5,mail,M,X 6,sys,S,X >>"$roster"
check "C18: a roster that is not signed waits" nothing_by "signature is missing" 1 apply
check "a roster is signed by OpenSSL" sign
sed -i 's/6,sys/7,sys/' "$roster"
check "C18: a roster that was changed after it was signed waits" nothing_by "signature is missing" 1 apply --signature "$dir/sig"
sed -i 's/7,sys/6,sys/' "$roster"
check "the one that was signed is taken" applies --signature "$dir/sig"
check "... and somebody more is registered" count '^sys active' 1

verified() { soon worked && verifies; }
check "the trail holds" verified

# --- two persons ------------------------------------------------------------------------------------------------

house_down
rm "$dir/kenmon.conf.d/key.conf"
printf '[approval]\nrequired = yes\n' >"$dir/kenmon.conf.d/approval.conf"
state=$dir/state-of-two
up "the rooms start anew, for two persons"
administrator() {
	quietly kenmon operator add "$1" --employee-number "$2" --name "$1" --department X --uid "$2" --role "$3" &&
	    quietly kenmon enroll hotp "$1" --secret-file - --no-confirm <<<"$secret"
}
check "a registrar" administrator daemon 1 registrar
check "an approver" administrator bin 2 approver
# as LOGIN COUNTER ARGUMENT...: with that one's own code.
as() {
	local who=$1 counter=$2
	shift 2
	hotp "$counter" | kenmon --as "$who" "$@"
}
admins() { printf '%s\n' 1,daemon,daemon,X 2,bin,bin,X >>"$roster"; }
"$synth" roster 30 short=1 >"$roster"
admins
check "thirty join by the registrar's word" quietly as daemon 0 roster apply "$roster"
check "... and are worked off" soon worked
"$synth" roster 30 short=1 without=2 >"$roster"
admins
check "a roster without half of them is filed" fails 3 as daemon 1 roster apply "$roster" --accept-erasures 15
check "... and nobody is suspended" says "suspended           0" kenmon status
check "the approver sees the list" says "s100001" as bin 0 roster list 2
digest=$(as bin 1 approval show 1 --json 2>/dev/null | sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p')
check "who filed it does not approve it" fails 77 as daemon 2 approval approve 1 --digest "$digest"
check "the approver does" quietly as bin 2 approval approve 1 --digest "$digest"
check "... then it is worked off" soon worked
check "... and fifteen are suspended" says "suspended           15" kenmon status
check "no roster makes an administrator by one person" eval '
	printf "employee_number,login,name,department,role\n7,games,G,X,approver\n" >"$roster"
	fails 3 as daemon 3 roster apply "$roster" --partial
	grep -q "a role of the administration would" "$dir/out" || cat "$dir/out"'
id=$(as bin 3 --json approval list 2>/dev/null | grep -o '"id":[0-9]*' | tail -1 | tr -dc 0-9)
check "... and it can be rejected" quietly as bin 4 approval reject "$id"
printf 'employee_number,login,name,department,status\n2,bin,bin,X,retired\n' >"$roster"
# The one that was rejected makes room in a moment.
echo 3 >"$dir/n"
next() {
	echo $(($(cat "$dir/n") + 1)) >"$dir/n"
	as daemon "$(cat "$dir/n")" "$@"
}
# Fifteen went today: one more is beyond the brake.
retires() { next roster apply "$roster" --partial >"$dir/out" 2>&1; [ $? = 3 ]; }
held() { [ -z "$(says '"held":true' next due list --json)" ]; }
check "the last approver retires" soon retires
id=$(as bin 5 --json approval list 2>/dev/null | grep -o '"id":[0-9]*' | tail -1 | tr -dc 0-9)
digest=$(as bin 6 approval show "$id" --json 2>/dev/null | sed -n 's/.*"digest":"\([0-9a-f]*\)".*/\1/p')
check "... and agrees to it" quietly as bin 7 approval approve "$id" --digest "$digest"
refused_as_left() { # not for a wrong code, which ends alike
	fails 1 as bin 8 approval list
	says '"event":"administrator-refused","login":"bin"' next audit list --all --json
	says '"reason":"left"' next audit list --all --json
}
check "... and is refused from then on" refused_as_left
check "... but nothing is destroyed of them: it is held" soon held
check "... they are there" says '"login":"bin"' next operator show bin --json
check "... and status says what is needed" says "bin is the last approver, and due to go on" kenmon status
plan
