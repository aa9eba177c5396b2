#!/bin/bash
# A client of PAM that is not ours (pamtester) logs in through the door, with a
# password module before it. /etc/pam.d is a folder of ours, in a mount
# namespace of our own.
if [ "${1:-}" != inside ]; then
	root=$([ "$(id -u)" = 0 ] || echo r)
	if ! unshare "-${root}m" true 2>/dev/null; then
		echo "1..0 # SKIP no mount namespace for this user"
		exit 0
	fi
	exec unshare "-${root}m" "$0" inside
fi
. "$(dirname "$0")/../static/tap.bash"

case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
dir=$(mktemp -d /tmp/kenmon-pamtester-XXXXXX) || exit 1
user=$(id -un)
door="$BUILD/pam_kenmon.so socket=$dir/authd.sock daemon-user=$(id -u) timeout=5"
password=$BUILD/tests/pam/password.so
mkdir "$dir/pam.d"
stack() {
	printf '%s\n' "$@" >"$dir/pam.d/kenmon-test"
}
printf 'auth required pam_deny.so\naccount required pam_deny.so\n' >"$dir/pam.d/other"
mount --bind "$dir/pam.d" /etc/pam.d || exit 1

exec {leash}> >("$BUILD/tests/pam/fake_daemon" "$dir/authd.sock" >"$dir/ready")
daemon=$!
finish() {
	exec {leash}>&-
	wait "$daemon" 2>/dev/null
	umount /etc/pam.d
	rm -rf "$dir"
}
trap finish EXIT
for ((i = 0; i < 200; i++)); do
	grep -qs ready "$dir/ready" && break
	sleep 0.02
done

# login ANSWERS OPERATION...: what a person types, one answer a line.
login() {
	local answers=$1
	shift
	printf '%b' "$answers" | pamtester kenmon-test "$user" "$@"
}
gets_in() {
	login "$@" >"$dir/out" 2>&1 || cat "$dir/out"
}
refused() {
	! login "$@" >"$dir/out" 2>&1 || { echo "got in"; cat "$dir/out"; }
}
says() {
	local text=$1
	shift
	login "$@" >"$dir/out" 2>&1
	grep -qF -- "$text" "$dir/out" || { echo "did not say: $text"; cat "$dir/out"; }
}

stack "auth requisite $password" "auth required $door" "account required $door" "session required $door"
check "password and code get in" gets_in 'correct horse\n123456\n' authenticate
check "the whole way of a login" gets_in 'correct horse\n123456\n' authenticate acct_mgmt setcred open_session close_session
check "a wrong password does not" refused 'wrong horse\n123456\n' authenticate
check "three wrong codes do not" refused 'correct horse\n000000\n000000\n000000\n' authenticate
check "a wrong code is told" says "That code is not right." 'correct horse\n000000\n123456\n' authenticate
check "a password at every prompt does not get in" refused 'correct horse\ncorrect horse\ncorrect horse\ncorrect horse\n' authenticate
check "no answer does not get in" refused 'correct horse\n' authenticate
check "an account check alone passes" gets_in '' acct_mgmt

stack "auth optional $door split=6" "auth requisite $password" "auth required $door"
check "password and code in one field get in" gets_in 'correct horse123456\n' authenticate
check "a wrong code in one field does not" refused 'correct horse000000\n' authenticate

stack "auth requisite $password" "auth required $door" "account required $door"
exec {leash}>&-
wait "$daemon" 2>/dev/null
check "without a daemon nobody gets in" refused 'correct horse\n123456\n' authenticate
check "and the person is told" says "cannot be checked at the moment" 'correct horse\n123456\n' authenticate
check "nor does an account check pass" refused '' acct_mgmt

stack "auth requisite $password" "auth required $dir/no-such-module.so"
check "without the module nobody gets in (C14)" refused 'correct horse\n123456\n' authenticate
plan
