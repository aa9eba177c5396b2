/* Words of verdicts and reasons. What a verdict means to PAM is the door's one place. */
#include <stddef.h>
#include <stdint.h>

#include <kenmon/verdict.h>

const char *km_verdict_name(unsigned byte)
{
	static const struct {
		unsigned byte;
		const char *name;
	} rows[] = {
#define KM_VERDICT(name, byte, auth, acct, meaning) { byte, #name },
#include <kenmon/verdict.def>
#undef KM_VERDICT
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].byte == byte)
			return rows[i].name;
	return "?";
}

/* In one piece, and not by pointers, as texts.c says. */
static const struct words {
#define KM_REASON(name, byte, text, word, ja) char name[sizeof(word)];
#include <kenmon/reason.def>
#undef KM_REASON
} words = {
#define KM_REASON(name, byte, text, word, ja) word,
#include <kenmon/reason.def>
#undef KM_REASON
};

static const struct reason {
	uint8_t byte, text; /* enum km_text */
	uint16_t word;      /* where it begins in words */
} reasons[] = {
#define KM_REASON(name, byte, text, word, ja)                                                      \
	{ byte, KM_TEXT_##text, offsetof(struct words, name) },
#include <kenmon/reason.def>
#undef KM_REASON
};

_Static_assert(KM_TEXT_COUNT <= UINT8_MAX, "too many texts");

static const struct reason *reason_of(unsigned byte)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].byte == byte)
			return &reasons[i];
	return NULL;
}

const char *km_reason_word(unsigned byte)
{
	const struct reason *reason = reason_of(byte);

	return reason ? (const char *)&words + reason->word : "?";
}

enum km_text km_reason_text(unsigned byte)
{
	const struct reason *reason = reason_of(byte);

	return reason ? (enum km_text)reason->text : KM_TEXT_UNAVAILABLE;
}
