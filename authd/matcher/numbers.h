/*
 * The numbers that a comparison depends on, and where they came from. Pixels are of 500 dpi. What
 * only scales a feature, or a part of one, stands in its formula; MATCH_MINUTIAE_LEAST in match.h.
 *
 *   MCC      Cappelli, Ferrara, Maltoni, IEEE TPAMI 32(12), 2010, as there or within its range
 *   tuned    chosen on the FVC2002 B sets, with one set left out at a time (docs/MATCHING.md)
 *   trained  logistic regression on the same sets
 */
#ifndef KENMON_MATCHER_NUMBERS_H
#define KENMON_MATCHER_NUMBERS_H

#include <stdint.h>

#define PI 3.14159265358979f

/* Cylinders: what lies around a minutia. */
#define CELLS         16 /* a side; MCC */
#define LAYERS        6  /* of direction, 60 degrees each; MCC has 5 or 6 */
#define CELL_WORDS    (CELLS * CELLS / 64)
#define CYLINDER_R    75.0f       /* MCC has 70 */
#define CYLINDER_NEAR (28 / 3.0f) /* sigma of a neighbour's place; MCC */
#define CYLINDER_TURN 40.0f       /* sigma of a neighbour's direction, degrees; MCC */
#define CYLINDER_FILL 0.01f       /* a cell that got as much is set; MCC */
#define CYLINDER_RIM  50.0f       /* cells this far outside the hull still count; MCC */
#define CYLINDER_HALF 0.5f        /* this share of the cells has to count; tuned */
#define CYLINDER_PAIR 100         /* and this many of both cylinders, to be compared; tuned */

#define CYLINDER_CROWD 36 /* neighbours that count: more than real prints have; bounds the time */

/* Candidates: pairs of minutiae whose cylinders look alike. */
#define TURN_MAX       90    /* degrees that a finger may be turned */
#define TOP            5     /* partners that a minutia may propose; tuned */
#define ALIKE_LEAST    0.25f /* tuned */
#define CANDIDATES_MAX 200   /* the most alike; bounds the relaxation */

/* How alike the best so many candidates are tells which impression to compare first; chosen. */
#define HINT_OF 12

/* Relaxation: which candidates agree. Half of full agreement is about at these; tuned. */
#define AGREE_FAR      5.0f  /* pixels that a distance may differ */
#define AGREE_FAR_PART 0.05f /* and this share of it */
#define AGREE_TURN     20.0f /* degrees that directions may differ */
#define AGREE_BEARING  16.0f /* degrees that bearings may differ */
#define AGREE_NEAR     6.0f  /* pixels: nearer minutiae have less certain bearings */
#define POWER_STEPS    12    /* of the power iteration */
#define CORE_SHARE     0.05f /* of the strongest: less is not taken */
#define CORE_AGREE     0.25f /* mean agreement with those taken; or */
#define CORE_ENOUGH    3.0f  /* this sum of it */

/* Growth: from a few pairs to all. Skin stretches, so each minutia has a map of its own; tuned. */
#define GROW_PASSES 2
#define GROW_REACH  20.0f  /* pixels from where a partner is expected */
#define GROW_TURN   30.0f  /* degrees from how */
#define GROW_SIGMA  80.0f  /* pixels over which a map is the same */
#define GROW_FLOOR  0.02f  /* weight of pairs far away */
#define GROW_LEVER  400.0f /* px²: how much a direction says beside a place */
#define GROW_EDGES  2048   /* proposals weighed in one pass */

/* Score. */
#define FIT_SIGMA    8.0f    /* pixels; tuned */
#define FIT_TURN     0.25f   /* radians; tuned */
#define HULL_SLACK   5.0f    /* pixels outside the hull that are still overlap; tuned */
#define AREA_LEAST   4000.0f /* px² of overlap: chance is not judged on less; tuned */
#define TURN_KNOWN   0.8f    /* radians; turned farther is all the same; tuned */
#define AROUND_R     60.0f   /* pixels around a pair; tuned */
#define AROUND_SIGMA 6.0f    /* pixels within which neighbours lie alike; tuned */

