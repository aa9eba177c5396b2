/*
 * Who is at a desk. The kernel says whose uid it is, and an operator with that
 * uid is known by it; root may name somebody else, of whom nothing is believed
 * before a code of theirs was good on this line (desk_proof.c). All of it is
 * read again for every operation: who was suspended meanwhile is.
 */
#include <stdio.h>
#include <string.h>

#include <kenmon/factor.h>
#include <kenmon/hex.h>
#include <kenmon/sock.h>

#include "desk.h"
#include "due.h"
#include "gate.h"

#define PROOF_LASTS (5 * 60 * 1000) /* ms: DECISIONS of the project say five minutes */

bool desk_two_persons(const struct vault *v)
{
	return v->conf.approval_required && desk_founded(v);
}

const char *desk_mode(const struct vault *v)
{
	if (!v->conf.approval_required)
		return "by one person: root acts alone and without a factor of its own, and an "
		       "administrator alone with theirs";
	if (!desk_founded(v))
		return "by two persons is required, but not before there are a registrar and an "
		       "approver, each with a good code: root acts alone until then";
	return "by two persons: acts on others wait until an approver has agreed";
}

const char *desk_asked_for(const struct vault *v)
{
	return v->conf.approval_required ? "required" : "not-required";
}

bool desk_is_root(const struct vault *v, uid_t peer)
{
	return peer == 0 || (v->has_owner && peer == v->owner);
}

static bool is_roster(const struct vault *v, uid_t peer)
{
	return v->conf.roster.uid != 0 && peer == v->conf.roster.uid;
}

/* --- when a line begins -------------------------------------------------------------- */

/* Bits of the roles that this peer may act in: where the site names a Unix group, it is in that. */
static unsigned groups_of(const struct vault *v, int client, bool root)
{
	const struct {
		unsigned role, gid;
	} groups[] = {
		{ REGISTRAR, v->conf.role_group.registrar },
		{ APPROVER, v->conf.role_group.approver },
		{ AUDITOR, v->conf.role_group.auditor },
		{ OFFICER, v->conf.role_group.officer },
	};
	unsigned in = 0;

	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		bool member = false;

		/* Groups that cannot be read are none. */
		if (root || groups[i].gid == 0 ||
		    (km_peer_in_group(client, groups[i].gid, &member) == KM_OK && member))
			in |= groups[i].role;
	}
	return in;
}

/* A room is nobody's operator, whoever was registered with its uid: who takes it over gets no line.
 */
static bool is_room(const struct vault *v, uid_t peer)
{
	return (v->judge >= 0 && peer == v->judge_peer) ||
	       (v->has_matcher_uid && peer == v->matcher_uid);
}

km_rc person_begin(struct vault *v, uid_t peer, int client, struct desk_person *out)
{
	struct km_operator op;
	bool root = desk_is_root(v, peer);
	km_rc rc = KM_OK;

	*out = (struct desk_person){ .groups = groups_of(v, client, root),
				     .staff = is_roster(v, peer) };
	if (root || is_roster(v, peer))
		return KM_OK;
	if (is_room(v, peer))
		return KM_EPERM;
	rc = store_operator_by_uid(v->store, peer, &op);
	out->staff = rc == KM_OK && op.role != KM_ROLE_OPERATOR;
	return rc == KM_ENOTFOUND ? KM_EPERM : rc;
}

/* --- for each operation --------------------------------------------------------------- */

static km_rc find(struct vault *v, const struct line *l, struct km_operator *op)
{
	if (l->who.claimed)
		return store_operator_by_tag(v->store, l->who.tag, op);
	return store_operator_by_uid(v->store, l->peer, op);
}

static bool just_proved(const struct vault *v, const struct desk_person *who)
{
	return who->proved_ms > 0 && v->now.boot_ms - who->proved_ms < PROOF_LASTS;
}

/* Whom no login would let in, by what a roster or the queue says either, has no role here. */
static km_rc bars(struct vault *v, const struct line *l, const struct km_operator *op, bool *barred)
{
	enum km_reason reason =
	    gate_reason(op, v->now.today, person_account(l, op), l->who.claimed);
	km_rc rc = reason == KM_REASON_NONE ? queue_reason(v, op, &reason) : KM_OK;

	*barred = rc != KM_OK || reason != KM_REASON_NONE;
	return rc;
}

/* Reads again who it is. KM_OK also where nobody is known. */
static km_rc look(struct vault *v, struct line *l, struct rights_caller *c)
{
	struct desk_person *who = &l->who;
	struct km_operator op;
	km_rc rc = find(v, l, &op);

	who->known = rc == KM_OK && op.state != KM_ERASING;
	/* Whoever looks after a damaged house is not kept from it by the damage. */
	if (rc != KM_OK && rc != KM_ENOTFOUND)
		return c->root && !who->claimed ? KM_OK : rc;
	/* A login that is somebody else's now, or a uid: what was proved was not proved by them. */
	if (!who->known || memcmp(who->subject, op.subject, sizeof who->subject) != 0)
		who->proved_ms = 0;
	memset(who->subject, 0, sizeof who->subject);
	who->role = KM_ROLE_OPERATOR;
	if (!who->known)
		return KM_OK;
	memcpy(who->subject, op.subject, sizeof who->subject);
	memcpy(who->tag, op.login_tag, sizeof who->tag);
	who->role = op.role;
	rc = bars(v, l, &op, &c->barred);
	return c->root && !who->claimed ? KM_OK : rc;
}

uint32_t person_account(const struct line *l, const struct km_operator *op)
{
	if (!l->who.claimed)
		return l->peer;
	/* Root speaks for any account. */
	return op->uid >= 0 ? (uint32_t)op->uid : 0;
}

