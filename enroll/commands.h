/* Handlers of the commands, and what several of them share. */
#ifndef KENMON_DESK_COMMANDS_H
#define KENMON_DESK_COMMANDS_H

#include <kenmon/conf.h>
#include <kenmon/order.h>

#include "args.h"
#include "line.h"
#include "out.h"
#include "purpose.h"

#define DESK_PAGE 500 /* rows asked for at once: 0.2 MB in the socket's buffer at most */

typedef int desk_handler(struct desk *d, const struct desk_args *args);

desk_handler cmd_operator_add, cmd_operator_change, cmd_operator_list, cmd_operator_show,
    cmd_operator_suspend, cmd_operator_resume, cmd_operator_rebind;
desk_handler cmd_enroll_totp, cmd_enroll_hotp, cmd_enroll_recovery_codes, cmd_enroll_fingerprint,
    cmd_enroll_phone;
desk_handler cmd_courier_test, cmd_courier_status;
desk_handler cmd_credential_list, cmd_credential_remove, cmd_resync, cmd_unlock, cmd_erase;
desk_handler cmd_audit_list, cmd_audit_verify;
desk_handler cmd_sensor_list;
desk_handler cmd_accept, cmd_config_check, cmd_status;
desk_handler cmd_consent_list, cmd_consent_show, cmd_consent_withdraw, cmd_invite;
desk_handler cmd_me_show, cmd_me_export, cmd_me_withdraw, cmd_operator_export;
desk_handler cmd_key_status, cmd_key_rotate, cmd_key_bundle, cmd_key_bundles_destroyed;
desk_handler cmd_backup, cmd_restore;
desk_handler cmd_roster_check, cmd_roster_apply, cmd_roster_list;
desk_handler cmd_due_list, cmd_due_release, cmd_transfer;
desk_handler cmd_approval_list, cmd_approval_show, cmd_approval_approve, cmd_approval_reject;
desk_handler cmd_bypass;
desk_handler cmd_report_operators, cmd_report_review, cmd_report_due, cmd_review_sign_off;
desk_handler cmd_sessions_list, cmd_sessions_end;
desk_handler cmd_certificate_list, cmd_certificate_show, cmd_certificate_verify;

/* "17:00", "2026-04-01T17:00" or "+8h" as wall seconds. KM_EUSAGE names the option. */
KM_MUST_CHECK km_rc desk_until(struct desk *d, const char *text, int64_t now, int64_t *until);

/* Operand number i into a login field of a message. */
KM_MUST_CHECK km_rc desk_login(struct desk *d, const struct desk_args *args, unsigned i,
			       char out[65]);

/* One request without rows and prompts. The rc of DONE. */
KM_MUST_CHECK km_rc desk_act(struct desk *d, struct km_msg *request, struct msg_done *done);

/* Rows that come page by page. */
struct desk_pages {
	/* Makes the request for what stands behind last (0: from the beginning); false: no more. */
	bool (*ask)(void *arg, uint64_t last, struct km_msg *request);
	/*
	 * Where a row stands; 0: it is none of these rows. Places grow, so a listing ends and no
	 * row comes twice.
	 */
	uint64_t (*place)(const struct km_msg *row);
	km_rc (*take)(struct desk *d, void *arg, const struct km_msg *row);
	km_rc (*flush)(struct desk *d, void *arg); /* behind each page; may be NULL */
	void *arg;
	FILE *f; /* where they go: when that has failed nobody reads on */
	/* set by desk_pages */
	uint64_t last, total;
	unsigned rows; /* of this page */
};
KM_MUST_CHECK km_rc desk_pages(struct desk *d, struct desk_pages *p);

/* The same as a table, or as an array of objects. The exit code. */
struct desk_listing {
	const enum desk_text *headings;
	unsigned columns;
	enum desk_text none; /* said where there is nothing */
	bool (*ask)(void *arg, uint64_t last, struct km_msg *request); /* arg is NULL */
	uint64_t (*place)(const struct km_msg *row);
	void (*cells)(const struct desk *d, struct desk_table *t, const struct km_msg *row);
	void (*json)(struct desk_json *j, const struct km_msg *row); /* its members */
};
int desk_list(struct desk *d, const struct desk_listing *l);
/* And each row is given to somebody else, too. */
int desk_list_each(struct desk *d, const struct desk_listing *l,
		   km_rc (*each)(void *arg, const struct km_msg *row), void *arg);

/* How far something is: shown at a terminal once a second has passed. */
struct desk_progress {
	int64_t began; /* boot time, ms */
	enum desk_text text;
	bool shown;
};
void desk_progress_show(struct desk *d, struct desk_progress *p, uint64_t done, uint64_t total);
/* Takes PROGRESS rows; arg is the struct. */
KM_MUST_CHECK km_rc desk_progress_row(struct desk *d, void *arg, const struct km_msg *m);
void desk_progress_end(const struct desk *d, const struct desk_progress *p);

/* Rows of credential listings; also part of 'operator show'. */
#define DESK_CREDENTIALS_MAX 64 /* the vault allows 16 to an operator */
struct desk_credentials {
	unsigned count;
	struct msg_credential_row row[DESK_CREDENTIALS_MAX];
};
KM_MUST_CHECK km_rc desk_credentials(struct desk *d, const char *login,
				     struct desk_credentials *out);
void desk_credentials_json(struct desk_json *j, const char *key, const struct desk_credentials *c);
KM_MUST_CHECK km_rc desk_credentials_table(struct desk *d, const struct desk_credentials *c);

