/* Live sessions of people who were erased: logind and its bus are played here. */
#include "desk_scene.h"

#include <errno.h>
#include <sys/stat.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

static struct {
	uint32_t with_session[4]; /* uids, up to a 0 behind the first */
	size_t accounts;
	bool no_logind, no_bus;
	uint32_t refused; /* whose sessions stay */
	uint32_t ended[4];
	size_t count;
} logind;

int sd_uid_get_sessions(uid_t uid, int require_active, char ***sessions)
{
	assert_int_equal(require_active, 0);
	if (logind.no_logind)
		return -ENOENT;
	for (size_t i = 0; i < logind.accounts; i++) {
		if (logind.with_session[i] != uid)
			continue;
		*sessions = calloc(3, sizeof(**sessions));
		(*sessions)[0] = strdup("c1");
		(*sessions)[1] = strdup("42");
		return 2;
	}
	*sessions = NULL;
	return 0;
}

int sd_bus_open_system(sd_bus **bus)
{
	*bus = NULL;
	return logind.no_bus ? -ECONNREFUSED : 0;
}

sd_bus *sd_bus_unref(sd_bus *bus)
{
	return bus;
}

int sd_bus_call_method(sd_bus *bus, const char *destination, const char *path,
		       const char *interface, const char *member, sd_bus_error *error,
		       sd_bus_message **reply, const char *types, ...)
{
	va_list args;
	uint32_t uid;

	(void)bus;
	(void)error;
	assert_string_equal(destination, "org.freedesktop.login1");
	assert_string_equal(path, "/org/freedesktop/login1");
	assert_string_equal(interface, "org.freedesktop.login1.Manager");
	assert_string_equal(member, "TerminateUser");
	assert_null(reply);
	assert_string_equal(types, "u");
	va_start(args, types);
	uid = va_arg(args, uint32_t);
	va_end(args);
	if (uid == logind.refused)
		return -EACCES;
	logind.ended[logind.count++] = uid;
	return 0;
}

/* --- who left ------------------------------------------------------------------------------ */

static const struct msg_leaver_row three[] = {
	{ 0, 1750000000 }, { 1001, 1750000000 }, { 1002, 1750000100 }, { 0 }
};
static const struct msg_leaver_row twice[] = { { 1001, 1 }, { 1001, 1 }, { 0 } };

static struct play leaving(const struct msg_leaver_row *rows)
{
	memset(&logind, 0, sizeof(logind));
	logind.with_session[0] = 1001;
	logind.accounts = 1;
	return (struct play){ .leavers = rows };
}

static void test_those_who_have_a_session_are_listed(void **state)
{
	struct play p = leaving(three);
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("list")), 0);
	assert_says(s.out, "1001");
	assert_says(s.out, "c1 42");
	assert_null(strstr(s.out, "1002"));
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("list"), W("--json")), 0);
	assert_says(s.out, "{\"uid\":1001,\"since\":\"2025-06-15T");
	assert_says(s.out, "\"sessions\":\"c1 42\",\"ended\":false}]\n");
	end(&s);
	assert_int_equal(logind.count, 0);
}

static void test_where_there_is_no_logind_there_is_no_session(void **state)
{
	struct play p = leaving(three);
	struct scene s;

	(void)state;
	logind.no_logind = true;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("list")), 0);
	assert_says(s.err, "Nobody who was erased");
	end(&s);
}

static void test_they_are_ended_when_somebody_says_so(void **state)
{
	struct play p = leaving(three);
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("end"), W("--yes")), 0);
	assert_int_equal(logind.count, 1);
	assert_int_equal(logind.ended[0], 1001);
	end(&s);
	begin(&s, &p, "yes\n");
	assert_int_equal(KENMON(&s, W("sessions"), W("end")), 0);
	assert_int_equal(logind.count, 2);
	end(&s);
}

/* Listed and ended look alike otherwise, in the journal of the timer too. */
static void test_that_they_were_ended_is_said_and_they_are_listed_once(void **state)
{
	struct play p = leaving(three);
	const char *heading;
	struct scene s;

	(void)state;
	begin(&s, &p, "yes\n");
	assert_int_equal(KENMON(&s, W("sessions"), W("end")), 0);
	heading = strstr(s.out, "SESSIONS");
	assert_non_null(heading);
	assert_null(strstr(heading + 1, "SESSIONS"));
	assert_says(s.err, "These sessions were ended.");
	end(&s);
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("list")), 0);
	assert_null(strstr(s.err, "ended"));
	end(&s);
}

