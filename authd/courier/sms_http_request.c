/*
 * One request: what libcurl may and may not do. Its own memory is wiped when it lets go of it, for
 * it copies addresses, headers and bodies.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/log.h>

#include "sms_http.h"
#include "tls_name.h"

#define CONNECT_MS 5000 /* for one connection with its handshake; then another try */

/* --- memory ------------------------------------------------------------------------------------
 */

static void wiping_free(void *p)
{
	if (p)
		km_wipe(p, malloc_usable_size(p));
	free(p);
}

static void *wiping_realloc(void *p, size_t size)
{
	size_t old = p ? malloc_usable_size(p) : 0;
	void *moved = malloc(size ? size : 1);

	if (!moved)
		return NULL;
	if (p)
		memcpy(moved, p, old < size ? old : size);
	wiping_free(p);
	return moved;
}

bool sms_curl_begin(void)
{
	static bool begun;
	const curl_version_info_data *v;

	if (begun)
		return true;
	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc, strdup,
				 calloc) != CURLE_OK)
		return false;
	v = curl_version_info(CURLVERSION_NOW);
	/* The store of certificates is OpenSSL's: another library would not see it. */
	begun = v->ssl_version && strncmp(v->ssl_version, "OpenSSL/", 8) == 0;
	return begun;
}

/* --- what libcurl asks us ------------------------------------------------------------------------
 */

/* Called when a connection stands and before each request goes out: there is one. */
static int before_request(void *arg, char *ip, char *local, int port, int local_port)
{
	struct sms_transfer *t = arg;

	(void)ip;
	(void)local;
	(void)port;
	(void)local_port;
	if (t->begun)
		return CURL_PREREQFUNC_ABORT;
	t->begun = true;
	return CURL_PREREQFUNC_OK;
}

static bool counts(struct sms_transfer *t, size_t n)
{
	t->seen += n;
	t->large = t->seen > KM_SMS_ANSWER;
	return !t->large;
}

/* libcurl counts a header that is broken off as a whole one: its end is the empty line. */
static size_t take_header(char *bytes, size_t size, size_t n, void *arg)
{
	struct sms_transfer *t = arg;
	size_t len = size * n;

	if (len <= 2 && (len == 0 || bytes[len - 1] == '\n'))
		t->whole = true;
	else if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
		t->whole = false;
	return counts(t, len) ? len : 0;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct sms_transfer *t = arg;
	size_t len = size * n, room = KM_SMS_SEEN - t->kept;

	if (!counts(t, len))
		return 0;
	memcpy(t->answer + t->kept, bytes, len < room ? len : room);
	t->kept += len < room ? len : room;
	t->answer[t->kept] = '\0';
	return len;
}

static struct sms_name *name_of(const struct sms_transfer *t)
{
	return &t->job->gateway->name[t->job->sent ? SMS_FOR_REPORT : SMS_FOR_MESSAGE];
}

/*
 * libcurl takes the common name for the host's where a certificate has no subjectAltName. So the
 * name is checked before, by OpenSSL, which does not.
 */
