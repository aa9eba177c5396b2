/*
 * Calls to baresip: TLS with a certificate that is looked at, SRTP, and what the telephone heard,
 * compared with what was to be said.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../authd/courier/sip_sound.h"
#include "baresip.h"

#define WAIT_MS  20000
#define WAV_HEAD 44
#define SECURE   "transport = tls\nmedia = srtp\nca-file = @/ca.pem\n"

/* Where TLS is spoken, a certificate for ext stands; @ in voice is the folder. */
static void open_with(struct exchange *e, const char *voice, const char *ext, int days)
{
	char text[1024] = "";
	const char *at;

	exchange_make(e, strstr(voice, "udp") ? SOCK_DGRAM : SOCK_STREAM);
	exchange_certify(e, ext, days);
	at = strchr(voice, '@');
	snprintf(text, sizeof(text), "%.*s%s%s", at ? (int)(at - voice) : (int)strlen(voice), voice,
		 at ? e->dir : "", at ? at + 1 : "");
	exchange_configure(e, text);
	exchange_start(e);
}

static void test_keys_come_over_tls_and_srtp(void **state)
{
	struct exchange e;
	struct baresip b;

	(void)state;
	open_with(&e, SECURE, "subjectAltName=IP:127.0.0.1", 30);
	baresip_start(&e, &b, ";mediaenc=srtp-mand", true);
	exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	baresip_press(&b, "730215#");
	assert_true(exchange_until(&e, KM_ORDER_STATE_KEYED));
	assert_string_equal(e.course, "queued ringing answered keyed:730215");
	baresip_stop(&b);
	exchange_close(&e);
}

