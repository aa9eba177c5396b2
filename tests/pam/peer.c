#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kenmon/sock.h>

#include "peer.h"

/* --- the daemon ------------------------------------------------------------ */

static bool get(struct peer *p, struct km_msg *m)
{
	uint8_t frame[2048];
	size_t len;

	/* A door that leaves with something unread is one error, behind which its last word waits.
	 */
	for (int tries = 0; tries < 2; tries++)
		if (km_recv(p->fd, frame, sizeof(frame), &len, NULL, NULL, 0) == KM_OK)
			return km_decode(frame, len, KM_FROM_DOOR,
					 KM_PHASE_GREET | KM_PHASE_REQUEST | KM_PHASE_ASKED,
					 m) == KM_OK;
	return false;
}

void peer_send(struct peer *p, const struct km_msg *m)
{
	/* Counted first: the door may be through before we are back from sending. */
	if (m->number == KM_MSG_RESULT && m->result.verdict == KM_VERDICT_ALLOW)
		p->shared->allows++;
	if (km_send_msg(p->fd, m, -1, 0) != KM_OK)
		p->shared->unsent++; /* the door left first, which many tests make it do */
}

void peer_send_bytes(struct peer *p, const void *bytes, size_t len)
{
	(void)send(p->fd, bytes, len, MSG_NOSIGNAL);
}

bool peer_hear(struct peer *p)
{
	struct km_msg m;

	if (!get(p, &m) || m.number != KM_MSG_HELLO || m.hello.kind != KM_CLIENT_DOOR)
		return false;
	if (!get(p, &m) || m.number != KM_MSG_LOGIN)
		return false;
	p->login = m.login;
	p->shared->login = m.login;
	memcpy(p->shared->nonce, m.login.nonce, sizeof(p->shared->nonce));
	return true;
}

void peer_welcome(struct peer *p)
{
	struct km_msg m = { .number = KM_MSG_WELCOME };

	m.welcome.version = KM_PROTOCOL_NEWEST;
	m.welcome.lang = KM_LANG_EN;
	snprintf(m.welcome.build, sizeof(m.welcome.build), "test");
	peer_send(p, &m);
}

bool peer_greet(struct peer *p)
{
	if (!peer_hear(p))
		return false;
	peer_welcome(p);
	return true;
}

void peer_prompt(struct peer *p, unsigned shape)
{
	struct km_msg m = { .number = KM_MSG_PROMPT };

	snprintf(m.prompt.text, sizeof(m.prompt.text), "%s",
		 km_text(KM_TEXT_PROMPT_CODE, KM_LANG_EN));
	m.prompt.shape = (uint16_t)shape;
	peer_send(p, &m);
}

void peer_info(struct peer *p, const char *text, bool error)
{
	struct km_msg m = { .number = KM_MSG_INFO };

	snprintf(m.info.text, sizeof(m.info.text), "%s", text);
	m.info.error = error;
	peer_send(p, &m);
}

bool peer_answer(struct peer *p)
{
	struct peer_shared *s = p->shared;
	struct km_msg m;

	if (!get(p, &m))
		return false;
	if (m.number == KM_MSG_ABORT) {
		s->aborts++;
		s->abort_reason = m.abort.reason;
	}
	if (m.number != KM_MSG_ANSWER)
		return false;
	if (s->answers < 8) {
		memcpy(s->answer[s->answers], m.answer.secret.bytes, m.answer.secret.len);
		s->answer[s->answers][m.answer.secret.len] = '\0';
	}
	s->answers++;
	return km_equal(m.answer.secret.bytes, m.answer.secret.len, CODE, strlen(CODE));
}

struct km_msg peer_result(const struct peer *p, unsigned verdict, unsigned reason, uint32_t wait)
{
	struct km_msg m = { .number = KM_MSG_RESULT };

