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
# But for the code that the vault itself made, on its way to a telephone.
only_inwards() {
	! secrets_of_the_vault | grep VAULT | grep -vxF 'VAULT ORDER'
}
counted() {
	[ "$(secrets_of_the_vault | wc -l)" -ge 4 ] || secrets_of_the_vault
}

# All that a message can say, in its order: "type name size".
fields_of() {
	awk -F'[(), ]+' -v message="$1" '
	/^KM_FIELD\(/ && $2 == message { print $3, $4, $5 }' include/kenmon/messages.def
}
# A courier hears where a message or a call goes, what it says, and until when: not whose it is,
# where they log in, or from where.
order_says() {
	diff <(fields_of order) - <<-'END'
		U64 order 0
		U8 kind 0
		STR number 16
		SECRET text 256
		U8 keys 0
		U8 lang 0
		I64 until 0
	END
	diff <(fields_of cancel) - <<<'U64 order 0'
}
# Nor is it told anything else: who may hear and who speaks stand in a message's head.
hears_only() {
	sed -n 's/^KM_MESSAGE(\([A-Z_]*\), [a-z_]*, [0-9]*, \([A-Z_ |]*\), \([A-Z_ |]*\), .*/\1 \2,\3/p' include/kenmon/messages.def |
	    grep -E ',(.*\W)?COURIER(\W|$)' | diff - <(printf '%s\n' 'ORDER VAULT,COURIER' 'CANCEL VAULT,COURIER')
}
# Nothing that a gateway or a telephone said has room in it, but for keys.
answer_is_fixed() {
	[ "$(fields_of ordered | wc -l)" -ge 5 ] || echo "ORDERED has no fields"
	fields_of ordered | grep -vE '^(U8|U16|U32|U64|I64) [a-z]+ 0$' | diff - <(echo 'BYTES keys 16')
}

check "every test that it names is there" tests_are_there
check "every file that it names is there" files_are_there
check "it names many" enough
check "README and ARCHITECTURE lead to it" linked
check "no message of the vault's but the courier's order has a field for a secret" only_inwards
check "the search for such fields finds those that go in" counted
check "an order says where to, what and until when, and not whose it is" order_says
check "orders are all that a courier is told" hears_only
check "what a courier answers is numbers and keys, of one size" answer_is_fixed
plan
