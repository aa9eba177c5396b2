#!/bin/bash
# Functions that our code does not call, and where a room must not reach.
. "$(dirname "$0")/tap.bash"
shopt -s nullglob

common=(common/*.c common/*.h)
door=(pam_module/*.c pam_module/*.h)
judge=(authd/*.c authd/*.h authd/factors/*.c authd/factors/*.h)
vault=(authd/vault/*.c authd/vault/*.h)
sensor=(authd/sensor/*.c authd/sensor/*.h)
matcher=(authd/matcher/*.c authd/matcher/*.h)
courier=(authd/courier/*.c authd/courier/*.h)
desk=(enroll/*.c enroll/*.h)
all=("${common[@]}" "${door[@]}" "${judge[@]}" "${vault[@]}" "${sensor[@]}" "${matcher[@]}" "${courier[@]}" "${desk[@]}")
rooms=("${common[@]}" "${judge[@]}" "${vault[@]}" "${sensor[@]}" "${matcher[@]}" "${courier[@]}")

# calls REGEX FILE...: where one of these is called, or used by its name.
calls() {
	local names=$1
	shift
	[ $# -gt 0 ] || return 0
	strip_comments "$@" | grep -E ":.*(^|[^A-Za-z0-9_.>])($names)[[:space:]]*\(" || true
}
names() {
	local names=$1
	shift
	[ $# -gt 0 ] || return 0
	strip_comments "$@" | sed 's/__attribute__((format(printf/((/' | grep -wE "($names)" || true
}
without() {
	local path drop=$1
	shift
	for path in "$@"; do
		[[ $path =~ $drop ]] || echo "$path"
	done
}
unfinished() {
	grep -nwE -d skip 'TODO|FIXME|XXX' "${all[@]}" include/kenmon/* Makefile tests/run tests/deps systemd/*.* || true
}
opens_with_security() {
	head -n 40 "$1" | grep -q SECURITY || echo "no SECURITY paragraph"
}

mapfile -t libraries < <(without '^common/log\.c$' common/*.c)
mapfile -t not_senders < <(without '^common/(frame|log|room)\.c$|^authd/courier/sip_media\.c$' \
    "${common[@]}" "${door[@]}" "${judge[@]}" "${vault[@]}" "${sensor[@]}" "${matcher[@]}" "${courier[@]}" "${desk[@]}")
mapfile -t not_sensor < <(without '^authd/sensor/' "${all[@]}")
mapfile -t quiet_rooms < <(without '/(main|spawn|usage)\.[ch]$|^common/log\.c$' "${rooms[@]}")

check "nothing that copies or prints without a limit" \
    calls 'strcpy|strcat|stpcpy|strncat|sprintf|vsprintf|gets|scanf|sscanf|fscanf|strtok|alloca|wcscpy|wcscat' "${all[@]}"
check "nothing that starts a shell" calls 'system|popen|wordexp' "${all[@]}"
check "no temporary file whose name can be guessed" calls 'mktemp|tmpnam|tempnam|tmpfile' "${all[@]}"
check "no number is read without noticing that it is none" calls 'atoi|atol|atoll|atof' "${all[@]}"
check "nothing random but from the kernel" calls 'rand|srand|random|srandom|drand48|rand_r' "${all[@]}"
check "secrets are not compared with memcmp in the vault's checks" \
    calls 'memcmp|strcmp' authd/vault/*code*.c
check "no jump" names 'goto|setjmp|longjmp' "${all[@]}"
check "no thread in any room" names 'pthread_[a-z_]+|thrd_create|threads\.h' "${all[@]}"
check "no room asks NSS" \
    calls 'getpw[a-z_]*|getgr[a-z_]*|getaddrinfo|gethostby[a-z_]*|getservby[a-z_]*|getlogin|initgroups|wordexp|getspnam' "${rooms[@]}"
check "the door forks not" calls 'v?fork|clone|posix_spawnp?|exec[lv][a-z]*' "${door[@]}"
check "the door opens no file" calls 'open|openat|fopen|creat|opendir|stat|lstat|access' "${door[@]}"
check "the door reads no environment" calls 'getenv|secure_getenv|setenv|putenv|pam_getenv[a-z]*' "${door[@]}"
check "the door writes to nobody but the conversation and the socket" \
    names 'printf|puts|putchar|fprintf|vfprintf|perror|stdout|stderr' "${door[@]}"
check "the rooms print nothing but by the log" \
    names 'printf|puts|putchar|fprintf|vfprintf|perror|stdout|stderr' "${quiet_rooms[@]}"
check "libraries return, programs log" \
    calls 'km_log|km_log_fields|syslog|vsyslog' "${libraries[@]}"
check "SIGPIPE cannot come: writes to sockets go by km_send" \
    calls 'send|sendto|sendmsg|sendmmsg' "${not_senders[@]}"
check "the matcher opens nothing, and makes no memory but locked memory" \
    calls 'open|openat|fopen|creat|opendir|stat|socket|socketpair|malloc|calloc|realloc|mmap|getenv' "${matcher[@]}"
check "libfprint, and its form of a print, are the sensor's alone" \
    names 'fp_(print|device|image|context)_[a-z_]+|fprint\.h|glib\.h|FP3|g_variant_[a-z_]+' "${not_sensor[@]}"
check "nothing is left unfinished" unfinished
for main in authd/main.c authd/vault/main.c authd/sensor/main.c authd/matcher/main.c authd/courier/main.c enroll/main.c pam_module/pam_kenmon.c; do
	check "$main opens with what a take-over of it gains" opens_with_security "$main"
done
plan
