/* A house for the system tests: scenes that something goes wrong in. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <security/pam_appl.h>

#include <kenmon/secret.h>

#include "house_scenes.h"

#define DAEMON_UID 1
#define GAMES_UID  5
#define MAN_UID    6
#define SEED       "12345678901234567890" /* OFFICE_SECRET before base32 */
#define WRONG      "000000"
#define LOCK_AFTER 5 /* the default of [lockout] after */

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

/* Finished with the erasure, or not begun with it. */
static void certified(struct stage *s)
{
	struct house_out o = { 0 };
	char number[32];
	int code;

	PUT(number, "N-%u", s->number);
	office_close();
	code = house_desk(&s->h, &o, NULL, "certificate", "show", "--employee-number", number,
			  "--format", "json", NULL);
	must(s, code == 0 && strstr(o.out, "\"kind\":\"hotp\"") &&
		    !strstr(o.out, "\"finished\":null"));
	house_out_free(&o);
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
	certified(s);
	must(s, try_hotp(s, "man", code == 0) != PAM_SUCCESS);
	/* Nor is the number given again. */
	fill_man(s, &m);
	must(s, office_do(&s->h, &m, NULL) == KM_EREUSED);
}

/* --- scenes: the end of a key epoch ---------------------------------------------------------- */

/* The generation of the only KEK; 0: there is none, or more than one. */
static unsigned only_kek(const struct stage *s)
{
	char path[HOUSE_PATH + 16];
	unsigned found = 0, n, count = 0;
	struct dirent *e;
	DIR *d;

	PUT(path, "%s/vault-kek", s->h.state);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		count += e->d_name[0] != '.';
		if (sscanf(e->d_name, "kek.%u", &n) == 1)
			found = n;
	}
	if (d)
		closedir(d);
	return count == 1 ? found : 0;
}

static void one_epoch(struct stage *s)
{
	s->epoch = only_kek(s);
	must(s, s->epoch > 0);
	new_operation(s);
}

static void fill_rotate(struct stage *s, struct km_msg *m)
{
	(void)s;
	*m = (struct km_msg){ .number = KM_MSG_KEY_ROTATE };
}

static void rotate(struct stage *s)
{
	struct km_msg m;

	fill_rotate(s, &m);
	s->rc = operate(s, &m, NULL);
}

/* Who has been told that it is closed finds it closed; whoever asks again finds it closed, too. */
static void closed_or_not(struct stage *s)
{
	int nobody;

	must(s, s->rc != KM_OK || only_kek(s) > s->epoch);
	must_repeat(s, fill_rotate);
	new_operation(s);
	must_repeat(s, fill_rotate);
	must(s, only_kek(s) > s->epoch);
	/* A name without a factor is judged by the decoy, which is wrapped anew as well. */
	nobody = try_hotp(s, "games", 0);
	must(s, nobody == PAM_AUTH_ERR || nobody == PAM_MAXTRIES);
}

/* --- the table ------------------------------------------------------------------------------ */

const struct scene scenes[SCENES] = {
	{ "a_login", nothing, log_in, code_is_good_once },
	{ "a_login_by_recovery_code", fresh_recovery, log_in_by_recovery, recovery_is_good_once },
	{ "a_lockout", guess_all_but_one, guess, failures_stay },
	{ "an_enrolment", nobody_enrolled, enrol, enrolled_or_not },
	{ "a_registration", next_operator, add_operator, registered_or_not },
	{ "an_erasure", somebody_to_erase, erase, erased_or_not, true },
	{ "an_epochs_end", one_epoch, rotate, closed_or_not, true },
	{ "a_roster", roster_before, roster_act, roster_taken_or_not, true },
};

void scene_is_whole(struct stage *s)
{
	must(s, try_hotp(s, "daemon", s->counter) == PAM_SUCCESS);
	s->counter++;
	must(s, house_desk(&s->h, NULL, NULL, "audit", "verify", NULL) == 0);
}

/* --- the stage ------------------------------------------------------------------------------- */

int stage_open(void **state)
{
	const struct office_otp otp = { .factor = KM_FACTOR_HOTP };
	const struct part *part = *state;
	struct stage *s = calloc(1, sizeof(*s));

	*state = s;
	if (!s || !office_house(&s->h, NULL))
		return -1;
	s->room = part->room;
	s->scene = part->scene;
	return office_add(&s->h, "daemon", DAEMON_UID) == KM_OK &&
		       office_enrol(&s->h, "daemon", &otp, NULL) == KM_OK &&
		       office_add(&s->h, "games", GAMES_UID) == KM_OK
		   ? 0
		   : -1;
}

int stage_close(void **state)
{
	struct stage *s = *state;

	office_close();
	if (s)
		house_end(&s->h);
	free(s);
	return 0;
}
