/*
 * What the vault refuses a desk, and the sentence it gives: values that the desk's own parser would
 * never send, for a desk is no more trusted to be ours than a door.
 */
#include "vault_room.h"

#include <kenmon/factor.h>

static void refused(const char *what, struct msg_done done, km_rc rc, const char *text)
{
	if (done.rc != -rc || !strstr(done.text, text))
		fail_msg("%s: rc %d, \"%s\"; wanted %d, \"%s\"", what, done.rc, done.text, -rc,
			 text);
}

static struct km_msg operator_of(const char *login)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };

	snprintf(m.operator_add.login, sizeof(m.operator_add.login), "%s", login);
	snprintf(m.operator_add.employee_number, sizeof(m.operator_add.employee_number), "N-%.60s",
		 login);
	snprintf(m.operator_add.name, sizeof(m.operator_add.name), "Name");
	snprintf(m.operator_add.department, sizeof(m.operator_add.department), "Department");
	m.operator_add.uid = 1000;
	m.operator_add.valid_from = m.operator_add.valid_until = KM_DAY_NONE;
	return m;
}

static struct km_msg token_of(const char *login, unsigned factor)
{
	struct km_msg m = { .number = KM_MSG_ENROL };

	snprintf(m.enrol.login, sizeof(m.enrol.login), "%s", login);
	m.enrol.factor = (uint8_t)factor;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	m.enrol.period = 30;
	assert_int_equal(km_secret_set(&m.enrol.secret, "12345678901234567890", 20), KM_OK);
	return m;
}

static void test_an_operator_with_a_value_that_cannot_be_is_refused(void **state)
{
	int line = desk_comes();
	struct km_msg m;

	(void)state;
	m = operator_of("hanako");
	m.operator_add.login[0] = '\0';
	refused("no login", desk_does(line, m), KM_EINVAL, "");
	m = operator_of("hanako");
	m.operator_add.name[0] = '\0';
	refused("no name", desk_does(line, m), KM_EINVAL, "");
	m = operator_of("hanako");
	m.operator_add.uid = -2;
	refused("uid -2", desk_does(line, m), KM_EINVAL, "");
	m.operator_add.uid = UINT32_MAX;
	refused("a uid that is none", desk_does(line, m), KM_EINVAL, "");
	m = operator_of("hanako");
	m.operator_add.role = KM_ROLE_OFFICER + 1;
	refused("a role that is none", desk_does(line, m), KM_EINVAL, "");
	m = operator_of("hanako");
	m.operator_add.valid_from = 20001;
	m.operator_add.valid_until = 20000;
	refused("days", desk_does(line, m), KM_EINVAL, "valid-from lies after valid-until");
	m.operator_add.valid_until = 20001;
	refused("one day", desk_does(line, m), KM_OK, "");
	close(line);
}

