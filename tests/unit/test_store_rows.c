/* Somebody who can write the files but has no keys: what they change is noticed, or harmless. */
#include <kenmon/store_request.h>

#include "../../authd/vault/store_consent.h"
#include "../../authd/vault/store_invitation.h"
#include "store_box.h"

#include "../../authd/vault/store_certificate.h"
#include "../../authd/vault/store_due.h"
#include "../../authd/vault/store_feed.h"
#include "../../authd/vault/store_phone.h"

#define BUCKET 7
#define ENDED  9   /* an epoch */
#define MOVED  256 /* what a number is made greater by: also one that a cast would lose */

/* --- every column there is ------------------------------------------------------------- */

enum noticed { BY_READING, BY_VERIFYING, NOT_AT_ALL };

static const struct column {
	enum store_db_id db;
	const char *table, *name;
	enum noticed noticed;
	const char
	    *note; /* NOT_AT_ALL: why that is harmless; else, where one is needed, which row */
} columns[] = {
	{ DB_VAULT, "meta", "key", BY_READING, "WHERE key IN ('machine')" },
	{ DB_VAULT, "meta", "value", BY_READING, "WHERE key = 'suspicion'" },
	{ DB_VAULT, "meta", "mac", BY_READING, "WHERE key = 'machine'" },
	{ DB_VAULT, "operator", "cursor", BY_READING, NULL },
	{ DB_VAULT, "operator", "subject", BY_READING, NULL },
	{ DB_VAULT, "operator", "login_tag", BY_READING, NULL },
	{ DB_VAULT, "operator", "dept_tag", BY_READING, NULL },
	{ DB_VAULT, "operator", "uid", BY_READING, NULL },
	{ DB_VAULT, "operator", "state", BY_READING, NULL },
	{ DB_VAULT, "operator", "role", BY_READING, NULL },
	{ DB_VAULT, "operator", "valid_from", BY_READING, NULL },
	{ DB_VAULT, "operator", "valid_until", BY_READING, NULL },
	{ DB_VAULT, "operator", "last_login", BY_READING, NULL },
	{ DB_VAULT, "operator", "created", BY_READING, NULL },
	{ DB_VAULT, "operator", "mac", BY_READING, NULL },
	{ DB_VAULT, "subject_key", "cursor", BY_READING, NULL },
	{ DB_VAULT, "subject_key", "kek_gen", BY_READING, NULL },
	{ DB_VAULT, "subject_key", "wrapped", BY_READING, NULL },
	{ DB_VAULT, "credential", "id", BY_READING, NULL },
	{ DB_VAULT, "credential", "subject", BY_READING, NULL },
	{ DB_VAULT, "credential", "kind", BY_READING, NULL },
	{ DB_VAULT, "credential", "alg", BY_READING, NULL },
	{ DB_VAULT, "credential", "digits", BY_READING, NULL },
	{ DB_VAULT, "credential", "period", BY_READING, NULL },
	{ DB_VAULT, "credential", "moving", BY_READING, NULL },
	{ DB_VAULT, "credential", "drift", BY_READING, NULL },
	{ DB_VAULT, "credential", "created", BY_READING, NULL },
	{ DB_VAULT, "credential", "last_used", BY_READING, NULL },
	{ DB_VAULT, "credential", "label", BY_READING, NULL },
	{ DB_VAULT, "credential", "ver", BY_READING, NULL },
	{ DB_VAULT, "credential", "fails", BY_READING, NULL },
	{ DB_VAULT, "credential", "total", BY_READING, NULL },
	{ DB_VAULT, "credential", "not_before", BY_READING, NULL },
	{ DB_VAULT, "credential", "waiting", BY_READING, NULL },
	{ DB_VAULT, "credential", "until", BY_READING, NULL },
	{ DB_VAULT, "credential", "mac", BY_READING, NULL },
	{ DB_VAULT, "credential", "sealed", BY_READING, NULL },
	{ DB_VAULT, "template", "credential", BY_READING, NULL },
	{ DB_VAULT, "template", "subject", BY_READING, NULL },
	{ DB_VAULT, "template", "reader", BY_READING, NULL },
	{ DB_VAULT, "template", "ver", BY_READING, NULL },
	{ DB_VAULT, "template", "mac", BY_READING, NULL },
	{ DB_VAULT, "template", "sealed", BY_READING, NULL },
	{ DB_VAULT, "recovery", "credential", BY_READING, NULL },
	{ DB_VAULT, "recovery", "code", BY_READING, NULL },
	{ DB_VAULT, "recovery", "used", BY_READING, NULL },
	{ DB_VAULT, "recovery", "mac", BY_READING, NULL },
	{ DB_VAULT, "throttle_name", "class", BY_READING, NULL },
	{ DB_VAULT, "throttle_name", "bucket", BY_READING, NULL },
	{ DB_VAULT, "throttle_name", "fails", BY_READING, NULL },
	{ DB_VAULT, "throttle_name", "total", BY_READING, NULL },
	{ DB_VAULT, "throttle_name", "not_before", BY_READING, NULL },
	{ DB_VAULT, "throttle_name", "mac", BY_READING, NULL },
	{ DB_VAULT, "purpose", "digest", BY_READING, NULL },
	{ DB_VAULT, "purpose", "lang", NOT_AT_ALL, "whoever reads the text sees it" },
	{ DB_VAULT, "purpose", "first", NOT_AT_ALL,
	  "nothing is decided by it; the trail has a record of it" },
	{ DB_VAULT, "purpose", "text", BY_READING, NULL },
	{ DB_VAULT, "consent", "id", BY_READING, NULL },
	{ DB_VAULT, "consent", "subject", BY_READING, NULL },
	{ DB_VAULT, "consent", "purpose", BY_READING, NULL },
	{ DB_VAULT, "consent", "given", BY_READING, NULL },
	{ DB_VAULT, "consent", "paper", BY_READING, NULL },
	{ DB_VAULT, "consent", "terminal", BY_READING, NULL },
	{ DB_VAULT, "consent", "witness", BY_READING, NULL },
	{ DB_VAULT, "consent", "withdrawn", BY_READING, NULL },
	{ DB_VAULT, "consent", "mac", BY_READING, NULL },
	{ DB_VAULT, "invitation", "subject", BY_READING, NULL },
	{ DB_VAULT, "invitation", "code", BY_READING, NULL },
	{ DB_VAULT, "invitation", "seconds", BY_READING, NULL },
	{ DB_VAULT, "invitation", "until", BY_READING, NULL },
	{ DB_VAULT, "invitation", "tries", BY_READING, NULL },
	{ DB_VAULT, "invitation", "mac", BY_READING, NULL },
	{ DB_VAULT, "op_seen", "op", NOT_AT_ALL, "random; nobody asks for it again" },
	{ DB_VAULT, "op_seen", "rc", NOT_AT_ALL, "an answer said twice; nothing is done by it" },
	{ DB_VAULT, "op_seen", "result", NOT_AT_ALL, "an answer said twice" },
	{ DB_VAULT, "op_seen", "time", NOT_AT_ALL, "only says when the row may go" },
	{ DB_VAULT, "audit", "seq", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "chain", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "wall", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "boot_ms", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "boot_id", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "event", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "subject", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "actor", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "body_hash", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "body", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit", "hash", BY_VERIFYING, NULL },
	{ DB_VAULT, "audit_of", "subject", NOT_AT_ALL,
	  "hides lines of one person's list; the whole trail has them" },
	{ DB_VAULT, "audit_of", "seq", NOT_AT_ALL,
	  "hides lines of one person's list; shows none of another's" },
	{ DB_VAULT, "month_key", "month", NOT_AT_ALL, "bodies do not open, as without the row" },
	{ DB_VAULT, "month_key", "kek_gen", NOT_AT_ALL, "bodies do not open" },
	{ DB_VAULT, "month_key", "wrapped", NOT_AT_ALL, "bodies do not open" },
	{ DB_VAULT, "month_key", "used", NOT_AT_ALL, "when bodies stop to open" },
	{ DB_VAULT, "signer", "generation", BY_VERIFYING, NULL },
	{ DB_VAULT, "signer", "public", BY_VERIFYING, NULL },
	{ DB_VAULT, "signer", "since_seq", BY_VERIFYING, NULL },
	{ DB_VAULT, "signer", "since_hash", BY_VERIFYING, NULL },
	{ DB_VAULT, "signer", "signature", BY_VERIFYING, NULL },
	{ DB_VAULT, "signer", "wrapped", NOT_AT_ALL, "nothing is sealed; said at each start" },
	{ DB_VAULT, "seal", "seq", BY_VERIFYING, NULL },
	{ DB_VAULT, "seal", "generation", BY_VERIFYING, NULL },
	{ DB_VAULT, "seal", "hash", BY_VERIFYING, NULL },
	{ DB_VAULT, "seal", "wall", BY_VERIFYING, NULL },
	{ DB_VAULT, "seal", "signature", BY_VERIFYING, NULL },
	{ DB_VAULT, "finger_key", "credential", BY_READING, NULL },
	{ DB_VAULT, "finger_key", "kek_gen", BY_READING, NULL },
	{ DB_VAULT, "finger_key", "wrapped", BY_READING, NULL },
	{ DB_VAULT, "work_key", "ref", BY_READING, NULL },
	{ DB_VAULT, "work_key", "kek_gen", BY_READING, NULL },
	{ DB_VAULT, "work_key", "wrapped", BY_READING, NULL },
	{ DB_VAULT, "request", "id", BY_READING, NULL },
	{ DB_VAULT, "request", "ref", BY_READING, NULL },
	{ DB_VAULT, "request", "act", BY_READING, NULL },
	{ DB_VAULT, "request", "subject", BY_READING, NULL },
	{ DB_VAULT, "request", "requester", BY_READING, NULL },
	{ DB_VAULT, "request", "filed", BY_READING, NULL },
	{ DB_VAULT, "request", "expires", BY_READING, NULL },
	{ DB_VAULT, "request", "digest", BY_READING, NULL },
	{ DB_VAULT, "request", "mac", BY_READING, NULL },
	{ DB_VAULT, "request", "sealed", BY_READING, NULL },
	{ DB_VAULT, "certificate", "id", BY_READING, NULL },
	{ DB_VAULT, "certificate", "subject", BY_READING, NULL },
	{ DB_VAULT, "certificate", "emp_tag", BY_READING, NULL },
	{ DB_VAULT, "certificate", "cause", BY_READING, NULL },
	{ DB_VAULT, "certificate", "requester", BY_READING, NULL },
	{ DB_VAULT, "certificate", "approver", BY_READING, NULL },
	{ DB_VAULT, "certificate", "begun", BY_READING, NULL },
	{ DB_VAULT, "certificate", "finished", BY_READING, NULL },
	{ DB_VAULT, "certificate", "epoch", BY_READING, NULL },
	{ DB_VAULT, "certificate", "seq", BY_READING, NULL },
	{ DB_VAULT, "certificate", "items", BY_READING, NULL },
	{ DB_VAULT, "certificate", "mac", BY_READING, NULL },
	{ DB_VAULT, "epoch_end", "generation", BY_READING, NULL },
	{ DB_VAULT, "epoch_end", "closed", BY_READING, NULL },
	{ DB_VAULT, "epoch_end", "seq", BY_READING, NULL },
	{ DB_VAULT, "epoch_end", "bundles", BY_READING, NULL },
	{ DB_VAULT, "epoch_end", "mac", BY_READING, NULL },
	{ DB_VAULT, "leaver", "uid", NOT_AT_ALL,
	  "whose sessions are shown or ended; gives nothing" },
	{ DB_VAULT, "leaver", "since", NOT_AT_ALL, "only says when the row may go" },
	{ DB_VAULT, "feed", "id", BY_READING, NULL },
	{ DB_VAULT, "feed", "ref", BY_READING, NULL },
	{ DB_VAULT, "feed", "digest", BY_READING, NULL },
	{ DB_VAULT, "feed", "made", BY_READING, NULL },
	{ DB_VAULT, "feed", "whole", BY_READING, NULL },
	{ DB_VAULT, "feed", "state", BY_READING, NULL },
	{ DB_VAULT, "feed", "lines", BY_READING, NULL },
	{ DB_VAULT, "feed", "upto", BY_READING, NULL },
	{ DB_VAULT, "feed", "worked", BY_READING, NULL },
	{ DB_VAULT, "feed", "erasures", BY_READING, NULL },
	{ DB_VAULT, "feed", "accepted", BY_READING, NULL },
	{ DB_VAULT, "feed", "released", BY_READING, NULL },
	{ DB_VAULT, "feed", "requester", BY_READING, NULL },
	{ DB_VAULT, "feed", "approver", BY_READING, NULL },
	{ DB_VAULT, "feed", "mac", BY_READING, NULL },
	{ DB_VAULT, "stage", "feed", BY_READING, NULL },
	{ DB_VAULT, "stage", "line", BY_READING, NULL },
	{ DB_VAULT, "stage", "cursor", BY_READING, NULL },
	{ DB_VAULT, "stage", "subject", BY_READING, NULL },
	{ DB_VAULT, "stage", "outcome", BY_READING, NULL },
	{ DB_VAULT, "stage", "day", BY_READING, NULL },
	{ DB_VAULT, "stage", "mac", BY_READING, NULL },
	{ DB_VAULT, "stage", "sealed", BY_READING, NULL },
	{ DB_VAULT, "due", "id", BY_READING, NULL },
	{ DB_VAULT, "due", "subject", BY_READING, NULL },
	{ DB_VAULT, "due", "what", BY_READING, NULL },
	{ DB_VAULT, "due", "cause", BY_READING, NULL },
	{ DB_VAULT, "due", "day", BY_READING, NULL },
	{ DB_VAULT, "due", "filed", BY_READING, NULL },
	{ DB_VAULT, "due", "feed", BY_READING, NULL },
	{ DB_VAULT, "due", "released", BY_READING, NULL },
	{ DB_VAULT, "due", "requester", BY_READING, NULL },
	{ DB_VAULT, "due", "approver", BY_READING, NULL },
	{ DB_VAULT, "due", "mac", BY_READING, NULL },
	{ DB_VAULT, "challenge", "subject", BY_READING, NULL },
	{ DB_VAULT, "challenge", "credential", BY_READING, NULL },
	{ DB_VAULT, "challenge", "ord", BY_READING, NULL },
	{ DB_VAULT, "challenge", "kind", BY_READING, NULL },
	{ DB_VAULT, "challenge", "code", BY_READING, NULL },
	{ DB_VAULT, "challenge", "session", BY_READING, NULL },
	{ DB_VAULT, "challenge", "boot", BY_READING, NULL },
	{ DB_VAULT, "challenge", "until_ms", BY_READING, NULL },
	{ DB_VAULT, "challenge", "mac", BY_READING, NULL },
	{ DB_VAULT, "budget", "tag", BY_READING, NULL },
	{ DB_VAULT, "budget", "hour", BY_READING, NULL },
	{ DB_VAULT, "budget", "in_hour", BY_READING, NULL },
	{ DB_VAULT, "budget", "day", BY_READING, NULL },
	{ DB_VAULT, "budget", "in_day", BY_READING, NULL },
	{ DB_VAULT, "budget", "won_day", BY_READING, NULL },
	{ DB_VAULT, "budget", "mac", BY_READING, NULL },
	{ DB_VAULT, "run_day", "day", BY_READING, NULL },
	{ DB_VAULT, "run_day", "mac", BY_READING, NULL },
	{ DB_IDENTITY, "meta", "key", NOT_AT_ALL, "all three are compared at each start" },
	{ DB_IDENTITY, "meta", "value", NOT_AT_ALL, "compared with vault.db at each start" },
	{ DB_IDENTITY, "person", "cursor", NOT_AT_ALL, "no name is shown, as without the row" },
	{ DB_IDENTITY, "person", "subject", NOT_AT_ALL, "no name is shown, as without the row" },
	{ DB_IDENTITY, "person", "emp_tag", NOT_AT_ALL,
	  "a number could be given again, as without the row; a roster looks at the sealed one" },
	{ DB_IDENTITY, "person", "ver", BY_READING, NULL },
	{ DB_IDENTITY, "person", "sealed", BY_READING, NULL },
	{ DB_IDENTITY, "tombstone", "emp_tag", NOT_AT_ALL,
	  "a number could be given again, as without the row" },
	{ DB_IDENTITY, "tombstone", "erased", NOT_AT_ALL, "nothing is decided by it" },
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

/* --- a store with something in every table ----------------------------------------------- */

struct filled {
	struct km_operator alice, bob;
	uint64_t hotp, codes, bobs;
	uint8_t code[KM_TAG_BYTES];
	uint8_t purpose[KM_DIGEST_BYTES];
};

static void enrol_codes(struct box *b, struct filled *f)
{
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, f->alice.subject);
	struct km_secret codes = { .len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH };
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };

	memset(codes.bytes, 'X', codes.len);
	for (size_t i = 0; i < KM_RECOVERY_CODES; i++)
		codes.bytes[i * KM_RECOVERY_LENGTH] = (uint8_t)('0' + i);
	assert_int_equal(store_enrol_recovery(b->s, &f->alice, &codes, false, &e, &f->codes),
			 KM_OK);
	assert_int_equal(km_subject_key_unwrap(b->keys, f->alice.subject, f->alice.kek_generation,
					       f->alice.wrapped, &key),
			 KM_OK);
	assert_int_equal(
	    km_mac_recovery(b->keys, &key, f->codes, codes.bytes, KM_RECOVERY_LENGTH, f->code),
	    KM_OK);
}

