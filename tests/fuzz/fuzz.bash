# What the scripts of the fuzzers share: source this.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export LC_ALL=C
FUZZERS=build/fuzz/tests/fuzz
CORPUS=tests/fuzz/corpus

# A folder in memory for everything that a fuzzer writes; gone at the end.
FUZZ_DIR=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)" kenmon-fuzz-XXXXXX) || exit 1
trap 'rm -rf "$FUZZ_DIR"' EXIT
trap 'exit 130' INT TERM
export TMPDIR=$FUZZ_DIR
export ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1

# The names of all targets, or of those that hold one of the words.
fuzz_names() {
	local file name word
	for file in tests/fuzz/fuzz_*.c; do
		name=${file#tests/fuzz/fuzz_} name=${name%.c}
		[ $# -gt 0 ] || echo "$name"
		for word in "$@"; do
			case $name in *"$word"*) echo "$name" && break ;; esac
		done
	done
}

# fuzz_go NAME FOLDER OPTION...: libFuzzer, which keeps what it finds in FOLDER.
fuzz_go() {
	local name=$1 found=$2
	shift 2
	FUZZ_DICTIONARY=$FUZZ_DIR/$name.dict "$FUZZERS/$name" || return
	"$FUZZERS/$name" -dict="$FUZZ_DIR/$name.dict" -print_final_stats=1 -max_len=1500 -rss_limit_mb=4096 \
	    -timeout=60 "$@" "$found" "$CORPUS/$name"
}
