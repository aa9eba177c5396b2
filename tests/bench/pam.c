/* Logins through libpam, ours and the peers', in the bench's own process. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <liboath/oath.h>
#include <security/pam_appl.h>

#include "bench.h"

/* --- tokens --------------------------------------------------------------- */

void token_seed(unsigned number, uint8_t seed[BENCH_SEED])
{
	for (unsigned i = 0; i < BENCH_SEED; i++)
		seed[i] = (uint8_t)((number >> (8 * (i % 4))) ^ (i * 37 + 11));
}

void token_code(const struct token *t, char code[16])
{
	uint8_t seed[BENCH_SEED];

	token_seed(t->number, seed);
	if (oath_hotp_generate((char *)seed, sizeof(seed), t->counter, 6, false,
			       OATH_HOTP_DYNAMIC_TRUNCATION, code) != OATH_OK)
		abort();
}

/* --- one login ------------------------------------------------------------ */

struct talk {
	struct attempt *a;
	double start;
};

static int answer(struct talk *t, const struct pam_message *m, struct pam_response *r)
{
	struct attempt *a = t->a;

	if (m->msg_style != PAM_PROMPT_ECHO_OFF && m->msg_style != PAM_PROMPT_ECHO_ON)
		return PAM_SUCCESS;
	if (a->prompts++ > 0)
		return PAM_CONV_ERR;
	a->prompt = now_us() - t->start;
	if (a->at_prompt)
		a->at_prompt(a->arg);
	r->resp = strdup(a->code);
	a->answer = now_us() - t->start;
	return r->resp ? PAM_SUCCESS : PAM_BUF_ERR;
}

static int converse(int n, const struct pam_message **msg, struct pam_response **resp, void *data)
{
	struct pam_response *r = calloc((size_t)n, sizeof(*r));
	int rc = r ? PAM_SUCCESS : PAM_BUF_ERR;

	for (int i = 0; i < n && rc == PAM_SUCCESS; i++)
		rc = answer(data, msg[i], &r[i]);
	if (rc == PAM_SUCCESS) {
		*resp = r;
		return rc;
	}
	for (int i = 0; r && i < n; i++)
		free(r[i].resp);
	free(r);
	return rc;
}

int attempt_login(struct attempt *a)
{
	struct talk t = { .a = a, .start = now_us() };
	const struct pam_conv conv = { converse, &t };
	pam_handle_t *pamh = NULL;

	a->prompts = 0;
	a->prompt = a->answer = 0;
	a->result = pam_start_confdir(a->service, a->user, &conv, a->confdir, &pamh);
	if (a->result == PAM_SUCCESS && a->rhost)
		a->result = pam_set_item(pamh, PAM_RHOST, a->rhost);
	if (a->result == PAM_SUCCESS)
		a->result = pam_authenticate(pamh, 0);
	pam_end(pamh, a->result);
	a->whole = now_us() - t.start;
	return a->result;
}

bool token_login(const char *confdir, const char *service, struct token *t, double *us)
{
	char code[16];
	struct attempt a = { .confdir = confdir, .service = service, .user = t->login };

	token_code(t, code);
	a.code = code;
	if (attempt_login(&a) != PAM_SUCCESS) {
		say("%s at %s: %s", t->login, service, pam_strerror(NULL, a.result));
		return false;
	}
	t->counter++;
	if (us)
		*us = a.whole;
	return true;
}

/* --- the peers' state ----------------------------------------------------- */

static bool write_beside(const struct house *h, const char *name, const char *content)
{
	char path[HOUSE_PATH + 32];
	size_t len = strlen(content);
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", h->dir, name);
	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd >= 0 && write(fd, content, len) == (ssize_t)len;
	if (fd >= 0)
		close(fd);
	return ok;
}

bool oath_write(const struct house *h, const struct token *t)
{
	uint8_t seed[BENCH_SEED];
	char hex[2 * BENCH_SEED + 1], line[256];

	token_seed(t->number, seed);
	for (unsigned i = 0; i < BENCH_SEED; i++)
		snprintf(hex + 2 * i, 3, "%02x", seed[i]);
	snprintf(line, sizeof(line), "HOTP %s - %s %llu\n", t->login, hex,
		 (unsigned long long)t->counter);
	return write_beside(h, "users.oath", line);
}

bool google_write(const struct house *h, const struct token *t)
{
	uint8_t seed[BENCH_SEED];
	char *base32 = NULL, file[256];
	size_t len;

	token_seed(t->number, seed);
	if (oath_base32_encode((char *)seed, sizeof(seed), &base32, &len) != OATH_OK)
		return false;
	snprintf(file, sizeof(file), "%s\n\" HOTP_COUNTER %llu\n\" WINDOW_SIZE 10\n", base32,
		 (unsigned long long)t->counter);
	free(base32);
	return write_beside(h, "google", file);
}

bool peers_make(const struct house *h)
{
	const struct passwd *me = getpwuid(geteuid());
	char oath[1024], google[1024];

	snprintf(oath, sizeof(oath),
		 "auth required pam_oath.so usersfile=%s/users.oath window=10 "
		 "digits=6\n",
		 h->dir);
	snprintf(google, sizeof(google),
		 "auth required pam_google_authenticator.so secret=%s/google user=%s "
		 "no_strict_owner\n",
		 h->dir, me ? me->pw_name : "root");
	/* Without "other", libpam complains to syslog at each login. */
	return house_stack(h, "other", "auth required pam_deny.so\n") &&
	       house_stack(h, SERVICE_OURS, "auth required KENMON\n") &&
	       house_stack(h, SERVICE_PERMIT, "auth required pam_permit.so\n") &&
	       house_stack(h, SERVICE_OATH, oath) && house_stack(h, SERVICE_GOOGLE, google);
}
