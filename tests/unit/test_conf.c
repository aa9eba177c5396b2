/* The configuration: what is wrong is named with its place, and changes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/conf.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/order.h>

#define TOTP        KM_FACTOR_BIT(KM_FACTOR_TOTP)
#define HOTP        KM_FACTOR_BIT(KM_FACTOR_HOTP)
#define RECOVERY    KM_FACTOR_BIT(KM_FACTOR_RECOVERY)
#define FINGERPRINT KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT)

static char folder[64], path[96], drop_ins[112];
static struct km_conf conf;
static struct km_conf_error error;

static void put(const char *where, const char *text, size_t len)
{
	FILE *f = fopen(where, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static km_rc read_text(const char *text)
{
	put(path, text, strlen(text));
	return km_conf_read(path, true, &conf, &error);
}

static void put_drop_in(const char *name, const char *text)
{
	char where[256];

	assert_true(mkdir(drop_ins, 0700) == 0 || errno == EEXIST);
	snprintf(where, sizeof(where), "%s/%s", drop_ins, name);
	put(where, text, strlen(text));
}

/* --- what is right ----------------------------------------------------------- */

static void test_without_a_file_every_default_holds(void **state)
{
	(void)state;
	assert_int_equal(km_conf_read(path, false, &conf, &error), KM_OK);
	assert_int_equal(conf.login.factors.count, 1);
	assert_int_equal(conf.login.factors.factors[0], TOTP | HOTP | RECOVERY | FINGERPRINT);
	assert_false(conf.login.finger_first);
	assert_int_equal(conf.finger_timeout, 20);
	assert_false(conf.allow_virtual);
	assert_int_equal(conf.login.tries, 3);
	assert_int_equal(conf.login.deadline, 90);
	assert_int_equal(conf.lockout.longest_wait, 3600);
	assert_int_equal(conf.language, KM_LANG_EN);
	assert_string_equal(conf.time_zone, "");
	assert_false(conf.approval_required);
	assert_int_equal(conf.service_count, 0);
	assert_int_equal(conf.local_services.count, 0);
}

/* As promised to who reads of them, in days. */
static void test_people_come_and_go_by_these_numbers_of_days(void **state)
{
	(void)state;
	assert_int_equal(km_conf_read(path, false, &conf, &error), KM_OK);
	assert_int_equal(conf.unused.suspend_after, 90);
	assert_int_equal(conf.unused.erase_after, 30);
	assert_int_equal(conf.roster.missing_wait, 7);
	assert_int_equal(conf.review_interval, 180);
}

static void test_values_of_every_kind_are_read(void **state)
{
	(void)state;
	assert_int_equal(read_text("\xEF\xBB\xBF# a comment\n"
				   "; another\r\n"
				   "\n"
				   "[login]\r\n"
				   "   factors =  totp+hotp   recovery  ; two steps\n"
				   "\ttries=5\n"
				   "[local]\nservices = gdm-password  swaylock\n"
				   "[ site ]\nlanguage = ja\ntime-zone = Asia/Tokyo\n"
				   "[approval]\nrequired = no"),
			 KM_OK);
	assert_int_equal(conf.login.factors.count, 2);
	assert_int_equal(conf.login.factors.factors[0], TOTP | HOTP);
	assert_int_equal(conf.login.factors.factors[1], RECOVERY);
	assert_int_equal(conf.login.tries, 5);
	assert_int_equal(conf.language, KM_LANG_JA);
	assert_string_equal(conf.time_zone, "Asia/Tokyo");
	assert_true(km_conf_is_local(&conf, "gdm-password"));
	assert_true(km_conf_is_local(&conf, "swaylock"));
	assert_false(km_conf_is_local(&conf, "gdm"));
	assert_false(km_conf_is_local(&conf, ""));
	assert_false(km_conf_is_local(&conf, NULL));
}