static void file_request(struct box *b, const struct km_operator *op)
{
	struct km_event_record e = event_of(KM_EVENT_REQUESTED, op->subject);
	struct km_filed r = {
		.act = 43, .requester = "r", .expires = BOX_WALL + 60, .digest = "d"
	};

	memcpy(r.subject, op->subject, sizeof(r.subject));
	assert_int_equal(store_request_file(b->s, &r, "a message", 9, &e), KM_OK);
}

static void agree_and_invite(struct box *b, struct filled *f)
{
	struct km_event_record e = event_of(KM_EVENT_CONSENTED, f->alice.subject);
	struct km_secret code = { .len = KM_RECOVERY_LENGTH };
	struct km_consent c = { .terminal = "tty1", .witness = { 1 } };
	uint64_t id;
	bool kept;

	assert_int_equal(store_purpose_keep(b->s, 0, "why", 3, &e, f->purpose, &kept), KM_OK);
	memcpy(c.subject, f->alice.subject, sizeof(c.subject));
	memcpy(c.purpose, f->purpose, sizeof(c.purpose));
	assert_int_equal(store_consent_add(b->s, &c, &e, &id), KM_OK);
	assert_int_equal(store_invite(b->s, &f->alice, &code, 600, 0, &e), KM_OK);
}

