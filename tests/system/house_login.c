/* A house for the system tests: logins through libpam. */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "house.h"

struct talk {
	struct house_login *l;
	unsigned answered;
};

static bool is_prompt(const struct pam_message *m)
{
	return m->msg_style == PAM_PROMPT_ECHO_OFF || m->msg_style == PAM_PROMPT_ECHO_ON;
}

static void note(char text[HOUSE_TALK][HOUSE_TEXT], int style[HOUSE_TALK], unsigned *count,
		 const struct pam_message *m)
{
	if (*count < HOUSE_TALK) {
		snprintf(text[*count], HOUSE_TEXT, "%s", m->msg ? m->msg : "");
		style[*count] = m->msg_style;
	}
	(*count)++;
}

/* One question of the stack. The answer is the caller's to free. */
static int answer_one(struct talk *t, const struct pam_message *m, struct pam_response *r)
{
	struct house_login *l = t->l;

	if (!is_prompt(m)) {
		note(l->message, l->message_style, &l->messages, m);
		if (l->on_message)
			l->on_message(l->message_arg, m->msg ? m->msg : "");
		return PAM_SUCCESS;
	}
	note(l->prompt, l->prompt_style, &l->prompts, m);
	if (l->before_answer && !l->before_answer(l->arg, l->prompts - 1))
		return PAM_CONV_ERR;
	if (!l->answers || !l->answers[t->answered])
		return PAM_CONV_ERR;
	r->resp = strdup(l->answers[t->answered++]);
	return r->resp ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int converse(int n, const struct pam_message **msg, struct pam_response **resp, void *data)
{
	struct pam_response *r = calloc((size_t)n, sizeof(*r));
	int rc = r ? PAM_SUCCESS : PAM_BUF_ERR;

	for (int i = 0; i < n && rc == PAM_SUCCESS; i++)
		rc = answer_one(data, msg[i], &r[i]);
	if (rc == PAM_SUCCESS) {
		*resp = r;
		return rc;
	}
	for (int i = 0; r && i < n; i++)
		free(r[i].resp);
	free(r);
	return rc;
}

static int set_items(pam_handle_t *pamh, const struct house_login *l)
{
	int rc = PAM_SUCCESS;

	if (l->tty)
		rc = pam_set_item(pamh, PAM_TTY, l->tty);
	if (rc == PAM_SUCCESS && l->rhost)
		rc = pam_set_item(pamh, PAM_RHOST, l->rhost);
	if (rc == PAM_SUCCESS && l->ruser)
		rc = pam_set_item(pamh, PAM_RUSER, l->ruser);
	return rc;
}

static int ask_all(pam_handle_t *pamh, struct house_login *l)
{
	l->auth = pam_authenticate(pamh, 0);
	if (l->auth != PAM_SUCCESS)
		return l->auth;
	if (l->account) {
		l->acct = pam_acct_mgmt(pamh, 0);
		if (l->acct != PAM_SUCCESS)
			return l->acct;
	}
	if (l->session) {
		l->opened = pam_open_session(pamh, 0);
		if (l->opened != PAM_SUCCESS)
			return l->opened;
		l->closed = pam_close_session(pamh, 0);
		return l->closed;
	}
	return PAM_SUCCESS;
}

int house_login(const struct house *h, struct house_login *l)
{
	struct talk t = { .l = l };
	struct pam_conv conv = { .conv = converse, .appdata_ptr = &t };
	pam_handle_t *pamh = NULL;
	const void *user = NULL;

	l->auth = l->acct = l->opened = l->closed = -1;
	l->prompts = l->messages = 0;
	l->final_user[0] = '\0';
	l->code = pam_start_confdir(l->service ? l->service : HOUSE_SERVICE, l->user, &conv, h->pam,
				    &pamh);
	if (l->code != PAM_SUCCESS)
		return l->code;
	l->code = set_items(pamh, l);
	if (l->code == PAM_SUCCESS)
		l->code = ask_all(pamh, l);
	if (pam_get_item(pamh, PAM_USER, &user) == PAM_SUCCESS && user)
		snprintf(l->final_user, sizeof(l->final_user), "%s", (const char *)user);
	pam_end(pamh, l->code);
	return l->code;
}

int house_try(const struct house *h, const char *user, const char *code)
{
	const char *const answers[] = { code, NULL };
	struct house_login *l = calloc(1, sizeof(*l));
	int rc = -1;

	if (l) {
		l->user = user;
		l->answers = answers;
		rc = house_login(h, l);
	}
	free(l);
	return rc;
}

static void become(int64_t uid)
{
	if (uid < 0 || (uid_t)uid == geteuid())
		return;
	if (setgroups(0, NULL) < 0 || setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) < 0 ||
	    setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
		_exit(255);
}

/* The PAM code of a process that tried; -1: it died. */
static int code_of(pid_t pid)
{
	int status;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 255)
		return -1;
	return WEXITSTATUS(status);
}

int house_try_as(const struct house *h, int64_t uid, const char *user, const char *code)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		become(uid);
		_exit(house_try(h, user, code));
	}
	return code_of(pid);
}

/*
 * A race: each runner goes as far as its prompt, says so on `ready`, and waits
 * there for the end of file on `shot`. So all answers are sent at one instant.
 */
struct race {
	int ready[2], shot[2];
	bool said;
};

static void say_ready(struct race *r)
{
	if (!r->said && write(r->ready[1], "r", 1) != 1)
		_exit(255);
	r->said = true;
}

static bool wait_for_shot(void *arg, unsigned prompt)
{
	struct race *r = arg;
	char byte;

	if (prompt > 0)
		return true;
	say_ready(r);
	return read(r->shot[0], &byte, 1) == 0;
}

static int run_race(const struct house *h, struct race *r, const char *user, const char *code)
{
	const char *const answers[] = { code, NULL };
	struct house_login *l = calloc(1, sizeof(*l));
	int rc;

	close(r->shot[1]);
	if (!l)
		return 255;
	l->user = user;
	l->answers = answers;
	l->before_answer = wait_for_shot;
	l->arg = r;
	rc = house_login(h, l);
	say_ready(r); /* for one that was refused before any prompt */
	free(l);
	return rc;
}

int house_race(const struct house *h, const char *user, const char *code, unsigned n, int *codes)
{
	pid_t *runner = calloc(n, sizeof(*runner));
	struct race r = { 0 };
	int in = 0, died = 0;
	char byte;

	if (!runner || pipe2(r.ready, O_CLOEXEC) < 0 || pipe2(r.shot, O_CLOEXEC) < 0) {
		free(runner);
		return -1;
	}
	fflush(NULL);
	for (unsigned i = 0; i < n; i++) {
		runner[i] = fork();
		if (runner[i] == 0)
			_exit(run_race(h, &r, user, code));
	}
	close(r.ready[1]);
	for (unsigned i = 0; i < n && read(r.ready[0], &byte, 1) == 1; i++)
		;
	close(r.shot[1]);
	for (unsigned i = 0; i < n; i++) {
		int rc = code_of(runner[i]);

		in += rc == PAM_SUCCESS;
		died += rc < 0;
		if (codes)
			codes[i] = rc;
	}
	close(r.ready[0]);
	close(r.shot[0]);
	free(runner);
	return died ? -1 : in;
}
