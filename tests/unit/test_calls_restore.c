/*
 * C3, C23, C37 while a backup is restored: every call that the vault's program makes fails. The
 * folder is whole, or it refuses to start and the next try makes it whole; whoever was erased since
 * the backup is back in none of them.
 */
#include "calls_copy.h"

#include <openssl/pem.h>

static struct files {
	uint8_t *copy, *bundle;
	size_t copy_len, bundle_len;
	char escrow[512];
} files; /* made once: what is restored is the same at every point */

static struct places {
	char copy[80], bundle[80], escrow[80], state[80], kek[80];
} at;

static int code; /* how the restore ended */

static void take(struct world *w, enum km_message_number act, uint8_t **bytes, size_t *len)
{
	fetch(w, act);
	assert_true(done_ok());
	*bytes = got.bytes;
	*len = got.len;
	memset(&got, 0, sizeof got);
}

static void erase(struct world *w, const char *login)
{
	new_operation(KM_MSG_ERASE);
	TEXT(asked.erase.login, login);
	TEXT(asked.erase.reason, "left");
	send_asked(w);
	assert_true(done_ok());
}

/* Of "known", who has one finger more when the backup is made than when the bundle is. */
static void enrol_touch(struct world *w, const char *finger, uint64_t *id)
{
	static struct km_template t = { .len = 200, .bytes = { 0x42 } };
	struct km_credential c = { .factor = KM_FACTOR_FINGERPRINT };
	struct km_event_record r;
	struct km_operator op;

	assert_int_equal(store_operator_by_login(w->v->store, "known", &op), KM_OK);
	memcpy(c.subject, op.subject, sizeof c.subject);
	snprintf(c.label, sizeof c.label, "%s", finger);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_finger(w->v->store, &op, &c, "reader", &t, &r, id), KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
}

static void remove_touch(struct world *w, uint64_t id)
{
	struct km_event_record r;
	struct km_operator op;

	assert_int_equal(store_operator_by_login(w->v->store, "known", &op), KM_OK);
	event_make(&r, KM_EVENT_CREDENTIAL_REMOVED, op.subject, "test");
	assert_int_equal(store_credential_remove(w->v->store, op.subject, id, &r), KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
}

static void make_files(struct world *w)
{
	uint64_t kept, removed;
	BIO *pem = BIO_new(BIO_s_mem());
	int n;

	prepare_copy(w);
	enrol_touch(w, "right-index", &kept);
	enrol_touch(w, "left-index", &removed);
	take(w, KM_MSG_BACKUP, &files.copy, &files.copy_len);
	erase(w, "unbound");
	remove_touch(w, removed);
	take(w, KM_MSG_BUNDLE, &files.bundle, &files.bundle_len);
	assert_int_equal(PEM_write_bio_PrivateKey(pem, escrow, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_read(pem, files.escrow, sizeof files.escrow - 1);
	assert_true(n > 0);
	BIO_free(pem);
}

static void write_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void prepare_restore(struct world *w)
{
	if (!files.copy)
		make_files(w);
	snprintf(at.copy, sizeof at.copy, "%s/copy", w->dir);
	snprintf(at.bundle, sizeof at.bundle, "%s/bundle", w->dir);
	snprintf(at.escrow, sizeof at.escrow, "%s/escrow", w->dir);
	snprintf(at.state, sizeof at.state, "%s/new", w->dir);
	snprintf(at.kek, sizeof at.kek, "%s/new-kek", w->dir);
	write_file(at.copy, files.copy, files.copy_len);
	write_file(at.bundle, files.bundle, files.bundle_len);
	write_file(at.escrow, files.escrow, strlen(files.escrow));
	/* As an earlier point left them. */
	folder_remove(at.state);
	folder_remove(at.kek);
}

static int restore_once(void)
{
	const struct restore r = { at.copy, at.bundle, at.escrow, at.state, at.kek, NULL };
	struct restoring *in = NULL;
	int ended;

	fault_pause(false);
	ended = restore_prepare(&r, &in);
	fault_pause(true);
	if (ended == 0) {
		/* The walls' part. */
		(void)mkdir(at.state, 0700);
		(void)mkdir(at.kek, 0700);
		fault_pause(false);
		ended = restore_carry_out(&r, in);
	}
	restore_end(in);
	fault_pause(true);
	return ended;
}

static void run_restore(struct world *w)
{
	(void)w;
	code = restore_once();
}

/* The one that the bundle has a key of, and no other. */
static void look_at_fingers(struct km_store *s, const struct km_operator *op)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	static struct km_template t;
	size_t count = 0, fingers = 0;

	if (store_credentials(s, op->subject, all, &count) != KM_OK)
		calls_say("the credentials of the living cannot be read");
	for (size_t i = 0; i < count; i++) {
		if (all[i].factor != KM_FACTOR_FINGERPRINT)
			continue;
		fingers++;
		if (strcmp(all[i].label, "right-index") != 0 ||
		    store_template(s, op, &all[i], &t) != KM_OK || t.bytes[0] != 0x42)
			calls_say("a finger is back that is not to be, or does not open");
	}
	if (fingers != 1)
		calls_say("%zu fingers are back", fingers);
}

static void look_into(void)
{
	char key[128];
	struct km_keys *keys = NULL;
	struct km_store *s = NULL;
	struct km_operator op;
	struct km_person who;

	snprintf(key, sizeof key, "%s/master.key", at.state);
	if (km_keys_open(at.state, key, false, &keys) != KM_OK ||
	    store_open(at.state, keys, &s, NULL, 0) != KM_OK)
		calls_say("what was restored does not open");
	if (store_operator_by_login(s, "known", &op) != KM_OK ||
	    store_person(s, &op, &who) != KM_OK)
		calls_say("the living are not there");
	else
		look_at_fingers(s, &op);
	if (store_operator_by_login(s, "unbound", &op) == KM_OK &&
	    (op.state != KM_ERASING || store_person(s, &op, &who) != KM_ENOTFOUND))
		calls_say("the erased are back");
	store_close(s);
	km_keys_close(keys);
}

static void check_restore(struct world *w, bool dry)
{
	struct stat st;

	(void)w;
	if (dry && code != 0)
		calls_say("nothing failed, and it is not restored");
	/* An unfinished one says so; one that was not begun has no database. */
	if (code != 0 && !restore_unfinished(at.state)) {
		char path[128];

		snprintf(path, sizeof path, "%s/vault.db", at.state);
		if (stat(path, &st) == 0) {
			look_into(); /* only the mark's going was not seen */
			return;
		}
	}
	fault_begin(FAULT_MALLOC, 0, 0, false);
	fault_pause(true);
	if (code != 0)
		code = restore_once();
	(void)fault_end();
	if (code != 0)
		calls_say("the next try does not restore it");
	if (restore_unfinished(at.state))
		calls_say("\"restored\", and it is not finished");
	look_into();
}

static void test_C37_no_failing_call_leaves_half_a_restore(void **state)
{
	static const struct calls_act act = { false, prepare_restore, run_restore, check_restore };

	calls_matrix(*state, &calls_kept, &act);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C37_no_failing_call_leaves_half_a_restore),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