/* Somebody is gone, and the key epoch with them. */
static void erase_carol(struct box *b)
{
	struct km_operator carol = add(b, "carol", "3");
	struct km_event_record e = event_of(KM_EVENT_ERASED, carol.subject);
	struct km_erase_order order = { KM_CAUSE_RETIRED, "the registrar", "the approver" };

	enrol(b, &carol, "the seed of carol");
	assert_int_equal(store_erase_begin(b->s, carol.subject, &order, &e), KM_OK);
	assert_int_equal(store_erase_finish(b->s, carol.subject, &e), KM_OK);
	assert_int_equal(epoch_ended(b->s, ENDED), KM_OK);
}

/* A roster with a row about bob, and what is due for him. */
static void hand_in_roster(struct box *b, const struct km_operator *bob)
{
	const struct km_feed in = { .digest = "d", .made = BOX_WALL, .requester = "r" };
	struct km_due_row due = { .what = KM_DUE_ERASE,
				  .cause = KM_CAUSE_RETIRED,
				  .day = 20000,
				  .feed = 1,
				  .requester = "r",
				  .approver = "a" };
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	struct km_staged row = { .line = 2, .outcome = KM_OUTCOME_LEFT, .day = 20000 };
	struct km_feed feed;

	assert_int_equal(store_feed_begin(b->s, &in, &feed), KM_OK);
	assert_int_equal(store_feed_key(b->s, &feed, &key), KM_OK);
	feed.approver[0] = 'a';
	assert_int_equal(store_feed_change(b->s, &feed, NULL), KM_OK);
	memcpy(row.subject, bob->subject, sizeof(row.subject));
	row.cursor = bob->cursor;
	assert_int_equal(store_stage_put(b->s, &feed, &key, &row, "a row", 5), KM_OK);
	memcpy(due.subject, bob->subject, sizeof(due.subject));
	assert_int_equal(store_due_set(b->s, &due, NULL), KM_OK);
	assert_int_equal(store_run_day(b->s, 20000), KM_OK);
}