/* Consents of one operator; the vault keeps 64 of each. */
#define DESK_CONSENTS_MAX 64
struct desk_consents {
	unsigned count;
	struct msg_consent_row row[DESK_CONSENTS_MAX];
};
KM_MUST_CHECK km_rc desk_consents(struct desk *d, const char *login, struct desk_consents *out);
void desk_consents_json(struct desk_json *j, const char *key, const struct desk_consents *c);
KM_MUST_CHECK km_rc desk_consents_table(struct desk *d, const struct desk_consents *c);

/* A purpose text that the vault keeps, and what it calls it. */
struct desk_shown {
	unsigned rows;
	uint8_t digest[32];
	int64_t first;
	struct desk_purpose purpose;
};
KM_MUST_CHECK km_rc desk_purpose_of(struct desk *d, const uint8_t digest[32],
				    struct desk_shown *out);
void desk_purpose_json(struct desk_json *j, const char *key, const struct desk_shown *s);
/* Each text that was agreed to, once. */
KM_MUST_CHECK km_rc desk_purposes(struct desk *d, const struct desk_consents *c, void *arg,
				  void (*each)(struct desk *d, void *arg,
					       const struct desk_shown *s));
/*
 * Before a finger is taken: shows the purpose text and has the operator agree to it, by a code of
 * theirs or (--consent-on-paper) on paper; not again where they have.
 */
KM_MUST_CHECK km_rc desk_agree(struct desk *d, const struct desk_args *args, const char *login);
/* Takes consent back; the exit code. */
int desk_withdraw(struct desk *d, const char *login);
/* "pts/3"; "" without one. */
void desk_terminal_name(const struct desk *d, char out[65]);

/*
 * The number of --number into a field of a message, as it was typed; without it or with "-" it is
 * asked for.
 */
KM_MUST_CHECK km_rc desk_phone_number(struct desk *d, const struct desk_args *args, char *out,
				      size_t size);

/* How a message or a call goes: a sentence for each row on standard error, with --json too. */
#define DESK_ORDER_STEPS 32 /* for --json: the states that there are, each once, and to spare */
struct desk_order {
	unsigned steps;
	struct msg_order_row step[DESK_ORDER_STEPS], last;
};
KM_MUST_CHECK km_rc desk_order_row(struct desk *d, void *arg, const struct km_msg *m);
/* "state", "why" and "steps" of an object that is open. */
void desk_order_json(struct desk_json *j, const struct desk_order *o);
const char *desk_order_state(unsigned state, enum km_lang lang);
const char *desk_order_why(unsigned why, enum km_lang lang); /* "" without one */

/* One operator: the row, as members of a JSON object, and as lines. */
KM_MUST_CHECK km_rc desk_operator_row(struct desk *d, const char *login,
				      struct msg_operator_row *out);
void desk_operator_json(struct desk_json *j, const struct msg_operator_row *r);
/* For desk_pages: all operators. */
bool desk_ask_operators(void *arg, uint64_t last, struct km_msg *request);
uint64_t desk_operator_place(const struct km_msg *row);
void desk_operator_lines(struct desk *d, const struct msg_operator_row *r);

/* For desk_pages: what is due. */
bool desk_ask_due(void *arg, uint64_t last, struct km_msg *request);
uint64_t desk_due_place(const struct km_msg *row);
/* What is not due yet, since a roster waits for a second person; "": none does. */
KM_MUST_CHECK km_rc desk_due_waits(struct desk *d, char said[DESK_WHY]);
/* Whether it waits, and for what; held: enum km_held. */
enum desk_text desk_held(uint8_t held);

/* What is asked for, by the word that JSON and the trail have for it. NULL: there is no such act.
 */
const char *desk_act_text(const char *word, enum km_lang lang);

/* Records about one operator: into a JSON array that is open (last 0: all), or as a table. */
KM_MUST_CHECK km_rc desk_audit_json(struct desk *d, struct desk_json *j, const char *login,
				    unsigned last);
KM_MUST_CHECK km_rc desk_audit_table(struct desk *d, const char *login, unsigned last);

/*
 * The configuration of --config: a file that is named must be there, the usual one need not. What
 * is wrong with it, and where, is said in d.
 */
KM_MUST_CHECK km_rc desk_conf(struct desk *d, const struct desk_args *args, struct km_conf *conf);

/* A request that is answered by rows of a status. */
int desk_show_status(struct desk *d, struct km_msg *request, const char *key);

/* What the desk itself finds on this machine. */
struct desk_finding {
	const char *key;
	bool found;
	char text[DESK_WHY];
};
#define DESK_FINDINGS 5
void desk_findings(const struct desk *d, struct desk_finding out[DESK_FINDINGS]);
/* Accounts that log in without a second factor where a stack exempts this group. */
#define DESK_EXEMPT_GROUP "kenmon-exempt"
KM_MUST_CHECK km_rc desk_each_exempt(km_rc (*see)(void *arg, const char *account, bool primary),
				     void *arg);
bool desk_fprintd_runs(const struct desk *d);

#define DESK_NODE 24 /* "/dev/bus/usb/001/004" */
#define DESK_COMM 17 /* 15 characters, by the kernel's TASK_COMM_LEN, and a line feed */

/*
 * Device nodes of readers: those that udev gave to the sensor's group. libfprint
 * does not tell which of them a reader's is.
 */
#define DESK_NODES_MAX 16
struct desk_nodes {
	unsigned count;
	char node[DESK_NODES_MAX][DESK_NODE];
};
void desk_find_nodes(const struct desk *d, gid_t group, struct desk_nodes *out);

/* Processes that have a device node open, but for our own sensor. Without root only one's own. */
#define DESK_HOLDERS_MAX 8 /* a reader is opened by one or two */
struct desk_holders {
	unsigned count;
	struct desk_holder {
		long pid;
		char comm[DESK_COMM];
	} holder[DESK_HOLDERS_MAX];
};
void desk_find_holders(const struct desk *d, const char *node, struct desk_holders *out);

#endif
