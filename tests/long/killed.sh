#!/bin/bash
# Kill -9 of a vault at every call of its starts, where `make check` tries a part of them.
build=${BUILD:-build}
KENMON_EVERY=1 CMOCKA_MESSAGE_OUTPUT=TAP exec "$build/tests/system/test_killed_start"
