/*
 * Grants. What is lent is kept as it came, about a hundred KiB for ten templates: eight places have
 * room for all that the vault can lend. What a comparison needs of it, the prepared impressions,
 * is fifty times as large, so there is room for the largest grant, once. Galleries share it while
 * they fit, made while nobody waits; the one that a probe is for puts out the others if it must,
 * and they are made again. So no grant fails for want of memory, and the room never grows.
 */
#include <string.h>

#include <kenmon/secret.h>

#include "enrol.h"
#include "grants.h"

#define GALLERY_ALIGN 64 /* a cache line; more than any member of it needs */

struct grant {
	bool live, lent; /* lent: all of it is here */
	uint8_t id[KM_GRANT_BYTES];
	uint8_t mode, count; /* count: of templates */
	int64_t until;
	struct finger_template template[KM_GRANT_TEMPLATES];
	struct enrolment enrolment;
	/* Its gallery: where in the room for galleries, and how many templates are in it. */
	size_t at, size; /* size 0: none */
	unsigned prepared;
};

/* The vault sends all frames of a grant in a row. grant NULL: what comes is not kept. */
struct lending {
	bool open;
	uint8_t next;
	struct msg_lend first;
	struct grant *grant;
};

struct grants {
	struct grant grant[KM_GRANTS];
	struct lending lending;
	uint8_t blob[TEMPLATE_BYTES]; /* on its way to the vault */
	/* What has no size here is locked by itself. */
	uint8_t *galleries;
	struct gallery *pair;
	struct match_work *work;
	struct finger_template one; /* an impression that another is compared with */
};

/* --- galleries ------------------------------------------------------------------------- */

static size_t aligned(size_t size)
{
	return (size + GALLERY_ALIGN - 1) / GALLERY_ALIGN * GALLERY_ALIGN;
}

/* Room for the largest grant. */
static size_t galleries_size(void)
{
	return aligned(gallery_size(GALLERY_MAX));
}

static unsigned impressions(const struct grant *grant)
{
	unsigned n = 0;

	for (unsigned i = 0; i < grant->count; i++)
		n += grant->template[i].count;
	return n;
}

static struct gallery *gallery_of(struct grants *g, const struct grant *grant)
{
	return (struct gallery *)(void *)(g->galleries + grant->at);
}

static void drop_gallery(struct grants *g, struct grant *grant)
{
	if (grant->size > 0)
		km_wipe(g->galleries + grant->at, grant->size);
	grant->size = 0;
	grant->prepared = 0;
}

static bool is_free(const struct grants *g, size_t at, size_t size)
{
	if (at + size > galleries_size())
		return false;
	for (size_t i = 0; i < KM_GRANTS; i++) {
		const struct grant *other = &g->grant[i];

		if (other->size > 0 && at < other->at + other->size && other->at < at + size)
			return false;
	}
	return true;
}

/* At the beginning, or behind another. */
static bool make_room(struct grants *g, struct grant *grant)
{
	size_t size = aligned(gallery_size(impressions(grant)));

	for (size_t i = 0; i <= KM_GRANTS; i++) {
		size_t at = i == 0 ? 0 : g->grant[i - 1].at + g->grant[i - 1].size;

		if ((i > 0 && g->grant[i - 1].size == 0) || !is_free(g, at, size))
			continue;
		grant->at = at;
		grant->size = size;
		grant->prepared = 0;
		gallery_init(gallery_of(g, grant));
		return true;
	}
	return false;
}

static void prepare_one(struct grants *g, struct grant *grant)
{
	gallery_add(gallery_of(g, grant), grant->prepared, &grant->template[grant->prepared],
		    g -> work);
	grant->prepared++;
	km_wipe(g->work, match_work_size());
}

