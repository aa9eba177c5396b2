/*
 * Key epochs in the store: where the present one stands, and wrapping every
 * key anew under the next KEK. Each step is durable before the next, and each
 * can be done again after a crash; epoch.c puts them in order.
 */
#include <kenmon/store_epoch.h>

#include "signer.h"
#include "store_certificate.h"

#include <string.h>

#define SLICE 256 /* keys in one commit: some 3 ms, in which logins wait */

/* --- where it stands ---------------------------------------------------------------- */

void epoch_pack(const struct km_epoch *e, uint8_t out[EPOCH_BYTES])
{
	uint8_t *at = keys_put(out, e->generation, 4);

	at = keys_put(at, (uint64_t)e->opened, 8);
	at = keys_put(at, (uint64_t)e->owed, 8);
	keys_put(at, (uint64_t)e->closing, 8);
}

km_rc store_epoch(struct km_store *s, struct km_epoch *out)
{
	uint8_t bytes[EPOCH_BYTES];
	size_t len = sizeof(bytes);
	km_rc rc = store_meta_get(s, META_EPOCH, bytes, &len);

	if (rc)
		return rc == KM_ELIMIT ? KM_ECORRUPT : rc;
	if (len != sizeof(bytes))
		return KM_ECORRUPT;
	*out = (struct km_epoch){
		.generation = (uint32_t)keys_get(bytes, 4),
		.opened = (int64_t)keys_get(bytes + 4, 8),
		.owed = (int64_t)keys_get(bytes + 12, 8),
		.closing = (int64_t)keys_get(bytes + 20, 8),
	};
	return KM_OK;
}

static km_rc keep(struct km_store *s, const struct km_epoch *e)
{
	uint8_t bytes[EPOCH_BYTES];

	epoch_pack(e, bytes);
	return meta_keep(s, META_EPOCH, bytes, sizeof(bytes));
}

km_rc epoch_owes(struct km_store *s)
{
	struct km_epoch e;
	km_rc rc = store_epoch(s, &e);

	if (rc || e.owed)
		return rc;
	e.owed = s->now.wall;
	return keep(s, &e);
}

km_rc store_epoch_owe(struct km_store *s)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = epoch_owes(s);
	return rc ? rc : store_op_done(&op);
}

