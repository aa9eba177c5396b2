/*
 * An administrator's part in the matrices of failing calls: a desk's line, operations on it, and
 * what was heard of them. Each test includes this once.
 */
#ifndef KENMON_TESTS_CALLS_OFFICE_H
#define KENMON_TESTS_CALLS_OFFICE_H

#include "calls.h"

#define TOTP_SEED "another seed of 20 b"
#define RESYNC_AT 20 /* where the token stands, out of the look-ahead */

/* How one operation ended, as its desk heard it. */
static struct {
	bool done; /* DONE came */
	km_rc rc;
	uint64_t id;
	unsigned rows, prompts;
} office;

static struct km_msg asked; /* the operation, to be sent again */

/* --- the desk's part ------------------------------------------------------------------ */

static inline void open_desk(struct world *w)
{
	int client = world_open(w, KM_REQUEST_DESK, ""), line = -1;
	struct km_msg m;

	(void)world_answered(w, &m);
	m = world_client_heard(client, &line);
	close(client);
	if (w->desk >= 0)
		close(w->desk);
	w->desk = m.number == KM_MSG_DESK_LINE ? line : -1;
}

static inline void prepare(struct world *w)
{
	open_desk(w);
	assert_true(w->desk >= 0);
}

static inline km_rc hear(struct world *w, struct km_msg *m)
{
	uint8_t frame[KM_FRAME_MAX];
	size_t len;
	km_rc rc = km_recv(w->desk, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT);

	return rc == KM_OK ? km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_DESK_TALK, m) : rc;
}

/* A line that is closed meanwhile is seen at the next read. */
static inline void answer_with_code(struct world *w)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };
	char code[16];

	if (asked.number == KM_MSG_RESYNC)
		world_code(RESYNC_AT + office.prompts++, code);
	else
		assert_int_equal(oath_totp_generate2(TOTP_SEED, strlen(TOTP_SEED), w->v->now.wall,
						     30, 0, 6, 0, code),
				 OATH_OK);
	assert_int_equal(km_secret_set(&m.answer.secret, code, 6), KM_OK);
	if (km_send_msg(w->desk, &m, -1, 0) != KM_OK)
		return;
}

/* False: nothing more comes. */
static inline bool heard_one(struct world *w)
{
	struct km_msg m;
	km_rc rc = hear(w, &m);

	if (rc == KM_EAGAIN && !w->v->stop) {
		world_round(w);
		rc = hear(w, &m);
	}
	if (rc != KM_OK)
		return false;
	if (m.number == KM_MSG_DONE) {
		office.done = true;
		office.rc = (km_rc) - (int)m.done.rc;
		office.id = m.done.id;
		return false;
	}
	if (m.number == KM_MSG_PROMPT) {
		answer_with_code(w);
		world_round(w);
	} else {
		office.rows++;
	}
	return true;
}

static inline void send_asked(struct world *w)
{
	memset(&office, 0, sizeof office);
	if (w->desk < 0 || km_send_msg(w->desk, &asked, -1, 0) != KM_OK)
		return;
	world_round(w);
	while (heard_one(w))
		;
}

static inline bool done_ok(void)
{
	return office.done && office.rc == KM_OK;
}

/* The same operation again, on a line that may be a new one; it must succeed now. */
static inline void again(struct world *w)
{
	open_desk(w);
	if (w->desk < 0)
		calls_say("no line to the vault afterwards");
	send_asked(w);
	if (!done_ok())
		calls_say("sent again: %s",
			  office.done ? km_rc_text(office.rc, KM_LANG_EN) : "no end");
}

/* What was told against what is there. */
static inline void check_told(bool dry, bool there)
{
	if (done_ok() && !there)
		calls_say("\"done\", and it is not there");
	if (office.done && office.rc != KM_OK && there)
		calls_say("\"%s\", and it is there", km_rc_text(office.rc, KM_LANG_EN));
	if (dry && !done_ok())
		calls_say("nothing failed, and it is not done");
}

static inline struct km_msg *new_operation(enum km_message_number number)
{
	asked = (struct km_msg){ .number = (uint8_t)number };
	memset(asked.status.op, 0x77, sizeof asked.status.op); /* every operation begins with it */
	return &asked;
}

#define TEXT(field, value) snprintf(field, sizeof(field), "%s", value)

#endif
