/* One login as the judge leads it: prompts, tries, slots, and who may ask for whom. */
#include "fake_judge.h"

/* --- one login -------------------------------------------------------------------------- */

static void test_a_login_goes_from_hello_to_the_vaults_verdict(void **state)
{
	struct judge_session *s = comes(ROOT);
	struct km_msg m = hello(KM_CLIENT_DOOR);
	uint32_t id = s->id;

	(void)state;
	assert_int_equal(world.deadline, JUDGE_GREET_SECONDS);
	says(s, &m);
	assert_int_equal(world.client[0].number, KM_MSG_WELCOME);
	assert_int_equal(world.client[0].welcome.version, KM_PROTOCOL_NEWEST);
	assert_string_equal(world.client[0].welcome.build, KM_VERSION);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	says(s, &m);
	assert_int_equal(world.deadline, j->conf.login.deadline);
	assert_int_equal(world.vault[0].number, KM_MSG_OPEN);
	assert_int_equal(world.vault[0].session, id);
	assert_int_equal(world.vault[0].open.uid, ALICE);
	assert_int_equal(world.vault[0].open.origin, KM_ORIGIN_LOCAL);
	assert_string_equal(world.vault[0].open.login, "alice");
	assert_string_equal(world.vault[0].open.service, "login");
	assert_int_equal(world.vault[0].open.lang, j->conf.language);
	m = plan(id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.client[1].number, KM_MSG_PROMPT);
	assert_string_equal(world.client[1].prompt.text, km_text(KM_TEXT_PROMPT_CODE, KM_LANG_EN));
	assert_int_equal(world.client[1].prompt.echo, 1);
	assert_int_equal(world.client[1].prompt.shape, KM_SHAPE_DIGITS_6);
	m = answer("755224");
	says(s, &m);
	assert_int_equal(world.vault[1].number, KM_MSG_CHECK);
	assert_int_equal(world.vault[1].check.step, 10);
	assert_memory_equal(world.vault[1].check.secret.bytes, "755224", 6);
	m = verdict(id, KM_VERDICT_ALLOW);
	assert_int_equal(vault_says(&m), KM_OK);
	/* Not a word from the judge after that, and the vault's own can still be read. */
	assert_int_equal(world.clients, 2);
	assert_int_equal(world.vaults, 2);
	assert_int_equal(world.gone, 1);
	assert_null(judge_session_find(j, id));
}

static void test_every_verdict_but_retry_and_next_ends_the_session_without_a_word(void **state)
{
	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		struct judge_session *s = in(IN_CHECKING);
		struct km_msg m = verdict(s->id, (uint8_t)v);

		if (v == KM_VERDICT_RETRY || v == KM_VERDICT_NEXT)
			continue;
		assert_int_equal(vault_says(&m), KM_OK);
		assert_int_equal(world.clients, 0);
		assert_int_equal(world.vaults, 0);
		assert_int_equal(world.gone, 1);
	}
}

static void test_a_wrong_code_is_asked_again_until_the_tries_are_used_up(void **state)
{
	struct judge_session *s = in(IN_CHECKING);
	struct km_msg m = verdict(s->id, KM_VERDICT_RETRY);

	(void)state;
	assert_int_equal(j->conf.login.tries, 3);
	for (unsigned i = 1; i < 3; i++) {
		struct km_msg a = answer("000000");

		forget();
		assert_int_equal(vault_says(&m), KM_OK);
		assert_int_equal(world.clients, 2);
		assert_int_equal(world.client[0].number, KM_MSG_INFO);
		assert_int_equal(world.client[0].info.error, 1);
		assert_string_equal(world.client[0].info.text,
				    km_text(KM_TEXT_CODE_WRONG, KM_LANG_EN));
		assert_int_equal(world.client[1].number, KM_MSG_PROMPT);
		says(s, &a);
	}
	forget();
	assert_int_equal(vault_says(&m), KM_OK);
	refused(KM_VERDICT_DENY, KM_REASON_TRIES);
	assert_int_equal(world.vaults, 1);
	assert_int_equal(world.vault[0].number, KM_MSG_CLOSE);
	assert_int_equal(world.vault[0].close.reason, KM_REASON_TRIES);
}