static CURLcode set_trust(CURL *easy, void *context, void *arg)
{
	const struct sms_transfer *t = arg;
	const struct sms_name *name = name_of(t);
	const bool is_address = name->literal && strcmp(name->host, "localhost") != 0;

	(void)easy;
	SSL_CTX_set1_cert_store(context, t->job->gateway->trust);
	return courier_tls_expect(context, name->host, is_address) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* --- what it is told
 * ------------------------------------------------------------------------------- */

/* One connection for each request: a request on one that the gateway has just closed would have to
 * be sent twice, or be unknown. */
static const struct {
	CURLoption option;
	long value;
} numbers[] = {
	{ CURLOPT_FRESH_CONNECT, 1 },
	{ CURLOPT_FORBID_REUSE, 1 },
	{ CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
	{ CURLOPT_HTTP09_ALLOWED, 0 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_SSL_SESSIONID_CACHE, 0 },
	{ CURLOPT_SSL_ENABLE_ALPN, 0 },
	{ CURLOPT_PATH_AS_IS, 1 },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_DNS_CACHE_TIMEOUT, -1 },
	{ CURLOPT_BUFFERSIZE, CURL_MAX_WRITE_SIZE },
};

/* No proxy from the environment; no certificates but those of our store. */
static const struct {
	CURLoption option;
	const char *value;
} texts[] = {
	{ CURLOPT_PROXY, "" },    { CURLOPT_NOPROXY, "*" },        { CURLOPT_CAINFO, NULL },
	{ CURLOPT_CAPATH, NULL }, { CURLOPT_USERAGENT, "kenmon" },
};

static bool set_rules(struct sms_transfer *t, int64_t ms)
{
	CURL *e = t->easy;
	bool good = true;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		good = good && curl_easy_setopt(e, numbers[i].option, numbers[i].value) == CURLE_OK;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		good = good && curl_easy_setopt(e, texts[i].option, texts[i].value) == CURLE_OK;
	return good && curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)ms) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
				(long)(ms < CONNECT_MS ? ms : CONNECT_MS)) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PRIVATE, t->job) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PREREQDATA, t) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, set_trust) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, t) == CURLE_OK;
}

/* Longer than any template that is filled in, with a header's name before it. */
struct scratch {
	char text[KM_SMS_FILLED + 80];
};

static void scratch_wipe(struct scratch *s)
{
	km_wipe(s, sizeof(*s));
}

static struct km_sms_values values_of(const struct sms_job *job, char words[KM_SECRET_MAX + 1])
{
	const struct courier_order *o = job->order;
	const struct sms_login *login = job->gateway->login;

	memcpy(words, o->text.bytes, o->text.len);
	words[o->text.len] = '\0';
	return (struct km_sms_values){ .of = { [KM_SMS_NUMBER] = o->number,
					       [KM_SMS_WORDS] = words,
					       [KM_SMS_OUR_ID] = job->id,
					       [KM_SMS_USER] = login->user,
					       [KM_SMS_PASSWORD] = login->password } };
}

static km_rc set_url(struct sms_transfer *t, const struct km_sms_template *url,
		     const struct km_sms_values *values)
{
	struct sms_name *name = name_of(t);
	struct scratch s __attribute__((cleanup(scratch_wipe)));
	size_t len;
	km_rc rc = km_sms_template_fill(url, values, s.text, sizeof(s.text), &len);
	bool tls;

	if (rc != KM_OK)
		return rc;
	tls = strncmp(s.text, "https:", 6) == 0;
	if (!name->literal) {
		t->resolve = curl_slist_append(NULL, name->resolve);
		if (!t->resolve ||
		    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve) != CURLE_OK)
			return KM_ENOMEM;
	}
	if (curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http") != CURLE_OK ||
	    curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, "https") != CURLE_OK ||
	    curl_easy_setopt(t->easy, CURLOPT_URL, s.text) != CURLE_OK)
		return KM_ENOMEM;
	return KM_OK;
}

static bool add_header(struct sms_transfer *t, const char *line)
{
	struct curl_slist *longer = curl_slist_append(t->headers, line);

	if (longer)
		t->headers = longer;
	return longer != NULL;
}

static bool has_header(const struct km_sms_gateway *g, const char *name)
{
	for (unsigned i = 0; i < g->headers; i++)
		if (strcasecmp(g->header[i].name, name) == 0)
			return true;
	return false;
}

