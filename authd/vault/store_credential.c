/* Credentials: enrolling, removing, opening, unlocking. */
#include <kenmon/store_request.h>

#include "store_internal.h"

#include <string.h>

#define CREDENTIAL_VERSION 1
#define SEED_MAX           128 /* RFC 6238 uses up to 64 bytes; imported ones may be longer */
#define DECOY_SEED         20  /* as long as most */

static struct km_aad seed_aad(const uint8_t subject[KM_SUBJECT_BYTES], uint64_t id, uint8_t factor,
			      uint32_t version)
{
	return (struct km_aad){
		.table = "credential",
		.id = id,
		.subject = subject,
		.kind = factor,
		.version = version,
	};
}

km_rc credential_key(struct km_store *s, const struct km_operator *op, struct km_subject_key *key)
{
	static const uint8_t destroyed[KM_WRAPPED_BYTES];

	if (memcmp(op->wrapped, destroyed, sizeof(destroyed)) == 0)
		return KM_ESTATE;
	return km_subject_key_unwrap(s->keys, op->subject, op->kek_generation, op->wrapped, key);
}

static km_rc below_limit(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_COUNT);
	int64_t count;
	km_rc rc;

	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rc = query_row(&q);
	if (rc)
		return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
	count = query_get_int(&q);
	if (q.rc)
		return q.rc;
	return count < KM_MAX_CREDENTIALS ? KM_OK : KM_ELIMIT;
}

static km_rc insert(struct km_store *s, const struct km_credential *c, size_t sealed_len,
		    uint64_t *id)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_INSERT);
	km_rc rc;

	query_blob(&q, c->subject, sizeof(c->subject));
	query_int(&q, c->factor);
	query_int(&q, c->algorithm);
	query_int(&q, c->digits);
	query_int(&q, c->period);
	query_int(&q, (int64_t)c->moving);
	query_int(&q, c->drift);
	query_int(&q, s->now.wall);
	query_text(&q, c->label);
	query_int(&q, CREDENTIAL_VERSION);
	query_int(&q, c->waiting);
	query_int(&q, c->until);
	query_int(&q, (int64_t)sealed_len);
	rc = query_run(&q); /* KM_ENOTFOUND: no such operator, or one being erased */
	if (!rc)
		*id = (uint64_t)sqlite3_last_insert_rowid(q.handle);
	return rc;
}

km_rc credential_make(struct km_store *s, const struct km_credential *in, size_t sealed_len,
		      uint64_t *id)
{
	km_rc rc = below_limit(s, in->subject);

	return rc ? rc : insert(s, in, sealed_len, id);
}

/* The id is known only now, and is part of seal and MAC. */
km_rc credential_put(struct km_store *s, const struct km_credential *in, uint64_t id,
		     const void *sealed, size_t len)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_SEAL);
	struct km_credential row = *in;
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc;

	row.id = id;
	row.created = s->now.wall;
	row.last_used = 0;
	row.version = CREDENTIAL_VERSION;
	row.throttle = (struct km_throttle){ 0 };
	rc = row_mac_credential(s, &row, mac);
	if (rc)
		return rc;
	query_blob(&q, sealed, len);
	query_blob(&q, mac, sizeof(mac));
	query_int(&q, (int64_t)id);
	return query_run(&q);
}

static bool otp_acceptable(const struct km_operator *op, const struct km_credential *in,
			   const struct km_secret *seed)
{
	return memcmp(op->subject, in->subject, KM_SUBJECT_BYTES) == 0 &&
	       (in->factor == KM_FACTOR_TOTP || in->factor == KM_FACTOR_HOTP) &&
	       in->algorithm >= KM_SHA1 && in->algorithm <= KM_SHA512 && in->digits >= 6 &&
	       in->digits <= 8 && (in->factor != KM_FACTOR_TOTP || in->period > 0) &&
	       in->moving <= INT64_MAX && seed->len > 0 && seed->len <= SEED_MAX &&
	       strnlen(in->label, sizeof(in->label)) < sizeof(in->label);
}

