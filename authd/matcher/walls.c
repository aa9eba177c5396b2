/*
 * What the matcher may still do once its sockets are there: read and write on what is open, take a
 * sensor, look at the clock, end. It opens no path and makes no socket, file, memory or process;
 * the basics of other rooms are too much for it.
 */
#include <errno.h>
#include <string.h>

#include <asm/unistd.h>

#include <kenmon/log.h>
#include <kenmon/rc.h>
#include <kenmon/room.h>

#include "room.h"

static const struct km_call calls[] = {
#ifdef __NR_poll
	KM_CALL(poll), /* the log's */
#endif
	KM_CALL(ppoll),
	KM_CALL(accept4),
	KM_CALL(getsockopt), /* who it is */
	KM_CALL(recvmsg),
	KM_CALL(sendmsg),
	KM_CALL(sendto), /* the journal, the service manager */
	KM_CALL(write),  /* standard error */
	KM_CALL(close),
	KM_CALL(clock_gettime),
	/* its end */
	KM_CALL(rt_sigprocmask),
	KM_CALL(rt_sigreturn),
	KM_CALL(restart_syscall),
	KM_CALL(munmap),
	KM_CALL(getpid),
	KM_CALL(gettid),
	KM_CALL_IF(tgkill, SELF, 0, 0), /* abort() */
	KM_CALL(exit),
	KM_CALL(exit_group),
};

void matcher_wall(struct km_wall *w)
{
	*w = (struct km_wall){ .calls = { { calls, sizeof(calls) / sizeof(calls[0]) } },
			       .may_reach_abstract = km_room_manager_is_abstract() };
}

bool matcher_confine(void)
{
	struct km_wall w;
	unsigned gaps = 0;
	km_rc rc;

	matcher_wall(&w);
	rc = km_wall_up(&w, &gaps);
	if (rc != KM_OK) {
		km_log(LOG_ERR, "the matcher cannot be confined: %s: %s",
		       km_rc_text(rc, KM_LANG_EN), strerror(errno));
		return false;
	}
	for (unsigned gap = 1; km_wall_gap_text(gap); gap <<= 1)
		if (gaps & gap)
			km_log(LOG_WARNING, "%s", km_wall_gap_text(gap));
	return true;
}
