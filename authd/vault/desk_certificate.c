/*
 * Desk operations on what was destroyed: certificates, signed when they are
 * shown, by whoever signs the trail now; the key bundles that a site has
 * destroyed; accounts whose sessions may live on.
 */
#include <string.h>

#include <kenmon/certificate.h>
#include <kenmon/erased.h>

#include "desk.h"

#define CERTIFICATE_PAGE 250  /* a row is 300 bytes on the line, and a kilobyte here */
#define SIGNER_PAGE      2000 /* in one answer: a third of a megabyte; years of key epochs */
#define LEAVER_PAGE      500

/* --- one as a row --------------------------------------------------------------------- */

static km_rc fill_epoch(struct call *c, struct msg_certificate_row *row)
{
	struct km_epoch_end end;
	km_rc rc = store_epoch_ended(c->v->store, row->epoch, &end);

	if (rc == KM_ENOTFOUND)
		return KM_OK;
	if (rc == KM_OK) {
		row->closed = end.closed;
		row->bundles = end.bundles;
	}
	return rc;
}

static km_rc fill(struct call *c, const struct km_certificate *from,
		  struct msg_certificate_row *row)
{
	struct km_head head;
	km_rc rc = store_head(c->v->store, &head);

	if (rc != KM_OK)
		return rc;
	row->cursor = from->id;
	memcpy(row->subject, from->subject, sizeof row->subject);
	row->cause = from->order.cause;
	memcpy(row->decided, from->order.requester, sizeof row->decided);
	memcpy(row->approved, from->order.approver, sizeof row->approved);
	row->unusable = from->begun;
	row->finished = from->finished;
	row->epoch = from->epoch;
	row->seq = from->seq;
	memcpy(row->chain, head.chain, sizeof row->chain);
	row->items = (uint16_t)from->items;
	return fill_epoch(c, row);
}

km_rc desk_certificate_list(struct call *c)
{
	static struct km_certificate page[CERTIFICATE_PAGE];
	const struct msg_certificate_list *m = &c->m->certificate_list;
	size_t limit = m->limit > 0 && m->limit < CERTIFICATE_PAGE ? m->limit : CERTIFICATE_PAGE;
	size_t count = 0;
	km_rc rc = store_certificates(c->v->store, m->after, limit, page, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		struct km_msg row = { .number = KM_MSG_CERTIFICATE_ROW };

		if (!page[i].damaged)
			rc = fill(c, &page[i], &row.certificate_row);
		/* One that is not as we wrote it is there, and says nothing but whose it was. */
		if (page[i].damaged || rc == KM_ECORRUPT) {
			row.certificate_row = (struct msg_certificate_row){ .cursor = page[i].id };
			memcpy(row.certificate_row.subject, page[i].subject, KM_SUBJECT_BYTES);
			rc = KM_OK;
		}
		if (rc == KM_OK)
			rc = call_put(c, &row);
	}
	c->id = count;
	return rc;
}

/* --- one in full, and signed ------------------------------------------------------------ */

/* Those above after, a page of them. KM_EAGAIN: there are more. */
static km_rc put_chain(struct call *c, uint32_t after)
{
	static struct km_signer page[SIGNER_PAGE];
	size_t count = 0;
	km_rc rc = store_signers(c->v->store, after, SIGNER_PAGE, page, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++)
		rc = call_signer(c, &page[i]);
	return rc == KM_OK && count == SIGNER_PAGE ? KM_EAGAIN : rc;
}

/* Without a signer it says so itself: generation 0. */
static km_rc sign(struct call *c, struct msg_certificate_row *row,
		  const struct msg_certificate_item *items)
{
	uint8_t message[KM_CERTIFICATE_MESSAGE];
	struct km_signer signer;
	size_t len;
	km_rc rc = store_signer(c->v->store, &signer);

	if (rc == KM_ENOTFOUND)
		return KM_OK;
	if (rc != KM_OK)
		return rc;
	row->generation = signer.generation;
	row->signed_at = c->v->now.wall;
	len = km_certificate_message(row, items, message);
	return store_sign(c->v->store, message, len, row->signature);
}

