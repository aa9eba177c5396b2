/* What a login writes: accepted once, counted exactly, the same work for everybody. */
#include "store_box.h"

/* C5 */
static void test_only_the_used_credential_moves(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t disabled = enrol(b, &op, "one"), used = enrol(b, &op, "two");
	struct km_failure f = { .count = 2,
				.credential = { disabled, used },
				.throttle = { { 100, 120, INT64_MAX }, { 3, 9, 0 } } };
	struct km_credential before, after;

	assert_int_equal(store_fail(b->s, &f), KM_OK);
	before = credential_of(b, &op, disabled);
	b->now.wall += 60;
	store_set_now(b->s, &b->now);
	assert_int_equal(accept_at(b, &op, used, 8), KM_OK);
	after = credential_of(b, &op, disabled);
	assert_memory_equal(&before, &after, sizeof(after));
	assert_int_equal(after.throttle.not_before, INT64_MAX);
	after = credential_of(b, &op, used);
	assert_int_equal(after.moving, 8);
	assert_int_equal(after.last_used, BOX_WALL + 60);
	assert_int_equal(after.throttle.fails, 0);
	assert_int_equal(after.throttle.total, 9);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(op.last_login, BOX_WALL + 60);
}

static void test_a_counter_never_moves_back_or_stays(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "seed");
	struct km_counts counts;

	assert_int_equal(accept_at(b, &op, id, 0), KM_EREPLAY);
	assert_int_equal(accept_at(b, &op, id, 5), KM_OK);
	assert_int_equal(accept_at(b, &op, id, 5), KM_EREPLAY);
	assert_int_equal(accept_at(b, &op, id, 4), KM_EREPLAY);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(accept_at(b, &op, id, 5), KM_EREPLAY);
	assert_int_equal(accept_at(b, &op, id, (uint64_t)INT64_MAX + 1), KM_EINVAL);
	assert_int_equal(accept_at(b, &op, id, INT64_MAX), KM_OK);
	assert_int_equal(store_counts(b->s, &counts), KM_OK);
	assert_int_equal(counts.records, 4); /* added, enrolled, two logins: no record of replays */
}

static void test_a_credential_is_accepted_for_its_owner_only(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	uint64_t id = enrol(b, &alice, "seed");

	assert_int_equal(accept_at(b, &bob, id, 1), KM_ENOTFOUND);
	assert_int_equal(accept_at(b, &alice, id + 1, 1), KM_ENOTFOUND);
	assert_int_equal(credential_of(b, &alice, id).moving, 0);
}

static void test_a_suspended_operator_is_not_accepted_and_loses_no_code(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "seed");
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_SUSPENDED, op.subject);

	assert_int_equal(store_operator_state(b->s, op.subject, KM_SUSPENDED, &e), KM_OK);
	assert_int_equal(accept_at(b, &op, id, 1), KM_ESTATE);
	assert_int_equal(credential_of(b, &op, id).moving, 0);
	assert_int_equal(store_operator_state(b->s, op.subject, KM_ACTIVE, &e), KM_OK);
	assert_int_equal(accept_at(b, &op, id, 1), KM_OK);
}

static void test_the_first_login_binds_the_uid_and_no_later_one_does(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "seed");
	struct km_event_record e = event_of(KM_EVENT_LOGIN_ALLOWED, op.subject);
	struct km_acceptance a = acceptance(&op, id, 1, &e);

	assert_int_equal(store_operator_uid(b->s, op.subject, -1, &e), KM_OK);
	a.bind_uid = 0;
	assert_int_equal(store_accept(b->s, &a), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(op.uid, 0);
	a.moving = 2;
	a.bind_uid = 1001;
	assert_int_equal(store_accept(b->s, &a), KM_ESTATE);
	assert_int_equal(credential_of(b, &op, id).moving, 1);
	a.bind_uid = 0;
	assert_int_equal(store_accept(b->s, &a), KM_OK);
}

static void test_confirming_moves_the_counter_and_is_no_login(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "seed");
	struct km_event_record e = event_of(KM_EVENT_RESYNCED, op.subject);
	struct km_acceptance a = acceptance(&op, id, 9, &e);

	a.login = false;
	a.drift = -3;
	assert_int_equal(store_accept(b->s, &a), KM_OK);
	assert_int_equal(credential_of(b, &op, id).moving, 9);
	assert_int_equal(credential_of(b, &op, id).drift, -3);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(op.last_login, 0);
}

/* --- recovery codes ------------------------------------------------------------------- */

static uint64_t enrol_codes(struct box *b, const struct km_operator *op, char letter)
{
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op->subject);
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	uint64_t id = 0;

	memset(codes.bytes, letter, codes.len);
	for (size_t i = 0; i < KM_RECOVERY_CODES; i++)
		codes.bytes[i * KM_RECOVERY_LENGTH] = (uint8_t)('0' + i);
	assert_int_equal(store_enrol_recovery(b->s, op, &codes, false, &e, &id), KM_OK);
	return id;
}

