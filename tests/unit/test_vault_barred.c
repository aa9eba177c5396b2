/*
 * Numbers that were registered and may not be sent to any more. A whole vault, with the test as its
 * judge, its client and its courier.
 */
#include "phone_world.h"

static char code[KM_ORDER_KEYS + 1];

/* All that is heard of a decoy; *kind: what it seems to be. */
static void asks_and_nothing_leaves(const char *login, uint8_t *kind)
{
	(void)asks_in(login);
	orders_went(0, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	judge_sends(pw.w->session, 0);
	*kind = judge_hears(KM_MSG_SENDING).sending.kind;
	hears_news(KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	world_check(pw.w, "123456");
	/* Both are said in the same words (reason.def). */
	hears_verdict(KM_VERDICT_RETRY,
		      strcmp(login, "alice") == 0 ? KM_REASON_UNENROLLED : KM_REASON_UNKNOWN);
	courier_is_given_nothing();
}

/* Nor does it show that there is such a number: the answers are those of a name that there is not.
 */
static void test_C20_C25_a_number_that_may_not_be_sent_to_any_more_is_not(void **state)
{
	struct km_conf *conf = &pw.w->v->conf;
	char number[40];
	uint8_t as, kind;

	(void)state;
	snprintf(number, sizeof number, "credential=%llu", (unsigned long long)alices);
	asks_and_nothing_leaves(NOBODY_MOBILE, &as);
	snprintf(conf->phone.prefixes, sizeof conf->phone.prefixes, "+44");
	asks_and_nothing_leaves("alice", &kind);
	assert_int_equal(kind, as);
	assert_non_null(strstr(last_event(KM_EVENT_CODE_NOT_SENT), "reason=number-not-allowed"));
	assert_non_null(strstr(last_event(KM_EVENT_CODE_NOT_SENT), number));
	snprintf(conf->phone.prefixes, sizeof conf->phone.prefixes, "+81");
	snprintf(conf->phone.barred, sizeof conf->phone.barred, "+44 +8190");
	asks_and_nothing_leaves("alice", &kind);
	assert_int_equal(kind, as);
	assert_int_equal(events_of(KM_EVENT_CODE_SENT, NULL), 0);
	/* Her landline is another number: it has its turn. */
	(void)enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	conf->voice.mode = KM_VOICE_SPOKEN;
	asks_and_nothing_leaves("alice", &kind);
	(void)sends(KM_ORDER_SPOKEN, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMING(test_C20_C25_a_number_that_may_not_be_sent_to_any_more_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