static km_rc find(struct call *c, struct km_certificate *out)
{
	static const uint8_t nobody[KM_SUBJECT_BYTES];
	const struct msg_certificate_show *m = &c->m->certificate_show;
	bool by_subject = memcmp(m->subject, nobody, sizeof nobody) != 0;
	km_rc rc;

	if (by_subject == (m->employee_number[0] != '\0'))
		return KM_EINVAL;
	rc = by_subject ? store_certificate(c->v->store, m->subject, out)
			: store_certificate_of(c->v->store, m->employee_number, out);
	if (rc == KM_ENOTFOUND)
		call_say(c, "nothing was erased of anybody like that");
	if (rc == KM_ECORRUPT)
		call_say(c, "this certificate is not as the vault wrote it; the audit trail says "
			    "what was done");
	return rc;
}

km_rc desk_certificate_show(struct call *c)
{
	struct msg_certificate_item items[KM_CERTIFICATE_ITEMS];
	struct km_msg m = { .number = KM_MSG_CERTIFICATE_ROW };
	struct msg_certificate_row *row = &m.certificate_row;
	struct km_certificate found;
	km_rc rc = find(c, &found);

	if (rc == KM_OK)
		rc = put_chain(c, c->m->certificate_show.after);
	if (rc == KM_OK)
		rc = fill(c, &found, row);
	if (rc == KM_OK && row->seq)
		rc = store_audit_hash(c->v->store, row->seq, row->hash);
	for (size_t i = 0; rc == KM_OK && i < found.items; i++) {
		struct km_msg item = { .number = KM_MSG_CERTIFICATE_ITEM };

		item.certificate_item.kind = found.item[i].kind;
		item.certificate_item.id = found.item[i].id;
		item.certificate_item.created = found.item[i].created;
		items[i] = item.certificate_item;
		rc = call_put(c, &item);
	}
	if (rc == KM_OK)
		rc = sign(c, row, items);
	return rc == KM_OK ? call_put(c, &m) : rc;
}

/* --- key bundles ------------------------------------------------------------------------- */

km_rc desk_bundle_gone(struct call *c)
{
	const struct msg_bundle_gone *m = &c->m->bundle_gone;
	struct km_event_record r;
	km_rc rc;

	if (m->before == 0 || m->before > km_keys_generation(c->v->keys)) {
		call_say(c, "only of key epochs that are over: the present one is %u",
			 km_keys_generation(c->v->keys));
		return KM_EINVAL;
	}
	call_event(c, &r, KM_EVENT_BUNDLES_GONE, NULL);
	event_add_number(&r, "before", m->before);
	rc = store_bundles_gone(c->v->store, m->before, &r);
	if (rc == KM_ENOTFOUND)
		call_say(c, "no key epoch before %u has ended here", m->before);
	if (rc == KM_OK)
		note_event(c->v, &r);
	return rc;
}

/* --- whose sessions may live on ------------------------------------------------------------ */

km_rc desk_leavers(struct call *c)
{
	static struct km_leaver page[LEAVER_PAGE];
	const struct msg_leavers *m = &c->m->leavers;
	size_t limit = m->limit > 0 && m->limit < LEAVER_PAGE ? m->limit : LEAVER_PAGE;
	struct km_msg row = { .number = KM_MSG_LEAVER_ROW };
	size_t count = 0;
	km_rc rc =
	    store_leavers(c->v->store, m->since, c->v->now.today, m->after, limit, page, &count);

	for (size_t i = 0; rc == KM_OK && i < count; i++) {
		row.leaver_row.uid = page[i].uid;
		row.leaver_row.since = page[i].since;
		rc = call_put(c, &row);
	}
	c->id = count;
	return rc;
}
