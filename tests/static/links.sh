#!/bin/bash
# Each program links what its room may link, exports what it must, and is
# hardened. A new library or export fails here and has to be argued for.
. "$(dirname "$0")/tap.bash"

# program: the libraries it links besides libc, all of them and no other
rooms="
pam_kenmon.so libpam.so.0
kenmon-authd libsystemd.so.0 libinih.so.1
kenmon-vault libsqlite3.so.0 libcrypto.so.3 liboath.so.0 libinih.so.1
kenmon libqrencode.so.4 libinih.so.1 libcsv.so.3 libcrypto.so.3 libsystemd.so.0
kenmon-matcher
kenmon-courier libsystemd.so.0 libinih.so.1 libcurl.so.4 libcares.so.2 libre.so.0 libssl.so.3 libcrypto.so.3
kenmon-sensor libfprint-2.so.2 libgio-2.0.so.0 libgobject-2.0.so.0 libglib-2.0.so.0 libinih.so.1
"
# The door lives in other people's programs: all that it may call.
door_calls="__errno_location abort clock_gettime close connect explicit_bzero free geteuid getpwnam_r
    getrandom getsockopt madvise malloc memchr memcmp memcpy memmove memset mlock mmap munlock munmap
    poll recvmsg sendmsg setsockopt snprintf socket strchr strcmp strdup strlen strncmp strnlen strstr
    pam_get_authtok pam_get_data pam_get_item pam_get_user pam_set_data pam_set_item pam_syslog
    __stack_chk_fail"
# What no program of ours calls: shells, code loaded later, threads, networks, other identities.
nobody='system|popen|wordexp|dl(m?open|v?sym)|pthread_create|thrd_create|clone|vfork|posix_spawnp?
    getaddrinfo|gethostby.*|getservby.*|inet_.*|if_nametoindex|res_.*|ptrace|process_vm_.*|personality
    mktemp|tmpnam|tempnam|tmpfile|strcpy|strcat|sprintf|vsprintf|gets|rand|random|fexecve|exec(l|le|lp|vp|vpe|veat)
    set(e|re|fs)?[ug]id|initgroups|capset|chroot|mount|umount2?|unshare|setns|memfd_create'
# And what each room does not, which others need.
declare -A avoids=(
	[kenmon-authd]='getpw.*|getgr.*|getspnam.*|initgroups|rename.*|link|symlink.*|mk(nod|fifo).*|chmod|chown
	    sqlite3_.*|EVP_.*|SSL_.*|oath_.*|mprotect|shm_.*|sem_.*|inotify_.*'
	[kenmon-vault]='getpw.*|getgr.*|getspnam.*|initgroups|fork|execv|kill|waitpid|setres[ug]id|setgroups
	    connect|bind|listen|setsockopt|chmod|fchmod.*|chown|fchown.*|lchown|link|symlink.*|mk(nod|fifo).*
	    sd_.*|SSL_.*|mprotect|shm_.*|sem_.*|pipe2?|dup[23]?'
	[kenmon]='kill|setres[ug]id|setgroups|bind|listen|accept4?|sqlite3_.*|oath_.*|SSL_.*
	    sd_(notify|listen|journal|event|device|netlink|session|seat|peer|watchdog).*|EVP_.*(Encrypt|Decrypt|Seal|Open|private).*
	    chmod|fchmod.*|chown|fchown.*|lchown|link|symlink.*|mk(nod|fifo|dir).*'
	[kenmon-matcher]='getpw.*|getgr.*|getspnam.*|initgroups|fork|execv|kill|waitpid|setres[ug]id|setgroups
	    bind|listen|chmod|fchmod.*|chown|fchown.*|lchown|link|symlink.*|mk(nod|fifo|dir).*|unlink.*|rename.*
	    openat|fopen|creat|opendir|readdir|stat|lstat|access|readlink|malloc|calloc|realloc|strdup|asprintf
	    mprotect|shm_.*|sem_.*|pipe2?|dup[23]?|sqlite3_.*|EVP_.*|SSL_.*|oath_.*|sd_.*|fp_.*|g_.*'
	[kenmon-courier]='getpw.*|getgr.*|getspnam.*|initgroups|setres[ug]id|setgroups|accept4?|listen|mk(nod|fifo|dir).*
	    chmod|chown|lchown|link|symlink.*|unlink|rename|truncate.*|mprotect|shm_.*|sem_.*|sqlite3_.*|EVP_.*|oath_.*
	    sd_(notify|listen|journal|device|netlink|session|seat|peer|watchdog|bus).*|fp_.*|g_.*'
	[kenmon-sensor]='getpw.*|getgr.*|getspnam.*|fork|execv|kill|waitpid|setres[ug]id|setgroups
	    bind|listen|chmod|fchmod.*|chown|fchown.*|lchown|link|symlink.*|mk(nod|fifo|dir).*|unlink.*|rename.*
	    sqlite3_.*|EVP_.*|SSL_.*|oath_.*|sd_.*|g_spawn_.*|g_dbus_.*|g_file_.*|g_module_.*|g_socket_.*|g_thread_.*
	    fp_device_(enroll|verify|capture|list_prints|delete_print|clear_storage).*|fp_print_deserialize|mprotect'
)
exports="pam_sm_acct_mgmt
pam_sm_authenticate
pam_sm_close_session
pam_sm_open_session
pam_sm_setcred"

