/* Counting by uid, in a table that does not grow. */
#include <stddef.h>

#include "sources.h"

static bool idle(const struct judge_source *s, int64_t now_ms, int64_t every_ms)
{
	return !s->used || (s->count == 0 && now_ms - s->told_ms >= every_ms);
}

static struct judge_source *place_of(struct judge_sources *t, uid_t uid, unsigned reason,
				     int64_t now_ms, int64_t every_ms)
{
	struct judge_source *place = NULL, *others = &t->source[JUDGE_SOURCES];

	for (size_t i = 0; i < JUDGE_SOURCES; i++) {
		struct judge_source *s = &t->source[i];

		if (s->used && s->uid == uid && s->reason == reason)
			return s;
		if (!place && idle(s, now_ms, every_ms))
			place = s;
	}
	if (place) {
		*place = (struct judge_source){ .used = true, .uid = uid, .reason = reason };
		return place;
	}
	others->used = true;
	others->uid = JUDGE_SOURCES_OTHERS;
	others->reason = reason;
	return others;
}

struct judge_source *judge_sources_count(struct judge_sources *t, uid_t uid, unsigned reason,
					 int64_t now_ms, int64_t every_ms)
{
	struct judge_source *s = place_of(t, uid, reason, now_ms, every_ms);

	if (s->count < UINT32_MAX)
		s->count++;
	return s;
}

bool judge_source_due(const struct judge_source *s, int64_t now_ms, int64_t every_ms)
{
	return s->count > 0 && (!s->told || now_ms - s->told_ms >= every_ms);
}

void judge_source_told(struct judge_source *s, int64_t now_ms)
{
	s->told = true;
	s->told_ms = now_ms;
	s->count = 0;
}
