/*
 * A matcher that lies, stalls or goes: it can claim nothing but of what it was lent, a finding
 * counts once and for its own grant, and codes go on without it. A whole vault, with the test as
 * its judge, its client and its matcher.
 */
#include "../../authd/vault/grant.h"
#include "finger_world.h"

/* --- the matcher --------------------------------------------------------------------------- */

static void test_a_finding_with_a_byte_that_is_none_ends_the_matchers_link(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_YES + 1, 0);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_match_of_what_was_not_lent_ends_the_matchers_link(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_YES, 2);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_stage_for_a_login_ends_the_matchers_link(void **state)
{
	struct km_msg m = { .number = KM_MSG_STAGE };

	(void)state;
	memcpy(m.stage.grant, grant, sizeof m.stage.grant);
	m.stage.outcome = KM_STAGE_GOOD;
	matcher_says(&m);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_template_for_a_login_ends_the_matchers_link(void **state)
{
	static const uint8_t blob[20];
	struct km_msg m = { .number = KM_MSG_TEMPLATE };

	(void)state;
	memcpy(m.finger_template.grant, grant, sizeof m.finger_template.grant);
	m.finger_template.blob = (struct km_span){ .bytes = blob, .len = sizeof blob };
	matcher_says(&m);
	the_matcher_is_thrown_out();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
}

static void test_a_frame_that_is_the_judges_ends_the_matchers_link(void **state)
{
	struct km_msg m = { .number = KM_MSG_REVOKE, .session = fw.w->session };

	(void)state;
	m.revoke.event = KM_SENSOR_TIMEOUT;
	matcher_says(&m);
	the_matcher_is_thrown_out();
}

static void test_a_matcher_of_another_protocol_is_lent_nothing(void **state)
{
	struct km_msg hello = { .number = KM_MSG_MATCHER };

	(void)state;
	matcher_goes();
	matcher_connects();
	hello.matcher.version = KM_ROOM_PROTOCOL + 1;
	matcher_says(&hello);
	the_matcher_is_thrown_out();
}

static void test_a_matcher_that_has_not_said_hello_is_lent_nothing(void **state)
{
	struct km_msg m;

	(void)state;
	matcher_goes();
	matcher_connects();
	(void)asks_in("alice");
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_false(matcher_heard(&m));
	finds(grant, KM_MATCH_YES, 0);
	the_matcher_is_thrown_out();
}

static void test_c28_a_finding_counts_once(void **state)
{
	(void)state;
	finds(grant, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	assert_true(matcher_ready(fw.w->v));
}

static void test_c28_two_findings_in_one_round_count_once(void **state)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	(void)state;
	memcpy(m.match.grant, grant, sizeof m.match.grant);
	m.match.outcome = KM_MATCH_NO;
	assert_int_equal(km_send_msg(fw.matcher, &m, -1, 0), KM_OK);
	m.match.outcome = KM_MATCH_YES;
	matcher_says(&m);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static void test_c28_a_finding_that_comes_late_counts_nothing(void **state)
{
	(void)state;
	judge_revokes(fw.w->session, KM_SENSOR_TIMEOUT);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	/* Nor is it one for the next grant of the same login. */
	judge_grants(fw.w->session, 0);
	(void)judge_hears(KM_MSG_GRANTED);
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	assert_true(matcher_ready(fw.w->v));
}

static void test_c28_a_finding_before_any_grant_counts_nothing(void **state)
{
	static const uint8_t none[KM_GRANT_BYTES];

	(void)state;
	(void)asks_in("alice");
	finds(none, KM_MATCH_YES, 0);
	judge_hears_nothing();
	assert_true(matcher_ready(fw.w->v));
}

static void test_c28_a_finding_is_for_its_own_grant_alone(void **state)
{
	uint8_t bobs[KM_GRANT_BYTES];
	uint32_t alices = fw.w->session;

	(void)state;
	world_add_as(fw.w, "bob", WORLD_UID + 1, true, false);
	(void)enrol_finger("bob", KM_FINGER_LEFT_THUMB);
	waits_for_a_finger("bob", bobs);
	finds(bobs, KM_MATCH_NO, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER);
	/* Alice's goes on. */
	assert_non_null(session_find(fw.w->v, alices)->grant);
	finds(grant, KM_MATCH_YES, 0);
	assert_int_equal(judge_hears(KM_MSG_VERDICT).session, alices);
}

static void test_c27_a_matcher_that_says_nothing_is_waited_for_until_the_deadline(void **state)
{
	struct session *s = session_find(fw.w->v, fw.w->session);

	(void)state;
	assert_true(s->grant->until_ms >
		    fw.w->v->now.boot_ms + fw.w->v->conf.finger_timeout * 1000LL);
	judge_hears_nothing();
	s->grant->until_ms = fw.w->v->now.boot_ms; /* CLOCK_BOOTTIME: sleep counts */
	world_round(fw.w);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	assert_true(is_taken_back(grant));
	finds(grant, KM_MATCH_YES, 0);
	judge_hears_nothing();
	no_grant_is_left();
}

static void test_a_matcher_that_goes_ends_every_grant_and_codes_go_on(void **state)
{
	char code[16];

	(void)state;
	matcher_goes();
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	no_grant_is_left();
	judge_grants(fw.w->session, 0);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_FINGER_NONE);
	world_code(0, code);
	world_check(fw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	/* It is started again, and the next login has fingers. */
	matcher_comes();
	waits_for_a_finger("alice", grant);
	finds(grant, KM_MATCH_YES, 0);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
}

/* The buffer of its link is full at some time: it must not hold more, nor keep what it has. */
static void test_a_matcher_that_does_not_read_costs_no_login_its_code(void **state)
{
	unsigned granted = 0;
	struct km_msg m;

	(void)state;
	for (unsigned n = 0; n < 2000 && fw.w->v->matcher >= 0; n++) {
		judge_revokes(fw.w->session, KM_SENSOR_STOPPED);
		assert_true(world_heard(fw.w, &m));
		if (fw.w->v->matcher < 0)
			break;
		judge_grants(fw.w->session, 0);
		assert_true(world_heard(fw.w, &m));
		granted += m.number == KM_MSG_GRANTED;
	}
	assert_true(granted > KM_GRANTS);
	the_matcher_is_thrown_out();
	assert_int_equal(m.number, KM_MSG_VERDICT);
	assert_int_equal(m.verdict.reason, KM_REASON_FINGER_NONE);
}

/* --- what others may read of it --------------------------------------------------------- */

/* Our journald; everything that it was told since. */
static int journal_listens(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s/journal", fw.w->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	km_log_open("test", at.sun_path, LOG_INFO);
	return fd;
}

static bool journal_heard(int fd, const char *what)
{
	static char all[16384];
	size_t len = strlen(all);
	ssize_t n;

	while ((n = recv(fd, all + len, sizeof all - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	all[len] = '\0';
	return strstr(all, what) != NULL;
}

static void test_how_alike_they_were_is_in_the_trail_and_not_in_the_journal(void **state)
{
	int journal = journal_listens();

	(void)state;
	finds(grant, KM_MATCH_YES, 1);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	km_log_open("test", NULL, LOG_EMERG - 1);
	assert_non_null(strstr(last_event(KM_EVENT_LOGIN_ALLOWED), "score=12345"));
	assert_true(journal_heard(journal, "login-allowed"));
	assert_true(journal_heard(journal, "finger=left-index"));
	assert_false(journal_heard(journal, "12345"));
	close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAITING(test_a_finding_with_a_byte_that_is_none_ends_the_matchers_link),
		WAITING(test_a_match_of_what_was_not_lent_ends_the_matchers_link),
		WAITING(test_a_stage_for_a_login_ends_the_matchers_link),
		WAITING(test_a_template_for_a_login_ends_the_matchers_link),
		WAITING(test_a_frame_that_is_the_judges_ends_the_matchers_link),
		HAVING(test_a_matcher_of_another_protocol_is_lent_nothing),
		HAVING(test_a_matcher_that_has_not_said_hello_is_lent_nothing),
		WAITING(test_c28_a_finding_counts_once),
		WAITING(test_c28_two_findings_in_one_round_count_once),
		WAITING(test_c28_a_finding_that_comes_late_counts_nothing),
		HAVING(test_c28_a_finding_before_any_grant_counts_nothing),
		WAITING(test_c28_a_finding_is_for_its_own_grant_alone),
		WAITING(test_c27_a_matcher_that_says_nothing_is_waited_for_until_the_deadline),
		WAITING(test_a_matcher_that_goes_ends_every_grant_and_codes_go_on),
		WAITING(test_a_matcher_that_does_not_read_costs_no_login_its_code),
		WAITING(test_how_alike_they_were_is_in_the_trail_and_not_in_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
