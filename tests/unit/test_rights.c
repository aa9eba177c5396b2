/* Who may do what at the desk: every operation, for every kind of caller, in both modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../authd/vault/desk.h"

#define IS(r)     .known = true, .in_group = true, .role = KM_ROLE_##r
#define PROVED(r) IS(r), .proved = true

/* Callers, in the order of the columns below. own: the operation is about themselves. */
static const struct {
	const char *who;
	struct rights_caller c;
	bool own;
} callers[] = {
	{ "root", { .root = true }, false },
	{ "root, naming an approver", { .root = true, .claimed = true, IS(APPROVER) }, false },
	{ "root, with that one's code",
	  { .root = true, .claimed = true, PROVED(APPROVER) },
	  false },
	{ "an operator, about another", { IS(OPERATOR) }, false },
	{ "an operator, about themselves", { IS(OPERATOR) }, true },
	{ "a registrar without a code", { IS(REGISTRAR) }, false },
	{ "a registrar", { PROVED(REGISTRAR) }, false },
	{ "an approver", { PROVED(APPROVER) }, false },
	{ "an auditor", { PROVED(AUDITOR) }, false },
	{ "an officer", { PROVED(OFFICER) }, false },
	{ "a suspended registrar", { PROVED(REGISTRAR), .barred = true }, false },
	{ "a registrar outside the group",
	  { .known = true, .role = KM_ROLE_REGISTRAR, .proved = true },
	  false },
	{ "the drop folder's user", { .roster = true }, false },
	{ "a stranger", { .root = false }, true },
};
#define CALLERS (sizeof callers / sizeof callers[0])

/*
 * What each is told where two persons are needed: - no, p first their code, f by their code, a at
 * their account, r as root, w as the drop folder's user.
 */
