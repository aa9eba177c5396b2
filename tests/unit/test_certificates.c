/* Certificates in the store: what T1 and T3 write, what stays after everything else is gone. */
#include "epochs.h"

#include <kenmon/erased.h>

#include "../../authd/vault/signer.h"

static const struct km_erase_order retired = { KM_CAUSE_RETIRED, "the registrar..",
					       "the approver..." };

static km_rc begin(struct box *b, const struct km_operator *op)
{
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, op->subject);
	km_rc rc = store_erase_begin(b->s, op->subject, &retired, &e);

	return rc ? rc : store_flush(b->s);
}

static km_rc finish(struct box *b, const struct km_operator *op)
{
	struct km_event_record e = event_of(KM_EVENT_ERASED, op->subject);
	km_rc rc = store_erase_finish(b->s, op->subject, &e);

	return rc ? rc : store_flush(b->s);
}

static void later(struct box *b, int64_t seconds)
{
	b->now.wall += seconds;
	store_set_now(b->s, &b->now);
}

static struct km_certificate certificate_of(struct box *b, const struct km_operator *op)
{
	struct km_certificate c;

	assert_int_equal(store_certificate(b->s, op->subject, &c), KM_OK);
	return c;
}

static void test_the_first_step_says_what_is_going_to_be_destroyed_and_by_whom(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "4711");
	uint64_t token = enrol(b, &alice, "a seed"), finger;
	struct km_certificate c;

	later(b, 10);
	finger = enrol_finger(b, &alice, "right-index", "ridges");
	later(b, 10);
	assert_int_equal(begin(b, &alice), KM_OK);
	c = certificate_of(b, &alice);
	assert_memory_equal(&c.order, &retired, sizeof(retired));
	assert_int_equal(c.begun, BOX_WALL + 20);
	assert_int_equal(c.finished, 0);
	assert_int_equal(c.seq, 0);
	assert_int_equal(c.epoch, 1);
	assert_int_equal(c.items, 3);
	assert_int_equal(c.item[0].kind, 0);
	assert_int_equal(c.item[0].created, BOX_WALL);
	assert_int_equal(c.item[1].kind, KM_FACTOR_HOTP);
	assert_int_equal(c.item[1].id, token);
	assert_int_equal(c.item[1].created, BOX_WALL);
	assert_int_equal(c.item[2].kind, KM_FACTOR_FINGERPRINT);
	assert_int_equal(c.item[2].id, finger);
	assert_int_equal(c.item[2].created, BOX_WALL + 10);
}

static void test_the_last_step_says_when_it_was_done_and_where_the_trail_says_so(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "4711");
	struct km_certificate c;
	struct km_audit_row row;
	size_t count;

	assert_int_equal(begin(b, &alice), KM_OK);
	later(b, 5);
	assert_int_equal(finish(b, &alice), KM_OK);
	c = certificate_of(b, &alice);
	assert_int_equal(c.finished, BOX_WALL + 5);
	assert_int_equal(store_audit(b->s, c.seq - 1, NULL, 1, &row, &count), KM_OK);
	assert_int_equal(row.seq, c.seq);
	assert_int_equal(row.event, KM_EVENT_ERASED);
	assert_memory_equal(row.subject, alice.subject, sizeof(row.subject));
	/* And it stays, over starts. */
	box_again(b);
	c = certificate_of(b, &alice);
	assert_int_equal(c.finished, BOX_WALL + 5);
}

static void test_it_is_found_by_the_employee_number_and_holds_none(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "4711");
	struct km_certificate c;

	assert_int_equal(store_certificate_of(b->s, "4711", &c), KM_ENOTFOUND);
	assert_int_equal(begin(b, &alice), KM_OK);
	assert_int_equal(finish(b, &alice), KM_OK);
	assert_int_equal(store_certificate_of(b->s, "4711", &c), KM_OK);
	assert_memory_equal(c.subject, alice.subject, sizeof(c.subject));
	assert_int_equal(store_certificate_of(b->s, "4712", &c), KM_ENOTFOUND);
	assert_int_equal(store_truncate_logs(b->s), KM_OK);
	assert_false(in_any_file(b, "4711", 4));
	assert_false(in_any_file(b, "alice", 5));
}

