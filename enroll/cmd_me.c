/*
 * kenmon me, me withdraw, me export; operator export. What is stored about one person, all of it:
 * of a finger that there is one, which, since when and by which reader, but never its data, which
 * would be of no use to them and of use to a thief.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"

#define RECORDS_SHOWN 20

struct subject {
	char login[65];
	struct desk_credentials whole; /* telephones of an export, with all of their numbers */
	struct msg_operator_row row;
	struct desk_credentials credentials;
	struct desk_consents consents;
};

/* The operator of this account: the vault compares with the uid that the kernel names. */
static km_rc own_login(struct desk *d, char out[65])
{
	const struct passwd *pw = getpwuid(geteuid());

	if (!pw)
		return desk_because(d, KM_ENOTFOUND, DESK_NO_ACCOUNT, NULL, NULL);
	return desk_field(d, "LOGIN", pw->pw_name, false, out, 65);
}

static km_rc read_subject(struct desk *d, struct subject *s)
{
	km_rc rc = desk_operator_row(d, s->login, &s->row);

	if (rc == KM_OK)
		rc = desk_credentials(d, s->login, &s->credentials);
	return rc == KM_OK ? desk_consents(d, s->login, &s->consents) : rc;
}

static void each_purpose(struct desk *d, void *arg, const struct desk_shown *s)
{
	(void)d;
	desk_purpose_json(arg, NULL, s);
}

/* One object. last 0: all records there are. */
static km_rc write_json(struct desk *d, struct subject *s, unsigned last)
{
	struct desk_json j = { .f = d->out };
	km_rc rc;

	d->half_written = true;
	json_open(&j, NULL, '{');
	json_time(&j, "written", (int64_t)time(NULL));
	json_open(&j, "operator", '{');
	desk_operator_json(&j, &s->row);
	json_close(&j, '}');
	desk_credentials_json(&j, "credentials", &s->credentials);
	desk_consents_json(&j, "consents", &s->consents);
	json_open(&j, "purpose_texts", '[');
	rc = desk_purposes(d, &s->consents, &j, each_purpose);
	json_close(&j, ']');
	json_open(&j, "records", '[');
	if (rc == KM_OK)
		rc = desk_audit_json(d, &j, s->login, last);
	if (rc != KM_OK)
		return rc;
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', d->out);
	return KM_OK;
}

static km_rc write_text(struct desk *d, struct subject *s)
{
	km_rc rc;

	desk_operator_lines(d, &s->row);
	rc = desk_credentials_table(d, &s->credentials);
	fputc('\n', d->out);
	if (rc == KM_OK && s->consents.count)
		rc = desk_consents_table(d, &s->consents);
	else if (rc == KM_OK)
		desk_warn(d, DESK_NO_CONSENTS, s->login, NULL);
	fputc('\n', d->out);
	return rc == KM_OK ? desk_audit_table(d, s->login, RECORDS_SHOWN) : rc;
}

int cmd_me_show(struct desk *d, const struct desk_args *args)
{
	static struct subject s; /* 33 KiB */
	char login[65];
	km_rc rc = own_login(d, login);

	(void)args;
	memset(&s, 0, sizeof(s));
	memcpy(s.login, login, sizeof(s.login));
	if (rc == KM_OK)
		rc = read_subject(d, &s);
	if (rc == KM_OK)
		rc = d->json ? write_json(d, &s, RECORDS_SHOWN) : write_text(d, &s);
	return rc == KM_OK ? 0 : desk_fail(d, rc);
}

static km_rc take_whole(struct desk *d, void *arg, const struct km_msg *m)
{
	struct desk_credentials *c = arg;

	(void)d;
	if (m->number != KM_MSG_CREDENTIAL_ROW || c->count == DESK_CREDENTIALS_MAX)
		return KM_EPROTO;
	c->row[c->count++] = m->credential_row;
	return KM_OK;
}

/* Listings have stars in a number; what is handed out to the person has none. */
static void fill_in_numbers(struct subject *s)
{
	for (unsigned i = 0; i < s->credentials.count; i++) {
		struct msg_credential_row *row = &s->credentials.row[i];

		for (unsigned k = 0; k < s->whole.count; k++)
			if (s->whole.row[k].id == row->id)
				memcpy(row->number, s->whole.row[k].number, sizeof(row->number));
	}
}

/* Said in the trail before the first byte of it is written. */
static int export_all(struct desk *d, const char *login)
{
	static struct subject s;
	struct km_msg m = { .number = KM_MSG_EXPORT };
	struct desk_operation o = { .request = &m, .arg = &s.whole, .row = take_whole };
	km_rc rc;

	memset(&s, 0, sizeof(s));
	snprintf(s.login, sizeof(s.login), "%s", login);
	snprintf(m.data_export.login, sizeof(m.data_export.login), "%s", login);
	rc = desk_operate(d, &o);
	if (rc == KM_OK)
		rc = read_subject(d, &s);
	fill_in_numbers(&s);
	if (rc == KM_OK)
		rc = write_json(d, &s, 0);
	return rc == KM_OK ? 0 : desk_fail(d, rc);
}

int cmd_me_export(struct desk *d, const struct desk_args *args)
{
	char login[65];
	km_rc rc = own_login(d, login);

	(void)args;
	return rc == KM_OK ? export_all(d, login) : desk_fail(d, rc);
}

int cmd_me_withdraw(struct desk *d, const struct desk_args *args)
{
	char login[65];
	km_rc rc = own_login(d, login);

	(void)args;
	return rc == KM_OK ? desk_withdraw(d, login) : desk_fail(d, rc);
}

int cmd_operator_export(struct desk *d, const struct desk_args *args)
{
	char login[65];
	km_rc rc = desk_login(d, args, 0, login);

	return rc == KM_OK ? export_all(d, login) : desk_fail(d, rc);
}
