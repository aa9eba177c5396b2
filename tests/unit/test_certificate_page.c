/* A certificate as people read it: one page, the same in two languages and two forms. */
#include "certificate_scene.h"

#include "../../enroll/out.h"

static void test_the_page_says_the_same_in_both_languages_and_forms(void **state)
{
	struct certificate c CERTIFICATE;
	struct desk d;
	char *text, when[DESK_TIME];
	size_t len;

	(void)state;
	fill(&c);
	memset(c.row.approved, 0x22, sizeof(c.row.approved));
	desk_init(&d);
	for (int form = 0; form < 4; form++) {
		d.lang = form & 1 ? KM_LANG_JA : KM_LANG_EN;
		text = NULL;
		d.out = open_memstream(&text, &len);
		certificate_page(&d, &c, form & 2);
		fclose(d.out);
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
		assert_says(text,
			    form & 1 ? "別の場所に保管された鍵の束" : "key bundles held elsewhere");
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
	struct desk d;
	struct scene s;
	size_t len;

	(void)state;
	fill(&c);
	sign_signer(&c, &c.signer[1], 1);
	for (size_t i = 0; i < 32; i++)
		snprintf(key + 2 * i, 3, "%02x", c.signer[1].public[i]);
	desk_init(&d);
	d.lang = KM_LANG_EN;
	d.out = open_memstream(&text, &len);
	certificate_page(&d, &c, false);
	fclose(d.out);
	assert_says(text, key);
	free(text);
	assert_int_equal(verify(&s, &c, key), 0);
	end(&s);
}

static void test_a_page_of_one_that_is_not_finished_says_so(void **state)
{
	struct certificate c CERTIFICATE;
	struct desk d;
	char *text = NULL;
	size_t len;

	(void)state;
	fill(&c);
	c.row.finished = c.row.closed = 0;
	c.row.seq = 0;
	c.row.bundles = 0;
	c.row.generation = 0;
	desk_init(&d);
	d.lang = KM_LANG_EN;
	d.out = open_memstream(&text, &len);
	certificate_page(&d, &c, false);
	fclose(d.out);
	assert_says(text, "not yet; it goes on by itself");
	assert_says(text, "not closed yet");
	assert_says(text, "has not confirmed");
	assert_says(text, "not signed");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_page_says_the_same_in_both_languages_and_forms),
		cmocka_unit_test(test_after_a_restore_the_page_names_the_key_to_compare),
		cmocka_unit_test(test_a_page_of_one_that_is_not_finished_says_so),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