static void test_somebody_whom_identity_does_not_know_has_one_without_a_number(void **state)
{
	static const uint8_t none[KM_TAG_BYTES];
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "4711");

	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_IDENTITY, "DELETE FROM person");
	assert_int_equal(begin(b, &alice), KM_OK);
	assert_memory_equal(certificate_of(b, &alice).emp_tag, none, sizeof(none));
}

static void test_a_credential_that_was_tampered_with_is_destroyed_and_said_to_be(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	uint64_t id = enrol(b, &alice, "a seed");
	struct km_certificate c;

	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT, "UPDATE credential SET created = 5");
	assert_int_equal(begin(b, &alice), KM_OK);
	c = certificate_of(b, &alice);
	assert_int_equal(c.items, 2);
	assert_int_equal(c.item[1].kind, KM_ITEM_DAMAGED);
	assert_int_equal(c.item[1].id, id);
	assert_int_equal(c.item[1].created, 0);
	assert_int_equal(finish(b, &alice), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM credential"), 0);
}

static void test_one_that_was_changed_is_refused_and_stops_no_erasure(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2"), none;
	struct km_certificate c, all[4];
	size_t count;

	assert_int_equal(begin(b, &alice), KM_OK);
	assert_int_equal(begin(b, &bob), KM_OK);
	sql(b, DB_VAULT, "UPDATE certificate SET cause = 2 WHERE id = 1");
	assert_int_equal(finish(b, &alice), KM_OK);
	assert_int_equal(finish(b, &bob), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "alice", &none), KM_ENOTFOUND);
	assert_int_equal(store_certificate(b->s, alice.subject, &c), KM_ECORRUPT);
	assert_int_equal(store_certificate_of(b->s, "1", &c), KM_ECORRUPT);
	assert_int_equal(store_certificates(b->s, 0, 4, all, &count), KM_OK);
	assert_int_equal(count, 2);
	assert_true(all[0].damaged);
	assert_memory_equal(all[0].subject, alice.subject, sizeof(alice.subject));
	assert_false(all[1].damaged);
	assert_true(all[1].finished > 0);
}

/* Nobody takes from a transfer by hand that it is one, or makes another into one, unseen. */
static void test_by_whose_act_somebody_was_transferred_is_kept_and_sealed(void **state)
{
	static const struct km_erase_order ordered = { .cause = KM_CAUSE_TRANSFERRED,
						       .by_hand = true };
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, alice.subject);
	struct km_certificate c;

	assert_int_equal(store_erase_begin(b->s, alice.subject, &ordered, &e), KM_OK);
	assert_int_equal(begin(b, &bob), KM_OK);
	assert_int_equal(finish(b, &alice), KM_OK);
	c = certificate_of(b, &alice);
	assert_int_equal(c.order.cause, KM_CAUSE_TRANSFERRED);
	assert_true(c.order.by_hand);
	assert_false(certificate_of(b, &bob).order.by_hand);
	sql(b, DB_VAULT, "UPDATE certificate SET cause = (cause + 128) % 256");
	assert_int_equal(store_certificate(b->s, alice.subject, &c), KM_ECORRUPT);
	assert_int_equal(store_certificate(b->s, bob.subject, &c), KM_ECORRUPT);
}

/* An erasure that version 2 had begun. */
static void test_an_erasure_without_one_comes_to_its_end(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_certificate c;

	assert_int_equal(begin(b, &alice), KM_OK);
	sql(b, DB_VAULT, "DELETE FROM certificate");
	assert_int_equal(finish(b, &alice), KM_OK);
	assert_int_equal(store_certificate(b->s, alice.subject, &c), KM_ENOTFOUND);
}

