/*
 * Tables of an older version of kenmon. What is new is added in one
 * transaction, after everything that could refuse the files has been looked
 * at. An older kenmon refuses the newer file.
 */
#include "store_internal.h"

/* Which step brings vault.db from a version to the next. */
static const struct {
	char from;
	const char *text;
	size_t kept; /* the first of meta_kept that the older one did not have */
	km_rc (*then)(struct km_store *s); /* what else is done in the transaction; NULL: nothing */
} steps[] = {
	{ '1', store_schema_fingers, META_KEPT, NULL },
	{ '2', store_schema_people, 3, NULL },
	{ '3', store_schema_phone, 8, NULL },
	{ '4', store_schema_index, META_KEPT, index_made },
};
#define STEPS (sizeof(steps) / sizeof(*steps))

static km_rc take_step(struct km_store *s, size_t step)
{
	struct store_db *base = &s->db[DB_VAULT];
	const char next = (char)(steps[step].from + 1);
	km_rc rc = store_batch(s, DB_VAULT);

	if (!rc)
		rc = store_rc(sqlite3_exec(base->handle, steps[step].text, NULL, NULL, NULL));
	for (size_t i = steps[step].kept; !rc && i < META_KEPT; i++)
		rc = meta_keep(s, meta_kept[i], "", 0);
	if (!rc && steps[step].then)
		rc = steps[step].then(s);
	if (!rc)
		rc = meta_set(s, DB_VAULT, META_SCHEMA, &next, SCHEMA_BYTES);
	if (!rc)
		rc = store_control(s, DB_VAULT, CONTROL_COMMIT);
	if (rc) {
		store_undo(s);
		return rc;
	}
	base->begun = false;
	base->version = next;
	s->flushed.indexed = s->at.indexed; /* a flush that fails goes back to this */
	return store_batch(s, DB_VAULT);
}

km_rc store_upgrade(struct km_store *s, const struct store_why *why)
{
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < STEPS; i++)
		if (s->db[DB_VAULT].version == steps[i].from)
			rc = take_step(s, i);
	if (rc)
		store_say(why, "the tables of an older version of kenmon in vault.db could not be "
			       "brought up to date: is the disk full, or the file damaged?");
	return rc;
}
