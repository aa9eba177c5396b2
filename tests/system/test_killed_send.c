/*
 * Kill -9 of the vault at every call to the kernel that it makes while a code is sent and judged.
 * What left had been counted; who was let in is written down, and their code is used up; no code
 * outlives the vault that sent it; the trail verifies, and the next login works.
 *
 * The vault runs in a process of its own, on a folder of its own; the test is its judge and its
 * courier.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <openssl/crypto.h>

#include <kenmon/room.h>

#include "../../authd/vault/walls.h"
#include "../unit/phone_world.h"
#include "house_killer.h"

#define MISSES  5    /* runs that did not get so far, one after the other: no run does */
#define HEAR_MS 2000 /* by then a vault that lives has answered */

static struct folder kept;
static uint64_t landline;
static bool confined;      /* the vault stands behind its walls */
static int judge, courier; /* our ends */
static struct {
	unsigned left; /* orders that came to us */
	bool allowed;  /* the judge was told so */
	bool refused;  /* or that it was wrong */
	char code[KM_ORDER_KEYS + 1];
} seen;

static struct {
	bool keypad; /* digits are shown, and keyed in at a call; else a message has a code */
	bool wrong;  /* another code than that */
} scene;

/* --- the vault's process -----------------------------------------------------------------------
 */

static void watch(struct vault *v, int fd)
{
	struct epoll_event ready = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(v->poll, EPOLL_CTL_ADD, fd, &ready) < 0)
		_exit(2);
}

/* Behind its walls, as the room is. */
static void confine(void)
{
	static char kek[PATH_MAX];
	const struct vault_places places = { .state_dir = pw.w->state,
					     .kek_dir = kek,
					     .key = pw.w->key,
					     .config = pw.w->machine /* no more is read */,
					     .machine_id = pw.w->machine };
	unsigned gaps;

	if (km_room_begin() != KM_OK || km_keys_folder(pw.w->state, kek) != KM_OK ||
	    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1 ||
	    !vault_confine(&places, &gaps))
		_exit(5);
}

static void be_the_vault(int to_judge, int to_courier, int ready)
{
	struct vault *v;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (confined)
		confine();
	if (world_try(pw.w) != KM_OK)
		_exit(3);
	v = pw.w->v;
	v->conf.login.factors = (struct km_steps){ 1, { WITH_HOTP } };
	close(v->judge);
	v->judge = to_judge;
	v->courier = to_courier;
	watch(v, v->judge);
	watch(v, v->courier);
	if (write(ready, "", 1) != 1)
		_exit(4);
	while (!v->stop)
		vault_round(v, 1000);
	_exit(0);
}

static pid_t start(void)
{
	int j[2], c[2], ready[2];
	char byte;
	pid_t child;

	folder_put_back(&kept, pw.w->dir);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, j), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, c), 0);
	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(j[1]);
		close(c[1]);
		be_the_vault(j[0], c[0], ready[1]);
	}
	close(j[0]);
	close(c[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		int status;

		(void)!waitpid(child, &status, 0);
		fail_msg("the vault does not start: %#x", (unsigned)status);
	}
	close(ready[0]);
	judge = j[1];
	courier = c[1];
	memset(&seen, 0, sizeof seen);
	return child;
}

/* --- its judge and its courier -------------------------------------------------------------------
 */

/* False: it is gone, or said nothing. */
static bool hears(int fd, unsigned phases, struct km_msg *m)
{
	struct timeval most = { .tv_sec = HEAR_MS / 1000 };
	uint8_t frame[KM_FRAME_MAX];
	size_t len;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most), 0);
	do {
		if (km_recv(fd, frame, sizeof frame, &len, NULL, NULL, 0) != KM_OK)
			return false;
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, phases, m), KM_OK);
	} while (m->number == KM_MSG_HEAD);
	return true;
}

static bool judge_heard_of(uint8_t number, struct km_msg *m)
{
	while (hears(judge, KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK, m))
		if (m->number == number)
			return true;
	return false;
}

static bool says(int fd, const struct km_msg *m, int pass)
{
	return km_send_msg(fd, m, pass, 0) == KM_OK;
}

