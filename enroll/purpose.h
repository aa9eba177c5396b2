/* What people are told before a finger is taken: the site's own text, or the one that is shipped.
 */
#ifndef KENMON_DESK_PURPOSE_H
#define KENMON_DESK_PURPOSE_H

#include "desk.h"

#define DESK_PURPOSE_MAX 8192 /* bytes; the vault keeps no more (PURPOSE) */

struct desk_purpose {
	enum km_lang lang;
	size_t len;
	char text[DESK_PURPOSE_MAX + 1]; /* ended by NUL; UTF-8 in lines, harmless on a terminal */
};

extern const char *const desk_purpose_shipped[KM_LANG_COUNT];

/*
 * The text in the desk's language: a file en.txt or ja.txt of the folder, or of the other language
 * where there is only that; else what is shipped. KM_EINVAL, KM_ELIMIT, KM_EIO: a file is there and
 * is no such text; nobody is shown another one instead.
 */
KM_MUST_CHECK km_rc desk_purpose_load(struct desk *d, const char *folder, struct desk_purpose *out);

#endif
