/* kenmon due list, release; kenmon transfer. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/hex.h>
#include <kenmon/log.h>
#include <kenmon/people.h>

#include "commands.h"

#define SUBJECT sizeof((struct msg_due_row){ 0 }.subject)

static const char *due_word(uint8_t what)
{
	return what == KM_DUE_ERASE ? "erase" : what == KM_DUE_SUSPEND ? "suspend" : "?";
}

/* The brake waits for who looks; the last of a role for another in it. */
static const char *held_word(uint8_t held)
{
	return held == KM_HELD_BRAKE ? "brake" : held == KM_HELD_LAST ? "last" : "?";
}

enum desk_text desk_held(uint8_t held)
{
	return held == KM_HELD_NOT    ? DESK_DUE_GOES
	       : held == KM_HELD_LAST ? DESK_DUE_LAST
				      : DESK_DUE_HELD;
}

static void due_cells(const struct desk *d, struct desk_table *t, const struct km_msg *m)
{
	const struct msg_due_row *r = &m->due_row;
	char day[16];

	desk_cell(t, r->login);
	km_day_format(r->day, day);
	desk_cell(t, day);
	desk_cell(t,
		  desk_text(r->what == KM_DUE_ERASE ? DESK_DUE_ERASE : DESK_DUE_SUSPEND, d->lang));
	desk_cell(t, km_cause_text(r->cause, d->lang));
	desk_cell(t, r->held ? desk_text(desk_held(r->held), d->lang) : "");
}

static void due_json(struct desk_json *j, const struct km_msg *m)
{
	const struct msg_due_row *r = &m->due_row;

	json_string(j, "login", r->login);
	json_day(j, "day", r->day);
	json_string(j, "what", due_word(r->what));
	json_string(j, "cause", km_cause_word(r->cause));
	json_bool(j, "held", r->held != KM_HELD_NOT);
	if (r->held != KM_HELD_NOT)
		json_string(j, "held_by", held_word(r->held));
	else
		json_null(j, "held_by");
	json_hex(j, "subject", r->subject, sizeof(r->subject));
}

bool desk_ask_due(void *arg, uint64_t last, struct km_msg *request)
{
	(void)arg;
	request->number = KM_MSG_DUE_LIST;
	request->due_list.after = last;
	request->due_list.limit = DESK_PAGE;
	return true;
}

uint64_t desk_due_place(const struct km_msg *row)
{
	return row->number == KM_MSG_DUE_ROW ? row->due_row.cursor : 0;
}

/* The vault says it with any page of what is due, also with one of no rows. */
km_rc desk_due_waits(struct desk *d, char said[DESK_WHY])
{
	struct km_msg m = { .number = KM_MSG_DUE_LIST };
	struct msg_done done = { 0 };
	char text[sizeof(done.text)];
	km_rc rc = desk_act(d, &m, &done);

	said[0] = '\0';
	if (rc == KM_OK)
		km_escape(desk_reason(done.text, d->lang, text, sizeof(text)), said, DESK_WHY);
	return rc;
}

/* Whom the brake holds: what a release lets go, and the mark that its approver was shown. */
struct held {
	size_t count, room;
	uint8_t (*subject)[SUBJECT];
};

static km_rc take_held(void *arg, const struct km_msg *row)
{
	struct held *h = arg;

	if (row->due_row.held != KM_HELD_BRAKE)
		return KM_OK;
	if (h->count == h->room) {
		size_t room = h->room ? 2 * h->room : DESK_PAGE;
		void *more = reallocarray(h->subject, room, sizeof(*h->subject));

		if (!more)
			return KM_ENOMEM;
		h->subject = more;
		h->room = room;
	}
	memcpy(h->subject[h->count++], row->due_row.subject, sizeof(*h->subject));
	return KM_OK;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, SUBJECT);
}

static km_rc say_held(const struct desk *d, struct held *h)
{
	char number[24], mark[KM_HEX(KM_MARK_BYTES)], text[256];
	uint8_t set[32];

	qsort(h->subject, h->count, sizeof(*h->subject), by_bytes);
	if (!EVP_Digest(h->subject, h->count * sizeof(*h->subject), set, NULL, EVP_sha256(), NULL))
		return KM_ENOMEM;
	snprintf(number, sizeof(number), "%zu", h->count);
	fprintf(d->out, "%s\n",
		desk_expand(DESK_DUE_SET, d->lang, number, km_hex(set, KM_MARK_BYTES, mark), text,
			    sizeof(text)));
	return KM_OK;
}

int cmd_due_list(struct desk *d, const struct desk_args *args)
{
	static const enum desk_text headings[] = { DESK_COL_LOGIN, DESK_COL_DAY, DESK_COL_WHAT,
						   DESK_COL_CAUSE, DESK_COL_HELD };
	static const struct desk_listing due = {
		headings,         sizeof(headings) / sizeof(headings[0]),
		DESK_DUE_NOTHING, desk_ask_due,
		desk_due_place,   due_cells,
		due_json,
	};
	struct held held = { 0 };
	int code = desk_list_each(d, &due, d->json ? NULL : take_held, &held);
	char waits[DESK_WHY] = "";
	km_rc rc = code == 0 ? desk_due_waits(d, waits) : KM_OK;

	(void)args;
	if (waits[0])
		desk_warn(d, DESK_DUE_WAITS, waits, NULL);
	if (rc == KM_OK && code == 0 && held.count > 0)
		rc = say_held(d, &held);
	free(held.subject);
	return rc == KM_OK ? code : desk_fail(d, rc);
}

int cmd_due_release(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_DUE_RELEASE };
	struct msg_done done = { 0 };
	uint64_t n = 0;
	km_rc rc = desk_number(d, "--accept-erasures", desk_arg(args, "accept-erasures"), 1,
			       UINT32_MAX, &n);

	m.due_release.erasures = (uint32_t)n;
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_DUE_RELEASED, desk_arg(args, "accept-erasures"),
			   NULL);
}

int cmd_transfer(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_TRANSFER };
	struct msg_done done = { 0 };
	char day[16] = "";
	km_rc rc = desk_login(d, args, 0, m.transfer.login);

	if (rc == KM_OK)
		rc = desk_day(d, args, "effective", &m.transfer.effective);
	if (rc == KM_OK)
		rc = desk_field(d, "--reason", desk_arg(args, "reason"), true, m.transfer.reason,
				sizeof(m.transfer.reason));
	if (rc == KM_OK) {
		km_day_format(m.transfer.effective, day);
		rc = desk_act(d, &m, &done);
	}
	return desk_finish(d, rc, &done, DESK_TRANSFER_SET, m.transfer.login, day);
}
