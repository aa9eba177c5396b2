/*
 * Templates of an HTTP gateway: what is filled in stays where it stands. Nothing becomes a second
 * header, another parameter, or a second string of JSON, whatever number, text and names are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <kenmon/order.h>
#include <kenmon/sms.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char out[KM_SMS_FILLED];
static struct km_why why;
static size_t len;

static const char hostile[] =
    "a b\"c\\d&e=f%g\nh'i{number}j<k>#l?m/../n;o:p+q\xe8\xaa\x8d\xe8\xa8\xbc";

static struct km_sms_values values_of(const char *text)
{
	return (struct km_sms_values){ .of = { [KM_SMS_NUMBER] = "+819012345678",
					       [KM_SMS_WORDS] = text,
					       [KM_SMS_OUR_ID] = "0a1b",
					       [KM_SMS_USER] = "kenmon",
					       [KM_SMS_PASSWORD] = "p&s=1" } };
}

static km_rc fill(enum km_sms_place place, const char *template, const char *text)
{
	const struct km_sms_values values = values_of(text);
	struct km_sms_template t;

	assert_int_equal(km_sms_template_read(template, place, &t, &why), KM_OK);
	return km_sms_template_fill(&t, &values, out, sizeof(out), &len);
}

static void filled(enum km_sms_place place, const char *template, const char *text,
		   const char *expected)
{
	assert_int_equal(fill(place, template, text), KM_OK);
	assert_string_equal(out, expected);
	assert_int_equal(len, strlen(expected));
}

static void refused(enum km_sms_place place, const char *template, const char *because)
{
	struct km_sms_template t, before;

	memset(&t, 0x5a, sizeof(t));
	memset(&before, 0x5a, sizeof(before));
	why.text[0] = '\0';
	assert_int_equal(km_sms_template_read(template, place, &t, &why), KM_ECONF);
	assert_memory_equal(&t, &before, sizeof(t));
	if (!strstr(why.text, because))
		fail_msg("%s: %s", template, why.text);
}

static void test_each_place_has_its_own_escaping(void **state)
{
	(void)state;
	filled(KM_SMS_URL, "https://gw/send?to={number}&text={text}", "1 2&to=\xe8\xaa\x8d",
	       "https://gw/send?to=%2B819012345678&text=1%202%26to%3D%E8%AA%8D");
	filled(KM_SMS_FORM, "to={number-digits}&p={password}", "", "to=819012345678&p=p%26s%3D1");
	filled(KM_SMS_JSON, "{\"to\": [\"{number}\"], \"text\": \"<{text}>\"}",
	       "a\"b\\c\n\xe8\xaa\x8d",
	       "{\"to\": [\"+819012345678\"], \"text\": \"<a\\\"b\\\\c\\u000A\xe8\xaa\x8d>\"}");
	filled(KM_SMS_TEXT, "{number}: {text}", "a\"&\nb", "+819012345678: a\"&\nb");
	filled(KM_SMS_HEADER, "id={id}; user={user}", "", "id=0a1b; user=kenmon");
}

static void test_japanese_text_goes_as_utf_8_and_as_ucs_2(void **state)
{
	(void)state;
	filled(KM_SMS_URL, "https://gw/?t={text-ucs2}",
	       "\xe8\xaa\x8d"
	       "1\n",
	       "https://gw/?t=8A8D0031000A");
	filled(KM_SMS_HEADER, "{text-ucs2}", "\xf0\xa0\xae\xb7\xc3\xa9", "D842DFB700E9");
}

static void test_a_brace_is_a_brace_where_no_name_follows(void **state)
{
	(void)state;
	filled(KM_SMS_TEXT, "{}{{ {1} {\"a\"} }{id}{", "", "{}{{ {1} {\"a\"} }0a1b{");
	refused(KM_SMS_TEXT, "{name}", "there are {number}");
	refused(KM_SMS_TEXT, "{number", "there are {number}");
	refused(KM_SMS_TEXT, "{textual}", "there are {number}");
	refused(KM_SMS_TEXT, "{text }", "there are {number}");
}

/* What was filled in is not read again. */
static void test_a_placeholder_in_a_value_stays_text(void **state)
{
	(void)state;
	filled(KM_SMS_TEXT, "{text}{text}", "{password}", "{password}{password}");
}

static void test_a_value_that_cannot_stand_in_a_header_is_not_sent(void **state)
{
	static const char *const bad[] = { "a\nX-Evil: 1", "a\r\nb", "a\rb",         "\n",
					   "\t",           "\x7f",   "\xe8\xaa\x8d", "\xc3\xa9" };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		snprintf(out, sizeof(out), "as before");
		len = 77;
		assert_int_equal(fill(KM_SMS_HEADER, "x {text}", bad[i]), KM_EINVAL);
		assert_string_equal(out, "as before");
		assert_int_equal(len, 77);
	}
}

