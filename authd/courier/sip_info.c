/*
 * Keys in SIP INFO. There is no standard, but two forms that everybody knows: one key alone, and
 * lines "Signal=5" and "Duration=160". In both, 10 and 11 may stand for '*' and '#'.
 */
#include <string.h>
#include <strings.h>

#include "sip_wire.h"

#define BODY_MAX 256

struct span {
	const char *at;
	size_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span trimmed(const char *at, size_t len)
{
	while (len > 0 && is_blank(at[len - 1]))
		len--;
	for (; len > 0 && is_blank(*at); len--)
		at++;
	return (struct span){ at, len };
}

static char key_of(struct span s)
{
	if (s.len == 1 && memchr("0123456789*#", s.at[0], 12))
		return s.at[0];
	if (s.len == 2 && s.at[0] == '1' && (s.at[1] == '0' || s.at[1] == '1'))
		return s.at[1] == '0' ? '*' : '#';
	return 0;
}

/* The value of a line "Signal=…", or len 0. */
static struct span signal_of(struct span line)
{
	static const char name[] = "signal";
	const char *sign = memchr(line.at, '=', line.len);
	struct span left;

	if (!sign)
		return (struct span){ line.at, 0 };
	left = trimmed(line.at, (size_t)(sign - line.at));
	if (left.len != sizeof(name) - 1 || strncasecmp(left.at, name, left.len) != 0)
		return (struct span){ line.at, 0 };
	return trimmed(sign + 1, line.len - (size_t)(sign + 1 - line.at));
}

/* One line with a key, and no second one. */
static char relayed(const char *body, size_t len)
{
	char key = 0;

	while (len > 0) {
		const char *end = memchr(body, '\n', len);
		size_t line = end ? (size_t)(end - body) + 1 : len;
		struct span value = signal_of((struct span){ body, line });

		if (value.len > 0) {
			if (key)
				return 0;
			key = key_of(value);
			if (!key)
				return 0;
		}
		body += line;
		len -= line;
	}
	return key;
}

char voice_info_key(enum voice_info form, const char *body, size_t len)
{
	if (len == 0 || len > BODY_MAX)
		return 0;
	return form == VOICE_INFO_RELAY ? relayed(body, len) : key_of(trimmed(body, len));
}
