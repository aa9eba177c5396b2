/*
 * Kill -9 of each room at every call to the kernel that it makes while somebody logs in, is
 * enrolled, is locked out, is erased. Whatever was answered before is still so afterwards;
 * nothing is half done; no counter goes back; the trail verifies; the next login works.
 *
 * A scene is a line of `scenes`: what is prepared, what is done, what must hold. The calls are
 * counted by dry runs, and a scene that was killed at fewer fails.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/secret.h>

#include "house_killer.h"
#include "house_office.h"

#define DAEMON_UID 1
#define GAMES_UID  5
#define MAN_UID    6
#define SEED       "12345678901234567890" /* OFFICE_SECRET before base32 */
#define WRONG      "000000"
#define LOCK_AFTER 5 /* the default of [lockout] after */
#define DRY_RUNS   3 /* the least counts: frames that come together are read together */
#define MISSES     3 /* runs that did not get so far, one after the other: no run does */
#define NAME_MAX   160

struct stage {
	struct house h;
	const char *room;
	const struct scene *scene;
	uint64_t counter; /* of daemon's next code */
	unsigned number;  /* of operators that were registered */
	uint8_t op[16];   /* of the act, when it is an administrator's */
	char recovery[KM_RECOVERY_CODES][KM_RECOVERY_LENGTH + 1];
	unsigned recovery_used;
	int pam;  /* what the act was answered: a login */
	km_rc rc; /* the same: an operation */
	char where[NAME_MAX];
};

struct scene {
	const char *name;
	void (*before)(struct stage *s);
	void (*act)(struct stage *s);
	void (*holds)(struct stage *s);
};

/* A failure names the point. */
#define must(s, condition)                                                                         \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_msg("%s: not so: %s", (s)->where, #condition);                        \
	} while (0)

#define PUT(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)

static int try_hotp(struct stage *s, const char *login, uint64_t counter)
{
	char code[16];

	house_hotp(code, OFFICE_SECRET, 6, counter);
	return office_try(&s->h, login, code);
}

static km_rc operate(struct stage *s, struct km_msg *m, uint64_t *id)
{
	struct msg_done done = { 0 };
	km_rc rc = office_do_as(&s->h, m, s->op, &done);

	if (rc == KM_OK && id)
		*id = done.id;
	return rc;
}

/* Once more under the same id, as a desk whose line broke does it: that is the first result. */
static void must_repeat(struct stage *s, void (*fill)(struct stage *s, struct km_msg *m))
{
	struct km_msg m = { 0 };

	fill(s, &m);
	must(s, operate(s, &m, NULL) == KM_OK);
}

static void new_operation(struct stage *s)
{
	must(s, km_random(s->op, sizeof(s->op)) == KM_OK);
	office_close(); /* that the judge has a part in it too */
}

/* --- scenes: logins -------------------------------------------------------------------- */

static void nothing(struct stage *s)
{
	(void)s;
}

static void log_in(struct stage *s)
{
	s->pam = try_hotp(s, "daemon", s->counter);
}

/* A code that opened does not open again; one that did not may have been used up. */
static void code_is_good_once(struct stage *s)
{
	int again = try_hotp(s, "daemon", s->counter);

	must(s, s->pam == PAM_SUCCESS || s->pam == PAM_AUTHINFO_UNAVAIL);
	must(s, again == PAM_AUTH_ERR || (again == PAM_SUCCESS && s->pam != PAM_SUCCESS));
	must(s, try_hotp(s, "daemon", s->counter) == PAM_AUTH_ERR);
	s->counter++;
}

static void fresh_recovery(struct stage *s)
{
	if (s->recovery_used % KM_RECOVERY_CODES == 0)
		must(s, office_recovery(&s->h, "daemon", s->recovery) == KM_OK);
}

static const char *recovery_code(struct stage *s)
{
	return s->recovery[s->recovery_used % KM_RECOVERY_CODES];
}

