/* Telephone numbers: what people type, E.164, what is shown. */
#include <stdio.h>
#include <string.h>

#include <kenmon/phone.h>

#define DIGITS    "0123456789"
#define CODE_MOST 3 /* digits of a country's code */

/* What stands between digits, from keyboards of both languages. */
static const struct {
	const char *bytes;
	int sign;
} signs[] = {
	{ "+", KM_SIGN_PLUS },
	{ "\xef\xbc\x8b", KM_SIGN_PLUS }, /* full width */
	{ "(", KM_SIGN_OPEN },
	{ "\xef\xbc\x88", KM_SIGN_OPEN },
	{ ")", KM_SIGN_CLOSE },
	{ "\xef\xbc\x89", KM_SIGN_CLOSE },
	{ "-", KM_SIGN_BETWEEN },
	{ " ", KM_SIGN_BETWEEN },
	{ ".", KM_SIGN_BETWEEN },
	{ "\xe3\x80\x80", KM_SIGN_BETWEEN }, /* ideographic blank */
	{ "\xc2\xa0", KM_SIGN_BETWEEN },     /* blank that does not break */
	{ "\xe2\x80\x90", KM_SIGN_BETWEEN }, /* hyphen */
	{ "\xe2\x80\x91", KM_SIGN_BETWEEN }, /* the same, not breaking */
	{ "\xe2\x80\x93", KM_SIGN_BETWEEN }, /* en dash */
	{ "\xe2\x88\x92", KM_SIGN_BETWEEN }, /* minus */
	{ "\xef\xbc\x8d", KM_SIGN_BETWEEN }, /* full-width hyphen */
	{ "\xef\xbc\x8e", KM_SIGN_BETWEEN }, /* full-width dot */
	{ "\xe3\x83\xbc", KM_SIGN_BETWEEN }, /* the long vowel's mark, on the hyphen's key */
	{ "\xef\xbd\xb0", KM_SIGN_BETWEEN }, /* its half-width form */
};

/* How many digits follow, where a plan is known well enough to miss one; the first row counts. */
static const struct {
	const char *prefix;
	unsigned least, most;
} plans[] = {
	{ "+8170", 8, 8 }, /* mobiles of Japan have 11 digits with the 0 */
	{ "+8180", 8, 8 }, { "+8190", 8, 8 }, { "+81", 9, 10 }, /* 03-1234-5678; 050-1234-5678 */
	{ "+1", 10, 10 },
};

/* ITU-T E.164: country codes of two digits; 1 and 7 stand alone, all others have three. */
static const char two_digits[] = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 "
				 "54 55 56 57 58 60 61 62 63 64 65 "
				 "66 81 82 84 86 90 91 92 93 94 95 98";

