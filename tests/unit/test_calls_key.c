/*
 * C3, C23, C37 while an administrator closes a key epoch, asks where it stands, and verifies the
 * trail against an anchor: every call that the vault makes fails. Everybody opens at each moment,
 * there are one or two KEKs, what was begun is finished by itself and once, and no failure passes
 * for a trail that was changed.
 */
#include <kenmon/store_epoch.h>

#include "../../authd/vault/store_internal.h"
#include "calls_office.h"

/* --- closing an epoch ---------------------------------------------------------------------- */

static void rotate(struct world *w)
{
	new_operation(KM_MSG_KEY_ROTATE);
	send_asked(w);
}

static void seed_opens(struct world *w, const char *login)
{
	struct km_credential c = calls_credential(w, login, KM_FACTOR_HOTP);
	struct km_operator op = calls_operator(w, login);
	struct km_secret seed KM_SECRET = { 0 };

	if (store_seed(w->v->store, &op, &c, &seed) != KM_OK ||
	    !km_equal(seed.bytes, seed.len, WORLD_SEED, strlen(WORLD_SEED)))
		calls_say("the seed of %s does not open", login);
}

/* Everybody, and nobody under a KEK that is not there. */
static void everybody_opens(struct world *w)
{
	if (calls_everybody_is_whole(w) != CALLS_PEOPLE)
		calls_say("somebody is gone");
	seed_opens(w, "known");
	seed_opens(w, "suspended");
	seed_opens(w, "unbound");
}

static unsigned keks_in(struct world *w)
{
	char path[sizeof w->state + 16];
	unsigned count = 0;

	for (unsigned n = 1; n < 10; n++) {
		snprintf(path, sizeof path, "%s-kek/kek.%u", w->state, n);
		count += access(path, F_OK) == 0;
	}
	return count;
}

/*
 * Generation n is the only one, in the store, in memory and in the folder; the trail tells of it.
 * Or the one after it: a beginning that could not be recorded pays for nothing, and is followed by
 * another one.
 */
static bool stands_at(struct world *w, uint32_t n)
{
	struct km_epoch e;

	return store_epoch(w->v->store, &e) == KM_OK && !e.closing && !e.owed &&
	       (e.generation == n || (n > 1 && e.generation == n + 1)) &&
	       km_keys_generation(w->v->keys) == e.generation && km_keys_older(w->v->keys) == 0 &&
	       keks_in(w) == 1 && calls_records(w, KM_EVENT_EPOCH_CLOSED) == e.generation - 1 &&
	       calls_records(w, KM_EVENT_EPOCH_CLOSING) == e.generation - 1 &&
	       calls_records(w, KM_EVENT_EPOCH_ASKED) == n - 1;
}

/* What a second later does by itself, without the second. */
static void goes_on(struct world *w)
{
	for (unsigned n = 0; n < 5; n++) {
		w->v->epoch.again_ms = 0;
		world_round(w);
	}
}

static void check_rotate(struct world *w, bool dry)
{
	bool asked_for = calls_records(w, KM_EVENT_EPOCH_ASKED) == 1;
	unsigned keks = keks_in(w);

	if (keks < 1 || keks > 2)
		calls_say("%u KEKs are in their folder", keks);
	everybody_opens(w);
	check_told(dry, asked_for);
	if (done_ok() && !stands_at(w, 2))
		calls_say("\"done\", and it is not closed");
	goes_on(w);
	if (!stands_at(w, asked_for ? 2 : 1))
		calls_say("it does not go on by itself");
	everybody_opens(w);
	again(w);
	if (!stands_at(w, 2))
		calls_say("sent again it was not closed once");
	/* And the next one. */
	new_operation(KM_MSG_KEY_ROTATE);
	memset(asked.key_rotate.op, 0x78, sizeof asked.key_rotate.op);
	again(w);
	if (!stands_at(w, 3))
		calls_say("the next epoch is not closed");
	everybody_opens(w);
	world_down(w);
	if (world_try(w) != KM_OK)
		calls_say("no start after it");
	everybody_opens(w);
}

/* --- looking -------------------------------------------------------------------------------- */

static struct km_anchor kept; /* what the judge wrote down; true */
static const char *lie;       /* what was said and is not so */

static void prepare_anchor(struct world *w)
{
	prepare(w);
	assert_int_equal(store_sign_head(w->v->store, &kept), KM_OK);
	assert_int_equal(kept.generation, 1);
	world_round(w);
}

static void ask_status(struct world *w)
{
	new_operation(KM_MSG_KEY_STATUS);
	send_asked(w);
	if (done_ok() && office.rows < 3)
		lie = "a status without its rows";
}

static void ask_verify(struct world *w)
{
	unsigned rows = 0;

	for (uint8_t n = 0; n < 10 && (n == 0 || (office.done && office.rc == KM_EAGAIN)); n++) {
		new_operation(KM_MSG_AUDIT_VERIFY)->audit_verify.again = n > 0;
		send_asked(w);
		rows += office.rows;
	}
	if (done_ok() && rows < 2)
		lie = "a trail that verifies without its signer";
	if (office.done && office.rc == KM_ECORRUPT)
		lie = "the trail was changed";
}

static void ask_anchor(struct world *w, bool right)
{
	struct km_msg *m = new_operation(KM_MSG_AUDIT_ANCHOR);

	KM_ANCHOR_COPY(&m->audit_anchor, &kept);
	if (!right)
		m->audit_anchor.hash[0] ^= 1;
	send_asked(w);
	if (right && office.done && office.rc == KM_ECORRUPT)
		lie = "a true anchor does not hold";
	if (!right && done_ok())
		lie = "a false anchor holds";
}

static void look(struct world *w)
{
	lie = NULL;
	ask_status(w);
	ask_verify(w);
	ask_anchor(w, false);
	ask_anchor(w, true);
}

static void check_look(struct world *w, bool dry)
{
	if (lie)
		calls_say("said: %s", lie);
	if (dry && !done_ok())
		calls_say("nothing failed, and the anchor does not hold");
	open_desk(w);
	look(w);
	if (lie || !done_ok())
		calls_say("afterwards: %s", lie ? lie : "the anchor does not hold");
	if (!stands_at(w, 1))
		calls_say("looking changed something");
}

#define MATRIX(name, ...)                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		static const struct calls_act act = { false, __VA_ARGS__ };                        \
		calls_matrix(*state, &calls_kept, &act);                                           \
	}
MATRIX(test_C37_no_failing_call_half_closes_a_key_epoch, prepare, rotate, check_rotate)
MATRIX(test_C3_no_failing_call_passes_for_a_changed_trail, prepare_anchor, look, check_look)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C37_no_failing_call_half_closes_a_key_epoch),
		cmocka_unit_test(test_C3_no_failing_call_passes_for_a_changed_trail),
	};

	return cmocka_run_group_tests(tests, calls_setup, calls_teardown);
}
