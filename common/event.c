/* Words and priorities of event.def. */
#include <stddef.h>
#include <syslog.h>

#include <kenmon/event.h>

static const struct row {
	unsigned event;
	const char *word;
	int priority;
} rows[] = {
#define KM_EVENT(NAME, number, word, priority, ja) { number, word, priority },
#include <kenmon/event.def>
#undef KM_EVENT
};

static const struct row *row_of(unsigned event)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].event == event)
			return &rows[i];
	return NULL;
}

const char *km_event_word(unsigned event)
{
	const struct row *row = row_of(event);

	return row ? row->word : "?";
}

int km_event_priority(unsigned event)
{
	const struct row *row = row_of(event);

	return row ? row->priority : LOG_WARNING;
}
