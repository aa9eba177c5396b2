#!/bin/bash
# The sealed trail from outside: what a site notes and keeps elsewhere, what it
# shows when a machine's files are put back or its lines are changed, and how
# anybody verifies it with OpenSSL alone, without trusting the vault.
. "$(dirname "$0")/house.bash"
anchors=$state/judge/anchor
hex='[0-9a-f]'

json() { sqlite3 :memory: "SELECT json_extract('$1', '$2')"; }
bytes() { printf '%b' "$(sed 's/../\\x&/g' <<<"$1")"; } # of hex digits
big_endian() { printf "%0$((2 * $2))x" "$1"; }          # NUMBER BYTES
# signed PUBLIC SIGNATURE MESSAGE, all in hex: by OpenSSL, which knows nothing of us.
signed() {
	bytes "302a300506032b6570032100$1" >"$dir/key.der" # RFC 8410
	bytes "$2" >"$dir/signature"
	bytes "$3" >"$dir/message"
	openssl pkeyutl -verify -pubin -keyform DER -inkey "$dir/key.der" -rawin \
	    -sigfile "$dir/signature" -in "$dir/message" 2>&1 | sed '/Verified Successfully/d'
}
label() { printf '%s\0' "$1" | od -An -v -tx1 | tr -d ' \n'; }
# A line of the judge's, as docs/STORAGE.md says it is signed.
line_is_signed() {
	local chain seq hash wall generation public signature
	read -r chain seq hash wall generation public signature <<<"$1"
	signed "$public" "$signature" "$(label "kenmon seal 1")$chain$(big_endian "$generation" 4)$(
	    big_endian "$seq" 8)$hash$(big_endian "$wall" 8)"
}
# The signer of this place in the JSON of 'audit verify', by the key of the one at another.
signer_is_signed() {
	local said=$1 me="\$.signers[$2]" by="\$.signers[$3].public"
	signed "$(json "$said" "$by")" "$(json "$said" "$me.signature")" "$(label "kenmon signer 1")$(
	    json "$said" '$.chain')$(big_endian "$(json "$said" "$me.generation")" 4)$(
	    json "$said" "$me.public")$(big_endian "$(json "$said" "$me.since")" 8)$(
	    json "$said" "$me.\"since-hash\"")"
}
last_line() { tail -n 1 "$anchors"; }
same() { [ "$1" = "$2" ] || echo "'$1' is not '$2'"; }
is_hex() { grep -qE "^$hex{64}\$" <<<"$1" || echo "'$1' is no key"; }
# refuses TEXT FILE: 'audit verify --anchor FILE' exits with 1 and says this.
refuses() {
	kenmon audit verify --anchor "$2" >"$dir/out" 2>&1 </dev/null
	[ $? = 1 ] || { echo "it did not exit with 1"; cat "$dir/out"; }
	grep -qF -- "$1" "$dir/out" || cat "$dir/out"
}
alarm() { kenmon status --json | tr '{' '\n' | grep -q "\"key\":\"$1\".*\"alarm\":true"; }

# --- what is noted and kept --------------------------------------------------------
up "the rooms start on an empty folder"
noted=$(sed -n "s/.*signed by \($hex*\): note this key.*/\1/p" "$log")
check "the first start says who signs the trail" is_hex "$noted"
check "status says it again" says "$noted" kenmon status
check "so does the trail" says "signer=$noted" kenmon audit list --last 1
check "an operator is registered" operator
check "a code opens" gives SUCCESS "$(hotp 0)"
check "the trail verifies" says "First signer: $noted" kenmon audit verify
house_down
check "each line that the judge wrote is whole" same "$(grep -cvE "^$hex{32} [0-9]+ $hex{64} [0-9]+ 1 $noted $hex{128}\$" "$anchors")" 0
check "its log has said where the trail stood" grep -q "the audit trail is at record" "$log"
check "OpenSSL alone finds the last one signed" line_is_signed "$(last_line)"
check "and another time in it not" says "Signature Verification Failure" line_is_signed "$(last_line | sed 's/ 1 / 2 /')"
cp "$anchors" "$dir/kept"
up "started again"
check "with the judge's own lines the trail verifies" says "anchors of $anchors hold" kenmon audit verify --anchor "$anchors"
from_input() { kenmon audit verify --anchor - <"$dir/kept"; }
check "with lines from standard input too" says "anchors of - hold" from_input
said=$(kenmon audit verify --anchor "$dir/kept" --json)
check "the first signer has signed itself" signer_is_signed "$said" 0 0
check "JSON counts the lines" same "$(json "$said" '$.anchors')" "$(wc -l <"$dir/kept")"
check "the last record is under a seal" same "$(json "$said" '$.records')" "$(json "$said" '$."last-sealed-record"')"
listed() {
	local chain seq hash
	read -r chain seq hash _ <<<"$(last_line)"
	kenmon audit list --all --json | grep "\"seq\":$seq," | grep -q "\"hash\":\"$hash\"" || echo "no record $seq of $chain"
}
check "a line's hash is the record's, as it is listed" listed

