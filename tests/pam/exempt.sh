#!/bin/bash
# C36: nobody is locked out on the first day. The stacks as we ship them, with no daemon at all: root,
# and accounts in whose name only machines log in, pass by being in kenmon-exempt; nobody else does, and
# where groups cannot be looked up nobody is exempt.
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
dir=$(mktemp -d /tmp/kenmon-exempt-XXXXXX) || exit 1
password=$BUILD/tests/pam/password.so
mkdir "$dir/pam.d"
printf 'auth required pam_deny.so\naccount required pam_deny.so\n' >"$dir/pam.d/other"
finish() {
	umount /etc/group /etc/pam.d
	rm -rf "$dir"
}
trap finish EXIT

# Passwords are another module's business; ours asks a socket that is not there.
place() {
	sed "s|pam_unix\.so.*|$password|; s|pam_kenmon\.so|$BUILD/pam_kenmon.so socket=$dir/none daemon-user=$(id -u) timeout=5|"
}
{ printf "auth requisite %s\naccount required %s\n" "$password" pam_permit.so; place <pam_module/stacks/kenmon; } >"$dir/pam.d/kenmon-test"
place <pam_module/stacks/kenmon-one-field | sed "s|^account  required  *$password|account required pam_permit.so|" >"$dir/pam.d/kenmon-test-one"
cp /etc/group "$dir/group"
mount --bind "$dir/pam.d" /etc/pam.d && mount --bind "$dir/group" /etc/group || exit 1

# members ACCOUNT...: they are in the group, and nobody else.
members() {
	{ grep -v '^kenmon-exempt:' "$dir/group"; echo "kenmon-exempt:x:4711:$(IFS=,; echo "$*")"; } >"$dir/g"
	cat "$dir/g" >"$dir/group"
}
comes_in() {
	printf 'correct horse\n' | pamtester "$1" "$2" authenticate acct_mgmt open_session >"$dir/out" 2>&1
}
gets_in() {
	comes_in "$@" || cat "$dir/out"
}
refused() {
	! comes_in "$@" || { echo "got in"; cat "$dir/out"; }
}

# Root, who runs cron's jobs; a greeter's user and a service's, whose systemd --user goes this way too.
machines=(root daemon games mail)
for stack in kenmon-test kenmon-test-one; do
	members
	for who in "${machines[@]}"; do
		check "C36: $stack: $who is refused where they are not exempt" refused "$stack" "$who"
	done
	members "${machines[@]}"
	for who in "${machines[@]}"; do
		check "C36: $stack: $who comes in without a daemon" gets_in "$stack" "$who"
	done
	check "C36: $stack: somebody else does not" refused "$stack" bin
	cp "$dir/group" "$dir/kept"
	: >"$dir/group"
	check "C36: $stack: where groups cannot be looked up nobody is exempt" refused "$stack" daemon
	cat "$dir/kept" >"$dir/group"
	check "C36: $stack: and again when they can" gets_in "$stack" daemon
done
plan
