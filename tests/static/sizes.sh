#!/bin/bash
# Files and functions stay small.
. "$(dirname "$0")/tap.bash"
check "files are under 500 lines, functions within limits" tests/measure --check
plan
