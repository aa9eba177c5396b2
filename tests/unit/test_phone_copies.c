/* Numbers in copies and through key epochs: there for the living, gone with the erased, never in
 * the clear. */
#include "restore_scene.h"

#include "../../authd/vault/store_number.h"

#define MOBILE "+819012345678"
#define OTHER  "+818087654321"

static uint64_t has_phone(const char *login, unsigned factor, const char *number, bool waiting)
{
	struct km_operator op = operator_now(room.v->store, login);
	struct km_credential in = { .factor = (uint8_t)factor, .waiting = waiting };
	struct km_event_record r;
	uint64_t id = 0;

	memcpy(in.subject, op.subject, sizeof(in.subject));
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_phone(room.v->store, &op, &in, number, &r, &id), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return id;
}

/* "" where there is none that is good. */
static const char *number_in(struct km_store *s, const char *login, unsigned factor)
{
	static char number[KM_NUMBER_MAX + 1];
	struct km_operator op = operator_now(s, login);
	struct km_credential c;

	number[0] = '\0';
	if (store_phone_of(s, op.subject, factor, &c) == KM_OK)
		assert_int_equal(store_phone_number(s, &op, &c, number), KM_OK);
	return number;
}

static bool in_file(const char *path, const char *what)
{
	static uint8_t bytes[4 << 20];
	FILE *f = fopen(path, "re");
	size_t len;

	assert_non_null(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	assert_true(len > 0 && len < sizeof(bytes));
	fclose(f);
	return memmem(bytes, len, what, strlen(what)) != NULL;
}

static void test_a_number_comes_back_from_a_copy_in_which_it_cannot_be_read(void **state)
{
	(void)state;
	furnish();
	has_phone("alice", KM_FACTOR_SMS, MOBILE, false);
	has_phone("alice", KM_FACTOR_VOICE, OTHER, false);
	come_back();
	assert_string_equal(number_in(new.s, "alice", KM_FACTOR_SMS), MOBILE);
	assert_string_equal(number_in(new.s, "alice", KM_FACTOR_VOICE), OTHER);
	assert_string_equal(number_in(new.s, "bob", KM_FACTOR_SMS), "");
	assert_false(in_file(at.copy, MOBILE));
	assert_false(in_file(at.copy, &MOBILE[1]));
	assert_false(in_file(at.bundle, &MOBILE[1]));
	close_restored();
}

static void test_a_number_that_waited_is_not_there_after_a_restore(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count;

	(void)state;
	furnish();
	has_phone("alice", KM_FACTOR_SMS, MOBILE, false);
	has_phone("alice", KM_FACTOR_SMS, OTHER, true);
	has_phone("bob", KM_FACTOR_SMS, OTHER, true);
	come_back();
	assert_string_equal(number_in(new.s, "alice", KM_FACTOR_SMS), MOBILE);
	count = factors_of("bob", list);
	for (size_t i = 0; i < count; i++)
		assert_int_not_equal(list[i].factor, KM_FACTOR_SMS);
	close_restored();
}

static void
test_a_number_outlives_key_epochs_and_an_older_copy_opens_with_a_newer_bundle(void **state)
{
	(void)state;
	furnish();
	has_phone("alice", KM_FACTOR_SMS, MOBILE, false);
	take(KM_MSG_BACKUP, at.copy);
	close_epoch();
	assert_string_equal(number_in(room.v->store, "alice", KM_FACTOR_SMS), MOBILE);
	close_epoch();
	assert_string_equal(number_in(room.v->store, "alice", KM_FACTOR_SMS), MOBILE);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	assert_string_equal(number_in(new.s, "alice", KM_FACTOR_SMS), MOBILE);
	close_restored();
}

static void test_the_number_of_the_erased_does_not_come_back(void **state)
{
	struct km_credential list[KM_MAX_CREDENTIALS], c;
	struct km_certificate certificate;
	struct km_operator bob;
	char number[KM_NUMBER_MAX + 1] = "";
	size_t count, phones = 0;

	(void)state;
	furnish();
	has_phone("bob", KM_FACTOR_SMS, MOBILE, false);
	bob = operator_now(room.v->store, "bob");
	take(KM_MSG_BACKUP, at.copy);
	erase("bob");
	assert_int_equal(store_certificate(room.v->store, bob.subject, &certificate), KM_OK);
	for (size_t i = 0; i < certificate.items; i++)
		phones += certificate.item[i].kind == KM_FACTOR_SMS;
	assert_int_equal(phones, 1);
	take(KM_MSG_BUNDLE, at.bundle);
	assert_int_equal(restore_now(), 0);
	open_restored();
	/* Its rows are in the copy, and nothing opens them. */
	assert_int_equal(store_operator_by_subject(new.s, bob.subject, &bob), KM_OK);
	assert_int_equal(bob.state, KM_ERASING);
	assert_int_equal(store_credentials(new.s, bob.subject, list, &count), KM_OK);
	for (size_t i = 0; i < count; i++) {
		if (km_factor_class(list[i].factor) != KM_CLASS_PHONE)
			continue;
		c = list[i];
		assert_int_not_equal(store_phone_number(new.s, &bob, &c, number), KM_OK);
	}
	assert_string_equal(number, "");
	close_restored();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RESTORED(test_a_number_comes_back_from_a_copy_in_which_it_cannot_be_read),
		RESTORED(test_a_number_that_waited_is_not_there_after_a_restore),
		RESTORED(
		    test_a_number_outlives_key_epochs_and_an_older_copy_opens_with_a_newer_bundle),
		RESTORED(test_the_number_of_the_erased_does_not_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
