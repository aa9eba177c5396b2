#!/bin/bash
# kenmon on a machine that systemd has booted: a fresh Debian of this release in
# a container, with what 'make install' puts there and nothing else of ours.
# Root only; fetches the packages of that Debian (about a minute).
. "$(dirname "$0")/../static/tap.bash"

[ "$(id -u)" = 0 ] || { echo "1..0 # SKIP needs root"; exit 0; }
# shellcheck source=/dev/null
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
packages=systemd,systemd-sysv,dbus,libinih1,libsqlite3-0,libssl3,liboath0,libqrencode4,libcsv3,libfprint-2-2,libcurl4,libc-ares2,libre0,udev,libpam-systemd,oathtool,pamtester
[ "$codename" = bookworm ] || packages=${packages/libssl3/libssl3t64} packages=${packages/liboath0/liboath0t64} packages=${packages/libcurl4/libcurl4t64}

tree=$(mktemp -d /var/tmp/kenmon-long-XXXXXX)
trap 'rm -rf --one-file-system "$tree"' EXIT
if ! debootstrap --variant=minbase --include="$packages" "$codename" "$tree/root" >"$tree/log" 2>&1; then
	sed 's/^/# /' "$tree/log"
	echo "Bail out! no Debian to boot"
	exit 1
fi
make --no-print-directory install DESTDIR="$tree/root" >"$tree/log" 2>&1 || { cat "$tree/log"; exit 1; }
cp pam_module/stacks/* "$tree/root/etc/pam.d/"
cp "${BUILD:-build}/tests/synth" "$tree/root/usr/local/bin/" # fingers that nobody has
systemctl --root="$tree/root" enable --quiet kenmon-authd.service kenmon-vault.service \
    kenmon-sensor.socket kenmon-matcher.service kenmon-courier.service kenmon-roster.path

# What is asked of the booted machine. It prints TAP into /root/tap.
cat >"$tree/root/root/probe" <<'PROBE'
#!/bin/bash
exec >/root/tap 2>&1
n=0
check() {
	local name=$1 out rc
	shift
	n=$((n + 1))
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc = 0 ]; then echo "ok $n - $name"; else
		echo "not ok $n - $name"
		printf '%s (status %s)\n' "$out" $rc | sed 's/^/# /'
	fi
}
secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ
# Waits for the next code.
step() {
	local now=$(($(date +%s) / 30))
	while [ $(($(date +%s) / 30)) = $now ]; do sleep 0.2; done
}
# A room that lost the other starts again too.
settled() {
	local i
	for i in {1..50}; do
		sleep 0.2
		runs kenmon-authd kenmon-vault && kenmon status && return
	done
	return 1
}
code() { oathtool --totp -b $secret; }
# login SERVICE TYPED...
login() {
	local service=$1
	shift
	printf '%s\n' "$@" | pamtester "$service" hanako authenticate acct_mgmt open_session close_session
}
refused() { ! "$@"; }
runs() { systemctl is-active --quiet "$@"; }
owner() { [ "$(stat -c '%U %a' "$1")" = "$2" ] || { stat -c '%U %a' "$1"; false; }; }
runs_as() { grep -q "^Uid:.$(id -u "$2")\b" "/proc/$(systemctl show -P MainPID "$1")/status"; }
# confined UNIT: behind the unit's walls the room has put up its own, two filters and Landlock.
confined() {
	local pid
	pid=$(systemctl show -P MainPID "$1")
	grep -q '^NoNewPrivs:.1$' "/proc/$pid/status" && grep -q '^Seccomp:.2$' "/proc/$pid/status" &&
	    grep -q '^CapEff:.0*$' "/proc/$pid/status" && ! journalctl -b -u "$1" | grep -E 'no seccomp|no Landlock|confined'
}
# dropped ROW: a roster with hanako and this row is renamed into the drop folder; it is moved away.
dropped() {
	local i spool=/var/spool/kenmon-roster
	printf '%s\n' employee_number,login,name,department 1,hanako,H,D "$1" >$spool/.part && mv $spool/.part $spool/staff.csv
	for i in {1..50}; do
		sleep 0.2
		[ -e $spool/staff.csv ] || return 0
	done
	systemctl status kenmon-roster.path kenmon-roster.service
	return 1
}
# An editor puts another file in the place of the old one.
replaced() {
	echo '[site]' >/etc/kenmon/kenmon.conf.new && mv /etc/kenmon/kenmon.conf.new /etc/kenmon/kenmon.conf
	systemctl reload kenmon-authd kenmon-vault && sleep 1
	! journalctl -b -u kenmon-authd -u kenmon-vault | grep 'configuration stays'
}
lost_key() {
	systemctl stop --quiet kenmon-authd.socket kenmon-vault.socket kenmon-authd kenmon-vault
	mv /var/lib/kenmon-key/master.key /root/
	systemctl start kenmon-authd.socket kenmon-vault.socket
	refused kenmon status && [ ! -e /var/lib/kenmon-key/master.key ]
}
# Calm: systemd starts the vault again now and then, not as often as it can.
calm() {
	local from
	from=$(date '+%F %T')
	sleep 3
	[ "$(journalctl --since "$from" | wc -l)" -lt 300 ]
}
# A power cut in the middle of the set-up leaves a key and nothing else.
half_set_up() {
	systemctl stop --quiet kenmon-authd.socket kenmon-vault.socket kenmon-authd kenmon-vault
	rm -f /var/lib/kenmon/* /var/lib/kenmon/.[!.]* /var/lib/kenmon-kek/* /var/lib/kenmon-judge/*
	chown -R kenmon-vault: /var/lib/kenmon-key
	systemctl reset-failed
	systemctl start kenmon-authd.socket kenmon-vault.socket
	kenmon status && owner /var/lib/kenmon-key/master.key 'root 600'
}
bad_configuration() {
	echo '[site' >/etc/kenmon/kenmon.conf.d/50-site.conf
	refused systemctl reload "$1"
	local rc=$?
	rm /etc/kenmon/kenmon.conf.d/50-site.conf
	return $rc
}
# A reader that is none, for a machine that has none: what kenmon-sensor(8) says of tests.
virtual_reader() {
	mkdir -p /etc/systemd/system/kenmon-sensor.service.d
	printf '[sensor]\nallow-virtual = yes\n[local]\nservices = two\n' >/etc/kenmon/kenmon.conf.d/60-reader.conf
	printf '[Service]\nUnsetEnvironment=\nRuntimeDirectory=kenmon-reader\nEnvironment=FP_VIRTUAL_IMAGE=%s\nExecStart=\n' \
	    $reader >/etc/systemd/system/kenmon-sensor.service.d/virtual.conf
	systemctl show -P ExecStart kenmon-sensor | sed -n 's/.*argv\[\]=\([^;]*\) ;.*/ExecStart=\1 --idle 3/p' \
	    >>/etc/systemd/system/kenmon-sensor.service.d/virtual.conf
	systemctl daemon-reload && systemctl stop --quiet kenmon-sensor 2>/dev/null
	systemctl reload kenmon-authd kenmon-vault
}
reader=/run/kenmon-reader/image
# with_finger "FINGER IMPRESSION..." COMMAND...: while somebody touches the reader with it.
with_finger() {
	local touches=$1 rc
	shift
	# shellcheck disable=SC2086
	synth feed $reader $touches >/root/touches 2>&1 &
	"$@"
	rc=$?
	kill $! 2>/dev/null
	[ $rc = 0 ] || cat /root/touches
	return $rc
}
gone() {
	local i
	for i in {1..100}; do
		runs kenmon-sensor || return 0
		sleep 0.2
	done
	return 1
}
found_key() {
	systemctl stop --quiet kenmon-authd.socket kenmon-vault.socket kenmon-authd kenmon-vault kenmon-setup
	mv /root/master.key /var/lib/kenmon-key/
	systemctl reset-failed
	systemctl start kenmon-authd.socket kenmon-vault.socket
	kenmon audit verify
}

