#!/bin/bash
# Each read, write and flush of an erasure fails in its turn, where `make check` tries a part of them.
build=${BUILD:-build}
KENMON_EVERY=1 CMOCKA_MESSAGE_OUTPUT=TAP exec "$build/tests/system/test_failing"
