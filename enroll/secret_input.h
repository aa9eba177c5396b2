/*
 * Secrets that an administrator brings along, and base32.
 *
 * base32 is RFC 4648's. It is done here and not by liboath, whose decoder
 * leaves a copy of the secret in memory that it frees without wiping.
 */
#ifndef KENMON_DESK_SECRET_INPUT_H
#define KENMON_DESK_SECRET_INPUT_H

#include <stddef.h>

#include <kenmon/secret.h>

#include "desk.h"

#define DESK_SECRET_FILE  4096 /* bytes of a file that holds one secret of at most 64 */
#define DESK_SECRET_LEAST 16   /* RFC 4226, R6: 128 bits */
#define DESK_SECRET_MOST  64   /* the block of SHA-256; longer keys are hashed down anyway */
#define DESK_BASE32_MAX   (((DESK_SECRET_MOST + 4) / 5) * 8 + 1)

/* Without padding; out holds (len + 4) / 5 * 8 + 1 bytes at least. */
void desk_base32(const uint8_t *bytes, size_t len, char *out);

/*
 * Base32 (blanks, '-' and case ignored, padding optional), or hex after "hex:".
 * White space around it is ignored. KM_EINVAL with the reason in d, which
 * never repeats the secret.
 */
KM_MUST_CHECK km_rc desk_secret_parse(struct desk *d, const char *text, size_t len,
				      struct km_secret *out);

/* From a regular file, or "-" for d->in, which is then used up. */
KM_MUST_CHECK km_rc desk_secret_read(struct desk *d, const char *path, struct km_secret *out);

#endif
