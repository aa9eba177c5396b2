/*
 * What the files of the store share. Tests look in here too; nobody else.
 *
 *   store.c            open, close, batches, flush        store_query.c  one statement
 *   store_schema.c     tables, making and checking them   store_meta.c   small values, op_seen
 *   store_login.c      what a login reads and writes      store_operator.c, store_credential.c
 *   store_change.c     changing an operator               identity.c     who people are
 *   store_rows.c       rows that carry a MAC              identity_was.c who they were until a
 * flush store_template.c   fingers                            store_upgrade.c older tables
 *   store_enrolled.c   who has which factors              store_review.c when they were reviewed
 *   store_schema_people.c  tables of those who come and go
 *   store_schema_phone.c  tables of codes by telephone  store_phone.c  what they hold
 *   store_feed.c, store_stage.c  rosters, and their rows  store_due.c    what is due
 *   store_work.c       keys of what is under way          store_request.c  acts that wait
 *   store_finger_key.c keys of fingers                   store_number.c telephone numbers
 *   store_waiting.c    credentials that wait, or end by themselves
 *   store_consent.c    purpose texts and consents         store_invitation.c  codes of one's own
 *   store_erase.c      erasure                            store_epoch.c  key epochs
 *   store_copy.c       copies that leave the machine     store_restore.c  making one of them good
 *   store_certificate.c  what was destroyed               store_leaver.c whose sessions live on
 *   chain.c            appending to the audit chain       store_audit.c  reading and verifying it
 *   store_index.c      which records are about whom
 *   signer.c, sign.c   who signs it, and seals            verify_seals.c verifying those
 */
#ifndef KENMON_VAULT_STORE_INTERNAL_H
#define KENMON_VAULT_STORE_INTERNAL_H

#include <sqlite3.h>

#include <openssl/evp.h>

#include <kenmon/store.h>
#include <kenmon/store_epoch.h>
#include <kenmon/store_request.h>

#include "keys_internal.h"

enum store_db_id { DB_VAULT, DB_IDENTITY, DB_COUNT };

enum store_sql {
#define STORE_SQL(NAME, db, text) SQL_##NAME,
#include "store_sql.def"
#undef STORE_SQL
	SQL_COUNT
};

/* Transaction statements, one of each for each database; not counted as work. */
enum store_control {
	CONTROL_BEGIN,
	CONTROL_COMMIT,
	CONTROL_ROLLBACK,
	CONTROL_SAVEPOINT,
	CONTROL_RELEASE,
	CONTROL_UNDO,
	CONTROL_COUNT
};

struct store_db {
	sqlite3 *handle;
	sqlite3_stmt *control[CONTROL_COUNT];
	bool begun, dirty;
	char version;  /* of its tables, as it was opened */
	int wal_pages; /* in the write-ahead log since it last began anew */
};

/* Two month keys: the one being written under, the one being read under. In locked memory. */
struct month_slot {
	bool valid;
	int64_t month;
	struct km_subject_key key;
};
enum { MONTH_WRITE, MONTH_READ, MONTH_SLOTS };

/* Where the chain and the pair of databases stand. */
struct store_position {
	struct km_head head;
	uint64_t pair;    /* counts the flushes that changed identity.db; the same number in both */
	uint64_t indexed; /* up to this record audit_of knows all; never above the head */
};

/* Rows as they lie in the table. */
struct stored_operator {
	struct km_operator row;
	uint8_t mac[KM_ROW_MAC_BYTES];
};
struct stored_credential {
	struct km_credential row;
	uint8_t mac[KM_ROW_MAC_BYTES];
};
/* Without what is sealed: most who read it want no template. */
struct stored_template {
	uint64_t credential;
	uint8_t subject[KM_SUBJECT_BYTES];
	char reader[65];
	uint32_t version;
	uint8_t mac[KM_ROW_MAC_BYTES];
};

/*
 * The rows read last, so that what an answer was judged by need not be read
 * again to be changed. Only a hint: a change names the old MAC in its condition.
 */
struct store_seen {
	struct stored_operator operator; /* cursor 0: none */
	size_t count;
	struct stored_credential credential[KM_MAX_CREDENTIALS]; /* id 0: none */
};

