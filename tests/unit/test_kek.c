/* Generations of the KEK: made, replaced, destroyed, and what a crash may leave. */
#include "store_box.h"

#include <limits.h>

static const uint8_t alice[KM_SUBJECT_BYTES] = "alice's subject";

struct wrapped {
	struct km_subject_key key;
	uint8_t bytes[KM_WRAPPED_BYTES];
};

static void keys_again(struct box *b)
{
	km_keys_close(b->keys);
	b->keys = NULL;
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
}

static struct wrapped wrap_one(struct box *b)
{
	struct wrapped w;

	assert_int_equal(km_subject_key_new(b->keys, alice, &w.key, w.bytes), KM_OK);
	return w;
}

static km_rc unwrap(struct box *b, uint32_t generation, const struct wrapped *w)
{
	struct km_subject_key key;
	km_rc rc = km_subject_key_unwrap(b->keys, alice, generation, w->bytes, &key);

	if (rc == KM_OK)
		assert_memory_equal(&key, &w->key, sizeof(key));
	return rc;
}

static void test_a_new_generation_wraps_and_the_one_before_still_opens(void **state)
{
	struct box *b = *state;
	struct wrapped first = wrap_one(b), second;

	assert_int_equal(km_keys_older(b->keys), 0);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(km_keys_generation(b->keys), 2);
	assert_int_equal(km_keys_older(b->keys), 1);
	second = wrap_one(b);
	assert_int_equal(unwrap(b, 1, &first), KM_OK);
	assert_int_equal(unwrap(b, 2, &second), KM_OK);
	/* Each under its own generation only. */
	assert_int_equal(unwrap(b, 2, &first), KM_ECORRUPT);
	assert_int_equal(unwrap(b, 1, &second), KM_ECORRUPT);
	assert_int_equal(unwrap(b, 3, &second), KM_ECORRUPT);
	assert_int_equal(unwrap(b, 0, &second), KM_ECORRUPT);
	assert_int_equal(km_keys_renew(b->keys), KM_ESTATE);
	assert_int_equal(km_keys_generation(b->keys), 2);
}

static void test_a_key_wrapped_anew_is_the_same_key(void **state)
{
	struct box *b = *state;
	struct wrapped w = wrap_one(b), damaged;

	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	damaged = w;
	damaged.bytes[20] ^= 1;
	assert_int_equal(km_subject_key_rewrap(b->keys, alice, 1, damaged.bytes), KM_ECORRUPT);
	damaged.bytes[20] ^= 1;
	assert_memory_equal(damaged.bytes, w.bytes, sizeof(w.bytes));
	assert_int_equal(km_subject_key_rewrap(b->keys, alice, 1, w.bytes), KM_OK);
	assert_memory_not_equal(damaged.bytes, w.bytes, sizeof(w.bytes));
	assert_int_equal(unwrap(b, 2, &w), KM_OK);
}

