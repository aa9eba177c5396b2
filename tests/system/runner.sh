#!/bin/bash
# tests/run itself: it fails for every way in which a test can fail to pass,
# and, as root, for a test that was skipped.
. "$(dirname "$0")/../static/tap.bash"
dir=$(mktemp -d /tmp/kenmon-runner-XXXXXX) || exit 1
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/tests/system" "$dir/bin"
cp tests/run "$dir/tests/"
# Who we are is what this program says.
printf '#!/bin/bash\necho "$RUN_AS"\n' >"$dir/bin/id"
chmod 0755 "$dir/bin/id"

# a_test NAME TEXT [COMMAND]: a test file that prints the text, then does something.
a_test() {
	printf '#!/bin/bash\nprintf "%%b" %q\n%s\n' "$2" "${3-}" >"$dir/tests/system/$1.sh"
	chmod 0755 "$dir/tests/system/$1.sh"
}
# runs WANT UID LAST-LINE: exit code and last line of tests/run on the test files of this case.
runs() {
	local want=$1 code
	(cd "$dir" && PATH=$dir/bin:$PATH RUN_AS=$2 LIMIT=${limit:-30} env -u BUILD tests/run) >"$dir/out" 2>&1
	code=$?
	[ "$code" = "$want" ] || echo "exit code $code instead of $want"
	[ "$(tail -n 1 "$dir/out")" = "$3" ] || cat "$dir/out"
}
case_of() { # NAME UID WANT LAST-LINE
	check "$1" runs "$3" "$2" "$4"
	rm -rf "$dir"/tests/system/*.sh "$dir/tests/unit" "$dir/build"
}
# a_unit NAME TEXT [COMMAND]: the same as a unit test, which runs beside others, in both builds.
a_unit() {
	local folder
	mkdir -p "$dir"/tests/unit "$dir"/build/{,san/}tests/unit
	: >"$dir/tests/unit/test_$1.c"
	for folder in build build/san; do
		printf '#!/bin/bash\nprintf "%%b" %q\n%s\n' "$2" "${3-}" >"$dir/$folder/tests/unit/test_$1"
		chmod 0755 "$dir/$folder/tests/unit/test_$1"
	done
}
: >"$dir/tests/skips"
: >"$dir/tests/alone"
good='ok 1 - a\nok 2 - b\n1..2\n'

a_test good "$good"
case_of "tests that pass" 0 0 "2 passed, 0 failed, 0 skipped"
case_of "no test at all fails" 0 1 "0 passed, 1 failed, 0 skipped"
a_test good "$good"
a_test bad 'ok 1 - a\nnot ok 2 - b\n1..2\n' 'exit 1'
case_of "one that does not" 0 1 "3 passed, 1 failed, 0 skipped"
a_test bad 'ok 1 - a\nnot ok 2 - b\n1..2\n'
case_of "one that does not, and ends with 0" 0 1 "1 passed, 1 failed, 0 skipped"
a_test bad "$good" 'exit 3'
case_of "all pass and the exit code does not" 0 1 "2 passed, 1 failed, 0 skipped"
a_test bad "$good" 'kill -SEGV $$'
case_of "all pass and then it crashes" 0 1 "2 passed, 1 failed, 0 skipped"
a_test bad 'ok 1 - a\n'
case_of "no plan" 0 1 "1 passed, 1 failed, 0 skipped"
a_test bad '1..3\nok 1 - a\nok 2 - b\n'
case_of "fewer results than planned" 0 1 "2 passed, 1 failed, 0 skipped"
a_test bad '1..1\nok 1 - a\nok 2 - b\n'
case_of "more results than planned" 0 1 "2 passed, 1 failed, 0 skipped"
a_test bad "$good" 'exec sleep 60'
limit=5 case_of "one that does not end" 0 1 "2 passed, 1 failed, 0 skipped"
a_test bad ''
case_of "one that says nothing" 0 1 "0 passed, 1 failed, 0 skipped"

for i in {1..9}; do a_unit "good$i" "$good"; done
case_of "those that run beside each other are all counted" 0 0 "36 passed, 0 failed, 0 skipped"
for i in {1..5}; do a_unit "good$i" "$good"; done
a_unit bad 'ok 1 - a\nnot ok 2 - b\n1..2\n' 'exit 1'
a_unit dead "$good" 'kill -SEGV $$'
case_of "so are those of them that fail" 0 1 "26 passed, 4 failed, 0 skipped"
# The shell that waits for it, as when memory runs out: timeout's parent.
killer='read -r _ _ _ parent _ <"/proc/$PPID/stat"; kill -KILL "$parent"'
for i in {1..5}; do a_unit "good$i" "$good"; done
a_unit lost "$good" "$killer"
case_of "one that nobody saw end is a failure, and all others are counted" 0 1 "24 passed, 2 failed, 0 skipped"
stops() { # whoever stops the run stops what runs beside each other
	local run sleeper='' i
	a_unit slow '' "echo \$\$ >$dir/sleeper; exec sleep 60"
	(cd "$dir" && exec env -u BUILD tests/run unit/test_slow) >"$dir/out" 2>&1 &
	run=$!
	for i in {1..100}; do
		[ -s "$dir/sleeper" ] && break
		sleep 0.05
	done
	read -r sleeper <"$dir/sleeper"
	kill "$run"
	for i in {1..100}; do
		kill -0 "$sleeper" 2>/dev/null || return 0
		sleep 0.05
	done
	echo "what it started still runs"
	kill "$sleeper"
}
check "a run that is stopped leaves nothing running" stops
rm -rf "$dir/tests/unit" "$dir/build"

# Each says that it is there; the one that stands alone looks for the others.
printf 'system/single\twants the machine for itself\n' >"$dir/tests/alone"
for i in {1..4}; do a_test "other$i" "$good" "touch $dir/busy.$i; sleep 0.5; rm $dir/busy.$i"; done
a_test single '' "ls $dir/busy.* >/dev/null 2>&1 && echo 'not ok 1' || echo 'ok 1'; echo 1..1"
case_of "one that tests/alone lists runs with no other beside it" 0 0 "9 passed, 0 failed, 0 skipped"
: >"$dir/tests/alone"
a_test one '' "touch $dir/one; for i in {1..200}; do [ -e $dir/two ] && break; sleep 0.05; done; [ -e $dir/two ] && echo ok 1; echo 1..1"
a_test two '' "touch $dir/two; for i in {1..200}; do [ -e $dir/one ] && break; sleep 0.05; done; [ -e $dir/one ] && echo ok 1; echo 1..1"
case_of "two that it does not list run beside each other" 0 0 "2 passed, 0 failed, 0 skipped"

for entry in 'system/gone\tis there no more' 'system/good  has no tab'; do
	a_test good "$good"
	printf '%b\n' "$entry" >"$dir/tests/alone"
	case_of "an entry of tests/alone that is no test's fails: $entry" 0 1 "2 passed, 1 failed, 0 skipped"
done
: >"$dir/tests/alone"

for skip in 'ok 1 - sshd # SKIP no root\n1..1\n' '1..1\nnot ok 1 # SKIP test_another_uid\n' '1..0 # SKIP needs root\n'; do
	a_test skips "$skip"
	case_of "a skip is a skip for a user: ${skip%%\\n*}" 1000 0 "0 passed, 0 failed, 1 skipped"
	a_test skips "$skip"
	case_of "and a failure for root: ${skip%%\\n*}" 0 1 "0 passed, 1 failed, 0 skipped"
done
printf 'system/skips: swtpm\tno such chip\n' >"$dir/tests/skips"
a_test skips 'ok 1 - swtpm # SKIP none\nok 2 - sshd # SKIP no root\n1..2\n'
case_of "root may skip what tests/skips lists and nothing else" 0 1 "0 passed, 1 failed, 1 skipped"
a_test skips 'ok 1 - swtpm # SKIP none\nok 2 - b\n1..2\n'
case_of "which alone is no failure" 0 0 "1 passed, 0 failed, 1 skipped"
plan
