/*
 * The walls between uids: rooms under uids of their own, callers who are not
 * root, and somebody else's daemon. All of it needs root.
 */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/sock.h>

#include "house_office.h"

#define VAULT_UID   HOUSE_BASE_UID
#define JUDGE_UID   (HOUSE_BASE_UID + 1)
#define SENSOR_UID  (HOUSE_BASE_UID + 2)
#define MATCHER_UID (HOUSE_BASE_UID + 3)
#define COURIER_UID (HOUSE_BASE_UID + 4)
#define ROGUE_UID   (HOUSE_BASE_UID + 50)
#define GAMES_UID   5 /* on every Debian */
#define MAN_UID     6

static int setup(void **state)
{
	static const struct house_setup how = {
		.config = "[service one]\ntries = 1\n[service user/one]\ntries = 1\n"
			  "[audit]\nrefusals = 1000\n",
		.separate_uids = true,
	};
	struct house *h = calloc(1, sizeof(*h));

	*state = h;
	if (geteuid() != 0)
		return 0;
	return h && house_start(h, &how) &&
		       house_stack(h, "one", "auth required KENMON\naccount required KENMON\n")
		   ? 0
		   : -1;
}

#define NEEDS_ROOT()                                                                               \
	do {                                                                                       \
		if (geteuid() != 0)                                                                \
			skip();                                                                    \
	} while (0)

/* --- rooms ---------------------------------------------------------------- */

/* All four uids of a process; -1: they differ, or it is gone. */
static long uid_of(pid_t pid)
{
	unsigned a = 0, b = 1, c = 2, d = 3;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %u %u %u %u", &a, &b, &c, &d) == 4)
			break;
	if (f)
		fclose(f);
	return a == b && b == c && c == d ? (long)a : -1;
}

static void test_each_room_runs_under_a_uid_of_its_own(void **state)
{
	const struct house *h = *state;

	NEEDS_ROOT();
	assert_int_equal(uid_of(house_room(h, "kenmon-vault")), VAULT_UID);
	assert_int_equal(uid_of(house_room(h, "kenmon-authd")), JUDGE_UID);
	assert_int_equal(uid_of(house_room(h, "kenmon-matcher")), MATCHER_UID);
	assert_int_equal(uid_of(house_room(h, "kenmon-courier")), COURIER_UID);
}

static unsigned seen;

/* What belongs to whom, and how far it is open. */
static int look(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	static const struct {
		const char *part;
		uid_t uid;
	} owner[] = { { "/vault/", VAULT_UID },       { "/judge/", JUDGE_UID },
		      { "/vault.sock", JUDGE_UID },   { "/sensor.sock", JUDGE_UID },
		      { "/probe.sock", SENSOR_UID },  { "/grant.sock", MATCHER_UID },
		      { "/order.sock", COURIER_UID }, { "/vault", VAULT_UID },
		      { "/judge", JUDGE_UID } };
	mode_t mode = st->st_mode & 07777;
	uid_t uid = 0;

	(void)ftw;
	for (size_t i = 0; i < sizeof(owner) / sizeof(owner[0]); i++) {
		if (!strstr(path, owner[i].part))
			continue;
		uid = owner[i].uid;
		break;
	}
	seen++;
	if (st->st_uid == uid && (mode == (type == FTW_D ? (uid ? 0700 : 0711) : 0600)))
		return 0;
	fprintf(stderr, "%s: mode %o, uid %u\n", path, mode, st->st_uid);
	return 1;
}

static void test_every_file_is_its_rooms_own_and_closed_to_others(void **state)
{
	const struct house *h = *state;

	NEEDS_ROOT();
	seen = 0;
	assert_int_equal(nftw(h->state, look, 8, FTW_PHYS), 0);
	/* Four folders, five sockets, two keys, two databases with their logs, the anchor. */
	assert_true(seen >= 16);
}

static bool connects_as(uid_t uid, const char *path)
{
	int fd = -1;
	bool connected;

	assert_int_equal(seteuid(uid), 0);
	connected = km_connect(path, true, &fd) == KM_OK;
	assert_int_equal(seteuid(0), 0);
	if (fd >= 0)
		close(fd);
	return connected;
}

