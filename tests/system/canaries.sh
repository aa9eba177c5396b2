#!/bin/bash
# C17: a whole enrolment and some logins with secrets, codes and passwords that
# occur nowhere else, everything at its highest log level; then every file,
# log and journal record is searched for them in every form.
if [ "$(id -u)" = 0 ] && [ "${1-}" != inside ]; then
	exec unshare -m "$0" inside
fi
. "$(dirname "$0")/house.bash"

# A socket for datagrams whose contents go to a file: syslogd, journald.
listener=()
listen() { # SOCKET FILE
	perl -MSocket -e '
		my $s;
		socket($s, AF_UNIX, SOCK_DGRAM, 0) and bind($s, pack_sockaddr_un($ARGV[0])) or die "$!";
		chmod 0666, $ARGV[0];
		open(my $f, ">", $ARGV[1]) or die "$!";
		while (defined recv($s, my $m, 65536, 0)) { syswrite($f, "$m\n"); }' "$1" "$2" &
	listener+=($!)
	soon test -S "$1"
}
at_end() { kill "${listener[@]}" 2>/dev/null; }

listen "$dir/journal" "$dir/journal.log"
heard="$state $log $dir/journal.log $dir/said"
if [ "$(id -u)" = 0 ]; then
	# /dev/log is ours, in a /dev of ours.
	mkdir "$dir/dev"
	mount --bind /dev "$dir/dev" && mount -t tmpfs -o mode=0755 tmpfs /dev || exit 1
	for node in null zero full random urandom tty; do
		touch /dev/$node && mount --bind "$dir/dev/$node" /dev/$node
	done
	umount "$dir/dev"
	ln -s /proc/self/fd /dev/fd
	listen /dev/log "$dir/syslog.log"
	heard+=" $dir/syslog.log"
fi
# All that the programs say, prompts included; the answers are not echoed to it.
: >"$dir/said"

stack loud "auth requisite PASSWORD" "auth required KENMON debug" "account required KENMON debug" "session required KENMON debug"
raw=$(head -c 15 /dev/urandom | base32) # 24 characters, no padding
seed=$(printf '%s%s' "$raw" MNQW4YLS)   # ends in "canar"
now_code() { oathtool --totp -d 8 -b "$seed"; }
next_code() { oathtool --totp -d 8 -N "@$(($(date +%s) + 30))" -b "$seed"; }
typed() { # ANSWER...: a login by way of "loud"; what is typed goes to nobody but PAM
	printf '%s\n' "$@" | "$dir/bin/login" "$dir/pam.d" loud daemon authenticate account session 2>&1 |
	    sed 's/^\( *[^:]*: \).*/\1/' >>"$dir/said"
	return "${PIPESTATUS[1]}"
}

up "the rooms start, as loud as they can be" --debug --journal "$dir/journal"
kenmon operator add daemon --employee-number 1 --name D --department X --uid 1 >>"$dir/said" 2>&1
first=$(now_code)
enrol() {
	printf '%s\n' "$first" | kenmon enroll totp daemon --digits 8 --secret-file "$dir/seed" >>"$dir/said" 2>&1 || tail -n 2 "$dir/said"
}
printf '%s\n' "$seed" >"$dir/seed"
check "a canary seed is enrolled with a first code" enrol
rm "$dir/seed"
recovery=$(kenmon enroll recovery-codes daemon 2>/dev/null | awk '$1 == "1." { print $2 $3 $4 $5 }')
check "recovery codes are made" test -n "$recovery"
second=$(next_code)
check "a login with a canary code" typed 'correct horse' "$second"
check "a login with a canary recovery code" typed 'correct horse' "$recovery"
wrong_password=Canary-Pa55word-$RANDOM$RANDOM
wrong_code=7$(printf '%07d' $((RANDOM * 300 + RANDOM)))
wrong_recovery=CANARYCANARY$(head -c 5 /dev/urandom | base32 | head -c 4)
typed "$wrong_password" 123456
typed 'correct horse' "$wrong_code"
typed 'correct horse' "$wrong_recovery"
typed 'correct horse' "$wrong_password"
typed 'correct horse' "$second"
kenmon unlock daemon >>"$dir/said" 2>&1
{ kenmon audit list; kenmon audit list --json; kenmon credential list daemon --json; kenmon status; } >>"$dir/said" 2>&1
copy() { cp "$state/vault/vault.db-wal" "$dir/wal"; }
check "a copy of the log of the database is kept from before the stop" copy
heard+=" $dir/wal"

# find FORM...: which files hold it. Each secret in the forms that a program could print it in.
search() {
	perl -MFile::Find -MMIME::Base64 -e '
		my ($base32, @texts) = split /\n/, do { local $/; <STDIN> };
		my ($bits, %value) = ("");
		@value{"A".."Z", 2..7} = (0..31);
		$bits .= sprintf("%05b", $value{$_}) for split //, $base32;
		my $raw = pack("B*", $bits);
		my %form = ("seed, bytes" => $raw, "seed, hex" => unpack("H*", $raw), "seed, HEX" => uc unpack("H*", $raw),
			"seed, base32" => $base32, "seed, small base32" => lc $base32, "seed, base64" => encode_base64($raw, ""),
			"seed, its beginning" => substr($raw, 0, 10), "seed, percent" => join("", map { sprintf "%%%02X", ord } split //, $raw));
		for my $t (@texts) {
			$form{"text $t"} = $t;
			$form{"text $t, hex"} = unpack("H*", $t);
			(my $groups = $t) =~ s/(....)(?=.)/$1-/g;
			$form{"text $t, in groups"} = $groups;
		}
		my $files = 0;
		-e or print "$_ is not there\n" for @ARGV;
		find({ no_chdir => 1, wanted => sub {
			return unless -f;
			$files++;
			open(my $f, "<:raw", $_) or die "$_: $!";
			my $all = do { local $/; <$f> } // "";
			for my $name (sort keys %form) { print "$name: in $_\n" if index($all, $form{$name}) >= 0; }
		} }, @ARGV);
		print "only $files files were searched\n" if $files < 5;' "$@" <<-SECRETS
		$seed
		$first
		$second
		$recovery
		$wrong_password
		$wrong_code
		$wrong_recovery
		correct horse
	SECRETS
}
# shellcheck disable=SC2086
nowhere() { search $heard; }
check "with the rooms running no file, log or record holds any of them (C17)" nowhere
house_down
check "nor with the rooms stopped (C17)" nowhere
kept() { grep -q KENMON_EVENT=login-allowed "$dir/journal.log" || echo "the journal heard nothing"; }
check "the journal did hear of the logins" kept
if [ "$(id -u)" = 0 ]; then
	loud() { grep -q . "$dir/syslog.log" || echo "syslog heard nothing"; }
	check "and syslog of the module" loud
fi
# The search itself finds what it should.
finds() {
	mkdir "$dir/planted"
	printf 'xx%sxx' "$second" >"$dir/planted/a"
	printf '%s' "$seed" | base32 -d >"$dir/planted/b"
	printf '%s' "$seed" | base32 -d | od -An -tx1 | tr -d ' \n' >"$dir/planted/c"
	: >"$dir/planted/d"
	: >"$dir/planted/e"
	[ "$(search "$dir/planted" | grep -c 'planted/[abc]$')" -ge 3 ] || search "$dir/planted"
}
check "the search finds a code, bytes and hex where they are planted" finds
plan
