/* 64 logins in flight, each an operator of its own, against pam_oath one at a time. */
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "bench.h"

#define WINDOWS   12
#define WINDOW_US 1e6

/* Shared by all processes. */
struct field {
	sem_t start[ACCOUNT_FLIGHTS], done;
	atomic_bool stop, quit, permit; /* permit: the ceiling, libpam and nothing else */
	atomic_uint logins, failures;
};

static bool permitted(const struct house *h, const char *user)
{
	struct attempt a = { .confdir = h->pam, .service = SERVICE_PERMIT, .user = user };

	a.code = "";
	return attempt_login(&a) == PAM_SUCCESS;
}

static void fly(const struct house *h, struct field *f, unsigned i, struct token t)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		while (sem_wait(&f->start[i]) < 0)
			;
		if (atomic_load(&f->quit))
			_exit(0);
		while (!atomic_load(&f->stop)) {
			if (atomic_load(&f->permit) ? permitted(h, t.login)
						    : token_login(h->pam, SERVICE_OURS, &t, NULL))
				atomic_fetch_add(&f->logins, 1);
			else
				atomic_fetch_add(&f->failures, 1);
		}
		sem_post(&f->done);
	}
}

static void start_all(struct field *f)
{
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++)
		sem_post(&f->start[i]);
}

/* Logins a second of a window; the last of each process ends after the window and counts. */
static double window_all(struct field *f, bool permit)
{
	double start = now_us();

	atomic_store(&f->permit, permit);
	atomic_store(&f->logins, 0);
	atomic_store(&f->stop, false);
	start_all(f);
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

static struct field *field_new(void)
{
	struct field *f =
	    mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (f == MAP_FAILED)
		return NULL;
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++)
		if (sem_init(&f->start[i], 1, 0) < 0)
			return NULL;
	return sem_init(&f->done, 1, 0) < 0 ? NULL : f;
}

static void report(struct field *f, struct series *ours, struct series *oath, struct series *top)
{
	double a = median(ours), b = median(oath), c = median(top);
	struct row row = { .figure = "64 logins in flight, 100,000 operators" };

	if (atomic_load(&f->failures) > 0 || b <= 0) {
		row_failed(row.figure, b <= 0 ? "pam_oath refused a login" : "a login was refused");
		return;
	}
	TEXT(row.value, "%.0f /s", a);
	TEXT(row.beside, "%.0f /s  pam_oath one at a time", b);
	TEXT(row.ratio, "%.1f", a / b);
	TEXT(row.target, "≥ 8");
	row.met = a >= 8 * b ? ROW_MET : ROW_NOT_MET;
	row_add(&row);
	row = (struct row){ .figure = "  the same, beside the ceiling" };
	TEXT(row.value, "%.0f /s", a);
	TEXT(row.beside, "%.0f /s  pam_permit, 64 in flight", c);
	TEXT(row.ratio, "%.2f", a / c);
	row_add(&row);
	row = (struct row){ .figure = "  the ceiling, beside pam_oath" };
	TEXT(row.value, "%.0f /s", c);
	TEXT(row.beside, "%.0f /s  pam_oath one at a time", b);
	TEXT(row.ratio, "%.1f", c / b);
	row_add(&row);
}

void bench_flight(struct benches *b)
{
	struct token oath = { .login = ACCOUNT_ONE };
	struct series ours = { 0 }, peer = { 0 }, top = { 0 };
	struct field *f = field_new();

	say("64 logins in flight");
	if (!f || !oath_write(&b->one, &oath)) {
		row_failed("64 logins in flight", "no shared memory");
		return;
	}
	fflush(NULL);
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++)
		if (fork() == 0)
			fly(&b->many, f, i, b->flight[i]);
	for (unsigned i = 0; i < WINDOWS; i++) {
		double rate = window_all(f, false), other = window_oath(&b->one, &oath);
		double most = window_all(f, true);

		if (i == 0)
			continue; /* the first loads and prepares everything */
		series_add(&ours, rate);
		series_add(&peer, other);
		series_add(&top, most);
	}
	atomic_store(&f->quit, true);
	start_all(f);
	for (unsigned i = 0; i < ACCOUNT_FLIGHTS; i++)
		wait(NULL);
	report(f, &ours, &peer, &top);
	series_free(&ours);
	series_free(&peer);
	series_free(&top);
	munmap(f, sizeof(*f));
}
