/* A house that calls: its server is an exchange of the test's, its telephone is sipp. */
#ifndef KENMON_TESTS_HOUSE_CALLS_H
#define KENMON_TESTS_HOUSE_CALLS_H

#include <stdlib.h>

#include "house_office.h"
#include "house_phone.h"
#include "telephone.h"

#define LANDLINE "03-1234-5678" /* EXCHANGE_NUMBER, as it is written here */

/*
 * "daemon" has a token (HOTP, OFFICE_SECRET) and LANDLINE; the service asks for either. line: its
 * address and sounds alone, the courier is the house's. False: the house does not stand.
 */
static inline bool calls_house(struct house **h, const struct exchange *line, const char *mode)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	struct km_msg m = { .number = KM_MSG_ENROL_PHONE };
	char config[1024];

	*h = calloc(1, sizeof(**h));
	snprintf(config, sizeof(config),
		 "[login]\nfactors = hotp+voice\n[voice]\nserver = %s\nprompts = %s/prompts\n"
		 "transport = udp\nmedia = rtp\nmode = %s\n" PHONE_AMPLE,
		 line->server, line->dir, mode);
	m.enrol_phone.factor = KM_FACTOR_VOICE;
	snprintf(m.enrol_phone.login, sizeof(m.enrol_phone.login), "daemon");
	snprintf(m.enrol_phone.number, sizeof(m.enrol_phone.number), LANDLINE);
	return *h && office_house(*h, config) && office_add(*h, "daemon", 1) == KM_OK &&
	       office_enrol(*h, "daemon", &otp, NULL) == KM_OK && office_do(*h, &m, NULL) == KM_OK;
}

#endif
