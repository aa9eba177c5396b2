/*
 * C35. When a clock is in doubt: steps in both directions, at a start and while the vault runs; a
 * dead RTC; a machine that slept; a leap second; the ends of 31 and of 32 bits. And a machine
 * that is not the one that it was.
 */
#include "store_box.h"

#include "../../authd/vault/vault.h"

#define MINUTE      60
#define HOUR        3600
#define DAY         86400
#define WEEK        (7 * DAY)
#define BUILD_DAY   1700000000          /* where some machines without a battery begin */
#define END_OF_31   INT64_C(0x7fffffff) /* 2038-01-19 03:14:07 */
#define END_OF_32   INT64_C(0xffffffff) /* 2106-02-07 06:28:15 */
#define LEAP_SECOND INT64_C(1483228800) /* 2017-01-01, the last that there was */

struct bench {
	struct box box;
	struct vault *v;
	char machine[200]; /* the file with its id */
};

static void set_machine(struct bench *b, const char *id)
{
	FILE *f = fopen(b->v->machine_id_path, "we");

	assert_non_null(f);
	assert_true(fputs(id, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void record_at_in_doubt(struct bench *b, int64_t wall)
{
	struct km_event_record r;

	b->v->now.wall = wall;
	b->v->before = b->v->now;
	b->v->pace.known = false;
	store_set_now(b->v->store, &b->v->now);
	event_make(&r, KM_EVENT_STARTED, NULL, "vault");
	assert_int_equal(note_record(b->v, &r), KM_OK);
	assert_int_equal(store_flush(b->v->store), KM_OK);
	b->v->notes = 0;
}

/* A vault whose last record is of this time, and which doubts nothing. */
static void record_at(struct bench *b, int64_t wall)
{
	const uint8_t none = 0;

	record_at_in_doubt(b, wall);
	assert_int_equal(store_meta_set(b->v->store, "suspicion", &none, sizeof(none), NULL),
			 KM_OK);
	assert_int_equal(store_flush(b->v->store), KM_OK);
	b->v->suspicion = 0;
}

static bool in_doubt_at_start(struct bench *b, int64_t wall, bool synchronised)
{
	b->v->now.wall = wall;
	b->v->now.synchronised = synchronised;
	store_set_now(b->v->store, &b->v->now);
	assert_int_equal(suspect_start(b->v), KM_OK);
	return b->v->suspicion & KM_SUSPECT_CLOCK;
}

/* One round later, by the clock and by the time since the start of the machine. */
static bool in_doubt_after(struct bench *b, int64_t wall, int64_t boot)
{
	b->v->before = b->v->now;
	b->v->now.wall += wall;
	b->v->now.boot_ms += boot * 1000;
	store_set_now(b->v->store, &b->v->now);
	suspect_clock(b->v);
	return b->v->suspicion & KM_SUSPECT_CLOCK;
}

static void test_a_clock_behind_the_last_record_is_in_doubt_at_a_start(void **state)
{
	static const struct {
		int64_t record, start;
		bool doubt;
	} rows[] = {
		{ BOX_WALL, BOX_WALL - 5 * MINUTE, false },
		{ BOX_WALL, BOX_WALL - 5 * MINUTE - 1, true },
		{ BOX_WALL, BUILD_DAY, true },
		{ BOX_WALL, 0, true },
		{ BOX_WALL, 100, true },
		{ END_OF_31 + HOUR, END_OF_31 - HOUR, true },
		{ END_OF_31 + HOUR, INT32_MIN + HOUR,
		  true }, /* a clock of 32 bits that went round */
		{ END_OF_32 + HOUR, HOUR, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int synchronised = 0; synchronised < 2; synchronised++) {
			record_at(*state, rows[i].record);
			assert_int_equal(in_doubt_at_start(*state, rows[i].start, synchronised),
					 rows[i].doubt);
		}
}

static void test_a_clock_far_ahead_is_in_doubt_at_a_start_unless_somebody_set_it(void **state)
{
	static const struct {
		int64_t record, ahead;
		bool doubt;
	} rows[] = {
		{ BOX_WALL, 0, false },
		{ BOX_WALL, WEEK, false },
		{ BOX_WALL, WEEK + 1, true },
		{ BOX_WALL, 120 * DAY, true },
		{ BOX_WALL, END_OF_32, true },
		{ END_OF_31 - HOUR, 2 * HOUR, false },
		{ END_OF_32 - HOUR, 2 * HOUR, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record_at(*state, rows[i].record);
		assert_int_equal(in_doubt_at_start(*state, rows[i].record + rows[i].ahead, false),
				 rows[i].doubt);
		record_at(*state, rows[i].record);
		assert_false(in_doubt_at_start(*state, rows[i].record + rows[i].ahead, true));
	}
}

static void test_a_first_start_has_nothing_to_compare_with(void **state)
{
	assert_false(in_doubt_at_start(*state, 100, false));
}

static void test_a_step_of_more_than_five_minutes_is_noticed_in_both_directions(void **state)
{
	static const struct {
		int64_t from, wall, boot;
		bool doubt;
	} rows[] = {
		{ BOX_WALL, 1, 1, false },
		{ BOX_WALL, 5 * MINUTE, 0, false },
		{ BOX_WALL, 5 * MINUTE + 1, 0, true },
		{ BOX_WALL, -5 * MINUTE, 0, false },
		{ BOX_WALL, -5 * MINUTE - 1, 0, true },
		{ BOX_WALL, 120 * DAY, 1, true },
		{ 100, BOX_WALL, 1, true }, /* a dead RTC, until the network sets it */
		{ BOX_WALL, -BOX_WALL, 1, true },
		{ BOX_WALL, 8 * HOUR, 8 * HOUR, false }, /* a night asleep */
		{ BOX_WALL, 120 * DAY, 120 * DAY, false },
		{ BOX_WALL, 0, 8 * HOUR, true }, /* asleep, and the clock stood still */
		{ LEAP_SECOND, 0, 1, false },    /* 23:59:59 twice */
		{ END_OF_31, 1, 1, false },
		{ END_OF_31, 2 * HOUR, 1, true },
		{ END_OF_31 + 1, -(INT64_C(1) << 32), 1, true },
		{ END_OF_32, 1, 1, false },
		{ END_OF_32 + 1, -END_OF_32, 1, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		record_at(*state, rows[i].from);
		assert_int_equal(in_doubt_after(*state, rows[i].wall, rows[i].boot), rows[i].doubt);
	}
}

static void test_many_small_steps_are_one_that_is_not(void **state)
{
	struct bench *b = *state;
	int64_t known;

	for (int way = -1; way <= 1; way += 2) {
		record_at(b, BOX_WALL);
		assert_false(in_doubt_after(b, 1 + way * 4 * MINUTE, 1));
		assert_true(in_doubt_after(b, 1 + way * 4 * MINUTE, 1));
	}
	/* One that is set right, by and by, is none. */
	record_at(b, BOX_WALL);
	for (int hours = 0; hours < 100; hours++)
		assert_false(in_doubt_after(b, HOUR + 15, HOUR));
	/* What was accepted is where the next one begins. */
	assert_true(in_doubt_after(b, DAY, 1));
	assert_true(in_doubt_after(b, 4 * MINUTE, 0));
	assert_int_equal(suspect_accept(b->v, KM_SUSPECT_CLOCK, "uid:0"), KM_OK);
	assert_false(in_doubt_after(b, 4 * MINUTE, 0));
	assert_true(in_doubt_after(b, 4 * MINUTE, 0));
	/* Over midnight by a small step: the day before does not come again. */
	assert_int_equal(km_day_at(BOX_WALL, &known), KM_OK);
	record_at(b, BOX_WALL);
	assert_false(in_doubt_after(b, -4 * MINUTE, 0));
	b->v->now.today = known - 1;
	b->v->before = b->v->now;
	b->v->now.wall -= 4 * MINUTE;
	suspect_clock(b->v);
	assert_int_equal(b->v->now.today, known);
}

static void test_a_clock_in_doubt_stays_so_until_it_is_accepted(void **state)
{
	struct bench *b = *state;

	record_at(b, BOX_WALL);
	assert_true(in_doubt_after(b, HOUR, 0));
	assert_true(in_doubt_after(b, -HOUR, 0)); /* right again, but who knows */
	assert_int_equal(store_flush(b->v->store), KM_OK);
	b->v->suspicion = 0;
	assert_true(in_doubt_at_start(b, BOX_WALL, true)); /* nor does a start forget it */
	assert_int_equal(suspect_accept(b->v, KM_SUSPECT_CLOCK, "uid:0"), KM_OK);
	assert_int_equal(store_flush(b->v->store), KM_OK);
	assert_false(in_doubt_at_start(b, BOX_WALL, false));
}

/* As km_clock_read would have it. */
static void set_today(struct bench *b)
{
	assert_int_equal(km_day_at(b->v->now.wall, &b->v->now.today), KM_OK);
}

static void test_no_day_comes_again_while_the_clock_is_in_doubt(void **state)
{
	struct bench *b = *state;
	int64_t known;

	assert_int_equal(km_day_at(BOX_WALL, &known), KM_OK);
	record_at(b, BOX_WALL);
	b->v->now.wall = 100; /* a dead RTC at a start */
	set_today(b);
	assert_true(in_doubt_at_start(b, 100, false));
	assert_int_equal(b->v->now.today, known);
	/* That start left a record of 1970. */
	record_at_in_doubt(b, 100);
	b->v->suspicion = 0;
	b->v->day_known = 0;
	set_today(b);
	assert_true(in_doubt_at_start(b, 200, false));
	assert_int_equal(b->v->now.today, known);
	/* Days go on from there; and an administrator may say that it is that day after all. */
	b->v->before = b->v->now;
	b->v->now.wall = BOX_WALL + 3 * DAY;
	set_today(b);
	suspect_clock(b->v);
	assert_int_equal(b->v->now.today, known + 3);
	b->v->before = b->v->now;
	b->v->now.wall = 300;
	set_today(b);
	assert_int_equal(suspect_accept(b->v, KM_SUSPECT_CLOCK, "uid:0"), KM_OK);
	b->v->before = b->v->now;
	suspect_clock(b->v);
	assert_int_equal(b->v->now.today, 0);
}

static void test_a_step_back_while_it_runs_brings_no_day_again(void **state)
{
	struct bench *b = *state;
	int64_t known;

	assert_int_equal(km_day_at(BOX_WALL, &known), KM_OK);
	record_at(b, BOX_WALL);
	set_today(b);
	b->v->before = b->v->now;
	b->v->now.wall -= 30 * DAY;
	set_today(b);
	suspect_clock(b->v);
	assert_int_equal(b->v->now.today, known);
}

static void test_a_copied_machine_is_in_doubt_until_it_is_accepted(void **state)
{
	struct bench *b = *state;

	assert_int_equal(suspect_start(b->v), KM_OK);
	assert_int_equal(b->v->suspicion, 0);
	set_machine(b, "22222222222222222222222222222222\n");
	assert_int_equal(suspect_start(b->v), KM_OK);
	assert_int_equal(b->v->suspicion, KM_SUSPECT_MACHINE);
	/* The old id again does not end it: that may be the copy. */
	set_machine(b, "11111111111111111111111111111111\n");
	assert_int_equal(suspect_start(b->v), KM_OK);
	assert_int_equal(b->v->suspicion, KM_SUSPECT_MACHINE);
	assert_int_equal(suspect_accept(b->v, KM_SUSPECT_MACHINE, "uid:0"), KM_OK);
	assert_int_equal(suspect_start(b->v), KM_OK);
	assert_int_equal(b->v->suspicion, 0);
}

static int open_bench(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	box_open(&b->box);
	b->v = calloc(1, sizeof(*b->v));
	assert_non_null(b->v);
	b->v->store = b->box.s;
	b->v->keys = b->box.keys;
	b->v->now = b->box.now;
	snprintf(b->machine, sizeof(b->machine), "%s/machine-id", b->box.other);
	b->v->machine_id_path = b->machine;
	set_machine(b, "11111111111111111111111111111111\n");
	b->v->judge = b->v->listener = b->v->poll = -1;
	*state = b;
	return 0;
}

static int close_bench(void **state)
{
	struct bench *b = *state;

	box_close(&b->box);
	free(b->v);
	free(b);
	return 0;
}

#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(test_a_clock_behind_the_last_record_is_in_doubt_at_a_start),
		BENCH_TEST(test_a_clock_far_ahead_is_in_doubt_at_a_start_unless_somebody_set_it),
		BENCH_TEST(test_a_first_start_has_nothing_to_compare_with),
		BENCH_TEST(test_a_step_of_more_than_five_minutes_is_noticed_in_both_directions),
		BENCH_TEST(test_many_small_steps_are_one_that_is_not),
		BENCH_TEST(test_a_clock_in_doubt_stays_so_until_it_is_accepted),
		BENCH_TEST(test_no_day_comes_again_while_the_clock_is_in_doubt),
		BENCH_TEST(test_a_step_back_while_it_runs_brings_no_day_again),
		BENCH_TEST(test_a_copied_machine_is_in_doubt_until_it_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
