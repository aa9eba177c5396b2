/* Lists of minutiae as bytes. */
#include <kenmon/minutiae.h>

#include <stdbool.h>
#include <string.h>

#include <kenmon/secret.h>

static bool in_range(const struct km_minutia *p)
{
	return p->x >= -KM_MINUTIA_REACH && p->x <= KM_MINUTIA_REACH && p->y >= -KM_MINUTIA_REACH &&
	       p->y <= KM_MINUTIA_REACH && p->theta > -180 && p->theta <= 180;
}

static uint8_t *put16(uint8_t *out, uint16_t value)
{
	out[0] = (uint8_t)(value >> 8);
	out[1] = (uint8_t)value;
	return out + 2;
}

static uint16_t get16(const uint8_t *in)
{
	return (uint16_t)(in[0] << 8 | in[1]);
}

size_t km_minutiae_size(const struct km_minutiae *m)
{
	return 2 + 6 * (size_t)m->count;
}

km_rc km_minutiae_encode(const struct km_minutiae *m, uint8_t *out, size_t cap, size_t *len)
{
	if (m->count > KM_MINUTIAE_MAX)
		return KM_EINVAL;
	if (km_minutiae_size(m) > cap)
		return KM_ELIMIT;
	for (unsigned i = 0; i < m->count; i++)
		if (!in_range(&m->at[i]))
			return KM_EINVAL;
	out = put16(out, m->count);
	for (unsigned i = 0; i < m->count; i++) {
		out = put16(out, (uint16_t)m->at[i].x);
		out = put16(out, (uint16_t)m->at[i].y);
		out = put16(out, (uint16_t)m->at[i].theta);
	}
	*len = km_minutiae_size(m);
	return KM_OK;
}

km_rc km_minutiae_decode(const uint8_t *in, size_t len, struct km_minutiae *m, size_t *used)
{
	unsigned count;

	memset(m, 0, sizeof(*m));
	if (len < 2 || (count = get16(in)) > KM_MINUTIAE_MAX || len - 2 < 6 * (size_t)count)
		return KM_EPROTO;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *at = in + 2 + 6 * (size_t)i;

		m->at[i] = (struct km_minutia){ (int16_t)get16(at), (int16_t)get16(at + 2),
						(int16_t)get16(at + 4) };
		if (!in_range(&m->at[i])) {
			km_wipe(m, sizeof(*m));
			return KM_EPROTO;
		}
	}
	m->count = (uint16_t)count;
	*used = km_minutiae_size(m);
	return KM_OK;
}
