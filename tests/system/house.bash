# A house for the system tests that are scripts: the real rooms on a folder of
# their own, real libpam, and codes from oathtool. Source this after setting
# nothing; it brings check, skip and plan (tests/static/tap.bash), and removes
# its folder at the end.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../static/tap.bash"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac

# shellcheck disable=SC2034
secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ # of RFC 4226
dir=$(mktemp -d /tmp/kenmon-test-XXXXXX) || exit 1
state=$dir/state socket=$dir/authd.sock log=$dir/log
vault_uid=$(id -u) # whose stamp the door believes
house=''           # process that supervises the rooms
chmod 0711 "$dir"
mkdir -m 0755 "$dir/pam.d" "$dir/bin" "$dir/kenmon.conf.d"
# A file that a preloaded library reads while the rooms run has to lie where their walls let
# them read: here, since it is no drop-in without .conf at its end.
# shellcheck disable=SC2034
readable=$dir/kenmon.conf.d
# Other uids must reach the programs, and a checkout is often under a home of mode 0700.
install -m 0755 "$BUILD"/kenmon{,-authd,-vault,-sensor,-matcher,-courier} \
    "$BUILD"/{pam_kenmon.so,tests/login,tests/pam/password.so} "$dir/bin/" || exit 1
# One wrong code ends a login, so that a refusal is what it is and not the end of the answers.
printf '[login]\ntries = 1\n[audit]\nrefusals = 1000\n' >"$dir/kenmon.conf"
: >"$log"

at_end() { :; } # a test's own cleaning up, before the folder goes
# in_files OPTION...: files of the house in which grep finds it. Its exit code says nothing: it is
# that of an error where a file went meanwhile.
in_files() { grep -srlaF "$@" "$state" "$log"; }
# C17, suite-wide: what was enrolled is in no file of the house, in no form.
no_secret_left() {
	local found
	found=$(in_files -i -e "${secret:0:16}" -e 12345678901234567890 -e 3132333435363738393031323334353637383930)
	[ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}
house_end() {
	local rc=$?
	house_down
	no_secret_left || { echo "not ok - the secret that was enrolled is in these files"; rc=1; }
	at_end
	rm -rf "$dir"
	exit $rc
}
trap house_end EXIT

# soon COMMAND...: true as soon as the command is, at most ten seconds from now.
soon() {
	local i
	for ((i = 0; i < 500; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.02
	done
	return 1
}

# Starts the rooms and waits until they are ready; says so if they do not get there.
house_up() {
	local from
	from=$(wc -c <"$log")
	"$dir/bin/kenmon-authd" --spawn --state-dir "$state" --socket "$socket" \
	    --config "$dir/kenmon.conf" "$@" 2>>"$log" >/dev/null </dev/null &
	house=$!
	ready() { tail -c +$((from + 1)) "$log" | grep -q 'ready on' || ! kill -0 "$house" 2>/dev/null; }
	soon ready && kill -0 "$house" 2>/dev/null && return 0
	echo "the rooms did not get ready:"
	tail -c +$((from + 1)) "$log"
	return 1
}
# up NAME ARGUMENT...: a check that the rooms start. (Not "check house_up": that is a subshell.)
up() {
	local name=$1
	shift
	house_up "$@" >"$dir/up"
	check "$name" cat "$dir/up"
}
house_down() {
	[ -n "$house" ] || return 0
	kill "$house" 2>/dev/null
	wait "$house" 2>/dev/null
	house=''
}
# For a start that must fail: its exit code to $code, what it said to $dir/said.
house_refuses() {
	timeout 10 "$dir/bin/kenmon-authd" --spawn --state-dir "$state" \
	    --socket "$socket" --config "$dir/kenmon.conf" "$@" >"$dir/said" 2>&1 </dev/null
	code=$?
}
# refused_with CODE TEXT: the start fails with this code and says this.
refused_with() {
	house_refuses
	[ "$code" = "$1" ] || echo "ended with $code"
	grep -qF -- "$2" "$dir/said" || { echo "did not say: $2"; cat "$dir/said"; }
}
# vault_with "VARIABLE=VALUE..." ARGUMENT...: what --spawn does not pass on, for the vault alone.
vault_with() {
	local variables=$1
	shift
	mkdir -p "$dir/bin/real"
	[ -e "$dir/bin/real/kenmon-vault" ] || mv "$dir/bin/kenmon-vault" "$dir/bin/real/"
	printf '#!/bin/bash\nexport LISTEN_PID=$$ %s\nexec "%s" %s "$@"\n' "$variables" \
	    "$dir/bin/real/kenmon-vault" "$*" >"$dir/bin/kenmon-vault"
	chmod 0755 "$dir/bin/kenmon-vault"
}
room() { pgrep -P "$house" -x "$1"; } # process id of kenmon-authd (the judge) or kenmon-vault

kenmon() { "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@"; }
quietly() { "$@" >"$dir/out" 2>&1 || { cat "$dir/out"; return 1; }; }

# stack SERVICE LINE...: KENMON stands for our module, PASSWORD for a password module.
stack() {
	local service=$1
	shift
	printf '%s\n' "$@" | sed "s#KENMON#$dir/bin/pam_kenmon.so socket=$socket daemon-user=$vault_uid#
	    s#PASSWORD#$dir/bin/password.so#" >"$dir/pam.d/$service"
}
stack kenmon-test "auth required KENMON" "account required KENMON" "session required KENMON"
stack other "auth required pam_deny.so" "account required pam_deny.so"

hotp() { oathtool --hotp -c "$1" -b "$secret"; }
totp() { oathtool --totp -N "@$(($(date +%s) + ${1:-0}))" -b "$secret"; }

# An operator of an account that every Debian has (uid 1), with a counter-based token.
operator() {
	quietly kenmon operator add daemon --employee-number 1 --name D --department X --uid 1 &&
	    quietly kenmon enroll hotp daemon --secret-file - --no-confirm <<<"$secret"
}

# What PAM says to a login of daemon (or $who) with this answer, in one word.
verdict() {
	printf '%s\n' "$1" | "$dir/bin/login" "$dir/pam.d" "${service:-kenmon-test}" "${who:-daemon}" >"$dir/out" 2>&1
	case $(tail -n 1 "$dir/out") in
	*'=> Success') echo SUCCESS ;;
	*'=> Authentication failure') echo AUTH_ERR ;;
	*'=> Authentication service cannot retrieve authentication info') echo AUTHINFO_UNAVAIL ;;
	*'=> Have exhausted maximum number of retries for service') echo MAXTRIES ;;
	*) echo "$(tail -n 1 "$dir/out")" ;;
	esac
}
# gives VERDICT ANSWER
gives() {
	local got
	got=$(verdict "$2")
	[ "$got" = "$1" ] || { echo "$got instead of $1"; cat "$dir/out"; }
}
# What that person sees.
seen() {
	verdict "$1" >/dev/null
	cat "$dir/out"
}
# says TEXT COMMAND...: the command's output holds the text.
says() {
	local text=$1 said
	shift
	said=$("$@" 2>&1)
	[[ $said == *"$text"* ]] || printf 'did not say: %s\n%s\n' "$text" "$said"
}
# fails CODE COMMAND...
fails() {
	local want=$1 got
	shift
	"$@" >"$dir/out" 2>&1
	got=$?
	[ "$got" = "$want" ] || { echo "exit code $got instead of $want"; cat "$dir/out"; }
}
verifies() { quietly kenmon audit verify; }
