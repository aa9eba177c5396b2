/*
 * Templates of fingers: each sealed under a key made of its subject's and of
 * its own, so that it ends with either; bound to its credential, and read only
 * to be lent. docs/STORAGE.md
 */
#include "store_internal.h"

#include <string.h>

#include <kenmon/finger.h>

#define TEMPLATE_VERSION    2
#define TEMPLATE_OF_SUBJECT 1 /* from version 2 of vault.db: under the subject's key alone */
#define READER_MAX          64

enum {
	FINGERS = 0
#define KM_FINGER(NAME, number, word, en, ja) +1
#include <kenmon/finger.def>
#undef KM_FINGER
};
/* Each finger is enrolled once, so all of an operator's fit into a grant. */
_Static_assert(FINGERS <= KM_GRANT_TEMPLATES, "");
_Static_assert(sizeof((struct stored_template){ 0 }.reader) == READER_MAX + 1, "");
_Static_assert(KM_TEMPLATE_MAX + KM_SEAL_OVERHEAD <= KM_SEALED_MAX, "");

static struct km_aad template_aad(const uint8_t subject[KM_SUBJECT_BYTES], uint64_t id,
				  uint32_t version)
{
	return (struct km_aad){
		.table = "template",
		.id = id,
		.subject = subject,
		.kind = KM_FACTOR_FINGERPRINT,
		.version = version,
	};
}

/* The label is looked for among ten words: it ends. */
static bool acceptable(const struct km_operator *op, const struct km_credential *in,
		       const char *reader, const struct km_template *t)
{
	return memcmp(op->subject, in->subject, KM_SUBJECT_BYTES) == 0 &&
	       in->factor == KM_FACTOR_FINGERPRINT &&
	       strnlen(in->label, sizeof(in->label)) < sizeof(in->label) &&
	       km_finger_parse(in->label) != KM_FINGER_NONE && in->moving == 0 && in->drift == 0 &&
	       t->len > 0 && t->len <= KM_TEMPLATE_MAX &&
	       strnlen(reader, READER_MAX + 1) <= READER_MAX;
}

static km_rc put_template(struct km_store *s, const struct stored_template *row,
			  const uint8_t *sealed, size_t len)
{
	struct query q QUERY = query_new(s, SQL_TEMPLATE_INSERT);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_template(s, row, mac);

	if (rc)
		return rc;
	query_int(&q, (int64_t)row->credential);
	query_blob(&q, row->subject, sizeof(row->subject));
	query_text(&q, row->reader);
	query_int(&q, row->version);
	query_blob(&q, mac, sizeof(mac));
	query_blob(&q, sealed, len);
	rc = query_run(&q);
	return rc == KM_EEXIST ? KM_ECORRUPT : rc; /* one without a credential lay there */
}

/* What opens a template of this version. The finger's key is not opened for nothing. */
static km_rc template_key(struct km_store *s, const struct km_subject_key *subject, uint64_t id,
			  uint32_t version, struct km_subject_key *out)
{
	struct km_subject_key finger KM_SUBJECT_KEY = { 0 };
	km_rc rc;

	if (version == TEMPLATE_OF_SUBJECT) {
		*out = *subject;
		return KM_OK;
	}
	rc = finger_key_open(s, id, &finger);
	return rc ? rc : km_template_key(s->keys, subject, &finger, out);
}

static km_rc new_template_key(struct km_store *s, const struct km_operator *op, uint64_t id,
			      struct km_subject_key *out)
{
	struct km_subject_key subject KM_SUBJECT_KEY = { 0 }, finger KM_SUBJECT_KEY = { 0 };
	km_rc rc = credential_key(s, op, &subject);

	if (!rc)
		rc = finger_key_make(s, id, &finger);
	return rc ? rc : km_template_key(s->keys, &subject, &finger, out);
}

