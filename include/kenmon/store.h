/*
 * The store: what the vault remembers, as operations.
 *
 * Each call is atomic: it happens whole or not at all. Nothing is durable
 * before store_flush() has said KM_OK; when it says anything else, everything
 * since the last good flush is undone, all of it. A caller batches by calling
 * several operations and flushing once (group commit).
 *
 * Conditional updates carry exactly-once: a counter moves only from below
 * (UPDATE … WHERE moving < ?), a recovery code is used only while unused, so
 * that a second engine, shared by several vaults, keeps the same promise.
 *
 * Audit: every operation that changes anything takes an event and appends it
 * to the chain in the same transaction. No event, no change.
 *
 * Rows that decide anything carry a MAC (docs/STORAGE.md): one that somebody
 * else changed is KM_ECORRUPT, for every call that reads or would change it.
 *
 * Errors everywhere: KM_EIO (storage; includes a full disk), KM_ECORRUPT
 * (damage, or a row that does not open), KM_ENOMEM, KM_ENOTFOUND where said.
 */
#ifndef KENMON_STORE_H
#define KENMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <kenmon/anchor.h>
#include <kenmon/clock.h>
#include <kenmon/event.h>
#include <kenmon/factor.h>
#include <kenmon/rc.h>

#include <kenmon/keys.h>

#define KM_MAX_CREDENTIALS 16    /* of one operator */
#define KM_NAME_BUCKETS    65536 /* hashed unknown names, for each class of answer */
#define KM_EVENT_BODY      1024

struct km_store;

struct km_throttle {
	uint32_t fails;     /* in a row */
	uint32_t total;     /* ever */
	int64_t not_before; /* wall seconds; no try is judged before; INT64_MAX: disabled */
};

struct km_operator {
	uint64_t cursor; /* grows with registration; for listings */
	uint8_t subject[KM_SUBJECT_BYTES];
	uint8_t login_tag[KM_TAG_BYTES];
	uint8_t dept_tag[KM_TAG_BYTES];
	int64_t uid;         /* -1: not bound yet */
	uint8_t state;       /* enum km_operator_state */
	uint8_t role;        /* enum km_role */
	int64_t valid_from;  /* civil day, or KM_DAY_NONE */
	int64_t valid_until; /* civil day, inclusive, or KM_DAY_NONE */
	int64_t last_login;  /* wall seconds; 0: never */
	int64_t created;
	uint32_t kek_generation;
	uint8_t wrapped[KM_WRAPPED_BYTES]; /* the subject key; all zero when it is destroyed */
};

struct km_credential {
	uint64_t id;
	uint8_t subject[KM_SUBJECT_BYTES];
	uint8_t factor;    /* enum km_factor */
	uint8_t algorithm; /* enum km_algorithm */
	uint8_t digits;
	uint16_t period; /* seconds */
	uint64_t moving; /* TOTP: last accepted step + 1, HOTP: counter of the next code; so a code
			    at c may be accepted only when c >= moving, and then moving = c + 1 */
	int32_t drift;   /* TOTP: learned steps */
	int64_t created, last_used;
	char label[65];
	struct km_throttle throttle; /* in the same row, so it is missing only with it */
	bool waiting;                /* not good before a second person has approved it */
	int64_t until;               /* wall seconds, after which it is not good; 0: no end */
	uint32_t version;            /* of the sealed row */
	uint16_t sealed_len;
	uint8_t sealed[128 + KM_SEAL_OVERHEAD]; /* the seed; nothing for recovery codes */
};

/* Who an operator is; sealed under the subject key in identity.db. */
struct km_person {
	char login[65];
	char employee_number[65];
	char name[257];
	char department[129];
	char mobile[33], landline[33]; /* as the registrar or the roster gave them; "" none */
};

/* One event to append to the chain. */
struct km_event_record {
	enum km_event event;
	uint8_t subject[KM_SUBJECT_BYTES]; /* all zero: nobody in particular */
	char actor[65];                    /* "uid:0", "self", "vault" */
	char body[KM_EVENT_BODY +
		  1]; /* key=value, one blank between, values percent-escaped; no names of people */
};

