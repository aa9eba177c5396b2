/*
 * Many erasures at once: in slices between logins, with one truncation of the logs at the end, and
 * nobody kept waiting by somebody else; and what a desk is told of certificates.
 */
#include "vault_room.h"

#include <sqlite3.h>

#include <kenmon/certificate.h>
#include <kenmon/erased.h>
#include <kenmon/signature.h>

#include "../../authd/vault/store_internal.h"

#define MANY (2 * ERASE_SLICE + 22) /* three slices */

static struct erase_wish wishes[MANY];

static struct km_operator registered(const char *login, int64_t uid)
{
	const struct km_operator in = { .uid = uid,
					.valid_from = KM_DAY_NONE,
					.valid_until = KM_DAY_NONE };
	struct km_person who = { .name = "Name", .department = "Department" };
	struct km_event_record r;
	struct km_operator op;

	snprintf(who.login, sizeof(who.login), "%s", login);
	snprintf(who.employee_number, sizeof(who.employee_number), "E%s", login);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(room.v->store, &in, &who, &r, &op), KM_OK);
	return op;
}

static void wish_for(struct erase_wish *w, const struct km_operator *op)
{
	*w = (struct erase_wish){ .order.cause = KM_CAUSE_TRANSFERRED };
	memcpy(w->subject, op->subject, sizeof(w->subject));
	event_make(&w->event, KM_EVENT_ERASE_BEGUN, op->subject, "vault");
}

static void register_many(void)
{
	char login[16];

	for (int i = 0; i < MANY; i++) {
		struct km_operator op;

		snprintf(login, sizeof(login), "user%d", i);
		op = registered(login, 2000 + i);
		wish_for(&wishes[i], &op);
	}
	assert_int_equal(store_flush(room.v->store), KM_OK);
}

/* All of them, T1; the flush is the round's. */
static void begin_many(void)
{
	for (size_t i = 0; i < MANY; i += ERASE_SLICE) {
		size_t n = MANY - i < ERASE_SLICE ? MANY - i : ERASE_SLICE;

		assert_int_equal(erase_begin_many(room.v, &wishes[i], n, false), KM_OK);
		assert_int_equal(store_flush(room.v->store), KM_OK);
		note_settle(room.v, true);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(wishes[i + k].rc, KM_OK);
	}
}

static uint64_t being_erased(void)
{
	struct km_counts n;

	assert_int_equal(store_counts(room.v->store, &n), KM_OK);
	return n.erasing;
}

