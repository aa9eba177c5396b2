/*
 * How a finger comes about, after Cappelli's SFinGe (Handbook of Fingerprint Recognition, ch. 6):
 * a field of ridge directions from cores and deltas (Sherlock and Monro 1993, with the correction
 * of Vizcaya and Gerhardt 1996), a field of ridge distances, and ridges that grow from random spots
 * by filters turned along the field until they meet. Where they meet out of step minutiae appear.
 *
 * Only + - * /, sqrt() and floor() on doubles, no fused operations (-ffp-contract=off), and whole
 * numbers where it counts: the pictures are the same everywhere. Angles are in turns.
 */
#include <math.h>
#include <string.h>

#include "finger.h"

enum {
	WIDE = 400, /* the finger; a picture shows a part of it */
	HIGH = 500,
	REACH = 8,     /* of a filter: two ridges */
	TAPS = 18,     /* a row of it, with one zero: whole vectors */
	BEARINGS = 64, /* directions of filters in half a turn */
	PACES = 5,     /* distances between ridges that have filters */
	ROUNDS = 26,   /* of growing */
	SPOTS = 60,    /* where they begin */
	NODES = 8,     /* of a singularity's correction */
	LOOP = 150,    /* how far from a core the loop reaches */
	BUMPS = 6,     /* waves in a smooth random field */
	FULL = 120,    /* of a ridge */
	UNIT = 1024,   /* of a filter's weights */
	GAIN = 3200,   /* over UNIT: a ridge grows, until it is FULL */
};

/* --- numbers --------------------------------------------------------------- */

