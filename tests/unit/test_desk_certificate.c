/*
 * The file of a certificate and what the desk makes of one: a byte that was changed anywhere is
 * refused, and so is whatever the signers did not sign.
 */
#include "certificate_scene.h"

static char *written(const struct certificate *c, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	assert_non_null(f);
	certificate_write(c, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static enum certificate_fault fault_of(const struct certificate *c, const uint8_t *key)
{
	return certificate_verify(c, key).fault;
}

/* --- the file ---------------------------------------------------------------------------- */

static void test_what_was_written_is_read_and_holds(void **state)
{
	struct certificate c CERTIFICATE, again CERTIFICATE = { .row.epoch = 0 };
	size_t len;
	char *text;

	(void)state;
	fill(&c);
	text = written(&c, &len);
	assert_int_equal(certificate_read(text, len, &again), KM_OK);
	assert_memory_equal(&again.row, &c.row, sizeof(c.row));
	assert_int_equal(again.signers, SIGNERS);
	assert_int_equal(fault_of(&again, c.signer[0].public), CERTIFICATE_HOLDS);
	assert_int_equal(fault_of(&again, NULL), CERTIFICATE_HOLDS);
	free(text);
}

/* No number stands in it: it went with everything else. */
static void test_telephones_that_were_destroyed_are_named_by_their_kind(void **state)
{
	struct certificate c CERTIFICATE, again CERTIFICATE = { .row.epoch = 0 };
	size_t len;
	char *text;

	(void)state;
	fill(&c);
	c.item[1].kind = KM_FACTOR_SMS;
	c.item[2].kind = KM_FACTOR_VOICE;
	sign_certificate(&c, SIGNERS - 1);
	text = written(&c, &len);
	assert_says(text, "\"kind\":\"sms\",\"id\":7");
	assert_says(text, "\"kind\":\"voice\",\"id\":8");
	assert_int_equal(certificate_read(text, len, &again), KM_OK);
	assert_int_equal(again.item[1].kind, KM_FACTOR_SMS);
	assert_int_equal(fault_of(&again, NULL), CERTIFICATE_HOLDS);
	free(text);
}

/* What no certificate covers stands in each, in the same words. */
static void test_the_file_says_what_it_does_not_cover(void **state)
{
	struct certificate c CERTIFICATE;
	size_t len;
	char *text;

	(void)state;
	fill(&c);
	text = written(&c, &len);
	assert_says(text,
		    "\"not-covered\":[\n\"what was printed: lists, recovery codes on paper\"");
	assert_says(text,
		    "\n\"what another system wrote down by itself, such as a gateway's logs\"");
	assert_says(text, "\n\"what was destroyed before, by a withdrawal of consent");
	assert_says(text, "\n\"key bundles held elsewhere\"");
	assert_says(text,
		    "\n\"copies of the databases from before, until the key epoch is closed\"]");
	free(text);
}

/* A paper file holds certificates for longer than one version of this program is in use. */
static void test_one_from_before_it_said_so_still_holds(void **state)
{
	struct certificate c CERTIFICATE, again CERTIFICATE = { .row.epoch = 0 };
	struct scene s;
	size_t len;
	char *text;

	(void)state;
	fill(&c);
	c.older = true;
	text = written(&c, &len);
	assert_null(strstr(text, "not-covered"));
	assert_int_equal(certificate_read(text, len, &again), KM_OK);
	assert_true(again.older);
	assert_int_equal(fault_of(&again, c.signer[0].public), CERTIFICATE_HOLDS);
	free(text);
	/* What it leaves out is said by who verifies it. */
	assert_int_equal(verify(&s, &c, NULL), 0);
	assert_says(s.out, "what was printed");
	end(&s);
}

/* It is refused as a file, or the signatures do not hold. */
static bool is_refused(const char *text, size_t len)
{
	struct certificate c CERTIFICATE = { .row.epoch = 0 };

	return certificate_read(text, len, &c) != KM_OK || fault_of(&c, NULL) != CERTIFICATE_HOLDS;
}

static void test_a_byte_that_was_changed_anywhere_is_refused(void **state)
{
	static const char others[] = { '0', '1', 'a', '"', ' ', '\n', '}', 'Z', '\0' };
	struct certificate c CERTIFICATE;
	unsigned tried = 0;
	size_t len;
	char *text;

	(void)state;
	fill(&c);
	text = written(&c, &len);
	for (size_t at = 0; at < len; at++) {
		char old = text[at];

		for (size_t i = 0; i < sizeof(others); i++) {
			if (others[i] == old)
				continue;
			text[at] = others[i];
			tried++;
			if (!is_refused(text, len))
				fail_msg("byte %zu as %02x is taken", at, others[i]);
		}
		text[at] = old;
	}
	assert_true(tried > 8 * 1500);
	assert_false(is_refused(text, len));
	free(text);
}

static void test_a_byte_that_is_missing_or_too_much_is_refused(void **state)
{
	struct certificate c CERTIFICATE;
	size_t len;
	char *text, *other;

	(void)state;
	fill(&c);
	text = written(&c, &len);
	other = calloc(1, len + 2);
	assert_non_null(other);
	for (size_t at = 0; at < len; at++) {
		if (!is_refused(text, at))
			fail_msg("%zu bytes of it are taken", at);
		memcpy(other, text, at);
		memcpy(other + at, text + at + 1, len - at - 1);
		if (!is_refused(other, len - 1))
			fail_msg("without byte %zu it is taken", at);
		memcpy(other + at + 1, text + at, len - at);
		other[at] = ' ';
		if (!is_refused(other, len + 1))
			fail_msg("with a blank before byte %zu it is taken", at);
	}
	free(other);
	free(text);
}

static void test_numbers_that_do_not_fit_are_refused(void **state)
{
	struct certificate c CERTIFICATE, again CERTIFICATE = { .row.epoch = 0 };
	char *text, *at, *other;
	size_t len;

	(void)state;
	fill(&c);
	text = written(&c, &len);
	other = calloc(1, len + 32);
	assert_non_null(other);
	at = strstr(text, "\"key-epoch\":2");
	assert_non_null(at);
	/* 2^32 + 2 is 2 in four bytes. */
	(void)snprintf(other, len + 32, "%.*s\"key-epoch\":4294967298%s", (int)(at - text), text,
		       at + strlen("\"key-epoch\":2"));
	assert_int_equal(certificate_read(other, strlen(other), &again), KM_EINVAL);
	free(other);
	free(text);
}

/* --- what was signed ------------------------------------------------------------------------ */

static void test_every_field_and_every_item_is_signed(void **state)
{
	struct certificate c CERTIFICATE;

	(void)state;
	fill(&c);
#define CHANGED(field)                                                                             \
	do {                                                                                       \
		*(uint8_t *)&(field) ^= 1;                                                         \
		assert_int_not_equal(fault_of(&c, NULL), CERTIFICATE_HOLDS);                       \
		*(uint8_t *)&(field) ^= 1;                                                         \
	} while (0)
	CHANGED(c.row.subject);
	CHANGED(c.row.cause);
	CHANGED(c.row.decided);
	CHANGED(c.row.approved);
	CHANGED(c.row.unusable);
	CHANGED(c.row.finished);
	CHANGED(c.row.epoch);
	CHANGED(c.row.closed);
	CHANGED(c.row.bundles);
	CHANGED(c.row.seq);
	CHANGED(c.row.hash);
	CHANGED(c.row.chain);
	CHANGED(c.row.items);
	CHANGED(c.row.signed_at);
	CHANGED(c.row.generation);
	CHANGED(c.row.signature);
	CHANGED(c.item[2].kind);
	CHANGED(c.item[2].id);
	CHANGED(c.item[2].created);
	CHANGED(c.signer[1].generation);
	CHANGED(c.signer[1].public);
	CHANGED(c.signer[1].since_seq);
	CHANGED(c.signer[1].since_hash);
	CHANGED(c.signer[1].signature);
#undef CHANGED
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_HOLDS);
}

static void test_why_one_does_not_hold_is_told_apart(void **state)
{
	struct certificate c CERTIFICATE, none CERTIFICATE = { .row.generation = 1 };
	struct certificate_finding found;
	uint8_t key[32];

	(void)state;
	fill(&c);
	memcpy(key, c.signer[0].public, sizeof(key));
	key[31] ^= 1;
	assert_int_equal(fault_of(&c, key), CERTIFICATE_KEY);
	assert_int_equal(fault_of(&none, NULL), CERTIFICATE_NO_FIRST);
	c.row.generation = 0;
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_UNSIGNED);
	c.row.generation = SIGNERS - 1;
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_OTHER);
	c.row.generation = SIGNERS;
	/* Signed by an earlier signer, whose private part is gone by rule. */
	sign_certificate(&c, 0);
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_OTHER);
	sign_certificate(&c, SIGNERS - 1);
	/* A signer that another one signed than the one before it. */
	sign_signer(&c, &c.signer[1], 2);
	found = certificate_verify(&c, NULL);
	assert_int_equal(found.fault, CERTIFICATE_CHAIN);
	assert_int_equal(found.generation, 2);
	/* A first one that claims to have taken over. */
	c.signer[0].since_seq = 1;
	sign_signer(&c, &c.signer[0], 0);
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_NO_FIRST);
}

