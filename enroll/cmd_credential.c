/* kenmon credential list, remove; resync, unlock, erase. */
#include <inttypes.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/finger.h>

#include "commands.h"
#include "terminal.h"
#include "trail.h"

static km_rc take_credential(struct desk *d, void *arg, const struct km_msg *m)
{
	struct desk_credentials *c = arg;

	(void)d;
	if (m->number != KM_MSG_CREDENTIAL_ROW || c->count == DESK_CREDENTIALS_MAX)
		return KM_EPROTO;
	c->row[c->count++] = m->credential_row;
	return KM_OK;
}

km_rc desk_credentials(struct desk *d, const char *login, struct desk_credentials *out)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_LIST };
	struct desk_operation o = { .request = &m, .arg = out, .row = take_credential };

	snprintf(m.credential_list.login, sizeof(m.credential_list.login), "%s", login);
	return desk_operate(d, &o);
}

static void one_json(struct desk_json *j, const struct msg_credential_row *r)
{
	json_open(j, NULL, '{');
	json_number(j, "id", (int64_t)r->id);
	json_string(j, "factor", km_factor_word(r->factor));
	json_string(j, "label", r->label);
	json_time(j, "created", r->created);
	json_time(j, "last_used", r->last_used);
	json_bool(j, "waiting", r->waiting);
	json_time(j, "until", r->until);
	if (km_factor_class(r->factor) == KM_CLASS_RECOVERY)
		json_number(j, "codes_left", r->left);
	else if (r->factor == KM_FACTOR_FINGERPRINT) {
		json_string(j, "finger", r->label);
		json_string(j, "reader", r->reader);
	} else if (km_factor_class(r->factor) == KM_CLASS_PHONE)
		json_string(j, "number", r->number);
	else {
		json_string(j, "algorithm", km_algorithm_word(r->algorithm));
		json_number(j, "digits", r->digits);
	}
	if (r->factor == KM_FACTOR_TOTP) {
		json_number(j, "period", r->period);
		json_number(j, "drift", r->drift);
	}
	json_number(j, "failures", r->fails);
	json_bool(j, "disabled", r->wait == UINT32_MAX);
	if (r->wait == UINT32_MAX)
		json_null(j, "wait");
	else
		json_number(j, "wait", r->wait);
	json_close(j, '}');
}

void desk_credentials_json(struct desk_json *j, const char *key, const struct desk_credentials *c)
{
	unsigned i;

	json_open(j, key, '[');
	for (i = 0; i < c->count; i++)
		one_json(j, &c->row[i]);
	json_close(j, ']');
}

/* A sentence of one number or two. */
static void say(const struct desk *d, enum desk_text text, int64_t one, int64_t two, char *out,
		size_t cap)
{
	char first[24], second[24];

	snprintf(first, sizeof(first), "%" PRId64, one);
	snprintf(second, sizeof(second), "%" PRId64, two);
	desk_expand(text, d->lang, first, second, out, cap);
}

static void details_of_code(const struct desk *d, const struct msg_credential_row *r, char *out,
			    size_t cap)
{
	char digits[24];
	size_t n;

	snprintf(digits, sizeof(digits), "%u", r->digits);
	desk_expand(DESK_CODE_DETAILS, d->lang, km_algorithm_word(r->algorithm), digits, out, cap);
	n = strlen(out);
	if (r->factor == KM_FACTOR_TOTP)
		say(d, DESK_TOTP_DETAILS, r->period, r->drift, out + n, cap - n);
}

static void details(const struct desk *d, const struct msg_credential_row *r, char *out, size_t cap)
{
	if (km_factor_class(r->factor) == KM_CLASS_RECOVERY)
		say(d, DESK_CODES_LEFT, r->left, 0, out, cap);
	else if (r->factor == KM_FACTOR_FINGERPRINT)
		snprintf(out, cap, "%s, %s", km_finger_name(km_finger_parse(r->label), d->lang),
			 r->reader);
	else if (km_factor_class(r->factor) == KM_CLASS_PHONE)
		desk_expand(DESK_PHONE_NUMBER, d->lang, r->number, NULL, out, cap);
	else
		details_of_code(d, r, out, cap);
}

