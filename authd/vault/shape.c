/* What the codes of a step look like. */
#include <kenmon/factor.h>

#include "vault.h"

/* As many digits as a code has that is sent by telephone. */
static uint16_t phone_digits(const struct km_conf *conf)
{
	static const uint16_t shape[] = { [6] = KM_SHAPE_DIGITS_6,
					  [7] = KM_SHAPE_DIGITS_7,
					  [8] = KM_SHAPE_DIGITS_8,
					  [9] = KM_SHAPE_DIGITS_9,
					  [10] = KM_SHAPE_DIGITS_A };

	return conf->phone.digits < sizeof shape / sizeof shape[0] ? shape[conf->phone.digits] : 0;
}

uint16_t session_shape(const struct km_conf *conf, uint32_t factors)
{
	uint16_t shape = 0;

	if (factors & (KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP)))
		shape |= KM_SHAPE_DIGITS;
	if (factors & KM_PHONE_FACTORS)
		shape |= phone_digits(conf);
	/* Also where no recovery code counts: somebody may have a bypass, and nobody is told who.
	 */
	if (factors & KM_CODE_FACTORS)
		shape |= KM_SHAPE_RECOVERY;
	return shape;
}
