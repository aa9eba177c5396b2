/* [sms] of an HTTP gateway, in a file: what is wrong is named with its line, before anything is
 * sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/conf.h>
#include <kenmon/sms.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[] = "/tmp/kenmon-test-XXXXXX", path[96];
static struct km_conf conf;
static struct km_conf_error error;

static km_rc read_text(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fprintf(f, "[sms]\ngateway = http\n%s", text) > 0);
	assert_int_equal(fclose(f), 0);
	memset(&error, 0, sizeof(error));
	return km_conf_read(path, true, &conf, &error);
}

#define URL "url = https://gw.example/send?to={number}&text={text}\n"

static void test_gateways_of_many_kinds_are_taken(void **state)
{
	static const char *const good[] = {
		URL,
		"method = GET\n" URL,
		"url = https://gw/\nbody = {\"to\": \"{number}\", \"text\": \"{text}\"}\n",
		"url = https://gw/\nbody-type = form\nbody = to={number-digits}&text={text-ucs2}\n",
		"url = https://gw/\nbody-type = text\nbody = {text}\nheaders = X-To: {number}\n",
		URL "headers = X-Key: {password}; Accept: */*; Content-Type: text/x\n"
		    "credentials = key\n",
		URL "headers = Authorization: App {password}\ncredentials = key\n",
		URL "authentication = basic\ncredentials = /etc/kenmon/x\n",
		URL
		"success = \"id\": \"([^\"]*)\"\nreport-url = https://gw/{id}\ndelivered = yes\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (read_text(good[i]) != KM_OK)
			fail_msg("%zu: line %d: %s", i, error.line, error.text);
	/* Nobody looks at what no gateway needs. */
	assert_int_equal(read_text("gateway-is = no key\n"), KM_ECONF);
	conf.sms.gateway = 0;
}

static void test_what_is_wrong_is_named_with_its_line(void **state)
{
	static const struct {
		const char *text;
		int line;
		const char *part;
	} bad[] = {
		{ "", 2, "url: must be set" },
		{ "url = http://gw.example/{number}/{text}\n", 3, "in the clear" },
		{ "url = https://a:b@gw/{number}/{text}\n", 3, "NAME:PASSWORD" },
		{ "url = https://gw/{number}/{txt}\n", 3, "{txt: there are" },
		{ "url = https://gw/{number}\n", 3, "{text} or {text-ucs2} must stand" },
		{ "url = https://gw/{text}\n", 3, "{number} must stand" },
		{ "url = https://gw/\nbody = {\"a\": \"{text}\"}\n", 4, "{number} must stand" },
		{ "url = https://gw/\nbody = {\"a\": {text}}\n", 4, "does not stand between" },
		{ "url = https://gw/\nbody-type = form\nbody = a={number} {text}\n", 5, "0x20" },
		{ "method = GET\n" URL "body = 1\n", 5, "method = GET" },
		{ URL "headers = X\n", 4, "NAME: VALUE" },
		{ URL "headers = X Y: z\n", 4, "NAME: VALUE" },
		{ URL "headers = : z\n", 4, "NAME: VALUE" },
		{ URL "headers = X:\n", 4, "no value" },
		{ URL "headers = {id}: z\n", 4, "NAME: VALUE" },
		{ URL "headers = Host: evil\n", 4, "Host" },
		{ URL "headers = content-length: 3\n", 4, "content-length" },
		{ URL "headers = Transfer-Encoding: chunked\n", 4, "Transfer-Encoding" },
		{ URL "headers = Proxy-Authorization: x\n", 4, "no proxy" },
		{ URL "headers = X: 1; x: 2\n", 4, "twice" },
		{ URL "headers = A:1;B:1;C:1;D:1;E:1;F:1;G:1;H:1;I:1\n", 4, "too many" },
		{ URL "headers = X: \xe8\xaa\x8d\n", 4, "0xe8" },
		{ URL "credentials = x\nauthentication = basic\nheaders = Authorization: x\n", 6,
		  "comes of" },
		{ URL "authentication = bearer\n", 4, "needs 'credentials'" },
		{ URL "headers = X: {password}\n", 2, "credentials" },
		{ URL "success = (\n", 4, "regular expression" },
		{ URL "success = a++\n", 4, "repetition" },
		{ URL "delivered = x\n", 4, "need each other" },
		{ URL "report-url = https://gw/{id}\n", 4, "need each other" },
		{ URL "delivered = x\nreport-url = https://gw/{text}\n", 5,
		  "does not stand in it" },
		{ URL "delivered = x\nreport-url = http://gw/{id}\n", 5, "in the clear" },
		{ URL "delivered = [\nreport-url = https://gw/{id}\n", 4, "regular expression" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		conf.sms.timeout = 77;
		if (read_text(bad[i].text) != KM_ECONF)
			fail_msg("%zu is taken", i);
		if (error.line != bad[i].line || !strstr(error.text, bad[i].part))
			fail_msg("%zu: line %d: %s", i, error.line, error.text);
		assert_int_equal(conf.sms.timeout, 77);
	}
}

static void test_templates_of_another_gateway_are_not_looked_at(void **state)
{
	FILE *f = fopen(path, "we");

	(void)state;
	assert_non_null(f);
	assert_true(fputs("[sms]\ngateway = exec\nurl = nonsense {x}\nsuccess = (\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_OK);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/kenmon.conf", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gateways_of_many_kinds_are_taken),
		cmocka_unit_test(test_what_is_wrong_is_named_with_its_line),
		cmocka_unit_test(test_templates_of_another_gateway_are_not_looked_at),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
