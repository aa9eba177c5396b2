/* Frames that wait for a peer: one buffer, first in, first out, with a bound. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "vault.h"

#define QUEUE_FIRST (16 * 1024)
#define QUEUE_MOST                                                                                 \
	(1024 * 1024) /* a page of rows is 250 KiB; above it the peer has stopped reading */

static km_rc make_room(struct queue *q, size_t need)
{
	size_t cap = q->cap ? q->cap : QUEUE_FIRST;
	uint8_t *bytes;

	if (q->head == q->tail)
		q->head = q->tail = 0;
	while (cap < q->tail + need)
		cap *= 2;
	if (cap > QUEUE_MOST)
		return KM_ELIMIT;
	if (cap == q->cap)
		return KM_OK;
	bytes = malloc(cap);
	if (!bytes)
		return KM_ENOMEM;
	if (q->bytes) {
		memcpy(bytes, q->bytes, q->tail);
		km_wipe(q->bytes, q->cap);
		free(q->bytes);
	}
	q->bytes = bytes;
	q->cap = cap;
	return KM_OK;
}

km_rc queue_put(struct queue *q, const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX]; /* the vault has one thread */
	uint32_t len32;
	size_t len;
	km_rc rc = km_encode(m, frame, sizeof frame, &len);

	if (rc == KM_OK)
		rc = make_room(q, sizeof len32 + len);
	if (rc == KM_OK) {
		len32 = (uint32_t)len;
		memcpy(q->bytes + q->tail, &len32, sizeof len32);
		memcpy(q->bytes + q->tail + sizeof len32, frame, len);
		q->tail += sizeof len32 + len;
		km_wipe(frame, len);
	}
	return rc;
}

km_rc queue_send(struct queue *q, int fd)
{
	while (q->head < q->tail) {
		uint32_t len;
		km_rc rc;

		memcpy(&len, q->bytes + q->head, sizeof len);
		rc = km_send(fd, q->bytes + q->head + sizeof len, len, -1, MSG_DONTWAIT);
		if (rc != KM_OK)
			return rc;
		km_wipe(q->bytes + q->head, sizeof len + len);
		q->head += sizeof len + len;
	}
	q->head = q->tail = 0;
	return KM_OK;
}

void queue_free(struct queue *q)
{
	if (q->bytes)
		km_wipe(q->bytes, q->cap);
	free(q->bytes);
	*q = (struct queue){ 0 };
}
