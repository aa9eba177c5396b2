/* Invitations, as the store keeps them. */
#include "../../authd/vault/store_invitation.h"
#include "store_box.h"

static struct km_secret code_of(const char *text)
{
	struct km_secret code = { 0 };

	assert_int_equal(strlen(text), KM_RECOVERY_LENGTH);
	assert_int_equal(km_secret_set(&code, text, strlen(text)), KM_OK);
	return code;
}
#define RIGHT "ABCDEFGHIJKLMNOP"
#define WRONG "ABCDEFGHIJKLMNOQ"

static struct km_invitation invite(struct box *b, const struct km_operator *op, int64_t until)
{
	struct km_event_record e = event_of(KM_EVENT_INVITED, op->subject);
	struct km_secret code = code_of(RIGHT);
	struct km_invitation i;

	assert_int_equal(store_invite(b->s, op, &code, 600, until, &e), KM_OK);
	assert_int_equal(store_invitation(b->s, op->subject, &i), KM_OK);
	return i;
}

static bool is_right(struct box *b, const struct km_operator *op, const struct km_invitation *i,
		     const char *text)
{
	struct km_secret code = code_of(text);
	bool right = true;

	assert_int_equal(store_invitation_judge(b->s, op, i, &code, &right), KM_OK);
	return right;
}

static km_rc enrol_by(struct box *b, const struct km_operator *op, const struct km_invitation *i,
		      const char *seed, uint64_t *id)
{
	struct km_event_record e = event_of(KM_EVENT_ENROLLED, op->subject);
	struct km_credential in = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_secret secret = { 0 };

	memcpy(in.subject, op->subject, sizeof(in.subject));
	assert_int_equal(km_secret_set(&secret, seed, strlen(seed)), KM_OK);
	return store_enrol_invited(b->s, op, i, &in, &secret, &e, id);
}

static void test_an_invitation_is_kept_without_its_code(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_invitation i = invite(b, &alice, BOX_WALL + 600);

	assert_int_equal(i.seconds, 600);
	assert_int_equal(i.until, BOX_WALL + 600);
	assert_int_equal(i.tries, 0);
	assert_int_equal(store_flush(b->s), KM_OK);
	assert_false(in_any_file(b, RIGHT, strlen(RIGHT)));
	assert_true(is_right(b, &alice, &i, RIGHT));
	assert_false(is_right(b, &alice, &i, WRONG));
}

static void test_a_code_of_one_operator_is_nothing_for_another(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1"), bob = add(b, "bob", "2");
	struct km_invitation i = invite(b, &alice, 0);
	struct km_invitation moved = i;
	uint64_t id;

	assert_false(is_right(b, &bob, &i, RIGHT));
	memcpy(moved.subject, bob.subject, sizeof(moved.subject));
	assert_int_equal(enrol_by(b, &bob, &i, "seed", &id), KM_EINVAL);
	assert_int_equal(enrol_by(b, &bob, &moved, "seed", &id), KM_ENOTFOUND);
	assert_int_equal(store_invitation(b->s, bob.subject, &moved), KM_ENOTFOUND);
}

static void test_a_code_of_another_length_makes_no_invitation(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_INVITED, alice.subject);
	struct km_secret code = code_of(RIGHT);

	assert_int_equal(store_invite(b->s, &alice, &code, 0, 0, &e), KM_EINVAL);
	assert_int_equal(store_invite(b->s, &alice, &code, 600, -1, &e), KM_EINVAL);
	code.len--;
	assert_int_equal(store_invite(b->s, &alice, &code, 600, 0, &e), KM_EINVAL);
}

static void test_the_next_invitation_takes_the_place_of_the_last(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_INVITED, alice.subject);
	struct km_invitation first = invite(b, &alice, BOX_WALL + 600), second;
	struct km_secret code = code_of(WRONG);
	unsigned left;
	uint64_t id;

	assert_int_equal(store_invitation_wrong(b->s, &first, &e, &left), KM_OK);
	assert_int_equal(store_invite(b->s, &alice, &code, 600, BOX_WALL + 700, &e), KM_OK);
	assert_int_equal(store_invitation(b->s, alice.subject, &second), KM_OK);
	assert_int_equal(second.tries, 0);
	assert_false(is_right(b, &alice, &second, RIGHT));
	assert_int_equal(enrol_by(b, &alice, &first, "seed", &id), KM_ENOTFOUND);
}

