/*
 * Files of others that the courier reads: names in smstools' folders, which others write too; the
 * file with the gateway's credentials. And what it writes for smstools, of any text. The first byte
 * says which. A name that is taken is one that we gave; a credential is one line of what may stand
 * in a header, whole or not at all; a message says the same in UCS-2. Orders are in
 * courier_orders.c, requests to the process that runs the site's program in courier_runner.c.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <kenmon/log.h>

#include "../../authd/courier/courier.h"
#include "../../authd/courier/sms_http.h"
#include "../../authd/courier/spool.h"
#include "courier_acts.h"

enum act { NAME, TEXT, CREDENTIAL, ORDERS, REQUEST, ACTS };

#define SEED_OF(name, act, text)                                                                   \
	{                                                                                          \
		(name), (const uint8_t *)act text, sizeof(act text) - 1                            \
	}
#define TO "\015+819012345678" /* a number, its length in front of it */
const struct fuzz_seed fuzz_seeds[] = {
	SEED_OF("name", "\0", "0a1b\0kenmon-0a1b-1f"),
	SEED_OF("name-greatest", "\0", "0a1b\0kenmon-0a1b-ffffffffffffffff"),
	SEED_OF("name-hidden", "\0", "0a1b\0.kenmon-0a1b-1"),
	SEED_OF("name-other-way", "\0", "0a1b\0kenmon-0a1b-0x1"),
	SEED_OF("name-signs", "\0", "-\0kenmon----1"),
	SEED_OF("text", "\1", "Your code is 123456"),
	SEED_OF("text-japanese", "\1", "\xe8\xaa\x8d\xe8\xa8\xbc \xf0\xa0\xae\xb7"),
	SEED_OF("text-surrogate", "\1", "\xed\xa0\x80\xed\xb0\x80"),
	SEED_OF("text-overlong", "\1", "\xc0\xaf\xe0\x80\xaf"),
	SEED_OF("basic", "\2", "\0user:pass word\n"),
	SEED_OF("bearer", "\2", "\1abc.def\n"),
	SEED_OF("filled", "\2", "\2user:pass:word"),
	SEED_OF("two-lines", "\2", "\2user:a\nX: y\n"),
	SEED_OF("order-message", "\3", "\1\1" TO "\013code 123456\0\1\0"),
	SEED_OF("order-page", "\3", "\1\5" TO "\011a\n\nb\t\x1b[0m\0\1\0"),
	SEED_OF("order-keypad", "\3", "\2\2" TO "\0\6\0\0"),
	SEED_OF("order-keypad-many", "\3", "\2\2" TO "\0\21\0\0"),
	SEED_OF("order-spoken", "\3", "\3\3" TO "\006012345\0\1\0"),
	SEED_OF("order-spoken-text", "\3", "\3\3" TO "\00612 45x\0\1\0"),
	SEED_OF("order-late", "\3", "\4\4" TO "\0\0\1\3"),
	SEED_OF("order-lang", "\3", "\4\7" TO "\0\0\2\0"),
	SEED_OF("order-kind", "\3", "\4\010" TO "\0\0\1\0"),
	SEED_OF("order-number", "\3", "\4\6\5+8-90\0\0\1\0"),
	SEED_OF("orders-twice", "\3", "\1\4" TO "\0\0\1\0\2\6" TO "\0\0\1\0\1\4" TO "\0\0\0\0"),
	SEED_OF("request", "\4", "\1\1" TO "\013code 123456\0\0\377\377\0\0\0"),
	SEED_OF("request-kill", "\4", "\1\2" TO "\0\0\0\0\0\0\0\0"),
	SEED_OF("request-option", "\4", "\1\1\4-rf/\1a\0\0\1\1\0\0\0"),
	SEED_OF("request-no-end", "\4", "\1\1\021+8190123456789012\1a\0\0\1\1\0\0\0"),
	SEED_OF("request-kill-no-end", "\4", "\1\2\021+8190123456789012\0\0\0\1\1\0\0\0"),
	SEED_OF("request-too-long", "\4", "\1\1" TO "\1a\0\0\1\1\1\1\1\0\0"),
	SEED_OF("request-shorter", "\4", "\1\1" TO "\1a\0\0\1\1\0\0\1"),
	SEED_OF("request-longer", "\4", "\1\1" TO "\1a\0\0\1\1\0\1\0"),
	SEED_OF("request-escape", "\4", "\1\1" TO "\3a\x1b[\0\0\1\1\0\0\0"),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "kenmon-",
				   "0a1b",
				   "ffffffffffffffff",
				   "+1",
				   "0x",
				   "\xe8\xaa\x8d",
				   "\xf0\xa0\xae\xb7",
				   "+819012345678",
				   ":",
				   "\n",
				   "\r\n",
				   NULL };

