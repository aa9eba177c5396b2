#!/bin/bash
# The PAM stacks that we ship cannot let somebody in who should not.
. "$(dirname "$0")/tap.bash"

stacks=(pam_module/stacks/*)

# shellcheck disable=SC2317
lines() {
	grep -HvE '^[[:space:]]*(#|$)' "${stacks[@]}"
}
positive_membership() {
	! lines | grep -E 'notingroup|notinlist'
	lines | grep pam_succeed_if | grep -v 'user ingroup kenmon-exempt$'
}
# After what was left by an exemption, kenmon must be able to refuse.
can_refuse() {
	lines | grep -E ':(auth|account)[[:space:]].*pam_kenmon\.so' | grep -v 'split=' |
	    grep -vE ':(auth|account)[[:space:]]+(required|requisite|\[success=1 default=die\])[[:space:]]'
}
split_is_optional() {
	lines | grep 'split=' | grep -vE ':auth[[:space:]]+optional[[:space:]]'
}
never_sufficient() {
	lines | grep -E 'pam_kenmon' | grep -E 'sufficient|success=(ok|done)|ignore=ignore|default=ignore'
}
known_lines() {
	lines | grep -vE ':(auth|account|password|session)[[:space:]]+([a-z]+|\[[a-z0-9_= ]+\])[[:space:]]+pam_[a-z_]+\.so( |$)'
}
quiet() {
	"$@" || true
}

check "only membership exempts, never the lack of it" quiet positive_membership
check "where kenmon stands it can refuse" quiet can_refuse
check "split= stands under optional only" quiet split_is_optional
check "kenmon is never enough by itself" quiet never_sufficient
check "every line is a line of PAM" quiet known_lines
plan
