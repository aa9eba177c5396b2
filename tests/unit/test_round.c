/* The end of a round: who hears before the commit, who after it, and who not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/log.h>

#include "../../authd/vault/vault.h"

#define DECIDED 7 /* a session whose answer was judged in this round */
#define ASKED   8 /* one that was opened in it */

static struct {
	struct vault *v;
	int judge, client;
} world;

static struct reply *reply(uint32_t session, uint8_t number)
{
	struct reply *r = &world.v->reply[world.v->replies++];

	*r = (struct reply){ .session = session, .client = -1, .pass = -1 };
	r->to_judge.number = number;
	r->to_judge.session = session;
	return r;
}

static int setup(void **state)
{
	struct vault *v = world.v = calloc(1, sizeof *v);
	int judge[2], client[2];
	struct reply *r;

	(void)state;
	km_log_open("test", NULL, LOG_EMERG);
	if (!v || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, judge) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, client) < 0)
		return -1;
	v->judge = judge[0];
	world.judge = judge[1];
	world.client = client[1];
	v->session_id[0] = v->session[0].id = ASKED;
	v->session[0].client = -1;
	r = reply(DECIDED, KM_MSG_VERDICT);
	r->client = client[0];
	r->to_client.number = KM_MSG_RESULT;
	r->to_judge.verdict.verdict = r->to_client.result.verdict = KM_VERDICT_ALLOW;
	r = reply(ASKED, KM_MSG_PLAN);
	r->to_judge.plan.slots.count = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(world.v->judge);
	close(world.judge);
	close(world.client);
	queue_free(&world.v->to_judge);
	free(world.v);
	return 0;
}

/* The next message at this end; number NONE: nothing has come. */
static struct km_msg next(int fd, unsigned phases)
{
	uint8_t frame[1024];
	struct km_msg m = { 0 };
	size_t len = 0;

	if (km_recv(fd, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) == KM_OK)
		assert_int_equal(
		    km_decode(frame, len, KM_FROM_VAULT | KM_FROM_JUDGE_OR_VAULT, phases, &m),
		    KM_OK);
	return m;
}

static void judge_hears(uint32_t session, uint8_t number, uint8_t verdict)
{
	struct km_msg m = next(world.judge, KM_PHASE_OPENING | KM_PHASE_CHECKING);

	assert_int_equal(m.number, number);
	assert_int_equal(m.session, session);
	if (number == KM_MSG_VERDICT)
		assert_int_equal(m.verdict.verdict, verdict);
}

static void client_hears(uint8_t number, uint8_t verdict)
{
	struct km_msg m = next(world.client, KM_PHASE_TALK);

	assert_int_equal(m.number, number);
	assert_int_equal(m.result.verdict, verdict);
}

static void test_a_plan_does_not_wait_for_the_answers_of_others(void **state)
{
	(void)state;
	link_plan(world.v, 0);
	judge_hears(ASKED, KM_MSG_PLAN, 0);
	judge_hears(0, KM_MSG_NONE, 0);
	client_hears(KM_MSG_NONE, KM_VERDICT_DENY);
	link_settle(world.v, true);
	judge_hears(DECIDED, KM_MSG_VERDICT, KM_VERDICT_ALLOW);
	judge_hears(0, KM_MSG_NONE, 0);
	client_hears(KM_MSG_RESULT, KM_VERDICT_ALLOW);
	assert_int_equal(world.v->messages, 3);
}

static void test_who_was_only_asked_stays_when_the_round_is_lost(void **state)
{
	(void)state;
	link_plan(world.v, 0);
	judge_hears(ASKED, KM_MSG_PLAN, 0);
	link_settle(world.v, false);
	judge_hears(DECIDED, KM_MSG_VERDICT, KM_VERDICT_UNAVAILABLE);
	judge_hears(0, KM_MSG_NONE, 0);
	client_hears(KM_MSG_RESULT, KM_VERDICT_UNAVAILABLE);
	assert_non_null(session_find(world.v, ASKED));
}

static void test_nobody_is_asked_on_the_strength_of_a_suspicion_lifted_just_now(void **state)
{
	(void)state;
	link_plan(world.v, KM_SUSPECT_ROLLBACK);
	judge_hears(0, KM_MSG_NONE, 0);
	link_settle(world.v, false);
	judge_hears(DECIDED, KM_MSG_VERDICT, KM_VERDICT_UNAVAILABLE);
	judge_hears(ASKED, KM_MSG_VERDICT, KM_VERDICT_UNAVAILABLE);
	assert_null(session_find(world.v, ASKED));
}

#define IN_ROUND(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROUND(test_a_plan_does_not_wait_for_the_answers_of_others),
		IN_ROUND(test_who_was_only_asked_stays_when_the_round_is_lost),
		IN_ROUND(test_nobody_is_asked_on_the_strength_of_a_suspicion_lifted_just_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
