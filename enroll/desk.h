/*
 * The desk: one run of the command `kenmon`. What every command gets, and how
 * it says what happened.
 */
#ifndef KENMON_DESK_H
#define KENMON_DESK_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include <kenmon/rc.h>
#include <kenmon/wire.h>

/* Sentences of the desk itself, as texts.def holds those of the door. */
enum desk_text {
#define DESK_TEXT(id, en, ja) DESK_##id,
#include "desk_texts.def"
#undef DESK_TEXT
	DESK_TEXT_COUNT
};

#define DESK_WHY 1024 /* a sentence of rc.def, and what the vault adds (512) */

struct desk {
	const char *socket;
	const char *root; /* "" but in tests: what stands before /proc, /etc, /usr */
	uid_t daemon_uid; /* whose stamp on the private line is believed */
	uid_t self;       /* our own effective uid */
	const char *as; /* the operator whom we name at the vault; NULL: whoever the kernel says */
	bool json;
	enum km_lang lang;
	FILE *out, *err;
	int in;            /* answers are read here when it is no terminal; -1: used up */
	int line;          /* private line to the vault; -1: none yet */
	uint64_t filed;    /* the request as which the last operation was filed; 0: none */
	bool half_written; /* a JSON listing is open on out: an error must not look like its end */
	char why[DESK_WHY];
};

/* Standard streams, no line, language from the environment. */
void desk_init(struct desk *d);

/* The whole program behind main(): returns the exit code. */
int desk_main(struct desk *d, int argc, char **argv);

const char *desk_text(enum desk_text id, enum km_lang lang);

/* The sentence with %1 and %2 replaced by a and b (escaped; may be NULL). Returns out. */
const char *desk_expand(enum desk_text id, enum km_lang lang, const char *a, const char *b,
			char *out, size_t cap);

/* A sentence for a person, on standard error; nothing with --json. */
void desk_note(struct desk *d, enum desk_text id, const char *a, const char *b);
/* The same as a warning: it stands there with --json too. */
void desk_warn(struct desk *d, enum desk_text id, const char *a, const char *b);

/* What the vault said, in this language where why.def knows it, else as it was said. Not escaped.
 */
const char *desk_reason(const char *said, enum km_lang lang, char *out, size_t cap);
/* The same of the value of a row of status, by status.def; what that does not know is a reason. */
const char *desk_status_value(const char *key, const char *said, enum km_lang lang, char *out,
			      size_t cap);

/* Remembers why something failed and returns rc. */
km_rc desk_because(struct desk *d, km_rc rc, enum desk_text id, const char *a, const char *b);

/* Says how a command failed (the remembered reason, or the sentence of rc); the exit code. */
int desk_fail(struct desk *d, km_rc rc);

/*
 * Says how an act went: a sentence, or {"result":"done","id":…,"note":…}; or as
 * desk_fail. note (may be NULL or "") comes from the vault. The exit code.
 */
int desk_finish(struct desk *d, km_rc rc, const struct msg_done *done, enum desk_text id,
		const char *a, const char *b);

/*
 * Where an act was filed and not done (KM_EFILED) and something was written of it already: says so,
 * and gives its exit code.
 */
int desk_filed(struct desk *d, km_rc rc);

/* Everything written? An error is said and gives exit code 1; else code. */
int desk_flush(struct desk *d, int code);

#define DESK_MSG __attribute__((cleanup(km_msg_wipe)))

#endif
