/*
 * The desk against a vault that is not well: a child process plays judge and
 * vault in one, and misbehaves in one way each time. For the tests of the desk.
 */
#ifndef KENMON_TESTS_DESK_SCENE_H
#define KENMON_TESTS_DESK_SCENE_H

#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/factor.h>
#include <kenmon/sock.h>
#include <kenmon/verdict.h>

#include "../../enroll/line.h"
#include "../../enroll/desk.h"

#define NOBODY 65534 /* whose stamp the child has when it may change its uid */

/* --- the other side ------------------------------------------------------- */

/* How the child goes wrong, or that it does not. */
struct play {
	bool refuse;           /* RESULT instead of the line */
	enum km_reason reason; /* of that RESULT */
	enum km_verdict_code verdict;
	bool other_nonce, no_fd;  /* in DESK_LINE */
	bool other_uid;           /* gives up its uid before DESK_LINE */
	bool no_welcome;          /* closes at once */
	unsigned breaks;          /* so many lines are closed after the request */
	bool other_op;            /* in DONE */
	unsigned rows;            /* of a listing, before DONE of its first page */
	bool break_in_rows;       /* closes the line after them */
	bool stuck_cursor;        /* every row has the same cursor */
	bool prompt, wrong_once;  /* asks for a code */
	const char *own;          /* asks this login for a code of their own before an operation */
	bool own_wrong;           /* and once more */
	const char *named;        /* whom IDENTIFY must name; NULL: nobody is */
	km_rc named_rc;           /* what it gets */
	bool hidden;              /* what is typed must not be shown */
	unsigned records, slices; /* of the audit trail; verifying ends after so many slices */
	bool signers, disordered; /* two signers are shown; in the wrong order */
	unsigned bad_anchor;      /* the so many-th anchor does not hold */
	bool status;              /* rows of status, one of them an alarm */
	const struct msg_finger_stage *stages;        /* of an enrolment, to one that is all zero */
	const struct msg_reader_row *readers;         /* to one whose event is 0 */
	const struct msg_credential_row *credentials; /* to one whose id is 0 */
	const struct msg_request_row *requests;       /* the same; the first is the one shown */
	const struct msg_leaver_row *leavers;         /* to one whose time is 0 */
	const struct msg_order_row *orders;     /* of a number or a test; to one whose state is 0 */
	const struct msg_credential_row *whole; /* what EXPORT adds, to one whose id is 0 */
	bool orders_late; /* behind the first prompt; then typed comes through keys */
	int keys;
	const char *typed;
	unsigned interrupts; /* so many SIGINTs come to the desk behind the stages */
	bool deaf;           /* to ABORT */
	const struct msg_consent_row *consents;   /* to one whose id is 0; NULL: one that stands */
	bool unnamed;                             /* the purpose text gets no row */
	const struct msg_operator_row *operators; /* to one whose cursor is 0 */
	const struct msg_due_row *dues;           /* to one whose cursor is 0 */
	const struct msg_audit_row *rights;       /* to one whose seq is 0; one for each answer */
	bool stuck_rights;                        /* says EAGAIN and goes on nowhere */
	bool binding;                             /* a binding code is asked for before the code */
	const struct msg_roster_sum *sum;         /* before DONE of ROSTER_END */
	const struct msg_roster_note *notes;      /* of ROSTER_LIST, to one whose cursor is 0 */
	unsigned break_slice;                     /* the line breaks at the so many-th slice */
	km_rc begin_rc, slice_rc, list_rc;        /* of a roster; rc is ROSTER_END's */
	km_rc rc;
	const char *text;
	uint16_t version;
};

static uint8_t first_op[16];
static bool seen_op;
static uint8_t seen_verify;

static bool take(int fd, unsigned from, unsigned phases, struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;

	return km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK &&
	       km_decode(frame, len, from, phases, m) == KM_OK;
}

/* A desk that has gone is seen at the next take. */
static void give(int fd, const struct km_msg *m, int pass)
{
	if (km_send_msg(fd, m, pass, 0) != KM_OK)
		return;
}

