/*
 * What another room says on its link. Whose each frame is, the kernel says: who listens may be the
 * service manager.
 */
#include <sys/socket.h>

#include <kenmon/log.h>

#include "judge.h"

#define DRAIN 128 /* frames at one go, so that clients get their turn */

km_rc judge_drain(struct judge *j, int fd, int64_t uid, const char *room, judge_hear hear)
{
	for (unsigned i = 0; i < DRAIN; i++) {
		struct km_stamp stamp = { .known = false };
		uint8_t *buf = j->frame->bytes;
		size_t len = 0;
		km_rc rc = km_recv(fd, buf, KM_FRAME_MAX, &len, NULL, &stamp, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			return KM_OK;
		if (rc == KM_OK && uid >= 0 && !(stamp.known && (int64_t)stamp.uid == uid)) {
			km_log(LOG_ALERT, "uid %u speaks as the %s: its link is closed", stamp.uid,
			       room);
			rc = KM_EPERM;
		} else if (rc == KM_OK) {
			rc = hear(j, buf, len);
		}
		km_wipe(buf, len); /* codes pass through it too */
		if (rc == KM_EPROTO)
			km_log(LOG_ERR, "the %s broke the protocol: its link is closed", room);
		if (rc != KM_OK)
			return rc;
	}
	return KM_OK;
}
