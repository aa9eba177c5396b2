/*
 * C3, C23: while a roster is handed in, accepted and worked off, every call that the vault makes
 * fails. Then it was not begun, and nothing of it is left, or it is worked off to its end: there is
 * nothing in between.
 */
#include "../../authd/vault/keys_internal.h"
#include "../../authd/vault/store_internal.h"
#include "calls_two.h"

static struct {
	uint8_t bytes[1024];
	size_t len;
	uint32_t rows;
} sheet;

static void put_text(const char *text)
{
	size_t len = strlen(text);

	keys_put(sheet.bytes + sheet.len, len, 2);
	memcpy(sheet.bytes + sheet.len + 2, text, len);
	sheet.len += 2 + len;
}

static void put_row(const char *number, const char *login, const char *name, unsigned status,
		    const char *role)
{
	uint8_t *at = keys_put(sheet.bytes + sheet.len, ++sheet.rows, 4);

	at = keys_put(at, status, 1);
	at = keys_put(at, (uint64_t)KM_DAY_NONE, 8);
	keys_put(at, (uint64_t)KM_DAY_NONE, 8);
	sheet.len += 21;
	put_text(number);
	put_text(login);
	put_text(name);
	put_text("department");
	put_text(role);
	put_text("");
	put_text("");
}

/* Somebody joins, somebody's name changes, somebody left. */
static void write_sheet(const char *role)
{
	memset(&sheet, 0, sizeof sheet);
	put_row("x1", "new", "New Person", KM_ROSTER_ACTIVE, role);
	put_row("Nknown", "known", "Another Name", KM_ROSTER_ACTIVE, "");
	put_row("Nsuspended", "suspended", "name", KM_ROSTER_RETIRED, "");
}

static bool step(struct world *w, enum km_message_number number)
{
	asked.number = (uint8_t)number;
	memset(asked.status.op, (int)number, sizeof asked.status.op);
	send_asked(w);
	return done_ok();
}

/* Up to its end; who joins is to have this role. */
static void hand_in_as(struct world *w, const char *role)
{
	write_sheet(role);
	asked = (struct km_msg){ .number = KM_MSG_ROSTER_BEGIN };
	memset(asked.roster_begin.digest, 9, sizeof asked.roster_begin.digest);
	asked.roster_begin.made = 1000;
	asked.roster_begin.rows = sheet.rows;
	asked.roster_begin.columns = role[0] ? KM_CHANGE_ROLE : 0;
	if (!step(w, KM_MSG_ROSTER_BEGIN))
		return;
	asked = (struct km_msg){ .number = KM_MSG_ROSTER_SLICE };
	asked.roster_slice.rows = (struct km_span){ sheet.bytes, (uint16_t)sheet.len };
	if (!step(w, KM_MSG_ROSTER_SLICE))
		return;
	asked = (struct km_msg){ .number = KM_MSG_ROSTER_END };
	asked.roster_end.apply = 1;
	asked.roster_end.erasures = -1;
	(void)step(w, KM_MSG_ROSTER_END);
	for (unsigned n = 0; n < 4; n++)
		world_round(w);
}

static void hand_in(struct world *w)
{
	hand_in_as(w, "");
}