/* Seals into sealed, which has room for the longest seed. */
static km_rc seal_bytes(struct km_store *s, const struct km_operator *op, uint8_t factor,
			uint64_t id, const struct km_secret *seed, uint8_t *sealed, size_t *len)
{
	struct km_aad aad = seed_aad(op->subject, id, factor, CREDENTIAL_VERSION);
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	km_rc rc = credential_key(s, op, &key);

	if (rc)
		return rc;
	return km_seal(s->keys, &key, &aad, seed->bytes, seed->len, sealed,
		       SEED_MAX + KM_SEAL_OVERHEAD, len);
}

km_rc credential_seal(struct km_store *s, const struct km_operator *op,
		      const struct km_credential *in, const struct km_secret *seed, uint64_t id)
{
	uint8_t sealed[SEED_MAX + KM_SEAL_OVERHEAD];
	size_t len = 0;
	km_rc rc = seal_bytes(s, op, in->factor, id, seed, sealed, &len);

	return rc ? rc : credential_put(s, in, id, sealed, len);
}

void record_number(struct km_event_record *event, const char *key, uint64_t id)
{
	size_t used = event ? strlen(event->body) : 0;
	char text[48];
	int n =
	    snprintf(text, sizeof(text), "%s%s=%llu", used ? " " : "", key, (unsigned long long)id);

	/* Without an event there is no change either: chain_append() says so. */
	if (event && n > 0 && used + (size_t)n < sizeof(event->body))
		memcpy(event->body + used, text, (size_t)n + 1);
}

km_rc credential_record(struct km_store *s, struct km_event_record *event, uint64_t id)
{
	record_number(event, "credential", id);
	return chain_append(s, event);
}

km_rc store_enrol_otp(struct km_store *s, const struct km_operator *op,
		      const struct km_credential *in, const struct km_secret *seed,
		      struct km_event_record *event, uint64_t *id)
{
	struct store_op step STORE_OP = { 0 };
	uint64_t made = 0;
	km_rc rc;

	if (!otp_acceptable(op, in, seed))
		return KM_EINVAL;
	rc = store_op_begin(&step, s, false);
	if (!rc)
		rc = credential_make(s, in, seed->len + KM_SEAL_OVERHEAD, &made);
	if (!rc)
		rc = credential_seal(s, op, in, seed, made);
	if (!rc)
		rc = credential_record(s, event, made);
	if (!rc)
		rc = store_op_done(&step);
	if (!rc)
		*id = made;
	return rc;
}

km_rc store_seed(struct km_store *s, const struct km_operator *op, const struct km_credential *c,
		 struct km_secret *seed)
{
	struct km_aad aad = seed_aad(c->subject, c->id, c->factor, c->version);
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct km_secret plain KM_SECRET = { 0 };
	size_t len = 0;
	km_rc unwrapped =
	    km_subject_key_unwrap(s->keys, op->subject, op->kek_generation, op->wrapped, &key);
	/* Tried in any case, with a key of zeros if need be: a decoy costs what a person does. */
	km_rc rc = km_unseal(s->keys, &key, &aad, c->sealed,
			     c->sealed_len <= sizeof(c->sealed) ? c->sealed_len : 0, plain.bytes,
			     sizeof(plain.bytes), &len);

	if (unwrapped)
		return unwrapped;
	if (rc)
		return rc;
	plain.len = (uint16_t)len;
	*seed = plain;
	return KM_OK;
}