/* Is it about the operator at the desk, or about nobody? */
static km_rc is_own(struct vault *v, const struct line *l, const struct km_msg *m, bool *own)
{
	const char *login = km_message_login(m);
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc;

	*own = !login;
	if (!login || !login[0])
		return KM_OK;
	rc = km_tag_login(v->keys, login, tag);
	*own = rc == KM_OK && l->who.known && memcmp(tag, l->who.tag, sizeof tag) == 0;
	return rc;
}

/* proof: whether the caller's code counts as given; else how long ago it was decides. */
static km_rc decide(struct vault *v, struct line *l, const struct operation *o,
		    const struct km_msg *m, const bool *proof, enum rights *right)
{
	struct rights_caller c = { .root = desk_is_root(v, l->peer),
				   .roster = is_roster(v, l->peer),
				   .claimed = l->who.claimed,
				   .two_persons = desk_two_persons(v) };
	bool own = false;
	km_rc rc = look(v, l, &c);

	if (rc == KM_OK)
		rc = is_own(v, l, m, &own);
	if (rc != KM_OK)
		return rc;
	c.known = l->who.known;
	c.role = l->who.role;
	c.in_group = (l->who.groups & (1u << l->who.role)) != 0;
	c.proved = proof ? *proof : just_proved(v, &l->who);
	*right = rights_decide(&c, o->flags, o->roles, own);
	return KM_OK;
}

km_rc person_may(struct vault *v, struct line *l, const struct operation *o, const struct km_msg *m)
{
	l->right = RIGHTS_NONE;
	return decide(v, l, o, m, NULL, &l->right);
}

/* A proof lasts as long as what it was given for, however long a code is typed or a finger read. */
km_rc person_still_may(struct vault *v, struct line *l, const struct operation *o,
		       const struct km_msg *m)
{
	const bool proved = l->right == RIGHTS_FACTOR;
	enum rights right = RIGHTS_NONE, was = l->right;
	uint8_t subject[KM_SUBJECT_BYTES];
	km_rc rc;

	memcpy(subject, l->who.subject, sizeof subject);
	l->right = RIGHTS_NONE;
	rc = decide(v, l, o, m, &proved, &right);
	if (rc == KM_OK && right == was && memcmp(subject, l->who.subject, sizeof subject) == 0)
		l->right = was;
	return rc;
}

void person_actor(const struct line *l, char out[65])
{
	char hex[KM_HEX(KM_SUBJECT_BYTES)];

	if (l->right != RIGHTS_FACTOR && l->right != RIGHTS_ACCOUNT)
		snprintf(out, 65, "uid:%u", (unsigned)l->peer);
	else
		snprintf(out, 65, DESK_ACTOR "%s",
			 km_hex(l->who.subject, sizeof l->who.subject, hex));
}

const char *person_authority(const struct line *l)
{
	static const char *const words[] = {
		[RIGHTS_FACTOR] = "factor",
		[RIGHTS_ACCOUNT] = "own-account",
		[RIGHTS_ROOT] = "root-without-factor",
		[RIGHTS_ROSTER] = "roster-user",
	};

	if (l->right == RIGHTS_ROOT && l->peer != 0)
		return "starter-without-factor";
	return rights_given(l->right) ? words[l->right] : "none";
}

/* --- what is said of a refusal --------------------------------------------------------- */

static void say_roles(struct call *c, unsigned roles)
{
	char text[128] = "";
	bool several = (roles & (roles - 1)) != 0;
	size_t at = 0;

	for (unsigned role = KM_ROLE_REGISTRAR; role <= KM_ROLE_OFFICER; role++) {
		if (roles & (1u << role))
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? ", " : "",
					       km_role_word(role));
	}
	if (several)
		call_say(c,
			 "it takes one of the roles %s, and membership in its Unix group where "
			 "[roles] names one",
			 text);
	else
		call_say(c,
			 "it takes the role %s, and membership in its Unix group where [roles] "
			 "names one",
			 text);
}

/* Written down, as far as this source has not had its share of records. */
km_rc person_refused(struct call *c, const struct operation *o)
{
	const struct desk_person *who = &c->l->who;
	struct km_event_record r;
	km_rc rc = KM_OK;

	if (desk_is_root(c->v, c->l->peer) && !who->claimed)
		call_say(c,
			 "acts on others need two persons here: say who you are, with --as LOGIN");
	else if (o->roles)
		say_roles(c, o->roles);
	if (crowd_admit(c->v, c->l->peer, "desk", "", 1)) {
		event_make(&r, KM_EVENT_DESK_REFUSED, who->known ? who->subject : NULL, c->actor);
		event_add(&r, "operation", km_message_name(o->number));
		event_add_number(&r, "peer", c->l->peer);
		rc = note_record(c->v, &r);
	}
	return rc == KM_OK ? KM_EPERM : rc;
}

/* --- IDENTIFY ----------------------------------------------------------------------------- */

/* Whoever is not root is who the kernel says. */
km_rc desk_identify(struct call *c)
{
	const char *login = c->m->identify.login;
	struct desk_person who = { .claimed = true, .groups = c->l->who.groups };
	uint8_t tag[KM_TAG_BYTES];
	km_rc rc = login[0] ? km_tag_login(c->v->keys, login, tag) : KM_EINVAL;

	if (rc != KM_OK)
		return rc;
	if (!desk_is_root(c->v, c->l->peer)) {
		if (memcmp(tag, c->l->who.tag, sizeof tag) == 0)
			return KM_OK;
		call_say(c, "only root may act in the name of another account's operator");
		return KM_EPERM;
	}
	memcpy(who.tag, tag, sizeof who.tag);
	snprintf(who.login, sizeof who.login, "%s", login);
	c->l->who = who;
	return KM_OK;
}
