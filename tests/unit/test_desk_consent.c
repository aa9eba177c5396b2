/* The purpose text, consent, what is stored about me, and invitations, at the desk. */
#include "desk_scene.h"

#include <sys/stat.h>

#include <kenmon/finger.h>
#include <kenmon/log.h>

#include "../../enroll/purpose.h"

static const struct msg_finger_stage no_touch[] = {
	{ .event = KM_SENSOR_NO_READER },
	{ 0 },
};
static const struct msg_consent_row none[] = { { 0 } };

/* A site's folder with these files, and a configuration that names it. */
static struct site {
	char dir[48], folder[64], conf[64];
} site;

static void put(const char *name, const void *bytes, size_t len)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", site.folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static int site_comes(void **state)
{
	FILE *f;

	(void)state;
	snprintf(site.dir, sizeof(site.dir), "/tmp/kenmon-site-XXXXXX");
	if (!mkdtemp(site.dir))
		return -1;
	snprintf(site.folder, sizeof(site.folder), "%s/purpose", site.dir);
	snprintf(site.conf, sizeof(site.conf), "%s/conf", site.dir);
	if (mkdir(site.folder, 0700))
		return -1;
	f = fopen(site.conf, "w");
	if (!f)
		return -1;
	fprintf(f, "[consent]\npurpose = %s\n", site.folder);
	return fclose(f);
}

static int site_goes(void **state)
{
	static const char *const names[] = { "purpose/en.txt", "purpose/ja.txt", "purpose",
					     "conf" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", site.dir, names[i]);
		if (unlink(path))
			(void)rmdir(path);
	}
	return rmdir(site.dir);
}

#define ENROLL(s, ...)                                                                             \
	KENMON(s, W("enroll"), W("fingerprint"), W("sato"), W("--finger"), W("right-index"),       \
	       W("--config"), site.conf, ##__VA_ARGS__)

/* --- the text ------------------------------------------------------------------------ */

static void test_the_shipped_texts_are_what_a_purpose_text_must_be(void **state)
{
	(void)state;
	for (unsigned lang = 0; lang < KM_LANG_COUNT; lang++) {
		const char *text = desk_purpose_shipped[lang];

		assert_true(km_text_is_page(text, strlen(text)));
		assert_in_range(strlen(text), 500, DESK_PURPOSE_MAX);
		assert_says(text, "kenmon me withdraw");
	}
}

static void test_a_site_without_a_text_of_its_own_has_the_shipped_one(void **state)
{
	static struct desk_purpose p;
	struct desk d = { .lang = KM_LANG_JA };

	(void)state;
	assert_int_equal(desk_purpose_load(&d, site.folder, &p), KM_OK);
	assert_string_equal(p.text, desk_purpose_shipped[KM_LANG_JA]);
	assert_int_equal(p.lang, KM_LANG_JA);
	assert_int_equal(desk_purpose_load(&d, "/nonexistent/folder", &p), KM_OK);
	assert_string_equal(p.text, desk_purpose_shipped[KM_LANG_JA]);
}

static void test_the_sites_text_comes_first_then_its_other_language(void **state)
{
	static struct desk_purpose p;
	struct desk d = { .lang = KM_LANG_JA };

	(void)state;
	put("en.txt", "Ours.\nSecond line.\n", 19);
	assert_int_equal(desk_purpose_load(&d, site.folder, &p), KM_OK);
	assert_string_equal(p.text, "Ours.\nSecond line.\n");
	assert_int_equal(p.lang, KM_LANG_EN);
	put("ja.txt", "当方の文章。\n", strlen("当方の文章。\n"));
	assert_int_equal(desk_purpose_load(&d, site.folder, &p), KM_OK);
	assert_string_equal(p.text, "当方の文章。\n");
	assert_int_equal(p.lang, KM_LANG_JA);
}

/* Nobody is shown the shipped text instead of a site's own that is broken. */
static void test_a_hostile_text_is_refused_with_a_sentence(void **state)
{
	static char longest[DESK_PURPOSE_MAX + 1];
	const struct {
		const char *bytes;
		size_t len;
		km_rc rc;
		const char *says;
	} bad[] = {
		{ "", 0, KM_EINVAL, "not empty" },
		{ "\n\n", 2, KM_EINVAL, "not empty" },
		{ "clear\x1b[2J", 9, KM_EINVAL, "control characters" },
		{ "nul\0byte", 8, KM_EINVAL, "control characters" },
		{ "line\r\n", 6, KM_EINVAL, "control characters" },
		{ "\xc0\xaf", 2, KM_EINVAL, "UTF-8" },
		{ "hid\xe2\x80\xae", 6, KM_EINVAL, "hidden marks" },
		{ longest, sizeof(longest), KM_ELIMIT, "more than 8192 bytes" },
	};
	static struct desk_purpose p;
	struct desk d = { .lang = KM_LANG_EN };

	(void)state;
	memset(longest, 'x', sizeof(longest));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put("en.txt", bad[i].bytes, bad[i].len);
		assert_int_equal(desk_purpose_load(&d, site.folder, &p), bad[i].rc);
		assert_says(d.why, bad[i].says);
		assert_says(d.why, "purpose/en.txt");
	}
	put("en.txt", longest, DESK_PURPOSE_MAX);
	assert_int_equal(desk_purpose_load(&d, site.folder, &p), KM_OK);
}

