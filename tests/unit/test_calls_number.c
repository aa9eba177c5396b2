/*
 * C3 where numbers are enrolled, confirmed and the courier is tried: every call that the vault
 * makes meanwhile fails. A number is there whole, with its record, or the one before it is; and
 * nothing leaves that the trail and the counts do not know of.
 */
#include "calls_office.h"

#include "../../authd/vault/courier.h"
#include "../../authd/vault/store_internal.h"
#include "../../authd/vault/store_number.h"

#define FIRST  "+819012345678"
#define SECOND "+818087654321"

static int courier = -1; /* our end of its link */
static unsigned left;    /* orders that were written to it */
static struct km_msg order;
static enum km_factor factor = KM_FACTOR_SMS; /* of the numbers */

static void courier_comes(struct world *w)
{
	struct km_msg m = { .number = KM_MSG_COURIER };
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	orders_lost(w->v, "test");
	if (courier >= 0)
		close(courier);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	w->v->courier = ready.data.fd = pair[0];
	courier = pair[1];
	assert_int_equal(epoll_ctl(w->v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
	m.courier.version = KM_ROOM_PROTOCOL;
	m.courier.gateway = KM_GATEWAY_SPOOL;
	m.courier.calls = 1;
	assert_int_equal(km_send_msg(courier, &m, -1, 0), KM_OK);
	world_round(w);
	assert_true(orders_ready(w->v));
	left = 0;
}

static void courier_goes(struct world *w)
{
	if (w->v)
		orders_lost(w->v, "test");
	if (courier >= 0)
		close(courier);
	courier = -1;
}

/* The last of what was written; and how much was. */
static bool courier_hears(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	bool found = false;
	struct km_msg m;
	size_t len;

	while (km_recv(courier, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_COURIER, &m), KM_OK);
		if (m.number != KM_MSG_ORDER)
			continue;
		order = m;
		left++;
		found = true;
	}
	return found;
}

static void courier_says(struct world *w, unsigned state)
{
	struct km_msg m = { .number = KM_MSG_ORDERED };

	m.ordered.order = order.order.order;
	m.ordered.state = (uint8_t)state;
	if (km_send_msg(courier, &m, -1, MSG_DONTWAIT) == KM_OK && !w->v->stop)
		world_round(w);
}

static const char *number_now(struct world *w)
{
	static char number[KM_NUMBER_MAX + 1];
	struct km_operator op = calls_operator(w, "known");
	struct km_credential c;
	km_rc rc = store_phone_of(w->v->store, op.subject, factor, &c);

	number[0] = '\0';
	if (rc == KM_OK && store_phone_number(w->v->store, &op, &c, number) != KM_OK)
		calls_say("the number does not open");
	return number;
}

static void ask_for(const char *number, bool confirm)
{
	struct msg_enrol_phone *m = &new_operation(KM_MSG_ENROL_PHONE)->enrol_phone;

	TEXT(m->login, "known");
	TEXT(m->number, number);
	m->factor = (uint8_t)factor;
	m->confirm = confirm;
}

/* --- in another's place ------------------------------------------------------------------------
 */

static void with_first_of(struct world *w, enum km_factor wanted)
{
	factor = wanted;
	prepare(w);
	courier_comes(w);
	ask_for(FIRST, false);
	memset(asked.status.op, 0x70, sizeof asked.status.op);
	send_asked(w);
	assert_true(done_ok());
	assert_string_equal(number_now(w), FIRST);
	assert_false(courier_hears());
}

static void with_first(struct world *w)
{
	with_first_of(w, KM_FACTOR_SMS);
}

/* Whose old number is called and told (KM_ORDER_CALL_NOTICE). */
static void with_first_that_is_called(struct world *w)
{
	with_first_of(w, KM_FACTOR_VOICE);
}

static void replace(struct world *w)
{
	ask_for(SECOND, false);
	send_asked(w);
}

static void check_replaced(struct world *w, bool dry)
{
	bool there = strcmp(number_now(w), SECOND) == 0;

	if (!there && strcmp(number_now(w), FIRST) != 0)
		calls_say("neither number is there");
	check_told(dry, there);
	(void)courier_hears();
	if (!there && left > 0)
		calls_say("somebody was told of what did not happen");
	if (dry && left != 1)
		calls_say("the old number was not told");
	if (left > 0 &&
	    order.order.kind != (factor == KM_FACTOR_SMS ? KM_ORDER_NOTICE : KM_ORDER_CALL_NOTICE))
		calls_say("it was told in another way");
	if (left > 0 && strcmp(order.order.number, FIRST) != 0)
		calls_say("somebody else was told");
	if (calls_records(w, KM_EVENT_PHONE_CHANGED) != there)
		calls_say("the trail says otherwise");
	again(w);
	if (strcmp(number_now(w), SECOND) != 0 || calls_records(w, KM_EVENT_PHONE_CHANGED) != 1)
		calls_say("sent again it is not there once");
	courier_goes(w);
}

/* --- taken away ----------------------------------------------------------------------------------
 */

/* What it is told is no order then, but a record behind the removal's own. */
static void with_first_beyond_the_budget(struct world *w)
{
	with_first_of(w, KM_FACTOR_SMS);
	w->v->conf.phone.site_hour = 0;
}

static void take_away(struct world *w)
{
	struct msg_credential_remove *m =
	    &new_operation(KM_MSG_CREDENTIAL_REMOVE)->credential_remove;
	struct km_operator op = calls_operator(w, "known");
	struct km_credential c;

	TEXT(m->login, "known");
	m->id = store_phone_of(w->v->store, op.subject, factor, &c) == KM_OK ? c.id : 0;
	send_asked(w);
}

static void check_taken_away(struct world *w, bool dry)
{
	bool gone = number_now(w)[0] == '\0';

	check_told(dry, gone);
	(void)courier_hears();
	if (!gone && left > 0)
		calls_say("somebody was told of what did not happen");
	if (calls_records(w, KM_EVENT_CREDENTIAL_REMOVED) != gone)
		calls_say("the trail says otherwise");
	if (left + calls_records(w, KM_EVENT_CODE_NOT_SENT) != gone)
		calls_say("the old number was not told, and nobody knows");
	w->v->conf.phone.site_hour = 0; /* a start has read it anew */
	again(w);
	if (number_now(w)[0] || calls_records(w, KM_EVENT_CREDENTIAL_REMOVED) != 1)
		calls_say("sent again it is not gone once");
	courier_goes(w);
}

/* --- confirmed -----------------------------------------------------------------------------------
 */

static void with_courier(struct world *w)
{
	factor = KM_FACTOR_SMS;
	prepare(w);
	courier_comes(w);
}

static void type_code(struct world *w)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };
	const struct km_secret *text = &order.order.text;

	/* The one run of six digits of the message. */
	for (size_t i = 0, run = 0; i < text->len; i++) {
		run = text->bytes[i] >= '0' && text->bytes[i] <= '9' ? run + 1 : 0;
		if (run == 6)
			assert_int_equal(km_secret_set(&m.answer.secret, text->bytes + i - 5, 6),
					 KM_OK);
	}
	assert_int_equal(m.answer.secret.len, 6);
	if (km_send_msg(w->desk, &m, -1, 0) == KM_OK && !w->v->stop)
		world_round(w);
}

