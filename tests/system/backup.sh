#!/bin/bash
# A backup, a difference, a key bundle and a restore with the real rooms: what leaves opens nothing
# by itself, what was erased since does not come back, the living do.
. "$(dirname "$0")/house.bash"
vault=$state/vault kek=$state/vault-kek

openssl genpkey -algorithm X25519 -out "$dir/escrow.pem" 2>/dev/null
public=$(openssl pkey -in "$dir/escrow.pem" -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' \n')
printf '[login]\ntries = 1\n[audit]\nrefusals = 1000\n[backup]\nescrow-key = %s\n' "$public" >"$dir/kenmon.conf"

someone() { # LOGIN NUMBER UID
	quietly kenmon operator add "$1" --employee-number "$2" --name "Canary $1" --department X --uid "$3" &&
	    quietly kenmon enroll totp "$1" --period 15 --secret-file - --no-confirm <<<"$secret"
}
up "the rooms start on an empty folder"
check "alice is registered" someone daemon 1 1
check "bob is registered" someone bin 2 2
check "status asks for a bundle" says "none of key epoch 1: make one" kenmon status
check "a backup is made" says "opens nothing without a key bundle" kenmon backup "$dir/full"
mode() { [ "$(stat -c '%a %h' "$1")" = "600 1" ] || stat "$1"; }
check "for its owner alone" mode "$dir/full"
check "nothing of it stays behind" eval '[ ! -e "$dir/full.new" ] && ! ls "$vault" | grep copy'
check "a file that is there is not replaced" fails 1 kenmon backup "$dir/full"
check "the trail has it" says backup-made kenmon audit list
check "no name and no secret is in it" eval '! grep -aqe Canary -e "${secret:0:16}" -e 12345678901234567890 "$dir/full"'
keys_in() { # FILE: does it hold the master key, or a KEK?
	python3 - "$1" "$vault/master.key" "$kek"/kek.* <<-'PY'
	import sys
	data, *keys = [open(name, 'rb').read() for name in sys.argv[1:]]
	if len(keys) < 2 or any(len(key) < 32 for key in keys):
	    print("only these were looked for:", [len(key) for key in keys])
	print("a key is in it" if any(key[at:at + 32] in data for key in keys for at in range(0, len(key) - 31, 16)) else "", end="")
	PY
}
check "nor is a key" keys_in "$dir/full"
check "it holds" says "The backup holds" kenmon restore --check "$dir/full"
signer() { kenmon status | sed -n 's/.*first-signer *\([0-9a-f]\{64\}\).*/\1/p'; }
check "and says who signed it" says "$(signer)" kenmon restore --check "$dir/full"
check "--json says the same to a program" says "\"signer\":\"$(signer)\"" kenmon restore --check "$dir/full" --json

# --- a difference -------------------------------------------------------------------------
check "a third is registered" someone sys 3 3
check "what differs since is smaller" quietly kenmon backup "$dir/diff" --since "$dir/full"
smaller() { [ "$(stat -c %s "$dir/diff")" -lt "$(($(stat -c %s "$dir/full") / 2))" ] || ls -l "$dir"; }
check "indeed" smaller
recorded() { # VALUE OF full...: the backups of the trail, in order
	local told
	told=$(kenmon audit list --all --json | grep '"event":"backup-made"' | grep -o '"full":"[01]"' | tr -dc '01\n' | paste -sd ' ')
	[ "$told" = "$*" ] || { echo "$told instead of $*"; kenmon audit list --all --json | grep backup; }
}
# The second left, and found its file there already.
check "the trail has each: two full ones, and a difference" recorded 1 1 0
check "it holds with its full backup" says "The backup holds" kenmon restore --check "$dir/diff" --since "$dir/full"
check "not by itself" says "name its full backup with --since" kenmon restore --check "$dir/diff"
check "which is a refusal" fails 1 kenmon restore --check "$dir/diff"
check "another full backup is made" quietly kenmon backup "$dir/other"
check "the difference is refused on the wrong one" says "another full backup" kenmon restore --check "$dir/diff" --since "$dir/other"

# --- an erasure, then the bundle -----------------------------------------------------------
check "bob is erased" quietly kenmon erase bin --reason left --yes
check "the key epoch is closed" quietly kenmon key rotate --yes
check "a key bundle is made" says "key epoch 2" kenmon key bundle "$dir/bundle"
check "status is content" says "of key epoch 2, made at" kenmon status
check "the bundle belongs to the backup" says "The backup holds" kenmon restore --check "$dir/diff" --since "$dir/full" --bundle "$dir/bundle"
check "no key is in the bundle in the clear" keys_in "$dir/bundle"
restore=(restore "$dir/diff" --since "$dir/full" --bundle "$dir/bundle" --escrow-key "$dir/escrow.pem")
check "nothing is restored while the daemon answers" says "stop it before" kenmon "${restore[@]}" --state-dir "$dir/new/vault"

# --- every changed byte --------------------------------------------------------------------
# flipped FILE AT: a copy of it with this byte changed.
flipped() {
	cp "$1" "$dir/flipped"
	python3 - "$dir/flipped" "$2" <<-'PY'
	import sys
	f = open(sys.argv[1], 'r+b'); at = int(sys.argv[2])
	f.seek(at); b = f.read(1); f.seek(at); f.write(bytes([b[0] ^ 1]))
	PY
}
changed() { # FILE STEP ARGUMENT...
	local file=$1 step=$2 size at
	shift 2
	size=$(stat -c %s "$file")
	for ((at = 0; at < size; at += step)); do
		flipped "$file" "$at"
		kenmon restore --check "$dir/flipped" "$@" >/dev/null 2>&1 && echo "byte $at was changed and not noticed"
	done
	head -c $((size - 1)) "$file" >"$dir/flipped"
	kenmon restore --check "$dir/flipped" "$@" >/dev/null 2>&1 && echo "cut and not noticed"
	(cat "$file"; echo) >"$dir/flipped"
	kenmon restore --check "$dir/flipped" "$@" >/dev/null 2>&1 && echo "longer and not noticed"
	return 0
}
check "a full backup that was changed anywhere is refused" changed "$dir/full" 9973
check "so is a difference" changed "$dir/diff" 1499 --since "$dir/full"
house_down

