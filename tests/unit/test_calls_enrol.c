/*
 * C3 where fingers are enrolled, removed and erased: every call that the vault makes meanwhile
 * fails. A template is there whole, with its credential and its record, or not at all; and what
 * was said to be done is.
 */
#include <kenmon/finger.h>

#include "../../authd/vault/grant.h"
#include "../../authd/vault/store_internal.h"
#include "agree.h"
#include "calls_office.h"
#include "older.h"

#define CALLS_ENROLLED (2u * CALLS_PEOPLE) /* credentials there are from the start */
#define RIDGES         "ridges of somebody's finger"
#define RIDGES_LEN     4000 /* more than a page of the database */

static int matcher = -1; /* our end of its link */

/* A new one, as after a restart of it. */
static void matcher_comes(struct world *w)
{
	struct epoll_event ready = { .events = EPOLLIN };
	int pair[2];

	matcher_lost(w->v, "test");
	if (matcher >= 0)
		close(matcher);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	w->v->matcher = ready.data.fd = pair[0];
	w->v->matcher_spoke = true;
	matcher = pair[1];
	assert_int_equal(epoll_ctl(w->v->poll, EPOLL_CTL_ADD, pair[0], &ready), 0);
}

/* The vaults of this test have a link that nobody else closes. */
static void matcher_goes(struct world *w)
{
	if (w->v)
		matcher_lost(w->v, "test");
	if (matcher >= 0)
		close(matcher);
	matcher = -1;
}

static void with_matcher(struct world *w)
{
	km_rc rc = try_to_agree(w->v, "known");

	assert_true(rc == KM_OK || rc == KM_EEXIST);
	store_undo(w->v->store);
	prepare(w);
	matcher_comes(w);
}

/* --- enrolling ----------------------------------------------------------------------------- */

/* The grant under which something was lent; false: nothing was. */
static bool lent(uint8_t grant[KM_GRANT_BYTES])
{
	static uint8_t frame[KM_FRAME_MAX];
	struct km_msg m;
	bool found = false;
	size_t len;

	while (km_recv(matcher, frame, sizeof frame, &len, NULL, NULL, MSG_DONTWAIT) == KM_OK) {
		assert_int_equal(km_decode(frame, len, KM_FROM_VAULT, KM_PHASE_MATCHER, &m), KM_OK);
		found = m.number == KM_MSG_LEND;
		if (found)
			memcpy(grant, m.lend.grant, KM_GRANT_BYTES);
	}
	return found;
}

/* A link that is closed meanwhile is seen at the end. */
static void matcher_says(struct world *w, struct km_msg *m)
{
	static uint8_t frame[KM_FRAME_MAX];
	size_t len;

	assert_int_equal(km_encode(m, frame, sizeof frame, &len), KM_OK);
	if (km_send(matcher, frame, len, -1, 0) == KM_OK && !w->v->stop)
		world_round(w);
}

static void make_template(struct world *w, const uint8_t grant[KM_GRANT_BYTES])
{
	static uint8_t blob[RIDGES_LEN];
	struct km_msg m = { .number = KM_MSG_STAGE };

	memcpy(m.stage.grant, grant, KM_GRANT_BYTES);
	m.stage.outcome = KM_STAGE_GOOD;
	m.stage.of = KM_IMPRESSIONS_LEAST;
	for (m.stage.stage = 1; m.stage.stage <= KM_IMPRESSIONS_LEAST; m.stage.stage++)
		matcher_says(w, &m);
	for (size_t i = 0; i < sizeof blob; i++)
		blob[i] = (uint8_t)RIDGES[i % strlen(RIDGES)];
	m = (struct km_msg){ .number = KM_MSG_TEMPLATE };
	memcpy(m.finger_template.grant, grant, KM_GRANT_BYTES);
	m.finger_template.blob = (struct km_span){ .bytes = blob, .len = sizeof blob };
	matcher_says(w, &m);
}