struct km_audit_row {
	uint64_t seq;
	int64_t wall;
	int64_t boot_ms;
	uint8_t boot_id[16];
	uint16_t event;
	uint8_t subject[KM_SUBJECT_BYTES];
	char actor[65];
	char body[KM_EVENT_BODY + 1]; /* "" when its key is gone */
	uint8_t hash[32];
};

/* The head of the chain. */
struct km_head {
	uint8_t chain[16];
	uint64_t seq; /* of the last record; 0: none */
	uint8_t hash[32];
	int64_t wall; /* of the last record */
};

/* Who signs the chain for one key epoch. */
struct km_signer {
	uint32_t generation;
	uint8_t public[KM_PUBLIC_BYTES];
	uint64_t since_seq; /* it signs what comes after this record; 0: from the first */
	uint8_t since_hash[32];
	uint8_t signature[KM_SIGNATURE_BYTES]; /* of all this, by its predecessor; the first: by
						  itself */
};

/*
 * Opens vault.db and identity.db in dir, making them when absent, and
 * reconciles identity.db with vault.db. KM_EPERM: dir can be written or read
 * by others. KM_ECORRUPT: damaged, or its audit head does not carry our MAC.
 * why (may be NULL) gets one English sentence that says what is wrong and what to do.
 */
KM_MUST_CHECK km_rc store_open(const char *dir, struct km_keys *keys, struct km_store **out,
			       char *why, size_t why_cap);
void store_close(struct km_store *); /* what was not flushed is undone; NULL is allowed */

/* The time that records of this batch carry. Must be set before the first operation. */
void store_set_now(struct km_store *, const struct km_now *now);

/*
 * Runs something that does several operations, which stand or fall together: what it did is kept
 * when it says KM_OK or KM_EFILED, and undone with anything else. Says what it said, or why its
 * work could not be kept.
 */
KM_MUST_CHECK km_rc store_together(struct km_store *, km_rc (*run)(void *arg), void *arg);

/* What was done since the last flush must not be kept: the flush fails, and undoes it. */
void store_give_up(struct km_store *);

/* Makes everything since the last flush durable, or undoes all of it. */
KM_MUST_CHECK km_rc store_flush(struct km_store *);
bool store_dirty(const struct km_store *); /* is there anything a flush would write? */

/* Housekeeping for idle time: recycles the write-ahead log (never truncates it). */
void store_idle(struct km_store *);

/* --- one login ------------------------------------------------------------ */

/* KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_operator_by_login(struct km_store *, const char *login,
					    struct km_operator *out);
/* The same for a tag that km_tag_login() made. */
KM_MUST_CHECK km_rc store_operator_by_tag(struct km_store *, const uint8_t tag[KM_TAG_BYTES],
					  struct km_operator *out);
/* KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_operator_by_cursor(struct km_store *, uint64_t cursor,
					     struct km_operator *out);
/* KM_ENOTFOUND; used to read the operator again inside the transaction of a check. */
KM_MUST_CHECK km_rc store_operator_by_subject(struct km_store *,
					      const uint8_t subject[KM_SUBJECT_BYTES],
					      struct km_operator *out);
/*
 * Whose account a uid is. KM_ENOTFOUND: nobody's, or that of several; who is being erased does not
 * count.
 */
KM_MUST_CHECK km_rc store_operator_by_uid(struct km_store *, uint32_t uid, struct km_operator *out);
/* Whether another than the subject (NULL: anybody) has this uid, but for who is being erased. */
KM_MUST_CHECK km_rc store_uid_is_anothers(struct km_store *, uint32_t uid, const uint8_t *subject,
					  bool *out);
/* All credentials with their throttles, oldest first. Up to eight cost the same work as none. */
KM_MUST_CHECK km_rc store_credentials(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				      struct km_credential out[KM_MAX_CREDENTIALS], size_t *count);
/* The bucket of a name that has no credential of a class. */
KM_MUST_CHECK km_rc store_name_throttle(struct km_store *, enum km_class class, uint16_t bucket,
					struct km_throttle *out);