/* Who wrote down the first key of before is told so; the key to compare is the new one. */
static void test_after_a_restore_the_chain_begins_at_who_signed_itself(void **state)
{
	struct certificate c CERTIFICATE;
	struct certificate_finding found;
	uint8_t before[32], after[32];

	(void)state;
	fill(&c);
	memcpy(before, c.signer[0].public, sizeof(before));
	memcpy(after, c.signer[1].public, sizeof(after));
	assert_int_equal(fault_of(&c, before), CERTIFICATE_HOLDS);
	assert_int_equal(fault_of(&c, after), CERTIFICATE_KEY);
	sign_signer(&c, &c.signer[1], 1);
	found = certificate_verify(&c, after);
	assert_int_equal(found.fault, CERTIFICATE_HOLDS);
	assert_int_equal(found.first, 1);
	assert_int_equal(fault_of(&c, before), CERTIFICATE_KEY);
}

static void test_signers_out_of_order_are_no_chain(void **state)
{
	struct certificate c CERTIFICATE;

	(void)state;
	fill(&c);
	c.signer[2].generation = 2;
	sign_signer(&c, &c.signer[2], 1);
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_CHAIN);
	c.signer[2].generation = 3;
	c.signer[2].since_seq = 1;
	sign_signer(&c, &c.signer[2], 1);
	assert_int_equal(fault_of(&c, NULL), CERTIFICATE_CHAIN);
}

