/* A desk's line at an operator's own account, and codes of theirs; behind enrol_scene.h. */
#ifndef KENMON_TESTS_OWN_LINE_H
#define KENMON_TESTS_OWN_LINE_H

#include <liboath/oath.h>

#define OWN_SEED "12345678901234567890" /* what enrol_token() enrols */
#define OWN_UID  1000                   /* of whom register_somebody() registers; not ours */

/* The last line that came is at the uid of LOGIN, and nothing more. */
static inline int own_line_comes(void)
{
	int fd = desk_comes();
	struct line *l = NULL;

	for (size_t i = 0; i < VAULT_LINES; i++)
		if (room.v->line[i].fd >= 0)
			l = &room.v->line[i];
	assert_non_null(l);
	l->peer = OWN_UID;
	return fd;
}

/* Their code of so many steps from now. */
static inline const char *own_code(int steps)
{
	static char code[16];

	assert_int_equal(oath_totp_generate2(OWN_SEED, strlen(OWN_SEED),
					     (time_t)(room.v->now.wall + 30L * steps), 30, 0, 6, 0,
					     code),
			 OATH_OK);
	return code;
}

/* What comes of an answer: PROMPT or DONE. */
static inline struct km_msg answers(int line, const char *text)
{
	struct km_msg m = { .number = KM_MSG_ANSWER };

	assert_int_equal(km_secret_set(&m.answer.secret, text, strlen(text)), KM_OK);
	desk_asks(line, &m);
	return m;
}

static inline void is_prompt(const struct km_msg *m, unsigned shape)
{
	if (m->number != KM_MSG_PROMPT)
		fail_msg("%s (%d, \"%s\") instead of a prompt", km_message_name(m->number),
			 m->done.rc, m->done.text);
	assert_int_equal(m->prompt.shape, shape);
}

static inline void is_done(const struct km_msg *m, km_rc rc, const char *text)
{
	assert_int_equal(m->number, KM_MSG_DONE);
	if (m->done.rc != -rc || !strstr(m->done.text, text))
		fail_msg("rc %d, \"%s\"; wanted %d, \"%s\"", m->done.rc, m->done.text, -rc, text);
}

/* The body of the last record of this kind; "" where there is none. */
static inline const char *last_record(enum km_event event)
{
	static struct km_audit_row page[200];
	static char body[KM_EVENT_BODY + 1];
	size_t count = 0;

	body[0] = '\0';
	assert_int_equal(store_audit(room.v->store, 0, NULL, 200, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (page[i].event == event)
			snprintf(body, sizeof(body), "%s", page[i].body);
	return body;
}

#endif
