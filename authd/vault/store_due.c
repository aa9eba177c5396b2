/* What is due, and the days on which the vault ran. */
#include "store_due.h"

#include <string.h>

#include <kenmon/people.h>

#include "store_internal.h"

#define DUE_BYTES (8 + 16 + 1 + 1 + 8 + 8 + 8 + 1 + 16 + 16)

struct stored_due {
	struct km_due_row row;
	uint8_t mac[KM_ROW_MAC_BYTES];
};

static km_rc mac_of(struct km_store *s, const struct km_due_row *d, uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[DUE_BYTES], *at = bytes;

	at = keys_put(at, d->id, 8);
	memcpy(at, d->subject, KM_SUBJECT_BYTES);
	at = keys_put(at + KM_SUBJECT_BYTES, d->what, 1);
	at = keys_put(at, d->cause, 1);
	at = keys_put(at, (uint64_t)d->day, 8);
	at = keys_put(at, (uint64_t)d->filed, 8);
	at = keys_put(at, d->feed, 8);
	at = keys_put(at, d->released, 1);
	memcpy(at, d->requester, KM_SUBJECT_BYTES);
	memcpy(at + KM_SUBJECT_BYTES, d->approver, KM_SUBJECT_BYTES);
	return km_mac_row(s->keys, "due", bytes, sizeof(bytes), mac);
}

/* --- reading ---------------------------------------------------------------------------- */

static void take(struct query *q, struct stored_due *out)
{
	struct km_due_row *d = &out->row;

	*out = (struct stored_due){ .row.id = (uint64_t)query_get_int(q) };
	query_get_blob(q, d->subject, sizeof(d->subject));
	d->what = (uint8_t)query_get_number(q, UINT8_MAX);
	d->cause = (uint8_t)query_get_number(q, UINT8_MAX);
	d->day = query_get_int(q);
	d->filed = query_get_int(q);
	d->feed = query_get_number(q, INT64_MAX);
	d->released = query_get_number(q, 1) == 1;
	query_get_blob(q, d->requester, sizeof(d->requester));
	query_get_blob(q, d->approver, sizeof(d->approver));
	query_get_blob(q, out->mac, sizeof(out->mac));
}

static km_rc check(struct km_store *s, const struct stored_due *d)
{
	uint8_t right[KM_ROW_MAC_BYTES];
	km_rc rc = mac_of(s, &d->row, right);

	return row_same_mac(rc, d->mac, right);
}

/* Where there is none, the same work. */
static km_rc find(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], enum km_due what,
		  struct stored_due *out)
{
	struct query q QUERY = query_new(s, SQL_DUE_OF);
	struct stored_due found = { .row.id = 0 };
	km_rc rc, checked;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	query_int(&q, what);
	rc = query_row(&q);
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	if (!rc)
		take(&q, &found);
	if (q.rc)
		return q.rc;
	checked = check(s, &found);
	if (rc)
		return rc;
	if (!checked)
		*out = found;
	return checked;
}

km_rc store_due_of(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], enum km_due what,
		   struct km_due_row *out)
{
	struct stored_due found;
	km_rc rc = find(s, subject, what, &found);

	if (!rc)
		*out = found.row;
	return rc;
}

