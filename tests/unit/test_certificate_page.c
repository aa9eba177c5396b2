/* A certificate as people read it: one page, the same in two languages and two forms. */
#include "certificate_scene.h"

#include "../../enroll/out.h"

static char *page_of(const struct certificate *c, enum km_lang lang, bool html)
{
	char *text = NULL;
	struct desk d;
	size_t len;

	desk_init(&d);
	d.lang = lang;
	d.out = open_memstream(&text, &len);
	assert_non_null(d.out);
	certificate_page(&d, c, html);
	assert_int_equal(fclose(d.out), 0);
	return text;
}

static void test_the_page_says_the_same_in_both_languages_and_forms(void **state)
{
	struct certificate c CERTIFICATE;
	char *text, when[DESK_TIME];

	(void)state;
	fill(&c);
	memset(c.row.approved, 0x22, sizeof(c.row.approved));
	for (int form = 0; form < 4; form++) {
		text = page_of(&c, form & 1 ? KM_LANG_JA : KM_LANG_EN, form & 2);
		assert_says(text, "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a");
		assert_says(text, form & 1 ? "退職" : "retired");
		assert_says(text, "NIST SP 800-88");
		assert_says(text, "totp 7");
		assert_says(text, "4711, 4a4a");
		assert_says(text, form & 1 ? "使用不能になった日時" : "Unusable since");
		assert_says(text, desk_time(c.row.unusable, when));
		assert_says(text, form & 1 ? "決定した者" : "Decided by");
		assert_says(text, "11111111111111111111111111111111");
		assert_says(text, form & 1 ? "承認した者" : "Approved by");
		assert_says(text, "22222222222222222222222222222222");
		assert_says(text, form & 1 ? "対象外のもの" : "What this does not cover");
		assert_says(text, form & 1 ? "印刷されたもの (名簿" : "what was printed: lists");
		assert_says(text, form & 1 ? "メッセージのゲートウェイのログ"
					   : "such as the logs of a gateway");
		assert_says(text, form & 1 ? "別の場所に保管された鍵バンドル"
					   : "key bundles held elsewhere");
		assert_says(text, form & 1 ? "破棄済みと確認" : "has confirmed");
		/* A finger that was destroyed before is not listed: the page says where it is. */
		assert_says(text, "consent-withdrawn");
		assert_says(text, "credential-removed");
		assert_int_equal(strncmp(text, "<!DOCTYPE html>", 15) == 0, form >> 1);
		free(text);
	}
}

/* Whoever types what the page says must not be told that it is another key. */
static void test_after_a_restore_the_page_names_the_key_to_compare(void **state)
{
	struct certificate c CERTIFICATE;
	char key[65] = "", *text = NULL;
	struct scene s;

	(void)state;
	fill(&c);
	sign_signer(&c, &c.signer[1], 1);
	for (size_t i = 0; i < 32; i++)
		snprintf(key + 2 * i, 3, "%02x", c.signer[1].public[i]);
	text = page_of(&c, KM_LANG_EN, false);
	assert_says(text, key);
	free(text);
	assert_int_equal(verify(&s, &c, key), 0);
	end(&s);
}

static void test_a_page_of_one_that_is_not_finished_says_so(void **state)
{
	struct certificate c CERTIFICATE;
	char *text = NULL;

	(void)state;
	fill(&c);
	c.row.finished = c.row.closed = 0;
	c.row.seq = 0;
	c.row.bundles = 0;
	c.row.generation = 0;
	text = page_of(&c, KM_LANG_EN, false);
	assert_says(text, "not yet; it goes on by itself");
	assert_says(text, "not closed yet");
	assert_says(text, "has not confirmed");
	assert_says(text, "not signed");
	free(text);
}

/* --- one sheet ----------------------------------------------------------------------------------
 */

/* As the form is printed, in points; a letter is taken as wider than it is in any sans-serif. */
#define STYLE                                                                                      \
	"@page { size: A4; margin: 15mm }\n"                                                       \
	"body { font: 9pt/1.3 sans-serif; max-width: 180mm; overflow-wrap: anywhere }\n"           \
	"h1 { font-size: 14pt; margin: 0 } h2 { font-size: 11pt; margin: .6em 0 0 }\n"             \
	"p { margin: .2em 0 } ul { margin: .2em 0 }\n"