static void give_rows(const struct play *p, int line)
{
	unsigned i;

	for (i = 0; i < p->rows; i++) {
		struct km_msg m = { .number = KM_MSG_OPERATOR_ROW };

		m.operator_row.cursor = p->stuck_cursor ? 1 : i + 1;
		m.operator_row.state = KM_ACTIVE;
		m.operator_row.uid = -1;
		m.operator_row.valid_from = m.operator_row.valid_until = KM_DAY_NONE;
		snprintf(m.operator_row.login, sizeof(m.operator_row.login), "login%u", i);
		give(line, &m, -1);
	}
}

/* What stands in the trail is hostile: a body with an escape in it, percent-encoded. */
static void give_records(const struct play *p, int line, const struct msg_audit_list *ask)
{
	uint64_t seq = ask->last && ask->last < p->records ? p->records - ask->last : ask->after;

	for (unsigned n = 0; n < ask->limit && ++seq <= p->records; n++) {
		struct km_msg m = { .number = KM_MSG_AUDIT_ROW };

		m.audit_row.seq = seq;
		m.audit_row.wall = 1775001600;
		m.audit_row.event = 11;
		snprintf(m.audit_row.actor, sizeof(m.audit_row.actor), "uid:0");
		snprintf(m.audit_row.body, sizeof(m.audit_row.body),
			 "reason=a%%20b%%1b%%3d%%22 service=sshd");
		give(line, &m, -1);
	}
}

static void give_status(int line)
{
	static const struct msg_status_row rows[] = {
		{ .key = "version", .value = "0.1" },
		{ .key = "clock", .value = "the clock was moved by -400 seconds", .alarm = 1 },
	};

	for (unsigned i = 0; i < 2; i++) {
		struct km_msg m = { .number = KM_MSG_STATUS_ROW, .status_row = rows[i] };

		give(line, &m, -1);
	}
}

static void give_progress(int line)
{
	struct km_msg m = { .number = KM_MSG_PROGRESS };

	m.progress.total = 1000;
	give(line, &m, -1);
}

static void give_signers(const struct play *p, int line)
{
	for (unsigned i = 0; i < 2; i++) {
		struct km_msg m = { .number = KM_MSG_SIGNER_ROW };

		m.signer_row.generation = p->disordered ? 2 - i : 1 + i;
		m.signer_row.since_seq = i;
		memset(m.signer_row.public, 0xa0 + (int)i, sizeof(m.signer_row.public));
		give(line, &m, -1);
	}
}

static void give_verified(int line)
{
	struct km_msg m = { .number = KM_MSG_VERIFIED };

	m.verified.records = 7;
	m.verified.seals = 3;
	m.verified.sealed = 6;
	give(line, &m, -1);
}

/* Somebody may press ctrl-C, and what ABORT brings is p->rc. */
static km_rc interrupt(const struct play *p, int line)
{
	struct km_msg m;

	if (p->interrupts == 0)
		return p->rc;
	kill(getppid(), SIGINT);
	if (!take(line, KM_FROM_DESK, KM_PHASE_DESK_ASKED, &m) || m.number != KM_MSG_ABORT)
		return KM_EPROTO;
	if (p->interrupts > 1)
		kill(getppid(), SIGINT);
	while (p->deaf)
		pause();
	return p->rc;
}

static km_rc give_stages(const struct play *p, int line)
{
	static const struct msg_finger_stage none;
	struct km_msg m = { .number = KM_MSG_FINGER_STAGE };
	const struct msg_finger_stage *s;

	for (s = p->stages; memcmp(s, &none, sizeof(none)) != 0; s++) {
		m.finger_stage = *s;
		give(line, &m, -1);
	}
	return interrupt(p, line);
}

static void give_orders(const struct play *p, int line)
{
	for (const struct msg_order_row *r = p->orders; r && r->state; r++) {
		struct km_msg m = { .number = KM_MSG_ORDER_ROW, .order_row = *r };

		give(line, &m, -1);
	}
}