/* A signer with its private part: the wrapped seed; zeros once it is destroyed. */
struct stored_signer {
	struct km_signer row;
	uint8_t wrapped[KM_WRAPPED_BYTES];
};

struct km_store {
	struct km_keys *keys;
	struct store_db db[DB_COUNT];
	sqlite3_stmt *sql[SQL_COUNT];
	struct km_now now;
	bool now_set;
	bool lost;         /* the batch is, or is to be, undone: everything fails until the flush */
	bool pretended;    /* chain_pretend(): the head is written as if it had moved */
	bool reconcile;    /* identity.db may be ahead of vault.db */
	bool people_older; /* it is behind: somebody put an older one back */
	uint64_t was_dropped; /* for changes under this pair, what is older was dropped */
	struct store_position at, flushed;
	struct month_slot *months;
	struct store_seen seen;
	bool signer_known;
	struct stored_signer signer; /* the present one, while known */
	EVP_MD *sha256;
	EVP_MD_CTX *digest;
	struct store_copy *copy; /* under way, or NULL (store_copy.c) */
	struct km_store_work work;
};

/* --- one statement (store_query.c) ----------------------------------------- */

/*
 * Errors stick: bind, run and read without looking, then look at the result
 * of the last. Bound memory must live until the query ends with its scope.
 */
struct query {
	struct km_store *s;
	sqlite3_stmt *st;
	sqlite3 *handle;
	km_rc rc;
	int at; /* the next parameter, then the next column */
};
void query_end(struct query *q);
#define QUERY __attribute__((cleanup(query_end)))

struct query query_new(struct km_store *s, enum store_sql id);
void query_int(struct query *q, int64_t value);
/* The largest that the engine knows, where it is more: a page of no end, or behind all rows. */
void query_number(struct query *q, uint64_t value);
void query_blob(struct query *q, const void *bytes, size_t len);
void query_text(struct query *q, const char *text);
/* KM_OK: a row. KM_ENOTFOUND: no more. */
KM_MUST_CHECK km_rc query_row(struct query *q);
/* Runs to the end; KM_ENOTFOUND when no row was changed. */
KM_MUST_CHECK km_rc query_run(struct query *q);
/* The same, where changing nothing is no failure. */
KM_MUST_CHECK km_rc query_run_any(struct query *q);
int64_t query_get_int(struct query *q);
/* From 0 to most; anything else is KM_ECORRUPT in q->rc. */
uint64_t query_get_number(struct query *q, uint64_t most);
int32_t query_get_small(struct query *q);
/* Exactly len bytes; anything else is KM_ECORRUPT in q->rc. */
void query_get_blob(struct query *q, void *out, size_t len);
size_t query_get_bytes(struct query *q, void *out, size_t cap);
void query_get_text(struct query *q, char *out, size_t cap);
bool query_is_null(struct query *q); /* of the next column; moves on when it is NULL */

km_rc store_rc(int sqlite_code); /* of an (extended) result code */

/* --- batches (store.c) ----------------------------------------------------- */

/* Before any statement of an operation: begins the batch where there is none. */
KM_MUST_CHECK km_rc store_batch(struct km_store *s, enum store_db_id db);
KM_MUST_CHECK km_rc store_control(struct km_store *s, enum store_db_id db, enum store_control c);

void store_undo(struct km_store *s); /* the whole batch */
/* A batch that only read is ended. False: it did more. */
bool store_end_reading(struct km_store *s);

/* One changing operation: undone at the end of its scope unless store_op_done() said so. */
struct store_op {
	struct km_store *s;
	struct store_position at;
	bool open[DB_COUNT];
};
void store_op_end(struct store_op *op);
#define STORE_OP __attribute__((cleanup(store_op_end)))
KM_MUST_CHECK km_rc store_op_begin(struct store_op *op, struct km_store *s, bool identity);
KM_MUST_CHECK km_rc store_op_done(struct store_op *op);

/* --- schema (store_schema.c) ------------------------------------------------ */

extern const char *const store_schema[DB_COUNT];
extern const char *const store_files[DB_COUNT];

