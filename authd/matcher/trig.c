/* Sines, logarithms and the like, the same on every machine. */
#include "trig.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "numbers.h"

/* 16 is for processors with half precision, and computes floats as floats too. */
_Static_assert(FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 16, "no x87: floats stay floats");
_Static_assert(sizeof(float) == 4 && FLT_MANT_DIG == 24, "floats are IEEE binary32");

int trig_wrap_degrees(int degrees)
{
	degrees %= 360;
	if (degrees > 180)
		return degrees - 360;
	return degrees <= -180 ? degrees + 360 : degrees;
}

float trig_wrap(float radians)
{
	if (radians > PI)
		return radians - 2 * PI;
	return radians <= -PI ? radians + 2 * PI : radians;
}

void trig_turn(int degrees, float *cosine, float *sine)
{
	int d = trig_wrap_degrees(degrees);
	int quarter = (d + 225) / 90; /* 0..4 for -180..180; 2 is around 0 */
	float x = (float)(d - 90 * (quarter - 2)) * (PI / 180), z = x * x;
	float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
	float c =
	    ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z *
		z -
	    0.5f * z + 1;
	const float cosines[4] = { -c, s, c, -s }, sines[4] = { -s, -c, s, c };

	*cosine = cosines[quarter & 3];
	*sine = sines[quarter & 3];
}

/* Arc tangent of [0, 1]. */
static float arc(float t)
{
	float y = 0, z;

	if (t > 0.41421356f) {
		y = PI / 4;
		t = (t - 1) / (t + 1);
	}
	z = t * t;
	return y + ((((8.05374449538e-2f * z - 1.38776856032e-1f) * z + 1.99777106478e-1f) * z -
		     3.33329491539e-1f) *
			z * t +
		    t);
}

float trig_bearing(float y, float x)
{
	float ax = fabsf(x), ay = fabsf(y), a;

	if (ax + ay <= 0)
		return 0;
	a = ay > ax ? PI / 2 - arc(ax / ay) : arc(ay / ax);
	if (x < 0)
		a = PI - a;
	return y < 0 ? -a : a;
}

float trig_exp(float x)
{
	float n, r, y;
	uint32_t bits;

	x = x > 80 ? 80 : x < -80 ? -80 : x;
	n = (float)(int)(x * 1.44269504f + (x < 0 ? -0.5f : 0.5f));
	r = x - n * 0.693359375f + n * 2.12194440e-4f;
	y = ((((1.9875691500e-4f * r + 1.3981999507e-3f) * r + 8.3334519073e-3f) * r +
	      4.1665795894e-2f) *
		 r +
	     1.6666665459e-1f) *
		r +
	    5.0000001201e-1f;
	y = y * r * r + r + 1;
	bits = (uint32_t)((int)n + 127) << 23;
	memcpy(&n, &bits, sizeof n);
	return y * n;
}

float trig_log(float x)
{
	uint32_t bits;
	float m, e, z, y;

	if (!(x >= FLT_MIN && x <= FLT_MAX))
		return -80;
	memcpy(&bits, &x, sizeof bits);
	e = (float)((int)(bits >> 23) - 126);
	bits = (bits & 0x7fffff) | 126u << 23; /* m in [0.5, 1) */
	memcpy(&m, &bits, sizeof m);
	if (m < 0.70710678f) {
		e -= 1;
		m += m;
	}
	m -= 1;
	z = m * m;
	y = (((((((7.0376836292e-2f * m - 1.1514610310e-1f) * m + 1.1676998740e-1f) * m -
		 1.2420140846e-1f) *
		    m +
		1.4249322787e-1f) *
		   m -
	       1.6668057665e-1f) *
		  m +
	      2.0000714765e-1f) *
		 m -
	     2.4999993993e-1f) *
		m +
	    3.3333331174e-1f;
	y = y * m * z - e * 2.12194440e-4f - 0.5f * z;
	return m + y + e * 0.693359375f;
}

/* Abramowitz and Stegun 7.1.26, good to 1.5e-7. */
float trig_normal(float x)
{
	float z = fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z), tail;

	tail = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t +
		0.254829592f) *
	       t * trig_exp(-z * z);
	return x < 0 ? 0.5f * tail : 1 - 0.5f * tail;
}