needed() {
	local program=$1
	shift
	[ -f "$BUILD/$program" ] || { echo "not built"; return; }
	diff <(readelf -d "$BUILD/$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort) \
	    <(printf '%s\n' libc.so.6 "$@" | sort) | sed -n 's/^</links/p; s/^>/does not link/p'
}
# What a program could call, by the plain name: not __memcpy_chk, fopen64, __open_2.
imports() {
	nm -D --undefined-only "$BUILD/$1" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' |
	    sed -E 's/^__(.*)_chk$/\1/; s/^__(open|openat)(64)?_2$/\1/; s/^(.*[a-z])64$/\1/; s/^stack_chk_fail$/__&/' | sort -u
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
door_calls_more() {
	# shellcheck disable=SC2086
	comm -23 <(imports pam_kenmon.so) <(printf '%s\n' $door_calls | sort)
}
# calls PROGRAM PATTERN...: those of its imports that are one of these.
calls() {
	local program=$1
	shift
	imports "$program" | grep -xE "$(tr -s ' \t\n' '|' <<<"$*" | sed 's/|$//')"
}
# The search itself finds what it should: what the judge, who starts rooms, does call.
finds() {
	[ "$(calls kenmon-authd 'fork|execv
	    setres[ug]id' | tr '\n' ' ')" = "execv fork setresgid setresuid " ] || imports kenmon-authd
}
exports_nothing() {
	nm -D --defined-only "$BUILD/$1" | grep -v ' [BDR] \(stdout\|stderr\|stdin\|opt[a-z]*\)'
}
exports_only() {
	local program=$1
	shift
	diff <(exports_nothing "$program" | sed 's/.* //' | sort) <(printf '%s\n' "$@" | sort)
}
fortified() {
	nm -D --undefined-only "$BUILD/$1" | grep -q '__.*_chk' || echo "no call is checked by the C library"
}
# Pointers in tables are written by the dynamic linker at each login, and a page is copied for them.
few_pointers() {
	local many most=64
	many=$(readelf -rW "$BUILD/pam_kenmon.so" | grep -c RELATIVE)
	[ "$many" -le "$most" ] || echo "$many pointers in tables: $most are enough (common/texts.c says how)"
}
stays_loaded() {
	readelf -d "$BUILD/pam_kenmon.so" | grep -q 'Flags:.* NODELETE' || echo "libpam would unload it"
}
quiet() {
	"$@" || true
}
while read -r program libs; do
	[ -n "$program" ] || continue
	# shellcheck disable=SC2086
	check "$program links exactly what its room may" needed "$program" $libs
	check "$program calls nothing that no room may" quiet calls "$program" "$nobody"
	check "$program is hardened" hardened "$program"
	check "$program is protected against a smashed stack" stack_protected "$program"
	check "$program is fortified" fortified "$program"
done <<<"$rooms"
for program in kenmon-authd kenmon-vault kenmon kenmon-sensor kenmon-matcher kenmon-courier; do
	check "$program calls nothing that its room may not" quiet calls $program "${avoids[$program]}"
done
for program in kenmon-authd kenmon-vault kenmon kenmon-matcher; do
	check "$program exports nothing" quiet exports_nothing $program
done
check "kenmon-sensor exports what wipes freed memory for its libraries, and nothing else" \
    exports_only kenmon-sensor free realloc
check "kenmon-courier exports what limits libre's queues, and nothing else" exports_only kenmon-courier tcp_connect
check "the search finds what there is" finds
check "the module exports the functions of PAM and nothing else" exported
check "the door calls what is on its list and nothing else" door_calls_more
check "the door has few pointers to be written at each login" few_pointers
check "the door stays loaded in a program that logs many in" stays_loaded
plan