static void test_bytes_that_are_no_text_stand_nowhere(void **state)
{
	static const char *const bad[] = { "\xff", "\xc0\x80", "\xed\xa0\x80", "a\x1b[2J",
					   "a\rb", "\xe8\xaa", "\xe2\x80\xae", "\xe2\x80\xa8" };
	static const struct {
		enum km_sms_place place;
		const char *template;
	} places[] = { { KM_SMS_URL, "https://gw/{text}" }, { KM_SMS_HEADER, "{text}" },
		       { KM_SMS_JSON, "\"{text}\"" },       { KM_SMS_FORM, "{text}" },
		       { KM_SMS_TEXT, "{text}" },           { KM_SMS_TEXT, "{text-ucs2}" } };

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		for (size_t j = 0; j < COUNT(places); j++)
			assert_int_equal(fill(places[j].place, places[j].template, bad[i]),
					 KM_EINVAL);
}

static unsigned count(const char *text, char c)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

/* Property: the skeleton of the request is the template's, for any byte before, in and behind. */
static void test_no_value_changes_how_many_parameters_headers_or_strings_there_are(void **state)
{
	char text[KM_ORDER_TEXT];

	(void)state;
	for (unsigned c = 1; c < 256; c++) {
		snprintf(text, sizeof(text), "%c%s%c%c", (char)c, hostile, (char)c, (char)c);
		if (c >= 0x80 || (c < 0x20 && c != '\n') || c == 0x7f) {
			assert_int_equal(fill(KM_SMS_JSON, "{\"t\":\"{text}\"}", text), KM_EINVAL);
			continue;
		}
		assert_int_equal(fill(KM_SMS_URL, "https://gw/a/{text}?b={text}&c={id}", text),
				 KM_OK);
		assert_int_equal(count(out, '&'), 1);
		assert_int_equal(count(out, '='), 2);
		assert_int_equal(count(out, '?'), 1);
		assert_int_equal(count(out, '/'), 4);
		assert_int_equal(count(out, '#') + count(out, ' ') + count(out, '\n'), 0);
		assert_int_equal(fill(KM_SMS_FORM, "b={text}&c={id}", text), KM_OK);
		assert_int_equal(count(out, '&'), 1);
		assert_int_equal(count(out, '=') + count(out, '+') + count(out, '\n'), 2);
		assert_int_equal(fill(KM_SMS_JSON, "{\"t\":\"{text}\",\"u\":[\"{text}\"]}", text),
				 KM_OK);
		assert_true(km_sms_json_fits(out, &why));
		assert_int_equal(count(out, '\n') + count(out, 1), 0);
		assert_int_equal(fill(KM_SMS_HEADER, "{text}", text), KM_EINVAL);
	}
}

/* The number that counts quotes and backslashes as a reader does. */
static unsigned strings_of(const char *json)
{
	unsigned quotes = 0;

	for (; *json; json++) {
		if (*json == '\\')
			json++;
		else
			quotes += *json == '"';
	}
	return quotes / 2;
}

static void test_json_stays_the_strings_it_was(void **state)
{
	(void)state;
	assert_int_equal(fill(KM_SMS_JSON, "{\"a\":\"{text}\",\"b\":\"{text}\"}", hostile), KM_OK);
	assert_int_equal(strings_of(out), 4);
	assert_int_equal(fill(KM_SMS_JSON, "\"{text}\"", "\\"), KM_OK);
	assert_string_equal(out, "\"\\\\\"");
}

