#!/bin/bash
# Each program links what its room may link, exports what it must, and is
# hardened. A new library or export fails here and has to be argued for.
. "$(dirname "$0")/tap.bash"

# program: libraries it may need (libc is always there)
rooms="
pam_kenmon.so libpam.so.0
kenmon-authd libsystemd.so.0 libinih.so.1
kenmon-vault libsqlite3.so.0 libcrypto.so.3 liboath.so.0 libinih.so.1
kenmon liboath.so.0 libqrencode.so.4 libinih.so.1
"
exports="pam_sm_acct_mgmt
pam_sm_authenticate
pam_sm_close_session
pam_sm_open_session
pam_sm_setcred"

needed() {
	local program=$1 lib
	shift
	[ -f "$BUILD/$program" ] || { echo "not built"; return; }
	readelf -d "$BUILD/$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r lib; do
		case " libc.so.6 $* " in
		*" $lib "*) ;;
		*) echo "links $lib" ;;
		esac
	done
}
exported() {
	diff <(nm -D --defined-only "$BUILD/pam_kenmon.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort) \
	    <(echo "$exports")
}
hardened() {
	local program=$BUILD/$1 elf
	elf=$(readelf -lW -d "$program") || return
	grep -q 'GNU_STACK .* RW ' <<<"$elf" || echo "the stack can be executed"
	grep -q GNU_RELRO <<<"$elf" || echo "no RELRO"
	grep -qE 'BIND_NOW|Flags:.* NOW' <<<"$elf" || echo "symbols are bound lazily"
	readelf -h "$program" | grep -q 'Type: *DYN' || echo "not position independent"
	! grep -E 'RPATH|RUNPATH' <<<"$elf"
	! grep TEXTREL <<<"$elf"
}
stack_protected() {
	nm -D "$BUILD/$1" | grep -q __stack_chk_fail || echo "no stack protector"
}
# The door lives in other people's programs.
door_avoids() {
	nm -D --undefined-only "$BUILD/pam_kenmon.so" | awk '{ sub(/@.*/, "", $2); print $2 }' |
	    grep -xE 'fork|vfork|posix_spawn|execv.*|pthread_.*|popen|system|getenv|secure_getenv|open|open64|fopen|fopen64|printf|puts|putchar|fprintf|__printf_chk|__fprintf_chk|stdout|stderr|signal|sigaction|exit|abort|setlocale|dlopen'
}

while read -r program libs; do
	[ -n "$program" ] || continue
	# shellcheck disable=SC2086
	check "$program links only what its room may" needed "$program" $libs
	check "$program is hardened" hardened "$program"
	check "$program is protected against a smashed stack" stack_protected "$program"
done <<<"$rooms"
quiet() {
	"$@" || true
}
check "the module exports the functions of PAM and nothing else" exported
check "the door forks not, makes no thread, reads no environment, prints nothing" quiet door_avoids
plan
