/*
 * Whoever is asked for, the work is the same: known, unknown, unenrolled and
 * suspended names cost as many messages, HMACs, statements and commits. A whole
 * vault is driven here, with the test as its judge and its client.
 */
#include "finger_world.h"

#define RECOVERY_WRONG "AAAAAAAAAAAAAAAA"

/* All that the vault counts. */
struct work {
	uint64_t messages, hmacs, unwraps, unseals, statements, commits, codes;
};

static struct work work_of(const struct vault *v)
{
	struct km_key_work k = km_keys_work(v->keys);
	struct km_store_work s = store_work(v->store);

	return (struct work){ v->messages,  k.hmacs,   k.unwraps,  k.unseals,
			      s.statements, s.commits, code_work() };
}

static struct work since(const struct vault *v, struct work before)
{
	struct work now = work_of(v);
	uint64_t *n = (uint64_t *)&now, *b = (uint64_t *)&before;

	for (size_t i = 0; i < sizeof now / sizeof *n; i++)
		n[i] -= b[i];
	return now;
}

/* --- one login, and all that can be seen of it -------------------------------------------- */

#define CHECKS 3 /* tries of one login */

/* Who is asked for, and the uid of their own account. */
static const struct {
	const char *name;
	uid_t uid;
} people[] = {
	{ "known", WORLD_UID },          { "nobody", WORLD_UID + 1 },
	{ "unenrolled", WORLD_UID + 2 }, { "suspended", WORLD_UID + 3 },
	{ "fingers", WORLD_UID + 4 }, /* has six beside the codes: eight credentials */
};
#define PEOPLE   (sizeof people / sizeof people[0])
#define FINGERS  (PEOPLE - 1)
#define NEWCOMER "somebody else"

struct trace {
	struct km_slots prompts;
	struct work opening, checking[CHECKS];
	struct told {
		uint8_t verdict;
		uint8_t text; /* of the reason: what the person reads */
		bool waits;
	} told[CHECKS];
};

static void hear(struct world *w, struct km_msg *m, uint8_t number)
{
	assert_true(world_heard(w, m));
	assert_int_equal(m->number, number);
}

/* A login from OPEN, with up to CHECKS answers, as long as another is asked for. */
static struct trace log_in(struct world *w, const char *login, const char *answer)
{
	struct work before = work_of(w->v);
	int client = world_open(w, KM_REQUEST_AUTHENTICATE, login);
	struct trace t;
	struct km_msg m;

	memset(&t, 0, sizeof t); /* it is compared as bytes */
	t.opening = since(w->v, before);
	hear(w, &m, KM_MSG_PLAN);
	memcpy(&t.prompts, &m.plan.slots, sizeof t.prompts);
	for (unsigned n = 0; n < CHECKS && (n == 0 || t.told[n - 1].verdict == KM_VERDICT_RETRY);
	     n++) {
		before = work_of(w->v);
		world_check(w, answer);
		t.checking[n] = since(w->v, before);
		hear(w, &m, KM_MSG_VERDICT);
		t.told[n].verdict = m.verdict.verdict;
		t.told[n].text = (uint8_t)km_reason_text(m.verdict.reason);
		t.told[n].waits = m.verdict.wait > 0; /* a second may have passed */
	}
	world_end(w, KM_REASON_TRIES);
	close(client);
	return t;
}

static void say_work(const char *name, const char *when, const struct work *one)
{
	print_message("%s, %s: %llu messages %llu HMACs %llu unwraps %llu unseals %llu statements "
		      "%llu commits %llu codes\n",
		      name, when, (unsigned long long)one->messages, (unsigned long long)one->hmacs,
		      (unsigned long long)one->unwraps, (unsigned long long)one->unseals,
		      (unsigned long long)one->statements, (unsigned long long)one->commits,
		      (unsigned long long)one->codes);
}

