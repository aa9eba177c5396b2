#!/bin/bash
# A key epoch in the real house: it is closed by itself after an erasure or when
# somebody asks, goes on after a kill, and afterwards a copy of the whole state
# folder opens nothing with the keys of today (C37).
. "$(dirname "$0")/house.bash"
vault=$state/vault kek=$state/vault-kek

up "the rooms start on an empty folder"
check "an operator is registered" operator
second() {
	quietly kenmon operator add bin --employee-number 2 --name B --department X --uid 2 &&
	    quietly kenmon enroll hotp bin --secret-file - --no-confirm <<<"$secret"
}
check "and a second one" second
check "both log in" gives SUCCESS "$(hotp 0)"
who=bin check "indeed" gives SUCCESS "$(hotp 0)"
keks() { [ "$(cd "$kek" && echo kek.*)" = "$1" ] || ls -l "$kek"; }
check "there is one KEK" keks kek.1
check "key status says that nothing is owed" says "1, with nothing erased in it" kenmon key status
check "rotating closes the epoch" says "The key epoch is closed" kenmon key rotate --yes
check "and destroys its KEK" keks kek.2
check "the living log in" gives SUCCESS "$(hotp 1)"
who=bin check "all of them" gives SUCCESS "$(hotp 1)"
check "an unknown name is refused like a wrong code" eval 'who=sys gives AUTH_ERR 123456'
check "--json says the same to a program" says '{"key":"key-epoch","value":"2, with nothing erased in it","alarm":false}' kenmon key status --json
check "the trail says who asked" says "key-rotation-asked" kenmon audit list
no_such() { kenmon audit list --login nosuch --json 2>"$dir/err"; [ ! -s "$dir/err" ] || cat "$dir/err"; }
check "a listing that fails is one object to a program" says "{\"error\":\"ENOTFOUND\"" no_such
check "and that it was done" says "key-epoch-closed" kenmon audit list

# --- a copy of the whole state folder ------------------------------------------------
house_down
cp -a "$vault" "$dir/yesterday"
up "the rooms start again"
check "an operator is erased" says "until the key epoch is closed" kenmon erase daemon --reason transferred --yes
check "key status says when the epoch ends" says "which is closed by itself at" kenmon key status
check "so does status" says "which is closed by itself at" kenmon status
check "it is closed at once when somebody asks" quietly kenmon key rotate --yes
check "nothing is owed any more" says "3, with nothing erased in it" kenmon key status
check "nobody else notices" eval 'who=bin gives SUCCESS "$(hotp 2)"'
house_down
cp -a "$state" "$dir/today"
rm -rf "$vault"
cp -a "$dir/yesterday" "$vault"
check "yesterday's copy does not start with the keys of today (C37)" refused_with 78 "key epoch 2, which has been closed since (now 3): it is an older copy"
check "and today's KEK stays" keks kek.3

# What a key bundle holds of today, over the rows of yesterday.
overlay() {
	sqlite3 "$vault/vault.db" "ATTACH '$dir/today/vault/vault.db' AS today;
	    DELETE FROM subject_key; INSERT INTO subject_key SELECT * FROM today.subject_key;
	    DELETE FROM month_key; INSERT INTO month_key SELECT * FROM today.month_key;
	    DELETE FROM finger_key; INSERT INTO finger_key SELECT * FROM today.finger_key;
	    INSERT OR REPLACE INTO meta SELECT * FROM today.meta WHERE key = 'epoch'"
}
check "the wrapped keys of today are laid over it" overlay
up "so it starts"
check "an administrator accepts that it is older, and hears what that undoes" says "whoever was erased or suspended since is back" kenmon accept rollback --yes
check "and the epoch is owed its end" says "which is closed by itself at" kenmon key status
check "the living are there" eval 'who=bin gives SUCCESS "$(hotp 3)"'
erased_opens() { [ "$(verdict "$(hotp 2)")" != SUCCESS ] || echo "the erased got in"; }
check "the erased are not" erased_opens
house_down
rm -rf "$state"
cp -a "$dir/today" "$state"

# --- by itself, and through kills -----------------------------------------------------
printf '[login]\ntries = 1\n[erasure]\nepoch-delay = 0\n' >"$dir/kenmon.conf"
up "with no delay"
check "an operator is registered once more" quietly kenmon operator add daemon --employee-number 3 --name D --department X --uid 1
check "and erased" quietly kenmon erase daemon --reason transferred --yes
closed() { [ -e "$kek/kek.4" ] && [ ! -e "$kek/kek.3" ]; }
check "the epoch is closed by itself" soon closed
house_down
# As a kill would leave them: the next KEK made, nothing else done; and half destroyed.
check "a KEK that was being destroyed is found" cp "$kek/kek.4" "$kek/kek.gone"
up "at the next start"
check "it is gone for good" eval '[ ! -e "$kek/kek.gone" ] || ls "$kek"'
who=bin check "and the living log in" gives SUCCESS "$(hotp 3)"
house_down
rm "$kek/kek.4"
check "without its KEK the vault does not start" refused_with 78 "the master key or the KEK"
plan