struct store_why {
	char *text;
	size_t cap;
};
void store_say(const struct store_why *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes what a fresh folder lacks, refuses what is wrong, opens both databases. */
KM_MUST_CHECK km_rc store_open_files(struct km_store *s, int folder, const char *path,
				     const struct store_why *why);
/* A connection with our settings, to a file that exists. */
KM_MUST_CHECK km_rc store_connect(const char *path, sqlite3 **out);

/* What came with each version of vault.db after the first, in their order. */
#define SCHEMA_STEPS 4
extern const char store_schema_fingers[], store_schema_people[], store_schema_phone[];
extern const char store_schema_index[];
extern const char *const store_schema_later[SCHEMA_STEPS];
/* Brings the tables of an older version up to date, once they are known to be ours. */
KM_MUST_CHECK km_rc store_upgrade(struct km_store *s, const struct store_why *why);

/* --- meta (store_meta.c) ----------------------------------------------------- */

#define META_VALUE_MAX 1024

#define META_SCHEMA   "schema" /* one digit: versions of each file's tables */
#define META_CHAIN    "chain"
#define META_HEAD     "audit_head"
#define META_PAIR     "pair"
#define META_INDEXED  "indexed" /* the record up to which audit_of knows all */
#define SCHEMA_BYTES  1
#define INDEXED_BYTES 8
extern const char store_version[DB_COUNT];

/* What the vault keeps and must not miss: there from the making on, empty until set. */
#define META_EPOCH  "epoch"
#define EPOCH_BYTES (4 + 8 + 8 + 8)
#define META_KEPT   9
extern const char *const meta_kept[META_KEPT];

KM_MUST_CHECK km_rc meta_get(struct km_store *s, enum store_db_id db, const char *key, void *value,
			     size_t len);
KM_MUST_CHECK km_rc meta_set(struct km_store *s, enum store_db_id db, const char *key,
			     const void *value, size_t len);

/* One of what the vault keeps, inside an operation. */
KM_MUST_CHECK km_rc meta_keep(struct km_store *s, const char *key, const void *value, size_t len);

/* --- key epochs (store_epoch.c) ------------------------------------------------ */

void epoch_pack(const struct km_epoch *e, uint8_t out[EPOCH_BYTES]);
/* At a start, and before anything is changed: do these KEKs belong to this database? */
KM_MUST_CHECK km_rc epoch_check(struct km_store *s, const struct store_why *why);
/* Inside an operation that destroys a key: older copies hold it until the epoch is closed. */
KM_MUST_CHECK km_rc epoch_owes(struct km_store *s);

/* --- keys of what is under way (store_work.c), inside an operation ---------------- */

#define WORK_REF_BYTES KM_SUBJECT_BYTES

/* A new key under a new ref. */
KM_MUST_CHECK km_rc work_key_make(struct km_store *s, uint8_t ref[WORK_REF_BYTES],
				  struct km_subject_key *key);
/* KM_ECORRUPT: there is none, or it does not open. */
KM_MUST_CHECK km_rc work_key_open(struct km_store *s, const uint8_t ref[WORK_REF_BYTES],
				  struct km_subject_key *key);
/* Overwritten, then gone; in older copies it ends with its epoch, as a subject's. */
KM_MUST_CHECK km_rc work_key_destroy(struct km_store *s, const uint8_t ref[WORK_REF_BYTES]);
/* At the end of an epoch: none is left under the older KEK. One that does not open is blanked. */
KM_MUST_CHECK km_rc work_keys_rewrap(struct km_store *s);

/* Is this credential's template sealed under a key of its own, too? KM_ENOTFOUND, KM_ECORRUPT. */
KM_MUST_CHECK km_rc template_is_keyed(struct km_store *s, uint64_t credential, bool *keyed);

/* --- keys of fingers (store_finger_key.c), inside an operation --------------------- */

/* A new key for this credential. KM_ECORRUPT: it has one. */
KM_MUST_CHECK km_rc finger_key_make(struct km_store *s, uint64_t credential,
				    struct km_subject_key *key);
/* KM_ECORRUPT: there is none, or it does not open. */
KM_MUST_CHECK km_rc finger_key_open(struct km_store *s, uint64_t credential,
				    struct km_subject_key *key);
/* Overwritten, then gone, and the epoch owed; a credential that has none is left as it is. */
KM_MUST_CHECK km_rc finger_key_destroy(struct km_store *s, uint64_t credential);
/* One that is wrapped under the present KEK already. */
KM_MUST_CHECK km_rc finger_key_put(struct km_store *s, uint64_t credential,
				   const uint8_t wrapped[KM_WRAPPED_BYTES]);
/* One from a bundle, wrapped anew; an operation of its own. KM_ECORRUPT: it does not open. */
KM_MUST_CHECK km_rc finger_key_restore(struct km_store *s, uint64_t credential,
				       const uint8_t *bundled, uint32_t generation);
/*
 * At the end of an epoch: up to most of them behind at->finger, wrapped anew. looked: how many
 * there were. One that no template has is destroyed.
 */
KM_MUST_CHECK km_rc finger_keys_rewrap(struct km_store *s, struct km_rewrap *at, size_t most,
				       size_t *looked);
/* KM_OK: each is wrapped under a KEK that is there. */
KM_MUST_CHECK km_rc finger_keys_open(struct km_store *s);

/* --- requests (store_request.c), inside an operation ------------------------------- */

/* With the erasure of a person goes what was asked for about them. */
KM_MUST_CHECK km_rc requests_destroy(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES]);

