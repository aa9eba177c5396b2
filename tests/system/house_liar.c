/* A house whose judge lies: the vault, the doors, and what a story is told with. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <kenmon/sock.h>

#include "house_liar.h"

#define WAIT_SECONDS 10 /* for what must come; a story that waits longer has failed */
#define SILENCE_MS   300

char liar_code[2][16];
char liar_recovery[KM_RECOVERY_LENGTH + 1];
struct msg_anchor liar_anchor;
int liar_link = -1;
struct km_msg liar_in;

static char vault_path[HOUSE_PATH + 16];
static int vault_listener, door_listener, ready[2];
static uint32_t last_id;

/* --- setting up -------------------------------------------------------------------- */

static bool hotp_operator(const struct house *h, const char *login, int64_t uid, const char *secret)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP, .secret = secret };

	return office_add(h, login, uid) == KM_OK && office_enrol(h, login, &otp, NULL) == KM_OK;
}

int liar_setup(void **state)
{
	static const struct house_setup how = {
		.separate_uids = true,
		.config = "[service steps]\nfactors = hotp recovery\n",
	};
	char codes[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1];
	struct house *h = *state = calloc(1, sizeof(*h));

	if (geteuid() != 0)
		return 0;
	if (!h || !house_start(h, &how) || !house_stack(h, "liar", "auth required KENMON\n") ||
	    !house_stack(h, "steps", "auth required KENMON\n"))
		return -1;
	liar_anchor = (struct msg_anchor){ .seq = 0 };
	for (unsigned i = 0; i < 2; i++)
		house_hotp(liar_code[i], OFFICE_OTHER, 6, i);
	if (!hotp_operator(h, "games", 5, NULL) || !hotp_operator(h, "man", 6, OFFICE_OTHER) ||
	    !hotp_operator(h, "bin", -1, OFFICE_OTHER) ||
	    !hotp_operator(h, "the-judge", JUDGE_UID, NULL) ||
	    office_recovery(h, "games", codes) != KM_OK)
		return -1;
	memcpy(liar_recovery, codes[0], sizeof(liar_recovery));
	office_close();
	if (!house_stop(h))
		return -1;
	snprintf(vault_path, sizeof(vault_path), "%s/vault.sock", h->dir);
	if (km_listen_at(vault_path, 0600, JUDGE_UID, JUDGE_UID, &vault_listener) != KM_OK ||
	    km_listen_at(h->socket, 0666, 0, 0, &door_listener) != KM_OK)
		return -1;
	return 0;
}

int liar_teardown(void **state)
{
	if (geteuid() == 0) {
		close(vault_listener);
		close(door_listener);
	}
	return office_teardown(state);
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		_exit(100);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static pid_t start_vault(const struct house *h)
{
	char program[HOUSE_PATH + 16], dir[HOUSE_PATH + 16], uid[16], self[16];
	pid_t pid = fork();
	int log;

	if (pid != 0)
		return pid;
	snprintf(program, sizeof(program), "%s/kenmon-vault", h->bin);
	snprintf(dir, sizeof(dir), "%s/vault", h->state);
	snprintf(uid, sizeof(uid), "%u", (unsigned)JUDGE_UID);
	snprintf(self, sizeof(self), "%d", (int)getpid());
	log = open(h->log, O_WRONLY | O_APPEND);
	if (log < 0 || dup2(log, 2) < 0 || dup2(vault_listener, 100) < 0 || dup2(100, 3) < 0 ||
	    close_range(4, ~0u, 0) < 0)
		_exit(101);
	become(VAULT_UID);
	setenv("LISTEN_PID", self, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "vault", 1);
	execl(program, program, "--state-dir", dir, "--judge-uid", uid, "--config", h->config,
	      NULL);
	_exit(102);
}

/* --- telling a story --------------------------------------------------------------------- */

void liar_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: the judge's story does not hold: %s\n", file, line, condition);
	_exit(1);
}

static void set_patience(int fd)
{
	const struct timeval t = { .tv_sec = WAIT_SECONDS };

	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) == 0);
}

static pid_t start_judge(void (*story)(void))
{
	struct km_msg anchor = { .number = KM_MSG_ANCHOR };
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	become(JUDGE_UID);
	MUST(km_connect(vault_path, true, &liar_link) == KM_OK);
	set_patience(liar_link);
	anchor.anchor = liar_anchor;
	anchor.anchor.version = KM_ROOM_PROTOCOL;
	MUST(liar_say(&anchor, -1) == KM_OK);
	story();
	_exit(0);
}

