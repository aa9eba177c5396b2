/*
 * exec: a program of the site's. It gets the number as its argument and the text on standard input;
 * its exit code is all that is heard of it. One that was killed, or ended by a signal, may have
 * sent: unknown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <kenmon/log.h>
#include <kenmon/wire.h>

#include "drivers.h"
#include "exec.h"

#define BY_OTHERS 022 /* mode bits */

struct exec_gateway {
	int fd;
	pid_t runner;
	unsigned timeout_ms;
	sd_event_source *source;
	char program[KM_CONF_LINE];
};

static struct exec_gateway *gateway_of(struct courier *c)
{
	return *courier_own(c, &sms_exec_driver);
}

/* --- what comes back ------------------------------------------------------------------------- */

static enum km_order_why why_of(int code)
{
	static const struct {
		int code;
		enum km_order_why why;
	} codes[] = {
		{ EX_NOHOST, KM_ORDER_WHY_NO_NUMBER },
		{ EX_UNAVAILABLE, KM_ORDER_WHY_UNREACHABLE },
		{ EX_NOPERM, KM_ORDER_WHY_CREDENTIALS },
		{ EX_PROTOCOL, KM_ORDER_WHY_ANSWER },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].why;
	return KM_ORDER_WHY_REFUSED;
}

static void take_answer(struct courier *c, const struct exec_answer *a)
{
	struct courier_order *o = courier_find(c, a->id);

	if (a->outcome == EXEC_NOT_STARTED)
		km_log(LOG_ERR, "the gateway's program does not start: %s", strerror(a->value));
	if (!o) /* it was cancelled, and is known to be in doubt */
		return;
	if (a->outcome == EXEC_EXITED && a->value == 0)
		courier_report(c, o, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE, NULL, 0);
	else if (a->outcome == EXEC_EXITED)
		courier_report(c, o, KM_ORDER_STATE_FAILED, why_of(a->value), NULL, 0);
	else if (a->outcome == EXEC_NOT_STARTED)
		courier_report(c, o, KM_ORDER_STATE_FAILED,
			       a->value == EAGAIN ? KM_ORDER_WHY_FULL : KM_ORDER_WHY_UNREACHABLE,
			       NULL, 0);
	else
		courier_report(c, o, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT, NULL, 0);
}

static int on_answer(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct courier *c = arg;
	struct exec_answer a;
	ssize_t n;

	(void)source;
	(void)events;
	while ((n = recv(fd, &a, sizeof(a), MSG_DONTWAIT)) == (ssize_t)sizeof(a))
		take_answer(c, &a);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* Behind the walls there is no other: a new start brings one. */
	km_log(LOG_ERR, "who runs the gateway's program is gone: stopping");
	return sd_event_exit(courier_event(c), 0);
}

/* --- open and close -------------------------------------------------------------------------- */

/* What it is when it is looked at; whoever can change it later has it or its folder. */
static bool is_ours(const char *program)
{
	struct stat st;
	const char *why = NULL;

	if (program[0] != '/')
		why = "not an absolute path";
	else if (stat(program, &st) < 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode) || access(program, X_OK) < 0)
		why = "not a program that can be run";
	else if ((st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & BY_OTHERS)
		why = "others than root and this room can write it";
	if (why)
		km_log(LOG_ERR, "[sms] program: %s", why);
	return !why;
}

static km_rc start(struct courier *c, struct exec_gateway *g, const char *program)
{
	km_rc rc;

	if (!is_ours(program))
		return KM_ECONF;
	snprintf(g->program, sizeof(g->program), "%s", program);
	rc = exec_runner_start(g->program, &g->fd, &g->runner);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "no process for the gateway's program: %s", strerror(errno));
		return rc;
	}
	return sd_event_add_io(courier_event(c), &g->source, g->fd, EPOLLIN, on_answer, c) >= 0
		   ? KM_OK
		   : KM_ENOMEM;
}

static km_rc exec_open(struct courier *c, const struct courier_settings *s)
{
	void **own = courier_own(c, &sms_exec_driver);
	struct exec_gateway *g = *own;
	km_rc rc = KM_OK;

	if (!g) {
		g = *own = calloc(1, sizeof(*g));
		if (!g)
			return KM_ENOMEM;
		g->fd = -1;
		rc = start(c, g, s->conf.sms.program);
	}
	if (rc == KM_OK)
		g->timeout_ms = s->conf.sms.timeout * 1000;
	return rc;
}

static void exec_close(struct courier *c)
{
	void **own = courier_own(c, &sms_exec_driver);
	struct exec_gateway *g = *own;

	*own = NULL;
	if (!g)
		return;
	sd_event_source_disable_unref(g->source);
	if (g->fd >= 0)
		close(g->fd);
	if (g->runner > 0)
		waitpid(g->runner, NULL, 0); /* it kills what it runs, and ends */
	free(g);
}

/* Another program is another process to run it: a new start. There is nothing that the room opens.
 */
static void exec_needs(const struct courier_settings *s, struct courier_needs *needs)
{
	snprintf(needs->path[needs->paths].path, sizeof(needs->path[0].path), "%s",
		 s->conf.sms.program);
	needs->path[needs->paths++].may = 0;
}

/* --- orders -------------------------------------------------------------------------- */

static void exec_begin(struct courier *c, struct courier_order *o)
{
	const struct exec_gateway *g = gateway_of(c);
	struct exec_request q = { .id = o->id, .what = EXEC_RUN, .timeout_ms = g->timeout_ms };
	km_rc rc;

	memcpy(q.number, o->number, sizeof(q.number));
	memcpy(q.text, o->text.bytes, o->text.len);
	q.len = o->text.len;
	rc = km_send(g->fd, (const uint8_t *)&q, sizeof(q), -1, MSG_DONTWAIT);
	km_wipe(&q, sizeof(q));
	if (rc != KM_OK)
		courier_report(c, o, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_FULL, NULL, 0);
}

/* Whether it has sent already, only the program knows. */
static void exec_cancel(struct courier *c, struct courier_order *o, enum km_order_why why)
{
	const struct exec_request q = { .id = o->id, .what = EXEC_KILL };

	(void)why;
	if (km_send(gateway_of(c)->fd, (const uint8_t *)&q, sizeof(q), -1, MSG_DONTWAIT) != KM_OK)
		km_log(LOG_WARNING, "a program that nobody waits for runs until its time is over");
	courier_report(c, o, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT, NULL, 0);
}

const struct courier_driver sms_exec_driver = {
	.name = "exec",
	.open = exec_open,
	.needs = exec_needs,
	.begin = exec_begin,
	.cancel = exec_cancel,
	.close = exec_close,
};
