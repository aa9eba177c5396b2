/* kenmon certificate list, show, verify. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/hex.h>
#include <kenmon/people.h>

#include "certificate.h"
#include "commands.h"

static km_rc parse_hex(struct desk *d, const char *what, const char *text, uint8_t *out, size_t len)
{
	char count[24];

	if (strlen(text) == 2 * len && km_hex_parse(text, out, len))
		return KM_OK;
	snprintf(count, sizeof(count), "%zu", 2 * len);
	return desk_because(d, KM_EUSAGE, DESK_HEX_WRONG, what, count);
}

/* --- list ------------------------------------------------------------------------------- */

static void row_json(struct desk_json *j, const struct km_msg *m)
{
	const struct msg_certificate_row *r = &m->certificate_row;

	json_number(j, "id", (int64_t)r->cursor);
	json_hex(j, "subject", r->subject, sizeof(r->subject));
	if (r->cause)
		json_string(j, "cause", km_cause_word(r->cause));
	else
		json_null(j, "cause");
	json_bool(j, "damaged", r->cause == 0);
	json_time(j, "unusable-since", r->unusable);
	json_time(j, "finished", r->finished);
	json_number(j, "key-epoch", r->epoch);
	json_time(j, "key-epoch-closed", r->closed);
	json_bool(j, "key-bundles-destroyed", r->bundles != 0);
}

static void row_cells(const struct desk *d, struct desk_table *t, const struct km_msg *m)
{
	const struct msg_certificate_row *r = &m->certificate_row;
	char hex[KM_HEX(sizeof(r->subject))], when[DESK_TIME];

	desk_cell(t, km_hex(r->subject, sizeof(r->subject), hex));
	desk_cell(t, r->cause ? km_cause_text(r->cause, d->lang)
			      : desk_text(DESK_CERT_ROW_DAMAGED, d->lang));
	desk_cell(t, desk_time_short(r->unusable, when));
	desk_cell(t, desk_time_short(r->finished, when));
	desk_cell_number(t, r->epoch);
	desk_cell(t, desk_time_short(r->closed, when));
}

static bool ask_page(void *arg, uint64_t last, struct km_msg *request)
{
	(void)arg;
	request->number = KM_MSG_CERTIFICATE_LIST;
	request->certificate_list.after = last;
	request->certificate_list.limit = DESK_PAGE;
	return true;
}

static uint64_t place_of(const struct km_msg *m)
{
	return m->number == KM_MSG_CERTIFICATE_ROW ? m->certificate_row.cursor : 0;
}

int cmd_certificate_list(struct desk *d, const struct desk_args *args)
{
	static const enum desk_text headings[] = { DESK_COL_SUBJECT,  DESK_COL_CAUSE,
						   DESK_COL_UNUSABLE, DESK_COL_FINISHED,
						   DESK_COL_EPOCH,    DESK_COL_CLOSED };
	static const struct desk_listing certificates = {
		headings,       sizeof(headings) / sizeof(headings[0]),
		DESK_CERT_NONE, ask_page,
		place_of,       row_cells,
		row_json,
	};

	(void)args;
	return desk_list(d, &certificates);
}

/* --- show ------------------------------------------------------------------------------- */

static km_rc take_part(struct desk *d, void *arg, const struct km_msg *m)
{
	struct certificate *c = arg;

	(void)d;
	if (m->number == KM_MSG_SIGNER_ROW)
		return certificate_add_signer(c, &m->signer_row);
	if (m->number == KM_MSG_CERTIFICATE_ITEM && c->row.items < KM_CERTIFICATE_ITEMS) {
		c->item[c->row.items++] = m->certificate_item;
		return KM_OK;
	}
	/* Last, and once: an epoch is never 0. */
	if (m->number != KM_MSG_CERTIFICATE_ROW || c->row.epoch ||
	    m->certificate_row.items != c->row.items || m->certificate_row.epoch == 0)
		return KM_EPROTO;
	c->row = m->certificate_row;
	return KM_OK;
}