static void test_each_rooms_socket_is_reached_by_one_other_uid_alone_as_another_uid(void **state)
{
	static const struct {
		const char *name;
		uid_t caller;
	} doors[] = { { "vault", JUDGE_UID },
		      { "sensor", JUDGE_UID },
		      { "probe", SENSOR_UID },
		      { "grant", MATCHER_UID },
		      { "order", COURIER_UID } };
	static const uid_t uids[] = { VAULT_UID,   JUDGE_UID, SENSOR_UID, MATCHER_UID,
				      COURIER_UID, ROGUE_UID, GAMES_UID };
	const struct house *h = *state;
	char path[HOUSE_PATH + 32];

	NEEDS_ROOT();
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
		for (size_t k = 0; k < sizeof(uids) / sizeof(uids[0]); k++) {
			snprintf(path, sizeof(path), "%s/run/%s.sock", h->state, doors[i].name);
			assert_int_equal(connects_as(uids[k], path), uids[k] == doors[i].caller);
		}
	assert_true(connects_as(ROGUE_UID, h->socket));
}

/* --- who is believed ------------------------------------------------------ */

static int try_service(const struct house *h, const char *service, const char *code)
{
	const char *const answers[] = { code, NULL };
	struct house_login *l = calloc(1, sizeof(*l));
	int rc = l ? office_talk(h, l, service, "games", answers) : -1;

	free(l);
	return rc;
}

static void stack_for(const struct house *h, const char *service, const char *socket, uid_t uid)
{
	char text[2 * HOUSE_PATH + 128];

	snprintf(text, sizeof(text), "auth required %s/pam_kenmon.so socket=%s daemon-user=%u\n",
		 h->bin, socket, uid);
	assert_true(house_stack(h, service, text));
}

static void test_the_door_believes_the_vaults_uid_and_no_other(void **state)
{
	static const uid_t wrong[] = { 0, JUDGE_UID, ROGUE_UID };
	const struct house *h = *state;
	char code[16];

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	for (size_t i = 0; i < 3; i++) {
		house_quiet_step(3);
		/* Each allowed code is used up, though nobody believes it. */
		house_totp(code, OFFICE_SECRET, 30 * ((long)i - 1));
		stack_for(h, "wrong", h->socket, wrong[i]);
		assert_int_equal(try_service(h, "wrong", code), PAM_AUTHINFO_UNAVAIL);
	}
}

/* A daemon that speaks the protocol and says ALLOW to 123456, under a uid of its own. */
static pid_t rogue_daemon(const char *socket, int *leash)
{
	char program[HOUSE_PATH], word[6];
	int in[2], out[2];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;
	pid_t pid;

	assert_true(n > 0);
	program[n] = '\0';
	slash = strstr(program, "/system/test_walls");
	assert_non_null(slash);
	snprintf(slash, sizeof(program) - (size_t)(slash - program), "/pam/fake_daemon");
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(program, O_RDONLY | O_CLOEXEC);
		char *const argv[] = { program, (char *)(uintptr_t)socket, NULL };
		char *const envp[] = { NULL };

		/* Opened as root: the checkout may be closed to others. */
		if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 ||
		    setresgid(ROGUE_UID, ROGUE_UID, ROGUE_UID) < 0 ||
		    setresuid(ROGUE_UID, ROGUE_UID, ROGUE_UID) < 0)
			_exit(2);
		fexecve(fd, argv, envp);
		_exit(3);
	}
	close(in[0]);
	close(out[1]);
	assert_int_equal(read(out[0], word, sizeof(word)), (ssize_t)strlen("ready\n"));
	close(out[0]);
	*leash = in[1];
	return pid;
}

static void test_c12_a_rogue_daemon_gets_nobody_in(void **state)
{
	const struct house *h = *state;
	char folder[HOUSE_PATH + 16], socket[HOUSE_PATH + 32];
	int leash = -1, status;
	pid_t rogue;

	NEEDS_ROOT();
	snprintf(folder, sizeof(folder), "%s/rogue", h->dir);
	snprintf(socket, sizeof(socket), "%s/authd.sock", folder);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(chown(folder, ROGUE_UID, ROGUE_UID), 0);
	rogue = rogue_daemon(socket, &leash);
	stack_for(h, "rogue", socket, VAULT_UID);
	assert_int_equal(try_service(h, "rogue", "123456"), PAM_AUTHINFO_UNAVAIL);
	stack_for(h, "rogue", socket, 0);
	assert_int_equal(try_service(h, "rogue", "123456"), PAM_AUTHINFO_UNAVAIL);
	/* It would: whoever names its uid in the stack is let in. */
	stack_for(h, "rogue", socket, ROGUE_UID);
	assert_int_equal(try_service(h, "rogue", "123456"), PAM_SUCCESS);
	close(leash);
	assert_int_equal(waitpid(rogue, &status, 0), rogue);
}

/* --- callers who are not root --------------------------------------------- */