/* Reliability of a minutia, from its place alone; chosen, and the weights trained upon them. */
#define NEAR_MOST   40.0f   /* px: farther neighbours are all alike */
#define FACING      24.0f   /* px within which ends of one broken ridge face each other */
#define FACING_BY   46      /* degrees from opposite, or from the same */
#define FLOW_R      60.0f   /* px over which ridges flow alike */
#define FLOW_VAR    1200.0f /* px²: nearer ridges count for more */
#define GAP_R       90.0f   /* px in which the widest empty sector is looked for */
#define GAP_SECTORS 72
#define BORDER      10.0f /* px from the hull */

/* In reliability.c's order; trained. */
#define RELIABILITY_PARTS 10
static const float reliability_weight[RELIABILITY_PARTS] = {
	0.7217f,  0.3648f,  1.0392f, 0.8840f,  -0.7892f,
	-1.5148f, -0.4517f, 0.6322f, -0.1464f, -1.4364f,
};

/* What the score is made of (score.c). */
enum {
	F_CORE,       /* root of: the first pairs' number, times their mean agreement */
	F_SURPRISE,   /* of so many reliable pairs, against chance in the overlap */
	F_AREA,       /* of the overlap */
	F_TURN,       /* of one finger against the other */
	F_FIT,        /* mean, of the pairs */
	F_MINUTIAE,   /* of both, in all */
	F_NEIGHBOURS, /* of pairs that are pairs as well */
	FEATURES
};

/*
 * The logistic function over the features (score.c); trained on all 51,040 pairs of the four
 * sets, both ways, on mirrored impostors, and with less weight on pairs of disturbed copies;
 * genuine pairs weigh as much as impostors in all (docs/MATCHING.md).
 */
struct score_weight {
	float weight, mean, deviation;
};
static const struct score_weight score_weight[FEATURES] = {
	[F_CORE] = { 1.4460f, 1.7702f, 0.3855f },
	[F_SURPRISE] = { 2.0478f, 0.5536f, 0.5585f },
	[F_AREA] = { -2.1608f, 3.4363f, 1.2005f },
	[F_TURN] = { -0.5298f, 0.4478f, 0.2834f },
	[F_FIT] = { -1.4959f, 0.3581f, 0.1112f },
	[F_MINUTIAE] = { -0.9598f, 4.3276f, 0.8906f },
	[F_NEIGHBOURS] = { 1.3359f, 0.4940f, 0.2979f },
};
static const float score_bias = -5.4557f;
#define SCORE_MOST    1000.0f  /* more is as much: a bound for the whole number */
#define SCORE_NOTHING (-20000) /* nothing agreed: below all that is computed in practice */

/*
 * A template's likeness to a probe: that of its likeliest impression, and half of the second's
 * where that one speaks for the same finger. Half is tuned, with one set left out.
 */
#define SECOND_PART 2

/*
 * What a search of so many impressions in all has to reach, so that one attempt in 10,000 matches
 * falsely at most. From the tail of impostors' scores (docs/MATCHING.md); steeper than the tail.
 */
#define THRESHOLDS 8
static const struct threshold {
	unsigned impressions;
	int32_t score;
} threshold[THRESHOLDS] = {
	{ 1, 4000 },  { 2, 4600 },  { 3, 5000 },  { 5, 5500 },
	{ 10, 6000 }, { 20, 6400 }, { 50, 7000 }, { 100, 7400 },
};

/*
 * And more, where the probe shows little of a finger: a small piece lies well in many places of a
 * whole print, and its minutiae are the densest. From impostors cut to 8 to 40 minutiae.
 */
#define SMALL_PROBES 3
#define SMALL_EACH   1600.0f /* px² for a minutia at most; whole prints: 1,100 to 1,200 */
static const struct small_probe {
	float area; /* px² of the hull, less than */
	int32_t more;
} small_probe[SMALL_PROBES] = {
	{ 20000, 2800 },
	{ 30000, 2300 },
	{ 40000, 1400 },
};

#endif
