#!/bin/bash
# Changing operators, reports and the review, with the real rooms: what is written is read by
# Python's own readers of CSV, JSON and HTML.
. "$(dirname "$0")/house.bash"

up "the rooms start"
add() { # LOGIN NUMBER NAME ARGUMENT...
	local login=$1 number=$2 name=$3
	shift 3
	quietly kenmon operator add "$login" --employee-number "$number" --name="$name" --department Insurance "$@"
}
registered() {
	add daemon 1 '=HYPERLINK("http://x","y")' --uid 1 &&
	    add bin 2 '</td><script>alert(1)</script>' --uid 2 --valid-until 2099-12-01 &&
	    add sys 3 '佐藤 "花子", ../../etc' --uid 3 &&
	    quietly kenmon enroll hotp daemon --secret-file - --no-confirm <<<"$secret"
}
check "operators with names that are formulas, tags and paths are registered" registered
impossible() {
	local name
	for name in 'a b' '../x' '=1+1' '佐藤' $'a\nb' $'a\xe2\x80\xa8b' $'a\xe2\x80\x8bb' $'\e[2J' .a; do
		fails 2 kenmon operator add "$name" --employee-number 9 --name N --department D
	done
}
check "C10: login names that no account can have are refused" impossible
hostile() {
	local name
	for name in $'a\nb' $'a\e[2Jb' $'a\xe2\x80\xa8b' $'a\xe2\x80\x8bb' $'a\xe2\x80\xaeb'; do
		fails 2 kenmon operator change sys --name "$name"
	done
}
check "C10: names that end a line or hide text are refused in a change too" hostile

# in_language LOCALE ARGUMENT...: kenmon for somebody who reads that language.
in_language() {
	local locale=$1
	shift
	env LC_ALL="$locale" "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@"
}

# --- changing
changed() {
	quietly kenmon operator change sys --department 年金課 --role approver --valid-from 2026-04-01 \
	    --valid-until 2099-03-31 --mobile '+81 90-1234-5678' --landline '03(1234)5678' &&
	    kenmon operator show sys --json | python3 -c '
import json, sys
o = json.load(sys.stdin)
want = dict(login="sys", department="年金課", role="approver", valid_from="2026-04-01",
            valid_until="2099-03-31", mobile="+819012345678", landline="0312345678", factors=[])
for key, value in want.items():
    if o[key] != value:
        print(key, o[key])'
}
check "an operator is changed in seven ways at once" changed
trail() {
	says "changed=department,role,valid-from,valid-until,mobile,landline role=approver was=operator" \
	    kenmon audit list --login sys
	kenmon audit list --json | grep -e 年金課 -e 9012345678 -e 0312345678
	[ $? = 1 ]
}
check "the trail names the fields, and no name and no number" trail
again() {
	fails 1 kenmon operator change sys --role approver
	grep -q 'so already' "$dir/out" || cat "$dir/out"
}
check "what is so already is no change" again
none() {
	quietly kenmon operator change sys --valid-from none --mobile none &&
	    says '"valid_from":null' kenmon operator show sys --json &&
	    says '"mobile":""' kenmon operator show sys --json
}
check "a day and a number are taken away" none
says_factors() { says '"factors":["hotp"]' kenmon operator show daemon --json; }
check "a listing says which factors somebody has" says_factors

# --- the register
csv() {
	kenmon report operators --format csv >"$dir/csv" || return
	python3 - "$dir/csv" <<'END'
import csv, sys
raw = open(sys.argv[1], newline="", encoding="utf-8").read()
if raw.count("\r\n") != raw.count("\n"):
    print("a line does not end in CR LF")
rows = list(csv.DictReader(open(sys.argv[1], newline="", encoding="utf-8")))
names = {r["login"]: r["name"] for r in rows}
want = {"daemon": "'=HYPERLINK(\"http://x\",\"y\")", "bin": "</td><script>alert(1)</script>",
        "sys": "佐藤 \"花子\", ../../etc"}
if names != want:
    print(names)
for r in rows:
    for value in r.values():
        if value[:1] in ("=", "+", "-", "@", "\t", "\r"):
            print("a formula:", value)
if [r["factors"] for r in rows] != ["hotp", "", ""] or rows[1]["valid_until"] != "2099-12-01":
    print(rows)
END
}
check "the register as CSV is read by others, and no cell is a formula" csv
json() {
	kenmon report operators --json | python3 -c '
import json, sys
r = json.load(sys.stdin)
if r["report"] != "operators" or len(r["rows"]) != 3:
    print(r)
names = [o["name"] for o in r["rows"]]
if names[0] != "=HYPERLINK(\"http://x\",\"y\")" or names[1] != "</td><script>alert(1)</script>":
    print(names)
if r["rows"][0]["uid"] != 1 or r["rows"][0]["last_login"] is not None:
    print(r["rows"][0])'
}
check "the register as JSON has the very values" json
html() { # LANG LOCALE REPORT
	in_language "$2" report "$3" --format html --output "$dir/page.html" 2>"$dir/err" || cat "$dir/err"
	python3 - "$dir/page.html" "$1" <<'END'
import html.parser, sys
class Page(html.parser.HTMLParser):
    void = {"meta"}
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.cols, self.rows, self.cells, self.text = [], [], 0, 0, 0, ""
    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.seen.append(tag)
        if tag == "html" and attrs.get("lang") != sys.argv[2]:
            print("lang", attrs)
        if tag == "th":
            self.cols += attrs["scope"] == "col"
            self.rows += attrs["scope"] == "row"
        self.cells += tag == "td"
        if tag not in self.void:
            self.open.append(tag)
    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            print("closes", tag)
    def handle_data(self, data):
        self.text += data
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
page.close()
if page.open or "script" in page.seen or "img" in page.seen or "link" in page.seen:
    print(page.open, page.seen)
if page.cells != page.rows * (page.cols - 1) or page.rows == 0:
    print(page.cells, page.rows, page.cols)
if "<script>alert(1)</script>" not in page.text:
    print("a name is missing")
END
	rm -f "$dir/page.html"
}
check "the register as HTML is one whole page, and a tag in a name is text" html en C.UTF-8 operators
check "... in Japanese" html ja ja_JP.UTF-8 operators
check "the review as HTML too" html ja ja_JP.UTF-8 review
text() {
	says "Rows: 3" kenmon report operators
	says "職員登録簿" in_language ja_JP.UTF-8 report operators
	kenmon report operators | grep -n $'[\x01-\x09\x0b-\x1f\x7f]'
	[ $? = 1 ]
}
check "the register as text, in both languages" text