static void test_a_word_is_read_as_its_place_among_those_that_there_are(void **state)
{
	(void)state;
	assert_int_equal(km_conf_read(path, false, &conf, &error), KM_OK);
	assert_int_equal(conf.sms.gateway, KM_GATEWAY_NONE);
	assert_int_equal(conf.voice.mode, KM_VOICE_KEYPAD);
	assert_int_equal(conf.voice.transport, KM_SIP_TLS);
	assert_int_equal(conf.voice.media, KM_MEDIA_SRTP);
	assert_int_equal(read_text("[sms]\ngateway = exec\nmethod = GET\nbody-type=form\n"
				   "[voice]\nmode = confirm\ntransport = udp\nmedia = rtp\n"),
			 KM_OK);
	assert_int_equal(conf.sms.gateway, KM_GATEWAY_EXEC);
	assert_int_equal(conf.sms.method, 1);
	assert_int_equal(conf.sms.body_type, 1);
	assert_int_equal(conf.voice.mode, KM_VOICE_CONFIRM);
	assert_int_equal(conf.voice.transport, KM_SIP_UDP);
	assert_int_equal(conf.voice.media, KM_MEDIA_RTP);
}

static void show_value(void *arg, const char *section, const char *key, const char *value)
{
	char **text = arg;

	if (strcmp(section, "voice") == 0 && strcmp(key, "mode") == 0)
		snprintf(text[0], 16, "%s", value);
	if (strcmp(section, "voice") == 0 && strcmp(key, "media") == 0)
		snprintf(text[1], 16, "%s", value);
}

static void test_a_word_is_shown_as_it_was_written(void **state)
{
	static const char *const modes[] = { "keypad", "spoken", "confirm" };
	char text[64], mode[16], media[16], *shown[] = { mode, media };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		snprintf(text, sizeof(text), "[voice]\nmode = %s\nmedia = rtp\n", modes[i]);
		assert_int_equal(read_text(text), KM_OK);
		km_conf_each(&conf, show_value, shown);
		assert_string_equal(mode, modes[i]);
		assert_string_equal(media, "rtp");
	}
	conf.voice.mode = 3; /* what no file can say is shown as nothing */
	km_conf_each(&conf, show_value, shown);
	assert_string_equal(mode, "");
}

static void test_a_service_starts_from_login_wherever_it_stands(void **state)
{
	const struct km_conf_login *sudo, *sshd;

	(void)state;
	put_drop_in("10.conf", "[service sudo]\ndeadline = 33\n[service user/su]\ntries = 2\n");
	assert_int_equal(read_text("[service sudo]\ntries = 1\n"
				   "[service sshd]\nfactors = hotp\n"
				   "[login]\ntries = 7\ndeadline = 44\nfactors = totp\n"),
			 KM_OK);
	sudo = km_conf_login_of(&conf, "sudo");
	sshd = km_conf_login_of(&conf, "sshd");
	assert_int_equal(sudo->tries, 1);
	assert_int_equal(sudo->deadline, 33);
	assert_int_equal(sudo->factors.factors[0], TOTP);
	assert_int_equal(sshd->tries, 7);
	assert_int_equal(sshd->deadline, 44);
	assert_int_equal(sshd->factors.factors[0], HOTP);
	assert_int_equal(km_conf_login_of(&conf, "user/su")->tries, 2);
	assert_ptr_equal(km_conf_login_of(&conf, "login"), &conf.login);
	assert_ptr_equal(km_conf_login_of(&conf, ""), &conf.login);
	assert_ptr_equal(km_conf_login_of(&conf, NULL), &conf.login);
}

