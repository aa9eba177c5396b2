/* Invitations and consents where acts need two persons: who was there, and who must agree. */
#include "request_scene.h"

#include <kenmon/hex.h>

#include "agree.h"

static km_rc invited(struct km_invitation *i)
{
	return store_invitation(room.v->store, scene_person("hanako").subject, i);
}

/* A second may have begun since `from`. */
static void ends_after(const struct km_invitation *i, int64_t from, uint32_t seconds)
{
	assert_in_range(i->until, from + seconds, room.v->now.wall + seconds);
}

static void test_an_invitation_is_good_once_a_second_person_has_agreed(void **state)
{
	const struct km_msg asked = scene_msg_invite("hanako");
	struct km_invitation i;
	struct km_msg m;
	uint64_t id = scene_files(&asked);
	const int64_t from = room.v->now.wall;

	(void)state;
	assert_int_equal(invited(&i), KM_OK);
	assert_int_equal(i.until, 0);
	/* Not by who asked. */
	m = scene_decision(id, true);
	assert_int_equal(scene_rc("rei", &m), KM_EPERM);
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	assert_int_equal(invited(&i), KM_OK);
	ends_after(&i, from, 600);
	assert_int_equal(scene_waiting(), 0);
}

static void test_an_invitation_that_is_rejected_is_gone(void **state)
{
	const struct km_msg asked = scene_msg_invite("hanako");
	struct km_invitation i;
	struct km_msg m = scene_decision(scene_files(&asked), false);

	(void)state;
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	assert_int_equal(invited(&i), KM_ENOTFOUND);
}

/* Else a second registrar's code would be good by what was agreed to for the first one's. */
static void test_who_agrees_to_an_invitation_agrees_to_that_one_and_no_later_one(void **state)
{
	static const struct {
		const char *code; /* of the one that is made in its place */
		uint32_t seconds;
		const char *shown;
	} later[] = { { "EEEEFFFFGGGGHHHH", 600, " seconds=600" },
		      { SCENE_BYPASS, 86400, " seconds=86400" } };

	(void)state;
	for (size_t n = 0; n < 2; n++) {
		struct km_msg asked = scene_msg_invite("hanako"), first, second;
		struct km_invitation i;
		struct msg_done done;
		int64_t from;

		first = scene_decision(scene_files(&asked), true);
		asked.invite.seconds = later[n].seconds;
		assert_int_equal(km_secret_set(&asked.invite.code, later[n].code, 16), KM_OK);
		second = scene_decision(scene_files(&asked), true);
		assert_non_null(strstr(scene_row.request_row.text, later[n].shown));
		assert_memory_not_equal(first.approval_decide.digest, second.approval_decide.digest,
					32);
		done = scene_does("aki", first);
		assert_int_equal(-(int)done.rc, KM_ENOTFOUND);
		assert_non_null(strstr(done.text, "another is in its place"));
		assert_int_equal(invited(&i), KM_OK);
		assert_int_equal(i.until, 0);
		from = room.v->now.wall;
		assert_int_equal(scene_rc("aki", &second), KM_OK);
		/* And what was replaced takes nothing with it when it goes. */
		first.approval_decide.approve = 0;
		assert_int_equal(scene_rc("aki", &first), KM_OK);
		assert_int_equal(invited(&i), KM_OK);
		ends_after(&i, from, later[n].seconds);
		assert_int_equal(scene_waiting(), 0);
	}
}

static struct km_msg paper(void)
{
	struct km_msg m = { .number = KM_MSG_CONSENT };
	struct km_event_record r;
	bool kept;

	event_make(&r, KM_EVENT_PURPOSE_KEPT, NULL, "test");
	assert_int_equal(store_purpose_keep(room.v->store, 0, AGREED_TEXT, strlen(AGREED_TEXT), &r,
					    m.consent.purpose, &kept),
			 KM_OK);
	snprintf(m.consent.login, sizeof m.consent.login, "hanako");
	m.consent.paper = 1;
	return m;
}