/* Somebody waits for it. */
static void prepare_now(struct grants *g, struct grant *grant)
{
	if (grant->size == 0 && !make_room(g, grant)) {
		for (size_t i = 0; i < KM_GRANTS; i++)
			drop_gallery(g, &g->grant[i]);
		(void)make_room(g, grant); /* the largest grant fits into the empty room */
	}
	while (grant->prepared < grant->count)
		prepare_one(g, grant);
}

bool grants_prepare(struct grants *g)
{
	for (size_t i = 0; i < KM_GRANTS; i++) {
		struct grant *grant = &g->grant[i];

		if (!grant->lent || grant->prepared == grant->count ||
		    (grant->size == 0 && !make_room(g, grant)))
			continue;
		prepare_one(g, grant);
		return true;
	}
	return false;
}

static void search(struct grants *g, struct grant *grant, const struct km_minutiae *probe,
		   struct match_finding *found)
{
	*found = (struct match_finding){ .outcome = KM_MATCH_NO };
	prepare_now(g, grant);
	gallery_search(gallery_of(g, grant), probe, g->work, found);
	km_wipe(g->work, match_work_size());
}

/* --- ends ------------------------------------------------------------------------------ */

static void end(struct grants *g, struct grant *grant)
{
	drop_gallery(g, grant);
	if (g->lending.grant == grant)
		g->lending.grant = NULL;
	km_wipe(grant, sizeof(*grant));
}

static struct grant *find(struct grants *g, const uint8_t id[KM_GRANT_BYTES])
{
	for (size_t i = 0; i < KM_GRANTS; i++)
		if (g->grant[i].live &&
		    km_equal(g->grant[i].id, KM_GRANT_BYTES, id, KM_GRANT_BYTES))
			return &g->grant[i];
	return NULL;
}

static void tell_returned(struct findings *out, const uint8_t id[KM_GRANT_BYTES])
{
	struct km_msg *m = &out->msg[out->count++];

	*m = (struct km_msg){ .number = KM_MSG_RETURNED };
	memcpy(m->returned.grant, id, KM_GRANT_BYTES);
}

void grants_take_back(struct grants *g, const uint8_t id[KM_GRANT_BYTES], struct findings *out)
{
	struct grant *grant = find(g, id);

	out->count = 0;

	if (g->lending.open && memcmp(g->lending.first.grant, id, KM_GRANT_BYTES) == 0)
		g->lending = (struct lending){ .open = false };
	if (grant)
		end(g, grant);
	tell_returned(out, id);
}

void lent_expire(struct grants *g, int64_t now_ms)
{
	for (size_t i = 0; i < KM_GRANTS; i++)
		if (g->grant[i].live && g->grant[i].until <= now_ms)
			end(g, &g->grant[i]);
}

int64_t grants_left_ms(const struct grants *g, int64_t now_ms)
{
	int64_t least = -1;

	for (size_t i = 0; i < KM_GRANTS; i++) {
		const struct grant *grant = &g->grant[i];
		int64_t left = grant->until > now_ms ? grant->until - now_ms : 0;

		if (grant->live && (least < 0 || left < least))
			least = left;
	}
	return least;
}

/* --- lending --------------------------------------------------------------------------- */

static void tell_match(struct findings *out, const uint8_t *id, const struct match_finding *found)
{
	struct km_msg *m = &out->msg[out->count++];

	*m = (struct km_msg){ .number = KM_MSG_MATCH };
	memcpy(m->match.grant, id, KM_GRANT_BYTES);
	m->match.outcome = (uint8_t)found->outcome;
	m->match.index = found->outcome == KM_MATCH_YES ? (uint8_t)found->index : 0;
	m->match.score = found->score > 0 ? (uint32_t)found->score : 0;
}

/* good of so many as are wanted */
static void tell_stage(struct findings *out, const uint8_t *id, enum km_stage stage, unsigned good,
		       unsigned wanted)
{
	struct km_msg *m = &out->msg[out->count++];

	*m = (struct km_msg){ .number = KM_MSG_STAGE };
	memcpy(m->stage.grant, id, KM_GRANT_BYTES);
	m->stage.outcome = (uint8_t)stage;
	m->stage.stage = (uint8_t)good;
	m->stage.of = (uint8_t)wanted;
}

