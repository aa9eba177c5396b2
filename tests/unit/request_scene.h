/*
 * A vault where acts need two persons: Rei registers, Aki and Ami approve. Each says who they are
 * on a line of their own and proves it when asked. Each test includes this once.
 */
#ifndef KENMON_TESTS_REQUEST_SCENE_H
#define KENMON_TESTS_REQUEST_SCENE_H

#include "vault_room.h"

#include <liboath/oath.h>

#include <kenmon/factor.h>
#include <kenmon/people.h>
#include <kenmon/store_request.h>

#include "../../authd/vault/act.h"
#include "../../authd/vault/desk.h"
#include "../../authd/vault/founding.h"

#define SCENE_BYPASS "AAAABBBBCCCCDDDD"

static unsigned scene_counter;  /* of everybody's next code: it only has to grow */
static struct km_msg scene_row; /* the last REQUEST_ROW that somebody was shown */

static inline void scene_seed(const char *login, struct km_secret *out)
{
	char text[32];

	snprintf(text, sizeof text, "seed of %-12.12s", login ? login : "nobody");
	assert_int_equal(km_secret_set(out, text, strlen(text)), KM_OK);
}

static inline void scene_code(const char *login, char out[16])
{
	struct km_secret seed = { 0 };

	scene_seed(login, &seed);
	assert_int_equal(oath_hotp_generate((char *)seed.bytes, seed.len, scene_counter++, 6, false,
					    OATH_HOTP_DYNAMIC_TRUNCATION, out),
			 OATH_OK);
}

static inline struct km_operator scene_person(const char *login)
{
	struct km_operator op;

	assert_int_equal(store_operator_by_login(room.v->store, login, &op), KM_OK);
	return op;
}

