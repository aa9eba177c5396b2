/*
 * Minutiae: the ends and forks of ridges, all that is kept of a fingerprint.
 * Coordinates are pixels at 500 dpi, x to the right, y upwards; the direction is
 * in degrees, counter-clockwise from the x axis.
 *
 * Coded: u16 count, then count times {i16 x, i16 y, i16 theta}, big-endian.
 */
#ifndef KENMON_MINUTIAE_H
#define KENMON_MINUTIAE_H

#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

#define KM_MINUTIAE_MAX   200                       /* NBIS finds half of that in a good image */
#define KM_MINUTIAE_BYTES (2 + 6 * KM_MINUTIAE_MAX) /* coded */
#define KM_MINUTIA_REACH  8191 /* |x| and |y| at most: far more than any reader sees */

struct km_minutia {
	int16_t x, y;
	int16_t theta; /* (-180, 180] */
};

struct km_minutiae {
	uint16_t count;
	struct km_minutia at[KM_MINUTIAE_MAX];
};

/* Bytes that m takes coded. */
size_t km_minutiae_size(const struct km_minutiae *m);

/* Writes km_minutiae_size() bytes. KM_EINVAL: not in the ranges above. KM_ELIMIT: over cap. */
KM_MUST_CHECK km_rc km_minutiae_encode(const struct km_minutiae *m, uint8_t *out, size_t cap,
				       size_t *len);

/*
 * Reads one list from the start of in; *used says how far it went. KM_EPROTO, with *m all zero:
 * cut, too many, or out of the ranges above.
 */
KM_MUST_CHECK km_rc km_minutiae_decode(const uint8_t *in, size_t len, struct km_minutiae *m,
				       size_t *used);

#endif
