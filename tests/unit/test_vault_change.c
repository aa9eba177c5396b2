/* What a desk may change of an operator, what it is shown of one, and the review at the vault. */
#include "vault_room.h"

#include <kenmon/event.h>
#include <kenmon/factor.h>
#include <kenmon/people.h>

static void ends(const char *what, struct msg_done done, km_rc rc, const char *text)
{
	if (done.rc != -rc || !strstr(done.text, text))
		fail_msg("%s: rc %d, \"%s\"; wanted %d, \"%s\"", what, done.rc, done.text, -rc,
			 text);
}

static struct msg_done register_as(int line, const char *login)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };

	snprintf(m.operator_add.login, sizeof(m.operator_add.login), "%s", login);
	snprintf(m.operator_add.employee_number, sizeof(m.operator_add.employee_number), "N-%.40s",
		 login);
	snprintf(m.operator_add.name, sizeof(m.operator_add.name), "Name");
	snprintf(m.operator_add.department, sizeof(m.operator_add.department), "Department");
	m.operator_add.uid = 1000;
	m.operator_add.valid_from = m.operator_add.valid_until = KM_DAY_NONE;
	return desk_does(line, m);
}

static struct km_msg change_of(const char *login, unsigned mask)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE };
	struct msg_operator_change *c = &m.operator_change;

	snprintf(c->login, sizeof(c->login), "%s", login);
	c->mask = (uint16_t)mask;
	snprintf(c->name, sizeof(c->name), "Hanako Henkou");
	snprintf(c->department, sizeof(c->department), "Pensions");
	c->role = KM_ROLE_AUDITOR;
	c->valid_from = 20000;
	c->valid_until = 20100;
	snprintf(c->mobile, sizeof(c->mobile), "+819012345678");
	snprintf(c->landline, sizeof(c->landline), "4711");
	return m;
}

static struct msg_operator_row shown(int line, const char *login)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_SHOW }, done;

	snprintf(m.operator_show.login, sizeof(m.operator_show.login), "%s", login);
	desk_asks(line, &m);
	assert_int_equal(m.number, KM_MSG_OPERATOR_ROW);
	assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &done, NULL), KM_OK);
	assert_int_equal(done.number, KM_MSG_DONE);
	return m.operator_row;
}

static struct km_audit_row last_record(void)
{
	struct km_audit_row row = { 0 };
	uint64_t after = 0;
	size_t count = 0;

	assert_int_equal(store_audit_last(room.v->store, NULL, 1, &after), KM_OK);
	assert_int_equal(store_audit(room.v->store, after, NULL, 1, &row, &count), KM_OK);
	assert_int_equal(count, 1);
	return row;
}

/* --- changing --------------------------------------------------------------------- */

static void test_all_that_a_desk_names_is_changed_and_shown(void **state)
{
	int line = desk_comes();
	struct msg_operator_row row;
	struct km_audit_row record;

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	ends("change", desk_does(line, change_of("hanako", KM_CHANGE_ALL)), KM_OK, "");
	row = shown(line, "hanako");
	assert_string_equal(row.name, "Hanako Henkou");
	assert_string_equal(row.department, "Pensions");
	assert_int_equal(row.role, KM_ROLE_AUDITOR);
	assert_int_equal(row.valid_from, 20000);
	assert_int_equal(row.valid_until, 20100);
	assert_string_equal(row.mobile, "+819012345678");
	assert_string_equal(row.landline, "4711");
	assert_int_equal(row.factors, 0);
	assert_int_equal(row.oldest, 0);
	/* The trail has the names of the fields, and nothing of the person. */
	record = last_record();
	assert_int_equal(record.event, KM_EVENT_OPERATOR_CHANGED);
	assert_non_null(strstr(record.body, "changed=name,department,role,valid-from,valid-until,"
					    "mobile,landline role=auditor was=operator"));
	assert_null(strstr(record.body, "Hanako"));
	assert_null(strstr(record.body, "Pensions"));
	assert_null(strstr(record.body, "8190"));
	assert_null(strstr(record.body, "4711"));
	close(line);
}

