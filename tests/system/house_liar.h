/*
 * A house whose judge is a test's own story, told under the judge's uid. The
 * vault and the doors are the real ones. Needs root.
 */
#ifndef KENMON_TESTS_HOUSE_LIAR_H
#define KENMON_TESTS_HOUSE_LIAR_H

#include <stdio.h>
#include <unistd.h>

#include <kenmon/verdict.h>

#include "house_office.h"

#define VAULT_UID HOUSE_BASE_UID
#define JUDGE_UID (HOUSE_BASE_UID + 1)

/* Of OFFICE_SECRET (RFC 4226), which "games" (uid 5) and "the-judge" (JUDGE_UID) have. */
#define HOTP_0 "755224"
#define HOTP_1 "287082"
#define HOTP_2 "359152"
/* Of OFFICE_OTHER, which "man" (uid 6) and "bin" (bound to no account yet) have. */
extern char liar_code[2][16];
/* "games" has this too; service "steps" asks for a counter-based code, and then for it. */
extern char liar_recovery[KM_RECOVERY_LENGTH + 1];

#define NEEDS_ROOT()                                                                               \
	do {                                                                                       \
		if (geteuid() != 0) {                                                              \
			fprintf(stderr, "# skipped: uids for rooms need root\n");                  \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

/* In a story: it went on as it says, or the test has failed. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			liar_fail(__FILE__, __LINE__, #condition);                                 \
	} while (0)
void liar_fail(const char *file, int line, const char *condition) __attribute__((noreturn));

/* For cmocka. *state is a struct house whose rooms do not run, with operators and a stack "liar".
 */
int liar_setup(void **state);
int liar_teardown(void **state);

struct liar_door {
	const char *user, *answer;
	const char *service; /* NULL: "liar" */
};
/* What the next stories' judge says it has written down of the trail; zero: nothing. */
extern struct msg_anchor liar_anchor;
/*
 * Starts a vault and a judge that tells the story, and when it is ready, logs in at all doors at
 * once; codes are their PAM codes. The story's MUSTs must hold, and the vault must end by itself,
 * with 0, when the story does.
 */
void liar_play(struct house *h, void (*story)(void), const struct liar_door *doors, unsigned count,
	       int *codes);
/* After all stories: the database is what liar_setup made of it. */
void liar_nothing_stored(struct house *h);

/* --- inside a story ------------------------------------------------------------- */

struct guest {
	uint32_t id; /* of the session at the vault */
	int fd;
	int mine; /* the other end, where the story itself connected; else -1 */
	struct msg_login login;
	char code[16];
};

/* What is told to the vault differently from what a door said; zero: nothing. */
struct twist {
	const char *login, *service, *code;
	uint32_t uid;
	uint8_t kind;
	int fd; /* -1: the guest's own */
	const uint8_t *nonce;
};

extern int liar_link;         /* to the vault; ANCHOR was sent and answered */
extern struct km_msg liar_in; /* what the vault said last */

void liar_ready(void);            /* the doors may come */
void liar_accept(struct guest *); /* takes HELLO and LOGIN, says WELCOME */
/* The story connects to the listener itself, as the judge's uid. */
struct guest liar_own_guest(void);
const char *liar_ask(struct guest *); /* PROMPT and ANSWER; "" for one's own */
struct km_msg liar_open(struct guest *, const struct twist *);
km_rc liar_say(const struct km_msg *m, int pass_fd);          /* to the vault */
int liar_say_as(int fd, const struct km_msg *m, uid_t claim); /* 0, or errno */
km_rc liar_check(const struct guest *, const char *code);
km_rc liar_check_step(const struct guest *, uint8_t step, const char *code);
void liar_close(const struct guest *); /* tells the vault that it is over, and the door too */
int liar_root_listener(void);          /* that doors connect to; root made it */
unsigned liar_hear(void);              /* the number of what comes next but HEAD; 0: nothing does */
bool liar_ended(void);                 /* the vault closes the link */
bool liar_silent(void);                /* it does not, and says nothing */

/* Descriptors to pass; with `ends` the vault closes the link, else it refuses. */
extern const struct liar_end {
	const char *name;
	void (*make)(struct guest *); /* fd, and mine if something could come back */
	bool ends;
} liar_ends[];
extern const size_t liar_end_count;

/* Things that a judge must not do with its own messages. */
extern const struct liar_misdeed {
	const char *name;
	void (*act)(void);
} liar_misdeeds[];
extern const size_t liar_misdeed_count;

#endif