/* What is on the screen, or in the message. */
static void see_the_code(const struct msg_order *o, int client)
{
	struct km_msg shown = world_client_heard(client, NULL);

	if (shown.number == KM_MSG_INFO)
		digits_in(shown.info.text, strlen(shown.info.text), seen.code);
	else
		digits_in(o->text.bytes, o->text.len, seen.code);
}

static bool answers(uint64_t order)
{
	const char *code = scene.wrong && seen.code[0] ? another(seen.code) : seen.code;
	struct km_msg m = { .number = KM_MSG_CHECK, .session = 1 };

	if (!scene.keypad) {
		assert_int_equal(km_secret_set(&m.check.secret, code, strlen(code)), KM_OK);
		return says(judge, &m, -1);
	}
	m = (struct km_msg){ .number = KM_MSG_ORDERED };
	m.ordered.order = order;
	m.ordered.state = KM_ORDER_STATE_KEYED;
	m.ordered.count = (uint8_t)strlen(code);
	memcpy(m.ordered.keys, code, strlen(code));
	return says(courier, &m, -1);
}

/* A login from its beginning to its end, as far as the vault lives. */
static void log_in_once(void)
{
	const unsigned gateway = scene.keypad ? KM_GATEWAY_NONE : KM_GATEWAY_HTTP;
	struct km_msg m = { .number = KM_MSG_COURIER };
	int accepted, client = world_client(pw.w, &accepted);
	uint64_t order = 0;
	bool on;

	m.courier = (struct msg_courier){ KM_ROOM_PROTOCOL, (uint8_t)gateway, 1 };
	on = says(courier, &m, -1);
	m = (struct km_msg){ .number = KM_MSG_OPEN, .session = 1 };
	m.open.kind = KM_REQUEST_AUTHENTICATE;
	m.open.uid = WORLD_UID;
	snprintf(m.open.login, sizeof m.open.login, "alice");
	snprintf(m.open.service, sizeof m.open.service, WORLD_SERVICE);
	on = on && says(judge, &m, accepted) && judge_heard_of(KM_MSG_PLAN, &m);
	m = (struct km_msg){ .number = KM_MSG_SEND, .session = 1 };
	on = on && says(judge, &m, -1);
	if (on && hears(courier, KM_PHASE_COURIER, &m)) {
		seen.left++;
		order = m.order.order;
		see_the_code(&m.order, client);
	}
	on = on && judge_heard_of(KM_MSG_SENDING, &m) && answers(order) &&
	     judge_heard_of(KM_MSG_VERDICT, &m);
	seen.allowed = on && m.verdict.verdict == KM_VERDICT_ALLOW;
	seen.refused = on && m.verdict.reason == KM_REASON_WRONG;
	close(accepted);
	close(client);
}

/* --- what holds after it
 * ---------------------------------------------------------------------------- */

static void holds(const char *where)
{
	struct km_verify v = { 0 };
	struct km_spending site;
	struct km_challenge c;
	char code[KM_ORDER_KEYS + 1];
	uint32_t fails;
	size_t logins;

	world_up(pw.w);
	pw.w->v->conf.login.factors = (struct km_steps){ 1, { WITH_HOTP } };
	while (!v.finished)
		assert_int_equal(store_audit_verify(pw.w->v->store, &v, 1000), KM_OK);
	assert_int_equal(v.bad, 0);
	assert_int_equal(challenge_site(pw.w->v, CHALLENGE_SENT, &site), KM_OK);
	if (site.budget.in_day < seen.left ||
	    events_of(KM_EVENT_CODE_SENT, NULL) != site.budget.in_day)
		fail_msg("%s: %u left, %u are counted", where, seen.left, site.budget.in_day);
	logins = events_of(KM_EVENT_LOGIN_ALLOWED, NULL);
	if (seen.allowed && logins != 1)
		fail_msg("%s: let in, and not written down", where);
	/* A guess that was told is counted, and only once; a right code is none. */
	fails = credential_of("alice", scene.keypad ? landline : alices).throttle.fails;
	if (fails > scene.wrong || (seen.refused && fails != 1))
		fail_msg("%s: %u wrong codes are counted", where, fails);
	if (site.budget.won != logins)
		fail_msg("%s: %zu logins, %u are counted", where, logins, site.budget.won);
	assert_int_equal(store_challenge(pw.w->v->store, operator_of("alice").subject, &c),
			 KM_ENOTFOUND);
	courier_comes();
	(void)asks_in("alice");
	(void)sends(KM_ORDER_MESSAGE, code);
	if (seen.code[0] && strcmp(code, seen.code) != 0) {
		world_check(pw.w, seen.code);
		hears_verdict(KM_VERDICT_RETRY, KM_REASON_WRONG);
	}
	world_check(pw.w, code);
	hears_verdict(KM_VERDICT_ALLOW, KM_REASON_NONE);
	close(pw.courier);
	pw.courier = -1;
	world_down(pw.w);
}

