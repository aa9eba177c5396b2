/*
 * Every number that a comparison depends on, and where it came from. Pixels are of 500 dpi.
 *
 *   MCC      Cappelli, Ferrara, Maltoni, IEEE TPAMI 32(12), 2010, as there or within its range
 *   tuned    chosen on the FVC2002 B sets, with one set left out at a time (docs/MATCHING.md)
 *   trained  logistic regression on the same sets
 */
#ifndef KENMON_MATCHER_NUMBERS_H
#define KENMON_MATCHER_NUMBERS_H

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

/* Candidates: pairs of minutiae whose cylinders look alike. */
#define TURN_MAX       90    /* degrees that a finger may be turned */
#define TOP            5     /* partners that a minutia may propose; tuned */
#define ALIKE_LEAST    0.25f /* tuned */
#define CANDIDATES_MAX 200   /* the most alike; bounds the relaxation */

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
#define GROW_REACH  16.0f  /* pixels from where a partner is expected */
#define GROW_TURN   30.0f  /* degrees from how */
#define GROW_SIGMA  80.0f  /* pixels over which a map is the same */
#define GROW_FLOOR  0.02f  /* weight of pairs far away */
#define GROW_LEVER  400.0f /* px²: how much a direction says beside a place */
#define GROW_EDGES  2048   /* proposals weighed in one pass */

/* Score. */
#define FIT_SIGMA  8.0f    /* pixels; tuned */
#define FIT_TURN   0.25f   /* radians; tuned */
#define HULL_SLACK 5.0f    /* pixels outside the hull that are still overlap; tuned */
#define AREA_LEAST 4000.0f /* px² of overlap: chance is not judged on less; tuned */

/* Reliability of a minutia, from its place alone (reliability.c, in that order); trained. */
#define RELIABILITY_PARTS 10
static const float reliability_weight[RELIABILITY_PARTS] = {
	0.7217f,  0.3648f,  1.0392f, 0.8840f,  -0.7892f,
	-1.5148f, -0.4517f, 0.6322f, -0.1464f, -1.4364f,
};

/* The logistic function over the features (print.h, in that order); trained. */
struct score_weight {
	float weight, mean, deviation;
};
static const struct score_weight score_weight[] = {
	{ 2.371f, 4.3899f, 4.4183f },      /* F_CORE */
	{ 1.5437f, 2.439f, 7.383f },       /* F_SURPRISE */
	{ 1.8376f, 1.8374f, 5.7322f },     /* F_RELIABLE */
	{ 1.2465f, 3.3839f, 3.6648f },     /* F_WEIGHT */
	{ 2.4688f, 0.026062f, 0.060229f }, /* F_SHARE */
	{ -1.3329f, 3.7416f, 1.4306f },    /* F_EXPECTED */
};
static const float score_bias = -2.9102f;

/* Scores that a search of so many impressions needs (docs/MATCHING.md). */
#define THRESHOLDS 3
static const struct {
	unsigned impressions;
	int32_t score;
} threshold[THRESHOLDS] = {
	{ 1, 1700 },
	{ 10, 3000 },
	{ 100, 5000 },
};

#endif
