/* No finger without a consent, none any more after its withdrawal, and who may say so. */
#include "enrol_scene.h"

#include <kenmon/texts.h>

#include "own_line.h"

#define TEXT "The places where ridges end.\nFor logging in, and nothing else.\n"

static struct km_msg says_purpose(const char *text, size_t len)
{
	static uint8_t frame[KM_FRAME_MAX];
	struct km_msg m = { .number = KM_MSG_PURPOSE };
	size_t frame_len;

	memset(m.purpose.op, ++room.op, sizeof(m.purpose.op));
	m.purpose.lang = KM_LANG_JA;
	m.purpose.text = (struct km_span){ (const uint8_t *)text, (uint16_t)len };
	assert_int_equal(km_encode(&m, frame, sizeof(frame), &frame_len), KM_OK);
	assert_int_equal(km_send(scene.line, frame, frame_len, -1, 0), KM_OK);
	vault_round(room.v, 0);
	return desk_hears();
}

static void keeps(const char *text, uint8_t digest[32])
{
	struct km_msg m = says_purpose(text, strlen(text));

	assert_int_equal(m.number, KM_MSG_PURPOSE_ROW);
	memcpy(digest, m.purpose_row.purpose, 32);
	assert_int_equal(m.purpose_row.text.len, 0);
	(void)done(KM_OK, "");
}

static struct km_msg consent_to(const char *text, bool paper)
{
	struct km_msg m = { .number = KM_MSG_CONSENT };

	keeps(text, m.consent.purpose);
	snprintf(m.consent.login, sizeof(m.consent.login), LOGIN);
	snprintf(m.consent.terminal, sizeof(m.consent.terminal), "pts/3");
	m.consent.paper = paper;
	return m;
}

static struct km_msg withdrawal(void)
{
	struct km_msg m = { .number = KM_MSG_CONSENT_WITHDRAW };

	snprintf(m.consent_withdraw.login, sizeof(m.consent_withdraw.login), LOGIN);
	snprintf(m.consent_withdraw.terminal, sizeof(m.consent_withdraw.terminal), "pts/3");
	return m;
}

static unsigned standing(void)
{
	return (unsigned)count_of("SELECT count(*) FROM consent WHERE withdrawn = 0");
}

static unsigned fails_of_code(void)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op;

	(void)credentials(list, &op);
	return list[0].throttle.fails;
}

/* The scene's own operator has agreed already. */
static void nobody_has_agreed(void)
{
	assert_int_equal(desk_does(scene.line, withdrawal()).rc, 0);
	assert_int_equal(standing(), 0);
}

/* --- the text ----------------------------------------------------------------------------- */

static void test_a_text_is_kept_and_shown_as_it_was(void **state)
{
	struct km_msg m = { .number = KM_MSG_PURPOSE_SHOW };
	uint8_t again[32];

	(void)state;
	keeps(TEXT, m.purpose_show.purpose);
	keeps(TEXT, again);
	assert_memory_equal(again, m.purpose_show.purpose, 32);
	desk_asks(scene.line, &m);
	assert_int_equal(m.number, KM_MSG_PURPOSE_ROW);
	assert_int_equal(m.purpose_row.lang, KM_LANG_JA);
	assert_int_equal(m.purpose_row.text.len, strlen(TEXT));
	assert_memory_equal(m.purpose_row.text.bytes, TEXT, strlen(TEXT));
	(void)done(KM_OK, "");
	m = (struct km_msg){ .number = KM_MSG_PURPOSE_SHOW };
	is_done(&(struct km_msg){ .number = KM_MSG_DONE, .done = desk_does(scene.line, m) },
		KM_ENOTFOUND, "ever shown");
}

static void test_a_text_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "  \n \n",
					   "a\tb",
					   "bell \a",
					   "\xff\xfe",
					   "\x1b[2Jgone",
					   ("hid\xe2\x80\xae"
					    "den") };
	int64_t before = count_of("SELECT count(*) FROM purpose");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct km_msg m = says_purpose(bad[i], strlen(bad[i]));

		is_done(&m, KM_EINVAL, "UTF-8");
	}
	is_done(&(struct km_msg[]){ says_purpose("nul\0nul", 7) }[0], KM_EINVAL, "UTF-8");
	assert_int_equal(count_of("SELECT count(*) FROM purpose"), before);
}