/* KM_ENOTFOUND: no such code. *used: it was accepted before. */
KM_MUST_CHECK km_rc store_recovery_find(struct km_store *, uint64_t credential,
					const uint8_t mac[KM_TAG_BYTES], bool *used);

/*
 * An operator and a TOTP credential that are stored nowhere, sealed like real
 * ones: what is judged in the place of a name that has nothing. Never accepted.
 */
KM_MUST_CHECK km_rc store_decoy(struct km_store *, struct km_operator *op,
				struct km_credential *credential);

struct km_challenge; /* authd/vault/store_phone.h */
struct km_spending;

struct km_acceptance {
	uint8_t subject[KM_SUBJECT_BYTES];
	uint64_t credential;
	uint64_t moving;             /* TOTP, HOTP: the new value; must be above the stored one;
					fingers and telephones have none */
	int32_t drift;               /* TOTP: the new value */
	const uint8_t *recovery_mac; /* recovery: the code to mark as used, else NULL */
	/* sms, voice: what the code was sent for, which goes; and the site's count with this login
	 */
	const struct km_challenge *challenge;
	const struct km_spending *won; /* or NULL */
	int64_t bind_uid;              /* ≥ 0: bind an operator that has no uid yet */
	bool login;                    /* false: confirming or resyncing, not a login */
	const struct km_event_record *event;
	const struct km_event_record *second; /* e.g. OPERATOR_BOUND; may be NULL */
};
/*
 * Moves the counter (a finger has none), clears that credential's throttle, notes last use and last
 * login, and appends the events. KM_EREPLAY, nothing done: the counter was not below.
 */
KM_MUST_CHECK km_rc store_accept(struct km_store *, const struct km_acceptance *);

struct km_failure {
	size_t count; /* credentials it counts against */
	uint64_t credential[KM_MAX_CREDENTIALS];
	struct km_throttle throttle[KM_MAX_CREDENTIALS]; /* what each becomes */
	bool by_name;                                    /* counts in a bucket as well */
	enum km_class class;
	uint16_t bucket;
	struct km_throttle name_throttle;
	bool phone_by_name; /* and in that of the telephones, where a code was, or seemed to be,
			       sent */
	struct km_throttle phone_throttle;
	const struct km_event_record *event;  /* NULL: coalesced by the caller */
	const struct km_event_record *second; /* e.g. LOCKED; may be NULL */
};
/*
 * KM_ENOTFOUND, nothing done: no such credential. Right after store_credentials() it costs the same
 * for a credential as for a bucket.
 */
KM_MUST_CHECK km_rc store_fail(struct km_store *, const struct km_failure *);

/* An event by itself. */
KM_MUST_CHECK km_rc store_record(struct km_store *, const struct km_event_record *);

/* --- administration ------------------------------------------------------- */

/* A result already given to this operation id: KM_OK and it, or KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_op_seen(struct km_store *, const uint8_t op[16], km_rc *rc, uint64_t *id);
/*
 * Notes the result of an operation, in the transaction of its effect (call it right after). When
 * that fails the flush fails too: no effect without its note.
 */
KM_MUST_CHECK km_rc store_op_note(struct km_store *, const uint8_t op[16], km_rc rc, uint64_t id);

/*
 * Registers an operator: makes subject and key, seals the person. in: uid,
 * role, dates. KM_EEXIST: the login is registered. KM_EREUSED: the employee number
 * belongs or belonged to somebody. KM_ESTATE never. subject is filled in event and out.
 */
KM_MUST_CHECK km_rc store_operator_add(struct km_store *, const struct km_operator *in,
				       const struct km_person *person,
				       struct km_event_record *event, struct km_operator *out);
KM_MUST_CHECK km_rc store_operator_state(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
					 enum km_operator_state state,
					 const struct km_event_record *event);
