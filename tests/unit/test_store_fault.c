/*
 * Every failing call: the n-th read, write, sync or allocation under a round
 * of the vault fails, for all n, once or from then on. Whatever fails, the
 * round is there whole or not at all, and the store works again by itself.
 */
#include "../../authd/vault/store_consent.h"
#include "../../authd/vault/store_index.h"
#include "../../authd/vault/store_invitation.h"
#include "folder.h"
#include "store_faults.h"

#include <kenmon/people.h>
#include <kenmon/store_epoch.h>
#include <kenmon/store_request.h>

#ifdef __SANITIZE_ADDRESS__
/* OpenSSL 3.0 loses memory when it has none to copy a context; ours is seen by the other tests. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libcrypto.so";
}
#endif

/* --- what is done meanwhile --------------------------------------------------------- */

static km_rc open_finger(struct box *b, const struct km_operator *op, uint64_t id,
			 struct km_template *out)
{
	struct km_credential all[KM_MAX_CREDENTIALS];
	char reader[65];
	size_t count = 0;
	km_rc rc = store_finger_reader(b->s, id, reader);

	if (!rc)
		rc = store_credentials(b->s, op->subject, all, &count);
	if (!rc && (count == 0 || all[count - 1].id != id))
		rc = KM_ENOTFOUND;
	return rc ? rc : store_template(b->s, op, &all[count - 1], out);
}

static km_rc file_about(struct box *b, const struct km_operator *op, struct km_filed *out)
{
	struct km_event_record e = event_of(KM_EVENT_REQUESTED, op->subject);
	struct km_filed r = { .act = 43, .expires = BOX_WALL + 60 };
	km_rc rc;

	memcpy(r.subject, op->subject, sizeof(r.subject));
	rc = store_request_file(b->s, &r, "a message", 9, &e);
	if (!rc)
		*out = r;
	return rc;
}

/* What was asked for before is decided, something else is asked for, and what waited becomes good.
 */
static km_rc decide(struct box *b, const struct km_operator *op)
{
	struct km_event_record e = event_of(KM_EVENT_REQUEST_REJECTED, op->subject);
	const struct km_secret code = { .len = KM_RECOVERY_LENGTH, .bytes = "ABCDEFGHIJKLMNOP" };
	struct km_filed old, new;
	uint8_t message[32];
	size_t count = 0, len = 0;
	uint64_t waits = 0;
	km_rc rc = store_requests(b->s, 0, 1, &old, &count);

	if (!rc && count != 1)
		rc = KM_ENOTFOUND;
	if (!rc)
		rc = store_request_open(b->s, &old, message, sizeof(message), &len);
	if (!rc)
		rc = store_request_take(b->s, &old, &e);
	if (!rc)
		rc = file_about(b, op, &new);
	if (!rc)
		rc = store_enrol_bypass(b->s, op, &code, BOX_WALL + 60, true, &e, &waits);
	return rc ? rc : store_credential_activate(b->s, op->subject, waits, &e);
}

/* Somebody agrees and takes it back, and somebody uses an invitation. */
static km_rc agree(struct box *b, const struct km_operator *alice, const struct km_operator *carol)
{
	struct km_event_record e = event_of(KM_EVENT_CONSENTED, carol->subject);
	struct km_secret code = { .len = KM_RECOVERY_LENGTH }, seed = { .len = 20 };
	struct km_credential in = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_consent c = { .terminal = "tty1" };
	struct km_invitation i;
	unsigned gone = 0, left = 0;
	uint64_t id;
	bool kept, right = false;
	km_rc rc = store_purpose_keep(b->s, 0, "why", 3, &e, c.purpose, &kept);

	memcpy(c.subject, carol->subject, sizeof(c.subject));
	memcpy(in.subject, alice->subject, sizeof(in.subject));
	memset(code.bytes, 'A', code.len);
	if (!rc)
		rc = store_consent_add(b->s, &c, &e, &id);
	if (!rc)
		rc = store_consent_withdraw(b->s, carol->subject, &e, &gone);
	if (!rc)
		rc = store_invite(b->s, alice, &code, 600, 0, &e);
	if (!rc)
		rc = store_invitation_activate(b->s, alice->subject, &e);
	if (!rc)
		rc = store_invitation(b->s, alice->subject, &i);
	if (!rc)
		rc = store_invitation_wrong(b->s, &i, &e, &left);
	if (!rc)
		rc = store_invitation(b->s, alice->subject, &i);
	if (!rc)
		rc = store_invitation_judge(b->s, alice, &i, &code, &right);
	if (!rc && (!right || gone != 1 || left != KM_INVITATION_TRIES - 1))
		rc = KM_ECORRUPT;
	return rc ? rc : store_enrol_invited(b->s, alice, &i, &in, &seed, &e, &id);
}