static void test_the_longest_text_is_kept(void **state)
{
	static char text[KM_PURPOSE_MAX + 1];
	uint8_t digest[32];

	(void)state;
	memset(text, 'x', KM_PURPOSE_MAX);
	keeps(text, digest);
}

static void test_while_the_database_is_in_doubt_no_new_text_is_kept(void **state)
{
	(void)state;
	room.v->suspicion = KM_SUSPECT_ROLLBACK;
	is_done(&(struct km_msg[]){ says_purpose(TEXT, strlen(TEXT)) }[0], KM_ESUSPECT, "");
}

/* --- giving -------------------------------------------------------------------------------- */

static void test_without_a_consent_no_finger_is_enrolled(void **state)
{
	(void)state;
	nobody_has_agreed();
	ask(scene.line, asking(KM_FINGER_RIGHT_INDEX));
	(void)done(KM_ESTATE, "has not agreed");
	told(0);
	nothing_is_left();
	assert_int_equal(desk_does(scene.line, consent_to(TEXT, true)).rc, 0);
	the_next_one_works();
}

static void test_an_operator_agrees_by_a_code_of_their_own(void **state)
{
	struct km_msg m = consent_to(TEXT, false);
	unsigned before = standing();

	(void)state;
	desk_asks(scene.line, &m);
	is_prompt(&m, KM_SHAPE_DIGITS);
	assert_int_equal(standing(), before);
	m = answers(scene.line, own_code(0));
	is_done(&m, KM_OK, "");
	assert_int_equal(standing(), before + 1);
	assert_non_null(strstr(last_record(KM_EVENT_CONSENTED), "by=own-code"));
	assert_non_null(strstr(last_record(KM_EVENT_CONSENTED), "terminal=pts/3"));
	assert_non_null(strstr(last_record(KM_EVENT_OWN_CODE_PASSED), "for=CONSENT"));
}

/* What agreed once agrees to nothing else, and opens no login either. */
static void test_the_code_is_used_up_by_agreeing(void **state)
{
	struct km_msg m = consent_to(TEXT, false);
	char code[16];

	(void)state;
	snprintf(code, sizeof(code), "%s", own_code(0));
	desk_asks(scene.line, &m);
	m = answers(scene.line, code);
	is_done(&m, KM_OK, "");
	m = consent_to("another text", false);
	desk_asks(scene.line, &m);
	m = answers(scene.line, code);
	is_prompt(&m, KM_SHAPE_DIGITS);
	assert_non_null(strstr(last_record(KM_EVENT_REPLAYED), "for=CONSENT"));
}

static void test_a_wrong_code_counts_as_at_a_login(void **state)
{
	struct km_msg m = consent_to(TEXT, false);
	unsigned before = standing();

	(void)state;
	desk_asks(scene.line, &m);
	for (unsigned n = 1; n <= 2; n++) {
		m = answers(scene.line, own_code(5000));
		is_prompt(&m, KM_SHAPE_DIGITS);
		assert_int_equal(fails_of_code(), n);
	}
	m = answers(scene.line, own_code(5000));
	is_done(&m, KM_EBADCODE, "nothing was changed");
	assert_int_equal(fails_of_code(), 3);
	assert_int_equal(standing(), before);
	assert_non_null(strstr(last_record(KM_EVENT_OWN_CODE_REFUSED), "reason=wrong"));
}

static void test_too_many_wrong_codes_must_wait_as_at_a_login(void **state)
{
	struct km_msg m = consent_to(TEXT, false);
	unsigned after = room.v->conf.lockout.after;

	(void)state;
	for (unsigned n = 0; n < after; n++) {
		if (n % 3 == 0) {
			struct km_msg next = m;

			desk_asks(scene.line, &next);
		}
		(void)answers(scene.line, own_code(5000));
	}
	assert_int_equal(fails_of_code(), after);
	if (after % 3 != 0) { /* the last answer ended the operation: locked */
		desk_asks(scene.line, &m);
		is_prompt(&m, KM_SHAPE_DIGITS);
	}
	m = answers(scene.line, own_code(0));
	is_done(&m, KM_EBADCODE, "wait");
	assert_int_equal(fails_of_code(), after);
}

