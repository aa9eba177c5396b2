/* Prompts. What is typed may be a code, so it goes into a struct km_secret and nowhere else. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <kenmon/clock.h>

#include "terminal.h"

/* A signal only has to interrupt ppoll(); which one it was does not matter. */
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static const int stops[DESK_STOPS] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

struct asking {
	int fd;
	bool ours;  /* fd is /dev/tty, opened here */
	bool quiet; /* echo was turned off */
	struct termios termios;
	struct desk_stops stops;
};

/* The signals are blocked but within ppoll(), so that none falls between a test and a wait. */
void desk_stops_begin(struct desk_stops *s)
{
	struct sigaction action = { .sa_handler = interrupt };
	sigset_t block;
	size_t i;

	interrupted = 0;
	sigemptyset(&block);
	for (i = 0; i < DESK_STOPS; i++)
		sigaddset(&block, stops[i]);
	sigprocmask(SIG_BLOCK, &block, &s->mask);
	for (i = 0; i < DESK_STOPS; i++)
		sigaction(stops[i], &action, &s->action[i]);
}

void desk_stops_end(const struct desk_stops *s)
{
	size_t i;

	/* Handlers first: a signal that is still pending was answered by stopping. */
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
	for (i = 0; i < DESK_STOPS; i++)
		sigaction(stops[i], &s->action[i], NULL);
}

/* The mask under which one of the signals gets through. */
static sigset_t open_mask(const struct desk_stops *s)
{
	sigset_t mask = s->mask;
	size_t i;

	for (i = 0; i < DESK_STOPS; i++)
		sigdelset(&mask, stops[i]);
	return mask;
}

km_rc desk_stops_await(const struct desk_stops *s, int fd, int seconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t until = km_boot_ms() + (int64_t)seconds * 1000, left;
	sigset_t mask = open_mask(s);
	int n;

	do {
		struct timespec t;

		left = until - km_boot_ms();
		left = left > 0 ? left : 0;
		t = (struct timespec){ .tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000 };
		n = ppoll(&p, 1, &t, &mask);
		if (interrupted) {
			interrupted = 0;
			return KM_EABORTED;
		}
		if (n > 0)
			return KM_OK;
		if (n < 0 && errno != EINTR)
			return KM_ECLOSED;
	} while (left > 0);
	return KM_ETIMEOUT;
}

static void begin(struct asking *a, bool echo)
{
	struct termios quiet;

	desk_stops_begin(&a->stops);
	if (!echo && tcgetattr(a->fd, &a->termios) == 0) {
		quiet = a->termios;
		quiet.c_lflag &= (tcflag_t) ~(ECHO | ECHONL);
		a->quiet = tcsetattr(a->fd, TCSAFLUSH, &quiet) == 0;
	}
}

static void end(struct asking *a)
{
	if (a->quiet)
		tcsetattr(a->fd, TCSANOW, &a->termios);
	desk_stops_end(&a->stops);
	if (a->ours)
		close(a->fd);
}

/* Waits until there is something to read: KM_OK, KM_EABORTED, or KM_EAGAIN for the line. */
static km_rc await(const struct asking *a, int line)
{
	struct pollfd p[2] = { { .fd = a->fd, .events = POLLIN },
			       { .fd = line, .events = POLLIN } };
	sigset_t mask = open_mask(&a->stops);

	for (;;) {
		int n = ppoll(p, 2, NULL, &mask);

		if (interrupted)
			return KM_EABORTED;
		if (n < 0 && errno != EINTR)
			return KM_EABORTED;
		if (n > 0 && p[1].revents)
			return KM_EAGAIN;
		if (n > 0 && p[0].revents)
			return KM_OK;
	}
}

/* Byte by byte: what a script piped for the next prompt must stay in the pipe. */
static km_rc read_line(const struct asking *a, int line, struct km_secret *answer)
{
	bool some = false, bad = false;

	answer->len = 0;
	for (;;) {
		char c = 0;
		km_rc rc = await(a, line);
		ssize_t n;

		if (rc != KM_OK)
			return rc;
		n = read(a->fd, &c, 1);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0 || (n == 0 && !some))
			return KM_EABORTED;
		if (n == 0 || c == '\n')
			return bad ? KM_ELIMIT : KM_OK;
		some = true;
		if (answer->len == KM_SECRET_MAX || c == '\0')
			bad = true;
		else if (c != '\r')
			answer->bytes[answer->len++] = (uint8_t)c;
	}
}

static void show(struct desk *d, const struct asking *a, const char *text)
{
	size_t len = strlen(text), at = 0;

	fflush(d->out);
	fflush(d->err);
	if (!a->ours) {
		fputs(text, d->err);
		fflush(d->err);
		return;
	}
	while (at < len) {
		ssize_t n = write(a->fd, text + at, len - at);

		if (n < 0 && errno != EINTR)
			return;
		at += n > 0 ? (size_t)n : 0;
	}
}

km_rc desk_ask(struct desk *d, const char *prompt, bool echo, struct km_secret *answer)
{
	struct asking a = { .fd = d->in };
	km_rc rc;

	if (d->in < 0 || isatty(d->in)) {
		a.fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
		a.ours = a.fd >= 0;
	}
	if (a.fd < 0) /* a terminal that is not the controlling one (some containers) */
		a.fd = d->in;
	if (a.fd < 0)
		return desk_because(d, KM_EABORTED, DESK_NOBODY_TO_ASK, NULL, NULL);
	begin(&a, echo);
	show(d, &a, prompt);
	rc = read_line(&a, d->line, answer);
	/* Where nothing was echoed, or nobody pressed Enter, the cursor still stands behind the
	 * prompt. */
	if (rc != KM_OK || a.quiet || !a.ours)
		show(d, &a, "\n");
	end(&a);
	if (rc != KM_OK)
		km_secret_wipe(answer);
	return rc;
}

km_rc desk_confirm(struct desk *d, enum desk_text prompt, const char *word)
{
	struct km_secret answer KM_SECRET = { 0 };
	char text[512];
	km_rc rc;

	desk_expand(prompt, d->lang, word, NULL, text, sizeof(text));
	rc = desk_ask(d, text, true, &answer);
	if (rc != KM_OK)
		return KM_EABORTED;
	return km_equal(answer.bytes, answer.len, word, strlen(word)) ? KM_OK : KM_EABORTED;
}