static void test_and_not_when_the_word_is_another(void **state)
{
	struct play p = leaving(three);
	struct scene s;

	(void)state;
	begin(&s, &p, "no\n");
	assert_int_equal(KENMON(&s, W("sessions"), W("end")), 1);
	assert_says(s.err, "no session was ended");
	assert_int_equal(logind.count, 0);
	end(&s);
}

static void test_the_sessions_of_root_are_never_ended(void **state)
{
	struct play p = leaving(three);
	struct scene s;

	(void)state;
	logind.with_session[1] = 0;
	logind.accounts = 2;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("end"), W("--yes"), W("--json")), 0);
	assert_int_equal(logind.count, 1);
	assert_int_equal(logind.ended[0], 1001);
	assert_says(s.err, "The sessions of root are not ended.");
	assert_says(s.out, "\"uid\":0,");
	end(&s);
}

static void test_one_that_stays_is_told_and_the_others_are_ended(void **state)
{
	struct play p = leaving(three);
	struct scene s;

	(void)state;
	logind.with_session[1] = 1002;
	logind.accounts = 2;
	logind.refused = 1001;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("end"), W("--yes")), 1);
	assert_says(s.err, "the sessions of uid 1001 were not ended");
	assert_int_equal(logind.count, 1);
	assert_int_equal(logind.ended[0], 1002);
	end(&s);
	logind.no_bus = true;
	begin(&s, &p, "");
	assert_int_equal(KENMON(&s, W("sessions"), W("end"), W("--yes")), 69);
	assert_says(s.err, "logind cannot be asked");
	end(&s);
}

static void test_the_timer_ends_them_only_where_the_site_wants_it(void **state)
{
	struct play p = leaving(three);
	char dir[] = "/tmp/kenmon-test-XXXXXX", path[64];
	struct scene s;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kenmon.conf", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	begin(&s, &p, "");
	assert_int_equal(
	    KENMON(&s, W("sessions"), W("end"), W("--as-configured"), W("--config"), path), 0);
	assert_says(s.out, "1001");
	assert_int_equal(logind.count, 0);
	end(&s);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("[erasure]\nend-sessions = yes\n", f);
	assert_int_equal(fclose(f), 0);
	begin(&s, &p, "");
	assert_int_equal(
	    KENMON(&s, W("sessions"), W("end"), W("--as-configured"), W("--config"), path), 0);
	assert_int_equal(logind.count, 1);
	end(&s);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("[erasure]\nend-sessions = perhaps\n", f);
	assert_int_equal(fclose(f), 0);
	begin(&s, &p, "");
	assert_int_not_equal(
	    KENMON(&s, W("sessions"), W("end"), W("--as-configured"), W("--config"), path), 0);
	assert_int_equal(logind.count, 1);
	end(&s);
	unlink(path);
	rmdir(dir);
}

static void test_rows_that_go_round_in_a_circle_are_refused(void **state)
{
	struct play p = leaving(twice);
	struct scene s;

	(void)state;
	begin(&s, &p, "");
	assert_int_not_equal(KENMON(&s, W("sessions"), W("end"), W("--yes")), 0);
	assert_int_equal(logind.count, 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_those_who_have_a_session_are_listed),
		cmocka_unit_test(test_where_there_is_no_logind_there_is_no_session),
		cmocka_unit_test(test_they_are_ended_when_somebody_says_so),
		cmocka_unit_test(test_that_they_were_ended_is_said_and_they_are_listed_once),
		cmocka_unit_test(test_and_not_when_the_word_is_another),
		cmocka_unit_test(test_the_sessions_of_root_are_never_ended),
		cmocka_unit_test(test_one_that_stays_is_told_and_the_others_are_ended),
		cmocka_unit_test(test_the_timer_ends_them_only_where_the_site_wants_it),
		cmocka_unit_test(test_rows_that_go_round_in_a_circle_are_refused),
	};

	return cmocka_run_group_tests(tests, scene_setup, NULL);
}