km_rc store_decoy(struct km_store *s, struct km_operator *op, struct km_credential *credential)
{
	struct km_operator nobody = { .uid = -1,
				      .state = KM_ACTIVE,
				      .valid_from = KM_DAY_NONE,
				      .valid_until = KM_DAY_NONE,
				      .kek_generation = km_keys_generation(s->keys) };
	/* Id 0 is in no table, so nothing can be accepted for it. */
	struct km_credential none = { .factor = KM_FACTOR_TOTP,
				      .algorithm = KM_SHA1,
				      .digits = 6,
				      .period = 30,
				      .version = CREDENTIAL_VERSION };
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	struct km_secret seed KM_SECRET = { .len = DECOY_SEED };
	size_t len = 0;
	km_rc rc = km_random(nobody.subject, sizeof(nobody.subject));

	if (!rc)
		rc = km_random(seed.bytes, seed.len);
	if (!rc)
		rc = km_subject_key_new(s->keys, nobody.subject, &key, nobody.wrapped);
	if (!rc)
		rc = seal_bytes(s, &nobody, none.factor, none.id, &seed, none.sealed, &len);
	if (rc)
		return rc;
	none.sealed_len = (uint16_t)len;
	memcpy(none.subject, nobody.subject, sizeof(none.subject));
	*op = nobody;
	*credential = none;
	return KM_OK;
}

/* --- removing --------------------------------------------------------------------------- */

static km_rc run_on_id(struct km_store *s, enum store_sql id, uint64_t credential)
{
	struct query q QUERY = query_new(s, id);

	query_int(&q, (int64_t)credential);
	return query_run_any(&q);
}

km_rc credential_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], uint64_t id)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_DELETE);
	km_rc rc;

	query_int(&q, (int64_t)id);
	query_blob(&q, subject, KM_SUBJECT_BYTES);
	rows_forget(s);
	rc = query_run(&q);
	if (!rc)
		rc = finger_key_destroy(s, id);
	if (!rc)
		rc = run_on_id(s, SQL_TEMPLATE_DELETE, id);
	return rc ? rc : run_on_id(s, SQL_RECOVERY_DELETE, id);
}

km_rc store_credential_remove(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
			      uint64_t id, const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = credential_delete(s, subject, id);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}

/* --- recovery codes ----------------------------------------------------------------------- */

km_rc credential_earlier(struct km_store *s, const struct km_credential *by, uint64_t *id)
{
	struct query q QUERY = query_new(s, SQL_CREDENTIAL_REPLACED);
	km_rc rc;

	query_blob(&q, by->subject, sizeof(by->subject));
	query_int(&q, by->factor);
	query_int(&q, by->waiting);
	query_int(&q, (int64_t)by->id);
	rc = query_row(&q);
	if (rc)
		return rc;
	*id = (uint64_t)query_get_int(&q);
	return q.rc;
}

km_rc credential_replace(struct km_store *s, const struct km_credential *by,
			 struct km_event_record *event)
{
	uint64_t id = 0;
	km_rc rc;

	/* There is one at most, unless somebody else wrote another. */
	while (!(rc = credential_earlier(s, by, &id))) {
		record_number(event, "replaces", id);
		rc = credential_delete(s, by->subject, id);
		if (rc)
			return rc;
	}
	return rc == KM_ENOTFOUND ? KM_OK : rc;
}

static km_rc insert_code(struct km_store *s, uint64_t credential, const uint8_t code[KM_TAG_BYTES])
{
	struct query q QUERY = query_new(s, SQL_RECOVERY_INSERT);
	uint8_t mac[KM_ROW_MAC_BYTES];
	km_rc rc = row_mac_recovery(s, credential, code, 0, mac);

	if (rc)
		return rc;
	query_int(&q, (int64_t)credential);
	query_blob(&q, code, KM_TAG_BYTES);
	query_blob(&q, mac, sizeof(mac));
	rc = query_run(&q);
	return rc == KM_EEXIST ? KM_EINVAL : rc; /* one code twice in a set */
}

static km_rc insert_codes(struct km_store *s, const struct km_operator *op, uint64_t id,
			  const struct km_secret *codes)
{
	size_t count = codes->len / KM_RECOVERY_LENGTH;
	struct km_subject_key key KM_SUBJECT_KEY = { 0 };
	uint8_t mac[KM_TAG_BYTES];
	km_rc rc = credential_key(s, op, &key);

	for (size_t i = 0; !rc && i < count; i++) {
		rc = km_mac_recovery(s->keys, &key, id, codes->bytes + i * KM_RECOVERY_LENGTH,
				     KM_RECOVERY_LENGTH, mac);
		if (!rc)
			rc = insert_code(s, id, mac);
	}
	return rc;
}

