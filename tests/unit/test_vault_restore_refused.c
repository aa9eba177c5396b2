/*
 * What no state folder is made of: files that were changed, another key, a folder in use. And what
 * an earlier try has left.
 */
#include "restore_scene.h"

/* --- what is refused
 * ---------------------------------------------------------------------------------- */

static uint8_t *slurp_file(const char *path, size_t *len)
{
	struct stat st;
	uint8_t *bytes;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len);
	assert_int_equal(read(fd, bytes, *len), (ssize_t)*len);
	close(fd);
	return bytes;
}

/* Each byte of the first dense ones and then every step-th, changed; and as many cuts. */
static void must_notice(const char *path, size_t dense, size_t step)
{
	size_t len, tried = 0;
	uint8_t *bytes = slurp_file(path, &len);

	for (size_t i = 0; i < len; i += i < dense ? 1 : step) {
		bytes[i] ^= 0x20;
		write_file(path, bytes, len);
		if (restore_now() == 0 || !nothing_there())
			fail_msg("byte %zu of %s changed, and not noticed", i, path);
		bytes[i] ^= 0x20;
		if (i % 7 == 0) {
			write_file(path, bytes, i);
			if (restore_now() == 0 || !nothing_there())
				fail_msg("%s cut at %zu, and not noticed", path, i);
		}
		tried++;
	}
	assert_true(tried >= (len < dense ? len : dense));
	bytes = realloc(bytes, len + 1);
	bytes[len] = 0;
	write_file(path, bytes, len + 1);
	assert_int_equal(restore_now(), 1);
	write_file(path, bytes, len);
	free(bytes);
}

static void test_every_changed_or_missing_byte_is_noticed_and_nothing_is_made(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	must_notice(at.bundle, 4096, 97);
	must_notice(at.copy, KM_COPY_HEADER, 4099);
	assert_int_equal(restore_now(), 0);
}

static void test_another_escrow_key_opens_nothing(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	escrow_key(at.other, NULL);
	assert_int_equal(prepare_with(NULL, at.other), 1);
	write_file(at.other, "no key", 6);
	assert_int_equal(prepare_with(NULL, at.other), 1);
	assert_int_equal(prepare_with(NULL, "/nonexistent"), 1);
	assert_true(nothing_there());
}

static void test_a_folder_in_use_is_left_alone(void **state)
{
	char path[128];
	size_t len;
	uint8_t *bytes;

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(mkdir(at.kek, 0700), 0);
	snprintf(path, sizeof(path), "%s/kek.1", at.kek);
	write_file(path, "somebody's", 10);
	assert_int_equal(restore_now(), 1);
	bytes = slurp_file(path, &len);
	assert_int_equal(len, 10);
	free(bytes);
}

static void test_a_restore_that_was_not_finished_is_begun_again(void **state)
{
	char path[128];

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(mkdir(at.state, 0700), 0);
	assert_int_equal(mkdir(at.kek, 0700), 0);
	snprintf(path, sizeof(path), "%s/restoring", at.state);
	write_file(path, "x", 1);
	snprintf(path, sizeof(path), "%s/vault.db", at.state);
	write_file(path, "half", 4);
	snprintf(path, sizeof(path), "%s/kek.9", at.kek);
	write_file(path, "half", 4);
	assert_true(restore_unfinished(at.state));
	assert_int_equal(restore_now(), 0);
	assert_false(restore_unfinished(at.state));
	open_restored();
	must_live("alice");
	close_restored();
}

static void test_a_key_elsewhere_is_left_or_made_and_never_replaced(void **state)
{
	char folder[100], key[128];

	(void)state;
	furnish();
	take(KM_MSG_BACKUP, at.copy);
	take(KM_MSG_BUNDLE, at.bundle);
	snprintf(folder, sizeof(folder), "%s/keys", room.dir);
	snprintf(key, sizeof(key), "%s/master.key", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(prepare_with(key, at.escrow), 0);
	assert_int_equal(access(key, R_OK), 0);
	remove_all(at.state);
	remove_all(at.kek);
	assert_int_equal(prepare_with(key, at.escrow), 0);
	remove_all(at.state);
	remove_all(at.kek);
	write_file(key, "another master key of 32 bytes..", 32);
	assert_int_equal(prepare_with(key, at.escrow), 1);
}

static void test_a_bundle_of_an_older_epoch_than_the_backup_is_refused(void **state)
{
	(void)state;
	furnish();
	take(KM_MSG_BUNDLE, at.bundle);
	close_epoch();
	take(KM_MSG_BACKUP, at.copy);
	assert_int_equal(restore_now(), 1);
	assert_true(nothing_there());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESTORED(test_a_bundle_of_an_older_epoch_than_the_backup_is_refused),
		RESTORED(test_every_changed_or_missing_byte_is_noticed_and_nothing_is_made),
		RESTORED(test_another_escrow_key_opens_nothing),
		RESTORED(test_a_folder_in_use_is_left_alone),
		RESTORED(test_a_restore_that_was_not_finished_is_begun_again),
		RESTORED(test_a_key_elsewhere_is_left_or_made_and_never_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
