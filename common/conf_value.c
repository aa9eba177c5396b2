/* Values of the configuration: one reader and one writer for each kind of conf.def. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/hex.h>
#include <kenmon/log.h>
#include <kenmon/phone.h>

#include "conf_value.h"
#include "zone.h"

#define BLANKS " \t"

const struct km_conf_row km_conf_rows[KM_CONF_ROWS] = {
#define KM_CONF(section, key, kind, field, fallback, least, most, unit, what)                      \
	{ #section, #key, kind, offsetof(struct km_conf, field), fallback, least, most, unit },
#include <kenmon/conf.def>
#undef KM_CONF
};

void *km_conf_in_login(const struct km_conf_row *row, struct km_conf_login *login)
{
	if (strcmp(row->section, "login") != 0)
		return NULL;
	return (char *)login + (row->offset - offsetof(struct km_conf, login));
}

/* Copies the next word of *at and moves on; false at the end. A word too long is cut. */
static bool next_word(const char **at, char *word, size_t cap)
{
	const char *start = *at + strspn(*at, BLANKS);
	size_t len = strcspn(start, BLANKS);

	*at = start + len;
	if (len == 0)
		return false;
	snprintf(word, cap, "%.*s", (int)len, start);
	return true;
}

static bool set_number(const struct km_conf_row *row, const char *value, void *member,
		       struct km_why *why)
{
	unsigned long n = 0;
	char *end = NULL;

	errno = 0;
	if (*value >= '0' && *value <= '9')
		n = strtoul(value, &end, 10);
	if (!end || *end || errno || n < row->least || n > row->most)
		return KM_WHY(why, NUMBER, row->least, row->most, row->unit);
	*(unsigned *)member = (unsigned)n;
	return true;
}

static void list_factors(char *out, size_t cap)
{
	size_t used = 0;

	for (unsigned factor = 1; factor < 32 && used < cap; factor++)
		if (km_factor_class(factor) != KM_CLASS_NONE && factor != KM_FACTOR_BYPASS)
			used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "",
						 km_factor_word(factor));
}

/* Of a word that is none of ours, in a sentence. km_escape cuts between characters, printf would
 * not. */
#define SHOWN 60

/* One step, "totp+hotp", into *set; *all holds the factors of the steps before it too. */
static bool read_step(const char *step, uint32_t *all, uint32_t *set, struct km_why *why)
{
	char word[KM_CONF_TEXT], clean[SHOWN + 1], known[128] = "";

	for (;;) {
		size_t len = strcspn(step, "+");
		enum km_factor factor;

		snprintf(word, sizeof(word), "%.*s", (int)len, step);
		factor = km_factor_parse(word);
		/* A bypass is given to a person, not asked for by a service. */
		if (factor == KM_FACTOR_NONE || factor == KM_FACTOR_BYPASS) {
			list_factors(known, sizeof(known));
			if (len == 0)
				return KM_WHY(why, FACTOR_MISSING, known);
			return KM_WHY(why, FACTOR_UNKNOWN, km_escape(word, clean, sizeof(clean)),
				      known);
		}
		if (*all & KM_FACTOR_BIT(factor))
			return KM_WHY(why, FACTOR_TWICE, km_factor_word(factor));
		*all |= KM_FACTOR_BIT(factor);
		*set |= KM_FACTOR_BIT(factor);
		if (!step[len])
			break;
		step += len + 1;
	}
	/* A finger may be cut, the reader broken: a code always stands beside it (SP
	 * 800-63B-4, 3.2.3), and one that needs no gateway, which breaks as well. */
	if ((*set & KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT)) && !(*set & KM_HELD_FACTORS)) {
		return *set & KM_PHONE_FACTORS ? KM_WHY(why, FINGER_SENT)
					       : KM_WHY(why, FINGER_ALONE);
	}
	return true;
}

static bool set_steps(const struct km_conf_row *row, const char *value, void *member,
		      struct km_why *why)
{
	struct km_steps steps = { 0 };
	uint32_t all = 0;
	char word[KM_CONF_VALUE];

	(void)row;
	while (next_word(&value, word, sizeof(word))) {
		if (steps.count == KM_CONF_STEPS)
			return KM_WHY(why, STEPS_MANY, KM_CONF_STEPS);
		if (!read_step(word, &all, &steps.factors[steps.count], why))
			return false;
		steps.count++;
	}
	if (steps.count == 0)
		return KM_WHY(why, STEPS_NONE);
	*(struct km_steps *)member = steps;
	return true;
}