static void test_a_consent_names_who_was_at_the_desk(void **state)
{
	const struct km_msg m = paper();
	struct km_consent one;

	(void)state;
	assert_int_equal(scene_rc(NULL, &m), KM_EPERM); /* root alone is nobody here */
	assert_int_equal(scene_rc("aki", &m), KM_EPERM);
	assert_int_equal(scene_rc("rei", &m), KM_OK);
	assert_int_equal(
	    store_consent_standing(room.v->store, scene_person("hanako").subject, NULL, &one),
	    KM_OK);
	assert_memory_equal(one.witness, scene_person("rei").subject, KM_SUBJECT_BYTES);
	assert_int_equal(scene_waiting(), 0);
}

/* Rei's code first, then the operator's own. */
static void answers_in_turn(int line, const char *login, struct km_msg *m)
{
	const char *turn[] = { "rei", login };

	for (size_t i = 0; i < 2; i++) {
		char code[16];

		assert_int_equal(m->number, KM_MSG_PROMPT);
		scene_code(turn[i], code);
		*m = (struct km_msg){ .number = KM_MSG_ANSWER };
		assert_int_equal(km_secret_set(&m->answer.secret, code, strlen(code)), KM_OK);
		desk_asks(line, m);
	}
	assert_int_equal(m->number, KM_MSG_DONE);
}

/* Hanako's code, typed at Rei's terminal; nothing on paper. */
static void test_a_consent_by_ones_own_code_keeps_text_time_terminal_and_witness(void **state)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY, .identify.login = "rei" }, m = paper();
	struct km_operator hanako = scene_person("hanako");
	const int64_t before = room.v->now.wall;
	uint8_t purpose[KM_DIGEST_BYTES];
	struct km_audit_row row;
	struct km_consent one;
	char hex[KM_HEX(KM_SUBJECT_BYTES)];
	int line = desk_comes();

	(void)state;
	memcpy(purpose, m.consent.purpose, sizeof purpose);
	m.consent.paper = 0;
	snprintf(m.consent.terminal, sizeof m.consent.terminal, "pts/7");
	assert_int_equal(desk_does(line, who).rc, 0);
	desk_asks(line, &m);
	answers_in_turn(line, "hanako", &m);
	assert_int_equal(m.done.rc, 0);
	close(line);
	assert_int_equal(store_consent_standing(room.v->store, hanako.subject, purpose, &one),
			 KM_OK);
	assert_memory_equal(one.purpose, purpose, sizeof purpose);
	assert_in_range(one.given, before, room.v->now.wall);
	assert_string_equal(one.terminal, "pts/7");
	assert_memory_equal(one.witness, scene_person("rei").subject, KM_SUBJECT_BYTES);
	assert_false(one.paper);
	assert_int_equal(one.withdrawn, 0);
	row = scene_record(KM_EVENT_CONSENTED);
	assert_memory_equal(row.subject, hanako.subject, KM_SUBJECT_BYTES);
	assert_non_null(strstr(row.body, "by=own-code terminal=pts/7"));
	(void)km_hex(scene_person("rei").subject, KM_SUBJECT_BYTES, hex);
	assert_string_equal(row.actor + strlen(DESK_ACTOR), hex);
}

/* As easy as giving it: nobody else need agree. */
static void test_a_withdrawal_takes_one_person(void **state)
{
	struct km_msg m = { .number = KM_MSG_CONSENT_WITHDRAW };
	struct km_consent one;

	(void)state;
	snprintf(m.consent_withdraw.login, sizeof m.consent_withdraw.login, "hanako");
	assert_int_equal(try_to_agree(room.v, "hanako"), KM_OK);
	assert_int_equal(scene_rc("aki", &m), KM_EPERM);
	assert_int_equal(scene_rc("rei", &m), KM_OK);
	assert_int_equal(
	    store_consent_standing(room.v->store, scene_person("hanako").subject, NULL, &one),
	    KM_ENOTFOUND);
}

static void test_an_export_takes_a_registrar_who_proves_it(void **state)
{
	struct km_msg m = { .number = KM_MSG_EXPORT };
	struct km_audit_row row;

	(void)state;
	snprintf(m.data_export.login, sizeof m.data_export.login, "hanako");
	assert_int_equal(scene_rc(NULL, &m), KM_EPERM);
	assert_int_equal(scene_rc("aki", &m), KM_EPERM);
	assert_int_equal(scene_rc("rei", &m), KM_OK);
	row = scene_record(KM_EVENT_DATA_SHOWN);
	assert_non_null(strstr(row.body, "to=other"));
	/* Themselves, by name and code. */
	assert_int_equal(scene_rc("hanako", &m), KM_OK);
	row = scene_record(KM_EVENT_DATA_SHOWN);
	assert_non_null(strstr(row.body, "to=self"));
}

