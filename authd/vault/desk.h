/*
 * What a desk may ask for on its private line. One operation is one call: a
 * handler runs it against the store, puts rows on the line, and says how it ended.
 */
#ifndef KENMON_VAULT_DESK_H
#define KENMON_VAULT_DESK_H

#include <kenmon/phone.h>
#include <kenmon/store_request.h>

#include "store_consent.h"
#include "store_invitation.h"
#include "vault.h"

#define DESK_PAGE 500 /* rows a listing gives at once; a page is one commit's work at most */

enum call_end {
	CALL_DONE = 0, /* DONE follows in this round */
	CALL_ASKED,    /* a PROMPT or a capture is open; the operation is in line->pending */
	CALL_LATER,    /* DONE follows when what was begun is finished */
};

struct call {
	struct vault *v;
	struct line *l;   /* l->who: who is at the desk; l->right: by which right this runs */
	struct km_msg *m; /* the operation, or the ANSWER to its PROMPT */
	char actor[65];   /* "operator:<hex subject>" where somebody is known, else "uid:0" */
	/* An approved request is carried out: who asked, who agreed, its number. Else zeros. */
	uint8_t requester[KM_SUBJECT_BYTES], approver[KM_SUBJECT_BYTES];
	uint64_t request;
	enum call_end end;
	bool repeated;  /* the id was seen before: this is its first result again */
	uint64_t id;    /* of DONE */
	char text[256]; /* of DONE */
};

/*
 * One row of the table in line.c: an operation, what it needs (rights.h), and whose role allows it.
 * Of a message with a form that takes access away (takes_away) there may be a row for that, TAKES,
 * before the other one.
 */
struct operation {
	enum km_message_number number;
	km_rc (*run)(struct call *c);    /* NULL: there is no such operation yet */
	km_rc (*answer)(struct call *c); /* takes the ANSWER to what run asked */
	unsigned flags;
	void (*again)(struct call *c); /* its id came again: what its DONE still waits for */
	unsigned roles;
};

/* The row of a message; NULL: none, or nothing runs it. */
const struct operation *operation_of(const struct km_msg *m);
/* The table itself, rows without a run too; NULL behind its end. */
const struct operation *operation_at(size_t i);

/* An operation that waits for the caller's own code. In locked memory. */
struct kept {
	unsigned number;
	unsigned tries;
	size_t len;
	uint8_t frame[];
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
	struct km_invitation invitation; /* enrol, by the operator alone; seconds 0: not so */
	bool bound;                      /* and its code was right */
	struct {                         /* a number that is confirmed: */
		char number[KM_NUMBER_MAX + 1];
		struct km_secret code; /* that was sent there */
		int64_t until_ms;      /* CLOCK_BOOTTIME: it is good until then */
		bool prompted;         /* and is asked for */
	} phone;
};

