/*
 * identity.db: who people are. It follows vault.db: a person without an
 * operator there is the rest of a commit that did not come through, and goes.
 */
#include "store_feed.h"
#include "store_internal.h"

#include <string.h>

#define PERSON_VERSION  2 /* 1 had no telephone numbers */
#define RECONCILE_SLICE 256

/* --- a person as bytes: each field behind its length (2, big-endian) --------------- */

struct person_field {
	size_t offset, size;
};
#define PERSON_FIELD(name)                                                                         \
	{                                                                                          \
		offsetof(struct km_person, name), sizeof(((struct km_person *)0)->name)            \
	}
static const struct person_field fields[] = {
	PERSON_FIELD(login),      PERSON_FIELD(employee_number), PERSON_FIELD(name),
	PERSON_FIELD(department), PERSON_FIELD(mobile),          PERSON_FIELD(landline),
};
#define FIELD_COUNT   (sizeof(fields) / sizeof(*fields))
#define FIELD_COUNT_1 4 /* of version 1 */

static km_rc pack(const struct km_person *person, uint8_t out[PERSON_MAX], size_t *len)
{
	uint8_t *at = out;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *text = (const char *)person + fields[i].offset;
		size_t n = strnlen(text, fields[i].size);

		if (n == fields[i].size)
			return KM_EINVAL;
		at = keys_put(at, n, 2);
		memcpy(at, text, n);
		at += n;
	}
	*len = (size_t)(at - out);
	return KM_OK;
}

static void person_wipe(struct km_person *person)
{
	km_wipe(person, sizeof(*person));
}

static km_rc unpack(const uint8_t *bytes, size_t len, uint32_t version, struct km_person *out)
{
	struct km_person person __attribute__((cleanup(person_wipe))) = { 0 };
	size_t count = version == 1 ? FIELD_COUNT_1 : FIELD_COUNT;

	for (size_t i = 0; i < count; i++) {
		size_t n;

		if (len < 2)
			return KM_ECORRUPT;
		n = (size_t)bytes[0] << 8 | bytes[1];
		bytes += 2;
		len -= 2;
		if (n > len || n >= fields[i].size)
			return KM_ECORRUPT;
		memcpy((char *)&person + fields[i].offset, bytes, n);
		bytes += n;
		len -= n;
	}
	if (len)
		return KM_ECORRUPT;
	*out = person;
	return KM_OK;
}

static struct km_aad person_aad(const uint8_t subject[KM_SUBJECT_BYTES], uint32_t version)
{
	return (struct km_aad){ .table = "person", .subject = subject, .version = version };
}

/* --- adding --------------------------------------------------------------------------- */

