/* Operations on people and credentials: what they do, refuse, and leave alone. */
#include "order.h"
#include "store_box.h"

/* --- operators ------------------------------------------------------------------ */

static void test_a_registered_operator_is_found_by_login_and_subject(void **state)
{
	struct box *b = *state;
	struct km_operator in = {
		.uid = -1, .role = KM_ROLE_AUDITOR, .valid_from = 20000, .valid_until = 21000
	};
	struct km_person p = { "alice", "0042", "Alice", "Health" }, who;
	struct km_event_record event = event_of(KM_EVENT_OPERATOR_ADDED, NULL);
	struct km_operator made, found, same;

	assert_int_equal(store_operator_add(b->s, &in, &p, &event, &made), KM_OK);
	assert_memory_equal(event.subject, made.subject, KM_SUBJECT_BYTES);
	assert_int_equal(store_operator_by_login(b->s, "alice", &found), KM_OK);
	assert_int_equal(store_operator_by_subject(b->s, made.subject, &same), KM_OK);
	assert_memory_equal(&made, &found, sizeof(made));
	assert_memory_equal(&made, &same, sizeof(made));
	assert_int_equal(found.uid, -1);
	assert_int_equal(found.state, KM_ACTIVE);
	assert_int_equal(found.role, KM_ROLE_AUDITOR);
	assert_int_equal(found.valid_from, 20000);
	assert_int_equal(found.valid_until, 21000);
	assert_int_equal(found.created, BOX_WALL);
	assert_int_equal(found.last_login, 0);
	assert_int_equal(store_person(b->s, &found, &who), KM_OK);
	assert_memory_equal(&who, &p, sizeof(p));
}

static void test_an_unknown_operator_is_not_found_and_nothing_is_touched(void **state)
{
	struct box *b = *state;
	struct km_operator op, untouched;

	memset(&op, 'u', sizeof(op));
	untouched = op;
	assert_int_equal(store_operator_by_login(b->s, "nobody", &op), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_login(b->s, "", &op), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_subject(b->s, untouched.subject, &op), KM_ENOTFOUND);
	assert_memory_equal(&op, &untouched, sizeof(op));
}

static void test_a_uid_is_the_account_of_exactly_one_operator_or_of_nobody(void **state)
{
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_REBOUND, NULL);
	struct box *b = *state;
	struct km_operator first = add(b, "first", "1"), second = add(b, "second", "2"), op;

	assert_int_equal(store_operator_uid(b->s, first.subject, 4001, &e), KM_OK);
	assert_int_equal(store_operator_uid(b->s, second.subject, 4002, &e), KM_OK);
	assert_int_equal(store_operator_by_uid(b->s, 4001, &op), KM_OK);
	assert_memory_equal(op.subject, first.subject, sizeof(op.subject));
	assert_int_equal(store_operator_by_uid(b->s, 4003, &op), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_uid(b->s, UINT32_MAX, &op), KM_ENOTFOUND);
	assert_int_equal(store_operator_uid(b->s, second.subject, 4001, &e), KM_OK);
	assert_int_equal(store_operator_by_uid(b->s, 4001, &op), KM_ENOTFOUND);
	/* Who is being erased has no account any more, and is in nobody's way. */
	assert_int_equal(store_erase_begin(b->s, first.subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_operator_by_uid(b->s, 4001, &op), KM_OK);
	assert_memory_equal(op.subject, second.subject, sizeof(op.subject));
}

static void test_a_uid_is_anothers_however_many_have_it(void **state)
{
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_REBOUND, NULL);
	struct box *b = *state;
	struct km_operator op[3] = { add(b, "first", "1"), add(b, "second", "2"),
				     add(b, "third", "3") };
	bool anothers = true;

	assert_int_equal(store_uid_is_anothers(b->s, 4001, NULL, &anothers), KM_OK);
	assert_false(anothers);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(store_operator_uid(b->s, op[i].subject, 4001, &e), KM_OK);
		assert_int_equal(store_uid_is_anothers(b->s, 4001, op[0].subject, &anothers),
				 KM_OK);
		assert_int_equal(anothers, i > 0);
		assert_int_equal(store_uid_is_anothers(b->s, 4001, NULL, &anothers), KM_OK);
		assert_true(anothers);
	}
	for (size_t i = 1; i < 3; i++)
		assert_int_equal(store_erase_begin(b->s, op[i].subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_uid_is_anothers(b->s, 4001, op[0].subject, &anothers), KM_OK);
	assert_false(anothers);
}