static void test_the_prompt_is_in_the_language_of_the_login_or_of_the_site(void **state)
{
	struct judge_session *s;
	struct km_msg m = login(KM_REQUEST_AUTHENTICATE, ALICE);

	(void)state;
	j->conf.language = KM_LANG_JA;
	s = in(IN_REQUEST);
	says(s, &m);
	assert_int_equal(world.vault[0].open.lang, KM_LANG_JA);
	m = plan(s->id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_string_equal(world.client[0].prompt.text, km_text(KM_TEXT_PROMPT_CODE, KM_LANG_JA));
	s = in(IN_REQUEST);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	snprintf(m.login.lang, sizeof(m.login.lang), "en");
	says(s, &m);
	/* The vault says some things itself. */
	assert_int_equal(world.vault[0].open.lang, KM_LANG_EN);
	m = plan(s->id, 1);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_string_equal(world.client[0].prompt.text, km_text(KM_TEXT_PROMPT_CODE, KM_LANG_EN));
}

static void test_a_recovery_code_is_asked_by_its_own_prompt_and_not_shown(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = plan(s->id, 1);

	(void)state;
	m.plan.slots.slot[0].shape = KM_SHAPE_RECOVERY;
	assert_int_equal(vault_says(&m), KM_OK);
	assert_string_equal(world.client[0].prompt.text,
			    km_text(KM_TEXT_PROMPT_RECOVERY, KM_LANG_EN));
	assert_int_equal(world.client[0].prompt.echo, 0);
}

static void test_each_step_is_asked_when_the_vault_has_passed_the_one_before(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = plan(s->id, 2), a = answer("123456");

	(void)state;
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.client[0].prompt.shape, KM_SHAPE_DIGITS_6);
	says(s, &a);
	assert_int_equal(world.vault[world.vaults - 1].check.step, 10);
	m = verdict(s->id, KM_VERDICT_NEXT);
	assert_int_equal(vault_says(&m), KM_OK);
	/* No sentence about a wrong code, only the next prompt. */
	assert_int_equal(world.clients, 2);
	assert_int_equal(world.client[1].number, KM_MSG_PROMPT);
	assert_int_equal(world.client[1].prompt.shape, KM_SHAPE_RECOVERY);
	a = answer("AAAAAAAAAAAAAAAA");
	says(s, &a);
	assert_int_equal(world.vault[world.vaults - 1].check.step, 11);
	m = verdict(s->id, KM_VERDICT_ALLOW);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.gone, 1);
}

static void test_a_wrong_code_stays_at_its_step_and_the_tries_are_of_the_whole_login(void **state)
{
	struct judge_session *s = in(IN_OPENING);
	struct km_msg m = plan(s->id, 2), a = answer("123456");
	static const uint8_t said[] = { KM_VERDICT_RETRY, KM_VERDICT_NEXT, KM_VERDICT_RETRY,
					KM_VERDICT_RETRY };
	static const uint8_t step[] = { 10, 10, 11, 11 };

	(void)state;
	assert_int_equal(vault_says(&m), KM_OK);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 2)
			a = answer("AAAAAAAAAAAAAAAA");
		says(s, &a);
		assert_int_equal(world.vault[world.vaults - 1].check.step, step[i]);
		m = verdict(s->id, said[i]);
		assert_int_equal(vault_says(&m), KM_OK);
	}
	refused(KM_VERDICT_DENY, KM_REASON_TRIES);
}

static void test_a_step_behind_the_last_breaks_the_link(void **state)
{
	struct judge_session *s = in(IN_CHECKING);
	struct km_msg m = verdict(s->id, KM_VERDICT_NEXT);

	(void)state;
	assert_int_equal(vault_says(&m), KM_EPROTO);
	s = in(IN_OPENING);
	m = verdict(s->id, KM_VERDICT_NEXT);
	assert_int_equal(vault_says(&m), KM_EPROTO);
	assert_int_equal(world.clients, 0);
}

