#!/bin/bash
# Every file of a fuzzer's corpus goes through it, and so many mutations of them, always the same
# ones. Seeds in the corpus are what the target makes.
# shellcheck source=tests/fuzz/fuzz.bash
. "$(dirname "$0")/fuzz.bash"
. tests/static/tap.bash

# Mutations by target: a vault's run is a hundred times dearer than a codec's.
declare -A RUNS=([wire]=200000 [phases]=40000 [conf]=10000 [values]=100000 [text]=100000 [door]=50000 [judge]=8000 [vault]=6000 [minutiae]=100000 [copy]=100000 [certificate]=100000 [match]=120 [matcher]=500 [roster]=60000 [voice]=100000 [sms]=40000 [courier]=20000)

go_through() {
	local name=$1 files out rc
	files=$(find "$CORPUS/$name" -type f | wc -l)
	mkdir -p "$FUZZ_DIR/found-$name"
	out=$(fuzz_go "$name" "$FUZZ_DIR/found-$name" -runs="${RUNS[$name]:-1000}" -seed=1 \
	    -artifact_prefix="$FUZZ_DIR/" 2>&1)
	rc=$?
	[ $rc = 0 ] || { echo "$out" | tail -n 60; return 1; }
	grep -q "seed corpus: files: $files " <<<"$out" || echo "not all of the $files files were read"
	grep -q "number_of_executed_units: [1-9]" <<<"$out" || echo "nothing was run"
}

made_by_the_target() {
	mkdir -p "$FUZZ_DIR/seeds-$1"
	FUZZ_SEEDS=$FUZZ_DIR/seeds-$1 "$FUZZERS/$1" || return
	(cd "$FUZZ_DIR/seeds-$1" && sha256sum -- seed-*) >"$FUZZ_DIR/sums" || return
	(cd "$CORPUS/$1" && sha256sum --quiet -c "$FUZZ_DIR/sums" && sha256sum -- seed-*) | diff - "$FUZZ_DIR/sums"
}

small() {
	find "$CORPUS/$1" -type f | awk 'END { if (NR > 160) print NR " files" }'
	du -bs --apparent-size "$CORPUS/$1" | awk '$1 > 220000 { print $1 " bytes" }'
}

# shellcheck disable=SC2119
for name in $(fuzz_names); do
	check "$name: the corpus and ${RUNS[$name]:-1000} runs in all find nothing" go_through "$name"
	check "$name: the seeds are what the target makes (else: make fuzz-seeds)" made_by_the_target "$name"
	check "$name: the corpus is small" small "$name"
done
plan
