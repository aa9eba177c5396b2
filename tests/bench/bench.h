/*
 * What the benches share. A bench measures ours and what it is compared with
 * in turn, round by round in one run (a flush to the same disk can take 50 µs
 * or 4 ms), and reports medians and ratios. Nothing here is a test: a target
 * that is not met is printed, and `make bench` ends with success.
 */
#ifndef KENMON_TESTS_BENCH_H
#define KENMON_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../system/house.h"

/* --- time ----------------------------------------------------------------- */

double now_us(void);
/* How busy all processors are while we do nothing for so long: 0 to 1. */
double busy_share(unsigned ms);

/* Numbers of one kind, in the order they came. */
struct series {
	double *value;
	size_t count, cap;
};
void series_add(struct series *s, double value);
double series_at(struct series *s, double share); /* share 0.5: the median; sorts. 0: empty */
double median(struct series *s);
void series_free(struct series *s);

/* --- the table ------------------------------------------------------------ */

enum row_met { ROW_SHOWN, ROW_MET, ROW_NOT_MET, ROW_FAILED };

struct row {
	char figure[56], value[24], beside[56], ratio[16], target[32];
	enum row_met met;
};
/* Keeps a row for the end. */
void row_add(const struct row *r);
/* A figure that could not be measured; the run ends with failure. */
void row_failed(const char *figure, const char *why);
/* Prints every row; false when something could not be measured. doubtful: others were at work. */
bool rows_print(bool doubtful);
/* The most memory that a room had resident, in MiB, as a row. */
void memory_row(const struct house *h, const char *room, const char *what, unsigned most);
/* A line of /proc/PID/status ("VmHWM:"), in KiB; 0: it is not there. */
double status_kib(pid_t pid, const char *name);
/* What the bench is doing now, for who waits. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* text(out, "%.0f µs", x) into a field of a row. */
void text(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define TEXT(field, ...) text(field, sizeof(field), __VA_ARGS__)

/* --- operators and codes -------------------------------------------------- */

#define BENCH_SEED 20

/* One HOTP token. Its seed is made from its number: it guards nothing. */
struct token {
	char login[32];
	unsigned number;
	uint64_t counter; /* of the next code */
};
void token_seed(unsigned number, uint8_t seed[BENCH_SEED]);
void token_code(const struct token *t, char code[16]); /* of t->counter */

struct km_person; /* kenmon/store.h */

/* An operator to register. */
struct registration {
	char login[32];
	uint32_t uid;
	unsigned number; /* of the token */
	bool enrolled, suspended;
	const struct km_person *person; /* NULL: made up from login and number */
	int64_t valid_from;             /* a day; 0: always */
};
/*
 * Registers operators straight into the state folder of a stopped house, through the vault's own
 * store, a thousand to a flush.
 */
bool bench_register(const struct house *h, size_t count,
		    void (*describe)(size_t i, struct registration *out));

/* Writes audit records the same way, with a seal on each thousandth. */
bool bench_records(const struct house *h, size_t count);

/* Accounts that exist only for this process and its children; the door looks each up in NSS. */
#define ACCOUNT_ONE     "kmb-one"
#define ACCOUNT_FLIGHTS 64
#define ACCOUNT_UID     62000
#define ACCOUNT_KINDS   4    /* known, unknown, unenrolled, suspended */
#define ACCOUNT_EACH    1000 /* of the 2,000 refusals of a kind each has two */
void account_flight(unsigned i, char out[32]);
uint32_t account_flight_uid(unsigned i);
void account_kind(unsigned kind, unsigned i, char out[32]);
uint32_t account_kind_uid(unsigned kind, unsigned i);
/* Puts them behind /etc/passwd, in a mount namespace of our own. False: said why. */
bool accounts_make(void);

/* --- logins --------------------------------------------------------------- */

struct attempt {
	const char *confdir, *service, *user, *rhost; /* rhost may be NULL */
	const char *code;
	void (*at_prompt)(void *arg); /* before the first answer; may be NULL */
	void *arg;
	/* what happened */
	int result; /* PAM code */
	unsigned prompts;
	double prompt, answer; /* µs since the start: first prompt, and the answer given */
	double whole;          /* µs, from pam_start to pam_end */
};
/* pam_start_confdir, pam_authenticate, pam_end. Answers once. Returns the PAM code. */
int attempt_login(struct attempt *a);
/* One HOTP login that must succeed, and moves the token. False: it did not. */
bool token_login(const char *confdir, const char *service, struct token *t, double *us);

/* --- peers ---------------------------------------------------------------- */

#define SERVICE_OURS   "bench-kenmon"
#define SERVICE_OATH   "bench-oath"
#define SERVICE_GOOGLE "bench-google"
#define SERVICE_PERMIT "bench-permit"

/* Writes the stacks of ours and of the peers into h->pam, and the peers' state beside it. */
bool peers_make(const struct house *h);
/* A fresh state file of each, with the token at its counter. */
bool oath_write(const struct house *h, const struct token *t);
bool google_write(const struct house *h, const struct token *t);

/* --- the floor: floor.c, ledger.c ------------------------------------------ */

enum bare_kind {
	BARE_LOG,      /* a record at the end of a file */
	BARE_DATABASE, /* a counter and a record in SQLite */
};

/* Two relays where judge and vault would be. */
struct bare {
	char socket[HOUSE_PATH + 16];
	pid_t relay[2];
};
bool bare_start(struct bare *b, const char *dir, enum bare_kind kind);
void bare_end(struct bare *b); /* of a zeroed one, too */
/* A login that decides nothing: pam_permit, our messages, one record on the disk. us may be NULL.
 */
bool bare_login(const struct bare *b, const char *confdir, const char *user, double *us);

/* What the second relay writes, for the process that opened it. */
#define LEDGER_CLIENTS 1024
enum ledger_statement {
	LEDGER_BEGIN,
	LEDGER_MOVE,
	LEDGER_RECORD,
	LEDGER_COMMIT,
	LEDGER_STATEMENTS
};
struct sqlite3_stmt;
struct ledger {
	enum bare_kind kind;
	int file;
	off_t at;
	struct sqlite3_stmt *statement[LEDGER_STATEMENTS];
};
bool ledger_open(struct ledger *l, const char *dir, enum bare_kind kind); /* false: said why */
/* Durable when it returns. */
bool ledger_write(struct ledger *l, const int *client, unsigned count);

/* --- the benches ---------------------------------------------------------- */

/* The houses: one operator; 100,000 operators; a few of each kind, who are refused. */
#define BENCH_MANY 100000
struct benches {
	struct house one, many, refused;
	struct token in_one, in_many; /* ACCOUNT_ONE in both */
	struct token flight[ACCOUNT_FLIGHTS];
	unsigned roster; /* rows of the roster */
};
void bench_login(struct benches *b);
void bench_flight(struct benches *b);
void bench_race(struct benches *b);
void bench_size(struct benches *b);
void bench_refused(struct benches *b);
void bench_finger(struct benches *b); /* in a house of its own; b is not looked at */
void bench_calls(struct benches *b);  /* with a courier alone */
void bench_roster(struct benches *b); /* in a house of its own, too */
void bench_phone(struct benches *b);  /* and so is this one */
void bench_trail(struct benches *b); /* the last: the house of one operator has a long trail then */

#endif