static void log_in_by_recovery(struct stage *s)
{
	s->pam = office_try(&s->h, "daemon", recovery_code(s));
}

static void recovery_is_good_once(struct stage *s)
{
	int again = office_try(&s->h, "daemon", recovery_code(s));

	must(s, s->pam == PAM_SUCCESS || s->pam == PAM_AUTHINFO_UNAVAIL);
	must(s, again == PAM_AUTH_ERR || (again == PAM_SUCCESS && s->pam != PAM_SUCCESS));
	must(s, office_unlock(&s->h, "daemon") == KM_OK);
	s->recovery_used++;
}

/* --- scenes: a lockout ----------------------------------------------------------------- */

static void guess_all_but_one(struct stage *s)
{
	must(s, office_unlock(&s->h, "daemon") == KM_OK);
	for (unsigned i = 1; i < LOCK_AFTER; i++)
		must(s, office_try(&s->h, "daemon", WRONG) == PAM_AUTH_ERR);
}

static void guess(struct stage *s)
{
	s->pam = office_try(&s->h, "daemon", WRONG);
}

static void failures_stay(struct stage *s)
{
	int fails = office_fails(&s->h, "daemon", KM_FACTOR_HOTP);
	int then = try_hotp(s, "daemon", s->counter);

	must(s, s->pam == PAM_MAXTRIES || s->pam == PAM_AUTHINFO_UNAVAIL);
	must(s, fails == LOCK_AFTER || (fails == LOCK_AFTER - 1 && s->pam != PAM_MAXTRIES));
	must(s, then == (fails == LOCK_AFTER ? PAM_MAXTRIES : PAM_SUCCESS));
	s->counter += then == PAM_SUCCESS;
	must(s, office_unlock(&s->h, "daemon") == KM_OK);
}

/* --- scenes: an enrolment, an operator --------------------------------------------------- */

static void fill_enrol(struct stage *s, struct km_msg *m)
{
	(void)s;
	*m = (struct km_msg){ .number = KM_MSG_ENROL };
	PUT(m->enrol.login, "games");
	m->enrol.factor = KM_FACTOR_HOTP;
	m->enrol.algorithm = KM_SHA1;
	m->enrol.digits = 6;
	m->enrol.period = 30;
	memcpy(m->enrol.secret.bytes, SEED, strlen(SEED));
	m->enrol.secret.len = (uint16_t)strlen(SEED);
}

static void nobody_enrolled(struct stage *s)
{
	struct msg_credential_row row;

	if (office_credential(&s->h, "games", KM_FACTOR_HOTP, &row))
		must(s, office_remove(&s->h, "games", row.id) == KM_OK);
	must(s, !office_credential(&s->h, "games", KM_FACTOR_HOTP, &row));
	new_operation(s);
}

static void enrol(struct stage *s)
{
	struct km_msg m;

	fill_enrol(s, &m);
	s->rc = operate(s, &m, NULL);
}

static void enrolled_or_not(struct stage *s)
{
	struct msg_credential_row row;
	bool there = office_credential(&s->h, "games", KM_FACTOR_HOTP, &row);

	must(s, there || s->rc != KM_OK);
	if (there)
		must(s, try_hotp(s, "games", 0) == PAM_SUCCESS);
	must_repeat(s, fill_enrol);
	must(s, try_hotp(s, "games", 0) == (there ? PAM_AUTH_ERR : PAM_SUCCESS));
	must(s, office_credential(&s->h, "games", KM_FACTOR_HOTP, &row));
	must(s, office_remove(&s->h, "games", row.id) == KM_OK);
	/* Sent twice, and done once. */
	must(s, !office_credential(&s->h, "games", KM_FACTOR_HOTP, &row));
}