static void fail_with(const char *name, const struct trace *t, const struct trace *first)
{
	static const char *const tries[CHECKS] = { "first try", "second try", "third try" };

	say_work(people[0].name, "opening", &first->opening);
	say_work(name, "opening", &t->opening);
	for (unsigned n = 0; n < CHECKS; n++) {
		say_work(people[0].name, tries[n], &first->checking[n]);
		say_work(name, tries[n], &t->checking[n]);
	}
	fail_msg("%s can be told from %s", name, people[0].name);
}

/* One login for each of so many; returns what all of them saw. */
static struct trace equal_for(struct world *w, size_t count, const char *answer, bool locker)
{
	struct trace first = { 0 };

	for (size_t i = 0; i < count; i++) {
		struct trace t;

		w->peer = locker ? people[i].uid : 0;
		t = log_in(w, people[i].name, answer);
		w->peer = 0;
		if (i == 0)
			first = t;
		else if (memcmp(&t, &first, sizeof t) != 0)
			fail_with(people[i].name, &t, &first);
	}
	return first;
}

/* --- every way to ask ---------------------------------------------------------------------- */

#define DIGITS   (KM_FACTOR_BIT(KM_FACTOR_TOTP) | KM_FACTOR_BIT(KM_FACTOR_HOTP))
#define RECOVERY KM_FACTOR_BIT(KM_FACTOR_RECOVERY)
#define FINGER   KM_FACTOR_BIT(KM_FACTOR_FINGERPRINT)

static const struct {
	const char *what;
	struct km_steps steps;
	const char *answer;
} ways[] = {
	{ "any factor, digits", { 1, { DIGITS | RECOVERY } }, "000000" },
	{ "any factor, a recovery code", { 1, { DIGITS | RECOVERY } }, RECOVERY_WRONG },
	{ "codes of devices", { 1, { DIGITS } }, "000000" },
	{ "codes of the time", { 1, { KM_FACTOR_BIT(KM_FACTOR_TOTP) } }, "000000" },
	{ "codes of a counter", { 1, { KM_FACTOR_BIT(KM_FACTOR_HOTP) } }, "000000" },
	{ "recovery codes", { 1, { RECOVERY } }, RECOVERY_WRONG },
	/* At this machine, where the plan looks for a finger. */
	{ "a finger or a code", { 1, { DIGITS | RECOVERY | FINGER } }, "000000" },
	{ "a finger in one of two steps", { 2, { RECOVERY, DIGITS | FINGER } }, RECOVERY_WRONG },
	{ "two steps", { 2, { DIGITS, RECOVERY } }, "000000" },
	{ "two steps, the other way round", { 2, { RECOVERY, DIGITS } }, RECOVERY_WRONG },
};

