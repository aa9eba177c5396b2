/*
 * Where two persons are needed a copy leaves only when a second one has agreed: once, or for some
 * time, and then also to root's timer.
 */
#include "request_scene.h"

#include "../../authd/vault/copy.h"

static int open_scene(void **state)
{
	static const uint8_t escrow[32] = { 9, 1, 2, 3 };
	int rc = scene_open(state);

	if (rc)
		return rc;
	scene_add("kei", KM_ROLE_OFFICER, true);
	room.v->state_dir = room.state;
	room.v->key_path = room.key;
	room.v->conf.backup_escrow_key.set = true;
	memcpy(room.v->conf.backup_escrow_key.bytes, escrow, sizeof escrow);
	return 0;
}

#define WITH_OFFICER(test) cmocka_unit_test_setup_teardown(test, open_scene, close_room)

static struct km_msg backup(unsigned days)
{
	struct km_msg m = { .number = KM_MSG_BACKUP };

	m.backup.full = 1;
	m.backup.days = (uint16_t)days;
	return m;
}

/* Somebody asks, and answers with their code; KM_EAGAIN: the first bytes came. */
static km_rc takes(const char *login, struct km_msg m)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY };
	int line = desk_comes();
	unsigned chunks = 0;

	if (login) {
		snprintf(who.identify.login, sizeof who.identify.login, "%s", login);
		assert_int_equal(desk_does(line, who).rc, 0);
	}
	memset(m.status.op, ++room.op, sizeof m.status.op);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	for (unsigned n = 0; n < 300 && m.number != KM_MSG_DONE; n++) {
		char code[16];

		vault_round(room.v, 0);
		if (hear(line, KM_PHASE_DESK_TALK, &m, NULL) != KM_OK)
			continue;
		chunks += m.number == KM_MSG_COPY_CHUNK;
		if (m.number == KM_MSG_PROMPT) {
			assert_non_null(login);
			scene_code(login, code);
			m = (struct km_msg){ .number = KM_MSG_ANSWER };
			assert_int_equal(km_secret_set(&m.answer.secret, code, strlen(code)),
					 KM_OK);
			assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
		}
		if (m.number == KM_MSG_COPY_CHUNK)
			n--; /* DONE is right behind it */
	}
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(chunks > 0, m.done.rc == -KM_EAGAIN || m.done.rc == 0);
	close(line);
	vault_round(room.v, 0);
	return km_rc_from_wire(m.done.rc);
}

static uint64_t files(struct km_msg m)
{
	struct msg_done done = scene_does("kei", m);

	assert_int_equal(-(int)done.rc, KM_EFILED);
	return done.id;
}

static void approve(uint64_t id)
{
	struct msg_done done = scene_does("aki", scene_decision(id, true));

	if (done.rc)
		fail_msg("rc %d: %s", done.rc, done.text);
}

static void test_a_backup_leaves_once_when_two_have_agreed(void **state)
{
	struct km_audit_row row;
	uint64_t id = files(backup(0));

	(void)state;
	assert_string_equal(scene_look(id).request_row.text, "full=yes days=0");
	assert_int_equal(scene_record(KM_EVENT_BACKED_UP).event, 0);
	approve(id);
	row = scene_record(KM_EVENT_COPY_APPROVED);
	assert_true(scene_names(&row, "requester", "kei"));
	assert_true(scene_names(&row, "approver", "aki"));
	assert_int_equal(takes("kei", backup(0)), KM_EAGAIN);
	assert_int_equal(scene_record(KM_EVENT_BACKED_UP).event, KM_EVENT_BACKED_UP);
	/* And once only. */
	assert_int_equal(takes("kei", backup(0)), KM_EFILED);
}

static struct km_msg difference(void)
{
	struct km_msg m = backup(0);

	m.backup.full = 0;
	return m;
}

