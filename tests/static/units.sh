#!/bin/bash
# The systemd units are well formed, as confined as we say, and the files
# beside them agree with them.
. "$(dirname "$0")/tap.bash"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# The units as they would be installed, but for the place of the programs.
# Documentation= is looked at below: here it would need man and our pages.
for unit in systemd/*.service systemd/*.socket systemd/*.timer systemd/*.path; do
	sed "s|/usr/libexec/kenmon/|$PWD/$BUILD/|; s|/usr/bin/kenmon |$PWD/$BUILD/kenmon |; /^Documentation=/d" "$unit" >"$dir/${unit##*/}"
done

verify() {
	(cd "$dir" && SYSTEMD_UNIT_PATH="$dir:" SYSTEMD_LOG_LEVEL=warning \
	    systemd-analyze verify --man=no ./*.service ./*.socket ./*.timer ./*.path)
}
exposure() {
	(cd "$dir" && systemd-analyze security --offline=yes --threshold=20 "./$1" >"$dir/out" 2>&1) || tail -n 3 "$dir/out"
}
# Lines that a room cannot do without, or must not have; see the units.
has() {
	grep -qxF -- "$2" "systemd/$1" || echo "$1 lacks $2"
}
lacks() {
	! grep -n "^$2" "systemd/$1"
}
documented() {
	local page name
	sed -n 's/^Documentation=//p' systemd/*.service systemd/*.socket systemd/*.path | tr ' ' '\n' | sort -u | while read -r page; do
		name=${page#man:} name=${name%)}
		[ -f "docs/man/${name/\(/.}" ] || echo "$page: no docs/man/${name/\(/.}"
	done
}
users_made() {
	local user
	sed -n 's/^\(User\|Group\|SocketUser\|SocketGroup\)=//p' systemd/*.service systemd/*.socket | sort -u | while read -r user; do
		[ "$user" = root ] || grep -qE "^u $user +- " systemd/sysusers.d/kenmon.conf || echo "sysusers.d does not make $user"
	done
}
sysusers() {
	mkdir -p "$dir/root/etc"
	systemd-sysusers --root="$dir/root" "$PWD/systemd/sysusers.d/kenmon.conf" >"$dir/out" 2>&1 || cat "$dir/out"
	cut -d: -f1 "$dir/root/etc/group" | grep -qx kenmon-exempt || echo "no group kenmon-exempt"
}
only_devices() {
	diff <(grep -hE '^(DevicePolicy|DeviceAllow)=' systemd/kenmon-sensor.service) - <<-'END'
		DevicePolicy=closed
		DeviceAllow=char-usb_device rw
	END
}
# Of the list that libfprint's package brings, up to the readers that it knows and cannot use.
readers_marked() {
	local list=/lib/udev/hwdb.d/60-autosuspend-libfprint-2.hwdb
	grep -q '^usb:' $list || echo "$list has no reader"
	sed '/^# Known unsupported/q' $list | awk -v RS= '
	/\nusb:/ && !(/\n ID_AUTOSUSPEND=1/ && /\n ID_PERSIST=0/) { print "not marked: " $0 }'
	grep -q 'ENV{ID_AUTOSUSPEND}=="1", ENV{ID_PERSIST}=="0", GROUP="kenmon-sensor"' systemd/70-kenmon-sensor.rules ||
	    echo "the rule does not go by these properties"
}
options_known() {
	local program option
	for program in kenmon-authd kenmon-vault kenmon-sensor kenmon-matcher kenmon-courier; do
		sed -e ':a' -e '/\\$/{N;s/\\\n//;ba}' systemd/*.service | sed -n "s|^ExecStart=.*/$program ||p" | tr ' ' '\n' | grep -- '^--' | sort -u |
		    while read -r option; do
			"$BUILD/$program" --help 2>&1 | grep -qw -- "$option" || echo "$program does not know $option"
		done
	done
}

# It speaks to the vault at its own socket, and of what other rooms keep it sees nothing.
others_are_hidden() {
	local path
	{
		sed -n 's/^ListenSequentialPacket=//p' systemd/*.socket | grep -vx /run/kenmon/order.sock
		sed -n 's/^StateDirectory=//p' systemd/*.service | tr ' ' '\n' | sed 's|^|/var/lib/|'
	} | sort -u >"$dir/others"
	[ "$(wc -l <"$dir/others")" -ge 9 ] || echo "only $(cat "$dir/others")"
	while read -r path; do
		sed -n 's/^InaccessiblePaths=//p' "systemd/$1" | tr ' ' '\n' | grep -qxF -- "-$path" || echo "$1 does not hide $path"
	done <"$dir/others"
}

check "systemd-analyze verify has nothing to say" verify
for room in kenmon-authd kenmon-vault kenmon-setup kenmon-sensor kenmon-matcher kenmon-roster kenmon-roster-setup; do
	check "$room is exposed to at most 2.0 of 10" exposure $room.service
	check "$room leaves no core file" has $room.service LimitCORE=0
	check "$room has no capability" has $room.service CapabilityBoundingSet=
	check "$room cannot reach a network" has $room.service PrivateNetwork=yes
	check "$room sees callers with their own uid" lacks $room.service PrivateUsers=
done
for room in kenmon-authd kenmon-vault kenmon-sensor kenmon-matcher; do
	check "$room is started again however often it fails" has $room.service StartLimitIntervalSec=0
	check "the socket of $room never stays failed" has $room.socket TriggerLimitIntervalSec=0
done
check "kenmon-courier, which needs a network, is exposed to at most 2.0 of 10 all the same" exposure kenmon-courier.service
check "kenmon-courier leaves no core file" has kenmon-courier.service LimitCORE=0
check "kenmon-courier has no capability" has kenmon-courier.service CapabilityBoundingSet=
check "kenmon-courier sees the vault with its own uid" lacks kenmon-courier.service PrivateUsers=
check "kenmon-courier has no device" has kenmon-courier.service DevicePolicy=closed
check "and sees none" has kenmon-courier.service PrivateDevices=yes
check "kenmon-courier reaches no other socket of the rooms, and nothing that they keep" others_are_hidden kenmon-courier.service
check "kenmon-courier is started again however often it fails" has kenmon-courier.service StartLimitIntervalSec=0
check "only the courier may be given orders" has kenmon-order.socket SocketMode=0600
check "and that is the courier's user" has kenmon-order.socket SocketUser=kenmon-courier
check "where it comes to belongs to the vault" has kenmon-order.socket Service=kenmon-vault.service
check "that socket never stays failed" has kenmon-order.socket TriggerLimitIntervalSec=0
check "a judge that stands still is started again" has kenmon-authd.service WatchdogSec=30
check "the judge can find the session of a caller" has kenmon-authd.service ProtectProc=default
check "everybody may ask the judge" has kenmon-authd.socket SocketMode=0666
check "only the judge may ask the vault" has kenmon-vault.socket SocketMode=0600
check "that is the judge's user" has kenmon-vault.socket SocketUser=kenmon-judge
check "only the judge may ask the sensor" has kenmon-sensor.socket SocketMode=0600
check "and that is the judge's user" has kenmon-sensor.socket SocketUser=kenmon-judge
check "only the sensor may bring probes to the matcher" has kenmon-matcher.socket SocketMode=0600
check "and that is the sensor's user" has kenmon-matcher.socket SocketUser=kenmon-sensor
check "only the matcher may be lent templates" has kenmon-grant.socket SocketMode=0600
check "and that is the matcher's user" has kenmon-grant.socket SocketUser=kenmon-matcher
check "where it comes to belongs to the vault" has kenmon-grant.socket Service=kenmon-vault.service
check "the vault has all its sockets however it is started" has kenmon-vault.service "Sockets=kenmon-vault.socket kenmon-grant.socket kenmon-order.socket"
check "that socket never stays failed either" has kenmon-grant.socket TriggerLimitIntervalSec=0
check "the sensor is started by its socket alone" lacks kenmon-sensor.service WantedBy=
check "of devices the sensor has those at USB" only_devices
check "each reader that libfprint lists has the properties by which udev gives it to the sensor" readers_marked
# The drop folder: each its own user, and where no name can be put in the place of ours.
drop_folder() {
	grep -qE '^d /var/spool/kenmon-roster +3770 kenmon-roster kenmon-roster ' systemd/tmpfiles.d/kenmon.conf || echo "the folder"
	grep -qE '^d /var/spool/kenmon-roster/done +0700 kenmon-roster kenmon-roster 30d' systemd/tmpfiles.d/kenmon.conf || echo "done"
	grep -qE '^d /var/spool/kenmon-roster/refused +0700 kenmon-roster kenmon-roster 30d' systemd/tmpfiles.d/kenmon.conf || echo "refused"
}
# What the setup step writes is what the vault reads.
roster_uid() {
	local line uid=4711
	line=$(sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba}' systemd/kenmon-roster-setup.service | sed -n 's|^ExecStart=/bin/sh -c "\(.*\)"$|\1|p')
	mkdir -p "$dir/conf/kenmon.conf.d"
	line=${line//\/etc\/kenmon/$dir/conf} line=${line//%%/%} line=${line//\$\$/\$} line=${line/\$(id -u kenmon-roster)/$uid}
	: >"$dir/conf/kenmon.conf"
	chmod 0755 "$dir" "$dir/conf" "$dir/conf/kenmon.conf.d"
	/bin/sh -c "$line" || echo "the step failed: $line"
	"$BUILD/kenmon" config check --config "$dir/conf/kenmon.conf" 2>&1 | grep -qx "uid = $uid" ||
	    { echo "the vault would not read it"; cat "$dir"/conf/kenmon.conf.d/*; }
}
check "the drop folder is made so that only its owner moves what is in it" drop_folder
check "the service hands in rosters as its own user" has kenmon-roster.service User=kenmon-roster
check "it writes into the drop folder alone" has kenmon-roster.service ReadWritePaths=/var/spool/kenmon-roster
check "it is tried again when the daemon does not answer" has kenmon-roster.service Restart=on-failure
check "the setup step tells the vault that user's number" roster_uid
check "and may read it from a pipe" has kenmon-roster-setup.service "SystemCallFilter=pipe pipe2"
check "the vault starts after that step" has kenmon-roster-setup.service Before=kenmon-vault.service
check "every user and group of a unit is made by sysusers.d" users_made
check "sysusers.d makes them" sysusers
check "every man page that a unit names is there" documented
check "every option in a unit is one of its program" options_known
check "what ends sessions is exposed to at most 2.0 of 10" exposure kenmon-sessions.service
check "and starts only where the site asks for it" lacks kenmon-sessions.service WantedBy=
# What the service runs: a full copy once a week, then what differs, each once a day.
backups() {
	local line conf=$dir/backups
	line=$(sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba}' systemd/kenmon-backup.service | sed -n 's|^ExecStart=/bin/sh -c "\(.*\)"$|\1|p')
	mkdir -p "$conf"
	# shellcheck disable=SC2016 # for that shell
	printf '#!/bin/sh\necho "$*" >>%s/said\n: >"$2"\n' "$conf" >"$conf/kenmon"
	chmod 0755 "$conf/kenmon"
	line=${line//%%/%} line=${line//\$\$/\$} line=${line//\/usr\/bin\/kenmon/$conf\/kenmon}
	for _ in 1 2 3; do (cd "$conf" && sh -c "$line") || echo "failed: $line"; done
	diff "$conf/said" - <<-END
		backup full-$(date +%G-W%V)
		backup diff-$(date +%F) --since full-$(date +%G-W%V)
	END
}
check "a backup is a full one in each week, then what differs, once a day" backups
check "what makes them is exposed to at most 2.0 of 10" exposure kenmon-backup.service
check "has no capability" has kenmon-backup.service CapabilityBoundingSet=
check "cannot reach a network" has kenmon-backup.service PrivateNetwork=yes
check "writes where backups lie alone" has kenmon-backup.service ReadWritePaths=/var/backups/kenmon
check "where only root looks" grep -qE '^d /var/backups/kenmon +0700 root +root +-$' systemd/tmpfiles.d/kenmon.conf
check "and starts only where the site asks for it" lacks kenmon-backup.service WantedBy=
plan
