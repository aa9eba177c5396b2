/*
 * 64 logins in flight, each an operator of its own, against pam_oath one at a
 * time: by one program in 64 threads, as a server logs people in, and by 64
 * programs, as sshd does, each of which does libpam's work for itself. Beside
 * it what the processors were busy with, and three ceilings: libpam alone, and
 * the bare shape of a login (floor.c) without and with a database.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "bench.h"

#define WINDOWS   12
#define WINDOW_US 1e6

enum kind { OURS, APART, BARE, STORED, PERMIT, KINDS };
/* Who logs in: 64 threads of ours, or 64 programs. */
enum crew { THREADS, PROGRAMS, CREWS };

/* Shared by all programs. */
struct field {
	const struct house *house;
	sem_t start[CREWS][ACCOUNT_FLIGHTS], done;
	atomic_bool stop, quit;
	atomic_int kind;
	atomic_uint logins, failures;
	_Atomic uint64_t cpu; /* ns of all clients in this window */
	struct bare bare, stored;
	struct token token[ACCOUNT_FLIGHTS]; /* of whichever crew is at work */
};

/* One of a crew. */
struct flyer {
	struct field *field;
	enum crew crew;
	unsigned place;
};

/* What the rooms and their clients spent, and on how many logins of ours. */
struct spent {
	pid_t judge, vault;
	double client_us, judge_us, vault_us;
	unsigned logins;
};

static bool permitted(const struct house *h, const char *user)
{
	struct attempt a = { .confdir = h->pam, .service = SERVICE_PERMIT, .user = user };

	a.code = "";
	return attempt_login(&a) == PAM_SUCCESS;
}

static bool one_login(const struct field *f, struct token *t)
{
	switch (atomic_load(&f->kind)) {
	case OURS:
	case APART:
		return token_login(f->house->pam, SERVICE_OURS, t, NULL);
	case BARE:
		return bare_login(&f->bare, f->house->pam, t->login, NULL);
	case STORED:
		return bare_login(&f->stored, f->house->pam, t->login, NULL);
	default:
		return permitted(f->house, t->login);
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* µs that a process has run, by /proc/PID/schedstat; 0 where there is none. */
static double room_us(pid_t pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return (double)ns / 1e3;
}

static void *fly(void *arg)
{
	const struct flyer *me = arg;
	struct field *f = me->field;

	for (;;) {
		uint64_t before = cpu_ns();

		while (sem_wait(&f->start[me->crew][me->place]) < 0)
			;
		if (atomic_load(&f->quit))
			return NULL;
		while (!atomic_load(&f->stop))
			atomic_fetch_add(
			    one_login(f, &f->token[me->place]) ? &f->logins : &f->failures, 1);
		atomic_fetch_add(&f->cpu, cpu_ns() - before);
		sem_post(&f->done);
	}
}

static bool start_thread(struct flyer *me, pthread_t *thread)
{
	return pthread_create(thread, NULL, fly, me) == 0;
}

static bool start_program(struct flyer *me)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid > 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fly(me);
	_exit(0);
}

static void start_all(struct field *f, enum crew crew)
{
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++)
		sem_post(&f->start[crew][i]);
}

/* Logins a second of a window; the last of each flyer ends after the window and counts. */
static double window_all(struct field *f, enum kind kind)
{
	double start = now_us();

	atomic_store(&f->kind, (int)kind);
	atomic_store(&f->logins, 0);
	atomic_store(&f->cpu, 0);
	atomic_store(&f->stop, false);
	start_all(f, kind == APART ? PROGRAMS : THREADS);
	while (now_us() < start + WINDOW_US)
		usleep(1000);
	atomic_store(&f->stop, true);
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++)
		while (sem_wait(&f->done) < 0)
			;
	return atomic_load(&f->logins) / (now_us() - start) * 1e6;
}

static double window_oath(const struct house *h, struct token *t)
{
	double start = now_us();
	unsigned count = 0;

	while (now_us() < start + WINDOW_US) {
		if (!token_login(h->pam, SERVICE_OATH, t, NULL))
			return 0;
		count++;
	}
	return count / (now_us() - start) * 1e6;
}

static struct field *field_new(const struct benches *b)
{
	struct field *f =
	    mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (f == MAP_FAILED)
		return NULL;
	f->house = &b->many;
	memcpy(f->token, b->flight, sizeof(f->token));
	for (unsigned i = 0; i < CREWS * ACCOUNT_FLIGHTS; i++)
		if (sem_init(&f->start[i / ACCOUNT_FLIGHTS][i % ACCOUNT_FLIGHTS], 1, 0) < 0)
			return NULL;
	return sem_init(&f->done, 1, 0) < 0 ? NULL : f;
}

/* A window of ours, and what it cost. */
static double window_ours(struct field *f, struct spent *s)
{
	double judge = room_us(s->judge), vault = room_us(s->vault);
	double rate = window_all(f, OURS);

	s->judge_us += room_us(s->judge) - judge;
	s->vault_us += room_us(s->vault) - vault;
	s->client_us += (double)atomic_load(&f->cpu) / 1e3;
	s->logins += atomic_load(&f->logins);
	return rate;
}

/* Nothing passes a ceiling, so its own ratio says what the target is worth on this machine. */
static void report_ceiling(const char *what, double ours, double top, double oath)
{
	struct row row = { .met = ROW_SHOWN };

	TEXT(row.figure, "  beside %s", what);
	TEXT(row.value, "%.0f /s", ours);
	TEXT(row.beside, "%.0f /s  %s, 64 in flight", top, what);
	TEXT(row.ratio, "%.2f", ours / top);
	row_add(&row);
	TEXT(row.figure, "    that ceiling, beside pam_oath");
	TEXT(row.value, "%.0f /s", top);
	TEXT(row.beside, "%.0f /s  pam_oath one at a time", oath);
	TEXT(row.ratio, "%.1f", top / oath);
	TEXT(row.target, top < 8 * oath ? "8 is out of reach" : "8 is within reach");
	row_add(&row);
}