/* "known" is on leave by a roster that was just accepted, "fingers" is to be erased today. */
static void queue_some(struct world *w)
{
	static struct km_staged row = { .line = 2, .outcome = KM_OUTCOME_ON_LEAVE };
	struct km_due_row due = { .what = KM_DUE_ERASE,
				  .cause = KM_CAUSE_RETIRED,
				  .day = w->v->now.today };
	struct km_subject_key key KM_SUBJECT_KEY = { { 0 } };
	const struct km_feed in = { .made = 1 };
	struct km_operator known, fingers;
	struct km_feed feed;

	assert_int_equal(store_operator_by_login(w->v->store, "known", &known), KM_OK);
	assert_int_equal(store_operator_by_login(w->v->store, "fingers", &fingers), KM_OK);
	assert_int_equal(store_feed_begin(w->v->store, &in, &feed), KM_OK);
	assert_int_equal(store_feed_key(w->v->store, &feed, &key), KM_OK);
	memcpy(row.subject, known.subject, sizeof row.subject);
	row.cursor = known.cursor;
	assert_int_equal(store_stage_put(w->v->store, &feed, &key, &row, "x", 1), KM_OK);
	feed.state = KM_FEED_ACCEPTED;
	assert_int_equal(store_feed_change(w->v->store, &feed, NULL), KM_OK);
	memcpy(due.subject, fingers.subject, sizeof due.subject);
	assert_int_equal(due_put(w->v, &due, NULL), KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
	w->v->feed.working = feed.id;
	/* Neither is carried out here. */
	w->v->feed.again_ms = w->v->due.look_ms = INT64_MAX;
}

static bool queued;

static struct world *fair_world(void)
{
	const char *names[PEOPLE + 1] = { NEWCOMER };

	for (size_t i = 0; i < PEOPLE; i++)
		names[i + 1] = people[i].name;
	for (;;) {
		struct world *w = world_new();

		world_up(w);
		if (world_counts_apart(w, names, PEOPLE + 1))
			return w;
		world_free(w);
	}
}

static struct world *begin(const struct km_steps *steps)
{
	struct world *w = fair_world();

	world_add_as(w, "known", people[0].uid, true, false);
	world_add_as(w, "unenrolled", people[2].uid, false, false);
	world_add_as(w, "suspended", people[3].uid, true, true);
	world_add_as(w, "fingers", people[FINGERS].uid, true, false);
	fw.w = w;
	for (unsigned i = 0; i < 6; i++)
		(void)enrol_finger("fingers", (enum km_finger)(KM_FINGER_RIGHT_THUMB + i));
	w->v->conf.audit_refusals = 100000; /* no refusal is only counted */
	w->v->conf.login.factors = *steps;
	for (unsigned i = 0; i < steps->count; i++)
		if (steps->factors[i] & FINGER)
			w->origin = KM_ORIGIN_LOCAL;
	if (queued)
		queue_some(w);
	/* The first record of a month makes its key. */
	(void)log_in(w, NEWCOMER, "000000");
	return w;
}

/* Where a finger is asked for, who has one is asked for it: that is told. */
static size_t alike(const struct km_steps *steps)
{
	for (unsigned i = 0; i < steps->count; i++)
		if (steps->factors[i] & FINGER)
			return FINGERS;
	return PEOPLE;
}

/* Three tries of a login, then on until all are locked, then locked: always alike. */
static void equal_in_every_way(bool locker)
{
	km_log_open("test", NULL, LOG_ERR);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		struct world *w = begin(&ways[i].steps);
		unsigned logins = 0;
		struct trace t;

		do {
			t = equal_for(w, alike(&ways[i].steps), ways[i].answer, locker);
			/* It was counted, or nothing was compared. */
			assert_true(t.checking[0].hmacs > 0 && t.checking[0].statements > 0 &&
				    t.checking[0].commits == 1);
			assert_true(logins++ < 5);
		} while (t.told[0].verdict != KM_VERDICT_LOCKED);
		/* Several logins, of three tries: the lock came in one of them, and then at once.
		 */
		assert_true(logins > 1);
		world_free(w);
	}
}

static void test_C25_who_is_asked_for_by_a_login_program_cannot_be_told(void **state)
{
	(void)state;
	equal_in_every_way(false);
}

/* A screen locker asks for its own user, under their uid. */
static void test_C25_who_is_asked_for_by_a_locker_cannot_be_told(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		fprintf(stderr, "# skipped: clients of other uids need root\n");
		skip();
	}
	equal_in_every_way(true);
}

/* Nor whether somebody is in the queue, or in a roster that is worked off, or nobody at all. */
static void test_C25_who_is_asked_for_cannot_be_told_while_somebody_leaves(void **state)
{
	(void)state;
	queued = true;
	equal_in_every_way(false);
	queued = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C25_who_is_asked_for_by_a_login_program_cannot_be_told),
		cmocka_unit_test(test_C25_who_is_asked_for_by_a_locker_cannot_be_told),
		cmocka_unit_test(test_C25_who_is_asked_for_cannot_be_told_while_somebody_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