static void send_finger(struct world *w)
{
	uint8_t grant[KM_GRANT_BYTES];

	memset(&office, 0, sizeof office);
	if (w->desk < 0 || km_send_msg(w->desk, &asked, -1, 0) != KM_OK)
		return;
	world_round(w);
	if (lent(grant))
		make_template(w, grant);
	while (heard_one(w))
		;
}

static void finger(struct world *w)
{
	struct msg_enrol_finger *m = &new_operation(KM_MSG_ENROL_FINGER)->enrol_finger;

	TEXT(m->login, "known");
	m->finger = KM_FINGER_RIGHT_INDEX;
	m->impressions = KM_IMPRESSIONS_LEAST;
	send_finger(w);
}

static bool opens(struct world *w)
{
	struct km_credential c = calls_credential(w, "known", KM_FACTOR_FINGERPRINT);
	struct km_operator op = calls_operator(w, "known");
	struct km_template *t = km_locked_new(sizeof *t);
	bool good = t && store_template(w->v->store, &op, &c, t) == KM_OK && t->len == RIDGES_LEN &&
		    memcmp(t->bytes, RIDGES, strlen(RIDGES)) == 0;

	km_locked_free(t, sizeof *t);
	return good;
}

static int64_t templates(struct world *w)
{
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(w->v->store->db[DB_VAULT].handle, "SELECT count(*) FROM template",
			       -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static void check_whole(struct world *w, bool there, bool enrolled)
{
	if (templates(w) != there)
		calls_say("%d templates", (int)templates(w));
	if (there && !opens(w))
		calls_say("the template does not open");
	if (calls_records(w, KM_EVENT_ENROLLED) != CALLS_ENROLLED + enrolled)
		calls_say("the trail says otherwise");
}

static void check_finger(struct world *w, bool dry)
{
	bool there = calls_credential(w, "known", KM_FACTOR_FINGERPRINT).id != 0;

	check_told(dry, there);
	check_whole(w, there, there);
	open_desk(w);
	world_round(w);
	for (size_t i = 0; i < KM_GRANTS; i++)
		if (w->v->grant[i].used)
			calls_say("a grant is left of a line that has gone");
	matcher_comes(w);
	send_finger(w);
	if (!done_ok())
		calls_say("sent again it is not enrolled");
	check_whole(w, true, true);
	matcher_goes(w);
}

/* --- removing and erasing --------------------------------------------------------------------- */

/* With nothing failing yet. */
static void with_finger(struct world *w)
{
	with_matcher(w);
	finger(w);
	assert_true(done_ok());
	matcher_goes(w);
}

static void remove_finger(struct world *w)
{
	uint64_t id = calls_credential(w, "known", KM_FACTOR_FINGERPRINT).id;
	struct msg_credential_remove *m =
	    &new_operation(KM_MSG_CREDENTIAL_REMOVE)->credential_remove;

	memset(asked.credential_remove.op, 0x78, sizeof asked.credential_remove.op);
	TEXT(m->login, "known");
	m->id = id;
	send_asked(w);
}

static void check_remove(struct world *w, bool dry)
{
	bool there = calls_credential(w, "known", KM_FACTOR_FINGERPRINT).id != 0;

	check_told(dry, !there);
	check_whole(w, there, true);
	if (calls_records(w, KM_EVENT_CREDENTIAL_REMOVED) != !there)
		calls_say("the trail says otherwise");
	again(w);
	check_whole(w, false, true);
}

static void erase(struct world *w)
{
	struct msg_erase *m = &new_operation(KM_MSG_ERASE)->erase;

	memset(asked.erase.op, 0x79, sizeof asked.erase.op);
	TEXT(m->login, "known");
	TEXT(m->reason, "left");
	send_asked(w);
}

static void check_erase(struct world *w, bool dry)
{
	bool gone = calls_operator(w, "known").cursor == 0;

	check_told(dry, gone);
	if (templates(w) != !gone)
		calls_say("%d templates", (int)templates(w));
	if (!gone)
		check_whole(w, true, true);
	again(w);
	for (unsigned n = 0; n < 3; n++)
		world_round(w);
	if (templates(w) != 0 || calls_operator(w, "known").cursor != 0)
		calls_say("sent again it was not erased");
}

static void withdraw(struct world *w)
{
	struct msg_consent_withdraw *m = &new_operation(KM_MSG_CONSENT_WITHDRAW)->consent_withdraw;

	memset(asked.consent_withdraw.op, 0x7a, sizeof asked.consent_withdraw.op);
	TEXT(m->login, "known");
	send_asked(w);
}

static bool still_agrees(struct world *w)
{
	struct km_operator op = calls_operator(w, "known");
	struct km_consent one;

	return store_consent_standing(w->v->store, op.subject, NULL, &one) == KM_OK;
}

static void check_withdraw(struct world *w, bool dry)
{
	bool gone = templates(w) == 0;

	check_told(dry, gone);
	if (still_agrees(w) == gone)
		calls_say("consent and finger did not go together");
	check_whole(w, !gone, true);
	again(w);
	for (unsigned n = 0; n < 3; n++)
		world_round(w);
	if (templates(w) != 0 || still_agrees(w))
		calls_say("sent again it was not withdrawn");
}

/* --- a folder of the version before --------------------------------------------------------------
 */

static struct folder older;

static int make_older(void **state)
{
	static const char before[] = OLDER_1;
	struct world *w;

	if (calls_setup(state))
		return -1;
	w = *state;
	world_up(w);
	store_undo(w->v->store);
	assert_int_equal(sqlite3_exec(w->v->store->db[DB_VAULT].handle, before, NULL, NULL, NULL),
			 SQLITE_OK);
	world_down(w);
	folder_keep(&older, w->dir);
	return 0;
}

static int forget_older(void **state)
{
	folder_forget(&older);
	return calls_teardown(state);
}

static void start(struct world *w)
{
	fault_pause(false);
	(void)!world_try(w);
	fault_pause(true);
}

static void check_start(struct world *w, bool dry)
{
	(void)dry;
	if (templates(w) != 0 || calls_everybody_is_whole(w) != CALLS_PEOPLE)
		calls_say("not everything is there, or too much");
	with_matcher(w);
	finger(w);
	if (!done_ok())
		calls_say("no finger can be enrolled afterwards");
	check_whole(w, true, true);
	matcher_goes(w);
}

#define MATRIX(name, folder, ...)                                                                  \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { __VA_ARGS__ };                               \
		calls_matrix(*state, folder, &act);                                                \
	}
MATRIX(test_C3_no_failing_call_half_enrols_a_finger, &calls_kept, false, with_matcher, finger,
       check_finger)
MATRIX(test_C3_no_failing_call_half_removes_a_finger, &calls_kept, false, with_finger,
       remove_finger, check_remove)
MATRIX(test_C3_no_failing_call_half_erases_a_finger, &calls_kept, false, with_finger, erase,
       check_erase)
MATRIX(test_C3_no_failing_call_half_withdraws_a_consent, &calls_kept, false, with_finger, withdraw,
       check_withdraw)
MATRIX(test_C3_no_failing_call_half_brings_an_older_folder_up_to_date, &older, true, NULL, start,
       check_start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C3_no_failing_call_half_enrols_a_finger),
		cmocka_unit_test(test_C3_no_failing_call_half_removes_a_finger),
		cmocka_unit_test(test_C3_no_failing_call_half_erases_a_finger),
		cmocka_unit_test(test_C3_no_failing_call_half_withdraws_a_consent),
		cmocka_unit_test(test_C3_no_failing_call_half_brings_an_older_folder_up_to_date),
	};

	return cmocka_run_group_tests(tests, make_older, forget_older);
}
