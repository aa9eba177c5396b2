/* What telephones send: each key once, whatever repeats, comes late or comes from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../authd/courier/sip_wire.h"

/* Out of memory of exactly that size, so that a sanitizer sees one byte too many. */
static km_rc read_rtp(const uint8_t *bytes, size_t len, struct voice_rtp *p)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return voice_rtp_read(copy, len, p);
}

/* --- RTP --------------------------------------------------------------------------------- */

static void test_a_header_that_is_written_is_read_again(void **state)
{
	const struct voice_rtp out = {
		.type = 101, .marker = true, .seq = 0xfffe, .time = 0x80000001, .source = 0xdeadbeef
	};
	uint8_t packet[VOICE_RTP_HEADER + 4] = { [VOICE_RTP_HEADER] = 1, 2, 3, 4 };
	struct voice_rtp in;

	(void)state;
	voice_rtp_write(&out, packet);
	assert_int_equal(read_rtp(packet, sizeof(packet), &in), KM_OK);
	assert_int_equal(in.type, 101);
	assert_true(in.marker);
	assert_int_equal(in.seq, 0xfffe);
	assert_int_equal(in.time, 0x80000001);
	assert_int_equal(in.source, 0xdeadbeef);
	assert_int_equal(in.len, 4);
	assert_memory_equal(in.payload, "\1\2\3\4", 4);
}

static void test_sources_extension_and_padding_are_no_payload(void **state)
{
	static const uint8_t packet[] = { 0xb1, 0,    0, 1, 0, 0, 0, 2, 0,   0,   0,   3, 9, 9,
					  9,    9, /* one CSRC */
					  0xbe, 0xde, 0, 1, 7, 7, 7, 7, 'k', 'e', 'y', 0, 0, 3 };
	struct voice_rtp in;

	(void)state;
	assert_int_equal(read_rtp(packet, sizeof(packet), &in), KM_OK);
	assert_int_equal(in.len, 3);
	assert_memory_equal(in.payload, "key", 3);
}

static void test_a_packet_whose_lengths_do_not_fit_is_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "", 0 },
		{ "\x80\0\0\0\0\0\0\0\0\0\0", 11 },
		{ "\x40\0\0\0\0\0\0\0\0\0\0\0", 12 },         /* version 1 */
		{ "\x81\0\0\0\0\0\0\0\0\0\0\0", 12 },         /* a source that is not there */
		{ "\x90\0\0\0\0\0\0\0\0\0\0\0", 12 },         /* no extension */
		{ "\x90\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16 }, /* shorter than it says */
		{ "\xa0\0\0\0\0\0\0\0\0\0\0\0", 12 },         /* padding of what is the header's */
		{ "\xa0\0\0\0\0\0\0\0\0\0\0\0\0", 13 },       /* padding of 0 */
		{ "\xa0\0\0\0\0\0\0\0\0\0\0\0\0\3", 14 },     /* longer than all there is */
	};
	struct voice_rtp in = { .type = 77 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_rtp((const uint8_t *)bad[i].bytes, bad[i].len, &in),
				 KM_EPROTO);
	assert_int_equal(in.type, 77);
}

/* --- keys -------------------------------------------------------------------------------- */

static struct voice_keys keys;
static char pressed[32];

static void begin(void)
{
	memset(&keys, 0, sizeof(keys));
	memset(pressed, 0, sizeof(pressed));
}

static void hear(uint32_t source, uint32_t time, uint8_t event, bool end, uint16_t duration)
{
	const uint8_t payload[4] = { event, (uint8_t)(end ? 0x80 : 0), (uint8_t)(duration >> 8),
				     (uint8_t)duration };
	const struct voice_rtp p = { .source = source, .time = time, .payload = payload, .len = 4 };
	char key = voice_keys_take(&keys, &p);
	size_t len = strlen(pressed);

	if (key && len + 1 < sizeof(pressed))
		pressed[len] = key;
}

static void test_a_key_is_one_however_often_it_is_said(void **state)
{
	(void)state;
	begin();
	for (uint32_t time = 1000; time < 3000; time += 1000) {
		for (uint16_t i = 1; i < 9; i++)
			hear(1, time, 5, false, (uint16_t)(i * 160));
		for (int i = 0; i < 3; i++)
			hear(1, time, 5, true, 1280);
	}
	assert_string_equal(pressed, "55");
}