static void tell_failed(struct findings *out, const struct msg_lend *m)
{
	const struct match_finding failed = { .outcome = KM_MATCH_FAILED };

	if (m->mode == KM_GRANT_ENROL)
		tell_stage(out, m->grant, KM_STAGE_FAILED, 0, m->wanted);
	else
		tell_match(out, m->grant, &failed);
}

static bool is_valid(const struct msg_lend *m)
{
	bool wanted = m->wanted >= KM_IMPRESSIONS_LEAST && m->wanted <= KM_IMPRESSIONS_MAX;

	if (m->count < 1 || m->count > KM_GRANT_TEMPLATES || m->index >= m->count)
		return false;
	return m->mode == KM_GRANT_COMPARE ? m->wanted == 0 : m->mode == KM_GRANT_ENROL && wanted;
}

static struct grant *free_place(struct grants *g)
{
	for (size_t i = 0; i < KM_GRANTS; i++)
		if (!g->grant[i].live)
			return &g->grant[i];
	return NULL;
}

static km_rc begin_lending(struct grants *g, const struct msg_lend *m, int64_t now_ms,
			   struct findings *out)
{
	struct grant *grant = m->until > now_ms ? free_place(g) : NULL;

	if (g->lending.open || find(g, m->grant))
		return KM_EPROTO;
	g->lending = (struct lending){ .open = true, .first = *m, .grant = grant };
	if (!grant) {
		tell_failed(out, m);
		return KM_OK;
	}
	grant->live = true;
	memcpy(grant->id, m->grant, KM_GRANT_BYTES);
	grant->mode = m->mode;
	grant->count = m->count;
	grant->until = m->until;
	if (m->mode == KM_GRANT_ENROL)
		enrol_begin(&grant->enrolment, m->wanted);
	return KM_OK;
}

/* The next of the grant that is under way, and as its first frame said. */
static bool continues(const struct lending *l, const struct msg_lend *m)
{
	const struct msg_lend *first = &l->first;

	return l->open && m->index == l->next && m->mode == first->mode &&
	       m->wanted == first->wanted && m->count == first->count && m->until == first->until &&
	       memcmp(m->grant, first->grant, KM_GRANT_BYTES) == 0;
}

/* At an enrolment there need not be another finger. */
static bool keep(struct grant *grant, const struct msg_lend *m)
{
	struct finger_template *t = &grant->template[m->index];

	if (m->mode == KM_GRANT_ENROL && m->count == 1 && m->blob.len == 0) {
		grant->count = 0;
		return true;
	}
	return template_decode(m->blob.bytes, m->blob.len, t) == KM_OK && t->count > 0;
}

km_rc grants_lend(struct grants *g, const struct msg_lend *m, int64_t now_ms, struct findings *out)
{
	struct lending *l = &g->lending;
	struct grant *grant;

	out->count = 0;
	if (!is_valid(m))
		return KM_EPROTO;
	if (m->index == 0 && begin_lending(g, m, now_ms, out) != KM_OK)
		return KM_EPROTO;
	if (!continues(l, m))
		return KM_EPROTO;
	l->next++;
	l->open = l->next < m->count;
	grant = l->grant;
	if (!grant)
		return KM_OK;
	/* Sealed, and yet no template: of another version, so not the sender's fault. */
	if (!keep(grant, m)) {
		tell_failed(out, m);
		end(g, grant);
	} else if (!l->open) {
		grant->lent = true;
		l->grant = NULL;
	}
	return KM_OK;
}

/* --- probes ---------------------------------------------------------------------------- */

static void compare(struct grants *g, struct grant *grant, const struct km_minutiae *probe,
		    struct findings *out)
{
	struct match_finding found = { .outcome = KM_MATCH_POOR };

