/*
 * C17: no code and no number in any file of the vault, in its log, or in what it kept of them for
 * the length of a round.
 */
#include <dirent.h>
#include <fcntl.h>

#include "phone_world.h"

#define NATIONAL "9012345678" /* what every form of the number has in it */

/* --- files and log -------------------------------------------------------------------------- */

static bool is_in_file(const char *path, const char *what)
{
	struct stat st;
	char *bytes;
	bool found;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	bytes = malloc((size_t)st.st_size);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	found = memmem(bytes, (size_t)st.st_size, what, strlen(what)) != NULL;
	free(bytes);
	close(fd);
	return found;
}

static bool is_in_folder(const char *folder, const char *what)
{
	char path[400];
	bool found = false;
	struct dirent *e;
	DIR *d = opendir(folder);

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%.100s/%.200s", folder, e->d_name);
		if (e->d_type == DT_DIR)
			found |= is_in_folder(path, what);
		else
			found |= is_in_file(path, what);
	}
	closedir(d);
	return found;
}

/* What the vault logs goes into a file in its own folder, whatever level it is of. */
static int log_to_folder(void)
{
	char path[80];
	int saved = dup(STDERR_FILENO), fd;

	snprintf(path, sizeof path, "%.48s/log", pw.w->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(saved >= 0 && fd >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
	km_log_open("test", NULL, LOG_DEBUG);
	return saved;
}

static void log_as_before(int saved)
{
	km_log_open("test", NULL, LOG_EMERG - 1);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
}

static bool outgoing_is_empty(void)
{
	const uint8_t *bytes = (const uint8_t *)pw.w->v->outgoing;

	/* Whole: of what was written nothing is left. */
	for (size_t i = 0; bytes && i < VAULT_OUTGOING * (size_t)256; i++)
		if (bytes[i])
			return false;
	return bytes != NULL;
}

static void test_C17_no_code_and_no_number_in_any_file_or_log(void **state)
{
	char code[KM_ORDER_KEYS + 1], keys[KM_ORDER_KEYS + 1];
	struct msg_order o;
	int saved = log_to_folder();

	(void)state;
	pw.w->v->conf.phone.digits = 10; /* no other ten digits are these */
	(void)enrol_phone("alice", KM_FACTOR_VOICE, "+819012345678");
	o = sends(KM_ORDER_MESSAGE, code);
	assert_int_equal(strlen(code), 10);
	assert_true(outgoing_is_empty());
	ordered(o.order, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED, "");
	hears_news(KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED);
	o = sends(KM_ORDER_KEYPAD, NULL);
	digits_in(world_client_heard(pw.client, NULL).info.text, 200, keys);
	ordered(o.order, KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE, another(keys));
	hears_news(KM_ORDER_STATE_KEYED, KM_ORDER_WHY_NONE);
	hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	(void)sends(KM_ORDER_MESSAGE, code);
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	courier_goes();
	log_as_before(saved);
	assert_true(is_in_folder(pw.w->dir, "courier's link is closed")); /* the log is looked at */
	assert_false(is_in_folder(pw.w->dir, NATIONAL));
	assert_false(is_in_folder(pw.w->dir, "90123456"));
	assert_false(is_in_folder(pw.w->dir, code));
	assert_false(is_in_folder(pw.w->dir, keys));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		COMING(test_C17_no_code_and_no_number_in_any_file_or_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
