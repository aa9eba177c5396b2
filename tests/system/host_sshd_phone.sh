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
		digits=${1#*Key in }
		"$KT_DIR/telephone" "${digits%%,*}" >>"$KT_DIR/telephone.log" 2>&1 &
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
# The telephone: rings, is picked up, and sends each key by SIP INFO, the last one '#'.
sip=$((20000 + RANDOM % 20000 / 2 * 2))
cat >"$dir/telephone" <<-SCRIPT
	#!/bin/bash
	back=\$'[last_Via:]\n[last_From:]\n[last_To:];tag=[pid]SIPpTag[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n'
	contact=\$'Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n'
	says() { printf '<send%s><![CDATA[\n%s\n]]></send>\n' "\$1" "\$2"; }
	key() {
		says ' retrans="500"' "INFO [next_url] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From:[\\\$to];tag=[pid]SIPpTag[call_number]
	To:[\\\$from]
	[last_Call-ID:]
	CSeq: \$1 INFO
	Max-Forwards: 70
	Content-Type: application/dtmf-relay
	Content-Length: [len]

	Signal=\$2
	Duration=160"
		echo '<recv response="200"/>'
	}
	{
		echo '<?xml version="1.0" encoding="ISO-8859-1" ?><scenario name="phone">'
		echo '<recv request="INVITE" rrs="true"><action>'
		echo '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>'
		echo '<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/></action></recv>'
		says '' "SIP/2.0 180 Ringing
	\$back\${contact}Content-Length: 0
	"
		says ' retrans="500"' "SIP/2.0 200 OK
	\$back\${contact}Content-Type: application/sdp
	Content-Length: [len]

	v=0
	o=u 1 1 IN IP4 127.0.0.1
	s=-
	c=IN IP4 127.0.0.1
	t=0 0
	m=audio [media_port] RTP/AVP 0 101
	a=rtpmap:0 PCMU/8000
	a=rtpmap:101 telephone-event/8000
	a=fmtp:101 0-15"
		echo '<recv request="ACK"/>'
		for ((i = 0; i < \${#1}; i++)); do key \$((10 + i)) "\${1:i:1}"; done
		key 50 '#'
		echo '<recv request="BYE"/>'
		says '' "SIP/2.0 200 OK
	\${back}Content-Length: 0
	"
		echo '<Reference variables="from,to"/></scenario>'
	} | sed 's/^\t*//' >$dir/phone.xml
	exec sipp -sf $dir/phone.xml -i 127.0.0.1 -p $sip -mi 127.0.0.1 -mp $((sip + 2)) -m 1 -t u1 -nostdin -recv_timeout 30000
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
