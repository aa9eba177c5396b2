/*
 * One socket to the daemon. Waiting is on CLOCK_BOOTTIME, which runs on in sleep: a laptop that
 * wakes up must not go on waiting for a daemon that gave up hours ago.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <kenmon/sock.h>

#include "door.h"

/* poll(2) stands still in sleep, so it is asked in slices and the clock is read after each. */
#define WAIT_SLICE_MS 1000
#define NO_CLOCK      (-1)

/*
 * Its own, and not common/clock.c: that one knows time zones, and with them the environment.
 * Without a clock (a sandbox may forbid it) the wait is over, not endless.
 */
static int64_t boot_ms(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_BOOTTIME, &t) != 0)
		return NO_CLOCK;
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void spend(struct door_link *link, int64_t begun)
{
	int64_t now = boot_ms();

	if (begun == NO_CLOCK || now == NO_CLOCK)
		link->budget = link->person = 0;
	else if (link->person > 0)
		link->person -= now - begun;
	else
		link->budget -= now - begun;
}

/* Waits until the socket is ready for events, or the budget is spent: KM_ETIMEOUT. */
static km_rc wait_ready(struct door_link *link, short events)
{
	struct pollfd p = { .fd = link->fd, .events = events };

	while (link->person > 0 || link->budget > 0) {
		int64_t begun = boot_ms(), left = link->person > 0 ? link->person : link->budget;
		int n = poll(&p, 1, (int)(left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS));
		int error = errno;

		spend(link, begun);
		if (n > 0)
			return KM_OK;
		if (n < 0 && error != EINTR)
			return KM_EIO;
	}
	return KM_ETIMEOUT;
}

km_rc door_link_open(struct door_link *link, const char *path, unsigned seconds)
{
	int64_t begun = boot_ms();
	km_rc rc;

	*link = (struct door_link){ .fd = -1, .budget = (int64_t)seconds * 1000 };
	/* Stamps are asked for before the first byte: no record ever comes without one. */
	rc = km_connect(path, true, &link->fd);
	spend(link, begun);
	return rc;
}

km_rc door_link_send(struct door_link *link, const struct km_msg *m)
{
	for (;;) {
		km_rc rc = km_send_msg(link->fd, m, -1, MSG_DONTWAIT);

		if (rc != KM_EAGAIN)
			return rc;
		rc = wait_ready(link, POLLOUT);
		if (rc != KM_OK)
			return rc;
	}
}

static km_rc receive(struct door_link *link, uint8_t *frame, size_t cap, size_t *len,
		     struct km_stamp *stamp)
{
	for (;;) {
		km_rc rc = km_recv(link->fd, frame, cap, len, NULL, stamp, MSG_DONTWAIT);

		if (rc != KM_EAGAIN)
			return rc;
		rc = wait_ready(link, POLLIN);
		if (rc != KM_OK)
			return rc;
	}
}

km_rc door_link_recv(struct door_link *link, unsigned phase, struct km_msg *m,
		     struct km_stamp *stamp)
{
	uint8_t frame[DOOR_FRAME_MAX];
	size_t len = 0;
	km_rc rc;

	if (link->frames++ >= DOOR_FRAMES)
		return KM_EPROTO;
	rc = receive(link, frame, sizeof(frame), &len, stamp);
	link->person = 0;
	/* A peer that closed on our unread answer shows as a reset first; its last word follows. */
	if (rc == KM_ECLOSED)
		rc = receive(link, frame, sizeof(frame), &len, stamp);
	if (rc != KM_OK)
		return rc;
	rc = km_decode(frame, len, KM_FROM_JUDGE_OR_VAULT, phase, m);
	if (rc == KM_OK && m->session != 0)
		rc = KM_EPROTO;
	return rc;
}

void door_link_wait_for_person(struct door_link *link)
{
	link->person = (int64_t)DOOR_PERSON * 1000;
}

int64_t door_link_clock(void)
{
	return boot_ms();
}

bool door_link_in_time(int64_t begun)
{
	int64_t now = boot_ms();

	return begun != NO_CLOCK && now != NO_CLOCK && now - begun <= (int64_t)DOOR_PERSON * 1000;
}

bool door_link_ready(const struct door_link *link)
{
	struct pollfd p = { .fd = link->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

void door_link_close(struct door_link *link)
{
	if (link->fd >= 0)
		(void)close(link->fd);
	link->fd = -1;
}
