/* Who has which factors, what changed who may log in, and when that was last reviewed. */
#include "store_box.h"

#include <kenmon/event.h>

static uint64_t enrol_as(struct box *b, const struct km_operator *op, uint8_t factor, bool waiting,
			 int64_t until)
{
	struct km_event_record event = event_of(KM_EVENT_ENROLLED, op->subject);
	struct km_credential c = { .factor = factor,
				   .algorithm = KM_SHA1,
				   .digits = 6,
				   .period = factor == KM_FACTOR_TOTP ? 30 : 0,
				   .waiting = waiting,
				   .until = until };
	struct km_secret seed = { .len = 20 };
	uint64_t id = 0;

	memcpy(c.subject, op->subject, sizeof(c.subject));
	assert_int_equal(store_enrol_otp(b->s, op, &c, &seed, &event, &id), KM_OK);
	return id;
}

static void later(struct box *b, int seconds)
{
	b->now.wall += seconds;
	store_set_now(b->s, &b->now);
}

/* --- factors -------------------------------------------------------------------- */

static void test_a_page_of_operators_gets_what_each_has_and_since_when(void **state)
{
	struct box *b = *state;
	struct km_operator page[4];
	struct km_enrolled has[4];
	size_t count = 0;

	(void)add(b, "alice", "1");
	(void)add(b, "bob", "2");
	(void)add(b, "carol", "3");
	(void)add(b, "dave", "4");
	assert_int_equal(store_operators(b->s, 0, 4, page, &count), KM_OK);
	assert_int_equal(count, 4);
	enrol_finger(b, &page[2], "right-index", "carol's");
	later(b, 100);
	(void)enrol_as(b, &page[0], KM_FACTOR_HOTP, false, 0);
	later(b, 100);
	(void)enrol_as(b, &page[0], KM_FACTOR_TOTP, false, 0);
	(void)enrol_as(b, &page[3], KM_FACTOR_TOTP, false, 0);
	assert_int_equal(store_enrolled(b->s, page, 4, has), KM_OK);
	assert_int_equal(has[0].factors,
			 KM_FACTOR_BIT(KM_FACTOR_HOTP) | KM_FACTOR_BIT(KM_FACTOR_TOTP));
	assert_int_equal(has[0].oldest, BOX_WALL + 100);
	assert_int_equal(has[1].factors, 0);
	assert_int_equal(has[1].oldest, 0);
	assert_int_equal(has[2].factors, KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT));
	assert_int_equal(has[2].oldest, BOX_WALL);
	/* The second half of it alone, and nobody. */
	memset(has, 0xff, sizeof(has));
	assert_int_equal(store_enrolled(b->s, page + 2, 2, has), KM_OK);
	assert_int_equal(has[0].factors, KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT));
	assert_int_equal(has[1].oldest, BOX_WALL + 200);
	assert_int_equal(store_enrolled(b->s, page, 0, has), KM_OK);
}

static void test_a_factor_that_waits_or_has_ended_is_none(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_enrolled has;

	(void)enrol_as(b, &op, KM_FACTOR_HOTP, true, 0);
	assert_int_equal(store_enrolled(b->s, &op, 1, &has), KM_OK);
	assert_int_equal(has.factors, 0);
	(void)enrol_as(b, &op, KM_FACTOR_TOTP, false, BOX_WALL + 60);
	later(b, 60);
	assert_int_equal(store_enrolled(b->s, &op, 1, &has), KM_OK);
	assert_int_equal(has.factors, KM_FACTOR_BIT(KM_FACTOR_TOTP));
	later(b, 1);
	assert_int_equal(store_enrolled(b->s, &op, 1, &has), KM_OK);
	assert_int_equal(has.factors, 0);
	assert_int_equal(has.oldest, 0);
}

static void test_a_factor_that_somebody_else_changed_is_not_shown(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_enrolled has = { .factors = 0 };

	(void)enrol_as(b, &op, KM_FACTOR_TOTP, true, 0);
	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT, "UPDATE credential SET waiting = 0");
	assert_int_equal(store_enrolled(b->s, &op, 1, &has), KM_ECORRUPT);
}

static void test_factors_of_a_page_cost_one_statement(void **state)
{
	struct box *b = *state;
	struct km_operator page[50];
	struct km_enrolled has[50];
	uint64_t before;
	size_t count;

	for (int i = 0; i < 50; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "user%d", i);
		page[i] = add(b, name, name);
		(void)enrol_as(b, &page[i], KM_FACTOR_TOTP, false, 0);
	}
	assert_int_equal(store_operators(b->s, 0, 50, page, &count), KM_OK);
	before = store_work(b->s).statements;
	assert_int_equal(store_enrolled(b->s, page, 50, has), KM_OK);
	assert_int_equal(store_work(b->s).statements, before + 1);
	for (int i = 0; i < 50; i++)
		assert_int_equal(has[i].factors, KM_FACTOR_BIT(KM_FACTOR_TOTP));
}

/* --- the review ------------------------------------------------------------------- */

static void sign(struct box *b)
{
	struct km_event_record e = event_of(KM_EVENT_REVIEWED, NULL);

	assert_int_equal(store_review_sign(b->s, &e), KM_OK);
}