static km_rc never_used(struct km_store *s, const uint8_t tag[KM_TAG_BYTES])
{
	struct query q QUERY = query_new(s, SQL_TOMBSTONE);
	km_rc rc;

	query_blob(&q, tag, KM_TAG_BYTES);
	rc = query_row(&q);
	if (!rc)
		return KM_EREUSED;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc insert(struct km_store *s, const struct km_operator *op,
		    const uint8_t tag[KM_TAG_BYTES], const uint8_t *sealed, size_t len)
{
	struct query q QUERY = query_new(s, SQL_PERSON_INSERT);
	km_rc rc;

	query_int(&q, (int64_t)op->cursor);
	query_blob(&q, op->subject, sizeof(op->subject));
	query_blob(&q, tag, KM_TAG_BYTES);
	query_int(&q, PERSON_VERSION);
	query_blob(&q, sealed, len);
	rc = query_run(&q);
	return rc == KM_EEXIST ? KM_EREUSED : rc;
}

static km_rc seal_person(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			 const struct km_subject_key *key, const struct km_person *person,
			 uint8_t sealed[PERSON_SEALED_MAX], size_t *len)
{
	struct km_aad aad = person_aad(subject, PERSON_VERSION);
	uint8_t plain[PERSON_MAX];
	size_t plain_len = 0;
	km_rc rc = pack(person, plain, &plain_len);

	if (!rc)
		rc = km_seal(s->keys, key, &aad, plain, plain_len, sealed, PERSON_SEALED_MAX, len);
	km_wipe(plain, sizeof(plain));
	return rc;
}

km_rc identity_add(struct km_store *s, const struct km_operator *op,
		   const struct km_subject_key *key, const struct km_person *person)
{
	uint8_t sealed[PERSON_SEALED_MAX], tag[KM_TAG_BYTES];
	size_t len = 0;
	km_rc rc = km_tag_employee(s->keys, person->employee_number, tag);

	if (!rc)
		rc = never_used(s, tag);
	if (!rc)
		rc = seal_person(s, op->subject, key, person, sealed, &len);
	return rc ? rc : insert(s, op, tag, sealed, len);
}

/* --- reading --------------------------------------------------------------------------- */

static km_rc read_sealed(struct km_store *s, const struct km_operator *op,
			 struct sealed_person *out)
{
	struct query q QUERY = query_new(s, SQL_PERSON);
	km_rc rc;

	query_int(&q, (int64_t)op->cursor);
	query_blob(&q, op->subject, sizeof(op->subject));
	rc = query_row(&q);
	if (rc)
		return rc;
	out->version = (uint32_t)query_get_number(&q, UINT32_MAX);
	out->len = query_get_bytes(&q, out->bytes, sizeof(out->bytes));
	return q.rc;
}

km_rc store_person(struct km_store *s, const struct km_operator *op, struct km_person *out)
{
	static const uint8_t destroyed[KM_WRAPPED_BYTES];
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct sealed_person sealed;
	struct km_aad aad;
	uint8_t plain[PERSON_MAX];
	size_t len = 0;
	km_rc rc;

	if (memcmp(op->wrapped, destroyed, sizeof(destroyed)) == 0)
		return KM_ENOTFOUND;
	rc = read_sealed(s, op, &sealed);
	if (!rc)
		rc = km_subject_key_unwrap(s->keys, op->subject, op->kek_generation, op->wrapped,
					   &key);
	if (rc)
		return rc;
	aad = person_aad(op->subject, sealed.version);
	rc = km_unseal(s->keys, &key, &aad, sealed.bytes, sealed.len, plain, sizeof(plain), &len);
	if (!rc)
		rc = unpack(plain, len, sealed.version, out);
	km_wipe(plain, sizeof(plain));
	return rc;
}

static km_rc find_number(struct km_store *s, const uint8_t tag[KM_TAG_BYTES], uint64_t *cursor,
			 uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, SQL_PERSON_BY_TAG);
	km_rc rc;

	query_blob(&q, tag, KM_TAG_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc;
	*cursor = (uint64_t)query_get_int(&q);
	query_get_blob(&q, subject, KM_SUBJECT_BYTES);
	return q.rc;
}

/* The tag only finds them: whose number it is says what is sealed. */
static km_rc has_number(struct km_store *s, const struct km_operator *op, const char *number,
			struct km_person *who)
{
	struct km_person found __attribute__((cleanup(person_wipe))) = { 0 };
	km_rc rc = op->state == KM_ERASING ? KM_ENOTFOUND : store_person(s, op, &found);

	if (!rc && strcmp(found.employee_number, number) != 0)
		rc = KM_ECORRUPT;
	/* Nobody can say it any more. */
	if (!rc || rc == KM_ENOTFOUND)
		*who = found;
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

km_rc store_operator_by_number(struct km_store *s, const char *number, struct km_operator *out,
			       struct km_person *who)
{
	uint8_t tag[KM_TAG_BYTES], subject[KM_SUBJECT_BYTES];
	struct km_operator op;
	uint64_t cursor = 0;
	km_rc rc = km_tag_employee(s->keys, number, tag);

	if (!rc)
		rc = find_number(s, tag, &cursor, subject);
	if (rc == KM_ENOTFOUND) {
		rc = never_used(s, tag);
		return rc ? rc : KM_ENOTFOUND;
	}
	if (!rc)
		rc = store_operator_by_cursor(s, cursor, &op);
	/* vault.db decides who there is; a person without an operator waits for reconciling. */
	if (rc == KM_ENOTFOUND || (!rc && memcmp(op.subject, subject, sizeof(subject)) != 0))
		return KM_ECORRUPT;
	if (!rc)
		rc = has_number(s, &op, number, who);
	if (!rc)
		*out = op;
	return rc;
}

/* --- changing --------------------------------------------------------------------------- */

static km_rc update(struct km_store *s, const struct km_operator *op, const uint8_t *sealed,
		    size_t len)
{
	struct query q QUERY = query_new(s, SQL_PERSON_CHANGE);

	query_int(&q, PERSON_VERSION);
	query_blob(&q, sealed, len);
	query_int(&q, (int64_t)op->cursor);
	query_blob(&q, op->subject, sizeof(op->subject));
	return query_run(&q);
}

km_rc identity_change(struct km_store *s, const struct km_operator *op,
		      const struct km_subject_key *key, const struct km_person *person)
{
	uint8_t sealed[PERSON_SEALED_MAX];
	struct sealed_person was;
	size_t len = 0;
	km_rc rc = seal_person(s, op->subject, key, person, sealed, &len);

	if (!rc)
		rc = read_sealed(s, op, &was);
	if (!rc)
		rc = was_keep(s, op->cursor, &was);
	return rc ? rc : update(s, op, sealed, len);
}

/* --- burying ---------------------------------------------------------------------------- */

km_rc identity_tag(struct km_store *s, uint64_t cursor, const uint8_t subject[KM_SUBJECT_BYTES],
		   uint8_t tag[KM_TAG_BYTES])
{
	struct query q QUERY = query_new(s, SQL_PERSON_TAG);
	km_rc rc;

	query_int(&q, (int64_t)cursor);
	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc;
	query_get_blob(&q, tag, KM_TAG_BYTES);
	return q.rc;
}

static km_rc delete (struct km_store *s, uint64_t cursor)
{
	struct query q QUERY = query_new(s, SQL_PERSON_DELETE);

	km_rc rc;

	query_int(&q, (int64_t)cursor);
	rc = query_run_any(&q);
	return rc ? rc : was_forget(s, cursor);
}

km_rc identity_bury(struct km_store *s, uint64_t cursor, const uint8_t subject[KM_SUBJECT_BYTES])
{
	uint8_t tag[KM_TAG_BYTES];
	struct query q QUERY = query_new(s, SQL_TOMBSTONE_INSERT);
	km_rc rc = identity_tag(s, cursor, subject, tag);

	/* Done already, by a flush whose second half failed. */
	if (rc == KM_ENOTFOUND)
		return KM_OK;
	if (rc)
		return rc;
	query_blob(&q, tag, sizeof(tag));
	query_int(&q, s->now.wall);
	rc = query_run_any(&q);
	return rc ? rc : delete (s, cursor);
}

/* --- reconciling -------------------------------------------------------------------------- */

struct slice {
	size_t count;
	uint64_t cursor[RECONCILE_SLICE];
	uint8_t subject[RECONCILE_SLICE][KM_SUBJECT_BYTES];
};

static km_rc read_slice(struct km_store *s, uint64_t after, struct slice *out)
{
	struct query q QUERY = query_new(s, SQL_PERSON_PAGE);
	km_rc rc;

	out->count = 0;
	query_int(&q, (int64_t)after);
	query_int(&q, RECONCILE_SLICE);
	while (!(rc = query_row(&q)) && out->count < RECONCILE_SLICE) {
		out->cursor[out->count] = (uint64_t)query_get_int(&q);
		query_get_blob(&q, out->subject[out->count], KM_SUBJECT_BYTES);
		if (q.rc)
			return q.rc;
		out->count++;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc check_one(struct km_store *s, uint64_t cursor, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_operator op;
	km_rc rc = store_operator_by_subject(s, subject, &op);

	if (rc == KM_ENOTFOUND || (!rc && op.cursor != cursor))
		return delete (s, cursor);
	/* An operator that was tampered with is refused when asked for; it is no reason to stop. */
	return rc == KM_ECORRUPT ? KM_OK : rc;
}

static km_rc check_all(struct km_store *s)
{
	struct slice slice = { 0 };
	uint64_t after = 0;
	km_rc rc;

	do {
		rc = read_slice(s, after, &slice);
		for (size_t i = 0; !rc && i < slice.count; i++) {
			after = slice.cursor[i];
			rc = check_one(s, after, slice.subject[i]);
		}
	} while (!rc && slice.count > 0);
	return rc;
}

km_rc identity_reconcile(struct km_store *s)
{
	km_rc rc = store_batch(s, DB_IDENTITY);

	if (!rc)
		rc = store_batch(s, DB_VAULT);
	if (!rc)
		rc = was_restore(s);
	if (!rc)
		rc = check_all(s);
	/* The flush writes a new pair number into both, also when nobody had to go. */
	s->db[DB_IDENTITY].dirty = s->db[DB_VAULT].dirty = true;
	if (rc)
		store_undo(s);
	return rc ? rc : store_flush(s);
}
