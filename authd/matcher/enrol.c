/*
 * Which impressions make a template. Each must be rich enough, show something new, and agree with
 * one that was taken before. The first has nothing to agree with: if it was bad, all others
 * disagree with it, and three of them that agree with each other take its place.
 */
#include <stdlib.h>
#include <string.h>

#include <kenmon/secret.h>

#include "enrol.h"

/* "Nearly": a finger that stayed where it was moves less, and one that was lifted moves more. */
#define SAME_PIXELS  6
#define SAME_DEGREES 12
#define SAME_PERCENT 90

static bool beside(const struct km_minutia *a, const struct km_minutia *b)
{
	int turn = abs(a->theta - b->theta);

	if (turn > 180)
		turn = 360 - turn;
	return abs(a->x - b->x) <= SAME_PIXELS && abs(a->y - b->y) <= SAME_PIXELS &&
	       turn <= SAME_DEGREES;
}

/* Of a's minutiae, so many percent have one of b's beside them. */
static unsigned covered(const struct km_minutiae *a, const struct km_minutiae *b)
{
	unsigned found = 0;

	for (unsigned i = 0; i < a->count; i++) {
		unsigned k = 0;

		while (k < b->count && !beside(&a->at[i], &b->at[k]))
			k++;
		found += k < b->count;
	}
	return a->count ? 100 * found / a->count : 0;
}

bool enrol_same(const struct km_minutiae *a, const struct km_minutiae *b)
{
	return covered(a, b) >= SAME_PERCENT && covered(b, a) >= SAME_PERCENT;
}

void enrol_begin(struct enrolment *e, unsigned wanted)
{
	km_wipe(e, sizeof(*e));
	e->wanted = (uint8_t)wanted;
}

bool enrol_done(const struct enrolment *e)
{
	return e->wanted > 0 && e->good.count >= e->wanted;
}

/* The one that was looked at before this, if it was worth it. */
static const struct km_minutiae *last_of(const struct enrolment *e)
{
	if (e->strangers > 0)
		return &e->stranger[e->strangers - 1];
	return e->good.count > 0 ? &e->good.impression[e->good.count - 1] : NULL;
}

static void forget_strangers(struct enrolment *e)
{
	km_wipe(e->stranger, sizeof(e->stranger));
	e->strangers = 0;
}

static enum km_stage take_good(struct enrolment *e, const struct km_minutiae *probe)
{
	e->good.impression[e->good.count++] = *probe;
	forget_strangers(e);
	return KM_STAGE_GOOD;
}

static bool agrees_with_good(const struct enrolment *e, const struct km_minutiae *probe,
			     const struct enrol_judge *judge)
{
	for (unsigned i = 0; i < e->good.count; i++)
		if (judge->agree(judge->arg, probe, &e->good.impression[i]))
			return true;
	return false;
}

static bool strangers_agree(const struct enrolment *e, const struct enrol_judge *judge)
{
	for (unsigned i = 0; i < ENROL_STRANGERS; i++)
		for (unsigned k = i + 1; k < ENROL_STRANGERS; k++)
			if (!judge->agree(judge->arg, &e->stranger[i], &e->stranger[k]))
				return false;
	return true;
}

/* One that agrees with none. Several good ones agree with each other: they stay. */
static enum km_stage take_stranger(struct enrolment *e, const struct km_minutiae *probe,
				   const struct enrol_judge *judge)
{
	if (e->good.count != 1)
		return KM_STAGE_DIFFERS;
	if (e->strangers == ENROL_STRANGERS) {
		memmove(&e->stranger[0], &e->stranger[1],
			(ENROL_STRANGERS - 1) * sizeof(e->stranger[0]));
		e->strangers--;
	}
	e->stranger[e->strangers++] = *probe;
	if (e->strangers < ENROL_STRANGERS || !strangers_agree(e, judge))
		return KM_STAGE_DIFFERS;
	memcpy(e->good.impression, e->stranger, sizeof(e->stranger));
	e->good.count = ENROL_STRANGERS;
	forget_strangers(e);
	return KM_STAGE_RESTARTED;
}

static enum km_stage look_at(struct enrolment *e, const struct km_minutiae *probe,
			     const struct enrol_judge *judge)
{
	const struct km_minutiae *last = last_of(e);

	if (probe->count < ENROL_MINUTIAE_LEAST)
		return KM_STAGE_FEW;
	if (last && enrol_same(probe, last))
		return KM_STAGE_SAME;
	if (judge->known(judge->arg, probe))
		return KM_STAGE_KNOWN;
	if (e->good.count == 0 || agrees_with_good(e, probe, judge))
		return take_good(e, probe);
	return take_stranger(e, probe, judge);
}

enum km_stage enrol_take(struct enrolment *e, const struct km_minutiae *probe,
			 const struct enrol_judge *judge)
{
	enum km_stage stage;

	if (e->tries >= ENROL_TRIES || enrol_done(e))
		return KM_STAGE_FAILED;
	e->tries++;
	stage = look_at(e, probe, judge);
	return e->tries == ENROL_TRIES && !enrol_done(e) && stage != KM_STAGE_KNOWN
		   ? KM_STAGE_FAILED
		   : stage;
}
