/* Accounts of people who were erased, for a week: whose live sessions are nobody's any more. */
#include "store_certificate.h"

km_rc leaver_note(struct km_store *s, int64_t uid)
{
	struct query q QUERY = query_new(s, SQL_LEAVER_SET);

	if (uid < 0)
		return q.rc;
	query_int(&q, uid);
	query_int(&q, s->now.wall);
	return query_run(&q);
}

km_rc store_leavers(struct km_store *s, int64_t since, int64_t day, int64_t after, size_t limit,
		    struct km_leaver *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_LEAVERS);
	size_t n = 0;
	km_rc rc = KM_OK;

	query_int(&q, since);
	query_int(&q, day);
	query_int(&q, after);
	query_number(&q, limit);
	while (n < limit && !(rc = query_row(&q))) {
		out[n].uid = (uint32_t)query_get_number(&q, UINT32_MAX);
		out[n].since = query_get_int(&q);
		if (q.rc)
			return q.rc;
		n++;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_leavers_prune(struct km_store *s)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc) {
		struct query q QUERY = query_new(s, SQL_LEAVERS_PRUNE);

		query_int(&q, s->now.wall - KM_LEAVERS_KEPT);
		rc = query_run(&q);
	}
	/* Where nobody had to go nothing is written. */
	return rc ? rc : store_op_done(&op);
}