static void give_readers(const struct play *p, int line)
{
	for (const struct msg_reader_row *r = p->readers; r->event; r++) {
		struct km_msg m = { .number = KM_MSG_READER_ROW, .reader_row = *r };

		give(line, &m, -1);
	}
}

static void give_operators(const struct play *p, int line)
{
	for (const struct msg_operator_row *r = p->operators; r->cursor; r++) {
		struct km_msg m = { .number = KM_MSG_OPERATOR_ROW, .operator_row = *r };

		give(line, &m, -1);
	}
}

/* The next record behind one, and whether there are more. */
static km_rc give_rights(const struct play *p, int line, uint64_t after, uint64_t *next)
{
	const struct msg_audit_row *r = p->rights;

	while (r && r->seq && r->seq <= after)
		r++;
	*next = after;
	if (!r || !r->seq)
		return p->stuck_rights ? KM_EAGAIN : KM_OK;
	give(line, &(struct km_msg){ .number = KM_MSG_AUDIT_ROW, .audit_row = *r }, -1);
	*next = r->seq;
	return KM_EAGAIN;
}

static void give_credentials(const struct msg_credential_row *r, int line)
{
	for (; r->id; r++) {
		struct km_msg m = { .number = KM_MSG_CREDENTIAL_ROW, .credential_row = *r };

		give(line, &m, -1);
	}
}

/* What is approved is the first one, as it was shown. */
static km_rc give_requests(const struct play *p, int line, const struct km_msg *m)
{
	for (const struct msg_request_row *r = p->requests; r->id; r++) {
		struct km_msg row = { .number = KM_MSG_REQUEST_ROW, .request_row = *r };

		if (m->number != KM_MSG_APPROVAL_DECIDE)
			give(line, &row, -1);
		if (m->number != KM_MSG_APPROVAL_LIST)
			break;
	}
	if (m->number != KM_MSG_APPROVAL_DECIDE || !m->approval_decide.approve)
		return p->rc;
	give_orders(p, line);
	return memcmp(m->approval_decide.digest, p->requests->digest, 32) == 0 ? p->rc : KM_ESTATE;
}

/* What came of a roster, said in the text of DONE: so that a test sees what was sent. */
static struct {
	struct msg_roster_begin begin;
	unsigned slices, rows;
	bool garbled;
	char last[65]; /* login of the last row */
	char said[512];
} fed;

static inline size_t skip_text(const uint8_t *at, size_t left, char *out)
{
	size_t len = left < 2 ? left : (size_t)at[0] << 8 | at[1];

	if (left < 2 || len + 2 > left || (out && len > 64))
		return 0;
	if (out) {
		memcpy(out, at + 2, len);
		out[len] = '\0';
	}
	return len + 2;
}

static void take_slice(const struct km_span *rows)
{
	const uint8_t *at = rows->bytes;
	size_t left = rows->len;

	fed.slices++;
	while (left > 0 && !fed.garbled) {
		fed.garbled = left < 21;
		at += fed.garbled ? 0 : 21;
		left -= fed.garbled ? 0 : 21;
		for (unsigned i = 0; i < 7 && !fed.garbled; i++) {
			size_t n = skip_text(at, left, i == 1 ? fed.last : NULL);

			fed.garbled = n == 0;
			at += n;
			left -= n;
		}
		fed.rows++;
	}
}

static void say_roster(const struct msg_roster_end *end)
{
	const struct msg_roster_begin *b = &fed.begin;

	snprintf(
	    fed.said, sizeof(fed.said),
	    "announced %u rows %u%s slices %u last %s full %u columns %u made %lld signed %u:%02x "
	    "apply %u erasures %lld",
	    b->rows, fed.rows, fed.garbled ? " garbled" : "", fed.slices, fed.last, b->full,
	    b->columns, (long long)b->made, b->sign, b->signature[0], end->apply,
	    (long long)end->erasures);
}

