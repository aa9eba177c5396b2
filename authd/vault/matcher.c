/*
 * The matcher's link: one connection, of one peer, over which templates are
 * lent and findings come back. Its bad frame ends the link: it wipes all it has,
 * ends, and is started again; codes go on meanwhile. What it finds counts only
 * for a grant that waits for it, once.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <kenmon/log.h>
#include <kenmon/sock.h>

#include "grant.h"
#include "vault.h"

#define SAY_EVERY_MS 60000 /* a finding for nobody: a line a minute says enough */

bool matcher_ready(const struct vault *v)
{
	return v->matcher >= 0 && v->matcher_spoke;
}

void matcher_lost(struct vault *v, const char *why)
{
	if (v->matcher < 0)
		return;
	km_log(LOG_NOTICE, "the matcher's link is closed (%s): no fingers until it is back", why);
	epoll_ctl(v->poll, EPOLL_CTL_DEL, v->matcher, NULL);
	close(v->matcher);
	v->matcher = -1;
	v->matcher_spoke = false;
	grants_unlink(v);
}

/*
 * Whoever made the socket gave it to the matcher's user, and closed it to all others but root. A
 * uid that was named counts more.
 */
void matcher_expect(struct vault *v)
{
	struct sockaddr_un at = { .sun_family = AF_UNSPEC };
	socklen_t len = sizeof at - 1; /* the path ends */
	struct stat st;

	if (v->has_matcher_uid)
		return;
	v->matcher_uid = geteuid();
	if (getsockname(v->matcher_door, (struct sockaddr *)&at, &len) == 0 &&
	    at.sun_family == AF_UNIX && at.sun_path[0] == '/' && stat(at.sun_path, &st) == 0)
		v->matcher_uid = st.st_uid;
	v->has_matcher_uid = true;
}

static bool is_matcher(const struct vault *v, int fd)
{
	uid_t uid;

	return v->has_matcher_uid && km_peer(fd, NULL, &uid, NULL) == KM_OK &&
	       uid == v->matcher_uid;
}

void matcher_accept(struct vault *v)
{
	int fd = accept4(v->matcher_door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	/* One that was started again may be here before we have seen the last one's end. */
	if (v->matcher >= 0)
		matcher_drain(v);
	if (v->matcher >= 0 || !is_matcher(v, fd)) {
		km_log(LOG_WARNING, "a second or foreign matcher was turned away");
		close(fd);
		return;
	}
	if (!loop_watch(v, fd))
		return;
	v->matcher = fd;
	v->matcher_spoke = false;
}

/* --- frames ------------------------------------------------------------------- */

/* The grant that it speaks of, while something is lent under it. NULL: it comes too late. */
static struct grant *lent_under(struct vault *v, const uint8_t id[KM_GRANT_BYTES])
{
	struct grant *g = grant_of(v, id);

	if (g && g->mode)
		return g;
	if (v->matcher_said_ms == 0 || v->now.boot_ms - v->matcher_said_ms >= SAY_EVERY_MS) {
		km_log(LOG_NOTICE, "the matcher found something for a grant that has ended: "
				   "ignored");
		v->matcher_said_ms = v->now.boot_ms;
	}
	return NULL;
}

static km_rc take_matcher(struct vault *v, const struct km_msg *m)
{
	if (v->matcher_spoke || m->matcher.version != KM_ROOM_PROTOCOL)
		return KM_EPROTO;
	v->matcher_spoke = true;
	km_log(LOG_NOTICE, "the matcher is here: fingers are compared");
	return KM_OK;
}

static km_rc take_match(struct vault *v, const struct km_msg *m)
{
	struct grant *g = lent_under(v, m->match.grant);

	if (!g)
		return KM_OK;
	return g->mode == KM_GRANT_COMPARE ? finger_found(v, g, &m->match) : KM_EPROTO;
}

static km_rc take_stage(struct vault *v, const struct km_msg *m)
{
	struct grant *g = lent_under(v, m->stage.grant);

	if (!g)
		return KM_OK;
	return g->mode == KM_GRANT_ENROL ? desk_finger_stage(v, g, &m->stage) : KM_EPROTO;
}

static km_rc take_template(struct vault *v, const struct km_msg *m)
{
	struct grant *g = lent_under(v, m->finger_template.grant);

	if (!g)
		return KM_OK;
	return g->mode == KM_GRANT_ENROL ? desk_finger_template(v, g, &m->finger_template)
					 : KM_EPROTO;
}

static km_rc take_returned(struct vault *v, const struct km_msg *m)
{
	return grant_returned(v, m->returned.grant);
}

static const struct {
	enum km_message_number number;
	km_rc (*take)(struct vault *v, const struct km_msg *m);
} taken[] = {
	{ KM_MSG_MATCHER, take_matcher },   { KM_MSG_MATCH, take_match },
	{ KM_MSG_STAGE, take_stage },       { KM_MSG_TEMPLATE, take_template },
	{ KM_MSG_RETURNED, take_returned },
};

static km_rc take(struct vault *v, size_t len)
{
	km_rc rc = km_decode(v->frame, len, KM_FROM_MATCHER, KM_PHASE_GRANTS, v->in);

	if (rc == KM_OK && !v->matcher_spoke && v->in->number != KM_MSG_MATCHER)
		rc = KM_EPROTO;
	for (size_t i = 0; rc == KM_OK && i < sizeof taken / sizeof taken[0]; i++) {
		if (taken[i].number == v->in->number)
			return taken[i].take(v, v->in);
	}
	return KM_EPROTO;
}

/* No more of them than a round takes: who floods us waits. */
void matcher_drain(struct vault *v)
{
	for (unsigned n = 0; v->matcher >= 0 && v->replies < VAULT_ROUND && n < VAULT_ROUND; n++) {
		size_t len = 0;
		km_rc rc =
		    km_recv(v->matcher, v->frame, KM_FRAME_MAX, &len, NULL, NULL, MSG_DONTWAIT);

		if (rc == KM_EAGAIN)
			return;
		if (rc == KM_ECLOSED) {
			matcher_lost(v, "end of file");
			return;
		}
		if (rc == KM_OK) {
			v->messages++;
			rc = take(v, len);
			km_msg_wipe(v->in);
		}
		km_wipe(v->frame, rc == KM_OK ? len : KM_FRAME_MAX);
		if (rc != KM_OK)
			matcher_lost(v, "not our protocol");
	}
}
