/* When seals are made and months destroyed, and when not. */
#include "store_box.h"

#include <kenmon/log.h>

#include "../../authd/vault/vault.h"

struct tended {
	struct box box;
	struct vault v;
};

static int setup(void **state)
{
	struct tended *t = calloc(1, sizeof(*t));

	km_log_open("test", NULL, LOG_EMERG);
	box_open(&t->box);
	t->v.store = t->box.s;
	t->v.keys = t->box.keys;
	t->v.judge = -1;
	t->v.anchored = true;
	t->v.now = t->box.now;
	t->v.now.boot_ms = 1000000;
	km_conf_defaults(&t->v.conf);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct tended *t = *state;

	box_close(&t->box);
	free(t);
	return 0;
}

static void happens(struct tended *t, unsigned records)
{
	store_set_now(t->v.store, &t->v.now);
	for (unsigned i = 0; i < records; i++)
		assert_int_equal(record(&t->box, "n=1"), KM_OK);
	assert_int_equal(store_flush(t->v.store), KM_OK);
}

static int64_t seals(struct tended *t, bool now)
{
	tend_seal(&t->v, now);
	assert_int_equal(store_flush(t->v.store), KM_OK);
	return sql_number(&t->box, DB_VAULT, "SELECT count(*) FROM seal");
}

/* --- seals ----------------------------------------------------------------------------- */

static void test_a_login_pays_for_no_seal_but_each_minute_and_thousand_has_one(void **state)
{
	struct tended *t = *state;

	assert_int_equal(seals(t, true), 0); /* nothing has happened */
	happens(t, 1);
	assert_int_equal(seals(t, false), 1); /* the start */
	happens(t, 999);
	t->v.now.boot_ms += 59999;
	assert_int_equal(seals(t, false), 1);
	t->v.now.boot_ms += 1;
	assert_int_equal(seals(t, false), 2);
	t->v.now.boot_ms += 600000; /* idle: nothing to put one on */
	assert_int_equal(seals(t, false), 2);
	assert_int_equal(seals(t, true), 2);
	happens(t, 1);
	assert_int_equal(seals(t, false), 3);
	happens(t, 999);
	assert_int_equal(seals(t, false), 3);
	happens(t, 1);
	assert_int_equal(seals(t, false), 4);
	happens(t, 1);
	assert_int_equal(seals(t, false), 4);
	assert_int_equal(seals(t, true), 5); /* a stop, a verification */
}

static void test_nothing_is_sealed_while_the_database_may_be_an_older_one(void **state)
{
	struct tended *t = *state;

	happens(t, 2000);
	t->v.suspicion = KM_SUSPECT_ROLLBACK;
	assert_int_equal(seals(t, false), 0);
	assert_int_equal(seals(t, true), 0);
	t->v.suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(seals(t, false), 1);
}

static void
test_nothing_is_sealed_or_destroyed_before_the_judge_has_said_what_it_knows(void **state)
{
	struct tended *t = *state;

	t->v.anchored = false;
	happens(t, 2000);
	assert_int_equal(seals(t, false), 0);
	assert_int_equal(seals(t, true), 0);
	t->v.now.wall += INT64_C(10) * 366 * 86400;
	happens(t, 1);
	tend_months(&t->v);
	assert_false(t->v.erasing);
	t->v.anchored = true;
	assert_int_equal(seals(t, false), 1);
	tend_months(&t->v);
	assert_true(t->v.erasing);
}

static void test_a_seal_that_cannot_be_made_is_not_tried_each_round(void **state)
{
	struct tended *t = *state;

	happens(t, 1);
	sql(&t->box, DB_VAULT, "DELETE FROM signer");
	t->box.s->signer_known = false;
	assert_int_equal(seals(t, false), 0);
	assert_true(t->v.seal_stuck);
	happens(t, 1);
	t->v.seal_stuck = false;
	assert_int_equal(seals(t, false), 0);
	assert_false(t->v.seal_stuck); /* not tried */
	t->v.now.boot_ms += 60000;
	assert_int_equal(seals(t, false), 0);
	assert_true(t->v.seal_stuck);
}

/* The page that holds the seals. */
static void damage_seals(struct tended *t)
{
	static uint8_t garbage[4096];
	int64_t page =
	    sql_number(&t->box, DB_VAULT, "SELECT rootpage FROM sqlite_master WHERE name = 'seal'");
	int fd;

	box_shut(&t->box);
	memset(garbage, 0x5a, sizeof(garbage));
	fd = open(box_path(&t->box, "vault.db"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, garbage, sizeof(garbage), (page - 1) * 4096), 4096);
	close(fd);
	assert_int_equal(box_try(&t->box), KM_OK);
	t->v.store = t->box.s;
	t->v.keys = t->box.keys;
}

static void test_a_damaged_seal_stops_no_login(void **state)
{
	struct tended *t = *state;

	happens(t, 1);
	assert_int_equal(seals(t, true), 1);
	happens(t, 1);
	damage_seals(t);
	for (unsigned i = 0; i < 3; i++) {
		store_set_now(t->v.store, &t->v.now);
		t->v.now.boot_ms += 60000;
		tend_seal(&t->v, false);
		assert_true(t->v.seal_stuck);
		assert_false(store_dirty(t->v.store));
		happens(t, 1);
	}
	/* Nor does it take what stands in the same round with it. */
	assert_int_equal(record(&t->box, "n=2"), KM_OK);
	tend_seal(&t->v, true);
	assert_true(store_dirty(t->v.store));
}