static km_rc change_person(struct box *b, const struct km_operator *op)
{
	struct km_operator_change c = { .mask = KM_CHANGE_NAME | KM_CHANGE_ROLE | KM_CHANGE_MOBILE,
					.who = { .name = "Hanako Henkou", .mobile = "09012345678" },
					.role = KM_ROLE_AUDITOR };
	struct km_event_record e = event_of(KM_EVENT_OPERATOR_CHANGED, op->subject);

	return store_operator_change(b->s, op->subject, &c, &e);
}

/*
 * A round: people come, change, go, log in and fail, requests are decided and filed, the trail is
 * sealed, every key is wrapped anew. Any call may fail; the flush says what counts.
 */
static km_rc round_of(struct box *b, uint64_t id)
{
	struct km_event_record e = event_of(KM_EVENT_LOGIN_REFUSED, NULL);
	struct km_failure f = { .count = 1,
				.credential = { id },
				.throttle = { { 1, 1, 0 } },
				.by_name = true,
				.class = KM_CLASS_DIGITS,
				.event = &e };
	const struct km_template sent = template_of("finger", 600);
	struct km_template kept;
	struct km_operator alice, carol, bob;
	struct km_rewrap at = { 0 };
	uint64_t finger = 0;
	struct km_person who;
	km_rc rc = store_operator_by_login(b->s, "alice", &alice);

	if (!rc)
		rc = store_person(b->s, &alice, &who);
	if (!rc)
		rc = accept_at(b, &alice, id, 10);
	if (!rc)
		rc = try_add(b, "bob", "2", &bob);
	if (!rc)
		rc = decide(b, &alice);
	if (!rc)
		rc = change_person(b, &alice);
	if (!rc)
		rc = try_finger(b, &alice, "left-index", &sent, &finger);
	if (!rc)
		rc = open_finger(b, &alice, finger, &kept);
	if (!rc && memcmp(kept.bytes, sent.bytes, sent.len) != 0)
		rc = KM_ECORRUPT;
	if (!rc)
		rc = store_fail(b->s, &f);
	if (!rc)
		rc = store_operator_by_login(b->s, "carol", &carol);
	if (!rc)
		rc = agree(b, &alice, &carol);
	if (!rc)
		rc = store_erase_begin(b->s, carol.subject, &by_hand, &e);
	if (!rc)
		rc = store_erase_rows(b->s, carol.subject);
	if (!rc)
		rc = store_erase_finish(b->s, carol.subject, &e);
	if (!rc)
		rc = store_seal(b->s);
	if (!rc)
		rc = store_epoch_begin(b->s, &e);
	while (!rc && !at.finished)
		rc = store_epoch_slice(b->s, &at);
	if (!rc && at.damaged)
		rc = KM_ECORRUPT;
	if (!rc)
		rc = store_audit_index(b->s, 1000);
	if (rc) { /* a caller that stops here gives the round up */
		store_undo(b->s);
		return rc;
	}
	return store_flush(b->s);
}

/* Made once; each point begins with the same files. */
static struct {
	bool made;
	struct box box;
	uint64_t id; /* of alice's token */
	struct folder state, kek;
} beginning;

static void make_beginning(void)
{
	struct box *b = &beginning.box;
	struct km_operator alice, carol;
	struct km_filed asked;

	box_open(b);
	alice = add(b, "alice", "1");
	beginning.id = enrol(b, &alice, "seed");
	assert_int_equal(file_about(b, &alice, &asked), KM_OK);
	carol = add(b, "carol", "3");
	enrol_finger(b, &carol, "right-thumb", "carol's");
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_int_equal(km_keys_renew(b->keys), KM_OK);
	box_shut(b);
	folder_keep(&beginning.state, b->dir);
	folder_keep(&beginning.kek, b->kek);
	beginning.made = true;
}

/* The files as they are before a round; nothing is open. */
static uint64_t prepare(struct box *b)
{
	if (!beginning.made)
		make_beginning();
	folder_put_back(&beginning.state, beginning.box.dir);
	folder_put_back(&beginning.kek, beginning.box.kek);
	*b = beginning.box;
	return beginning.id;
}

static int forget_beginning(void **state)
{
	(void)state;
	folder_forget(&beginning.state);
	folder_forget(&beginning.kek);
	if (beginning.made)
		box_close(&beginning.box);
	return 0;
}