static void test_what_is_wrapped_under_a_retired_kek_opens_never_again(void **state)
{
	struct box *b = *state;
	struct wrapped w = wrap_one(b);
	uint8_t file[256], left[256];
	size_t len = get_file(box_path(b, "kek.1"), file, sizeof(file));
	int fd = open(box_path(b, "kek.1"), O_RDONLY);

	assert_int_equal(km_keys_retire(b->keys), KM_ESTATE);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(km_keys_retire(b->keys), KM_OK);
	assert_int_equal(km_keys_older(b->keys), 0);
	assert_int_equal(unwrap(b, 1, &w), KM_ECORRUPT);
	assert_false(is_there(box_path(b, "kek.1")));
	assert_false(is_there(box_path(b, "kek.gone")));
	assert_false(in_any_file(b, file + 24, 64));
	/* Not only its name: the blocks hold nothing of it. */
	assert_int_equal(pread(fd, left, sizeof(left), 0), (ssize_t)len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(left[i], 0);
	close(fd);
	keys_again(b);
	assert_int_equal(km_keys_generation(b->keys), 2);
	assert_int_equal(unwrap(b, 1, &w), KM_ECORRUPT);
}

static void test_two_generations_come_back_after_a_restart(void **state)
{
	struct box *b = *state;
	struct wrapped first = wrap_one(b), second;

	for (uint32_t n = 1; n <= 11; n++) { /* kek.9 and kek.10 are in order too */
		first = wrap_one(b);
		assert_int_equal(km_keys_renew(b->keys), KM_OK);
		second = wrap_one(b);
		keys_again(b);
		assert_int_equal(km_keys_generation(b->keys), n + 1);
		assert_int_equal(km_keys_older(b->keys), n);
		assert_int_equal(unwrap(b, n, &first), KM_OK);
		assert_int_equal(unwrap(b, n + 1, &second), KM_OK);
		assert_int_equal(km_keys_retire(b->keys), KM_OK);
	}
}

static void test_a_destruction_that_a_crash_interrupted_goes_on(void **state)
{
	struct box *b = *state;

	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(rename(box_path(b, "kek.1"), box_path(b, "kek.gone")), 0);
	keys_again(b);
	assert_int_equal(km_keys_generation(b->keys), 2);
	assert_int_equal(km_keys_older(b->keys), 0);
	assert_false(is_there(box_path(b, "kek.gone")));
	/* Of both names, should a second try have come so far. */
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	put_file(box_path(b, "kek.gone"), "zeros", 5, 0600);
	assert_int_equal(km_keys_retire(b->keys), KM_OK);
	assert_false(is_there(box_path(b, "kek.gone")));
	assert_false(is_there(box_path(b, "kek.2")));
}

static void test_a_half_made_kek_is_made_again(void **state)
{
	struct box *b = *state;
	struct wrapped w;

	put_file(box_path(b, "kek.2.new"), "half", 4, 0600);
	keys_again(b);
	assert_int_equal(km_keys_generation(b->keys), 1);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	w = wrap_one(b);
	keys_again(b);
	assert_int_equal(unwrap(b, 2, &w), KM_OK);
}

static void test_a_kek_that_cannot_be_made_changes_nothing(void **state)
{
	struct box *b = *state;
	struct wrapped w = wrap_one(b);

	assert_int_equal(mkdir(box_path(b, "kek.2.new"), 0700), 0);
	assert_int_equal(km_keys_renew(b->keys), KM_EPERM);
	assert_int_equal(km_keys_generation(b->keys), 1);
	assert_int_equal(km_keys_older(b->keys), 0);
	assert_int_equal(unwrap(b, 1, &w), KM_OK);
	assert_int_equal(rmdir(box_path(b, "kek.2.new")), 0);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	/* Nor does one that cannot be destroyed: it stays in use, and the next try destroys it. */
	assert_int_equal(mkdir(box_path(b, "kek.gone"), 0700), 0);
	assert_int_equal(km_keys_retire(b->keys), KM_EPERM);
	assert_int_equal(km_keys_older(b->keys), 1);
	assert_int_equal(unwrap(b, 1, &w), KM_OK);
	assert_int_equal(rmdir(box_path(b, "kek.gone")), 0);
	assert_int_equal(km_keys_retire(b->keys), KM_OK);
}

static void test_generations_that_do_not_follow_each_other_are_refused(void **state)
{
	static const char *const extra[][2] = { { "kek.3", NULL },
						{ "kek.2", "kek.3" },
						{ "kek.4294967295", NULL } };
	struct box *b = *state;
	uint8_t file[256];
	size_t len = get_file(box_path(b, "kek.1"), file, sizeof(file));

	km_keys_close(b->keys);
	b->keys = NULL;
	for (size_t i = 0; i < sizeof(extra) / sizeof(*extra); i++) {
		for (int n = 0; n < 2 && extra[i][n]; n++)
			put_file(box_path(b, extra[i][n]), file, len, 0600);
		assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_ECORRUPT);
		for (int n = 0; n < 2 && extra[i][n]; n++)
			assert_int_equal(unlink(box_path(b, extra[i][n])), 0);
	}
	/* One generation under another's name is no KEK either. */
	assert_int_equal(rename(box_path(b, "kek.1"), box_path(b, "kek.2")), 0);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_ECORRUPT);
	assert_int_equal(rename(box_path(b, "kek.2"), box_path(b, "kek.1")), 0);
	/* Other names are nobody's. */
	put_file(box_path(b, "kek.01"), file, len, 0600);
	put_file(box_path(b, "kek.x"), file, len, 0600);
	assert_int_equal(km_keys_open(b->dir, b->key, true, &b->keys), KM_OK);
	assert_int_equal(km_keys_older(b->keys), 0);
}

static void test_the_folder_of_the_keks_lies_beside_the_state_folder(void **state)
{
	char path[PATH_MAX], dir[PATH_MAX + 1] = "/";

	(void)state;
	assert_int_equal(km_keys_folder("/var/lib/kenmon", path), KM_OK);
	assert_string_equal(path, "/var/lib/kenmon-kek");
	assert_int_equal(km_keys_folder("/var/lib/kenmon//", path), KM_OK);
	assert_string_equal(path, "/var/lib/kenmon-kek"); /* not in it */
	memset(dir + 1, 'x', PATH_MAX - 5);
	assert_int_equal(km_keys_folder(dir, path), KM_ELIMIT);
}

static int setup(void **state)
{
	box_setup_folder(state);
	return km_keys_open(((struct box *)*state)->dir, ((struct box *)*state)->key, true,
			    &((struct box *)*state)->keys);
}

#define KEK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEK_TEST(test_a_new_generation_wraps_and_the_one_before_still_opens),
		KEK_TEST(test_a_key_wrapped_anew_is_the_same_key),
		KEK_TEST(test_what_is_wrapped_under_a_retired_kek_opens_never_again),
		KEK_TEST(test_two_generations_come_back_after_a_restart),
		KEK_TEST(test_a_destruction_that_a_crash_interrupted_goes_on),
		KEK_TEST(test_a_half_made_kek_is_made_again),
		KEK_TEST(test_a_kek_that_cannot_be_made_changes_nothing),
		KEK_TEST(test_the_folder_of_the_keks_lies_beside_the_state_folder),
		KEK_TEST(test_generations_that_do_not_follow_each_other_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
