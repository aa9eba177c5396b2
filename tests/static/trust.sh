#!/bin/bash
# docs/TRUST.md says nothing for which there is no test, and secrets only go in.
. "$(dirname "$0")/tap.bash"

# The quotes are Markdown's.
# shellcheck disable=SC2016
named() {
	grep -oE '`test_[A-Za-z0-9_]+`' docs/TRUST.md | tr -d '`' | sort -u
}
tests_are_there() {
	local name
	named | while read -r name; do
		grep -rqE "^(static void |[A-Z_]+\()?$name\\b" tests --include='test_*.c' || echo "$name is nowhere"
	done
}
# shellcheck disable=SC2016
files_are_there() {
	local name
	grep -oE '`(tests|authd|docs)/[A-Za-z0-9_./]+`' docs/TRUST.md | tr -d '`' | sort -u | while read -r name; do
		[ -e "$name" ] || echo "$name is not there"
	done
}
enough() {
	[ "$(named | wc -l)" -ge 30 ] || named
}
linked() {
	grep -l 'TRUST\.md' README.md docs/ARCHITECTURE.md | wc -l | grep -qx 2 || echo "not linked from both"
}
# Messages by who sends them; a field of a secret belongs to the message above it.
secrets_of_the_vault() {
	awk -F'[(, ]+' '
	/^KM_MESSAGE\(/ { from = $5; name = $2 }
	/^KM_FIELD\(/ && $3 == "SECRET" { print from, name }' include/kenmon/messages.def
}
only_inwards() {
	! secrets_of_the_vault | grep VAULT | grep -vx "VAULT ORDER"
}
counted() {
	[ "$(secrets_of_the_vault | wc -l)" -ge 4 ] || secrets_of_the_vault
}

check "every test that it names is there" tests_are_there
check "every file that it names is there" files_are_there
check "it names many" enough
check "README and ARCHITECTURE lead to it" linked
check "no message of the vault's has a field for a secret, but what a telephone is to be told" only_inwards
check "the search for such fields finds those that go in" counted
plan
