/* kenmon operator list, show. */
#include <inttypes.h>
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/factor.h>
#include <kenmon/hex.h>

#include "report.h"

static void factors_json(struct desk_json *j, uint32_t factors)
{
	json_open(j, "factors", '[');
	for (unsigned f = 1; f < 32; f++)
		if (factors & KM_FACTOR_BIT(f))
			json_string(j, NULL, km_factor_word(f));
	json_close(j, ']');
}

void desk_operator_json(struct desk_json *j, const struct msg_operator_row *r)
{
	json_string(j, "login", r->login);
	json_string(j, "employee_number", r->employee_number);
	json_string(j, "name", r->name);
	json_string(j, "department", r->department);
	json_string(j, "role", km_role_word(r->role));
	json_string(j, "state", km_state_word(r->state));
	if (r->uid < 0)
		json_null(j, "uid");
	else
		json_number(j, "uid", r->uid);
	json_day(j, "valid_from", r->valid_from);
	json_day(j, "valid_until", r->valid_until);
	json_time(j, "last_login", r->last_login);
	json_time(j, "created", r->created);
	json_hex(j, "subject", r->subject, sizeof(r->subject));
	factors_json(j, r->factors);
	json_time(j, "oldest_factor", r->oldest);
	json_string(j, "mobile", r->mobile);
	json_string(j, "landline", r->landline);
}

static void row_cells(const struct desk *d, struct desk_table *t, const struct km_msg *m)
{
	const struct msg_operator_row *r = &m->operator_row;
	char day[16], time[DESK_TIME];

	desk_cell(t, r->login);
	desk_cell(t, r->employee_number);
	desk_cell(t, r->name);
	desk_cell(t, r->department);
	desk_cell(t, report_role(r->role, d->lang));
	desk_cell(t, report_state(r->state, d->lang));
	if (r->uid < 0)
		desk_cell(t, "");
	else
		desk_cell_number(t, r->uid);
	km_day_format(r->valid_until, day);
	desk_cell(t, day);
	desk_cell(t, desk_time_short(r->last_login, time));
}

static void row_json(struct desk_json *j, const struct km_msg *m)
{
	desk_operator_json(j, &m->operator_row);
}

bool desk_ask_operators(void *arg, uint64_t last, struct km_msg *request)
{
	(void)arg;
	request->number = KM_MSG_OPERATOR_LIST;
	request->operator_list.after = last;
	request->operator_list.limit = DESK_PAGE;
	return true;
}

uint64_t desk_operator_place(const struct km_msg *row)
{
	return row->number == KM_MSG_OPERATOR_ROW ? row->operator_row.cursor : 0;
}

int cmd_operator_list(struct desk *d, const struct desk_args *args)
{
	static const enum desk_text headings[] = {
		DESK_COL_LOGIN,      DESK_COL_EMPLOYEE, DESK_COL_NAME,
		DESK_COL_DEPARTMENT, DESK_COL_ROLE,     DESK_COL_STATE,
		DESK_COL_UID,        DESK_COL_UNTIL,    DESK_COL_LAST,
	};
	static const struct desk_listing operators = {
		headings,
		sizeof(headings) / sizeof(headings[0]),
		DESK_NO_OPERATORS,
		desk_ask_operators,
		desk_operator_place,
		row_cells,
		row_json,
	};

	(void)args;
	return desk_list(d, &operators);
}

/* --- show ----------------------------------------------------------------- */

static km_rc take_shown(struct desk *d, void *arg, const struct km_msg *m)
{
	(void)d;
	if (m->number != KM_MSG_OPERATOR_ROW)
		return KM_EPROTO;
	*(struct msg_operator_row *)arg = m->operator_row;
	return KM_OK;
}

static void show_line(struct desk *d, enum desk_text heading, const char *value)
{
	const char *name = desk_text(heading, d->lang);
	char text[1100];
	unsigned width = desk_width(name);

	fprintf(d->out, "%s%*s%s\n", name, width < 14 ? (int)(14 - width) : 1, "",
		*value ? desk_expand(DESK_SHOWN, d->lang, value, NULL, text, sizeof(text)) : "-");
}

void desk_operator_lines(struct desk *d, const struct msg_operator_row *r)
{
	char text[64];

	show_line(d, DESK_COL_LOGIN, r->login);
	show_line(d, DESK_COL_EMPLOYEE, r->employee_number);
	show_line(d, DESK_COL_NAME, r->name);
	show_line(d, DESK_COL_DEPARTMENT, r->department);
	show_line(d, DESK_COL_MOBILE, r->mobile);
	show_line(d, DESK_COL_LANDLINE, r->landline);
	show_line(d, DESK_COL_ROLE, report_role(r->role, d->lang));
	show_line(d, DESK_COL_STATE, report_state(r->state, d->lang));
	text[0] = '\0';
	if (r->uid >= 0)
		snprintf(text, sizeof(text), "%" PRId64, r->uid);
	show_line(d, DESK_COL_UID, text);
	km_day_format(r->valid_from, text);
	show_line(d, DESK_COL_FROM, text);
	km_day_format(r->valid_until, text);
	show_line(d, DESK_COL_UNTIL, text);
	show_line(d, DESK_COL_LAST, desk_time_short(r->last_login, text));
	show_line(d, DESK_COL_CREATED, desk_time_short(r->created, text));
	show_line(d, DESK_COL_SUBJECT, km_hex(r->subject, sizeof(r->subject), text));
	fputc('\n', d->out);
}

km_rc desk_operator_row(struct desk *d, const char *login, struct msg_operator_row *out)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_SHOW };
	struct desk_operation o = { .request = &m, .arg = out, .row = take_shown };
	km_rc rc;

	snprintf(m.operator_show.login, sizeof(m.operator_show.login), "%s", login);
	rc = desk_operate(d, &o);
	return rc == KM_OK && o.rows == 0 ? KM_EPROTO : rc;
}

int cmd_operator_show(struct desk *d, const struct desk_args *args)
{
	struct msg_operator_row row = { 0 };
	struct desk_json j = { .f = d->out };
	struct desk_credentials credentials = { 0 };
	char login[65];
	km_rc rc = desk_login(d, args, 0, login);

	if (rc == KM_OK)
		rc = desk_operator_row(d, login, &row);
	if (rc == KM_OK)
		rc = desk_credentials(d, login, &credentials);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (!d->json) {
		desk_operator_lines(d, &row);
		rc = desk_credentials_table(d, &credentials);
		if (credentials.count == 0)
			desk_warn(d, DESK_NO_CREDENTIALS, row.login, NULL);
		return rc == KM_OK ? 0 : desk_fail(d, rc);
	}
	json_open(&j, NULL, '{');
	desk_operator_json(&j, &row);
	desk_credentials_json(&j, "credentials", &credentials);
	json_close(&j, '}');
	fputc('\n', d->out);
	return 0;
}
