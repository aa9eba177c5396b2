/* kenmon status, accept. */
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "commands.h"
#include "terminal.h"

#define STATUS_MAX 128 /* rows; the vault has some twenty */

/* --- status --------------------------------------------------------------- */

struct rows {
	unsigned count;
	struct msg_status_row row[STATUS_MAX];
};

static km_rc take_status(struct desk *d, void *arg, const struct km_msg *m)
{
	struct rows *r = arg;

	(void)d;
	if (m->number != KM_MSG_STATUS_ROW || r->count == STATUS_MAX)
		return KM_EPROTO;
	r->row[r->count++] = m->status_row;
	return KM_OK;
}

static void rows_json(struct desk_json *j, const char *key, const struct rows *r)
{
	unsigned i;

	json_open(j, key, '[');
	for (i = 0; i < r->count; i++) {
		json_open(j, NULL, '{');
		json_string(j, "key", r->row[i].key);
		json_string(j, "value", r->row[i].value);
		json_bool(j, "alarm", r->row[i].alarm != 0);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* The value of a row as it is shown to a person. */
static const char *shown(const struct desk *d, const struct msg_status_row *r,
			 char out[512 * 4 + 1])
{
	char text[512 * 2];

	return km_escape(desk_status_value(r->key, r->value, d->lang, text, sizeof(text)), out,
			 512 * 4 + 1);
}

static void rows_text(struct desk *d, const struct rows *r)
{
	char key[64 * 4 + 1], value[512 * 4 + 1];
	unsigned i, width = 0, own;

	for (i = 0; i < r->count; i++) {
		own = desk_width(km_escape(r->row[i].key, key, sizeof(key)));
		width = own > width ? own : width;
	}
	/* Alarms first, each a line that says so: nobody has to see a colour. */
	for (i = 0; i < r->count; i++) {
		if (r->row[i].alarm)
			fprintf(d->out, "%s %s: %s\n", desk_text(DESK_ALARM, d->lang),
				km_escape(r->row[i].key, key, sizeof(key)),
				shown(d, &r->row[i], value));
	}
	for (i = 0; i < r->count; i++) {
		if (r->row[i].alarm)
			continue;
		own = desk_width(km_escape(r->row[i].key, key, sizeof(key)));
		fprintf(d->out, "%s%*s%s\n", key, (int)(width - own) + 2, "",
			shown(d, &r->row[i], value));
	}
}

static void status_json(struct desk *d, km_rc rc, const struct rows *r,
			const struct desk_finding f[DESK_FINDINGS])
{
	struct desk_json j = { .f = d->out };
	unsigned i;

	json_open(&j, NULL, '{');
	if (rc != KM_OK) {
		json_string(&j, "error", km_rc_name(rc));
		json_string(&j, "message", d->why[0] ? d->why : km_rc_text(rc, d->lang));
	} else
		rows_json(&j, "status", r);
	json_open(&j, "machine", '[');
	for (i = 0; i < DESK_FINDINGS; i++) {
		json_open(&j, NULL, '{');
		json_string(&j, "key", f[i].key);
		json_bool(&j, "found", f[i].found);
		json_string(&j, "message", f[i].text);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', d->out);
}

int cmd_status(struct desk *d, const struct desk_args *args)
{
	static struct rows r; /* 70 KiB */
	struct km_msg m = { .number = KM_MSG_STATUS };
	struct desk_operation o = { .request = &m, .arg = &r, .row = take_status };
	struct desk_finding f[DESK_FINDINGS];
	unsigned i;
	km_rc rc;

	(void)args;
	r.count = 0;
	rc = desk_operate(d, &o);
	desk_findings(d, f);
	if (d->json) {
		status_json(d, rc, &r, f);
		return km_rc_exit_code(rc);
	}
	if (rc == KM_OK)
		rows_text(d, &r);
	fprintf(d->out, "%s%s:\n", rc == KM_OK ? "\n" : "", desk_text(DESK_HERE, d->lang));
	for (i = 0; i < DESK_FINDINGS; i++)
		fprintf(d->out, "  %s\n", f[i].text);
	return rc == KM_OK ? 0 : desk_fail(d, rc);
}

/* Rows of a status and nothing of this machine. */
int desk_show_status(struct desk *d, struct km_msg *request, const char *key)
{
	static struct rows r;
	struct desk_operation o = { .request = request, .arg = &r, .row = take_status };
	struct desk_json j = { .f = d->out };
	km_rc rc;

	r.count = 0;
	rc = desk_operate(d, &o);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (!d->json) {
		rows_text(d, &r);
		return 0;
	}
	json_open(&j, NULL, '{');
	rows_json(&j, key, &r);
	json_close(&j, '}');
	fputc('\n', d->out);
	return 0;
}

/* --- accept --------------------------------------------------------------- */

static const struct {
	const char *word;
	unsigned what;
} suspicions[] = {
	{ "clock", KM_SUSPECT_CLOCK },
	{ "machine", KM_SUSPECT_MACHINE },
	{ "rollback", KM_SUSPECT_ROLLBACK },
	{ "administrators", KM_ACCEPT_ADMINISTRATORS },
};

/* One round: with confirm 0 nothing but what was found, with 1 it is accepted. */
static km_rc accept_round(struct desk *d, struct km_msg *m, bool confirm, struct rows *r,
			  struct msg_done *done)
{
	struct desk_operation o = { .request = m, .arg = r, .row = take_status };
	km_rc rc;

	r->count = 0;
	m->accept.confirm = confirm;
	rc = desk_operate(d, &o);
	*done = o.done;
	return rc;
}

/* Nobody accepts what they have not seen. */
static km_rc show_found(struct desk *d, struct km_msg *m, struct rows *r)
{
	char said[sizeof(((struct msg_done *)0)->text)], text[sizeof(said) * 4];
	struct msg_done done;
	km_rc rc = accept_round(d, m, false, r, &done);

	if (d->json)
		return rc;
	rows_text(d, r); /* also what stands in the way */
	if (rc != KM_OK)
		return rc;
	if (done.text[0])
		fprintf(d->out, "%s\n",
			km_escape(desk_reason(done.text, d->lang, said, sizeof(said)), text,
				  sizeof(text)));
	return KM_OK;
}

int cmd_accept(struct desk *d, const struct desk_args *args)
{
	static struct rows r;
	struct km_msg m = { .number = KM_MSG_ACCEPT };
	struct msg_done done = { 0 };
	const char *word = args->operand[0];
	km_rc rc = KM_OK;
	size_t i;

	for (i = 0; i < sizeof(suspicions) / sizeof(suspicions[0]); i++) {
		if (strcmp(word, suspicions[i].word) == 0)
			m.accept.what = (uint8_t)suspicions[i].what;
	}
	if (!m.accept.what)
		rc = desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "accept",
				  "clock, machine, rollback, administrators");
	if (rc == KM_OK)
		rc = show_found(d, &m, &r);
	if (rc == KM_OK && m.accept.what == KM_SUSPECT_ROLLBACK)
		desk_warn(d, DESK_ROLLBACK_UNDOES, NULL, NULL);
	if (rc == KM_OK && m.accept.what == KM_ACCEPT_ADMINISTRATORS)
		desk_warn(d, DESK_ADMINISTRATORS_ANEW, NULL, NULL);
	if (rc == KM_OK && !desk_arg(args, "yes")) {
		rc = desk_confirm(d, DESK_ASK_ACCEPT, "yes");
		if (rc != KM_OK && !d->why[0])
			rc = desk_because(d, rc, DESK_NOT_ACCEPTED, NULL, NULL);
	}
	if (rc == KM_OK)
		rc = accept_round(d, &m, true, &r, &done);
	return desk_finish(d, rc, &done, DESK_ACCEPTED, word, NULL);
}
