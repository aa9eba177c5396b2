/*
 * A whole vault in this process, on a state folder of its own, with the test as its judge, its
 * clients and its desk. Each test includes this once.
 */
#ifndef KENMON_TESTS_VAULT_WORLD_H
#define KENMON_TESTS_VAULT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <liboath/oath.h>

#include <kenmon/factor.h>
#include <kenmon/log.h>

#include "../../authd/vault/codes.h"
#include "../../authd/vault/courier.h"
#include "../../authd/vault/vault.h"
#include "folder.h"
#include "order.h"

#define WORLD_UID     4711 /* of every operator here */
#define WORLD_SERVICE "test"
#define WORLD_SEED    "world seed, 20 bytes"

struct world {
	char dir[48], state[64], key[80], sock[64], machine[64];
	struct vault *v; /* NULL: none is up */
	int judge, listener;
	int desk; /* our end of the private line; -1: none */
	uint32_t session;
	uid_t peer;        /* 0: clients connect as we are; else under this uid, which takes root */
	enum km_role role; /* of whoever is added from now on */
	enum km_origin origin;          /* where the judge says that they sit */
	enum km_lang lang;              /* and what they read */
	void (*round)(struct world *w); /* one round of the vault; NULL: just that */
};

/* --- the folder ---------------------------------------------------------------------- */

static inline void world_listen(struct world *w)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof at.sun_path, "%s", w->sock);
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(w->listener, 4), 0);
	/* Another uid may connect; the state folder beside it stays ours. */
	assert_int_equal(chmod(w->sock, 0666), 0);
	assert_int_equal(chmod(w->dir, 0711), 0);
}

/* In memory where there is such a folder: what is tried here is not the disk. */
static inline struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof *w);
	FILE *f;

	assert_non_null(w);
	snprintf(w->dir, sizeof w->dir, "%s/kenmon-test-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->state, sizeof w->state, "%s/state", w->dir);
	snprintf(w->key, sizeof w->key, "%s/state/master.key", w->dir);
	snprintf(w->sock, sizeof w->sock, "%s/sock", w->dir);
	snprintf(w->machine, sizeof w->machine, "%s/machine-id", w->dir);
	f = fopen(w->machine, "w");
	assert_non_null(f);
	fputs("0123456789abcdef0123456789abcdef\n", f);
	fclose(f);
	w->judge = w->desk = -1;
	world_listen(w);
	return w;
}

/* --- the vault ------------------------------------------------------------------------ */

static inline void world_down(struct world *w)
{
	struct vault *v = w->v;

	w->v = NULL;
	if (!v)
		return;
	backup_drop(v, NULL);
	store_close(v->store);
	km_keys_close(v->keys);
	for (size_t i = 0; i < VAULT_LINES; i++)
		line_close(v, &v->line[i]);
	for (size_t i = 0; i < VAULT_SESSIONS; i++)
		if (v->session_id[i])
			session_end(v, &v->session[i]);
	queue_free(&v->to_judge);
	orders_free(v);
	roster_forget(v);
	km_locked_free(v->frame, KM_FRAME_MAX);
	km_locked_free(v->in, sizeof *v->in);
	if (v->judge >= 0)
		close(v->judge);
	if (v->matcher >= 0)
		close(v->matcher);
	if (v->poll >= 0)
		close(v->poll);
	free(v);
	if (w->judge >= 0)
		close(w->judge);
	if (w->desk >= 0)
		close(w->desk);
	w->judge = w->desk = -1;
}

static inline struct vault *world_vault_new(const struct world *w)
{
	struct vault *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->listener = v->poll = v->judge = v->matcher_door = v->matcher = -1;
	v->courier_door = v->courier = -1;
	v->has_owner = true;
	v->owner = geteuid();
	v->machine_id_path = w->machine;
	for (size_t i = 0; i < VAULT_LINES; i++)
		v->line[i].fd = -1;
	km_conf_defaults(&v->conf);
	return v;
}

/* As the vault's main.c does it. */
static inline km_rc world_begin(struct vault *v, const struct world *w)
{
	struct km_event_record r;
	km_rc rc = km_keys_open(w->state, w->key, true, &v->keys);

	if (rc == KM_OK)
		rc = store_open(w->state, v->keys, &v->store, NULL, 0);
	if (rc == KM_OK)
		rc = km_clock_read(&v->now);
	if (rc != KM_OK)
		return rc;
	v->before = v->now;
	store_set_now(v->store, &v->now);
	rc = code_init();
	if (rc == KM_OK)
		rc = check_init(v);
	if (rc == KM_OK)
		rc = phone_start(v);
	if (rc == KM_OK)
		rc = suspect_start(v);
	event_make(&r, KM_EVENT_STARTED, NULL, "vault");
	if (rc == KM_OK)
		rc = note_record(v, &r);
	if (rc == KM_OK)
		rc = store_flush(v->store);
	note_settle(v, rc == KM_OK);
	v->erasing = rc == KM_OK;
	erase_work(v);
	epoch_look(v);
	feed_look(v);
	due_look(v);
	return rc;
}

