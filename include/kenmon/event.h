/* Numbers and words of audit events. */
#ifndef KENMON_EVENT_H
#define KENMON_EVENT_H

enum km_event {
	KM_EVENT_NONE = 0,
#define KM_EVENT(NAME, number, word, priority, ja) KM_EVENT_##NAME = (number),
#include <kenmon/event.def>
#undef KM_EVENT
};

const char *km_event_word(unsigned event); /* "login-allowed" … ; "?" */
int km_event_priority(unsigned event);     /* syslog(3) priority */

#endif
