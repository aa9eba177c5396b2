/*
 * A store from a copy without keys and a bundle of them. What the bundle knows lives
 * again, under a new KEK; whom it does not know was erased since the copy was made, and is
 * erased again; what may have been used since then is not good a second time. All in one
 * batch: there whole after its flush, or not at all.
 */
#include "copy.h"
#include "signer.h"
#include "store_certificate.h"
#include "store_due.h"
#include "store_internal.h"

#include <stdio.h>
#include <string.h>

#include <kenmon/hex.h>
#include <kenmon/people.h>
#include <kenmon/store_epoch.h>

#include "codes.h"

#define PAGE  128 /* operators looked at together */
#define SPARE 7   /* days in which today's roster may say who is still here */

/* --- before the store is opened ------------------------------------------------------- */

static km_rc read_number(sqlite3 *handle, const char *sql, uint64_t *out)
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(handle, sql, -1, &st, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		*out = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return code == SQLITE_ROW ? KM_OK : code == SQLITE_DONE ? KM_ECORRUPT : store_rc(code);
}

km_rc restore_newest(const char *path, uint32_t *generation)
{
	sqlite3 *handle = NULL;
	uint64_t newest = 0;
	km_rc rc = store_connect(path, &handle);

	if (!rc)
		rc =
		    read_number(handle, "SELECT coalesce(max(generation), 0) FROM signer", &newest);
	sqlite3_close(handle);
	if (!rc && newest >= UINT32_MAX)
		rc = KM_ECORRUPT;
	if (!rc)
		*generation = (uint32_t)newest;
	return rc;
}

static km_rc set_epoch(sqlite3 *handle, const uint8_t value[EPOCH_BYTES],
		       const uint8_t mac[KM_ROW_MAC_BYTES])
{
	sqlite3_stmt *st = NULL;
	int code = sqlite3_prepare_v2(
	    handle, "UPDATE meta SET value = ?1, mac = ?2 WHERE key = '" META_EPOCH "'", -1, &st,
	    NULL);

	if (code == SQLITE_OK)
		code = sqlite3_bind_blob64(st, 1, value, EPOCH_BYTES, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_bind_blob64(st, 2, mac, KM_ROW_MAC_BYTES, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_step(st);
	sqlite3_finalize(st);
	if (code == SQLITE_DONE && sqlite3_changes(handle) != 1)
		return KM_ECORRUPT;
	return store_rc(code);
}

km_rc restore_epoch(const char *path, struct km_keys *keys, uint32_t generation, int64_t wall)
{
	const struct km_epoch e = { .generation = generation, .opened = wall };
	uint8_t value[EPOCH_BYTES], mac[KM_ROW_MAC_BYTES];
	sqlite3 *handle = NULL;
	km_rc rc;

	epoch_pack(&e, value);
	rc = row_mac_meta(keys, META_EPOCH, value, sizeof(value), mac);
	if (!rc)
		rc = store_connect(path, &handle);
	if (!rc)
		rc = set_epoch(handle, value, mac);
	if (sqlite3_close(handle) != SQLITE_OK && !rc)
		rc = KM_EIO;
	return rc;
}

/* --- keys ---------------------------------------------------------------------------------- */

static km_rc put_month(struct km_store *s, const uint8_t *row, uint32_t generation)
{
	struct query q QUERY = query_new(s, SQL_RESTORE_MONTH);
	uint8_t wrapped[KM_WRAPPED_BYTES];
	int64_t month = (int64_t)keys_get(row, 8);
	km_rc rc;

	memcpy(wrapped, row + 16, sizeof(wrapped));
	rc = km_month_key_rewrap(s->keys, month, generation, wrapped);
	/* Whose bodies nobody could read any more. */
	if (rc == KM_ECORRUPT)
		return KM_OK;
	if (rc)
		return rc;
	query_int(&q, month);
	query_int(&q, (int64_t)keys_get(row + 8, 8));
	query_int(&q, km_keys_generation(s->keys));
	query_blob(&q, wrapped, sizeof(wrapped));
	return query_run(&q);
}

static km_rc put_months(struct km_store *s, const struct bundle *b)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	for (uint32_t i = 0; !rc && i < b->header.months; i++)
		rc = put_month(s, b->month + (size_t)i * KM_BUNDLE_MONTH, b->header.generation);
	chain_forget_months(s);
	return rc ? rc : store_op_done(&op);
}

/* KM_ECORRUPT: it does not open. */
static km_rc put_key(struct km_store *s, const struct km_operator *who, const uint8_t *bundled,
		     uint32_t generation)
{
	struct store_op op STORE_OP = { 0 };
	uint8_t wrapped[KM_WRAPPED_BYTES];
	km_rc rc;

	memcpy(wrapped, bundled, sizeof(wrapped));
	rc = km_subject_key_rewrap(s->keys, who->subject, generation, wrapped);
	if (!rc)
		rc = store_op_begin(&op, s, false);
	if (!rc) {
		struct query q QUERY = query_new(s, SQL_KEY_INSERT);

		query_int(&q, (int64_t)who->cursor);
		query_int(&q, km_keys_generation(s->keys));
		query_blob(&q, wrapped, sizeof(wrapped));
		rc = query_run(&q);
	}
	rows_forget(s);
	return rc ? rc : store_op_done(&op);
}

/* --- the trail ------------------------------------------------------------------------------ */

static km_rc say_restored(struct km_store *s, const struct km_event_record *r, uint32_t first,
			  uint32_t last)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = chain_append(s, r);
	/* Those epochs are over here: no KEK of theirs is left but in bundles. */
	for (uint32_t g = first; !rc && g <= last; g++)
		rc = epoch_ended(s, g);
	return rc ? rc : store_op_done(&op);
}

