/* Purpose texts, consents and invitations, as the store keeps them. */
#include <kenmon/store_epoch.h>
#include <kenmon/store_request.h>

#include "../../authd/vault/store_consent.h"
#include "../../authd/vault/store_invitation.h"
#include "order.h"
#include "store_box.h"

#define TEXT "What is taken, and why."

static void keep_text(struct box *b, const char *text, uint8_t digest[KM_DIGEST_BYTES])
{
	struct km_event_record e = event_of(KM_EVENT_PURPOSE_KEPT, NULL);
	bool kept;

	assert_int_equal(store_purpose_keep(b->s, 1, text, strlen(text), &e, digest, &kept), KM_OK);
}

static km_rc try_agree(struct box *b, const uint8_t *subject, const char *text, uint64_t *id)
{
	struct km_event_record e = event_of(KM_EVENT_CONSENTED, subject);
	struct km_consent c = { .paper = true, .terminal = "tty1", .witness = { 7 } };

	keep_text(b, text, c.purpose);
	memcpy(c.subject, subject, sizeof(c.subject));
	return store_consent_add(b->s, &c, &e, id);
}

static uint64_t agree(struct box *b, const uint8_t *subject, const char *text)
{
	uint64_t id = 0;

	assert_int_equal(try_agree(b, subject, text, &id), KM_OK);
	return id;
}

static km_rc withdraw(struct box *b, const uint8_t *subject, unsigned *fingers)
{
	struct km_event_record e = event_of(KM_EVENT_CONSENT_WITHDRAWN, subject);

	return store_consent_withdraw(b->s, subject, &e, fingers);
}

/* --- texts ------------------------------------------------------------------------- */

static void test_a_text_is_kept_once_and_named_by_its_digest(void **state)
{
	/* SHA-256 of "abc" (FIPS 180-2, appendix B.1) */
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
				       0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
				       0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
				       0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	struct km_event_record e = event_of(KM_EVENT_PURPOSE_KEPT, NULL);
	static struct km_purpose p;
	uint8_t digest[KM_DIGEST_BYTES];
	struct box *b = *state;
	bool kept = false;

	assert_int_equal(store_purpose_keep(b->s, 1, "abc", 3, &e, digest, &kept), KM_OK);
	assert_true(kept);
	assert_memory_equal(digest, abc, sizeof(abc));
	b->now.wall += 100;
	store_set_now(b->s, &b->now);
	assert_int_equal(store_purpose_keep(b->s, 0, "abc", 3, &e, digest, &kept), KM_OK);
	assert_false(kept);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM audit"), 1);
	assert_int_equal(store_purpose(b->s, abc, &p), KM_OK);
	assert_int_equal(p.lang, 1);
	assert_int_equal(p.first, BOX_WALL);
	assert_int_equal(p.len, 3);
	assert_memory_equal(p.text, "abc", 3);
}

static void test_a_text_without_or_with_too_many_bytes_is_not_kept(void **state)
{
	struct km_event_record e = event_of(KM_EVENT_PURPOSE_KEPT, NULL);
	static uint8_t text[KM_PURPOSE_MAX + 1];
	uint8_t digest[KM_DIGEST_BYTES];
	struct box *b = *state;
	bool kept;

	assert_int_equal(store_purpose_keep(b->s, 0, text, 0, &e, digest, &kept), KM_EINVAL);
	assert_int_equal(store_purpose_keep(b->s, 0, text, sizeof(text), &e, digest, &kept),
			 KM_EINVAL);
	assert_int_equal(store_purpose_keep(b->s, 0, text, KM_PURPOSE_MAX, &e, digest, &kept),
			 KM_OK);
}

static void test_another_text_under_a_name_is_damage(void **state)
{
	struct km_event_record e = event_of(KM_EVENT_PURPOSE_KEPT, NULL);
	static struct km_purpose p;
	uint8_t digest[KM_DIGEST_BYTES];
	struct box *b = *state;
	bool kept;

	keep_text(b, TEXT, digest);
	sql(b, DB_VAULT, "UPDATE purpose SET text = x'616263'");
	assert_int_equal(store_purpose(b->s, digest, &p), KM_ECORRUPT);
	assert_int_equal(store_purpose_keep(b->s, 0, TEXT, strlen(TEXT), &e, digest, &kept),
			 KM_ECORRUPT);
}

/* --- consents ------------------------------------------------------------------------ */

