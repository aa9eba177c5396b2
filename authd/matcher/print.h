/* A prepared impression, and the steps of preparing and comparing; for this folder only. */
#ifndef KENMON_MATCHER_PRINT_H
#define KENMON_MATCHER_PRINT_H

#include <stdbool.h>

#include "match.h"
#include "numbers.h"

#define N_MAX KM_MINUTIAE_MAX

/* One side of the convex hull: x * nx + y * ny - c is the distance outwards. */
struct side {
	float nx, ny, c;
};

/*
 * Around one minutia, in its own direction: for each layer of direction, cells that have
 * neighbours; and cells that count at all, because they lie on the finger.
 */
struct cylinder {
	uint64_t set[LAYERS][CELL_WORDS];
	uint64_t valid[CELL_WORDS];
};

struct print {
	unsigned n, sides;
	float area;               /* of the hull */
	float x[N_MAX], y[N_MAX]; /* from the least of each: no shift changes a bit */
	float cosine[N_MAX], sine[N_MAX];
	float reliability[N_MAX]; /* [0, 1] */
	int16_t turn[N_MAX];      /* degrees, (-180, 180] */
	bool usable[N_MAX];       /* its cylinder says something */
	struct side side[N_MAX];
	struct cylinder cylinder[N_MAX];
};

/* Minutia a of one print may be minutia b of the other. */
struct candidate {
	float alike;
	int turn; /* degrees from a to b */
	uint8_t a, b;
};

/* Pairs, one to one; partner_*: of each minutia, -1 for none. */
struct pairs {
	unsigned n;
	uint8_t a[N_MAX], b[N_MAX];
	int16_t partner_a[N_MAX], partner_b[N_MAX];
};

/* Where a minutia of one print is expected in the other: place, and turn as cosine and sine. */
struct landing {
	float x, y, c, s;
};

#define AGREEMENTS_MAX (CANDIDATES_MAX * (CANDIDATES_MAX - 1) / 2)

/* Scratch: nothing in it outlives a call, but it holds secrets, so that its owner wipes it. */
struct match_work {
	float alike[N_MAX * N_MAX]; /* [a * b->n + b] */
	float agree[AGREEMENTS_MAX];
	uint8_t with[AGREEMENTS_MAX];
	uint16_t row_end[CANDIDATES_MAX];
	float strength[CANDIDATES_MAX], next[CANDIDATES_MAX];
	float best_a[N_MAX][TOP], best_b[N_MAX][TOP];
	uint64_t keys[N_MAX * 2 * TOP > GROW_EDGES ? N_MAX * 2 * TOP : GROW_EDGES];
	unsigned candidates, core;
	struct candidate candidate[CANDIDATES_MAX];
	uint8_t taken[CANDIDATES_MAX]; /* candidates of the core */
	float core_agree;
	struct pairs pairs;
	struct landing landing[N_MAX];
	float feature[FEATURES];
	/* of print_make() */
	float point[N_MAX][2], corner[2 * N_MAX + 2][2];
	float facing[360]; /* share of a layer's direction, by degrees from its middle */
	float cell[CELLS * CELLS][LAYERS];
	struct side side_near[N_MAX];
	/* of gallery_search(); by the number of an impression, or of a template */
	struct print probe;
	uint64_t order[GALLERY_MAX];
	int32_t best[GALLERY_MAX], second[GALLERY_MAX];
};

/* Steps of print_make(), which begins with a print that is all zero. */
void hull_make(struct print *p, struct match_work *w);
float hull_distance(const struct print *p, float x, float y); /* negative inside */
void reliability_make(struct print *p);
void cylinders_make(struct print *p, struct match_work *w);

/* Of all pairs of cylinders: alike[i * b->n + j], [0, 1]. */
void similarity_all(const struct print *a, const struct print *b, float *alike);
/* For tests: counts bits without the processor's instruction. */
void similarity_portable(bool on);

/* compare.c and its steps. False: nothing of these prints agrees. */
bool candidates_find(const struct print *a, const struct print *b, struct match_work *w);
bool relax(const struct print *a, const struct print *b, struct match_work *w);
bool grow(const struct print *a, const struct print *b, struct match_work *w);
/* The angle in radians by which j's direction misses that of i, turned by i's landing. */
float landing_turn(const struct print *a, const struct print *b, const struct landing *l,
		   unsigned i, unsigned j);
void features_find(const struct print *a, const struct print *b, struct match_work *w);
int32_t score_of(const float feature[FEATURES]);

/* In a fifth of the time, a guess at how likely a match is: only good for an order. */
float print_hint(const struct print *a, const struct print *b, struct match_work *w);

/* What a match needs, the more impressions are compared the more. */
int32_t gallery_threshold(unsigned impressions);

/* Ascending, without memory of its own; equal keys are the same. */
void sort_keys(uint64_t *keys, size_t n);
/* Orders like x, for x >= 0. */
uint32_t sort_bits(float x);

#endif