static void test_numbers_and_days_can_be_taken_away(void **state)
{
	int line = desk_comes();
	struct km_msg m = change_of("hanako", KM_CHANGE_ALL);
	struct msg_operator_row row;

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	ends("change", desk_does(line, m), KM_OK, "");
	m = change_of("hanako", KM_CHANGE_VALID_FROM | KM_CHANGE_VALID_UNTIL | KM_CHANGE_MOBILE);
	m.operator_change.valid_from = m.operator_change.valid_until = KM_DAY_NONE;
	m.operator_change.mobile[0] = '\0';
	ends("none", desk_does(line, m), KM_OK, "");
	row = shown(line, "hanako");
	assert_int_equal(row.valid_from, KM_DAY_NONE);
	assert_int_equal(row.valid_until, KM_DAY_NONE);
	assert_string_equal(row.mobile, "");
	assert_string_equal(row.landline, "4711");
	close(line);
}

static void test_a_change_that_cannot_be_is_refused_and_leaves_no_record(void **state)
{
	int line = desk_comes();
	struct km_audit_row before;
	struct km_msg m;

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	before = last_record();
	ends("nobody", desk_does(line, change_of("nobody", 1)), KM_ENOTFOUND, "nobody");
	ends("nothing", desk_does(line, change_of("hanako", 0)), KM_EINVAL, "");
	ends("unknown", desk_does(line, change_of("hanako", 128)), KM_EINVAL, "");
	m = change_of("hanako", KM_CHANGE_NAME);
	m.operator_change.name[0] = '\0';
	ends("no name", desk_does(line, m), KM_EINVAL, "name");
	m = change_of("hanako", KM_CHANGE_DEPARTMENT);
	m.operator_change.department[0] = '\0';
	ends("no department", desk_does(line, m), KM_EINVAL, "department");
	m = change_of("hanako", KM_CHANGE_ROLE);
	m.operator_change.role = KM_ROLE_OFFICER + 1;
	ends("a role that is none", desk_does(line, m), KM_EINVAL, "role");
	m = change_of("hanako", KM_CHANGE_MOBILE);
	snprintf(m.operator_change.mobile, sizeof(m.operator_change.mobile), "=cmd");
	ends("C10: a formula for a number", desk_does(line, m), KM_EINVAL, "mobile");
	m = change_of("hanako", KM_CHANGE_LANDLINE);
	snprintf(m.operator_change.landline, sizeof(m.operator_change.landline), "12");
	ends("two digits", desk_does(line, m), KM_EINVAL, "landline");
	m = change_of("hanako", KM_CHANGE_VALID_FROM | KM_CHANGE_VALID_UNTIL);
	m.operator_change.valid_from = 20101;
	ends("days", desk_does(line, m), KM_EINVAL, "valid-from lies after valid-until");
	m = change_of("hanako", KM_CHANGE_VALID_FROM);
	m.operator_change.valid_from = -2;
	ends("a day that is none", desk_does(line, m), KM_EINVAL, "");
	assert_int_equal(last_record().seq, before.seq);
	close(line);
}

static void test_a_day_that_stays_is_held_against_one_that_changes(void **state)
{
	int line = desk_comes();
	struct km_msg m = change_of("hanako", KM_CHANGE_VALID_UNTIL);

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	ends("until", desk_does(line, m), KM_OK, "");
	m = change_of("hanako", KM_CHANGE_VALID_FROM);
	m.operator_change.valid_from = 20101;
	ends("from", desk_does(line, m), KM_EINVAL, "valid-from lies after valid-until");
	close(line);
}

