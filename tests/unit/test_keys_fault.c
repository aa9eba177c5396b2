/*
 * The key files, while the n-th call of a kind fails, for all n, at a first start and at a later
 * one. Keys are opened only when every call was good; what there was is there unchanged, and what
 * is half made at a first start does not stand in the way of the next. A dry run counts the points.
 */
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/keys.h>

/* --- calls that fail -------------------------------------------------------------------- */

enum call { OPEN, OPENAT, STAT, STATAT, READ, WRITE, SYNC, PLACE, UNLINK, MKDIR, CALLS };
static const char *const call_names[] = { "open",  "openat", "fstat",     "fstatat",  "read",
					  "write", "fsync",  "renameat2", "unlinkat", "mkdir" };

static struct {
	bool counting;
	enum call call;
	unsigned nth, calls, failed;
	int error;
} fault;

static bool fails(enum call call)
{
	if (!fault.counting || call != fault.call)
		return false;
	if (++fault.calls != fault.nth)
		return false;
	fault.failed++;
	errno = fault.error;
	return true;
}

#define FAILING(call, type, name, declared, passed)                                                \
	__attribute__((visibility("default"))) type name declared;                                 \
	__attribute__((visibility("default"))) type name declared                                  \
	{                                                                                          \
		static type(*real) declared;                                                       \
                                                                                                   \
		if (!real)                                                                         \
			real = (type(*) declared)(uintptr_t)dlsym(RTLD_NEXT, #name);               \
		return fails(call) ? -1 : real passed;                                             \
	}

/* The mode stands in a register that nobody minds when there is none. */
FAILING(OPEN, int, open, (const char *path, int flags, ...), (path, flags, 0600))
FAILING(OPENAT, int, openat, (int folder, const char *path, int flags, ...),
	(folder, path, flags, 0600))
FAILING(STAT, int, fstat, (int fd, struct stat *st), (fd, st))
FAILING(STATAT, int, fstatat, (int folder, const char *path, struct stat *st, int flags),
	(folder, path, st, flags))
FAILING(READ, ssize_t, read, (int fd, void *bytes, size_t len), (fd, bytes, len))
FAILING(WRITE, ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
FAILING(SYNC, int, fsync, (int fd), (fd))
FAILING(PLACE, int, renameat2, (int from, const char *old, int to, const char *new, unsigned flags),
	(from, old, to, new, flags))
FAILING(UNLINK, int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
FAILING(MKDIR, int, mkdir, (const char *path, mode_t mode), (path, mode))

/* --- folders ---------------------------------------------------------------------------- */

static char root[48], state[64], key[80];

static void remove_all(const char *dir)
{
	char path[400];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%.100s/%.200s", dir, e->d_name);
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(path))
			remove_all(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

static int make_root(void **unused)
{
	(void)unused;
	snprintf(root, sizeof(root), "%s/kenmon-keys-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(root))
		return -1;
	snprintf(state, sizeof(state), "%s/state", root);
	snprintf(key, sizeof(key), "%s/master.key", state);
	return 0;
}

static int remove_root(void **unused)
{
	(void)unused;
	remove_all(root);
	return 0;
}

static void remove_state(void)
{
	char keks[80];

	remove_all(state);
	snprintf(keks, sizeof(keks), "%s-kek", state);
	remove_all(keks);
}

/* Opens, and gives a tag that only these keys make. */
static km_rc opens(bool may_create, uint8_t tag[KM_TAG_BYTES])
{
	struct km_keys *keys = NULL;
	km_rc rc = km_keys_open(state, key, may_create, &keys);

	if (rc == KM_OK)
		assert_int_equal(km_tag_login(keys, "hanako", tag), KM_OK);
	else
		assert_null(keys);
	km_keys_close(keys);
	return rc;
}

static km_rc opens_under_fault(enum call call, unsigned nth, int error, bool may_create,
			       uint8_t tag[KM_TAG_BYTES])
{
	km_rc rc;

	fault.call = call;
	fault.nth = nth;
	fault.error = error;
	fault.calls = fault.failed = 0;
	fault.counting = true;
	rc = opens(may_create, tag);
	fault.counting = false;
	return rc;
}

/* --- all points --------------------------------------------------------------------------- */

static const int errors[3] = { EIO, ENOSPC, EINTR };
#define ERRORS 3u /* of them */

static void test_a_first_start_that_fails_anywhere_is_made_good_by_the_next(void **unused)
{
	uint8_t tag[KM_TAG_BYTES], again[KM_TAG_BYTES];
	unsigned tried = 0, expected = 0;

	(void)unused;
	for (enum call call = 0; call < CALLS; call++) {
		unsigned points;

		assert_int_equal(opens_under_fault(call, 0, 0, true, tag), KM_OK);
		points = fault.calls;
		remove_state();
		for (unsigned n = 1; n <= points * ERRORS; n++) {
			int error = errors[n % ERRORS];
			unsigned nth = (n + ERRORS - 1) / ERRORS;
			km_rc first = opens_under_fault(call, nth, error, true, tag), next;

			expected++;
			tried += fault.failed;
			next = opens(true, again);
			if (next != KM_OK)
				fail_msg("%s %u, %s: the next start says %s", call_names[call], nth,
					 strerror(error), km_rc_name(next));
			if (first == KM_OK) /* interrupted, and tried again */
				assert_memory_equal(tag, again, sizeof(tag));
			remove_state();
		}
	}
	print_message("# %u of %u points tried\n", tried, expected);
	assert_true(expected > 0);
	assert_int_equal(tried, expected);
}

static void test_a_later_start_that_fails_anywhere_changes_nothing(void **unused)
{
	uint8_t right[KM_TAG_BYTES], tag[KM_TAG_BYTES];
	unsigned tried = 0, expected = 0;

	(void)unused;
	assert_int_equal(opens(true, right), KM_OK);
	for (enum call call = 0; call < CALLS; call++) {
		unsigned points;

		assert_int_equal(opens_under_fault(call, 0, 0, true, tag), KM_OK);
		points = fault.calls;
		for (unsigned n = 1; n <= points * ERRORS; n++) {
			unsigned nth = (n + ERRORS - 1) / ERRORS;
			km_rc rc = opens_under_fault(call, nth, errors[n % ERRORS], true, tag);

			expected++;
			tried += fault.failed;
			if (rc == KM_OK)
				assert_memory_equal(tag, right, sizeof(tag));
			assert_int_equal(opens(false, tag), KM_OK);
			assert_memory_equal(tag, right, sizeof(tag));
		}
	}
	print_message("# %u of %u points tried\n", tried, expected);
	assert_true(expected > 0);
	assert_int_equal(tried, expected);
}

/* A file system that cannot rename without replacing (RENAME_NOREPLACE). */
static void test_keys_are_made_where_the_kernel_cannot_keep_names_apart(void **unused)
{
	uint8_t tag[KM_TAG_BYTES], again[KM_TAG_BYTES];

	(void)unused;
	for (unsigned nth = 1; nth <= 2; nth++) {
		assert_int_equal(opens_under_fault(PLACE, nth, EINVAL, true, tag), KM_OK);
		assert_int_equal(fault.failed, 1);
		assert_int_equal(opens(false, again), KM_OK);
		assert_memory_equal(tag, again, sizeof(tag));
		remove_state();
	}
}

static void test_a_key_named_without_a_folder_lies_in_the_state_folder(void **unused)
{
	struct km_keys *keys = NULL;

	(void)unused;
	assert_int_equal(km_keys_open(state, "master.key", true, &keys), KM_OK);
	km_keys_close(keys);
	assert_int_equal(access(key, F_OK), 0);
}

static void test_a_path_that_cannot_be_a_keys_makes_nothing(void **unused)
{
	static char name[5000];
	struct km_keys *keys = NULL;

	(void)unused;
	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(km_keys_open(state, "", true, &keys), KM_EINVAL);
	assert_int_equal(km_keys_open(state, "/", true, &keys), KM_EINVAL);
	assert_int_equal(km_keys_open(state, name, true, &keys), KM_EINVAL);
	assert_int_equal(km_keys_open(state, "/kenmon-test-key", true, &keys), KM_EPERM);
	assert_int_equal(access("/kenmon-test-key", F_OK), -1);
	assert_int_equal(km_keys_open("/nonexistent/state", key, true, &keys), KM_EIO);
	assert_null(keys);
	assert_int_equal(rmdir(state), 0); /* there is nothing in it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_first_start_that_fails_anywhere_is_made_good_by_the_next, make_root,
		    remove_root),
		cmocka_unit_test_setup_teardown(
		    test_a_later_start_that_fails_anywhere_changes_nothing, make_root, remove_root),
		cmocka_unit_test_setup_teardown(
		    test_a_key_named_without_a_folder_lies_in_the_state_folder, make_root,
		    remove_root),
		cmocka_unit_test_setup_teardown(test_a_path_that_cannot_be_a_keys_makes_nothing,
						make_root, remove_root),
		cmocka_unit_test_setup_teardown(
		    test_keys_are_made_where_the_kernel_cannot_keep_names_apart, make_root,
		    remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
