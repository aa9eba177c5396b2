/*
 * The other end of libfprint's virtual image reader (FP_VIRTUAL_IMAGE names its socket): what a
 * person does at it, and what breaks. The reader listens while a program has it open and sees what
 * is sent while that program waits for a finger. It must be fed by another process.
 */
#ifndef KENMON_TESTS_FEED_H
#define KENMON_TESTS_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "finger.h"

/* Its commands, each with a number. A width that is not negative is a picture. */
enum feed_command {
	FEED_RETRY = -1,     /* enum FpDeviceRetry: the person should try again */
	FEED_ERROR = -2,     /* enum FpDeviceError: the capture ends */
	FEED_AUTOMATIC = -3, /* 0: a picture alone no longer lays a finger on it and lifts it */
	FEED_FINGER = -4,    /* 1 a finger lies on it, 0 none does */
	FEED_UNPLUG = -5,    /* 0 */
};

/*
 * Waits up to so many ms for the reader to listen, then gives it the picture or the command and
 * waits until it has taken all of it. False: it was not there, or went away meanwhile.
 */
bool feed_picture(const char *path, const struct picture *p, unsigned ms);
bool feed_bytes(const char *path, int32_t width, int32_t height, const uint8_t *grey, unsigned ms);
bool feed_command(const char *path, enum feed_command command, int32_t number, unsigned ms);

#endif
