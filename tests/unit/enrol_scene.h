/*
 * The vault at an enrolment of a finger: the test is the desk, the judge that passes on what the
 * sensor says, and the matcher. Each test includes this once.
 */
#ifndef KENMON_TESTS_ENROL_SCENE_H
#define KENMON_TESTS_ENROL_SCENE_H

#include "../../authd/vault/store_internal.h"
#include "agree.h"
#include "vault_room.h"

#include <kenmon/event.h>
#include <kenmon/factor.h>
#include <kenmon/finger.h>

#define LOGIN    "hanako"
#define READER   "A reader of somebody's"
#define WANTED   KM_IMPRESSIONS_LEAST
#define TEMPLATE "what a matcher makes of five impressions"

static struct scene {
	int matcher, line; /* our ends; -1: closed */
	uint8_t grant[KM_GRANT_BYTES];
	uint8_t lent[4];     /* first bytes of what was lent last */
	unsigned lends;      /* frames of it */
	uint64_t credential; /* the operator's code */
} scene;

/* --- the matcher's, the judge's and the desk's part ---------------------- */

static inline void matcher_comes(void)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	room.v->matcher = ready.data.fd = pair[0];
	room.v->matcher_spoke = true;
	scene.matcher = pair[1];
	assert_int_equal(epoll_ctl(room.v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
}

/* KM_MSG_NONE: it was told nothing. */
static inline struct km_msg matcher_hears(void)
{
	static uint8_t frame[KM_FRAME_MAX];
	struct km_msg m = { .number = KM_MSG_NONE };
	size_t len;

	if (km_recv(scene.matcher, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) == KM_OK)
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_MATCHER, &m), KM_OK);
	return m;
}

static inline void matcher_says(const struct km_msg *m)
{
	assert_int_equal(km_send_msg(scene.matcher, m, -1, 0), KM_OK);
	vault_round(room.v, 0);
}

static inline void stage(unsigned outcome, unsigned good, unsigned of)
{
	struct km_msg m = { .number = KM_MSG_STAGE };

	memcpy(m.stage.grant, scene.grant, sizeof(m.stage.grant));
	m.stage.outcome = (uint8_t)outcome;
	m.stage.stage = (uint8_t)good;
	m.stage.of = (uint8_t)of;
	matcher_says(&m);
}

static inline void template(size_t len)
{
	static uint8_t blob[KM_TEMPLATE_MAX], frame[KM_FRAME_MAX];
	size_t frame_len;
	struct km_msg m = { .number = KM_MSG_TEMPLATE };

	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (uint8_t)TEMPLATE[i % strlen(TEMPLATE)];
	memcpy(m.finger_template.grant, scene.grant, sizeof(m.finger_template.grant));
	m.finger_template.blob = (struct km_span){ .bytes = blob, .len = (uint16_t)len };
	assert_int_equal(km_encode(&m, frame, sizeof(frame), &frame_len), KM_OK);
	assert_int_equal(km_send(scene.matcher, frame, frame_len, -1, 0), KM_OK);
	vault_round(room.v, 0);
}

static inline void sensed_at(unsigned event, const char *reader, const char *detail)
{
	struct km_msg m = { .number = KM_MSG_SENSED };

	memcpy(m.sensed.grant, scene.grant, sizeof(m.sensed.grant));
	m.sensed.event = (uint8_t)event;
	snprintf(m.sensed.reader, sizeof(m.sensed.reader), "%s", reader);
	snprintf(m.sensed.detail, sizeof(m.sensed.detail), "%s", detail);
	judge_says(&m, -1);
}

static inline void sensed(unsigned event)
{
	sensed_at(event, READER, "");
}

/* What the judge was told of captures. KM_MSG_NONE: nothing. */
static inline struct km_msg judge_told(void)
{
	struct km_msg m = { .number = KM_MSG_NONE };
	km_rc rc;

	do
		rc = hear(room.judge, KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK, &m, NULL);
	while (rc == KM_OK && (m.number == KM_MSG_HEAD || m.number == KM_MSG_VERDICT));
	if (rc != KM_OK)
		m.number = KM_MSG_NONE;
	return m;
}

static inline struct km_msg desk_hears(void)
{
	struct km_msg m = { .number = KM_MSG_NONE };

	if (hear(scene.line, KM_PHASE_DESK_TALK, &m, NULL) != KM_OK)
		m.number = KM_MSG_NONE;
	return m;
}

