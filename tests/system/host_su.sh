#!/bin/bash
# Real su, sudo and pamtester, asked by somebody who is not root. They are
# setuid programs, so the judge sees root asking for an operator.
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP su and sudo with stacks of ours need root"
	exit 0
fi
[ "${1-}" = inside ] || exec unshare -m "$0" inside
. "$(dirname "$0")/hosts.bash"
# Somebody who is no operator, and asks su for another's account.
other=suzuki other_uid=21002
echo "$other:x:$other_uid:$other_uid:Suzuki Ichiro:/nonexistent:/bin/bash" >>/etc/passwd
echo "$other:*:19000:0:99999:7:::" >>/etc/shadow
echo "$other:x:$other_uid:" >>/etc/group
printf 'Defaults passwd_tries=1, !lecture, !fqdn\nroot ALL=(ALL) ALL\n%s ALL=(ALL) ALL\n' $account >"$dir/etc/sudoers"
chmod 0440 "$dir/etc/sudoers"
mount --bind "$dir/etc/sudoers" /etc/sudoers || exit 1
for service in su sudo kenmon-tester; do host_stacks $service; done
service=''

as() { # UID COMMAND...: with an environment that holds nothing of this script
	local uid=$1
	shift
	(cd / && exec setpriv --reuid "$uid" --regid "$uid" --clear-groups env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb "$@")
}
run_su() { printf '%s\n' "$1" "$2" | as $other_uid su $account -c "$3" 2>&1; }
run_sudo() { printf '%s\n' "$1" "$2" | as $account_uid sudo -S -k -p 'Password: ' /bin/sh -c "$3" 2>&1; }
run_pamtester() { printf '%s\n' "$1" "$2" | pamtester kenmon-tester $account authenticate acct_mgmt 2>&1; }
gets_in() { says "$1" "$2" "$3" "$4" 'echo I am $(id -un)'; } # WHO-IT-SAYS PROGRAM PASSWORD CODE
refused() { # PROGRAM PASSWORD CODE
	local said
	said=$("$1" "$2" "$3" 'echo I am $(id -un)') && echo "got in: $said"
	[[ $said != *"I am"* ]] || echo "$said"
}

up "the rooms start"
check "an operator is registered" registered
next=0
code() { hotp $next; }
for program in su sudo; do
	who=$account
	[ $program = su ] || who=root
	check "password and code get in by $program" gets_in "I am $who" run_$program 'correct horse' "$(code)"
	check "it was a login at $program" audited login-allowed "\"service\":\"$program\"" 1
	# sudo opens the session of the account it enters, which is no operator's.
	[ $program = sudo ] || check "so was its session" audited session-opened '"service":"su"' 1
	check "a replayed code does not get in by $program" refused run_$program 'correct horse' "$(code)"
	next=$((next + 1))
	check "a wrong code does not" refused run_$program 'correct horse' 000000
	check "and is counted once" failures 1
	check "a wrong password with a right code does not" refused run_$program wrong "$(code)"
	check "nor does the password at every prompt" refused run_$program 'correct horse' 'correct horse'
	check "which is not counted" failures 1
	check "that code is still good" gets_in "I am $who" run_$program 'correct horse' "$(code)"
	next=$((next + 1))
	run_$program 'correct horse' "$(code)" "$looks" | cat >"$dir/with"
	next=$((next + 1))
	host_stacks_without_us $program
	run_$program 'correct horse' none "$looks" | cat >"$dir/without"
	host_stacks $program
	check "the shell of $program has nothing of ours (C4)" nothing_of_ours "$dir/with" "$dir/without"
done
who=''
check "password and code get in by pamtester" gets_in "successfully authenticated" run_pamtester 'correct horse' "$(code)"
next=$((next + 1))
check "a wrong code does not" refused run_pamtester 'correct horse' 000000
# su asks for the account that is entered: somebody who is no operator cannot be entered.
su_to_other() { printf '%s\n' 'correct horse' "$(hotp $next)" | as $account_uid su $other -c id; }
check "an account that is no operator's is not entered" fails 1 su_to_other
kenmon operator suspend $account --reason test >/dev/null
for program in su sudo pamtester; do
	check "a suspended operator is refused by $program" refused run_$program 'correct horse' "$(code)"
done
kenmon operator resume $account >/dev/null
house_down
for program in su sudo pamtester; do
	check "with the rooms stopped nobody gets in by $program" refused run_$program 'correct horse' "$(code)"
done
mv "$dir/bin/pam_kenmon.so" "$dir/bin/away"
for program in su sudo pamtester; do
	check "with the module removed nobody gets in by $program (C14)" refused run_$program 'correct horse' "$(code)"
done
mv "$dir/bin/away" "$dir/bin/pam_kenmon.so"
up "started again"
check "the same code gets in" gets_in "I am $account" run_su 'correct horse' "$(code)"
check "the trail verifies" verifies
plan
