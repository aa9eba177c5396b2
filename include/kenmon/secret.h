/*
 * Secrets are a type: they live in locked memory that no core file shows, are
 * wiped when their scope ends, and have no printer.
 */
#ifndef KENMON_SECRET_H
#define KENMON_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/rc.h>

#define KM_SECRET_MAX 256 /* a one-time code with a password before it; RFC 6238 seeds are ≤ 64 */

struct km_secret {
	uint16_t len;
	uint8_t bytes[KM_SECRET_MAX];
};

/* Overwrites memory in a way no compiler removes. NULL is allowed. */
void km_wipe(void *p, size_t len);

/* Wipes a secret and sets its length to 0. NULL is allowed. */
void km_secret_wipe(struct km_secret *s);

/* struct km_secret s KM_SECRET = { 0 }; is wiped when its scope ends. */
#define KM_SECRET __attribute__((cleanup(km_secret_wipe)))

/* Copies len bytes; KM_ELIMIT (s untouched) above KM_SECRET_MAX. */
KM_MUST_CHECK km_rc km_secret_set(struct km_secret *s, const void *bytes, size_t len);

/* Compares in constant time; different lengths are unequal. */
bool km_equal(const void *a, size_t a_len, const void *b, size_t b_len);

/*
 * Zeroed memory of its own pages: locked, absent from core files, wiped in a
 * forked child. NULL when there is none. Where the limit on locked memory does
 * not allow the lock, the memory is given all the same and
 * km_locked_degraded() is true from then on: the program logs it once.
 */
void *km_locked_new(size_t size);
void km_locked_free(void *p, size_t size); /* wipes; NULL is allowed */
bool km_locked_degraded(void);

/* Fills from getrandom(2); all of it, or KM_EIO. */
KM_MUST_CHECK km_rc km_random(void *p, size_t len);

#endif
