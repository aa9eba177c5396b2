/*
 * What goes wrong around a finger: rooms that die, stand still or come late while a reader is
 * waited for, several people at one reader, and people who may not log in any more.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include "house_office.h"
#include "house_touch.h"

#define ENTER    ""
#define CODE_ASK "One-time code: "
#define TOUCH    "Touch the fingerprint reader."
#define IN_USE   "The fingerprint reader is in use."

static uint64_t next_code; /* of daemon's token */

static int login(const struct house *h, struct house_login *l, const char *user,
		 const char *const answers[], const struct touch *touches)
{
	*l = (struct house_login){ .service = FINGER_ONE, .user = user, .answers = answers };
	return finger_login(h, l, touches);
}

/* With this finger; the PAM code. */
static int touch_in(const struct house *h, const char *user, uint32_t identity, uint32_t impression)
{
	const struct touch touches[] = { FINGER(identity, impression), { 0 } };
	struct house_login l;

	return login(h, &l, user, (const char *const[]){ ENTER, NULL }, touches);
}

static int fails(const struct house *h, const char *login)
{
	return office_fails(h, login, KM_FACTOR_FINGERPRINT);
}

/* --- rooms ------------------------------------------------------------------- */

static void kill_sensor(const struct house *h)
{
	assert_true(house_kill_room(h, "kenmon-sensor", SIGKILL));
}

/* The vault lives by the judge's link, and the matcher by the vault's: it is killed, and fingers
 * can be compared again. */
static void kill_and_wait(const struct house *h, const char *room)
{
	long said = house_log_size(h);

	assert_true(house_kill_room(h, room, SIGKILL));
	assert_true(house_wait_log_after(h, said, "the matcher is here"));
}

static void kill_matcher(const struct house *h)
{
	kill_and_wait(h, "kenmon-matcher");
}

static void kill_vault(const struct house *h)
{
	kill_and_wait(h, "kenmon-vault");
}

static void kill_judge(const struct house *h)
{
	kill_and_wait(h, "kenmon-authd");
}

/* It stands still, with the right finger's probe before it. */
static void touch_while_matcher_stands(const struct house *h)
{
	const struct touch right = FINGER(1, 5);

	assert_true(house_kill_room(h, "kenmon-matcher", SIGSTOP));
	assert_true(finger_touch(h, &right));
}

static void
test_C27_a_sensor_killed_while_it_waits_is_started_again_for_the_same_login(void **state)
{
	const struct house *h = *state;
	struct house_login l;

	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, NULL },
			       (const struct touch[]){ ACT(kill_sensor), FINGER(1, 1), { 0 } }),
			 PAM_SUCCESS);
	assert_int_equal(fails(h, "daemon"), 0);
}

static void test_C27_a_sensor_killed_twice_leads_to_the_code_and_the_next_login_works(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	house_hotp(code, OFFICE_SECRET, 6, next_code++);
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL },
			       (const struct touch[]){ ACT(kill_sensor), ACT(kill_sensor), { 0 } }),
			 PAM_SUCCESS);
	assert_string_equal(l.prompt[1], CODE_ASK);
	assert_int_equal(fails(h, "daemon"), 0);
	assert_int_equal(touch_in(h, "daemon", 1, 2), PAM_SUCCESS);
}

static void test_a_matcher_killed_meanwhile_leads_to_the_code_and_the_next_login_works(void **state)
{
	const struct house *h = *state;
	struct house_login l;
	char code[16];

	house_hotp(code, OFFICE_SECRET, 6, next_code++);
	assert_int_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, code, NULL },
			       (const struct touch[]){ ACT(kill_matcher), { 0 } }),
			 PAM_SUCCESS);
	assert_string_equal(l.prompt[1], CODE_ASK);
	assert_int_equal(fails(h, "daemon"), 0);
	assert_int_equal(touch_in(h, "daemon", 1, 3), PAM_SUCCESS);
}

/* The finding for the right finger comes when the login has long ended by a code. */
static void test_C28_a_finding_that_comes_too_late_opens_nothing(void **state)
{
	const struct house *h = *state;
	const struct touch touches[] = { ACT(touch_while_matcher_stands), { 0 } };
	unsigned allowed = office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL);
	struct house_login l;

	assert_int_equal(
	    login(h, &l, "daemon", (const char *const[]){ ENTER, "000000", NULL }, touches),
	    PAM_AUTH_ERR);
	assert_string_equal(l.prompt[1], CODE_ASK);
	assert_true(house_kill_room(h, "kenmon-matcher", SIGCONT));
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), allowed);
	assert_int_equal(touch_in(h, "daemon", 1, 4), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", NULL), allowed + 1);
}

