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
} steps[] = {
	{ '1', store_schema_fingers, META_KEPT },
	{ '2', store_schema_people, 3 },
	{ '3', store_schema_phone, 8 },
};

static km_rc take_step(struct km_store *s, char from, const char *text, size_t kept)
{
	struct store_db *base = &s->db[DB_VAULT];
	const char next = (char)(from + 1);
	km_rc rc = store_batch(s, DB_VAULT);

	if (!rc)
		rc = store_rc(sqlite3_exec(base->handle, text, NULL, NULL, NULL));
	for (size_t i = kept; !rc && i < META_KEPT; i++)
		rc = meta_keep(s, meta_kept[i], "", 0);
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
	return store_batch(s, DB_VAULT);
}

km_rc store_upgrade(struct km_store *s, const struct store_why *why)
{
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < sizeof(steps) / sizeof(*steps); i++)
		if (s->db[DB_VAULT].version == steps[i].from)
			rc = take_step(s, steps[i].from, steps[i].text, steps[i].kept);
	if (rc)
		store_say(why, "the tables of an older version of kenmon in vault.db could not be "
			       "brought up to date: is the disk full, or the file damaged?");
	return rc;
}