	if (probe->count >= MATCH_MINUTIAE_LEAST)
		search(g, grant, probe, &found);
	tell_match(out, grant->id, &found);
	end(g, grant);
}

struct enrolling {
	struct grants *g;
	struct grant *grant;
};

static bool is_known(void *arg, const struct km_minutiae *probe)
{
	struct enrolling *e = arg;
	struct match_finding found;

	if (impressions(e->grant) == 0)
		return false;
	search(e->g, e->grant, probe, &found);
	return found.outcome == KM_MATCH_YES;
}

/* As at a login with one impression enrolled. */
static bool agree(void *arg, const struct km_minutiae *a, const struct km_minutiae *b)
{
	struct grants *g = ((struct enrolling *)arg)->g;
	struct match_finding found = { .outcome = KM_MATCH_NO };

	g->one.count = 1;
	g->one.impression[0] = *b;
	gallery_init(g->pair);
	gallery_add(g->pair, 0, &g->one, g->work);
	gallery_search(g->pair, a, g->work, &found);
	km_wipe(&g->one, sizeof(g->one));
	km_wipe(g->pair, gallery_size(1));
	km_wipe(g->work, match_work_size());
	return found.outcome == KM_MATCH_YES;
}

static void tell_template(struct grants *g, const struct grant *grant, struct findings *out)
{
	struct km_msg *m = &out->msg[out->count];
	size_t len = 0;

	/* The impressions were decoded, so they encode. */
	if (template_encode(&grant->enrolment.good, g->blob, sizeof(g->blob), &len) != KM_OK)
		return;
	*m = (struct km_msg){ .number = KM_MSG_TEMPLATE };
	memcpy(m->finger_template.grant, grant->id, KM_GRANT_BYTES);
	m->finger_template.blob = (struct km_span){ g->blob, (uint16_t)len };
	out->count++;
}

static void enrol(struct grants *g, struct grant *grant, const struct km_minutiae *probe,
		  struct findings *out)
{
	struct enrolling e = { g, grant };
	const struct enrol_judge judge = { .arg = &e, .known = is_known, .agree = agree };
	enum km_stage stage = enrol_take(&grant->enrolment, probe, &judge);

	tell_stage(out, grant->id, stage, grant->enrolment.good.count, grant->enrolment.wanted);
	if (enrol_done(&grant->enrolment))
		tell_template(g, grant, out);
	if (enrol_done(&grant->enrolment) || stage == KM_STAGE_KNOWN || stage == KM_STAGE_FAILED)
		end(g, grant);
}

bool grants_probe(struct grants *g, const uint8_t id[KM_GRANT_BYTES],
		  const struct km_minutiae *probe, int64_t now_ms, struct findings *out)
{
	struct grant *grant = find(g, id);

	out->count = 0;
	if (!grant || !grant->lent || grant->until <= now_ms)
		return false;
	(grant->mode == KM_GRANT_ENROL ? enrol : compare)(g, grant, probe, out);
	return true;
}

void grants_told(struct grants *g, struct findings *out)
{
	km_wipe(g->blob, sizeof(g->blob));
	km_wipe(out, sizeof(*out));
}

/* --- memory ---------------------------------------------------------------------------- */

struct grants *grants_new(void)
{
	struct grants *g = km_locked_new(sizeof(*g));

	if (!g)
		return NULL;
	g->galleries = km_locked_new(galleries_size());
	g->pair = km_locked_new(gallery_size(1));
	g->work = km_locked_new(match_work_size());
	if (!g->galleries || !g->pair || !g->work) {
		grants_free(g);
		return NULL;
	}
	return g;
}

void grants_free(struct grants *g)
{
	if (!g)
		return;
	km_locked_free(g->galleries, galleries_size());
	km_locked_free(g->pair, gallery_size(1));
	km_locked_free(g->work, match_work_size());
	km_locked_free(g, sizeof(*g));
}
