#!/bin/bash
# Fingers at the desk, with everything real but the finger: the desk's words, the rooms, libfprint
# on its virtual reader, and fingers that nobody has (tests/synth).
. "$(dirname "$0")/house.bash"
synth=$BUILD/tests/synth
# shellcheck disable=SC2154 # house.bash has it
export FP_VIRTUAL_IMAGE=$dir/reader
printf '[sensor]\nallow-virtual = yes\n' >>"$dir/kenmon.conf"

# with_hands COMMANDS ARGUMENT...: kenmon with these arguments, while somebody at the reader does
# what COMMANDS say. In the language $lang.
with_hands() {
	local what=$1 hands rc
	shift
	set -m # in a process group of their own, which ends as a whole
	eval "$what" >/dev/null 2>&1 &
	hands=$!
	set +m
	# shellcheck disable=SC2154 # house.bash has them
	LC_ALL=${lang:-C.UTF-8} timeout 60 "$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" "$@" \
	    >"$dir/out" 2>"$dir/err"
	rc=$?
	kill -- "-$hands" 2>/dev/null # more touches were offered than wanted
	wait "$hands" 2>/dev/null
	return $rc
}
touches() { "$synth" feed "$FP_VIRTUAL_IMAGE" "$@"; } # FINGER IMPRESSION...
too_short() { "$synth" retry "$FP_VIRTUAL_IMAGE" 1; }
unplug() { "$synth" unplug "$FP_VIRTUAL_IMAGE"; }
# What the person was told holds these lines, in this order.
told() {
	local line at=0 found
	for line in "$@"; do
		found=$(tail -n +$((at + 1)) "$dir/err" | grep -nF -m1 -- "$line" | cut -d: -f1)
		[ -n "$found" ] || { echo "not said, or not then: $line"; cat "$dir/err"; return; }
		at=$((at + found))
	done
}
fingers() { kenmon credential list daemon --json | grep -o '"factor":"fingerprint"' | wc -l; }
has_fingers() { [ "$(fingers)" = "$1" ] || kenmon credential list daemon; }
enrolled_records() { kenmon audit list --all --json | grep -c '"factor":"fingerprint"'; }

up "the rooms start"
check "an operator is registered" operator

check "sensor list shows the reader, and that it can be used" says "virtual_image  can be used" kenmon sensor list
check "... as JSON too" says '"usable":true,"state":"reader","driver":"virtual_image"' kenmon sensor list --json

first() {
	with_hands 'too_short; touches 7 1 2 3; touches 9 1; touches 7 4 5 6 7 8' \
	    enroll fingerprint daemon --finger right-index --consent-on-paper || { echo "exit code $?"; cat "$dir/err"; return; }
	told "The consent of daemon on paper is recorded." "Reader: Virtual image device" "Touch the fingerprint reader." \
	    "That was too short." "Impression 1 of 5: Good." "Impression 2 of 5: Good." "Impression 3 of 5: Good." \
	    "Impression 4 of 5: That does not agree with the others." "Impression 5 of 5: Good." \
	    "At least two fingers are recommended"
	grep -qx 'The right index finger of daemon is enrolled.' "$dir/out" || cat "$dir/out"
}
check "a finger is enrolled: each touch is told, and what was no good in words" first
check "credential list names finger and reader" says "right index finger, Virtual image device" kenmon credential list daemon
check "the audit trail names finger and reader" says "factor=fingerprint finger=right-index reader=Virtual" kenmon audit list
check "status counts it" says '"key":"fingers","value":"1"' kenmon status --json

again() {
	fails 1 kenmon enroll fingerprint daemon --finger right-index
	grep -q 'this finger is credential' "$dir/out" || cat "$dir/out"
}
check "the same finger by its name is refused before anybody touches a reader" again
known() {
	with_hands 'touches 7 9' enroll fingerprint daemon --finger left-thumb --json
	[ $? = 1 ] || { cat "$dir/out" "$dir/err"; return; }
	grep -qF '{"error":"EEXIST","message":"This finger is enrolled already. Nothing was stored."' "$dir/out" || cat "$dir/out"
	grep -qF '{"outcome":"enrolled-already"' "$dir/out" || cat "$dir/out"
}
check "the same finger under another name is known, and the enrolment ends" known
check "... and nothing was stored" has_fingers 1