static void test_drop_ins_count_in_lexical_order_and_only_conf_files(void **state)
{
	(void)state;
	put_drop_in("20-b.conf", "[login]\ntries = 2\n");
	put_drop_in("10-a.conf", "[login]\ntries = 1\ndeadline = 11\n");
	put_drop_in("30-c.conf.bak", "[login]\ntries = bad\n");
	put_drop_in(".hidden.conf", "[login]\ntries = bad\n");
	put_drop_in(".conf", "[login]\ntries = bad\n");
	put_drop_in("README", "not a configuration");
	assert_int_equal(read_text("[login]\ntries = 9\n[lockout]\nafter = 4\n"), KM_OK);
	assert_int_equal(conf.login.tries, 2);
	assert_int_equal(conf.login.deadline, 11);
	assert_int_equal(conf.lockout.after, 4);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(km_conf_read(path, false, &conf, &error), KM_OK);
	assert_int_equal(conf.login.tries, 2);
}

/* --- what is wrong ------------------------------------------------------------ */

static const struct wrong {
	const char *text;
	int line;
	const char *says;
} wrongs[] = {
	{ "[login]\n\ntries = 99\n", 3, "[login] tries = 99: must be 1 to 10 tries" },
	{ "[login]\ntries = 0\n", 2, "[login] tries = 0: must be 1 to 10 tries" },
	{ "[login]\ntries = -1\n", 2, "[login] tries = -1: must be 1 to 10 tries" },
	{ "[login]\ntries = 3 # three\n", 2, "[login] tries = 3 # three: must be 1 to 10 tries" },
	{ "[login]\ntries =\n", 2, "[login] tries = : must be 1 to 10 tries" },
	{ "[login]\ntries = 0x3\n", 2, "[login] tries = 0x3: must be 1 to 10 tries" },
	{ "[login]\ndeadline = 99999999999999999999\n", 2,
	  "[login] deadline = 99999999999999999999: must be 10 to 600 seconds" },
	{ "[audit]\nrefusals = 4\n", 2,
	  "[audit] refusals = 4: must be 5 to 1000 records a minute" },
	{ "[login]\ntrise = 3\n", 2,
	  "[login] trise: there is no such key; kenmon.conf(5) names them" },
	{ "[service sshd]\nlook-ahead = 3\n", 2,
	  "[service sshd] look-ahead: there is no such key; kenmon.conf(5) names them" },
	{ "# x\n[lgoin]\n", 2, "[lgoin]: there is no such section; kenmon.conf(5) names them" },
	{ "[service]\n", 1, "[service]: there is no such section; kenmon.conf(5) names them" },
	{ "[service ]\n", 1, "[service]: there is no such section; kenmon.conf(5) names them" },
	{ "[services sshd]\n", 1,
	  "[services sshd]: there is no such section; kenmon.conf(5) names them" },
	{ "[service SSHD]\n", 1, "[service SSHD]: libpam knows services in lower case only" },
	{ "[service a b]\n", 1, "[service a b]: is no name of a PAM service" },
	{ "[service a\033b]\n", 1, "[service a\\x1bb]: is no name of a PAM service" },
	{ "[service xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]\n", 1,
	  "[service xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]: "
	  "a name has at most 63 bytes" },
	{ "[login] tries = 3\n", 1,
	  "[login] tries = 3: must be a section's name between [ and ], alone" },
	{ "[login\n", 1, "[login: must be a section's name between [ and ], alone" },
	{ "tries = 3\n", 1, "tries: stands before the first [section]" },
	{ "[login]\ntries\n", 2, "must be key = value" },
	{ "[login]\ntries ; = 3\n", 2, "must be key = value" },
	{ "[login]\ntries = 3\n[lockout]\n[login]\ntries = 4\n", 5,
	  "[login] tries: stands twice in this file; keep one" },
	{ "[service su]\ntries = 3\n[service su]\ntries = 3\n", 4,
	  "[service su] tries: stands twice in this file; keep one" },
	{ "[login]\nfactors = totp+finger\n", 2,
	  "[login] factors = totp+finger: 'finger' is no factor; there are totp, hotp, recovery, "
	  "fingerprint, sms, voice" },
	{ "[login]\nfactors = fingerprint\n", 2,
	  "[login] factors = fingerprint: needs a code beside the fingerprint: "
	  "totp+fingerprint, for example" },
	{ "[login]\nfactors = totp fingerprint\n", 2,
	  "[login] factors = totp fingerprint: needs a code beside the fingerprint: "
	  "totp+fingerprint, for example" },
	/* One that is sent is none to fall back on (docs/decisions/0024). */
	{ "[login]\nfactors = fingerprint+sms+voice\n", 2,
	  "[login] factors = fingerprint+sms+voice: needs a code beside the fingerprint that is "
	  "not "
	  "sent: recovery, for example" },
	{ "[login]\nfactors = totp fingerprint+voice\n", 2,
	  "[login] factors = totp fingerprint+voice: needs a code beside the fingerprint that is "
	  "not sent: recovery, for example" },
	{ "[service gdm]\nfactors = fingerprint totp\n", 2,
	  "[service gdm] factors = fingerprint totp: needs a code beside the fingerprint: "
	  "totp+fingerprint, for example" },
	{ "[login]\nfinger-first = perhaps\n", 2,
	  "[login] finger-first = perhaps: must be yes or no" },
	{ "[fingerprint]\ntimeout = 4\n", 2, "[fingerprint] timeout = 4: must be 5 to 60 seconds" },
	{ "[sensor]\nallow-virtual = 2\n", 2, "[sensor] allow-virtual = 2: must be yes or no" },
	{ "[login]\nfactors = totp + hotp\n", 2,
	  "[login] factors = totp + hotp: a factor is missing beside '+'; "
	  "there are totp, hotp, recovery, fingerprint, sms, voice" },
	{ "[login]\nfactors = totp+hotp totp\n", 2,
	  "[login] factors = totp+hotp totp: names totp twice; once is enough" },
	{ "[login]\nfactors = totp+totp\n", 2,
	  "[login] factors = totp+totp: names totp twice; once is enough" },
	{ "[login]\nfactors =\n", 2, "[login] factors = : must name at least one factor" },
	{ "[lockout]\nfirst-wait = 120\nlongest-wait = 60\n", 3,
	  "[lockout] longest-wait = 60: must not be below first-wait, which is 120 seconds" },
	{ "[lockout]\nlongest-wait = 30\nfirst-wait = 40\n", 2,
	  "[lockout] longest-wait = 30: must not be below first-wait, which is 40 seconds" },
	{ "[phone]\ncountry = 81\n", 2,
	  "[phone] country = 81: must be + and a country's code, such as +81" },
	{ "[phone]\ncountry =\n", 2,
	  "[phone] country = : must be + and a country's code, such as +81" },
	{ "[phone]\nprefixes = +81, +44\n", 2,
	  "[phone] prefixes = +81, +44: must be beginnings of numbers, each with + and the "
	  "country's code, such as +81 +44" },
	{ "[phone]\nbarred = 0990\n", 2,
	  "[phone] barred = 0990: must be beginnings of numbers, each with + and the country's "
	  "code, such as +81990 +81570, or empty" },
	{ "[phone]\nprefixes =\n", 2,
	  "[phone] prefixes = : must be beginnings of numbers, each with + and the country's "
	  "code, such as +81 +44" },
	{ "[login]\ntries = 3\nfactors = totp+sms\n", 3,
	  "[login] factors: names sms, but [sms] gateway is none" },
	{ "[service su]\nfactors = voice\n[voice]\nmode = spoken\n", 2,
	  "[service su] factors: names voice, but [voice] server is empty" },
	{ "[service su]\ntries = 1\nfactors = sms+voice\n[sms]\ngateway = spool\n", 3,
	  "[service su] factors: names voice, but [voice] server is empty" },
	{ "[roster]\nkey = 00ff\n", 2,
	  "[roster] key = 00ff: must be a public key in 64 hex digits, or empty" },
	{ "[backup]\nescrow-key = "
	  "x000000000000000000000000000000000000000000000000000000000000000\n",
	  2,
	  "[backup] escrow-key = "
	  "x000000000000000000000000000000000000000000000000000000000000000: must be a public key "
	  "in 64 hex digits, or empty" },
	{ "[approval]\nrequired = true\n", 2, "[approval] required = true: must be yes or no" },
	{ "[site]\nlanguage = de\n", 2, "[site] language = de: must be en or ja" },
	{ "[site]\ntime-zone = Asia/Toyko\n", 2,
	  "[site] time-zone = Asia/Toyko: must be a time zone of this machine, such as "
	  "Asia/Tokyo, or empty" },
	{ "[site]\ntime-zone = ../../../etc/passwd\n", 2,
	  "[site] time-zone = ../../../etc/passwd: must be a time zone of this machine, such as "
	  "Asia/Tokyo, or empty" },
	{ "[local]\nservices = gdm gdm\n", 2,
	  "[local] services = gdm gdm: names 'gdm' twice; once is enough" },
	{ "[local]\nservices = GDM\n", 2,
	  "[local] services = GDM: libpam knows services in lower case only" },
	{ "[local]\nservices = a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7\n",
	  2,
	  "[local] services = a b c d e f g h i j k l m n o p q r s t u v w x y z 1 2 3 4 5 6 7: "
	  "must be 32 names or fewer" },
	{ "[sms]\ngateway = smtp\n", 2,
	  "[sms] gateway = smtp: must be one of: none, http, spool, exec" },
	{ "[sms]\ngateway =\n", 2, "[sms] gateway = : must be one of: none, http, spool, exec" },
	{ "[sms]\ngateway = non\n", 2,
	  "[sms] gateway = non: must be one of: none, http, spool, exec" },
	{ "[sms]\ngateway = nones\n", 2,
	  "[sms] gateway = nones: must be one of: none, http, spool, exec" },
	{ "[sms]\ngateway = none|http\n", 2,
	  "[sms] gateway = none|http: must be one of: none, http, spool, exec" },
	{ "[sms]\nmethod = post\n", 2, "[sms] method = post: must be one of: POST, GET, PUT" },
	{ "[voice]\nmode = \n", 2, "[voice] mode = : must be one of: keypad, spoken, confirm" },
	{ "[phone]\ndigits = 5\n", 2, "[phone] digits = 5: must be 6 to 10 digits" },
	{ "[phone]\nexpires = 601\n", 2, "[phone] expires = 601: must be 60 to 600 seconds" },
	{ "[login]\ntries = \033[2J\342\200\256\n", 2,
	  "[login] tries = \\x1b[2J\\xe2\\x80\\xae: must be 1 to 10 tries" },
};