/* --- what is due (store_due.c), inside an operation --------------------------------- */

/* With a person goes what was due for them. */
KM_MUST_CHECK km_rc dues_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES]);

/* --- codes by telephone (store_phone.c), inside an operation -------------------------- */

struct km_challenge;
struct km_spending;

/* With its code the challenge is used up. KM_EREPLAY: it is not the one that was judged. */
KM_MUST_CHECK km_rc challenge_use(struct km_store *s, const struct km_challenge *c);
KM_MUST_CHECK km_rc budget_put(struct km_store *s, const struct km_spending *p);
/* With a person go their code and their count. */
KM_MUST_CHECK km_rc phone_rows_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES]);

/* --- audit chain (chain.c) --------------------------------------------------- */

#define CHAIN_HASH_BYTES 32
#define CHAIN_HEAD_BYTES (8 + CHAIN_HASH_BYTES + 8 + KM_TAG_BYTES)
#define CHAIN_BODY_MAX   (KM_EVENT_BODY + KM_SEAL_OVERHEAD)

/* A record as it lies in the table. */
struct chain_record {
	int64_t seq, wall, boot_ms, event;
	uint8_t chain[16], boot_id[16], subject[KM_SUBJECT_BYTES];
	char actor[65];
	uint8_t body_hash[CHAIN_HASH_BYTES], hash[CHAIN_HASH_BYTES];
	uint8_t body[CHAIN_BODY_MAX];
	size_t body_len;
};

KM_MUST_CHECK km_rc chain_append(struct km_store *s, const struct km_event_record *event);
/* As many statements and hashes as for a record, and none is kept: it is counted with others. */
KM_MUST_CHECK km_rc chain_pretend(struct km_store *s, const struct km_event_record *event);
KM_MUST_CHECK km_rc chain_first(struct km_store *s, const uint8_t chain[16],
				uint8_t hash[CHAIN_HASH_BYTES]);
KM_MUST_CHECK km_rc chain_hash(struct km_store *s, const uint8_t prev[CHAIN_HASH_BYTES],
			       const struct chain_record *r, uint8_t hash[CHAIN_HASH_BYTES]);
KM_MUST_CHECK km_rc chain_digest(struct km_store *s, const void *bytes, size_t len,
				 uint8_t hash[CHAIN_HASH_BYTES]);
/* The stored head: seq ‖ hash ‖ wall ‖ MAC over chain, seq, hash and wall. */
KM_MUST_CHECK km_rc chain_head_bytes(struct km_keys *keys, const struct km_head *head,
				     uint8_t out[CHAIN_HEAD_BYTES]);
KM_MUST_CHECK km_rc chain_head_read(struct km_store *s, struct km_head *head);
/* The body's text; "" when its month key is gone. */
KM_MUST_CHECK km_rc chain_body(struct km_store *s, const struct chain_record *r, char *text,
			       size_t cap);
