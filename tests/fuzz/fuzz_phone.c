/*
 * Telephone numbers: the configuration's country, its prefixes, what was typed, and what is barred,
 * a line each.
 * What is read is E.164, reads as itself, and is shown with stars; what is not leaves nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/phone.h>

#include "fuzz.h"

const struct fuzz_seed fuzz_seeds[] = {
	SEED_TEXT("mobile", "+81\n+81\n090-1234-5678"),
	SEED_TEXT("wide", "+81\n+81 +44\n（０３）１２３４－５６７８"),
	SEED_TEXT("abroad", "+81\n+81 +44\n+44 (0)20 7946 0123"),
	SEED_TEXT("behind-our-code", "+81\n+8190\n+81 090 1234 5678"),
	SEED_TEXT("long", "+683\n+\n00000000000000000000000000000000"),
	SEED_TEXT("barred", "+81\n+81\n0990-123-456\n+81990 +81570"),
	SEED_TEXT("no-country", "81\n\n090"),
	{ .name = NULL },
};
const char *const fuzz_words[] = {
	"+81",          "+1",           "(0)",          "\xef\xbc\x8b", "\xef\xbc\x90",
	"\xe3\x80\x80", "\xef\xbc\x88", "\xef\xbc\x89", "\n",           NULL
};

void fuzz_begin(void)
{
}

static void good(const char *number, const struct km_phone_rules *rules)
{
	const char *country = rules->country;
	char again[KM_NUMBER_MAX + 1], mask[KM_PHONE_MASK];

	fuzz_check(km_phone_is_e164(number), "not E.164");
	fuzz_check(km_phone_normalise(number, country, again) == KM_PHONE_GOOD, "refused again");
	fuzz_check(strcmp(number, again) == 0, "%s reads as %s", number, again);
	fuzz_check(km_phone_rule(number, rules) == km_phone_take(number, rules, again),
		   "two answers to one question");
	km_phone_mask(number, country, mask);
	fuzz_check(strlen(mask) < KM_PHONE_MASK && strstr(mask, "****"), "no mask");
	fuzz_check(!strstr(mask, number + 4), "the mask shows it");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line[4], *at = malloc(size + 1), *text = at;
	char number[KM_NUMBER_MAX + 1], mask[KM_PHONE_MASK];

	fuzz_check(text, "no memory");
	memcpy(text, data, size);
	text[size] = '\0';
	for (unsigned i = 0; i < 4; i++) {
		line[i] = at;
		at += strcspn(at, "\n");
		if (*at)
			*at++ = '\0';
	}
	memset(number, 0x5a, sizeof(number));
	if (km_phone_normalise(line[2], line[0], number) == KM_PHONE_GOOD)
		good(number, &(struct km_phone_rules){ line[0], line[1], line[3] });
	else
		fuzz_check(number[0] == 0x5a && number[KM_NUMBER_MAX] == 0x5a, "something is left");
	km_phone_mask(line[2], line[0], mask);
	fuzz_check(strstr(mask, "****"), "no mask");
	free(text);
	return 0;
}