static void assert_untouched(void)
{
	const uint8_t *at = (const uint8_t *)&conf;

	for (size_t i = 0; i < sizeof(conf); i++)
		assert_int_equal(at[i], 0xA5);
}

static void test_a_service_may_ask_for_codes_by_telephone_where_there_is_a_way_out(void **state)
{
	(void)state;
	assert_int_equal(
	    read_text("[login]\nfactors = totp+recovery sms+voice\n"
		      "[sms]\ngateway = spool\n[voice]\nserver = sip.example\n"
		      "[phone]\nprefixes = +8190 +8180\nbarred =\n[service su]\nfactors = totp\n"),
	    KM_OK);
	assert_int_equal(conf.login.factors.factors[1],
			 KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE));
	assert_string_equal(conf.phone.country, "+81");
	assert_string_equal(conf.phone.prefixes, "+8190 +8180");
	assert_string_equal(conf.phone.barred, "");
	/* Nobody is asked for a telephone before the site says so. */
	km_conf_defaults(&conf);
	assert_int_equal(conf.login.factors.factors[0] &
			     (KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE)),
			 0);
}

static void test_every_mistake_is_named_with_its_line_and_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		memset(&conf, 0xA5, sizeof(conf));
		memset(&error, 0, sizeof(error));
		assert_int_equal(read_text(wrongs[i].text), KM_ECONF);
		assert_string_equal(error.text, wrongs[i].says);
		assert_int_equal(error.line, wrongs[i].line);
		assert_string_equal(error.path, path);
		assert_untouched();
	}
}