static int64_t rows_of(struct world *w, const char *table)
{
	char text[64];
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	snprintf(text, sizeof text, "SELECT count(*) FROM %s", table);
	if (sqlite3_prepare_v2(w->v->store->db[DB_VAULT].handle, text, -1, &st, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Until nothing is left to do; what waits a second after a failure waits no longer. */
static void settle(struct world *w)
{
	if (w->desk >= 0)
		close(w->desk);
	w->desk = -1;
	for (unsigned n = 0; n < 40; n++) {
		w->v->feed.again_ms = w->v->due.look_ms = 0;
		w->v->erase.more_ms = 0;
		world_round(w);
	}
}

static bool is_named(struct world *w, const char *login, const char *name)
{
	struct km_operator op = calls_operator(w, login);
	struct km_person who = { 0 };

	if (op.cursor == 0 || store_person(w->v->store, &op, &who) != KM_OK)
		return false;
	return strcmp(who.name, name) == 0;
}

static void check_nothing(struct world *w)
{
	if (calls_operator(w, "new").cursor != 0)
		calls_say("somebody was registered by a roster that was not accepted");
	if (!is_named(w, "known", "name"))
		calls_say("somebody was changed by it");
	if (calls_operator(w, "suspended").cursor == 0 || rows_of(w, "due") != 0)
		calls_say("somebody is destroyed by it");
}

static void check_all(struct world *w)
{
	if (w->v->feed.working || calls_records(w, KM_EVENT_FEED_DONE) != 1)
		calls_say("an accepted roster is not worked off");
	if (!is_named(w, "new", "New Person") || calls_operator(w, "new").state != KM_ACTIVE)
		calls_say("who joined is not there");
	if (!is_named(w, "known", "Another Name"))
		calls_say("who changed is as before");
	if (calls_operator(w, "suspended").cursor != 0 || rows_of(w, "due") != 0)
		calls_say("who left is still there");
	if (calls_records(w, KM_EVENT_OPERATOR_CHANGED) != 1 ||
	    calls_records(w, KM_EVENT_DUE_SET) != 1 || calls_records(w, KM_EVENT_ERASED) != 1)
		calls_say("the trail tells it otherwise");
}

static void check_roster(struct world *w, bool dry)
{
	bool accepted, told = asked.number == KM_MSG_ROSTER_END && office.done;

	settle(w);
	accepted = calls_records(w, KM_EVENT_FEED_ACCEPTED) == 1;
	if (told && office.rc == KM_OK && !accepted)
		calls_say("\"done\", and it is not accepted");
	if (told && office.rc != KM_OK && accepted)
		calls_say("\"%s\", and it is accepted", km_rc_text(office.rc, KM_LANG_EN));
	if (dry && !accepted)
		calls_say("nothing failed, and it is not accepted");
	if (accepted)
		check_all(w);
	else
		check_nothing(w);
	if (rows_of(w, "stage") != 0 || rows_of(w, "work_key") != 0 ||
	    rows_of(w, "feed") != (accepted ? 1 : 0))
		calls_say("%d rows of it, %d keys, %d rosters are left, accepted %d",
			  (int)rows_of(w, "stage"), (int)rows_of(w, "work_key"),
			  (int)rows_of(w, "feed"), accepted);
	(void)calls_everybody_is_whole(w);
}

/* --- one that a second person agrees to --------------------------------------------------------
 */

/* Rei hands in one that makes an administrator, so it waits; Aki is about to agree. */
static void prepare_waiting(struct world *w)
{
	prepare_two(w);
	hand_in_as(w, "auditor");
	assert_true(office.done);
	assert_int_equal(office.rc, KM_EFILED);
	close(w->desk);
	w->desk = -1;
	for (unsigned n = 0; n < 4; n++)
		world_round(w);
	decides(w, true);
}

static void agree(struct world *w)
{
	send_asked(w);
	for (unsigned n = 0; n < 4; n++)
		world_round(w);
}

/* The request stands as long as the roster waits, and both go in one. */
static bool is_accepted(struct world *w)
{
	bool accepted = calls_records(w, KM_EVENT_FEED_ACCEPTED) == 1;
	struct km_filed r;

	if (waiting(w, &r) != (accepted ? 0 : 1))
		calls_say("accepted %d, and %zu requests wait", accepted, waiting(w, &r));
	return accepted;
}

static void check_agreed(struct world *w, bool dry)
{
	const struct km_msg decision = asked;
	struct km_feed feed;
	bool accepted;

	check_told(dry, is_accepted(w));
	settle(w);
	accepted = is_accepted(w);
	if (!accepted) {
		check_nothing(w);
		if (store_feed_in(w->v->store, KM_FEED_WAITING, KM_FEED_WAITING, &feed) != KM_OK ||
		    rows_of(w, "stage") != (int64_t)sheet.rows)
			calls_say("a roster that nobody agreed to waits no more");
	}
	/* Once more under the same id. */
	at_the_desk(w, "aki");
	asked = decision;
	send_asked(w);
	if (!done_ok() || !is_accepted(w))
		calls_say("sent again it was not accepted once");
	settle(w);
	check_all(w);
	if (calls_operator(w, "new").role != KM_ROLE_AUDITOR)
		calls_say("who joined has another role");
	if (rows_of(w, "stage") != 0 || rows_of(w, "work_key") != 0 || rows_of(w, "feed") != 1)
		calls_say("something of it is left");
	(void)calls_everybody_is_whole(w);
}

static void test_C3_no_failing_call_half_agrees_to_a_roster(void **state)
{
	static const struct calls_act act = { false, prepare_waiting, agree, check_agreed };

	calls_matrix(*state, &calls_kept, &act);
}

static void test_C3_no_failing_call_takes_a_roster_in_part(void **state)
{
	static const struct calls_act act = { false, prepare, hand_in, check_roster };

	calls_matrix(*state, &calls_kept, &act);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_takes_a_roster_in_part),
		cmocka_unit_test(test_C3_no_failing_call_half_agrees_to_a_roster),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
