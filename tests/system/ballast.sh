#!/bin/bash
# An erasure on a full disk: room is kept for it, so that whoever has to go is
# gone, and what was wrapped for them too, while nobody can log in (C23).
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP mounting a small disk needs root"
	exit 0
fi
[ "${1-}" = inside ] || exec unshare -m "$0" inside
. "$(dirname "$0")/house.bash"
at_end() { mountpoint -q "$state" && umount -l "$state"; }
mkdir "$state"
mount -t tmpfs -o size=96m,mode=0700 tmpfs "$state" || exit 1
vault=$state/vault

up "the rooms start"
check "an operator is registered" operator
whole() { [ $(($(stat -c '%b * 512' "$vault/ballast"))) -ge $((16 << 20)) ] || ls -ls "$vault"; }
check "16 MiB are kept" whole
fill() { dd if=/dev/zero of="$state/filler" bs=4k oflag=append conv=notrunc status=none 2>/dev/null; }
fill
used=0
while [ "$(verdict "$(hotp $used)")" = SUCCESS ] && [ $used -lt 400 ]; do
	used=$((used + 1))
	fill
done
check "on a full disk nobody logs in" gives AUTHINFO_UNAVAIL "$(hotp $used)"
check "nor is anybody suspended" fails 69 kenmon operator suspend daemon
check "but somebody is erased" quietly kenmon erase daemon --reason transferred --yes
check "for which the ballast was given up" eval '[ ! -e "$vault/ballast" ] || ls -l "$vault"'
check "as the log says" says "is given up for an erasure" cat "$log"
check "and the epoch is closed" quietly kenmon key rotate --yes
check "with its KEK destroyed" eval '[ "$(ls "$state/vault-kek")" = kek.2 ] || ls "$state/vault-kek"'
check "nothing of the operator opens" gives AUTH_ERR "$(hotp $used)"
check "the trail verifies" verifies
rm "$state/filler"
house_down
up "with room again, the next start"
check "keeps 16 MiB again" whole
house_down
truncate -s 0 "$vault/ballast"
truncate -s 16M "$vault/ballast"
up "a start with a ballast that keeps no blocks, as a copy has"
check "makes it anew" whole
house_down
dd if=/dev/zero of="$state/filler" bs=1M count=75 status=none
rm "$vault/ballast"
up "a start without room for it"
check "says so" says "an erasure has to wait" cat "$log"
check "and keeps none" eval '[ ! -e "$vault/ballast" ] || ls -l "$vault"'
plan
