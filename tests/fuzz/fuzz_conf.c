/*
 * The configuration, drop-ins included: parts of the input, 0xff between them, are kenmon.conf and
 * the files of kenmon.conf.d. A bad one leaves the old configuration and says where; of a good one
 * what is printed reads back as the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <kenmon/conf.h>
#include <kenmon/log.h>

#include "fuzz.h"

#define PARTS   4
#define PRINTED 65536

const struct fuzz_seed fuzz_seeds[] = {
	SEED_TEXT("empty", "\n"),
	SEED_TEXT("login", "[login]\nfactors = totp+hotp recovery\ntries = 3\ndeadline = 90\n"),
	SEED_TEXT("lockout", "[lockout]\nafter = 5\nfirst-wait = 30\nlongest-wait = 3600\n"
			     "disable-at = 100\n[hotp]\nlook-ahead = 10\n[audit]\nrefusals = 20\n"),
	SEED_TEXT("site",
		  "# words\n[site]\nlanguage = ja\ntime-zone = Asia/Tokyo\n"
		  "[local]\nservices = gdm-password xscreensaver\n[approval]\nrequired = no\n"),
	SEED_TEXT("service",
		  "[service sshd]\nfactors = totp\ntries = 1\n[service sudo]\ntries=2\n"),
	SEED_TEXT("drop-ins", "[login]\ntries = 2\n\xff[login]\ntries = 4\n\xff[service su]\n"
			      "deadline = 60\n\xff; nothing\n"),
	SEED_TEXT("twice", "[login]\ntries = 2\ntries = 3\n"),
	SEED_TEXT("no-section", "tries = 2\n"),
	SEED_TEXT("mark", "\xef\xbb\xbf[login]\r\ntries = 2\r\n  tries\n = \n[x\n"),
	SEED_TEXT("number", "[login]\ntries = 99999999999999999999\n"),
	{ .name = NULL },
};
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what) #key, #section,
const char *const fuzz_words[] = {
#include <kenmon/conf.def>
	"[service ", "totp+hotp+recovery", "Asia/Tokyo", "yes", "\xff", "\xef\xbb\xbf", NULL
};
#undef KM_CONF

static char path[128], dir[136];
static const char *const names[PARTS - 1] = { "10.conf", "20-local.conf", "30.conf" };

void fuzz_begin(void)
{
	snprintf(path, sizeof(path), "%s/kenmon.conf", fuzz_folder());
	snprintf(dir, sizeof(dir), "%s.d", path);
	fuzz_check(mkdir(dir, 0700) == 0, "no folder %s", dir);
}

static void write_parts(const uint8_t *data, size_t size)
{
	char name[160];

	for (size_t i = 0; i < PARTS; i++) {
		const uint8_t *end = i < PARTS - 1 && size ? memchr(data, 0xff, size) : NULL;
		size_t len = end ? (size_t)(end - data) : size;

		if (i == 0)
			snprintf(name, sizeof(name), "%s", path);
		else
			snprintf(name, sizeof(name), "%s/%s", dir, names[i - 1]);
		(void)unlink(name);
		if (len || i == 0)
			fuzz_write_file(name, data, len);
		data += len + (end ? 1 : 0);
		size -= len + (end ? 1 : 0);
	}
}

struct print {
	char text[PRINTED];
	size_t len;
	bool as_file;
};

static void print_one(void *arg, const char *section, const char *key, const char *value)
{
	struct print *p = arg;

	/* An empty value is the default, which is what reading no line gives. */
	if (p->as_file && value[0] == '\0')
		return;
	p->len += (size_t)snprintf(p->text + p->len, sizeof(p->text) - p->len, "[%s]\n%s = %s\n",
				   section, key, value);
	fuzz_check(p->len < sizeof(p->text), "the configuration is too long to print");
}

static void reads_back(const struct km_conf *conf)
{
	static struct km_conf again;
	static struct print before, file, after;
	struct km_conf_error error;

	before.len = file.len = after.len = 0;
	file.as_file = true;
	km_conf_each(conf, print_one, &before);
	km_conf_each(conf, print_one, &file);
	write_parts((const uint8_t *)file.text, file.len);
	fuzz_check(km_conf_read(path, true, &again, &error) == KM_OK,
		   "what was printed is refused: line %d: %s", error.line, error.text);
	km_conf_each(&again, print_one, &after);
	fuzz_check(before.len == after.len && memcmp(before.text, after.text, before.len) == 0,
		   "what was printed reads as something else");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct km_conf conf, untouched;
	struct km_conf_error error;
	km_rc rc;

	memset(&conf, 0x5a, sizeof(conf));
	memset(&untouched, 0x5a, sizeof(untouched));
	memset(&error, 0, sizeof(error));
	write_parts(data, size);
	rc = km_conf_read(path, true, &conf, &error);
	if (rc == KM_OK) {
		reads_back(&conf);
		return 0;
	}
	fuzz_check(rc == KM_ECONF, "rc %d", rc);
	fuzz_check(memcmp(&conf, &untouched, sizeof(conf)) == 0, "a bad file changed something");
	fuzz_check(error.text[0] && km_text_is_plain(error.text, strlen(error.text)),
		   "the error is not plain text");
	fuzz_check(strncmp(error.path, path, strlen(path)) == 0, "the error names no file");
	return 0;
}