static void test_a_template_for_json_is_json_with_placeholders_in_strings(void **state)
{
	(void)state;
	refused(KM_SMS_JSON, "{\"to\": {number}}", "between");
	refused(KM_SMS_JSON, "{\"to\": \"{number}}", "without its end");
	refused(KM_SMS_JSON, "{\"to\": \"\\{number}\"}", "escapes nothing");
	refused(KM_SMS_JSON, "{\"to\": \"{number}\"} x", "goes on");
	refused(KM_SMS_JSON, "{\"to\": \"{number}\",}", "no name");
	refused(KM_SMS_JSON, "[\"{number}\"", "without its ']'");
	refused(KM_SMS_JSON, "{\"a\" \"{number}\"}", "without ':'");
	refused(KM_SMS_JSON, "{\"a\": 1", "without its '}'");
	refused(KM_SMS_JSON, "to={number}", "no JSON");
	refused(KM_SMS_JSON, "", "no JSON");
	refused(KM_SMS_JSON, "[01]", "without its ']'");
	refused(KM_SMS_JSON, "[-]", "a number");
	refused(KM_SMS_JSON, "[1.]", "a number");
	refused(KM_SMS_JSON, "[1e]", "a number");
	refused(KM_SMS_JSON, "[\"\\u12g4\"]", "escapes nothing");
	refused(KM_SMS_JSON, "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "too deeply");
	filled(KM_SMS_JSON, "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]", "",
	       "[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]");
	filled(KM_SMS_JSON, "[-0.5e+3, 0, 10E2, true, false, null, {}, [], \"\\u00e9\\n\"]", "",
	       "[-0.5e+3, 0, 10E2, true, false, null, {}, [], \"\\u00e9\\n\"]");
}

static void test_an_address_is_https_or_this_machine(void **state)
{
	static const char *const good[] = {
		"https://gw.example.jp/x",    "https://gw",
		"https://192.0.2.1:8443/",    "https://[2001:db8::1]/x",
		"http://localhost:1/x",       "http://127.0.0.1/x",
		"http://127.255.0.9:80/x",    "http://[::1]:65535/x",
		"https://[1:2:3:4:5:6:7:8]/", "https://[::]/",
		"https://[fe80::1:2]/",       "https://[1::]/",
		"https://0.0.0.0/",           "https://3com.example/",
	};
	static const char *const bad[] = {
		"",
		"gw/x",
		"ftp://gw/",
		"file:///etc/passwd",
		"HTTPS://gw/",
		"https:/gw",
		"https://",
		"https:///x",
		"https://gw:/x",
		"https://gw:0/",
		"https://gw:65536/",
		"https://gw:1x/",
		"https://user@gw/",
		"https://user:pw@gw/",
		"https://gw\\@evil/",
		"https://gw?x",
		"https://gw#x",
		"https://gw/#x",
		"https://gw/a b",
		"https://gw/%",
		"https://gw/%2",
		"https://gw/%2x",
		"https://gw/%{text}",
		"https://gw/<",
		"https://gw/\xe8\xaa\x8d",
		"https://{number}/",
		"https://gw{number}/",
		"https://gw:{number}/",
		"https://gw..x/",
		"https://.gw/",
		"https://-gw/",
		"https://gw./",
		"https://127.1/",
		"https://0x7f.1/",
		"https://1/",
		"https://[::1/",
		"https://[::g]/",
		"https://[127.0.0.1]/",
		"https://[]/",
		"http://gw/",
		"http://192.0.2.1/",
		"http://128.0.0.1/",
		"http://localhost.example/",
		"http://[::2]/",
		"http://[::ffff:127.0.0.1]/",
		"https://256.0.0.1/",
		"https://01.2.3.4/",
		"https://1.2.3/",
		"https://1.2.3.4.5/",
		"https://1.2.3.4567/",
		"https://[1:2:3:4:5:6:7]/",
		"https://[1:2:3:4:5:6:7:8:9]/",
		"https://[1::2::3]/",
		"https://[12345::]/",
		"https://[:::]/",
		"https://[1:]/",
		"https://[:1]/",
		"https://[1:2:3:4:5:6:7::8]/",
	};
	struct km_sms_template t;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(km_sms_template_read(good[i], KM_SMS_URL, &t, &why), KM_OK);
	for (size_t i = 0; i < COUNT(bad); i++)
		if (km_sms_template_read(bad[i], KM_SMS_URL, &t, &why) == KM_OK)
			fail_msg("%s is taken", bad[i]);
}

static void test_host_and_port_of_an_address(void **state)
{
	char host[256] = "before";
	unsigned port = 7;

	(void)state;
	assert_int_equal(km_sms_url_host("https://[2001:DB8::1]:8443/x", host, &port), KM_OK);
	assert_string_equal(host, "2001:DB8::1");
	assert_int_equal(port, 8443);
	assert_int_equal(km_sms_url_host("https://gw-1.example/x", host, &port), KM_OK);
	assert_string_equal(host, "gw-1.example");
	assert_int_equal(port, 443);
	assert_int_equal(km_sms_url_host("nothing", host, &port), KM_EINVAL);
	assert_string_equal(host, "gw-1.example");
	assert_true(km_sms_host_is_loopback("127.0.0.1"));
	assert_false(km_sms_host_is_loopback("localhost.evil.example"));
}

/* The longest values, escaped as far as they can be, fit what is said to be enough. */
static void test_a_template_that_could_grow_too_long_is_refused(void **state)
{
	char text[KM_ORDER_TEXT + 1];

	(void)state;
	memset(text, '\n', sizeof(text));
	text[0] = '"';
	text[sizeof(text) - 1] = '\0';
	refused(KM_SMS_JSON, "[\"{text}{text}{text}{text}{text}{text}\"]", "more than");
	assert_int_equal(fill(KM_SMS_JSON, "[\"{text}{text}{text}{text}{text}\"]", text), KM_OK);
	assert_true(len > 7500);
	refused(KM_SMS_TEXT,
		"{id} {id} {id} {id} {id} {id} {id} {id} {id} {id} {id} {id} {id} {id}",
		"too many");
}

static void test_too_little_room_leaves_everything_as_it_was(void **state)
{
	const struct km_sms_values values = values_of("0123456789");
	struct km_sms_template t;
	char small[16] = "as before";

	(void)state;
	assert_int_equal(km_sms_template_read("<{text}>", KM_SMS_TEXT, &t, &why), KM_OK);
	len = 77;
	for (size_t cap = 0; cap <= 12; cap++) {
		assert_int_equal(km_sms_template_fill(&t, &values, small, cap, &len), KM_ELIMIT);
		assert_string_equal(small, "as before");
		assert_int_equal(len, 77);
	}
	assert_int_equal(km_sms_template_fill(&t, &values, small, 13, &len), KM_OK);
	assert_string_equal(small, "<0123456789>");
}

static void test_names_that_gateways_give(void **state)
{
	(void)state;
	assert_true(km_sms_id_fits("SM-1.a_b:c@d=e+f", 16));
	assert_false(km_sms_id_fits("", 0));
	assert_false(km_sms_id_fits("..", 2));
	assert_false(km_sms_id_fits(".", 1));
	assert_false(km_sms_id_fits("a/b", 3));
	assert_false(km_sms_id_fits("a b", 3));
	assert_false(km_sms_id_fits("a\0b", 3));
	assert_false(km_sms_id_fits("a\n", 2));
	assert_false(km_sms_id_fits("\xc3\xa9", 2));
	memset(out, 'a', KM_SMS_ID + 1);
	assert_true(km_sms_id_fits(out, KM_SMS_ID));
	assert_false(km_sms_id_fits(out, KM_SMS_ID + 1));
}

static void test_a_pattern_that_would_take_for_ever_is_refused(void **state)
{
	static const char *const good[] = { "\"status\": *\"ok\".*\"id\": *\"([^\"]+)\"",
					    "^0: Accepted",
					    "[]\\1[:alpha:]{9}x]",
					    "\\\\1",
					    "a{2,10}",
					    "[{]9999[}]",
					    "(a+)+b*c?",
					    "\\++",
					    "[+*]+" };
	static const char *const bad[] = { "(a)\\1",      "(",
					   "[a",          "a{256}",
					   "(a{100}){3}", "a{1,}{5,2000}",
					   "*a{",         "[[.a",
					   "a++",         "a*{2}",
					   "a{2}*",       "((((((((((a+)+)+)+)+)+)+)+)+)+)+",
					   "a?+" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!km_sms_pattern_fits(good[i], &why))
			fail_msg("%s: %s", good[i], why.text);
	for (size_t i = 0; i < COUNT(bad); i++) {
		why.text[0] = '\0';
		if (km_sms_pattern_fits(bad[i], &why))
			fail_msg("%s is taken", bad[i]);
		assert_true(why.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_place_has_its_own_escaping),
		cmocka_unit_test(test_japanese_text_goes_as_utf_8_and_as_ucs_2),
		cmocka_unit_test(test_a_brace_is_a_brace_where_no_name_follows),
		cmocka_unit_test(test_a_placeholder_in_a_value_stays_text),
		cmocka_unit_test(test_a_value_that_cannot_stand_in_a_header_is_not_sent),
		cmocka_unit_test(test_bytes_that_are_no_text_stand_nowhere),
		cmocka_unit_test(
		    test_no_value_changes_how_many_parameters_headers_or_strings_there_are),
		cmocka_unit_test(test_json_stays_the_strings_it_was),
		cmocka_unit_test(test_a_template_for_json_is_json_with_placeholders_in_strings),
		cmocka_unit_test(test_an_address_is_https_or_this_machine),
		cmocka_unit_test(test_host_and_port_of_an_address),
		cmocka_unit_test(test_a_template_that_could_grow_too_long_is_refused),
		cmocka_unit_test(test_too_little_room_leaves_everything_as_it_was),
		cmocka_unit_test(test_names_that_gateways_give),
		cmocka_unit_test(test_a_pattern_that_would_take_for_ever_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