static km_rc fetch(struct desk *d, const struct msg_certificate_show *ask, struct certificate *c)
{
	km_rc rc;

	do {
		struct km_msg m = { .number = KM_MSG_CERTIFICATE_SHOW };
		struct desk_operation o = { .request = &m, .arg = c, .row = take_part };
		size_t before = c->signers;

		m.certificate_show = *ask;
		m.certificate_show.after = c->signers ? c->signer[c->signers - 1].generation : 0;
		rc = desk_operate(d, &o);
		if (rc == KM_EAGAIN && c->signers == before)
			rc = KM_EPROTO;
	} while (rc == KM_EAGAIN);
	return rc == KM_OK && c->row.epoch == 0 ? KM_EPROTO : rc;
}

enum format { TEXT, JSON, HTML };

static km_rc parse_format(struct desk *d, const struct desk_args *args, enum format *out)
{
	static const char *const words[] = { "text", "json", "html" };
	const char *given = desk_arg(args, "format");

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(given, words[i]) == 0) {
			*out = d->json ? JSON : (enum format)i;
			return KM_OK;
		}
	}
	return desk_because(d, KM_EUSAGE, DESK_CHOICE_WRONG, "--format", "text, json, html");
}

static km_rc parse_show(struct desk *d, const struct desk_args *args,
			struct msg_certificate_show *ask)
{
	const char *number = desk_arg(args, "employee-number");

	if ((args->operands == 1) == (number != NULL))
		return desk_because(d, KM_EUSAGE, DESK_CERT_WHOSE, NULL, NULL);
	if (number)
		return desk_field(d, "--employee-number", number, false, ask->employee_number,
				  sizeof(ask->employee_number));
	return parse_hex(d, "SUBJECT", args->operand[0], ask->subject, sizeof(ask->subject));
}

int cmd_certificate_show(struct desk *d, const struct desk_args *args)
{
	struct certificate c CERTIFICATE = { .row.epoch = 0 };
	struct msg_certificate_show ask = { .after = 0 };
	enum format format = TEXT;
	km_rc rc = parse_show(d, args, &ask);

	if (rc == KM_OK)
		rc = parse_format(d, args, &format);
	if (rc == KM_OK)
		rc = fetch(d, &ask, &c);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (format == JSON)
		certificate_write(&c, d->out);
	else
		certificate_page(d, &c, format == HTML);
	return 0;
}

/* --- verify ------------------------------------------------------------------------------- */

static km_rc read_all(struct desk *d, const char *name, char **out, size_t *len)
{
	int fd = strcmp(name, "-") == 0 ? dup(d->in) : -1;
	FILE *f = strcmp(name, "-") != 0 ? fopen(name, "re") : fd >= 0 ? fdopen(fd, "r") : NULL;
	char *text = f ? malloc(CERTIFICATE_MAX + 1) : NULL;
	km_rc rc = KM_OK;

	if (!f && fd >= 0)
		close(fd);
	if (!f)
		return desk_because(d, KM_EINVAL, DESK_CERT_FILE, name, strerror(errno));
	if (!text)
		rc = KM_ENOMEM;
	else {
		*len = fread(text, 1, CERTIFICATE_MAX + 1, f);
		if (ferror(f))
			rc = desk_because(d, KM_EINVAL, DESK_CERT_FILE, name, strerror(errno));
		else if (*len > CERTIFICATE_MAX)
			rc = desk_because(d, KM_EINVAL, DESK_CERT_FORM, name, NULL);
	}
	fclose(f);
	if (rc == KM_OK)
		*out = text;
	else
		free(text);
	return rc;
}

static km_rc read_certificate(struct desk *d, const char *name, struct certificate *c)
{
	char *text = NULL;
	size_t len = 0;
	km_rc rc = read_all(d, name, &text, &len);

	if (rc != KM_OK)
		return rc;
	rc = certificate_read(text, len, c);
	free(text);
	return rc == KM_EINVAL ? desk_because(d, rc, DESK_CERT_FORM, name, NULL) : rc;
}