systemctl is-system-running --wait >/dev/null
useradd -m hanako && echo hanako:geheim | chpasswd
printf '@include common-auth\n@include common-account\n@include kenmon\n@include common-session\n' >/etc/pam.d/two
printf '@include kenmon-one-field\n' >/etc/pam.d/one

check "judge and vault run after the boot" runs kenmon-authd kenmon-vault
check "the judge is a user of its own" runs_as kenmon-authd kenmon-judge
check "so is the vault" runs_as kenmon-vault kenmon-vault
check "the judge has put up its walls" confined kenmon-authd
check "so has the vault" confined kenmon-vault
check "the setup has made the key, and it is root's alone" owner /var/lib/kenmon-key/master.key 'root 600'
check "nobody else enters the folder of the key" owner /var/lib/kenmon-key 'root 700'
check "the databases are the vault's" owner /var/lib/kenmon/vault.db 'kenmon-vault 600'
check "everybody reaches the judge" owner /run/kenmon/authd.sock 'root 666'
check "only the judge reaches the vault" owner /run/kenmon/vault.sock 'kenmon-judge 600'
check "an operator is registered" kenmon operator add hanako --employee-number 1 --name H --department D
check "a factor is enrolled" bash -c "echo $secret | kenmon enroll totp hanako --secret-file - --no-confirm"
check "password and code log in" login two geheim "$(code)"
check "the same code does not" refused login two geheim "$(code)"
step
check "a wrong password with a right code does not" refused login two falsch "$(code)"
check "one field takes both" login one "geheim$(code)"
check "the password alone does not do in one field" refused login one geheim
gpasswd -a hanako kenmon-exempt >/dev/null
check "who is exempt logs in by the password alone" login two geheim
check "in one field too" login one geheim
check "with a wrong password nobody does" refused login one falsch
gpasswd -d hanako kenmon-exempt >/dev/null
check "another user may not administrate" refused setpriv --reuid=hanako --regid=hanako --clear-groups kenmon operator list
check "the matcher runs after the boot, as a user of its own" runs_as kenmon-matcher kenmon-matcher
check "and has put up its walls" confined kenmon-matcher
check "the sensor does not run: nobody has asked for a finger" refused runs kenmon-sensor
check "only the judge reaches the sensor" owner /run/kenmon/sensor.sock 'kenmon-judge 600'
check "only the sensor brings the matcher what it took" owner /run/kenmon/probe.sock 'kenmon-sensor 600'
check "only the matcher is lent templates" owner /run/kenmon/grant.sock 'kenmon-matcher 600'
check "the courier runs after the boot, as a user of its own" runs_as kenmon-courier kenmon-courier
check "and has put up its walls" confined kenmon-courier
check "only the courier is given orders" owner /run/kenmon/order.sock 'kenmon-courier 600'
check "there is no reader, and sensor list says so" bash -c '! kenmon sensor list 2>&1 | grep "can be used"'
check "a virtual reader is allowed" virtual_reader
check "and is found" bash -c 'kenmon sensor list | grep "can be used"'
check "the sensor was started for that, as a user of its own" runs_as kenmon-sensor kenmon-sensor
check "and has put up its walls" confined kenmon-sensor
check "a finger is enrolled" with_finger "7 1 2 3 4 5 6 7 8" kenmon enroll fingerprint hanako --finger right-index --consent-on-paper
check "password and finger log in" with_finger "7 9" login two geheim ''
check "another finger does not" refused with_finger "9 1 2 3" login two geheim '' '' ''
check "the audit trail says which finger it was" bash -c 'kenmon audit list | grep login-allowed | grep factor=fingerprint'
systemctl kill -s KILL kenmon-sensor kenmon-matcher && sleep 1
check "killed, sensor and matcher are back for the next finger" with_finger "7 10" login two geheim ''
check "with nothing to do the sensor ends, and that is no failure" gone
check "and is started for the next finger" with_finger "7 11" login two geheim ''
systemctl kill -s KILL kenmon-vault && sleep 0.5 # what was under way is refused
check "a killed vault is back for the next command" kenmon status
systemctl kill -s KILL kenmon-authd && sleep 0.5 # what was under way is refused
check "so is a killed judge" kenmon status
check "both run on" settled
check "both read their configuration again" systemctl reload kenmon-authd kenmon-vault
check "a configuration that is not valid fails the judge's reload" bad_configuration kenmon-authd
check "and the vault's" bad_configuration kenmon-vault
check "and stops neither" runs kenmon-authd kenmon-vault
check "one that an editor has put in the place of the old is read" replaced
systemctl stop --quiet kenmon-authd kenmon-vault 2>/dev/null
check "the sockets start stopped rooms" kenmon status
step
check "and logins go on" login two geheim "$(code)"
knows_the_user() {
	grep -qx "uid = $(id -u kenmon-roster)" /etc/kenmon/kenmon.conf.d/10-roster-uid.conf && return
	ls -la /etc/kenmon/kenmon.conf.d
	systemctl status --no-pager kenmon-roster-setup
	journalctl -b --no-pager -u kenmon-roster-setup
	return 1
}
check "the vault knows the drop folder's user" knows_the_user
check "the drop folder is that user's" owner /var/spool/kenmon-roster 'kenmon-roster 3770'
check "a roster that is dropped is taken" dropped 2,taro,T,D
check "and its people are registered" bash -c 'sleep 1; kenmon operator show taro'
check "with what was said beside it" bash -c 'grep -q "Registered: 1" /var/spool/kenmon-roster/done/*-staff.csv.txt'
check "the next one is taken, too" dropped 2,taro,T,E
check "one that is wrong goes" dropped 3,-jiro,J,D
check "to those that were refused, with the reason" bash -c 'grep -q "line 3, login" /var/spool/kenmon-roster/refused/*-staff.csv.txt'
check "and no unit has failed by it" refused systemctl is-failed --quiet kenmon-roster.service kenmon-roster.path
# A session of taro's, in logind's books, that was opened while he was here.
sits() {
	local i
	useradd -m taro && kenmon operator rebind taro --uid "$(id -u taro)" || return
	printf '%s\n' 'account required pam_permit.so' 'session required pam_systemd.so' >/etc/pam.d/sitting
	systemd-run --quiet --unit=sitting --uid=taro --property=PAMName=sitting sleep 900 || return
	for i in {1..50}; do
		loginctl --no-legend list-sessions | grep -q taro && return
		sleep 0.2
	done
	return 1
}
is_listed() { kenmon sessions list --json | grep "\"uid\":$(id -u taro),"; }
stands_up() {
	local i
	for i in {1..50}; do
		loginctl --no-legend list-sessions | grep -q taro || return 0
		sleep 0.2
	done
	return 1
}
ends_as_configured() {
	printf '[erasure]\nend-sessions = yes\n' >/etc/kenmon/kenmon.conf.d/70-sessions.conf
	systemctl start kenmon-sessions.service && stands_up
}
check "somebody sits at a session" sits
check "whose session is nobody's business while he is here" refused is_listed
check "he is erased" kenmon erase taro --reason left --yes
check "and his live session is listed" is_listed
check "a site that has not asked for it keeps it" bash -c 'systemctl start kenmon-sessions.service; loginctl --no-legend list-sessions | grep taro'
check "one that asks for it ends it" ends_as_configured
check "and nothing is listed any more" refused is_listed
check "the audit trail is unbroken" kenmon audit verify
check "the journal has what the audit trail has" bash -c 'journalctl -b -u kenmon-vault | grep -q login-allowed'
check "no secret is in the journal" refused bash -c "journalctl -b | grep -q -e $secret -e geheim"
check "without its key the vault does not start, and none is made anew" lost_key
check "nor does systemd try it without a pause" calm
check "with its key it does, and nothing is lost" found_key
check "a set-up that was interrupted goes on" half_set_up
echo "1..$n"
kill -RTMIN+4 1
PROBE
chmod +x "$tree/root/root/probe"
cat >"$tree/root/etc/systemd/system/probe.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/root/probe
UNIT
mkdir -p "$tree/root/etc/systemd/system/graphical.target.wants"
ln -s ../probe.service "$tree/root/etc/systemd/system/graphical.target.wants/"
timeout 400 systemd-nspawn --quiet --register=no --keep-unit --boot --directory="$tree/root" \
    --capability=CAP_IPC_LOCK,CAP_SYS_RESOURCE \
    --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' </dev/null >"$tree/log" 2>&1
cat "$tree/root/root/tap" 2>/dev/null || { sed 's/^/# /' "$tree/log"; echo "Bail out! it did not boot"; exit 1; }
