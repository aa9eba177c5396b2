#!/bin/bash
# C17: enrolments and logins of every kind with secrets, codes, passwords and
# names that occur nowhere else, everything at its highest log level; then every
# file, log and journal record is searched for them in every form, and the
# memory of each program: the door's and the desk's at their end, the judge's
# and the vault's when nobody is being served.
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

stack one "auth optional KENMON split=8 debug" "auth requisite PASSWORD" "auth required KENMON debug" \
    "account required KENMON debug" "session required KENMON debug"
stack loud "auth requisite PASSWORD" "auth required KENMON debug" "account required KENMON debug" "session required KENMON debug"
raw=$(head -c 15 /dev/urandom | base32) # 24 characters, no padding
seed=$(printf '%s%s' "$raw" MNQW4YLS)   # ends in "canar"
now_code() { oathtool --totp -d 8 -b "$seed"; }
next_code() { oathtool --totp -d 8 -N "@$(($(date +%s) + 30))" -b "$seed"; }
# What a program's memory holds at its end goes to a file of its own under $dir/memory.
mkdir -m 0700 "$dir/memory"
install -m 0755 "$BUILD/tests/dump.so" "$dir/bin/"
dumped() { # NAME COMMAND...
	local file
	file=$(mktemp "$dir/memory/$1.XXXXXX")
	shift
	KENMON_DUMP=$file LD_PRELOAD=$dir/bin/dump.so "$@"
}
typed() { # ANSWER...: a login by way of "loud"; what is typed goes to nobody but PAM
	printf '%s\n' "$@" >"$dir/typed"
	dumped door "$dir/bin/login" "$dir/pam.d" "${way:-loud}" daemon authenticate account session <"$dir/typed" 2>&1 |
	    sed 's/^\( *[^:]*: \).*/\1/' >>"$dir/said"
	local rc=${PIPESTATUS[0]}
	rm "$dir/typed"
	return "$rc"
}
desk() { dumped desk kenmon "$@"; }