static void test_logins_are_not_compared_loosely(void **state)
{
	struct box *b = *state;
	struct km_operator op;

	add(b, "alice", "1");
	assert_int_equal(store_operator_by_login(b->s, "Alice", &op), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_login(b->s, "alice ", &op), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_login(b->s, "alic", &op), KM_ENOTFOUND);
}

static void test_a_login_is_registered_once(void **state)
{
	struct box *b = *state;
	struct km_operator op, untouched;
	struct km_counts counts;

	memset(&op, 'u', sizeof(op));
	untouched = op;
	add(b, "alice", "1");
	assert_int_equal(try_add(b, "alice", "2", &op), KM_EEXIST);
	assert_memory_equal(&op, &untouched, sizeof(op));
	assert_int_equal(store_counts(b->s, &counts), KM_OK);
	assert_int_equal(counts.operators, 1);
	assert_int_equal(counts.records, 1);
	assert_int_equal(sql_number(b, DB_IDENTITY, "SELECT count(*) FROM person"), 1);
}

static void test_an_employee_number_is_never_given_twice(void **state)
{
	struct box *b = *state;
	struct km_operator op;

	add(b, "alice", "1");
	assert_int_equal(try_add(b, "bob", "1", &op), KM_EREUSED);
	assert_int_equal(store_operator_by_login(b->s, "bob", &op), KM_ENOTFOUND);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM subject_key"), 1);
	add(b, "bob", "2");
}

static void test_a_person_that_cannot_be_is_refused(void **state)
{
	struct box *b = *state;
	struct km_operator in = { .uid = 1 }, out;
	struct km_event_record event = event_of(KM_EVENT_OPERATOR_ADDED, NULL);
	struct km_person good = { "alice", "1", "Alice", "Health" }, p = good;

	p.login[0] = '\0';
	assert_int_equal(store_operator_add(b->s, &in, &p, &event, &out), KM_EINVAL);
	p = good;
	p.employee_number[0] = '\0';
	assert_int_equal(store_operator_add(b->s, &in, &p, &event, &out), KM_EINVAL);
	p = good;
	memset(p.name, 'n', sizeof(p.name));
	assert_int_equal(store_operator_add(b->s, &in, &p, &event, &out), KM_EINVAL);
	in.role = KM_ROLE_OFFICER + 1;
	assert_int_equal(store_operator_add(b->s, &in, &good, &event, &out), KM_EINVAL);
	in.role = KM_ROLE_OPERATOR;
	in.uid = -2;
	assert_int_equal(store_operator_add(b->s, &in, &good, &event, &out), KM_EINVAL);
	assert_false(store_dirty(b->s));
}

static void test_the_longest_names_come_back_whole(void **state)
{
	struct box *b = *state;
	struct km_operator in = { .uid = 1 }, out;
	struct km_event_record event = event_of(KM_EVENT_OPERATOR_ADDED, NULL);
	struct km_person p = { { 0 } }, who;

	memset(p.login, 'l', sizeof(p.login) - 1);
	memset(p.employee_number, 'e', sizeof(p.employee_number) - 1);
	memset(p.name, 'n', sizeof(p.name) - 1);
	memset(p.department, 'd', sizeof(p.department) - 1);
	assert_int_equal(store_operator_add(b->s, &in, &p, &event, &out), KM_OK);
	assert_int_equal(store_person(b->s, &out, &who), KM_OK);
	assert_memory_equal(&who, &p, sizeof(p));
}

static void test_no_event_no_change(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	uint64_t id = enrol(b, &op, "a seed of 20 bytes..");
	struct km_event_record none = event_of(KM_EVENT_NONE, NULL);
	struct km_acceptance a = acceptance(&op, id, 1, NULL);

	assert_int_equal(store_operator_state(b->s, op.subject, KM_SUSPENDED, NULL), KM_EINVAL);
	assert_int_equal(store_operator_uid(b->s, op.subject, 7, &none), KM_EINVAL);
	assert_int_equal(store_accept(b->s, &a), KM_EINVAL);
	assert_int_equal(store_credential_remove(b->s, op.subject, id, NULL), KM_EINVAL);
	assert_int_equal(store_erase_begin(b->s, op.subject, &by_hand, NULL), KM_EINVAL);
	assert_int_equal(store_unlock(b->s, op.subject, 0, NULL), KM_EINVAL);
	assert_int_equal(store_record(b->s, NULL), KM_EINVAL);
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
	assert_memory_equal(&op, &now, sizeof(op));
	assert_int_equal(credential_of(b, &op, id).moving, 0);
}

