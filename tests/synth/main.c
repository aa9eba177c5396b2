/*
 * Synthetic fingers for scripts.
 *
 *   synth picture IDENTITY IMPRESSION              writes a PGM to standard output
 *   synth feed SOCKET IDENTITY IMPRESSION...       touches libfprint's virtual reader, one by one
 *   synth retry|error|finger SOCKET NUMBER         what else a reader says (feed.h)
 *   synth unplug SOCKET
 *
 * feed and its like wait up to ten seconds for the reader. Exit code 1: it did not come; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"

#define WAIT_MS 10000

static struct picture picture;

static int write_picture(char **arg, int count)
{
	(void)count;
	finger_paint((uint32_t)strtoul(arg[0], NULL, 10), (uint32_t)strtoul(arg[1], NULL, 10),
		     &picture);
	printf("P5\n%d %d\n255\n", PICTURE_WIDTH, PICTURE_HEIGHT);
	return fwrite(picture.grey, sizeof(picture.grey), 1, stdout) == 1 && !fflush(stdout) ? 0
											     : 1;
}

static int feed_all(char **arg, int count)
{
	for (int i = 2; i < count; i++) {
		finger_paint((uint32_t)strtoul(arg[1], NULL, 10),
			     (uint32_t)strtoul(arg[i], NULL, 10), &picture);
		if (!feed_picture(arg[0], &picture, WAIT_MS))
			return 1;
	}
	return 0;
}

static int tell(enum feed_command command, char **arg, int count)
{
	int32_t number = count > 1 ? (int32_t)strtol(arg[1], NULL, 10) : 0;

	return feed_command(arg[0], command, number, WAIT_MS) ? 0 : 1;
}

static int retry(char **arg, int count)
{
	return tell(FEED_RETRY, arg, count);
}

static int error(char **arg, int count)
{
	return tell(FEED_ERROR, arg, count);
}

static int finger(char **arg, int count)
{
	return tell(FEED_FINGER, arg, count);
}

static int unplug(char **arg, int count)
{
	return tell(FEED_UNPLUG, arg, count);
}

static const struct {
	const char *name;
	int least, most;
	int (*run)(char **arg, int count);
} commands[] = {
	{ "picture", 2, 2, write_picture }, { "feed", 3, 100, feed_all },
	{ "retry", 2, 2, retry },           { "error", 2, 2, error },
	{ "finger", 2, 2, finger },         { "unplug", 1, 1, unplug },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name) && argc - 2 >= commands[i].least &&
		    argc - 2 <= commands[i].most)
			return commands[i].run(argv + 2, argc - 2);
	fprintf(stderr, "usage: synth picture IDENTITY IMPRESSION\n"
			"       synth feed SOCKET IDENTITY IMPRESSION...\n"
			"       synth retry|error|finger SOCKET NUMBER\n"
			"       synth unplug SOCKET\n");
	return 2;
}