static void test_a_folder_in_the_place_of_the_text_is_refused(void **state)
{
	static struct desk_purpose p;
	struct desk d = { .lang = KM_LANG_EN };
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/en.txt", site.folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(desk_purpose_load(&d, site.folder, &p), KM_EINVAL);
	assert_says(d.why, "not a regular file");
	assert_int_equal(rmdir(path), 0);
	/* A pipe that nobody writes to is not waited for. */
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(desk_purpose_load(&d, site.folder, &p), KM_EINVAL);
	assert_says(d.why, "not a regular file");
}

/* --- before a finger ----------------------------------------------------------------- */

static void test_the_text_is_shown_and_the_operators_own_code_asked_for(void **state)
{
	struct play p = { .consents = none, .prompt = true, .stages = no_touch };
	struct scene s;
	char *text, *ask;

	(void)state;
	put("en.txt", "Ours, and why.\n", 15);
	begin(&s, &p, "123456\n");
	(void)ENROLL(&s);
	text = strstr(s.err, "\nOurs, and why.\n");
	ask = strstr(s.err, "code of their own, not the administrator's");
	assert_non_null(text);
	assert_non_null(ask);
	assert_true(text < ask);
	assert_says(s.err, "sato has agreed.");
	end(&s);
}

static void test_who_refuses_is_not_asked_to_touch_anything(void **state)
{
	struct play p = { .consents = none, .prompt = true, .stages = no_touch };
	struct scene s;

	(void)state;
	begin(&s, &p, ""); /* nobody types anything */
	assert_int_equal(ENROLL(&s), 1);
	assert_says(s.err, "What is taken from your finger");
	assert_null(strstr(s.err, "has agreed"));
	assert_null(strstr(s.err, "The right index finger of sato"));
	end(&s);
}

static void test_consent_on_paper_asks_for_no_code(void **state)
{
	struct play p = { .consents = none, .stages = no_touch };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	(void)ENROLL(&s, W("--consent-on-paper"));
	assert_says(s.err, "on paper is recorded");
	end(&s);
}

static void test_a_consent_to_this_text_is_not_asked_for_again(void **state)
{
	struct play p = { .prompt = true, .stages = no_touch };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	(void)ENROLL(&s);
	assert_says(s.err, "sato agreed to this text on 2026-0");
	assert_null(strstr(s.err, "What is taken from your finger"));
	end(&s);
}

/* One that was withdrawn, or to another text, is none. */
static void test_another_consent_does_not_count(void **state)
{
	struct msg_consent_row others[] = { { .id = 1, .given = 1, .withdrawn = 2 },
					    { .id = 2, .given = 1 },
					    { 0 } };
	struct play p = { .consents = others, .prompt = true, .stages = no_touch };
	struct scene s;

	(void)state;
	memset(others[0].purpose, SCENE_DIGEST, sizeof(others[0].purpose));
	begin(&s, &p, "123456\n");
	(void)ENROLL(&s);
	assert_says(s.err, "sato has agreed.");
	end(&s);
}

