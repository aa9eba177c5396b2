#!/bin/bash
# Kill -9 of a vault at every call of its starts and of a restore, where `make check` tries a part
# of them.
build=${BUILD:-build} rc=0
for test in test_killed_start test_killed_restore; do
	KENMON_EVERY=1 CMOCKA_MESSAGE_OUTPUT=TAP "$build/tests/system/$test" || rc=$?
done
exit $rc