static void test_what_cannot_be_a_code_ends_it(void **state)
{
	struct km_msg m = consent_to(TEXT, false);

	(void)state;
	desk_asks(scene.line, &m);
	m = answers(scene.line, "yes");
	is_done(&m, KM_EBADCODE, "");
	assert_int_equal(fails_of_code(), 0);
}

static void test_giving_up_stores_nothing(void **state)
{
	struct km_msg m = consent_to(TEXT, false);
	unsigned before = standing();

	(void)state;
	desk_asks(scene.line, &m);
	m = (struct km_msg){ .number = KM_MSG_ABORT };
	desk_asks(scene.line, &m);
	is_done(&m, KM_EABORTED, "");
	assert_int_equal(standing(), before);
}

static void test_a_consent_that_stands_is_not_asked_for_again(void **state)
{
	struct km_msg m = consent_to(TEXT, true);

	(void)state;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	m = consent_to(TEXT, false);
	desk_asks(scene.line, &m);
	is_done(&m, KM_EEXIST, "agreed to this text already");
}

static void test_nobody_agrees_to_what_was_not_shown(void **state)
{
	struct km_msg m = consent_to(TEXT, true);

	(void)state;
	m.consent.purpose[0] ^= 1;
	desk_asks(scene.line, &m);
	is_done(&m, KM_ENOTFOUND, "not kept here");
	m = consent_to(TEXT, true);
	snprintf(m.consent.login, sizeof(m.consent.login), "nobody");
	desk_asks(scene.line, &m);
	is_done(&m, KM_ENOTFOUND, "no operator");
}

/* Whatever text was read before it: a code would be used up for nothing. */
static void test_no_code_is_asked_for_a_text_that_is_not_kept(void **state)
{
	struct km_msg m = consent_to(TEXT, false);

	(void)state;
	desk_asks(scene.line, &m);
	is_prompt(&m, KM_SHAPE_DIGITS);
	m = (struct km_msg){ .number = KM_MSG_ABORT };
	desk_asks(scene.line, &m);
	m = consent_to(TEXT, false);
	m.consent.purpose[0] ^= 1;
	desk_asks(scene.line, &m);
	is_done(&m, KM_ENOTFOUND, "not kept here");
}

static void test_who_has_no_code_agrees_on_paper(void **state)
{
	struct km_msg m = consent_to(TEXT, false);

	(void)state;
	register_somebody("taro");
	snprintf(m.consent.login, sizeof(m.consent.login), "taro");
	desk_asks(scene.line, &m);
	is_done(&m, KM_ESTATE, "on paper");
	m = consent_to(TEXT, true);
	snprintf(m.consent.login, sizeof(m.consent.login), "taro");
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	assert_non_null(strstr(last_record(KM_EVENT_CONSENTED), "by=paper"));
}

/* Whether they may log in today does not matter: that it is them, does. */
static void test_who_is_suspended_can_still_agree(void **state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };

	(void)state;
	snprintf(m.operator_state.login, sizeof(m.operator_state.login), LOGIN);
	m.operator_state.state = KM_SUSPENDED;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	m = consent_to(TEXT, false);
	desk_asks(scene.line, &m);
	m = answers(scene.line, own_code(0));
	is_done(&m, KM_OK, "");
}

static void test_a_list_says_to_what_when_where_how_and_whether_it_stands(void **state)
{
	struct km_msg m = { .number = KM_MSG_CONSENT_LIST };

	(void)state;
	snprintf(m.consent_list.login, sizeof(m.consent_list.login), LOGIN);
	desk_asks(scene.line, &m);
	assert_int_equal(m.number, KM_MSG_CONSENT_ROW);
	assert_true(m.consent_row.paper);
	assert_string_equal(m.consent_row.terminal, "tty1");
	assert_string_equal(m.consent_row.witness, "");
	assert_int_equal(m.consent_row.withdrawn, 0);
	assert_true(m.consent_row.given > 0);
	(void)done(KM_OK, "");
}

