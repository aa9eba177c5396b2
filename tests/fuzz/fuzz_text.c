/*
 * C10: text and lines from outside: what is escaped for logs, terminals, JSON and the audit trail
 * is plain and says the same; the judge's anchor lines read as they were written, or not at all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <kenmon/log.h>

#include "../../authd/anchor.h"
#include "../../authd/vault/vault.h"
#include "../../enroll/out.h"
#include "fuzz.h"

enum act { ESCAPE, EVENT, JSON, TABLE, TIMES, ANCHOR_LINE, ANCHOR_FILE, ACTS };

#define CHAIN   "000102030405060708090a0b0c0d0e0f"
#define HASH    CHAIN "101112131415161718191a1b1c1d1e1f"
#define LINE(n) CHAIN " " n " " HASH " 1750000000"

#define SEED_OF(name, act, text)                                                                   \
	{                                                                                          \
		(name), (const uint8_t *)act text, sizeof(act text) - 1                            \
	}
const struct fuzz_seed fuzz_seeds[] = {
	SEED_OF("plain", "\0", "plain \xe8\xa6\x8b\xe9\x96\x80"),
	SEED_OF("marks", "\0",
		"a\x1b[1m\xe2\x80\xaa\xe2\x80\xae\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\x7f"),
	SEED_OF("event", "\1", "a b=%c\xe2\x80\x8b d"),
	SEED_OF("json", "\2", "\"\\/\b\f\n\r\t\x1f\xff"),
	SEED_OF("table", "\3", "=1+1\t\xe8\xa6\x8b"),
	SEED_OF("time", "\4", "\0\0\0\0\x68\x4e\xe0\x80"),
	SEED_OF("late", "\4", "\0\x7f\xff\xff\xff\xff\xff\xff"),
	SEED_OF("anchor", "\5", LINE("7")),
	SEED_OF("anchor-large", "\5", LINE("18446744073709551617")),
	SEED_OF("anchors", "\6", LINE("7") "\n" LINE("8") "\n" LINE("9")),
	SEED_OF("anchors-torn", "\6", LINE("7") "\n" LINE("x") "\n\n"),
	{ .name = NULL },
};
const char *const fuzz_words[] = { CHAIN, HASH, LINE("1"), "\xe2\x80\xae", "\xed\xa0\x80", NULL };

static struct fuzz_in in;

void fuzz_begin(void)
{
}

/* A second list of what harms, much shorter than the first: for whoever changes that one. */
static bool harmless(const char *text)
{
	static const char *const marks[] = { "\xe2\x80\xae", "\xe2\x80\xa8", "\xe2\x80\x8b",
					     "\xef\xbb\xbf", "\x7f",         "\xc2\x9b" };

	for (const char *at = text; *at; at++)
		if ((unsigned char)*at < 0x20)
			return false;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(text, marks[i]))
			return false;
	return true;
}

static void escape(const char *text, size_t cap)
{
	char *out = malloc(cap + 1);
	size_t len;

	fuzz_check(out, "no memory");
	fuzz_check(km_escape(text, out, cap) == out, "another place");
	if (cap) {
		len = strlen(out);
		fuzz_check(len < cap && km_text_is_plain(out, len) && harmless(out),
			   "it is not plain");
		fuzz_check(!km_text_is_plain(text, strlen(text)) || strncmp(text, out, len) == 0,
			   "plain text was changed");
	}
	free(out);
}

