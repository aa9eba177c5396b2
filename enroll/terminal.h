/* Asking a person at the terminal, or a script on standard input. */
#ifndef KENMON_DESK_TERMINAL_H
#define KENMON_DESK_TERMINAL_H

#include <signal.h>

#include <kenmon/secret.h>

#include "desk.h"

/*
 * Shows prompt and reads one line. Standard input when it is no terminal (a
 * script pipes the answers), else /dev/tty. The terminal is as it was when this returns.
 *
 * KM_EABORTED: end of input, ctrl-C, or nobody there to ask. KM_ELIMIT: a line
 * over KM_SECRET_MAX, or one with a NUL. KM_EAGAIN: the private line spoke first.
 */
KM_MUST_CHECK km_rc desk_ask(struct desk *d, const char *prompt, bool echo,
			     struct km_secret *answer);

/* Asks for a word to be typed as a confirmation: KM_OK, or KM_EABORTED for anything else. */
KM_MUST_CHECK km_rc desk_confirm(struct desk *d, enum desk_text prompt, const char *word);

/*
 * While somebody may end something long with ctrl-C: the signals that end a
 * program only end a wait.
 */
#define DESK_STOPS 4
struct desk_stops {
	struct sigaction action[DESK_STOPS];
	sigset_t mask;
};
void desk_stops_begin(struct desk_stops *s);
void desk_stops_end(const struct desk_stops *s);

/* Waits until fd can be read. KM_EABORTED: a signal came, each is told once. KM_ETIMEOUT,
 * KM_ECLOSED. */
KM_MUST_CHECK km_rc desk_stops_await(const struct desk_stops *s, int fd, int seconds);

#endif
