/*
 * What an administrator types: secrets in base32 and hex, numbers, texts, dates, the command line.
 * What is taken must read back; what is refused leaves its output untouched and says why, without
 * the secret.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>

#include "../../enroll/args.h"
#include "../../enroll/secret_input.h"
#include "fuzz.h"

enum act { SECRET_TEXT, SECRET_FILE, NUMBER, FIELD, DAY, DAY_NUMBER, ARGS, ACTS };
#define WORDS 24 /* of a command line */

#define SEED_OF(name, act, text)                                                                   \
	{                                                                                          \
		(name), (const uint8_t *)act text, sizeof(act text) - 1                            \
	}
const struct fuzz_seed fuzz_seeds[] = {
	SEED_OF("base32", "\0", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
	SEED_OF("base32-grouped", "\0", " gezd gnbv-gy3t qojq gezd gnbv gy3t qo== \n"),
	SEED_OF("hex", "\0", "hex:3132333435363738393031323334353637383930"),
	SEED_OF("short", "\0", "GEZDGNBV"),
	SEED_OF("file", "\1", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"),
	SEED_OF("number", "\2", "1000"),
	SEED_OF("number-sign", "\2", "-1"),
	SEED_OF("number-blank", "\2", " 7"),
	SEED_OF("field", "\3", "Kenmon \xe8\xa6\x8b\xe9\x96\x80"),
	SEED_OF("day", "\4", "2028-02-29"),
	SEED_OF("day-wrong", "\4", "2026-02-29"),
	SEED_OF("day-number", "\5", "\0\0\0\0\0\0\x4e\x20"),
	SEED_OF("add", "\6",
		"operator\nadd\nhanako\n--employee-number\n1\n--name=H\n--department\nX\n"
		"--valid-from\n2026-04-01\n--uid\n1000"),
	SEED_OF("enroll", "\6",
		"enroll\ntotp\nhanako\n--digits\n8\n--period=30\n--secret-file\n-\n--qr\nnever"),
	SEED_OF("help", "\6", "--json\n--lang=ja\naudit\n--help\n--\nlist"),
	{ .name = NULL },
};
const char *const fuzz_words[] = { "hex:",
				   "\n--",
				   "operator\n",
				   "enroll\n",
				   "credential\n",
				   "audit\n",
				   "status",
				   "--secret-file\n-",
				   "--valid-until",
				   "--digits",
				   "2026-04-01",
				   "=",
				   NULL };

static struct desk desk;
static FILE *nowhere;

void fuzz_begin(void)
{
	nowhere = fopen("/dev/null", "we");
	fuzz_check(nowhere, "no /dev/null");
}

static struct desk *new_desk(void)
{
	desk = (struct desk){ .root = "", .out = nowhere, .err = nowhere, .in = -1, .line = -1 };
	return &desk;
}

/* It says why, in plain text; and never with what was typed, when that may be a secret. */
static void said_why(const struct desk *d, const char *secret, size_t len)
{
	fuzz_check(d->why[0], "refused without a reason");
	fuzz_check(km_text_is_plain(d->why, strlen(d->why)), "the reason is not plain text");
	/* Shorter ones may be a word of the sentence itself. */
	fuzz_check(len < 16 || !memmem(d->why, strlen(d->why), secret, len),
		   "the reason repeats the secret");
}

static void untouched(const struct km_secret *s)
{
	fuzz_check(fuzz_is_zero(s, sizeof(*s)), "a refused secret is kept");
}

/* base32 of what was understood is understood as the same. */
static void secret_reads_back(const struct km_secret *s)
{
	struct km_secret again = { 0 };
	char text[DESK_BASE32_MAX];

	fuzz_check(s->len >= DESK_SECRET_LEAST && s->len <= DESK_SECRET_MOST, "of %u bytes",
		   s->len);
	desk_base32(s->bytes, s->len, text);
	fuzz_check(desk_secret_parse(new_desk(), text, strlen(text), &again) == KM_OK &&
		       again.len == s->len && memcmp(again.bytes, s->bytes, s->len) == 0,
		   "base32 reads as something else");
}

/* No character too many: one was cut off, or mistyped. */
static void whole_bytes(const char *text, size_t len, size_t bytes)
{
	bool hex = memchr(text, ':', len) != NULL;
	size_t bits = 0;

	for (size_t i = hex ? (size_t)((const char *)memchr(text, ':', len) - text) : 0; i < len;
	     i++)
		if (text[i] != '=' && isalnum((unsigned char)text[i]))
			bits += hex ? 4 : 5;
	fuzz_check(bits >= bytes * 8 && bits - bytes * 8 < (hex ? 4 : 5), "%zu bits are %zu bytes",
		   bits, bytes);
}

static void secret_text(const char *text, size_t len)
{
	struct km_secret s = { 0 };
	struct desk *d = new_desk();

	if (desk_secret_parse(d, text, len, &s) == KM_OK) {
		secret_reads_back(&s);
		whole_bytes(text, len, s.len);
		return;
	}
	untouched(&s);
	said_why(d, text, len);
}

static void secret_file(const char *text, size_t len)
{
	struct km_secret s = { 0 }, same = { 0 };
	struct desk *d = new_desk();
	char path[128];
	km_rc rc;

	snprintf(path, sizeof(path), "%s/secret", fuzz_folder());
	fuzz_write_file(path, text, len);
	rc = desk_secret_read(d, path, &s);
	if (rc != KM_OK) {
		untouched(&s);
		said_why(d, text, len);
	}
	fuzz_check(len > DESK_SECRET_FILE || rc == desk_secret_parse(new_desk(), text, len, &same),
		   "a file reads as something else than its text");
}

static void number(const char *text)
{
	struct desk *d = new_desk();
	uint64_t n = 4711;

	if (desk_number(d, "--digits", text, 6, 1000000, &n) == KM_OK) {
		fuzz_check(n >= 6 && n <= 1000000 && n == strtoull(text, NULL, 10), "%s is %llu",
			   text, (unsigned long long)n);
		fuzz_check(text[strspn(text, "0123456789")] == '\0', "%s is a number", text);
		return;
	}
	fuzz_check(n == 4711, "a refused number was stored");
	said_why(d, "", 0);
}

static void field(const char *text, size_t len)
{
	struct desk *d = new_desk();
	char out[65] = "before";
	bool empty = len & 1;

	if (desk_field(d, "--name", text, empty, out, sizeof(out)) == KM_OK) {
		fuzz_check(strcmp(out, text) == 0 && (out[0] || empty), "another text");
		fuzz_check(km_text_is_plain(out, strlen(out)), "it is not plain");
		return;
	}
	fuzz_check(strcmp(out, "before") == 0, "a refused text was stored");
	said_why(d, "", 0);
}

static void day(const char *text)
{
	int64_t n = 4711;
	char again[16];

	if (km_day_parse(text, &n) != KM_OK) {
		fuzz_check(n == 4711, "a refused day was stored");
		return;
	}
	km_day_format(n, again);
	fuzz_check(strcmp(again, text) == 0, "%s is %s", text, again);
}

static void day_number(struct fuzz_in *in)
{
	int64_t n = (int64_t)fuzz_integer(in, 8), again = 4711;
	char text[16];

	km_day_format(n, text);
	fuzz_check(strlen(text) < sizeof(text), "too long");
	if (km_day_parse(text, &again) == KM_OK)
		fuzz_check(again == n, "%s is another day", text);
}

/* One word a line. */
static void command_line(char *text)
{
	char *argv[WORDS + 2] = { text }, *next = text;
	struct desk_args args = { .command = NULL };
	struct desk *d = new_desk();
	static char name[] = "kenmon";
	int argc = 1;

	argv[0] = name;
	while (next && argc <= WORDS) {
		argv[argc++] = next;
		next = strchr(next, '\n');
		if (next)
			*next++ = '\0';
	}
	argv[argc] = NULL;
	if (desk_parse(d, argc, argv, &args) != KM_OK) {
		said_why(d, "", 0);
		return;
	}
	fuzz_check(args.command || args.help || args.version || args.completion,
		   "a command line without a command");
	if (!args.command)
		return;
	for (const struct desk_option *o = args.command->options; o && o->name; o++)
		fuzz_check(!o->required || desk_arg(&args, o->name) || args.help || args.version ||
			       args.completion,
			   "--%s is required", o->name);
	desk_help(nowhere, &args, KM_LANG_JA);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	enum act what = fuzz_u8(&in) % ACTS;
	char *text = malloc(in.left + 1);

	fuzz_check(text, "no memory");
	memcpy(text, in.at, in.left);
	text[in.left] = '\0';
	if (what == SECRET_TEXT)
		secret_text(text, in.left);
	else if (what == SECRET_FILE)
		secret_file(text, in.left);
	else if (what == NUMBER)
		number(text);
	else if (what == FIELD)
		field(text, strlen(text));
	else if (what == DAY)
		day(text);
	else if (what == DAY_NUMBER)
		day_number(&in);
	else
		command_line(text);
	free(text);
	return 0;
}
