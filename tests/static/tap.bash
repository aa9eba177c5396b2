# TAP for the static tests: source this, call check for each, end with plan.
# shellcheck shell=bash
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
export LC_ALL=C
BUILD=${BUILD:-build}
tap_n=0
tap_bad=0

# check NAME COMMAND...: passes when the command succeeds and prints nothing;
# what it prints says what is wrong.
check() {
	local name=${1//#/\\#} out rc # a bare '#' begins a directive
	shift
	tap_n=$((tap_n + 1))
	out=$("$@" 2>&1)
	rc=$?
	if [ $rc = 0 ] && [ -z "$out" ]; then
		echo "ok $tap_n - $name"
	else
		tap_bad=$((tap_bad + 1))
		echo "not ok $tap_n - $name"
		printf '%s (status %s)\n' "$out" $rc | sed 's/^/# /'
	fi
}

skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

plan() {
	echo "1..$tap_n"
	[ $tap_bad = 0 ]
	exit
}

# strip_comments FILE...: C without comments and text in quotes, as file:line: text.
strip_comments() {
	awk '
	FNR == 1 { inside = 0 }
	{
		out = ""; line = $0
		while (line != "") {
			if (inside) {
				i = index(line, "*/")
				if (!i) { line = ""; break }
				line = substr(line, i + 2); inside = 0
			} else if (match(line, /"([^"\\]|\\.)*"|\/\*|\/\/.*/)) {
				out = out substr(line, 1, RSTART - 1)
				what = substr(line, RSTART, 2)
				line = substr(line, RSTART + RLENGTH)
				if (what == "/*") inside = 1
				else if (what != "//") out = out "\"\""
			} else { out = out line; line = "" }
		}
		print FILENAME ":" FNR ": " out
	}' "$@"
}