static void test_a_consent_says_who_agreed_to_what_when_where_and_before_whom(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_consent all[KM_MAX_CONSENTS], one;
	uint8_t digest[KM_DIGEST_BYTES];
	size_t count = 0;
	uint64_t id = agree(b, alice.subject, TEXT);

	keep_text(b, TEXT, digest);
	assert_int_equal(store_consents(b->s, alice.subject, all, &count), KM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(all[0].id, id);
	assert_memory_equal(all[0].purpose, digest, sizeof(digest));
	assert_int_equal(all[0].given, BOX_WALL);
	assert_true(all[0].paper);
	assert_string_equal(all[0].terminal, "tty1");
	assert_int_equal(all[0].witness[0], 7);
	assert_int_equal(all[0].withdrawn, 0);
	assert_int_equal(store_consent_standing(b->s, alice.subject, digest, &one), KM_OK);
	assert_int_equal(one.id, id);
}

static void test_a_consent_to_the_same_text_is_not_kept_twice(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	uint64_t id = agree(b, alice.subject, TEXT);
	uint64_t other = 99;

	assert_int_equal(try_agree(b, alice.subject, TEXT, &other), KM_EEXIST);
	assert_int_equal(other, 99);
	assert_int_not_equal(agree(b, alice.subject, "another text"), id);
}

static void test_nobody_agrees_to_a_text_that_is_not_kept(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_CONSENTED, alice.subject);
	struct km_consent c = { .purpose = { 1 } };
	uint64_t id;

	memcpy(c.subject, alice.subject, sizeof(c.subject));
	assert_int_equal(store_consent_add(b->s, &c, &e, &id), KM_ENOTFOUND);
	memset(c.terminal, 'x', sizeof(c.terminal));
	assert_int_equal(store_consent_add(b->s, &c, &e, &id), KM_EINVAL);
}

static void test_nobody_who_is_being_erased_agrees_or_is_invited(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), gone;
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, alice.subject);
	struct km_secret code = { .len = KM_RECOVERY_LENGTH };
	uint64_t id;

	assert_int_equal(store_erase_begin(b->s, alice.subject, &by_hand, &e), KM_OK);
	assert_int_equal(try_agree(b, alice.subject, TEXT, &id), KM_ENOTFOUND);
	assert_int_equal(store_operator_by_subject(b->s, alice.subject, &gone), KM_OK);
	assert_int_equal(store_invite(b->s, &gone, &code, 600, 0, &e), KM_ESTATE);
	/* Also with the row as it was read before. */
	assert_int_equal(store_invite(b->s, &alice, &code, 600, 0, &e), KM_ESTATE);
}

static void test_there_is_an_end_to_consents(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_consent all[KM_MAX_CONSENTS];
	char text[32];
	size_t count;
	uint64_t id;

	for (int i = 0; i < KM_MAX_CONSENTS; i++) {
		(void)snprintf(text, sizeof(text), "text %d", i);
		agree(b, alice.subject, text);
	}
	assert_int_equal(try_agree(b, alice.subject, "one more", &id), KM_ELIMIT);
	/* More than we make is not ours. */
	sql(b, DB_VAULT,
	    "INSERT INTO consent (subject, purpose, given, paper, terminal, witness, withdrawn, "
	    "mac) "
	    "SELECT subject, purpose, given, paper, terminal, witness, withdrawn, mac FROM consent "
	    "WHERE id = 1");
	assert_int_equal(store_consents(b->s, alice.subject, all, &count), KM_ECORRUPT);
}

static void test_withdrawing_ends_all_consents_and_destroys_all_fingers(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	uint64_t code = enrol(b, &alice, "the seed of alice");
	struct km_consent all[KM_MAX_CONSENTS];
	struct km_epoch epoch;
	struct km_audit_row last;
	unsigned fingers = 99;
	uint64_t seq = 0;
	size_t count;

	enrol_finger(b, &alice, "right-index", "the one finger");
	enrol_finger(b, &alice, "left-index", "the other finger");
	enrol_finger(b, &bob, "left-index", "a finger of bob");
	agree(b, alice.subject, TEXT);
	agree(b, alice.subject, "a later text");
	agree(b, bob.subject, TEXT);
	b->now.wall += 60;
	store_set_now(b->s, &b->now);
	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_OK);
	assert_int_equal(fingers, 2);
	assert_int_equal(store_consents(b->s, alice.subject, all, &count), KM_OK);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(all[i].withdrawn, BOX_WALL + 60);
	assert_int_equal(store_consent_standing(b->s, alice.subject, NULL, all), KM_ENOTFOUND);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM template"), 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM credential"), 2);
	assert_int_equal(credential_of(b, &alice, code).id, code);
	assert_int_equal(store_epoch(b->s, &epoch), KM_OK);
	assert_int_equal(epoch.owed, BOX_WALL + 60);
	assert_int_equal(store_audit_last(b->s, NULL, 1, &seq), KM_OK);
	assert_int_equal(store_audit(b->s, seq, NULL, 1, &last, &count), KM_OK);
	assert_string_equal(last.body, "by=test fingers=2");
	/* bob's are his own */
	assert_int_equal(store_consent_standing(b->s, bob.subject, NULL, all), KM_OK);
}