static inline km_rc world_doors(struct world *w)
{
	struct epoll_event ready = { .events = EPOLLIN };
	struct vault *v = w->v;
	int pair[2];

	v->poll = epoll_create1(EPOLL_CLOEXEC);
	v->frame = km_locked_new(KM_FRAME_MAX);
	v->in = km_locked_new(sizeof *v->in);
	if (v->poll < 0 || !v->frame || !v->in ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return KM_ENOMEM;
	v->judge = ready.data.fd = pair[0];
	w->judge = pair[1];
	v->anchored = true;
	return epoll_ctl(v->poll, EPOLL_CTL_ADD, pair[0], &ready) < 0 ? KM_EIO : KM_OK;
}

/* Starts the vault; with KM_OK it is up. */
static inline km_rc world_try(struct world *w)
{
	km_rc rc = KM_ENOMEM;

	w->v = world_vault_new(w);
	if (w->v)
		rc = world_begin(w->v, w);
	if (rc == KM_OK)
		rc = world_doors(w);
	/* What is done once a day is done: rounds are compared. */
	while (rc == KM_OK && (feed_work(w->v) || due_work(w->v)))
		;
	if (rc != KM_OK)
		world_down(w);
	return rc;
}

static inline void world_up(struct world *w)
{
	assert_int_equal(world_try(w), KM_OK);
}

/* Work for many waits for its turn by the clock (pace.c): here no round depends on that. */
static inline void world_unpaced_round(struct world *w)
{
	memset(&w->v->pacing, 0, sizeof w->v->pacing);
	vault_round(w->v, 0);
}

static inline void world_round(struct world *w)
{
	if (w->v->stop)
		return; /* it would have ended, and been started again */
	if (w->round)
		w->round(w);
	else
		world_unpaced_round(w);
}

static inline void world_free(struct world *w)
{
	world_down(w);
	close(w->listener);
	folder_remove(w->dir);
	free(w);
}

/* --- who is in it ------------------------------------------------------------------------ */

/* The n-th recovery code of everybody. */
static inline void world_recovery(unsigned n, char out[KM_RECOVERY_LENGTH + 1])
{
	memset(out, 'B', KM_RECOVERY_LENGTH);
	out[0] = (char)('C' + n);
	out[KM_RECOVERY_LENGTH] = '\0';
}

static inline void world_codes(struct km_secret *codes)
{
	char one[KM_RECOVERY_LENGTH + 1];

	for (unsigned n = 0; n < KM_RECOVERY_CODES; n++) {
		world_recovery(n, one);
		memcpy(codes->bytes + n * KM_RECOVERY_LENGTH, one, KM_RECOVERY_LENGTH);
	}
	codes->len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
}

/* The code of a counter, under the one seed there is here. */
static inline void world_code(uint64_t counter, char out[16])
{
	assert_int_equal(oath_hotp_generate(WORLD_SEED, strlen(WORLD_SEED), counter, 6, false,
					    OATH_HOTP_DYNAMIC_TRUNCATION, out),
			 OATH_OK);
}

/* uid -1: bound at the first login. */
static inline void world_add_as(struct world *w, const char *login, uid_t uid, bool enrolled,
				bool suspended)
{
	struct km_operator in = { .uid = uid == (uid_t)-1 ? -1 : (int64_t)uid,
				  .role = (uint8_t)w->role,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct km_credential hotp = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_secret seed = { 0 }, codes = { 0 };
	struct km_event_record r;
	struct km_person who = { 0 };
	struct km_operator op;
	uint64_t id;

	snprintf(who.login, sizeof who.login, "%s", login);
	snprintf(who.employee_number, sizeof who.employee_number, "N%s", login);
	snprintf(who.name, sizeof who.name, "name");
	snprintf(who.department, sizeof who.department, "department");
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(w->v->store, &in, &who, &r, &op), KM_OK);
	memcpy(hotp.subject, op.subject, sizeof hotp.subject);
	assert_int_equal(km_secret_set(&seed, WORLD_SEED, strlen(WORLD_SEED)), KM_OK);
	world_codes(&codes);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	if (enrolled) {
		assert_int_equal(store_enrol_otp(w->v->store, &op, &hotp, &seed, &r, &id), KM_OK);
		assert_int_equal(store_enrol_recovery(w->v->store, &op, &codes, false, &r, &id),
				 KM_OK);
	}
	event_make(&r, KM_EVENT_OPERATOR_SUSPENDED, op.subject, "test");
	if (suspended)
		assert_int_equal(store_operator_state(w->v->store, op.subject, KM_SUSPENDED, &r),
				 KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
}

static inline void world_add(struct world *w, const char *login, bool enrolled, bool suspended)
{
	world_add_as(w, login, WORLD_UID, enrolled, suspended);
}

/*
 * Do failures of each of these count for that name alone? Who has no such factor is counted in one
 * of 65,536 buckets, by a key that each world draws: at times two of them share one.
 */
static inline bool world_counts_apart(struct world *w, const char *const *names, size_t count)
{
	uint16_t bucket[16];

	assert_true(count <= sizeof bucket / sizeof bucket[0]);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(session_bucket(w->v, names[i], &bucket[i]), KM_OK);
		for (size_t k = 0; k < i; k++)
			if (bucket[k] == bucket[i])
				return false;
	}
	return true;
}

/* --- the judge's part --------------------------------------------------------------------- */

/* The vault hears it and does its round. */
static inline void world_tell(struct world *w, const struct km_msg *m, int fd)
{
	if (w->v->stop)
		return;
	assert_int_equal(km_send_msg(w->judge, m, fd, 0), KM_OK);
	world_round(w);
}

/* The next word about a session; where the chain ends is told in between. False: none came. */
static inline bool world_heard(struct world *w, struct km_msg *m)
{
	const unsigned phases = KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK;
	uint8_t frame[KM_FRAME_MAX];
	size_t len;

	do {
		if (km_recv(w->judge, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) != KM_OK)
			return false;
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, phases, m), KM_OK);
	} while (m->number == KM_MSG_HEAD);
	return true;
}