static void fill_operator(struct stage *s, struct km_msg *m)
{
	*m = (struct km_msg){ .number = KM_MSG_OPERATOR_ADD };
	PUT(m->operator_add.login, "clerk%u", s->number);
	PUT(m->operator_add.employee_number, "N-%u", s->number);
	PUT(m->operator_add.name, "Clerk the %uth", s->number);
	PUT(m->operator_add.department, "Records");
	m->operator_add.uid = -1;
	m->operator_add.valid_from = m->operator_add.valid_until = KM_DAY_NONE;
}

static void next_operator(struct stage *s)
{
	s->number++;
	new_operation(s);
}

static void add_operator(struct stage *s)
{
	struct km_msg m;

	fill_operator(s, &m);
	s->rc = operate(s, &m, NULL);
}

/* Exit code of `operator show`; a row that is there must hold these texts. */
static int show(struct stage *s, const char *login, const char *number, const char *name)
{
	struct house_out o = { 0 };
	int code;

	office_close();
	code = house_desk(&s->h, &o, NULL, "operator", "show", login, "--json", NULL);
	if (code == 0)
		must(s, strstr(o.out, number) && strstr(o.out, name));
	house_out_free(&o);
	return code;
}

static void registered_or_not(struct stage *s)
{
	char login[32], number[32], name[32];
	int code;

	PUT(login, "clerk%u", s->number);
	PUT(number, "\"N-%u\"", s->number);
	PUT(name, "\"Clerk the %uth\"", s->number);
	code = show(s, login, number, name);
	must(s, code == 0 || (code == 1 && s->rc != KM_OK));
	must_repeat(s, fill_operator);
	must(s, show(s, login, number, name) == 0);
}

/* --- scenes: an erasure -------------------------------------------------------------------- */

static void fill_man(struct stage *s, struct km_msg *m)
{
	fill_operator(s, m);
	PUT(m->operator_add.login, "man");
	m->operator_add.uid = MAN_UID;
}

static void somebody_to_erase(struct stage *s)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	struct km_msg m;

	s->number++;
	fill_man(s, &m);
	must(s, office_do(&s->h, &m, NULL) == KM_OK);
	must(s, office_enrol(&s->h, "man", &otp, NULL) == KM_OK);
	new_operation(s);
}

static void fill_erase(struct stage *s, struct km_msg *m)
{
	(void)s;
	*m = (struct km_msg){ .number = KM_MSG_ERASE };
	PUT(m->erase.login, "man");
	PUT(m->erase.reason, "left");
}

static void erase(struct stage *s)
{
	struct km_msg m;

	fill_erase(s, &m);
	s->rc = operate(s, &m, NULL);
}

static void erased_or_not(struct stage *s)
{
	char number[32], name[32];
	struct km_msg m;
	int code;

	PUT(number, "\"N-%u\"", s->number);
	PUT(name, "\"Clerk the %uth\"", s->number);
	code = show(s, "man", number, name);
	must(s, code == 1 || (code == 0 && s->rc != KM_OK));
	if (code == 0)
		must(s, try_hotp(s, "man", 0) == PAM_SUCCESS);
	must_repeat(s, fill_erase);
	must(s, show(s, "man", number, name) == 1);
	must(s, try_hotp(s, "man", code == 0) != PAM_SUCCESS);
	/* Nor is the number given again. */
	fill_man(s, &m);
	must(s, office_do(&s->h, &m, NULL) == KM_EREUSED);
}

/* --- the table ------------------------------------------------------------------------------ */

static const struct scene scenes[] = {
	{ "a_login", nothing, log_in, code_is_good_once },
	{ "a_login_by_recovery_code", fresh_recovery, log_in_by_recovery, recovery_is_good_once },
	{ "a_lockout", guess_all_but_one, guess, failures_stay },
	{ "an_enrolment", nobody_enrolled, enrol, enrolled_or_not },
	{ "a_registration", next_operator, add_operator, registered_or_not },
	{ "an_erasure", somebody_to_erase, erase, erased_or_not },
};

/* --- the points ----------------------------------------------------------------------------- */

static void restart(struct stage *s)
{
	office_close();
	house_stop(&s->h);
	must(s, truncate(s->h.log, 0) == 0);
	must(s, house_again(&s->h));
}