static void test_a_withdrawn_consent_can_be_given_again(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_consent one;
	unsigned fingers;
	uint64_t first = agree(b, alice.subject, TEXT), second;

	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_OK);
	second = agree(b, alice.subject, TEXT);
	assert_int_not_equal(first, second);
	assert_int_equal(store_consent_standing(b->s, alice.subject, NULL, &one), KM_OK);
	assert_int_equal(one.id, second);
}

/* From before consents were asked for: there is none, and what it was for goes all the same. */
static void test_fingers_without_a_consent_go_by_a_withdrawal_too(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_epoch epoch;
	unsigned fingers = 0;

	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_ENOTFOUND);
	enrol_finger(b, &alice, "right-index", "a finger");
	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_OK);
	assert_int_equal(fingers, 1);
	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_ENOTFOUND);
	assert_int_equal(store_epoch(b->s, &epoch), KM_OK);
	assert_int_not_equal(epoch.owed, 0);
}

static void test_without_a_finger_no_key_epoch_is_owed(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_epoch epoch;
	unsigned fingers;

	agree(b, alice.subject, TEXT);
	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_OK);
	assert_int_equal(fingers, 0);
	assert_int_equal(store_epoch(b->s, &epoch), KM_OK);
	assert_int_equal(epoch.owed, 0);
}

static void test_damage_among_consents_withdraws_and_destroys_nothing(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	unsigned fingers = 99;

	enrol_finger(b, &alice, "right-index", "a finger");
	agree(b, alice.subject, TEXT);
	agree(b, alice.subject, "a later text");
	sql(b, DB_VAULT, "UPDATE consent SET given = 1 WHERE id = 2");
	assert_int_equal(withdraw(b, alice.subject, &fingers), KM_ECORRUPT);
	assert_int_equal(fingers, 99);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM template"), 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT sum(withdrawn) FROM consent"), 0);
}

static void test_no_event_no_change(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_secret code = { .len = KM_RECOVERY_LENGTH };
	uint8_t digest[KM_DIGEST_BYTES];
	struct km_consent c = { 0 };
	unsigned fingers;
	uint64_t id;
	bool kept;

	assert_int_not_equal(store_purpose_keep(b->s, 0, "x", 1, NULL, digest, &kept), KM_OK);
	agree(b, alice.subject, TEXT);
	keep_text(b, "another", c.purpose);
	memcpy(c.subject, alice.subject, sizeof(c.subject));
	assert_int_not_equal(store_consent_add(b->s, &c, NULL, &id), KM_OK);
	assert_int_not_equal(store_consent_withdraw(b->s, alice.subject, NULL, &fingers), KM_OK);
	assert_int_not_equal(store_invite(b->s, &alice, &code, 600, 0, NULL), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM purpose"), 2);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM consent"), 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT sum(withdrawn) FROM consent"), 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM invitation"), 0);
}

static void test_an_erasure_takes_consents_and_invitation_and_leaves_the_text(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_ERASED, alice.subject);
	struct km_secret code = { .len = KM_RECOVERY_LENGTH };

	agree(b, alice.subject, TEXT);
	assert_int_equal(store_invite(b->s, &alice, &code, 600, 0, &e), KM_OK);
	assert_int_equal(store_erase_begin(b->s, alice.subject, &by_hand, &e), KM_OK);
	assert_int_equal(store_erase_rows(b->s, alice.subject), KM_OK);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM consent"), 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM invitation"), 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM purpose"), 1);
}

#define CONSENT_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONSENT_TEST(test_a_text_is_kept_once_and_named_by_its_digest),
		CONSENT_TEST(test_a_text_without_or_with_too_many_bytes_is_not_kept),
		CONSENT_TEST(test_another_text_under_a_name_is_damage),
		CONSENT_TEST(test_a_consent_says_who_agreed_to_what_when_where_and_before_whom),
		CONSENT_TEST(test_a_consent_to_the_same_text_is_not_kept_twice),
		CONSENT_TEST(test_nobody_agrees_to_a_text_that_is_not_kept),
		CONSENT_TEST(test_nobody_who_is_being_erased_agrees_or_is_invited),
		CONSENT_TEST(test_there_is_an_end_to_consents),
		CONSENT_TEST(test_withdrawing_ends_all_consents_and_destroys_all_fingers),
		CONSENT_TEST(test_a_withdrawn_consent_can_be_given_again),
		CONSENT_TEST(test_fingers_without_a_consent_go_by_a_withdrawal_too),
		CONSENT_TEST(test_without_a_finger_no_key_epoch_is_owed),
		CONSENT_TEST(test_damage_among_consents_withdraws_and_destroys_nothing),
		CONSENT_TEST(test_no_event_no_change),
		CONSENT_TEST(test_an_erasure_takes_consents_and_invitation_and_leaves_the_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
