/*
 * C3, C23 in the vault: while a finger is asked for and judged, every call that the vault makes
 * fails. Nobody is let in without a match that is written down, no mismatch that was told is not
 * counted, nothing stays lent, and the next login works.
 */
#include "calls.h"
#include "finger_world.h"

static struct {
	unsigned outcome;       /* of the matcher */
	uint8_t verdict;        /* what the client was told; KM_VERDICT_DENY when nothing */
	struct km_msg to_judge; /* the last word about the session */
	uint8_t grant[KM_GRANT_BYTES];
	bool granted;
} login;

/* The matcher's end of a world that is begun anew for each point. */
static void with_a_matcher(struct world *w, unsigned outcome)
{
	if (fw.matcher >= 0)
		close(fw.matcher);
	fw.w = w;
	fw.matcher = -1;
	w->origin = KM_ORIGIN_LOCAL;
	matcher_comes();
	(void)enrol_finger("known", KM_FINGER_RIGHT_INDEX);
	memset(&login, 0, sizeof login);
	login.outcome = outcome;
}

static void right_finger_is_there(struct world *w)
{
	with_a_matcher(w, KM_MATCH_YES);
}

static void wrong_finger_is_there(struct world *w)
{
	with_a_matcher(w, KM_MATCH_NO);
}

static void touch(struct world *w)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	memcpy(m.match.grant, login.grant, KM_GRANT_BYTES);
	m.match.outcome = (uint8_t)login.outcome;
	if (km_send_msg(fw.matcher, &m, -1, 0) == KM_OK)
		world_round(w);
	if (!world_answered(w, &login.to_judge))
		login.to_judge.number = KM_MSG_NONE;
}

/* One login from OPEN to the finding's VERDICT, as far as it gets. */
static void log_in(struct world *w)
{
	struct km_msg ask = { .number = KM_MSG_GRANT }, m = { 0 }, result;
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, "known");

	if (world_answered(w, &m) && m.number == KM_MSG_PLAN &&
	    (m.plan.slots.slot[0].shape & KM_SHAPE_TOUCH)) {
		ask.session = w->session;
		world_tell(w, &ask, -1);
		login.granted = world_answered(w, &m) && m.number == KM_MSG_GRANTED;
	}
	if (login.granted) {
		memcpy(login.grant, m.granted.grant, KM_GRANT_BYTES);
		touch(w);
	}
	result = world_client_heard(client, NULL);
	login.verdict = result.number == KM_MSG_RESULT ? result.result.verdict : KM_VERDICT_DENY;
	world_end(w, KM_REASON_ABORTED);
	close(client);
}

/* Whatever was lent has ended with its finding, was taken back, or went with the link. */
static void check_nothing_is_lent(struct world *w)
{
	bool lent = false, back = false;
	struct km_msg m;

	for (size_t i = 0; i < KM_GRANTS; i++)
		if (w->v->grant[i].used)
			calls_say("a grant is left");
	while (matcher_heard(&m)) {
		lent |= m.number == KM_MSG_LEND;
		back |= m.number == KM_MSG_TAKE_BACK;
	}
	if (w->v->matcher >= 0 && lent && !back && !login.granted)
		calls_say("a template stays with the matcher");
}

static void check_the_next(struct world *w)
{
	char code[16];

	if (w->v->matcher < 0) {
		close(fw.matcher);
		matcher_comes();
	}
	login.outcome = KM_MATCH_YES;
	login.granted = false;
	log_in(w);
	if (login.verdict != KM_VERDICT_ALLOW)
		calls_say("the next finger does not open");
	world_code(0, code);
	close(world_open(w, KM_REQUEST_AUTHENTICATE, "known"));
	world_check(w, code);
	if (calls_credential(w, "known", KM_FACTOR_HOTP).moving != 1)
		calls_say("the next code does not open");
}

static void check_right_finger(struct world *w, bool dry)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_FINGERPRINT);
	bool in = login.verdict == KM_VERDICT_ALLOW, noted = c.last_used != 0;

	if (in && !noted)
		calls_say("ALLOW, and the store knows nothing of it");
	if (dry && !in)
		calls_say("nothing failed, and no ALLOW");
	if (calls_records(w, KM_EVENT_LOGIN_ALLOWED) != noted ||
	    (calls_operator(w, "known").last_login != 0) != noted)
		calls_say("the finger was used %d, and the trail says otherwise", noted);
	if (c.throttle.total != 0)
		calls_say("a right finger counts as wrong");
	check_nothing_is_lent(w);
	check_the_next(w);
}

static void check_wrong_finger(struct world *w, bool dry)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_FINGERPRINT);
	bool told = login.to_judge.number == KM_MSG_VERDICT &&
		    login.to_judge.verdict.reason == KM_REASON_FINGER;

	if (login.verdict == KM_VERDICT_ALLOW || c.last_used != 0)
		calls_say("ALLOW for a wrong finger");
	if (told && c.throttle.fails != 1)
		calls_say("\"wrong\" was said and not counted");
	if (c.throttle.fails > 1)
		calls_say("one wrong finger counts as %u", c.throttle.fails);
	if (dry && !told)
		calls_say("nothing failed, and no answer");
	check_nothing_is_lent(w);
	check_the_next(w);
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_lets_a_finger_open_unrecorded, right_finger_is_there, log_in,
       check_right_finger)
MATRIX(test_C3_no_failing_call_lets_a_wrong_finger_open_or_go_uncounted_once_told,
       wrong_finger_is_there, log_in, check_wrong_finger)

static int begin(void **state)
{
	fw.matcher = -1;
	return calls_setup(state);
}

static int end(void **state)
{
	if (fw.matcher >= 0)
		close(fw.matcher);
	return calls_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_lets_a_finger_open_unrecorded),
		cmocka_unit_test(
		    test_C3_no_failing_call_lets_a_wrong_finger_open_or_go_uncounted_once_told),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