static void test_a_judge_or_vault_killed_meanwhile_refuses_and_the_next_login_works(void **state)
{
	static void (*const kill_room[])(const struct house *h) = { kill_judge, kill_vault };
	const struct house *h = *state;

	for (size_t i = 0; i < sizeof(kill_room) / sizeof(kill_room[0]); i++) {
		const struct touch touches[] = { ACT(kill_room[i]), { 0 } };
		struct house_login l;

		office_close();
		assert_int_equal(
		    login(h, &l, "daemon", (const char *const[]){ ENTER, NULL }, touches),
		    PAM_AUTHINFO_UNAVAIL);
		assert_int_equal(touch_in(h, "daemon", 1, 5), PAM_SUCCESS);
	}
	assert_int_equal(fails(h, "daemon"), 0);
}

/* --- people -------------------------------------------------------------------- */

/* Somebody in a process of their own, who says to `tell` what they see and waits for `go`. */
struct person {
	const struct house *h;
	pid_t pid;
	int told, go;
	int tell, hear;
	struct touch touch;
};

static void seen(void *arg, const char *text)
{
	struct person *p = arg;
	char c = strcmp(text, TOUCH) == 0                     ? 'T'
		 : strncmp(text, IN_USE, strlen(IN_USE)) == 0 ? 'U'
							      : '?';

	if (write(p->tell, &c, 1) != 1)
		_exit(100);
	if (c == 'T' && (read(p->hear, &c, 1) != 1 || !finger_touch(p->h, &p->touch)))
		_exit(101);
}

static void person_start(struct person *p, const struct house *h, const char *user,
			 struct touch with)
{
	int out[2], in[2];
	struct house_login l = { .service = FINGER_ONE,
				 .user = user,
				 .answers = (const char *const[]){ ENTER, NULL },
				 .on_message = seen,
				 .message_arg = p };

	assert_int_equal(pipe(out) + pipe(in), 0);
	*p = (struct person){ h, 0, out[0], in[1], out[1], in[0], with };
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		_exit(house_login(h, &l));
	close(out[1]);
	close(in[0]);
}

static void person_sees(struct person *p, char what)
{
	char c = 0;

	assert_int_equal(read(p->told, &c, 1), 1);
	assert_int_equal(c, what);
}

static void person_touches(struct person *p)
{
	assert_int_equal(write(p->go, "", 1), 1);
}