static km_rc play_roster(struct play *p, int line, const struct km_msg *m)
{
	struct km_msg row = { .number = KM_MSG_ROSTER_NOTE };

	if (m->number == KM_MSG_ROSTER_BEGIN) {
		memset(&fed, 0, sizeof(fed));
		fed.begin = m->roster_begin;
		return p->begin_rc;
	}
	if (m->number == KM_MSG_ROSTER_SLICE) {
		take_slice(&m->roster_slice.rows);
		return p->slice_rc;
	}
	if (m->number == KM_MSG_ROSTER_END) {
		say_roster(&m->roster_end);
		row.number = KM_MSG_ROSTER_SUM;
		if (p->sum) {
			row.roster_sum = *p->sum;
			give(line, &row, -1);
		}
		return p->rc;
	}
	unsigned given = 0;

	for (const struct msg_roster_note *n = p->notes; n && n->cursor; n++) {
		if (n->cursor <= m->roster_list.after || given == m->roster_list.limit)
			continue;
		row.roster_note = *n;
		give(line, &row, -1);
		given++;
	}
	return m->roster_list.after || !p->notes ? p->list_rc : KM_OK;
}

static km_rc give_dues(const struct play *p, int line, const struct msg_due_list *ask)
{
	for (const struct msg_due_row *r = p->dues; ask->limit && r && r->cursor; r++) {
		struct km_msg m = { .number = KM_MSG_DUE_ROW, .due_row = *r };

		if (r->cursor > ask->after)
			give(line, &m, -1);
	}
	return p->list_rc ? p->list_rc : p->rc;
}

/* Every text has this name here. */
#define SCENE_DIGEST 0x5d

static void give_purpose(const struct play *p, int line, bool text)
{
	struct km_msg m = { .number = KM_MSG_PURPOSE_ROW };

	memset(m.purpose_row.purpose, SCENE_DIGEST, sizeof(m.purpose_row.purpose));
	m.purpose_row.first = 1775001600;
	if (text)
		m.purpose_row.text = (struct km_span){ (const uint8_t *)"Why.\n", 5 };
	if (!p->unnamed)
		give(line, &m, -1);
}

static void give_consents(const struct play *p, int line)
{
	static struct msg_consent_row stands[2] = { { .id = 1, .given = 1775001600, .paper = 1 } };
	const struct msg_consent_row *r = p->consents ? p->consents : stands;

	memset(stands[0].purpose, SCENE_DIGEST, sizeof(stands[0].purpose));
	for (; r->id; r++) {
		struct km_msg m = { .number = KM_MSG_CONSENT_ROW, .consent_row = *r };
		give(line, &m, -1);
	}
}

/* From the first, on the first page; the second is empty. */
static void give_leavers(const struct play *p, int line, const struct msg_leavers *ask)
{
	for (const struct msg_leaver_row *r = p->leavers; r->since && ask->after < 0; r++) {
		struct km_msg m = { .number = KM_MSG_LEAVER_ROW, .leaver_row = *r };

		give(line, &m, -1);
	}
}

/* What is asked before a finger is enrolled; false: it is something else. */
static bool agrees(const struct play *p, int line, const struct km_msg *m)
{
	if (m->number == KM_MSG_PURPOSE || m->number == KM_MSG_PURPOSE_SHOW)
		give_purpose(p, line, m->number == KM_MSG_PURPOSE_SHOW);
	else if (m->number == KM_MSG_CONSENT_LIST)
		give_consents(p, line);
	else
		return false;
	return true;
}

static bool ask_binding(int line)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	m.prompt.shape = KM_SHAPE_RECOVERY;
	snprintf(m.prompt.text, sizeof(m.prompt.text), "Binding code: ");
	give(line, &m, -1);
	return take(line, KM_FROM_DESK, KM_PHASE_DESK_ASKED, &m) && m.number == KM_MSG_ANSWER &&
	       m.answer.secret.len == KM_RECOVERY_LENGTH &&
	       memcmp(m.answer.secret.bytes, "ABCDEFGHIJKLMNOP", KM_RECOVERY_LENGTH) == 0;
}