/* A code was sent to alice. */
static void send_code(struct box *b, const struct km_operator *op)
{
	struct km_challenge c = { .credential = 1,
				  .order = 1,
				  .kind = 1,
				  .session = { 1 },
				  .boot = { 2 },
				  .until_ms = 9000 };
	struct km_sending in = { .challenge = &c };
	struct km_event_record e = event_of(KM_EVENT_CODE_SENT, op->subject);

	memcpy(c.subject, op->subject, sizeof(c.subject));
	assert_int_equal(store_challenge_code(b->s, op, c.session, "tty1", "123456", 6, c.code),
			 KM_OK);
	for (size_t i = 0; i < KM_BUDGETS; i++) {
		in.spent[i].budget = (struct km_budget){ 1, 1, 1, 1, 1 };
		in.spent[i].tag[0] = (uint8_t)(i + 1);
	}
	in.event = &e;
	assert_int_equal(store_send(b->s, &in), KM_OK);
}

static void fill(struct box *b, struct filled *f)
{
	const struct km_failure failed = { .by_name = true,
					   .class = KM_CLASS_DIGITS,
					   .bucket = BUCKET,
					   .name_throttle = { 5, 5, BOX_WALL + 30 } };
	const uint8_t op[16] = "an operation id", suspicion = 4;

	f->alice = add(b, "alice", "1");
	f->hotp = enrol(b, &f->alice, "the seed of alice");
	enrol_codes(b, f);
	enrol_finger(b, &f->alice, "right-index", "a finger of alice");
	agree_and_invite(b, f);
	assert_int_equal(accept_at(b, &f->alice, f->hotp, 5), KM_OK);
	f->bob = add(b, "bob", "2");
	f->bobs = enrol(b, &f->bob, "the seed of bob");
	file_request(b, &f->bob);
	hand_in_roster(b, &f->bob);
	send_code(b, &f->alice);
	assert_int_equal(store_fail(b->s, &failed), KM_OK);
	erase_carol(b);
	assert_int_equal(store_meta_set(b->s, "machine", "tag", 3, NULL), KM_OK);
	assert_int_equal(store_meta_set(b->s, "suspicion", &suspicion, 1, NULL), KM_OK);
	assert_int_equal(store_op_note(b->s, op, KM_OK, 1), KM_OK);
	assert_int_equal(store_seal(b->s), KM_OK);
	assert_int_equal(store_flush(b->s), KM_OK);
}