static km_rc read_page(struct km_store *s, struct query *q, size_t limit, struct km_due_row *out,
		       size_t *count)
{
	struct stored_due found;
	size_t n = 0;
	km_rc rc = KM_ENOTFOUND;

	while (n < limit && !(rc = query_row(q))) {
		km_rc checked;

		take(q, &found);
		checked = q->rc ? q->rc : check(s, &found);
		if (checked)
			return checked;
		out[n++] = found.row;
	}
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_dues(struct km_store *s, uint64_t after, size_t limit, struct km_due_row *out,
		 size_t *count)
{
	struct query q QUERY = query_new(s, SQL_DUE_PAGE);

	query_number(&q, after);
	query_number(&q, limit);
	return read_page(s, &q, limit, out, count);
}

km_rc store_dues_ready(struct km_store *s, int64_t today, bool released, size_t limit,
		       struct km_due_row *out, size_t *count)
{
	struct query q QUERY = query_new(s, SQL_DUE_READY);

	query_int(&q, today);
	query_int(&q, released);
	query_number(&q, limit);
	return read_page(s, &q, limit, out, count);
}

km_rc store_due_first(struct km_store *s, int64_t *day)
{
	struct query q QUERY = query_new(s, SQL_DUE_FIRST);
	km_rc rc = query_row(&q);

	if (rc)
		return rc;
	*day = query_get_int(&q);
	return q.rc;
}

km_rc store_due_counts(struct km_store *s, int64_t today, int64_t since, struct km_due_counts *out)
{
	struct query q QUERY = query_new(s, SQL_DUE_COUNTS);
	struct query gone QUERY = query_new(s, SQL_CERTIFICATES_SINCE);
	struct km_due_counts c = { 0 };
	km_rc rc;

	query_int(&q, today);
	query_int(&q, today + 7);
	query_int(&q, since);
	rc = query_row(&q);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	c.ready = (uint64_t)query_get_int(&q);
	c.braked = (uint64_t)query_get_int(&q);
	c.week = (uint64_t)query_get_int(&q);
	c.missing = (uint64_t)query_get_int(&q);
	query_int(&gone, since);
	rc = q.rc ? q.rc : query_row(&gone);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	c.erased = (uint64_t)query_get_int(&gone);
	if (!gone.rc)
		*out = c;
	return gone.rc;
}

km_rc store_due_held(struct km_store *s, int64_t today, uint8_t set[32])
{
	struct query q QUERY = query_new(s, SQL_DUE_HELD);
	struct stored_due found;
	uint8_t made[32];
	km_rc rc;

	if (!EVP_DigestInit_ex2(s->digest, s->sha256, NULL))
		return KM_ENOMEM;
	query_int(&q, today);
	while (!(rc = query_row(&q))) {
		take(&q, &found);
		rc = q.rc ? q.rc : check(s, &found);
		if (rc)
			return rc;
		if (!EVP_DigestUpdate(s->digest, found.row.subject, KM_SUBJECT_BYTES))
			return KM_ENOMEM;
	}
	if (rc != KM_ENOTFOUND)
		return rc;
	if (!EVP_DigestFinal_ex(s->digest, made, NULL))
		return KM_ENOMEM;
	memcpy(set, made, sizeof(made));
	return KM_OK;
}

/* --- changing --------------------------------------------------------------------------- */

static km_rc run_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			enum km_due what)
{
	struct query q QUERY = query_new(s, SQL_DUE_DELETE);

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	query_int(&q, what);
	return query_run(&q);
}

static km_rc insert(struct km_store *s, struct km_due_row *d)
{
	struct query q QUERY = query_new(s, SQL_DUE_INSERT);
	km_rc rc;

	query_blob(&q, d->subject, sizeof(d->subject));
	query_int(&q, d->what);
	query_int(&q, d->cause);
	query_int(&q, d->day);
	query_int(&q, d->filed);
	query_int(&q, (int64_t)d->feed);
	query_int(&q, d->released);
	query_blob(&q, d->requester, sizeof(d->requester));
	query_blob(&q, d->approver, sizeof(d->approver));
	rc = query_run(&q);
	if (!rc)
		d->id = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

/* What changes of a row after it was made. */
static km_rc seal(struct km_store *s, const struct km_due_row *d)
{
	struct query q QUERY = query_new(s, SQL_DUE_SEAL);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = mac_of(s, d, mac);

	if (rc)
		return rc;
	query_int(&q, d->released);
	query_blob(&q, d->approver, sizeof(d->approver));
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)d->id);
	rc = query_run(&q);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc replace(struct km_store *s, struct km_due_row *d)
{
	struct stored_due old;
	km_rc rc = find(s, d->subject, (enum km_due)d->what, &old);

	if (!rc && old.row.cause == d->cause)
		d->filed = old.row.filed;
	if (!rc)
		rc = run_delete(s, d->subject, (enum km_due)d->what);
	if (!rc || rc == KM_ENOTFOUND)
		rc = insert(s, d);
	return rc ? rc : seal(s, d);
}