/* Registered behind the desk's back, with a code where wanted. */
static inline struct km_operator scene_add(const char *login, enum km_role role, bool enrolled)
{
	struct km_operator in = { .uid = -1,
				  .role = (uint8_t)role,
				  .valid_from = KM_DAY_NONE,
				  .valid_until = KM_DAY_NONE };
	struct km_credential hotp = { .factor = KM_FACTOR_HOTP, .algorithm = KM_SHA1, .digits = 6 };
	struct km_secret seed = { 0 };
	struct km_person who = { .name = "Name", .department = "Department" };
	struct km_event_record r;
	struct km_operator op;
	uint64_t id;

	snprintf(who.login, sizeof who.login, "%s", login);
	snprintf(who.employee_number, sizeof who.employee_number, "N-%s", login);
	event_make(&r, KM_EVENT_OPERATOR_ADDED, NULL, "test");
	assert_int_equal(store_operator_add(room.v->store, &in, &who, &r, &op), KM_OK);
	memcpy(hotp.subject, op.subject, sizeof hotp.subject);
	scene_seed(login, &seed);
	event_make(&r, KM_EVENT_ENROLLED, op.subject, "test");
	if (enrolled)
		assert_int_equal(store_enrol_otp(room.v->store, &op, &hotp, &seed, &r, &id), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return op;
}

static inline int scene_open(void **state)
{
	int rc = open_room(state);

	scene_counter = 0;
	if (rc)
		return rc;
	room.v->conf.approval_required = true;
	room.v->conf.hotp.look_ahead = 100; /* one counter serves everybody */
	scene_add("rei", KM_ROLE_REGISTRAR, true);
	scene_add("aki", KM_ROLE_APPROVER, true);
	scene_add("ami", KM_ROLE_APPROVER, true);
	scene_add("hanako", KM_ROLE_OPERATOR, true);
	assert_int_equal(founding_look(room.v, "test"), KM_OK);
	assert_int_equal(store_flush(room.v->store), KM_OK);
	return 0;
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, close_room)

static inline struct msg_done scene_hear_done(int line, const char *login, struct km_msg *m)
{
	while (m->number != KM_MSG_DONE) {
		if (m->number == KM_MSG_REQUEST_ROW)
			scene_row = *m;
		if (m->number == KM_MSG_PROMPT) {
			char code[16];

			assert_non_null(login);
			scene_code(login, code);
			*m = (struct km_msg){ .number = KM_MSG_ANSWER };
			assert_int_equal(km_secret_set(&m->answer.secret, code, strlen(code)),
					 KM_OK);
			desk_asks(line, m);
			continue;
		}
		assert_int_equal(hear(line, KM_PHASE_DESK_TALK, m, NULL), KM_OK);
	}
	return m->done;
}

/* Somebody at a desk: NULL is root, without any name. A code of theirs answers a prompt. */
static inline struct msg_done scene_does(const char *login, struct km_msg m)
{
	struct km_msg who = { .number = KM_MSG_IDENTIFY };
	int line = desk_comes();
	struct msg_done done;

	if (login) {
		snprintf(who.identify.login, sizeof who.identify.login, "%s", login);
		assert_int_equal(desk_does(line, who).rc, 0);
	}
	desk_asks(line, &m);
	done = scene_hear_done(line, login, &m);
	close(line);
	vault_round(room.v, 0);
	return done;
}

/* DONE's number of an rc. */
static inline int scene_rc(const char *login, const struct km_msg *m)
{
	return -(int)scene_does(login, *m).rc;
}

static inline struct km_msg scene_look(uint64_t id)
{
	struct km_msg m = { .number = KM_MSG_APPROVAL_SHOW, .approval_show.id = id };

	memset(&scene_row, 0, sizeof scene_row);
	assert_int_equal(scene_does("aki", m).rc, 0);
	assert_int_equal(scene_row.number, KM_MSG_REQUEST_ROW);
	return scene_row;
}

/* As it was shown. */
static inline struct km_msg scene_decision(uint64_t id, bool approve)
{
	struct km_msg shown = scene_look(id);
	struct km_msg m = { .number = KM_MSG_APPROVAL_DECIDE };

	m.approval_decide.id = id;
	m.approval_decide.approve = approve;
	memcpy(m.approval_decide.digest, shown.request_row.digest, 32);
	return m;
}

/* Rei asks; the number of the request. */
static inline uint64_t scene_files(const struct km_msg *m)
{
	struct msg_done done = scene_does("rei", *m);

	assert_int_equal(-(int)done.rc, KM_EFILED);
	assert_true(done.id > 0);
	return done.id;
}

/* Filed in Rei's name behind the desk's back, for a minute; about: a login, NULL: nobody. */
static inline uint64_t scene_files_behind(const struct km_msg *m, const char *about)
{
	struct km_filed r = { .act = m->number, .expires = room.v->now.wall + 60 };
	uint8_t frame[KM_REQUEST_BYTES];
	struct km_event_record e;
	char text[ACT_TEXT];
	size_t len = 0;

	memcpy(r.requester, scene_person("rei").subject, sizeof r.requester);
	if (about)
		memcpy(r.subject, scene_person(about).subject, sizeof r.subject);
	assert_int_equal(act_text(m, text), KM_OK);
	assert_int_equal(act_digest(r.act, r.subject, text, r.digest), KM_OK);
	assert_int_equal(km_encode(m, frame, sizeof frame, &len), KM_OK);
	event_make(&e, KM_EVENT_REQUESTED, NULL, "test");
	assert_int_equal(store_request_file(room.v->store, &r, frame, len, &e), KM_OK);
	return r.id;
}

static inline size_t scene_waiting(void)
{
	static struct km_filed all[KM_REQUESTS];
	size_t count = 0;

	assert_int_equal(store_requests(room.v->store, 0, KM_REQUESTS, all, &count), KM_OK);
	return count;
}

/* The last record of this event; event 0: there is none. */
static inline struct km_audit_row scene_record(enum km_event event)
{
	static struct km_audit_row page[500];
	struct km_audit_row found = { 0 };
	size_t count = 0;

	assert_int_equal(store_audit(room.v->store, 0, NULL, 500, page, &count), KM_OK);
	for (size_t i = 0; i < count; i++)
		if (page[i].event == event)
			found = page[i];
	return found;
}

static inline bool scene_names(const struct km_audit_row *row, const char *key, const char *login)
{
	struct km_operator op = scene_person(login);
	char text[80];
	size_t at = (size_t)snprintf(text, sizeof text, "%s=", key);

	for (size_t i = 0; i < KM_SUBJECT_BYTES; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%02x", op.subject[i]);
	return strstr(row->body, text) != NULL;
}

/* The last record of this event names who asked and who agreed, to which request. */
static inline void scene_by_both(enum km_event event)
{
	struct km_audit_row row = scene_record(event);

	assert_int_equal(row.event, event);
	assert_true(scene_names(&row, "requester", "rei"));
	assert_true(scene_names(&row, "approver", "aki"));
	assert_non_null(strstr(row.body, "request="));
	assert_non_null(strstr(row.body, "authority=factor"));
}

/* Aki, to the only request that waits. */
static inline void scene_approves(uint64_t id)
{
	struct msg_done done = scene_does("aki", scene_decision(id, true));

	if (done.rc)
		fail_msg("rc %d: %s", done.rc, done.text);
	assert_int_equal(scene_waiting(), 0);
}

static inline struct km_credential scene_credential(const char *login, unsigned factor)
{
	struct km_credential all[KM_MAX_CREDENTIALS], none = { 0 };
	struct km_operator op = scene_person(login);
	size_t count = 0;

	assert_int_equal(store_credentials(room.v->store, op.subject, all, &count), KM_OK);
	for (size_t i = count; i-- > 0;)
		if (all[i].factor == factor)
			return all[i];
	return none;
}

/* --- what is asked for ------------------------------------------------------------------ */

static inline struct km_msg scene_msg_add(const char *login)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_ADD };

	snprintf(m.operator_add.login, sizeof m.operator_add.login, "%s", login);
	snprintf(m.operator_add.employee_number, 65, "M-%s", login);
	snprintf(m.operator_add.name, 257, "Taro Kenmon");
	snprintf(m.operator_add.department, 129, "Tax");
	m.operator_add.uid = -1;
	m.operator_add.valid_from = m.operator_add.valid_until = KM_DAY_NONE;
	return m;
}

