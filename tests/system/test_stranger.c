/*
 * Strangers: local users who are not root and speak to the daemon as they like,
 * without our door. Their own account is all they can speak for; whatever they
 * send is counted against them, and written down with what the kernel says.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/sock.h>
#include <kenmon/verdict.h>

#include "house_office.h"

#define GAMES_UID 5 /* on every Debian: the victim's account */
#define STRANGER  (HOUSE_BASE_UID + 50)
#define PEER      "peer=61550"
#define RECORDS   20 /* [audit] refusals, its default: records a minute of one source */
#define ABORT_NOT (-1)

static int setup(void **state)
{
	static const struct house_setup how = {
		.config = "[service one]\ntries = 1\n[service user/two]\nfactors = hotp recovery\n",
		.separate_uids = true,
	};
	struct house *h = *state = calloc(1, sizeof(*h));

	if (geteuid() != 0)
		return 0;
	return h && house_start(h, &how) && house_stack(h, "one", "auth required KENMON\n") ? 0
											    : -1;
}

#define NEEDS_ROOT()                                                                               \
	do {                                                                                       \
		if (geteuid() != 0) {                                                              \
			fprintf(stderr, "# skipped: callers of other uids need root\n");           \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

/* --- one conversation --------------------------------------------------------------- */

struct talk {
	/* what to do */
	struct msg_login login;
	const char *const *answers; /* to the prompts in order, ended by NULL; then it breaks off */
	int abort;                  /* ABORT with this reason there, or ABORT_NOT */
	const char *name;           /* of its own end of the socket, abstract; NULL: none */
	/* what happened */
	unsigned prompts;
	uint16_t shape[4];
	bool decided;
	struct msg_result result;
};

static struct talk talk_of(enum km_request kind, const char *login, const char *const answers[])
{
	struct talk t = { .answers = answers, .abort = ABORT_NOT };

	t.login.kind = (uint8_t)kind;
	t.login.uid = STRANGER;
	snprintf(t.login.login, sizeof(t.login.login), "%s", login);
	snprintf(t.login.service, sizeof(t.login.service), "any");
	memset(t.login.nonce, 'n', sizeof(t.login.nonce));
	return t;
}

static int reach(const struct house *h, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1);
	int fd = -1;

	if (!name)
		return km_connect(h->socket, true, &fd) == KM_OK ? fd : -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	memcpy(at.sun_path + 1, name, strlen(name));
	if (bind(fd, (const struct sockaddr *)&at, len + (socklen_t)strlen(name)) < 0)
		return -1;
	memset(at.sun_path, 0, sizeof(at.sun_path));
	memcpy(at.sun_path, h->socket, strlen(h->socket));
	return connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 ? fd : -1;
}

/* False: the stranger has nothing more to say. */
static bool reply(struct talk *t, int fd, const struct km_msg *m)
{
	const char *answer = t->answers ? t->answers[t->prompts] : NULL;
	struct km_msg out = { .number = answer ? KM_MSG_ANSWER : KM_MSG_ABORT };

	if (t->prompts < 4)
		t->shape[t->prompts] = m->prompt.shape;
	t->prompts++;
	if (answer) {
		out.answer.secret.len = (uint16_t)strlen(answer);
		memcpy(out.answer.secret.bytes, answer, strlen(answer));
	} else if (t->abort == ABORT_NOT) {
		return false;
	} else {
		out.abort.reason = (uint8_t)t->abort;
	}
	return km_send_msg(fd, &out, -1, 0) == KM_OK && answer;
}

static void converse(const struct house *h, struct talk *t)
{
	struct km_msg m = { .number = KM_MSG_HELLO, .hello = { KM_CLIENT_DOOR, 1, 1 } };
	int fd = reach(h, t->name);
	uint8_t frame[4096];
	size_t len;

	if (fd < 0 || km_send_msg(fd, &m, -1, 0) != KM_OK)
		_exit(3);
	m = (struct km_msg){ .number = KM_MSG_LOGIN, .login = t->login };
	if (km_send_msg(fd, &m, -1, 0) != KM_OK)
		_exit(4);
	while (km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK) {
		if (km_decode(frame, len, KM_FROM_JUDGE_OR_VAULT,
			      KM_PHASE_HEARD_NOTHING | KM_PHASE_TALK, &m) != KM_OK)
			_exit(5);
		t->decided = m.number == KM_MSG_RESULT;
		if (t->decided)
			t->result = m.result;
		if (t->decided || (m.number == KM_MSG_PROMPT && !reply(t, fd, &m)))
			break;
	}
	close(fd);
}

static void talk_as(const struct house *h, uid_t uid, struct talk *t)
{
	int back[2], status;
	pid_t pid;

	office_close();
	assert_int_equal(pipe2(back, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(2);
		converse(h, t);
		_exit(write(back[1], t, sizeof(*t)) == (ssize_t)sizeof(*t) ? 0 : 6);
	}
	close(back[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(back[0], t, sizeof(*t)), (ssize_t)sizeof(*t));
	close(back[0]);
}

static const char *const wrong[] = { "111111", NULL };

/* --- somebody else's name --------------------------------------------------------------- */

static void nothing_about(const struct house *h, const char *login)
{
	static const enum km_event events[] = { KM_EVENT_LOGIN_ALLOWED,   KM_EVENT_LOGIN_REFUSED,
						KM_EVENT_LOCKED,          KM_EVENT_REPLAYED,
						KM_EVENT_ACCOUNT_REFUSED, KM_EVENT_SESSION_OPENED,
						KM_EVENT_TURNED_AWAY };

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		assert_int_equal(office_audited(h, events[i], login, NULL), 0);
}

static void test_five_wrong_codes_of_a_stranger_lock_nobody(void **state)
{
	const struct house *h = *state;
	char code[16];
	const char *right[] = { code, NULL };
	struct talk t;

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	for (unsigned i = 0; i < 6; i++) {
		t = talk_of(KM_REQUEST_AUTHENTICATE, "games", wrong);
		talk_as(h, STRANGER, &t);
	}
	assert_int_equal(office_fails(h, "games", KM_FACTOR_TOTP), 0);
	house_quiet_step(5);
	house_totp(code, OFFICE_SECRET, 0);
	/* Even the right code is none from him, and is not used up. */
	t = talk_of(KM_REQUEST_AUTHENTICATE, "games", right);
	talk_as(h, STRANGER, &t);
	assert_true(!t.decided || t.result.verdict != KM_VERDICT_ALLOW);
	nothing_about(h, "games");
	assert_true(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, PEER) >= 5);
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
	assert_int_equal(office_fails(h, "games", KM_FACTOR_TOTP), 0);
}

/* What a stranger hears about a name, with all that he said himself left out. */
static struct talk heard(const struct house *h, enum km_request kind, const char *login)
{
	struct talk t = talk_of(kind, login, wrong);

	talk_as(h, STRANGER, &t);
	memset(&t.login, 0, sizeof(t.login));
	assert_string_equal(t.result.login, t.decided ? login : "");
	memset(t.result.login, 0, sizeof(t.result.login));
	return t;
}

static void test_a_stranger_learns_nothing_about_other_names(void **state)
{
	static const enum km_request kinds[] = { KM_REQUEST_ACCOUNT, KM_REQUEST_AUTHENTICATE,
						 KM_REQUEST_SESSION_OPEN };
	static const char *const names[] = { "games", "man", "lp", "nobody-here" };
	const struct house *h = *state;

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	assert_true(office_totp_operator(h, "man", 6));
	assert_int_equal(office_suspend(h, "man"), KM_OK);
	assert_int_equal(office_add(h, "lp", -1), KM_OK);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		struct talk first = heard(h, kinds[k], names[0]);

		assert_true(first.decided || kinds[k] == KM_REQUEST_AUTHENTICATE);
		assert_true(kinds[k] == KM_REQUEST_SESSION_OPEN ||
			    first.result.verdict != KM_VERDICT_ALLOW);
		for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
			struct talk other = heard(h, kinds[k], names[i]);

			assert_int_equal(other.decided, first.decided);
			assert_int_equal(other.prompts, first.prompts);
			assert_memory_equal(other.shape, first.shape, sizeof(first.shape));
			assert_memory_equal(&other.result, &first.result, sizeof(first.result));
		}
	}
	for (size_t i = 0; i < 3; i++)
		nothing_about(h, names[i]);
}

