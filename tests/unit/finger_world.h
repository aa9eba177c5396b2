/*
 * A whole vault with the test as its matcher, too: real frames over a real socket pair. Each test
 * includes this once.
 */
#ifndef KENMON_TESTS_FINGER_WORLD_H
#define KENMON_TESTS_FINGER_WORLD_H

#include <kenmon/sock.h>

#include "../../authd/vault/grant.h"
#include "vault_world.h"

#define FINGER_TEMPLATE 700 /* bytes of a template here; only the matcher would look into it */

static struct finger_world {
	struct world *w;
	int matcher; /* our end of its link; -1: none */
	int client;  /* of the login under way */
} fw;

/* --- up and down ------------------------------------------------------------------------ */

static inline void matcher_says(const struct km_msg *m)
{
	assert_int_equal(km_send_msg(fw.matcher, m, -1, 0), KM_OK);
	world_round(fw.w);
}

static inline void matcher_connects(void)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fw.w->v->matcher = ready.data.fd = pair[0];
	fw.w->v->matcher_spoke = false;
	fw.matcher = pair[1];
	assert_int_equal(epoll_ctl(fw.w->v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
}

static inline void matcher_comes(void)
{
	struct km_msg hello = { .number = KM_MSG_MATCHER };

	matcher_connects();
	hello.matcher.version = KM_ROOM_PROTOCOL;
	matcher_says(&hello);
	assert_true(matcher_ready(fw.w->v));
}

static inline void matcher_goes(void)
{
	close(fw.matcher);
	fw.matcher = -1;
	world_round(fw.w);
}

/* One step for codes and a finger, as in the configuration that is shipped. */
static inline int finger_world_up(void **state)
{
	(void)state;
	km_log_open("test", NULL, LOG_EMERG - 1);
	fw = (struct finger_world){ .matcher = -1, .client = -1 };
	fw.w = world_new();
	fw.w->origin = KM_ORIGIN_LOCAL;
	world_up(fw.w);
	matcher_comes();
	return 0;
}

static inline int finger_world_down(void **state)
{
	(void)state;
	if (fw.client >= 0)
		close(fw.client);
	if (fw.matcher >= 0)
		close(fw.matcher);
	world_free(fw.w);
	return 0;
}

#define WITH_FINGERS(test) cmocka_unit_test_setup_teardown(test, finger_world_up, finger_world_down)

/* --- who has fingers ----------------------------------------------------------------------- */

static inline struct km_operator operator_of(const char *login)
{
	struct km_operator op;

	assert_int_equal(store_operator_by_login(fw.w->v->store, login, &op), KM_OK);
	return op;
}

/* Returns the credential's number. Byte n of a template is its finger and n. */
static inline uint64_t enrol_finger(const char *login, enum km_finger finger)
{
	struct km_operator op = operator_of(login);
	struct km_credential in = { .factor = KM_FACTOR_FINGERPRINT };
	struct km_template *t = km_locked_new(sizeof *t);
	struct km_event_record r;
	uint64_t id = 0;

	assert_non_null(t);
	t->len = FINGER_TEMPLATE;
	for (size_t i = 0; i < FINGER_TEMPLATE; i++)
		t->bytes[i] = (uint8_t)((unsigned)finger + i);
	memcpy(in.subject, op.subject, sizeof in.subject);
	snprintf(in.label, sizeof in.label, "%s", km_finger_word(finger));
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_finger(fw.w->v->store, &op, &in, "a reader", t, &r, &id),
			 KM_OK);
	assert_int_equal(store_flush(fw.w->v->store), KM_OK);
	km_locked_free(t, sizeof *t);
	return id;
}

