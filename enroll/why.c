/* The vault's reasons, and what it says of how things stand, in the language of who reads them. */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/people.h>
#include <kenmon/phone.h>
#include <kenmon/texts.h>

#include "desk.h"
#include "trail.h"

#define VALUES 4
#define VALUE  256

static const struct {
	const char *said, *ja;
} reasons[] = {
#define DESK_REASON(en, ja) { en, ja },
#include "why.def"
#undef DESK_REASON
};

static const struct {
	const char *key, *said, *ja;
} statuses[] = {
#define DESK_STATUS(key, en, ja) { key, en, ja },
#include "status.def"
#undef DESK_STATUS
};

/* Past a conversion of printf's, such as %s or %llu. */
static const char *past_conversion(const char *format)
{
	format++;
	while (*format == 'l')
		format++;
	return *format ? format + 1 : format;
}

/*
 * Whether the sentence was made of this format; then its values. A value goes on to where the words
 * after it are found first, and the last one to the end.
 */
static bool made_of(const char *said, const char *format, char values[VALUES][VALUE])
{
	unsigned n = 0;

	while (*format) {
		const char *next = format + strcspn(format, "%"), *end;
		size_t words = (size_t)(next - format);

		if (strncmp(said, format, words) != 0)
			return false;
		said += words;
		if (!*next)
			return !*said;
		format = past_conversion(next);
		words = strcspn(format, "%");
		end = said + strlen(said);
		if (words) {
			char after[VALUE];

			snprintf(after, sizeof(after), "%.*s", (int)words, format);
			end = strstr(said, after);
		}
		if (!end || n == VALUES || (size_t)(end - said) >= VALUE)
			return false;
		snprintf(values[n++], VALUE, "%.*s", (int)(end - said), said);
		said = end;
	}
	return !*said;
}

/* What is wrong with a number. */
static const char *const faults[] = {
	[KM_PHONE_GOOD] = "",
	[KM_PHONE_EMPTY] = "番号がありません",
	[KM_PHONE_SIGN] = "電話番号に使えない文字があります",
	[KM_PHONE_BEGIN] = "「+」と国番号、または一つの 0 で始まっていません",
	[KM_PHONE_SHORT] = "桁が足りません",
	[KM_PHONE_LONG] = "桁が多すぎます",
	[KM_PHONE_COUNTRY] = "[phone] country が国番号ではありません",
	[KM_PHONE_OTHER] = "[phone] prefixes で許可されていない番号です",
	[KM_PHONE_BARRED] = "[phone] barred で禁止されている番号です",
};

/* A value that is a sentence itself. */
static void translate(char value[VALUE], enum km_lang lang)
{
	for (unsigned fault = 1; fault < sizeof(faults) / sizeof(faults[0]); fault++) {
		if (strcmp(value, km_phone_fault_text((enum km_phone_fault)fault)) == 0) {
			snprintf(value, VALUE, "%s", faults[fault]);
			return;
		}
	}
	for (unsigned brake = 1; brake < UINT8_MAX; brake++) {
		if (strcmp(value, km_brake_text(brake, KM_LANG_EN)) == 0) {
			snprintf(value, VALUE, "%s", km_brake_text(brake, lang));
			return;
		}
	}
}

/*
 * The value that a '%' at text stands for, or NULL; *next: behind it. %u is a sentence's only value
 * in texts.def; %1 to %4 are those of why.def and status.def, and %w1 is one that is a word of
 * ours.
 */
static const char *value_at(const char *text, char values[VALUES][VALUE], const char **next)
{
	bool ours = text[0] == '%' && text[1] == 'w';
	const char *digit = text + 1 + ours;
	char *value;

	if (text[0] != '%' || ((*digit < '1' || *digit >= '1' + VALUES) && *digit != 'u'))
		return NULL;
	value = values[*digit == 'u' ? 0 : *digit - '1'];
	if (ours)
		(void)trail_words(value, value, VALUE);
	*next = digit + 1;
	return value;
}

static const char *say(const char *text, char values[VALUES][VALUE], char *out, size_t cap)
{
	size_t at = 0;

	out[0] = '\0';
	while (*text && at + 1 < cap) {
		const char *value = value_at(text, values, &text);

		if (value)
			at += (size_t)snprintf(out + at, cap - at, "%s", value);
		else
			out[at++] = *text++;
	}
	if (at >= cap)
		at = cap - 1;
	out[at] = '\0';
	return out;
}

const char *desk_reason(const char *said, enum km_lang lang, char *out, size_t cap)
{
	char values[VALUES][VALUE] = { "" };

	if (lang != KM_LANG_JA)
		return said;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (!made_of(said, reasons[i].said, values))
			continue;
		for (unsigned v = 0; v < VALUES; v++)
			translate(values[v], lang);
		return say(reasons[i].ja, values, out, cap);
	}
	for (unsigned id = 1; id < KM_TEXT_COUNT; id++) { /* what the door says, too */
		if (made_of(said, km_text((enum km_text)id, KM_LANG_EN), values))
			return say(km_text((enum km_text)id, lang), values, out, cap);
	}
	return said;
}

/* The row of a key that says this, or NULL; then its values. */
static const char *status_of(const char *key, const char *said, char values[VALUES][VALUE])
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(statuses[i].key, key) == 0 && made_of(said, statuses[i].said, values))
			return statuses[i].ja;
	return NULL;
}

const char *desk_status_value(const char *key, const char *said, enum km_lang lang, char *out,
			      size_t cap)
{
	char values[VALUES][VALUE] = { "" }, inner[VALUES][VALUE];
	const char *ja = lang == KM_LANG_JA ? status_of(key, said, values) : NULL, *within;

	if (!ja)
		return desk_reason(said, lang, out, cap);
	for (unsigned v = 0; v < VALUES; v++) {
		/* A name has no blank in it, and is no sentence. */
		within = strchr(values[v], ' ') ? status_of(key, values[v], inner) : NULL;
		if (within)
			snprintf(values[v], VALUE, "%s", within);
	}
	return say(ja, values, out, cap);
}