/* The same number, other addresses and media: what is configured is what is spoken. */
static void test_sound_is_encrypted_or_there_is_no_call(void **state)
{
	static const struct {
		const char *voice, *account, *course;
	} table[] = {
		{ SECURE, "", "queued failed:gateway-refused" },
		{ "transport = udp\nmedia = srtp\n", "", "queued failed:gateway-refused" },
		{ "transport = udp\nmedia = rtp\n", ";mediaenc=srtp-mand",
		  "queued failed:gateway-refused" },
		{ "transport = udp\nmedia = srtp\n", ";mediaenc=srtp-mand",
		  "queued ringing answered failed:cancelled" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const bool tls = strstr(table[i].voice, "tls") != NULL;
		struct exchange e;
		struct baresip b;

		open_with(&e, table[i].voice, "subjectAltName=IP:127.0.0.1", 30);
		baresip_start(&e, &b, table[i].account, tls);
		exchange_order(&e, KM_ORDER_KEYPAD, "", 60);
		assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
		if (strstr(e.course, "answered")) {
			exchange_cancel(&e);
			assert_true(exchange_until(&e, KM_ORDER_STATE_UNKNOWN));
		}
		assert_string_equal(e.course, table[i].course);
		baresip_stop(&b);
		exchange_close(&e);
	}
}

/* --- certificates -------------------------------------------------------------------------- */

/*
 * A TLS server that is no SIP server; what is asked of it comes to its log. It would speak the old
 * versions, too. At the end of its input it would leave, so that has none.
 */
static pid_t tls_server(const struct exchange *e, const char *version)
{
	char line[512];
	const char *const argv[] = { "sh", "-c", line, NULL };
	pid_t pid;

	snprintf(line, sizeof(line),
		 "cd %s && mkfifo input && exec openssl s_server -accept 127.0.0.1:%d "
		 "-cert server.pem -quiet -cipher DEFAULT@SECLEVEL=0 %s 0<>input",
		 e->dir, e->port, version);
	pid = exchange_run(argv, exchange_path(e, "baresip.log"));
	assert_true(wait_for_port(e->port, true));
	return pid;
}

static bool log_holds(const struct exchange *e, const char *what)
{
	char text[65536] = "";
	FILE *f = fopen(exchange_path(e, "baresip.log"), "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return strstr(text, what);
}

/* Whether a number, or anything else of the call, has come to the server. */
static bool was_told(const struct exchange *e)
{
	const bool invited = log_holds(e, "INVITE");

	assert_int_equal(invited, log_holds(e, EXCHANGE_NUMBER));
	return invited;
}

static void expect_certificate(const char *voice, const char *ext, int days, const char *version,
			       const char *course)
{
	struct exchange e;
	pid_t server;

	open_with(&e, voice, ext, days);
	server = tls_server(&e, version);
	assert_string_equal(exchange_call(&e, KM_ORDER_KEYPAD, ""), course);
	telephone_stop(server);
	assert_int_equal(was_told(&e), strstr(voice, "ring") != NULL);
	exchange_close(&e);
}

static void test_a_server_that_is_another_one_is_not_told_a_number(void **state)
{
	static const char bad[] = "queued failed:gateway-certificate";

	(void)state;
	expect_certificate(SECURE, "subjectAltName=IP:127.0.0.2", 30, "", bad);
	expect_certificate(SECURE, "subjectAltName=DNS:localhost", 30, "", bad);
	expect_certificate(SECURE, "basicConstraints=CA:FALSE", 30, "", bad); /* CN alone */
	expect_certificate(SECURE, "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=clientAuth", 30,
			   "", bad);
	/* the system's own certificates know nothing of this one */
	expect_certificate("transport = tls\n", "subjectAltName=IP:127.0.0.1", 30, "", bad);
	/* since yesterday nobody's */
	expect_certificate(SECURE, "subjectAltName=IP:127.0.0.1", -1, "", bad);
}

/* test_voice_tls has that it is for the version, whatever this machine's level of OpenSSL is. */
static void test_a_server_of_old_tls_alone_is_not_told_a_number(void **state)
{
	(void)state;
	expect_certificate(SECURE, "subjectAltName=IP:127.0.0.1", 30, "-tls1_1",
			   "queued failed:gateway-unreachable");
}

/* The right one is spoken to, so that what is refused above is refused for its certificate. */
static void test_the_right_certificate_is_taken(void **state)
{
	(void)state;
	expect_certificate(SECURE "ring = 10\n", "subjectAltName=IP:127.0.0.1", 30, "-tls1_2",
			   "queued failed:gateway-unreachable");
}

/* --- what the telephone heard ----------------------------------------------------------------- */

static int16_t from_ulaw(uint8_t byte)
{
	int bits = ~byte & 0xff, magnitude = (((bits & 15) << 3) + 0x84) << (bits >> 4 & 7);

	return (int16_t)(bits & 0x80 ? 0x84 - magnitude : magnitude - 0x84);
}

static int16_t from_alaw(uint8_t byte)
{
	int bits = byte ^ 0x55, segment = bits >> 4 & 7, magnitude = ((bits & 15) << 4) + 8;

	if (segment > 0)
		magnitude = (magnitude + 0x100) << (segment - 1);
	return (int16_t)(bits & 0x80 ? magnitude : -magnitude);
}

static int16_t through_ulaw(int16_t sample)
{
	return from_ulaw(voice_ulaw(sample));
}

static int16_t through_alaw(int16_t sample)
{
	return from_alaw(voice_alaw(sample));
}

static int16_t (*through)(int16_t sample); /* what a codec leaves of it */

struct heard {
	size_t count;
	int16_t *at;
};

static struct heard load(const char *path)
{
	FILE *f = fopen(path, "r");
	struct heard h = { 0 };
	uint8_t *file = malloc(4 << 20);
	const uint8_t *samples;
	size_t len;

	assert_non_null(f);
	assert_non_null(file);
	len = fread(file, 1, 4 << 20, f);
	fclose(f);
	assert_int_equal(voice_wav_read(file, len, &samples, &h.count), KM_OK);
	h.at = malloc(h.count * sizeof(*h.at));
	assert_non_null(h.at);
	memcpy(h.at, samples, h.count * sizeof(*h.at));
	free(file);
	return h;
}

static bool lies_at(const struct heard *all, size_t at, const struct heard *sound)
{
	size_t i = 0;

	while (i < sound->count && through(sound->at[i]) == all->at[at + i])
		i++;
	return i == sound->count;
}

/* Where a sound ends in the recording, sample by sample as the codec leaves it; behind a place. */
static size_t end_of(const struct heard *all, size_t from, const struct heard *sound)
{
	for (size_t at = from; at + sound->count <= all->count; at++)
		if (lies_at(all, at, sound))
			return at + sound->count;
	return 0;
}

static struct heard load_sound(const struct exchange *e, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/prompts/ja/%s.wav", e->dir, name);
	return load(path);
}

/* The recording as far as it goes: its head has no length before its end. */
static bool load_so_far(const struct exchange *e, struct heard *h)
{
	static int16_t file[2 << 20];
	size_t len = 0;
	FILE *f = NULL;
	glob_t found;

	if (glob(exchange_path(e, "dump-*-dec.wav"), 0, NULL, &found) == 0) {
		f = fopen(found.gl_pathv[0], "r");
		globfree(&found);
	}
	if (f) {
		len = fread(file, sizeof(*file), sizeof(file) / sizeof(*file), f);
		fclose(f);
	}
	if (len <= WAV_HEAD / 2)
		return false;
	*h = (struct heard){ .count = len - WAV_HEAD / 2, .at = file + WAV_HEAD / 2 };
	return true;
}

/* Waits until the telephone has heard a sound. */
static void wait_heard(const struct exchange *e, const char *name)
{
	struct heard sound = load_sound(e, name), all;
	bool heard = false;

	for (unsigned i = 0; i < WAIT_MS / 20 && !heard; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		heard = load_so_far(e, &all) && end_of(&all, 0, &sound) > 0;
	}
	free(sound.at);
	if (!heard)
		fail_msg("%s was not heard in time", name);
}

/* Waits until the telephone knows that the call is over: then its recording is whole. */
static void wait_hung_up(const struct exchange *e)
{
	for (unsigned i = 0; i < WAIT_MS / 20 && !log_holds(e, "terminated (duration"); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	assert_true(log_holds(e, "terminated (duration"));
}

static void assert_heard(const struct exchange *e, const char *const *names)
{
	struct heard all;
	size_t at = 0;

	exchange_sh(e, "mv dump-*-dec.wav heard.wav");
	all = load(exchange_path(e, "heard.wav"));
	for (; *names; names++) {
		struct heard sound = load_sound(e, *names);

		at = end_of(&all, at, &sound);
		if (at == 0)
			fail_msg("%s was not heard where it should have been", *names);
		free(sound.at);
	}
	free(all.at);
}

static void expect_heard(const char *voice, const char *account, bool tls)
{
	static const char *const code[] = { "spoken", "code", "4", "0",      "7", "again",
					    "4",      "0",    "7", "thanks", NULL };
	struct exchange e;
	struct baresip b;

	open_with(&e, voice, "subjectAltName=IP:127.0.0.1", 30);
	baresip_start(&e, &b, account, tls);
	exchange_order(&e, KM_ORDER_SPOKEN, "407", 60);
	assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
	wait_heard(&e, "spoken");
	baresip_press(&b, "#");
	assert_true(exchange_until(&e, KM_ORDER_STATE_DELIVERED));
	assert_string_equal(e.course, "queued ringing answered delivered");
	wait_hung_up(&e);
	baresip_stop(&b);
	assert_heard(&e, code);
	exchange_close(&e);
}

static void test_what_is_heard_is_what_was_said_to_the_sample(void **state)
{
	(void)state;
	through = through_ulaw;
	expect_heard("transport = udp\nmedia = rtp\n", ";audio_codecs=PCMU", false);
	expect_heard(SECURE, ";audio_codecs=PCMU;mediaenc=srtp-mand", true);
}

/* Without a key, and a test after one: their own sentences, in the language that was ordered. */
static void test_a_notice_and_a_test_are_heard_as_such(void **state)
{
	static const char *const notice[] = { "notice", "notice", "thanks", NULL };
	static const char *const test[] = { "test", "thanks", NULL };

	(void)state;
	through = through_ulaw;
	for (unsigned i = 0; i < 2; i++) {
		struct exchange e;
		struct baresip b;

		open_with(&e, "transport = udp\nmedia = rtp\n", "subjectAltName=IP:127.0.0.1", 30);
		baresip_start(&e, &b, ";audio_codecs=PCMU", false);
		exchange_order(&e, i ? KM_ORDER_CALL_TEST : KM_ORDER_CALL_NOTICE, "", 60);
		assert_true(exchange_until(&e, KM_ORDER_STATE_ANSWERED));
		if (i) {
			wait_heard(&e, "test");
			baresip_press(&b, "#");
		}
		assert_true(exchange_until(&e, KM_ORDER_STATE_DELIVERED));
		wait_hung_up(&e);
		baresip_stop(&b);
		assert_heard(&e, i ? test : notice);
		exchange_close(&e);
	}
}

/* A telephone that knows the other codec alone. */
static void test_what_is_heard_by_the_other_codec_is_what_was_said(void **state)
{
	(void)state;
	through = through_alaw;
	expect_heard("transport = udp\nmedia = rtp\n", ";audio_codecs=PCMA", false);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_come_over_tls_and_srtp),
		cmocka_unit_test(test_sound_is_encrypted_or_there_is_no_call),
		cmocka_unit_test(test_a_server_that_is_another_one_is_not_told_a_number),
		cmocka_unit_test(test_a_server_of_old_tls_alone_is_not_told_a_number),
		cmocka_unit_test(test_the_right_certificate_is_taken),
		cmocka_unit_test(test_what_is_heard_is_what_was_said_to_the_sample),
		cmocka_unit_test(test_a_notice_and_a_test_are_heard_as_such),
		cmocka_unit_test(test_what_is_heard_by_the_other_codec_is_what_was_said),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
