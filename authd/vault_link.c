/*
 * The link to the vault: one connection, made again when it ends. Sending never
 * blocks the loop; what the vault does not read yet waits in a bounded queue.
 * A frame that is no frame of the vault's ends the link, and everybody who
 * waits behind it is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/clock.h>
#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "judge.h"

#define ANCHOR_MS    1000  /* between two lines of the file */
#define JOURNAL_MS   60000 /* between two of the journal, which keeps them beside everything else */
#define TURNED_MS    1000  /* a uid that is turned away is told of once in this time */
#define USEC_PER_MS  1000u
#define USEC_PER_SEC 1000000u
#define ACCURACY     10000 /* µs by which a timer may be late */

/* --- timers ------------------------------------------------------------------ */

static void drop_timer(sd_event_source **t)
{
	*t = sd_event_source_disable_unref(*t);
}

static bool start_timer(struct judge *j, sd_event_source **t, uint64_t usec,
			sd_event_time_handler_t fired)
{
	drop_timer(t);
	return sd_event_add_time_relative(j->event, t, CLOCK_BOOTTIME, usec, ACCURACY, fired, j) >=
	       0;
}

/* --- the anchor ---------------------------------------------------------------- */

/* The same line for the journal, which is often sent to another machine. */
static void tell_journal(struct judge *j, int64_t now_ms)
{
	const struct km_anchor *a = &j->anchor.head;
	char line[KM_ANCHOR_LINE], seq[24], generation[12], text[64];
	const struct km_log_field field[] = {
		{ "KENMON_ANCHOR", line },
		{ "KENMON_RECORD", seq },
		{ "KENMON_GENERATION", generation },
	};

	km_anchor_format(a, line);
	snprintf(seq, sizeof(seq), "%" PRIu64, a->seq);
	snprintf(generation, sizeof(generation), "%" PRIu32, a->generation);
	snprintf(text, sizeof(text), "the audit trail is at record %s", seq);
	km_log_fields(LOG_INFO, field, sizeof(field) / sizeof(field[0]), text);
	j->anchor_told = *a;
	j->anchor_told_ms = now_ms;
}

static void write_anchor(struct judge *j, bool last)
{
	int64_t now = km_boot_ms();
	km_rc rc = judge_anchor_write(&j->anchor, now);

	if (rc != KM_OK && !j->anchor_failed)
		km_log(LOG_ERR, "the audit chain's head cannot be written down (%s): trying on",
		       km_rc_name(rc));
	j->anchor_failed = rc != KM_OK;
	/* The journal takes the line even where the file cannot. */
	if (j->anchor.head.seq > 0 && !km_anchor_same(&j->anchor.head, &j->anchor_told) &&
	    (last || j->anchor_told.seq == 0 ||
	     j->anchor.head.generation != j->anchor_told.generation ||
	     now - j->anchor_told_ms >= JOURNAL_MS))
		tell_journal(j, now);
}

static int on_anchor_due(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;

	(void)source;
	(void)usec;
	drop_timer(&j->anchor_timer);
	write_anchor(j, false);
	return 0;
}

static void note_head(struct judge *j, const struct msg_head *m)
{
	struct km_anchor head;
	int64_t since;

	KM_ANCHOR_COPY(&head, m);
	if (!judge_anchor_take(&j->anchor, &head) || j->anchor_timer)
		return;
	since = km_boot_ms() - j->anchor.written_ms;
	if (since >= ANCHOR_MS || !j->event ||
	    !start_timer(j, &j->anchor_timer, (uint64_t)(ANCHOR_MS - since) * USEC_PER_MS,
			 on_anchor_due))
		write_anchor(j, false);
}

/* --- frames in ------------------------------------------------------------------ */

km_rc judge_link_heard(struct judge *j, const uint8_t *buf, size_t len)
{
	struct km_msg *m = &j->frame->in;
	uint32_t id;
	km_rc rc;

	if (len < KM_FRAME_HEADER)
		return KM_EPROTO;
	id = (uint32_t)buf[1] << 24 | (uint32_t)buf[2] << 16 | (uint32_t)buf[3] << 8 | buf[4];
	if (id != 0)
		return judge_session_told(j, id, buf, len);
	rc = km_decode(buf, len, KM_FROM_VAULT, KM_PHASE_JUDGE_LINK, m);
	if (rc == KM_OK && m->number != KM_MSG_HEAD) {
		rc = judge_capture_for_vault(j, m);
	} else if (rc == KM_OK) {
		drop_timer(&j->link.silence);
		j->link.heard = true;
		j->link.silent = false;
		j->link.backoff_ms = JUDGE_BACKOFF_MS;
		note_head(j, &m->head);
		judge_announce(j);
	}
	km_msg_wipe(m);
	return rc;
}

