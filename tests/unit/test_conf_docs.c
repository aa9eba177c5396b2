/* The table of the configuration, its example and its manual page say the same. */
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

static char folder[] = "/tmp/kenmon-test-conf-XXXXXX", path[96];
static struct km_conf conf;
static struct km_conf_error error;

static km_rc read_text(const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return km_conf_read(path, true, &conf, &error);
}

static const struct row {
	const char *section, *key, *kind, *fallback;
	unsigned least, most;
	const char *unit;
} rows[] = {
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what)                      \
	{ #section, #key, #kind, fallback, least, most, unit },
#include <kenmon/conf.def>
#undef KM_CONF
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void check_default(void *arg, const char *section, const char *key, const char *value)
{
	size_t *i = arg;

	assert_true(*i < ROWS);
	assert_string_equal(section, rows[*i].section);
	assert_string_equal(key, rows[*i].key);
	assert_string_equal(value, rows[*i].fallback);
	++*i;
}

static void test_every_default_is_a_value_that_its_own_reader_takes(void **state)
{
	size_t i = 0;

	(void)state;
	km_conf_defaults(&conf);
	km_conf_each(&conf, check_default, &i);
	assert_int_equal(i, ROWS);
}

static void count_service_keys(void *arg, const char *section, const char *key, const char *value)
{
	if (strcmp(section, "service sudo") != 0)
		return;
	++*(unsigned *)arg;
	if (strcmp(key, "tries") == 0)
		assert_string_equal(value, "1");
	if (strcmp(key, "factors") == 0)
		assert_string_equal(value, "totp+hotp recovery");
}

static void test_settings_of_services_are_shown_too(void **state)
{
	unsigned keys = 0;

	(void)state;
	assert_int_equal(
	    read_text("[service sudo]\ntries=1\n[login]\nfactors=hotp+totp recovery\n"), KM_OK);
	km_conf_each(&conf, count_service_keys, &keys);
	assert_int_equal(keys, 4);
}

/* A file of the repository, whole. Tests run from its root. */
static char *slurp(const char *where)
{
	static char text[64 * 1024];
	FILE *f = fopen(where, "re");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* The example with the '#' taken away from "#key = value" and from "#[section]". */
static char *uncomment(char *text)
{
	char *to = text;

	for (char *from = text; *from; from++)
		if (*from != '#' || from[1] == ' ' || (from > text && from[-1] != '\n'))
			*to++ = *from;
	*to = '\0';
	return text;
}

static void test_the_example_shows_every_key_with_its_default(void **state)
{
	char line[256];
	char *text = slurp("systemd/kenmon.conf");
	size_t i = 0;

	(void)state;
	assert_int_equal(read_text(text), KM_OK); /* as shipped it changes nothing */
	km_conf_each(&conf, check_default, &i);
	for (i = 0; i < ROWS; i++) {
		snprintf(line, sizeof(line), "\n#%s =%s%s\n", rows[i].key,
			 *rows[i].fallback ? " " : "", rows[i].fallback);
		assert_non_null(strstr(text, line));
	}
	assert_int_equal(read_text(uncomment(text)), KM_OK);
	assert_int_equal(conf.service_count, 1);
	conf.service_count = 0; /* [service sudo] is an example, not a default */
	i = 0;
	km_conf_each(&conf, check_default, &i);
	assert_int_equal(i, ROWS);
}

/* Each word of "none|http" is named between its key and that key's default. */
static void assert_words_are_named(const char *words, const char *item, const char *says)
{
	char want[64];
	size_t len;

	for (; *words; words += len + (words[len] == '|')) {
		const char *at;

		len = strcspn(words, "|");
		snprintf(want, sizeof(want), "\n.It Li %.*s\n", (int)len, words);
		at = strstr(item + 1, want);
		assert_true(at && at < says);
	}
}

static void test_the_manual_says_of_every_key_what_the_table_says(void **state)
{
	char want[256], *section, *item, *next, *says;
	char *text = slurp("docs/man/kenmon.conf.5");

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(want, sizeof(want), "\n.Ss [%s]", rows[i].section);
		section = strstr(text, want);
		assert_non_null(section);
		snprintf(want, sizeof(want), "\n.It Cm %s\n", rows[i].key);
		item = strstr(section, want);
		assert_non_null(item);
		next = strstr(section + 1, "\n.S");
		assert_true(next && item < next);

		if (strcmp(rows[i].kind, "NUMBER") == 0)
			snprintf(want, sizeof(want), "\nDefault: %s %s, from %u to %u.\n",
				 rows[i].fallback, rows[i].unit, rows[i].least, rows[i].most);
		else
			snprintf(want, sizeof(want), "\nDefault: %s.\n",
				 *rows[i].fallback ? rows[i].fallback : "empty");
		says = strstr(item, "\nDefault: ");
		assert_non_null(says);
		assert_memory_equal(says, want, strlen(want));
		if (strcmp(rows[i].kind, "WORD") == 0)
			assert_words_are_named(rows[i].unit, item, says);
	}
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/kenmon.conf", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_default_is_a_value_that_its_own_reader_takes),
		cmocka_unit_test(test_settings_of_services_are_shown_too),
		cmocka_unit_test(test_the_example_shows_every_key_with_its_default),
		cmocka_unit_test(test_the_manual_says_of_every_key_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