static void test_a_long_word_is_cut_between_characters(void **state)
{
	char text[256] = "[login]\nfactors = ";

	(void)state;
	/* Two bytes each, from an odd place on: the 60th byte is the first half of one. */
	strcat(text, "x");
	for (int i = 0; i < 31; i++)
		strcat(text, "\xd1\x81");
	assert_int_equal(read_text(text), KM_ECONF);
	assert_true(km_text_is_plain(error.text, strlen(error.text)));
}

static void test_the_same_mistake_in_a_drop_in_names_that_file(void **state)
{
	char where[160];

	(void)state;
	snprintf(where, sizeof(where), "%s/50-x.conf", drop_ins);
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		put(path, "", 0);
		put_drop_in("50-x.conf", wrongs[i].text);
		assert_int_equal(km_conf_read(path, true, &conf, &error), KM_ECONF);
		assert_string_equal(error.text, wrongs[i].says);
		assert_int_equal(error.line, wrongs[i].line);
		assert_string_equal(error.path, where);
	}
}

static void test_waits_that_do_not_fit_are_found_across_files(void **state)
{
	(void)state;
	put_drop_in("50-x.conf", "[lockout]\nfirst-wait = 3600\n");
	assert_int_equal(read_text("# \n[lockout]\nlongest-wait = 60\n"), KM_ECONF);
	assert_string_equal(error.path, path);
	assert_int_equal(error.line, 3);
	put_drop_in("60-y.conf", "[lockout]\nfirst-wait = 60\n");
	assert_int_equal(read_text("# \n[lockout]\nlongest-wait = 60\n"), KM_OK);
}

