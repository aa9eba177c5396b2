/* Templates of fingers: sealed, bound to their place, never lying open, and gone when removed. */
#include "epochs.h"

#include <kenmon/finger.h>

#define MARK "ridges-of-a-finger"

static struct km_operator alice_with(struct box *b, const char *finger, uint64_t *id)
{
	struct km_operator op = add(b, "alice", "1");

	*id = enrol_finger(b, &op, finger, MARK);
	return op;
}

static km_rc open_it(struct box *b, const struct km_operator *op, uint64_t id,
		     struct km_template *out)
{
	struct km_credential c = credential_of(b, op, id);

	assert_int_equal(c.id, id);
	memset(out, 0xEE, sizeof(*out));
	return store_template(b->s, op, &c, out);
}

/* Nothing was written where a template would stand. */
static bool untouched(const struct km_template *t)
{
	const uint8_t *at = (const uint8_t *)t;

	for (size_t i = 0; i < sizeof(*t); i++)
		if (at[i] != 0xEE)
			return false;
	return true;
}

static size_t sealed_of(struct box *b, uint64_t id, uint8_t *out, size_t cap)
{
	sqlite3_stmt *st = NULL;
	size_t len;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT sealed FROM template WHERE credential = ?1", -1,
					    &st, NULL),
			 SQLITE_OK);
	sqlite3_bind_int64(st, 1, (int64_t)id);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	len = (size_t)sqlite3_column_bytes(st, 0);
	assert_in_range(len, 1, cap);
	memcpy(out, sqlite3_column_blob(st, 0), len);
	sqlite3_finalize(st);
	return len;
}

static void put_sealed(struct box *b, uint64_t id, const uint8_t *bytes, size_t len)
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "UPDATE template SET sealed = ?1 WHERE credential = ?2",
					    -1, &st, NULL),
			 SQLITE_OK);
	sqlite3_bind_blob64(st, 1, bytes, len, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, (int64_t)id);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
}

static void test_a_template_comes_back_as_it_was_after_a_restart(void **state)
{
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id);
	const struct km_template was = template_of(MARK, 1500);
	struct km_template is;
	struct km_credential c;
	char reader[65] = "";

	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	c = credential_of(b, &op, id);
	assert_int_equal(c.factor, KM_FACTOR_FINGERPRINT);
	assert_string_equal(c.label, "right-index");
	assert_int_equal(c.created, BOX_WALL);
	assert_int_equal(c.sealed_len, 0); /* lists of credentials read no template */
	assert_int_equal(open_it(b, &op, id, &is), KM_OK);
	assert_int_equal(is.len, was.len);
	assert_memory_equal(is.bytes, was.bytes, was.len);
	assert_int_equal(store_finger_reader(b->s, id, reader), KM_OK);
	assert_string_equal(reader, BOX_READER);
	assert_false(in_any_file(b, MARK, strlen(MARK)));
}

static void test_a_template_of_any_length_fits_and_no_longer_one(void **state)
{
	static const char *const fingers[] = { "right-index", "left-index" };
	static const size_t lengths[] = { 1, KM_TEMPLATE_MAX };
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_template t, is;
	uint64_t id = 99;

	for (size_t i = 0; i < 2; i++) {
		t = template_of(MARK, lengths[i]);
		assert_int_equal(try_finger(b, &op, fingers[i], &t, &id), KM_OK);
		assert_int_equal(open_it(b, &op, id, &is), KM_OK);
		assert_int_equal(is.len, lengths[i]);
		assert_memory_equal(is.bytes, t.bytes, t.len);
	}
	t.len = 0;
	assert_int_equal(try_finger(b, &op, "left-ring", &t, &id), KM_EINVAL);
	t.len = KM_TEMPLATE_MAX + 1;
	assert_int_equal(try_finger(b, &op, "left-ring", &t, &id), KM_EINVAL);
}