/* --- taking back --------------------------------------------------------------------------- */

static void test_withdrawing_destroys_every_finger_and_nothing_else(void **state)
{
	(void)state;
	(void)enrol_whole(KM_FINGER_RIGHT_INDEX);
	assert_int_equal(desk_does(scene.line, withdrawal()).rc, 0);
	assert_int_equal(count_of("SELECT count(*) FROM template"), 0);
	assert_int_equal(count_of("SELECT count(*) FROM credential"), 1);
	assert_int_equal(standing(), 0);
	assert_non_null(strstr(last_record(KM_EVENT_CONSENT_WITHDRAWN), "fingers=1"));
	assert_true(room.v->epoch.unseen || room.v->epoch.at.owed != 0);
	ask(scene.line, withdrawal());
	(void)done(KM_ENOTFOUND, "neither consented nor a finger");
}

static void test_a_withdrawal_ends_an_enrolment_that_is_under_way(void **state)
{
	int other, first = scene.line;

	(void)state;
	go_to(3);
	other = desk_comes();
	assert_int_equal(desk_does(other, withdrawal()).rc, 0);
	(void)done(KM_EPERM, "withdrawn their consent");
	told(FORGET | STOP);
	nothing_is_left();
	close(other);
	scene.line = first;
}

/* What was lent is wiped before it is said to be gone. */
static void test_a_withdrawal_is_done_when_the_matcher_has_wiped_what_was_lent(void **state)
{
	struct km_msg m = { .number = KM_MSG_RETURNED };
	int other, first = scene.line;

	(void)state;
	(void)enrol_whole(KM_FINGER_RIGHT_INDEX);
	ask(scene.line, asking(KM_FINGER_LEFT_INDEX));
	lent_and_sensing(60);
	other = desk_comes();
	ask(other, withdrawal());
	vault_round(room.v, 0);
	scene.line = other;
	assert_int_equal(desk_hears().number, KM_MSG_NONE);
	assert_int_equal(count_of("SELECT count(*) FROM template"), 0);
	told(FORGET | STOP);
	memcpy(m.returned.grant, scene.grant, sizeof(m.returned.grant));
	matcher_says(&m);
	vault_round(room.v, 0);
	(void)done(KM_OK, "");
	assert_false(room.v->erasing);
	scene.line = first;
	close(other);
}

static void test_who_withdraws_alone_is_asked_for_a_code(void **state)
{
	int own;
	struct km_msg m = withdrawal();

	(void)state;
	(void)enrol_whole(KM_FINGER_RIGHT_INDEX);
	own = own_line_comes();
	desk_asks(own, &m);
	is_prompt(&m, KM_SHAPE_DIGITS);
	m = answers(own, own_code(5000));
	is_prompt(&m, KM_SHAPE_DIGITS);
	assert_int_equal(standing(), 1);
	assert_int_equal(count_of("SELECT count(*) FROM template"), 1);
	m = answers(own, own_code(0));
	is_done(&m, KM_OK, "");
	assert_int_equal(standing(), 0);
	assert_int_equal(count_of("SELECT count(*) FROM template"), 0);
	close(own);
}

/* Their day has come and the brake holds it: refused at every login, and still their own body. */
static void test_who_has_left_can_still_withdraw(void **state)
{
	struct km_msg m = withdrawal();
	struct km_due_row due = { .what = KM_DUE_ERASE,
				  .cause = KM_CAUSE_RETIRED,
				  .day = room.v->now.today };
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op;
	int own;

	(void)state;
	(void)enrol_whole(KM_FINGER_RIGHT_INDEX);
	(void)credentials(list, &op);
	memcpy(due.subject, op.subject, sizeof(due.subject));
	assert_int_equal(due_put(room.v, &due, NULL), KM_OK);
	room.v->due.look_ms = INT64_MAX;
	own = own_line_comes();
	desk_asks(own, &m);
	is_prompt(&m, KM_SHAPE_DIGITS);
	m = answers(own, own_code(0));
	is_done(&m, KM_OK, "");
	assert_int_equal(standing(), 0);
	assert_int_equal(fails_of_code(), 0);
	close(own);
}