static void state(const struct desk *d, const struct msg_credential_row *r, char *out, size_t cap)
{
	enum desk_text text = DESK_STATE_ACTIVE;

	if (r->waiting)
		text = DESK_FACTOR_WAITS;
	else if (r->wait == UINT32_MAX)
		text = DESK_FACTOR_DISABLED;
	else if (r->wait)
		text = DESK_FACTOR_LOCKED;
	else if (r->fails)
		text = DESK_FACTOR_FAILED;
	say(d, text, text == DESK_FACTOR_LOCKED ? r->wait : r->fails, 0, out, cap);
}

km_rc desk_credentials_table(struct desk *d, const struct desk_credentials *c)
{
	const char *headers[] = {
		desk_text(DESK_COL_ID, d->lang),      desk_text(DESK_COL_FACTOR, d->lang),
		desk_text(DESK_COL_LABEL, d->lang),   desk_text(DESK_COL_STATE, d->lang),
		desk_text(DESK_COL_CREATED, d->lang), desk_text(DESK_COL_USED, d->lang),
		desk_text(DESK_COL_DETAILS, d->lang),
	};
	struct desk_table t DESK_TABLE = { 0 };
	char text[128];
	unsigned i;

	desk_table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
	for (i = 0; i < c->count; i++) {
		const struct msg_credential_row *r = &c->row[i];

		desk_cell_number(&t, (int64_t)r->id);
		desk_cell(&t, trail_factor(r->factor, d->lang));
		desk_cell(&t, r->label);
		state(d, r, text, sizeof(text));
		desk_cell(&t, text);
		desk_cell(&t, desk_time_short(r->created, text));
		desk_cell(&t, desk_time_short(r->last_used, text));
		details(d, r, text, sizeof(text));
		desk_cell(&t, text);
	}
	return desk_table_flush(&t, d->out);
}

int cmd_credential_list(struct desk *d, const struct desk_args *args)
{
	struct desk_credentials c = { 0 };
	struct desk_json j = { .f = d->out };
	char login[65];
	km_rc rc = desk_login(d, args, 0, login);

	if (rc == KM_OK)
		rc = desk_credentials(d, login, &c);
	if (rc == KM_OK && d->json) {
		desk_credentials_json(&j, NULL, &c);
		fputc('\n', d->out);
	} else if (rc == KM_OK && c.count)
		rc = desk_credentials_table(d, &c);
	else if (rc == KM_OK)
		desk_warn(d, DESK_NO_CREDENTIALS, login, NULL);
	return rc == KM_OK ? 0 : desk_fail(d, rc);
}

int cmd_credential_remove(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE };
	struct msg_done done = { 0 };
	km_rc rc = desk_login(d, args, 0, m.credential_remove.login);

	if (rc == KM_OK)
		rc = desk_number(d, "ID", args->operand[1], 1, INT64_MAX, &m.credential_remove.id);
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_CREDENTIAL_REMOVED, m.credential_remove.login,
			   args->operand[1]);
}

int cmd_resync(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_RESYNC };
	struct desk_operation o = { .request = &m, .asks = true };
	km_rc rc = desk_login(d, args, 0, m.resync.login);

	if (rc == KM_OK)
		rc = desk_number(d, "ID", args->operand[1], 1, INT64_MAX, &m.resync.id);
	if (rc == KM_OK)
		rc = desk_operate(d, &o);
	return desk_finish(d, rc, &o.done, DESK_RESYNCED, m.resync.login, args->operand[1]);
}

int cmd_unlock(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_UNLOCK };
	struct msg_done done = { 0 };
	km_rc rc = desk_login(d, args, 0, m.unlock.login);

	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_UNLOCKED, m.unlock.login, NULL);
}

int cmd_erase(struct desk *d, const struct desk_args *args)
{
	struct km_msg m = { .number = KM_MSG_ERASE };
	struct msg_done done = { 0 };
	km_rc rc = desk_login(d, args, 0, m.erase.login);

	if (rc == KM_OK)
		rc = desk_field(d, "--reason", desk_arg(args, "reason"), false, m.erase.reason,
				sizeof(m.erase.reason));
	if (rc == KM_OK && !desk_arg(args, "yes")) {
		rc = desk_confirm(d, DESK_ASK_ERASE, m.erase.login);
		if (rc != KM_OK && !d->why[0])
			rc = desk_because(d, rc, DESK_NO_NAME_MATCH, NULL, NULL);
	}
	if (rc == KM_OK)
		rc = desk_act(d, &m, &done);
	return desk_finish(d, rc, &done, DESK_ERASED, m.erase.login, NULL);
}
