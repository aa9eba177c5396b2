/*
 * Templates: literal text with placeholders in braces. A brace that no lower-case letter follows
 * is literal, so that JSON can be written as it is.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/log.h>
#include <kenmon/order.h>
#include <kenmon/secret.h>
#include <kenmon/sms.h>

static const char *const names[KM_SMS_VALUES] = {
	[KM_SMS_NUMBER] = "number",        [KM_SMS_WORDS] = "text", [KM_SMS_OUR_ID] = "id",
	[KM_SMS_DIGITS] = "number-digits", [KM_SMS_USER] = "user",  [KM_SMS_PASSWORD] = "password",
	[KM_SMS_UCS2] = "text-ucs2",
};

/* Bytes that a value has at most, before it is escaped. */
static const size_t most[KM_SMS_VALUES] = {
	[KM_SMS_NUMBER] = KM_NUMBER_MAX,  [KM_SMS_DIGITS] = KM_NUMBER_MAX,
	[KM_SMS_WORDS] = KM_ORDER_TEXT,   [KM_SMS_UCS2] = (size_t)4 * KM_ORDER_TEXT,
	[KM_SMS_OUR_ID] = KM_SMS_ID,      [KM_SMS_USER] = KM_SMS_LOGIN,
	[KM_SMS_PASSWORD] = KM_SMS_LOGIN,
};

/* --- reading ------------------------------------------------------------------------- */

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define NAME    LETTERS "-0123456789"

/* The value that {name} at text stands for; KM_SMS_LITERAL: there is none of this name. */
static enum km_sms_value value_of(const char *name, size_t len)
{
	for (unsigned v = KM_SMS_LITERAL + 1; v < KM_SMS_VALUES; v++)
		if (strlen(names[v]) == len && strncmp(names[v], name, len) == 0)
			return (enum km_sms_value)v;
	return KM_SMS_LITERAL;
}

static bool add(struct km_sms_template *t, enum km_sms_value value, size_t at, size_t len,
		struct km_why *why)
{
	if (t->count == KM_SMS_PARTS)
		return KM_WHY(why, TEMPLATE_PARTS);
	t->part[t->count++] = (struct km_sms_part){ (uint8_t)value, (uint16_t)at, (uint16_t)len };
	t->has |= KM_SMS_HAS(value);
	return true;
}

/* Where the next placeholder opens, or the end. */
static size_t next_open(const char *text, size_t at)
{
	while (text[at] && !(text[at] == '{' && text[at + 1] && strchr(LETTERS, text[at + 1])))
		at++;
	return at;
}

static bool split(struct km_sms_template *t, struct km_why *why)
{
	const char *text = t->text;
	char name[21]; /* what is shown of one that is none */
	size_t at = 0, open, len;
	enum km_sms_value value;

	while (text[at]) {
		open = next_open(text, at);
		if (open > at && !add(t, KM_SMS_LITERAL, at, open - at, why))
			return false;
		if (!text[open])
			return true;
		len = strspn(text + open + 1, NAME);
		value = value_of(text + open + 1, len);
		if (text[open + 1 + len] != '}' || value == KM_SMS_LITERAL) {
			snprintf(name, sizeof(name), "%.*s", (int)len, text + open + 1);
			return KM_WHY(why, TEMPLATE_NAME, name);
		}
		if (!add(t, value, open, len + 2, why))
			return false;
		at = open + len + 2;
	}
	return true;
}

/* What a byte can grow to: %XX, \u00XX, or itself. */
static size_t growth(enum km_sms_place place)
{
	return place == KM_SMS_JSON ? 6 : place == KM_SMS_HEADER || place == KM_SMS_TEXT ? 1 : 3;
}

static bool bounded(const struct km_sms_template *t, struct km_why *why)
{
	size_t sum = 0;

	for (unsigned i = 0; i < t->count; i++)
		sum += t->part[i].value == KM_SMS_LITERAL
			   ? t->part[i].len
			   : most[t->part[i].value] *
				 (t->part[i].value == KM_SMS_UCS2 ? 1 : growth(t->place));
	if (sum < KM_SMS_FILLED)
		return true;
	return KM_WHY(why, TEMPLATE_LONG, KM_SMS_FILLED - 1);
}

/* Printable ASCII: the rest of what stands in addresses, forms and headers is written escaped. */
static bool ascii(const struct km_sms_template *t, struct km_why *why)
{
	char first = t->place == KM_SMS_HEADER ? ' ' : '!';

	for (const char *p = t->text; *p; p++)
		if (*p < first || *p > '~')
			return KM_WHY(why, TEMPLATE_BYTE, (unsigned char)*p);
	return true;
}

/* As JSON, with a byte 1 for each placeholder. */
static bool json(const struct km_sms_template *t, struct km_why *why)
{
	char sample[KM_CONF_LINE];
	size_t used = 0;

	for (unsigned i = 0; i < t->count; i++) {
		const struct km_sms_part *p = &t->part[i];

		if (p->value != KM_SMS_LITERAL) {
			sample[used++] = 1;
			continue;
		}
		memcpy(sample + used, t->text + p->at, p->len);
		used += p->len;
	}
	sample[used] = '\0';
	return km_sms_json_fits(sample, why);
}

km_rc km_sms_template_read(const char *text, enum km_sms_place place, struct km_sms_template *t,
			   struct km_why *why)
{
	struct km_sms_template draft = { .text = text, .place = place };
	size_t len = strlen(text);
	bool good;