/* --- what is written down --------------------------------------------------------------- */

static void test_whatever_a_stranger_calls_himself_is_one_source(void **state)
{
	static const char *const twice[] = { "111111", "111111", NULL };
	struct house *h = *state;

	NEEDS_ROOT();
	for (unsigned i = 0; i < 30; i++) {
		/* A name of three turns, so that some of them lock. */
		struct talk t = talk_of(KM_REQUEST_AUTHENTICATE, "", twice);

		snprintf(t.login.login, sizeof(t.login.login), "name-%u", i / 3);
		snprintf(t.login.service, sizeof(t.login.service), "service-%u", i);
		snprintf(t.login.rhost, sizeof(t.login.rhost), "host-%u", i);
		snprintf(t.login.tty, sizeof(t.login.tty), "tty%u", i);
		talk_as(h, STRANGER, &t);
	}
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, PEER) +
			     office_audited(h, KM_EVENT_LOCKED, NULL, PEER),
			 RECORDS);
	/* The rest is one record with a count, when its minute is over or the rooms stop. */
	office_close();
	assert_true(house_stop(h));
	assert_true(house_again(h));
	assert_int_equal(office_audited(h, KM_EVENT_REFUSED_MANY, NULL, PEER), 1);
	assert_true(office_many(h) >= 60 - RECORDS);
}

