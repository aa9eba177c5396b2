/*
 * A finger is enrolled: what the desk, the judge and the matcher are told, what is stored, what a
 * desk sees of it later, and what is refused before anybody touches a reader.
 */
#include "../../authd/vault/grant.h"
#include "enrol_scene.h"

/* --- the whole of it ----------------------------------------------------- */

static void test_a_finger_is_enrolled_and_the_record_says_how(void **state)
{
	static struct km_audit_row page[100];
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_template *t = km_locked_new(sizeof(*t));
	struct km_operator op;
	char reader[65], number[40];
	size_t count = 0;
	uint64_t id;

	(void)state;
	assert_non_null(t);
	id = enrol_whole(KM_FINGER_RIGHT_INDEX);
	told(0);
	assert_int_equal(credentials(list, &op), 2);
	assert_int_equal(list[1].id, id);
	assert_int_equal(list[1].factor, KM_FACTOR_FINGERPRINT);
	assert_string_equal(list[1].label, "right-index");
	assert_int_equal(store_template(room.v->store, &op, &list[1], t), KM_OK);
	assert_int_equal(t->len, 1200);
	assert_memory_equal(t->bytes, TEMPLATE, strlen(TEMPLATE));
	assert_int_equal(store_finger_reader(room.v->store, id, reader), KM_OK);
	assert_string_equal(reader, READER);
	assert_int_equal(store_audit(room.v->store, 0, op.subject, 100, page, &count), KM_OK);
	snprintf(number, sizeof(number), "credential=%llu", (unsigned long long)id);
	assert_int_equal(page[count - 1].event, KM_EVENT_ENROLLED);
	assert_non_null(strstr(page[count - 1].body, "factor=fingerprint finger=right-index "
						     "reader=A%20reader%20of%20somebody's "
						     "impressions=5"));
	assert_non_null(strstr(page[count - 1].body, number));
	no_grant_is_open();
	km_locked_free(t, sizeof(*t));
}

static void test_the_others_are_lent_so_that_no_finger_is_enrolled_twice(void **state)
{
	static const uint8_t none[4];

	(void)state;
	begin(KM_FINGER_RIGHT_INDEX);
	assert_memory_equal(scene.lent, none, 4); /* one frame, and nothing in it */
	stage(KM_STAGE_FAILED, 0, WANTED);
	row(0, KM_STAGE_FAILED, 0);
	(void)done(KM_EUNAVAIL, "");
	told(FORGET | STOP);
	(void)enrol_whole(KM_FINGER_RIGHT_INDEX);
	(void)enrol_whole(KM_FINGER_LEFT_INDEX);
	assert_int_equal(scene.lends, 1);
	assert_memory_equal(scene.lent, TEMPLATE, 4);
	ask(scene.line, asking(KM_FINGER_LEFT_THUMB));
	lent_and_sensing(60);
	assert_int_equal(scene.lends, 2);
	stage(KM_STAGE_KNOWN, 0, WANTED);
	row(0, KM_STAGE_KNOWN, 0);
	(void)done(KM_EEXIST, "enrolled already");
	told(FORGET | STOP);
	assert_int_equal(records_of_fingers(), 2);
	no_grant_is_open();
}

static void test_everything_that_is_said_of_a_touch_reaches_the_desk(void **state)
{
	static const unsigned events[] = { KM_SENSOR_IN_LINE, KM_SENSOR_WAITING,   KM_SENSOR_TAKEN,
					   KM_SENSOR_AGAIN,   KM_SENSOR_TOO_SHORT, KM_SENSOR_CENTRE,
					   KM_SENSOR_LIFT,    KM_SENSOR_POOR_IMAGE };
	struct km_msg m;

	(void)state;
	begin(KM_FINGER_RIGHT_INDEX);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		sensed_at(events[i], i ? "" : READER, "");
		m = desk_hears();
		assert_int_equal(m.finger_stage.event, events[i]);
		assert_string_equal(m.finger_stage.reader, READER); /* it is remembered */
	}
	stage(KM_STAGE_GOOD, 1, WANTED);
	row(0, KM_STAGE_GOOD, 1);
	stage(KM_STAGE_FEW, 1, WANTED);
	row(0, KM_STAGE_FEW, 1);
	stage(KM_STAGE_DIFFERS, 1, WANTED);
	row(0, KM_STAGE_DIFFERS, 1);
	stage(KM_STAGE_SAME, 1, WANTED);
	row(0, KM_STAGE_SAME, 1);
	stage(KM_STAGE_RESTARTED, 0, WANTED);
	row(0, KM_STAGE_RESTARTED, 0);
	told(0);
}