km_rc store_due_set(struct km_store *s, const struct km_due_row *d,
		    const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct km_due_row row = *d;
	km_rc rc;

	if ((d->what != KM_DUE_SUSPEND && d->what != KM_DUE_ERASE) || !d->cause || d->day < 0)
		return KM_EINVAL;
	rc = store_op_begin(&op, s, false);
	row.filed = s->now.wall;
	if (!rc)
		rc = replace(s, &row);
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

km_rc store_due_drop(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], enum km_due what,
		     const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = run_delete(s, subject, what);
	if (!rc && event)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

#define RELEASE_SLICE 256

static km_rc release_slice(struct km_store *s, int64_t today,
			   const uint8_t approver[KM_SUBJECT_BYTES], size_t *count)
{
	static struct km_due_row slice[RELEASE_SLICE]; /* one at a time: the vault has one thread */
	km_rc rc;

	*count = 0;
	{
		struct query q QUERY = query_new(s, SQL_DUE_BRAKED);

		query_int(&q, today);
		query_int(&q, RELEASE_SLICE);
		rc = read_page(s, &q, RELEASE_SLICE, slice, count);
	}
	for (size_t i = 0; !rc && i < *count; i++) {
		slice[i].released = true;
		memcpy(slice[i].approver, approver, KM_SUBJECT_BYTES);
		rc = seal(s, &slice[i]);
	}
	return rc;
}

km_rc store_due_release(struct km_store *s, int64_t today, const uint8_t approver[KM_SUBJECT_BYTES],
			uint64_t *count, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	uint64_t all = 0;
	size_t n = 1;
	km_rc rc = store_op_begin(&op, s, false);

	while (!rc && n > 0) {
		rc = release_slice(s, today, approver, &n);
		all += n;
	}
	if (!rc)
		rc = chain_append(s, event);
	if (!rc)
		rc = store_op_done(&op);
	if (!rc)
		*count = all;
	return rc;
}

km_rc dues_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, SQL_DUES_DELETE);

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	return query_run_any(&q);
}

/* --- after a restore ------------------------------------------------------------------------- */

static bool may_be_over(const struct km_due_row *due)
{
	return due->cause == KM_CAUSE_MISSING || due->cause == KM_CAUSE_UNUSED ||
	       (due->cause == KM_CAUSE_EXPIRED && !due->feed);
}

km_rc due_spare(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], int64_t days,
		const struct km_event_record *event)
{
	struct km_due_row due;
	km_rc rc = store_due_of(s, subject, KM_DUE_ERASE, &due);

	if (rc == KM_OK && (!may_be_over(&due) || due.day >= s->now.today + days))
		return KM_OK;
	if (rc)
		return rc == KM_ENOTFOUND ? KM_OK : rc;
	due.day = s->now.today + days;
	due.released = false;
	return store_due_set(s, &due, event);
}

/* --- days on which the vault ran ----------------------------------------------------------- */

static km_rc mac_of_day(struct km_store *s, int64_t day, uint8_t mac[KM_ROW_MAC_BYTES])
{
	uint8_t bytes[8];

	keys_put(bytes, (uint64_t)day, sizeof(bytes));
	return km_mac_row(s->keys, "run_day", bytes, sizeof(bytes), mac);
}

km_rc store_run_day(struct km_store *s, int64_t day)
{
	struct store_op op STORE_OP = { 0 };
	struct query q QUERY = { 0 };
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = mac_of_day(s, day, mac);
	if (rc)
		return rc;
	q = query_new(s, SQL_RUN_DAY_INSERT);
	query_int(&q, day);
	query_blob(&q, mac, sizeof(mac));
	rc = query_run_any(&q);
	return rc ? rc : store_op_done(&op);
}

/* The next day of a query, newest first. */
static km_rc take_day(struct km_store *s, struct query *q, int64_t *day)
{
	uint8_t mac[KM_ROW_MAC_BYTES], right[KM_ROW_MAC_BYTES];
	km_rc rc = query_row(q);

	if (rc)
		return rc;
	*day = query_get_int(q);
	query_get_blob(q, mac, sizeof(mac));
	rc = q->rc ? q->rc : mac_of_day(s, *day, right);
	return row_same_mac(rc, mac, right);
}

km_rc store_run_days(struct km_store *s, int64_t after, unsigned most, unsigned *count)
{
	struct query q QUERY = query_new(s, SQL_RUN_DAYS);
	unsigned n = 0;
	int64_t day;
	km_rc rc = KM_OK;

	query_int(&q, after);
	query_int(&q, most);
	while (n < most && !(rc = take_day(s, &q, &day)))
		n++;
	if (rc && rc != KM_ENOTFOUND)
		return rc;
	*count = n;
	return KM_OK;
}

km_rc store_run_cutoff(struct km_store *s, unsigned n, int64_t *day)
{
	struct query q QUERY = query_new(s, SQL_RUN_DAYS);
	int64_t at = 0;
	km_rc rc = n ? KM_OK : KM_EINVAL;

	query_int(&q, INT64_MIN);
	query_int(&q, n);
	for (unsigned i = 0; !rc && i < n; i++)
		rc = take_day(s, &q, &at);
	if (!rc)
		*day = at - 1;
	return rc;
}