void liar_ready(void)
{
	MUST(write(ready[1], "r", 1) == 1);
}

static pid_t start_door(const struct house *h, const struct liar_door *d)
{
	const char *const answers[] = { d->answer, NULL };
	static struct house_login l;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(vault_listener);
	close(door_listener);
	_exit(office_talk(h, &l, d->service ? d->service : "liar", d->user, answers));
}

static int code_of(pid_t pid)
{
	int status = 0;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void liar_play(struct house *h, void (*story)(void), const struct liar_door *doors, unsigned count,
	       int *codes)
{
	pid_t vault, judge, door[4];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	vault = start_vault(h);
	judge = start_judge(story);
	close(ready[1]);
	if (count > 0)
		assert_int_equal(read(ready[0], &byte, 1), 1);
	for (unsigned i = 0; i < count; i++)
		door[i] = start_door(h, &doors[i]);
	close(ready[0]);
	for (unsigned i = 0; i < count; i++)
		codes[i] = code_of(door[i]);
	assert_int_equal(code_of(judge), 0);
	assert_int_equal(code_of(vault), 0);
}

void liar_nothing_stored(struct house *h)
{
	static const enum km_event events[] = {
		KM_EVENT_OPERATOR_SUSPENDED, KM_EVENT_OPERATOR_RESUMED, KM_EVENT_OPERATOR_REBOUND,
		KM_EVENT_OPERATOR_BOUND,     KM_EVENT_RESYNCED,         KM_EVENT_CREDENTIAL_REMOVED,
		KM_EVENT_UNLOCKED,           KM_EVENT_ERASE_BEGUN,      KM_EVENT_ERASED,
		KM_EVENT_LOGIN_ALLOWED,      KM_EVENT_DESK_REFUSED,     KM_EVENT_CLOCK_ACCEPTED,
		KM_EVENT_MACHINE_ACCEPTED,   KM_EVENT_ROLLBACK_ACCEPTED
	};

	/* The house takes its place again: nobody may listen there. */
	close(door_listener);
	door_listener = -1;
	assert_true(house_again(h));
	assert_int_equal(office_audited(h, KM_EVENT_OPERATOR_ADDED, NULL, NULL), 4);
	assert_int_equal(office_audited(h, KM_EVENT_ENROLLED, NULL, NULL), 5);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		assert_int_equal(office_audited(h, events[i], NULL, NULL), 0);
	assert_int_equal(office_fails(h, "games", KM_FACTOR_HOTP), 0);
}

/* --- inside a story ----------------------------------------------------------------------- */

static void take(int fd, unsigned phase, struct km_msg *m)
{
	uint8_t frame[4096];
	size_t len;

	MUST(km_recv(fd, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK);
	MUST(km_decode(frame, len, KM_FROM_DOOR, phase, m) == KM_OK);
}

void liar_accept(struct guest *g)
{
	struct km_msg m = { 0 }, welcome = { .number = KM_MSG_WELCOME };

	*g = (struct guest){ .fd = accept4(door_listener, NULL, NULL, SOCK_CLOEXEC), .mine = -1 };
	MUST(g->fd >= 0);
	set_patience(g->fd);
	take(g->fd, KM_PHASE_GREET, &m);
	take(g->fd, KM_PHASE_REQUEST, &m);
	MUST(m.number == KM_MSG_LOGIN);
	g->login = m.login;
	welcome.welcome.version = KM_PROTOCOL_NEWEST;
	MUST(km_send_msg(g->fd, &welcome, -1, 0) == KM_OK);
}

static int own_end(void)
{
	char path[HOUSE_PATH + 16];
	int fd;

	snprintf(path, sizeof(path), "%s", vault_path);
	memcpy(strrchr(path, '/'), "/authd.sock", sizeof("/authd.sock"));
	MUST(km_connect(path, false, &fd) == KM_OK);
	return fd;
}

struct guest liar_own_guest(void)
{
	struct guest g = { .mine = own_end(),
			   .login = { .kind = KM_REQUEST_AUTHENTICATE, .uid = JUDGE_UID } };

	set_patience(g.mine);
	snprintf(g.login.login, sizeof(g.login.login), "the-judge");
	snprintf(g.login.service, sizeof(g.login.service), "liar");
	g.fd = accept4(door_listener, NULL, NULL, SOCK_CLOEXEC);
	MUST(g.fd >= 0);
	return g;
}

const char *liar_ask(struct guest *g)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	if (g->mine >= 0)
		return "";
	snprintf(m.prompt.text, sizeof(m.prompt.text), "Code: ");
	m.prompt.shape = KM_SHAPE_DIGITS;
	MUST(km_send_msg(g->fd, &m, -1, 0) == KM_OK);
	take(g->fd, KM_PHASE_ASKED, &m);
	MUST(m.number == KM_MSG_ANSWER && m.answer.secret.len < sizeof(g->code));
	memcpy(g->code, m.answer.secret.bytes, m.answer.secret.len);
	g->code[m.answer.secret.len] = '\0';
	return g->code;
}

struct km_msg liar_open(struct guest *g, const struct twist *t)
{
	static const struct twist none;
	struct km_msg m = { .number = KM_MSG_OPEN, .session = g->id = ++last_id };

	t = t ? t : &none;
	m.open.kind = t->kind ? t->kind : g->login.kind;
	m.open.uid = t->uid ? t->uid : g->login.uid;
	m.open.origin = KM_ORIGIN_LOCAL;
	snprintf(m.open.login, sizeof(m.open.login), "%s", t->login ? t->login : g->login.login);
	snprintf(m.open.service, sizeof(m.open.service), "%s",
		 t->service ? t->service : g->login.service);
	memcpy(m.open.nonce, t->nonce ? t->nonce : g->login.nonce, sizeof(m.open.nonce));
	return m;
}

km_rc liar_say(const struct km_msg *m, int pass_fd)
{
	return km_send_msg(liar_link, m, pass_fd, 0);
}

int liar_say_as(int fd, const struct km_msg *m, uid_t claim)
{
	const struct ucred who = { .pid = getpid(), .uid = claim, .gid = getgid() };
	uint8_t frame[1024];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(who))];
	} control = { 0 };
	struct iovec iov = { .iov_base = frame };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	MUST(km_encode(m, frame, sizeof(frame), &iov.iov_len) == KM_OK);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_CREDENTIALS;
	c->cmsg_len = CMSG_LEN(sizeof(who));
	memcpy(CMSG_DATA(c), &who, sizeof(who));
	return sendmsg(fd, &h, MSG_NOSIGNAL) < 0 ? errno : 0;
}

