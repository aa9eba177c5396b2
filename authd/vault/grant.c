/*
 * Grants: who has a finger waited for, what the matcher holds for it, and until
 * when. Templates go out one a frame, from locked memory, at once: none waits
 * in a queue for a matcher that does not read. What is taken back is remembered
 * until the matcher says that it has wiped it: an erasure waits for that.
 */
#include <string.h>
#include <sys/socket.h>

#include "grant.h"
#include "vault.h"

/*
 * The sensor has given up by then and the judge has said so; a finger that was put down at the last
 * moment is still compared.
 */
#define GRANT_SLACK_MS 5000

/*
 * It answers between two comparisons, which take milliseconds: one that has not by then never will.
 * Whoever waits for an erasure waits no longer than this.
 */
#define RETURN_MS 10000

/* A template on its way, opened and then framed. In locked memory. */
struct lending {
	struct km_template open;
	uint8_t frame[KM_FRAME_HEADER + KM_CAP_LEND];
};

static size_t returning(const struct vault *v)
{
	size_t n = 0;

	for (size_t i = 0; i < VAULT_RETURNS; i++)
		n += v->returning[i].used;
	return n;
}

km_rc grant_new(struct vault *v, unsigned seconds, struct grant **out)
{
	/* Each that is open may have to be taken back. */
	if (returning(v) + KM_GRANTS > VAULT_RETURNS)
		return KM_ELIMIT;
	for (size_t i = 0; i < KM_GRANTS; i++) {
		struct grant *g = &v->grant[i];
		km_rc rc;

		if (g->used)
			continue;
		*g = (struct grant){ .until_ms =
					 v->now.boot_ms + seconds * 1000LL + GRANT_SLACK_MS };
		rc = km_random(g->id, sizeof g->id);
		if (rc != KM_OK)
			return rc;
		g->used = true;
		*out = g;
		return KM_OK;
	}
	return KM_ELIMIT;
}

/* --- lending ------------------------------------------------------------------- */

/* One frame; what travels is wiped, whatever came of it. */
static km_rc lend_one(struct vault *v, const struct msg_lend *lend, struct lending *way)
{
	const struct km_msg m = { .number = KM_MSG_LEND, .lend = *lend };
	size_t len;
	km_rc rc = km_encode(&m, way->frame, sizeof way->frame, &len);

	if (rc == KM_OK)
		rc = km_send(v->matcher, way->frame, len, -1, MSG_DONTWAIT);
	if (rc == KM_OK)
		v->messages++;
	else if (rc == KM_EAGAIN || rc == KM_ECLOSED)
		rc = KM_EUNAVAIL;
	km_wipe(way, sizeof *way);
	return rc;
}

static km_rc lend_all(struct vault *v, const struct grant *g, struct msg_lend *lend,
		      const struct km_operator *op, const struct km_credential *credentials)
{
	struct lending *way = km_locked_new(sizeof *way);
	km_rc rc = way ? KM_OK : KM_ENOMEM;

	for (size_t i = 0; rc == KM_OK && i < lend->count; i++) {
		lend->index = (uint8_t)i;
		if (g->count > 0) {
			rc = store_template(v->store, op, &credentials[i], &way->open);
			lend->blob =
			    (struct km_span){ .bytes = way->open.bytes, .len = way->open.len };
		}
		if (rc == KM_OK)
			rc = lend_one(v, lend, way);
	}
	km_locked_free(way, sizeof *way);
	return rc;
}

/* Before it is asked for: whatever fails from here on ends the link, and this with it. */
static void remember(struct vault *v, const struct grant *g)
{
	for (size_t i = 0; i < VAULT_RETURNS; i++) {
		struct returning *r = &v->returning[i];

		if (r->used)
			continue;
		*r = (struct returning){ .used = true, .until_ms = v->now.boot_ms + RETURN_MS };
		memcpy(r->id, g->id, sizeof r->id);
		memcpy(r->subject, g->subject, sizeof r->subject);
		return;
	}
}

static void take_back(struct vault *v, const struct grant *g)
{
	struct km_msg m = { .number = KM_MSG_TAKE_BACK };

	if (v->matcher < 0)
		return; /* it wipes all it has when it loses us */
	remember(v, g);
	memcpy(m.take_back.grant, g->id, KM_GRANT_BYTES);
	if (km_send_msg(v->matcher, &m, -1, MSG_DONTWAIT) == KM_OK)
		v->messages++;
	else
		matcher_lost(v, "it does not read");
}