static void must_be_whole(struct stage *s)
{
	must(s, try_hotp(s, "daemon", s->counter) == PAM_SUCCESS);
	s->counter++;
	must(s, house_desk(&s->h, NULL, NULL, "audit", "verify", NULL) == 0);
}

/* The scene, killed at the n-th call (0: at none, and the calls are counted). Was it? */
static bool play(struct stage *s, unsigned n, unsigned *counted)
{
	struct killer k;
	bool struck;

	snprintf(s->where, sizeof(s->where), "before %s", s->scene->name);
	s->scene->before(s);
	must(s, killer_set(&k, house_room(&s->h, s->room), n));
	s->scene->act(s);
	struck = killer_end(&k);
	if (counted)
		*counted = killer_counted(&k);
	snprintf(s->where, sizeof(s->where), "%s, %s killed at %u (%s)", s->scene->name, s->room, n,
		 struck ? killer_call(&k) : "not");
	killer_free(&k);
	if (struck)
		restart(s);
	s->scene->holds(s);
	must_be_whole(s);
	return struck;
}

static unsigned count_calls(struct stage *s)
{
	unsigned least = UINT32_MAX, counted;

	for (unsigned i = 0; i < DRY_RUNS; i++) {
		must(s, !play(s, 0, &counted));
		least = counted < least ? counted : least;
	}
	must(s, least > 0);
	return least;
}

static void test_killed(void **state)
{
	struct stage *s = *state;
	unsigned counted = count_calls(s), tried = 0;

	for (unsigned misses = 0; misses < MISSES;) {
		bool struck = play(s, tried + 1, NULL);

		tried += struck;
		misses = struck ? 0 : misses + 1;
	}
	printf("# %s, %s: %u calls counted, killed at %u\n", s->scene->name, s->room, counted,
	       tried);
	fflush(stdout);
	assert_true(tried >= counted);
}

/* --- the matrix as tests ---------------------------------------------------------------------- */

static const struct room {
	const char *name, *program;
} rooms[] = { { "a_vault", "kenmon-vault" }, { "a_judge", "kenmon-authd" } };

#define SCENES (sizeof(scenes) / sizeof(scenes[0]))
#define ROOMS  (sizeof(rooms) / sizeof(rooms[0]))

struct part {
	const struct room *room;
	const struct scene *scene;
	char name[NAME_MAX];
};

static int open_stage(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct part *part = *state;
	struct stage *s = calloc(1, sizeof(*s));

	*state = s;
	if (!s || !office_house(&s->h, NULL))
		return -1;
	s->room = part->room->program;
	s->scene = part->scene;
	return office_add(&s->h, "daemon", DAEMON_UID) == KM_OK &&
		       office_enrol(&s->h, "daemon", &otp, NULL) == KM_OK &&
		       office_add(&s->h, "games", GAMES_UID) == KM_OK
		   ? 0
		   : -1;
}

static int close_stage(void **state)
{
	struct stage *s = *state;

	office_close();
	if (s)
		house_end(&s->h);
	free(s);
	return 0;
}

static void test_skipped(void **state)
{
	(void)state;
	skip(); /* nobody but root may trace a room */
}

int main(void)
{
	static struct part parts[SCENES * ROOMS];
	struct CMUnitTest tests[SCENES * ROOMS];
	bool root = geteuid() == 0;

	for (size_t i = 0; i < SCENES * ROOMS; i++) {
		struct part *p = &parts[i];

		p->room = &rooms[i / SCENES];
		p->scene = &scenes[i % SCENES];
		snprintf(p->name, sizeof(p->name), "test_%s_killed_at_any_step_of_%s_loses_nothing",
			 p->room->name, p->scene->name);
		tests[i] =
		    (struct CMUnitTest){ p->name, root ? test_killed : test_skipped,
					 root ? open_stage : NULL, root ? close_stage : NULL, p };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
