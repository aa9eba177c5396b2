/*
 * Text from outside: what is plain, and how the rest is written down. It
 * links nothing, since the door needs it too.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>

/* Code points that move, hide or reorder the text around them, or end a line. */
static const struct {
	uint32_t first, last;
} marks[] = {
	{ 0x0000, 0x001F },   /* C0 */
	{ 0x007F, 0x009F },   /* DEL, C1 */
	{ 0x00AD, 0x00AD },   /* soft hyphen */
	{ 0x061C, 0x061C },   /* Arabic letter mark */
	{ 0x180E, 0x180E },   /* Mongolian vowel separator */
	{ 0x200B, 0x200F },   /* zero width, left-to-right and right-to-left mark */
	{ 0x2028, 0x2029 },   /* line and paragraph separator */
	{ 0x202A, 0x202E },   /* embeddings and overrides */
	{ 0x2060, 0x206F },   /* word joiner, invisible operators, isolates, deprecated controls */
	{ 0xFEFF, 0xFEFF },   /* byte order mark */
	{ 0xFFF9, 0xFFFB },   /* interlinear annotation */
	{ 0xE0000, 0xE007F }, /* tags */
};

static int is_mark(uint32_t c)
{
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (c >= marks[i].first && c <= marks[i].last)
			return 1;
	return 0;
}

/* Length of the plain character at p, of which left bytes are there; 0: it is not plain. */
static size_t plain_at(const unsigned char *p, size_t left)
{
	/* The smallest code point that needs so many bytes: anything less is overlong. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xC2 ? 0
		   : p[0] < 0xE0 ? 2
		   : p[0] < 0xF0 ? 3
		   : p[0] < 0xF5 ? 4
				 : 0;
	uint32_t c;

	if (p[0] >= 0x20 && p[0] < 0x7F)
		return 1; /* nearly all there is: a listing is a fifth faster for it */
	if (n == 0 || n > left)
		return 0;
	c = n == 1 ? p[0] : p[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3Fu);
	}
	if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) || is_mark(c))
		return 0;
	return n;
}

int km_text_is_plain(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	while (len) {
		size_t n = plain_at(p, len);

		if (n == 0)
			return 0;
		p += n;
		len -= n;
	}
	return 1;
}

int km_text_is_page(const char *text, size_t len)
{
	int written = 0;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;

		if (!km_text_is_plain(text, line))
			return 0;
		for (size_t i = 0; i < line; i++)
			written |= text[i] != ' ';
		text += end ? line + 1 : line;
		len -= end ? line + 1 : line;
	}
	return written;
}

const char *km_escape(const char *text, char *out, size_t cap)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), used = 0;
	char hex[5];

	if (cap == 0)
		return out;
	while (left) {
		size_t n = plain_at(p, left);
		size_t need = n ? n : 4;

		if (used + need > cap - 1)
			break;
		if (n == 0)
			snprintf(hex, sizeof(hex), "\\x%02x", p[0]);
		memcpy(out + used, n ? (const char *)p : hex, need);
		used += need;
		p += n ? n : 1;
		left -= n ? n : 1;
	}
	out[used] = '\0';
	return out;
}
