/*
 * C1: one code, many at the same instant. In one round of the vault, over many logins of one
 * operator and over one; exactly one comes in, and the count of failures is exact.
 */
#include "phone_world.h"

#define ROUNDS 100

static const unsigned many[] = { 2, 8, 16, 64 };

struct outcome {
	unsigned allowed, wrong, locked, other;
};

static void count(struct outcome *o, const struct km_msg *m)
{
	if (m->number != KM_MSG_VERDICT)
		return;
	if (m->verdict.verdict == KM_VERDICT_ALLOW)
		o->allowed++;
	else if (m->verdict.verdict == KM_VERDICT_RETRY)
		o->wrong++;
	else if (m->verdict.verdict == KM_VERDICT_LOCKED)
		o->locked++;
	else
		o->other++;
}

static void check_in(uint32_t session, const char *code)
{
	struct km_msg m = { .number = KM_MSG_CHECK, .session = session };

	assert_int_equal(km_secret_set(&m.check.secret, code, strlen(code)), KM_OK);
	assert_int_equal(km_send_msg(pw.w->judge, &m, -1, 0), KM_OK);
}

static struct outcome all_that_is_said(void)
{
	struct outcome o = { 0 };
	struct km_msg m;

	for (unsigned n = 0; n < 4; n++) {
		world_round(pw.w);
		while (world_heard(pw.w, &m))
			count(&o, &m);
	}
	return o;
}

/* Many frames for one login: the first decides, and the login is over. */
static void test_C1_one_code_many_times_in_one_login_opens_it_once(void **state)
{
	char code[KM_ORDER_KEYS + 1];

	(void)state;
	pw.w->v->conf.phone.operator_hour = pw.w->v->conf.phone.number_hour = 10000;
	pw.w->v->conf.phone.operator_day = pw.w->v->conf.phone.number_day = 10000;
	pw.w->v->conf.phone.site_hour = 10000;
	for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
		for (unsigned round = 0; round < ROUNDS; round++) {
			struct outcome o;

			(void)asks_in("alice");
			(void)sends(KM_ORDER_MESSAGE, code);
			for (unsigned n = 0; n < many[i]; n++)
				check_in(pw.w->session, code);
			o = all_that_is_said();
			assert_int_equal(o.allowed, 1);
			assert_int_equal(o.wrong + o.locked + o.other, 0);
			assert_int_equal(credential_of("alice", alices).throttle.total, 0);
		}
	}
	assert_int_equal(events_of(KM_EVENT_LOGIN_ALLOWED, NULL), 4 * ROUNDS);
}

/* The code of one login in many of them: right in that one, a guess in all others. */
static void test_C1_one_code_in_many_logins_opens_one_and_counts_in_the_others(void **state)
{
	char code[KM_ORDER_KEYS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
		uint32_t first = pw.w->session + 1;
		int client[64];
		struct outcome o;
		char login[16], number[20];
		uint64_t phone;

		snprintf(login, sizeof login, "user%zu", i);
		snprintf(number, sizeof number, "+8190000000%02zu", i);
		world_add_as(pw.w, login, WORLD_UID, false, false);
		phone = enrol_phone(login, KM_FACTOR_SMS, number);
		for (unsigned n = 0; n < many[i]; n++) {
			pw.client = -1;
			(void)asks_in(login);
			client[n] = pw.client;
		}
		pw.client = -1;
		/* In all of them a code seems to be asked for; the last that was sent counts. */
		pw.w->v->conf.phone.operator_hour = pw.w->v->conf.phone.number_hour = 100;
		pw.w->v->conf.phone.operator_day = pw.w->v->conf.phone.number_day = 100;
		for (unsigned n = 0; n < many[i]; n++) {
			struct msg_order order;

			judge_sends(first + n, 0);
			assert_int_equal(judge_hears(KM_MSG_SENDING).session, first + n);
			order = courier_is_given(KM_ORDER_MESSAGE);
			digits_in(order.text.bytes, order.text.len, code);
		}
		/* The one that has it comes first or last; a lock that fell before keeps it out. */
		check_in(first + many[i] - 1, code);
		for (unsigned n = 0; n + 1 < many[i]; n++)
			check_in(first + n, code);
		o = all_that_is_said();
		assert_int_equal(o.allowed, 1);
		assert_int_equal(o.other, 0);
		assert_int_equal(o.wrong + o.locked, many[i] - 1);
		/* Exact up to the lock, and not counted behind it. */
		assert_int_equal(credential_of(login, phone).throttle.fails,
				 many[i] - 1 < pw.w->v->conf.lockout.after
				     ? many[i] - 1
				     : pw.w->v->conf.lockout.after);
		for (unsigned n = 0; n < many[i]; n++)
			close(client[n]);
	}
}