static km_rc ask(const struct play *p, int line)
{
	unsigned i;

	if (p->binding && !ask_binding(line))
		return KM_EBADCODE;
	for (i = 0; i < (p->wrong_once ? 2 : 1); i++) {
		struct km_msg m = { .number = KM_MSG_PROMPT };

		m.prompt.echo = !p->hidden;
		m.prompt.shape = KM_SHAPE_DIGITS_6;
		snprintf(m.prompt.text, sizeof(m.prompt.text), "%s",
			 i ? "That code is not right." : "One-time code: ");
		give(line, &m, -1);
		if (p->orders_late && i == 0) {
			give_orders(p, line);
			/* What is typed is there only once the rows are. */
			if (write(p->keys, p->typed, strlen(p->typed)) < 0)
				return KM_EIO;
		}
		if (!take(line, KM_FROM_DESK, KM_PHASE_DESK_ASKED, &m))
			return KM_EABORTED;
		if (m.number == KM_MSG_ABORT)
			return KM_EABORTED;
		if (i + 1 < (p->wrong_once ? 2u : 1u))
			continue;
		if (m.answer.secret.len != 6 || memcmp(m.answer.secret.bytes, "123456", 6) != 0)
			return KM_EBADCODE;
	}
	return p->rc;
}

/* The caller's own code, asked for by the shape that says so. */
static bool ask_own(const struct play *p, int line)
{
	for (int again = 0; again <= p->own_wrong; again++) {
		struct km_msg m = { .number = KM_MSG_PROMPT };

		m.prompt.echo = 1;
		m.prompt.shape = KM_SHAPE_DIGITS | KM_SHAPE_OWN;
		snprintf(m.prompt.text, sizeof(m.prompt.text), "%sYour own one-time code (%s): ",
			 again ? "That code was used already. Wait for the next one. " : "",
			 p->own);
		give(line, &m, -1);
		if (!take(line, KM_FROM_DESK, KM_PHASE_DESK_ASKED, &m) ||
		    m.number != KM_MSG_ANSWER || m.answer.secret.len != 6 ||
		    memcmp(m.answer.secret.bytes, again ? "654321" : "111111", 6) != 0)
			return false;
	}
	return true;
}

static km_rc named(const struct play *p, const struct km_msg *m)
{
	return p->named && strcmp(m->identify.login, p->named) == 0 ? p->named_rc : KM_EPROTO;
}

/* What came with a number, said in the text of DONE. */
static char number_said[256];

static km_rc play_phone(const struct play *p, int line, const struct km_msg *m)
{
	const struct msg_enrol_phone *e = &m->enrol_phone;

	if (m->number == KM_MSG_ENROL_PHONE)
		snprintf(number_said, sizeof(number_said),
			 "login %s factor %u number <%s> label <%s> confirm %u", e->login,
			 e->factor, e->number, e->label, e->confirm);
	else
		snprintf(number_said, sizeof(number_said), "factor %u number <%s>",
			 m->courier_test.factor, m->courier_test.number);
	if (!p->orders_late)
		give_orders(p, line);
	if (p->prompt && e->confirm && m->number == KM_MSG_ENROL_PHONE)
		return ask(p, line);
	return interrupt(p, line);
}