	if (len >= KM_CONF_LINE || !km_text_is_plain(text, len)) {
		(void)KM_WHY(why, TEMPLATE_PLAIN, KM_CONF_LINE - 1);
		return KM_ECONF;
	}
	good = split(&draft, why) && bounded(&draft, why);
	if (place == KM_SMS_JSON)
		good = good && json(&draft, why);
	else if (place != KM_SMS_TEXT)
		good = good && ascii(&draft, why);
	if (good && place == KM_SMS_URL)
		good = km_sms_url_fits(&draft, why);
	if (!good)
		return KM_ECONF;
	*t = draft;
	return KM_OK;
}

/* --- filling in ------------------------------------------------------------------------ */

struct out {
	char *at;
	size_t left; /* besides the zero at the end */
	km_rc rc;
};

static void put(struct out *o, const char *bytes, size_t len)
{
	if (o->rc != KM_OK)
		return;
	if (len > o->left) {
		o->rc = KM_ELIMIT;
		return;
	}
	memcpy(o->at, bytes, len);
	o->at += len;
	o->left -= len;
}

static void put_hex(struct out *o, const char *before, unsigned value, unsigned digits)
{
	static const char hex[] = "0123456789ABCDEF";
	char text[8];

	for (unsigned i = 0; i < digits; i++)
		text[i] = hex[value >> 4 * (digits - 1 - i) & 15];
	put(o, before, strlen(before));
	put(o, text, digits);
}

/* RFC 3986: all but what is unreserved. */
static void put_percent(struct out *o, const char *value)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" LETTERS "0123456789-._~";

	for (; *value; value++)
		if (strchr(unreserved, *value))
			put(o, value, 1);
		else
			put_hex(o, "%", (unsigned char)*value, 2);
}

static void put_json(struct out *o, const char *value)
{
	for (; *value; value++)
		if (*value == '"' || *value == '\\') {
			put(o, "\\", 1);
			put(o, value, 1);
		} else if ((unsigned char)*value < 0x20 || *value == 0x7f) {
			put_hex(o, "\\u", (unsigned char)*value, 4);
		} else {
			put(o, value, 1);
		}
}

static void put_header(struct out *o, const char *value)
{
	for (const char *p = value; *p; p++)
		if (*p < ' ' || *p > '~') {
			o->rc = KM_EINVAL;
			return;
		}
	put(o, value, strlen(value));
}

static void put_text(struct out *o, const char *value)
{
	put(o, value, strlen(value));
}

/* One character of UTF-8 that was found to be good. */
static uint32_t next_character(const unsigned char **at)
{
	const unsigned char *p = *at;
	unsigned more = p[0] < 0x80 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : 3;
	uint32_t c = more == 0 ? p[0] : p[0] & (0x3fu >> more);

	for (unsigned i = 1; i <= more; i++)
		c = c << 6 | (p[i] & 0x3f);
	*at = p + more + 1;
	return c;
}

static void put_ucs2(struct out *o, const char *value)
{
	const unsigned char *at = (const unsigned char *)value;

	while (*at) {
		uint32_t c = next_character(&at);

		if (c >= 0x10000) {
			put_hex(o, "", 0xd800 + ((c - 0x10000) >> 10), 4);
			c = 0xdc00 + ((c - 0x10000) & 0x3ff);
		}
		put_hex(o, "", c, 4);
	}
}

/* Plain lines: UTF-8 without any control character but line feeds. */
static bool is_lines(const char *value)
{
	size_t len = strlen(value);

	return len == 0 || km_text_is_page(value, len) || strspn(value, " \n") == len;
}

static void put_value(struct out *o, enum km_sms_place place, enum km_sms_value value,
		      const struct km_sms_values *values)
{
	static void (*const escape[])(struct out *, const char *) = {
		[KM_SMS_URL] = put_percent,  [KM_SMS_HEADER] = put_header, [KM_SMS_JSON] = put_json,
		[KM_SMS_FORM] = put_percent, [KM_SMS_TEXT] = put_text,
	};
	const char *text = values->of[value == KM_SMS_DIGITS ? KM_SMS_NUMBER
				      : value == KM_SMS_UCS2 ? KM_SMS_WORDS
							     : value];

	if (!text)
		return;
	if (!is_lines(text))
		o->rc = KM_EINVAL;
	else if (value == KM_SMS_UCS2)
		put_ucs2(o, text);
	else
		escape[place](o, text + (value == KM_SMS_DIGITS && *text == '+'));
}

km_rc km_sms_template_fill(const struct km_sms_template *t, const struct km_sms_values *values,
			   char *out, size_t cap, size_t *len)
{
	char filled[KM_SMS_FILLED];
	struct out o = { filled, (cap < sizeof(filled) ? cap : sizeof(filled)) - 1, KM_OK };

	if (cap == 0)
		return KM_ELIMIT;
	for (unsigned i = 0; i < t->count && o.rc == KM_OK; i++) {
		const struct km_sms_part *p = &t->part[i];

		if (p->value == KM_SMS_LITERAL)
			put(&o, t->text + p->at, p->len);
		else
			put_value(&o, t->place, (enum km_sms_value)p->value, values);
	}
	if (o.rc == KM_OK) {
		*len = (size_t)(o.at - filled);
		memcpy(out, filled, *len);
		out[*len] = '\0';
	}
	km_wipe(filled, sizeof(filled));
	return o.rc;
}