/* 8 times pam_oath leaves so much time of all processors for each login. */
static void report_spent(const struct spent *s, double oath)
{
	double n = s->logins ? s->logins : 1, all = s->client_us + s->judge_us + s->vault_us;
	struct row row = { .figure = "  processor time of a login" };

	TEXT(row.value, "%.0f µs", all / n);
	TEXT(row.beside, "%.0f + %.0f + %.0f µs  client, judge, vault", s->client_us / n,
	     s->judge_us / n, s->vault_us / n);
	TEXT(row.target, "8 needs %.0f µs",
	     (double)sysconf(_SC_NPROCESSORS_ONLN) * 1e6 / (8 * oath));
	row_add(&row);
}

static void report(struct field *f, struct series rate[KINDS], struct series *peer,
		   const struct spent *s)
{
	double ours = median(&rate[OURS]), oath = median(peer);
	struct row row = { .figure = "64 logins in flight, 100,000 operators" };
	struct row apart = { .figure = "  the same by 64 programs" };

	if (atomic_load(&f->failures) > 0 || oath <= 0) {
		row_failed(row.figure,
			   oath <= 0 ? "pam_oath refused a login" : "a login was refused");
		return;
	}
	TEXT(row.value, "%.0f /s", ours);
	TEXT(row.beside, "%.0f /s  pam_oath one at a time", oath);
	TEXT(row.ratio, "%.1f", ours / oath);
	TEXT(row.target, "≥ 8");
	row.met = ours >= 8 * oath ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	TEXT(apart.value, "%.0f /s", median(&rate[APART]));
	TEXT(apart.beside, "%.0f /s  pam_oath one at a time", oath);
	TEXT(apart.ratio, "%.1f", median(&rate[APART]) / oath);
	row_add(&apart);
	report_spent(s, oath);
	report_ceiling("the bare shape", ours, median(&rate[BARE]), oath);
	report_ceiling("the bare shape with a database", ours, median(&rate[STORED]), oath);
	report_ceiling("pam_permit", ours, median(&rate[PERMIT]), oath);
}

static void windows(struct benches *b, struct field *f, struct token *oath)
{
	struct series rate[KINDS] = { 0 }, peer = { 0 };
	struct spent s = { .judge = house_room(&b->many, "kenmon-authd"),
			   .vault = house_room(&b->many, "kenmon-vault") };

	for (unsigned i = 0; i < WINDOWS; i++) {
		double one[KINDS], other;

		one[OURS] = window_ours(f, &s);
		other = window_oath(&b->one, oath);
		one[APART] = window_all(f, APART);
		one[BARE] = window_all(f, BARE);
		one[STORED] = window_all(f, STORED);
		one[PERMIT] = window_all(f, PERMIT);
		if (i == 0)
			continue; /* the first loads and prepares everything */
		for (int kind = 0; kind < KINDS; kind++)
			series_add(&rate[kind], one[kind]);
		series_add(&peer, other);
	}
	report(f, rate, &peer, &s);
	for (int kind = 0; kind < KINDS; kind++)
		series_free(&rate[kind]);
	series_free(&peer);
}

/* The programs before the threads: a program is a copy of one thread. */
static bool start_crews(struct field *f, struct flyer flyer[CREWS][ACCOUNT_FLIGHTS],
			pthread_t thread[ACCOUNT_FLIGHTS])
{
	bool ok = true;

	for (unsigned i = 0; i < CREWS * ACCOUNT_FLIGHTS; i++)
		flyer[i / ACCOUNT_FLIGHTS][i % ACCOUNT_FLIGHTS] =
		    (struct flyer){ f, (enum crew)(i / ACCOUNT_FLIGHTS), i % ACCOUNT_FLIGHTS };
	fflush(NULL);
	for (unsigned i = 0; ok && i < ACCOUNT_FLIGHTS; i++)
		ok = start_program(&flyer[PROGRAMS][i]);
	for (unsigned i = 0; ok && i < ACCOUNT_FLIGHTS; i++)
		ok = start_thread(&flyer[THREADS][i], &thread[i]);
	return ok;
}

static void end_crews(struct field *f, const pthread_t thread[ACCOUNT_FLIGHTS])
{
	atomic_store(&f->quit, true);
	for (int crew = 0; crew < CREWS; crew++)
		start_all(f, (enum crew)crew);
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++) {
		pthread_join(thread[i], NULL);
		wait(NULL);
	}
}

void bench_flight(struct benches *b)
{
	static struct flyer flyer[CREWS][ACCOUNT_FLIGHTS];
	struct token oath = { .login = ACCOUNT_ONE };
	pthread_t thread[ACCOUNT_FLIGHTS];
	struct field *f = field_new(b);

	say("64 logins in flight");
	if (!f || !oath_write(&b->one, &oath) || !bare_start(&f->bare, b->one.dir, BARE_LOG) ||
	    !bare_start(&f->stored, b->one.dir, BARE_DATABASE) || !start_crews(f, flyer, thread)) {
		say("64 in flight: %s", strerror(errno));
		row_failed("64 logins in flight",
			   "no shared memory, file of pam_oath's, relays, threads or programs");
		return;
	}
	windows(b, f, &oath);
	end_crews(f, thread);
	bare_end(&f->bare);
	bare_end(&f->stored);
	munmap(f, sizeof(*f));
}
