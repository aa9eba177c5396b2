/*
 * One line to standard error, or one datagram to the journal in its native
 * protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). Never both.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/log.h>

#define TEXT_MAX   1024 /* of one message; what is longer is cut */
#define RECORD_MAX 8192 /* far below what one datagram carries */

static struct {
	char room[32];
	struct sockaddr_un journal;
	int fd; /* -1: no journal */
	int level;
} state = { .room = "kenmon", .fd = -1, .level = LOG_INFO };

struct record {
	char bytes[RECORD_MAX];
	size_t len;
};

void km_log_open(const char *room, const char *journal, int level)
{
	if (state.fd >= 0)
		close(state.fd);
	state.fd = -1;
	state.level = level;
	snprintf(state.room, sizeof(state.room), "%s", room);
	if (!journal || strlen(journal) >= sizeof(state.journal.sun_path))
		return;
	memset(&state.journal, 0, sizeof(state.journal));
	state.journal.sun_family = AF_UNIX;
	memcpy(state.journal.sun_path, journal, strlen(journal));
	/* Not connected: a journald that starts again is found again. */
	state.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int is_key(const char *key)
{
	size_t len = strlen(key);

	/* One that begins with '_' is the journal's own. */
	return len > 0 && len <= 64 && key[0] >= 'A' && key[0] <= 'Z' &&
	       strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

/* A field that does not fit is left out, whole. */
static void add(struct record *r, const char *key, const char *value)
{
	size_t key_len = strlen(key), value_len = strlen(value);
	int lines = strchr(value, '\n') != NULL;
	char *at = r->bytes + r->len;

	if (!is_key(key) || key_len + value_len + 10 > RECORD_MAX - r->len)
		return;
	memcpy(at, key, key_len);
	at += key_len;
	*at++ = lines ? '\n' : '=';
	for (unsigned i = 0; lines && i < 8; i++)
		*at++ = (char)(uint8_t)((uint64_t)value_len >> (8 * i)); /* little-endian */
	memcpy(at, value, value_len);
	at += value_len;
	*at++ = '\n';
	r->len = (size_t)(at - r->bytes);
}

/* 0 when the journal has it, or is too busy to take it; -1 when there is none. */
static int to_journal(int priority, const struct km_log_field *fields, size_t count,
		      const char *text)
{
	struct record r = { .len = 0 };
	char digit[2] = { (char)('0' + (priority & LOG_PRIMASK)), '\0' };
	ssize_t n;

	if (state.fd < 0)
		return -1;
	add(&r, "MESSAGE", text);
	add(&r, "PRIORITY", digit);
	add(&r, "SYSLOG_IDENTIFIER", state.room);
	add(&r, "SYSLOG_FACILITY", "10"); /* authpriv */
	for (size_t i = 0; i < count; i++)
		add(&r, fields[i].key, fields[i].value);
	do
		n = sendto(state.fd, r.bytes, r.len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (const struct sockaddr *)&state.journal, sizeof(state.journal));
	while (n < 0 && errno == EINTR);
	return n >= 0 || errno == EAGAIN ? 0 : -1;
}

/* A pipe that is ready takes PIPE_BUF bytes at once, and a line is shorter: this never waits. */
static void to_stderr(const char *text)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	char line[sizeof(state.room) + TEXT_MAX + 4];
	int len = snprintf(line, sizeof(line), "%s: %s\n", state.room, text);
	const char *at = line;
	size_t left = len < 0 ? 0 : len < (int)sizeof(line) ? (size_t)len : sizeof(line) - 1;

	if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
		return;
	while (left) {
		ssize_t n = write(STDERR_FILENO, at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		at += n;
		left -= (size_t)n;
	}
}

void km_log_fields(int priority, const struct km_log_field *fields, size_t count, const char *text)
{
	char clean[TEXT_MAX];
	int saved = errno;

	if ((priority & LOG_PRIMASK) > state.level)
		return;
	/* Escaped already where it came from outside; once more changes nothing. */
	km_escape(text, clean, sizeof(clean));
	if (to_journal(priority, fields, count, clean) < 0)
		to_stderr(clean);
	errno = saved;
}

void km_log(int priority, const char *format, ...)
{
	char text[TEXT_MAX];
	int saved = errno; /* %m shall be the caller's */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	errno = saved;
	km_log_fields(priority, NULL, 0, text);
}
