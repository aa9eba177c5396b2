/* An enrolment: which impressions of a finger make a template together. Pure; see enrol.c. */
#ifndef KENMON_MATCHER_ENROL_H
#define KENMON_MATCHER_ENROL_H

#include <stdbool.h>
#include <stdint.h>

#include "match.h"

/*
 * Fewer than at a login are not enough (MATCH_MINUTIAE_LEAST): a poor probe costs one try, a poor
 * impression in a template costs every login to come.
 */
#define ENROL_MINUTIAE_LEAST 12
#define ENROL_TRIES          60 /* impressions in one enrolment: whoever needs more needs another finger */
#define ENROL_STRANGERS      3 /* that agree with each other and not with the first begin it anew */

struct enrolment {
	uint8_t wanted, tries;
	uint8_t strangers;
	struct finger_template good;
	struct km_minutiae
	    stranger[ENROL_STRANGERS]; /* that did not agree, in a row, newest last */
};

/* Who compares. */
struct enrol_judge {
	void *arg;
	/* Is it one of the operator's other fingers? */
	bool (*known)(void *arg, const struct km_minutiae *probe);
	/* Are these the same finger? */
	bool (*agree)(void *arg, const struct km_minutiae *a, const struct km_minutiae *b);
};

/* wanted: KM_IMPRESSIONS_LEAST to KM_IMPRESSIONS_MAX. */
void enrol_begin(struct enrolment *e, unsigned wanted);

/*
 * Takes an impression. After KNOWN and FAILED nothing more is to be taken, and after the last GOOD
 * one (enrol_done) neither: e->good is the template then.
 */
enum km_stage enrol_take(struct enrolment *e, const struct km_minutiae *probe,
			 const struct enrol_judge *judge);

bool enrol_done(const struct enrolment *e);

/* Nearly all minutiae of each have one of the other at nearly the same place and angle. */
bool enrol_same(const struct km_minutiae *a, const struct km_minutiae *b);

#endif