/* --- reading everything ------------------------------------------------------------------- */

/* Damage counts; what is not there does not. */
static bool corrupt(km_rc rc)
{
	assert_true(rc == KM_OK || rc == KM_ECORRUPT || rc == KM_ENOTFOUND);
	return rc == KM_ECORRUPT;
}

static bool person_is_corrupt(struct box *b, const char *login, const uint8_t *subject)
{
	struct km_operator op, found;
	struct km_person who;
	bool bad = corrupt(store_operator_by_subject(b->s, subject, &op));
	km_rc rc = store_operator_by_login(b->s, login, &found);

	bad |= corrupt(rc);
	if (!rc)
		bad |= corrupt(store_person(b->s, &found, &who));
	return bad;
}

static bool credentials_are_corrupt(struct box *b, const struct km_operator *whose,
				    const uint8_t *subject)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_template finger;
	struct km_secret seed = { 0 };
	struct km_operator op = *whose;
	size_t count = 0;
	bool bad;

	(void)!store_operator_by_subject(b->s, whose->subject, &op);
	bad = corrupt(store_credentials(b->s, subject, all, &count));
	for (size_t i = 0; i < count; i++) {
		if (all[i].factor == KM_FACTOR_FINGERPRINT)
			bad |= corrupt(store_template(b->s, &op, &all[i], &finger));
		else if (all[i].factor != KM_FACTOR_RECOVERY)
			bad |= corrupt(store_seed(b->s, &op, &all[i], &seed));
	}
	return bad;
}

static bool requests_are_corrupt(struct box *b)
{
	struct km_filed r;
	uint8_t message[32];
	size_t count = 0, len;
	km_rc rc = store_requests(b->s, 0, 1, &r, &count);

	return corrupt(rc) ||
	       (count && corrupt(store_request_open(b->s, &r, message, sizeof(message), &len)));
}

/* Whose subject was changed is looked for under the changed one, too. */
static bool agreements_are_corrupt(struct box *b, const struct filled *f)
{
	static const uint8_t zeros[KM_DIGEST_BYTES];
	const uint8_t *subject[] = { f->alice.subject, zeros };
	struct km_consent all[KM_MAX_CONSENTS];
	static struct km_purpose text;
	struct km_invitation i;
	size_t count;
	bool bad = corrupt(store_purpose(b->s, f->purpose, &text));

	bad |= corrupt(store_purpose(b->s, zeros, &text));
	for (size_t n = 0; n < 2; n++) {
		bad |= corrupt(store_consents(b->s, subject[n], all, &count));
		bad |= corrupt(store_consent_standing(b->s, subject[n], NULL, &all[0]));
		bad |= corrupt(store_invitation(b->s, subject[n], &i));
	}
	return bad;
}

