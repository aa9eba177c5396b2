/*
 * Desk operations on copies that leave the machine. They hold no key, or keys that
 * only the site's escrow key opens; they leave all the same only with a second person's
 * word, where there is one to give it.
 */
#include <stdio.h>
#include <string.h>

#include "copy.h"
#include "desk.h"

km_rc desk_copy_allowed(struct call *c, unsigned act, bool use)
{
	uint8_t requester[KM_SUBJECT_BYTES];

	if (!desk_two_persons(c->v))
		return KM_OK;
	call_requester(c, requester);
	return use ? permit_use(c->v, act, requester) : permit_find(c->v, act, requester);
}

/* Without a permit it is asked for, and not done. */
static km_rc allowed(struct call *c)
{
	km_rc rc = desk_copy_allowed(c, c->m->number, false);

	if (rc != KM_ENOTFOUND)
		return rc;
	if (c->l->right == RIGHTS_FACTOR && c->l->who.known)
		return request_file(c);
	call_say(c, "a second person must approve this, and an officer must ask for it (--as "
		    "LOGIN); with --days root's timer may do it then");
	return KM_EPERM;
}

/* A second person has approved it: whoever asked may do it now. */
static km_rc approved(struct call *c, unsigned days)
{
	struct km_event_record r;
	km_rc rc;

	call_event(c, &r, KM_EVENT_COPY_APPROVED, NULL);
	event_add(&r, "act", c->m->number == KM_MSG_BUNDLE ? "key-bundle" : "backup");
	event_add_number(&r, "days", days);
	rc = permit_give(c->v, c->m->number, c->requester, days, &r);
	if (rc == KM_OK)
		note_event(c->v, &r);
	return rc;
}

/* Nothing leaves that an older or a foreign database may have put there. */
static km_rc in_doubt(const struct call *c)
{
	return c->v->suspicion & (KM_SUSPECT_MACHINE | KM_SUSPECT_ROLLBACK) ? KM_ESUSPECT : KM_OK;
}

static km_rc next(struct call *c)
{
	km_rc rc = backup_next(c);

	if (rc == KM_ENOTFOUND)
		call_say(c, "nothing is on its way: begin anew");
	return rc;
}

km_rc desk_backup(struct call *c)
{
	km_rc rc = in_doubt(c);

	if (rc != KM_OK)
		return rc;
	if (c->request)
		return approved(c, c->m->backup.days);
	if (c->m->backup.again)
		return next(c);
	rc = allowed(c);
	return rc == KM_OK ? backup_begin(c) : rc;
}

km_rc desk_bundle(struct call *c)
{
	km_rc rc = in_doubt(c);

	if (rc != KM_OK)
		return rc;
	if (c->request)
		return approved(c, c->m->bundle.days);
	if (c->m->bundle.again)
		return next(c);
	if (!c->v->conf.backup_escrow_key.set) {
		call_say(c, "[backup] escrow-key is not set: there is nobody to seal it to");
		return KM_EINVAL;
	}
	rc = allowed(c);
	return rc == KM_OK ? backup_bundle(c) : rc;
}

km_rc bundle_last(struct vault *v, struct bundle_made *out)
{
	uint8_t kept[12];
	uint64_t generation = 0, wall = 0;
	size_t len = sizeof kept;
	km_rc rc = store_meta_get(v->store, "bundle", kept, &len);

	*out = (struct bundle_made){ 0 };
	if (rc != KM_OK)
		return rc == KM_ENOTFOUND ? KM_OK : rc;
	if (len != sizeof kept)
		return KM_ECORRUPT;
	for (unsigned i = 0; i < 4; i++)
		generation = generation << 8 | kept[i];
	for (unsigned i = 4; i < 12; i++)
		wall = wall << 8 | kept[i];
	*out = (struct bundle_made){ (uint32_t)generation, (int64_t)wall };
	return KM_OK;
}

km_rc desk_bundle_row(struct call *c)
{
	const struct vault *v = c->v;
	struct bundle_made last;
	km_rc rc = bundle_last(c->v, &last);
	char when[CALL_TIME];

	if (rc != KM_OK)
		return rc;
	if (!v->conf.backup_escrow_key.set)
		return call_status(c, false, "key-bundle",
				   "none: [backup] escrow-key is not set, and without a bundle no "
				   "backup opens");
	if (last.generation != v->epoch.at.generation)
		return call_status(c, true, "key-bundle",
				   "none of key epoch %u: make one with 'kenmon key bundle', and "
				   "destroy the older ones",
				   v->epoch.at.generation);
	return call_status(c, false, "key-bundle", "of key epoch %u, made at %s", last.generation,
			   call_time(last.wall, when));
}