/* The same keys said many times by the courier. */
static void test_C1_keys_that_are_said_many_times_open_a_login_once(void **state)
{
	(void)state;
	world_add_as(pw.w, "bob", WORLD_UID, false, false);
	(void)enrol_phone("bob", KM_FACTOR_VOICE, PHONE_LANDLINE);
	pw.w->v->conf.phone.operator_hour = pw.w->v->conf.phone.number_hour = 10000;
	pw.w->v->conf.phone.operator_day = pw.w->v->conf.phone.number_day = 10000;
	for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
		struct km_msg m = { .number = KM_MSG_ORDERED };
		struct outcome o;
		char code[KM_ORDER_KEYS + 1];

		(void)asks_in("bob");
		m.ordered.order = sends(KM_ORDER_KEYPAD, NULL).order;
		digits_in(world_client_heard(pw.client, NULL).info.text, 200, code);
		m.ordered.state = KM_ORDER_STATE_KEYED;
		m.ordered.count = 6;
		memcpy(m.ordered.keys, code, 6);
		for (unsigned n = 0; n < many[i]; n++)
			assert_int_equal(km_send_msg(pw.courier, &m, -1, 0), KM_OK);
		o = all_that_is_said();
		assert_int_equal(o.allowed, 1);
		assert_int_equal(o.wrong + o.locked + o.other, 0);
	}
	assert_int_equal(events_of(KM_EVENT_LOGIN_ALLOWED, NULL), 4);
}

/* What the store itself promises: of many that were judged right, one uses the code up. */
static void test_C1_of_many_acceptances_one_is_done(void **state)
{
	struct km_operator op = operator_of("alice");
	char code[KM_ORDER_KEYS + 1];
	struct km_acceptance a = { .credential = alices, .bind_uid = -1, .login = true };
	struct km_event_record r;
	struct km_challenge c;

	(void)state;
	(void)sends(KM_ORDER_MESSAGE, code);
	memcpy(a.subject, op.subject, sizeof a.subject);
	event_make(&r, KM_EVENT_LOGIN_ALLOWED, op.subject, "test");
	a.event = &r;
	assert_int_equal(store_challenge(pw.w->v->store, op.subject, &c), KM_OK);
	/* Without its challenge, or with another's, a telephone opens nothing. */
	assert_int_equal(store_accept(pw.w->v->store, &a), KM_EINVAL);
	c.credential++;
	a.challenge = &c;
	assert_int_equal(store_accept(pw.w->v->store, &a), KM_EINVAL);
	c.credential--;
	c.until_ms++;
	assert_int_equal(store_accept(pw.w->v->store, &a), KM_EREPLAY);
	c.until_ms--;
	assert_int_equal(store_accept(pw.w->v->store, &a), KM_OK);
	for (unsigned n = 0; n < 63; n++)
		assert_int_equal(store_accept(pw.w->v->store, &a), KM_EREPLAY);
	assert_int_equal(store_flush(pw.w->v->store), KM_OK);
	assert_int_equal(events_of(KM_EVENT_LOGIN_ALLOWED, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HAVING(test_C1_one_code_many_times_in_one_login_opens_it_once),
		HAVING(test_C1_one_code_in_many_logins_opens_one_and_counts_in_the_others),
		HAVING(test_C1_keys_that_are_said_many_times_open_a_login_once),
		COMING(test_C1_of_many_acceptances_one_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