/* The next row is this one. */
static inline void row(unsigned event, unsigned outcome, unsigned good)
{
	struct km_msg m = desk_hears();

	assert_int_equal(m.number, KM_MSG_FINGER_STAGE);
	assert_int_equal(m.finger_stage.event, event);
	assert_int_equal(m.finger_stage.outcome, outcome);
	assert_int_equal(m.finger_stage.stage, good);
	assert_int_equal(m.finger_stage.of, WANTED);
}

/* The next frame is DONE and says so. */
static inline struct msg_done done(km_rc rc, const char *text)
{
	struct km_msg m = desk_hears();

	assert_int_equal(m.number, KM_MSG_DONE);
	if (m.done.rc != -rc || !strstr(m.done.text, text))
		fail_msg("rc %d, \"%s\"; wanted %d, \"%s\"", m.done.rc, m.done.text, -rc, text);
	return m.done;
}

/* --- who is there -------------------------------------------------------- */

static inline uint64_t enrol_token(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ENROL };
	struct msg_done d;

	snprintf(m.enrol.login, sizeof(m.enrol.login), "%s", login);
	m.enrol.factor = KM_FACTOR_TOTP;
	m.enrol.algorithm = KM_SHA1;
	m.enrol.digits = 6;
	m.enrol.period = 30;
	assert_int_equal(km_secret_set(&m.enrol.secret, "12345678901234567890", 20), KM_OK);
	d = desk_does(scene.line, m);
	assert_int_equal(d.rc, 0);
	return d.id;
}

static inline void register_somebody(const char *login)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };

	snprintf(m.operator_add.login, sizeof(m.operator_add.login), "%s", login);
	snprintf(m.operator_add.employee_number, sizeof(m.operator_add.employee_number), "N%.60s",
		 login);
	snprintf(m.operator_add.name, sizeof(m.operator_add.name), "Name");
	snprintf(m.operator_add.department, sizeof(m.operator_add.department), "Department");
	m.operator_add.uid = 1000;
	m.operator_add.valid_from = m.operator_add.valid_until = KM_DAY_NONE;
	assert_int_equal(desk_does(scene.line, m).rc, 0);
}

static inline int open_scene(void **state)
{
	if (open_room(state))
		return -1;
	memset(&scene, 0, sizeof(scene));
	matcher_comes();
	scene.line = desk_comes();
	register_somebody(LOGIN);
	scene.credential = enrol_token(LOGIN);
	assert_int_equal(try_to_agree(room.v, LOGIN), KM_OK);
	return 0;
}

