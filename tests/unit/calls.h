/*
 * A matrix of failing calls over one act of a vault: each call of each kind that the vault makes
 * during the act fails, once and from then on, with each error it may have. A dry run counts the
 * calls; a point that was not tried fails the test.
 */
#ifndef KENMON_TESTS_CALLS_H
#define KENMON_TESTS_CALLS_H

#include <errno.h>

#include "../fault/fault.h"
#include "vault_world.h"

#ifdef __SANITIZE_ADDRESS__
/* OpenSSL 3.0 loses memory when one of its own calls fails. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so";
}
#endif

static const struct fault_kind calls_kinds[] = {
	{ FAULT_MALLOC, "malloc", { ENOMEM } },
	{ FAULT_MMAP, "mmap", { ENOMEM } },
	{ FAULT_MADVISE, "madvise", { EINVAL } },
	{ FAULT_MLOCK, "mlock", { EPERM } },
	{ FAULT_SOCKET, "socket", { EMFILE } },
	{ FAULT_GETSOCKOPT, "getsockopt", { EIO } },
	{ FAULT_EPOLL, "epoll", { ENOMEM, EINTR } },
	{ FAULT_SENDMSG, "sendmsg", { EPIPE, ENOBUFS, EAGAIN } },
	{ FAULT_RECVMSG, "recvmsg", { ECONNRESET, ENOMEM, EAGAIN } },
	{ FAULT_GETRANDOM, "getrandom", { ENOSYS } },
	{ FAULT_CLOCK, "clock_gettime", { EINVAL } },
	{ FAULT_OPEN, "open", { EMFILE, EACCES } },
	{ FAULT_FOLDER, "fdopendir, readdir", { EIO } },
	{ FAULT_STAT, "stat", { EIO } },
	{ FAULT_READ, "read", { EIO } },
	{ FAULT_WRITE, "write", { EIO, ENOSPC } },
	{ FAULT_SYNC, "sync", { EIO, ENOSPC } },
	{ FAULT_TRUNCATE, "ftruncate", { EIO } },
	{ FAULT_NAME, "mkdir, rename, unlink", { EIO, ENOSPC } },
	{ FAULT_FCNTL, "fcntl", { EIO } },
	{ FAULT_STEP, "sqlite3_step", { EIO, ENOSPC, ENOMEM } },
	{ FAULT_PREPARE, "sqlite3_prepare", { ENOMEM } },
	{ FAULT_BIND, "sqlite3_bind", { ENOMEM } },
	{ FAULT_CRYPTO, "EVP", { ENOMEM } },
	{ FAULT_OATH, "liboath", { ENOMEM } },
};
#define CALLS_KINDS (sizeof(calls_kinds) / sizeof(calls_kinds[0]))

struct calls_act {
	bool start; /* the act starts the vault itself: none is up before it */
	/* Before anything fails; may be NULL. */
	void (*prepare)(struct world *w);
	/* The act; the vault's rounds in it are what fails. */
	void (*run)(struct world *w);
	/* Nothing fails any more, the vault is up: is what happened whole, and does it go on? */
	void (*check)(struct world *w, bool dry);
};

struct calls_point {
	const struct fault_kind *kind;
	int error;
	unsigned at; /* 0: nothing fails */
	bool for_good;
};
static struct calls_point calls_now; /* for messages */

