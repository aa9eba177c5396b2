/* kenmon consent list, show, withdraw; and asking for one before a finger is enrolled. */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/conf.h>
#include <kenmon/hex.h>

#include "commands.h"
#include "purpose.h"

void desk_terminal_name(const struct desk *d, char out[65])
{
	const char *name = isatty(d->in) ? ttyname(d->in) : NULL;

	if (!name)
		name = ttyname(STDERR_FILENO);
	if (name && strncmp(name, "/dev/", 5) == 0)
		name += 5;
	snprintf(out, 65, "%s", name ? name : "");
}

/* --- listings ---------------------------------------------------------------------------- */

static km_rc take_consent(struct desk *d, void *arg, const struct km_msg *m)
{
	struct desk_consents *c = arg;

	(void)d;
	if (m->number != KM_MSG_CONSENT_ROW || c->count == DESK_CONSENTS_MAX)
		return KM_EPROTO;
	c->row[c->count++] = m->consent_row;
	return KM_OK;
}

km_rc desk_consents(struct desk *d, const char *login, struct desk_consents *out)
{
	struct km_msg m = { .number = KM_MSG_CONSENT_LIST };
	struct desk_operation o = { .request = &m, .arg = out, .row = take_consent };

	out->count = 0;
	snprintf(m.consent_list.login, sizeof(m.consent_list.login), "%s", login);
	return desk_operate(d, &o);
}