static void test_one_that_waits_is_good_from_its_approval_on(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_INVITED, alice.subject);
	struct km_invitation i = invite(b, &alice, 0);

	b->now.wall += 3000;
	store_set_now(b->s, &b->now);
	assert_int_equal(store_invitation_activate(b->s, alice.subject, &e), KM_OK);
	assert_int_equal(store_invitation(b->s, alice.subject, &i), KM_OK);
	assert_int_equal(i.until, BOX_WALL + 3600);
	/* Not twice: that would make it longer. */
	assert_int_equal(store_invitation_activate(b->s, alice.subject, &e), KM_ENOTFOUND);
	assert_int_equal(store_invitation_drop(b->s, alice.subject, &e), KM_OK);
	assert_int_equal(store_invitation_drop(b->s, alice.subject, &e), KM_ENOTFOUND);
	assert_int_equal(store_invitation_activate(b->s, alice.subject, &e), KM_ENOTFOUND);
}

static void test_five_wrong_codes_end_an_invitation(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_INVITATION_REFUSED, alice.subject);
	struct km_invitation i = invite(b, &alice, BOX_WALL + 600);
	unsigned left = 99;

	for (unsigned n = 1; n <= KM_INVITATION_TRIES; n++) {
		assert_int_equal(store_invitation(b->s, alice.subject, &i), KM_OK);
		assert_int_equal(i.tries, n - 1);
		assert_int_equal(store_invitation_wrong(b->s, &i, &e, &left), KM_OK);
		assert_int_equal(left, KM_INVITATION_TRIES - n);
	}
	assert_int_equal(store_invitation(b->s, alice.subject, &i), KM_ENOTFOUND);
	/* One that was looked at before counts no more. */
	assert_int_equal(store_invitation_wrong(b->s, &i, &e, &left), KM_ENOTFOUND);
}

static void test_a_try_counts_once(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_event_record e = event_of(KM_EVENT_INVITATION_REFUSED, alice.subject);
	struct km_invitation seen = invite(b, &alice, BOX_WALL + 600);
	unsigned left;

	assert_int_equal(store_invitation_wrong(b->s, &seen, &e, &left), KM_OK);
	assert_int_equal(store_invitation_wrong(b->s, &seen, &e, &left), KM_ENOTFOUND);
}

static void test_an_enrolment_uses_its_invitation_up(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_invitation i = invite(b, &alice, BOX_WALL + 600);
	uint64_t id = 0, other = 99;

	assert_int_equal(enrol_by(b, &alice, &i, "the seed", &id), KM_OK);
	assert_int_equal(credential_of(b, &alice, id).id, id);
	assert_int_equal(enrol_by(b, &alice, &i, "another seed", &other), KM_ENOTFOUND);
	assert_int_equal(other, 99);
	assert_int_equal(sql_number(b, DB_VAULT, "SELECT count(*) FROM credential"), 1);
}

static void test_an_enrolment_that_fails_leaves_its_invitation(void **state)
{
	struct box *b = *state;
	struct km_operator alice = add(b, "alice", "1");
	struct km_invitation i = invite(b, &alice, BOX_WALL + 600), after;
	uint64_t id;

	for (int n = 0; n < KM_MAX_CREDENTIALS; n++)
		enrol(b, &alice, "seed");
	assert_int_equal(enrol_by(b, &alice, &i, "one too many", &id), KM_ELIMIT);
	assert_int_equal(store_invitation(b->s, alice.subject, &after), KM_OK);
	assert_memory_equal(&after, &i, sizeof(i));
	assert_int_equal(store_flush(b->s), KM_OK);
}

#define INVITATION_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INVITATION_TEST(test_an_invitation_is_kept_without_its_code),
		INVITATION_TEST(test_a_code_of_one_operator_is_nothing_for_another),
		INVITATION_TEST(test_a_code_of_another_length_makes_no_invitation),
		INVITATION_TEST(test_the_next_invitation_takes_the_place_of_the_last),
		INVITATION_TEST(test_one_that_waits_is_good_from_its_approval_on),
		INVITATION_TEST(test_five_wrong_codes_end_an_invitation),
		INVITATION_TEST(test_a_try_counts_once),
		INVITATION_TEST(test_an_enrolment_uses_its_invitation_up),
		INVITATION_TEST(test_an_enrolment_that_fails_leaves_its_invitation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