japanese() {
	local lang=ja_JP.UTF-8
	with_hands 'touches 11 1 2 3 4 5 6 7 8' enroll fingerprint daemon --finger left-index --consent-on-paper ||
	    { cat "$dir/err"; return; }
	told "daemon の書面による同意を記録しました。" "指紋リーダーに指を置いてください。" "5 回中 1 回目: 良好です。" "5 回中 5 回目: 良好です。"
	grep -qx 'daemon の左手の人差し指を登録しました。' "$dir/out" || cat "$dir/out"
	! grep -E 'Touch|Impression|recommended' "$dir/err"
}
check "a second finger, in Japanese" japanese
check "... is there" has_fingers 2

unplugged() {
	with_hands 'touches 13 1; unplug' enroll fingerprint daemon --finger right-ring
	[ $? = 69 ] || cat "$dir/out" "$dir/err"
	grep -qE '^kenmon: .*(There is no|cannot be used).*Nothing was stored\.$' "$dir/err" || cat "$dir/err"
}
check "a reader that is unplugged ends it with a sentence" unplugged
check "... and nothing was stored" has_fingers 2

# An enrolment that waits for its second touch; its process is $desk.
touched_once() {
	"$dir/bin/kenmon" --socket "$socket" --daemon-user "$vault_uid" enroll fingerprint daemon --finger right-ring \
	    >"$dir/out" 2>"$dir/err" &
	desk=$!
	touches 13 1 || echo "no reader came"
	soon grep -q 'Impression 1 of 5: Good' "$dir/err" || cat "$dir/err"
}
# ctrl-C between two touches.
stopped() {
	local desk
	touched_once
	kill -INT "$desk"
	wait "$desk"
	[ $? = 1 ] || echo "another exit code"
	[ "$(tail -n 1 "$dir/err")" = 'kenmon: stopped; nothing was stored' ] || cat "$dir/err"
}
check "ctrl-C between two touches says that nothing was stored" stopped
check "... and nothing was" has_fingers 2

# A desk that is killed says nothing, and leaves nothing either.
killed() {
	local desk
	touched_once
	kill -KILL "$desk"
	wait "$desk" 2>/dev/null
	has_fingers 2
}
check "a desk that is killed between two touches leaves nothing" killed

without_matcher() {
	local desk
	touched_once
	kill -KILL "$(room kenmon-matcher)"
	wait "$desk"
	[ $? = 69 ] || echo "another exit code"
	told "the program that compares fingers has ended"
	has_fingers 2
}
check "a matcher that is killed ends it, and nothing is stored" without_matcher

matcher_is_there() { kenmon status | grep -q '^matcher  *connected'; }
third() {
	soon matcher_is_there || kenmon status
	with_hands 'touches 13 1 2 3 4 5 6 7 8 9 10' enroll fingerprint daemon --finger right-ring --impressions 6 --json ||
	    { cat "$dir/out" "$dir/err"; return; }
	grep -qF '"finger":"right-ring","reader":"Virtual image device for debugging","impressions":6,"fingers":3,"steps":[' "$dir/out" ||
	    cat "$dir/out"
}
check "after all that the same finger is enrolled, with six impressions" third
records() { [ "$(enrolled_records)" = 3 ] || kenmon audit list --all; }
check "three fingers are three records" records
check "the last code is not removed from beside the fingers" fails 1 kenmon credential remove daemon 1
check "the trail verifies" verifies

house_down
sed -i 's/allow-virtual = yes/allow-virtual = no/' "$dir/kenmon.conf"
up "the rooms start again, without virtual readers"
nobody_there() {
	kenmon sensor list --json >"$dir/out" 2>&1 # a machine may have a reader of its own
	grep -q '^\[' "$dir/out" || cat "$dir/out"
	! grep -i virtual "$dir/out"
}
check "without allow-virtual no virtual reader is listed" nobody_there
plan