static void test_state_and_uid_change_and_are_recorded(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), now;
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_SUSPENDED, op.subject);
	const uint8_t nobody[KM_SUBJECT_BYTES] = "nobody";

	assert_int_equal(store_operator_state(b->s, op.subject, KM_SUSPENDED, &e), KM_OK);
	assert_int_equal(store_operator_uid(b->s, op.subject, 4711, &e), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
	assert_int_equal(now.state, KM_SUSPENDED);
	assert_int_equal(now.uid, 4711);
	assert_int_equal(store_operator_state(b->s, nobody, KM_ACTIVE, &e), KM_ENOTFOUND);
	assert_int_equal(store_operator_uid(b->s, nobody, 1, &e), KM_ENOTFOUND);
	assert_int_equal(store_operator_state(b->s, op.subject, KM_ERASING, &e), KM_EINVAL);
	assert_int_equal(store_operator_uid(b->s, op.subject, -2, &e), KM_EINVAL);
	assert_int_equal(store_erase_begin(b->s, op.subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_operator_state(b->s, op.subject, KM_ACTIVE, &e), KM_ESTATE);
	assert_int_equal(store_operator_uid(b->s, op.subject, 1, &e), KM_ESTATE);
}

static void test_rows_moved_between_people_do_not_open(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_person who;

	sql(b, DB_IDENTITY,
	    "UPDATE person SET sealed = (SELECT sealed FROM person p WHERE "
	    "p.cursor = 2) WHERE cursor = 1");
	assert_int_equal(store_person(b->s, &alice, &who), KM_ECORRUPT);
	assert_int_equal(store_person(b->s, &bob, &who), KM_OK);
	/* With bob's key beside bob's row it does not open as alice either. */
	sql(b, DB_VAULT,
	    "UPDATE subject_key SET wrapped = (SELECT wrapped FROM subject_key k "
	    "WHERE k.cursor = 2) WHERE cursor = 1");
	assert_int_equal(store_operator_by_login(b->s, "alice", &alice), KM_OK);
	assert_int_equal(store_person(b->s, &alice, &who), KM_ECORRUPT);
}

static void test_a_listing_goes_page_by_page_in_order_of_registration(void **state)
{
	struct box *b = *state;
	struct km_operator page[3];
	uint64_t after = 0, seen = 0;
	size_t count;

	for (int i = 0; i < 8; i++) {
		char login[16], number[16];

		(void)snprintf(login, sizeof(login), "user%d", i);
		(void)snprintf(number, sizeof(number), "%d", i);
		add(b, login, number);
	}
	do {
		assert_int_equal(store_operators(b->s, after, 3, page, &count), KM_OK);
		for (size_t i = 0; i < count; i++) {
			struct km_person who;
			char login[16];

			(void)snprintf(login, sizeof(login), "user%d", (int)seen++);
			assert_int_equal(store_person(b->s, &page[i], &who), KM_OK);
			assert_string_equal(who.login, login);
			assert_true(page[i].cursor > after);
			after = page[i].cursor;
		}
	} while (count > 0);
	assert_int_equal(seen, 8);
	assert_int_equal(store_operators(b->s, UINT64_MAX, 3, page, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_operators(b->s, 0, 0, page, &count), KM_OK);
	assert_int_equal(count, 0);
}

static void test_counts_are_right(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_SUSPENDED, NULL);
	struct km_failure f = { .count = 1, .throttle = { { 5, 5, BOX_WALL + 30 } } };
	struct km_counts c;

	add(b, "carol", "3");
	enrol(b, &alice, "seed");
	f.credential[0] = enrol(b, &bob, "seed");
	enrol(b, &bob, "seed");
	assert_int_equal(store_fail(b->s, &f), KM_OK);
	assert_int_equal(store_operator_uid(b->s, alice.subject, -1, &e), KM_OK);
	assert_int_equal(store_operator_state(b->s, bob.subject, KM_SUSPENDED, &e), KM_OK);
	assert_int_equal(store_counts(b->s, &c), KM_OK);
	assert_int_equal(c.operators, 3);
	assert_int_equal(c.suspended, 1);
	assert_int_equal(c.erasing, 0);
	assert_int_equal(c.unenrolled, 1);
	assert_int_equal(c.unbound, 1);
	assert_int_equal(c.credentials, 3);
	assert_int_equal(c.locked, 1);
	assert_int_equal(c.records, 8);
	assert_int_equal(store_erase_begin(b->s, bob.subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_counts(b->s, &c), KM_OK);
	assert_int_equal(c.operators, 2);
	assert_int_equal(c.suspended, 0);
	assert_int_equal(c.erasing, 1);
	assert_int_equal(c.unenrolled, 1);
}

/* --- credentials --------------------------------------------------------------------- */

static void test_an_enrolled_seed_comes_back_and_is_sealed_in_the_table(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t id = enrol(b, &op, "canary-seed-canary!!");
	struct km_credential c = credential_of(b, &op, id);
	struct km_secret seed = { 0 };

	assert_int_equal(c.factor, KM_FACTOR_HOTP);
	assert_int_equal(c.algorithm, KM_SHA1);
	assert_int_equal(c.digits, 6);
	assert_int_equal(c.moving, 0);
	assert_int_equal(c.created, BOX_WALL);
	assert_string_equal(c.label, "token");
	assert_int_equal(c.sealed_len, 20 + KM_SEAL_OVERHEAD);
	assert_null(memmem(c.sealed, c.sealed_len, "canary", 6));
	assert_int_equal(store_seed(b->s, &op, &c, &seed), KM_OK);
	assert_int_equal(seed.len, 20);
	assert_memory_equal(seed.bytes, "canary-seed-canary!!", 20);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_false(in_any_file(b, "canary", 6));
}

static void test_a_seed_opens_only_in_its_own_row(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	uint64_t first = enrol(b, &alice, "the first seed......"), second;
	struct km_credential c, d;
	struct km_secret seed = { .len = 3, .bytes = "old" };

	second = enrol(b, &alice, "the second seed.....");
	c = credential_of(b, &alice, first);
	d = credential_of(b, &alice, second);
	assert_int_equal(store_seed(b->s, &bob, &c, &seed), KM_ECORRUPT);
	memcpy(c.sealed, d.sealed, sizeof(c.sealed));
	assert_int_equal(store_seed(b->s, &alice, &c, &seed), KM_ECORRUPT);
	c = d;
	c.factor = KM_FACTOR_TOTP;
	assert_int_equal(store_seed(b->s, &alice, &c, &seed), KM_ECORRUPT);
	c = d;
	c.version++;
	assert_int_equal(store_seed(b->s, &alice, &c, &seed), KM_ECORRUPT);
	c = d;
	c.subject[0] ^= 1;
	assert_int_equal(store_seed(b->s, &alice, &c, &seed), KM_ECORRUPT);
	c = d;
	c.sealed_len = 0;
	assert_int_equal(store_seed(b->s, &alice, &c, &seed), KM_ECORRUPT);
	memset(alice.wrapped, 0, sizeof(alice.wrapped));
	assert_int_equal(store_seed(b->s, &alice, &d, &seed), KM_ECORRUPT);
	assert_int_equal(seed.len, 3);
	assert_memory_equal(seed.bytes, "old", 3);
}

static void test_nobody_has_more_than_sixteen_credentials(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_credential all[KM_MAX_CREDENTIALS];
	uint64_t id, last = 0;
	size_t count;

	for (int i = 0; i < KM_MAX_CREDENTIALS; i++)
		enrol(b, &op, "seed");
	assert_int_equal(try_enrol(b, &op, "seed", &id), KM_ELIMIT);
	assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_OK);
	assert_int_equal(count, KM_MAX_CREDENTIALS);
	for (size_t i = 0; i < count; i++) {
		assert_true(all[i].id > last);
		last = all[i].id;
	}
}

static void test_a_credential_that_cannot_be_is_refused(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1"), nobody = op;
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, NULL);
	struct km_credential good = { .factor = KM_FACTOR_TOTP,
				      .algorithm = KM_SHA256,
				      .digits = 8,
				      .period = 30 },
			     c;
	struct km_secret seed = { .len = 20 }, none = { .len = 0 }, big = { .len = 129 };
	uint64_t id = 99;

	memcpy(good.subject, op.subject, sizeof(good.subject));
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		c = good;                                                                          \
		change;                                                                            \
		assert_int_equal(store_enrol_otp(b->s, &op, &c, &seed, &e, &id), KM_EINVAL);       \
	} while (0)
	REFUSED(c.factor = KM_FACTOR_RECOVERY);
	REFUSED(c.algorithm = 0);
	REFUSED(c.algorithm = 4);
	REFUSED(c.digits = 5);
	REFUSED(c.digits = 9);
	REFUSED(c.period = 0);
	REFUSED(c.moving = UINT64_MAX);
	REFUSED(c.subject[0] ^= 1);
	REFUSED(memset(c.label, 'l', sizeof(c.label)));