bool km_conf_name_fits(const char *name, struct km_why *why)
{
	size_t len = strlen(name);

	if (len >= KM_CONF_TEXT)
		return KM_WHY(why, NAME_LONG, KM_CONF_TEXT - 1);
	if (len == 0 || strpbrk(name, BLANKS "[]=;\"'") || !km_text_is_plain(name, len))
		return KM_WHY(why, NAME_FORM);
	if (strpbrk(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
		return KM_WHY(why, NAME_UPPER);
	return true;
}

static bool set_names(const struct km_conf_row *row, const char *value, void *member,
		      struct km_why *why)
{
	struct km_names names = { 0 };
	char word[KM_CONF_VALUE];

	(void)row;
	while (next_word(&value, word, sizeof(word))) {
		if (names.count == KM_CONF_NAMES)
			return KM_WHY(why, NAMES_MANY, KM_CONF_NAMES);
		if (!km_conf_name_fits(word, why))
			return false;
		for (unsigned i = 0; i < names.count; i++)
			if (strcmp(names.name[i], word) == 0)
				return KM_WHY(why, NAME_TWICE, word);
		memcpy(names.name[names.count++], word, strlen(word) + 1);
	}
	*(struct km_names *)member = names;
	return true;
}

static const char *const languages[KM_LANG_COUNT] = { [KM_LANG_EN] = "en", [KM_LANG_JA] = "ja" };

static bool set_language(const struct km_conf_row *row, const char *value, void *member,
			 struct km_why *why)
{
	(void)row;
	for (unsigned i = 0; i < KM_LANG_COUNT; i++)
		if (strcmp(value, languages[i]) == 0) {
			*(enum km_lang *)member = (enum km_lang)i;
			return true;
		}
	return KM_WHY(why, LANGUAGE);
}

static bool set_zone(const struct km_conf_row *row, const char *value, void *member,
		     struct km_why *why)
{
	(void)row;
	if (*value && (strlen(value) >= KM_CONF_TEXT || !km_zone_known(value)))
		return KM_WHY(why, ZONE);
	memset(member, 0, KM_CONF_TEXT);
	memcpy(member, value, strlen(value));
	return true;
}

static bool set_bool(const struct km_conf_row *row, const char *value, void *member,
		     struct km_why *why)
{
	(void)row;
	if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0)
		return KM_WHY(why, YES_NO);
	*(bool *)member = strcmp(value, "yes") == 0;
	return true;
}

static bool set_text(const struct km_conf_row *row, const char *value, void *member,
		     struct km_why *why)
{
	size_t len = strlen(value);

	(void)row;
	if (len >= KM_CONF_LINE || !km_text_is_plain(value, len))
		return KM_WHY(why, TEXT, KM_CONF_LINE - 1);
	memset(member, 0, KM_CONF_LINE);
	memcpy(member, value, len);
	return true;
}

static bool set_country(const struct km_conf_row *row, const char *value, void *member,
			struct km_why *why)
{
	if (km_phone_country_is_good(value))
		return set_text(row, value, member, why);
	return KM_WHY(why, COUNTRY);
}

static bool set_prefixes(const struct km_conf_row *row, const char *value, void *member,
			 struct km_why *why)
{
	if (km_phone_prefixes_are_good(value))
		return set_text(row, value, member, why);
	return KM_WHY(why, PREFIXES);
}

static bool set_barred(const struct km_conf_row *row, const char *value, void *member,
		       struct km_why *why)
{
	if (km_phone_barred_is_good(value))
		return set_text(row, value, member, why);
	return KM_WHY(why, BARRED);
}

static bool set_key(const struct km_conf_row *row, const char *value, void *member,
		    struct km_why *why)
{
	struct km_conf_key key = { .set = *value != '\0' };
	size_t len = strlen(value);

	(void)row;
	if (len != 0 &&
	    (len != 2 * sizeof(key.bytes) || !km_hex_parse(value, key.bytes, sizeof(key.bytes))))
		return KM_WHY(why, KEY, 2 * sizeof(key.bytes));
	*(struct km_conf_key *)member = key;
	return true;
}

/* The words of a row, one after the other; NULL behind the last. */
static const char *next_choice(const char *words, size_t *len)
{
	*len = strcspn(words, "|");
	return *len ? words : NULL;
}

static const char *choice_after(const char *word, size_t len)
{
	return word + len + (word[len] == '|');
}

static bool set_word(const struct km_conf_row *row, const char *value, void *member,
		     struct km_why *why)
{
	char known[KM_CONF_WHY] = "";
	size_t len, used = 0;
	unsigned place = 0;

	for (const char *w = next_choice(row->unit, &len); w;
	     w = next_choice(choice_after(w, len), &len), place++) {
		if (strlen(value) != len || strncmp(value, w, len) != 0)
			continue;
		*(unsigned *)member = place;
		return true;
	}
	for (const char *w = next_choice(row->unit, &len); w && used < sizeof(known);
	     w = next_choice(choice_after(w, len), &len))
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%.*s",
					 w == row->unit ? "" : ", ", (int)len, w);
	return KM_WHY(why, WORD, known);
}