static void mac_of(struct box *b, const struct km_operator *op, uint64_t id, char first,
		   char letter, uint8_t mac[KM_TAG_BYTES])
{
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	char code[KM_RECOVERY_LENGTH];

	memset(code, letter, sizeof(code));
	code[0] = first;
	assert_int_equal(
	    km_subject_key_unwrap(b->keys, op->subject, op->kek_generation, op->wrapped, &key),
	    KM_OK);
	assert_int_equal(km_mac_recovery(b->keys, &key, id, code, sizeof(code), mac), KM_OK);
}

static void test_each_recovery_code_is_accepted_once(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol_codes(b, &op, 'X');
	struct km_event_record e = event_of(KM_EVENT_LOGIN_ALLOWED, op.subject);
	struct km_acceptance a = acceptance(&op, id, 0, &e);
	uint8_t mac[KM_TAG_BYTES];
	uint16_t left = 0;
	bool used = true;

	for (char c = '0'; c <= '9'; c++) {
		mac_of(b, &op, id, c, 'X', mac);
		assert_int_equal(store_recovery_find(b->s, id, mac, &used), KM_OK);
		assert_false(used);
		a.recovery_mac = mac;
		assert_int_equal(store_accept(b->s, &a), KM_OK);
		assert_int_equal(store_accept(b->s, &a), KM_EREPLAY);
		assert_int_equal(store_recovery_find(b->s, id, mac, &used), KM_OK);
		assert_true(used);
		assert_int_equal(store_recovery_left(b->s, id, &left), KM_OK);
		assert_int_equal(left, '9' - c);
	}
	mac[0] ^= 1;
	assert_int_equal(store_recovery_find(b->s, id, mac, &used), KM_ENOTFOUND);
	assert_int_equal(store_accept(b->s, &a), KM_EREPLAY);
	assert_false(in_any_file(b, "XXXXXXXX", 8));
}

static void test_recovery_codes_and_counters_are_not_mixed_up(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t otp = enrol(b, &op, "seed"), codes = enrol_codes(b, &op, 'X');
	struct km_event_record e = event_of(KM_EVENT_LOGIN_ALLOWED, op.subject);
	struct km_acceptance a = acceptance(&op, otp, 0, &e);
	uint8_t mac[KM_TAG_BYTES];

	mac_of(b, &op, codes, '0', 'X', mac);
	a.recovery_mac = mac;
	assert_int_equal(store_accept(b->s, &a), KM_ENOTFOUND);
	assert_int_equal(accept_at(b, &op, codes, 1), KM_EREPLAY);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM recovery WHERE used"), 0);
}

static void test_a_new_set_of_recovery_codes_replaces_the_old_one(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t first = enrol_codes(b, &op, 'X'), second = enrol_codes(b, &op, 'Y');
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op.subject);
	struct km_secret twice = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH },
			 short_one = { 0 };
	uint8_t mac[KM_TAG_BYTES];
	uint64_t id;
	bool used;

	assert_true(second > first);
	mac_of(b, &op, first, '0', 'X', mac);
	assert_int_equal(store_recovery_find(b->s, first, mac, &used), KM_ENOTFOUND);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM recovery"), 10);
	/* One that cannot be leaves the old one in place. */
	assert_int_equal(store_enrol_recovery(b->s, &op, &twice, false, &e, &id), KM_EINVAL);
	assert_int_equal(store_enrol_recovery(b->s, &op, &short_one, false, &e, &id), KM_EINVAL);
	mac_of(b, &op, second, '0', 'Y', mac);
	assert_int_equal(store_recovery_find(b->s, second, mac, &used), KM_OK);
}

/* --- refusing --------------------------------------------------------------------------- */

static void test_failures_are_stored_as_counted(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t one = enrol(b, &op, "one"), two = enrol(b, &op, "two");
	struct km_event_record refused = event_of(KM_EVENT_LOGIN_REFUSED, op.subject);
	struct km_event_record locked = event_of(KM_EVENT_LOCKED, op.subject);
	struct km_failure f = { .count = 2,
				.credential = { one, two },
				.throttle = { { 1, 1, 0 }, { 5, 7, BOX_WALL + 30 } },
				.by_name = true,
				.class = KM_CLASS_RECOVERY,
				.bucket = 65535,
				.name_throttle = { 4, 5, 6 },
				.event = &refused,
				.second = &locked };
	struct km_throttle name;
	struct km_counts counts;

	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(credential_of(b, &op, one).throttle.fails, 1);
	assert_int_equal(credential_of(b, &op, two).throttle.total, 7);
	assert_int_equal(credential_of(b, &op, two).throttle.not_before, BOX_WALL + 30);
	assert_int_equal(store_name_throttle(b->s, KM_CLASS_RECOVERY, 65535, &name), KM_OK);
	assert_int_equal(name.fails, 4);
	assert_int_equal(name.total, 5);
	assert_int_equal(name.not_before, 6);
	assert_int_equal(store_name_throttle(b->s, KM_CLASS_DIGITS, 65535, &name), KM_OK);
	assert_int_equal(name.fails, 0);
	assert_int_equal(store_counts(b->s, &counts), KM_OK);
	assert_int_equal(counts.records, 5);
	/* coalesced: counted all the same */
	f.event = f.second = NULL;
	f.throttle[0].fails = 2;
	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(credential_of(b, &op, one).throttle.fails, 2);
	f.class = 3;
	assert_int_equal(store_fail(b->s, &f), KM_EINVAL);
	f.count = KM_MAX_CREDENTIALS + 1;
	assert_int_equal(store_fail(b->s, &f), KM_EINVAL);
}