# --- into a file
file() {
	umask 000
	kenmon report operators --format csv --output "$dir/register.csv" 2>"$dir/err" || cat "$dir/err"
	umask 022
	[ "$(stat -c '%a %F' "$dir/register.csv")" = '600 regular file' ] || stat "$dir/register.csv"
	cmp "$dir/register.csv" "$dir/csv"
	fails 1 kenmon report operators --output "$dir/register.csv"
	ln -s "$dir/victim" "$dir/link"
	fails 1 kenmon report operators --output "$dir/link"
	[ ! -e "$dir/victim" ] || echo "C2: it was written through a link"
}
check "--output makes a new file that its owner alone can read, and nothing else" file

# --- the review
findings() { kenmon report review --json "$@" >"$dir/review" || cat "$dir/review"; }
# finds PYTHON: an expression over f = {(login, finding)} and r, the report, that must be true
finds() {
	python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))
f = {(x["login"], x["finding"]) for x in r["rows"]}
if not eval(sys.argv[2]):
    print(sys.argv[2], json.dumps(r, ensure_ascii=False))' "$dir/review" "$1"
}
check "a review is made" findings
check "... that was never signed off" finds 'r["notes"]["last_sign_off"] == "never"'
check "... with everybody as added since" finds \
    '{("daemon", "rights-changed"), ("bin", "rights-changed"), ("sys", "rights-changed")} <= f'
check "... who never came" finds '("daemon", "never-logged-in") in f'
check "... and who has no factor" finds '("bin", "no-factor") in f and ("daemon", "no-factor") not in f'
far() { findings --days 36500; }
check "... and who expires within so many days" far
check "... is found" finds '("bin", "expires") in f and ("daemon", "expires") not in f'
stack kenmon-test "auth required KENMON"
check "somebody logs in" gives SUCCESS "$(hotp 0)"
findings
check "... and is no longer who never came" finds \
    '("daemon", "never-logged-in") not in f and ("bin", "never-logged-in") in f'

check "status says that no review was signed off, without an alarm yet" \
    says '"key":"review","value":"never signed off; due on ' kenmon status --json
sign() {
	quietly kenmon review sign-off --note 'printed & filed'
	says "signed off on" kenmon status
	says '"note":"printed & filed"' kenmon audit list --json
	says '"operators":"3","suspended":"0","without-a-factor":"2"' kenmon audit list --json
}
check "a review is signed off with a note and the counts" sign
findings
check "the next one begins there" finds \
    'r["notes"]["last_sign_off"] != "never" and not [x for x in f if x[1] == "rights-changed"]'
rights() {
	quietly kenmon operator suspend bin --reason left &&
	    quietly kenmon operator change sys --role operator &&
	    quietly kenmon operator change daemon --mobile 09000000000 && findings
}
check "rights change" rights
check "... and are found; a new number is no right" finds \
    '("bin", "rights-changed") in f and ("sys", "rights-changed") in f and ("daemon", "rights-changed") not in f'
check "... with what changed" finds \
    'any("role=operator was=approver" in x["details"] for x in r["rows"])'

# --- who is exempt
wrapper=$(/sbin/ldconfig -p | awk '/libnss_wrapper\.so/ { print $NF; exit }')
exempt() {
	{ getent passwd root; echo 'local:x:4001:4001::/:/bin/sh'; echo 'kiosk:x:4002:4711::/:/bin/sh'; } >"$dir/passwd"
	echo 'kenmon-exempt:x:4711:local' >"$dir/group"
	LD_PRELOAD=$wrapper NSS_WRAPPER_PASSWD=$dir/passwd NSS_WRAPPER_GROUP=$dir/group findings
}
if [ -n "$wrapper" ]; then
	check "a group kenmon-exempt with a member, and an account whose primary group it is" exempt
	check "... are both found" finds '("local", "exempt") in f and ("kiosk", "exempt") in f and ("root", "exempt") not in f'
else
	skip "who is exempt" "no libnss_wrapper"
fi
check "the trail verifies" verifies
plan
