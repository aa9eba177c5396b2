/* [sms] of the configuration, as a whole: its templates, and whether they fit each other. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <kenmon/sms.h>

struct reading {
	const struct km_conf *conf;
	struct km_sms_gateway *g;
	const char *key;
	struct km_why *why;
	unsigned has; /* in what is sent */
};

/* SAYS(r, "headers", HEADERS_MANY): which key is wrong, and how. */
#define SAYS(r, its_key, NAME) ((r)->key = (its_key), KM_WHY((r)->why, NAME))

static bool read_template(struct reading *r, const char *key, const char *text, char *kept,
			  enum km_sms_place place, struct km_sms_template *t)
{
	r->key = key;
	snprintf(kept, KM_CONF_LINE, "%s", text);
	return km_sms_template_read(kept, place, t, r->why) == KM_OK;
}

/* --- headers ------------------------------------------------------------------------- */

#define TOKEN                                                                                      \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~" /* RFC     \
											   9110 */

/* What libcurl writes itself, or what would change where a request ends. */
static const char *const ours[] = { "Host",       "Content-Length", "Transfer-Encoding",
				    "Connection", "Expect",         "TE",
				    "Trailer",    "Upgrade",        "Keep-Alive" };

static bool name_fits(struct reading *r, const char *name)
{
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strcasecmp(name, ours[i]) == 0) {
			r->key = "headers";
			return KM_WHY(r->why, HEADER_OURS, name);
		}
	if (strncasecmp(name, "Proxy-", 6) == 0)
		return SAYS(r, "headers", HEADER_PROXY);
	if (strcasecmp(name, "Authorization") == 0 && r->g->login != KM_SMS_LOGIN_NONE)
		return SAYS(r, "headers", HEADER_LOGIN);
	for (unsigned i = 0; i < r->g->headers; i++)
		if (strcasecmp(name, r->g->header[i].name) == 0)
			return SAYS(r, "headers", HEADER_TWICE);
	return true;
}

/* "Name: value" of len bytes. */
static bool read_header(struct reading *r, const char *text, size_t len)
{
	struct km_sms_gateway *g = r->g;
	struct km_sms_header *h = &g->header[g->headers];
	size_t name = strspn(text, TOKEN), value = name + 1;
	char line[KM_CONF_LINE];

	if (name == 0 || name >= len || text[name] != ':')
		return SAYS(r, "headers", HEADER_FORM);
	if (g->headers == KM_SMS_HEADERS)
		return SAYS(r, "headers", HEADERS_MANY);
	if (name >= sizeof(h->name))
		return SAYS(r, "headers", HEADER_LONG);
	snprintf(h->name, sizeof(h->name), "%.*s", (int)name, text);
	while (value < len && text[value] == ' ')
		value++;
	while (len > value && text[len - 1] == ' ')
		len--;
	if (len == value)
		return SAYS(r, "headers", HEADER_EMPTY);
	snprintf(line, sizeof(line), "%.*s", (int)(len - value), text + value);
	if (!name_fits(r, h->name) || !read_template(r, "headers", line, g->header_text[g->headers],
						     KM_SMS_HEADER, &h->value))
		return false;
	r->has |= h->value.has;
	g->headers++;
	return true;
}

static bool read_headers(struct reading *r)
{
	const char *text = r->conf->sms.headers;

	for (text += strspn(text, " ;"); *text; text += strspn(text, " ;")) {
		size_t len = strcspn(text, ";");

		if (!read_header(r, text, len))
			return false;
		text += len;
	}
	return true;
}

/* --- the request ---------------------------------------------------------------------- */

static bool read_request(struct reading *r)
{
	static const enum km_sms_place place[] = { [KM_SMS_BODY_JSON] = KM_SMS_JSON,
						   [KM_SMS_BODY_FORM] = KM_SMS_FORM,
						   [KM_SMS_BODY_TEXT] = KM_SMS_TEXT };
	struct km_sms_gateway *g = r->g;

	if (!r->conf->sms.url[0])
		return SAYS(r, "url", URL_NEEDED);
	if (!read_template(r, "url", r->conf->sms.url, g->text[0], KM_SMS_URL, &g->url))
		return false;
	r->has = g->url.has;
	if (!read_headers(r))
		return false;
	if (!r->conf->sms.body[0])
		return true;
	if (g->method == KM_SMS_GET)
		return SAYS(r, "body", BODY_GET);
	if (!read_template(r, "body", r->conf->sms.body, g->text[1], place[g->body_type], &g->body))
		return false;
	r->has |= g->body.has;
	return true;
}

#define HAS_NUMBER (KM_SMS_HAS(KM_SMS_NUMBER) | KM_SMS_HAS(KM_SMS_DIGITS))
#define HAS_TEXT   (KM_SMS_HAS(KM_SMS_WORDS) | KM_SMS_HAS(KM_SMS_UCS2))
#define HAS_LOGIN  (KM_SMS_HAS(KM_SMS_USER) | KM_SMS_HAS(KM_SMS_PASSWORD))

static bool request_is_whole(struct reading *r)
{
	const char *key = r->conf->sms.body[0] ? "body" : "url";

	if (!(r->has & HAS_NUMBER))
		return SAYS(r, key, NUMBER_NEEDED);
	if (!(r->has & HAS_TEXT))
		return SAYS(r, key, TEXT_NEEDED);
	if (r->conf->sms.credentials[0])
		return true;
	if (r->g->login != KM_SMS_LOGIN_NONE)
		return SAYS(r, "authentication", LOGIN_NEEDED);
	if ((r->has | r->g->report_url.has) & HAS_LOGIN)
		return SAYS(r, "credentials", CREDENTIALS_NEEDED);
	return true;
}

/* --- the answers ---------------------------------------------------------------------- */

static bool read_pattern(struct reading *r, const char *key, const char *pattern,
			 char kept[KM_CONF_LINE])
{
	r->key = key;
	snprintf(kept, KM_CONF_LINE, "%s", pattern);
	return !pattern[0] || km_sms_pattern_fits(pattern, r->why);
}

static bool read_answers(struct reading *r)
{
	struct km_sms_gateway *g = r->g;
	bool report = r->conf->sms.report_url[0] != '\0';

	if (!read_pattern(r, "success", r->conf->sms.success, g->success) ||
	    !read_pattern(r, "delivered", r->conf->sms.delivered, g->delivered))
		return false;
	if (report != (g->delivered[0] != '\0'))
		return SAYS(r, report ? "report-url" : "delivered", REPORT_BOTH);
	if (!report)
		return true;
	if (!read_template(r, "report-url", r->conf->sms.report_url, g->text[2], KM_SMS_URL,
			   &g->report_url))
		return false;
	if (g->report_url.has & HAS_TEXT)
		return SAYS(r, "report-url", REPORT_TEXT);
	return true;
}

km_rc km_sms_gateway_read(const struct km_conf *conf, struct km_sms_gateway *g, const char **key,
			  struct km_why *why)
{
	struct reading r = { .conf = conf, .g = g, .key = "url", .why = why };
	bool good;

	memset(g, 0, sizeof(*g));
	g->method = (enum km_sms_method)conf->sms.method;
	g->body_type = (enum km_sms_body)conf->sms.body_type;
	g->login = (enum km_sms_login)conf->sms.authentication;
	good = read_request(&r) && read_answers(&r) && request_is_whole(&r);
	*key = r.key;
	return good ? KM_OK : KM_ECONF;
}
