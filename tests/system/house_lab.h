/*
 * A lab: the real kenmon-matcher alone, between a vault and sensors that the test plays over real
 * sockets with real frames. Functions that return bool say on standard error what went wrong.
 */
#ifndef KENMON_TESTS_HOUSE_LAB_H
#define KENMON_TESTS_HOUSE_LAB_H

#include <kenmon/wire.h>

#include "../unit/lender.h"
#include "house.h"

#define LAB_RESIDENT_KIB (16 * 1024) /* more a matcher may not take, whatever is lent */

struct lab {
	char dir[HOUSE_PATH], log[HOUSE_PATH], grant_path[HOUSE_PATH], probe_path[HOUSE_PATH];
	int grants, probes; /* listening */
	int vault;          /* the matcher's link, at the vault's end; -1: none */
	pid_t pid;          /* of the matcher; 0: none */
	char bin[HOUSE_PATH];
	const char *const *extra; /* more arguments, ended by NULL; may be NULL */
};

/* Makes the folder and the sockets, and starts a matcher. extra as in struct lab. */
bool lab_begin(struct lab *l, const char *const *extra);
/* Ends it and removes everything. A zeroed lab is allowed. */
void lab_end(struct lab *l);
/* Starts a matcher, and takes its link, when it has said which protocol it speaks. */
bool lab_start(struct lab *l);
/* The first half of it, and the second. */
bool lab_spawn(struct lab *l);
bool lab_greeted(struct lab *l);
/* Waits for its end; an exit code, or 128 + signal. Then lab_start() starts another. */
int lab_ended(struct lab *l);

int lab_sensor(const struct lab *l); /* a connection to probe.sock; -1: none */

bool lab_send(int fd, const struct km_msg *m);
bool lab_send_bytes(int fd, const void *bytes, size_t len);
/* The matcher's next word to the vault; a span lies in a buffer until the next call. */
bool lab_hear(struct lab *l, struct km_msg *m);
/* Nothing waits to be heard. */
bool lab_silent(const struct lab *l);
/* True: the other end has closed it. Waits for that. */
bool lab_closed(int fd);

/* A grant of `count` fingers from `finger` on, until so many milliseconds from now. */
bool lab_lend(const struct lab *l, unsigned grant, enum km_grant_mode mode, unsigned count,
	      uint32_t finger, unsigned touches, int64_t ms);
/* And hears, as the next word, that it was wiped. */
bool lab_take_back(struct lab *l, unsigned grant);
struct km_msg lab_probe_frame(unsigned grant, const struct km_minutiae *m);
bool lab_probe(int sensor, unsigned grant, struct km_minutiae m);
/* The next word is a MATCH of this grant with this outcome. */
bool lab_found(struct lab *l, unsigned grant, enum km_match outcome);

bool lab_logged(const struct lab *l, const char *text); /* waits for it */
/* In which forms a list of minutiae stands in memory: as coded, as numbers, and as prepared for a
 * comparison, which has a column of each coordinate. */
enum { LAB_CODED = 1, LAB_LISTED = 2, LAB_X = 4, LAB_Y = 8, LAB_UNREAD = 16 };
#define LAB_PREPARED (LAB_X | LAB_Y)
/* Those in which it stands in the matcher's; UNREAD: some of that cannot be read (root only). */
unsigned lab_remembers(const struct lab *l, const struct km_minutiae *m);

#endif
