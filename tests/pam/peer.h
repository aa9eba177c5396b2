/*
 * The two sides of a login in these tests: a daemon that says what the test wants (a forked
 * process that stamps with its own uid), and a program that logs in through real libpam with a
 * stack in a folder of its own.
 */
#ifndef KENMON_TEST_PEER_H
#define KENMON_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <security/pam_appl.h>

#include <kenmon/verdict.h>
#include <kenmon/wire.h>

#define CODE     "123456"
#define PASSWORD "correct horse"

/* --- the daemon ------------------------------------------------------------ */

struct peer;
typedef void (*peer_serve)(struct peer *p);

/* What one connection is about; the daemon's side of it. */
struct peer {
	int fd;
	struct msg_login login; /* as it came */
	struct peer_shared *shared;
};

/* Seen by both processes. */
struct peer_shared {
	peer_serve serve;
	int where, what;        /* the test's own: a place and a value */
	int said_all;           /* the daemon has sent what the person should have waited for */
	uint8_t nonce[32];      /* of the last LOGIN */
	struct msg_login login; /* the last one */
	unsigned connections, answers, aborts, allows, unsent;
	uint8_t abort_reason;
	char answer[8][KM_SECRET_MAX + 1];
};

/* Greets, reads HELLO and LOGIN, sends WELCOME. False: the door did not speak. */
bool peer_greet(struct peer *p);
bool peer_hear(struct peer *p); /* HELLO and LOGIN only */
void peer_send(struct peer *p, const struct km_msg *m);
void peer_send_bytes(struct peer *p, const void *bytes, size_t len);
void peer_welcome(struct peer *p);
void peer_prompt(struct peer *p, unsigned shape);
void peer_info(struct peer *p, const char *text, bool error);
/* The next ANSWER: true when it is CODE. False on anything else; ABORT is counted. */
bool peer_answer(struct peer *p);
struct km_msg peer_result(const struct peer *p, unsigned verdict, unsigned reason, uint32_t wait);
void peer_send_result(struct peer *p, unsigned verdict, unsigned reason, uint32_t wait);

/* As kenmon does it: three tries for a code; accounts and sessions are allowed. */
void serve_honestly(struct peer *p);

/* --- the stage: folder, daemon, stack -------------------------------------- */

#define STAGE_ANSWERS 8

/* What the person does, and what they saw. */
struct person {
	const char *answer[STAGE_ANSWERS]; /* NULL: the conversation gives no answer */
	unsigned prompts;
	char shown[4096]; /* every text, one a line, "?", "!" or "." before it */
	int fail_at;      /* the conversation fails at this prompt (1 …); 0: never */
	bool no_array;    /* it succeeds and sets nothing */
	void (*hook)(struct person *who, pam_handle_t *pamh); /* before each answer */
	pam_handle_t *pamh;
	struct stage *stage;
	int seen; /* the hook's own */
};

/* A hook: types only after the daemon has said everything (said_all). */
void person_is_slow(struct person *who, pam_handle_t *pamh);

struct stage {
	char dir[64];
	char socket[96];
	char module[4096]; /* absolute path of pam_kenmon.so */
	char password_module[4096];
	char spy[4096];
	const char *user; /* an account that exists: the one we run as */
	unsigned uid;
	int daemon;
	struct peer_shared *shared;
	struct person person;
};

/* cmocka fixtures: *state is a struct stage *. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* Before each test: an honest daemon, a person who types CODE, a plain stack. */
int stage_reset(void **state);

void stage_daemon_stop(struct stage *s);
void stage_daemon_start(struct stage *s);

/* options are added to socket= daemon-user= timeout=. */
void stage_stack(struct stage *s, const char *options);
/* The whole file; %M stands for the module with its usual options, %S the same behind the
 * spy, %P for the password module. */
void stage_file(struct stage *s, const char *text);
pam_handle_t *stage_begin(struct stage *s, const char *user);
/* begin, authenticate, end. */
int stage_login(struct stage *s);
/* The same and the account check. Both codes. */
struct outcome {
	int auth, acct;
};
struct outcome stage_login_and_account(struct stage *s);

/* Whether text was shown, with the mark that tells its style. */
bool person_saw(const struct person *p, const char *text);

/* Path of something built: BUILD (default build) and name, absolute. */
void built_path(const char *name, char *out, size_t cap);

/* --- what was logged (syslog of libpam and the module) --------------------- */

void logged_clear(void);
bool logged(const char *text);

#endif