static const struct {
	enum km_message_number number;
	bool takes; /* the form that takes access away */
	const char *told;
} matrix[] = {
	/* root, root naming ×2; operator ×2; registrar ×2, approver, auditor, officer; barred ×2;
	   drop folder; stranger */
	{ KM_MSG_OPERATOR_ADD, false, "-p---pf-------" },
	{ KM_MSG_OPERATOR_LIST, false, "-pf--pffff----" },
	{ KM_MSG_OPERATOR_SHOW, false, "-pf-apffff----" },
	{ KM_MSG_OPERATOR_STATE, true, "rpf--pff-f----" },
	{ KM_MSG_OPERATOR_STATE, false, "-p---pf-------" },
	{ KM_MSG_OPERATOR_REBIND, false, "-p---pf-------" },
	{ KM_MSG_OPERATOR_CHANGE, false, "-p---pf-------" },
	{ KM_MSG_ENROL, false,
	  "-p--apf-------" }, /* with an invitation, which the handler asks for */
	{ KM_MSG_ENROL_RECOVERY, false, "-p---pf-------" },
	{ KM_MSG_ENROL_FINGER, false, "-p---pf-------" },
	{ KM_MSG_ENROL_PHONE, false, "-p---pf-------" },
	{ KM_MSG_BYPASS, false, "-p---pf-------" },
	{ KM_MSG_INVITE, false, "-p---pf-------" },
	{ KM_MSG_ACTIVATE, false, "--------------" },
	{ KM_MSG_SENSOR_LIST, false, "rrr--affff----" },
	{ KM_MSG_CREDENTIAL_LIST, false, "-pf-apffff----" },
	{ KM_MSG_CREDENTIAL_REMOVE, false, "-pf--pff-f----" },
	{ KM_MSG_RESYNC, false, "-p---pf-------" },
	{ KM_MSG_UNLOCK, false, "-p---pf-------" },
	{ KM_MSG_ERASE, false, "-p---pf-------" },
	{ KM_MSG_TRANSFER, false, "-p---pf-------" },
	{ KM_MSG_DUE_LIST, false, "-pf--pffff----" },
	{ KM_MSG_DUE_RELEASE, false, "-p---pf-------" },
	{ KM_MSG_CERTIFICATE_LIST, false, "-pf--pffff----" },
	{ KM_MSG_CERTIFICATE_SHOW, false, "-pf--pffff----" },
	{ KM_MSG_LEAVERS, false, "rrr--affff----" },
	{ KM_MSG_IDENTIFY, false, "rrraaaaaaaaa--" },
	{ KM_MSG_APPROVAL_LIST, false, "-pf--pffff----" },
	{ KM_MSG_APPROVAL_SHOW, false, "-pf--pffff----" },
	{ KM_MSG_APPROVAL_DECIDE, true, "-pf--pff------" },
	{ KM_MSG_APPROVAL_DECIDE, false, "-pf----f------" },
	{ KM_MSG_PURPOSE, false, "-p---pf-------" },
	{ KM_MSG_CONSENT, false, "-p---pf-------" },
	{ KM_MSG_CONSENT_WITHDRAW, false, "-p--apf-------" },
	{ KM_MSG_CONSENT_LIST, false, "-pf-apffff----" },
	{ KM_MSG_PURPOSE_SHOW, false, "-pf-apffff----" },
	{ KM_MSG_EXPORT, false, "-p--apf-------" },
	{ KM_MSG_ROSTER_BEGIN, false, "-p---pf-----w-" },
	{ KM_MSG_ROSTER_SLICE, false, "-p---pf-----w-" },
	{ KM_MSG_ROSTER_END, false, "-p---pf-----w-" },
	{ KM_MSG_ROSTER_LIST, false, "-pf--pff----w-" },
	{ KM_MSG_ACCEPT, false, "rpr------f----" },
	{ KM_MSG_AUDIT_LIST, false, "-pf-apffff----" },
	{ KM_MSG_AUDIT_VERIFY, false, "rrr--affff----" },
	{ KM_MSG_AUDIT_ANCHOR, false, "rrr--affff----" },
	{ KM_MSG_STATUS, false, "rrr--affff----" },
	{ KM_MSG_COURIER_TEST, false, "-p---pf--f----" },
	{ KM_MSG_COURIER_STATUS, false, "rrr--affff----" },
	{ KM_MSG_KEY_STATUS, false, "rrr--affff----" },
	{ KM_MSG_KEY_ROTATE, false, "-p-------f----" },
	{ KM_MSG_REVIEW, false, "-p------ff----" },
	{ KM_MSG_REVIEW_SHOW, false, "-pf--pffff----" },
	{ KM_MSG_BACKUP, false, "rpr------f----" },
	{ KM_MSG_BUNDLE, false, "rpr------f----" },
	{ KM_MSG_BUNDLE_GONE, false, "-p-------f----" },
};
#define ROWS (sizeof matrix / sizeof matrix[0])

static char told(const struct operation *o, size_t caller, bool two_persons)
{
	struct rights_caller c = callers[caller].c;

	c.two_persons = two_persons;
	return "-pfarw"[rights_decide(&c, o->flags, o->roles, callers[caller].own)];
}

static const struct operation *row_of(enum km_message_number number, bool takes)
{
	const struct operation *o;

	for (size_t i = 0; (o = operation_at(i)); i++)
		if (o->number == number && ((o->flags & TAKES) != 0) == takes)
			return o;
	fail_msg("%s has no row", km_message_name(number));
	return NULL;
}

static void expect(size_t row, size_t caller, bool two_persons, char wanted)
{
	const struct operation *o = row_of(matrix[row].number, matrix[row].takes);
	char is = told(o, caller, two_persons);

	if (is != wanted)
		fail_msg("%s%s, by %s, %s: %c, not %c", km_message_name(o->number),
			 matrix[row].takes ? " (taking away)" : "", callers[caller].who,
			 two_persons ? "two persons" : "one person", is, wanted);
}

static void test_C34_every_operation_is_authorised_for_every_kind_of_caller(void **state)
{
	(void)state;
	for (size_t row = 0; row < ROWS; row++) {
		assert_int_equal(strlen(matrix[row].told), CALLERS);
		for (size_t caller = 0; caller < CALLERS; caller++)
			expect(row, caller, true, matrix[row].told[caller]);
	}
}