static void test_a_seal_of_no_record_and_a_signer_of_no_key_are_damage(void **state)
{
	struct tended *t = *state;
	struct km_signer g;
	size_t count = 4711;
	uint64_t seq = 4711;
	int64_t wall = 4711;

	happens(t, 1);
	assert_int_equal(seals(t, true), 1);
	assert_int_equal(store_last_seal(t->v.store, &seq, &wall), KM_OK);
	assert_int_equal(seq, 1);
	sql(&t->box, DB_VAULT, "UPDATE seal SET seq = -1; UPDATE signer SET public = x''");
	assert_int_equal(store_last_seal(t->v.store, &seq, &wall), KM_ECORRUPT);
	assert_int_equal(seq, 1);
	assert_int_equal(store_signers(t->v.store, 0, 1, &g, &count), KM_ECORRUPT);
	assert_int_equal(count, 4711);
}

/* --- months ------------------------------------------------------------------------------ */

#define YEAR (366 * 86400)

static int64_t months(struct tended *t)
{
	tend_months(&t->v);
	assert_int_equal(store_flush(t->v.store), KM_OK);
	return sql_number(&t->box, DB_VAULT, "SELECT count(*) FROM month_key");
}

static void ten_years_pass(struct tended *t)
{
	for (unsigned i = 0; i < 10; i++) {
		happens(t, 1);
		t->v.now.wall += YEAR;
	}
	happens(t, 1);
	assert_int_equal(sql_number(&t->box, DB_VAULT, "SELECT count(*) FROM month_key"), 11);
}

static void test_one_month_a_round_goes_and_the_trail_says_so(void **state)
{
	struct tended *t = *state;

	ten_years_pass(t);
	assert_int_equal(months(t), 10);
	assert_true(t->v.erasing); /* the logs, too */
	assert_int_equal(t->v.notes, 1);
	assert_int_equal(t->v.note[0].record.event, KM_EVENT_MONTH_EXPIRED);
	assert_string_equal(t->v.note[0].record.body, "month=2025-06");
}

static void test_seven_years_are_kept_unless_told_otherwise(void **state)
{
	struct tended *t = *state;
	int64_t left;

	ten_years_pass(t);
	for (unsigned i = 0; i < 20; i++)
		left = months(t);
	assert_int_equal(left, 8);
	t->v.conf.audit_keep = 12;
	assert_int_equal(months(t), 8); /* looked at once a minute where there is nothing */
	t->v.now.boot_ms += 60000;
	for (unsigned i = 0; i < 20; i++)
		left = months(t);
	assert_int_equal(left, 2);
}

/* C35. A dead battery, twice; the administrator accepts the clock when it is right again. */
static void test_what_is_written_by_a_clock_that_fell_back_is_kept_as_long(void **state)
{
	struct tended *t = *state;
	int64_t today = t->v.now.wall;

	for (int years = 0; years <= 4; years += 4) {
		t->v.now.wall = today + years * YEAR;
		happens(t, 1);
		t->v.now.wall = 100;
		happens(t, 2);
		t->v.now.wall = today + years * YEAR;
		happens(t, 1);
	}
	assert_int_equal(months(t), 3); /* this one, that of today, and 1970's */
	t->v.now.boot_ms += 60000;
	t->v.now.wall = today + 8 * YEAR;
	happens(t, 1);
	assert_int_equal(months(t), 3); /* today's went, and that of eight years later came */
	assert_int_equal(months(t), 3);
	t->v.now.boot_ms += 60000;
	t->v.now.wall = today + 12 * YEAR;
	happens(t, 1);
	for (unsigned i = 0; i < 3; i++)
		(void)months(t);
	assert_int_equal(
	    sql_number(&t->box, DB_VAULT, "SELECT min(month) > 1970 * 12 FROM month_key"), 1);
}

static void test_zero_keeps_for_ever(void **state)
{
	struct tended *t = *state;

	ten_years_pass(t);
	t->v.conf.audit_keep = 0;
	assert_int_equal(months(t), 11);
	assert_false(t->v.erasing);
}

static void test_C35_no_month_is_destroyed_while_anything_is_in_doubt(void **state)
{
	static const unsigned doubts[] = { KM_SUSPECT_CLOCK, KM_SUSPECT_MACHINE,
					   KM_SUSPECT_ROLLBACK };
	struct tended *t = *state;

	ten_years_pass(t);
	for (size_t i = 0; i < 3; i++) {
		t->v.suspicion = doubts[i];
		assert_int_equal(months(t), 11);
	}
	t->v.suspicion = 0;
	(void)months(t);
	assert_true(t->v.erasing);
}

#define TEND_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEND_TEST(test_a_login_pays_for_no_seal_but_each_minute_and_thousand_has_one),
		TEND_TEST(test_nothing_is_sealed_while_the_database_may_be_an_older_one),
		TEND_TEST(
		    test_nothing_is_sealed_or_destroyed_before_the_judge_has_said_what_it_knows),
		TEND_TEST(test_a_seal_that_cannot_be_made_is_not_tried_each_round),
		TEND_TEST(test_a_damaged_seal_stops_no_login),
		TEND_TEST(test_a_seal_of_no_record_and_a_signer_of_no_key_are_damage),
		TEND_TEST(test_one_month_a_round_goes_and_the_trail_says_so),
		TEND_TEST(test_seven_years_are_kept_unless_told_otherwise),
		TEND_TEST(test_what_is_written_by_a_clock_that_fell_back_is_kept_as_long),
		TEND_TEST(test_zero_keeps_for_ever),
		TEND_TEST(test_C35_no_month_is_destroyed_while_anything_is_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