static void test_a_token_with_a_value_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *what;
		unsigned factor, algorithm, digits, period;
		uint64_t counter;
		size_t seed;
		const char *text;
	} bad[] = {
		{ "a recovery code", KM_FACTOR_RECOVERY, KM_SHA1, 6, 30, 0, 20, "" },
		{ "no hash", KM_FACTOR_TOTP, 0, 6, 30, 0, 20, "" },
		{ "another hash", KM_FACTOR_TOTP, KM_SHA512 + 1, 6, 30, 0, 20, "" },
		{ "five digits", KM_FACTOR_TOTP, KM_SHA1, 5, 30, 0, 20, "" },
		{ "nine digits", KM_FACTOR_TOTP, KM_SHA1, 9, 30, 0, 20, "" },
		{ "SHA-256 by counter", KM_FACTOR_HOTP, KM_SHA256, 6, 0, 0, 20, "SHA-1 only" },
		{ "14 s", KM_FACTOR_TOTP, KM_SHA1, 6, 14, 0, 20, "15 to 300 seconds" },
		{ "301 s", KM_FACTOR_TOTP, KM_SHA1, 6, 301, 0, 20, "15 to 300 seconds" },
		{ "120 bits", KM_FACTOR_TOTP, KM_SHA1, 6, 30, 0, 15, "16 to 64 bytes" },
		{ "65 bytes", KM_FACTOR_TOTP, KM_SHA1, 6, 30, 0, 65, "16 to 64 bytes" },
		{ "a counter at its end", KM_FACTOR_HOTP, KM_SHA1, 6, 0, UINT64_MAX, 20, "" },
	};
	int line = desk_comes();
	struct km_msg m;

	(void)state;
	refused("add", desk_does(line, operator_of("hanako")), KM_OK, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m = token_of("hanako", bad[i].factor);
		m.enrol.algorithm = (uint8_t)bad[i].algorithm;
		m.enrol.digits = (uint8_t)bad[i].digits;
		m.enrol.period = (uint16_t)bad[i].period;
		m.enrol.counter = bad[i].counter;
		m.enrol.secret.len = (uint16_t)bad[i].seed;
		refused(bad[i].what, desk_does(line, m), KM_EINVAL, bad[i].text);
	}
	m = (struct km_msg){ .number = KM_MSG_ENROL_RECOVERY };
	snprintf(m.enrol_recovery.login, sizeof(m.enrol_recovery.login), "hanako");
	m.enrol_recovery.codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH - 1;
	refused("a code too short", desk_does(line, m), KM_EINVAL, "");
	m = (struct km_msg){ .number = KM_MSG_CREDENTIAL_LIST };
	snprintf(m.credential_list.login, sizeof(m.credential_list.login), "hanako");
	desk_asks(line, &m);
	assert_int_equal(m.number, KM_MSG_DONE); /* no row came: nothing was stored */
	close(line);
}

/* Which is nobody's at the desk from then on, and a login's all the same. */
static void test_an_account_that_becomes_that_of_two_is_said_to_be(void **state)
{
	static const char text[] = "another operator has the uid 1000 too";
	int line = desk_comes();
	struct km_msg m;

	(void)state;
	assert_string_equal(desk_does(line, operator_of("hanako")).text, "");
	refused("the same uid", desk_does(line, operator_of("jiro")), KM_OK, text);
	m = operator_of("saburo");
	m.operator_add.uid = 1001;
	assert_string_equal(desk_does(line, m).text, "");
	m = (struct km_msg){ .number = KM_MSG_OPERATOR_REBIND, .operator_rebind.uid = -1 };
	snprintf(m.operator_rebind.login, sizeof(m.operator_rebind.login), "jiro");
	assert_string_equal(desk_does(line, m).text, "");
	m.operator_rebind.uid = 1000;
	refused("back to it", desk_does(line, m), KM_OK, text);
	m.operator_rebind.uid = 1002;
	assert_string_equal(desk_does(line, m).text, "");
	assert_string_equal(desk_does(line, m).text, ""); /* one's own is nobody else's */
	m.operator_rebind.uid = 1000;
	refused("and again", desk_does(line, m), KM_OK, text);
	refused("where it is", desk_does(line, m), KM_OK, text);
	refused("a third", desk_does(line, operator_of("goro")), KM_OK, text);
	m.operator_rebind.uid = 1002;
	assert_string_equal(desk_does(line, m).text, "");
	m = operator_of("shiro");
	memcpy(m.operator_add.employee_number, "N-hanako", 9);
	m.operator_add.uid = 1002;
	refused("which was not made", desk_does(line, m), KM_EREUSED, "");
	assert_string_equal(desk_does(line, m).text, "");
	close(line);
}

static void test_states_uids_and_suspicions_that_are_none_are_refused(void **state)
{
	int line = desk_comes();
	struct km_msg m;

	(void)state;
	refused("add", desk_does(line, operator_of("hanako")), KM_OK, "");
	m = (struct km_msg){ .number = KM_MSG_OPERATOR_STATE };
	snprintf(m.operator_state.login, sizeof(m.operator_state.login), "hanako");
	m.operator_state.state = KM_ERASING;
	refused("erasing, as a state", desk_does(line, m), KM_EINVAL, "");
	m = (struct km_msg){ .number = KM_MSG_OPERATOR_REBIND };
	snprintf(m.operator_rebind.login, sizeof(m.operator_rebind.login), "hanako");
	m.operator_rebind.uid = (int64_t)UINT32_MAX + 1;
	refused("a uid of 33 bits", desk_does(line, m), KM_EINVAL, "");
	m = (struct km_msg){ .number = KM_MSG_ACCEPT };
	m.accept.what = 3;
	refused("two suspicions at once", desk_does(line, m), KM_EINVAL, "");
	m.accept.what = KM_SUSPECT_MACHINE;
	refused("no suspicion", desk_does(line, m), KM_ENOTFOUND, "nothing of this kind");
	close(line);
}