static inline int close_scene(void **state)
{
	if (scene.line >= 0)
		close(scene.line);
	if (scene.matcher >= 0)
		close(scene.matcher);
	if (room.v->matcher >= 0)
		close(room.v->matcher);
	return close_room(state);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

static inline struct km_msg asking(unsigned finger)
{
	struct km_msg m = { .number = KM_MSG_ENROL_FINGER };

	snprintf(m.enrol_finger.login, sizeof(m.enrol_finger.login), LOGIN);
	m.enrol_finger.finger = (uint8_t)finger;
	m.enrol_finger.impressions = WANTED;
	return m;
}

static inline void ask(int line, struct km_msg m)
{
	memset(m.status.op, ++room.op, sizeof(m.status.op));
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
}

/* All frames of a lending; the judge is told to capture, the desk nothing yet. */
static inline void lent_and_sensing(unsigned shots)
{
	struct km_msg m;

	scene.lends = 0;
	memset(scene.lent, 0, sizeof(scene.lent));
	while ((m = matcher_hears()).number != KM_MSG_NONE) {
		assert_int_equal(m.number, KM_MSG_LEND);
		assert_int_equal(m.lend.mode, KM_GRANT_ENROL);
		assert_int_equal(m.lend.wanted, WANTED);
		assert_int_equal(m.lend.index, scene.lends++);
		if (m.lend.blob.len >= sizeof(scene.lent))
			memcpy(scene.lent, m.lend.blob.bytes, sizeof(scene.lent));
		memcpy(scene.grant, m.lend.grant, sizeof(scene.grant));
	}
	m = judge_told();
	assert_int_equal(m.number, KM_MSG_SENSE);
	if (scene.lends)
		assert_memory_equal(m.sense.grant, scene.grant, sizeof(scene.grant));
	memcpy(scene.grant, m.sense.grant, sizeof(scene.grant));
	assert_int_equal(m.sense.shots, shots);
	assert_int_equal(desk_hears().number, KM_MSG_NONE);
}

static inline void begin(unsigned finger)
{
	ask(scene.line, asking(finger));
	lent_and_sensing(60);
	assert_int_equal(scene.lends, 1);
}

/* To the n-th step: the reader opens, then one good impression after the other. */
static inline void go_to(unsigned step)
{
	begin(KM_FINGER_RIGHT_INDEX);
	if (step == 0)
		return;
	sensed(KM_SENSOR_WAITING);
	row(KM_SENSOR_WAITING, 0, 0);
	for (unsigned n = 1; n < step; n++) {
		stage(KM_STAGE_GOOD, n, WANTED);
		row(0, KM_STAGE_GOOD, n);
	}
}
#define STEPS (WANTED + 2) /* begun, waiting, and after each impression but before the template */

static inline uint64_t enrol_whole(unsigned finger)
{
	struct km_msg m;
	uint64_t id;

	ask(scene.line, asking(finger));
	lent_and_sensing(60);
	sensed(KM_SENSOR_WAITING);
	row(KM_SENSOR_WAITING, 0, 0);
	for (unsigned n = 1; n <= WANTED; n++) {
		stage(KM_STAGE_GOOD, n, WANTED);
		row(0, KM_STAGE_GOOD, n);
	}
	template(1200);
	id = done(KM_OK, "").id;
	m = judge_told();
	assert_int_equal(m.number, KM_MSG_UNSENSE);
	assert_memory_equal(m.unsense.grant, scene.grant, sizeof(scene.grant));
	return id;
}

/* --- what is left -------------------------------------------------------- */

static inline size_t credentials(struct km_credential list[KM_MAX_CREDENTIALS],
				 struct km_operator *op)
{
	size_t count = 0;

	assert_int_equal(store_operator_by_login(room.v->store, LOGIN, op), KM_OK);
	assert_int_equal(store_credentials(room.v->store, op->subject, list, &count), KM_OK);
	return count;
}

static inline int64_t count_of(const char *text)
{
	sqlite3_stmt *st = NULL;
	int64_t n;

	assert_int_equal(
	    sqlite3_prepare_v2(room.v->store->db[DB_VAULT].handle, text, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static inline unsigned records_of_fingers(void)
{
	static struct km_audit_row page[100];
	unsigned found = 0;
	size_t count = 0;

	assert_int_equal(store_audit(room.v->store, 0, NULL, 100, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		found += page[i].event == KM_EVENT_ENROLLED &&
			 strstr(page[i].body, "factor=fingerprint");
	return found;
}

static inline void no_grant_is_open(void)
{
	for (size_t i = 0; i < KM_GRANTS; i++)
		assert_false(room.v->grant[i].used);
}

static inline void nothing_is_left(void)
{
	assert_int_equal(count_of("SELECT count(*) FROM credential WHERE kind = 4"), 0);
	assert_int_equal(count_of("SELECT count(*) FROM template"), 0);
	assert_int_equal(records_of_fingers(), 0);
	no_grant_is_open();
}

enum { FORGET = 1, STOP = 2 };

/* The matcher was told to forget, the judge to stop; and neither of them anything else. */
static inline void told(unsigned what)
{
	struct km_msg m;

	if (what & FORGET) {
		m = matcher_hears();
		assert_int_equal(m.number, KM_MSG_TAKE_BACK);
		assert_memory_equal(m.take_back.grant, scene.grant, sizeof(scene.grant));
	}
	assert_int_equal(matcher_hears().number, KM_MSG_NONE);
	if (what & STOP) {
		m = judge_told();
		assert_int_equal(m.number, KM_MSG_UNSENSE);
		assert_memory_equal(m.unsense.grant, scene.grant, sizeof(scene.grant));
	}
	assert_int_equal(judge_told().number, KM_MSG_NONE);
}

/* The line is as before: it takes a whole enrolment. */
static inline void the_next_one_works(void)
{
	assert_true(enrol_whole(KM_FINGER_RIGHT_INDEX) > 0);
	no_grant_is_open();
}

#endif