static int hex(char c)
{
	const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* The value of a body that holds key=value alone, unescaped as a reader would. */
static void event(const char *text)
{
	struct km_event_record r;
	char value[KM_EVENT_BODY + 1], *to = value;
	const char *at = r.body + strlen("key=");

	event_make(&r, KM_EVENT_LOGIN_REFUSED, NULL, "fuzz");
	event_add(&r, "key", text);
	if (!r.body[0]) /* it did not fit, and is left out */
		return;
	fuzz_check(strncmp(r.body, "key=", 4) == 0, "another key");
	fuzz_check(!strpbrk(at, " =\n\x1b"), "the value ends the value");
	for (; *at; to++) {
		int high = *at == '%' ? hex(at[1]) : -1;

		*to = high < 0 ? *at : (char)(high << 4 | hex(at[2]));
		at += high < 0 ? 1 : 3;
	}
	*to = '\0';
	fuzz_check(strcmp(value, text) == 0, "the value reads as something else");
	event_add_number(&r, "number", (int64_t)strlen(text));
	event_add(&r, "again", text);
	fuzz_check(strlen(r.body) < sizeof(r.body), "the body is too long");
}

static void json(const char *text)
{
	char *out = NULL;
	size_t len = 0, quotes = 0;
	FILE *f = open_memstream(&out, &len);
	struct desk_json j = { .f = f };

	fuzz_check(f, "no memory");
	json_string(&j, NULL, text);
	fuzz_check(fclose(f) == 0, "no memory");
	fuzz_check(km_text_is_plain(out, len), "JSON that is not plain");
	for (size_t i = 0; i < len; i++) {
		quotes += out[i] == '"';
		i += out[i] == '\\';
	}
	fuzz_check(len >= 2 && quotes == 2 && out[0] == '"' && out[len - 1] == '"',
		   "the string ends the string: %s", out);
	free(out);
}

static void table(const char *text)
{
	static const char *const headers[] = { "LOGIN", "NAME" };
	struct desk_table t DESK_TABLE = { .columns = 0 };
	size_t len = 0, lines = 0;
	char *out = NULL;
	FILE *f = open_memstream(&out, &len);

	fuzz_check(f, "no memory");
	desk_table_init(&t, headers, 2);
	desk_cell(&t, text);
	desk_cell(&t, "x");
	fuzz_check(desk_table_flush(&t, f) == KM_OK && fclose(f) == 0, "no memory");
	for (char *at = out; (at = strchr(at, '\n')); lines++)
		*at = ' ';
	fuzz_check(lines == 2 && km_text_is_plain(out, len), "the cell broke the table");
	free(out);
}

static void times(void)
{
	int64_t seconds = (int64_t)fuzz_integer(&in, 8);
	char text[DESK_TIME];

	fuzz_check(strlen(desk_time(seconds, text)) < sizeof(text), "too long");
	fuzz_check(strlen(desk_time_short(seconds, text)) < sizeof(text), "too long");
}

/* What reads as a line says the same when it is written as one; what does not leaves nothing. */
static void anchor_line(const char *text)
{
	struct km_anchor anchor, untouched;
	char line[KM_ANCHOR_LINE];

	memset(&anchor, 0x5a, sizeof(anchor));
	memset(&untouched, 0x5a, sizeof(untouched));
	if (km_anchor_parse(text, &anchor) != KM_OK) {
		fuzz_check(memcmp(&anchor, &untouched, sizeof(anchor)) == 0,
			   "a bad line left an anchor");
		return;
	}
	km_anchor_format(&anchor, line);
	fuzz_check(strncmp(line, text, 2 * sizeof(anchor.chain)) == 0, "another chain");
	fuzz_check(km_anchor_parse(line, &untouched) == KM_OK, "what is written does not read");
	fuzz_check(km_anchor_same(&anchor, &untouched) && anchor.seq != 0 &&
		       memcmp(anchor.signature, untouched.signature, sizeof(anchor.signature)) == 0,
		   "another anchor");
}

/* A file of any bytes opens; what is appended to it is what the next start finds. */
static void anchor_file(const uint8_t *bytes, size_t len)
{
	struct km_anchor next = { .chain = { 1 }, .seq = 4711, .hash = { 2 } };
	struct judge_anchor a;
	char path[128];
	bool torn = false;

	snprintf(path, sizeof(path), "%s/anchor", fuzz_folder());
	fuzz_write_file(path, bytes, len);
	fuzz_check(judge_anchor_open(&a, fuzz_folder(), &torn) == KM_OK, "it does not open");
	judge_anchor_take(&a, &next);
	fuzz_check(judge_anchor_write(&a, 2) == KM_OK, "it is not written");
	judge_anchor_close(&a);
	fuzz_check(judge_anchor_open(&a, fuzz_folder(), &torn) == KM_OK, "it does not open again");
	fuzz_check(km_anchor_same(&a.head, &next), "the newest head is lost");
	judge_anchor_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum act what;
	char *text;

	in = (struct fuzz_in){ data, size };
	what = fuzz_u8(&in) % ACTS;
	text = malloc(in.left + 1);
	fuzz_check(text, "no memory");
	memcpy(text, in.at, in.left);
	text[in.left] = '\0';
	if (what == ESCAPE)
		escape(text, size ? (size_t)(data[size - 1] % 64) * 4 : 0);
	else if (what == EVENT)
		event(text);
	else if (what == JSON)
		json(text);
	else if (what == TABLE)
		table(text);
	else if (what == TIMES)
		times();
	else if (what == ANCHOR_LINE)
		anchor_line(text);
	else
		anchor_file(in.at, in.left);
	free(text);
	return 0;
}