static void test_a_review_is_kept_with_its_time_and_its_record(void **state)
{
	struct box *b = *state;
	struct km_review last = { .seq = 77 };
	struct km_audit_row row;
	size_t count;

	assert_int_equal(store_review_last(b->s, &last), KM_ENOTFOUND);
	assert_int_equal(last.seq, 77);
	(void)add(b, "alice", "1");
	sign(b);
	later(b, 1000);
	sign(b);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(store_review_last(b->s, &last), KM_OK);
	assert_int_equal(last.wall, BOX_WALL + 1000);
	assert_int_equal(last.seq, 3);
	assert_int_equal(store_audit(b->s, 2, NULL, 1, &row, &count), KM_OK);
	assert_int_equal(row.event, KM_EVENT_REVIEWED);
}

static void test_without_an_event_there_is_no_review(void **state)
{
	struct box *b = *state;
	struct km_review last;

	assert_int_equal(store_review_sign(b->s, NULL), KM_EINVAL);
	assert_int_equal(store_review_last(b->s, &last), KM_ENOTFOUND);
}

static void test_a_review_that_somebody_else_wrote_or_took_away_is_noticed(void **state)
{
	struct box *b = *state;
	struct km_review last;

	sign(b);
	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT, "UPDATE meta SET value = zeroblob(16) WHERE key = 'review'");
	assert_int_equal(store_review_last(b->s, &last), KM_ECORRUPT);
	sql(b, DB_VAULT, "DELETE FROM meta WHERE key = 'review'");
	assert_int_equal(store_review_last(b->s, &last), KM_ECORRUPT);
}

/* --- what changed who may log in ---------------------------------------------------- */

static void test_exactly_what_changes_who_may_log_in_is_picked_from_the_trail(void **state)
{
	static const enum km_event rights[] = {
		KM_EVENT_OPERATOR_ADDED,   KM_EVENT_OPERATOR_SUSPENDED, KM_EVENT_OPERATOR_RESUMED,
		KM_EVENT_OPERATOR_REBOUND, KM_EVENT_OPERATOR_CHANGED,   KM_EVENT_OPERATOR_MISSING,
		KM_EVENT_OPERATOR_UNUSED,  KM_EVENT_BYPASS_GIVEN,       KM_EVENT_ERASED,
		KM_EVENT_FOUNDED_ANEW,     KM_EVENT_REVIEWED,
	};
#define RIGHTS (sizeof(rights) / sizeof(*rights))
	static struct km_audit_row row[256];
	struct box *b = *state;
	uint64_t after = 0;
	size_t count = 0, picked = 0;

	for (unsigned e = 1; e < 128; e++) {
		struct km_event_record r = event_of((enum km_event)e, NULL);

		assert_int_equal(store_record(b->s, &r), KM_OK);
	}
	assert_int_equal(store_audit_rights(b->s, &after, 256, row, &count), KM_OK);
	assert_int_equal(after, 127);
	assert_int_equal(count, RIGHTS);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < RIGHTS; k++)
			picked += row[i].event == rights[k];
	assert_int_equal(picked, RIGHTS);
	assert_int_equal(store_audit_rights(b->s, &after, 256, row, &count), KM_OK);
	assert_int_equal(count, 0);
}

static void test_a_long_trail_is_looked_at_in_slices_and_nothing_is_left_out(void **state)
{
	struct km_event_record plain = event_of(KM_EVENT_LOGIN_ALLOWED, NULL),
			       right = event_of(KM_EVENT_OPERATOR_ADDED, NULL);
	struct box *b = *state;
	struct km_audit_row row[10];
	uint64_t after = 0, before;
	unsigned calls = 0, picked = 0;
	size_t count;
	km_rc rc;

	for (int i = 1; i <= 41000; i++)
		assert_int_equal(store_record(b->s, i % 1000 ? &plain : &right), KM_OK);
	do {
		before = after;
		rc = store_audit_rights(b->s, &after, 10, row, &count);
		assert_true(rc == KM_OK || rc == KM_EAGAIN);
		assert_true(after > before);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(row[i].seq, 1000 * ++picked);
		calls++;
	} while (rc == KM_EAGAIN);
	assert_int_equal(picked, 41);
	assert_int_equal(after, 41000);
	assert_true(calls >= 5);
	assert_int_equal(store_audit_rights(b->s, &(uint64_t){ UINT64_MAX }, 10, row, &count),
			 KM_OK);
	assert_int_equal(count, 0);
}

#define REVIEW_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REVIEW_TEST(test_a_page_of_operators_gets_what_each_has_and_since_when),
		REVIEW_TEST(test_a_factor_that_waits_or_has_ended_is_none),
		REVIEW_TEST(test_a_factor_that_somebody_else_changed_is_not_shown),
		REVIEW_TEST(test_factors_of_a_page_cost_one_statement),
		REVIEW_TEST(test_a_review_is_kept_with_its_time_and_its_record),
		REVIEW_TEST(test_without_an_event_there_is_no_review),
		REVIEW_TEST(test_a_review_that_somebody_else_wrote_or_took_away_is_noticed),
		REVIEW_TEST(test_exactly_what_changes_who_may_log_in_is_picked_from_the_trail),
		REVIEW_TEST(test_a_long_trail_is_looked_at_in_slices_and_nothing_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