static void test_what_is_no_finger_is_not_enrolled_as_one(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op.subject);
	const struct km_template t = template_of(MARK, 100);
	struct km_credential right = { .factor = KM_FACTOR_FINGERPRINT, .label = "left-thumb" }, c;
	char reader[66];
	uint64_t id = 99;

	memcpy(right.subject, op.subject, sizeof(right.subject));
	memset(reader, 'r', sizeof(reader));
	reader[65] = '\0';
	c = right;
	c.factor = KM_FACTOR_TOTP;
	assert_int_equal(store_enrol_finger(b->s, &op, &c, "r", &t, &e, &id), KM_EINVAL);
	c = right;
	set_text(c.label, sizeof(c.label), "sixth-finger");
	assert_int_equal(store_enrol_finger(b->s, &op, &c, "r", &t, &e, &id), KM_EINVAL);
	memset(c.label, 'x', sizeof(c.label));
	assert_int_equal(store_enrol_finger(b->s, &op, &c, "r", &t, &e, &id), KM_EINVAL);
	c = right;
	c.moving = 1;
	assert_int_equal(store_enrol_finger(b->s, &op, &c, "r", &t, &e, &id), KM_EINVAL);
	assert_int_equal(store_enrol_finger(b->s, &op, &right, reader, &t, &e, &id), KM_EINVAL);
	assert_int_equal(store_enrol_finger(b->s, &bob, &right, "r", &t, &e, &id), KM_EINVAL);
	assert_int_equal(store_enrol_finger(b->s, &op, &right, "r", &t, NULL, &id), KM_EINVAL);
	assert_int_equal(id, 99);
	reader[64] = '\0';
	assert_int_equal(store_enrol_finger(b->s, &op, &right, reader, &t, &e, &id), KM_OK);
}

static void test_each_finger_of_a_person_is_enrolled_once(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), bob = add(b, "bob", "2");
	const struct km_template t = template_of(MARK, 100);
	uint64_t first = 0, id = 99;
	struct km_head before, after;

	for (unsigned n = 1; n <= KM_GRANT_TEMPLATES; n++)
		assert_int_equal(try_finger(b, &op, km_finger_word(n), &t, &first), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_head(b->s, &before), KM_OK);
	for (unsigned n = 1; n <= KM_GRANT_TEMPLATES; n++)
		assert_int_equal(try_finger(b, &op, km_finger_word(n), &t, &id), KM_EEXIST);
	assert_int_equal(id, 99);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_head(b->s, &after), KM_OK);
	assert_int_equal(after.seq, before.seq);
	assert_int_equal(try_finger(b, &bob, "right-index", &t, &id), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM template"),
			 KM_GRANT_TEMPLATES + 1);
	/* Codes are no fingers, whatever their label. */
	for (int i = 0; i < KM_MAX_CREDENTIALS - KM_GRANT_TEMPLATES; i++)
		enrol(b, &op, "seed");
	assert_int_equal(try_enrol(b, &op, "seed", &id), KM_ELIMIT);
}

static void test_no_finger_is_enrolled_above_the_limit_of_credentials(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	const struct km_template t = template_of(MARK, 100);
	uint64_t id = 99;

	for (int i = 0; i < KM_MAX_CREDENTIALS; i++)
		enrol(b, &op, "seed");
	assert_int_equal(try_finger(b, &op, "right-index", &t, &id), KM_ELIMIT);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM template"), 0);
}

/* C33: what is damaged fails before anybody parses it. */
static void test_a_template_cut_or_changed_at_any_byte_fails_at_the_seal(void **state)
{
	static uint8_t right[KM_SEALED_MAX], wrong[KM_SEALED_MAX];
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id);
	struct km_template is;
	size_t len = sealed_of(b, id, right, sizeof(right));

	assert_int_equal(len, 1500 + KM_SEAL_OVERHEAD);
	for (size_t i = 0; i < len; i++) {
		put_sealed(b, id, right, i); /* cut */
		assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT);
		assert_true(untouched(&is));
		memcpy(wrong, right, len);
		wrong[i] ^= (uint8_t)(1u << (i % 8));
		put_sealed(b, id, wrong, len);
		assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT);
		assert_true(untouched(&is));
	}
	memcpy(wrong, right, len);
	put_sealed(b, id, wrong, len + 1);
	assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT);
	put_sealed(b, id, wrong, sizeof(wrong)); /* as long as the longest */
	assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT);
	put_sealed(b, id, right, len);
	assert_int_equal(open_it(b, &op, id, &is), KM_OK);
}

