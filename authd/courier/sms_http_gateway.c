/* An HTTP gateway as it is configured, with what its files hold; and what its answers mean. */
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include <kenmon/log.h>

#include "sms_http.h"

/* --- made and let go ------------------------------------------------------------------------- */

/* NAME:PASSWORD; without a ':' all of it is the password. */
static bool read_login(struct sms_gateway *g, const struct courier_credential *c)
{
	const char *colon = memchr(c->bytes, ':', c->len);
	const char *password = colon ? colon + 1 : c->bytes;
	size_t user = colon ? (size_t)(colon - c->bytes) : 0;
	unsigned has = g->set.url.has | g->set.body.has | g->set.report_url.has;

	g->login->whole = *c;
	for (unsigned i = 0; i < g->set.headers; i++)
		has |= g->set.header[i].value.has;
	if (!(has & (KM_SMS_HAS(KM_SMS_USER) | KM_SMS_HAS(KM_SMS_PASSWORD))))
		return true;
	if (c->len == 0 || user > KM_SMS_LOGIN || strlen(password) > KM_SMS_LOGIN) {
		km_log(LOG_ERR, "[sms] credentials: {user} and {password} must have 1 to %d bytes",
		       KM_SMS_LOGIN);
		return false;
	}
	memcpy(g->login->user, c->bytes, user);
	memcpy(g->login->password, password, strlen(password) + 1);
	return true;
}

static bool login_fits(const struct sms_gateway *g)
{
	const struct courier_credential *c = &g->login->whole;

	if (g->set.login == KM_SMS_LOGIN_BASIC && !memchr(c->bytes, ':', c->len)) {
		km_log(LOG_ERR, "[sms] credentials: must be NAME:PASSWORD for basic");
		return false;
	}
	if (g->set.login == KM_SMS_LOGIN_BEARER && (c->len == 0 || strchr(c->bytes, ' '))) {
		km_log(LOG_ERR, "[sms] credentials: must be one token for bearer");
		return false;
	}
	return true;
}

/* Whoever is named there is believed, an intermediate or the gateway's own certificate too. */
static X509_STORE *read_trust(const char *path)
{
	X509_STORE *store = X509_STORE_new();

	if (store && X509_STORE_load_file(store, path) == 1 &&
	    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1)
		return store;
	km_log(LOG_ERR, "[sms] ca-file: no certificates can be read there");
	X509_STORE_free(store);
	return NULL;
}

static bool compile(regex_t *re, const char *pattern, bool *has)
{
	*has = pattern[0] != '\0' && regcomp(re, pattern, REG_EXTENDED) == 0;
	return *has || !pattern[0];
}

static bool fill(struct sms_gateway *g, const struct courier_settings *s)
{
	const char *ca = s->conf.sms.ca_file[0] ? s->conf.sms.ca_file : SMS_CA_FILE;
	const char *key = "";
	struct km_why why;

	if (km_sms_gateway_read(&s->conf, &g->set, &key, &why) != KM_OK) {
		km_log(LOG_ERR, "[sms] %s: %s", key, why.text);
		return false;
	}
	sms_name_set(&g->name[SMS_FOR_MESSAGE], g->set.url.text);
	if (g->set.report_url.count)
		sms_name_set(&g->name[SMS_FOR_REPORT], g->set.report_url.text);
	g->timeout_ms = (int64_t)s->conf.sms.timeout * 1000;
	if (!compile(&g->success, g->set.success, &g->has_success) ||
	    !compile(&g->delivered, g->set.delivered, &g->has_delivered) ||
	    !read_login(g, &s->sms) || !login_fits(g))
		return false;
	g->trust = read_trust(ca);
	return g->trust != NULL;
}

struct sms_gateway *sms_gateway_new(const struct courier_settings *s)
{
	struct sms_gateway *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->users = 1;
	g->login = km_locked_new(sizeof(*g->login));
	if (g->login && fill(g, s))
		return g;
	sms_gateway_release(g);
	return NULL;
}

struct sms_gateway *sms_gateway_keep(struct sms_gateway *g)
{
	g->users++;
	return g;
}

void sms_gateway_release(struct sms_gateway *g)
{
	if (!g || --g->users > 0)
		return;
	if (g->has_success)
		regfree(&g->success);
	if (g->has_delivered)
		regfree(&g->delivered);
	X509_STORE_free(g->trust);
	km_locked_free(g->login, sizeof(*g->login));
	free(g);
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* A zero byte in it: it says nothing. */
static bool matches(const regex_t *re, const char *answer, size_t len, regmatch_t *group)
{
	regmatch_t match[2] = { { 0, 0 }, { -1, -1 } };

	if (memchr(answer, '\0', len) || regexec(re, answer, 2, match, 0) != 0)
		return false;
	*group = match[1];
	return true;
}

static void take_id(const struct sms_gateway *g, const char *answer, const regmatch_t *group,
		    struct sms_judged *j)
{
	size_t len = group->rm_so >= 0 ? (size_t)(group->rm_eo - group->rm_so) : 0;

	j->may_ask = g->success.re_nsub == 0 || !g->has_success ||
		     (group->rm_so >= 0 && km_sms_id_fits(answer + group->rm_so, len));
	if (j->may_ask && g->has_success && g->success.re_nsub > 0) {
		memcpy(j->id, answer + group->rm_so, len);
		j->id[len] = '\0';
	}
}

/* Rows in order; the first whose range holds the status counts. */
static const struct {
	long from, to;
	enum km_order_state state;
	enum km_order_why why;
} meanings[] = {
	{ 401, 401, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
	{ 403, 403, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
	{ 407, 407, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_CREDENTIALS },
	{ 400, 499, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
	{ 503, 503, KM_ORDER_STATE_FAILED, KM_ORDER_WHY_REFUSED },
	/* Whoever stands behind it may have the message. */
	{ 500, 599, KM_ORDER_STATE_UNKNOWN, KM_ORDER_WHY_CUT },
};

struct sms_judged sms_gateway_judge(const struct sms_gateway *g, long status, const char *answer,
				    size_t len)
{
	struct sms_judged j = { .state = KM_ORDER_STATE_FAILED, .why = KM_ORDER_WHY_ANSWER };
	regmatch_t group = { -1, -1 };

	if (status >= 200 && status <= 299) {
		if (g->has_success && !matches(&g->success, answer, len, &group))
			return j;
		j.state = KM_ORDER_STATE_SENT;
		j.why = KM_ORDER_WHY_NONE;
		take_id(g, answer, &group, &j);
		return j;
	}
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (status >= meanings[i].from && status <= meanings[i].to) {
			j.state = meanings[i].state;
			j.why = meanings[i].why;
			return j;
		}
	return j; /* 3xx, which is not followed, and numbers that mean nothing */
}

bool sms_gateway_is_delivered(const struct sms_gateway *g, long status, const char *answer,
			      size_t len)
{
	regmatch_t group;

	return status >= 200 && status <= 299 && g->has_delivered &&
	       matches(&g->delivered, answer, len, &group);
}
