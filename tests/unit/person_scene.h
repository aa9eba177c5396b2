/*
 * People at desks: a vault where two persons are needed, and lines of root, of operators at their
 * own accounts, and of strangers. Each test includes this once.
 */
#ifndef KENMON_TESTS_PERSON_SCENE_H
#define KENMON_TESTS_PERSON_SCENE_H

#include <grp.h>

#include <kenmon/sock.h>

#include "../../authd/vault/desk.h"
#include "vault_world.h"

#define PLAIN_UID  5001 /* of hanako, an operator without a role */
#define CLERK_UID  5002 /* of rin, a registrar */
#define SECOND_UID 5003 /* of aoi, an approver */

static struct world *world;

/* --- who is registered --------------------------------------------------------------- */

static inline void staff(const char *login, uid_t uid, enum km_role role)
{
	world->role = role;
	world_add_as(world, login, uid, true, false);
}

static inline void two_persons(void)
{
	world->v->conf.approval_required = true;
	assert_int_equal(store_meta_set(world->v->store, "founded", "1", 1, NULL), KM_OK);
	assert_int_equal(store_flush(world->v->store), KM_OK);
}

/* Lines of other uids than ours take root; without it these tests have nobody to play. */
static inline int open_office(void **state)
{
	(void)state;
	if (geteuid() != 0)
		return 0;
	world = world_new();
	world_up(world);
	staff("hanako", PLAIN_UID, KM_ROLE_OPERATOR);
	staff("rin", CLERK_UID, KM_ROLE_REGISTRAR);
	staff("aoi", SECOND_UID, KM_ROLE_APPROVER);
	two_persons();
	return 0;
}

static inline int close_office(void **state)
{
	(void)state;
	if (world)
		world_free(world);
	world = NULL;
	return 0;
}

/* --- their lines ----------------------------------------------------------------------- */

/* What the client of a desk is told; *line: what came with it. */
static inline struct km_msg knocks(uid_t uid, int *line)
{
	struct km_msg m, verdict;
	int client;

	world->peer = uid;
	client = world_open(world, KM_REQUEST_DESK, "");
	world->peer = 0;
	m = world_client_heard(client, line);
	close(client);
	while (world_heard(world, &verdict))
		; /* what the judge is told of it */
	return m;
}

/* uid 0: root's. */
static inline int comes(uid_t uid)
{
	int line = -1;

	assert_int_equal(knocks(uid, &line).number, KM_MSG_DESK_LINE);
	assert_true(line >= 0);
	return line;
}

static inline km_rc hears(int line, struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;
	km_rc rc = km_recv(line, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT);

	return rc == KM_OK ? km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, m) : rc;
}

/* Sends an operation, under a new id, or an answer: what comes first. */
static inline struct km_msg says(int line, struct km_msg m)
{
	static uint8_t op;

	if (m.number != KM_MSG_ANSWER && m.number != KM_MSG_ABORT)
		memset(m.status.op, ++op, sizeof m.status.op);
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	world_round(world);
	assert_int_equal(hears(line, &m), KM_OK);
	return m;
}

/* The same, rows passed over: what is asked, or how it ended. */
static inline struct km_msg ends(int line, struct km_msg m)
{
	m = says(line, m);
	while (m.number != KM_MSG_DONE && m.number != KM_MSG_PROMPT)
		assert_int_equal(hears(line, &m), KM_OK);
	return m;
}

static inline struct km_msg answer(int line, const char *code)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };

	assert_int_equal(km_secret_set(&m.answer.secret, code, strlen(code)), KM_OK);
	return ends(line, m);
}

/* The HOTP code of this counter, which everybody here has. */
static inline struct km_msg answers(int line, uint64_t counter)
{
	char code[16];

	world_code(counter, code);
	return answer(line, code);
}

static inline void is_done(struct km_msg m, km_rc rc)
{
	if (m.number != KM_MSG_DONE || m.done.rc != -rc)
		fail_msg("%s, rc %d, \"%s\"; wanted rc %d", km_message_name(m.number), m.done.rc,
			 m.done.text, -rc);
}

static inline void is_asked(struct km_msg m, const char *login)
{
	char part[80];

	assert_int_equal(m.number, KM_MSG_PROMPT);
	assert_true(m.prompt.shape & KM_SHAPE_OWN);
	snprintf(part, sizeof part, "Your own one-time code (%s): ", login);
	if (!strstr(m.prompt.text, part))
		fail_msg("asked \"%s\"", m.prompt.text);
}

/* --- what they ask for ---------------------------------------------------------------------- */

static inline struct km_msg about(enum km_message_number number, const char *login)
{
	struct km_msg m = { .number = (uint8_t)number };

	/* login stands right behind op in all that are used here. */
	snprintf(m.operator_show.login, sizeof m.operator_show.login, "%s", login);
	return m;
}

static inline struct km_msg suspending(const char *login)
{
	struct km_msg m = about(KM_MSG_OPERATOR_STATE, login);

	m.operator_state.state = KM_SUSPENDED;
	return m;
}

static inline struct km_msg listing(void)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_LIST };

	m.operator_list.limit = 10;
	return m;
}

static inline void names(int line, const char *login)
{
	is_done(says(line, about(KM_MSG_IDENTIFY, login)), KM_OK);
}

/* --- the trail ------------------------------------------------------------------------------- */

/* Records of an event; the last one is in *last. */
static inline size_t records(enum km_event event, struct km_audit_row *last)
{
	static struct km_audit_row rows[200];
	size_t count = 0, n = 0;

	assert_int_equal(store_audit(world->v->store, 0, NULL, 200, rows, &count), KM_OK);
	assert_true(count < 200);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].event != event)
			continue;
		n++;
		if (last)
			*last = rows[i];
	}
	return n;
}

/* A code of rin's that is good for a day, or waits for its approval: its first is `seed`'s 0. */
static inline void special_code(const char *login, const char *seed, bool waiting, int64_t until)
{
	struct km_credential in = { .factor = KM_FACTOR_HOTP,
				    .algorithm = KM_SHA1,
				    .digits = 6,
				    .waiting = waiting,
				    .until = until };
	struct km_secret secret = { 0 };
	struct km_event_record r;
	struct km_operator op;
	uint64_t id;

	assert_int_equal(store_operator_by_login(world->v->store, login, &op), KM_OK);
	memcpy(in.subject, op.subject, sizeof in.subject);
	assert_int_equal(km_secret_set(&secret, seed, strlen(seed)), KM_OK);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_otp(world->v->store, &op, &in, &secret, &r, &id), KM_OK);
	assert_int_equal(store_flush(world->v->store), KM_OK);
}

static inline uint32_t fails_of(const char *login)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	struct km_operator op;
	size_t count = 0;

	assert_int_equal(store_operator_by_login(world->v->store, login, &op), KM_OK);
	assert_int_equal(store_credentials(world->v->store, op.subject, list, &count), KM_OK);
	assert_int_equal(list[0].factor, KM_FACTOR_HOTP);
	return list[0].throttle.fails;
}

#define NEEDS_ROOT()                                                                               \
	do {                                                                                       \
		(void)state;                                                                       \
		if (!world)                                                                        \
			skip();                                                                    \
	} while (0)
#define IN_OFFICE(test) cmocka_unit_test_setup_teardown(test, open_office, close_office)

#endif
