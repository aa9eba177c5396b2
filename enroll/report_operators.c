/* kenmon report operators: the register. */
#include <kenmon/factor.h>

#include "report.h"
#include "trail.h"

static const struct sheet_column columns[] = {
	{ "login", DESK_COL_LOGIN },       { "employee_number", DESK_COL_EMPLOYEE },
	{ "name", DESK_COL_NAME },         { "department", DESK_COL_DEPARTMENT },
	{ "role", DESK_COL_ROLE },         { "state", DESK_COL_STATE },
	{ "valid_from", DESK_COL_FROM },   { "valid_until", DESK_COL_UNTIL },
	{ "factors", DESK_COL_FACTORS },   { "mobile", DESK_COL_MOBILE },
	{ "landline", DESK_COL_LANDLINE }, { "uid", DESK_COL_UID },
	{ "created", DESK_COL_CREATED },   { "last_login", DESK_COL_LAST },
};

/* "totp recovery" */
static void factor_words(uint32_t factors, enum km_lang lang, char *out, size_t cap)
{
	const char *between = lang == KM_LANG_JA ? "、" : " ";
	size_t at = 0;

	out[0] = '\0';
	for (unsigned f = 1; f < 32 && at < cap; f++)
		if (factors & KM_FACTOR_BIT(f))
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? between : "",
					       trail_factor(f, lang));
}

static km_rc see(struct report *r, void *arg, const struct msg_operator_row *row)
{
	struct sheet *s = &r->sheet;
	char factors[256];

	(void)arg;
	factor_words(row->factors, sheet_words(s), factors, sizeof(factors));
	sheet_string(s, row->login);
	sheet_string(s, row->employee_number);
	sheet_string(s, row->name);
	sheet_string(s, row->department);
	sheet_choice(s, km_role_word(row->role), report_role(row->role, s->lang));
	sheet_choice(s, km_state_word(row->state), report_state(row->state, s->lang));
	sheet_day(s, row->valid_from);
	sheet_day(s, row->valid_until);
	sheet_string(s, factors);
	sheet_string(s, row->mobile);
	sheet_string(s, row->landline);
	sheet_number(s, row->uid);
	sheet_time(s, row->created);
	sheet_time(s, row->last_login);
	return s->rows % DESK_PAGE == 0 ? sheet_flush(s) : KM_OK;
}

int cmd_report_operators(struct desk *d, const struct desk_args *args)
{
	struct report r;
	km_rc rc = report_open(&r, d, args, "operators", DESK_REPORT_OPERATORS, columns,
			       sizeof(columns) / sizeof(columns[0]));

	if (rc != KM_OK)
		return desk_fail(d, rc);
	return report_close(&r, report_each_operator(&r, see, NULL));
}
