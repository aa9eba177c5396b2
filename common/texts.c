/* The sentences of texts.def. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/texts.h>

/*
 * All sentences in one piece, found by where each begins. Pointers would have to be written by the
 * dynamic linker first, wherever the door is loaded for one login (sshd, su).
 */
static const struct sentences {
#define KM_TEXT(id, en, ja) char id##_en[sizeof(en)], id##_ja[sizeof(ja)];
#include <kenmon/texts.def>
#undef KM_TEXT
} sentences = {
#define KM_TEXT(id, en, ja) en, ja,
#include <kenmon/texts.def>
#undef KM_TEXT
};

_Static_assert(sizeof(sentences) <= UINT16_MAX, "a sentence lies too far");

static const uint16_t begins[KM_TEXT_COUNT][KM_LANG_COUNT] = {
#define KM_TEXT(id, en, ja)                                                                        \
	[KM_TEXT_##id] = { [KM_LANG_EN] = offsetof(struct sentences, id##_en),                     \
			   [KM_LANG_JA] = offsetof(struct sentences, id##_ja) },
#include <kenmon/texts.def>
#undef KM_TEXT
};

const char *km_text(enum km_text id, enum km_lang lang)
{
	if ((unsigned)id >= KM_TEXT_COUNT)
		id = KM_TEXT_UNAVAILABLE;
	return (const char *)&sentences +
	       begins[id][(unsigned)lang < KM_LANG_COUNT ? lang : KM_LANG_EN];
}

bool km_text_append(char *out, size_t cap, size_t *used, const char *bytes, size_t len)
{
	size_t room = cap - 1 - *used;
	size_t n = len < room ? len : room;

	if (n < len)
		while (n && ((unsigned char)bytes[n] & 0xC0) == 0x80)
			n--; /* not in the middle of a character */
	memcpy(out + *used, bytes, n);
	*used += n;
	out[*used] = '\0';
	return n == len;
}

void km_text_filled(enum km_text id, enum km_lang lang, const char *word, char *out, size_t cap)
{
	const char *text = km_text(id, lang);
	const char *mark = strstr(text, "%u");
	size_t before = mark ? (size_t)(mark - text) : strlen(text);
	size_t used = 0;

	if (cap == 0)
		return;
	if (km_text_append(out, cap, &used, text, before) && mark &&
	    km_text_append(out, cap, &used, word, strlen(word)))
		(void)km_text_append(out, cap, &used, mark + 2, strlen(mark + 2));
}

void km_text_number(enum km_text id, enum km_lang lang, unsigned long number, char *out, size_t cap)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%lu", number);
	km_text_filled(id, lang, digits, out, cap);
}

enum km_lang km_lang_parse(const char *name, enum km_lang fallback)
{
	static const char *const names[KM_LANG_COUNT] = {
		[KM_LANG_EN] = "en", [KM_LANG_JA] = "ja"
	};

	for (unsigned i = 0; name && i < KM_LANG_COUNT; i++) {
		size_t len = strlen(names[i]);

		if (strncmp(name, names[i], len) == 0 && strchr("_.@", name[len]))
			return (enum km_lang)i; /* strchr finds the NUL too */
	}
	return fallback;
}
