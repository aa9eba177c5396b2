/*
 * A roster of everybody: how long it takes to check, until it is accepted, and until everybody who
 * left by it is erased, while others log in.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kenmon/store.h>

#include "../synth/staff.h"
#include "bench.h"

#define CHECKS     5
#define IDLE       300 /* logins with nothing else to do */
#define LOOK_US    250000
#define PATIENCE   600e6
#define FIRST_DAY  19814 /* 2024-04-01, as in the rows */
#define MIB_MOST   128
#define LEAVING    3 /* each third of the first nine tenths: three tenths of all */
#define NOBODY_UID 100000

extern char **environ;

/* Everybody is written in the same way, whoever leaves. */
static const struct staff_order everybody = { .english = true };
static unsigned staff;

struct run {
	struct house house;
	struct token token;
	char path[HOUSE_PATH + 32];
	double desk; /* most memory of any, KiB */
	struct series first, same, idle, meanwhile;
	double accepted, erased; /* s */
};

static unsigned leavers(void)
{
	return staff / 10 * 9 / LEAVING;
}

/* --- people --------------------------------------------------------------------------------- */

/* The last is who logs in; their number is that of the token, too. */
static void describe(size_t i, struct registration *r)
{
	static struct km_person who;
	struct staff_member m;
	char *digit = who.mobile;

	who = (struct km_person){ 0 };
	*r = (struct registration){ .uid = (uint32_t)(NOBODY_UID + i),
				    .number = (unsigned)i,
				    .enrolled = true,
				    .person = &who,
				    .valid_from = FIRST_DAY };
	staff_member(&everybody, (uint32_t)i, &m);
	TEXT(who.employee_number, "%u", m.number);
	TEXT(who.login, "%s", m.login);
	TEXT(who.name, "%s", m.name);
	TEXT(who.department, "%s", m.department);
	for (const char *at = m.phone; *at; at++)
		if (*at != '-')
			*digit++ = *at;
	if (i == staff) {
		r->uid = ACCOUNT_UID;
		TEXT(who.login, ACCOUNT_ONE);
		who.mobile[0] = '\0';
	}
}

static bool write_rest(FILE *f, const struct staff_order *o)
{
	struct staff_member m;
	char *rows = NULL, *behind = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&rows, &len);
	bool ok = memory && staff_write(memory, o);

	if (memory && fclose(memory) != 0)
		ok = false;
	behind = ok ? strchr(rows, '\n') : NULL;
	ok = behind && fputs(behind + 1, f) >= 0;
	free(rows);
	staff_member(&everybody, staff, &m);
	return ok && fprintf(f, "%u,%s,%s,%s,operator,2024-04-01,,active,,\r\n", m.number,
			     ACCOUNT_ONE, m.name, m.department) > 0;
}

/* Everybody; or three tenths of them have been transferred. */
static bool write_roster(const struct run *r, bool leave)
{
	struct staff_order most = everybody, rest = everybody;
	FILE *f = fopen(r->path, "we");
	bool ok;

	most.count = rest.first = staff / 10 * 9;
	rest.count = staff - most.count;
	most.transferred = leave ? LEAVING : 0;
	ok = f && staff_write(f, &most) && write_rest(f, &rest);
	return f && fclose(f) == 0 && ok;
}

/* --- the desk ------------------------------------------------------------------------------- */

/* Runs the desk on the roster. Seconds that it took; -1: it failed, or did not say so. */
static double desk(struct run *r, const char *act, const char *accept, const char *says)
{
	char program[HOUSE_PATH + 16], out[HOUSE_PATH + 32];
	const char *argv[] = { program, "--socket",          r->house.socket, "roster", act,
			       r->path, "--accept-erasures", accept,          NULL };
	posix_spawn_file_actions_t act_on;
	double start = now_us(), took, kib;
	char said[4096] = "";
	int status = -1, fd;
	pid_t pid;

	if (!accept)
		argv[6] = NULL;
	snprintf(program, sizeof(program), "%s/kenmon", r->house.bin);
	snprintf(out, sizeof(out), "%s/said", r->house.dir);
	if (posix_spawn_file_actions_init(&act_on) != 0)
		return -1;
	posix_spawn_file_actions_addopen(&act_on, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC,
					 0600);
	posix_spawn_file_actions_adddup2(&act_on, STDOUT_FILENO, STDERR_FILENO);
	if (posix_spawn(&pid, program, &act_on, NULL, (char *const *)(uintptr_t)argv, environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&act_on);
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		kib = status_kib(pid, "VmHWM:");
		if (kib > r->desk)
			r->desk = kib;
		usleep(2000);
	}
	took = (now_us() - start) / 1e6;
	fd = open(out, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, said, sizeof(said) - 1) < 0)
		said[0] = '\0';
	if (fd >= 0)
		close(fd);
	if (status == 0 && strstr(said, says))
		return took;
	say("roster %s did not say '%s':\n%s", act, says, said);
	return -1;
}

static bool check(struct run *r, const char *outcome, struct series *s)
{
	char says[64];

	TEXT(says, "%s: %u\n", outcome, staff + 1);
	for (unsigned i = 0; i < CHECKS; i++) {
		double took = desk(r, "check", NULL, says);

		if (took < 0)
			return false;
		series_add(s, took);
	}
	return true;
}

static uint64_t number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	return at ? strtoull(at + strlen(word), NULL, 10) : UINT64_MAX;
}

