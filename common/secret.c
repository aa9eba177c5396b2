/* Wiping, comparing, and random bytes. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <kenmon/secret.h>

void km_wipe(void *p, size_t len)
{
	if (p)
		explicit_bzero(p, len);
}

void km_secret_wipe(struct km_secret *s)
{
	km_wipe(s, sizeof(*s));
}

km_rc km_secret_set(struct km_secret *s, const void *bytes, size_t len)
{
	if (len > KM_SECRET_MAX)
		return KM_ELIMIT;
	if (len)
		memmove(s->bytes, bytes, len); /* it may be cut out of s itself */
	km_wipe(s->bytes + len, KM_SECRET_MAX - len);
	s->len = (uint16_t)len;
	return KM_OK;
}

bool km_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	const volatile uint8_t *x = a, *y = b;
	volatile uint8_t differ = 0;

	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len; i++)
		differ = (uint8_t)(differ | (x[i] ^ y[i]));
	return differ == 0;
}

km_rc km_random(void *p, size_t len)
{
	uint8_t *at = p;

	while (len) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KM_EIO;
		at += n;
		len -= (size_t)n;
	}
	return KM_OK;
}
