/* The audit trail: a million records verified, through the desk, while people log in. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define RECORDS 1000000
#define TARGET  200000 /* a second */
#define RUNS    3

extern char **environ;

static bool verify_starts(const struct house *h, pid_t *pid)
{
	char program[HOUSE_PATH + 16];
	const char *argv[] = { program, "--socket", h->socket, "audit", "verify", "--json", NULL };
	posix_spawn_file_actions_t act;
	bool good;

	snprintf(program, sizeof(program), "%s/kenmon", h->bin);
	if (posix_spawn_file_actions_init(&act) != 0)
		return false;
	good = posix_spawn_file_actions_addopen(&act, STDOUT_FILENO, "/dev/null", 1, 0) == 0 &&
	       posix_spawn(pid, program, &act, NULL, (char *const *)(uintptr_t)argv, environ) == 0;
	posix_spawn_file_actions_destroy(&act);
	return good;
}

/* One whole verification; logins meanwhile go to the series, where there is one. */
static bool verify(struct benches *b, struct series *logins, double *seconds)
{
	double start = now_us(), us;
	int status = 0;
	pid_t pid;

	if (!verify_starts(&b->one, &pid))
		return false;
	while (logins && waitpid(pid, &status, WNOHANG) == 0) {
		if (!token_login(b->one.pam, SERVICE_OURS, &b->in_one, &us))
			return false;
		series_add(logins, us / 1e3);
	}
	if (!logins && waitpid(pid, &status, 0) != pid)
		return false;
	*seconds = (now_us() - start) / 1e6;
	return status == 0;
}

static void report(struct series *alone, struct series *busy, struct series *logins)
{
	struct row row = { 0 };
	double rate = RECORDS / median(alone);

	TEXT(row.figure, "audit verify of 1,000,000 records");
	TEXT(row.value, "%.0f /s", rate);
	TEXT(row.beside, "%.0f /s  while somebody logs in", RECORDS / median(busy));
	TEXT(row.target, ">= 200,000 /s");
	row.met = rate >= TARGET ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	memset(&row, 0, sizeof(row));
	TEXT(row.figure, "a login while a trail is verified");
	TEXT(row.value, "%.1f ms", median(logins));
	TEXT(row.beside, "%.1f ms  slowest of 20, of %zu", series_at(logins, 0.95), logins->count);
	row_add(&row);
}

void bench_trail(struct benches *b)
{
	struct series alone = { 0 }, busy = { 0 }, logins = { 0 };
	double seconds = 0;
	bool good;

	say("writing and verifying 1,000,000 records");
	good = house_stop(&b->one) && bench_records(&b->one, RECORDS) && house_again(&b->one);
	for (unsigned i = 0; good && i < RUNS; i++) {
		good = verify(b, NULL, &seconds);
		series_add(&alone, seconds);
		good = good && verify(b, &logins, &seconds);
		series_add(&busy, seconds);
	}
	if (good)
		report(&alone, &busy, &logins);
	else
		row_failed("audit verify", "the records could not be written or verified");
	series_free(&alone);
	series_free(&busy);
	series_free(&logins);
}
