/*
 * Is this code right? Pure: no clock, no store, no state.
 * HOTP: RFC 4226. TOTP: RFC 6238.
 */
#ifndef KENMON_VAULT_CODES_H
#define KENMON_VAULT_CODES_H

#include <stdint.h>

#include <kenmon/factor.h>
#include <kenmon/rc.h>
#include <kenmon/secret.h>
#include <kenmon/store.h>

#define TOTP_WINDOW    1   /* steps each way (RFC 6238, 5.2) */
#define TOTP_DRIFT_MAX 10  /* learned steps, each way */
#define RESYNC_RANGE   100 /* HOTP counters searched for two consecutive codes */

/* CODE_LATE: it was sent, and its time is over. */
enum code_found { CODE_WRONG = 0, CODE_RIGHT, CODE_REPLAY, CODE_LATE };

struct code_judgement {
	enum code_found found;
	uint64_t moving; /* CODE_RIGHT: what the counter becomes */
	int32_t drift;   /* CODE_RIGHT: what the drift becomes */
};

/*
 * Judges an answer of digits. Every call computes the same number of codes for
 * a look_ahead, whatever the credential is and wherever a match lies.
 * CODE_REPLAY: the last accepted code once more.
 */
KM_MUST_CHECK km_rc code_judge(const struct km_credential *c, const struct km_secret *seed,
			       const struct km_secret *answer, int64_t wall, unsigned look_ahead,
			       struct code_judgement *out);

/*
 * Two consecutive codes: where the token stands. Only counters that were never
 * accepted count. CODE_WRONG: not found in range.
 */
KM_MUST_CHECK km_rc code_resync(const struct km_credential *c, const struct km_secret *seed,
				const struct km_secret *first, const struct km_secret *second,
				int64_t wall, struct code_judgement *out);

/* Codes computed by this process so far: for tests of equal work. */
uint64_t code_work(void);

/* liboath's own start-up. */
KM_MUST_CHECK km_rc code_init(void);

#endif