/* Such a move is a transfer: it has a day, and ends with a certificate. */
static void test_nobody_is_moved_out_of_what_is_covered_by_a_change(void **state)
{
	char *covered = room.v->conf.roster.departments;
	int line = desk_comes();
	struct km_msg m = change_of("hanako", KM_CHANGE_DEPARTMENT);

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	snprintf(covered, sizeof(room.v->conf.roster.departments), "Department, Taxes");
	ends("out", desk_does(line, m), KM_EINVAL, "that is 'kenmon transfer'");
	assert_string_equal(shown(line, "hanako").department, "Department");
	snprintf(m.operator_change.department, sizeof(m.operator_change.department), "Taxes");
	ends("within", desk_does(line, m), KM_OK, "");
	/* Whom no roster reaches is moved as anybody likes. */
	snprintf(covered, sizeof(room.v->conf.roster.departments), "Elsewhere");
	ends("outside", desk_does(line, change_of("hanako", KM_CHANGE_DEPARTMENT)), KM_OK, "");
	assert_string_equal(shown(line, "hanako").department, "Pensions");
	close(line);
}

static void test_what_is_so_already_is_said_and_not_recorded(void **state)
{
	int line = desk_comes();
	uint64_t seq;

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	ends("change", desk_does(line, change_of("hanako", KM_CHANGE_ALL)), KM_OK, "");
	seq = last_record().seq;
	ends("again", desk_does(line, change_of("hanako", KM_CHANGE_ALL)), KM_ESTATE, "so already");
	assert_int_equal(last_record().seq, seq);
	close(line);
}

static void test_c10_login_names_that_no_account_can_have_are_refused(void **state)
{
	static const char *const names[] = { "a b",  "-rf",
					     "../x", "=1+1",
					     "佐藤", "a:b",
					     "a\"b", "abcdefghijklmnopqrstuvwxyz0123456" };
	int line = desk_comes();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ends(names[i], register_as(line, names[i]), KM_EINVAL,
		     "no account can have this login name");
	ends("a dot", register_as(line, "sato.hanako"), KM_OK, "");
	close(line);
}

/* --- the review ---------------------------------------------------------------------- */

/* What status says of it. */
static const char *review_row(int line, bool *alarm)
{
	static char value[sizeof(((struct msg_status_row *)0)->value)];
	struct km_msg m = { .number = KM_MSG_STATUS };

	value[0] = '\0';
	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		if (strcmp(m.status_row.key, "review") == 0) {
			memcpy(value, m.status_row.value, sizeof(value));
			*alarm = m.status_row.alarm;
		}
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	assert_int_equal(m.done.rc, 0);
	return value;
}

static void status_says(int line, bool alarm, const char *text)
{
	bool alarmed = !alarm;
	const char *value = review_row(line, &alarmed);

	if (!strstr(value, text) || alarmed != alarm)
		fail_msg("review: \"%s\"%s, and not \"%s\"", value, alarmed ? " (alarm)" : "",
			 text);
}

static void sign_off(int line, const char *note)
{
	struct km_msg m = { .number = KM_MSG_REVIEW };

	snprintf(m.review.note, sizeof(m.review.note), "%s", note);
	ends("sign-off", desk_does(line, m), KM_OK, "");
}

static void test_a_review_is_asked_for_when_its_interval_is_over(void **state)
{
	int line = desk_comes();

	(void)state;
	status_says(line, false, "never signed off; due on ");
	ends("add", register_as(line, "hanako"), KM_OK, "");
	status_says(line, false, "never signed off; due on ");
	room.v->conf.review_interval = 0; /* as if it were over */
	status_says(line, true, "never signed off; due since ");
	status_says(line, true, "see 'kenmon report review'");
	room.v->conf.review_interval = 180;
	sign_off(line, "");
	status_says(line, false, "signed off on ");
	room.v->conf.review_interval = 0;
	status_says(line, true, "; due since ");
	close(line);
}

/* By the clock of so many days ago. */
static void was_signed_off_before(int64_t days)
{
	struct km_now then = room.v->now;
	struct km_event_record r;

	then.wall -= days * 86400;
	then.today -= days;
	event_make(&r, KM_EVENT_REVIEWED, NULL, "test");
	store_set_now(room.v->store, &then);
	assert_int_equal(store_review_sign(room.v->store, &r), KM_OK);
	store_set_now(room.v->store, &room.v->now);
}

