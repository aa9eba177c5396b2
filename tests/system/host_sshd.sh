#!/bin/bash
# A real sshd and a real ssh. sshd runs under another name, so that its PAM
# service is ours, on a port of 127.0.0.1, with keys and settings of its own.
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP sshd that logs in somebody else needs root"
	exit 0
fi
[ "${1-}" = inside ] || exec unshare -m "$0" inside
. "$(dirname "$0")/hosts_sshd.bash"
# ssh asks this program what a person would be asked. It notes the prompts.
cat >"$dir/askpass" <<-'SCRIPT'
	#!/bin/bash
	printf '%s\n' "$1" >>"$KT_DIR/prompts"
	case $1 in
	*assword*) printf '%s\n' "$KT_PASSWORD" ;;
	*) printf '%s\n' "$KT_CODE" ;;
	esac
SCRIPT
chmod 0755 "$dir/askpass"
interactive() { ssh_with keyboard-interactive "$@"; }
gets_in() { says "I am $account" interactive "$1" "$2" 'echo I am $(id -un)'; }
refused() {
	local said
	said=$(interactive "$1" "$2" 'echo I am $(id -un)' 2>&1) && echo "got in"
	[[ $said == *"Permission denied"* ]] || echo "$said"
}

up "the rooms start"
check "an operator is registered" registered
sshd_up
check "password and code get in over sshd" gets_in 'correct horse' "$(hotp 0)"
prompts() { grep -q 'One-time code' "$dir/prompts" || cat "$dir/prompts"; }
check "both were asked" prompts
check "it was a remote login at sshd" audited login-allowed '"service":"kenmon-sshd"' 1
check "from 127.0.0.1" audited login-allowed '"rhost":"127.0.0.1"' 1
check "account and session were asked too" audited session-opened '"service":"kenmon-sshd"' 1
check "a replayed code does not" refused 'correct horse' "$(hotp 0)"
check "a wrong code does not" refused 'correct horse' 000000
check "and is counted once" failures 1
check "a wrong password with a right code does not" refused 'wrong' "$(hotp 1)"
check "and that code is still good" gets_in 'correct horse' "$(hotp 1)"
# PasswordAuthentication sends the password to every prompt of the stack.
by_password() { ssh_with password 'correct horse' none 'echo got in' 2>&1; }
refused_by_password() { [[ $(by_password) == *"Permission denied"* ]] || by_password; }
check "a password at every prompt (PasswordAuthentication) does not" refused_by_password
check "and nothing is counted" failures 0

kenmon operator suspend $account --reason test >/dev/null
check "a suspended operator is refused" refused 'correct horse' "$(hotp 2)"
kenmon operator resume $account >/dev/null

interactive 'correct horse' "$(hotp 3)" "$looks" >"$dir/with" 2>&1
host_stacks_without_us $name
interactive 'correct horse' none "$looks" >"$dir/without" 2>&1
check "the shell of the session has nothing of ours (C4)" nothing_of_ours "$dir/with" "$dir/without"
host_stacks $name
house_down
check "with the rooms stopped nobody gets in" refused 'correct horse' "$(hotp 4)"
up "started again"
check "the same code gets in" gets_in 'correct horse' "$(hotp 4)"
check "the trail verifies" verifies
plan
