/* A request says all that will happen, in these words; done, its record names who asked and agreed.
 */
#include "request_scene.h"
#include "roster_scene.h"

#include <kenmon/erased.h>

#define APRIL 20544 /* 2026-04-01 */

static struct km_msg change(const char *login, unsigned mask)
{
	struct km_msg m = { .number = KM_MSG_OPERATOR_CHANGE };
	struct msg_operator_change *c = &m.operator_change;

	snprintf(c->login, sizeof c->login, "%s", login);
	c->mask = (uint16_t)mask;
	snprintf(c->name, sizeof c->name, "Hana Kenmon");
	snprintf(c->department, sizeof c->department, "Tax=1");
	c->role = KM_ROLE_AUDITOR;
	c->valid_from = APRIL;
	c->valid_until = KM_DAY_NONE;
	snprintf(c->mobile, sizeof c->mobile, "+819012345678");
	return m;
}

static struct km_msg transfer(const char *login, int64_t day)
{
	struct km_msg m = { .number = KM_MSG_TRANSFER, .transfer.effective = day };

	snprintf(m.transfer.login, sizeof m.transfer.login, "%s", login);
	snprintf(m.transfer.reason, sizeof m.transfer.reason, "to another town");
	return m;
}

static struct km_msg resume(const char *login)
{
	struct km_msg m = scene_msg_state(login, KM_ACTIVE);

	snprintf(m.operator_state.reason, sizeof m.operator_state.reason, "is back");
	return m;
}

static void test_a_request_names_exactly_what_will_happen(void **state)
{
	const struct km_msg away = scene_msg_state("hanako", KM_SUSPENDED);
	const struct {
		struct km_msg asks;
		const char *says;
	} each[] = {
		{ scene_msg_rebind("hanako", 4711), "login=hanako uid=4711" },
		{ scene_msg_rebind("hanako", -1), "login=hanako uid=first-login" },
		{ resume("hanako"), "login=hanako state=active reason=is%20back" },
		{ scene_msg_unlock("hanako"), "login=hanako" },
		{ scene_msg_erase("hanako"), "login=hanako reason=left%20us" },
		{ transfer("hanako", APRIL),
		  "login=hanako effective=2026-04-01 reason=to%20another%20town" },
		{ change("hanako", KM_CHANGE_NAME | KM_CHANGE_DEPARTMENT),
		  "login=hanako name=Hana%20Kenmon department=Tax%3D1" },
		{ change("hanako", KM_CHANGE_ALL),
		  "login=hanako name=Hana%20Kenmon department=Tax%3D1 role=auditor "
		  "valid-from=2026-04-01 valid-until=none mobile=+819012345678 landline=" },
	};

	(void)state;
	assert_int_equal(scene_rc(NULL, &away), KM_OK);
	for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
		uint64_t id = scene_files(&each[i].asks);
		struct km_msg no;

		assert_int_equal(scene_look(id).request_row.act, each[i].asks.number);
		assert_string_equal(scene_row.request_row.text, each[i].says);
		assert_string_equal(scene_row.request_row.login, "hanako");
		assert_string_equal(scene_row.request_row.requester, "rei");
		no = scene_decision(id, false);
		assert_int_equal(scene_rc("aki", &no), KM_OK);
	}
	assert_int_equal(scene_person("hanako").uid, -1);
	assert_int_equal(scene_person("hanako").state, KM_SUSPENDED);
}

static void test_an_operator_is_changed_by_two_who_are_both_named(void **state)
{
	const struct km_msg m = change("hanako", KM_CHANGE_ROLE);
	uint64_t id;

	(void)state;
	id = scene_files(&m);
	assert_int_equal(scene_person("hanako").role, KM_ROLE_OPERATOR);
	assert_int_equal(scene_record(KM_EVENT_OPERATOR_CHANGED).event, 0);
	assert_string_equal(scene_look(id).request_row.text, "login=hanako role=auditor");
	scene_approves(id);
	assert_int_equal(scene_person("hanako").role, KM_ROLE_AUDITOR);
	scene_by_both(KM_EVENT_OPERATOR_CHANGED);
}

static km_rc erasure_of(const char *login, struct km_due_row *out)
{
	return store_due_of(room.v->store, scene_person(login).subject, KM_DUE_ERASE, out);
}

static void test_a_transfer_is_due_on_its_day_once_two_have_agreed(void **state)
{
	const int64_t day = TODAY + 3;
	const struct km_msg m = transfer("hanako", day);
	struct km_certificate proof;
	struct km_operator hanako;
	struct km_due_row row;
	uint64_t id;

	(void)state;
	id = scene_files(&m);
	assert_int_equal(erasure_of("hanako", &row), KM_ENOTFOUND);
	scene_approves(id);
	assert_int_equal(erasure_of("hanako", &row), KM_OK);
	assert_int_equal(row.day, day);
	assert_int_equal(row.cause, KM_CAUSE_TRANSFERRED);
	assert_memory_equal(row.requester, scene_person("rei").subject, KM_SUBJECT_BYTES);
	assert_memory_equal(row.approver, scene_person("aki").subject, KM_SUBJECT_BYTES);
	scene_by_both(KM_EVENT_DUE_SET);
	later(2);
	assert_int_equal(scene_person("hanako").state, KM_ACTIVE);
	hanako = scene_person("hanako");
	later(1);
	assert_int_equal(operator_of("hanako").cursor, 0);
	assert_int_equal(store_certificate(room.v->store, hanako.subject, &proof), KM_OK);
	assert_int_equal(proof.order.cause, KM_CAUSE_TRANSFERRED);
	assert_memory_equal(proof.order.requester, scene_person("rei").subject, KM_SUBJECT_BYTES);
	assert_memory_equal(proof.order.approver, scene_person("aki").subject, KM_SUBJECT_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCENE(test_a_request_names_exactly_what_will_happen),
		IN_SCENE(test_an_operator_is_changed_by_two_who_are_both_named),
		IN_SCENE(test_a_transfer_is_due_on_its_day_once_two_have_agreed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
