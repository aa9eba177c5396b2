/*
 * An HTTP gateway for text messages: the templates of [sms] in kenmon.conf, what may stand in them,
 * and how what is filled in is escaped, for the place where it stands. Pure: no file, no network.
 */
#ifndef KENMON_SMS_H
#define KENMON_SMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/conf.h>
#include <kenmon/rc.h>

#define KM_SMS_PARTS   24   /* pieces of one template: literal text and placeholders */
#define KM_SMS_HEADERS 8    /* in [sms] headers */
#define KM_SMS_FILLED  8192 /* bytes of a template with everything filled in, at most */
#define KM_SMS_ID      64   /* bytes of a gateway's own name for a message */
#define KM_SMS_LOGIN   128  /* bytes of {user} and of {password} */
/*
 * Of an answer. One that is larger is cut off. Patterns see its beginning alone: regexec(3) takes
 * time that grows with the square of what it looks through, and the gateway chose that.
 */
#define KM_SMS_ANSWER 65536
#define KM_SMS_SEEN   4096

/* In the order of the words in conf.def. */
enum km_sms_method { KM_SMS_POST, KM_SMS_GET, KM_SMS_PUT };
enum km_sms_body { KM_SMS_BODY_JSON, KM_SMS_BODY_FORM, KM_SMS_BODY_TEXT };
enum km_sms_login { KM_SMS_LOGIN_NONE, KM_SMS_LOGIN_BASIC, KM_SMS_LOGIN_BEARER };

/* Where a template stands, which says how it is escaped. */
enum km_sms_place {
	KM_SMS_URL,    /* percent-encoding; not before the path */
	KM_SMS_HEADER, /* a field's value: printable ASCII, or it is not filled */
	KM_SMS_JSON,   /* within a string */
	KM_SMS_FORM,   /* percent-encoding */
	KM_SMS_TEXT,   /* as it is */
};

enum km_sms_value {
	KM_SMS_LITERAL,
	KM_SMS_NUMBER,   /* {number}: +819012345678 */
	KM_SMS_DIGITS,   /* {number-digits}: 819012345678 */
	KM_SMS_WORDS,    /* {text}: UTF-8 */
	KM_SMS_UCS2,     /* {text-ucs2}: UTF-16, big end first, in hexadecimal */
	KM_SMS_OUR_ID,   /* {id} */
	KM_SMS_USER,     /* {user}: of the credentials, what stands before the first ':' */
	KM_SMS_PASSWORD, /* {password}: what stands behind it, or all of them */
	KM_SMS_VALUES
};
#define KM_SMS_HAS(value) (1u << (value))

struct km_sms_part {
	uint8_t value; /* enum km_sms_value */
	uint16_t at, len;
};

/* text is not copied: it must live as long. */
struct km_sms_template {
	const char *text;
	enum km_sms_place place;
	unsigned has; /* KM_SMS_HAS bits */
	unsigned count;
	struct km_sms_part part[KM_SMS_PARTS];
};

/* What is filled in. A value that is NULL is filled in as nothing. */
struct km_sms_values {
	const char
	    *of[KM_SMS_VALUES]; /* NUMBER, WORDS, OUR_ID, USER, PASSWORD; others come of them */
};

struct km_sms_header {
	char name[64];
	struct km_sms_template value;
};

/* [sms] of one configuration. About 12 KiB. Not to be copied: templates point into it. */
struct km_sms_gateway {
	enum km_sms_method method;
	enum km_sms_body body_type;
	enum km_sms_login login;
	struct km_sms_template url, body, report_url; /* a body or report that is not: count 0 */
	unsigned headers;
	struct km_sms_header header[KM_SMS_HEADERS];
	char success[KM_CONF_LINE], delivered[KM_CONF_LINE];
	char text[3][KM_CONF_LINE]; /* what the templates point to */
	char header_text[KM_SMS_HEADERS][KM_CONF_LINE];
};

/*
 * Reads [sms] of a configuration whose gateway is http. KM_ECONF: *key is the key that is wrong,
 * why a sentence; *g is then of no use.
 */
KM_MUST_CHECK km_rc km_sms_gateway_read(const struct km_conf *conf, struct km_sms_gateway *g,
					const char **key, struct km_why *why);

/* One template. KM_ECONF: why says it; *t is untouched. */
KM_MUST_CHECK km_rc km_sms_template_read(const char *text, enum km_sms_place place,
					 struct km_sms_template *t, struct km_why *why);

/*
 * Fills it; out is NUL-terminated, and untouched where the result is not KM_OK: KM_EINVAL when a
 * value cannot stand in this place (a line feed in a header, bytes that are no UTF-8, a zero byte),
 * KM_ELIMIT when out is too small; never with KM_SMS_FILLED and values within their limits.
 */
KM_MUST_CHECK km_rc km_sms_template_fill(const struct km_sms_template *t,
					 const struct km_sms_values *values, char *out, size_t cap,
					 size_t *len);

/*
 * Is it an address of ours: https://HOST[:PORT][/…], or http:// of this machine itself; without a
 * name and password in it, without a fragment, in printable ASCII, placeholders behind the
 * first '/' after the host.
 */
bool km_sms_url_fits(const struct km_sms_template *url, struct km_why *why);

/* The host and the port of such an address; an IPv6 address without its brackets. */
KM_MUST_CHECK km_rc km_sms_url_host(const char *url, char host[256], unsigned *port);
/* Is it an address, or localhost: a host whose name nobody need be asked for? */
bool km_sms_host_is_literal(const char *host);
/* Is it this machine: localhost, 127.0.0.0/8, ::1? */
bool km_sms_host_is_loopback(const char *host);

/* JSON (RFC 8259) in which a byte 1, which stands for a placeholder, may be in strings alone? */
bool km_sms_json_fits(const char *text, struct km_why *why);

/* An extended regular expression that can be tried on what a stranger wrote. */
bool km_sms_pattern_fits(const char *pattern, struct km_why *why);

/* A name that a gateway gave a message: letters, digits and ._:@=+- of which one is no '.'. */
bool km_sms_id_fits(const char *id, size_t len);

#endif