# All that can be read of another process, written or not, dumpable or not: when nobody is served.
mkdir -m 0700 "$dir/rooms"
moments=0
remember() {
	local room
	[ "$(id -u)" = 0 ] || return 0
	moments=$((moments + 1))
	for room in kenmon-authd kenmon-vault; do
		perl -e '
			open(my $maps, "<", "/proc/$ARGV[0]/maps") and open(my $mem, "<:raw", "/proc/$ARGV[0]/mem") and open(my $out, ">:raw", $ARGV[1]) or die "$!";
			while (<$maps>) {
				my ($from, $to, $mode, $what) = /^(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)/ or next;
				next if $mode !~ /^rw/ or $what =~ /^\[v/;
				for (my $at = hex $from; $at < hex $to; $at += 4096) {
					my $page;
					sysseek($mem, $at, 0) and sysread($mem, $page, 4096) and print $out $page;
				}
			}' "$(room $room)" "$dir/rooms/$room.$moments"
	done
}

# 20 bytes each, for tokens of other kinds.
other=$(head -c 20 /dev/urandom | base32)
canary_number=CANARY$RANDOM$RANDOM canary_name="Kanaria Kanon$RANDOM" canary_department="Aviary$RANDOM$RANDOM"
hotp_of() { oathtool --hotp -d 8 -c "$1" -b "$other"; }

up "the rooms start, as loud as they can be" --debug --journal "$dir/journal"
registers() { desk operator add daemon --employee-number "$canary_number" --name "$canary_name" --department "$canary_department" --uid 1; }
check "somebody with a canary name is registered" quietly registers
first=$(now_code)
enrol() {
	printf '%s\n' "$first" | desk enroll totp daemon --digits 8 --secret-file "$dir/seed" >>"$dir/said" 2>&1 || tail -n 2 "$dir/said"
}
printf '%s\n' "$seed" >"$dir/seed"
check "a canary seed is enrolled with a first code" enrol
remember
rm "$dir/seed"
enrol_other() { desk enroll hotp daemon --digits 8 --secret-file - --no-confirm <<<"$other" >>"$dir/said" 2>&1; }
check "and another from standard input" enrol_other
# A secret that the desk makes and shows, with its QR code: what it showed is not kept.
desk enroll totp daemon --no-confirm --qr always </dev/null >"$dir/shown" 2>&1
shown=$(grep -oE '[A-Z2-7]{4}( [A-Z2-7]{4}){7}' "$dir/shown" | tr -d ' ')
check "and one that the desk makes itself" test ${#shown} = 32
rm "$dir/shown"
desk enroll recovery-codes daemon 2>/dev/null >"$dir/shown"
recovery=$(awk '$1 == "1." { print $2 $3 $4 $5 }' "$dir/shown")
rm "$dir/shown"
check "recovery codes are made" test -n "$recovery"
remember
second=$(next_code)
check "a login with a canary code" typed 'correct horse' "$second"
remember
check "a login with a canary recovery code" typed 'correct horse' "$recovery"
remember
counted=$(hotp_of 0)
check "a login with a canary code of a counter" typed 'correct horse' "$counted"
remember
one_field=$(hotp_of 1)
way=one check "a login with password and code in one field" typed "correct horse$one_field"
remember
gives_up() { typed 'correct horse' || true; } # nothing more comes: the conversation fails
gives_up
wrong_password=Canary-Pa55word-$RANDOM$RANDOM
wrong_code=7$(printf '%07d' $((RANDOM * 300 + RANDOM)))
wrong_recovery=CANARYCANARY$(head -c 5 /dev/urandom | base32 | head -c 4)
typed "$wrong_password" 123456
typed 'correct horse' "$wrong_code"
remember
typed 'correct horse' "$wrong_recovery"
typed 'correct horse' "$wrong_password"
typed 'correct horse' "$second"
desk unlock daemon >>"$dir/said" 2>&1
resync=$(hotp_of 30) resync_next=$(hotp_of 31)
resyncs() { printf '%s\n' "$resync" "$resync_next" | desk resync daemon 2 >>"$dir/said" 2>&1; }
check "a token is resynchronised with two canary codes" resyncs
remember
desk operator suspend daemon --reason "for a test" >>"$dir/said" 2>&1
typed 'correct horse' "$second"
desk operator resume daemon >>"$dir/said" 2>&1
# Names are shown to who asks for them; they are kept nowhere.
{ desk operator list; desk operator show daemon; } >"$dir/shown" 2>&1
shows() { grep -qF "$canary_name" "$dir/shown"; }
check "the desk shows the name" shows
rm "$dir/shown"
remember
{ desk audit list; desk audit list --json; desk audit verify; desk credential list daemon --json; desk status; } >>"$dir/said" 2>&1
copy() { cp "$state/vault/vault.db-wal" "$dir/wal"; }
check "a copy of the log of the database is kept from before the stop" copy
heard+=" $dir/wal"
remember

# find FORM...: which files hold it. Each secret in the forms that a program could print it in.
search() {
	perl -MFile::Find -MMIME::Base64 -e '
		my ($seeds, @texts) = split /\n/, do { local $/; <STDIN> };
		my (%form, %value);
		@value{"A".."Z", 2..7} = (0..31);
		for my $base32 (split / /, $seeds) {
			my ($bits, $n) = ("", "seed " . substr($base32, 0, 4));
			$bits .= sprintf("%05b", $value{$_}) for split //, $base32;
			my $raw = pack("B*", $bits);
			(my $groups = $base32) =~ s/(....)(?=.)/$1 /g;
			%form = (%form, "$n, bytes" => $raw, "$n, hex" => unpack("H*", $raw), "$n, HEX" => uc unpack("H*", $raw),
				"$n, base32" => $base32, "$n, small base32" => lc $base32, "$n, base64" => encode_base64($raw, ""),
				"$n, in groups" => $groups, "$n, its beginning" => substr($raw, 0, 10),
				"$n, half of it" => substr($base32, 8, 16),
				"$n, percent" => join("", map { sprintf "%%%02X", ord } split //, $raw));
		}
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
		$seed $other $shown
		$first
		$second
		$counted
		$one_field
		$resync
		$resync_next
		$recovery
		$wrong_password
		$wrong_code
		$wrong_recovery
		correct horse
		${names[0]-correct horse}
		${names[1]-correct horse}
		${names[2]-correct horse}
	SECRETS
}
names=()
# shellcheck disable=SC2086
nowhere() { search $heard; }
check "with the rooms running no file, log or record holds any of them (C17)" nowhere
names=("$canary_number" "$canary_name" "$canary_department")
check "nor a name, a number, a department of a person" nowhere

# --- memory ------------------------------------------------------------------------------
at_the_end() {
	local count
	count=$(find "$dir/memory" -name 'door.*' -size +100k | wc -l)
	[ "$count" -ge 9 ] || echo "only $count logins left their memory"
	count=$(find "$dir/memory" -name 'desk.*' -size +100k | wc -l)
	[ "$count" -ge 15 ] || echo "only $count desks left their memory"
	names=() # they know whom they serve
	search "$dir/memory"
}
check "no secret is in the memory of a door or a desk when it has ended (C17)" at_the_end
rooms_after_use() {
	local count
	count=$(find "$dir/rooms" -type f -size +100k | wc -l)
	[ "$count" = $((2 * moments)) ] || echo "the rooms' memory was read $count times, and not twice at $moments moments"
	search "$dir/rooms"
}
if [ "$(id -u)" = 0 ]; then
	check "no secret and no name is in the memory of judge and vault after use (C17)" rooms_after_use
else
	skip "no secret and no name is in the memory of judge and vault after use (C17)" "needs root"
fi
# The KEK stays in use, and its schedule in memory (docs/STORAGE.md); what opened it does not.
master_gone() {
	perl -e '
		open(my $k, "<:raw", shift) or die "$!";
		my $key = do { local $/; <$k> };
		length $key == 32 or print "the key file holds " . length($key) . " bytes\n";
		for my $file (@ARGV) {
			open(my $f, "<:raw", $file) or die "$!";
			my $all = do { local $/; <$f> };
			for my $at (0, 8, 16) { print "$at: in $file\n" if index($all, substr($key, $at, 16)) >= 0; }
		}' "$state/vault/master.key" "$dir"/rooms/*
}
if [ "$(id -u)" = 0 ]; then
	check "the master key is in no memory after the start" master_gone
else
	skip "the master key is in no memory after the start" "needs root"
fi
names=("$canary_number" "$canary_name" "$canary_department")
house_down
check "nor with the rooms stopped (C17)" nowhere
kept() { grep -q KENMON_EVENT=login-allowed "$dir/journal.log" || echo "the journal heard nothing"; }
check "the journal did hear of the logins" kept
if [ "$(id -u)" = 0 ]; then
	loud() { grep -q . "$dir/syslog.log" || echo "syslog heard nothing"; }
	check "and syslog of the module" loud
fi
# --- cores -------------------------------------------------------------------------------
# A room that dies of a signal leaves none, whatever the limit; another program does here.
mkdir "$dir/cores"
cores() { find "$dir/cores" -type f; }
# Why no program here leaves a core, as far as it is not our doing.
unseen() {
	[ "$(cut -c 1 /proc/sys/kernel/core_pattern)" != '|' ] || echo "cores go to a program here"
	# sudo sets the limit to 0, and root may not be allowed to lift it.
	(ulimit -c unlimited) 2>/dev/null || echo "whoever started this has forbidden cores"
}
abort_all() {
	(
		cd "$dir/cores" || exit
		ulimit -c unlimited 2>/dev/null
		{ sh -c 'kill -ABRT $$'; } 2>/dev/null
		[ -n "$(cores)" ] || [ -n "$(unseen)" ] || echo "nothing leaves a core here"
		rm -f core*
		house_up --debug >"$dir/up" || cat "$dir/up"
		for room in kenmon-vault kenmon-authd; do
			pid=$(room $room)
			kill -ABRT "$pid"
			gone() { ! kill -0 "$pid"; }
			soon gone || echo "$room did not die"
		done
		house_down
	)
	cores
}
unseen | sed 's/.*/# &: none could be seen/'
check "a room that is aborted leaves no core (C17)" abort_all

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
