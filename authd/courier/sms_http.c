/*
 * Text messages by an HTTP gateway: the life of an order. Until the first byte of a request may be
 * out, it is tried again, as long as [sms] timeout allows; from then on it is taken, refused, or
 * unknown, and never sent a second time. Asking for the delivery may be repeated: it changes
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/clock.h>
#include <kenmon/hex.h>
#include <kenmon/log.h>

#include "drivers.h"
#include "sms_http.h"

#define OUR_ID         16  /* random bytes */
#define FIRST_RETRY_MS 250 /* doubled each time */
#define LAST_RETRY_MS  4000
#define FIRST_ASK_MS   1000 /* for the delivery */
#define LAST_ASK_MS    10000
#define ASKING         32 /* such questions at the same time */

static struct sms_http *http_of(struct courier *c)
{
	return *courier_own(c, &sms_http_driver);
}

/* --- the end of a job ---------------------------------------------------------------------- */

static void drop_transfer(struct sms_job *job)
{
	if (job->transfer && job->sent)
		job->http->asking--;
	sms_transfer_free(job->http, job->transfer);
	job->transfer = NULL;
}

static void end(struct sms_job *job, enum km_order_state state, enum km_order_why why)
{
	struct courier *c = job->http->courier;
	struct courier_order *o = job->order;

	drop_transfer(job);
	sd_event_source_disable_unref(job->timer);
	*(job->before ? &job->before->next : &job->http->jobs) = job->next;
	if (job->next)
		job->next->before = job->before;
	sms_gateway_release(job->gateway);
	free(job);
	o->own = NULL;
	courier_report(c, o, state, why, NULL, 0);
}

/* --- waiting -------------------------------------------------------------------------------- */

static void attempt(struct sms_job *job);

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct sms_job *job = arg;

	(void)source;
	(void)usec;
	if (!job->waits)
		attempt(job);
	else
		end(job, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_UNREACHABLE);
	return 0;
}

static bool wake_after(struct sms_job *job, int64_t ms)
{
	return sms_timer(job->http->event, &job->timer, ms, on_timer, job);
}

static void stop_waiting(struct sms_job *job)
{
	job->waits = NULL;
	if (job->timer)
		(void)sd_event_source_set_enabled(job->timer, SD_EVENT_OFF);
}

/* first, twice as long, and so on. */
static int64_t longer(int64_t first, int64_t last, unsigned tries)
{
	int64_t ms = tries < 8 ? first << tries : last;

	return ms < last ? ms : last;
}

