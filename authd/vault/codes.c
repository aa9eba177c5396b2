/* One-time codes by liboath: windows, look-ahead, drift, replays, resync. */
#include "codes.h"

#include <liboath/oath.h>
#include <string.h>

#define CODE_MAX 9 /* eight digits and NUL */

static uint64_t computed;

uint64_t code_work(void)
{
	return computed;
}

km_rc code_init(void)
{
	return oath_init() == OATH_OK ? KM_OK : KM_ENOMEM;
}

static int totp_flags(unsigned algorithm)
{
	switch (algorithm) {
	case KM_SHA256:
		return OATH_TOTP_HMAC_SHA256;
	case KM_SHA512:
		return OATH_TOTP_HMAC_SHA512;
	default:
		return 0;
	}
}

/* The code at one counter, or at one time step. */
static km_rc code_at(const struct km_credential *c, const struct km_secret *seed, uint64_t counter,
		     char out[CODE_MAX])
{
	int rc;

	computed++;
	if (c->factor == KM_FACTOR_TOTP)
		rc = oath_totp_generate2((const char *)seed->bytes, seed->len,
					 (time_t)(counter * c->period), c->period, 0, c->digits,
					 totp_flags(c->algorithm), out);
	else
		rc = oath_hotp_generate((const char *)seed->bytes, seed->len, counter, c->digits,
					false, OATH_HOTP_DYNAMIC_TRUNCATION, out);
	if (rc == OATH_OK)
		return KM_OK;
	return rc == OATH_MALLOC_ERROR ? KM_ENOMEM : KM_EINVAL;
}

/* Does the answer equal the code at this counter? */
static km_rc matches(const struct km_credential *c, const struct km_secret *seed, uint64_t counter,
		     const struct km_secret *answer, bool *same)
{
	char code[CODE_MAX];
	km_rc rc = code_at(c, seed, counter, code);

	if (rc == KM_OK)
		*same = km_equal(code, strlen(code), answer->bytes, answer->len);
	km_wipe(code, sizeof code);
	return rc;
}

/* Counters at which a code would be accepted: first … first + count - 1. */
struct range {
	uint64_t first;
	unsigned count;
	uint64_t centre; /* TOTP: the step this credential's drift predicts */
};

/* The time step at which the token stands by our clock and its learned drift. */
static uint64_t centre_step(const struct km_credential *c, int64_t wall)
{
	int64_t step = (wall < 0 ? 0 : wall) / c->period + c->drift;

	return step < 0 ? 0 : (uint64_t)step;
}

static struct range range_of(const struct km_credential *c, int64_t wall, unsigned look_ahead)
{
	struct range r = { .first = c->moving, .count = look_ahead + 1 };

	if (c->factor != KM_FACTOR_TOTP)
		return r;
	r.centre = centre_step(c, wall);
	r.first = r.centre < TOTP_WINDOW ? 0 : r.centre - TOTP_WINDOW;
	r.count = 2 * TOTP_WINDOW + 1;
	return r;
}

static int32_t learned(const struct km_credential *c, const struct range *r, uint64_t step)
{
	int32_t drift = c->drift;

	if (step > r->centre)
		drift++;
	else if (step < r->centre)
		drift--;
	if (drift > TOTP_DRIFT_MAX)
		return TOTP_DRIFT_MAX;
	return drift < -TOTP_DRIFT_MAX ? -TOTP_DRIFT_MAX : drift;
}

static bool usable(const struct km_credential *c)
{
	if (c->digits < 6 || c->digits > 8)
		return false;
	return c->factor == KM_FACTOR_HOTP || (c->factor == KM_FACTOR_TOTP && c->period > 0);
}

km_rc code_judge(const struct km_credential *c, const struct km_secret *seed,
		 const struct km_secret *answer, int64_t wall, unsigned look_ahead,
		 struct code_judgement *out)
{
	struct code_judgement j = { .found = CODE_WRONG, .moving = c->moving, .drift = c->drift };
	unsigned all = (look_ahead > 2 * TOTP_WINDOW ? look_ahead : 2 * TOTP_WINDOW) + 2;
	struct range r;
	bool same = false;
	km_rc rc;

	if (!usable(c))
		return KM_ECORRUPT;
	r = range_of(c, wall, look_ahead);
	/* Always the same number of codes, so that the work tells nothing: the range, then the
	 * last accepted one, then as many more as another kind of token would have taken. */
	for (unsigned i = 0; i < all; i++) {
		uint64_t counter = i < r.count ? r.first + i : c->moving - (c->moving > 0);

		rc = matches(c, seed, counter, answer, &same);
		if (rc != KM_OK)
			return rc;
		if (!same || j.found == CODE_RIGHT)
			continue;
		if (counter >= c->moving) {
			if (i >= r.count)
				continue; /* nothing was ever accepted, and it is outside the range
					   */
			j.found = CODE_RIGHT;
			j.moving = counter + 1;
			j.drift = c->factor == KM_FACTOR_TOTP ? learned(c, &r, counter) : 0;
		} else if (counter + 1 == c->moving) {
			j.found = CODE_REPLAY;
		}
	}
	*out = j;
	return KM_OK;
}

km_rc code_resync(const struct km_credential *c, const struct km_secret *seed,
		  const struct km_secret *first, const struct km_secret *second, int64_t wall,
		  struct code_judgement *out)
{
	struct code_judgement j = { .found = CODE_WRONG, .moving = c->moving, .drift = c->drift };
	uint64_t from = c->moving, to = c->moving + RESYNC_RANGE;
	uint64_t today = 0;

	if (!usable(c))
		return KM_ECORRUPT;
	if (c->factor == KM_FACTOR_TOTP) {
		today = (uint64_t)(wall < 0 ? 0 : wall) / c->period;
		from = today < TOTP_DRIFT_MAX ? 0 : today - TOTP_DRIFT_MAX;
		to = today + TOTP_DRIFT_MAX;
		if (from < c->moving)
			from = c->moving;
	}
	for (uint64_t n = from; n < to && j.found == CODE_WRONG; n++) {
		bool one = false, two = false;
		km_rc rc = matches(c, seed, n, first, &one);

		if (rc == KM_OK && one)
			rc = matches(c, seed, n + 1, second, &two);
		if (rc != KM_OK)
			return rc;
		if (!one || !two)
			continue;
		j.found = CODE_RIGHT;
		j.moving = n + 2;
		if (c->factor == KM_FACTOR_TOTP)
			j.drift = (int32_t)((int64_t)(n + 1) - (int64_t)today);
	}
	*out = j;
	return KM_OK;
}