/* Killed at the n-th call; n 0: at none. Was it? */
static bool play(unsigned n, unsigned *counted)
{
	struct killer k;
	char where[64];
	bool struck;
	pid_t child = start();

	assert_true(killer_set(&k, child, n));
	log_in_once();
	struck = killer_end(&k);
	*counted = killer_counted(&k);
	snprintf(where, sizeof where, "killed at %u (%s)", n, struck ? killer_call(&k) : "not");
	killer_free(&k);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(judge);
	close(courier);
	if (n == 0)
		assert_true((scene.wrong ? seen.refused : seen.allowed) && seen.left == 1);
	holds(where);
	return struck;
}

/* At every call of the scene, one after the other. */
static void kill_everywhere(bool keypad, bool wrong)
{
	unsigned calls = 0, counted, struck = 0, missed = 0;

	if (geteuid() != 0)
		skip(); /* only root may trace it */
	scene.keypad = keypad;
	scene.wrong = wrong;
	assert_false(play(0, &calls));
	assert_true(calls > 20);
	for (unsigned n = 1; missed < MISSES; n++) {
		if (play(n, &counted)) {
			struck++;
			missed = 0;
		} else {
			missed++;
		}
	}
	print_message("# %u points; %u calls when it is left alone\n", struck, calls);
	assert_true(struck + MISSES >= calls / 2);
}

static void
test_a_vault_that_is_killed_while_it_sends_and_judges_loses_and_repeats_nothing(void **state)
{
	(void)state;
	kill_everywhere(false, false);
}

static void test_a_vault_that_is_killed_at_a_wrong_code_counts_what_it_told(void **state)
{
	(void)state;
	kill_everywhere(false, true);
}

static void test_a_vault_that_is_killed_while_it_calls_and_judges_keys_loses_nothing(void **state)
{
	(void)state;
	kill_everywhere(true, false);
}

static void test_a_vault_that_is_killed_at_wrong_keys_counts_what_it_told(void **state)
{
	(void)state;
	kill_everywhere(true, true);
}

/* Its calls to the kernel, the generator's too, are among those that it may make. */
static void test_behind_its_walls_the_vault_sends_and_judges(void **state)
{
	int status;
	pid_t child;

	(void)state;
	confined = true;
	child = start();
	confined = false;
	log_in_once();
	close(judge);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(courier);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(seen.allowed && seen.left == 1);
	holds("confined");
}

static int begin(void **state)
{
	(void)alice_has_a_mobile(state);
	landline = enrol_phone("alice", KM_FACTOR_VOICE, PHONE_LANDLINE);
	memset(&scene, 0, sizeof scene);
	close(pw.courier);
	pw.courier = -1;
	world_down(pw.w);
	folder_keep(&kept, pw.w->dir);
	return 0;
}

static int end(void **state)
{
	folder_forget(&kept);
	return phone_world_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_vault_that_is_killed_while_it_sends_and_judges_loses_and_repeats_nothing,
		    begin, end),
		cmocka_unit_test_setup_teardown(
		    test_a_vault_that_is_killed_at_a_wrong_code_counts_what_it_told, begin, end),
		cmocka_unit_test_setup_teardown(
		    test_a_vault_that_is_killed_while_it_calls_and_judges_keys_loses_nothing, begin,
		    end),
		cmocka_unit_test_setup_teardown(
		    test_a_vault_that_is_killed_at_wrong_keys_counts_what_it_told, begin, end),
		cmocka_unit_test_setup_teardown(test_behind_its_walls_the_vault_sends_and_judges,
						begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
