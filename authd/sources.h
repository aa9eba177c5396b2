/*
 * Counting by uid what somebody can do as often as they like, so that it is
 * told now and then with a number: arithmetic, no clock of its own.
 */
#ifndef KENMON_AUTHD_SOURCES_H
#define KENMON_AUTHD_SOURCES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define JUDGE_SOURCES        64          /* counted apart; more than misbehave at the same time */
#define JUDGE_SOURCES_OTHERS ((uid_t)-1) /* all further ones together; no user has this uid */

struct judge_source {
	bool used, told;
	uid_t uid;
	unsigned reason;
	uint32_t count;  /* since it was told last */
	int64_t told_ms; /* CLOCK_BOOTTIME */
};

/* All zero is a good start. The last place is for those who have none. */
struct judge_sources {
	struct judge_source source[JUDGE_SOURCES + 1];
};

/*
 * Counts one more, and returns where. every_ms as below: a place is given away only when its
 * owner would be told of at once without it too.
 */
struct judge_source *judge_sources_count(struct judge_sources *t, uid_t uid, unsigned reason,
					 int64_t now_ms, int64_t every_ms);
/* There is something to tell, and the last time is long enough ago. */
bool judge_source_due(const struct judge_source *s, int64_t now_ms, int64_t every_ms);
void judge_source_told(struct judge_source *s, int64_t now_ms);

#endif
