/*
 * Functions that libm has too, but whose last bit differs from one libm to the next. These are
 * polynomials in IEEE single precision (after S. Moshier's Cephes), the same everywhere. Errors
 * are below 3e-7 of the value, which no number here comes near to needing.
 */
#ifndef KENMON_MATCHER_TRIG_H
#define KENMON_MATCHER_TRIG_H

/* Of whole degrees, any; exact at multiples of 90. */
void trig_turn(int degrees, float *cosine, float *sine);
/* In radians, (-pi, pi]; 0 at the origin. */
float trig_bearing(float y, float x);
/* Arguments are cut to [-80, 80]. */
float trig_exp(float x);
/* x > 0 and normal; otherwise -80. */
float trig_log(float x);
/* The normal distribution: share that lies below x. */
float trig_normal(float x);

/* Degrees into (-180, 180]; radians into (-pi, pi], of a sum or difference of two such. */
int trig_wrap_degrees(int degrees);
float trig_wrap(float radians);

#endif
