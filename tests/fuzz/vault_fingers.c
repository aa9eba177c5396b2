/*
 * The matcher of fuzz_vault: it hears what is lent, and says what the input lets it say. Nobody's
 * template may be lent for anybody else's login, and a finding is good once, for its own.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <kenmon/sock.h>

#include "../../authd/vault/grant.h"
#include "vault_world.h"

#define GRANTS 16 /* of the last that were named */

static struct {
	int fd; /* our end of its link; -1: none */
	struct named {
		uint8_t id[KM_GRANT_BYTES];
		uint32_t session;                         /* 0: not a login's, as far as we know */
		uint8_t count, first[KM_GRANT_TEMPLATES]; /* first byte of each template */
		bool found;                               /* a finding was said already */
		bool matched;                             /* since the last round, and the first */
		uint8_t index;
	} grant[GRANTS];
	unsigned grants;
	unsigned taken_back;
} matcher = { .fd = -1 };

static void say(const struct km_msg *m);

/* --- what is heard --------------------------------------------------------------------- */

static struct named *named(const uint8_t id[KM_GRANT_BYTES])
{
	struct named *g;

	for (size_t i = 0; i < GRANTS && i < matcher.grants; i++)
		if (memcmp(matcher.grant[i].id, id, KM_GRANT_BYTES) == 0)
			return &matcher.grant[i];
	g = &matcher.grant[matcher.grants++ % GRANTS];
	memset(g, 0, sizeof(*g));
	memcpy(g->id, id, KM_GRANT_BYTES);
	return g;
}

void fingers_judge_heard(const struct km_msg *m)
{
	if (m->number == KM_MSG_GRANTED)
		named(m->granted.grant)->session = m->session;
	else if (m->number == KM_MSG_SENSE)
		(void)named(m->sense.grant);
}

static void lent(const struct msg_lend *m, struct person *(*asked_by)(uint32_t session))
{
	struct named *g = named(m->grant);
	const struct person *p;

	fuzz_check(m->index < m->count && m->count <= KM_GRANT_TEMPLATES, "index %u of %u",
		   m->index, m->count);
	fuzz_check(m->mode == KM_GRANT_ENROL || m->blob.len > 0, "an empty template is lent");
	g->count = m->count;
	g->first[m->index] = m->blob.len ? m->blob.bytes[0] : 0;
	p = asked_by(g->session);
	fuzz_check(!p || m->mode != KM_GRANT_COMPARE || g->first[m->index] < FINGER ||
		       g->first[m->index] == FINGER + (p - model.person),
		   "somebody else's template is lent for %s", p ? p->login : "");
}

/* Most are given back at once; some never, until the vault has had enough of it. */
static void taken_back(const struct msg_take_back *m)
{
	struct km_msg back = { .number = KM_MSG_RETURNED };

	memcpy(back.returned.grant, m->grant, sizeof(back.returned.grant));
	if (++matcher.taken_back % 4 != 0)
		say(&back);
}

void fingers_heard(struct vault *v, struct person *(*asked_by)(uint32_t session))
{
	static uint8_t frame[KM_FRAME_MAX];
	static struct km_msg m;
	size_t len;
	km_rc rc = KM_ECLOSED;

	while (matcher.fd >= 0) {
		rc = km_recv(matcher.fd, frame, sizeof(frame), &len, NULL, NULL, MSG_DONTWAIT);
		if (rc != KM_OK)
			break;
		fuzz_check(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_MATCHER, &m) == KM_OK,
			   "the matcher hears no frame of the vault's");
		if (m.number == KM_MSG_LEND)
			lent(&m.lend, asked_by);
		else if (m.number == KM_MSG_TAKE_BACK)
			taken_back(&m.take_back);
	}
	if (rc == KM_EAGAIN || matcher.fd < 0)
		return;
	fuzz_check(v->matcher < 0, "a matcher without a link");
	close(matcher.fd);
	matcher.fd = -1;
}

bool fingers_matched(uint32_t session, const struct person *p)
{
	for (size_t i = 0; p && i < GRANTS; i++) {
		const struct named *g = &matcher.grant[i];
		uint8_t first = g->first[g->index % KM_GRANT_TEMPLATES];

		if (g->matched && g->session == session && g->index < g->count &&
		    (first < FINGER || first == FINGER + (p - model.person)))
			return true;
	}
	return false;
}

void fingers_forget(void)
{
	for (size_t i = 0; i < GRANTS; i++)
		matcher.grant[i].matched = false;
}

/* --- what is said ------------------------------------------------------------------------ */