/* SplitMix64 (Steele, Lea, Flood 2014): each seed is a stream of its own. */
struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d)
{
	uint64_t z = d->state += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

/* From -size to size; the second is likelier in the middle. */
static double even(struct dice *d, double size)
{
	return size * ((double)(roll(d) >> 11) / 4503599627370496.0 - 1);
}

static double heaped(struct dice *d, double size)
{
	double sum = 0;

	for (int i = 0; i < 3; i++)
		sum += even(d, size);
	return sum / 3;
}

static double within(double x, double least, double most)
{
	return x < least ? least : x > most ? most : x;
}

/* The sine of turns, by Taylor's polynomial in a quarter: good to 1e-5. */
static double sine(double turns)
{
	double t = turns - floor(turns), sign = 1, x;

	if (t >= 0.5) {
		t -= 0.5;
		sign = -1;
	}
	x = (t > 0.25 ? 0.5 - t : t) * 6.283185307179586;
	return sign * x * (1 - x * x / 6 * (1 - x * x / 20 * (1 - x * x / 42 * (1 - x * x / 72))));
}

static double cosine(double turns)
{
	return sine(turns + 0.25);
}

/* exp(-x), x >= 0, as a power of its 64th part: good to 1e-3. */
static double fading(double x)
{
	double y = x < 32 ? 1 - x / 64 + x * x / 8192 : 0;

	for (int i = 0; i < 6; i++)
		y *= y;
	return y;
}

/* The direction of (x, y) in turns, from -1/2 to 1/2 (Rajan's approximation, to 2e-4). */
static double direction(double x, double y)
{
	double ax = fabs(x), ay = fabs(y), r = ax > ay ? ay / ax : ax / (ay > 0 ? ay : 1);
	double t = r * (0.125 + 0.0434 * (1 - r));

	t = ax > ay ? t : 0.25 - t;
	t = x < 0 ? 0.5 - t : t;
	return y < 0 ? -t : t;
}

/* --- smooth fields --------------------------------------------------------- */

struct field {
	struct {
		double fx, fy, phase, size;
	} bump[BUMPS];
};

/* Waves of at least so many pixels; altogether seldom more than size. */
static void field_make(struct field *f, struct dice *d, double length, double size)
{
	for (int i = 0; i < BUMPS; i++) {
		f->bump[i].fx = even(d, 1 / length);
		f->bump[i].fy = even(d, 1 / length);
		f->bump[i].phase = even(d, 0.5);
		f->bump[i].size = heaped(d, size);
	}
}

static double field_at(const struct field *f, double x, double y)
{
	double sum = 0;

	for (int i = 0; i < BUMPS; i++)
		sum += f->bump[i].size *
		       sine(f->bump[i].fx * x + f->bump[i].fy * y + f->bump[i].phase);
	return sum;
}

/* --- the finger ------------------------------------------------------------ */

struct singularity {
	double x, y, sign, node[NODES];
	double top; /* of a core: where its ridges turn back */
};

/* The classes and how many fingers in a hundred have them (Handbook, ch. 5); from the middle. */
static const struct {
	int share, points;
	struct {
		int x, y, sign; /* 1: a core, -1: a delta */
	} point[4];
} classes[] = {
	{ 30, 2, { { 5, -15, 1 }, { -85, 100, -1 } } }, /* right loop */
	{ 34, 2, { { -5, -15, 1 }, { 85, 100, -1 } } }, /* left loop */
	{ 28, 4, { { 0, -35, 1 }, { 0, 5, 1 }, { -95, 105, -1 }, { 95, 105, -1 } } }, /* whorl */
	{ 5, 2, { { 0, -5, 1 }, { 0, 75, -1 } } }, /* tented arch */
	{ 3, 0, { { 0 } } },                       /* arch */
};

static struct {
	uint32_t identity;
	bool grown;
	uint8_t bearing[HIGH * WIDE], pace[HIGH * WIDE];
	int16_t ridge[HIGH * WIDE]; /* -FULL to FULL */
	int16_t filter[BEARINGS][PACES][2 * REACH + 1][TAPS];
} finger;

static int singularities(struct dice *d, struct singularity at[4])
{
	int pick = (int)(roll(d) % 100), c = 0;

	while (pick >= classes[c].share)
		pick -= classes[c++].share;
	for (int i = 0; i < classes[c].points; i++) {
		at[i].x = WIDE / 2 + classes[c].point[i].x + even(d, 45);
		at[i].y = HIGH / 2 + classes[c].point[i].y + even(d, 45);
		at[i].sign = classes[c].point[i].sign;
		for (int n = 0; n < NODES; n++)
			at[i].node[n] = even(d, 0.13);
	}
	if (classes[c].points == 4 && at[1].y < at[0].y) {
		struct singularity upper = at[1];

		at[1] = at[0];
		at[0] = upper;
	}
	at[0].top = 0.25;
	at[1].top = -0.25;
	return classes[c].points;
}

/*
 * How far the ridges are turned at (x, y): by half the angle at which it is seen from there. Around
 * a core that would make parabolas, crowded at its end. In life ridges keep their distance: half
 * circles at the top, then straight lines. Where they do not, each loop has the same minutiae.
 */
static double turned(const struct singularity *s, double x, double y)
{
	double right = x - s->x, up = s->y - y, a = direction(right, up);
	double part = (a + 0.5) * NODES, off, t;
	int n = (int)part % NODES;

	part -= floor(part);
	a += s->node[n] * (1 - part) + s->node[(n + 1) % NODES] * part;
	t = s->sign * a / 2;
	if (s->sign < 0)
		return t;
	off = a - s->top;
	off -= floor(off + 0.5);
	off = within(off, -0.25, 0.25) - off / 2;
	return t + off * 0.8 / (1 + (right * right + up * up) / (LOOP * LOOP));
}

/* Which filter each pixel takes: directions along the ridges, and how far they are from each other.
 */
static void flow_make(struct dice *d)
{
	struct singularity at[4];
	struct field bend, space;
	int points = singularities(d, at);
	double arch = points ? 0 : 0.11 + heaped(d, 0.03), base = heaped(d, 1.5);

	field_make(&bend, d, 200, 0.03);
	field_make(&space, d, 110, 1.2);
	for (int y = 0; y < HIGH; y++) {
		for (int x = 0; x < WIDE; x++) {
			double t = field_at(&bend, x, y), p = 2.5 + base + field_at(&space, x, y);

			t += arch * cosine((double)x / WIDE / 2) *
			     (1 - fabs((double)y / HIGH - 0.5));
			for (int i = 0; i < points; i++)
				t += turned(&at[i], x, y);
			t = (t - floor(t * 2) / 2) * 2 * BEARINGS;
			finger.bearing[y * WIDE + x] = (uint8_t)((int)t % BEARINGS);
			finger.pace[y * WIDE + x] = (uint8_t)within(p, 0, PACES - 1);
		}
	}
}

/*
 * A Gabor filter, a wave across the ridge under a bell. As much of the bell is taken away as makes
 * its sum zero: where there is no ridge it answers nothing.
 */
static void filter_make(double along, double period, int16_t out[2 * REACH + 1][TAPS])
{
	double wave[2 * REACH + 1][2 * REACH + 1], bell[2 * REACH + 1][2 * REACH + 1];
	double waves = 0, bells = 0, answer = 0, weight;

	for (int y = -REACH; y <= REACH; y++) {
		for (int x = -REACH; x <= REACH; x++) {
			double u = x * sine(along) + y * cosine(along);
			double v = x * cosine(along) - y * sine(along);
			double g = fading(u * u / 14 + v * v / 34), w = g * cosine(u / period);

			bell[y + REACH][x + REACH] = g;
			wave[y + REACH][x + REACH] = w;
			bells += g;
			waves += w;
			answer += w * cosine(u / period);
		}
	}
	for (int y = 0; y <= 2 * REACH; y++) {
		for (int x = 0; x <= 2 * REACH; x++) {
			weight = (wave[y][x] - bell[y][x] * waves / bells) * GAIN / answer;
			out[y][x] = (int16_t)floor(weight + 0.5);
		}
	}
}

static int32_t filtered(const int16_t *from, int at)
{
	int16_t(*f)[TAPS] = finger.filter[finger.bearing[at]][finger.pace[at]];
	int32_t sum = 0;

	for (int y = 0; y <= 2 * REACH; y++) {
		const int16_t *row = from + at + (y - REACH) * WIDE - REACH;

		for (int x = 0; x < TAPS; x++)
			sum += f[y][x] * row[x];
	}
	return sum / UNIT;
}

static void ridges_grow(struct dice *d)
{
	static int16_t other[HIGH * WIDE];

	memset(finger.ridge, 0, sizeof(finger.ridge));
	for (int i = 0; i < SPOTS; i++) {
		int down = REACH + (int)(roll(d) % (HIGH - 2 * REACH));
		int right = REACH + (int)(roll(d) % (WIDE - 2 * REACH));

		finger.ridge[down * WIDE + right] = 8 * FULL;
	}
	for (int round = 0; round < ROUNDS; round++) {
		memcpy(other, finger.ridge, sizeof(other));
		for (int y = REACH; y < HIGH - REACH; y++) {
			for (int x = REACH; x < WIDE - REACH - 1; x++) {
				int32_t v = filtered(other, y * WIDE + x);

				v = v > FULL ? FULL : v;
				finger.ridge[y * WIDE + x] = (int16_t)(v < -FULL ? -FULL : v);
			}
		}
	}
}

/* --- the touch ------------------------------------------------------------- */

struct press {
	double turn[2];               /* cosine and sine */
	double x, y;                  /* where the middle of the picture is on the finger */
	double dx, dy, width, height; /* what touches, an oval in the picture */
	double pressure, contrast, noise;
	struct field pull[2], damp, edge;
};

static void press_make(struct press *t, struct dice *d)
{
	double turn = heaped(d, 0.06);

	t->turn[0] = cosine(turn);
	t->turn[1] = sine(turn);
	t->x = WIDE / 2 + heaped(d, 45);
	t->y = HIGH / 2 + heaped(d, 45);
	t->dx = PICTURE_WIDTH / 2 + heaped(d, 20);
	t->dy = PICTURE_HEIGHT / 2 + heaped(d, 25);
	t->width = 108 + even(d, 16);
	t->height = 146 + even(d, 22);
	t->pressure = even(d, 40);
	t->contrast = 70 + even(d, 20);
	t->noise = 22 + even(d, 8);
	field_make(&t->pull[0], d, 120, 5);
	field_make(&t->pull[1], d, 120, 5);
	field_make(&t->damp, d, 40, 30);
	field_make(&t->edge, d, 50, 0.06);
}

/* The ridge there, between pixels. */
static double ridge_at(double x, double y)
{
	int ix = (int)x, iy = (int)y;
	const int16_t *r = finger.ridge;

	if (x < 0 || y < 0 || ix >= WIDE - 1 || iy >= HIGH - 1)
		return 0;
	r += iy * WIDE + ix;
	x -= ix;
	y -= iy;
	return (r[0] * (1 - x) + r[1] * x) * (1 - y) + (r[WIDE] * (1 - x) + r[WIDE + 1] * x) * y;
}

/* How dark the skin makes this pixel: -1 a valley, 1 a ridge; *cover: does it touch at all? */
static double skin_at(const struct press *t, int px, int py, double *cover)
{
	double ox = (px - t->dx) / t->width, oy = (py - t->dy) / t->height;
	double x = px - PICTURE_WIDTH / 2, y = py - PICTURE_HEIGHT / 2;
	double pulled_x = x + field_at(&t->pull[0], x, y),
	       pulled_y = y + field_at(&t->pull[1], x, y);
	double v = ridge_at(t->x + pulled_x * t->turn[0] - pulled_y * t->turn[1],
			    t->y + pulled_x * t->turn[1] + pulled_y * t->turn[0]);
	double c = (1 - sqrt(ox * ox + oy * oy) + field_at(&t->edge, px, py)) * 10;

	*cover = within(c, 0, 1);
	v = (v + t->pressure + field_at(&t->damp, px, py)) / FULL * 1.3;
	return within(v, -1, 1);
}

void finger_paint(uint32_t identity, uint32_t impression, struct picture *out)
{
	struct dice d = { ((uint64_t)identity << 32) + 0x6B656E };
	struct press press;

	if (!finger.grown || finger.identity != identity) {
		for (int i = 0; !finger.grown && i < BEARINGS * PACES; i++)
			filter_make((double)(i / PACES) / BEARINGS / 2, 7.8 + 0.7 * (i % PACES),
				    finger.filter[i / PACES][i % PACES]);
		flow_make(&d);
		ridges_grow(&d);
		finger.identity = identity;
		finger.grown = true;
	}
	d.state = ((uint64_t)identity << 32) + impression;
	d.state = roll(&d); /* so that one touch's stream is not the next one's, a step further */
	press_make(&press, &d);
	for (int y = 0; y < PICTURE_HEIGHT; y++) {
		for (int x = 0; x < PICTURE_WIDTH; x++) {
			double cover, v = skin_at(&press, x, y, &cover), grey;

			grey = 225 - cover * (80 + press.contrast * v) +
			       heaped(&d, press.noise) * (0.2 + cover);
			out->grey[y * PICTURE_WIDTH + x] = (uint8_t)within(grey, 0, 255);
		}
	}
}
