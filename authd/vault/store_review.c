/* When who may log in was last reviewed. */
#include "store_internal.h"

#define META_REVIEW  "review"
#define REVIEW_BYTES (8 + 8)

km_rc store_review_sign(struct km_store *s, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	uint8_t bytes[REVIEW_BYTES];
	km_rc rc;

	rc = store_op_begin(&op, s, false);
	if (!rc)
		rc = chain_append(s, event);
	keys_put(keys_put(bytes, (uint64_t)s->now.wall, 8), s->at.head.seq, 8);
	if (!rc)
		rc = meta_keep(s, META_REVIEW, bytes, sizeof(bytes));
	return rc ? rc : store_op_done(&op);
}

km_rc store_review_last(struct km_store *s, struct km_review *out)
{
	uint8_t bytes[REVIEW_BYTES];
	size_t len = sizeof(bytes);
	km_rc rc = store_meta_get(s, META_REVIEW, bytes, &len);

	if (!rc && len != REVIEW_BYTES)
		rc = KM_ECORRUPT;
	if (rc)
		return rc;
	out->wall = (int64_t)keys_get(bytes, 8);
	out->seq = keys_get(bytes + 8, 8);
	return KM_OK;
}
