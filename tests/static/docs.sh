#!/bin/bash
# What the documents say is what the code does.
. "$(dirname "$0")/tap.bash"
shopt -s nullglob

protocol_tables() {
	diff <(sed -n '/^<!-- tables: begin/,/^<!-- tables: end/p' docs/PROTOCOL.md | sed '1d;$d') \
	    <(tests/static/protocol_tables && echo) || echo "renew them: tests/static/protocol_tables --write"
}

# SECTION KEY DEFAULT of every key of the configuration.
conf_keys() {
	sed -n 's/^KM_CONF(\([a-z-]*\), \([a-z-]*\), [A-Z]*, [a-z_.]*, "\([^"]*\)".*/\1\t\2\t\3/p' include/kenmon/conf.def
}
conf_table_is_read() {
	[ "$(conf_keys | wc -l)" = "$(grep -c '^KM_CONF(' include/kenmon/conf.def)" ] || echo "conf.def has lines this test does not read"
}
conf_in_man() {
	local section key default
	conf_keys | while IFS=$'\t' read -r section key default; do
		awk -v s="$section" -v k="$key" '
		/^\.S[hs] / || /^\.It / { if (index($0, "[" s "]") || index($0, s)) in_section = 1 }
		in_section && $1 == ".It" && index($0, k) { found = 1 }
		END { exit !found }' docs/man/kenmon.conf.5 || echo "kenmon.conf(5) does not describe [$section] $key"
		[ -z "$default" ] || grep -qF -- "$default" docs/man/kenmon.conf.5 ||
		    echo "kenmon.conf(5) does not say that [$section] $key is $default by default"
	done
}
# The example shows each key with its default, commented out, and no other key.
conf_in_example() {
	diff <(conf_keys | awk -F'\t' '{ print $1 " " $2 " =" ($3 == "" ? "" : " " $3) }' | sort) \
	    <(awk '
		/^\[/ { section = substr($1, 2, length($1) - 2); next }
		/^#\[/ { section = "" }
		/^#[a-z][a-z-]* =/ && section != "" { line[section " " substr($1, 2)] = section " " substr($0, 2) }
		END { for (k in line) print line[k] }' systemd/kenmon.conf | sort)
}
example_is_accepted() {
	"$BUILD/kenmon" config check --config systemd/kenmon.conf >"$dir/out" 2>&1 || cat "$dir/out"
}

pages() {
	local page
	for page in kenmon.1 kenmon.conf.5 pam_kenmon.8 kenmon-authd.8 kenmon-vault.8 kenmon-sensor.8 kenmon-matcher.8 kenmon-courier.8; do
		[ -f docs/man/$page ] || echo "docs/man/$page is missing"
	done
}
lint_page() {
	mandoc -Tlint -Wwarning "$1"
}
# Options that a page has: as mdoc writes them, so that another program's in an example are none.
page_options() {
	grep -oE '\bFl (\\?-|Fl )[a-z][a-z-]+' "docs/man/$1" | sed -E 's/^Fl (\\?-|Fl )/--/' | grep -vxE -- '--(help|version)' | sort -u
}
help_options() {
	sed "s,'[^']*',,g; s,([^)]*),,g" | grep -oE -- '(^|[^a-z-])--[a-z][a-z-]+' | grep -oE -- '--[a-z-]+' | grep -vxE -- '--(help|version)' | sort -u
}
# Options that --help names and those of the page are the same.
options_in_page() {
	diff <("$BUILD/$1" --help 2>&1 | help_options) <(page_options "$2") |
	    sed -n 's/^< /only in --help: /p; s/^> /only in the page: /p'
}
desk_commands() {
	awk '/^Commands:/ { on = 1; next } on && NF == 0 { exit } on { sub(/^ +/, ""); sub(/  .*/, ""); print }'
}
# The desk: the options of every command's --help.
desk_options() {
	local words
	diff <("$BUILD/kenmon" --help 2>&1 | desk_commands | while IFS= read -r words; do
		# shellcheck disable=SC2086
		"$BUILD/kenmon" $words --help 2>&1
	done | help_options) <(page_options kenmon.1) |
	    sed -n 's/^< /only in --help: /p; s/^> /only in the page: /p'
}
# Words of fingers, of what happens at a reader, and of impressions: kenmon(1) explains each.
finger_words() {
	local word
	sed -n 's/^KM_FINGER([A-Z_]*, [0-9]*, "\([a-z-]*\)".*/\1/p' include/kenmon/finger.def | while read -r word; do
		grep -qE "^\.Li .*\b$word\b" docs/man/kenmon.1 || echo "kenmon(1) does not name $word"
	done
	sed -n 's/^KM_\(SENSOR_EVENT\|STAGE\)(.*"\([a-z-]*\)").*/\2/p' include/kenmon/{sensor_event,stage}.def | while read -r word; do
		grep -qF ".It Li $word Ta " docs/man/kenmon.1 || echo "kenmon(1) does not explain $word"
	done
	[ "$(grep -cE '^KM_(FINGER|SENSOR_EVENT|STAGE)\(' include/kenmon/{finger,sensor_event,stage}.def | awk -F: '{ n += $2 } END { print n }')" = \
	    "$(sed -n 's/^KM_FINGER([A-Z_]*, [0-9]*, "\([a-z-]*\)".*/\1/p; s/^KM_\(SENSOR_EVENT\|STAGE\)(.*"\([a-z-]*\)").*/\2/p' include/kenmon/{finger,sensor_event,stage}.def | wc -l)" ] ||
	    echo "a table has lines this test does not read"
}
# Words of what becomes of an order, and why.
order_words() {
	local word words
	words=$(sed -n 's/^KM_ORDER_\(STATE\|WHY\)(.*"\([a-z-]*\)", "[^"]*").*/\2/p' include/kenmon/order.def)
	for word in $words; do
		grep -qF ".It Li $word Ta " docs/man/kenmon.1 || echo "kenmon(1) does not explain $word"
	done
	[ "$(wc -w <<<"$words")" = "$(grep -cE '^KM_ORDER_(STATE|WHY)\(' include/kenmon/order.def)" ] ||
	    echo "order.def has lines this test does not read"
}
module_options() {
	local word
	sed -n 's/.*{ "\([a-z-]*=\{0,1\}\)",.*/\1/p' pam_module/options.c | while read -r word; do
		grep -qE "^\.It .*${word%=}" docs/man/pam_kenmon.8 || echo "pam_kenmon(8) does not describe $word"
	done
}

# Commands in README.md and docs: make targets and files exist, subcommands are known.
commands_exist() {
	local target file
	grep -ohE '\bmake [a-z-]+' README.md docs/*.md | sort -u | while read -r _ target; do
		cat Makefile tests/*/*.mk | grep -qE "^$target( [a-z-]+)*:" || echo "there is no 'make $target'"
	done
	# shellcheck disable=SC2016
	grep -ohE '`(authd|common|docs|enroll|include|pam_module|systemd|tests)/[A-Za-z0-9_./-]+`' README.md docs/*.md | tr -d '\`' | sort -u |
	    while read -r file; do
		[ -e "$file" ] || echo "there is no $file"
	done
}
links_lead_somewhere() {
	local page link
	for page in README.md docs/*.md; do
		grep -oE '\]\([^)#: ]+' "$page" | sed 's/^](//' | while read -r link; do
			[ -e "$(dirname "$page")/$link" ] || echo "$page links to $link"
		done
	done
}
# Pieces of kenmon.conf in README.md and docs: what stands indented or fenced and begins with one of
# its sections. Each to a file of its own, which is named after where it stands.
conf_pieces() {
	local page
	for page in README.md docs/*.md; do
		awk -v sections=" $(conf_keys | cut -f 1 | sort -u | tr '\n' ' ')" -v to="$dir/piece.${page##*/}" '
		/^```/ { fenced = !fenced; file = ""; next }
		!fenced && !/^(    |$)/ { file = ""; next }
		{ line = $0; if (!fenced) sub(/^    /, "", line) }
		line ~ /^\[[a-z]+\]/ && index(sections, " " substr(line, 2, index(line, "]") - 2) " ") {
			if (file == "") file = to "." NR }
		file != "" && line ~ /^(\[|[a-z-]+ *=|#|$)/ { print line >file; next }
		{ file = "" }' "$page"
	done
}
pieces_are_accepted() {
	local piece
	conf_pieces
	for piece in "$dir"/piece.*; do
		"$BUILD/kenmon" config check --config "$piece" >"$dir/out" 2>&1 || { echo "${piece##*/piece.}:"; cat "$dir/out"; }
	done
}
# ... and a test that finds none proves nothing: a recipe for each way of the courier is among them.
pieces_are_there() {
	local way
	for way in 'gateway *= http' 'method *= GET' 'gateway *= spool' 'gateway *= exec' 'transport *= udp' 'domain *='; do
		grep -qE "^$way" "$dir"/piece.GATEWAYS.md.* || echo "no recipe has: $way"
	done
}
pictures_of_rooms() {
	local room
	for room in pam_kenmon.so kenmon-authd kenmon-vault kenmon-sensor kenmon-matcher kenmon-courier enroll/; do
		grep -qF "$room" docs/ARCHITECTURE.md || echo "docs/ARCHITECTURE.md does not show $room"
	done
}
# In an example it would be copied into sudo's log, and into /proc.
no_telephone_number_in_a_command() {
	grep -En -e '--number +[+0-9]' README.md docs/*.md docs/decisions/*.md docs/man/*
}

quiet() {
	"$@" || true
}

# Every reason that the vault gives to the desk has its row in enroll/why.def.
reasons_known() {
	local file said
	for file in authd/vault/*.c; do
		tr '\n\t' '  ' <"$file" | grep -oE 'call_say\([a-z]+, *("([^"\]|\\.)*" *)+' |
		    sed -E 's/^call_say\([a-z]+, *//; s/" *"//g; s/ *$//'
	done | grep -vxF '"%s"' | sort -u >"$dir/said"
	grep -oP '\[ROW_[A-Z_]+\] = \K"[^"]+"' authd/vault/roster_row.c >>"$dir/said"
	cat authd/vault/store_audit.c authd/vault/verify_seals.c | tr '\n\t' '  ' |
	    sed -E 's/" *"//g; s/%" PRIu64 *"/%llu/g; s/%" PRIu32 *"/%u/g; s/record%s missing/records are missing/' |
	    grep -oP '(verify_bad|differs)\([^"]*\K"[^"]+"|[( ]bad\([^"]*(moved \? )?\K"[^"]+"( : "[^"]+")?' |
	    sed 's/" : "/"\n"/' | sed -E 's/^"(was|is|has) /"record %llu \1 /' | grep -vF ' %s"' >>"$dir/said"
	[ "$(wc -l <"$dir/said")" -gt 50 ] || echo "only so many were found: $(wc -l <"$dir/said")"
	while read -r said; do
		grep -qF -- "DESK_REASON($said," enroll/why.def || echo "why.def has no $said"
	done <"$dir/said"
}

# The vault's sentences of how things stand, each in status.def, and each row there in the vault's source.
# Numbers, days and names alone are the same in every language.
status_known() {
	local file said
	for file in authd/vault/*.c common/wall.c; do
		tr '\n\t' '  ' <"$file" | sed 's/" *"//g' >"$dir/joined"
		cat "$dir/joined" >>"$dir/source"
		grep -oP 'call_status\( *c,("([^"\\]|\\.)*"|[^"])*?\);' "$dir/joined" | grep -oE '"([^"\]|\\.)*"'
	done | grep ' .*[a-z]\{3\}' | sort -u >"$dir/said"
	[ "$(wc -l <"$dir/said")" -gt 30 ] || echo "only so many were found: $(wc -l <"$dir/said")"
	while read -r said; do
		grep -qF -- ", $said," enroll/status.def || echo "status.def has no $said"
	done <"$dir/said"
	tr '\n' ' ' <enroll/status.def | grep -oE 'DESK_STATUS\("[a-z-]+", "([^"\]|\\.)*"' | sed -E 's/^[^,]*, "//; s/"$//' |
	    while IFS= read -r said; do
		grep -qF -- "$said" "$dir/source" || echo "the vault does not say: $said"
	done
}

# What the vault writes into the details of a record: each key and each word that stands in its source
# is in trail.def (words of tables are compared by a unit test), and nothing else is.
trail_known() {
	local file key word
	for file in authd/vault/*.c authd/vault/vault.h; do
		tr '\n\t' '  ' <"$file" | sed 's/" *"//g'
	done >"$dir/vault"
	{
		grep -oP '(event_add(_number|_subject)?|record_number)\( *[&a-z_>.-]+, *\K"[a-z-]+"' "$dir/vault"
		grep -oP '#define EVENT_[A-Z_]+ +\K"[a-z-]+"' "$dir/vault"
		grep -oP '"[a-z-]+(?==%)|" ?(role|was)(?==%)|(?<= )was(?==%)|"[a-z]+(?==")|(?<=\? )"credential"(?= : )|(?<=: )"credentials"' "$dir/vault" |
		    sed 's/^"* */"/; s/"*$/"/'
		sed -n 's/^KM_OUTCOME([A-Z_]*, [0-9]*, \("[a-z-]*"\).*/\1/p' include/kenmon/people.def
	} | sort -u >"$dir/keys"
	[ "$(wc -l <"$dir/keys")" -gt 70 ] || echo "only so many keys were found: $(wc -l <"$dir/keys")"
	diff <(sed -n 's/^DESK_DETAIL(\("[a-z-]*"\),.*/\1/p' enroll/trail.def | sort) "$dir/keys" |
	    sed -n 's/^< /no record has: /p; s/^> /trail.def has no /p'
	grep -oP 'event_add\( *[&a-z_]+, *"[a-z-]+", [^;]*;' "$dir/vault" | sed 's/^[^"]*"[^"]*"//' | grep -oE '"[a-z-]+"' | sort -u |
	    while read -r word; do
		grep -qE "^DESK_WORD\([A-Z]+, $word," enroll/trail.def || grep -qF -- ", $word," include/kenmon/people.def enroll/cmd_approval.c ||
		    echo "trail.def has no word $word"
	done
	diff <(sed -n 's/^DESK_FIELD(\("[a-z-]*"\),.*/\1/p' enroll/trail.def | sort) \
	    <(grep -oP '^\t(FIELD|SAID|CHANGE)\([^"]*\K"[a-z-]+"' authd/vault/act.c | sort -u) |
	    sed -n 's/^< /no request has: /p; s/^> /no DESK_FIELD for /p'
	sed -n 's/^DESK_WORD([A-Z]*, \("[a-z-]*"\),.*/\1/p' enroll/trail.def | grep '[a-z]' | while read -r word; do
		grep -qF -- "$word" "$dir/vault" || echo "no record has the word $word"
	done
}

# A role, a state or a cause in a sentence is said in the language of the sentence: its row has %w.
words_are_marked() {
	local file said
	for file in authd/vault/*.c; do
		tr '\n\t' '  ' <"$file" | sed 's/" *"//g' |
		    grep -oP 'call_(say|status)\([^";]*("[a-z-]+", *)?\K"[^"]*%s[^"]*"(?=[^";]*(km_(role|state|cause)_word|, *(text|wrong)\)))'
	done | grep -vxF '"%s"' | sort -u >"$dir/marked"
	[ "$(wc -l <"$dir/marked")" -gt 9 ] || echo "only so many were found: $(wc -l <"$dir/marked")"
	while read -r said; do
		cat enroll/why.def enroll/status.def | tr '\n' ' ' | sed 's/DESK_/\n&/g' | grep -F -- "$said," | grep -q '%w' || echo "no %w in the row of $said"
	done <"$dir/marked"
}

# One word for one thing in Japanese, too: data of a person are erased (消去), keys and what holds them are
# destroyed (破棄), and a key bundle is called so.
words_agree() {
	grep -rnE '鍵の束|廃棄|抹消' enroll include authd pam_module
	grep -rn '破棄' enroll include authd pam_module | grep -vE '鍵|バンドル'
}

# No row of conf_fault.def is left over; the compiler misses one that is not there.
faults_used() {
	local name
	sed -n 's/^KM_CONF_FAULT(\([A-Z_]*\),.*/\1/p' include/kenmon/conf_fault.def | grep -v '^UNIT_' | while read -r name; do
		grep -qE "\<(KM_WHY|SAYS|FAILS|FAIL|FAIL_WHY|KM_CONF_FAIL)\(.*\<$name\>|^[[:space:]]+: KM_WHY\(why, $name\)" common/*.c ||
		    echo "nothing has the fault $name"
	done
}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
check "PROTOCOL.md lists every message and field of messages.def" quiet protocol_tables
check "every line of conf.def is read by this test" conf_table_is_read
check "kenmon.conf(5) describes every key and its default" quiet conf_in_man
check "the example configuration shows every key and its default" quiet conf_in_example
check "the example configuration is accepted" example_is_accepted
check "every program, the module and the configuration have a page" pages
for page in docs/man/*.[1-8]; do
	check "${page##*/} is clean" quiet lint_page "$page"
done
check "kenmon(1) and kenmon --help agree" quiet desk_options
check "kenmon(1) explains every finger, event of a reader and stage" quiet finger_words
check "kenmon(1) explains every state of an order and every reason" quiet order_words
check "every reason that the vault gives is known in Japanese" reasons_known
check "so is all that it says in status" status_known
check "words of ours within them are, too" quiet words_are_marked
check "so is all that it writes into the audit trail" quiet trail_known
check "Japanese has one word for one thing" quiet words_agree
check "every fault of a configuration that has a sentence is found somewhere" quiet faults_used
check "kenmon-authd(8) and kenmon-authd --help agree" options_in_page kenmon-authd kenmon-authd.8
check "kenmon-vault(8) and kenmon-vault --help agree" options_in_page kenmon-vault kenmon-vault.8
check "kenmon-sensor(8) and kenmon-sensor --help agree" options_in_page kenmon-sensor kenmon-sensor.8
check "kenmon-matcher(8) and kenmon-matcher --help agree" options_in_page kenmon-matcher kenmon-matcher.8
check "kenmon-courier(8) and kenmon-courier --help agree" options_in_page kenmon-courier kenmon-courier.8
check "pam_kenmon(8) describes every option" quiet module_options
check "make targets and files named in the documents exist" quiet commands_exist
check "links in the documents lead somewhere" quiet links_lead_somewhere
check "no example has a telephone number in its command" quiet no_telephone_number_in_a_command
check "every piece of kenmon.conf in the documents is accepted" quiet pieces_are_accepted
check "a recipe for each gateway is among them" quiet pieces_are_there
check "ARCHITECTURE.md names every room" quiet pictures_of_rooms
# Each case has a test that names it.
cases() {
	local case
	sed -n 's/^| \(C[0-9]*\) |.*/\1/p' docs/CASES.md | while read -r case; do
		grep -rqiE "(\<|_)$case(\>|_)" tests/unit tests/system tests/pam tests/long --include='test_*.c' --include='*.sh' || echo "$case: no test"
	done
}
check "every case of docs/CASES.md has a test that names it" cases
plan
