/* Acts that wait: kept for whoever decides, taken once, and gone with their key. */
#include <kenmon/store_request.h>

#include "order.h"
#include "epochs.h"

#define ACT    43
#define MARK   "what-somebody-asked-for"
#define SECOND "AAAABBBBCCCCDDDD"

static struct km_filed request_about(const struct km_operator *op)
{
	struct km_filed r = { .act = ACT, .requester = "registrar", .expires = BOX_WALL + 600 };

	if (op)
		memcpy(r.subject, op->subject, sizeof(r.subject));
	memset(r.digest, 0xD1, sizeof(r.digest));
	return r;
}

static km_rc try_file(struct box *b, struct km_filed *r)
{
	struct km_event_record e = event_of(KM_EVENT_REQUESTED, r->subject);

	return store_request_file(b->s, r, MARK, strlen(MARK), &e);
}

static struct km_filed file(struct box *b, const struct km_operator *op)
{
	struct km_filed r = request_about(op);

	assert_int_equal(try_file(b, &r), KM_OK);
	return r;
}

static km_rc take(struct box *b, const struct km_filed *r)
{
	struct km_event_record e = event_of(KM_EVENT_REQUEST_REJECTED, r->subject);

	return store_request_take(b->s, r, &e);
}

static void wrapped_key(struct box *b, uint8_t out[KM_WRAPPED_BYTES])
{
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_prepare_v2(b->s->db[DB_VAULT].handle,
					    "SELECT wrapped FROM work_key", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_bytes(st, 0), KM_WRAPPED_BYTES);
	memcpy(out, sqlite3_column_blob(st, 0), KM_WRAPPED_BYTES);
	sqlite3_finalize(st);
}

/* --- filing and reading --------------------------------------------------------------------- */

static void test_a_request_comes_back_as_it_was_after_a_restart(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	const struct km_filed filed = file(b, &op);
	struct km_filed r = { 0 };
	char message[KM_REQUEST_BYTES];
	size_t len = 0;

	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	assert_int_equal(store_request(b->s, filed.id, &r), KM_OK);
	assert_memory_equal(&r, &filed, sizeof(r));
	assert_int_equal(r.filed, BOX_WALL);
	assert_int_equal(store_request_open(b->s, &r, message, sizeof(message), &len), KM_OK);
	assert_int_equal(len, strlen(MARK));
	assert_memory_equal(message, MARK, len);
	assert_false(in_any_file(b, MARK, strlen(MARK)));
}

