/*
 * C23. The disk is full, turns read-only, or fails altogether while somebody logs in, is enrolled,
 * is locked out or is erased. Everybody is refused with a sentence, the rooms stay, and nobody
 * logs without an end. A disk that has room again needs nothing else; the other two are
 * mounted anew. Then nothing acknowledged is lost and nothing is half done (house_scenes.c).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_disk.h"
#include "house_scenes.h"

#define ROUNDS    3
#define ROOM_MS   150  /* an erasure waits for room; then there is some */
#define WATCH_MS  1100 /* the vault looks around once a second */
#define LOG_LINES 60   /* of that time: a few for each request */
#define CHUNK     (1 << 20)

static struct disk disk;

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static void ballast(char path[HOUSE_PATH + 16])
{
	snprintf(path, HOUSE_PATH + 16, "%s/ballast", disk.at);
}

/* To the last byte. */
static void fill(struct stage *s)
{
	static const char chunk[CHUNK];
	char path[HOUSE_PATH + 16];
	int fd;

	ballast(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(s, fd >= 0);
	for (size_t piece = CHUNK; piece > 0; piece /= 2)
		while (write(fd, chunk, piece) == (ssize_t)piece)
			;
	must(s, fsync(fd) == 0 && write(fd, chunk, 1) < 0);
	close(fd);
}

static void make_room(struct stage *s)
{
	char path[HOUSE_PATH + 16];

	ballast(path);
	must(s, unlink(path) == 0);
}

static void turn_read_only(struct stage *s)
{
	/* What ext4 does by itself when it meets an error (mount option errors=remount-ro). */
	must(s, mount(NULL, disk.at, NULL, MS_REMOUNT, "abort") == 0);
}

static void fail_altogether(struct stage *s)
{
	must(s, disk_cut(&disk));
}

static void mount_anew(struct stage *s)
{
	office_close();
	house_stop(&s->h); /* it cannot write that it stopped */
	must(s, disk_unmount(&disk) && disk_mount(&disk) && house_again(&s->h));
}

static const struct mishap {
	const char *name;
	void (*happen)(struct stage *s);
	void (*mend)(struct stage *s);
	unsigned rounds;
	bool mends_itself; /* the rooms are the same ones afterwards */
} mishaps[] = {
	{ "a_full_disk", fill, make_room, ROUNDS, true },
	{ "a_disk_that_turns_read_only", turn_read_only, mount_anew, 1, false },
	{ "a_disk_that_fails", fail_altogether, mount_anew, 1, false },
};
#define MISHAPS (sizeof(mishaps) / sizeof(mishaps[0]))

static const struct mishap *mishap; /* of the test that runs */

static unsigned log_lines(const struct stage *s)
{
	char *log = house_log(&s->h);
	unsigned n = 0;

	for (const char *at = log; at && *at; at++)
		n += *at == '\n';
	free(log);
	return n;
}

/* Somebody else who comes now hears that it is not their code. */
static void must_refuse_with_a_sentence(struct stage *s)
{
	static struct house_login l;
	char code[16];
	const char *const answers[] = { code, NULL };

	house_hotp(code, OFFICE_SECRET, 6, s->counter);
	must(s, office_talk(&s->h, &l, "one", "daemon", answers) == PAM_AUTHINFO_UNAVAIL);
	must(s, l.messages > 0 &&
		    strstr(l.message[l.messages - 1], "cannot be checked at the moment"));
	office_close();
	must(s, office_suspend(&s->h, "games") != KM_OK);
	office_close();
}

/* An act that is answered only when it is done: there is room after a while. */
static pid_t room_later(struct stage *s)
{
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		pause_ms(ROOM_MS);
		make_room(s);
		_exit(0);
	}
	return child;
}

static void act_in_it(struct stage *s)
{
	pid_t helper = -1;
	unsigned lines;

	if (s->scene->waits && mishap->mends_itself)
		helper = room_later(s);
	if (s->scene->waits && !mishap->mends_itself)
		must_refuse_with_a_sentence(s); /* the act itself would never be answered */
	else
		s->scene->act(s);
	if (helper > 0) {
		waitpid(helper, NULL, 0);
		return;
	}
	must_refuse_with_a_sentence(s);
	must(s, truncate(s->h.log, 0) == 0);
	if (s->scene == &scenes[0] && !mishap->mends_itself)
		pause_ms(WATCH_MS);
	lines = log_lines(s);
	must(s, lines < LOG_LINES);
	mishap->mend(s);
}

static void play(struct stage *s)
{
	pid_t vault, judge;

	snprintf(s->where, sizeof(s->where), "%s in %s", mishap->name, s->scene->name);
	s->pam = PAM_AUTHINFO_UNAVAIL; /* where there is no act */
	s->rc = KM_EIO;
	s->scene->before(s);
	/* With a log that is new, and so has to grow. */
	office_close();
	must(s, house_stop(&s->h) && house_again(&s->h));
	vault = house_room(&s->h, "kenmon-vault");
	judge = house_room(&s->h, "kenmon-authd");
	mishap->happen(s);
	act_in_it(s);
	if (mishap->mends_itself) {
		must(s, house_room(&s->h, "kenmon-vault") == vault);
		must(s, house_room(&s->h, "kenmon-authd") == judge);
	}
	office_close();
	s->scene->holds(s);
	scene_is_whole(s);
}

static void test_mishap(void **state)
{
	for (unsigned i = 0; i < mishap->rounds; i++)
		play(*state);
}

/* --- the matrix as tests ---------------------------------------------------------------------- */

struct row {
	struct part part; /* first: stage_open takes it */
	const struct mishap *mishap;
};

static const char *cannot; /* why no disk can be mounted */

static int open_row(void **state)
{
	char old[HOUSE_PATH + 8], all[HOUSE_PATH + 16];
	struct stage *s;

	mishap = ((struct row *)*state)->mishap;
	if (stage_open(state) != 0)
		return -1;
	s = *state;
	office_close();
	snprintf(old, sizeof(old), "%s.old", s->h.state);
	snprintf(all, sizeof(all), "%s/.", old);
	return house_stop(&s->h) && rename(s->h.state, old) == 0 && mkdir(s->h.state, 0700) == 0 &&
		       disk_make(&disk, "ext4", s->h.dir, s->h.state) &&
		       house_run(&(struct house_out){ 0 }, -1, NULL,
				 (const char *const[]){ "cp", "-a", all, s->h.state, NULL }) == 0 &&
		       disk_sync(&disk) && house_again(&s->h)
		   ? 0
		   : -1;
}

static int close_row(void **state)
{
	struct stage *s = *state;

	office_close();
	if (s->h.pid > 0)
		house_stop(&s->h);
	disk_unmount(&disk);
	disk_free(&disk);
	return stage_close(state);
}

static void test_skipped(void **state)
{
	(void)state;
	printf("# %s\n", cannot);
	skip();
}

int main(void)
{
	static struct row rows[SCENES * MISHAPS];
	struct CMUnitTest tests[SCENES * MISHAPS];

	cannot = disk_cannot("ext4");
	for (size_t i = 0; i < SCENES * MISHAPS; i++) {
		struct row *r = &rows[i];

		r->mishap = &mishaps[i / SCENES];
		r->part.room = "kenmon-vault";
		r->part.scene = &scenes[i % SCENES];
		snprintf(r->part.name, sizeof(r->part.name), "test_%s_in_%s_loses_nothing",
			 r->mishap->name, r->part.scene->name);
		tests[i] =
		    (struct CMUnitTest){ r->part.name, cannot ? test_skipped : test_mishap,
					 cannot ? NULL : open_row, cannot ? NULL : close_row, r };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