void desk_consents_json(struct desk_json *j, const char *key, const struct desk_consents *c)
{
	json_open(j, key, '[');
	for (unsigned i = 0; i < c->count; i++) {
		const struct msg_consent_row *r = &c->row[i];

		json_open(j, NULL, '{');
		json_number(j, "id", (int64_t)r->id);
		json_hex(j, "purpose", r->purpose, sizeof(r->purpose));
		json_time(j, "given", r->given);
		json_string(j, "by", r->paper ? "paper" : "own-code");
		json_string(j, "terminal", r->terminal);
		if (r->witness[0])
			json_string(j, "witness", r->witness);
		else
			json_null(j, "witness");
		json_time(j, "withdrawn", r->withdrawn);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Enough to tell versions apart; --json and 'consent show' have all of it. */
#define SHORT_DIGEST 8

km_rc desk_consents_table(struct desk *d, const struct desk_consents *c)
{
	const char *headers[] = {
		desk_text(DESK_COL_ID, d->lang),        desk_text(DESK_COL_GIVEN, d->lang),
		desk_text(DESK_COL_BY, d->lang),        desk_text(DESK_COL_TERMINAL, d->lang),
		desk_text(DESK_COL_WITNESS, d->lang),   desk_text(DESK_COL_PURPOSE, d->lang),
		desk_text(DESK_COL_WITHDRAWN, d->lang),
	};
	struct desk_table t DESK_TABLE = { 0 };
	char text[DESK_TIME], digest[KM_HEX(SHORT_DIGEST)];

	desk_table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
	for (unsigned i = 0; i < c->count; i++) {
		const struct msg_consent_row *r = &c->row[i];

		desk_cell_number(&t, (int64_t)r->id);
		desk_cell(&t, desk_time_short(r->given, text));
		desk_cell(&t, desk_text(r->paper ? DESK_BY_PAPER : DESK_BY_CODE, d->lang));
		desk_cell(&t, r->terminal);
		desk_cell(&t, r->witness);
		desk_cell(&t, km_hex(r->purpose, SHORT_DIGEST, digest));
		desk_cell(&t, desk_time_short(r->withdrawn, text));
	}
	return desk_table_flush(&t, d->out);
}

int cmd_consent_list(struct desk *d, const struct desk_args *args)
{
	static struct desk_consents c; /* 17 KiB */
	struct desk_json j = { .f = d->out };
	char login[65];
	km_rc rc = desk_login(d, args, 0, login);

	if (rc == KM_OK)
		rc = desk_consents(d, login, &c);
	if (rc == KM_OK && d->json) {
		desk_consents_json(&j, NULL, &c);
		fputc('\n', d->out);
	} else if (rc == KM_OK && c.count)
		rc = desk_consents_table(d, &c);
	else if (rc == KM_OK)
		desk_warn(d, DESK_NO_CONSENTS, login, NULL);
	return rc == KM_OK ? 0 : desk_fail(d, rc);
}

/* --- the texts agreed to ----------------------------------------------------------------- */

static km_rc take_purpose(struct desk *d, void *arg, const struct km_msg *m)
{
	struct desk_shown *s = arg;
	const struct msg_purpose_row *r = &m->purpose_row;

	(void)d;
	if (m->number != KM_MSG_PURPOSE_ROW || s->rows++ || r->text.len > DESK_PURPOSE_MAX)
		return KM_EPROTO;
	memcpy(s->digest, r->purpose, sizeof(s->digest));
	s->first = r->first;
	s->purpose.lang = r->lang == KM_LANG_JA ? KM_LANG_JA : KM_LANG_EN;
	s->purpose.len = r->text.len;
	if (r->text.len)
		memcpy(s->purpose.text, r->text.bytes, r->text.len);
	s->purpose.text[r->text.len] = '\0';
	return KM_OK;
}

static km_rc one_purpose(struct desk *d, struct km_msg *request, struct desk_shown *out)
{
	struct desk_operation o = { .request = request, .arg = out, .row = take_purpose };
	km_rc rc;

	out->rows = 0;
	rc = desk_operate(d, &o);
	return rc == KM_OK && out->rows == 0 ? KM_EPROTO : rc;
}

km_rc desk_purpose_of(struct desk *d, const uint8_t digest[32], struct desk_shown *out)
{
	struct km_msg m = { .number = KM_MSG_PURPOSE_SHOW };

	memcpy(m.purpose_show.purpose, digest, sizeof(m.purpose_show.purpose));
	return one_purpose(d, &m, out);
}

void desk_purpose_json(struct desk_json *j, const char *key, const struct desk_shown *s)
{
	json_open(j, key, '{');
	json_hex(j, "purpose", s->digest, sizeof(s->digest));
	json_string(j, "language", s->purpose.lang == KM_LANG_JA ? "ja" : "en");
	json_time(j, "first_shown", s->first);
	json_string(j, "text", s->purpose.text);
	json_close(j, '}');
}

/* Whole and as it was shown: what is kept there was checked before it was. */
static void print_purpose(FILE *f, const struct desk_purpose *p)
{
	fwrite(p->text, 1, p->len, f);
	if (p->len && p->text[p->len - 1] != '\n')
		fputc('\n', f);
}

static bool seen_before(const struct desk_consents *c, unsigned i)
{
	for (unsigned n = 0; n < i; n++)
		if (memcmp(c->row[n].purpose, c->row[i].purpose, sizeof(c->row[i].purpose)) == 0)
			return true;
	return false;
}

km_rc desk_purposes(struct desk *d, const struct desk_consents *c, void *arg,
		    void (*each)(struct desk *d, void *arg, const struct desk_shown *s))
{
	static struct desk_shown s;
	km_rc rc = KM_OK;

	for (unsigned i = 0; rc == KM_OK && i < c->count; i++) {
		if (seen_before(c, i))
			continue;
		rc = desk_purpose_of(d, c->row[i].purpose, &s);
		if (rc == KM_OK)
			each(d, arg, &s);
	}
	return rc;
}

static void show_purpose(struct desk *d, void *arg, const struct desk_shown *s)
{
	char digest[KM_HEX(sizeof(s->digest))], time[DESK_TIME], text[DESK_WHY];

	if (d->json) {
		desk_purpose_json(arg, NULL, s);
		return;
	}
	km_hex(s->digest, sizeof(s->digest), digest);
	fprintf(d->out, "\n%s\n\n",
		desk_expand(DESK_PURPOSE_HEAD, d->lang, digest, desk_time_short(s->first, time),
			    text, sizeof(text)));
	print_purpose(d->out, &s->purpose);
}

int cmd_consent_show(struct desk *d, const struct desk_args *args)
{
	static struct desk_consents c;
	struct desk_json j = { .f = d->out };
	char login[65];
	km_rc rc = desk_login(d, args, 0, login);

	if (rc == KM_OK)
		rc = desk_consents(d, login, &c);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (c.count == 0)
		desk_note(d, DESK_NO_CONSENTS, login, NULL);
	if (d->json) {
		d->half_written = true;
		json_open(&j, NULL, '{');
		desk_consents_json(&j, "consents", &c);
		json_open(&j, "purpose_texts", '[');
	} else if (c.count)
		rc = desk_consents_table(d, &c);
	if (rc == KM_OK)
		rc = desk_purposes(d, &c, &j, show_purpose);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (d->json) {
		json_close(&j, ']');
		json_close(&j, '}');
		fputc('\n', d->out);
	}
	return 0;
}

/* --- taking back -------------------------------------------------------------------------- */

static km_rc explain_own_code(struct desk *d, void *arg)
{
	desk_warn(d, DESK_WITHDRAW_ASK, arg, NULL);
	return KM_OK;
}

int desk_withdraw(struct desk *d, const char *login)
{
	struct km_msg m = { .number = KM_MSG_CONSENT_WITHDRAW };
	char who[65];
	struct desk_operation o = {
		.request = &m, .asks = true, .arg = who, .before = explain_own_code
	};
	km_rc rc;

	snprintf(who, sizeof(who), "%s", login);
	snprintf(m.consent_withdraw.login, sizeof(m.consent_withdraw.login), "%s", login);
	desk_terminal_name(d, m.consent_withdraw.terminal);
	rc = desk_operate(d, &o);
	return desk_finish(d, rc, &o.done, DESK_WITHDRAWN, who, NULL);
}

int cmd_consent_withdraw(struct desk *d, const struct desk_args *args)
{
	char login[65];
	km_rc rc = desk_login(d, args, 0, login);

	return rc == KM_OK ? desk_withdraw(d, login) : desk_fail(d, rc);
}

/* --- giving ------------------------------------------------------------------------------- */

struct agreement {
	const char *login;
	struct desk_purpose purpose;
	struct desk_shown kept;
	struct desk_consents given;
};

/* On standard error, with --json too: it must be read before anything is agreed to. */
static void show_text(struct desk *d, const struct agreement *a)
{
	fflush(d->out);
	fputc('\n', d->err);
	print_purpose(d->err, &a->purpose);
	fputc('\n', d->err);
}

static km_rc show_and_ask(struct desk *d, void *arg)
{
	struct agreement *a = arg;

	show_text(d, a);
	desk_warn(d, DESK_CONSENT_ASK, a->login, NULL);
	return KM_OK;
}

/* The vault names the text, so that nothing here need be believed about it. */
static km_rc keep_text(struct desk *d, struct agreement *a)
{
	struct km_msg m = { .number = KM_MSG_PURPOSE };

	m.purpose.lang = (uint8_t)a->purpose.lang;
	m.purpose.text =
	    (struct km_span){ (const uint8_t *)a->purpose.text, (uint16_t)a->purpose.len };
	return one_purpose(d, &m, &a->kept);
}

static bool stands_already(struct desk *d, const struct agreement *a)
{
	char time[DESK_TIME];

	for (unsigned i = 0; i < a->given.count; i++) {
		const struct msg_consent_row *r = &a->given.row[i];

		if (r->withdrawn || memcmp(r->purpose, a->kept.digest, sizeof(r->purpose)) != 0)
			continue;
		desk_warn(d, DESK_CONSENT_STANDS, a->login, desk_time_short(r->given, time));
		return true;
	}
	return false;
}

static km_rc give(struct desk *d, struct agreement *a, bool paper)
{
	struct km_msg m = { .number = KM_MSG_CONSENT };
	struct desk_operation o = { .request = &m, .asks = true, .arg = a, .before = show_and_ask };
	km_rc rc;

	snprintf(m.consent.login, sizeof(m.consent.login), "%s", a->login);
	memcpy(m.consent.purpose, a->kept.digest, sizeof(m.consent.purpose));
	m.consent.paper = paper;
	desk_terminal_name(d, m.consent.terminal);
	if (paper)
		show_text(d, a); /* what was signed must say the same */
	rc = desk_operate(d, &o);
	if (rc == KM_EABORTED && !d->why[0])
		return desk_because(d, rc, DESK_CONSENT_NOT_GIVEN, NULL, NULL);
	if (rc == KM_OK)
		desk_warn(d, paper ? DESK_CONSENT_ON_PAPER : DESK_CONSENT_GIVEN, a->login, NULL);
	return rc;
}

static km_rc purpose_folder(struct desk *d, const struct desk_args *args, char *out, size_t cap)
{
	static struct km_conf conf;
	km_rc rc = desk_conf(d, args, &conf);

	if (rc == KM_OK)
		snprintf(out, cap, "%s", conf.consent_purpose);
	return rc;
}

km_rc desk_agree(struct desk *d, const struct desk_args *args, const char *login)
{
	static struct agreement a;
	char folder[KM_CONF_LINE];
	km_rc rc = purpose_folder(d, args, folder, sizeof(folder));

	a.login = login;
	if (rc == KM_OK)
		rc = desk_purpose_load(d, folder, &a.purpose);
	if (rc == KM_OK)
		rc = keep_text(d, &a);
	if (rc == KM_OK)
		rc = desk_consents(d, login, &a.given);
	if (rc != KM_OK || stands_already(d, &a))
		return rc;
	return give(d, &a, desk_arg(args, "consent-on-paper") != NULL);
}