KM_MUST_CHECK km_rc store_operator_uid(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				       int64_t uid, const struct km_event_record *event);
/* What becomes of an operator; only what mask names counts. */
struct km_operator_change {
	unsigned mask;        /* enum km_change bits */
	struct km_person who; /* login, name, department, mobile, landline */
	uint8_t role;
	int64_t valid_from, valid_until;
};
/*
 * All of it in one operation: the row, its tags, and the person sealed anew. mask becomes what is
 * other than before, and the event gets those names, and of a role the new and the old one; where
 * nothing is, mask is 0 and nothing is done or recorded. KM_EINVAL: a mask or value that cannot be,
 * or dates in the wrong order. KM_EEXIST: the login is another operator's. KM_ESTATE: is being
 * erased.
 */
KM_MUST_CHECK km_rc store_operator_change(struct km_store *,
					  const uint8_t subject[KM_SUBJECT_BYTES],
					  struct km_operator_change *,
					  struct km_event_record *event);
/* Who it is; KM_ENOTFOUND when the key or the row is gone. */
KM_MUST_CHECK km_rc store_person(struct km_store *, const struct km_operator *,
				 struct km_person *out);

/* Up to limit operators with cursor above after. *count says how many. No cursor is held. */
KM_MUST_CHECK km_rc store_operators(struct km_store *, uint64_t after, size_t limit,
				    struct km_operator *out, size_t *count);
/* The same of those who have a role. */
KM_MUST_CHECK km_rc store_staff(struct km_store *, uint64_t after, size_t limit,
				struct km_operator *out, size_t *count);
/* What of somebody can be used now: not what waits for approval, nor what has ended. */
struct km_enrolled {
	uint32_t factors; /* KM_FACTOR_BITs */
	int64_t oldest;   /* when the oldest was enrolled; 0: none */
};
/* Of operators as store_operators() gave them, in one go. */
KM_MUST_CHECK km_rc store_enrolled(struct km_store *, const struct km_operator *operators,
				   size_t count, struct km_enrolled *out);
/*
 * For status. operators: all but those being erased. credentials: fingers too. fingered: operators
 * who have one.
 */
struct km_counts {
	uint64_t operators, suspended, erasing, unenrolled, unbound, credentials, fingers, fingered,
	    locked, records;
};
KM_MUST_CHECK km_rc store_counts(struct km_store *, struct km_counts *out);
/* The first of them alone, for who asks often: the others read the credentials, too. */
KM_MUST_CHECK km_rc store_count_operators(struct km_store *, uint64_t *count);

/*
 * Stores a TOTP or HOTP credential with its seed sealed; *id is the new one.
 * in: subject, factor, algorithm, digits, period, moving, drift, label.
 * KM_ELIMIT above KM_MAX_CREDENTIALS. The subject key comes from op->wrapped. The event gets the
 * credential's number, and below that of the set it replaces.
 */
KM_MUST_CHECK km_rc store_enrol_otp(struct km_store *, const struct km_operator *op,
				    const struct km_credential *in, const struct km_secret *seed,
				    struct km_event_record *event, uint64_t *id);
/*
 * A finger: the template is sealed in a table of its own, so that lists of credentials stay small.
 * in: subject, factor FINGERPRINT, label (the finger's word). KM_EEXIST: this finger is enrolled.
 * KM_ELIMIT as above, and above KM_GRANT_TEMPLATES fingers. The event gets the credential's number.
 */
#define KM_TEMPLATE_MAX 16384 /* of KM_IMPRESSIONS_MAX impressions: 12,022 bytes */

struct km_template { /* in locked memory; wiped by whoever has it */
	uint16_t len;
	uint8_t bytes[KM_TEMPLATE_MAX];
};

KM_MUST_CHECK km_rc store_enrol_finger(struct km_store *, const struct km_operator *op,
				       const struct km_credential *in, const char *reader,
				       const struct km_template *, struct km_event_record *event,
				       uint64_t *id);
/* Opens the template of a credential. KM_ECORRUPT when it does not open, or is not there. */
KM_MUST_CHECK km_rc store_template(struct km_store *, const struct km_operator *op,
				   const struct km_credential *, struct km_template *out);
/* With which reader a finger was enrolled. KM_ENOTFOUND: no finger of this number. */
KM_MUST_CHECK km_rc store_finger_reader(struct km_store *, uint64_t credential, char reader[65]);
/*
 * Replaces any earlier set of recovery codes; one that waits replaces one that waits. codes:
 * KM_RECOVERY_CODES × KM_RECOVERY_LENGTH.
 */