/* Puts a row or a prompt on the line. */
KM_MUST_CHECK km_rc call_put(struct call *c, struct km_msg *m);
/* Puts one row of a status on the line. */
km_rc call_status(struct call *c, bool alarm, const char *key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define CALL_TIME 32
/* A time as every row of a status has it. */
const char *call_time(int64_t wall, char text[CALL_TIME]);
/* Keeps the operation until what it asks for has come; whatever ends it ends its grant too. */
KM_MUST_CHECK km_rc call_keep(struct call *c, const struct km_operator *op);
/* Sets DONE's text. */
void call_say(struct call *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens a PROMPT for a one-time code. */
KM_MUST_CHECK km_rc call_ask(struct call *c, enum km_text text);
/* For what is not an authenticator's: KM_SHAPE_*. */
KM_MUST_CHECK km_rc call_ask_for(struct call *c, enum km_text text, unsigned shape);
/* An event of this call: by whom, on what authority. */
void call_event(const struct call *c, struct km_event_record *r, enum km_event event,
		const struct km_operator *op);
/*
 * Who asks for it: of an approved request, whoever filed that; else who is at the desk, by a code
 * of their own. Zeros: root, a uid alone, or the drop folder.
 */
void call_requester(const struct call *c, uint8_t out[KM_SUBJECT_BYTES]);
/* The operator of a login; KM_ENOTFOUND says so in the text. */
KM_MUST_CHECK km_rc call_operator(struct call *c, const char *login, struct km_operator *op);

/*
 * What happens on a line between its frames, to an operation that was kept: a row, or its end. The
 * line is closed where it does not take them.
 */
void call_again(struct call *c, struct vault *v, struct line *l);
void call_row(struct call *c, struct km_msg *m);
void call_finish(struct call *c, km_rc rc);
/* The DONE of a test whose order has ended. */
void call_tested(struct call *c, km_rc rc);
/* DONE, of the operation that the line runs. */
KM_MUST_CHECK km_rc line_put_done(struct line *l, km_rc rc, uint64_t id, const char *text);
/* Sends what is queued, or closes the line. */
void line_send(struct vault *v, struct line *l);
/* What was begun goes on; else says and writes down why not. */
KM_MUST_CHECK km_rc line_still_may(struct call *c, const struct operation *o,
				   const struct km_msg *asked);

/* desk_person.c */
/* Are acts on another person done by two? If it cannot be read: yes. */
KM_MUST_CHECK bool desk_two_persons(const struct vault *v);
/* Have two administrators been registered who can approve each other's acts? */
KM_MUST_CHECK bool desk_founded(const struct vault *v);
/* How this site acts, in a sentence: for the status and the start. */
const char *desk_mode(const struct vault *v);
/* What the configuration asks for, in a word: for the trail, which shows when it was changed. */
const char *desk_asked_for(const struct vault *v);
/* Is this peer root, or the starter of --spawn, who counts as root? */
bool desk_is_root(const struct vault *v, uid_t peer);
/* By which right this line runs an operation now: l->right. Other than KM_OK: it cannot be told. */
KM_MUST_CHECK km_rc person_may(struct vault *v, struct line *l, const struct operation *o,
			       const struct km_msg *m);
/* The same of one that was begun: l->right is as it was then, or RIGHTS_NONE. */
KM_MUST_CHECK km_rc person_still_may(struct vault *v, struct line *l, const struct operation *o,
				     const struct km_msg *m);
/* Writes down that it may not, and says what it takes. KM_EPERM, or that it could not. */
KM_MUST_CHECK km_rc person_refused(struct call *c, const struct operation *o);
/* The account that the gate is to compare with the operator's. */
uint32_t person_account(const struct line *l, const struct km_operator *op);
/* Who the trail says it was: "operator:" and the subject in hex, or "uid:" and a number. */
#define DESK_ACTOR "operator:"
void person_actor(const struct line *l, char out[65]);
const char *person_authority(const struct line *l);
km_rc desk_identify(struct call *c);

/* desk_proof.c */
/* Keeps the operation, whose frame of len bytes is in v->frame, and asks for the caller's code. */
KM_MUST_CHECK km_rc proof_ask(struct call *c, size_t len);
/* The ANSWER. KM_OK: asked once more (c->end), or proved. */
KM_MUST_CHECK km_rc proof_take(struct call *c);
void kept_free(struct kept *k);

/* founding.c */
/* KM_ESTATE: what c->m asks for would take the power of the last approver or registrar away. */
KM_MUST_CHECK km_rc founding_keeps(struct call *c);
/* Where nobody is left who could approve: root registers anew, after a week. */
KM_MUST_CHECK km_rc founding_accept(struct call *c);
/* Rows of a status: what of that somebody must know. */
KM_MUST_CHECK km_rc founding_rows(struct call *c);

/* desk_request.c */
/* Files c->m instead of doing it: KM_EFILED, with the request's number in c->id. */
KM_MUST_CHECK km_rc request_file(struct call *c);
/*
 * What was stored in this transaction, and waits, becomes good when a second person agrees: files
 * that. KM_EFILED as above. With anything else what was stored is gone again.
 */
struct activation {
	uint64_t credential;                    /* 0: the invitation */
	const char *number;                     /* of a telephone, with stars; NULL: none */
	bool confirmed;                         /* and a code was typed that was sent there */
	const char *reason;                     /* of a bypass; NULL: none */
	const struct km_invitation *invitation; /* where it is one */
};
KM_MUST_CHECK km_rc request_file_activation(struct call *c, const struct km_operator *op,
					    const struct activation *a);
/* Says that there is none. */
KM_MUST_CHECK km_rc request_find(struct call *c, uint64_t id, struct km_filed *out);
km_rc desk_approval_list(struct call *c);
km_rc desk_approval_show(struct call *c);
/* Row of a status: how many wait. */
KM_MUST_CHECK km_rc desk_request_rows(struct call *c);

/* desk_decide.c */
km_rc desk_approval_decide(struct call *c);
km_rc desk_activate(struct call *c);

/* desk_bypass.c */
km_rc desk_bypass(struct call *c);
/* Rows of a status: those that are open. */
KM_MUST_CHECK km_rc desk_bypass_rows(struct call *c);

/* desk_operator.c */
/* Could whom c->m names be registered? */
KM_MUST_CHECK km_rc desk_operator_addable(struct call *c);
km_rc desk_operator_add(struct call *c);
km_rc desk_operator_list(struct call *c);
km_rc desk_operator_show(struct call *c);
km_rc desk_operator_change(struct call *c);
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

/* One credential of an operator; says that there is none: KM_ENOTFOUND. */
KM_MUST_CHECK km_rc desk_credential(struct call *c, const struct km_operator *op, uint64_t id,
				    struct km_credential *out);
/* Has this operator a code that answers, other than this credential (0: any)? */
KM_MUST_CHECK km_rc desk_has_code(struct call *c, const struct km_credential *list, size_t count,
				  uint64_t other_than, bool *has);

/* desk_finger.c */
km_rc desk_enrol_finger(struct call *c);
km_rc desk_sensor_list(struct call *c);

/* desk_phone.c */
km_rc desk_enrol_phone(struct call *c);
km_rc desk_enrol_phone_answer(struct call *c);
/* Says why nothing was sent, of what orders_place() returned; returns that. */
KM_MUST_CHECK km_rc desk_order_refused(struct call *c, km_rc rc);
/* A number as it was typed, if the site allows it; else says what is wrong: KM_EINVAL. */
KM_MUST_CHECK km_rc desk_number_read(struct call *c, const char *typed,
				     char out[KM_NUMBER_MAX + 1]);
/* With stars, as every listing shows it. KM_ECORRUPT: it does not open. */
KM_MUST_CHECK km_rc desk_number_mask(struct call *c, const struct km_operator *op,
				     const struct km_credential *credential,
				     char out[KM_PHONE_MASK]);
/* CREDENTIAL_ROW of each telephone, with all of its number: for whom it belongs to. */
KM_MUST_CHECK km_rc desk_phones_whole(struct call *c, const struct km_operator *op);
/* Of these factors, KM_FACTOR_BITs, those whose number the configuration rules out by now. */
KM_MUST_CHECK km_rc desk_phones_barred(struct call *c, const struct km_operator *op,
				       uint32_t factors, uint32_t *barred);

/* desk_phone_change.c */
/* A number that becomes good, and the one in whose place it comes. */
struct phone_change {
	uint64_t of; /* credential */
	unsigned factor;
	char mask[KM_PHONE_MASK]; /* of its number */
	uint64_t was;             /* the credential that goes; 0: none */
	char old[KM_NUMBER_MAX + 1];
};
#define PHONE_CHANGE __attribute__((cleanup(phone_change_wipe)))
void phone_change_wipe(struct phone_change *change);
/* The one that there is, of this kind; KM_OK also if there is none. */
KM_MUST_CHECK km_rc desk_phone_old(struct call *c, const struct km_operator *op, unsigned factor,
				   struct phone_change *out);
/* Before it becomes good. */
KM_MUST_CHECK km_rc desk_phone_look(struct call *c, const struct km_operator *op,
				    const struct km_credential *credential,
				    struct phone_change *out);
/* Once it is: written down, and the old number is told, where there was one. */
KM_MUST_CHECK km_rc desk_phone_changed(struct call *c, const struct km_operator *op,
				       const struct phone_change *change);
/* One that is taken away: looked at before, told of afterwards. Of other factors: nothing. */
KM_MUST_CHECK km_rc desk_phone_leaves(struct call *c, const struct km_operator *op,
				      const struct km_credential *credential,
				      struct phone_change *out);
KM_MUST_CHECK km_rc desk_phone_gone(struct call *c, const struct km_operator *op,
				    const struct phone_change *change);

/* desk_courier.c */
/* Could what c->m asks for be done? Its number is put into the one form that the approver sees. */
KM_MUST_CHECK km_rc desk_courier_testable(struct call *c);
km_rc desk_courier_test(struct call *c);
km_rc desk_courier_status(struct call *c);
/* Rows of a status: what of codes by telephone somebody must know. */
KM_MUST_CHECK km_rc desk_courier_rows(struct call *c);

/* desk_roster.c, desk_roster_end.c, desk_roster_list.c */
km_rc desk_roster_begin(struct call *c);
km_rc desk_roster_slice(struct call *c);
km_rc desk_roster_end(struct call *c);
km_rc desk_roster_list(struct call *c);
/* KM_ESTATE: none is staged on this line, or END was said, after which it may only be listed. */
KM_MUST_CHECK km_rc roster_on_line(struct call *c, bool to_list);

/* desk_due.c */
km_rc desk_transfer(struct call *c);
km_rc desk_due_list(struct call *c);
km_rc desk_due_release(struct call *c);
/* Could what c->m names be released now? set: of what is held. */
KM_MUST_CHECK km_rc desk_due_releasable(struct call *c, uint8_t set[32]);
/* Rows of a status. */
km_rc desk_due_rows(struct call *c);

/* desk_own_code.c */
/* Asks whom the operation is about for a code of theirs. KM_ESTATE: they have none. */
KM_MUST_CHECK km_rc desk_own_code_ask(struct call *c, const struct km_operator *op);
/*
 * Judges the ANSWER as a login's code is: counted, throttled, used up. KM_OK: it was right, and *op
 * is the operator as they are now, or (*again) it was not, and is asked for once more.
 */
KM_MUST_CHECK km_rc desk_own_code(struct call *c, struct km_operator *op, bool *again);

/* desk_consent.c */
km_rc desk_purpose(struct call *c);
km_rc desk_purpose_show(struct call *c);
km_rc desk_consent(struct call *c);
km_rc desk_consent_answer(struct call *c);
km_rc desk_consent_list(struct call *c);
km_rc desk_consent_withdraw(struct call *c);
km_rc desk_consent_withdraw_answer(struct call *c);
km_rc desk_export(struct call *c);
/* Has this operator agreed to what a finger is taken for? KM_ESTATE says in the text what to do. */
KM_MUST_CHECK km_rc desk_has_consented(struct call *c, const struct km_operator *op);
/* Does the person at the desk act for themselves, by nothing but their account or name? */
bool desk_acts_alone(const struct call *c, const struct km_operator *op);

/* desk_invite.c */
km_rc desk_invite(struct call *c);
/* An enrolment by the operator alone: asks for the binding code of their invitation. */
KM_MUST_CHECK km_rc desk_invited(struct call *c, const struct km_operator *op,
				 const struct km_credential *in);
/* The ANSWER to that. KM_OK: it was right, and the first code is asked for; or it is asked again.
 */
KM_MUST_CHECK km_rc desk_invited_answer(struct call *c);
/* Is the invitation whose code was right still good? */
KM_MUST_CHECK km_rc desk_invited_still(struct call *c);

/* desk_audit.c */
km_rc desk_audit_list(struct call *c);
km_rc desk_audit_verify(struct call *c);
km_rc desk_audit_anchor(struct call *c);
/* Puts a record on the line. */
KM_MUST_CHECK km_rc desk_record_row(struct call *c, const struct km_audit_row *a);
km_rc desk_status(struct call *c);
km_rc desk_accept(struct call *c);

/* desk_review.c */
km_rc desk_review(struct call *c);
km_rc desk_review_show(struct call *c);
/* The row of the review in a status. */
km_rc desk_review_row(struct call *c);

/* desk_certificate.c */
km_rc desk_certificate_list(struct call *c);
km_rc desk_certificate_show(struct call *c);
km_rc desk_bundle_gone(struct call *c);
km_rc desk_leavers(struct call *c);

/* desk_key.c */
km_rc desk_key_status(struct call *c);
km_rc desk_key_rotate(struct call *c);
void desk_key_rotate_again(struct call *c);
/* Puts a signer on the line. */
KM_MUST_CHECK km_rc call_signer(struct call *c, const struct km_signer *signer);

/* The row of the key epoch in a status. */
km_rc desk_epoch_row(struct call *c);

/* desk_copy.c */
km_rc desk_backup(struct call *c);
km_rc desk_bundle(struct call *c);
/* The row of the newest key bundle in a status. */
km_rc desk_bundle_row(struct call *c);

#endif