/* --- the command ---------------------------------------------------------------------------- */

static void test_what_was_proved_and_what_was_not_is_said(void **state)
{
	struct certificate c CERTIFICATE;
	char key[65] = "";
	struct scene s;

	(void)state;
	fill(&c);
	for (size_t i = 0; i < 32; i++)
		snprintf(key + 2 * i, 3, "%02X", c.signer[0].public[i]);
	assert_int_equal(verify(&s, &c, key), 0);
	assert_says(s.out, "The first key is the one you gave");
	assert_says(s.out, "all of it was gone with record 4711");
	assert_says(s.out, "Not proved here");
	assert_says(s.out, "what was printed: lists");
	assert_says(s.out, "such as the logs of a gateway");
	assert_says(s.out, "key bundles held elsewhere; the site has confirmed");
	assert_null(strstr(s.out, "The key epoch is not closed yet"));
	end(&s);
	assert_int_equal(verify(&s, &c, NULL), 0);
	assert_says(s.out, "The first key was compared with nothing");
	end(&s);
	c.row.finished = 0;
	c.row.closed = 0;
	sign_certificate(&c, SIGNERS - 1);
	assert_int_equal(verify(&s, &c, NULL), 0);
	assert_says(s.out, "It was not finished when this was signed.");
	assert_says(s.out, "The key epoch is not closed yet");
	end(&s);
}

static void test_one_that_does_not_hold_is_refused_with_its_reason(void **state)
{
	struct certificate c CERTIFICATE;
	char key[] = "00000000000000000000000000000000000000000000000000000000000000ff";
	struct scene s;

	(void)state;
	fill(&c);
	assert_int_equal(verify(&s, &c, key), 1);
	assert_says(s.err, "is not the one given");
	end(&s);
	assert_int_equal(verify(&s, &c, key + 1), 2);
	assert_says(s.err, "--key takes 64 hexadecimal digits");
	end(&s);
	key[0] = 'g';
	assert_int_equal(verify(&s, &c, key), 2);
	end(&s);
	c.row.generation = 0;
	assert_int_equal(verify(&s, &c, NULL), 1);
	assert_says(s.err, "is not signed");
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written_is_read_and_holds),
		cmocka_unit_test(test_the_file_says_what_it_does_not_cover),
		cmocka_unit_test(test_one_from_before_it_said_so_still_holds),
		cmocka_unit_test(test_telephones_that_were_destroyed_are_named_by_their_kind),
		cmocka_unit_test(test_a_byte_that_was_changed_anywhere_is_refused),
		cmocka_unit_test(test_a_byte_that_is_missing_or_too_much_is_refused),
		cmocka_unit_test(test_numbers_that_do_not_fit_are_refused),
		cmocka_unit_test(test_every_field_and_every_item_is_signed),
		cmocka_unit_test(test_why_one_does_not_hold_is_told_apart),
		cmocka_unit_test(test_after_a_restore_the_chain_begins_at_who_signed_itself),
		cmocka_unit_test(test_signers_out_of_order_are_no_chain),
		cmocka_unit_test(test_what_was_proved_and_what_was_not_is_said),
		cmocka_unit_test(test_one_that_does_not_hold_is_refused_with_its_reason),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
