/* Numbers to which codes are sent: sealed, one of each kind, told when another takes its place. */
#include "store_box.h"

#include <kenmon/erased.h>
#include <kenmon/people.h>
#include <kenmon/store_request.h>

#include "../../authd/vault/store_number.h"

#define MOBILE   "+819012345678"
#define LANDLINE "+81312345678"
#define OTHER    "+818087654321"

static km_rc try_phone(struct box *b, const struct km_operator *op, unsigned factor,
		       const char *number, bool waiting, uint64_t *id)
{
	struct km_credential in = { .factor = (uint8_t)factor, .waiting = waiting };
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op->subject);

	memcpy(in.subject, op->subject, sizeof(in.subject));
	set_text(in.label, sizeof(in.label), "desk");
	return store_enrol_phone(b->s, op, &in, number, &e, id);
}

static uint64_t phone(struct box *b, const struct km_operator *op, unsigned factor,
		      const char *number, bool waiting)
{
	uint64_t id = 0;

	assert_int_equal(try_phone(b, op, factor, number, waiting, &id), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	return id;
}

static void approve(struct box *b, const struct km_operator *op, uint64_t id)
{
	struct km_event_record e = event_of(KM_EVENT_CREDENTIAL_APPROVED, op->subject);

	assert_int_equal(store_credential_activate(b->s, op->subject, id, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
}

static void has_number(struct box *b, const struct km_operator *op, uint64_t id, const char *wanted)
{
	struct km_credential c = credential_of(b, op, id);
	char number[KM_NUMBER_MAX + 1] = "";

	assert_int_equal(store_phone_number(b->s, op, &c, number), KM_OK);
	assert_string_equal(number, wanted);
}

static size_t count_of(struct box *b, const struct km_operator *op)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	size_t count = 0;

	assert_int_equal(store_credentials(b->s, op->subject, all, &count), KM_OK);
	return count;
}

static void test_a_number_is_read_back_and_lies_nowhere_in_the_clear(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1");
	uint64_t sms = phone(b, &op, KM_FACTOR_SMS, MOBILE, false);
	uint64_t voice = phone(b, &op, KM_FACTOR_VOICE, LANDLINE, false);

	has_number(b, &op, sms, MOBILE);
	has_number(b, &op, voice, LANDLINE);
	box_again(b);
	has_number(b, &op, sms, MOBILE);
	has_number(b, &op, voice, LANDLINE);
	box_shut(b);
	assert_false(in_any_file(b, MOBILE, strlen(MOBILE)));
	assert_false(in_any_file(b, LANDLINE, strlen(LANDLINE)));
	assert_int_equal(box_try(b), KM_OK);
}

static void test_the_same_number_of_two_people_gives_unrelated_bytes(void **state)
{
	struct box *b = *state;
	struct km_operator sato = add(b, "sato", "1"), kato = add(b, "kato", "2");
	struct km_credential one =
	    credential_of(b, &sato, phone(b, &sato, KM_FACTOR_SMS, MOBILE, false));
	struct km_credential two =
	    credential_of(b, &kato, phone(b, &kato, KM_FACTOR_SMS, MOBILE, false));
	char number[KM_NUMBER_MAX + 1] = "untouched";

	assert_int_equal(one.sealed_len, two.sealed_len);
	assert_memory_not_equal(one.sealed, two.sealed, one.sealed_len);
	/* Put into each other's row it does not open. */
	memcpy(one.sealed, two.sealed, two.sealed_len);
	assert_int_equal(store_phone_number(b->s, &sato, &one, number), KM_ECORRUPT);
	assert_string_equal(number, "untouched");
}

static void test_only_a_number_in_its_one_form_is_stored(void **state)
{
	static const char *const bad[] = { "",
					   "+",
					   "09012345678",
					   "+81-9012345678",
					   "+0123456789",
					   "+819012345678;",
					   "+123456",
					   "+8190123456789012" };
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1"), other = add(b, "kato", "2");
	struct km_credential in = { .factor = KM_FACTOR_SMS };
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op.subject);
	uint64_t id = 77;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(try_phone(b, &op, KM_FACTOR_SMS, bad[i], false, &id), KM_EINVAL);
	assert_int_equal(try_phone(b, &op, KM_FACTOR_TOTP, MOBILE, false, &id), KM_EINVAL);
	assert_int_equal(try_phone(b, &op, KM_FACTOR_FINGERPRINT, MOBILE, false, &id), KM_EINVAL);
	memcpy(in.subject, other.subject, sizeof(in.subject)); /* somebody else's */
	assert_int_equal(store_enrol_phone(b->s, &op, &in, MOBILE, &e, &id), KM_EINVAL);
	memcpy(in.subject, op.subject, sizeof(in.subject));
	in.until = BOX_WALL + 60;
	assert_int_equal(store_enrol_phone(b->s, &op, &in, MOBILE, &e, &id), KM_EINVAL);
	in.until = 0;
	memset(in.label, 'a', sizeof(in.label));
	assert_int_equal(store_enrol_phone(b->s, &op, &in, MOBILE, &e, &id), KM_EINVAL);
	assert_int_equal(id, 77);
	assert_int_equal(count_of(b, &op), 0);
}

static void test_a_seed_is_no_number_and_a_number_that_is_none_is_damage(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1");
	struct km_credential totp = credential_of(b, &op, enrol(b, &op, "12345678901234567890"));
	struct km_secret junk = { 0 };
	struct store_op step = { 0 };
	char number[KM_NUMBER_MAX + 1] = "untouched";
	struct km_credential sms;
	uint64_t id;

	assert_int_equal(store_phone_number(b->s, &op, &totp, number), KM_ECORRUPT);
	id = phone(b, &op, KM_FACTOR_SMS, MOBILE, false);
	for (unsigned i = 0; i < 3; i++) {
		static const char texts[3][20] = { "+81 9012345678", "+8190\00012345678",
						   "12345678901234567" };
		static const size_t lens[3] = { 14, 14, 17 };

		sms = credential_of(b, &op, id);
		assert_int_equal(km_secret_set(&junk, texts[i], lens[i]), KM_OK);
		assert_int_equal(store_op_begin(&step, b->s, false), KM_OK);
		assert_int_equal(credential_seal(b->s, &op, &sms, &junk, id), KM_OK);
		assert_int_equal(store_op_done(&step), KM_OK);
		store_op_end(&step);
		assert_int_equal(store_flush(b->s), KM_OK);
		rows_forget(b->s);
		sms = credential_of(b, &op, id);
		assert_int_equal(store_phone_number(b->s, &op, &sms, number), KM_ECORRUPT);
		assert_string_equal(number, "untouched");
	}
}

static void test_of_each_kind_there_is_one(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1");
	uint64_t first = phone(b, &op, KM_FACTOR_SMS, MOBILE, false);
	uint64_t voice = phone(b, &op, KM_FACTOR_VOICE, LANDLINE, false);
	uint64_t second = phone(b, &op, KM_FACTOR_SMS, OTHER, false);
	struct km_credential found;

	assert_int_equal(count_of(b, &op), 2);
	assert_true(second != first);
	has_number(b, &op, second, OTHER);
	has_number(b, &op, voice, LANDLINE);
	assert_int_equal(store_phone_of(b->s, op.subject, KM_FACTOR_SMS, &found), KM_OK);
	assert_int_equal(found.id, second);
	assert_int_equal(store_phone_of(b->s, op.subject, KM_FACTOR_VOICE, &found), KM_OK);
	assert_int_equal(found.id, voice);
}

static void test_one_that_waits_leaves_the_good_one_until_it_is_approved(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1");
	uint64_t good = phone(b, &op, KM_FACTOR_SMS, MOBILE, false);
	uint64_t waits = phone(b, &op, KM_FACTOR_SMS, LANDLINE, true);
	uint64_t later = phone(b, &op, KM_FACTOR_SMS, OTHER, true);
	struct km_event_record e = event_of(KM_EVENT_CREDENTIAL_APPROVED, op.subject);
	struct km_credential found;

	assert_int_equal(count_of(b, &op),
			 2); /* the second that waits took the first one's place */
	assert_int_equal(store_phone_of(b->s, op.subject, KM_FACTOR_SMS, &found), KM_OK);
	assert_int_equal(found.id, good);
	assert_int_equal(store_credential_activate(b->s, op.subject, waits, &e), KM_ENOTFOUND);
	approve(b, &op, later);
	assert_int_equal(count_of(b, &op), 1);
	has_number(b, &op, later, OTHER);
	assert_int_equal(store_phone_of(b->s, op.subject, KM_FACTOR_VOICE, &found), KM_ENOTFOUND);
}

static void test_a_changed_number_is_told_once_and_a_first_one_is_not(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1"), other = add(b, "kato", "2");
	uint64_t first = phone(b, &op, KM_FACTOR_SMS, MOBILE, false), changed, waits;
	struct km_credential c = credential_of(b, &op, first);

	assert_false(store_phone_untold(&c));
	assert_int_equal(store_phone_told(b->s, op.subject, first), KM_ENOTFOUND);
	changed = phone(b, &op, KM_FACTOR_SMS, OTHER, false);
	c = credential_of(b, &op, changed);
	assert_true(store_phone_untold(&c));
	assert_int_equal(store_phone_told(b->s, other.subject, changed), KM_ENOTFOUND);
	assert_int_equal(store_phone_told(b->s, op.subject, changed), KM_OK);
	assert_int_equal(store_phone_told(b->s, op.subject, changed), KM_ENOTFOUND);
	assert_int_equal(store_flush(b->s), KM_OK);
	box_again(b);
	c = credential_of(b, &op, changed);
	assert_false(store_phone_untold(&c));
	/* Of one that waits there is nothing to tell yet; once it is good, there is. */
	waits = phone(b, &op, KM_FACTOR_SMS, MOBILE, true);
	c = credential_of(b, &op, waits);
	assert_false(store_phone_untold(&c));
	approve(b, &op, waits);
	c = credential_of(b, &op, waits);
	assert_true(store_phone_untold(&c));
	/* A first one that waited is no change. */
	waits = phone(b, &other, KM_FACTOR_VOICE, LANDLINE, true);
	approve(b, &other, waits);
	c = credential_of(b, &other, waits);
	assert_false(store_phone_untold(&c));
	/* A seed has no such thing. */
	c = credential_of(b, &op, enrol(b, &op, "12345678901234567890"));
	assert_false(store_phone_untold(&c));
}

static void test_a_number_opens_no_more_when_its_person_is_erased(void **state)
{
	struct box *b = *state;
	struct km_operator op = add(b, "sato", "1");
	struct km_credential sms =
	    credential_of(b, &op, phone(b, &op, KM_FACTOR_SMS, MOBILE, false));
	struct km_event_record e = event_of(KM_EVENT_ERASE_BEGUN, op.subject);
	struct km_erase_order order = { .cause = KM_CAUSE_RETIRED };
	char number[KM_NUMBER_MAX + 1] = "untouched";
	struct km_certificate certificate;
	struct km_operator gone;
	uint64_t id = 0;

	assert_int_equal(store_erase_begin(b->s, op.subject, &order, &e), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(store_operator_by_subject(b->s, op.subject, &gone), KM_OK);
	assert_int_equal(store_phone_number(b->s, &gone, &sms, number), KM_ECORRUPT);
	assert_string_equal(number, "untouched");
	assert_int_not_equal(try_phone(b, &gone, KM_FACTOR_SMS, OTHER, false, &id), KM_OK);
	assert_int_equal(store_certificate(b->s, op.subject, &certificate), KM_OK);
	assert_int_equal(certificate.items, 2);
	assert_int_equal(certificate.item[1].kind, KM_FACTOR_SMS);
	assert_int_equal(certificate.item[1].id, sms.id);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOX(test_a_number_is_read_back_and_lies_nowhere_in_the_clear),
		IN_BOX(test_the_same_number_of_two_people_gives_unrelated_bytes),
		IN_BOX(test_only_a_number_in_its_one_form_is_stored),
		IN_BOX(test_a_seed_is_no_number_and_a_number_that_is_none_is_damage),
		IN_BOX(test_of_each_kind_there_is_one),
		IN_BOX(test_one_that_waits_leaves_the_good_one_until_it_is_approved),
		IN_BOX(test_a_changed_number_is_told_once_and_a_first_one_is_not),
		IN_BOX(test_a_number_opens_no_more_when_its_person_is_erased),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