static void send_confirmed(struct world *w)
{
	struct km_msg m;

	memset(&office, 0, sizeof office);
	if (w->desk < 0 || km_send_msg(w->desk, &asked, -1, 0) != KM_OK)
		return;
	world_round(w);
	if (courier_hears())
		courier_says(w, KM_ORDER_STATE_SENT);
	while (hear(w, &m) == KM_OK) {
		if (m.number == KM_MSG_PROMPT)
			type_code(w);
		if (m.number != KM_MSG_DONE)
			continue;
		office.done = true;
		office.rc = (km_rc) - (int)m.done.rc;
	}
}

static void confirm(struct world *w)
{
	ask_for(FIRST, true);
	send_confirmed(w);
}

static void check_confirmed(struct world *w, bool dry)
{
	bool there = strcmp(number_now(w), FIRST) == 0;

	check_told(dry, there);
	if (there && left == 0)
		calls_say("a code was right that never left");
	courier_comes(w);
	open_desk(w);
	send_confirmed(w);
	/* A number that is there already is the first result again, or is enrolled now. */
	if (!done_ok() || strcmp(number_now(w), FIRST) != 0)
		calls_say("sent again it is not enrolled: %s", km_rc_text(office.rc, KM_LANG_EN));
	courier_goes(w);
}

/* --- a test
 * ---------------------------------------------------------------------------------------- */

static void try_it(struct world *w)
{
	struct msg_courier_test *m = &new_operation(KM_MSG_COURIER_TEST)->courier_test;
	struct km_msg got;

	TEXT(m->number, FIRST);
	m->factor = KM_FACTOR_SMS;
	memset(&office, 0, sizeof office);
	if (w->desk < 0 || km_send_msg(w->desk, &asked, -1, 0) != KM_OK)
		return;
	world_round(w);
	if (courier_hears())
		courier_says(w, KM_ORDER_STATE_DELIVERED);
	while (hear(w, &got) == KM_OK) {
		if (got.number != KM_MSG_DONE)
			continue;
		office.done = true;
		office.rc = (km_rc) - (int)got.done.rc;
	}
}

static void check_tried(struct world *w, bool dry)
{
	unsigned written = calls_records(w, KM_EVENT_COURIER_TESTED);

	(void)courier_hears();
	if (left > written)
		calls_say("a test left of which the trail knows nothing");
	if (done_ok() && written != 1)
		calls_say("done, and not written down");
	if (dry && (!done_ok() || left != 1))
		calls_say("nothing failed, and it is not done");
	for (size_t i = 0; i < VAULT_LINES; i++)
		if (w->v->line[i].fd >= 0 && w->v->line[i].testing && !w->v->orders)
			calls_say("a line waits for nothing");
	courier_goes(w);
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { __VA_ARGS__ };                               \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_half_replaces_a_number, false, with_first, replace, check_replaced)
MATRIX(test_C3_no_failing_call_half_replaces_a_number_that_is_called, false,
       with_first_that_is_called, replace, check_replaced)
MATRIX(test_C3_no_failing_call_half_takes_a_number_away, false, with_first, take_away,
       check_taken_away)
MATRIX(test_C3_no_failing_call_half_takes_a_number_away_of_which_nobody_is_told, false,
       with_first_beyond_the_budget, take_away, check_taken_away)
MATRIX(test_C3_no_failing_call_half_confirms_a_number, false, with_courier, confirm,
       check_confirmed)
MATRIX(test_C3_no_failing_call_sends_a_test_that_nobody_wrote_down, false, with_courier, try_it,
       check_tried)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_half_replaces_a_number),
		cmocka_unit_test(test_C3_no_failing_call_half_replaces_a_number_that_is_called),
		cmocka_unit_test(test_C3_no_failing_call_half_takes_a_number_away),
		cmocka_unit_test(
		    test_C3_no_failing_call_half_takes_a_number_away_of_which_nobody_is_told),
		cmocka_unit_test(test_C3_no_failing_call_half_confirms_a_number),
		cmocka_unit_test(test_C3_no_failing_call_sends_a_test_that_nobody_wrote_down),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