static void test_a_key_of_which_only_the_end_arrives_is_one(void **state)
{
	(void)state;
	begin();
	hear(1, 1000, 11, true, 800);
	hear(1, 1000, 11, true, 800);
	assert_string_equal(pressed, "#");
}

static void test_every_key_has_its_sign_and_other_events_have_none(void **state)
{
	(void)state;
	begin();
	for (unsigned event = 0; event < 256; event++)
		hear(1, event * 1000, (uint8_t)event, true, 800);
	assert_string_equal(pressed, "0123456789*#");
}

static void test_another_stream_is_not_heard(void **state)
{
	(void)state;
	begin();
	hear(1, 1000, 1, true, 800);
	hear(2, 2000, 9, true, 800);
	hear(1, 3000, 2, true, 800);
	assert_string_equal(pressed, "12");
}

static void test_what_was_said_before_is_not_heard_again(void **state)
{
	(void)state;
	begin();
	hear(1, 1000, 1, true, 800);
	hear(1, 2000, 2, true, 800);
	hear(1, 1000, 1, true, 800);  /* replayed, or late */
	hear(1, 1500, 7, true, 800);  /* never came when it was time */
	hear(1, 2000, 9, true, 800);  /* the same moment, another key */
	hear(1, 2000, 2, false, 160); /* its beginning, after its end */
	assert_string_equal(pressed, "12");
}

static void test_time_that_runs_over_goes_on(void **state)
{
	(void)state;
	begin();
	hear(1, 0xffffff00, 1, true, 800);
	hear(1, 0x00000400, 2, true, 800);
	hear(1, 0xffffff00, 1, true, 800);
	assert_string_equal(pressed, "12");
}

/* RFC 4733, section 2.5.1.3: a key that is held for more than eight seconds. */
static void test_a_key_that_is_held_very_long_is_one(void **state)
{
	(void)state;
	begin();
	hear(1, 1000, 4, false, 0x8000);
	hear(1, 1000, 4, false, 0xffff);
	hear(1, 1000 + 0xffff, 4, false, 0x1000);
	hear(1, 1000 + 0xffff, 4, true, 0x2000);
	hear(1, 1000 + 2 * 0xffff, 4, true, 0x2000); /* another one */
	assert_string_equal(pressed, "44");
}

static void test_an_event_of_another_length_is_none(void **state)
{
	const uint8_t payload[8] = { 5 };
	struct voice_rtp p = { .source = 1, .time = 1, .payload = payload };

	(void)state;
	begin();
	for (p.len = 0; p.len < sizeof(payload); p.len++)
		if (p.len != 4)
			assert_int_equal(voice_keys_take(&keys, &p), 0);
	assert_false(keys.begun);
}

/* --- INFO -------------------------------------------------------------------------------- */

static char info(enum voice_info form, const char *body)
{
	size_t len = strlen(body);
	char *copy = malloc(len ? len : 1), key;

	assert_non_null(copy);
	memcpy(copy, body, len);
	key = voice_info_key(form, copy, len);
	free(copy);
	return key;
}

static void test_info_says_a_key_in_both_forms(void **state)
{
	(void)state;
	assert_int_equal(info(VOICE_INFO_PLAIN, "5"), '5');
	assert_int_equal(info(VOICE_INFO_PLAIN, " #\r\n"), '#');
	assert_int_equal(info(VOICE_INFO_PLAIN, "10"), '*');
	assert_int_equal(info(VOICE_INFO_PLAIN, "11"), '#');
	assert_int_equal(info(VOICE_INFO_RELAY, "Signal=5\r\nDuration=160\r\n"), '5');
	assert_int_equal(info(VOICE_INFO_RELAY, "Duration=160\r\nsignal = *"), '*');
	assert_int_equal(info(VOICE_INFO_RELAY, "Signal= 11\nDuration= 1"), '#');
}

