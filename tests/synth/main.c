/*
 * Synthetic fingers for scripts.
 *
 *   synth picture IDENTITY IMPRESSION              writes a PGM to standard output
 *   synth feed SOCKET IDENTITY IMPRESSION...       touches libfprint's virtual reader, one by one
 *   synth retry|error|finger SOCKET NUMBER         what else a reader says (feed.h)
 *   synth unplug SOCKET
 *   synth roster COUNT [WORD=VALUE...]             writes a roster (staff.h): first, without,
 * transferred, moved=N, day=TEXT, cp932, english, short, trailer=1
 *
 * feed and its like wait up to ten seconds for the reader. Exit code 1: it did not come; 2: usage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed.h"
#include "staff.h"

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

static uint32_t *number_of(struct staff_order *o, const char *word)
{
	if (strcmp(word, "first") == 0)
		return &o->first;
	if (strcmp(word, "without") == 0)
		return &o->without;
	if (strcmp(word, "transferred") == 0)
		return &o->transferred;
	return strcmp(word, "moved") == 0 ? &o->moved : NULL;
}

static bool *flag_of(struct staff_order *o, const char *word)
{
	if (strcmp(word, "cp932") == 0)
		return &o->cp932;
	if (strcmp(word, "english") == 0)
		return &o->english;
	if (strcmp(word, "short") == 0)
		return &o->short_form;
	return strcmp(word, "trailer") == 0 ? &o->trailer : NULL;
}

static int roster(char **arg, int count)
{
	struct staff_order o = { .count = (uint32_t)strtoul(arg[0], NULL, 10) };

	for (int i = 1; i < count; i++) {
		char *value = strchr(arg[i], '=');

		if (!value)
			return 2;
		*value++ = '\0';
		if (number_of(&o, arg[i]))
			*number_of(&o, arg[i]) = (uint32_t)strtoul(value, NULL, 10);
		else if (flag_of(&o, arg[i]))
			*flag_of(&o, arg[i]) = *value == '1';
		else if (strcmp(arg[i], "day") == 0)
			o.day = value;
		else
			return 2;
	}
	return staff_write(stdout, &o) ? 0 : 1;
}

static const struct {
	const char *name;
	int least, most;
	int (*run)(char **arg, int count);
} commands[] = {
	{ "picture", 2, 2, write_picture }, { "feed", 3, 100, feed_all },
	{ "retry", 2, 2, retry },           { "error", 2, 2, error },
	{ "finger", 2, 2, finger },         { "unplug", 1, 1, unplug },
	{ "roster", 1, 9, roster },
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