/* The credential as it is stored now. */
static inline struct km_credential credential_of(const char *login, uint64_t id)
{
	struct km_credential c[KM_MAX_CREDENTIALS];
	struct km_operator op = operator_of(login);
	size_t count = 0;

	assert_int_equal(store_credentials(fw.w->v->store, op.subject, c, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (c[i].id == id)
			return c[i];
	fail_msg("%s has no credential %llu", login, (unsigned long long)id);
	return c[0];
}

/* So many mismatches in a row already; not_before as stored. */
static inline void set_throttle_of(const char *login, uint64_t id, uint32_t fails,
				   int64_t not_before)
{
	struct km_failure f = { .count = 1, .credential = { id } };

	(void)credential_of(login, id);
	f.throttle[0] =
	    (struct km_throttle){ .fails = fails, .total = fails, .not_before = not_before };
	assert_int_equal(store_fail(fw.w->v->store, &f), KM_OK);
	assert_int_equal(store_flush(fw.w->v->store), KM_OK);
}

/* --- a login ---------------------------------------------------------------------------- */

static inline struct km_msg judge_hears(uint8_t number)
{
	struct km_msg m;

	assert_true(world_answered(fw.w, &m));
	if (m.number != number)
		fail_msg("%s instead of %s", km_message_name(m.number), km_message_name(number));
	return m;
}

static inline void judge_hears_nothing(void)
{
	struct km_msg m;

	assert_false(world_answered(fw.w, &m));
}

/* OPEN; returns the shape of the first slot. The client stays in fw. */
static inline uint16_t asks_in(const char *login)
{
	if (fw.client >= 0)
		close(fw.client);
	fw.client = world_open(fw.w, KM_REQUEST_AUTHENTICATE, login);
	return judge_hears(KM_MSG_PLAN).plan.slots.slot[0].shape;
}

static inline void judge_grants(uint32_t session, uint8_t step)
{
	struct km_msg m = { .number = KM_MSG_GRANT, .session = session };

	m.grant.step = step;
	world_tell(fw.w, &m, -1);
}

static inline void judge_revokes(uint32_t session, enum km_sensor_event event)
{
	struct km_msg m = { .number = KM_MSG_REVOKE, .session = session };

	m.revoke.event = (uint8_t)event;
	world_tell(fw.w, &m, -1);
}

/* A login up to GRANTED, with its id. LEND frames are still with the matcher. */
static inline void waits_for_a_finger(const char *login, uint8_t id[KM_GRANT_BYTES])
{
	assert_true(asks_in(login) & KM_SHAPE_TOUCH);
	judge_grants(fw.w->session, 0);
	memcpy(id, judge_hears(KM_MSG_GRANTED).granted.grant, KM_GRANT_BYTES);
}

static inline void hears_verdict(enum km_verdict_code code, enum km_reason reason)
{
	struct km_msg m = judge_hears(KM_MSG_VERDICT);

	assert_int_equal(m.verdict.verdict, code);
	assert_int_equal(m.verdict.reason, reason);
}

/* --- the matcher's part --------------------------------------------------------------------- */

/* The next frame for the matcher; false: none. The span is good until the next call. */
static inline bool matcher_heard(struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;

	if (km_recv(fw.matcher, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) != KM_OK)
		return false;
	assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_MATCHER, m), KM_OK);
	return true;
}

static inline bool is_taken_back(const uint8_t id[KM_GRANT_BYTES])
{
	struct km_msg m;

	while (matcher_heard(&m))
		if (m.number == KM_MSG_TAKE_BACK &&
		    memcmp(m.take_back.grant, id, KM_GRANT_BYTES) == 0)
			return true;
	return false;
}

/* It has wiped it, as it says after each TAKE_BACK. */
static inline void returns(const uint8_t id[KM_GRANT_BYTES])
{
	struct km_msg m = { .number = KM_MSG_RETURNED };

	memcpy(m.returned.grant, id, KM_GRANT_BYTES);
	matcher_says(&m);
}

static inline void finds(const uint8_t id[KM_GRANT_BYTES], unsigned outcome, unsigned index)
{
	struct km_msg m = { .number = KM_MSG_MATCH };

	memcpy(m.match.grant, id, KM_GRANT_BYTES);
	m.match.outcome = (uint8_t)outcome;
	m.match.index = (uint8_t)index;
	m.match.score = 12345;
	matcher_says(&m);
}

/* --- the trail ------------------------------------------------------------------------------ */

/* The body of the last event of this kind; "" where there is none. */
static inline const char *last_event(enum km_event event)
{
	static struct km_audit_row rows[200];
	static char body[KM_EVENT_BODY + 1];
	size_t count = 0;

	body[0] = '\0';
	assert_int_equal(store_audit(fw.w->v->store, 0, NULL, 200, rows, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (rows[i].event == event)
			snprintf(body, sizeof body, "%s", rows[i].body);
	return body;
}

/* --- Alice, who has two fingers ------------------------------------------------------------ */

static uint8_t grant[KM_GRANT_BYTES]; /* of her login */

static inline int alice_has_a_finger(void **state)
{
	(void)finger_world_up(state);
	world_add(fw.w, "alice", true, false);
	(void)enrol_finger("alice", KM_FINGER_RIGHT_INDEX);
	(void)enrol_finger("alice", KM_FINGER_LEFT_INDEX);
	return 0;
}

/* Her login waits for a finger, and the matcher has read what it was lent. */
static inline int alice_waits(void **state)
{
	struct km_msg m;

	(void)alice_has_a_finger(state);
	waits_for_a_finger("alice", grant);
	while (matcher_heard(&m))
		assert_int_equal(m.number, KM_MSG_LEND);
	return 0;
}

#define HAVING(test)  cmocka_unit_test_setup_teardown(test, alice_has_a_finger, finger_world_down)
#define WAITING(test) cmocka_unit_test_setup_teardown(test, alice_waits, finger_world_down)

static inline void no_grant_is_left(void)
{
	for (size_t i = 0; i < KM_GRANTS; i++)
		assert_false(fw.w->v->grant[i].used);
}

/* The vault has ended its judge's link, and would be started again. Nobody came in. */
static inline void the_judge_is_thrown_out(void)
{
	assert_true(fw.w->v->stop);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
}

static inline void the_matcher_is_thrown_out(void)
{
	struct km_msg m;
	uint8_t byte;

	assert_int_equal(fw.w->v->matcher, -1);
	assert_false(fw.w->v->stop);
	while (matcher_heard(&m))
		;
	assert_int_equal(recv(fw.matcher, &byte, 1, MSG_DONTWAIT), 0);
	assert_string_equal(last_event(KM_EVENT_LOGIN_ALLOWED), "");
	no_grant_is_left();
}

#endif