/* Neither the template nor anything of it: the judge hears grants, and where the chain ends. */
static void test_the_judge_sees_no_template_and_no_file_holds_it_in_the_clear(void **state)
{
	static uint8_t frame[KM_FRAME_MAX], bytes[1 << 21];
	const char *const files[] = { "vault.db", "vault.db-wal" };
	char path[200];
	size_t len;

	(void)state;
	ask(scene.line, asking(KM_FINGER_RIGHT_INDEX));
	lent_and_sensing(60);
	for (unsigned n = 1; n <= WANTED; n++)
		stage(KM_STAGE_GOOD, n, WANTED);
	template(KM_TEMPLATE_MAX);
	while (km_recv(room.judge, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) == KM_OK)
		assert_null(memmem(frame, len, TEMPLATE, 8));
	assert_int_equal(records_of_fingers(), 1);
	for (size_t i = 0; i < 2; i++) {
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", room.state, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		n = read(fd, bytes, sizeof(bytes));
		close(fd);
		assert_in_range(n, 4096, sizeof(bytes) - 1);
		assert_null(memmem(bytes, (size_t)n, TEMPLATE, 8));
	}
	/* Nor does it stay in the vault's own buffers. */
	assert_null(memmem(room.v->frame, KM_FRAME_MAX, TEMPLATE, 8));
	assert_null(memmem(room.v->in, sizeof(*room.v->in), TEMPLATE, 8));
}

static void test_an_operation_sent_again_gives_the_first_result_and_captures_nothing(void **state)
{
	struct km_msg m = asking(KM_FINGER_RIGHT_INDEX);
	uint64_t id = enrol_whole(KM_FINGER_RIGHT_INDEX);

	(void)state;
	close(scene.line);
	scene.line = desk_comes();
	memset(m.status.op, room.op, sizeof(m.status.op));
	assert_int_equal(km_send_msg(scene.line, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(done(KM_OK, "").id, id);
	told(0);
	assert_int_equal(records_of_fingers(), 1);
}

/* --- what else a desk sees ----------------------------------------------- */

static void test_lists_and_status_know_of_fingers(void **state)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_LIST };
	uint64_t id = enrol_whole(KM_FINGER_LEFT_RING);
	bool found = false;

	(void)state;
	snprintf(m.credential_list.login, sizeof(m.credential_list.login), LOGIN);
	desk_asks(scene.line, &m);
	m = desk_hears();
	assert_int_equal(m.number, KM_MSG_CREDENTIAL_ROW);
	assert_int_equal(m.credential_row.id, id);
	assert_int_equal(m.credential_row.factor, KM_FACTOR_FINGERPRINT);
	assert_string_equal(m.credential_row.label, "left-ring");
	assert_string_equal(m.credential_row.reader, READER);
	(void)done(KM_OK, "");
	m = (struct km_msg){ .number = KM_MSG_STATUS };
	desk_asks(scene.line, &m);
	while (m.number == KM_MSG_STATUS_ROW) {
		found |= strcmp(m.status_row.key, "fingers") == 0 &&
			 strcmp(m.status_row.value, "1") == 0;
		m = desk_hears();
	}
	assert_true(found);
}

