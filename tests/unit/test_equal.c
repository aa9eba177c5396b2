/*
 * Whoever is asked for, the work is the same: known, unknown, unenrolled and
 * suspended names cost as many messages, HMACs, statements and commits. A whole
 * vault is driven here, with the test as its judge and its client.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/log.h>

#include "../../authd/vault/codes.h"
#include "../../authd/vault/vault.h"

#define RECOVERY_WRONG "AAAAAAAAAAAAAAAA"

struct world {
	char dir[32], state[48], key[64], sock[48];
	struct vault *v;
	int judge, listener;
	uint32_t session;
};

/* All that the vault counts. */
struct work {
	uint64_t messages, hmacs, unwraps, unseals, statements, commits, codes;
};

static struct work work_of(const struct vault *v)
{
	struct km_key_work k = km_keys_work(v->keys);
	struct km_store_work s = store_work(v->store);

	return (struct work){ v->messages,  k.hmacs,   k.unwraps,  k.unseals,
			      s.statements, s.commits, code_work() };
}

static struct work since(const struct vault *v, struct work before)
{
	struct work now = work_of(v);
	uint64_t *n = (uint64_t *)&now, *b = (uint64_t *)&before;

	for (size_t i = 0; i < sizeof now / sizeof *n; i++)
		n[i] -= b[i];
	return now;
}

static void listen_for_clients(struct world *w)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(w->sock, sizeof w->sock, "%s/sock", w->dir);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", w->sock);
	w->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(w->listener, 4), 0);
}

static void open_vault(struct world *w)
{
	struct vault *v = calloc(1, sizeof *v);
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	assert_non_null(v);
	w->v = v;
	v->listener = -1;
	v->has_owner = true;
	v->owner = geteuid();
	for (size_t i = 0; i < VAULT_LINES; i++)
		v->line[i].fd = -1;
	km_conf_defaults(&v->conf);
	assert_int_equal(km_keys_open(w->state, w->key, true, &v->keys), KM_OK);
	assert_int_equal(store_open(w->state, v->keys, &v->store, NULL, 0), KM_OK);
	assert_int_equal(km_clock_read(&v->now), KM_OK);
	store_set_now(v->store, &v->now);
	assert_int_equal(code_init(), KM_OK);
	assert_int_equal(check_init(v), KM_OK);
	v->poll = epoll_create1(EPOLL_CLOEXEC);
	v->frame = km_locked_new(KM_FRAME_MAX);
	v->in = km_locked_new(sizeof *v->in);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	v->judge = ready.data.fd = pair[0];
	v->anchored = true;
	assert_int_equal(epoll_ctl(v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
	w->judge = pair[1];
}

static void add(struct world *w, const char *login, bool enrolled, bool suspended)
{
	static const uint8_t bytes[20] = { 7 };
	struct km_operator in = { .uid = 4711,
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
	assert_int_equal(km_secret_set(&seed, bytes, sizeof bytes), KM_OK);
	memset(codes.bytes, 'B', KM_RECOVERY_CODES * KM_RECOVERY_LENGTH);
	for (size_t i = 0; i < KM_RECOVERY_CODES; i++)
		codes.bytes[i * KM_RECOVERY_LENGTH] = (uint8_t)('C' + i);
	codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	if (enrolled) {
		assert_int_equal(store_enrol_otp(w->v->store, &op, &hotp, &seed, &r, &id), KM_OK);
		assert_int_equal(store_enrol_recovery(w->v->store, &op, &codes, &r, &id), KM_OK);
	}
	event_make(&r, KM_EVENT_OPERATOR_SUSPENDED, op.subject, "test");
	if (suspended)
		assert_int_equal(store_operator_state(w->v->store, op.subject, KM_SUSPENDED, &r),
				 KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
}

static void tell(struct world *w, const struct km_msg *m, int fd)
{
	assert_int_equal(km_send_msg(w->judge, m, fd, 0), KM_OK);
	vault_round(w->v, 0);
}

/* The next word about a session; where the chain ends is told in between. */
static void hear(struct world *w, struct km_msg *m)
{
	const unsigned phases = KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK;
	uint8_t frame[KM_FRAME_MAX];
	size_t len;

	do {
		assert_int_equal(
		    km_recv(w->judge, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT), KM_OK);
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, phases, m), KM_OK);
	} while (m->number == KM_MSG_HEAD);
}

/* A login from OPEN to the verdict on one answer. *m is that verdict. */
static struct work try_login(struct world *w, const char *login, const char *answer,
			     struct km_msg *m)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct km_msg open = { .number = KM_MSG_OPEN, .session = ++w->session };
	struct km_msg check = { .number = KM_MSG_CHECK, .session = w->session };
	struct km_msg end = { .number = KM_MSG_CLOSE, .session = w->session };
	struct work before = work_of(w->v), done;
	int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), accepted;

	snprintf(at.sun_path, sizeof at.sun_path, "%s", w->sock);
	assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
	accepted = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	open.open.kind = KM_REQUEST_AUTHENTICATE;
	open.open.uid = 4711;
	snprintf(open.open.login, sizeof open.open.login, "%s", login);
	snprintf(open.open.service, sizeof open.open.service, "test");
	tell(w, &open, accepted);
	close(accepted);
	hear(w, m);
	assert_int_equal(m->number, KM_MSG_PLAN);
	assert_int_equal(km_secret_set(&check.check.secret, answer, strlen(answer)), KM_OK);
	tell(w, &check, -1);
	done = since(w->v, before);
	hear(w, m);
	assert_int_equal(m->number, KM_MSG_VERDICT);
	end.close.reason = KM_REASON_TRIES;
	tell(w, &end, -1);
	close(client);
	return done;
}