static void test_an_order_without_a_cause_erases_nobody(void **state)
{
	const struct km_erase_order none = { 0 };
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), now;
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, alice.subject);

	assert_int_equal(store_erase_begin(b->s, alice.subject, &none, &e), KM_EINVAL);
	assert_int_equal(store_operator_by_login(b->s, "alice", &now), KM_OK);
	assert_int_equal(now.state, KM_ACTIVE);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM certificate"), 0);
}

static void test_pages_of_them_go_on_where_the_last_one_ended(void **state)
{
	struct box *b = *state;
	struct km_certificate all[2];
	char name[8];
	size_t count;

	for (int i = 0; i < 3; i++) {
		struct km_operator op;

		set_text(name, sizeof(name), (char[]){ (char)('a' + i), 0 });
		op = add(b, name, name);
		assert_int_equal(begin(b, &op), KM_OK);
	}
	assert_int_equal(store_certificates(b->s, 0, 2, all, &count), KM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(store_certificates(b->s, all[1].id, 2, all, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_certificates(b->s, all[0].id, 2, all, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_certificates(b->s, UINT64_MAX, 2, all, &count), KM_OK);
	assert_int_equal(count, 0);
}

/* --- ends of epochs --------------------------------------------------------------------- */

static void test_the_end_of_an_epoch_is_kept_with_its_place_in_the_trail(void **state)
{
	struct box *b = *state;
	struct km_epoch_end end;
	struct km_head head;

	assert_int_equal(store_epoch_ended(b->s, 1, &end), KM_ENOTFOUND);
	later(b, 60);
	next_epoch(b);
	assert_int_equal(store_epoch_ended(b->s, 1, &end), KM_OK);
	assert_int_equal(store_head(b->s, &head), KM_OK);
	assert_int_equal(end.generation, 1);
	assert_int_equal(end.closed, BOX_WALL + 60);
	assert_int_equal(end.seq, head.seq);
	assert_false(end.bundles);
	assert_int_equal(store_epoch_ended(b->s, 2, &end), KM_ENOTFOUND);
}

/* A copy of that moment may hold the key under the next KEK already. */
static void test_who_is_erased_while_an_epoch_closes_waits_for_the_end_of_the_next(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");

	assert_int_equal(begin(b, &alice), KM_OK);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	assert_int_equal(begin(b, &bob), KM_OK);
	assert_int_equal(certificate_of(b, &alice).epoch, 1);
	assert_int_equal(certificate_of(b, &bob).epoch, 2);
}

static void test_bundles_are_confirmed_of_epochs_that_are_over_and_of_no_other(void **state)
{
	struct box *b = *state;
	struct km_event_record e = event_of(KM_EVENT_BUNDLES_GONE, NULL);
	struct km_epoch_end end;

	assert_int_equal(store_bundles_gone(b->s, 9, &e), KM_ENOTFOUND);
	for (int i = 0; i < 3; i++)
		next_epoch(b);
	assert_int_equal(store_bundles_gone(b->s, 3, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	for (uint32_t g = 1; g <= 3; g++) {
		assert_int_equal(store_epoch_ended(b->s, g, &end), KM_OK);
		assert_int_equal(end.bundles, g < 3);
	}
	assert_int_equal(store_bundles_gone(b->s, 1, &e), KM_ENOTFOUND);
}

/* --- who signs ---------------------------------------------------------------------------- */

static void test_without_a_signer_nothing_is_signed(void **state)
{
	struct box *b = *state;
	uint8_t signature[KM_SIGNATURE_BYTES];
	struct km_signer signer;

	assert_int_equal(store_signer(b->s, &signer), KM_OK);
	assert_int_equal(store_sign(b->s, "x", 1, signature), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	signer_forget(b->s);
	sql(b, DB_VAULT, "UPDATE signer SET wrapped = zeroblob(48)");
	assert_int_equal(store_signer(b->s, &signer), KM_ENOTFOUND);
	sql(b, DB_VAULT, "DELETE FROM signer");
	signer_forget(b->s);
	assert_int_equal(store_signer(b->s, &signer), KM_ENOTFOUND);
}

/* --- whose sessions may live on ------------------------------------------------------------- */

static void test_the_account_of_the_erased_is_remembered_for_a_week(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_leaver all[4];
	size_t count;

	assert_int_equal(begin(b, &alice), KM_OK);
	assert_int_equal(store_leavers(b->s, 0, 0, -1, 4, all, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(all[0].uid, 1000);
	assert_int_equal(all[0].since, BOX_WALL);
	assert_int_equal(store_leavers(b->s, 0, 0, 1000, 4, all, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_leavers(b->s, BOX_WALL + 1, 0, -1, 4, all, &count), KM_OK);
	assert_int_equal(count, 0);
	later(b, KM_LEAVERS_KEPT);
	assert_int_equal(store_leavers_prune(b->s), KM_ENOTFOUND);
	later(b, 1);
	assert_int_equal(store_leavers_prune(b->s), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM leaver"), 0);
}

static void test_an_account_that_somebody_else_has_by_now_is_not_a_leavers(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_leaver all[4];
	size_t count;

	assert_int_equal(begin(b, &alice), KM_OK);
	assert_int_equal(finish(b, &alice), KM_OK);
	add(b, "alice", "2"); /* all have uid 1000 here */
	assert_int_equal(store_leavers(b->s, 0, 0, -1, 4, all, &count), KM_OK);
	assert_int_equal(count, 0);
}

static void test_who_is_due_to_be_erased_is_a_leaver_from_that_day_on(void **state)
{
	struct box *b = *state;
	struct km_leaver all[4];
	size_t count;

	add(b, "alice", "1");
	assert_int_equal(store_flush(b->s), KM_OK);
	sql(b, DB_VAULT,
	    "INSERT INTO due (subject, what, cause, day, filed, feed, released, requester, "
	    "approver, mac) SELECT subject, 2, 2, 100, 77, 0, 0, zeroblob(16), zeroblob(16), "
	    "zeroblob(16) FROM operator");
	assert_int_equal(store_leavers(b->s, 0, 99, -1, 4, all, &count), KM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_leavers(b->s, 0, 100, -1, 4, all, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(all[0].since, 77);
}

static void test_who_was_never_bound_leaves_no_account(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_REBOUND, alice.subject);

	assert_int_equal(store_operator_uid(b->s, alice.subject, -1, &e), KM_OK);
	assert_int_equal(begin(b, &alice), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM leaver"), 0);
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOX_TEST(test_the_first_step_says_what_is_going_to_be_destroyed_and_by_whom),
		BOX_TEST(test_the_last_step_says_when_it_was_done_and_where_the_trail_says_so),
		BOX_TEST(test_it_is_found_by_the_employee_number_and_holds_none),
		BOX_TEST(test_somebody_whom_identity_does_not_know_has_one_without_a_number),
		BOX_TEST(test_a_credential_that_was_tampered_with_is_destroyed_and_said_to_be),
		BOX_TEST(test_one_that_was_changed_is_refused_and_stops_no_erasure),
		BOX_TEST(test_by_whose_act_somebody_was_transferred_is_kept_and_sealed),
		BOX_TEST(test_an_erasure_without_one_comes_to_its_end),
		BOX_TEST(test_an_order_without_a_cause_erases_nobody),
		BOX_TEST(test_pages_of_them_go_on_where_the_last_one_ended),
		BOX_TEST(test_the_end_of_an_epoch_is_kept_with_its_place_in_the_trail),
		BOX_TEST(test_who_is_erased_while_an_epoch_closes_waits_for_the_end_of_the_next),
		BOX_TEST(test_bundles_are_confirmed_of_epochs_that_are_over_and_of_no_other),
		BOX_TEST(test_without_a_signer_nothing_is_signed),
		BOX_TEST(test_the_account_of_the_erased_is_remembered_for_a_week),
		BOX_TEST(test_an_account_that_somebody_else_has_by_now_is_not_a_leavers),
		BOX_TEST(test_who_is_due_to_be_erased_is_a_leaver_from_that_day_on),
		BOX_TEST(test_who_was_never_bound_leaves_no_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
