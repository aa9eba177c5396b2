/* Keys: where they come from, and when there are none. */
#include "store_box.h"

static const uint8_t alice[KM_SUBJECT_BYTES] = "alice's subject";

static void master_of(const struct box *b, uint8_t master[32])
{
	assert_int_equal(get_file(b->key, master, 32), 32);
}

/* --- making and finding --------------------------------------------------------- */

static void test_a_first_start_makes_a_key_that_only_we_can_read(void **state)
{
	struct box *b = *state;
	struct stat st;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_keys_generation(b->keys), 1);
	assert_int_equal(stat(b->key, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(stat(box_path(b, "kek.1"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_a_missing_state_folder_is_made_for_us_alone(void **state)
{
	struct box *b = *state;
	struct stat st;

	assert_int_equal(rmdir(b->dir), 0);
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_ENOTFOUND);
	assert_false(is_there(b->dir));
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(stat(b->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_the_same_keys_come_back(void **state)
{
	struct box *b = *state;
	struct km_subject_key key, again;
	uint8_t wrapped[KM_WRAPPED_BYTES], tag[2][KM_TAG_BYTES];

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_tag_login(b->keys, "alice", tag[0]), KM_OK);
	assert_int_equal(km_subject_key_new(b->keys, alice, &key, wrapped), KM_OK);
	km_keys_close(b->keys);
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_OK);
	assert_int_equal(km_tag_login(b->keys, "alice", tag[1]), KM_OK);
	assert_memory_equal(tag[0], tag[1], KM_TAG_BYTES);
	assert_int_equal(km_subject_key_unwrap(b->keys, alice, 1, wrapped, &again), KM_OK);
	assert_memory_equal(&key, &again, sizeof(key));
}

static void test_two_first_starts_make_different_keys(void **state)
{
	struct box *b = *state;
	struct box c;
	uint8_t mine[32], other[32];

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	box_open(&c);
	master_of(b, mine);
	master_of(&c, other);
	assert_memory_not_equal(mine, other, 32);
	box_close(&c);
}

static void test_without_permission_no_key_is_made(void **state)
{
	struct box *b = *state;

	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_ENOTFOUND);
	assert_false(is_there(b->key));
	assert_false(is_there(box_path(b, "kek.1")));
}

/* C34 */
static void test_a_lost_key_is_never_replaced(void **state)
{
	static const char *const lost[] = { "master.key", "kek.1" };
	struct box *b = *state;

	for (size_t i = 0; i < 2; i++) {
		struct box c;

		box_open(&c);
		box_shut(&c);
		assert_int_equal(unlink(box_path(&c, lost[i])), 0);
		assert_int_equal(km_keys_open(c.dir, c.key, true, &c.keys), KM_ENOTFOUND);
		assert_false(is_there(box_path(&c, lost[i])));
		box_close(&c);
	}
	/* Only a database, or only a KEK: something was here. */
	put_file(box_path(b, "identity.db"), "x", 1, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_ENOTFOUND);
	assert_int_equal(unlink(box_path(b, "identity.db")), 0);
	put_file(box_path(b, "kek.1"), "x", 1, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_ENOTFOUND);
	assert_false(is_there(b->key));
}

static void test_a_key_given_by_the_administrator_is_used(void **state)
{
	struct box *b = *state;
	uint8_t given[32], found[32];

	memset(given, 'k', sizeof(given));
	put_file(b->key, given, sizeof(given), 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_ENOTFOUND);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	master_of(b, found);
	assert_memory_equal(given, found, 32);
}

static void test_a_start_interrupted_between_key_and_kek_goes_on(void **state)
{
	struct box *b = *state;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	km_keys_close(b->keys);
	b->keys = NULL;
	assert_int_equal(unlink(box_path(b, "kek.1")), 0);
	put_file(box_path(b, "kek.1.new"), "half", 4, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_false(is_there(box_path(b, "kek.1.new")));
}

static void test_a_key_file_of_the_wrong_size_or_of_zeros_is_refused(void **state)
{
	static const uint8_t zeros[33];
	struct box *b = *state;
	uint8_t nearly[33];

	memset(nearly, 'k', sizeof(nearly));
	for (size_t len = 0; len <= 33; len++) {
		if (len == 32)
			continue;
		put_file(b->key, nearly, len, 0600);
		assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_ECORRUPT);
	}
	put_file(b->key, zeros, 32, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_ECORRUPT);
	assert_false(is_there(box_path(b, "kek.1")));
}

static void test_no_byte_of_the_kek_file_can_change(void **state)
{
	struct box *b = *state;
	uint8_t kek[256];
	size_t len;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	km_keys_close(b->keys);
	b->keys = NULL;
	len = get_file(box_path(b, "kek.1"), kek, sizeof(kek));
	for (size_t i = 0; i < len; i++) {
		kek[i] ^= 1;
		put_file(box_path(b, "kek.1"), kek, len, 0600);
		assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_ECORRUPT);
		kek[i] ^= 1;
	}
	put_file(box_path(b, "kek.1"), kek, len - 1, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_ECORRUPT);
	put_file(box_path(b, "kek.1"), kek, len, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_OK);
}

static void test_the_kek_does_not_open_under_another_master_key(void **state)
{
	struct box *b = *state;
	uint8_t master[32];

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	km_keys_close(b->keys);
	b->keys = NULL;
	master_of(b, master);
	master[31] ^= 1;
	put_file(b->key, master, 32, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_ECORRUPT);
}

/* --- who could have read or written it ------------------------------------------- */

static void test_a_key_or_folder_that_others_can_reach_is_refused(void **state)
{
	static const mode_t open_to_others[] = { 0640, 0620, 0604, 0602, 0610, 0601, 0660 };
	struct box *b = *state;

	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	km_keys_close(b->keys);
	b->keys = NULL;
	for (size_t i = 0; i < sizeof(open_to_others) / sizeof(*open_to_others); i++) {
		static const char *const names[] = { "master.key", "kek.1" };

		for (size_t n = 0; n < 2; n++) {
			assert_int_equal(chmod(box_path(b, names[n]), open_to_others[i]), 0);
			assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_EPERM);
			assert_int_equal(chmod(box_path(b, names[n]), 0600), 0);
		}
		assert_int_equal(chmod(b->dir, 0100 | open_to_others[i]), 0);
		assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_EPERM);
		assert_int_equal(chmod(b->dir, 0700), 0);
	}
	assert_int_equal(km_keys_open(b->dir, b->key, false, &b->keys), KM_OK);
}

static void test_a_credential_folder_elsewhere_may_be_readable_by_our_group(void **state)
{
	struct box *b = *state;
	uint8_t given[32];
	char cwd[200];

	memset(given, 'k', sizeof(given));
	(void)snprintf(b->key, sizeof(b->key), "%s/key", b->other);
	put_file(b->key, given, sizeof(given), 0440);
	assert_int_equal(chmod(b->other, 0550), 0);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	km_keys_close(b->keys);
	b->keys = NULL;
	/* by its group only, and never written */
	assert_int_equal(chmod(b->key, 0444), 0);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_EPERM);
	assert_int_equal(chmod(b->key, 0460), 0);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_EPERM);
	assert_int_equal(chmod(b->key, 0440), 0);
	assert_int_equal(chmod(b->other, 0770), 0);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_EPERM);
	/* not by a path that depends on where we are */
	assert_int_equal(chmod(b->other, 0550), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(b->other), 0);
	assert_int_equal(km_keys_open(b->dir, "./key", true, &b->keys), KM_EPERM);
	assert_int_equal(chdir(cwd), 0);
	assert_int_equal(chmod(b->other, 0700), 0);
}

