/* The file format of smstools 3, as far as one text message needs it. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"

#define PREFIX  "kenmon-"
#define ID_BASE 16

static bool is_ascii(const struct km_secret *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (text->bytes[i] >= 0x80)
			return false;
	return true;
}

/* How many bytes follow the first of a character; -1: it is not a first one. */
static int bytes_after(uint8_t first)
{
	if (first < 0x80)
		return 0;
	if (first < 0xc2)
		return -1;
	if (first < 0xe0)
		return 1;
	if (first < 0xf0)
		return 2;
	return first < 0xf5 ? 3 : -1;
}

/* One character at *at, which is moved behind it. False: it is none. */
static bool next_character(const struct km_secret *text, size_t *at, uint32_t *out)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	static const uint8_t bits[] = { 0x7f, 0x1f, 0x0f, 0x07 };
	int after = bytes_after(text->bytes[*at]);

	if (after < 0 || *at + (size_t)after >= text->len)
		return false;
	*out = text->bytes[(*at)++] & bits[after];
	for (int i = 0; i < after; i++, (*at)++) {
		if ((text->bytes[*at] & 0xc0) != 0x80)
			return false;
		*out = *out << 6 | (text->bytes[*at] & 0x3f);
	}
	return *out >= least[after] && *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

static uint8_t *put_unit(uint8_t *to, uint32_t unit)
{
	*to++ = (uint8_t)(unit >> 8);
	*to++ = (uint8_t)unit;
	return to;
}

/* At most two bytes for one, four for four. */
static bool put_ucs2(const struct km_secret *text, uint8_t *to, size_t *len)
{
	uint8_t *at = to;
	uint32_t c = 0;

	for (size_t i = 0; i < text->len;) {
		if (!next_character(text, &i, &c))
			return false;
		if (c >= 0x10000) {
			at = put_unit(at, 0xd800 + ((c - 0x10000) >> 10));
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		at = put_unit(at, c);
	}
	*len = (size_t)(at - to);
	return true;
}

bool spool_file(const struct courier_order *o, uint8_t out[SPOOL_FILE_MAX], size_t *len)
{
	const bool ascii = is_ascii(&o->text);
	size_t body = o->text.len;
	/* Without the '+'. In one message, or not at all. */
	int head = snprintf((char *)out, SPOOL_HEAD_MAX, "To: %s\nAlphabet: %s\nAutosplit: 0\n\n",
			    o->number + 1, ascii ? "ISO" : "UCS");

	if (head <= 0 || head >= SPOOL_HEAD_MAX || o->text.len > KM_ORDER_TEXT)
		return false;
	if (ascii)
		memcpy(out + head, o->text.bytes, o->text.len);
	else if (!put_ucs2(&o->text, out + head, &body))
		return false;
	*len = (size_t)head + body;
	return true;
}

void spool_name(const char *tag, uint64_t id, char out[SPOOL_NAME_MAX])
{
	snprintf(out, SPOOL_NAME_MAX, PREFIX "%s-%" PRIx64, tag, id);
}

bool spool_name_parse(const char *name, const char *tag, uint64_t *id)
{
	char again[SPOOL_NAME_MAX];
	const char *dash = strrchr(name, '-');
	unsigned long long n;

	if (!dash)
		return false;
	errno = 0;
	n = strtoull(dash + 1, NULL, ID_BASE);
	spool_name(tag, n, again);
	/* The only way of writing it. */
	if (errno != 0 || strcmp(name, again) != 0)
		return false;
	*id = n;
	return true;
}

bool spool_name_is_kenmons(const char *name)
{
	return strncmp(name + (name[0] == '.'), PREFIX, strlen(PREFIX)) == 0;
}