static const char *const faults[] = {
	[KM_PHONE_GOOD] = "the number is good",
	[KM_PHONE_EMPTY] = "there is no number",
	[KM_PHONE_SIGN] = "there is something in it that belongs to no telephone number",
	[KM_PHONE_BEGIN] = "it begins neither with + and a country's code nor with one 0",
	[KM_PHONE_SHORT] = "digits are missing",
	[KM_PHONE_LONG] = "there are too many digits",
	[KM_PHONE_COUNTRY] = "[phone] country is no country's code",
	[KM_PHONE_OTHER] = "[phone] prefixes does not allow numbers that begin so",
	[KM_PHONE_BARRED] = "[phone] barred rules out numbers that begin so",
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int km_phone_sign(const char *text, size_t *len)
{
	const unsigned char *p = (const unsigned char *)text;

	*len = 1;
	if (*text >= '0' && *text <= '9')
		return *text - '0';
	if (p[0] == 0xef && p[1] == 0xbc && p[2] >= 0x90 && p[2] <= 0x99) {
		*len = 3;
		return p[2] - 0x90;
	}
	for (size_t i = 0; i < COUNT(signs); i++) {
		*len = strlen(signs[i].bytes);
		if (strncmp(text, signs[i].bytes, *len) == 0)
			return signs[i].sign;
	}
	*len = 1;
	return KM_SIGN_NONE;
}

/* What was typed, as ASCII digits. One digit more than any number has is kept, to be too many. */
struct typed {
	bool plus, bracketed_zero;
	unsigned count;
	char digits[KM_E164_MOST + 3]; /* a 0 in front, one too many, NUL */
};

static void take_digit(struct typed *t, int digit)
{
	if (t->count < sizeof(t->digits) - 1)
		t->digits[t->count++] = (char)('0' + digit);
}

/* "(0)" behind a country's code: the 0 is dialled at home only, and is no part of the number. */
static size_t bracketed_zero(const char *at)
{
	static const int wanted[] = { KM_SIGN_OPEN, 0, KM_SIGN_CLOSE };
	size_t used = 0, len;

	for (size_t i = 0; i < COUNT(wanted); i++) {
		if (km_phone_sign(at + used, &len) != wanted[i])
			return 0;
		used += len;
	}
	return used;
}

static enum km_phone_fault read_typed(const char *at, struct typed *t)
{
	size_t len, zero;

	for (; *at; at += len) {
		int sign = km_phone_sign(at, &len);

		if (sign == KM_SIGN_NONE || (sign == KM_SIGN_PLUS && (t->plus || t->count)))
			return KM_PHONE_SIGN;
		if (sign == KM_SIGN_PLUS)
			t->plus = true;
		zero = t->plus && t->count && t->count <= CODE_MOST ? bracketed_zero(at) : 0;
		if (zero)
			len = zero;
		else if (sign < KM_SIGN_PLUS)
			take_digit(t, sign);
	}
	return t->count ? KM_PHONE_GOOD : KM_PHONE_EMPTY;
}

bool km_phone_country_is_good(const char *country)
{
	size_t len = strlen(country);

	return country[0] == '+' && len >= 2 && len <= 1 + CODE_MOST && country[1] != '0' &&
	       strspn(country + 1, DIGITS) == len - 1;
}

static enum km_phone_fault of_a_length(const char *number)
{
	size_t digits = strlen(number) - 1;

	if (digits < KM_E164_LEAST)
		return KM_PHONE_SHORT;
	if (digits > KM_E164_MOST)
		return KM_PHONE_LONG;
	for (size_t i = 0; i < COUNT(plans); i++) {
		size_t len = strlen(plans[i].prefix), rest = strlen(number) - len;

		if (strncmp(number, plans[i].prefix, len) != 0)
			continue;
		if (rest < plans[i].least)
			return KM_PHONE_SHORT;
		return rest > plans[i].most ? KM_PHONE_LONG : KM_PHONE_GOOD;
	}
	return KM_PHONE_GOOD;
}

enum km_phone_fault km_phone_normalise(const char *typed, const char *country,
				       char out[KM_NUMBER_MAX + 1])
{
	char number[KM_E164_MOST + 8]; /* a country's code before what was typed */
	struct typed t = { 0 };
	enum km_phone_fault fault = read_typed(typed, &t);
	const char *digits = t.digits;
	size_t code = strlen(country) - 1;

	if (fault != KM_PHONE_GOOD)
		return fault;
	if (!km_phone_country_is_good(country))
		return KM_PHONE_COUNTRY;
	if (t.plus == (digits[0] == '0'))
		return KM_PHONE_BEGIN;
	/* +81 090 …: the 0 is not dialled behind our code. */
	if (!t.plus)
		digits++;
	else if (strncmp(digits, country + 1, code) == 0 && digits[code] == '0')
		digits += code + 1;
	else
		country = "+";
	if (*digits == '0')
		return KM_PHONE_BEGIN;
	snprintf(number, sizeof(number), "%s%s", country, digits);
	fault = of_a_length(number);
	if (fault == KM_PHONE_GOOD)
		memcpy(out, number, strlen(number) + 1);
	return fault;
}

bool km_phone_is_e164(const char *number)
{
	size_t digits;

	if (number[0] != '+' || number[1] == '0')
		return false;
	digits = strspn(number + 1, DIGITS);
	return digits >= KM_E164_LEAST && digits <= KM_E164_MOST && number[1 + digits] == '\0';
}

/* The next word of a list, or NULL behind the last; *len is 0 where it is no beginning of a number.
 */
static const char *next_prefix(const char *list, size_t *len)
{
	list += strspn(list, " ");
	if (!*list)
		return NULL;
	*len = 0;
	if (list[0] == '+' && list[1] != '0')
		*len = 1 + strspn(list + 1, DIGITS);
	if (*len < 2 || *len > KM_NUMBER_MAX || (list[*len] && list[*len] != ' '))
		*len = 0;
	return list;
}

/* How many beginnings are in it; -1: one of them is none. */
static int count_prefixes(const char *list)
{
	int count = 0;
	size_t len;

	for (const char *p = next_prefix(list, &len); p; p = next_prefix(p + len, &len), count++)
		if (len == 0)
			return -1;
	return count;
}

bool km_phone_prefixes_are_good(const char *prefixes)
{
	return count_prefixes(prefixes) > 0;
}

bool km_phone_barred_is_good(const char *barred)
{
	return count_prefixes(barred) >= 0;
}

static bool begins_with_one(const char *number, const char *list)
{
	size_t len;

	for (const char *p = next_prefix(list, &len); p; p = next_prefix(p + len, &len))
		if (strncmp(number, p, len) == 0)
			return true;
	return false;
}

enum km_phone_fault km_phone_rule(const char *number, const struct km_phone_rules *rules)
{
	if (!km_phone_is_e164(number) || !km_phone_prefixes_are_good(rules->prefixes) ||
	    !begins_with_one(number, rules->prefixes))
		return KM_PHONE_OTHER;
	if (!km_phone_barred_is_good(rules->barred) || begins_with_one(number, rules->barred))
		return KM_PHONE_BARRED;
	return KM_PHONE_GOOD;
}

enum km_phone_fault km_phone_take(const char *typed, const struct km_phone_rules *rules,
				  char out[KM_NUMBER_MAX + 1])
{
	char number[KM_NUMBER_MAX + 1];
	enum km_phone_fault fault = km_phone_normalise(typed, rules->country, number);

	if (fault == KM_PHONE_GOOD)
		fault = km_phone_rule(number, rules);
	if (fault == KM_PHONE_GOOD)
		memcpy(out, number, strlen(number) + 1);
	return fault;
}

/* Of a number's own country code, without the +. */
static size_t code_len(const char *digits)
{
	char code[3] = { digits[0], digits[1], '\0' };

	if (digits[0] == '1' || digits[0] == '7')
		return 1;
	return strstr(two_digits, code) ? 2 : 3;
}

/* How many of a number's last digits are shown: at least as many stay hidden. */
static int tail_of(size_t hidden)
{
	return hidden >= 8 ? 4 : (int)(hidden / 2);
}

void km_phone_mask(const char *number, const char *country, char out[KM_PHONE_MASK])
{
	const char *digits = number + 1, *end;
	size_t rest, code = strlen(country) - 1;
	int lead, tail;

	if (!km_phone_is_e164(number)) {
		snprintf(out, KM_PHONE_MASK, "****");
		return;
	}
	end = number + strlen(number);
	if (km_phone_country_is_good(country) && strncmp(digits, country + 1, code) == 0) {
		rest = (size_t)(end - digits) - code;
		lead = rest >= 10 ? 2 : rest == 9 ? 1 : 0;
		tail = tail_of(rest - (size_t)lead);
		snprintf(out, KM_PHONE_MASK, "0%.*s-****-%s", lead, digits + code, end - tail);
		return;
	}
	code = code_len(digits);
	tail = tail_of((size_t)(end - digits) - code);
	snprintf(out, KM_PHONE_MASK, "+%.*s ****%s", (int)code, digits, end - tail);
}

bool km_phone_is_number(const char *text)
{
	size_t digits;

	text += *text == '+';
	digits = strspn(text, DIGITS);
	return digits >= KM_PHONE_LEAST && digits <= KM_PHONE_MOST && text[digits] == '\0';
}

bool km_phone_compact(const char *typed, char out[KM_PHONE_MOST + 2])
{
	char text[KM_PHONE_MOST + 2];
	size_t used = 0, len;

	for (; *typed; typed += len) {
		int sign = km_phone_sign(typed, &len);

		if (sign == KM_SIGN_NONE || (sign == KM_SIGN_PLUS && used) ||
		    used + 1 == sizeof(text))
			return false;
		if (sign <= KM_SIGN_PLUS)
			text[used++] = sign == KM_SIGN_PLUS ? '+' : (char)('0' + sign);
	}
	text[used] = '\0';
	if (!km_phone_is_number(text))
		return false;
	memcpy(out, text, used + 1);
	return true;
}

const char *km_phone_fault_text(enum km_phone_fault fault)
{
	return (unsigned)fault < COUNT(faults) ? faults[fault] : "?";
}
