/*
 * C10: templates of HTTP gateways, and answers of gateways. A template that is taken fills with any
 * values to something of the same skeleton, or not at all; an answer that is judged leaves a name
 * that can stand in an address, or none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/log.h>
#include <kenmon/sms.h>

#include "../../authd/courier/sms_http.h"
#include "fuzz.h"

enum act { TEMPLATE, ADDRESS, JSON, PATTERN, ANSWER, ACTS };

#define SEED_OF(name, act, text)                                                                   \
	{                                                                                          \
		(name), (const uint8_t *)act text, sizeof(act text) - 1                            \
	}
const struct fuzz_seed fuzz_seeds[] = {
	SEED_OF("url", "\0", "\0https://gw/a/{number}?t={text}&i={id}\0a b&c=d#e\n"),
	SEED_OF("header", "\0", "\1{user}; {text-ucs2}\0\xe8\xaa\x8d\xf0\xa0\xae\xb7"),
	SEED_OF("header-broken", "\0", "\1x {text}\0a\r\nX: y"),
	SEED_OF("json", "\0", "\2{\"to\": [\"{number}\"], \"t\": \"<{text}>\"}\0\"\\\n"),
	SEED_OF("form", "\0", "\3to={number-digits}&p={password}\0&="),
	SEED_OF("text", "\0", "\4{}{{1}{text}\0{text}"),
	SEED_OF("address", "\1", "https://[2001:db8::1]:8443/x%20y?z=1"),
	SEED_OF("address-user", "\1", "https://a:b@gw/"),
	SEED_OF("address-loopback", "\1", "http://127.0.0.1:13013/cgi-bin/sendsms"),
	SEED_OF("nested", "\2", "[[{\"a\": [-0.5e+3, true, null, \"\\u00e9\\n\"]}]]"),
	SEED_OF("pattern", "\3", "\"id\": *\"([^]\"]{1,64})\""),
	SEED_OF("pattern-reference", "\3", "(a)\\1[[:alpha:]]{9,99}"),
	SEED_OF("answer", "\4", "\0\310{\"status\": \"ok\", \"id\": \"SM-1\"}"),
	SEED_OF("answer-bad-name", "\4", "\0\310{\"id\": \"../../x\"}"),
	SEED_OF("answer-kannel", "\4", "\1\3120: Accepted for delivery"),
	SEED_OF("answer-refused", "\4", "\2\221no"),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "{number}", "{number-digits}", "{text}",     "{text-ucs2}",
				   "{id}",     "{user}",          "{password}", "https://",
				   "http://",  "localhost",       "127.0.0.1",  "[::1]",
				   "\\u0000",  "[:alpha:]",       "{1,9}",      "\"id\": \"",
				   NULL };

#define GATEWAYS 3
static const char *const successes[GATEWAYS] = { "\"id\": *\"([^\"]*)\"", "^[03]: (.*)", "" };
static struct sms_gateway gateway[GATEWAYS];

void fuzz_begin(void)
{
	for (size_t i = 0; i < GATEWAYS; i++) {
		struct sms_gateway *g = &gateway[i];

		g->has_success = successes[i][0] != '\0';
		fuzz_check(!g->has_success || regcomp(&g->success, successes[i], REG_EXTENDED) == 0,
			   "no pattern");
		g->has_delivered = true;
		fuzz_check(regcomp(&g->delivered, "(a*)*delivered|x+y", REG_EXTENDED) == 0,
			   "no pattern");
	}
}

static unsigned count(const char *text, const char *of)
{
	unsigned n = 0;

	for (; *text; text++)
		n += strchr(of, *text) != NULL;
	return n;
}

/* What a reader of this place would take for the end of something. */
static const char *const marks[] = {
	[KM_SMS_URL] = "/?&=#; \"\n<>\\", [KM_SMS_HEADER] = "\r\n", [KM_SMS_JSON] = "\n\1\2\x1f",
	[KM_SMS_FORM] = "&=+ \n#",        [KM_SMS_TEXT] = "\1\x1b",
};

static unsigned strings_of(const char *json)
{
	unsigned quotes = 0;

	for (; *json; json++) {
		quotes += *json == '"';
		json += *json == '\\' && json[1];
	}
	return quotes;
}

