/* libfprint with its virtual image reader, in a process of its own: a test is the finger. */
#ifndef KENMON_TESTS_SCANNER_H
#define KENMON_TESTS_SCANNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <kenmon/minutiae.h>

enum reading_kind {
	READING_WAITS = 1, /* for a finger: feed it now */
	READING_TAKEN,     /* with the minutiae that libfprint found */
	READING_RETRY,     /* code: enum FpDeviceRetry */
	READING_ERROR,     /* code: enum FpDeviceError */
};

struct reading {
	int32_t kind, code;
	struct km_minutiae m;
};

struct scanner {
	pid_t pid;
	int from;
	char path[108]; /* its socket, for feed.h */
};

/* It waits for one finger after the other, each time at a reader that was opened anew. */
bool scanner_start(struct scanner *r, const char *path);
/* What it says next; false: it is gone. */
bool scanner_says(struct scanner *r, struct reading *out);
void scanner_end(struct scanner *r);

#endif
