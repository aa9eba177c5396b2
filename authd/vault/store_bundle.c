/* What a bundle of keys takes from the tables: the wrapped keys of the living, of the months, and
 * of fingers. */
#include "store_bundle.h"
#include "store_internal.h"

km_rc store_bundle_count(struct km_store *s, struct km_bundle *out)
{
	struct query q QUERY = query_new(s, SQL_BUNDLE_COUNT);
	km_rc rc = query_row(&q);

	if (rc)
		return rc;
	out->subjects = (uint32_t)query_get_number(&q, KM_BUNDLE_MOST);
	out->months = (uint32_t)query_get_number(&q, KM_BUNDLE_MOST);
	out->fingers = (uint32_t)query_get_number(&q, KM_BUNDLE_MOST);
	out->upto = query_get_number(&q, INT64_MAX);
	return q.rc;
}

static km_rc put_subject(struct query *q, uint32_t generation, const struct bundle_sink *sink)
{
	uint8_t row[KM_BUNDLE_SUBJECT], *at = keys_put(row, (uint64_t)query_get_int(q), 8);
	int64_t under;

	query_get_blob(q, at, KM_SUBJECT_BYTES);
	under = query_get_int(q);
	query_get_blob(q, at + KM_SUBJECT_BYTES, KM_WRAPPED_BYTES);
	if (q->rc)
		return q->rc;
	return under == generation ? sink->put(sink->arg, row, sizeof(row)) : KM_EAGAIN;
}

static km_rc put_month(struct query *q, uint32_t generation, const struct bundle_sink *sink)
{
	uint8_t row[KM_BUNDLE_MONTH], *at = keys_put(row, (uint64_t)query_get_int(q), 8);
	int64_t under;

	at = keys_put(at, (uint64_t)query_get_int(q), 8);
	under = query_get_int(q);
	query_get_blob(q, at, KM_WRAPPED_BYTES);
	if (q->rc)
		return q->rc;
	return under == generation ? sink->put(sink->arg, row, sizeof(row)) : KM_EAGAIN;
}

static km_rc put_finger(struct query *q, uint32_t generation, const struct bundle_sink *sink)
{
	uint8_t row[KM_BUNDLE_FINGER], *at = keys_put(row, (uint64_t)query_get_int(q), 8);
	int64_t under = query_get_int(q);

	query_get_blob(q, at, KM_WRAPPED_BYTES);
	if (q->rc)
		return q->rc;
	return under == generation ? sink->put(sink->arg, row, sizeof(row)) : KM_EAGAIN;
}

/* The tables, in the order of the bundle. */
struct bundled {
	enum store_sql id;
	km_rc (*put)(struct query *q, uint32_t generation, const struct bundle_sink *sink);
	uint32_t wanted;
};

static km_rc put_all(struct km_store *s, const struct bundled *of, uint32_t generation,
		     const struct bundle_sink *sink)
{
	struct query q QUERY = query_new(s, of->id);
	uint32_t count = 0;
	km_rc rc = KM_OK;

	while (!rc && !(rc = query_row(&q))) {
		rc = of->put(&q, generation, sink);
		if (!rc && ++count > of->wanted)
			rc = KM_ECORRUPT;
	}
	if (rc != KM_ENOTFOUND)
		return rc;
	return count == of->wanted ? KM_OK : KM_ECORRUPT;
}

km_rc store_bundle_rows(struct km_store *s, const struct km_bundle *b,
			const struct bundle_sink *sink)
{
	const struct bundled tables[] = {
		{ SQL_BUNDLE_SUBJECTS, put_subject, b->subjects },
		{ SQL_BUNDLE_MONTHS, put_month, b->months },
		{ SQL_BUNDLE_FINGERS, put_finger, b->fingers },
	};
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < sizeof(tables) / sizeof(*tables); i++)
		rc = put_all(s, &tables[i], b->generation, sink);
	return rc;
}