/* Is the roster worked off, and everybody gone who left by it? */
static bool is_done(const struct run *r)
{
	struct house_out o;
	bool done = house_desk(&r->house, &o, NULL, "status", NULL) == 0 && o.out &&
		    strstr(o.out, "worked off") && number_behind(o.out, "\nbeing-erased ") == 0 &&
		    number_behind(o.out, "\noperators ") == staff + 1 - leavers();

	house_out_free(&o);
	return done;
}

static bool certificates(const struct run *r)
{
	const char word[] = "\"subject\":";
	struct house_out o;
	size_t count = 0;
	bool ok = house_desk(&r->house, &o, NULL, "certificate", "list", "--json", NULL) == 0;

	for (const char *at = ok ? o.out : NULL; at && (at = strstr(at, word)) != NULL; at++)
		count++;
	house_out_free(&o);
	if (count != leavers())
		say("%u left, and there are %zu certificates", leavers(), count);
	return count == leavers();
}

/* --- the run -------------------------------------------------------------------------------- */

static bool logins(struct run *r, struct series *s)
{
	double us;

	for (unsigned i = 0; i < IDLE; i++) {
		if (!token_login(r->house.pam, SERVICE_OURS, &r->token, &us))
			return false;
		series_add(s, us);
	}
	return true;
}

static bool apply(struct run *r)
{
	double start = now_us(), looked = start, us;
	char number[16];

	TEXT(number, "%u", leavers());
	r->accepted = desk(r, "apply", number, "");
	if (r->accepted < 0)
		return false;
	for (;;) {
		if (!token_login(r->house.pam, SERVICE_OURS, &r->token, &us))
			return false;
		series_add(&r->meanwhile, us);
		if (now_us() - looked < LOOK_US)
			continue;
		looked = now_us();
		if (is_done(r))
			break;
		if (looked - start > PATIENCE)
			return false;
	}
	r->erased = (now_us() - start) / 1e6 - r->accepted;
	return certificates(r);
}

static void seconds_row(const char *figure, double value, const char *beside, double most)
{
	struct row row = { 0 };

	TEXT(row.figure, "%s", figure);
	TEXT(row.value, "%.2f s", value);
	TEXT(row.beside, "%s", beside);
	TEXT(row.target, "< %.0f s", most);
	row.met = value < most ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
}

static void check_row(const char *figure, struct series *s)
{
	char beside[64];

	TEXT(beside, "%.2f s  least of %zu", series_at(s, 0), s->count);
	seconds_row(figure, median(s), beside, 3);
}

static void report(struct run *r)
{
	double idle = median(&r->idle), meanwhile = median(&r->meanwhile);
	struct row row = { 0 };
	char words[64];

	TEXT(words, "roster check, %u rows, nobody registered", staff + 1);
	check_row(words, &r->first);
	check_row("  the same, all registered and unchanged", &r->same);
	TEXT(words, "%u of them leave", leavers());
	seconds_row("roster apply, until it is accepted", r->accepted, words, 10);
	TEXT(words, "%zu logins meanwhile", r->meanwhile.count);
	seconds_row("  then until all are erased, certified", r->erased, words, 60);

	TEXT(row.figure, "  one login meanwhile");
	TEXT(row.value, "%.0f µs", meanwhile);
	TEXT(row.beside, "%.0f µs  before; slowest of 100: %.1f ms", idle,
	     series_at(&r->meanwhile, 0.99) / 1e3);
	TEXT(row.ratio, "%.2f", meanwhile / idle);
	TEXT(row.target, "≤ 2");
	row.met = meanwhile <= 2 * idle ? ROW_MET : ROW_NOT_MET;
	row_add(&row);

	memory_row(&r->house, "kenmon-vault", "vault, after a roster", MIB_MOST);
	memory_row(&r->house, "kenmon-authd", "judge, after a roster", MIB_MOST);
	row = (struct row){ .figure = "desk with a roster, resident at most" };
	TEXT(row.value, "%.1f MiB", r->desk / 1024);
	TEXT(row.target, "< %d MiB", MIB_MOST);
	row.met = r->desk < MIB_MOST * 1024 ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
}

static bool register_all(struct run *r)
{
	say("registering %u operators", staff + 1);
	return house_stop(&r->house) && bench_register(&r->house, staff + 1, describe) &&
	       house_again(&r->house) && peers_make(&r->house);
}

void bench_roster(struct benches *b)
{
	static struct run r;
	const char *why = "the rooms could not be furnished";

	staff = b->roster;
	say("a roster of %u", staff + 1);
	if (!house_start(&r.house, NULL)) {
		row_failed("roster", why);
		return;
	}
	snprintf(r.path, sizeof(r.path), "%s/roster.csv", r.house.dir);
	r.token = (struct token){ .login = ACCOUNT_ONE, .number = staff };
	if (!write_roster(&r, false) || !check(&r, "Registered", &r.first) || !register_all(&r))
		row_failed("roster", why);
	else if (!logins(&r, &r.idle) || !check(&r, "Unchanged", &r.same))
		row_failed("roster", "a login was refused, or the check said something else");
	else if (!write_roster(&r, true) || !apply(&r))
		row_failed("roster", "it was not worked off, or a login was refused meanwhile");
	else
		report(&r);
	series_free(&r.first);
	series_free(&r.same);
	series_free(&r.idle);
	series_free(&r.meanwhile);
	house_end(&r.house);
}