KM_MUST_CHECK km_rc store_enrol_recovery(struct km_store *, const struct km_operator *op,
					 const struct km_secret *codes, bool waiting,
					 struct km_event_record *event, uint64_t *id);
KM_MUST_CHECK km_rc store_recovery_left(struct km_store *, uint64_t credential, uint16_t *left);
/* KM_ENOTFOUND: no such credential of this subject. */
KM_MUST_CHECK km_rc store_credential_remove(struct km_store *,
					    const uint8_t subject[KM_SUBJECT_BYTES], uint64_t id,
					    const struct km_event_record *event);
/* Opens the seed of a credential. KM_ECORRUPT when it does not open. */
KM_MUST_CHECK km_rc store_seed(struct km_store *, const struct km_operator *op,
			       const struct km_credential *, struct km_secret *seed);
/* Clears the throttles of all credentials of a subject, and the name bucket given for each class.
 */
KM_MUST_CHECK km_rc store_unlock(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				 uint16_t bucket, const struct km_event_record *event);

/* Why somebody is erased, and by whose decision; the certificate says so for good. */
struct km_erase_order {
	uint8_t cause;                       /* enum km_cause */
	uint8_t requester[KM_SUBJECT_BYTES]; /* zeros: a rule, or root */
	uint8_t approver[KM_SUBJECT_BYTES];  /* the second person; zeros: none */
	bool by_hand; /* a transfer that somebody ordered for this one, and no roster */
};

/*
 * Erasure, in steps that a crash may interrupt; the caller flushes after each.
 * T1: state ERASING, the subject key's row deleted. T2: credentials,
 * templates and recovery codes deleted. T3: the person becomes a tombstone of the employee number,
 * the operator row goes. T1 makes the certificate, T3 finishes it. KM_EINVAL: an order without a
 * cause.
 */
KM_MUST_CHECK km_rc store_erase_begin(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				      const struct km_erase_order *order,
				      const struct km_event_record *event);
KM_MUST_CHECK km_rc store_erase_rows(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES]);
KM_MUST_CHECK km_rc store_erase_finish(struct km_store *, const uint8_t subject[KM_SUBJECT_BYTES],
				       const struct km_event_record *event);
/* Somebody in between. damaged: the row is not as we wrote it, so nothing is done to it. */
struct km_erasing {
	uint64_t cursor;
	uint8_t subject[KM_SUBJECT_BYTES];
	bool damaged;
};
/* Up to limit of them, of cursors above after. */
KM_MUST_CHECK km_rc store_erasing(struct km_store *, uint64_t after, size_t limit,
				  struct km_erasing *out, size_t *count);
/*
 * After an erasure, and at a start after a crash: the write-ahead logs are emptied and truncated.
 * KM_ESTATE: something waits for a flush. Cheap where there is nothing to do.
 */
KM_MUST_CHECK km_rc store_truncate_logs(struct km_store *);

/* --- audit and meta ------------------------------------------------------- */

/* The head as of the last good flush. */
KM_MUST_CHECK km_rc store_head(struct km_store *, struct km_head *out);
/* Up to limit records with seq above after, of one subject or (NULL) of all. */
KM_MUST_CHECK km_rc store_audit(struct km_store *, uint64_t after, const uint8_t *subject,
				size_t limit, struct km_audit_row *out, size_t *count);
/*
 * Those of them that changed who may log in, and reviews. after moves on to where the next call
 * begins; KM_EAGAIN: there is more to look at, and out and count are set.
 */
KM_MUST_CHECK km_rc store_audit_rights(struct km_store *, uint64_t *after, size_t limit,
				       struct km_audit_row *out, size_t *count);
/* The seq after which the last n records (of subject, or all) begin. */
KM_MUST_CHECK km_rc store_audit_last(struct km_store *, const uint8_t *subject, uint32_t n,
				     uint64_t *after);
