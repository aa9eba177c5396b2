/*
 * C3, C23 while a backup and a key bundle are made and taken away: every call that the vault makes
 * fails. What a desk was told is whole is whole, holds no key, and is in the trail; nothing leaves
 * that the trail does not say; logins go on, and nothing of it stays in the folder.
 */
#include <kenmon/signature.h>

#include "calls_copy.h"

/* --- what came ---------------------------------------------------------------------------- */

static bool backup_holds(void)
{
	uint8_t message[KM_COPY_MESSAGE], digest[KM_COPY_DIGEST];
	const uint8_t *at = got.bytes + KM_COPY_HEADER;
	struct km_copy c;
	bool good = got.len > KM_COPY_HEADER && km_copy_unpack(got.bytes, &c) == KM_OK &&
		    km_copy_total(&c) == got.len;

	if (!good)
		return false;
	km_copy_message(&c, message);
	good = km_signature_verify(c.public, message, sizeof message, c.signature) == KM_OK;
	for (unsigned i = 0; good && i < KM_COPY_FILES; at += c.size[i], i++)
		good = EVP_Digest(at, c.size[i], digest, NULL, EVP_sha256(), NULL) == 1 &&
		       memcmp(digest, c.digest[i], sizeof digest) == 0;
	return good;
}

static void no_key_is_in_it(struct world *w)
{
	static const char sql[] = "SELECT wrapped FROM subject_key UNION ALL "
				  "SELECT wrapped FROM month_key UNION ALL "
				  "SELECT wrapped FROM finger_key UNION ALL "
				  "SELECT wrapped FROM signer WHERE wrapped <> zeroblob(48)";
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(w->v->store->db[DB_VAULT].handle, sql, -1, &st, NULL),
			 SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		if (memmem(got.bytes, got.len, (const uint8_t *)sqlite3_column_blob(st, 0) + 16,
			   32))
			calls_say("a wrapped key is in the backup");
	sqlite3_finalize(st);
}

static void nothing_stays(struct world *w)
{
	static const char *const names[] = { COPY_VAULT_FILE, COPY_IDENTITY_FILE };
	char path[128];

	/* Where it could not be removed, the next start does it. */
	backup_clean(w->v);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", w->state, names[i]);
		if (access(path, F_OK) == 0)
			calls_say("%s stays in the folder", names[i]);
	}
}

static void check_taken(struct world *w, bool dry, enum km_event event, bool holds)
{
	furnish(w);
	if (done_ok() && !holds)
		calls_say("\"done\", and it does not hold");
	if (dry && !done_ok())
		calls_say("nothing failed, and it is not done");
	if (got.len > 0 && calls_records(w, event) == 0)
		calls_say("it left, and the trail does not say so");
	if (calls_everybody_is_whole(w) != CALLS_PEOPLE)
		calls_say("somebody is gone");
}

static void check_backup(struct world *w, bool dry)
{
	check_taken(w, dry, KM_EVENT_BACKED_UP, backup_holds());
	if (got.len > 0)
		no_key_is_in_it(w);
	open_desk(w);
	fetch_backup(w);
	if (!done_ok() || !backup_holds())
		calls_say("asked again: no backup that holds");
	nothing_stays(w);
}

static bool bundle_is_whole(void)
{
	struct km_bundle b;

	return got.len > KM_BUNDLE_HEADER && km_bundle_unpack(got.bytes, &b) == KM_OK &&
	       km_bundle_total(&b) == got.len;
}

static void check_bundle(struct world *w, bool dry)
{
	struct bundle_made last;

	check_taken(w, dry, KM_EVENT_BUNDLED, bundle_is_whole());
	if (got.len > 0 && (bundle_last(w->v, &last) != KM_OK || last.generation != 1))
		calls_say("it left, and the status does not know it");
	open_desk(w);
	fetch_bundle(w);
	if (!done_ok() || !bundle_is_whole())
		calls_say("asked again: no bundle");
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C23_no_failing_call_lets_half_a_backup_pass, prepare_copy, fetch_backup, check_backup)
MATRIX(test_C23_no_failing_call_lets_half_a_bundle_pass, prepare_copy, fetch_bundle, check_bundle)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C23_no_failing_call_lets_half_a_backup_pass),
		cmocka_unit_test(test_C23_no_failing_call_lets_half_a_bundle_pass),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
