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
	(cd "$dir" && PATH=$dir/bin:$PATH RUN_AS=$2 LIMIT=2 tests/run) >"$dir/out" 2>&1
	code=$?
	[ "$code" = "$want" ] || echo "exit code $code instead of $want"
	[ "$(tail -n 1 "$dir/out")" = "$3" ] || cat "$dir/out"
}
case_of() { # NAME UID WANT LAST-LINE
	check "$1" runs "$3" "$2" "$4"
	rm -f "$dir"/tests/system/*.sh
}
: >"$dir/tests/skips"
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
a_test bad "$good" 'sleep 5'
case_of "one that does not end" 0 1 "2 passed, 1 failed, 0 skipped"
a_test bad ''
case_of "one that says nothing" 0 1 "0 passed, 1 failed, 0 skipped"

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