/* 0: nothing of the round is there, 1: all of it. Anything else fails the test. */
static int outcome(struct box *b, uint64_t id)
{
	struct km_operator alice, other;
	struct km_person who;
	struct km_verify v = { 0 };
	struct km_audit_row first;
	struct km_counts counts;
	size_t count = 0;
	bool moved;

	assert_int_equal(store_operator_by_login(b->s, "alice", &alice), KM_OK);
	assert_int_equal(store_person(b->s, &alice, &who), KM_OK);
	moved = credential_of(b, &alice, id).moving == 10;
	assert_int_equal(alice.last_login != 0, moved);
	assert_int_equal(alice.role, moved ? KM_ROLE_AUDITOR : KM_ROLE_OPERATOR);
	assert_string_equal(who.name, moved ? "Hanako Henkou" : "Hanako Kenmon");
	assert_string_equal(who.mobile, moved ? "09012345678" : "");
	assert_int_equal(store_operator_by_login(b->s, "bob", &other),
			 moved ? KM_OK : KM_ENOTFOUND);
	if (moved)
		assert_int_equal(store_person(b->s, &other, &who), KM_OK);
	assert_int_equal(store_operator_by_login(b->s, "carol", &other),
			 moved ? KM_ENOTFOUND : KM_OK);
	assert_int_equal(store_counts(b->s, &counts), KM_OK);
	assert_int_equal(counts.operators, 2);
	assert_int_equal(counts.records, moved ? 24 : 5);
	assert_int_equal(counts.fingers, 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM template"), 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT sum(id) FROM request"), moved ? 2 : 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT sum(kek_gen) FROM work_key"),
			 moved ? 2 : 1);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM credential WHERE until > 0"),
			 moved);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM consent"), 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM invitation"), 0);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM purpose"), moved);
	assert_int_equal(store_audit_unindexed(b->s), moved ? 0 : 5);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM audit_of"),
			 moved ? sql_number(b, DB_VAULT,
					    "SELECT count(*) FROM audit WHERE subject <> "
					    "zeroblob(16)")
			       : 0);
	while (!v.finished)
		assert_int_equal(store_audit_verify(b->s, &v, 100), KM_OK);
	assert_int_equal(v.bad, 0);
	assert_int_equal(v.checked, moved ? 2 : 1);
	assert_int_equal(v.seals, moved ? 2 : 0); /* one of the old signer's is its last */
	assert_int_equal(store_audit(b->s, 0, NULL, 1, &first, &count), KM_OK);
	assert_string_equal(first.body, "by=test");
	return moved;
}

/* Opening, a round, closing: with the n-th call failing. False: there were not so many calls. */
static bool one_point(enum fault kind, long n, bool forever)
{
	struct box b;
	uint64_t id = prepare(&b);
	bool reached, there;
	km_rc rc;

	arm(kind, n, forever);
	rc = box_try(&b);
	if (!rc) {
		rc = round_of(&b, id);
		store_idle(b.s);
	}
	reached = plan.seen >= n;
	disarm();
	if (b.s) {
		/* Works again at once, and tells the truth about what was flushed. */
		there = outcome(&b, id);
		assert_int_equal(there, rc == KM_OK);
		if (!there)
			assert_int_equal(round_of(&b, id), KM_OK);
		assert_int_equal(outcome(&b, id), 1);
	}
	box_shut(&b);
	assert_int_equal(box_try(&b), KM_OK);
	(void)outcome(&b, id);
	box_shut(&b);
	return reached;
}

/* The same, but the process dies with the round: what the files hold is all there is. */
static void one_crash(long n)
{
	struct box b;
	uint64_t id = prepare(&b);
	km_rc rc;

	assert_int_equal(box_try(&b), KM_OK);
	arm(FAULT_FILES, n, true);
	rc = round_of(&b, id);
	box_shut(&b); /* closing can do nothing either */
	disarm();
	assert_int_equal(box_try(&b), KM_OK);
	/* What was said to be durable is there; what was not may be, but whole. */
	if (outcome(&b, id) == 0)
		assert_int_not_equal(rc, KM_OK);
	box_shut(&b);
}

/* Those of opening, and those of a round behind it. */
static long calls_of(enum fault kind, long *opening)
{
	struct box b;
	uint64_t id = prepare(&b);
	long calls;

	arm(kind, 0, false);
	assert_int_equal(box_try(&b), KM_OK);
	*opening = plan.seen;
	assert_int_equal(round_of(&b, id), KM_OK);
	calls = plan.seen;
	disarm();
	box_shut(&b);
	return calls;
}

