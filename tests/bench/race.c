/* One code, sent by 64 processes at one instant, round after round: how many get in? */
#include <pthread.h>
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

#define RUNNERS      64
#define ROUNDS_OURS  1000
#define ROUNDS_PEERS 200

/* Shared by all processes. */
struct track {
	pthread_barrier_t begin, prompt, end; /* begin and end: the runners and the starter */
	char code[16];
	bool quit;
	atomic_uint in;
};

struct runner {
	struct track *track;
	bool waited;
};

static void wait_at_prompt(void *arg)
{
	struct runner *r = arg;

	r->waited = true;
	pthread_barrier_wait(&r->track->prompt);
}

static void run(const struct house *h, const char *service, struct track *t)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		struct runner r = { .track = t };
		struct attempt a = { .confdir = h->pam,
				     .service = service,
				     .user = ACCOUNT_ONE,
				     .code = t->code,
				     .at_prompt = wait_at_prompt,
				     .arg = &r };

		pthread_barrier_wait(&t->begin);
		if (t->quit)
			_exit(0);
		if (attempt_login(&a) == PAM_SUCCESS)
			atomic_fetch_add(&t->in, 1);
		if (!r.waited) /* refused before any prompt: the others still wait for us */
			pthread_barrier_wait(&t->prompt);
		pthread_barrier_wait(&t->end);
	}
}

static struct track *track_new(void)
{
	struct track *t =
	    mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t shared;

	if (t == MAP_FAILED)
		return NULL;
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	if (pthread_barrier_init(&t->begin, &shared, RUNNERS + 1) ||
	    pthread_barrier_init(&t->prompt, &shared, RUNNERS) ||
	    pthread_barrier_init(&t->end, &shared, RUNNERS + 1))
		return NULL;
	return t;
}

struct race {
	const char *name, *service;
	unsigned rounds;
	bool (*prepare)(const struct house *h, const struct token *t);
	/* what happened */
	unsigned one, none, several, most;
};

static void count(struct race *race, unsigned in)
{
	race->one += in == 1;
	race->none += in == 0;
	race->several += in > 1;
	if (in > race->most)
		race->most = in;
}

static bool run_race(const struct house *h, struct race *race, struct token *token)
{
	struct track *t = track_new();
	bool ok = t != NULL;

	fflush(NULL);
	for (unsigned i = 0; ok && i < RUNNERS; i++)
		if (fork() == 0)
			run(h, race->service, t);
	for (unsigned i = 0; ok && i < race->rounds; i++) {
		ok = !race->prepare || race->prepare(h, token);
		token_code(token, t->code);
		atomic_store(&t->in, 0);
		pthread_barrier_wait(&t->begin);
		pthread_barrier_wait(&t->end);
		count(race, atomic_load(&t->in));
		token->counter += atomic_load(&t->in) > 0;
	}
	if (!t)
		return false;
	t->quit = true;
	pthread_barrier_wait(&t->begin);
	for (unsigned i = 0; i < RUNNERS; i++)
		wait(NULL);
	munmap(t, sizeof(*t));
	return ok;
}

static void report(const struct race *ours, const struct race *peer)
{
	struct row row = { .figure = "1 code, 64 at once" };

	TEXT(row.figure, "1 code, 64 at once: exactly one got in");
	TEXT(row.value, "%u of %u", ours->one, ours->rounds);
	TEXT(row.beside, "%u of %u  %s", peer->one, peer->rounds, peer->name);
	TEXT(row.target, "every round");
	row.met = ours->one == ours->rounds ? ROW_MET : ROW_NOT_MET;
	row_add(&row);

	row = (struct row){ .figure = "  more than one got in" };
	TEXT(row.value, "%u", ours->several);
	TEXT(row.beside, "%u  %s, up to %u at once", peer->several, peer->name, peer->most);
	row_add(&row);
}

void bench_race(struct benches *b)
{
	struct race ours = { "kenmon", SERVICE_OURS, ROUNDS_OURS, NULL, 0, 0, 0, 0 };
	struct race peers[] = {
		{ "pam_oath", SERVICE_OATH, ROUNDS_PEERS, oath_write, 0, 0, 0, 0 },
		{ "pam_google_authenticator", SERVICE_GOOGLE, ROUNDS_PEERS, google_write, 0, 0, 0,
		  0 },
	};

	say("one code, 64 at once");
	if (!run_race(&b->one, &ours, &b->in_one)) {
		row_failed("1 code, 64 at once", "no shared memory");
		return;
	}
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct token t = { .login = ACCOUNT_ONE, .counter = 1 }; /* google's begin at 1 */

		if (!run_race(&b->one, &peers[i], &t) || peers[i].none == peers[i].rounds)
			row_failed(peers[i].name, "nobody ever got in: is it installed?");
		else
			report(&ours, &peers[i]);
	}
}