static void test_nothing_is_destroyed_without_a_reason_or_in_doubt(void **state)
{
	int line = desk_comes();
	struct km_msg m = { .number = KM_MSG_ERASE };

	(void)state;
	refused("add", desk_does(line, operator_of("hanako")), KM_OK, "");
	snprintf(m.erase.login, sizeof(m.erase.login), "hanako");
	refused("no reason", desk_does(line, m), KM_EINVAL, "needs a reason");
	snprintf(m.erase.reason, sizeof(m.erase.reason), "left");
	room.v->suspicion = KM_SUSPECT_CLOCK;
	refused("C35: the clock", desk_does(line, m), KM_ESUSPECT, "nothing is destroyed");
	room.v->suspicion = KM_SUSPECT_ROLLBACK;
	refused("the database", desk_does(line, m), KM_ESUSPECT, "");
	room.v->suspicion = 0;
	refused("in order", desk_does(line, m), KM_OK, "");
	close(line);
}

static void test_a_code_of_the_time_is_not_checked_while_the_clock_is_in_doubt(void **state)
{
	int line = desk_comes();
	struct km_msg m = token_of("hanako", KM_FACTOR_TOTP);
	struct msg_done done;

	(void)state;
	refused("add", desk_does(line, operator_of("hanako")), KM_OK, "");
	done = desk_does(line, m);
	refused("enrol", done, KM_OK, "");
	room.v->suspicion = KM_SUSPECT_CLOCK;
	m.enrol.confirm = 1;
	m.enrol.secret.bytes[0] = 'x';
	refused("C35: to confirm", desk_does(line, m), KM_ESUSPECT, "the clock is in doubt");
	m = (struct km_msg){ .number = KM_MSG_RESYNC };
	snprintf(m.resync.login, sizeof(m.resync.login), "hanako");
	m.resync.id = done.id;
	refused("C35: to resynchronise", desk_does(line, m), KM_ESUSPECT, "");
	close(line);
}

static void test_letters_are_no_code_of_a_token(void **state)
{
	int line = desk_comes();
	struct km_msg m = token_of("hanako", KM_FACTOR_HOTP);
	struct msg_done done;

	(void)state;
	refused("add", desk_does(line, operator_of("hanako")), KM_OK, "");
	done = desk_does(line, m);
	refused("enrol", done, KM_OK, "");
	m = (struct km_msg){ .number = KM_MSG_RESYNC };
	snprintf(m.resync.login, sizeof(m.resync.login), "hanako");
	m.resync.id = done.id;
	desk_asks(line, &m);
	assert_int_equal(m.number, KM_MSG_PROMPT);
	m = (struct km_msg){ .number = KM_MSG_ANSWER };
	assert_int_equal(km_secret_set(&m.answer.secret, "letters", 7), KM_OK);
	refused("letters", desk_does(line, m), KM_EBADCODE, "");
	close(line);
}

static void test_the_17th_desk_is_told_that_the_house_is_busy(void **state)
{
	int line[VAULT_LINES], client;
	struct km_msg m;

	(void)state;
	for (size_t i = 0; i < VAULT_LINES; i++)
		line[i] = desk_comes();
	client = opens(KM_REQUEST_DESK, "", geteuid());
	assert_int_equal(hear(client, KM_PHASE_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.number, KM_MSG_RESULT);
	assert_int_equal(m.result.verdict, KM_VERDICT_UNAVAILABLE);
	assert_int_equal(m.result.reason, KM_REASON_BUSY);
	close(client);
	for (size_t i = 0; i < VAULT_LINES; i++)
		close(line[i]);
	for (size_t i = 0; i < VAULT_LINES; i++)
		vault_round(room.v, 0);
	close(desk_comes()); /* and when they have gone, there is room again */
}

static void test_an_answer_that_nobody_asked_for_costs_the_line(void **state)
{
	int line = desk_comes();
	struct km_msg m = { .number = KM_MSG_ANSWER };

	(void)state;
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_ECLOSED);
	close(line);
}