/* The same; a round that did nothing is followed by another, as in the vault's own loop. */
static inline bool world_answered(struct world *w, struct km_msg *m)
{
	for (unsigned n = 0; n < 3; n++) {
		if (world_heard(w, m))
			return true;
		world_round(w);
	}
	return false;
}

/* A client's two ends: ours, and the one that the judge accepted. */
static inline int world_client(struct world *w, int *accepted)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", w->sock);
	if (w->peer)
		assert_int_equal(seteuid(w->peer), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
	if (w->peer)
		assert_int_equal(seteuid(0), 0);
	*accepted = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	return client;
}

/* Tells the vault OPEN for login; returns the client's end. */
static inline int world_open(struct world *w, enum km_request kind, const char *login)
{
	struct km_msg open = { .number = KM_MSG_OPEN, .session = ++w->session };
	int accepted, client = world_client(w, &accepted);

	open.open.kind = (uint8_t)kind;
	open.open.uid = kind == KM_REQUEST_DESK ? 0 : w->peer ? w->peer : WORLD_UID;
	open.open.origin = (uint8_t)w->origin;
	open.open.lang = (uint8_t)w->lang;
	memset(open.open.nonce, 0x5a, sizeof open.open.nonce);
	if (kind != KM_REQUEST_DESK) {
		snprintf(open.open.login, sizeof open.open.login, "%s", login);
		snprintf(open.open.service, sizeof open.open.service, WORLD_SERVICE);
	}
	world_tell(w, &open, accepted);
	close(accepted);
	return client;
}

static inline void world_check(struct world *w, const char *answer)
{
	struct km_msg check = { .number = KM_MSG_CHECK, .session = w->session };

	assert_int_equal(km_secret_set(&check.check.secret, answer, strlen(answer)), KM_OK);
	world_tell(w, &check, -1);
}

static inline void world_end(struct world *w, enum km_reason reason)
{
	struct km_msg end = { .number = KM_MSG_CLOSE, .session = w->session };

	end.close.reason = (uint8_t)reason;
	world_tell(w, &end, -1);
}

/* --- the client's part ---------------------------------------------------------------------- */

/* What the client was told, and a descriptor that came with it. KM_MSG_NONE: nothing. */
static inline struct km_msg world_client_heard(int client, int *passed)
{
	struct km_msg m = { .number = KM_MSG_NONE };
	uint8_t frame[KM_FRAME_MAX];
	size_t len;

	if (km_recv(client, frame, sizeof frame, &len, passed, NULL, MSG_DONTWAIT) == KM_OK)
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT,
					   KM_PHASE_TALK | KM_PHASE_HEARD_NOTHING, &m),
				 KM_OK);
	return m;
}

#endif
