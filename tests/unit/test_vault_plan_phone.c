/* The plan of a service that has codes sent: whom it is for makes no difference (C25). */
#include "vault_world.h"

static struct world *w;

static const char *const people[] = { "known", "nobody", "unenrolled", "suspended" };

static int begin(void **state)
{
	(void)state;
	km_log_open("test", NULL, LOG_EMERG);
	w = world_new();
	world_up(w);
	world_add(w, "known", true, false);
	world_add_as(w, "unenrolled", WORLD_UID + 1, false, false);
	world_add_as(w, "suspended", WORLD_UID + 2, true, true);
	world_round(w); /* what a start leaves to do is done: statements are counted */
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_free(w);
	return 0;
}

static void steps(unsigned count, uint32_t first, uint32_t second)
{
	w->v->conf.login.factors = (struct km_steps){ count, { first, second } };
}

/* Nothing is looked up for it: there is nothing that could take longer for some. */
static struct km_slots planned(const char *login)
{
	uint64_t before = store_work(w->v->store).statements;
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, login);
	struct km_msg m;

	assert_true(world_heard(w, &m));
	assert_int_equal(m.number, KM_MSG_PLAN);
	assert_int_equal(store_work(w->v->store).statements, before);
	world_end(w, KM_REASON_ABORTED);
	close(client);
	return m.plan.slots;
}

#define TOTP  KM_FACTOR_BIT(KM_FACTOR_TOTP)
#define SMS   KM_FACTOR_BIT(KM_FACTOR_SMS)
#define VOICE KM_FACTOR_BIT(KM_FACTOR_VOICE)

static void test_a_step_with_a_telephone_offers_it_to_every_name_alike(void **state)
{
	static const struct {
		uint32_t factors;
		uint16_t shape;
	} rows[] = {
		{ TOTP, KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY },
		{ SMS, KM_SHAPE_DIGITS_6 | KM_SHAPE_RECOVERY | KM_SHAPE_PHONE },
		{ VOICE, KM_SHAPE_DIGITS_6 | KM_SHAPE_RECOVERY | KM_SHAPE_PHONE },
		{ TOTP | SMS | VOICE, KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY | KM_SHAPE_PHONE },
		{ KM_FACTOR_BIT(KM_FACTOR_RECOVERY), KM_SHAPE_RECOVERY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		steps(1, rows[i].factors, 0);
		for (size_t k = 0; k < sizeof people / sizeof people[0]; k++)
			assert_int_equal(planned(people[k]).slot[0].shape, rows[i].shape);
	}
}

static void test_each_step_has_its_own_shape(void **state)
{
	struct km_slots slots;

	(void)state;
	steps(2, TOTP, SMS);
	for (size_t k = 0; k < sizeof people / sizeof people[0]; k++) {
		slots = planned(people[k]);
		assert_int_equal(slots.count, 2);
		assert_int_equal(slots.slot[0].shape, KM_SHAPE_DIGITS | KM_SHAPE_RECOVERY);
		assert_int_equal(slots.slot[1].shape,
				 KM_SHAPE_DIGITS_6 | KM_SHAPE_RECOVERY | KM_SHAPE_PHONE);
	}
}

static void test_as_many_digits_are_taken_as_are_sent(void **state)
{
	static const uint16_t shape[] = { KM_SHAPE_DIGITS_6, KM_SHAPE_DIGITS_7, KM_SHAPE_DIGITS_8,
					  KM_SHAPE_DIGITS_9, KM_SHAPE_DIGITS_A };

	(void)state;
	steps(1, SMS, 0);
	for (unsigned digits = 6; digits <= 10; digits++) {
		w->v->conf.phone.digits = digits;
		for (size_t k = 0; k < sizeof people / sizeof people[0]; k++)
			assert_int_equal(planned(people[k]).slot[0].shape,
					 shape[digits - 6] | KM_SHAPE_RECOVERY | KM_SHAPE_PHONE);
	}
}

/* A judge asks for a code to be sent by SEND alone: what is to be checked is a code. */
static void test_a_star_that_is_to_be_checked_is_no_answer(void **state)
{
	static const char *const answers[] = { "", "*" };

	(void)state;
	steps(1, SMS, 0);
	for (unsigned i = 0; i < 2; i++) {
		int client = world_open(w, KM_REQUEST_AUTHENTICATE, "known");
		struct km_msg m;

		assert_true(world_heard(w, &m));
		world_check(w, answers[i]);
		assert_true(world_heard(w, &m));
		assert_int_equal(m.number, KM_MSG_VERDICT);
		assert_int_equal(m.verdict.verdict, KM_VERDICT_DENY);
		assert_int_equal(m.verdict.reason, KM_REASON_PROTOCOL);
		close(client);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_step_with_a_telephone_offers_it_to_every_name_alike),
		cmocka_unit_test(test_each_step_has_its_own_shape),
		cmocka_unit_test(test_as_many_digits_are_taken_as_are_sent),
		cmocka_unit_test(test_a_star_that_is_to_be_checked_is_no_answer),
	};

	return cmocka_run_group_tests_name("vault_plan_phone", tests, begin, end);
}
