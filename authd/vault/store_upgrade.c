/*
 * Tables of an older version of kenmon. What is new is added in one
 * transaction, after everything that could refuse the files has been looked
 * at. An older kenmon refuses the newer file.
 */
#include "store_internal.h"

/* The first of meta_kept that the older version did not have, of each step to the next. */
static const size_t kept[SCHEMA_STEPS] = { META_KEPT, 3, 8, META_KEPT };

static km_rc take_step(struct km_store *s, size_t step)
{
	struct store_db *base = &s->db[DB_VAULT];
	const char next = (char)(base->version + 1);
	km_rc rc = store_batch(s, DB_VAULT);

	if (!rc)
		rc = store_rc(
		    sqlite3_exec(base->handle, store_schema_later[step], NULL, NULL, NULL));
	for (size_t i = kept[step]; !rc && i < META_KEPT; i++)
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

	while (!rc && s->db[DB_VAULT].version < store_version[DB_VAULT])
		rc = take_step(s, (size_t)(s->db[DB_VAULT].version - '1'));
	if (rc)
		store_say(why, "the tables of an older version of kenmon in vault.db could not be "
			       "brought up to date: is the disk full, or the file damaged?");
	return rc;
}