void fingers_grant(struct fuzz_in *in, uint8_t *at, size_t len)
{
	uint8_t which = fuzz_u8(in);

	if (len == KM_GRANT_BYTES && which < GRANTS)
		memcpy(at, matcher.grant[which].id, len);
	else
		memset(at, which, len);
}

static const struct fuzz_ideas ideas = { .bytes = fingers_grant };

const struct km_msg *fingers_of_judge(enum act what, uint32_t session, struct fuzz_in *in)
{
	static struct km_msg m;

	m = (struct km_msg){ .number = what == GRANT ? KM_MSG_GRANT : KM_MSG_REVOKE,
			     .session = session };
	if (what == GRANT)
		m.grant.step = fuzz_u8(in);
	else
		m.revoke.event = fuzz_u8(in);
	return &m;
}

static void say(const struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;

	if (matcher.fd >= 0 && km_encode(m, frame, sizeof(frame), &len) == KM_OK)
		(void)!km_send(matcher.fd, frame, len, -1, MSG_DONTWAIT);
}

/* The first finding for a grant is the one that counts. */
static void finding(const struct msg_match *m)
{
	for (size_t i = 0; i < GRANTS; i++) {
		struct named *g = &matcher.grant[i];

		if (memcmp(g->id, m->grant, KM_GRANT_BYTES) != 0 || g->found)
			continue;
		g->found = true;
		g->matched = m->outcome == KM_MATCH_YES;
		g->index = m->index;
	}
}

static void finds(struct fuzz_in *in)
{
	static const uint8_t outcomes[FOUNDS] = { KM_MATCH_NO, KM_MATCH_YES, KM_MATCH_POOR,
						  KM_MATCH_FAILED };
	struct km_msg m = { .number = KM_MSG_MATCH };
	uint8_t outcome;

	fingers_grant(in, m.match.grant, sizeof(m.match.grant));
	outcome = fuzz_u8(in);
	m.match.outcome = outcome < FOUNDS ? outcomes[outcome] : outcome;
	m.match.index = fuzz_u8(in);
	m.match.score = 1;
	finding(&m.match);
	say(&m);
}

/* What is enrolled here is nobody's of the first state. */
static void says_anything(struct fuzz_in *in)
{
	static uint8_t bytes[KM_FRAME_MAX];
	static struct km_msg m;

	fuzz_message(in, fuzz_u8(in), &ideas, &m);
	if (m.number == KM_MSG_MATCH)
		finding(&m.match);
	if (m.number == KM_MSG_TEMPLATE && m.finger_template.blob.len > 0) {
		memcpy(bytes, m.finger_template.blob.bytes, m.finger_template.blob.len);
		bytes[0] = 0;
		m.finger_template.blob.bytes = bytes;
	}
	say(&m);
}

static void says_bytes(struct fuzz_in *in)
{
	static uint8_t frame[200];
	static struct km_msg m;
	size_t len = fuzz_bytes(in, frame, sizeof(frame));

	/* A finding, or a template of its own, would not be in the model. */
	if (len == 0 || matcher.fd < 0 || frame[0] == KM_MSG_TEMPLATE)
		return;
	if (km_decode(frame, len, KM_FROM_MATCHER, KM_PHASE_GRANTS, &m) == KM_OK &&
	    m.number == KM_MSG_MATCH)
		finding(&m.match);
	(void)!km_send(matcher.fd, frame, len, -1, MSG_DONTWAIT);
}

static void comes(struct vault *v)
{
	struct km_msg m = { .number = KM_MSG_MATCHER };

	m.matcher.version = KM_ROOM_PROTOCOL;
	store_matcher(v, &matcher.fd);
	say(&m);
}

void fingers_act(enum act what, struct vault *v, struct fuzz_in *in)
{
	if (what == FIND) {
		finds(in);
	} else if (what == MATCHER_SAYS) {
		says_anything(in);
	} else if (what == MATCHER_RAW) {
		says_bytes(in);
	} else if (matcher.fd >= 0) {
		close(matcher.fd);
		matcher.fd = -1;
	} else if (v->matcher < 0) {
		comes(v);
	}
}

/* --- from a judge to the next -------------------------------------------------------------- */

void fingers_begin(struct vault *v)
{
	memset(matcher.grant, 0, sizeof(matcher.grant));
	matcher.grants = matcher.taken_back = 0;
	comes(v);
}

void fingers_end(struct vault *v)
{
	for (size_t i = 0; i < KM_GRANTS; i++)
		fuzz_check(!v->grant[i].used, "a grant without an owner is left");
	if (matcher.fd >= 0)
		close(matcher.fd);
	matcher.fd = -1;
	matcher_lost(v, "the run is over");
}