static void test_a_vault_that_does_not_name_the_text_takes_no_finger(void **state)
{
	struct play p = { .unnamed = true, .stages = no_touch };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(ENROLL(&s), 69);
	assert_null(strstr(s.err, "agreed"));
	end(&s);
}

static void test_a_configuration_that_is_wrong_takes_no_finger(void **state)
{
	struct play p = { .stages = no_touch };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("enroll"), W("fingerprint"), W("sato"), W("--finger"),
				W("right-index"), W("--config"), W("/nonexistent/conf")),
			 2);
	assert_int_equal(s.desk.line, -1);
	end(&s);
}

/* --- listings ------------------------------------------------------------------------ */

static const struct msg_consent_row two[] = {
	{ .id = 3, .given = 1775001600, .terminal = "pts/3", .witness = "abe" },
	{ .id = 4, .given = 1775001600, .paper = 1, .withdrawn = 1775002600 },
	{ 0 },
};

static void test_consents_are_listed_for_people_and_programs(void **state)
{
	struct play p = { .consents = two };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("consent"), W("list"), W("sato")), 0);
	assert_says(s.out, "own code");
	assert_says(s.out, "paper");
	assert_says(s.out, "pts/3");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("consent"), W("list"), W("sato"), W("--json")), 0);
	assert_says(s.out, "\"by\":\"own-code\",\"terminal\":\"pts/3\",\"witness\":\"abe\","
			   "\"withdrawn\":null");
	assert_says(s.out, "\"by\":\"paper\",\"terminal\":\"\",\"witness\":null");
	end(&s);
	p.consents = none;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("consent"), W("list"), W("sato")), 0);
	assert_says(s.err, "sato has agreed to nothing.");
	end(&s);
}

static void test_the_texts_are_shown_once_each(void **state)
{
	struct play p = { .consents = two };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("consent"), W("show"), W("sato")), 0);
	assert_says(s.out, "\nWhy.\n");
	assert_null(strstr(strstr(s.out, "\nWhy.\n") + 1, "\nWhy.\n"));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("consent"), W("show"), W("sato"), W("--json")), 0);
	assert_says(s.out, "\"language\":\"en\"");
	assert_says(s.out, "\"text\":\"Why.\\n\"}]}");
	end(&s);
}

static void test_withdrawing_says_what_will_be_gone_before_the_code(void **state)
{
	struct play p = { .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "123456\n");
	assert_int_equal(KENMON(&s, W("consent"), W("withdraw"), W("sato")), 0);
	assert_says(s.err, "All fingers of sato are destroyed; codes stay.");
	assert_says(s.out, "no finger is stored any more");
	end(&s);
}

/* --- invitations --------------------------------------------------------------------- */

static void test_an_invitation_shows_its_code_once_and_how_to_use_it(void **state)
{
	struct play p = { 0 };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato")), 0);
	assert_says(s.out, "within 10 minutes");
	assert_says(s.out, "kenmon enroll totp sato");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato"), W("--paper")), 0);
	assert_says(s.out, "within 24 hours");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato"), W("--paper"), W("--hours"), W("1")), 0);
	assert_says(s.out, "within 60 minutes");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(
	    KENMON(&s, W("invite"), W("sato"), W("--paper"), W("--hours"), W("4"), W("--json")), 0);
	assert_says(s.out, "\"seconds\":14400}");
	end(&s);
}

static void test_an_invitation_that_is_refused_or_wrong_shows_no_code(void **state)
{
	struct play p = { .rc = KM_ENOTFOUND };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato")), 1);
	assert_string_equal(s.out, "");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato"), W("--hours"), W("4")), 2);
	assert_says(s.err, "--hours needs --paper");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato"), W("--paper"), W("--hours"), W("25")),
			 2);
	end(&s);
}

