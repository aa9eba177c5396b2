/* The real courier between a played vault and whatever the test puts in the place of a gateway. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/sock.h>

#include "house.h"
#include "house_orders.h"

static bool said(const char *what)
{
	fprintf(stderr, "orders: %s: %s\n", what, strerror(errno));
	return false;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
	(void)st;
	(void)kind;
	(void)f;
	return remove(path);
}

static void path_in(char out[ORDERS_PATH], const char *dir, const char *name)
{
	if (snprintf(out, ORDERS_PATH, "%s/%s", dir, name) >= ORDERS_PATH)
		abort();
}

bool orders_open(struct orders *o)
{
	char socket[ORDERS_PATH], programs[HOUSE_PATH];
	int n;

	*o = (struct orders){ .listener = -1, .courier = -1, .dir = "/tmp/kenmon-orders-XXXXXX" };
	if (!mkdtemp(o->dir) || !house_programs(programs))
		return said("a folder");
	n = snprintf(o->program, sizeof(o->program), "%s/kenmon-courier", programs);
	if (n <= 0 || (size_t)n >= sizeof(o->program))
		return said("the programs' folder");
	path_in(o->conf, o->dir, "kenmon.conf");
	path_in(o->log, o->dir, "log");
	path_in(socket, o->dir, "order.sock");
	return km_listen_at(socket, 0600, (uid_t)-1, (gid_t)-1, &o->listener) == KM_OK ||
	       said("the door");
}

void orders_close(struct orders *o)
{
	if (o->pid > 0)
		(void)orders_end(o, SIGKILL);
	if (o->listener >= 0)
		close(o->listener);
	nftw(o->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

bool orders_configure(const struct orders *o, const char *text)
{
	FILE *f = fopen(o->conf, "we");
	const char *at;

	if (!f)
		return said(o->conf);
	for (at = text; *at; at++) {
		if (at[0] == '%' && at[1] == 's') {
			fputs(o->dir, f);
			at++;
		} else {
			fputc(*at, f);
		}
	}
	return fclose(f) == 0 || said(o->conf);
}

static void exec_courier(const struct orders *o)
{
	char socket[ORDERS_PATH];
	int log = open(o->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	path_in(socket, o->dir, "order.sock");
	if (log >= 0 && dup2(log, STDERR_FILENO) >= 0)
		execl(o->program, "kenmon-courier", "--config", o->conf, "--order-socket", socket,
		      (char *)NULL);
	_exit(127);
}

int orders_run(struct orders *o)
{
	o->pid = fork();
	if (o->pid == 0)
		exec_courier(o);
	return o->pid < 0 ? -1 : orders_end(o, 0);
}

bool orders_start(struct orders *o, struct km_msg *hello)
{
	struct pollfd p = { .fd = o->listener, .events = POLLIN };

	o->pid = fork();
	if (o->pid == 0)
		exec_courier(o);
	if (o->pid < 0 || poll(&p, 1, ORDERS_MS) != 1)
		return said("the courier does not come");
	o->courier = accept4(o->listener, NULL, NULL, SOCK_CLOEXEC);
	return o->courier >= 0 && orders_hear(o, hello, ORDERS_MS) &&
	       hello->number == KM_MSG_COURIER;
}

int orders_end(struct orders *o, int signal)
{
	int status = 0;

	if (signal != 0)
		kill(o->pid, signal);
	for (int i = 0; i < ORDERS_MS / 10; i++) {
		if (waitpid(o->pid, &status, WNOHANG) == o->pid) {
			o->pid = 0;
			if (o->courier >= 0)
				close(o->courier);
			o->courier = -1;
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
		usleep(10000);
	}
	return -1;
}

bool orders_give(const struct orders *o, uint64_t id, enum km_order kind, const char *number,
		 const char *text, int64_t left_ms)
{
	struct km_msg m = { .number = KM_MSG_ORDER,
			    .order = { .order = id,
				       .kind = (uint8_t)kind,
				       .keys = kind == KM_ORDER_KEYPAD ? 6 : 0,
				       .lang = KM_LANG_JA,
				       .until = km_boot_ms() + left_ms } };

	snprintf(m.order.number, sizeof(m.order.number), "%s", number);
	return km_secret_set(&m.order.text, text ? text : "", text ? strlen(text) : 0) == KM_OK &&
	       km_send_msg(o->courier, &m, -1, 0) == KM_OK;
}

bool orders_cancel(const struct orders *o, uint64_t id)
{
	const struct km_msg m = { .number = KM_MSG_CANCEL, .cancel = { .order = id } };

	return km_send_msg(o->courier, &m, -1, 0) == KM_OK;
}

bool orders_hear(const struct orders *o, struct km_msg *m, int ms)
{
	struct pollfd p = { .fd = o->courier, .events = POLLIN };
	uint8_t frame[512];
	size_t len = 0;

	return poll(&p, 1, ms) == 1 &&
	       km_recv(o->courier, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT) == KM_OK &&
	       km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, m) == KM_OK;
}

unsigned orders_until(const struct orders *o, uint64_t id, enum km_order_state state, unsigned *why)
{
	unsigned last = 0;
	struct km_msg m;

	while (orders_hear(o, &m, ORDERS_MS)) {
		if (m.number != KM_MSG_ORDERED || m.ordered.order != id)
			continue;
		last = m.ordered.state;
		if (why)
			*why = m.ordered.why;
		if (last == (unsigned)state || km_order_state_ends(last))
			break;
	}
	return last;
}