km_rc liar_check_step(const struct guest *g, uint8_t step, const char *code)
{
	struct km_msg m = { .number = KM_MSG_CHECK, .session = g->id };

	m.check.step = step;
	m.check.secret.len = (uint16_t)strlen(code);
	memcpy(m.check.secret.bytes, code, strlen(code));
	return liar_say(&m, -1);
}

km_rc liar_check(const struct guest *g, const char *code)
{
	return liar_check_step(g, 0, code);
}

void liar_close(const struct guest *g)
{
	const struct km_msg m = { .number = KM_MSG_CLOSE, .session = g->id };

	MUST(liar_say(&m, -1) == KM_OK);
	close(g->fd);
}

int liar_root_listener(void)
{
	return door_listener;
}

/* One frame but HEAD. */
static km_rc next(int flags)
{
	uint8_t frame[4096];
	size_t len;
	km_rc rc;

	do {
		rc = km_recv(liar_link, frame, sizeof(frame), &len, NULL, NULL, flags);
		if (rc == KM_OK)
			rc = km_decode(frame, len, KM_FROM_VAULT,
				       KM_PHASE_OPENING | KM_PHASE_CHECKING | KM_PHASE_JUDGE_LINK,
				       &liar_in);
	} while (rc == KM_OK && liar_in.number == KM_MSG_HEAD);
	return rc;
}

unsigned liar_hear(void)
{
	return next(0) == KM_OK ? liar_in.number : KM_MSG_NONE;
}

bool liar_ended(void)
{
	km_rc rc;

	do
		rc = next(0);
	while (rc == KM_OK &&
	       liar_in.number == KM_MSG_PLAN); /* of a first OPEN, before the fault */
	return rc == KM_ECLOSED;
}

bool liar_silent(void)
{
	poll(NULL, 0, SILENCE_MS);
	return next(MSG_DONTWAIT) == KM_EAGAIN;
}
