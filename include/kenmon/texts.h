/*
 * Sentences for operators, compiled in: a minimal system has no generated
 * locales, and a daemon's own locale says nothing about who sits at the screen.
 */
#ifndef KENMON_TEXTS_H
#define KENMON_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

enum km_lang { KM_LANG_EN = 0, KM_LANG_JA = 1, KM_LANG_COUNT };

enum km_text {
#define KM_TEXT(id, en, ja) KM_TEXT_##id,
#include <kenmon/texts.def>
#undef KM_TEXT
	KM_TEXT_COUNT
};

/* The text; English for a language we do not have; never NULL. */
const char *km_text(enum km_text id, enum km_lang lang);

/* The text with %u replaced by number, cut at cap - 1 bytes on a character boundary. */
void km_text_number(enum km_text id, enum km_lang lang, unsigned long number, char *out,
		    size_t cap);

/* The same with a word: digits whose first may be 0. */
void km_text_filled(enum km_text id, enum km_lang lang, const char *word, char *out, size_t cap);

/*
 * Appends len bytes to out, which holds *used of cap - 1, and a NUL. False: only a part had room,
 * and no character is cut. cap is at least 1.
 */
bool km_text_append(char *out, size_t cap, size_t *used, const char *bytes, size_t len);

/* "en", "ja", "ja_JP.UTF-8" and the like; anything else is fallback. */
enum km_lang km_lang_parse(const char *name, enum km_lang fallback);

#endif
