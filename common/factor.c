/* Words and numbers of factors and of an operator's record. */
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/wire.h>

struct word {
	unsigned number;
	const char *word;
};

static const struct word factors[] = {
#define KM_FACTOR(NAME, number, word, class, ja) { number, word },
#include <kenmon/factor.def>
#undef KM_FACTOR
	{ 0, NULL }
};

static const struct word algorithms[] = {
	{ KM_SHA1, "sha1" }, { KM_SHA256, "sha256" }, { KM_SHA512, "sha512" }, { 0, NULL }
};

static const struct word states[] = { { KM_ACTIVE, "active" },
				      { KM_SUSPENDED, "suspended" },
				      { KM_ERASING, "erasing" },
				      { 0, NULL } };

static const struct word roles[] = {
	{ KM_ROLE_OPERATOR, "operator" }, { KM_ROLE_REGISTRAR, "registrar" },
	{ KM_ROLE_APPROVER, "approver" }, { KM_ROLE_AUDITOR, "auditor" },
	{ KM_ROLE_OFFICER, "officer" },   { 0, NULL }
};

static const char *word_of(const struct word *row, unsigned number)
{
	for (; row->word; row++)
		if (row->number == number)
			return row->word;
	return "?";
}

static bool number_of(const struct word *row, const char *word, unsigned *number)
{
	for (; word && row->word; row++)
		if (strcmp(row->word, word) == 0) {
			*number = row->number;
			return true;
		}
	return false;
}

const char *km_factor_word(unsigned factor)
{
	return word_of(factors, factor);
}

enum km_factor km_factor_parse(const char *word)
{
	unsigned number;

	return number_of(factors, word, &number) ? (enum km_factor)number : KM_FACTOR_NONE;
}

enum km_class km_factor_class(unsigned factor)
{
	switch (factor) {
#define KM_FACTOR(NAME, number, word, class, ja)                                                   \
	case number:                                                                               \
		return KM_CLASS_##class;
#include <kenmon/factor.def>
#undef KM_FACTOR
	default:
		return KM_CLASS_NONE;
	}
}

const char *km_algorithm_word(unsigned algorithm)
{
	return word_of(algorithms, algorithm);
}

const char *km_state_word(unsigned state)
{
	return word_of(states, state);
}

const char *km_role_word(unsigned role)
{
	return word_of(roles, role);
}

bool km_role_parse(const char *word, enum km_role *out)
{
	unsigned number;

	if (!number_of(roles, word, &number))
		return false;
	*out = (enum km_role)number;
	return true;
}

bool km_algorithm_parse(const char *word, enum km_algorithm *out)
{
	unsigned number;

	if (!number_of(algorithms, word, &number))
		return false;
	*out = (enum km_algorithm)number;
	return true;
}

/* 0 for what is no character of RFC 4648 base32. Not toupper(): no locale comes in here. */
static uint8_t base32(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 'A');
	return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7') ? c : 0;
}

static bool to_recovery(struct km_secret *s)
{
	struct km_secret plain KM_SECRET = { 0 };

	for (size_t i = 0; i < s->len; i++) {
		uint8_t c = base32(s->bytes[i]);

		if (s->bytes[i] == '-' || s->bytes[i] == ' ')
			continue;
		if (!c || plain.len == KM_RECOVERY_LENGTH)
			return false;
		plain.bytes[plain.len++] = c;
	}
	return plain.len == KM_RECOVERY_LENGTH && km_secret_set(s, plain.bytes, plain.len) == KM_OK;
}

/*
 * Digits as people type them: with the blanks that apps show between groups, or in the wide forms
 * of a Japanese input method (U+FF10 to U+FF19). False: it is something else.
 */
static bool as_digits(const struct km_secret *answer, struct km_secret *plain)
{
	for (size_t i = 0; i < answer->len; i++) {
		const uint8_t *c = &answer->bytes[i];

		if (*c == ' ')
			continue;
		if (answer->len - i >= 3 && c[0] == 0xEF && c[1] == 0xBC && c[2] >= 0x90 &&
		    c[2] <= 0x99) {
			plain->bytes[plain->len++] = (uint8_t)('0' + c[2] - 0x90);
			i += 2;
		} else if (*c >= '0' && *c <= '9') {
			plain->bytes[plain->len++] = *c;
		} else {
			return false;
		}
	}
	return true;
}

/*
 * Nothing, or a star, which may be in the wide form of a Japanese input method (U+FF0A) and becomes
 * plain. False: it is something else.
 */
static bool as_star(struct km_secret *answer)
{
	static const uint8_t wide[] = { 0xEF, 0xBC, 0x8A };

	if (answer->len == sizeof(wide) && memcmp(answer->bytes, wide, sizeof(wide)) == 0)
		return km_secret_set(answer, "*", 1) == KM_OK;
	return answer->len == 0 || (answer->len == 1 && answer->bytes[0] == '*');
}

enum km_class km_answer_class(struct km_secret *answer, unsigned shapes)
{
	static const struct {
		unsigned shape, len;
	} digits[] = { { KM_SHAPE_DIGITS_6, 6 },
		       { KM_SHAPE_DIGITS_7, 7 },
		       { KM_SHAPE_DIGITS_8, 8 },
		       { KM_SHAPE_DIGITS_9, 9 },
		       { KM_SHAPE_DIGITS_A, 10 } };

	struct km_secret plain KM_SECRET = { 0 };
	bool is_digits;

	if (answer->len > KM_SECRET_MAX)
		return KM_CLASS_NONE;
	if (answer->len == 0 && (shapes & KM_SHAPE_TOUCH) != 0)
		return KM_CLASS_TOUCH;
	if ((shapes & KM_SHAPE_PHONE) != 0 && as_star(answer))
		return KM_CLASS_PHONE;
	is_digits = as_digits(answer, &plain);
	for (size_t i = 0; is_digits && i < sizeof(digits) / sizeof(digits[0]); i++)
		if ((shapes & digits[i].shape) != 0 && plain.len == digits[i].len) {
			*answer = plain;
			return KM_CLASS_DIGITS;
		}
	if ((shapes & KM_SHAPE_RECOVERY) != 0 && to_recovery(answer))
		return KM_CLASS_RECOVERY;
	return KM_CLASS_NONE;
}