/* --- frames out ------------------------------------------------------------------- */

static void forget_first(struct judge_link *l)
{
	struct judge_queued *q = l->first;

	l->first = q->next;
	if (!l->first)
		l->last = NULL;
	l->queued--;
	if (q->pass_fd >= 0)
		close(q->pass_fd);
	km_locked_free(q, sizeof(*q));
}

static void watch(struct judge_link *l)
{
	if (l->io)
		sd_event_source_set_io_events(l->io, EPOLLIN | (l->first ? EPOLLOUT : 0u));
}

static bool send_queued(struct judge_link *l)
{
	while (l->first) {
		struct judge_queued *q = l->first;
		km_rc rc = km_send(l->fd, q->bytes, q->len, q->pass_fd, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			break;
		if (rc != KM_OK)
			return false;
		forget_first(l);
	}
	watch(l);
	return true;
}

static km_rc enqueue(struct judge_link *l, const uint8_t *buf, size_t len, int pass_fd,
		     unsigned most)
{
	struct judge_queued *q;

	if (l->queued >= most)
		return KM_ELIMIT;
	q = km_locked_new(sizeof(*q));
	if (!q)
		return KM_ENOMEM;
	q->pass_fd = -1;
	if (pass_fd >= 0) {
		/* The session may be over before the vault reads; its OPEN still needs this. */
		q->pass_fd = fcntl(pass_fd, F_DUPFD_CLOEXEC, 3);
		if (q->pass_fd < 0) {
			km_locked_free(q, sizeof(*q));
			return KM_ELIMIT;
		}
	}
	memcpy(q->bytes, buf, len);
	q->len = len;
	if (l->last)
		l->last->next = q;
	else
		l->first = q;
	l->last = q;
	l->queued++;
	watch(l);
	return KM_OK;
}

static km_rc send_or_queue(struct judge_link *l, const uint8_t *buf, size_t len, int pass_fd,
			   unsigned most)
{
	km_rc rc = l->first ? KM_EAGAIN : km_send(l->fd, buf, len, pass_fd, MSG_DONTWAIT);

	if (rc == KM_EAGAIN)
		return enqueue(l, buf, len, pass_fd, most);
	return rc;
}

static unsigned most_waiting(uint8_t number)
{
	/* Every session may have a CLOSE waiting besides: it is never the one left out. */
	if (number == KM_MSG_CLOSE)
		return 2 * JUDGE_QUEUE_MAX;
	/* Never before the frame of a login: it is told later, with a count. */
	return number == KM_MSG_TURNED_AWAY ? 0 : JUDGE_QUEUE_MAX;
}

km_rc judge_link_send(struct judge *j, const struct km_msg *m, int pass_fd)
{
	struct judge_link *l = &j->link;
	unsigned most = most_waiting(m->number);
	size_t len = 0;
	km_rc rc;

	if (m->number == KM_MSG_OPEN && l->fd < 0 && judge_link_up(j) != KM_OK)
		return KM_EUNAVAIL;
	if (l->fd < 0 || (m->number == KM_MSG_OPEN && l->silent))
		return KM_EUNAVAIL;
	rc = km_encode(m, j->frame->sent, sizeof(j->frame->sent), &len);
	if (rc != KM_OK)
		return rc;
	rc = send_or_queue(l, j->frame->sent, len, pass_fd, most);
	km_wipe(j->frame->sent, len);
	/* The vault would keep the session for ever. It ends with the link, which the loop closes.
	 */
	if (rc != KM_OK && m->number == KM_MSG_CLOSE)
		shutdown(l->fd, SHUT_RDWR);
	return rc;
}

static void tell_of(struct judge *j, struct judge_source *s, int64_t now_ms)
{
	struct km_msg m = { .number = KM_MSG_TURNED_AWAY };
	km_rc rc;

	m.turned_away.reason = (uint8_t)s->reason;
	m.turned_away.uid = s->uid;
	m.turned_away.count = s->count;
	rc = j->ports->to_vault(j, &m, -1);
	if (rc == KM_OK)
		judge_source_told(s, now_ms);
	else
		km_log(LOG_DEBUG, "uid %u was turned away %u times, not told yet: %s", s->uid,
		       s->count, km_rc_name(rc));
}

bool judge_link_tell_turned(struct judge *j, int64_t now_ms)
{
	bool done = true;

	for (size_t i = 0; i < JUDGE_SOURCES + 1; i++) {
		struct judge_source *s = &j->turned.source[i];

		if (judge_source_due(s, now_ms, TURNED_MS))
			tell_of(j, s, now_ms);
		done = done && s->count == 0;
	}
	return done;
}

static int on_turned_due(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;

	(void)source;
	(void)usec;
	drop_timer(&j->turned_timer);
	if (!judge_link_tell_turned(j, km_boot_ms()) &&
	    !start_timer(j, &j->turned_timer, TURNED_MS * USEC_PER_MS, on_turned_due))
		km_log(LOG_ERR, "no timer: who is turned away is told of with the next one");
	return 0;
}

void judge_link_turned_away(struct judge *j, enum km_reason reason, uid_t uid)
{
	int64_t now = km_boot_ms();
	struct judge_source *s =
	    judge_sources_count(&j->turned, uid, (unsigned)reason, now, TURNED_MS);

	if (judge_source_due(s, now, TURNED_MS))
		tell_of(j, s, now);
	if (s->count > 0 && !j->turned_timer && j->event &&
	    !start_timer(j, &j->turned_timer, TURNED_MS * USEC_PER_MS, on_turned_due))
		km_log(LOG_ERR, "no timer: who is turned away is told of with the next one");
}

/* --- up and down -------------------------------------------------------------------- */

static int on_link(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct judge *j = arg;
	bool good = true;

	(void)source;
	(void)fd;
	if (events & EPOLLOUT)
		good = send_queued(&j->link);
	/* What the vault said before it went still counts. */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		good =
		    judge_drain(j, j->link.fd, j->vault_uid, "vault", judge_link_heard) == KM_OK &&
		    good;
	if (!good)
		judge_link_down(j, true);
	return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;

	(void)source;
	(void)usec;
	drop_timer(&j->link.retry);
	if (j->link.fd < 0 && judge_link_up(j) != KM_OK)
		judge_link_down(j, true);
	return 0;
}

static int on_silence(sd_event_source *source, uint64_t usec, void *arg)
{
	struct judge *j = arg;

	(void)source;
	(void)usec;
	drop_timer(&j->link.silence);
	km_log(LOG_ERR, "the vault does not answer: logins are refused until it does");
	/* The connection stays: another one would only stand behind it in the same queue. */
	j->link.silent = true;
	judge_sessions_lost_vault(j);
	judge_announce_without_vault(j);
	return 0;
}

static km_rc send_anchor(struct judge *j)
{
	struct km_msg m = { .number = KM_MSG_ANCHOR };

	m.anchor.version = KM_ROOM_PROTOCOL;
	KM_ANCHOR_COPY(&m.anchor, &j->anchor.head);
	return km_send_msg(j->link.fd, &m, -1, MSG_DONTWAIT);
}

km_rc judge_link_up(struct judge *j)
{
	struct judge_link *l = &j->link;
	int fd = -1;
	km_rc rc = km_connect(j->vault_path, true, &fd);

	if (rc != KM_OK)
		return rc;
	l->fd = fd;
	l->heard = l->silent = l->plans = false;
	if (send_anchor(j) != KM_OK ||
	    sd_event_add_io(j->event, &l->io, fd, EPOLLIN, on_link, j) < 0 ||
	    sd_event_source_set_priority(l->io, SD_EVENT_PRIORITY_IMPORTANT) < 0 ||
	    !start_timer(j, &l->silence, JUDGE_SILENCE_SECONDS * USEC_PER_SEC, on_silence)) {
		l->io = sd_event_source_disable_unref(l->io);
		l->fd = -1;
		close(fd);
		return KM_EUNAVAIL;
	}
	drop_timer(&l->retry);
	return KM_OK;
}

void judge_link_down(struct judge *j, bool try_again)
{
	struct judge_link *l = &j->link;

	l->io = sd_event_source_disable_unref(l->io);
	drop_timer(&l->retry);
	drop_timer(&l->silence);
	drop_timer(&j->anchor_timer);
	if (!try_again)
		drop_timer(&j->turned_timer);
	while (l->first)
		forget_first(l);
	if (l->fd >= 0) {
		if (try_again)
			km_log(l->heard ? LOG_WARNING : LOG_INFO,
			       "the link to the vault is closed: logins under way are refused");
		close(l->fd);
		l->fd = -1;
		write_anchor(j, true);
	}
	l->heard = l->silent = l->plans = false;
	judge_sessions_lost_vault(j);
	judge_captures_of_vault_stop(j);
	if (l->backoff_ms == 0)
		l->backoff_ms = JUDGE_BACKOFF_MS;
	if (try_again && !start_timer(j, &l->retry, l->backoff_ms * USEC_PER_MS, on_retry))
		km_log(LOG_ERR, "no timer: the vault is looked for when the next client comes");
	if (l->backoff_ms < JUDGE_BACKOFF_MAX_MS)
		l->backoff_ms = l->backoff_ms * 2 < JUDGE_BACKOFF_MAX_MS ? l->backoff_ms * 2
									 : JUDGE_BACKOFF_MAX_MS;
}