#define calls_say(format, ...)                                                                     \
	fail_msg("%s (error %d), call %u%s: " format, calls_now.kind->name, calls_now.error,       \
		 calls_now.at, calls_now.for_good ? " and all after it" : "", ##__VA_ARGS__)

static inline void calls_round(struct world *w)
{
	fault_pause(false);
	world_unpaced_round(w);
	fault_pause(true);
}

/* A new start, when the vault would have ended: what a supervisor does. */
static inline void calls_recover(struct world *w)
{
	struct km_msg late;

	w->round = NULL;
	if (!w->v || w->v->stop) {
		world_down(w);
		if (world_try(w) != KM_OK)
			calls_say("no start after it");
	}
	for (unsigned n = 0; n < 3; n++)
		world_round(w);
	while (world_heard(w, &late))
		;
}

static inline struct fault_count calls_one(struct world *w, const struct folder *kept,
					   const struct calls_act *act,
					   const struct calls_point *point)
{
	struct fault_count count;

	calls_now = *point;
	folder_put_back(kept, w->dir);
	if (!act->start)
		world_up(w);
	if (act->prepare)
		act->prepare(w);
	fault_begin(point->kind->call, point->at, point->error, point->for_good);
	fault_pause(true);
	w->round = calls_round;
	act->run(w);
	count = fault_end();
	calls_recover(w);
	act->check(w, point->at == 0);
	world_down(w);
	return count;
}

/*
 * Where an act makes hundreds of calls of a kind they are the same few in a row, and each fifth is
 * tried; with CALLS=all in the environment (make check-long) every one. A sanitizer looks at what
 * is done after a failure, for which fewer will do.
 */
#ifdef __SANITIZE_ADDRESS__
#define CALLS_MANY 20
#else
#define CALLS_MANY 200
#endif
#define CALLS_STEP 5

static inline unsigned calls_step(unsigned calls)
{
	const char *all = getenv("CALLS");

	return calls <= CALLS_MANY || (all && strcmp(all, "all") == 0) ? 1 : CALLS_STEP;
}

struct calls_sum {
	unsigned tried, expected;
};

/* Of two runs the fewer: where a second passes the judge hears once more where the chain ends. */
static inline unsigned calls_count(struct world *w, const struct folder *kept,
				   const struct calls_act *act, const struct fault_kind *kind)
{
	const struct calls_point nothing = { .kind = kind };
	unsigned once = calls_one(w, kept, act, &nothing).calls[kind->call];
	unsigned again = calls_one(w, kept, act, &nothing).calls[kind->call];

	return once < again ? once : again;
}

static inline void calls_of_kind(struct world *w, const struct folder *kept,
				 const struct calls_act *act, const struct fault_kind *kind,
				 struct calls_sum *sum)
{
	unsigned calls = calls_count(w, kept, act, kind);
	struct calls_point point;

	if (kind->call == FAULT_MALLOC && !fault_has_malloc())
		return;
	for (unsigned n = 0; n < 3 && kind->errors[n]; n++) {
		for (unsigned k = 1; k <= calls; k += calls_step(calls)) {
			for (int for_good = 0; for_good < 2; for_good++) {
				point = (struct calls_point){ kind, kind->errors[n], k, for_good };
				sum->expected++;
				if (calls_one(w, kept, act, &point).failed > 0)
					sum->tried++;
			}
		}
	}
}

static inline void calls_matrix(struct world *w, const struct folder *kept,
				const struct calls_act *act)
{
	struct calls_point nothing = { .kind = &calls_kinds[0] };
	struct calls_sum sum = { 0 };

	/* The libraries keep what the first use of them made. */
	(void)calls_one(w, kept, act, &nothing);
	for (size_t i = 0; i < CALLS_KINDS; i++)
		calls_of_kind(w, kept, act, &calls_kinds[i], &sum);
	print_message("# %u of %u points tried\n", sum.tried, sum.expected);
	assert_true(sum.expected > 0);
	assert_int_equal(sum.tried, sum.expected);
}

/* --- what is there ---------------------------------------------------------------------- */

static inline struct km_operator calls_operator(struct world *w, const char *login)
{
	struct km_operator op = { 0 };
	km_rc rc = store_operator_by_login(w->v->store, login, &op);

	if (rc != KM_OK && rc != KM_ENOTFOUND)
		calls_say("%s cannot be read: %s", login, km_rc_text(rc, KM_LANG_EN));
	return op; /* cursor 0: nobody */
}

static inline struct km_credential calls_credential(struct world *w, const char *login,
						    enum km_factor factor)
{
	struct km_operator op = calls_operator(w, login);
	struct km_credential all[KM_MAX_CREDENTIALS], none = { 0 };
	size_t count = 0;

	if (store_credentials(w->v->store, op.subject, all, &count) != KM_OK)
		calls_say("the credentials of %s cannot be read", login);
	for (size_t i = 0; i < count; i++)
		if (all[i].factor == factor)
			return all[i];
	return none;
}

/* How many records of an event there are; the whole chain verifies meanwhile. */
static inline unsigned calls_records(struct world *w, enum km_event event)
{
	struct km_audit_row rows[64];
	struct km_verify v = { 0 };
	uint64_t after = 0;
	unsigned n = 0;
	size_t count;

	while (!v.finished)
		if (store_audit_verify(w->v->store, &v, 1000) != KM_OK || v.bad)
			calls_say("the chain does not verify: %s", v.why);
	do {
		if (store_audit(w->v->store, after, NULL, 64, rows, &count) != KM_OK)
			calls_say("the trail cannot be read");
		for (size_t i = 0; i < count; i++) {
			n += rows[i].event == (uint16_t)event;
			after = rows[i].seq;
		}
	} while (count == 64);
	return n;
}

/* Everybody who is registered opens, with who they are; nobody is half there. */
static inline size_t calls_everybody_is_whole(struct world *w)
{
	struct km_operator all[32];
	struct km_person who;
	size_t count = 0;

	if (store_operators(w->v->store, 0, 32, all, &count) != KM_OK)
		calls_say("the operators cannot be listed");
	for (size_t i = 0; i < count; i++)
		if (all[i].state == KM_ERASING || store_person(w->v->store, &all[i], &who) != KM_OK)
			calls_say("operator %zu is half there", i);
	return count;
}

#define CALLS_PEOPLE 3 /* known, suspended, unbound */

/* --- setup ------------------------------------------------------------------------------- */

static struct world *calls_world;
static struct folder calls_kept;

static inline int calls_setup(void **state)
{
	struct world *w = calls_world = world_new();

	km_log_open("test", NULL, -1);
	world_up(w);
	world_add(w, "known", true, false);
	world_add(w, "suspended", true, true);
	world_add_as(w, "unbound", (uid_t)-1, true, false);
	world_down(w);
	folder_keep(&calls_kept, w->dir);
	*state = w;
	return 0;
}

static inline int calls_teardown(void **state)
{
	folder_forget(&calls_kept);
	world_free(*state);
	return 0;
}

#endif
