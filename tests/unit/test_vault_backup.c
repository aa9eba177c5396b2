/* A backup over a desk's line: whole, of one moment, without a key in it, and said in the trail. */
#include "copy_scene.h"

#include <sys/statvfs.h>

#include <kenmon/signature.h>
#include "order.h"

/* The disk, as full as a test wants it. */
static bool full;

__attribute__((visibility("default"))) int fstatvfs(int fd, struct statvfs *fs)
{
	(void)fd;
	*fs = (struct statvfs){ .f_frsize = 4096, .f_bavail = full ? 100 : 1 << 24 };
	return 0;
}

/* --- what is in it ------------------------------------------------------------------------- */

static void verify(struct km_copy *c)
{
	uint8_t message[KM_COPY_MESSAGE], digest[KM_COPY_DIGEST];
	const uint8_t *at = got.bytes + KM_COPY_HEADER;

	assert_true(got.len > KM_COPY_HEADER);
	assert_int_equal(km_copy_unpack(got.bytes, c), KM_OK);
	assert_int_equal(km_copy_total(c), got.len);
	km_copy_message(c, message);
	assert_int_equal(km_signature_verify(c->public, message, sizeof(message), c->signature),
			 KM_OK);
	for (unsigned i = 0; i < KM_COPY_FILES; at += c->size[i], i++) {
		assert_int_equal(EVP_Digest(at, c->size[i], digest, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(digest, c->digest[i], sizeof(digest));
	}
}

static void test_a_backup_is_whole_and_signed_and_opens_as_two_databases(void **state)
{
	char path[2][128];
	struct km_copy c;

	(void)state;
	add_operator("alice");
	add_operator("bob");
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	verify(&c);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/part%u", room.dir, i);
		write_part(&c, i, path[i]);
	}
	assert_int_equal(ask(path[0], "SELECT count(*) FROM operator"), 2);
	assert_int_equal(ask(path[0], "SELECT count(*) FROM credential"), 2);
	assert_int_equal(ask(path[1], "SELECT count(*) FROM person"), 2);
	assert_int_equal(ask(path[0], "SELECT max(seq) FROM audit"), (int64_t)c.seq);
	assert_int_equal(ask(path[0], "SELECT count(*) FROM pragma_integrity_check "
				      "WHERE integrity_check <> 'ok'"),
			 0);
}

/* Every wrapped key that is in the tables now. */
static size_t wrapped_keys(uint8_t out[64][KM_WRAPPED_BYTES])
{
	static const char sql[] = "SELECT wrapped FROM subject_key UNION ALL "
				  "SELECT wrapped FROM month_key UNION ALL "
				  "SELECT wrapped FROM work_key UNION ALL "
				  "SELECT wrapped FROM finger_key UNION ALL "
				  "SELECT wrapped FROM signer WHERE wrapped <> zeroblob(48)";
	sqlite3_stmt *st = NULL;
	size_t count = 0;

	assert_int_equal(sqlite3_prepare_v2(room.v->store->db[DB_VAULT].handle, sql, -1, &st, NULL),
			 SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW && count < 64)
		memcpy(out[count++], sqlite3_column_blob(st, 0), KM_WRAPPED_BYTES);
	sqlite3_finalize(st);
	return count;
}

static void test_no_key_and_no_name_is_in_a_backup(void **state)
{
	static const char *const canaries[] = { CANARY_NAME, CANARY_SEED, "Canary Department",
						"N-canary3", "canary3" };
	uint8_t wrapped[64][KM_WRAPPED_BYTES];
	char login[24];
	size_t count;

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(login, sizeof(login), "canary%d", i);
		add_operator(login);
	}
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	count = wrapped_keys(wrapped);
	assert_int_equal(count, 40 + 2); /* a month, a signer */
	for (size_t i = 0; i < count; i++) {
		assert_false(holds(wrapped[i], KM_WRAPPED_BYTES));
		assert_false(holds(wrapped[i] + 16, 32));
		assert_false(holds(wrapped[i], 16));
	}
	for (size_t i = 0; i < sizeof(canaries) / sizeof(canaries[0]); i++)
		assert_false(holds(canaries[i], strlen(canaries[i])));
}