static km_rc seal_template(struct km_store *s, const struct km_operator *op, uint64_t id,
			   const char *reader, const struct km_template *t)
{
	struct km_aad aad = template_aad(op->subject, id, TEMPLATE_VERSION);
	struct stored_template row = { .credential = id, .version = TEMPLATE_VERSION };
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	uint8_t sealed[KM_TEMPLATE_MAX + KM_SEAL_OVERHEAD];
	size_t len = 0;
	km_rc rc = new_template_key(s, op, id, &key);

	if (!rc)
		rc = km_seal(s->keys, &key, &aad, t->bytes, t->len, sealed, sizeof(sealed), &len);
	if (rc)
		return rc;
	memcpy(row.subject, op->subject, sizeof(row.subject));
	memcpy(row.reader, reader, strlen(reader));
	return put_template(s, &row, sealed, len);
}

km_rc store_enrol_finger(struct km_store *s, const struct km_operator *op,
			 const struct km_credential *in, const char *reader,
			 const struct km_template *t, struct km_event_record *event, uint64_t *id)
{
	struct store_op step STORE_OP = { 0 };
	uint64_t made = 0;
	km_rc rc;

	if (!acceptable(op, in, reader, t))
		return KM_EINVAL;
	rc = store_op_begin(&step, s, false);
	if (!rc)
		rc = credential_make(s, in, 0, &made); /* KM_EEXIST: the engine says so */
	if (!rc)
		rc = credential_put(s, in, made, "", 0);
	if (!rc)
		rc = seal_template(s, op, made, reader, t);
	if (!rc)
		rc = credential_record(s, event, made);
	if (!rc)
		rc = store_op_done(&step);
	if (!rc)
		*id = made;
	return rc;
}

/* The row of this credential and of nobody else. */
static km_rc right_row(const struct stored_template *row, const struct km_credential *c)
{
	return row->credential == c->id && row->version >= TEMPLATE_OF_SUBJECT &&
		       row->version <= TEMPLATE_VERSION &&
		       memcmp(row->subject, c->subject, sizeof(row->subject)) == 0
		   ? KM_OK
		   : KM_ECORRUPT;
}

km_rc store_template(struct km_store *s, const struct km_operator *op,
		     const struct km_credential *c, struct km_template *out)
{
	struct query q QUERY = query_new(s, SQL_TEMPLATE);
	struct km_subject_key subject KM_SUBJECT_KEY = { 0 }, key KM_SUBJECT_KEY = { 0 };
	uint8_t sealed[KM_TEMPLATE_MAX + KM_SEAL_OVERHEAD];
	struct stored_template row = { 0 };
	size_t sealed_len = 0, len = 0;
	struct km_aad aad;
	km_rc rc;

	query_int(&q, (int64_t)c->id);
	rc = row_read_template(s, &q, &row);
	if (!rc)
		rc = right_row(&row, c);
	if (!rc) {
		sealed_len = query_get_bytes(&q, sealed, sizeof(sealed));
		rc = q.rc;
	}
	if (!rc)
		rc = km_subject_key_unwrap(s->keys, op->subject, op->kek_generation, op->wrapped,
					   &subject);
	if (!rc)
		rc = template_key(s, &subject, c->id, row.version, &key);
	aad = template_aad(c->subject, c->id, row.version);
	if (!rc)
		rc = km_unseal(s->keys, &key, &aad, sealed, sealed_len, out->bytes,
			       sizeof(out->bytes), &len);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	out->len = (uint16_t)len;
	return KM_OK;
}

km_rc template_is_keyed(struct km_store *s, uint64_t credential, bool *keyed)
{
	struct query q QUERY = query_new(s, SQL_TEMPLATE_READER);
	struct stored_template row;
	km_rc rc;

	query_int(&q, (int64_t)credential);
	rc = row_read_template(s, &q, &row);
	if (!rc)
		*keyed = row.version > TEMPLATE_OF_SUBJECT;
	return rc;
}

km_rc store_finger_reader(struct km_store *s, uint64_t credential, char reader[65])
{
	struct query q QUERY = query_new(s, SQL_TEMPLATE_READER);
	struct stored_template row;
	km_rc rc;

	query_int(&q, (int64_t)credential);
	rc = row_read_template(s, &q, &row);
	if (!rc)
		memcpy(reader, row.reader, sizeof(row.reader));
	return rc;
}