static void test_the_state_folder_does_not_count_as_a_credential_folder(void **state)
{
	struct box *b = *state;
	uint8_t given[32];

	memset(given, 'k', sizeof(given));
	put_file(b->key, given, sizeof(given), 0440);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_EPERM);
}

/* C2: links and pipes where we make or open files. */
static void plant(const struct box *b, const char *kind, const char *path, const char *victim)
{
	(void)b;
	if (strcmp(kind, "symlink") == 0)
		assert_int_equal(symlink(victim, path), 0);
	else if (strcmp(kind, "hard link") == 0)
		assert_int_equal(link(victim, path), 0);
	else if (strcmp(kind, "fifo") == 0)
		assert_int_equal(mkfifo(path, 0600), 0);
	else if (strcmp(kind, "dangling symlink") == 0)
		assert_int_equal(symlink("/tmp/kenmon-nobody-made-this", path), 0);
	else
		assert_int_equal(mkdir(path, 0700), 0);
}

static void test_planted_links_and_pipes_are_refused_and_nothing_is_written(void **state)
{
	static const char *const names[] = { "master.key", "master.key.new", "kek.1",
					     "kek.1.new",  "fresh",          "fresh.new",
					     "vault.db",   "identity.db" };
	static const char *const kinds[] = { "symlink", "hard link", "fifo", "dangling symlink",
					     "folder" };
	struct box *b = *state;
	char victim[100];

	(void)snprintf(victim, sizeof(victim), "%s/victim", b->other);
	for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			char text[32] = "";
			struct box c;

			put_file(victim, "the victim's own bytes, 32 long.", 32, 0600);
			box_make_folder(&c);
			plant(&c, kinds[k], box_path(&c, names[n]), victim);
			if (km_keys_open(c.dir, c.key, true, &c.keys) != KM_EPERM)
				fail_msg("%s as a %s was not refused", names[n], kinds[k]);
			assert_int_equal(get_file(victim, text, sizeof(text)), 32);
			assert_memory_equal(text, "the victim's own bytes, 32 long.", 32);
			assert_false(is_there("/tmp/kenmon-nobody-made-this"));
			box_close(&c);
		}
	}
}

