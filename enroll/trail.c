/* Records of the audit trail, in the language of who reads them. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <kenmon/event.h>
#include <kenmon/factor.h>
#include <kenmon/hex.h>

#include "commands.h"
#include "report.h"
#include "trail.h"

#define SENTENCE 512 /* of what was found, the longest that the vault says */

/* What the values of a key are. */
enum kind {
	PLAIN,
	REASON,
	FACTOR,
	FINGER,
	ORDER,
	CAUSE,
	BRAKE,
	ROLE,
	STATE,
	ACT,
	FIELDS, /* words with commas between them */
	FOUND,  /* a sentence */
	ORIGIN,
	WAIT,
	AUTHORITY,
	UID,
	TO,
	ANSWER,
	LANGUAGE,
	BY,
	WHAT,
	APPROVAL,
	FULL,
	WHEN, /* a day, or none */
};

static const struct {
	const char *key;
	enum kind kind;
	const char *ja;
} details[] = {
#define DESK_DETAIL(key, kind, ja) { key, kind, ja },
#define DESK_FIELD(key, kind, ja)
#define DESK_WORD(kind, word, ja)
#include "trail.def"
#undef DESK_DETAIL
#undef DESK_FIELD
#undef DESK_WORD
}, fields[] = {
#define DESK_DETAIL(key, kind, ja)
#define DESK_FIELD(key, kind, ja) { key, kind, ja },
#define DESK_WORD(kind, word, ja)
#include "trail.def"
#undef DESK_DETAIL
#undef DESK_FIELD
#undef DESK_WORD
};

static const struct {
	enum kind kind;
	const char *word, *ja;
} words[] = {
#define KM_REASON(name, byte, text, word, ja) { REASON, word, ja },
#include <kenmon/reason.def>
#undef KM_REASON
#define KM_FACTOR(NAME, number, word, class, ja) { FACTOR, word, ja },
#include <kenmon/factor.def>
#undef KM_FACTOR
#define KM_ORDER(NAME, number, word, ja)                   { ORDER, word, ja },
#define KM_ORDER_STATE(NAME, number, ends, text, word, ja) { REASON, word, ja },
#define KM_ORDER_WHY(NAME, number, text, word, ja)         { REASON, word, ja },
#include <kenmon/order.def>
#undef KM_ORDER
#undef KM_ORDER_STATE
#undef KM_ORDER_WHY
#define KM_FINGER(NAME, number, word, en, ja) { FINGER, word, ja },
#include <kenmon/finger.def>
#undef KM_FINGER
#define KM_CAUSE(NAME, number, word, en, ja) { CAUSE, word, ja },
#define KM_BRAKE(NAME, number, word, en, ja) { BRAKE, word, ja },
#include <kenmon/people.def>
#define DESK_DETAIL(key, kind, ja)
#define DESK_FIELD(key, kind, ja)
#define DESK_WORD(kind, word, ja) { kind, word, ja },
#include "trail.def"
#undef DESK_DETAIL
#undef DESK_FIELD
#undef DESK_WORD
};

static const struct {
	unsigned event;
	const char *ja;
} events[] = {
#define KM_EVENT(NAME, number, word, priority, ja) { number, ja },
#include <kenmon/event.def>
#undef KM_EVENT
};

const char *trail_event(unsigned event, enum km_lang lang)
{
	for (size_t i = 0; lang == KM_LANG_JA && i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].event == event)
			return events[i].ja;
	return km_event_word(event);
}

/* NULL: not a word of this kind. */
static const char *word_of(enum kind kind, const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].kind == kind && strcmp(words[i].word, word) == 0)
			return words[i].ja;
	for (unsigned role = 0; kind == ROLE && role <= KM_ROLE_OFFICER; role++)
		if (strcmp(km_role_word(role), word) == 0)
			return report_role(role, KM_LANG_JA);
	for (unsigned state = KM_ACTIVE; kind == STATE && state <= KM_ERASING; state++)
		if (strcmp(km_state_word(state), word) == 0)
			return report_state(state, KM_LANG_JA);
	return kind == ACT ? desk_act_text(word, KM_LANG_JA) : NULL;
}

/* Appends as much of text as there is room for. */
static void add(char *out, size_t cap, const char *text)
{
	size_t used = strlen(out);

	snprintf(out + used, cap - used, "%s", text);
}