static inline struct km_msg scene_msg_state(const char *login, enum km_operator_state state)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_STATE };

	snprintf(m.operator_state.login, sizeof m.operator_state.login, "%s", login);
	m.operator_state.state = (uint8_t)state;
	return m;
}

static inline struct km_msg scene_msg_rebind(const char *login, int64_t uid)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_REBIND };

	snprintf(m.operator_rebind.login, sizeof m.operator_rebind.login, "%s", login);
	m.operator_rebind.uid = uid;
	return m;
}

static inline struct km_msg scene_msg_unlock(const char *login)
{
	struct km_msg m = { .number = KM_MSG_UNLOCK };

	snprintf(m.unlock.login, sizeof m.unlock.login, "%s", login);
	return m;
}

static inline struct km_msg scene_msg_erase(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ERASE };

	snprintf(m.erase.login, sizeof m.erase.login, "%s", login);
	snprintf(m.erase.reason, sizeof m.erase.reason, "left us");
	return m;
}

static inline struct km_msg scene_msg_recovery(const char *login)
{
	struct km_msg m = { .number = KM_MSG_ENROL_RECOVERY };

	snprintf(m.enrol_recovery.login, sizeof m.enrol_recovery.login, "%s", login);
	m.enrol_recovery.codes.len = KM_RECOVERY_CODES * KM_RECOVERY_LENGTH;
	for (size_t i = 0; i < m.enrol_recovery.codes.len; i++)
		m.enrol_recovery.codes.bytes[i] = (uint8_t)('A' + i / KM_RECOVERY_LENGTH);
	return m;
}

static inline struct km_msg scene_msg_bypass(const char *login, int64_t until)
{
	struct km_msg m = { .number = KM_MSG_BYPASS };

	snprintf(m.bypass.login, sizeof m.bypass.login, "%s", login);
	snprintf(m.bypass.reason, sizeof m.bypass.reason, "a bandaged hand");
	m.bypass.until = until;
	assert_int_equal(km_secret_set(&m.bypass.code, SCENE_BYPASS, KM_RECOVERY_LENGTH), KM_OK);
	return m;
}

static inline struct km_msg scene_msg_invite(const char *login)
{
	struct km_msg m = { .number = KM_MSG_INVITE };

	snprintf(m.invite.login, sizeof m.invite.login, "%s", login);
	m.invite.seconds = 600;
	assert_int_equal(km_secret_set(&m.invite.code, SCENE_BYPASS, KM_RECOVERY_LENGTH), KM_OK);
	return m;
}

static inline struct km_msg scene_msg_remove(const char *login, uint64_t id)
{
	struct km_msg m = { .number = KM_MSG_CREDENTIAL_REMOVE, .credential_remove.id = id };

	snprintf(m.credential_remove.login, sizeof m.credential_remove.login, "%s", login);
	return m;
}

#endif
