/*
 * The configuration: one file and its drop-ins, read and checked whole before
 * anything of it is used. Every key has a default, so no file is needed.
 */
#ifndef KENMON_CONF_H
#define KENMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/conf_fault.h>
#include <kenmon/rc.h>
#include <kenmon/texts.h>

#define KM_CONF_PATH     "/etc/kenmon/kenmon.conf"
#define KM_CONF_TEXT     64
#define KM_CONF_LINE     512 /* of a TEXT */
#define KM_CONF_KEY      32  /* bytes of a public key, Ed25519 (RFC 8032) or X25519 (RFC 7748) */
#define KM_CONF_STEPS    4   /* a person is not asked more than four things in a row */
#define KM_CONF_NAMES    32
#define KM_CONF_SERVICES 64           /* sections [service NAME] */
#define KM_CONF_BYTES    (256 * 1024) /* of one file */

/* Steps of a login; each is a set of factors (KM_FACTOR_BIT) that answer one prompt. */
struct km_steps {
	unsigned count;
	uint32_t factors[KM_CONF_STEPS];
};

struct km_names {
	unsigned count;
	char name[KM_CONF_NAMES][KM_CONF_TEXT];
};

struct km_conf_login {
	struct km_steps factors;
	unsigned tries;
	unsigned deadline; /* seconds */
	bool finger_first;
};

struct km_conf_service {
	char name[KM_CONF_TEXT];
	struct km_conf_login login;
};

struct km_conf_lockout {
	unsigned after, first_wait, longest_wait, disable_at;
};

struct km_conf_key {
	bool set;
	uint8_t bytes[KM_CONF_KEY];
};

struct km_conf {
	struct km_conf_login login;
	struct km_conf_lockout lockout;
	struct {
		unsigned look_ahead;
	} hotp;
	unsigned finger_timeout; /* seconds */
	bool allow_virtual;
	struct km_names local_services;
	unsigned audit_refusals; /* a minute and source */
	unsigned audit_keep;     /* months; 0: for ever */
	unsigned
	    erasure_epoch_delay; /* seconds from what is destroyed to the closing of the epoch */
	enum km_lang language;
	char time_zone[KM_CONF_TEXT];
	bool approval_required;
	unsigned approval_expires; /* days */
	struct {
		unsigned registrar, approver, auditor, officer;
	} role_group; /* gid; 0: none is asked for */
	char consent_purpose[KM_CONF_LINE];
	struct {
		unsigned uid;
		char departments[KM_CONF_LINE], other_departments[KM_CONF_LINE];
		struct km_conf_key key;
		unsigned missing_wait; /* days */
	} roster;
	struct {
		char employee_number[KM_CONF_LINE], login[KM_CONF_LINE], name[KM_CONF_LINE],
		    department[KM_CONF_LINE], role[KM_CONF_LINE], valid_from[KM_CONF_LINE],
		    valid_until[KM_CONF_LINE], status[KM_CONF_LINE], mobile[KM_CONF_LINE],
		    landline[KM_CONF_LINE];
	} roster_column;
	struct {
		unsigned suspend_after, erase_after; /* days on which the vault ran */
	} unused;
	unsigned review_interval; /* days */
	bool erasure_end_sessions;
	struct km_conf_key backup_escrow_key;
	struct {
		unsigned digits, expires; /* seconds */
		char country[KM_CONF_LINE], prefixes[KM_CONF_LINE], barred[KM_CONF_LINE];
		unsigned operator_hour, operator_day, number_hour, number_day, site_hour, site_day;
		unsigned alarm_ratio;
	} phone;
	struct {
		unsigned gateway;                           /* enum km_gateway */
		unsigned method, body_type, authentication; /* places among the words of conf.def */
		char url[KM_CONF_LINE], headers[KM_CONF_LINE], body[KM_CONF_LINE],
		    credentials[KM_CONF_LINE], ca_file[KM_CONF_LINE], success[KM_CONF_LINE],
		    report_url[KM_CONF_LINE], delivered[KM_CONF_LINE], spool[KM_CONF_LINE],
		    program[KM_CONF_LINE];
		unsigned timeout; /* seconds */
		unsigned at_once;
	} sms;
	struct {
		unsigned mode, transport, media; /* enum km_voice, km_sip_transport, km_sip_media */
		char server[KM_CONF_LINE], domain[KM_CONF_LINE], caller[KM_CONF_LINE],
		    realm[KM_CONF_LINE], credentials[KM_CONF_LINE], ca_file[KM_CONF_LINE],
		    prompts[KM_CONF_LINE];
		unsigned ring; /* seconds */
		unsigned at_once;
	} voice;
	unsigned service_count;
	struct km_conf_service service[KM_CONF_SERVICES];
};

/* One thing that is wrong: where, what, and what to do. */
struct km_conf_error {
	char path[256];
	int line;       /* 0: the file as a whole */
	char text[512]; /* in English */
	struct km_fault fault;
	struct km_fault why; /* the fault whose sentence is the last value of that one; or NONE */
};

void km_conf_defaults(struct km_conf *conf);

/*
 * Reads path and, in lexical order, path + ".d" / *.conf. A missing file is no
 * error unless must_exist. On any error *conf is untouched, *error says the
 * first one, and the result is KM_ECONF, KM_EIO or KM_ENOMEM.
 */
KM_MUST_CHECK km_rc km_conf_read(const char *path, bool must_exist, struct km_conf *conf,
				 struct km_conf_error *error);

/* The settings of a PAM service: its own section, or [login]. Never NULL. */
const struct km_conf_login *km_conf_login_of(const struct km_conf *conf, const char *service);

bool km_conf_is_local(const struct km_conf *conf, const char *service);

/* Calls back for every key of the table with its value as text; for 'config check' and tests. */
void km_conf_each(const struct km_conf *conf,
		  void (*take)(void *arg, const char *section, const char *key, const char *value),
		  void *arg);

#endif