static int person_end(struct person *p)
{
	int status;

	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	close(p->told);
	close(p->go);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_C29_two_at_one_reader_are_served_in_order_each_by_their_own_finger(void **state)
{
	const struct house *h = *state;
	struct person first, second;

	person_start(&first, h, "daemon", (struct touch)FINGER(1, 6));
	person_sees(&first, 'T');
	person_start(&second, h, "bin", (struct touch)FINGER(2, 6));
	person_sees(&second, 'U');
	person_touches(&first);
	assert_int_equal(person_end(&first), PAM_SUCCESS);
	person_sees(&second, 'T');
	person_touches(&second);
	assert_int_equal(person_end(&second), PAM_SUCCESS);
}

static void test_C29_who_goes_away_makes_room_for_the_next(void **state)
{
	const struct house *h = *state;
	struct person first, second;

	person_start(&first, h, "daemon", (struct touch)FINGER(1, 7));
	person_sees(&first, 'T');
	person_start(&second, h, "bin", (struct touch)FINGER(2, 7));
	person_sees(&second, 'U');
	kill(first.pid, SIGKILL);
	assert_int_equal(person_end(&first), -1);
	person_sees(&second, 'T');
	person_touches(&second);
	assert_int_equal(person_end(&second), PAM_SUCCESS);
}

static void test_a_finger_opens_for_its_owner_alone(void **state)
{
	const struct house *h = *state;

	assert_int_equal(touch_in(h, "daemon", 2, 8), PAM_AUTH_ERR);
	assert_int_equal(touch_in(h, "bin", 1, 8), PAM_AUTH_ERR);
	assert_int_equal(touch_in(h, "daemon", 1, 8), PAM_SUCCESS);
	assert_int_equal(touch_in(h, "bin", 2, 8), PAM_SUCCESS);
}

static void test_any_finger_that_was_enrolled_opens(void **state)
{
	const struct house *h = *state;

	assert_int_equal(finger_enrol(h, "daemon", "left-thumb", 5, NULL), 0);
	assert_int_equal(touch_in(h, "daemon", 5, 9), PAM_SUCCESS);
	assert_int_equal(touch_in(h, "daemon", 1, 9), PAM_SUCCESS);
	assert_int_equal(office_audited(h, KM_EVENT_LOGIN_ALLOWED, "daemon", "finger=left-thumb"),
			 1);
}

static void test_a_finger_cannot_be_enrolled_under_two_names(void **state)
{
	const struct house *h = *state;
	struct house_out o;

	assert_int_not_equal(finger_enrol(h, "daemon", "left-index", 1, &o), 0);
	assert_non_null(strstr(o.err, "enrolled already"));
	house_out_free(&o);
}

static void test_a_suspended_operator_is_refused_with_the_right_finger(void **state)
{
	const struct house *h = *state;

	assert_int_equal(office_suspend(h, "daemon"), KM_OK);
	assert_int_equal(touch_in(h, "daemon", 1, 10), PAM_AUTH_ERR);
	assert_int_equal(office_resume(h, "daemon"), KM_OK);
	assert_int_equal(touch_in(h, "daemon", 1, 10), PAM_SUCCESS);
}

/* Bytes of a sealed template that lie together in a file: of the record as the database keeps it.
 */
static void sealed(const struct house *h, uint8_t out[64])
{
	char path[HOUSE_PATH + 32], hex[129] = "";
	struct house_out o;

	snprintf(path, sizeof(path), "%s/vault/vault.db", h->state);
	assert_int_equal(
	    house_run(&o, -1, NULL,
		      (const char *const[]){ "sqlite3", "-readonly", path,
					     "SELECT hex(substr(sealed, 65, 64)) FROM template "
					     "ORDER BY credential LIMIT 1",
					     NULL }),
	    0);
	assert_int_equal(sscanf(o.out, "%128s", hex), 1);
	house_out_free(&o);
	for (int i = 0; i < 64; i++)
		assert_int_equal(sscanf(hex + 2 * i, "%2hhx", &out[i]), 1);
}

/* DONE comes by the matcher's word, and not since the vault has had enough of waiting for it. */
static void erase_daemon(const struct house *h)
{
	long said = house_log_size(h);
	char *log;

	assert_int_equal(
	    house_desk(h, NULL, NULL, "erase", "daemon", "--reason", "gone", "--yes", NULL), 0);
	log = house_log(h);
	assert_non_null(log);
	assert_null(strstr(log + said, "the matcher's link is closed"));
	free(log);
}

static void test_an_erased_operator_is_refused_and_no_byte_of_a_template_is_left(void **state)
{
	const struct touch touches[] = { ACT(erase_daemon), { 0 } };
	struct house *h = *state;
	struct house_login l;
	uint8_t bytes[64];

	office_close();
	assert_true(house_stop(h)); /* a vault lets nobody else read */
	sealed(h, bytes);
	assert_true(house_again(h));
	assert_true(house_holds(h, bytes, sizeof(bytes), NULL));
	assert_int_not_equal(login(h, &l, "daemon", (const char *const[]){ ENTER, NULL }, touches),
			     PAM_SUCCESS);
	assert_true(finger_said(&l, TOUCH));
	assert_false(house_holds(h, bytes, sizeof(bytes), NULL));
	assert_int_not_equal(touch_in(h, "daemon", 1, 11), PAM_SUCCESS);
	assert_int_equal(touch_in(h, "bin", 2, 11), PAM_SUCCESS);
}

static int setup(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP, .secret = OFFICE_OTHER };
	const struct house *h;

	if (finger_setup_apart(state) != 0)
		return -1;
	h = *state;
	return office_add(h, "bin", 2) == KM_OK && office_enrol(h, "bin", &otp, NULL) == KM_OK &&
		       finger_enrol(h, "bin", "right-thumb", 2, NULL) == 0
		   ? 0
		   : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_C27_a_sensor_killed_while_it_waits_is_started_again_for_the_same_login),
		cmocka_unit_test(
		    test_C27_a_sensor_killed_twice_leads_to_the_code_and_the_next_login_works),
		cmocka_unit_test(
		    test_a_matcher_killed_meanwhile_leads_to_the_code_and_the_next_login_works),
		cmocka_unit_test(test_C28_a_finding_that_comes_too_late_opens_nothing),
		cmocka_unit_test(
		    test_a_judge_or_vault_killed_meanwhile_refuses_and_the_next_login_works),
		cmocka_unit_test(
		    test_C29_two_at_one_reader_are_served_in_order_each_by_their_own_finger),
		cmocka_unit_test(test_C29_who_goes_away_makes_room_for_the_next),
		cmocka_unit_test(test_a_finger_opens_for_its_owner_alone),
		cmocka_unit_test(test_any_finger_that_was_enrolled_opens),
		cmocka_unit_test(test_a_finger_cannot_be_enrolled_under_two_names),
		cmocka_unit_test(test_a_suspended_operator_is_refused_with_the_right_finger),
		cmocka_unit_test(
		    test_an_erased_operator_is_refused_and_no_byte_of_a_template_is_left),
	};

	if (geteuid() != 0) {
		puts("1..0 # SKIP only root can give each room a uid of its own");
		return 0;
	}
	return cmocka_run_group_tests(tests, setup, finger_teardown);
}
