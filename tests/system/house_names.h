/*
 * A machine's name servers as a test has them: a network and an /etc of its own, and one server
 * that answers, is silent, lies, or knows nothing. It says of each name that it is 127.0.0.1.
 */
#ifndef KENMON_TESTS_HOUSE_NAMES_H
#define KENMON_TESTS_HOUSE_NAMES_H

#include <stdbool.h>
#include <stdint.h>

enum names_answer {
	NAMES_RIGHT,
	NAMES_NOTHING_KNOWN,
	NAMES_SILENT,
	NAMES_GARBAGE,
	NAMES_SILENT_AT_FIRST, /* to the first two questions */
	NAMES_OTHER_ID,
	NAMES_LOOPING, /* a name that points to itself */
};

/* From here on this process is on a machine of its own. False: not root, or a container forbids it.
 */
bool names_machine(void);

/* At 127.0.0.1, or at another address (host byte order). */
bool names_start(enum names_answer how);
bool names_start_at(uint32_t address, enum names_answer how);
void names_stop(void);
unsigned names_asked(void); /* questions since the start */

/* As a network's manager does it: another file under the name resolv.conf. */
bool names_replace(const char *resolv_conf);

#endif