/* Rows before DONE, and what DONE says. */
static km_rc act(struct play *p, int line, const struct km_msg *m)
{
	if (m->number >= KM_MSG_ROSTER_BEGIN && m->number <= KM_MSG_ROSTER_LIST)
		return play_roster(p, line, m);
	if (m->number == KM_MSG_ENROL_PHONE || m->number == KM_MSG_COURIER_TEST)
		return play_phone(p, line, m);
	if (m->number == KM_MSG_DUE_LIST)
		return give_dues(p, line, &m->due_list);
	if (m->number == KM_MSG_OPERATOR_LIST && m->operator_list.after == 0) {
		give_rows(p, line);
		if (p->operators)
			give_operators(p, line);
	}
	if (m->number == KM_MSG_OPERATOR_SHOW && p->operators)
		give_operators(p, line);
	if (m->number == KM_MSG_AUDIT_LIST)
		give_records(p, line, &m->audit_list);
	if (m->number == KM_MSG_ENROL_FINGER && p->stages)
		return give_stages(p, line);
	if (m->number == KM_MSG_CREDENTIAL_LIST && p->credentials) {
		give_credentials(p->credentials, line);
		return KM_OK;
	}
	if (m->number == KM_MSG_EXPORT && p->whole)
		give_credentials(p->whole, line);
	if (p->requests &&
	    (m->number == KM_MSG_APPROVAL_LIST || m->number == KM_MSG_APPROVAL_SHOW ||
	     m->number == KM_MSG_APPROVAL_DECIDE))
		return give_requests(p, line, m);
	if (m->number == KM_MSG_LEAVERS && p->leavers)
		give_leavers(p, line, &m->leavers);
	if (m->number == KM_MSG_SENSOR_LIST && p->readers)
		give_readers(p, line);
	if (p->status && (m->number == KM_MSG_STATUS || m->number == KM_MSG_ACCEPT ||
			  m->number == KM_MSG_COURIER_STATUS))
		give_status(line);
	if (m->number == KM_MSG_AUDIT_VERIFY && p->slices) {
		if (m->audit_verify.again != seen_verify)
			return KM_EINVAL;
		seen_verify = 1;
		give_progress(line);
		if (--p->slices)
			return KM_EAGAIN;
		if (p->signers)
			give_signers(p, line);
		if (p->rc == KM_OK)
			give_verified(line);
	}
	if (m->number == KM_MSG_AUDIT_ANCHOR && p->bad_anchor && --p->bad_anchor == 0)
		return KM_ECORRUPT;
	if (m->number == KM_MSG_ACCEPT && !m->accept.confirm)
		return KM_OK;
	return p->prompt ? ask(p, line) : p->rc;
}

/* One line; false: it is to be broken. */
static bool serve(struct play *p, int line)
{
	struct km_msg m;

	while (take(line, KM_FROM_DESK, KM_PHASE_DESK_IDLE, &m)) {
		struct km_msg done = { .number = KM_MSG_DONE };
		uint8_t op[16];

		memcpy(op, m.status.op, sizeof(op));
		if (m.number == KM_MSG_ROSTER_SLICE && p->break_slice && --p->break_slice == 0)
			return false;
		if (agrees(p, line, &m)) {
			memcpy(done.done.op, op, sizeof(op));
			give(line, &done, -1);
			continue;
		}
		if (m.number == KM_MSG_IDENTIFY) {
			memcpy(done.done.op, op, sizeof(op));
			done.done.rc = (uint8_t)-named(p, &m);
			snprintf(done.done.text, sizeof(done.done.text), "%s",
				 p->text ? p->text : "");
			give(line, &done, -1);
			continue;
		}
		if (p->own && !ask_own(p, line)) {
			memcpy(done.done.op, op, sizeof(op));
			done.done.rc = (uint8_t)-KM_EABORTED;
			give(line, &done, -1);
			continue;
		}
		if (p->breaks > 0) {
			p->breaks--;
			memcpy(first_op, op, sizeof(op));
			seen_op = true;
			return false;
		}
		done.done.id = 7;
		done.done.rc =
		    (uint8_t) - (m.number == KM_MSG_REVIEW_SHOW && p->rc == KM_OK
				     ? give_rights(p, line, m.review_show.after, &done.done.id)
				     : act(p, line, &m));
		if (p->break_in_rows)
			return false;
		/* After a break: it must be the same operation, under the same id. */
		if (seen_op && memcmp(op, first_op, sizeof(op)) != 0)
			done.done.rc = (uint8_t)-KM_EINVAL;
		memcpy(done.done.op, op, sizeof(op));
		done.done.op[0] ^= p->other_op;
		if (p->text)
			snprintf(done.done.text, sizeof(done.done.text), "%s", p->text);
		if (!p->text && number_said[0])
			snprintf(done.done.text, sizeof(done.done.text), "%s", number_said);
		number_said[0] = '\0';
		if (m.number == KM_MSG_ROSTER_END)
			snprintf(done.done.text, sizeof(done.done.text), "%s", fed.said);
		give(line, &done, -1);
	}
	return true;
}