/* The new signer, and right behind its place the record that says why it signs for itself. */
static km_rc begin_trail(struct km_store *s, const struct bundle *b,
			 const uint8_t copy[KM_COPY_DIGEST], uint32_t epoch, struct restored *out)
{
	const struct km_head old = s->at.head;
	char hash[KM_HEX(CHAIN_HASH_BYTES)], signer[KM_HEX(KM_PUBLIC_BYTES)];
	char digest[KM_HEX(KM_COPY_DIGEST)];
	struct km_event_record r;
	km_rc rc = signer_begin(s);

	if (!rc)
		rc = store_signer(s, &out->signer);
	if (rc)
		return rc;
	out->seq = old.seq;
	event_make(&r, KM_EVENT_RESTORED, NULL, "vault");
	event_add_number(&r, "seq", (int64_t)old.seq);
	event_add(&r, "hash", km_hex(old.hash, sizeof(old.hash), hash));
	event_add(&r, "signer", km_hex(out->signer.public, sizeof(out->signer.public), signer));
	event_add(&r, "backup", km_hex(copy, KM_COPY_DIGEST, digest));
	event_add_number(&r, "bundle-generation", b->header.generation);
	event_add_number(&r, "bundle-made", b->header.wall);
	return say_restored(s, &r, epoch, b->header.generation);
}

/* --- one operator ------------------------------------------------------------------------------
 */

static km_rc remove_credential(struct km_store *s, const struct km_credential *c,
			       struct restored *out)
{
	struct km_event_record r;

	event_make(&r, KM_EVENT_CREDENTIAL_REMOVED, c->subject, "vault");
	event_add_number(&r, "credential", (int64_t)c->id);
	event_add(&r, "why", "restored");
	out->removed++;
	return store_credential_remove(s, c->subject, c->id, &r);
}

/*
 * No code that may have been accepted before the restore is accepted after it, whatever drift was
 * learned since the copy was made.
 */
static km_rc move_totp(struct km_store *s, uint64_t id)
{
	struct store_op op STORE_OP = { 0 };
	struct stored_credential old;
	struct km_credential new;
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = row_credential(s, id, &old);
	if (rc)
		return rc;
	new = old.row;
	if (new.period == 0)
		return KM_ECORRUPT;
	new.moving = (uint64_t)(s->now.wall / new.period) + TOTP_DRIFT_MAX + TOTP_WINDOW + 1;
	if (new.moving <= old.row.moving)
		return KM_OK;
	rc = row_change_credential(s, &old, &new, true);
	return rc ? rc : store_op_done(&op);
}

/* Codes that are good once, and what waits for an approval or is good for a day only, go. */
static bool must_go(const struct km_credential *c)
{
	return c->factor == KM_FACTOR_HOTP || c->factor == KM_FACTOR_RECOVERY || c->waiting ||
	       c->until != 0;
}

