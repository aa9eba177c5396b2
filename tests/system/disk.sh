#!/bin/bash
# A disk that is full, read-only or damaged (C23): logins are refused with a
# clear reason, nothing is half done, nobody gets in, and when the disk is good
# again the next login works by itself.
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP mounting a small disk needs root"
	exit 0
fi
[ "${1-}" = inside ] || exec unshare -m "$0" inside
. "$(dirname "$0")/house.bash"
at_end() { mountpoint -q "$state" && umount -l "$state"; }
mkdir "$state"
mount -t tmpfs -o size=2m,mode=0700 tmpfs "$state" || exit 1
vault=$state/vault

up "the rooms start on a small disk"
check "an operator is registered" operator
check "a code opens" gives SUCCESS "$(hotp 0)"
before=$(room kenmon-vault) judge=$(room kenmon-authd)
same_rooms() {
	[ "$(room kenmon-vault)" = "$before" ] || echo "another vault"
	[ "$(room kenmon-authd)" = "$judge" ] || echo "another judge"
}
fill() { dd if=/dev/zero of="$state/ballast" bs=4k status=none 2>/dev/null; }

# --- full -----------------------------------------------------------------------
fill
# The log of the database has room left from earlier rounds: use it up.
used=0
while [ "$(verdict "$(hotp $((used + 1)))")" = SUCCESS ] && [ $used -lt 400 ]; do
	used=$((used + 1))
	fill
done
next=$((used + 1))
check "on a full disk a code is refused as not to be decided" gives AUTHINFO_UNAVAIL "$(hotp $next)"
check "the person is told that it is not their code" says "cannot be checked at the moment" seen "$(hotp $next)"
check "a wrong code is refused too" gives AUTHINFO_UNAVAIL 000000
check "the desk refuses and says why" says "the storage failed; nothing was changed" kenmon operator suspend daemon
check "with the exit code for it" fails 69 kenmon operator suspend daemon
check "what only reads still works" quietly kenmon operator show daemon
check "no room was started again" same_rooms
few() { [ "$(wc -l <"$log")" -lt $((lines + 60)) ] || tail "$log"; }
lines=$(wc -l <"$log")
sleep 1.2
check "nor does anybody log without an end" few
rm "$state/ballast"
check "with room again the same code opens by itself" gives SUCCESS "$(hotp $next)"
check "once" gives AUTH_ERR "$(hotp $next)"
check "the operator was not half suspended" says '"state":"active"' kenmon operator show daemon --json
check "the trail verifies" verifies
check "still no room was started again" same_rooms

house_down
fill
grown=$(wc -l <"$log")
"$dir/bin/kenmon-authd" --spawn --state-dir "$state" --socket "$socket" --config "$dir/kenmon.conf" \
    2>>"$log" >/dev/null </dev/null &
house=$!
advice() { tail -n +$((grown + 1)) "$log" | grep -q 'cannot start: .*is the disk full, read-only or failing'; }
check "on a full disk they do not start, and say what to look at" soon advice
check "nobody gets in" gives AUTHINFO_UNAVAIL "$(hotp $((next + 1)))"
rm "$state/ballast"
check "with room again they start by themselves" soon kenmon status
next=$((next + 1))
check "and the code opens" gives SUCCESS "$(hotp $next)"

# --- read-only --------------------------------------------------------------------
house_down
mount -o remount,ro "$state"
check "on a read-only disk the rooms do not start" refused_with 73 "Read-only file system"
mount -o remount,rw "$state"
up "writable again, they do"
check "and the next code opens" gives SUCCESS "$(hotp $((next + 1)))"

# --- damaged -----------------------------------------------------------------------
house_down
cp -a "$vault" "$dir/good"
restore() { rm -rf "$vault" && cp -a "$dir/good" "$vault"; }
# As an unclean stop would leave it: no log beside it that could heal it.
plain() { rm -f "$vault"/*-wal "$vault"/*-shm; }
for name in vault.db identity.db; do
	plain
	: >"$vault/$name"
	check "an empty $name is no first start" refused_with 78 "$name is empty but this state folder was in use; restore it from a backup"
	restore
	rm "$vault/$name"
	check "nor is a missing $name" refused_with 78 "$name is missing but this state folder was in use; restore it from a backup"
	restore
	plain
	truncate -s 5000 "$vault/$name"
	check "a $name cut short is refused" refused_with 78 "cut short but this state folder was in use; restore it from a backup"
	restore
	plain
	printf 'This is no database, but a letter to the ward office.' | dd of="$vault/$name" conv=notrunc status=none
	check "a $name that is something else is refused" refused_with 78 "restore it from a backup"
	restore
	plain
	rm "$vault/$name" && mkfifo -m 0600 "$vault/$name"
	check "a pipe in the place of $name is refused" refused_with 78 "a database or their folder can be reached by others"
	restore
done

# Garbage over every page of vault.db but the first, one page at a time: it starts or it
# refuses with the sentence; and whatever happens, a wrong code never opens.
pages=$(($(stat -c %s "$vault/vault.db") / 4096))
garbage() {
	local page verdict started=0
	for ((page = 1; page < pages; page++)); do
		restore
		plain
		dd if=/dev/urandom of="$vault/vault.db" bs=4096 seek=$page count=1 conv=notrunc status=none
		if house_up >"$dir/up"; then
			started=$((started + 1))
			verdict=$(verdict 000000)
			[ "$verdict" != SUCCESS ] || echo "page $page: a wrong code opened"
			kenmon audit verify >"$dir/verified" 2>&1 || echo "page $page" >>"$dir/noticed"
			house_down
		else
			grep -q restore "$dir/up" || { echo "page $page:"; cat "$dir/up"; }
			echo "page $page" >>"$dir/noticed"
			house_down
		fi
	done
	[ "$started" -gt 0 ] || echo "no damage let it start: this tested nothing"
}
check "garbage in any page lets nobody in" garbage
restore

# --- damage that the trail notices ------------------------------------------------------
# sql STATEMENT: on the stopped databases.
sql() { sqlite3 "$vault/vault.db" "$1" >/dev/null; }
damage() { # NAME SQL BAD-RECORD
	restore
	sql "$2"
	up "a vault.db $1 starts"
	check "and audit verify names record $3" says "record $3" kenmon audit verify
	check "and fails" fails 1 kenmon audit verify
	house_down
}
damage "with a changed record" "UPDATE audit SET event = 10 WHERE seq = 3" 3
damage "with a record less" "DELETE FROM audit WHERE seq = 2" 2
damage "with two records exchanged" "UPDATE audit SET seq = -seq WHERE seq IN (2, 3);
    UPDATE audit SET seq = CASE seq WHEN -2 THEN 3 ELSE 2 END WHERE seq < 0" 2
plan
