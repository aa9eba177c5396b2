/* Words of people.def. */
#include <stddef.h>
#include <string.h>

#include <kenmon/people.h>

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct row {
	unsigned number;
	const char *word;
	const char *text[KM_LANG_COUNT];
};

static const struct row causes[] = {
#define KM_CAUSE(NAME, number, word, en, ja)                                                       \
	{ number, word, { [KM_LANG_EN] = en, [KM_LANG_JA] = ja } },
#include <kenmon/people.def>
	{ 0 },
};

static const struct row outcomes[] = {
#define KM_OUTCOME(NAME, number, word, en, ja)                                                     \
	{ number, word, { [KM_LANG_EN] = en, [KM_LANG_JA] = ja } },
#include <kenmon/people.def>
	{ 0 },
};

static const struct row brakes[] = {
#define KM_BRAKE(NAME, number, word, en, ja)                                                       \
	{ number, word, { [KM_LANG_EN] = en, [KM_LANG_JA] = ja } },
#include <kenmon/people.def>
	{ 0 },
};

static const struct {
	enum km_roster_status status;
	const char *word, *ja;
} statuses[] = {
#define KM_STATUS(NAME, number, word, ja) { KM_ROSTER_##NAME, word, ja },
#include <kenmon/people.def>
};

static const struct row *row_of(const struct row *row, unsigned number)
{
	for (; row->word; row++)
		if (row->number == number)
			return row;
	return NULL;
}

static const char *word_of(const struct row *rows, unsigned number)
{
	const struct row *row = row_of(rows, number);

	return row ? row->word : "?";
}

static const char *text_of(const struct row *rows, unsigned number, enum km_lang lang)
{
	const struct row *row = row_of(rows, number);

	return row && lang < KM_LANG_COUNT ? row->text[lang] : "?";
}

const char *km_cause_word(unsigned cause)
{
	return word_of(causes, cause);
}

const char *km_outcome_word(unsigned outcome)
{
	return word_of(outcomes, outcome);
}

const char *km_brake_word(unsigned brake)
{
	return word_of(brakes, brake);
}

const char *km_cause_text(unsigned cause, enum km_lang lang)
{
	return text_of(causes, cause, lang);
}

const char *km_outcome_text(unsigned outcome, enum km_lang lang)
{
	return text_of(outcomes, outcome, lang);
}

const char *km_brake_text(unsigned brake, enum km_lang lang)
{
	return text_of(brakes, brake, lang);
}

bool km_login_is_possible(const char *login)
{
	size_t len = strlen(login);

	return len > 0 && len <= KM_LOGIN_MOST && !strchr("-.@", login[0]) &&
	       strspn(login, LETTERS DIGITS "_-.@") == len;
}

enum km_roster_status km_roster_status_parse(const char *word)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(statuses[i].word, word) == 0 || strcmp(statuses[i].ja, word) == 0)
			return statuses[i].status;
	return KM_ROSTER_NONE;
}