static void ask_later(struct sms_job *job)
{
	if (!wake_after(job, longer(FIRST_ASK_MS, LAST_ASK_MS, job->tries++)))
		end(job, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
}

/* Nothing has left: again while there is time. */
static void again(struct sms_job *job, enum km_order_why why)
{
	int64_t ms = longer(FIRST_RETRY_MS, LAST_RETRY_MS, job->tries++);

	if (job->sent)
		ask_later(job);
	else if (km_boot_ms() + ms >= job->give_up_ms || !wake_after(job, ms))
		end(job, KM_ORDER_STATE_FAILED, why);
}

/* --- one attempt ------------------------------------------------------------------------------ */

static void begin_transfer(struct sms_job *job)
{
	int64_t now_ms = km_boot_ms(), ms = job->give_up_ms - now_ms;
	km_rc rc;

	if (job->sent)
		ms = job->order->until_ms - now_ms;
	if (ms > job->gateway->timeout_ms)
		ms = job->gateway->timeout_ms;
	rc = sms_transfer_begin(job, ms > 1 ? ms : 1);
	if (rc == KM_OK) {
		job->http->asking += job->sent;
		return;
	}
	km_log(LOG_ERR, "a message cannot be handed to the HTTP gateway: %s",
	       rc == KM_EINVAL ? "number or text cannot stand where [sms] wants them"
			       : km_rc_text(rc, KM_LANG_EN));
	end(job, job->sent ? KM_ORDER_STATE_TAKEN : KM_ORDER_STATE_FAILED,
	    job->sent ? KM_ORDER_WHY_NONE : KM_ORDER_WHY_REFUSED);
}

static void attempt(struct sms_job *job)
{
	struct sms_name *name = &job->gateway->name[job->sent ? SMS_FOR_REPORT : SMS_FOR_MESSAGE];
	enum sms_name_state known;

	if (job->sent && job->http->asking >= ASKING) {
		ask_later(job);
		return;
	}
	known = sms_name_look(job->http, job->gateway, name);
	if (known == SMS_NAME_KNOWN) {
		begin_transfer(job);
		return;
	}
	if (known == SMS_NAME_ASKED && !job->sent &&
	    wake_after(job, job->give_up_ms - km_boot_ms())) {
		job->waits = name;
		return;
	}
	again(job, KM_ORDER_WHY_UNREACHABLE);
}

void sms_jobs_named(struct sms_http *http, struct sms_name *name)
{
	struct sms_job *job, *next;

	for (job = http->jobs; job; job = next) {
		next = job->next;
		if (job->waits != name)
			continue;
		stop_waiting(job);
		if (name->until_ms > 0)
			begin_transfer(job);
		else
			again(job, KM_ORDER_WHY_UNREACHABLE);
	}
}

/* --- how it went ---------------------------------------------------------------------------------
 */

static void sent(struct sms_job *job, const struct sms_judged *j)
{
	if (!job->gateway->has_delivered || !j->may_ask) {
		end(job, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
		return;
	}
	drop_transfer(job);
	job->sent = true;
	job->tries = 0;
	if (j->id[0])
		memcpy(job->id, j->id, sizeof(job->id));
	courier_report(job->http->courier, job->order, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE, NULL,
		       0);
	ask_later(job);
}

static void message_answered(struct sms_job *job)
{
	const struct sms_transfer *t = job->transfer;
	struct sms_judged j;
	long status = 0;

	if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK)
		status = 0;
	j = sms_gateway_judge(job->gateway, status, t->answer, t->kept);
	if (j.state == KM_ORDER_STATE_SENT) {
		sent(job, &j);
		return;
	}
	km_log(LOG_WARNING, "the HTTP gateway did not take a message: status %ld%s", status,
	       status / 100 == 2 ? ", and an answer that does not match [sms] success" : "");
	end(job, j.state, j.why);
}

/* Before the first byte. What another try would not change is not tried again. */
static void message_not_begun(struct sms_job *job, CURLcode code)
{
	static const struct {
		CURLcode code;
		enum km_order_why why;
		bool again;
	} rows[] = {
		{ CURLE_COULDNT_RESOLVE_HOST, KM_ORDER_WHY_UNREACHABLE, true },
		{ CURLE_COULDNT_CONNECT, KM_ORDER_WHY_UNREACHABLE, true },
		{ CURLE_OPERATION_TIMEDOUT, KM_ORDER_WHY_UNREACHABLE, true },
		{ CURLE_SSL_CONNECT_ERROR, KM_ORDER_WHY_TLS, false },
		{ CURLE_PEER_FAILED_VERIFICATION, KM_ORDER_WHY_TLS, false },
		{ CURLE_SSL_CERTPROBLEM, KM_ORDER_WHY_TLS, false },
		{ CURLE_SSL_CIPHER, KM_ORDER_WHY_TLS, false },
	};
	enum km_order_why why = KM_ORDER_WHY_UNREACHABLE;
	bool retry = false;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].code == code) {
			why = rows[i].why;
			retry = rows[i].again;
		}
	if (job->tries == 0 || !retry)
		km_log(LOG_WARNING, "the HTTP gateway is not reached: %s%s",
		       curl_easy_strerror(code), retry ? "; tried again while there is time" : "");
	drop_transfer(job);
	if (retry)
		again(job, why);
	else
		end(job, KM_ORDER_STATE_FAILED, why);
}

