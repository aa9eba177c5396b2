/*
 * C3, C23 at the vault's other door: while an administrator's operations run, every call that the
 * vault makes fails. Each is done whole or not at all, what was said to be done is, and the same
 * operation sent again ends as it should have the first time.
 */
#include <kenmon/erased.h>

#include "../../authd/vault/store_internal.h"
#include "calls_office.h"

#define CALLS_ENROLLED (2 * CALLS_PEOPLE) /* credentials there are from the start */

/* --- people ------------------------------------------------------------------------------ */

static void add(struct world *w)
{
	struct msg_operator_add *m = &new_operation(KM_MSG_OPERATOR_ADD)->operator_add;

	TEXT(m->login, "new");
	TEXT(m->employee_number, "4711");
	TEXT(m->name, "New Person");
	TEXT(m->department, "X");
	m->uid = WORLD_UID;
	m->valid_from = m->valid_until = KM_DAY_NONE;
	send_asked(w);
}

static void check_add(struct world *w, bool dry)
{
	bool there = calls_operator(w, "new").cursor != 0;

	check_told(dry, there);
	if (calls_everybody_is_whole(w) != CALLS_PEOPLE + (size_t)there)
		calls_say("somebody is too many, or gone");
	again(w);
	if (calls_everybody_is_whole(w) != CALLS_PEOPLE + 1 || calls_operator(w, "new").cursor == 0)
		calls_say("sent again it did not register one person");
	if (calls_records(w, KM_EVENT_OPERATOR_ADDED) != CALLS_PEOPLE + 1)
		calls_say("the trail does not tell of one registration");
}

static void suspend(struct world *w)
{
	struct msg_operator_state *m = &new_operation(KM_MSG_OPERATOR_STATE)->operator_state;

	TEXT(m->login, "known");
	TEXT(m->reason, "because");
	m->state = KM_SUSPENDED;
	send_asked(w);
}

static void check_suspend(struct world *w, bool dry)
{
	bool there = calls_operator(w, "known").state == KM_SUSPENDED;

	check_told(dry, there);
	if (calls_records(w, KM_EVENT_OPERATOR_SUSPENDED) != (there ? 2 : 1))
		calls_say("the trail says otherwise");
	again(w);
	if (calls_operator(w, "known").state != KM_SUSPENDED ||
	    calls_records(w, KM_EVENT_OPERATOR_SUSPENDED) != 2)
		calls_say("sent again it was not done once");
	(void)calls_everybody_is_whole(w);
}

static void unlock(struct world *w)
{
	TEXT(new_operation(KM_MSG_UNLOCK)->unlock.login, "known");
	send_asked(w);
}

static void check_unlock(struct world *w, bool dry)
{
	check_told(dry, calls_records(w, KM_EVENT_UNLOCKED) == 1);
	again(w);
	if (calls_records(w, KM_EVENT_UNLOCKED) != 1)
		calls_say("sent again it was not done once");
}

/* --- credentials ---------------------------------------------------------------------------- */

static void enrol(struct world *w)
{
	struct msg_enrol *m = &new_operation(KM_MSG_ENROL)->enrol;

	TEXT(m->login, "known");
	m->factor = KM_FACTOR_TOTP;
	m->algorithm = KM_SHA1;
	m->digits = 6;
	m->period = 30;
	m->confirm = 1;
	assert_int_equal(km_secret_set(&m->secret, TOTP_SEED, strlen(TOTP_SEED)), KM_OK);
	send_asked(w);
}

static void check_enrol(struct world *w, bool dry)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_TOTP);
	struct km_operator op = calls_operator(w, "known");
	struct km_secret seed KM_SECRET = { 0 };

	check_told(dry, c.id != 0);
	if (calls_records(w, KM_EVENT_ENROLLED) != CALLS_ENROLLED + (c.id != 0))
		calls_say("the trail says otherwise");
	again(w);
	c = calls_credential(w, "known", KM_FACTOR_TOTP);
	if (store_seed(w->v->store, &op, &c, &seed) != KM_OK ||
	    !km_equal(seed.bytes, seed.len, TOTP_SEED, strlen(TOTP_SEED)))
		calls_say("the seed does not open");
	if (calls_records(w, KM_EVENT_ENROLLED) != CALLS_ENROLLED + 1 || c.moving == 0)
		calls_say("sent again it was not enrolled once, with its code used up");
}

static void recovery(struct world *w)
{
	struct msg_enrol_recovery *m = &new_operation(KM_MSG_ENROL_RECOVERY)->enrol_recovery;

	TEXT(m->login, "known");
	world_codes(&m->codes);
	send_asked(w);
}