/*
 * One whose key the bundle does not have was removed since the copy was made, or enrolled after
 * the bundle was: in either case it is not to come back. What is damaged stays as it is.
 */
static km_rc restore_finger(struct km_store *s, const struct bundle *b,
			    const struct km_credential *c, struct restored *out)
{
	const uint8_t *bundled = bundle_find_finger(b, c->id);
	bool keyed = false;
	km_rc rc = template_is_keyed(s, c->id, &keyed);

	if (rc == KM_ENOTFOUND || (rc == KM_ECORRUPT && !s->lost) || (!rc && !keyed))
		return KM_OK;
	if (rc)
		return rc;
	rc = bundled ? finger_key_restore(s, c->id, bundled, b->header.generation) : KM_ECORRUPT;
	return rc == KM_ECORRUPT && !s->lost ? remove_credential(s, c, out) : rc;
}

static km_rc look_at_credentials(struct km_store *s, const struct bundle *b,
				 const struct km_operator *who, struct restored *out)
{
	struct km_credential list[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(s, who->subject, list, &count);

	for (size_t i = 0; !rc && i < count; i++) {
		if (must_go(&list[i]))
			rc = remove_credential(s, &list[i], out);
		else if (list[i].factor == KM_FACTOR_TOTP)
			rc = move_totp(s, list[i].id);
		else if (list[i].factor == KM_FACTOR_FINGERPRINT)
			rc = restore_finger(s, b, &list[i], out);
	}
	return rc;
}

/* What was known of its end when the copy was made; a row that was changed is not believed. */
static km_rc cause_of(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
		      struct km_erase_order *order)
{
	struct km_due_row due;
	km_rc rc = store_due_of(s, subject, KM_DUE_ERASE, &due);

	order->cause = rc ? KM_CAUSE_RESTORED : due.cause;
	order->by_hand = !rc && due_by_hand(&due);
	return rc == KM_ENOTFOUND || (rc == KM_ECORRUPT && !s->lost) ? KM_OK : rc;
}

/* The start after this one finishes it, as after a crash. */
static km_rc erase_again(struct km_store *s, const struct km_operator *who, struct restored *out)
{
	struct km_erase_order order = { 0 };
	struct km_event_record r;
	km_rc rc = cause_of(s, who->subject, &order);

	event_make(&r, KM_EVENT_ERASE_BEGUN, who->subject, "vault");
	event_add(&r, "why", "erased-before-restore");
	out->erased++;
	return rc ? rc : store_erase_begin(s, who->subject, &order, &r);
}

static km_rc spare(struct km_store *s, const struct km_operator *who)
{
	struct km_event_record r;

	event_make(&r, KM_EVENT_DUE_SET, who->subject, "vault");
	event_add(&r, "what", "erase");
	event_add(&r, "why", "restored");
	return due_spare(s, who->subject, SPARE, &r);
}

static km_rc run_on(struct km_store *s, enum store_sql id, const struct km_operator *who,
		    bool by_cursor)
{
	struct query q QUERY = query_new(s, id);

	if (by_cursor)
		query_int(&q, (int64_t)who->cursor);
	else
		query_blob(&q, who->subject, KM_SUBJECT_BYTES);
	return query_run_any(&q);
}

/* Registered after the bundle was made: nothing of them opens, and they can be registered anew. */
static km_rc forget_operator(struct km_store *s, const struct km_operator *who,
			     struct restored *out)
{
	static const struct {
		enum store_sql id;
		bool by_cursor;
	} order[] = {
		{ SQL_RECOVERIES_DELETE, false },  { SQL_TEMPLATES_DELETE, false },
		{ SQL_CREDENTIALS_DELETE, false }, { SQL_DUES_DELETE, false },
		{ SQL_CONSENTS_DELETE, false },    { SQL_PERSON_DELETE, true },
		{ SQL_RESTORE_FORGET, true },
	};
	struct store_op op STORE_OP = { 0 };
	struct km_event_record r;
	km_rc rc = store_op_begin(&op, s, true);

	event_make(&r, KM_EVENT_ERASED, who->subject, "vault");
	event_add(&r, "why", "registered-after-the-bundle");
	rows_forget(s);
	for (size_t i = 0; !rc && i < sizeof(order) / sizeof(*order); i++)
		rc = run_on(s, order[i].id, who, order[i].by_cursor);
	if (!rc)
		rc = chain_append(s, &r);
	out->unknown++;
	return rc ? rc : store_op_done(&op);
}

static km_rc restore_operator(struct km_store *s, const struct bundle *b,
			      const struct km_operator *who, struct restored *out)
{
	const uint8_t *wrapped = bundle_find(b, who->cursor, who->subject);
	km_rc rc;

	if (who->state == KM_ERASING)
		return KM_OK;
	if (!wrapped)
		return who->cursor > b->header.upto ? forget_operator(s, who, out)
						    : erase_again(s, who, out);
	rc = put_key(s, who, wrapped, b->header.generation);
	if (rc == KM_ECORRUPT && !s->lost) {
		out->damaged++;
		rc = KM_OK;
	} else if (!rc)
		out->living++;
	if (!rc)
		rc = spare(s, who);
	return rc ? rc : look_at_credentials(s, b, who, out);
}

static km_rc restore_operators(struct km_store *s, const struct bundle *b, struct restored *out)
{
	struct km_operator page[PAGE];
	uint64_t after = 0;
	size_t count = 0;
	km_rc rc;

	do {
		rc = store_operators(s, after, PAGE, page, &count);
		for (size_t i = 0; !rc && i < count; i++) {
			after = page[i].cursor;
			rc = restore_operator(s, b, &page[i], out);
		}
	} while (!rc && count > 0);
	return rc;
}

/* --- what was under way -------------------------------------------------------------------------
 */

/* What they hold was sealed under keys that no copy has. */
static km_rc drop_work(struct km_store *s, struct restored *out)
{
	static const enum store_sql order[] = { SQL_RESTORE_REQUESTS, SQL_RESTORE_INVITATIONS,
						SQL_RESTORE_STAGE, SQL_RESTORE_FEEDS };
	struct store_op op STORE_OP = { 0 };
	struct query count QUERY = query_new(s, SQL_RESTORE_COUNT);
	km_rc rc = query_row(&count);

	if (rc)
		return rc;
	out->requests = query_get_number(&count, INT64_MAX);
	out->rosters = query_get_number(&count, INT64_MAX);
	query_end(&count);
	rc = store_op_begin(&op, s, false);
	for (size_t i = 0; !rc && i < sizeof(order) / sizeof(*order); i++) {
		struct query q QUERY = query_new(s, order[i]);

		rc = query_run_any(&q);
	}
	/* It may be another machine: the next start notes which. */
	if (!rc)
		rc = meta_keep(s, "machine", "", 0);
	return rc ? rc : store_op_done(&op);
}

/* Is this the trail that the copy's header is signed for? */
static km_rc is_of(const struct km_store *s, const struct km_copy *header)
{
	const struct km_head *head = &s->at.head;

	return head->seq == header->seq && memcmp(head->hash, header->hash, 32) == 0 &&
		       memcmp(head->chain, header->chain, 16) == 0
		   ? KM_OK
		   : KM_ECORRUPT;
}

/* And is it signed by who signs there? */
static km_rc is_signed_by_its_own(struct km_store *s, const struct km_copy *header)
{
	struct km_signer signer;
	size_t count = 0;
	km_rc rc = store_signers(s, header->generation - 1, 1, &signer, &count);

	if (!rc && (count != 1 || signer.generation != header->generation ||
		    memcmp(signer.public, header->public, sizeof(signer.public)) != 0))
		rc = KM_ECORRUPT;
	return rc;
}

km_rc store_restore(struct km_store *s, const struct bundle *b, const uint8_t copy[KM_COPY_DIGEST],
		    const struct km_copy *header, struct restored *out)
{
	struct restored found = { 0 };
	km_rc rc = is_of(s, header);

	if (!rc)
		rc = is_signed_by_its_own(s, header);
	if (!rc)
		rc = put_months(s, b);
	if (!rc)
		rc = begin_trail(s, b, copy, header->epoch, &found);
	if (!rc)
		rc = restore_operators(s, b, &found);
	if (!rc)
		rc = drop_work(s, &found);
	if (!rc)
		*out = found;
	return rc;
}
