/*
 * Two persons in the matrices of failing calls: Rei registers and Aki approves, each on a line on
 * which they were proved. Each test includes this once.
 */
#ifndef KENMON_TESTS_CALLS_TWO_H
#define KENMON_TESTS_CALLS_TWO_H

#include <kenmon/people.h>
#include <kenmon/store_request.h>

#include "../../authd/vault/founding.h"
#include "../../authd/vault/store_internal.h"
#include "calls_office.h"

static inline void add_staff(struct world *w, const char *login, enum km_role role)
{
	struct km_operator in = { .uid = -1,
				  .role = (uint8_t)role,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct km_credential hotp = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_person who = { .name = "n", .department = "d" };
	struct km_secret seed = { 0 };
	struct km_event_record r;
	struct km_operator op;
	uint64_t id;

	TEXT(who.login, login);
	TEXT(who.employee_number, login);
	event_make(&r, KM_EVENT_STARTED, NULL, "test");
	assert_int_equal(store_operator_add(w->v->store, &in, &who, &r, &op), KM_OK);
	memcpy(hotp.subject, op.subject, sizeof hotp.subject);
	assert_int_equal(km_secret_set(&seed, WORLD_SEED, strlen(WORLD_SEED)), KM_OK);
	assert_int_equal(store_enrol_otp(w->v->store, &op, &hotp, &seed, &r, &id), KM_OK);
}

/* As if that operator had said who they are, and proved it. */
static inline void at_the_desk(struct world *w, const char *login)
{
	struct km_operator op = calls_operator(w, login);

	w->v->conf.approval_required = true;
	open_desk(w);
	for (size_t i = 0; i < VAULT_LINES; i++) {
		struct desk_person *who = &w->v->line[i].who;

		if (w->v->line[i].fd < 0)
			continue;
		who->claimed = true;
		memcpy(who->subject, op.subject, sizeof who->subject);
		memcpy(who->tag, op.login_tag, sizeof who->tag);
		who->proved_ms = w->v->now.boot_ms;
	}
}

static inline void prepare_two(struct world *w)
{
	w->v->conf.approval_required = true;
	add_staff(w, "rei", KM_ROLE_REGISTRAR);
	add_staff(w, "aki", KM_ROLE_APPROVER);
	assert_int_equal(founding_look(w->v, "test"), KM_OK);
	assert_int_equal(store_flush(w->v->store), KM_OK);
	at_the_desk(w, "rei");
}

static inline size_t waiting(struct world *w, struct km_filed *first)
{
	static struct km_filed all[8];
	size_t count = 0;

	if (store_requests(w->v->store, 0, 8, all, &count) != KM_OK)
		calls_say("the requests cannot be listed");
	if (count)
		*first = all[0];
	return count;
}

static inline void decides(struct world *w, bool approve)
{
	struct msg_approval_decide *m;
	struct km_filed r = { 0 };

	assert_int_equal(waiting(w, &r), 1);
	at_the_desk(w, "aki");
	m = &new_operation(KM_MSG_APPROVAL_DECIDE)->approval_decide;
	memset(m->op, 0x78, sizeof m->op);
	m->id = r.id;
	m->approve = approve;
	memcpy(m->digest, r.digest, sizeof m->digest);
}

#endif
