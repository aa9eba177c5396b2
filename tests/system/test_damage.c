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

#include <kenmon/anchor.h>

#include "house_office.h"

#define PAGE       4096
#define WAL_HEADER 32 /* sqlite.org/fileformat2.html, "the write-ahead log" */
#define WAL_FRAME  (24 + PAGE)
#define USED       3 /* codes of daemon that were used */
#define WRONG      "000000"
#define HEAD       (1 + 2 * 2 + USED) /* the last record of the scene's trail */
#define HEAD_MS    20000              /* the judge hears of it within two seconds */

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
	{ "changed in a bit", change_a_bit },
	/* Of a page, not of a frame of a log: there is no difference to the ones above. */
	{ "overwritten", overwrite },
	{ "zeroed", zero },
	{ "cut within it", cut_within },
	{ "changed in another bit", change_a_bit },
};
#define DAMAGES_LOG 2
#define DAMAGES     (sizeof(damages) / sizeof(damages[0]))

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
	scene.noticed += next != PAM_SUCCESS || log_says("is older than") ||
			 house_desk(&scene.h, NULL, NULL, "audit", "verify", NULL) != 0;
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
static void damage_every_piece(const char *name, off_t first, size_t len, unsigned kinds)
{
	unsigned pieces, expected;
	off_t size;

	close(open_file(name, &size));
	pieces = (unsigned)((size - first) / (off_t)len);
	must(pieces > 0);
	scene.points = scene.started = scene.noticed = 0;
	for (unsigned i = 0; i < pieces * kinds; i++) {
		const struct damage *d = &damages[i % kinds];
		int fd;

		copy(scene.good, scene.h.state);
		fd = open_file(name, &size);
		snprintf(scene.where, sizeof(scene.where), "%s, piece %u %s", name, i / kinds,
			 d->name);
		d->do_it(fd, first + (off_t)(i / kinds) * (off_t)len, len);
		close(fd);
		look();
	}
	expected = pieces * kinds;
	printf("# %s: %u pieces, %u damages; it started %u times, and %u were noticed\n", name,
	       pieces, scene.points, scene.started, scene.noticed);
	fflush(stdout);
	assert_int_equal(scene.points, expected);
	assert_true(scene.noticed > 0);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

static void test_no_damage_to_any_page_of_vault_db_lets_anybody_in(void **state)
{
	(void)state;
	damage_every_piece("vault.db", 0, PAGE, DAMAGES);
}

static void test_no_damage_to_any_page_of_identity_db_lets_anybody_in(void **state)
{
	(void)state;
	damage_every_piece("identity.db", 0, PAGE, DAMAGES);
}

static void test_no_damage_to_any_frame_of_the_log_of_vault_db_lets_anybody_in(void **state)
{
	(void)state;
	damage_every_piece("vault.db-wal", WAL_HEADER, WAL_FRAME, DAMAGES_LOG);
}

static void test_no_damage_to_any_frame_of_the_log_of_identity_db_lets_anybody_in(void **state)
{
	(void)state;
	damage_every_piece("identity.db-wal", WAL_HEADER, WAL_FRAME, DAMAGES_LOG);
}

static void put_back(const char *name, const char *from)
{
	char path[HOUSE_PATH + 40], kept[HOUSE_PATH + 40];

	snprintf(path, sizeof(path), "%s/vault/%s", scene.h.state, name);
	snprintf(kept, sizeof(kept), "%s/vault/%s", from, name);
	copy(kept, path);
}

static bool status_says(const char *text)
{
	struct house_out o = { 0 };
	bool says = house_desk(&scene.h, &o, NULL, "status", NULL) == 0 && strstr(o.out, text);

	house_out_free(&o);
	return says;
}

static void another_operator(void)
{
	must(house_again(&scene.h));
	must(office_add(&scene.h, "sys", 3) == KM_OK);
	office_close();
	must(house_stop(&scene.h));
}

static void test_an_identity_db_older_than_vault_db_is_said_and_keeps_nobody_out(void **state)
{
	struct msg_operator_row row;

	(void)state;
	another_operator();
	put_back("identity.db", scene.good);
	must(house_again(&scene.h));
	must(log_says("identity.db is older than vault.db: restore both from one backup"));
	must(status_says("identity.db is older than vault.db: restore both from one backup"));
	must(office_operator(&scene.h, "daemon", &row) == KM_OK && row.name[0]);
	must(office_operator(&scene.h, "sys", &row) == KM_OK && !row.name[0]);
	must(try_hotp("daemon", USED) == PAM_SUCCESS);
	must(try_hotp("daemon", USED) == PAM_AUTH_ERR);
}

static void
test_an_identity_db_newer_than_vault_db_forgets_whom_vault_db_does_not_know(void **state)
{
	char newer[HOUSE_PATH + 8];
	struct msg_operator_row row;

	(void)state;
	snprintf(newer, sizeof(newer), "%s/newer", scene.h.dir);
	another_operator();
	copy(scene.h.state, newer);
	copy(scene.good, scene.h.state);
	put_back("identity.db", newer);
	must(house_again(&scene.h));
	must(office_operator(&scene.h, "sys", &row) == KM_ENOTFOUND);
	must(office_add(&scene.h, "sys", 3) == KM_OK); /* the number is free */
	must(try_hotp("daemon", USED) == PAM_SUCCESS);
	must(house_desk(&scene.h, NULL, NULL, "audit", "verify", NULL) == 0);
}

static void test_a_vault_db_of_another_machines_folder_is_refused_with_advice(void **state)
{
	char other[HOUSE_PATH + 8];

	(void)state;
	snprintf(other, sizeof(other), "%s/other", scene.h.dir);
	copy(scene.good, other);
	must(house_run(&(struct house_out){ 0 }, -1, NULL,
		       (const char *const[]){ "rm", "-rf", scene.h.state, NULL }) == 0);
	must(house_again(&scene.h)); /* a first start: keys and databases of its own */
	must(house_stop(&scene.h));
	put_back("vault.db", other);
	must(!house_again(&scene.h));
	must(log_says("identity.db belongs to another vault.db; restore both from one machine"));
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

static void kill_and_wait(pid_t pid)
{
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
}

/* The judge has written down where the trail ends. */
static bool head_is_kept(void)
{
	char path[HOUSE_PATH + 16], line[KM_ANCHOR_LINE + 2];
	struct km_anchor a = { .seq = 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s/judge/anchor", scene.h.state);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (km_anchor_parse(line, &a) != KM_OK)
			a.seq = 0; /* half of it is there */
	}
	if (f)
		fclose(f);
	return a.seq >= HEAD;
}

/* The rooms are killed, so that the logs are still there; but the judge knows where the trail ends.
 */
static int open_killed(void **state)
{
	pid_t vault, judge;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || open_scene(state) != 0)
		return -1;
	office_close();
	for (unsigned i = 0; i < HEAD_MS / 20 && !head_is_kept(); i++)
		usleep(20000);
	must(head_is_kept());
	vault = house_room(&scene.h, "kenmon-vault");
	judge = house_room(&scene.h, "kenmon-authd");
	must(vault > 0 && judge > 0 && kill(scene.h.pid, SIGSTOP) == 0);
	/* Before who started them: of its end they would hear, and stop in order. */
	must(kill(vault, SIGKILL) == 0 && kill(judge, SIGKILL) == 0);
	kill_and_wait(scene.h.pid);
	scene.h.pid = 0;
	kill_and_wait(vault);
	kill_and_wait(judge);
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

#define KILLED_TEST(f) cmocka_unit_test_setup_teardown(f, open_killed, close_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(test_no_damage_to_any_page_of_vault_db_lets_anybody_in),
		SCENE_TEST(test_no_damage_to_any_page_of_identity_db_lets_anybody_in),
		KILLED_TEST(test_no_damage_to_any_frame_of_the_log_of_vault_db_lets_anybody_in),
		KILLED_TEST(test_no_damage_to_any_frame_of_the_log_of_identity_db_lets_anybody_in),
		SCENE_TEST(test_an_identity_db_older_than_vault_db_is_said_and_keeps_nobody_out),
		SCENE_TEST(
		    test_an_identity_db_newer_than_vault_db_forgets_whom_vault_db_does_not_know),
		SCENE_TEST(test_a_vault_db_of_another_machines_folder_is_refused_with_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
