#!/bin/bash
# What was destroyed is certified by the real vault, and the certificate is checked by somebody
# who has neither vault nor keys: only the file, and the key that the site wrote down.
. "$(dirname "$0")/house.bash"

up "the rooms start on an empty folder"
check "an operator is registered" operator
check "nothing is certified yet" says "[]" eval 'kenmon certificate list --json | tr -d "\n"'
first=$(kenmon status --json | sed -n 's/.*"first-signer","value":"\([0-9a-f]*\)".*/\1/p')
check "the site writes the first key down" [ "${#first}" = 64 ]
check "the key epoch is closed once before" quietly kenmon key rotate --yes
check "the operator is erased" quietly kenmon erase daemon --reason transferred --yes
subject=$(kenmon certificate list --json | sed -n 's/.*"subject":"\([0-9a-f]*\)".*/\1/p')
check "the list names a subject, and no person" [ "${#subject}" = 32 ]
no_person() { ! kenmon certificate list | grep -w daemon; }
check "no login is in it" no_person

show() { kenmon certificate show "$@"; }
check "it is found by the employee number" says "\"subject\":\"$subject\"" show --employee-number 1 --format json
check "and by the subject" says '{"kind":"hotp","id":1,' show "$subject" --format json
check "who never was has none" fails 1 show --employee-number 2
check "nor has an unknown subject" fails 1 show "${subject//[0-9]/a}"
check "one of both must be given" fails 2 show
check "not both" fails 2 show "$subject" --employee-number 1
check "half a subject is none" fails 2 show "${subject:1}"
check "a format must be one" fails 2 show "$subject" --format pdf
check "the page says that older copies open it still" says "not closed yet" show "$subject"
check "in Japanese too" eval 'LC_ALL=C.UTF-8 LANG=ja_JP.UTF-8 says "消去証明書" env -u LC_ALL LC_MESSAGES=ja_JP.UTF-8 "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" certificate show "$subject"'
check "and as one page to print" says "<h1>Certificate of destruction</h1>" show "$subject" --format html
show "$subject" --format json >"$dir/open.json"
check "key bundles are not confirmed" says '"key-bundles-destroyed":false' cat "$dir/open.json"
uncovered() {
	for words in '"not-covered":[' 'what was printed: lists' "a gateway's logs" 'key bundles held elsewhere'; do
		says "$words" cat "$dir/open.json"
	done
	for words in 'what was printed: lists' 'the logs of a gateway' 'key bundles held elsewhere'; do
		says "$words" show "$subject"
		says "$words" show "$subject" --format html
	done
}
check "file and page say what is not covered: paper, gateways, key bundles elsewhere" uncovered
check "those of an epoch that goes on cannot be" fails 1 kenmon key bundles-destroyed --before 3 --yes

check "the key epoch is closed" quietly kenmon key rotate --yes
check "the page says so" says "2, closed at" show "$subject"
check "the site says that it has destroyed the bundles" says "are destroyed" kenmon key bundles-destroyed --before 3 --yes
check "so does the trail" says "older-key-bundles-destroyed" kenmon audit list
show "$subject" --format json >"$dir/certificate.json"
check "and the certificate" says '"key-bundles-destroyed":true' cat "$dir/certificate.json"
record=$(sed -n 's/^"audit-record":\([0-9]*\),$/\1/p' "$dir/certificate.json")
hash=$(sed -n 's/^"audit-hash":"\([0-9a-f]*\)",$/\1/p' "$dir/certificate.json")
check "it names the record that says it is done" says "\"seq\":$record,\"time\"" kenmon audit list --all --json
check "by its hash" says "\"hash\":\"$hash\"" kenmon audit list --all --json

# --- without a vault ---------------------------------------------------------------------
house_down
alone() { "$dir/bin/kenmon" --socket /nowhere certificate verify "$@"; }
check "it holds, by the key that was written down" says "The first key is the one you gave: $first" alone "$dir/certificate.json" --key "$first"
check "from standard input too" eval 'says "was not changed" alone - --key "$first" <"$dir/certificate.json"'
check "the one from before the epoch ended holds as well" says "The key epoch is not closed yet" alone "$dir/open.json" --key "$first"
check "without a key it says what that leaves open" says "compared with nothing" alone "$dir/certificate.json"
check "and what was not proved" says "Not proved here" alone "$dir/certificate.json" --key "$first"
older() { # as it was made before the file said what it does not cover
	sed '/^"not-covered":\[$/,/\]\(,\)*$/d' "$dir/certificate.json" >"$dir/older.json"
	! grep -qE 'not-covered|printed|elsewhere' "$dir/older.json" || cat "$dir/older.json"
	says "what was printed: lists" alone "$dir/older.json" --key "$first"
}
check "one from before it said what it does not cover holds, and verifying says it" older
check "a program hears the same" says '"first-signer-compared":true' alone "$dir/certificate.json" --key "$first" --json
check "another key is refused" fails 1 alone "$dir/certificate.json" --key "${first//[0-9]/a}"
check "half a key is none" fails 2 alone "$dir/certificate.json" --key "${first:1}"
check "a file that is not there is said" fails 1 alone "$dir/nothing.json"
changed() {
	local size at
	size=$(stat -c %s "$dir/certificate.json")
	[ "$size" -gt 1000 ] || echo "only $size bytes"
	for ((at = 0; at < size; at += 41)); do
		cp "$dir/certificate.json" "$dir/changed.json"
		printf 'X' | dd of="$dir/changed.json" bs=1 seek=$at conv=notrunc status=none
		alone "$dir/changed.json" --key "$first" >"$dir/out" 2>&1 && echo "byte $at"
	done
	true
}
check "a byte that was changed is refused, wherever it is" changed
check "so is a file that is cut short" eval 'head -c -3 "$dir/certificate.json" >"$dir/changed.json"; fails 1 alone "$dir/changed.json"'
forged() {
	sed 's/^"cause":"by-hand"/"cause":"retired"/' "$dir/certificate.json" >"$dir/changed.json"
	fails 1 alone "$dir/changed.json" --key "$first"
	says "does not belong to what the certificate says" alone "$dir/changed.json"
}
check "another reason in its right form is refused by the signature" forged
unchained() {
	sed '$!N;s/{"generation":2,.*\n//;P;D' "$dir/certificate.json" >"$dir/changed.json"
	says "is not signed by the one before it" alone "$dir/changed.json"
}
check "a signer that is left out is missed" unchained
plan
