/* Which factors operators have, for listings: one statement for a page of them. */
#include "store_internal.h"

#include <string.h>

static void count_in(struct km_enrolled *e, const struct km_credential *c, int64_t now)
{
	if (c->waiting || (c->until && c->until < now))
		return;
	e->factors |= KM_FACTOR_BIT(c->factor);
	if (e->oldest == 0 || c->created < e->oldest)
		e->oldest = c->created;
}

km_rc store_enrolled(struct km_store *s, const struct km_operator *operators, size_t count,
		     struct km_enrolled *out)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIALS_PAGE);
	struct stored_credential found;
	size_t at = 0;
	km_rc rc;

	if (count == 0)
		return KM_OK;
	memset(out, 0, count * sizeof(*out));
	query_int(&q, (int64_t)operators[0].cursor);
	query_int(&q, (int64_t)operators[count - 1].cursor);
	while (!(rc = query_row(&q))) {
		uint64_t cursor = query_get_number(&q, INT64_MAX);
		km_rc checked;

		take_credential(&q, &found);
		checked = q.rc ? q.rc : row_check_credential(s, &found);
		if (checked)
			return checked;
		while (at < count && operators[at].cursor < cursor)
			at++;
		if (at < count && operators[at].cursor == cursor)
			count_in(&out[at], &found.row, s->now.wall);
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}
