/* The real courier and a played vault; see house_post.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/sock.h>

#include "house_post.h"

#define WAIT_MS  20000 /* whoever takes longer has hung */
#define STEP_MS  100
#define PAUSE_MS 5

static bool said(const char *what)
{
	fprintf(stderr, "post: %s: %s\n", what, strerror(errno));
	return false;
}

static void path_in(char out[HOUSE_PATH], const char *dir, const char *name)
{
	if (snprintf(out, HOUSE_PATH, "%s/%s", dir, name) >= HOUSE_PATH)
		abort();
}

bool post_begin(struct post *p)
{
	*p = (struct post){ .listener = -1, .link = -1 };
	memcpy(p->dir, "/tmp/kenmon-test-XXXXXX", sizeof("/tmp/kenmon-test-XXXXXX"));
	if (!mkdtemp(p->dir) || !house_programs(p->bin))
		return said("no folder");
	path_in(p->log, p->dir, "log");
	path_in(p->conf, p->dir, "kenmon.conf");
	path_in(p->credentials, p->dir, "credentials");
	path_in(p->orders, p->dir, "order.sock");
	return km_listen_at(p->orders, 0600, (uid_t)-1, (gid_t)-1, &p->listener) == KM_OK ||
	       said("no socket");
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	return (fd < 0 || close(fd) == 0) && (good || said(path));
}

bool post_configure(struct post *p, const char *conf, const char *credentials)
{
	return write_file(p->conf, conf) &&
	       (!credentials || write_file(p->credentials, credentials));
}

static void exec_courier(const struct post *p)
{
	char program[HOUSE_PATH];
	const char *argv[] = { "kenmon-courier", "--order-socket", p->orders,
			       "--config",       p->conf,          NULL };
	int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || log < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(126);
	path_in(program, p->bin, "kenmon-courier");
	execv(program, (char *const *)(void *)argv);
	_exit(127);
}

/* In small steps: a machine that stood still for a while has not made anybody late. */
static bool readable(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	for (unsigned i = 0; i * STEP_MS < WAIT_MS; i++)
		if (poll(&ready, 1, STEP_MS) == 1)
			return true;
	return false;
}

static bool next(struct post *p, struct km_msg *m)
{
	uint8_t frame[KM_FRAME_HEADER + 256];
	size_t len = 0;

	if (!readable(p->link))
		return said("the courier says nothing");
	if (km_recv(p->link, frame, sizeof(frame), &len, NULL, NULL, 0) != KM_OK)
		return said("the courier has gone");
	return km_decode(frame, len, KM_FROM_COURIER, KM_PHASE_ORDERS, m) == KM_OK ||
	       said("no frame of ours");
}

bool post_start(struct post *p)
{
	struct km_msg m;

	p->pid = fork();
	if (p->pid == 0)
		exec_courier(p);
	if (p->pid < 0 || !readable(p->listener))
		return said("the courier does not come");
	p->link = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	if (p->link < 0 || !next(p, &m))
		return false;
	return (m.number == KM_MSG_COURIER && m.courier.version == KM_ROOM_PROTOCOL) ||
	       said("its first word is another");
}

bool post_stop(struct post *p)
{
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	p->pid = 0;
	if (p->link >= 0)
		close(p->link);
	p->link = -1;
	return true;
}

void post_end(struct post *p)
{
	if (!p->dir[0])
		return;
	post_stop(p);
	close(p->listener);
	unlink(p->log);
	unlink(p->conf);
	unlink(p->credentials);
	unlink(p->orders);
	rmdir(p->dir);
	*p = (struct post){ .dir = "" };
}

bool post_send(struct post *p, uint64_t id, const char *number, const char *text, int64_t ms)
{
	struct km_msg m = {
		.number = KM_MSG_ORDER,
		.order = { .order = id, .kind = KM_ORDER_MESSAGE, .until = km_boot_ms() + ms }
	};

	snprintf(m.order.number, sizeof(m.order.number), "%s", number);
	return (km_secret_set(&m.order.text, text, strlen(text)) == KM_OK &&
		km_send_msg(p->link, &m, -1, 0) == KM_OK) ||
	       said("the order cannot be sent");
}

bool post_cancel(struct post *p, uint64_t id)
{
	const struct km_msg m = { .number = KM_MSG_CANCEL, .cancel = { .order = id } };

	return km_send_msg(p->link, &m, -1, 0) == KM_OK || said("it cannot be cancelled");
}

struct post_news post_hear_any(struct post *p, uint64_t *id)
{
	struct km_msg m;

	while (next(p, &m))
		if (m.number == KM_MSG_ORDERED) {
			*id = m.ordered.order;
			return (struct post_news){ (enum km_order_state)m.ordered.state,
						   (enum km_order_why)m.ordered.why };
		}
	return (struct post_news){ KM_ORDER_STATE_NONE, KM_ORDER_WHY_NONE };
}

bool post_greeted_again(struct post *p)
{
	struct km_msg m;

	while (next(p, &m))
		if (m.number == KM_MSG_COURIER)
			return true;
	return false;
}

struct post_news post_hear(struct post *p, uint64_t id)
{
	struct km_msg m;

	while (next(p, &m))
		if (m.number == KM_MSG_ORDERED && m.ordered.order == id)
			return (struct post_news){ (enum km_order_state)m.ordered.state,
						   (enum km_order_why)m.ordered.why };
	return (struct post_news){ KM_ORDER_STATE_NONE, KM_ORDER_WHY_NONE };
}

struct post_news post_outcome(struct post *p, uint64_t id, enum km_order_state *before)
{
	struct post_news n = post_hear(p, id);

	*before = KM_ORDER_STATE_NONE;
	while (!km_order_state_ends(n.state)) {
		*before = n.state;
		n = post_hear(p, id);
	}
	return n;
}

const char *post_log(const struct post *p)
{
	static char text[65536];
	int fd = open(p->log, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

bool post_logged(const struct post *p, const char *text)
{
	for (unsigned i = 0; i * PAUSE_MS < WAIT_MS; i++) {
		const struct timespec t = { .tv_nsec = PAUSE_MS * 1000000 };

		if (strstr(post_log(p), text))
			return true;
		nanosleep(&t, NULL);
	}
	return said(text);
}
