#!/bin/bash
# What a matcher says to a command line or a starter that is not right.
. "$(dirname "$0")/../static/tap.bash"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# refuses CODE TEXT ARGUMENT...
refuses() {
	local want=$1 text=$2 got
	shift 2
	timeout 10 "$BUILD/kenmon-matcher" "$@" >"$dir/said" 2>&1 </dev/null
	got=$?
	[ "$got" = "$want" ] || echo "ended with $got"
	grep -qF -- "$text" "$dir/said" || { echo "did not say: $text"; cat "$dir/said"; }
}
# The socket is passed as systemd would: descriptor 3, and the pid of who takes it.
with_socket() {
	perl -MSocket -MPOSIX -e '
		my $s; $^F = 9; # kept over exec
		socket($s, AF_UNIX, SOCK_SEQPACKET, 0) and bind($s, pack_sockaddr_un($ARGV[0])) and listen($s, 1) or die "$!";
		POSIX::dup2(fileno($s), 3) or die "$!";
		$ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 1; $ENV{LISTEN_FDNAMES} = $ARGV[1];
		splice(@ARGV, 0, 2);
		my $self = $$;
		if ($ENV{STOP_IT} && !fork) { sleep 1; kill "TERM", $self; exit }
		exec @ARGV or die "$!";' "$dir/probe.sock" "$@" >"$dir/said" 2>&1
	echo "ended with $?" >>"$dir/said"
	rm -f "$dir/probe.sock"
}
said() { # TEXT END
	if ! grep -qF -- "$1" "$dir/said" || ! grep -qx "$2" "$dir/said"; then cat "$dir/said"; fi
}
nobody_lends() {
	with_socket probe "$BUILD/kenmon-matcher" --grant-socket "$dir/none.sock"
	said "$dir/none.sock: nobody lends there (EUNAVAIL)" 'ended with 1'
}
# While it waits for a vault it ends by a signal, and does not try on to the last.
stopped() {
	STOP_IT=1 with_socket probe "$BUILD/kenmon-matcher" --grant-socket "$dir/none.sock"
	said "" 'ended with 143'
}
too_long() {
	with_socket probe "$BUILD/kenmon-matcher" --grant-socket "/$(head -c 200 /dev/zero | tr '\0' x)"
	said "nobody lends there (ELIMIT)" 'ended with 1'
}
another_name() {
	with_socket vault "$BUILD/kenmon-matcher" --grant-socket "$dir/none.sock"
	said "no listening socket was passed" 'ended with 64'
}

check "--help says what it takes" refuses 0 "usage: kenmon-matcher" --help
check "--version says which it is" refuses 0 "kenmon-matcher 0." --version
check "an option that is none is refused" refuses 64 "usage: kenmon-matcher" --frobnicate
check "a word that is no option is refused" refuses 64 "takes options only" start
for option in --vault-uid --sensor-uid --owner; do
	for uid in '' -1 +7 ' 7' x 12x 4294967295 99999999999999999999999; do
		check "$option '$uid' is refused" refuses 64 "$option takes a uid, a number" "$option" "$uid"
	done
done
check "without a listening socket it says who starts it" refuses 64 "no listening socket was passed" --config /none --owner 0
check "one of another name is not taken for it" another_name
check "where nobody lends it says so, after a while" nobody_lends
check "whoever waits for a vault ends when told to" stopped
check "a path that is too long is no vault's, and that is said at once" too_long
plan
