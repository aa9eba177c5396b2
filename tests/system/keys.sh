#!/bin/bash
# Keys that are missing, wrong or open to others; a state folder that was
# copied to another machine or put back to an older state (C34). Nobody gets
# in, nothing is made anew, and a sentence says what to do.
. "$(dirname "$0")/house.bash"
vault=$state/vault

up "the rooms start on an empty folder"
check "an operator is registered" operator
check "a code opens" gives SUCCESS "$(hotp 0)"
house_down
cp -a "$state" "$dir/good"
restore() { rm -rf "$state" && cp -a "$dir/good" "$state"; }
no_new_key() { [ ! -e "$vault/master.key" ] || echo "there is a key again"; }

rm "$vault/master.key"
check "without its master key it does not start (C34)" refused_with 78 "is missing, and none is made where there are databases"
check "and makes no new one (C34)" no_new_key
rm -f "$vault-kek/kek.1"
check "without both keys it does not start" refused_with 78 "the master key or the KEK"
check "and makes none either" no_new_key
restore
rm "$vault-kek/kek.1"
check "without its sealed key it does not start" refused_with 78 "is missing, and none is made"
restore
head -c 32 /dev/urandom >"$vault/master.key"
check "with a wrong master key it does not start" refused_with 78 "belongs to another state folder"
: >"$vault/master.key"
check "with an empty master key it does not start" refused_with 78 "the master key is damaged"
head -c 32 /dev/zero >"$vault/master.key"
check "a master key of zeros is no key" refused_with 78 "the master key is damaged"
restore
head -c 31 "$dir/good/vault/master.key" >"$vault/master.key"
check "with a master key cut short it does not start" refused_with 78 "the master key is damaged"
restore
for mode in 0644 0640 0604; do
	chmod $mode "$vault/master.key"
	check "a master key of mode $mode is refused" refused_with 78 "can be reached by others: chmod 0600"
done
restore
ln "$vault/master.key" "$dir/second-name"
check "a master key with a second name is refused" refused_with 78 "can be reached by others"
rm "$dir/second-name"
mv "$vault/master.key" "$dir/elsewhere"
ln -s "$dir/elsewhere" "$vault/master.key"
check "a link in the place of the master key is refused" refused_with 78 "can be reached by others"
restore

for mode in 0777 0770 0702; do
	chmod $mode "$state"
	check "a state folder of mode $mode is refused (C12)" refused_with 73 "can be written by others: refused"
	chmod 0700 "$state"
	chmod $mode "$vault"
	check "so is a vault folder of mode $mode" refused_with 73 "can be written by others: refused"
	chmod 0700 "$vault"
done
chmod 0755 "$vault"
alone() { "$dir/bin/kenmon-vault" --setup --state-dir "$vault" --config "$dir/kenmon.conf"; }
check "the vault by itself refuses a folder that others can read" fails 78 alone
check "and says what to do" says "0700 the folder" alone
chmod 0700 "$vault"
for name in vault.db identity.db; do
	chmod 0644 "$vault/$name"
	check "$name of mode 0644 is refused" refused_with 78 "a database or their folder can be reached by others"
	chmod 0600 "$vault/$name"
done
up "put right, it starts"
check "and the next code opens" gives SUCCESS "$(hotp 1)"
check "the code from before does not" gives AUTH_ERR "$(hotp 1)"

# --- an older state ------------------------------------------------------------
house_down
rm -rf "$vault"
cp -a "$dir/good/vault" "$vault"
up "on an older copy of the databases it starts"
check "nobody gets in" gives AUTHINFO_UNAVAIL "$(hotp 1)"
check "nor with an older code" gives AUTHINFO_UNAVAIL "$(hotp 0)"
check "and the person is told" says "cannot be checked at the moment" seen "$(hotp 1)"
check "status shows the alarm" says '"key":"database"' kenmon status --json
alarm() { kenmon status --json | tr '{' '\n' | grep -q "\"key\":\"$1\".*\"alarm\":true" || kenmon status; }
check "as an alarm" alarm database
check "accept without --yes only shows what was found" fails 1 kenmon accept rollback </dev/null
check "so nobody gets in still" gives AUTHINFO_UNAVAIL "$(hotp 1)"
house_down
up "a restart"
check "does not forget it" gives AUTHINFO_UNAVAIL "$(hotp 1)"
check "an administrator accepts" quietly kenmon accept rollback --yes
check "and codes open again" gives SUCCESS "$(hotp 1)"
check "the trail tells of it" says rollback-accepted kenmon audit list
check "and verifies" verifies

# --- another machine -------------------------------------------------------------
house_down
vault_with "" --machine-id "$dir/machine-id"
echo 11111111111111111111111111111111 >"$dir/machine-id"
up "on another machine it starts"
check "nobody gets in" gives AUTHINFO_UNAVAIL "$(hotp 2)"
check "status shows the alarm" alarm machine
check "accepting the clock does not help" fails 1 kenmon accept clock --yes
check "nobody gets in" gives AUTHINFO_UNAVAIL "$(hotp 2)"
house_down
up "a restart"
check "does not forget it" gives AUTHINFO_UNAVAIL "$(hotp 2)"
check "an administrator accepts" quietly kenmon accept machine --yes
check "and codes open again" gives SUCCESS "$(hotp 2)"
house_down
up "a restart on the accepted machine"
check "finds nothing" gives SUCCESS "$(hotp 3)"
check "the trail verifies" verifies
plan