static bool roster_is_corrupt(struct box *b)
{
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	static struct km_staged row;
	uint8_t plain[32];
	struct km_feed feed;
	size_t count = 0, len;
	bool bad = false;

	for (uint64_t id = 1; id <= 1 + MOVED; id += MOVED)
		bad |= corrupt(store_feed(b->s, id, &feed));
	if (store_feed(b->s, 1, &feed) != KM_OK || store_feed_key(b->s, &feed, &key) != KM_OK)
		return true;
	for (uint64_t id = 1; id <= 1 + MOVED; id += MOVED) {
		count = 0;
		bad |= corrupt(store_stage_page(b->s, id, 0, 1, &row, &count));
		if (count)
			bad |= corrupt(
			    store_stage_open(b->s, &feed, &key, &row, plain, sizeof(plain), &len));
	}
	return bad;
}

static bool queue_is_corrupt(struct box *b)
{
	struct km_due_row due;
	size_t count;
	unsigned days;

	return corrupt(store_dues(b->s, 0, 1, &due, &count)) ||
	       corrupt(store_run_days(b->s, 0, 9, &days));
}

static bool certificates_are_corrupt(struct box *b)
{
	struct km_certificate all[4];
	struct km_epoch_end end;
	size_t count = 0;
	bool bad = corrupt(store_certificates(b->s, 0, 4, all, &count));

	for (size_t i = 0; i < count; i++)
		bad |= all[i].damaged;
	for (uint32_t g = ENDED; g <= ENDED + MOVED; g += MOVED)
		bad |= corrupt(store_epoch_ended(b->s, g, &end));
	return bad;
}

/* What was changed is looked for under the changed key, too. */
static bool sent_is_corrupt(struct box *b, const struct km_operator *op)
{
	static const uint8_t zeros[KM_TAG_BYTES];
	const uint8_t tag[KM_TAG_BYTES] = { 1 };
	struct km_challenge c;
	struct km_budget budget;
	bool bad = corrupt(store_challenge(b->s, op->subject, &c));

	bad |= corrupt(store_challenge(b->s, zeros, &c));
	bad |= corrupt(store_budget(b->s, tag, &budget));
	return bad | corrupt(store_budget(b->s, zeros, &budget));
}

static bool anything_is_corrupt(struct box *b, const struct filled *f)
{
	static const uint8_t zeros[KM_SUBJECT_BYTES];
	static const char *const kept[] = { "machine", "suspicion" };
	struct km_throttle t;
	char value[16];
	uint16_t left;
	bool bad, used;

	bad = person_is_corrupt(b, "alice", f->alice.subject);
	bad |= person_is_corrupt(b, "bob", f->bob.subject);
	bad |= credentials_are_corrupt(b, &f->alice, f->alice.subject);
	bad |= credentials_are_corrupt(b, &f->bob, f->bob.subject);
	bad |= credentials_are_corrupt(b, &f->alice, zeros);
	bad |= requests_are_corrupt(b);
	bad |= agreements_are_corrupt(b, f);
	bad |= corrupt(store_recovery_find(b->s, f->codes, f->code, &used));
	for (uint64_t id = f->codes; id <= f->codes + MOVED; id += MOVED)
		bad |= corrupt(store_recovery_left(b->s, id, &left));
	for (uint16_t bucket = BUCKET; bucket <= BUCKET + MOVED; bucket += MOVED)
		bad |= corrupt(store_name_throttle(b->s, KM_CLASS_DIGITS, bucket, &t));
	bad |= corrupt(store_name_throttle(b->s, KM_CLASS_RECOVERY, BUCKET, &t));
	bad |= certificates_are_corrupt(b);
	bad |= roster_is_corrupt(b);
	bad |= queue_is_corrupt(b);
	bad |= sent_is_corrupt(b, &f->alice);
	for (size_t i = 0; i < 2; i++) {
		size_t len = sizeof(value);

		bad |= corrupt(store_meta_get(b->s, kept[i], value, &len));
	}
	return bad;
}

static bool trail_is_bad(struct box *b)
{
	struct km_verify v = { 0 };

	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 100), KM_OK);
	return v.bad != 0;
}

/* --- changing everything ------------------------------------------------------------------- */

/* Text for a change of this column, in the first row or the one named. */
static void change_of(const struct column *c, char *text, size_t cap)
{
	bool class = strcmp(c->name, "class") == 0; /* there are two */

	(void)snprintf(text, cap,
		       "UPDATE %s SET %s = CASE typeof(%s) WHEN 'integer' THEN %s + %d "
		       "WHEN 'text' THEN %s || 'x' ELSE zeroblob(length(%s)) END %s",
		       c->table, c->name, c->name, c->name, class ? 1 : MOVED, c->name, c->name,
		       c->note ? c->note : "");
}

static void try_column(struct box *b, const struct filled *f, const struct column *c)
{
	static const char *const without_rowid[] = { "meta", "recovery", "throttle_name" };
	bool by_row = true, noticed;
	char text[512];
	size_t len;

	for (size_t i = 0; i < 3; i++)
		by_row &= strcmp(c->table, without_rowid[i]) != 0;
	change_of(c, text, sizeof(text));
	len = strlen(text);
	if (by_row)
		(void)snprintf(text + len, sizeof(text) - len,
			       " WHERE rowid = (SELECT min(rowid) FROM %s)", c->table);
	else if (strcmp(c->table, "recovery") == 0)
		(void)snprintf(text + len, sizeof(text) - len,
			       " WHERE code = (SELECT min(code) FROM recovery)");
	sql(b, c->db, "BEGIN");
	sql(b, c->db, text);
	assert_int_equal(sqlite3_changes(b->s->db[c->db].handle), 1);
	b->s->db[c->db].begun = true; /* so that the store reads in this transaction */
	noticed = c->noticed == BY_VERIFYING ? trail_is_bad(b) : anything_is_corrupt(b, f);
	store_undo(b->s);
	if (!noticed)
		fail_msg("%s.%s was changed and nobody noticed", c->table, c->name);
}

