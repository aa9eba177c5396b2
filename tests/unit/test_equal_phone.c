/*
 * Whoever is asked for, a code by telephone costs the same work: known, unknown, unenrolled and
 * suspended names, and those without a telephone. A whole vault, with the test as its judge, its
 * client and its courier.
 */
#include "clocks.h"
#include "phone_world.h"

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

static const struct {
	const char *name;
	bool enrolled, phone, suspended, there, barred; /* its number, by now */
} people[] = {
	{ "known", true, true, false, true, false },
	{ "phone-alone", false, true, false, true, false },
	{ "token-alone", true, false, false, true, false },
	{ "nobody", false, false, false, false, false },
	{ "unenrolled", false, false, false, true, false },
	{ "suspended", true, true, true, true, false },
	{ "barred", true, true, false, true, true },
	{ "barred-alone", false, true, false, true, true },
};
#define PEOPLE   (sizeof people / sizeof people[0])
#define NEWCOMER "somebody else"

/* What is done in one login, in this order. */
enum act { ASK, SEND, SEND_AGAIN, CHECK, CHECK_AGAIN, END, ACTS };

static const char *const act_names[ACTS] = { "opening",  "sending",        "sending again",
					     "checking", "checking again", "ending" };

/* All that can be seen of it. */
struct trace {
	struct work work[ACTS];
	uint8_t told[ACTS], verdict[ACTS], text[ACTS]; /* the message, and what the person reads */
	uint8_t info[ACTS];                            /* what the client heard */
};

static void see(struct trace *t, enum act a, struct work before)
{
	struct km_msg m;

	t->work[a] = since(pw.w->v, before);
	if (world_heard(pw.w, &m)) {
		t->told[a] = m.number;
		if (m.number == KM_MSG_SENDING)
			t->verdict[a] = m.sending.kind;
		if (m.number == KM_MSG_VERDICT) {
			t->verdict[a] = m.verdict.verdict;
			t->text[a] = (uint8_t)km_reason_text(m.verdict.reason);
		}
	}
	while (world_heard(pw.w, &m))
		;
	t->info[a] = world_client_heard(pw.client, NULL).number;
}

static struct trace log_in(const char *login, bool typed)
{
	struct trace t;
	struct work before = work_of(pw.w->v);
	struct km_msg m;

	memset(&t, 0, sizeof t); /* it is compared as bytes */
	pw.client = world_open(pw.w, KM_REQUEST_AUTHENTICATE, login);
	see(&t, ASK, before);
	for (enum act a = SEND; a < END; a++) {
		if (!typed && a > SEND)
			break; /* keys at a telephone are waited for, and nothing else */
		before = work_of(pw.w->v);
		if (a == SEND || a == SEND_AGAIN)
			judge_sends(pw.w->session, 0);
		else
			world_check(pw.w, "000000");
		see(&t, a, before);
		if (t.verdict[a] == KM_VERDICT_LOCKED && t.told[a] == KM_MSG_VERDICT)
			break;
	}
	before = work_of(pw.w->v);
	world_end(pw.w, KM_REASON_TRIES);
	see(&t, END, before);
	close(pw.client);
	pw.client = -1;
	while (courier_heard(&m)) /* and says nothing: what it says is not the vault's work */
		;
	return t;
}

static void say(const char *name, const struct trace *t, enum act a)
{
	const struct work *w = &t->work[a];

	print_message(
	    "%s, %s: told %u %u text %u, client %u; %llu messages %llu HMACs %llu unwraps "
	    "%llu unseals %llu statements %llu commits %llu codes\n",
	    name, act_names[a], t->told[a], t->verdict[a], t->text[a], t->info[a],
	    (unsigned long long)w->messages, (unsigned long long)w->hmacs,
	    (unsigned long long)w->unwraps, (unsigned long long)w->unseals,
	    (unsigned long long)w->statements, (unsigned long long)w->commits,
	    (unsigned long long)w->codes);
}

/* One login of each; returns what all of them saw. */
static struct trace equal_for_all(bool typed)
{
	struct trace first = { 0 };

	for (size_t i = 0; i < PEOPLE; i++) {
		struct trace t = log_in(people[i].name, typed);

		if (i == 0)
			first = t;
		else if (memcmp(&t, &first, sizeof t) != 0) {
			for (enum act a = ASK; a < ACTS; a++) {
				say(people[0].name, &first, a);
				say(people[i].name, &t, a);
			}
			fail_msg("%s can be told from %s", people[i].name, people[0].name);
		}
	}
	return first;
}