void chain_forget_months(struct km_store *s);
int64_t chain_month(int64_t wall); /* months since year 0 of the UTC day */

/* --- whom records are about (store_index.c) ---------------------------------- */

/* At a start, once the head is known. A file of before the table has no position. */
KM_MUST_CHECK km_rc index_load(struct km_store *s);

/* --- people (identity.c) ------------------------------------------------------ */

KM_MUST_CHECK km_rc identity_add(struct km_store *s, const struct km_operator *op,
				 const struct km_subject_key *key, const struct km_person *person);
/* The tag of the employee number. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc identity_tag(struct km_store *s, uint64_t cursor,
				 const uint8_t subject[KM_SUBJECT_BYTES],
				 uint8_t tag[KM_TAG_BYTES]);
KM_MUST_CHECK km_rc identity_bury(struct km_store *s, uint64_t cursor,
				  const uint8_t subject[KM_SUBJECT_BYTES]);
/* Seals the person anew, in the present form; what it was is kept until the flush. */
KM_MUST_CHECK km_rc identity_change(struct km_store *s, const struct km_operator *op,
				    const struct km_subject_key *key,
				    const struct km_person *person);
/*
 * Deletes persons that vault.db does not know, and undoes changes that it does not know; outside
 * any batch.
 */
KM_MUST_CHECK km_rc identity_reconcile(struct km_store *s);

#define PERSON_MAX        (sizeof(struct km_person) + 6 * 2)
#define PERSON_SEALED_MAX (PERSON_MAX + KM_SEAL_OVERHEAD)

/* A row of person, as far as it is sealed. */
struct sealed_person {
	uint32_t version;
	size_t len;
	uint8_t bytes[PERSON_SEALED_MAX];
};

/* Inside a change of a person: the row as it was (identity_was.c). */
KM_MUST_CHECK km_rc was_keep(struct km_store *s, uint64_t cursor, const struct sealed_person *was);
KM_MUST_CHECK km_rc was_forget(struct km_store *s, uint64_t cursor);
/* Puts back what was changed in a flush of which vault.db knows nothing. */
KM_MUST_CHECK km_rc was_restore(struct km_store *s);

/* --- credentials (store_credential.c), inside an operation ------------------------- */

/* The subject's key. KM_ESTATE: it is destroyed. */
KM_MUST_CHECK km_rc credential_key(struct km_store *s, const struct km_operator *op,
				   struct km_subject_key *key);
/* Makes the row, with room for what will be sealed: its id is part of what a seal is bound to. */
KM_MUST_CHECK km_rc credential_make(struct km_store *s, const struct km_credential *in,
				    size_t sealed_len, uint64_t *id);
KM_MUST_CHECK km_rc credential_put(struct km_store *s, const struct km_credential *in, uint64_t id,
				   const void *sealed, size_t len);
/* With its template or its codes. KM_ENOTFOUND: not of this subject. */
KM_MUST_CHECK km_rc credential_delete(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
				      uint64_t id);
/* Adds a number that is known only now; an event may be missing (chain_append() says so). */
void record_number(struct km_event_record *event, const char *key, uint64_t id);
/* The trail names the credential, so that a login by it can be followed to who enrolled it. */
KM_MUST_CHECK km_rc credential_record(struct km_store *s, struct km_event_record *event,
				      uint64_t id);
/* Seals a seed, or what takes its place, into the row that was made. */
KM_MUST_CHECK km_rc credential_seal(struct km_store *s, const struct km_operator *op,
				    const struct km_credential *in, const struct km_secret *seed,
				    uint64_t id);
/* Another of the same subject and factor that waits or does not as this one. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc credential_earlier(struct km_store *s, const struct km_credential *by,
				       uint64_t *id);
/* What moving is of a number that becomes good: is there something to be told (store_number.h)? */
KM_MUST_CHECK km_rc phone_is_news(struct km_store *s, const struct km_credential *by,
				  uint64_t *moving);
/* What this one takes the place of, of its factor: the event names one. */
KM_MUST_CHECK km_rc credential_replace(struct km_store *s, const struct km_credential *by,
				       struct km_event_record *event);

/* --- rows with a MAC (store_rows.c) ---------------------------------------------- */