#undef REFUSED
	assert_int_equal(store_enrol_otp(b->s, &op, &good, &none, &e, &id), KM_EINVAL);
	assert_int_equal(store_enrol_otp(b->s, &op, &good, &big, &e, &id), KM_EINVAL);
	assert_int_equal(store_enrol_otp(b->s, &op, &good, &seed, NULL, &id), KM_EINVAL);
	nobody.subject[0] ^= 1;
	good.subject[0] ^= 1;
	assert_int_equal(store_enrol_otp(b->s, &nobody, &good, &seed, &e, &id), KM_ENOTFOUND);
	assert_int_equal(id, 99);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM credential"), 0);
}

static void test_a_removed_credential_leaves_nothing_and_its_id_is_not_used_again(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_event_record e = event_of(KM_EVENT_CREDENTIAL_REMOVED, NULL);
	uint64_t id = enrol(b, &alice, "seed");

	assert_int_equal(store_credential_remove(b->s, bob.subject, id, &e), KM_ENOTFOUND);
	assert_int_equal(store_credential_remove(b->s, alice.subject, id, &e), KM_OK);
	assert_int_equal(store_credential_remove(b->s, alice.subject, id, &e), KM_ENOTFOUND);
	assert_true(enrol(b, &alice, "seed") > id);
}