static const char *const names[] = { "known", "nobody", "unenrolled", "suspended" };

static void equal_for(struct world *w, const char *answer)
{
	struct work first = { 0 };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct km_msg m;
		struct work one = try_login(w, names[i], answer, &m);

		assert_int_equal(m.verdict.verdict, KM_VERDICT_RETRY);
		if (i == 0)
			first = one;
		if (memcmp(&one, &first, sizeof one) != 0)
			fail_msg(
			    "%s: %llu messages %llu HMACs %llu unwraps %llu unseals %llu "
			    "statements %llu commits %llu codes; %s: %llu %llu %llu %llu %llu %llu "
			    "%llu",
			    names[i], (unsigned long long)one.messages,
			    (unsigned long long)one.hmacs, (unsigned long long)one.unwraps,
			    (unsigned long long)one.unseals, (unsigned long long)one.statements,
			    (unsigned long long)one.commits, (unsigned long long)one.codes,
			    names[0], (unsigned long long)first.messages,
			    (unsigned long long)first.hmacs, (unsigned long long)first.unwraps,
			    (unsigned long long)first.unseals, (unsigned long long)first.statements,
			    (unsigned long long)first.commits, (unsigned long long)first.codes);
	}
	/* It was counted, or nothing was compared. */
	assert_true(first.hmacs > 0 && first.statements > 0 && first.commits == 1);
}

static void test_C25_a_wrong_code_costs_the_same_work_for_every_name(void **state)
{
	struct world *w = *state;
	struct km_msg m;

	(void)try_login(w, "known", "000000", &m); /* the first makes a month's key and a seal */
	for (int n = 0; n < 3; n++)
		equal_for(w, "000000");
}

static void test_C25_a_wrong_recovery_code_costs_the_same_work_for_every_name(void **state)
{
	struct world *w = *state;
	struct km_msg m;

	(void)try_login(w, "known", RECOVERY_WRONG, &m);
	for (int n = 0; n < 3; n++)
		equal_for(w, RECOVERY_WRONG);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	if (!w)
		return -1;
	km_log_open("test", NULL, LOG_ERR);
	memcpy(w->dir, "/tmp/kenmon-test-XXXXXX", sizeof "/tmp/kenmon-test-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	snprintf(w->state, sizeof w->state, "%s/state", w->dir);
	snprintf(w->key, sizeof w->key, "%s/master.key", w->state);
	listen_for_clients(w);
	open_vault(w);
	add(w, "known", true, false);
	add(w, "unenrolled", false, false);
	add(w, "suspended", true, true);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "state/vault.db",
					     "state/vault.db-wal",
					     "state/identity.db",
					     "state/identity.db-wal",
					     "state-kek/kek.1",
					     "state-kek",
					     "state/master.key",
					     "state",
					     "sock",
					     "" };
	struct world *w = *state;
	char path[96];

	store_close(w->v->store);
	km_keys_close(w->v->keys);
	queue_free(&w->v->to_judge);
	km_locked_free(w->v->frame, KM_FRAME_MAX);
	km_locked_free(w->v->in, sizeof *w->v->in);
	close(w->v->judge);
	close(w->v->poll);
	free(w->v);
	close(w->judge);
	close(w->listener);
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", w->dir, files[i]);
		(void)remove(path);
	}
	free(w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_C25_a_wrong_code_costs_the_same_work_for_every_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_C25_a_wrong_recovery_code_costs_the_same_work_for_every_name, set_up,
		    tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