static void test_info_that_is_not_one_key_is_none(void **state)
{
	static const char *const plain[] = { "", "\r\n", "A", "12", "55", "5 5", "Signal=5" };
	static const char *const relay[] = { "",
					     "5",
					     "Signal=",
					     "Signal",
					     "=5",
					     "Signal=A",
					     "Signal=5 5",
					     "Signals=5",
					     "Signal=5\nSignal=6",
					     "Signal=A\nSignal=5",
					     "Duration=5" };
	char longest[300];

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_int_equal(info(VOICE_INFO_PLAIN, plain[i]), 0);
	for (size_t i = 0; i < sizeof(relay) / sizeof(relay[0]); i++)
		assert_int_equal(info(VOICE_INFO_RELAY, relay[i]), 0);
	memset(longest, ' ', sizeof(longest));
	memcpy(longest, "5", 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(info(VOICE_INFO_PLAIN, longest), 0);
}

/* --- SRTP's key ---------------------------------------------------------------------------- */

#define SUITE "1 AES_CM_128_HMAC_SHA1_80 inline:"
#define KEY   "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj" /* of RFC 4568's example */

static void test_a_key_that_is_written_is_read_again(void **state)
{
	struct voice_crypto out = { .tag = 3 }, in;
	char line[VOICE_SRTP_LINE];

	(void)state;
	for (unsigned i = 0; i < VOICE_SRTP_KEY; i++)
		out.key[i] = (uint8_t)(i * 37 + 200);
	voice_crypto_write(&out, line);
	assert_int_equal(voice_crypto_read(line, &in), KM_OK);
	assert_int_equal(in.tag, 3);
	assert_memory_equal(in.key, out.key, sizeof(out.key));
}

static void test_the_standards_example_is_read(void **state)
{
	struct voice_crypto in;

	(void)state;
	assert_int_equal(voice_crypto_read(SUITE KEY, &in), KM_OK);
	assert_memory_equal(in.key, "wDfvg&T+)xG7@fb5jU,RaA}\\|p0%*#", VOICE_SRTP_KEY);
	assert_int_equal(voice_crypto_read(SUITE KEY "|2^20", &in), KM_OK);
	assert_int_equal(voice_crypto_read(SUITE KEY "|1000 ", &in), KM_OK);
}

static void test_what_we_do_not_do_with_srtp_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"1",
		SUITE,
		"x" SUITE KEY,
		" " SUITE KEY,
		"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" KEY,
		"1 AES_CM_128_HMAC_SHA1_32 inline:" KEY,
		"1 AES_CM_128_HMAC_SHA1_80x inline:" KEY,
		"1 AES_CM_128_HMAC_SHA1_80 base64:" KEY,
		SUITE "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSo",
		SUITE "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJS==",
		SUITE "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSo-",
		SUITE KEY "A",
		SUITE KEY "|1:4",
		SUITE KEY "|2^20|1:4",
		SUITE KEY "|",
		SUITE KEY "|1234567890123",
		SUITE KEY ";inline:" KEY,
		SUITE KEY " UNENCRYPTED_SRTP",
		SUITE KEY "|2^20 KDR=1",
	};
	struct voice_crypto in = { .tag = 99 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(voice_crypto_read(bad[i], &in), KM_EPROTO);
	assert_int_equal(in.tag, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_header_that_is_written_is_read_again),
		cmocka_unit_test(test_sources_extension_and_padding_are_no_payload),
		cmocka_unit_test(test_a_packet_whose_lengths_do_not_fit_is_none),
		cmocka_unit_test(test_a_key_is_one_however_often_it_is_said),
		cmocka_unit_test(test_a_key_of_which_only_the_end_arrives_is_one),
		cmocka_unit_test(test_every_key_has_its_sign_and_other_events_have_none),
		cmocka_unit_test(test_another_stream_is_not_heard),
		cmocka_unit_test(test_what_was_said_before_is_not_heard_again),
		cmocka_unit_test(test_time_that_runs_over_goes_on),
		cmocka_unit_test(test_a_key_that_is_held_very_long_is_one),
		cmocka_unit_test(test_an_event_of_another_length_is_none),
		cmocka_unit_test(test_info_says_a_key_in_both_forms),
		cmocka_unit_test(test_info_that_is_not_one_key_is_none),
		cmocka_unit_test(test_a_key_that_is_written_is_read_again),
		cmocka_unit_test(test_the_standards_example_is_read),
		cmocka_unit_test(test_what_we_do_not_do_with_srtp_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
