#!/bin/bash
# Codes by telephone over a real sshd, which keeps what it is told until the next
# question: a message by a program of the site's, and a call to a real SIP telephone.
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP sshd that logs in somebody else needs root"
	exit 0
fi
[ "${1-}" = inside ] || exec unshare -m "$0" inside
. "$(dirname "$0")/hosts_sshd.bash"
# Each room under a uid of its own: whose word the digits are is the kernel's to say.
vault_uid=61500
host_stacks "$name"

# The person at ssh. They look at their telephone for a message, and answer a call by keying in
# what is on the screen.
cat >"$dir/askpass" <<-'SCRIPT'
	#!/bin/bash
	printf '%s\n' "$1" >>"$KT_DIR/prompts"
	message() {
		for ((i = 0; i < 500; i++)); do
			[ ! -e "$KT_DIR/phone/message" ] || { tr -cd 0-9 <"$KT_DIR/phone/message"; rm "$KT_DIR/phone/message"; echo; return; }
			sleep 0.02
		done
	}
	case $1 in
	*assword*) printf '%s\n' "$KT_PASSWORD" ;;
	*'Key in '*)
		digits=${1#*Key in } digits=${digits%%,*}
		"$KT_DIR/telephone" "${digits// /}" >>"$KT_DIR/telephone.log" 2>&1 &
		echo
		;;
	*'Code from the text message'*) if [ "$KT_CODE" = call ]; then message >/dev/null; echo; else message; fi ;;
	*'Press Enter to have a code sent'*) echo ;;
	*) echo none ;;
	esac
SCRIPT
# The gateway, whose messages are renamed when they are whole.
mkdir -m 01777 "$dir/phone"
cp -r "$BUILD/prompts" "$dir/prompts.d"
cat >"$dir/gateway" <<-SCRIPT
	#!/bin/sh
	/bin/cat >$dir/phone/new && exec /bin/mv $dir/phone/new $dir/phone/message
SCRIPT
# The telephone, by which keys and then '#' are pressed.
sip=$((20000 + RANDOM % 20000 / 2 * 2))
cat >"$dir/telephone" <<-SCRIPT
	#!/bin/sh
	exec $PWD/tests/client/telephone $sip "\$1#"
SCRIPT
chmod 0755 "$dir/askpass" "$dir/gateway" "$dir/telephone"
cat >"$dir/kenmon.conf" <<-CONFIG
	[login]
	factors = hotp+sms+voice
	[audit]
	refusals = 1000
	[sms]
	gateway = exec
	program = $dir/gateway
	[voice]
	server = 127.0.0.1:$sip
	transport = udp
	media = rtp
	prompts = $dir/prompts.d
CONFIG

gets_in() { # message, or call
	local said
	said=$(ssh_with keyboard-interactive 'correct horse' "$1" 'echo I am $(id -un)' 2>&1)
	[[ $said == *"I am $account"* ]] || { echo "$said"; cat "$dir/prompts" "$dir/telephone.log"; tail -n 20 "$log"; }
}
asked() { grep -qF -- "$1" "$dir/prompts" || cat "$dir/prompts"; }
telephones() {
	quietly kenmon enroll phone $account --number - --no-confirm <<<090-1234-5678 &&
	    quietly kenmon enroll phone $account --number - --voice --no-confirm <<<03-1234-5678
}

up "the rooms start" --separate-uids $vault_uid
check "an operator is registered" registered
check "with a mobile and a landline" telephones
sshd_up
check "a code by text message gets in over sshd" gets_in message
check "that it was sent came with the question for it" asked 'The message is on its way.'
check "the trail names the factor" audited login-allowed '"factor":"sms"' 1
check "asked again, a call is made, and the digits on the screen get in" gets_in call
check "they were on the screen in a question" asked 'Key in '
check "the trail names that one too" audited login-allowed '"factor":"voice"' 1
check "nothing of it was a failure" failures 0
# PasswordAuthentication sends the password to every prompt: nothing leaves for that.
by_password() {
	local said
	said=$(ssh_with password 'correct horse' none 'echo got in' 2>&1)
	[[ $said == *"Permission denied"* ]] || echo "$said"
}
check "a password at every prompt (PasswordAuthentication) does not" by_password
check "and sends nothing" audited code-sent '' 3
check "the trail verifies" verifies
plan
