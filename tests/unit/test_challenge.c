/*
 * What a code by telephone is made of, what it is bound to, and the message in which it stands. A
 * whole vault, with the test as its judge, its client and its courier.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* a generator that the test plays */
#include "phone_world.h"

#include <openssl/rand.h>

static char code[KM_ORDER_KEYS + 1];

/* --- its digits ----------------------------------------------------------------------------- */

static void test_digits_are_as_many_as_the_site_wants_and_all_of_them_come(void **state)
{
	unsigned seen[10] = { 0 };
	char digits[KM_ORDER_KEYS + 1];

	(void)state;
	for (unsigned n = 0; n <= KM_ORDER_KEYS; n++) {
		assert_int_equal(challenge_digits(n, digits), KM_OK);
		assert_int_equal(strlen(digits), n);
		assert_int_equal(strspn(digits, "0123456789"), n);
	}
	assert_int_equal(challenge_digits(KM_ORDER_KEYS + 1, digits), KM_ELIMIT);
	/* Of 16,000 each is expected 1,600 times; one that comes 1,200 times is not by chance. */
	for (unsigned n = 0; n < 1000; n++) {
		assert_int_equal(challenge_digits(KM_ORDER_KEYS, digits), KM_OK);
		for (size_t i = 0; i < KM_ORDER_KEYS; i++)
			seen[digits[i] - '0']++;
	}
	for (unsigned d = 0; d < 10; d++)
		assert_in_range(seen[d], 1200, 2000);
}

/* What OpenSSL's generator gives while the test plays it: these, then the first again. */
static struct {
	uint8_t bytes[64];
	size_t count, at;
	unsigned asked;
	bool broken;
} generator;

static int gives(unsigned char *out, int len)
{
	generator.asked++;
	for (int i = 0; i < len; i++)
		out[i] = generator.bytes[generator.at++ % generator.count];
	return generator.broken ? 0 : 1;
}

static int works(void)
{
	return 1;
}

static void openssl_gives(const void *bytes, size_t count)
{
	static const RAND_METHOD played = { .bytes = gives, .pseudorand = gives, .status = works };

	memset(&generator, 0, sizeof generator);
	memcpy(generator.bytes, bytes, count);
	generator.count = count;
	assert_int_equal(RAND_set_rand_method(&played), 1);
}

static int openssl_is_itself(void **state)
{
	assert_int_equal(RAND_set_rand_method(RAND_OpenSSL()), 1);
	return phone_world_down(state);
}

/* From 250 on a byte would favour the digits up to 5. */
static void test_the_digits_are_those_of_openssl_s_generator_and_none_is_favoured(void **state)
{
	static const uint8_t bytes[KM_ORDER_KEYS * 2] = { 255, 254, 253, 252, 251, 250, 249, 10,
							  250, 250, 250, 250, 250, 250, 250, 250,
							  7,   18,  29,  131, 250, 6 };
	char digits[KM_ORDER_KEYS + 1];

	(void)state;
	openssl_gives(bytes, sizeof bytes);
	assert_int_equal(challenge_digits(6, digits), KM_OK);
	assert_string_equal(digits, "907891");
	assert_int_equal(generator.asked, 2);
	generator.broken = true;
	assert_int_equal(challenge_digits(6, digits), KM_EIO);
}

static void test_a_code_that_is_sent_is_what_openssl_s_generator_gave(void **state)
{
	static const uint8_t bytes[] = { 10, 127 }; /* a first 0 is not lost */

	(void)state;
	openssl_gives(bytes, sizeof bytes);
	(void)sends(KM_ORDER_MESSAGE, code);
	assert_string_equal(code, "070707");
	assert_true(generator.asked > 0);
}

/* --- what it is bound to -------------------------------------------------------------------- */

struct kept {
	uint8_t bytes[KM_TAG_BYTES];
};

static struct kept kept_of(const char *login, uint8_t session, const char *terminal,
			   const char *digits)
{
	const struct km_operator op = operator_of(login);
	const uint8_t tag[KM_TAG_OF_SESSION] = { session };
	struct kept k = { { 0 } };

	assert_int_equal(store_challenge_code(pw.w->v->store, &op, tag, terminal, digits,
					      strlen(digits), k.bytes),
			 KM_OK);
	return k;
}

static void are_equal(struct kept a, struct kept b)
{
	assert_memory_equal(a.bytes, b.bytes, sizeof a.bytes);
}

static void differ(struct kept a, struct kept b)
{
	assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
}