km_rc grant_lend(struct vault *v, struct grant *g, enum km_grant_mode mode, unsigned wanted,
		 const struct km_operator *op, const struct km_credential *credentials,
		 size_t count)
{
	struct msg_lend lend = { .mode = (uint8_t)mode,
				 .wanted = (uint8_t)wanted,
				 .count = count ? (uint8_t)count : 1,
				 .until = g->until_ms };
	km_rc rc;

	if (count > KM_GRANT_TEMPLATES || (count == 0 && mode != KM_GRANT_ENROL))
		return KM_EINVAL;
	if (!matcher_ready(v))
		return KM_EUNAVAIL;
	memcpy(lend.grant, g->id, sizeof lend.grant);
	memcpy(g->subject, op->subject, sizeof g->subject);
	for (size_t i = 0; i < count; i++)
		g->credential[i] = credentials[i].id;
	g->count = count;
	rc = lend_all(v, g, &lend, op, credentials);
	if (rc != KM_OK) {
		take_back(v, g); /* some may be there */
		return rc;
	}
	g->mode = (uint8_t)mode;
	return KM_OK;
}

/* --- ending ---------------------------------------------------------------------- */

void grant_end(struct vault *v, struct grant *g)
{
	struct grant ended;

	if (!g || !g->used)
		return;
	link_unsense(v, g);
	ended = *g;
	/* First of all: what follows may end others. */
	*g = (struct grant){ .used = false };
	if (ended.session)
		ended.session->grant = NULL;
	if (ended.mode)
		take_back(v, &ended);
}

void grant_lose(struct vault *v, struct grant *g, km_rc why)
{
	struct session *s = g->session;
	struct line *l = g->line;

	grant_end(v, g);
	if (s)
		finger_lost(v, s);
	else if (l)
		desk_finger_lost(v, l, why);
}

struct grant *grant_of(struct vault *v, const uint8_t id[KM_GRANT_BYTES])
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		if (v->grant[i].used && memcmp(v->grant[i].id, id, KM_GRANT_BYTES) == 0)
			return &v->grant[i];
	}
	return NULL;
}

struct grant *grant_of_line(struct vault *v, const struct line *l)
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		if (v->grant[i].used && v->grant[i].line == l)
			return &v->grant[i];
	}
	return NULL;
}

void grants_expire(struct vault *v)
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		if (v->grant[i].used && v->now.boot_ms >= v->grant[i].until_ms)
			grant_lose(v, &v->grant[i], KM_ETIMEOUT);
	}
}

/* --- coming back ------------------------------------------------------------------ */

km_rc grant_returned(struct vault *v, const uint8_t id[KM_GRANT_BYTES])
{
	for (size_t i = 0; i < VAULT_RETURNS; i++) {
		struct returning *r = &v->returning[i];

		if (!r->used || memcmp(r->id, id, KM_GRANT_BYTES) != 0)
			continue;
		r->used = false;
		return KM_OK;
	}
	return KM_EPROTO;
}

void grants_overdue(struct vault *v)
{
	for (size_t i = 0; i < VAULT_RETURNS; i++) {
		if (v->returning[i].used && v->now.boot_ms >= v->returning[i].until_ms)
			matcher_lost(v, "it does not say that it has wiped what was taken back");
	}
}

bool grants_returning(const struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	for (size_t i = 0; i < VAULT_RETURNS; i++) {
		const struct returning *r = &v->returning[i];

		if (r->used && memcmp(r->subject, subject, KM_SUBJECT_BYTES) == 0)
			return true;
	}
	return false;
}

void grants_unlink(struct vault *v)
{
	memset(v->returning, 0, sizeof v->returning);
	for (size_t i = 0; i < KM_GRANTS; i++) {
		struct grant *g = &v->grant[i];

		if (g->mode)
			grant_lose(v, g, KM_EUNAVAIL);
	}
}

static bool lent_of(const struct grant *g, const uint8_t subject[KM_SUBJECT_BYTES])
{
	return g->mode && memcmp(g->subject, subject, KM_SUBJECT_BYTES) == 0;
}

bool grants_lent(const struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES], unsigned mode)
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		const struct grant *g = &v->grant[i];

		if (lent_of(g, subject) && (mode == 0 || g->mode == mode))
			return true;
	}
	return false;
}

static void end_all_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES], km_rc why)
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		struct grant *g = &v->grant[i];

		if (lent_of(g, subject))
			grant_lose(v, g, why);
	}
}

void grants_end_of(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	end_all_of(v, subject, KM_ESTATE);
}

void grants_end_withdrawn(struct vault *v, const uint8_t subject[KM_SUBJECT_BYTES])
{
	end_all_of(v, subject, KM_EPERM);
}

static bool lends(const struct grant *g, uint64_t credential)
{
	for (size_t i = 0; i < g->count; i++) {
		if (g->credential[i] == credential)
			return true;
	}
	return false;
}

void grants_end_with(struct vault *v, uint64_t credential)
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		struct grant *g = &v->grant[i];

		if (g->mode && lends(g, credential))
			grant_lose(v, g, KM_EABORTED);
	}
}