#define POINTS(mm) ((mm)*72 / 25.4)
#define LINE       (9 * 1.3)
#define LETTER     (9 * 0.62)

/* So many lines does the text of an element take, up to its end. */
static double lines_of(const char *text, const char *end, double width)
{
	double at = 0;

	for (bool tag = false; text < end; text++) {
		tag = tag ? *text != '>' : *text == '<';
		if (tag || *text == '>' || ((unsigned char)*text & 0xc0) == 0x80)
			continue;
		at += (unsigned char)*text >= 0xc0 ? 9 : LETTER;
	}
	/* What is broken between words leaves up to a word of each line. */
	return at <= width ? 1 : (double)(unsigned)(at / (width - 12 * LETTER)) + 1;
}

static double height_of(const char *html)
{
	static const struct {
		const char *tag, *end;
		double around, indent; /* at most, above and below */
	} elements[] = {
		{ "<h1>", "</h1>", 14 * 1.3 - LINE, 0 },
		{ "<h2>", "</h2>", 11 * 1.6 + 11 * 0.3 - LINE, 0 },
		{ "<p>", "</p>", 9 * 0.2, 0 },
		{ "<li>", "</li>", 0, 30 },
		{ "<ul>", NULL, 2 * 9 * 0.2, 0 },
	};
	double height = 0;
	unsigned met = 0;

	for (const char *at = strstr(html, "<body>"); *at; at++) {
		for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
			size_t len = strlen(elements[i].tag);

			if (strncmp(at, elements[i].tag, len) != 0)
				continue;
			met++;
			height += elements[i].around;
			if (elements[i].end)
				height += LINE * lines_of(at + len, strstr(at, elements[i].end),
							  POINTS(180) - elements[i].indent);
		}
	}
	assert_true(met > 30);
	return height;
}

static unsigned lines_in(const char *text, size_t columns)
{
	unsigned lines = 0;

	for (const char *end; *text; text = end + 1) {
		end = strchr(text, '\n');
		assert_non_null(end);
		lines += (unsigned)((size_t)(end - text) / columns) + 1;
	}
	return lines;
}

/* With as many items as one can have, each of the longest kind. */
static void test_the_longest_certificate_is_one_page(void **state)
{
	struct certificate c CERTIFICATE;
	char *text;

	(void)state;
	fill(&c);
	memset(c.row.approved, 0x22, sizeof(c.row.approved));
	c.row.items = KM_CERTIFICATE_ITEMS;
	for (unsigned i = 1; i < KM_CERTIFICATE_ITEMS; i++)
		c.item[i] =
		    (struct msg_certificate_item){ KM_FACTOR_FINGERPRINT, UINT64_MAX, 1720000000 };
	c.row.seq = UINT64_MAX;
	c.row.generation = UINT32_MAX;
	for (int form = 0; form < 4; form++) {
		c.row.closed = form & 1 ? 0 : 1750000600;
		c.row.bundles = !(form & 1);
		text = page_of(&c, form & 1 ? KM_LANG_JA : KM_LANG_EN, form & 2);
		if (!(form & 2)) {
			if (!(form & 1))
				assert_in_range(lines_in(text, 80), 40, 66);
			free(text);
			continue;
		}
		assert_says(text, STYLE);
		assert_null(strstr(text, "<br>")); /* a line that is not counted */
		if (height_of(text) > POINTS(297 - 2 * 15))
			fail_msg("form %d takes %.0f points of %.0f", form, height_of(text),
				 POINTS(297 - 2 * 15));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_page_says_the_same_in_both_languages_and_forms),
		cmocka_unit_test(test_after_a_restore_the_page_names_the_key_to_compare),
		cmocka_unit_test(test_the_longest_certificate_is_one_page),
		cmocka_unit_test(test_a_page_of_one_that_is_not_finished_says_so),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