static void test_the_copied_keys_are_not_in_freed_pages_either(void **state)
{
	uint8_t wrapped[64][KM_WRAPPED_BYTES];
	struct km_event_record r;
	char login[24];
	size_t count;

	(void)state;
	/* Pages that were split, and cells that moved. */
	for (int i = 0; i < 300; i++) {
		snprintf(login, sizeof(login), "op%d", i);
		add_operator(login);
	}
	for (int i = 0; i < 300; i++) {
		struct km_operator op;

		snprintf(login, sizeof(login), "op%d", i);
		assert_int_equal(store_operator_by_login(room.v->store, login, &op), KM_OK);
		event_make(&r, KM_EVENT_ERASE_BEGUN, op.subject, "test");
		if (i % 8)
			assert_int_equal(store_erase_begin(room.v->store, op.subject, &by_hand, &r),
					 KM_OK);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
	count = wrapped_keys(wrapped);
	assert_true(count > 30);
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	for (size_t i = 0; i < count; i++)
		assert_false(holds(wrapped[i] + 16, 32));
}

static unsigned files_left(void)
{
	unsigned left = 0;
	struct dirent *e;
	DIR *d = opendir(room.state);

	while ((e = readdir(d)))
		left += strstr(e->d_name, ".copy") != NULL;
	closedir(d);
	return left;
}

static void test_nothing_of_a_backup_stays_in_the_folder(void **state)
{
	(void)state;
	add_operator("alice");
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	assert_int_equal(files_left(), 0);
	assert_null(room.v->copy);
}

static void test_what_a_crash_left_of_a_backup_goes_at_the_next_start(void **state)
{
	char path[160];

	(void)state;
	snprintf(path, sizeof(path), "%s/%s", room.state, COPY_VAULT_FILE);
	close(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	assert_int_equal(files_left(), 1);
	backup_clean(room.v);
	assert_int_equal(files_left(), 0);
}

/* The digest that the trail has is that of the header, and it was there before the first byte. */
static void test_the_trail_says_what_left(void **state)
{
	struct km_audit_row row[64];
	uint8_t digest[32];
	char hex[65];
	size_t count;

	(void)state;
	add_operator("alice");
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	assert_int_equal(EVP_Digest(got.bytes, KM_COPY_HEADER, digest, NULL, EVP_sha256(), NULL),
			 1);
	for (unsigned i = 0; i < 32; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
	assert_int_equal(store_audit(room.v->store, 0, NULL, 64, row, &count), KM_OK);
	assert_int_equal(row[count - 1].event, KM_EVENT_BACKED_UP);
	assert_non_null(strstr(row[count - 1].body, hex));
	assert_non_null(strstr(row[count - 1].body, "full=1"));
}

static void test_what_is_written_meanwhile_is_in_the_copy_of_both(void **state)
{
	struct km_msg m = { .number = KM_MSG_BACKUP };
	char path[2][128], login[24], why[513];
	struct km_copy c;
	int line;
	km_rc rc = KM_EAGAIN;

	(void)state;
	/* More than one round copies. */
	for (int i = 0; i < 2000; i++) {
		snprintf(login, sizeof(login), "op%d", i);
		add_operator(login);
	}
	line = desk_comes();
	memset(m.status.op, 0x77, sizeof(m.status.op));
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_non_null(room.v->copy);
	/* One page is copied in the first round; then somebody comes, and is in both or in none. */
	assert_true(room.v->store->copy != NULL);
	add_operator("late");
	vault_round(room.v, 0);
	while (rc == KM_EAGAIN && !got.len) {
		vault_round(room.v, 0);
		while (hear(line, KM_PHASE_DESK_TALK, &m, NULL) == KM_OK) {
			if (m.number == KM_MSG_COPY_CHUNK)
				keep(&m.copy_chunk);
		}
	}
	while (rc == KM_EAGAIN)
		rc = one_piece(line, KM_MSG_BACKUP, true, why);
	assert_int_equal(rc, KM_OK);
	close(line);
	verify(&c);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/part%u", room.dir, i);
		write_part(&c, i, path[i]);
	}
	assert_int_equal(ask(path[0], "SELECT count(*) FROM operator"), 2001);
	assert_int_equal(ask(path[1], "SELECT count(*) FROM person"), 2001);
}

/* --- who gets none ---------------------------------------------------------------------------- */

static void test_no_backup_while_the_database_is_in_doubt(void **state)
{
	(void)state;
	room.v->suspicion = KM_SUSPECT_ROLLBACK;
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_ESUSPECT);
	room.v->suspicion = KM_SUSPECT_MACHINE;
	assert_int_equal(fetch(KM_MSG_BUNDLE), KM_ESUSPECT);
	assert_int_equal(got.len, 0);
}

static void test_a_backup_that_does_not_fit_is_not_begun(void **state)
{
	int line = desk_comes();
	char why[513];

	(void)state;
	add_operator("alice");
	full = true;
	assert_int_equal(one_piece(line, KM_MSG_BACKUP, false, why), KM_EIO);
	full = false;
	assert_non_null(strstr(why, "room"));
	assert_int_equal(files_left(), 0);
	assert_null(room.v->copy);
	close(line);
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
}

static void test_a_second_desk_waits_for_the_first(void **state)
{
	struct km_msg m = { .number = KM_MSG_BACKUP };
	int first = desk_comes(), second = desk_comes();
	struct msg_done done;

	(void)state;
	memset(m.status.op, 0x55, sizeof(m.status.op));
	assert_int_equal(km_send_msg(first, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	done = desk_does(second, m);
	assert_int_equal(done.rc, -KM_ELIMIT);
	close(first);
	vault_round(room.v, 0);
	vault_round(room.v, 0);
	assert_null(room.v->copy);
	assert_int_equal(files_left(), 0);
	close(second);
}

static void test_a_desk_that_stops_it_leaves_nothing(void **state)
{
	struct km_msg m = { .number = KM_MSG_BACKUP };
	int line = desk_comes();

	(void)state;
	for (int i = 0; i < 50; i++) {
		char login[24];

		snprintf(login, sizeof(login), "op%d", i);
		add_operator(login);
	}
	memset(m.status.op, 0x56, sizeof(m.status.op));
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_non_null(room.v->copy);
	m = (struct km_msg){ .number = KM_MSG_ABORT };
	assert_int_equal(km_send_msg(line, &m, -1, 0), KM_OK);
	do
		vault_round(room.v, 0);
	while (hear(line, KM_PHASE_DESK_TALK, &m, NULL) != KM_OK || m.number != KM_MSG_DONE);
	assert_int_equal(m.done.rc, -KM_EABORTED);
	assert_null(room.v->copy);
	assert_int_equal(files_left(), 0);
	close(line);
}

static void test_there_is_nothing_to_go_on_with_before_a_beginning(void **state)
{
	struct km_msg m = { .number = KM_MSG_BACKUP };
	int line = desk_comes();

	(void)state;
	m.backup.again = 1;
	assert_int_equal(desk_does(line, m).rc, -KM_ENOTFOUND);
	close(line);
}

/* --- with two persons ---------------------------------------------------------------------------
 */

static void found(void)
{
	struct km_event_record r;

	event_make(&r, KM_EVENT_FOUNDED, NULL, "test");
	assert_int_equal(store_meta_set(room.v->store, "founded", "1", 1, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	room.v->conf.approval_required = true;
}

static void permit(unsigned days)
{
	static const uint8_t root[KM_SUBJECT_BYTES];
	struct km_event_record r;

	event_make(&r, KM_EVENT_COPY_APPROVED, NULL, "test");
	assert_int_equal(permit_give(room.v, KM_MSG_BACKUP, root, days, &r), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

static void test_with_two_persons_no_backup_leaves_without_a_permit(void **state)
{
	(void)state;
	found();
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_EPERM);
	assert_int_equal(got.len, 0);
}

static void test_a_permit_for_once_is_good_once(void **state)
{
	(void)state;
	found();
	permit(0);
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	free(got.bytes);
	memset(&got, 0, sizeof(got));
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_EPERM);
	assert_int_equal(got.len, 0);
}

static void test_a_permit_for_once_that_nobody_used_is_over_after_a_week(void **state)
{
	static const uint8_t root[KM_SUBJECT_BYTES];

	(void)state;
	found();
	permit(0);
	room.v->now.wall += 7 * 86400 - 60;
	assert_int_equal(permit_find(room.v, KM_MSG_BACKUP, root), KM_OK);
	room.v->now.wall += 120;
	assert_int_equal(permit_find(room.v, KM_MSG_BACKUP, root), KM_ENOTFOUND);
}

static void test_a_standing_permit_is_good_until_its_day(void **state)
{
	static const uint8_t root[KM_SUBJECT_BYTES];

	(void)state;
	found();
	permit(30);
	assert_int_equal(fetch(KM_MSG_BACKUP), KM_OK);
	assert_int_equal(permit_find(room.v, KM_MSG_BACKUP, root), KM_OK);
	assert_int_equal(permit_find(room.v, KM_MSG_BUNDLE, root), KM_ENOTFOUND);
	room.v->now.wall += 31 * 86400;
	assert_int_equal(permit_find(room.v, KM_MSG_BACKUP, root), KM_ENOTFOUND);
}

static void test_no_permit_is_longer_than_a_year_and_there_are_eight(void **state)
{
	uint8_t who[KM_SUBJECT_BYTES] = { 0 };
	struct km_event_record r;

	(void)state;
	event_make(&r, KM_EVENT_COPY_APPROVED, NULL, "test");
	assert_int_equal(permit_give(room.v, KM_MSG_BACKUP, who, PERMIT_DAYS_MOST + 1, &r),
			 KM_EINVAL);
	for (who[0] = 1; who[0] <= 8; who[0]++)
		assert_int_equal(permit_give(room.v, KM_MSG_BACKUP, who, 1, &r), KM_OK);
	assert_int_equal(permit_give(room.v, KM_MSG_BACKUP, who, 1, &r), KM_ELIMIT);
	room.v->now.wall += 2 * 86400;
	assert_int_equal(permit_give(room.v, KM_MSG_BACKUP, who, 1, &r), KM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BACKED_UP(test_a_backup_is_whole_and_signed_and_opens_as_two_databases),
		BACKED_UP(test_no_key_and_no_name_is_in_a_backup),
		BACKED_UP(test_the_copied_keys_are_not_in_freed_pages_either),
		BACKED_UP(test_nothing_of_a_backup_stays_in_the_folder),
		BACKED_UP(test_what_a_crash_left_of_a_backup_goes_at_the_next_start),
		BACKED_UP(test_the_trail_says_what_left),
		BACKED_UP(test_what_is_written_meanwhile_is_in_the_copy_of_both),
		BACKED_UP(test_no_backup_while_the_database_is_in_doubt),
		BACKED_UP(test_a_backup_that_does_not_fit_is_not_begun),
		BACKED_UP(test_a_second_desk_waits_for_the_first),
		BACKED_UP(test_a_desk_that_stops_it_leaves_nothing),
		BACKED_UP(test_there_is_nothing_to_go_on_with_before_a_beginning),
		BACKED_UP(test_with_two_persons_no_backup_leaves_without_a_permit),
		BACKED_UP(test_a_permit_for_once_is_good_once),
		BACKED_UP(test_a_permit_for_once_that_nobody_used_is_over_after_a_week),
		BACKED_UP(test_a_standing_permit_is_good_until_its_day),
		BACKED_UP(test_no_permit_is_longer_than_a_year_and_there_are_eight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