static void test_no_text_of_a_callers_crowds_out_what_the_kernel_says(void **state)
{
	const struct house *h = *state;

	NEEDS_ROOT();
	for (size_t len = 0; len <= 255; len += 15) {
		struct talk t = talk_of(KM_REQUEST_AUTHENTICATE, "nobody-here", wrong);

		memset(t.login.service, '%', sizeof(t.login.service) - 1);
		memset(t.login.tty, '%', sizeof(t.login.tty) - 1);
		memset(t.login.rhost, '%', len);
		talk_as(h, STRANGER, &t);
	}
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, NULL), 18);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, NULL, PEER " origin="), 18);
}

static void test_an_abort_is_an_abort_whatever_reason_it_gives(void **state)
{
	static const enum km_reason claims[] = { KM_REASON_REPLAY, KM_REASON_LOCKED,
						 KM_REASON_ERASED, (enum km_reason)255 };
	const struct house *h = *state;

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct talk t = talk_of(KM_REQUEST_AUTHENTICATE, "games", NULL);

		t.login.uid = GAMES_UID;
		t.abort = (int)claims[i];
		talk_as(h, GAMES_UID, &t);
		assert_int_equal(t.prompts, 1);
	}
	assert_true(office_broken_off(h, "games", 4));
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_REFUSED, "games", NULL), 4);
	assert_int_equal(office_fails(h, "games", KM_FACTOR_TOTP), 0);
}

static void test_breaking_off_after_the_first_of_two_steps_is_written_down(void **state)
{
	const struct office_otp hotp = { .factor = KM_FACTOR_HOTP };
	const struct house *h = *state;
	char first[16], second[16];
	const char *one[] = { first, NULL }, *two[] = { "111111", second, NULL };
	struct talk t;

	NEEDS_ROOT();
	house_hotp(first, OFFICE_SECRET, 6, 0);
	house_hotp(second, OFFICE_SECRET, 6, 1);
	assert_int_equal(office_add(h, "games", GAMES_UID), KM_OK);
	assert_int_equal(office_enrol(h, "games", &hotp, NULL), KM_OK);
	t = talk_of(KM_REQUEST_AUTHENTICATE, "games", one);
	t.login.uid = GAMES_UID;
	snprintf(t.login.service, sizeof(t.login.service), "two");
	talk_as(h, GAMES_UID, &t);
	assert_int_equal(t.prompts, 2);
	assert_int_equal(office_audited(h, KM_EVENT_STEP_PASSED, "games", NULL), 1);
	assert_true(office_broken_off(h, "games", 1));
	/* Also behind a wrong code, which has its own record. */
	t.answers = two;
	t.prompts = 0;
	talk_as(h, GAMES_UID, &t);
	assert_int_equal(t.prompts, 3);
	assert_int_equal(office_audited(h, KM_EVENT_STEP_PASSED, "games", NULL), 2);
	assert_true(office_broken_off(h, "games", 2));
}

/* --- the rooms stand ------------------------------------------------------------------------ */

static void test_a_socket_with_a_name_of_its_own_costs_its_owner_alone(void **state)
{
	const struct house *h = *state;
	pid_t vault;
	char code[16];

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	vault = house_room(h, "kenmon-vault");
	house_quiet_step(5);
	house_totp(code, OFFICE_SECRET, 0);
	for (enum km_request kind = KM_REQUEST_AUTHENTICATE; kind <= KM_REQUEST_SESSION_CLOSE;
	     kind++) {
		struct talk t = talk_of(kind, "games", (const char *const[]){ code, NULL });

		t.login.uid = GAMES_UID;
		t.name = "kenmon-test-stranger";
		talk_as(h, GAMES_UID, &t);
		assert_true(t.decided);
		assert_int_equal(t.result.verdict, KM_VERDICT_DENY);
	}
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
	assert_int_equal(house_room(h, "kenmon-vault"), vault);
}

#define STRANGER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STRANGER_TEST(test_five_wrong_codes_of_a_stranger_lock_nobody),
		STRANGER_TEST(test_a_stranger_learns_nothing_about_other_names),
		STRANGER_TEST(test_whatever_a_stranger_calls_himself_is_one_source),
		STRANGER_TEST(test_no_text_of_a_callers_crowds_out_what_the_kernel_says),
		STRANGER_TEST(test_an_abort_is_an_abort_whatever_reason_it_gives),
		STRANGER_TEST(test_breaking_off_after_the_first_of_two_steps_is_written_down),
		STRANGER_TEST(test_a_socket_with_a_name_of_its_own_costs_its_owner_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