/* The hash of one record, to compare with an anchor. KM_ENOTFOUND. */
KM_MUST_CHECK km_rc store_audit_hash(struct km_store *, uint64_t seq, uint8_t hash[32]);

/*
 * Verification in slices, from a zeroed struct: the records and the sealed end, then the signers,
 * then the seals. A signature counts as KM_VERIFY_SIGNATURE records.
 */
#define KM_VERIFY_SIGNATURE 32
struct km_verify {
	enum { KM_VERIFY_RECORDS, KM_VERIFY_SIGNERS, KM_VERIFY_SEALS } part;
	uint64_t next; /* seq expected next; 0 before the first slice */
	uint8_t hash[32];
	struct km_signer signer; /* the last one looked at; generation 0: none */
	uint32_t checked;        /* generation of the newest that was verified */
	uint64_t until;          /* the record up to which the signer signs */
	uint64_t seals, sealed;  /* seals that hold, and the last record under one */
	uint64_t restored;       /* the last record that says the trail was restored; 0: none */
	uint64_t bad;            /* seq of the first bad record; 0: none so far */
	char why[192];
	bool finished;
};
KM_MUST_CHECK km_rc store_audit_verify(struct km_store *, struct km_verify *, size_t records);

/*
 * The head as of the last good flush, signed; where no signer opens, unsigned (generation 0).
 */
KM_MUST_CHECK km_rc store_sign_head(struct km_store *, struct km_anchor *out);
/* Puts a seal on the head of this batch; does nothing where it has one. KM_ENOTFOUND: no signer. */
KM_MUST_CHECK km_rc store_seal(struct km_store *);
/* KM_ENOTFOUND: there is none. */
KM_MUST_CHECK km_rc store_last_seal(struct km_store *, uint64_t *seq, int64_t *wall);
/* The present one; KM_ENOTFOUND: there is none, or it does not open. */
KM_MUST_CHECK km_rc store_signer(struct km_store *, struct km_signer *out);
/* Signs with it: bytes that begin with a domain of their own and its zero. */
KM_MUST_CHECK km_rc store_sign(struct km_store *, const void *bytes, size_t len,
			       uint8_t signature[KM_SIGNATURE_BYTES]);
/* Up to limit signers of generations above after. */
KM_MUST_CHECK km_rc store_signers(struct km_store *, uint32_t after, size_t limit,
				  struct km_signer *out, size_t *count);
/*
 * Does the chain still hold what an anchor says? KM_ECORRUPT: no, and why says what must have been
 * done. The chain itself is not verified here.
 */
KM_MUST_CHECK km_rc store_anchor_check(struct km_store *, const struct km_anchor *, char *why,
				       size_t cap);
/*
 * Destroys the key of the oldest month that lies more than keep months behind the present one: the
 * bodies of its records can be read no more. KM_ENOTFOUND: there is none. The event gets the month.
 */
KM_MUST_CHECK km_rc store_month_expire(struct km_store *, unsigned keep,
				       struct km_event_record *event);

/*
 * Small values: "machine", "suspect", … KM_ENOTFOUND. value_len in and out. The event may be
 * NULL where another one of the same batch says it. KM_EINVAL: a key of the store's own, or no
 * value. "machine" and "suspicion" cannot go missing: a row that is gone is KM_ECORRUPT.
 */
KM_MUST_CHECK km_rc store_meta_get(struct km_store *, const char *key, void *value,
				   size_t *value_len);
KM_MUST_CHECK km_rc store_meta_set(struct km_store *, const char *key, const void *value,
				   size_t value_len, const struct km_event_record *event);

/* A review of who may log in is done: when, and by which record. KM_ENOTFOUND: none was yet. */
struct km_review {
	int64_t wall;
	uint64_t seq;
};
KM_MUST_CHECK km_rc store_review_sign(struct km_store *, const struct km_event_record *event);
KM_MUST_CHECK km_rc store_review_last(struct km_store *, struct km_review *out);

/* SQL statements run and commits made: for tests of equal work. */
struct km_store_work {
	uint64_t statements, commits;
};
struct km_store_work store_work(const struct km_store *);

#endif