/* So one that knows what is stored of one person cannot try out codes with another's key. */
static void test_what_is_kept_of_a_code_is_under_its_operator_s_own_key(void **state)
{
	const struct kept alice_s = kept_of("alice", 1, "tty1", "123456");

	(void)state;
	world_add_as(pw.w, "bob", WORLD_UID, false, false);
	are_equal(alice_s, kept_of("alice", 1, "tty1", "123456"));
	differ(alice_s, kept_of("bob", 1, "tty1", "123456"));
	differ(alice_s, kept_of("alice", 2, "tty1", "123456"));
	differ(alice_s, kept_of("alice", 1, "tty2", "123456"));
	differ(alice_s, kept_of("alice", 1, "tty1", "123457"));
	differ(alice_s, kept_of("alice", 1, "tty1", "12345"));
}

/* Texts of the same length, so that it is not by their length that they differ. */
static void other_peer(struct session *s)
{
	s->peer++;
}

static void other_origin(struct session *s)
{
	s->asked.origin++;
}

static void other_service(struct session *s)
{
	snprintf(s->asked.service, sizeof s->asked.service, "rest");
}

static void other_tty(struct session *s)
{
	snprintf(s->asked.tty, sizeof s->asked.tty, "tty 7");
}

static void other_rhost(struct session *s)
{
	snprintf(s->asked.rhost, sizeof s->asked.rhost, "post.example");
}

/* All letters are the same, in the same order. */
static void other_bounds(struct session *s)
{
	snprintf(s->asked.tty, sizeof s->asked.tty, "tty");
	snprintf(s->asked.rhost, sizeof s->asked.rhost, "1 host.example");
}

/* As if the judge moved an open login to another place. */
static void test_a_code_is_refused_where_anything_of_the_place_is_another(void **state)
{
	static void (*const moves[])(struct session *) = { other_peer, other_origin, other_service,
							   other_tty,  other_rhost,  other_bounds };

	(void)state;
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		struct session *s, was;

		(void)asks_in("alice");
		s = session_find(pw.w->v, pw.w->session);
		assert_non_null(s);
		snprintf(s->asked.tty, sizeof s->asked.tty, "tty 1");
		snprintf(s->asked.rhost, sizeof s->asked.rhost, "host.example");
		(void)sends(KM_ORDER_MESSAGE, code);
		was = *s;
		moves[i](s);
		world_check(pw.w, code);
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
		s->peer = was.peer;
		s->asked = was.asked;
		world_check(pw.w, code);
		hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	}
}

/* --- the message in which it stands --------------------------------------------------------- */

/* UTF-16 units, of which one part of a message in UCS-2 takes 70 (GSM 03.40: 140 octets). */
static size_t units_of(const char *utf8)
{
	size_t units = 0;

	for (const char *c = utf8; *c; c++) {
		units += (*c & 0xc0) != 0x80;
		units += (*c & 0xf8) == 0xf0;
	}
	return units;
}

/* Telephones look for such a word, and take the run of digits behind it for the code. */
static void test_a_message_is_one_part_and_telephones_offer_its_code(void **state)
{
	static const char *const words[KM_LANG_COUNT] = {
		[KM_LANG_EN] = "code", [KM_LANG_JA] = "コード"
	};
	static const unsigned lengths[] = { 6, 10 };

	(void)state;
	for (unsigned lang = 0; lang < KM_LANG_COUNT; lang++) {
		for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
			char text[KM_ORDER_TEXT + 1] = "";
			const char *word, *run;
			struct msg_order o;

			pw.w->lang = (enum km_lang)lang;
			pw.w->v->conf.phone.digits = lengths[i];
			(void)asks_in("alice");
			o = sends(KM_ORDER_MESSAGE, code);
			memcpy(text, o.text.bytes, o.text.len);
			assert_int_equal(strlen(code), lengths[i]);
			assert_in_range(units_of(text), 20, 70);
			word = strstr(text, words[lang]);
			run = strstr(text, code);
			assert_non_null(word);
			assert_non_null(run);
			assert_true(word < run);
			/* And it is the only run of digits there is. */
			assert_int_equal(strcspn(run + lengths[i], "0123456789"),
					 strlen(run + lengths[i]));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits_are_as_many_as_the_site_wants_and_all_of_them_come),
		cmocka_unit_test_setup_teardown(
		    test_the_digits_are_those_of_openssl_s_generator_and_none_is_favoured,
		    alice_comes, openssl_is_itself),
		cmocka_unit_test_setup_teardown(
		    test_a_code_that_is_sent_is_what_openssl_s_generator_gave, alice_comes,
		    openssl_is_itself),
		HAVING(test_what_is_kept_of_a_code_is_under_its_operator_s_own_key),
		HAVING(test_a_code_is_refused_where_anything_of_the_place_is_another),
		HAVING(test_a_message_is_one_part_and_telephones_offer_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
