/* Asking a person at the terminal, or a script on standard input. */
#ifndef KENMON_DESK_TERMINAL_H
#define KENMON_DESK_TERMINAL_H

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

#endif
