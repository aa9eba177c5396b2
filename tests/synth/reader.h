/* libfprint with its virtual image reader, in a process of its own: a test is the finger. */
#ifndef KENMON_TESTS_READER_H
#define KENMON_TESTS_READER_H

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

struct reader {
	pid_t pid;
	int from;
	char path[108]; /* its socket, for feed.h */
};

/* It waits for one finger after the other, each time at a reader that was opened anew. */
bool reader_start(struct reader *r, const char *path);
/* What it says next; false: it is gone. */
bool reader_says(struct reader *r, struct reading *out);
void reader_end(struct reader *r);

#endif
