/*
 * What a desk may ask for on its private line. One operation is one call: a
 * handler runs it against the store, puts rows on the line, and says how it ended.
 */
#ifndef KENMON_VAULT_DESK_H
#define KENMON_VAULT_DESK_H

#include "vault.h"

#define DESK_PAGE 500 /* rows a listing gives at once; a page is one commit's work at most */

enum call_end {
	CALL_DONE = 0, /* DONE follows in this round */
	CALL_ASKED,    /* a PROMPT or a capture is open; the operation is in line->pending */
	CALL_LATER,    /* DONE follows when what was begun is finished */
};

struct call {
	struct vault *v;
	struct line *l;
	struct km_msg *m; /* the operation, or the ANSWER to its PROMPT */
	char actor[32];
	enum call_end end;
	bool repeated;  /* the id was seen before: this is its first result again */
	uint64_t id;    /* of DONE */
	char text[256]; /* of DONE */
};

/* An operation that asked for something. In locked memory; wiped when it ends. */
struct pending {
	struct km_msg asked;
	struct km_operator op;
	struct km_credential credential;
	struct km_secret first; /* resync: the first of two codes */
	unsigned answers;
	unsigned good;   /* finger: impressions of its template so far; list: readers */
	char reader[65]; /* finger: as far as it was said */
};

/* Puts a row or a prompt on the line. */
KM_MUST_CHECK km_rc call_put(struct call *c, struct km_msg *m);
/* Puts one row of a status on the line. */
km_rc call_status(struct call *c, bool alarm, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Keeps the operation until what it asks for has come; whatever ends it ends its grant too. */
KM_MUST_CHECK km_rc call_keep(struct call *c, const struct km_operator *op);
/* Sets DONE's text. */
void call_say(struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens a PROMPT for a one-time code. */
KM_MUST_CHECK km_rc call_ask(struct call *c, enum km_text text);
/* An event of this call: by whom, on what authority. */
void call_event(const struct call *c, struct km_event_record *r, enum km_event event,
		const struct km_operator *op);
/* The operator of a login; KM_ENOTFOUND says so in the text. */
KM_MUST_CHECK km_rc call_operator(struct call *c, const char *login, struct km_operator *op);

/*
 * What happens on a line between its frames, to an operation that was kept: a row, or its end. The
 * line is closed where it does not take them.
 */
void call_again(struct call *c, struct vault *v, struct line *l);
void call_row(struct call *c, struct km_msg *m);
void call_finish(struct call *c, km_rc rc);

/* desk_operator.c */
km_rc desk_operator_add(struct call *c);
km_rc desk_operator_list(struct call *c);
km_rc desk_operator_show(struct call *c);
km_rc desk_operator_state(struct call *c);
km_rc desk_operator_rebind(struct call *c);
km_rc desk_unlock(struct call *c);
km_rc desk_erase(struct call *c);
void desk_erase_again(struct call *c);

/* desk_credential.c */
km_rc desk_enrol(struct call *c);
km_rc desk_enrol_answer(struct call *c);
km_rc desk_enrol_recovery(struct call *c);
km_rc desk_credential_list(struct call *c);
km_rc desk_credential_remove(struct call *c);
km_rc desk_resync(struct call *c);
km_rc desk_resync_answer(struct call *c);

/* Has this operator a code that answers, other than this credential (0: any)? */
KM_MUST_CHECK km_rc desk_has_code(struct call *c, const struct km_credential *list, size_t count,
				  uint64_t other_than, bool *has);

/* desk_finger.c */
km_rc desk_enrol_finger(struct call *c);
km_rc desk_sensor_list(struct call *c);

/* desk_audit.c */
km_rc desk_audit_list(struct call *c);
km_rc desk_audit_verify(struct call *c);
km_rc desk_audit_anchor(struct call *c);
km_rc desk_status(struct call *c);
km_rc desk_accept(struct call *c);

/* desk_key.c */
km_rc desk_key_status(struct call *c);
km_rc desk_key_rotate(struct call *c);
void desk_key_rotate_again(struct call *c);
/* The row of the key epoch in a status. */
km_rc desk_epoch_row(struct call *c);

/* desk_copy.c */
km_rc desk_backup(struct call *c);
km_rc desk_bundle(struct call *c);
/* A second person has approved c->m, which this requester (zeros: root) asked for. */
km_rc desk_copy_approved(struct call *c, const uint8_t requester[KM_SUBJECT_BYTES]);
/* The row of the newest key bundle in a status. */
km_rc desk_bundle_row(struct call *c);

#endif
