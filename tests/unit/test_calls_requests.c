/*
 * C3 where acts take two persons: while one is filed, approved, rejected or expires, every call
 * that the vault makes fails. Each is there whole or not at all: no act without the end of its
 * request, nothing that waits without one, and the same operation sent again ends as it should
 * have.
 */
#include "calls_two.h"

#define UNTIL_EXPIRED (31 * 86400)

static size_t work_keys(struct world *w)
{
	sqlite3_stmt *st = NULL;
	size_t n;

	assert_int_equal(sqlite3_prepare_v2(w->v->store->db[DB_VAULT].handle,
					    "SELECT count(*) FROM work_key", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = (size_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static void ask_rebind(void)
{
	struct msg_operator_rebind *m = &new_operation(KM_MSG_OPERATOR_REBIND)->operator_rebind;

	TEXT(m->login, "known");
	m->uid = 77;
}

static void ask_codes(void)
{
	struct msg_enrol_recovery *m = &new_operation(KM_MSG_ENROL_RECOVERY)->enrol_recovery;

	TEXT(m->login, "known");
	m->codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (size_t i = 0; i < m->codes.len; i++)
		m->codes.bytes[i] = (uint8_t)('K' + i / KM_RECOVERY_LENGTH);
}

static void told_filed(bool dry, bool there)
{
	bool filed = office.done && office.rc == KM_EFILED;

	if (filed && !there)
		calls_say("\"filed\", and it is not there");
	if (office.done && !filed && there)
		calls_say("\"%s\", and it is there", km_rc_text(office.rc, KM_LANG_EN));
	if (dry && !filed)
		calls_say("nothing failed, and it is not filed");
}

/* --- filing -------------------------------------------------------------------------------------
 */

static void file(struct world *w)
{
	ask_rebind();
	send_asked(w);
}

static void check_file(struct world *w, bool dry)
{
	struct km_filed r;
	size_t count = waiting(w, &r);

	told_filed(dry, count == 1);
	if (count > 1 || work_keys(w) != count || calls_records(w, KM_EVENT_REQUESTED) != count)
		calls_say("%zu requests, %zu keys", count, work_keys(w));
	at_the_desk(w, "rei");
	send_asked(w);
	if (!office.done || office.rc != KM_EFILED || waiting(w, &r) != 1 || work_keys(w) != 1)
		calls_say("sent again it was not filed once");
	if (calls_operator(w, "known").uid != WORLD_UID)
		calls_say("one person did it");
}

/* Stored, waiting and asked for; or none of it. */
static void enrol(struct world *w)
{
	ask_codes();
	send_asked(w);
}

static size_t waits(struct world *w)
{
	struct km_operator op = calls_operator(w, "known");
	struct km_credential all[KM_MAX_CREDENTIALS];
	size_t count = 0, found = 0;

	assert_int_equal(store_credentials(w->v->store, op.subject, all, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		found += all[i].waiting;
	return found;
}

static void check_enrol(struct world *w, bool dry)
{
	struct km_filed r;
	size_t count = waiting(w, &r);

	told_filed(dry, count == 1);
	if (waits(w) != count)
		calls_say("%zu wait, %zu are asked for", waits(w), count);
	at_the_desk(w, "rei");
	send_asked(w);
	if (!office.done || office.rc != KM_EFILED || waiting(w, &r) != 1 || waits(w) != 1)
		calls_say("sent again it was not enrolled once");
	if (calls_credential(w, "known", KM_FACTOR_RECOVERY).waiting)
		calls_say("the codes that were good are gone");
}

/* --- deciding
 * -------------------------------------------------------------------------------------- */

static void prepare_approval(struct world *w)
{
	prepare_two(w);
	file(w);
	assert_int_equal(office.rc, KM_EFILED);
	decides(w, true);
}

static void check_approval(struct world *w, bool dry)
{
	bool there = calls_operator(w, "known").uid == 77;
	struct km_filed r;

	check_told(dry, there);
	if (waiting(w, &r) != (there ? 0 : 1) || work_keys(w) != (there ? 0 : 1))
		calls_say("done %d, and %zu wait", there, waiting(w, &r));
	at_the_desk(w, "aki");
	send_asked(w);
	if (!done_ok() || calls_operator(w, "known").uid != 77 || waiting(w, &r) != 0 ||
	    calls_records(w, KM_EVENT_OPERATOR_REBOUND) != 1)
		calls_say("sent again it was not done once");
}

static void prepare_rejection(struct world *w)
{
	prepare_two(w);
	enrol(w);
	assert_int_equal(office.rc, KM_EFILED);
	decides(w, false);
}

static void gone_together(struct world *w)
{
	struct km_filed r;
	size_t count = waiting(w, &r);

	if (waits(w) != count || work_keys(w) != count)
		calls_say("%zu wait, %zu are asked for", waits(w), count);
}

static void check_rejection(struct world *w, bool dry)
{
	struct km_filed r;

	check_told(dry, waiting(w, &r) == 0);
	gone_together(w);
	at_the_desk(w, "aki");
	send_asked(w);
	gone_together(w);
	if (!done_ok() || waiting(w, &r) != 0 || calls_records(w, KM_EVENT_REQUEST_REJECTED) != 1)
		calls_say("sent again it was not rejected once");
}

/* --- expiring
 * ---------------------------------------------------------------------------------------- */

static void prepare_expired(struct world *w)
{
	prepare_two(w);
	w->v->conf.approval_expires = 1;
	enrol(w);
	assert_int_equal(office.rc, KM_EFILED);
}

static void expire(struct world *w)
{
	w->v->now.wall += UNTIL_EXPIRED;
	store_set_now(w->v->store, &w->v->now);
	w->v->tended_ms = 0;
	fault_pause(false);
	tend_waiting(w->v);
	fault_pause(true);
	world_round(w);
}

static void check_expired(struct world *w, bool dry)
{
	struct km_filed r;

	gone_together(w);
	if (dry && waiting(w, &r) != 0)
		calls_say("nothing failed, and it has not expired");
	expire(w);
	gone_together(w);
	if (waiting(w, &r) != 0 || calls_records(w, KM_EVENT_REQUEST_EXPIRED) != 1)
		calls_say("the next time it did not expire once");
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C3_no_failing_call_half_files_a_request, prepare_two, file, check_file)
MATRIX(test_C3_no_failing_call_leaves_anything_that_waits_alone, prepare_two, enrol, check_enrol)
MATRIX(test_C3_no_failing_call_half_approves, prepare_approval, send_asked, check_approval)
MATRIX(test_C3_no_failing_call_half_rejects, prepare_rejection, send_asked, check_rejection)
MATRIX(test_C3_no_failing_call_half_expires, prepare_expired, expire, check_expired)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_half_files_a_request),
		cmocka_unit_test(test_C3_no_failing_call_leaves_anything_that_waits_alone),
		cmocka_unit_test(test_C3_no_failing_call_half_approves),
		cmocka_unit_test(test_C3_no_failing_call_half_rejects),
		cmocka_unit_test(test_C3_no_failing_call_half_expires),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