static void message_over(struct sms_job *job, CURLcode code)
{
	if (code == CURLE_OK) {
		message_answered(job);
	} else if (!job->transfer->begun) {
		message_not_begun(job, code);
	} else {
		km_log(LOG_WARNING, "the HTTP gateway broke off, a message may have gone out: %s",
		       job->transfer->large ? "its answer is too large" : curl_easy_strerror(code));
		end(job, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	}
}

static void report_over(struct sms_job *job, CURLcode code)
{
	const struct sms_transfer *t = job->transfer;
	long status = 0;

	if (code == CURLE_OK &&
	    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
	    sms_gateway_is_delivered(job->gateway, status, t->answer, t->kept)) {
		end(job, KM_ORDER_STATE_DELIVERED, KM_ORDER_WHY_NONE);
		return;
	}
	drop_transfer(job);
	ask_later(job);
}

void sms_job_over(struct sms_job *job, CURLcode code)
{
	if (code == CURLE_OK && !job->transfer->whole)
		code = CURLE_WEIRD_SERVER_REPLY;
	if (job->sent)
		report_over(job, code);
	else
		message_over(job, code);
}

/* --- the driver
 * ------------------------------------------------------------------------------------ */

static void http_begin(struct courier *c, struct courier_order *o)
{
	struct sms_http *http = http_of(c);
	struct sms_job *job = calloc(1, sizeof(*job));
	uint8_t id[OUR_ID];

	if (!job || km_random(id, sizeof(id)) != KM_OK) {
		free(job);
		courier_report(c, o, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_FULL, NULL, 0);
		return;
	}
	km_hex(id, sizeof(id), job->id);
	job->http = http;
	job->order = o;
	job->gateway = sms_gateway_keep(http->gateway);
	job->give_up_ms = km_boot_ms() + job->gateway->timeout_ms;
	if (job->give_up_ms > o->until_ms)
		job->give_up_ms = o->until_ms;
	job->next = http->jobs;
	if (job->next)
		job->next->before = job;
	http->jobs = job;
	o->own = job;
	attempt(job);
}

static void http_cancel(struct courier *c, struct courier_order *o, enum km_order_why why)
{
	struct sms_job *job = o->own;

	(void)c;
	if (job->sent)
		end(job, KM_ORDER_STATE_TAKEN, KM_ORDER_WHY_NONE);
	else if (job->transfer && job->transfer->begun)
		end(job, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT);
	else
		end(job, KM_ORDER_STATE_FAILED, why);
}

static void http_close(struct courier *c)
{
	struct sms_http *http = http_of(c);

	if (!http)
		return;
	*courier_own(c, &sms_http_driver) = NULL;
	sms_names_end(http);
	sms_loop_end(http);
	sms_gateway_release(http->gateway);
	free(http);
}

/* The parts that stay for good. */
static bool open_once(struct courier *c)
{
	struct sms_http *http = calloc(1, sizeof(*http));

	if (!http)
		return false;
	*courier_own(c, &sms_http_driver) = http;
	http->courier = c;
	http->event = courier_event(c);
	if (sms_curl_begin() && sms_loop_begin(http))
		return true;
	http_close(c);
	return false;
}

static km_rc http_open(struct courier *c, const struct courier_settings *s)
{
	struct sms_gateway *g = sms_gateway_new(s);

	if (!g)
		return KM_ECONF;
	if ((!http_of(c) && !open_once(c)) || !sms_names_begin(http_of(c))) {
		km_log(LOG_ERR, "libcurl or c-ares cannot start");
		sms_gateway_release(g);
		return KM_ENOMEM;
	}
	sms_gateway_release(http_of(c)->gateway);
	http_of(c)->gateway = g;
	return KM_OK;
}

static void add_path(struct courier_needs *needs, const char *path, unsigned may)
{
	if (needs->paths == COURIER_PATHS || strlen(path) >= PATH_MAX)
		return;
	memcpy(needs->path[needs->paths].path, path, strlen(path) + 1);
	needs->path[needs->paths++].may = may;
}

static void http_needs(const struct courier_settings *s, struct courier_needs *needs)
{
	const char *ca = s->conf.sms.ca_file[0] ? s->conf.sms.ca_file : SMS_CA_FILE;
	char place[PATH_MAX];

	needs->network = true;
	add_path(needs, "/etc/hosts", KM_MAY_READ);
	add_path(needs, "/etc/resolv.conf", KM_MAY_READ);
	add_path(needs, "/run/systemd/resolve", KM_MAY_READ);
	km_wall_place(ca, "", place);
	add_path(needs, place, KM_MAY_READ);
}

const struct courier_driver sms_http_driver = {
	.name = "http",
	.open = http_open,
	.needs = http_needs,
	.begin = http_begin,
	.cancel = http_cancel,
	.close = http_close,
};