static void test_an_account_or_session_check_needs_no_prompt(void **state)
{
	(void)state;
	for (uint8_t kind = KM_REQUEST_ACCOUNT; kind <= KM_REQUEST_SESSION_CLOSE; kind++) {
		struct judge_session *s = brought_to(IN_OPENING, kind);
		struct km_msg m = plan(s->id, 1);

		assert_int_equal(vault_says(&m), KM_EPROTO);
		m = verdict(s->id, KM_VERDICT_ALLOW);
		assert_int_equal(vault_says(&m), KM_OK);
		assert_int_equal(world.clients, 0);
		assert_int_equal(world.gone, 1);
	}
}

static void test_a_desk_is_opened_with_the_peers_uid_and_its_nonce(void **state)
{
	struct judge_session *s = comes(ALICE);
	struct km_msg m = hello(KM_CLIENT_DESK);

	(void)state;
	says(s, &m);
	m = (struct km_msg){ .number = KM_MSG_DESK };
	memset(m.desk.nonce, 0x77, sizeof(m.desk.nonce));
	says(s, &m);
	assert_int_equal(world.vault[0].number, KM_MSG_OPEN);
	assert_int_equal(world.vault[0].open.kind, KM_REQUEST_DESK);
	assert_int_equal(world.vault[0].open.uid, ALICE);
	assert_memory_equal(world.vault[0].open.nonce, m.desk.nonce, 32);
	m = verdict(s->id, KM_VERDICT_ALLOW);
	assert_int_equal(vault_says(&m), KM_OK);
	assert_int_equal(world.gone, 1);
}

/* --- who may ask for whom ---------------------------------------------------------------- */

static void test_a_caller_who_is_not_root_is_asked_only_for_themselves(void **state)
{
	struct judge_session *s = comes(ALICE);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	(void)state;
	says(s, &m);
	forget();
	m = login(KM_REQUEST_AUTHENTICATE, ALICE + 1);
	says(s, &m);
	refused(KM_VERDICT_DENY, KM_REASON_PEER);
	assert_memory_equal(last_result()->result.nonce, m.login.nonce, 32);
	assert_int_equal(world.vaults, 1);
	assert_int_equal(world.vault[0].number, KM_MSG_TURNED_AWAY);
	assert_int_equal(world.vault[0].turned_away.reason, KM_REASON_PEER);
	assert_int_equal(world.vault[0].turned_away.uid, ALICE);
}

static void test_services_of_callers_who_are_not_root_have_a_name_of_their_own(void **state)
{
	struct judge_session *s = comes(ALICE);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	(void)state;
	j->conf.local_services.count = 1;
	snprintf(j->conf.local_services.name[0], KM_CONF_TEXT, "login");
	says(s, &m);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	says(s, &m);
	assert_string_equal(world.vault[0].open.service, "user/login");
	/* Not local by the name of root's service; logind was asked and knows nothing. */
	assert_int_equal(world.asked_origin, 1);
	assert_int_equal(world.vault[0].open.origin, KM_ORIGIN_REMOTE);
}

static void test_a_service_name_of_the_longest_kind_still_fits(void **state)
{
	struct judge_session *s = comes(ALICE);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	(void)state;
	says(s, &m);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	memset(m.login.service, 'x', 64);
	memset(m.login.login, 'y', 64);
	memset(m.login.tty, 'z', 64);
	memset(m.login.ruser, 'r', 64);
	memset(m.login.rhost, 'h', 255);
	says(s, &m);
	assert_int_equal(strlen(world.vault[0].open.service), 69);
	assert_int_equal(strlen(world.vault[0].open.rhost), 255);
	assert_int_equal(strlen(world.vault[0].open.login), 64);
}

static void test_the_owner_of_spawn_counts_as_root(void **state)
{
	struct judge_session *s = comes(OWNER);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	(void)state;
	says(s, &m);
	m = login(KM_REQUEST_AUTHENTICATE, ALICE);
	says(s, &m);
	assert_string_equal(world.vault[0].open.service, "login");
	assert_int_equal(s->phase, KM_PHASE_WORKING | KM_PHASE_OPENING);
}