# --- restoring -------------------------------------------------------------------------------
mkdir -m 0700 "$dir/used"
echo mine >"$dir/used/vault"
new=$dir/new
refused() { # TEXT ARGUMENT...: for this reason, and nothing was made
	local text=$1
	shift
	fails 1 kenmon "$@"
	grep -qF -- "$text" "$dir/out" || { echo "did not say: $text"; cat "$dir/out"; }
	[ ! -e "$new/vault" ] || ls -lR "$new"
}
mkdir -m 0700 "$new"
flipped "$dir/bundle" 200
check "a changed bundle is refused and makes nothing" refused "is no key bundle, or was changed" restore "$dir/diff" --since "$dir/full" --bundle "$dir/flipped" --escrow-key "$dir/escrow.pem" --state-dir "$new/vault"
flipped "$dir/diff" 20000
check "so is a changed difference" refused "is no backup, or was changed" restore "$dir/flipped" --since "$dir/full" --bundle "$dir/bundle" --escrow-key "$dir/escrow.pem" --state-dir "$new/vault"
openssl genpkey -algorithm X25519 -out "$dir/foreign.pem" 2>/dev/null
check "so is a difference on the wrong full backup" refused "another full backup" restore "$dir/diff" --since "$dir/other" --bundle "$dir/bundle" --escrow-key "$dir/escrow.pem" --state-dir "$new/vault"
check "so is another escrow key" refused "sealed to another escrow key" "${restore[@]::6}" --escrow-key "$dir/foreign.pem" --state-dir "$new/vault"
check "a folder in use is refused" fails 1 kenmon "${restore[@]}" --state-dir "$dir/used"
check "and left as it is" eval '[ "$(cat "$dir/used/vault")" = mine ]'
check "without its options it says what is missing" fails 2 kenmon restore "$dir/full"
check "a restore makes a new state folder" says "1 that were erased since" kenmon "${restore[@]}" --state-dir "$new/vault"
check "it leaves nothing beside the backup" eval '[ ! -e "$dir/diff.merged" ]'
keks() { [ "$(cd "$new/vault-kek" && echo kek.*)" = "kek.3" ] || ls "$new/vault-kek"; }
check "with a KEK that is nowhere else" keks

mv "$state" "$dir/before"
mv "$new" "$state"
up "the rooms start on it"
check "who was erased since is gone" says "no operator" kenmon operator show bin
check "the number is not given again" says "never given again" kenmon operator add again --employee-number 2 --name B --department X --uid 2
check "the living are there" says "Canary daemon" kenmon operator show daemon
check "also who came between the two backups" says "Canary sys" kenmon operator show sys
check "the trail verifies and says that it was restored" says "was restored from a backup" kenmon audit verify
certificate() {
	kenmon certificate show --employee-number 2 --format json >"$dir/certificate" &&
	    kenmon certificate verify "$dir/certificate"
}
check "what was erased has its certificate, which says which key to compare" says "the signer of generation 3 is the first" certificate
check "status asks for a new bundle" says "none of key epoch 3" kenmon status
replayed() { gives AUTH_ERR "$(totp)"; }
totp() { oathtool --totp -s 15 -N "@$(($(date +%s) + ${1:-0}))" -b "$secret"; }
check "no code of before is taken" replayed
house_down
# Twelve steps later nothing of before can be meant: three minutes here, which are not waited for.
fake=$(find /usr/lib -name libfaketime.so.1 -print -quit 2>/dev/null)
if [ -z "$fake" ]; then
	skip "the living log in later" "faketime is not installed"
else
	vault_with "LD_PRELOAD=$fake FAKETIME=+200 FAKETIME_DONT_FAKE_MONOTONIC=1"
	up "three minutes later the rooms start"
	check "then the living log in" gives SUCCESS "$(totp 200)"
	who=sys check "all of them" gives SUCCESS "$(totp 200)"
	house_down
	mv "$dir/bin/real/kenmon-vault" "$dir/bin/"
fi

# --- on the machine it came from ----------------------------------------------------------------
cp -a "$dir/before" "$dir/again"
rm -rf "$state"
mkdir -m 0700 "$state"
cp -a "$dir/before/judge" "$state/"
check "a restore beside the judge of before" quietly kenmon "${restore[@]}" --state-dir "$vault"
up "the rooms start"
check "the judge knows more than the backup" says "was written down before" kenmon status
check "nobody is let in" gives AUTHINFO_UNAVAIL 123456
check "until an administrator has looked" quietly kenmon accept rollback --yes
check "then it is as after any restore" says "Canary sys" kenmon operator show sys
house_down

# --- a folder that was not finished ----------------------------------------------------------------
echo x >"$vault/restoring"
chmod 600 "$vault/restoring"
check "a restore that was not finished does not start" refused_with 78 "run 'kenmon restore' again"
check "and can be begun again" quietly kenmon "${restore[@]}" --state-dir "$vault"
up "then it starts"
plan