/* Root alone gains by that mode: nobody else's rights depend on it. */
static void test_where_one_person_suffices_root_may_all_but_what_a_request_holds(void **state)
{
	(void)state;
	for (size_t row = 0; row < ROWS; row++) {
		for (size_t caller = 0; caller < CALLERS; caller++) {
			char wanted = matrix[row].told[caller];

			if (caller == 0 && matrix[row].number != KM_MSG_ACTIVATE)
				wanted = 'r';
			expect(row, caller, false, wanted);
		}
	}
}

/* messages.def names phases without their prefix. */
enum {
	GREET,
	REQUEST,
	WORKING,
	ASKED,
	HEARD_NOTHING,
	TALK,
	LINK,
	OPENED,
	JUDGE_LINK,
	OPENING,
	CHECKING,
	DESK_ASKED,
	DESK_TALK,
	SENSOR,
	SENSOR_LINK,
	PROBES,
	GRANTS,
	MATCHER,
	ORDERS,
	COURIER,
	DESK_IDLE = 1 << 24,
};

static const struct {
	unsigned number, phases;
} messages[] = {
#define KM_MESSAGE(NAME, name, number, from, phases, cap) { number, phases },
#define KM_FIELD(name, kind, field, limit)
#define KM_MESSAGE_END(name)
#include <kenmon/messages.def>
#undef KM_MESSAGE
#undef KM_FIELD
#undef KM_MESSAGE_END
};

static size_t lines_of(unsigned number)
{
	size_t n = 0;

	for (size_t row = 0; row < ROWS; row++)
		n += matrix[row].number == number;
	return n;
}

static size_t rows_of(unsigned number)
{
	const struct operation *o;
	size_t n = 0;

	for (size_t i = 0; (o = operation_at(i)); i++)
		n += o->number == number;
	return n;
}

static void test_C34_every_operation_of_the_protocol_has_its_row_and_its_line_above(void **state)
{
	size_t operations = 0;

	(void)state;
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		unsigned number = messages[i].number;
		bool operation = messages[i].phases & DESK_IDLE;

		operations += operation;
		if ((rows_of(number) > 0) != operation || lines_of(number) != rows_of(number))
			fail_msg("%s: %zu rows, %zu lines", km_message_name(number),
				 rows_of(number), lines_of(number));
	}
	assert_in_range(operations, 40, 200);
}

static void test_the_row_of_a_suspension_and_that_of_a_resumption_are_two(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };

	(void)state;
	m.operator_state.state = KM_SUSPENDED;
	assert_false(operation_of(&m)->flags & TWO);
	m.operator_state.state = KM_ACTIVE;
	assert_true(operation_of(&m)->flags & TWO);
	m.operator_state.state = KM_ERASING; /* no such act: never the milder row */
	assert_true(operation_of(&m)->flags & TWO);
}

/* Every act on another person that gives something, or destroys, is filed; none that takes away. */
static void test_acts_on_another_person_need_two(void **state)
{
	static const enum km_message_number two[] = {
		KM_MSG_OPERATOR_ADD, KM_MSG_OPERATOR_REBIND, KM_MSG_OPERATOR_CHANGE,
		KM_MSG_UNLOCK,       KM_MSG_ERASE,           KM_MSG_TRANSFER,
		KM_MSG_DUE_RELEASE,  KM_MSG_COURIER_TEST,
	};
	size_t n = 1; /* resuming, above */
	const struct operation *o;

	(void)state;
	for (size_t i = 0; i < sizeof two / sizeof two[0]; i++)
		assert_true(row_of(two[i], false)->flags & TWO);
	for (size_t i = 0; (o = operation_at(i)); i++) {
		n -= (o->flags & TWO) != 0;
		assert_false((o->flags & TWO) && (o->flags & (TAKES | ROOT | SELF | ROSTER)));
	}
	assert_int_equal(n + sizeof two / sizeof two[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C34_every_operation_is_authorised_for_every_kind_of_caller),
		cmocka_unit_test(
		    test_where_one_person_suffices_root_may_all_but_what_a_request_holds),
		cmocka_unit_test(
		    test_C34_every_operation_of_the_protocol_has_its_row_and_its_line_above),
		cmocka_unit_test(test_the_row_of_a_suspension_and_that_of_a_resumption_are_two),
		cmocka_unit_test(test_acts_on_another_person_need_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
