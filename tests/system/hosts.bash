# What the tests with real host programs (sshd, su, sudo, pamtester) share: a
# mount namespace in which accounts, stacks and home folders are ours. Nothing
# of the machine changes. Source this after being re-executed "inside".
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/house.bash"

# tanaka has an account that this machine does not have; root is there for the programs.
account=tanaka account_uid=21001
mkdir -m 0755 "$dir/home" "$dir/etc"
chown $account_uid:$account_uid "$dir/home"
cp /etc/passwd /etc/shadow /etc/group "$dir/etc/"
echo "$account:x:$account_uid:$account_uid:Tanaka Hanako:$dir/home:/bin/bash" >>"$dir/etc/passwd"
echo "$account:*:19000:0:99999:7:::" >>"$dir/etc/shadow"
echo "$account:x:$account_uid:" >>"$dir/etc/group"
chmod 0640 "$dir/etc/shadow"
for file in passwd shadow group; do
	mount --bind "$dir/etc/$file" /etc/$file || exit 1
done
mount --bind "$dir/pam.d" /etc/pam.d || exit 1

# Where host programs write who came and who asked.
for folder in /run /var/log /var/lib/sudo; do
	[ ! -d $folder ] || mount -t tmpfs -o mode=0755 tmpfs $folder || exit 1
done

# The same stack with and without us: password alone, password and code.
host_stacks() { # SERVICE
	stack "$1" "auth requisite PASSWORD" "auth required KENMON" "account required KENMON" "session optional KENMON"
}
host_stacks_without_us() {
	stack "$1" "auth required PASSWORD" "account required pam_permit.so" "session optional pam_permit.so"
}
registered() {
	quietly kenmon operator add $account --employee-number 1 --name T --department X --uid $account_uid &&
	    quietly kenmon enroll hotp $account --secret-file - --no-confirm <<<"$secret"
}
failures() { # COUNT: of the token, in a row
	says "\"failures\":$1," kenmon credential list $account --json
}
audited() { # EVENT TEXT COUNT
	local n
	n=$(kenmon audit list --json | grep "\"event\":\"$1\"" | grep -cF -- "$2")
	[ "$n" = "$3" ] || { echo "$n records of $1 with $2 instead of $3"; kenmon audit list; }
}

# C4: what a session's shell has inherited. Run in the shell; the output is compared with
# that of the same program without us, and searched for us.
looks='echo; for f in /proc/$$/fd/*; do echo "fd ${f##*/} $(readlink $f)"; done; env; cat /proc/$$/environ | tr "\0" "\n"; echo end'
# Without the prompts, and what differs from one session to the next whoever is in the stack.
comparable() { sed -e '/: $/d; s/\[[0-9]*\]/[N]/; s#/dev/pts/[0-9]*#pts#; s#^SSH_.*#SSH#; s#^fd 255 .*##' "$1" | sort -u; }
nothing_of_ours() { # WITH WITHOUT
	grep -q '^end' "$1" || { echo "no session:"; cat "$1"; return; }
	grep -iE 'kenmon|anon_inode|authd|LISTEN_|PAM_' "$1" | grep -v "$dir/home\|^PWD="
	diff <(comparable "$2") <(comparable "$1")
}