static void test_unlocking_clears_all_of_a_person_and_nobody_else(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	uint64_t one = enrol(b, &alice, "one"), two = enrol(b, &bob, "two");
	struct km_event_record e = event_of(KM_EVENT_UNLOCKED, alice.subject);
	struct km_failure f = { .count = 2,
				.credential = { one, two },
				.throttle = { { 100, 100, INT64_MAX }, { 100, 100, INT64_MAX } },
				.by_name = true,
				.class = KM_CLASS_DIGITS,
				.bucket = 7,
				.name_throttle = { 9, 9, 9 } };
	struct km_throttle name;

	assert_int_equal(store_fail(b->s, &f), KM_OK);
	f.bucket = 8;
	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(store_unlock(b->s, alice.subject, 7, &e), KM_OK);
	assert_int_equal(credential_of(b, &alice, one).throttle.not_before, 0);
	assert_int_equal(credential_of(b, &alice, one).throttle.fails, 0);
	assert_int_equal(credential_of(b, &alice, one).throttle.total, 100);
	assert_int_equal(credential_of(b, &bob, two).throttle.not_before, INT64_MAX);
	assert_int_equal(store_name_throttle(b->s, KM_CLASS_DIGITS, 7, &name), KM_OK);
	assert_int_equal(name.fails, 0);
	assert_int_equal(store_name_throttle(b->s, KM_CLASS_DIGITS, 8, &name), KM_OK);
	assert_int_equal(name.fails, 9);
}

/* C25 */
static void test_an_unknown_name_costs_the_same_statements_and_hmacs(void **state)
{
	static const char *const logins[] = { "known", "known", "unenrolled", "erasing", "nobody" };
	struct box *b = *state;
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, NULL);
	struct km_operator known = add(b, "known", "1"), erasing = add(b, "erasing", "2"), op;
	struct km_store_work first = { 0 };
	struct km_key_work keys = { 0 };

	add(b, "unenrolled", "3");
	enrol(b, &known, "seed");
	assert_int_equal(store_erase_begin(b->s, erasing.subject, &by_hand, &e), KM_OK);
	for (size_t i = 0; i < sizeof(logins) / sizeof(*logins); i++) {
		struct km_store_work w = store_work(b->s);
		struct km_key_work k = km_keys_work(b->keys);
		struct km_credential all[KM_MAX_CREDENTIALS];
		struct km_failure f = { .class = KM_CLASS_DIGITS, .event = &e };
		struct km_throttle name;
		size_t count;

		memset(&op, 0, sizeof(op));
		(void)!store_operator_by_login(b->s, logins[i], &op);
		(void)!store_operator_by_subject(b->s, op.subject, &op);
		assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_OK);
		assert_int_equal(store_name_throttle(b->s, KM_CLASS_DIGITS, (uint16_t)i, &name),
				 KM_OK);
		f.by_name = count == 0;
		f.count = count;
		f.credential[0] = all[0].id;
		assert_int_equal(store_fail(b->s, &f), KM_OK);
		w.statements = store_work(b->s).statements - w.statements;
		k.hmacs = km_keys_work(b->keys).hmacs - k.hmacs;
		if (i == 0) {
			first = w;
			keys = k;
		}
		assert_int_equal(w.statements, first.statements);
		assert_int_equal(w.statements, 6);
		assert_int_equal(k.hmacs, keys.hmacs);
		assert_int_equal(k.hmacs, 13); /* a tag, two rows read for the operator, eight and
						  one more, one written */
	}
}

#define LOGIN_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN_TEST(test_only_the_used_credential_moves),
		LOGIN_TEST(test_a_counter_never_moves_back_or_stays),
		LOGIN_TEST(test_a_credential_is_accepted_for_its_owner_only),
		LOGIN_TEST(test_a_suspended_operator_is_not_accepted_and_loses_no_code),
		LOGIN_TEST(test_the_first_login_binds_the_uid_and_no_later_one_does),
		LOGIN_TEST(test_confirming_moves_the_counter_and_is_no_login),
		LOGIN_TEST(test_each_recovery_code_is_accepted_once),
		LOGIN_TEST(test_recovery_codes_and_counters_are_not_mixed_up),
		LOGIN_TEST(test_a_new_set_of_recovery_codes_replaces_the_old_one),
		LOGIN_TEST(test_failures_are_stored_as_counted),
		LOGIN_TEST(test_unlocking_clears_all_of_a_person_and_nobody_else),
		LOGIN_TEST(test_an_unknown_name_costs_the_same_statements_and_hmacs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