static km_rc enrol_codes(struct km_store *s, const struct km_operator *op,
			 const struct km_credential *in, const struct km_secret *codes,
			 struct km_event_record *event, uint64_t *id)
{
	struct store_op step STORE_OP = { 0 };
	uint64_t made = 0;
	km_rc rc = store_op_begin(&step, s, false);

	if (!rc)
		rc = credential_replace(s, in, event);
	if (!rc)
		rc = credential_make(s, in, 0, &made);
	if (!rc)
		rc = credential_put(s, in, made, "", 0);
	if (!rc)
		rc = insert_codes(s, op, made, codes);
	if (!rc)
		rc = credential_record(s, event, made);
	if (!rc)
		rc = store_op_done(&step);
	if (!rc)
		*id = made;
	return rc;
}

km_rc store_enrol_recovery(struct km_store *s, const struct km_operator *op,
			   const struct km_secret *codes, bool waiting,
			   struct km_event_record *event, uint64_t *id)
{
	struct km_credential in = { .factor = KM_FACTOR_RECOVERY, .waiting = waiting };

	if (codes->len != KM_RECOVERY_CODES * KM_RECOVERY_LENGTH)
		return KM_EINVAL;
	memcpy(in.subject, op->subject, sizeof(in.subject));
	return enrol_codes(s, op, &in, codes, event, id);
}

km_rc store_enrol_bypass(struct km_store *s, const struct km_operator *op,
			 const struct km_secret *code, int64_t until, bool waiting,
			 struct km_event_record *event, uint64_t *id)
{
	struct km_credential in = { .factor = KM_FACTOR_BYPASS,
				    .waiting = waiting,
				    .until = until };

	if (code->len != KM_RECOVERY_LENGTH || until <= s->now.wall)
		return KM_EINVAL;
	memcpy(in.subject, op->subject, sizeof(in.subject));
	return enrol_codes(s, op, &in, code, event, id);
}

km_rc store_recovery_left(struct km_store *s, uint64_t credential, uint16_t *left)
{
	struct query q QUERY = query_new(s, SQL_RECOVERY_ALL);
	uint16_t count = 0;
	int64_t used = 0;
	km_rc rc;

	query_int(&q, (int64_t)credential);
	while (!(rc = row_read_recovery(s, &q, credential, &used)))
		count = (uint16_t)(count + (used == 0));
	if (rc != KM_ENOTFOUND)
		return rc;
	*left = count;
	return KM_OK;
}

/* --- unlocking ---------------------------------------------------------------------------- */

static km_rc clear_throttle(struct km_store *s, uint64_t id)
{
	struct stored_credential c;
	struct km_credential next;
	km_rc rc = row_credential(s, id, &c);

	if (rc)
		return rc;
	next = c.row;
	next.throttle.fails = 0;
	next.throttle.not_before = 0;
	rc = row_change_credential(s, &c, &next, false);
	return rc == KM_ENOTFOUND ? KM_ECORRUPT : rc;
}

static km_rc clear_throttles(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES])
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	size_t count = 0;
	km_rc rc = store_credentials(s, subject, all, &count);

	for (size_t i = 0; !rc && i < count; i++)
		rc = clear_throttle(s, all[i].id);
	return rc;
}

km_rc store_unlock(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES], uint16_t bucket,
		   const struct km_event_record *event)
{
	struct store_op op STORE_OP = { 0 };
	struct query named QUERY = { 0 };
	km_rc rc = store_op_begin(&op, s, false);

	if (!rc)
		rc = clear_throttles(s, subject);
	if (rc)
		return rc;
	/* A bucket without a row is one without failures. */
	named = query_new(s, SQL_NAME_THROTTLES_DELETE);
	query_int(&named, bucket);
	rc = query_run_any(&named);
	if (!rc)
		rc = chain_append(s, event);
	return rc ? rc : store_op_done(&op);
}