static void test_there_are_limits_on_lines_sections_and_size(void **state)
{
	static char big[KM_CONF_BYTES + 2];
	size_t used = 0;

	(void)state;
	memset(big, 'x', 300);
	memcpy(big, "[login]\n#", 9);
	big[300] = '\0';
	assert_int_equal(read_text(big), KM_OK); /* a long comment is nobody's business */
	big[8] = 'a';
	assert_int_equal(read_text(big), KM_ECONF);
	assert_string_equal(error.text, "is longer than 198 bytes");
	assert_int_equal(error.line, 2);

	for (int i = 0; i <= KM_CONF_SERVICES; i++)
		used += (size_t)snprintf(big + used, sizeof(big) - used, "[service s%d]\n", i);
	assert_int_equal(read_text(big), KM_ECONF);
	assert_string_equal(error.text, "[service s64]: there can be 64 such sections");
	assert_int_equal(error.line, 65);

	memset(big, '\n', sizeof(big));
	put(path, big, KM_CONF_BYTES);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_OK);
	put(path, big, KM_CONF_BYTES + 1);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_ECONF);
	assert_string_equal(error.text, "is larger than 256 KiB, the most there can be");

	put(path, "[login]\ntries = 3\0 99\n", 22);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_ECONF);
	assert_string_equal(error.text, "holds a zero byte");
	assert_int_equal(error.line, 2);
}

/* --- files that are not what they should be ------------------------------------ */

static void refused_with(km_rc rc, const char *says)
{
	memset(&conf, 0xA5, sizeof(conf));
	assert_int_equal(km_conf_read(path, true, &conf, &error), rc);
	assert_string_equal(error.text, says);
	assert_int_equal(error.line, 0);
	assert_untouched();
}

