/* What is wrong with a configuration, in the language of who reads it. */
#include <stdio.h>
#include <string.h>

#include <kenmon/texts.h>

#include "fault.h"

static const struct {
	const char *en, *ja;
} rows[KM_FAULT_COUNT] = {
#define KM_CONF_FAULT(NAME, en, ja) [KM_FAULT_##NAME] = { en, ja },
#include <kenmon/conf_fault.def>
#undef KM_CONF_FAULT
};

struct saying {
	char *out;
	size_t at, cap;
};

static void add(struct saying *s, const char *text, size_t len)
{
	(void)km_text_append(s->out, s->cap, &s->at, text, len);
}

/* The n-th value, or "". */
static const char *value_of(const struct km_fault *f, unsigned n)
{
	const char *value = f->values;

	while (n-- > 0 && value < f->values + f->len)
		value += strlen(value) + 1;
	return value < f->values + f->len ? value : "";
}

/* What stands in English as a row of its own: a unit, or what is wrong with JSON. */
static const char *in_japanese(const char *value)
{
	for (unsigned i = KM_FAULT_NONE + 1; i < KM_FAULT_COUNT; i++)
		if (strcmp(rows[i].en, value) == 0)
			return rows[i].ja;
	return value;
}

/* %1 is the first value; %w1 the same where it is one of our own sentences or words. */
static void say(struct saying *s, const struct km_fault *f, const struct km_fault *within)
{
	const char *text = rows[f->number].ja;

	while (*text) {
		bool ours = text[0] == '%' && text[1] == 'w';
		const char *digit = text + 1 + ours, *value;

		if (text[0] != '%' || *digit < '1' || *digit > '9') {
			size_t words = 1 + strcspn(text + 1, "%");

			add(s, text, words);
			text += words;
			continue;
		}
		value = value_of(f, (unsigned)(*digit - '1'));
		text = digit + 1;
		if (ours && within && within->number != KM_FAULT_NONE) {
			say(s, within, NULL);
			continue;
		}
		if (ours)
			value = in_japanese(value);
		add(s, value, strlen(value));
	}
}

const char *desk_fault(const struct km_conf_error *e, enum km_lang lang, char *out, size_t cap)
{
	struct saying s = { .out = out, .cap = cap };

	if (lang != KM_LANG_JA || e->fault.number == KM_FAULT_NONE)
		return e->text;
	out[0] = '\0';
	say(&s, &e->fault, &e->why);
	return out;
}