/* All have one kind, which is the first that the site offers: who has another is told of that. */
static void begin(enum km_factor factor)
{
	char number[20];

	pw.w->v->conf.login.factors =
	    (struct km_steps){ 1, { KM_FACTOR_BIT(KM_FACTOR_HOTP) | KM_FACTOR_BIT(factor) } };
	for (size_t i = 0; i < PEOPLE; i++) {
		if (!people[i].there)
			continue;
		world_add_as(pw.w, people[i].name, WORLD_UID, people[i].enrolled,
			     people[i].suspended);
		snprintf(number, sizeof number, "+81%d0000000%02zu", people[i].barred ? 8 : 9, i);
		if (people[i].phone)
			(void)enrol_phone(people[i].name, factor, number);
	}
	snprintf(pw.w->v->conf.phone.barred, sizeof pw.w->v->conf.phone.barred, "+8180");
	/* No decoy is told of while work is counted. */
	orders_went(1000000, KM_ORDER_STATE_SENT, KM_ORDER_WHY_NONE);
	/* The first record of a month makes its key. */
	(void)log_in(NEWCOMER, factor == KM_FACTOR_SMS);
}

static void test_C25_who_has_a_telephone_cannot_be_told_by_a_message(void **state)
{
	unsigned logins = 0;
	struct trace t;

	(void)state;
	begin(KM_FACTOR_SMS);
	do {
		t = equal_for_all(true);
		/* It was counted, or nothing was compared. */
		assert_true(t.work[SEND].hmacs > 0 && t.work[SEND].commits == 1);
		assert_true(logins++ < 8);
	} while (t.text[SEND] != KM_TEXT_LOCKED && t.text[SEND] != KM_TEXT_PHONE_BUDGET);
	assert_true(logins > 1);
}

static void test_C25_who_has_a_telephone_cannot_be_told_when_too_much_was_sent(void **state)
{
	unsigned logins = 0;
	struct trace t;

	(void)state;
	begin(KM_FACTOR_SMS);
	pw.w->v->conf.lockout.after = 10;
	do {
		t = equal_for_all(true);
		assert_true(logins++ < 8);
	} while (t.text[SEND] != KM_TEXT_PHONE_BUDGET);
	assert_true(logins > 1);
}

/* What is sent has a record always, and what goes to nobody has none any more. */
static void
test_C25_who_has_a_telephone_cannot_be_told_when_refusals_are_counted_together(void **state)
{
	struct trace t;

	(void)state;
	begin(KM_FACTOR_SMS);
	pw.w->v->conf.audit_refusals = 0;
	t = equal_for_all(true);
	assert_int_equal(t.told[SEND], KM_MSG_SENDING);
	assert_int_equal(t.told[SEND_AGAIN], KM_MSG_SENDING);
}

static void test_C25_who_has_a_telephone_cannot_be_told_by_a_call(void **state)
{
	static const enum km_voice modes[] = { KM_VOICE_KEYPAD, KM_VOICE_SPOKEN, KM_VOICE_CONFIRM };
	static bool begun;

	(void)state;
	begun = false;
	for (size_t i = 0; i < 3; i++) {
		struct trace t;

		pw.w->v->conf.voice.mode = modes[i];
		if (!begun)
			begin(KM_FACTOR_VOICE);
		begun = true;
		t = equal_for_all(modes[i] == KM_VOICE_SPOKEN);
		assert_int_equal(t.told[SEND], KM_MSG_SENDING);
		assert_int_equal(t.info[SEND],
				 modes[i] == KM_VOICE_SPOKEN ? KM_MSG_NONE : KM_MSG_INFO);
	}
}

static void test_C25_who_has_a_telephone_cannot_be_told_without_a_courier(void **state)
{
	struct trace t;

	(void)state;
	begin(KM_FACTOR_SMS);
	courier_goes();
	(void)log_in(NEWCOMER, false);
	t = equal_for_all(false);
	assert_int_equal(t.text[SEND], KM_TEXT_ORDER_GATEWAY);
}

static int fair_world_up(void **state)
{
	const char *names[PEOPLE + 1] = { NEWCOMER };
	int rc;

	clocks_stop(); /* no hour ends, nor the second after which the judge is told of a record */
	for (size_t i = 0; i < PEOPLE; i++)
		names[i + 1] = people[i].name;
	do
		rc = phone_world_up(state);
	while (rc == 0 && !world_counts_apart(pw.w, names, PEOPLE + 1) &&
	       phone_world_down(state) == 0);
	return rc;
}

#define EQUAL(test) cmocka_unit_test_setup_teardown(test, fair_world_up, phone_world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EQUAL(test_C25_who_has_a_telephone_cannot_be_told_by_a_message),
		EQUAL(test_C25_who_has_a_telephone_cannot_be_told_when_too_much_was_sent),
		EQUAL(
		    test_C25_who_has_a_telephone_cannot_be_told_when_refusals_are_counted_together),
		EQUAL(test_C25_who_has_a_telephone_cannot_be_told_by_a_call),
		EQUAL(test_C25_who_has_a_telephone_cannot_be_told_without_a_courier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