static void test_a_change_of_any_column_is_noticed(void **state)
{
	struct box *b = *state;
	struct filled f;

	fill(b, &f);
	assert_false(anything_is_corrupt(b, &f));
	assert_false(trail_is_bad(b));
	store_undo(b->s);
	for (size_t i = 0; i < COLUMNS; i++)
		if (columns[i].noticed != NOT_AT_ALL)
			try_column(b, &f, &columns[i]);
	assert_false(anything_is_corrupt(b, &f));
}

static void test_every_column_is_noticed_or_said_to_be_harmless(void **state)
{
	struct box *b = *state;
	size_t found = 0;

	for (int db = 0; db < DB_COUNT; db++) {
		sqlite3_stmt *st = NULL;

		assert_int_equal(
		    sqlite3_prepare_v2(b->s->db[db].handle,
				       "SELECT t.name, c.name FROM sqlite_schema t, "
				       "pragma_table_info(t.name) c WHERE t.type = 'table' "
				       "AND t.name NOT LIKE 'sqlite%'",
				       -1, &st, NULL),
		    SQLITE_OK);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *table = (const char *)sqlite3_column_text(st, 0);
			const char *name = (const char *)sqlite3_column_text(st, 1);
			bool listed = false;

			for (size_t i = 0; i < COLUMNS; i++)
				listed |= columns[i].db == (enum store_db_id)db &&
					  strcmp(columns[i].table, table) == 0 &&
					  strcmp(columns[i].name, name) == 0;
			if (!listed)
				fail_msg("%s.%s: is a change of it noticed?", table, name);
			found++;
		}
		sqlite3_finalize(st);
	}
	assert_int_equal(found, COLUMNS);
}

/* --- what somebody would do ------------------------------------------------------------------ */

static void test_a_person_in_the_place_of_another_is_refused(void **state)
{
	static const char *const swapped[] = { "login_tag", "mac", "uid", "subject" };
	struct box *b = *state;
	struct km_operator op;
	struct filled f;

	fill(b, &f);
	for (size_t i = 0; i < sizeof(swapped) / sizeof(*swapped); i++) {
		char text[400];

		(void)snprintf(text, sizeof(text),
			       "UPDATE operator SET uid = uid + cursor;"
			       "CREATE TEMP TABLE old AS SELECT cursor, %s AS v FROM operator;"
			       "UPDATE operator SET %s = %s;"
			       "UPDATE operator SET %s = (SELECT v FROM old "
			       "WHERE old.cursor = 3 - operator.cursor); DROP TABLE old",
			       swapped[i], swapped[i], i == 2 ? "uid" : "randomblob(16)",
			       swapped[i]);
		sql(b, DB_VAULT, "BEGIN");
		sql(b, DB_VAULT, text);
		b->s->db[DB_VAULT].begun = true;
		assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_ECORRUPT);
		assert_int_equal(store_operator_by_login(b->s, "bob", &op), KM_ECORRUPT);
		store_undo(b->s);
	}
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
}

static void test_a_credential_given_to_another_person_is_refused(void **state)
{
	struct box *b = *state;
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct filled f;
	size_t count = 99;

	fill(b, &f);
	sql(b, DB_VAULT,
	    "UPDATE credential SET subject = (SELECT subject FROM operator WHERE cursor = 1)");
	assert_int_equal(store_credentials(b->s, f.alice.subject, all, &count), KM_ECORRUPT);
	assert_int_equal(count, 99);
	assert_int_equal(accept_at(b, &f.alice, f.bobs, 9), KM_ECORRUPT);
}

/* Nothing is written over damage, so it does not become right by that. */
static void test_what_was_changed_is_neither_accepted_nor_counted_nor_unlocked(void **state)
{
	static const char *const changes[] = { "UPDATE credential SET moving = 0",
					       "UPDATE credential SET fails = 1",
					       "UPDATE credential SET not_before = 0, mac = x''" };
	struct box *b = *state;
	struct km_event_record e;
	struct filled f;

	fill(b, &f);
	e = event_of(KM_EVENT_UNLOCKED, f.alice.subject);
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct km_failure failed = { .count = 1,
					     .credential = { f.hotp },
					     .throttle = { { 1, 1, 0 } } };

		sql(b, DB_VAULT, "BEGIN");
		sql(b, DB_VAULT, changes[i]);
		b->s->db[DB_VAULT].begun = true;
		assert_int_equal(accept_at(b, &f.alice, f.hotp, 9), KM_ECORRUPT);
		assert_int_equal(store_fail(b->s, &failed), KM_ECORRUPT);
		assert_int_equal(store_unlock(b->s, f.alice.subject, 0, &e), KM_ECORRUPT);
		store_undo(b->s);
	}
	sql(b, DB_VAULT, "UPDATE operator SET state = 2 WHERE cursor = 1");
	assert_int_equal(accept_at(b, &f.alice, f.hotp, 9), KM_ECORRUPT);
	assert_int_equal(store_operator_state(b->s, f.alice.subject, KM_ACTIVE, &e), KM_ECORRUPT);
	assert_int_equal(store_operator_uid(b->s, f.alice.subject, 7, &e), KM_ECORRUPT);
	assert_int_equal(store_erase_begin(b->s, f.alice.subject, &by_hand, &e), KM_ECORRUPT);
}

