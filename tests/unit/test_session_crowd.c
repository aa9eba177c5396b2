/* Crowds: many logins of one name, a full house, and how often the vault hears of it. */
#include "clocks.h"
#include "fake_judge.h"

/* A program of root's, or whoever's uid it is, asks for this login. */
static struct judge_session *asks(uid_t uid, const char *name)
{
	struct judge_session *s = comes(uid);
	struct km_msg m = hello(KM_CLIENT_DOOR);

	forget();
	says(s, &m);
	m = login(KM_REQUEST_AUTHENTICATE, uid ? uid : ALICE);
	snprintf(m.login.login, sizeof(m.login.login), "%s", name);
	forget();
	says(s, &m);
	return s;
}

static bool is_asked(const struct judge_session *s)
{
	return s->id != 0 && s->phase == (KM_PHASE_WORKING | KM_PHASE_OPENING);
}

static struct judge_session *asks_for_a_desk(void)
{
	struct judge_session *s = comes(ROOT);
	struct km_msg m = hello(KM_CLIENT_DESK);

	forget();
	says(s, &m);
	m = (struct km_msg){ .number = KM_MSG_DESK };
	forget();
	says(s, &m);
	return s;
}

/* su and sudo run as root, whoever starts them: this is one person with a loop. */
static void test_one_login_has_its_share_of_roots_places_and_no_more(void **state)
{
	struct judge_session *s = NULL;

	(void)state;
	for (unsigned i = 0; i < JUDGE_PER_LOGIN; i++) {
		s = asks(ROOT, "alice");
		assert_true(is_asked(s));
	}
	asks(ROOT, "alice");
	refused(KM_VERDICT_DENY, KM_REASON_BUSY);
	assert_string_equal(last_result()->result.login, "alice");
	asks(OWNER, "alice");
	refused(KM_VERDICT_DENY, KM_REASON_BUSY);
	/* Nobody else notices. */
	assert_true(is_asked(asks(ROOT, "bob")));
	assert_true(is_asked(asks(ROOT, "alic")));
	assert_true(is_asked(asks(ROOT, "")));
	assert_true(is_asked(asks_for_a_desk()));
	assert_true(is_asked(asks(ALICE, "alice")));
	/* One that ends makes room for one. */
	judge_session_close(j, s, KM_REASON_ABORTED);
	assert_true(is_asked(asks(ROOT, "alice")));
	asks(ROOT, "alice");
	refused(KM_VERDICT_DENY, KM_REASON_BUSY);
}

static void test_the_last_places_are_for_desks_alone(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < JUDGE_SESSIONS - JUDGE_KEPT_DESK; i++) {
		snprintf(name, sizeof(name), "user%u", i);
		assert_true(is_asked(asks(ROOT, name)));
	}
	asks(ROOT, "alice");
	refused(KM_VERDICT_DENY, KM_REASON_BUSY);
	for (unsigned i = 0; i < JUDGE_KEPT_DESK; i++)
		assert_true(is_asked(asks_for_a_desk()));
	assert_int_equal(j->vacancies, 0);
}

/* --- the vault hears of it ---------------------------------------------------------------- */

static void is_told(unsigned index, uint32_t uid, uint32_t count)
{
	assert_true(index < world.vaults);
	assert_int_equal(world.vault[index].number, KM_MSG_TURNED_AWAY);
	assert_int_equal(world.vault[index].turned_away.reason, KM_REASON_BUSY);
	assert_int_equal(world.vault[index].turned_away.uid, uid);
	assert_int_equal(world.vault[index].turned_away.count, count);
}

static void test_a_crowd_turned_away_is_one_frame_at_once_and_one_with_the_count(void **state)
{
	const int64_t later = INT64_MAX / 2, now = 0;

	(void)state;
	clocks_stop();
	for (unsigned i = 0; i < 1000; i++)
		judge_link_turned_away(j, KM_REASON_BUSY, ALICE);
	judge_link_turned_away(j, KM_REASON_BUSY, ALICE + 1);
	assert_int_equal(world.vaults, 2);
	is_told(0, ALICE, 1);
	is_told(1, ALICE + 1, 1);
	assert_false(judge_link_tell_turned(j, now));
	assert_int_equal(world.vaults, 2);
	assert_true(judge_link_tell_turned(j, later));
	assert_int_equal(world.vaults, 3);
	is_told(2, ALICE, 999);
	assert_true(judge_link_tell_turned(j, later + later / 2));
	assert_int_equal(world.vaults, 3);
	clocks_go_on();
}

static void test_what_the_vault_cannot_be_told_is_not_lost(void **state)
{
	const int64_t later = INT64_MAX / 2;

	(void)state;
	world.vault_rc = KM_ELIMIT;
	for (unsigned i = 0; i < 5; i++)
		judge_link_turned_away(j, KM_REASON_BUSY, ALICE);
	assert_false(judge_link_tell_turned(j, later));
	world.vault_rc = KM_OK;
	assert_true(judge_link_tell_turned(j, later));
	assert_int_equal(world.vaults, 1);
	is_told(0, ALICE, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_HOUSE(test_one_login_has_its_share_of_roots_places_and_no_more),
		IN_HOUSE(test_the_last_places_are_for_desks_alone),
		IN_HOUSE(test_a_crowd_turned_away_is_one_frame_at_once_and_one_with_the_count),
		IN_HOUSE(test_what_the_vault_cannot_be_told_is_not_lost),
	};

	return cmocka_run_group_tests_name("session_crowd", tests, NULL, NULL);
}