static void fill(const struct km_sms_template *t, const char *text)
{
	const struct km_sms_values nothing = { .of = { NULL } };
	const struct km_sms_values values = { .of = { [KM_SMS_NUMBER] = "+819012345678",
						      [KM_SMS_WORDS] = text,
						      [KM_SMS_OUR_ID] = "0a1b",
						      [KM_SMS_USER] = "u",
						      [KM_SMS_PASSWORD] = "p" } };
	static char empty[KM_SMS_FILLED], full[KM_SMS_FILLED];
	size_t len = 0;
	struct km_why why;
	km_rc rc;

	fuzz_check(km_sms_template_fill(t, &nothing, empty, sizeof(empty), &len) == KM_OK &&
		       len == strlen(empty),
		   "it does not fill with nothing");
	rc = km_sms_template_fill(t, &values, full, sizeof(full), &len);
	fuzz_check(rc == KM_OK || rc == KM_EINVAL, "rc %d", rc);
	if (rc != KM_OK)
		return;
	fuzz_check(len == strlen(full), "a zero byte");
	if (t->place != KM_SMS_TEXT)
		fuzz_check(count(full, marks[t->place]) == count(empty, marks[t->place]),
			   "a value broke out: %s", full);
	if (t->place != KM_SMS_JSON)
		return;
	fuzz_check(km_sms_json_fits(full, &why), "no JSON any more: %s", full);
	fuzz_check(strings_of(full) == strings_of(empty), "another string: %s", full);
}

/* place, template, 0, text */
static void template(const uint8_t *bytes, size_t len)
{
	char *both = malloc(len + 2), *text;
	struct km_why why = { 0 };
	struct km_sms_template t;
	enum km_sms_place place = len ? (enum km_sms_place)(bytes[0] % (KM_SMS_TEXT + 1)) : 0;

	fuzz_check(both, "no memory");
	memset(both, 0, len + 2);
	if (len > 1)
		memcpy(both, bytes + 1, len - 1);
	text = both + strlen(both) + 1;
	if (text > both + len)
		text = both + len;
	if (strlen(text) > 256)
		text[256] = '\0';
	if (km_sms_template_read(both, place, &t, &why) == KM_OK)
		fill(&t, text);
	else
		fuzz_check(why.text[0] && strlen(why.text) < sizeof(why.text), "no reason");
	free(both);
}

/* Ours and libcurl's see the same host and port. */
static void address(const char *text)
{
	struct km_why why;
	char host[256], expected[300], *theirs = NULL, *scheme = NULL, *port = NULL;
	struct km_sms_template t;
	unsigned number;
	CURLU *u;

	if (km_sms_template_read(text, KM_SMS_URL, &t, &why) != KM_OK || t.has != 1)
		return;
	fuzz_check(km_sms_url_host(text, host, &number) == KM_OK, "no host");
	u = curl_url();
	fuzz_check(u && curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
		       curl_url_get(u, CURLUPART_HOST, &theirs, 0) == CURLUE_OK &&
		       curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		       curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK,
		   "libcurl refuses %s", text);
	snprintf(expected, sizeof(expected), strchr(host, ':') ? "[%s]" : "%s", host);
	fuzz_check(strcasecmp(theirs, expected) == 0 || strchr(host, ':'), "host %s, %s", theirs,
		   expected);
	fuzz_check(strtoul(port, NULL, 10) == number, "port %s, %u", port, number);
	fuzz_check(strcmp(scheme, "https") == 0 || km_sms_host_is_loopback(host), "in the clear");
	curl_free(theirs);
	curl_free(scheme);
	curl_free(port);
	curl_url_cleanup(u);
}

/* gateway, status / 2, answer */
static void answer(struct fuzz_in *in)
{
	const struct sms_gateway *g = &gateway[fuzz_u8(in) % GATEWAYS];
	long status = fuzz_u8(in);
	char text[KM_SMS_SEEN + 1];
	size_t len = in->left < KM_SMS_SEEN ? in->left : KM_SMS_SEEN;
	struct sms_judged j;

	memcpy(text, in->at, len);
	text[len] = '\0';
	status = status >= 200 && status < 255 ? status : status * 4;
	j = sms_gateway_judge(g, status, text, len);
	fuzz_check(j.state == KM_ORDER_STATE_SENT || j.state == KM_ORDER_STATE_FAILED ||
		       j.state == KM_ORDER_STATE_UNKNOWN,
		   "state %d", j.state);
	fuzz_check(j.state != KM_ORDER_STATE_SENT || (status >= 200 && status <= 299),
		   "status %ld is a success", status);
	fuzz_check(!j.id[0] || km_sms_id_fits(j.id, strlen(j.id)), "a name: %s", j.id);
	if (memchr(text, 0, len))
		fuzz_check(!g->has_success || j.state != KM_ORDER_STATE_SENT, "a zero byte");
	(void)sms_gateway_is_delivered(g, status, text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	enum act what = fuzz_u8(&in) % ACTS;
	struct km_why why;
	char *text;

	if (what == TEMPLATE || what == ANSWER) {
		if (what == TEMPLATE)
			template(in.at, in.left);
		else
			answer(&in);
		return 0;
	}
	text = malloc(in.left + 1);
	fuzz_check(text, "no memory");
	memcpy(text, in.at, in.left);
	text[in.left] = '\0';
	if (what == ADDRESS)
		address(text);
	else if (what == JSON)
		(void)km_sms_json_fits(text, &why);
	else if (in.left <
		 64) /* a longer one is more memory of regcomp(3), and no other code of ours */
		(void)km_sms_pattern_fits(text, &why);
	free(text);
	return 0;
}
