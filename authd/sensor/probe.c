/*
 * The matcher's link: made for a job, closed with it, and written to only. Nothing that the
 * matcher could send is ever read here.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/secret.h>
#include <kenmon/sock.h>

#include "sensor.h"

km_rc probe_open(struct sensor *s)
{
	km_rc rc = km_connect(s->probe_path, false, &s->probe);

	if (rc == KM_OK)
		(void)shutdown(s->probe, SHUT_RD);
	return rc;
}

void probe_close(struct sensor *s)
{
	if (s->probe >= 0)
		close(s->probe);
	s->probe = -1;
}

km_rc probe_send(struct sensor *s, const uint8_t *grant, const struct km_minutiae *m)
{
	struct km_msg probe = { .number = KM_MSG_PROBE };
	uint8_t coded[KM_MINUTIAE_BYTES], frame[KM_FRAME_HEADER + KM_CAP_PROBE];
	size_t len = 0, size = 0;
	km_rc rc = km_minutiae_encode(m, coded, sizeof coded, &len);

	memcpy(probe.probe.grant, grant, KM_GRANT_BYTES);
	probe.probe.version = KM_ROOM_PROTOCOL;
	probe.probe.minutiae = (struct km_span){ coded, (uint16_t)len };
	if (rc == KM_OK)
		rc = km_encode(&probe, frame, sizeof frame, &size);
	if (rc == KM_OK)
		rc = km_send(s->probe, frame, size, -1, MSG_DONTWAIT);
	if (rc != KM_OK && size > 0) {
		/* The matcher was started again meanwhile. */
		probe_close(s);
		rc = probe_open(s);
		if (rc == KM_OK)
			rc = km_send(s->probe, frame, size, -1, MSG_DONTWAIT);
	}
	km_wipe(coded, sizeof coded);
	km_wipe(frame, sizeof frame);
	return rc;
}