static void test_a_file_that_must_be_there_and_is_not_is_an_error(void **state)
{
	(void)state;
	refused_with(KM_ECONF, "cannot be opened: No such file or directory");
	assert_string_equal(error.path, path);
	assert_int_equal(km_conf_read("/nonexistent/kenmon.conf", true, &conf, &error), KM_ECONF);
	assert_int_equal(km_conf_read("/nonexistent/kenmon.conf", false, &conf, &error), KM_OK);
}

static void test_what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	refused_with(KM_ECONF, "is not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/zero", path), 0);
	refused_with(KM_ECONF, "is not a regular file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refused_with(KM_ECONF, "is not a regular file");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("kenmon.conf", path), 0);
	refused_with(KM_EIO, "cannot be opened: Too many levels of symbolic links");
}

static void test_what_everybody_can_write_is_refused(void **state)
{
	(void)state;
	put(path, "", 0);
	assert_int_equal(chmod(path, 0646), 0);
	refused_with(KM_ECONF, "everybody can write this file; run chmod o-w on it");
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(chmod(folder, 0707), 0);
	refused_with(KM_ECONF, "everybody can write in this folder; run chmod o-w on it");
	assert_string_equal(error.path, folder);
	assert_int_equal(chmod(folder, 0700), 0);
	put_drop_in("10.conf", "");
	assert_int_equal(chmod(drop_ins, 01777), 0);
	refused_with(KM_ECONF, "everybody can write in this folder; run chmod o-w on it");
	assert_string_equal(error.path, drop_ins);
	assert_int_equal(chmod(drop_ins, 0700), 0);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_OK);
}

static void test_a_path_that_is_too_long_is_refused(void **state)
{
	static char longer[5000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	assert_int_equal(km_conf_read(longer, true, &conf, &error), KM_ECONF);
	assert_string_equal(error.text, "is too long for a path");
}

/* ---------------------------------------------------------------------------------- */

static int fresh_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/kenmon-test-conf-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/kenmon.conf", folder);
	snprintf(drop_ins, sizeof(drop_ins), "%s.d", path);
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "10.conf",   "10-a.conf",    "20-b.conf",
					     "50-x.conf", "60-y.conf",    "30-c.conf.bak",
					     ".conf",     ".hidden.conf", "README" };
	char where[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(where, sizeof(where), "%s/%s", drop_ins, names[i]);
		unlink(where);
	}
	rmdir(drop_ins);
	unlink(path);
	return rmdir(folder);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, fresh_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_FOLDER(test_without_a_file_every_default_holds),
		IN_A_FOLDER(test_people_come_and_go_by_these_numbers_of_days),
		IN_A_FOLDER(test_values_of_every_kind_are_read),
		IN_A_FOLDER(test_a_word_is_read_as_its_place_among_those_that_there_are),
		IN_A_FOLDER(test_a_word_is_shown_as_it_was_written),
		IN_A_FOLDER(test_a_service_starts_from_login_wherever_it_stands),
		IN_A_FOLDER(test_drop_ins_count_in_lexical_order_and_only_conf_files),
		IN_A_FOLDER(test_a_service_may_ask_for_codes_by_telephone_where_there_is_a_way_out),
		IN_A_FOLDER(test_every_mistake_is_named_with_its_line_and_changes_nothing),
		IN_A_FOLDER(test_a_long_word_is_cut_between_characters),
		IN_A_FOLDER(test_the_same_mistake_in_a_drop_in_names_that_file),
		IN_A_FOLDER(test_waits_that_do_not_fit_are_found_across_files),
		IN_A_FOLDER(test_there_are_limits_on_lines_sections_and_size),
		IN_A_FOLDER(test_a_file_that_must_be_there_and_is_not_is_an_error),
		IN_A_FOLDER(test_what_is_no_regular_file_is_refused_without_waiting),
		IN_A_FOLDER(test_what_everybody_can_write_is_refused),
		IN_A_FOLDER(test_a_path_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
