/*
 * A house for the system tests: the real rooms, started by kenmon-authd --spawn
 * on a state folder of their own under /tmp, with real libpam and the real desk
 * in front of them. Nothing of the machine outside that folder is touched.
 *
 * Functions that return bool say on standard error what went wrong. Paths and
 * texts live as long as the house, results until their _free.
 */
#ifndef KENMON_TESTS_HOUSE_H
#define KENMON_TESTS_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOUSE_PATH     256
#define HOUSE_TALK     16            /* prompts and messages of one login that are kept */
#define HOUSE_TEXT     700           /* of one of them */
#define HOUSE_BASE_UID 61500         /* of --separate-uids: where Debian gives no uid to anybody */
#define HOUSE_SERVICE  "kenmon-test" /* the PAM service that every house has */
#define HOUSE_START_MS 20000 /* a house that takes longer (valgrind, a busy machine) is broken */

struct house;

struct house_setup {
	const char *config;       /* text of kenmon.conf; NULL: no file, every default */
	bool separate_uids;       /* root only: each room under a uid of its own */
	const char *const *extra; /* more arguments of kenmon-authd, ended by NULL; may be NULL */
	bool (*furnish)(
	    const struct house *h); /* what must be there before the rooms; may be NULL */
};

struct house {
	char dir[HOUSE_PATH];    /* mode 0711: another uid reaches socket and programs */
	char bin[HOUSE_PATH];    /* the programs; as root a copy that every uid can read */
	char state[HOUSE_PATH];  /* --state-dir */
	char socket[HOUSE_PATH]; /* --socket */
	char config[HOUSE_PATH]; /* "" without one */
	char log[HOUSE_PATH];    /* what the rooms wrote to standard error */
	char pam[HOUSE_PATH];    /* stacks for pam_start_confdir */
	uid_t vault_uid;         /* daemon-user= of the stacks */
	struct house_setup setup;
	bool quiet; /* a start that fails is what the test is about: it says nothing */
	pid_t pid;  /* kenmon-authd --spawn; 0: not running */
};

/* Makes a house and waits until it is ready. setup may be NULL. */
bool house_start(struct house *h, const struct house_setup *setup);
/* Stops the rooms (SIGTERM) and waits for them; the folder stays. True: exit code 0. */
bool house_stop(struct house *h);
/* Starts the rooms of a stopped house again, on the same folder. */
bool house_again(struct house *h);
/* Stops, if need be, and removes the folder. A zeroed house is allowed. */
void house_end(struct house *h);

/* The folder with the programs: BUILD, or two above the test program (build/tests/system/x). */
bool house_programs(char out[HOUSE_PATH]);

/* --- rooms ---------------------------------------------------------------- */

/* Process of a room ("kenmon-authd": the judge, "kenmon-vault"); 0: none now. */
pid_t house_room(const struct house *h, const char *name);
/* Sends a signal to a room. */
bool house_kill_room(const struct house *h, const char *name, int signal);
/* Waits until a room runs as another process than old (0: any). 0 when it does not come. */
pid_t house_wait_room(const struct house *h, const char *name, pid_t old);
/* Resident memory of a process, in KiB; 0 when it is gone. */
size_t house_resident(pid_t pid);
/* All that the rooms have written so far; free() it. */
char *house_log(const struct house *h);
/* How much that is by now. */
long house_log_size(const struct house *h);
/* Waits until the log holds the text; behind so many bytes of it. */
bool house_wait_log(const struct house *h, const char *text);
bool house_wait_log_after(const struct house *h, long from, const char *text);
/*
 * Does any file under the house (databases, logs of databases, keys, text logs)
 * hold these bytes? The path of the first goes to where (may be NULL).
 */
bool house_holds(const struct house *h, const void *bytes, size_t len, char where[HOUSE_PATH]);
/* The same of the digits of a code; but hex, as the judge's anchors are, may hold any. */
bool house_holds_code(const struct house *h, const char *digits, char where[HOUSE_PATH]);

/* --- other programs ------------------------------------------------------- */

struct house_out {
	int status; /* exit code; 128 + signal; -1: not started */
	char *out, *err;
	size_t out_len, err_len;
};
void house_out_free(struct house_out *o);

/* Runs a program to its end, under a uid (-1: ours). input may be NULL. Returns the status. */
int house_run(struct house_out *o, int64_t uid, const char *input, const char *const argv[]);
/* kenmon --socket … --daemon-user … with these arguments (ended by NULL). Returns the exit code. o
 * may be NULL. */
int house_desk(const struct house *h, struct house_out *o, const char *input, ...)
    __attribute__((sentinel));
/* The same under another uid. */
int house_desk_as(const struct house *h, int64_t uid, struct house_out *o, const char *input, ...)
    __attribute__((sentinel));

/*
 * Codes, from oathtool. secret is base32. mode is "sha1", "sha256", "sha512".
 * offset is in seconds from now. The code is in out, "" on failure.
 */
void house_totp_of(char out[16], const char *secret, const char *mode, unsigned digits,
		   long offset);
void house_totp(char out[16], const char *secret, long offset); /* sha1, 6 digits */
void house_hotp(char out[16], const char *secret, unsigned digits, uint64_t counter);
/* Waits until a TOTP step of 30 s has at least so many seconds left. */
void house_quiet_step(unsigned seconds);

/* --- logins, through libpam ----------------------------------------------- */

/*
 * Writes a stack. KENMON stands for the module with socket= and daemon-user=
 * of this house: house_stack(h, "one", "auth required KENMON timeout=5\n").
 */
bool house_stack(const struct house *h, const char *service, const char *text);

struct house_login {
	/* what to do */
	const char *service; /* NULL: HOUSE_SERVICE */
	const char *user;
	const char *tty, *rhost, *ruser; /* may be NULL */
	const char *const *answers; /* to the prompts in order, ended by NULL; then PAM_CONV_ERR */
	bool account, session;      /* also ask these, after a good authenticate */
	bool (*before_answer)(void *arg, unsigned prompt); /* may be NULL; false: PAM_CONV_ERR */
	void *arg;
	void (*on_message)(void *arg, const char *text); /* may be NULL */
	void *message_arg;
	/* what happened */
	int code;                       /* the first that was not PAM_SUCCESS, or PAM_SUCCESS */
	int auth, acct, opened, closed; /* -1: not asked */
	unsigned prompts, messages;
	char prompt[HOUSE_TALK][HOUSE_TEXT];
	char message[HOUSE_TALK][HOUSE_TEXT];
	int prompt_style[HOUSE_TALK], message_style[HOUSE_TALK];
	char final_user[65]; /* PAM_USER at the end */
};
/* One login. Returns l->code. */
int house_login(const struct house *h, struct house_login *l);
/*
 * One login with one answer on the usual stack. Returns the PAM code; where the
 * service allows a second try nobody answers it, so a wrong code is PAM_CONV_ERR
 * unless the configuration says tries = 1.
 */
int house_try(const struct house *h, const char *user, const char *code);
/* The same in a process of its own, under a uid (-1: ours). -1: that process died. */
int house_try_as(const struct house *h, int64_t uid, const char *user, const char *code);
/*
 * n processes log in, wait at their prompt for each other, and give the same answer at one instant.
 * codes (n of them, or NULL) are their PAM codes. Returns how many got in, -1: the race failed.
 */
int house_race(const struct house *h, const char *user, const char *code, unsigned n, int *codes);

/* This build is for sanitizers or coverage: rooms have no walls, and there is nothing to show. */
extern const bool built_open;

#endif
