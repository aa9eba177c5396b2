/* kenmon approval list, show, approve, reject: the second person's part. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <kenmon/hex.h>
#include <kenmon/log.h>
#include <kenmon/people.h>

#include "commands.h"
#include "terminal.h"
#include "trail.h"

#define REQUESTS_MAX 256 /* that wait at once, in the vault */
#define DIGEST       32

struct requests {
	unsigned count;
	struct msg_request_row row[REQUESTS_MAX];
};

static km_rc take_request(struct desk *d, void *arg, const struct km_msg *m)
{
	struct requests *r = arg;

	(void)d;
	if (m->number != KM_MSG_REQUEST_ROW || r->count == REQUESTS_MAX)
		return KM_EPROTO;
	r->row[r->count++] = m->request_row;
	return KM_OK;
}

static void requests_free(struct requests **r)
{
	free(*r);
}
#define REQUESTS __attribute__((cleanup(requests_free)))

/* --- what a request will do ------------------------------------------------------------ */

static const struct {
	uint8_t act;
	const char *word; /* in JSON, as the trail has it */
	enum desk_text text;
} acts[] = {
	{ KM_MSG_OPERATOR_ADD, "operator-add", DESK_ACT_ADD },
	{ KM_MSG_OPERATOR_STATE, "operator-state", DESK_ACT_STATE },
	{ KM_MSG_OPERATOR_REBIND, "operator-rebind", DESK_ACT_REBIND },
	{ KM_MSG_OPERATOR_CHANGE, "operator-change", DESK_ACT_CHANGE },
	{ KM_MSG_UNLOCK, "unlock", DESK_ACT_UNLOCK },
	{ KM_MSG_ERASE, "erase", DESK_ACT_ERASE },
	{ KM_MSG_TRANSFER, "transfer", DESK_ACT_TRANSFER },
	{ KM_MSG_DUE_RELEASE, "due-release", DESK_ACT_RELEASE },
	{ KM_MSG_ROSTER_END, "roster", DESK_ACT_ROSTER },
	{ KM_MSG_ACTIVATE, "activate", DESK_ACT_ACTIVATE },
	{ KM_MSG_COURIER_TEST, "courier-test", DESK_ACT_TEST },
	{ KM_MSG_BACKUP, "backup", DESK_ACT_BACKUP },
	{ KM_MSG_BUNDLE, "key-bundle", DESK_ACT_BUNDLE },
};

static const char *act_word(unsigned act)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (acts[i].act == act)
			return acts[i].word;
	}
	return "?";
}

static const char *act_said(const struct desk *d, unsigned act)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (acts[i].act == act)
			return desk_text(acts[i].text, d->lang);
	}
	return "?";
}

const char *desk_act_text(const char *word, enum km_lang lang)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (strcmp(acts[i].word, word) == 0)
			return desk_text(acts[i].text, lang);
	}
	return NULL;
}

/* One value of a request's text, percent-decoded in place up to the blank; returns what follows. */
static char *decode(char *value)
{
	char *from = value, *to = value;

	while (*from && *from != ' ') {
		int high = *from == '%' ? km_hex_value(from[1]) : -1;
		int low = high >= 0 ? km_hex_value(from[2]) : -1;

		*to++ = low >= 0 ? (char)(high * 16 + low) : *from;
		from += low >= 0 ? 3 : 1;
	}
	if (*from)
		from++;
	*to = '\0';
	return from;
}

