/*
 * C23. A database that is cut short at any page, or has any page zeroed, overwritten or changed in
 * one bit; its log cut or overwritten at any frame; identity.db of another day. The rooms start
 * or refuse with a sentence that says what to do; no room crashes; no code that was used, and no
 * wrong one, ever opens.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"

#define PAGE       4096
#define WAL_HEADER 32 /* sqlite.org/fileformat2.html, "the write-ahead log" */
#define WAL_FRAME  (24 + PAGE)
#define USED       3 /* codes of daemon that were used */
#define WRONG      "000000"
#define HEAD_MS    1200 /* the judge has written down where the trail ends */

static struct scene {
	struct house h;
	char good[HOUSE_PATH + 8];
	unsigned points, started, noticed;
	char where[160];
} scene;

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: not so: %s", scene.where, #condition);                       \
	} while (0)

static int try_hotp(const char *login, uint64_t counter)
{
	char code[16];

	house_hotp(code, OFFICE_SECRET, 6, counter);
	return office_try(&scene.h, login, code);
}

static void copy(const char *from, const char *to)
{
	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "rm", "-rf", to, NULL }) == 0);
	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "cp", "-a", from, to, NULL }) == 0);
}

static int open_file(const char *name, off_t *size)
{
	char path[HOUSE_PATH + 40];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/vault/%s", scene.h.state, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	must(fd >= 0 && fstat(fd, &st) == 0);
	*size = st.st_size;
	return fd;
}

/* --- damages ------------------------------------------------------------------------------ */

static void cut(int fd, off_t at, size_t len)
{
	(void)len;
	must(ftruncate(fd, at) == 0);
}

static void cut_within(int fd, off_t at, size_t len)
{
	must(ftruncate(fd, at + (off_t)len / 2) == 0);
}

static void zero(int fd, off_t at, size_t len)
{
	static const uint8_t zeros[WAL_FRAME];

	must(pwrite(fd, zeros, len, at) == (ssize_t)len);
}

static void overwrite(int fd, off_t at, size_t len)
{
	uint8_t bytes[WAL_FRAME];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)random();
	must(pwrite(fd, bytes, len, at) == (ssize_t)len);
}

static void change_a_bit(int fd, off_t at, size_t len)
{
	off_t where = at + random() % (long)len;
	uint8_t byte;

	must(pread(fd, &byte, 1, where) == 1);
	byte ^= (uint8_t)(1U << random() % 8);
	must(pwrite(fd, &byte, 1, where) == 1);
}

static const struct damage {
	const char *name;
	void (*do_it)(int fd, off_t at, size_t len);
} damages[] = {
	{ "cut before it", cut },
	{ "cut within it", cut_within },
	{ "zeroed", zero },
	{ "overwritten", overwrite },
	{ "changed in a bit", change_a_bit },
	{ "changed in another bit", change_a_bit },
};
#define DAMAGES (sizeof(damages) / sizeof(damages[0]))

/* --- what must hold -------------------------------------------------------------------------- */

static bool log_says(const char *text)
{
	char *log = house_log(&scene.h);
	bool says = log && strstr(log, text);

	free(log);
	return says;
}

/* It refused to start: with a sentence, and not because it crashed. */
static void refused_with_advice(void)
{
	must(log_says("restore") || log_says("backup") || log_says("bring back"));
	scene.noticed++;
}

static void nobody_gets_in_who_should_not(void)
{
	int next;

	must(try_hotp("daemon", USED - 1) != PAM_SUCCESS);
	must(try_hotp("daemon", 0) != PAM_SUCCESS);
	must(office_try(&scene.h, "daemon", WRONG) != PAM_SUCCESS);
	next = try_hotp("daemon", USED);
	must(next == PAM_SUCCESS || next == PAM_AUTHINFO_UNAVAIL || next == PAM_AUTH_ERR);
	scene.noticed +=
	    next != PAM_SUCCESS || house_desk(&scene.h, NULL, NULL, "audit", "verify", NULL) != 0;
	scene.started++;
}

static void look(void)
{
	must(truncate(scene.h.log, 0) == 0);
	if (house_again(&scene.h)) {
		nobody_gets_in_who_should_not();
		office_close();
		house_stop(&scene.h);
	} else {
		refused_with_advice();
	}
	must(!log_says("was ended by signal"));
	scene.points++;
}

/* Every damage to every piece of a file. */
static void damage_every_piece(const char *name, off_t first, size_t len)
{
	unsigned pieces, expected;
	off_t size;

	close(open_file(name, &size));
	pieces = (unsigned)((size - first) / (off_t)len);
	must(pieces > 0);
	scene.points = scene.started = scene.noticed = 0;
	for (unsigned i = 0; i < pieces * DAMAGES; i++) {
		const struct damage *d = &damages[i % DAMAGES];
		int fd;

		copy(scene.good, scene.h.state);
		fd = open_file(name, &size);
		snprintf(scene.where, sizeof(scene.where), "%s, piece %u %s", name,
			 i / (unsigned)DAMAGES, d->name);
		d->do_it(fd, first + (off_t)(i / DAMAGES) * (off_t)len, len);
		close(fd);
		look();
	}
	expected = pieces * (unsigned)DAMAGES;
	printf("# %s: %u pieces, %u damages; it started %u times, and %u were noticed\n", name,
	       pieces, scene.points, scene.started, scene.noticed);
	fflush(stdout);
	assert_int_equal(scene.points, expected);
	assert_true(scene.noticed > 0 && scene.started < expected);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static void test_no_damage_to_any_page_of_vault_db_lets_anybody_in(void **state)
{
	(void)state;
	damage_every_piece("vault.db", 0, PAGE);
}

static void test_no_damage_to_any_page_of_identity_db_lets_anybody_in(void **state)
{
	(void)state;
	damage_every_piece("identity.db", 0, PAGE);
}

static bool enrol_operator(const char *login, int64_t uid)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };

	return office_add(&scene.h, login, uid) == KM_OK &&
	       office_enrol(&scene.h, login, &otp, NULL) == KM_OK;
}

static int open_scene(void **state)
{
	(void)state;
	memset(&scene, 0, sizeof(scene));
	srandom(1); /* the same bits each time */
	if (!office_house(&scene.h, NULL))
		return -1;
	snprintf(scene.good, sizeof(scene.good), "%s/good", scene.h.dir);
	must(enrol_operator("daemon", 1) && enrol_operator("bin", 2));
	for (unsigned i = 0; i < USED; i++)
		must(try_hotp("daemon", i) == PAM_SUCCESS);
	return 0;
}

static int open_stopped(void **state)
{
	if (open_scene(state) != 0)
		return -1;
	office_close();
	must(house_stop(&scene.h));
	copy(scene.h.state, scene.good);
	scene.h.quiet = true;
	return 0;
}

static int close_scene(void **state)
{
	(void)state;
	office_close();
	house_end(&scene.h);
	return 0;
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, open_stopped, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_no_damage_to_any_page_of_vault_db_lets_anybody_in),
		SCENE_TEST(test_no_damage_to_any_page_of_identity_db_lets_anybody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