static void test_a_descriptor_on_a_line_is_closed(void **state)
{
	int line = desk_comes(), before, after;
	struct km_msg m = { .number = KM_MSG_STATUS };

	(void)state;
	before = dup(line);
	close(before);
	assert_int_equal(km_send_msg(line, &m, line, 0), KM_OK);
	vault_round(room.v, 0);
	after = dup(line);
	assert_int_equal(after, before);
	close(after);
	close(line);
}

/* As little as the kernel allows: a listing does not fit. */
static void little_room(int fd)
{
	const int little = 1;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
}

static void test_a_desk_that_reads_slowly_gets_every_row_and_no_second_page_before(void **state)
{
	struct km_msg m = { .number = KM_MSG_AUDIT_LIST }, row;
	struct km_event_record r;
	int line = desk_comes();
	unsigned rows = 0, done = 0;

	(void)state;
	event_make(&r, KM_EVENT_RELOADED, NULL, "test");
	for (int i = 0; i < 100; i++)
		assert_int_equal(store_record(room.v->store, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	little_room(room.v->line[0].fd);
	m.audit_list.limit = 100;
	/* Twice, without reading in between. */
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_true(room.v->line[0].out.head < room.v->line[0].out.tail);
	for (int i = 0; i < 2000 && done < 2; i++) {
		if (hear(line, KM_PHASE_DESK_TALK, &row, NULL) != KM_OK) {
			vault_round(room.v, 0);
			continue;
		}
		rows += row.number == KM_MSG_AUDIT_ROW;
		done += row.number == KM_MSG_DONE;
		assert_true(done == 0 || rows >= 100);
	}
	assert_int_equal(done, 2);
	assert_true(rows >= 200);
	close(line);
}

static void test_a_desk_that_goes_before_its_answer_costs_nothing_but_its_line(void **state)
{
	struct km_msg m = { .number = KM_MSG_STATUS };
	int line = desk_comes();

	(void)state;
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	close(line);
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	assert_int_equal(room.v->line[0].fd, -1);
	assert_false(room.v->stop);
}

static void test_a_long_trail_is_verified_in_slices(void **state)
{
	struct km_event_record r;
	int line = desk_comes();
	struct km_msg m = { .number = KM_MSG_AUDIT_VERIFY };
	struct msg_done done;
	unsigned slices = 0;

	(void)state;
	event_make(&r, KM_EVENT_RELOADED, NULL, "test");
	for (int i = 0; i < 20000; i++)
		assert_int_equal(store_record(room.v->store, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	do {
		done = desk_does(line, m);
		m.audit_verify.again = 1;
		slices++;
	} while (done.rc == -KM_EAGAIN);
	assert_int_equal(done.rc, KM_OK);
	assert_true(done.id >= 20000);
	assert_true(slices > 1);
	close(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_an_operator_with_a_value_that_cannot_be_is_refused),
		IN_ROOM(test_a_token_with_a_value_that_cannot_be_is_refused),
		IN_ROOM(test_an_account_that_becomes_that_of_two_is_said_to_be),
		IN_ROOM(test_states_uids_and_suspicions_that_are_none_are_refused),
		IN_ROOM(test_nothing_is_destroyed_without_a_reason_or_in_doubt),
		IN_ROOM(test_a_code_of_the_time_is_not_checked_while_the_clock_is_in_doubt),
		IN_ROOM(test_letters_are_no_code_of_a_token),
		IN_ROOM(test_the_17th_desk_is_told_that_the_house_is_busy),
		IN_ROOM(test_an_answer_that_nobody_asked_for_costs_the_line),
		IN_ROOM(test_a_descriptor_on_a_line_is_closed),
		IN_ROOM(test_a_desk_that_reads_slowly_gets_every_row_and_no_second_page_before),
		IN_ROOM(test_a_desk_that_goes_before_its_answer_costs_nothing_but_its_line),
		IN_ROOM(test_a_long_trail_is_verified_in_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