/* How a gateway wants them. */
static const char *const logins[] = { "authentication = basic\n", "authentication = bearer\n",
				      "headers = X-Key: {user} {password}\n" };
#define LOGINS (sizeof(logins) / sizeof(logins[0]))

static char conf[LOGINS][128], file[128], folder_of[64];

/* A store of one authority is read sooner than all of Debian's. */
static void write_authority(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *f = fopen(path, "we");

	fuzz_check(key && cert && f && X509_set_pubkey(cert, key) &&
		       X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
		       X509_gmtime_adj(X509_getm_notAfter(cert), 1000) &&
		       X509_sign(cert, key, EVP_sha256()) && PEM_write_X509(f, cert) &&
		       fclose(f) == 0,
		   "no certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
}

void fuzz_begin(void)
{
	char ca[128], text[1024];

	courier_orders_begin();
	courier_runner_begin();
	snprintf(folder_of, sizeof(folder_of), "%s", fuzz_folder());
	snprintf(ca, sizeof(ca), "%s/ca.pem", folder_of);
	snprintf(file, sizeof(file), "%s/login", folder_of);
	write_authority(ca);
	for (size_t i = 0; i < LOGINS; i++) {
		int len = snprintf(
		    text, sizeof(text),
		    "[sms]\ngateway = http\nmethod = GET\nurl = https://gw/{number}?t={text}\n"
		    "credentials = %s\nca-file = %s\n%s",
		    file, ca, logins[i]);

		snprintf(conf[i], sizeof(conf[i]), "%s/%zu.conf", folder_of, i);
		fuzz_write_file(conf[i], text, (size_t)len);
	}
}

static char *text_of(const uint8_t *bytes, size_t len)
{
	char *text = malloc(len + 1);

	fuzz_check(text, "no memory");
	memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

/* --- smstools' folders ------------------------------------------------------------------------ */

/* tag, 0, name */
static void take_name(const uint8_t *bytes, size_t len)
{
	char *text = text_of(bytes, len), *name = text + strlen(text), again[SPOOL_NAME_MAX];
	uint64_t id = 4711;

	name += name < text + len;
	if (strlen(text) >= SPOOL_TAG_MAX)
		text[SPOOL_TAG_MAX - 1] = '\0';
	if (spool_name_parse(name, text, &id)) {
		spool_name(text, id, again);
		fuzz_check(strcmp(name, again) == 0, "%s is not what we write: %s", name, again);
		fuzz_check(spool_name_is_kenmons(name), "ours, and not kenmon's: %s", name);
	} else {
		fuzz_check(id == 4711, "a name that is not ours left something");
		spool_name(text, len, again);
		fuzz_check(spool_name_parse(again, text, &id) && id == len, "%s is not read",
			   again);
	}
	if (spool_name_is_kenmons(name))
		fuzz_check(strstr(name, "kenmon-") <= name + 1, "not kenmon's: %s", name);
	free(text);
}

/* One character's units, big-endian, as UTF-8: what it was made of. */
static size_t back(const uint8_t *units, size_t *used, uint8_t out[4])
{
	uint32_t c = (uint32_t)units[0] << 8 | units[1];

	*used = 2;
	if (c >= 0xd800 && c < 0xdc00) {
		c = 0x10000 + ((c - 0xd800) << 10) +
		    (((uint32_t)units[2] << 8 | units[3]) - 0xdc00);
		*used = 4;
	}
	if (c < 0x80) {
		out[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (uint8_t)(0xc0 | c >> 6);
		out[1] = (uint8_t)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (uint8_t)(0xe0 | c >> 12);
		out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | c >> 18);
	out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (c & 0x3f));
	return 4;
}

static void says_the_same(const struct km_secret *text, const uint8_t *body, size_t len)
{
	size_t at = 0, used;
	uint8_t one[4];

	fuzz_check(len % 2 == 0, "half a unit");
	for (size_t i = 0; i < len; i += used) {
		size_t n = back(body + i, &used, one);

		fuzz_check(i + used <= len && at + n <= text->len &&
			       memcmp(text->bytes + at, one, n) == 0,
			   "another character at %zu", at);
		at += n;
	}
	fuzz_check(at == text->len, "%zu of %zu bytes", at, (size_t)text->len);
}

static void write_text(const uint8_t *bytes, size_t size)
{
	struct courier_order *o = calloc(1, sizeof(*o));
	uint8_t *out = malloc(SPOOL_FILE_MAX);
	size_t len = 4711;

	fuzz_check(o && out, "no memory");
	snprintf(o->number, sizeof(o->number), "+819012345678");
	size = size < KM_ORDER_TEXT ? size : KM_ORDER_TEXT;
	memcpy(o->text.bytes, bytes, size);
	o->text.len = (uint16_t)size;
	if (spool_file(o, out, &len)) {
		const uint8_t *body = memmem(out, len, "\n\n", 2);

		fuzz_check(body && len <= SPOOL_FILE_MAX, "no headers, or too long");
		body += 2;
		len -= (size_t)(body - out);
		if (memmem(out, (size_t)(body - out), "UCS", 3))
			says_the_same(&o->text, body, len);
		else
			fuzz_check(len == size && memcmp(body, bytes, len) == 0, "another text");
	} else {
		fuzz_check(len == 4711, "a bad text left a length");
	}
	free(out);
	free(o);
}

/* --- credentials --------------------------------------------------------------------------------
 */

static bool is_header_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return text[len] == '\0';
}

/* It is what stood in the file, and for whom it is split, the parts are it. */
static void login_holds(const struct sms_gateway *g, size_t how)
{
	const struct sms_login *l = g->login;
	char both[COURIER_CREDENTIAL_MAX + 2];

	fuzz_check(how != 0 || strchr(l->whole.bytes, ':'), "basic without a name");
	fuzz_check(how != 1 || !strchr(l->whole.bytes, ' '), "a token of two words");
	if (how != 2)
		return;
	snprintf(both, sizeof(both), "%s%s%s", l->user, strchr(l->whole.bytes, ':') ? ":" : "",
		 l->password);
	fuzz_check(strcmp(both, l->whole.bytes) == 0, "split to other parts");
}

static void take_credential(const uint8_t *bytes, size_t len)
{
	const size_t how = len ? bytes[0] % LOGINS : 0;
	struct courier c = { .conf_path = conf[how], .conf_given = true };
	struct courier_settings *s = calloc(1, sizeof(*s));
	const unsigned open_before = fuzz_descriptors();
	struct sms_gateway *g = NULL;

	fuzz_check(s, "no memory");
	if (len) {
		bytes++;
		len--;
	}
	fuzz_write_file(file, bytes, len);
	if (courier_read(&c, s)) {
		len -= bytes[len - 1] == '\n';
		fuzz_check(s->sms.len == len && memcmp(s->sms.bytes, bytes, len) == 0,
			   "another credential");
		fuzz_check(len > 0 && is_header_text(s->sms.bytes, len), "not one line");
		g = sms_gateway_new(s);
	} else {
		fuzz_check(len == 0 || len > COURIER_CREDENTIAL_MAX ||
			       !is_header_text((char *)s->sms.bytes, s->sms.len) || s->sms.len == 0,
			   "a good one is refused");
	}
	if (g)
		login_holds(g, how);
	sms_gateway_release(g);
	fuzz_check(fuzz_descriptors() == open_before, "a descriptor is left");
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const acts[ACTS])(const uint8_t *,
					size_t) = { take_name, write_text, take_credential,
						    courier_give_orders, courier_ask_runner };

	if (size > 0)
		acts[data[0] % ACTS](data + 1, size - 1);
	return 0;
}