static void test_half_a_year_after_a_sign_off_the_next_one_is_asked_for(void **state)
{
	int line = desk_comes();

	(void)state;
	assert_int_equal(room.v->conf.review_interval, 180);
	was_signed_off_before(179);
	status_says(line, false, "; due on ");
	was_signed_off_before(181);
	status_says(line, true, "; due since ");
	sign_off(line, "");
	status_says(line, false, "; due on ");
	close(line);
}

static void test_a_sign_off_is_recorded_with_its_note_and_the_counts(void **state)
{
	int line = desk_comes();
	struct km_audit_row record;

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	sign_off(line, "all = seen");
	record = last_record();
	assert_int_equal(record.event, KM_EVENT_REVIEWED);
	assert_non_null(strstr(record.body, "operators=1 suspended=0 without-a-factor=1"));
	assert_non_null(strstr(record.body, "note=all%20%3D%20seen"));
	close(line);
}

/* Records of a listing since the last review; the seq of the first and how it ended. */
static unsigned since_review(int line, uint16_t *first, struct msg_done *done)
{
	struct km_msg m = { .number = KM_MSG_REVIEW_SHOW };
	unsigned rows = 0;

	*first = 0;
	desk_asks(line, &m);
	while (m.number != KM_MSG_DONE) {
		assert_int_equal(m.number, KM_MSG_AUDIT_ROW);
		if (rows++ == 0)
			*first = m.audit_row.event;
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, &m, NULL), KM_OK);
	}
	*done = m.done;
	return rows;
}

static void test_what_changed_since_the_last_review_is_listed_behind_it(void **state)
{
	int line = desk_comes();
	struct msg_done done;
	uint16_t first;

	(void)state;
	ends("add", register_as(line, "hanako"), KM_OK, "");
	assert_int_equal(since_review(line, &first, &done), 1);
	assert_int_equal(first, KM_EVENT_OPERATOR_ADDED);
	ends("listing", done, KM_OK, "");
	sign_off(line, "");
	assert_int_equal(since_review(line, &first, &done), 1);
	assert_int_equal(first, KM_EVENT_REVIEWED);
	ends("change", desk_does(line, change_of("hanako", KM_CHANGE_ROLE)), KM_OK, "");
	assert_int_equal(since_review(line, &first, &done), 2);
	assert_int_equal(first, KM_EVENT_REVIEWED);
	assert_int_equal(done.id, last_record().seq);
	close(line);
}

static void test_a_review_that_was_tampered_with_is_an_error_and_no_answer(void **state)
{
	struct km_msg m = { .number = KM_MSG_REVIEW_SHOW };
	int line = desk_comes();

	(void)state;
	sign_off(line, "");
	assert_int_equal(store_meta_set(room.v->store, "review", "short", 5, NULL), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	ends("show", desk_does(line, m), KM_ECORRUPT, "");
	m = (struct km_msg){ .number = KM_MSG_STATUS };
	ends("status", desk_does(line, m), KM_ECORRUPT, "");
	close(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_all_that_a_desk_names_is_changed_and_shown),
		IN_ROOM(test_numbers_and_days_can_be_taken_away),
		IN_ROOM(test_a_change_that_cannot_be_is_refused_and_leaves_no_record),
		IN_ROOM(test_a_day_that_stays_is_held_against_one_that_changes),
		IN_ROOM(test_nobody_is_moved_out_of_what_is_covered_by_a_change),
		IN_ROOM(test_what_is_so_already_is_said_and_not_recorded),
		IN_ROOM(test_c10_login_names_that_no_account_can_have_are_refused),
		IN_ROOM(test_a_review_is_asked_for_when_its_interval_is_over),
		IN_ROOM(test_half_a_year_after_a_sign_off_the_next_one_is_asked_for),
		IN_ROOM(test_a_sign_off_is_recorded_with_its_note_and_the_counts),
		IN_ROOM(test_what_changed_since_the_last_review_is_listed_behind_it),
		IN_ROOM(test_a_review_that_was_tampered_with_is_an_error_and_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