static km_rc set_headers(struct sms_transfer *t, const struct km_sms_values *values)
{
	static const char *const types[] = {
		[KM_SMS_BODY_JSON] = "Content-Type: application/json",
		[KM_SMS_BODY_FORM] = "Content-Type: application/x-www-form-urlencoded",
		[KM_SMS_BODY_TEXT] = "Content-Type: text/plain; charset=utf-8",
	};
	const struct km_sms_gateway *g = &t->job->gateway->set;
	struct scratch s __attribute__((cleanup(scratch_wipe)));

	for (unsigned i = 0; i < g->headers; i++) {
		size_t name = strlen(g->header[i].name), len;
		km_rc rc;

		memcpy(s.text, g->header[i].name, name);
		memcpy(s.text + name, ": ", 3);
		rc = km_sms_template_fill(&g->header[i].value, values, s.text + name + 2,
					  sizeof(s.text) - name - 2, &len);
		if (rc != KM_OK)
			return rc;
		if (!add_header(t, s.text))
			return KM_ENOMEM;
	}
	if (!add_header(t, "Expect:") ||
	    (!t->job->sent && g->body.count && !has_header(g, "Content-Type") &&
	     !add_header(t, types[g->body_type])) ||
	    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK)
		return KM_ENOMEM;
	return KM_OK;
}

static km_rc set_body(struct sms_transfer *t, const struct km_sms_values *values)
{
	const struct km_sms_gateway *g = &t->job->gateway->set;
	struct scratch s __attribute__((cleanup(scratch_wipe)));
	size_t len;
	km_rc rc;

	if (t->job->sent || g->method == KM_SMS_GET)
		return KM_OK;
	rc = km_sms_template_fill(&g->body, values, s.text, sizeof(s.text), &len);
	if (rc != KM_OK)
		return rc;
	if (curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long)len) != CURLE_OK ||
	    curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, s.text) != CURLE_OK ||
	    (g->method == KM_SMS_PUT &&
	     curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, "PUT") != CURLE_OK))
		return KM_ENOMEM;
	return KM_OK;
}

static km_rc set_login(struct sms_transfer *t)
{
	const struct sms_gateway *g = t->job->gateway;
	CURLcode code = CURLE_OK;

	if (g->set.login == KM_SMS_LOGIN_BASIC) {
		code = curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		if (code == CURLE_OK)
			code = curl_easy_setopt(t->easy, CURLOPT_USERPWD, g->login->whole.bytes);
	} else if (g->set.login == KM_SMS_LOGIN_BEARER) {
		code = curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		if (code == CURLE_OK)
			code = curl_easy_setopt(t->easy, CURLOPT_XOAUTH2_BEARER,
						g->login->whole.bytes);
	}
	return code == CURLE_OK ? KM_OK : KM_ENOMEM;
}

static km_rc set_request(struct sms_transfer *t, int64_t ms)
{
	const struct km_sms_gateway *g = &t->job->gateway->set;
	char words[KM_SECRET_MAX + 1];
	const struct km_sms_values values = values_of(t->job, words);
	km_rc rc = set_rules(t, ms) ? KM_OK : KM_ENOMEM;

	if (rc == KM_OK)
		rc = set_url(t, t->job->sent ? &g->report_url : &g->url, &values);
	if (rc == KM_OK)
		rc = set_headers(t, &values);
	if (rc == KM_OK)
		rc = set_body(t, &values);
	if (rc == KM_OK)
		rc = set_login(t);
	km_wipe(words, sizeof(words));
	return rc;
}

km_rc sms_transfer_begin(struct sms_job *job, int64_t ms)
{
	struct sms_transfer *t = calloc(1, sizeof(*t));
	km_rc rc = KM_ENOMEM;

	if (!t)
		return KM_ENOMEM;
	t->job = job;
	t->easy = curl_easy_init();
	if (t->easy)
		rc = set_request(t, ms);
	if (rc == KM_OK && curl_multi_add_handle(job->http->multi, t->easy) != CURLM_OK)
		rc = KM_ENOMEM;
	if (rc == KM_OK)
		job->transfer = t;
	else
		sms_transfer_free(job->http, t);
	return rc;
}

void sms_transfer_free(struct sms_http *http, struct sms_transfer *t)
{
	if (!t)
		return;
	if (t->easy) {
		(void)curl_multi_remove_handle(http->multi, t->easy);
		curl_easy_cleanup(t->easy);
	}
	curl_slist_free_all(t->headers);
	curl_slist_free_all(t->resolve);
	km_wipe(t, sizeof(*t));
	free(t);
}
