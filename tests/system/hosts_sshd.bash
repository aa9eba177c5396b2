# A real sshd and a real ssh. sshd runs under another name, so that its PAM
# service is ours, on a port of 127.0.0.1, with keys and settings of its own.
# $dir/askpass, which the test writes, is the person at ssh. Source this after
# being re-executed "inside".
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/hosts.bash"
mkdir -m 0755 /run/sshd

name=kenmon-sshd
ln -s /usr/sbin/sshd "$dir/$name"
ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
# A port that nobody has now.
port=$((20000 + RANDOM % 20000))
while (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do port=$((20000 + RANDOM % 20000)); done
cat >"$dir/sshd_config" <<CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $dir/host_key
PidFile $dir/sshd.pid
UsePAM yes
PubkeyAuthentication no
KbdInteractiveAuthentication yes
PasswordAuthentication yes
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel DEBUG1
StrictModes no
CONFIG
# Newer ones: the service is a setting and no longer the name of the program, and
# an address that failed a few times is not spoken to for a while.
for setting in "PAMServiceName=$name" PerSourcePenalties=no; do
	! /usr/sbin/sshd -T -f "$dir/sshd_config" -o "$setting" >/dev/null 2>&1 ||
	    echo "${setting/=/ }" >>"$dir/sshd_config"
done
host_stacks $name
sshd=''
at_end() { [ -z "$sshd" ] || kill "$sshd" 2>/dev/null; }

sshd_up() {
	"$dir/$name" -D -e -f "$dir/sshd_config" 2>"$dir/sshd.log" &
	sshd=$!
	check "sshd listens" soon bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}
# ssh_with METHOD PASSWORD CODE COMMAND
ssh_with() {
	: >"$dir/prompts"
	KT_DIR=$dir KT_PASSWORD=$2 KT_CODE=$3 DISPLAY=none SSH_ASKPASS=$dir/askpass SSH_ASKPASS_REQUIRE=force \
	    setsid ssh -F none -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	    -o LogLevel=ERROR -o NumberOfPasswordPrompts=1 -o PreferredAuthentications="$1" \
	    -o ConnectTimeout=5 $account@127.0.0.1 "$4" </dev/null
}