static int try_as(const struct house *h, uid_t uid, const char *login, const char *code)
{
	int status = 0;
	pid_t pid;

	office_close();
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(255);
		_exit(office_try(h, login, code));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_a_caller_asks_only_about_the_operator_of_its_own_uid(void **state)
{
	const struct house *h = *state;
	char code[16];

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	house_quiet_step(5);
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(try_as(h, MAN_UID, "games", code), PAM_AUTH_ERR);
	assert_int_equal(try_as(h, ROGUE_UID, "games", code), PAM_AUTH_ERR);
	assert_int_equal(office_fails(h, "games", KM_FACTOR_TOTP), 0);
	assert_int_equal(office_audited(h, KM_EVENT_TURNED_AWAY, NULL, "reason=not-the-caller"), 2);
	assert_int_equal(office_audited(h, KM_EVENT_TURNED_AWAY, NULL, "peer=61550"), 1);
	assert_int_equal(try_as(h, GAMES_UID, "games", code), PAM_SUCCESS);
	assert_int_equal(try_as(h, GAMES_UID, "games", code), PAM_AUTH_ERR);
	/* Nobody but root reaches the settings of root's services; and nobody said where it is. */
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "games",
					"peer=5 origin=remote service=user/one"),
			 1);
}

/* C31 */
static void test_c31_an_unknown_origin_is_remote_for_root_too(void **state)
{
	const struct house *h = *state;
	char code[16];

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	house_totp(code, OFFICE_SECRET, 0);
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "games", "origin=remote"), 1);
}

static void test_the_desk_serves_no_stranger_and_writes_down_who_tried(void **state)
{
	const struct house *h = *state;
	struct house_out o;

	NEEDS_ROOT();
	assert_int_equal(house_desk_as(h, ROGUE_UID, &o, NULL, "operator", "list", NULL), 77);
	assert_true(o.err_len > 0);
	assert_int_equal(o.out_len, 0);
	house_out_free(&o);
	assert_int_equal(house_desk_as(h, GAMES_UID, NULL, NULL, "operator", "add", "games",
				       "--employee-number", "1", "--name", "G", "--department", "X",
				       NULL),
			 77);
	assert_int_equal(house_desk_as(h, VAULT_UID, NULL, NULL, "status", NULL), 77);
	assert_int_equal(office_audited(h, KM_EVENT_DESK_REFUSED, NULL, NULL), 3);
	assert_int_equal(house_desk(h, NULL, NULL, "operator", "show", "games", NULL), 1);
}

/* Holds as many connections as asked for under a uid; each says who it is and waits. */
static pid_t hold(const struct house *h, uid_t uid, unsigned count)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(2);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (unsigned i = 0; i < count; i++) {
			int fd = -1;

			if (km_connect(h->socket, true, &fd) != KM_OK)
				_exit(3);
		}
		if (write(ready[1], "r", 1) != 1)
			_exit(4);
		pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void test_one_uid_has_four_sessions_and_no_more(void **state)
{
	const struct house *h = *state;
	char code[16], next[16];
	pid_t holder;

	NEEDS_ROOT();
	assert_true(office_totp_operator(h, "games", GAMES_UID));
	house_quiet_step(6);
	house_totp(code, OFFICE_SECRET, 0);
	house_totp(next, OFFICE_SECRET, 30);
	holder = hold(h, GAMES_UID, 4);
	assert_int_equal(try_as(h, GAMES_UID, "games", code), PAM_AUTH_ERR);
	assert_int_equal(office_audited(h, KM_EVENT_TURNED_AWAY, NULL, "too-many-sessions"), 1);
	/* Others do not notice. */
	assert_int_equal(office_try(h, "games", code), PAM_SUCCESS);
	assert_int_equal(kill(holder, SIGKILL), 0);
	waitpid(holder, NULL, 0);
	holder = hold(h, GAMES_UID, 3);
	assert_int_equal(try_as(h, GAMES_UID, "games", next), PAM_SUCCESS);
	assert_int_equal(kill(holder, SIGKILL), 0);
	waitpid(holder, NULL, 0);
}

#define WALL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALL_TEST(test_each_room_runs_under_a_uid_of_its_own),
		WALL_TEST(test_every_file_is_its_rooms_own_and_closed_to_others),
		WALL_TEST(test_each_rooms_socket_is_reached_by_one_other_uid_alone_as_another_uid),
		WALL_TEST(test_the_door_believes_the_vaults_uid_and_no_other),
		WALL_TEST(test_c12_a_rogue_daemon_gets_nobody_in),
		WALL_TEST(test_a_caller_asks_only_about_the_operator_of_its_own_uid),
		WALL_TEST(test_c31_an_unknown_origin_is_remote_for_root_too),
		WALL_TEST(test_the_desk_serves_no_stranger_and_writes_down_who_tried),
		WALL_TEST(test_one_uid_has_four_sessions_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