static km_rc say_fault(struct desk *d, const struct certificate_finding *found)
{
	static const enum desk_text why[] = {
		[CERTIFICATE_UNSIGNED] = DESK_CERT_BAD_UNSIGNED,
		[CERTIFICATE_NO_FIRST] = DESK_CERT_BAD_FIRST,
		[CERTIFICATE_CHAIN] = DESK_CERT_BAD_CHAIN,
		[CERTIFICATE_OTHER] = DESK_CERT_BAD_SIGNATURE,
		[CERTIFICATE_KEY] = DESK_CERT_BAD_KEY,
	};
	char number[24];

	if (found->fault == CERTIFICATE_HOLDS)
		return KM_OK;
	if (found->fault >= CERTIFICATE_MEMORY)
		return KM_ENOMEM;
	snprintf(number, sizeof(number), "%" PRIu32, found->generation);
	return desk_because(d, KM_ECORRUPT, why[found->fault], number, NULL);
}

static void say_json(struct desk *d, const struct certificate *c, size_t first, bool compared)
{
	struct desk_json j = { .f = d->out };

	json_open(&j, NULL, '{');
	json_string(&j, "result", "done");
	json_hex(&j, "subject", c->row.subject, sizeof(c->row.subject));
	json_time(&j, "unusable-since", c->row.unusable);
	json_time(&j, "finished", c->row.finished);
	json_time(&j, "key-epoch-closed", c->row.closed);
	json_time(&j, "signed-at", c->row.signed_at);
	json_hex(&j, "first-signer", c->signer[first].public, sizeof(c->signer->public));
	json_bool(&j, "first-signer-compared", compared);
	json_close(&j, '}');
	fputc('\n', d->out);
}

static void say(struct desk *d, enum desk_text id, const char *a, const char *b)
{
	char text[1024];

	fprintf(d->out, "%s\n", desk_expand(id, d->lang, a, b, text, sizeof(text)));
}

/* What was proved, and what was not: both, in as many words. */
static void say_proved(struct desk *d, const struct certificate *c, size_t first, bool compared)
{
	char hex[KM_HEX(sizeof(c->signer->public))], whose[KM_HEX(sizeof(c->row.subject))];
	char when[DESK_TIME], number[24];

	km_hex(c->signer[first].public, sizeof(c->signer->public), hex);
	km_hex(c->row.subject, sizeof(c->row.subject), whose);
	say(d, DESK_CERT_HOLDS, whose, desk_time(c->row.signed_at, when));
	snprintf(number, sizeof(number), "%" PRIu32, c->signer[first].generation);
	if (first > 0)
		say(d, DESK_CERT_RESTORED, number, NULL);
	say(d, compared ? DESK_CERT_KEY_SAME : DESK_CERT_KEY_ASK, hex, NULL);
	snprintf(number, sizeof(number), "%" PRIu64, c->row.seq);
	if (c->row.finished)
		say(d, DESK_CERT_PROVED, desk_time(c->row.unusable, when), number);
	else
		say(d, DESK_CERT_PROVED_BEGUN, desk_time(c->row.unusable, when), NULL);
	say(d, DESK_CERT_NOT_PROVED, number, NULL);
	certificate_limits(d, &c->row);
}

int cmd_certificate_verify(struct desk *d, const struct desk_args *args)
{
	struct certificate c CERTIFICATE = { .row.epoch = 0 };
	const char *hex = desk_arg(args, "key");
	struct certificate_finding found = { .fault = CERTIFICATE_UNCHECKED };
	uint8_t key[32];
	km_rc rc = hex ? parse_hex(d, "--key", hex, key, sizeof(key)) : KM_OK;

	if (rc == KM_OK)
		rc = read_certificate(d, args->operand[0], &c);
	if (rc == KM_OK) {
		found = certificate_verify(&c, hex ? key : NULL);
		rc = say_fault(d, &found);
	}
	if (rc != KM_OK) {
		int code = desk_fail(d, rc);

		/* One that does not hold is what was asked about, not a storage that failed us. */
		return rc == KM_ECORRUPT ? 1 : code;
	}
	if (d->json)
		say_json(d, &c, found.first, hex != NULL);
	else
		say_proved(d, &c, found.first, hex != NULL);
	return 0;
}