static void test_templates_in_the_place_of_others_do_not_open(void **state)
{
	static const char swap[] = "CREATE TEMP TABLE old AS SELECT * FROM template;"
				   "DELETE FROM template;"
				   "INSERT INTO template SELECT %s FROM old a, old z "
				   "WHERE a.credential <> z.credential; DROP TABLE old";
	/* What is sealed alone; with its MAC and all; even with the subject of the place. */
	static const char *const what[] = {
		"a.credential, a.subject, a.reader, a.ver, a.mac, z.sealed",
		"a.credential, a.subject, a.reader, a.ver, z.mac, z.sealed",
		"a.credential, z.subject, z.reader, z.ver, z.mac, z.sealed",
	};
	struct box *b = *state;
	uint64_t id[2];
	struct km_operator op[2] = { alice_with(b, "right-index", &id[0]), add(b, "bob", "2") };
	struct km_template is;
	char text[400], reader[65];

	for (int whose = 1; whose >= 0; whose--) { /* of another operator; another finger */
		id[1] = enrol_finger(b, &op[whose], "left-index", MARK "2");
		assert_int_equal(store_flush(b->s), KM_OK);
		for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
			struct km_credential c[2];

			for (int n = 0; n < 2; n++)
				c[n] = credential_of(b, &op[n ? whose : 0], id[n]);
			(void)snprintf(text, sizeof(text), swap, what[i]);
			sql(b, DB_VAULT, text);
			for (int n = 0; n < 2; n++)
				assert_int_equal(
				    store_template(b->s, &op[n ? whose : 0], &c[n], &is),
				    KM_ECORRUPT);
			/* The reader is right as long as only what is sealed was moved. */
			for (int n = 0; n < 2; n++)
				assert_int_equal(store_finger_reader(b->s, c[n].id, reader),
						 i == 0 ? KM_OK : KM_ECORRUPT);
			store_undo(b->s);
		}
		assert_int_equal(open_it(b, &op[whose], id[1], &is), KM_OK);
		if (whose) {
			struct km_event_record e = event_of(KM_EVENT_CREDENTIAL_REMOVED, NULL);

			assert_int_equal(store_credential_remove(b->s, op[1].subject, id[1], &e),
					 KM_OK);
		}
	}
}

/* ISO/IEC 24745: what is stored of one finger here and there cannot be brought together. */
static void test_one_template_twice_gives_bytes_that_have_nothing_in_common(void **state)
{
	static uint8_t sealed[3][KM_SEALED_MAX];
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	const uint64_t id[3] = { enrol_finger(b, &alice, "right-index", MARK),
				 enrol_finger(b, &alice, "left-index", MARK),
				 enrol_finger(b, &bob, "right-index", MARK) };
	size_t len = 0;

	for (int i = 0; i < 3; i++)
		len = sealed_of(b, id[i], sealed[i], sizeof(sealed[i]));
	for (int i = 0; i < 3; i++) {
		for (int n = 0; n < i; n++) {
			size_t same = 0;

			for (size_t at = 0; at < len; at++)
				same += sealed[i][at] == sealed[n][at];
			assert_in_range(same, 0, len / 16); /* 1 in 256 by chance */
			for (size_t at = 0; at + 8 <= len; at++)
				assert_null(memmem(sealed[i], len, sealed[n] + at, 8));
		}
	}
}

static void test_another_reader_in_the_place_of_the_right_one_is_damage(void **state)
{
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id);
	struct km_template is;
	char reader[65] = "as it was";

	sql(b, DB_VAULT, "UPDATE template SET reader = 'Same length'");
	assert_int_equal(store_finger_reader(b->s, id, reader), KM_ECORRUPT);
	assert_string_equal(reader, "as it was");
	assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT);
	sql(b, DB_VAULT, "UPDATE template SET reader = '" BOX_READER "'");
	assert_int_equal(open_it(b, &op, id, &is), KM_OK);
}

