/*
 * This process's clocks, which can be stopped and moved, all of them alike. Each test includes this
 * once.
 */
#ifndef KENMON_TESTS_CLOCKS_H
#define KENMON_TESTS_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CLOCKS 12

static struct {
	bool stopped;
	int64_t moved_ms;
	struct timespec at[CLOCKS];
} clocks;

/* For all of ours in this process, in place of libc's; libraries keep theirs. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	if (!clocks.stopped || id < 0 || id >= CLOCKS)
		return (int)syscall(SYS_clock_gettime, id, t);
	*t = clocks.at[id];
	t->tv_sec += clocks.moved_ms / 1000;
	t->tv_nsec += clocks.moved_ms % 1000 * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
	return 0;
}

/* As they are, in the middle of something. */
static inline void clocks_hold(void)
{
	clocks.moved_ms = 0;
	for (int id = 0; id < CLOCKS; id++)
		(void)!syscall(SYS_clock_gettime, id, &clocks.at[id]);
	clocks.stopped = true;
}

/* It is noon by UTC: no hour ends soon, and no day. */
static inline void clocks_stop(void)
{
	const time_t day = 24 * 60 * 60;

	clocks_hold();
	clocks.at[CLOCK_REALTIME].tv_sec -= clocks.at[CLOCK_REALTIME].tv_sec % day - day / 2;
}

static inline void clocks_go_on(void)
{
	clocks.stopped = false;
}

#endif