	m.result.verdict = (uint8_t)verdict;
	m.result.reason = (uint8_t)reason;
	m.result.wait = wait;
	memcpy(m.result.nonce, p->login.nonce, sizeof(m.result.nonce));
	memcpy(m.result.login, p->login.login, sizeof(m.result.login));
	memcpy(m.result.service, p->login.service, sizeof(p->login.service));
	m.result.kind = p->login.kind;
	m.result.uid = p->login.uid;
	return m;
}

void peer_send_result(struct peer *p, unsigned verdict, unsigned reason, uint32_t wait)
{
	struct km_msg m = peer_result(p, verdict, reason, wait);

	peer_send(p, &m);
}

void serve_honestly(struct peer *p)
{
	if (!peer_greet(p))
		return;
	if (p->login.kind != KM_REQUEST_AUTHENTICATE) {
		peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
		return;
	}
	for (int i = 0; i < 3; i++) {
		unsigned before = p->shared->answers;

		peer_prompt(p, KM_SHAPE_DIGITS_6 | KM_SHAPE_RECOVERY);
		if (peer_answer(p)) {
			peer_send_result(p, KM_VERDICT_ALLOW, KM_REASON_NONE, 0);
			return;
		}
		if (p->shared->answers == before)
			return;
		if (i < 2)
			peer_info(p, km_text(KM_TEXT_CODE_WRONG, KM_LANG_EN), true);
	}
	peer_send_result(p, KM_VERDICT_DENY, KM_REASON_WRONG, 0);
}

static void serve_forever(int listener, struct peer_shared *shared)
{
	for (;;) {
		struct peer p = { .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC),
				  .shared = shared };

		if (p.fd < 0)
			_exit(1);
		shared->connections++;
		shared->serve(&p);
		close(p.fd);
	}
}

void stage_daemon_start(struct stage *s)
{
	int listener;

	if (km_listen_at(s->socket, 0600, getuid(), getgid(), &listener) != KM_OK)
		abort();
	s->daemon = fork();
	if (s->daemon == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_forever(listener, s->shared);
	}
	close(listener);
}

void stage_daemon_stop(struct stage *s)
{
	if (s->daemon <= 0)
		return;
	kill(s->daemon, SIGKILL);
	waitpid(s->daemon, NULL, 0);
	s->daemon = 0;
	unlink(s->socket);
}

/* --- the person ------------------------------------------------------------ */

static void note(struct person *p, char mark, const char *text)
{
	size_t used = strlen(p->shown);

	snprintf(p->shown + used, sizeof(p->shown) - used, "%c%s\n", mark, text);
}

bool person_saw(const struct person *p, const char *text)
{
	return strstr(p->shown, text) != NULL;
}

void person_is_slow(struct person *who, pam_handle_t *pamh)
{
	(void)pamh;
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(&who->stage->shared->said_all, __ATOMIC_SEQ_CST))
			return;
		usleep(1000);
	}
}

static const char *next_answer(struct person *p)
{
	unsigned n = p->prompts++;

	return n < STAGE_ANSWERS ? p->answer[n] : NULL;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **out,
		    void *arg)
{
	struct person *p = arg;
	struct pam_response *r;
	const char *answer;

	if (count != 1)
		return PAM_CONV_ERR;
	switch (messages[0]->msg_style) {
	case PAM_ERROR_MSG:
		note(p, '!', messages[0]->msg);
		break;
	case PAM_TEXT_INFO:
		note(p, '.', messages[0]->msg);
		break;
	default:
		note(p, '?', messages[0]->msg);
		if (p->hook)
			p->hook(p, p->pamh);
		answer = next_answer(p);
		if (p->fail_at && p->prompts == (unsigned)p->fail_at)
			return PAM_CONV_ERR;
		if (p->no_array)
			return PAM_SUCCESS;
		r = calloc(1, sizeof(*r));
		if (!r)
			return PAM_BUF_ERR;
		if (answer)
			r->resp = strdup(answer);
		*out = r;
	}
	return PAM_SUCCESS;
}

/* --- the stage ------------------------------------------------------------- */