static void test_a_template_that_is_missing_is_damage(void **state)
{
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id);
	struct km_template is;
	char reader[65] = "as it was";

	sql(b, DB_VAULT, "DELETE FROM template");
	assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT);
	assert_true(untouched(&is));
	assert_int_equal(store_finger_reader(b->s, id, reader), KM_ENOTFOUND);
	assert_string_equal(reader, "as it was");
}

static void test_a_finger_that_is_removed_leaves_nothing(void **state)
{
	static uint8_t sealed[KM_SEALED_MAX];
	struct box *b = *state;
	uint64_t id, again = 0;
	struct km_operator op = alice_with(b, "right-index", &id);
	uint64_t other = enrol_finger(b, &op, "left-index", MARK);
	struct km_event_record e = event_of(KM_EVENT_CREDENTIAL_REMOVED, op.subject);
	const struct km_template t = template_of(MARK, 100);
	struct km_template is;
	size_t len;
	char reader[65];

	assert_int_equal(store_flush(b->s), KM_OK);
	len = sealed_of(b, id, sealed, sizeof(sealed));
	assert_true(in_any_file(b, sealed, 64));
	assert_int_equal(store_credential_remove(b->s, op.subject, id, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	for (size_t at = 0; at + 64 <= len; at += 64)
		assert_false(in_any_file(b, sealed + at, 64));
	assert_int_equal(store_finger_reader(b->s, id, reader), KM_ENOTFOUND);
	assert_int_equal(open_it(b, &op, other, &is), KM_OK);
	assert_int_equal(try_finger(b, &op, "right-index", &t, &again), KM_OK);
	assert_true(again > other); /* a number is never used again */
}

static void test_templates_open_in_the_next_key_epoch_and_are_not_sealed_anew(void **state)
{
	static uint8_t before[KM_SEALED_MAX], after[KM_SEALED_MAX];
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id), now;
	struct km_template is;
	size_t len = sealed_of(b, id, before, sizeof(before));

	assert_int_equal(store_flush(b->s), KM_OK);
	epoch_rewrap(b);
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
	assert_int_equal(now.kek_generation, 2);
	assert_int_equal(open_it(b, &now, id, &is), KM_OK);
	assert_int_equal(open_it(b, &op, id, &is), KM_ECORRUPT); /* a copy from before */
	assert_int_equal(sealed_of(b, id, after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
}

/* --- logins ---------------------------------------------------------------------------- */

static void test_a_finger_is_accepted_without_a_counter_as_often_as_it_comes(void **state)
{
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id), now;
	struct km_event_record e = event_of(KM_EVENT_LOGIN_ALLOWED, op.subject);
	struct km_acceptance a = acceptance(&op, id, 0, &e);
	struct km_failure f = { .count = 1, .credential = { id }, .throttle = { { 4, 9, 77 } } };
	struct km_credential c;
	const uint8_t code[KM_TAG_BYTES] = { 1 };

	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(credential_of(b, &op, id).throttle.fails, 4);
	for (int i = 1; i <= 2; i++) {
		b->now.wall += 10;
		store_set_now(b->s, &b->now);
		assert_int_equal(store_accept(b->s, &a), KM_OK);
		c = credential_of(b, &op, id);
		assert_int_equal(c.last_used, BOX_WALL + 10 * i);
		assert_int_equal(c.throttle.fails, 0);
		assert_int_equal(c.throttle.total, 9);
		assert_int_equal(c.throttle.not_before, 0);
		assert_int_equal(c.moving, 0);
	}
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
	assert_int_equal(now.last_login, BOX_WALL + 20);
	a.moving = 1;
	assert_int_equal(store_accept(b->s, &a), KM_EINVAL);
	a.moving = 0;
	a.drift = 1;
	assert_int_equal(store_accept(b->s, &a), KM_EINVAL);
	a.drift = 0;
	a.recovery_mac = code;
	assert_int_equal(store_accept(b->s, &a), KM_EINVAL);
}

static void test_a_touch_is_never_counted_by_name(void **state)
{
	struct box *b = *state;
	struct km_failure f = { .by_name = true, .class = KM_CLASS_TOUCH, .bucket = 7 };

	assert_int_equal(store_fail(b->s, &f), KM_EINVAL);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM throttle_name"), 0);
}

static void test_a_locked_finger_is_unlocked_with_everything_else(void **state)
{
	struct box *b = *state;
	uint64_t id;
	struct km_operator op = alice_with(b, "right-index", &id);
	struct km_event_record e = event_of(KM_EVENT_UNLOCKED, op.subject);
	struct km_failure f = { .count = 1,
				.credential = { id },
				.throttle = { { 50, 50, INT64_MAX } } };
	struct km_counts counts;

	enrol(b, &op, "seed");
	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(store_counts(b->s, &counts), KM_OK);
	assert_int_equal(counts.credentials, 2);
	assert_int_equal(counts.fingers, 1);
	assert_int_equal(counts.locked, 1);
	assert_int_equal(store_unlock(b->s, op.subject, 0, &e), KM_OK);
	assert_int_equal(credential_of(b, &op, id).throttle.fails, 0);
	assert_int_equal(credential_of(b, &op, id).throttle.not_before, 0);
}

/* What a listing reads: pages of templates are not among it, however many there are. */
static void test_lists_of_credentials_read_no_page_of_a_template(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	const struct km_template t = template_of(MARK, KM_TEMPLATE_MAX);
	struct km_credential all[KM_MAX_CREDENTIALS];
	int read = 0, high = 0;
	char reader[65];
	size_t count = 0;
	uint64_t id = 0;

	for (unsigned n = 1; n <= KM_GRANT_TEMPLATES; n++)
		assert_int_equal(try_finger(b, &op, km_finger_word(n), &t, &id), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(sqlite3_db_status(b->s->db[DB_VAULT].handle, SQLITE_DBSTATUS_CACHE_MISS,
					   &read, &high, 1),
			 SQLITE_OK);
	assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_OK);
	assert_int_equal(count, KM_GRANT_TEMPLATES);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(store_finger_reader(b->s, all[i].id, reader), KM_OK);
	assert_int_equal(sqlite3_db_status(b->s->db[DB_VAULT].handle, SQLITE_DBSTATUS_CACHE_MISS,
					   &read, &high, 0),
			 SQLITE_OK);
	/* One template alone has five pages; the two tables' own are fewer than a page a finger. */
	assert_in_range(read, 1, 2 * KM_GRANT_TEMPLATES);
}

#define TEMPLATE_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEMPLATE_TEST(test_a_template_comes_back_as_it_was_after_a_restart),
		TEMPLATE_TEST(test_a_template_of_any_length_fits_and_no_longer_one),
		TEMPLATE_TEST(test_what_is_no_finger_is_not_enrolled_as_one),
		TEMPLATE_TEST(test_each_finger_of_a_person_is_enrolled_once),
		TEMPLATE_TEST(test_no_finger_is_enrolled_above_the_limit_of_credentials),
		TEMPLATE_TEST(test_a_template_cut_or_changed_at_any_byte_fails_at_the_seal),
		TEMPLATE_TEST(test_templates_in_the_place_of_others_do_not_open),
		TEMPLATE_TEST(test_one_template_twice_gives_bytes_that_have_nothing_in_common),
		TEMPLATE_TEST(test_another_reader_in_the_place_of_the_right_one_is_damage),
		TEMPLATE_TEST(test_a_template_that_is_missing_is_damage),
		TEMPLATE_TEST(test_a_finger_that_is_removed_leaves_nothing),
		TEMPLATE_TEST(test_templates_open_in_the_next_key_epoch_and_are_not_sealed_anew),
		TEMPLATE_TEST(test_a_finger_is_accepted_without_a_counter_as_often_as_it_comes),
		TEMPLATE_TEST(test_a_touch_is_never_counted_by_name),
		TEMPLATE_TEST(test_a_locked_finger_is_unlocked_with_everything_else),
		TEMPLATE_TEST(test_lists_of_credentials_read_no_page_of_a_template),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
