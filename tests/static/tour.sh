#!/bin/bash
# The tour shows its commands as they can be pasted into a shell.
. "$(dirname "$0")/tap.bash"

eval "$(sed -n '/^as_typed()/,/^}/p' tests/try)"
dir=/tmp/tour
# shellcheck disable=SC2034,SC2154 # DIR is what the shown command has; words is set by it
pastes() {
	local DIR=$dir words
	eval "words=($(as_typed "$@"))" || return
	[ "$(printf '<%s>' "${words[@]}")" = "$(printf '<%s>' "$@")" ] || as_typed "$@"
}
is_plain() { [ "$(as_typed "$@")" = "$*" ] || as_typed "$@"; }

check "a name with a space is one word" pastes kenmon operator add tanaka --name "田中 花子"
# shellcheck disable=SC2016
check "so is a word with any sign of a shell in it" pastes a 'b;c' '$x' '*' "it's" '"' '(d)' 'e&f' '' '~' '#g' '`h`' 'i\j' '!k'
check "a file in the folder is named by DIR" pastes kenmon roster apply "$dir/roster.csv" --config "$dir/kenmon.conf" "$dir/a b"
check "a plain command has no quotation marks" is_plain kenmon operator add tanaka --employee-number K-1047 --department 国保年金課
check "every command that is shown is shown so" grep -qE '^[[:space:]]*say "    \\\$ \$\(as_typed' tests/try
plan
