#!/bin/bash
# C2: a symbolic link, a hard link and a FIFO at every path that one of our
# programs opens. It is refused with a sentence, or passed over; nobody waits for
# it, and nothing outside the state folder is changed.
# shellcheck disable=SC2154 # dir, state, socket and vault_uid are house.bash's
. "$(dirname "$0")/house.bash"

mkdir "$dir/outside"
up "the rooms start"
check "an operator is registered" operator
check "a code opens" gives SUCCESS "$(hotp 0)"
cp "$state/vault/vault.db-wal" "$dir/wal"
house_down
cp -a "$state" "$dir/kept"
find "$dir" -maxdepth 1 -name 'state-*' -exec cp -a {} "$dir/kept-beside" \;
counter=1

# What a plant points to: a file of the right form, so that who follows it is not stopped by that.
victim() { # FROM
	rm -rf "$dir/outside"
	mkdir "$dir/outside"
	if [ -f "$1" ]; then cp -p "$1" "$dir/outside/victim"; else echo "not ours" >"$dir/outside/victim"; fi
	chmod 0600 "$dir/outside/victim"
	find "$dir/outside" -type f -printf '%p %m %n %s %T@ ' -exec sha256sum {} \; >"$dir/before"
}
untouched() {
	find "$dir/outside" -type f -printf '%p %m %n %s %T@ ' -exec sha256sum {} \; >"$dir/after"
	diff "$dir/before" "$dir/after"
}
put_back() {
	rm -rf "$state"
	cp -a "$dir/kept" "$state"
	if [ -e "$dir/kept-beside" ]; then
		rm -rf "$state"-*
		cp -a "$dir/kept-beside" "$beside"
	fi
}
beside=$(find "$dir" -maxdepth 1 -name 'state-*')

plant() { # KIND PATH
	rm -rf "$2"
	case $1 in
	link) ln -s "$dir/outside/victim" "$2" ;;
	hardlink) ln "$dir/outside/victim" "$2" ;;
	fifo) mkfifo -m 0600 "$2" ;;
	dangling) ln -s "$dir/outside/new" "$2" ;;
	esac
}

more=() # arguments of the rooms
# With the plant the rooms refuse to start and say why, or start, and a code is judged as ever.
start_with() { # KIND PATH
	local began=$SECONDS got
	victim "$2"
	plant "$1" "$2"
	[ "$1" != hardlink ] || find "$dir/outside" -type f -printf '%p %m %n %s %T@ ' -exec sha256sum {} \; >"$dir/before"
	if house_up "${more[@]}" >"$dir/up" 2>&1; then
		got=$(verdict "$(hotp $counter)")
		[ "$got" = SUCCESS ] || [ "$got" = AUTHINFO_UNAVAIL ] || echo "$1 at $2: a code is judged $got"
		house_down
	else
		grep -qE 'kenmon-(vault|authd): .*[a-z]{3}' "$dir/up" || { echo "$1 at $2: no sentence:"; cat "$dir/up"; }
		house_down
	fi
	[ $((SECONDS - began)) -lt 9 ] || echo "$1 at $2: somebody waited"
	untouched || echo "$1 at $2: what it points to was changed"
	[ ! -e "$dir/outside/new" ] || echo "$1 at $2: a file was made where it points to"
	put_back
}

# Every file there is, and every name that is used for a while.
mapfile -t paths < <(
	find "$state" ${beside:+"$beside"} -type f
	for base in vault identity; do
		for end in -wal -shm -journal .new .new-journal; do echo "$state/vault/$base.db$end"; done
	done
	for name in fresh fresh.new master.key.new kek.1.new; do echo "$state/vault/$name"; done
)
mapfile -t paths < <(printf '%s\n' "${paths[@]}" | sort -u)
tried=0
for path in "${paths[@]}"; do
	for kind in link hardlink fifo dangling; do
		start_with $kind "$path" >>"$dir/planted" 2>&1
		tried=$((tried + 1))
	done
done
check "nothing planted in the state folder is followed, waited for or changed (C2)" cat "$dir/planted"
enough() { [ $tried -ge 64 ] || echo "only $tried plants"; }
check "at every name that is used there" enough

# --- configuration, drop-ins, the socket ------------------------------------------------------
: >"$dir/planted"
mkdir "$dir/kenmon.conf.d"
cp "$dir/kenmon.conf" "$dir/conf"
for kind in fifo dangling; do
	for path in "$dir/kenmon.conf" "$dir/kenmon.conf.d/a.conf"; do
		start_with $kind "$path" >>"$dir/planted" 2>&1
		rm -f "$path"
		cp "$dir/conf" "$dir/kenmon.conf"
	done
done
check "no configuration planted is waited for or made" cat "$dir/planted"
rm -r "$dir/kenmon.conf.d"
: >"$dir/planted"
for kind in link hardlink fifo dangling; do start_with $kind "$socket" >>"$dir/planted" 2>&1; rm -f "$socket"; done
check "nothing that stands where the socket goes is replaced or followed" cat "$dir/planted"

: >"$dir/planted"
more=(--journal "$dir/journal")
for kind in link hardlink fifo dangling; do start_with $kind "$dir/journal" >>"$dir/planted" 2>&1; rm -f "$dir/journal"; done
more=()
check "nothing in the place of the journal is written to" cat "$dir/planted"
: >"$dir/planted"
vault_with "" --machine-id "$dir/machine-id"
for kind in link fifo dangling; do start_with $kind "$dir/machine-id" >>"$dir/planted" 2>&1; rm -f "$dir/machine-id"; done
mv "$dir/bin/real/kenmon-vault" "$dir/bin/kenmon-vault"
check "nor in the place of the machine's id" cat "$dir/planted"
door() {
	local kind
	for kind in link hardlink fifo dangling; do
		victim "$socket"
		plant $kind "$socket"
		gives AUTHINFO_UNAVAIL "$(hotp $counter)"
		rm -f "$socket"
	done
}
check "the door lets nobody in by what stands where the socket was" door

# --- what the desk reads ------------------------------------------------------------------------
up "the rooms start again"
fifo_secret() {
	mkfifo "$dir/secret"
	fails 1 timeout 5 "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" enroll hotp daemon \
	    --secret-file "$dir/secret" --no-confirm
}
check "a FIFO for a secret is refused at once" fifo_secret
rm -f "$dir/secret"
check "and a code opens as before" gives SUCCESS "$(hotp $counter)"
plan