# --- the next key epoch ---------------------------------------------------------------
check "the key epoch is closed" quietly kenmon key rotate --yes
check "a code opens" gives SUCCESS "$(hotp 1)"
said=$(kenmon audit verify --anchor "$dir/kept" --json)
check "there are two signers" same "$(json "$said" '$.signers[1].generation')" 2
check "the first is still the one that was noted" same "$(json "$said" '$.signers[0].public')" "$noted"
check "OpenSSL alone finds the second signed by the first" signer_is_signed "$said" 1 0
check "and not by itself" says "Signature Verification Failure" signer_is_signed "$said" 1 1
check "older lines hold" says "hold." kenmon audit verify --anchor "$dir/kept"
house_down
check "the judge writes down what the new one signs" line_is_signed "$(last_line)"
check "and who it is" same "$(last_line | cut -d' ' -f5,6)" "2 $(json "$said" '$.signers[1].public')"

# --- lines that are not right ------------------------------------------------------------
up "started again"
cp "$anchors" "$dir/kept"
{ echo "# kept since today"; echo; head -c 100 "$dir/kept"; echo; cat "$dir/kept"; yes x | tr -d '\n' | head -c 2000; } >"$dir/odd"
check "what is no anchor is passed over" says "hold." kenmon audit verify --anchor "$dir/odd"
check "and named" says "line 3 of $dir/odd is no anchor" kenmon audit verify --anchor "$dir/odd"
check "nothing but that is no answer" refuses "there is no anchor in /dev/null" /dev/null
check "nor is a file that is not there" refuses "cannot be read" "$dir/nowhere"
sed '2s/^\(.\{40\}\)./\1x/; 3s/ 1 \('"$hex"'\)/ 2 \1/' "$dir/kept" >"$dir/changed"
check "a changed line is named, and not the trail accused" refuses "anchor in line 3: its signature is not right: the line itself was changed" "$dir/changed"
sed -n 's/^/0/p' "$dir/kept" | cut -c1-344 >"$dir/changed"
check "lines of another form are none" refuses "there is no anchor" "$dir/changed"

# --- all files of the machine put back --------------------------------------------------------
house_down
rm -rf "$dir/older"
cp -a "$state" "$dir/older"
up "a copy of everything is taken, and life goes on"
check "a code opens" gives SUCCESS "$(hotp 2)"
records() { for _ in {1..8}; do verdict 000000 >/dev/null; done; }
records
house_down
cp "$anchors" "$dir/kept"
rm -rf "$state"
cp -a "$dir/older" "$state"
up "everything is put back, the judge's notes too"
check "nothing here can tell" says "unbroken." kenmon audit verify
check "the code that was used opens again" gives SUCCESS "$(hotp 2)"
check "the kept lines tell (a database put back)" refuses "anchor in line 1: the trail ends at record" <(tail -n 1 "$dir/kept")
records
check "also when the trail has grown on" refuses "is not the one that was written down: the trail was rewritten at or before it" "$dir/kept"
house_down

# --- the vault's files put back, the judge's not ---------------------------------------------------
rm -rf "$state/vault"
cp -a "$dir/older/vault" "$state/"
up "the vault's files alone are put back"
check "the judge's last line tells at once" alarm database
check "nobody gets in" gives AUTHINFO_UNAVAIL "$(hotp 2)"
house_down

# --- another trail -----------------------------------------------------------------------------
rm -rf "$state"
up "on a new folder"
check "lines of the old trail are of another one" refuses "the audit trail is another one" "$dir/kept"
check "and its first signer is another one" fails 1 quietly grep -q "$noted" <(kenmon status)
house_down
plan