static void test_what_differs_since_leaves_once_when_two_have_agreed_to_that(void **state)
{
	uint64_t id = files(difference());

	(void)state;
	assert_string_equal(scene_look(id).request_row.text, "full=no days=0");
	approve(id);
	assert_int_equal(takes("kei", difference()), KM_EAGAIN);
	assert_non_null(strstr(scene_record(KM_EVENT_BACKED_UP).body, "full=0"));
	assert_int_equal(takes("kei", difference()), KM_EFILED);
	approve(files(backup(0)));
	assert_int_equal(takes("kei", backup(0)), KM_EAGAIN);
	assert_non_null(strstr(scene_record(KM_EVENT_BACKED_UP).body, "full=1"));
}

static void test_what_was_rejected_does_not_leave(void **state)
{
	struct km_msg no = scene_decision(files(backup(0)), false);

	(void)state;
	assert_int_equal(scene_does("aki", no).rc, 0);
	assert_int_equal(takes("kei", backup(0)), KM_EFILED);
	assert_int_equal(scene_record(KM_EVENT_BACKED_UP).event, 0);
}

static void test_a_permit_is_no_other_persons_and_for_nothing_else(void **state)
{
	struct km_msg bundle = { .number = KM_MSG_BUNDLE };

	(void)state;
	scene_add("mio", KM_ROLE_OFFICER, true);
	approve(files(backup(0)));
	assert_int_equal(takes("mio", backup(0)), KM_EFILED);
	assert_int_equal(takes("kei", bundle), KM_EFILED);
	assert_int_equal(takes(NULL, backup(0)), KM_EPERM);
	assert_int_equal(takes("kei", backup(0)), KM_EAGAIN);
}

static void test_a_standing_permit_is_good_for_roots_timer(void **state)
{
	(void)state;
	assert_int_equal(takes(NULL, backup(0)), KM_EPERM);
	approve(files(backup(30)));
	assert_int_equal(takes(NULL, backup(0)), KM_EAGAIN);
	assert_int_equal(takes(NULL, backup(0)), KM_EAGAIN);
	assert_int_equal(takes("kei", backup(0)), KM_EAGAIN);
}

static void test_no_permit_is_asked_for_longer_than_a_year(void **state)
{
	struct msg_done done;

	(void)state;
	done = scene_does("aki", scene_decision(files(backup(PERMIT_DAYS_MOST + 1)), true));
	assert_int_equal(-(int)done.rc, KM_EINVAL);
	assert_int_equal(takes(NULL, backup(0)), KM_EPERM);
}

static void test_a_key_bundle_takes_two_as_well(void **state)
{
	struct km_msg bundle = { .number = KM_MSG_BUNDLE };

	(void)state;
	assert_int_equal(takes(NULL, bundle), KM_EPERM);
	approve(files(bundle));
	assert_int_equal(takes("kei", bundle), KM_OK); /* it fits into one piece */
	assert_int_equal(scene_record(KM_EVENT_BUNDLED).event, KM_EVENT_BUNDLED);
	assert_int_equal(takes("kei", bundle), KM_EFILED);
}

static void test_only_an_officer_asks_for_a_copy(void **state)
{
	(void)state;
	assert_int_equal(takes("rei", backup(0)), KM_EPERM);
	assert_int_equal(takes("aki", backup(0)), KM_EPERM);
	assert_int_equal(takes("hanako", backup(0)), KM_EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_OFFICER(test_a_backup_leaves_once_when_two_have_agreed),
		WITH_OFFICER(test_what_differs_since_leaves_once_when_two_have_agreed_to_that),
		WITH_OFFICER(test_what_was_rejected_does_not_leave),
		WITH_OFFICER(test_a_permit_is_no_other_persons_and_for_nothing_else),
		WITH_OFFICER(test_a_standing_permit_is_good_for_roots_timer),
		WITH_OFFICER(test_no_permit_is_asked_for_longer_than_a_year),
		WITH_OFFICER(test_a_key_bundle_takes_two_as_well),
		WITH_OFFICER(test_only_an_officer_asks_for_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