/* Also when it happens between the look and the change. */
static void test_a_row_that_changes_under_us_is_not_made_right(void **state)
{
	struct box *b = *state;
	struct km_credential all[KM_MAX_CREDENTIALS];
	struct km_operator op;
	struct filled f;
	size_t count;

	fill(b, &f);
	assert_int_equal(store_operator_by_login(b->s, "alice", &op), KM_OK);
	assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_OK);
	sql(b, DB_VAULT, "UPDATE credential SET mac = zeroblob(16)");
	assert_int_equal(accept_at(b, &op, f.hotp, 9), KM_EREPLAY);
	sql(b, DB_VAULT, "ROLLBACK");
	b->s->db[DB_VAULT].begun = false;
	assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_OK);
	sql(b, DB_VAULT, "UPDATE credential SET digits = 8");
	assert_int_equal(accept_at(b, &op, f.hotp, 9), KM_OK);
	assert_int_equal(store_credentials(b->s, op.subject, all, &count), KM_ECORRUPT);
}

static void test_a_used_recovery_code_cannot_be_made_unused(void **state)
{
	struct box *b = *state;
	struct km_event_record e;
	struct km_acceptance a;
	struct filled f;
	uint16_t left;
	bool used;

	fill(b, &f);
	e = event_of(KM_EVENT_LOGIN_ALLOWED, f.alice.subject);
	a = acceptance(&f.alice, f.codes, 0, &e);
	a.recovery_mac = f.code;
	assert_int_equal(store_accept(b->s, &a), KM_OK);
	assert_int_equal(store_recovery_left(b->s, f.codes, &left), KM_OK);
	assert_int_equal(left, KM_RECOVERY_CODES - 1);
	sql(b, DB_VAULT, "UPDATE recovery SET used = 0");
	assert_int_equal(store_recovery_find(b->s, f.codes, f.code, &used), KM_ECORRUPT);
	assert_int_equal(store_accept(b->s, &a), KM_ECORRUPT);
	/* Nor does another code's MAC help. */
	sql(b, DB_VAULT,
	    "UPDATE recovery SET mac = (SELECT mac FROM recovery r WHERE r.code <> recovery.code)");
	assert_int_equal(store_accept(b->s, &a), KM_ECORRUPT);
}

static void test_a_suspicion_is_not_ended_by_taking_its_row_away(void **state)
{
	static const char *const kept[] = { "machine", "suspicion" };
	struct box *b = *state;
	char value[16];
	size_t len = sizeof(value);
	struct filled f;

	for (size_t i = 0; i < 2; i++) /* never set yet */
		assert_int_equal(store_meta_get(b->s, kept[i], value, &len), KM_ENOTFOUND);
	fill(b, &f);
	sql(b, DB_VAULT, "DELETE FROM meta WHERE key IN ('machine', 'suspicion')");
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(store_meta_get(b->s, kept[i], value, &len), KM_ECORRUPT);
	sql(b, DB_VAULT, "INSERT INTO meta (key, value) VALUES ('suspicion', x'00')");
	assert_int_equal(store_meta_get(b->s, "suspicion", value, &len), KM_ECORRUPT);
}

/* A bucket without a row is one without failures; whoever has a factor is not counted there. */
static void test_a_deleted_bucket_is_an_empty_one(void **state)
{
	struct box *b = *state;
	struct km_throttle t = { .fails = 9 };
	struct filled f;

	fill(b, &f);
	sql(b, DB_VAULT, "DELETE FROM throttle_name");
	assert_int_equal(store_name_throttle(b->s, KM_CLASS_DIGITS, BUCKET, &t), KM_OK);
	assert_int_equal(t.fails, 0);
}

/* What STORAGE.md says is not noticed here: an older row, put back where it was. */
static void test_an_older_row_of_the_same_place_is_not_noticed_by_its_mac(void **state)
{
	struct box *b = *state;
	struct filled f;

	fill(b, &f);
	sql(b, DB_VAULT, "CREATE TEMP TABLE old AS SELECT * FROM credential");
	assert_int_equal(accept_at(b, &f.alice, f.hotp, 9), KM_OK);
	sql(b, DB_VAULT, "REPLACE INTO credential SELECT * FROM old");
	assert_int_equal(credential_of(b, &f.alice, f.hotp).moving, 5);
}

#define ROW_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW_TEST(test_a_change_of_any_column_is_noticed),
		ROW_TEST(test_every_column_is_noticed_or_said_to_be_harmless),
		ROW_TEST(test_a_person_in_the_place_of_another_is_refused),
		ROW_TEST(test_a_credential_given_to_another_person_is_refused),
		ROW_TEST(test_what_was_changed_is_neither_accepted_nor_counted_nor_unlocked),
		ROW_TEST(test_a_row_that_changes_under_us_is_not_made_right),
		ROW_TEST(test_a_used_recovery_code_cannot_be_made_unused),
		ROW_TEST(test_a_suspicion_is_not_ended_by_taking_its_row_away),
		ROW_TEST(test_a_deleted_bucket_is_an_empty_one),
		ROW_TEST(test_an_older_row_of_the_same_place_is_not_noticed_by_its_mac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
