/* Templates as bytes. */
#include <string.h>

#include <kenmon/secret.h>

#include "match.h"

#define TEMPLATE_VERSION 1

km_rc template_encode(const struct finger_template *t, uint8_t *out, size_t cap, size_t *len)
{
	size_t at = 2, used;
	km_rc rc;

	if (t->count > KM_IMPRESSIONS_MAX)
		return KM_EINVAL;
	if (cap < at)
		return KM_ELIMIT;
	for (unsigned i = 0; i < t->count; i++) {
		rc = km_minutiae_encode(&t->impression[i], out + at, cap - at, &used);
		if (rc)
			return rc;
		at += used;
	}
	out[0] = TEMPLATE_VERSION;
	out[1] = (uint8_t)t->count;
	*len = at;
	return KM_OK;
}

km_rc template_decode(const uint8_t *in, size_t len, struct finger_template *t)
{
	size_t at = 2, used;
	bool good = len >= at && in[0] == TEMPLATE_VERSION && in[1] <= KM_IMPRESSIONS_MAX;

	memset(t, 0, sizeof *t);
	t->count = good ? in[1] : 0;
	for (unsigned i = 0; good && i < t->count; i++) {
		good = !km_minutiae_decode(in + at, len - at, &t->impression[i], &used);
		at += good ? used : 0;
	}
	if (good && at == len)
		return KM_OK;
	km_wipe(t, sizeof *t);
	return KM_EPROTO;
}