static unsigned finished(void)
{
	static struct km_certificate all[MANY + 8];
	unsigned n = 0;
	size_t count;

	assert_int_equal(store_certificates(room.v->store, 0, MANY + 8, all, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		n += all[i].finished != 0;
	return n;
}

static void later_ms(int64_t ms)
{
	room.v->now.boot_ms += ms;
	store_set_now(room.v->store, &room.v->now);
}

/* --- slices -------------------------------------------------------------------------------- */

static void test_many_are_erased_slice_by_slice_and_each_has_a_certificate(void **state)
{
	(void)state;
	register_many();
	begin_many();
	assert_int_equal(being_erased(), MANY);
	assert_true(erase_work(room.v));
	assert_int_equal(finished(), ERASE_SLICE);
	assert_true(erase_work(room.v));
	assert_int_equal(finished(), 2 * ERASE_SLICE);
	assert_true(room.v->erasing);
	assert_false(erase_work(room.v));
	assert_false(room.v->erasing);
	assert_int_equal(finished(), MANY);
	assert_int_equal(being_erased(), 0);
}

static void test_the_logs_forget_the_keys_of_all_of_them(void **state)
{
	char path[128];
	struct stat st;

	(void)state;
	register_many();
	begin_many();
	while (erase_work(room.v))
		;
	snprintf(path, sizeof(path), "%s/vault.db-wal", room.state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
}

static void test_while_logins_are_served_there_is_one_slice_in_a_while(void **state)
{
	(void)state;
	register_many();
	begin_many();
	room.v->pacing.served_ms = room.v->now.boot_ms;
	assert_true(erase_work(room.v)); /* the first need not wait */
	assert_int_equal(finished(), ERASE_SLICE);
	assert_true(erase_work(room.v));
	assert_true(room.v->pacing.held);
	later_ms(PACE_EVERY_MS - 1);
	assert_true(erase_work(room.v));
	assert_int_equal(finished(), ERASE_SLICE);
	later_ms(1);
	assert_true(erase_work(room.v));
	assert_false(room.v->pacing.held);
	assert_int_equal(finished(), 2 * ERASE_SLICE);
	/* Nobody comes any more. */
	later_ms(10000);
	assert_false(erase_work(room.v));
	assert_int_equal(finished(), MANY);
}

static void test_the_keys_of_all_of_them_go_before_the_rest_of_any(void **state)
{
	(void)state;
	register_many();
	assert_int_equal(erase_begin_many(room.v, wishes, ERASE_SLICE, true), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_true(erase_work(room.v));
	assert_true(room.v->pacing.held);
	assert_int_equal(finished(), 0);
	/* Whoever said that others follow and did not come again is not waited for. */
	later_ms(5000);
	while (erase_work(room.v))
		;
	assert_int_equal(finished(), ERASE_SLICE);
}

static void test_one_who_cannot_be_erased_keeps_no_other_from_it(void **state)
{
	struct erase_wish three[3] = { 0 };
	struct km_operator alice = registered("alice", 1), bob = registered("bob", 2),
			   nobody = { 0 };

	(void)state;
	wish_for(&three[0], &alice);
	wish_for(&three[1], &nobody);
	wish_for(&three[2], &alice);
	assert_int_equal(erase_begin_many(room.v, three, 3, false), KM_OK);
	assert_int_equal(three[0].rc, KM_OK);
	assert_int_equal(three[1].rc, KM_ENOTFOUND);
	assert_int_equal(three[2].rc, KM_ESTATE);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_int_equal(being_erased(), 1);
	assert_int_equal(store_operator_by_subject(room.v->store, bob.subject, &bob), KM_OK);
	assert_int_equal(bob.state, KM_ACTIVE);
}

static void test_C35_nobody_of_many_is_erased_while_anything_is_in_doubt(void **state)
{
	struct km_operator alice = registered("alice", 1);

	(void)state;
	wish_for(&wishes[0], &alice);
	room.v->suspicion = KM_SUSPECT_CLOCK;
	assert_int_equal(erase_begin_many(room.v, wishes, 1, false), KM_ESUSPECT);
	room.v->suspicion = 0;
	assert_int_equal(erase_begin_many(room.v, wishes, ERASE_SLICE + 1, false), KM_ELIMIT);
	assert_int_equal(being_erased(), 0);
	assert_false(room.v->erasing);
}

/* --- somebody who waits, somebody who is damaged ---------------------------------------------- */

static void lend(const struct km_operator *op)
{
	struct returning *r = &room.v->returning[0];

	*r = (struct returning){ .used = true, .until_ms = room.v->now.boot_ms + 60000 };
	memcpy(r->subject, op->subject, sizeof(r->subject));
}

static void test_who_waits_for_a_lent_template_keeps_nobody_else_waiting(void **state)
{
	struct km_operator alice = registered("alice", 1), bob = registered("bob", 2);
	struct km_certificate c;

	(void)state;
	wish_for(&wishes[0], &alice);
	wish_for(&wishes[1], &bob);
	assert_int_equal(erase_begin_many(room.v, wishes, 2, false), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	lend(&alice);
	assert_false(erase_work(room.v));
	assert_true(room.v->erasing);
	assert_int_equal(store_certificate(room.v->store, alice.subject, &c), KM_OK);
	assert_int_equal(c.finished, 0);
	assert_int_equal(store_certificate(room.v->store, bob.subject, &c), KM_OK);
	assert_true(c.finished > 0);
	room.v->returning[0].used = false;
	assert_false(erase_work(room.v));
	assert_false(room.v->erasing);
	assert_int_equal(finished(), 2);
}

static void change(const char *text)
{
	store_idle(room.v->store);
	assert_int_equal(sqlite3_exec(room.v->store->db[DB_VAULT].handle, text, NULL, NULL, NULL),
			 SQLITE_OK);
}

/* Nothing is done to a row that is not ours, and a desk that waits is not told that it is done. */
static void test_a_row_that_was_changed_stops_nobody_and_is_told(void **state)
{
	struct km_msg erase = { .number = KM_MSG_ERASE }, m;
	struct km_operator alice = registered("alice", 1);
	int line = desk_comes();

	(void)state;
	registered("bob", 2);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	change("UPDATE operator SET state = 3, uid = 7 WHERE uid = 1");
	snprintf(erase.erase.login, sizeof(erase.erase.login), "bob");
	snprintf(erase.erase.reason, sizeof(erase.erase.reason), "left");
	memset(erase.erase.op, 5, sizeof(erase.erase.op));
	assert_int_equal(km_send_msg(line, &erase, -1, 0), KM_OK);
	vault_round(room.v, 0);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	assert_int_equal(m.number, KM_MSG_DONE);
	assert_int_equal(m.done.rc, (uint8_t)-KM_ECORRUPT);
	assert_false(room.v->erasing);
	assert_int_equal(finished(), 1);
	assert_int_equal(store_operator_by_subject(room.v->store, alice.subject, &alice),
			 KM_ECORRUPT);
	close(line);
}

/* --- what a desk is told -------------------------------------------------------------------- */

struct told {
	struct msg_certificate_row row;
	struct msg_certificate_item item[KM_CERTIFICATE_ITEMS];
	size_t items, signers, rows, leavers;
	struct msg_signer_row signer;
	struct msg_done done;
};

static struct told tell(int line, struct km_msg m)
{
	struct told t = { 0 };

	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (m.number == KM_MSG_CERTIFICATE_ROW) {
			t.row = m.certificate_row;
			t.rows++;
		} else if (m.number == KM_MSG_CERTIFICATE_ITEM) {
			t.item[t.items++] = m.certificate_item;
		} else if (m.number == KM_MSG_SIGNER_ROW) {
			t.signer = m.signer_row;
			t.signers++;
		} else if (m.number == KM_MSG_LEAVER_ROW) {
			t.leavers++;
		}
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	t.done = m.done;
	return t;
}

static void erase_alice(struct km_operator *alice)
{
	*alice = registered("alice", 1);
	wish_for(&wishes[0], alice);
	assert_int_equal(erase_begin_many(room.v, wishes, 1, false), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	assert_false(erase_work(room.v));
}

static void test_a_certificate_is_signed_when_it_is_shown(void **state)
{
	struct km_msg show = { .number = KM_MSG_CERTIFICATE_SHOW };
	uint8_t message[KM_CERTIFICATE_MESSAGE];
	struct km_operator alice;
	struct told t;
	size_t len;
	int line;

	(void)state;
	erase_alice(&alice);
	line = desk_comes();
	snprintf(show.certificate_show.employee_number,
		 sizeof(show.certificate_show.employee_number), "Ealice");
	t = tell(line, show);
	assert_int_equal(t.done.rc, 0);
	assert_memory_equal(t.row.subject, alice.subject, sizeof(alice.subject));
	assert_int_equal(t.row.cause, KM_CAUSE_TRANSFERRED);
	assert_int_equal(t.items, 1);
	assert_int_equal(t.signers, 1);
	assert_int_equal(t.row.generation, t.signer.generation);
	len = km_certificate_message(&t.row, t.item, message);
	assert_int_equal(km_signature_verify(t.signer.public, message, len, t.row.signature),
			 KM_OK);
	message[len - 1] ^= 1;
	assert_int_equal(km_signature_verify(t.signer.public, message, len, t.row.signature),
			 KM_ECORRUPT);
	close(line);
}

static void test_without_a_signer_a_certificate_says_that_it_is_not_signed(void **state)
{
	struct km_msg show = { .number = KM_MSG_CERTIFICATE_SHOW };
	struct km_operator alice;
	struct told t;
	int line;

	(void)state;
	erase_alice(&alice);
	change("UPDATE signer SET wrapped = zeroblob(48)");
	room.v->store->signer_known = false;
	line = desk_comes();
	memcpy(show.certificate_show.subject, alice.subject, sizeof(alice.subject));
	t = tell(line, show);
	assert_int_equal(t.done.rc, 0);
	assert_int_equal(t.row.generation, 0);
	assert_int_equal(t.row.signed_at, 0);
	close(line);
}

static void test_of_whom_nothing_was_destroyed_there_is_none(void **state)
{
	struct km_msg show = { .number = KM_MSG_CERTIFICATE_SHOW };
	struct km_operator alice;
	int line;

	(void)state;
	erase_alice(&alice);
	line = desk_comes();
	assert_int_equal(desk_does(line, show).rc, (uint8_t)-KM_EINVAL);
	memset(show.certificate_show.subject, 9, sizeof(show.certificate_show.subject));
	assert_int_equal(desk_does(line, show).rc, (uint8_t)-KM_ENOTFOUND);
	snprintf(show.certificate_show.employee_number,
		 sizeof(show.certificate_show.employee_number), "Ealice");
	assert_int_equal(desk_does(line, show).rc, (uint8_t)-KM_EINVAL);
	close(line);
}

static void test_one_that_was_changed_is_not_shown_and_is_in_the_list(void **state)
{
	struct km_msg show = { .number = KM_MSG_CERTIFICATE_SHOW };
	struct km_msg list = { .number = KM_MSG_CERTIFICATE_LIST };
	struct km_operator alice;
	struct told t;
	int line;

	(void)state;
	erase_alice(&alice);
	change("UPDATE certificate SET requester = x'00112233445566778899aabbccddeeff'");
	line = desk_comes();
	memcpy(show.certificate_show.subject, alice.subject, sizeof(alice.subject));
	t = tell(line, show);
	assert_int_equal(t.done.rc, (uint8_t)-KM_ECORRUPT);
	assert_int_equal(t.rows, 0);
	t = tell(line, list);
	assert_int_equal(t.done.rc, 0);
	assert_int_equal(t.rows, 1);
	assert_int_equal(t.row.cause, 0);
	assert_memory_equal(t.row.subject, alice.subject, sizeof(alice.subject));
	close(line);
}

static void test_bundles_of_an_epoch_that_goes_on_cannot_be_gone(void **state)
{
	struct km_msg gone = { .number = KM_MSG_BUNDLE_GONE };
	int line = desk_comes();

	(void)state;
	assert_int_equal(desk_does(line, gone).rc, (uint8_t)-KM_EINVAL);
	gone.bundle_gone.before = 2;
	assert_int_equal(desk_does(line, gone).rc, (uint8_t)-KM_EINVAL);
	gone.bundle_gone.before = 1;
	assert_int_equal(desk_does(line, gone).rc, (uint8_t)-KM_ENOTFOUND);
	close(line);
}

static void test_leavers_are_told_by_their_account(void **state)
{
	struct km_msg ask = { .number = KM_MSG_LEAVERS };
	struct km_operator alice;
	int line;

	(void)state;
	erase_alice(&alice);
	line = desk_comes();
	ask.leavers.after = -1;
	assert_int_equal(tell(line, ask).leavers, 1);
	ask.leavers.after = 1;
	assert_int_equal(tell(line, ask).leavers, 0);
	close(line);
}

static size_t leavers(void)
{
	struct km_leaver page[4];
	size_t count = 0;

	assert_int_equal(store_leavers(room.v->store, 0, 0, -1, 4, page, &count), KM_OK);
	return count;
}

/* A week of a clock that was set ahead is none: their sessions may live on. */
static void test_leavers_are_forgotten_after_a_week_and_by_no_clock_in_doubt(void **state)
{
	struct vault *v = room.v;
	struct km_operator alice;

	(void)state;
	erase_alice(&alice);
	tend_leavers(v);
	v->now.wall += 8 * 86400;
	v->now.boot_ms += 2 * 3600000;
	store_set_now(v->store, &v->now);
	v->suspicion = KM_SUSPECT_CLOCK;
	tend_leavers(v);
	assert_int_equal(leavers(), 1);
	v->suspicion = 0;
	tend_leavers(v);
	assert_int_equal(leavers(), 0);
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, open_room, close_room)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(test_many_are_erased_slice_by_slice_and_each_has_a_certificate),
		ROOM_TEST(test_the_logs_forget_the_keys_of_all_of_them),
		ROOM_TEST(test_while_logins_are_served_there_is_one_slice_in_a_while),
		ROOM_TEST(test_the_keys_of_all_of_them_go_before_the_rest_of_any),
		ROOM_TEST(test_one_who_cannot_be_erased_keeps_no_other_from_it),
		ROOM_TEST(test_C35_nobody_of_many_is_erased_while_anything_is_in_doubt),
		ROOM_TEST(test_who_waits_for_a_lent_template_keeps_nobody_else_waiting),
		ROOM_TEST(test_a_row_that_was_changed_stops_nobody_and_is_told),
		ROOM_TEST(test_a_certificate_is_signed_when_it_is_shown),
		ROOM_TEST(test_without_a_signer_a_certificate_says_that_it_is_not_signed),
		ROOM_TEST(test_of_whom_nothing_was_destroyed_there_is_none),
		ROOM_TEST(test_one_that_was_changed_is_not_shown_and_is_in_the_list),
		ROOM_TEST(test_bundles_of_an_epoch_that_goes_on_cannot_be_gone),
		ROOM_TEST(test_leavers_are_told_by_their_account),
		ROOM_TEST(test_leavers_are_forgotten_after_a_week_and_by_no_clock_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