static void check_recovery(struct world *w, bool dry)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_RECOVERY);
	bool there = calls_records(w, KM_EVENT_ENROLLED) == CALLS_ENROLLED + 1;
	uint16_t left = 0;

	check_told(dry, there);
	if (store_recovery_left(w->v->store, c.id, &left) != KM_OK || left != KM_RECOVERY_CODES)
		calls_say("%u codes are left of a set", left);
	again(w);
	if (calls_records(w, KM_EVENT_ENROLLED) != CALLS_ENROLLED + 1)
		calls_say("sent again it was not enrolled once");
	(void)calls_everybody_is_whole(w);
}

static void remove_one(struct world *w)
{
	struct msg_credential_remove *m =
	    &new_operation(KM_MSG_CREDENTIAL_REMOVE)->credential_remove;

	TEXT(m->login, "known");
	m->id = 1;
	send_asked(w);
}

static void check_remove(struct world *w, bool dry)
{
	bool gone = calls_credential(w, "known", KM_FACTOR_HOTP).id == 0;

	check_told(dry, gone);
	if (calls_records(w, KM_EVENT_CREDENTIAL_REMOVED) != gone)
		calls_say("the trail says otherwise");
	again(w);
	if (calls_credential(w, "known", KM_FACTOR_HOTP).id != 0 ||
	    calls_credential(w, "known", KM_FACTOR_RECOVERY).id == 0)
		calls_say("sent again it did not remove one");
}

static void resync(struct world *w)
{
	struct msg_resync *m = &new_operation(KM_MSG_RESYNC)->resync;

	TEXT(m->login, "known");
	m->id = 1;
	send_asked(w);
}

static void check_resync(struct world *w, bool dry)
{
	bool moved = calls_credential(w, "known", KM_FACTOR_HOTP).moving == RESYNC_AT + 2;

	check_told(dry, moved);
	if (calls_records(w, KM_EVENT_RESYNCED) != moved)
		calls_say("the trail says otherwise");
	again(w);
	if (calls_credential(w, "known", KM_FACTOR_HOTP).moving != RESYNC_AT + 2 ||
	    calls_records(w, KM_EVENT_RESYNCED) != 1)
		calls_say("sent again it was not done once");
}

/* --- erasing ------------------------------------------------------------------------------- */

static void erase(struct world *w)
{
	struct msg_erase *m = &new_operation(KM_MSG_ERASE)->erase;

	TEXT(m->login, "known");
	TEXT(m->reason, "left");
	send_asked(w);
}