static void all_points(enum fault kind, bool forever, long least)
{
	long opening, calls = calls_of(kind, &opening), tried = 0;

	assert_in_range(calls, least, 100000);
	for (long n = 1; n <= calls; n++, tried++)
		assert_true(one_point(kind, n, forever) || forever || n == calls);
	printf("# %ld of %ld points tried\n", tried, calls);
	assert_int_equal(tried, calls);
}

/* --- many points in one store --------------------------------------------------------------------
 */

/* Whatever a store that was just opened has not yet: statements and pages. */
static void cool(struct box *b)
{
	for (int i = 0; i < SQL_COUNT; i++) {
		sqlite3_finalize(b->s->sql[i]);
		b->s->sql[i] = NULL;
	}
	for (int db = 0; db < DB_COUNT; db++) {
		for (int c = 0; c < CONTROL_COUNT; c++) {
			sqlite3_finalize(b->s->db[db].control[c]);
			b->s->db[db].control[c] = NULL;
		}
		sqlite3_db_release_memory(b->s->db[db].handle);
	}
}

static void begin_again(struct box *b)
{
	box_shut(b);
	(void)prepare(b);
	assert_int_equal(box_try(b), KM_OK);
}

/* The store works at once, and its files say the same. */
static void goes_on(struct box *b, uint64_t id, bool there)
{
	if (!there)
		assert_int_equal(round_of(b, id), KM_OK);
	assert_int_equal(outcome(b, id), 1);
	box_shut(b);
	assert_int_equal(box_try(b), KM_OK);
	assert_int_equal(outcome(b, id), 1);
}

#define GOES_ON 40 /* every so many points */

/*
 * The n-th call of a round fails, for all n, in one store that stays open as long as nothing has
 * come of any. Each round comes as far as the n-th call, further than all before it: a store that
 * a failure had broken would not.
 */
static long points_of_rounds(enum fault kind)
{
	struct box b;
	uint64_t id = prepare(&b);
	bool reached, there;
	km_rc rc;
	long n = 0;

	assert_int_equal(box_try(&b), KM_OK);
	do {
		cool(&b);
		arm(kind, ++n, false);
		rc = round_of(&b, id);
		store_idle(b.s);
		reached = plan.seen >= n;
		disarm();
		there = outcome(&b, id);
		assert_int_equal(there, rc == KM_OK);
		assert_true(reached || there);
		if (there || n % GOES_ON == 0) {
			goes_on(&b, id, there);
			begin_again(&b);
		}
	} while (reached);
	box_shut(&b);
	return n - 1;
}

static void test_any_failing_file_call_leaves_a_round_whole_or_undone(void **state)
{
	(void)state;
	all_points(FAULT_FILES, false, 30);
}

static void test_a_disk_that_fails_from_any_call_on_leaves_a_round_whole_or_undone(void **state)
{
	(void)state;
	all_points(FAULT_FILES, true, 30);
}

static void test_a_crash_at_any_file_call_leaves_a_round_whole_or_undone(void **state)
{
	long opening, calls = calls_of(FAULT_FILES, &opening);

	(void)state;
	for (long n = 1; n <= calls; n++)
		one_crash(n);
}

static void test_memory_missing_in_the_engine_leaves_a_round_whole_or_undone(void **state)
{
	long opening, calls = calls_of(FAULT_ENGINE_MEMORY, &opening), rounds;

	(void)state;
	assert_in_range(opening, 100, calls);
	for (long n = 1; n <= opening; n++)
		assert_true(one_point(FAULT_ENGINE_MEMORY, n, false));
	rounds = points_of_rounds(FAULT_ENGINE_MEMORY);
	printf("# %ld points of opening, %ld of a round, which has %ld calls\n", opening, rounds,
	       calls - opening);
	assert_true(rounds >= calls - opening);
}

static void test_memory_missing_in_openssl_leaves_a_round_whole_or_undone(void **state)
{
	(void)state;
	all_points(FAULT_CRYPTO_MEMORY, false, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_failing_file_call_leaves_a_round_whole_or_undone),
		cmocka_unit_test(
		    test_a_disk_that_fails_from_any_call_on_leaves_a_round_whole_or_undone),
		cmocka_unit_test(test_a_crash_at_any_file_call_leaves_a_round_whole_or_undone),
		cmocka_unit_test(test_memory_missing_in_the_engine_leaves_a_round_whole_or_undone),
		cmocka_unit_test(test_memory_missing_in_openssl_leaves_a_round_whole_or_undone),
	};

	return cmocka_run_group_tests(tests, setup_faults, forget_beginning);
}
