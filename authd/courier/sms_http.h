/*
 * The driver for HTTP gateways, inside. One job is one order; one transfer is one request of it:
 * the message, or later the question whether it was delivered. Orders under way keep the gateway
 * that they were begun with, whatever a reload brings.
 */
#ifndef KENMON_COURIER_SMS_HTTP_H
#define KENMON_COURIER_SMS_HTTP_H

#include <regex.h>

#include <ares.h>
#include <curl/curl.h>
#include <openssl/ssl.h>

#include <kenmon/sms.h>

#include "driver.h"

#define SMS_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

#define SMS_WATCHES 16

struct sms_http;
struct sms_transfer;

/* --- names (sms_http_names.c) -------------------------------------------------------------- */

struct sms_name {
	char host[256];
	unsigned port;
	bool literal;      /* an address, or localhost: nobody is asked */
	bool asked;        /* an answer is to come */
	int64_t until_ms;  /* what is in resolve is good until then */
	char resolve[768]; /* as CURLOPT_RESOLVE takes it */
};

enum sms_name_state { SMS_NAME_FAILED, SMS_NAME_KNOWN, SMS_NAME_ASKED };

/* --- a gateway as it is configured (sms_http_gateway.c) -------------------------------------- */

enum { SMS_FOR_MESSAGE, SMS_FOR_REPORT, SMS_PURPOSES };

/* What proves to a gateway who we are; in locked memory. */
struct sms_login {
	struct courier_credential whole;
	char user[KM_SMS_LOGIN + 1], password[KM_SMS_LOGIN + 1];
};

struct sms_gateway {
	unsigned users; /* the driver, and each job */
	struct km_sms_gateway set;
	bool has_success, has_delivered;
	regex_t success, delivered;
	X509_STORE *trust;
	struct sms_login *login;
	struct sms_name name[SMS_PURPOSES];
	int64_t timeout_ms;
};

/* Reads files. NULL: it is in the log. */
struct sms_gateway *sms_gateway_new(const struct courier_settings *s);
struct sms_gateway *sms_gateway_keep(struct sms_gateway *g);
void sms_gateway_release(struct sms_gateway *g); /* NULL is allowed */

/* What a whole answer to a message means. */
struct sms_judged {
	enum km_order_state state; /* SENT stands for SENT and TAKEN */
	enum km_order_why why;
	bool may_ask;           /* whether it was delivered, by id */
	char id[KM_SMS_ID + 1]; /* which the gateway gave; empty: ours */
};
struct sms_judged sms_gateway_judge(const struct sms_gateway *g, long status, const char *answer,
				    size_t len);
bool sms_gateway_is_delivered(const struct sms_gateway *g, long status, const char *answer,
			      size_t len);

/* --- jobs (sms_http.c) ------------------------------------------------------------------------ */

struct sms_job {
	struct sms_job *next, *before;
	struct sms_http *http;
	struct courier_order *order;
	struct sms_gateway *gateway;
	bool sent; /* a gateway has it */
	unsigned tries;
	int64_t give_up_ms;
	char id[KM_SMS_ID + 1]; /* ours, then the gateway's */
	struct sms_name *waits; /* for this name */
	sd_event_source *timer;
	struct sms_transfer *transfer;
};

struct sms_http {
	struct courier *courier;
	sd_event *event;
	struct sms_gateway *gateway; /* of new orders */
	struct sms_job *jobs;
	unsigned asking; /* transfers that ask for a delivery */
	CURLM *multi;
	sd_event_source *multi_timer;
	ares_channel names;
	struct sms_watch {
		int fd;
		sd_event_source *source;
	} watch[SMS_WATCHES]; /* c-ares' sockets */
	sd_event_source *names_timer;
	bool in_names; /* c-ares has been called: what it says at once is not news */
};

/* A transfer has ended. */
void sms_job_over(struct sms_job *job, CURLcode code);
/* A name is known, or is not. */
void sms_jobs_named(struct sms_http *http, struct sms_name *name);

/* --- transfers (sms_http_request.c) -------------------------------------------------------------
 */

struct sms_transfer {
	CURL *easy;
	struct curl_slist *headers, *resolve;
	struct sms_job *job;
	bool begun; /* the first byte of a request may be out */
	bool large; /* the answer was, and was cut off */
	bool whole; /* its header was */
	size_t seen, kept;
	char answer[KM_SMS_SEEN + 1];
};

/* Before any of it: once. */
KM_MUST_CHECK bool sms_curl_begin(void);

/*
 * Begins a request, of the message or of its delivery, which ends by itself after so many ms.
 * KM_EINVAL: number or text cannot stand where the templates want them. It is in job->transfer
 * then, until sms_transfer_free.
 */
KM_MUST_CHECK km_rc sms_transfer_begin(struct sms_job *job, int64_t ms);
void sms_transfer_free(struct sms_http *http, struct sms_transfer *t); /* NULL is allowed */

/* --- the loop (sms_http_loop.c) ------------------------------------------------------------------
 */

KM_MUST_CHECK bool sms_loop_begin(struct sms_http *http);
void sms_loop_end(struct sms_http *http);

/* --- names again
 * ---------------------------------------------------------------------------------- */

/* Reads resolv.conf, anew where there was a channel. */
KM_MUST_CHECK bool sms_names_begin(struct sms_http *http);
void sms_names_end(struct sms_http *http);

void sms_name_set(struct sms_name *name, const char *url);
enum sms_name_state sms_name_look(struct sms_http *http, struct sms_gateway *g,
				  struct sms_name *name);

/* One timer in milliseconds from now; *source is made at its first use. */
KM_MUST_CHECK bool sms_timer(sd_event *event, sd_event_source **source, int64_t ms,
			     sd_event_time_handler_t handler, void *arg);

#endif