static void test_requests_are_listed_by_pages_in_their_order(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_filed page[3];
	size_t count = 99;

	assert_int_equal(store_requests(b->s, 0, 3, page, &count), KM_OK);
	assert_int_equal(count, 0);
	for (int i = 0; i < 4; i++)
		file(b, &op);
	assert_int_equal(store_requests(b->s, 0, 3, page, &count), KM_OK);
	assert_int_equal(count, 3);
	assert_true(page[0].id < page[1].id && page[1].id < page[2].id);
	assert_int_equal(store_requests(b->s, page[2].id, 3, page, &count), KM_OK);
	assert_int_equal(count, 1);
	/* Behind all of them there is none, however far. */
	assert_int_equal(store_requests(b->s, UINT64_MAX, 3, page, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_request(b->s, UINT64_MAX, page), KM_ENOTFOUND);
}

static void test_what_is_no_request_is_not_filed(void **state)
{
	struct box *b = *state;
	struct km_filed r = request_about(NULL);
	struct km_event_record e = event_of(KM_EVENT_REQUESTED, NULL);
	static const uint8_t message[KM_REQUEST_BYTES + 1];

	assert_int_equal(store_request_file(b->s, &r, message, 0, &e), KM_EINVAL);
	assert_int_equal(store_request_file(b->s, &r, message, sizeof(message), &e), KM_EINVAL);
	assert_int_equal(store_request_file(b->s, &r, message, 5, NULL), KM_EINVAL);
	r.expires = BOX_WALL; /* over before it began */
	assert_int_equal(store_request_file(b->s, &r, message, 5, &e), KM_EINVAL);
	assert_int_equal(r.id, 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM work_key"), 0);
	r.expires = BOX_WALL + 1;
	assert_int_equal(store_request_file(b->s, &r, message, KM_REQUEST_BYTES, &e), KM_OK);
}

static void test_nobody_files_more_than_their_share(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_filed r;

	for (int i = 0; i < KM_REQUESTS_ABOUT; i++)
		file(b, &alice);
	r = request_about(&alice);
	assert_int_equal(try_file(b, &r), KM_ELIMIT);
	memset(r.requester, 'x', sizeof(r.requester)); /* somebody else still may */
	assert_int_equal(try_file(b, &r), KM_OK);
	for (int i = KM_REQUESTS_ABOUT + 1; i < KM_REQUESTS; i++)
		file(b, NULL); /* newcomers */
	r = request_about(&bob);
	assert_int_equal(try_file(b, &r), KM_ELIMIT);
	r = request_about(NULL);
	assert_int_equal(try_file(b, &r), KM_ELIMIT);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void test_a_request_is_taken_once(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_filed r = file(b, &op), gone;

	assert_int_equal(take(b, &r), KM_OK);
	assert_int_equal(take(b, &r), KM_ENOTFOUND);
	assert_int_equal(store_request(b->s, r.id, &gone), KM_ENOTFOUND);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM work_key"), 0);
	/* Its number is never another's. */
	assert_true(file(b, &op).id > r.id);
}

static void test_the_key_of_a_decided_request_is_in_no_file(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_filed r = file(b, &op);
	uint8_t wrapped[KM_WRAPPED_BYTES];

	assert_int_equal(store_flush(b->s), KM_OK);
	wrapped_key(b, wrapped);
	assert_true(in_any_file(b, wrapped, sizeof(wrapped)));
	assert_int_equal(take(b, &r), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_false(in_any_file(b, wrapped, sizeof(wrapped)));
	assert_false(in_any_file(b, wrapped + 16, 32));
}

static void test_only_what_is_over_has_expired_and_the_earliest_first(void **state)
{
	struct box *b = *state;
	struct km_filed late = request_about(NULL), early = request_about(NULL), found;

	late.expires = BOX_WALL + 20;
	early.expires = BOX_WALL + 10;
	assert_int_equal(try_file(b, &late), KM_OK);
	assert_int_equal(try_file(b, &early), KM_OK);
	b->now.wall = BOX_WALL + 9;
	store_set_now(b->s, &b->now);
	assert_int_equal(store_request_expired(b->s, &found), KM_ENOTFOUND);
	b->now.wall = BOX_WALL + 30;
	store_set_now(b->s, &b->now);
	assert_int_equal(store_request_expired(b->s, &found), KM_OK);
	assert_int_equal(found.id, early.id);
	assert_int_equal(take(b, &found), KM_OK);
	assert_int_equal(store_request_expired(b->s, &found), KM_OK);
	assert_int_equal(found.id, late.id);
}

static void test_with_a_person_goes_what_was_asked_for_about_them(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, alice.subject);
	struct km_filed of_alice = file(b, &alice), also = file(b, &alice), of_bob = file(b, &bob);

	assert_int_equal(store_erase_begin(b->s, alice.subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_request(b->s, of_alice.id, &also), KM_ENOTFOUND);
	assert_int_equal(store_request(b->s, of_bob.id, &also), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM request"), 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM work_key"), 1);
}

/* --- key epochs ------------------------------------------------------------------------------- */

static void test_a_request_outlives_the_end_of_its_key_epoch(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_filed r = file(b, &op);
	uint8_t before[KM_WRAPPED_BYTES];
	char message[KM_REQUEST_BYTES];
	size_t len = 0;

	assert_int_equal(store_flush(b->s), KM_OK);
	wrapped_key(b, before);
	next_epoch(b);
	box_again(b);
	assert_int_equal(
	    sql_number(b, DB_VAULT, "SELECT count(*) FROM work_key WHERE kek_gen <> 2"), 0);
	assert_false(in_any_file(b, before, sizeof(before)));
	assert_int_equal(store_request_open(b->s, &r, message, sizeof(message), &len), KM_OK);
	assert_memory_equal(message, MARK, len);
}

static void test_a_key_of_a_request_that_does_not_open_stops_no_epoch(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_filed r = file(b, &op);
	char message[KM_REQUEST_BYTES];
	size_t len = 99;

	sql(b, DB_VAULT, "UPDATE work_key SET wrapped = randomblob(48)");
	next_epoch(b);
	assert_int_equal(sql_number(b, DB_VAULT,
				    "SELECT count(*) FROM work_key WHERE wrapped = zeroblob(48) "
				    "AND kek_gen = 2"),
			 1);
	assert_int_equal(store_request_open(b->s, &r, message, sizeof(message), &len), KM_ECORRUPT);
	assert_int_equal(len, 99);
	assert_int_equal(take(b, &r), KM_OK);
}

static void test_a_request_without_its_key_opens_no_more(void **state)
{
	struct box *b = *state;
	struct km_filed r = file(b, NULL), other = file(b, NULL);
	char message[KM_REQUEST_BYTES];
	size_t len = 99;

	sql(b, DB_VAULT, "DELETE FROM work_key");
	assert_int_equal(store_request_open(b->s, &r, message, sizeof(message), &len), KM_ECORRUPT);
	/* A key that was taken away needs not be destroyed. */
	assert_int_equal(take(b, &other), KM_OK);
}

/* --- what waits, and what ends ------------------------------------------------------------------
 */

static uint64_t codes_of(struct box *b, const struct km_operator *op, char first, bool waiting)
{
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op->subject);
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	uint64_t id = 0;

	for (size_t i = 0; i < codes.len; i++)
		codes.bytes[i] = (uint8_t)((size_t)first + i / KM_RECOVERY_LENGTH);
	assert_int_equal(store_enrol_recovery(b->s, op, &codes, waiting, &e, &id), KM_OK);
	return id;
}

static km_rc activate(struct box *b, const struct km_operator *op, uint64_t id,
		      struct km_event_record *e)
{
	*e = event_of(KM_EVENT_ENROLLED, op->subject);
	return store_credential_activate(b->s, op->subject, id, e);
}

static void test_a_set_that_waits_takes_the_place_of_the_old_one_only_when_it_is_good(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_event_record e;
	uint64_t old = codes_of(b, &op, 'A', false), dropped = codes_of(b, &op, 'K', true);
	uint64_t new = codes_of(b, &op, 'P', true);
	uint16_t left = 99;

	assert_int_equal(credential_of(b, &op, dropped).id, 0); /* the second waiting replaced it */
	assert_int_equal(credential_of(b, &op, old).id, old);
	assert_true(credential_of(b, &op, new).waiting);
	assert_int_equal(activate(b, &op, new, &e), KM_OK);
	assert_non_null(strstr(e.body, "replaces="));
	assert_false(credential_of(b, &op, new).waiting);
	assert_int_equal(credential_of(b, &op, old).id, 0);
	assert_int_equal(store_recovery_left(b->s, old, &left), KM_OK);
	assert_int_equal(left, 0);
	assert_int_equal(store_recovery_left(b->s, new, &left), KM_OK);
	assert_int_equal(left, KM_RECOVERY_CODES);
	assert_int_equal(activate(b, &op, new, &e), KM_ESTATE);
}

static void test_nothing_of_somebody_else_becomes_good(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	uint64_t id = codes_of(b, &alice, 'A', true);
	struct km_event_record e;

	assert_int_equal(activate(b, &bob, id, &e), KM_ENOTFOUND);
	assert_int_equal(activate(b, &alice, id + 1, &e), KM_ENOTFOUND);
	assert_int_equal(store_credential_activate(b->s, alice.subject, id, NULL), KM_EINVAL);
	assert_true(credential_of(b, &alice, id).waiting);
	sql(b, DB_VAULT, "UPDATE credential SET waiting = 0");
	assert_int_equal(activate(b, &alice, id, &e), KM_ECORRUPT);
}

static km_rc bypass(struct box *b, const struct km_operator *op, const char *code, int64_t until,
		    uint64_t *id)
{
	struct km_event_record e = event_of(KM_EVENT_BYPASS_GIVEN, op->subject);
	struct km_secret s = { 0 };

	assert_int_equal(km_secret_set(&s, code, strlen(code)), KM_OK);
	return store_enrol_bypass(b->s, op, &s, until, false, &e, id);
}

static void test_a_bypass_is_one_code_with_an_end_and_an_operator_has_one(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	uint64_t codes = codes_of(b, &op, 'A', false), first = 0, second = 0;
	struct km_credential over;
	uint16_t left = 0;

	assert_int_equal(bypass(b, &op, SECOND, BOX_WALL, &first), KM_EINVAL);
	assert_int_equal(bypass(b, &op, "SHORT", BOX_WALL + 60, &first), KM_EINVAL);
	assert_int_equal(store_credential_ending(b->s, 0, &over), KM_ENOTFOUND);
	assert_int_equal(bypass(b, &op, SECOND, BOX_WALL + 60, &first), KM_OK);
	assert_int_equal(bypass(b, &op, SECOND, BOX_WALL + 90, &second), KM_OK);
	assert_int_equal(credential_of(b, &op, first).id, 0);
	assert_int_equal(credential_of(b, &op, codes).id, codes);
	assert_int_equal(store_recovery_left(b->s, second, &left), KM_OK);
	assert_int_equal(left, 1);
	assert_int_equal(store_credential_ending(b->s, second, &over), KM_ENOTFOUND);
	assert_int_equal(store_credential_ending(b->s, 0, &over), KM_OK);
	assert_int_equal(over.id, second);
	assert_int_equal(over.until, BOX_WALL + 90);
}

static void test_the_code_of_a_bypass_is_good_once(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_LOGIN_ALLOWED, op.subject);
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	struct km_acceptance a;
	uint8_t mac[KM_TAG_BYTES];
	uint64_t id = 0;

	assert_int_equal(bypass(b, &op, SECOND, BOX_WALL + 60, &id), KM_OK);
	assert_int_equal(
	    km_subject_key_unwrap(b->keys, op.subject, op.kek_generation, op.wrapped, &key), KM_OK);
	assert_int_equal(km_mac_recovery(b->keys, &key, id, SECOND, KM_RECOVERY_LENGTH, mac),
			 KM_OK);
	a = acceptance(&op, id, 0, &e);
	assert_int_equal(store_accept(b->s, &a), KM_EREPLAY); /* it has no counter */
	a.recovery_mac = mac;
	assert_int_equal(store_accept(b->s, &a), KM_OK);
	assert_int_equal(store_accept(b->s, &a), KM_EREPLAY);
}

#define REQUEST_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REQUEST_TEST(test_a_request_comes_back_as_it_was_after_a_restart),
		REQUEST_TEST(test_requests_are_listed_by_pages_in_their_order),
		REQUEST_TEST(test_what_is_no_request_is_not_filed),
		REQUEST_TEST(test_nobody_files_more_than_their_share),
		REQUEST_TEST(test_a_request_is_taken_once),
		REQUEST_TEST(test_the_key_of_a_decided_request_is_in_no_file),
		REQUEST_TEST(test_only_what_is_over_has_expired_and_the_earliest_first),
		REQUEST_TEST(test_with_a_person_goes_what_was_asked_for_about_them),
		REQUEST_TEST(test_a_request_outlives_the_end_of_its_key_epoch),
		REQUEST_TEST(test_a_key_of_a_request_that_does_not_open_stops_no_epoch),
		REQUEST_TEST(test_a_request_without_its_key_opens_no_more),
		REQUEST_TEST(
		    test_a_set_that_waits_takes_the_place_of_the_old_one_only_when_it_is_good),
		REQUEST_TEST(test_nothing_of_somebody_else_becomes_good),
		REQUEST_TEST(test_a_bypass_is_one_code_with_an_end_and_an_operator_has_one),
		REQUEST_TEST(test_the_code_of_a_bypass_is_good_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