static void test_a_state_folder_behind_a_link_is_refused(void **state)
{
	struct box *b = *state;
	char path[100];

	(void)snprintf(path, sizeof(path), "%s/link", b->other);
	assert_int_equal(symlink(b->dir, path), 0);
	assert_int_equal(km_keys_open(path, b->key, true, &b->keys), KM_EPERM);
}

static void test_nothing_is_closed_quietly(void **state)
{
	(void)state;
	km_keys_close(NULL);
	km_subject_key_wipe(NULL);
}

#define KEYS_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup_folder, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(test_a_first_start_makes_a_key_that_only_we_can_read),
		KEYS_TEST(test_a_missing_state_folder_is_made_for_us_alone),
		KEYS_TEST(test_the_same_keys_come_back),
		KEYS_TEST(test_two_first_starts_make_different_keys),
		KEYS_TEST(test_without_permission_no_key_is_made),
		KEYS_TEST(test_a_lost_key_is_never_replaced),
		KEYS_TEST(test_a_key_given_by_the_administrator_is_used),
		KEYS_TEST(test_a_start_interrupted_between_key_and_kek_goes_on),
		KEYS_TEST(test_a_key_file_of_the_wrong_size_or_of_zeros_is_refused),
		KEYS_TEST(test_no_byte_of_the_kek_file_can_change),
		KEYS_TEST(test_the_kek_does_not_open_under_another_master_key),
		KEYS_TEST(test_a_key_or_folder_that_others_can_reach_is_refused),
		KEYS_TEST(test_a_credential_folder_elsewhere_may_be_readable_by_our_group),
		KEYS_TEST(test_the_state_folder_does_not_count_as_a_credential_folder),
		KEYS_TEST(test_planted_links_and_pipes_are_refused_and_nothing_is_written),
		KEYS_TEST(test_a_state_folder_behind_a_link_is_refused),
		cmocka_unit_test(test_nothing_is_closed_quietly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
