/* A house for the system tests: other programs, and codes from oathtool. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "house.h"

#define ARGS_MAX 48

void house_out_free(struct house_out *o)
{
	free(o->out);
	free(o->err);
	*o = (struct house_out){ .status = -1 };
}

static void become(int64_t uid)
{
	if (uid < 0 || (uid_t)uid == geteuid())
		return;
	if (setgroups(0, NULL) < 0 || setresgid((gid_t)uid, (gid_t)uid, (gid_t)uid) < 0 ||
	    setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) < 0)
		_exit(126);
}

/* Reads what is there into a growing text. False: end of file. */
static bool gather(int fd, char **text, size_t *len)
{
	char buf[65536], *more;
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	more = realloc(*text, *len + (size_t)n + 1);
	if (!more)
		return false;
	memcpy(more + *len, buf, (size_t)n);
	*len += (size_t)n;
	more[*len] = '\0';
	*text = more;
	return true;
}

static void talk(int in, int out, int err, const char *input, struct house_out *o)
{
	size_t left = input ? strlen(input) : 0;
	struct pollfd p[3] = { { .fd = out, .events = POLLIN },
			       { .fd = err, .events = POLLIN },
			       { .fd = in, .events = POLLOUT } };

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		if (p[2].fd >= 0 && left == 0) {
			close(p[2].fd);
			p[2].fd = -1;
		}
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents && !gather(p[0].fd, &o->out, &o->out_len))
			p[0].fd = -1;
		if (p[1].revents && !gather(p[1].fd, &o->err, &o->err_len))
			p[1].fd = -1;
		if (p[2].fd >= 0 && p[2].revents) {
			ssize_t n = write(p[2].fd, input, left);

			if (n < 0 && errno != EINTR)
				left = 0;
			if (n > 0) {
				input += n;
				left -= (size_t)n;
			}
		}
	}
	if (p[2].fd >= 0)
		close(p[2].fd);
}

int house_run(struct house_out *o, int64_t uid, const char *input, const char *const argv[])
{
	int in[2], out[2], err[2], status;
	pid_t pid;

	*o = (struct house_out){ .status = -1 };
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
			_exit(126);
		become(uid);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	signal(SIGPIPE, SIG_IGN);
	talk(in[1], out[0], err[0], input, o);
	close(out[0]);
	close(err[0]);
	/* Texts are never NULL, so that tests can search them. */
	if (!o->out)
		o->out = calloc(1, 1);
	if (!o->err)
		o->err = calloc(1, 1);
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return o->status;
}

static int desk(const struct house *h, int64_t uid, struct house_out *o, const char *input,
		va_list args)
{
	char program[HOUSE_PATH + 8];
	char vault[16];
	const char *argv[ARGS_MAX] = { program, "--socket", h->socket, "--daemon-user", vault };
	struct house_out unread = { 0 };
	int status;

	snprintf(program, sizeof(program), "%s/kenmon", h->bin);
	snprintf(vault, sizeof(vault), "%u", h->vault_uid);
	for (size_t n = 5; n < ARGS_MAX - 1 && (argv[n] = va_arg(args, const char *)) != NULL; n++)
		;
	status = house_run(o ? o : &unread, uid, input, argv);
	house_out_free(&unread);
	return status;
}

int house_desk(const struct house *h, struct house_out *o, const char *input, ...)
{
	va_list args;
	int status;

	va_start(args, input);
	status = desk(h, -1, o, input, args);
	va_end(args);
	return status;
}

int house_desk_as(const struct house *h, int64_t uid, struct house_out *o, const char *input, ...)
{
	va_list args;
	int status;

	va_start(args, input);
	status = desk(h, uid, o, input, args);
	va_end(args);
	return status;
}

/* --- codes ---------------------------------------------------------------- */

static void code_from(char out[16], const char *const argv[])
{
	struct house_out o = { 0 };

	out[0] = '\0';
	if (house_run(&o, -1, NULL, argv) == 0 && o.out_len > 0 && o.out_len < 16)
		snprintf(out, 16, "%.*s", (int)strcspn(o.out, "\n"), o.out);
	else
		fprintf(stderr, "house: no code from oathtool: %s\n", o.err);
	house_out_free(&o);
}

void house_totp_of(char out[16], const char *secret, const char *mode, unsigned digits, long offset)
{
	char totp[24], count[16], now[40];

	snprintf(totp, sizeof(totp), "--totp=%s", mode);
	snprintf(count, sizeof(count), "--digits=%u", digits);
	snprintf(now, sizeof(now), "--now=@%lld", (long long)time(NULL) + offset);
	code_from(out, (const char *const[]){ "oathtool", totp, count, now, "--base32", "--",
					      secret, NULL });
}

void house_totp(char out[16], const char *secret, long offset)
{
	house_totp_of(out, secret, "sha1", 6, offset);
}

void house_hotp(char out[16], const char *secret, unsigned digits, uint64_t counter)
{
	char count[16], moving[40];

	snprintf(count, sizeof(count), "--digits=%u", digits);
	snprintf(moving, sizeof(moving), "--counter=%llu", (unsigned long long)counter);
	code_from(out, (const char *const[]){ "oathtool", "--hotp", count, moving, "--base32", "--",
					      secret, NULL });
}

void house_quiet_step(unsigned seconds)
{
	struct timespec one = { .tv_nsec = 100000000 };

	while (30 - time(NULL) % 30 < (long)seconds)
		nanosleep(&one, NULL);
}
