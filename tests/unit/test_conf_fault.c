/* What is wrong with a configuration: its sentence, and its values beside it. */
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
#include <kenmon/conf_fault.h>

static struct km_why why;

/* The values, with '|' behind each. */
static const char *values_of(const struct km_fault *fault)
{
	static char out[KM_FAULT_VALUES + 1];

	memcpy(out, fault->values, fault->len);
	out[fault->len] = '\0';
	for (size_t i = 0; i < fault->len; i++)
		if (!out[i])
			out[i] = '|';
	return out;
}

static void test_a_sentence_is_that_of_printf_and_its_values_stand_beside_it(void **state)
{
	(void)state;
	assert_false(KM_WHY(&why, NUMBER, 1u, 10u, "tries"));
	assert_string_equal(why.text, "must be 1 to 10 tries");
	assert_int_equal(why.fault.number, KM_FAULT_NUMBER);
	assert_string_equal(values_of(&why.fault), "1|10|tries|");
	assert_false(KM_WHY(&why, URL_CHARACTER, "\"", (unsigned)'"'));
	assert_string_equal(why.text, "has a '\"' in it: %22 is meant, or nothing");
	assert_string_equal(values_of(&why.fault), "\"|22|");
	assert_false(KM_WHY(&why, TEMPLATE_BYTE, 0xc3u));
	assert_string_equal(why.text, "holds a byte 0xc3, which must be written percent-encoded");
	assert_false(KM_WHY(&why, KEY, (size_t)64));
	assert_string_equal(why.text, "must be a public key in 64 hex digits, or empty");
	assert_false(KM_WHY(&why, URL_PERCENT));
	assert_string_equal(why.text, "has a '%' that two hexadecimal digits must follow");
	assert_string_equal(values_of(&why.fault), "");
	assert_false(KM_WHY(&why, STEPS_MANY, -4));
	assert_string_equal(why.text, "must be -4 steps or fewer");
}

/* A value with a sign of printf's in it is a value. */
static void test_a_value_is_no_format(void **state)
{
	(void)state;
	KM_WHY(&why, NAME_TWICE, "%s%n|%1");
	assert_string_equal(why.text, "names '%s%n|%1' twice; once is enough");
	assert_string_equal(values_of(&why.fault), "%s%n|%1|");
}

static void test_what_is_too_long_is_cut(void **state)
{
	char name[2 * KM_FAULT_VALUES];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	KM_WHY(&why, FACTOR_UNKNOWN, name, "totp");
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	assert_string_equal(values_of(&why.fault), "|totp|"); /* each in its place */
	name[KM_FAULT_VALUES - 1] = '\0';
	KM_WHY(&why, FACTOR_UNKNOWN, name, "totp");
	assert_int_equal(why.fault.len, sizeof(why.fault.values));
}

static void test_an_error_names_the_fault_and_the_one_within_it(void **state)
{
	char folder[] = "/tmp/kenmon-test-fault-XXXXXX", path[64];
	struct km_conf_error error;
	static struct km_conf conf;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/kenmon.conf", folder);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs("[login]\ntries = 99\n", f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_ECONF);
	assert_string_equal(error.text, "[login] tries = 99: must be 1 to 10 tries");
	assert_int_equal(error.fault.number, KM_FAULT_VALUE);
	assert_string_equal(values_of(&error.fault), "login|tries|99|must be 1 to 10 tries|");
	assert_int_equal(error.why.number, KM_FAULT_NUMBER);
	assert_string_equal(values_of(&error.why), "1|10|tries|");
	assert_int_equal(remove(path), 0);
	assert_int_equal(km_conf_read(path, true, &conf, &error), KM_ECONF);
	assert_int_equal(error.fault.number, KM_FAULT_OPEN);
	assert_int_equal(error.why.number, KM_FAULT_NONE);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sentence_is_that_of_printf_and_its_values_stand_beside_it),
		cmocka_unit_test(test_a_value_is_no_format),
		cmocka_unit_test(test_what_is_too_long_is_cut),
		cmocka_unit_test(test_an_error_names_the_fault_and_the_one_within_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