static void test_a_finger_without_its_template_is_listed_so_that_it_can_be_removed(void **state)
{
	struct km_msg list = { .number = KM_MSG_CREDENTIAL_LIST };
	struct km_msg gone = { .number = KM_MSG_CREDENTIAL_REMOVE }, m = list;
	sqlite3 *handle = room.v->store->db[DB_VAULT].handle;

	(void)state;
	gone.credential_remove.id = enrol_whole(KM_FINGER_LEFT_RING);
	snprintf(gone.credential_remove.login, sizeof(gone.credential_remove.login), LOGIN);
	snprintf(list.credential_list.login, sizeof(list.credential_list.login), LOGIN);
	store_undo(room.v->store);
	assert_int_equal(sqlite3_exec(handle, "UPDATE template SET reader = 'x'", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(desk_does(scene.line, list).rc, -KM_ECORRUPT);
	store_undo(room.v->store);
	assert_int_equal(sqlite3_exec(handle, "DELETE FROM template", NULL, NULL, NULL), SQLITE_OK);
	m = list;
	desk_asks(scene.line, &m);
	m = desk_hears();
	assert_int_equal(m.credential_row.id, gone.credential_remove.id);
	assert_string_equal(m.credential_row.reader, "");
	(void)done(KM_OK, "");
	/* Another is not enrolled beside one that cannot be compared with. */
	ask(scene.line, asking(KM_FINGER_LEFT_INDEX));
	(void)done(KM_ECORRUPT, "");
	(void)matcher_hears(); /* what may have been lent is taken back */
	told(0);
	assert_int_equal(desk_does(scene.line, gone).rc, 0);
	the_next_one_works();
}

/* --- what is refused ----------------------------------------------------- */

static void refused(struct km_msg m, km_rc rc, const char *text)
{
	ask(scene.line, m);
	(void)done(rc, text);
	told(0);
	nothing_is_left();
}

static void test_what_cannot_be_is_refused_before_anybody_touches_a_reader(void **state)
{
	struct km_msg m = asking(KM_FINGER_LEFT_LITTLE + 1);

	(void)state;
	refused(m, KM_EINVAL, "");
	m.enrol_finger.finger = KM_FINGER_NONE;
	refused(m, KM_EINVAL, "");
	m = asking(KM_FINGER_RIGHT_INDEX);
	m.enrol_finger.impressions = KM_IMPRESSIONS_LEAST - 1;
	refused(m, KM_EINVAL, "5 to 10 impressions");
	m.enrol_finger.impressions = KM_IMPRESSIONS_MAX + 1;
	refused(m, KM_EINVAL, "5 to 10 impressions");
	m = asking(KM_FINGER_RIGHT_INDEX);
	snprintf(m.enrol_finger.login, sizeof(m.enrol_finger.login), "nobody");
	refused(m, KM_ENOTFOUND, "no operator");
	room.v->suspicion = KM_SUSPECT_MACHINE;
	refused(asking(KM_FINGER_RIGHT_INDEX), KM_ESUSPECT, "");
	room.v->suspicion = 0;
	the_next_one_works();
}

static void test_an_operator_being_erased_gets_no_finger(void **state)
{
	struct km_event_record r = { .event = KM_EVENT_ERASE_BEGUN, .actor = "test" };
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op;

	(void)state;
	assert_int_equal(credentials(list, &op), 1);
	memcpy(r.subject, op.subject, sizeof(r.subject));
	assert_int_equal(store_erase_begin(room.v->store, op.subject, &by_hand, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	refused(asking(KM_FINGER_RIGHT_INDEX), KM_ESTATE, "");
}

static void test_without_a_matcher_no_finger_is_asked_for(void **state)
{
	(void)state;
	close(scene.matcher);
	scene.matcher = -1;
	vault_round(room.v, 0);
	ask(scene.line, asking(KM_FINGER_RIGHT_INDEX));
	(void)done(KM_EUNAVAIL, "compares fingers is not there");
	assert_int_equal(judge_told().number, KM_MSG_NONE);
	nothing_is_left();
}

static void test_a_finger_has_a_code_beside_it(void **state)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };
	struct km_msg codes = { .number = KM_MSG_ENROL_RECOVERY };
	uint64_t finger;

	(void)state;
	snprintf(m.credential_remove.login, sizeof(m.credential_remove.login), LOGIN);
	m.credential_remove.id = scene.credential;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	refused(asking(KM_FINGER_RIGHT_INDEX), KM_ESTATE, "enrol a code first");
	/* Recovery codes are codes, while there are some. */
	snprintf(codes.enrol_recovery.login, sizeof(codes.enrol_recovery.login), LOGIN);
	codes.enrol_recovery.codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (size_t i = 0; i < codes.enrol_recovery.codes.len; i++)
		codes.enrol_recovery.codes.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	m.credential_remove.id = desk_does(scene.line, codes).id;
	finger = enrol_whole(KM_FINGER_RIGHT_INDEX);
	ask(scene.line, m);
	(void)done(KM_ESTATE, "remove the fingers first");
	/* With another code it may go; and the last one, once the finger has gone. */
	scene.credential = enrol_token(LOGIN);
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	m.credential_remove.id = scene.credential;
	ask(scene.line, m);
	(void)done(KM_ESTATE, "remove the fingers first");
	m.credential_remove.id = finger;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	m.credential_remove.id = scene.credential;
	ask(scene.line, m);
	(void)done(KM_OK, "the last factor");
}

static void test_recovery_codes_that_are_used_up_are_no_code(void **state)
{
	struct km_msg m = { .number = KM_MSG_ENROL_RECOVERY };
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_event_record r = { .event = KM_EVENT_LOGIN_ALLOWED, .actor = "test" };
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	uint8_t mac[KM_TAG_BYTES];
	struct km_operator op;
	uint64_t id;

	(void)state;
	snprintf(m.enrol_recovery.login, sizeof(m.enrol_recovery.login), LOGIN);
	m.enrol_recovery.codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (size_t i = 0; i < m.enrol_recovery.codes.len; i++)
		m.enrol_recovery.codes.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	id = desk_does(scene.line, m).id;
	assert_int_equal(credentials(list, &op), 2);
	assert_int_equal(store_credential_remove(room.v->store, op.subject, scene.credential, &r),
			 KM_OK);
	assert_int_equal(
	    km_subject_key_unwrap(room.v->keys, op.subject, op.kek_generation, op.wrapped, &key),
	    KM_OK);
	for (size_t i = 0; i < KM_RECOVERY_CODES; i++) {
		struct km_acceptance a = {
			.credential = id, .recovery_mac = mac, .bind_uid = -1, .event = &r
		};

		memcpy(a.subject, op.subject, sizeof(a.subject));
		assert_int_equal(
		    km_mac_recovery(room.v->keys, &key, id,
				    m.enrol_recovery.codes.bytes + i * KM_RECOVERY_LENGTH,
				    KM_RECOVERY_LENGTH, mac),
		    KM_OK);
		assert_int_equal(store_accept(room.v->store, &a), KM_OK);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
	refused(asking(KM_FINGER_RIGHT_INDEX), KM_ESTATE, "enrol a code first");
}

static void test_a_finger_is_enrolled_once_and_anew_when_it_was_removed(void **state)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };
	uint64_t id = enrol_whole(KM_FINGER_RIGHT_INDEX);

	(void)state;
	ask(scene.line, asking(KM_FINGER_RIGHT_INDEX));
	(void)done(KM_EEXIST, "remove that first");
	told(0);
	snprintf(m.credential_remove.login, sizeof(m.credential_remove.login), LOGIN);
	m.credential_remove.id = id;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
	assert_true(enrol_whole(KM_FINGER_RIGHT_INDEX) > id);
}

static void test_no_finger_is_asked_for_above_the_limit(void **state)
{
	(void)state;
	for (unsigned n = 1; n < KM_MAX_CREDENTIALS; n++) {
		struct km_msg m = { .number = KM_MSG_ENROL };
		char seed[24];

		snprintf(seed, sizeof(seed), "another seed, no. %02u..", n);
		snprintf(m.enrol.login, sizeof(m.enrol.login), LOGIN);
		m.enrol.factor = KM_FACTOR_HOTP;
		m.enrol.algorithm = KM_SHA1;
		m.enrol.digits = 6;
		assert_int_equal(km_secret_set(&m.enrol.secret, seed, 20), KM_OK);
		assert_int_equal(desk_does(scene.line, m).rc, 0);
	}
	refused(asking(KM_FINGER_RIGHT_INDEX), KM_ELIMIT, "at most 16");
}

static void test_one_operator_has_one_enrolment_at_a_time(void **state)
{
	int first, second = -1;
	uint8_t grant[KM_GRANT_BYTES];

	(void)state;
	begin(KM_FINGER_RIGHT_INDEX);
	memcpy(grant, scene.grant, sizeof(grant));
	first = scene.line;
	second = scene.line = desk_comes();
	ask(second, asking(KM_FINGER_LEFT_INDEX));
	(void)done(KM_ESTATE, "being enrolled already");
	told(0);
	/* Another operator's goes on beside it. */
	register_somebody("taro");
	(void)enrol_token("taro");
	assert_int_equal(try_to_agree(room.v, "taro"), KM_OK);
	{
		struct km_msg m = asking(KM_FINGER_LEFT_INDEX);

		snprintf(m.enrol_finger.login, sizeof(m.enrol_finger.login), "taro");
		ask(second, m);
	}
	lent_and_sensing(60);
	stage(KM_STAGE_FAILED, 0, WANTED);
	row(0, KM_STAGE_FAILED, 0);
	(void)done(KM_EUNAVAIL, "");
	told(FORGET | STOP);
	close(second);
	scene.line = first;
	memcpy(scene.grant, grant, sizeof(grant));
	stage(KM_STAGE_GOOD, 1, WANTED);
	row(0, KM_STAGE_GOOD, 1);
}

static void test_a_ninth_capture_is_refused_with_a_sentence(void **state)
{
	struct grant *g;

	(void)state;
	for (size_t i = 0; i < KM_GRANTS; i++)
		assert_int_equal(grant_new(room.v, 60, &g), KM_OK);
	ask(scene.line, asking(KM_FINGER_RIGHT_INDEX));
	(void)done(KM_ELIMIT, "try again in a minute");
	told(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_a_finger_is_enrolled_and_the_record_says_how),
		IN_SCENE(test_the_others_are_lent_so_that_no_finger_is_enrolled_twice),
		IN_SCENE(test_everything_that_is_said_of_a_touch_reaches_the_desk),
		IN_SCENE(test_the_judge_sees_no_template_and_no_file_holds_it_in_the_clear),
		IN_SCENE(test_an_operation_sent_again_gives_the_first_result_and_captures_nothing),
		IN_SCENE(test_lists_and_status_know_of_fingers),
		IN_SCENE(test_a_finger_without_its_template_is_listed_so_that_it_can_be_removed),
		IN_SCENE(test_what_cannot_be_is_refused_before_anybody_touches_a_reader),
		IN_SCENE(test_an_operator_being_erased_gets_no_finger),
		IN_SCENE(test_without_a_matcher_no_finger_is_asked_for),
		IN_SCENE(test_a_finger_has_a_code_beside_it),
		IN_SCENE(test_recovery_codes_that_are_used_up_are_no_code),
		IN_SCENE(test_a_finger_is_enrolled_once_and_anew_when_it_was_removed),
		IN_SCENE(test_no_finger_is_asked_for_above_the_limit),
		IN_SCENE(test_one_operator_has_one_enrolment_at_a_time),
		IN_SCENE(test_a_ninth_capture_is_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
