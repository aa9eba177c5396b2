/*
 * Local or remote. A helper that forgets to say where a login comes from must
 * not make it a local one (polkit did, issue 705): unknown is remote.
 */
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-login.h>

#include "origin.h"

static const char *without_dev(const char *tty)
{
	return strncmp(tty, "/dev/", 5) == 0 ? tty + 5 : tty;
}

static bool all_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

bool judge_tty_is_pts(const char *tty)
{
	return strncmp(without_dev(tty), "pts/", 4) == 0;
}

/* A virtual console, "tty1". */
static bool is_console(const char *tty)
{
	const char *name = without_dev(tty);

	return strncmp(name, "tty", 3) == 0 && all_digits(name + 3);
}

/* A display of this machine, ":0" or ":0.0"; "host:0" is another machine's. */
static bool is_display(const char *tty)
{
	size_t digits;

	if (tty[0] != ':')
		return false;
	digits = strspn(tty + 1, "0123456789");
	if (digits == 0)
		return false;
	tty += 1 + digits;
	return *tty == '\0' || (*tty == '.' && all_digits(tty + 1));
}

static bool is_other_host(const char *rhost)
{
	static const char *const here[] = { "", "localhost", "127.0.0.1", "::1" };

	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (strcmp(rhost, here[i]) == 0)
			return false;
	return true;
}

enum km_origin judge_origin(const struct judge_facts *f)
{
	if (is_other_host(f->rhost))
		return KM_ORIGIN_REMOTE;
	if (f->service_is_local)
		return KM_ORIGIN_LOCAL;
	if (!f->privileged || judge_tty_is_pts(f->tty))
		return f->has_session && !f->session_remote && f->session_seat ? KM_ORIGIN_LOCAL
									       : KM_ORIGIN_REMOTE;
	if (is_console(f->tty) || is_display(f->tty))
		return KM_ORIGIN_LOCAL;
	return KM_ORIGIN_REMOTE;
}

void judge_origin_ask(pid_t pid, uid_t uid, struct judge_facts *f)
{
	char *session = NULL, *seat = NULL;
	uid_t of = (uid_t)-1;

	f->has_session = f->session_remote = f->session_seat = false;
	if (sd_pid_get_session(pid, &session) < 0)
		return;
	/* A pid that was given to somebody else meanwhile is in somebody else's session. */
	if (f->privileged || (sd_session_get_uid(session, &of) >= 0 && of == uid)) {
		int remote = sd_session_is_remote(session);

		f->has_session = remote >= 0;
		f->session_remote = remote != 0;
		f->session_seat = sd_session_get_seat(session, &seat) >= 0;
	}
	free(seat);
	free(session);
}