static struct km_msg reading_of(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ENROL_FINGER };

	snprintf(m.enrol_finger.login, sizeof m.enrol_finger.login, "%s", login);
	m.enrol_finger.finger = KM_FINGER_RIGHT_INDEX;
	m.enrol_finger.impressions = KM_IMPRESSIONS_LEAST;
	return m;
}

/* Read and stored, without the reader. */
static uint64_t finger_that_waits(const char *login)
{
	struct km_operator op = scene_person(login);
	struct km_credential in = { .factor = KM_FACTOR_FINGERPRINT, .waiting = true };
	struct km_template *t = km_locked_new(sizeof *t);
	struct km_event_record r;
	uint64_t id = 0;

	assert_non_null(t);
	t->len = 100;
	memcpy(in.subject, op.subject, sizeof in.subject);
	snprintf(in.label, sizeof in.label, "%s", km_finger_word(KM_FINGER_RIGHT_INDEX));
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	assert_int_equal(store_enrol_finger(room.v->store, &op, &in, "a reader", t, &r, &id),
			 KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	km_locked_free(t, sizeof *t);
	return id;
}

/* As when it was approved. */
static km_rc activates(const char *login, uint64_t id, const char *because)
{
	struct km_msg m = { .number = KM_MSG_ACTIVATE };
	struct line l = { .fd = -1 };
	struct call c = { .v = room.v, .l = &l, .m = &m, .request = 1 };
	km_rc rc;

	snprintf(m.activate.login, sizeof m.activate.login, "%s", login);
	m.activate.credential = id;
	m.activate.factor = KM_FACTOR_FINGERPRINT;
	snprintf(m.activate.label, sizeof m.activate.label, "%s",
		 km_finger_word(KM_FINGER_RIGHT_INDEX));
	rc = desk_activate(&c);
	assert_non_null(strstr(c.text, because));
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return rc;
}

static void test_a_finger_may_be_read_beside_a_code_that_waits_and_is_good_after_it(void **state)
{
	const struct km_msg reading = reading_of("mari"), codes = scene_msg_recovery("mari");
	struct km_msg agreed = paper(), m;
	uint64_t finger, request;

	(void)state;
	scene_add("mari", KM_ROLE_OPERATOR, false);
	snprintf(agreed.consent.login, sizeof agreed.consent.login, "mari");
	assert_int_equal(scene_rc("rei", &agreed), KM_OK);
	assert_int_equal(scene_rc("rei", &reading), KM_ESTATE);
	request = scene_files(&codes);
	/* It comes as far as to the matcher, which this vault has not. */
	assert_int_equal(scene_rc("rei", &reading), KM_EUNAVAIL);
	finger = finger_that_waits("mari");
	assert_int_equal(activates("mari", finger, "approve that one first"), KM_ESTATE);
	assert_true(scene_credential("mari", KM_FACTOR_FINGERPRINT).waiting);
	m = scene_decision(request, true);
	assert_int_equal(scene_rc("aki", &m), KM_OK);
	assert_int_equal(activates("mari", finger, ""), KM_OK);
	assert_false(scene_credential("mari", KM_FACTOR_FINGERPRINT).waiting);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_an_invitation_is_good_once_a_second_person_has_agreed),
		IN_SCENE(test_an_invitation_that_is_rejected_is_gone),
		IN_SCENE(test_who_agrees_to_an_invitation_agrees_to_that_one_and_no_later_one),
		IN_SCENE(test_a_consent_names_who_was_at_the_desk),
		IN_SCENE(test_a_consent_by_ones_own_code_keeps_text_time_terminal_and_witness),
		IN_SCENE(test_a_withdrawal_takes_one_person),
		IN_SCENE(test_an_export_takes_a_registrar_who_proves_it),
		IN_SCENE(test_a_finger_may_be_read_beside_a_code_that_waits_and_is_good_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
