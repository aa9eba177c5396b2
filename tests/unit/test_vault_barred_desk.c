/* What a listing says of numbers that were registered and may not be sent to any more. */
#include "phone_scene.h"

static uint32_t barred_of(const char *login)
{
	struct km_msg show = { .number = KM_MSG_OPERATOR_SHOW };
	int line = line_of("rei");
	struct km_msg m;

	snprintf(show.operator_show.login, sizeof show.operator_show.login, "%s", login);
	m = says(line, "rei", show);
	assert_int_equal(m.number, KM_MSG_OPERATOR_ROW);
	close(line);
	return m.operator_row.barred;
}

static void test_whose_number_is_not_sent_to_any_more_is_known_to_the_desk(void **state)
{
	(void)state;
	has_phone("hanako", KM_FACTOR_SMS, MOBILE);
	has_phone("hanako", KM_FACTOR_VOICE, LANDLINE);
	assert_int_equal(barred_of("hanako"), 0);
	snprintf(room.v->conf.phone.prefixes, sizeof room.v->conf.phone.prefixes, "+813");
	assert_int_equal(barred_of("hanako"), KM_FACTOR_BIT(KM_FACTOR_SMS));
	snprintf(room.v->conf.phone.barred, sizeof room.v->conf.phone.barred, "+8131");
	assert_int_equal(barred_of("hanako"),
			 KM_FACTOR_BIT(KM_FACTOR_SMS) | KM_FACTOR_BIT(KM_FACTOR_VOICE));
	assert_int_equal(barred_of("rei"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AT_THE_DESK(test_whose_number_is_not_sent_to_any_more_is_known_to_the_desk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