static void test_a_door_cannot_ask_for_a_desk_in_a_login(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 256; kind++) {
		struct judge_session *s = in(IN_REQUEST);
		struct km_msg m = login((uint8_t)kind, ALICE);
		uint32_t id = s->id;

		says(s, &m);
		if (kind >= KM_REQUEST_AUTHENTICATE && kind <= KM_REQUEST_SESSION_CLOSE)
			assert_non_null(judge_session_find(j, id));
		else
			refused(KM_VERDICT_UNAVAILABLE, KM_REASON_PROTOCOL);
	}
}

static void test_versions_that_do_not_meet_are_refused(void **state)
{
	static const uint16_t apart[][2] = { { KM_PROTOCOL_NEWEST + 1, KM_PROTOCOL_NEWEST + 2 },
					     { 0, 0 },
					     { 5, 1 } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct judge_session *s = comes(ROOT);
		struct km_msg m = hello(KM_CLIENT_DOOR);

		forget();
		m.hello.oldest = apart[i][0];
		m.hello.newest = apart[i][1];
		says(s, &m);
		refused(KM_VERDICT_UNAVAILABLE, KM_REASON_VERSION);
	}
}

static void test_a_newer_client_is_spoken_to_in_our_newest_version(void **state)
{
	struct judge_session *s = comes(ROOT);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	(void)state;
	m.hello.oldest = 0;
	m.hello.newest = UINT16_MAX;
	says(s, &m);
	assert_int_equal(world.client[0].welcome.version, KM_PROTOCOL_NEWEST);
}

/* Over its limit a caller is told so in the answer to its LOGIN, which a door believes. */
static void test_one_caller_too_many_is_refused_with_its_own_nonce(void **state)
{
	struct judge_session *s = in(IN_REQUEST);
	struct km_msg m = login(KM_REQUEST_AUTHENTICATE, ALICE);

	(void)state;
	s->crowded = true;
	says(s, &m);
	refused(KM_VERDICT_DENY, KM_REASON_BUSY);
	assert_memory_equal(last_result()->result.nonce, m.login.nonce, 32);
	assert_string_equal(last_result()->result.login, "alice");
	assert_int_equal(world.vaults, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_a_login_goes_from_hello_to_the_vaults_verdict),
		IN_HOUSE(test_every_verdict_but_retry_and_next_ends_the_session_without_a_word),
		IN_HOUSE(test_a_wrong_code_is_asked_again_until_the_tries_are_used_up),
		IN_HOUSE(test_the_prompt_is_in_the_language_of_the_login_or_of_the_site),
		IN_HOUSE(test_a_recovery_code_is_asked_by_its_own_prompt_and_not_shown),
		IN_HOUSE(test_each_step_is_asked_when_the_vault_has_passed_the_one_before),
		IN_HOUSE(test_a_wrong_code_stays_at_its_step_and_the_tries_are_of_the_whole_login),
		IN_HOUSE(test_a_step_behind_the_last_breaks_the_link),
		IN_HOUSE(test_an_account_or_session_check_needs_no_prompt),
		IN_HOUSE(test_a_desk_is_opened_with_the_peers_uid_and_its_nonce),
		IN_HOUSE(test_a_caller_who_is_not_root_is_asked_only_for_themselves),
		IN_HOUSE(test_services_of_callers_who_are_not_root_have_a_name_of_their_own),
		IN_HOUSE(test_a_service_name_of_the_longest_kind_still_fits),
		IN_HOUSE(test_the_owner_of_spawn_counts_as_root),
		IN_HOUSE(test_a_door_cannot_ask_for_a_desk_in_a_login),
		IN_HOUSE(test_versions_that_do_not_meet_are_refused),
		IN_HOUSE(test_a_newer_client_is_spoken_to_in_our_newest_version),
		IN_HOUSE(test_one_caller_too_many_is_refused_with_its_own_nonce),
	};

	return cmocka_run_group_tests_name("session_login", tests, NULL, NULL);
}