/* A time comes in UTC, and is shown in the zone of all others here; what is none stays as it is. */
static const char *shown(const char *key, const char *value, char out[DESK_TIME])
{
	struct tm tm = { 0 };
	const char *end =
	    strcmp(key, "until") == 0 ? strptime(value, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	if (!end || *end || !*desk_time((int64_t)timegm(&tm), out))
		return value;
	return out;
}

static void each_field(struct desk *d, struct desk_json *j, const struct msg_request_row *r)
{
	char text[sizeof(r->text)], clean[sizeof(r->text) * 4], when[DESK_TIME];
	const char *name, *said;
	char *key = text, *value, *next;

	memcpy(text, r->text, sizeof(text));
	for (; *key; key = next) {
		value = strchr(key, '=');
		if (!value)
			return;
		*value++ = '\0';
		next = decode(value);
		name = key;
		said = shown(key, value, when);
		if (j) {
			json_string(j, name, said);
			continue;
		}
		trail_field(&name, &said, d->lang);
		fprintf(d->out, "  %s: %s\n", name, km_escape(said, clean, sizeof(clean)));
	}
}

/* --- showing --------------------------------------------------------------------------------- */

static void one_json(struct desk *d, struct desk_json *j, const struct msg_request_row *r)
{
	json_open(j, NULL, '{');
	json_number(j, "id", (int64_t)r->id);
	json_string(j, "act", act_word(r->act));
	json_string(j, "login", r->login);
	json_string(j, "requester", r->requester);
	json_time(j, "filed", r->filed);
	json_time(j, "expires", r->expires);
	json_hex(j, "digest", r->digest, sizeof(r->digest));
	json_open(j, "fields", '{');
	each_field(d, j, r);
	json_close(j, '}');
	json_close(j, '}');
}

static void line_of(struct desk *d, enum desk_text heading, const char *value)
{
	char clean[1024];

	fprintf(d->out, "%s: %s\n", desk_text(heading, d->lang),
		km_escape(value, clean, sizeof(clean)));
}

static void show_one(struct desk *d, const struct msg_request_row *r)
{
	char text[DESK_TIME], hex[KM_HEX(DIGEST)];

	snprintf(text, sizeof(text), "%" PRIu64, r->id);
	line_of(d, DESK_COL_ID, text);
	line_of(d, DESK_COL_ACT, act_said(d, r->act));
	line_of(d, DESK_COL_ABOUT, r->login);
	line_of(d, DESK_COL_REQUESTER, r->requester);
	line_of(d, DESK_COL_FILED, desk_time(r->filed, text));
	line_of(d, DESK_COL_EXPIRES, desk_time(r->expires, text));
	fprintf(d->out, "%s:\n", desk_text(DESK_WILL_DO, d->lang));
	each_field(d, NULL, r);
	if (r->act == KM_MSG_DUE_RELEASE)
		fprintf(d->out, "  (%s)\n", desk_text(DESK_RELEASE_LISTED, d->lang));
	line_of(d, DESK_COL_DIGEST, km_hex(r->digest, DIGEST, hex));
}

static km_rc table_of(struct desk *d, const struct requests *r)
{
	const char *headers[] = {
		desk_text(DESK_COL_ID, d->lang),    desk_text(DESK_COL_ACT, d->lang),
		desk_text(DESK_COL_ABOUT, d->lang), desk_text(DESK_COL_REQUESTER, d->lang),
		desk_text(DESK_COL_FILED, d->lang), desk_text(DESK_COL_EXPIRES, d->lang),
	};
	struct desk_table t DESK_TABLE;
	char when[DESK_TIME];

	desk_table_init(&t, headers, 6);
	for (unsigned i = 0; i < r->count; i++) {
		desk_cell_number(&t, (int64_t)r->row[i].id);
		desk_cell(&t, act_said(d, r->row[i].act));
		desk_cell(&t, r->row[i].login);
		desk_cell(&t, r->row[i].requester);
		desk_cell(&t, desk_time_short(r->row[i].filed, when));
		desk_cell(&t, desk_time_short(r->row[i].expires, when));
	}
	return desk_table_flush(&t, d->out);
}

int cmd_approval_list(struct desk *d, const struct desk_args *args)
{
	struct requests *r REQUESTS = calloc(1, sizeof(*r));
	struct km_msg m = { .number = KM_MSG_APPROVAL_LIST, .approval_list.limit = REQUESTS_MAX };
	struct desk_operation o = { .request = &m, .arg = r, .row = take_request };
	struct desk_json j = { .f = d->out };
	km_rc rc = r ? desk_operate(d, &o) : KM_ENOMEM;

	(void)args;
	if (rc == KM_OK && !d->json && r->count == 0)
		desk_warn(d, DESK_NO_REQUESTS, NULL, NULL);
	else if (rc == KM_OK && !d->json)
		rc = table_of(d, r);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (!d->json)
		return 0;
	json_open(&j, NULL, '{');
	json_open(&j, "requests", '[');
	for (unsigned i = 0; i < r->count; i++)
		one_json(d, &j, &r->row[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', d->out);
	return 0;
}

/* The request that the operand names. */
static km_rc fetch(struct desk *d, const struct desk_args *args, struct msg_request_row *out)
{
	struct requests *r REQUESTS = calloc(1, sizeof(*r));
	struct km_msg m = { .number = KM_MSG_APPROVAL_SHOW };
	struct desk_operation o = { .request = &m, .arg = r, .row = take_request };
	km_rc rc = desk_number(d, "ID", args->operand[0], 1, INT64_MAX, &m.approval_show.id);

	if (rc == KM_OK)
		rc = r ? desk_operate(d, &o) : KM_ENOMEM;
	if (rc == KM_OK && (r->count != 1 || r->row[0].id != m.approval_show.id))
		rc = KM_EPROTO;
	if (rc == KM_OK)
		*out = r->row[0];
	return rc;
}

int cmd_approval_show(struct desk *d, const struct desk_args *args)
{
	struct desk_json j = { .f = d->out };
	struct msg_request_row row;
	km_rc rc = fetch(d, args, &row);

	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (!d->json) {
		show_one(d, &row);
		return 0;
	}
	one_json(d, &j, &row);
	fputc('\n', d->out);
	return 0;
}

/* --- deciding --------------------------------------------------------------------------------- */

static km_rc parse_digest(struct desk *d, const char *text, uint8_t out[DIGEST])
{
	return strlen(text) == 2 * DIGEST && km_hex_parse(text, out, DIGEST)
		   ? KM_OK
		   : desk_because(d, KM_EUSAGE, DESK_DIGEST_WRONG, "--digest", NULL);
}

/* By the number typed after it was read, or by the digest of what was read before. */
static km_rc agree(struct desk *d, const struct desk_args *args, const struct msg_request_row *row,
		   uint8_t digest[DIGEST])
{
	const char *given = desk_arg(args, "digest");
	char number[24];
	km_rc rc;

	if (given)
		return parse_digest(d, given, digest);
	if (d->json) /* nobody agrees to what they were not shown */
		return desk_because(d, KM_EUSAGE, DESK_DIGEST_NEEDED, "--json", "--digest");
	show_one(d, row);
	memcpy(digest, row->digest, DIGEST);
	snprintf(number, sizeof(number), "%" PRIu64, row->id);
	rc = desk_confirm(d, DESK_ASK_APPROVE, number);
	if (rc != KM_OK && !d->why[0])
		rc = desk_because(d, rc, DESK_NOT_APPROVED, NULL, NULL);
	return rc;
}

int cmd_approval_approve(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_APPROVAL_DECIDE, .approval_decide.approve = 1 };
	struct desk_order order = { 0 }; /* of a test of the courier, which begins now */
	struct desk_operation o = { .request = &m, .arg = &order, .row = desk_order_row };
	struct msg_request_row row;
	km_rc rc = fetch(d, args, &row);

	if (rc == KM_OK)
		rc = agree(d, args, &row, m.approval_decide.digest);
	m.approval_decide.id = rc == KM_OK ? row.id : 0;
	if (rc == KM_OK && row.act == KM_MSG_COURIER_TEST)
		o.patience = KM_ORDER_SECONDS + 20;
	if (rc == KM_OK)
		rc = desk_operate(d, &o);
	return desk_finish(d, rc, &o.done, DESK_APPROVED, args->operand[0], NULL);
}

int cmd_approval_reject(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_APPROVAL_DECIDE };
	struct msg_done done = { 0 };
	km_rc rc = desk_number(d, "ID", args->operand[0], 1, INT64_MAX, &m.approval_decide.id);

	if (rc == KM_OK)
		rc = desk_field(d, "--reason", desk_arg(args, "reason"), true,
				m.approval_decide.reason, sizeof(m.approval_decide.reason));
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_REJECTED, args->operand[0], NULL);
}