static int64_t rows_of(struct world *w, enum store_db_id db, const char *table)
{
	char text[64];
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	snprintf(text, sizeof text, "SELECT count(*) FROM %s", table);
	if (sqlite3_prepare_v2(w->v->store->db[db].handle, text, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* So many rows as persons there are: all, or one less after the erasure. */
static void check_rows(struct world *w, int64_t people)
{
	static const struct {
		enum store_db_id db;
		const char *table;
		int64_t each;
	} tables[] = {
		{ DB_VAULT, "operator", 1 },   { DB_VAULT, "subject_key", 1 },
		{ DB_VAULT, "credential", 2 }, { DB_VAULT, "recovery", KM_RECOVERY_CODES },
		{ DB_IDENTITY, "person", 1 },
	};

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		if (rows_of(w, tables[i].db, tables[i].table) != people * tables[i].each)
			calls_say("%d rows in %s with %d people",
				  (int)rows_of(w, tables[i].db, tables[i].table), tables[i].table,
				  (int)people);
	if (rows_of(w, DB_IDENTITY, "tombstone") != CALLS_PEOPLE - people)
		calls_say("not one tombstone");
}

/* Of this many, and so many are finished. */
static void check_certificates(struct world *w, size_t begun, size_t finished)
{
	struct km_certificate all[4];
	size_t count = 0, done = 0;

	if (store_certificates(w->v->store, 0, 4, all, &count) != KM_OK)
		calls_say("certificates cannot be read");
	for (size_t i = 0; i < count; i++)
		done += all[i].finished != 0 && all[i].seq != 0 && !all[i].damaged;
	if (count != begun || done != finished)
		calls_say("%zu certificates, %zu finished", count, done);
}

static void check_erase(struct world *w, bool dry)
{
	bool gone = calls_operator(w, "known").cursor == 0;

	check_told(dry, gone);
	check_rows(w, CALLS_PEOPLE - gone);
	if (calls_records(w, KM_EVENT_ERASE_BEGUN) != gone ||
	    calls_records(w, KM_EVENT_ERASED) != gone)
		calls_say("the trail says otherwise");
	check_certificates(w, gone, gone);
	again(w);
	for (unsigned n = 0; n < 3; n++)
		world_round(w);
	check_rows(w, CALLS_PEOPLE - 1);
	if (calls_records(w, KM_EVENT_ERASED) != 1 ||
	    calls_everybody_is_whole(w) != CALLS_PEOPLE - 1)
		calls_say("sent again it did not erase once");
	check_certificates(w, 1, 1);
}

/* --- listings --------------------------------------------------------------------------------- */

static const struct {
	enum km_message_number number;
	unsigned rows;
} listings[] = {
	{ KM_MSG_OPERATOR_LIST, CALLS_PEOPLE },
	{ KM_MSG_OPERATOR_SHOW, 1 },
	{ KM_MSG_CREDENTIAL_LIST, 2 },
	{ KM_MSG_AUDIT_LIST, 5 },
	{ KM_MSG_AUDIT_VERIFY, 0 },
	{ KM_MSG_STATUS, 15 },
};
static unsigned lied; /* in which listing rows were missing and DONE said OK; 0: in none */

/* A slice that is not the end is asked for again. */
static void list(struct world *w)
{
	lied = 0;
	for (size_t i = 0; i < sizeof listings / sizeof listings[0]; i++) {
		new_operation(listings[i].number);
		if (listings[i].number == KM_MSG_OPERATOR_SHOW)
			TEXT(asked.operator_show.login, "known");
		if (listings[i].number == KM_MSG_CREDENTIAL_LIST)
			TEXT(asked.credential_list.login, "known");
		if (listings[i].number == KM_MSG_OPERATOR_LIST)
			asked.operator_list.limit = 10;
		if (listings[i].number == KM_MSG_AUDIT_LIST)
			asked.audit_list.limit = 5;
		send_asked(w);
		if (done_ok() && office.rows < listings[i].rows)
			lied = (unsigned)listings[i].number;
		if (listings[i].number == KM_MSG_AUDIT_VERIFY && office.rc == KM_ECORRUPT)
			lied = KM_MSG_AUDIT_VERIFY;
	}
}

static void check_list(struct world *w, bool dry)
{
	if (lied)
		calls_say("%s does not tell the truth", km_message_name(lied));
	if (dry && !done_ok())
		calls_say("nothing failed, and no status");
	open_desk(w);
	list(w);
	if (!done_ok() || lied)
		calls_say("afterwards the listings do not work");
}

/* --- */

static void check_desk(struct world *w, bool dry)
{
	if (dry && w->desk < 0)
		calls_say("nothing failed, and no line");
	new_operation(KM_MSG_STATUS);
	again(w);
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_half_opens_a_line_to_the_desk, NULL, open_desk, check_desk)
MATRIX(test_C3_no_failing_call_half_registers_an_operator, prepare, add, check_add)
MATRIX(test_C3_no_failing_call_half_suspends, prepare, suspend, check_suspend)
MATRIX(test_C3_no_failing_call_half_unlocks, prepare, unlock, check_unlock)
MATRIX(test_C3_no_failing_call_half_enrols_a_confirmed_seed, prepare, enrol, check_enrol)
MATRIX(test_C3_no_failing_call_half_enrols_recovery_codes, prepare, recovery, check_recovery)
MATRIX(test_C3_no_failing_call_half_removes_a_credential, prepare, remove_one, check_remove)
MATRIX(test_C3_no_failing_call_half_resynchronises_a_token, prepare, resync, check_resync)
MATRIX(test_C3_no_failing_call_leaves_an_erasure_half_done, prepare, erase, check_erase)
MATRIX(test_C3_no_failing_call_makes_a_listing_lie, prepare, list, check_list)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_half_opens_a_line_to_the_desk),
		cmocka_unit_test(test_C3_no_failing_call_half_registers_an_operator),
		cmocka_unit_test(test_C3_no_failing_call_half_suspends),
		cmocka_unit_test(test_C3_no_failing_call_half_unlocks),
		cmocka_unit_test(test_C3_no_failing_call_half_enrols_a_confirmed_seed),
		cmocka_unit_test(test_C3_no_failing_call_half_enrols_recovery_codes),
		cmocka_unit_test(test_C3_no_failing_call_half_removes_a_credential),
		cmocka_unit_test(test_C3_no_failing_call_half_resynchronises_a_token),
		cmocka_unit_test(test_C3_no_failing_call_leaves_an_erasure_half_done),
		cmocka_unit_test(test_C3_no_failing_call_makes_a_listing_lie),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