km_rc store_epoch_ask(struct km_store *s, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct km_epoch e;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = store_epoch(s, &e);
	if (rc)
		return rc;
	e.owed = KM_EPOCH_NOW;
	rc = keep(s, &e);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* --- at a start ------------------------------------------------------------------------ */

#define FINGER_KEYS_SINCE '3' /* an older vault.db has no such table yet */

/* KM_OK: every key is wrapped under a KEK that is there. */
static km_rc all_open(struct km_store *s)
{
	struct query q QUERY = query_new(s, SQL_KEY_FOREIGN);
	km_rc rc;

	query_int(&q, km_keys_generation(s->keys));
	query_int(&q, km_keys_older(s->keys));
	rc = query_row(&q);
	if (!rc)
		return KM_ECORRUPT;
	if (rc != KM_ENOTFOUND)
		return rc;
	return s->db[DB_VAULT].version >= FINGER_KEYS_SINCE ? finger_keys_open(s) : KM_OK;
}

km_rc epoch_check(struct km_store *s, const struct store_why *why)
{
	uint32_t newest = km_keys_generation(s->keys), older = km_keys_older(s->keys);
	struct km_epoch e;
	km_rc rc = store_epoch(s, &e);

	if (rc)
		return rc;
	/* Of an epoch whose closing has begun the next KEK is there, or was. */
	if (e.generation > newest || (e.closing && e.generation == newest && !older)) {
		store_say(why,
			  "vault.db is of key epoch %u, but its key kek.%u is missing: the folder "
			  "of the KEKs is an older one; bring back the newest",
			  e.generation, e.closing ? e.generation + 1 : e.generation);
		return KM_ECORRUPT;
	}
	if (e.generation == newest || (older && e.generation == older))
		return KM_OK;
	/* Between the end of the old KEK and the record of it, or a copy from before that. */
	rc = e.closing && e.generation + 1 == newest ? all_open(s) : KM_ECORRUPT;
	if (rc == KM_ECORRUPT)
		store_say(why,
			  "vault.db is of key epoch %u, which has been closed since (now %u): it "
			  "is an older copy, and the keys in it open no longer; bring back the "
			  "newest vault.db and identity.db",
			  e.generation, newest);
	return rc;
}

/* --- closing ----------------------------------------------------------------------------- */

static km_rc begin(struct km_store *s, const struct km_event_record *event, bool fresh)
{
	struct store_op op STORE_OP = { 0 };
	struct km_epoch e;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = store_epoch(s, &e);
	/* An older KEK that is not this epoch's was put back: nothing closes with it. */
	if (!rc && (e.closing || !km_keys_older(s->keys) || km_keys_older(s->keys) != e.generation))
		rc = KM_ESTATE;
	if (rc)
		return rc;
	e.closing = s->now.wall;
	/* All that is erased by now was never wrapped under the new KEK. */
	if (fresh)
		e.owed = 0;
	rc = keep(s, &e);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_epoch_begin(struct km_store *s, const struct km_event_record *event)
{
	return begin(s, event, true);
}

km_rc store_epoch_resume(struct km_store *s, const struct km_event_record *event)
{
	return begin(s, event, false);
}

struct wrapped_row {
	int64_t cursor, generation;
	bool owned; /* an operator has this cursor */
	uint8_t subject[KM_SUBJECT_BYTES], wrapped[KM_WRAPPED_BYTES];
};

struct slice {
	size_t count;
	struct wrapped_row row[SLICE];
};

static km_rc read_slice(struct km_store *s, uint64_t after, struct slice *out)
{
	struct query q QUERY = query_new(s, SQL_KEY_PAGE);
	km_rc rc = KM_OK;

	out->count = 0;
	query_int(&q, (int64_t)after);
	query_int(&q, SLICE);
	while (out->count < SLICE && !(rc = query_row(&q))) {
		struct wrapped_row *r = &out->row[out->count];

		r->cursor = query_get_int(&q);
		r->generation = query_get_int(&q);
		query_get_blob(&q, r->wrapped, sizeof(r->wrapped));
		r->owned = !query_is_null(&q);
		if (r->owned)
			query_get_blob(&q, r->subject, sizeof(r->subject));
		if (q.rc)
			return q.rc;
		out->count++;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc write_key(struct km_store *s, const struct wrapped_row *r)
{
	struct query q QUERY = query_new(s, SQL_KEY_REWRAP);

	query_int(&q, km_keys_generation(s->keys));
	query_blob(&q, r->wrapped, sizeof(r->wrapped));
	query_int(&q, r->cursor);
	query_int(&q, r->generation);
	return query_run(&q);
}

/* One that nobody has opens nothing, and goes. */
static km_rc drop_key(struct km_store *s, int64_t cursor)
{
	static const enum store_sql order[] = { SQL_KEY_BLANK, SQL_KEY_DELETE };
	km_rc rc = KM_OK;

	for (size_t i = 0; !rc && i < sizeof(order) / sizeof(*order); i++) {
		struct query q QUERY = query_new(s, order[i]);

		query_int(&q, cursor);
		rc = query_run_any(&q);
	}
	return rc;
}

static km_rc rewrap_row(struct km_store *s, struct wrapped_row *r, struct km_rewrap *at)
{
	km_rc rc;

	at->after = (uint64_t)r->cursor;
	at->done++;
	if (!r->owned)
		return drop_key(s, r->cursor);
	if (r->generation == km_keys_generation(s->keys))
		return KM_OK;
	rc = km_subject_key_rewrap(s->keys, r->subject, (uint32_t)r->generation, r->wrapped);
	if (rc == KM_ECORRUPT) {
		at->damaged++;
		return KM_OK;
	}
	return rc ? rc : write_key(s, r);
}

static km_rc rewrap_subjects(struct km_store *s, struct km_rewrap *at, size_t *looked)
{
	struct slice slice;
	km_rc rc = read_slice(s, at->after, &slice);

	for (size_t i = 0; !rc && i < slice.count; i++)
		rc = rewrap_row(s, &slice.row[i], at);
	at->subjects = !rc && slice.count < SLICE;
	*looked = slice.count;
	return rc;
}

/* Those of the operators, then, in what room is left, those of the fingers. */
static km_rc rewrap_slice(struct km_store *s, struct km_rewrap *at)
{
	size_t looked = 0, fingers = 0;
	km_rc rc = at->subjects ? KM_OK : rewrap_subjects(s, at, &looked);

	if (rc || !at->subjects)
		return rc;
	rc = finger_keys_rewrap(s, at, SLICE - looked, &fingers);
	at->finished = !rc && looked + fingers < SLICE;
	return rc;
}

/* At the end: the keys of the months are few. One that does not open has bodies that nobody reads.
 */
struct old_month {
	int64_t month, generation;
	uint8_t wrapped[KM_WRAPPED_BYTES];
};

/* KM_ENOTFOUND: none is left. */
static km_rc old_month(struct km_store *s, struct old_month *out)
{
	struct query q QUERY = query_new(s, SQL_MONTH_OLD);
	km_rc rc;

	query_int(&q, km_keys_generation(s->keys));
	rc = query_row(&q);
	if (rc)
		return rc;
	out->month = query_get_int(&q);
	out->generation = query_get_int(&q);
	query_get_blob(&q, out->wrapped, sizeof(out->wrapped));
	return q.rc;
}

static km_rc rewrap_months(struct km_store *s)
{
	struct old_month old = { 0 };
	km_rc rc;

	while (!(rc = old_month(s, &old))) {
		struct query q QUERY = query_new(s, SQL_MONTH_REWRAP);

		rc = km_month_key_rewrap(s->keys, old.month, (uint32_t)old.generation, old.wrapped);
		if (rc == KM_ECORRUPT)
			memset(old.wrapped, 0, sizeof(old.wrapped));
		else if (rc)
			return rc;
		query_int(&q, km_keys_generation(s->keys));
		query_blob(&q, old.wrapped, sizeof(old.wrapped));
		query_int(&q, old.month);
		rc = query_run(&q);
		if (rc)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc store_epoch_slice(struct km_store *s, struct km_rewrap *at)
{
	struct store_op op STORE_OP = { 0 };
	struct km_rewrap next = *at;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = rewrap_slice(s, &next);
	if (!rc && next.finished)
		rc = rewrap_months(s);
	if (!rc && next.finished)
		rc = work_keys_rewrap(s);
	/* Its seed is not wrapped anew: it ends with the KEK, and another key signs. */
	if (!rc && next.finished)
		rc = signer_begin(s);
	rows_forget(s); /* they hold what was wrapped before */
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*at = next;
	return rc;
}

km_rc store_epoch_end(struct km_store *s, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	uint32_t ended = 0;
	struct km_epoch e;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = store_epoch(s, &e);
	if (!rc && (!e.closing || km_keys_older(s->keys)))
		rc = KM_ESTATE;
	if (rc)
		return rc;
	ended = e.generation;
	e.generation = km_keys_generation(s->keys);
	e.opened = s->now.wall;
	e.closing = 0;
	rc = keep(s, &e);
	if (!rc)
		rc = chain_append(s, event);
	if (!rc)
		rc = epoch_ended(s, ended);
	return rc ? rc : store_op_done(&op);
}