void built_path(const char *name, char *out, size_t cap)
{
	const char *build = getenv("BUILD");
	char *here = getcwd(NULL, 0);

	if (!here)
		abort();
	if (!build)
		build = "build";
	snprintf(out, cap, "%s%s%s/%s", build[0] == '/' ? "" : here, build[0] == '/' ? "" : "/",
		 build, name);
	free(here);
}

static void write_file(const struct stage *s, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

void stage_file(struct stage *s, const char *text)
{
	char file[16384] = "";
	size_t used = 0;

	for (; *text; text++) {
		if (text[0] == '%' && (text[1] == 'M' || text[1] == 'S'))
			used += (size_t)snprintf(file + used, sizeof(file) - used,
						 "%s%s%s socket=%s daemon-user=%u timeout=5",
						 text[1] == 'S' ? s->spy : "",
						 text[1] == 'S' ? " " : "", s->module, s->socket,
						 s->uid);
		else if (text[0] == '%' && text[1] == 'P')
			used += (size_t)snprintf(file + used, sizeof(file) - used, "%s",
						 s->password_module);
		else {
			file[used++] = *text;
			continue;
		}
		text++;
	}
	file[used] = '\0';
	write_file(s, "test", file);
}

void stage_stack(struct stage *s, const char *options)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "auth required %%M %s\naccount required %%M %s\nsession required %%M %s\n",
		 options, options, options);
	stage_file(s, text);
}

int stage_setup(void **state)
{
	static struct stage the_stage;
	static char user[128];
	struct stage *s = &the_stage;
	const struct passwd *pw = getpwuid(getuid());

	if (!pw)
		return -1;
	snprintf(user, sizeof(user), "%s", pw->pw_name);
	s->user = user;
	s->uid = getuid();
	snprintf(s->dir, sizeof(s->dir), "/tmp/kenmon-pam-XXXXXX");
	if (!mkdtemp(s->dir))
		return -1;
	snprintf(s->socket, sizeof(s->socket), "%.63s/authd.sock", s->dir);
	built_path("pam_kenmon.so", s->module, sizeof(s->module));
	built_path("tests/pam/password.so", s->password_module, sizeof(s->password_module));
	built_path("tests/pam/spy.so", s->spy, sizeof(s->spy));
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED)
		return -1;
	write_file(s, "other", "auth required pam_deny.so\naccount required pam_deny.so\n");
	*state = s;
	return 0;
}

int stage_teardown(void **state)
{
	struct stage *s = *state;
	DIR *d = opendir(s->dir);

	stage_daemon_stop(s);
	for (struct dirent *e; d && (e = readdir(d));)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(s->dir);
	return 0;
}

int stage_reset(void **state)
{
	struct stage *s = *state;

	/* A new daemon each time: an old one may still hold a connection of the test before. */
	stage_daemon_stop(s);
	*s->shared = (struct peer_shared){ .serve = serve_honestly };
	stage_daemon_start(s);
	s->person = (struct person){ .answer = { CODE }, .stage = s };
	stage_stack(s, "");
	logged_clear();
	return 0;
}

pam_handle_t *stage_begin(struct stage *s, const char *user)
{
	struct pam_conv conv = { converse, &s->person };
	pam_handle_t *pamh = NULL;

	if (pam_start_confdir("test", user, &conv, s->dir, &pamh) != PAM_SUCCESS)
		abort();
	s->person.pamh = pamh;
	return pamh;
}

struct outcome stage_login_and_account(struct stage *s)
{
	pam_handle_t *pamh = stage_begin(s, s->user);
	struct outcome o = { .auth = pam_authenticate(pamh, 0), .acct = -1 };

	if (o.auth == PAM_SUCCESS)
		o.acct = pam_acct_mgmt(pamh, 0);
	pam_end(pamh, o.auth);
	return o;
}

int stage_login(struct stage *s)
{
	pam_handle_t *pamh = stage_begin(s, s->user);
	int code = pam_authenticate(pamh, 0);

	pam_end(pamh, code);
	return code;
}