static void test_the_decoy_looks_like_a_credential_and_is_never_accepted(void **state)
{
	struct box *b = *state;
	struct km_operator nobody;
	struct km_credential decoy;
	struct km_secret seed = { 0 };

	assert_int_equal(store_decoy(b->s, &nobody, &decoy), KM_OK);
	assert_int_equal(store_seed(b->s, &nobody, &decoy, &seed), KM_OK);
	assert_int_equal(seed.len, 20);
	assert_int_equal(accept_at(b, &nobody, decoy.id, 1), KM_ENOTFOUND);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM operator"), 0);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_a_registered_operator_is_found_by_login_and_subject),
		STORE_TEST(test_an_unknown_operator_is_not_found_and_nothing_is_touched),
		STORE_TEST(test_a_uid_is_the_account_of_exactly_one_operator_or_of_nobody),
		STORE_TEST(test_a_uid_is_anothers_however_many_have_it),
		STORE_TEST(test_logins_are_not_compared_loosely),
		STORE_TEST(test_a_login_is_registered_once),
		STORE_TEST(test_an_employee_number_is_never_given_twice),
		STORE_TEST(test_a_person_that_cannot_be_is_refused),
		STORE_TEST(test_the_longest_names_come_back_whole),
		STORE_TEST(test_no_event_no_change),
		STORE_TEST(test_state_and_uid_change_and_are_recorded),
		STORE_TEST(test_rows_moved_between_people_do_not_open),
		STORE_TEST(test_a_listing_goes_page_by_page_in_order_of_registration),
		STORE_TEST(test_counts_are_right),
		STORE_TEST(test_an_enrolled_seed_comes_back_and_is_sealed_in_the_table),
		STORE_TEST(test_a_seed_opens_only_in_its_own_row),
		STORE_TEST(test_nobody_has_more_than_sixteen_credentials),
		STORE_TEST(test_a_credential_that_cannot_be_is_refused),
		STORE_TEST(test_a_removed_credential_leaves_nothing_and_its_id_is_not_used_again),
		STORE_TEST(test_the_decoy_looks_like_a_credential_and_is_never_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
