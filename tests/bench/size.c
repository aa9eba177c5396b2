/* Memory, start and listings, with 100,000 operators. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define LOGINS   200 /* before memory is looked at */
#define LISTINGS 5
#define STARTS   5

extern char **environ;

/* --- listings ------------------------------------------------------------- */

/*
 * Runs `kenmon operator list` to its end. *first: ms until the first of its output is there; it is
 * read and thrown away, as /dev/null would. False when it failed or said too little.
 */
static bool list(const struct house *h, bool json, double *first, double *all)
{
	char program[HOUSE_PATH + 16], buffer[65536];
	const char *argv[] = { program,    "--socket", h->socket,
			       "operator", "list",     json ? "--json" : NULL,
			       NULL };
	posix_spawn_file_actions_t act;
	double start = now_us();
	size_t total = 0;
	ssize_t n;
	int end[2], status;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/kenmon", h->bin);
	if (pipe2(end, O_CLOEXEC) < 0 || posix_spawn_file_actions_init(&act) != 0)
		return false;
	posix_spawn_file_actions_adddup2(&act, end[1], STDOUT_FILENO);
	if (posix_spawn(&pid, program, &act, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		return false;
	close(end[1]);
	while ((n = read(end[0], buffer, sizeof(buffer))) > 0) {
		/* The line of headings, or a bracket, is not a row yet. */
		if (total < 200 && total + (size_t)n >= 200)
			*first = (now_us() - start) / 1e3;
		total += (size_t)n;
	}
	close(end[0]);
	posix_spawn_file_actions_destroy(&act);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return false;
	*all = (now_us() - start) / 1e3;
	return total > (size_t)BENCH_MANY * 30;
}

static void listings(struct benches *b, bool json)
{
	struct series first = { 0 }, all = { 0 };
	const char *what = json ? "operator list --json" : "operator list";
	struct row row = { 0 };
	double one, whole;

	for (unsigned i = 0; i < LISTINGS; i++) {
		if (!list(&b->many, json, &one, &whole)) {
			row_failed(what, "the command failed");
			return;
		}
		series_add(&first, one);
		series_add(&all, whole);
	}
	TEXT(row.figure, "%s: first page", what);
	TEXT(row.value, "%.1f ms", median(&first));
	TEXT(row.target, "< 50 ms");
	row.met = median(&first) < 50 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	TEXT(row.figure, "%s: all 100,000", what);
	TEXT(row.value, "%.2f s", median(&all) / 1e3);
	TEXT(row.target, "< 2 s");
	row.met = median(&all) < 2000 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	series_free(&first);
	series_free(&all);
}

/* --- memory --------------------------------------------------------------- */

double status_kib(pid_t pid, const char *name)
{
	char path[64], line[256];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtod(line + strlen(name), NULL);
	if (f)
		fclose(f);
	return kib;
}

void memory_row(const struct house *h, const char *room, const char *what, unsigned most)
{
	pid_t pid = house_room(h, room);
	double peak = status_kib(pid, "VmHWM:") / 1024, now = status_kib(pid, "VmRSS:") / 1024;
	struct row row = { 0 };

	if (now <= 0) {
		row_failed(what, "its /proc/PID/status cannot be read");
		return;
	}
	TEXT(row.figure, "%s, resident at most", what);
	TEXT(row.value, "%.1f MiB", peak);
	TEXT(row.beside, "%.1f MiB now, %.1f of it its own", now,
	     status_kib(pid, "RssAnon:") / 1024);
	TEXT(row.target, "< %u MiB", most);
	row.met = peak < most ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
}

/* --- start ---------------------------------------------------------------- */

/* From the start of the program to its word that it is ready, seen within 5 ms. */
static void starts(struct house *h, const char *what)
{
	struct series ms = { 0 };
	struct row row = { 0 };

	for (unsigned i = 0; i < STARTS; i++) {
		double start;

		if (!house_stop(h) || truncate(h->log, 0) < 0) {
			row_failed(what, "the rooms did not stop");
			return;
		}
		start = now_us();
		if (!house_again(h)) {
			row_failed(what, "the rooms did not start");
			return;
		}
		series_add(&ms, (now_us() - start) / 1e3);
		if (house_desk(h, NULL, NULL, "status", NULL) != 0) {
			row_failed(what, "ready, and yet no status");
			return;
		}
	}
	TEXT(row.figure, "start to ready, %s", what);
	TEXT(row.value, "%.0f ms", median(&ms));
	TEXT(row.beside, "%.0f ms  slowest of %d", series_at(&ms, 1), STARTS);
	TEXT(row.target, "< 300 ms");
	row.met = median(&ms) < 300 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	series_free(&ms);
}

/* --- the end of a key epoch ---------------------------------------------------- */

/* All keys wrapped anew, and the slowest login meanwhile. */
static void rotation(struct benches *b)
{
	struct house *h = &b->many;
	const char *what = "closing a key epoch, 100,000 operators";
	struct series ms = { 0 };
	struct row row = { 0 };
	double start = now_us(), us, took;
	pid_t desk = fork();
	int status = -1;

	if (desk == 0)
		_exit(house_desk(h, NULL, NULL, "key", "rotate", "--yes", NULL));
	while (desk > 0 && waitpid(desk, &status, WNOHANG) == 0) {
		if (!token_login(h->pam, SERVICE_OURS, &b->in_many, &us)) {
			waitpid(desk, &status, 0);
			row_failed(what, "a login was refused meanwhile");
			return;
		}
		series_add(&ms, us / 1e3);
	}
	took = (now_us() - start) / 1e6;
	if (status != 0 || ms.count == 0) {
		row_failed(what, "the command failed");
		return;
	}
	TEXT(row.figure, "%s", what);
	TEXT(row.value, "%.1f s", took);
	TEXT(row.beside, "%zu logins meanwhile: %.1f ms median, %.1f slowest", ms.count,
	     median(&ms), series_at(&ms, 1));
	row_add(&row);
	series_free(&ms);
}

void bench_size(struct benches *b)
{
	say("listings, memory, start");
	for (unsigned i = 0; i < LOGINS; i++)
		if (!token_login(b->many.pam, SERVICE_OURS, &b->in_many, NULL)) {
			row_failed("memory", "a login was refused");
			return;
		}
	listings(b, false);
	listings(b, true);
	memory_row(&b->many, "kenmon-authd", "judge", 16);
	memory_row(&b->many, "kenmon-vault", "vault", 64);
	rotation(b);
	starts(&b->one, "1 operator");
	starts(&b->many, "100,000 operators");
}