KM_MUST_CHECK km_rc row_mac_operator(struct km_store *s, const struct km_operator *op,
				     uint8_t mac[KM_ROW_MAC_BYTES]);
KM_MUST_CHECK km_rc row_mac_credential(struct km_store *s, const struct km_credential *c,
				       uint8_t mac[KM_ROW_MAC_BYTES]);
KM_MUST_CHECK km_rc row_mac_template(struct km_store *s, const struct stored_template *t,
				     uint8_t mac[KM_ROW_MAC_BYTES]);
KM_MUST_CHECK km_rc row_mac_recovery(struct km_store *s, uint64_t credential,
				     const uint8_t code[KM_TAG_BYTES], int64_t used,
				     uint8_t mac[KM_ROW_MAC_BYTES]);
KM_MUST_CHECK km_rc row_mac_name(struct km_store *s, enum km_class class, uint16_t bucket,
				 const struct km_throttle *t, uint8_t mac[KM_ROW_MAC_BYTES]);
KM_MUST_CHECK km_rc row_mac_request(struct km_store *s, const struct km_filed *r,
				    uint8_t mac[KM_ROW_MAC_BYTES]);
KM_MUST_CHECK km_rc row_mac_meta(struct km_keys *keys, const char *key, const void *value,
				 size_t len, uint8_t mac[KM_ROW_MAC_BYTES]);

/* Read OPERATOR_COLUMNS and CREDENTIAL_COLUMNS; errors stick to q. */
void take_operator(struct query *q, struct stored_operator *out);
void take_credential(struct query *q, struct stored_credential *out);
/* KM_ECORRUPT: not as we wrote it. One of zeros costs the same as any other. */
KM_MUST_CHECK km_rc row_check_operator(struct km_store *s, const struct stored_operator *op);
KM_MUST_CHECK km_rc row_check_credential(struct km_store *s, const struct stored_credential *c);
/* rc of making the right one; KM_ECORRUPT: the stored one is another. */
KM_MUST_CHECK km_rc row_same_mac(km_rc rc, const uint8_t stored[KM_ROW_MAC_BYTES],
				 const uint8_t right[KM_ROW_MAC_BYTES]);
/* The next row of a query, verified. A bucket without a row is one without failures. */
KM_MUST_CHECK km_rc row_read_operator(struct km_store *s, struct query *q,
				      struct stored_operator *out);
/* Up to limit of them. */
KM_MUST_CHECK km_rc row_read_operators(struct km_store *s, struct query *q, size_t limit,
				       struct km_operator *out, size_t *count);
KM_MUST_CHECK km_rc row_read_credential(struct km_store *s, struct query *q,
					struct stored_credential *out);
KM_MUST_CHECK km_rc row_read_name(struct km_store *s, struct query *q, enum km_class class,
				  uint16_t bucket, struct km_throttle *out);
KM_MUST_CHECK km_rc row_read_recovery(struct km_store *s, struct query *q, uint64_t credential,
				      int64_t *used);
KM_MUST_CHECK km_rc row_read_template(struct km_store *s, struct query *q,
				      struct stored_template *out);
KM_MUST_CHECK km_rc row_read_request(struct km_store *s, struct query *q, struct km_filed *out);
KM_MUST_CHECK km_rc row_read_meta(struct km_store *s, struct query *q, const char *key, void *value,
				  size_t cap, size_t *len);

/* The row as it is: the one that was read last, or read now. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc row_operator(struct km_store *s, const uint8_t subject[KM_SUBJECT_BYTES],
				 struct stored_operator *out);
KM_MUST_CHECK km_rc row_credential(struct km_store *s, uint64_t id, struct stored_credential *out);
void rows_forget(struct km_store *s);

/*
 * Writes what may change: state, or uid and last login; last use and throttle, and with moves,
 * where the counter is below, counter and drift. KM_ENOTFOUND: the row is not the old one.
 */
KM_MUST_CHECK km_rc row_change_operator(struct km_store *s, const struct stored_operator *old,
					const struct km_operator *new);
KM_MUST_CHECK km_rc row_change_credential(struct km_store *s, const struct stored_credential *old,
					  const struct km_credential *new, bool moves);

#endif