const char *trail_factor(unsigned factor, enum km_lang lang)
{
	const char *word = km_factor_word(factor);
	const char *ja = lang == KM_LANG_JA ? word_of(FACTOR, word) : NULL;

	return ja ? ja : word;
}

bool trail_words(const char *said, char *out, size_t cap)
{
	static const enum kind kinds[] = { ROLE, STATE, CAUSE, FIELDS, WHEN };
	char copy[SENTENCE], ja[SENTENCE] = "", *rest;
	size_t len = strlen(said);

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, said, len + 1);
	for (char *word = copy; word; word = rest) {
		const char *known;

		rest = strchr(word, ',');
		if (rest)
			*rest++ = '\0';
		word += *word == ' ';
		known = NULL;
		for (size_t i = 0; !known && i < sizeof(kinds) / sizeof(kinds[0]); i++)
			known = word_of(kinds[i], word);
		if (!known)
			return false;
		add(ja, sizeof(ja), known);
		add(ja, sizeof(ja), rest ? "、" : "");
	}
	snprintf(out, cap, "%s", ja);
	return true;
}

static void add_fields(char *out, size_t cap, char *value)
{
	char *rest = value;

	for (const char *word = strsep(&rest, ","); word; word = strsep(&rest, ",")) {
		const char *ja = word_of(FIELDS, word);

		add(out, cap, ja ? ja : word);
		add(out, cap, rest ? "・" : "");
	}
}

/* What was found is said by status, too, under the name of what it is about. */
static void add_found(char *out, size_t cap, const char *value)
{
	static const char *const keys[] = { "clock", "machine", "database" };
	char said[SENTENCE] = "", ja[SENTENCE];
	size_t len = 0;

	for (const char *at = value; *at && len + 1 < sizeof(said); len++) {
		int high = *at == '%' ? km_hex_value(at[1]) : -1;
		int low = high >= 0 ? km_hex_value(at[2]) : -1;

		said[len] = low >= 0 ? (char)(high * 16 + low) : *at;
		at += low >= 0 ? 3 : 1;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(desk_status_value(keys[i], said, KM_LANG_JA, ja, sizeof(ja)), said) == 0)
			continue;
		add(out, cap, "「");
		add(out, cap, ja);
		add(out, cap, "」");
		return;
	}
	add(out, cap, value);
}

static void add_detail(char *out, size_t cap, const char *key, char *value)
{
	size_t i = 0, known = sizeof(details) / sizeof(details[0]);
	const char *ja = NULL;

	while (i < known && strcmp(details[i].key, key) != 0)
		i++;
	add(out, cap, i < known ? details[i].ja : key);
	if (!value)
		return;
	add(out, cap, "=");
	if (i < known && details[i].kind == FIELDS) {
		add_fields(out, cap, value);
		return;
	}
	if (i < known && details[i].kind == FOUND) {
		add_found(out, cap, value);
		return;
	}
	if (i < known)
		ja = word_of(details[i].kind, value);
	add(out, cap, ja ? ja : value);
}

const char *trail_details(const char *body, enum km_lang lang, char *out, size_t cap)
{
	char copy[sizeof(((struct msg_audit_row *)0)->body)], *rest;

	if (lang != KM_LANG_JA)
		return body;
	snprintf(copy, sizeof(copy), "%s", body);
	out[0] = '\0';
	for (char *key = copy; key; key = rest) {
		char *value;

		rest = strchr(key, ' ');
		if (rest)
			*rest++ = '\0';
		value = strchr(key, '=');
		if (value)
			*value++ = '\0';
		add_detail(out, cap, key, value);
		add(out, cap, rest ? "、" : "");
	}
	return out;
}

void trail_field(const char **key, const char **value, enum km_lang lang)
{
	size_t i = 0, known = sizeof(fields) / sizeof(fields[0]);
	const char *ja;

	while (i < known && strcmp(fields[i].key, *key) != 0)
		i++;
	if (lang != KM_LANG_JA || i == known)
		return;
	ja = word_of(fields[i].kind, *value);
	*key = fields[i].ja;
	*value = ja ? ja : *value;
}

void trail_line(const struct msg_audit_row *row, const char *day, enum km_lang lang, char *out,
		size_t cap)
{
	char said[TRAIL_DETAILS];

	snprintf(out, cap, "%s %s (%s%s%s) %s", day, trail_event(row->event, lang), row->actor,
		 row->approver[0] ? ", " : "", row->approver,
		 trail_details(row->body, lang, said, sizeof(said)));
}