static void test_a_withdrawal_is_never_refused_for_a_doubt(void **state)
{
	(void)state;
	(void)enrol_whole(KM_FINGER_RIGHT_INDEX);
	room.v->suspicion = KM_SUSPECT_ROLLBACK | KM_SUSPECT_CLOCK | KM_SUSPECT_MACHINE;
	assert_int_equal(desk_does(scene.line, withdrawal()).rc, 0);
	assert_int_equal(count_of("SELECT count(*) FROM template"), 0);
}

/* --- handing out ---------------------------------------------------------------------------- */

/* Of any operator's account, without a code: else one of them fills the disk with records. */
static void test_whoever_exports_over_and_over_fills_no_trail(void **state)
{
	struct km_msg m = { .number = KM_MSG_EXPORT };
	int own = own_line_comes();
	unsigned done = 0;

	(void)state;
	room.v->conf.audit_refusals = 5;
	snprintf(m.data_export.login, sizeof(m.data_export.login), LOGIN);
	for (unsigned i = 0; i < 9; i++)
		done += desk_does(own, m).rc == 0;
	assert_int_equal(done, 5);
	desk_asks(own, &m);
	is_done(&m, KM_ELIMIT, "in a minute");
	close(own);
}

static void test_an_export_is_written_down(void **state)
{
	struct km_msg m = { .number = KM_MSG_EXPORT };
	int own = own_line_comes();

	(void)state;
	snprintf(m.data_export.login, sizeof(m.data_export.login), LOGIN);
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	assert_non_null(strstr(last_record(KM_EVENT_DATA_SHOWN), "to=other"));
	assert_int_equal(desk_does(own, m).rc, 0);
	assert_non_null(strstr(last_record(KM_EVENT_DATA_SHOWN), "to=self"));
	snprintf(m.data_export.login, sizeof(m.data_export.login), "nobody");
	desk_asks(scene.line, &m);
	is_done(&m, KM_ENOTFOUND, "no operator");
	close(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_a_text_is_kept_and_shown_as_it_was),
		IN_SCENE(test_a_text_that_is_none_is_refused),
		IN_SCENE(test_the_longest_text_is_kept),
		IN_SCENE(test_while_the_database_is_in_doubt_no_new_text_is_kept),
		IN_SCENE(test_without_a_consent_no_finger_is_enrolled),
		IN_SCENE(test_an_operator_agrees_by_a_code_of_their_own),
		IN_SCENE(test_the_code_is_used_up_by_agreeing),
		IN_SCENE(test_a_wrong_code_counts_as_at_a_login),
		IN_SCENE(test_too_many_wrong_codes_must_wait_as_at_a_login),
		IN_SCENE(test_what_cannot_be_a_code_ends_it),
		IN_SCENE(test_giving_up_stores_nothing),
		IN_SCENE(test_a_consent_that_stands_is_not_asked_for_again),
		IN_SCENE(test_nobody_agrees_to_what_was_not_shown),
		IN_SCENE(test_no_code_is_asked_for_a_text_that_is_not_kept),
		IN_SCENE(test_who_has_no_code_agrees_on_paper),
		IN_SCENE(test_who_is_suspended_can_still_agree),
		IN_SCENE(test_a_list_says_to_what_when_where_how_and_whether_it_stands),
		IN_SCENE(test_withdrawing_destroys_every_finger_and_nothing_else),
		IN_SCENE(test_a_withdrawal_ends_an_enrolment_that_is_under_way),
		IN_SCENE(test_a_withdrawal_is_done_when_the_matcher_has_wiped_what_was_lent),
		IN_SCENE(test_who_withdraws_alone_is_asked_for_a_code),
		IN_SCENE(test_who_has_left_can_still_withdraw),
		IN_SCENE(test_a_withdrawal_is_never_refused_for_a_doubt),
		IN_SCENE(test_an_export_is_written_down),
		IN_SCENE(test_whoever_exports_over_and_over_fills_no_trail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