bool km_conf_value_set(const struct km_conf_row *row, const char *value, void *member,
		       struct km_why *why)
{
	static bool (*const set[])(const struct km_conf_row *, const char *, void *,
				   struct km_why *) = {
		[NUMBER] = set_number, [STEPS] = set_steps,     [NAMES] = set_names,
		[LANG] = set_language, [ZONE] = set_zone,       [BOOL] = set_bool,
		[TEXT] = set_text,     [COUNTRY] = set_country, [PREFIXES] = set_prefixes,
		[BARRED] = set_barred, [KEY] = set_key,         [WORD] = set_word,
	};

	return set[row->kind](row, value, member, why);
}

void km_conf_value_copy(const struct km_conf_row *row, void *to, const void *from)
{
	static const size_t size[] = {
		[NUMBER] = sizeof(unsigned),
		[STEPS] = sizeof(struct km_steps),
		[NAMES] = sizeof(struct km_names),
		[LANG] = sizeof(enum km_lang),
		[ZONE] = KM_CONF_TEXT,
		[BOOL] = sizeof(bool),
		[TEXT] = KM_CONF_LINE,
		[COUNTRY] = KM_CONF_LINE,
		[PREFIXES] = KM_CONF_LINE,
		[BARRED] = KM_CONF_LINE,
		[KEY] = sizeof(struct km_conf_key),
		[WORD] = sizeof(unsigned),
	};

	memcpy(to, from, size[row->kind]);
}

/* --- and back ------------------------------------------------------------ */

static void print_steps(const struct km_steps *steps, char *out, size_t cap)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < steps->count && i < KM_CONF_STEPS; i++) {
		const char *before = i ? " " : "";

		for (unsigned factor = 1; factor < 32 && used < cap; factor++)
			if (steps->factors[i] & KM_FACTOR_BIT(factor)) {
				used += (size_t)snprintf(out + used, cap - used, "%s%s", before,
							 km_factor_word(factor));
				before = "+";
			}
	}
}

static void print_names(const struct km_names *names, char *out, size_t cap)
{
	size_t used = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < names->count && i < KM_CONF_NAMES && used < cap; i++)
		used +=
		    (size_t)snprintf(out + used, cap - used, "%s%s", i ? " " : "", names->name[i]);
}

_Static_assert(KM_CONF_VALUE >= KM_HEX(sizeof((struct km_conf_key){ 0 }.bytes)),
	       "room for a public key");

static void print_key(const struct km_conf_key *key, char out[KM_CONF_VALUE])
{
	(void)km_hex(key->bytes, key->set ? sizeof(key->bytes) : 0, out);
}

static void print_word(const struct km_conf_row *row, unsigned place, char *out, size_t cap)
{
	const char *word;
	size_t len;

	out[0] = '\0';
	for (word = next_choice(row->unit, &len); word && place > 0; place--)
		word = next_choice(choice_after(word, len), &len);
	if (word)
		snprintf(out, cap, "%.*s", (int)len, word);
}

void km_conf_value_print(const struct km_conf_row *row, const void *member, char out[KM_CONF_VALUE])
{
	unsigned lang;

	switch (row->kind) {
	case NUMBER:
		snprintf(out, KM_CONF_VALUE, "%u", *(const unsigned *)member);
		break;
	case STEPS:
		print_steps(member, out, KM_CONF_VALUE);
		break;
	case NAMES:
		print_names(member, out, KM_CONF_VALUE);
		break;
	case LANG:
		lang = *(const enum km_lang *)member;
		snprintf(out, KM_CONF_VALUE, "%s", lang < KM_LANG_COUNT ? languages[lang] : "?");
		break;
	case ZONE:
		snprintf(out, KM_CONF_VALUE, "%s", (const char *)member);
		break;
	case BOOL:
		snprintf(out, KM_CONF_VALUE, "%s", *(const bool *)member ? "yes" : "no");
		break;
	case TEXT:
	case COUNTRY:
	case PREFIXES:
	case BARRED:
		snprintf(out, KM_CONF_VALUE, "%s", (const char *)member);
		break;
	case KEY:
		print_key(member, out);
		break;
	case WORD:
		print_word(row, *(const unsigned *)member, out, KM_CONF_VALUE);
		break;
	}
}