/* One person at a time: no list of names makes a sheet of codes. */
static void test_an_invitation_is_for_one_name_and_several_invite_nobody(void **state)
{
	char *const rows[][4] = { { W("invite"), W("sato"), W("suzuki"), NULL },
				  { W("invite"), W("sato"), W("--paper"), W("suzuki") },
				  { W("invite"), NULL } };
	struct play p = { 0 };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(&s, &p, "");
		assert_int_equal(KENMON(&s, rows[i][0], rows[i][1], rows[i][2], rows[i][3]), 2);
		assert_string_equal(s.out, "");
		end(&s);
	}
}

static void test_an_invitation_that_waits_for_approval_exits_3_with_its_code(void **state)
{
	struct play p = { .rc = KM_EFILED };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("invite"), W("sato")), 3);
	assert_says(s.err, "second person");
	assert_says(s.out, "Binding code:");
	end(&s);
}

/* A key is not shown to be scanned before the invitation was good. */
static void test_the_key_is_shown_once_the_binding_code_was_right(void **state)
{
	struct play p = { .binding = true, .prompt = true };
	struct scene s;

	(void)state;
	begin(&s, &p, "abcd efgh-ijkl mnop\n123456\n");
	assert_int_equal(KENMON(&s, W("enroll"), W("totp"), W("sato"), W("--qr"), W("never")), 0);
	assert_says(s.err, "Binding code: ");
	assert_says(s.out, "Key: ");
	end(&s);
	begin(&s, &p, "AAAAAAAAAAAAAAAA\n123456\n");
	assert_int_equal(KENMON(&s, W("enroll"), W("totp"), W("sato"), W("--qr"), W("never")), 1);
	assert_null(strstr(s.out, "Key: "));
	end(&s);
}

/* --- me ------------------------------------------------------------------------------ */

static void test_me_alone_shows_and_takes_no_login(void **state)
{
	struct play p = { .rc = KM_EPERM };
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("me")), 77);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("me"), W("sato")), 2);
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("me"), W("--help")), 0);
	assert_says(s.out, "me withdraw");
	end(&s);
	/* Other groups still need their second word. */
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("consent")), 2);
	end(&s);
}

#define AT_SITE(test) cmocka_unit_test_setup_teardown(test, site_comes, site_goes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_shipped_texts_are_what_a_purpose_text_must_be),
		AT_SITE(test_a_site_without_a_text_of_its_own_has_the_shipped_one),
		AT_SITE(test_the_sites_text_comes_first_then_its_other_language),
		AT_SITE(test_a_hostile_text_is_refused_with_a_sentence),
		AT_SITE(test_a_folder_in_the_place_of_the_text_is_refused),
		AT_SITE(test_the_text_is_shown_and_the_operators_own_code_asked_for),
		AT_SITE(test_who_refuses_is_not_asked_to_touch_anything),
		AT_SITE(test_consent_on_paper_asks_for_no_code),
		AT_SITE(test_a_consent_to_this_text_is_not_asked_for_again),
		AT_SITE(test_another_consent_does_not_count),
		AT_SITE(test_a_vault_that_does_not_name_the_text_takes_no_finger),
		AT_SITE(test_a_configuration_that_is_wrong_takes_no_finger),
		cmocka_unit_test(test_consents_are_listed_for_people_and_programs),
		cmocka_unit_test(test_the_texts_are_shown_once_each),
		cmocka_unit_test(test_withdrawing_says_what_will_be_gone_before_the_code),
		cmocka_unit_test(test_an_invitation_shows_its_code_once_and_how_to_use_it),
		cmocka_unit_test(test_an_invitation_that_is_refused_or_wrong_shows_no_code),
		cmocka_unit_test(test_an_invitation_is_for_one_name_and_several_invite_nobody),
		cmocka_unit_test(test_an_invitation_that_waits_for_approval_exits_3_with_its_code),
		cmocka_unit_test(test_the_key_is_shown_once_the_binding_code_was_right),
		cmocka_unit_test(test_me_alone_shows_and_takes_no_login),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
