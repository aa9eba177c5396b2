/*
 * C3, C23 while an operator is changed and a review is signed off: every call that the vault makes
 * fails. Both databases and the trail agree afterwards, and the same operation sent again ends as
 * it should have the first time.
 */
#include <kenmon/people.h>

#include "../../authd/vault/store_internal.h"
#include "calls_office.h"

#define NEW_NAME "Another Name"

static void change(struct world *w)
{
	struct msg_operator_change *m = &new_operation(KM_MSG_OPERATOR_CHANGE)->operator_change;

	TEXT(m->login, "known");
	m->mask = KM_CHANGE_NAME | KM_CHANGE_ROLE | KM_CHANGE_MOBILE;
	TEXT(m->name, NEW_NAME);
	m->role = KM_ROLE_AUDITOR;
	TEXT(m->mobile, "09012345678");
	send_asked(w);
}

/* Is it so in both databases, or in neither? */
static bool changed(struct world *w)
{
	struct km_operator op = calls_operator(w, "known");
	bool in_vault = op.role == KM_ROLE_AUDITOR, named, numbered;
	struct km_person who;

	if (store_person(w->v->store, &op, &who) != KM_OK)
		calls_say("the person cannot be read");
	named = strcmp(who.name, NEW_NAME) == 0;
	numbered = strcmp(who.mobile, "09012345678") == 0;
	if (named != in_vault || numbered != in_vault)
		calls_say("half changed: role %d, name %d, number %d", in_vault, named, numbered);
	return in_vault;
}

static void check_change(struct world *w, bool dry)
{
	bool there = changed(w);

	check_told(dry, there);
	if (calls_records(w, KM_EVENT_OPERATOR_CHANGED) != there)
		calls_say("the trail says otherwise");
	again(w);
	if (!changed(w) || calls_records(w, KM_EVENT_OPERATOR_CHANGED) != 1)
		calls_say("sent again it was not done once");
	(void)calls_everybody_is_whole(w);
}

static void review(struct world *w)
{
	TEXT(new_operation(KM_MSG_REVIEW)->review.note, "seen");
	send_asked(w);
}

static void check_review(struct world *w, bool dry)
{
	struct km_review last = { 0 };
	km_rc rc = store_review_last(w->v->store, &last);

	check_told(dry, rc == KM_OK);
	if (calls_records(w, KM_EVENT_REVIEWED) != (rc == KM_OK))
		calls_say("the trail says otherwise");
	again(w);
	if (calls_records(w, KM_EVENT_REVIEWED) != 1 ||
	    store_review_last(w->v->store, &last) != KM_OK || last.seq == 0)
		calls_say("sent again it was not done once");
}

/* What changed since: three people were registered. */
static unsigned missed;

static void since_review(struct world *w)
{
	new_operation(KM_MSG_REVIEW_SHOW);
	send_asked(w);
	missed = done_ok() && office.rows < CALLS_PEOPLE;
}

static void check_since_review(struct world *w, bool dry)
{
	if (missed)
		calls_say("records are missing, and DONE says OK");
	if (dry && !done_ok())
		calls_say("nothing failed, and no listing");
	open_desk(w);
	since_review(w);
	if (!done_ok() || missed)
		calls_say("afterwards the listing does not work");
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_half_changes_an_operator, prepare, change, check_change)
MATRIX(test_C3_no_failing_call_half_signs_off_a_review, prepare, review, check_review)
MATRIX(test_C3_no_failing_call_hides_a_change_from_a_review, prepare, since_review,
       check_since_review)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_half_changes_an_operator),
		cmocka_unit_test(test_C3_no_failing_call_half_signs_off_a_review),
		cmocka_unit_test(test_C3_no_failing_call_hides_a_change_from_a_review),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