static void hand_over(const struct play *p, int client, const uint8_t nonce[32], int end)
{
	struct km_msg m = { .number = KM_MSG_DESK_LINE };

	if (p->other_uid && geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)
		_exit(7);
	memcpy(m.desk_line.nonce, nonce, 32);
	m.desk_line.nonce[31] ^= p->other_nonce;
	give(client, &m, p->no_fd ? -1 : end);
}

static void refuse(const struct play *p, int client, const uint8_t nonce[32])
{
	struct km_msg m = { .number = KM_MSG_RESULT };

	m.result.verdict = (uint8_t)p->verdict;
	m.result.reason = (uint8_t)p->reason;
	memcpy(m.result.nonce, nonce, 32);
	give(client, &m, -1);
}

static void greet(struct play *p, int client)
{
	struct km_msg hello, desk, m = { .number = KM_MSG_WELCOME };
	int pair[2];

	if (!take(client, KM_FROM_DESK, KM_PHASE_GREET, &hello) || p->no_welcome ||
	    !take(client, KM_FROM_DESK, KM_PHASE_REQUEST, &desk))
		return;
	m.welcome.version = p->version ? p->version : KM_PROTOCOL_NEWEST;
	give(client, &m, -1);
	if (p->refuse) {
		refuse(p, client, desk.desk.nonce);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		_exit(6);
	hand_over(p, client, desk.desk.nonce, pair[1]);
	close(pair[1]);
	(void)serve(p, pair[0]);
	close(pair[0]);
}

static pid_t play(const struct play *script, int listening)
{
	struct play p = *script;
	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int client = accept(listening, NULL, NULL);

		if (client < 0)
			_exit(0);
		alarm(20); /* for each, however many come */
		greet(&p, client);
		alarm(0);
		close(client);
	}
}

/* --- this side ------------------------------------------------------------ */

struct scene {
	char dir[32], path[64];
	pid_t child;
	int listening, in[2];
	struct desk desk;
	char *out, *err;
	size_t out_len, err_len;
};

/* typed may have any byte in it. */
static void begin_bytes(struct scene *s, const struct play *p, const char *typed, size_t len)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->dir, "/tmp/kenmon-test-XXXXXX", 24);
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/authd.sock", s->dir);
	assert_int_equal(km_listen_at(s->path, 0666, getuid(), getgid(), &s->listening), KM_OK);
	s->child = play(p, s->listening);
	assert_true(s->child > 0);
	desk_init(&s->desk);
	s->desk.socket = s->path;
	s->desk.lang = KM_LANG_EN;
	assert_int_equal(pipe(s->in), 0);
	assert_int_equal(write(s->in[1], typed, len), (ssize_t)len);
	close(s->in[1]);
	s->desk.in = s->in[0];
	s->desk.out = open_memstream(&s->out, &s->out_len);
	s->desk.err = open_memstream(&s->err, &s->err_len);
}

static void begin(struct scene *s, const struct play *p, const char *typed)
{
	begin_bytes(s, p, typed, strlen(typed));
}

static void end(struct scene *s)
{
	fclose(s->desk.out);
	fclose(s->desk.err);
	free(s->out);
	free(s->err);
	close(s->in[0]);
	close(s->listening);
	desk_close(&s->desk);
	kill(s->child, SIGKILL);
	waitpid(s->child, NULL, 0);
	unlink(s->path);
	rmdir(s->dir);
}

static inline int kenmon(struct scene *s, char *const words[])
{
	char *argv[24] = { (char[]){ "kenmon" } };
	int argc = 1, code;

	while (*words && argc < 23)
		argv[argc++] = *words++;
	code = desk_main(&s->desk, argc, argv);
	fflush(s->desk.out);
	fflush(s->desk.err);
	return code;
}

#define W(text)        ((char[]){ text })
#define KENMON(s, ...) kenmon(s, (char *[]){ __VA_ARGS__, NULL })
#define ENROLL_HOTP(s) KENMON(s, W("enroll"), W("hotp"), W("sato"))

static inline void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static int scene_setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

#endif
