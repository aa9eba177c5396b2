/*
 * JSON (RFC 8259), looked through and not kept: is a template's body one value, with placeholders
 * in strings alone? What is filled into a string is escaped and so cannot end it.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/sms.h>

#define DEPTH 16 /* of arrays and objects in each other */

struct json {
	const char *at;
	const char *what; /* what is wrong: the English of its row in conf_fault.def */
};

static bool fails(struct json *j, const char *what)
{
	if (!j->what)
		j->what = what;
	return false;
}
#define FAILS(j, NAME) fails(j, km_fault_##NAME)

static void blanks(struct json *j)
{
	j->at += strspn(j->at, " \t\r\n");
}

static bool takes(struct json *j, char c)
{
	blanks(j);
	if (*j->at != c)
		return false;
	j->at++;
	return true;
}

static bool escape(struct json *j)
{
	if (*j->at == 'u' && strspn(j->at + 1, "0123456789abcdefABCDEF") >= 4) {
		j->at += 5;
		return true;
	}
	if (!*j->at || !strchr("\"\\/bfnrt", *j->at))
		return FAILS(j, JSON_ESCAPE);
	j->at++;
	return true;
}

static bool string(struct json *j)
{
	for (;;) {
		unsigned char c = (unsigned char)*j->at;

		if (c == '\0')
			return FAILS(j, JSON_STRING);
		j->at++;
		if (c == '"')
			return true;
		if (c == '\\' && !escape(j))
			return false;
		if (c != 1 && c < 0x20)
			return FAILS(j, JSON_CONTROL);
	}
}

#define DIGITS "0123456789"

static bool some_digits(struct json *j)
{
	size_t n = strspn(j->at, DIGITS);

	j->at += n;
	return n > 0 || FAILS(j, JSON_NUMBER);
}

static bool number(struct json *j)
{
	j->at += *j->at == '-';
	if (*j->at == '0')
		j->at++;
	else if (!some_digits(j))
		return false;
	if (*j->at == '.') {
		j->at++;
		if (!some_digits(j))
			return false;
	}
	if (*j->at == 'e' || *j->at == 'E') {
		j->at++;
		j->at += *j->at == '+' || *j->at == '-';
		return some_digits(j);
	}
	return true;
}

static bool word(struct json *j)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp(j->at, words[i], strlen(words[i])) == 0) {
			j->at += strlen(words[i]);
			return true;
		}
	if (*j->at == 1)
		return FAILS(j, JSON_PLACE);
	return FAILS(j, JSON_NONE);
}

static bool value(struct json *j, unsigned depth);

static bool members(struct json *j, unsigned depth)
{
	if (takes(j, '}'))
		return true;
	do {
		if (!takes(j, '"'))
			return FAILS(j, JSON_MEMBER);
		if (!string(j) || !(takes(j, ':') || FAILS(j, JSON_COLON)) || !value(j, depth))
			return false;
	} while (takes(j, ','));
	return takes(j, '}') || FAILS(j, JSON_OBJECT);
}

static bool elements(struct json *j, unsigned depth)
{
	if (takes(j, ']'))
		return true;
	do {
		if (!value(j, depth))
			return false;
	} while (takes(j, ','));
	return takes(j, ']') || FAILS(j, JSON_ARRAY);
}

static bool value(struct json *j, unsigned depth)
{
	if (depth == 0)
		return FAILS(j, JSON_DEEP);
	if (takes(j, '{'))
		return members(j, depth - 1);
	if (takes(j, '['))
		return elements(j, depth - 1);
	if (takes(j, '"'))
		return string(j);
	if (*j->at == '-' || (*j->at && strchr(DIGITS, *j->at)))
		return number(j);
	return word(j);
}

bool km_sms_json_fits(const char *text, struct km_why *why)
{
	struct json j = { .at = text };
	bool good = value(&j, DEPTH);

	if (good) {
		blanks(&j);
		good = *j.at == '\0' || FAILS(&j, JSON_BEHIND);
	}
	if (!good)
		(void)KM_WHY(why, JSON, j.what, (size_t)(j.at - text) + 1);
	return good;
}
